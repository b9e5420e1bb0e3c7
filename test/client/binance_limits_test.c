/*
 * What the Binance adapter learns of the exchange by the way: its rate limits, and
 * its clock, which is read again and again.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binance.h"
#include "binance_bench.h"
#include "binance_server.h"

#define ORDER_BODY                                                                                                   \
    "{\"symbol\":\"BTCUSDT\",\"orderId\":7,\"clientOrderId\":\"q0001a0\",\"transactTime\":1507725176595,"            \
    "\"updateTime\":1,"                                                                                              \
    "\"price\":\"65000.10\",\"origQty\":\"0.00010\",\"executedQty\":\"0\",\"cummulativeQuoteQty\":\"0\",\"status\":" \
    "\"NEW\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"BUY\"}"

#define CANCEL_BODY                                                                                              \
    "{\"symbol\":\"BTCUSDT\",\"orderId\":7,\"origClientOrderId\":\"q0001a0\",\"clientOrderId\":\"x\",\"price\":" \
    "\"65000.10\",\"origQty\":\"0.00010\",\"executedQty\":\"0\",\"cummulativeQuoteQty\":\"0\",\"status\":"       \
    "\"CANCELED\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"BUY\"}"

static const char *const symbols[] = {"BTCUSDT"};

/* A budget that lets everything through and remembers what it was told. */
typedef struct Noted
{
    QmBudget base;
    int64_t limits[QM_BUDGET_KINDS];
    int told;
} Noted;

static int64_t
noted_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us)
{
    (void) budget;
    (void) need;
    (void) urgent;
    (void) now_us;
    return 0;
}

static void
noted_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us)
{
    (void) budget;
    (void) kind;
    (void) used;
    (void) now_us;
}

static void
noted_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit)
{
    ((Noted *) budget)->limits[kind] = limit;
    ((Noted *) budget)->told++;
}

static void
noted_block(QmBudget *budget, int64_t until_us)
{
    (void) budget;
    (void) until_us;
}

static void
noted_free(QmBudget *budget)
{
    (void) budget;
}

static void
noted_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us)
{
    (void) budget;
    (void) kind;
    (void) until_us;
}

static const QmBudgetFunctions noted_functions =
    {noted_reserve, noted_used, noted_limit, noted_block, noted_spent, noted_free};

/* ask_markets asks for markets, of which the exchange answers with that body. */
static void
ask_markets(Bench *bench, const char *body, QmExchangeOutcome outcome)
{
    Kept kept = {0};

    qt_binance_rule(bench->server, &(QtRule){.request = "GET /api/v3/exchangeInfo", .body = body});
    assert_int_equal(bench->exchange->functions->markets(bench->exchange, symbols, 1, qt_keep, &kept), QM_OK);
    qt_run_until(bench, &kept, 1);
    assert_int_equal(kept.outcome, outcome);
}

static void
test_limits_are_told(void **state)
{
    Noted noted = {.base = {&noted_functions}};
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.budget = &noted.base});
    ask_markets(&bench,
                "{\"rateLimits\":["
                "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":4800},"
                "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"intervalNum\":10,\"limit\":50},"
                "{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":160000},"
                "{\"rateLimitType\":\"RAW_REQUESTS\",\"interval\":\"MINUTE\",\"intervalNum\":5,\"limit\":61000}],"
                "\"symbols\":[]}",
                QM_EXCHANGE_DONE);
    assert_int_equal(noted.told, 3);
    assert_true(noted.limits[QM_BUDGET_WEIGHT] == 4800);
    assert_true(noted.limits[QM_BUDGET_ORDERS_10S] == 50);
    assert_true(noted.limits[QM_BUDGET_ORDERS_DAY] == 160000);
    qt_bench_end(&bench);
}

/* Limits of other windows are not ours, and what cannot be read is left out: the markets count. */
static void
test_limits_that_are_none(void **state)
{
    Noted noted = {.base = {&noted_functions}};
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.budget = &noted.base});
    ask_markets(&bench,
                "{\"rateLimits\":[7,null,{},"
                "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":5,\"limit\":4800},"
                "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":-1},"
                "{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":\"9\"},"
                "{\"rateLimitType\":\"ORDERS\",\"interval\":\"SECOND\",\"limit\":50},"
                "{\"rateLimitType\":\"ORDERS\",\"interval\":\"HOUR\",\"intervalNum\":1,\"limit\":50}],"
                "\"symbols\":[]}",
                QM_EXCHANGE_DONE);
    assert_int_equal(noted.told, 0);
    ask_markets(&bench, "{\"symbols\":[]}", QM_EXCHANGE_DONE);
    ask_markets(&bench, "{\"rateLimits\":{},\"symbols\":[]}", QM_EXCHANGE_DONE);
    ask_markets(&bench, "{\"rateLimits\":[]}", QM_EXCHANGE_UNKNOWN);
    assert_int_equal(noted.told, 0);
    qt_bench_end(&bench);
}

/* A limit that the exchange has told counts at once: of ten orders nine, since a tenth is for cancels. */
static void
test_limits_count(void **state)
{
    Kept kept = {0};
    QmExchangePlace order;
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){.request = "POST /api/v3/order", .body = ORDER_BODY});
    ask_markets(&bench,
                "{\"rateLimits\":["
                "{\"rateLimitType\":\"ORDERS\",\"interval\":\"DAY\",\"intervalNum\":1,\"limit\":10}],\"symbols\":[]}",
                QM_EXCHANGE_DONE);
    for (int i = 0; i < 10; i++)
    {
        order = qt_an_order();
        order.send_before_us += 20000000;
        assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
        qt_run_until(&bench, &kept, i + 1);
        assert_int_equal(kept.outcome, i < 9 ? QM_EXCHANGE_DONE : QM_EXCHANGE_NOT_SENT);
    }
    assert_int_equal(kept.cause, QM_CAUSE_ORDERS);
    qt_bench_end(&bench);
}

/* place_order places an order that may leave for so long, and returns what became of it. */
static Kept
place_order(Bench *bench, int ms)
{
    QmExchangePlace order = qt_an_order();
    Kept kept = {0};

    order.send_before_us = order.stamped_us + ms * 1000;
    assert_int_equal(bench->exchange->functions->place(bench->exchange, &order, qt_keep, &kept), QM_OK);
    qt_run_until(bench, &kept, 1);
    return kept;
}

/* others_pass sees that cancels, queries and reads go on. */
static void
others_pass(Bench *bench)
{
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0001a0"};
    const QmExchangeFunctions *functions = bench->exchange->functions;
    Kept kept = {0};

    assert_int_equal(functions->cancel(bench->exchange, &which, qt_keep, &kept), QM_OK);
    qt_run_until(bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(functions->query(bench->exchange, &which, qt_keep, &kept), QM_OK);
    qt_run_until(bench, &kept, 2);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(functions->open_orders(bench->exchange, "BTCUSDT", qt_keep, &kept), QM_OK);
    qt_run_until(bench, &kept, 3);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
}

/* refuse_orders makes a bench whose exchange refuses the first order so, and answers all else. */
static void
refuse_orders(Bench *bench, const char *headers, const char *body)
{
    qt_bench_make(bench, (QmBinanceOptions){0});
    qt_binance_rule(bench->server,
                    &(QtRule){.request = "POST /api/v3/order", .status = 429, .headers = headers, .body = body});
    qt_binance_rule(bench->server, &(QtRule){.request = "POST /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench->server, &(QtRule){.request = "DELETE /api/v3/order", .body = CANCEL_BODY});
    qt_binance_rule(bench->server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench->server, &(QtRule){.request = "GET /api/v3/openOrders", .body = "[]"});
}

/* Too many orders: no order leaves for as long as the exchange says, and everything else does. */
static void
test_orders_are_spent(void **state)
{
    int64_t told_us;
    Kept kept;
    Bench bench;

    (void) state;
    refuse_orders(&bench,
                  "Retry-After: 3\r\n",
                  "{\"code\":-1015,\"msg\":\"Too many new orders; current limit is 100 orders per 10 SECOND.\"}");
    kept = place_order(&bench, 3000);
    told_us = qt_now_us();
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_PROCESSED);
    assert_int_equal(kept.cause, QM_CAUSE_ORDERS);
    assert_int_equal(kept.retry_after_ms, 3000);
    assert_non_null(strstr(bench.notices, "too many orders in ten seconds: no order for 3000 ms"));
    others_pass(&bench);
    kept = place_order(&bench, 500);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_ORDERS);
    assert_in_range(kept.retry_after_ms, 500, 3001);
    assert_true(qt_now_us() - told_us < 3000000); /* or it was too slow to show that the others do not wait */
    kept = place_order(&bench, 15000);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_true(kept.sent_us - told_us > 2900000);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 2);
    qt_bench_end(&bench);
}

/* Too many in a day, and the exchange does not say until when: until its day is over, by its clock. */
static void
test_orders_of_the_day_are_spent(void **state)
{
    const int64_t day_ms = 86400000;
    int64_t left_ms;
    Kept kept;
    Bench bench;

    (void) state;
    refuse_orders(&bench,
                  NULL,
                  "{\"code\":-1015,\"msg\":\"Too many new orders; current limit is 200000 orders per 1 DAY.\"}");
    qt_binance_clock(bench.server, 3600000);
    kept = place_order(&bench, 3000);
    left_ms = day_ms - (qt_now_us() / 1000 + 3600000) % day_ms;
    assert_int_equal(kept.cause, QM_CAUSE_ORDERS);
    assert_true(llabs(kept.retry_after_ms - left_ms) < 2000 || left_ms > day_ms - 2000);
    others_pass(&bench);
    kept = place_order(&bench, 3000);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_ORDERS);
    qt_bench_end(&bench);
}

/* The clock is read again and again, and an exchange's clock that has moved is found out without a refusal. */
static void
test_clock_is_read_again(void **state)
{
    Kept kept = {0};
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0001a0"};
    char request[8192];
    int64_t stamp_ms;
    size_t seen;
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.clock_ms = 50});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    qt_run_until_seen(&bench, "GET /api/v3/time", 3);
    qt_binance_clock(bench.server, 3600000);
    seen = qt_binance_seen(bench.server, "GET /api/v3/time");
    /* The next may have been answered before; when there is another one after it, it has been taken. */
    qt_run_until_seen(&bench, "GET /api/v3/time", seen + 3);
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_true(qt_binance_get(bench.server, "GET /api/v3/order", request, sizeof(request)));
    stamp_ms = strtoll(strstr(request, "timestamp=") + 10, NULL, 10);
    assert_true(llabs(stamp_ms - (qt_now_us() / 1000 + 3600000)) < 5000);
    qt_bench_end(&bench);
}

/* A clock that could not be read is read again sooner, and the last offset stays; without a key nobody needs it. */
static void
test_clock_that_cannot_be_read(void **state)
{
    QmBinanceOptions keyless = {.clock_ms = 1};
    QmError error;
    Bench bench;

    (void) state;
    memset(&bench, 0, sizeof(bench));
    bench.server = qt_binance_start(false);
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/time", .status = 500, .body = "{}"});
    qt_bench_open(&bench, (QmBinanceOptions){.clock_ms = 2000});
    qt_run_until_seen(&bench, "GET /api/v3/time", 4);
    assert_non_null(strstr(bench.notices, "clock could not be read"));
    qt_bench_end(&bench);

    memset(&bench, 0, sizeof(bench));
    bench.server = qt_binance_start(false);
    snprintf(bench.url, sizeof(bench.url), "http://127.0.0.1:%d", qt_binance_port(bench.server));
    keyless.rest_url = bench.url;
    bench.exchange = qm_binance_open(&keyless, &error);
    assert_non_null(bench.exchange);
    ask_markets(&bench, "{\"symbols\":[]}", QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/time"), 0);
    qt_bench_end(&bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_are_told),
        cmocka_unit_test(test_limits_that_are_none),
        cmocka_unit_test(test_limits_count),
        cmocka_unit_test(test_orders_are_spent),
        cmocka_unit_test(test_orders_of_the_day_are_spent),
        cmocka_unit_test(test_clock_is_read_again),
        cmocka_unit_test(test_clock_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
