/*
 * Requests of the Binance adapter, against a server that plays good and bad days.
 */
#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "binance.h"
#include "binance_bench.h"
#include "binance_query.h"
#include "binance_server.h"

#define ORDER_BODY                                                                                                   \
    "{\"symbol\":\"BTCUSDT\",\"orderId\":7,\"clientOrderId\":\"q0001a0\",\"transactTime\":1507725176595,"            \
    "\"updateTime\":1,"                                                                                              \
    "\"price\":\"65000.10\",\"origQty\":\"0.00010\",\"executedQty\":\"0\",\"cummulativeQuoteQty\":\"0\",\"status\":" \
    "\"NEW\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"BUY\"}"
#define CANCEL_BODY                                                                                              \
    "{\"symbol\":\"BTCUSDT\",\"orderId\":7,\"origClientOrderId\":\"q0001a0\",\"clientOrderId\":\"x\",\"price\":" \
    "\"65000.10\",\"origQty\":\"0.00010\",\"executedQty\":\"0\",\"cummulativeQuoteQty\":\"0\",\"status\":"       \
    "\"CANCELED\","                                                                                              \
    "\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"BUY\"}"

/* check_signature verifies the last request with this text as Binance would: over the raw text before the signature. */
static void
check_signature(QtBinance *server, const char *what)
{
    char request[8192];
    char signature[QM_SIGNATURE_SIZE];
    char *query, *mark;

    assert_true(qt_binance_get(server, what, request, sizeof(request)));
    query = strchr(request, '?') + 1;
    mark = strstr(query, "&signature=");
    assert_non_null(mark);
    assert_true(qm_signature(SECRET, query, (size_t) (mark - query), signature));
    assert_memory_equal(mark + 11, signature, 64);
    assert_non_null(strstr(request, "X-MBX-APIKEY: " API_KEY "\r\n"));
}

static void
test_place_and_cancel(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order;
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0001a0"};
    char request[8192];

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){.request = "POST /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "DELETE /api/v3/order", .body = CANCEL_BODY});
    order = qt_an_order();
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
    assert_int_equal(kept.calls, 0);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_string_equal(kept.first_id, "q0001a0");
    assert_string_equal(kept.state, "NEW");
    assert_true(kept.sent_us >= order.stamped_us && kept.sent_us <= order.send_before_us);
    check_signature(bench.server, "POST /api/v3/order");
    assert_true(qt_binance_get(bench.server, "POST /api/v3/order", request, sizeof(request)));
    assert_non_null(strstr(request,
                           "?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00010&price=65000.10"
                           "&newClientOrderId=q0001a0&newOrderRespType=FULL&recvWindow=5000&timestamp="));
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 2);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(bench.exchange->functions->cancel(bench.exchange, &which, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 3);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_string_equal(kept.state, "CANCELED");
    check_signature(bench.server, "DELETE /api/v3/order");
    qt_bench_end(&bench);
}

/* The trades of one order are asked for by its id, and the next page behind the last trade. */
static void
test_trades_of_an_order(void **state)
{
    const QmExchangeFunctions *call;
    Kept kept = {0};
    char request[2048];
    Bench bench;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    call = bench.exchange->functions;
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/myTrades", .body = "[]"});
    assert_int_equal(call->order_trades(bench.exchange, "BTCUSDT", "42", 0, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(kept.trades, 0);
    assert_true(qt_binance_get(bench.server, "GET /api/v3/myTrades", request, sizeof(request)));
    assert_non_null(strstr(request, "?symbol=BTCUSDT&orderId=42&limit=1000&"));
    assert_int_equal(call->order_trades(bench.exchange, "BTCUSDT", "42", 8, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 2);
    assert_true(qt_binance_get(bench.server, "GET /api/v3/myTrades", request, sizeof(request)));
    assert_non_null(strstr(request, "?symbol=BTCUSDT&orderId=42&fromId=8&limit=1000&"));
    check_signature(bench.server, "GET /api/v3/myTrades");
    assert_int_equal(call->order_trades(bench.exchange, "BTCUSDT", NULL, 0, qt_keep, &kept), QM_ERROR_ARGUMENT);
    qt_bench_end(&bench);
}

/* One thing that the exchange does to an order, and what the caller hears. */
typedef struct PlaceCase
{
    QtRule rule;
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
    const char *message; /* in it */
} PlaceCase;

#define RULE .request = "POST /api/v3/order"
#define ERROR_BODY(code, text) "{\"code\":" code ",\"msg\":\"" text "\"}"

static const PlaceCase place_cases[] = {
    {{RULE, .deed = QT_HANG_UP}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_TRANSPORT, ""},
    {{RULE, .deed = QT_HALF, .body = ORDER_BODY}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_TRANSPORT, ""},
    {{RULE, .deed = QT_SAY_NOTHING}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_TRANSPORT, "timed out"},
    {{RULE, .body = ORDER_BODY, .delay_ms = 1500}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_TRANSPORT, "timed out"},
    {{RULE, .body = "{\"symbol\":"}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_PROTOCOL, "cannot be read: no JSON"},
    {{RULE, .body = ""}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_PROTOCOL, "cannot be read"},
    {{RULE, .body = "[]"}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_PROTOCOL, "cannot be read"},
    {{RULE, .body = "{}"}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_PROTOCOL, "\"symbol\" is missing"},
    {{RULE, .status = 302, .headers = "Location: http://127.0.0.1:1/\r\n", .body = ""},
     QM_EXCHANGE_UNKNOWN,
     QM_CAUSE_SERVER,
     "status 302"},
    {{RULE, .status = 500, .body = ERROR_BODY("-1007", "Timeout waiting for response from backend server.")},
     QM_EXCHANGE_UNKNOWN,
     QM_CAUSE_SERVER,
     "Timeout waiting"},
    {{RULE, .status = 503, .body = "<html>Service Unavailable</html>"},
     QM_EXCHANGE_UNKNOWN,
     QM_CAUSE_SERVER,
     "status 503 without an error"},
    {{RULE, .status = 400, .body = ERROR_BODY("-1013", "Filter failure: PRICE_FILTER")},
     QM_EXCHANGE_REFUSED,
     QM_CAUSE_FILTER,
     "PRICE_FILTER"},
    {{RULE, .status = 400, .body = ERROR_BODY("-2010", "Duplicate order sent.")},
     QM_EXCHANGE_UNKNOWN,
     QM_CAUSE_EXISTS,
     "Duplicate"},
    {{RULE, .status = 400, .body = ERROR_BODY("-2010", "Order would immediately match and take.")},
     QM_EXCHANGE_REFUSED,
     QM_CAUSE_POST_ONLY,
     "immediately"},
    {{RULE, .status = 400, .body = "no JSON at all"}, QM_EXCHANGE_UNKNOWN, QM_CAUSE_SERVER, "status 400"},
    {{RULE, .status = 400, .body = ERROR_BODY("-1013", "key " SECRET " and " API_KEY)},
     QM_EXCHANGE_REFUSED,
     QM_CAUSE_FILTER,
     "had a key in it"},
    {{RULE, .status = 429, .headers = "Retry-After: 7\r\n", .body = ERROR_BODY("-1003", "Too many requests.")},
     QM_EXCHANGE_NOT_PROCESSED,
     QM_CAUSE_THROTTLED,
     "Too many"},
    {{RULE, .status = 418, .headers = "retry-after: 120\r\n", .body = ERROR_BODY("-1003", "Way too many; IP banned.")},
     QM_EXCHANGE_NOT_PROCESSED,
     QM_CAUSE_BANNED,
     "banned"},
};

static void
test_place_goes_wrong(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(place_cases) / sizeof(place_cases[0]); i++)
    {
        const PlaceCase *one = &place_cases[i];
        QmExchangePlace order = qt_an_order();
        Kept kept = {0};
        Bench bench;

        qt_bench_make(&bench, (QmBinanceOptions){.request_timeout_ms = 1000});
        qt_binance_rule(bench.server, &one->rule);
        assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
        qt_run_until(&bench, &kept, 1);
        if (kept.outcome != one->outcome || kept.cause != one->cause || strstr(kept.message, one->message) == NULL)
            qt_fail("case %zu: outcome %d, cause %d: %s", i, kept.outcome, kept.cause, kept.message);
        assert_true(kept.sent_us > 0);
        /* Whatever happened, it was sent once. */
        assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 1);
        assert_null(strstr(kept.message, SECRET));
        assert_null(strstr(bench.notices, SECRET));
        qt_bench_end(&bench);
    }
}

/* A connection that was kept open breaks under the second order: libcurl by itself would send it again. */
static void
test_place_never_twice(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order = qt_an_order();

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){RULE, .deed = QT_HANG_UP});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 2);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_int_equal(kept.cause, QM_CAUSE_TRANSPORT);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 2);
    qt_bench_end(&bench);
}

static void
test_late_orders_stay_here(void **state)
{
    Bench bench;
    Kept late = {0}, queued = {0}, slow = {0};
    QmExchangePlace order = qt_an_order();

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.in_flight_max = 1});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = "[]", .delay_ms = 600});
    order.send_before_us = qt_now_us() - 1;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &late), QM_OK);
    qt_run_until(&bench, &late, 1);
    assert_int_equal(late.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(late.cause, QM_CAUSE_LATE);
    assert_int_equal(late.sent_us, 0);
    /* One that waits behind a slow request until it is too late. */
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", qt_keep, &slow), QM_OK);
    order.send_before_us = qt_now_us() + 300000;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &queued), QM_OK);
    qt_run_until(&bench, &queued, 1);
    assert_int_equal(queued.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(queued.cause, QM_CAUSE_LATE);
    qt_run_until(&bench, &slow, 1);
    assert_int_equal(slow.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 0);
    qt_bench_end(&bench);
}

/* The program stands still after an order was handed over, as under SIGSTOP: the connection is there when it goes on. */
static void
test_late_while_stopped(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order;
    int64_t begun_us = qt_now_us();

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    while (!qt_binance_seen(bench.server, "GET /api/v3/time") || qt_now_us() < begun_us + 100000)
        bench.exchange->functions->run(bench.exchange);
    order = qt_an_order();
    order.send_before_us = qt_now_us() + 50000;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
    while (qt_now_us() <= order.send_before_us)
        continue;
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_LATE);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 0);
    qt_bench_end(&bench);
}

static void
test_nobody_there(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order = qt_an_order();

    (void) state;
    memset(&bench, 0, sizeof(bench));
    bench.server = qt_binance_start(false);
    qt_bench_open(&bench, (QmBinanceOptions){.rest_url = "http://127.0.0.1:1"});
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_TRANSPORT);
    assert_non_null(strstr(bench.notices, "clock could not be read"));
    qt_bench_end(&bench);
}

static void
test_clock(void **state)
{
    Bench bench;
    Kept query = {0}, place = {0};
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0001a0"};
    QmExchangePlace order;
    char request[8192];
    int64_t stamp_ms;

    (void) state;
    memset(&bench, 0, sizeof(bench));
    bench.server = qt_binance_start(false);
    qt_binance_clock(bench.server, 3600000);
    qt_bench_open(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = "GET /api/v3/order",
                              .status = 400,
                              .body = ERROR_BODY("-1021", "Timestamp for this request is outside of the recvWindow.")});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench.server,
                    &(QtRule){RULE,
                              .status = 400,
                              .body = ERROR_BODY("-1021", "Timestamp for this request is outside of the recvWindow.")});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    /* A query is asked once more after the clock was read again; its stamp is the exchange's time. */
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, qt_keep, &query), QM_OK);
    qt_run_until(&bench, &query, 1);
    assert_int_equal(query.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/order"), 2);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/time"), 2);
    assert_true(qt_binance_get(bench.server, "GET /api/v3/order", request, sizeof(request)));
    stamp_ms = strtoll(strstr(request, "timestamp=") + 10, NULL, 10);
    assert_true(llabs(stamp_ms - (qt_now_us() / 1000 + 3600000)) < 5000);
    /* An order is not: its owner decides. Its stamp is from before it was recorded. */
    order = qt_an_order();
    order.stamped_us -= 1500000;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &place), QM_OK);
    qt_run_until(&bench, &place, 1);
    assert_int_equal(place.outcome, QM_EXCHANGE_NOT_PROCESSED);
    assert_int_equal(place.cause, QM_CAUSE_CLOCK);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 1);
    assert_true(qt_binance_get(bench.server, "POST /api/v3/order", request, sizeof(request)));
    stamp_ms = strtoll(strstr(request, "timestamp=") + 10, NULL, 10);
    assert_true(llabs(stamp_ms - (order.stamped_us / 1000 + 3600000)) < 1000);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &place), QM_OK);
    qt_run_until(&bench, &place, 2);
    assert_int_equal(place.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/time"), 3);
    qt_bench_end(&bench);
}

/* After 429 nothing leaves for as long as the exchange has said, and orders that cannot wait are told at once. */
static void
test_throttled(void **state)
{
    Bench bench;
    Kept first = {0}, second = {0}, third = {0};
    QmExchangePlace order = qt_an_order();

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = "GET /api/v3/openOrders",
                              .status = 429,
                              .headers = "Retry-After: 4\r\n",
                              .body = ERROR_BODY("-1003", "Too many requests.")});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = "[]"});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", qt_keep, &first), QM_OK);
    qt_run_until(&bench, &first, 1);
    assert_int_equal(first.outcome, QM_EXCHANGE_NOT_PROCESSED);
    assert_int_equal(first.retry_after_ms, 4000);
    assert_non_null(strstr(bench.notices, "too many requests"));
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", qt_keep, &second), QM_OK);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &third), QM_OK);
    qt_run_until(&bench, &third, 1);
    assert_int_equal(third.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(third.cause, QM_CAUSE_THROTTLED);
    assert_true(third.retry_after_ms > 3000 && third.retry_after_ms <= 4001);
    assert_int_equal(second.calls, 0);
    qt_run_until(&bench, &second, 1);
    assert_int_equal(second.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/openOrders"), 2);
    qt_bench_end(&bench);
}

/* What the exchange has counted counts: with the minute's weight nearly gone, orders wait and cancels pass. */
static void
test_used_weight(void **state)
{
    Bench bench;
    Kept time = {0}, place = {0}, cancel = {0};
    QmExchangePlace order;
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0001a0"};

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "DELETE /api/v3/order", .body = CANCEL_BODY});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = "GET /api/v3/time",
                              .headers = "X-MBX-USED-WEIGHT: 1\r\nx-mbx-used-weight-1m: 5900\r\n",
                              .body = "{\"serverTime\":1700000000000}"});
    /* Not across the end of a minute, where counting begins anew. */
    while (qt_now_us() / 1000000 % 60 > 50)
        assert_int_equal(poll(NULL, 0, 100), 0);
    assert_int_equal(bench.exchange->functions->server_time(bench.exchange, qt_keep, &time), QM_OK);
    qt_run_until(&bench, &time, 1);
    assert_true(time.server_time_us == INT64_C(1700000000000000));
    order = qt_an_order();
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &place), QM_OK);
    qt_run_until(&bench, &place, 1);
    assert_int_equal(place.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(place.cause, QM_CAUSE_ORDERS);
    assert_int_equal(bench.exchange->functions->cancel(bench.exchange, &which, qt_keep, &cancel), QM_OK);
    qt_run_until(&bench, &cancel, 1);
    assert_int_equal(cancel.outcome, QM_EXCHANGE_DONE);
    qt_bench_end(&bench);
}

static void
test_answers_are_bounded(void **state)
{
    Bench bench;
    Kept kept = {0};
    static char body[100001];

    (void) state;
    memset(body, ' ', sizeof(body) - 1);
    qt_bench_make(&bench, (QmBinanceOptions){.response_max = 50000});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = body});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_int_equal(kept.cause, QM_CAUSE_PROTOCOL);
    assert_string_equal(kept.message, "the answer is longer than 50000 bytes");
    qt_bench_end(&bench);
}

/* An answer about another order is none. */
static void
test_another_order(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0002a0"};

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, qt_keep, &kept), QM_OK);
    qt_run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_non_null(strstr(kept.message, "another order"));
    qt_bench_end(&bench);
}

/* The queue has an end, wrong calls are refused, and closing answers everything. */
static void
test_limits_and_close(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order = qt_an_order();
    QmExchangePlace wrong = order;

    (void) state;
    qt_bench_make(&bench, (QmBinanceOptions){.queue_max = 3, .in_flight_max = 2});
    qt_binance_rule(bench.server, &(QtRule){RULE, .deed = QT_SAY_NOTHING});
    wrong.price = "6.5e4";
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &wrong, qt_keep, &kept), QM_ERROR_ARGUMENT);
    wrong = order;
    wrong.side = "lend";
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &wrong, qt_keep, &kept), QM_ERROR_ARGUMENT);
    wrong = order;
    wrong.stamped_us = 0;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &wrong, qt_keep, &kept), QM_ERROR_ARGUMENT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_OK);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, qt_keep, &kept), QM_ERROR_LIMIT);
    assert_int_equal(bench.exchange->functions->error(bench.exchange)->code, QM_ERROR_LIMIT);
    while (qt_binance_seen(bench.server, "POST /api/v3/order") < 2)
        bench.exchange->functions->run(bench.exchange);
    assert_int_equal(kept.calls, 0);
    bench.exchange->functions->close(bench.exchange);
    assert_int_equal(kept.calls, 3);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_CLOSED);
    qt_binance_stop(bench.server);
}

/* The system's certificates take long to load under valgrind: a timeout would be another failure than the one looked for. */
static void
test_tls(void **state)
{
    Bench bench;
    Kept trusted = {0}, untrusted = {0};
    char url[64];

    (void) state;
    memset(&bench, 0, sizeof(bench));
    bench.server = qt_binance_start(true);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", qt_binance_port(bench.server));
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = "[]"});
    qt_bench_open(&bench, (QmBinanceOptions){.rest_url = url, .ca_file = qt_binance_ca_file(bench.server)});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", qt_keep, &trusted), QM_OK);
    qt_run_until(&bench, &trusted, 1);
    assert_int_equal(trusted.outcome, QM_EXCHANGE_DONE);
    bench.exchange->functions->close(bench.exchange);
    qt_bench_open(&bench,
                  (QmBinanceOptions){.rest_url = url, .connect_timeout_ms = 25000, .request_timeout_ms = 25000});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", qt_keep, &untrusted), QM_OK);
    qt_run_until(&bench, &untrusted, 1);
    assert_int_equal(untrusted.outcome, QM_EXCHANGE_NOT_SENT);
    if (strstr(untrusted.message, "certificate") == NULL)
        qt_fail("%s", untrusted.message);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/openOrders"), 1);
    qt_bench_end(&bench);
}

static void
test_options(void **state)
{
    static const QmBinanceOptions wrong[] = {
        {.api_key = "a"},
        {.secret_key = "a"},
        {.api_key = "a b", .secret_key = "c"},
        {.api_key = "a\r\nX: y", .secret_key = "c"},
        {.rest_url = "file:///etc/passwd"},
        {.ws_api_url = "http://x"},
        {.recv_window_ms = 60001},
        {.request_timeout_ms = -1},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
    {
        QmError error;

        assert_null(qm_binance_open(&wrong[i], &error));
        assert_int_equal(error.code, QM_ERROR_ARGUMENT);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place_and_cancel),
        cmocka_unit_test(test_trades_of_an_order),
        cmocka_unit_test(test_place_goes_wrong),
        cmocka_unit_test(test_place_never_twice),
        cmocka_unit_test(test_late_orders_stay_here),
        cmocka_unit_test(test_late_while_stopped),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_throttled),
        cmocka_unit_test(test_used_weight),
        cmocka_unit_test(test_answers_are_bounded),
        cmocka_unit_test(test_another_order),
        cmocka_unit_test(test_limits_and_close),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
