/*
 * Tradestress: snapshots of the exchange, as the server takes them.
 */
#include "tradestress.h"

#include "program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Text
{
    char *at;
    size_t len, room;
} Text;

static void put(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_orders(Text *text, const ExchangeSnapshot *snapshot);
static void put_trades(const Stress *stress, Text *text, const ExchangeSnapshot *snapshot);

/* qf_instance_submit_snapshot hands a snapshot in. */
void
qf_instance_submit_snapshot(Stress *stress, const Asked *asked, const ExchangeMessage *message)
{
    const ExchangeSnapshot *snapshot = &message->snapshot;
    char task[24], times[2][24];
    Text orders = {0}, trades = {0}, balances = {0};

    if (message->answer != QF_ANSWER_DONE)
    {
        qf_instance_finish(stress, asked, "failed");
        return;
    }
    put_orders(&orders, snapshot);
    put_trades(stress, &trades, snapshot);
    put(&balances, "[");
    if (snapshot->balances_seen)
        put(&balances,
            "{\"asset\": \"SIM\", \"free\": \"%" PRId64 "\"}, {\"asset\": \"USD\", \"free\": \"%" PRId64 "\"}",
            1000000000 + snapshot->base,
            INT64_C(1000000000000) + snapshot->quote);
    put(&balances, "]");
    snprintf(task, sizeof(task), "%" PRId64, asked->task_id);
    snprintf(times[0], sizeof(times[0]), "%" PRId64, asked->started_us);
    snprintf(times[1], sizeof(times[1]), "%" PRId64, qf_stress_now_us());
    stress->snapshots += qf_stress_tell(stress,
                                        "SELECT quantmesh.submit_snapshot('sim', 'SIMUSD', $1,"
                                        " 'epoch'::timestamptz + $2::bigint * interval '1 us',"
                                        " 'epoch'::timestamptz + $3::bigint * interval '1 us',"
                                        " $4::jsonb, $5::jsonb, $6::jsonb, $7)",
                                        7,
                                        task,
                                        times[0],
                                        times[1],
                                        orders.at,
                                        trades.at,
                                        balances.at,
                                        snapshot->complete ? "t" : "f");
    free(orders.at);
    free(trades.at);
    free(balances.at);
}

/* put adds to a text. */
static void
put(Text *text, const char *format, ...)
{
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (text->len + (size_t) len + 1 > text->room)
    {
        text->room = 2 * (text->len + (size_t) len + 1);
        text->at = realloc(text->at, text->room);
        if (text->at == NULL)
            qf_die("out of memory", NULL);
    }
    va_start(arguments, format);
    text->len += (size_t) vsnprintf(text->at + text->len, text->room - text->len, format, arguments);
    va_end(arguments);
}

/* put_orders adds the open orders, each once: the server takes no list that has one twice. */
static void
put_orders(Text *text, const ExchangeSnapshot *snapshot)
{
    put(text, "[");
    for (size_t i = 0; i < snapshot->norders; i++)
    {
        const ExchangeOrder *order = &snapshot->orders[i];

        if (i > 0 && strcmp(order->exchange_order_id, snapshot->orders[0].exchange_order_id) == 0)
            continue;
        put(text, "%s{\"exchange_order_id\": \"%s\"", i == 0 ? "" : ",", order->exchange_order_id);
        if (order->client_order_id[0] != '\0')
            put(text, ", \"client_order_id\": \"%s\"", order->client_order_id);
        put(text,
            ", \"side\": \"%s\", \"price\": \"%" PRId64 "\", \"quantity\": \"%" PRId64
            "\", \"filled_quantity\": \"%" PRId64 "\"}",
            order->buy ? "buy" : "sell",
            order->price,
            order->quantity,
            order->filled);
    }
    put(text, "]");
}

/* put_trades adds the trades. */
static void
put_trades(const Stress *stress, Text *text, const ExchangeSnapshot *snapshot)
{
    put(text, "[");
    for (size_t i = 0; i < snapshot->ntrades; i++)
    {
        const ExchangeTrade *trade = &snapshot->trades[i];
        int64_t at_us = stress->began_us + trade->at_us / STRESS_SPEED;
        time_t at_s = (time_t) (at_us / 1000000);
        struct tm at;
        char second[32];

        strftime(second, sizeof(second), "%Y-%m-%dT%H:%M:%S", gmtime_r(&at_s, &at));
        put(text,
            "%s{\"trade_id\": \"%s\", \"exchange_order_id\": \"%s\", \"side\": \"%s\", \"price\": \"%" PRId64
            "\", \"quantity\": \"%" PRId64 "\", \"executed_at\": \"%s.%06dZ\"}",
            i == 0 ? "" : ",",
            trade->trade_id,
            trade->exchange_order_id,
            trade->buy ? "buy" : "sell",
            trade->price,
            trade->quantity,
            second,
            (int) (at_us % 1000000));
    }
    put(text, "]");
}
