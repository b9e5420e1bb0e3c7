/*
 * Worker slots: a fixed array in shared memory, a slot for each database that is
 * to have a coordinator.
 *
 * A slot has two parts, each with one writer: the plan is the launcher's, the
 * report is that of the coordinator that has claimed the slot. A writer bumps
 * the part's `changes` before and after each write, and readers try again while
 * it is odd or has moved. Nobody takes a lock: neither a stopped coordinator nor
 * a stopped reader can keep the launcher from enforcing TTLs.
 *
 * The claim is one word: a generation, and the PID of the coordinator or 0. The
 * launcher makes a new generation, only while nobody has claimed the slot, before it
 * starts a coordinator; that one claims the slot if its generation is still the
 * last. So a coordinator that is late, because its launcher died meanwhile, ends
 * at once, and one that goes on is found by the next launcher. While nobody has claimed
 * the last generation, which nobody else knows yet, the report is the launcher's to clear.
 */
#include "worker_slot.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/shmem.h"

#define READ_TRIES 100

typedef struct WorkerSlot
{
    pg_atomic_uint64 claim;
    pg_atomic_uint32 plan_changes;
    pg_atomic_uint32 report_changes;
    QmWorkerPlan plan;
    QmWorkerReport report;
} WorkerSlot;

static WorkerSlot *worker_slots = NULL;

static const char *const state_names[QM_WORKER_STATES] = {
    [QM_WORKER_STARTING] = "starting",
    [QM_WORKER_BACKOFF] = "backoff",
    [QM_WORKER_NO_DATABASE] = "no database",
    [QM_WORKER_DATABASE_CLOSED] = "database closed",
    [QM_WORKER_DATABASE_BUSY] = "database busy",
    [QM_WORKER_NO_ROOM] = "no worker slot",
    [QM_WORKER_CONNECTING] = "connecting",
    [QM_WORKER_RUNNING] = "running",
    [QM_WORKER_NO_EXTENSION] = "no extension",
    [QM_WORKER_VERSION_MISMATCH] = "version mismatch",
};

static uint64 claim_word(uint32 generation, int pid);
static void write_part(pg_atomic_uint32 *changes, void *to, const void *from, Size size);
static bool read_part(pg_atomic_uint32 *changes, void *to, const void *from, Size size);

/* qm_worker_slot_shmem_size returns what qm_worker_slot_shmem_init takes. */
Size
qm_worker_slot_shmem_size(void)
{
    return mul_size(QM_DATABASES_MAX, sizeof(WorkerSlot));
}

/* qm_worker_slot_shmem_init makes or finds the array. */
void
qm_worker_slot_shmem_init(void)
{
    bool found;

    worker_slots = ShmemInitStruct("quantmesh workers", qm_worker_slot_shmem_size(), &found);
    if (found)
        return;
    memset(worker_slots, 0, qm_worker_slot_shmem_size());
    for (int i = 0; i < QM_DATABASES_MAX; i++)
    {
        pg_atomic_init_u64(&worker_slots[i].claim, 0);
        pg_atomic_init_u32(&worker_slots[i].plan_changes, 0);
        pg_atomic_init_u32(&worker_slots[i].report_changes, 0);
    }
}

/* qm_worker_plan_read returns what the last launcher has left. Only for the launcher, its only writer. */
void
qm_worker_plan_read(int slot, QmWorkerPlan *plan)
{
    *plan = worker_slots[slot].plan;
}

/* qm_worker_plan_write publishes the plan of a slot. Only for the launcher. */
void
qm_worker_plan_write(int slot, const QmWorkerPlan *plan)
{
    write_part(&worker_slots[slot].plan_changes, &worker_slots[slot].plan, plan, sizeof(*plan));
}

/*
 * qm_worker_slot_assign gives a free slot to the database of the plan, with an
 * empty report; false while a coordinator of its last database has it. Only for the launcher.
 */
bool
qm_worker_slot_assign(int slot, const QmWorkerPlan *plan)
{
    static const QmWorkerReport nothing = {0};
    WorkerSlot *entry = &worker_slots[slot];

    if (qm_worker_slot_offer(slot) == 0)
        return false;
    write_part(&entry->report_changes, &entry->report, &nothing, sizeof(nothing));
    qm_worker_plan_write(slot, plan);
    return true;
}

/*
 * qm_worker_slot_offer makes a new generation, which a coordinator may claim, and
 * returns it; 0 while another coordinator has the slot. Only for the launcher.
 */
uint32
qm_worker_slot_offer(int slot)
{
    WorkerSlot *entry = &worker_slots[slot];
    uint64 seen = pg_atomic_read_u64(&entry->claim);
    uint32 generation = Max((uint32) (seen >> 32) + 1, 1);

    if ((uint32) seen != 0 || !pg_atomic_compare_exchange_u64(&entry->claim, &seen, claim_word(generation, 0)))
        return 0;
    return generation;
}

/* qm_worker_slot_pid returns the PID of the coordinator that has claimed the slot; 0 for none. */
int
qm_worker_slot_pid(int slot)
{
    return (int) (uint32) pg_atomic_read_u64(&worker_slots[slot].claim);
}

/* qm_worker_slot_claim makes the slot ours if the generation is still the last, and returns the report so far. */
bool
qm_worker_slot_claim(int slot, uint32 generation, QmWorkerReport *report)
{
    WorkerSlot *entry = &worker_slots[slot];
    uint64 offered = claim_word(generation, 0);

    if (!pg_atomic_compare_exchange_u64(&entry->claim, &offered, claim_word(generation, MyProcPid)))
        return false;
    *report = entry->report;
    return true;
}

/* qm_worker_slot_leave gives the slot back. */
void
qm_worker_slot_leave(int slot, uint32 generation)
{
    uint64 mine = claim_word(generation, MyProcPid);

    (void) pg_atomic_compare_exchange_u64(&worker_slots[slot].claim, &mine, claim_word(generation, 0));
}

/* qm_worker_report_write publishes the report. Only for the coordinator that has the slot. */
void
qm_worker_report_write(int slot, const QmWorkerReport *report)
{
    write_part(&worker_slots[slot].report_changes, &worker_slots[slot].report, report, sizeof(*report));
}

/* qm_worker_slot_read copies a slot; false when it is free, or could not be read because its writer is stopped in mid-write. */
bool
qm_worker_slot_read(int slot, QmWorkerView *view)
{
    WorkerSlot *entry = &worker_slots[slot];

    view->pid = qm_worker_slot_pid(slot);
    return read_part(&entry->plan_changes, &view->plan, &entry->plan, sizeof(view->plan)) &&
           NameStr(view->plan.database)[0] != '\0' &&
           read_part(&entry->report_changes, &view->report, &entry->report, sizeof(view->report));
}

/* qm_worker_state_name returns the word that the view shows. */
const char *
qm_worker_state_name(QmWorkerState state)
{
    return state_names[state];
}

/* claim_word returns the word of a generation and a PID. */
static uint64
claim_word(uint32 generation, int pid)
{
    return ((uint64) generation << 32) | (uint32) pid;
}

/* write_part writes a part of which this process is the only writer. */
static void
write_part(pg_atomic_uint32 *changes, void *to, const void *from, Size size)
{
    pg_atomic_fetch_add_u32(changes, 1);
    pg_write_barrier();
    memcpy(to, from, size);
    pg_write_barrier();
    pg_atomic_fetch_add_u32(changes, 1);
}

/* read_part copies a part that did not change meanwhile; false when that did not come about. */
static bool
read_part(pg_atomic_uint32 *changes, void *to, const void *from, Size size)
{
    for (int i = 0; i < READ_TRIES; i++)
    {
        uint32 before = pg_atomic_read_u32(changes);

        pg_read_barrier();
        memcpy(to, from, size);
        pg_read_barrier();
        if (before % 2 == 0 && pg_atomic_read_u32(changes) == before)
            return true;
    }
    return false;
}
