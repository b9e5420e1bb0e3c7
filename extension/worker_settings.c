/*
 * Configuration variables of background workers. All are the configuration
 * file's: workers belong to the server, not to a session.
 */
#include "worker_settings.h"

#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

int qm_worker_naptime_ms = QM_WORKER_NAPTIME_DEFAULT_MS;

static char *databases = NULL;

static bool check_databases(char **value, void **extra, GucSource source);
static bool parse(const char *text, QmDatabaseList *list);

/* qm_worker_settings_define registers the variables. */
void
qm_worker_settings_define(void)
{
    DefineCustomStringVariable("quantmesh.databases",
                               "Databases in which a coordinator works.",
                               "It watches instances, reconciles, and prunes what is old. Names with capital letters "
                               "stand in double quotes.",
                               &databases,
                               "postgres",
                               PGC_SIGHUP,
                               GUC_LIST_INPUT,
                               check_databases,
                               NULL,
                               NULL);
    DefineCustomIntVariable("quantmesh.worker_naptime",
                            "How long a coordinator sleeps between two passes.",
                            "It wakes earlier when the lease of an instance ends.",
                            &qm_worker_naptime_ms,
                            QM_WORKER_NAPTIME_DEFAULT_MS,
                            QM_WORKER_NAPTIME_MIN_MS,
                            QM_WORKER_NAPTIME_MAX_MS,
                            PGC_SIGHUP,
                            GUC_UNIT_MS,
                            NULL,
                            NULL,
                            NULL);
}

/* qm_databases_read returns the names in quantmesh.databases, each once. */
void
qm_databases_read(QmDatabaseList *list)
{
    if (!parse(databases, list))
        elog(ERROR, "quantmesh.databases \"%s\" was accepted, and is no list", databases);
}

/* check_databases refuses what is no list of names, and more names than there is room for. */
static bool
check_databases(char **value, void **extra, GucSource source)
{
    QmDatabaseList list;

    return parse(*value, &list);
}

/* parse reads a list of names; false, with a detail for the message about the variable, when it is none. */
static bool
parse(const char *text, QmDatabaseList *list)
{
    char *copy = pstrdup(text);
    List *names;
    ListCell *cell;

    memset(list, 0, sizeof(*list));
    if (!SplitIdentifierString(copy, ',', &names))
    {
        GUC_check_errdetail("It must be a list of database names, separated by commas.");
        return false;
    }
    foreach (cell, names)
    {
        const char *name = lfirst(cell);
        bool seen = false;

        for (int i = 0; i < list->count; i++)
            seen = seen || strcmp(NameStr(list->names[i]), name) == 0;
        if (seen)
            continue;
        if (list->count == QM_DATABASES_MAX)
        {
            GUC_check_errdetail("It names more than %d databases.", QM_DATABASES_MAX);
            return false;
        }
        namestrcpy(&list->names[list->count++], name);
    }
    list_free(names);
    pfree(copy);
    return true;
}
