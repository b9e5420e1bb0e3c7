/*
 * The exchange that is not there: what is to come, by time; requests by client
 * order id; and the truth, for those who check.
 */
#include "exchangeinside.h"

#include <stdlib.h>
#include <string.h>

static bool is_before(const Event *a, const Event *b);
static size_t table_slot(const Exchange *exchange, const char *client_order_id);

/* qf_queue_plan puts an event into the queue. */
void
qf_queue_plan(Exchange *exchange, int64_t at_us, Event event)
{
    size_t at = exchange->nqueue++;

    exchange->queue = qf_grow(exchange->queue, at, &exchange->queue_room, sizeof(*exchange->queue));
    event.at_us = at_us;
    event.serial = exchange->serial++;
    while (at > 0 && is_before(&event, &exchange->queue[(at - 1) / 2]))
    {
        exchange->queue[at] = exchange->queue[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    exchange->queue[at] = event;
}

/* qf_queue_take takes the next event out of the queue. */
Event
qf_queue_take(Exchange *exchange)
{
    Event first = exchange->queue[0], last = exchange->queue[--exchange->nqueue];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < exchange->nqueue)
    {
        if (child + 1 < exchange->nqueue && is_before(&exchange->queue[child + 1], &exchange->queue[child]))
            child++;
        if (!is_before(&exchange->queue[child], &last))
            break;
        exchange->queue[at] = exchange->queue[child];
        at = child;
    }
    exchange->queue[at] = last;
    return first;
}

/* is_before says which of two events comes first. */
static bool
is_before(const Event *a, const Event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->serial < b->serial;
}

/* qf_request_find returns the first request to place an order of that id, or -1. */
int
qf_request_find(const Exchange *exchange, const char *client_order_id)
{
    return exchange->table_size == 0 ? -1 : exchange->by_client[table_slot(exchange, client_order_id)];
}

/* qf_request_note remembers which request an id was first sent in, and counts those that were sent again. */
void
qf_request_note(Exchange *exchange, int request)
{
    size_t slot;

    if (2 * exchange->ntable >= exchange->table_size)
    {
        size_t n = exchange->nrequests;

        exchange->table_size = exchange->table_size == 0 ? 1024 : exchange->table_size * 2;
        exchange->by_client = realloc(exchange->by_client, exchange->table_size * sizeof(int));
        if (exchange->by_client == NULL)
            abort();
        for (size_t i = 0; i < exchange->table_size; i++)
            exchange->by_client[i] = -1;
        for (size_t i = 0; i < n; i++)
            if (exchange->requests[i].kind == QF_MESSAGE_ORDER && (int) i != request)
            {
                slot = table_slot(exchange, exchange->requests[i].client_order_id);
                if (exchange->by_client[slot] < 0)
                    exchange->by_client[slot] = (int) i;
            }
    }
    slot = table_slot(exchange, exchange->requests[request].client_order_id);
    if (exchange->by_client[slot] >= 0)
    {
        exchange->repeats++;
        return;
    }
    exchange->by_client[slot] = request;
    exchange->ntable++;
}

/* table_slot returns where an id is in the hash table, or would be. */
static size_t
table_slot(const Exchange *exchange, const char *client_order_id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t slot;

    for (const char *at = client_order_id; *at != '\0'; at++)
        hash = (hash ^ (uint8_t) *at) * UINT64_C(0x100000001b3);
    for (slot = hash % exchange->table_size; exchange->by_client[slot] >= 0; slot = (slot + 1) % exchange->table_size)
        if (strcmp(exchange->requests[exchange->by_client[slot]].client_order_id, client_order_id) == 0)
            break;
    return slot;
}

/* qf_exchange_orders returns how many orders were accepted. */
size_t
qf_exchange_orders(const Exchange *exchange)
{
    return exchange->book.norders;
}

/* qf_exchange_order shows an order as it is; false: it has ended. */
bool
qf_exchange_order(const Exchange *exchange, size_t at, ExchangeOrder *order)
{
    *order = exchange->book.orders[at].shown;
    return qf_book_is_live(&exchange->book, (int) at);
}

/* qf_exchange_accepted says whether an order of that id was ever accepted. */
bool
qf_exchange_accepted(const Exchange *exchange, const char *client_order_id)
{
    int request = qf_request_find(exchange, client_order_id);

    return request >= 0 && exchange->requests[request].order >= 0;
}

/* qf_exchange_trades returns how many trades there were. */
size_t
qf_exchange_trades(const Exchange *exchange)
{
    return exchange->book.ntrades;
}

/* qf_exchange_trade shows a trade. */
void
qf_exchange_trade(const Exchange *exchange, size_t at, ExchangeTrade *trade)
{
    *trade = exchange->book.trades[at].shown;
}

/* qf_exchange_balances shows what the trades have come to. */
void
qf_exchange_balances(const Exchange *exchange, int64_t *base, int64_t *quote)
{
    *base = exchange->book.base;
    *quote = exchange->book.quote;
}

/* qf_exchange_doubles returns how often two orders of one level were live at once. */
long
qf_exchange_doubles(const Exchange *exchange)
{
    return exchange->book.doubles;
}

/* qf_exchange_repeats returns how many orders were sent under an id that had been sent before. */
long
qf_exchange_repeats(const Exchange *exchange)
{
    return exchange->repeats;
}
