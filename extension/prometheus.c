/*
 * SQL function: prometheus. All metrics of this database as text in the
 * Prometheus exposition format 0.0.4: a HELP and a TYPE line per metric, base
 * units, labels escaped. The label key is bounded: class:account:symbol.
 */
#include "postgres.h"

#include "alarm.h"
#include "compat.h"
#include "fence.h"
#include "hold.h"
#include "lease.h"
#include "metric.h"
#include "miscadmin.h"
#include "prometheus.h"
#include "reconcile_metric.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_prometheus);

static void put_acquire(StringInfo out, const QmLabel *label);
static void put_counter(StringInfo out, const char *name, const QmLabel *label, QmCounter counter);
static void put_histogram(StringInfo out, const char *name, const QmLabel *label, const QmHistogram *histogram);
static void put_gauge(StringInfo out, const char *name, const char *help, uint64 value);
static bool label_is_ours(int number);

/* qm_prometheus is quantmesh.prometheus. */
Datum
qm_prometheus(PG_FUNCTION_ARGS)
{
    StringInfoData out;
    int nlabels;

    qm_require_preloaded();
    nlabels = qm_metric_labels();
    initStringInfo(&out);

    qm_prometheus_head(&out, "quantmesh_lock_acquire_total", "counter", "Attempts to acquire a lock, by result.");
    for (int i = 0; i < nlabels; i++)
        if (label_is_ours(i))
            put_acquire(&out, qm_metric_label_at(i));
    qm_prometheus_head(&out,
                       "quantmesh_lock_conflict_total",
                       "counter",
                       "Attempts that found the key busy, skipped or waited.");
    for (int i = 0; i < nlabels; i++)
        if (label_is_ours(i))
            put_counter(&out, "quantmesh_lock_conflict_total", qm_metric_label_at(i), QM_COUNT_CONFLICT);
    qm_prometheus_head(&out, "quantmesh_lock_ttl_overrun_total", "counter", "Locks that were held beyond their TTL.");
    for (int i = 0; i < nlabels; i++)
        if (label_is_ours(i))
            put_counter(&out, "quantmesh_lock_ttl_overrun_total", qm_metric_label_at(i), QM_COUNT_OVERRUN);
    qm_prometheus_head(&out, "quantmesh_lock_hold_duration_seconds", "histogram", "How long locks were held.");
    for (int i = 0; i < nlabels; i++)
        if (label_is_ours(i))
            put_histogram(&out,
                          "quantmesh_lock_hold_duration_seconds",
                          qm_metric_label_at(i),
                          &qm_metric_label_at(i)->hold);
    qm_prometheus_head(&out,
                       "quantmesh_lock_wait_duration_seconds",
                       "histogram",
                       "How long attempts waited that had to.");
    for (int i = 0; i < nlabels; i++)
        if (label_is_ours(i))
            put_histogram(&out,
                          "quantmesh_lock_wait_duration_seconds",
                          qm_metric_label_at(i),
                          &qm_metric_label_at(i)->wait);

    put_gauge(&out, "quantmesh_leases", "Leases in the server's table.", (uint64) qm_lease_count());
    put_gauge(&out, "quantmesh_leases_limit", "quantmesh.max_leases.", (uint64) qm_max_leases);
    put_gauge(&out, "quantmesh_locks_reserved", "Keys held or waited for in the server.", qm_hold_reserved());
    put_gauge(&out, "quantmesh_locks_reserved_limit", "Half of the server's lock table.", qm_hold_reserved_max());
    put_gauge(&out, "quantmesh_lock_labels", "Labels with metrics of their own.", (uint64) nlabels - 1);
    put_gauge(&out, "quantmesh_lock_labels_limit", "quantmesh.max_lock_labels.", (uint64) qm_max_lock_labels);
    put_gauge(&out,
              "quantmesh_lock_stuck_holders",
              "Overrun holders that did not end when told to, since the server started.",
              qm_hold_stuck());
    put_gauge(&out, "quantmesh_launcher_up", "Whether the launcher is running.", qm_alarm_launcher_pid() != 0);
    qm_order_prometheus(&out);
    qm_instance_prometheus(&out);
    qm_worker_prometheus(&out);
    qm_reconcile_prometheus(&out);
    qm_prometheus_head(&out, "quantmesh_build_info", "gauge", "Version of the loaded library.");
    appendStringInfo(&out, "quantmesh_build_info{version=\"%s\"} 1\n", QM_VERSION);

    PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* label_is_ours says whether the label belongs to this database; "other" belongs to all. */
static bool
label_is_ours(int number)
{
    return number == QM_LABEL_OTHER || qm_metric_label_at(number)->database == MyDatabaseId;
}

/* qm_prometheus_head writes the HELP and TYPE lines. */
void
qm_prometheus_head(StringInfo out, const char *name, const char *type, const char *help)
{
    appendStringInfo(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* qm_prometheus_label writes a label, its value escaped as the format wants it. */
void
qm_prometheus_label(StringInfo out, const char *label, const char *value)
{
    appendStringInfo(out, "%s=\"", label);
    for (; *value != '\0'; value++)
    {
        if (*value == '\n')
            appendStringInfoString(out, "\\n");
        else
        {
            if (*value == '"' || *value == '\\')
                appendStringInfoChar(out, '\\');
            appendStringInfoChar(out, *value);
        }
    }
    appendStringInfoChar(out, '"');
}

/* put_acquire writes the three results of attempts. */
static void
put_acquire(StringInfo out, const QmLabel *label)
{
    static const struct
    {
        QmCounter counter;
        const char *status;
    } results[] = {
        {QM_COUNT_ACQUIRED, "success"},
        {QM_COUNT_FAILED, "failed"},
        {QM_COUNT_SKIPPED, "skipped"},
    };

    for (size_t i = 0; i < lengthof(results); i++)
    {
        appendStringInfoString(out, "quantmesh_lock_acquire_total{");
        qm_prometheus_label(out, "key", label->text);
        appendStringInfo(out,
                         ",status=\"%s\"} " UINT64_FORMAT "\n",
                         results[i].status,
                         pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &label->counters[results[i].counter])));
    }
}

/* put_counter writes one counter of a label. */
static void
put_counter(StringInfo out, const char *name, const QmLabel *label, QmCounter counter)
{
    appendStringInfo(out, "%s{", name);
    qm_prometheus_label(out, "key", label->text);
    appendStringInfo(out,
                     "} " UINT64_FORMAT "\n",
                     pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &label->counters[counter])));
}

/* put_histogram writes a label's histogram. */
static void
put_histogram(StringInfo out, const char *name, const QmLabel *label, const QmHistogram *histogram)
{
    StringInfoData labels;

    initStringInfo(&labels);
    qm_prometheus_label(&labels, "key", label->text);
    qm_prometheus_histogram(out, name, labels.data, histogram);
    pfree(labels.data);
}

/* qm_prometheus_histogram writes buckets, sum and count, all of one reading, under labels that are ready to print. */
void
qm_prometheus_histogram(StringInfo out, const char *name, const char *labels, const QmHistogram *histogram)
{
    QmHistogramSummary summary;

    qm_histogram_read(histogram, &summary);
    for (int i = 0; i < QM_BUCKETS; i++)
        appendStringInfo(out,
                         "%s_bucket{%s,le=\"%g\"} " UINT64_FORMAT "\n",
                         name,
                         labels,
                         (double) qm_bucket_us[i] / 1e6,
                         summary.cumulative[i]);
    appendStringInfo(out,
                     "%s_bucket{%s,le=\"+Inf\"} " UINT64_FORMAT "\n%s_sum{%s} %.6f\n%s_count{%s} " UINT64_FORMAT "\n",
                     name,
                     labels,
                     summary.cumulative[QM_BUCKETS],
                     name,
                     labels,
                     summary.sum_s,
                     name,
                     labels,
                     summary.cumulative[QM_BUCKETS]);
}

/* put_gauge writes a metric without labels. */
static void
put_gauge(StringInfo out, const char *name, const char *help, uint64 value)
{
    qm_prometheus_head(out, name, "gauge", help);
    appendStringInfo(out, "%s " UINT64_FORMAT "\n", name, value);
}
