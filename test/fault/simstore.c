/*
 * Simulate: what we have. Orders follow common/order_state; fills are booked
 * once, whatever the state; a slot is held by one order at a time, and when it is
 * free again, the oldest order that wants it has it.
 */
#include "simulate.h"

#include "exchangeinside.h"
#include "order_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *copy_array(const void *from, size_t n, size_t size);
static void map_copy(SimMap *to, const SimMap *from);
static int map_get(const SimMap *map, int64_t key);
static void map_put(SimMap *map, int64_t key, int value);
static size_t map_slot(const SimMap *map, int64_t key);
static void release_slot(Sim *sim, SimOrder *order);
static void take_slot(Sim *sim, SimOrder *order);
static void link_exchange_id(Sim *sim, SimOrder *order, const char *exchange_order_id);
static QmOrderEvent event_of(QmOrderState state);
static int64_t trade_key(const ExchangeTrade *trade);

/* qf_store_init makes a store that has nothing. */
void
qf_store_init(SimStore *store)
{
    *store = (SimStore){0};
    for (int side = 0; side < 2; side++)
        for (int level = 0; level < SIM_LEVELS; level++)
            store->slots[side][level] = -1;
}

/* qf_store_copy makes a copy of its own. */
void
qf_store_copy(SimStore *to, const SimStore *from)
{
    *to = *from;
    to->orders = copy_array(from->orders, from->norders, sizeof(*from->orders));
    to->fills = copy_array(from->fills, from->nfills, sizeof(*from->fills));
    to->tasks = copy_array(from->tasks, from->ntasks, sizeof(*from->tasks));
    to->orders_room = from->norders;
    to->fills_room = from->nfills;
    to->tasks_room = from->ntasks;
    map_copy(&to->by_order_id, &from->by_order_id);
    map_copy(&to->by_exchange_id, &from->by_exchange_id);
    map_copy(&to->by_trade, &from->by_trade);
}

/* qf_store_free gives the memory back. */
void
qf_store_free(SimStore *store)
{
    SimMap *maps[] = {&store->by_order_id, &store->by_exchange_id, &store->by_trade};

    for (int i = 0; i < 3; i++)
    {
        free(maps[i]->keys);
        free(maps[i]->values);
    }
    free(store->orders);
    free(store->fills);
    free(store->tasks);
    *store = (SimStore){0};
}

/* copy_array copies n things of that size. */
static void *
copy_array(const void *from, size_t n, size_t size)
{
    void *to;

    if (n == 0)
        return NULL;
    to = malloc(n * size);
    if (to == NULL)
        abort();
    return memcpy(to, from, n * size);
}

/* map_copy copies a table. */
static void
map_copy(SimMap *to, const SimMap *from)
{
    to->keys = copy_array(from->keys, from->size, sizeof(*from->keys));
    to->values = copy_array(from->values, from->size, sizeof(*from->values));
}

/* map_get returns the value of a key, or -1. */
static int
map_get(const SimMap *map, int64_t key)
{
    size_t slot;

    if (map->size == 0)
        return -1;
    slot = map_slot(map, key);
    return map->keys[slot] == key ? map->values[slot] : -1;
}

/* map_put gives a key a value. */
static void
map_put(SimMap *map, int64_t key, int value)
{
    size_t slot;

    if (2 * map->used >= map->size)
    {
        SimMap old = *map;

        *map = (SimMap){.size = old.size == 0 ? 256 : 2 * old.size};
        map->keys = calloc(map->size, sizeof(*map->keys));
        map->values = calloc(map->size, sizeof(*map->values));
        if (map->keys == NULL || map->values == NULL)
            abort();
        for (size_t i = 0; i < old.size; i++)
            if (old.keys[i] != 0)
                map_put(map, old.keys[i], old.values[i]);
        free(old.keys);
        free(old.values);
    }
    slot = map_slot(map, key);
    map->used += map->keys[slot] == 0;
    map->keys[slot] = key;
    map->values[slot] = value;
}

/* map_slot returns where a key is, or would be. */
static size_t
map_slot(const SimMap *map, int64_t key)
{
    size_t slot = (size_t) ((uint64_t) key * UINT64_C(0x9e3779b97f4a7c15) >> 20) % map->size;

    while (map->keys[slot] != 0 && map->keys[slot] != key)
        slot = (slot + 1) % map->size;
    return slot;
}

/* qf_store_add stores an order; its place changes when another is added. */
SimOrder *
qf_store_add(Sim *sim, const SimOrder *order)
{
    SimStore *store = &sim->store;
    SimOrder *added;

    store->orders = qf_grow(store->orders, store->norders, &store->orders_room, sizeof(*store->orders));
    added = &store->orders[store->norders++];
    *added = *order;
    added->changed_us = sim->now_us;
    added->holds_slot = false;
    map_put(&store->by_order_id, order->order_id, (int) store->norders - 1);
    if (order->exchange_order_id[0] != '\0')
        map_put(&store->by_exchange_id, strtoll(order->exchange_order_id, NULL, 10), (int) store->norders - 1);
    take_slot(sim, added);
    return added;
}

/* qf_store_find_id returns the order of that id, or NULL. */
SimOrder *
qf_store_find_id(Sim *sim, int64_t order_id)
{
    int at = map_get(&sim->store.by_order_id, order_id);

    return at < 0 ? NULL : &sim->store.orders[at];
}

/* qf_store_find returns the order that our id names, else the exchange's, or NULL. */
SimOrder *
qf_store_find(Sim *sim, const char *client_order_id, const char *exchange_order_id)
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt, at;

    if (qm_order_id_parse(client_order_id, tag, &order_id, &attempt))
    {
        at = map_get(&sim->store.by_order_id, order_id);
        if (at >= 0)
            return &sim->store.orders[at];
    }
    if (exchange_order_id[0] == '\0')
        return NULL;
    at = map_get(&sim->store.by_exchange_id, strtoll(exchange_order_id, NULL, 10));
    return at < 0 ? NULL : &sim->store.orders[at];
}

/* qf_store_fill returns what is booked of a trade, or NULL. */
const SimFill *
qf_store_fill(const Sim *sim, const ExchangeTrade *trade)
{
    int at = map_get(&sim->store.by_trade, trade_key(trade));

    return at < 0 ? NULL : &sim->store.fills[at];
}

/* trade_key returns the number of one side of a trade. */
static int64_t
trade_key(const ExchangeTrade *trade)
{
    return 2 * strtoll(trade->trade_id, NULL, 10) + trade->buy;
}

/* qf_store_is_ours says whether an id carries a tag that we have made. */
bool
qf_store_is_ours(const Sim *sim, const char *client_order_id)
{
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt;

    if (!qm_order_id_parse(client_order_id, tag, &order_id, &attempt))
        return false;
    for (int i = 0; i < sim->ntags; i++)
        if (strcmp(tag, sim->tags[i]) == 0)
            return true;
    return false;
}

/* qf_store_happen lets something happen to an order, as far as its state allows it. */
void
qf_store_happen(Sim *sim, SimOrder *order, QmOrderEvent event)
{
    QmOrderTransition transition = qm_order_transition(order->state, event);
    bool was_live = qm_order_is_live(order->state);

    if (transition.effect != QM_EFFECT_MOVES && transition.effect != QM_EFFECT_FLAGGED)
        return;
    order->state = transition.to;
    order->changed_us = sim->now_us;
    order->absent_answers = 0;
    if (was_live && !qm_order_is_live(order->state))
    {
        order->cancel = SIM_CANCEL_NONE;
        release_slot(sim, order);
    }
    else if (!was_live)
        take_slot(sim, order);
    if (order->state == QM_ORDER_INTENT)
        qf_sim_intend(sim, order);
    if (order->cancel == SIM_CANCEL_WAITS)
        qf_sim_cancel(sim, order);
}

/* release_slot takes an order that has ended from its slot, which the oldest that wants it has now. */
static void
release_slot(Sim *sim, SimOrder *order)
{
    SimStore *store = &sim->store;
    int *waiting;

    if (order->level < 0)
        return;
    waiting = &store->waiting[order->buy][order->level];
    if (!order->holds_slot)
    {
        (*waiting)--;
        return;
    }
    order->holds_slot = false;
    store->slots[order->buy][order->level] = -1;
    for (size_t i = 0; *waiting > 0 && sim->plant != PLANT_SLOTS_FORGOTTEN && i < store->norders; i++)
        if (store->orders[i].level == order->level && store->orders[i].buy == order->buy &&
            qm_order_is_live(store->orders[i].state))
        {
            (*waiting)--;
            take_slot(sim, &store->orders[i]);
            return;
        }
}

/* take_slot gives an order its slot, or has it wait for it. */
static void
take_slot(Sim *sim, SimOrder *order)
{
    int *holder;

    if (order->level < 0 || !qm_order_is_live(order->state))
        return;
    holder = &sim->store.slots[order->buy][order->level];
    order->holds_slot = *holder < 0;
    if (order->holds_slot)
        *holder = (int) (order - sim->store.orders);
    else
        sim->store.waiting[order->buy][order->level]++;
}

/* qf_store_hear applies what the exchange says of an order, and of its trades; NULL when we have no such order. */
SimOrder *
qf_store_hear(Sim *sim, const ExchangeOrder *told, const ExchangeTrade *trades, size_t ntrades)
{
    SimOrder *order = qf_store_find(sim, told->client_order_id, told->exchange_order_id);

    if (order == NULL)
        return NULL;
    link_exchange_id(sim, order, told->exchange_order_id);
    if (told->filled > order->reported)
    {
        order->reported = told->filled;
        order->changed_us = sim->now_us;
    }
    for (size_t i = 0; i < ntrades; i++)
        qf_store_book(sim, order, &trades[i]);
    qf_store_happen(sim, order, event_of(told->state));
    return order;
}

/* link_exchange_id notes the exchange's id of an order. */
static void
link_exchange_id(Sim *sim, SimOrder *order, const char *exchange_order_id)
{
    if (order->exchange_order_id[0] != '\0' || exchange_order_id[0] == '\0')
        return;
    memcpy(order->exchange_order_id, exchange_order_id, QF_ID_SIZE);
    order->changed_us = sim->now_us;
    map_put(&sim->store.by_exchange_id, strtoll(exchange_order_id, NULL, 10), (int) (order - sim->store.orders));
}

/* event_of returns what has happened to an order that is shown in a state. */
static QmOrderEvent
event_of(QmOrderState state)
{
    switch (state)
    {
        case QM_ORDER_OPEN:
            return QM_EVENT_OPENED;
        case QM_ORDER_PARTIALLY_FILLED:
            return QM_EVENT_PART_FILLED;
        case QM_ORDER_FILLED:
            return QM_EVENT_FILLED;
        case QM_ORDER_CANCELED:
            return QM_EVENT_CANCELED;
        case QM_ORDER_EXPIRED:
            return QM_EVENT_EXPIRED;
        default:
            abort();
    }
}

/* qf_store_adopt makes a row of an order that we do not have; its trades are still to be booked. */
SimOrder *
qf_store_adopt(Sim *sim, const ExchangeOrder *told)
{
    SimOrder order = {.state = QM_ORDER_OPEN,
                      .origin = QM_ORIGIN_EXTERNAL,
                      .buy = told->buy,
                      .level = -1,
                      .owner = -1,
                      .price = told->price,
                      .quantity = told->quantity,
                      .reported = told->filled};
    SimOrder *added = qf_store_find(sim, told->client_order_id, told->exchange_order_id);
    char tag[QM_TAG_LEN + 1];

    if (added != NULL)
        return added;
    memcpy(order.client_order_id, told->client_order_id, QF_ID_SIZE);
    memcpy(order.exchange_order_id, told->exchange_order_id, QF_ID_SIZE);
    if (qf_store_is_ours(sim, told->client_order_id))
    {
        order.origin = QM_ORIGIN_ADOPTED;
        order.level = (int) (told->price - SIM_FIRST_PRICE);
        (void) qm_order_id_parse(told->client_order_id, tag, &order.order_id, &order.attempt);
    }
    else
        order.order_id = sim->next_order_id++;
    added = qf_store_add(sim, &order);
    qf_store_happen(sim, added, event_of(told->state));
    return added;
}

/* qf_store_book books one side of a trade, once. */
void
qf_store_book(Sim *sim, SimOrder *order, const ExchangeTrade *trade)
{
    SimStore *store = &sim->store;

    if (qf_store_fill(sim, trade) != NULL)
        return;
    store->fills = qf_grow(store->fills, store->nfills, &store->fills_room, sizeof(*store->fills));
    store->fills[store->nfills] = (SimFill){(int) (order - store->orders), trade->price, trade->quantity};
    map_put(&store->by_trade, trade_key(trade), (int) store->nfills++);
    if (trade->number > store->newest_trade)
        store->newest_trade = trade->number;
    store->base += order->buy ? trade->quantity : -trade->quantity;
    store->quote += (order->buy ? -trade->quantity : trade->quantity) * trade->price;
    order->filled += trade->quantity;
    if (order->filled > order->reported)
        order->reported = order->filled;
    order->changed_us = sim->now_us;
    link_exchange_id(sim, order, trade->exchange_order_id);
    qf_store_happen(sim, order, order->filled >= order->quantity ? QM_EVENT_FILLED : QM_EVENT_PART_FILLED);
}

/* qf_store_ask makes a question of these ids, unless there is one. */
void
qf_store_ask(Sim *sim, const char *client_order_id, const char *exchange_order_id)
{
    SimStore *store = &sim->store;
    SimTask task = {.sent = false};

    snprintf(task.client_order_id, QF_ID_SIZE, "%s", client_order_id == NULL ? "" : client_order_id);
    snprintf(task.exchange_order_id, QF_ID_SIZE, "%s", exchange_order_id == NULL ? "" : exchange_order_id);
    for (size_t i = 0; i < store->ntasks; i++)
        if (strcmp(store->tasks[i].client_order_id, task.client_order_id) == 0 &&
            strcmp(store->tasks[i].exchange_order_id, task.exchange_order_id) == 0)
            return;
    store->tasks = qf_grow(store->tasks, store->ntasks, &store->tasks_room, sizeof(*store->tasks));
    store->tasks[store->ntasks++] = task;
}
