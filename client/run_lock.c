/*
 * Locks of levels, where Redis is configured: taken before an order is recorded, and
 * given back with the reply.
 *
 * They are asked for from within the loop, so they are asked briefly: a Redis that is
 * gone must not keep heartbeats and reports waiting. One that has failed is noted once,
 * and no lock is asked for until a question has been answered; locks that were to be
 * given back meanwhile are given back then.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "config_locks.h"
#include "error.h"
#include "moment.h"
#include "retry.h"

#define ANSWER_MS 300 /* to connect, and for each answer */
#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS 2000
#define LATER_MAX 1024            /* given back later; what is beyond ends with its TTL */
#define LOCK_EXCHANGE "Binance"   /* the name by which the earlier system locks */
#define PROBE "order:Binance:-:0" /* nobody's */

static void lost(QmRun *run);
static void later(QmRun *run, const char *key);

/* qm_run_locks_open makes the locks, where Redis is configured: PostgreSQL locks levels by itself. */
QmCode
qm_run_locks_open(QmRun *run, QmError *error)
{
    /* The second attempt is for a connection that has broken while it was not used. */
    static const QmRetryPolicy brief = {.name = "level", .attempts_max = 2, .base_ms = 1, .cap_ms = 1};
    const QmLocksOptions options = {
        .owner = run->instance,
        .redis = {.timeout_ms = ANSWER_MS, .retry = &brief},
        .postgres = {.connect_timeout_ms = ANSWER_MS, .call_timeout_ms = ANSWER_MS, .retry = &brief},
    };

    if (qm_config_lock_type(run->config) != QM_LOCK_REDIS)
        return QM_OK;
    return qm_config_locks_open(run->config, &options, &run->locks, error);
}

/* qm_run_locks_close gives back what is held, and frees the locks. */
void
qm_run_locks_close(QmRun *run)
{
    if (run->locks != NULL)
        run->locks->functions->close(run->locks);
    run->locks = NULL;
    free(run->locks_later);
    run->locks_later = NULL;
}

/* qm_run_lock takes the lock of a level. Without locks to take it is had; while they are gone nobody has it. */
bool
qm_run_lock(QmRun *run, const char *symbol, const char *price, char key[QM_LOCK_KEY_SIZE])
{
    QmCode code;

    key[0] = '\0';
    if (run->locks == NULL)
        return true;
    if (run->locks_lost)
        return false;
    code = qm_lock_key_order_wide(key, QM_LOCK_KEY_SIZE, LOCK_EXCHANGE, symbol, price);
    if (code == QM_OK)
        code = run->locks->functions->try_lock(run->locks, key, QM_TTL_DEFAULT, NULL);
    if (code != QM_OK && code != QM_BUSY)
        lost(run);
    if (code != QM_OK)
        key[0] = '\0';
    return code == QM_OK;
}

/* qm_run_unlock gives a level's lock back. That it was lost meanwhile is no harm: the order is recorded and has its id. */
void
qm_run_unlock(QmRun *run, char key[QM_LOCK_KEY_SIZE])
{
    QmCode code;

    if (key[0] == '\0')
        return;
    if (run->locks_lost)
        later(run, key);
    else
    {
        code = run->locks->functions->unlock(run->locks, key);
        if (code == QM_NOT_HELD)
            qm_log(&run->log, QM_LOG_WARN, "a level's lock was not ours any more", "key", key);
        else if (code != QM_OK)
            lost(run);
    }
    key[0] = '\0';
}

/* later notes a lock to be given back when the locks are there again. */
static void
later(QmRun *run, const char *key)
{
    if (run->locks_later == NULL)
        run->locks_later = calloc(LATER_MAX, sizeof(*run->locks_later));
    if (run->locks_later != NULL && run->locks_later_count < LATER_MAX)
        qm_text_copy(run->locks_later[run->locks_later_count++], sizeof(*run->locks_later), key);
}

/* lost notes that the locks are gone, once. */
static void
lost(QmRun *run)
{
    if (run->locks_lost)
        return;
    run->locks_lost = true;
    run->locks_pause_ms = PAUSE_MIN_MS;
    run->locks_retry_ns = qm_run_now_ns() + PAUSE_MIN_MS * QM_NS_PER_MS;
    qm_log(&run->log,
           QM_LOG_ERROR,
           "the locks are gone: no order is placed until they are back",
           "reason",
           run->locks->functions->error(run->locks)->message);
}

/* qm_run_locks_look asks locks that were gone whether they are back, and gives back what was to be given back meanwhile. */
void
qm_run_locks_look(QmRun *run)
{
    bool locked;

    if (!run->locks_lost || run->locks_retry_ns > qm_run_now_ns())
        return;
    if (run->locks->functions->is_locked(run->locks, PROBE, &locked) == QM_OK)
    {
        run->locks_lost = false;
        qm_log(&run->log, QM_LOG_INFO, "the locks are back");
        while (run->locks_later_count > 0 && !run->locks_lost)
            if (run->locks->functions->unlock(run->locks, run->locks_later[--run->locks_later_count]) > QM_NOT_HELD)
                lost(run);
        return;
    }
    run->locks_pause_ms *= 2;
    if (run->locks_pause_ms > PAUSE_MAX_MS)
        run->locks_pause_ms = PAUSE_MAX_MS;
    run->locks_retry_ns = qm_run_now_ns() + run->locks_pause_ms * QM_NS_PER_MS;
}
