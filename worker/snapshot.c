/*
 * SQL functions: request_snapshot and submit_snapshot. What they promise is in
 * their COMMENTs (sql/71_reconcile.sql). The snapshot is read once, to refuse what is not as it
 * must be, and stored as it came.
 */
#include "snapshot.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "fmgr.h"
#include "order_argument.h"
#include "place.h"
#include "query.h"
#include "query_row.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_submit_snapshot);
PG_FUNCTION_INFO_V1(qm_request_snapshot);

#define SNAPSHOT_BYTES_MAX (192 * 1024 * 1024) /* each of the three arrays */

enum
{
    ARG_ACCOUNT,
    ARG_SYMBOL,
    ARG_TASK,
    ARG_STARTED_AT,
    ARG_FINISHED_AT,
    ARG_OPEN_ORDERS,
    ARG_TRADES,
    ARG_BALANCES,
    ARG_COMPLETE
};

/* What was submitted, its arguments checked. */
typedef struct Submission
{
    char *account;
    char *symbol;
    int64 task_id;
    TimestampTz started_at;
    TimestampTz finished_at;
    Jsonb *arrays[3];
    bool complete;
} Submission;

static void read_arguments(FunctionCallInfo fcinfo, Submission *submission);
static TimestampTz read_time(FunctionCallInfo fcinfo, int arg, const char *name);
static Jsonb *read_array(FunctionCallInfo fcinfo, int arg, const char *name);
static void check_contents(const Submission *submission);
static int64 store(const Submission *submission);
static int64 stored_before(const Submission *submission, const char *state);
static void refuse_missing_task(const Submission *submission) qm_noreturn;

/*
 * qm_request_snapshot is quantmesh.request_snapshot. The watermark is taken with
 * the task: what is fetched afterwards shows what was committed by then.
 */
Datum
qm_request_snapshot(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.request_snapshot()";
    static QmQuery expire = {"UPDATE quantmesh.task SET state = 'expired', finished_at = pg_catalog.clock_timestamp() "
                             "WHERE account = $1 AND symbol = $2 AND kind = 'snapshot' AND finished_at IS NULL "
                             "AND state = 'taken' AND NOT owned_until BETWEEN pg_catalog.clock_timestamp() "
                             "AND pg_catalog.clock_timestamp() + interval '30 s'",
                             2,
                             {TEXTOID, TEXTOID}};
    static QmQuery take =
        {"INSERT INTO quantmesh.task AS t (account, task_id, kind, symbol, state, taken_at, owned_until, attempts, "
         "watermark, tag) SELECT m.account, $3, 'snapshot', m.symbol, 'taken', c.now, c.now + interval '30 s', 1, "
         "pg_catalog.pg_current_snapshot(), quantmesh.current_tag() FROM quantmesh.market AS m, "
         "(SELECT pg_catalog.clock_timestamp() AS now) AS c WHERE m.account = $1 AND m.symbol = $2 "
         "ON CONFLICT (account, symbol, kind, subject) WHERE finished_at IS NULL DO UPDATE SET state = 'taken', "
         "taken_at = excluded.taken_at, owned_until = excluded.owned_until, attempts = t.attempts + 1, "
         "watermark = excluded.watermark, tag = excluded.tag WHERE t.state = 'open' RETURNING task_id",
         3,
         {TEXTOID, TEXTOID, INT8OID}};
    static QmQuery known = {"SELECT FROM quantmesh.market WHERE account = $1 AND symbol = $2", 2, {TEXTOID, TEXTOID}};
    QmQueryScope scope;
    Datum values[3];
    char *account;
    char *symbol;
    int64 task_id = 0;

    qm_require_running(function);
    account = qm_arg_account(fcinfo, 0);
    symbol = qm_arg_symbol(fcinfo, 1);
    qm_place_prepare(function, account);
    values[0] = CStringGetTextDatum(account);
    values[1] = CStringGetTextDatum(symbol);
    qm_query_begin(&scope);
    if (qm_query_read_latest(&known, values, NULL) == 0)
        ereport(ERROR,
                (errcode(ERRCODE_NO_DATA_FOUND),
                 errmsg("market \"%s\" of account \"%s\" is not known", symbol, account),
                 errhint("Make it known with quantmesh.set_market().")));
    (void) qm_query_run(&expire, values, NULL);
    values[2] = Int64GetDatum(qm_fence_draw());
    if (qm_query_run(&take, values, NULL) > 0)
        task_id = qm_row_int64(0, 0);
    qm_query_end(&scope);
    if (task_id == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(task_id);
}

/* qm_submit_snapshot is quantmesh.submit_snapshot. */
Datum
qm_submit_snapshot(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.submit_snapshot()";
    Submission submission;
    QmQueryScope scope;
    int64 snapshot_id;

    qm_require_running(function);
    read_arguments(fcinfo, &submission);
    qm_place_prepare(function, submission.account);
    check_contents(&submission);
    qm_query_begin(&scope);
    snapshot_id = store(&submission);
    qm_query_end(&scope);
    PG_RETURN_INT64(snapshot_id);
}

/* read_arguments reads and checks all arguments but what the arrays contain. */
static void
read_arguments(FunctionCallInfo fcinfo, Submission *submission)
{
    submission->account = qm_arg_account(fcinfo, ARG_ACCOUNT);
    submission->symbol = qm_arg_symbol(fcinfo, ARG_SYMBOL);
    submission->task_id = qm_arg_positive(fcinfo, ARG_TASK, "task");
    submission->started_at = read_time(fcinfo, ARG_STARTED_AT, "started_at");
    submission->finished_at = read_time(fcinfo, ARG_FINISHED_AT, "finished_at");
    if (submission->finished_at < submission->started_at)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("finished_at must not be before started_at"),
                 errhint("Take both from one clock, before the first and after the last request.")));
    submission->arrays[0] = read_array(fcinfo, ARG_OPEN_ORDERS, "open_orders");
    submission->arrays[1] = read_array(fcinfo, ARG_TRADES, "trades");
    submission->arrays[2] = read_array(fcinfo, ARG_BALANCES, "balances");
    if (PG_ARGISNULL(ARG_COMPLETE))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("complete must not be null")));
    submission->complete = PG_GETARG_BOOL(ARG_COMPLETE);
}

/* read_time reads a time that must be given. */
static TimestampTz
read_time(FunctionCallInfo fcinfo, int arg, const char *name)
{
    if (PG_ARGISNULL(arg))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
    return qm_arg_time_or_null(fcinfo, arg, name);
}

/* read_array reads one of the arrays; nothing fetched is an empty array, not NULL. */
static Jsonb *
read_array(FunctionCallInfo fcinfo, int arg, const char *name)
{
    Jsonb *array;

    if (PG_ARGISNULL(arg))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("%s must not be null", name),
                 errhint("Pass an empty array for what the exchange does not have, and complete => false for what "
                         "could not be fetched.")));
    array = PG_GETARG_JSONB_P(arg);
    if (VARSIZE(array) > SNAPSHOT_BYTES_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("%s has %u bytes, the limit is %d", name, (unsigned) VARSIZE(array), SNAPSHOT_BYTES_MAX)));
    return array;
}

/* check_contents reads the arrays for their errors. */
static void
check_contents(const Submission *submission)
{
    MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "quantmesh snapshot", ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller_memory = MemoryContextSwitchTo(memory);
    QmSnapshot snapshot;

    qm_snapshot_read(submission->arrays[0], submission->arrays[1], submission->arrays[2], &snapshot);
    MemoryContextSwitchTo(caller_memory);
    MemoryContextDelete(memory);
}

/*
 * store ends the task and stores the snapshot under the task's watermark, and
 * returns its id; the same id when the task has been answered before.
 */
static int64
store(const Submission *submission)
{
    static QmQuery take = {"UPDATE quantmesh.task SET state = 'done', finished_at = pg_catalog.clock_timestamp() "
                           "WHERE account = $1 AND task_id = $2 AND symbol = $3 AND kind = 'snapshot' "
                           "AND state = 'taken' AND owned_until > pg_catalog.clock_timestamp() RETURNING 1",
                           3,
                           {TEXTOID, INT8OID, TEXTOID}};
    static QmQuery find = {"SELECT state FROM quantmesh.task WHERE account = $1 AND task_id = $2 AND symbol = $3 "
                           "AND kind = 'snapshot'",
                           3,
                           {TEXTOID, INT8OID, TEXTOID}};
    static QmQuery insert =
        {"INSERT INTO quantmesh.snapshot (account, snapshot_id, symbol, task_id, instance, asked_at, started_at, "
         "finished_at, complete, watermark, tag, open_orders, trades, balances) "
         "SELECT t.account, $4, t.symbol, t.task_id, t.instance, t.taken_at, $5, $6, $7, t.watermark, t.tag, $8, $9, "
         "$10 FROM quantmesh.task AS t WHERE t.account = $1 AND t.task_id = $2 AND t.symbol = $3",
         10,
         {TEXTOID, INT8OID, TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, JSONBOID, JSONBOID, JSONBOID}};
    int64 snapshot_id = qm_fence_draw();
    Datum values[] = {CStringGetTextDatum(submission->account),
                      Int64GetDatum(submission->task_id),
                      CStringGetTextDatum(submission->symbol),
                      Int64GetDatum(snapshot_id),
                      TimestampTzGetDatum(submission->started_at),
                      TimestampTzGetDatum(submission->finished_at),
                      BoolGetDatum(submission->complete),
                      PointerGetDatum(submission->arrays[0]),
                      PointerGetDatum(submission->arrays[1]),
                      PointerGetDatum(submission->arrays[2])};

    if (qm_query_run(&take, values, NULL) == 0)
    {
        if (qm_query_read_latest(&find, values, NULL) == 0)
            refuse_missing_task(submission);
        return stored_before(submission, qm_row_text(0, 0));
    }
    (void) qm_query_run(&insert, values, NULL);
    return snapshot_id;
}

/* stored_before returns the snapshot that has answered the task already; 55000 when none has, and none can any more. */
static int64
stored_before(const Submission *submission, const char *state)
{
    static QmQuery query = {"SELECT snapshot_id FROM quantmesh.snapshot "
                            "WHERE account = $1 AND symbol = $2 AND task_id = $3",
                            3,
                            {TEXTOID, TEXTOID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(submission->account),
                      CStringGetTextDatum(submission->symbol),
                      Int64GetDatum(submission->task_id)};

    if (qm_query_read_latest(&query, values, NULL) > 0)
        return qm_row_int64(0, 0);
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("task " INT64_FORMAT " of account \"%s\" is %s",
                    submission->task_id,
                    submission->account,
                    strcmp(state, "taken") == 0 ? "expired" : state),
             errdetail("What was fetched for it can no longer be compared: orders have moved on."),
             errhint("Fetch again for the next task that heartbeat or request_snapshot gives.")));
}

/* refuse_missing_task errors with P0002: the market has no such task. */
static void
refuse_missing_task(const Submission *submission)
{
    ereport(ERROR,
            (errcode(ERRCODE_NO_DATA_FOUND),
             errmsg("snapshot task " INT64_FORMAT " of market \"%s\" of account \"%s\" does not exist",
                    submission->task_id,
                    submission->symbol,
                    submission->account),
             errhint("heartbeat and request_snapshot give such tasks.")));
}
