/*
 * Requests of the Binance adapter, against a server that plays good days and bad
 * ones.
 */
#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "binance.h"
#include "binance_query.h"
#include "binance_server.h"

#define API_KEY "the-api-key-of-the-test"
#define SECRET "the-secret-of-the-test"
#define WAIT_MS 20000 /* until a test that hangs has failed */

/* What an answer said, kept. */
typedef struct Kept
{
    int calls;
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
    int status;
    int code;
    int64_t retry_after_ms;
    int64_t sent_us;
    char message[QM_DETAIL_SIZE];
    size_t orders;
    size_t trades;
    bool more;
    char first_id[64];
    char state[32];
    int64_t server_time_us;
} Kept;

typedef struct Bench
{
    QtBinance *server;
    QmExchange *exchange;
    char url[64];
    char ws_url[64];
    char notices[4096];
} Bench;

static void
keep(void *argument, const QmExchangeAnswer *answer)
{
    Kept *kept = argument;

    kept->calls++;
    kept->outcome = answer->outcome;
    kept->cause = answer->cause;
    kept->status = answer->http_status;
    kept->code = answer->code;
    kept->retry_after_ms = answer->retry_after_ms;
    kept->sent_us = answer->sent_us;
    snprintf(kept->message, sizeof(kept->message), "%s", answer->message);
    kept->orders = answer->order_count;
    kept->trades = answer->trade_count;
    kept->more = answer->more;
    kept->server_time_us = answer->server_time_us;
    if (answer->order_count > 0)
    {
        snprintf(kept->first_id, sizeof(kept->first_id), "%s", answer->orders[0].client_order_id);
        snprintf(kept->state, sizeof(kept->state), "%s", answer->orders[0].state);
    }
}

static void
listen_to(void *argument, const QmExchangeEvent *event)
{
    Bench *bench = argument;

    if (event->kind == QM_HEARD_NOTICE && strlen(bench->notices) + strlen(event->text) + 2 < sizeof(bench->notices))
        strcat(strcat(bench->notices, event->text), "\n");
}

static int64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
open_bench(Bench *bench, QmBinanceOptions options)
{
    QmError error;

    snprintf(bench->url, sizeof(bench->url), "http://127.0.0.1:%d", qt_binance_port(bench->server));
    snprintf(bench->ws_url, sizeof(bench->ws_url), "ws://127.0.0.1:%d/ws-api/v3", qt_binance_port(bench->server));
    options.rest_url = options.rest_url == NULL ? bench->url : options.rest_url;
    options.ws_api_url = options.stream_url = bench->ws_url;
    options.api_key = API_KEY;
    options.secret_key = SECRET;
    options.listener = listen_to;
    options.listener_argument = bench;
    bench->exchange = qm_binance_open(&options, &error);
    if (bench->exchange == NULL)
        qt_fail("cannot be opened: %s", error.message);
}

static void
make_bench(Bench *bench, QmBinanceOptions options)
{
    memset(bench, 0, sizeof(*bench));
    bench->server = qt_binance_start(false);
    open_bench(bench, options);
}

static void
end_bench(Bench *bench)
{
    bench->exchange->functions->close(bench->exchange);
    qt_binance_stop(bench->server);
}

/* run_until turns the loop, only when its descriptor says so, until an answer is there. */
static void
run_until(Bench *bench, const Kept *kept, int calls)
{
    int64_t end_us = now_us() + WAIT_MS * 1000;

    while (kept->calls < calls)
    {
        struct pollfd one = {.fd = bench->exchange->functions->descriptor(bench->exchange), .events = POLLIN};

        if (poll(&one, 1, WAIT_MS) <= 0 || now_us() > end_us)
            qt_fail("no answer within %d ms", WAIT_MS);
        bench->exchange->functions->run(bench->exchange);
    }
}

static QmExchangePlace
an_order(void)
{
    return (QmExchangePlace){.symbol = "BTCUSDT",
                             .client_order_id = "q0001a0",
                             .side = "buy",
                             .order_type = "limit",
                             .price = "65000.10",
                             .quantity = "0.00010",
                             .stamped_us = now_us(),
                             .send_before_us = now_us() + 3000000};
}

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
    make_bench(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){.request = "POST /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "DELETE /api/v3/order", .body = CANCEL_BODY});
    order = an_order();
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
    assert_int_equal(kept.calls, 0);
    run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_string_equal(kept.first_id, "q0001a0");
    assert_string_equal(kept.state, "NEW");
    assert_true(kept.sent_us >= order.stamped_us && kept.sent_us <= order.send_before_us);
    check_signature(bench.server, "POST /api/v3/order");
    assert_true(qt_binance_get(bench.server, "POST /api/v3/order", request, sizeof(request)));
    assert_non_null(strstr(request,
                           "?symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.00010&price=65000.10"
                           "&newClientOrderId=q0001a0&newOrderRespType=FULL&recvWindow=5000&timestamp="));
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, keep, &kept), QM_OK);
    run_until(&bench, &kept, 2);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(bench.exchange->functions->cancel(bench.exchange, &which, keep, &kept), QM_OK);
    run_until(&bench, &kept, 3);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_string_equal(kept.state, "CANCELED");
    check_signature(bench.server, "DELETE /api/v3/order");
    end_bench(&bench);
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
        QmExchangePlace order = an_order();
        Kept kept = {0};
        Bench bench;

        make_bench(&bench, (QmBinanceOptions){.request_timeout_ms = 1000});
        qt_binance_rule(bench.server, &one->rule);
        assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
        run_until(&bench, &kept, 1);
        if (kept.outcome != one->outcome || kept.cause != one->cause || strstr(kept.message, one->message) == NULL)
            qt_fail("case %zu: outcome %d, cause %d: %s", i, kept.outcome, kept.cause, kept.message);
        assert_true(kept.sent_us > 0);
        /* Whatever happened, it was sent once. */
        assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 1);
        assert_null(strstr(kept.message, SECRET));
        assert_null(strstr(bench.notices, SECRET));
        end_bench(&bench);
    }
}

/* A connection that was kept open breaks under the second order: libcurl by itself would send it again. */
static void
test_place_never_twice(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order = an_order();

    (void) state;
    make_bench(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){RULE, .deed = QT_HANG_UP});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
    run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
    run_until(&bench, &kept, 2);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_int_equal(kept.cause, QM_CAUSE_TRANSPORT);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 2);
    end_bench(&bench);
}

static void
test_late_orders_stay_here(void **state)
{
    Bench bench;
    Kept late = {0}, queued = {0}, slow = {0};
    QmExchangePlace order = an_order();

    (void) state;
    make_bench(&bench, (QmBinanceOptions){.in_flight_max = 1});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = "[]", .delay_ms = 600});
    order.send_before_us = now_us() - 1;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &late), QM_OK);
    run_until(&bench, &late, 1);
    assert_int_equal(late.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(late.cause, QM_CAUSE_LATE);
    assert_int_equal(late.sent_us, 0);
    /* One that waits behind a slow request until it is too late. */
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", keep, &slow), QM_OK);
    order.send_before_us = now_us() + 300000;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &queued), QM_OK);
    run_until(&bench, &queued, 1);
    assert_int_equal(queued.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(queued.cause, QM_CAUSE_LATE);
    run_until(&bench, &slow, 1);
    assert_int_equal(slow.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 0);
    end_bench(&bench);
}

/* The program stands still after an order was handed over, as under SIGSTOP: the connection is there when it goes on. */
static void
test_late_while_stopped(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order;
    int64_t begun_us = now_us();

    (void) state;
    make_bench(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    while (!qt_binance_seen(bench.server, "GET /api/v3/time") || now_us() < begun_us + 100000)
        bench.exchange->functions->run(bench.exchange);
    order = an_order();
    order.send_before_us = now_us() + 50000;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
    while (now_us() <= order.send_before_us)
        continue;
    run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_LATE);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 0);
    end_bench(&bench);
}

static void
test_nobody_there(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order = an_order();

    (void) state;
    memset(&bench, 0, sizeof(bench));
    bench.server = qt_binance_start(false);
    open_bench(&bench, (QmBinanceOptions){.rest_url = "http://127.0.0.1:1"});
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
    run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept.cause, QM_CAUSE_TRANSPORT);
    assert_non_null(strstr(bench.notices, "clock could not be read"));
    end_bench(&bench);
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
    open_bench(&bench, (QmBinanceOptions){0});
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
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, keep, &query), QM_OK);
    run_until(&bench, &query, 1);
    assert_int_equal(query.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/order"), 2);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/time"), 2);
    assert_true(qt_binance_get(bench.server, "GET /api/v3/order", request, sizeof(request)));
    stamp_ms = strtoll(strstr(request, "timestamp=") + 10, NULL, 10);
    assert_true(llabs(stamp_ms - (now_us() / 1000 + 3600000)) < 5000);
    /* An order is not: its owner decides. Its stamp is from before it was recorded. */
    order = an_order();
    order.stamped_us -= 1500000;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &place), QM_OK);
    run_until(&bench, &place, 1);
    assert_int_equal(place.outcome, QM_EXCHANGE_NOT_PROCESSED);
    assert_int_equal(place.cause, QM_CAUSE_CLOCK);
    assert_int_equal(qt_binance_seen(bench.server, "POST /api/v3/order"), 1);
    assert_true(qt_binance_get(bench.server, "POST /api/v3/order", request, sizeof(request)));
    stamp_ms = strtoll(strstr(request, "timestamp=") + 10, NULL, 10);
    assert_true(llabs(stamp_ms - (order.stamped_us / 1000 + 3600000)) < 1000);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &place), QM_OK);
    run_until(&bench, &place, 2);
    assert_int_equal(place.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/time"), 3);
    end_bench(&bench);
}

/* After 429 nothing leaves for as long as the exchange has said, and orders that cannot wait are told at once. */
static void
test_throttled(void **state)
{
    Bench bench;
    Kept first = {0}, second = {0}, third = {0};
    QmExchangePlace order = an_order();

    (void) state;
    make_bench(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = "GET /api/v3/openOrders",
                              .status = 429,
                              .headers = "Retry-After: 4\r\n",
                              .body = ERROR_BODY("-1003", "Too many requests.")});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = "[]"});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", keep, &first), QM_OK);
    run_until(&bench, &first, 1);
    assert_int_equal(first.outcome, QM_EXCHANGE_NOT_PROCESSED);
    assert_int_equal(first.retry_after_ms, 4000);
    assert_non_null(strstr(bench.notices, "too many requests"));
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", keep, &second), QM_OK);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &third), QM_OK);
    run_until(&bench, &third, 1);
    assert_int_equal(third.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(third.cause, QM_CAUSE_THROTTLED);
    assert_true(third.retry_after_ms > 3000 && third.retry_after_ms <= 4001);
    assert_int_equal(second.calls, 0);
    run_until(&bench, &second, 1);
    assert_int_equal(second.outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/openOrders"), 2);
    end_bench(&bench);
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
    make_bench(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){RULE, .body = ORDER_BODY});
    qt_binance_rule(bench.server, &(QtRule){.request = "DELETE /api/v3/order", .body = CANCEL_BODY});
    qt_binance_rule(bench.server,
                    &(QtRule){.request = "GET /api/v3/time",
                              .headers = "X-MBX-USED-WEIGHT: 1\r\nx-mbx-used-weight-1m: 5900\r\n",
                              .body = "{\"serverTime\":1700000000000}"});
    /* Not across the end of a minute, where counting begins anew. */
    while (now_us() / 1000000 % 60 > 50)
        assert_int_equal(poll(NULL, 0, 100), 0);
    assert_int_equal(bench.exchange->functions->server_time(bench.exchange, keep, &time), QM_OK);
    run_until(&bench, &time, 1);
    assert_true(time.server_time_us == INT64_C(1700000000000000));
    order = an_order();
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &place), QM_OK);
    run_until(&bench, &place, 1);
    assert_int_equal(place.outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(place.cause, QM_CAUSE_THROTTLED);
    assert_int_equal(bench.exchange->functions->cancel(bench.exchange, &which, keep, &cancel), QM_OK);
    run_until(&bench, &cancel, 1);
    assert_int_equal(cancel.outcome, QM_EXCHANGE_DONE);
    end_bench(&bench);
}

static void
test_answers_are_bounded(void **state)
{
    Bench bench;
    Kept kept = {0};
    static char body[100001];

    (void) state;
    memset(body, ' ', sizeof(body) - 1);
    make_bench(&bench, (QmBinanceOptions){.response_max = 50000});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/openOrders", .body = body});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", keep, &kept), QM_OK);
    run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_int_equal(kept.cause, QM_CAUSE_PROTOCOL);
    assert_string_equal(kept.message, "the answer is longer than 50000 bytes");
    end_bench(&bench);
}

/* An answer about another order is none. */
static void
test_another_order(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangeWhich which = {.symbol = "BTCUSDT", .client_order_id = "q0002a0"};

    (void) state;
    make_bench(&bench, (QmBinanceOptions){0});
    qt_binance_rule(bench.server, &(QtRule){.request = "GET /api/v3/order", .body = ORDER_BODY});
    assert_int_equal(bench.exchange->functions->query(bench.exchange, &which, keep, &kept), QM_OK);
    run_until(&bench, &kept, 1);
    assert_int_equal(kept.outcome, QM_EXCHANGE_UNKNOWN);
    assert_non_null(strstr(kept.message, "another order"));
    end_bench(&bench);
}

/* The queue has an end, wrong calls are refused, and closing answers everything. */
static void
test_limits_and_close(void **state)
{
    Bench bench;
    Kept kept = {0};
    QmExchangePlace order = an_order();
    QmExchangePlace wrong = order;

    (void) state;
    make_bench(&bench, (QmBinanceOptions){.queue_max = 3, .in_flight_max = 2});
    qt_binance_rule(bench.server, &(QtRule){RULE, .deed = QT_SAY_NOTHING});
    wrong.price = "6.5e4";
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &wrong, keep, &kept), QM_ERROR_ARGUMENT);
    wrong = order;
    wrong.side = "lend";
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &wrong, keep, &kept), QM_ERROR_ARGUMENT);
    wrong = order;
    wrong.stamped_us = 0;
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &wrong, keep, &kept), QM_ERROR_ARGUMENT);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_OK);
    assert_int_equal(bench.exchange->functions->place(bench.exchange, &order, keep, &kept), QM_ERROR_LIMIT);
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
    open_bench(&bench, (QmBinanceOptions){.rest_url = url, .ca_file = qt_binance_ca_file(bench.server)});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", keep, &trusted), QM_OK);
    run_until(&bench, &trusted, 1);
    assert_int_equal(trusted.outcome, QM_EXCHANGE_DONE);
    bench.exchange->functions->close(bench.exchange);
    open_bench(&bench, (QmBinanceOptions){.rest_url = url});
    assert_int_equal(bench.exchange->functions->open_orders(bench.exchange, "BTCUSDT", keep, &untrusted), QM_OK);
    run_until(&bench, &untrusted, 1);
    assert_int_equal(untrusted.outcome, QM_EXCHANGE_NOT_SENT);
    assert_non_null(strstr(untrusted.message, "certificate"));
    assert_int_equal(qt_binance_seen(bench.server, "GET /api/v3/openOrders"), 1);
    end_bench(&bench);
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
