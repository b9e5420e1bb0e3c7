/*
 * Finding orders by index.
 *
 * Placing runs as the caller, who has no right to the table, and on every call:
 * so it scans an index itself, without SQL. Searches use the latest snapshot:
 * what was committed before the level's lock was granted is seen, however old
 * the transaction is.
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

static bool find(QmTable index, int nkeys, ScanKeyData *keys, bool live_only, QmFoundOrder *found);
static void read_found(const Row *row, QmFoundOrder *found);
static char *copy_text(const Row *row, int column);
static QmOrderState state_of(const Row *row);

/* qm_order_find_request finds the order of a request id, whatever has become of it. */
bool
qm_order_find_request(const char *account, const char *request_id, QmFoundOrder *found)
{
    ScanKeyData keys[2];

    ScanKeyInit(&keys[0], ORDERS_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(account));
    ScanKeyInit(&keys[1], ORDERS_REQUEST_ID, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(request_id));
    return find(QM_INDEX_ORDERS_REQUEST, lengthof(keys), keys, false, found);
}

/* qm_order_find_slot finds the live order that holds a slot. */
bool
qm_order_find_slot(const char *account, const char *symbol, bool buy, const char *slot, QmFoundOrder *found)
{
    ScanKeyData keys[4];

    ScanKeyInit(&keys[0], ORDERS_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(account));
    ScanKeyInit(&keys[1], ORDERS_SYMBOL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(symbol));
    ScanKeyInit(&keys[2], ORDERS_SIDE, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(buy ? "buy" : "sell"));
    ScanKeyInit(&keys[3], ORDERS_SLOT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(slot));
    return find(QM_INDEX_ORDERS_LIVE_SLOT, lengthof(keys), keys, true, found);
}

/*
 * qm_order_find_crossing finds a live order of the other side that an order of
 * this side and price would trade with; price NULL trades with any.
 */
bool
qm_order_find_crossing(const char *account, const char *symbol, bool buy, Numeric price, QmFoundOrder *found)
{
    ScanKeyData keys[4];

    ScanKeyInit(&keys[0], ORDERS_ACCOUNT, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(account));
    ScanKeyInit(&keys[1], ORDERS_SYMBOL, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(symbol));
    ScanKeyInit(&keys[2], ORDERS_SIDE, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(buy ? "sell" : "buy"));
    if (price != NULL)
        ScanKeyInit(&keys[3],
                    ORDERS_PRICE,
                    buy ? BTLessEqualStrategyNumber : BTGreaterEqualStrategyNumber,
                    buy ? F_NUMERIC_LE : F_NUMERIC_GE,
                    NumericGetDatum(price));
    return find(QM_INDEX_ORDERS_LIVE_PRICE, price == NULL ? 3 : 4, keys, true, found);
}

/* qm_orders_open opens quantmesh.orders; 55000 when columns that we know are not there. */
Relation
qm_orders_open(LOCKMODE mode)
{
    Relation relation = table_open(qm_table_oid(QM_TABLE_ORDERS), mode);

    if (RelationGetDescr(relation)->natts < ORDERS_COLUMNS)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("table quantmesh.orders has %d columns, the library knows %d",
                        RelationGetDescr(relation)->natts,
                        ORDERS_COLUMNS),
                 errhint("Run ALTER EXTENSION quantmesh UPDATE.")));
    return relation;
}

/* find copies out the first order that fits; live_only passes over those that have ended. */
static bool
find(QmTable index, int nkeys, ScanKeyData *keys, bool live_only, QmFoundOrder *found)
{
    Relation relation = qm_orders_open(AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan(relation, qm_table_oid(index), true, snapshot, nkeys, keys);
    int columns = RelationGetDescr(relation)->natts;
    Row row = {.values = palloc(sizeof(Datum) * (Size) columns), .nulls = palloc(sizeof(bool) * (Size) columns)};
    HeapTuple tuple;
    bool any = false;

    while (!any && HeapTupleIsValid(tuple = systable_getnext(scan)))
    {
        heap_deform_tuple(tuple, RelationGetDescr(relation), row.values, row.nulls);
        if (live_only && !DatumGetBool(row.values[ORDERS_LIVE - 1]))
            continue;
        read_found(&row, found);
        any = true;
    }
    systable_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
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
