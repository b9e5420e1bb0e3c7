/*
 * A shared budget from which cancels and questions fall back to one of this process
 * while the database cannot be asked. What places an order still waits for the
 * database, as it does anyway.
 *
 * A block counts all the same, the exchange's own as well as one that the database
 * has told of last. What is let through meanwhile is counted here alone; the exchange's
 * own count, which comes with its answers, keeps that within the limit.
 */
#ifndef QM_BUDGET_FALLBACK_H
#define QM_BUDGET_FALLBACK_H

#include "binance_budget.h"

/* qm_budget_fallback takes over a shared budget (NULL: there is none); NULL without memory, and then it is freed. */
extern QmBudget *qm_budget_fallback(QmBudget *shared);

#endif
