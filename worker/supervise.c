/*
 * Supervision: the launcher's part that keeps one coordinator running in each
 * database of quantmesh.databases.
 *
 * The launcher enforces TTLs, so nothing here waits: a lock that is not free, a
 * database that is not there, or a worker slot that is missing is looked at again
 * later, and an error of a look-up ends the look-up and not the launcher. What is
 * said of a database is said once per state.
 *
 * A coordinator that a launcher before us has started is found by its claim of
 * the slot (worker_slot.c).
 */
#include "worker.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "clock.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker_slot.h"

#include <signal.h>

#define DELAY_FIRST_US QM_US_PER_S
#define DELAY_LAST_US (300 * QM_US_PER_S)
#define WELL_AFTER_US (10 * QM_US_PER_S) /* a coordinator that ran for so long is started again at once */
#define RECHECK_US (5 * QM_US_PER_S)     /* of a missing database or worker slot */
#define BUSY_RECHECK_US QM_US_PER_S      /* of a database that somebody drops, renames or copies */

/* What this launcher knows of a slot, beside its plan. */
typedef struct Coordinator
{
    QmWorkerPlan plan;
    bool wanted;
    bool told;                      /* to end */
    BackgroundWorkerHandle *handle; /* NULL: none that this launcher has started */
    int64 started_us;               /* 0: none has been running since the last look */
    int64 delay_us;
    int64 next_us;
} Coordinator;

typedef enum Found
{
    FOUND_OPEN,
    FOUND_CLOSED,
    FOUND_BUSY,
    FOUND_NOTHING
} Found;

static Coordinator coordinators[QM_DATABASES_MAX];
static QmDatabaseList wanted;
static bool all_placed = false;

static void inherit(void);
static void mark_wanted(void);
static bool place_names(void);
static bool place(const char *name);
static bool has_slot(int slot);
static int64 look_after(int slot, int64 now_us);
static bool is_running(int slot);
static void stop(int slot);
static void note_end(int slot, int64 now_us);
static int64 start(int slot, int64 now_us);
static bool launch(int slot, Oid database, uint32 generation);
static int64 again(int slot, QmWorkerState state, int64 next_us);
static void say(const QmWorkerPlan *plan);
static Found find_database(const char *name, Oid *oid);
static Found scan_databases(const char *name, Oid *oid);
static bool is_lockable(Oid database);

/* qm_supervise starts, stops and notes what is due, and returns when to look again. reloaded: the list may be another. */
int64
qm_supervise(bool reloaded)
{
    static bool inherited = false;
    int64 now_us = qm_now_us();
    int64 next_us = QM_NEVER_US;

    if (!inherited)
        inherit();
    if (!inherited || reloaded)
        mark_wanted();
    inherited = true;
    if (!all_placed)
        all_placed = place_names();
    for (int slot = 0; slot < QM_DATABASES_MAX; slot++)
    {
        if (has_slot(slot))
            next_us = qm_earlier(next_us, look_after(slot, now_us));
    }
    return all_placed ? next_us : Min(next_us, now_us + BUSY_RECHECK_US);
}

/* inherit takes over the slots of the launcher before us, with the coordinators that are in them. */
static void
inherit(void)
{
    for (int slot = 0; slot < QM_DATABASES_MAX; slot++)
    {
        qm_worker_plan_read(slot, &coordinators[slot].plan);
        coordinators[slot].delay_us = DELAY_FIRST_US;
    }
}

/* mark_wanted reads the list of databases again. */
static void
mark_wanted(void)
{
    qm_databases_read(&wanted);
    all_placed = false;
    for (int slot = 0; slot < QM_DATABASES_MAX; slot++)
    {
        Coordinator *coordinator = &coordinators[slot];

        coordinator->wanted = false;
        for (int i = 0; i < wanted.count; i++)
        {
            if (has_slot(slot) && strcmp(NameStr(wanted.names[i]), NameStr(coordinator->plan.database)) == 0)
                coordinator->wanted = true;
        }
    }
}

/* place_names gives every wanted database a slot; false while there are too few because coordinators are still ending. */
static bool
place_names(void)
{
    bool placed = true;

    for (int i = 0; i < wanted.count; i++)
    {
        const char *name = NameStr(wanted.names[i]);
        bool has = false;

        for (int slot = 0; slot < QM_DATABASES_MAX; slot++)
            has = has || (has_slot(slot) && strcmp(name, NameStr(coordinators[slot].plan.database)) == 0);
        if (!has && !place(name))
            placed = false;
    }
    return placed;
}

/* place gives a database a free slot; false when there is none. */
static bool
place(const char *name)
{
    QmWorkerPlan plan = {.state = QM_WORKER_STARTING, .since = GetCurrentTimestamp()};

    namestrcpy(&plan.database, name);
    for (int slot = 0; slot < QM_DATABASES_MAX; slot++)
    {
        if (has_slot(slot) || !qm_worker_slot_assign(slot, &plan))
            continue;
        coordinators[slot] = (Coordinator){.plan = plan, .wanted = true, .delay_us = DELAY_FIRST_US};
        return true;
    }
    return false;
}

/* has_slot says whether the slot is some database's. */
static bool
has_slot(int slot)
{
    return NameStr(coordinators[slot].plan.database)[0] != '\0';
}

/* look_after does what is due for one slot, and returns when to look again. The end of a coordinator wakes the launcher. */
static int64
look_after(int slot, int64 now_us)
{
    static const QmWorkerPlan nothing = {0};
    Coordinator *coordinator = &coordinators[slot];

    if (is_running(slot))
    {
        if (coordinator->started_us == 0)
            coordinator->started_us = now_us;
        if (!coordinator->wanted)
            stop(slot);
        return QM_NEVER_US;
    }
    if (!coordinator->wanted)
    {
        *coordinator = (Coordinator){0};
        qm_worker_plan_write(slot, &nothing);
        return QM_NEVER_US;
    }
    if (coordinator->started_us != 0)
        note_end(slot, now_us);
    if (coordinator->next_us > now_us)
        return coordinator->next_us;
    return start(slot, now_us);
}

/* is_running says whether the slot's coordinator runs, or is about to. */
static bool
is_running(int slot)
{
    Coordinator *coordinator = &coordinators[slot];
    pid_t pid;

    if (coordinator->handle != NULL)
    {
        switch (GetBackgroundWorkerPid(coordinator->handle, &pid))
        {
            case BGWH_STARTED:
            case BGWH_NOT_YET_STARTED:
                return true;
            case BGWH_STOPPED:
            case BGWH_POSTMASTER_DIED:
                pfree(coordinator->handle);
                coordinator->handle = NULL;
        }
    }
    return qm_worker_slot_pid(slot) != 0;
}

/* stop tells a coordinator to end, once. */
static void
stop(int slot)
{
    Coordinator *coordinator = &coordinators[slot];
    int pid = qm_worker_slot_pid(slot);

    if (coordinator->told)
        return;
    coordinator->told = true;
    if (coordinator->handle != NULL)
        TerminateBackgroundWorker(coordinator->handle);
    else if (pid != 0)
        kill(pid, SIGTERM);
}

/* note_end decides when a coordinator that has ended is started again. */
static void
note_end(int slot, int64 now_us)
{
    Coordinator *coordinator = &coordinators[slot];

    if (coordinator->told || now_us - coordinator->started_us >= WELL_AFTER_US)
    {
        coordinator->delay_us = DELAY_FIRST_US;
        coordinator->next_us = now_us;
    }
    else
    {
        (void) again(slot, QM_WORKER_BACKOFF, now_us + coordinator->delay_us);
        coordinator->delay_us = Min(coordinator->delay_us * 2, DELAY_LAST_US);
    }
    coordinator->told = false;
    coordinator->started_us = 0;
}

/* start starts a coordinator if that is possible, and returns when to look again. */
static int64
start(int slot, int64 now_us)
{
    Coordinator *coordinator = &coordinators[slot];
    Oid database;
    uint32 generation;

    switch (find_database(NameStr(coordinator->plan.database), &database))
    {
        case FOUND_NOTHING:
            return again(slot, QM_WORKER_NO_DATABASE, now_us + RECHECK_US);
        case FOUND_CLOSED:
            return again(slot, QM_WORKER_DATABASE_CLOSED, now_us + RECHECK_US);
        case FOUND_BUSY:
            return again(slot, QM_WORKER_DATABASE_BUSY, now_us + BUSY_RECHECK_US);
        case FOUND_OPEN:
            break;
    }
    generation = qm_worker_slot_offer(slot);
    if (generation == 0) /* one that a launcher before us had started has just come up */
        return now_us;
    if (!launch(slot, database, generation))
        return again(slot, QM_WORKER_NO_ROOM, now_us + RECHECK_US);
    coordinator->started_us = now_us;
    coordinator->plan.starts++;
    (void) again(slot, QM_WORKER_STARTING, 0);
    return QM_NEVER_US;
}

/* launch asks the postmaster for a coordinator; false when it has no room. */
static bool
launch(int slot, Oid database, uint32 generation)
{
    QmCoordinatorStart begin = {.slot = slot, .generation = generation, .database = database};
    BackgroundWorker worker = {.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
                               .bgw_start_time = BgWorkerStart_RecoveryFinished,
                               .bgw_restart_time = BGW_NEVER_RESTART,
                               .bgw_notify_pid = MyProcPid};

    StaticAssertStmt(sizeof(begin) <= BGW_EXTRALEN, "a coordinator's start fits");
    begin.name = coordinators[slot].plan.database;
    memcpy(worker.bgw_extra, &begin, sizeof(begin));
    snprintf(worker.bgw_name, BGW_MAXLEN, "quantmesh coordinator of %s", NameStr(coordinators[slot].plan.database));
    strlcpy(worker.bgw_type, "quantmesh coordinator", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "quantmesh", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "qm_coordinator_main", sizeof(worker.bgw_function_name));
    return RegisterDynamicBackgroundWorker(&worker, &coordinators[slot].handle);
}

/* again publishes the state, says it if it is a new one, and returns when to look again; 0: not before something happens. */
static int64
again(int slot, QmWorkerState state, int64 next_us)
{
    Coordinator *coordinator = &coordinators[slot];
    QmWorkerPlan *plan = &coordinator->plan;
    bool changed = plan->state != state;

    coordinator->next_us = next_us;
    plan->next_start = next_us == 0 ? 0 : GetCurrentTimestamp() + (next_us - qm_now_us());
    plan->state = state;
    if (changed)
        plan->since = GetCurrentTimestamp();
    qm_worker_plan_write(slot, plan);
    if (changed)
        say(plan);
    return next_us;
}

/* say logs a state that a person may want to know of. A coordinator itself says when it works. */
static void
say(const QmWorkerPlan *plan)
{
    const char *name = NameStr(plan->database);

    switch (plan->state)
    {
        case QM_WORKER_BACKOFF:
            ereport(LOG,
                    (errmsg("quantmesh coordinator of database \"%s\" has ended early", name),
                     errdetail("It is started again after a while that doubles each time, up to %d s.",
                               (int) (DELAY_LAST_US / QM_US_PER_S))));
            break;
        case QM_WORKER_NO_DATABASE:
            ereport(LOG,
                    (errmsg("quantmesh has no coordinator for database \"%s\", which does not exist", name),
                     errhint("Create it, or take it out of quantmesh.databases and reload.")));
            break;
        case QM_WORKER_DATABASE_CLOSED:
            ereport(LOG,
                    (errmsg("quantmesh has no coordinator for database \"%s\", which allows no connections", name),
                     errhint("Allow them, or take it out of quantmesh.databases and reload.")));
            break;
        case QM_WORKER_DATABASE_BUSY:
            ereport(LOG,
                    (errmsg("quantmesh has no coordinator for database \"%s\" while it is dropped, altered or copied",
                            name)));
            break;
        case QM_WORKER_NO_ROOM:
            ereport(LOG,
                    (errmsg("quantmesh has no coordinator for database \"%s\": all worker slots are in use", name),
                     errhint("Raise max_worker_processes and restart the server.")));
            break;
        default:
            break;
    }
}

/* find_database looks a database up in the shared catalog, without waiting for any lock. */
static Found
find_database(const char *name, Oid *oid)
{
    static bool failed = false;
    volatile Found found = FOUND_BUSY;

    PG_TRY();
    {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        found = scan_databases(name, oid);
        if (found == FOUND_OPEN && !is_lockable(*oid))
            found = FOUND_BUSY;
        CommitTransactionCommand();
        failed = false;
    }
    PG_CATCH();
    {
        HOLD_INTERRUPTS();
        if (!failed)
            EmitErrorReport();
        failed = true;
        AbortOutOfAnyTransaction();
        FlushErrorState();
        RESUME_INTERRUPTS();
        found = FOUND_BUSY;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(TopMemoryContext);
    return found;
}

/* scan_databases reads pg_database as a whole, since its indexes would be further locks. */
static Found
scan_databases(const char *name, Oid *oid)
{
    Found found = FOUND_NOTHING;
    Relation relation;
    TableScanDesc scan;
    HeapTuple tuple;

    if (!ConditionalLockRelationOid(DatabaseRelationId, AccessShareLock))
        return FOUND_BUSY;
    relation = table_open(DatabaseRelationId, NoLock);
    scan = table_beginscan_catalog(relation, 0, NULL);
    while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
    {
        Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

        if (strcmp(NameStr(form->datname), name) != 0)
            continue;
        *oid = form->oid;
        found = form->datallowconn && !database_is_invalid_form(form) ? FOUND_OPEN : FOUND_CLOSED;
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

/* is_lockable says whether a connection to the database would not have to wait for somebody who drops, renames or copies it. */
static bool
is_lockable(Oid database)
{
    LOCKTAG tag;

    SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
    return LockAcquire(&tag, RowExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}
