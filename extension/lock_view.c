/*
 * SQL functions behind the views locks and lock_waits: what is true now.
 */
#include "postgres.h"

#include "argument.h"
#include "clock.h"
#include "compat.h"
#include "funcapi.h"
#include "lock.h"
#include "miscadmin.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_lock_rows);
PG_FUNCTION_INFO_V1(qm_lock_wait_rows);

#define LOCK_COLUMNS 12
#define WAIT_COLUMNS 10

/* One backend that waits. */
typedef struct WaitingBackend
{
    int pid;
    QmWait wait;
} WaitingBackend;

static WaitingBackend *read_waits(int *nwaits);
static int wait_cmp(const void *left, const void *right);
static int count_waiters(const WaitingBackend *waits, int nwaits, uint64 hash);
static void put_hold(ReturnSetInfo *result, const QmBackend *backend, const QmHold *hold, int waiters);
static void put_lease(ReturnSetInfo *result, const QmLease *lease, int waiters);
static void put_key(Datum *values, bool *nulls, const char *key, size_t len);
static void put_deadline(Datum *value, bool *null, int64 deadline_us);
static void put_wait(ReturnSetInfo *result, const WaitingBackend *waiting, int64 now_us);
static const char *state_name(QmHoldState state);
static const char *wait_name(QmWaitFor waits_for);

/* text_datum returns bytes as an SQL text. */
static Datum
text_datum(const char *data, size_t len)
{
    return PointerGetDatum(cstring_to_text_with_len(data, (int) len));
}

/* qm_lock_rows is quantmesh.lock_rows. */
Datum
qm_lock_rows(PG_FUNCTION_ARGS)
{
    QmBackend *copy;
    QmLease *leases;
    WaitingBackend *waits;
    int room;
    int nleases;
    int nwaits;

    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    copy = palloc(qm_hold_backend_size());
    waits = read_waits(&nwaits);

    for (int number = 0; number < qm_hold_nbackends(); number++)
    {
        if (!qm_hold_read(number, copy) || copy->database != MyDatabaseId)
            continue;
        for (uint32 slot = 0; slot < copy->nslots; slot++)
        {
            const QmHold *hold = &copy->holds[slot];

            put_hold((ReturnSetInfo *) fcinfo->resultinfo, copy, hold, count_waiters(waits, nwaits, hold->hash));
        }
    }

    room = qm_lease_count();
    leases = palloc_extended(sizeof(QmLease) * ((Size) room + 1), MCXT_ALLOC_HUGE);
    nleases = qm_lease_copy(leases, room);
    for (int i = 0; i < nleases; i++)
    {
        if (leases[i].id.database == MyDatabaseId && (leases[i].pins > 0 || leases[i].deadline_us > qm_now_us()))
            put_lease((ReturnSetInfo *) fcinfo->resultinfo,
                      &leases[i],
                      count_waiters(waits, nwaits, leases[i].id.hash));
    }
    return (Datum) 0;
}

/* read_waits copies who waits in this database, longest first. */
static WaitingBackend *
read_waits(int *nwaits)
{
    int nbackends = qm_hold_nbackends();
    QmBackend *copy = palloc(qm_hold_backend_size());
    WaitingBackend *waits = palloc(sizeof(WaitingBackend) * ((Size) nbackends + 1));

    *nwaits = 0;
    for (int number = 0; number < nbackends; number++)
    {
        if (!qm_hold_read(number, copy) || copy->database != MyDatabaseId || copy->wait.waits_for == QM_WAIT_NOTHING)
            continue;
        waits[*nwaits].pid = (int) pg_atomic_read_u32(&copy->pid);
        waits[*nwaits].wait = copy->wait;
        (*nwaits)++;
    }
    qsort(waits, (size_t) *nwaits, sizeof(WaitingBackend), wait_cmp);
    pfree(copy);
    return waits;
}

/* wait_cmp orders waits by their beginning. */
static int
wait_cmp(const void *left, const void *right)
{
    int64 l = ((const WaitingBackend *) left)->wait.since_us;
    int64 r = ((const WaitingBackend *) right)->wait.since_us;

    return l == r ? 0 : (l < r ? -1 : 1);
}

/* count_waiters returns how many wait for the key. */
static int
count_waiters(const WaitingBackend *waits, int nwaits, uint64 hash)
{
    int count = 0;

    for (int i = 0; i < nwaits; i++)
        count += waits[i].wait.hash == hash ? 1 : 0;
    return count;
}

/* put_hold adds a row for a transaction or session lock. */
static void
put_hold(ReturnSetInfo *result, const QmBackend *backend, const QmHold *hold, int waiters)
{
    QmHoldState state = qm_hold_state(pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &hold->word)));
    Datum values[LOCK_COLUMNS] = {0};
    bool nulls[LOCK_COLUMNS] = {0};

    if (state == QM_HOLD_FREE)
        return;
    put_key(values, nulls, hold->key, hold->key_len);
    values[4] = CStringGetTextDatum(qm_lock_mode_name(hold->session ? QM_MODE_SESSION : QM_MODE_XACT));
    values[5] = CStringGetTextDatum(state_name(state));
    values[6] = Int32GetDatum((int) pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &backend->pid)));
    nulls[7] = true;
    values[8] = Int64GetDatum(hold->fence);
    values[9] = TimestampTzGetDatum(hold->granted_at);
    put_deadline(&values[10], &nulls[10], hold->deadline_us);
    values[11] = Int32GetDatum(waiters);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* put_lease adds a row for a lease. */
static void
put_lease(ReturnSetInfo *result, const QmLease *lease, int waiters)
{
    Datum values[LOCK_COLUMNS] = {0};
    bool nulls[LOCK_COLUMNS] = {0};

    put_key(values, nulls, lease->key, lease->key_len);
    values[4] = CStringGetTextDatum(qm_lock_mode_name(QM_MODE_LEASE));
    values[5] = CStringGetTextDatum(state_name(lease->pins > 0 ? QM_HOLD_COMMITTING : QM_HOLD_HELD));
    nulls[6] = true;
    values[7] = text_datum(lease->owner, lease->owner_len);
    values[8] = Int64GetDatum(lease->fence);
    values[9] = TimestampTzGetDatum(lease->granted_at);
    put_deadline(&values[10], &nulls[10], lease->deadline_us);
    values[11] = Int32GetDatum(waiters);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* put_key fills in the columns key, class, account and symbol. */
static void
put_key(Datum *values, bool *nulls, const char *key, size_t len)
{
    QmKeyParts parts = qm_key_parse(key, len);

    values[0] = text_datum(key, len);
    values[1] = CStringGetTextDatum(qm_key_class_name(parts.class));
    values[2] = text_datum(key + parts.account_at, parts.account_len);
    nulls[2] = parts.account_len == 0;
    values[3] = text_datum(key + parts.symbol_at, parts.symbol_len);
    nulls[3] = parts.symbol_len == 0;
}

/* put_deadline fills in the time that is left, NULL where there is no TTL. */
static void
put_deadline(Datum *value, bool *null, int64 deadline_us)
{
    *null = deadline_us == QM_NEVER_US;
    if (!*null)
        *value = IntervalPGetDatum(qm_interval(deadline_us - qm_now_us()));
}

/* state_name returns the word that views show. */
static const char *
state_name(QmHoldState state)
{
    switch (state)
    {
        case QM_HOLD_FREE:
            return "free";
        case QM_HOLD_HELD:
            return "held";
        case QM_HOLD_COMMITTING:
            return "committing";
        case QM_HOLD_OVERRUN:
            return "overrun";
    }
    return "held";
}

/* qm_lock_wait_rows is quantmesh.lock_wait_rows. */
Datum
qm_lock_wait_rows(PG_FUNCTION_ARGS)
{
    WaitingBackend *waits;
    int nwaits;
    int64 now_us;

    qm_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    waits = read_waits(&nwaits);
    now_us = qm_now_us();
    for (int i = 0; i < nwaits; i++)
        put_wait((ReturnSetInfo *) fcinfo->resultinfo, &waits[i], now_us);
    return (Datum) 0;
}

/* put_wait adds a row for one waiter, with whoever holds its key now. */
static void
put_wait(ReturnSetInfo *result, const WaitingBackend *waiting, int64 now_us)
{
    const QmWait *wait = &waiting->wait;
    Datum values[WAIT_COLUMNS] = {0};
    bool nulls[WAIT_COLUMNS] = {false, false, false, false, false, true, true, true, true, true};
    QmHolder holder;
    QmKey key;

    qm_key_from_text(&key, cstring_to_text_with_len(wait->key, wait->key_len));
    values[0] = text_datum(wait->key, wait->key_len);
    values[1] = Int32GetDatum(waiting->pid);
    values[2] = CStringGetTextDatum(qm_lock_mode_name(wait->mode));
    values[3] = IntervalPGetDatum(qm_interval(now_us - wait->since_us));
    values[4] = CStringGetTextDatum(wait_name(wait->waits_for));
    if (qm_lock_holder(&key, &holder))
    {
        values[5] = CStringGetTextDatum(qm_lock_mode_name(holder.mode));
        nulls[5] = false;
        values[6] = Int32GetDatum(holder.pid);
        nulls[6] = holder.pid == 0;
        values[7] = text_datum(holder.owner, holder.owner_len);
        nulls[7] = holder.owner_len == 0;
        values[8] = Int64GetDatum(holder.fence);
        nulls[8] = false;
        values[9] = TimestampTzGetDatum(holder.granted_at);
        nulls[9] = false;
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* wait_name returns the word that views show. */
static const char *
wait_name(QmWaitFor waits_for)
{
    switch (waits_for)
    {
        case QM_WAIT_NOTHING:
            return "nothing";
        case QM_WAIT_LOCK:
            return "lock";
        case QM_WAIT_LEASE:
            return "lease";
        case QM_WAIT_GRACE:
            return "grace";
    }
    return "nothing";
}
