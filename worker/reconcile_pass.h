/*
 * One pass: a market's snapshot against what we have of it. Shared by the files
 * reconcile*.c alone.
 */
#ifndef QM_RECONCILE_PASS_H
#define QM_RECONCILE_PASS_H

#include "postgres.h"

#include "order_row.h"
#include "query.h"
#include "reconcile.h"
#include "reconcile_metric.h"
#include "snapshot.h"

/* What became of a finding. */
typedef enum QmFate
{
    QM_FATE_RECORDED,  /* the policy does not repair it, or nothing can */
    QM_FATE_REPAIRED,  /* done */
    QM_FATE_ASKED,     /* a task for an instance */
    QM_FATE_OVERTAKEN, /* the order has changed since it was judged, or is about to: the next pass judges anew */
    QM_FATE_FAILED,    /* its repair met an error */
    QM_FATES
} QmFate;

/* A market with what reconciliation is told of it, and the snapshot to compare. */
typedef struct QmPass
{
    char *account;
    char *symbol;
    QmPolicy policy;
    bool dry_run;
    MemoryContext memory; /* of all that the pass points to */
    bool alone;           /* the coordinator's: short transactions of our own; else all is part of the caller's */
    int64 run_id;
    TimestampTz started_at;

    int64 snapshot_id;
    int64 task_id;
    int64 last_task_id; /* of the last snapshot that was reconciled; 0: none */
    TimestampTz asked_at;
    TimestampTz settled_before; /* orders that changed later are still moving */
    Datum watermark;
    char *tag;
    QmSnapshot snapshot;

    QmComparison comparison;
    TimestampTz *updated_at; /* of the locals, when they were judged */
    QmFinding *findings;
    QmFate *fates;
    QmVerdict verdict;
    const char *discarded; /* why the snapshot was not used; NULL: it was */
    const char *failure;   /* the first repair that failed, and why; NULL: none has */
} QmPass;

/* reconcile_load.c: all are called inside a scope of query.h. */
extern bool qm_pass_find_snapshot(QmPass *pass);
extern void qm_pass_load(QmPass *pass);
extern QmUnits qm_units(Numeric value);
extern uint64 qm_pass_query(const QmPass *pass, QmQuery *query, const Datum *values);

/* reconcile_balance.c */
extern void qm_pass_load_balances(QmPass *pass);

/* reconcile_repair.c: applies one finding in the transaction that is under way. */
extern QmFate qm_pass_repair(const QmPass *pass, const QmFinding *finding);
extern bool qm_pass_leaves_trades(const QmPass *pass);

/* reconcile_record.c */
extern char *qm_finding_subject(const QmPass *pass, const QmFinding *finding);
extern int64 qm_finding_order(const QmPass *pass, const QmFinding *finding);
extern Jsonb *qm_finding_local(const QmPass *pass, const QmFinding *finding);
extern Jsonb *qm_finding_remote(const QmPass *pass, const QmFinding *finding);
extern void qm_pass_record(QmPass *pass);
extern void qm_pass_record_end(const QmPass *pass, QmRunStatus status, const char *message);
extern const char *qm_fate_name(QmFate fate);

#endif
