/*
 * Answers of the paper exchange's world: orders, trades, candles, the book. Nothing changes here.
 */
#include <stdlib.h>
#include <string.h>

#include "paper_inside.h"

#define OUTSIDE_LEVELS 20 /* that the rest of the market shows on each side */

static int by_id(const void *left, const void *right);
static void reverse(const QmPaperOrder **orders, int count);
static int64_t own_from(const QmPaperBoard *board, int64_t from_id);
static QmPaperDecimal outside_quantity(const QmPaperBoard *board);
static int levels(const QmPaperBoard *board, QmPaperSide side, int max, QmPaperLevel *rows);

/* qm_paper_world_by_id finds an order by its number. */
QmPaperRefusal
qm_paper_world_by_id(const QmPaperWorld *world, int account, int symbol, int64_t id, const QmPaperOrder **order)
{
    return qm_paper_by_id(&world->boards[symbol].market, account, id, order);
}

/* qm_paper_world_by_client_id finds the newest order that had the id. */
QmPaperRefusal
qm_paper_world_by_client_id(const QmPaperWorld *world, int account, int symbol, const char *client_id,
                            const QmPaperOrder **order)
{
    return qm_paper_by_client_id(&world->boards[symbol].market, account, client_id, order);
}

/* qm_paper_world_open_orders lists what is on the books, symbol by symbol. */
int
qm_paper_world_open_orders(const QmPaperWorld *world, int account, int symbol, const QmPaperOrder **orders, int max)
{
    int count = 0;

    for (int i = 0; i < world->board_count; i++)
    {
        int first = count;

        if (symbol >= 0 && i != symbol)
            continue;
        for (int side = 0; side < 2; side++)
            for (const QmPaperOrder *order = world->boards[i].market.book[side]; order != NULL; order = order->next)
                if (order->account == account && count < max)
                    orders[count++] = order;
        qsort(orders + first, (size_t) (count - first), sizeof(*orders), by_id);
    }
    return count;
}

/* by_id sorts orders by their number. */
static int
by_id(const void *left, const void *right)
{
    const QmPaperOrder *const *a = left, *const *b = right;

    return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

/* qm_paper_world_all_orders lists orders that are still in memory, from a number on, or the newest. */
int
qm_paper_world_all_orders(const QmPaperWorld *world, int account, int symbol, int64_t from_id,
                          const QmPaperOrder **orders, int max)
{
    const QmPaperMarket *market = &world->boards[symbol].market;
    int count = 0;

    if (from_id > 0)
    {
        for (int i = qm_paper_entry_from(market, from_id); i < market->entry_count && count < max; i++)
            if (market->entries[i].order != NULL && market->entries[i].order->account == account)
                orders[count++] = market->entries[i].order;
        return count;
    }
    for (int i = market->entry_count - 1; i >= 0 && count < max; i--)
        if (market->entries[i].order != NULL && market->entries[i].order->account == account)
            orders[count++] = market->entries[i].order;
    reverse(orders, count);
    return count;
}

/* reverse turns a list round. */
static void
reverse(const QmPaperOrder **orders, int count)
{
    for (int i = 0; i < count / 2; i++)
    {
        const QmPaperOrder *order = orders[i];

        orders[i] = orders[count - 1 - i];
        orders[count - 1 - i] = order;
    }
}

/* qm_paper_world_own_trades lists an account's trades, from a number on, or the newest. */
int
qm_paper_world_own_trades(const QmPaperWorld *world, int account, int symbol, int64_t from_id, QmPaperOwnTrade *trades,
                          int max)
{
    const QmPaperBoard *board = &world->boards[symbol];
    int64_t first = own_from(board, from_id);
    int count = 0;

    if (from_id <= 0)
    {
        int64_t oldest = first;

        for (first = board->own_count; first > oldest && count < max; first--)
            count += board->own[(first - 1) % board->market.keep].account == account;
        count = 0;
    }
    for (int64_t i = first; i < board->own_count && count < max; i++)
        if (board->own[i % board->market.keep].account == account)
            trades[count++] = board->own[i % board->market.keep];
    return count;
}

/* own_from finds the first own trade in memory whose id is not less. */
static int64_t
own_from(const QmPaperBoard *board, int64_t from_id)
{
    int keep = board->market.keep;
    int64_t low = board->own_count > keep ? board->own_count - keep : 0;
    int64_t high = board->own_count;

    while (low < high)
    {
        int64_t middle = low + (high - low) / 2;

        if (board->own[middle % keep].trade.id < from_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* qm_paper_world_balance returns what an account has of an asset. */
const QmPaperBalance *
qm_paper_world_balance(const QmPaperWorld *world, int account, int asset)
{
    return &world->funds.balances[account][asset];
}

/* qm_paper_world_totals returns what of an asset no account has. */
QmPaperTotals
qm_paper_world_totals(const QmPaperWorld *world, int asset)
{
    return (QmPaperTotals){world->funds.fees[asset], world->funds.outside[asset]};
}

/* qm_paper_world_depth lists both sides of the book, best first. */
int64_t
qm_paper_world_depth(const QmPaperWorld *world, int symbol, int max, QmPaperLevel *bids, int *bid_count,
                     QmPaperLevel *asks, int *ask_count)
{
    const QmPaperBoard *board = &world->boards[symbol];

    *bid_count = levels(board, QM_PAPER_BUY, max, bids);
    *ask_count = levels(board, QM_PAPER_SELL, max, asks);
    return board->update_id;
}

/* levels adds up what is offered at each price. */
static int
levels(const QmPaperBoard *board, QmPaperSide side, int max, QmPaperLevel *rows)
{
    const QmPaperOrder *order = board->market.book[side];
    QmPaperDecimal tick = board->market.rules.tick == 0 ? 1 : board->market.rules.tick;
    QmPaperDecimal outside = side == QM_PAPER_BUY ? board->market.bid : board->market.ask;
    int outside_left = outside == 0 ? 0 : OUTSIDE_LEVELS;
    int count = 0;

    while (count < max && (order != NULL || outside_left > 0))
    {
        bool has_outside =
            outside_left > 0 &&
            (order == NULL || (side == QM_PAPER_BUY ? outside >= order->price : outside <= order->price));
        QmPaperLevel *row = &rows[count++];

        *row = (QmPaperLevel){has_outside ? outside : order->price, 0};
        for (; order != NULL && order->price == row->price; order = order->next)
            row->quantity += order->quantity - order->filled;
        if (!has_outside)
            continue;
        row->quantity += outside_quantity(board);
        outside += side == QM_PAPER_BUY ? -tick : tick;
        outside_left = outside <= 0 ? 0 : outside_left - 1;
    }
    return count;
}

/* outside_quantity is what the rest of the market shows at each price: a step's share of the minute, or one. */
static QmPaperDecimal
outside_quantity(const QmPaperBoard *board)
{
    QmPaperDecimal share = board->has_row ? board->row.volume / board->steps : 0;

    if (board->market.rules.step != 0)
        share -= share % board->market.rules.step;
    return share > 0 ? share : QM_PAPER_ONE;
}

/* qm_paper_world_best returns the best of both sides. */
QmPaperBest
qm_paper_world_best(const QmPaperWorld *world, int symbol)
{
    const QmPaperBoard *board = &world->boards[symbol];
    QmPaperLevel bid = {0}, ask = {0};

    levels(board, QM_PAPER_BUY, 1, &bid);
    levels(board, QM_PAPER_SELL, 1, &ask);
    return (QmPaperBest){board->update_id, bid.price, bid.quantity, ask.price, ask.quantity};
}

/* qm_paper_world_price returns the price of the last trade. */
QmPaperDecimal
qm_paper_world_price(const QmPaperWorld *world, int symbol)
{
    return world->boards[symbol].market.price;
}

/* qm_paper_world_trades lists trades that are still in memory, from a number on, or the newest. */
int
qm_paper_world_trades(const QmPaperWorld *world, int symbol, int64_t from_id, QmPaperTrade *trades, int max)
{
    const QmPaperBoard *board = &world->boards[symbol];
    int64_t last = board->market.trade_count;
    int64_t oldest = last > QM_PAPER_TRADES_KEPT ? last - QM_PAPER_TRADES_KEPT + 1 : 1;
    int64_t first = from_id > 0 ? from_id : last - max + 1;
    int count = 0;

    for (int64_t id = first > oldest ? first : oldest; id <= last && count < max; id++)
        trades[count++] = board->trades[id % QM_PAPER_TRADES_KEPT];
    return count;
}

/* qm_paper_world_candles lists candles that open from one time to another, both included; the newest of them if from_ms is 0. */
int
qm_paper_world_candles(const QmPaperWorld *world, int symbol, QmPaperInterval interval, int64_t from_ms, int64_t to_ms,
                       QmPaperCandle *candles, int max)
{
    const QmPaperBoard *board = &world->boards[symbol];
    int64_t end = board->candle_count[interval];
    int64_t first = end > QM_PAPER_CANDLES_KEPT ? end - QM_PAPER_CANDLES_KEPT : 0;
    int count = 0;

    while (end > first && board->candles[interval][(end - 1) % QM_PAPER_CANDLES_KEPT].open_ms > to_ms)
        end--;
    if (from_ms == 0 && end - first > max)
        first = end - max;
    for (int64_t i = first; i < end && count < max; i++)
        if (board->candles[interval][i % QM_PAPER_CANDLES_KEPT].open_ms >= from_ms)
            candles[count++] = board->candles[interval][i % QM_PAPER_CANDLES_KEPT];
    return count;
}
