/*
 * Redis Sentinel: who is master is asked, also after a failover in the middle of
 * a hold. What was replicated goes on; what was not is lost, and said to be.
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "losses.h"
#include "redis_server.h"

#define KEY "order:Binance:BTCUSDT:65000"
#define LONG_MS 60000

static QtRedis master;
static QtRedis replica;
static QtRedis sentinel;
static char sentinels[128];
static QtLosses losses;

static int
setup(void **state)
{
    char port[16];
    const char *const more[] = {"--replicaof", "127.0.0.1", port, NULL};

    (void) state;
    memset(&losses, 0, sizeof(losses));
    qt_redis_start(&master, 0, NULL);
    snprintf(port, sizeof(port), "%d", master.port);
    qt_redis_start(&replica, 0, more);
    qt_redis_until(&replica, "ROLE", "connected");
    qt_sentinel_start(&sentinel, &master);
    qt_redis_until(&sentinel, "SENTINEL master mymaster", "num-slaves\n1");
    /* The first Sentinel of the list is down: the others are asked. */
    snprintf(sentinels, sizeof(sentinels), "127.0.0.1:1,%s", sentinel.addr);
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    qt_redis_stop(&sentinel, SIGKILL);
    qt_redis_stop(&replica, SIGKILL);
    qt_redis_stop(&master, SIGKILL);
    return 0;
}

/* open_one opens a handle that asks Sentinel, and renews. */
static QmLocks *
open_one(void)
{
    const QmLocksOptions options = {.enabled = true,
                                    .type = "redis",
                                    .renew = true,
                                    .on_loss = qt_loss_note,
                                    .on_loss_argument = &losses,
                                    .redis = {.sentinels = sentinels, .addr = "127.0.0.1:1"}};
    QmLocks *locks;
    QmError error;

    assert_ok(qm_locks_open(&options, &locks, &error), &error);
    return locks;
}

static void
test_hold_survives(void **state)
{
    QmLocks *locks = open_one();
    QmLocks *other = open_one();

    (void) state;
    assert_ok(locks->functions->try_lock(locks, KEY, LONG_MS, NULL), locks->functions->error(locks));
    qt_redis_until(&replica, "EXISTS quantmesh:lock:" KEY, "1");
    qt_redis_stop(&master, SIGKILL);
    /* By the policy the call goes on until Sentinel has made the replica master. */
    assert_code(other->functions->try_lock(other, KEY, LONG_MS, NULL), QM_BUSY, other->functions->error(other));
    assert_non_null(strstr(qt_redis_cli(&replica, "ROLE"), "master"));
    assert_ok(locks->functions->extend(locks, KEY, LONG_MS, NULL), locks->functions->error(locks));
    assert_true(locks->functions->holds(locks, KEY, NULL));
    assert_int_equal(atomic_load(&losses.count), 0);
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
    assert_ok(other->functions->lock(other, KEY, LONG_MS, 10000, NULL), other->functions->error(other));
    locks->functions->close(locks);
    other->functions->close(other);
}

/* Redis answers before its replicas have a lock: a failover then forgets it, and all that can be had is to be told. */
static void
test_hold_is_lost(void **state)
{
    QmLocks *locks = open_one();
    QmLocks *other = open_one();

    (void) state;
    /* The replica stands still and has no connection when the lock is taken: it never hears of it. */
    kill(replica.pid, SIGSTOP);
    assert_string_equal(qt_redis_cli(&master, "CLIENT KILL TYPE replica"), "1");
    assert_ok(locks->functions->try_lock(locks, KEY, 6000, NULL), locks->functions->error(locks));
    qt_redis_stop(&master, SIGKILL);
    kill(replica.pid, SIGCONT);
    qt_loss_until(&losses, 1);
    assert_int_equal(losses.loss, QM_LOSS_TAKEN);
    assert_false(locks->functions->holds(locks, KEY, NULL));
    assert_ok(other->functions->try_lock(other, KEY, LONG_MS, NULL), other->functions->error(other));
    assert_code(locks->functions->unlock(locks, KEY), QM_NOT_HELD, locks->functions->error(locks));
    assert_true(other->functions->holds(other, KEY, NULL));
    locks->functions->close(locks);
    other->functions->close(other);
}

/* A master that comes back as a replica answers READONLY: that is no reason to fail. */
static void
test_demoted(void **state)
{
    QmLocks *locks = open_one();

    (void) state;
    assert_ok(locks->functions->try_lock(locks, KEY, LONG_MS, NULL), locks->functions->error(locks));
    qt_redis_until(&replica, "EXISTS quantmesh:lock:" KEY, "1");
    qt_redis_until(&sentinel,
                   "SENTINEL failover mymaster",
                   "OK"); /* it first has to hear that the replica is fit for it */
    qt_redis_until(&master, "ROLE", "slave");
    assert_ok(locks->functions->try_lock(locks, "second", LONG_MS, NULL), locks->functions->error(locks));
    assert_string_equal(qt_redis_cli(&replica, "EXISTS quantmesh:lock:second"), "1");
    assert_ok(locks->functions->unlock(locks, KEY), locks->functions->error(locks));
    locks->functions->close(locks);
}

static void
test_unknown_master(void **state)
{
    const QmLocksOptions options = {.enabled = true,
                                    .type = "redis",
                                    .redis = {.sentinels = sentinels,
                                              .sentinel_master = "nobody",
                                              .retry = qm_retry_policy("none")}};
    QmLocks *locks;
    QmError error;

    (void) state;
    assert_ok(qm_locks_open(&options, &locks, &error), &error);
    assert_code(locks->functions->try_lock(locks, KEY, LONG_MS, NULL),
                QM_ERROR_CONNECT,
                locks->functions->error(locks));
    assert_non_null(strstr(locks->functions->error(locks)->message, "knows no master \"nobody\""));
    locks->functions->close(locks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hold_survives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hold_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_demoted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_master, setup, teardown),
    };

    return cmocka_run_group_tests_name("redis sentinel", tests, NULL, NULL);
}
