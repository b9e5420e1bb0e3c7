/*
 * The launcher: one per server, from the end of recovery on.
 *
 * It is the only writer of the fence file and the lease mark, ends what
 * overruns its TTL, removes leases that are over, and keeps the coordinators
 * running (supervise.c). It needs no database: it is connected to none, and shows
 * up in pg_stat_activity. It sleeps until the earliest deadline, or until a
 * backend sets an earlier one (alarm.c).
 */
#include "worker.h"

#include "access/xlog.h"
#include "alarm.h"
#include "clock.h"
#include "compat.h"
#include "fence.h"
#include "lease.h"
#include "lease_state.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "state_file.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"

#define RESTART_AFTER_S 1
#define RETRY_FIRST_US (QM_US_PER_S / 2)
#define RETRY_LAST_US (30 * QM_US_PER_S)

/* A file that could not be written is tried again, less and less often. */
typedef struct Retry
{
    int64 delay_us;
    int64 next_us;
} Retry;

static void open_server(void);
static int64 keep_files(Retry *retry);
static void sleep_until(int64 deadline_us);

/* qm_launcher_register asks the postmaster to start the launcher, and to start it again when it ends. */
void
qm_launcher_register(void)
{
    BackgroundWorker worker = {.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
                               .bgw_start_time = BgWorkerStart_RecoveryFinished,
                               .bgw_restart_time = RESTART_AFTER_S};

    strlcpy(worker.bgw_name, "quantmesh launcher", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "quantmesh launcher", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "quantmesh", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "qm_launcher_main", sizeof(worker.bgw_function_name));
    RegisterBackgroundWorker(&worker);
}

/* qm_launcher_main runs until it is told to end. */
void
qm_launcher_main(Datum arg)
{
    Retry retry = {.delay_us = RETRY_FIRST_US, .next_us = 0};
    bool reloaded = false;

    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(NULL, NULL, 0);
    pgstat_report_appname("quantmesh launcher");

    qm_alarm_attach();
    open_server();
    for (;;)
    {
        int64 next_us;

        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending)
        {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
            reloaded = true;
        }
        qm_alarm_disarm();
        next_us = qm_ttl_enforce();
        next_us = qm_earlier(next_us, qm_lease_sweep());
        next_us = qm_earlier(next_us, keep_files(&retry));
        next_us = qm_earlier(next_us, qm_supervise(reloaded));
        reloaded = false;
        sleep_until(next_us);
    }
}

/*
 * open_server lets locks and leases be granted, once per start of the server.
 * Grace first: it must be durable before the fence file forgets that the
 * timeline was another. What cannot be read or written is tried again, less
 * and less often, and said once.
 */
static void
open_server(void)
{
    int64 delay_us = RETRY_FIRST_US;
    bool said = false;
    bool moved;

    for (;;)
    {
        CHECK_FOR_INTERRUPTS();
        if (qm_fence_read_state(&moved))
        {
            if (qm_lease_state_open(moved) && qm_fence_open())
                return;
        }
        else if (!said)
        {
            said = true;
            ereport(LOG,
                    (errcode(ERRCODE_DATA_CORRUPTED),
                     errmsg("quantmesh cannot read file \"%s\" in the data directory", QM_STATE_FENCE),
                     errdetail("No lock is granted, because fences could be repeated."),
                     errhint("Restore the file from a backup. Without one, remove it: a new counter begins in a "
                             "higher generation.")));
        }
        sleep_until(qm_now_us() + delay_us);
        delay_us = Min(delay_us * 2, RETRY_LAST_US);
    }
}

/* keep_files writes what is due, and returns when to look again. */
static int64
keep_files(Retry *retry)
{
    int64 now_us = qm_now_us();
    int64 next_us = QM_NEVER_US;

    if (now_us < retry->next_us)
        return retry->next_us;
    if (qm_lease_state_step(&next_us) && qm_fence_step())
    {
        *retry = (Retry){.delay_us = RETRY_FIRST_US, .next_us = 0};
        return next_us;
    }
    retry->next_us = now_us + retry->delay_us;
    retry->delay_us = Min(retry->delay_us * 2, RETRY_LAST_US);
    return retry->next_us;
}

/* sleep_until sleeps to the deadline, or until somebody rings. */
static void
sleep_until(int64 deadline_us)
{
    static uint32 wait_event = 0;
    int events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
    long timeout_ms = -1;

    if (wait_event == 0)
        wait_event = qm_wait_event_new("QuantmeshLauncher");
    if (deadline_us != QM_NEVER_US)
    {
        events |= WL_TIMEOUT;
        timeout_ms = qm_ms_until(deadline_us, qm_now_us());
    }
    qm_alarm_arm(deadline_us);
    (void) WaitLatch(MyLatch, events, timeout_ms, wait_event);
    ResetLatch(MyLatch);
}
