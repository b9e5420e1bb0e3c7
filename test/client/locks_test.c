/*
 * One suite for all lock back ends: the same results where they mean the same,
 * and differences that have a name where they do not.
 */
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "losses.h"
#include "redis_server.h"
#include "server.h"

#define KEY "order:binance:BTCUSDT:65000"
#define LONG_MS 20000
#define SHORT_MS 300

typedef struct BackEnd
{
    const char *name;
    const char *type;
    const char *also;
    const char *mode;
    bool postgres; /* has fences, and is first come first served */
    bool redis;
    bool session; /* an overrun ends the connection; there may be no TTL */
} BackEnd;

static const BackEnd back_ends[] = {
    {.name = "postgres, leases", .type = "postgres", .postgres = true},
    {.name = "postgres, session locks", .type = "database", .mode = "session", .postgres = true, .session = true},
    {.name = "redis", .type = "redis", .redis = true},
    {.name = "redis, also postgres", .type = "redis", .also = "postgres", .postgres = true, .redis = true},
};

static const BackEnd *back_end;
static QtRedis redis;
static QmLocks *one;
static QmLocks *two;

/* options_of returns the options of the back end under test. */
static QmLocksOptions
options_of(void)
{
    return (QmLocksOptions){.enabled = true,
                            .type = back_end->type,
                            .also = back_end->also,
                            .postgres_mode = back_end->mode,
                            .owner = "tester",
                            .redis = {.addr = redis.addr},
                            .postgres = {.conninfo = qt_conninfo(), .application_name = "locks"}};
}

/* open_with opens a handle. */
static QmLocks *
open_with(const QmLocksOptions *options)
{
    QmLocks *locks;
    QmError error;

    assert_ok(qm_locks_open(options, &locks, &error), &error);
    return locks;
}

/* open_one opens a plain handle. */
static QmLocks *
open_one(void)
{
    QmLocksOptions options = options_of();

    return open_with(&options);
}

static QmCode
try_lock(QmLocks *locks, int64_t ttl_ms)
{
    return locks->functions->try_lock(locks, KEY, ttl_ms, NULL);
}

static QmCode
unlock(QmLocks *locks)
{
    return locks->functions->unlock(locks, KEY);
}

/* take takes the key away from whoever holds it, at the server; of two servers at the first. */
static void
take(void)
{
    if (back_end->redis)
        assert_string_equal(qt_redis_cli(&redis, "DEL quantmesh:lock:" KEY), "1");
    else
        assert_string_equal(qt_ask("SELECT quantmesh.force_unlock('" KEY "', 'test')"), "t");
}

/* take_all takes it away everywhere. */
static void
take_all(void)
{
    take();
    if (back_end->also != NULL)
        assert_string_equal(qt_ask("SELECT quantmesh.force_unlock('" KEY "', 'test')"), "t");
}

/* until_had tries until the key is had, and returns how long that took. */
static int64_t
until_had(QmLocks *locks)
{
    int64_t begin = qm_monotonic_ns();
    QmCode code;

    while ((code = try_lock(locks, LONG_MS)) == QM_BUSY && qm_monotonic_ns() - begin < INT64_C(10000000000))
        usleep(1000);
    assert_ok(code, locks->functions->error(locks));
    return (qm_monotonic_ns() - begin) / 1000000;
}

static int
open_two(void **state)
{
    (void) state;
    one = open_one();
    two = open_one();
    return 0;
}

static int
close_two(void **state)
{
    (void) state;
    one->functions->close(one);
    two->functions->close(two);
    return 0;
}

static void
test_excludes(void **state)
{
    QmGrant first;
    QmGrant second;
    bool locked;

    (void) state;
    assert_ok(one->functions->is_locked(one, KEY, &locked), one->functions->error(one));
    assert_false(locked);
    assert_ok(one->functions->try_lock(one, KEY, LONG_MS, &first), one->functions->error(one));
    assert_true(one->functions->holds(one, KEY, NULL));
    assert_code(try_lock(two, LONG_MS), QM_BUSY, two->functions->error(two));
    assert_false(two->functions->holds(two, KEY, NULL));
    assert_ok(two->functions->is_locked(two, KEY, &locked), two->functions->error(two));
    assert_true(locked);
    assert_ok(two->functions->try_lock(two, "another key", LONG_MS, NULL), two->functions->error(two));
    assert_code(unlock(two), QM_NOT_HELD, two->functions->error(two));
    assert_ok(unlock(one), one->functions->error(one));
    assert_code(unlock(one), QM_NOT_HELD, one->functions->error(one));
    assert_ok(two->functions->try_lock(two, KEY, LONG_MS, &second), two->functions->error(two));
    /* Fences are PostgreSQL's; in Redis there are none. */
    assert_true(back_end->postgres ? second.fence > first.fence && first.fence > 0 : second.fence == 0);
}

static void
test_own(void **state)
{
    (void) state;
    assert_ok(try_lock(one, LONG_MS), one->functions->error(one));
    assert_code(try_lock(one, LONG_MS), QM_BUSY, one->functions->error(one));
    assert_code(one->functions->lock(one, KEY, LONG_MS, 60000, NULL), QM_ERROR_ARGUMENT, one->functions->error(one));
    /* One unlock is enough: nothing has stacked. */
    assert_ok(unlock(one), one->functions->error(one));
    assert_ok(try_lock(two, LONG_MS), two->functions->error(two));
}

static void
test_trust(void **state)
{
    QmLocksOptions options = options_of();
    int64_t before = qm_monotonic_ns();
    QmLocks *narrow;
    QmGrant grant;

    (void) state;
    assert_ok(one->functions->try_lock(one, KEY, 1000, &grant), one->functions->error(one));
    assert_true(grant.trusted_until_ns >= before + 900 * INT64_C(1000000));
    assert_true(grant.trusted_until_ns <= qm_monotonic_ns() + 900 * INT64_C(1000000));
    options.margin_ms = 400;
    narrow = open_with(&options);
    before = qm_monotonic_ns();
    assert_ok(narrow->functions->try_lock(narrow, "narrow", 1000, &grant), narrow->functions->error(narrow));
    assert_true(grant.trusted_until_ns <= qm_monotonic_ns() + 600 * INT64_C(1000000));
    assert_code(try_lock(narrow, 400), QM_ERROR_ARGUMENT, narrow->functions->error(narrow));
    narrow->functions->close(narrow);
}

static void
test_expires(void **state)
{
    QmGrant grant;

    (void) state;
    assert_ok(one->functions->try_lock(one, KEY, SHORT_MS, &grant), one->functions->error(one));
    until_had(two);
    /* Whoever had it stopped trusting in it before. */
    assert_true(grant.trusted_until_ns < qm_monotonic_ns());
    assert_false(one->functions->holds(one, KEY, NULL));
    assert_code(unlock(one), QM_NOT_HELD, one->functions->error(one));
    assert_true(two->functions->holds(two, KEY, NULL));
    assert_ok(unlock(two), two->functions->error(two));
    assert_ok(try_lock(one, LONG_MS), one->functions->error(one));
}

static void
test_extends(void **state)
{
    QmGrant grant;
    int64_t begin = qm_monotonic_ns();

    (void) state;
    assert_ok(one->functions->try_lock(one, KEY, 800, NULL), one->functions->error(one));
    /* Below a second, where the earlier system's extension deleted the key; and it never shortens. */
    assert_ok(one->functions->extend(one, KEY, 500, &grant), one->functions->error(one));
    assert_code(try_lock(two, LONG_MS), QM_BUSY, two->functions->error(two));
    assert_true(grant.trusted_until_ns > begin + 700 * INT64_C(1000000));
    assert_ok(one->functions->extend(one, KEY, LONG_MS, &grant), one->functions->error(one));
    assert_true(grant.trusted_until_ns > begin + 10000 * INT64_C(1000000));
    while (qm_monotonic_ns() < begin + 1200 * INT64_C(1000000))
        usleep(10000);
    assert_code(try_lock(two, LONG_MS), QM_BUSY, two->functions->error(two));
    assert_true(one->functions->holds(one, KEY, &grant));
    assert_code(two->functions->extend(two, KEY, LONG_MS, NULL), QM_NOT_HELD, two->functions->error(two));
    take_all();
    until_had(two);
    assert_code(one->functions->extend(one, KEY, LONG_MS, NULL), QM_NOT_HELD, one->functions->error(one));
}

static void
test_arguments(void **state)
{
    char key[600];

    (void) state;
    memset(key, 'k', sizeof(key));
    key[513] = '\0';
    assert_code(one->functions->try_lock(one, key, LONG_MS, NULL), QM_ERROR_ARGUMENT, one->functions->error(one));
    key[512] = '\0';
    assert_ok(one->functions->try_lock(one, key, LONG_MS, NULL), one->functions->error(one));
    assert_ok(one->functions->unlock(one, key), one->functions->error(one));
    assert_code(one->functions->try_lock(one, "", LONG_MS, NULL), QM_ERROR_ARGUMENT, one->functions->error(one));
    assert_code(one->functions->try_lock(one, NULL, LONG_MS, NULL), QM_ERROR_ARGUMENT, one->functions->error(one));
    assert_string_equal(one->functions->error(one)->sqlstate, "22004");
    assert_code(one->functions->unlock(one, NULL), QM_ERROR_ARGUMENT, one->functions->error(one));
    assert_code(try_lock(one, -2), QM_ERROR_ARGUMENT, one->functions->error(one));
    assert_code(one->functions->lock(one, KEY, LONG_MS, -1, NULL), QM_ERROR_ARGUMENT, one->functions->error(one));
    /* Only a lock that ends with its connection may have no TTL. */
    assert_code(try_lock(one, QM_TTL_NONE), back_end->session ? QM_OK : QM_ERROR_ARGUMENT, one->functions->error(one));
}

static void
test_default_ttl(void **state)
{
    QmLocksOptions options = options_of();
    const struct
    {
        const char *key;
        int64_t ttl_ms;
    } wanted[] = {{"order:binance:BTCUSDT:1", 5000},
                  {"cancel:binance:17", 3000},
                  {"reconcile:binance:BTCUSDT", 30000},
                  {"my own", 7000}};
    QmLocks *locks;

    (void) state;
    options.default_ttl_ms = 7000;
    locks = open_with(&options);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
    {
        int64_t before = qm_monotonic_ns();
        QmGrant grant;
        int64_t margin_ms = wanted[i].ttl_ms / 10 > 1000 ? 1000 : wanted[i].ttl_ms / 10;

        assert_ok(locks->functions->try_lock(locks, wanted[i].key, QM_TTL_DEFAULT, &grant),
                  locks->functions->error(locks));
        assert_true(grant.trusted_until_ns >= before + (wanted[i].ttl_ms - margin_ms) * INT64_C(1000000));
        assert_true(grant.trusted_until_ns <= qm_monotonic_ns() + wanted[i].ttl_ms * INT64_C(1000000));
    }
    locks->functions->close(locks);
}

static void
test_close_gives_back(void **state)
{
    QmLocks *third = open_one();

    (void) state;
    assert_ok(try_lock(third, LONG_MS), third->functions->error(third));
    assert_code(try_lock(one, LONG_MS), QM_BUSY, one->functions->error(one));
    third->functions->close(third);
    assert_true(until_had(one) < LONG_MS / 2);
}

static void
test_timeout(void **state)
{
    int64_t begin;

    (void) state;
    assert_ok(try_lock(one, LONG_MS), one->functions->error(one));
    begin = qm_monotonic_ns();
    assert_code(two->functions->lock(two, KEY, LONG_MS, 300, NULL), QM_BUSY, two->functions->error(two));
    assert_true(qm_monotonic_ns() - begin >= 290 * INT64_C(1000000));
    assert_code(two->functions->lock(two, KEY, LONG_MS, 0, NULL), QM_BUSY, two->functions->error(two));
}

static void
test_waits_for_expiry(void **state)
{
    QmGrant grant;

    (void) state;
    assert_ok(try_lock(one, SHORT_MS), one->functions->error(one));
    assert_ok(two->functions->lock(two, KEY, 1000, 20000, &grant), two->functions->error(two));
    /* The wait is not taken off the trust. */
    assert_true(grant.trusted_until_ns > qm_monotonic_ns() + 400 * INT64_C(1000000));
}

/* A waiter in a thread of its own. */
typedef struct Waiter
{
    QmLocks *locks;
    QmCode code;
    int64_t had_ns;
} Waiter;

static void *
wait_for_it(void *argument)
{
    Waiter *waiter = argument;

    waiter->code = waiter->locks->functions->lock(waiter->locks, KEY, LONG_MS, 30000, NULL);
    waiter->had_ns = qm_monotonic_ns();
    return NULL;
}

/* compare_int64 is for qsort. */
static int
compare_int64(const void *left, const void *right)
{
    int64_t difference = *(const int64_t *) left - *(const int64_t *) right;

    return (difference > 0) - (difference < 0);
}

static void
test_hand_off(void **state)
{
    int64_t took_us[15];

    (void) state;
    for (size_t i = 0; i < sizeof(took_us) / sizeof(took_us[0]); i++)
    {
        Waiter waiter = {.locks = two};
        pthread_t thread;
        int64_t released_ns;

        assert_ok(try_lock(one, LONG_MS), one->functions->error(one));
        assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &waiter), 0);
        if (back_end->postgres && !back_end->redis)
            qt_until("SELECT count(*) > 0 FROM quantmesh.lock_waits");
        else
            usleep(50000);
        released_ns = qm_monotonic_ns();
        assert_ok(unlock(one), one->functions->error(one));
        pthread_join(thread, NULL);
        assert_code(waiter.code, QM_OK, two->functions->error(two));
        took_us[i] = (waiter.had_ns - released_ns) / 1000;
        assert_ok(unlock(two), two->functions->error(two));
    }
    qsort(took_us, sizeof(took_us) / sizeof(took_us[0]), sizeof(took_us[0]), compare_int64);
    print_message("    %s: release to next holder, median of 15: %lld us\n", back_end->name, (long long) took_us[7]);
    assert_true(took_us[7] < 50000);
}

/* A counter that only the lock protects. */
static long counter;

static void *
count_up(void *argument)
{
    QmLocks *locks = argument;
    QmCode code = QM_OK;

    for (int i = 0; code == QM_OK && i < 20; i++)
    {
        code = locks->functions->lock(locks, KEY, LONG_MS, 60000, NULL);
        if (code == QM_OK)
        {
            long seen = counter;

            usleep(200);
            counter = seen + 1;
            code = locks->functions->unlock(locks, KEY);
        }
    }
    return code == QM_OK ? argument : NULL;
}

static void
test_threads(void **state)
{
    pthread_t threads[6];
    QmLocks *locks[6];
    void *good;

    (void) state;
    counter = 0;
    for (int i = 0; i < 6; i++)
    {
        locks[i] = open_one();
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, locks[i]), 0);
    }
    for (int i = 0; i < 6; i++)
    {
        pthread_join(threads[i], &good);
        assert_non_null(good);
        locks[i]->functions->close(locks[i]);
    }
    assert_int_equal(counter, 120);
}

static void
test_renews(void **state)
{
    QmLocksOptions options = options_of();
    QtLosses losses = {0};
    QmLocks *keeper;
    int64_t begin = qm_monotonic_ns();

    (void) state;
    options.renew = true;
    options.on_loss = qt_loss_note;
    options.on_loss_argument = &losses;
    if (back_end->session)
    {
        /* Without TTL a session lock needs no renewal, and with one it has an end on purpose. */
        QmError error;

        assert_code(qm_locks_open(&options, &keeper, &error), QM_ERROR_ARGUMENT, &error);
        assert_null(keeper);
        return;
    }
    keeper = open_with(&options);
    assert_ok(try_lock(keeper, 1500), keeper->functions->error(keeper));
    while (qm_monotonic_ns() < begin + 4000 * INT64_C(1000000))
    {
        assert_code(try_lock(one, LONG_MS), QM_BUSY, one->functions->error(one));
        assert_true(keeper->functions->holds(keeper, KEY, NULL));
        usleep(20000);
    }
    assert_int_equal(atomic_load(&losses.count), 0);
    take();
    qt_loss_until(&losses, 1);
    assert_int_equal(losses.loss, QM_LOSS_TAKEN);
    assert_string_equal(losses.key, KEY);
    assert_false(keeper->functions->holds(keeper, KEY, NULL));
    assert_true(unlock(keeper) != QM_OK || back_end->also != NULL);
    keeper->functions->close(keeper);
    assert_int_equal(atomic_load(&losses.count), 1);
}

static void
test_loss_without_renewal(void **state)
{
    QmLocksOptions options = options_of();
    QtLosses losses = {0};
    QmLocks *watched;
    QmGrant grant;

    (void) state;
    options.on_loss = qt_loss_note;
    options.on_loss_argument = &losses;
    watched = open_with(&options);
    assert_ok(watched->functions->try_lock(watched, KEY, SHORT_MS, &grant), watched->functions->error(watched));
    /* Two back ends lose it twice. */
    qt_loss_until(&losses, back_end->also == NULL ? 1 : 2);
    assert_int_equal(losses.loss, QM_LOSS_EXPIRED);
    assert_true(qm_monotonic_ns() >= grant.trusted_until_ns);
    watched->functions->close(watched);
}

static void
test_session_lock_lost(void **state)
{
    QmLocksOptions options = options_of();
    QtLosses losses = {0};
    QmLocks *watched;
    QmGrant grant;

    (void) state;
    if (!back_end->session)
        return;
    options.on_loss = qt_loss_note;
    options.on_loss_argument = &losses;
    watched = open_with(&options);
    assert_ok(watched->functions->try_lock(watched, KEY, QM_TTL_NONE, &grant), watched->functions->error(watched));
    assert_ok(watched->functions->try_lock(watched, "second", LONG_MS, NULL), watched->functions->error(watched));
    assert_true(grant.trusted_until_ns == QM_TRUST_FOREVER);
    qt_ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN (SELECT pid FROM quantmesh.locks WHERE "
           "key = '" KEY "')");
    qt_loss_until(&losses, 2);
    assert_int_equal(losses.loss, QM_LOSS_CONNECTION);
    assert_false(watched->functions->holds(watched, KEY, NULL));
    assert_code(unlock(watched), QM_NOT_HELD, watched->functions->error(watched));
    /* The handle goes on, with another connection. */
    assert_ok(try_lock(watched, LONG_MS), watched->functions->error(watched));
    assert_true(watched->functions->holds(watched, KEY, NULL));
    watched->functions->close(watched);
    assert_int_equal(atomic_load(&losses.count), 2);
}

static void
test_server_gone(void **state)
{
    QmLocksOptions options = options_of();
    QmLocks *locks;

    (void) state;
    options.redis.addr = "127.0.0.1:1";
    options.redis.retry = qm_retry_policy("none");
    options.postgres.conninfo = "host=127.0.0.1 port=1";
    options.postgres.retry = qm_retry_policy("none");
    locks = open_with(&options);
    assert_code(try_lock(locks, LONG_MS), QM_ERROR_CONNECT, locks->functions->error(locks));
    assert_string_equal(locks->functions->error(locks)->sqlstate, "08001");
    assert_code(locks->functions->lock(locks, KEY, LONG_MS, 100, NULL),
                QM_ERROR_CONNECT,
                locks->functions->error(locks));
    assert_code(unlock(locks), QM_NOT_HELD, locks->functions->error(locks));
    assert_false(locks->functions->holds(locks, KEY, NULL));
    locks->functions->close(locks);
}

/* run_back_end runs the suite for one back end. */
static int
run_back_end(const BackEnd *wanted)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_excludes, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_own, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_trust, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_expires, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_extends, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_arguments, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_default_ttl, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_close_gives_back, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_timeout, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_waits_for_expiry, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_hand_off, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_threads, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_renews, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_loss_without_renewal, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_session_lock_lost, open_two, close_two),
        cmocka_unit_test_setup_teardown(test_server_gone, open_two, close_two),
    };

    back_end = wanted;
    return cmocka_run_group_tests_name(wanted->name, tests, NULL, NULL);
}

int
main(void)
{
    int failed = 0;

    qt_database("client_locks");
    /* After a crash, which another test may have made, no lease is granted for a while. */
    qt_until("SELECT coalesce(lease_grace_left <= '0', true) FROM quantmesh.lock_engine");
    qt_redis_start(&redis, 0, NULL);
    for (size_t i = 0; i < sizeof(back_ends) / sizeof(back_ends[0]); i++)
        failed += run_back_end(&back_ends[i]);
    qt_redis_stop(&redis, SIGTERM);
    return failed != 0;
}
