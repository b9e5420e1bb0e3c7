/*
 * Locks in Redis and in PostgreSQL at once, for the time in which instances of
 * the earlier system work beside ours.
 *
 * Redis is always taken first and given back last, so that two handles cannot
 * wait for each other. What one of them loses is lost.
 */
#include "lock.h"

#include <stdlib.h>

#include "error.h"
#include "moment.h"

#define PARTS 2
#define PARTS_OF_TTL 3 /* that a wait for the second key has */
#define PART_MS 1000   /* of a default TTL */

typedef struct BothLocks
{
    QmLocks locks;
    QmLocks *parts[PARTS]; /* in the order in which they are taken */
    QmError error;
} BothLocks;

/* failed takes the error of a part over. */
static QmCode
failed(BothLocks *both, int part, QmCode code)
{
    both->error = *both->parts[part]->functions->error(both->parts[part]);
    return code;
}

/* join makes one grant of two: the fence that there is, and the trust that ends first. */
static void
join(QmGrant *grant, const QmGrant parts[PARTS])
{
    if (grant == NULL)
        return;
    *grant = parts[0];
    if (parts[1].fence != 0)
        grant->fence = parts[1].fence;
    if (parts[1].trusted_until_ns < grant->trusted_until_ns)
        grant->trusted_until_ns = parts[1].trusted_until_ns;
}

/*
 * take_second waits for the second key. The first one's time runs meanwhile, so
 * it is extended after every part of the wait, and when the second was had.
 */
static QmCode
take_second(BothLocks *both, const char *key, int64_t ttl_ms, int64_t end_ns, QmGrant grants[PARTS])
{
    QmLocks *first = both->parts[0];
    QmLocks *second = both->parts[1];
    QmCode code = second->functions->try_lock(second, key, ttl_ms, &grants[1]);

    while (code == QM_BUSY && qm_monotonic_ns() < end_ns)
    {
        int64_t part_ms = ttl_ms == QM_TTL_DEFAULT ? PART_MS : ttl_ms / PARTS_OF_TTL;
        int64_t left_ms = qm_moment_poll_ms(end_ns);

        code = second->functions->lock(second, key, ttl_ms, left_ms < part_ms ? left_ms : part_ms, &grants[1]);
        if (code == QM_OK || code == QM_BUSY)
        {
            QmCode extended = first->functions->extend(first, key, ttl_ms, &grants[0]);

            if (extended == QM_OK)
                continue;
            if (code == QM_OK)
                (void) !second->functions->unlock(second, key);
            return extended == QM_NOT_HELD ? QM_BUSY : failed(both, 0, extended);
        }
    }
    return code > QM_NOT_HELD ? failed(both, 1, code) : code;
}

/* take takes both, or none. */
static QmCode
take(BothLocks *both, const char *key, int64_t ttl_ms, bool wait, int64_t timeout_ms, QmGrant *grant)
{
    int64_t end_ns = qm_moment_after(qm_monotonic_ns(), timeout_ms);
    QmLocks *first = both->parts[0];
    QmGrant grants[PARTS];
    QmCode code = wait ? first->functions->lock(first, key, ttl_ms, timeout_ms, &grants[0])
                       : first->functions->try_lock(first, key, ttl_ms, &grants[0]);

    qm_error_clear(&both->error);
    if (code != QM_OK)
        return failed(both, 0, code);
    code = take_second(both, key, ttl_ms, end_ns, grants);
    if (code == QM_OK)
        join(grant, grants);
    else
        (void) !first->functions->unlock(first, key);
    return code;
}

static QmCode
both_try_lock(QmLocks *handle, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    return take((BothLocks *) handle, key, ttl_ms, false, 0, grant);
}

static QmCode
both_lock(QmLocks *handle, const char *key, int64_t ttl_ms, int64_t timeout_ms, QmGrant *grant)
{
    return take((BothLocks *) handle, key, ttl_ms, true, timeout_ms, grant);
}

/* both_unlock gives back what it can of both; the worse answer counts. */
static QmCode
both_unlock(QmLocks *handle, const char *key)
{
    BothLocks *both = (BothLocks *) handle;
    QmCode worst = QM_OK;

    qm_error_clear(&both->error);
    for (int i = PARTS - 1; i >= 0; i--)
    {
        QmCode code = both->parts[i]->functions->unlock(both->parts[i], key);

        if (code > worst)
            worst = failed(both, i, code);
    }
    return worst;
}

static QmCode
both_extend(QmLocks *handle, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    BothLocks *both = (BothLocks *) handle;
    QmGrant grants[PARTS];

    qm_error_clear(&both->error);
    for (int i = 0; i < PARTS; i++)
    {
        QmCode code = both->parts[i]->functions->extend(both->parts[i], key, ttl_ms, &grants[i]);

        if (code != QM_OK)
            return failed(both, i, code);
    }
    join(grant, grants);
    return QM_OK;
}

static QmCode
both_is_locked(QmLocks *handle, const char *key, bool *locked)
{
    BothLocks *both = (BothLocks *) handle;

    *locked = false;
    qm_error_clear(&both->error);
    for (int i = 0; i < PARTS && !*locked; i++)
    {
        QmCode code = both->parts[i]->functions->is_locked(both->parts[i], key, locked);

        if (code != QM_OK)
            return failed(both, i, code);
    }
    return QM_OK;
}

static bool
both_holds(QmLocks *handle, const char *key, QmGrant *grant)
{
    BothLocks *both = (BothLocks *) handle;
    QmGrant grants[PARTS];

    for (int i = 0; i < PARTS; i++)
    {
        if (!both->parts[i]->functions->holds(both->parts[i], key, &grants[i]))
            return false;
    }
    join(grant, grants);
    return true;
}

static const QmError *
both_error(const QmLocks *handle)
{
    return &((const BothLocks *) handle)->error;
}

static void
both_close(QmLocks *handle)
{
    BothLocks *both = (BothLocks *) handle;

    for (int i = PARTS - 1; i >= 0; i--)
    {
        if (both->parts[i] != NULL)
            both->parts[i]->functions->close(both->parts[i]);
    }
    free(both);
}

static const QmLockFunctions both_functions = {.type = "redis, postgres",
                                               .try_lock = both_try_lock,
                                               .lock = both_lock,
                                               .unlock = both_unlock,
                                               .extend = both_extend,
                                               .is_locked = both_is_locked,
                                               .holds = both_holds,
                                               .error = both_error,
                                               .close = both_close};

/* qm_lock_both_open makes a handle of two. */
QmCode
qm_lock_both_open(const QmLocksOptions *options, QmLocks **handle, QmError *error)
{
    BothLocks *both = calloc(1, sizeof(*both));
    QmCode code;

    if (both == NULL)
        return qm_error_no_memory(error);
    both->locks.functions = &both_functions;
    code = qm_lock_redis_open(options, &both->parts[0], error);
    if (code == QM_OK)
        code = qm_lock_postgres_open(options, &both->parts[1], error);
    if (code == QM_OK)
        *handle = &both->locks;
    else
        both_close(&both->locks);
    return code;
}
