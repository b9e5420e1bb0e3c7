/*
 * An address that is shut out keeps still everywhere: requests, messages and
 * connections wait for the end of the ban, wherever it was told. What a connection
 * costs is counted.
 */
#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binance.h"
#include "binance_bench.h"
#include "binance_budget.h"
#include "binance_server.h"

#define USER_CONNECTIONS "GET /ws-api/v3 HTTP"
#define MARKET_CONNECTIONS "GET /ws-api/v3/stream"
#define SUBSCRIPTION "userDataStream.subscribe.signature"
#define OPEN_ORDERS "GET /api/v3/openOrders"

/* A budget that lets everything through when it is open, and remembers what was wanted. */
typedef struct Counter
{
    QmBudget base;
    bool closed;
    int asked;
    int weight;
} Counter;

static int64_t
counter_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us)
{
    Counter *counter = (Counter *) budget;

    (void) now_us;
    assert_true(urgent);
    counter->asked++;
    if (counter->closed)
        return 10;
    counter->weight += need[QM_BUDGET_WEIGHT];
    return 0;
}

static void
counter_note(QmBudget *budget, QmBudgetKind kind, int64_t number)
{
    (void) budget;
    (void) kind;
    (void) number;
}

static void
counter_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us)
{
    (void) now_us;
    counter_note(budget, kind, used);
}

static void
counter_block(QmBudget *budget, int64_t until_us)
{
    counter_note(budget, QM_BUDGET_WEIGHT, until_us);
}

static const QmBudgetFunctions counter_functions =
    {counter_reserve, counter_used, counter_note, counter_block, counter_note, NULL};

/* ask asks for the open orders and returns when they were asked for, by this machine's clock in µs. */
static int64_t
ask(Bench *bench)
{
    Kept kept = {0};

    assert_int_equal(bench->exchange->functions->open_orders(bench->exchange, "BTCUSDT", qt_keep, &kept), QM_OK);
    qt_run_until(bench, &kept, 1);
    return kept.sent_us;
}

/* turn turns the loop if its descriptor says so, shortly. */
static void
turn(Bench *bench)
{
    struct pollfd one = {.fd = bench->exchange->functions->descriptor(bench->exchange), .events = POLLIN};

    if (poll(&one, 1, 20) > 0)
        bench->exchange->functions->run(bench->exchange);
}

/* run_until_noticed turns the loop until the exchange has told the operator of something. */
static void
run_until_noticed(Bench *bench, const char *what)
{
    int64_t end_us = qt_now_us() + 20000000;

    while (strstr(bench->notices, what) == NULL)
    {
        turn(bench);
        if (qt_now_us() > end_us)
            qt_fail("not told: %s\n%s", what, bench->notices);
    }
}

static void
watch(Bench *bench)
{
    assert_int_equal(bench->exchange->functions->watch_account(bench->exchange), QM_OK);
    assert_int_equal(bench->exchange->functions->watch_market(bench->exchange, "BTCUSDT", true, false, NULL), QM_OK);
}

/* Told in the answer to the subscription, as a moment by the exchange's clock, which is far from ours here. */
static void
test_told_by_message(void **state)
{
    int64_t told_us;
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.reconnect_ms = 50});
    qt_binance_rule(bench.server, &(QtRule){.request = OPEN_ORDERS, .body = "[]"});
    qt_binance_answer(bench.server,
                      "userDataStream",
                      "{\"id\":\"account\",\"status\":418,\"error\":{\"code\":-1003,\"msg\":\"Way too much request "
                      "weight used; IP banned until 1659142909531.\",\"data\":{\"serverTime\":1659142907531,"
                      "\"retryAfter\":1659142909531}}}");
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    run_until_noticed(&bench, "has shut this address out: no request for 2000 ms");
    told_us = qt_now_us();
    qt_binance_answer(bench.server, "userDataStream", NULL);
    assert_true(ask(&bench) - told_us > 1800000);
    qt_run_until_seen(&bench, SUBSCRIPTION, 2);
    assert_true(qt_now_us() - told_us > 1800000);
    assert_int_equal(qt_binance_seen(bench.server, USER_CONNECTIONS), 2);
    qt_bench_end(&bench);
}

/* A message that says no time, or none that can be read, counts as the longest window; one without a status by its code. */
static void
test_told_without_a_time(void **state)
{
    static const char *const answers[] = {
        "{\"id\":\"account\",\"status\":429,\"error\":{\"code\":-1003,\"msg\":\"Too many.\"}}",
        "{\"id\":\"account\",\"status\":429,\"error\":{\"data\":{\"serverTime\":\"x\",\"retryAfter\":[1]}}}",
        "{\"id\":\"account\",\"status\":429,\"error\":{\"data\":{\"serverTime\":1659142907531,\"retryAfter\":-7}}}",
        "{\"id\":\"account\",\"status\":400,\"error\":{\"code\":-1003,\"msg\":\"Too many.\"}}",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
    {
        Bench bench;

        qt_bench_make(&bench, (QmBinanceOptions){.reconnect_ms = 50});
        qt_binance_answer(bench.server, "userDataStream", answers[i]);
        assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
        run_until_noticed(&bench, "too many requests: no request for 60000 ms");
        qt_bench_end(&bench);
    }
}

/* Told in the answer to a request: streams that are lost meanwhile are not connected before the ban is over. */
static void
test_told_by_request(void **state)
{
    int64_t told_us;
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.reconnect_ms = 50});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = OPEN_ORDERS,
                              .status = 418,
                              .headers = "Retry-After: 2\r\n",
                              .body = "{\"code\":-1003,\"msg\":\"Way too much; IP banned.\"}"});
    watch(&bench);
    qt_run_until_seen(&bench, SUBSCRIPTION, 1);
    qt_run_until_seen(&bench, "SUBSCRIBE", 1);
    (void) ask(&bench);
    told_us = qt_now_us();
    qt_binance_cut(bench.server, "/ws-api");
    qt_run_until_seen(&bench, USER_CONNECTIONS, 2);
    assert_true(qt_now_us() - told_us > 1800000);
    qt_run_until_seen(&bench, MARKET_CONNECTIONS, 2);
    assert_true(qt_now_us() - told_us > 1800000);
    qt_bench_end(&bench);
}

/* Told by refusing the connection itself, of the account's stream and of the markets'. */
static void
test_told_by_handshake(void **state)
{
    static const char *const requests[] = {"GET /ws-api/v3", "GET /ws-api/v3/stream"};

    (void) state;
    for (size_t i = 0; i < 2; i++)
    {
        int64_t told_us;
        Bench bench;

        qt_bench_make(&bench, (QmBinanceOptions){.reconnect_ms = 50});
        qt_binance_rule(bench.server,
                        &(QtRule){.request = requests[i],
                                  .status = 429,
                                  .headers = "retry-after: 2\r\n",
                                  .body = "{}"});
        qt_binance_rule(bench.server, &(QtRule){.request = requests[i], .status = 101});
        qt_binance_rule(bench.server, &(QtRule){.request = OPEN_ORDERS, .body = "[]"});
        watch(&bench);
        run_until_noticed(&bench, "too many requests: no request for 2000 ms");
        told_us = qt_now_us();
        assert_true(ask(&bench) - told_us > 1800000);
        qt_run_until_seen(&bench, i == 0 ? USER_CONNECTIONS : MARKET_CONNECTIONS, 2);
        assert_true(qt_now_us() - told_us > 1800000);
        qt_bench_end(&bench);
    }
}

/* A connection that is refused for another reason says nothing of limits. */
static void
test_other_refusals(void **state)
{
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.reconnect_ms = 50});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = "GET /ws-api/v3",
                              .status = 503,
                              .headers = "Retry-After: 60\r\n",
                              .body = "{}"});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /ws-api/v3", .status = 101});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    qt_run_until_seen(&bench, SUBSCRIPTION, 1);
    assert_null(strstr(bench.notices, "no request for"));
    qt_bench_end(&bench);
}

/* Nothing is connected while the budget says no; then the account's stream has cost 4, the markets' nothing, the clock 1. */
static void
test_connections_are_counted(void **state)
{
    Counter counter = {.base = {&counter_functions}};
    int64_t end_us = qt_now_us() + 20000000;
    Bench bench;
    int asked;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.budget = &counter.base});
    qt_run_until_seen(&bench, "GET /api/v3/time", 1);
    counter.closed = true;
    watch(&bench);
    for (asked = counter.asked; counter.asked < asked + 20 && qt_now_us() < end_us;)
        turn(&bench);
    assert_true(counter.asked >= asked + 20);
    assert_int_equal(qt_binance_seen(bench.server, "GET /ws-api"), 0);
    counter.closed = false;
    qt_run_until_seen(&bench, SUBSCRIPTION, 1);
    qt_run_until_seen(&bench, "SUBSCRIBE", 1);
    assert_int_equal(counter.weight, 1 + 4);
    qt_bench_end(&bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_by_message),
        cmocka_unit_test(test_told_without_a_time),
        cmocka_unit_test(test_told_by_request),
        cmocka_unit_test(test_told_by_handshake),
        cmocka_unit_test(test_other_refusals),
        cmocka_unit_test(test_connections_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
