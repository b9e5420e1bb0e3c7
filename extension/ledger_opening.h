/*
 * Where the ledger of a strategy opens, when its oldest fills have been pruned.
 */
#ifndef QM_LEDGER_OPENING_H
#define QM_LEDGER_OPENING_H

#include "postgres.h"

#include "ledger.h"
#include "ledger_step.h"

typedef struct QmOpening
{
    bool covers; /* the trade may be one that was pruned */
    bool exists; /* fills of this strategy were pruned; the rest is filled in */
    QmFillKey last;
    QmRunning running; /* after the last pruned fill */
} QmOpening;

/* Called inside a scope of query.h. */
extern void qm_opening_read(const QmOrder *order, const char *trade_id, QmOpening *opening);
extern TimestampTz qm_opening_clamp(const QmOpening *opening, const QmFillKey *key);

#endif
