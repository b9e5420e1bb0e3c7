/*
 * Membership, intents: a member claims those of the market that its task names, as
 * many as its caller has room for, and leaves alone what it could not send.
 */
#include "check.h"

#include <stdio.h>

#include "server.h"
#include "watched.h"

static QtWatched one;
static QtWatched two;
static QmClient *client;
static int level; /* prices differ, so that no order is in another's way */

static int
setup(void **state)
{
    QmClientOptions options = {.conninfo = qt_conninfo()};

    (void) state;
    qt_database("client_member_claims");
    qt_ask("ALTER SYSTEM SET quantmesh.databases = 'client_member_claims'");
    qt_ask("ALTER SYSTEM SET quantmesh.max_ttl = '3 s'");
    qt_ask("SELECT pg_reload_conf()");
    qt_ask("SELECT quantmesh.set_market('binance', 'ETHUSDT', tick_size => 0.01, step_size => 0.00001)");
    qt_ask("SELECT quantmesh.set_reconcile('binance', symbol, every => '0', grace => '0') FROM quantmesh.market");
    client = qm_client_new(&options);
    return client == NULL;
}

static int
teardown(void **state)
{
    (void) state;
    qm_client_free(client);
    return 0;
}

/* begin opens a member and waits until both markets are its own. */
static int
begin(void **state)
{
    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 2 && qm_member_busy(one.member) == 0);
    return 0;
}

/* drop ends what a test has left: nothing of it is live, or to be done. */
static int
drop(void **state)
{
    (void) state;
    qt_members_drop();
    qt_ask("UPDATE quantmesh.task SET state = 'withdrawn', finished_at = now() WHERE finished_at IS NULL");
    qt_ask(
        "SELECT count(quantmesh.settle_order(account, order_id, 'canceled', 'test')) FROM quantmesh.orders WHERE live");
    return 0;
}

/* intend records an intent that is nobody's in particular. */
static void
intend(const char *symbol)
{
    qt_ask("SELECT outcome FROM quantmesh.place_order('binance', '%s', 'buy', %d, 0.01, submit => false)",
           symbol,
           1000 + 10 * level++);
}

/* task tells the owner of a market that it has intents. */
static void
task(const char *symbol)
{
    qt_ask("INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject) VALUES "
           "('binance', quantmesh.next_id(), 'submit_order', '%s', 'test')",
           symbol);
}

/* tasks returns how many tasks are in a state. */
static long
tasks(const char *state)
{
    return qt_ask_number("SELECT count(*) FROM quantmesh.tasks WHERE kind = 'submit_order' AND state = '%s'", state);
}

/* live returns how many live orders of a market are in a state. */
static long
live(const char *symbol, const char *state)
{
    return qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE live AND symbol = '%s' AND state = '%s'",
                         symbol,
                         state);
}

/* Intents of a market that no task names are somebody else's business, although the market is the member's, too. */
static void
test_the_market(void **state)
{
    (void) state;
    intend("ETHUSDT");
    intend("BTCUSDT");
    intend("ETHUSDT");
    task("BTCUSDT");
    qt_await(tasks("done") == 1);
    assert_int_equal(one.claims, 1);
    assert_string_equal(one.claim.symbol, "BTCUSDT");
    assert_int_equal(live("BTCUSDT", "submitted"), 1);
    assert_int_equal(live("ETHUSDT", "intent"), 2);
}

/* Without room nothing is claimed, and the task stays; with some, so much is, lot by lot. */
static void
test_room(void **state)
{
    int asked;

    (void) state;
    one.room = 0;
    for (int i = 0; i < 5; i++)
        intend("BTCUSDT");
    task("BTCUSDT");
    qt_await(one.room_asked >= 3);
    assert_int_equal(live("BTCUSDT", "intent"), 5);
    assert_int_equal(tasks("taken"), 1);
    one.room = 2;
    qt_await(one.claims == 2);
    asked = one.room_asked;
    qt_await(one.room_asked >= asked + 3);
    assert_int_equal(one.claims, 2);
    assert_int_equal(live("BTCUSDT", "intent"), 3);
    one.room = 100;
    qt_await(tasks("taken") == 0 && qm_member_busy(one.member) == 0);
    assert_int_equal(one.claims, 5);
    assert_int_equal(live("BTCUSDT", "submitted"), 5);
    assert_int_equal(qt_lines(&one, "failed"), 0);
}

/* A member without room is asked again with its heartbeats, and not in between. */
static void
test_no_haste(void **state)
{
    int64_t begun_us;
    int asked;

    (void) state;
    one.room = 0;
    intend("BTCUSDT");
    task("BTCUSDT");
    qt_await(one.room_asked > 0);
    asked = one.room_asked;
    begun_us = qm_member_now_us();
    qt_await(one.room_asked >= asked + 5);
    assert_true(qm_member_now_us() - begun_us >= 4 * INT64_C(100000));
}

/* What one could not send is sent by the next who has the market. */
static void
test_next(void **state)
{
    (void) state;
    one.room = 0;
    intend("BTCUSDT");
    task("BTCUSDT");
    qt_await(one.room_asked > 0);
    assert_ok(qm_member_leave(one.member), qm_member_error(one.member));
    qt_member(&two, "two", false);
    qt_await(two.claims == 1 && qm_member_busy(two.member) == 0);
    assert_int_equal(one.claims, 0);
    qt_until("SELECT instance = 'two' AND state = 'submitted' FROM quantmesh.orders WHERE live");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_market, begin, drop),
        cmocka_unit_test_setup_teardown(test_room, begin, drop),
        cmocka_unit_test_setup_teardown(test_no_haste, begin, drop),
        cmocka_unit_test_setup_teardown(test_next, begin, drop),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
