/*
 * Housekeeping: the coordinator's step that prunes and archives.
 *
 * Once a minute a round goes through all jobs that have a setting. A job is done
 * in batches, each a short transaction of its own, until there is nothing left to
 * do; what does not fit into the step's time goes on in the next pass, so that the
 * other steps get their turn. A job that fails is left for the next round. What is
 * done to the tables is in sql/73_housekeeping.sql.
 */
#include "worker.h"

#include "catalog/pg_type.h"
#include "clock.h"
#include "miscadmin.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "worker_settings.h"

#define ROUND_US (60 * QM_US_PER_S)
#define STEP_US (QM_US_PER_S / 4) /* of each pass */
#define BATCH_ROWS 1000
#define BATCH_SNAPSHOTS 50 /* each can be large */

static int64 begin_us = 0;     /* of the next round */
static int next_job = QM_KEPT; /* of the round under way; QM_KEPT when there is none */
static int64 done;             /* rows of the job so far */

static bool run_batch(int job);

/* qm_housekeeping_hurry begins the next round at once, or when the one under way has ended: settings may have changed. */
void
qm_housekeeping_hurry(void)
{
    begin_us = 0;
}

/* qm_housekeeping_pass goes on with the round, or begins one if it is time. */
void
qm_housekeeping_pass(void)
{
    int64 now_us = qm_now_us();

    if (next_job == QM_KEPT)
    {
        if (now_us < begin_us)
            return;
        next_job = 0;
        begin_us = now_us + ROUND_US;
    }
    while (next_job < QM_KEPT)
    {
        int job = next_job++; /* an error passes on to the next job */

        if (qm_keep_s[job] > 0 && run_batch(job))
            next_job = job;
        else
            done = 0;
        CHECK_FOR_INTERRUPTS();
        if (qm_now_us() > now_us + STEP_US)
            return;
    }
}

/* run_batch does one batch of a job in a transaction, and says whether there are more. */
static bool
run_batch(int job)
{
    static QmQuery query = {"SELECT h.rows, h.more FROM quantmesh.housekeep($1, $2, $3) AS h",
                            3,
                            {TEXTOID, TIMESTAMPTZOID, INT4OID}};
    char activity[128];
    Datum values[3];
    QmQueryScope scope;
    bool more;

    snprintf(activity,
             sizeof(activity),
             "quantmesh housekeeping: %s, " INT64_FORMAT " rows so far",
             qm_kept_name((QmKept) job),
             done);
    if (!qm_worker_begin(activity))
        return false;
    qm_query_begin(&scope);
    values[0] = CStringGetTextDatum(qm_kept_name((QmKept) job));
    values[1] = TimestampTzGetDatum(GetCurrentTimestamp() - qm_keep_s[job] * QM_US_PER_S);
    values[2] = Int32GetDatum(job == QM_KEEP_SNAPSHOTS ? BATCH_SNAPSHOTS : BATCH_ROWS);
    (void) qm_query_run(&query, values, NULL);
    done += qm_row_int64(0, 0);
    more = qm_row_bool(0, 1);
    qm_query_end(&scope);
    qm_worker_commit();
    return more;
}
