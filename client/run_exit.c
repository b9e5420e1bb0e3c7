/*
 * The end of an instance that is told to cancel its orders, where the way of every
 * day is not open: from the grid's wish through the store to the exchange.
 *
 * The store may be gone, the market not synchronized, the grid's state not loaded.
 * Then cancels leave straight for the orders that the instance knows to be open, and
 * that are of its grid: recorded where the store takes it, and where it does not,
 * without. What cannot be booked is told in the log, and the next start finds it, as
 * it finds all that an order of ours has met while nobody looked. A market is left
 * alone once the server has said that it is another's; while nobody can ask the
 * server, what it said last counts.
 */
#include "run.h"

#include <string.h>

#include "moment.h"

#define CANCEL_AGAIN_MS 1000 /* a cancel that has not ended its order is repeated */

static bool concerns(const QmRunMarket *market);
static bool is_left(const QmRunOrder *order);
static void find_fate(QmRunOrder *order);
static bool may_cancel(const QmRunOrder *order);
static void cancel_one(QmRunMarket *market, QmRunOrder *order);
static QmRunExit state_of_orders(const QmRunMarket *market);
static QmRunExit state_without_grid(const QmRunMarket *market);
static QmRunExit state_of_grid(const QmRunMarket *market);
static bool is_unbooked(const QmRunOrder *order);
static int64_t count_orders(const QmRunMarket *market, bool (*is_such)(const QmRunOrder *order));
static void say_left(const QmRunOrder *order);

/* qm_run_exit_is_wanted tells whether the instance is to leave no order behind. */
bool
qm_run_exit_is_wanted(const QmRun *run)
{
    return run->config->system.cancel_on_exit || run->config->system.close_positions_on_exit;
}

/*
 * concerns tells whether there may be something to do in a market at the end, or to
 * say: where a life is over and nobody has said whose it is now, nothing is canceled,
 * but what is left open is named.
 */
static bool
concerns(const QmRunMarket *market)
{
    return qm_run_exit_is_wanted(market->run) && (market->owned || market->was_owned || market->in_doubt);
}

/* qm_run_exit_is_straight tells whether the end's cancels have to go past the grid. */
bool
qm_run_exit_is_straight(const QmRunMarket *market)
{
    const QmRun *run = market->run;

    return run->stopping && qm_run_exit_is_wanted(run) && (market->owned || (run->store_lost && market->was_owned)) &&
           (run->store_lost || market->sync != QM_RUN_SYNCED || !market->loaded);
}

/* qm_run_exit_cancel cancels what is known to be open, as far as there is room, and finds out about the rest. */
void
qm_run_exit_cancel(QmRunMarket *market)
{
    int64_t now_ns = qm_run_now_ns();

    if (market->account->ban_ns > now_ns)
        return;
    for (size_t i = market->order_count; i-- > 0 && market->in_flight < QM_RUN_IN_FLIGHT_MAX;)
    {
        QmRunOrder *order = market->orders[i];

        if (!is_left(order))
            continue;
        if (market->run->store_lost)
            find_fate(order);
        if (may_cancel(order) && order->cancel_due_ns <= now_ns)
            cancel_one(market, order);
    }
}

/* is_left tells whether an order of ours may still be open at the exchange. */
static bool
is_left(const QmRunOrder *order)
{
    bool never = order->outcome != QM_RUN_SETTLED && order->outcome != QM_RUN_REPLY_LOST;

    return order->ours && !order->ended && !order->gone && !never;
}

/* find_fate has an order asked for whose reply was lost, although the store does not know that yet. */
static void
find_fate(QmRunOrder *order)
{
    if (order->phase != QM_RUN_SENDING || order->outcome != QM_RUN_REPLY_LOST)
        return;
    order->phase = QM_RUN_UNKNOWN;
    order->due_ns = qm_run_now_ns();
}

/* may_cancel tells whether a cancel of an order may leave: it is known to be open, and no answer about it is awaited. */
static bool
may_cancel(const QmRunOrder *order)
{
    return order->phase == QM_RUN_KNOWN && !order->canceling && !order->asking && !order->cancel_doubt &&
           order->cancel_refusals < QM_RUN_REFUSALS_MAX;
}

/* cancel_one cancels an order, recorded if the store takes it. The order may be gone afterwards. */
static void
cancel_one(QmRunMarket *market, QmRunOrder *order)
{
    QmGridWish wish = {.kind = QM_GRID_CANCEL, .why = QM_GRID_WHY_EXIT, .order_id = order->order_id};

    order->cancel_due_ns = qm_run_now_ns() + CANCEL_AGAIN_MS * QM_NS_PER_MS;
    if (!market->run->store_lost)
    {
        strcpy(wish.client_order_id, order->client_order_id);
        qm_run_cancel(market, &wish);
        if (!market->run->store_lost)
            return;
    }
    qm_run_cancel_unrecorded(order);
}

/* qm_run_exit_state tells how far a market has come with what is to be done at the end. */
QmRunExit
qm_run_exit_state(QmRunMarket *market)
{
    QmRun *run = market->run;

    if (!concerns(market))
        return QM_RUN_EXIT_DONE;
    if (!market->owned && !market->was_owned)
    {
        bool listed = count_orders(market, is_left) == 0 || qm_run_member_ask_owners(run);

        if (!market->in_doubt || count_orders(market, is_left) == 0)
            return QM_RUN_EXIT_DONE;
        return listed ? QM_RUN_EXIT_BUSY : QM_RUN_EXIT_STUCK; /* it is nobody's yet; nobody can say */
    }
    if (!market->owned && !run->store_lost)
        return QM_RUN_EXIT_BUSY;
    return qm_run_exit_is_straight(market) ? state_without_grid(market) : state_of_grid(market);
}

/* state_of_orders tells whether cancels are still to be tried; stuck is one whose cancel the exchange refuses again and again. */
static QmRunExit
state_of_orders(const QmRunMarket *market)
{
    QmRunExit state = QM_RUN_EXIT_DONE;

    for (size_t i = 0; i < market->order_count; i++)
    {
        const QmRunOrder *order = market->orders[i];

        if (!is_left(order))
            continue;
        if (order->cancel_refusals < QM_RUN_REFUSALS_MAX)
            return QM_RUN_EXIT_BUSY;
        state = QM_RUN_EXIT_STUCK;
    }
    return state;
}

/*
 * state_without_grid goes by the orders alone. Without a store nothing can be booked
 * and no position be sold: only for a sale the store is worth waiting for.
 */
static QmRunExit
state_without_grid(const QmRunMarket *market)
{
    const QmRun *run = market->run;
    bool sells = run->config->system.close_positions_on_exit && !market->account->unusable;
    QmRunExit state = state_of_orders(market);

    if (state != QM_RUN_EXIT_DONE)
        return state;
    if (run->store_lost)
        return sells ? QM_RUN_EXIT_BUSY : QM_RUN_EXIT_STUCK;
    if (market->grid == NULL && run->exit_code != QM_EXIT_OK)
        return QM_RUN_EXIT_STUCK; /* its orders cannot become known any more */
    if (!market->orders_known || sells || count_orders(market, is_unbooked) > 0)
        return QM_RUN_EXIT_BUSY;
    return QM_RUN_EXIT_DONE;
}

/* state_of_grid goes by what the grid wants; with a key that is refused it is not waited for longer than cancels are tried. */
static QmRunExit
state_of_grid(const QmRunMarket *market)
{
    if (qm_grid_exit_done(market->grid) && market->trades_gap == 0)
        return QM_RUN_EXIT_DONE;
    return market->account->unusable && state_of_orders(market) != QM_RUN_EXIT_BUSY ? QM_RUN_EXIT_STUCK
                                                                                    : QM_RUN_EXIT_BUSY;
}

/* is_unbooked tells whether the exchange has ended an order of ours that lives in the store, as far as is known. */
static bool
is_unbooked(const QmRunOrder *order)
{
    return order->ours && !order->ended && order->gone;
}

/* count_orders counts the orders of a market that are such. */
static int64_t
count_orders(const QmRunMarket *market, bool (*is_such)(const QmRunOrder *order))
{
    int64_t count = 0;

    for (size_t i = 0; i < market->order_count; i++)
        count += is_such(market->orders[i]);
    return count;
}

/* qm_run_exit_say tells what could not be done: the orders that are left, then how many there are, and how many are not booked. */
void
qm_run_exit_say(QmRun *run)
{
    int64_t left = 0;
    int64_t unbooked = 0;

    for (size_t i = 0; i < run->market_count; i++)
    {
        const QmRunMarket *market = &run->markets[i];

        if (!concerns(market))
            continue;
        left += count_orders(market, is_left);
        unbooked += count_orders(market, is_unbooked);
        for (size_t j = 0; j < market->order_count; j++)
        {
            if (is_left(market->orders[j]))
                say_left(market->orders[j]);
        }
    }
    qm_log(&run->log,
           QM_LOG_WARN,
           "not everything that was to be done at the end could be done in time",
           "left_open",
           QM_LOG_NUMBER(left),
           "unbooked",
           QM_LOG_NUMBER(unbooked));
}

/* say_left names an order that may be open when nobody looks after it any more. */
static void
say_left(const QmRunOrder *order)
{
    const QmRunMarket *market = order->market;

    qm_log(&market->run->log,
           QM_LOG_WARN,
           order->phase == QM_RUN_KNOWN ? "an order is left open"
                                        : "an order is left, and nobody knows whether it is open",
           QM_LOG_MARKET(market),
           QM_LOG_ORDER(order),
           QM_LOG_TERMS(order));
}
