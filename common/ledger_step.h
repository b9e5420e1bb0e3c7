/*
 * One step of the ledger: what a fill makes of a position. Pure C, used by the
 * extension and the client alike, so that both come to the same profit.
 *
 * Decimals belong to whoever computes: the server's numeric in the extension,
 * libpgtypes' in the client. A number is never changed in place.
 */
#ifndef QM_LEDGER_STEP_H
#define QM_LEDGER_STEP_H

#include <stdbool.h>
#include <stdint.h>

typedef struct NumericData *QmDecimal;

/* Exact, but for share, which is whole x part / of rounded to QM_DECIMAL_QUOTIENT_SCALE decimals. */
typedef struct QmArithmetic
{
    QmDecimal (*zero)(void);
    QmDecimal (*add)(QmDecimal left, QmDecimal right);
    QmDecimal (*sub)(QmDecimal left, QmDecimal right);
    QmDecimal (*mul)(QmDecimal left, QmDecimal right);
    QmDecimal (*negate)(QmDecimal value);
    QmDecimal (*abs)(QmDecimal value);
    QmDecimal (*share)(QmDecimal whole, QmDecimal part, QmDecimal of);
    int (*cmp)(QmDecimal left, QmDecimal right);
} QmArithmetic;

#define QM_DECIMAL_QUOTIENT_SCALE 30 /* decimals that a division keeps */

/* Where a fill stands among the others of its strategy. */
typedef struct QmFillKey
{
    int64_t executed_at; /* microseconds */
    const char *trade_id;
    bool sell;
    bool bust;
} QmFillKey;

typedef struct QmFill
{
    QmFillKey key;
    QmDecimal quantity; /* negative for a bust */
    QmDecimal price;
    QmDecimal commission;         /* negative where it is given back */
    const char *commission_asset; /* NULL: none */
} QmFill;

/* Position, cost and profit after a fill. */
typedef struct QmRunning
{
    QmDecimal quantity; /* negative: short */
    QmDecimal cost;     /* of the held quantity, negative: what a short one brought in */
    QmDecimal profit;
} QmRunning;

/* The market's assets; NULL where it is not known. */
typedef struct QmAssets
{
    char *base;
    char *quote;
} QmAssets;

extern int qm_fill_key_cmp(const QmFillKey *left, const QmFillKey *right);
extern void qm_ledger_step(const QmArithmetic *math, QmRunning *running, const QmFill *fill, const QmAssets *assets);
extern bool qm_running_equal(const QmArithmetic *math, const QmRunning *left, const QmRunning *right);

#endif
