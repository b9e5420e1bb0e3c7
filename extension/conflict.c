/*
 * Recent conflicts: a ring in shared memory that anybody appends to without a
 * lock.
 *
 * next numbers the conflicts; number n goes to slot n modulo the ring's size.
 * A slot's version is odd while somebody writes it. A writer that finds it odd
 * (the ring went round in the time of one write) drops its conflict rather
 * than wait; readers skip a slot that changes under them.
 */
#include "conflict.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "settings.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

typedef struct ConflictSlot
{
    pg_atomic_uint32 version;
    QmConflict conflict;
} ConflictSlot;

typedef struct ConflictShared
{
    pg_atomic_uint64 next;
    ConflictSlot slots[FLEXIBLE_ARRAY_MEMBER];
} ConflictShared;

static ConflictShared *conflict_shared = NULL;

static bool slot_lock(ConflictSlot *slot);
static void slot_unlock(ConflictSlot *slot);
static int conflict_cmp(const void *left, const void *right);

/* qm_conflict_shmem_size returns what qm_conflict_shmem_init takes. */
Size
qm_conflict_shmem_size(void)
{
    return add_size(offsetof(ConflictShared, slots), mul_size(sizeof(ConflictSlot), qm_conflict_history));
}

/* qm_conflict_shmem_init makes or finds the ring. */
void
qm_conflict_shmem_init(void)
{
    bool found;

    conflict_shared = ShmemInitStruct("quantmesh conflicts", qm_conflict_shmem_size(), &found);
    if (found)
        return;
    pg_atomic_init_u64(&conflict_shared->next, 0);
    for (int i = 0; i < qm_conflict_history; i++)
    {
        pg_atomic_init_u32(&conflict_shared->slots[i].version, 0);
        conflict_shared->slots[i].conflict.database = InvalidOid;
    }
}

/* qm_conflict_add remembers one conflict. Never fails and never waits. */
void
qm_conflict_add(const QmKey *key, QmLockMode mode, QmConflictOutcome outcome, int64 waited_us, const QmHolder *holder)
{
    uint64 number = pg_atomic_fetch_add_u64(&conflict_shared->next, 1);
    ConflictSlot *slot = &conflict_shared->slots[number % (uint64) qm_conflict_history];
    QmConflict *conflict = &slot->conflict;

    if (!slot_lock(slot))
        return;
    conflict->number = number;
    conflict->database = MyDatabaseId;
    conflict->at = GetCurrentTimestamp();
    conflict->waiter_pid = MyProcPid;
    conflict->waiter_mode = mode;
    conflict->outcome = outcome;
    conflict->waited_us = waited_us;
    conflict->holder = *holder;
    conflict->key_len = key->len;
    memcpy(conflict->key, key->text, key->len);
    slot_unlock(slot);
}

/* slot_lock makes the slot's version odd; false when it is already. */
static bool
slot_lock(ConflictSlot *slot)
{
    uint32 version = pg_atomic_read_u32(&slot->version);

    return version % 2 == 0 && pg_atomic_compare_exchange_u32(&slot->version, &version, version + 1);
}

/* slot_unlock makes the slot's version even again, and new. */
static void
slot_unlock(ConflictSlot *slot)
{
    pg_write_barrier();
    pg_atomic_fetch_add_u32(&slot->version, 1);
}

/*
 * qm_conflict_read copies this database's conflicts, newest first, into an
 * array with room for qm_conflict_history of them, and returns their number.
 */
int
qm_conflict_read(QmConflict *conflicts)
{
    int count = 0;

    for (int i = 0; i < qm_conflict_history; i++)
    {
        ConflictSlot *slot = &conflict_shared->slots[i];
        uint32 version = pg_atomic_read_u32(&slot->version);

        pg_read_barrier();
        memcpy(&conflicts[count], &slot->conflict, sizeof(QmConflict));
        pg_read_barrier();
        if (version % 2 == 0 && version == pg_atomic_read_u32(&slot->version) &&
            conflicts[count].database == MyDatabaseId)
            count++;
    }
    qsort(conflicts, (size_t) count, sizeof(QmConflict), conflict_cmp);
    return count;
}

/* conflict_cmp orders conflicts from the newest to the oldest. */
static int
conflict_cmp(const void *left, const void *right)
{
    uint64 l = ((const QmConflict *) left)->number;
    uint64 r = ((const QmConflict *) right)->number;

    return l == r ? 0 : (l > r ? -1 : 1);
}

/* qm_conflict_reset forgets this database's conflicts. */
void
qm_conflict_reset(void)
{
    for (int i = 0; i < qm_conflict_history; i++)
    {
        ConflictSlot *slot = &conflict_shared->slots[i];

        if (slot->conflict.database == MyDatabaseId && slot_lock(slot))
        {
            slot->conflict.database = InvalidOid;
            slot_unlock(slot);
        }
    }
}

/* qm_conflict_outcome_name returns the word that views show. */
const char *
qm_conflict_outcome_name(QmConflictOutcome outcome)
{
    switch (outcome)
    {
        case QM_CONFLICT_SKIPPED:
            return "skipped";
        case QM_CONFLICT_GRANTED:
            return "granted";
        case QM_CONFLICT_TIMEOUT:
            return "timeout";
        case QM_CONFLICT_ERROR:
            return "error";
    }
    return "error";
}
