/*
 * The exchange that is not there, from inside: for exchange*.c alone.
 */
#ifndef QF_EXCHANGEINSIDE_H
#define QF_EXCHANGEINSIDE_H

#include "exchange.h"

/* An order that was accepted. */
typedef struct BookOrder
{
    ExchangeOrder shown; /* as it is now */
    uint64_t random;     /* decides its life, whatever happens around it */
    int64_t accepted_us, ended_us;
    int level;
    int first_trade, last_trade; /* -1: none */
} BookOrder;

typedef struct BookTrade
{
    ExchangeTrade shown;
    int order;
    int next; /* of the same order; -1: none */
} BookTrade;

typedef struct Book
{
    uint64_t seed;
    BookOrder *orders;
    BookTrade *trades;
    int *active; /* orders that are live, or that somebody may still be shown as live */
    size_t norders, ntrades, nactive, orders_room, trades_room, active_room;
    int64_t base, quote;
    int live[2][QF_LEVELS_MAX];
    long doubles; /* times that two orders of one level were live at once */
} Book;

/* What a step in an order's life brought. */
typedef enum BookStep
{
    BOOK_STEP_NOTHING,
    BOOK_STEP_TRADE,
    BOOK_STEP_END
} BookStep;

typedef enum EventKind
{
    EVENT_ARRIVE,     /* a request is there */
    EVENT_TIMEOUT,    /* its sender stops waiting */
    EVENT_STEP,       /* something happens to an order */
    EVENT_LATE_TRADE, /* a trade of an ended order becomes known */
    EVENT_DELIVER     /* a message reaches us */
} EventKind;

typedef struct Event
{
    int64_t at_us;
    uint64_t serial; /* of two at one time, the one that was planned first is first */
    EventKind kind;
    ExchangeKind message;
    ExchangeAnswer answer;
    int request;                /* -1: none */
    int order;                  /* -1: none */
    int trade;                  /* of a report; -1: none */
    int64_t as_of_us;           /* what a query is shown */
    ExchangeOrder shown;        /* the order as it was when the message left */
    ExchangeSnapshot *snapshot; /* of a snapshot */
} Event;

typedef struct Request
{
    ExchangeKind kind;
    char client_order_id[QF_ID_SIZE], exchange_order_id[QF_ID_SIZE];
    ExchangeRequest asked; /* but for the ids */
    int order;             /* what an order became; -1: nothing */
    bool answered;
} Request;

struct Exchange
{
    ExchangeFaults faults;
    bool calm;
    uint64_t random;
    uint64_t serial;
    Event *queue; /* a heap */
    Request *requests;
    int *by_client; /* hash table of the requests that sent an id first; -1: free */
    size_t nqueue, nrequests, queue_room, requests_room, table_size, ntable;
    Book book;
    long repeats; /* order requests under an id that was sent before */
    Event last;   /* owns what the last message shows */
    ExchangeTrade *last_trades;
};

extern uint64_t qf_random_next(uint64_t *state);
extern int64_t qf_random_below(uint64_t *state, int64_t limit);
extern bool qf_random_chance(uint64_t *state, int thousandths);
extern void *qf_grow(void *things, size_t used, size_t *room, size_t size);

extern int qf_book_accept(Book *book, int64_t now_us, const ExchangeOrder *order, int level);
extern int qf_book_find(const Book *book, const char *exchange_order_id);
extern bool qf_book_is_live(const Book *book, int order);
extern bool qf_book_cross(Book *book, int64_t now_us, int order, int other, int trades[2]);
extern int qf_book_trade(Book *book, int64_t now_us, int order, int64_t quantity);
extern void qf_book_end(Book *book, int64_t now_us, int order, QmOrderState state);
extern BookStep qf_book_step(Book *book, int64_t now_us, int order, bool amend);
extern bool qf_book_show(const Book *book, int order, int64_t as_of_us, ExchangeOrder *shown);
extern size_t qf_book_show_trades(const Book *book, int order, int64_t as_of_us, ExchangeTrade **trades);
extern void qf_book_show_market(Book *book, int64_t now_us, int64_t orders_us, int64_t trades_us, int64_t after_number,
                                ExchangeSnapshot *snapshot);
extern void qf_book_free(Book *book);

extern void qf_queue_plan(Exchange *exchange, int64_t at_us, Event event);
extern Event qf_queue_take(Exchange *exchange);
extern int qf_request_find(const Exchange *exchange, const char *client_order_id);
extern void qf_request_note(Exchange *exchange, int request);

#endif
