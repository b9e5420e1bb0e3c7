/*
 * Matching of the paper exchange: best price first, at one price orders before the rest of the market, and of orders the
 * oldest; at the price of the order that was there.
 */
#include "paper.h"

#include <stdlib.h>

static bool price_crosses(QmPaperSide side, QmPaperDecimal limit, QmPaperDecimal price);
static bool meets_outside(const QmPaperMarket *market, QmPaperSide side, QmPaperDecimal limit,
                          const QmPaperOrder *maker);
static bool stp_ends(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, int64_t now_ms);
static void trade(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, int64_t now_ms);
static void trade_outside(QmPaperMarket *market, QmPaperOrder *order, QmPaperFill fill, int64_t now_ms);
static void settle(QmPaperMarket *market, QmPaperOrder *order, QmPaperFill fill, int64_t now_ms);
static void tell_trade(QmPaperMarket *market, const QmPaperFill *fill, bool is_buyer_maker);
static void finish(QmPaperMarket *market, QmPaperOrder *order);

/* qm_paper_crosses says whether the order would trade at once. */
bool
qm_paper_crosses(const QmPaperMarket *market, const QmPaperRequest *request)
{
    const QmPaperOrder *best = market->book[!request->side];

    return (best != NULL && price_crosses(request->side, request->price, best->price)) ||
           meets_outside(market, request->side, request->price, NULL);
}

/*
 * qm_paper_taking says what a request would get: of its quantity, or for its
 * amount. The account's own orders are none that it could have, unless it may
 * trade with itself.
 */
QmPaperTaking
qm_paper_taking(const QmPaperMarket *market, const QmPaperRequest *request)
{
    QmPaperTaking taking = {0};
    QmPaperDecimal limit = request->type == QM_PAPER_MARKET ? 0 : request->price;
    const QmPaperOrder *maker = market->book[!request->side];

    for (;;)
    {
        bool is_outside = meets_outside(market, request->side, limit, maker);
        QmPaperDecimal price, part, quote, wanted = request->quantity - taking.quantity;

        if (!is_outside && (maker == NULL || !price_crosses(request->side, limit, maker->price)))
            return taking;
        if (!is_outside && request->stp != QM_PAPER_STP_NONE && maker->account == request->account)
        {
            if (request->stp != QM_PAPER_EXPIRE_MAKER)
                return taking;
            maker = maker->next;
            continue;
        }
        price = is_outside ? (request->side == QM_PAPER_BUY ? market->ask : market->bid) : maker->price;
        if (taking.price == 0)
            taking.price = price;
        if (request->amount != 0)
            wanted = qm_paper_affordable(request->amount - taking.quote, price, market->rules.step);
        part = is_outside || wanted < maker->quantity - maker->filled ? wanted : maker->quantity - maker->filled;
        if (part <= 0 || !qm_paper_product(price, part, &quote) || __builtin_add_overflow(taking.quote, quote, &quote))
            return taking;
        taking.quantity += part;
        taking.quote = quote;
        if (part == wanted)
            return taking;
        maker = maker->next;
    }
}

/* qm_paper_match trades until the order is filled, has met itself, or nothing crosses it any more. */
void
qm_paper_match(QmPaperMarket *market, QmPaperOrder *taker, int64_t now_ms)
{
    while (qm_paper_is_open(taker))
    {
        QmPaperOrder *maker = market->book[!taker->side];

        if (meets_outside(market, taker->side, taker->price, maker))
        {
            QmPaperFill fill = {.price = taker->side == QM_PAPER_BUY ? market->ask : market->bid,
                                .quantity = taker->quantity - taker->filled};

            trade_outside(market, taker, fill, now_ms);
            return;
        }
        if (maker == NULL || !price_crosses(taker->side, taker->price, maker->price))
            return;
        if (!stp_ends(market, taker, maker, now_ms))
            trade(market, taker, maker, now_ms);
    }
}

/*
 * qm_paper_step lets the rest of the market trade at a price: resting orders
 * that it reaches are filled at their own price, best first, and what they leave of the volume is traded at the price.
 * The volume bounds what is filled only if is_bounded.
 */
void
qm_paper_step(QmPaperMarket *market, QmPaperDecimal price, QmPaperDecimal volume, bool is_bounded, int64_t now_ms)
{
    bool is_buyer_maker = price < market->price;
    QmPaperFill rest = {.price = price};

    for (int side = 0; side < 2; side++)
        for (QmPaperOrder *order = market->book[side];
             order != NULL && price_crosses(!side, price, order->price) && (!is_bounded || volume > 0);
             order = market->book[side])
        {
            QmPaperDecimal left = order->quantity - order->filled;
            QmPaperFill fill = {.price = order->price,
                                .quantity = is_bounded && volume < left ? volume : left,
                                .is_maker = true};

            volume = volume > fill.quantity ? volume - fill.quantity : 0;
            trade_outside(market, order, fill, now_ms);
        }
    market->price = price;
    if (volume == 0)
        return;
    rest.trade_id = ++market->trade_count;
    rest.quantity = volume;
    tell_trade(market, &rest, is_buyer_maker);
}

/* price_crosses says whether an order that takes, with this limit, would pay this price; without a limit it pays any. */
static bool
price_crosses(QmPaperSide side, QmPaperDecimal limit, QmPaperDecimal price)
{
    return limit == 0 || (side == QM_PAPER_BUY ? price <= limit : price >= limit);
}

/* meets_outside says whether an order that takes meets the rest of the market before this maker, which may be NULL. */
static bool
meets_outside(const QmPaperMarket *market, QmPaperSide side, QmPaperDecimal limit, const QmPaperOrder *maker)
{
    QmPaperDecimal price = side == QM_PAPER_BUY ? market->ask : market->bid;

    if (price == 0 || !price_crosses(side, limit, price))
        return false;
    return maker == NULL || (side == QM_PAPER_BUY ? price < maker->price : price > maker->price);
}

/* stp_ends keeps an account from trading with itself, as the taker's mode says. False: the two may trade. */
static bool
stp_ends(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, int64_t now_ms)
{
    if (taker->account != maker->account || taker->stp == QM_PAPER_STP_NONE)
        return false;
    if (taker->stp != QM_PAPER_EXPIRE_TAKER)
        qm_paper_end(market, maker, QM_PAPER_EXPIRED_IN_MATCH, now_ms);
    if (taker->stp != QM_PAPER_EXPIRE_MAKER)
        qm_paper_end(market, taker, QM_PAPER_EXPIRED_IN_MATCH, now_ms);
    return true;
}

/* trade exchanges what both have left; the maker is told first, as it was there first. */
static void
trade(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, int64_t now_ms)
{
    QmPaperDecimal wanted = taker->quantity - taker->filled;
    QmPaperDecimal offered = maker->quantity - maker->filled;
    QmPaperFill fill = {.trade_id = ++market->trade_count,
                        .price = maker->price,
                        .quantity = wanted < offered ? wanted : offered,
                        .is_maker = true};

    /* It is at most what the buyer has locked. */
    if (!qm_paper_product(fill.price, fill.quantity, &fill.quote))
        abort();
    settle(market, maker, fill, now_ms);
    fill.is_maker = false;
    settle(market, taker, fill, now_ms);
    tell_trade(market, &fill, taker->side == QM_PAPER_SELL);
}

/* trade_outside trades an order with the rest of the market, at the price and of the quantity that the fill has. */
static void
trade_outside(QmPaperMarket *market, QmPaperOrder *order, QmPaperFill fill, int64_t now_ms)
{
    int sign = order->side == QM_PAPER_BUY ? 1 : -1;

    fill.trade_id = ++market->trade_count;
    if (!qm_paper_product(fill.price, fill.quantity, &fill.quote))
        abort(); /* a maker's was multiplied at placement, and so was what a taker would get */
    market->funds->outside[market->base] -= sign * fill.quantity;
    market->funds->outside[market->quote] += sign * fill.quote;
    settle(market, order, fill, now_ms);
    tell_trade(market, &fill, (order->side == QM_PAPER_BUY) == fill.is_maker);
}

/* settle books one side of a trade: what is paid comes out of what the order has locked, the rest is free again. */
static void
settle(QmPaperMarket *market, QmPaperOrder *order, QmPaperFill fill, int64_t now_ms)
{
    bool is_buy = order->side == QM_PAPER_BUY;
    QmPaperBalance *balances = market->funds->balances[order->account];
    QmPaperBalance *paid = &balances[is_buy ? market->quote : market->base];
    QmPaperBalance *received = &balances[is_buy ? market->base : market->quote];
    QmPaperDecimal gained = is_buy ? fill.quantity : fill.quote;
    QmPaperDecimal released = is_buy ? fill.quote : fill.quantity;

    if (is_buy && order->price != 0 && !qm_paper_product(order->price, fill.quantity, &released))
        abort(); /* a part of what was multiplied at placement */
    order->filled += fill.quantity;
    order->quote += fill.quote;
    order->updated_ms = now_ms;
    order->status = order->filled == order->quantity ? QM_PAPER_FILLED : QM_PAPER_PARTIALLY_FILLED;
    if (order->status == QM_PAPER_FILLED)
    {
        released = order->locked; /* with what rounding has left */
        finish(market, order);
    }
    order->locked -= released;
    paid->locked -= released;
    paid->free += released - (is_buy ? fill.quote : fill.quantity);
    if (!qm_paper_product(gained, fill.is_maker ? market->rules.fee_maker : market->rules.fee_taker, &fill.commission))
        abort(); /* rates are below one */
    received->free += gained - fill.commission;
    market->funds->fees[is_buy ? market->base : market->quote] += fill.commission;
    market->listener(market->context, order, &fill);
}

/* tell_trade tells everybody of a trade. */
static void
tell_trade(QmPaperMarket *market, const QmPaperFill *fill, bool is_buyer_maker)
{
    market->price = fill->price;
    if (market->trade_listener != NULL)
        market->trade_listener(market->context, fill->trade_id, fill->price, fill->quantity, is_buyer_maker);
}

/* qm_paper_end ends an order before it is filled, and frees what it has locked. */
void
qm_paper_end(QmPaperMarket *market, QmPaperOrder *order, QmPaperStatus status, int64_t now_ms)
{
    QmPaperBalance *balances = market->funds->balances[order->account];
    QmPaperBalance *paid = &balances[order->side == QM_PAPER_BUY ? market->quote : market->base];

    paid->locked -= order->locked;
    paid->free += order->locked;
    order->locked = 0;
    order->status = status;
    order->updated_ms = now_ms;
    finish(market, order);
    market->listener(market->context, order, NULL);
}

/* finish takes the order off the book, where a taker never was, and puts it behind those that have ended. */
static void
finish(QmPaperMarket *market, QmPaperOrder *order)
{
    if (order->is_on_book)
    {
        *(order->prev == NULL ? &market->book[order->side] : &order->prev->next) = order->next;
        if (order->next != NULL)
            order->next->prev = order->prev;
        market->open_count[order->account]--;
    }
    order->is_on_book = false;
    order->next = order->prev = NULL;
    *(market->ended_last == NULL ? &market->ended_first : &market->ended_last->next) = order;
    market->ended_last = order;
    market->ended_count++;
}
