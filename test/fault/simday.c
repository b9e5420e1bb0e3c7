/*
 * Simulate: a day. Instances place, claim, cancel, stop and die; the server fails
 * over to a copy that is behind; snapshots are taken all the while. Then all faults
 * end, and what is left has to be found out.
 */
#include "simulate.h"

#include "exchangeinside.h"
#include "order_id.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US 25000
#define SNAPSHOT_EVERY_US 1000000
#define STANDBY_BEHIND_US 3000000 /* at most */
#define QUIET_US_MAX 180000000
#define DAY_US_MAX 600000000 /* a day is over well before, */
#define PLACE_US_MAX 400000  /* and so much more for each order */

/* In thousandths of the ticks, and of the placements. */
enum
{
    FAILOVERS = 1,
    CLAIMS = 600,
    CANCELS = 450,
    SENDERS_DIE = 4,
    SENDERS_STOP = 8,
    SENDERS_LATE = 60,
    INTENTS = 250
};

static void tick(Sim *sim);
static void receive(Sim *sim, const ExchangeMessage *message);
static void receive_order(Sim *sim, const ExchangeMessage *message);
static void receive_cancel(Sim *sim, const ExchangeMessage *message);
static void receive_query(Sim *sim, const ExchangeMessage *message);
static void place(Sim *sim);
static void submit(Sim *sim, SimOrder *order, int owner);
static void claim(Sim *sim);
static void cancel_some(Sim *sim);
static void end_stalls(Sim *sim);
static void send_tasks(Sim *sim);
static void fail_over(Sim *sim);
static void doubt(Sim *sim);
static void kill_instance(Sim *sim, int instance);
static void new_tag(Sim *sim);
static void withdraw_all(Sim *sim);

/* qf_sim_wrong notes the first thing that is not as it should be. */
void
qf_sim_wrong(Sim *sim, const char *format, ...)
{
    va_list arguments;

    if (sim->wrong[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(sim->wrong, sizeof(sim->wrong), format, arguments);
    va_end(arguments);
}

/* qf_sim_day plays the day of a seed, until all orders are placed and everything is found out. */
void
qf_sim_day(Sim *sim)
{
    int64_t quiet_us;

    qf_store_init(&sim->store);
    sim->next_order_id = 1;
    new_tag(sim);
    for (int i = 0; i < SIM_LEVELS; i++)
        snprintf(sim->slot_names[i], sizeof(sim->slot_names[i]), "%d", SIM_FIRST_PRICE + i);
    for (int i = 0; i < SIM_INSTANCES; i++)
        sim->instances[i] = sim->next_instance++;
    while (sim->placed < sim->wanted && sim->wrong[0] == '\0')
    {
        tick(sim);
        if (sim->now_us > DAY_US_MAX + sim->wanted * PLACE_US_MAX)
            qf_sim_wrong(sim, "the day does not end: nothing can be placed any more");
    }
    quiet_us = sim->now_us;
    sim->quiet = true;
    qf_exchange_calm(sim->exchange);
    withdraw_all(sim);
    sim->clean = false;
    while (!sim->clean && sim->wrong[0] == '\0' && sim->now_us < quiet_us + QUIET_US_MAX)
        tick(sim);
    sim->totals->simulated_us += sim->now_us;
}

/* tick lets a moment pass. */
static void
tick(Sim *sim)
{
    ExchangeMessage message;

    while (sim->wrong[0] == '\0' && qf_exchange_next(sim->exchange, sim->now_us + TICK_US, &message))
    {
        sim->now_us = message.at_us > sim->now_us ? message.at_us : sim->now_us;
        receive(sim, &message);
    }
    sim->now_us = (sim->now_us / TICK_US + 1) * TICK_US;
    end_stalls(sim);
    send_tasks(sim);
    if (sim->now_us >= sim->next_snapshot_us)
    {
        bool runs = sim->plant == PLANT_CURSOR_RUNS;
        ExchangeRequest request = {.after_number = runs ? sim->store.newest_trade : sim->store.last_trade};

        (void) qf_sim_send(sim, QF_MESSAGE_SNAPSHOT, sim->now_us, &request, NULL);
        sim->next_snapshot_us = sim->now_us + SNAPSHOT_EVERY_US;
    }
    if (sim->quiet)
        return;
    fail_over(sim);
    if (qf_random_chance(&sim->random, CANCELS))
        cancel_some(sim);
    if (sim->blocked_until_us != 0)
        return;
    if (qf_random_chance(&sim->random, CLAIMS))
        claim(sim);
    for (int i = 0; i < 3; i++)
        place(sim);
}

/* qf_sim_send sends a request, and remembers what it was about. */
int
qf_sim_send(Sim *sim, ExchangeKind kind, int64_t leaves_us, const ExchangeRequest *request, const SimOrder *order)
{
    int number = qf_exchange_send(sim->exchange, kind, leaves_us, request);

    sim->sent = qf_grow(sim->sent, sim->nsent, &sim->sent_room, sizeof(*sim->sent));
    sim->sent[sim->nsent++] = (SimSent){.order_id = order == NULL ? 0 : order->order_id,
                                        .attempt = order == NULL ? 0 : order->attempt,
                                        .owner = order == NULL ? -1 : order->owner,
                                        .sent_us = leaves_us};
    return number;
}

/* receive takes what reaches us. */
static void
receive(Sim *sim, const ExchangeMessage *message)
{
    switch (message->kind)
    {
        case QF_MESSAGE_ORDER:
            receive_order(sim, message);
            break;
        case QF_MESSAGE_CANCEL:
            receive_cancel(sim, message);
            break;
        case QF_MESSAGE_QUERY:
            receive_query(sim, message);
            break;
        case QF_MESSAGE_SNAPSHOT:
            /* What another server has asked for goes on where that one stood. */
            if (message->answer == QF_ANSWER_DONE && sim->sent[message->request].sent_us > sim->since_us)
                qf_sim_pass(sim, &message->snapshot, sim->sent[message->request].sent_us);
            break;
        case QF_MESSAGE_REPORT:
            (void) qf_store_hear(sim, &message->order, message->trades, message->ntrades);
            break;
    }
}

/* receive_order takes the reply to a submission, if its sender is still there. */
static void
receive_order(Sim *sim, const ExchangeMessage *message)
{
    const SimSent sent = sim->sent[message->request];
    SimOrder *order = qf_store_find_id(sim, sent.order_id);

    if (order == NULL || !qf_sim_is_alive(sim, sent.owner))
        return;
    if (message->answer == QF_ANSWER_DONE)
        (void) qf_store_hear(sim, &message->order, NULL, 0);
    if (order->attempt != sent.attempt)
        return;
    if (message->answer == QF_ANSWER_REJECTED)
        qf_store_happen(sim, order, QM_EVENT_REJECTED);
    else if (message->answer == QF_ANSWER_LOST ||
             (message->answer == QF_ANSWER_NOT_PROCESSED && sent.sent_us <= sim->since_us))
        /* The server before may have heard that already, and had it sent again. */
        qf_store_happen(sim, order, QM_EVENT_REPLY_LOST);
    else if (message->answer == QF_ANSWER_NOT_PROCESSED &&
             qm_order_transition(order->state, QM_EVENT_NOT_PROCESSED).effect == QM_EFFECT_MOVES)
    {
        qm_order_id_format(order->client_order_id, sim->tags[sim->ntags - 1], order->order_id, ++order->attempt);
        order->accept_deadline_us = 0;
        qf_store_happen(sim, order, QM_EVENT_NOT_PROCESSED);
        if (sim->quiet)
            qf_store_happen(sim, order, QM_EVENT_WITHDRAWN);
    }
}

/* receive_cancel takes the reply to a cancel; an order that the exchange does not know is not canceled by that. */
static void
receive_cancel(Sim *sim, const ExchangeMessage *message)
{
    SimOrder *order = qf_store_find(sim, message->order.client_order_id, message->order.exchange_order_id);

    if (message->answer == QF_ANSWER_DONE)
        (void) qf_store_hear(sim, &message->order, NULL, 0);
    else if (message->answer == QF_ANSWER_UNKNOWN_ORDER && order != NULL && order->cancel == SIM_CANCEL_SENT)
    {
        order->cancel = SIM_CANCEL_NONE;
        order->changed_us = sim->now_us;
        qf_store_ask(sim, order->client_order_id, order->exchange_order_id);
    }
}

/* receive_query takes the answer to a question, and counts how often the exchange knows nothing. */
static void
receive_query(Sim *sim, const ExchangeMessage *message)
{
    const SimSent sent = sim->sent[message->request];
    SimStore *store = &sim->store;
    SimOrder *order = qf_store_find_id(sim, sent.order_id);
    size_t kept = 0;

    if (message->answer == QF_ANSWER_DONE)
    {
        if (qf_store_find(sim, message->order.client_order_id, message->order.exchange_order_id) == NULL)
            (void) qf_store_adopt(sim, &message->order);
        order = qf_store_hear(sim, &message->order, message->trades, message->ntrades);
        order->absent_answers = 0;
    }
    else if (message->answer == QF_ANSWER_UNKNOWN_ORDER && order != NULL &&
             (sent.sent_us > order->accept_deadline_us || sim->plant == PLANT_DEADLINE_IGNORED) &&
             sent.sent_us > order->changed_us)
        order->absent_answers++;
    for (size_t i = 0; i < store->ntasks; i++)
    {
        SimTask *task = &store->tasks[i];
        bool meant = task->exchange_order_id[0] != '\0'
                         ? strcmp(task->exchange_order_id, message->order.exchange_order_id) == 0
                         : strcmp(task->client_order_id, message->order.client_order_id) == 0;

        if (meant && message->answer == QF_ANSWER_LOST)
            task->sent = false;
        if (!meant || message->answer == QF_ANSWER_LOST)
            store->tasks[kept++] = *task;
    }
    store->ntasks = kept;
}

/* place places an order at a level that is drawn, if that is free. */
static void
place(Sim *sim)
{
    SimOrder order = {.order_id = sim->next_order_id,
                      .state = QM_ORDER_INTENT,
                      .origin = QM_ORIGIN_OWN,
                      .buy = qf_random_chance(&sim->random, 500),
                      .level = (int) qf_random_below(&sim->random, SIM_LEVELS),
                      .owner = sim->instances[qf_random_below(&sim->random, SIM_INSTANCES)],
                      .quantity = 1 + qf_random_below(&sim->random, 20),
                      .placed_us = sim->now_us};
    SimOrder *added;

    if (sim->placed == sim->wanted || sim->store.slots[order.buy][order.level] >= 0)
        return;
    order.price = SIM_FIRST_PRICE + order.level;
    sim->next_order_id++;
    sim->placed++;
    qm_order_id_format(order.client_order_id, sim->tags[sim->ntags - 1], order.order_id, 0);
    added = qf_store_add(sim, &order);
    if (qf_random_chance(&sim->random, INTENTS))
        qf_sim_intend(sim, added);
    else
        submit(sim, added, order.owner);
}

/* submit gives an order to its sender, who sends it, soon or late, or stops or dies before or after that. */
static void
submit(Sim *sim, SimOrder *order, int owner)
{
    ExchangeRequest request = {.client_order_id = order->client_order_id,
                               .buy = order->buy,
                               .level = order->level,
                               .price = order->price,
                               .quantity = order->quantity};
    int64_t leaves_us = sim->now_us + qf_random_below(&sim->random, 20000);
    bool dies = qf_random_chance(&sim->random, SENDERS_DIE);

    order->owner = owner;
    order->accept_deadline_us = sim->now_us + SIM_SEND_WINDOW_US + SIM_RECEIVE_WINDOW_US + SIM_MARGIN_US;
    if (sim->plant == PLANT_DEADLINE_IGNORED)
        order->accept_deadline_us = 1;
    qf_store_happen(sim, order, QM_EVENT_CLAIMED);
    if (qf_random_chance(&sim->random, SENDERS_LATE))
        leaves_us += qf_random_below(&sim->random, SIM_SEND_WINDOW_US - 20000);
    request.deadline_us = leaves_us + SIM_RECEIVE_WINDOW_US;
    if (qf_random_chance(&sim->random, SENDERS_STOP))
    {
        sim->stalls = qf_grow(sim->stalls, sim->nstalls, &sim->stalls_room, sizeof(*sim->stalls));
        sim->stalls[sim->nstalls++] = (SimStall){.at_us = sim->now_us + 2 * SIM_SEND_WINDOW_US,
                                                 .order_id = order->order_id,
                                                 .attempt = order->attempt,
                                                 .owner = owner};
    }
    else if (!dies || qf_random_chance(&sim->random, 500))
        (void) qf_sim_send(sim, QF_MESSAGE_ORDER, leaves_us, &request, order);
    if (dies)
        kill_instance(sim, owner);
}

/* qf_sim_intend puts an order among those that wait for a sender. */
void
qf_sim_intend(Sim *sim, const SimOrder *order)
{
    sim->intents = qf_grow(sim->intents, sim->nintents, &sim->intents_room, sizeof(*sim->intents));
    sim->intents[sim->nintents++] = order->order_id;
}

/* claim gives waiting orders to senders: to their own instance, or to anybody once they were handed over. */
static void
claim(Sim *sim)
{
    size_t kept = 0;

    for (size_t i = 0; i < sim->nintents; i++)
    {
        SimOrder *order = qf_store_find_id(sim, sim->intents[i]);

        if (order == NULL || order->state != QM_ORDER_INTENT)
            continue;
        if ((order->owner >= 0 && !qf_sim_is_alive(sim, order->owner)) || qf_random_chance(&sim->random, 700))
        {
            sim->intents[kept++] = sim->intents[i];
            continue;
        }
        submit(sim, order, order->owner >= 0 ? order->owner : sim->instances[0]);
    }
    sim->nintents = kept;
}

/* cancel_some cancels whoever holds a slot that is drawn. */
static void
cancel_some(Sim *sim)
{
    int holder = sim->store.slots[qf_random_below(&sim->random, 2)][qf_random_below(&sim->random, SIM_LEVELS)];

    if (holder >= 0 && sim->store.orders[holder].cancel == SIM_CANCEL_NONE)
        qf_sim_cancel(sim, &sim->store.orders[holder]);
}

/* qf_sim_cancel cancels an order: at once, or when it is open, or by withdrawing it. */
void
qf_sim_cancel(Sim *sim, SimOrder *order)
{
    ExchangeRequest request = {.client_order_id = order->client_order_id,
                               .exchange_order_id = order->exchange_order_id};

    if (!qm_order_is_live(order->state) || order->state == QM_ORDER_LOST)
        return;
    if (order->state == QM_ORDER_INTENT)
    {
        qf_store_happen(sim, order, QM_EVENT_WITHDRAWN);
        return;
    }
    order->changed_us = sim->now_us;
    order->cancel_deadline_us = sim->now_us + SIM_CANCEL_WINDOW_US;
    order->cancel = SIM_CANCEL_WAITS;
    if (order->state != QM_ORDER_OPEN && order->state != QM_ORDER_PARTIALLY_FILLED)
        return;
    order->cancel = SIM_CANCEL_SENT;
    (void) qf_sim_send(sim, QF_MESSAGE_CANCEL, sim->now_us, &request, order);
}

/* end_stalls lets senders notice that they are too late. */
static void
end_stalls(Sim *sim)
{
    size_t kept = 0;

    for (size_t i = 0; i < sim->nstalls; i++)
    {
        const SimStall *stall = &sim->stalls[i];
        SimOrder *order = qf_store_find_id(sim, stall->order_id);

        if (stall->at_us > sim->now_us)
            sim->stalls[kept++] = *stall;
        else if (order != NULL && order->attempt == stall->attempt && qf_sim_is_alive(sim, stall->owner))
            qf_store_happen(sim, order, QM_EVENT_NOT_SENT);
    }
    sim->nstalls = kept;
}

/* send_tasks sends the questions that nobody has sent, or whose answer was lost. */
static void
send_tasks(Sim *sim)
{
    for (size_t i = 0; i < sim->store.ntasks; i++)
    {
        SimTask *task = &sim->store.tasks[i];
        ExchangeRequest request = {.client_order_id = task->client_order_id,
                                   .exchange_order_id = task->exchange_order_id};

        if (task->sent)
            continue;
        (void) qf_sim_send(sim,
                           QF_MESSAGE_QUERY,
                           sim->now_us,
                           &request,
                           qf_store_find(sim, task->client_order_id, task->exchange_order_id));
        task->sent = true;
    }
}

/* fail_over lets a standby fall behind, and take over some time later. */
static void
fail_over(Sim *sim)
{
    if (!sim->has_standby && qf_random_chance(&sim->random, FAILOVERS) && sim->ntags < SIM_TAGS_MAX)
    {
        qf_store_copy(&sim->standby, &sim->store);
        sim->has_standby = true;
        sim->failover_us = sim->now_us + qf_random_below(&sim->random, STANDBY_BEHIND_US);
    }
    if (!sim->has_standby || sim->now_us < sim->failover_us)
        return;
    qf_store_free(&sim->store);
    sim->store = sim->standby;
    sim->has_standby = false;
    sim->since_us = sim->now_us;
    sim->totals->failovers++;
    new_tag(sim);
    sim->blocked_until_us = sim->now_us + SIM_SEND_WINDOW_US + SIM_RECEIVE_WINDOW_US + SIM_MARGIN_US;
    if (sim->plant == PLANT_NO_WAIT)
        sim->blocked_until_us = sim->now_us;
    doubt(sim);
}

/*
 * doubt takes nothing for granted that the standby knows. Whoever has been given
 * an order may still send it, so a picture of the exchange is good for placing again
 * only if no order that was lost can arrive after it. Intents may have been
 * claimed and sent: they are asked for like all whose fate is unknown.
 */
static void
doubt(Sim *sim)
{
    SimStore *store = &sim->store;

    for (size_t i = 0; i < store->ntasks; i++)
        store->tasks[i].sent = false;
    sim->nintents = 0;
    for (size_t i = 0; i < store->norders; i++)
    {
        SimOrder *order = &store->orders[i];

        if (order->state != QM_ORDER_INTENT)
            continue;
        if (sim->plant == PLANT_INTENTS_KEPT)
        {
            qf_sim_intend(sim, order);
            continue;
        }
        order->accept_deadline_us = sim->blocked_until_us;
        qf_store_happen(sim, order, QM_EVENT_CLAIMED);
        qf_store_happen(sim, order, QM_EVENT_REPLY_LOST);
    }
}

/* qf_sim_is_alive says whether an instance has not been declared dead. */
bool
qf_sim_is_alive(const Sim *sim, int instance)
{
    for (int i = 0; i < SIM_INSTANCES; i++)
        if (sim->instances[i] == instance)
            return true;
    return false;
}

/* kill_instance lets another take the place of an instance. */
static void
kill_instance(Sim *sim, int instance)
{
    for (int i = 0; i < SIM_INSTANCES; i++)
        if (sim->instances[i] == instance)
        {
            sim->instances[i] = sim->next_instance++;
            sim->totals->deaths++;
        }
}

/* new_tag makes a tag that no server before had. */
static void
new_tag(Sim *sim)
{
    qm_tag_from_random(sim->tags[sim->ntags++], (uint32_t) qf_random_next(&sim->random));
}

/* withdraw_all takes back what has no sender yet. */
static void
withdraw_all(Sim *sim)
{
    for (size_t i = 0; i < sim->store.norders; i++)
        if (sim->store.orders[i].state == QM_ORDER_INTENT)
            qf_store_happen(sim, &sim->store.orders[i], QM_EVENT_WITHDRAWN);
}
