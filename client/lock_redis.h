/*
 * Locks in Redis: what taking, waiting and giving back share.
 */
#ifndef QM_CLIENT_LOCK_REDIS_H
#define QM_CLIENT_LOCK_REDIS_H

#include "holder.h"
#include "redis.h"

#define QM_PREFIX_MAX 128 /* bytes */
#define QM_REDIS_KEY_SIZE (QM_PREFIX_MAX + QM_LOCK_KEY_SIZE)

typedef struct QmRedisLocks
{
    QmHolder holder; /* first: the handle */
    char prefix[QM_PREFIX_MAX + 1];
    QmRedis redis;
    QmRedis renewer; /* the keeper's */
    QmRedis ear;     /* hears that keys have changed */
    long ear_id;     /* the server's number of that connection */
    long hears;      /* the connection of redis whose reads the ear hears of */
    long heard_by;   /* the connection of the ear that it was told */
} QmRedisLocks;

/* One attempt to get a key, over several connections. */
typedef struct QmRedisAttempt
{
    const char *key; /* with the prefix */
    QmHold *hold;
    int64_t sent_ns;   /* when the SET that counts was sent */
    int64_t unsure_ns; /* when the first SET was sent whose reply never came; 0: none */
} QmRedisAttempt;

extern void qm_redis_key(const QmRedisLocks *locks, const char *key, char full[QM_REDIS_KEY_SIZE]);
extern QmCode qm_redis_set(QmRedisLocks *locks, QmRedisAttempt *attempt);
extern QmCode qm_redis_wait(QmRedisLocks *locks, QmRedisAttempt *attempt, int64_t end_ns);

#endif
