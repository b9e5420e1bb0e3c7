/*
 * Redis: a connection to the server that is master now, made anew when it has
 * broken, and commands on it.
 *
 * hiredis connects, writes commands and reads replies; sending and waiting are
 * done here, since its own would raise SIGPIPE and know no deadline. One thread
 * at a time.
 */
#ifndef QM_CLIENT_REDIS_H
#define QM_CLIENT_REDIS_H

#include <hiredis.h>

#include "error.h"
#include "quantmesh.h"
#include "retry.h"

typedef struct QmRedis
{
    char *addr;
    char *user;
    char *password;
    int db;
    char *sentinels;
    char *sentinel_master;
    char *sentinel_password;
    int64_t timeout_ms;
    QmRetryPolicy retry;
    redisContext *context; /* NULL while there is no connection */
    long connections;      /* made so far */
    QmError error;
} QmRedis;

extern QmCode qm_redis_init(QmRedis *redis, const QmRedisOptions *options, QmError *error);
extern void qm_redis_destroy(QmRedis *redis);
extern void qm_redis_drop(QmRedis *redis);
extern QmCode qm_redis_ensure(QmRedis *redis, int64_t deadline_ns);

extern QmCode qm_redis_send(QmRedis *redis, int64_t deadline_ns, int count, const char *const *words);
extern QmCode qm_redis_receive(QmRedis *redis, int64_t deadline_ns, redisReply **reply);
extern QmCode qm_redis_command(QmRedis *redis, int64_t deadline_ns, int count, const char *const *words,
                               redisReply **reply);
extern bool qm_redis_passes(const QmRedis *redis);

/* Within the module: one server, whoever it is. */
extern redisContext *qm_redis_connect(const char *addr, int64_t deadline_ns, QmError *error);
extern QmCode qm_redis_find_master(QmRedis *redis, int64_t deadline_ns, char *addr, size_t size);

#endif
