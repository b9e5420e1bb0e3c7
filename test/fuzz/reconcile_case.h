/*
 * Fuzzing the classifier of reconciliation: what its parts share.
 *
 * fuzz   judges a case, shuffles it, judges it again
 * case   makes a case of any bytes
 * rules  what no finding may ever do, whatever was given
 *
 * Texts are kept once: two are equal where their addresses are. All memory of
 * the arrays is cleared first, so that two orders are equal where their bytes are.
 */
#ifndef RECONCILE_CASE_H
#define RECONCILE_CASE_H

#include "reconcile.h"

enum
{
    CASE_EACH_MAX = 9
};

typedef struct FuzzCase
{
    QmLocalOrder locals[CASE_EACH_MAX];
    QmRemoteOrder remotes[CASE_EACH_MAX];
    QmRemoteTrade trades[CASE_EACH_MAX];
    QmBalance balances[CASE_EACH_MAX];
    QmComparison comparison;
    uint32_t random; /* what it is shuffled by */
} FuzzCase;

extern void qz_case_make(FuzzCase *fuzz, const uint8_t *data, size_t size);
extern void qz_case_shuffle(FuzzCase *fuzz);
extern void qz_rules_check(const QmComparison *comparison, const QmFinding *findings, const QmVerdict *verdict);
extern void qz_fail(const char *rule) __attribute__((noreturn));

#endif
