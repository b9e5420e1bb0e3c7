/*
 * Shared memory: asks for all subsystems' parts, and makes them.
 *
 * The postmaster runs both hooks at start, and the second again after a crash;
 * nothing else is done in them. Without preloading there is no shared memory:
 * CREATE EXTENSION, dump and restore work, and everything else says what to add.
 */
#include "shared.h"

#include "access/xact.h"
#include "alarm.h"
#include "compat.h"
#include "conflict.h"
#include "exposure_load.h"
#include "fence.h"
#include "hold.h"
#include "key.h"
#include "lease.h"
#include "lease_state.h"
#include "market_number.h"
#include "metric.h"
#include "miscadmin.h"
#include "order_metric.h"
#include "reconcile_metric.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "worker_slot.h"

#define TRANCHE "quantmesh"

enum
{
    LWLOCK_LEASES,
    LWLOCK_LABELS,
    LWLOCK_MARKETS,
    LWLOCKS
};

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;
static bool ready = false;

static void request(void);
static void startup(void);

/* qm_shared_install_hooks chains our hooks behind those of other libraries. */
void
qm_shared_install_hooks(void)
{
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = startup;
}

/* request asks for the memory and the locks. */
static void
request(void)
{
    Size size = 0;

    if (previous_request_hook != NULL)
        previous_request_hook();

    size = add_size(size, MAXALIGN(qm_alarm_shmem_size()));
    size = add_size(size, MAXALIGN(qm_key_shmem_size()));
    size = add_size(size, MAXALIGN(qm_fence_shmem_size()));
    size = add_size(size, MAXALIGN(qm_hold_shmem_size()));
    size = add_size(size, MAXALIGN(qm_metric_shmem_size()));
    size = add_size(size, MAXALIGN(qm_conflict_shmem_size()));
    size = add_size(size, MAXALIGN(qm_lease_shmem_size()));
    size = add_size(size, MAXALIGN(qm_lease_state_shmem_size()));
    size = add_size(size, MAXALIGN(qm_market_number_shmem_size()));
    size = add_size(size, MAXALIGN(qm_exposure_shmem_size()));
    size = add_size(size, MAXALIGN(qm_exposure_load_shmem_size()));
    size = add_size(size, MAXALIGN(qm_order_metric_shmem_size()));
    size = add_size(size, MAXALIGN(qm_worker_slot_shmem_size()));
    size = add_size(size, MAXALIGN(qm_reconcile_metric_shmem_size()));
    RequestAddinShmemSpace(size);
    RequestNamedLWLockTranche(TRANCHE, LWLOCKS);
}

/* startup makes or finds the parts; in the postmaster it also loads what the last run left on disk. */
static void
startup(void)
{
    LWLockPadded *locks;

    if (previous_startup_hook != NULL)
        previous_startup_hook();

    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    locks = GetNamedLWLockTranche(TRANCHE);
    qm_alarm_shmem_init();
    qm_key_shmem_init();
    qm_fence_shmem_init();
    qm_hold_shmem_init();
    qm_metric_shmem_init(&locks[LWLOCK_LABELS].lock);
    qm_conflict_shmem_init();
    qm_lease_shmem_init(&locks[LWLOCK_LEASES].lock);
    qm_lease_state_shmem_init();
    qm_market_number_shmem_init(&locks[LWLOCK_MARKETS].lock);
    qm_exposure_shmem_init();
    qm_exposure_load_shmem_init();
    qm_order_metric_shmem_init();
    qm_worker_slot_shmem_init();
    qm_reconcile_metric_shmem_init();
    LWLockRelease(AddinShmemInitLock);
    ready = true;

    if (!IsUnderPostmaster)
        qm_lease_state_load();
}

/* qm_is_preloaded says whether the library was loaded at server start. */
bool
qm_is_preloaded(void)
{
    return ready;
}

/* qm_require_preloaded errors with 55000 when the library was not loaded at server start. */
void
qm_require_preloaded(void)
{
    if (!ready)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("quantmesh is not in shared_preload_libraries"),
                 errdetail("Locks, TTLs and fences live in shared memory, which is made when the server starts."),
                 errhint("Add quantmesh to shared_preload_libraries in postgresql.conf and restart the server.")));
}

/*
 * qm_require_running errors when `what` cannot be done here: 55000 without
 * preloading, 25006 on a standby, 25000 in a parallel query.
 */
void
qm_require_running(const char *what)
{
    qm_require_preloaded();
    PreventCommandDuringRecovery(what);
    PreventCommandIfParallelMode(what);
}
