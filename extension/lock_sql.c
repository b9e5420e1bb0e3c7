/*
 * SQL functions: transaction and session locks. What they promise is in their
 * COMMENTs (sql/20_locks.sql).
 */
#include "postgres.h"

#include "argument.h"
#include "clock.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lock.h"
#include "nodes/parsenodes.h"
#include "rights.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_try_xact_lock);
PG_FUNCTION_INFO_V1(qm_xact_lock);
PG_FUNCTION_INFO_V1(qm_try_xact_lock_many);
PG_FUNCTION_INFO_V1(qm_xact_lock_many);
PG_FUNCTION_INFO_V1(qm_try_lock);
PG_FUNCTION_INFO_V1(qm_lock);
PG_FUNCTION_INFO_V1(qm_acquire);
PG_FUNCTION_INFO_V1(qm_unlock);
PG_FUNCTION_INFO_V1(qm_extend);
PG_FUNCTION_INFO_V1(qm_is_locked);
PG_FUNCTION_INFO_V1(qm_lock_holder_sql);

static Datum lock_one(FunctionCallInfo fcinfo, const char *function, QmLockMode mode, bool wait);
static Datum lock_many(FunctionCallInfo fcinfo, const char *function, bool wait);
static Datum fence_or_null(FunctionCallInfo fcinfo, int64 fence);
static void leave_snapshot(FunctionCallInfo fcinfo);

/* fence_or_null returns the fence to SQL. */
static Datum
fence_or_null(FunctionCallInfo fcinfo, int64 fence)
{
    if (fence == QM_NO_FENCE)
        PG_RETURN_NULL();
    PG_RETURN_INT64(fence);
}

/* lock_one acquires one key: arguments key, ttl and, if it waits, timeout. */
static Datum
lock_one(FunctionCallInfo fcinfo, const char *function, QmLockMode mode, bool wait)
{
    QmKey key;
    QmLockRequest request =
        {.function = function, .mode = mode, .wait = wait, .nkeys = 1, .keys = &key, .timeout_us = QM_NEVER_US};

    qm_require_running(function);
    qm_arg_key(fcinfo, 0, &key);
    request.ttl_us = qm_arg_interval_us(fcinfo, 1, "ttl", QM_TTL_DEFAULT);
    if (wait)
        request.timeout_us = qm_arg_interval_us(fcinfo, 2, "timeout", QM_NEVER_US);
    qm_lock_prepare(&request);
    return fence_or_null(fcinfo, qm_lock_acquire(&request));
}

/* lock_many acquires several keys for the transaction, under one fence. */
static Datum
lock_many(FunctionCallInfo fcinfo, const char *function, bool wait)
{
    QmLockRequest request = {.function = function,
                             .mode = QM_MODE_XACT,
                             .many = true,
                             .wait = wait,
                             .timeout_us = QM_NEVER_US};

    qm_require_running(function);
    request.keys = qm_arg_keys(fcinfo, 0, &request.nkeys);
    request.ttl_us = qm_arg_interval_us(fcinfo, 1, "ttl", QM_TTL_DEFAULT);
    if (wait)
        request.timeout_us = qm_arg_interval_us(fcinfo, 2, "timeout", QM_NEVER_US);
    qm_lock_prepare(&request);
    return fence_or_null(fcinfo, qm_lock_acquire(&request));
}

/* qm_try_xact_lock is quantmesh.try_xact_lock. */
Datum
qm_try_xact_lock(PG_FUNCTION_ARGS)
{
    return lock_one(fcinfo, "quantmesh.try_xact_lock()", QM_MODE_XACT, false);
}

/* qm_xact_lock is quantmesh.xact_lock. */
Datum
qm_xact_lock(PG_FUNCTION_ARGS)
{
    return lock_one(fcinfo, "quantmesh.xact_lock()", QM_MODE_XACT, true);
}

/* qm_try_xact_lock_many is quantmesh.try_xact_lock_many. */
Datum
qm_try_xact_lock_many(PG_FUNCTION_ARGS)
{
    return lock_many(fcinfo, "quantmesh.try_xact_lock_many()", false);
}

/* qm_xact_lock_many is quantmesh.xact_lock_many. */
Datum
qm_xact_lock_many(PG_FUNCTION_ARGS)
{
    return lock_many(fcinfo, "quantmesh.xact_lock_many()", true);
}

/* qm_try_lock is quantmesh.try_lock. */
Datum
qm_try_lock(PG_FUNCTION_ARGS)
{
    return lock_one(fcinfo, "quantmesh.try_lock()", QM_MODE_SESSION, false);
}

/* qm_lock is quantmesh.lock. */
Datum
qm_lock(PG_FUNCTION_ARGS)
{
    return lock_one(fcinfo, "quantmesh.lock()", QM_MODE_SESSION, true);
}

/*
 * qm_acquire is quantmesh.acquire: everything that reads tables is done first,
 * then the transaction is ended, and the wait has no snapshot.
 */
Datum
qm_acquire(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmLockRequest request = {.function = "quantmesh.acquire()",
                             .mode = QM_MODE_SESSION,
                             .wait = true,
                             .nkeys = 1,
                             .keys = &key};
    TupleDesc descriptor;
    Datum value;
    bool is_null;
    int64 fence;

    qm_require_running(request.function);
    qm_arg_key(fcinfo, 0, &key);
    request.ttl_us = qm_arg_interval_us(fcinfo, 1, "ttl", QM_TTL_DEFAULT);
    request.timeout_us = qm_arg_interval_us(fcinfo, 2, "timeout", QM_NEVER_US);
    qm_lock_prepare(&request);

    leave_snapshot(fcinfo);
    fence = qm_lock_acquire(&request);

    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "quantmesh.acquire must return a row");
    value = Int64GetDatum(fence);
    is_null = fence == QM_NO_FENCE;
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), &value, &is_null)));
}

/* leave_snapshot ends the caller's transaction and begins one without a snapshot; 2D000 where that is not allowed. */
static void
leave_snapshot(FunctionCallInfo fcinfo)
{
    if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
                 errmsg("quantmesh.acquire() cannot run inside a transaction block"),
                 errdetail("It ends the transaction, so that its wait does not hold back vacuum."),
                 errhint("CALL it on its own, or use quantmesh.lock().")));
    if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    SPI_commit();
    SPI_finish();
}

/* qm_unlock is quantmesh.unlock. */
Datum
qm_unlock(PG_FUNCTION_ARGS)
{
    QmKey key;

    qm_require_running("quantmesh.unlock()");
    qm_arg_key(fcinfo, 0, &key);
    qm_hold_attach();
    PG_RETURN_BOOL(qm_lock_release_session(&key));
}

/* qm_extend is quantmesh.extend. */
Datum
qm_extend(PG_FUNCTION_ARGS)
{
    QmKey key;
    int64 ttl_us;

    qm_require_running("quantmesh.extend()");
    qm_arg_key(fcinfo, 0, &key);
    ttl_us = qm_arg_interval_us(fcinfo, 1, "ttl", QM_TTL_DEFAULT);
    qm_hold_attach();
    PG_RETURN_BOOL(qm_lock_extend(&key, ttl_us));
}

/* qm_is_locked is quantmesh.is_locked. */
Datum
qm_is_locked(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmHolder holder;

    qm_require_running("quantmesh.is_locked()");
    qm_arg_key(fcinfo, 0, &key);
    qm_rights_check(&key);
    PG_RETURN_BOOL(qm_lock_holder(&key, &holder));
}

/* qm_lock_holder_sql is quantmesh.lock_holder. */
Datum
qm_lock_holder_sql(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmHolder holder;
    TupleDesc descriptor;
    Datum values[6] = {0};
    bool nulls[6] = {true, true, true, true, true, true};

    qm_require_running("quantmesh.lock_holder()");
    qm_arg_key(fcinfo, 0, &key);
    qm_rights_check(&key);
    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "quantmesh.lock_holder must return a row");

    if (qm_lock_holder(&key, &holder))
    {
        memset(nulls, 0, sizeof(nulls));
        values[0] = CStringGetTextDatum(qm_lock_mode_name(holder.mode));
        values[1] = Int32GetDatum(holder.pid);
        nulls[1] = holder.pid == 0;
        values[2] = PointerGetDatum(cstring_to_text_with_len(holder.owner, holder.owner_len));
        nulls[2] = holder.owner_len == 0;
        values[3] = Int64GetDatum(holder.fence);
        values[4] = TimestampTzGetDatum(holder.granted_at);
        nulls[5] = holder.deadline_us == QM_NEVER_US;
        if (!nulls[5])
            values[5] = IntervalPGetDatum(qm_interval(holder.deadline_us - qm_now_us()));
    }
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
