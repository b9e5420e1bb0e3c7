/*
 * Budgets that all instances of an account share through PostgreSQL.
 *
 * The database counts (quantmesh.rate_budget). A handle takes a chunk at a time,
 * a small share of the limit, and reserves from it without asking; what it has
 * not used by the end of the window is lost, and comes back with the next window.
 * A chunk is used for at most a second without hearing from the database, so that
 * a block, which closes the account for everybody, reaches all within that time.
 *
 * Nothing is sent that is not counted. While the database cannot be asked, a
 * reserve is refused with a second to wait, and the database is not tried again
 * before; blocks and limits that could not be told are told first when it is back.
 * Without a database no cancel leaves through this budget either: who wants them to
 * go on puts a qm_budget_fallback() before it.
 *
 * One thread at a time uses a budget, as it does the handle of its database.
 */
#ifndef QM_BUDGET_SHARED_H
#define QM_BUDGET_SHARED_H

#include "binance_budget.h"

typedef struct QmBudgetSharedOptions
{
    QmClient *client;    /* borrowed, not NULL, not streaming; best one of its own with the policy "none" and a call
                            timeout of a second: a reserve waits as long as this handle does */
    const char *account; /* whose orders are counted; not NULL */
    const char *address; /* under whose name weight is counted; default: the account. Accounts that are used from one
                            address share one name, and the role needs grant_trader for it as for an account */
} QmBudgetSharedOptions;

/* What a budget has done since it was made. */
typedef struct QmBudgetSharedStats
{
    int64_t reserved;    /* requests that were let through */
    int64_t refused;     /* ... and that were told to wait */
    int64_t round_trips; /* statements sent to the database, for whatever reason */
    int64_t failures;    /* ... that failed */
} QmBudgetSharedStats;

/* qm_budget_shared returns a budget that asks the database when it is first used; NULL without memory. */
extern QmBudget *qm_budget_shared(const QmBudgetSharedOptions *options);

/* qm_budget_shared_error returns why the database could not be asked the last time; its code is QM_OK when it could. */
extern const QmError *qm_budget_shared_error(const QmBudget *budget);

/* qm_budget_shared_stats returns what the budget has done. */
extern QmBudgetSharedStats qm_budget_shared_stats(const QmBudget *budget);

#endif
