/*
 * Orderstress: what its parts share.
 *
 * main     options, markets, threads, the summary
 * client   one client's life: place an order, end an order, again
 * ending   the ways in which an order ends
 * check    what must hold afterwards, by the tables, the journal and the clients
 * plant    faults that the checks must find
 *
 * Every request is for one of the slots, and its request_id says so:
 * "<slot>#<client>-<number>". A client writes down each request and what was
 * answered, in memory of its own; the checks read it after the clients have
 * ended. A client repeats what broke until it is answered.
 */
#ifndef QF_ORDERSTRESS_H
#define QF_ORDERSTRESS_H

#include "book.h"
#include "caller.h"

#include <stdatomic.h>

enum
{
    ORDER_CLIENTS_MAX = 256,
    LIVE_MAX = 24,
    MARKETS = 4,
    SLOTS_PER_MARKET = 250,
    SLOTS = MARKETS * SLOTS_PER_MARKET,
    NAMED_FROM = 100, /* pairs of slots (buy, sell) from here on have names */
    CLIENT_ID_SIZE = 32,
    REQUEST_ID_SIZE = 48
};

typedef enum Answer
{
    ANSWER_NONE, /* only while the request is under way */
    ANSWER_PLACED,
    ANSWER_SKIPPED,
    ANSWER_DUPLICATE,
    ANSWER_DENIED,
    ANSWER_COUNT
} Answer;

/* One request, and what its client knows of it. Times as in history.h. */
typedef struct Request
{
    int slot;
    Answer answer;
    bool intent;   /* submit => false */
    bool replayed; /* the answer was that of an earlier attempt */
    bool stored;   /* its order was found in the table */
    int attempts;  /* calls of place_order, of which the last was answered */
    int end_tries; /* calls that end the order */
    int64_t quantity;
    int64_t order_id; /* placed: the order's; duplicate: that of the one in its way */
    int64_t fence;
    char client_order_id[CLIENT_ID_SIZE];
    int64_t sent_ns;     /* the first attempt was sent */
    int64_t last_ns;     /* the last attempt was sent */
    int64_t answered_ns; /* its answer was there: the order lives, or lived */
    int64_t ending_ns;   /* the first call that ends the order was sent; 0: none was */
    int64_t ended_ns;    /* that call was answered: the order is dead; 0: it was not */
} Request;

typedef struct OrderClient
{
    int number;
    Caller caller; /* its name is also the strategy */
    Request *requests;
    size_t request_count;
    size_t live[LIVE_MAX]; /* numbers of its requests whose orders live */
    int live_count;
    int64_t bought[MARKETS]; /* net, what its fills come to */
    long trades;
    long cuts, undone;
} OrderClient;

typedef struct OrderOptions
{
    const char *conninfo;
    int clients;
    long orders; /* to be placed */
    int kill_every_ms;
    int crashes;
    int cut_one_in; /* requests after which the client hangs up without waiting for the answer; 0: none */
    unsigned seed;
    bool selftest;
} OrderOptions;

/* Where a slot is, and how it is asked for. */
typedef struct Slot
{
    int market;
    const char *account;
    const char *symbol;
    const char *side;
    char name[16]; /* empty: the price is the slot */
    int64_t cents; /* the price, or its least */
    bool level;    /* any price of this level, 1 wide, is this slot */
} Slot;

typedef enum OrderRule
{
    ORDER_UNANSWERED,    /* a request has no answer */
    ORDER_SUM,           /* the answers do not add up */
    ORDER_LOST,          /* placed, and not in the table */
    ORDER_GHOST,         /* in the table, and its client was not told */
    ORDER_DIFFERS,       /* in the table with another order or client order id */
    ORDER_LIFE,          /* alive in the table and ended for its client, or the other way round */
    ORDER_IDS_REPEAT,    /* two orders share an order id or a client order id */
    ORDER_TWO_LIVE_NOW,  /* two live rows in one slot, by a scan without indexes */
    ORDER_LIVE_ROWS,     /* live_order is not what the orders say */
    ORDER_TWO_LIVE_TIME, /* two orders of a slot were alive at the same time, by their events */
    ORDER_TWO_LIVE_SEEN, /* the same, by what the clients saw */
    ORDER_DUPLICATE,     /* a duplicate of an order that was not alive, or not in that slot */
    ORDER_INDEX,         /* a unique index is not what it should be */
    ORDER_POSITION,      /* positions are not the sum of fills, or not what the clients filled */
    ORDER_STUCK,         /* a free slot cannot be had, or a taken one can */
    ORDER_RULES
} OrderRule;

typedef struct OrderReport
{
    long found[ORDER_RULES];
    long shown, shown_max;
    FILE *file;
    long rows, intervals, live, amcheck;
} OrderReport;

extern OrderOptions qf_order_options;
extern atomic_bool qf_order_stop;
extern atomic_long qf_order_placed;
extern OrderClient qf_order_clients[ORDER_CLIENTS_MAX];
extern const char *const qf_answers[ANSWER_COUNT];
extern const char *const qf_order_rules[ORDER_RULES];
extern const char *const qf_order_markets[MARKETS][2];

extern void qf_slot(Slot *slot, int number);
extern char *qf_request_id(char *text, const OrderClient *client, size_t number);
extern void *qf_order_client_main(void *client);
extern void qf_order_end_one(OrderClient *client);

extern bool qf_order_check(Link *admin, OrderReport *report);
extern void qf_order_violation(OrderReport *report, OrderRule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
extern bool qf_order_probe(Link *admin, OrderReport *report);
extern int qf_order_selftest(Link *admin, Book *book);

#endif
