/*
 * The grid's document, read. grid_state.c writes it.
 *
 * All of it is checked before any of it counts: a document that somebody has
 * changed by hand is either understood or refused with the place of the mistake.
 */
#include "grid_inside.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being read, and the first thing that is wrong with it. */
typedef struct Reader
{
    QmError *error;
    QmCode code;
    const char *part; /* slots, past, closer: where */
    int index;
} Reader;

/* refuse keeps the first mistake. */
static void
refuse(Reader *reader, QmCode code, const char *format, ...)
{
    char what[128];
    va_list arguments;

    if (reader->code != QM_OK)
        return;
    reader->code = code;
    if (reader->error == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    memset(reader->error, 0, sizeof(*reader->error));
    reader->error->code = code;
    snprintf(reader->error->message,
             sizeof(reader->error->message),
             "the grid's document cannot be used: %s (%s %d)",
             what,
             reader->part,
             reader->index);
}

/* number reads a number; 0 where there is none. */
static QmGridNumber
number(Reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    QmGridNumber read = 0;

    if (value != NULL && (!json_is_string(value) || !qm_grid_read(json_string_value(value), &read)))
        refuse(reader, QM_ERROR_ARGUMENT, "%s is no number", key);
    return read;
}

/* positive reads a price or a quantity; 0 where there is none. */
static QmGridNumber
positive(Reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    QmGridNumber read = 0;

    if (value != NULL && (!json_is_string(value) || !qm_grid_read_small(json_string_value(value), &read)))
        refuse(reader, QM_ERROR_ARGUMENT, "%s is no number from 0 to 10^10", key);
    return read;
}

/* integer reads a time or a count that is not negative; 0 where there is none. */
static int64_t
integer(Reader *reader, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        refuse(reader, QM_ERROR_ARGUMENT, "%s is no whole number", key);
    return json_integer_value(value);
}

/* id reads an order's id; 0 where there is none. */
static int64_t
id(Reader *reader, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    char *end = NULL;
    long long read;

    if (json_object_get(object, key) == NULL)
        return 0;
    read = text == NULL ? 0 : strtoll(text, &end, 10);
    if (read <= 0 || *end != '\0')
        refuse(reader, QM_ERROR_ARGUMENT, "%s is no order's id", key);
    return read;
}

/* copy reads a text that fits; empty where there is none. */
static void
copy(Reader *reader, const json_t *object, const char *key, char *out, size_t size)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return;
    if (!json_is_string(value) || json_string_length(value) >= size)
        refuse(reader, QM_ERROR_ARGUMENT, "%s is no text of at most %d bytes", key, (int) size - 1);
    else
        memcpy(out, json_string_value(value), json_string_length(value) + 1);
}

/* word reads a text that must be one of names; 0 where there is none. */
static int
word(Reader *reader, const json_t *object, const char *key, const char *(*name_of)(int), int count)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return 0;
    for (int i = 0; i < count; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), name_of(i)) == 0)
            return i;
    refuse(reader, QM_ERROR_ARGUMENT, "%s has a word that is not known", key);
    return 0;
}

static const char *
side_word(int side)
{
    return side == QM_GRID_BUY ? "buy" : "sell";
}

static const char *
kind_word(int kind)
{
    return qm_grid_kind_name((QmGridOrderKind) kind);
}

static const char *
why_word(int why)
{
    return qm_grid_why_name((QmGridWhy) why);
}

/* read_order reads an order of a slot of that price. */
static void
read_order(Reader *reader, const json_t *object, QmGridNumber slot_price, QmGridOrder *order)
{
    if (!json_is_object(object))
    {
        refuse(reader, QM_ERROR_ARGUMENT, "order is no object");
        return;
    }
    order->kind = (QmGridOrderKind) word(reader, object, "kind", kind_word, QM_GRID_ENDED + 1);
    order->side = (QmGridSide) word(reader, object, "side", side_word, QM_GRID_SELL + 1);
    order->why = (QmGridWhy) word(reader, object, "why", why_word, QM_GRID_WHY_CLASH + 1);
    order->id = id(reader, object, "id");
    order->price = positive(reader, object, "price");
    if (order->price == 0)
        order->price = slot_price;
    order->quantity = positive(reader, object, "quantity");
    order->filled = positive(reader, object, "filled");
    order->fee = positive(reader, object, "fee");
    order->fee_filled = positive(reader, object, "fee_filled");
    order->fee_booked = positive(reader, object, "fee_booked");
    order->refused = json_is_true(json_object_get(object, "refused"));
    order->cancel = json_is_true(json_object_get(object, "cancel"));
    order->post_only = json_is_true(json_object_get(object, "post_only"));
    order->reduce_only = json_is_true(json_object_get(object, "reduce_only"));
    order->valid_until_us = integer(reader, object, "valid_until_us");
    copy(reader, object, "client", order->client_id, sizeof(order->client_id));
    copy(reader, object, "request", order->request, sizeof(order->request));
    if (order->kind == QM_GRID_NONE || order->quantity == 0 || order->price == 0 ||
        (order->kind == QM_GRID_WISHED ? order->request[0] == '\0' : order->id == 0))
        refuse(reader, QM_ERROR_ARGUMENT, "an order lacks its kind, id, request, price or quantity");
}

/* read_slot reads a slot. */
static void
read_slot(Reader *reader, const json_t *object, QmGridSlot *slot)
{
    const json_t *order = json_object_get(object, "order");
    int64_t failures = integer(reader, object, "post_only_failures");

    slot->price = positive(reader, object, "price");
    slot->position = number(reader, object, "position");
    slot->cleaned = positive(reader, object, "cleaned_at");
    slot->failed_side = (QmGridSide) word(reader, object, "failed_side", side_word, QM_GRID_SELL + 1);
    if (slot->position < 0)
        refuse(reader, QM_ERROR_ARGUMENT, "position is negative");
    if (failures > QM_GRID_POST_ONLY_TRIES)
        refuse(reader, QM_ERROR_ARGUMENT, "post_only_failures is above %d", QM_GRID_POST_ONLY_TRIES);
    slot->post_only_failures = (int) failures;
    if (order != NULL)
        read_order(reader, order, slot->price, &slot->order);
    if (slot->order.kind == QM_GRID_ENDED)
        refuse(reader, QM_ERROR_ARGUMENT, "an order in a slot has ended");
}

/* read_slots reads all slots, which are in the order of their prices. */
static void
read_slots(Reader *reader, const json_t *document, QmGridState *state)
{
    const json_t *slots = json_object_get(document, "slots");
    const json_t *closer = json_object_get(document, "closer");

    reader->part = "slots";
    if (!json_is_array(slots) || json_array_size(slots) > QM_GRID_SLOTS_MAX)
        refuse(reader, QM_ERROR_ARGUMENT, "slots is no list of at most %d", QM_GRID_SLOTS_MAX);
    for (size_t i = 0; i < json_array_size(slots) && reader->code == QM_OK; i++)
    {
        QmGridSlot *slot = &state->slots[state->slot_count++];

        reader->index = (int) i;
        read_slot(reader, json_array_get(slots, i), slot);
        if (slot->price <= (i == 0 ? 0 : slot[-1].price))
            refuse(reader, QM_ERROR_ARGUMENT, "a slot has no price, or is out of order");
    }
    reader->part = "closer";
    if (closer != NULL)
        read_slot(reader, closer, &state->closer);
    if (state->closer.price != 0 || state->closer.position != 0)
        refuse(reader, QM_ERROR_ARGUMENT, "the closing sale's slot has a price or a position");
}

/* read_past reads the orders that have left their slots. */
static void
read_past(Reader *reader, const json_t *document, QmGridState *state)
{
    const json_t *past = json_object_get(document, "past");

    reader->part = "past";
    if (!json_is_array(past) || json_array_size(past) > QM_GRID_PAST_MAX)
        refuse(reader, QM_ERROR_ARGUMENT, "past is no list of at most %d", QM_GRID_PAST_MAX);
    for (size_t i = 0; i < json_array_size(past) && reader->code == QM_OK; i++)
    {
        QmGridPast *entry = &state->past[state->past_count++];

        reader->index = (int) i;
        entry->slot_price = positive(reader, json_array_get(past, i), "slot");
        read_order(reader, json_object_get(json_array_get(past, i), "order"), entry->slot_price, &entry->order);
        if (entry->order.kind == QM_GRID_WISHED)
            refuse(reader, QM_ERROR_ARGUMENT, "a past order was never placed");
    }
}

/* read_document reads all of it. */
static void
read_document(Reader *reader, const json_t *document, const char *symbol, QmGridState *state)
{
    const char *text = json_string_value(json_object_get(document, "symbol"));
    int64_t version = integer(reader, document, "version");

    if (version > QM_GRID_VERSION)
        refuse(reader,
               QM_ERROR_VERSION,
               "it has version %lld, and this program knows %d",
               (long long) version,
               QM_GRID_VERSION);
    if (version < 1)
        refuse(reader, QM_ERROR_ARGUMENT, "it has no version");
    if (text == NULL || strcmp(text, symbol) != 0)
        refuse(reader, QM_ERROR_ARGUMENT, "it is not one of %s", symbol);
    state->anchor = positive(reader, document, "anchor");
    state->counter = integer(reader, document, "counter");
    state->forgotten_id = id(reader, document, "forgotten");
    state->late = integer(reader, document, "late");
    state->loose = number(reader, document, "loose");
    state->peak = positive(reader, document, "peak");
    state->closing = json_object_get(document, "closing") != NULL;
    state->closing_why = (QmGridWhy) word(reader, document, "closing", why_word, QM_GRID_WHY_CLASH + 1);
    state->risk_since_us = integer(reader, document, "risk_since_us");
    state->stop_loss_since_us = integer(reader, document, "stop_loss_since_us");
    state->margin_until_us = integer(reader, document, "margin_until_us");
    read_slots(reader, document, state);
    read_past(reader, document, state);
}

/* take_over makes a state that was read the grid's. */
static void
take_over(QmGrid *grid, const QmGridState *state)
{
    grid->state = *state;
    grid->changed = false;
    grid->peak_saved = state->peak;
    grid->cleanup_us = 0;
    grid->safe = false;
    grid->reconciled = false;
    grid->wants_reconcile = true;
    grid->hold_until_us[QM_GRID_BUY] = 0;
    grid->hold_until_us[QM_GRID_SELL] = 0;
    qm_grid_fit_anchor(grid);
}

/* qm_grid_load takes over a document; NULL: there is none. */
QmCode
qm_grid_load(QmGrid *grid, const char *document, QmError *error)
{
    Reader reader = {.error = error, .part = "document"};
    QmGridState *state = calloc(1, sizeof(*state));
    json_error_t where;
    json_t *object = NULL;

    if (state == NULL)
        refuse(&reader, QM_ERROR_MEMORY, "there is no memory");
    else if (document != NULL)
    {
        object = json_loads(document, JSON_REJECT_DUPLICATES, &where);
        if (!json_is_object(object))
            refuse(&reader, QM_ERROR_ARGUMENT, "it is no JSON object");
        else
            read_document(&reader, object, grid->terms.symbol, state);
    }
    if (reader.code == QM_OK)
        take_over(grid, state);
    json_decref(object);
    free(state);
    return reader.code;
}
