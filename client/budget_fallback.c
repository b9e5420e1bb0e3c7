/*
 * Both budgets hear all that the exchange says; the shared one is asked first.
 */
#include "budget_fallback.h"

#include <stdlib.h>

#include "budget_shared.h"

typedef struct FallbackBudget
{
    QmBudget base;
    QmBudget *shared;
    QmBudget *local;
    int64_t wait_until_us; /* the database's last word to what is urgent: not before */
} FallbackBudget;

static int64_t fallback_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us);
static void fallback_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us);
static void fallback_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit);
static void fallback_block(QmBudget *budget, int64_t until_us);
static void fallback_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us);
static void fallback_free(QmBudget *budget);

static const QmBudgetFunctions fallback_functions =
    {fallback_reserve, fallback_used, fallback_limit, fallback_block, fallback_spent, fallback_free};

/* qm_budget_fallback puts a local budget behind a shared one. */
QmBudget *
qm_budget_fallback(QmBudget *shared)
{
    FallbackBudget *fallback = shared != NULL ? calloc(1, sizeof(*fallback)) : NULL;

    if (fallback != NULL)
        fallback->local = qm_budget_local();
    if (fallback == NULL || fallback->local == NULL)
    {
        if (shared != NULL)
            shared->functions->free(shared);
        free(fallback);
        return NULL;
    }
    fallback->base.functions = &fallback_functions;
    fallback->shared = shared;
    return &fallback->base;
}

static int64_t
fallback_reserve(QmBudget *budget, const int need[QM_BUDGET_KINDS], bool urgent, int64_t now_us)
{
    FallbackBudget *fallback = (FallbackBudget *) budget;
    int64_t wait_ms = fallback->shared->functions->reserve(fallback->shared, need, urgent, now_us);

    if (!urgent || wait_ms == 0)
        return wait_ms;
    if (qm_budget_shared_error(fallback->shared)->code == QM_OK)
    {
        fallback->wait_until_us = now_us + wait_ms * 1000;
        return wait_ms;
    }
    if (fallback->wait_until_us > now_us)
        return (fallback->wait_until_us - now_us) / 1000 + 1;
    return fallback->local->functions->reserve(fallback->local, need, urgent, now_us);
}

static void
fallback_used(QmBudget *budget, QmBudgetKind kind, int64_t used, int64_t now_us)
{
    FallbackBudget *fallback = (FallbackBudget *) budget;

    fallback->shared->functions->used(fallback->shared, kind, used, now_us);
    fallback->local->functions->used(fallback->local, kind, used, now_us);
}

static void
fallback_limit(QmBudget *budget, QmBudgetKind kind, int64_t limit)
{
    FallbackBudget *fallback = (FallbackBudget *) budget;

    fallback->shared->functions->limit(fallback->shared, kind, limit);
    fallback->local->functions->limit(fallback->local, kind, limit);
}

static void
fallback_block(QmBudget *budget, int64_t until_us)
{
    FallbackBudget *fallback = (FallbackBudget *) budget;

    fallback->shared->functions->block(fallback->shared, until_us);
    fallback->local->functions->block(fallback->local, until_us);
}

static void
fallback_spent(QmBudget *budget, QmBudgetKind kind, int64_t until_us)
{
    FallbackBudget *fallback = (FallbackBudget *) budget;

    fallback->shared->functions->spent(fallback->shared, kind, until_us);
    fallback->local->functions->spent(fallback->local, kind, until_us);
}

static void
fallback_free(QmBudget *budget)
{
    FallbackBudget *fallback = (FallbackBudget *) budget;

    fallback->shared->functions->free(fallback->shared);
    fallback->local->functions->free(fallback->local);
    free(fallback);
}
