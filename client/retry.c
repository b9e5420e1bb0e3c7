/*
 * Retries: how often and after which pauses a call is made again.
 */
#include "retry.h"

#include <string.h>

#include "moment.h"

static const QmRetryPolicy policies[] = {
    {.name = "none", .attempts_max = 1, .base_ms = 1, .cap_ms = 1, .total_ms = 0},
    {.name = "quick", .attempts_max = 0, .base_ms = 10, .cap_ms = 200, .total_ms = 2000},
    {.name = "standard", .attempts_max = 0, .base_ms = 25, .cap_ms = 2000, .total_ms = 30000},
    {.name = "patient", .attempts_max = 0, .base_ms = 100, .cap_ms = 15000, .total_ms = 600000},
};

/* qm_retry_policy returns a policy by name, NULL for an unknown one. */
const QmRetryPolicy *
qm_retry_policy(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof(policies) / sizeof(policies[0]); i++)
    {
        if (strcmp(policies[i].name, name) == 0)
            return &policies[i];
    }
    return NULL;
}

/* qm_retry_policy_fault returns what is wrong with a policy, NULL when nothing is. */
const char *
qm_retry_policy_fault(const QmRetryPolicy *policy)
{
    if (policy->base_ms < 1)
        return "base_ms must be at least 1";
    if (policy->cap_ms < policy->base_ms || policy->cap_ms > QM_DAY_MS)
        return "cap_ms must be at least base_ms and at most one day";
    if (policy->attempts_max < 0 || policy->total_ms < 0)
        return "attempts_max and total_ms must not be negative";
    if (policy->attempts_max == 0 && policy->total_ms == 0)
        return "attempts_max or total_ms must be set";
    return NULL;
}

/* qm_retry_begin begins a call's first attempt. */
void
qm_retry_begin(QmRetry *retry, const QmRetryPolicy *policy)
{
    int64_t now = qm_monotonic_ns();

    retry->policy = *policy;
    retry->end_ns = policy->total_ms == 0 ? INT64_MAX : qm_moment_after(now, policy->total_ms);
    retry->attempts = 1;
    retry->pause_ms = policy->base_ms;
    /* Without a random source the clock has to do: it is enough that clients differ. */
    if (!qm_random(&retry->random, sizeof(retry->random)))
        retry->random = (uint64_t) now ^ (uint64_t) (uintptr_t) retry;
    retry->random |= 1;
}

/* qm_retry_next_pause draws the next pause by decorrelated jitter. */
int64_t
qm_retry_next_pause(QmRetry *retry)
{
    int64_t base = retry->policy.base_ms;
    int64_t span = retry->pause_ms * 3 - base + 1;

    /* xorshift64: pauses need no better one */
    retry->random ^= retry->random << 13;
    retry->random ^= retry->random >> 7;
    retry->random ^= retry->random << 17;
    retry->pause_ms = base + (int64_t) (retry->random % (uint64_t) span);
    if (retry->pause_ms > retry->policy.cap_ms)
        retry->pause_ms = retry->policy.cap_ms;
    return retry->pause_ms;
}

/* qm_retry_again sleeps until the next attempt and returns true, or false at once when the policy has none left. */
bool
qm_retry_again(QmRetry *retry)
{
    int64_t pause_ms;

    if (retry->policy.attempts_max > 0 && retry->attempts >= retry->policy.attempts_max)
        return false;
    pause_ms = qm_retry_next_pause(retry);
    if (qm_moment_after(qm_monotonic_ns(), pause_ms) > retry->end_ns)
        return false;
    qm_moment_sleep(pause_ms);
    retry->attempts++;
    return true;
}
