/*
 * Leases: locks that belong to a named owner, in a table in shared memory.
 */
#ifndef QM_LEASE_H
#define QM_LEASE_H

#include "postgres.h"

#include "hold.h"
#include "key.h"
#include "storage/lwlock.h"

typedef struct QmOwner
{
    uint16 len;
    char text[QM_OWNER_MAX + 1];
} QmOwner;

typedef struct QmLeaseId
{
    Oid database;
    uint32 unused;
    uint64 hash;
} QmLeaseId;

typedef struct QmLease
{
    QmLeaseId id;
    int64 fence;
    int64 granted_us;
    int64 deadline_us;
    TimestampTz granted_at;
    int label;
    int pins;      /* transactions between their PRE_COMMIT and their end that are guarded by it */
    bool released; /* given back or taken away while pinned: ends with the last pin */
    uint16 key_len;
    uint16 owner_len;
    char owner[QM_OWNER_MAX];
    char key[QM_KEY_MAX];
} QmLease;

extern Size qm_lease_shmem_size(void);
extern void qm_lease_shmem_init(LWLock *lock);

extern int64 qm_lease_until(const QmKey *key, QmHolder *holder);
extern int64 qm_lease_renew_own(const QmKey *key, const QmOwner *owner, int64 ttl_us);
extern bool qm_lease_install(const QmKey *key, const QmOwner *owner, int64 fence, int64 ttl_us);
extern bool qm_lease_held_by(const QmKey *key, const QmOwner *owner, int64 fence);
extern bool qm_lease_renew(const QmKey *key, const QmOwner *owner, int64 fence, int64 ttl_us);
extern void qm_lease_release(uint64 hash, int64 fence);
extern bool qm_lease_is_held(const QmKey *key, int64 fence);
extern bool qm_lease_pin(const QmKey *key, int64 fence);
extern void qm_lease_unpin(uint64 hash, int64 fence);

extern void qm_lease_wait_prepare(const QmKey *key);
extern void qm_lease_wait(const QmKey *key, int64 until_us);
extern void qm_lease_wait_end(void);

extern int64 qm_lease_sweep(void);
extern int64 qm_lease_next_end(const char *prefix);
extern int qm_lease_count(void);
extern int qm_lease_copy(QmLease *copies, int room);
extern void qm_lease_restore(const QmLease *lease);

#endif
