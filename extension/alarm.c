/*
 * The launcher's alarm clock.
 *
 * launcher_proc and launcher_pid are written by the launcher alone: at its
 * start and at its exit. wake_at_us is written by the launcher alone too; while
 * it looks around it is "never", so that whatever a backend adds meanwhile
 * rings. A backend publishes a deadline first and then reads wake_at_us, with a
 * barrier between; the launcher writes "never" first and then looks, with a
 * barrier between: one of the two always sees the other.
 */
#include "alarm.h"

#include "clock.h"
#include "compat.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "state_file.h"
#include "storage/shmem.h"

#define NO_PROC PG_UINT32_MAX
#define PATIENCE_US (5 * QM_US_PER_S)
#define RECHECK_MS 100

typedef struct Alarm
{
    pg_atomic_uint32 launcher_proc;
    pg_atomic_uint32 launcher_pid;
    pg_atomic_uint64 wake_at_us;
} Alarm;

static Alarm *alarm_clock = NULL;

static void detach(int code, Datum arg);

/* qm_alarm_shmem_size returns what qm_alarm_shmem_init takes. */
Size
qm_alarm_shmem_size(void)
{
    return sizeof(Alarm);
}

/* qm_alarm_shmem_init makes or finds the shared part. */
void
qm_alarm_shmem_init(void)
{
    bool found;

    alarm_clock = ShmemInitStruct("quantmesh alarm", sizeof(Alarm), &found);
    if (found)
        return;
    pg_atomic_init_u32(&alarm_clock->launcher_proc, NO_PROC);
    pg_atomic_init_u32(&alarm_clock->launcher_pid, 0);
    pg_atomic_init_u64(&alarm_clock->wake_at_us, QM_NEVER_US);
}

/* qm_alarm_set makes sure that the launcher looks around at the deadline. The caller has published it before. */
void
qm_alarm_set(int64 deadline_us)
{
    pg_memory_barrier();
    if (deadline_us < (int64) pg_atomic_read_u64(&alarm_clock->wake_at_us))
        qm_alarm_ring();
}

/* qm_alarm_ring makes the launcher look around now. Without a launcher, the next one looks when it starts. */
void
qm_alarm_ring(void)
{
    uint32 proc = pg_atomic_read_u32(&alarm_clock->launcher_proc);

    if (proc != NO_PROC)
        SetLatch(&ProcGlobal->allProcs[proc].procLatch);
}

/*
 * qm_alarm_wait makes the launcher do something and waits until it has, or
 * errors with 57P03 after some seconds. The launcher broadcasts to the queue.
 */
void
qm_alarm_wait(ConditionVariable *done_queue, QmDone done, const char *what)
{
    static uint32 wait_event = 0;
    int64 deadline_us = qm_now_us() + PATIENCE_US;
    int pid;

    if (wait_event == 0)
        wait_event = qm_wait_event_new("QuantmeshLauncherReply");
    ConditionVariablePrepareToSleep(done_queue);
    while (!done() && qm_now_us() < deadline_us)
    {
        qm_alarm_ring();
        ConditionVariableTimedSleep(done_queue, RECHECK_MS, wait_event);
    }
    ConditionVariableCancelSleep();
    if (done())
        return;

    pid = qm_alarm_launcher_pid();
    ereport(ERROR,
            (errcode(ERRCODE_CANNOT_CONNECT_NOW),
             errmsg("the quantmesh launcher has not made %s durable yet", what),
             pid == 0 ? errdetail("The launcher is not running.") : errdetail("The launcher has PID %d.", pid),
             errhint("Try again. If it persists, see the server log: max_worker_processes must leave room for the "
                     "launcher, and the data directory for its files in \"%s\".",
                     QM_STATE_DIR)));
}

/* qm_alarm_launcher_pid returns the launcher's PID, 0 while there is none. */
int
qm_alarm_launcher_pid(void)
{
    return (int) pg_atomic_read_u32(&alarm_clock->launcher_pid);
}

/* qm_alarm_attach makes this process the launcher until it exits. */
void
qm_alarm_attach(void)
{
    before_shmem_exit(detach, 0);
    pg_atomic_write_u32(&alarm_clock->launcher_proc, (uint32) qm_my_proc_number());
    pg_atomic_write_u32(&alarm_clock->launcher_pid, (uint32) MyProcPid);
}

/* detach tells backends that nobody listens any more. */
static void
detach(int code, Datum arg)
{
    pg_atomic_write_u32(&alarm_clock->launcher_pid, 0);
    pg_atomic_write_u32(&alarm_clock->launcher_proc, NO_PROC);
}

/* qm_alarm_disarm is called by the launcher before it looks around. */
void
qm_alarm_disarm(void)
{
    pg_atomic_write_u64(&alarm_clock->wake_at_us, QM_NEVER_US);
    pg_memory_barrier();
}

/* qm_alarm_arm is called by the launcher before it sleeps until the deadline. */
void
qm_alarm_arm(int64 deadline_us)
{
    pg_atomic_write_u64(&alarm_clock->wake_at_us, (uint64) deadline_us);
}
