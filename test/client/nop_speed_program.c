/*
 * nop_speed prints what a lock call costs an instance that is alone, in
 * nanoseconds, through the same interface as every other back end. It fails at 5
 * or more.
 */
#include <stdio.h>
#include <stdlib.h>

#include "quantmesh.h"

enum
{
    CALLS = 50000000,
    ROUNDS = 5
};

/* per_call_ns measures one round of calls; each pair of try_lock and unlock is two. */
static double
per_call_ns(QmLocks *locks)
{
    int64_t begin = qm_monotonic_ns();
    QmGrant grant;

    for (int i = 0; i < CALLS / 2; i++)
    {
        if (locks->functions->try_lock(locks, "order:binance:BTCUSDT:65000", 5000, &grant) != QM_OK ||
            locks->functions->unlock(locks, "order:binance:BTCUSDT:65000") != QM_OK)
            abort();
    }
    return (double) (qm_monotonic_ns() - begin) / CALLS;
}

int
main(void)
{
    const QmLocksOptions options = {.enabled = false};
    double best = 1e9;
    QmLocks *locks;

    if (qm_locks_open(&options, &locks, NULL) != QM_OK)
        return 1;
    for (int i = 0; i < ROUNDS; i++)
    {
        double ns = per_call_ns(locks);

        best = ns < best ? ns : best;
    }
    locks->functions->close(locks);
    printf("nop: %.2f ns per call, the best of %d rounds of %d calls\n", best, ROUNDS, CALLS);
    return best < 5 ? 0 : 1;
}
