/*
 * What the grid is told of orders, by events and by the store.
 *
 * An order is found by its id, or else by the request_id of a wish without an
 * answer, or else by its slot. News come in any order: quantities only grow, and
 * what has ended comes back to life only when the store says so at that moment
 * (qm_grid_stored, qm_grid_reconcile), never by an event that may be late.
 */
#include "grid_inside.h"

#include <stdio.h>
#include <string.h>

/* An event, read. */
typedef struct News
{
    const QmGridOrderEvent *event;
    QmGridNumber slot_price;
    QmGridNumber price;
    QmGridNumber quantity;
    QmGridNumber filled;
    QmGridNumber fee;
    QmGridSide side;
    QmOrderState state;
    bool has_slot;
    bool has_state;
    bool has_fee;
    bool has_terms; /* side, price and quantity */
    bool fresh;     /* so it is now */
    int64_t now_us;
} News;

/* said tells whether a text says something. */
static bool
said(const char *text)
{
    return text != NULL && *text != '\0';
}

/* read_state finds a state by its word. */
static bool
read_state(const char *word, QmOrderState *state)
{
    for (int i = 0; i < QM_ORDER_STATES; i++)
        if (strcmp(qm_order_state_name((QmOrderState) i), word) == 0)
        {
            *state = (QmOrderState) i;
            return true;
        }
    return false;
}

/* read_event reads the texts of an event; false when one makes no sense. */
static bool
read_event(const QmGridOrderEvent *event, News *news)
{
    news->event = event;
    news->has_slot = said(event->slot) && qm_grid_slot_price(event->slot, &news->slot_price);
    news->has_state = said(event->state);
    news->has_fee = said(event->base_fee) && event->base_fee[0] != '-';
    news->has_terms = said(event->side) && said(event->price) && said(event->quantity);
    if (event->order_id == 0 || (news->has_state && !read_state(event->state, &news->state)) ||
        (said(event->client_order_id) && strlen(event->client_order_id) >= QM_GRID_CLIENT_ID_SIZE))
        return false;
    if ((said(event->filled) && (!qm_grid_read_small(event->filled, &news->filled))) ||
        (news->has_fee && (!qm_grid_read_small(event->base_fee, &news->fee))))
        return false;
    if (!news->has_terms)
        return true;
    news->side = strcmp(event->side, "sell") == 0 ? QM_GRID_SELL : QM_GRID_BUY;
    return (news->side == QM_GRID_SELL || strcmp(event->side, "buy") == 0) &&
           qm_grid_read_small(event->price, &news->price) && qm_grid_read_small(event->quantity, &news->quantity);
}

/* is_live says whether the news leave the order alive; without a word it is as it was. */
static bool
is_live(const News *news)
{
    return !news->has_state || qm_order_is_live(news->state);
}

/* known_as makes a wish, or an order that is new here, the live order of that id. */
static void
known_as(QmGridOrder *order, int64_t order_id, const char *client_order_id)
{
    order->kind = QM_GRID_LIVE;
    order->id = order_id;
    order->request[0] = '\0';
    order->valid_until_us = 0;
    order->told = false;
    snprintf(order->client_id, sizeof(order->client_id), "%s", said(client_order_id) ? client_order_id : "");
}

/* astray keeps an order that has no slot. A live one is to be cancelled. NULL: there is no room. */
static QmGridOrder *
astray(QmGrid *grid, QmGridNumber slot_price, const QmGridOrder *order)
{
    QmGridPast *past;

    grid->changed = true;
    if (!qm_grid_past_keep(grid, slot_price, order))
    {
        qm_grid_doubt(grid);
        return NULL;
    }
    past = qm_grid_past_find(grid, order->id);
    if (past->order.kind == QM_GRID_LIVE)
    {
        past->order.cancel = true;
        past->order.why = QM_GRID_WHY_CLASH;
    }
    return &past->order;
}

/* is_wish says whether a slot's wish without an answer is for just such an order. */
static bool
is_wish(const QmGridOrder *order, const News *news)
{
    return order->kind == QM_GRID_WISHED && order->side == news->side && order->price == news->price &&
           order->quantity == news->quantity;
}

/* adopt takes in an order that the grid does not know. NULL: it is not ours, or there is no room for it. */
static QmGridOrder *
adopt(QmGrid *grid, const News *news)
{
    QmGridOrder order = {.side = news->side, .price = news->price, .quantity = news->quantity};
    QmGridSlot *slot;

    if (!news->has_slot || !news->has_terms)
        return NULL;
    if (news->event->order_id <= grid->state.forgotten_id)
    {
        grid->state.late++;
        qm_grid_doubt(grid);
        if (!news->fresh || !is_live(news))
            return NULL;
        /* Which of its fills were booked before is not known; the ledger's position settles it. */
        order.filled = news->filled;
        order.fee_filled = news->filled;
    }
    known_as(&order, news->event->order_id, news->event->client_order_id);
    slot = qm_grid_slot_make(grid, news->slot_price);
    if (slot != NULL && is_wish(&slot->order, news))
    {
        known_as(&slot->order, order.id, order.client_id);
        grid->changed = true;
        return &slot->order;
    }
    qm_grid_doubt(grid); /* the ledger may have had its fills when it was compared */
    if (slot != NULL && slot->order.kind == QM_GRID_NONE && !qm_grid_past_is_live(grid, slot->price))
        slot->order = order;
    else
        return astray(grid, news->slot_price, &order);
    grid->changed = true;
    return &slot->order;
}

/* revive gives an order that had ended its slot back, or cancels it where another has it. */
static void
revive(QmGrid *grid, QmGridPast *past)
{
    QmGridSlot *slot = qm_grid_slot_make(grid, past->slot_price);

    past->order.kind = QM_GRID_LIVE;
    grid->changed = true;
    if (slot != NULL && slot->order.kind == QM_GRID_NONE)
    {
        slot->order = past->order;
        *past = grid->state.past[--grid->state.past_count];
        return;
    }
    past->order.cancel = true;
    past->order.why = QM_GRID_WHY_CLASH;
}

/* was_accepted says whether an order that has ended had been at the exchange, which tells of balances then. */
static bool
was_accepted(QmOrderState state)
{
    return state != QM_ORDER_REJECTED && state != QM_ORDER_ABORTED && state != QM_ORDER_NEVER_ACCEPTED;
}

/* ended lets go of an order that is not alive any more. */
static void
ended(QmGrid *grid, QmGridOrder *order, QmGridSlot *slot, const News *news)
{
    grid->changed = true;
    if (!was_accepted(news->state))
        qm_grid_give_back(grid, order);
    if (slot == NULL)
    {
        order->kind = QM_GRID_ENDED;
        return;
    }
    if (order->filled > 0)
    {
        slot->post_only_failures = 0;
        slot->cleaned = 0; /* the cancel came too late */
    }
    if (news->state != QM_ORDER_FILLED && slot->rest_until_us < news->now_us + grid->terms.retry_us)
        slot->rest_until_us = news->now_us + grid->terms.retry_us;
    else if (news->state == QM_ORDER_FILLED)
        slot->rest_until_us = 0;
    qm_grid_end(grid, slot);
}

/* apply takes in news that were read. */
static QmGridEffect
apply(QmGrid *grid, const News *news)
{
    int64_t id = news->event->order_id;
    QmGridSlot *slot = qm_grid_slot_of_order(grid, id);
    QmGridPast *past = qm_grid_past_find(grid, id);
    QmGridOrder *order = slot != NULL ? &slot->order : past != NULL ? &past->order : NULL;
    QmGridNumber slot_price;
    bool before = grid->changed;
    bool changed;

    grid->changed = false;
    if (order == NULL && (slot = qm_grid_slot_of_request(grid, news->event->request_id)) != NULL)
    {
        order = &slot->order;
        known_as(order, id, news->event->client_order_id);
        grid->changed = true;
    }
    if (order == NULL && (order = adopt(grid, news)) == NULL)
    {
        grid->changed = grid->changed || before;
        return QM_GRID_NOT_OURS;
    }
    slot = qm_grid_slot_of_order(grid, id);
    past = slot == NULL ? qm_grid_past_find(grid, id) : NULL;
    slot_price = slot != NULL ? slot->price : past->slot_price;
    (void) qm_grid_book(grid, slot_price, order, news->filled, news->has_fee ? &news->fee : NULL);
    slot = qm_grid_slot_of_order(grid, id); /* booking may have moved it */
    order->listed = true;
    if (news->has_terms && news->quantity < order->quantity)
    {
        order->quantity = news->quantity; /* made smaller at the exchange */
        grid->changed = true;
    }
    if (news->fresh || !is_live(news))
        order->unsure = false;
    if (said(news->event->cancel_state) && strcmp(news->event->cancel_state, "rejected") == 0 && order->cancel)
        order->cancel_again_us = news->now_us + QM_GRID_CANCEL_RETRY_US;
    if (order->kind == QM_GRID_LIVE && !is_live(news))
        ended(grid, order, slot, news);
    else if (order->kind == QM_GRID_ENDED && news->fresh && news->has_state && is_live(news))
        revive(grid, past);
    changed = grid->changed;
    grid->changed = changed || before;
    return changed ? QM_GRID_CHANGED : QM_GRID_NOTHING_NEW;
}

/* qm_grid_order takes one event of an order. */
QmGridEffect
qm_grid_order(QmGrid *grid, const QmGridOrderEvent *event, int64_t now_us)
{
    News news = {.now_us = now_us};

    return read_event(event, &news) ? apply(grid, &news) : QM_GRID_UNREADABLE;
}

/* qm_grid_stored takes an order as the store has it now. */
QmGridEffect
qm_grid_stored(QmGrid *grid, const QmStoredOrder *order, int64_t now_us)
{
    QmGridOrderEvent event = {.order_id = order->order_id,
                              .client_order_id = order->client_order_id,
                              .request_id = order->request_id,
                              .slot = order->slot,
                              .side = order->side,
                              .state = order->state,
                              .cancel_state = order->cancel_state,
                              .price = order->price,
                              .quantity = order->quantity,
                              .filled = order->filled_quantity,
                              .base_fee = order->base_commission};
    News news = {.now_us = now_us, .fresh = true};

    return read_event(&event, &news) ? apply(grid, &news) : QM_GRID_UNREADABLE;
}
