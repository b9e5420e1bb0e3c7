/*
 * Slots of the grid, the orders that have left them, and the booking of fills.
 *
 * A fill is booked exactly when the cumulative quantity of its order grows, so an
 * order's record must outlive the order for as long as news of it can be late: as
 * one of the past ones. When the smallest id of them makes room, it is remembered
 * that no order up to it is new.
 */
#include "grid_inside.h"

#include <stdio.h>
#include <string.h>

/* qm_grid_slot_name writes the name of the slot whose purchase has that price. */
void
qm_grid_slot_name(QmGridNumber price, char out[QM_GRID_SLOT_SIZE])
{
    char text[QM_GRID_NUMBER_SIZE];

    if (price == 0)
    {
        snprintf(out, QM_GRID_SLOT_SIZE, "%s", QM_GRID_EXIT_SLOT);
        return;
    }
    qm_grid_print(price, text);
    snprintf(out, QM_GRID_SLOT_SIZE, "g%.*s", QM_GRID_SLOT_SIZE - 2, text);
}

/* qm_grid_slot_price reads a slot's name; false when it is none of ours. */
bool
qm_grid_slot_price(const char *name, QmGridNumber *price)
{
    if (name == NULL || *name != 'g')
        return false;
    if (strcmp(name, QM_GRID_EXIT_SLOT) == 0)
    {
        *price = 0;
        return true;
    }
    return qm_grid_read_small(name + 1, price) && *price > 0;
}

/* position_of returns where a slot of that price is, or belongs. */
static int
position_of(const QmGrid *grid, QmGridNumber price)
{
    int low = 0;
    int high = grid->state.slot_count;

    while (low < high)
    {
        int middle = (low + high) / 2;

        if (grid->state.slots[middle].price < price)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* qm_grid_slot_find returns the slot of that price, the closing sale's for 0, or NULL. */
QmGridSlot *
qm_grid_slot_find(QmGrid *grid, QmGridNumber price)
{
    int at = position_of(grid, price);

    if (price == 0)
        return &grid->state.closer;
    return at < grid->state.slot_count && grid->state.slots[at].price == price ? &grid->state.slots[at] : NULL;
}

/* qm_grid_slot_make returns the slot of that price, new if need be; NULL when there are too many. It moves other slots. */
QmGridSlot *
qm_grid_slot_make(QmGrid *grid, QmGridNumber price)
{
    QmGridSlot *slot = qm_grid_slot_find(grid, price);
    int at = position_of(grid, price);

    if (slot != NULL || grid->state.slot_count == QM_GRID_SLOTS_MAX)
        return slot;
    slot = &grid->state.slots[at];
    memmove(slot + 1, slot, sizeof(*slot) * (size_t) (grid->state.slot_count - at));
    memset(slot, 0, sizeof(*slot));
    slot->price = price;
    grid->state.slot_count++;
    return slot;
}

/* qm_grid_slot_at returns a slot by its number: those of the levels, then the closing sale's; NULL behind that. */
QmGridSlot *
qm_grid_slot_at(QmGrid *grid, int index)
{
    if (index < grid->state.slot_count)
        return &grid->state.slots[index];
    return index == grid->state.slot_count ? &grid->state.closer : NULL;
}

/* qm_grid_slot_of_order returns the slot that has the live order of that id, or NULL. */
QmGridSlot *
qm_grid_slot_of_order(QmGrid *grid, int64_t order_id)
{
    QmGridSlot *slot;

    for (int i = 0; (slot = qm_grid_slot_at(grid, i)) != NULL; i++)
        if (slot->order.kind == QM_GRID_LIVE && slot->order.id == order_id)
            return slot;
    return NULL;
}

/* qm_grid_slot_of_request returns the slot whose wish has no answer yet, by its request_id, or NULL. */
QmGridSlot *
qm_grid_slot_of_request(QmGrid *grid, const char *request)
{
    QmGridSlot *slot;

    if (request == NULL || *request == '\0')
        return NULL;
    for (int i = 0; (slot = qm_grid_slot_at(grid, i)) != NULL; i++)
        if (slot->order.kind == QM_GRID_WISHED && strcmp(slot->order.request, request) == 0)
            return slot;
    return NULL;
}

/* qm_grid_past_find returns the past order of that id, or NULL. */
QmGridPast *
qm_grid_past_find(QmGrid *grid, int64_t order_id)
{
    for (int i = 0; i < grid->state.past_count; i++)
        if (grid->state.past[i].order.id == order_id)
            return &grid->state.past[i];
    return NULL;
}

/* qm_grid_past_is_live says whether a live order is astray from that slot: it must end before the slot gets another. */
bool
qm_grid_past_is_live(const QmGrid *grid, QmGridNumber slot_price)
{
    for (int i = 0; i < grid->state.past_count; i++)
        if (grid->state.past[i].order.kind == QM_GRID_LIVE && grid->state.past[i].slot_price == slot_price)
            return true;
    return false;
}

/* qm_grid_doubt says that our position may not be what the slots say: nothing is placed until the ledger has been asked. */
void
qm_grid_doubt(QmGrid *grid)
{
    grid->wants_reconcile = true;
    grid->reconciled = false;
}

/* oldest_ended returns the past order of the smallest id that has ended, or NULL. */
static QmGridPast *
oldest_ended(QmGridState *state)
{
    QmGridPast *oldest = NULL;

    for (int i = 0; i < state->past_count; i++)
        if (state->past[i].order.kind == QM_GRID_ENDED &&
            (oldest == NULL || state->past[i].order.id < oldest->order.id))
            oldest = &state->past[i];
    return oldest;
}

/* qm_grid_past_keep remembers an order without a slot, in place of the oldest that has ended; false: all others are live. */
bool
qm_grid_past_keep(QmGrid *grid, QmGridNumber slot_price, const QmGridOrder *order)
{
    QmGridState *state = &grid->state;
    QmGridPast *room;

    if (state->past_count < QM_GRID_PAST_MAX)
        room = &state->past[state->past_count++];
    else if ((room = oldest_ended(state)) == NULL)
        return false;
    else if (room->order.id > state->forgotten_id)
        state->forgotten_id = room->order.id;
    room->slot_price = slot_price;
    room->order = *order;
    return true;
}

/* fee_of returns what an order has paid in the base asset: as told, and for purchases at the usual rate for what was not. */
static QmGridNumber
fee_of(const QmGrid *grid, const QmGridOrder *order)
{
    QmGridNumber fee = order->fee;

    if (order->side == QM_GRID_SELL)
        return fee;
    if (grid->terms.fee_from_base)
        fee += qm_grid_product_up(order->filled - order->fee_filled, grid->terms.fee_rate);
    return fee > order->filled ? order->filled : fee;
}

/* add_to_slot changes a slot's position. Without room for a slot the quantity is loose, so that it is not lost. */
static void
add_to_slot(QmGrid *grid, QmGridNumber slot_price, QmGridNumber quantity)
{
    QmGridSlot *slot = qm_grid_slot_make(grid, slot_price);

    if (slot == NULL)
    {
        grid->state.loose += quantity;
        return;
    }
    slot->position += quantity;
    if (slot->position < 0)
    {
        grid->state.loose += slot->position;
        slot->position = 0;
        qm_grid_doubt(grid);
    }
}

/*
 * qm_grid_book brings an order's fills to a cumulative quantity, and its fee to
 * what is told of it (NULL: nothing). Says whether anything was new. May move
 * slots, but not within one that is there.
 */
bool
qm_grid_book(QmGrid *grid, QmGridNumber slot_price, QmGridOrder *order, QmGridNumber filled, const QmGridNumber *fee)
{
    QmGridNumber more = filled > order->filled ? filled - order->filled : 0;
    QmGridNumber more_fee;
    QmGridNumber gain; /* of our position */

    order->filled += more;
    if (fee != NULL && (filled > order->fee_filled || (filled == order->fee_filled && *fee > order->fee)))
    {
        order->fee = *fee;
        order->fee_filled = filled;
    }
    more_fee = fee_of(grid, order) - order->fee_booked;
    order->fee_booked += more_fee;
    if (more == 0 && more_fee == 0)
        return false;
    grid->changed = true;
    if (order->kind == QM_GRID_ENDED)
        qm_grid_doubt(grid); /* the ledger may have had it when it was compared: then it is loose by now, too */
    gain = order->side == QM_GRID_SELL ? -more - more_fee : more - more_fee;
    if (slot_price == 0)
        qm_grid_take(grid, -gain);
    else
        add_to_slot(grid, slot_price, gain);
    return true;
}

/*
 * qm_grid_take takes a quantity off our position, wherever it is: first what is
 * loose, then from the highest slot down, those last whose own sale is alive. A
 * negative quantity is loose.
 */
void
qm_grid_take(QmGrid *grid, QmGridNumber quantity)
{
    QmGridState *state = &grid->state;
    QmGridNumber part = state->loose < quantity ? state->loose : quantity;

    if (quantity > 0 && part > 0)
    {
        state->loose -= part;
        quantity -= part;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int i = state->slot_count - 1; i >= 0 && quantity > 0; i--)
        {
            QmGridSlot *slot = &state->slots[i];
            bool selling = slot->order.kind != QM_GRID_NONE && slot->order.side == QM_GRID_SELL;

            if (selling != (pass == 1))
                continue;
            part = slot->position < quantity ? slot->position : quantity;
            slot->position -= part;
            quantity -= part;
        }
    state->loose -= quantity;
    grid->changed = true;
}

/* qm_grid_end takes a slot's order out of it. One that had reached the store is kept among the past ones. */
void
qm_grid_end(QmGrid *grid, QmGridSlot *slot)
{
    if (slot->order.kind == QM_GRID_LIVE)
    {
        slot->order.kind = QM_GRID_ENDED;
        slot->order.unsure = false;
        if (!qm_grid_past_keep(grid, slot->price, &slot->order))
            qm_grid_doubt(grid);
    }
    memset(&slot->order, 0, sizeof(slot->order));
    grid->changed = true;
}

/* qm_grid_tidy drops slots that say nothing any more. Marks of slots that are out of the windows have no use. */
void
qm_grid_tidy(QmGrid *grid)
{
    QmGridState *state = &grid->state;
    QmGridNumber reach = grid->terms.interval * (QM_GRID_WINDOW_MAX + 1);
    int kept = 0;

    for (int i = 0; i < state->slot_count; i++)
    {
        QmGridSlot *slot = &state->slots[i];
        bool far = grid->price != 0 && (slot->price > grid->price + reach || slot->price < grid->price - reach);
        bool marked = slot->post_only_failures != 0 || slot->cleaned != 0 || slot->rest_until_us != 0;

        if (slot->position == 0 && slot->order.kind == QM_GRID_NONE && (far || !marked))
        {
            grid->changed = grid->changed || marked;
            continue;
        }
        if (kept != i)
            state->slots[kept] = *slot;
        kept++;
    }
    state->slot_count = kept;
}

/* qm_grid_position returns what is ours: of all slots, and loose. */
QmGridNumber
qm_grid_position(const QmGrid *grid)
{
    QmGridNumber sum = grid->state.loose;

    for (int i = 0; i < grid->state.slot_count; i++)
        sum += grid->state.slots[i].position;
    return sum;
}
