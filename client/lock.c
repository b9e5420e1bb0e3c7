/*
 * Locks: the factory. The names are those of the configuration.
 */
#include "lock.h"

#include <string.h>

#include "error.h"

typedef QmCode (*OpenFunction)(const QmLocksOptions *options, QmLocks **locks, QmError *error);

/* nop_open opens the back end that never fails. */
static QmCode
nop_open(const QmLocksOptions *options, QmLocks **locks, QmError *error)
{
    (void) options;
    (void) error;
    *locks = qm_lock_nop();
    return QM_OK;
}

/* A type of the configuration; what has no function names what to use instead. */
static const struct
{
    const char *type;
    OpenFunction open;
} types[] = {
    {"redis", qm_lock_redis_open},
    {"postgres", qm_lock_postgres_open},
    {"database", qm_lock_postgres_open},
    {"nop", nop_open},
    {"etcd", NULL},
    {"mysql", NULL},
};

/* also_open opens two back ends at once; postgres beside redis is the only pair that a migration needs. */
static QmCode
also_open(const QmLocksOptions *options, const char *type, QmLocks **locks, QmError *error)
{
    if (strcmp(type, "redis") != 0 ||
        (strcmp(options->also, "postgres") != 0 && strcmp(options->also, "database") != 0))
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            "Use type redis with also postgres.",
                            "locks of type \"%s\" cannot be taken beside \"%s\"",
                            type,
                            options->also);
    return qm_lock_both_open(options, locks, error);
}

/* qm_locks_open makes a handle of the type that the options name. */
QmCode
qm_locks_open(const QmLocksOptions *options, QmLocks **locks, QmError *error)
{
    const char *type = options->type == NULL ? "redis" : options->type;

    *locks = NULL;
    if (error != NULL)
        qm_error_clear(error);
    if (!options->enabled)
        return nop_open(options, locks, error);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    {
        if (strcmp(types[i].type, type) != 0)
            continue;
        if (types[i].open == NULL)
            return qm_error_set(error,
                                QM_ERROR_UNSUPPORTED,
                                "0A000",
                                "Use type postgres, or redis beside instances of the earlier system.",
                                "there are no locks of type \"%s\"",
                                type);
        if (options->also != NULL && options->also[0] != '\0')
            return also_open(options, type, locks, error);
        return types[i].open(options, locks, error);
    }
    return qm_error_set(error,
                        QM_ERROR_ARGUMENT,
                        "22023",
                        "Use redis, postgres, database or nop.",
                        "\"%s\" is no type of locks",
                        type);
}
