/*
 * Exposure: what live orders and positions can come to, per market and account,
 * so that limits never break however many sessions place at once.
 */
#ifndef QM_EXPOSURE_H
#define QM_EXPOSURE_H

#include "postgres.h"

#include "amount.h"

/*
 * What one account has in one market, or a change of it. Buys and sells are
 * worst cases: longest is the position when every live buy fills and no sell
 * does, shortest is minus the position when every live sell fills and no buy
 * does. Of an account as a whole only orders and notional mean anything.
 */
typedef struct QmExposure
{
    int64 orders;      /* live ones */
    QmAmount longest;  /* base asset */
    QmAmount shortest; /* base asset */
    QmAmount notional; /* quote asset: price x what can still fill, of live orders with a price */
} QmExposure;

/* The limits of one market or account; a negative number means none. */
typedef struct QmLimits
{
    int64 orders;
    QmAmount position;
    QmAmount notional;
    int64 rate; /* orders in any one second */
} QmLimits;

typedef enum QmBreach
{
    QM_BREACH_NONE,
    QM_BREACH_ORDERS,
    QM_BREACH_POSITION,
    QM_BREACH_NOTIONAL,
    QM_BREACH_RATE,
    QM_BREACH_RATE_UNKNOWN, /* the server has just started */
    QM_BREACH_INCREASES     /* a reducing order would pass flat */
} QmBreach;

/* Which limit an order would break, and what it would come to. */
typedef struct QmBreachDetail
{
    QmBreach breach;
    bool of_account;
    QmAmount limit;
    QmAmount value;
} QmBreachDetail;

extern Size qm_exposure_shmem_size(void);
extern void qm_exposure_shmem_init(void);

/*
 * qm_exposure_attach must have been called in the transaction before orders or
 * positions are changed; it reads what is in the tables if nobody has since the
 * server started, or since qm_exposure_forget.
 *
 * qm_exposure_change tells of a change that this transaction has made. What
 * grows counts at once and is taken back if the (sub)transaction ends without
 * a commit; what shrinks counts from the commit on.
 *
 * qm_exposure_reserve does the same for one new order, if no limit is broken.
 */
extern void qm_exposure_attach(void);
extern void qm_exposure_forget(void);
extern void qm_exposure_change(const char *account, const char *symbol, const QmExposure *change);
extern bool qm_exposure_reserve(const char *account, const char *symbol, const QmExposure *order, bool must_reduce,
                                const QmLimits *account_limits, const QmLimits *market_limits, QmBreachDetail *detail);
extern void qm_exposure_read(int number, QmExposure *exposure);

/* The transaction's end. */
extern bool qm_exposure_any(void);
extern void qm_exposure_end_xact(bool committed);
extern void qm_exposure_commit_sub(SubTransactionId sub, SubTransactionId parent);
extern void qm_exposure_abort_sub(SubTransactionId sub);

#endif
