/*
 * Fences: the generation, their upper 15 bits, per database.
 *
 * generation = floor + 8 * timeline. The floor is the highest generation that
 * quantmesh.fence_floor knows of any other counter, or what raise_fence has set
 * for this one. So a promotion raises it with the timeline, even where the
 * standby missed the last rows, up to seven calls of raise_fence among them;
 * and a restored dump or an upgraded cluster, whose counter is new, starts
 * above everything that the dump knows. The fence file knows the highest
 * generation of the server, for a database that is dropped and made again.
 *
 * A generation is used only after its row has been committed, because the next
 * dump must contain it. That cannot wait for the caller's transaction, which
 * may roll back: a short-lived worker commits it, one at a time, while the
 * caller keeps others from starting theirs by a lock on the table that does not
 * hinder the worker. Only where the table itself is still uncommitted, right
 * after CREATE EXTENSION, the caller inserts.
 *
 * The table is read by scan, not by SQL: lock functions run as the caller, who
 * has no right to it. The result is kept per backend until the relation is
 * invalidated.
 */
#include "fence.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xlog.h"
#include "argument.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "commands/dbcommands.h"
#include "compat.h"
#include "executor/tuptable.h"
#include "exposure.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "query.h"
#include "shared.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(qm_raise_fence);

/* Who records a generation: one at a time, and not against the worker's INSERT. */
#define RECORDER_LOCK ShareUpdateExclusiveLock

#define SLOT_PATIENCE_US (5 * QM_US_PER_S)
#define SLOT_RECHECK_MS 20

typedef struct FloorRows
{
    bool any;
    bool ours;                /* whether one is of this counter */
    int floor;                /* what the rows make the floor of this counter */
    int generation_ours;      /* the highest generation of this counter; 0 without */
    char tag[QM_TAG_LEN + 1]; /* of that generation */
} FloorRows;

static int known_generation = 0;
static char known_tag[QM_TAG_LEN + 1];
static Oid floor_relid = InvalidOid;

static int timeline_lift(void);
static Relation open_floor(void);
static FloorRows read_floor(Relation relation);
static const char *reason_of(const FloorRows *rows, int generation);
static int next_generation(const FloorRows *rows);
static void record_generation(Relation relation, int generation, const char *reason);
static void write_by_worker(const QmFloorRecord *record);
static void check_generation(int generation);
static void forget_generation(Datum arg, Oid relid);

/*
 * qm_generation returns the generation of this database's fences, recording it
 * first if it is new. 57P03 when it cannot be recorded, 54000 when there are no
 * more, 42P01 without the extension's table.
 */
int
qm_generation(void)
{
    Relation relation;
    FloorRows rows;
    int generation;

    if (known_generation != 0 && known_generation == qm_fence_generation())
        return known_generation;

    relation = open_floor();
    rows = read_floor(relation);
    generation = next_generation(&rows);
    if (rows.generation_ours < generation)
    {
        LockRelation(relation, RECORDER_LOCK);
        rows = read_floor(relation);
        generation = next_generation(&rows);
        if (rows.generation_ours < generation)
        {
            if (!rows.ours)
                qm_exposure_forget(); /* before anybody can have a fence, and change an order */
            record_generation(relation, generation, reason_of(&rows, generation));
            rows = read_floor(relation);
        }
        UnlockRelation(relation, RECORDER_LOCK);
    }
    floor_relid = RelationGetRelid(relation);
    table_close(relation, AccessShareLock);
    qm_fence_raise_generation(generation);
    memcpy(known_tag, rows.tag, sizeof(known_tag));
    known_generation = generation;
    return generation;
}

/* qm_origin_tag returns the tag of client order ids that are made now; it errors as qm_generation does. */
const char *
qm_origin_tag(void)
{
    (void) qm_generation();
    return known_tag;
}

/* reason_of says why a generation is new in this database. */
static const char *
reason_of(const FloorRows *rows, int generation)
{
    if (!rows->any)
        return "first use";
    if (generation > rows->floor + timeline_lift())
        return "the server is further";
    return rows->ours ? "new timeline" : "restored, upgraded or promoted";
}

/* next_generation returns the generation that fences must have now. 54000 when it does not fit into 15 bits. */
static int
next_generation(const FloorRows *rows)
{
    int lifted = rows->floor + timeline_lift();
    int present = qm_fence_generation();
    int generation = Max(lifted, present);

    check_generation(generation);
    return generation;
}

/* timeline_lift returns what the server's timeline adds to the floor. */
static int
timeline_lift(void)
{
    TimeLineID timeline = GetWALInsertionTimeLine();

    return (int) Min(timeline, QM_GENERATION_MAX) * QM_TIMELINE_STRIDE;
}

/* open_floor opens quantmesh.fence_floor, without regard to the caller's rights and search_path. */
static Relation
open_floor(void)
{
    static bool registered = false;
    Oid namespace_oid = get_namespace_oid("quantmesh", false);
    Oid relid = get_relname_relid("fence_floor", namespace_oid);

    if (!registered)
    {
        CacheRegisterRelcacheCallback(forget_generation, (Datum) 0);
        registered = true;
    }
    if (!OidIsValid(relid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE),
                 errmsg("table quantmesh.fence_floor does not exist"),
                 errhint("Run CREATE EXTENSION quantmesh in this database.")));
    return table_open(relid, AccessShareLock);
}

/* forget_generation makes the next lock read the table again, after DROP EXTENSION or the rollback of CREATE EXTENSION. */
static void
forget_generation(Datum arg, Oid relid)
{
    if (relid == InvalidOid || relid == floor_relid)
        known_generation = 0;
}

/* read_floor reads all rows as committed now, and what this transaction has added. */
static FloorRows
read_floor(Relation relation)
{
    int64 counter_id = (int64) qm_fence_counter_id();
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
    TupleTableSlot *slot = table_slot_create(relation, NULL);
    FloorRows rows = {0};

    while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
    {
        int floor;
        int generation;

        slot_getallattrs(slot);
        floor = DatumGetInt32(slot->tts_values[1]);
        generation = DatumGetInt32(slot->tts_values[2]);
        rows.any = true;
        if (DatumGetInt64(slot->tts_values[0]) == counter_id && DatumGetObjectId(slot->tts_values[4]) == MyDatabaseId)
        {
            rows.ours = true;
            rows.floor = Max(rows.floor, floor);
            if (generation > rows.generation_ours)
                strlcpy(rows.tag, TextDatumGetCString(slot->tts_values[3]), sizeof(rows.tag));
            rows.generation_ours = Max(rows.generation_ours, generation);
        }
        else if (DatumGetInt64(slot->tts_values[0]) == counter_id)
            rows.floor = Max(rows.floor, floor); /* a copy of a database of this server */
        else
            rows.floor = Max(rows.floor, generation);
    }
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    UnregisterSnapshot(snapshot);
    return rows;
}

/* record_generation commits a row, without ending the caller's transaction. 57P03 when it is not there in the end. */
static void
record_generation(Relation relation, int generation, const char *reason)
{
    QmFloorRecord record = {.counter_id = qm_fence_counter_id(),
                            .floor = generation - timeline_lift(),
                            .generation = generation};
    uint32 random;

    if (!pg_strong_random(&random, sizeof(random)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw a random number for an origin tag")));
    qm_tag_from_random(record.tag, random);
    strlcpy(record.reason, reason, sizeof(record.reason));
    if (relation->rd_createSubid != InvalidSubTransactionId)
    {
        qm_floor_insert(&record);
        return;
    }
    write_by_worker(&record);
    if (read_floor(relation).generation_ours < generation)
        ereport(ERROR,
                (errcode(ERRCODE_CANNOT_CONNECT_NOW),
                 errmsg("could not record the fence generation of database \"%s\"", get_database_name(MyDatabaseId)),
                 errhint("See the server log, and whether max_worker_processes leaves room.")));
}

/* write_by_worker lets a worker commit the row, and waits for it. It waits some seconds for a free worker slot. */
static void
write_by_worker(const QmFloorRecord *record)
{
    BackgroundWorker worker = {.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
                               .bgw_start_time = BgWorkerStart_RecoveryFinished,
                               .bgw_restart_time = BGW_NEVER_RESTART,
                               .bgw_main_arg = ObjectIdGetDatum(MyDatabaseId),
                               .bgw_notify_pid = MyProcPid};
    int64 deadline_us = qm_now_us() + SLOT_PATIENCE_US;
    BackgroundWorkerHandle *handle;

    StaticAssertStmt(sizeof(*record) <= BGW_EXTRALEN, "a floor record fits");
    memcpy(worker.bgw_extra, record, sizeof(*record));
    strlcpy(worker.bgw_name, "quantmesh floor writer", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "quantmesh floor writer", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "quantmesh", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "qm_floor_writer_main", sizeof(worker.bgw_function_name));

    while (!RegisterDynamicBackgroundWorker(&worker, &handle))
    {
        if (qm_now_us() > deadline_us)
            return;
        (void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, SLOT_RECHECK_MS, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
    (void) WaitForBackgroundWorkerShutdown(handle);
}

/* check_generation refuses what does not fit into 15 bits. */
static void
check_generation(int generation)
{
    if (generation > QM_GENERATION_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("fence generation %d is above the limit of %d", generation, QM_GENERATION_MAX)));
}

/* qm_floor_insert adds a row in the current transaction. The caller may write the table. */
void
qm_floor_insert(const QmFloorRecord *record)
{
    static const char *const insert =
        "INSERT INTO quantmesh.fence_floor (counter_id, floor, generation, tag, database, reason) "
        "VALUES ($1, $2, $3, $4, $5, $6)";
    Oid types[] = {INT8OID, INT4OID, INT4OID, TEXTOID, OIDOID, TEXTOID};
    Datum values[] = {Int64GetDatum((int64) record->counter_id),
                      Int32GetDatum(record->floor),
                      Int32GetDatum(record->generation),
                      CStringGetTextDatum(record->tag),
                      ObjectIdGetDatum(MyDatabaseId),
                      CStringGetTextDatum(record->reason)};

    qm_query_execute(insert, lengthof(values), types, values);
}

/*
 * qm_raise_fence raises the generation of this database by one and returns it.
 * It holds at once and for every session, and ROLLBACK does not undo it.
 */
Datum
qm_raise_fence(PG_FUNCTION_ARGS)
{
    Relation relation;
    FloorRows rows;
    char *reason;
    int generation;

    qm_require_running("quantmesh.raise_fence()");
    reason = qm_arg_reason(fcinfo, 0, QM_FLOOR_REASON_MAX);
    qm_fence_prepare();

    relation = open_floor();
    LockRelation(relation, RECORDER_LOCK);
    rows = read_floor(relation);
    generation = next_generation(&rows) + 1;
    check_generation(generation);
    record_generation(relation, generation, reason);
    UnlockRelation(relation, RECORDER_LOCK);
    table_close(relation, AccessShareLock);
    qm_fence_raise_generation(generation);
    PG_RETURN_INT32(generation);
}
