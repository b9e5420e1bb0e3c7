/*
 * Reconciliation metrics: one entry of atomics per market, found by the market's
 * number. Everybody adds and nobody locks. Counters begin with the server, and
 * have the earlier system's names where it had them; its label exchange is our
 * account.
 */
#include "reconcile_metric.h"

#include "market_number.h"
#include "metric.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "prometheus.h"
#include "settings.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

typedef struct MarketMetric
{
    pg_atomic_uint64 runs[QM_RUN_STATUSES];
    pg_atomic_uint64 findings[QM_FINDINGS];
    pg_atomic_uint64 repairs[QM_FINDINGS];
    pg_atomic_uint64 last_at; /* TimestampTz of the last pass that could compare; 0: none */
    QmHistogram duration;
} MarketMetric;

typedef void (*PutMarket)(StringInfo out, const char *labels, MarketMetric *metric);

static MarketMetric *markets = NULL;

static const char *const status_names[QM_RUN_STATUSES] = {
    [QM_RUN_CLEAN] = "clean",
    [QM_RUN_FINDINGS] = "findings",
    [QM_RUN_DEFERRED] = "deferred",
    [QM_RUN_DISCARDED] = "discarded",
    [QM_RUN_SKIPPED] = "skipped",
    [QM_RUN_FAILED] = "failed",
};

static bool was_reconciled(int market);
static void put_markets(StringInfo out, PutMarket put);
static void put_runs(StringInfo out, const char *labels, MarketMetric *metric);
static void put_findings(StringInfo out, const char *labels, MarketMetric *metric);
static void put_repairs(StringInfo out, const char *labels, MarketMetric *metric);
static void put_counts(StringInfo out, const char *name, const char *labels, pg_atomic_uint64 *counts);
static void put_age(StringInfo out, const char *labels, MarketMetric *metric);
static void put_duration(StringInfo out, const char *labels, MarketMetric *metric);

/* qm_reconcile_metric_shmem_size returns how much shared memory the entries take. */
Size
qm_reconcile_metric_shmem_size(void)
{
    return mul_size((Size) qm_max_markets + 1, sizeof(MarketMetric));
}

/* qm_reconcile_metric_shmem_init makes or finds the entries. */
void
qm_reconcile_metric_shmem_init(void)
{
    bool found;

    markets = ShmemInitStruct("quantmesh reconcile metrics", qm_reconcile_metric_shmem_size(), &found);
    if (found)
        return;
    for (int i = 0; i <= qm_max_markets; i++)
    {
        for (int status = 0; status < QM_RUN_STATUSES; status++)
            pg_atomic_init_u64(&markets[i].runs[status], 0);
        for (int code = 0; code < QM_FINDINGS; code++)
        {
            pg_atomic_init_u64(&markets[i].findings[code], 0);
            pg_atomic_init_u64(&markets[i].repairs[code], 0);
        }
        pg_atomic_init_u64(&markets[i].last_at, 0);
        qm_histogram_init(&markets[i].duration);
    }
}

/* qm_reconcile_count_run counts a pass that has ended. */
void
qm_reconcile_count_run(int market, QmRunStatus status, int64 duration_us)
{
    MarketMetric *metric = &markets[market];

    pg_atomic_fetch_add_u64(&metric->runs[status], 1);
    qm_histogram_add(&metric->duration, duration_us);
    if (status == QM_RUN_CLEAN || status == QM_RUN_FINDINGS || status == QM_RUN_DEFERRED)
        pg_atomic_write_u64(&metric->last_at, (uint64) GetCurrentTimestamp());
}

/* qm_reconcile_count_finding counts a finding, and whether it was repaired. */
void
qm_reconcile_count_finding(int market, QmFindingCode code, bool repaired)
{
    pg_atomic_fetch_add_u64(&markets[market].findings[code], 1);
    if (repaired)
        pg_atomic_fetch_add_u64(&markets[market].repairs[code], 1);
}

/* qm_reconcile_metric_reset begins the counters of this database's markets anew. */
void
qm_reconcile_metric_reset(void)
{
    for (int i = 1; i < qm_market_numbers(); i++)
    {
        if (qm_market_name(i)->database != MyDatabaseId)
            continue;
        for (int status = 0; status < QM_RUN_STATUSES; status++)
            pg_atomic_write_u64(&markets[i].runs[status], 0);
        for (int code = 0; code < QM_FINDINGS; code++)
        {
            pg_atomic_write_u64(&markets[i].findings[code], 0);
            pg_atomic_write_u64(&markets[i].repairs[code], 0);
        }
        qm_histogram_zero(&markets[i].duration);
    }
}

/* qm_run_status_name returns the word that tables and metrics show. */
const char *
qm_run_status_name(QmRunStatus status)
{
    return status_names[status];
}

/* qm_reconcile_prometheus writes the metrics of this database's markets that have been reconciled. */
void
qm_reconcile_prometheus(StringInfo out)
{
    qm_prometheus_head(out,
                       "quantmesh_reconciliation_count_total",
                       "counter",
                       "Comparisons with the exchange, by how they ended.");
    put_markets(out, put_runs);
    qm_prometheus_head(out,
                       "quantmesh_reconciliation_diff_found_total",
                       "counter",
                       "Differences from the exchange that were found, by code.");
    put_markets(out, put_findings);
    qm_prometheus_head(out,
                       "quantmesh_reconciliation_repaired_total",
                       "counter",
                       "Differences from the exchange that were repaired, by code.");
    put_markets(out, put_repairs);
    qm_prometheus_head(out,
                       "quantmesh_reconciliation_age_seconds",
                       "gauge",
                       "Time since a comparison with the exchange could be made.");
    put_markets(out, put_age);
    qm_prometheus_head(out, "quantmesh_reconciliation_duration_seconds", "histogram", "How long comparisons took.");
    put_markets(out, put_duration);
}

/* was_reconciled says whether the number is that of a market of this database that has been reconciled. */
static bool
was_reconciled(int market)
{
    if (qm_market_name(market)->database != MyDatabaseId || qm_market_name(market)->symbol[0] == '\0')
        return false;
    for (int status = 0; status < QM_RUN_STATUSES; status++)
    {
        if (pg_atomic_read_u64(&markets[market].runs[status]) > 0)
            return true;
    }
    return false;
}

/* put_markets calls back for each market, with labels that are ready to print. */
static void
put_markets(StringInfo out, PutMarket put)
{
    StringInfoData labels;

    initStringInfo(&labels);
    for (int i = 1; i < qm_market_numbers(); i++)
    {
        if (!was_reconciled(i))
            continue;
        resetStringInfo(&labels);
        qm_prometheus_label(&labels, "exchange", qm_market_name(i)->account);
        appendStringInfoChar(&labels, ',');
        qm_prometheus_label(&labels, "symbol", qm_market_name(i)->symbol);
        put(out, labels.data, &markets[i]);
    }
    pfree(labels.data);
}

/* put_runs writes how the market's passes ended; all ways, so that rates can be computed from the first one on. */
static void
put_runs(StringInfo out, const char *labels, MarketMetric *metric)
{
    for (int status = 0; status < QM_RUN_STATUSES; status++)
        appendStringInfo(out,
                         "quantmesh_reconciliation_count_total{%s,status=\"%s\"} " UINT64_FORMAT "\n",
                         labels,
                         status_names[status],
                         pg_atomic_read_u64(&metric->runs[status]));
}

/* put_findings writes what was found. */
static void
put_findings(StringInfo out, const char *labels, MarketMetric *metric)
{
    put_counts(out, "quantmesh_reconciliation_diff_found_total", labels, metric->findings);
}

/* put_repairs writes what was repaired. */
static void
put_repairs(StringInfo out, const char *labels, MarketMetric *metric)
{
    put_counts(out, "quantmesh_reconciliation_repaired_total", labels, metric->repairs);
}

/* put_counts writes counters by code; the earlier system called the code type. */
static void
put_counts(StringInfo out, const char *name, const char *labels, pg_atomic_uint64 *counts)
{
    for (int code = 0; code < QM_FINDINGS; code++)
        appendStringInfo(out,
                         "%s{%s,type=\"%s\"} " UINT64_FORMAT "\n",
                         name,
                         labels,
                         qm_finding_name(code),
                         pg_atomic_read_u64(&counts[code]));
}

/* put_age writes how long ago the market could be compared; nothing where it never could. */
static void
put_age(StringInfo out, const char *labels, MarketMetric *metric)
{
    TimestampTz last_at = (TimestampTz) pg_atomic_read_u64(&metric->last_at);

    if (last_at != 0)
        appendStringInfo(out,
                         "quantmesh_reconciliation_age_seconds{%s} %.3f\n",
                         labels,
                         (double) (GetCurrentTimestamp() - last_at) / USECS_PER_SEC);
}

/* put_duration writes how long passes took. */
static void
put_duration(StringInfo out, const char *labels, MarketMetric *metric)
{
    qm_prometheus_histogram(out, "quantmesh_reconciliation_duration_seconds", labels, &metric->duration);
}
