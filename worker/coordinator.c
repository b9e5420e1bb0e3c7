/*
 * The coordinator: one per database of quantmesh.databases.
 *
 * It makes one pass after another, and sleeps in between without a transaction,
 * a snapshot or a lock, for quantmesh.worker_naptime or until the lease of an
 * instance ends. A pass is a table of steps. Each step runs in transactions of
 * its own; an error of one is kept for the view, logged once, and does not stop the
 * others. No backend waits for a coordinator: without one, nothing but its
 * own work stays undone.
 *
 * Before each pass it looks whether the extension is there, in the version that
 * the library has. Every transaction of a pass has a share lock on the extension,
 * taken without waiting: DROP EXTENSION takes turns with it, and never meets it
 * half way. A coordinator that finds somebody waiting to drop, rename or copy
 * its database leaves; the launcher brings another one when that is over.
 */
#include "worker.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "access/xact.h"
#include "alarm.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "clock.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "compat.h"
#include "lease.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "query.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker_slot.h"

#define ERRORS_REMEMBERED 16        /* messages per step that are not logged again */
#define INSTANCE_KEYS "instance:"   /* leases of instances */
#define URGENT_US (QM_US_PER_S / 2) /* how often urgent steps come in between */
#define LOCK_PATIENCE "10s"         /* a step that waits longer for a lock gives up, and comes again */

/* A step of a pass: a command that runs in one transaction, or a function that runs its own. */
typedef struct Step
{
    const char *name;
    bool urgent; /* comes in between while another step takes long */
    QmQuery query;
    void (*run)(void);
    uint32 logged[ERRORS_REMEMBERED]; /* hashes of messages */
    int nlogged;
} Step;

/* What a look at the database has found. */
typedef enum Sight
{
    SIGHT_FAILED,
    SIGHT_UNWANTED, /* somebody waits to drop, rename or copy the database */
    SIGHT_ABSENT,
    SIGHT_BUSY, /* the extension is being altered or dropped */
    SIGHT_MISMATCH,
    SIGHT_READY
} Sight;

static void look(void);

static Step look_step = {.name = "look at the extension", .run = look};
static Step steps[] = {
    {.name = "instances", .urgent = true, .query = {"SELECT quantmesh.watch_instances()", 0, {0}}},
    {.name = "assignment", .urgent = true, .query = {"SELECT quantmesh.assign_markets()", 0, {0}}},
    {.name = "overdue replies", .query = {"SELECT quantmesh.forget_replies()", 0, {0}}},
    {.name = "reconciliation", .run = qm_reconcile_pass},
    {.name = "blind markets", .query = {"SELECT quantmesh.watch_blind_markets()", 0, {0}}},
    {.name = "tasks", .query = {"SELECT quantmesh.make_tasks()", 0, {0}}},
    {.name = "housekeeping", .run = qm_housekeeping_pass},
};

static QmCoordinatorStart me;
static QmWorkerReport report;
static MemoryContext turn_context;
static Oid extension; /* as the last look has found it */
static Sight sight;
static int64 urgent_us;         /* when the urgent steps have last been run */
static bool refused;            /* a transaction of the step, because the extension is being altered or dropped */
static char *installed_version; /* in turn_context */

static void leave(int code, Datum arg);
static void settle_down(void);
static void turn(void);
static void say(QmWorkerState state);
static void pass(void);
static void run_urgent(void);
static void run_step(Step *step);
static void run_query(Step *step);
static void name_step(void *arg);
static void note_error(Step *step);
static bool is_news(Step *step, const ErrorData *error);
static bool database_is_ours(void);
static bool lock_extension(void);
static Oid read_extension(char **version, TransactionId *made_by);
static bool has_settled(TransactionId made_by);
static void sleep_until_due(void);

/* qm_coordinator_main runs until it is told to end, or has to leave. */
void
qm_coordinator_main(Datum arg)
{
    memcpy(&me, MyBgworkerEntry->bgw_extra, sizeof(me));
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();

    if (!qm_worker_slot_claim(me.slot, me.generation, &report))
        proc_exit(0);
    before_shmem_exit(leave, (Datum) 0);
    report.state = QM_WORKER_CONNECTING;
    report.since = GetCurrentTimestamp();
    qm_worker_report_write(me.slot, &report);
    BackgroundWorkerInitializeConnectionByOid(me.database, InvalidOid, 0);
    settle_down();

    for (;;)
    {
        /* To cancel is to cancel a statement; between two of them there is nothing to cancel. */
        QueryCancelPending = false;
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending)
        {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
            qm_housekeeping_hurry();
        }
        MemoryContextReset(turn_context);
        MemoryContextSwitchTo(turn_context);
        turn();
        sleep_until_due();
    }
}

/* leave gives the slot back and lets the launcher know. */
static void
leave(int code, Datum arg)
{
    qm_worker_slot_leave(me.slot, me.generation);
    qm_alarm_ring();
}

/* settle_down sets what a session of ours needs, whatever database and configuration file say for others. */
static void
settle_down(void)
{
    static const char *const settings[][2] = {
        {"statement_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"lock_timeout", LOCK_PATIENCE},
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"jit", "off"},
    };

    for (size_t i = 0; i < lengthof(settings); i++)
        SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
    qm_transaction_timeout_off();
    pgstat_report_appname("quantmesh coordinator");
    turn_context = AllocSetContextCreate(TopMemoryContext, "quantmesh coordinator", ALLOCSET_DEFAULT_SIZES);
}

/* turn looks around, and makes a pass if there is anything to work on. */
static void
turn(void)
{
    sight = SIGHT_FAILED;
    run_step(&look_step);
    switch (sight)
    {
        case SIGHT_UNWANTED:
            ereport(LOG,
                    (errmsg("quantmesh coordinator leaves database \"%s\", which somebody waits to drop, alter or copy",
                            MyBgworkerEntry->bgw_name + strlen("quantmesh coordinator of "))));
            proc_exit(0);
        case SIGHT_FAILED:
        case SIGHT_BUSY:
            break;
        case SIGHT_ABSENT:
            say(QM_WORKER_NO_EXTENSION);
            break;
        case SIGHT_MISMATCH:
            say(QM_WORKER_VERSION_MISMATCH);
            break;
        case SIGHT_READY:
            say(QM_WORKER_RUNNING);
            pass();
            break;
    }
    pgstat_report_activity(STATE_IDLE, NULL);
}

/* say publishes the state, and logs it if it is a new one. */
static void
say(QmWorkerState state)
{
    const char *name = NameStr(me.name);

    if (report.state == state)
        return;
    report.state = state;
    report.since = GetCurrentTimestamp();
    qm_worker_report_write(me.slot, &report);
    switch (state)
    {
        case QM_WORKER_RUNNING:
            ereport(LOG, (errmsg("quantmesh coordinator of database \"%s\" is at work", name)));
            break;
        case QM_WORKER_NO_EXTENSION:
            ereport(LOG,
                    (errmsg("quantmesh coordinator of database \"%s\" is idle: there is no extension", name),
                     errhint("Run CREATE EXTENSION quantmesh in it, or take it out of quantmesh.databases.")));
            break;
        case QM_WORKER_VERSION_MISMATCH:
            ereport(LOG,
                    (errmsg("quantmesh coordinator of database \"%s\" is idle: the extension has version %s, the "
                            "library %s",
                            name,
                            installed_version,
                            QM_VERSION),
                     errhint("Run ALTER EXTENSION quantmesh UPDATE, or restart the server with the library that "
                             "belongs to it.")));
            break;
        default:
            break;
    }
}

/* pass runs every step. */
static void
pass(void)
{
    int64 begun_us = qm_now_us();

    run_urgent();
    for (size_t i = 0; i < lengthof(steps); i++)
    {
        CHECK_FOR_INTERRUPTS();
        if (!steps[i].urgent)
            run_step(&steps[i]);
    }
    report.passes++;
    report.last_pass = GetCurrentTimestamp();
    report.last_pass_us = qm_now_us() - begun_us;
    qm_worker_report_write(me.slot, &report);
}

/* run_urgent runs what instances that died and their markets wait for. */
static void
run_urgent(void)
{
    for (size_t i = 0; i < lengthof(steps); i++)
    {
        CHECK_FOR_INTERRUPTS();
        if (steps[i].urgent)
            run_step(&steps[i]);
    }
    urgent_us = qm_now_us();
}

/*
 * qm_worker_let_urgent_in is called between two transactions by a step that may take
 * long, so that an instance that dies meanwhile is not noticed late.
 */
void
qm_worker_let_urgent_in(void)
{
    MemoryContext caller_memory = CurrentMemoryContext;

    if (qm_now_us() < urgent_us + URGENT_US)
        return;
    run_urgent();
    refused = false;
    MemoryContextSwitchTo(caller_memory);
}

/* run_step runs one step; its error ends it, and nothing else. */
static void
run_step(Step *step)
{
    ErrorContextCallback context = {.callback = name_step, .arg = step, .previous = error_context_stack};

    refused = false;
    error_context_stack = &context;
    PG_TRY();
    {
        if (step->run != NULL)
            step->run();
        else
            run_query(step);
    }
    PG_CATCH();
    {
        note_error(step);
    }
    PG_END_TRY();
    error_context_stack = context.previous;
    MemoryContextSwitchTo(turn_context);
    pgstat_report_stat(true);
}

/* run_query runs a step's command in one transaction. */
static void
run_query(Step *step)
{
    QmQueryScope scope;

    if (!qm_worker_begin(step->name))
        return;
    qm_query_begin(&scope);
    (void) qm_query_run(&step->query, NULL, NULL);
    qm_query_end(&scope);
    qm_worker_commit();
}

/* name_step tells in error reports what the coordinator was at. */
static void
name_step(void *arg)
{
    errcontext("quantmesh coordinator, step \"%s\"", ((Step *) arg)->name);
}

/* note_error ends the transaction of a step that failed, and remembers why; to give up because the extension goes is no failure. */
static void
note_error(Step *step)
{
    ErrorData *error;

    HOLD_INTERRUPTS();
    MemoryContextSwitchTo(turn_context);
    error = CopyErrorData();
    if (!refused && is_news(step, error))
        EmitErrorReport();
    AbortOutOfAnyTransaction();
    FlushErrorState();
    MemoryContextSwitchTo(turn_context);
    if (!refused)
    {
        report.errors++;
        report.last_error_at = GetCurrentTimestamp();
        snprintf(report.last_error, sizeof(report.last_error), "%s: %s", step->name, error->message);
        qm_worker_report_write(me.slot, &report);
    }
    RESUME_INTERRUPTS();
}

/* is_news says whether the message is not among the last ones of the step that were logged. */
static bool
is_news(Step *step, const ErrorData *error)
{
    uint32 hash = DatumGetUInt32(hash_any((const unsigned char *) error->message, (int) strlen(error->message)));

    for (int i = 0; i < Min(step->nlogged, ERRORS_REMEMBERED); i++)
    {
        if (step->logged[i] == hash)
            return false;
    }
    step->logged[step->nlogged++ % ERRORS_REMEMBERED] = hash;
    return true;
}

/* look looks at database and extension, and sets what it sees. */
static void
look(void)
{
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    if (!database_is_ours())
        sight = SIGHT_UNWANTED;
    else
    {
        char *version;
        TransactionId made_by;

        extension = read_extension(&version, &made_by);
        if (!OidIsValid(extension))
            sight = SIGHT_ABSENT;
        else if (!has_settled(made_by) || !lock_extension())
            sight = SIGHT_BUSY;
        else
            sight = strcmp(version, QM_VERSION) == 0 ? SIGHT_READY : SIGHT_MISMATCH;
        installed_version = OidIsValid(extension) ? MemoryContextStrdup(turn_context, version) : NULL;
    }
    CommitTransactionCommand();
}

/*
 * database_is_ours says whether nobody waits for all connections of the database
 * to end. The lock is given back at once: what comes next may have to wait for
 * another one, and DROP DATABASE would wait for both.
 */
static bool
database_is_ours(void)
{
    LOCKTAG tag;

    SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, MyDatabaseId, 0);
    if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
        return false;
    LockRelease(&tag, RowExclusiveLock, false);
    return true;
}

/* read_extension returns the extension's OID and version, and who wrote them; InvalidOid when it is not there. */
static Oid
read_extension(char **version, TransactionId *made_by)
{
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    Oid oid = InvalidOid;
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;

    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("quantmesh"));
    scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
    tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple))
    {
        bool isnull;
        Datum value = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &isnull);

        oid = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
        *version = TextDatumGetCString(value);
        *made_by = HeapTupleHeaderGetXmin(tuple->t_data);
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return oid;
}

/*
 * has_settled says whether the transaction that wrote the extension's row has come
 * to its very end. It is visible a moment before it tells others what else has
 * changed: until then our caches know another schema of this name, or none.
 */
static bool
has_settled(TransactionId made_by)
{
    if (TransactionIdIsNormal(made_by) && !ConditionalXactLockTableWait(made_by))
        return false;
    AcceptInvalidationMessages();
    return true;
}

/* lock_extension keeps the extension that was looked at until the end of the transaction; false when it is gone or going. */
static bool
lock_extension(void)
{
    return ConditionalLockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock) &&
           get_extension_oid("quantmesh", true) == extension;
}

/* qm_worker_begin begins a transaction with a snapshot, and tells pg_stat_activity what it is for. */
bool
qm_worker_begin(const char *activity)
{
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    if (!lock_extension())
    {
        CommitTransactionCommand();
        refused = true;
        return false;
    }
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, activity);
    return true;
}

/* qm_worker_commit commits what qm_worker_begin has begun. */
void
qm_worker_commit(void)
{
    PopActiveSnapshot();
    CommitTransactionCommand();
    MemoryContextSwitchTo(turn_context);
    pgstat_report_stat(false);
    pgstat_report_activity(STATE_IDLE, NULL);
}

/* sleep_until_due sleeps until the next pass is due, the lease of an instance ends, or somebody sets the latch. */
static void
sleep_until_due(void)
{
    static uint32 wait_event = 0;
    int64 now_us = qm_now_us();
    int64 due_us = now_us + qm_worker_naptime_ms * QM_US_PER_MS;

    if (wait_event == 0)
        wait_event = qm_wait_event_new("QuantmeshCoordinator");
    due_us = qm_earlier(due_us, qm_lease_next_end(INSTANCE_KEYS));
    (void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, qm_ms_until(due_us, now_us), wait_event);
    ResetLatch(MyLatch);
}
