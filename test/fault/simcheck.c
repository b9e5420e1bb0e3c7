/*
 * Simulate: what must have come of a day. Whatever was lost, late, twice or out of
 * order on the way, in the end both sides tell the same of every order, every trade
 * and both balances, and nothing was ever at the exchange twice.
 */
#include "simulate.h"

#include "order_id.h"

#include <stdlib.h>
#include <string.h>

static void check_remote(Sim *sim, size_t at, bool *seen);
static void check_trade(Sim *sim, size_t at);
static void check_local(Sim *sim, const SimOrder *order, bool seen);

/* qf_sim_check compares both sides. */
void
qf_sim_check(Sim *sim)
{
    SimStore *store = &sim->store;
    bool *seen = calloc(store->norders + 1, sizeof(*seen));
    int64_t base, quote;

    if (seen == NULL)
        abort();
    if (qf_exchange_doubles(sim->exchange) > 0)
        qf_sim_wrong(sim, "%ld times two orders of one slot were live at once", qf_exchange_doubles(sim->exchange));
    if (qf_exchange_repeats(sim->exchange) > 0)
        qf_sim_wrong(sim, "%ld orders were sent under an id that had been sent", qf_exchange_repeats(sim->exchange));
    for (size_t i = 0; i < qf_exchange_orders(sim->exchange); i++)
        check_remote(sim, i, seen);
    for (size_t i = 0; i < qf_exchange_trades(sim->exchange); i++)
        check_trade(sim, i);
    if (store->nfills != qf_exchange_trades(sim->exchange))
        qf_sim_wrong(sim, "%zu fills are booked, of %zu", store->nfills, qf_exchange_trades(sim->exchange));
    for (size_t i = 0; i < store->norders; i++)
        check_local(sim, &store->orders[i], seen[i]);
    qf_exchange_balances(sim->exchange, &base, &quote);
    if (base != store->base || quote != store->quote)
        qf_sim_wrong(sim,
                     "the position is %ld for %ld, and not %ld for %ld",
                     (long) store->base,
                     (long) store->quote,
                     (long) base,
                     (long) quote);
    if (!sim->clean)
        qf_sim_wrong(sim,
                     "after a quiet time there is still %s %s",
                     sim->left == NULL ? "something on its way" : sim->left,
                     sim->left == NULL ? "" : sim->left_repair);
    free(seen);
}

/*
 * check_remote looks for an order of the exchange among ours. Others' that have
 * ended unfilled are nobody's business, and one of ours may do so unseen when a
 * failover has lost it.
 */
static void
check_remote(Sim *sim, size_t at, bool *seen)
{
    ExchangeOrder remote;
    bool live = qf_exchange_order(sim->exchange, at, &remote);
    SimOrder *order = qf_store_find(sim, remote.client_order_id, remote.exchange_order_id);

    sim->totals->orders++;
    if (order == NULL ||
        (order->placed_us <= sim->since_us && strcmp(order->exchange_order_id, remote.exchange_order_id) != 0))
    {
        if (live || remote.filled > 0)
            qf_sim_wrong(sim,
                         "order %s (%s) of the exchange, %s with %ld filled, is not here",
                         remote.exchange_order_id,
                         remote.client_order_id,
                         qm_order_state_name(remote.state),
                         (long) remote.filled);
        return;
    }
    if (seen[order - sim->store.orders])
        qf_sim_wrong(sim, "order %s is at the exchange twice", order->client_order_id);
    seen[order - sim->store.orders] = true;
    if (order->state != remote.state || order->filled != remote.filled || order->buy != remote.buy)
        qf_sim_wrong(sim,
                     "order %s is %s with %ld filled, and not %s with %ld",
                     order->client_order_id,
                     qm_order_state_name(order->state),
                     (long) order->filled,
                     qm_order_state_name(remote.state),
                     (long) remote.filled);
    if (live && (order->price != remote.price || order->quantity != remote.quantity))
        qf_sim_wrong(sim, "order %s has another price or quantity", order->client_order_id);
    if (live && order->cancel != SIM_CANCEL_NONE)
        qf_sim_wrong(sim, "order %s was to be canceled, and is open", order->client_order_id);
}

/* check_trade looks for a trade among our fills. */
static void
check_trade(Sim *sim, size_t at)
{
    const SimFill *fill;
    ExchangeTrade trade;

    qf_exchange_trade(sim->exchange, at, &trade);
    sim->totals->trades++;
    fill = qf_store_fill(sim, &trade);
    if (fill == NULL)
        qf_sim_wrong(sim, "trade %s is not booked", trade.trade_id);
    else if (fill->quantity != trade.quantity || fill->price != trade.price ||
             strcmp(sim->store.orders[fill->order].exchange_order_id, trade.exchange_order_id) != 0)
        qf_sim_wrong(sim, "trade %s is booked otherwise", trade.trade_id);
}

/* check_local looks at an order of ours: what the exchange has not accepted has ended, and is known not to be there. */
static void
check_local(Sim *sim, const SimOrder *order, bool seen)
{
    sim->totals->states[order->state]++;
    if (!seen && order->state != QM_ORDER_REJECTED && order->state != QM_ORDER_ABORTED &&
        order->state != QM_ORDER_NEVER_ACCEPTED)
        qf_sim_wrong(sim,
                     "order %s is %s, and was never at the exchange",
                     order->client_order_id,
                     qm_order_state_name(order->state));
}
