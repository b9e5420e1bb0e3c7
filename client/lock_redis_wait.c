/*
 * Waiting for a lock in Redis without polling, among instances that only SET and
 * DEL and tell nobody.
 *
 * The server itself tells: with CLIENT TRACKING (Redis 6) a connection that has
 * read a key is told of its next change, whoever makes it, over a second
 * connection that is subscribed to __redis__:invalidate. So a waiter reads the
 * key, sleeps until the key changes or its TTL is over, and tries again. The
 * read comes after the attempt to set and before the sleep: no change between
 * them is missed. Which waiter is next is left to chance.
 */
#include "lock_redis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"

static QmCode listen_for_changes(QmRedisLocks *locks, int64_t deadline_ns);
static QmCode tracking_on(QmRedisLocks *locks, int64_t deadline_ns);
static QmCode look(QmRedisLocks *locks, QmRedisAttempt *attempt, int64_t deadline_ns, int64_t *free_ns);
static QmCode sleep_until_changed(QmRedisLocks *locks, const char *key, int64_t until_ns);
static bool names_key(const redisReply *message, const char *key);

/* qm_redis_wait waits until the key is set, or end_ns has passed: QM_OK, QM_BUSY, or an error. */
QmCode
qm_redis_wait(QmRedisLocks *locks, QmRedisAttempt *attempt, int64_t end_ns)
{
    for (;;)
    {
        int64_t deadline_ns = qm_moment_after(qm_monotonic_ns(), locks->redis.timeout_ms);
        int64_t free_ns;
        QmCode code = qm_redis_set(locks, attempt);

        if (code != QM_BUSY || qm_monotonic_ns() >= end_ns)
            return code;
        code = listen_for_changes(locks, deadline_ns);
        if (code == QM_OK)
            code = look(locks, attempt, deadline_ns, &free_ns);
        if (code == QM_OK)
            code = sleep_until_changed(locks, attempt->key, free_ns < end_ns ? free_ns : end_ns);
        if (code != QM_OK && code != QM_BUSY)
            return code;
    }
}

/* integer_of sends a command and returns the number that it answers. */
static QmCode
integer_of(QmRedis *redis, int64_t deadline_ns, int count, const char *const *words, int64_t *number)
{
    redisReply *reply;
    QmCode code = qm_redis_command(redis, deadline_ns, count, words, &reply);

    if (code != QM_OK)
        return code;
    *number = reply->integer;
    freeReplyObject(reply);
    return QM_OK;
}

/* listen_for_changes makes the second connection and couples it to the first, unless both are as they were. */
static QmCode
listen_for_changes(QmRedisLocks *locks, int64_t deadline_ns)
{
    static const char *const id[] = {"CLIENT", "ID"};
    static const char *const subscribe[] = {"SUBSCRIBE", "__redis__:invalidate"};
    bool new = locks->ear.context == NULL;
    redisReply *reply = NULL;
    int64_t number = 0;
    QmCode code = qm_redis_ensure(&locks->ear, deadline_ns);

    if (code == QM_OK && new)
        code = integer_of(&locks->ear, deadline_ns, 2, id, &number);
    if (code == QM_OK && new)
        code = qm_redis_command(&locks->ear, deadline_ns, 2, subscribe, &reply);
    if (reply != NULL)
        freeReplyObject(reply);
    if (code != QM_OK)
    {
        qm_redis_drop(&locks->ear);
        return qm_error_copy(&locks->redis.error, &locks->ear.error);
    }
    if (new)
        locks->ear_id = (long) number;
    if (locks->hears == locks->redis.connections && locks->heard_by == locks->ear.connections)
        return QM_OK;
    return tracking_on(locks, deadline_ns);
}

/* tracking_on makes the server tell the second connection of changes to what the first has read. */
static QmCode
tracking_on(QmRedisLocks *locks, int64_t deadline_ns)
{
    char id[24];
    const char *const words[] = {"CLIENT", "TRACKING", "ON", "REDIRECT", id};
    redisReply *reply;
    QmCode code;

    snprintf(id, sizeof(id), "%ld", locks->ear_id);
    code = qm_redis_command(&locks->redis, deadline_ns, 5, words, &reply);
    if (code == QM_OK)
    {
        freeReplyObject(reply);
        locks->hears = locks->redis.connections;
        locks->heard_by = locks->ear.connections;
        return QM_OK;
    }
    /* After a failover the two connections may have reached two servers. */
    if (strstr(locks->redis.error.message, "does not exist") != NULL)
    {
        qm_redis_drop(&locks->redis);
        qm_redis_drop(&locks->ear);
        return qm_error_set(&locks->redis.error,
                            QM_ERROR_CONNECT,
                            "08006",
                            NULL,
                            "redis: two connections have reached two servers");
    }
    if (code == QM_ERROR_SERVER)
        return qm_error_set(&locks->redis.error,
                            QM_ERROR_UNSUPPORTED,
                            "0A000",
                            "Waiting needs Redis 6 or later; with an older one use try_lock.",
                            "redis: the server does not tell of changes: CLIENT TRACKING is refused");
    return code;
}

/*
 * look reads the key, so that the server tells of its next change, and when its
 * TTL is over. QM_BUSY when it has gone meanwhile: there is nothing to wait for.
 */
static QmCode
look(QmRedisLocks *locks, QmRedisAttempt *attempt, int64_t deadline_ns, int64_t *free_ns)
{
    const char *const get[] = {"GET", attempt->key};
    const char *const pttl[] = {"PTTL", attempt->key};
    redisReply *reply;
    int64_t left_ms;
    bool gone;
    QmCode code = qm_redis_command(&locks->redis, deadline_ns, 2, get, &reply);

    if (code != QM_OK)
        return code;
    gone = reply->type == REDIS_REPLY_NIL;
    freeReplyObject(reply);
    if (gone)
        return QM_BUSY;
    code = integer_of(&locks->redis, deadline_ns, 2, pttl, &left_ms);
    if (code != QM_OK)
        return code;
    /* -2: it has gone; -1: it has no TTL, and only a change can free it. */
    if (left_ms == -2)
        return QM_BUSY;
    *free_ns = left_ms < 0 ? INT64_MAX : qm_moment_after(qm_monotonic_ns(), left_ms + 1);
    return QM_OK;
}

/* sleep_until_changed sleeps until the server tells of a change of the key, or until a moment. */
static QmCode
sleep_until_changed(QmRedisLocks *locks, const char *key, int64_t until_ns)
{
    for (;;)
    {
        redisReply *message;
        QmCode code = qm_redis_receive(&locks->ear, until_ns, &message);
        bool changed;

        if (code == QM_BUSY)
            return QM_OK;
        if (code != QM_OK)
            return qm_error_copy(&locks->redis.error, &locks->ear.error);
        changed = names_key(message, key);
        freeReplyObject(message);
        if (changed)
            return QM_OK;
    }
}

/* names_key says whether a message names a key, or, after FLUSHALL, every key. */
static bool
names_key(const redisReply *message, const char *key)
{
    const redisReply *keys;

    if (message->type != REDIS_REPLY_ARRAY || message->elements != 3)
        return false;
    keys = message->element[2];
    if (keys->type == REDIS_REPLY_NIL)
        return true;
    for (size_t i = 0; keys->type == REDIS_REPLY_ARRAY && i < keys->elements; i++)
    {
        if (keys->element[i]->str != NULL && strcmp(keys->element[i]->str, key) == 0)
            return true;
    }
    return false;
}
