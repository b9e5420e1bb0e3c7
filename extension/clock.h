/*
 * The clock that TTLs and durations are measured by. It never jumps: setting
 * the system's time moves no expiry.
 */
#ifndef QM_CLOCK_H
#define QM_CLOCK_H

#include "postgres.h"

#include <limits.h>
#include <time.h>

#define QM_US_PER_MS INT64CONST(1000)
#define QM_US_PER_S INT64CONST(1000000)
#define QM_NEVER_US PG_INT64_MAX

/* qm_now_us returns microseconds on the monotonic clock; the same in every process of the machine. */
static inline int64
qm_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64) now.tv_sec * QM_US_PER_S + now.tv_nsec / 1000;
}

/* qm_earlier returns the earlier of two times. Unlike Min it works out each of them once, whatever that does. */
static inline int64
qm_earlier(int64 one_us, int64 other_us)
{
    return one_us < other_us ? one_us : other_us;
}

/* qm_us_until returns the time to a deadline; 0 when it has passed. */
static inline int64
qm_us_until(int64 deadline_us)
{
    int64 left_us = deadline_us - qm_now_us();

    return Max(left_us, 0);
}

/* qm_ms_until rounds the time to a deadline up to whole milliseconds, as WaitLatch wants them; 0 when it has passed. */
static inline long
qm_ms_until(int64 deadline_us, int64 now_us)
{
    if (deadline_us <= now_us)
        return 0;
    return (long) Min((deadline_us - now_us + QM_US_PER_MS - 1) / QM_US_PER_MS, INT_MAX);
}

#endif
