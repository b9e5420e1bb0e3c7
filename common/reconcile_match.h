/*
 * Reconciliation, the matching part: which open order and which trade is of which
 * order of ours. Only for reconcile.c; everything lives in the caller's scratch
 * memory. Arrays are gone through in orders that depend on their content alone,
 * so that nothing depends on how they came.
 */
#ifndef QM_RECONCILE_MATCH_H
#define QM_RECONCILE_MATCH_H

#include "reconcile.h"

typedef struct QmLocalMatch
{
    QmUnits arriving; /* by trades that are to be booked */
    QmUnits booked;   /* of these, what the judge has gone through */
    int remote;       /* the open order that it is; -1: none */
    int trade;        /* the first trade of it; -1: none */
    bool named;       /* an open order, or news of a trade, has an id of it, be it as another order's */
    bool deferred;    /* it is too early to judge it */
    bool differs;     /* there is a finding about it */
} QmLocalMatch;

typedef enum QmRemoteRole
{
    QM_REMOTE_STRANGER, /* no order of ours */
    QM_REMOTE_MATCH,    /* the open order of its local one */
    QM_REMOTE_SECOND,   /* one more under an id of its local one */
    QM_REMOTE_REPEATED  /* the snapshot has it twice: the one before counts */
} QmRemoteRole;

typedef struct QmRemoteMatch
{
    QmRemoteRole role;
    int local; /* -1: none */
} QmRemoteMatch;

typedef enum QmTradeRole
{
    QM_TRADE_STANDS,
    QM_TRADE_REPEATED,   /* the snapshot has it twice */
    QM_TRADE_CONTRADICTS /* the snapshot has its id and side twice, with other numbers */
} QmTradeRole;

typedef struct QmTradeMatch
{
    QmTradeRole role;
    int local;     /* -1: none */
    int remote;    /* the open order, where no local one is known; -1: none */
    bool fits;     /* its side is that of its order */
    bool bookable; /* it is new, stands, fits, and there is an order for it */
} QmTradeMatch;

/* Where a client order id is looked up: of ours, all attempts are one. */
typedef struct QmClientKey
{
    const char *text; /* NULL: none */
    size_t len;
    bool parsed; /* it has the form of ours: the text without the attempt */
} QmClientKey;

typedef struct QmMatches
{
    const QmComparison *comparison;
    QmLocalMatch *local;
    QmRemoteMatch *remote;
    QmTradeMatch *trade;
    QmClientKey *keys; /* of the local orders */
    /* Indexes, sorted. */
    int *locals;      /* by order id */
    int *by_client;   /* local orders by client order id */
    int *by_exchange; /* local orders by exchange order id */
    int *by_slot;     /* live local orders with a slot, by slot, side and age */
    int *remotes;     /* by exchange order id */
    int *trades;      /* by trade id and side */
    int *strays;      /* new trades without any order, by exchange order id */
    int *balances;    /* by asset */
    int *spare;       /* for sorting */
    size_t nby_slot;
    size_t nstrays;
} QmMatches;

extern void qm_matches_make(QmMatches *matches, const QmComparison *comparison, void *scratch);
extern QmUnits qm_units_add(QmUnits a, QmUnits b);

extern size_t qm_matches_size(const QmComparison *comparison);
extern void qm_matches_index(QmMatches *matches, const QmComparison *comparison, void *scratch);
extern void qm_matches_sort_strays(QmMatches *matches);
extern int qm_matches_find_client(const QmMatches *matches, const char *client);
extern int qm_matches_find_exchange(const QmMatches *matches, const char *exchange);
extern int qm_matches_find_remote(const QmMatches *matches, const char *exchange);
extern bool qm_matches_same_slot(const QmMatches *matches, int a, int b);
extern int qm_ids_compare(const char *a, const char *b);
extern int qm_trade_numbers_compare(const QmRemoteTrade *a, const QmRemoteTrade *b);

#endif
