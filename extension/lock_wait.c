/*
 * Waiting for a lock.
 *
 * All waiting is done in an internal subtransaction with a transaction-level
 * advisory lock: a timeout, a deadlock or a cancellation rolls it back, and
 * with it whatever was already had. In particular the server may grant a lock
 * and still raise the timeout; a session lock taken directly would then be left
 * behind. So a session lock is taken only after the wait, without waiting.
 *
 * Who is first in a key's queue and finds a lease keeps the advisory lock and
 * sleeps until the lease ends: the others queue behind it, in order of arrival.
 * Such a wait is outside the server's deadlock detection, so it must be finite.
 */
#include "lock.h"

#include "access/xact.h"
#include "clock.h"
#include "compat.h"
#include "conflict.h"
#include "lease_state.h"
#include "metric.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/resowner.h"

typedef struct Waiter
{
    const QmLockRequest *request;
    const QmKey *busy;     /* the key that was found busy at first */
    const QmHolder *first; /* who held it */
    int64 started_us;
    int64 deadline_us;  /* QM_NEVER_US without a timeout of ours */
    bool timer_is_ours; /* whether the next lock timeout of the server is our deadline */
    int64 fence;        /* of a lease that was granted */
} Waiter;

static bool wait_in_subtransaction(Waiter *waiter);
static bool take_keys(Waiter *waiter);
static void take_advisory_lock(Waiter *waiter, const QmKey *key);
static bool wait_for_lease(Waiter *waiter, const QmKey *key);
static int64 end_of_block(const Waiter *waiter, const QmKey *key, QmWaitFor *waits_for);
static int64 end_of_patience(const Waiter *waiter, const QmKey *key, int64 now_us);
static void grant_lease(Waiter *waiter);
static void convert_to_session(const QmKey *key);
static void record(const Waiter *waiter, QmConflictOutcome outcome);

/* qm_lock_wait waits for all keys of the request and returns the fence, or QM_NO_FENCE after its timeout. */
int64
qm_lock_wait(const QmLockRequest *request, const QmKey *busy, const QmHolder *first)
{
    Waiter waiter = {.request = request,
                     .busy = busy,
                     .first = first,
                     .started_us = qm_now_us(),
                     .deadline_us = QM_NEVER_US,
                     .fence = QM_NO_FENCE};

    if (request->timeout_us != QM_NEVER_US)
        waiter.deadline_us = waiter.started_us + request->timeout_us;
    if (!wait_in_subtransaction(&waiter))
    {
        record(&waiter, QM_CONFLICT_TIMEOUT);
        return QM_NO_FENCE;
    }
    record(&waiter, QM_CONFLICT_GRANTED);
    if (request->mode == QM_MODE_SESSION)
        convert_to_session(&request->keys[0]);
    return request->mode == QM_MODE_LEASE ? waiter.fence : qm_lock_publish(request);
}

/*
 * wait_in_subtransaction waits, and leaves the transaction as usable as it was.
 * False after our timeout; every other error goes on to the caller.
 */
static bool
wait_in_subtransaction(Waiter *waiter)
{
    MemoryContext caller_context = CurrentMemoryContext;
    ResourceOwner caller_owner = CurrentResourceOwner;
    volatile bool granted = false;

    BeginInternalSubTransaction(NULL);
    MemoryContextSwitchTo(caller_context);
    PG_TRY();
    {
        granted = take_keys(waiter);
        if (granted && waiter->request->mode == QM_MODE_LEASE)
            grant_lease(waiter);
        qm_wait_clear();
        if (granted)
            ReleaseCurrentSubTransaction();
        else
            RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(caller_context);
        CurrentResourceOwner = caller_owner;
    }
    PG_CATCH();
    {
        ErrorData *error;

        MemoryContextSwitchTo(caller_context);
        error = CopyErrorData();
        FlushErrorState();
        qm_wait_clear();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(caller_context);
        CurrentResourceOwner = caller_owner;
        granted = false;

        if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE || !waiter->timer_is_ours)
        {
            record(waiter, QM_CONFLICT_ERROR);
            ReThrowError(error);
        }
        FreeErrorData(error);
    }
    PG_END_TRY();
    return granted;
}

/* take_keys locks all keys in their order, at transaction level, each as soon as it is free. */
static bool
take_keys(Waiter *waiter)
{
    for (int i = 0; i < waiter->request->nkeys; i++)
    {
        const QmKey *key = &waiter->request->keys[i];

        if (qm_now_us() >= waiter->deadline_us)
            return false;
        qm_wait_publish(key, waiter->request->mode, QM_WAIT_LOCK, waiter->started_us);
        take_advisory_lock(waiter, key);
        if (!wait_for_lease(waiter, key))
            return false;
    }
    return true;
}

/*
 * take_advisory_lock queues for the key. Our timeout is the server's
 * lock_timeout for the time of the call, unless the user's own is shorter. A
 * timeout that fired as the lock was granted is raised here, not later.
 */
static void
take_advisory_lock(Waiter *waiter, const QmKey *key)
{
    int guc_level = NewGUCNestLevel();

    waiter->timer_is_ours = false;
    if (waiter->deadline_us != QM_NEVER_US)
    {
        long left_ms = qm_ms_until(waiter->deadline_us, qm_now_us());

        left_ms = Max(left_ms, 1); /* 0 would be no timeout */
        if (LockTimeout == 0 || left_ms < LockTimeout)
        {
            (void) set_config_option("lock_timeout",
                                     psprintf("%ld", left_ms),
                                     PGC_USERSET,
                                     PGC_S_SESSION,
                                     GUC_ACTION_SAVE,
                                     true,
                                     0,
                                     false);
            waiter->timer_is_ours = true;
        }
    }
    (void) qm_advisory_lock(key, false, false);
    CHECK_FOR_INTERRUPTS();
    AtEOXact_GUC(false, guc_level);
}

/* wait_for_lease sleeps, with the advisory lock, until nothing else blocks the key. False after our timeout. */
static bool
wait_for_lease(Waiter *waiter, const QmKey *key)
{
    const QmLockRequest *request = waiter->request;
    bool free = false;

    waiter->timer_is_ours = false;
    qm_lease_wait_prepare(key);
    for (;;)
    {
        QmWaitFor waits_for;
        int64 now_us = qm_now_us();
        int64 until_us = end_of_block(waiter, key, &waits_for);
        int64 patience_us;

        if (until_us == 0)
        {
            free = true;
            break;
        }
        if (request->mode == QM_MODE_LEASE)
            waiter->fence = qm_lock_renew_own(request);
        if (waiter->fence != QM_NO_FENCE)
        {
            free = true;
            break;
        }
        patience_us = end_of_patience(waiter, key, now_us);
        if (now_us >= waiter->deadline_us)
            break;
        qm_wait_publish(key, request->mode, waits_for, waiter->started_us);
        qm_lease_wait(key, Min(until_us, patience_us));
    }
    qm_lease_wait_end();
    return free;
}

/* end_of_block returns until when a lease, or the grace after a crash, blocks the key; 0 when nothing does. */
static int64
end_of_block(const Waiter *waiter, const QmKey *key, QmWaitFor *waits_for)
{
    QmHolder holder;
    int64 until_us = qm_lease_until(key, &holder);

    *waits_for = QM_WAIT_LEASE;
    if (until_us == 0 && waiter->request->mode == QM_MODE_LEASE && qm_lease_open_at() > qm_now_us())
    {
        *waits_for = QM_WAIT_GRACE;
        until_us = qm_lease_open_at();
    }
    return until_us;
}

/*
 * end_of_patience returns when to stop waiting for a lease: our deadline or the
 * user's lock_timeout. 55P03 when the latter has passed, 22004 without either.
 */
static int64
end_of_patience(const Waiter *waiter, const QmKey *key, int64 now_us)
{
    int64 server_us = LockTimeout > 0 ? waiter->started_us + LockTimeout * QM_US_PER_MS : QM_NEVER_US;

    if (server_us <= now_us && server_us < waiter->deadline_us)
        ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("canceling statement due to lock timeout")));
    if (server_us == QM_NEVER_US && waiter->deadline_us == QM_NEVER_US)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("timeout must not be null while key \"%s\" is leased", key->text),
                 errdetail("A wait for a lease is outside deadlock detection."),
                 errhint("Give a timeout, or set lock_timeout.")));
    return Min(server_us, waiter->deadline_us);
}

/* grant_lease ends a wait for a lease: it grants it, unless it was only renewed, and gives the advisory lock back. */
static void
grant_lease(Waiter *waiter)
{
    const QmLockRequest *request = waiter->request;

    if (waiter->fence == QM_NO_FENCE)
        waiter->fence = qm_lock_grant_lease(request);
    else
        qm_metric_count(qm_metric_label(&request->keys[0]), QM_COUNT_ACQUIRED);
    (void) qm_advisory_unlock(&request->keys[0], false);
}

/* convert_to_session turns the transaction-level lock that ended the wait into a session lock, which is had at once. */
static void
convert_to_session(const QmKey *key)
{
    (void) qm_advisory_lock(key, true, true);
    (void) qm_advisory_unlock(key, false);
}

/* record counts how the wait ended. */
static void
record(const Waiter *waiter, QmConflictOutcome outcome)
{
    int label = qm_metric_label(waiter->busy);
    int64 waited_us = qm_now_us() - waiter->started_us;

    qm_metric_count(label, QM_COUNT_CONFLICT);
    qm_metric_wait(label, waited_us);
    if (outcome != QM_CONFLICT_GRANTED)
        qm_metric_count(label, QM_COUNT_FAILED);
    qm_conflict_add(waiter->busy, waiter->request->mode, outcome, waited_us, waiter->first);
}
