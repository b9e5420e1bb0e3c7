/*
 * Lock metrics: counters and time histograms per label (class, account, symbol).
 */
#ifndef QM_METRIC_H
#define QM_METRIC_H

#include "postgres.h"

#include "key.h"
#include "port/atomics.h"

#define QM_LABEL_MAX 127 /* bytes; keys with a longer label count under "other" */
#define QM_LABEL_OTHER 0 /* the entry for all that have none of their own */
#define QM_BUCKETS 22    /* finite ones; 1-2-5 from 10 us to 50 s, and 30 s */

extern const int64 qm_bucket_us[QM_BUCKETS];

typedef struct QmHistogram
{
    pg_atomic_uint64 buckets[QM_BUCKETS + 1]; /* not cumulative; the last one is above all bounds */
    pg_atomic_uint64 sum_us;
    pg_atomic_uint64 max_us;
} QmHistogram;

typedef enum QmCounter
{
    QM_COUNT_ACQUIRED,
    QM_COUNT_SKIPPED,
    QM_COUNT_FAILED,
    QM_COUNT_CONFLICT,
    QM_COUNT_OVERRUN,
    QM_COUNTERS
} QmCounter;

typedef struct QmLabel
{
    Oid database; /* InvalidOid for "other", which all databases share */
    QmKeyParts parts;
    char text[QM_LABEL_MAX + 1];
    pg_atomic_uint64 counters[QM_COUNTERS];
    QmHistogram hold;
    QmHistogram wait;
    pg_atomic_uint64 since; /* TimestampTz */
} QmLabel;

/* A histogram read once, for people: counts and quantiles. */
typedef struct QmHistogramSummary
{
    uint64 cumulative[QM_BUCKETS + 1]; /* the last one is the count */
    double sum_s;
    double max_ms;
} QmHistogramSummary;

extern Size qm_metric_shmem_size(void);
extern void qm_metric_shmem_init(LWLock *lock);

extern int qm_metric_label(const QmKey *key);
extern void qm_metric_count(int label, QmCounter counter);
extern void qm_metric_hold(int label, int64 hold_us);
extern void qm_metric_wait(int label, int64 wait_us);
extern void qm_metric_reset(void);

extern int qm_metric_labels(void);
extern const QmLabel *qm_metric_label_at(int label);
extern void qm_histogram_init(QmHistogram *histogram);
extern void qm_histogram_add(QmHistogram *histogram, int64 value_us);
extern void qm_histogram_zero(QmHistogram *histogram);
extern void qm_histogram_read(const QmHistogram *histogram, QmHistogramSummary *summary);
extern double qm_histogram_quantile_ms(const QmHistogramSummary *summary, double quantile);

#endif
