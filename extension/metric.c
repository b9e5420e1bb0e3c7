/*
 * Lock metrics: one entry of atomics per label, in an array that is never
 * shortened, so that an index stays good for the life of the server.
 *
 * The array's length and the index from text to entry are changed under the
 * lock, exclusively; an entry's database, parts and text are written before its
 * number is published and never after. Counters are atomics that anybody adds
 * to without a lock. When the array is full, further labels share entry 0.
 */
#include "metric.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "settings.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#define LABEL_CACHE_SIZE 256 /* a power of two */

const int64 qm_bucket_us[QM_BUCKETS] = {10,      20,      50,       100,      200,      500,     1000,   2000,
                                        5000,    10000,   20000,    50000,    100000,   200000,  500000, 1000000,
                                        2000000, 5000000, 10000000, 20000000, 30000000, 50000000};

typedef struct LabelKey
{
    Oid database;
    char text[QM_LABEL_MAX + 1];
} LabelKey;

typedef struct LabelEntry
{
    LabelKey key;
    int label;
} LabelEntry;

typedef struct MetricShared
{
    pg_atomic_uint32 nlabels;
    QmLabel labels[FLEXIBLE_ARRAY_MEMBER];
} MetricShared;

/* What this backend found before, by hash of the label. */
typedef struct CachedLabel
{
    uint64 hash;
    int label;
} CachedLabel;

static MetricShared *metric_shared = NULL;
static HTAB *label_index = NULL;
static LWLock *label_lock = NULL;
static CachedLabel label_cache[LABEL_CACHE_SIZE];

static int label_find_or_add(const QmKey *key, const char *text, size_t len);
static void label_init(QmLabel *label, Oid database, const QmKeyParts *parts, const char *text, size_t len,
                       TimestampTz since);
static TimestampTz counting_since(void);
static void label_zero(QmLabel *label, TimestampTz now);

/* shared_size returns the size of the array: the labels of their own, and "other". */
static Size
shared_size(void)
{
    return add_size(offsetof(MetricShared, labels), mul_size(sizeof(QmLabel), qm_max_lock_labels + 1));
}

/* qm_metric_shmem_size returns what qm_metric_shmem_init takes. */
Size
qm_metric_shmem_size(void)
{
    return add_size(shared_size(), hash_estimate_size(qm_max_lock_labels, sizeof(LabelEntry)));
}

/* qm_metric_shmem_init makes or finds the shared part; lock guards the list of labels. */
void
qm_metric_shmem_init(LWLock *lock)
{
    static const QmKeyParts no_parts = {.class = QM_KEY_CUSTOM};
    HASHCTL info = {.keysize = sizeof(LabelKey), .entrysize = sizeof(LabelEntry)};
    bool found;

    label_lock = lock;
    memset(label_cache, 0, sizeof(label_cache));
    label_index =
        ShmemInitHash("quantmesh labels", qm_max_lock_labels, qm_max_lock_labels, &info, HASH_ELEM | HASH_BLOBS);
    metric_shared = ShmemInitStruct("quantmesh metrics", shared_size(), &found);
    if (found)
        return;
    label_init(&metric_shared->labels[QM_LABEL_OTHER],
               InvalidOid,
               &no_parts,
               "other",
               strlen("other"),
               GetCurrentTimestamp());
    pg_atomic_init_u32(&metric_shared->nlabels, 1);
}

/*
 * qm_metric_label returns the entry that the key's label counts under, making
 * it if there is room. Never fails.
 */
int
qm_metric_label(const QmKey *key)
{
    const char *text = key->parts.class == QM_KEY_CUSTOM ? "custom" : key->text;
    size_t len = key->parts.class == QM_KEY_CUSTOM ? strlen("custom") : key->parts.label_len;
    uint64 hash;
    CachedLabel *cached;

    if (len > QM_LABEL_MAX)
        return QM_LABEL_OTHER;

    hash = hash_bytes_extended((const unsigned char *) text, (int) len, MyDatabaseId);
    cached = &label_cache[hash & (LABEL_CACHE_SIZE - 1)];
    if (cached->hash != hash || cached->label == QM_LABEL_OTHER ||
        strncmp(metric_shared->labels[cached->label].text, text, len) != 0)
    {
        cached->label = label_find_or_add(key, text, len);
        cached->hash = hash;
    }
    return cached->label;
}

/* label_find_or_add looks the label up in shared memory, adding it if it is new and there is room. */
static int
label_find_or_add(const QmKey *key, const char *text, size_t len)
{
    LabelKey index_key;
    LabelEntry *entry;
    int label = QM_LABEL_OTHER;
    bool found;

    memset(&index_key, 0, sizeof(index_key));
    index_key.database = MyDatabaseId;
    memcpy(index_key.text, text, len);

    LWLockAcquire(label_lock, LW_SHARED);
    entry = hash_search(label_index, &index_key, HASH_FIND, NULL);
    if (entry != NULL)
        label = entry->label;
    LWLockRelease(label_lock);
    if (entry != NULL || qm_metric_labels() > qm_max_lock_labels)
        return label;

    LWLockAcquire(label_lock, LW_EXCLUSIVE);
    entry = hash_search(label_index, &index_key, HASH_FIND, NULL);
    if (entry == NULL && qm_metric_labels() <= qm_max_lock_labels)
    {
        entry = hash_search(label_index, &index_key, HASH_ENTER_NULL, &found);
        if (entry != NULL)
        {
            entry->label = qm_metric_labels();
            label_init(&metric_shared->labels[entry->label], MyDatabaseId, &key->parts, text, len, counting_since());
            pg_write_barrier();
            pg_atomic_write_u32(&metric_shared->nlabels, (uint32) entry->label + 1);
        }
    }
    if (entry != NULL)
        label = entry->label;
    LWLockRelease(label_lock);
    return label;
}

/* counting_since returns when the server started to count, or was told to start again. */
static TimestampTz
counting_since(void)
{
    return (TimestampTz) pg_atomic_read_u64(&metric_shared->labels[QM_LABEL_OTHER].since);
}

/* label_init fills in an entry that nobody sees yet. */
static void
label_init(QmLabel *label, Oid database, const QmKeyParts *parts, const char *text, size_t len, TimestampTz since)
{
    label->database = database;
    label->parts = *parts;
    memset(label->text, 0, sizeof(label->text));
    memcpy(label->text, text, len);
    for (int i = 0; i < QM_COUNTERS; i++)
        pg_atomic_init_u64(&label->counters[i], 0);
    qm_histogram_init(&label->hold);
    qm_histogram_init(&label->wait);
    pg_atomic_init_u64(&label->since, (uint64) since);
}

/* qm_metric_count adds one. */
void
qm_metric_count(int label, QmCounter counter)
{
    pg_atomic_fetch_add_u64(&metric_shared->labels[label].counters[counter], 1);
}

/* qm_metric_hold records how long a hold that has ended lasted. */
void
qm_metric_hold(int label, int64 hold_us)
{
    qm_histogram_add(&metric_shared->labels[label].hold, hold_us);
}

/* qm_metric_wait records how long an attempt waited, whatever came of it. */
void
qm_metric_wait(int label, int64 wait_us)
{
    qm_histogram_add(&metric_shared->labels[label].wait, wait_us);
}

/* qm_histogram_init makes a histogram that nobody sees yet. */
void
qm_histogram_init(QmHistogram *histogram)
{
    for (int i = 0; i <= QM_BUCKETS; i++)
        pg_atomic_init_u64(&histogram->buckets[i], 0);
    pg_atomic_init_u64(&histogram->sum_us, 0);
    pg_atomic_init_u64(&histogram->max_us, 0);
}

/* qm_histogram_add records one value. */
void
qm_histogram_add(QmHistogram *histogram, int64 value_us)
{
    uint64 value = (uint64) Max(value_us, 0);
    uint64 max_us = pg_atomic_read_u64(&histogram->max_us);
    int bucket = 0;

    while (bucket < QM_BUCKETS && (int64) value > qm_bucket_us[bucket])
        bucket++;
    pg_atomic_fetch_add_u64(&histogram->buckets[bucket], 1);
    pg_atomic_fetch_add_u64(&histogram->sum_us, (int64) value);
    while (value > max_us && !pg_atomic_compare_exchange_u64(&histogram->max_us, &max_us, value))
        ;
}

/* qm_metric_reset sets this database's entries, and the shared "other", to zero. */
void
qm_metric_reset(void)
{
    TimestampTz now = GetCurrentTimestamp();

    for (int i = 0; i < qm_metric_labels(); i++)
    {
        QmLabel *label = &metric_shared->labels[i];

        if (label->database == MyDatabaseId || i == QM_LABEL_OTHER)
            label_zero(label, now);
    }
}

/* label_zero resets one entry; what others add meanwhile may survive. */
static void
label_zero(QmLabel *label, TimestampTz now)
{
    for (int i = 0; i < QM_COUNTERS; i++)
        pg_atomic_write_u64(&label->counters[i], 0);
    qm_histogram_zero(&label->hold);
    qm_histogram_zero(&label->wait);
    pg_atomic_write_u64(&label->since, (uint64) now);
}

/* qm_histogram_zero forgets all values; what others add meanwhile may survive. */
void
qm_histogram_zero(QmHistogram *histogram)
{
    for (int i = 0; i <= QM_BUCKETS; i++)
        pg_atomic_write_u64(&histogram->buckets[i], 0);
    pg_atomic_write_u64(&histogram->sum_us, 0);
    pg_atomic_write_u64(&histogram->max_us, 0);
}

/* qm_metric_labels returns how many entries there are, "other" included. */
int
qm_metric_labels(void)
{
    return (int) pg_atomic_read_u32(&metric_shared->nlabels);
}

/* qm_metric_label_at returns entry number label, which must be below qm_metric_labels(). */
const QmLabel *
qm_metric_label_at(int label)
{
    Assert(label >= 0 && label < qm_metric_labels());
    return &metric_shared->labels[label];
}

/* qm_histogram_read copies a histogram out, with cumulative counts. */
void
qm_histogram_read(const QmHistogram *histogram, QmHistogramSummary *summary)
{
    uint64 count = 0;

    for (int i = 0; i <= QM_BUCKETS; i++)
    {
        count += pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &histogram->buckets[i]));
        summary->cumulative[i] = count;
    }
    summary->sum_s = (double) pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &histogram->sum_us)) / 1e6;
    summary->max_ms = (double) pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &histogram->max_us)) / 1e3;
}

/*
 * qm_histogram_quantile_ms estimates a quantile by interpolating within its
 * bucket, as Prometheus does; never above the largest value seen.
 */
double
qm_histogram_quantile_ms(const QmHistogramSummary *summary, double quantile)
{
    double rank = quantile * (double) summary->cumulative[QM_BUCKETS];
    int bucket = 0;
    double below;
    double lower_ms;
    double upper_ms;

    while (bucket < QM_BUCKETS && (double) summary->cumulative[bucket] < rank)
        bucket++;
    if (bucket == QM_BUCKETS)
        return summary->max_ms;

    below = bucket > 0 ? (double) summary->cumulative[bucket - 1] : 0;
    lower_ms = bucket > 0 ? (double) qm_bucket_us[bucket - 1] / 1e3 : 0;
    upper_ms = (double) qm_bucket_us[bucket] / 1e3;
    return Min(summary->max_ms,
               lower_ms + (upper_ms - lower_ms) * (rank - below) / ((double) summary->cumulative[bucket] - below));
}
