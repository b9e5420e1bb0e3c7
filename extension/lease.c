/*
 * Leases: a hash table in shared memory, by database and key hash.
 *
 * Every entry and every field of it is read and written under the lease lock,
 * shared to read and exclusively to write; the number of entries is also an
 * atomic, so that nobody looks for leases when there are none. A new lease is
 * put in only by a backend that has the key's advisory lock, and every
 * acquisition looks here only after it has that lock: that is why the three
 * modes exclude one another. Renewal and release need no advisory lock: they
 * touch only what their owner already has.
 *
 * A lease is over when its deadline has passed, whether or not its entry has
 * been removed. The clock is read under the lock: once somebody has seen it
 * over, nobody finds it alive. While it is pinned, by a guarded transaction that is
 * committing, it is not over: expiry, release and force_unlock wait for that
 * transaction's end.
 */
#include "lease.h"

#include "alarm.h"
#include "clock.h"
#include "compat.h"
#include "metric.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/condition_variable.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

/* Waiters share condition variables by key hash: those must outlive the leases that are waited for. */
#define WAIT_QUEUES 64
#define PINNED_RECHECK_US QM_US_PER_S

typedef struct LeaseShared
{
    pg_atomic_uint32 count;
    ConditionVariable queues[WAIT_QUEUES];
} LeaseShared;

static LeaseShared *lease_shared = NULL;
static HTAB *lease_table = NULL;
static LWLock *lease_lock = NULL;

static QmLeaseId lease_id(uint64 hash);
static QmLease *lease_find(uint64 hash);
static QmLease *lease_find_live(const QmKey *key, int64 fence, int64 now_us);
static bool lease_has_key(const QmLease *lease, const QmKey *key);
static bool lease_is_live(const QmLease *lease, int64 now_us);
static bool lease_has_owner(const QmLease *lease, const QmOwner *owner);
static void lease_move_deadline(QmLease *lease, int64 deadline_us);
static void lease_remove(QmLease *lease, int64 now_us);
static ConditionVariable *wait_queue(uint64 hash);

/* qm_lease_shmem_size returns what qm_lease_shmem_init takes. */
Size
qm_lease_shmem_size(void)
{
    return add_size(MAXALIGN(sizeof(LeaseShared)), hash_estimate_size(qm_max_leases, sizeof(QmLease)));
}

/* qm_lease_shmem_init makes or finds the table; lock guards all of it. */
void
qm_lease_shmem_init(LWLock *lock)
{
    HASHCTL info = {.keysize = sizeof(QmLeaseId), .entrysize = sizeof(QmLease)};
    bool found;

    lease_lock = lock;
    lease_table = ShmemInitHash("quantmesh leases", qm_max_leases, qm_max_leases, &info, HASH_ELEM | HASH_BLOBS);
    lease_shared = ShmemInitStruct("quantmesh lease waits", sizeof(LeaseShared), &found);
    if (found)
        return;
    pg_atomic_init_u32(&lease_shared->count, 0);
    for (int i = 0; i < WAIT_QUEUES; i++)
        ConditionVariableInit(&lease_shared->queues[i]);
}

/* lease_id returns the identity of a key's lease in this database. */
static QmLeaseId
lease_id(uint64 hash)
{
    return (QmLeaseId){.database = MyDatabaseId, .unused = 0, .hash = hash};
}

/* lease_find returns the entry of that hash, over or not, or NULL. The caller has the lock. */
static QmLease *
lease_find(uint64 hash)
{
    QmLeaseId id = lease_id(hash);

    if (qm_lease_count() == 0)
        return NULL;
    return hash_search(lease_table, &id, HASH_FIND, NULL);
}

/* lease_find_live returns the key's entry if it is held under that fence, or NULL. The caller has the lock. */
static QmLease *
lease_find_live(const QmKey *key, int64 fence, int64 now_us)
{
    QmLease *lease = lease_find(key->hash);

    return lease != NULL && lease_has_key(lease, key) && lease->fence == fence && !lease->released &&
                   lease_is_live(lease, now_us)
               ? lease
               : NULL;
}

/* lease_has_key says whether the lease is on this key, and not on another of the same hash. */
static bool
lease_has_key(const QmLease *lease, const QmKey *key)
{
    return lease->key_len == key->len && memcmp(lease->key, key->text, key->len) == 0;
}

/* lease_is_live says whether the lease still excludes others. */
static bool
lease_is_live(const QmLease *lease, int64 now_us)
{
    return lease->pins > 0 || lease->deadline_us > now_us;
}

/* lease_has_owner says whether the lease is that owner's. */
static bool
lease_has_owner(const QmLease *lease, const QmOwner *owner)
{
    return lease->owner_len == owner->len && memcmp(lease->owner, owner->text, owner->len) == 0;
}

/*
 * qm_lease_until returns when the key's lease ends, and fills in its holder; 0
 * when the key is not leased. The end of a pinned lease is not known: then it
 * is when to look again.
 */
int64
qm_lease_until(const QmKey *key, QmHolder *holder)
{
    int64 now_us;
    int64 until_us = 0;
    const QmLease *lease;

    if (qm_lease_count() == 0)
        return 0;

    LWLockAcquire(lease_lock, LW_SHARED);
    now_us = qm_now_us();
    lease = lease_find(key->hash);
    if (lease != NULL && lease_is_live(lease, now_us))
    {
        until_us = lease->deadline_us > now_us ? lease->deadline_us : now_us + PINNED_RECHECK_US;
        *holder = (QmHolder){.found = lease_has_key(lease, key),
                             .mode = QM_MODE_LEASE,
                             .fence = lease->fence,
                             .deadline_us = lease->deadline_us,
                             .granted_at = lease->granted_at,
                             .owner_len = lease->owner_len};
        memcpy(holder->owner, lease->owner, lease->owner_len);
    }
    LWLockRelease(lease_lock);
    return until_us;
}

/* qm_lease_renew_own renews the lease if it is this owner's and returns its fence, otherwise 0. */
int64
qm_lease_renew_own(const QmKey *key, const QmOwner *owner, int64 ttl_us)
{
    int64 now_us;
    int64 fence = 0;
    QmLease *lease;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    lease = lease_find(key->hash);
    if (lease != NULL && lease_has_key(lease, key) && !lease->released && lease->deadline_us > now_us &&
        lease_has_owner(lease, owner))
    {
        lease_move_deadline(lease, now_us + ttl_us);
        fence = lease->fence;
    }
    LWLockRelease(lease_lock);
    return fence;
}

/*
 * qm_lease_install grants the lease. The caller has the key's advisory lock
 * and has seen that nobody holds a lease. False when the table is full.
 */
bool
qm_lease_install(const QmKey *key, const QmOwner *owner, int64 fence, int64 ttl_us)
{
    QmLeaseId id = lease_id(key->hash);
    int label = qm_metric_label(key);
    TimestampTz granted_at = GetCurrentTimestamp();
    int64 now_us;
    QmLease *lease;
    bool found;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    lease = lease_find(key->hash);
    if (lease != NULL)
    {
        Assert(!lease_is_live(lease, now_us));
        lease_remove(lease, now_us);
    }
    lease = qm_lease_count() < qm_max_leases ? hash_search(lease_table, &id, HASH_ENTER_NULL, &found) : NULL;
    if (lease != NULL)
    {
        pg_atomic_fetch_add_u32(&lease_shared->count, 1);
        lease->fence = fence;
        lease->granted_us = now_us;
        lease->deadline_us = now_us + ttl_us;
        lease->granted_at = granted_at;
        lease->label = label;
        lease->pins = 0;
        lease->released = false;
        lease->key_len = key->len;
        lease->owner_len = owner->len;
        memcpy(lease->owner, owner->text, owner->len);
        memcpy(lease->key, key->text, key->len);
    }
    LWLockRelease(lease_lock);
    if (lease != NULL)
        qm_alarm_set(now_us + ttl_us);
    return lease != NULL;
}

/* qm_lease_held_by says whether the owner holds the key under this fence. */
bool
qm_lease_held_by(const QmKey *key, const QmOwner *owner, int64 fence)
{
    int64 now_us;
    const QmLease *lease;
    bool held;

    LWLockAcquire(lease_lock, LW_SHARED);
    now_us = qm_now_us();
    lease = lease_find_live(key, fence, now_us);
    held = lease != NULL && lease_has_owner(lease, owner);
    LWLockRelease(lease_lock);
    return held;
}

/* qm_lease_renew lets the lease live until ttl from now, never shorter; false when the owner no longer has it. */
bool
qm_lease_renew(const QmKey *key, const QmOwner *owner, int64 fence, int64 ttl_us)
{
    int64 now_us;
    QmLease *lease;
    bool held;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    lease = lease_find_live(key, fence, now_us);
    held = lease != NULL && lease->deadline_us > now_us && lease_has_owner(lease, owner);
    if (held)
        lease_move_deadline(lease, now_us + ttl_us);
    LWLockRelease(lease_lock);
    return held;
}

/* lease_move_deadline moves the deadline, never to an earlier time. The launcher looks at the old one, and finds the new. */
static void
lease_move_deadline(QmLease *lease, int64 deadline_us)
{
    lease->deadline_us = Max(lease->deadline_us, deadline_us);
}

/*
 * qm_lease_release ends the lease if it still has that fence; while it is
 * pinned, with its last pin. Cannot fail: it runs after COMMIT.
 */
void
qm_lease_release(uint64 hash, int64 fence)
{
    int64 now_us;
    QmLease *lease;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    lease = lease_find(hash);
    if (lease != NULL && lease->fence == fence)
    {
        lease->released = true;
        if (lease->pins == 0)
            lease_remove(lease, now_us);
    }
    LWLockRelease(lease_lock);
    ConditionVariableBroadcast(wait_queue(hash));
}

/* lease_remove takes the entry out and records how long it was held. The caller has the lock exclusively. */
static void
lease_remove(QmLease *lease, int64 now_us)
{
    int64 end_us = Min(lease->deadline_us, now_us);

    Assert(lease->pins == 0);
    qm_metric_hold(lease->label, end_us - lease->granted_us);
    if (!lease->released)
        qm_metric_count(lease->label, QM_COUNT_OVERRUN);
    hash_search(lease_table, &lease->id, HASH_REMOVE, NULL);
    pg_atomic_fetch_sub_u32(&lease_shared->count, 1);
}

/* qm_lease_is_held says whether the key is leased under this fence. */
bool
qm_lease_is_held(const QmKey *key, int64 fence)
{
    int64 now_us;
    bool held;

    LWLockAcquire(lease_lock, LW_SHARED);
    now_us = qm_now_us();
    held = lease_find_live(key, fence, now_us) != NULL;
    LWLockRelease(lease_lock);
    return held;
}

/* qm_lease_pin keeps the lease from ending until qm_lease_unpin; false when it is no longer held. */
bool
qm_lease_pin(const QmKey *key, int64 fence)
{
    int64 now_us;
    QmLease *lease;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    lease = lease_find_live(key, fence, now_us);
    if (lease != NULL)
        lease->pins++;
    LWLockRelease(lease_lock);
    return lease != NULL;
}

/* qm_lease_unpin takes back one pin, and lets the lease end if that is what it waited for. Cannot fail. */
void
qm_lease_unpin(uint64 hash, int64 fence)
{
    int64 now_us;
    QmLease *lease;
    bool over;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    lease = lease_find(hash);
    Assert(lease != NULL && lease->fence == fence && lease->pins > 0);
    lease->pins--;
    over = lease->pins == 0 && (lease->released || lease->deadline_us <= now_us);
    if (over)
        lease_remove(lease, now_us);
    LWLockRelease(lease_lock);
    if (over)
        ConditionVariableBroadcast(wait_queue(hash));
}

/* wait_queue returns where those who wait for the key's lease sleep. */
static ConditionVariable *
wait_queue(uint64 hash)
{
    return &lease_shared->queues[hash % WAIT_QUEUES];
}

/* qm_lease_wait_prepare begins a wait: an end that comes from now on is not missed. */
void
qm_lease_wait_prepare(const QmKey *key)
{
    ConditionVariablePrepareToSleep(wait_queue(key->hash));
}

/* qm_lease_wait sleeps until something may have changed, or until_us. */
void
qm_lease_wait(const QmKey *key, int64 until_us)
{
    static uint32 wait_event = 0;
    long left_ms = qm_ms_until(until_us, qm_now_us());

    if (wait_event == 0)
        wait_event = qm_wait_event_new("QuantmeshLease");
    ConditionVariableTimedSleep(wait_queue(key->hash), Max(left_ms, 1), wait_event);
}

/* qm_lease_wait_end ends a wait. */
void
qm_lease_wait_end(void)
{
    ConditionVariableCancelSleep();
}

/* qm_lease_sweep removes leases that are over, of all databases, and returns when the next one ends. */
int64
qm_lease_sweep(void)
{
    int64 now_us;
    int64 next_us = QM_NEVER_US;
    HASH_SEQ_STATUS scan;
    QmLease *lease;

    if (qm_lease_count() == 0)
        return QM_NEVER_US;

    LWLockAcquire(lease_lock, LW_EXCLUSIVE);
    now_us = qm_now_us();
    hash_seq_init(&scan, lease_table);
    while ((lease = hash_seq_search(&scan)) != NULL)
    {
        if (!lease_is_live(lease, now_us))
            lease_remove(lease, now_us);
        else if (lease->deadline_us > now_us)
            next_us = Min(next_us, lease->deadline_us);
    }
    LWLockRelease(lease_lock);
    return next_us;
}

/*
 * qm_lease_next_end returns when the first of this database's leases ends whose
 * key begins with the prefix. Those that should have ended, and are pinned, are
 * not counted.
 */
int64
qm_lease_next_end(const char *prefix)
{
    size_t len = strlen(prefix);
    int64 now_us;
    int64 next_us = QM_NEVER_US;
    HASH_SEQ_STATUS scan;
    QmLease *lease;

    if (qm_lease_count() == 0)
        return QM_NEVER_US;

    LWLockAcquire(lease_lock, LW_SHARED);
    now_us = qm_now_us();
    hash_seq_init(&scan, lease_table);
    while ((lease = hash_seq_search(&scan)) != NULL)
    {
        if (lease->id.database == MyDatabaseId && lease->deadline_us > now_us && lease->key_len >= len &&
            memcmp(lease->key, prefix, len) == 0)
            next_us = Min(next_us, lease->deadline_us);
    }
    LWLockRelease(lease_lock);
    return next_us;
}

/* qm_lease_count returns how many entries the table has, in all databases. */
int
qm_lease_count(void)
{
    return (int) pg_atomic_read_u32(&lease_shared->count);
}

/*
 * qm_lease_copy copies up to room entries, of all databases and over or not,
 * and returns how many. In the postmaster, when all others are gone, it takes
 * no lock.
 */
int
qm_lease_copy(QmLease *copies, int room)
{
    HASH_SEQ_STATUS scan;
    QmLease *lease;
    int count = 0;

    if (IsUnderPostmaster)
        LWLockAcquire(lease_lock, LW_SHARED);
    hash_seq_init(&scan, lease_table);
    while (count < room && (lease = hash_seq_search(&scan)) != NULL)
        copies[count++] = *lease;
    if (count == room)
        hash_seq_term(&scan);
    if (IsUnderPostmaster)
        LWLockRelease(lease_lock);
    return count;
}

/* qm_lease_restore puts back a lease that a clean shutdown saved. Only while the server starts. */
void
qm_lease_restore(const QmLease *lease)
{
    QmLeaseId id = {.database = lease->id.database, .hash = qm_key_hash(lease->key, lease->key_len)};
    bool found;
    QmLease *entry = hash_search(lease_table, &id, HASH_ENTER_NULL, &found);

    if (entry == NULL || found)
        return;
    *entry = *lease;
    entry->id = id;
    entry->label = QM_LABEL_OTHER;
    entry->pins = 0;
    pg_atomic_fetch_add_u32(&lease_shared->count, 1);
}
