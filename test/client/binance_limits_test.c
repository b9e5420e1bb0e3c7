/*
 * What the Binance adapter learns of the exchange by the way: its rate limits, and
 * its clock, which is read again and again.
 */
#include "check.h"

#include <poll.h>
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

static const QmBudgetFunctions noted_functions = {noted_reserve, noted_used, noted_limit, noted_block, noted_free};

/* run_until_seen drives the exchange until the server has seen so many requests. */
static void
run_until_seen(Bench *bench, const char *what, size_t count)
{
    int64_t end_us = qt_now_us() + 20000000;

    while (qt_binance_seen(bench->server, what) < count)
    {
        struct pollfd poll_fd = {.fd = bench->exchange->functions->descriptor(bench->exchange), .events = POLLIN};

        if (qt_now_us() > end_us)
            qt_fail("%s: seen %zu times", what, qt_binance_seen(bench->server, what));
        assert_true(poll(&poll_fd, 1, 1000) >= 0);
        bench->exchange->functions->run(bench->exchange);
    }
}

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
    assert_int_equal(kept.cause, QM_CAUSE_THROTTLED);
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
    run_until_seen(&bench, "GET /api/v3/time", 3);
    qt_binance_clock(bench.server, 3600000);
    seen = qt_binance_seen(bench.server, "GET /api/v3/time");
    /* The next may have been answered before; when there is another one after it, it has been taken. */
    run_until_seen(&bench, "GET /api/v3/time", seen + 3);
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
    run_until_seen(&bench, "GET /api/v3/time", 4);
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
        cmocka_unit_test(test_clock_is_read_again),
        cmocka_unit_test(test_clock_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
