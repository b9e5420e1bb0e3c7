/*
 * Candles of the paper exchange, and what is made of them: klines, the ticker of a
 * day, the average price. All times are the data's.
 */
#include "paper_rest_candles.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define DAY_CANDLES 288 /* of five minutes */
#define AVERAGE_MINUTES 5

__extension__ typedef __int128 Wide;

static json_t *kline(const QmPaperCandle *candle, int64_t length_ms);

/* qm_paper_klines answers with candles: those from startTime on, else the newest. */
void
qm_paper_klines(QmPaperCall *call)
{
    const char *name;
    int64_t from_ms, to_ms, limit;
    QmPaperCandle *candles;
    json_t *list;
    int interval, count;

    if (!qm_paper_need_symbol(call) || (name = qm_paper_need(call, "interval")) == NULL ||
        !qm_paper_whole(call, "startTime", 0, &from_ms) || !qm_paper_whole(call, "endTime", INT64_MAX, &to_ms) ||
        !qm_paper_whole(call, "limit", 500, &limit))
        return;
    interval = qm_paper_interval_by_name(name);
    if (interval < 0)
    {
        qm_paper_call_error(call, 400, -1120, "Invalid interval.");
        return;
    }
    limit = limit < 1 ? 1 : limit > QM_PAPER_LIMIT_MAX ? QM_PAPER_LIMIT_MAX : limit;
    candles = calloc((size_t) limit, sizeof(*candles));
    list = json_array();
    count = candles == NULL ? 0
                            : qm_paper_world_candles(call->server->world,
                                                     call->symbol,
                                                     (QmPaperInterval) interval,
                                                     from_ms,
                                                     to_ms,
                                                     candles,
                                                     (int) limit);
    for (int i = 0; i < count; i++)
        json_array_append_new(list, kline(&candles[i], qm_paper_interval_ms((QmPaperInterval) interval)));
    qm_paper_call_body(call, candles == NULL ? NULL : json_incref(list));
    json_decref(list);
    free(candles);
}

/* kline writes a candle as the twelve elements of Binance. */
static json_t *
kline(const QmPaperCandle *candle, int64_t length_ms)
{
    return json_pack("[I, o, o, o, o, o, I, o, I, o, o, s]",
                     (json_int_t) candle->open_ms,
                     qm_paper_json_decimal(candle->open),
                     qm_paper_json_decimal(candle->high),
                     qm_paper_json_decimal(candle->low),
                     qm_paper_json_decimal(candle->close),
                     qm_paper_json_decimal(candle->volume),
                     (json_int_t) (candle->open_ms + length_ms - 1),
                     qm_paper_json_decimal(candle->quote),
                     (json_int_t) candle->trade_count,
                     qm_paper_json_decimal(candle->taker_base),
                     qm_paper_json_decimal(candle->taker_quote),
                     "0");
}

/* qm_paper_day sums up the last day of a symbol, in candles of five minutes; without data all is 0. */
QmPaperDay
qm_paper_day(const QmPaperWorld *world, int symbol)
{
    QmPaperCandle candles[DAY_CANDLES];
    int64_t now_ms = qm_paper_world_now_ms(world);
    int count = qm_paper_world_candles(world, symbol, QM_PAPER_5M, now_ms - DAY_MS, now_ms, candles, DAY_CANDLES);
    QmPaperDay day = {.from_ms = now_ms - DAY_MS, .to_ms = now_ms, .last = qm_paper_world_price(world, symbol)};

    for (int i = 0; i < count; i++)
    {
        const QmPaperCandle *candle = &candles[i];

        if (day.open == 0)
            day.open = candle->open;
        if (candle->high > day.high)
            day.high = candle->high;
        if (day.low == 0 || candle->low < day.low)
            day.low = candle->low;
        day.volume += candle->volume;
        day.quote += candle->quote;
        day.trade_count += candle->trade_count;
        if (candle->trade_count > 0)
        {
            day.trade_first = day.trade_first == 0 ? candle->trade_first : day.trade_first;
            day.trade_last = candle->trade_last;
        }
    }
    return day;
}

/* qm_paper_quotient divides two decimals; 0 when the second is 0 or the result too great. */
QmPaperDecimal
qm_paper_quotient(QmPaperDecimal dividend, QmPaperDecimal divisor)
{
    Wide result = divisor == 0 ? 0 : (Wide) dividend * QM_PAPER_ONE / divisor;

    return result > INT64_MAX || result < -INT64_MAX ? 0 : (QmPaperDecimal) result;
}

/* day_ticker writes a day as /ticker/24hr has it. */
static json_t *
day_ticker(const QmPaperWorld *world, int symbol, bool mini)
{
    QmPaperDay day = qm_paper_day(world, symbol);
    QmPaperBest best = qm_paper_world_best(world, symbol);
    json_t *body = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}",
                             "symbol",
                             qm_paper_symbol(world, symbol).name,
                             "openPrice",
                             qm_paper_json_decimal(day.open),
                             "highPrice",
                             qm_paper_json_decimal(day.high),
                             "lowPrice",
                             qm_paper_json_decimal(day.low),
                             "lastPrice",
                             qm_paper_json_decimal(day.last),
                             "volume",
                             qm_paper_json_decimal(day.volume),
                             "quoteVolume",
                             qm_paper_json_decimal(day.quote),
                             "openTime",
                             (json_int_t) day.from_ms,
                             "closeTime",
                             (json_int_t) day.to_ms,
                             "firstId",
                             (json_int_t) day.trade_first,
                             "lastId",
                             (json_int_t) day.trade_last,
                             "count",
                             (json_int_t) day.trade_count);

    if (mini)
        return body;
    json_object_set_new(body, "priceChange", qm_paper_json_decimal(day.last - day.open));
    json_object_set_new(body,
                        "priceChangePercent",
                        qm_paper_json_decimal(qm_paper_quotient(100 * (day.last - day.open), day.open)));
    json_object_set_new(body, "weightedAvgPrice", qm_paper_json_decimal(qm_paper_quotient(day.quote, day.volume)));
    json_object_set_new(body, "prevClosePrice", qm_paper_json_decimal(day.open));
    json_object_set_new(body, "lastQty", qm_paper_json_decimal(0));
    json_object_set_new(body, "bidPrice", qm_paper_json_decimal(best.bid));
    json_object_set_new(body, "bidQty", qm_paper_json_decimal(best.bid_quantity));
    json_object_set_new(body, "askPrice", qm_paper_json_decimal(best.ask));
    json_object_set_new(body, "askQty", qm_paper_json_decimal(best.ask_quantity));
    return body;
}

static json_t *
full_day_ticker(const QmPaperServer *server, int symbol)
{
    return day_ticker(server->world, symbol, false);
}

static json_t *
mini_day_ticker(const QmPaperServer *server, int symbol)
{
    return day_ticker(server->world, symbol, true);
}

/* qm_paper_ticker_day answers with the last day of one symbol, of some or of all. */
void
qm_paper_ticker_day(QmPaperCall *call)
{
    static const char *const types[] = {"FULL", "MINI", NULL};
    int type = qm_paper_word(call,
                             "type",
                             types,
                             -1102,
                             "Mandatory parameter 'type' was not sent, was empty/null, or malformed.");

    if (type != -2)
        qm_paper_each_symbol(call, type == 1 ? mini_day_ticker : full_day_ticker);
}

/* qm_paper_avg_price answers with the average price of five minutes. */
void
qm_paper_avg_price(QmPaperCall *call)
{
    QmPaperCandle candles[AVERAGE_MINUTES];
    const QmPaperWorld *world = call->server->world;
    QmPaperDecimal volume = 0;
    QmPaperDecimal quote = 0;
    QmPaperDecimal price;
    int count;

    if (!qm_paper_need_symbol(call))
        return;
    count = qm_paper_world_candles(world, call->symbol, QM_PAPER_1M, 0, INT64_MAX, candles, AVERAGE_MINUTES);
    for (int i = 0; i < count; i++)
    {
        volume += candles[i].volume;
        quote += candles[i].quote;
    }
    price = volume == 0 ? qm_paper_world_price(world, call->symbol) : qm_paper_quotient(quote, volume);
    qm_paper_call_body(call,
                       json_pack("{s:i, s:o, s:I}",
                                 "mins",
                                 AVERAGE_MINUTES,
                                 "price",
                                 qm_paper_json_decimal(price),
                                 "closeTime",
                                 (json_int_t) qm_paper_world_now_ms(world)));
}
