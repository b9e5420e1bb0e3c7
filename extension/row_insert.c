/*
 * Inserting a row: what INSERT does, without SQL and without preparing the
 * same things each time.
 *
 * The executor's own entry for a single row checks constraints and fills all
 * indexes. For each INSERT it would read every CHECK and index predicate from
 * its stored text and compile it again, which is half of the cost of an INSERT;
 * here a backend keeps what it has compiled, until the table changes. An error
 * in the middle, of preparing too, leaves it in doubt, and the next insert starts
 * anew: with half of the indexes in it, a row would be missing from the rest.
 */
#include "row_insert.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/index.h"
#include "compat.h"
#include "executor/executor.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define INDEXES_MAX 16

/* What a backend keeps of a table between inserts, in the memory of its EState. */
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

static Prepared prepared_tables[QM_TABLES];

static void prepare(Prepared *prepared, Relation relation);
static void prepare_indexes(Prepared *prepared, Relation relation);
static void forget(Datum arg, Oid relid);
static void open_indexes(const Prepared *prepared, ResultRelInfo *target);

/*
 * qm_row_insert stores a row of the first columns of a table; what may be behind them becomes NULL. 23505 when a
 * unique index refuses. The row is seen by the commands that follow CommandCounterIncrement.
 */
void
qm_row_insert(QmTable table, int columns, const Datum *values, const bool *nulls)
{
    Prepared *prepared = &prepared_tables[table];
    Relation relation = qm_table_open(table, columns, RowExclusiveLock);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
    ResultRelInfo *target = makeNode(ResultRelInfo);

    memset(slot->tts_isnull, true, sizeof(bool) * (size_t) RelationGetDescr(relation)->natts);
    memcpy(slot->tts_values, values, sizeof(Datum) * (size_t) columns);
    memcpy(slot->tts_isnull, nulls, sizeof(bool) * (size_t) columns);
    ExecStoreVirtualTuple(slot);

    Assert(ActiveSnapshotSet());
    prepare(prepared, relation);
    InitResultRelInfo(target, relation, 0, NULL, 0);
    open_indexes(prepared, target);
    qm_check_exprs(target) = prepared->checks;
    ExecSimpleRelationInsert(target, prepared->estate, slot);
    prepared->checks = qm_check_exprs(target);
    ExecCloseIndices(target);
    ResetPerTupleExprContext(prepared->estate);
    prepared->in_use = false;

    ExecDropSingleTupleTableSlot(slot);
    table_close(relation, NoLock);
}

/* prepare makes sure that what is kept belongs to the table as it is, and marks it as in use until the insert has ended. */
static void
prepare(Prepared *prepared, Relation relation)
{
    static bool registered = false;
    MemoryContext caller_context = CurrentMemoryContext;

    if (!registered)
    {
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
        registered = true;
    }
    if (prepared->estate != NULL && !prepared->changed && !prepared->in_use &&
        prepared->relid == RelationGetRelid(relation))
    {
        prepared->in_use = true;
        return;
    }
    if (prepared->estate != NULL)
        FreeExecutorState(prepared->estate);
    memset(prepared, 0, sizeof(*prepared));
    prepared->in_use = true;

    if (relation->trigdesc != NULL &&
        (relation->trigdesc->trig_insert_before_row || relation->trigdesc->trig_insert_after_row))
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("table quantmesh.%s has a trigger on INSERT", RelationGetRelationName(relation)),
                 errdetail("Orders are placed without SQL, and fire no triggers."),
                 errhint("Drop the trigger, and read the table or its views instead.")));
    MemoryContextSwitchTo(CacheMemoryContext);
    prepared->estate = CreateExecutorState();
    MemoryContextSwitchTo(prepared->estate->es_query_cxt);
    prepared->relid = RelationGetRelid(relation);
    prepare_indexes(prepared, relation);
    MemoryContextSwitchTo(caller_context);
}

/* prepare_indexes finds out what the table's indexes are made of. */
static void
prepare_indexes(Prepared *prepared, Relation relation)
{
    List *oids = RelationGetIndexList(relation);
    ListCell *cell;

    if (list_length(oids) > INDEXES_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("table quantmesh.%s has %d indexes, the limit is %d",
                        RelationGetRelationName(relation),
                        list_length(oids),
                        INDEXES_MAX)));
    foreach (cell, oids)
    {
        Relation index = index_open(lfirst_oid(cell), RowExclusiveLock);

        prepared->index_oids[prepared->nindexes] = RelationGetRelid(index);
        prepared->indexes[prepared->nindexes++] = BuildIndexInfo(index);
        index_close(index, NoLock);
    }
}

/* forget makes the next insert into a table prepare again. */
static void
forget(Datum arg, Oid relid)
{
    for (QmTable table = 0; table < QM_TABLES; table++)
    {
        Prepared *prepared = &prepared_tables[table];

        if (relid == InvalidOid || relid == prepared->relid)
            prepared->changed = true;
        for (int i = 0; i < prepared->nindexes; i++)
        {
            if (relid == prepared->index_oids[i])
                prepared->changed = true;
        }
    }
}

/* open_indexes does what ExecOpenIndices does, with what is known of the indexes. */
static void
open_indexes(const Prepared *prepared, ResultRelInfo *target)
{
    target->ri_NumIndices = prepared->nindexes;
    target->ri_IndexRelationDescs = palloc(sizeof(Relation) * INDEXES_MAX);
    target->ri_IndexRelationInfo = palloc(sizeof(IndexInfo *) * INDEXES_MAX);
    for (int i = 0; i < prepared->nindexes; i++)
    {
        target->ri_IndexRelationDescs[i] = index_open(prepared->index_oids[i], RowExclusiveLock);
        target->ri_IndexRelationInfo[i] = prepared->indexes[i];
    }
}
