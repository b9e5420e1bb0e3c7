/*
 * Budgets of one process: windows that are counted here, and raised to what the
 * exchange says that it has counted.
 */
#include "binance_budget.h"

#include <stdlib.h>

#define URGENT_SHARE 10 /* one of so many parts is left to cancels and queries */

typedef struct Window
{
    int64_t length_us;
    int64_t limit;
    int64_t began_us;
    int64_t used;
    int64_t spent_until_us; /* nothing is left of it until then, whatever was counted here */
} Window;

typedef struct LocalBudget
{
    QmBudget base;
    Window windows[QM_BUDGET_KINDS];
    int64_t blocked_until_us;
} LocalBudget;

static int64_t local_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us);
static void local_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us);
static void local_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit);
static void local_block(QmBudget *budget, int64_t until_us);
static void local_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us);
static void local_free(QmBudget *budget);

static const QmBudgetFunctions local_functions =
    {local_reserve, local_used, local_limit, local_block, local_spent, local_free};

/* qm_budget_local returns a budget of this process alone; NULL without memory. */
QmBudget *
qm_budget_local(void)
{
    LocalBudget *local = calloc(1, sizeof(*local));

    if (local == NULL)
        return NULL;
    local->base.functions = &local_functions;
    local->windows[QM_BUDGET_WEIGHT] = (Window){.length_us = INT64_C(60000000), .limit = 6000};
    local->windows[QM_BUDGET_ORDERS_10S] = (Window){.length_us = INT64_C(10000000), .limit = 100};
    local->windows[QM_BUDGET_ORDERS_DAY] = (Window){.length_us = INT64_C(86400000000), .limit = 200000};
    return &local->base;
}

/* roll starts a new window when the old one is over; windows begin at whole multiples of their length, as the exchange's. */
static void
roll(Window *window, int64_t now_us)
{
    int64_t begins_us = now_us - now_us % window->length_us;

    if (begins_us == window->began_us)
        return;
    window->began_us = begins_us;
    window->used = 0;
}

/* milliseconds rounds up, so that who waits so long does not come too early. */
static int64_t
milliseconds(int64_t us)
{
    return us / 1000 + 1;
}

static int64_t
local_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us)
{
    LocalBudget *local = (LocalBudget *) budget;

    if (local->blocked_until_us > now_us)
        return milliseconds(local->blocked_until_us - now_us);
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        Window *window = &local->windows[i];
        int64_t usable = urgent ? window->limit : window->limit - window->limit / URGENT_SHARE;

        roll(window, now_us);
        if (need[i] > 0 && window->spent_until_us > now_us)
            return milliseconds(window->spent_until_us - now_us);
        if (need[i] > 0 && window->used + need[i] > usable)
            return milliseconds(window->began_us + window->length_us - now_us);
    }
    for (int i = 0; i < QM_BUDGET_KINDS; i++)
        local->windows[i].used += need[i];
    return 0;
}

static void
local_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us)
{
    Window *window = &((LocalBudget *) budget)->windows[kind];

    roll(window, now_us);
    if (used > window->used)
        window->used = used;
}

static void
local_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit)
{
    ((LocalBudget *) budget)->windows[kind].limit = limit;
}

static void
local_block(QmBudget *budget, int64_t until_us)
{
    LocalBudget *local = (LocalBudget *) budget;

    if (until_us > local->blocked_until_us)
        local->blocked_until_us = until_us;
}

static void
local_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us)
{
    Window *window = &((LocalBudget *) budget)->windows[kind];

    if (until_us > window->spent_until_us)
        window->spent_until_us = until_us;
}

static void
local_free(QmBudget *budget)
{
    free(budget);
}
