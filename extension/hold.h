/*
 * Holds: what each backend holds and waits for, for TTL enforcement and views.
 */
#ifndef QM_HOLD_H
#define QM_HOLD_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "key.h"
#include "port/atomics.h"

#define QM_OWNER_MIN 1   /* bytes */
#define QM_OWNER_MAX 128 /* bytes */

typedef enum QmLockMode
{
    QM_MODE_XACT,
    QM_MODE_SESSION,
    QM_MODE_LEASE
} QmLockMode;

typedef enum QmHoldState
{
    QM_HOLD_FREE,
    QM_HOLD_HELD,
    QM_HOLD_COMMITTING, /* past PRE_COMMIT: never ended for its TTL */
    QM_HOLD_OVERRUN     /* the launcher, or force_unlock, has decided to end the backend */
} QmHoldState;

typedef struct QmHold
{
    pg_atomic_uint64 word; /* change number << 2 | QmHoldState */
    int64 noted_fence;     /* the launcher's: the grant that it has counted as overrun */
    int64 signalled_fence; /* the launcher's: the grant whose backend it has told to end */
    int64 signalled_us;    /* the launcher's: when it did, last */
    int64 stuck_fence;     /* the launcher's: the grant that it has reported as stuck */
    uint64 hash;
    int64 fence;
    int64 granted_us;
    int64 deadline_us; /* QM_NEVER_US without TTL */
    TimestampTz granted_at;
    int label;
    bool session; /* whether a session lock is part of it */
    uint16 key_len;
    char key[QM_KEY_MAX];
} QmHold;

typedef enum QmWaitFor
{
    QM_WAIT_NOTHING,
    QM_WAIT_LOCK,
    QM_WAIT_LEASE,
    QM_WAIT_GRACE
} QmWaitFor;

typedef struct QmWait
{
    QmWaitFor waits_for;
    QmLockMode mode;
    int64 since_us;
    uint64 hash;
    uint16 key_len;
    char key[QM_KEY_MAX];
} QmWait;

typedef struct QmBackend
{
    pg_atomic_uint32 changes; /* odd while the owner writes */
    pg_atomic_uint32 pid;     /* 0: nobody's */
    Oid database;
    uint32 nslots; /* holds from here on are free */
    QmWait wait;
    QmHold holds[FLEXIBLE_ARRAY_MEMBER];
} QmBackend;

/* Who holds a key: what views, conflicts and lock_holder say of it. */
typedef struct QmHolder
{
    bool found;
    QmLockMode mode;
    int pid; /* 0 for a lease */
    int64 fence;
    int64 deadline_us;
    TimestampTz granted_at;
    uint16 owner_len; /* 0 unless it is a lease */
    char owner[QM_OWNER_MAX];
} QmHolder;

extern Size qm_hold_shmem_size(void);
extern void qm_hold_shmem_init(void);

/* The owner's side: this backend's own holds, by slot. */
extern void qm_hold_attach(void);
extern void qm_hold_reserve(int nkeys, QmLockMode mode, const QmKey *first);
extern void qm_hold_unreserve(void);
extern int qm_hold_find(const QmKey *key);
extern void qm_hold_open(const QmKey *key, QmLockMode mode, int64 fence, int64 ttl_us, int64 now_us);
extern bool qm_hold_stack(int slot, QmLockMode mode, int64 ttl_us, int64 now_us);
extern bool qm_hold_set_deadline(int slot, int64 deadline_us);
extern void qm_hold_raise_fence(int slot, int64 fence);
extern int64 qm_hold_fence(int slot);
extern int qm_hold_session_count(int slot);
extern void qm_hold_session_release(int slot);
extern void qm_hold_lost(int slot);
extern void qm_wait_publish(const QmKey *key, QmLockMode mode, QmWaitFor waits_for, int64 since_us);
extern void qm_wait_clear(void);

/* The transaction's end. */
extern bool qm_hold_any(void);
extern void qm_hold_pre_commit(void);
extern void qm_hold_end_xact(void);
extern void qm_hold_check_sessions(void);
extern void qm_hold_commit_sub(SubTransactionId sub, SubTransactionId parent);
extern void qm_hold_abort_sub(SubTransactionId sub);

/* Everybody's side. */
extern int qm_hold_nbackends(void);
extern QmBackend *qm_hold_backend(int number);
extern Size qm_hold_backend_size(void);
extern bool qm_hold_read(int number, QmBackend *copy);
extern bool qm_hold_holder(const QmKey *key, QmHolder *holder);
extern bool qm_hold_overrun(QmHold *hold, uint64 word);
extern bool qm_hold_end(const QmKey *key, const QmHolder *holder);
extern void qm_hold_count_stuck(void);
extern uint64 qm_hold_stuck(void);
extern uint32 qm_hold_reserved(void);
extern uint32 qm_hold_reserved_max(void);

extern const char *qm_lock_mode_name(QmLockMode mode);

/* qm_hold_state returns the state in a hold's word. */
static inline QmHoldState
qm_hold_state(uint64 word)
{
    return (QmHoldState) (word & 3);
}

/* qm_hold_next_word returns the word that follows, in the given state: never one that was read before. */
static inline uint64
qm_hold_next_word(uint64 word, QmHoldState state)
{
    return ((word >> 2) + 1) << 2 | (uint64) state;
}

#endif
