/*
 * SQL functions behind the views lock_metrics, lock_conflicts and lock_engine:
 * what has been counted.
 */
#include "postgres.h"

#include "alarm.h"
#include "argument.h"
#include "clock.h"
#include "compat.h"
#include "conflict.h"
#include "fence.h"
#include "funcapi.h"
#include "lease.h"
#include "lease_state.h"
#include "metric.h"
#include "miscadmin.h"
#include "order_metric.h"
#include "reconcile_metric.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_lock_metric_rows);
PG_FUNCTION_INFO_V1(qm_lock_conflict_rows);
PG_FUNCTION_INFO_V1(qm_engine_row);
PG_FUNCTION_INFO_V1(qm_reset_metrics);

#define METRIC_COLUMNS 20
#define CONFLICT_COLUMNS 10
#define ENGINE_COLUMNS 14

static void put_label(ReturnSetInfo *result, const QmLabel *label, bool other);
static void put_histogram(Datum *values, bool *nulls, const QmHistogram *histogram);
static void put_conflict(ReturnSetInfo *result, const QmConflict *conflict);

/* qm_lock_metric_rows is quantmesh.lock_metric_rows. */
Datum
qm_lock_metric_rows(PG_FUNCTION_ARGS)
{
    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    for (int i = 0; i < qm_metric_labels(); i++)
    {
        const QmLabel *label = qm_metric_label_at(i);

        if (i == QM_LABEL_OTHER || label->database == MyDatabaseId)
            put_label((ReturnSetInfo *) fcinfo->resultinfo, label, i == QM_LABEL_OTHER);
    }
    return (Datum) 0;
}

/* put_label adds a row for one label. */
static void
put_label(ReturnSetInfo *result, const QmLabel *label, bool other)
{
    const QmKeyParts *parts = &label->parts;
    Datum values[METRIC_COLUMNS] = {0};
    bool nulls[METRIC_COLUMNS] = {0};

    values[0] = CStringGetTextDatum(label->text);
    values[1] = CStringGetTextDatum(other ? "other" : qm_key_class_name(parts->class));
    values[2] = PointerGetDatum(cstring_to_text_with_len(label->text + parts->account_at, (int) parts->account_len));
    nulls[2] = parts->account_len == 0;
    values[3] = PointerGetDatum(cstring_to_text_with_len(label->text + parts->symbol_at, (int) parts->symbol_len));
    nulls[3] = parts->symbol_len == 0;
    for (int i = 0; i < QM_COUNTERS; i++)
        values[4 + i] = Int64GetDatum((int64) pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &label->counters[i])));
    put_histogram(&values[9], &nulls[9], &label->hold);
    put_histogram(&values[14], &nulls[14], &label->wait);
    values[19] = TimestampTzGetDatum((int64) pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &label->since)));
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* put_histogram fills in count, p50, p95, p99 and maximum; without a sample the times are NULL. */
static void
put_histogram(Datum *values, bool *nulls, const QmHistogram *histogram)
{
    static const double quantiles[] = {0.50, 0.95, 0.99};
    QmHistogramSummary summary;

    qm_histogram_read(histogram, &summary);
    values[0] = Int64GetDatum((int64) summary.cumulative[QM_BUCKETS]);
    for (int i = 0; i < 3; i++)
        values[1 + i] = Float8GetDatum(qm_histogram_quantile_ms(&summary, quantiles[i]));
    values[4] = Float8GetDatum(summary.max_ms);
    for (int i = 1; i < 5; i++)
        nulls[i] = summary.cumulative[QM_BUCKETS] == 0;
}

/* qm_lock_conflict_rows is quantmesh.lock_conflict_rows. */
Datum
qm_lock_conflict_rows(PG_FUNCTION_ARGS)
{
    QmConflict *conflicts;
    int nconflicts;

    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    conflicts = palloc_extended(sizeof(QmConflict) * ((Size) qm_conflict_history + 1), MCXT_ALLOC_HUGE);
    nconflicts = qm_conflict_read(conflicts);
    for (int i = 0; i < nconflicts; i++)
        put_conflict((ReturnSetInfo *) fcinfo->resultinfo, &conflicts[i]);
    pfree(conflicts);
    return (Datum) 0;
}

/* put_conflict adds a row for one conflict. */
static void
put_conflict(ReturnSetInfo *result, const QmConflict *conflict)
{
    const QmHolder *holder = &conflict->holder;
    Datum values[CONFLICT_COLUMNS] = {0};
    bool nulls[CONFLICT_COLUMNS] = {0};

    values[0] = TimestampTzGetDatum(conflict->at);
    values[1] = PointerGetDatum(cstring_to_text_with_len(conflict->key, conflict->key_len));
    values[2] = Int32GetDatum(conflict->waiter_pid);
    values[3] = CStringGetTextDatum(qm_lock_mode_name(conflict->waiter_mode));
    values[4] = CStringGetTextDatum(qm_conflict_outcome_name(conflict->outcome));
    values[5] = IntervalPGetDatum(qm_interval(conflict->waited_us));
    values[6] = CStringGetTextDatum(qm_lock_mode_name(holder->mode));
    nulls[6] = !holder->found;
    values[7] = Int32GetDatum(holder->pid);
    nulls[7] = !holder->found || holder->pid == 0;
    values[8] = PointerGetDatum(cstring_to_text_with_len(holder->owner, holder->owner_len));
    nulls[8] = holder->owner_len == 0;
    values[9] = Int64GetDatum(holder->fence);
    nulls[9] = !holder->found;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* qm_engine_row is quantmesh.engine_row. */
Datum
qm_engine_row(PG_FUNCTION_ARGS)
{
    TupleDesc descriptor;
    Datum values[ENGINE_COLUMNS] = {0};
    bool nulls[ENGINE_COLUMNS] = {0};
    int64 grace_us;

    qm_require_preloaded();
    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "quantmesh.engine_row must return a row");

    grace_us = qm_lease_open_at() - qm_now_us();
    values[0] = CStringGetTextDatum(QM_VERSION);
    values[1] = Int32GetDatum(qm_alarm_launcher_pid());
    nulls[1] = qm_alarm_launcher_pid() == 0;
    values[2] = Int32GetDatum(qm_fence_generation());
    nulls[2] = qm_fence_generation() == 0;
    values[3] = Int64GetDatum((int64) qm_fence_counter());
    values[4] = Int64GetDatum((int64) qm_fence_limit());
    nulls[5] = grace_us <= 0;
    if (!nulls[5])
        values[5] = IntervalPGetDatum(qm_interval(grace_us));
    values[6] = Int32GetDatum(qm_lease_count());
    values[7] = Int32GetDatum(qm_max_leases);
    values[8] = Int32GetDatum((int) qm_hold_reserved());
    values[9] = Int32GetDatum((int) qm_hold_reserved_max());
    values[10] = Int32GetDatum(qm_metric_labels() - 1);
    values[11] = Int32GetDatum(qm_max_lock_labels);
    values[12] = Int64GetDatum((int64) qm_hold_stuck());
    values[13] = TimestampTzGetDatum(
        (int64) pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &qm_metric_label_at(QM_LABEL_OTHER)->since)));
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/* qm_reset_metrics is quantmesh.reset_metrics. */
Datum
qm_reset_metrics(PG_FUNCTION_ARGS)
{
    qm_require_preloaded();
    qm_metric_reset();
    qm_conflict_reset();
    qm_order_metric_reset();
    qm_reconcile_metric_reset();
    PG_RETURN_VOID();
}
