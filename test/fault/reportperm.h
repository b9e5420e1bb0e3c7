/*
 * Reportperm: what its parts share.
 *
 * main   options, threads, smaller cases of what failed
 * case   makes random cases, says what must come out, and prints them
 * model  average cost, done once more
 * play   gives a case to the server twice, and compares
 * player a thread's connections and markets
 *
 * A case is what an exchange says of a few orders of one strategy, in its order
 * of events, and a way to say it again: some reports several times, all of them
 * in another order. Each is given to one of two twins, accounts with the same
 * market and the same orders; afterwards they must look the same.
 */
#ifndef QF_REPORTPERM_H
#define QF_REPORTPERM_H

#include "link.h"

#include <stddef.h>

enum
{
    CASE_ORDERS_MAX = 4,
    CASE_REPORTS_MAX = 160,
    CASE_PLAYS_MAX = 512,
    CASE_TEXT_MAX = 4096,
    TWINS = 2,
    CROWD = 3,
    FINE_TEXT = 48,
    FINE_DECIMALS = 18,
    PRICE_DECIMALS = 8
};

/* A quantity or an amount of money in units of 1e-18. */
typedef __int128 Fine;

/* What was done with an order before the first report. */
typedef enum Before
{
    BEFORE_NOTHING,
    BEFORE_CANCEL,  /* a cancel was asked for */
    BEFORE_UNKNOWN, /* the reply to the submission was lost */
    BEFORE_RESENT   /* not processed, claimed again: it has a second client order id */
} Before;

typedef struct CaseOrder
{
    bool buy;
    Before before;
    Fine quantity;
} CaseOrder;

typedef struct CaseReport
{
    int order;
    const char *state; /* the exchange's word; NULL: says nothing of it */
    int trade; /* of the case, from 1; 0: no fill. A buy and a sell may have the same: they traded with each other */
    bool bust;
    Fine quantity;     /* of the fill */
    int64_t price;     /* of the fill, in units of 1e-8 */
    Fine cumulative;   /* -1: not told */
    Fine commission;   /* of the fill */
    const char *asset; /* of the commission; NULL: none was told */
    const char *maker; /* "true", "false", or NULL */
    const char *source;
    int64_t time_us;  /* since the beginning of the case */
    bool exchange_id; /* carries the exchange's id, too */
} CaseReport;

typedef struct Case
{
    long number;
    bool alone; /* every report is a transaction of its own */
    bool crowd; /* the second twin is told over several connections at once */
    bool again; /* afterwards everything is said once more, and must change nothing */
    bool lossy; /* some reports never arrive */
    int order_count, report_count, play_count;
    CaseOrder orders[CASE_ORDERS_MAX];
    CaseReport reports[CASE_REPORTS_MAX]; /* in the order of events */
    short plays[CASE_PLAYS_MAX];          /* what the second twin is told */
} Case;

/* What must come out, by the reports of a case, in whatever order they came. */
typedef struct Expected
{
    const char *states[CASE_ORDERS_MAX];
    Fine filled[CASE_ORDERS_MAX], busted[CASE_ORDERS_MAX], reported[CASE_ORDERS_MAX];
    Fine position;
    double flow;     /* what buys have cost, less what sells brought in, plus commissions in the quote asset */
    double turnover; /* the sum of all of these, however signed */
    double cost;     /* of the position, by average cost */
    bool certain;    /* whether that is known: a commission in the base asset may leave cost without quantity */
    bool busts;      /* some trade is taken back */
    bool uncovered;  /* some fill may come later than an end that did not count it */
} Expected;

/* One thread: its connections and the accounts of its twins. */
typedef struct Player
{
    Link links[CROWD]; /* the first for everything, the others for crowds */
    int number;
    long serial; /* each play of a case has names of its own */
    char accounts[TWINS][32];
    long cases, reports, failures;
} Player;

typedef enum PlantKind
{
    PLANT_NONE,
    PLANT_SQL,  /* a statement, with $1 the accounts and $2 the strategy */
    PLANT_LOST, /* the second twin is not told of a fill */
    PLANT_WRONG /* the second twin is told another quantity of a fill */
} PlantKind;

/* A fault that is made in every case, to see that it is found. */
typedef struct Plant
{
    const char *name;
    PlantKind kind;
    bool both; /* in both twins, so that they still look the same */
    const char *sql;
} Plant;

extern const Plant *qf_plant; /* written before the threads start */

extern void qf_case_make(Case *c, unsigned seed, long number);
extern void qf_case_expect(const Case *c, Expected *expected);
extern void qf_case_expect_cost(const Case *c, Expected *expected);
extern bool qf_same_trade(const Case *c, const CaseReport *one, const CaseReport *other);
extern void qf_case_drop_report(Case *c, int report);
extern void qf_case_drop_play(Case *c, int play);
extern void qf_case_drop_order(Case *c, int order);
extern void qf_case_print(const Case *c);
extern char *qf_fine_text(char *text, Fine value);
extern bool qf_fine_read(const char *text, Fine *value);

extern const char qf_symbol[];
extern bool qf_player_connect(Player *player, const char *conninfo);
extern bool qf_player_setup(Player *player);
extern bool qf_case_holds(Player *player, const Case *c, char *why);

#endif
