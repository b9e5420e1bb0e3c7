/*
 * The order part of quantmesh.prometheus, under the earlier system's names where
 * it had them; its label exchange is our account. What it counted as orders are
 * here the requests whose fate is known: success, the exchange took the order;
 * failed, it refused it or never had it; denied, we refused it. Requests that
 * were skipped or found a duplicate are not among them: that is how instances
 * share an account, and no failure. quantmesh_order_request_total has them.
 *
 * Counters begin with the server. Orders that live and positions are read from
 * the tables, through the index of live orders: history is never read.
 */
#include "postgres.h"

#include "compat.h"
#include "live_order.h"
#include "market_number.h"
#include "miscadmin.h"
#include "order_metric.h"
#include "prometheus.h"
#include "query.h"
#include "utils/builtins.h"

/* Ends of orders that the earlier system called failures. */
static const struct
{
    QmOrderState state;
    const char *reason;
} failures[] = {
    {QM_ORDER_REJECTED, "REJECTED"},
    {QM_ORDER_NEVER_ACCEPTED, "NEVER_ACCEPTED"},
};

/* What put_sides calls for each market and side, with labels that are ready to print. */
typedef void (*PutSide)(StringInfo out, const char *labels, const QmOrderMetric *metric);

static void put_sides(StringInfo out, PutSide put);
static bool is_ours(int market);
static void put_total(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_success(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_failure(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_duration(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_requests(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_states(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_trade_count(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_trade_volume(StringInfo out, const char *labels, const QmOrderMetric *metric);
static void put_trade_amount(StringInfo out, const char *labels, const QmOrderMetric *metric);
static uint64 accepted(const QmOrderMetric *metric);
static uint64 failed(const QmOrderMetric *metric);
static void put_tables(StringInfo out);
static void put_rows(StringInfo out, const char *name, int column, bool side);

/* qm_order_prometheus writes all order metrics of this database. */
void
qm_order_prometheus(StringInfo out)
{
    qm_prometheus_head(out,
                       "quantmesh_order_total",
                       "counter",
                       "Orders by result: success (the exchange took it), failed (it did not), denied (we did not).");
    put_sides(out, put_total);
    qm_prometheus_head(out, "quantmesh_order_success_total", "counter", "Orders that the exchange took.");
    put_sides(out, put_success);
    qm_prometheus_head(out,
                       "quantmesh_order_failure_total",
                       "counter",
                       "Orders that we denied or the exchange did not take, by reason.");
    put_sides(out, put_failure);
    qm_prometheus_head(out,
                       "quantmesh_order_duration_seconds",
                       "histogram",
                       "From the submission of an order until the exchange was known to have it.");
    put_sides(out, put_duration);
    qm_prometheus_head(out, "quantmesh_order_request_total", "counter", "Requests to place an order, by outcome.");
    put_sides(out, put_requests);
    qm_prometheus_head(out, "quantmesh_order_state_total", "counter", "Orders that came into a state after placing.");
    put_sides(out, put_states);
    qm_prometheus_head(out, "quantmesh_trade_count_total", "counter", "Trades booked.");
    put_sides(out, put_trade_count);
    qm_prometheus_head(out, "quantmesh_trade_volume_total", "counter", "Traded quantity, in the base asset.");
    put_sides(out, put_trade_volume);
    qm_prometheus_head(out, "quantmesh_trade_amount_total", "counter", "Traded value, in the quote asset.");
    put_sides(out, put_trade_amount);
    put_tables(out);
}

/* put_sides calls back for buys and sells of every market of this database, and of "other" if that has any. */
static void
put_sides(StringInfo out, PutSide put)
{
    StringInfoData labels;

    initStringInfo(&labels);
    for (int i = 0; i < qm_market_numbers() * 2; i++)
    {
        int market = i / 2;
        bool buy = i % 2 == 0;
        bool other = market == QM_MARKET_OTHER;

        if (!is_ours(market))
            continue;
        resetStringInfo(&labels);
        qm_prometheus_label(&labels, "exchange", other ? "other" : qm_market_name(market)->account);
        appendStringInfoChar(&labels, ',');
        qm_prometheus_label(&labels, "symbol", other ? "other" : qm_market_name(market)->symbol);
        appendStringInfoString(&labels, buy ? ",side=\"buy\"" : ",side=\"sell\"");
        put(out, labels.data, qm_order_metric_at(market, buy));
    }
    pfree(labels.data);
}

/* is_ours says whether the number is that of a market of this database, not of an account as a whole. */
static bool
is_ours(int market)
{
    if (market == QM_MARKET_OTHER)
        return qm_order_metric_any(market);
    return qm_market_name(market)->database == MyDatabaseId && qm_market_name(market)->symbol[0] != '\0';
}

/* put_total writes orders by result; the three results are all there is, and none is counted twice. */
static void
put_total(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    const char *format = "quantmesh_order_total{%s,status=\"%s\"} " UINT64_FORMAT "\n";

    appendStringInfo(out, format, labels, "success", accepted(metric));
    appendStringInfo(out, format, labels, "failed", failed(metric));
    appendStringInfo(out, format, labels, "denied", qm_order_metric_value(&metric->outcomes[QM_DENIED]));
}

/* accepted returns how many orders the exchange took. */
static uint64
accepted(const QmOrderMetric *metric)
{
    QmHistogramSummary summary;

    qm_histogram_read(&metric->accepted, &summary);
    return summary.cumulative[QM_BUCKETS];
}

/* failed returns how many orders the exchange did not take. */
static uint64
failed(const QmOrderMetric *metric)
{
    uint64 sum = 0;

    for (size_t i = 0; i < lengthof(failures); i++)
        sum += qm_order_metric_value(&metric->states[failures[i].state]);
    return sum;
}

/* put_success writes how many orders the exchange took. */
static void
put_success(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    appendStringInfo(out, "quantmesh_order_success_total{%s} " UINT64_FORMAT "\n", labels, accepted(metric));
}

/* put_failure writes the reasons that there have been. */
static void
put_failure(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    const char *format = "quantmesh_order_failure_total{%s,reason=\"%s\"} " UINT64_FORMAT "\n";

    for (int i = 0; i < QM_REASONS; i++)
    {
        uint64 denied = qm_order_metric_value(&metric->reasons[QM_REASON_AT(QM_DENIED, i)]);

        if (denied > 0)
            appendStringInfo(out, format, labels, qm_reason_name((QmReason) i), denied);
    }
    for (size_t i = 0; i < lengthof(failures); i++)
        appendStringInfo(out,
                         format,
                         labels,
                         failures[i].reason,
                         qm_order_metric_value(&metric->states[failures[i].state]));
}

/* put_duration writes how long it took until the exchange had the orders. */
static void
put_duration(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    qm_prometheus_histogram(out, "quantmesh_order_duration_seconds", labels, &metric->accepted);
}

/* put_requests writes the four outcomes. */
static void
put_requests(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    for (int i = 0; i < QM_OUTCOMES; i++)
        appendStringInfo(out,
                         "quantmesh_order_request_total{%s,outcome=\"%s\"} " UINT64_FORMAT "\n",
                         labels,
                         qm_outcome_name((QmOutcome) i),
                         qm_order_metric_value(&metric->outcomes[i]));
}

/* put_states writes how many orders came into each state. */
static void
put_states(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    for (int i = 0; i < QM_ORDER_STATES; i++)
        appendStringInfo(out,
                         "quantmesh_order_state_total{%s,state=\"%s\"} " UINT64_FORMAT "\n",
                         labels,
                         qm_order_state_name((QmOrderState) i),
                         qm_order_metric_value(&metric->states[i]));
}

/* put_trade_count writes how many trades were booked. */
static void
put_trade_count(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    appendStringInfo(out,
                     "quantmesh_trade_count_total{%s} " UINT64_FORMAT "\n",
                     labels,
                     qm_order_metric_value(&metric->trades));
}

/* put_trade_volume writes the sum of quantities. */
static void
put_trade_volume(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    appendStringInfo(out, "quantmesh_trade_volume_total{%s} %.15g\n", labels, qm_order_metric_sum(&metric->volume));
}

/* put_trade_amount writes the sum of quantity times price. */
static void
put_trade_amount(StringInfo out, const char *labels, const QmOrderMetric *metric)
{
    appendStringInfo(out, "quantmesh_trade_amount_total{%s} %.15g\n", labels, qm_order_metric_sum(&metric->amount));
}

/* put_tables writes what the tables say now. */
static void
put_tables(StringInfo out)
{
    static QmQuery active = {"SELECT m.account, m.symbol, s.side, o.live::text "
                             "FROM quantmesh.market AS m CROSS JOIN (VALUES ('buy'), ('sell')) AS s (side), "
                             "LATERAL (SELECT count(*) AS live FROM " QM_LIVE_ORDERS
                             "WHERE l.account = m.account AND l.symbol = m.symbol AND l.side = s.side AND o.live) AS o "
                             "ORDER BY m.account, m.symbol, s.side",
                             0,
                             {0}};
    static QmQuery positions = {"SELECT account, symbol, sum(quantity)::text, sum(realized_profit)::text "
                                "FROM quantmesh.position GROUP BY account, symbol ORDER BY account, symbol",
                                0,
                                {0}};
    QmQueryScope scope;

    qm_query_begin(&scope);
    (void) qm_query_run(&active, NULL, NULL);
    /* A gauge; but promtool wants the suffix _count for histograms, unless the type is left open. */
    qm_prometheus_head(out, "quantmesh_active_orders_count", "untyped", "Live orders.");
    put_rows(out, "quantmesh_active_orders_count", 3, true);
    (void) qm_query_run(&positions, NULL, NULL);
    qm_prometheus_head(out, "quantmesh_position_size", "gauge", "Position by our fills, in the base asset.");
    put_rows(out, "quantmesh_position_size", 2, false);
    qm_prometheus_head(out,
                       "quantmesh_pnl_realized_total",
                       "counter",
                       "Realized profit of all time, in the quote asset; falls with a loss, so take delta(), not "
                       "rate().");
    put_rows(out, "quantmesh_pnl_realized_total", 3, false);
    qm_query_end(&scope);
}

/* put_rows writes a sample for each row of the last query: account, symbol, perhaps side, and the value in a column. */
static void
put_rows(StringInfo out, const char *name, int column, bool side)
{
    for (uint64 row = 0; row < SPI_processed; row++)
    {
        bool isnull;

        appendStringInfo(out, "%s{", name);
        qm_prometheus_label(out, "exchange", TextDatumGetCString(qm_query_value(row, 0, &isnull)));
        appendStringInfoChar(out, ',');
        qm_prometheus_label(out, "symbol", TextDatumGetCString(qm_query_value(row, 1, &isnull)));
        if (side)
        {
            appendStringInfoChar(out, ',');
            qm_prometheus_label(out, "side", TextDatumGetCString(qm_query_value(row, 2, &isnull)));
        }
        appendStringInfo(out, "} %s\n", TextDatumGetCString(qm_query_value(row, column, &isnull)));
    }
}
