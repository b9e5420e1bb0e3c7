/*
 * A case for the classifier of reconciliation, and what it makes of it. Each case
 * is judged many times with its arrays shuffled, and must give the same findings
 * in the same order, in memory that is exactly as large as was said to suffice.
 *
 * A finding is written as its code, its repair, a plus and what enforce does
 * besides, the least policy that repairs it, and what it is about: l our order,
 * r the exchange's id of the open order, t the trade, b the asset.
 */
#ifndef RECONCILE_GIVEN_H
#define RECONCILE_GIVEN_H

#include "reconcile.h"

#include "order_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define EACH_MAX 8
#define NOW 1000
#define PASSED 999 /* a deadline that is over */
#define AHEAD 1000 /* one that is not */
#define SHUFFLES 24

static struct
{
    QmLocalOrder locals[EACH_MAX];
    QmRemoteOrder remotes[EACH_MAX];
    QmRemoteTrade trades[EACH_MAX];
    QmBalance balances[EACH_MAX];
    QmComparison comparison;
    char texts[16 * EACH_MAX][32];
    int ntexts;
} given;

/* begin forgets the case before: a complete snapshot with a balance that agrees. */
static inline void
begin(void)
{
    memset(&given, 0, sizeof(given));
    given.comparison = (QmComparison){.locals = given.locals,
                                      .remotes = given.remotes,
                                      .trades = given.trades,
                                      .balances = given.balances,
                                      .complete = true,
                                      .balances_seen = true,
                                      .now_us = NOW};
}

/* text keeps a formatted text for the case. */
__attribute__((format(printf, 1, 2))) static inline const char *
text(const char *format, ...)
{
    char *kept = given.texts[given.ntexts++];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(kept, sizeof(given.texts[0]), format, arguments);
    va_end(arguments);
    return kept;
}

/* client_id keeps the client order id of an attempt. */
static inline const char *
client_id(int64_t order_id, int attempt)
{
    char *kept = given.texts[given.ntexts++];

    qm_order_id_format(kept, "ab12", order_id, attempt);
    return kept;
}

/* local adds an order of ours, which the exchange's id is known of unless its fate is not. */
static inline QmLocalOrder *
local(int64_t order_id, QmOrderState state)
{
    QmLocalOrder *order = &given.locals[given.comparison.nlocals++];
    bool known = state != QM_ORDER_INTENT && state != QM_ORDER_SUBMITTED && state != QM_ORDER_UNKNOWN;

    *order = (QmLocalOrder){
        .order_id = order_id,
        .client_order_id = client_id(order_id, 0),
        .exchange_order_id = known ? text("%d", 500 + (int) order_id) : NULL,
        .state = state,
        .origin = QM_ORIGIN_OWN,
        .buy = true,
        .settled = true,
        .price = 100,
        .quantity = 10,
    };
    return order;
}

/* remote adds what the exchange has of an order of ours. */
static inline QmRemoteOrder *
remote(int64_t order_id)
{
    QmRemoteOrder *order = &given.remotes[given.comparison.nremotes++];

    *order = (QmRemoteOrder){
        .client_order_id = client_id(order_id, 0),
        .exchange_order_id = text("%d", 500 + (int) order_id),
        .ours = true,
        .buy = true,
        .price = 100,
        .quantity = 10,
    };
    return order;
}

/* trade adds a new trade of an order, which it names by the exchange's id. */
static inline QmRemoteTrade *
trade(const char *trade_id, int64_t order_id, QmUnits quantity)
{
    QmRemoteTrade *added = &given.trades[given.comparison.ntrades++];

    *added = (QmRemoteTrade){
        .trade_id = trade_id,
        .exchange_order_id = text("%d", 500 + (int) order_id),
        .known = QM_TRADE_NEW,
        .buy = true,
        .quantity = quantity,
        .price = 100,
    };
    return added;
}

/* balance adds what the account should have of an asset, and has. */
static inline void
balance(const char *asset, QmUnits expected, QmUnits actual, QmUnits tolerance)
{
    given.balances[given.comparison.nbalances++] = (QmBalance){asset, expected, actual, tolerance};
}

/* judge writes what is found to a text, in memory that is exactly as large as was promised to suffice. */
static inline void
judge(char *found, size_t size, QmVerdict *verdict)
{
    const QmComparison *c = &given.comparison;
    void *scratch = malloc(qm_reconcile_scratch_size(c));
    QmFinding *findings = malloc(qm_reconcile_room(c) * sizeof(*findings));
    size_t used = 0;

    assert_non_null(scratch);
    assert_non_null(findings);
    qm_reconcile_judge(c, scratch, findings, verdict);
    free(scratch);
    assert_true(verdict->nfindings <= qm_reconcile_room(c));
    found[0] = '\0';
    for (size_t i = 0; i < verdict->nfindings; i++)
    {
        const QmFinding *f = &findings[i];

        used +=
            (size_t) snprintf(found + used, size - used, "%s %s", qm_finding_name(f->code), qm_repair_name(f->repair));
        if (f->also != QM_REPAIR_NONE)
            used += (size_t) snprintf(found + used, size - used, "+%s", qm_repair_name(f->also));
        used += (size_t)
            snprintf(found + used, size - used, " %s", f->needs == QM_POLICIES ? "never" : qm_policy_name(f->needs));
        if (f->local >= 0)
            used += (size_t) snprintf(found + used, size - used, " l%d", (int) c->locals[f->local].order_id);
        if (f->remote >= 0)
            used += (size_t) snprintf(found + used, size - used, " r%s", c->remotes[f->remote].exchange_order_id);
        if (f->trade >= 0)
            used += (size_t) snprintf(found + used, size - used, " t%s", c->trades[f->trade].trade_id);
        if (f->balance >= 0)
            used += (size_t) snprintf(found + used, size - used, " b%s", c->balances[f->balance].asset);
        used += (size_t) snprintf(found + used, size - used, "\n");
    }
    free(findings);
}

/* swap exchanges two things of that size. */
static inline void
swap(void *things, size_t size, size_t a, size_t b)
{
    char kept[256], *first = (char *) things + a * size, *second = (char *) things + b * size;

    assert_true(size <= sizeof(kept));
    memcpy(kept, first, size);
    memcpy(first, second, size);
    memcpy(second, kept, size);
}

/* shuffle brings everything that is given into another order. */
static inline void
shuffle(void)
{
    for (size_t i = given.comparison.nlocals; i > 1; i--)
        swap(given.locals, sizeof(given.locals[0]), i - 1, (size_t) rand() % i);
    for (size_t i = given.comparison.nremotes; i > 1; i--)
        swap(given.remotes, sizeof(given.remotes[0]), i - 1, (size_t) rand() % i);
    for (size_t i = given.comparison.ntrades; i > 1; i--)
        swap(given.trades, sizeof(given.trades[0]), i - 1, (size_t) rand() % i);
    for (size_t i = given.comparison.nbalances; i > 1; i--)
        swap(given.balances, sizeof(given.balances[0]), i - 1, (size_t) rand() % i);
}

/* expect fails unless just these findings, deferred and matched orders come out, in whatever order things are given. */
static inline void
expect(const char *wanted, size_t ndeferred, size_t nmatched)
{
    char found[4096];
    QmVerdict verdict;

    for (int i = 0; i < SHUFFLES; i++)
    {
        judge(found, sizeof(found), &verdict);
        assert_string_equal(found, wanted);
        assert_int_equal(verdict.ndeferred, ndeferred);
        assert_int_equal(verdict.nmatched, nmatched);
        shuffle();
    }
}

/* by_id returns the order of that id, wherever it was shuffled to. */
static inline QmLocalOrder *
by_id(int64_t order_id)
{
    for (size_t i = 0; i < given.comparison.nlocals; i++)
        if (given.locals[i].order_id == order_id)
            return &given.locals[i];
    fail();
    return NULL;
}

#endif
