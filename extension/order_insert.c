/*
 * Inserting an order: what INSERT does, without SQL and without preparing the
 * same things each time.
 *
 * The executor's own entry for a single row checks constraints and fills all
 * indexes. For each INSERT it would read every CHECK and index predicate from
 * its stored text and compile it again, which is half of the cost of an INSERT;
 * here a backend keeps what it has compiled, until the table changes. An error
 * in the middle, of preparing too, leaves it in doubt, and the next insert starts
 * anew: with half of the indexes in it, an order would be missing from the rest.
 */
#include "order_find.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "compat.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "order_columns.h"
#include "storage/lockdefs.h"
#include "table_oid.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define INDEXES_MAX 16

typedef struct Row
{
    Datum values[ORDERS_COLUMNS];
    bool nulls[ORDERS_COLUMNS];
} Row;

/* What a backend keeps between inserts, in the memory of its EState. */
typedef struct Prepared
{
    EState *estate; /* NULL: nothing is kept */
    Oid relid;
    ExprState **checks;
    int nindexes;
    Oid index_oids[INDEXES_MAX];
    IndexInfo *indexes[INDEXES_MAX];
    bool changed; /* the table has changed since */
    bool in_use;
} Prepared;

static Prepared prepared;

static void prepare(Relation relation);
static void forget(Datum arg, Oid relid);
static void open_indexes(ResultRelInfo *target);
static void set(Row *row, int column, Datum value);
static void set_text(Row *row, int column, const char *value);
static void set_time(Row *row, int column, TimestampTz value);
static void fill_request(Row *row, const QmPlaceRequest *request);
static void fill_order(Row *row, const QmPlaceRequest *request, const QmNewOrder *order);

/* qm_order_insert stores a new order. 23505 when a unique index knows better than the locks that the caller holds. */
void
qm_order_insert(const QmPlaceRequest *request, const QmNewOrder *order)
{
    Relation relation = qm_orders_open(RowExclusiveLock);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
    ResultRelInfo *target = makeNode(ResultRelInfo);
    Row row;

    memset(row.nulls, true, sizeof(row.nulls));
    fill_request(&row, request);
    fill_order(&row, request, order);
    memset(slot->tts_isnull, true, sizeof(bool) * (size_t) RelationGetDescr(relation)->natts); /* what we do not know */
    memcpy(slot->tts_values, row.values, sizeof(row.values));
    memcpy(slot->tts_isnull, row.nulls, sizeof(row.nulls));
    ExecStoreVirtualTuple(slot);

    Assert(ActiveSnapshotSet());
    prepare(relation);
    InitResultRelInfo(target, relation, 0, NULL, 0);
    open_indexes(target);
    qm_check_exprs(target) = prepared.checks;
    ExecSimpleRelationInsert(target, prepared.estate, slot);
    prepared.checks = qm_check_exprs(target);
    ExecCloseIndices(target);
    ResetPerTupleExprContext(prepared.estate);
    prepared.in_use = false;

    ExecDropSingleTupleTableSlot(slot);
    table_close(relation, NoLock);
    CommandCounterIncrement();
}

/* prepare makes sure that what is kept belongs to the table as it is, and marks it as in use until the insert has ended. */
static void
prepare(Relation relation)
{
    static bool registered = false;
    MemoryContext caller_context = CurrentMemoryContext;
    List *oids;
    ListCell *cell;

    if (!registered)
    {
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
        registered = true;
    }
    if (prepared.estate != NULL && !prepared.changed && !prepared.in_use &&
        prepared.relid == RelationGetRelid(relation))
    {
        prepared.in_use = true;
        return;
    }
    if (prepared.estate != NULL)
        FreeExecutorState(prepared.estate);
    memset(&prepared, 0, sizeof(prepared));
    prepared.in_use = true;

    MemoryContextSwitchTo(CacheMemoryContext);
    prepared.estate = CreateExecutorState();
    MemoryContextSwitchTo(prepared.estate->es_query_cxt);
    prepared.relid = RelationGetRelid(relation);
    oids = RelationGetIndexList(relation);
    if (relation->trigdesc != NULL &&
        (relation->trigdesc->trig_insert_before_row || relation->trigdesc->trig_insert_after_row))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("table quantmesh.orders has a trigger on INSERT"),
                 errdetail("Orders are placed without SQL, and fire no triggers."),
                 errhint("Drop the trigger, and read the table or its views instead.")));
    if (list_length(oids) > INDEXES_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("table quantmesh.orders has %d indexes, the limit is %d", list_length(oids), INDEXES_MAX)));
    foreach (cell, oids)
    {
        Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);

        prepared.index_oids[prepared.nindexes] = RelationGetRelid(index);
        prepared.indexes[prepared.nindexes++] = BuildIndexInfo(index);
        index_close(index, NoLock);
    }
    MemoryContextSwitchTo(caller_context);
}

/* forget makes the next insert prepare again. */
static void
forget(Datum arg, Oid relid)
{
    if (relid == InvalidOid || relid == prepared.relid)
        prepared.changed = true;
    for (int i = 0; i < prepared.nindexes; i++)
    {
        if (relid == prepared.index_oids[i])
            prepared.changed = true;
    }
}

/* open_indexes does what ExecOpenIndices does, with what is known of the indexes. */
static void
open_indexes(ResultRelInfo *target)
{
    target->ri_NumIndices = prepared.nindexes;
    target->ri_IndexRelationDescs = palloc(sizeof(Relation) * INDEXES_MAX);
    target->ri_IndexRelationInfo = palloc(sizeof(IndexInfo *) * INDEXES_MAX);
    for (int i = 0; i < prepared.nindexes; i++)
    {
        target->ri_IndexRelationDescs[i] = index_open(prepared.index_oids[i], RowExclusiveLock);
        target->ri_IndexRelationInfo[i] = prepared.indexes[i];
    }
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
