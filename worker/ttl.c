/*
 * TTL enforcement: looks at all holds and ends backends that overrun.
 *
 * A hold is judged by what was read of it at one moment. The decision is a
 * compare-and-swap of the word that was read, so a hold that was extended,
 * released or is committing by then is left alone. What the launcher notes in a
 * hold carries the grant's fence, so that it is not taken for the next grant's.
 */
#include "worker.h"

#include <signal.h>

#include "clock.h"
#include "hold.h"
#include "metric.h"
#include "settings.h"
#include "utils/memutils.h"

#define STUCK_AFTER_US QM_US_PER_S
#define REREAD_AFTER_US (10 * QM_US_PER_MS)

static int64 enforce_backend(int number, QmBackend *copy, int64 now_us);
static int64 enforce_hold(const QmBackend *copy, const QmHold *seen, QmHold *hold, int64 now_us);
static void note(const QmBackend *copy, const QmHold *seen, QmHold *hold, const char *why);
static bool count_overrun(const QmHold *seen, QmHold *hold);
static int pid_of(const QmBackend *copy);
static int64 press(const QmBackend *copy, const QmHold *seen, QmHold *hold, int64 now_us);

/* qm_ttl_enforce ends what has overrun, and returns when to look again. */
int64
qm_ttl_enforce(void)
{
    static QmBackend *copy = NULL;
    int nbackends = qm_hold_nbackends();
    int64 now_us = qm_now_us();
    int64 next_us = QM_NEVER_US;

    if (copy == NULL)
        copy = MemoryContextAlloc(TopMemoryContext, qm_hold_backend_size());
    for (int number = 0; number < nbackends; number++)
        next_us = qm_earlier(next_us, enforce_backend(number, copy, now_us));
    return next_us;
}

/* enforce_backend looks at one backend's holds. One that cannot be read now is looked at again soon. */
static int64
enforce_backend(int number, QmBackend *copy, int64 now_us)
{
    QmBackend *backend = qm_hold_backend(number);
    int64 next_us = QM_NEVER_US;

    if (pg_atomic_read_u32(&backend->pid) == 0 || backend->nslots == 0)
        return QM_NEVER_US;
    if (!qm_hold_read(number, copy))
        return now_us + REREAD_AFTER_US;
    for (uint32 slot = 0; slot < copy->nslots; slot++)
        next_us = qm_earlier(next_us, enforce_hold(copy, &copy->holds[slot], &backend->holds[slot], now_us));
    return next_us;
}

/* enforce_hold judges one hold, and returns when to look at it again. */
static int64
enforce_hold(const QmBackend *copy, const QmHold *seen, QmHold *hold, int64 now_us)
{
    uint64 word = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &seen->word));

    switch (qm_hold_state(word))
    {
        case QM_HOLD_FREE:
            return QM_NEVER_US;
        case QM_HOLD_OVERRUN:
            return press(copy, seen, hold, now_us);
        case QM_HOLD_COMMITTING:
        case QM_HOLD_HELD:
            break;
    }
    if (seen->deadline_us > now_us)
        return seen->deadline_us;

    if (qm_hold_state(word) == QM_HOLD_COMMITTING)
    {
        note(copy, seen, hold, "it is committing and goes on");
        return QM_NEVER_US;
    }
    if (qm_ttl_action == QM_TTL_REPORT)
    {
        note(copy, seen, hold, "quantmesh.ttl_action lets it go on");
        return QM_NEVER_US;
    }
    if (!qm_hold_overrun(hold, word))
        return now_us;
    return press(copy, seen, hold, now_us);
}

/* note counts and logs an overrun that has no consequence, once per grant. */
static void
note(const QmBackend *copy, const QmHold *seen, QmHold *hold, const char *why)
{
    if (!count_overrun(seen, hold))
        return;
    ereport(LOG,
            (errmsg("backend with PID %d holds lock \"%.*s\" beyond its TTL: %s",
                    pid_of(copy),
                    seen->key_len,
                    seen->key,
                    why),
             errdetail("Its fence is " INT64_FORMAT ".", seen->fence)));
}

/* count_overrun counts an overrun; false when this grant's has been. */
static bool
count_overrun(const QmHold *seen, QmHold *hold)
{
    if (hold->noted_fence == seen->fence)
        return false;
    hold->noted_fence = seen->fence;
    qm_metric_count(seen->label, QM_COUNT_OVERRUN);
    return true;
}

/* pid_of returns the process ID of a backend's copied entry. */
static int
pid_of(const QmBackend *copy)
{
    return (int) pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &copy->pid));
}

/*
 * press tells the backend of an overrun hold to end, and again every second
 * until it has. One that has not by then cannot be interrupted: that is said
 * and counted once. A hold that force_unlock took away comes here, too, having
 * been told once; its TTL may be well.
 */
static int64
press(const QmBackend *copy, const QmHold *seen, QmHold *hold, int64 now_us)
{
    if (hold->signalled_fence != seen->fence)
    {
        hold->signalled_fence = seen->fence;
        if (seen->deadline_us <= now_us)
        {
            (void) count_overrun(seen, hold);
            ereport(LOG,
                    (errmsg("backend with PID %d holds lock \"%.*s\" beyond its TTL: it is ended",
                            pid_of(copy),
                            seen->key_len,
                            seen->key),
                     errdetail("Its fence is " INT64_FORMAT ".", seen->fence)));
        }
    }
    else if (now_us - hold->signalled_us < STUCK_AFTER_US)
        return hold->signalled_us + STUCK_AFTER_US;
    else if (hold->stuck_fence != seen->fence)
    {
        hold->stuck_fence = seen->fence;
        qm_hold_count_stuck();
        ereport(WARNING,
                (errmsg("backend with PID %d does not end: lock \"%.*s\" is stuck",
                        pid_of(copy),
                        seen->key_len,
                        seen->key),
                 errhint("The backend cannot be interrupted, or is stopped. The lock is free only when it is gone.")));
    }
    hold->signalled_us = now_us;
    kill(pid_of(copy), SIGTERM);
    return now_us + STUCK_AFTER_US;
}
