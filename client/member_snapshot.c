/*
 * Membership: snapshots of a market, asked for one call after the other.
 *
 * Open orders come first, then trades, then balances, all begun after the task
 * was given out. So an order that is gone from the list has its fills in the
 * trades. A call that fails ends the asking; what was had so far is submitted as
 * incomplete, which changes nothing but tells everybody.
 */
#include "member_inside.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"

struct QmSnapshotJob
{
    QmSnapshotOrder *orders;
    size_t order_count;
    QmSnapshotTrade *trades;
    size_t trade_count;
    size_t trade_room;
    QmSnapshotBalance *balances;
    size_t balance_count;
    int64_t started_at_us;
    int64_t finished_at_us;
    bool complete;
};

static void orders_answer(void *argument, const QmExchangeAnswer *answer);
static void trades_answer(void *argument, const QmExchangeAnswer *answer);
static void balances_answer(void *argument, const QmExchangeAnswer *answer);
static bool keep_orders(QmJob *job, const QmExchangeAnswer *answer);
static bool keep_trades(QmJob *job, const QmExchangeAnswer *answer);
static bool keep_trade(QmJob *job, const QmExchangeTrade *trade);
static const char *client_order_id_of(const QmSnapshotJob *snapshot, const char *exchange_order_id);
static bool keep_balances(QmJob *job, const QmExchangeAnswer *answer);
static void ask_trades(QmJob *job);
static void asked(QmJob *job, QmCode code);
static void fetched(QmJob *job, bool complete, const char *message);
static bool first_trade(QmJob *job);

/* wall_us returns now by this machine's clock, which decides nothing. */
static int64_t
wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* qm_job_fetch begins to fetch the snapshot of the task's market. */
void
qm_job_fetch(QmJob *job)
{
    job->snapshot = calloc(1, sizeof(*job->snapshot));
    if (job->snapshot == NULL)
    {
        qm_job_ends(job, "failed", "out of memory");
        return;
    }
    job->snapshot->started_at_us = wall_us();
    if (!first_trade(job))
        qm_job_ends(job, "failed", "last_trade_id of the task is no number, so nothing can be asked for behind it");
    else
        asked(job, job->exchange->functions->open_orders(job->exchange, job->task.symbol, orders_answer, job));
}

/* first_trade reads behind which trade to begin; all trades where the task names none. */
static bool
first_trade(QmJob *job)
{
    char last[QM_NAME_SIZE];
    char *end;

    job->from_id = 0;
    if (!qm_task_text(&job->task, "last_trade_id", last, sizeof(last)))
        return true;
    job->from_id = strtoll(last, &end, 10) + 1;
    return *end == '\0' && job->from_id > 0;
}

/* asked notes what became of a call: its answer will come, or the fetching ends. */
static void
asked(QmJob *job, QmCode code)
{
    if (code == QM_OK)
        qm_job_asks(job);
    else
        fetched(job, false, job->exchange->functions->error(job->exchange)->message);
}

/* heard returns whether the answer can be used and there is time for another call; else it ends the fetching. */
static bool
heard(QmJob *job, const QmExchangeAnswer *answer)
{
    if (answer->outcome != QM_EXCHANGE_DONE)
        fetched(job, false, answer->message);
    else if (qm_member_now_us() > job->given_us + QM_MEMBER_FETCH_US)
        fetched(job, false, "fetching took longer than the task lives");
    else
        return true;
    return false;
}

/* fetched ends the fetching. Without memory there are holes in what was kept, so it is not submitted. */
static void
fetched(QmJob *job, bool complete, const char *message)
{
    job->snapshot->finished_at_us = wall_us();
    if (job->snapshot->finished_at_us < job->snapshot->started_at_us)
        job->snapshot->finished_at_us = job->snapshot->started_at_us;
    job->snapshot->complete = complete;
    if (job->failed)
        qm_job_ends(job, "failed", "no room for the snapshot");
    else
        qm_job_ends(job, "done", "%s", message);
}

/* orders_answer takes the open orders. */
static void
orders_answer(void *argument, const QmExchangeAnswer *answer)
{
    QmJob *job = argument;

    if (!qm_job_answered(job) || !heard(job, answer))
        return;
    if (keep_orders(job, answer))
        ask_trades(job);
    else
        fetched(job, false, "no room for the open orders");
}

/* ask_trades asks for the next page of trades. */
static void
ask_trades(QmJob *job)
{
    asked(job, job->exchange->functions->trades(job->exchange, job->task.symbol, job->from_id, trades_answer, job));
}

/* trades_answer takes a page of trades. */
static void
trades_answer(void *argument, const QmExchangeAnswer *answer)
{
    QmJob *job = argument;

    if (!qm_job_answered(job) || !heard(job, answer))
        return;
    if (!keep_trades(job, answer))
        fetched(job, false, "the trades are too many, or one has no id or side");
    else if (answer->more)
        ask_trades(job);
    else
        asked(job, job->exchange->functions->balances(job->exchange, balances_answer, job));
}

/* balances_answer takes the balances, which come last. */
static void
balances_answer(void *argument, const QmExchangeAnswer *answer)
{
    QmJob *job = argument;

    if (!qm_job_answered(job) || !heard(job, answer))
        return;
    if (keep_balances(job, answer))
        fetched(job, true, "");
    else
        fetched(job, false, "no room for the balances");
}

/* keep_orders keeps the open orders; false when there is no memory. */
static bool
keep_orders(QmJob *job, const QmExchangeAnswer *answer)
{
    QmSnapshotJob *snapshot = job->snapshot;

    snapshot->orders = calloc(answer->order_count + 1, sizeof(*snapshot->orders));
    if (snapshot->orders == NULL)
        return false;
    for (size_t i = 0; i < answer->order_count; i++)
    {
        const QmExchangeOrder *order = &answer->orders[i];

        snapshot->orders[i] = (QmSnapshotOrder){
            .exchange_order_id = qm_job_keep(job, order->exchange_order_id),
            .client_order_id = qm_job_keep(job, order->client_order_id),
            .side = qm_job_keep(job, order->side),
            .order_type = qm_job_keep(job, order->order_type),
            .time_in_force = qm_job_keep(job, order->time_in_force),
            .price = qm_job_keep(job, order->price),
            .quantity = qm_job_keep(job, order->quantity),
            .filled_quantity = qm_job_keep(job, order->cumulative_quantity),
        };
    }
    snapshot->order_count = answer->order_count;
    return !job->failed;
}

/* keep_trades keeps a page of trades; false when one of them cannot be kept. */
static bool
keep_trades(QmJob *job, const QmExchangeAnswer *answer)
{
    for (size_t i = 0; i < answer->trade_count; i++)
        if (!keep_trade(job, &answer->trades[i]))
            return false;
    return true;
}

/* keep_trade keeps a trade and moves behind it. */
static bool
keep_trade(QmJob *job, const QmExchangeTrade *trade)
{
    QmSnapshotJob *snapshot = job->snapshot;

    if (trade->trade_id == NULL || trade->is_buyer == 0 || snapshot->trade_count >= QM_MEMBER_TRADES_MAX)
        return false;
    if (snapshot->trade_count == snapshot->trade_room)
    {
        size_t room = snapshot->trade_room == 0 ? 64 : snapshot->trade_room * 2;
        QmSnapshotTrade *trades = realloc(snapshot->trades, room * sizeof(*trades));

        if (trades == NULL)
            return false;
        snapshot->trades = trades;
        snapshot->trade_room = room;
    }
    snapshot->trades[snapshot->trade_count++] = (QmSnapshotTrade){
        .trade_id = qm_job_keep(job, trade->trade_id),
        .exchange_order_id = qm_job_keep(job, trade->exchange_order_id),
        .client_order_id = client_order_id_of(snapshot, trade->exchange_order_id),
        .side = trade->is_buyer > 0 ? "buy" : "sell",
        .quantity = qm_job_keep(job, trade->quantity),
        .price = qm_job_keep(job, trade->price),
        .commission = qm_job_keep(job, trade->commission),
        .commission_asset = qm_job_keep(job, trade->commission_asset),
        .is_maker = trade->is_maker,
        .executed_at_us = trade->time_us,
    };
    job->from_id = strtoll(trade->trade_id, NULL, 10) + 1;
    return !job->failed;
}

/* client_order_id_of returns the client's id of an order that is open; trades do not say it. NULL: not known. */
static const char *
client_order_id_of(const QmSnapshotJob *snapshot, const char *exchange_order_id)
{
    for (size_t i = 0; exchange_order_id != NULL && i < snapshot->order_count; i++)
        if (snapshot->orders[i].exchange_order_id != NULL &&
            strcmp(snapshot->orders[i].exchange_order_id, exchange_order_id) == 0)
            return snapshot->orders[i].client_order_id;
    return NULL;
}

/* keep_balances keeps the balances; false when there is no memory. */
static bool
keep_balances(QmJob *job, const QmExchangeAnswer *answer)
{
    QmSnapshotJob *snapshot = job->snapshot;

    snapshot->balances = calloc(answer->balance_count + 1, sizeof(*snapshot->balances));
    if (snapshot->balances == NULL)
        return false;
    for (size_t i = 0; i < answer->balance_count; i++)
        snapshot->balances[i] = (QmSnapshotBalance){
            .asset = qm_job_keep(job, answer->balances[i].asset),
            .free = qm_job_keep(job, answer->balances[i].free),
            .locked = qm_job_keep(job, answer->balances[i].locked),
        };
    snapshot->balance_count = answer->balance_count;
    return !job->failed;
}

/* qm_job_submit submits what was fetched. */
QmCode
qm_job_submit(QmJob *job)
{
    const QmSnapshotJob *had = job->snapshot;
    const QmSnapshot snapshot = {
        .account = job->task.account,
        .symbol = job->task.symbol,
        .task_id = job->task.task_id,
        .started_at_us = had->started_at_us,
        .finished_at_us = had->finished_at_us,
        .orders = had->orders,
        .order_count = had->order_count,
        .trades = had->trades,
        .trade_count = had->trade_count,
        .balances = had->balances,
        .balance_count = had->balance_count,
        .complete = had->complete,
    };
    int64_t snapshot_id;

    return qm_submit_snapshot(job->member->client, &snapshot, &snapshot_id);
}

/* qm_snapshot_job_free frees what was fetched; its texts are the job's. NULL is fine. */
void
qm_snapshot_job_free(QmSnapshotJob *snapshot)
{
    if (snapshot == NULL)
        return;
    free(snapshot->orders);
    free(snapshot->trades);
    free(snapshot->balances);
    free(snapshot);
}
