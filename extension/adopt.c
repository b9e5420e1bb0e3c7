/*
 * Adopting: making a row of an order that the exchange has and we do not, and
 * taking over a price or quantity that was changed there.
 *
 * Orders of ours keep the id that stands in their client order id: they were
 * placed here, and a failover or a restore has lost them. Somebody else's get an
 * id of their own, no slot, and are never canceled by us; their fills are booked,
 * so that positions come to what the account has.
 */
#include "adopt.h"

#include "amount.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "decimal.h"
#include "fence.h"
#include "live_order.h"
#include "lock_key.h"
#include "market.h"
#include "order_id.h"
#include "query.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static void read_adoption(const QmAdoption *adoption, QmOrder *order);
static char *slot_for(const QmAdoption *adoption);
static void insert(const QmAdoption *adoption, QmOrder *order);

/*
 * qm_order_adopt stores the order as open, with what the exchange says was
 * filled as reported, and returns its id; 0 when there is an order of that id.
 * Its fills are booked by whoever brings them.
 */
int64
qm_order_adopt(const QmAdoption *adoption)
{
    QmOrder order;
    QmOrder *adopted = &order;
    QmOrder before;
    QmOrderNews news = {.event = "adopted", .source = "reconcile"};
    char *other_id;

    read_adoption(adoption, &order);
    if (adoption->ours && qm_order_lock(order.account, order.order_id) != NULL)
        return 0;
    insert(adoption, &order);
    before = order;
    before.reported_quantity = before.filled_quantity;
    (void) qm_order_link_exchange(adopted, adoption->exchange_order_id, order.attempt, &other_id);
    if (order.slot != NULL)
        qm_order_take_slot(adopted);
    if (adoption->filled_quantity != NULL)
        order.reported_quantity = adoption->filled_quantity;
    qm_order_write(&before, adopted, &news);
    return order.order_id;
}

/* read_adoption makes the order that the exchange shows. */
static void
read_adoption(const QmAdoption *adoption, QmOrder *order)
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id = 0;

    memset(order, 0, sizeof(*order));
    order->account = unconstify(char *, adoption->account);
    order->symbol = unconstify(char *, adoption->symbol);
    if (adoption->ours && !qm_order_id_parse(adoption->client_order_id, tag, &order_id, &order->attempt))
        elog(ERROR, "client order id \"%s\" is not one of ours", adoption->client_order_id);
    order->order_id = adoption->ours ? order_id : qm_fence_draw();
    order->buy = adoption->buy;
    order->order_type = unconstify(char *, adoption->order_type);
    order->time_in_force = unconstify(char *, adoption->time_in_force);
    order->price = adoption->price;
    order->quantity = adoption->quantity;
    order->slot = adoption->ours ? slot_for(adoption) : NULL;
    order->strategy = adoption->ours ? "" : "external";
    order->owner = adoption->ours ? "adopted" : "external";
    order->client_order_id =
        unconstify(char *, adoption->client_order_id != NULL ? adoption->client_order_id : adoption->exchange_order_id);
    order->state = adoption->filled_quantity != NULL && qm_decimal_sign(adoption->filled_quantity) > 0
                       ? QM_ORDER_PARTIALLY_FILLED
                       : QM_ORDER_OPEN;
    order->filled_quantity = qm_decimal_zero();
    order->busted_quantity = qm_decimal_zero();
    order->filled_quote = qm_decimal_zero();
    order->reported_quantity = qm_decimal_zero();
    order->opened_at = GetCurrentTimestamp();
    order->updated_at = order->opened_at;
}

/* slot_for returns the slot that such an order has when it is placed without a name for one; NULL for none. */
static char *
slot_for(const QmAdoption *adoption)
{
    QmMarket market;
    QmAmount price;

    if (adoption->price == NULL || strcmp(adoption->time_in_force, "gtc") != 0 ||
        !qm_market_find(adoption->account, adoption->symbol, &market) ||
        !qm_amount_from_numeric(adoption->price, &price))
        return NULL;
    return qm_market_slot(&market, price);
}

/* insert stores the row as it is before it is told its slot and its fills. */
static void
insert(const QmAdoption *adoption, QmOrder *order)
{
    static QmQuery query =
        {"WITH live AS (INSERT INTO quantmesh.live_order (account, order_id, symbol, side, price, slot) "
         "VALUES ($1, $2, $3, $4, $7, $17)) "
         "INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, "
         "post_only, reduce_only, slot, strategy, owner, origin, client_order_id, attempt, state, live, holds_slot, "
         "exposed, created_at, opened_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, false, false, $9, $10, "
         "$11, $12, $13, $14, $15, true, false, true, $16, $16, $16)",
         17,
         {TEXTOID,
          INT8OID,
          TEXTOID,
          TEXTOID,
          TEXTOID,
          TEXTOID,
          NUMERICOID,
          NUMERICOID,
          TEXTOID,
          TEXTOID,
          TEXTOID,
          TEXTOID,
          TEXTOID,
          INT4OID,
          TEXTOID,
          TIMESTAMPTZOID,
          TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      Int64GetDatum(order->order_id),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->buy ? "buy" : "sell"),
                      CStringGetTextDatum(order->order_type),
                      CStringGetTextDatum(order->time_in_force),
                      PointerGetDatum(order->price),
                      NumericGetDatum(order->quantity),
                      order->slot == NULL ? (Datum) 0 : CStringGetTextDatum(order->slot),
                      CStringGetTextDatum(order->strategy),
                      CStringGetTextDatum(order->owner),
                      CStringGetTextDatum(adoption->ours ? "adopted" : "external"),
                      CStringGetTextDatum(order->client_order_id),
                      Int32GetDatum(order->attempt),
                      CStringGetTextDatum(qm_order_state_name(order->state)),
                      TimestampTzGetDatum(order->opened_at),
                      CStringGetTextDatum(qm_live_order_slot(NULL, order->order_id))};
    bool nulls[lengthof(values)] = {0};
    QmExposure exposure;

    nulls[6] = order->price == NULL;
    nulls[8] = order->slot == NULL;
    (void) qm_query_run(&query, values, nulls);
    qm_order_exposure(order, &exposure);
    qm_exposure_change(order->account, order->symbol, &exposure);
}

/* qm_order_amend takes over a price and quantity that the exchange shows for an order, as source says. Its slot stays. */
void
qm_order_amend(QmOrder *order, Numeric price, Numeric quantity, const char *source)
{
    static QmQuery query =
        {"WITH live AS (UPDATE quantmesh.live_order SET price = $3 "
         "WHERE account = $1 AND symbol = $5 AND side = $6 AND slot = $7) "
         "UPDATE quantmesh.orders SET price = $3, quantity = $4 WHERE account = $1 AND order_id = $2",
         7,
         {TEXTOID, INT8OID, NUMERICOID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      Int64GetDatum(order->order_id),
                      PointerGetDatum(price),
                      NumericGetDatum(quantity),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->buy ? "buy" : "sell"),
                      CStringGetTextDatum(qm_live_order_slot(order->holds_slot ? order->slot : NULL, order->order_id))};
    bool nulls[] = {false, false, price == NULL, false, false, false, false};
    QmOrderNews news = {.event = "amended", .source = source};
    const char *const detail[][2] = {{"old_price", order->price == NULL ? NULL : qm_decimal_text(order->price)},
                                     {"old_quantity", qm_decimal_text(order->quantity)}};
    QmOrder before = *order;

    (void) qm_query_run(&query, values, nulls);
    order->price = price;
    order->quantity = quantity;
    news.detail = qm_jsonb_object(lengthof(detail), detail);
    qm_order_write(&before, order, &news);
}
