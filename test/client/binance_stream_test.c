/*
 * Streams of the Binance adapter, against a server that plays good days and bad
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
#define USER "/ws-api"
#define MARKET "/stream"

typedef struct Bench
{
    QtBinance *server;
    QmExchange *exchange;
    int heard[QM_HEARD_NOTICE + 1];
    char log[65536]; /* what was heard, one line each */
} Bench;

static void
hear(void *argument, const QmExchangeEvent *event)
{
    Bench *bench = argument;
    size_t length = strlen(bench->log);

    bench->heard[event->kind]++;
    switch (event->kind)
    {
        case QM_HEARD_REPORT:
            snprintf(bench->log + length,
                     sizeof(bench->log) - length,
                     "report %s %s\n",
                     event->report.client_order_id,
                     event->report.state);
            break;
        case QM_HEARD_TRADE:
            snprintf(bench->log + length, sizeof(bench->log) - length, "trade %s %s\n", event->symbol, event->price);
            break;
        default:
            snprintf(bench->log + length,
                     sizeof(bench->log) - length,
                     "%d %s\n",
                     event->kind,
                     event->text == NULL ? "" : event->text);
            break;
    }
}

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* turn waits for the loop's descriptor, shortly, and turns the loop if it says so. */
static void
turn(Bench *bench)
{
    struct pollfd one = {.fd = bench->exchange->functions->descriptor(bench->exchange), .events = POLLIN};

    if (poll(&one, 1, 20) > 0)
        bench->exchange->functions->run(bench->exchange);
}

/* until turns the loop until so many events of a kind were heard. */
static void
until(Bench *bench, QmExchangeEventKind kind, int count)
{
    int64_t end_ms = now_ms() + WAIT_MS;

    while (bench->heard[kind] < count)
    {
        turn(bench);
        if (now_ms() > end_ms)
            qt_fail("event %d was heard %d times:\n%s", kind, bench->heard[kind], bench->log);
    }
}

static void
until_seen(Bench *bench, const char *what, size_t count)
{
    int64_t end_ms = now_ms() + WAIT_MS;

    while (qt_binance_seen(bench->server, what) < count)
    {
        turn(bench);
        if (now_ms() > end_ms)
            qt_fail("the server has not seen %s:\n%s", what, bench->log);
    }
}

static void
make_bench(Bench *bench, bool tls, QmBinanceOptions options)
{
    char rest_url[64], ws_url[64], stream_url[64];
    const char *s = tls ? "s" : "";
    QmError error;

    memset(bench, 0, sizeof(*bench));
    bench->server = qt_binance_start(tls);
    snprintf(rest_url, sizeof(rest_url), "http%s://127.0.0.1:%d", s, qt_binance_port(bench->server));
    snprintf(ws_url, sizeof(ws_url), "ws%s://127.0.0.1:%d/ws-api/v3", s, qt_binance_port(bench->server));
    snprintf(stream_url, sizeof(stream_url), "ws%s://127.0.0.1:%d", s, qt_binance_port(bench->server));
    options.rest_url = rest_url;
    options.ws_api_url = ws_url;
    options.stream_url = stream_url;
    options.ca_file = tls ? qt_binance_ca_file(bench->server) : NULL;
    options.api_key = API_KEY;
    options.secret_key = SECRET;
    options.listener = hear;
    options.listener_argument = bench;
    bench->exchange = qm_binance_open(&options, &error);
    if (bench->exchange == NULL)
        qt_fail("cannot be opened: %s", error.message);
}

static void
end_bench(Bench *bench)
{
    assert_null(strstr(bench->log, SECRET));
    assert_null(strstr(bench->log, API_KEY));
    bench->exchange->functions->close(bench->exchange);
    qt_binance_stop(bench->server);
}

/* say_report tells of an order, wrapped as on the WebSocket API. */
static void
say_report(Bench *bench, const char *client_order_id)
{
    char text[1024];

    snprintf(text,
             sizeof(text),
             "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":1,\"s\":\"BTCUSDT\",\"c\":\"%s\","
             "\"C\":\"\",\"S\":\"BUY\",\"x\":\"NEW\",\"X\":\"NEW\",\"i\":7,\"z\":\"0\",\"t\":-1,\"T\":1}}",
             client_order_id);
    qt_binance_say(bench->server, USER, text);
}

static void
test_account(void **state)
{
    Bench bench;
    char message[2048], signed_text[512], signature[QM_SIGNATURE_SIZE];
    const char *at;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){0});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    until(&bench, QM_HEARD_USER_UP, 1);
    /* Signed over the parameters in the order of their names. */
    assert_true(qt_binance_get(bench.server, "userDataStream.subscribe.signature", message, sizeof(message)));
    at = strstr(message, "\"timestamp\":");
    assert_non_null(at);
    snprintf(signed_text, sizeof(signed_text), "apiKey=%s&recvWindow=5000&timestamp=%lld", API_KEY, atoll(at + 12));
    assert_true(qm_signature(SECRET, signed_text, strlen(signed_text), signature));
    assert_non_null(strstr(message, signature));
    /* Held back until the snapshot has been applied, then told in order. */
    say_report(&bench, "q1");
    say_report(&bench, "q2");
    qt_binance_say_raw(bench.server,
                       USER,
                       "\x89\x03"
                       "abc",
                       5);
    until_seen(&bench, "control 10 abc", 1);
    assert_int_equal(bench.heard[QM_HEARD_REPORT], 0);
    bench.exchange->functions->drain(bench.exchange);
    assert_non_null(strstr(bench.log, "report q1 NEW\nreport q2 NEW\n"));
    say_report(&bench, "q3");
    until(&bench, QM_HEARD_REPORT, 3);
    end_bench(&bench);
}

/* However a stream is lost, its user hears of it, and it comes back, held back again. */
static void
test_account_comes_back(void **state)
{
    static const char *const ends[] = {
        "{\"subscriptionId\":0,\"event\":{\"e\":\"eventStreamTerminated\",\"E\":1}}",
        "{\"e\":\"serverShutdown\",\"E\":1}",
        "{\"subscriptionId\":0,\"event\":{\"e\":\"executionReport\",\"E\":1,\"s\":5}}",
        "this is no JSON",
    };
    Bench bench;
    int up = 1;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){.reconnect_ms = 50});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    until(&bench, QM_HEARD_USER_UP, up);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        bench.exchange->functions->drain(bench.exchange);
        qt_binance_say(bench.server, USER, ends[i]);
        until(&bench, QM_HEARD_USER_DOWN, up);
        until(&bench, QM_HEARD_USER_UP, ++up);
    }
    qt_binance_cut(bench.server, USER);
    until(&bench, QM_HEARD_USER_UP, ++up);
    qt_binance_say_raw(bench.server, USER, "\x88\x02\x03\xe8", 4); /* closed politely */
    until(&bench, QM_HEARD_USER_UP, ++up);
    qt_binance_say_raw(bench.server, USER, "\xc1\x02{}", 4); /* compressed, or so it says */
    until(&bench, QM_HEARD_USER_UP, ++up);
    qt_binance_say_raw(bench.server, USER, "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10); /* longer than any memory */
    until(&bench, QM_HEARD_USER_UP, ++up);
    say_report(&bench, "q1");
    bench.exchange->functions->run(bench.exchange);
    assert_int_equal(bench.heard[QM_HEARD_REPORT], 0);
    bench.exchange->functions->drain(bench.exchange);
    until(&bench, QM_HEARD_REPORT, 1);
    end_bench(&bench);
}

static void
test_account_refused(void **state)
{
    Bench bench;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){.reconnect_ms = 50, .request_timeout_ms = 300});
    qt_binance_answer(bench.server,
                      "userDataStream",
                      "{\"id\":\"account\",\"status\":400,\"error\":{\"code\":-2015,\"msg\":\"Invalid API-key " API_KEY
                      "\"}}");
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    until(&bench, QM_HEARD_USER_DOWN, 2);
    assert_int_equal(bench.heard[QM_HEARD_USER_UP], 0);
    assert_non_null(strstr(bench.log, "a message that had a key in it"));
    /* A wrong clock is read again. */
    qt_binance_answer(bench.server,
                      "userDataStream",
                      "{\"id\":\"account\",\"status\":400,\"error\":{\"code\":-1021,\"msg\":\"Timestamp\"}}");
    until_seen(&bench, "GET /api/v3/time", 2);
    qt_binance_answer(bench.server, "userDataStream", "");
    bench.log[0] = '\0';
    bench.heard[QM_HEARD_USER_DOWN] = 0;
    until(&bench, QM_HEARD_USER_DOWN, 2);
    assert_non_null(strstr(bench.log, "does not answer the subscription"));
    qt_binance_answer(bench.server, "userDataStream", NULL);
    until(&bench, QM_HEARD_USER_UP, 1);
    end_bench(&bench);
}

/* What is held back has a limit; beyond it the stream begins anew, so that nothing is missed unseen. */
static void
test_account_buffer(void **state)
{
    Bench bench;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){.reconnect_ms = 50, .buffer_max = 2});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    until(&bench, QM_HEARD_USER_UP, 1);
    for (int i = 0; i < 3; i++)
        say_report(&bench, "q1");
    until(&bench, QM_HEARD_USER_DOWN, 1);
    assert_non_null(strstr(bench.log, "more events are held back than the limit"));
    until(&bench, QM_HEARD_USER_UP, 2);
    bench.exchange->functions->drain(bench.exchange);
    assert_int_equal(bench.heard[QM_HEARD_REPORT], 0);
    end_bench(&bench);
}

static void
test_silence(void **state)
{
    Bench bench;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){.reconnect_ms = 50, .silence_ms = 400});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    until(&bench, QM_HEARD_USER_UP, 1);
    /* The server answers no ping. */
    until(&bench, QM_HEARD_USER_DOWN, 1);
    assert_true(qt_binance_seen(bench.server, "control 9") >= 1);
    assert_non_null(strstr(bench.log, "silent for too long"));
    until(&bench, QM_HEARD_USER_UP, 2);
    end_bench(&bench);
}

static void
test_market(void **state)
{
    static const char trade[] = "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":1,\"s\":\"BTCUSDT\","
                                "\"p\":\"65000.10\",\"q\":\"1\",\"T\":1}}";
    Bench bench;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){.reconnect_ms = 50});
    assert_int_equal(bench.exchange->functions->watch_market(bench.exchange, "BTCUSDT", true, true, "1m"), QM_OK);
    assert_int_equal(bench.exchange->functions->watch_market(bench.exchange, "BTCUSDT", true, false, NULL), QM_OK);
    assert_int_equal(bench.exchange->functions->watch_market(bench.exchange, "btc/usdt", true, false, NULL),
                     QM_ERROR_ARGUMENT);
    until(&bench, QM_HEARD_MARKET_UP, 1);
    assert_int_equal(qt_binance_seen(bench.server, "[\"btcusdt@trade\",\"btcusdt@bookTicker\",\"btcusdt@kline_1m\"]"),
                     1);
    qt_binance_say(bench.server, MARKET, trade);
    until(&bench, QM_HEARD_TRADE, 1);
    assert_non_null(strstr(bench.log, "trade BTCUSDT 65000.10\n"));
    /* Another market on the same connection, and all of them again on the next one. */
    assert_int_equal(bench.exchange->functions->watch_market(bench.exchange, "ETHUSDT", true, false, NULL), QM_OK);
    until_seen(&bench, "\"params\":[\"ethusdt@trade\"]", 1);
    /* A message in parts, one that cannot be read, and one of tomorrow. */
    qt_binance_say_raw(bench.server,
                       MARKET,
                       "\x01\x0f{\"e\":\"trade\",\"s\x89\x01x\x80\x26\":\"ETHUSDT\",\"p\":\"1.5\",\"q\":\"1\",\"T\":1} "
                       " ",
                       17 + 3 + 40);
    until(&bench, QM_HEARD_TRADE, 2);
    assert_non_null(strstr(bench.log, "trade ETHUSDT 1.5\n"));
    qt_binance_say(bench.server, MARKET, "{\"e\":\"trade\",\"s\":\"ETHUSDT\",\"T\":1,\"p\":1.5}");
    until(&bench, QM_HEARD_NOTICE, 1);
    assert_non_null(strstr(bench.log, "\"p\" is no text"));
    qt_binance_say(bench.server, MARKET, "{\"e\":\"aKindOfTomorrow\"}");
    qt_binance_cut(bench.server, MARKET);
    until(&bench, QM_HEARD_MARKET_UP, 2);
    assert_int_equal(qt_binance_seen(bench.server, "\"btcusdt@kline_1m\",\"ethusdt@trade\"]"), 1);
    end_bench(&bench);
}

static void
test_tls(void **state)
{
    Bench bench;

    (void) state;
    make_bench(&bench, true, (QmBinanceOptions){0});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    assert_int_equal(bench.exchange->functions->watch_market(bench.exchange, "BTCUSDT", true, false, NULL), QM_OK);
    until(&bench, QM_HEARD_USER_UP, 1);
    until(&bench, QM_HEARD_MARKET_UP, 1);
    bench.exchange->functions->drain(bench.exchange);
    for (int i = 0; i < 100; i++)
        say_report(&bench, "q1");
    until(&bench, QM_HEARD_REPORT, 100);
    end_bench(&bench);
}

/* A loop with nothing to do sleeps. */
static void
test_no_busy_waiting(void **state)
{
    Bench bench;
    int turns = 0;
    int64_t end_ms;

    (void) state;
    make_bench(&bench, false, (QmBinanceOptions){0});
    assert_int_equal(bench.exchange->functions->watch_account(bench.exchange), QM_OK);
    until(&bench, QM_HEARD_USER_UP, 1);
    end_ms = now_ms() + 1000;
    while (now_ms() < end_ms)
    {
        struct pollfd one = {.fd = bench.exchange->functions->descriptor(bench.exchange), .events = POLLIN};

        if (poll(&one, 1, (int) (end_ms - now_ms() + 1)) <= 0)
            break;
        turns++;
        bench.exchange->functions->run(bench.exchange);
    }
    assert_true(turns <= 10);
    end_bench(&bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_account),
        cmocka_unit_test(test_account_comes_back),
        cmocka_unit_test(test_account_refused),
        cmocka_unit_test(test_account_buffer),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_market),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_no_busy_waiting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
