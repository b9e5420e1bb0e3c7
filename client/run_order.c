/*
 * The live orders of a market: which there are, what became of their submissions,
 * and asking the exchange for those of which nobody knows.
 *
 * An order whose reply was lost is asked for until the exchange has shown it, or has
 * said several times that it does not have it after the last moment at which it
 * could still have accepted it. Nothing is concluded from less. Until when an order
 * may leave, the store says: it may have been recorded long before somebody sends it.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define ASK_PAUSE_MIN_MS 200
#define ASK_PAUSE_MAX_MS 5000
#define ASK_PROOF_MS 1000 /* from an answer that proves an order absent to the next question */
#define ASK_OPEN_MS 30000 /* an order that was open and is not there any more: rarely */

static void take_submission(QmRunOrder *order, const QmStoredOrder *stored);
static void take_anew(QmRunOrder *order, const QmStoredOrder *stored);
static bool counts_as_absent(const QmRunOrder *order);
static void asked(void *argument, const QmExchangeAnswer *answer);
static void not_there(QmRunOrder *order, const QmExchangeAnswer *answer);
static void ask_later(QmRunOrder *order);
static bool outcome_told(QmRunOrder *order);
static bool resolved(QmRunOrder *order, const char *outcome, QmReportResult *result);
static bool reported_refused(QmRunOrder *order, QmReportResult *result);
static bool absence_told(QmRunOrder *order);
static bool withdraw(QmRunOrder *order);

/* qm_run_order_find returns the live order of an id, or, where that is 0, of a client order id; NULL: there is none. */
QmRunOrder *
qm_run_order_find(QmRunMarket *market, int64_t order_id, const char *client_order_id)
{
    for (size_t i = 0; i < market->order_count; i++)
    {
        QmRunOrder *order = market->orders[i];

        if (order_id != 0 ? order->order_id == order_id
                          : client_order_id != NULL && strcmp(order->client_order_id, client_order_id) == 0)
            return order;
    }
    return NULL;
}

/*
 * qm_run_order_know returns the order that the store shows, which becomes known if
 * it lives, or fills of it are missing; NULL when it has ended and was not known, or
 * there is no memory, which ends the instance.
 */
QmRunOrder *
qm_run_order_know(QmRunMarket *market, const QmStoredOrder *stored, bool missing)
{
    QmRunOrder *order = qm_run_order_find(market, stored->order_id, NULL);

    if (order != NULL)
        take_anew(order, stored);
    if (order != NULL || !(missing || qm_run_state_is_live(stored->state)))
        return order;
    if (market->order_count == market->order_size)
    {
        size_t size = market->order_size == 0 ? 64 : market->order_size * 2;
        QmRunOrder **larger = realloc(market->orders, size * sizeof(*larger));

        if (larger != NULL)
        {
            market->orders = larger;
            market->order_size = size;
        }
    }
    order = calloc(1, sizeof(*order));
    if (order == NULL || market->order_count == market->order_size)
    {
        free(order);
        qm_run_stop(market->run, "no memory is left", QM_EXIT_INTERNAL);
        return NULL;
    }
    market->orders[market->order_count++] = order;
    order->market = market;
    order->order_id = stored->order_id;
    order->ours = strcmp(stored->strategy, QM_RUN_STRATEGY) == 0;
    order->due_ns = INT64_MAX;
    take_submission(order, stored);
    order->phase = strcmp(stored->state, "open") == 0 || strcmp(stored->state, "partially_filled") == 0
                       ? QM_RUN_KNOWN
                       : QM_RUN_UNKNOWN;
    if (!qm_run_state_is_live(stored->state))
        order->phase = QM_RUN_KNOWN;
    if (order->phase == QM_RUN_UNKNOWN)
        order->due_ns = qm_run_now_ns() + ASK_PAUSE_MIN_MS * QM_NS_PER_MS;
    qm_text_copy(order->exchange_order_id, sizeof(order->exchange_order_id), stored->exchange_order_id);
    qm_text_copy(order->side, sizeof(order->side), stored->side);
    qm_text_copy(order->price, sizeof(order->price), stored->price);
    qm_text_copy(order->quantity, sizeof(order->quantity), stored->quantity);
    return order;
}

/*
 * take_submission notes the order's submission: its fence, under which id it leaves, and
 * until when it may be accepted. One without a send_before was imported.
 */
static void
take_submission(QmRunOrder *order, const QmStoredOrder *stored)
{
    const QmRun *run = order->market->run;

    order->fence = stored->fence;
    order->deadline_us = qm_run_deadline(run,
                                         stored->send_before_us != 0 ? stored->send_before_us
                                                                     : stored->created_at_us + run->send_window_us);
    qm_text_copy(order->client_order_id, sizeof(order->client_order_id), stored->client_order_id);
}

/*
 * take_anew notes that a known order lives although it had ended, that it was given to a
 * sender once more, or that what was noted of that is wrong. What was answered before
 * proves nothing of a new submission, even of an order that had been at the exchange.
 */
static void
take_anew(QmRunOrder *order, const QmStoredOrder *stored)
{
    bool in_flight = strcmp(stored->state, "submitted") == 0 || strcmp(stored->state, "unknown") == 0;

    if (qm_run_state_is_live(stored->state))
        order->ended = false; /* the store has forgotten its end */
    if (order->phase == QM_RUN_SENDING || !in_flight || stored->fence == order->fence)
        return;
    take_submission(order, stored);
    order->phase = QM_RUN_UNKNOWN;
    order->absent = 0;
    order->pause_ms = 0;
    if (order->outcome == QM_RUN_ABSENT)
        order->outcome = QM_RUN_SETTLED;
    if (!order->asking)
        ask_later(order);
}

/* qm_run_deadline returns when an order that may leave until send_before_us can no longer be accepted. */
int64_t
qm_run_deadline(const QmRun *run, int64_t send_before_us)
{
    return send_before_us + run->recv_window_us + run->accept_us;
}

/* qm_run_order_end lets go of an order that has ended, now or with the last call about it. */
void
qm_run_order_end(QmRunOrder *order)
{
    QmRunMarket *market = order->market;

    order->ended = true;
    order->due_ns = INT64_MAX;
    if (order->calls > 0)
        return;
    for (size_t i = 0; i < market->order_count; i++)
    {
        if (market->orders[i] == order)
        {
            market->orders[i] = market->orders[--market->order_count];
            break;
        }
    }
    free(order);
}

/* qm_run_order_call_done notes that a call about an order was answered, and lets go of the order if it was the last. */
void
qm_run_order_call_done(QmRunOrder *order)
{
    order->calls--;
    if (order->ended)
        qm_run_order_end(order);
}

/* qm_run_order_ask asks the exchange what it has of an order. */
void
qm_run_order_ask(QmRunOrder *order)
{
    QmRunMarket *market = order->market;
    QmExchange *exchange = market->account->exchange;
    const QmExchangeWhich which = {.symbol = market->config->symbol, .client_order_id = order->client_order_id};

    if (order->asking || order->ended || market->run->closing)
        return;
    if (exchange->functions->query(exchange, &which, asked, order) != QM_OK)
    {
        ask_later(order);
        return;
    }
    order->asking = true;
    order->asked_us = qm_run_wall_us();
    order->asked_ns = qm_run_now_ns();
    order->calls++;
    market->asking++;
}

/* asked takes the exchange's answer about an order. */
static void
asked(void *argument, const QmExchangeAnswer *answer)
{
    QmRunOrder *order = argument;
    QmRunMarket *market = order->market;
    bool counted = order->counted;

    order->asking = false;
    order->counted = false;
    market->asking--;
    order->due_ns = INT64_MAX;
    if (answer->outcome == QM_EXCHANGE_DONE && answer->order_count > 0)
    {
        order->phase = QM_RUN_KNOWN;
        order->absent = 0;
        order->pause_ms = 0;
        order->cancel_doubt = false;
        order->gone = order->gone || !answer->orders[0].open;
        (void) qm_run_report_order(market, &answer->orders[0], "query");
    }
    else if (answer->cause == QM_CAUSE_ABSENT)
        not_there(order, answer);
    else if (answer->cause == QM_CAUSE_ARCHIVED)
    {
        QmExchangeOrder gone = {.symbol = market->config->symbol, .state = "expired"};

        gone.client_order_id = order->client_order_id;
        (void) qm_run_report_order(market, &gone, "query");
    }
    else
        ask_later(order);
    market->dirty = true;
    qm_run_order_call_done(order);
    if (counted)
        qm_run_resync_answered(market, answer);
}

/* not_there takes the answer that the exchange has no such order, which proves nothing while it may still accept it. */
static void
not_there(QmRunOrder *order, const QmExchangeAnswer *answer)
{
    bool open = order->phase == QM_RUN_KNOWN;

    if (order->phase == QM_RUN_SENDING)
        return;
    if (!open && counts_as_absent(order))
    {
        order->absent++;
        order->told_ns = qm_run_now_ns();
    }
    if (order->absent >= QM_RUN_ABSENT_ENOUGH)
    {
        order->outcome = QM_RUN_ABSENT;
        snprintf(order->outcome_code, sizeof(order->outcome_code), "%d", answer->code);
        qm_text_copy(order->outcome_message, sizeof(order->outcome_message), answer->message);
        (void) qm_run_order_settle(order);
        return;
    }
    if (open && order->pause_ms < ASK_OPEN_MS)
    {
        qm_log(&order->market->run->log,
               QM_LOG_WARN,
               "the exchange does not know an order that was open",
               QM_LOG_MARKET(order->market),
               QM_LOG_ORDER(order));
        order->pause_ms = ASK_OPEN_MS;
    }
    ask_later(order);
}

/*
 * counts_as_absent tells whether an answer that the exchange does not have the order
 * proves anything: it was asked when it could no longer accept it, and so long after the
 * answer before that one glance at what lags behind is not taken for several.
 */
static bool
counts_as_absent(const QmRunOrder *order)
{
    return order->asked_us > order->deadline_us &&
           (order->absent == 0 || order->asked_ns - order->told_ns >= ASK_PROOF_MS * QM_NS_PER_MS);
}

/*
 * ask_later has an order asked for again, after a pause that grows; one that was open
 * and is not there, rarely. One that may be proved absent is asked for as soon as an
 * answer counts: until then it holds its slot, and an instance that ends waits for it.
 */
static void
ask_later(QmRunOrder *order)
{
    int64_t limit_ms = order->pause_ms >= ASK_OPEN_MS ? ASK_OPEN_MS : ASK_PAUSE_MAX_MS;
    int64_t counts_ms = (order->deadline_us - qm_run_wall_us()) / 1000 + 1;
    int64_t now_ns = qm_run_now_ns();
    int64_t apart_ns = order->told_ns + ASK_PROOF_MS * QM_NS_PER_MS;
    int64_t pause_ms;

    order->pause_ms = order->pause_ms == 0 ? ASK_PAUSE_MIN_MS : order->pause_ms * 2;
    if (order->pause_ms > limit_ms)
        order->pause_ms = limit_ms;
    pause_ms = order->pause_ms;
    if (order->phase == QM_RUN_UNKNOWN && counts_ms > 0 && pause_ms > counts_ms)
        pause_ms = counts_ms;
    if (order->absent > 0 && pause_ms > ASK_PROOF_MS)
        pause_ms = ASK_PROOF_MS;
    order->due_ns = now_ns + pause_ms * QM_NS_PER_MS;
    if (order->absent > 0 && order->due_ns < apart_ns)
        order->due_ns = apart_ns;
}

/*
 * qm_run_order_settle gives the store the outcome of a submission, and the grid what
 * the store makes of it. False when the store has failed: the outcome is kept. The
 * order may be gone afterwards.
 */
bool
qm_run_order_settle(QmRunOrder *order)
{
    QmRunMarket *market = order->market;
    QmRunOutcome outcome = order->outcome;
    bool told = !market->run->store_lost && (outcome == QM_RUN_ABSENT ? absence_told(order) : outcome_told(order));

    if (told && outcome == QM_RUN_NOT_PROCESSED)
        told = withdraw(order);
    if (!told)
    {
        qm_run_resync(market, "the store has not taken an outcome");
        return false;
    }
    order->outcome = QM_RUN_SETTLED;
    if (outcome == QM_RUN_REPLY_LOST)
    {
        order->phase = QM_RUN_UNKNOWN;
        order->pause_ms = 0;
        ask_later(order);
    }
    return qm_run_tell_grid(market, order->client_order_id, NULL);
}

/* outcome_told resolves a submission in the store. */
static bool
outcome_told(QmRunOrder *order)
{
    static const char *const words[] = {[QM_RUN_REJECTED] = "rejected",
                                        [QM_RUN_NOT_PROCESSED] = "not_processed",
                                        [QM_RUN_NOT_SENT] = "not_sent",
                                        [QM_RUN_REPLY_LOST] = "unknown"};

    QmReportResult result;

    return resolved(order, words[order->outcome], &result);
}

/*
 * resolved tells the store an outcome. That the order is further by now, or another's, is
 * no failure; nor that it may still be sent by the store's clock: it is asked for again.
 */
static bool
resolved(QmRunOrder *order, const char *outcome, QmReportResult *result)
{
    QmRun *run = order->market->run;
    const char *sqlstate;
    QmCode code;

    *result = (QmReportResult){0};
    code = run->store->functions->resolve_submission(run->store,
                                                     order->market->account->name,
                                                     order->order_id,
                                                     order->fence,
                                                     outcome,
                                                     order->outcome_code,
                                                     order->outcome_message,
                                                     result);

    sqlstate = code == QM_ERROR_SERVER ? run->store->functions->error(run->store)->sqlstate : "";
    if (strcmp(sqlstate, QM_SQLSTATE_MAY_BE_SENT) == 0)
        qm_log(&run->log,
               QM_LOG_WARN,
               "an order is not absent yet by the store's clock, which is behind this machine's",
               QM_LOG_MARKET(order->market),
               QM_LOG_ORDER(order));
    if (strcmp(sqlstate, QM_SQLSTATE_MAY_BE_SENT) == 0 || strcmp(sqlstate, "55000") == 0)
        return true;
    return qm_run_store_ok(run, code, "the outcome of an order");
}

/*
 * absence_told has the store end an order that the exchange was proved not to have.
 * Of one that an earlier process sent, and did not come to say so, the reply was lost.
 */
static bool
absence_told(QmRunOrder *order)
{
    QmReportResult result = {0};
    bool told;

    order->absent = 0;
    ask_later(order); /* if it was sent once more meanwhile, or still may be, nothing was proved */
    if (order->fence != 0)
        told = resolved(order, "unknown", &result) && resolved(order, "absent", &result);
    else
        told = reported_refused(order, &result);
    if (told && result.applied)
        qm_log(&order->market->run->log,
               QM_LOG_WARN,
               "an order was never accepted",
               QM_LOG_MARKET(order->market),
               QM_LOG_ORDER(order),
               "side",
               order->side,
               "price",
               order->price);
    return told;
}

/* reported_refused ends an order that came by an import, and so has no submission that could be spoken of. */
static bool
reported_refused(QmRunOrder *order, QmReportResult *result)
{
    QmRun *run = order->market->run;
    const QmReport report = {
        .symbol = order->market->config->symbol,
        .client_order_id = order->client_order_id,
        .state = "rejected",
        .source = "query",
        .detail = "{\"reason\": \"the exchange does not have it, and can no longer accept it\"}",
    };

    return qm_run_store_ok(run,
                           run->store->functions->apply_report(run->store,
                                                               order->market->account->name,
                                                               &report,
                                                               result),
                           "the absence of an order");
}

/* withdraw takes back an order that the exchange has not processed: the grid wishes anew, at the price of that time. */
static bool
withdraw(QmRunOrder *order)
{
    QmRun *run = order->market->run;
    QmCancellation cancellation;
    QmCode code =
        run->store->functions->cancel_order(run->store, order->market->account->name, order->order_id, &cancellation);

    if (code == QM_OK && cancellation.client_order_id[0] != '\0')
        qm_text_copy(order->client_order_id, sizeof(order->client_order_id), cancellation.client_order_id);
    return qm_run_store_ok(run, code, "the withdrawal of an order");
}

/* qm_run_orders_flush gives the store all outcomes that it does not have yet. */
bool
qm_run_orders_flush(QmRunMarket *market)
{
    for (size_t i = market->order_count; i-- > 0;)
    {
        if (market->orders[i]->outcome != QM_RUN_SETTLED && !qm_run_order_settle(market->orders[i]))
            return false;
    }
    return true;
}

/* qm_run_orders_ask asks for the orders whose time has come, and returns when the next one's comes. */
int64_t
qm_run_orders_ask(QmRunMarket *market)
{
    int64_t now_ns = qm_run_now_ns();
    int64_t due_ns = INT64_MAX;

    for (size_t i = 0; i < market->order_count; i++)
    {
        QmRunOrder *order = market->orders[i];

        if (order->asking || order->ended)
            continue;
        if (order->due_ns <= now_ns)
            qm_run_order_ask(order);
        if (!order->asking && order->due_ns < due_ns)
            due_ns = order->due_ns;
    }
    return due_ns;
}
