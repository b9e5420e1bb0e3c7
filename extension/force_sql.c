/*
 * SQL function: force_unlock. An operator takes a key from whoever holds it;
 * the server log and quantmesh.force_unlock_log say who did, and why.
 */
#include "postgres.h"

#include <signal.h>

#include "argument.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "compat.h"
#include "lock.h"
#include "miscadmin.h"
#include "query.h"
#include "shared.h"
#include "storage/latch.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_force_unlock);

#define REASON_MAX 1000 /* bytes */
#define PATIENCE_US (5 * QM_US_PER_S)
#define RECHECK_MS 5

static bool end_holder(const QmKey *key, const QmHolder *holder);
static bool wait_until_gone(const QmKey *key, int64 fence);
static void record(const QmKey *key, const QmHolder *holder, char *reason, bool freed);

/* qm_force_unlock is quantmesh.force_unlock. */
Datum
qm_force_unlock(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmHolder holder;
    char *reason;
    bool freed;

    qm_require_running("quantmesh.force_unlock()");
    qm_arg_key(fcinfo, 0, &key);
    reason = qm_arg_reason(fcinfo, 1, REASON_MAX);
    if (!qm_lock_holder(&key, &holder))
        PG_RETURN_BOOL(false);
    if (holder.pid == MyProcPid)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("lock \"%s\" is held by this session", key.text),
                 errhint("Use quantmesh.unlock(), or end the transaction.")));

    freed = end_holder(&key, &holder) && wait_until_gone(&key, holder.fence);
    ereport(LOG,
            (errmsg("operator \"%s\" %s %s lock \"%s\": %s",
                    GetUserNameFromId(GetSessionUserId(), false),
                    freed ? "took away" : "could not take away",
                    qm_lock_mode_name(holder.mode),
                    key.text,
                    reason),
             errdetail("Its fence is " INT64_FORMAT ".", holder.fence)));
    record(&key, &holder, reason, freed);
    PG_RETURN_BOOL(freed);
}

/* end_holder ends the lease, or tells the backend to end; false when it is committing or has changed. */
static bool
end_holder(const QmKey *key, const QmHolder *holder)
{
    if (holder->mode == QM_MODE_LEASE)
    {
        qm_lease_release(key->hash, holder->fence);
        return true;
    }
    return qm_hold_end(key, holder);
}

/* wait_until_gone waits until this grant is over; false when it is not after some seconds. */
static bool
wait_until_gone(const QmKey *key, int64 fence)
{
    int64 deadline_us = qm_now_us() + PATIENCE_US;
    QmHolder holder;

    while (qm_lock_holder(key, &holder) && holder.fence == fence)
    {
        if (qm_now_us() > deadline_us)
        {
            ereport(WARNING,
                    (errmsg("the holder of lock \"%s\" has not ended yet", key->text),
                     errhint("See quantmesh.locks: a lease that is committing ends with its transaction, a stopped "
                             "backend when it goes on.")));
            return false;
        }
        (void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, RECHECK_MS, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    return true;
}

/* record adds a row to quantmesh.force_unlock_log. */
static void
record(const QmKey *key, const QmHolder *holder, char *reason, bool freed)
{
    static const char *const insert =
        "INSERT INTO quantmesh.force_unlock_log (key, mode, pid, owner, fence, operator, reason, freed) "
        "VALUES ($1, $2, NULLIF($3, 0), NULLIF($4, ''), $5, $6, $7, $8)";
    Oid types[] = {TEXTOID, TEXTOID, INT4OID, TEXTOID, INT8OID, TEXTOID, TEXTOID, BOOLOID};
    Datum values[] = {CStringGetTextDatum(key->text),
                      CStringGetTextDatum(qm_lock_mode_name(holder->mode)),
                      Int32GetDatum(holder->pid),
                      PointerGetDatum(cstring_to_text_with_len(holder->owner, holder->owner_len)),
                      Int64GetDatum(holder->fence),
                      CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false)),
                      CStringGetTextDatum(reason),
                      BoolGetDatum(freed)};

    qm_query_execute(insert, lengthof(values), types, values);
}
