/*
 * Orders of the paper exchange: placed, found, canceled. Once ended they are kept, as the exchange keeps them.
 */
#include "paper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static QmPaperOrder *order_new(QmPaperMarket *market, const QmPaperRequest *request, int64_t now_ms);
static void book_add(QmPaperMarket *market, QmPaperOrder *order);

/* qm_paper_market_close frees the orders; the market itself is its owner's. */
void
qm_paper_market_close(QmPaperMarket *market)
{
    for (int i = 0; i < market->order_count; i++)
        free(market->orders[i]);
    free(market->orders);
    market->orders = NULL;
    market->order_count = market->order_space = 0;
    market->book[QM_PAPER_BUY] = market->book[QM_PAPER_SELL] = NULL;
}

/*
 * qm_paper_place checks the request, locks its funds, matches it and puts what
 * remains on the book. *order is NULL when it is refused.
 */
QmPaperRefusal
qm_paper_place(QmPaperMarket *market, const QmPaperRequest *request, int64_t now_ms, const QmPaperOrder **order)
{
    QmPaperRefusal refusal = qm_paper_check(market, request);
    QmPaperOrder *made;

    *order = NULL;
    if (refusal.code != 0)
        return refusal;
    made = order_new(market, request, now_ms);
    if (made == NULL)
        return (QmPaperRefusal){-1000, "An unknown error occurred while processing the request."};
    *order = made;
    market->listener(market->context, made, NULL);
    if (request->force == QM_PAPER_FOK && !qm_paper_can_fill(market, request))
        qm_paper_end(market, made, QM_PAPER_EXPIRED, now_ms);
    else
        qm_paper_match(market, made, request->stp, now_ms);
    if (!qm_paper_is_open(made))
        return refusal;
    if (request->force == QM_PAPER_GTC)
        book_add(market, made);
    else
        qm_paper_end(market, made, QM_PAPER_EXPIRED, now_ms);
    return refusal;
}

/* order_new makes the order and locks its funds, which the check has seen to be there. NULL: no memory. */
static QmPaperOrder *
order_new(QmPaperMarket *market, const QmPaperRequest *request, int64_t now_ms)
{
    QmPaperAccount *account = &market->accounts[request->account];
    QmPaperBalance *paid = request->side == QM_PAPER_BUY ? &account->quote : &account->base;
    QmPaperOrder *order = calloc(1, sizeof(*order));

    if (order != NULL && market->order_count == market->order_space)
    {
        int space = market->order_space == 0 ? 64 : 2 * market->order_space;
        QmPaperOrder **orders = realloc(market->orders, (size_t) space * sizeof(QmPaperOrder *));

        if (orders == NULL)
        {
            free(order);
            return NULL;
        }
        market->orders = orders;
        market->order_space = space;
    }
    if (order == NULL)
        return NULL;
    market->orders[market->order_count++] = order;
    *order = (QmPaperOrder){.id = market->order_count,
                            .account = request->account,
                            .side = request->side,
                            .type = request->type,
                            .force = request->force,
                            .price = request->price,
                            .quantity = request->quantity,
                            .locked = request->quantity,
                            .created_ms = now_ms,
                            .updated_ms = now_ms};
    if (request->client_id != NULL)
        snprintf(order->client_id, sizeof(order->client_id), "%s", request->client_id);
    else
        snprintf(order->client_id, sizeof(order->client_id), "paper%017" PRId64, order->id);
    if (order->side == QM_PAPER_BUY && !qm_paper_product(order->price, order->quantity, &order->locked))
        abort(); /* the check has multiplied the same numbers */
    paid->free -= order->locked;
    paid->locked += order->locked;
    return order;
}

/* book_add puts the order behind all that have its price or a better one. */
static void
book_add(QmPaperMarket *market, QmPaperOrder *order)
{
    QmPaperOrder **place = &market->book[order->side];

    while (*place != NULL &&
           (order->side == QM_PAPER_BUY ? (*place)->price >= order->price : (*place)->price <= order->price))
        place = &(*place)->next;
    order->next = *place;
    *place = order;
}

/* qm_paper_cancel ends an open order; one that has ended is as unknown to the exchange as one that never was. */
QmPaperRefusal
qm_paper_cancel(QmPaperMarket *market, int account, int64_t id, int64_t now_ms)
{
    const QmPaperOrder *order = qm_paper_by_id(market, account, id);

    if (order == NULL || !qm_paper_is_open(order))
        return (QmPaperRefusal){-2011, "Unknown order sent."};
    qm_paper_end(market, market->orders[id - 1], QM_PAPER_CANCELED, now_ms);
    return (QmPaperRefusal){0, NULL};
}

/* qm_paper_by_id finds an order of the account, open or not. */
const QmPaperOrder *
qm_paper_by_id(const QmPaperMarket *market, int account, int64_t id)
{
    if (id < 1 || id > market->order_count || market->orders[id - 1]->account != account)
        return NULL;
    return market->orders[id - 1];
}

/* qm_paper_by_client_id finds the newest that had this id, for ids may be used again. */
const QmPaperOrder *
qm_paper_by_client_id(const QmPaperMarket *market, int account, const char *client_id)
{
    for (int i = market->order_count - 1; i >= 0; i--)
        if (market->orders[i]->account == account && strcmp(market->orders[i]->client_id, client_id) == 0)
            return market->orders[i];
    return NULL;
}

/* qm_paper_is_open says whether the order can still trade. */
bool
qm_paper_is_open(const QmPaperOrder *order)
{
    return order->status == QM_PAPER_NEW || order->status == QM_PAPER_PARTIALLY_FILLED;
}
