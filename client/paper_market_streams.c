/*
 * What streams tell of markets: trades, candles, best prices as they happen; the
 * book ten times a second and tickers once, where somebody hears them. Times are the data's.
 */
#include "paper_rest_candles.h"

#include <stdlib.h>
#include <string.h>

#define BOOK_MS 100
#define TICKER_MS 1000
#define BOOK_LEVELS 1000

static void tick_books(void *context);
static void tick_tickers(void *context);
static bool tell_book(QmPaperServer *server, int symbol);
static void tell_top(QmPaperServer *server, int symbol, int levels);

/* qm_paper_streams_begin starts what comes by the clock. */
void
qm_paper_streams_begin(QmPaperServer *server)
{
    server->book_timer = (QmPaperTimer){.fire = tick_books, .context = server};
    server->ticker_timer = (QmPaperTimer){.fire = tick_tickers, .context = server};
    qm_paper_timer_set(&server->loop, &server->ticker_timer, TICKER_MS);
}

/* forget_book forgets what a depth stream has told. */
static void
forget_book(QmPaperBook *book)
{
    free(book->bids);
    free(book->asks);
    *book = (QmPaperBook){0};
}

/* qm_paper_streams_end frees what streams remember. */
void
qm_paper_streams_end(QmPaperServer *server)
{
    for (int i = 0; i < QM_PAPER_SYMBOLS_MAX; i++)
        forget_book(&server->books[i]);
    qm_paper_timer_drop(&server->loop, &server->book_timer);
    qm_paper_timer_drop(&server->loop, &server->ticker_timer);
}

/* qm_paper_tell_trade tells of a trade, and of it as an aggregate of one. */
void
qm_paper_tell_trade(QmPaperServer *server, int symbol, const QmPaperTrade *trade)
{
    static const QmPaperStream streams[] = {QM_PAPER_STREAM_TRADE, QM_PAPER_STREAM_AGG_TRADE};

    for (int i = 0; i < 2; i++)
    {
        json_t *event;

        if (!qm_paper_stream_wanted(server, streams[i], symbol, 0))
            continue;
        event = json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:I, s:b, s:b}",
                          "e",
                          i == 0 ? "trade" : "aggTrade",
                          "E",
                          (json_int_t) trade->time_ms,
                          "s",
                          qm_paper_symbol(server->world, symbol).name,
                          i == 0 ? "t" : "a",
                          (json_int_t) trade->id,
                          "p",
                          qm_paper_json_decimal(trade->price),
                          "q",
                          qm_paper_json_decimal(trade->quantity),
                          "T",
                          (json_int_t) trade->time_ms,
                          "m",
                          trade->is_buyer_maker,
                          "M",
                          1);
        if (i == 1)
        {
            json_object_set_new(event, "f", json_integer(trade->id));
            json_object_set_new(event, "l", json_integer(trade->id));
        }
        qm_paper_stream_tell(server, streams[i], symbol, 0, event);
        json_decref(event);
    }
}

/* qm_paper_tell_candle tells how a candle stands. */
void
qm_paper_tell_candle(QmPaperServer *server, int symbol, QmPaperInterval interval, const QmPaperCandle *candle)
{
    const char *name = qm_paper_symbol(server->world, symbol).name;
    json_t *event;

    if (!qm_paper_stream_wanted(server, QM_PAPER_STREAM_KLINE, symbol, (int) interval))
        return;
    event = json_pack("{s:s, s:I, s:s, s:{s:I, s:I, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:o, s:o, "
                      "s:o, s:s}}",
                      "e",
                      "kline",
                      "E",
                      (json_int_t) qm_paper_world_now_ms(server->world),
                      "s",
                      name,
                      "k",
                      "t",
                      (json_int_t) candle->open_ms,
                      "T",
                      (json_int_t) (candle->open_ms + qm_paper_interval_ms(interval) - 1),
                      "s",
                      name,
                      "i",
                      qm_paper_interval_name(interval),
                      "f",
                      (json_int_t) candle->trade_first,
                      "L",
                      (json_int_t) candle->trade_last,
                      "o",
                      qm_paper_json_decimal(candle->open),
                      "c",
                      qm_paper_json_decimal(candle->close),
                      "h",
                      qm_paper_json_decimal(candle->high),
                      "l",
                      qm_paper_json_decimal(candle->low),
                      "v",
                      qm_paper_json_decimal(candle->volume),
                      "n",
                      (json_int_t) candle->trade_count,
                      "x",
                      candle->is_closed,
                      "q",
                      qm_paper_json_decimal(candle->quote),
                      "V",
                      qm_paper_json_decimal(candle->taker_base),
                      "Q",
                      qm_paper_json_decimal(candle->taker_quote),
                      "B",
                      "0");
    qm_paper_stream_tell(server, QM_PAPER_STREAM_KLINE, symbol, (int) interval, event);
    json_decref(event);
}

/* qm_paper_tell_best tells of the best prices. */
void
qm_paper_tell_best(QmPaperServer *server, int symbol, const QmPaperBest *best)
{
    json_t *event;

    if (!qm_paper_stream_wanted(server, QM_PAPER_STREAM_BOOK_TICKER, symbol, 0))
        return;
    event = json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}",
                      "u",
                      (json_int_t) best->update_id,
                      "s",
                      qm_paper_symbol(server->world, symbol).name,
                      "b",
                      qm_paper_json_decimal(best->bid),
                      "B",
                      qm_paper_json_decimal(best->bid_quantity),
                      "a",
                      qm_paper_json_decimal(best->ask),
                      "A",
                      qm_paper_json_decimal(best->ask_quantity));
    qm_paper_stream_tell(server, QM_PAPER_STREAM_BOOK_TICKER, symbol, 0, event);
    json_decref(event);
}

/* differences writes the levels of one side that have changed; one that is gone has a quantity of 0. sign: -1 for bids, which fall. */
static json_t *
differences(const QmPaperLevel *old, int old_count, const QmPaperLevel *now, int count, int sign)
{
    json_t *list = json_array();
    int i = 0;
    int j = 0;

    while (i < old_count || j < count)
    {
        bool gone = j == count || (i < old_count && sign * old[i].price < sign * now[j].price);
        bool fresh = !gone && (i == old_count || old[i].price != now[j].price);
        bool same = !gone && !fresh && old[i].quantity == now[j].quantity;

        if (!same)
            json_array_append_new(list,
                                  json_pack("[o, o]",
                                            qm_paper_json_decimal(gone ? old[i].price : now[j].price),
                                            qm_paper_json_decimal(gone ? 0 : now[j].quantity)));
        i += gone || !fresh;
        j += !gone;
    }
    return list;
}

/* tell_book tells what has changed in a book since the last time; false: nobody hears it. */
static bool
tell_book(QmPaperServer *server, int symbol)
{
    QmPaperBook *book = &server->books[symbol];
    QmPaperBook now = {0};
    json_t *event;

    if (!qm_paper_stream_wanted(server, QM_PAPER_STREAM_DEPTH, symbol, 0))
    {
        forget_book(book);
        return false;
    }
    if (book->bids != NULL && book->update_id == qm_paper_world_best(server->world, symbol).update_id)
        return true;
    now.bids = calloc(BOOK_LEVELS, sizeof(*now.bids));
    now.asks = calloc(BOOK_LEVELS, sizeof(*now.asks));
    if (now.bids == NULL || now.asks == NULL)
    {
        forget_book(&now);
        return true;
    }
    now.update_id =
        qm_paper_world_depth(server->world, symbol, BOOK_LEVELS, now.bids, &now.bid_count, now.asks, &now.ask_count);
    if (book->bids != NULL)
    {
        event = json_pack("{s:s, s:I, s:s, s:I, s:I, s:o, s:o}",
                          "e",
                          "depthUpdate",
                          "E",
                          (json_int_t) qm_paper_world_now_ms(server->world),
                          "s",
                          qm_paper_symbol(server->world, symbol).name,
                          "U",
                          (json_int_t) (book->update_id + 1),
                          "u",
                          (json_int_t) now.update_id,
                          "b",
                          differences(book->bids, book->bid_count, now.bids, now.bid_count, -1),
                          "a",
                          differences(book->asks, book->ask_count, now.asks, now.ask_count, 1));
        qm_paper_stream_tell(server, QM_PAPER_STREAM_DEPTH, symbol, 0, event);
        json_decref(event);
    }
    forget_book(book);
    *book = now;
    return true;
}

/* tell_top tells the best levels of a book. */
static void
tell_top(QmPaperServer *server, int symbol, int levels)
{
    QmPaperLevel bids[20];
    QmPaperLevel asks[20];
    int bid_count = 0;
    int ask_count = 0;
    int64_t update_id = qm_paper_world_depth(server->world, symbol, levels, bids, &bid_count, asks, &ask_count);
    json_t *event = json_pack("{s:I, s:o, s:o}",
                              "lastUpdateId",
                              (json_int_t) update_id,
                              "bids",
                              qm_paper_json_levels(bids, bid_count),
                              "asks",
                              qm_paper_json_levels(asks, ask_count));

    qm_paper_stream_tell(server, QM_PAPER_STREAM_DEPTH_TOP, symbol, levels, event);
    json_decref(event);
}

/* tick_books tells of books, and goes on as long as somebody hears of one. */
static void
tick_books(void *context)
{
    static const int tops[] = {5, 10, 20};
    QmPaperServer *server = context;
    bool heard = false;

    for (int symbol = 0; symbol < qm_paper_symbol_count(server->world); symbol++)
    {
        heard = tell_book(server, symbol) || heard;
        for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
        {
            if (!qm_paper_stream_wanted(server, QM_PAPER_STREAM_DEPTH_TOP, symbol, tops[i]))
                continue;
            tell_top(server, symbol, tops[i]);
            heard = true;
        }
    }
    if (heard)
        qm_paper_timer_set(&server->loop, &server->book_timer, BOOK_MS);
}

/* ticker writes the last day of a symbol as streams have it. */
static json_t *
ticker(const QmPaperServer *server, int symbol, bool mini)
{
    QmPaperDay day = qm_paper_day(server->world, symbol);
    json_t *event = json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
                              "e",
                              mini ? "24hrMiniTicker" : "24hrTicker",
                              "E",
                              (json_int_t) day.to_ms,
                              "s",
                              qm_paper_symbol(server->world, symbol).name,
                              "c",
                              qm_paper_json_decimal(day.last),
                              "o",
                              qm_paper_json_decimal(day.open),
                              "h",
                              qm_paper_json_decimal(day.high),
                              "l",
                              qm_paper_json_decimal(day.low),
                              "v",
                              qm_paper_json_decimal(day.volume),
                              "q",
                              qm_paper_json_decimal(day.quote));
    QmPaperBest best;

    if (mini)
        return event;
    best = qm_paper_world_best(server->world, symbol);
    json_object_set_new(event, "p", qm_paper_json_decimal(day.last - day.open));
    json_object_set_new(event, "P", qm_paper_json_decimal(qm_paper_quotient(100 * (day.last - day.open), day.open)));
    json_object_set_new(event, "w", qm_paper_json_decimal(qm_paper_quotient(day.quote, day.volume)));
    json_object_set_new(event, "x", qm_paper_json_decimal(day.open));
    json_object_set_new(event, "Q", qm_paper_json_decimal(0));
    json_object_set_new(event, "b", qm_paper_json_decimal(best.bid));
    json_object_set_new(event, "B", qm_paper_json_decimal(best.bid_quantity));
    json_object_set_new(event, "a", qm_paper_json_decimal(best.ask));
    json_object_set_new(event, "A", qm_paper_json_decimal(best.ask_quantity));
    json_object_set_new(event, "O", json_integer(day.from_ms));
    json_object_set_new(event, "C", json_integer(day.to_ms));
    json_object_set_new(event, "F", json_integer(day.trade_first));
    json_object_set_new(event, "L", json_integer(day.trade_last));
    json_object_set_new(event, "n", json_integer(day.trade_count));
    return event;
}

/* tell_ticker tells a ticker if somebody hears it. */
static void
tell_ticker(QmPaperServer *server, QmPaperStream stream, int symbol)
{
    json_t *event;

    if (!qm_paper_stream_wanted(server, stream, symbol, 0))
        return;
    event = ticker(server, symbol, stream == QM_PAPER_STREAM_MINI_TICKER);
    qm_paper_stream_tell(server, stream, symbol, 0, event);
    json_decref(event);
}

/* tick_tickers tells of the last day, and has books told of again if somebody hears of one by now. */
static void
tick_tickers(void *context)
{
    QmPaperServer *server = context;

    for (int symbol = 0; symbol < qm_paper_symbol_count(server->world); symbol++)
    {
        tell_ticker(server, QM_PAPER_STREAM_MINI_TICKER, symbol);
        tell_ticker(server, QM_PAPER_STREAM_TICKER, symbol);
    }
    if (qm_paper_stream_wanted(server, QM_PAPER_STREAM_MINI_TICKERS, -1, 0))
    {
        json_t *list = json_array();

        for (int symbol = 0; symbol < qm_paper_symbol_count(server->world); symbol++)
            json_array_append_new(list, ticker(server, symbol, true));
        qm_paper_stream_tell(server, QM_PAPER_STREAM_MINI_TICKERS, -1, 0, list);
        json_decref(list);
    }
    if (!server->book_timer.set)
        tick_books(server);
    qm_paper_timer_set(&server->loop, &server->ticker_timer, TICKER_MS);
}
