/*
 * Fuzzes the classifier of reconciliation: any bytes are a case. It is judged in
 * memory of just the size that was promised to suffice; no rule may be broken,
 * and shuffled it must give the same findings in the same order.
 */
#include "reconcile_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A case, judged. */
typedef struct Judged
{
    QmFinding *findings;
    QmVerdict verdict;
} Judged;

/* judge judges a case and checks the rules; the findings are the caller's to free. */
static Judged
judge(const QmComparison *comparison)
{
    void *scratch = malloc(qm_reconcile_scratch_size(comparison));
    Judged judged = {.findings = malloc(qm_reconcile_room(comparison) * sizeof(QmFinding))};

    if (scratch == NULL || judged.findings == NULL)
        qz_fail("there is memory");
    qm_reconcile_judge(comparison, scratch, judged.findings, &judged.verdict);
    free(scratch);
    qz_rules_check(comparison, judged.findings, &judged.verdict);
    return judged;
}

/* is_same says whether two things of that size, or none, are equal. */
static bool
is_same(const void *left, int at_left, const void *right, int at_right, size_t size)
{
    if (at_left < 0 || at_right < 0)
        return at_left == at_right;
    return memcmp((const char *) left + (size_t) at_left * size,
                  (const char *) right + (size_t) at_right * size,
                  size) == 0;
}

/* is_equal says whether two findings, each of its own case, are the same. */
static bool
is_equal(const FuzzCase *left, const QmFinding *a, const FuzzCase *right, const QmFinding *b)
{
    return a->code == b->code && a->repair == b->repair && a->also == b->also && a->needs == b->needs &&
           is_same(left->locals, a->local, right->locals, b->local, sizeof(QmLocalOrder)) &&
           is_same(left->remotes, a->remote, right->remotes, b->remote, sizeof(QmRemoteOrder)) &&
           is_same(left->trades, a->trade, right->trades, b->trade, sizeof(QmRemoteTrade)) &&
           is_same(left->balances, a->balance, right->balances, b->balance, sizeof(QmBalance));
}

/* LLVMFuzzerTestOneInput judges one case. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FuzzCase given, shuffled;
    Judged first, second;

    qz_case_make(&given, data, size);
    qz_case_make(&shuffled, data, size);
    qz_case_shuffle(&shuffled);
    first = judge(&given.comparison);
    second = judge(&shuffled.comparison);
    if (first.verdict.nfindings != second.verdict.nfindings || first.verdict.ndeferred != second.verdict.ndeferred ||
        first.verdict.nmatched != second.verdict.nmatched)
        qz_fail("shuffled, it gives as many findings");
    for (size_t i = 0; i < first.verdict.nfindings; i++)
        if (!is_equal(&given, &first.findings[i], &shuffled, &second.findings[i]))
            qz_fail("shuffled, it gives the same findings in the same order");
    free(first.findings);
    free(second.findings);
    return 0;
}
