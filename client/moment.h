/*
 * Moments: points on the monotonic clock, in nanoseconds, and waiting for them.
 */
#ifndef QM_CLIENT_MOMENT_H
#define QM_CLIENT_MOMENT_H

#include "quantmesh.h"

#define QM_NS_PER_MS INT64_C(1000000)
#define QM_NS_PER_S INT64_C(1000000000)
#define QM_DAY_MS INT64_C(86400000)

extern int64_t qm_moment_after(int64_t from_ns, int64_t ms);
extern int qm_moment_poll_ms(int64_t moment_ns);
extern void qm_moment_sleep(int64_t ms);
extern bool qm_random(void *bytes, size_t size);

#endif
