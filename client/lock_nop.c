/*
 * Locks of one instance alone: none. Every call succeeds, allocates nothing and
 * asks nobody.
 */
#include "lock.h"

#include "error.h"

static const QmGrant everything = {.fence = 0, .trusted_until_ns = QM_TRUST_FOREVER};
static const QmError no_error = {.code = QM_OK};

/* granted is try_lock and extend. */
static QmCode
granted(QmLocks *locks, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    (void) locks;
    (void) key;
    (void) ttl_ms;
    if (grant != NULL)
        *grant = everything;
    return QM_OK;
}

static QmCode
nop_lock(QmLocks *locks, const char *key, int64_t ttl_ms, int64_t timeout_ms, QmGrant *grant)
{
    (void) timeout_ms;
    return granted(locks, key, ttl_ms, grant);
}

static QmCode
nop_unlock(QmLocks *locks, const char *key)
{
    (void) locks;
    (void) key;
    return QM_OK;
}

static QmCode
nop_is_locked(QmLocks *locks, const char *key, bool *locked)
{
    (void) locks;
    (void) key;
    *locked = false;
    return QM_OK;
}

static bool
nop_holds(QmLocks *locks, const char *key, QmGrant *grant)
{
    return granted(locks, key, 0, grant) == QM_OK;
}

static const QmError *
nop_error(const QmLocks *locks)
{
    (void) locks;
    return &no_error;
}

static void
nop_close(QmLocks *locks)
{
    (void) locks;
}

static const QmLockFunctions nop_functions = {.type = "nop",
                                              .try_lock = granted,
                                              .lock = nop_lock,
                                              .unlock = nop_unlock,
                                              .extend = granted,
                                              .is_locked = nop_is_locked,
                                              .holds = nop_holds,
                                              .error = nop_error,
                                              .close = nop_close};

/* qm_lock_nop returns the handle that everybody shares: it is constant, whatever its type says. */
QmLocks *
qm_lock_nop(void)
{
    static const QmLocks nop = {.functions = &nop_functions};

    return (QmLocks *) (uintptr_t) &nop;
}
