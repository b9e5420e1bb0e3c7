/*
 * The floor writer: commits one row of quantmesh.fence_floor for a backend that
 * waits for it, in a transaction of its own, and ends.
 */
#include "worker.h"

#include "access/xact.h"
#include "fence.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

/* qm_floor_writer_main records what bgw_extra says, in the database that arg names. Its failure is in the log. */
void
qm_floor_writer_main(Datum arg)
{
    QmFloorRecord record;

    memcpy(&record, MyBgworkerEntry->bgw_extra, sizeof(record));
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);

    SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_OVERRIDE);
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    ForceSyncCommit();
    PushActiveSnapshot(GetTransactionSnapshot());
    pgstat_report_activity(STATE_RUNNING, "recording a fence generation");
    qm_floor_insert(&record);
    PopActiveSnapshot();
    CommitTransactionCommand();
}
