/*
 * The transaction's end: calls what each subsystem does then, in order.
 *
 * The server still has all locks at COMMIT, ABORT and ABORT_SUB; it releases
 * them afterwards. So nothing that is done then can meet the next holder of a
 * key. Only the check of session locks comes later. Nothing but PRE_COMMIT and
 * PRE_PREPARE may fail.
 */
#include "xact.h"

#include "postgres.h"

#include "access/xact.h"
#include "exposure.h"
#include "guard.h"
#include "hold.h"
#include "market_lock.h"
#include "order_metric.h"
#include "utils/resowner.h"

static void at_xact_event(XactEvent event, void *arg);
static void at_subxact_event(SubXactEvent event, SubTransactionId sub, SubTransactionId parent, void *arg);
static void at_resource_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg);
static void refuse_prepare(void);

/* qm_xact_register asks to be called, once per process. */
void
qm_xact_register(void)
{
    RegisterXactCallback(at_xact_event, NULL);
    RegisterSubXactCallback(at_subxact_event, NULL);
    RegisterResourceReleaseCallback(at_resource_release, NULL);
}

/*
 * qm_xact_commits_alone says whether the transaction ends with the statement
 * that is running: not inside a block, and not behind another statement of a
 * pipeline. The first one of a pipeline cannot know that more will follow.
 */
bool
qm_xact_commits_alone(void)
{
    return !IsTransactionBlock() && (MyXactFlags & XACT_FLAGS_PIPELINING) == 0;
}

/* at_xact_event acts on the end of a transaction; parallel workers have no locks of ours. */
static void
at_xact_event(XactEvent event, void *arg)
{
    switch (event)
    {
        case XACT_EVENT_PRE_COMMIT:
            qm_hold_pre_commit();
            qm_guard_pre_commit();
            break;
        case XACT_EVENT_COMMIT:
            qm_guard_end_xact(true);
            qm_exposure_end_xact(true);
            qm_order_metric_end_xact(true);
            qm_hold_end_xact();
            qm_market_lock_end_xact();
            break;
        case XACT_EVENT_ABORT:
            qm_guard_end_xact(false);
            qm_exposure_end_xact(false);
            qm_order_metric_end_xact(false);
            qm_hold_end_xact();
            qm_market_lock_end_xact();
            break;
        case XACT_EVENT_PRE_PREPARE:
            refuse_prepare();
            break;
        case XACT_EVENT_PREPARE:
            qm_order_metric_end_xact(false); /* nothing counts, but there is memory that goes */
            break;
        case XACT_EVENT_PARALLEL_PRE_COMMIT:
        case XACT_EVENT_PARALLEL_COMMIT:
        case XACT_EVENT_PARALLEL_ABORT:
            break;
    }
}

/* at_resource_release acts after the transaction's own locks are gone; what is still locked then is the session's. */
static void
at_resource_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
    if (phase == RESOURCE_RELEASE_AFTER_LOCKS && is_top_level)
        qm_hold_check_sessions();
}

/*
 * refuse_prepare errors with 0A000: a prepared transaction would keep its locks without a holder, a TTL or a guard; and a
 * market's, which an order takes that is denied as well, would let nobody halt it.
 */
static void
refuse_prepare(void)
{
    if (qm_hold_any() || qm_guard_any() || qm_exposure_any() || qm_order_metric_pending() || qm_market_lock_any())
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                 errmsg("cannot PREPARE a transaction of a session that holds quantmesh locks, guards or lease "
                        "releases, or placed or changed orders"),
                 errhint("Use COMMIT, or unlock session locks first.")));
}

/* at_subxact_event follows savepoints. */
static void
at_subxact_event(SubXactEvent event, SubTransactionId sub, SubTransactionId parent, void *arg)
{
    switch (event)
    {
        case SUBXACT_EVENT_COMMIT_SUB:
            qm_hold_commit_sub(sub, parent);
            qm_release_commit_sub(sub, parent);
            qm_exposure_commit_sub(sub, parent);
            qm_order_metric_commit_sub(sub, parent);
            break;
        case SUBXACT_EVENT_ABORT_SUB:
            qm_hold_abort_sub(sub);
            qm_release_abort_sub(sub);
            qm_exposure_abort_sub(sub);
            qm_order_metric_abort_sub(sub);
            break;
        case SUBXACT_EVENT_START_SUB:
        case SUBXACT_EVENT_PRE_COMMIT_SUB:
            break;
    }
}
