/*
 * Acquiring and releasing locks in all three modes.
 */
#ifndef QM_LOCK_H
#define QM_LOCK_H

#include "postgres.h"

#include "hold.h"
#include "lease.h"

#define QM_TTL_DEFAULT (-1)
#define QM_NO_FENCE 0

typedef struct QmLockRequest
{
    const char *function; /* for messages: quantmesh.try_lock() */
    QmLockMode mode;
    bool many; /* all keys get one new fence, also those that are held already */
    bool wait;
    int nkeys;            /* 1 unless many */
    QmKey *keys;          /* in the order of qm_key_cmp, each once */
    int64 ttl_us;         /* QM_TTL_DEFAULT, or 0 for none; a lease's is definite */
    int64 timeout_us;     /* QM_NEVER_US: only the server's own timeouts */
    const QmOwner *owner; /* of a lease */
} QmLockRequest;

extern void qm_lock_prepare(const QmLockRequest *request);
extern int64 qm_lock_acquire(const QmLockRequest *request);
extern bool qm_lock_release_session(const QmKey *key);
extern bool qm_lock_extend(const QmKey *key, int64 ttl_us);
extern bool qm_lock_holder(const QmKey *key, QmHolder *holder);

/* Between lock.c and lock_wait.c. */
extern LockAcquireResult qm_advisory_lock(const QmKey *key, bool session, bool dont_wait);
extern bool qm_advisory_unlock(const QmKey *key, bool session);
extern int64 qm_lock_wait(const QmLockRequest *request, const QmKey *busy, const QmHolder *first);
extern int64 qm_lock_publish(const QmLockRequest *request);
extern int64 qm_lock_renew_own(const QmLockRequest *request);
extern int64 qm_lock_grant_lease(const QmLockRequest *request);

#endif
