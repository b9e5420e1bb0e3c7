/*
 * Scripted exchange: a small exchange in the test's own process.
 */
#include "scripted_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

static void answer_call(QtExchange *exchange, const QtCall *call);

/* ask queues a call. */
static QmCode
ask(QmExchange *base, QtCallKind kind, const QmExchangeWhich *which, int64_t from_id, QmExchangeDone done,
    void *argument)
{
    QtExchange *exchange = (QtExchange *) base;
    QtCall *call = &exchange->calls[exchange->call_count];

    if (exchange->full || exchange->call_count == QT_CALLS_MAX)
        return qm_error_set(&exchange->error, QM_ERROR_LIMIT, "53000", NULL, "the queue is full");
    memset(call, 0, sizeof(*call));
    call->kind = kind;
    call->from_id = from_id;
    call->done = done;
    call->argument = argument;
    if (which != NULL)
    {
        qm_text_copy(call->client_order_id, sizeof(call->client_order_id), which->client_order_id);
        qm_text_copy(call->exchange_order_id, sizeof(call->exchange_order_id), which->exchange_order_id);
    }
    exchange->call_count++;
    exchange->counts[kind]++;
    return QM_OK;
}

static QmCode
cancel(QmExchange *base, const QmExchangeWhich *which, QmExchangeDone done, void *argument)
{
    return ask(base, QT_CALL_CANCEL, which, 0, done, argument);
}

static QmCode
query(QmExchange *base, const QmExchangeWhich *which, QmExchangeDone done, void *argument)
{
    return ask(base, QT_CALL_QUERY, which, 0, done, argument);
}

static QmCode
open_orders(QmExchange *base, const char *symbol, QmExchangeDone done, void *argument)
{
    (void) symbol;
    return ask(base, QT_CALL_OPEN_ORDERS, NULL, 0, done, argument);
}

static QmCode
trades(QmExchange *base, const char *symbol, int64_t from_id, QmExchangeDone done, void *argument)
{
    (void) symbol;
    return ask(base, QT_CALL_TRADES, NULL, from_id, done, argument);
}

static QmCode
order_trades(QmExchange *base, const char *symbol, const char *exchange_order_id, int64_t from_id, QmExchangeDone done,
             void *argument)
{
    const QmExchangeWhich which = {.symbol = symbol, .exchange_order_id = exchange_order_id};

    return ask(base, QT_CALL_ORDER_TRADES, &which, from_id, done, argument);
}

static QmCode
balances(QmExchange *base, QmExchangeDone done, void *argument)
{
    return ask(base, QT_CALL_BALANCES, NULL, 0, done, argument);
}

/* run answers all calls that were queued before it. */
static void
run(QmExchange *base)
{
    QtExchange *exchange = (QtExchange *) base;
    QtCall calls[QT_CALLS_MAX];
    size_t count = exchange->call_count;

    memcpy(calls, exchange->calls, count * sizeof(*calls));
    exchange->call_count = 0;
    for (size_t i = 0; i < count; i++)
        answer_call(exchange, &calls[i]);
}

static const QmError *
error(const QmExchange *base)
{
    return &((const QtExchange *) base)->error;
}

/* close_exchange answers what is open. */
static void
close_exchange(QmExchange *base)
{
    QtExchange *exchange = (QtExchange *) base;
    const QmExchangeAnswer closed = {.outcome = QM_EXCHANGE_NOT_SENT, .cause = QM_CAUSE_CLOSED, .message = "closed"};

    for (size_t i = 0; i < exchange->call_count; i++)
        exchange->calls[i].done(exchange->calls[i].argument, &closed);
    exchange->call_count = 0;
}

/* find returns the order that a call names, NULL when there is none. */
static QmExchangeOrder *
find(QtExchange *exchange, const QtCall *call)
{
    for (size_t i = 0; i < exchange->order_count; i++)
        if (call->client_order_id[0] != '\0'
                ? strcmp(call->client_order_id, exchange->orders[i].client_order_id) == 0
                : strcmp(call->exchange_order_id, exchange->orders[i].exchange_order_id) == 0)
            return &exchange->orders[i];
    return NULL;
}

/* add_trades adds a page of trades to an answer. */
static void
add_trades(QtExchange *exchange, const QtCall *call, QmExchangeTrade *room, QmExchangeAnswer *answer)
{
    for (size_t i = 0; i < exchange->trade_count; i++)
    {
        const QmExchangeTrade *trade = &exchange->trades[i];

        if (strtoll(trade->trade_id, NULL, 10) < call->from_id ||
            (call->kind == QT_CALL_ORDER_TRADES && strcmp(trade->exchange_order_id, call->exchange_order_id) != 0))
            continue;
        if (answer->trade_count == exchange->page)
            answer->more = true;
        else
            room[answer->trade_count++] = *trade;
    }
    answer->trades = room;
}

/* answer_call answers one call by what the exchange has. */
static void
answer_call(QtExchange *exchange, const QtCall *call)
{
    QmExchangeTrade trade_room[QT_TRADES_MAX];
    QmExchangeOrder order_room[QT_ORDERS_MAX];
    QmExchangeOrder *order = find(exchange, call);
    QmExchangeAnswer answer = {.message = ""};

    if (exchange->outcome != QM_EXCHANGE_DONE && exchange->fails == call->kind)
        answer = (QmExchangeAnswer){.outcome = exchange->outcome, .cause = exchange->cause, .message = "as told"};
    else if (call->kind == QT_CALL_QUERY || call->kind == QT_CALL_CANCEL)
    {
        bool cancels = call->kind == QT_CALL_CANCEL;

        if (order == NULL || (cancels && !order->open))
            answer = (QmExchangeAnswer){.outcome = QM_EXCHANGE_REFUSED,
                                        .cause = cancels ? QM_CAUSE_NOT_OPEN : QM_CAUSE_ABSENT,
                                        .code = cancels ? -2011 : -2013,
                                        .message = "no such order"};
        else
        {
            if (cancels)
            {
                order->open = false;
                order->state = "CANCELED";
            }
            answer.orders = order;
            answer.order_count = 1;
        }
    }
    else if (call->kind == QT_CALL_OPEN_ORDERS)
    {
        for (size_t i = 0; i < exchange->order_count; i++)
            if (exchange->orders[i].open)
                order_room[answer.order_count++] = exchange->orders[i];
        answer.orders = order_room;
    }
    else if (call->kind == QT_CALL_BALANCES)
    {
        answer.balances = &exchange->balance;
        answer.balance_count = 1;
    }
    else
        add_trades(exchange, call, trade_room, &answer);
    call->done(call->argument, &answer);
}

static const QmExchangeFunctions functions = {
    .name = "scripted",
    .close = close_exchange,
    .run = run,
    .error = error,
    .cancel = cancel,
    .query = query,
    .open_orders = open_orders,
    .trades = trades,
    .order_trades = order_trades,
    .balances = balances,
};

/* qt_exchange_open makes an exchange with one balance and nothing else. */
void
qt_exchange_open(QtExchange *exchange)
{
    *exchange = (QtExchange){.exchange = {&functions},
                             .page = QT_TRADES_MAX,
                             .balance = {.asset = "BTC", .free = "1", .locked = "0"}};
}

/* qt_exchange_order plants a buy of 0.01 at 65000. The texts stay the caller's. */
QmExchangeOrder *
qt_exchange_order(QtExchange *exchange, const char *client_order_id, const char *id, const char *state,
                  const char *filled)
{
    QmExchangeOrder *order = &exchange->orders[exchange->order_count++];

    *order = (QmExchangeOrder){.symbol = "BTCUSDT",
                               .client_order_id = client_order_id,
                               .exchange_order_id = id,
                               .side = "buy",
                               .order_type = "limit",
                               .time_in_force = "gtc",
                               .price = "65000",
                               .quantity = "0.01",
                               .cumulative_quantity = filled,
                               .state = state,
                               .open = strcmp(state, "NEW") == 0 || strcmp(state, "PARTIALLY_FILLED") == 0};
    return order;
}

/* qt_exchange_trade plants a trade at 65000. */
void
qt_exchange_trade(QtExchange *exchange, const char *id, const char *exchange_order_id, const char *quantity)
{
    exchange->trades[exchange->trade_count++] = (QmExchangeTrade){.symbol = "BTCUSDT",
                                                                  .trade_id = id,
                                                                  .exchange_order_id = exchange_order_id,
                                                                  .price = "65000",
                                                                  .quantity = quantity,
                                                                  .commission = "0",
                                                                  .commission_asset = "BNB",
                                                                  .time_us = INT64_C(1790000000000000),
                                                                  .is_buyer = 1,
                                                                  .is_maker = 1};
}
