/*
 * Tradestress: what instances do. They place, claim and send; they tell the
 * server what the exchange says, and do the tasks that a heartbeat answers. They
 * die, stop in the wrong moment, and lose their connection, and then a report may
 * be lost for good: what is not known must be found out.
 */
#include "tradestress.h"

#include "exchangeinside.h"
#include "program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_US 200000
#define COMPLAINTS_MAX 5
#define SEND_LATE_US 400000 /* less than send_window */

/* In thousandths. */
enum
{
    SENDERS_DIE = 4,
    SENDERS_STOP = 8,
    SENDERS_LATE = 60,
    INTENTS = 250
};

static void complain(Stress *stress, const char *sql);
static PGresult *ask(Stress *stress, const char *sql, int count, ...);
static void enroll(Stress *stress, Instance *instance);
static bool is_alive(const Stress *stress, const Instance *who);
static void do_task(Stress *stress, Instance *instance, const PGresult *tasks, int row);
static void submit(Stress *stress, Instance *instance, const PGresult *result, int row);
static void claim(Stress *stress, Instance *instance);
static void send(Stress *stress, ExchangeKind kind, int64_t leaves_us, const ExchangeRequest *request, Asked asked);
static void report(Stress *stress, const ExchangeMessage *message, const char *source);
static void receive_order(Stress *stress, const Asked *asked, const ExchangeMessage *message);
static void receive_cancel(Stress *stress, const Asked *asked, const ExchangeMessage *message);
static void receive_query(Stress *stress, const Asked *asked, const ExchangeMessage *message);

/* qf_stress_tell runs a statement with texts as arguments, once; whether it was heard is not always known. */
bool
qf_stress_tell(Stress *stress, const char *sql, int count, ...)
{
    const char *values[16];
    va_list arguments;

    va_start(arguments, count);
    for (int i = 0; i < count; i++)
        values[i] = va_arg(arguments, const char *);
    va_end(arguments);
    if (qf_link_broken(&stress->link))
        qf_stress_connect(stress);
    if (qf_link_command(&stress->link, sql, count, values))
        return true;
    complain(stress, sql);
    return false;
}

/*
 * complain counts what the server had no reason to refuse. It may end a life, a
 * task and its own backends (QM002, 55000, 55006, class 57), and refuse leases after a crash (55000).
 */
static void
complain(Stress *stress, const char *sql)
{
    const char *state = stress->link.state;

    if (qf_link_broken(&stress->link) || strncmp(state, "57", 2) == 0 || strcmp(state, "QM002") == 0 ||
        strcmp(state, "55000") == 0 || strcmp(state, "55006") == 0)
        return;
    if (stress->refused++ < COMPLAINTS_MAX)
        printf("not ok - %s\n%s", sql, PQerrorMessage(stress->link.conn));
}

/* ask runs a statement with texts as arguments until it is answered, or refused; NULL then. */
static PGresult *
ask(Stress *stress, const char *sql, int count, ...)
{
    const char *values[16];
    va_list arguments;
    PGresult *result;

    va_start(arguments, count);
    for (int i = 0; i < count; i++)
        values[i] = va_arg(arguments, const char *);
    va_end(arguments);
    do
    {
        if (qf_link_broken(&stress->link))
            qf_stress_connect(stress);
        result = qf_link_query(&stress->link, sql, count, values);
    } while (result == NULL && (qf_link_broken(&stress->link) || strncmp(stress->link.state, "57", 2) == 0));
    if (result == NULL)
        complain(stress, sql);
    return result;
}

/* enroll registers an instance in the place of one that has died, as soon as the server takes it. */
static void
enroll(Stress *stress, Instance *instance)
{
    char name[sizeof(instance->name)];
    PGresult *result;

    snprintf(name, sizeof(name), "i%d", ++stress->serial);
    result =
        ask(stress, "SELECT epoch FROM quantmesh.register_instance($1, '{sim:*}', ttl => '1 s', life => $1)", 1, name);
    if (result == NULL)
        return;
    *instance = (Instance){.epoch = strtoll(PQgetvalue(result, 0, 0), NULL, 10)};
    memcpy(instance->name, name, sizeof(name));
    PQclear(result);
}

/* is_alive says whether an instance is still the one that it was. */
static bool
is_alive(const Stress *stress, const Instance *who)
{
    for (int i = 0; i < STRESS_INSTANCES; i++)
        if (stress->instances[i].epoch == who->epoch && who->epoch != 0)
            return true;
    return false;
}

/* qf_instances_beat lets every instance that is due send a heartbeat, and do what it is told. */
void
qf_instances_beat(Stress *stress)
{
    for (int i = 0; i < STRESS_INSTANCES; i++)
    {
        Instance *instance = &stress->instances[i];
        char epoch[24];
        PGresult *result;

        if (instance->heartbeat_us > qf_stress_now_us())
            continue;
        instance->heartbeat_us = qf_stress_now_us() + HEARTBEAT_US;
        if (instance->epoch == 0)
            enroll(stress, instance);
        if (instance->epoch == 0)
            continue;
        snprintf(epoch, sizeof(epoch), "%" PRId64, instance->epoch);
        result = ask(stress,
                     "SELECT task_id, kind, order_id, client_order_id, exchange_order_id, detail ->> 'last_trade_id'"
                     " FROM quantmesh.heartbeat($1, $2)",
                     2,
                     instance->name,
                     epoch);
        /* QM002: its life is over. Another comes in its place. */
        if (result == NULL && strcmp(stress->link.state, "QM002") == 0)
            instance->epoch = 0;
        for (int row = 0; row < PQntuples(result); row++)
            do_task(stress, instance, result, row);
        PQclear(result);
    }
}

/* do_task does a task, unless it is under way: one whose answer was lost is done again. */
static void
do_task(Stress *stress, Instance *instance, const PGresult *tasks, int row)
{
    const char *kind = PQgetvalue(tasks, row, 1);
    Asked asked = {.task_id = strtoll(PQgetvalue(tasks, row, 0), NULL, 10),
                   .order_id = strtoll(PQgetvalue(tasks, row, 2), NULL, 10),
                   .who = *instance};
    ExchangeRequest request = {0};

    for (size_t i = stress->nasked > 2000 ? stress->nasked - 2000 : 0; i < stress->nasked; i++)
        if (stress->asked[i].task_id == asked.task_id && !stress->asked[i].answered)
            return;
    stress->tasks++;
    if (!PQgetisnull(tasks, row, 3))
        request.client_order_id = PQgetvalue(tasks, row, 3);
    if (!PQgetisnull(tasks, row, 4))
        request.exchange_order_id = PQgetvalue(tasks, row, 4);
    if (strcmp(kind, "snapshot") == 0)
    {
        request = (ExchangeRequest){.after_number = strtoll(PQgetvalue(tasks, row, 5), NULL, 10)};
        send(stress, QF_MESSAGE_SNAPSHOT, qf_stress_now_us(), &request, asked);
    }
    else if (strcmp(kind, "query_order") == 0)
        send(stress, QF_MESSAGE_QUERY, qf_stress_now_us(), &request, asked);
    else if (strcmp(kind, "cancel_order") == 0)
        send(stress, QF_MESSAGE_CANCEL, qf_stress_now_us(), &request, asked);
    else
    {
        if (strcmp(kind, "submit_order") == 0)
            claim(stress, instance);
        qf_instance_finish(stress, &asked, "done");
    }
}

/* qf_instance_finish answers a task. */
void
qf_instance_finish(Stress *stress, const Asked *asked, const char *outcome)
{
    char task[24], epoch[24];

    snprintf(task, sizeof(task), "%" PRId64, asked->task_id);
    snprintf(epoch, sizeof(epoch), "%" PRId64, asked->who.epoch);
    (void) qf_stress_tell(stress,
                          "SELECT quantmesh.finish_task('sim', $1, $2, $3, $4)",
                          4,
                          task,
                          asked->who.name,
                          epoch,
                          outcome);
}

/* qf_instance_place places an order at a level that is drawn, and asks again until it is answered. */
void
qf_instance_place(Stress *stress)
{
    Instance *instance = &stress->instances[qf_random_below(&stress->random, STRESS_INSTANCES)];
    bool buy = qf_random_chance(&stress->random, 500);
    char price[24], quantity[24], request_id[32], epoch[24];
    PGresult *result;

    if (instance->epoch == 0)
        return;
    snprintf(price, sizeof(price), "%" PRId64, (buy ? 1000 : 2000) + qf_random_below(&stress->random, STRESS_LEVELS));
    snprintf(quantity, sizeof(quantity), "%" PRId64, 1 + qf_random_below(&stress->random, 20));
    snprintf(request_id, sizeof(request_id), "r%ld", stress->placed + stress->kept_busy + stress->denied);
    snprintf(epoch, sizeof(epoch), "%" PRId64, instance->epoch);
    result = ask(stress,
                 "SELECT order_id, client_order_id, $2, $3, $4, fence,"
                 " floor(extract(epoch FROM send_before) * 1000000)::bigint, state, outcome"
                 " FROM quantmesh.place_order('sim', 'SIMUSD', $2, $3::numeric, $4::numeric, request_id => $1,"
                 " instance => $5, epoch => $6::bigint, submit => $7)",
                 7,
                 request_id,
                 buy ? "buy" : "sell",
                 price,
                 quantity,
                 instance->name,
                 epoch,
                 qf_random_chance(&stress->random, INTENTS) ? "f" : "t");
    if (result == NULL || PQgetvalue(result, 0, 8)[0] == 'd')
    {
        if (result != NULL && strcmp(PQgetvalue(result, 0, 8), "duplicate") == 0)
            stress->kept_busy++;
        else
            stress->denied++;
    }
    else if (strcmp(PQgetvalue(result, 0, 8), "placed") == 0)
    {
        stress->placed++;
        if (strcmp(PQgetvalue(result, 0, 7), "submitted") == 0)
            submit(stress, instance, result, 0);
        else if (qf_random_chance(&stress->random, 300))
            claim(stress, instance);
    }
    else
        stress->kept_busy++;
    PQclear(result);
}

/* claim takes intents, and sends them. */
static void
claim(Stress *stress, Instance *instance)
{
    char epoch[24];
    PGresult *result;

    snprintf(epoch, sizeof(epoch), "%" PRId64, instance->epoch);
    result = ask(stress,
                 "SELECT order_id, client_order_id, side, price, quantity, fence,"
                 " floor(extract(epoch FROM send_before) * 1000000)::bigint"
                 " FROM quantmesh.claim_orders('sim', $1, $2::bigint, 20)",
                 2,
                 instance->name,
                 epoch);
    for (int row = 0; row < PQntuples(result); row++)
        submit(stress, instance, result, row);
    PQclear(result);
}

/* submit sends an order soon or late, or its sender stops or dies before or after that. */
static void
submit(Stress *stress, Instance *instance, const PGresult *result, int row)
{
    int64_t send_before_us = strtoll(PQgetvalue(result, row, 6), NULL, 10);
    int64_t leaves_us = qf_stress_now_us() + qf_random_below(&stress->random, 5000);
    bool dies = qf_random_chance(&stress->random, SENDERS_DIE);
    Asked asked = {.order_id = strtoll(PQgetvalue(result, row, 0), NULL, 10),
                   .fence = strtoll(PQgetvalue(result, row, 5), NULL, 10),
                   .who = *instance};
    ExchangeRequest request = {.client_order_id = PQgetvalue(result, row, 1),
                               .buy = strcmp(PQgetvalue(result, row, 2), "buy") == 0,
                               .price = strtoll(PQgetvalue(result, row, 3), NULL, 10),
                               .quantity = strtoll(PQgetvalue(result, row, 4), NULL, 10)};

    request.level = (int) (request.price % 1000);
    if (qf_random_chance(&stress->random, SENDERS_LATE))
        leaves_us += qf_random_below(&stress->random, SEND_LATE_US);
    if (qf_random_chance(&stress->random, SENDERS_STOP) || leaves_us > send_before_us)
    {
        stress->stopped = qf_grow(stress->stopped, stress->nstopped, &stress->stopped_room, sizeof(*stress->stopped));
        stress->stopped[stress->nstopped++] =
            (Stopped){.at_us = send_before_us + 1, .order_id = asked.order_id, .fence = asked.fence, .who = *instance};
    }
    else if (!dies || qf_random_chance(&stress->random, 500))
        send(stress, QF_MESSAGE_ORDER, leaves_us, &request, asked);
    if (dies)
    {
        instance->epoch = 0;
        instance->heartbeat_us = qf_stress_now_us() + HEARTBEAT_US;
        stress->dead++;
    }
}

/* send lets a request leave, at a time of ours. */
static void
send(Stress *stress, ExchangeKind kind, int64_t leaves_us, const ExchangeRequest *request, Asked asked)
{
    ExchangeRequest sent = *request;
    int64_t exchange_us = (leaves_us - stress->began_us) * STRESS_SPEED;

    sent.deadline_us = exchange_us + STRESS_RECEIVE_WINDOW_US;
    asked.kind = kind;
    asked.started_us = leaves_us;
    stress->asked = qf_grow(stress->asked, stress->nasked, &stress->asked_room, sizeof(*stress->asked));
    stress->asked[stress->nasked++] = asked;
    (void) qf_exchange_send(stress->exchange, kind, exchange_us, &sent);
}

/* qf_instances_notice lets senders that have stopped say so. */
void
qf_instances_notice(Stress *stress)
{
    size_t kept = 0;

    for (size_t i = 0; i < stress->nstopped; i++)
    {
        const Stopped *stopped = &stress->stopped[i];
        char order[24], fence[24];

        if (stopped->at_us > qf_stress_now_us())
        {
            stress->stopped[kept++] = *stopped;
            continue;
        }
        snprintf(order, sizeof(order), "%" PRId64, stopped->order_id);
        snprintf(fence, sizeof(fence), "%" PRId64, stopped->fence);
        if (is_alive(stress, &stopped->who))
            (void) qf_stress_tell(stress,
                                  "SELECT quantmesh.resolve_submission('sim', $1, $2, 'not_sent')",
                                  2,
                                  order,
                                  fence);
    }
    stress->nstopped = kept;
}

/* qf_instance_cancel cancels some order, if it is there to be canceled. */
void
qf_instance_cancel(Stress *stress)
{
    char price[24];
    PGresult *result;

    snprintf(price,
             sizeof(price),
             "%" PRId64,
             1000 * (1 + qf_random_below(&stress->random, 2)) + qf_random_below(&stress->random, STRESS_LEVELS));
    result = ask(stress,
                 "SELECT c.order_id, c.exchange_order_id, c.state FROM quantmesh.live_order AS l,"
                 " quantmesh.cancel_order('sim', l.order_id) AS c"
                 " WHERE l.account = 'sim' AND l.symbol = 'SIMUSD' AND l.slot = $1 AND c.outcome = 'requested'",
                 1,
                 price);
    for (int row = 0; row < PQntuples(result); row++)
    {
        Asked asked = {.order_id = strtoll(PQgetvalue(result, row, 0), NULL, 10)};
        ExchangeRequest request = {.exchange_order_id = PQgetvalue(result, row, 1)};

        /* Until it is open the cancel waits, and somebody finds it stuck. */
        if (!PQgetisnull(result, row, 1) && strstr("open partially_filled", PQgetvalue(result, row, 2)) != NULL)
            send(stress, QF_MESSAGE_CANCEL, qf_stress_now_us(), &request, asked);
    }
    PQclear(result);
}

/* qf_instances_receive takes what reaches us from the exchange. */
void
qf_instances_receive(Stress *stress, const ExchangeMessage *message)
{
    Asked asked = {0};

    if (message->request >= 0)
    {
        stress->asked[message->request].answered = true;
        asked = stress->asked[message->request];
    }
    switch (message->kind)
    {
        case QF_MESSAGE_ORDER:
            receive_order(stress, &asked, message);
            break;
        case QF_MESSAGE_CANCEL:
            receive_cancel(stress, &asked, message);
            break;
        case QF_MESSAGE_QUERY:
            receive_query(stress, &asked, message);
            break;
        case QF_MESSAGE_SNAPSHOT:
            qf_instance_submit_snapshot(stress, &asked, message);
            break;
        case QF_MESSAGE_REPORT:
            report(stress, message, "stream");
            break;
    }
}

/* report tells the server what the exchange says of an order, and of its trades. */
static void
report(Stress *stress, const ExchangeMessage *message, const char *source)
{
    const char *client = message->order.client_order_id[0] == '\0' ? NULL : message->order.client_order_id;
    char filled[24];

    snprintf(filled, sizeof(filled), "%" PRId64, message->order.filled);
    for (size_t i = 0; i < message->ntrades; i++)
    {
        const ExchangeTrade *trade = &message->trades[i];
        char quantity[24], price[24], at[24];

        snprintf(quantity, sizeof(quantity), "%" PRId64, trade->quantity);
        snprintf(price, sizeof(price), "%" PRId64, trade->price);
        snprintf(at, sizeof(at), "%" PRId64, stress->began_us + trade->at_us / STRESS_SPEED);
        (void) qf_stress_tell(stress,
                              "SELECT quantmesh.apply_report('sim', 'SIMUSD', $1, $2, trade_id => $3, last_quantity => "
                              "$4::numeric,"
                              " last_price => $5::numeric, source => 'trade',"
                              " event_time => 'epoch'::timestamptz + $6::bigint * interval '1 us')",
                              6,
                              client,
                              message->order.exchange_order_id,
                              trade->trade_id,
                              quantity,
                              price,
                              at);
    }
    (void) qf_stress_tell(stress,
                          "SELECT quantmesh.apply_report('sim', 'SIMUSD', $1, $2, $3, cumulative_quantity => "
                          "$4::numeric, source "
                          "=> $5)",
                          5,
                          client,
                          message->order.exchange_order_id,
                          qm_order_state_name(message->order.state),
                          filled,
                          source);
}

/* receive_order takes the reply to a submission, if its sender is still there. */
static void
receive_order(Stress *stress, const Asked *asked, const ExchangeMessage *message)
{
    static const char *const outcomes[] =
        {[QF_ANSWER_REJECTED] = "rejected", [QF_ANSWER_NOT_PROCESSED] = "not_processed", [QF_ANSWER_LOST] = "unknown"};
    char order[24], fence[24];

    if (!is_alive(stress, &asked->who))
        return;
    if (message->answer == QF_ANSWER_DONE)
    {
        report(stress, message, "reply");
        return;
    }
    snprintf(order, sizeof(order), "%" PRId64, asked->order_id);
    snprintf(fence, sizeof(fence), "%" PRId64, asked->fence);
    (void) qf_stress_tell(stress,
                          "SELECT quantmesh.resolve_submission('sim', $1, $2, $3)",
                          3,
                          order,
                          fence,
                          outcomes[message->answer]);
}

/* receive_cancel takes the reply to a cancel. */
static void
receive_cancel(Stress *stress, const Asked *asked, const ExchangeMessage *message)
{
    bool done = message->answer == QF_ANSWER_DONE, lost = message->answer == QF_ANSWER_LOST;
    char order[24];

    if (done)
        report(stress, message, "reply");
    snprintf(order, sizeof(order), "%" PRId64, asked->order_id);
    if (asked->order_id != 0)
        (void) qf_stress_tell(stress,
                              "SELECT quantmesh.resolve_cancel('sim', $1, $2)",
                              2,
                              order,
                              done   ? "done"
                              : lost ? "unknown"
                                     : "rejected");
    if (asked->task_id != 0)
        qf_instance_finish(stress, asked, done ? "done" : lost ? "failed" : "absent");
}

/* receive_query takes the answer to a question. */
static void
receive_query(Stress *stress, const Asked *asked, const ExchangeMessage *message)
{
    bool done = message->answer == QF_ANSWER_DONE;

    if (done)
        report(stress, message, "query");
    qf_instance_finish(stress, asked, done ? "done" : message->answer == QF_ANSWER_LOST ? "failed" : "absent");
}
