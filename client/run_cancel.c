/*
 * Cancels: recorded, sent, and their answers booked. That an order is not open any
 * more is no answer: it is asked for, for it may have been filled. At the end a cancel
 * may have to leave that cannot be recorded: it makes no order, so nothing is lost but
 * the word for it.
 */
#include "run.h"

#include <stdio.h>
#include <string.h>

static void tell_grid(QmRunMarket *market, int64_t order_id, bool under_way);
static void send_cancel(QmRunOrder *order);
static void canceled(void *argument, const QmExchangeAnswer *answer);
static void resolve(QmRunOrder *order, const char *outcome, const QmExchangeAnswer *answer);

/* qm_run_cancel cancels an order of ours, if it is there to be cancelled. */
void
qm_run_cancel(QmRunMarket *market, const QmGridWish *wish)
{
    QmRun *run = market->run;
    QmCancellation cancellation;
    QmRunOrder *order = qm_run_order_find(market, wish->order_id, NULL);
    QmCode code;
    bool send;

    /* What the exchange has ended is only to be booked, and what it has refused so often it will refuse again. */
    if (order != NULL && (order->gone || order->cancel_refusals >= QM_RUN_REFUSALS_MAX))
    {
        tell_grid(market, wish->order_id, true);
        return;
    }
    code = run->store->functions->cancel_order(run->store, market->account->name, wish->order_id, &cancellation);
    if (!qm_run_store_ok(run, code, "a cancel"))
    {
        tell_grid(market, wish->order_id, false);
        qm_run_resync(market, "the store has not taken a cancel");
        return;
    }
    if (cancellation.outcome == QM_CANCEL_NOOP || cancellation.outcome == QM_CANCEL_ABORTED)
    {
        tell_grid(market, wish->order_id, false);
        (void) qm_run_tell_grid(market,
                                cancellation.client_order_id[0] != '\0' ? cancellation.client_order_id
                                                                        : wish->client_order_id,
                                NULL);
        return;
    }
    tell_grid(market, wish->order_id, true);
    send = (cancellation.outcome == QM_CANCEL_REQUESTED || cancellation.uncertain) &&
           (strcmp(cancellation.state, "open") == 0 || strcmp(cancellation.state, "partially_filled") == 0);
    if (send && order != NULL && !order->canceling)
    {
        qm_log(&run->log,
               QM_LOG_INFO,
               "cancel",
               QM_LOG_MARKET(market),
               QM_LOG_ORDER(order),
               "side",
               order->side,
               "price",
               order->price,
               "why",
               qm_grid_why_name(wish->why));
        send_cancel(order);
    }
}

/* tell_grid tells the grid, where there is one, whether a cancel is under way. */
static void
tell_grid(QmRunMarket *market, int64_t order_id, bool under_way)
{
    if (market->grid != NULL)
        qm_grid_canceled(market->grid, order_id, under_way, qm_run_market_now(market));
}

/* qm_run_cancel_unrecorded cancels an order at the exchange that the store cannot be told of. */
void
qm_run_cancel_unrecorded(QmRunOrder *order)
{
    qm_log(&order->market->run->log,
           QM_LOG_WARN,
           "cancel, which cannot be recorded",
           QM_LOG_MARKET(order->market),
           QM_LOG_ORDER(order),
           "side",
           order->side,
           "price",
           order->price,
           "why",
           qm_grid_why_name(QM_GRID_WHY_EXIT));
    send_cancel(order);
}

/* send_cancel hands a cancel to the exchange. */
static void
send_cancel(QmRunOrder *order)
{
    QmRunMarket *market = order->market;
    QmExchange *exchange = market->account->exchange;
    const QmExchangeWhich which = {.symbol = market->config->symbol, .client_order_id = order->client_order_id};

    order->canceling = true;
    order->cancel_sent = true;
    order->calls++;
    market->in_flight++;
    if (exchange->functions->cancel(exchange, &which, canceled, order) != QM_OK)
    {
        const QmExchangeAnswer none = {
            .outcome = QM_EXCHANGE_NOT_SENT,
            .message = exchange->functions->error(exchange)->message,
        };

        canceled(order, &none);
    }
}

/* canceled takes the answer to a cancel. */
static void
canceled(void *argument, const QmExchangeAnswer *answer)
{
    QmRunOrder *order = argument;
    QmRunMarket *market = order->market;
    bool done = answer->outcome == QM_EXCHANGE_DONE;
    bool unknown = answer->outcome == QM_EXCHANGE_UNKNOWN;
    bool key_refused = answer->cause == QM_CAUSE_CREDENTIALS;

    order->canceling = false;
    order->gone = order->gone || done;
    order->cancel_doubt = unknown || (answer->outcome == QM_EXCHANGE_REFUSED && !key_refused);
    order->cancel_refusals += key_refused;
    market->in_flight--;
    market->dirty = true;
    if (!done)
        qm_log(&market->run->log,
               QM_LOG_WARN,
               key_refused ? "not canceled" : "not canceled, the exchange is asked",
               QM_LOG_MARKET(market),
               QM_LOG_ORDER(order),
               "code",
               answer->code != 0 ? QM_LOG_NUMBER(answer->code) : NULL,
               "reason",
               answer->message);
    if (done && market->run->store_lost)
        qm_log(&market->run->log,
               QM_LOG_WARN,
               "canceled at the exchange, and not booked",
               QM_LOG_MARKET(market),
               QM_LOG_ORDER(order));
    if (done && answer->order_count > 0)
        (void) qm_run_report_order(market, &answer->orders[0], "reply");
    resolve(order, done ? "done" : unknown ? "unknown" : "rejected", answer);
    if (!done)
    {
        tell_grid(market, order->order_id, false);
        qm_run_rest(market->account, answer);
        if (!key_refused)
            qm_run_order_ask(order);
    }
    if (key_refused)
        qm_run_account_unusable(market->account, answer->message);
    qm_run_order_call_done(order);
}

/* resolve tells the store how a cancel ended. That it knows better by now is no failure. */
static void
resolve(QmRunOrder *order, const char *outcome, const QmExchangeAnswer *answer)
{
    QmRunMarket *market = order->market;
    QmRun *run = market->run;
    QmReportResult result;
    char code_text[16];
    QmCode code;

    /* A cancel whose end was not told may be asked for again after some seconds. */
    if (run->store_lost)
        return;
    snprintf(code_text, sizeof(code_text), "%d", answer->code);
    code = run->store->functions->resolve_cancel(run->store,
                                                 market->account->name,
                                                 order->order_id,
                                                 outcome,
                                                 answer->code != 0 ? code_text : NULL,
                                                 answer->message,
                                                 &result);
    if (code == QM_ERROR_SERVER && strcmp(run->store->functions->error(run->store)->sqlstate, "55000") == 0)
        return;
    if (!qm_run_store_ok(run, code, "the outcome of a cancel"))
        qm_run_resync(market, "the store has not taken the outcome of a cancel");
    else if (result.applied)
        (void) qm_run_tell_grid(market, order->client_order_id, NULL);
}
