/*
 * Configuration variables of background workers. All are the configuration
 * file's: workers belong to the server, not to a session.
 */
#include "worker_settings.h"

#include <limits.h>

#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/varlena.h"

int qm_worker_naptime_ms = QM_WORKER_NAPTIME_DEFAULT_MS;

#define HOUR_S 3600
#define DAY_S (24 * HOUR_S)

static char *databases = NULL;

int qm_keep_s[QM_KEPT];

static const struct
{
    const char *setting; /* quantmesh.keep_ and the name of the job */
    const char *description;
    const char *more;
    int default_s;
} kept[QM_KEPT] = {
    [QM_KEEP_ORDERS] =
        {"quantmesh.keep_orders",
         "How long after its last change an order that has ended stays in quantmesh.orders.",
         "Then it is moved to quantmesh.order_archive, and its request_id is no longer known. 0 means for ever.",
         30 * DAY_S},
    [QM_KEEP_ORDER_EVENTS] = {"quantmesh.keep_order_events",
                              "How long after its last change an archived order keeps its events.",
                              NULL,
                              90 * DAY_S},
    [QM_KEEP_FILLS] = {"quantmesh.keep_fills",
                       "How long fills of archived orders are kept in the ledger.",
                       "Reports of trades up to the last pruned one are ignored. 0 means for ever.",
                       0},
    [QM_KEEP_RECONCILE_RUNS] = {"quantmesh.keep_reconcile_runs",
                                "How long reconciliation runs are kept.",
                                NULL,
                                30 * DAY_S},
    [QM_KEEP_DISCREPANCIES] = {"quantmesh.keep_discrepancies",
                               "How long discrepancies are kept after they were resolved.",
                               NULL,
                               90 * DAY_S},
    [QM_KEEP_TASKS] = {"quantmesh.keep_tasks", "How long finished tasks are kept.", NULL, 7 * DAY_S},
    [QM_KEEP_SNAPSHOTS] = {"quantmesh.keep_snapshots",
                           "How long snapshots are kept that have been compared.",
                           "The last three of each market are kept anyway. 0 means for ever.",
                           HOUR_S},
    [QM_KEEP_ASSIGNMENTS] = {"quantmesh.keep_assignments",
                             "How long assignments are kept that have ended.",
                             NULL,
                             90 * DAY_S},
    [QM_KEEP_FORCE_UNLOCK_LOG] = {"quantmesh.keep_force_unlock_log",
                                  "How long it is kept which locks were taken away.",
                                  NULL,
                                  0},
    [QM_KEEP_OPERATOR_ACTIONS] = {"quantmesh.keep_operator_actions",
                                  "How long it is kept what operators did.",
                                  NULL,
                                  0},
};

static void define_kept(void);
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
    define_kept();
}

/* define_kept registers how long rows are kept. */
static void
define_kept(void)
{
    for (int i = 0; i < QM_KEPT; i++)
    {
        DefineCustomIntVariable(kept[i].setting,
                                kept[i].description,
                                kept[i].more != NULL ? kept[i].more : "0 means for ever.",
                                &qm_keep_s[i],
                                kept[i].default_s,
                                0,
                                INT_MAX,
                                PGC_SIGHUP,
                                GUC_UNIT_S,
                                NULL,
                                NULL,
                                NULL);
    }
}

/* qm_kept_name returns the name of the job of housekeeping. */
const char *
qm_kept_name(QmKept which)
{
    return kept[which].setting + strlen("quantmesh.keep_");
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
