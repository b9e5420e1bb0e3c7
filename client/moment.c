/*
 * Moments: points on the monotonic clock, in nanoseconds, and waiting for them;
 * and the randomness that ids, tokens and pauses are made of.
 */
#include "moment.h"

#include <errno.h>
#include <limits.h>
#include <sys/random.h>
#include <time.h>

/* qm_monotonic_ns returns now by the monotonic clock. */
int64_t
qm_monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * QM_NS_PER_S + now.tv_nsec;
}

/* qm_moment_after returns the moment ms after another; what is too far away is the last moment that there is. */
int64_t
qm_moment_after(int64_t from_ns, int64_t ms)
{
    if (ms >= (INT64_MAX - from_ns) / QM_NS_PER_MS)
        return INT64_MAX;
    return from_ns + ms * QM_NS_PER_MS;
}

/* qm_moment_poll_ms returns how long poll() has to wait for a moment, rounded up; 0 when it has passed. */
int
qm_moment_poll_ms(int64_t moment_ns)
{
    int64_t left_ns = moment_ns - qm_monotonic_ns();

    if (left_ns <= 0)
        return 0;
    if (left_ns / QM_NS_PER_MS >= INT_MAX)
        return INT_MAX;
    return (int) ((left_ns + QM_NS_PER_MS - 1) / QM_NS_PER_MS);
}

/* qm_moment_sleep sleeps, through signals too. */
void
qm_moment_sleep(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * QM_NS_PER_MS};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* qm_random fills bytes from the system's random source, at most 256; false when there is none. */
bool
qm_random(void *bytes, size_t size)
{
    ssize_t got;

    do
        got = getrandom(bytes, size, 0);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t) size;
}
