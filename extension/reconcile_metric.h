/*
 * Reconciliation metrics: passes and findings per market.
 */
#ifndef QM_RECONCILE_METRIC_H
#define QM_RECONCILE_METRIC_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "reconcile.h"

/* How a pass ended; the words of reconcile_run.status. */
typedef enum QmRunStatus
{
    QM_RUN_CLEAN,
    QM_RUN_FINDINGS,
    QM_RUN_DEFERRED,
    QM_RUN_DISCARDED,
    QM_RUN_SKIPPED,
    QM_RUN_FAILED,
    QM_RUN_STATUSES
} QmRunStatus;

extern Size qm_reconcile_metric_shmem_size(void);
extern void qm_reconcile_metric_shmem_init(void);

/* market: qm_market_number. Counted at once: what a pass has found was there, whatever becomes of the transaction. */
extern void qm_reconcile_count_run(int market, QmRunStatus status, int64 duration_us);
extern void qm_reconcile_count_finding(int market, QmFindingCode code, bool repaired);
extern void qm_reconcile_metric_reset(void);

extern const char *qm_run_status_name(QmRunStatus status);
extern void qm_reconcile_prometheus(StringInfo out);

#endif
