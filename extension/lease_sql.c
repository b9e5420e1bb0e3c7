/*
 * SQL functions: leases and guards. What they promise is in their COMMENTs
 * (sql/30_leases.sql).
 */
#include "postgres.h"

#include "argument.h"
#include "clock.h"
#include "guard.h"
#include "lease_state.h"
#include "lock.h"
#include "rights.h"
#include "shared.h"
#include "storage/proc.h"

PG_FUNCTION_INFO_V1(qm_try_lease);
PG_FUNCTION_INFO_V1(qm_lease);
PG_FUNCTION_INFO_V1(qm_renew_lease);
PG_FUNCTION_INFO_V1(qm_release_lease);
PG_FUNCTION_INFO_V1(qm_guard);

static Datum lease_one(FunctionCallInfo fcinfo, const char *function, bool wait);

/* lease_one acquires a lease: arguments key, owner, ttl and, if it waits, timeout. */
static Datum
lease_one(FunctionCallInfo fcinfo, const char *function, bool wait)
{
    QmKey key;
    QmOwner owner;
    QmLockRequest request = {.function = function,
                             .mode = QM_MODE_LEASE,
                             .wait = wait,
                             .nkeys = 1,
                             .keys = &key,
                             .timeout_us = QM_NEVER_US,
                             .owner = &owner};
    int64 fence;

    qm_require_running(function);
    qm_arg_key(fcinfo, 0, &key);
    qm_arg_owner(fcinfo, 1, &owner);
    request.ttl_us = qm_arg_lease_ttl_us(fcinfo, 2);
    if (wait)
        request.timeout_us = qm_arg_interval_us(fcinfo, 3, "timeout", QM_NEVER_US);
    if (wait && request.timeout_us == QM_NEVER_US && LockTimeout == 0)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("timeout of a lease must not be null"),
                 errdetail("A wait for a lease is outside deadlock detection."),
                 errhint("Give a timeout, or set lock_timeout.")));
    qm_lock_prepare(&request);
    fence = qm_lock_acquire(&request);
    if (fence == QM_NO_FENCE)
        PG_RETURN_NULL();
    PG_RETURN_INT64(fence);
}

/* qm_try_lease is quantmesh.try_lease. */
Datum
qm_try_lease(PG_FUNCTION_ARGS)
{
    return lease_one(fcinfo, "quantmesh.try_lease()", false);
}

/* qm_lease is quantmesh.lease. */
Datum
qm_lease(PG_FUNCTION_ARGS)
{
    return lease_one(fcinfo, "quantmesh.lease()", true);
}

/* qm_renew_lease is quantmesh.renew_lease. */
Datum
qm_renew_lease(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmOwner owner;
    int64 fence;
    int64 ttl_us;

    qm_require_running("quantmesh.renew_lease()");
    qm_arg_key(fcinfo, 0, &key);
    qm_arg_owner(fcinfo, 1, &owner);
    fence = qm_arg_fence(fcinfo, 2);
    ttl_us = qm_arg_lease_ttl_us(fcinfo, 3);
    qm_rights_check_taking(&key);
    if (!qm_lease_held_by(&key, &owner, fence))
        PG_RETURN_BOOL(false);
    qm_lease_ensure_marked();
    PG_RETURN_BOOL(qm_lease_renew(&key, &owner, fence, ttl_us));
}

/* qm_release_lease is quantmesh.release_lease. */
Datum
qm_release_lease(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmOwner owner;
    int64 fence;

    qm_require_running("quantmesh.release_lease()");
    qm_arg_key(fcinfo, 0, &key);
    qm_arg_owner(fcinfo, 1, &owner);
    fence = qm_arg_fence(fcinfo, 2);
    qm_rights_check_taking(&key);
    if (!qm_lease_held_by(&key, &owner, fence))
        PG_RETURN_BOOL(false);
    qm_release_add(&key, fence);
    PG_RETURN_BOOL(true);
}

/* qm_guard is quantmesh.guard. */
Datum
qm_guard(PG_FUNCTION_ARGS)
{
    QmKey key;

    qm_require_running("quantmesh.guard()");
    qm_arg_key(fcinfo, 0, &key);
    qm_rights_check(&key);
    qm_guard_add(&key, qm_arg_fence(fcinfo, 1));
    PG_RETURN_VOID();
}
