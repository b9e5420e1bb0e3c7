/*
 * Holder: what all lock handles that talk to a server have in common.
 */
#include "holder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"
#include "lock_key.h"
#include "moment.h"

#define DEFAULT_TTL_MS 5000
#define CANCEL_TTL_MS 3000
#define RECONCILE_TTL_MS 30000
#define MARGIN_PART 10 /* of the TTL */
#define MARGIN_MIN_MS 10
#define MARGIN_MAX_MS 1000
#define RENEW_PART 3 /* of the TTL */

/* qm_holder_init fills in what all back ends need, and starts the keeper when there is something to keep. */
QmCode
qm_holder_init(QmHolder *holder, const QmLockFunctions *functions, const QmLocksOptions *options, QmError *error)
{
    holder->locks.functions = functions;
    holder->default_ttl_ms = options->default_ttl_ms == 0 ? DEFAULT_TTL_MS : options->default_ttl_ms;
    holder->margin_ms = options->margin_ms;
    holder->on_loss = options->on_loss;
    holder->on_loss_argument = options->on_loss_argument;
    holder->wake_fd = -1;
    holder->watch_fd = -1;
    holder->mutex = (pthread_mutex_t) PTHREAD_MUTEX_INITIALIZER;
    if (options->default_ttl_ms < 0 || options->margin_ms < 0 || options->default_ttl_ms > QM_DAY_MS ||
        options->margin_ms > QM_DAY_MS)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "default_ttl_ms and margin_ms must be between 0 and one day");
    if (options->renew || options->on_loss != NULL)
        return qm_keeper_start(holder, error);
    return QM_OK;
}

/* qm_holder_destroy stops the keeper and forgets all holds. */
void
qm_holder_destroy(QmHolder *holder)
{
    QmHold *hold;

    qm_keeper_stop(holder);
    while ((hold = qm_holder_take_any(holder)) != NULL)
        free(hold);
    pthread_mutex_destroy(&holder->mutex);
}

/* qm_holder_error returns the last failure of a handle. */
const QmError *
qm_holder_error(const QmLocks *locks)
{
    return &((const QmHolder *) locks)->error;
}

/* qm_holder_check_key refuses what is no key. */
QmCode
qm_holder_check_key(QmHolder *holder, const char *key)
{
    size_t len = key == NULL ? 0 : strlen(key);

    if (len < QM_KEY_MIN || len > QM_KEY_MAX)
        return qm_error_set(&holder->error,
                            QM_ERROR_ARGUMENT,
                            key == NULL ? "22004" : "22023",
                            NULL,
                            "a key must have %d to %d bytes, not %zu",
                            QM_KEY_MIN,
                            QM_KEY_MAX,
                            len);
    return QM_OK;
}

/* qm_holder_check refuses what is no key or no TTL, and replaces QM_TTL_DEFAULT by that of the key's class. */
QmCode
qm_holder_check(QmHolder *holder, const char *key, int64_t *ttl_ms)
{
    QmCode code = qm_holder_check_key(holder, key);

    if (code != QM_OK)
        return code;
    if (*ttl_ms == QM_TTL_DEFAULT)
    {
        *ttl_ms = holder->default_ttl_ms;
        switch (qm_key_parse(key, strlen(key)).class)
        {
            case QM_KEY_CANCEL:
                *ttl_ms = CANCEL_TTL_MS;
                break;
            case QM_KEY_RECONCILE:
                *ttl_ms = RECONCILE_TTL_MS;
                break;
            case QM_KEY_ORDER:
                *ttl_ms = DEFAULT_TTL_MS;
                break;
            case QM_KEY_CUSTOM:
                break;
        }
    }
    if (*ttl_ms < 0 || *ttl_ms > QM_DAY_MS || (*ttl_ms != QM_TTL_NONE && *ttl_ms <= holder->margin_ms))
        return qm_error_set(&holder->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "ttl_ms must be above margin_ms and at most one day, not %lld",
                            (long long) *ttl_ms);
    return QM_OK;
}

/* qm_holder_check_timeout refuses what is no time to wait. */
QmCode
qm_holder_check_timeout(QmHolder *holder, int64_t timeout_ms)
{
    if (timeout_ms < 0 || timeout_ms > QM_DAY_MS)
        return qm_error_set(&holder->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "timeout_ms must be between 0 and one day, not %lld",
                            (long long) timeout_ms);
    return QM_OK;
}

/* qm_holder_find returns the hold of a key, if number is not 0 only that one; NULL when there is none. */
QmHold *
qm_holder_find(QmHolder *holder, const char *key, uint64_t number)
{
    for (QmHold *hold = holder->holds; hold != NULL; hold = hold->next)
    {
        if (strcmp(hold->key, key) == 0 && (number == 0 || hold->number == number))
            return hold;
    }
    return NULL;
}

/* trusted says whether a hold is still good. */
static bool
trusted(const QmHold *hold)
{
    return !hold->lost && hold->grant.trusted_until_ns > qm_monotonic_ns();
}

/* qm_holder_has says whether the handle holds a key and may still trust in that; a hold that was lost is forgotten. */
bool
qm_holder_has(QmHolder *holder, const char *key)
{
    QmHold *hold;
    bool has;

    pthread_mutex_lock(&holder->mutex);
    hold = qm_holder_find(holder, key, 0);
    has = hold != NULL && trusted(hold);
    pthread_mutex_unlock(&holder->mutex);
    if (hold != NULL && !has)
        free(qm_holder_take(holder, key));
    return has;
}

/* qm_holder_holds is the interface's holds. */
bool
qm_holder_holds(QmLocks *locks, const char *key, QmGrant *grant)
{
    QmHolder *holder = (QmHolder *) locks;
    QmHold copy;

    if (key == NULL || !qm_holder_copy(holder, key, &copy) || !trusted(&copy))
        return false;
    if (grant != NULL)
        *grant = copy.grant;
    return true;
}

/* qm_holder_new_hold makes room for a hold before the server is asked, so that none is had that cannot be kept. */
QmHold *
qm_holder_new_hold(QmHolder *holder, const char *key, int64_t ttl_ms)
{
    QmHold *hold;

    if (holder->count >= QM_HOLDS_MAX)
    {
        qm_error_set(&holder->error,
                     QM_ERROR_LIMIT,
                     "53400",
                     "Unlock some, or use another handle.",
                     "the handle holds %d keys, the limit",
                     QM_HOLDS_MAX);
        return NULL;
    }
    hold = calloc(1, sizeof(*hold));
    if (hold == NULL)
    {
        qm_error_no_memory(&holder->error);
        return NULL;
    }
    qm_text_copy(hold->key, sizeof(hold->key), key);
    hold->ttl_ms = ttl_ms;
    return hold;
}

/* qm_holder_trust returns until when a grant that was asked for at sent_ns can be trusted. */
int64_t
qm_holder_trust(const QmHolder *holder, int64_t sent_ns, int64_t ttl_ms)
{
    int64_t margin_ms = holder->margin_ms;

    if (ttl_ms == QM_TTL_NONE)
        return QM_TRUST_FOREVER;
    if (margin_ms == 0)
    {
        margin_ms = ttl_ms / MARGIN_PART;
        margin_ms = margin_ms < MARGIN_MIN_MS ? MARGIN_MIN_MS : margin_ms;
        margin_ms = margin_ms > MARGIN_MAX_MS ? MARGIN_MAX_MS : margin_ms;
    }
    return qm_moment_after(sent_ns, ttl_ms - margin_ms);
}

/* qm_holder_keep puts a hold that was granted into the list. */
void
qm_holder_keep(QmHolder *holder, QmHold *hold, int64_t sent_ns, QmGrant *grant)
{
    hold->grant.trusted_until_ns = qm_holder_trust(holder, sent_ns, hold->ttl_ms);
    hold->renew_at_ns = qm_moment_after(sent_ns, hold->ttl_ms / RENEW_PART);
    if (grant != NULL)
        *grant = hold->grant;
    pthread_mutex_lock(&holder->mutex);
    hold->number = ++holder->last_number;
    hold->next = holder->holds;
    holder->holds = hold;
    holder->count++;
    pthread_mutex_unlock(&holder->mutex);
    qm_keeper_wake(holder);
}

/* qm_holder_copy copies the hold of a key; false when there is none. */
bool
qm_holder_copy(QmHolder *holder, const char *key, QmHold *copy)
{
    const QmHold *hold;

    pthread_mutex_lock(&holder->mutex);
    hold = qm_holder_find(holder, key, 0);
    if (hold != NULL)
        *copy = *hold;
    pthread_mutex_unlock(&holder->mutex);
    return hold != NULL;
}

/* take takes a hold out of the list. */
static QmHold *
take(QmHolder *holder, const char *key)
{
    QmHold *found = NULL;

    pthread_mutex_lock(&holder->mutex);
    for (QmHold **link = &holder->holds; *link != NULL; link = &(*link)->next)
    {
        if (key == NULL || strcmp((*link)->key, key) == 0)
        {
            found = *link;
            *link = found->next;
            holder->count--;
            break;
        }
    }
    pthread_mutex_unlock(&holder->mutex);
    return found;
}

/* qm_holder_take takes the hold of a key out of the list, to be freed by the caller; NULL when there is none. */
QmHold *
qm_holder_take(QmHolder *holder, const char *key)
{
    return take(holder, key);
}

/* qm_holder_take_any takes any hold out of the list, as long as there is one. */
QmHold *
qm_holder_take_any(QmHolder *holder)
{
    return take(holder, NULL);
}

/*
 * qm_holder_extended notes the answer to an extension of a hold, by whichever
 * thread: a longer trust, or that it is lost.
 */
QmCode
qm_holder_extended(QmHolder *holder, const QmHold *hold, QmCode code, int64_t sent_ns, int64_t ttl_ms, QmGrant *grant)
{
    int64_t until_ns = qm_holder_trust(holder, sent_ns, ttl_ms);
    QmHold *kept;

    pthread_mutex_lock(&holder->mutex);
    kept = qm_holder_find(holder, hold->key, hold->number);
    if (kept != NULL && code == QM_OK)
    {
        if (until_ns > kept->grant.trusted_until_ns)
        {
            kept->grant.trusted_until_ns = until_ns;
            kept->ttl_ms = ttl_ms;
        }
        kept->renew_at_ns = qm_moment_after(sent_ns, kept->ttl_ms / RENEW_PART);
        if (grant != NULL)
            *grant = kept->grant;
    }
    if (kept != NULL && code == QM_NOT_HELD && !kept->lost)
        qm_holder_lose(holder, kept, QM_LOSS_TAKEN);
    pthread_mutex_unlock(&holder->mutex);
    qm_keeper_wake(holder);
    return code;
}

/* qm_holder_lose marks a hold as lost and calls back, without the mutex meanwhile: the hold may be gone afterwards. */
void
qm_holder_lose(QmHolder *holder, QmHold *hold, QmLoss loss)
{
    QmHold copy;

    hold->lost = true;
    copy = *hold;
    if (holder->on_loss == NULL)
        return;
    pthread_mutex_unlock(&holder->mutex);
    holder->on_loss(holder->on_loss_argument, copy.key, &copy.grant, loss);
    pthread_mutex_lock(&holder->mutex);
}

/* qm_holder_lose_connections loses all session locks of the connections up to one that has gone. */
void
qm_holder_lose_connections(QmHolder *holder, long gone)
{
    QmHold *hold;

    pthread_mutex_lock(&holder->mutex);
    do
    {
        for (hold = holder->holds; hold != NULL; hold = hold->next)
        {
            if (!hold->lost && hold->connection != 0 && hold->connection <= gone)
                break;
        }
        if (hold != NULL)
            qm_holder_lose(holder, hold, QM_LOSS_CONNECTION);
    } while (hold != NULL);
    pthread_mutex_unlock(&holder->mutex);
}
