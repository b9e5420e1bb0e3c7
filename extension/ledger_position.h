/*
 * The position of a strategy: its row, and the running values of its fills.
 */
#ifndef QM_LEDGER_POSITION_H
#define QM_LEDGER_POSITION_H

#include "postgres.h"

#include "ledger_step.h"
#include "order_row.h"

/* The position's row, and the market's assets. */
typedef struct QmPosition
{
    QmRunning running;
    QmAssets assets;
    QmFillKey last;
} QmPosition;

/* Of the strategy of an order; called inside a scope of query.h. */
extern bool qm_position_lock(const QmOrder *order, const char *unless_known, QmPosition *position);
extern void qm_position_create(const QmOrder *order);
extern void qm_position_pay_other(const QmOrder *order, const QmPosition *position, const QmFill *fill);
extern void qm_position_recompute(const QmOrder *order, QmPosition *position, const QmFillKey *from);

#endif
