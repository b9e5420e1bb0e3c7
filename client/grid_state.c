/*
 * The grid's document: its state as JSON, written. grid_load.c reads it.
 *
 * A document has all that another instance needs to go on, and nothing that comes
 * back by itself: no price, no candles, no balances. What is 0 or false is left
 * out. Numbers of the market and ids are texts, times are microseconds. The limits
 * on slots and past orders keep the longest document below QM_STATE_DOCUMENT_MAX.
 */
#include "grid_inside.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"none", "wished", "live", "ended"};

/* qm_grid_kind_name returns what an order is as a word. */
const char *
qm_grid_kind_name(QmGridOrderKind kind)
{
    return kind_names[kind];
}

/* put adds a value to an object; NULL, for want of memory, spoils the whole document. */
static void
put(json_t *object, const char *key, json_t *value, bool *failed)
{
    if (json_object_set_new(object, key, value) != 0)
        *failed = true;
}

/* put_number adds a number as text, unless it is 0. */
static void
put_number(json_t *object, const char *key, QmGridNumber number, bool *failed)
{
    char text[QM_GRID_NUMBER_SIZE];

    if (number == 0)
        return;
    qm_grid_print(number, text);
    put(object, key, json_string(text), failed);
}

/* put_id adds an order's id as text, unless it is 0. */
static void
put_id(json_t *object, const char *key, int64_t id, bool *failed)
{
    char text[32];

    if (id == 0)
        return;
    snprintf(text, sizeof(text), "%" PRId64, id);
    put(object, key, json_string(text), failed);
}

/* put_integer adds a time or a count, unless it is 0. */
static void
put_integer(json_t *object, const char *key, int64_t value, bool *failed)
{
    if (value != 0)
        put(object, key, json_integer(value), failed);
}

/* put_text adds a text, unless it is empty. */
static void
put_text(json_t *object, const char *key, const char *text, bool *failed)
{
    if (*text != '\0')
        put(object, key, json_string(text), failed);
}

/* put_flag adds what is true. */
static void
put_flag(json_t *object, const char *key, bool flag, bool *failed)
{
    if (flag)
        put(object, key, json_true(), failed);
}

/* order_of writes an order; a purchase's price is its slot's. */
static json_t *
order_of(const QmGridOrder *order, QmGridNumber slot_price, bool *failed)
{
    json_t *object = json_object();

    put_text(object, "kind", qm_grid_kind_name(order->kind), failed);
    put_text(object, "side", order->side == QM_GRID_BUY ? "buy" : "sell", failed);
    put_id(object, "id", order->id, failed);
    put_text(object, "client", order->client_id, failed);
    if (order->price != slot_price)
        put_number(object, "price", order->price, failed);
    put_number(object, "quantity", order->quantity, failed);
    put_number(object, "filled", order->filled, failed);
    put_number(object, "fee", order->fee, failed);
    put_number(object, "fee_filled", order->fee_filled, failed);
    put_number(object, "fee_booked", order->fee_booked, failed);
    put_flag(object, "refused", order->refused, failed);
    if (order->cancel || order->kind == QM_GRID_WISHED)
        put_text(object, "why", qm_grid_why_name(order->why), failed);
    put_flag(object, "cancel", order->cancel, failed);
    if (order->kind != QM_GRID_WISHED)
        return object;
    put_flag(object, "post_only", order->post_only, failed);
    put_flag(object, "reduce_only", order->reduce_only, failed);
    put_text(object, "request", order->request, failed);
    put_integer(object, "valid_until_us", order->valid_until_us, failed);
    return object;
}

/* slot_of writes a slot. */
static json_t *
slot_of(const QmGridSlot *slot, bool *failed)
{
    json_t *object = json_object();

    put_number(object, "price", slot->price, failed);
    put_number(object, "position", slot->position, failed);
    put_number(object, "cleaned_at", slot->cleaned, failed);
    if (slot->post_only_failures != 0)
    {
        put_integer(object, "post_only_failures", slot->post_only_failures, failed);
        put_text(object, "failed_side", slot->failed_side == QM_GRID_BUY ? "buy" : "sell", failed);
    }
    if (slot->order.kind != QM_GRID_NONE)
        put(object, "order", order_of(&slot->order, slot->price, failed), failed);
    return object;
}

/* says_something tells whether a slot has anything that is worth writing down. */
static bool
says_something(const QmGridSlot *slot)
{
    return slot->position != 0 || slot->cleaned != 0 || slot->post_only_failures != 0 ||
           slot->order.kind != QM_GRID_NONE;
}

/* put_slots adds all slots. */
static void
put_slots(json_t *object, const QmGridState *state, bool *failed)
{
    json_t *slots = json_array();

    for (int i = 0; i < state->slot_count; i++)
        if (says_something(&state->slots[i]) && json_array_append_new(slots, slot_of(&state->slots[i], failed)) != 0)
            *failed = true;
    put(object, "slots", slots, failed);
    if (says_something(&state->closer))
        put(object, "closer", slot_of(&state->closer, failed), failed);
}

/* put_past adds the orders that have left their slots. */
static void
put_past(json_t *object, const QmGridState *state, bool *failed)
{
    json_t *past = json_array();

    for (int i = 0; i < state->past_count; i++)
    {
        json_t *entry = json_object();

        put_number(entry, "slot", state->past[i].slot_price, failed);
        put(entry, "order", order_of(&state->past[i].order, state->past[i].slot_price, failed), failed);
        if (json_array_append_new(past, entry) != 0)
            *failed = true;
    }
    put(object, "past", past, failed);
}

/* qm_grid_document writes the state; NULL when there is no memory. */
char *
qm_grid_document(const QmGrid *grid)
{
    const QmGridState *state = &grid->state;
    json_t *object = json_object();
    bool failed = false;
    char *text;

    put(object, "version", json_integer(QM_GRID_VERSION), &failed);
    put_text(object, "symbol", grid->terms.symbol, &failed);
    put_number(object, "anchor", state->anchor, &failed);
    put_integer(object, "counter", state->counter, &failed);
    put_id(object, "forgotten", state->forgotten_id, &failed);
    put_integer(object, "late", state->late, &failed);
    put_number(object, "loose", state->loose, &failed);
    put_number(object, "peak", state->peak, &failed);
    if (state->closing)
        put_text(object, "closing", qm_grid_why_name(state->closing_why), &failed);
    put_integer(object, "risk_since_us", state->risk_since_us, &failed);
    put_integer(object, "stop_loss_since_us", state->stop_loss_since_us, &failed);
    put_integer(object, "margin_until_us", state->margin_until_us, &failed);
    put_slots(object, state, &failed);
    put_past(object, state, &failed);
    text = failed ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}
