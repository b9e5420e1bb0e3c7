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
 * A finding whose repair fails is left, and the run says why. A market whose pass
 * fails as a whole is recorded as failed, its snapshot is not tried again, and the
 * other markets go on.
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
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker.h"

PG_FUNCTION_INFO_V1(qm_reconcile);

#define REPAIRS_PER_TRANSACTION 20
#define LOCK_PATIENCE_US (30 * QM_US_PER_S)
#define ROW_PATIENCE "500ms" /* an instance may die meanwhile, which is to be noticed within a second */
#define RECONCILE_COLUMNS 10

static const char function[] = "quantmesh.reconcile()";

static bool next_waiting(MemoryContext memory, const char *after, QmPass *pass, TimestampTz *received_at);
static void reconcile_market(QmPass *pass, TimestampTz received_at);
static void fail(const QmPass *pass, MemoryContext memory);
static ErrorData *end_failed(MemoryContext memory);
static void skip(const QmPass *pass);
static bool lock_market(const QmPass *pass);
static void unlock_market(const QmPass *pass);
static void run(QmPass *pass);
static void judge(QmPass *pass);
static void repair(QmPass *pass);
static bool is_allowed(const QmPass *pass, size_t at);
static void repair_alone(QmPass *pass, size_t at);
static ErrorData *try_to_repair(QmPass *pass, size_t first, size_t end);
static void repair_some(QmPass *pass, size_t first, size_t end);
static void set_locally(const char *name, const char *value);
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
        qm_worker_let_urgent_in();
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
    bool locked;

    begin(pass);
    locked = lock_market(pass);
    commit(pass);
    if (!locked)
    {
        if (GetCurrentTimestamp() - received_at > LOCK_PATIENCE_US)
            skip(pass);
        return;
    }
    run(pass);
    begin(pass);
    unlock_market(pass);
    commit(pass);
}

/*
 * fail ends what an error has left open, gives the market's lock back, and records the failed
 * pass, which logs it, so that the same snapshot does not fail for ever. What ends the
 * whole step is thrown on.
 */
static void
fail(const QmPass *pass, MemoryContext memory)
{
    ErrorData *error = end_failed(memory);
    QmQueryScope scope;

    /* Without a look at the extension, which may be just what has failed. */
    StartTransactionCommand();
    MemoryContextSwitchTo(memory);
    unlock_market(pass);
    CommitTransactionCommand();
    MemoryContextSwitchTo(memory);
    if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_OBJECT_IN_USE)
        ReThrowError(error);
    begin(pass);
    qm_query_begin(&scope);
    qm_pass_record_end(pass, QM_RUN_FAILED, psprintf("%s (%s)", error->message, unpack_sql_state(error->sqlerrcode)));
    qm_query_end(&scope);
    commit(pass);
}

/* end_failed ends the transaction that an error was thrown in, and returns the error in that memory. */
static ErrorData *
end_failed(MemoryContext memory)
{
    ErrorData *error;

    MemoryContextSwitchTo(memory);
    error = CopyErrorData();
    FlushErrorState();
    HOLD_INTERRUPTS();
    AbortCurrentTransaction();
    RESUME_INTERRUPTS();
    MemoryContextSwitchTo(memory);
    return error;
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
lock_market(const QmPass *pass)
{
    QmKey key;
    QmLockRequest request = {.function = function,
                             .mode = pass->alone ? QM_MODE_SESSION : QM_MODE_XACT,
                             .nkeys = 1,
                             .keys = &key,
                             .ttl_us = pass->alone ? 0 : QM_TTL_DEFAULT,
                             .timeout_us = QM_NEVER_US};

    qm_key_from_text(&key, cstring_to_text(psprintf("reconcile:%s:%s", pass->account, pass->symbol)));
    qm_lock_prepare(&request);
    return qm_lock_acquire(&request) != QM_NO_FENCE;
}

/* unlock_market gives the session's lock back, which outlives transactions; nothing happens where it is not held. */
static void
unlock_market(const QmPass *pass)
{
    QmKey key;

    qm_key_from_text(&key, cstring_to_text(psprintf("reconcile:%s:%s", pass->account, pass->symbol)));
    (void) qm_lock_release_session(&key);
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

/*
 * repair applies what the policy allows, a few findings to a transaction. Where one
 * of them fails in the coordinator, they are repaired one by one, so that only that
 * one is left.
 */
static void
repair(QmPass *pass)
{
    size_t next = 0;

    while (next < pass->verdict.nfindings)
    {
        size_t first = next;
        int allowed = 0;

        CHECK_FOR_INTERRUPTS();
        for (; next < pass->verdict.nfindings && allowed < REPAIRS_PER_TRANSACTION; next++)
            allowed += is_allowed(pass, next);
        if (allowed == 0)
            continue;
        if (!pass->alone)
            repair_some(pass, first, next);
        else
        {
            qm_worker_let_urgent_in();
            if (try_to_repair(pass, first, next) != NULL)
            {
                for (size_t at = first; at < next; at++)
                    repair_alone(pass, at);
            }
        }
    }
}

/* is_allowed says whether the market's policy lets the finding be repaired. */
static bool
is_allowed(const QmPass *pass, size_t at)
{
    return pass->policy >= pass->findings[at].needs;
}

/* repair_alone repairs one finding and notes when that fails. An order that somebody works on is as good as changed. */
static void
repair_alone(QmPass *pass, size_t at)
{
    ErrorData *error;

    qm_worker_let_urgent_in();
    error = is_allowed(pass, at) ? try_to_repair(pass, at, at + 1) : NULL;
    if (error == NULL)
        return;
    if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || error->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED)
    {
        pass->fates[at] = QM_FATE_OVERTAKEN;
        return;
    }
    pass->fates[at] = QM_FATE_FAILED;
    if (pass->failure == NULL)
        pass->failure = psprintf("%s of %s could not be repaired: %s (%s)",
                                 qm_finding_name(pass->findings[at].code),
                                 qm_finding_subject(pass, &pass->findings[at]),
                                 error->message,
                                 unpack_sql_state(error->sqlerrcode));
}

/*
 * try_to_repair returns the error that has undone the repairs, in the memory of
 * the pass; NULL for none. What is not about these orders is thrown on.
 */
static ErrorData *
try_to_repair(QmPass *pass, size_t first, size_t end)
{
    ErrorData *volatile error = NULL;

    PG_TRY();
    {
        repair_some(pass, first, end);
    }
    PG_CATCH();
    {
        int category;

        error = end_failed(pass->memory);
        category = ERRCODE_TO_CATEGORY(error->sqlerrcode);
        if (category == ERRCODE_INSUFFICIENT_RESOURCES || category == ERRCODE_OPERATOR_INTERVENTION ||
            category == ERRCODE_SYSTEM_ERROR || error->sqlerrcode == ERRCODE_OBJECT_IN_USE)
            ReThrowError(error);
    }
    PG_END_TRY();
    return error;
}

/*
 * repair_some repairs findings in one transaction. The coordinator waits for a
 * row only shortly, since the other markets and instances wait for it; and it is trusted to
 * give levels' locks back, whatever it waits for.
 */
static void
repair_some(QmPass *pass, size_t first, size_t end)
{
    QmQueryScope scope;

    begin(pass);
    if (pass->alone)
    {
        set_locally("lock_timeout", ROW_PATIENCE);
        set_locally("quantmesh.default_ttl_order", "0");
    }
    qm_place_prepare(function, pass->account);
    qm_query_begin(&scope);
    for (size_t at = first; at < end; at++)
    {
        if (is_allowed(pass, at))
            pass->fates[at] = qm_pass_repair(pass, &pass->findings[at]);
    }
    qm_query_end(&scope);
    commit(pass);
}

/* set_locally sets a variable until the transaction ends. */
static void
set_locally(const char *name, const char *value)
{
    (void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
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

    qm_require_running(function);
    pass.account = qm_arg_account(fcinfo, 0);
    pass.symbol = qm_arg_symbol(fcinfo, 1);
    if (PG_ARGISNULL(2))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("dry_run must not be null")));
    pass.dry_run = PG_GETARG_BOOL(2);
    InitMaterializedSRF(fcinfo, 0);
    if (!lock_market(&pass))
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
    bool allowed = is_allowed(pass, (size_t) at);
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
