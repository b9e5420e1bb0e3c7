/*
 * Rows of quantmesh.live_order, which follow those of quantmesh.orders: an order
 * has one from its placing on for as long as it is exposed. Placing inserts it
 * with the order; here it changes with the order, under the order's row lock, in
 * the same transaction.
 */
#include "live_order.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "query.h"
#include "utils/builtins.h"

static void run(QmQuery *query, const QmOrder *order, const char *slot, const char *other_slot);
static const char *slot_of(const QmOrder *order);

/* qm_live_order_slot returns what column slot says of an order that holds a slot, or none (NULL). */
const char *
qm_live_order_slot(const char *held, int64 order_id)
{
    return held != NULL ? held : psprintf("#" INT64_FORMAT, order_id);
}

/* qm_live_order_follow makes the order's row what the order has become since before. */
void
qm_live_order_follow(const QmOrder *before, const QmOrder *after)
{
    static QmQuery insert = {"INSERT INTO quantmesh.live_order (account, symbol, side, slot, order_id, price) "
                             "VALUES ($1, $2, $3, $4, $5, $6)",
                             6,
                             {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, NUMERICOID}};
    static QmQuery update = {"UPDATE quantmesh.live_order SET slot = $7 "
                             "WHERE account = $1 AND symbol = $2 AND side = $3 AND slot = $4 AND order_id = $5",
                             7,
                             {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, NUMERICOID, TEXTOID}};
    static QmQuery delete = {"DELETE FROM quantmesh.live_order "
                             "WHERE account = $1 AND symbol = $2 AND side = $3 AND slot = $4 AND order_id = $5",
                             5,
                             {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}};
    bool was_exposed = qm_order_exposed(before);
    bool exposed = qm_order_exposed(after);

    if (!was_exposed && exposed)
        run(&insert, after, slot_of(after), NULL);
    else if (was_exposed && !exposed)
        run(&delete, after, slot_of(before), NULL);
    else if (exposed && before->holds_slot != after->holds_slot)
        run(&update, after, slot_of(before), slot_of(after));
}

/* run runs a command on the row of an order that is there with slot, or is made so. */
static void
run(QmQuery *query, const QmOrder *order, const char *slot, const char *other_slot)
{
    bool nulls[] = {false, false, false, false, false, order->price == NULL, false};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->buy ? "buy" : "sell"),
                      CStringGetTextDatum(slot),
                      Int64GetDatum(order->order_id),
                      PointerGetDatum(order->price),
                      other_slot == NULL ? (Datum) 0 : CStringGetTextDatum(other_slot)};

    if (qm_query_run(query, values, nulls) != 1)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("table quantmesh.live_order does not have order " INT64_FORMAT " of account \"%s\" in slot %s",
                        order->order_id,
                        order->account,
                        slot)));
}

/* slot_of returns what column slot says of the order. */
static const char *
slot_of(const QmOrder *order)
{
    return qm_live_order_slot(order->holds_slot ? order->slot : NULL, order->order_id);
}
