/*
 * Acquiring and releasing locks.
 *
 * Every acquisition takes the key's advisory lock in the server's lock manager
 * first and looks for a lease then; a lease is granted under that lock. What
 * can fail (rights, caps, durable fence numbers) is settled before anything is
 * locked, so that a granted lock is always published with a fence and a TTL.
 *
 * A first pass never waits. Only a request that found a key busy and may wait
 * goes on to lock_wait.c.
 */
#include "lock.h"

#include "clock.h"
#include "compat.h"
#include "conflict.h"
#include "fence.h"
#include "grant.h"
#include "guard.h"
#include "lease_state.h"
#include "metric.h"
#include "miscadmin.h"
#include "rights.h"
#include "settings.h"
#include "shared.h"
#include "utils/resowner.h"

static int count_new(const QmLockRequest *request);
static int try_keys(const QmLockRequest *request, QmHolder *holder);
static bool try_key(const QmLockRequest *request, const QmKey *key, QmHolder *holder);
static int64 finish(const QmLockRequest *request);
static void skip(const QmLockRequest *request, const QmKey *key, const QmHolder *holder);

/*
 * qm_lock_prepare settles what can fail and may read tables: whether locks work
 * here, whether the caller may have these, whether there are fences.
 */
void
qm_lock_prepare(const QmLockRequest *request)
{
    qm_require_running(request->function);
    for (int i = 0; i < request->nkeys; i++)
        qm_rights_check_taking(&request->keys[i]);
    qm_hold_attach();
    qm_fence_prepare();
}

/*
 * qm_lock_acquire returns the fence, or QM_NO_FENCE when the lock was not had.
 * qm_lock_prepare has been called; this needs no snapshot.
 */
int64
qm_lock_acquire(const QmLockRequest *request)
{
    QmHolder holder;
    int64 fence = QM_NO_FENCE;
    int busy;

    if (request->mode == QM_MODE_LEASE)
    {
        fence = qm_lock_renew_own(request);
        if (fence != QM_NO_FENCE)
        {
            qm_metric_count(qm_metric_label(&request->keys[0]), QM_COUNT_ACQUIRED);
            return fence;
        }
    }

    qm_grant_reserve(request->nkeys);
    qm_hold_reserve(count_new(request), request->mode, &request->keys[0]);
    busy = try_keys(request, &holder);
    if (busy < 0)
        fence = finish(request);
    else if (request->wait && !(holder.found && holder.pid == MyProcPid))
        fence = qm_lock_wait(request, &request->keys[busy], &holder);
    else
        skip(request, &request->keys[busy], &holder);
    qm_hold_unreserve();
    return fence;
}

/*
 * qm_lock_renew_own renews the lease if it is the request's owner's, and
 * returns its fence, otherwise QM_NO_FENCE. What the new TTL needs to be safe
 * over a crash is made durable first; a release in this transaction is off.
 */
int64
qm_lock_renew_own(const QmLockRequest *request)
{
    const QmKey *key = &request->keys[0];
    int64 fence;

    if (qm_lease_count() == 0)
        return QM_NO_FENCE;
    if (qm_lease_open_at() <= qm_now_us())
        qm_lease_ensure_marked();
    fence = qm_lease_renew_own(key, request->owner, request->ttl_us);
    if (fence != QM_NO_FENCE)
        qm_release_forget(key, fence);
    return fence;
}

/* count_new returns how many of the keys this backend does not hold yet. */
static int
count_new(const QmLockRequest *request)
{
    int count = 0;

    for (int i = 0; i < request->nkeys; i++)
        count += qm_hold_find(&request->keys[i]) < 0 ? 1 : 0;
    return count;
}

/* try_keys locks all keys or none. Returns -1, or the number of a key that is busy, with its holder. */
static int
try_keys(const QmLockRequest *request, QmHolder *holder)
{
    for (int i = 0; i < request->nkeys; i++)
    {
        if (try_key(request, &request->keys[i], holder))
            continue;
        for (int tried = 0; tried < i; tried++)
            (void) qm_advisory_unlock(&request->keys[tried], request->mode == QM_MODE_SESSION);
        return i;
    }
    return -1;
}

/*
 * try_key takes the key's advisory lock if nobody else has it and nobody has a
 * lease. It notices when a lock that this session held was dropped behind our
 * back: then the hold is over, and this is a new grant.
 */
static bool
try_key(const QmLockRequest *request, const QmKey *key, QmHolder *holder)
{
    bool session = request->mode == QM_MODE_SESSION;
    int own = qm_hold_find(key);
    LockAcquireResult result;

    if (own >= 0 && request->mode == QM_MODE_LEASE)
    {
        (void) qm_hold_holder(key, holder);
        return false;
    }

    result = qm_advisory_lock(key, session, true);
    if (own >= 0 && result != LOCKACQUIRE_ALREADY_HELD)
    {
        qm_hold_lost(own);
        own = -1;
    }
    if (result == LOCKACQUIRE_NOT_AVAIL)
    {
        (void) qm_lock_holder(key, holder);
        return false;
    }
    if (own >= 0)
        return true;

    memset(holder, 0, sizeof(*holder));
    if (qm_lease_until(key, holder) != 0 || (request->mode == QM_MODE_LEASE && qm_lease_open_at() > qm_now_us()))
    {
        (void) qm_advisory_unlock(key, session);
        return false;
    }
    return true;
}

/*
 * qm_advisory_lock takes the key's lock in the server's lock manager. A
 * transaction-level lock belongs to the current subtransaction, whichever
 * portal asks for it: an outer cursor that is fetched from behind a savepoint
 * would otherwise keep it over ROLLBACK TO, or lose older ones when it fails.
 */
LockAcquireResult
qm_advisory_lock(const QmKey *key, bool session, bool dont_wait)
{
    ResourceOwner caller_owner = CurrentResourceOwner;
    LockAcquireResult result;
    LOCKTAG tag;

    qm_key_tag(key->hash, &tag);
    CurrentResourceOwner = CurTransactionResourceOwner;
    result = LockAcquire(&tag, ExclusiveLock, session, dont_wait);
    CurrentResourceOwner = caller_owner;
    return result;
}

/* qm_advisory_unlock gives back one lock that qm_advisory_lock took in the same subtransaction, or for the session. */
bool
qm_advisory_unlock(const QmKey *key, bool session)
{
    ResourceOwner caller_owner = CurrentResourceOwner;
    LOCKTAG tag;
    bool released;

    qm_key_tag(key->hash, &tag);
    CurrentResourceOwner = CurTransactionResourceOwner;
    released = LockRelease(&tag, ExclusiveLock, session);
    CurrentResourceOwner = caller_owner;
    return released;
}

/* finish makes a grant of what the first pass has locked. */
static int64
finish(const QmLockRequest *request)
{
    int64 volatile fence;

    if (request->mode != QM_MODE_LEASE)
        return qm_lock_publish(request);
    PG_TRY();
    {
        fence = qm_lock_grant_lease(request);
    }
    PG_CATCH();
    {
        qm_metric_count(qm_metric_label(&request->keys[0]), QM_COUNT_FAILED);
        PG_RE_THROW();
    }
    PG_END_TRY();
    (void) qm_advisory_unlock(&request->keys[0], false);
    return fence;
}

/*
 * qm_lock_publish shows locks that this backend has got, and returns their
 * fence. A key that it holds already keeps its fence, unless many keys get one.
 */
int64
qm_lock_publish(const QmLockRequest *request)
{
    int64 now_us = qm_now_us();
    int64 fence = QM_NO_FENCE;

    for (int i = 0; i < request->nkeys; i++)
    {
        const QmKey *key = &request->keys[i];
        int64 ttl_us = request->ttl_us == QM_TTL_DEFAULT ? qm_default_ttl_us(key->parts.class) : request->ttl_us;
        int slot = qm_hold_find(key);

        qm_metric_count(qm_metric_label(key), QM_COUNT_ACQUIRED);
        if (fence == QM_NO_FENCE)
            fence = slot >= 0 && !request->many ? qm_hold_fence(slot) : qm_fence_next();
        if (slot < 0)
            qm_hold_open(key, request->mode, fence, ttl_us, now_us);
        else
        {
            (void) qm_hold_stack(slot, request->mode, ttl_us, now_us);
            if (request->many)
                qm_hold_raise_fence(slot, fence);
        }
    }
    return fence;
}

/*
 * qm_lock_grant_lease puts the lease in. This backend has the key's advisory
 * lock, which it must then release. 53400 when the table is full, 57P03 when
 * the launcher cannot make it durable that leases are out.
 */
int64
qm_lock_grant_lease(const QmLockRequest *request)
{
    const QmKey *key = &request->keys[0];
    int64 fence;

    qm_lease_ensure_marked();
    fence = qm_fence_next();
    if (!qm_lease_install(key, request->owner, fence, request->ttl_us))
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("server has %d quantmesh leases, the limit", qm_max_leases),
                 errdetail("The next key was \"%s\".", key->text),
                 errhint("Release leases that are no longer needed, or raise quantmesh.max_leases.")));
    qm_metric_count(qm_metric_label(key), QM_COUNT_ACQUIRED);
    return fence;
}

/* skip counts a try that found its key busy. */
static void
skip(const QmLockRequest *request, const QmKey *key, const QmHolder *holder)
{
    int label = qm_metric_label(key);

    qm_metric_count(label, QM_COUNT_SKIPPED);
    qm_metric_count(label, QM_COUNT_CONFLICT);
    qm_conflict_add(key, request->mode, QM_CONFLICT_SKIPPED, 0, holder);
}

/* qm_lock_release_session gives back one session lock; false when this session has none. */
bool
qm_lock_release_session(const QmKey *key)
{
    int slot = qm_hold_find(key);
    LOCKTAG tag;

    if (slot < 0 || qm_hold_session_count(slot) == 0)
        return false;
    qm_key_tag(key->hash, &tag);
    if (!qm_lock_held_by_me(&tag, ExclusiveLock))
    {
        qm_hold_lost(slot);
        qm_hold_unreserve();
        return false;
    }
    qm_hold_session_release(slot);
    return qm_advisory_unlock(key, true);
}

/* qm_lock_extend moves the deadline of a key that this session holds, never to an earlier time; false when it does not hold it. */
bool
qm_lock_extend(const QmKey *key, int64 ttl_us)
{
    int slot = qm_hold_find(key);
    LOCKTAG tag;

    if (slot < 0)
        return false;
    qm_key_tag(key->hash, &tag);
    if (!qm_lock_held_by_me(&tag, ExclusiveLock))
    {
        qm_hold_lost(slot);
        qm_hold_unreserve();
        return false;
    }
    if (ttl_us == QM_TTL_DEFAULT)
        ttl_us = qm_default_ttl_us(key->parts.class);
    return qm_hold_set_deadline(slot, ttl_us == 0 ? QM_NEVER_US : qm_now_us() + ttl_us);
}

/* qm_lock_holder finds who holds the key, in whichever mode. */
bool
qm_lock_holder(const QmKey *key, QmHolder *holder)
{
    return qm_hold_holder(key, holder) || qm_lease_until(key, holder) != 0;
}
