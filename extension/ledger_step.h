/*
 * One step of the ledger: what a fill makes of a position.
 */
#ifndef QM_LEDGER_STEP_H
#define QM_LEDGER_STEP_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/numeric.h"

/* Where a fill stands among the others of its strategy. */
typedef struct QmFillKey
{
    TimestampTz executed_at;
    const char *trade_id;
    bool sell;
    bool bust;
} QmFillKey;

typedef struct QmFill
{
    QmFillKey key;
    Numeric quantity; /* negative for a bust */
    Numeric price;
    Numeric commission;           /* negative where it is given back */
    const char *commission_asset; /* NULL: none */
} QmFill;

/* Position, cost and profit after a fill. */
typedef struct QmRunning
{
    Numeric quantity; /* negative: short */
    Numeric cost;     /* of the held quantity, negative: what a short one brought in */
    Numeric profit;
} QmRunning;

/* The market's assets; NULL where it is not known. */
typedef struct QmAssets
{
    char *base;
    char *quote;
} QmAssets;

extern int qm_fill_key_cmp(const QmFillKey *left, const QmFillKey *right);
extern void qm_ledger_step(QmRunning *running, const QmFill *fill, const QmAssets *assets);
extern bool qm_running_equal(const QmRunning *left, const QmRunning *right);

#endif
