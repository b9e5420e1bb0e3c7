/*
 * Holds: what this backend holds, for views, TTL enforcement and metrics.
 *
 * One entry per backend in shared memory, found by its number among the
 * server's processes. Only the owning backend writes its entry; it bumps
 * `changes` before and after each write, and readers retry while it is odd or
 * has moved. Nobody takes a lock, so a holder is never slowed down by being
 * watched. After 100 odd reads a reader skips the entry until its next pass: a
 * backend stopped in mid-write must not stop the launcher. A full entry
 * refuses the lock, since an unseen lock would have no TTL.
 *
 * What others write is a hold's `word`, beside the launcher's own notes in
 * *_fence and signalled_us: the launcher and force_unlock turn held into overrun, the owner turns held into committing,
 * both by compare-and-swap, so exactly one of them wins. Every change of state
 * or deadline makes a new word: a decision on an outdated reading fails.
 *
 * How often a key is held is the owner's private matter and follows the
 * server's lock manager: counts per key, and grants per subtransaction (grant.c).
 */
#include "hold.h"

#include "alarm.h"
#include "clock.h"
#include "compat.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "grant.h"
#include "metric.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct HoldShared
{
    pg_atomic_uint32 reserved;  /* keys held or waited for, server-wide */
    pg_atomic_uint32 nbackends; /* entries from here on were never used */
    pg_atomic_uint64 stuck;     /* overrun holders that did not end when told to; counted by the launcher */
    uint32 reserved_max;
} HoldShared;

typedef struct LocalHold
{
    uint32 session_count;
    uint32 xact_count;
} LocalHold;

static HoldShared *hold_shared = NULL;
static char *backends = NULL;

static QmBackend *mine = NULL;
static LocalHold *local_holds = NULL;
static int nopen = 0;
static uint32 nreserved = 0; /* this backend's part of hold_shared->reserved */

static void detach(int code, Datum arg);
static void hold_close(int slot);
static int free_slot(void);
static void end_session_hold(QmHold *hold);

/* begin_change and end_change enclose what the owner writes to its entry. */
static inline void
begin_change(void)
{
    pg_atomic_write_u32(&mine->changes, pg_atomic_read_u32(&mine->changes) + 1);
    pg_write_barrier();
}

static inline void
end_change(void)
{
    pg_write_barrier();
    pg_atomic_write_u32(&mine->changes, pg_atomic_read_u32(&mine->changes) + 1);
}

/* qm_hold_backend_size returns the size of one backend's entry. */
Size
qm_hold_backend_size(void)
{
    return MAXALIGN(add_size(offsetof(QmBackend, holds), mul_size(sizeof(QmHold), qm_max_locks_per_backend)));
}

/* qm_hold_shmem_size returns what qm_hold_shmem_init takes. */
Size
qm_hold_shmem_size(void)
{
    return add_size(MAXALIGN(sizeof(HoldShared)), mul_size(qm_hold_backend_size(), MaxBackends));
}

/* qm_hold_shmem_init makes or finds the entries of all backends. */
void
qm_hold_shmem_init(void)
{
    bool found;

    mine = NULL;
    hold_shared = ShmemInitStruct("quantmesh holds", qm_hold_shmem_size(), &found);
    backends = (char *) hold_shared + MAXALIGN(sizeof(HoldShared));
    if (found)
        return;

    memset(backends, 0, mul_size(qm_hold_backend_size(), MaxBackends));
    pg_atomic_init_u32(&hold_shared->reserved, 0);
    pg_atomic_init_u32(&hold_shared->nbackends, 0);
    pg_atomic_init_u64(&hold_shared->stuck, 0);
    hold_shared->reserved_max = (uint32) (max_locks_per_xact * (MaxBackends + max_prepared_xacts) / 2);
}

/* qm_hold_attach gives this backend its entry, until it exits. Cheap when it has one. */
void
qm_hold_attach(void)
{
    uint32 number = (uint32) qm_my_proc_number();
    uint32 nbackends;

    if (mine != NULL)
        return;

    Assert(number < (uint32) MaxBackends);
    local_holds = MemoryContextAllocZero(TopMemoryContext, sizeof(LocalHold) * (Size) qm_max_locks_per_backend);
    on_shmem_exit(detach, 0);

    mine = qm_hold_backend((int) number);
    begin_change();
    mine->database = MyDatabaseId;
    mine->nslots = 0;
    mine->wait.waits_for = QM_WAIT_NOTHING;
    pg_atomic_write_u32(&mine->pid, (uint32) MyProcPid);
    end_change();

    nbackends = pg_atomic_read_u32(&hold_shared->nbackends);
    while (nbackends <= number && !pg_atomic_compare_exchange_u32(&hold_shared->nbackends, &nbackends, number + 1))
        ;
}

/*
 * detach gives the entry back. It runs after the server has released all locks
 * of this backend and before the process number can go to another.
 */
static void
detach(int code, Datum arg)
{
    for (int slot = 0; slot < (int) mine->nslots; slot++)
    {
        if (qm_hold_state(pg_atomic_read_u64(&mine->holds[slot].word)) != QM_HOLD_FREE)
            hold_close(slot);
    }
    qm_grant_forget_all();
    qm_hold_unreserve();
    qm_wait_clear();
    begin_change();
    pg_atomic_write_u32(&mine->pid, 0);
    end_change();
    mine = NULL;
}

/*
 * qm_hold_reserve makes sure that nkeys more can be locked, in the server's
 * lock table and, unless they are leased, in this backend's entry, so that
 * nothing can fail once they are. What an earlier call reserved and an error
 * left unused is given back first. Errors with 53400.
 */
void
qm_hold_reserve(int nkeys, QmLockMode mode, const QmKey *first)
{
    uint32 reserved;

    qm_hold_unreserve();
    if (mode != QM_MODE_LEASE && nopen + nkeys > qm_max_locks_per_backend)
    {
        qm_metric_count(qm_metric_label(first), QM_COUNT_FAILED);
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("backend holds %d quantmesh locks and asks for %d more, the limit is %d",
                        nopen,
                        nkeys,
                        qm_max_locks_per_backend),
                 errdetail("The next key was \"%s\".", first->text),
                 errhint("Lock fewer keys at a time, or raise quantmesh.max_locks_per_backend.")));
    }
    reserved = pg_atomic_add_fetch_u32(&hold_shared->reserved, nkeys);
    nreserved += (uint32) nkeys;
    if (reserved > hold_shared->reserved_max)
    {
        qm_hold_unreserve();
        qm_metric_count(qm_metric_label(first), QM_COUNT_FAILED);
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("server has %u quantmesh locks held or waited for, the limit", hold_shared->reserved_max),
                 errdetail("The next key was \"%s\".", first->text),
                 errhint("Hold fewer locks at a time, or raise max_locks_per_transaction: "
                         "half of the server's lock table is ours.")));
    }
}

/* qm_hold_unreserve gives back what is reserved and not in use by an open hold. */
void
qm_hold_unreserve(void)
{
    Assert(nreserved >= (uint32) nopen);
    if (nreserved == (uint32) nopen)
        return;
    pg_atomic_fetch_sub_u32(&hold_shared->reserved, (int32) (nreserved - (uint32) nopen));
    nreserved = (uint32) nopen;
}

/* qm_hold_find returns the slot in which this backend holds the key, or -1. */
int
qm_hold_find(const QmKey *key)
{
    for (int slot = 0; slot < (int) mine->nslots; slot++)
    {
        const QmHold *hold = &mine->holds[slot];

        if (hold->hash == key->hash && hold->key_len == key->len && memcmp(hold->key, key->text, key->len) == 0 &&
            qm_hold_state(pg_atomic_read_u64(&mine->holds[slot].word)) != QM_HOLD_FREE)
            return slot;
    }
    return -1;
}

/* qm_hold_open publishes a lock that was just granted. It cannot fail: room has been reserved. ttl_us 0 means none. */
void
qm_hold_open(const QmKey *key, QmLockMode mode, int64 fence, int64 ttl_us, int64 now_us)
{
    int slot = free_slot();
    QmHold *hold = &mine->holds[slot];
    uint64 word = pg_atomic_read_u64(&hold->word);
    int label = qm_metric_label(key);
    TimestampTz granted_at = GetCurrentTimestamp();

    Assert(mode != QM_MODE_LEASE);
    Assert(nreserved > (uint32) nopen);
    nopen++;
    local_holds[slot] = (LocalHold){0, 0};

    begin_change();
    hold->hash = key->hash;
    hold->fence = fence;
    hold->granted_us = now_us;
    hold->deadline_us = ttl_us == 0 ? QM_NEVER_US : now_us + ttl_us;
    hold->granted_at = granted_at;
    hold->label = label;
    hold->session = mode == QM_MODE_SESSION;
    hold->key_len = key->len;
    memcpy(hold->key, key->text, key->len);
    pg_atomic_write_u64(&hold->word, qm_hold_next_word(word, QM_HOLD_HELD));
    mine->nslots = Max(mine->nslots, (uint32) slot + 1);
    end_change();

    if (mode == QM_MODE_SESSION)
        local_holds[slot].session_count = 1;
    else
    {
        local_holds[slot].xact_count = 1;
        qm_grant_add(slot, GetCurrentSubTransactionId(), 1);
    }
    if (ttl_us != 0)
        qm_alarm_set(hold->deadline_us);
}

/* free_slot returns the first slot that is free. There is one: room has been reserved. */
static int
free_slot(void)
{
    int slot = 0;

    while (slot < (int) mine->nslots && qm_hold_state(pg_atomic_read_u64(&mine->holds[slot].word)) != QM_HOLD_FREE)
        slot++;
    Assert(slot < qm_max_locks_per_backend);
    return slot;
}

/*
 * qm_hold_stack counts a key that was locked once more. Its deadline moves to
 * ttl from now, or stays if that is later; a ttl of 0 removes it. Returns false
 * when the hold has been overrun and this backend is about to be ended.
 */
bool
qm_hold_stack(int slot, QmLockMode mode, int64 ttl_us, int64 now_us)
{
    if (mode == QM_MODE_SESSION)
        local_holds[slot].session_count++;
    else
    {
        local_holds[slot].xact_count++;
        qm_grant_add(slot, GetCurrentSubTransactionId(), 1);
    }
    if (mode == QM_MODE_SESSION && !mine->holds[slot].session)
    {
        begin_change();
        mine->holds[slot].session = true;
        end_change();
    }
    return qm_hold_set_deadline(slot, ttl_us == 0 ? QM_NEVER_US : now_us + ttl_us);
}

/*
 * qm_hold_set_deadline moves the deadline, never to an earlier time. Returns
 * false when the hold has been overrun.
 */
bool
qm_hold_set_deadline(int slot, int64 deadline_us)
{
    QmHold *hold = &mine->holds[slot];
    uint64 word = pg_atomic_read_u64(&hold->word);

    if (qm_hold_state(word) != QM_HOLD_HELD)
        return false;
    if (deadline_us <= hold->deadline_us)
        return true;

    begin_change();
    hold->deadline_us = deadline_us;
    end_change();
    return pg_atomic_compare_exchange_u64(&hold->word, &word, qm_hold_next_word(word, QM_HOLD_HELD));
}

/* qm_hold_raise_fence gives a held key the fence of a larger grant that includes it. */
void
qm_hold_raise_fence(int slot, int64 fence)
{
    Assert(fence > mine->holds[slot].fence);
    begin_change();
    mine->holds[slot].fence = fence;
    end_change();
}

/* qm_hold_fence returns the fence of a key that this backend holds. */
int64
qm_hold_fence(int slot)
{
    return mine->holds[slot].fence;
}

/* qm_hold_session_count returns how many session locks this backend has on the key. */
int
qm_hold_session_count(int slot)
{
    return (int) local_holds[slot].session_count;
}

/* qm_hold_session_release counts one session lock less, closing the hold with the last one. */
void
qm_hold_session_release(int slot)
{
    LocalHold *local = &local_holds[slot];

    Assert(local->session_count > 0);
    local->session_count--;
    if (local->session_count > 0)
        return;
    if (local->xact_count == 0)
    {
        hold_close(slot);
        qm_hold_unreserve();
        return;
    }
    begin_change();
    mine->holds[slot].session = false;
    end_change();
}

/*
 * qm_hold_lost closes a hold whose lock was released behind our back, as
 * DISCARD ALL does. Its room stays reserved, for the key may be locked anew.
 */
void
qm_hold_lost(int slot)
{
    qm_grant_forget_slot(slot);
    hold_close(slot);
}

/* hold_close records the hold's length and frees its slot. Its reservation is left to the caller. */
static void
hold_close(int slot)
{
    QmHold *hold = &mine->holds[slot];
    uint64 word = pg_atomic_read_u64(&hold->word);

    Assert(qm_hold_state(word) != QM_HOLD_FREE);
    qm_metric_hold(hold->label, qm_now_us() - hold->granted_us);

    /* Unconditional: what the launcher makes of the old word no longer matters. */
    begin_change();
    pg_atomic_exchange_u64(&hold->word, qm_hold_next_word(word, QM_HOLD_FREE));
    while (mine->nslots > 0 && qm_hold_state(pg_atomic_read_u64(&mine->holds[mine->nslots - 1].word)) == QM_HOLD_FREE)
        mine->nslots--;
    end_change();

    local_holds[slot] = (LocalHold){0, 0};
    nopen--;
}

/* qm_wait_publish shows what this backend waits for, and since when. */
void
qm_wait_publish(const QmKey *key, QmLockMode mode, QmWaitFor waits_for, int64 since_us)
{
    begin_change();
    mine->wait.waits_for = waits_for;
    mine->wait.mode = mode;
    mine->wait.since_us = since_us;
    mine->wait.hash = key->hash;
    mine->wait.key_len = key->len;
    memcpy(mine->wait.key, key->text, key->len);
    end_change();
}

/* qm_wait_clear shows that this backend waits no more. */
void
qm_wait_clear(void)
{
    if (mine->wait.waits_for == QM_WAIT_NOTHING)
        return;
    begin_change();
    mine->wait.waits_for = QM_WAIT_NOTHING;
    end_change();
}

/* qm_hold_any says whether this backend holds any key. */
bool
qm_hold_any(void)
{
    return nopen > 0;
}

/* server_has says whether the server's lock manager, too, has this session holding the key. */
static bool
server_has(const QmHold *hold)
{
    LOCKTAG tag;

    qm_key_tag(hold->hash, &tag);
    return qm_lock_held_by_me(&tag, ExclusiveLock);
}

/*
 * qm_hold_pre_commit decides that this transaction commits before its locks
 * can be taken away, or fails it when one already has been. QM001.
 */
void
qm_hold_pre_commit(void)
{
    for (int slot = 0; nopen > 0 && slot < (int) mine->nslots; slot++)
    {
        QmHold *hold = &mine->holds[slot];
        uint64 word = pg_atomic_read_u64(&hold->word);

        if (qm_hold_state(word) == QM_HOLD_FREE)
            continue;
        Assert(local_holds[slot].xact_count == 0 || server_has(hold));
        if (qm_hold_state(word) != QM_HOLD_HELD ||
            !pg_atomic_compare_exchange_u64(&hold->word, &word, qm_hold_next_word(word, QM_HOLD_COMMITTING)))
            ereport(ERROR,
                    (errcode(MAKE_SQLSTATE('Q', 'M', '0', '0', '1')),
                     errmsg("lock \"%.*s\" was taken away before the transaction could commit",
                            hold->key_len,
                            hold->key),
                     errdetail("It was held beyond its TTL, or an operator called force_unlock."),
                     errhint("Repeat the transaction, or give it a longer ttl.")));
    }
}

/*
 * qm_hold_end_xact ends what lived as long as the transaction, at COMMIT or
 * ABORT, while the server still has its locks: nobody else can have been
 * granted one yet. Session locks go on. Cannot fail.
 */
void
qm_hold_end_xact(void)
{
    if (mine == NULL)
        return;
    qm_grant_forget_all();
    for (int slot = (int) mine->nslots - 1; nopen > 0 && slot >= 0; slot--)
    {
        if (qm_hold_state(pg_atomic_read_u64(&mine->holds[slot].word)) == QM_HOLD_FREE)
            continue;
        local_holds[slot].xact_count = 0;
        if (local_holds[slot].session_count == 0)
            hold_close(slot);
        else
            end_session_hold(&mine->holds[slot]);
    }
    qm_hold_unreserve();
}

/*
 * end_session_hold takes a session lock over the end of a transaction: it can
 * be ended for its TTL again. The launcher may have passed over it while it was
 * committing, so it is told the deadline anew.
 */
static void
end_session_hold(QmHold *hold)
{
    uint64 word = pg_atomic_read_u64(&hold->word);

    if (qm_hold_state(word) != QM_HOLD_COMMITTING)
        return;
    pg_atomic_write_u64(&hold->word, qm_hold_next_word(word, QM_HOLD_HELD));
    if (hold->deadline_us != QM_NEVER_US)
        qm_alarm_set(hold->deadline_us);
}

/*
 * qm_hold_check_sessions closes session holds whose lock DISCARD ALL or
 * pg_advisory_unlock_all() has dropped in the transaction that ends. It runs
 * after the server has released transaction-level locks, which could be on the
 * same keys. Cannot fail.
 */
void
qm_hold_check_sessions(void)
{
    for (int slot = 0; nopen > 0 && slot < (int) mine->nslots; slot++)
    {
        if (qm_hold_state(pg_atomic_read_u64(&mine->holds[slot].word)) != QM_HOLD_FREE &&
            !server_has(&mine->holds[slot]))
            hold_close(slot);
    }
    if (mine != NULL)
        qm_hold_unreserve();
}

/* qm_hold_commit_sub hands the subtransaction's locks to its parent, as the server does. */
void
qm_hold_commit_sub(SubTransactionId sub, SubTransactionId parent)
{
    int slot;
    uint32 count;

    while (qm_grant_take(sub, &slot, &count))
        qm_grant_add(slot, parent, count);
}

/* qm_hold_abort_sub gives up the subtransaction's locks, as the server is about to. */
void
qm_hold_abort_sub(SubTransactionId sub)
{
    int slot;
    uint32 count;

    while (qm_grant_take(sub, &slot, &count))
    {
        LocalHold *local = &local_holds[slot];

        Assert(local->xact_count >= count);
        local->xact_count -= count;
        if (local->xact_count == 0 && local->session_count == 0)
            hold_close(slot);
    }
    qm_hold_unreserve();
}

/* qm_hold_nbackends returns how many entries can be in use. */
int
qm_hold_nbackends(void)
{
    return (int) pg_atomic_read_u32(&hold_shared->nbackends);
}

/* qm_hold_backend returns the entry of the process with that number. */
QmBackend *
qm_hold_backend(int number)
{
    return (QmBackend *) (backends + qm_hold_backend_size() * (Size) number);
}

/* qm_hold_reserved returns how many keys are held or waited for in the server. */
uint32
qm_hold_reserved(void)
{
    return pg_atomic_read_u32(&hold_shared->reserved);
}

/* qm_hold_reserved_max returns how many that may be. */
uint32
qm_hold_reserved_max(void)
{
    return hold_shared->reserved_max;
}

/* qm_hold_count_stuck counts an overrun holder that did not end when told to. */
void
qm_hold_count_stuck(void)
{
    pg_atomic_fetch_add_u64(&hold_shared->stuck, 1);
}

/* qm_hold_stuck returns how many such holders there were since the server started. */
uint64
qm_hold_stuck(void)
{
    return pg_atomic_read_u64(&hold_shared->stuck);
}
