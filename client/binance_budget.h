/*
 * Budgets: how many requests may still be made, shared by all who use one
 * account or one address. One limit of an address: weight per minute; two of an
 * account: orders per ten seconds and per day.
 *
 * A request is reserved before it is sent, and what the exchange says that it has
 * counted is noted afterwards: the larger of both counts.
 */
#ifndef QM_BINANCE_BUDGET_H
#define QM_BINANCE_BUDGET_H

#include "quantmesh.h"

typedef enum QmBudgetKind
{
    QM_BUDGET_WEIGHT, /* one minute */
    QM_BUDGET_ORDERS_10S,
    QM_BUDGET_ORDERS_DAY
} QmBudgetKind;

#define QM_BUDGET_KINDS 3

typedef struct QmBudget QmBudget;

/* reserve and the others of a shared budget may wait for their database, at most as long as its handle allows. */
typedef struct QmBudgetFunctions
{
    /* Takes what a request needs, or nothing: 0, or after how many ms to ask again. urgent: cancels and queries
     * may use the last tenth, which the others leave alone. */
    int64_t (*reserve)(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us);
    void (*used)(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us);
    void (*limit)(QmBudget *budget, QmBudgetKind kind, int64_t limit);
    void (*block)(QmBudget *budget, int64_t until_us);
    /* The exchange says that one limit is used up: what needs it waits until then, and nothing else. */
    void (*spent)(QmBudget *budget, QmBudgetKind kind, int64_t until_us);
    void (*free)(QmBudget *budget);
} QmBudgetFunctions;

struct QmBudget
{
    const QmBudgetFunctions *functions;
};

/* qm_budget_local returns a budget of this process alone; NULL without memory. */
extern QmBudget *qm_budget_local(void);

#endif
