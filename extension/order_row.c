/*
 * Order rows. An order is read under its row lock, changed in memory, and
 * written back, with its event and its row of quantmesh.live_order, by the one
 * function that updates quantmesh.orders. The columns that follow from others
 * (live, exposed) are computed here, and so is what the order adds to exposure;
 * counts of states and durations are told to the metrics in the same place.
 */
#include "order_row.h"

#include "access/xact.h"
#include "archive.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "compat.h"
#include "decimal.h"
#include "fence.h"
#include "live_order.h"
#include "lock.h"
#include "market_number.h"
#include "order_metric.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static QmOrder *read_order(void);
static QmCancelState cancel_state_of(const char *name);
static void require_visible(const Datum *key);
static void move(QmOrder *order, QmOrderState to);
static bool lock_level(const QmOrder *order);
static int64 slot_holder(const QmOrder *order);
static void change_exposure(const QmOrder *before, const QmOrder *after, Numeric position_change);
static void count(const QmOrder *before, const QmOrder *after);
static Numeric pending(const QmOrder *order);
static QmAmount amount(Numeric value);

/* The order as it is now, and its event. */
static QmQuery write_query =
    {"WITH event AS (INSERT INTO quantmesh.order_event (account, order_id, event_id, at, event, from_state, "
     "to_state, cancel_state, source, trade_id, event_time, discrepancy, detail) "
     "VALUES ($1, $2, $25, $22, $26, $27, $6, $7, $28, $29, $30, $31, $32)) "
     "UPDATE quantmesh.orders SET client_order_id = $3, attempt = $4, exchange_order_id = $5, state = $6, "
     "cancel_state = $7, live = $8, holds_slot = $9, exposed = $10, fence = $11, filled_quantity = $12, "
     "busted_quantity = $13, filled_quote = $14, reported_quantity = $15, send_before = $16, valid_until = $17, "
     "submitted_at = $18, opened_at = $19, cancel_requested_at = $20, ended_at = $21, updated_at = $22, "
     "error_code = $23, error_message = $24, instance = $33, epoch = $34, owner = $35 "
     "WHERE account = $1 AND order_id = $2",
     35,
     {TEXTOID,        INT8OID,        TEXTOID,        INT4OID,        TEXTOID,        TEXTOID,        TEXTOID,
      BOOLOID,        BOOLOID,        BOOLOID,        INT8OID,        NUMERICOID,     NUMERICOID,     NUMERICOID,
      NUMERICOID,     TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
      TIMESTAMPTZOID, TEXTOID,        TEXTOID,        INT8OID,        TEXTOID,        TEXTOID,        TEXTOID,
      TEXTOID,        TIMESTAMPTZOID, TEXTOID,        JSONBOID,       TEXTOID,        INT8OID,        TEXTOID}};

static const char *const cancel_states[QM_CANCEL_STATES] = {
    [QM_CANCEL_NONE] = "none",
    [QM_CANCEL_REQUESTED] = "requested",
    [QM_CANCEL_SENT] = "sent",
    [QM_CANCEL_DONE] = "done",
    [QM_CANCEL_REJECTED] = "rejected",
    [QM_CANCEL_UNKNOWN] = "unknown",
};

/*
 * qm_order_lock locks the order's row until the end of the transaction and
 * returns it as it is now, or NULL when there is none. An archived one comes back
 * for that. A caller of repeatable
 * read whose snapshot is older than the row gets 40001.
 */
QmOrder *
qm_order_lock(const char *account, int64 order_id)
{
    static QmQuery query =
        {"SELECT account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, "
         "slot, strategy, instance, epoch, owner, client_order_id, attempt, exchange_order_id, state, cancel_state, "
         "holds_slot, fence, filled_quantity, busted_quantity, filled_quote, reported_quantity, send_before, "
         "valid_until, submitted_at, opened_at, cancel_requested_at, ended_at, updated_at, error_code, error_message "
         "FROM quantmesh.orders WHERE account = $1 AND order_id = $2 FOR NO KEY UPDATE",
         2,
         {TEXTOID, INT8OID}};
    Datum key[] = {CStringGetTextDatum(account), Int64GetDatum(order_id)};

    if (qm_query_run(&query, key, NULL) == 0)
    {
        require_visible(key);
        qm_order_unarchive(account, order_id);
        if (qm_query_run(&query, key, NULL) == 0)
            return NULL;
    }
    return read_order();
}

/* require_visible errors with 40001 when the order is there, but the transaction's snapshot is too old to see it. */
static void
require_visible(const Datum *key)
{
    static QmQuery query = {"SELECT FROM quantmesh.orders WHERE account = $1 AND order_id = $2", 2, {TEXTOID, INT8OID}};

    if (IsolationUsesXactSnapshot() && qm_query_read_latest(&query, key, NULL) > 0)
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("could not serialize access: order " INT64_FORMAT " is newer than this transaction",
                        DatumGetInt64(key[1])),
                 errhint("Repeat the transaction.")));
}

/* read_order returns the row that qm_order_lock has selected. */
static QmOrder *
read_order(void)
{
    QmOrder *order = palloc0(sizeof(QmOrder));

    order->account = qm_row_text(0, 0);
    order->order_id = qm_row_int64(0, 1);
    order->symbol = qm_row_text(0, 2);
    order->buy = strcmp(qm_row_text(0, 3), "buy") == 0;
    order->order_type = qm_row_text(0, 4);
    order->time_in_force = qm_row_text(0, 5);
    order->price = qm_row_number(0, 6);
    order->quantity = qm_row_number(0, 7);
    order->post_only = qm_row_bool(0, 8);
    order->reduce_only = qm_row_bool(0, 9);
    order->slot = qm_row_text(0, 10);
    order->strategy = qm_row_text(0, 11);
    order->instance = qm_row_text(0, 12);
    order->epoch = qm_row_int64(0, 13);
    order->owner = qm_row_text(0, 14);
    order->client_order_id = qm_row_text(0, 15);
    order->attempt = (int) qm_row_int64(0, 16);
    order->exchange_order_id = qm_row_text(0, 17);
    order->state = qm_order_state_of(qm_row_text(0, 18));
    order->cancel_state = cancel_state_of(qm_row_text(0, 19));
    order->holds_slot = qm_row_bool(0, 20);
    order->fence = qm_row_int64(0, 21);
    order->filled_quantity = qm_row_number(0, 22);
    order->busted_quantity = qm_row_number(0, 23);
    order->filled_quote = qm_row_number(0, 24);
    order->reported_quantity = qm_row_number(0, 25);
    order->send_before = qm_row_int64(0, 26);
    order->valid_until = qm_row_int64(0, 27);
    order->submitted_at = qm_row_int64(0, 28);
    order->opened_at = qm_row_int64(0, 29);
    order->cancel_requested_at = qm_row_int64(0, 30);
    order->ended_at = qm_row_int64(0, 31);
    order->updated_at = qm_row_int64(0, 32);
    order->error_code = qm_row_text(0, 33);
    order->error_message = qm_row_text(0, 34);
    return order;
}

/* qm_order_state_of returns the state of that name; the table's CHECK knows the same ones. */
QmOrderState
qm_order_state_of(const char *name)
{
    for (QmOrderState state = 0; state < QM_ORDER_STATES; state++)
    {
        if (strcmp(qm_order_state_name(state), name) == 0)
            return state;
    }
    elog(ERROR, "unknown order state \"%s\"", name);
}

/* cancel_state_of returns the cancel state of that name; the table's CHECK knows the same ones. */
static QmCancelState
cancel_state_of(const char *name)
{
    for (QmCancelState state = 0; state < QM_CANCEL_STATES; state++)
    {
        if (strcmp(cancel_states[state], name) == 0)
            return state;
    }
    elog(ERROR, "unknown cancel state \"%s\"", name);
}

/* qm_cancel_state_name returns the word that tables, views and messages show. */
const char *
qm_cancel_state_name(QmCancelState state)
{
    return cancel_states[state];
}

/* qm_order_copy returns a copy, to be kept as it was while the order is changed. */
QmOrder *
qm_order_copy(const QmOrder *order)
{
    QmOrder *copy = palloc(sizeof(QmOrder));

    *copy = *order;
    return copy;
}

/*
 * qm_order_happen makes an event happen to the order in memory, and returns its
 * effect. An order that ends gives its slot up; one that is revived takes it
 * back if it can. The exchange's word that an order is filled counts as a report of its
 * whole quantity, also where it contradicts an earlier end: then fills may still
 * come. A cancel that is under way is done when the order turns out canceled.
 */
QmOrderEffect
qm_order_happen(QmOrder *order, QmOrderEvent event)
{
    QmOrderTransition transition = qm_order_transition(order->state, event);

    if (transition.effect == QM_EFFECT_REFUSED)
        return transition.effect;
    if (event == QM_EVENT_FILLED && qm_decimal_cmp(order->reported_quantity, order->quantity) < 0)
        order->reported_quantity = order->quantity;
    if (event >= QM_EVENT_OPENED && order->opened_at == 0)
        order->opened_at = GetCurrentTimestamp();
    if (transition.to != order->state)
        move(order, transition.to);
    if (event == QM_EVENT_CANCELED && order->state == QM_ORDER_CANCELED &&
        (order->cancel_state == QM_CANCEL_REQUESTED || order->cancel_state == QM_CANCEL_SENT ||
         order->cancel_state == QM_CANCEL_UNKNOWN))
        order->cancel_state = QM_CANCEL_DONE;
    return transition.effect;
}

/*
 * qm_order_conclude makes an event happen that nobody has reported but that
 * follows from what is known, and writes it; false when it cannot happen any
 * more. The order is locked.
 */
bool
qm_order_conclude(const QmOrder *before, QmOrderEvent event, const char *discrepancy, Jsonb *detail)
{
    QmOrderNews news = {.event = qm_order_event_name(event),
                        .source = "reconcile",
                        .discrepancy = discrepancy,
                        .detail = detail};
    QmOrder *order = qm_order_copy(before);

    if (qm_order_happen(order, event) == QM_EFFECT_REFUSED)
        return false;
    qm_order_write(before, order, &news);
    return true;
}

/*
 * qm_order_end_attempt notes that the last attempt has come to nothing, although
 * the order is at the exchange: then an earlier one brought it there, and only that
 * one can still end it, or has filled it. False when that is no news, or cannot be.
 */
bool
qm_order_end_attempt(QmOrder *order)
{
    Numeric gross = qm_decimal_add(order->filled_quantity, order->busted_quantity);

    if (order->attempt == 0 || order->submitted_at == 0 ||
        (order->state != QM_ORDER_OPEN && order->state != QM_ORDER_PARTIALLY_FILLED))
        return false;
    order->submitted_at = 0;
    if (qm_decimal_cmp(gross, order->quantity) >= 0)
        (void) qm_order_happen(order, QM_EVENT_FILLED);
    return true;
}

/* qm_order_refuse errors with 55000: an order in its state cannot become what a caller says. */
void
qm_order_refuse(const QmOrder *order, const char *what)
{
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("order " INT64_FORMAT " of account \"%s\" is %s, which %s does not fit",
                    order->order_id,
                    order->account,
                    qm_order_state_name(order->state),
                    what),
             errhint("quantmesh.order_transitions shows what can happen to an order in each state.")));
}

/* move changes the state, and what follows from it. */
static void
move(QmOrder *order, QmOrderState to)
{
    bool was_live = qm_order_is_live(order->state);

    order->state = to;
    if (!qm_order_is_live(to))
    {
        order->holds_slot = false;
        order->ended_at = GetCurrentTimestamp();
    }
    else if (!was_live)
    {
        order->ended_at = 0;
        qm_order_take_slot(order);
    }
}

/*
 * qm_order_take_slot gives a revived or adopted order its slot, unless another live order has
 * it or somebody is busy at its level; then that is a discrepancy. With the
 * level's lock nobody can be about to take the slot, so the unique index cannot
 * refuse.
 */
void
qm_order_take_slot(QmOrder *order)
{
    bool locked;
    int64 holder;
    const char *remote[2][2];

    order->holds_slot = false;
    if (order->slot == NULL)
        return;
    locked = lock_level(order);
    holder = slot_holder(order);
    if (locked && holder == 0)
    {
        order->holds_slot = true;
        return;
    }
    remote[0][0] = "slot";
    remote[0][1] = order->slot;
    remote[1][0] = "held_by";
    remote[1][1] = holder == 0 ? NULL : psprintf(INT64_FORMAT, holder);
    qm_discrepancy_record(order->account,
                          "DUPLICATE_LEVEL",
                          order->symbol,
                          order->order_id,
                          psprintf(INT64_FORMAT, order->order_id),
                          qm_jsonb_object(2, remote),
                          NULL);
}

/* lock_level tries to get the lock that place_order takes for the order's slot: of its name, or of its price's level. */
static bool
lock_level(const QmOrder *order)
{
    static QmQuery query = {"SELECT quantmesh.order_key($1, $2, $3, (SELECT m.level_width FROM quantmesh.market AS m "
                            "WHERE m.account = $1 AND m.symbol = $2))",
                            3,
                            {TEXTOID, TEXTOID, NUMERICOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      PointerGetDatum(order->price)};
    QmKey key;
    QmLockRequest request = {.function = "quantmesh.apply_report()",
                             .mode = QM_MODE_XACT,
                             .nkeys = 1,
                             .keys = &key,
                             .ttl_us = QM_TTL_DEFAULT,
                             .timeout_us = QM_NEVER_US};
    char *name;

    if (!isdigit((unsigned char) order->slot[0]))
        name = psprintf("order:%s:%s:%s", order->account, order->symbol, order->slot);
    else if (order->price == NULL || qm_query_read_latest(&query, values, NULL) == 0)
        return false;
    else
        name = qm_row_text(0, 0);
    qm_key_from_text(&key, cstring_to_text(name));
    qm_hold_attach();
    return qm_lock_acquire(&request) != QM_NO_FENCE;
}

/* slot_holder returns the order that has the order's slot now; 0 for none. */
static int64
slot_holder(const QmOrder *order)
{
    static QmQuery query = {"SELECT order_id FROM quantmesh.live_order "
                            "WHERE account = $1 AND symbol = $2 AND side = $3 AND slot = $4",
                            4,
                            {TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->buy ? "buy" : "sell"),
                      CStringGetTextDatum(order->slot)};

    return qm_query_read_latest(&query, values, NULL) == 0 ? 0 : qm_row_int64(0, 0);
}

#define TEXT_OR_NULL(value) ((value) == NULL ? (Datum) 0 : CStringGetTextDatum(value)), (value) == NULL
#define TIME_OR_NULL(value) TimestampTzGetDatum(value), (value) == 0

/*
 * qm_order_write writes the order and its event, and tells exposure and
 * metrics what changed since before. The caller has its row lock.
 */
void
qm_order_write(const QmOrder *before, QmOrder *after, const QmOrderNews *news)
{
    struct
    {
        Datum value;
        bool isnull;
    } args[] = {
        {CStringGetTextDatum(after->account), false},
        {Int64GetDatum(after->order_id), false},
        {CStringGetTextDatum(after->client_order_id), false},
        {Int32GetDatum(after->attempt), false},
        {TEXT_OR_NULL(after->exchange_order_id)},
        {CStringGetTextDatum(qm_order_state_name(after->state)), false},
        {CStringGetTextDatum(qm_cancel_state_name(after->cancel_state)), false},
        {BoolGetDatum(qm_order_is_live(after->state)), false},
        {BoolGetDatum(after->holds_slot), false},
        {BoolGetDatum(qm_order_exposed(after)), false},
        {Int64GetDatum(after->fence), after->fence == 0},
        {NumericGetDatum(after->filled_quantity), false},
        {NumericGetDatum(after->busted_quantity), false},
        {NumericGetDatum(after->filled_quote), false},
        {NumericGetDatum(after->reported_quantity), false},
        {TIME_OR_NULL(after->send_before)},
        {TIME_OR_NULL(after->valid_until)},
        {TIME_OR_NULL(after->submitted_at)},
        {TIME_OR_NULL(after->opened_at)},
        {TIME_OR_NULL(after->cancel_requested_at)},
        {TIME_OR_NULL(after->ended_at)},
        {TimestampTzGetDatum(after->updated_at = GetCurrentTimestamp()), false},
        {TEXT_OR_NULL(after->error_code)},
        {TEXT_OR_NULL(after->error_message)},
        {Int64GetDatum(qm_fence_draw()), false},
        {CStringGetTextDatum(news->event), false},
        {CStringGetTextDatum(qm_order_state_name(before->state)), false},
        {CStringGetTextDatum(news->source), false},
        {TEXT_OR_NULL(news->trade_id)},
        {TIME_OR_NULL(news->event_time)},
        {TEXT_OR_NULL(news->discrepancy)},
        {PointerGetDatum(news->detail), news->detail == NULL},
        {TEXT_OR_NULL(after->instance)},
        {Int64GetDatum(after->epoch), after->epoch == 0},
        {CStringGetTextDatum(after->owner), false},
    };
    Datum values[lengthof(args)] = {0};
    bool nulls[lengthof(args)] = {0};

    for (int i = 0; i < lengthof(args); i++)
    {
        values[i] = args[i].value;
        nulls[i] = args[i].isnull;
    }
    if (qm_query_run(&write_query, values, nulls) != 1)
        elog(ERROR, "order " INT64_FORMAT " of account \"%s\" is gone", after->order_id, after->account);
    qm_live_order_follow(before, after);
    change_exposure(before, after, news->position_change);
    count(before, after);
}

/* qm_order_tell_position tells exposure of a position that changed while the order did not. */
void
qm_order_tell_position(const QmOrder *order, Numeric position_change)
{
    change_exposure(order, order, position_change);
}

/* change_exposure tells what the order and its position add now against what they added before, in one. */
static void
change_exposure(const QmOrder *before, const QmOrder *after, Numeric position_change)
{
    QmAmount moved = position_change == NULL ? 0 : amount(position_change);
    QmExposure was;
    QmExposure change;

    qm_order_exposure(before, &was);
    qm_order_exposure(after, &change);
    change.orders -= was.orders;
    change.longest += moved - was.longest;
    change.shortest -= moved + was.shortest;
    change.notional -= was.notional;
    if (change.orders != 0 || change.longest != 0 || change.shortest != 0 || change.notional != 0)
        qm_exposure_change(after->account, after->symbol, &change);
}

/* count tells the metrics of a new state, and how long the exchange took to take the order. */
static void
count(const QmOrder *before, const QmOrder *after)
{
    bool taken = before->opened_at == 0 && after->opened_at != 0;
    int market;

    if (before->state == after->state && !taken)
        return;
    market = qm_market_number(after->account, after->symbol);
    if (before->state != after->state)
        qm_order_count_state(market, after->buy, after->state);
    if (taken && before->submitted_at != 0)
    {
        TimestampTz took_us = GetCurrentTimestamp() - before->submitted_at;

        qm_order_observe_duration(market, after->buy, Max(took_us, 0));
    }
}

/* qm_order_exposed says whether the order can still change the position or holds a place: column exposed. */
bool
qm_order_exposed(const QmOrder *order)
{
    return qm_order_is_live(order->state) ||
           qm_decimal_cmp(order->reported_quantity, qm_decimal_add(order->filled_quantity, order->busted_quantity)) > 0;
}

/* qm_order_exposure computes what the order adds to the exposure of its market. */
void
qm_order_exposure(const QmOrder *order, QmExposure *exposure)
{
    Numeric still = pending(order);
    bool live = qm_order_is_live(order->state);

    memset(exposure, 0, sizeof(*exposure));
    exposure->orders = live ? 1 : 0;
    if (still == NULL)
        return;
    if (order->buy)
        exposure->longest = amount(still);
    else
        exposure->shortest = amount(still);
    if (live && order->price != NULL)
    {
        QmAmount notional = amount(qm_decimal_mul(order->price, still));

        exposure->notional = Min(notional, QM_AMOUNT_HUGE);
    }
}

/* pending returns what of the order can still be booked; NULL for nothing. */
static Numeric
pending(const QmOrder *order)
{
    Numeric most = qm_order_is_live(order->state) ? order->quantity : order->reported_quantity;
    Numeric still = qm_decimal_sub(most, qm_decimal_add(order->filled_quantity, order->busted_quantity));

    return qm_decimal_sign(still) > 0 ? still : NULL;
}

/* amount rounds up to what shared memory counts in; what is too large for it counts as its largest. */
static QmAmount
amount(Numeric value)
{
    QmAmount result;

    return qm_amount_from_numeric_up(value, &result) ? result : QM_AMOUNT_MAX;
}
