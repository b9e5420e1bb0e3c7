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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place_and_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
