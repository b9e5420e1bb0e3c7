/*
 * Redis as the earlier system used it: SET key token NX PX ttl, the work, and a
 * script that deletes the key if it still has the token. The data is in
 * PostgreSQL. "always" is a Redis that writes each change to its disk before it
 * answers, as PostgreSQL does. "pipelined" takes and gives back many keys in one
 * round trip each, which is possible where many are known beforehand.
 */
#include "contend_redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIPELINED 16
#define POLL_US 1000
#define POLL_EARLIER_US 100000

static const char release_script[] =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

typedef struct Redis
{
    redisContext *connection;
    char release[64]; /* the script's name at the server */
    long tokens;
    char token[UNITS_MAX][KEY_SIZE + 32];
} Redis;

/* answer waits for the next reply, frees it, and says whether it was OK or 1. A failure ends the program. */
static bool
answer(const Worker *worker, Redis *redis)
{
    redisReply *reply;
    bool good;

    if (redisGetReply(redis->connection, (void **) &reply) != REDIS_OK)
        fail("%s: %s", worker->contender->name, redis->connection->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        fail("%s: %s", worker->contender->name, reply->str);
    good = reply->type == REDIS_REPLY_STATUS || (reply->type == REDIS_REPLY_INTEGER && reply->integer == 1);
    freeReplyObject(reply);
    return good;
}

/* send_set sends the request for a key; each has a token that nobody had before. */
static void
send_set(const Worker *worker, Redis *redis, const char *key, int unit)
{
    snprintf(redis->token[unit], sizeof redis->token[unit], "%s-%ld", worker->owner, ++redis->tokens);
    redisAppendCommand(redis->connection, "SET quantmesh:lock:%s %s NX PX %d", key, redis->token[unit], worker->ttl_ms);
}

/* send_release sends the request to give a key back. */
static void
send_release(Redis *redis, const char *key, int unit)
{
    redisAppendCommand(redis->connection, "EVALSHA %s 1 quantmesh:lock:%s %s", redis->release, key, redis->token[unit]);
}

/* open_at connects to PostgreSQL and to a Redis, and gives that the script. */
static void
open_at(Worker *worker, const char *address)
{
    Redis *redis = worker->state ? worker->state : calloc(1, sizeof *redis);
    redisReply *reply;

    sql_open(worker);
    if (!redis)
        fail("no memory");
    worker->state = redis;
    if (redis->connection)
        redisFree(redis->connection);
    redis->connection = redisConnectUnix(address);
    if (!redis->connection || redis->connection->err)
        fail("redis: %s", redis->connection ? redis->connection->errstr : "no memory");
    reply = redisCommand(redis->connection, "SCRIPT LOAD %s", release_script);
    if (!reply || reply->type != REDIS_REPLY_STRING)
        fail("redis: SCRIPT LOAD failed");
    snprintf(redis->release, sizeof redis->release, "%s", reply->str);
    freeReplyObject(reply);
}

void
redis_open(Worker *worker)
{
    open_at(worker, setting("QM_BENCH_REDIS"));
}

void
redis_always_open(Worker *worker)
{
    open_at(worker, setting("QM_BENCH_REDIS_ALWAYS"));
}

bool
redis_attempt(Worker *worker)
{
    send_set(worker, worker->state, worker->key, 0);
    return answer(worker, worker->state);
}

bool
redis_give(Worker *worker)
{
    send_release(worker->state, worker->key, 0);
    return answer(worker, worker->state);
}

/* expect ends the program if what nobody else wants was refused. */
static void
expect(const Worker *worker, bool had)
{
    if (!had)
        fail("%s: a key was refused or lost, though nobody else wants it", worker->contender->name);
}

static void
redis_step(Worker *worker)
{
    expect(worker, redis_attempt(worker));
    expect(worker, redis_give(worker));
}

void
redis_take_many(Worker *worker, char keys[][KEY_SIZE], int count)
{
    Redis *redis = worker->state;

    for (int unit = 0; unit < count; unit++)
        send_set(worker, redis, keys[unit], unit);
    for (int unit = 0; unit < count; unit++)
        expect(worker, answer(worker, redis));
}

void
redis_give_many(Worker *worker, char keys[][KEY_SIZE], int count)
{
    Redis *redis = worker->state;

    for (int unit = 0; unit < count; unit++)
        send_release(redis, keys[unit], unit);
    for (int unit = 0; unit < count; unit++)
        expect(worker, answer(worker, redis));
}

static void
redis_pipelined_step(Worker *worker)
{
    char keys[PIPELINED][KEY_SIZE];

    for (int unit = 0; unit < PIPELINED; unit++)
        snprintf(keys[unit], KEY_SIZE, "%.100s:%d", worker->key, unit);
    redis_take_many(worker, keys, PIPELINED);
    redis_give_many(worker, keys, PIPELINED);
}

const Contender redis_plain = {
    .name = "redis",
    .title = "Redis SET NX PX and Lua release",
    .units = 1,
    .poll_us = POLL_US,
    .open = redis_open,
    .step = redis_step,
    .attempt = redis_attempt,
    .give = redis_give,
};

const Contender redis_earlier = {
    .name = "redis-polling-slowly",
    .title = "Redis, asked again every 100 ms as the earlier system does",
    .units = 1,
    .poll_us = POLL_EARLIER_US,
    .open = redis_open,
    .step = redis_step,
    .attempt = redis_attempt,
    .give = redis_give,
};

const Contender redis_always = {
    .name = "redis-always",
    .title = "Redis with appendfsync always",
    .units = 1,
    .poll_us = POLL_US,
    .open = redis_always_open,
    .step = redis_step,
    .attempt = redis_attempt,
    .give = redis_give,
};

const Contender redis_pipelined = {
    .name = "redis-pipelined",
    .title = "Redis, 16 keys pipelined",
    .units = PIPELINED,
    .open = redis_open,
    .step = redis_pipelined_step,
};
