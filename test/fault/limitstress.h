/*
 * Limitstress: what its parts share.
 *
 * main    options, markets, threads, the summary
 * client  one client's life: place and look, end an order, again
 * watch   measures all markets all the time, and halts some of them now and then
 * probe   afterwards: exactly the free room can be had
 * plant   faults that the checks must find
 *
 * Quantities and money are counted in units of 1e-8. Buys are at 100 and sells
 * at 200, so that they never cross; orders have no slots, so that nothing but
 * limits stands in their way.
 */
#ifndef QF_LIMITSTRESS_H
#define QF_LIMITSTRESS_H

#include "book.h"
#include "caller.h"

#include <stdatomic.h>

enum
{
    LIMIT_CLIENTS_MAX = 256,
    LIMIT_MARKETS = 7,
    LIMIT_LIVE_MAX = 8,
    LIMIT_HALTS_MAX = 4096,
    BUY_PRICE = 100,
    SELL_PRICE = 200,
    LOT = 100000 /* 0.001 */
};

/* A market, its limits, and those of its account as a whole. */
typedef struct LimitMarket
{
    const char *account;
    const char *symbol;
    BookLimits limits;
    BookLimits whole;
    int rate; /* orders in any one second; 0: no limit */
} LimitMarket;

/* What a market comes to, as the tables say it. */
typedef struct LimitMeasure
{
    long orders;
    int64_t longest, shortest, notional;
    long differ; /* orders that live_order does not have as they are */
} LimitMeasure;

typedef struct LimitOrder
{
    int market;
    bool buy;
    bool intent; /* recorded only: whoever claims it submits it */
    int64_t order_id, fence, quantity;
    char client_order_id[32];
} LimitOrder;

/* An order that was placed between two moments. */
typedef struct LimitPlacement
{
    int market;
    int64_t sent_ns, answered_ns;
} LimitPlacement;

typedef struct LimitClient
{
    int number;
    Caller caller;
    LimitOrder live[LIMIT_LIVE_MAX];
    int live_count;
    LimitPlacement *placements;
    size_t placement_count;
    long requests, trades;
    long answers[5]; /* as in limit_answers */
    long verified, undone, claimed, replaced;
} LimitClient;

/* A time in which part of the markets was surely halted. */
typedef struct LimitHalt
{
    const char *account; /* or "*" */
    const char *symbol;  /* NULL: all of the account */
    int64_t from_ns, until_ns;
} LimitHalt;

typedef enum LimitRule
{
    LIMIT_ORDERS,   /* more live orders than the limit */
    LIMIT_POSITION, /* position and live orders come to more than the limit */
    LIMIT_NOTIONAL, /* live orders are worth more than the limit */
    LIMIT_LIVE,     /* live_order is not what the orders say */
    LIMIT_RATE,     /* more orders in a second than the limit */
    LIMIT_HALT,     /* an order was recorded or submitted after halt had returned */
    LIMIT_STUCK,    /* free room could not be had */
    LIMIT_OVER,     /* more than the free room could be had */
    LIMIT_IDLE,     /* a limit was never reached: the run proves nothing */
    LIMIT_RULES
} LimitRule;

typedef struct LimitOptions
{
    const char *conninfo;
    int clients;
    int seconds;
    int kill_every_ms;
    int crashes;
    int halt_every_ms;
    unsigned seed;
    bool selftest;
} LimitOptions;

/* What the watching threads have done. */
typedef struct LimitWatch
{
    Caller checker, halter;
    long measured;
    LimitHalt halts[LIMIT_HALTS_MAX];
    int halt_count;
} LimitWatch;

extern LimitOptions qf_limit_options;
extern atomic_bool qf_limit_stop;
extern LimitClient qf_limit_clients[LIMIT_CLIENTS_MAX];
extern const LimitMarket qf_limit_markets[LIMIT_MARKETS];
extern const char *const qf_limit_answers[5];
extern const char *const qf_limit_rules[LIMIT_RULES];
extern const char qf_limit_measure_sql[];

extern void qf_limit_violation(LimitRule rule, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern long qf_limit_found(LimitRule rule);
extern void qf_limit_forget(bool silent);

extern void qf_limit_measure(const PGresult *result, LimitMeasure measures[LIMIT_MARKETS]);
extern void qf_limit_whole(const LimitMeasure *measures, const char *account, LimitMeasure *whole);
extern void qf_limit_judge(const LimitMeasure measures[LIMIT_MARKETS], const char *who);
extern void *qf_limit_checker_main(void *watch);
extern void *qf_limit_halter_main(void *watch);
extern bool qf_limit_halt(Caller *caller, LimitHalt *halt, void (*between)(Caller *caller));

extern int qf_limit_place(Caller *caller, LimitOrder *order, const char *request_id, bool insist);
extern bool qf_limit_reject(Caller *caller, const LimitOrder *order);
extern void *qf_limit_client_main(void *client);

extern void qf_limit_rates(bool print);
extern void qf_limit_placements(const LimitWatch *watch);
extern bool qf_limit_probe(Caller *caller, bool rates);
extern bool qf_limit_settle_all(Caller *caller);
extern int qf_limit_selftest(Caller *caller, Link *admin, Book *book);

#endif
