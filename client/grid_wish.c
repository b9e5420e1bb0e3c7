/*
 * What the grid wants: questions and repeated wishes first, then cancels, then
 * either the sale that closes the position, or sales and purchases of its levels.
 *
 * A purchase is wished only if what it buys could be sold again: above all minimums
 * after its fee, one interval higher. What remains in a slot below the minimums is
 * no position to sell; the slot is bought again, and its rest is sold with that.
 */
#include "grid_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSES_ALL                                                                                   \
    (QM_GRID_PAUSE_NO_PRICE | QM_GRID_PAUSE_FILTERS | QM_GRID_PAUSE_RECONCILE | QM_GRID_PAUSE_EXIT | \
     QM_GRID_PAUSE_CLOSING)
#define PAUSES_BUYS                                                                           \
    (QM_GRID_PAUSE_SAFETY | QM_GRID_PAUSE_RISK | QM_GRID_PAUSE_MARGIN | QM_GRID_PAUSE_TREND | \
     QM_GRID_PAUSE_STOP_LOSS | QM_GRID_PAUSE_SILENCE)

/* One call of qm_grid_wishes. */
typedef struct Turn
{
    QmGrid *grid;
    int64_t now_us;
    QmGridWish *out;
    size_t count;
    size_t max;
    QmGridNumber highest_buy; /* of ours, live or wished; 0: none */
    QmGridNumber lowest_sell; /* 0: none */
} Turn;

/* A slot that wants a sale. */
typedef struct Sale
{
    QmGridNumber slot_price;
    QmGridNumber price;
    QmGridNumber distance; /* of its price from the market's */
} Sale;

static QmGridNumber
greater(QmGridNumber left, QmGridNumber right)
{
    return left > right ? left : right;
}

static QmGridNumber
distance_of(QmGridNumber left, QmGridNumber right)
{
    return left > right ? left - right : right - left;
}

/* orderable returns the greatest quantity up to one that filters allow, 0 when it is below a minimum or a value. */
static QmGridNumber
orderable(const QmGridMarket *market, QmGridNumber quantity, QmGridNumber price, QmGridNumber value)
{
    QmGridNumber size = quantity;

    if (size <= 0)
        return 0;
    if (market->max_quantity > 0 && size > market->max_quantity)
        size = market->max_quantity;
    size = qm_grid_floor(size, market->step);
    if (size == 0 || size < market->min_quantity || size * price < greater(value, market->min_notional) * QM_GRID_ONE)
        return 0;
    return size;
}

/* qm_grid_sellable returns how much of a slot's position an order at that price can sell: whole steps, above the minimums. */
QmGridNumber
qm_grid_sellable(const QmGrid *grid, QmGridNumber position, QmGridNumber price)
{
    return orderable(&grid->market, position, price, grid->terms.min_order_value);
}

/* closing_price returns where the closing sale is put: a little below the market, so that it is filled now. */
static QmGridNumber
closing_price(const QmGrid *grid)
{
    QmGridNumber price = qm_grid_product(grid->price, QM_GRID_ONE - QM_GRID_CLOSE_SLIP);

    return greater(qm_grid_floor(price, grid->market.tick), grid->market.tick);
}

/* qm_grid_closable returns how much of the whole position one closing sale can sell. Without a price it is nothing. */
QmGridNumber
qm_grid_closable(const QmGrid *grid, QmGridNumber position)
{
    return grid->price == 0 ? 0 : orderable(&grid->market, position, closing_price(grid), 0);
}

/* give writes a wish to place a slot's order. */
static void
give(Turn *turn, QmGridSlot *slot, bool again)
{
    QmGridWish *wish = &turn->out[turn->count++];
    QmGridOrder *order = &slot->order;

    memset(wish, 0, sizeof(*wish));
    wish->kind = QM_GRID_PLACE;
    wish->why = order->why;
    wish->side = order->side;
    wish->post_only = order->post_only;
    wish->reduce_only = order->reduce_only;
    wish->again = again;
    wish->valid_until_us = order->valid_until_us;
    qm_grid_slot_name(slot->price, wish->slot);
    qm_grid_print(order->price, wish->price);
    qm_grid_print(order->quantity, wish->quantity);
    memcpy(wish->request_id, order->request, sizeof(wish->request_id));
    order->told = true;
}

/* wish makes a slot's order and wishes to place it. */
static void
wish(Turn *turn, QmGridSlot *slot, const QmGridOrder *terms)
{
    QmGrid *grid = turn->grid;

    slot->order = *terms;
    slot->order.kind = QM_GRID_WISHED;
    slot->order.valid_until_us = turn->now_us + grid->terms.valid_us;
    slot->cleaned = 0;
    slot->rest_until_us = 0;
    snprintf(slot->order.request,
             sizeof(slot->order.request),
             "%016" PRId64 "-%s-%s-%" PRId64,
             turn->now_us,
             grid->terms.strategy,
             grid->terms.symbol,
             ++grid->state.counter);
    grid->changed = true;
    give(turn, slot, false);
}

/* ask wishes to know what became of an order. */
static void
ask(Turn *turn, QmGridNumber slot_price, QmGridOrder *order)
{
    QmGridWish *out = &turn->out[turn->count];

    if (!order->unsure || turn->count == turn->max ||
        (order->asked_us != 0 && turn->now_us < order->asked_us + QM_GRID_ASK_AGAIN_US))
        return;
    memset(out, 0, sizeof(*out));
    out->kind = QM_GRID_ASK;
    out->order_id = order->id;
    qm_grid_slot_name(slot_price, out->slot);
    snprintf(out->client_order_id, sizeof(out->client_order_id), "%s", order->client_id);
    order->asked_us = turn->now_us;
    turn->count++;
}

/* cancel wishes to cancel an order that is marked for it. */
static void
cancel(Turn *turn, QmGridNumber slot_price, QmGridOrder *order)
{
    QmGridWish *out = &turn->out[turn->count];

    if (order->kind != QM_GRID_LIVE || !order->cancel || order->unsure || turn->count == turn->max ||
        turn->now_us < order->cancel_again_us)
        return;
    memset(out, 0, sizeof(*out));
    out->kind = QM_GRID_CANCEL;
    out->why = order->why;
    out->side = order->side;
    out->order_id = order->id;
    qm_grid_slot_name(slot_price, out->slot);
    qm_grid_print(order->price, out->price);
    snprintf(out->client_order_id, sizeof(out->client_order_id), "%s", order->client_id);
    order->cancel_again_us = turn->now_us + QM_GRID_ASK_AGAIN_US;
    turn->count++;
}

/* repeat wishes once more what has no answer. */
static void
repeat(Turn *turn)
{
    QmGridState *state = &turn->grid->state;
    QmGridSlot *slot;

    for (int i = 0; (slot = qm_grid_slot_at(turn->grid, i)) != NULL; i++)
    {
        ask(turn, slot->price, &slot->order);
        if (slot->order.kind == QM_GRID_WISHED && !slot->order.told && turn->count < turn->max &&
            turn->now_us >= slot->rest_until_us)
            give(turn, slot, true);
    }
    for (int i = 0; i < state->past_count; i++)
        ask(turn, state->past[i].slot_price, &state->past[i].order);
}

/* mark has an order cancelled, for the first reason that was found. */
static void
mark(QmGrid *grid, QmGridOrder *order, QmGridWhy why)
{
    if (order->kind != QM_GRID_LIVE || order->cancel)
        return;
    order->cancel = true;
    order->why = why;
    grid->changed = true;
}

/* mark_orders has those orders cancelled that the grid does not want any more. */
static void
mark_orders(QmGrid *grid)
{
    QmGridSlot *closer = &grid->state.closer;

    for (int i = 0; i < grid->state.slot_count; i++)
    {
        QmGridOrder *order = &grid->state.slots[i].order;

        if (grid->exit_cancels)
            mark(grid, order, QM_GRID_WHY_EXIT);
        else if (grid->state.closing)
            mark(grid, order, grid->state.closing_why);
        else if (grid->state.risk_since_us != 0 && order->side == QM_GRID_BUY)
            mark(grid, order, QM_GRID_WHY_RISK);
    }
    if (!grid->state.closing && !grid->exit_closes)
        mark(grid, &closer->order, QM_GRID_WHY_EXIT);
}

/* mark_closer has the sale that closes the position cancelled when the market has fallen below it. */
static void
mark_closer(Turn *turn)
{
    QmGrid *grid = turn->grid;
    QmGridSlot *closer = &grid->state.closer;

    if ((grid->state.closing || grid->exit_closes) && grid->price != 0 && closer->order.price > grid->price &&
        turn->now_us >= closer->rest_until_us)
        mark(grid, &closer->order, QM_GRID_WHY_REPRICE);
}

/* cancel_marked wishes all cancels that are due. */
static void
cancel_marked(Turn *turn)
{
    QmGridState *state = &turn->grid->state;
    QmGridSlot *slot;

    for (int i = 0; (slot = qm_grid_slot_at(turn->grid, i)) != NULL; i++)
        cancel(turn, slot->price, &slot->order);
    for (int i = 0; i < state->past_count; i++)
        cancel(turn, state->past[i].slot_price, &state->past[i].order);
}

/* is_free says whether a slot can have an order now. */
static bool
is_free(const Turn *turn, QmGridSlot *slot)
{
    const QmGrid *grid = turn->grid;

    if (slot->rest_until_us <= turn->now_us)
        slot->rest_until_us = 0;
    return slot->order.kind == QM_GRID_NONE && slot->rest_until_us == 0 && !qm_grid_past_is_live(grid, slot->price);
}

/* is_cleaned says whether cleanup found an order at that price too far away, and the market has not come an interval nearer since. */
static bool
is_cleaned(const QmGrid *grid, const QmGridSlot *slot, QmGridNumber price)
{
    return slot->cleaned != 0 &&
           distance_of(price, grid->price) + grid->terms.interval > distance_of(price, slot->cleaned);
}

/* may_take says whether a slot's orders of that side have been refused so often for taking that the next one may. */
static bool
may_take(const QmGridSlot *slot, QmGridSide side)
{
    return slot->failed_side == side && slot->post_only_failures >= QM_GRID_POST_ONLY_TRIES;
}

/* survey finds the edges of our own orders, which new ones must not cross. */
static void
survey(Turn *turn)
{
    const QmGridState *state = &turn->grid->state;

    for (int i = 0; i < state->slot_count; i++)
    {
        const QmGridOrder *order = &state->slots[i].order;

        if (order->kind == QM_GRID_NONE)
            continue;
        if (order->side == QM_GRID_BUY)
            turn->highest_buy = greater(turn->highest_buy, order->price);
        else if (turn->lowest_sell == 0 || order->price < turn->lowest_sell)
            turn->lowest_sell = order->price;
    }
}

/* nearer orders sales by their distance from the market, then by price. */
static int
nearer(const void *left, const void *right)
{
    const Sale *one = left;
    const Sale *other = right;

    if (one->distance != other->distance)
        return one->distance < other->distance ? -1 : 1;
    return (one->slot_price > other->slot_price) - (one->slot_price < other->slot_price);
}

/* sale_price returns where a slot's position is sold: an interval above its purchase, and above our own purchases. */
static QmGridNumber
sale_price(const Turn *turn, const QmGridSlot *slot)
{
    const QmGrid *grid = turn->grid;
    QmGridNumber price = slot->price + grid->terms.interval;

    if (price <= turn->highest_buy)
        price = turn->highest_buy + grid->terms.interval;
    return qm_grid_floor(price + grid->market.tick - 1, grid->market.tick);
}

/* sell wishes the sales of filled slots in the window, nearest first. */
static void
sell(Turn *turn)
{
    QmGrid *grid = turn->grid;
    Sale sales[QM_GRID_SLOTS_MAX] = {{0}};
    size_t count = 0;

    for (int i = 0; i < grid->state.slot_count; i++)
    {
        QmGridSlot *slot = &grid->state.slots[i];
        QmGridNumber price = sale_price(turn, slot);

        if (slot->price <= grid->price + grid->terms.interval * grid->terms.sell_window && is_free(turn, slot) &&
            qm_grid_sellable(grid, slot->position, price) > 0)
            sales[count++] =
                (Sale){.slot_price = slot->price, .price = price, .distance = distance_of(price, grid->price)};
    }
    qsort(sales, count, sizeof(sales[0]), nearer);
    for (size_t i = 0; i < count && turn->count < turn->max; i++)
    {
        QmGridSlot *slot = qm_grid_slot_find(grid, sales[i].slot_price);
        QmGridOrder order = {.side = QM_GRID_SELL,
                             .price = sales[i].price,
                             .quantity = qm_grid_sellable(grid, slot->position, sales[i].price),
                             .reduce_only = true,
                             .post_only = !may_take(slot, QM_GRID_SELL)};

        if (grid->hold_until_us[QM_GRID_SELL] > turn->now_us || is_cleaned(grid, slot, order.price))
            return;
        if (grid->free_base >= 0 && grid->free_base < order.quantity)
            continue;
        if (grid->free_base >= 0)
            grid->free_base -= order.reserved = order.quantity;
        if (turn->lowest_sell == 0 || order.price < turn->lowest_sell)
            turn->lowest_sell = order.price;
        wish(turn, slot, &order);
    }
}

/* layers_taken returns how many slots are filled, or will be when our purchases are. */
static int
layers_taken(const QmGrid *grid)
{
    int layers = 0;

    for (int i = 0; i < grid->state.slot_count; i++)
    {
        const QmGridSlot *slot = &grid->state.slots[i];

        layers += (slot->order.kind != QM_GRID_NONE && slot->order.side == QM_GRID_BUY) ||
                  qm_grid_sellable(grid, slot->position, slot->price + grid->terms.interval) > 0;
    }
    return layers;
}

/* purchase makes an order for a level, 0 of it when it is below a minimum, or when its sale would be. */
static QmGridOrder
purchase(const QmGrid *grid, const QmGridSlot *slot, QmGridNumber level)
{
    QmGridOrder order = {.side = QM_GRID_BUY, .price = level};
    QmGridNumber kept;

    order.post_only = slot == NULL || !may_take(slot, QM_GRID_BUY);
    order.quantity = orderable(&grid->market, qm_grid_quotient(grid->terms.order_value, level), level, 0);
    kept = order.quantity + (slot == NULL ? 0 : slot->position);
    if (grid->terms.fee_from_base)
        kept -= qm_grid_product_up(order.quantity, grid->terms.fee_rate);
    if (qm_grid_sellable(grid, kept, level + grid->terms.interval) == 0)
        order.quantity = 0;
    return order;
}

/* buy_level wishes one purchase. Says which pause ends all of them, 0 for none. */
static unsigned
buy_level(Turn *turn, QmGridNumber level)
{
    QmGrid *grid = turn->grid;
    QmGridSlot *slot = qm_grid_slot_find(grid, level);
    QmGridOrder order;
    QmGridNumber cost;

    if (slot != NULL &&
        (!is_free(turn, slot) || qm_grid_sellable(grid, slot->position, level + grid->terms.interval) > 0))
        return 0;
    if (slot != NULL && is_cleaned(grid, slot, level))
        return QM_GRID_PAUSE_ORDERS;
    if ((turn->lowest_sell != 0 && level >= turn->lowest_sell) || qm_grid_past_is_live(grid, level))
        return 0;
    order = purchase(grid, slot, level);
    if (order.quantity == 0)
    {
        grid->pauses |= QM_GRID_PAUSE_MINIMUM;
        return 0;
    }
    cost = qm_grid_product_up(order.quantity, level);
    if (!grid->terms.fee_from_base)
        cost += qm_grid_product_up(cost, grid->terms.fee_rate);
    if (grid->free_quote >= 0 && grid->free_quote < cost)
        return QM_GRID_PAUSE_FUNDS;
    slot = qm_grid_slot_make(grid, level);
    if (slot == NULL)
        return QM_GRID_PAUSE_SLOTS;
    if (grid->free_quote >= 0)
        grid->free_quote -= order.reserved = cost;
    wish(turn, slot, &order);
    return 0;
}

/* buy wishes purchases at the levels below the price, nearest first. */
static void
buy(Turn *turn)
{
    QmGrid *grid = turn->grid;
    QmGridNumber interval = grid->terms.interval;
    QmGridNumber above = grid->price - grid->state.anchor;
    QmGridNumber steps = (2 * (above < 0 ? -above : above) + interval) / (2 * interval);
    QmGridNumber level = grid->state.anchor + (above < 0 ? -steps : steps) * interval;
    int active = qm_grid_live(grid, QM_GRID_BUY) + qm_grid_live(grid, QM_GRID_SELL);
    int layers = grid->terms.layers_max > 0 ? layers_taken(grid) : 0;
    int64_t before = grid->state.counter;
    unsigned ends = 0;

    for (int i = 0; i < grid->terms.buy_window && level > 0 && ends == 0; i++, level -= interval)
    {
        int made = (int) (grid->state.counter - before);

        if (turn->count == turn->max || grid->hold_until_us[QM_GRID_BUY] > turn->now_us)
            return;
        if (level * 10 >= grid->price * 10 - interval)
            continue;
        if (active + made >= grid->terms.cleanup_threshold)
            ends = QM_GRID_PAUSE_ORDERS;
        else if (grid->terms.layers_max > 0 && layers + made >= grid->terms.layers_max)
            ends = QM_GRID_PAUSE_LAYERS;
        else
            ends = buy_level(turn, level);
    }
    grid->pauses |= ends;
}

/* close_position wishes the sale of the whole position once no other order of ours is alive; it ends the closing when nothing is left. */
static void
close_position(Turn *turn)
{
    QmGrid *grid = turn->grid;
    QmGridSlot *closer = &grid->state.closer;
    QmGridOrder order = {.side = QM_GRID_SELL,
                         .price = closing_price(grid),
                         .quantity = qm_grid_closable(grid, qm_grid_position(grid)),
                         .reduce_only = true,
                         .why = grid->state.closing ? grid->state.closing_why : QM_GRID_WHY_EXIT};

    for (int i = 0; i < grid->state.slot_count; i++)
        if (grid->state.slots[i].order.kind != QM_GRID_NONE)
            return;
    for (int i = 0; i < grid->state.past_count; i++)
        if (grid->state.past[i].order.kind == QM_GRID_LIVE)
            return;
    if (closer->order.kind != QM_GRID_NONE)
        return;
    if (order.quantity == 0)
    {
        grid->changed = grid->changed || grid->state.closing;
        grid->state.closing = false;
        return;
    }
    if (turn->count == turn->max || turn->now_us < closer->rest_until_us ||
        turn->now_us < grid->hold_until_us[QM_GRID_SELL])
        return;
    wish(turn, closer, &order);
    closer->rest_until_us = turn->now_us + QM_GRID_ASK_AGAIN_US; /* it is not put lower before */
}

/* pauses_of returns why not all, or no purchases, may be placed now. */
static unsigned
pauses_of(QmGrid *grid, int64_t now_us)
{
    QmGridState *state = &grid->state;
    unsigned pauses = 0;

    if (state->stop_loss_since_us != 0 && grid->terms.stop_loss_us > 0 && !state->closing &&
        now_us - state->stop_loss_since_us >= grid->terms.stop_loss_us)
        qm_grid_resume(grid);
    if (grid->price != 0 && !grid->safe && grid->reconciled)
        grid->safe = qm_grid_is_safe(grid);
    pauses |= grid->price == 0 ? QM_GRID_PAUSE_NO_PRICE : 0;
    pauses |= grid->filters_fit ? 0 : QM_GRID_PAUSE_FILTERS;
    pauses |= grid->reconciled ? 0 : QM_GRID_PAUSE_RECONCILE;
    pauses |= grid->exiting ? QM_GRID_PAUSE_EXIT : 0;
    pauses |= state->closing ? QM_GRID_PAUSE_CLOSING : 0;
    pauses |= grid->safe ? 0 : QM_GRID_PAUSE_SAFETY;
    pauses |= state->risk_since_us != 0 ? QM_GRID_PAUSE_RISK : 0;
    pauses |= now_us < state->margin_until_us ? QM_GRID_PAUSE_MARGIN : 0;
    pauses |= grid->terms.trend_filter && qm_grid_trend_down(grid) ? QM_GRID_PAUSE_TREND : 0;
    pauses |= state->stop_loss_since_us != 0 ? QM_GRID_PAUSE_STOP_LOSS : 0;
    pauses |= grid->silent ? QM_GRID_PAUSE_SILENCE : 0;
    return pauses;
}

/* qm_grid_cancels fills out with the cancels alone. A sale is not repriced: the next one could not be placed. */
size_t
qm_grid_cancels(QmGrid *grid, int64_t now_us, QmGridWish *out, size_t max)
{
    Turn turn = {.grid = grid, .now_us = now_us, .out = out, .max = max};

    mark_orders(grid);
    cancel_marked(&turn);
    return turn.count;
}

/* qm_grid_wishes fills out with what the grid wants now. */
size_t
qm_grid_wishes(QmGrid *grid, int64_t now_us, QmGridWish *out, size_t max)
{
    Turn turn = {.grid = grid, .now_us = now_us, .out = out, .max = max};

    repeat(&turn);
    if (grid->price != 0 && grid->reconciled && !grid->exiting && !grid->state.closing)
        qm_grid_cleanup(grid, now_us);
    mark_orders(grid);
    mark_closer(&turn);
    cancel_marked(&turn);
    grid->pauses = pauses_of(grid, now_us);
    if (grid->reconciled && grid->filters_fit && grid->price != 0 && (grid->state.closing || grid->exit_closes))
        close_position(&turn);
    else if ((grid->pauses & PAUSES_ALL) == 0)
    {
        survey(&turn);
        sell(&turn);
        if ((grid->pauses & PAUSES_BUYS) == 0)
            buy(&turn);
    }
    qm_grid_tidy(grid);
    return turn.count;
}
