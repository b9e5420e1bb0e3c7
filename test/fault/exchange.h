/*
 * An exchange that is not there: what it has of one market of one account, and
 * all that can go wrong between it and us. Pure C, in the caller's time; a seed
 * gives the same exchange again.
 *
 * exchange       requests, what reaches us and when: lost, late, twice, in any order
 * exchangebook   the truth: orders and their lives, trades, balances, and how they look from afar
 * exchangequeue  what is to come, and requests by id
 *
 * What it never does: accept a request after the request's own deadline, take
 * back what it has said, or tell of something before it was so. A query or list
 * can be as old as QF_STALE_US_MAX; a trade's number grows with time.
 */
#ifndef QF_EXCHANGE_H
#define QF_EXCHANGE_H

#include "order_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum
{
    QF_ID_SIZE = 24,
    QF_STALE_US_MAX = 1000000, /* how old what it shows can be */
    QF_TIMEOUT_US = 1500000,   /* when a sender stops waiting for a reply */
    QF_LEVELS_MAX = 512        /* of one side, for counting orders that are live at once */
};

/* What goes wrong, in thousandths of the times that it could. */
typedef struct ExchangeFaults
{
    int request_lost;
    int request_slow; /* up to seconds */
    int reply_lost;
    int reply_slow;
    int report_lost;
    int report_slow;
    int repeated; /* replies and reports come twice */
    int rejected;
    int not_processed;    /* refused unseen: rate limits */
    int snapshot_cut;     /* an error after some of it */
    int snapshot_empty;   /* nothing at all, and no error */
    int snapshot_hollow;  /* some open orders are left out, and no error */
    int snapshot_doubled; /* pages overlap: some of it is there twice */
    int stale;            /* lists and answers are of a while ago */
    int late_trade;       /* a trade becomes known after its order was canceled */
    int amended;          /* somebody makes an order smaller by hand */
    int self_trade;       /* two orders of the account trade with each other, under one trade id */
    int external;         /* per accepted order: somebody else places one in the account */
} ExchangeFaults;

typedef struct ExchangeOrder
{
    char client_order_id[QF_ID_SIZE]; /* empty: none */
    char exchange_order_id[QF_ID_SIZE];
    QmOrderState state;
    bool buy;
    int64_t price, quantity, filled;
} ExchangeOrder;

typedef struct ExchangeTrade
{
    int64_t number; /* from 1, growing; a snapshot goes on behind it */
    char trade_id[QF_ID_SIZE];
    char exchange_order_id[QF_ID_SIZE];
    bool buy;
    int64_t price, quantity;
    int64_t at_us;
} ExchangeTrade;

typedef struct ExchangeSnapshot
{
    bool complete;
    bool hollow; /* open orders were left out: nobody can see that, but those who check must not hold it against us */
    ExchangeOrder *orders;
    ExchangeTrade *trades;
    size_t norders, ntrades;
    bool balances_seen;
    int64_t base, quote;
} ExchangeSnapshot;

typedef enum ExchangeAnswer
{
    QF_ANSWER_DONE,          /* placed, canceled, found, or a snapshot */
    QF_ANSWER_REJECTED,      /* it will not have it */
    QF_ANSWER_NOT_PROCESSED, /* it has not looked at it */
    QF_ANSWER_UNKNOWN_ORDER, /* it knows no such order */
    QF_ANSWER_LOST           /* no reply in time; one may come yet */
} ExchangeAnswer;

typedef enum ExchangeKind
{
    QF_MESSAGE_ORDER,
    QF_MESSAGE_CANCEL,
    QF_MESSAGE_QUERY,
    QF_MESSAGE_SNAPSHOT,
    QF_MESSAGE_REPORT
} ExchangeKind;

/* What reaches us. Arrays are the exchange's, until the next message is asked for. */
typedef struct ExchangeMessage
{
    ExchangeKind kind;
    ExchangeAnswer answer;
    int64_t at_us;
    int request; /* what it replies to; -1: a report */
    ExchangeOrder order;
    ExchangeTrade *trades; /* of the order: all for a query, the new one for a report */
    size_t ntrades;
    ExchangeSnapshot snapshot;
} ExchangeMessage;

/* What is asked of it. */
typedef struct ExchangeRequest
{
    const char *client_order_id;   /* of orders; NULL: by the exchange's id */
    const char *exchange_order_id; /* of cancels and queries */
    bool buy;
    int level; /* whose orders must not be live at the same time; -1: any may */
    int64_t price, quantity;
    int64_t deadline_us;  /* refused when it arrives later */
    int64_t after_number; /* of snapshots: trades behind this one, and a few before */
} ExchangeRequest;

typedef struct Exchange Exchange;

extern Exchange *qf_exchange_open(uint64_t seed, const ExchangeFaults *faults);
extern void qf_exchange_close(Exchange *exchange);
extern int qf_exchange_send(Exchange *exchange, ExchangeKind kind, int64_t leaves_us, const ExchangeRequest *request);
extern bool qf_exchange_next(Exchange *exchange, int64_t until_us, ExchangeMessage *message);
extern void qf_exchange_calm(Exchange *exchange);

/* The truth, for those who check. */
extern size_t qf_exchange_orders(const Exchange *exchange);
extern bool qf_exchange_order(const Exchange *exchange, size_t at, ExchangeOrder *order);
extern bool qf_exchange_accepted(const Exchange *exchange, const char *client_order_id);
extern size_t qf_exchange_trades(const Exchange *exchange);
extern void qf_exchange_trade(const Exchange *exchange, size_t at, ExchangeTrade *trade);
extern void qf_exchange_balances(const Exchange *exchange, int64_t *base, int64_t *quote);
extern long qf_exchange_doubles(const Exchange *exchange);
extern long qf_exchange_repeats(const Exchange *exchange);

#endif
