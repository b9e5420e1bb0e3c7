/*
 * Inserting an order: its row, and the row by which it is found while it lives.
 */
#include "order_find.h"

#include "access/xact.h"
#include "compat.h"
#include "fmgr.h"
#include "live_order.h"
#include "order_columns.h"
#include "row_insert.h"
#include "table_oid.h"
#include "utils/builtins.h"

typedef struct Row
{
    Datum values[ORDERS_COLUMNS];
    bool nulls[ORDERS_COLUMNS];
} Row;

static void insert_live(const Row *row, const QmNewOrder *order);
static void set(Row *row, int column, Datum value);
static void set_text(Row *row, int column, const char *value);
static void set_time(Row *row, int column, TimestampTz value);
static void fill_request(Row *row, const QmPlaceRequest *request);
static void fill_order(Row *row, const QmPlaceRequest *request, const QmNewOrder *order);

/* qm_order_insert stores a new order. 23505 when a unique index knows better than the locks that the caller holds. */
void
qm_order_insert(const QmPlaceRequest *request, const QmNewOrder *order)
{
    Row row;

    memset(row.nulls, true, sizeof(row.nulls));
    fill_request(&row, request);
    fill_order(&row, request, order);
    qm_row_insert(QM_TABLE_ORDERS, ORDERS_COLUMNS, row.values, row.nulls);
    insert_live(&row, order);
    CommandCounterIncrement();
}

/* insert_live stores what finds the order by its slot and its price. */
static void
insert_live(const Row *row, const QmNewOrder *order)
{
    static const int columns[LIVE_ORDER_COLUMNS] = {
        [LIVE_ORDER_ACCOUNT - 1] = ORDERS_ACCOUNT,
        [LIVE_ORDER_ORDER_ID - 1] = ORDERS_ORDER_ID,
        [LIVE_ORDER_SYMBOL - 1] = ORDERS_SYMBOL,
        [LIVE_ORDER_SIDE - 1] = ORDERS_SIDE,
        [LIVE_ORDER_PRICE - 1] = ORDERS_PRICE,
        [LIVE_ORDER_SLOT - 1] = ORDERS_SLOT,
    };
    Datum values[LIVE_ORDER_COLUMNS];
    bool nulls[LIVE_ORDER_COLUMNS];

    for (int i = 0; i < LIVE_ORDER_COLUMNS; i++)
    {
        values[i] = row->values[columns[i] - 1];
        nulls[i] = row->nulls[columns[i] - 1];
    }
    values[LIVE_ORDER_SLOT - 1] = CStringGetTextDatum(qm_live_order_slot(order->slot, order->order_id));
    nulls[LIVE_ORDER_SLOT - 1] = false;
    qm_row_insert(QM_TABLE_LIVE_ORDER, LIVE_ORDER_COLUMNS, values, nulls);
}

/* fill_request stores what the caller asked for. */
static void
fill_request(Row *row, const QmPlaceRequest *request)
{
    set_text(row, ORDERS_ACCOUNT, request->account);
    set_text(row, ORDERS_SYMBOL, request->symbol);
    set_text(row, ORDERS_SIDE, request->buy ? "buy" : "sell");
    set_text(row, ORDERS_ORDER_TYPE, request->market_order ? "market" : "limit");
    set_text(row, ORDERS_TIME_IN_FORCE, qm_time_in_force_name(request->time_in_force));
    if (request->price != NULL)
        set(row, ORDERS_PRICE, NumericGetDatum(request->price));
    set(row, ORDERS_QUANTITY, NumericGetDatum(request->quantity));
    set(row, ORDERS_POST_ONLY, BoolGetDatum(request->post_only));
    set(row, ORDERS_REDUCE_ONLY, BoolGetDatum(request->reduce_only));
    set_text(row, ORDERS_STRATEGY, request->strategy);
    set_text(row, ORDERS_INSTANCE, request->instance);
    if (request->epoch != 0)
        set(row, ORDERS_EPOCH, Int64GetDatum(request->epoch));
    set_text(row, ORDERS_REQUEST_ID, request->request_id);
    if (request->replaces != 0)
        set(row, ORDERS_REPLACES, Int64GetDatum(request->replaces));
    set_time(row, ORDERS_VALID_UNTIL, request->valid_until);
}

/* fill_order stores what placing has made of it. */
static void
fill_order(Row *row, const QmPlaceRequest *request, const QmNewOrder *order)
{
    Datum zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));

    set(row, ORDERS_ORDER_ID, Int64GetDatum(order->order_id));
    set_text(row, ORDERS_SLOT, order->slot);
    set_text(row, ORDERS_OWNER, order->owner);
    set_text(row, ORDERS_ORIGIN, "own");
    set_text(row, ORDERS_CLIENT_ORDER_ID, order->client_order_id);
    set(row, ORDERS_ATTEMPT, Int32GetDatum(0));
    set_text(row, ORDERS_STATE, qm_order_state_name(request->submit ? QM_ORDER_SUBMITTED : QM_ORDER_INTENT));
    set_text(row, ORDERS_CANCEL_STATE, "none");
    set(row, ORDERS_LIVE, BoolGetDatum(true));
    set(row, ORDERS_HOLDS_SLOT, BoolGetDatum(order->slot != NULL));
    set(row, ORDERS_EXPOSED, BoolGetDatum(true));
    set(row, ORDERS_FENCE, Int64GetDatum(order->fence));
    set(row, ORDERS_FILLED_QUANTITY, zero);
    set(row, ORDERS_BUSTED_QUANTITY, zero);
    set(row, ORDERS_FILLED_QUOTE, zero);
    set(row, ORDERS_REPORTED_QUANTITY, zero);
    set_time(row, ORDERS_SEND_BEFORE, order->send_before);
    set_time(row, ORDERS_CREATED_AT, order->now);
    set_time(row, ORDERS_SUBMITTED_AT, request->submit ? order->now : 0);
    set_time(row, ORDERS_UPDATED_AT, order->now);
}

/* set stores a value that is not NULL. */
static void
set(Row *row, int column, Datum value)
{
    row->values[column - 1] = value;
    row->nulls[column - 1] = false;
}

/* set_text stores a text, or NULL. */
static void
set_text(Row *row, int column, const char *value)
{
    if (value != NULL)
        set(row, column, CStringGetTextDatum(value));
}

/* set_time stores a time; 0 is NULL. */
static void
set_time(Row *row, int column, TimestampTz value)
{
    if (value != 0)
        set(row, column, TimestampTzGetDatum(value));
}
