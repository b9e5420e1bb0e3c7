/*
 * Intents of the database: how many of them this instance can send now, how one that
 * it has claimed leaves, and what is said of one that cannot.
 *
 * What is claimed is submitted in the database, holds its slot, and is nobody else's
 * to send. So it passes every gate that a wish of the grid passes, before it is
 * claimed and once more before it leaves; and where it does not leave, the database
 * is told so.
 */
#include "run.h"

#include "error.h"

static const char *obstacle(const QmRunMarket *market);
static void read_claim(QmStoredOrder *stored, const QmClaim *claim, int64_t stamped_us);
static QmRunOrder *claimed(QmRunMarket *market, const QmStoredOrder *stored);
static void send_claimed(QmRunOrder *order, const QmStoredOrder *stored);
static void withhold(QmRunOrder *order, const char *why);
static void give_back(QmRun *run, const char *account, const QmClaim *claim, const char *why);

/* qm_run_claim_room returns how many intents of a market can be sent now: none where an order of the grid could not be. */
size_t
qm_run_claim_room(const QmRunMarket *market)
{
    if (obstacle(market) != NULL || market->in_flight >= QM_RUN_IN_FLIGHT_MAX)
        return 0;
    return (size_t) (QM_RUN_IN_FLIGHT_MAX - market->in_flight);
}

/* obstacle returns why no intent of a market may leave now; NULL: one may. */
static const char *
obstacle(const QmRunMarket *market)
{
    if (market->run->stopping)
        return "this instance is stopping";
    if (market->halted)
        return "the exchange has halted the market";
    if (market->account->orders_retry_ns > qm_run_now_ns())
        return "the exchange takes no more orders for a while";
    if (market->run->locks_lost)
        return "the locks are gone";
    if (!qm_run_may_trade(market))
        return "this instance may not place in the market now";
    return NULL;
}

/* qm_run_claim_send sends an order that this instance has claimed, or has the store end it as not sent. market NULL: it is not ours. */
void
qm_run_claim_send(QmRun *run, QmRunMarket *market, const char *account, const QmClaim *claim, int64_t stamped_us)
{
    QmStoredOrder stored;
    QmRunOrder *order;

    if (market == NULL)
    {
        give_back(run, account, claim, "this instance does not trade the market");
        return;
    }
    read_claim(&stored, claim, stamped_us);
    order = claimed(market, &stored);
    if (order == NULL)
        give_back(run, account, claim, "no memory is left");
    else if (obstacle(market) != NULL)
        withhold(order, obstacle(market));
    else if (stored.price[0] != '\0' && !qm_run_lock(run, claim->symbol, stored.price, order->lock_key))
        withhold(order, "somebody else is busy at its level");
    else
        send_claimed(order, &stored);
}

/* read_claim makes of a claim what the store shows of its order. */
static void
read_claim(QmStoredOrder *stored, const QmClaim *claim, int64_t stamped_us)
{
    *stored = (QmStoredOrder){
        .order_id = claim->order_id,
        .fence = claim->fence,
        .send_before_us = claim->send_before_us,
        .post_only = claim->post_only,
        .created_at_us = stamped_us,
    };
    qm_text_copy(stored->client_order_id, sizeof(stored->client_order_id), claim->client_order_id);
    qm_text_copy(stored->side, sizeof(stored->side), claim->side);
    qm_text_copy(stored->price, sizeof(stored->price), claim->price);
    qm_text_copy(stored->quantity, sizeof(stored->quantity), claim->quantity);
    qm_text_copy(stored->order_type, sizeof(stored->order_type), claim->order_type);
    qm_text_copy(stored->time_in_force, sizeof(stored->time_in_force), claim->time_in_force);
    qm_text_copy(stored->state, sizeof(stored->state), "submitted");
}

/* claimed makes the order one of the market's live ones, which is about to leave; NULL without memory, which ends the instance. */
static QmRunOrder *
claimed(QmRunMarket *market, const QmStoredOrder *stored)
{
    QmRunOrder *order = qm_run_order_know(market, stored, false);

    if (order == NULL)
        return NULL;
    order->phase = QM_RUN_SENDING;
    order->due_ns = INT64_MAX;
    order->placed_ns = qm_run_now_ns();
    /* Where its last request has only just been answered, the order is not taken anew by qm_run_order_know. */
    order->fence = stored->fence;
    order->deadline_us = qm_run_deadline(market->run, stored->send_before_us);
    qm_text_copy(order->client_order_id, sizeof(order->client_order_id), stored->client_order_id);
    return order;
}

/* send_claimed hands the order to the exchange. */
static void
send_claimed(QmRunOrder *order, const QmStoredOrder *stored)
{
    QmExchangePlace place = {
        .symbol = order->market->config->symbol,
        .client_order_id = order->client_order_id,
        .side = stored->side,
        .order_type = stored->order_type,
        .time_in_force = stored->time_in_force[0] != '\0' ? stored->time_in_force : NULL,
        .price = stored->price[0] != '\0' ? stored->price : NULL,
        .quantity = stored->quantity,
        .post_only = stored->post_only,
        .stamped_us = stored->created_at_us,
        .send_before_us = stored->send_before_us,
    };

    order->market->placed++;
    qm_run_hand_over(order, &place);
}

/* withhold has the store end an order as not sent. While the store is gone that is kept with the order. */
static void
withhold(QmRunOrder *order, const char *why)
{
    QmRunMarket *market = order->market;

    qm_log(&market->run->log,
           QM_LOG_WARN,
           "a claimed order is not sent",
           QM_LOG_MARKET(market),
           QM_LOG_ORDER(order),
           QM_LOG_TERMS(order),
           "reason",
           why);
    order->outcome = QM_RUN_NOT_SENT;
    qm_text_copy(order->outcome_message, sizeof(order->outcome_message), why);
    market->dirty = true;
    (void) qm_run_order_settle(order);
}

/* give_back does the same with an order that no market here can keep. */
static void
give_back(QmRun *run, const char *account, const QmClaim *claim, const char *why)
{
    QmReportResult result;
    QmCode code;

    qm_log(&run->log,
           QM_LOG_WARN,
           "a claimed order is not sent",
           "account",
           account,
           "symbol",
           claim->symbol,
           QM_LOG_ORDER(claim),
           QM_LOG_TERMS(claim),
           "reason",
           why);
    code = run->store->functions
               ->resolve_submission(run->store, account, claim->order_id, claim->fence, "not_sent", "", why, &result);
    (void) qm_run_store_ok(run, code, "the outcome of a claimed order");
}
