/*
 * Retries: how often and after which pauses a call is made again.
 */
#ifndef QM_CLIENT_RETRY_H
#define QM_CLIENT_RETRY_H

#include "quantmesh.h"

/* One call's way through its policy. */
typedef struct QmRetry
{
    QmRetryPolicy policy;
    int64_t end_ns; /* no attempt begins later */
    int attempts;   /* begun so far */
    int64_t pause_ms;
    uint64_t random;
} QmRetry;

extern const char *qm_retry_policy_fault(const QmRetryPolicy *policy);
extern void qm_retry_begin(QmRetry *retry, const QmRetryPolicy *policy);
extern int64_t qm_retry_next_pause(QmRetry *retry);
extern bool qm_retry_again(QmRetry *retry);

#endif
