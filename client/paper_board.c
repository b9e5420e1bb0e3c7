/*
 * What one symbol of the paper exchange shows: its last trades, its candles, its best prices. Kept up to date and told
 * to the watcher here; paper_show.c answers questions.
 */
#include <stdlib.h>
#include <string.h>

#include "paper_inside.h"

static const struct
{
    const char *name;
    int64_t ms;
} intervals[QM_PAPER_INTERVALS] = {[QM_PAPER_1M] = {"1m", 60000},
                                   [QM_PAPER_3M] = {"3m", 180000},
                                   [QM_PAPER_5M] = {"5m", 300000},
                                   [QM_PAPER_15M] = {"15m", 900000},
                                   [QM_PAPER_1H] = {"1h", 3600000}};

static QmPaperCandle *candle_newest(QmPaperBoard *board, int interval);
static QmPaperCandle *candle_at(QmPaperBoard *board, int interval, int64_t time_ms, QmPaperDecimal price);
static void candle_close(QmPaperBoard *board, int interval);
static void candle_tell(QmPaperBoard *board, int interval);

/* qm_paper_interval_ms returns an interval's length. */
int64_t
qm_paper_interval_ms(QmPaperInterval interval)
{
    return intervals[interval].ms;
}

/* qm_paper_interval_name returns an interval's name at the exchange. */
const char *
qm_paper_interval_name(QmPaperInterval interval)
{
    return intervals[interval].name;
}

/* qm_paper_interval_by_name returns the interval, -1 if there is none of the name. */
int
qm_paper_interval_by_name(const char *name)
{
    for (int i = 0; i < QM_PAPER_INTERVALS; i++)
        if (strcmp(intervals[i].name, name) == 0)
            return i;
    return -1;
}

/* qm_paper_board_trade keeps a trade, puts it into the candles and tells of it. */
void
qm_paper_board_trade(QmPaperBoard *board, const QmPaperTrade *trade)
{
    const QmPaperWatcher *watcher = &board->world->watcher;
    QmPaperDecimal quote;

    if (!qm_paper_product(trade->price, trade->quantity, &quote))
        quote = 0; /* a step of more than 92 billion: nobody's money */
    board->trades[trade->id % QM_PAPER_TRADES_KEPT] = *trade;
    for (int i = 0; i < QM_PAPER_INTERVALS; i++)
    {
        QmPaperCandle *candle = candle_at(board, i, trade->time_ms, trade->price);

        if (trade->price > candle->high)
            candle->high = trade->price;
        if (trade->price < candle->low)
            candle->low = trade->price;
        candle->close = trade->price;
        candle->volume += trade->quantity;
        candle->quote += quote;
        candle->taker_base += trade->is_buyer_maker ? 0 : trade->quantity;
        candle->taker_quote += trade->is_buyer_maker ? 0 : quote;
        if (candle->trade_first < 0)
            candle->trade_first = trade->id;
        candle->trade_last = trade->id;
        candle->trade_count++;
        board->candle_changed[i] = true;
    }
    if (watcher->trade != NULL)
        watcher->trade(watcher->context, board->index, trade);
}

/* qm_paper_board_own keeps an account's share in a trade of this moment. False: no memory. */
bool
qm_paper_board_own(QmPaperBoard *board, const QmPaperOrder *order, const QmPaperFill *fill, int64_t wire_ms)
{
    int keep = board->market.keep;

    if (board->own_count == board->own_space && board->own_space < keep)
    {
        int space = board->own_space == 0 ? 64 : 2 * board->own_space;
        QmPaperOwnTrade *own;

        space = space > keep ? keep : space;
        own = realloc(board->own, (size_t) space * sizeof(*own));
        if (own == NULL)
            return false;
        board->own = own;
        board->own_space = space;
    }
    board->own[board->own_count++ % keep] =
        (QmPaperOwnTrade){.trade = {fill->trade_id,
                                    board->world->now_ms,
                                    fill->price,
                                    fill->quantity,
                                    (order->side == QM_PAPER_BUY) == fill->is_maker},
                          .wire_ms = wire_ms,
                          .order_id = order->id,
                          .account = order->account,
                          .is_buyer = order->side == QM_PAPER_BUY,
                          .is_maker = fill->is_maker,
                          .quote = fill->quote,
                          .commission = fill->commission};
    return true;
}

/* qm_paper_board_history puts a minute that lies before the start into the candles. */
void
qm_paper_board_history(QmPaperBoard *board, const QmPaperRow *row)
{
    QmPaperDecimal quote;

    if (!qm_paper_product(row->close, row->volume, &quote))
        quote = 0; /* as of a trade */
    qm_paper_board_close_candles(board, row->open_ms);
    for (int i = 0; i < QM_PAPER_INTERVALS; i++)
    {
        QmPaperCandle *candle = candle_at(board, i, row->open_ms, row->open);

        if (row->high > candle->high)
            candle->high = row->high;
        if (row->low < candle->low)
            candle->low = row->low;
        candle->close = row->close;
        candle->volume += row->volume;
        candle->quote += quote;
        candle->taker_base += row->volume / 2;
        candle->taker_quote += quote / 2;
    }
    board->market.price = row->close;
    board->last = row->close;
}

/* candle_newest returns the last candle, NULL before the first. */
static QmPaperCandle *
candle_newest(QmPaperBoard *board, int interval)
{
    int64_t count = board->candle_count[interval];

    return count == 0 ? NULL : &board->candles[interval][(count - 1) % QM_PAPER_CANDLES_KEPT];
}

/* candle_at returns the candle of a time that is not before the newest; a new one begins at the price. */
static QmPaperCandle *
candle_at(QmPaperBoard *board, int interval, int64_t time_ms, QmPaperDecimal price)
{
    int64_t open_ms = time_ms - time_ms % intervals[interval].ms;
    QmPaperCandle *candle = candle_newest(board, interval);

    if (candle != NULL && candle->open_ms == open_ms)
        return candle;
    candle_close(board, interval);
    candle = &board->candles[interval][board->candle_count[interval]++ % QM_PAPER_CANDLES_KEPT];
    *candle = (QmPaperCandle){.open_ms = open_ms,
                              .open = price,
                              .high = price,
                              .low = price,
                              .close = price,
                              .trade_first = -1,
                              .trade_last = -1};
    return candle;
}

/* qm_paper_board_close_candles closes what has ended by now. */
void
qm_paper_board_close_candles(QmPaperBoard *board, int64_t now_ms)
{
    for (int i = 0; i < QM_PAPER_INTERVALS; i++)
    {
        const QmPaperCandle *candle = candle_newest(board, i);

        if (candle != NULL && candle->open_ms + intervals[i].ms <= now_ms)
            candle_close(board, i);
    }
}

/* candle_close closes the newest candle, once. */
static void
candle_close(QmPaperBoard *board, int interval)
{
    QmPaperCandle *candle = candle_newest(board, interval);

    if (candle == NULL || candle->is_closed)
        return;
    candle->is_closed = true;
    candle_tell(board, interval);
}

/* candle_tell tells of the newest candle. */
static void
candle_tell(QmPaperBoard *board, int interval)
{
    const QmPaperWatcher *watcher = &board->world->watcher;

    board->candle_changed[interval] = false;
    if (watcher->candle != NULL)
        watcher->candle(watcher->context, board->index, (QmPaperInterval) interval, candle_newest(board, interval));
}

/*
 * qm_paper_board_quote sets what the rest of the market asks and bids around a
 * price. It stays out of the way of orders that a bounded step has left where it would be.
 */
void
qm_paper_board_quote(QmPaperBoard *board, QmPaperDecimal price)
{
    QmPaperMarket *market = &board->market;
    QmPaperDecimal tick = market->rules.tick == 0 ? 1 : market->rules.tick;
    const QmPaperOrder *buy = market->book[QM_PAPER_BUY];
    const QmPaperOrder *sell = market->book[QM_PAPER_SELL];
    QmPaperDecimal bid = price - board->spread / 2;
    QmPaperDecimal ask = price + board->spread / 2 + tick - 1;

    ask -= ask % tick;
    if (buy != NULL && buy->price >= ask)
        ask = buy->price + tick;
    if (sell != NULL && sell->price <= bid)
        bid = sell->price - tick;
    market->bid = bid < tick ? 0 : bid - bid % tick;
    market->ask = ask;
    board->last = price;
    board->update_id++;
}

/* qm_paper_board_tell tells what has changed since it was last told, at the end of whatever has changed it. */
void
qm_paper_board_tell(QmPaperBoard *board)
{
    const QmPaperWatcher *watcher = &board->world->watcher;
    QmPaperBest best = qm_paper_world_best(board->world, board->index);

    for (int i = 0; i < QM_PAPER_INTERVALS; i++)
        if (board->candle_changed[i])
            candle_tell(board, i);
    if (best.bid == board->best.bid && best.bid_quantity == board->best.bid_quantity && best.ask == board->best.ask &&
        best.ask_quantity == board->best.ask_quantity)
        return;
    board->best = best;
    if (watcher->best != NULL)
        watcher->best(watcher->context, board->index, &best);
}
