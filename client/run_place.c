/*
 * The way of an order to the exchange: the clock is read, then the order is recorded
 * together with the state that wishes it, then it leaves, then its reply is booked.
 *
 * With Redis the level is locked as the earlier system locks it, from before the
 * recording until the reply, so that instances of both can trade side by side.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

/* Wishes on their way into the store. */
typedef struct Batch
{
    QmRunMarket *market;
    size_t count;
    int64_t decided_ns;
    int64_t stamped_us;
    const QmGridWish *wishes[QM_GRID_WISHES_MAX];
    QmOrder orders[QM_GRID_WISHES_MAX];
    QmPlacement placements[QM_GRID_WISHES_MAX];
    char keys[QM_GRID_WISHES_MAX][QM_LOCK_KEY_SIZE];
} Batch;

static void add_wish(Batch *batch, const QmGridWish *wish);
static void put_off(QmRunMarket *market, const QmGridWish *wishes, size_t count);
static QmCode record(Batch *batch);
static void recording_failed(Batch *batch, QmCode code);
static void recorded(Batch *batch, size_t number);
static void replayed(Batch *batch, size_t number);
static QmRunOrder *known(Batch *batch, size_t number);
static void send_order(Batch *batch, size_t number, QmRunOrder *order);
static void log_placed(const QmRunOrder *order);

/* qm_run_place records wishes in one transaction with the grid's state, and sends what was placed. */
void
qm_run_place(QmRunMarket *market, const QmGridWish *wishes, size_t count)
{
    Batch *batch;
    QmCode code;

    if (market->halted || market->account->orders_retry_ns > qm_run_now_ns())
    {
        put_off(market, wishes, count);
        return;
    }
    batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
    {
        qm_run_stop(market->run, "no memory is left", QM_EXIT_INTERNAL);
        return;
    }
    batch->market = market;
    batch->decided_ns = qm_run_now_ns();
    for (size_t i = 0; i < count; i++)
        add_wish(batch, &wishes[i]);
    code = batch->count == 0 ? QM_OK : record(batch);
    if (code != QM_OK)
        recording_failed(batch, code);
    for (size_t i = 0; code == QM_OK && i < batch->count; i++)
        recorded(batch, i);
    free(batch);
}

/* put_off lets wishes be for a moment: an order in a halted market, or beyond the limit of orders, would be refused, again and again. */
static void
put_off(QmRunMarket *market, const QmGridWish *wishes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        qm_grid_placed(market->grid, &wishes[i], QM_GRID_NOT_PLACED, NULL, 0, NULL, qm_run_market_now(market));
}

/* add_wish makes an order of a wish, unless somebody else is busy at its level. */
static void
add_wish(Batch *batch, const QmGridWish *wish)
{
    QmRunMarket *market = batch->market;
    QmRun *run = market->run;
    size_t number = batch->count;

    if (!qm_run_lock(run, market->config->symbol, wish->price, batch->keys[number]))
    {
        qm_grid_placed(market->grid, wish, QM_GRID_SKIPPED, NULL, 0, NULL, qm_run_market_now(market));
        return;
    }
    batch->wishes[number] = wish;
    batch->orders[number] = (QmOrder){
        .symbol = market->config->symbol,
        .side = wish->side == QM_GRID_BUY ? "buy" : "sell",
        .price = wish->price,
        .quantity = wish->quantity,
        .post_only = wish->post_only,
        .reduce_only = wish->reduce_only,
        .request_id = wish->request_id,
        .slot = wish->slot,
        .strategy = QM_RUN_STRATEGY,
        .instance = run->epoch != 0 ? run->instance : NULL,
        .epoch = run->epoch,
        .valid_until_us = qm_run_market_wall(market, wish->valid_until_us),
    };
    batch->count++;
}

/* record places the batch, with the grid's state in the same transaction. */
static QmCode
record(Batch *batch)
{
    QmRunMarket *market = batch->market;
    QmRun *run = market->run;
    const QmStoreFunctions *store = run->store->functions;
    char *document = qm_grid_document(market->grid);
    QmStrategyState state = qm_run_market_state(market, document);
    bool placed = false;
    QmCode code;

    if (document == NULL)
        return QM_ERROR_MEMORY;
    batch->stamped_us = qm_run_wall_us();
    if (batch->count == 1)
        code = store->place_order(run->store, market->account->name, batch->orders, &state, batch->placements);
    else
        code = store->place_orders(run->store,
                                   market->account->name,
                                   batch->orders,
                                   batch->count,
                                   &state,
                                   batch->placements);
    free(document);
    if (code != QM_OK)
        return code;
    for (size_t i = 0; i < batch->count; i++)
        placed = placed || (batch->placements[i].outcome == QM_PLACED && !batch->placements[i].replayed);
    market->state_version = state.version;
    if (placed)
        qm_grid_saved(market->grid);
    return QM_OK;
}

/* recording_failed tells the grid that nothing was recorded, or that nobody knows. */
static void
recording_failed(Batch *batch, QmCode code)
{
    QmRunMarket *market = batch->market;
    QmRun *run = market->run;
    const QmError *error = run->store->functions->error(run->store);
    bool changed = code == QM_ERROR_SERVER && strcmp(error->sqlstate, QM_SQLSTATE_STATE_CHANGED) == 0;

    for (size_t i = 0; i < batch->count; i++)
    {
        qm_run_unlock(run, batch->keys[i]);
        qm_grid_placed(market->grid,
                       batch->wishes[i],
                       code == QM_ERROR_UNCERTAIN ? QM_GRID_UNCERTAIN : QM_GRID_NOT_PLACED,
                       NULL,
                       0,
                       NULL,
                       qm_run_market_now(market));
    }
    if (changed)
    {
        qm_log(&run->log, QM_LOG_INFO, "another instance has gone on with the grid", QM_LOG_MARKET(market));
        qm_run_resync(market, "the grid's state has changed");
        market->loaded = false;
        return;
    }
    if (!qm_run_store_ok(run, code, "orders"))
        qm_run_resync(market, "orders could not be recorded");
}

/* recorded does with one placement what it says. */
static void
recorded(Batch *batch, size_t number)
{
    QmRunMarket *market = batch->market;
    const QmPlacement *placement = &batch->placements[number];
    const QmGridWish *wish = batch->wishes[number];
    QmRunOrder *order;
    QmGridAnswer answer = placement->outcome == QM_PLACED      ? QM_GRID_PLACED
                          : placement->outcome == QM_SKIPPED   ? QM_GRID_SKIPPED
                          : placement->outcome == QM_DUPLICATE ? QM_GRID_DUPLICATE
                                                               : QM_GRID_DENIED;

    qm_grid_placed(market->grid,
                   wish,
                   answer,
                   placement->reason,
                   placement->order_id,
                   placement->client_order_id,
                   qm_run_market_now(market));
    if (answer != QM_GRID_PLACED)
    {
        qm_run_unlock(market->run, batch->keys[number]);
        qm_log(&market->run->log,
               answer == QM_GRID_DENIED ? QM_LOG_WARN : QM_LOG_INFO,
               "not placed",
               QM_LOG_MARKET(market),
               "outcome",
               qm_outcome_name(placement->outcome),
               "reason",
               placement->reason,
               "detail",
               placement->detail,
               "slot",
               wish->slot,
               "price",
               wish->price,
               "quantity",
               wish->quantity);
        if (strstr(placement->reason, "_OFF_") != NULL || strncmp(placement->reason, "QUANTITY", 8) == 0)
            market->filters_due = true;
        return;
    }
    if (placement->replayed && (wish->again || !placement->repeated))
    {
        replayed(batch, number);
        return;
    }
    market->placed++;
    order = known(batch, number);
    if (order != NULL)
        send_order(batch, number, order);
}

/*
 * replayed takes an order that an earlier call has placed, of this process or of the
 * one before it. It may have been sent, so it is not sent now, but asked for.
 */
static void
replayed(Batch *batch, size_t number)
{
    QmRunMarket *market = batch->market;

    qm_run_unlock(market->run, batch->keys[number]);
    if (!qm_run_tell_grid(market, batch->placements[number].client_order_id, NULL))
        return;
    qm_log(&market->run->log,
           QM_LOG_INFO,
           "an order was placed before, and is asked for",
           QM_LOG_MARKET(market),
           QM_LOG_ORDER(&batch->placements[number]));
}

/* known makes the placed order one of the market's live ones. */
static QmRunOrder *
known(Batch *batch, size_t number)
{
    const QmPlacement *placement = &batch->placements[number];
    const QmOrder *wanted = &batch->orders[number];
    QmStoredOrder stored = {.order_id = placement->order_id,
                            .fence = placement->fence,
                            .send_before_us = placement->send_before_us,
                            .created_at_us = batch->stamped_us};
    QmRunOrder *order;

    qm_text_copy(stored.client_order_id, sizeof(stored.client_order_id), placement->client_order_id);
    qm_text_copy(stored.side, sizeof(stored.side), wanted->side);
    qm_text_copy(stored.price, sizeof(stored.price), wanted->price);
    qm_text_copy(stored.quantity, sizeof(stored.quantity), wanted->quantity);
    qm_text_copy(stored.state, sizeof(stored.state), placement->state);
    qm_text_copy(stored.strategy, sizeof(stored.strategy), wanted->strategy);
    order = qm_run_order_know(batch->market, &stored, false);
    if (order == NULL)
    {
        qm_run_unlock(batch->market->run, batch->keys[number]);
        return NULL;
    }
    order->phase = QM_RUN_SENDING;
    order->due_ns = INT64_MAX;
    order->decided_ns = batch->decided_ns;
    order->placed_ns = qm_run_now_ns();
    qm_text_copy(order->state, sizeof(order->state), placement->state);
    qm_text_copy(order->lock_key, sizeof(order->lock_key), batch->keys[number]);
    return order;
}

/* send_order hands an order of the batch to the exchange. */
static void
send_order(Batch *batch, size_t number, QmRunOrder *order)
{
    const QmOrder *wanted = &batch->orders[number];
    QmExchangePlace place = {
        .symbol = wanted->symbol,
        .client_order_id = order->client_order_id,
        .side = wanted->side,
        .order_type = "limit",
        .time_in_force = "gtc",
        .price = wanted->price,
        .quantity = wanted->quantity,
        .post_only = wanted->post_only,
        .stamped_us = batch->stamped_us,
        .send_before_us = batch->placements[number].send_before_us,
    };

    qm_run_hand_over(order, &place);
}

/* qm_run_hand_over gives an order to the exchange, which answers sooner or later. */
void
qm_run_hand_over(QmRunOrder *order, QmExchangePlace *place)
{
    QmExchange *exchange = order->market->account->exchange;

    place->send_before_us = qm_run_send_before(order->market, place->send_before_us);
    log_placed(order);
    order->calls++;
    order->market->in_flight++;
    if (exchange->functions->place(exchange, place, qm_run_replied, order) != QM_OK)
    {
        const QmExchangeAnswer none = {
            .outcome = QM_EXCHANGE_NOT_SENT,
            .message = exchange->functions->error(exchange)->message,
        };

        qm_run_replied(order, &none);
    }
}

/* log_placed writes that an order is on its way. */
static void
log_placed(const QmRunOrder *order)
{
    QmRunMarket *market = order->market;

    qm_log(&market->run->log, QM_LOG_INFO, "order", QM_LOG_MARKET(market), QM_LOG_ORDER(order), QM_LOG_TERMS(order));
}
