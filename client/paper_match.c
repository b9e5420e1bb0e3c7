/*
 * Matching of the paper exchange: best price first, then the oldest; at the price of the order that was there.
 */
#include "paper.h"

#include <stdlib.h>

static bool price_crosses(QmPaperSide side, QmPaperDecimal price, const QmPaperOrder *resting);
static bool stp_ends(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, QmPaperStp stp, int64_t now_ms);
static void trade(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, int64_t now_ms);
static void settle(QmPaperMarket *market, QmPaperOrder *order, QmPaperFill fill, int64_t now_ms);
static void book_remove(QmPaperMarket *market, const QmPaperOrder *order);

/* qm_paper_crosses says whether the order would trade at once. */
bool
qm_paper_crosses(const QmPaperMarket *market, const QmPaperRequest *request)
{
    const QmPaperOrder *best = market->book[!request->side];

    return best != NULL && price_crosses(request->side, request->price, best);
}

/* qm_paper_can_fill says whether the book has the whole quantity; the account's own orders are none that it could have. */
bool
qm_paper_can_fill(const QmPaperMarket *market, const QmPaperRequest *request)
{
    QmPaperDecimal left = request->quantity;

    for (const QmPaperOrder *order = market->book[!request->side];
         order != NULL && left > 0 && price_crosses(request->side, request->price, order);
         order = order->next)
    {
        if (request->stp == QM_PAPER_STP_NONE || order->account != request->account)
            left -= order->quantity - order->filled;
        else if (request->stp != QM_PAPER_EXPIRE_MAKER)
            return false;
    }
    return left <= 0;
}

/* qm_paper_match trades until the order is filled, has met itself, or nothing crosses it any more. */
void
qm_paper_match(QmPaperMarket *market, QmPaperOrder *taker, QmPaperStp stp, int64_t now_ms)
{
    while (qm_paper_is_open(taker))
    {
        QmPaperOrder *maker = market->book[!taker->side];

        if (maker == NULL || !price_crosses(taker->side, taker->price, maker))
            return;
        if (!stp_ends(market, taker, maker, stp, now_ms))
            trade(market, taker, maker, now_ms);
    }
}

/* price_crosses compares a price with the order that it would meet. */
static bool
price_crosses(QmPaperSide side, QmPaperDecimal price, const QmPaperOrder *resting)
{
    return side == QM_PAPER_BUY ? resting->price <= price : resting->price >= price;
}

/* stp_ends keeps an account from trading with itself, as the taker's mode says. False: the two may trade. */
static bool
stp_ends(QmPaperMarket *market, QmPaperOrder *taker, QmPaperOrder *maker, QmPaperStp stp, int64_t now_ms)
{
    if (taker->account != maker->account || stp == QM_PAPER_STP_NONE)
        return false;
    if (stp != QM_PAPER_EXPIRE_TAKER)
        qm_paper_end(market, maker, QM_PAPER_EXPIRED_IN_MATCH, now_ms);
    if (stp != QM_PAPER_EXPIRE_MAKER)
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
}

/* settle books one side of a trade: what is paid comes out of what the order has locked, the rest is free again. */
static void
settle(QmPaperMarket *market, QmPaperOrder *order, QmPaperFill fill, int64_t now_ms)
{
    bool is_buy = order->side == QM_PAPER_BUY;
    QmPaperAccount *account = &market->accounts[order->account];
    QmPaperBalance *paid = is_buy ? &account->quote : &account->base;
    QmPaperBalance *received = is_buy ? &account->base : &account->quote;
    QmPaperDecimal gained = is_buy ? fill.quantity : fill.quote;
    QmPaperDecimal released = fill.quantity;

    if (is_buy && !qm_paper_product(order->price, fill.quantity, &released))
        abort(); /* a part of what was multiplied at placement */
    order->filled += fill.quantity;
    order->quote += fill.quote;
    order->updated_ms = now_ms;
    order->status = order->filled == order->quantity ? QM_PAPER_FILLED : QM_PAPER_PARTIALLY_FILLED;
    if (order->status == QM_PAPER_FILLED)
    {
        released = order->locked; /* with what rounding has left */
        book_remove(market, order);
    }
    order->locked -= released;
    paid->locked -= released;
    paid->free += released - (is_buy ? fill.quote : fill.quantity);
    if (!qm_paper_product(gained, fill.is_maker ? market->rules.fee_maker : market->rules.fee_taker, &fill.commission))
        abort(); /* rates are below one */
    received->free += gained - fill.commission;
    *(is_buy ? &market->fees_base : &market->fees_quote) += fill.commission;
    market->listener(market->context, order, &fill);
}

/* qm_paper_end ends an order before it is filled, and frees what it has locked. */
void
qm_paper_end(QmPaperMarket *market, QmPaperOrder *order, QmPaperStatus status, int64_t now_ms)
{
    QmPaperAccount *account = &market->accounts[order->account];
    QmPaperBalance *paid = order->side == QM_PAPER_BUY ? &account->quote : &account->base;

    paid->locked -= order->locked;
    paid->free += order->locked;
    order->locked = 0;
    order->status = status;
    order->updated_ms = now_ms;
    book_remove(market, order);
    market->listener(market->context, order, NULL);
}

/* book_remove takes the order off the book, where a taker never was. */
static void
book_remove(QmPaperMarket *market, const QmPaperOrder *order)
{
    QmPaperOrder **place = &market->book[order->side];

    while (*place != NULL && *place != order)
        place = &(*place)->next;
    if (*place != NULL)
        *place = order->next;
}
