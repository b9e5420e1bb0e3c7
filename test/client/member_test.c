/*
 * Membership, the life: registering, markets that come and go, death, a process
 * that was stopped, a database that is away. A coordinator works here as it does
 * for users; tests wait for what it does.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "watched.h"

#define TAKEOVER_US \
    (QT_TTL_MS * INT64_C(1000) + INT64_C(1500000)) /* the coordinator's nap, a heartbeat, and a slow machine */

static QtWatched one;
static QtWatched two;

/* owns returns whether a member has the market of these tests. */
static bool
owns(const QtWatched *watched)
{
    return qm_member_owns(watched->member, "binance", "BTCUSDT");
}

static int
setup(void **state)
{
    (void) state;
    qt_database("client_members");
    qt_ask("ALTER SYSTEM SET quantmesh.databases = 'client_members'");
    qt_ask("ALTER SYSTEM SET quantmesh.max_ttl = '3 s'");
    qt_ask("SELECT pg_reload_conf()");
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'BTCUSDT', every => '0')");
    return 0;
}

/* drop ends what a test has left. */
static int
drop(void **state)
{
    (void) state;
    qt_members_drop();
    return 0;
}

static void
test_options(void **state)
{
    const char *const markets[] = {"binance:*"};
    QmMemberOptions options = {.instance = "x", .markets = markets, .market_count = 1};
    QmMember *member;
    QmError error;

    (void) state;
    assert_code(qm_member_open(&options, &member, &error), QM_ERROR_ARGUMENT, &error);
    assert_string_equal(error.message, "a member needs to know exchanges");
    options.market_count = 0;
    assert_code(qm_member_open(&options, &member, &error), QM_ERROR_ARGUMENT, &error);
    options.instance = "";
    assert_code(qm_member_open(&options, &member, &error), QM_ERROR_ARGUMENT, &error);
    options = (QmMemberOptions){.instance = "x", .markets = markets, .market_count = 1, .ttl_ms = 299};
    assert_code(qm_member_open(&options, &member, NULL), QM_ERROR_ARGUMENT, &error);
    assert_null(member);
    qm_member_close(NULL);
}

static QmExchange *
no_exchange(void *argument, const char *account)
{
    (void) argument;
    (void) account;
    return NULL;
}

/* Who names no ttl has the database's default, and trusts, beats and waits accordingly. */
static void
test_default_ttl(void **state)
{
    const char *const markets[] = {"binance:*"};
    const QmMemberOptions options = {.database = {.conninfo = qt_conninfo()},
                                     .instance = "plain",
                                     .markets = markets,
                                     .market_count = 1,
                                     .functions = {.exchange = no_exchange}};
    QmMember *member;
    QmError error;
    int64_t now_us;

    (void) state;
    qt_ask("ALTER DATABASE client_members SET quantmesh.default_ttl_lease = '2 s'");
    assert_ok(qm_member_open(&options, &member, &error), &error);
    for (int64_t end_us = qm_member_now_us() + 30000000; qm_member_epoch(member) == 0; usleep(10000))
    {
        assert_true(qm_member_now_us() < end_us);
        qm_member_run(member);
    }
    assert_string_equal(qt_ask("SELECT ttl FROM quantmesh.instance WHERE instance = 'plain'"), "00:00:02");
    qm_member_run(member); /* the first heartbeat is due at once */
    now_us = qm_member_now_us();
    assert_true(qm_member_trusted_until_us(member) < now_us + 2000000);
    assert_true(qm_member_due_us(member) <= now_us + 200000);
    assert_ok(qm_member_leave(member), qm_member_error(member));
    qm_member_close(member);
    qt_ask("ALTER DATABASE client_members RESET quantmesh.default_ttl_lease");
}

static void
test_life(void **state)
{
    int64_t now_us;

    (void) state;
    qt_member(&one, "one", false);
    assert_string_equal(qm_member_name(one.member), "one");
    assert_int_equal(qm_member_epoch(one.member), 0);
    assert_true(qm_member_due_us(one.member) <= qm_member_now_us());
    qt_await(one.gains == 1 && qm_member_busy(one.member) == 0);
    assert_true(owns(&one));
    assert_true(qm_member_epoch(one.member) ==
                qt_ask_number("SELECT epoch FROM quantmesh.instances WHERE state = 'alive'"));
    now_us = qm_member_now_us();
    assert_true(qm_member_trusted_until_us(one.member) > now_us);
    assert_true(qm_member_trusted_until_us(one.member) < now_us + QT_TTL_MS * INT64_C(1000));
    assert_string_equal(qt_ask("SELECT string_agg(kind || ' ' || state, ',') FROM quantmesh.tasks WHERE kind <> "
                               "'snapshot'"),
                        "assign done");
    assert_string_equal(qt_ask("SELECT detail FROM quantmesh.instances"), "{\"test\": true}");

    assert_ok(qm_member_leave(one.member), qm_member_error(one.member));
    assert_int_equal(qm_member_epoch(one.member), 0);
    assert_true(qm_member_due_us(one.member) == INT64_MAX);
    qm_member_run(one.member);
    assert_int_equal(one.deaths, 0);
    assert_string_equal(qt_ask("SELECT state FROM quantmesh.instances WHERE instance = 'one'"), "left");
    assert_ok(qm_member_leave(one.member), qm_member_error(one.member));
}

/* A market goes to whom an operator names, and comes back; each is told once. */
static void
test_markets_move(void **state)
{
    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    qt_member(&two, "two", true);
    qt_await(qm_member_epoch(two.member) != 0);
    assert_int_equal(two.gains, 0);
    qt_ask("SELECT quantmesh.assign_market('binance', 'BTCUSDT', 'two', 'test')");
    qt_await(two.gains == 1 && one.losses == 1);
    assert_true(owns(&two) && !owns(&one));
    qt_ask("SELECT quantmesh.assign_market('binance', 'BTCUSDT', 'one', 'test')");
    qt_await(one.gains == 2 && two.losses == 1);
    qt_ask("SELECT quantmesh.assign_market('binance', 'BTCUSDT', NULL, 'test')");
    qt_await(qm_member_busy(one.member) == 0 && qm_member_busy(two.member) == 0);
    assert_int_equal(one.gains + two.gains, 3);
}

/* A standby has nothing until the owner is dead, and then all of it. */
static void
test_take_over(void **state)
{
    int64_t killed_us;

    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    qt_member(&two, "two", true);
    qt_await(qm_member_epoch(two.member) != 0);
    killed_us = qm_member_now_us();
    qt_member_drop(&one);
    qt_await(two.gains == 1);
    assert_true(two.gained_us - killed_us < TAKEOVER_US);
    print_message("taken over %.0f ms after the death, ttl %d ms\n",
                  (double) (two.gained_us - killed_us) / 1000,
                  QT_TTL_MS);
    assert_string_equal(qt_ask("SELECT state FROM quantmesh.instances WHERE instance = 'one'"), "dead");
}

static void
test_leave(void **state)
{
    int64_t left_us;

    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    qt_member(&two, "two", true);
    qt_await(qm_member_epoch(two.member) != 0);
    left_us = qm_member_now_us();
    assert_ok(qm_member_leave(one.member), qm_member_error(one.member));
    qt_await(two.gains == 1);
    print_message("taken over %.0f ms after leaving\n", (double) (two.gained_us - left_us) / 1000);
}

/*
 * A process that was stopped may send nothing when it goes on, finds its life
 * over at the first heartbeat, and begins another.
 */
static void
test_stopped(void **state)
{
    QmClientOptions options = {.conninfo = qt_conninfo()};
    QmClient *client = qm_client_new(&options);
    QmTask *list;
    size_t count;
    int64_t epoch;

    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    qt_member(&two, "two", true);
    qt_await(qm_member_epoch(two.member) != 0);
    epoch = qm_member_epoch(one.member);
    one.stopped = true;
    qt_await(two.gains == 1);
    assert_true(qm_member_trusted_until_us(one.member) < qm_member_now_us());
    assert_true(qm_member_trusted_until_us(one.member) < two.gained_us);
    assert_code(qm_heartbeat(client, "one", epoch, &list, &count), QM_ERROR_SERVER, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, QM_SQLSTATE_STALE_INSTANCE);
    qm_client_free(client);

    one.stopped = false;
    qt_await(one.deaths == 1);
    assert_false(owns(&one));
    qt_await(qm_member_epoch(one.member) > epoch);
    qt_await(one.gains == 2 && two.losses == 1); /* it is no standby */
    assert_int_equal(one.losses, 0);
}

/* Of a pause shorter than the ttl nothing comes. */
static void
test_stopped_shortly(void **state)
{
    int64_t epoch;

    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    epoch = qm_member_epoch(one.member);
    usleep(QT_TTL_MS * 1000 / 2);
    qt_await(qm_member_trusted_until_us(one.member) > qm_member_now_us() + QT_TTL_MS * INT64_C(500));
    assert_int_equal(one.deaths, 0);
    assert_true(qm_member_epoch(one.member) == epoch);
}

/* The name of a living process is not to be had; that is said once, and the name taken when it is free. */
static void
test_name_taken(void **state)
{
    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    qt_member(&two, "one", false);
    qt_await(qt_lines(&two, "another living process") == 1);
    for (int64_t end_us = qm_member_now_us() + 500000; qm_member_now_us() < end_us;)
        qt_watch();
    assert_int_equal(two.line_count, 1);
    assert_int_equal(qm_member_epoch(two.member), 0);
    assert_int_equal(one.deaths, 0);
    assert_ok(qm_member_leave(one.member), qm_member_error(one.member));
    qt_await(two.gains == 1);
}

/* The last test, since a server that has crashed gives nobody a new lease for max_ttl. */
static void
test_database_away(void **state)
{
    int64_t epoch;

    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1);
    epoch = qm_member_epoch(one.member);
    qt_server_kill();
    qt_await(qm_member_trusted_until_us(one.member) < qm_member_now_us());
    qt_await(one.deaths == 1);
    assert_false(owns(&one));
    assert_int_equal(qt_lines(&one, "the database does not answer"), 1);

    qt_server_start();
    qt_member(&two, "two", true);
    qt_await(one.gains == 2);
    assert_true(qm_member_epoch(one.member) == epoch); /* its life was the same all the time */
    qt_await(qm_member_epoch(two.member) != 0);
    assert_int_equal(qt_lines(&two, "grants no leases yet"), 1);
    assert_int_equal(one.deaths, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test_teardown(test_life, drop),
        cmocka_unit_test_teardown(test_markets_move, drop),
        cmocka_unit_test_teardown(test_take_over, drop),
        cmocka_unit_test_teardown(test_leave, drop),
        cmocka_unit_test_teardown(test_stopped, drop),
        cmocka_unit_test_teardown(test_stopped_shortly, drop),
        cmocka_unit_test_teardown(test_name_taken, drop),
        cmocka_unit_test(test_default_ttl),
        cmocka_unit_test_teardown(test_database_away, drop),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
