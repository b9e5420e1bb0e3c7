/*
 * The bench of the Binance adapter's tests.
 */
#include "binance_bench.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "check.h"

#define WAIT_MS 20000 /* until a test that hangs has failed */

void
qt_keep(void *argument, const QmExchangeAnswer *answer)
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

int64_t
qt_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
qt_bench_open(Bench *bench, QmBinanceOptions options)
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

void
qt_bench_make(Bench *bench, QmBinanceOptions options)
{
    memset(bench, 0, sizeof(*bench));
    bench->server = qt_binance_start(false);
    qt_bench_open(bench, options);
}

void
qt_bench_end(Bench *bench)
{
    bench->exchange->functions->close(bench->exchange);
    qt_binance_stop(bench->server);
}

/* run_until turns the loop, only when its descriptor says so, until an answer is there. */
void
qt_run_until(Bench *bench, const Kept *kept, int calls)
{
    int64_t end_us = qt_now_us() + WAIT_MS * 1000;

    while (kept->calls < calls)
    {
        struct pollfd one = {.fd = bench->exchange->functions->descriptor(bench->exchange), .events = POLLIN};

        if (poll(&one, 1, WAIT_MS) <= 0 || qt_now_us() > end_us)
            qt_fail("no answer within %d ms", WAIT_MS);
        bench->exchange->functions->run(bench->exchange);
    }
}

void
qt_run_until_seen(Bench *bench, const char *what, size_t count)
{
    int64_t end_us = qt_now_us() + WAIT_MS * 1000;

    while (qt_binance_seen(bench->server, what) < count)
    {
        struct pollfd one = {.fd = bench->exchange->functions->descriptor(bench->exchange), .events = POLLIN};

        if (qt_now_us() > end_us)
            qt_fail("%s: seen %zu times", what, qt_binance_seen(bench->server, what));
        assert_true(poll(&one, 1, 20) >= 0);
        bench->exchange->functions->run(bench->exchange);
    }
}

QmExchangePlace
qt_an_order(void)
{
    return (QmExchangePlace){.symbol = "BTCUSDT",
                             .client_order_id = "q0001a0",
                             .side = "buy",
                             .order_type = "limit",
                             .price = "65000.10",
                             .quantity = "0.00010",
                             .stamped_us = qt_now_us(),
                             .send_before_us = qt_now_us() + 3000000};
}
