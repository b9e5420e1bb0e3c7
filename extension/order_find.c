/*
 * Finding orders by index: by their requests in quantmesh.orders, while they live by slots and prices in
 * quantmesh.live_order.
 *
 * Placing runs as the caller, who has no right to the table, and on every call:
 * so it scans an index itself, without SQL. Searches use the latest snapshot:
 * what was committed before the level's lock was granted is seen, however old
 * the transaction is. Tables stay locked until the transaction ends, as after a
 * SELECT: most searches are followed by another one, or by the insert.
 */
#include "order_find.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "compat.h"
#include "fmgr.h"
#include "order_columns.h"
#include "table_oid.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* A row of the table, which may have got columns behind those that we know. */
typedef struct Row
{
    Datum *values;
    bool *nulls;
} Row;

static bool find_live(QmTable index, int nkeys, ScanKeyData *keys, QmFoundOrder *found);
static bool find(QmTable index, ScanKeyData *keys, Snapshot snapshot, QmFoundOrder *found);
static void read_found(const Row *row, QmFoundOrder *found);
static char *copy_text(const Row *row, int column);
static QmOrderState state_of(const Row *row);

/* qm_order_find_request finds the order of a request id, whatever has become of it. */
bool
qm_order_find_request(const char *account, const char *request_id, QmFoundOrder *found)
{
    ScanKeyData keys[2];
    Snapshot snapshot;
    bool any;

    ScanKeyInit(&keys[0], ORDERS_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(account));
    ScanKeyInit(&keys[1], ORDERS_REQUEST_ID, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(request_id));
    snapshot = RegisterSnapshot(GetLatestSnapshot());
    any = find(QM_INDEX_ORDERS_REQUEST, keys, snapshot, found);
    UnregisterSnapshot(snapshot);
    return any;
}

/* qm_order_find_slot finds the live order that holds a slot. */
bool
qm_order_find_slot(const char *account, const char *symbol, bool buy, const char *slot, QmFoundOrder *found)
{
    ScanKeyData keys[4];

    ScanKeyInit(&keys[0], LIVE_ORDER_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(account));
    ScanKeyInit(&keys[1], LIVE_ORDER_SYMBOL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(symbol));
    ScanKeyInit(&keys[2], LIVE_ORDER_SIDE, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(buy ? "buy" : "sell"));
    ScanKeyInit(&keys[3], LIVE_ORDER_SLOT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(slot));
    return find_live(QM_INDEX_LIVE_ORDER, lengthof(keys), keys, found);
}

/*
 * qm_order_find_crossing finds a live order of the other side that an order of
 * this side and price would trade with; price NULL trades with any.
 */
bool
qm_order_find_crossing(const char *account, const char *symbol, bool buy, Numeric price, QmFoundOrder *found)
{
    ScanKeyData keys[4];

    ScanKeyInit(&keys[0], LIVE_ORDER_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(account));
    ScanKeyInit(&keys[1], LIVE_ORDER_SYMBOL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(symbol));
    ScanKeyInit(&keys[2], LIVE_ORDER_SIDE, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(buy ? "sell" : "buy"));
    if (price != NULL)
        ScanKeyInit(&keys[3],
                    LIVE_ORDER_PRICE,
                    buy ? BTLessEqualStrategyNumber : BTGreaterEqualStrategyNumber,
                    buy ? F_NUMERIC_LE : F_NUMERIC_GE,
                    NumericGetDatum(price));
    return find_live(QM_INDEX_LIVE_ORDER_PRICE, price == NULL ? 3 : 4, keys, found);
}

/*
 * find_live copies out the first live order whose row of quantmesh.live_order fits. Those that have ended, and are only
 * there because fills are missing, are passed over.
 */
static bool
find_live(QmTable index, int nkeys, ScanKeyData *keys, QmFoundOrder *found)
{
    Relation relation = qm_table_open(QM_TABLE_LIVE_ORDER, LIVE_ORDER_COLUMNS, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(relation, qm_table_oid(index), true, snapshot, nkeys, keys);
    HeapTuple tuple;
    bool any = false;

    while (!any && HeapTupleIsValid(tuple = systable_getnext(scan)))
    {
        ScanKeyData id[2];
        bool isnull;
        Datum account = heap_getattr(tuple, LIVE_ORDER_ACCOUNT, RelationGetDescr(relation), &isnull);
        Datum order_id = heap_getattr(tuple, LIVE_ORDER_ORDER_ID, RelationGetDescr(relation), &isnull);

        ScanKeyInit(&id[0], ORDERS_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, account);
        ScanKeyInit(&id[1], ORDERS_ORDER_ID, BTEqualStrategyNumber, F_INT8EQ, order_id);
        any = find(QM_INDEX_ORDERS, id, snapshot, found) && qm_order_is_live(found->state);
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, NoLock);
    return any;
}

/* find copies out the order that a unique index of two columns finds. */
static bool
find(QmTable index, ScanKeyData *keys, Snapshot snapshot, QmFoundOrder *found)
{
    Relation relation = qm_table_open(QM_TABLE_ORDERS, ORDERS_COLUMNS, AccessShareLock);
    SysScanDesc scan = systable_beginscan(relation, qm_table_oid(index), true, snapshot, 2, keys);
    int columns = RelationGetDescr(relation)->natts;
    Row row = {.values = palloc(sizeof(Datum) * (Size) columns), .nulls = palloc(sizeof(bool) * (Size) columns)};
    HeapTuple tuple = systable_getnext(scan);
    bool any = HeapTupleIsValid(tuple);

    if (any)
    {
        heap_deform_tuple(tuple, RelationGetDescr(relation), row.values, row.nulls);
        read_found(&row, found);
    }
    systable_endscan(scan);
    table_close(relation, NoLock);
    return any;
}

/* read_found copies what placing needs to know. */
static void
read_found(const Row *row, QmFoundOrder *found)
{
    memset(found, 0, sizeof(*found));
    found->order_id = DatumGetInt64(row->values[ORDERS_ORDER_ID - 1]);
    found->symbol = copy_text(row, ORDERS_SYMBOL);
    found->buy = strcmp(copy_text(row, ORDERS_SIDE), "buy") == 0;
    found->order_type = copy_text(row, ORDERS_ORDER_TYPE);
    found->time_in_force = copy_text(row, ORDERS_TIME_IN_FORCE);
    found->post_only = DatumGetBool(row->values[ORDERS_POST_ONLY - 1]);
    found->reduce_only = DatumGetBool(row->values[ORDERS_REDUCE_ONLY - 1]);
    found->slot = copy_text(row, ORDERS_SLOT);
    found->strategy = copy_text(row, ORDERS_STRATEGY);
    if (!row->nulls[ORDERS_PRICE - 1])
        found->price = DatumGetNumericCopy(row->values[ORDERS_PRICE - 1]);
    found->quantity = DatumGetNumericCopy(row->values[ORDERS_QUANTITY - 1]);
    found->client_order_id = copy_text(row, ORDERS_CLIENT_ORDER_ID);
    found->state = state_of(row);
    found->owner = copy_text(row, ORDERS_OWNER);
    if (!row->nulls[ORDERS_FENCE - 1])
        found->fence = DatumGetInt64(row->values[ORDERS_FENCE - 1]);
    if (!row->nulls[ORDERS_SEND_BEFORE - 1])
        found->send_before = DatumGetTimestampTz(row->values[ORDERS_SEND_BEFORE - 1]);
}

/* copy_text returns a text column, or NULL. */
static char *
copy_text(const Row *row, int column)
{
    return row->nulls[column - 1] ? NULL : TextDatumGetCString(row->values[column - 1]);
}

/* state_of returns the state; a CHECK allows no other words. */
static QmOrderState
state_of(const Row *row)
{
    const char *name = copy_text(row, ORDERS_STATE);
    int state = 0;

    while (state < QM_ORDER_STATES && strcmp(qm_order_state_name((QmOrderState) state), name) != 0)
        state++;
    if (state == QM_ORDER_STATES)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("unknown order state \"%s\"", name)));
    return (QmOrderState) state;
}
