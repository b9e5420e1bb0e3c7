/*
 * Configuration variables of background workers, with their limits.
 */
#ifndef QM_WORKER_SETTINGS_H
#define QM_WORKER_SETTINGS_H

#include "postgres.h"

#define QM_DATABASES_MAX 32 /* with a coordinator */

#define QM_WORKER_NAPTIME_DEFAULT_MS 1000
#define QM_WORKER_NAPTIME_MIN_MS 10
#define QM_WORKER_NAPTIME_MAX_MS 60000

/* How long rows are kept, in seconds; 0: for ever. In the order in which housekeeping does them. */
typedef enum QmKept
{
    QM_KEEP_ORDERS,
    QM_KEEP_ORDER_EVENTS,
    QM_KEEP_FILLS,
    QM_KEEP_RECONCILE_RUNS,
    QM_KEEP_DISCREPANCIES,
    QM_KEEP_TASKS,
    QM_KEEP_SNAPSHOTS,
    QM_KEEP_ASSIGNMENTS,
    QM_KEEP_FORCE_UNLOCK_LOG,
    QM_KEEP_OPERATOR_ACTIONS,
    QM_KEPT
} QmKept;

typedef struct QmDatabaseList
{
    int count;
    NameData names[QM_DATABASES_MAX];
} QmDatabaseList;

extern int qm_worker_naptime_ms;
extern int qm_keep_s[QM_KEPT];

extern void qm_worker_settings_define(void);
extern const char *qm_kept_name(QmKept kept);
extern void qm_databases_read(QmDatabaseList *list);

#endif
