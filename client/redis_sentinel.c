/*
 * Redis Sentinel: who is master. hiredis knows nothing of it, so the Sentinels
 * are asked one after the other, and the first that knows is believed; the role
 * of the server that it names is checked afterwards.
 */
#include "redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moment.h"

#define ADDR_SIZE 256

/* ask_one asks one Sentinel. */
static QmCode
ask_one(const QmRedis *redis, const char *sentinel, int64_t deadline_ns, char *addr, size_t size, QmError *error)
{
    const char *const auth[] = {"AUTH", redis->sentinel_password};
    const char *const who[] = {"SENTINEL", "get-master-addr-by-name", redis->sentinel_master};
    QmRedis asked = {.context = qm_redis_connect(sentinel, deadline_ns, error)};
    redisReply *reply = NULL;
    QmCode code = QM_OK;

    if (asked.context == NULL)
        return error->code;
    if (redis->sentinel_password[0] != '\0')
    {
        code = qm_redis_command(&asked, deadline_ns, 2, auth, &reply);
        if (code == QM_OK)
            freeReplyObject(reply);
    }
    if (code == QM_OK)
        code = qm_redis_command(&asked, deadline_ns, 3, who, &reply);
    if (code != QM_OK)
        qm_error_copy(error, &asked.error);
    else if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
        code = qm_error_set(error,
                            QM_ERROR_CONNECT,
                            "08001",
                            "Is sentinel_master the name that Sentinel monitors it by?",
                            "redis: the Sentinel at %s knows no master \"%s\"",
                            sentinel,
                            redis->sentinel_master);
    else
        snprintf(addr, size, "%s:%s", reply->element[0]->str, reply->element[1]->str);
    if (reply != NULL)
        freeReplyObject(reply);
    qm_redis_drop(&asked);
    return code;
}

/*
 * qm_redis_find_master asks each Sentinel until one knows the master. Each gets
 * an equal part of the time that is left, so that one that hangs does not keep
 * the others from being asked.
 */
QmCode
qm_redis_find_master(QmRedis *redis, int64_t deadline_ns, char *addr, size_t size)
{
    const char *at = redis->sentinels;
    int left = 1;
    QmCode code = QM_ERROR_CONNECT;

    for (const char *comma = at; (comma = strchr(comma, ',')) != NULL; comma++)
        left++;
    for (; left > 0 && code != QM_OK; left--)
    {
        char sentinel[ADDR_SIZE];
        size_t len = strcspn(at, ",");
        int64_t now = qm_monotonic_ns();

        snprintf(sentinel, sizeof(sentinel), "%.*s", (int) len, at);
        at += len + (at[len] == ',');
        code = ask_one(redis, sentinel, now + (deadline_ns - now) / left, addr, size, &redis->error);
    }
    return code;
}
