/*
 * Reconciliation: a market's newest snapshot against what we have of it.
 *
 * Everything runs under the market's lock reconcile:<account>:<symbol>. The
 * coordinator loads and judges in one short transaction, repairs in many, and
 * records in a last one, so that no row stays locked for long; reconcile(), called
 * by hand, does the same as a part of the caller's transaction. Judging itself is in
 * common/reconcile, and nothing is repaired without another look under the
 * order's lock.
 *
 * A market whose pass fails is recorded as failed, its snapshot is not tried
 * again, and the other markets go on.
 */
#include "reconcile_pass.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "compat.h"
#include "fence.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lock.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "place.h"
#include "query_row.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(qm_reconcile);

#define REPAIRS_PER_TRANSACTION 20
#define LOCK_PATIENCE_US (30 * QM_US_PER_S)
#define RECONCILE_COLUMNS 10

static const char function[] = "quantmesh.reconcile()";

static bool next_waiting(MemoryContext memory, const char *after, QmPass *pass, TimestampTz *received_at);
static void reconcile_market(QmPass *pass, TimestampTz received_at);
static void fail(const QmPass *pass, MemoryContext memory);
static void skip(const QmPass *pass);
static bool lock_market(const QmPass *pass, QmKey *key);
static void run(QmPass *pass);
static void judge(QmPass *pass);
static void repair(QmPass *pass);
static void begin(const QmPass *pass);
static void commit(const QmPass *pass);
static void put_finding(const QmPass *pass, int at, ReturnSetInfo *result);

/*
 * qm_reconcile_pass reconciles every market that has a new snapshot, in
 * transactions of its own. A market that somebody else reconciles is tried again in
 * the next turn, and passed over after half a minute.
 */
void
qm_reconcile_pass(void)
{
    MemoryContext caller_memory = CurrentMemoryContext;
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "quantmesh reconcile", ALLOCSET_DEFAULT_SIZES);
    char after[2 * QM_MARKET_NAME_MAX + 2] = "";
    TimestampTz received_at;

    for (;;)
    {
        QmPass pass = {.memory = memory, .alone = true};

        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(memory);
        if (!next_waiting(memory, after, &pass, &received_at))
            break;
        snprintf(after, sizeof(after), "%s:%s", pass.account, pass.symbol);
        PG_TRY();
        {
            reconcile_market(&pass, received_at);
        }
        PG_CATCH();
        {
            fail(&pass, memory);
        }
        PG_END_TRY();
    }
    MemoryContextSwitchTo(caller_memory);
    MemoryContextDelete(memory);
}

/* next_waiting finds the next market, in the order of their names, that has a new snapshot. */
static bool
next_waiting(MemoryContext memory, const char *after, QmPass *pass, TimestampTz *received_at)
{
    static QmQuery query = {"SELECT s.account, s.symbol, s.received_at FROM quantmesh.snapshot AS s "
                            "WHERE s.state = 'new' AND (s.account || ':' || s.symbol) COLLATE \"C\" > $1 "
                            "ORDER BY (s.account || ':' || s.symbol) COLLATE \"C\", s.snapshot_id LIMIT 1",
                            1,
                            {TEXTOID}};
    QmQueryScope scope;
    Datum values[1];
    bool found;

    begin(pass);
    qm_query_begin(&scope);
    values[0] = CStringGetTextDatum(after);
    found = qm_pass_query(pass, &query, values) > 0;
    if (found)
    {
        pass->account = qm_row_text(0, 0);
        pass->symbol = qm_row_text(0, 1);
        *received_at = qm_row_int64(0, 2);
    }
    qm_query_end(&scope);
    commit(pass);
    return found;
}

/* reconcile_market runs a pass under the market's lock, or leaves the market for later. */
static void
reconcile_market(QmPass *pass, TimestampTz received_at)
{
    QmKey key;
    bool locked;

    begin(pass);
    locked = lock_market(pass, &key);
    commit(pass);
    if (!locked)
    {
        if (GetCurrentTimestamp() - received_at > LOCK_PATIENCE_US)
            skip(pass);
        return;
    }
    run(pass);
    begin(pass);
    (void) qm_lock_release_session(&key);
    commit(pass);
}

/*
 * fail ends what an error has left open and records the failed pass, which logs
 * it, so that the same snapshot does not fail for ever. The session lock outlives the
 * transaction, and is given back here.
 */
static void
fail(const QmPass *pass, MemoryContext memory)
{
    ErrorData *error;
    QmQueryScope scope;
    QmKey key;

    MemoryContextSwitchTo(memory);
    error = CopyErrorData();
    FlushErrorState();
    HOLD_INTERRUPTS();
    AbortCurrentTransaction();
    RESUME_INTERRUPTS();
    if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_OBJECT_IN_USE)
        ReThrowError(error);
    begin(pass);
    qm_key_from_text(&key, cstring_to_text(psprintf("reconcile:%s:%s", pass->account, pass->symbol)));
    (void) qm_lock_release_session(&key);
    qm_query_begin(&scope);
    qm_pass_record_end(pass, QM_RUN_FAILED, psprintf("%s (%s)", error->message, unpack_sql_state(error->sqlerrcode)));
    qm_query_end(&scope);
    commit(pass);
}

/* skip records that somebody else has been reconciling the market for too long. */
static void
skip(const QmPass *pass)
{
    QmQueryScope scope;

    begin(pass);
    qm_query_begin(&scope);
    qm_pass_record_end(pass, QM_RUN_SKIPPED, "the market was locked by another reconciliation");
    qm_query_end(&scope);
    commit(pass);
}

/* lock_market takes the market's lock for the session, without waiting. The coordinator is trusted to give it back: no TTL. */
static bool
lock_market(const QmPass *pass, QmKey *key)
{
    QmLockRequest request = {.function = function,
                             .mode = pass->alone ? QM_MODE_SESSION : QM_MODE_XACT,
                             .nkeys = 1,
                             .keys = key,
                             .ttl_us = pass->alone ? 0 : QM_TTL_DEFAULT,
                             .timeout_us = QM_NEVER_US};

    qm_key_from_text(key, cstring_to_text(psprintf("reconcile:%s:%s", pass->account, pass->symbol)));
    qm_lock_prepare(&request);
    return qm_lock_acquire(&request) != QM_NO_FENCE;
}

/* run does a pass from the newest snapshot to the recorded run. */
static void
run(QmPass *pass)
{
    QmQueryScope scope;

    begin(pass);
    qm_place_prepare(function, pass->account);
    pass->run_id = qm_fence_draw();
    pass->started_at = GetCurrentTimestamp();
    qm_query_begin(&scope);
    MemoryContextSwitchTo(pass->memory);
    if (qm_pass_find_snapshot(pass))
        judge(pass);
    qm_query_end(&scope);
    commit(pass);
    if (pass->snapshot_id == 0)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("market \"%s\" of account \"%s\" has no snapshot", pass->symbol, pass->account),
                 errhint("request_snapshot and submit_snapshot bring one.")));
    if (pass->dry_run)
        return;

    repair(pass);
    begin(pass);
    qm_place_prepare(function, pass->account);
    qm_query_begin(&scope);
    qm_pass_record(pass);
    qm_query_end(&scope);
    commit(pass);
}

/* judge loads what is compared and lets the classifier judge it, in the memory of the pass. */
static void
judge(QmPass *pass)
{
    QmComparison *comparison = &pass->comparison;

    if (!comparison->complete)
        pass->discarded = "the instance could not fetch everything";
    else if (pass->task_id < pass->last_task_id)
        pass->discarded = "a snapshot that was asked for later has been reconciled";
    comparison->complete = pass->discarded == NULL;
    if (comparison->complete)
    {
        qm_pass_load(pass);
        qm_pass_load_balances(pass);
    }
    MemoryContextSwitchTo(pass->memory);
    pass->findings = palloc_extended(sizeof(QmFinding) * qm_reconcile_room(comparison), MCXT_ALLOC_HUGE);
    qm_reconcile_judge(comparison,
                       palloc_extended(qm_reconcile_scratch_size(comparison), MCXT_ALLOC_HUGE),
                       pass->findings,
                       &pass->verdict);
    pass->fates = palloc0(sizeof(QmFate) * (pass->verdict.nfindings + 1));
    if (pass->discarded == NULL && pass->verdict.nfindings > 0 &&
        pass->findings[0].code == QM_FINDING_SNAPSHOT_INCOMPLETE)
        pass->discarded = "it is empty, although we have open orders";
}

/* repair applies what the policy allows, a few findings to a transaction. */
static void
repair(QmPass *pass)
{
    size_t next = 0;

    while (next < pass->verdict.nfindings)
    {
        QmQueryScope scope;
        int done = 0;

        CHECK_FOR_INTERRUPTS();
        begin(pass);
        qm_place_prepare(function, pass->account);
        qm_query_begin(&scope);
        for (; next < pass->verdict.nfindings && done < REPAIRS_PER_TRANSACTION; next++)
        {
            if (pass->policy < pass->findings[next].needs)
                continue;
            pass->fates[next] = qm_pass_repair(pass, &pass->findings[next]);
            done++;
        }
        qm_query_end(&scope);
        commit(pass);
    }
}

/*
 * begin starts a transaction of the coordinator's; a caller's is under way
 * already. Errors with 55006 when somebody is dropping the extension.
 */
static void
begin(const QmPass *pass)
{
    if (pass->alone && !qm_worker_begin(pass->symbol == NULL ? "looking for snapshots" : pass->symbol))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("extension quantmesh is being altered or dropped")));
}

/* commit ends it. */
static void
commit(const QmPass *pass)
{
    if (!pass->alone)
        return;
    qm_worker_commit();
    MemoryContextSwitchTo(pass->memory);
}

/* qm_reconcile is quantmesh.reconcile: a pass as a part of the caller's transaction, its findings as rows. */
Datum
qm_reconcile(PG_FUNCTION_ARGS)
{
    QmPass pass = {.memory = CurrentMemoryContext};
    QmKey key;

    qm_require_running(function);
    pass.account = qm_arg_account(fcinfo, 0);
    pass.symbol = qm_arg_symbol(fcinfo, 1);
    if (PG_ARGISNULL(2))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("dry_run must not be null")));
    pass.dry_run = PG_GETARG_BOOL(2);
    InitMaterializedSRF(fcinfo, 0);
    if (!lock_market(&pass, &key))
        ereport(ERROR,
                (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                 errmsg("market \"%s\" of account \"%s\" is being reconciled", pass.symbol, pass.account),
                 errhint("Try again in a moment; quantmesh.reconcile_runs shows what came of it.")));
    pass.memory = CurrentMemoryContext;
    run(&pass);
    for (size_t i = 0; i < pass.verdict.nfindings; i++)
        put_finding(&pass, (int) i, (ReturnSetInfo *) fcinfo->resultinfo);
    return (Datum) 0;
}

/* put_finding adds a finding to the result. */
static void
put_finding(const QmPass *pass, int at, ReturnSetInfo *result)
{
    const QmFinding *finding = &pass->findings[at];
    bool allowed = pass->policy >= finding->needs;
    Jsonb *local = qm_finding_local(pass, finding);
    Jsonb *remote = qm_finding_remote(pass, finding);
    int64 order_id = qm_finding_order(pass, finding);
    Datum values[RECONCILE_COLUMNS] = {
        CStringGetTextDatum(qm_finding_name(finding->code)),
        CStringGetTextDatum(qm_finding_subject(pass, finding)),
        Int64GetDatum(order_id),
        CStringGetTextDatum(qm_repair_name(finding->repair)),
        BoolGetDatum(allowed),
        CStringGetTextDatum(qm_fate_name(pass->fates[at])),
        PointerGetDatum(local),
        PointerGetDatum(remote),
        Int64GetDatum(pass->run_id),
        Int64GetDatum(pass->snapshot_id),
    };
    bool nulls[RECONCILE_COLUMNS] = {0};

    nulls[2] = order_id == 0;
    nulls[5] = pass->dry_run;
    nulls[6] = local == NULL;
    nulls[7] = remote == NULL;
    nulls[8] = pass->dry_run;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
