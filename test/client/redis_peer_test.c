/*
 * Peers of the earlier system on one Redis: played by redis-cli with the
 * commands that it sends. They exclude us, and we exclude them.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "redis_server.h"

#define KEY "order:Binance:BTCUSDT:65000"
#define PEER_KEY "quantmesh:lock:" KEY
#define PEER_RELEASE \
    "'if redis.call(\"get\", KEYS[1]) == ARGV[1] then return redis.call(\"del\", KEYS[1]) else return 0 end'"
#define PEER_EXTEND                                                                                                   \
    "'if redis.call(\"get\", KEYS[1]) == ARGV[1] then return redis.call(\"expire\", KEYS[1], ARGV[2]) else return 0 " \
    "end'"

static QtRedis redis = {.password = "secret"};
static QmLocks *locks;

static int
setup(void **state)
{
    static const char *const more[] = {"--requirepass", "secret", NULL};
    QmLocksOptions options = {.enabled = true, .redis = {.password = "secret"}};
    QmError error;

    (void) state;
    qt_redis_start(&redis, 0, more);
    options.redis.addr = redis.addr;
    return qm_locks_open(&options, &locks, &error) != QM_OK;
}

static int
teardown(void **state)
{
    (void) state;
    locks->functions->close(locks);
    qt_redis_stop(&redis, SIGTERM);
    return 0;
}

/* peer_takes is SET NX PX as a peer sends it; false when it was refused. */
static bool
peer_takes(const char *token, int ttl_ms)
{
    return strcmp(qt_redis_cli(&redis, "SET " PEER_KEY " %s NX PX %d", token, ttl_ms), "OK") == 0;
}

/* peer_releases is its script. */
static bool
peer_releases(const char *token)
{
    return strcmp(qt_redis_cli(&redis, "EVAL " PEER_RELEASE " 1 " PEER_KEY " %s", token), "1") == 0;
}

static void
test_peer_is_excluded(void **state)
{
    (void) state;
    assert_ok(locks->functions->try_lock(locks, KEY, 5000, NULL), locks->functions->error(locks));
    assert_false(peer_takes("peer", 5000));
    assert_false(peer_releases("peer"));
    assert_string_equal(qt_redis_cli(&redis, "EVAL " PEER_EXTEND " 1 " PEER_KEY " peer 5"), "0");
    assert_true(locks->functions->holds(locks, KEY, NULL));
    assert_ok(locks->functions->extend(locks, KEY, 5000, NULL), locks->functions->error(locks));
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
    assert_true(peer_takes("peer", 5000));
    assert_true(peer_releases("peer"));
}

static void
test_peer_excludes(void **state)
{
    bool locked;

    (void) state;
    assert_true(peer_takes("peer", 60000));
    assert_code(locks->functions->try_lock(locks, KEY, 5000, NULL), QM_BUSY, locks->functions->error(locks));
    assert_ok(locks->functions->is_locked(locks, KEY, &locked), locks->functions->error(locks));
    assert_true(locked);
    assert_code(locks->functions->unlock(locks, KEY), QM_NOT_HELD, locks->functions->error(locks));
    assert_code(locks->functions->extend(locks, KEY, 5000, NULL), QM_NOT_HELD, locks->functions->error(locks));
    assert_true(peer_releases("peer"));
    assert_ok(locks->functions->try_lock(locks, KEY, 5000, NULL), locks->functions->error(locks));
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
}

static void *
wait_for_it(void *argument)
{
    QmCode *code = argument;

    *code = locks->functions->lock(locks, KEY, 5000, 30000, NULL);
    return NULL;
}

/* A peer tells nobody that it has given a key back: the waiter hears of it from the server, and does not poll. */
static void
test_waits_for_peer(void **state)
{
    QmCode code = QM_ERROR_SERVER;
    pthread_t thread;
    int before;
    int after;
    int64_t begin;

    (void) state;
    assert_true(peer_takes("peer", 60000));
    assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &code), 0);
    qt_redis_until(&redis, "INFO clients", "tracking_clients:1");
    qt_redis_until(&redis, "INFO stats", "tracking_total_keys:1");
    sscanf(strstr(qt_redis_cli(&redis, "INFO commandstats"), "cmdstat_set:"), "cmdstat_set:calls=%9d", &before);
    usleep(500000);
    sscanf(strstr(qt_redis_cli(&redis, "INFO commandstats"), "cmdstat_set:"), "cmdstat_set:calls=%9d", &after);
    assert_int_equal(after, before);
    begin = qm_monotonic_ns();
    assert_true(peer_releases("peer"));
    pthread_join(thread, NULL);
    print_message("    a peer's release is heard within %lld ms, redis-cli included\n",
                  (long long) (qm_monotonic_ns() - begin) / 1000000);
    assert_code(code, QM_OK, locks->functions->error(locks));
    assert_false(peer_takes("peer", 5000));
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
}

/* A peer that dies tells nobody either; its TTL is over unheard. */
static void
test_waits_for_dead_peer(void **state)
{
    (void) state;
    assert_true(peer_takes("peer", 700));
    assert_ok(locks->functions->lock(locks, KEY, 5000, 30000, NULL), locks->functions->error(locks));
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
    /* A key without TTL, set by hand: only its deletion frees it. */
    assert_string_equal(qt_redis_cli(&redis, "SET " PEER_KEY " by-hand"), "OK");
    assert_code(locks->functions->lock(locks, KEY, 5000, 200, NULL), QM_BUSY, locks->functions->error(locks));
    assert_string_equal(qt_redis_cli(&redis, "DEL " PEER_KEY), "1");
}

/* Times in milliseconds arrive as such, and an extension below a second does not delete, as it did. */
static void
test_ttl(void **state)
{
    long left;

    (void) state;
    assert_ok(locks->functions->try_lock(locks, KEY, 2345, NULL), locks->functions->error(locks));
    sscanf(qt_redis_cli(&redis, "PTTL " PEER_KEY), "%9ld", &left);
    assert_true(left > 1000 && left <= 2345);
    assert_ok(locks->functions->extend(locks, KEY, 999, NULL), locks->functions->error(locks));
    assert_string_equal(qt_redis_cli(&redis, "EXISTS " PEER_KEY), "1");
    assert_ok(locks->functions->extend(locks, KEY, 34567, NULL), locks->functions->error(locks));
    sscanf(qt_redis_cli(&redis, "PTTL " PEER_KEY), "%9ld", &left);
    assert_true(left > 30000 && left <= 34567);
    assert_int_equal(strlen(qt_redis_cli(&redis, "GET " PEER_KEY)), 32);
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
}

/* The first holder's release must not delete what the second has: each hold has a token of its own. */
static void
test_late_unlock(void **state)
{
    (void) state;
    assert_ok(locks->functions->try_lock(locks, KEY, 5000, NULL), locks->functions->error(locks));
    assert_string_equal(qt_redis_cli(&redis, "DEL " PEER_KEY), "1");
    assert_true(peer_takes("peer", 60000));
    assert_code(locks->functions->unlock(locks, KEY), QM_NOT_HELD, locks->functions->error(locks));
    assert_string_equal(qt_redis_cli(&redis, "GET " PEER_KEY), "peer");
    assert_true(peer_releases("peer"));
}

static void
test_refused(void **state)
{
    QmLocksOptions options = {.enabled = true, .redis = {.addr = redis.addr, .retry = qm_retry_policy("none")}};
    QmLocks *other;
    QmError error;

    (void) state;
    assert_ok(qm_locks_open(&options, &other, &error), &error);
    assert_code(other->functions->try_lock(other, KEY, 5000, NULL),
                QM_ERROR_PERMISSION,
                other->functions->error(other));
    other->functions->close(other);
    options.redis.password = "wrong";
    assert_ok(qm_locks_open(&options, &other, &error), &error);
    assert_code(other->functions->try_lock(other, KEY, 5000, NULL),
                QM_ERROR_PERMISSION,
                other->functions->error(other));
    assert_string_equal(other->functions->error(other)->sqlstate, "28P01");
    other->functions->close(other);
}

static void
test_database_and_prefix(void **state)
{
    QmLocksOptions options = {.enabled = true,
                              .prefix = "firm:",
                              .redis = {.addr = redis.addr, .password = "secret", .db = 3}};
    QmLocks *other;
    QmError error;

    (void) state;
    assert_ok(qm_locks_open(&options, &other, &error), &error);
    assert_ok(other->functions->try_lock(other, KEY, 5000, NULL), other->functions->error(other));
    assert_string_equal(qt_redis_cli(&redis, "-n 3 EXISTS firm:" KEY), "1");
    assert_string_equal(qt_redis_cli(&redis, "EXISTS firm:" KEY), "0");
    other->functions->close(other);
    assert_string_equal(qt_redis_cli(&redis, "-n 3 EXISTS firm:" KEY), "0");
}

/* A connection that is cut is made again, and nobody notices. */
static void
test_reconnects(void **state)
{
    (void) state;
    assert_ok(locks->functions->try_lock(locks, KEY, 60000, NULL), locks->functions->error(locks));
    qt_redis_cli(&redis, "CLIENT KILL TYPE normal");
    assert_ok(locks->functions->extend(locks, KEY, 60000, NULL), locks->functions->error(locks));
    qt_redis_cli(&redis, "CLIENT KILL TYPE normal");
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
    qt_redis_cli(&redis, "CLIENT KILL TYPE normal");
    assert_ok(locks->functions->try_lock(locks, KEY, 60000, NULL), locks->functions->error(locks));
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
}

/* A waiter whose both connections are cut goes on waiting. */
static void
test_waits_over_cuts(void **state)
{
    QmCode code = QM_ERROR_SERVER;
    pthread_t thread;

    (void) state;
    assert_true(peer_takes("peer", 60000));
    assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &code), 0);
    qt_redis_until(&redis, "INFO stats", "tracking_total_keys:1");
    qt_redis_cli(&redis, "CLIENT KILL TYPE pubsub");
    qt_redis_until(&redis, "INFO clients", "tracking_clients:1");
    qt_redis_cli(&redis, "CLIENT KILL TYPE normal");
    qt_redis_cli(&redis, "CLIENT KILL TYPE pubsub");
    qt_redis_until(&redis, "INFO stats", "tracking_total_keys:1");
    assert_true(peer_releases("peer"));
    pthread_join(thread, NULL);
    assert_code(code, QM_OK, locks->functions->error(locks));
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_is_excluded),
        cmocka_unit_test(test_peer_excludes),
        cmocka_unit_test(test_waits_for_peer),
        cmocka_unit_test(test_waits_for_dead_peer),
        cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_late_unlock),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_database_and_prefix),
        cmocka_unit_test(test_reconnects),
        cmocka_unit_test(test_waits_over_cuts),
    };

    return cmocka_run_group_tests_name("redis peers", tests, setup, teardown);
}
