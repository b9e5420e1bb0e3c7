/*
 * Replies to orders that were sent: what is booked, what is concluded, and how long
 * an account rests where the exchange asks for it.
 */
#include "run.h"

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define REST_MIN_MS 500    /* after a failure that says no time */
#define REST_MAX_MS 600000 /* nobody rests longer than that without looking again */

static void accepted(QmRunOrder *order, const QmExchangeAnswer *answer);
static void concluded(QmRunOrder *order, const QmExchangeAnswer *answer);
static void tell_refusal(QmRunMarket *market, int64_t order_id, const QmExchangeAnswer *answer);

/* qm_run_replied takes the answer to an order that was sent, or could not be. */
void
qm_run_replied(void *argument, const QmExchangeAnswer *answer)
{
    QmRunOrder *order = argument;
    QmRunMarket *market = order->market;

    market->in_flight--;
    market->dirty = true;
    qm_run_unlock(market->run, order->lock_key);
    if (answer->outcome == QM_EXCHANGE_DONE && answer->order_count > 0)
        accepted(order, answer);
    else
        concluded(order, answer);
    qm_run_order_call_done(order);
}

/* accepted books what the reply says: the order, then the trades that it has made at once. */
static void
accepted(QmRunOrder *order, const QmExchangeAnswer *answer)
{
    QmRunMarket *market = order->market;
    int64_t begun_ns = order->decided_ns != 0 ? order->decided_ns : order->placed_ns;

    order->phase = QM_RUN_KNOWN;
    qm_log(&market->run->log,
           QM_LOG_DEBUG,
           "accepted",
           "symbol",
           market->config->symbol,
           "order",
           QM_LOG_NUMBER(order->order_id),
           "exchange_order_id",
           answer->orders[0].exchange_order_id,
           "stored_us",
           order->decided_ns != 0 ? QM_LOG_NUMBER((order->placed_ns - order->decided_ns) / 1000) : NULL,
           "took_us",
           QM_LOG_NUMBER((qm_run_now_ns() - begun_ns) / 1000));
    for (size_t i = 0; i < answer->trade_count; i++)
    {
        if (!qm_run_report_trade(market, &answer->trades[i], &answer->orders[0]))
            return;
    }
    (void) qm_run_report_order(market, &answer->orders[0], "reply");
}

/* concluded tells the store what became of an order that was not accepted, as far as anybody knows. */
static void
concluded(QmRunOrder *order, const QmExchangeAnswer *answer)
{
    static const QmRunOutcome outcomes[] = {
        [QM_EXCHANGE_DONE] = QM_RUN_REPLY_LOST, /* a reply without the order */
        [QM_EXCHANGE_REFUSED] = QM_RUN_REJECTED,
        [QM_EXCHANGE_NOT_PROCESSED] = QM_RUN_NOT_PROCESSED,
        [QM_EXCHANGE_NOT_SENT] = QM_RUN_NOT_SENT,
        [QM_EXCHANGE_UNKNOWN] = QM_RUN_REPLY_LOST,
    };
    static const char *const words[] = {
        [QM_RUN_REJECTED] = "refused",
        [QM_RUN_NOT_PROCESSED] = "not processed",
        [QM_RUN_NOT_SENT] = "not sent",
        [QM_RUN_REPLY_LOST] = "the reply was lost, the exchange is asked",
    };
    QmRunMarket *market = order->market;
    int64_t order_id = order->order_id;
    QmRunOutcome outcome = answer->cause == QM_CAUSE_EXISTS ? QM_RUN_REPLY_LOST : outcomes[answer->outcome];

    qm_log(&market->run->log,
           answer->cause == QM_CAUSE_POST_ONLY ? QM_LOG_INFO : QM_LOG_WARN,
           words[outcome],
           QM_LOG_MARKET(market),
           "order",
           QM_LOG_NUMBER(order_id),
           "client_order_id",
           order->client_order_id,
           "side",
           order->side,
           "price",
           order->price,
           "quantity",
           order->quantity,
           "code",
           answer->code != 0 ? QM_LOG_NUMBER(answer->code) : NULL,
           "reason",
           answer->message);
    order->outcome = outcome;
    snprintf(order->outcome_code, sizeof(order->outcome_code), "%d", answer->code);
    qm_text_copy(order->outcome_message, sizeof(order->outcome_message), answer->message);
    (void) qm_run_order_settle(order);
    if (outcome == QM_RUN_REJECTED)
        tell_refusal(market, order_id, answer);
    if (outcome != QM_RUN_REJECTED)
        qm_run_rest(market->account, answer);
}

/* tell_refusal tells the grid why an order was refused, and does what such a refusal asks for. */
static void
tell_refusal(QmRunMarket *market, int64_t order_id, const QmExchangeAnswer *answer)
{
    QmGridRefusal refusal = answer->cause == QM_CAUSE_POST_ONLY ? QM_GRID_REFUSED_POST_ONLY
                            : answer->cause == QM_CAUSE_FUNDS   ? QM_GRID_REFUSED_FUNDS
                                                                : QM_GRID_REFUSED_OTHER;

    if (market->grid != NULL)
        qm_grid_refused(market->grid, order_id, refusal, qm_run_market_now(market));
    if (answer->cause == QM_CAUSE_FUNDS)
        market->account->balances_known = false;
    if (answer->cause == QM_CAUSE_FILTER || answer->cause == QM_CAUSE_MARKET)
        market->filters_due = true;
    if (answer->cause == QM_CAUSE_CREDENTIALS)
        qm_run_account_unusable(market->account, answer->message);
}

/*
 * qm_run_rest lets an account rest as long as the exchange has asked for, or a moment
 * where it does not say. After too many orders only orders rest: what is open can
 * still be canceled and asked for.
 */
void
qm_run_rest(QmRunAccount *account, const QmExchangeAnswer *answer)
{
    int64_t *retry_ns = answer->cause == QM_CAUSE_ORDERS ? &account->orders_retry_ns : &account->retry_ns;
    int64_t rest_ms = answer->retry_after_ms;
    int64_t until_ns;

    if (answer->outcome == QM_EXCHANGE_REFUSED || answer->cause == QM_CAUSE_EXISTS || answer->cause == QM_CAUSE_LATE)
        return;
    if (rest_ms < REST_MIN_MS)
        rest_ms = REST_MIN_MS;
    if (rest_ms > REST_MAX_MS && answer->cause != QM_CAUSE_ORDERS)
        rest_ms = REST_MAX_MS; /* a limit of orders may be used up for a day: what is claimed meanwhile would be lost */
    until_ns = qm_run_now_ns() + rest_ms * QM_NS_PER_MS;
    if (until_ns > *retry_ns)
        *retry_ns = until_ns;
    if ((answer->cause == QM_CAUSE_BANNED || answer->cause == QM_CAUSE_THROTTLED) && until_ns > account->ban_ns)
        account->ban_ns = until_ns;
}
