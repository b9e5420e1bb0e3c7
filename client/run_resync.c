/*
 * What is asked for when something may have been missed: at the start, after the
 * account's stream was down, after the store was gone or was connected to anew, and
 * when a market is gained.
 *
 * First the exchange's list of open orders, then the trades since the last one that
 * is surely booked, then one by one the orders of ours that were not listed. When
 * all markets of the account have that, the reports that were held back meanwhile
 * are drained through the same functions. A step that fails begins the whole anew,
 * after a pause that grows.
 *
 * The grid's state is saved of a synchronized market alone, so an instance that is told
 * to end waits for the others, while they come on. Where they do not, the next start goes
 * on from an older state and from what the store has of orders and fills, as after a kill.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define PAUSE_MIN_MS 250
#define PAUSE_MAX_MS 10000
#define PAUSE_AWAITED_MS 1000 /* a longer one is of a synchronization that an ending instance does not wait for */
#define GAP_ALL 3

static void ask_orders(QmRunMarket *market);
static void orders_listed(void *argument, const QmExchangeAnswer *answer);
static bool know_stored(QmRunMarket *market);
static void ask_trades(QmRunMarket *market);
static void trades_listed(void *argument, const QmExchangeAnswer *answer);
static void trades_failed(QmRunMarket *market, const QmExchangeAnswer *answer);
static void look_for_gaps(QmRunMarket *market);
static void ask_unlisted(QmRunMarket *market);
static void synchronized(QmRunMarket *market);
static void again_later(QmRunMarket *market, const QmExchangeAnswer *answer);

/*
 * qm_run_resync wants everything to be asked for that may have been missed; no order
 * leaves until that was done. why is NULL when nothing has happened but time: an event
 * can be lost without anybody noticing.
 */
void
qm_run_resync(QmRunMarket *market, const char *why)
{
    if (market->sync == QM_RUN_STALE)
        return;
    if (market->sync != QM_RUN_SYNCED)
    {
        market->asked_anew = true;
        return;
    }
    market->sync_quietly = why == NULL;
    qm_log(&market->run->log,
           why == NULL ? QM_LOG_DEBUG : QM_LOG_INFO,
           "synchronizing",
           QM_LOG_MARKET(market),
           "why",
           why);
    market->sync = QM_RUN_STALE;
    market->sync_due_ns = qm_run_now_ns();
}

/*
 * qm_run_resync_advance begins what is due. The store has to be there, and the stream
 * that tells what comes after; at the end nothing comes after but what replies tell.
 */
void
qm_run_resync_advance(QmRunMarket *market)
{
    if (market->sync == QM_RUN_SYNCED && market->owned && market->in_flight == 0 && !market->run->stopping &&
        market->compare_due_us <= qm_run_market_now(market))
        qm_run_resync(market, NULL);
    if (market->sync == QM_RUN_SYNCED && market->trades_gap > 0 && !market->trades_asked &&
        market->sync_due_ns <= qm_run_now_ns() && market->owned)
        ask_trades(market);
    if (market->sync != QM_RUN_STALE || !market->owned || market->grid == NULL ||
        (!market->account->user_up && !market->run->stopping) || market->sync_due_ns > qm_run_now_ns() ||
        market->run->store_lost || market->trades_asked) /* an older list is still to come */
        return;
    market->asked_anew = false;
    if (!qm_run_orders_flush(market) || !know_stored(market) || !qm_run_mark_load(market))
    {
        again_later(market, NULL);
        return;
    }
    ask_orders(market);
}

/* qm_run_resync_hurry has an ending instance ask for what may have been missed without a pause, however often that has failed. */
void
qm_run_resync_hurry(QmRunMarket *market)
{
    market->sync_pause_ms = 0;
    if (market->sync == QM_RUN_STALE)
        market->sync_due_ns = qm_run_now_ns();
}

/*
 * qm_run_resync_is_awaited tells whether an ending instance waits for a market, whose grid would not be saved as it is:
 * something may have been missed, and what is asked for has been answered, or has failed a few times at most.
 */
bool
qm_run_resync_is_awaited(const QmRunMarket *market)
{
    return market->owned && market->loaded && market->sync_pause_ms <= PAUSE_AWAITED_MS &&
           (market->sync != QM_RUN_SYNCED || market->trades_gap > 0 || !qm_run_store_is_known(market->run));
}

/* ask_orders asks for the open orders. */
static void
ask_orders(QmRunMarket *market)
{
    QmExchange *exchange = market->account->exchange;

    market->sync = QM_RUN_SYNC_ORDERS;
    for (size_t i = 0; i < market->order_count; i++)
        market->orders[i]->listed = market->orders[i]->phase == QM_RUN_SENDING;
    if (exchange->functions->open_orders(exchange, market->config->symbol, orders_listed, market) != QM_OK)
    {
        again_later(market, NULL);
        return;
    }
    market->asking++;
}

/* know_stored makes the orders known that live in the store. */
static bool
know_stored(QmRunMarket *market)
{
    QmRun *run = market->run;
    QmStoredOrder *list = NULL;
    size_t count = 0;
    QmCode code = run->store->functions
                      ->open_orders(run->store, market->account->name, market->config->symbol, NULL, &list, &count);

    if (!qm_run_store_ok(run, code, "the live orders"))
        return false;
    for (size_t i = 0; i < count; i++)
    {
        if (strcmp(list[i].state, "intent") != 0)
            (void) qm_run_order_know(market, &list[i], false);
    }
    qm_free(list);
    market->orders_known = true;
    return true;
}

/* orders_listed books every open order of the list, also those that are not ours: the store tells them apart. */
static void
orders_listed(void *argument, const QmExchangeAnswer *answer)
{
    QmRunMarket *market = argument;

    market->asking--;
    if (answer->outcome != QM_EXCHANGE_DONE || market->asked_anew || !market->owned)
    {
        again_later(market, answer);
        return;
    }
    for (size_t i = 0; i < answer->order_count; i++)
    {
        const QmExchangeOrder *listed = &answer->orders[i];
        QmRunOrder *order = qm_run_order_find(market, 0, listed->client_order_id);

        if (order != NULL)
        {
            order->listed = true;
            if (order->phase == QM_RUN_UNKNOWN)
                order->due_ns = INT64_MAX;
            if (order->phase != QM_RUN_SENDING)
                order->phase = QM_RUN_KNOWN;
        }
        if (!qm_run_report_order(market, listed, "query"))
        {
            again_later(market, NULL);
            return;
        }
    }
    market->sync = QM_RUN_SYNC_TRADES;
    ask_trades(market);
}

/* ask_trades asks for trades, from where one may be missing. */
static void
ask_trades(QmRunMarket *market)
{
    QmExchange *exchange = market->account->exchange;
    int64_t from = market->trades_from;

    if (market->trades_gap == 2 && market->trades_saved < from)
        from = market->trades_saved;
    if (market->trades_gap == 3)
        from = 0;
    market->trades_at = from;
    market->trades_asked = true;
    if (exchange->functions->trades(exchange, market->config->symbol, from, trades_listed, market) != QM_OK)
    {
        market->trades_asked = false;
        trades_failed(market, NULL);
        return;
    }
    market->asking++;
}

/* trades_listed books the trades of a page, and asks for the next one. */
static void
trades_listed(void *argument, const QmExchangeAnswer *answer)
{
    QmRunMarket *market = argument;
    QmExchange *exchange = market->account->exchange;

    market->asking--;
    market->trades_asked = false;
    if (answer->outcome != QM_EXCHANGE_DONE || !market->owned)
    {
        trades_failed(market, answer);
        return;
    }
    for (size_t i = 0; i < answer->trade_count; i++)
    {
        int64_t id = strtoll(answer->trades[i].trade_id, NULL, 10);

        if (!market->trades_skip && !qm_run_report_trade(market, &answer->trades[i], NULL))
        {
            trades_failed(market, NULL);
            return;
        }
        if (id >= market->trades_at)
            market->trades_at = id + 1;
    }
    /* A list that was asked of before another store answered says nothing of what that one has forgotten. */
    if (market->trades_at > market->trades_from && !market->asked_anew && market->sync != QM_RUN_STALE)
        market->trades_from = market->trades_at;
    if (answer->more)
    {
        market->trades_asked = true;
        market->asking++;
        if (exchange->functions->trades(exchange, market->config->symbol, market->trades_at, trades_listed, market) !=
            QM_OK)
        {
            market->asking--;
            market->trades_asked = false;
            trades_failed(market, NULL);
        }
        return;
    }
    market->trades_skip = false;
    market->dirty = true;
    look_for_gaps(market);
    if (market->sync == QM_RUN_SYNC_TRADES)
        ask_unlisted(market);
}

/* trades_failed begins anew what the trades were wanted for. */
static void
trades_failed(QmRunMarket *market, const QmExchangeAnswer *answer)
{
    if (market->sync == QM_RUN_SYNC_TRADES)
        again_later(market, answer);
    else
        market->sync_due_ns = qm_run_now_ns() + PAUSE_MIN_MS * QM_NS_PER_MS;
}

/*
 * look_for_gaps looks whether orders still have less in the store than the exchange
 * says. Then trades are read from further back, at last all of them; if that does not
 * help, an operator has to look.
 */
static void
look_for_gaps(QmRunMarket *market)
{
    bool missing = false;

    for (size_t i = market->order_count; i-- > 0;)
    {
        QmRunOrder *order = market->orders[i];

        if (!order->missing)
            continue;
        order->missing = false;
        if (market->trades_gap < GAP_ALL)
        {
            (void) qm_run_tell_grid(market, order->client_order_id, order->reported);
            missing = missing || (i < market->order_count && market->orders[i] == order && order->missing);
            continue;
        }
        qm_log(&market->run->log,
               QM_LOG_ERROR,
               "the exchange shows no trades for all that it says is filled",
               QM_LOG_MARKET(market),
               QM_LOG_ORDER(order),
               "reported",
               order->reported);
        if (!qm_run_state_is_live(order->state))
            qm_run_order_end(order);
    }
    market->trades_gap = missing ? market->trades_gap + 1 : 0;
}

/* ask_unlisted asks for every order of ours that the exchange has not listed. */
static void
ask_unlisted(QmRunMarket *market)
{
    market->sync = QM_RUN_SYNC_QUERIES;
    market->sync_queries = 1;
    for (size_t i = 0; i < market->order_count; i++)
    {
        QmRunOrder *order = market->orders[i];

        if (order->listed || order->ended || order->asking || order->phase == QM_RUN_SENDING)
            continue;
        qm_run_order_ask(order);
        if (!order->asking)
        {
            again_later(market, NULL);
            return;
        }
        order->counted = true;
        market->sync_queries++;
    }
    qm_run_resync_answered(market, NULL);
}

/* qm_run_resync_answered counts an answer about an order that was not listed; with the last one the market is synchronized. */
void
qm_run_resync_answered(QmRunMarket *market, const QmExchangeAnswer *answer)
{
    bool told = answer == NULL || answer->outcome == QM_EXCHANGE_DONE || answer->outcome == QM_EXCHANGE_REFUSED;

    if (market->sync != QM_RUN_SYNC_QUERIES)
        return;
    if (!told || market->asked_anew || !market->owned)
    {
        again_later(market, answer);
        return;
    }
    if (--market->sync_queries == 0)
        synchronized(market);
}

/* synchronized lets the market trade, and the account's reports flow where it was the last to be waited for. */
static void
synchronized(QmRunMarket *market)
{
    if (!qm_run_mark_save(market))
    {
        again_later(market, NULL);
        return;
    }
    market->sync = QM_RUN_SYNCED;
    market->sync_pause_ms = 0;
    market->sync_said[0] = '\0';
    market->sync_due_ns = 0;
    market->dirty = true;
    market->compare = true;
    market->compare_due_us = qm_run_market_now(market) + (int64_t) market->config->reconcile_interval_s * 1000000;
    qm_log(&market->run->log,
           market->sync_quietly ? QM_LOG_DEBUG : QM_LOG_INFO,
           "synchronized",
           QM_LOG_MARKET(market),
           "live_orders",
           QM_LOG_NUMBER((int64_t) market->order_count));
    qm_run_account_drain(market->account);
}

/* again_later begins the synchronization anew after a pause; without one where an answer was good and came too early. The log is told once why. */
static void
again_later(QmRunMarket *market, const QmExchangeAnswer *answer)
{
    bool told = answer != NULL && answer->outcome == QM_EXCHANGE_DONE;
    bool anew = !market->owned || (market->asked_anew && told);

    for (size_t i = 0; i < market->order_count; i++)
        market->orders[i]->counted = false;
    market->sync = QM_RUN_STALE;
    market->sync_pause_ms = market->sync_pause_ms == 0 ? PAUSE_MIN_MS : market->sync_pause_ms * 2;
    if (market->sync_pause_ms > PAUSE_MAX_MS)
        market->sync_pause_ms = PAUSE_MAX_MS;
    if (anew)
        market->sync_pause_ms = 0;
    market->sync_due_ns = qm_run_now_ns() + market->sync_pause_ms * QM_NS_PER_MS;
    if (answer == NULL || told)
        return;
    qm_log(&market->run->log,
           strcmp(market->sync_said, answer->message) == 0 ? QM_LOG_DEBUG : QM_LOG_WARN,
           "not synchronized yet",
           QM_LOG_MARKET(market),
           "reason",
           answer->message);
    qm_text_copy(market->sync_said, sizeof(market->sync_said), answer->message);
}
