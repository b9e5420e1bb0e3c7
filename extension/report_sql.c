/*
 * SQL function: apply_report. What it promises is in its COMMENT
 * (sql/62_reports.sql). Everything is checked before anything is locked.
 */
#include "report.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "amount.h"
#include "compat.h"
#include "decimal.h"
#include "funcapi.h"
#include "order_argument.h"
#include "place.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_apply_report);

#define RESULT_COLUMNS 4

enum
{
    ARG_ACCOUNT,
    ARG_SYMBOL,
    ARG_CLIENT_ORDER_ID,
    ARG_EXCHANGE_ORDER_ID,
    ARG_STATE,
    ARG_TRADE_ID,
    ARG_LAST_QUANTITY,
    ARG_LAST_PRICE,
    ARG_CUMULATIVE_QUANTITY,
    ARG_COMMISSION,
    ARG_COMMISSION_ASSET,
    ARG_IS_MAKER,
    ARG_EVENT_TIME,
    ARG_SOURCE,
    ARG_DETAIL
};

static const char *const sources[] = {"reply", "stream", "query", "trade", "reconcile", "operator"};

/* What exchanges call the states of orders. */
static const struct
{
    const char *word;
    QmSaid said;
    QmOrderEvent event;
} words[] = {
    {"new", QM_SAID_EVENT, QM_EVENT_OPENED},
    {"open", QM_SAID_EVENT, QM_EVENT_OPENED},
    {"partially_filled", QM_SAID_EVENT, QM_EVENT_PART_FILLED},
    {"filled", QM_SAID_EVENT, QM_EVENT_FILLED},
    {"canceled", QM_SAID_EVENT, QM_EVENT_CANCELED},
    {"cancelled", QM_SAID_EVENT, QM_EVENT_CANCELED},
    {"expired", QM_SAID_EVENT, QM_EVENT_EXPIRED},
    {"expired_in_match", QM_SAID_EVENT, QM_EVENT_EXPIRED},
    {"rejected", QM_SAID_EVENT, QM_EVENT_REJECTED},
    {"pending_new", QM_SAID_NOTHING, 0},
    {"pending_cancel", QM_SAID_NOTHING, 0},
    {"busted", QM_SAID_BUSTED, 0},
};

static void read_order(FunctionCallInfo fcinfo, QmReport *report);
static void read_state(FunctionCallInfo fcinfo, QmReport *report);
static void read_trade(FunctionCallInfo fcinfo, QmReport *report);
static void read_commission(FunctionCallInfo fcinfo, QmTrade *trade);
static void read_rest(FunctionCallInfo fcinfo, QmReport *report);
static Numeric read_amount(FunctionCallInfo fcinfo, int arg, const char *name, bool may_be_negative);

/* qm_apply_report is quantmesh.apply_report. */
Datum
qm_apply_report(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.apply_report()";
    QmReport report = {0};
    QmReportResult result = {0};

    qm_require_running(function);
    read_order(fcinfo, &report);
    read_state(fcinfo, &report);
    read_trade(fcinfo, &report);
    read_rest(fcinfo, &report);
    qm_place_prepare(function, report.account);
    qm_report_apply(&report, &result);
    PG_RETURN_DATUM(qm_report_result_datum(fcinfo, &result));
}

/* read_order reads what names the order: one id at least. */
static void
read_order(FunctionCallInfo fcinfo, QmReport *report)
{
    report->account = qm_arg_account(fcinfo, ARG_ACCOUNT);
    report->symbol = qm_arg_symbol(fcinfo, ARG_SYMBOL);
    report->client_order_id = qm_arg_name_or_null(fcinfo, ARG_CLIENT_ORDER_ID, "client_order_id");
    report->exchange_order_id = qm_arg_name_or_null(fcinfo, ARG_EXCHANGE_ORDER_ID, "exchange_order_id");
    if (report->client_order_id == NULL && report->exchange_order_id == NULL)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("client_order_id and exchange_order_id must not both be null")));
}

/* read_state reads the exchange's word for the state; one that we do not know is not an error. */
static void
read_state(FunctionCallInfo fcinfo, QmReport *report)
{
    report->state = qm_arg_name_or_null(fcinfo, ARG_STATE, "state");
    report->said = report->state == NULL ? QM_SAID_NOTHING : QM_SAID_UNKNOWN;
    for (int i = 0; report->state != NULL && i < lengthof(words); i++)
    {
        if (pg_strcasecmp(report->state, words[i].word) == 0)
        {
            report->said = words[i].said;
            report->event = words[i].event;
        }
    }
}

/* read_trade reads the fill: trade_id, last_quantity and last_price come together or not at all. */
static void
read_trade(FunctionCallInfo fcinfo, QmReport *report)
{
    QmTrade *trade = &report->trade;
    bool busted = report->said == QM_SAID_BUSTED;

    read_commission(fcinfo, trade);
    report->has_trade =
        busted || !PG_ARGISNULL(ARG_TRADE_ID) || !PG_ARGISNULL(ARG_LAST_QUANTITY) || !PG_ARGISNULL(ARG_LAST_PRICE);
    if (!report->has_trade)
    {
        if (trade->commission != NULL && qm_decimal_sign(trade->commission) != 0)
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                     errmsg("trade_id must not be null where commission is given")));
        return;
    }
    trade->trade_id = qm_arg_name(fcinfo, ARG_TRADE_ID, "trade_id");
    trade->quantity = qm_arg_number(fcinfo, ARG_LAST_QUANTITY, "last_quantity");
    trade->price = qm_arg_number(fcinfo, ARG_LAST_PRICE, "last_price");
    trade->bust = busted;
    trade->is_maker = PG_ARGISNULL(ARG_IS_MAKER) ? -1 : PG_GETARG_BOOL(ARG_IS_MAKER);
}

/*
 * read_commission reads what was paid for the fill, negative for a rebate. A
 * commission of zero without an asset says nothing: exchanges send it with what is
 * no fill.
 */
static void
read_commission(FunctionCallInfo fcinfo, QmTrade *trade)
{
    trade->commission = read_amount(fcinfo, ARG_COMMISSION, "commission", true);
    trade->commission_asset = qm_arg_name_or_null(fcinfo, ARG_COMMISSION_ASSET, "commission_asset");
    if (trade->commission == NULL && trade->commission_asset != NULL)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("commission must not be null where commission_asset is given")));
    if (trade->commission == NULL || trade->commission_asset != NULL)
        return;
    if (qm_decimal_sign(trade->commission) != 0)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("commission_asset must not be null where commission is given")));
    trade->commission = NULL;
}

/* read_rest reads what stands beside order, state and fill. */
static void
read_rest(FunctionCallInfo fcinfo, QmReport *report)
{
    report->cumulative_quantity = read_amount(fcinfo, ARG_CUMULATIVE_QUANTITY, "cumulative_quantity", false);
    if (!PG_ARGISNULL(ARG_EVENT_TIME))
    {
        report->event_time = PG_GETARG_TIMESTAMPTZ(ARG_EVENT_TIME);
        if (TIMESTAMP_NOT_FINITE(report->event_time))
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("event_time must be finite")));
    }
    report->source = sources[qm_arg_word(fcinfo, ARG_SOURCE, "source", sources, lengthof(sources))];
    report->trade.executed_at = report->event_time;
    report->trade.source = report->source;
    if (!PG_ARGISNULL(ARG_DETAIL))
    {
        Size size = toast_raw_datum_size(PG_GETARG_DATUM(ARG_DETAIL)) - VARHDRSZ;

        if (size > QM_REPORT_DETAIL_MAX)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("detail has %zu bytes, the limit is %d", size, QM_REPORT_DETAIL_MAX)));
        report->detail = PG_GETARG_JSONB_P(ARG_DETAIL);
    }
}

/* read_amount reads a number of the range of quantities that may be zero; NULL for NULL. */
static Numeric
read_amount(FunctionCallInfo fcinfo, int arg, const char *name, bool may_be_negative)
{
    QmAmount limit = 1;
    QmAmount amount;
    Numeric value;

    if (PG_ARGISNULL(arg))
        return NULL;
    value = PG_GETARG_NUMERIC(arg);
    for (int i = 0; i < 2 * QM_AMOUNT_DECIMALS; i++)
        limit *= 10;
    if (!qm_amount_from_numeric(value, &amount) || amount >= limit || amount <= -limit ||
        (amount < 0 && !may_be_negative))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s must %sbe below %s and have at most %d decimals, not %.60s",
                        name,
                        may_be_negative ? "" : "not be negative, ",
                        QM_NUMBER_LIMIT,
                        QM_AMOUNT_DECIMALS,
                        numeric_normalize(value)),
                 errhint("Pass text or a decimal type, not a float.")));
    return qm_decimal_trim(value);
}

/* qm_report_result_datum returns the answer as a row of the function's result type. */
Datum
qm_report_result_datum(FunctionCallInfo fcinfo, const QmReportResult *result)
{
    Datum values[RESULT_COLUMNS] = {0};
    bool nulls[RESULT_COLUMNS] = {result->order_id == 0, result->state == NULL, false, result->discrepancy == NULL};
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "function does not return a report_result");
    values[0] = Int64GetDatum(result->order_id);
    if (result->state != NULL)
        values[1] = CStringGetTextDatum(result->state);
    values[2] = BoolGetDatum(result->applied);
    if (result->discrepancy != NULL)
        values[3] = CStringGetTextDatum(result->discrepancy);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
