/*
 * Stores: the factory.
 */
#include "store.h"

#include <string.h>
#include <strings.h>

#include "error.h"

/* qm_store_open makes a store of the type that the options name. */
QmCode
qm_store_open(const QmStoreOptions *options, QmStore **store, QmError *error)
{
    const char *type = options->type == NULL ? "sqlite" : options->type;

    *store = NULL;
    if (strcasecmp(type, "sqlite") == 0)
        return qm_store_open_sqlite(options, store, error);
    if (strcasecmp(type, "postgres") == 0)
        return qm_store_open_postgres(options, store, error);
    if (strcasecmp(type, "mysql") == 0 || strcasecmp(type, "etcd") == 0)
        return qm_error_set(error,
                            QM_ERROR_UNSUPPORTED,
                            "0A000",
                            "Use postgres to share accounts between instances, or sqlite for one instance.",
                            "there is no store of type \"%s\"",
                            type);
    return qm_error_set(error,
                        QM_ERROR_ARGUMENT,
                        "22023",
                        "The types are sqlite and postgres.",
                        "unknown type of store \"%.60s\"",
                        type);
}
