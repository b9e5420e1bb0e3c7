/*
 * What has become of the grid's wishes, and how it is brought in line with the store.
 */
#include "grid_inside.h"

#include <stdio.h>
#include <string.h>

/* rest lets a slot be for a while. */
static void
rest(QmGridSlot *slot, int64_t until_us)
{
    if (slot->rest_until_us < until_us)
        slot->rest_until_us = until_us;
}

/* is_of_order says whether the database denies an order for what it is; else it denies all of the side. */
static bool
is_of_order(const char *reason)
{
    static const char *const reasons[] = {"PRICE_OFF_TICK",
                                          "QUANTITY_OFF_STEP",
                                          "QUANTITY_BELOW_MINIMUM",
                                          "QUANTITY_ABOVE_MAXIMUM",
                                          "NOTIONAL_BELOW_MINIMUM",
                                          "REDUCE_ONLY",
                                          "SELF_CROSS"};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (strcmp(reasons[i], reason) == 0)
            return true;
    return false;
}

/*
 * denied lets the slot, or all of its side, rest. A wish that came too late may come
 * once more, but not at once: where the store's clock is ahead, all of them come too
 * late.
 */
static void
denied(QmGrid *grid, QmGridSlot *slot, const char *reason, int64_t now_us)
{
    QmGridSide side = slot->order.side;

    if (strcmp(reason, "REDUCE_ONLY") == 0)
        grid->wants_reconcile = true;
    if (strcmp(reason, "VALID_UNTIL_PASSED") == 0)
        rest(slot, now_us + grid->terms.retry_us);
    else if (is_of_order(reason))
        rest(slot, now_us + QM_GRID_DENIED_US);
    else
        grid->hold_until_us[side] = now_us + QM_GRID_HOLD_US;
}

/* placed makes a wish the order that the store has made of it. One that was made before may have ended by now: it is asked for. */
static void
placed(QmGrid *grid, const QmGridWish *wish, QmGridSlot *slot, int64_t order_id, const char *client_order_id,
       int64_t now_us)
{
    QmGridOrderEvent event = {.order_id = order_id,
                              .client_order_id = client_order_id,
                              .request_id = wish->request_id,
                              .slot = wish->slot,
                              .side = wish->side == QM_GRID_BUY ? "buy" : "sell",
                              .price = wish->price,
                              .quantity = wish->quantity};

    if (slot != NULL && (qm_grid_slot_of_order(grid, order_id) != NULL || qm_grid_past_find(grid, order_id) != NULL))
    {
        qm_grid_give_back(grid, &slot->order);
        qm_grid_end(grid, slot);
        return;
    }
    (void) qm_grid_order(grid, &event, now_us);
    slot = qm_grid_slot_of_order(grid, order_id);
    if (slot != NULL && wish->again)
        slot->order.unsure = true;
}

/* qm_grid_placed takes the answer to a wish to place. */
void
qm_grid_placed(QmGrid *grid, const QmGridWish *wish, QmGridAnswer answer, const char *reason, int64_t order_id,
               const char *client_order_id, int64_t now_us)
{
    QmGridSlot *slot = qm_grid_slot_of_request(grid, wish->request_id);

    if (answer == QM_GRID_PLACED)
    {
        placed(grid, wish, slot, order_id, client_order_id, now_us);
        return;
    }
    if (slot == NULL)
        return;
    /* What was wished before may have been recorded then: that this call has not says nothing of it. */
    if (wish->again && (answer == QM_GRID_SKIPPED || answer == QM_GRID_NOT_PLACED))
        answer = QM_GRID_UNCERTAIN;
    switch (answer)
    {
        case QM_GRID_PLACED:
            return;
        case QM_GRID_UNCERTAIN:
            slot->order.told = false;
            rest(slot, now_us + grid->terms.retry_us);
            return;
        case QM_GRID_SKIPPED:
        case QM_GRID_NOT_PLACED:
            rest(slot, now_us + grid->terms.retry_us);
            break;
        case QM_GRID_DUPLICATE:
            rest(slot, now_us + QM_GRID_DENIED_US);
            grid->wants_reconcile = true;
            break;
        case QM_GRID_DENIED:
            denied(grid, slot, reason == NULL ? "" : reason, now_us);
            break;
    }
    qm_grid_give_back(grid, &slot->order);
    qm_grid_end(grid, slot);
}

/* post_only_failed counts a refusal of the slot's side. */
static void
post_only_failed(QmGridSlot *slot, QmGridSide side)
{
    if (slot->failed_side != side)
        slot->post_only_failures = 0;
    slot->failed_side = side;
    if (slot->post_only_failures < QM_GRID_POST_ONLY_TRIES)
        slot->post_only_failures++;
}

/* qm_grid_refused takes why the exchange has refused an order, once an order. */
void
qm_grid_refused(QmGrid *grid, int64_t order_id, QmGridRefusal refusal, int64_t now_us)
{
    QmGridSlot *slot = qm_grid_slot_of_order(grid, order_id);
    QmGridPast *past = qm_grid_past_find(grid, order_id);
    QmGridOrder *order = slot != NULL ? &slot->order : past != NULL ? &past->order : NULL;

    if (order == NULL || order->refused)
        return;
    order->refused = true;
    if (slot == NULL && (slot = qm_grid_slot_make(grid, past->slot_price)) == NULL)
        return;
    grid->changed = true;
    rest(slot, now_us + grid->terms.retry_us);
    switch (refusal)
    {
        case QM_GRID_REFUSED_POST_ONLY:
            post_only_failed(slot, order->side);
            break;
        case QM_GRID_REFUSED_FUNDS:
            if (order->side == QM_GRID_BUY)
                grid->state.margin_until_us = now_us + grid->terms.margin_lock_us;
            else
                rest(slot, now_us + grid->terms.margin_lock_us);
            grid->wants_reconcile = grid->wants_reconcile || order->side == QM_GRID_SELL;
            break;
        case QM_GRID_REFUSED_OTHER:
            rest(slot, now_us + QM_GRID_DENIED_US);
            break;
    }
}

/* qm_grid_canceled takes whether a cancel is under way; if it is not, it is wished again soon. */
void
qm_grid_canceled(QmGrid *grid, int64_t order_id, bool under_way, int64_t now_us)
{
    QmGridSlot *slot = qm_grid_slot_of_order(grid, order_id);
    QmGridPast *past = qm_grid_past_find(grid, order_id);
    QmGridOrder *order = slot != NULL ? &slot->order : past != NULL ? &past->order : NULL;

    if (order != NULL)
        order->cancel_again_us = now_us + (under_way ? QM_GRID_ASK_AGAIN_US : QM_GRID_CANCEL_RETRY_US);
}

/* qm_grid_unknown takes that the store has no such order: a failover may have lost it, so the ledger decides. */
void
qm_grid_unknown(QmGrid *grid, int64_t order_id)
{
    QmGridSlot *slot = qm_grid_slot_of_order(grid, order_id);
    QmGridPast *past = qm_grid_past_find(grid, order_id);

    if (slot != NULL)
    {
        qm_grid_give_back(grid, &slot->order);
        qm_grid_end(grid, slot);
    }
    else if (past != NULL)
    {
        qm_grid_give_back(grid, &past->order);
        past->order.kind = QM_GRID_ENDED;
        past->order.unsure = false;
    }
    else
        return;
    grid->changed = true;
    qm_grid_doubt(grid);
}

/* has_questions says whether a wish or a question is without an answer. */
static bool
has_questions(const QmGrid *grid)
{
    const QmGridState *state = &grid->state;
    bool open = state->closer.order.kind == QM_GRID_WISHED || state->closer.order.unsure;

    for (int i = 0; i < state->slot_count && !open; i++)
        open = state->slots[i].order.kind == QM_GRID_WISHED || state->slots[i].order.unsure;
    for (int i = 0; i < state->past_count && !open; i++)
        open = state->past[i].order.unsure;
    return open;
}

/* qm_grid_wants_reconcile says whether the store's list of orders and the ledger's position are wanted now. */
bool
qm_grid_wants_reconcile(const QmGrid *grid)
{
    return grid->wants_reconcile && !has_questions(grid);
}

/* look_for_unlisted makes live orders that the list did not have unsure. */
static void
look_for_unlisted(QmGrid *grid)
{
    QmGridSlot *slot;

    for (int i = 0; (slot = qm_grid_slot_at(grid, i)) != NULL; i++)
        if (slot->order.kind == QM_GRID_LIVE && !slot->order.listed)
        {
            slot->order.unsure = true;
            slot->order.asked_us = 0;
        }
    for (int i = 0; i < grid->state.past_count; i++)
    {
        QmGridOrder *order = &grid->state.past[i].order;

        if (order->kind == QM_GRID_LIVE && !order->listed)
        {
            order->unsure = true;
            order->asked_us = 0;
        }
    }
}

/* unlist forgets the last list. */
static void
unlist(QmGrid *grid)
{
    QmGridSlot *slot;

    for (int i = 0; (slot = qm_grid_slot_at(grid, i)) != NULL; i++)
        slot->order.listed = false;
    for (int i = 0; i < grid->state.past_count; i++)
        grid->state.past[i].order.listed = false;
}

/* settle makes our position the ledger's. */
static void
settle(QmGrid *grid, QmGridNumber position)
{
    QmGridNumber loose = position - (qm_grid_position(grid) - grid->state.loose);

    if (loose == grid->state.loose)
        return;
    grid->changed = true;
    grid->state.loose = loose < 0 ? 0 : loose;
    if (loose < 0)
        qm_grid_take(grid, -loose);
}

/* qm_grid_reconcile takes the store's list of our live orders, and our position by its ledger. */
bool
qm_grid_reconcile(QmGrid *grid, const QmStoredOrder *orders, size_t count, const char *position, int64_t now_us)
{
    QmGridNumber ledger = 0;
    QmGridNumber slot_price;

    if (position != NULL && !qm_grid_read(position, &ledger))
        return false;
    unlist(grid);
    for (size_t i = 0; i < count; i++)
        if (qm_grid_slot_price(orders[i].slot, &slot_price) &&
            qm_grid_stored(grid, &orders[i], now_us) == QM_GRID_UNREADABLE)
            return false;
    look_for_unlisted(grid);
    if (has_questions(grid))
    {
        grid->wants_reconcile = true;
        return true;
    }
    if (position == NULL)
        return true;
    settle(grid, ledger);
    grid->wants_reconcile = false;
    grid->reconciled = true;
    return true;
}
