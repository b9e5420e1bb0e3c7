/*
 * Scripted exchange: a small exchange in the test's own process.
 *
 * It keeps orders, trades and a balance that the test plants, answers calls from
 * within run() like every exchange, counts them, and fails on demand.
 */
#ifndef QT_SCRIPTED_EXCHANGE_H
#define QT_SCRIPTED_EXCHANGE_H

#include "exchange.h"

#define QT_ORDERS_MAX 16
#define QT_TRADES_MAX 64
#define QT_CALLS_MAX 64

typedef enum QtCallKind
{
    QT_CALL_CANCEL,
    QT_CALL_QUERY,
    QT_CALL_OPEN_ORDERS,
    QT_CALL_TRADES,
    QT_CALL_ORDER_TRADES,
    QT_CALL_BALANCES,
    QT_CALL_KINDS
} QtCallKind;

typedef struct QtCall
{
    QtCallKind kind;
    char client_order_id[QM_NAME_SIZE];
    char exchange_order_id[QM_NAME_SIZE];
    int64_t from_id;
    QmExchangeDone done;
    void *argument;
} QtCall;

typedef struct QtExchange
{
    QmExchange exchange; /* first */
    QmError error;
    QmExchangeOrder orders[QT_ORDERS_MAX];
    size_t order_count;
    QmExchangeTrade trades[QT_TRADES_MAX];
    size_t trade_count;
    size_t page; /* trades of one answer */
    QmExchangeBalance balance;
    QtCall calls[QT_CALLS_MAX];
    size_t call_count;
    int counts[QT_CALL_KINDS];
    QmExchangeOutcome outcome; /* of the next calls of kind fails; DONE: nothing fails */
    QmExchangeCause cause;
    QtCallKind fails;
    bool full; /* calls are refused */
} QtExchange;

extern void qt_exchange_open(QtExchange *exchange);
extern QmExchangeOrder *qt_exchange_order(QtExchange *exchange, const char *client_order_id, const char *id,
                                          const char *state, const char *filled);
extern void qt_exchange_trade(QtExchange *exchange, const char *id, const char *exchange_order_id,
                              const char *quantity);

#endif
