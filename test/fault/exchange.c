/*
 * The exchange that is not there: what is on the way, to it and from it.
 *
 * Everything that will happen is in one queue by time. Whoever asks for the next
 * message lets the time go on until something reaches us. A sender that has
 * waited long enough is told so; the reply may still come.
 */
#include "exchange.h"

#include "exchangeinside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PASSAGE_US 150000 /* what a message usually takes, at most */
#define SLOW_US 12000000  /* and what a slow one takes more, at most */
#define REST_US 8000000   /* how long nothing happens to an order, at most */
#define LATE_TRADE_US 2000000

static void happen(Exchange *exchange, Event *event);
static void arrive(Exchange *exchange, int64_t now_us, int request);
static void place(Exchange *exchange, int64_t now_us, int request);
static void accept_external(Exchange *exchange, int64_t now_us);
static void cancel(Exchange *exchange, int64_t now_us, int request);
static void query(Exchange *exchange, int64_t now_us, int request);
static void photograph(Exchange *exchange, int64_t now_us, int request);
static void spoil(Exchange *exchange, ExchangeSnapshot *snapshot);
static void step(Exchange *exchange, int64_t now_us, int order);
static bool cross(Exchange *exchange, int64_t now_us, int order);
static void report(Exchange *exchange, int64_t now_us, int order, int trade);
static void reply(Exchange *exchange, int64_t now_us, int request, ExchangeAnswer answer, Event event);
static void deliver(Exchange *exchange, int64_t now_us, Event event, int lost, int slow);
static void show(Exchange *exchange, const Event *event, ExchangeMessage *message);
static int64_t passage(Exchange *exchange, int slow);
static int64_t as_of(Exchange *exchange, int64_t now_us);
static int find_order(const Exchange *exchange, const Request *request);

static const Event nothing = {.request = -1, .order = -1, .trade = -1};

/* qf_exchange_open opens an exchange; NULL without memory. */
Exchange *
qf_exchange_open(uint64_t seed, const ExchangeFaults *faults)
{
    Exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL)
        return NULL;
    exchange->faults = *faults;
    exchange->random = seed;
    exchange->book.seed = qf_random_next(&exchange->random);
    exchange->last = nothing;
    return exchange;
}

/* qf_exchange_close gives everything back. */
void
qf_exchange_close(Exchange *exchange)
{
    ExchangeMessage message;

    exchange->calm = true;
    while (qf_exchange_next(exchange, INT64_MAX, &message))
        ;
    qf_book_free(&exchange->book);
    free(exchange->queue);
    free(exchange->requests);
    free(exchange->by_client);
    free(exchange);
}

/* qf_exchange_send sends a request, which leaves at that time, and returns its number. */
int
qf_exchange_send(Exchange *exchange, ExchangeKind kind, int64_t leaves_us, const ExchangeRequest *request)
{
    int number = (int) exchange->nrequests;
    Event event = nothing;
    Request *sent;

    exchange->requests =
        qf_grow(exchange->requests, exchange->nrequests, &exchange->requests_room, sizeof(*exchange->requests));
    sent = &exchange->requests[exchange->nrequests++];
    *sent = (Request){.kind = kind, .asked = *request, .order = -1};
    if (request->client_order_id != NULL)
        snprintf(sent->client_order_id, QF_ID_SIZE, "%s", request->client_order_id);
    if (request->exchange_order_id != NULL)
        snprintf(sent->exchange_order_id, QF_ID_SIZE, "%s", request->exchange_order_id);
    if (kind == QF_MESSAGE_ORDER)
        qf_request_note(exchange, number);
    event.request = number;
    event.kind = EVENT_TIMEOUT;
    qf_queue_plan(exchange, leaves_us + QF_TIMEOUT_US, event);
    event.kind = EVENT_ARRIVE;
    if (!qf_random_chance(&exchange->random, exchange->faults.request_lost))
        qf_queue_plan(exchange, leaves_us + passage(exchange, exchange->faults.request_slow), event);
    return number;
}

/* qf_exchange_next lets the time go on until something reaches us, and shows it; false: nothing did until then. */
bool
qf_exchange_next(Exchange *exchange, int64_t until_us, ExchangeMessage *message)
{
    free(exchange->last_trades);
    exchange->last_trades = NULL;
    if (exchange->last.snapshot != NULL)
    {
        free(exchange->last.snapshot->orders);
        free(exchange->last.snapshot->trades);
        free(exchange->last.snapshot);
    }
    exchange->last = nothing;
    while (exchange->nqueue > 0 && exchange->queue[0].at_us <= until_us)
    {
        Event event = qf_queue_take(exchange);

        if (event.kind == EVENT_TIMEOUT && !exchange->requests[event.request].answered)
        {
            event.message = exchange->requests[event.request].kind;
            event.answer = QF_ANSWER_LOST;
            event.kind = EVENT_DELIVER;
        }
        if (event.kind == EVENT_DELIVER)
        {
            show(exchange, &event, message);
            return true;
        }
        happen(exchange, &event);
    }
    return false;
}

/* qf_exchange_calm ends all faults, and lets nothing happen to orders any more but what we do. */
void
qf_exchange_calm(Exchange *exchange)
{
    exchange->faults = (ExchangeFaults){0};
    exchange->calm = true;
}

/* happen does what an event is about at the exchange. */
static void
happen(Exchange *exchange, Event *event)
{
    if (event->kind == EVENT_ARRIVE)
        arrive(exchange, event->at_us, event->request);
    else if (event->kind == EVENT_STEP)
        step(exchange, event->at_us, event->order);
    else if (event->kind == EVENT_LATE_TRADE && !exchange->calm)
        report(exchange, event->at_us, event->order, qf_book_trade(&exchange->book, event->at_us, event->order, 1));
}

/* arrive looks at a request. */
static void
arrive(Exchange *exchange, int64_t now_us, int request)
{
    switch (exchange->requests[request].kind)
    {
        case QF_MESSAGE_ORDER:
            place(exchange, now_us, request);
            break;
        case QF_MESSAGE_CANCEL:
            cancel(exchange, now_us, request);
            break;
        case QF_MESSAGE_QUERY:
            query(exchange, now_us, request);
            break;
        case QF_MESSAGE_SNAPSHOT:
            photograph(exchange, now_us, request);
            break;
        case QF_MESSAGE_REPORT:
            abort();
    }
}

/* place accepts an order, or not. */
static void
place(Exchange *exchange, int64_t now_us, int request)
{
    Request *sent = &exchange->requests[request];
    ExchangeOrder order = {.buy = sent->asked.buy, .price = sent->asked.price, .quantity = sent->asked.quantity};
    Event event = nothing;

    if (now_us > sent->asked.deadline_us || qf_random_chance(&exchange->random, exchange->faults.not_processed))
    {
        reply(exchange, now_us, request, QF_ANSWER_NOT_PROCESSED, nothing);
        return;
    }
    if (qf_random_chance(&exchange->random, exchange->faults.rejected))
    {
        reply(exchange, now_us, request, QF_ANSWER_REJECTED, nothing);
        return;
    }
    memcpy(order.client_order_id, sent->client_order_id, QF_ID_SIZE);
    event.order = sent->order = qf_book_accept(&exchange->book, now_us, &order, sent->asked.level);
    report(exchange, now_us, event.order, -1);
    reply(exchange, now_us, request, QF_ANSWER_DONE, event);
    step(exchange, now_us, event.order);
    if (qf_random_chance(&exchange->random, exchange->faults.external))
        accept_external(exchange, now_us);
}

/* accept_external takes an order of somebody else in the account. */
static void
accept_external(Exchange *exchange, int64_t now_us)
{
    ExchangeOrder order = {.buy = qf_random_chance(&exchange->random, 500),
                           .price = 100 + qf_random_below(&exchange->random, 100),
                           .quantity = 1 + qf_random_below(&exchange->random, 20)};
    int64_t kind = qf_random_below(&exchange->random, 3);
    Event event = nothing;

    if (kind == 0)
        snprintf(order.client_order_id, QF_ID_SIZE, "bot");
    else if (kind == 1)
        snprintf(order.client_order_id, QF_ID_SIZE, "web_%zu", exchange->book.norders);
    event.order = qf_book_accept(&exchange->book, now_us, &order, -1);
    event.kind = EVENT_STEP;
    report(exchange, now_us, event.order, -1);
    qf_queue_plan(exchange, now_us + qf_random_below(&exchange->random, REST_US), event);
}

/* cancel cancels an order, if it is still there. */
static void
cancel(Exchange *exchange, int64_t now_us, int request)
{
    int order = find_order(exchange, &exchange->requests[request]);
    Event event = nothing;

    if (order < 0 || !qf_book_is_live(&exchange->book, order))
    {
        reply(exchange, now_us, request, QF_ANSWER_UNKNOWN_ORDER, nothing);
        return;
    }
    qf_book_end(&exchange->book, now_us, order, QM_ORDER_CANCELED);
    event.order = order;
    report(exchange, now_us, order, -1);
    reply(exchange, now_us, request, QF_ANSWER_DONE, event);
    event.kind = EVENT_LATE_TRADE;
    if (qf_random_chance(&exchange->random, exchange->faults.late_trade) &&
        exchange->book.orders[order].shown.quantity - exchange->book.orders[order].shown.filled > 1)
        qf_queue_plan(exchange, now_us + qf_random_below(&exchange->random, LATE_TRADE_US), event);
}

/* query says what is known of an order; that can be old. */
static void
query(Exchange *exchange, int64_t now_us, int request)
{
    Event event = nothing;

    event.as_of_us = as_of(exchange, now_us);
    event.order = find_order(exchange, &exchange->requests[request]);
    if (event.order < 0 || exchange->book.orders[event.order].accepted_us > event.as_of_us)
        reply(exchange, now_us, request, QF_ANSWER_UNKNOWN_ORDER, nothing);
    else
        reply(exchange, now_us, request, QF_ANSWER_DONE, event);
}

/* photograph lists everything, as it is or was, and not always all of it. */
static void
photograph(Exchange *exchange, int64_t now_us, int request)
{
    int64_t orders_us = as_of(exchange, now_us), trades_us = as_of(exchange, now_us);
    Event event = nothing;

    event.snapshot = calloc(1, sizeof(*event.snapshot));
    if (event.snapshot == NULL)
        abort();
    qf_book_show_market(&exchange->book,
                        now_us,
                        orders_us,
                        trades_us,
                        exchange->requests[request].asked.after_number,
                        event.snapshot);
    spoil(exchange, event.snapshot);
    reply(exchange, now_us, request, QF_ANSWER_DONE, event);
}

/* spoil does to a snapshot what can happen to it. */
static void
spoil(Exchange *exchange, ExchangeSnapshot *snapshot)
{
    const ExchangeFaults *faults = &exchange->faults;
    size_t kept = 0;

    if (qf_random_chance(&exchange->random, faults->snapshot_empty))
    {
        snapshot->norders = snapshot->ntrades = 0;
        snapshot->balances_seen = false;
    }
    if (qf_random_chance(&exchange->random, faults->snapshot_cut))
    {
        snapshot->complete = false;
        snapshot->norders = (size_t) qf_random_below(&exchange->random, (int64_t) snapshot->norders + 1);
        snapshot->ntrades = (size_t) qf_random_below(&exchange->random, (int64_t) snapshot->ntrades + 1);
    }
    if (qf_random_chance(&exchange->random, faults->snapshot_hollow))
    {
        for (size_t i = 0; i < snapshot->norders; i++)
            if (qf_random_chance(&exchange->random, 600))
                snapshot->orders[kept++] = snapshot->orders[i];
        snapshot->hollow = kept < snapshot->norders;
        snapshot->norders = kept;
    }
    if (qf_random_chance(&exchange->random, faults->snapshot_doubled) && snapshot->norders > 1)
    {
        /* Pages have a size: what moves to the next one while they are read is there twice, and something else is not. */
        snapshot->orders[snapshot->norders - 1] = snapshot->orders[0];
        snapshot->hollow = true;
    }
}

/* step lets something happen to an order, and plans when it will again. */
static void
step(Exchange *exchange, int64_t now_us, int order)
{
    bool amend = qf_random_chance(&exchange->random, exchange->faults.amended);
    Event event = nothing;
    BookStep did;

    if (exchange->calm || !qf_book_is_live(&exchange->book, order))
        return;
    if (qf_random_chance(&exchange->random, exchange->faults.self_trade) && cross(exchange, now_us, order))
        return;
    /* Most orders rest before anything happens to them. */
    did = exchange->book.orders[order].accepted_us == now_us && !qf_random_chance(&exchange->random, 150)
              ? BOOK_STEP_NOTHING
              : qf_book_step(&exchange->book, now_us, order, amend);
    if (did == BOOK_STEP_TRADE)
        report(exchange, now_us, order, exchange->book.orders[order].last_trade);
    else if (did == BOOK_STEP_END)
        report(exchange, now_us, order, -1);
    event.kind = EVENT_STEP;
    event.order = order;
    if (qf_random_chance(&exchange->random, 900))
        qf_queue_plan(exchange, now_us + 1 + qf_random_below(&exchange->random, REST_US), event);
}

/* cross lets an order trade with another one of the account, if some order that is drawn fits; that ends its steps. */
static bool
cross(Exchange *exchange, int64_t now_us, int order)
{
    Book *book = &exchange->book;
    int other = book->active[qf_random_below(&exchange->random, (int64_t) book->nactive)];
    int trades[2];

    if (!qf_book_cross(book, now_us, order, other, trades))
        return false;
    report(exchange, now_us, order, trades[0]);
    report(exchange, now_us, other, trades[1]);
    return true;
}

/* report tells the stream of an order's state, and of the trade that led to it. */
static void
report(Exchange *exchange, int64_t now_us, int order, int trade)
{
    Event event = nothing;

    event.message = QF_MESSAGE_REPORT;
    event.answer = QF_ANSWER_DONE;
    event.order = order;
    event.trade = trade;
    event.shown = exchange->book.orders[order].shown;
    deliver(exchange, now_us, event, exchange->faults.report_lost, exchange->faults.report_slow);
}

/* reply answers a request with what the event shows. */
static void
reply(Exchange *exchange, int64_t now_us, int request, ExchangeAnswer answer, Event event)
{
    event.message = exchange->requests[request].kind;
    event.answer = answer;
    event.request = request;
    if (event.order >= 0 && event.as_of_us != 0)
        qf_book_show(&exchange->book, event.order, event.as_of_us, &event.shown);
    else if (event.order >= 0)
        event.shown = exchange->book.orders[event.order].shown;
    deliver(exchange, now_us, event, exchange->faults.reply_lost, exchange->faults.reply_slow);
}

/* deliver brings a message on its way to us. A snapshot that is lost is lost with all that it shows. */
static void
deliver(Exchange *exchange, int64_t now_us, Event event, int lost, int slow)
{
    event.kind = EVENT_DELIVER;
    if (!qf_random_chance(&exchange->random, lost))
    {
        qf_queue_plan(exchange, now_us + passage(exchange, slow), event);
        if (event.snapshot == NULL && qf_random_chance(&exchange->random, exchange->faults.repeated))
            qf_queue_plan(exchange, now_us + passage(exchange, slow), event);
    }
    else if (event.snapshot != NULL)
    {
        free(event.snapshot->orders);
        free(event.snapshot->trades);
        free(event.snapshot);
    }
}

/* show makes a message of what reaches us. */
static void
show(Exchange *exchange, const Event *event, ExchangeMessage *message)
{
    *message = (ExchangeMessage){.kind = event->message,
                                 .answer = event->answer,
                                 .at_us = event->at_us,
                                 .request = event->request,
                                 .order = event->shown};
    exchange->last = *event;
    if (event->request >= 0)
    {
        Request *request = &exchange->requests[event->request];

        request->answered = request->answered || event->answer != QF_ANSWER_LOST;
        if (event->order < 0)
        {
            memcpy(message->order.client_order_id, request->client_order_id, QF_ID_SIZE);
            memcpy(message->order.exchange_order_id, request->exchange_order_id, QF_ID_SIZE);
        }
    }
    if (event->snapshot != NULL)
        message->snapshot = *event->snapshot;
    if (event->message == QF_MESSAGE_QUERY && event->order >= 0)
        message->ntrades = qf_book_show_trades(&exchange->book, event->order, event->as_of_us, &message->trades);
    else if (event->trade >= 0)
    {
        size_t room = 0;

        message->trades = qf_grow(NULL, 0, &room, sizeof(*message->trades));
        message->trades[0] = exchange->book.trades[event->trade].shown;
        message->ntrades = 1;
    }
    exchange->last_trades = message->trades;
}

/* passage returns how long a message takes. */
static int64_t
passage(Exchange *exchange, int slow)
{
    int64_t us = 1 + qf_random_below(&exchange->random, PASSAGE_US);

    return qf_random_chance(&exchange->random, slow) ? us + qf_random_below(&exchange->random, SLOW_US) : us;
}

/* as_of returns the time whose state is shown. */
static int64_t
as_of(Exchange *exchange, int64_t now_us)
{
    if (!qf_random_chance(&exchange->random, exchange->faults.stale))
        return now_us;
    return now_us - qf_random_below(&exchange->random, QF_STALE_US_MAX);
}

/* find_order returns the number of the order that a request is about, or -1. */
static int
find_order(const Exchange *exchange, const Request *request)
{
    int placed;

    if (request->exchange_order_id[0] != '\0')
        return qf_book_find(&exchange->book, request->exchange_order_id);
    placed = qf_request_find(exchange, request->client_order_id);
    return placed < 0 ? -1 : exchange->requests[placed].order;
}
