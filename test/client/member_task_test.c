/*
 * Membership, the tasks: what a coordinator gives out is asked of an exchange,
 * once, and what the exchange says reaches the database, also when that is away
 * in between.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "server.h"
#include "watched.h"

static QtWatched one;
static QmClient *client;
static char client_order_id[QM_CLIENT_ORDER_ID_SIZE]; /* of the order placed last */
static int64_t order_id;
static int level; /* prices differ, so that no order is in another's way */

static int
setup(void **state)
{
    QmClientOptions options = {.conninfo = qt_conninfo()};

    (void) state;
    qt_database("client_member_tasks");
    qt_ask("ALTER SYSTEM SET quantmesh.databases = 'client_member_tasks'");
    qt_ask("ALTER SYSTEM SET quantmesh.max_ttl = '3 s'");
    qt_ask("SELECT pg_reload_conf()");
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'BTCUSDT', every => '0', grace => '0')");
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

/* begin opens the member and waits until the market is its own. */
static int
begin(void **state)
{
    (void) state;
    qt_member(&one, "one", false);
    qt_await(one.gains == 1 && qm_member_busy(one.member) == 0);
    return 0;
}

/* drop ends what a test has left: nothing of it is live, or to be done. */
static int
drop(void **state)
{
    (void) state;
    qt_members_drop();
    qt_ask("UPDATE quantmesh.task SET state = 'withdrawn', finished_at = now() WHERE finished_at IS NULL");
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'BTCUSDT', every => '0')");
    qt_ask(
        "SELECT count(quantmesh.settle_order(account, order_id, 'canceled', 'test')) FROM quantmesh.orders WHERE live");
    return 0;
}

/* place places an order of 0.01 under the member's epoch. */
static void
place(bool intent)
{
    char price[QM_WORD_SIZE];
    QmOrder order = {.symbol = "BTCUSDT",
                     .side = "buy",
                     .price = price,
                     .quantity = "0.01",
                     .intent = intent,
                     .instance = "one",
                     .epoch = qm_member_epoch(one.member)};
    QmPlacement placement;

    snprintf(price, sizeof(price), "%d", 60000 + 100 * level++);
    assert_ok(qm_place_order(client, "binance", &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_PLACED);
    order_id = placement.order_id;
    memcpy(client_order_id, placement.client_order_id, sizeof(client_order_id));
}

/* lose_reply makes the order placed last unknown. */
static void
lose_reply(void)
{
    qt_ask("SELECT quantmesh.resolve_submission('binance', %lld, (SELECT fence FROM quantmesh.orders WHERE order_id = "
           "%lld), 'unknown')",
           (long long) order_id,
           (long long) order_id);
}

/* is returns whether the order placed last is in a state, with so much of it filled. */
static bool
is(const char *state, const char *filled)
{
    return qt_ask("SELECT state = '%s' AND filled_quantity = %s FROM quantmesh.orders WHERE order_id = %lld",
                  state,
                  filled,
                  (long long) order_id)[0] == 't';
}

/* task gives out a task about the order placed last. */
static void
task(const char *kind)
{
    qt_ask("INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, client_order_id) VALUES "
           "('binance', quantmesh.next_id(), '%s', 'BTCUSDT', '%lld', %lld, '%s')",
           kind,
           (long long) order_id,
           (long long) order_id,
           client_order_id);
}

/* tasks returns how many tasks about the order placed last are in a state. */
static long
tasks(const char *kind, const char *state)
{
    return qt_ask_number("SELECT count(*) FROM quantmesh.tasks WHERE order_id = %lld AND kind = '%s' AND state = '%s'",
                         (long long) order_id,
                         kind,
                         state);
}

/* An order whose reply was lost is asked for, with its trades, page by page. */
static void
test_query(void **state)
{
    (void) state;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9001", "FILLED", "0.01");
    qt_exchange_trade(&one.exchange, "501", "9001", "0.002");
    qt_exchange_trade(&one.exchange, "502", "9002", "5");
    qt_exchange_trade(&one.exchange, "503", "9001", "0.003");
    qt_exchange_trade(&one.exchange, "504", "9001", "0.005");
    one.exchange.page = 2;
    lose_reply();
    qt_await(is("filled", "0.01"));
    qt_await(tasks("query_order", "done") == 1);
    assert_int_equal(one.exchange.counts[QT_CALL_QUERY], 1);
    assert_int_equal(one.exchange.counts[QT_CALL_ORDER_TRADES], 2);
    assert_true(one.changed_order == order_id);
    assert_string_equal(qt_ask("SELECT string_agg(trade_id, ',' ORDER BY trade_id) FROM quantmesh.fill WHERE order_id "
                               "= %lld",
                               (long long) order_id),
                        "501,503,504");
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.discrepancies"), 0);
}

/* What the exchange does not know is absent by its own word alone; a question without an answer has failed. */
static void
test_query_absent(void **state)
{
    (void) state;
    place(false);
    one.exchange.fails = QT_CALL_QUERY;
    one.exchange.outcome = QM_EXCHANGE_UNKNOWN;
    lose_reply();
    qt_await(qt_lines(&one, "task query_order failed: the exchange: as told") == 1);
    assert_true(is("unknown", "0"));
    assert_int_equal(tasks("query_order", "absent"), 0);
    one.exchange.outcome = QM_EXCHANGE_DONE;
    qt_await(tasks("query_order", "absent") == 1);
    assert_true(is("unknown", "0"));
}

/* The trades of an order may fail: its state is a fact all the same, and the question is repeated. */
static void
test_query_without_trades(void **state)
{
    (void) state;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9011", "PARTIALLY_FILLED", "0.004");
    qt_exchange_trade(&one.exchange, "511", "9011", "0.004");
    one.exchange.fails = QT_CALL_ORDER_TRADES;
    one.exchange.outcome = QM_EXCHANGE_NOT_PROCESSED;
    lose_reply();
    qt_await(qt_ask("SELECT state FROM quantmesh.orders WHERE order_id = %lld", (long long) order_id)[0] == 'p');
    one.exchange.outcome = QM_EXCHANGE_DONE;
    qt_await(tasks("query_order", "done") == 1);
    assert_true(is("partially_filled", "0.004"));
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.fill WHERE order_id = %lld", (long long) order_id),
                     1);
}

/* A task that every heartbeat repeats is begun once. */
static void
test_repeated(void **state)
{
    int64_t end_us = qm_member_now_us() + QT_TTL_MS * INT64_C(1000);

    (void) state;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9021", "NEW", "0");
    one.silent = true;
    lose_reply();
    qt_await(one.exchange.counts[QT_CALL_QUERY] == 1);
    while (qm_member_now_us() < end_us)
        qt_watch();
    assert_int_equal(one.exchange.counts[QT_CALL_QUERY], 1);
    assert_int_equal(tasks("query_order", "taken"), 1);
    one.silent = false;
    qt_await(is("open", "0") && tasks("query_order", "done") == 1);
    assert_int_equal(one.exchange.counts[QT_CALL_QUERY], 1);
    assert_int_equal(qm_member_busy(one.member), 0);
}

/* open_order places an order that is open here and there, and asks to cancel it. */
static void
open_order(const char *id, const char *state, const char *filled)
{
    place(false);
    qt_ask("SELECT quantmesh.resolve_submission('binance', %lld, (SELECT fence FROM quantmesh.orders WHERE order_id = "
           "%lld), 'accepted')",
           (long long) order_id,
           (long long) order_id);
    qt_exchange_order(&one.exchange, client_order_id, id, state, filled);
    qt_ask("SELECT quantmesh.cancel_order('binance', %lld)", (long long) order_id);
    task("cancel_order");
}

static void
test_cancel(void **state)
{
    (void) state;
    open_order("9031", "PARTIALLY_FILLED", "0.001");
    qt_exchange_trade(&one.exchange, "531", "9031", "0.001");
    qt_await(is("canceled", "0.001") && tasks("cancel_order", "done") == 1);
    assert_int_equal(one.exchange.counts[QT_CALL_CANCEL], 1);
    assert_string_equal(qt_ask("SELECT cancel_state FROM quantmesh.orders WHERE order_id = %lld", (long long) order_id),
                        "done");
}

/* What is not open any more is asked for, and never taken for canceled. */
static void
test_cancel_late(void **state)
{
    (void) state;
    open_order("9041", "FILLED", "0.01");
    qt_exchange_trade(&one.exchange, "541", "9041", "0.01");
    qt_await(is("filled", "0.01") && tasks("cancel_order", "done") == 1);
    assert_int_equal(one.exchange.counts[QT_CALL_QUERY], 1);
    assert_string_equal(qt_ask("SELECT cancel_state FROM quantmesh.orders WHERE order_id = %lld", (long long) order_id),
                        "rejected");
}

static void
test_cancel_unanswered(void **state)
{
    (void) state;
    one.exchange.fails = QT_CALL_CANCEL;
    one.exchange.outcome = QM_EXCHANGE_UNKNOWN;
    open_order("9051", "NEW", "0");
    qt_await(qt_lines(&one, "task cancel_order failed") >= 1);
    assert_true(is("open", "0"));
    assert_string_equal(qt_ask("SELECT cancel_state FROM quantmesh.orders WHERE order_id = %lld", (long long) order_id),
                        "unknown");
    one.exchange.outcome = QM_EXCHANGE_DONE;
    qt_await(is("canceled", "0") && tasks("cancel_order", "done") == 1);
}

/* A snapshot finds what no report has said: a fill that was missed, an order that is not ours. */
static void
test_snapshot(void **state)
{
    (void) state;
    place(false);
    qt_ask("SELECT quantmesh.resolve_submission('binance', %lld, (SELECT fence FROM quantmesh.orders WHERE order_id = "
           "%lld), 'accepted')",
           (long long) order_id,
           (long long) order_id);
    qt_exchange_order(&one.exchange, client_order_id, "9061", "PARTIALLY_FILLED", "0.003");
    qt_exchange_trade(&one.exchange, "561", "9061", "0.001");
    qt_exchange_trade(&one.exchange, "562", "9061", "0.001");
    qt_exchange_trade(&one.exchange, "563", "9061", "0.001");
    qt_exchange_order(&one.exchange, "somebody-else", "9062", "NEW", "0");
    one.exchange.page = 2;
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'BTCUSDT', every => '1 s')");
    qt_await(is("partially_filled", "0.003"));
    qt_until("SELECT count(*) = 3 FROM quantmesh.fill WHERE order_id = %lld", (long long) order_id);
    qt_await(qt_ask_number(
                 "SELECT count(*) FROM quantmesh.orders WHERE exchange_order_id = '9062' AND origin = 'external'") ==
             1);
    assert_true(one.exchange.counts[QT_CALL_TRADES] >= 2);
    assert_true(one.exchange.counts[QT_CALL_BALANCES] >= 1);
    assert_int_equal(qt_lines(&one, "refused"), 0);
}

/* A snapshot that could not be fetched whole is submitted as that, and changes nothing. */
static void
test_snapshot_incomplete(void **state)
{
    (void) state;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9071", "NEW", "0");
    one.exchange.fails = QT_CALL_BALANCES;
    one.exchange.outcome = QM_EXCHANGE_NOT_PROCESSED;
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'BTCUSDT', every => '1 s')");
    qt_await(qt_lines(&one, "task snapshot is incomplete: as told") >= 1);
    assert_true(is("submitted", "0"));
    qt_until("SELECT EXISTS (SELECT FROM quantmesh.snapshot WHERE NOT complete)");
    one.exchange.outcome = QM_EXCHANGE_DONE;
    qt_await(is("open", "0"));
}

/* A market whose account this process cannot reach: the tasks fail, and say why. */
static void
test_no_exchange(void **state)
{
    (void) state;
    one.away = true;
    place(false);
    lose_reply();
    qt_await(qt_lines(&one, "has no exchange for account binance") == 1);
    assert_true(is("unknown", "0"));
}

/* A queue that is full is not asked again at once, but by the task's next turn. */
static void
test_full_queue(void **state)
{
    (void) state;
    one.exchange.full = true;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9081", "NEW", "0");
    lose_reply();
    qt_await(qt_lines(&one, "not asked: the queue is full") == 1);
    one.exchange.full = false;
    qt_await(is("open", "0"));
}

/* However much there is to do: few questions are under way at once, and all are answered in the end. */
static void
test_many(void **state)
{
    size_t most = 0;

    (void) state;
    qt_ask(
        "INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, client_order_id) SELECT 'binance', "
        "quantmesh.next_id(), 'query_order', 'BTCUSDT', 'many-' || n, 'many-' || n FROM generate_series(1, 300) AS n");
    one.silent = true;
    qt_await(one.exchange.call_count == 8 && qm_member_busy(one.member) >= 100);
    one.silent = false;
    qt_await((most = one.exchange.call_count > most ? one.exchange.call_count : most,
              one.exchange.counts[QT_CALL_QUERY] == 300 && qm_member_busy(one.member) == 0));
    assert_int_equal(most, 8);
    assert_int_equal(one.exchange.counts[QT_CALL_QUERY], 300);
    assert_int_equal(qt_ask_number(
                         "SELECT count(*) FROM quantmesh.tasks WHERE client_order_id LIKE 'many-%%' AND state = "
                         "'absent' AND attempts = 1"),
                     300);
}

/* Intents of an instance that has died are claimed by the owner of the market, under its own epoch. */
static void
test_intents(void **state)
{
    QmInstance dead = {.instance = "dead",
                       .markets = (const char *const[]){"binance:ETHUSDT"},
                       .market_count = 1,
                       .ttl_ms = 3000};
    QmOrder order = {.symbol = "BTCUSDT", .side = "sell", .price = "90000", .quantity = "0.01", .intent = true};
    QmRegistration registration;
    QmPlacement placement;

    (void) state;
    assert_ok(qm_register_instance(client, &dead, &registration), qm_client_error(client));
    order.instance = "dead";
    order.epoch = registration.epoch;
    assert_ok(qm_place_order(client, "binance", &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_PLACED);
    assert_int_equal(one.claims, 0);
    assert_ok(qm_leave_instance(client, "dead", registration.epoch), qm_client_error(client));
    qt_await(one.claims == 1);
    assert_true(one.claim.order_id == placement.order_id);
    assert_string_equal(one.claim.price, "90000");
    qt_until("SELECT state = 'submitted' AND instance = 'one' FROM quantmesh.orders WHERE order_id = %lld",
             (long long) placement.order_id);
    qt_await(qm_member_busy(one.member) == 0);
    assert_int_equal(one.claims, 1);
}

static void
test_halt(void **state)
{
    (void) state;
    qt_ask("SELECT quantmesh.set_trading_state('binance', 'BTCUSDT', 'reducing', 'by a test')");
    qt_await(one.halts == 1);
    assert_string_equal(one.halt, "reducing");
    qt_ask("SELECT quantmesh.halt('binance', 'BTCUSDT', 'by a test')");
    qt_await(one.halts == 2 && qm_member_busy(one.member) == 0);
    assert_string_equal(one.halt, "halted");
    qt_ask("SELECT quantmesh.resume('binance', 'BTCUSDT', 'by a test')");
    assert_int_equal(qt_lines(&one, "is halted: by a test"), 1);
}

/* A member that is closed with a question under way leaves nothing behind: the answer frees it. */
static void
test_closed(void **state)
{
    (void) state;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9091", "NEW", "0");
    one.silent = true;
    lose_reply();
    qt_await(one.exchange.counts[QT_CALL_QUERY] == 1);
    qt_member_drop(&one);
}

/* What was learned while the database was away is told when it is back, whatever has become of the task. */
static void
test_database_away(void **state)
{
    (void) state;
    place(false);
    qt_exchange_order(&one.exchange, client_order_id, "9101", "FILLED", "0.01");
    qt_exchange_trade(&one.exchange, "601", "9101", "0.01");
    one.silent = true;
    lose_reply();
    qt_await(one.exchange.counts[QT_CALL_QUERY] == 1);
    qt_server_kill();
    qt_await(qt_lines(&one, "the database does not answer") == 1);
    one.silent = false;
    qt_await(one.deaths == 1 && one.exchange.counts[QT_CALL_ORDER_TRADES] == 1);
    assert_int_equal(qm_member_busy(one.member), 1);
    qt_server_start();
    qt_await(one.gains == 2);
    qt_await(is("filled", "0.01"));
    assert_int_equal(one.exchange.counts[QT_CALL_QUERY], 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_query, begin, drop),
        cmocka_unit_test_setup_teardown(test_query_absent, begin, drop),
        cmocka_unit_test_setup_teardown(test_query_without_trades, begin, drop),
        cmocka_unit_test_setup_teardown(test_repeated, begin, drop),
        cmocka_unit_test_setup_teardown(test_cancel, begin, drop),
        cmocka_unit_test_setup_teardown(test_cancel_late, begin, drop),
        cmocka_unit_test_setup_teardown(test_cancel_unanswered, begin, drop),
        cmocka_unit_test_setup_teardown(test_snapshot, begin, drop),
        cmocka_unit_test_setup_teardown(test_snapshot_incomplete, begin, drop),
        cmocka_unit_test_setup_teardown(test_no_exchange, begin, drop),
        cmocka_unit_test_setup_teardown(test_full_queue, begin, drop),
        cmocka_unit_test_setup_teardown(test_many, begin, drop),
        cmocka_unit_test_setup_teardown(test_intents, begin, drop),
        cmocka_unit_test_setup_teardown(test_halt, begin, drop),
        cmocka_unit_test_setup_teardown(test_closed, begin, drop),
        cmocka_unit_test_setup_teardown(test_database_away, begin, drop),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
