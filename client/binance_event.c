/*
 * Events: messages of Binance's streams as the types of exchange.h.
 */
#include "binance_answer.h"

#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX 8192 /* bytes of a raw report that are kept */

static bool read_execution(QmReading *reading, const json_t *in, const char *raw, QmExchangeEvent *event);
static bool read_position(QmReading *reading, const json_t *in, QmExchangeEvent *event);
static bool read_market_trade(QmReading *reading, const json_t *in, QmExchangeEvent *event);
static bool read_candle(QmReading *reading, const json_t *in, QmExchangeEvent *event);
static bool read_book(QmReading *reading, const json_t *in, QmExchangeEvent *event);

/*
 * qm_event_read reads a message into an event, which points into the reading and
 * into the message. False when it is none for us, or, with a fault in
 * reading->json, when it is one and cannot be read. raw is the message's text.
 */
bool
qm_event_read(QmReading *reading, const json_t *in, const char *raw, QmExchangeEvent *event)
{
    const char *name;

    memset(event, 0, sizeof(*event));
    reading->balances = NULL;
    if (!json_is_object(in))
    {
        qm_binance_json_fault(&reading->json, "a message is no object");
        return false;
    }
    name = qm_binance_json_text_if(&reading->json, in, "e");
    if (name == NULL && reading->json.fault[0] == '\0' && json_object_get(in, "u") != NULL)
        return read_book(reading, in, event);
    if (name == NULL)
        return false;
    if (strcmp(name, "executionReport") == 0)
        return read_execution(reading, in, raw, event);
    if (strcmp(name, "outboundAccountPosition") == 0)
        return read_position(reading, in, event);
    if (strcmp(name, "trade") == 0)
        return read_market_trade(reading, in, event);
    if (strcmp(name, "kline") == 0)
        return read_candle(reading, in, event);
    return false;
}

/* qm_reading_free frees what an event points into, the document excepted. */
void
qm_reading_free(QmReading *reading)
{
    free(reading->balances);
    reading->balances = NULL;
}

/*
 * read_execution reads what has happened to an order. Once it was cancelled, c is
 * the name of the cancel and C that of the order.
 */
static bool
read_execution(QmReading *reading, const json_t *in, const char *raw, QmExchangeEvent *event)
{
    QmBinanceJson *json = &reading->json;
    QmReport *report = &event->report;
    const char *original = qm_binance_json_text_if(json, in, "C");
    const char *kind = qm_binance_json_text(json, in, "x");
    int64_t trade_id = qm_binance_json_number_if(json, in, "t", -1);

    event->kind = QM_HEARD_REPORT;
    event->symbol = report->symbol = qm_binance_json_text(json, in, "s");
    event->time_us = report->event_time_us = qm_binance_json_time_us(json, in, "T");
    report->client_order_id = original != NULL && original[0] != '\0' ? original : qm_binance_json_text(json, in, "c");
    report->exchange_order_id = qm_binance_json_id(json, in, "i", reading->order_id);
    report->state = qm_binance_json_text(json, in, "X");
    report->cumulative_quantity = qm_binance_json_decimal(json, in, "z");
    report->source = "stream";
    report->detail = strlen(raw) <= DETAIL_MAX ? raw : NULL;
    qm_side_word(json, qm_binance_json_text(json, in, "S"));
    if (kind != NULL && strcmp(kind, "TRADE") == 0)
    {
        if (trade_id < 0)
            qm_binance_json_fault(json, "a trade without its id");
        report->trade_id = qm_binance_json_id(json, in, "t", reading->trade_id);
        report->last_quantity = qm_binance_json_decimal(json, in, "l");
        report->last_price = qm_binance_json_decimal(json, in, "L");
        report->commission = qm_binance_json_decimal_if(json, in, "n", NULL);
        report->commission_asset = qm_binance_json_text_if(json, in, "N");
        report->is_maker = qm_binance_json_flag(json, in, "m") ? 1 : -1;
        /* Without an asset the amount says nothing. */
        if (report->commission_asset == NULL)
            report->commission = NULL;
    }
    return json->fault[0] == '\0';
}

static bool
read_position(QmReading *reading, const json_t *in, QmExchangeEvent *event)
{
    QmBinanceJson *json = &reading->json;
    const json_t *list = qm_binance_json_list(json, in, "B");
    size_t count = json_array_size(list);
    QmExchangeBalance *balances;

    event->kind = QM_HEARD_BALANCE;
    event->time_us = qm_binance_json_time_us(json, in, "E");
    balances = reading->balances = calloc(count + 1, sizeof(*balances));
    if (balances == NULL)
    {
        qm_binance_json_fault(json, "no memory");
        return false;
    }
    for (size_t i = 0; i < count; i++)
    {
        const json_t *one = json_array_get(list, i);

        balances[i].asset = qm_binance_json_text(json, one, "a");
        balances[i].free = qm_binance_json_decimal(json, one, "f");
        balances[i].locked = qm_binance_json_decimal(json, one, "l");
    }
    event->balances = balances;
    event->balance_count = count;
    return json->fault[0] == '\0';
}

static bool
read_market_trade(QmReading *reading, const json_t *in, QmExchangeEvent *event)
{
    QmBinanceJson *json = &reading->json;

    event->kind = QM_HEARD_TRADE;
    event->symbol = qm_binance_json_text(json, in, "s");
    event->time_us = qm_binance_json_time_us(json, in, "T");
    event->price = qm_binance_json_decimal(json, in, "p");
    event->quantity = qm_binance_json_decimal(json, in, "q");
    return json->fault[0] == '\0';
}

static bool
read_candle(QmReading *reading, const json_t *in, QmExchangeEvent *event)
{
    QmBinanceJson *json = &reading->json;
    const json_t *k = qm_binance_json_object(json, in, "k");
    QmExchangeCandle *candle = &event->candle;

    event->kind = QM_HEARD_CANDLE;
    event->symbol = qm_binance_json_text(json, in, "s");
    event->time_us = qm_binance_json_time_us(json, in, "E");
    if (k == NULL)
        return false;
    candle->open_time_us = qm_binance_json_time_us(json, k, "t");
    candle->interval = qm_binance_json_text(json, k, "i");
    candle->open = qm_binance_json_decimal(json, k, "o");
    candle->high = qm_binance_json_decimal(json, k, "h");
    candle->low = qm_binance_json_decimal(json, k, "l");
    candle->close = qm_binance_json_decimal(json, k, "c");
    candle->volume = qm_binance_json_decimal(json, k, "v");
    candle->closed = qm_binance_json_flag(json, k, "x");
    return json->fault[0] == '\0';
}

/* read_book reads the best prices; such a message has no name and no time. */
static bool
read_book(QmReading *reading, const json_t *in, QmExchangeEvent *event)
{
    QmBinanceJson *json = &reading->json;

    event->kind = QM_HEARD_BOOK;
    event->symbol = qm_binance_json_text(json, in, "s");
    event->bid = qm_binance_json_decimal(json, in, "b");
    event->bid_quantity = qm_binance_json_decimal(json, in, "B");
    event->ask = qm_binance_json_decimal(json, in, "a");
    event->ask_quantity = qm_binance_json_decimal(json, in, "A");
    return json->fault[0] == '\0';
}
