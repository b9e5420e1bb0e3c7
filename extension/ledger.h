/*
 * The ledger: fills, and the positions and profits that follow from them.
 */
#ifndef QM_LEDGER_H
#define QM_LEDGER_H

#include "postgres.h"

#include "order_row.h"

/* One trade of an order, or the exchange's word that it took the trade back. */
typedef struct QmTrade
{
    const char *trade_id;
    bool bust;
    Numeric quantity; /* positive, also of a bust */
    Numeric price;
    Numeric commission;           /* as charged; a bust gives it back; NULL: not known */
    const char *commission_asset; /* NULL: not known */
    int is_maker;                 /* -1: not known */
    TimestampTz executed_at;      /* 0: not known, now */
    const char *source;
} QmTrade;

/* What became of it. */
typedef struct QmBooking
{
    bool booked;             /* it was new */
    bool completed;          /* it was there, and has learnt its commission, its maker or an earlier time */
    bool pruned;             /* it may have been booked and pruned: nothing was done */
    Jsonb *known;            /* what the ledger says against it; NULL: nothing */
    Numeric position_change; /* to be told to exposure; zero if none */
} QmBooking;

/* Called inside a scope of query.h, under the order's row lock. The order itself is left alone. */
extern void qm_ledger_book(const QmOrder *order, const QmTrade *trade, QmBooking *booking);

#endif
