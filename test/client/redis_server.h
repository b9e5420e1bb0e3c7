/*
 * Redis servers and Sentinels of the client tests, each on a free port of this
 * machine, and peers that speak to them with redis-cli.
 *
 * A server that a test has started ends with the test program, however that ends.
 */
#ifndef QT_REDIS_SERVER_H
#define QT_REDIS_SERVER_H

#include <sys/types.h>

typedef struct QtRedis
{
    pid_t pid; /* 0: not running */
    int port;
    char addr[32];
    const char *password; /* NULL: none */
} QtRedis;

extern int qt_free_port(void);
extern void qt_redis_start(QtRedis *redis, int port, const char *const *more);
extern void qt_redis_stop(QtRedis *redis, int signal);
extern void qt_sentinel_start(QtRedis *sentinel, const QtRedis *master);
extern const char *qt_redis_cli(const QtRedis *redis, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void qt_redis_until(const QtRedis *redis, const char *command, const char *wanted);

#endif
