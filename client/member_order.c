/*
 * Membership: questions about an order, and its cancel.
 *
 * What is learned of an order is its state and, where something of it was
 * filled, its trades, read after the state: so no fill that the state counts is
 * missing. They are told before it, each under both ids of the order, so that no
 * order ends here while trades of it are on their way.
 */
#include "member_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static void query_answer(void *argument, const QmExchangeAnswer *answer);
static void cancel_answer(void *argument, const QmExchangeAnswer *answer);
static void trades_answer(void *argument, const QmExchangeAnswer *answer);
static void refused_cancel(QmJob *job, const QmExchangeAnswer *answer);
static void not_open(QmJob *job, const QmExchangeOrder *order);
static void hear(QmJob *job, const QmExchangeOrder *order, const char *source);
static void ask_trades(QmJob *job);
static bool hear_trades(QmJob *job, const QmExchangeAnswer *answer);
static void ends_heard(QmJob *job, const char *outcome, const char *message);

/* which_of names the order of a task as an exchange wants it. */
static QmExchangeWhich
which_of(const QmTask *task)
{
    return (QmExchangeWhich){
        .symbol = task->symbol,
        .client_order_id = task->client_order_id[0] == '\0' ? NULL : task->client_order_id,
        .exchange_order_id = task->exchange_order_id[0] == '\0' ? NULL : task->exchange_order_id,
    };
}

/* is_cancel returns whether the job's task is to cancel, not only to ask. */
static bool
is_cancel(const QmJob *job)
{
    return strcmp(job->task.kind, "cancel_order") == 0;
}

/* qm_job_query asks the exchange for the task's order. */
void
qm_job_query(QmJob *job)
{
    const QmExchangeWhich which = which_of(&job->task);

    if (job->exchange->functions->query(job->exchange, &which, query_answer, job) == QM_OK)
        qm_job_asks(job);
    else
        qm_job_ends(job, "failed", "not asked: %s", job->exchange->functions->error(job->exchange)->message);
}

/* qm_job_cancel sends the cancel of the task's order. */
void
qm_job_cancel(QmJob *job)
{
    const QmExchangeWhich which = which_of(&job->task);

    if (job->exchange->functions->cancel(job->exchange, &which, cancel_answer, job) == QM_OK)
        qm_job_asks(job);
    else
        qm_job_ends(job, "failed", "not sent: %s", job->exchange->functions->error(job->exchange)->message);
}

/* query_answer takes what the exchange says of the order. Only its own word makes the order absent. */
static void
query_answer(void *argument, const QmExchangeAnswer *answer)
{
    QmJob *job = argument;

    if (!qm_job_answered(job))
        return;
    if (answer->outcome == QM_EXCHANGE_DONE && answer->order_count > 0)
    {
        if (is_cancel(job))
            not_open(job, &answer->orders[0]);
        hear(job, &answer->orders[0], "query");
    }
    else if (answer->outcome == QM_EXCHANGE_REFUSED && answer->cause == QM_CAUSE_ABSENT)
        qm_job_ends(job, "absent", "%s", answer->message);
    else if (answer->outcome == QM_EXCHANGE_REFUSED && answer->cause == QM_CAUSE_ARCHIVED)
    {
        const QmExchangeOrder archived = {.state = "canceled", .cumulative_quantity = "0"};

        hear(job, &archived, "query");
    }
    else
        qm_job_ends_by(job, answer);
}

/* cancel_answer takes what has become of a cancel. An order that is not open may be anything: it is asked for. */
static void
cancel_answer(void *argument, const QmExchangeAnswer *answer)
{
    QmJob *job = argument;

    if (!qm_job_answered(job))
        return;
    if (answer->outcome == QM_EXCHANGE_DONE)
    {
        qm_text_copy(job->cancel, sizeof(job->cancel), "done");
        if (answer->order_count > 0)
            hear(job, &answer->orders[0], "reply");
        else
            qm_job_ends(job, "done", "%s", "");
    }
    else if (answer->outcome == QM_EXCHANGE_REFUSED && answer->cause == QM_CAUSE_NOT_OPEN)
        qm_job_query(job);
    else
        refused_cancel(job, answer);
}

/* refused_cancel ends a cancel that did not happen, or may not have. What the exchange has not looked at is not told. */
static void
refused_cancel(QmJob *job, const QmExchangeAnswer *answer)
{
    if (answer->outcome == QM_EXCHANGE_REFUSED)
        qm_text_copy(job->cancel, sizeof(job->cancel), "rejected");
    else if (answer->outcome == QM_EXCHANGE_UNKNOWN)
        qm_text_copy(job->cancel, sizeof(job->cancel), "unknown");
    if (answer->code != 0)
        snprintf(job->cancel_code, sizeof(job->cancel_code), "%d", answer->code);
    qm_job_ends_by(job, answer);
}

/* not_open says what has become of a cancel that found no open order, by what the exchange shows of the order. */
static void
not_open(QmJob *job, const QmExchangeOrder *order)
{
    const char *outcome = "rejected";

    if (order->open)
        outcome = "unknown";
    else if (order->state != NULL && strcasecmp(order->state, "canceled") == 0)
        outcome = "done";
    qm_text_copy(job->cancel, sizeof(job->cancel), outcome);
}

/* hear keeps what the exchange says of the order, and asks for its trades where it has some. */
static void
hear(QmJob *job, const QmExchangeOrder *order, const char *source)
{
    const QmTask *task = &job->task;

    job->order = (QmReport){
        .symbol = task->symbol,
        .client_order_id =
            task->client_order_id[0] == '\0' ? qm_job_keep(job, order->client_order_id) : task->client_order_id,
        .exchange_order_id = order->exchange_order_id == NULL && task->exchange_order_id[0] != '\0'
                                 ? task->exchange_order_id
                                 : qm_job_keep(job, order->exchange_order_id),
        .state = qm_job_keep(job, order->state),
        .cumulative_quantity = qm_job_keep(job, order->cumulative_quantity),
        .event_time_us = order->time_us,
        .source = source,
    };
    if (job->order.exchange_order_id != NULL && order->cumulative_quantity != NULL &&
        strpbrk(order->cumulative_quantity, "123456789") != NULL)
        ask_trades(job);
    else
        ends_heard(job, "done", "");
}

/* ask_trades asks for the order's trades, from job->from_id on. */
static void
ask_trades(QmJob *job)
{
    QmExchange *exchange = job->exchange;
    QmCode code = exchange->functions->order_trades(exchange,
                                                    job->task.symbol,
                                                    job->order.exchange_order_id,
                                                    job->from_id,
                                                    trades_answer,
                                                    job);

    if (code == QM_OK)
        qm_job_asks(job);
    else
        ends_heard(job, "failed", exchange->functions->error(exchange)->message);
}

/* trades_answer takes a page of the order's trades. Without them the state is told all the same: it is a fact. */
static void
trades_answer(void *argument, const QmExchangeAnswer *answer)
{
    QmJob *job = argument;

    if (!qm_job_answered(job))
        return;
    if (answer->outcome != QM_EXCHANGE_DONE)
        ends_heard(job, "failed", answer->message);
    else if (!hear_trades(job, answer))
        ends_heard(job, "failed", "its trades are too many, or one has no id");
    else if (answer->more)
        ask_trades(job);
    else
        ends_heard(job, "done", "");
}

/* hear_trades keeps a page of trades; false when they are too many, or there is no memory. */
static bool
hear_trades(QmJob *job, const QmExchangeAnswer *answer)
{
    for (size_t i = 0; i < answer->trade_count; i++)
    {
        const QmExchangeTrade *trade = &answer->trades[i];
        const QmReport report = {
            .symbol = job->task.symbol,
            .client_order_id = job->order.client_order_id,
            .exchange_order_id = job->order.exchange_order_id,
            .trade_id = qm_job_keep(job, trade->trade_id),
            .last_quantity = qm_job_keep(job, trade->quantity),
            .last_price = qm_job_keep(job, trade->price),
            .commission = qm_job_keep(job, trade->commission),
            .commission_asset = qm_job_keep(job, trade->commission_asset),
            .is_maker = trade->is_maker,
            .event_time_us = trade->time_us,
            .source = "trade",
        };

        if (trade->trade_id == NULL || !qm_job_report(job, &report))
            return false;
        job->from_id = strtoll(trade->trade_id, NULL, 10) + 1;
    }
    return true;
}

/* ends_heard ends the asking with what was heard, the order behind its trades. A cancel that left it open has failed. */
static void
ends_heard(QmJob *job, const char *outcome, const char *message)
{
    if (job->failed || !qm_job_report(job, &job->order))
    {
        job->report_count = 0; /* what has no room may have left holes in them */
        qm_job_ends(job, "failed", "no room for what the exchange has said of the order");
    }
    else if (is_cancel(job) && strcmp(job->cancel, "unknown") == 0)
        qm_job_ends(job, "failed", "the exchange finds no open order to cancel, and shows it as open");
    else
        qm_job_ends(job, outcome, "%s", message);
}
