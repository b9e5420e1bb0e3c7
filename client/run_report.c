/*
 * What the exchange has said of orders: given to the store first, and then, as the
 * store has it, to the grid. The same may come as a reply, by the stream and as an
 * answer to a question; the store makes one of it.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "error.h"

static void log_report(QmRunMarket *market, const QmReport *report, const QmReportResult *result);
static void log_end(const QmRunOrder *order, const QmStoredOrder *stored);
static void take_over(QmRunOrder *order, const QmStoredOrder *stored, const char *reported, bool missing);
static void tell_grid(QmRunMarket *market, const QmStoredOrder *stored);
static bool is_less(const char *left, const char *right);

/*
 * qm_run_report books one report. False when the store has failed; then all that may
 * have been missed is asked for once it is back.
 */
bool
qm_run_report(QmRunMarket *market, const QmReport *report)
{
    QmRun *run = market->run;
    QmReportResult result;
    QmRunOrder *order;

    if (run->store_lost ||
        !qm_run_store_ok(run,
                         run->store->functions->apply_report(run->store, market->account->name, report, &result),
                         "a report"))
    {
        qm_run_resync(market, "the store has not taken a report");
        return false;
    }
    log_report(market, report, &result);
    if (result.order_id == 0)
        return true;
    order = qm_run_order_find(market, result.order_id, report->client_order_id);
    if (order != NULL && report->exchange_order_id != NULL)
        qm_text_copy(order->exchange_order_id, sizeof(order->exchange_order_id), report->exchange_order_id);
    if (order != NULL && !result.applied && report->trade_id == NULL && strcmp(order->state, result.state) == 0)
        return true;
    if (order != NULL)
        return qm_run_tell_grid(market, order->client_order_id, report->cumulative_quantity);
    if (report->client_order_id != NULL)
        return qm_run_tell_grid(market, report->client_order_id, report->cumulative_quantity);
    /* A trade of an order that we have forgotten: the grid compares its position with the ledger's. */
    if (result.applied)
        market->loaded = false;
    return true;
}

/* log_report writes what a report has changed: fills and ends for everybody, the rest for those who look for it. */
static void
log_report(QmRunMarket *market, const QmReport *report, const QmReportResult *result)
{
    QmLog *log = &market->run->log;
    bool fill = result->applied && report->trade_id != NULL && result->order_id != 0;

    if (fill)
        market->fills++;
    if (result->applied || result->discrepancy[0] != '\0')
        qm_log(log,
               result->discrepancy[0] != '\0' && result->order_id != 0 ? QM_LOG_WARN
               : fill                                                  ? QM_LOG_INFO
                                                                       : QM_LOG_DEBUG,
               fill ? "fill" : "order reported",
               "account",
               market->account->name,
               "symbol",
               report->symbol,
               "order",
               result->order_id != 0 ? QM_LOG_NUMBER(result->order_id) : NULL,
               "client_order_id",
               report->client_order_id,
               "exchange_order_id",
               report->exchange_order_id,
               "state",
               result->state,
               "trade",
               report->trade_id,
               "price",
               report->last_price,
               "quantity",
               report->last_quantity,
               "source",
               report->source,
               "discrepancy",
               result->discrepancy);
}

/* qm_run_report_order books an order as an answer of the exchange shows it. */
bool
qm_run_report_order(QmRunMarket *market, const QmExchangeOrder *order, const char *source)
{
    const QmReport report = {
        .symbol = order->symbol,
        .client_order_id = order->client_order_id,
        .exchange_order_id = order->exchange_order_id,
        .state = order->state,
        .cumulative_quantity = order->cumulative_quantity,
        .event_time_us = order->time_us,
        .source = source,
    };

    return qm_run_report(market, &report);
}

/* qm_run_report_trade books a trade of a list, or of the reply to an order's placement. */
bool
qm_run_report_trade(QmRunMarket *market, const QmExchangeTrade *trade, const QmExchangeOrder *order)
{
    const QmReport report = {
        .symbol = market->config->symbol,
        .client_order_id = order != NULL ? order->client_order_id : NULL,
        .exchange_order_id = order != NULL ? order->exchange_order_id : trade->exchange_order_id,
        .trade_id = trade->trade_id,
        .last_quantity = trade->quantity,
        .last_price = trade->price,
        .commission = trade->commission,
        .commission_asset = trade->commission_asset,
        .is_maker = trade->is_maker,
        .event_time_us = trade->time_us != 0 ? trade->time_us
                         : order != NULL     ? order->time_us
                                             : 0,
        .source = order != NULL ? "reply" : "trade",
    };

    return qm_run_report(market, &report);
}

/*
 * qm_run_tell_grid tells the grid what the store has of an order. reported is the
 * quantity that the exchange says is filled, NULL where it does not say: where more
 * is filled than was booked, trades are read again.
 */
bool
qm_run_tell_grid(QmRunMarket *market, const char *client_order_id, const char *reported)
{
    QmRun *run = market->run;
    QmStoredOrder stored;
    QmRunOrder *order;
    bool missing;
    QmCode code = QM_ERROR_CONNECT;

    if (!run->store_lost)
        code = run->store->functions->order_by_client_id(run->store, market->account->name, client_order_id, &stored);
    if (code == QM_NOT_HELD)
        return true;
    if (!qm_run_store_ok(run, code, "an order"))
    {
        qm_run_resync(market, "the store has not told of an order");
        return false;
    }
    order = qm_run_order_find(market, stored.order_id, NULL);
    if (reported == NULL && order != NULL && order->reported[0] != '\0')
        reported = order->reported;
    missing = reported != NULL && is_less(stored.filled_quantity, reported);
    order = qm_run_order_know(market, &stored, missing);
    if (market->grid != NULL && market->loaded)
        tell_grid(market, &stored);
    if (order != NULL)
        take_over(order, &stored, reported, missing);
    market->dirty = true;
    return true;
}

/* tell_grid tells the grid how an order is. */
static void
tell_grid(QmRunMarket *market, const QmStoredOrder *stored)
{
    QmGridEffect effect = qm_grid_stored(market->grid, stored, qm_run_market_now(market));

    if (effect == QM_GRID_UNREADABLE)
        qm_log(&market->run->log,
               QM_LOG_ERROR,
               "the grid cannot read an order",
               "symbol",
               market->config->symbol,
               "order",
               QM_LOG_NUMBER(stored->order_id));
}

/* log_end warns of an order that has ended unfilled although nobody here has asked for that. */
static void
log_end(const QmRunOrder *order, const QmStoredOrder *stored)
{
    const QmRunMarket *market = order->market;
    bool expired = strcmp(stored->state, "expired") == 0;
    bool canceled =
        strcmp(stored->state, "canceled") == 0 && strcmp(stored->cancel_state, "none") == 0 && !order->cancel_sent;

    if ((!expired && !canceled) || strcmp(order->state, stored->state) == 0)
        return;
    qm_log(&market->run->log,
           QM_LOG_WARN,
           expired ? "the exchange has ended an order" : "somebody else has canceled an order",
           QM_LOG_MARKET(market),
           QM_LOG_ORDER(order),
           "side",
           order->side,
           "price",
           order->price,
           "filled",
           stored->filled_quantity);
}

/* take_over notes what the store and the exchange say of an order, and lets go of it when it has ended. */
static void
take_over(QmRunOrder *order, const QmStoredOrder *stored, const char *reported, bool missing)
{
    log_end(order, stored);
    qm_text_copy(order->state, sizeof(order->state), stored->state);
    order->ours = strcmp(stored->strategy, QM_RUN_STRATEGY) == 0;
    order->missing = missing;
    if (reported != NULL && reported != order->reported &&
        (order->reported[0] == '\0' || is_less(order->reported, reported)))
        qm_text_copy(order->reported, sizeof(order->reported), reported);
    if (order->phase == QM_RUN_UNKNOWN && strcmp(stored->state, "submitted") != 0 &&
        strcmp(stored->state, "unknown") != 0)
    {
        order->phase = QM_RUN_KNOWN;
        order->due_ns = INT64_MAX;
    }
    if (missing && order->market->trades_gap == 0)
        order->market->trades_gap = 1;
    if (!missing && !qm_run_state_is_live(stored->state))
        qm_run_order_end(order);
}

/* is_less compares two amounts. */
static bool
is_less(const char *left, const char *right)
{
    bool less = qm_decimal_cmp(qm_decimal_of(left), qm_decimal_of(right)) < 0;

    qm_scratch_drop();
    return less;
}

/* qm_run_same_amount tells whether two texts are the same number. */
bool
qm_run_same_amount(const char *left, const char *right)
{
    bool same = qm_decimal_cmp(qm_decimal_of(left), qm_decimal_of(right)) == 0;

    qm_scratch_drop();
    return same;
}

/* qm_run_state_is_live tells whether an order of this state still holds its slot. */
bool
qm_run_state_is_live(const char *state)
{
    static const char *const ends[] = {"filled", "canceled", "expired", "rejected", "aborted", "never_accepted"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        if (strcmp(state, ends[i]) == 0)
            return false;
    }
    return true;
}
