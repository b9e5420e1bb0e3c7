/*
 * SQL functions behind the views order_metrics and order_denials: what has been
 * counted, of the accounts that the caller may see. Markets without a number of
 * their own are counted as "other", which belongs to no account.
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "market_number.h"
#include "miscadmin.h"
#include "order_metric.h"
#include "rights.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_order_metric_rows);
PG_FUNCTION_INFO_V1(qm_order_denial_rows);

#define NAME_COLUMNS 3 /* account, symbol, side */
#define METRIC_COLUMNS (NAME_COLUMNS + QM_OUTCOMES + QM_ORDER_STATES + 1 + 5 + 1)
#define DENIAL_COLUMNS (NAME_COLUMNS + 3)

static bool is_visible(int market);
static void put_names(Datum *values, bool *nulls, int market, bool buy);
static void put_metric(ReturnSetInfo *result, int market, bool buy);
static void put_denials(ReturnSetInfo *result, int market, bool buy);

/* qm_order_metric_rows is quantmesh.order_metric_rows. */
Datum
qm_order_metric_rows(PG_FUNCTION_ARGS)
{
    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    for (int market = 0; market < qm_market_numbers(); market++)
    {
        if (!is_visible(market))
            continue;
        put_metric((ReturnSetInfo *) fcinfo->resultinfo, market, true);
        put_metric((ReturnSetInfo *) fcinfo->resultinfo, market, false);
    }
    return (Datum) 0;
}

/* is_visible says whether the number is that of a market here with anything counted, which the caller may see. */
static bool
is_visible(int market)
{
    const QmMarketName *name = qm_market_name(market);

    if (market == QM_MARKET_OTHER)
        return qm_order_metric_any(market) && qm_rights_may_see("*");
    return name->database == MyDatabaseId && name->symbol[0] != '\0' && qm_order_metric_any(market) &&
           qm_rights_may_see(name->account);
}

/* put_names fills in account, symbol and side; of "other" there is only the side. */
static void
put_names(Datum *values, bool *nulls, int market, bool buy)
{
    const QmMarketName *name = qm_market_name(market);

    values[0] = CStringGetTextDatum(name->account);
    values[1] = CStringGetTextDatum(name->symbol);
    nulls[0] = nulls[1] = market == QM_MARKET_OTHER;
    values[2] = CStringGetTextDatum(buy ? "buy" : "sell");
    nulls[2] = false;
}

/* put_metric adds a row for the buys or sells of one market; without a sample the times are NULL. */
static void
put_metric(ReturnSetInfo *result, int market, bool buy)
{
    static const double quantiles[] = {0.50, 0.95, 0.99};
    const QmOrderMetric *metric = qm_order_metric_at(market, buy);
    Datum values[METRIC_COLUMNS] = {0};
    bool nulls[METRIC_COLUMNS] = {0};
    QmHistogramSummary accepted;
    int column = NAME_COLUMNS;

    put_names(values, nulls, market, buy);
    for (int i = 0; i < QM_OUTCOMES; i++)
        values[column++] = Int64GetDatum((int64) qm_order_metric_value(&metric->outcomes[i]));
    for (int i = 0; i < QM_ORDER_STATES; i++)
        values[column++] = Int64GetDatum((int64) qm_order_metric_value(&metric->states[i]));
    values[column++] = Int64GetDatum((int64) qm_order_metric_value(&metric->trades));

    qm_histogram_read(&metric->accepted, &accepted);
    values[column++] = Int64GetDatum((int64) accepted.cumulative[QM_BUCKETS]);
    for (int i = 0; i < 4; i++)
    {
        nulls[column] = accepted.cumulative[QM_BUCKETS] == 0;
        values[column++] = Float8GetDatum(i < 3 ? qm_histogram_quantile_ms(&accepted, quantiles[i]) : accepted.max_ms);
    }
    values[column++] = TimestampTzGetDatum(qm_order_metric_since(market));
    Assert(column == METRIC_COLUMNS);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* qm_order_denial_rows is quantmesh.order_denial_rows. */
Datum
qm_order_denial_rows(PG_FUNCTION_ARGS)
{
    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    for (int market = 0; market < qm_market_numbers(); market++)
    {
        if (!is_visible(market))
            continue;
        put_denials((ReturnSetInfo *) fcinfo->resultinfo, market, true);
        put_denials((ReturnSetInfo *) fcinfo->resultinfo, market, false);
    }
    return (Datum) 0;
}

/* put_denials adds a row for each reason for which buys or sells of one market were not placed. */
static void
put_denials(ReturnSetInfo *result, int market, bool buy)
{
    const QmOrderMetric *metric = qm_order_metric_at(market, buy);

    for (int i = 0; i < QM_OUTCOMES * QM_REASONS; i++)
    {
        QmReason reason = (QmReason) (i % QM_REASONS);
        QmOutcome outcome = (QmOutcome) (i / QM_REASONS);
        uint64 requests = qm_order_metric_value(&metric->reasons[i]);
        Datum values[DENIAL_COLUMNS] = {0};
        bool nulls[DENIAL_COLUMNS] = {0};

        if (requests == 0)
            continue;
        put_names(values, nulls, market, buy);
        values[3] = CStringGetTextDatum(qm_outcome_name(outcome));
        values[4] = CStringGetTextDatum(qm_reason_name(reason));
        values[5] = Int64GetDatum((int64) requests);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}
