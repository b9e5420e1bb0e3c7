/*
 * Locks in Redis, as instances of the earlier system take them: SET NX PX of a
 * random token, and scripts that delete and extend only what has that token.
 *
 * Redis forgets locks when it fails over, and has no fences: use it beside
 * instances that know nothing else. A hold is good until its TTL, counted from
 * before the command was sent.
 */
#include "lock_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "lock.h"
#include "moment.h"

#define DEFAULT_PREFIX "quantmesh:lock:"
#define CLOSE_TIMEOUT_MS 1000
#define NUMBER_TEXT 24

/* An extension never shortens: so renewals and extensions may overtake one another. */
static const char extend_script[] =
    "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end "
    "if redis.call('pttl', KEYS[1]) < tonumber(ARGV[2]) then redis.call('pexpire', KEYS[1], ARGV[2]) end "
    "return 1";

static const char release_script[] = "if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end "
                                     "return redis.call('del', KEYS[1])";

/* qm_redis_key puts the prefix before a key. */
void
qm_redis_key(const QmRedisLocks *locks, const char *key, char full[QM_REDIS_KEY_SIZE])
{
    snprintf(full, QM_REDIS_KEY_SIZE, "%s%s", locks->prefix, key);
}

/* deadline_of returns when a command that is sent now must have been answered. */
static int64_t
deadline_of(const QmRedis *redis)
{
    return qm_moment_after(qm_monotonic_ns(), redis->timeout_ms);
}

/*
 * eval runs a script on a hold's key and token, as often as the policy allows:
 * QM_OK for 1, QM_NOT_HELD for 0.
 */
static QmCode
eval(const QmRedisLocks *locks, QmRedis *redis, const char *script, const QmHold *hold, int64_t *sent_ns)
{
    char full[QM_REDIS_KEY_SIZE];
    char ttl[NUMBER_TEXT];
    const char *const words[] = {"EVAL", script, "1", full, hold->token, ttl};
    QmRetry retry;
    QmCode code;

    qm_redis_key(locks, hold->key, full);
    snprintf(ttl, sizeof(ttl), "%" PRId64, hold->ttl_ms);
    qm_retry_begin(&retry, &redis->retry);
    do
    {
        redisReply *reply;

        code = qm_redis_ensure(redis, deadline_of(redis));
        if (code != QM_OK)
            continue;
        *sent_ns = qm_monotonic_ns();
        code = qm_redis_command(redis, deadline_of(redis), 6, words, &reply);
        if (code == QM_OK)
        {
            code = reply->integer == 1 ? QM_OK : QM_NOT_HELD;
            freeReplyObject(reply);
            return code;
        }
    } while (qm_redis_passes(redis) && qm_retry_again(&retry));
    return code;
}

/* token_draw draws the token that tells a hold from every other. */
static bool
token_draw(char token[QM_TOKEN_SIZE])
{
    unsigned char bytes[(QM_TOKEN_SIZE - 1) / 2];

    if (!qm_random(bytes, sizeof(bytes)))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

/* is_ours asks whether an earlier SET, whose reply never came, has set the key. */
static QmCode
is_ours(QmRedisLocks *locks, QmRedisAttempt *attempt)
{
    const char *const words[] = {"GET", attempt->key};
    redisReply *reply;
    QmCode code;

    if (attempt->unsure_ns == 0)
        return QM_BUSY;
    code = qm_redis_command(&locks->redis, deadline_of(&locks->redis), 2, words, &reply);
    if (code != QM_OK)
        return code;
    code = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, attempt->hold->token) == 0 ? QM_OK : QM_BUSY;
    freeReplyObject(reply);
    attempt->sent_ns = attempt->unsure_ns;
    return code;
}

/* qm_redis_set tries to set the key once: QM_OK, QM_BUSY, or an error. */
QmCode
qm_redis_set(QmRedisLocks *locks, QmRedisAttempt *attempt)
{
    char ttl[NUMBER_TEXT];
    const char *const words[] = {"SET", attempt->key, attempt->hold->token, "NX", "PX", ttl};
    redisReply *reply;
    QmCode code = qm_redis_ensure(&locks->redis, deadline_of(&locks->redis));

    if (code != QM_OK)
        return code;
    snprintf(ttl, sizeof(ttl), "%" PRId64, attempt->hold->ttl_ms);
    attempt->sent_ns = qm_monotonic_ns();
    code = qm_redis_command(&locks->redis, deadline_of(&locks->redis), 6, words, &reply);
    if (code != QM_OK)
    {
        if (attempt->unsure_ns == 0 && locks->redis.context == NULL)
            attempt->unsure_ns = attempt->sent_ns;
        return code;
    }
    code = reply->type == REDIS_REPLY_STATUS ? QM_OK : QM_BUSY;
    freeReplyObject(reply);
    return code == QM_OK ? QM_OK : is_ours(locks, attempt);
}

/* prepare checks arguments and makes room for a hold; *own says whether the handle has the key already. */
static QmCode
prepare(QmRedisLocks *locks, const char *key, int64_t ttl_ms, QmHold **hold, bool *own)
{
    QmCode code = qm_holder_check(&locks->holder, key, &ttl_ms);

    *own = false;
    *hold = NULL;
    if (code != QM_OK)
        return code;
    if (ttl_ms == QM_TTL_NONE)
        return qm_error_set(&locks->holder.error, QM_ERROR_ARGUMENT, "22023", NULL, "a lock in redis needs a TTL");
    *own = qm_holder_has(&locks->holder, key);
    if (*own)
        return QM_OK;
    *hold = qm_holder_new_hold(&locks->holder, key, ttl_ms);
    if (*hold == NULL)
        return locks->holder.error.code;
    if (token_draw((*hold)->token))
        return QM_OK;
    free(*hold);
    return qm_error_set(&locks->holder.error,
                        QM_ERROR_UNSUPPORTED,
                        "0A000",
                        NULL,
                        "the system has no source of random numbers");
}

/* finish keeps a hold that was granted, and frees one that was not. */
static QmCode
finish(QmRedisLocks *locks, QmRedisAttempt *attempt, QmCode code, QmGrant *grant)
{
    if (code == QM_OK)
        qm_holder_keep(&locks->holder, attempt->hold, attempt->sent_ns, grant);
    else
        free(attempt->hold);
    if (code <= QM_NOT_HELD)
        qm_error_clear(&locks->holder.error);
    else
        qm_error_copy(&locks->holder.error, &locks->redis.error);
    return code;
}

/* acquire tries once, or waits until end_ns, over as many connections as the policy allows. */
static QmCode
acquire(QmRedisLocks *locks, QmHold *hold, bool wait, int64_t end_ns, QmGrant *grant)
{
    char full[QM_REDIS_KEY_SIZE];
    QmRedisAttempt attempt = {.key = full, .hold = hold};
    QmRetry retry;
    QmCode code;

    qm_redis_key(locks, hold->key, full);
    qm_retry_begin(&retry, &locks->redis.retry);
    do
        code = wait ? qm_redis_wait(locks, &attempt, end_ns) : qm_redis_set(locks, &attempt);
    while (code > QM_NOT_HELD && qm_redis_passes(&locks->redis) && (!wait || qm_monotonic_ns() < end_ns) &&
           qm_retry_again(&retry));
    return finish(locks, &attempt, code, grant);
}

static QmCode
redis_try_lock(QmLocks *handle, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    QmRedisLocks *locks = (QmRedisLocks *) handle;
    QmHold *hold;
    bool own;
    QmCode code = prepare(locks, key, ttl_ms, &hold, &own);

    if (code != QM_OK || own)
        return code == QM_OK ? QM_BUSY : code;
    return acquire(locks, hold, false, 0, grant);
}

static QmCode
redis_lock(QmLocks *handle, const char *key, int64_t ttl_ms, int64_t timeout_ms, QmGrant *grant)
{
    QmRedisLocks *locks = (QmRedisLocks *) handle;
    QmHold *hold;
    bool own;
    QmCode code = qm_holder_check_timeout(&locks->holder, timeout_ms);

    if (code == QM_OK)
        code = prepare(locks, key, ttl_ms, &hold, &own);
    if (code != QM_OK)
        return code;
    if (own)
        return qm_error_set(&locks->holder.error,
                            QM_ERROR_ARGUMENT,
                            "55P03",
                            "Use extend to keep it for longer.",
                            "this handle holds \"%s\" and would wait for itself",
                            key);
    return acquire(locks, hold, true, qm_moment_after(qm_monotonic_ns(), timeout_ms), grant);
}

/*
 * redis_unlock takes the hold out of the list first, so that the keeper leaves
 * it alone. If a reply was lost and the key is gone when asked again, either the
 * first call deleted it or the server forgot it: the caller hears the worse.
 */
static QmCode
redis_unlock(QmLocks *handle, const char *key)
{
    QmRedisLocks *locks = (QmRedisLocks *) handle;
    QmCode code = qm_holder_check_key(&locks->holder, key);
    int64_t sent_ns;
    QmHold *hold;

    if (code != QM_OK)
        return code;
    qm_error_clear(&locks->holder.error);
    hold = qm_holder_take(&locks->holder, key);
    if (hold == NULL)
        return QM_NOT_HELD;
    code = eval(locks, &locks->redis, release_script, hold, &sent_ns);
    free(hold);
    if (code > QM_NOT_HELD)
        qm_error_copy(&locks->holder.error, &locks->redis.error);
    return code;
}

static QmCode
redis_extend(QmLocks *handle, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    QmRedisLocks *locks = (QmRedisLocks *) handle;
    QmHold hold;
    int64_t sent_ns;
    QmCode code = qm_holder_check(&locks->holder, key, &ttl_ms);

    if (code != QM_OK)
        return code;
    if (ttl_ms == QM_TTL_NONE)
        return qm_error_set(&locks->holder.error, QM_ERROR_ARGUMENT, "22023", NULL, "a lock in redis needs a TTL");
    qm_error_clear(&locks->holder.error);
    if (!qm_holder_copy(&locks->holder, key, &hold) || hold.lost)
        return QM_NOT_HELD;
    hold.ttl_ms = ttl_ms;
    code = eval(locks, &locks->redis, extend_script, &hold, &sent_ns);
    if (code > QM_NOT_HELD)
        return qm_error_copy(&locks->holder.error, &locks->redis.error);
    return qm_holder_extended(&locks->holder, &hold, code, sent_ns, ttl_ms, grant);
}

static QmCode
redis_is_locked(QmLocks *handle, const char *key, bool *locked)
{
    QmRedisLocks *locks = (QmRedisLocks *) handle;
    QmRedis *redis = &locks->redis;
    char full[QM_REDIS_KEY_SIZE];
    const char *const words[] = {"EXISTS", full};
    redisReply *reply = NULL;
    QmRetry retry;
    QmCode code = qm_holder_check_key(&locks->holder, key);

    if (code != QM_OK)
        return code;
    qm_redis_key(locks, key, full);
    qm_retry_begin(&retry, &redis->retry);
    do
    {
        code = qm_redis_ensure(redis, deadline_of(redis));
        if (code == QM_OK)
            code = qm_redis_command(redis, deadline_of(redis), 2, words, &reply);
    } while (code != QM_OK && qm_redis_passes(redis) && qm_retry_again(&retry));
    *locked = code == QM_OK && reply->integer == 1;
    if (code != QM_OK)
        return qm_error_copy(&locks->holder.error, &redis->error);
    freeReplyObject(reply);
    qm_error_clear(&locks->holder.error);
    return QM_OK;
}

/* renew is the keeper's: on a connection of its own, without a second attempt, for the keeper makes that. */
static QmCode
renew(void *argument, const QmHold *hold, int64_t limit_ns)
{
    QmRedisLocks *locks = argument;
    int64_t timeout_ms = qm_moment_poll_ms(limit_ns);
    int64_t sent_ns;

    locks->renewer.timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
    return eval(locks, &locks->renewer, extend_script, hold, &sent_ns);
}

/* redis_close gives everything back while the server answers. */
static void
redis_close(QmLocks *handle)
{
    QmRedisLocks *locks = (QmRedisLocks *) handle;
    QmCode code = QM_OK;
    QmHold *hold;
    int64_t sent_ns;

    qm_keeper_stop(&locks->holder);
    locks->redis.retry = *qm_retry_policy("none");
    locks->redis.timeout_ms = CLOSE_TIMEOUT_MS;
    while ((hold = qm_holder_take_any(&locks->holder)) != NULL)
    {
        if (code <= QM_NOT_HELD)
            code = eval(locks, &locks->redis, release_script, hold, &sent_ns);
        free(hold);
    }
    qm_holder_destroy(&locks->holder);
    qm_redis_destroy(&locks->redis);
    qm_redis_destroy(&locks->renewer);
    qm_redis_destroy(&locks->ear);
    free(locks);
}

static const QmLockFunctions redis_functions = {.type = "redis",
                                                .try_lock = redis_try_lock,
                                                .lock = redis_lock,
                                                .unlock = redis_unlock,
                                                .extend = redis_extend,
                                                .is_locked = redis_is_locked,
                                                .holds = qm_holder_holds,
                                                .error = qm_holder_error,
                                                .close = redis_close};

/* qm_lock_redis_open makes a handle. */
QmCode
qm_lock_redis_open(const QmLocksOptions *options, QmLocks **handle, QmError *error)
{
    const char *prefix = options->prefix == NULL ? DEFAULT_PREFIX : options->prefix;
    QmRedisOptions renewer = options->redis;
    QmRedisLocks *locks = calloc(1, sizeof(*locks));
    QmCode code;

    if (locks == NULL)
        return qm_error_no_memory(error);
    renewer.retry = qm_retry_policy("none");
    code = qm_redis_init(&locks->redis, &options->redis, error);
    if (code == QM_OK)
        code = qm_redis_init(&locks->renewer, &renewer, error);
    if (code == QM_OK)
        code = qm_redis_init(&locks->ear, &options->redis, error);
    if (code == QM_OK && strlen(prefix) > QM_PREFIX_MAX)
        code = qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "prefix has more than %d bytes", QM_PREFIX_MAX);
    if (code == QM_OK)
    {
        qm_text_copy(locks->prefix, sizeof(locks->prefix), prefix);
        locks->holder.renew = options->renew ? renew : NULL;
        locks->holder.renew_argument = locks;
        code = qm_holder_init(&locks->holder, &redis_functions, options, error);
    }
    if (code == QM_OK)
    {
        *handle = &locks->holder.locks;
        return QM_OK;
    }
    qm_redis_destroy(&locks->redis);
    qm_redis_destroy(&locks->renewer);
    qm_redis_destroy(&locks->ear);
    free(locks);
    return code;
}
