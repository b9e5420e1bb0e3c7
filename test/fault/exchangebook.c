/*
 * The exchange that is not there: the truth, and how it looked some time ago.
 *
 * An order's life is drawn from the seed and its own number, so that it does
 * not depend on what else goes on. Whom it trades with is nobody's business.
 */
#include "exchangeinside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERLAP 5 /* trades before the one that a snapshot was asked to go on behind */
#define FIRST_EXCHANGE_ID 700000

/* qf_random_next returns 64 random bits (splitmix64). */
uint64_t
qf_random_next(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

/* qf_random_below returns a number from 0 to below the limit. */
int64_t
qf_random_below(uint64_t *state, int64_t limit)
{
    return (int64_t) (qf_random_next(state) % (uint64_t) limit);
}

/* qf_random_chance says whether something happens this time. */
bool
qf_random_chance(uint64_t *state, int thousandths)
{
    return thousandths > 0 && qf_random_below(state, 1000) < thousandths;
}

/* qf_grow makes room for one more; without memory there is no test. */
void *
qf_grow(void *things, size_t used, size_t *room, size_t size)
{
    if (used < *room)
        return things;
    *room = *room == 0 ? 64 : *room * 2;
    things = realloc(things, *room * size);
    if (things == NULL)
        abort();
    return things;
}

/* qf_book_accept takes an order and returns its number. */
int
qf_book_accept(Book *book, int64_t now_us, const ExchangeOrder *order, int level)
{
    int number = (int) book->norders;
    BookOrder *held;

    book->orders = qf_grow(book->orders, book->norders, &book->orders_room, sizeof(*book->orders));
    book->active = qf_grow(book->active, book->nactive, &book->active_room, sizeof(*book->active));
    held = &book->orders[book->norders++];
    *held = (BookOrder){.shown = *order,
                        .random = book->seed ^ ((uint64_t) number + 1) * UINT64_C(0xd1342543de82ef95),
                        .accepted_us = now_us,
                        .ended_us = INT64_MAX,
                        .level = level,
                        .first_trade = -1,
                        .last_trade = -1};
    held->shown.state = QM_ORDER_OPEN;
    held->shown.filled = 0;
    snprintf(held->shown.exchange_order_id, QF_ID_SIZE, "%d", FIRST_EXCHANGE_ID + number);
    book->active[book->nactive++] = number;
    if (level >= 0 && ++book->live[order->buy][level] > 1)
        book->doubles++;
    return number;
}

/* qf_book_find returns the number of an order by the exchange's id, or -1. */
int
qf_book_find(const Book *book, const char *exchange_order_id)
{
    long number = strtol(exchange_order_id, NULL, 10) - FIRST_EXCHANGE_ID;

    return number >= 0 && number < (long) book->norders ? (int) number : -1;
}

/* qf_book_is_live says whether an order can still trade. */
bool
qf_book_is_live(const Book *book, int order)
{
    return book->orders[order].ended_us == INT64_MAX;
}

/* qf_book_trade fills some of an order, and ends it when that was the last; returns the trade's number. */
int
qf_book_trade(Book *book, int64_t now_us, int order, int64_t quantity)
{
    BookOrder *held = &book->orders[order];
    int number = (int) book->ntrades;
    BookTrade *trade;

    book->trades = qf_grow(book->trades, book->ntrades, &book->trades_room, sizeof(*book->trades));
    trade = &book->trades[book->ntrades++];
    *trade = (BookTrade){.shown = {.number = number + 1,
                                   .buy = held->shown.buy,
                                   .price = held->shown.price,
                                   .quantity = quantity,
                                   .at_us = now_us},
                         .order = order,
                         .next = -1};
    snprintf(trade->shown.trade_id, QF_ID_SIZE, "%d", number + 1);
    memcpy(trade->shown.exchange_order_id, held->shown.exchange_order_id, QF_ID_SIZE);
    if (held->last_trade < 0)
        held->first_trade = number;
    else
        book->trades[held->last_trade].next = number;
    held->last_trade = number;
    held->shown.filled += quantity;
    book->base += held->shown.buy ? quantity : -quantity;
    book->quote += (held->shown.buy ? -quantity : quantity) * held->shown.price;
    if (qf_book_is_live(book, order))
        held->shown.state = QM_ORDER_PARTIALLY_FILLED;
    if (held->shown.filled == held->shown.quantity)
        qf_book_end(book, now_us, order, QM_ORDER_FILLED);
    return number;
}

/* qf_book_cross lets two orders of the account trade with each other; false: they cannot. */
bool
qf_book_cross(Book *book, int64_t now_us, int order, int other, int trades[2])
{
    const ExchangeOrder *a = &book->orders[order].shown, *b = &book->orders[other].shown;
    int64_t quantity = a->quantity - a->filled;

    if (a->buy == b->buy || !qf_book_is_live(book, order) || !qf_book_is_live(book, other))
        return false;
    if (quantity > b->quantity - b->filled)
        quantity = b->quantity - b->filled;
    trades[0] = qf_book_trade(book, now_us, order, quantity);
    trades[1] = qf_book_trade(book, now_us, other, quantity);
    memcpy(book->trades[trades[1]].shown.trade_id, book->trades[trades[0]].shown.trade_id, QF_ID_SIZE);
    return true;
}

/* qf_book_end ends an order. */
void
qf_book_end(Book *book, int64_t now_us, int order, QmOrderState state)
{
    BookOrder *held = &book->orders[order];

    held->shown.state = state;
    held->ended_us = now_us;
    if (held->level >= 0)
        book->live[held->shown.buy][held->level]--;
}

/* qf_book_step lets something happen to a live order, or nothing; where somebody amends it, that is not told. */
BookStep
qf_book_step(Book *book, int64_t now_us, int order, bool amend)
{
    BookOrder *held = &book->orders[order];
    int64_t open = held->shown.quantity - held->shown.filled;
    int64_t fate = qf_random_below(&held->random, 100);

    if (amend && open > 1)
        held->shown.quantity -= qf_random_below(&held->random, open - 1) + 1;
    else if (fate < 45)
    {
        qf_book_trade(book, now_us, order, qf_random_below(&held->random, open) + 1);
        return BOOK_STEP_TRADE;
    }
    else if (fate < 60)
    {
        qf_book_trade(book, now_us, order, open);
        return BOOK_STEP_TRADE;
    }
    else if (fate < 68)
    {
        qf_book_end(book, now_us, order, fate < 64 ? QM_ORDER_EXPIRED : QM_ORDER_CANCELED);
        return BOOK_STEP_END;
    }
    return BOOK_STEP_NOTHING;
}

/* qf_book_show shows an order as it was then; false when it was not there yet. */
bool
qf_book_show(const Book *book, int order, int64_t as_of_us, ExchangeOrder *shown)
{
    const BookOrder *held = &book->orders[order];

    if (held->accepted_us > as_of_us)
        return false;
    *shown = held->shown;
    for (int i = held->first_trade; i >= 0; i = book->trades[i].next)
        if (book->trades[i].shown.at_us > as_of_us)
            shown->filled -= book->trades[i].shown.quantity;
    if (held->ended_us > as_of_us)
        shown->state = shown->filled > 0 ? QM_ORDER_PARTIALLY_FILLED : QM_ORDER_OPEN;
    return true;
}

/* qf_book_show_trades lists an order's trades as they were known then; the list is the caller's to free. */
size_t
qf_book_show_trades(const Book *book, int order, int64_t as_of_us, ExchangeTrade **trades)
{
    size_t n = 0, room = 0;

    *trades = NULL;
    for (int i = book->orders[order].first_trade; i >= 0; i = book->trades[i].next)
        if (book->trades[i].shown.at_us <= as_of_us)
        {
            *trades = qf_grow(*trades, n, &room, sizeof(**trades));
            (*trades)[n++] = book->trades[i].shown;
        }
    return n;
}

/* qf_book_show_market lists open orders, trades and balances as they were then; the lists are the caller's to free. */
void
qf_book_show_market(Book *book, int64_t now_us, int64_t orders_us, int64_t trades_us, int64_t after_number,
                    ExchangeSnapshot *snapshot)
{
    size_t kept = 0, orders_room = 0, trades_room = 0;

    *snapshot = (ExchangeSnapshot){.complete = true, .balances_seen = true, .base = book->base, .quote = book->quote};
    for (size_t i = 0; i < book->nactive; i++)
    {
        int order = book->active[i];
        ExchangeOrder shown;

        if (book->orders[order].ended_us > orders_us && qf_book_show(book, order, orders_us, &shown))
        {
            snapshot->orders = qf_grow(snapshot->orders, snapshot->norders, &orders_room, sizeof(*snapshot->orders));
            snapshot->orders[snapshot->norders++] = shown;
        }
        if (book->orders[order].ended_us > now_us - QF_STALE_US_MAX)
            book->active[kept++] = order;
    }
    book->nactive = kept;
    for (size_t i = (size_t) (after_number > OVERLAP ? after_number - OVERLAP : 0); i < book->ntrades; i++)
        if (book->trades[i].shown.at_us <= trades_us)
        {
            snapshot->trades = qf_grow(snapshot->trades, snapshot->ntrades, &trades_room, sizeof(*snapshot->trades));
            snapshot->trades[snapshot->ntrades++] = book->trades[i].shown;
        }
    for (size_t i = book->ntrades; i > 0 && book->trades[i - 1].shown.at_us > trades_us; i--)
    {
        const ExchangeTrade *trade = &book->trades[i - 1].shown;

        snapshot->base -= trade->buy ? trade->quantity : -trade->quantity;
        snapshot->quote += (trade->buy ? trade->quantity : -trade->quantity) * trade->price;
    }
}

/* qf_book_free gives the memory back. */
void
qf_book_free(Book *book)
{
    free(book->orders);
    free(book->trades);
    free(book->active);
}
