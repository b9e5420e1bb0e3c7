/*
 * The paper exchange as our own adapter sees it: orders, queries, streams, and what
 * becomes of both when the exchange has a bad day.
 */
#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "binance_bench.h"
#include "paper_host.h"

#define WAIT_MS 20000

/* What was heard. */
typedef struct Heard
{
    int user_up, user_down, market_up, market_down, trades, candles, closed_candles, books, balances, reports;
    int told_to_wait;
    char last_state[32];
    char last_client_id[64];
    char states[4096]; /* of all reports: "id=state;" */
} Heard;

static QtPaper paper;
static QmExchange *exchange;
static Heard heard;

static void
listen_to(void *argument, const QmExchangeEvent *event)
{
    Heard *into = argument;

    into->user_up += event->kind == QM_HEARD_USER_UP;
    into->user_down += event->kind == QM_HEARD_USER_DOWN;
    into->market_up += event->kind == QM_HEARD_MARKET_UP;
    into->market_down += event->kind == QM_HEARD_MARKET_DOWN;
    into->trades += event->kind == QM_HEARD_TRADE;
    into->candles += event->kind == QM_HEARD_CANDLE;
    into->closed_candles += event->kind == QM_HEARD_CANDLE && event->candle.closed;
    into->books += event->kind == QM_HEARD_BOOK;
    into->balances += event->kind == QM_HEARD_BALANCE;
    into->told_to_wait += event->kind == QM_HEARD_NOTICE && strstr(event->text, "too many requests: no request for");
    if (event->kind != QM_HEARD_REPORT)
        return;
    into->reports++;
    snprintf(into->last_state, sizeof(into->last_state), "%s", event->report.state);
    snprintf(into->last_client_id, sizeof(into->last_client_id), "%s", event->report.client_order_id);
    snprintf(into->states + strlen(into->states),
             sizeof(into->states) - strlen(into->states),
             "%s=%s;",
             event->report.client_order_id,
             event->report.state);
}

/* begin starts an exchange that allows so much weight in a minute, and the adapter; -1: it does not count. */
static int
begin(int weight_max)
{
    QmBinanceOptions options = {.api_key = QT_PAPER_KEY,
                                .secret_key = QT_PAPER_SECRET,
                                .request_timeout_ms = 2000,
                                .listener = listen_to,
                                .listener_argument = &heard};
    QmError error;

    memset(&heard, 0, sizeof(heard));
    qt_paper_prepare(&paper);
    paper.setup.server.weight_max = weight_max;
    qt_paper_start(&paper);
    qt_paper_step(&paper, 2);
    options.rest_url = paper.url;
    options.ws_api_url = paper.ws_api_url;
    options.stream_url = paper.stream_url;
    exchange = qm_binance_open(&options, &error);
    if (exchange == NULL)
        qt_fail("%s", error.message);
    return 0;
}

static int
set_up(void **state)
{
    (void) state;
    return begin(-1);
}

static int
set_up_limited(void **state)
{
    (void) state;
    return begin(50);
}

static int
tear_down(void **state)
{
    (void) state;
    exchange->functions->close(exchange);
    qt_paper_stop(&paper);
    return 0;
}

/* run_until turns the adapter until a number is at least what is wanted. */
static void
run_until(const int *number, int wanted, const char *what)
{
    int64_t end_us = qt_now_us() + WAIT_MS * 1000;

    while (*number < wanted)
    {
        struct pollfd one = {.fd = exchange->functions->descriptor(exchange), .events = POLLIN};

        if (poll(&one, 1, 1000) < 0 || qt_now_us() > end_us)
            qt_fail("%s: %d instead of %d within %d ms", what, *number, wanted, WAIT_MS);
        exchange->functions->run(exchange);
    }
}

#define RUN_UNTIL(number, wanted) run_until(&(number), wanted, #number)

static QmExchangePlace
order(const char *client_id, const char *side, const char *price)
{
    return (QmExchangePlace){.symbol = "BTCUSDT",
                             .client_order_id = client_id,
                             .side = side,
                             .order_type = "limit",
                             .price = price,
                             .quantity = "0.01",
                             .stamped_us = qt_now_us(),
                             .send_before_us = qt_now_us() + 3000000};
}

/* place places an order and returns what became of it. */
static Kept
place(const char *client_id, const char *side, const char *price, bool post_only)
{
    QmExchangePlace wanted = order(client_id, side, price);
    Kept kept = {0};

    wanted.post_only = post_only;
    assert_int_equal(exchange->functions->place(exchange, &wanted, qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    return kept;
}

static Kept
query(const char *client_id)
{
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = client_id};
    Kept kept = {0};

    assert_int_equal(exchange->functions->query(exchange, &which, qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    return kept;
}

static Kept
cancel(const char *client_id)
{
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = client_id};
    Kept kept = {0};

    assert_int_equal(exchange->functions->cancel(exchange, &which, qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    return kept;
}

static void
test_calls(void **state)
{
    static const char *const symbols[] = {"BTCUSDT"};
    Kept kept = {0};

    (void) state;
    assert_int_equal(exchange->functions->markets(exchange, symbols, 1, qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    kept = place("q1", "buy", "20000.00", true);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_string_equal(kept.first_id, "q1");
    kept = place("q1", "buy", "20000.00", true);
    assert_int_equal(kept.cause, QM_CAUSE_EXISTS);
    kept = place("q2", "buy", "90000.00", true);
    assert_int_equal(kept.cause, QM_CAUSE_POST_ONLY);
    kept = place("q2", "buy", "20000.001", false);
    assert_int_equal(kept.cause, QM_CAUSE_FILTER);
    kept = query("q1");
    assert_string_equal(kept.state, "NEW");
    assert_int_equal(query("q9").cause, QM_CAUSE_ABSENT);
    kept = (Kept){0};
    assert_int_equal(exchange->functions->open_orders(exchange, "BTCUSDT", qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    assert_int_equal(kept.orders, 1);
    assert_string_equal(cancel("q1").state, "CANCELED");
    assert_int_equal(cancel("q1").cause, QM_CAUSE_NOT_OPEN);
    kept = place("q3", "buy", "90000.00", false);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_string_equal(kept.state, "FILLED");
    kept = (Kept){0};
    assert_int_equal(exchange->functions->trades(exchange, "BTCUSDT", 0, qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    assert_true(kept.trades >= 1);
    kept = (Kept){0};
    assert_int_equal(exchange->functions->balances(exchange, qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
}

static void
test_streams(void **state)
{
    (void) state;
    assert_int_equal(exchange->functions->watch_account(exchange), QM_OK);
    assert_int_equal(exchange->functions->watch_market(exchange, "BTCUSDT", true, true, "1m"), QM_OK);
    RUN_UNTIL(heard.user_up, 1);
    RUN_UNTIL(heard.market_up, 1);
    exchange->functions->drain(exchange);
    place("s1", "buy", "20000.00", true);
    RUN_UNTIL(heard.reports, 1);
    assert_string_equal(heard.last_state, "NEW");
    RUN_UNTIL(heard.balances, 1);
    cancel("s1");
    RUN_UNTIL(heard.reports, 2);
    assert_string_equal(heard.last_state, "CANCELED");
    assert_string_equal(heard.last_client_id, "s1");
    qt_paper_step(&paper, 8);
    RUN_UNTIL(heard.trades, 4);
    RUN_UNTIL(heard.closed_candles, 1);
    RUN_UNTIL(heard.books, 1);
}

/* A stream that is cut: it comes back, and what happened meanwhile is found by asking. */
static void
test_resync(void **state)
{
    Kept kept = {0};

    (void) state;
    assert_int_equal(exchange->functions->watch_account(exchange), QM_OK);
    RUN_UNTIL(heard.user_up, 1);
    exchange->functions->drain(exchange);
    place("r1", "buy", "20000.00", true);
    RUN_UNTIL(heard.reports, 1);
    qt_paper_admin(&paper, "POST", "kill?account=main", NULL);
    qt_paper_admin(&paper, "POST", "cancel?account=main&symbol=BTCUSDT&origClientOrderId=r1", NULL);
    assert_int_equal(paper.status, 200);
    RUN_UNTIL(heard.user_down, 1);
    RUN_UNTIL(heard.user_up, 2);
    assert_int_equal(exchange->functions->open_orders(exchange, "BTCUSDT", qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    assert_int_equal(kept.orders, 0);
    exchange->functions->drain(exchange);
    assert_string_equal(query("r1").state, "EXPIRED");
    place("r2", "buy", "20000.00", true);
    RUN_UNTIL(heard.reports, 2);
    assert_string_equal(heard.last_client_id, "r2");
    qt_paper_admin(&paper, "POST", "kill?account=main&how=end", NULL);
    RUN_UNTIL(heard.user_up, 3);
}

/* fault adds a fault to the plan. */
static void
fault(const char *json)
{
    qt_paper_admin(&paper, "POST", "fault", json);
    if (paper.status != 200)
        qt_fail("the fault is refused: %s", qt_paper_text(paper.answer, "msg"));
}

/* Replies that are lost or cut: the order is there, and its sender does not know. */
static void
test_lost_replies(void **state)
{
    static const char *const faults[] = {
        "{\"kind\": \"drop_reply\", \"endpoint\": \"place\", \"count\": 1}",
        "{\"kind\": \"cut_reply\", \"endpoint\": \"place\", \"count\": 1}",
        "{\"kind\": \"fail_after\", \"endpoint\": \"place\", \"count\": 1}",
    };
    char id[16];

    (void) state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
    {
        fault(faults[i]);
        snprintf(id, sizeof(id), "lost%zu", i);
        assert_int_equal(place(id, "buy", "20000.00", true).outcome, QM_EXCHANGE_UNKNOWN);
        assert_string_equal(query(id).state, "NEW");
        assert_string_equal(cancel(id).state, "CANCELED");
    }
    fault("{\"kind\": \"drop_reply\", \"endpoint\": \"cancel\", \"count\": 1}");
    place("lost", "buy", "20000.00", true);
    assert_int_equal(cancel("lost").outcome, QM_EXCHANGE_UNKNOWN);
    assert_string_equal(query("lost").state, "CANCELED");
}

/* Requests that the exchange has not looked at, and one that comes too late. */
static void
test_not_processed(void **state)
{
    Kept kept;

    (void) state;
    fault("{\"kind\": \"fail_before\", \"endpoint\": \"place\", \"count\": 1}");
    kept = place("n1", "buy", "20000.00", true);
    assert_int_equal(kept.status, 503);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_int_equal(query("n1").cause, QM_CAUSE_ABSENT);
    fault("{\"kind\": \"limited\", \"endpoint\": \"place\", \"count\": 1, \"wait_s\": 1}");
    kept = place("n2", "buy", "20000.00", true);
    assert_int_equal(kept.status, 429);
    assert_int_equal(kept.cause, QM_CAUSE_THROTTLED);
    assert_true(kept.retry_after_ms >= 1000);
    /* Too many orders, and cancels and queries go on. */
    assert_int_equal(place("n3", "buy", "20000.00", true).outcome, QM_EXCHANGE_DONE);
    fault("{\"kind\": \"limited\", \"endpoint\": \"place\", \"count\": 1, \"code\": -1015, \"wait_s\": 30}");
    kept = place("n4", "buy", "20000.00", true);
    assert_int_equal(kept.status, 429);
    assert_int_equal(kept.code, -1015);
    assert_int_equal(kept.cause, QM_CAUSE_ORDERS);
    assert_int_equal(kept.retry_after_ms, 30000);
    assert_string_equal(query("n3").state, "NEW");
    assert_string_equal(cancel("n3").state, "CANCELED");
}

/* Shut out by the answer to a subscription: nothing is asked for until that is over, then all is as before. */
static void
test_shut_out(void **state)
{
    int64_t begin_us = qt_now_us();

    (void) state;
    fault("{\"kind\": \"limited\", \"endpoint\": \"stream\", \"value\": 418, \"count\": 1, \"wait_s\": 1}");
    assert_int_equal(exchange->functions->watch_account(exchange), QM_OK);
    RUN_UNTIL(heard.user_down, 1);
    assert_int_equal(query("none").cause, QM_CAUSE_ABSENT);
    assert_true(qt_now_us() - begin_us >= 1000000);
    RUN_UNTIL(heard.user_up, 1);
}

/* Where the address has used up its weight, a connection is refused like any request, and that counts for all. */
static void
test_connection_refused(void **state)
{
    (void) state;
    assert_int_equal(query("none").cause, QM_CAUSE_ABSENT);
    /* Not across the end of a minute, where counting begins anew. */
    while (qt_now_us() / 1000000 % 60 > 45)
        assert_int_equal(poll(NULL, 0, 100), 0);
    do
        qt_paper_ask(&paper, "GET", "/api/v3/exchangeInfo", "", false);
    while (paper.status == 200);
    assert_int_equal(exchange->functions->watch_account(exchange), QM_OK);
    RUN_UNTIL(heard.user_down, 1);
    assert_int_equal(heard.told_to_wait, 1);
    assert_int_equal(heard.user_up, 0);
}

/* Delays: before the engine, and behind it beyond the client's patience. */
static void
test_delays(void **state)
{
    int64_t begin_us;

    (void) state;
    fault("{\"kind\": \"delay_before\", \"endpoint\": \"query\", \"value\": 300, \"count\": 1}");
    begin_us = qt_now_us();
    assert_int_equal(query("none").cause, QM_CAUSE_ABSENT);
    assert_true(qt_now_us() - begin_us >= 300000);
    fault("{\"kind\": \"delay_after\", \"endpoint\": \"place\", \"value\": 4000, \"count\": 1}");
    assert_int_equal(place("d1", "buy", "20000.00", true).outcome, QM_EXCHANGE_UNKNOWN);
    assert_string_equal(query("d1").state, "NEW");
}

/* An order that the exchange has taken and does not show yet. */
static void
test_lag(void **state)
{
    Kept kept = {0};

    (void) state;
    fault("{\"kind\": \"lag\", \"value\": 30000}");
    place("l1", "buy", "20000.00", true);
    assert_int_equal(query("l1").cause, QM_CAUSE_ABSENT);
    assert_int_equal(exchange->functions->open_orders(exchange, "BTCUSDT", qt_keep, &kept), QM_OK);
    RUN_UNTIL(kept.calls, 1);
    assert_int_equal(kept.orders, 0);
    qt_paper_step(&paper, 4);
    assert_string_equal(query("l1").state, "NEW");
}

/* Events that are lost, doubled, swapped or late. */
static void
test_events(void **state)
{
    (void) state;
    assert_int_equal(exchange->functions->watch_account(exchange), QM_OK);
    RUN_UNTIL(heard.user_up, 1);
    exchange->functions->drain(exchange);
    fault("{\"kind\": \"event_drop\", \"symbol\": \"BTCUSDT\", \"count\": 1}");
    place("e1", "buy", "20000.00", true);
    cancel("e1");
    RUN_UNTIL(heard.reports, 1);
    assert_string_equal(heard.states, "e1=CANCELED;");
    fault("{\"kind\": \"event_duplicate\", \"symbol\": \"BTCUSDT\", \"count\": 1}");
    place("e2", "buy", "20000.00", true);
    RUN_UNTIL(heard.reports, 3);
    assert_string_equal(heard.states, "e1=CANCELED;e2=NEW;e2=NEW;");
    fault("{\"kind\": \"event_delay\", \"symbol\": \"BTCUSDT\", \"value\": 400, \"count\": 1}");
    cancel("e2");
    place("e3", "buy", "20000.00", true);
    RUN_UNTIL(heard.reports, 5);
    assert_string_equal(heard.states, "e1=CANCELED;e2=NEW;e2=NEW;e3=NEW;e2=CANCELED;");
}

/* What the operator does: orders of others, halts, filters, deposits, another clock. */
static void
test_operator(void **state)
{
    Kept kept;

    (void) state;
    assert_int_equal(exchange->functions->watch_account(exchange), QM_OK);
    RUN_UNTIL(heard.user_up, 1);
    exchange->functions->drain(exchange);
    qt_paper_admin(&paper,
                   "POST",
                   "order?account=main&symbol=BTCUSDT&side=SELL&type=LIMIT&quantity=0.01&price=60000",
                   NULL);
    assert_int_equal(paper.status, 200);
    RUN_UNTIL(heard.reports, 1);
    qt_paper_admin(&paper, "POST", "balance?account=main&asset=USDT&amount=-1000.5", NULL);
    assert_int_equal(paper.status, 200);
    qt_paper_admin(&paper, "POST", "balance?account=main&asset=USDT&amount=-1000000", NULL);
    qt_paper_refused(&paper, 400, -2010, "Account has insufficient balance for requested action.");
    qt_paper_admin(&paper, "POST", "halt?symbol=BTCUSDT&halted=true", NULL);
    assert_int_equal(place("o1", "buy", "20000.00", true).cause, QM_CAUSE_MARKET);
    qt_paper_admin(&paper, "POST", "halt?symbol=BTCUSDT&halted=false", NULL);
    qt_paper_admin(&paper, "POST", "filter?symbol=BTCUSDT&tickSize=10", NULL);
    assert_int_equal(paper.status, 200);
    assert_int_equal(place("o2", "buy", "20001.00", true).cause, QM_CAUSE_FILTER);
    assert_int_equal(place("o3", "buy", "20010.00", true).outcome, QM_EXCHANGE_DONE);
    fault("{\"kind\": \"skew\", \"value\": 90000}");
    kept = place("o4", "buy", "20010.00", true);
    assert_int_equal(kept.cause, QM_CAUSE_CLOCK);
    qt_paper_admin(&paper, "GET", "audit", NULL);
    assert_int_equal(paper.status, 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_resync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_replies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_processed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shut_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_connection_refused, set_up_limited, tear_down),
        cmocka_unit_test_setup_teardown(test_delays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_operator, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
