/*
 * Rate budgets: their windows, and what may be taken from them.
 */
#ifndef QM_RATE_BUDGET_H
#define QM_RATE_BUDGET_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef enum QmBudgetKind
{
    QM_BUDGET_WEIGHT, /* one minute */
    QM_BUDGET_ORDERS_10S,
    QM_BUDGET_ORDERS_DAY
} QmBudgetKind;

#define QM_BUDGET_KINDS 3

/* A row of quantmesh.rate_budget, locked until the transaction ends. */
typedef struct QmRateBudget
{
    const char *account;
    QmBudgetKind kind;
    int64 allowed;
    TimestampTz window_start;
    int64 used;
    int64 reported;            /* -1: nothing */
    TimestampTz blocked_until; /* 0: not blocked */
    TimestampTz now;           /* when it was locked */
} QmRateBudget;

extern const char *const qm_budget_kind_names[QM_BUDGET_KINDS];

extern void qm_rate_budget_lock(const char *account, QmBudgetKind kind, QmRateBudget *budget);
extern void qm_rate_budget_write(const QmRateBudget *budget);
extern TimestampTz qm_rate_budget_window_end(const QmRateBudget *budget);
extern int64 qm_rate_budget_wait_us(const QmRateBudget *budget, int64 need, bool urgent);
extern int64 qm_rate_budget_chunk(const QmRateBudget *budget, int64 need);

#endif
