/*
 * What leases leave behind on disk, and when they may be granted again.
 *
 * Leases live in memory and their holders trust them for up to max_ttl. So
 * after a crash that lost some, and after every promotion or recovery to a point
 * in time, no lease is granted for as long: the grace. Two files tell:
 *
 *   lease_mark   written by the launcher before the first lease of a start is
 *                granted, with the max_ttl in force. It outlives a crash.
 *   leases       written by the postmaster at a clean shutdown, when everybody
 *                else is gone, with the checkpoint that it belongs to. The next
 *                start takes the leases back and removes it; a start after
 *                anything else does not believe it.
 *
 * The postmaster writes start_* at start, before others run, and then the
 * launcher. marked_ttl_ms and open_at_us are written by the launcher alone;
 * wanted_ttl_ms by whoever wants a mark, upwards only.
 */
#include "lease_state.h"

#include <unistd.h>

#include "alarm.h"
#include "catalog/pg_control.h"
#include "clock.h"
#include "common/controldata_utils.h"
#include "compat.h"
#include "lease.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "settings.h"
#include "state_file.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

typedef struct LeaseMark
{
    uint32 max_ttl_ms;
} LeaseMark;

/* Deadlines and grant times in the file are relative to the shutdown. */
typedef struct SavedLeases
{
    uint64 system_identifier;
    uint64 checkpoint;
    uint32 count;
    uint32 unused;
    QmLease leases[FLEXIBLE_ARRAY_MEMBER];
} SavedLeases;

typedef struct LeaseState
{
    uint32 start_mark_ttl_ms;    /* of the mark that was found at start; 0 without */
    bool start_restored;         /* whether that start took leases back from a clean shutdown */
    pg_atomic_uint64 open_at_us; /* 0 until the launcher has decided */
    pg_atomic_uint32 marked_ttl_ms;
    pg_atomic_uint32 wanted_ttl_ms;
    ConditionVariable marked;
} LeaseState;

static LeaseState *lease_state = NULL;

static uint32 read_mark(void);
static bool write_mark(uint32 max_ttl_ms);
static void close_for(uint32 grace_ms, bool moved);
static bool restore_leases(void);
static void save_leases(int code, Datum arg);
static bool clean_checkpoint(uint64 *system_identifier, uint64 *checkpoint);

/* qm_lease_state_shmem_size returns what qm_lease_state_shmem_init takes. */
Size
qm_lease_state_shmem_size(void)
{
    return sizeof(LeaseState);
}

/* qm_lease_state_shmem_init makes or finds the shared part. */
void
qm_lease_state_shmem_init(void)
{
    bool found;

    lease_state = ShmemInitStruct("quantmesh lease state", sizeof(LeaseState), &found);
    if (found)
        return;
    lease_state->start_mark_ttl_ms = 0;
    lease_state->start_restored = false;
    pg_atomic_init_u64(&lease_state->open_at_us, 0);
    pg_atomic_init_u32(&lease_state->marked_ttl_ms, 0);
    pg_atomic_init_u32(&lease_state->wanted_ttl_ms, 0);
    ConditionVariableInit(&lease_state->marked);
}

/* qm_lease_state_load reads what the last run left. In the postmaster, at every start and crash restart. */
void
qm_lease_state_load(void)
{
    lease_state->start_mark_ttl_ms = read_mark();
    lease_state->start_restored = restore_leases();
    on_shmem_exit(save_leases, (Datum) 0);
}

/* read_mark returns the max_ttl of the mark; 0 without one. A damaged mark counts as one of today's max_ttl. */
static uint32
read_mark(void)
{
    LeaseMark mark;
    Size size = 0;

    switch (qm_state_read(QM_STATE_MARK, &mark, sizeof(mark), &size))
    {
        case QM_STATE_OK:
            return mark.max_ttl_ms;
        case QM_STATE_MISSING:
            return 0;
        case QM_STATE_DAMAGED:
            break;
    }
    return (uint32) qm_max_ttl_ms;
}

/* clean_checkpoint says whether the server was shut down cleanly, and by which checkpoint. */
static bool
clean_checkpoint(uint64 *system_identifier, uint64 *checkpoint)
{
    bool crc_ok;
    ControlFileData *control;
    bool clean;

    if (access("global/pg_control", R_OK) != 0)
        return false;
    control = get_controlfile(DataDir, &crc_ok);
    clean = crc_ok && (control->state == DB_SHUTDOWNED || control->state == DB_SHUTDOWNED_IN_RECOVERY);
    *system_identifier = control->system_identifier;
    *checkpoint = control->checkPoint;
    pfree(control);
    return clean;
}

/* restore_leases takes back the leases of a clean shutdown; true when there was a file of that very shutdown. */
static bool
restore_leases(void)
{
    Size max_size = offsetof(SavedLeases, leases) + sizeof(QmLease) * (Size) qm_max_leases;
    Size size = 0;
    SavedLeases *saved;
    uint64 system_identifier;
    uint64 checkpoint;
    bool restored = false;
    int64 now_us = qm_now_us();

    if (access(QM_STATE_LEASES, F_OK) != 0)
        return false;
    saved = palloc_extended(max_size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
    if (saved != NULL && qm_state_read(QM_STATE_LEASES, saved, max_size, &size) == QM_STATE_OK &&
        size == offsetof(SavedLeases, leases) + sizeof(QmLease) * saved->count &&
        clean_checkpoint(&system_identifier, &checkpoint) && saved->system_identifier == system_identifier &&
        saved->checkpoint == checkpoint)
    {
        for (uint32 i = 0; i < saved->count; i++)
        {
            saved->leases[i].granted_us += now_us;
            saved->leases[i].deadline_us += now_us;
            qm_lease_restore(&saved->leases[i]);
        }
        restored = true;
    }
    if (saved != NULL)
        pfree(saved);
    qm_state_remove(QM_STATE_LEASES);
    return restored;
}

/*
 * save_leases keeps the leases over a clean shutdown. It runs in the
 * postmaster, last of all; a failure only means a grace at the next start.
 */
static void
save_leases(int code, Datum arg)
{
    int64 now_us = qm_now_us();
    int count = qm_lease_count();
    Size size = offsetof(SavedLeases, leases) + sizeof(QmLease) * (Size) count;
    SavedLeases *saved;

    if (code != 0 || pg_atomic_read_u32(&lease_state->marked_ttl_ms) == 0)
        return;
    saved = palloc_extended(size, MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
    if (saved == NULL || !clean_checkpoint(&saved->system_identifier, &saved->checkpoint))
        return;
    saved->count = (uint32) qm_lease_copy(saved->leases, count);
    for (uint32 i = 0; i < saved->count; i++)
    {
        saved->leases[i].granted_us -= now_us;
        saved->leases[i].deadline_us -= now_us;
    }
    (void) qm_state_write(QM_STATE_LEASES, saved, size);
}

/* qm_lease_open_at returns from when leases are granted; 0 when the launcher has not decided yet. */
int64
qm_lease_open_at(void)
{
    return (int64) pg_atomic_read_u64(&lease_state->open_at_us);
}

/* is_marked says whether the durable mark covers the max_ttl in force. */
static bool
is_marked(void)
{
    return pg_atomic_read_u32(&lease_state->marked_ttl_ms) >= (uint32) qm_max_ttl_ms;
}

/*
 * qm_lease_ensure_marked makes sure that a crash from now on is followed by a
 * grace of max_ttl. The launcher writes the mark, once per start. Errors with
 * 57P03 when it does not.
 */
void
qm_lease_ensure_marked(void)
{
    uint32 wanted = pg_atomic_read_u32(&lease_state->wanted_ttl_ms);
    uint32 needed = (uint32) qm_max_ttl_ms;

    if (is_marked())
        return;
    while (wanted < needed && !pg_atomic_compare_exchange_u32(&lease_state->wanted_ttl_ms, &wanted, needed))
        ;
    qm_alarm_wait(&lease_state->marked, is_marked, "the lease mark");
}

/* write_mark makes the mark durable; false, and nothing changed, when it could not. */
static bool
write_mark(uint32 max_ttl_ms)
{
    LeaseMark mark = {.max_ttl_ms = max_ttl_ms};

    return qm_state_write(QM_STATE_MARK, &mark, sizeof(mark));
}

/*
 * qm_lease_state_open decides, once per start, from when leases are granted.
 * Called before the fence file takes note of a new timeline, so that a crash
 * in between comes here again. False when it could not be made durable.
 */
bool
qm_lease_state_open(bool moved)
{
    uint32 mark = lease_state->start_mark_ttl_ms;

    if (qm_lease_open_at() != 0)
        return true;
    if (moved || (mark != 0 && !lease_state->start_restored))
    {
        uint32 grace_ms = moved ? Max(mark, (uint32) qm_max_ttl_ms) : mark;

        if (!write_mark(grace_ms))
            return false;
        close_for(grace_ms, moved);
        return true;
    }
    if (qm_lease_count() > 0)
        pg_atomic_write_u32(&lease_state->marked_ttl_ms, mark);
    else
    {
        qm_state_remove(QM_STATE_MARK);
        lease_state->start_mark_ttl_ms = 0;
    }
    pg_atomic_write_u64(&lease_state->open_at_us, (uint64) qm_now_us());
    return true;
}

/* close_for begins the grace, and says so once. */
static void
close_for(uint32 grace_ms, bool moved)
{
    lease_state->start_mark_ttl_ms = grace_ms;
    pg_atomic_write_u64(&lease_state->open_at_us, (uint64) (qm_now_us() + grace_ms * QM_US_PER_MS));
    ereport(LOG,
            (errmsg("no quantmesh lease is granted for %u ms", grace_ms),
             moved ? errdetail("The server was promoted, recovered to a point in time, or restored from a backup.")
                   : errdetail("Leases were lost in a crash."),
             errhint("Leases that were granted before may be trusted for as long by their holders.")));
}

/*
 * qm_lease_state_step does what is due: the mark that a backend wants, and its
 * removal after a grace in which nobody asked for a lease. False when a file
 * could not be written.
 */
bool
qm_lease_state_step(int64 *next_us)
{
    uint32 wanted = pg_atomic_read_u32(&lease_state->wanted_ttl_ms);
    uint32 marked = pg_atomic_read_u32(&lease_state->marked_ttl_ms);
    int64 now_us = qm_now_us();

    *next_us = QM_NEVER_US;
    if (wanted > marked)
    {
        if (!write_mark(wanted))
            return false;
        lease_state->start_mark_ttl_ms = 0;
        pg_atomic_write_u32(&lease_state->marked_ttl_ms, wanted);
        ConditionVariableBroadcast(&lease_state->marked);
    }
    else if (marked == 0 && lease_state->start_mark_ttl_ms != 0)
    {
        if (qm_lease_open_at() > now_us)
            *next_us = qm_lease_open_at();
        else
        {
            qm_state_remove(QM_STATE_MARK);
            lease_state->start_mark_ttl_ms = 0;
        }
    }
    return true;
}
