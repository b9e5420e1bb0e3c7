/*
 * Orders placed with libquantmesh: single calls, each a commit of its own; a
 * batch of 100 in one transaction; and a stream with 16 calls under way at once,
 * each with a commit of its own.
 */
#include "contend.h"

#include <quantmesh.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BATCH 100
#define WINDOW 16
#define CONNECT_MS 60000 /* on a machine that is busy with as many clients */

/* order_of fills an order for the library from the next one's texts. */
static QmOrder
order_of(const OrderText *text)
{
    return (QmOrder){.symbol = text->symbol,
                     .side = text->side,
                     .price = text->price,
                     .quantity = order_quantity,
                     .request_id = text->request_id};
}

/* expect_placed ends the program if an order that nobody else wants was not placed. */
static void
expect_placed(const Worker *worker, const QmError *error, QmCode code, const QmPlacement *placement)
{
    if (code != QM_OK)
        fail("%s: %s", worker->contender->name, error->message);
    if (placement->outcome != QM_PLACED)
        fail("%s: %s: %s %s",
             worker->contender->name,
             qm_outcome_name(placement->outcome),
             placement->reason,
             placement->detail);
}

static void
client_open(Worker *worker)
{
    QmClient *client = qm_client_new(
        &(QmClientOptions){.conninfo = "", .connect_timeout_ms = CONNECT_MS, .call_timeout_ms = CONNECT_MS});

    if (!client || qm_client_connect(client) != QM_OK)
        fail("%s: %s", worker->contender->name, client ? qm_client_error(client)->message : "no memory");
    worker->state = client;
}

/* ----------------------------------------------------------------- singles */

static void
single_step(Worker *worker)
{
    OrderText text;
    QmPlacement placement;
    QmOrder order;

    order_next(worker, &text);
    order = order_of(&text);
    expect_placed(worker,
                  qm_client_error(worker->state),
                  qm_place_order(worker->state, order_account, &order, &placement),
                  &placement);
}

/* realtime_us returns the clock that send_before_us is by: the server is on this machine. */
static int64_t
realtime_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* single_desk sends an order that was placed, as long as it may. */
static bool
single_desk(Worker *worker)
{
    QmPlacement placement;
    QmOrder order = {.symbol = "BTCUSDT",
                     .side = "buy",
                     .price = "20000",
                     .quantity = order_quantity,
                     .slot = worker->key,
                     .valid_until_us = realtime_us() + worker->ttl_ms * 1000LL};

    if (qm_place_order(worker->state, order_account, &order, &placement) != QM_OK)
        fail("%s: %s", worker->contender->name, qm_client_error(worker->state)->message);
    if (placement.outcome == QM_DENIED)
        fail("%s: denied: %s %s", worker->contender->name, placement.reason, placement.detail);
    if (placement.outcome != QM_PLACED)
        return false;
    worker->pause(worker);
    if (realtime_us() >= placement.send_before_us)
        return false;
    exchange_send(worker);
    return true;
}

/* ----------------------------------------------------------------- batches */

static void
batch_step(Worker *worker)
{
    OrderText texts[BATCH];
    QmOrder orders[BATCH];
    static QmPlacement placements[BATCH];
    QmCode code;

    for (int unit = 0; unit < BATCH; unit++)
    {
        order_next(worker, &texts[unit]);
        orders[unit] = order_of(&texts[unit]);
    }
    code = qm_place_orders(worker->state, order_account, orders, BATCH, placements);
    for (int unit = 0; unit < BATCH; unit++)
        expect_placed(worker, qm_client_error(worker->state), code, &placements[unit]);
}

/* ----------------------------------------------------------------- streams */

static void
stream_open(Worker *worker)
{
    QmClient *client;

    client_open(worker);
    client = worker->state;
    worker->state = qm_stream_new(client, order_account, WINDOW);
    if (!worker->state)
        fail("%s: %s", worker->contender->name, qm_client_error(client)->message);
}

static void
stream_step(Worker *worker)
{
    QmStreamAnswer answer;

    for (int unit = 0; unit < WINDOW; unit++)
    {
        OrderText text;
        QmOrder order;

        order_next(worker, &text);
        order = order_of(&text);
        if (qm_stream_place(worker->state, &order) != QM_OK)
            fail("%s: an order could not be sent", worker->contender->name);
    }
    for (int unit = 0; unit < WINDOW; unit++)
    {
        if (qm_stream_next(worker->state, &answer) != QM_OK)
            fail("%s: an answer did not come", worker->contender->name);
        expect_placed(worker, &answer.error, answer.code, &answer.placement);
    }
}

const Contender place_single = {
    .name = "place",
    .title = "quantmesh, place_order",
    .in_order = true,
    .units = 1,
    .open = client_open,
    .step = single_step,
    .desk = single_desk,
};

const Contender place_batch = {
    .name = "place-batch",
    .title = "quantmesh, place_orders of 100",
    .in_order = true,
    .units = BATCH,
    .open = client_open,
    .step = batch_step,
};

const Contender place_pipeline = {
    .name = "place-pipeline",
    .title = "quantmesh, 16 calls under way at once",
    .in_order = true,
    .units = WINDOW,
    .open = stream_open,
    .step = stream_step,
};
