/*
 * Fences: the counter.
 *
 * One counter per server, in shared memory. Numbers below `limit` have been
 * written to the fence file as used before any of them is; a crash goes on at
 * the limit, so it skips numbers and never repeats one. The launcher alone
 * writes limit, counter_id and the file; `next` is an atomic that everybody
 * draws from. The counter has a random identity that lives with its file: a
 * data directory without the file, or restored from a base backup without
 * recovery to a new timeline, starts a new counter, which the generations
 * (fence_floor.c) then lift above the old one's fences. Beside that, every start
 * jumps ahead to where the wall clock puts it: the only help for a snapshot of
 * the storage that is started as a second server.
 *
 * `generations` holds the highest generation that any backend has used, by
 * database: a backend that has not noticed yet that it was raised draws from
 * there, so that the fences of a key never go back.
 */
#include "fence.h"

#include <fcntl.h>
#include <unistd.h>

#include "access/xlog.h"
#include "alarm.h"
#include "common/hashfn.h"
#include "compat.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "state_file.h"
#include "storage/condition_variable.h"
#include "storage/fd.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

/* Databases share these by OID: one that is lifted by another's generation only skips a few. */
#define GENERATION_SLOTS 256

typedef struct FenceState
{
    uint64 counter_id;
    uint64 limit;
    uint32 timeline;
    uint32 generation;   /* the highest that any database has used */
    uint64 backup_label; /* hash of the label of the base backup that the data directory comes from; 0 without */
} FenceState;

typedef struct FenceShared
{
    pg_atomic_uint64 counter_id;
    pg_atomic_uint64 next;
    pg_atomic_uint64 limit;              /* 0 until the launcher has made the first range of this start durable */
    pg_atomic_uint32 wanted_generation;  /* the highest that anybody wants to use */
    pg_atomic_uint32 durable_generation; /* the highest in the file */
    ConditionVariable written;
    pg_atomic_uint32 generations[GENERATION_SLOTS];
} FenceShared;

static FenceShared *fence_shared = NULL;

/* The launcher's copy of the file. */
static FenceState file_state;

static bool has_room(void);
static void copy_shared_state(uint32 timeline, uint64 backup_label);
static uint64 hash_backup_label(void);
static uint64 clock_start(void);
static bool write_file(uint64 limit, uint32 generation);
static bool generation_is_durable(void);
static void raise_to(pg_atomic_uint32 *highest, uint32 value);

/* qm_fence_shmem_size returns what qm_fence_shmem_init takes. */
Size
qm_fence_shmem_size(void)
{
    return sizeof(FenceShared);
}

/* qm_fence_shmem_init makes or finds the counter. */
void
qm_fence_shmem_init(void)
{
    bool found;

    fence_shared = ShmemInitStruct("quantmesh fence", sizeof(FenceShared), &found);
    if (found)
        return;
    pg_atomic_init_u64(&fence_shared->counter_id, 0);
    pg_atomic_init_u64(&fence_shared->next, 0);
    pg_atomic_init_u64(&fence_shared->limit, 0);
    ConditionVariableInit(&fence_shared->written);
    pg_atomic_init_u32(&fence_shared->wanted_generation, 0);
    pg_atomic_init_u32(&fence_shared->durable_generation, 0);
    for (int i = 0; i < GENERATION_SLOTS; i++)
        pg_atomic_init_u32(&fence_shared->generations[i], 0);
}

/*
 * qm_fence_prepare makes sure that the next qm_fence_next of this backend
 * cannot fail. Errors with 57P03 while the launcher has not made numbers
 * durable, and with 54000 when there are no more.
 */
void
qm_fence_prepare(void)
{
    if (!has_room())
        qm_alarm_wait(&fence_shared->written, has_room, "fence numbers");
    else if (qm_fence_counter() + QM_FENCE_RANGE / 2 > qm_fence_limit())
        qm_alarm_ring();

    (void) qm_generation();
}

/* has_room says whether every backend could draw one more durable number. */
static bool
has_room(void)
{
    uint64 next = qm_fence_counter();

    if (next + (uint64) MaxBackends > QM_FENCE_COUNTER_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("fence counter is exhausted"),
                 errhint("Stop the server and remove the file \"%s\" from its data directory: a new counter begins in "
                         "a "
                         "higher generation.",
                         QM_STATE_FENCE)));
    return next + (uint64) MaxBackends < qm_fence_limit();
}

/*
 * qm_fence_next returns a number greater than every fence granted before in
 * this database, on this server or on any primary it was promoted from. It
 * cannot fail after qm_fence_prepare: every backend draws once per preparation,
 * and there was room for all of them.
 */
int64
qm_fence_next(void)
{
    uint64 counter = pg_atomic_fetch_add_u64(&fence_shared->next, 1);

    Assert(counter < qm_fence_limit());
    return (int64) qm_fence_generation() << QM_FENCE_COUNTER_BITS | (int64) counter;
}

/* qm_fence_draw prepares and draws, for who draws more than once and may fail in between; it errors as qm_fence_prepare does. */
int64
qm_fence_draw(void)
{
    qm_fence_prepare();
    return qm_fence_next();
}

/* qm_fence_generation returns the highest generation that fences of this database were drawn in; 0 when none was. */
int
qm_fence_generation(void)
{
    return (int) pg_atomic_read_u32(&fence_shared->generations[MyDatabaseId % GENERATION_SLOTS]);
}

/*
 * qm_fence_raise_generation makes all later fences of this database be of that
 * generation, or a higher one, after the file knows it: even a database that
 * is dropped and created again does not go back. 57P03 when the launcher does
 * not write it.
 */
void
qm_fence_raise_generation(int generation)
{
    raise_to(&fence_shared->wanted_generation, (uint32) generation);
    if (!generation_is_durable())
        qm_alarm_wait(&fence_shared->written, generation_is_durable, "a fence generation");
    raise_to(&fence_shared->generations[MyDatabaseId % GENERATION_SLOTS], (uint32) generation);
}

/* generation_is_durable says whether the file knows all generations that anybody wants to use. */
static bool
generation_is_durable(void)
{
    return pg_atomic_read_u32(&fence_shared->durable_generation) >=
           pg_atomic_read_u32(&fence_shared->wanted_generation);
}

/* raise_to makes an atomic at least that value. */
static void
raise_to(pg_atomic_uint32 *highest, uint32 value)
{
    uint32 seen = pg_atomic_read_u32(highest);

    while (seen < value && !pg_atomic_compare_exchange_u32(highest, &seen, value))
        ;
}

/* qm_fence_counter_id returns the counter's identity; 0 until the launcher has opened it. */
uint64
qm_fence_counter_id(void)
{
    return pg_atomic_read_u64(&fence_shared->counter_id);
}

/* qm_fence_counter returns the next number to be drawn. */
uint64
qm_fence_counter(void)
{
    return pg_atomic_read_u64(&fence_shared->next);
}

/* qm_fence_limit returns the first number that is not durable; 0 until the launcher has opened the counter. */
uint64
qm_fence_limit(void)
{
    return pg_atomic_read_u64(&fence_shared->limit);
}

/*
 * qm_fence_read_state reads the fence file and says whether leases may be out
 * that this server does not know of: it was promoted or recovered to an earlier
 * point, so that its timeline is another than the file's, or it was restored
 * from a base backup. The latter begins a new counter, for its file does not
 * know the numbers that were used since. A launcher that comes back finds all
 * that it needs in shared memory. False when the file is damaged.
 */
bool
qm_fence_read_state(bool *moved)
{
    uint32 timeline = GetWALInsertionTimeLine();
    uint64 backup_label = hash_backup_label();
    Size size = 0;
    bool restored;

    if (qm_fence_limit() != 0)
    {
        copy_shared_state(timeline, backup_label);
        *moved = false;
        return true;
    }
    switch (qm_state_read(QM_STATE_FENCE, &file_state, sizeof(file_state), &size))
    {
        case QM_STATE_OK:
            if (size != sizeof(file_state))
                return false;
            break;
        case QM_STATE_MISSING:
            file_state = (FenceState){.limit = 1, .timeline = 1};
            break;
        case QM_STATE_DAMAGED:
            return false;
    }
    restored = file_state.timeline == timeline && backup_label != 0 && backup_label != file_state.backup_label;
    *moved = file_state.timeline != timeline || restored;
    if (backup_label != 0)
        file_state.backup_label = backup_label;
    return (file_state.counter_id != 0 && !restored) ||
           pg_strong_random(&file_state.counter_id, sizeof(file_state.counter_id));
}

/* copy_shared_state makes the launcher's copy of the file what shared memory has of it. */
static void
copy_shared_state(uint32 timeline, uint64 backup_label)
{
    file_state = (FenceState){.counter_id = qm_fence_counter_id(),
                              .limit = qm_fence_limit(),
                              .timeline = timeline,
                              .generation = pg_atomic_read_u32(&fence_shared->durable_generation),
                              .backup_label = backup_label};
}

/* hash_backup_label tells base backups apart by the label that the data directory was started with; 0 without one. */
static uint64
hash_backup_label(void)
{
    unsigned char label[BLCKSZ];
    int file = OpenTransientFile(BACKUP_LABEL_OLD, O_RDONLY | PG_BINARY);
    ssize_t len;

    if (file < 0)
        return 0;
    len = read(file, label, sizeof(label));
    CloseTransientFile(file);
    return len > 0 ? hash_bytes_extended(label, (int) len, 0) : 0;
}

/*
 * clock_start returns where the wall clock puts the beginning of a start:
 * 65,536 numbers a second since 2000. No server draws as many for long, so a
 * copy of the data directory that is started later goes on above the original,
 * whatever its file says. A clock that is far off is not believed.
 */
static uint64
clock_start(void)
{
    int64 seconds = GetCurrentTimestamp() / USECS_PER_SEC;

    return seconds > 0 && (uint64) seconds < QM_FENCE_COUNTER_MAX / 2 / QM_FENCES_PER_S
               ? (uint64) seconds * QM_FENCES_PER_S
               : 0;
}

/* qm_fence_open makes the first range of this start durable and opens the counter. False when it could not. */
bool
qm_fence_open(void)
{
    uint64 start = clock_start();
    uint64 first = Max(file_state.limit, start);

    if (qm_fence_limit() != 0)
        return true;
    file_state.timeline = GetWALInsertionTimeLine();
    if (!write_file(first + QM_FENCE_RANGE, file_state.generation))
        return false;
    for (int i = 0; i < GENERATION_SLOTS; i++)
        pg_atomic_write_u32(&fence_shared->generations[i], file_state.generation);
    pg_atomic_write_u64(&fence_shared->counter_id, file_state.counter_id);
    pg_atomic_write_u64(&fence_shared->next, first);
    pg_write_barrier();
    pg_atomic_write_u64(&fence_shared->limit, file_state.limit);
    ConditionVariableBroadcast(&fence_shared->written);
    return true;
}

/*
 * qm_fence_step does what is due: more numbers when half of the last range is
 * used, and a generation that somebody wants to use. False when the file could
 * not be written.
 */
bool
qm_fence_step(void)
{
    uint64 limit = qm_fence_limit();
    uint32 generation = pg_atomic_read_u32(&fence_shared->wanted_generation);

    if (qm_fence_counter() + QM_FENCE_RANGE / 2 > limit && limit <= QM_FENCE_COUNTER_MAX)
        limit += QM_FENCE_RANGE;
    if (limit == file_state.limit && generation <= file_state.generation)
        return true;
    if (!write_file(limit, Max(generation, file_state.generation)))
        return false;
    pg_atomic_write_u64(&fence_shared->limit, file_state.limit);
    ConditionVariableBroadcast(&fence_shared->written);
    return true;
}

/* write_file makes a limit and a generation durable; false, and nothing changed, when it could not. */
static bool
write_file(uint64 limit, uint32 generation)
{
    FenceState state = file_state;

    state.limit = limit;
    state.generation = generation;
    if (!qm_state_write(QM_STATE_FENCE, &state, sizeof(state)))
        return false;
    file_state = state;
    pg_atomic_write_u32(&fence_shared->durable_generation, generation);
    return true;
}
