/*
 * SQL functions about background workers: the rows of the view workers, their
 * part of quantmesh.prometheus, and what CREATE EXTENSION says of them.
 */
#include "postgres.h"

#include "alarm.h"
#include "argument.h"
#include "commands/dbcommands.h"
#include "compat.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "prometheus.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "worker_slot.h"

PG_FUNCTION_INFO_V1(qm_worker_rows);
PG_FUNCTION_INFO_V1(qm_worker_notice);

#define COLUMNS 14

static void put_launcher(ReturnSetInfo *result);
static void put_coordinator(ReturnSetInfo *result, const QmWorkerView *view);
static void put_time(Datum *value, bool *null, TimestampTz time);
static bool find_own(QmWorkerView *view);
static int64 us_since(TimestampTz time);
static double seconds_since(TimestampTz time);
static void put_sample(StringInfo out, const char *name, const char *type, const char *help, double value);
static void notice(const char *name);

/* qm_worker_rows is quantmesh.worker_rows. */
Datum
qm_worker_rows(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    QmWorkerView view;

    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    put_launcher(result);
    for (int slot = 0; slot < QM_DATABASES_MAX; slot++)
    {
        if (qm_worker_slot_read(slot, &view))
            put_coordinator(result, &view);
    }
    return (Datum) 0;
}

/* put_launcher adds the launcher's row. */
static void
put_launcher(ReturnSetInfo *result)
{
    int pid = qm_alarm_launcher_pid();
    Datum values[COLUMNS] = {CStringGetTextDatum("launcher"),
                             Int32GetDatum(pid),
                             (Datum) 0,
                             CStringGetTextDatum(pid != 0 ? "running" : "not running")};
    bool nulls[COLUMNS];

    memset(nulls, true, sizeof(nulls));
    nulls[0] = nulls[3] = false;
    nulls[1] = pid == 0;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* put_coordinator adds the row of one database: while it has a coordinator, that one says the state. */
static void
put_coordinator(ReturnSetInfo *result, const QmWorkerView *view)
{
    const QmWorkerPlan *plan = &view->plan;
    const QmWorkerReport *report = &view->report;
    bool here = view->pid != 0;
    NameData database = plan->database;
    Datum values[COLUMNS] = {0};
    bool nulls[COLUMNS] = {0};

    values[0] = CStringGetTextDatum("coordinator");
    values[1] = Int32GetDatum(view->pid);
    nulls[1] = !here;
    values[2] = NameGetDatum(&database);
    values[3] = CStringGetTextDatum(qm_worker_state_name(here ? report->state : plan->state));
    put_time(&values[4], &nulls[4], here ? report->since : plan->since);
    values[5] = Int64GetDatum(report->passes);
    put_time(&values[6], &nulls[6], report->last_pass);
    values[7] = Float8GetDatum((double) report->last_pass_us / 1e3);
    nulls[7] = nulls[6];
    nulls[8] = nulls[6];
    if (!nulls[8])
        values[8] = IntervalPGetDatum(qm_interval(us_since(report->last_pass)));
    values[9] = Int64GetDatum(report->errors);
    values[10] = CStringGetTextDatum(report->last_error);
    nulls[10] = report->errors == 0;
    put_time(&values[11], &nulls[11], report->last_error_at);
    values[12] = Int64GetDatum(Max(plan->starts - 1, 0));
    put_time(&values[13], &nulls[13], here ? 0 : plan->next_start);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* put_time fills in a time, NULL for 0. */
static void
put_time(Datum *value, bool *null, TimestampTz time)
{
    *null = time == 0;
    *value = TimestampTzGetDatum(time);
}

/* qm_worker_prometheus writes what there is of this database's coordinator. */
void
qm_worker_prometheus(StringInfo out)
{
    QmWorkerView view;
    bool listed = find_own(&view);
    bool up = listed && view.pid != 0 && view.report.state == QM_WORKER_RUNNING;

    put_sample(out, "quantmesh_worker_up", "gauge", "Whether this database has a coordinator at work.", up ? 1 : 0);
    if (!listed)
        return;
    put_sample(out,
               "quantmesh_worker_passes_total",
               "counter",
               "Passes of the coordinator.",
               (double) view.report.passes);
    put_sample(out,
               "quantmesh_worker_errors_total",
               "counter",
               "Steps of the coordinator that failed.",
               (double) view.report.errors);
    put_sample(out,
               "quantmesh_worker_restarts_total",
               "counter",
               "Coordinators that were started after the first.",
               (double) Max(view.plan.starts - 1, 0));
    if (view.report.last_pass == 0)
        return;
    put_sample(out,
               "quantmesh_worker_lag_seconds",
               "gauge",
               "Time since the coordinator's last pass.",
               seconds_since(view.report.last_pass));
    put_sample(out,
               "quantmesh_worker_pass_duration_seconds",
               "gauge",
               "How long the last pass took.",
               (double) view.report.last_pass_us / 1e6);
}

/* find_own finds the slot of this database; false when it is not to have a coordinator. */
static bool
find_own(QmWorkerView *view)
{
    const char *name = get_database_name(MyDatabaseId);

    for (int slot = 0; name != NULL && slot < QM_DATABASES_MAX; slot++)
    {
        if (qm_worker_slot_read(slot, view) && strcmp(NameStr(view->plan.database), name) == 0)
            return true;
    }
    return false;
}

/* us_since returns how long ago the time was; 0 of one that is still to come, by a clock that was set back. */
static int64
us_since(TimestampTz time)
{
    int64 passed_us = GetCurrentTimestamp() - time;

    return Max(passed_us, 0);
}

/* seconds_since returns how long ago the time was. */
static double
seconds_since(TimestampTz time)
{
    return (double) us_since(time) / 1e6;
}

/* put_sample writes a metric of this database. */
static void
put_sample(StringInfo out, const char *name, const char *type, const char *help, double value)
{
    qm_prometheus_head(out, name, type, help);
    appendStringInfo(out, "%s{", name);
    qm_prometheus_label(out, "database", get_database_name(MyDatabaseId));
    appendStringInfo(out, "} %.15g\n", value);
}

/*
 * qm_worker_notice is quantmesh.worker_notice. Scripts of extensions run with
 * client_min_messages at warning; here the one that the session began with counts.
 */
Datum
qm_worker_notice(PG_FUNCTION_ARGS)
{
    const char *level = GetConfigOptionResetString("client_min_messages");
    int guc_level = NewGUCNestLevel();

    (void) set_config_option("client_min_messages", level, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    notice(get_database_name(MyDatabaseId));
    AtEOXact_GUC(false, guc_level);
    PG_RETURN_VOID();
}

/* notice says what the database still needs so that a coordinator works in it. */
static void
notice(const char *name)
{
    QmDatabaseList list;

    if (!qm_is_preloaded())
    {
        ereport(NOTICE,
                (errmsg("quantmesh is not in shared_preload_libraries: it can be dumped and restored here, not used"),
                 errhint("Add quantmesh to shared_preload_libraries in postgresql.conf, and \"%s\" to "
                         "quantmesh.databases, and restart the server.",
                         name)));
        return;
    }
    qm_databases_read(&list);
    for (int i = 0; i < list.count; i++)
    {
        if (strcmp(NameStr(list.names[i]), name) == 0)
            return;
    }
    ereport(NOTICE,
            (errmsg("no quantmesh coordinator works in database \"%s\"", name),
             errdetail("It watches instances, reconciles with exchanges, and prunes what is old."),
             errhint("Add it to quantmesh.databases in postgresql.conf and reload.")));
}
