/*
 * Exposure: counters in shared memory, one entry per market number.
 *
 * An entry is read and written under its spinlock, by anybody. What this
 * transaction has added is in a private list as well, so that the transaction's
 * end can take it back (abort) or subtract what was freed (commit); an entry
 * thus counts what is committed plus what may still commit, and a limit that
 * holds for it holds for the tables. An order counts in its market's entry and
 * in its account's.
 *
 * The entries are gone when the server restarts. The first order function of a
 * database then reads them from the tables, under a lock that every other one
 * waits for; nothing can change orders meanwhile. The tables do not tell how
 * many orders the last second had: where a rate is limited, no order is placed
 * in the first second.
 */
#include "exposure.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "exposure_load.h"
#include "market_number.h"
#include "settings.h"
#include "storage/shmem.h"
#include "storage/spin.h"
#include "utils/memutils.h"

/* The last second in tenths, and the tenth that is under way: no second holds more orders than the sum. */
#define RATE_BUCKET_US 100000
#define RATE_BUCKETS 11

#define CHANGES_INITIAL 64

typedef struct Entry
{
    slock_t mutex;
    QmExposure sum;
    int64 rate_tenth; /* the tenth of a second, by the monotonic clock, that was counted last */
    uint32 rates[RATE_BUCKETS];
} Entry;

/* What this transaction has done to one entry. */
typedef struct Change
{
    int number;
    SubTransactionId sub;
    QmExposure grown; /* in the entry already */
    QmExposure freed; /* negative: to be added at commit */
    int64 rate_tenth; /* of an order that counts for the rate; 0: none */
} Change;

typedef struct ExposureShared
{
    int64 rates_known_from; /* a tenth of a second: before it, orders of the time before the restart may count */
    Entry entries[FLEXIBLE_ARRAY_MEMBER];
} ExposureShared;

static ExposureShared *exposure_shared = NULL;
static Entry *entries = NULL; /* those of exposure_shared */
static Change *changes = NULL;
static int nchanges = 0;
static int changes_room = 0;

static void make_room(int count);
static void add_change(int number, const QmExposure *change, int64 rate_tenth);
static void apply(int number, const QmExposure *change, int sign);
static QmBreach try_entry(Entry *entry, const QmExposure *order, const QmLimits *limits, bool must_reduce, int64 tenth,
                          QmBreachDetail *detail);
static bool breaks(QmAmount value, QmAmount limit, QmBreachDetail *detail);
static uint32 rate_of_last_second(Entry *entry, int64 tenth);
static void take_back(const Change *change);
static QmExposure part(const QmExposure *change, bool grown);

/* qm_exposure_shmem_size returns what qm_exposure_shmem_init takes. */
Size
qm_exposure_shmem_size(void)
{
    return add_size(offsetof(ExposureShared, entries), mul_size(sizeof(Entry), qm_max_markets + 1));
}

/* qm_exposure_shmem_init makes or finds the shared part. */
void
qm_exposure_shmem_init(void)
{
    bool found;

    exposure_shared = ShmemInitStruct("quantmesh exposure", qm_exposure_shmem_size(), &found);
    entries = exposure_shared->entries;
    if (found)
        return;
    memset(exposure_shared, 0, qm_exposure_shmem_size());
    exposure_shared->rates_known_from = qm_now_us() / RATE_BUCKET_US + RATE_BUCKETS;
    for (int i = 0; i <= qm_max_markets; i++)
        SpinLockInit(&entries[i].mutex);
}

/* qm_exposure_reset makes an entry what the tables say; the loader's, while nobody else changes orders. */
void
qm_exposure_reset(int number, const QmExposure *exposure)
{
    Entry *entry = &entries[number];

    SpinLockAcquire(&entry->mutex);
    entry->sum = *exposure;
    SpinLockRelease(&entry->mutex);
}

/* qm_exposure_read copies an entry out. */
void
qm_exposure_read(int number, QmExposure *exposure)
{
    Entry *entry = &entries[number];

    SpinLockAcquire(&entry->mutex);
    *exposure = entry->sum;
    SpinLockRelease(&entry->mutex);
}

/* qm_exposure_change: see the header. Errors only before it has changed anything. */
void
qm_exposure_change(const char *account, const char *symbol, const QmExposure *change)
{
    QmExposure of_account = {.orders = change->orders, .notional = change->notional};
    int market = qm_market_number(account, symbol);
    int whole = qm_market_number(account, "");

    make_room(2);
    add_change(market, change, 0);
    add_change(whole, &of_account, 0);
}

/*
 * qm_exposure_reserve adds a new order to its market and account if that breaks
 * no limit; otherwise it says which. must_reduce: the order must not take the
 * position past flat, whatever fills.
 */
bool
qm_exposure_reserve(const char *account, const char *symbol, const QmExposure *order, bool must_reduce,
                    const QmLimits *account_limits, const QmLimits *market_limits, QmBreachDetail *detail)
{
    QmExposure of_account = {.orders = order->orders, .notional = order->notional};
    int market = qm_market_number(account, symbol);
    int whole = qm_market_number(account, "");
    int64 tenth = qm_now_us() / RATE_BUCKET_US;
    Change reserved = {.number = market, .grown = *order, .rate_tenth = tenth};

    make_room(2);
    memset(detail, 0, sizeof(*detail));
    detail->breach = try_entry(&entries[market], order, market_limits, must_reduce, tenth, detail);
    if (detail->breach != QM_BREACH_NONE)
        return false;
    detail->breach = try_entry(&entries[whole], &of_account, account_limits, false, tenth, detail);
    if (detail->breach != QM_BREACH_NONE)
    {
        detail->of_account = true;
        take_back(&reserved);
        return false;
    }
    reserved.sub = GetCurrentSubTransactionId();
    changes[nchanges++] = reserved;
    reserved.number = whole;
    reserved.grown = of_account;
    changes[nchanges++] = reserved;
    return true;
}

/* make_room makes sure that the list takes count more changes, so that nothing fails after an entry has changed. */
static void
make_room(int count)
{
    int room = changes_room == 0 ? CHANGES_INITIAL : changes_room;

    while (room < nchanges + count)
        room *= 2;
    if (room == changes_room)
        return;
    if (changes == NULL)
        changes = MemoryContextAlloc(TopMemoryContext, sizeof(Change) * (Size) room);
    else
        changes = repalloc_huge(changes, sizeof(Change) * (Size) room);
    changes_room = room;
}

/* add_change counts what grows and keeps the change for the transaction's end. A run on one market is one change. */
static void
add_change(int number, const QmExposure *change, int64 rate_tenth)
{
    SubTransactionId sub = GetCurrentSubTransactionId();
    QmExposure grown = part(change, true);
    QmExposure freed = part(change, false);
    Change *last = NULL;

    for (int i = nchanges - 1; i >= 0 && i >= nchanges - 2; i--)
    {
        if (changes[i].number == number && changes[i].sub == sub && changes[i].rate_tenth == 0)
            last = &changes[i];
    }
    apply(number, &grown, 1);
    if (last == NULL)
    {
        last = &changes[nchanges++];
        *last = (Change){.number = number, .sub = sub};
    }
    last->grown.orders += grown.orders;
    last->grown.longest += grown.longest;
    last->grown.shortest += grown.shortest;
    last->grown.notional += grown.notional;
    last->freed.orders += freed.orders;
    last->freed.longest += freed.longest;
    last->freed.shortest += freed.shortest;
    last->freed.notional += freed.notional;
}

/* part returns what grows in a change, or what shrinks. */
static QmExposure
part(const QmExposure *change, bool grown)
{
    QmExposure result = {0};

    if ((change->orders > 0) == grown)
        result.orders = change->orders;
    if ((change->longest > 0) == grown)
        result.longest = change->longest;
    if ((change->shortest > 0) == grown)
        result.shortest = change->shortest;
    if ((change->notional > 0) == grown)
        result.notional = change->notional;
    return result;
}

/* apply adds a change to an entry, or subtracts it. Cannot fail. */
static void
apply(int number, const QmExposure *change, int sign)
{
    Entry *entry = &entries[number];

    SpinLockAcquire(&entry->mutex);
    entry->sum.orders += sign * change->orders;
    entry->sum.longest = qm_amount_add(entry->sum.longest, sign * change->longest);
    entry->sum.shortest = qm_amount_add(entry->sum.shortest, sign * change->shortest);
    entry->sum.notional = qm_amount_add(entry->sum.notional, sign * change->notional);
    SpinLockRelease(&entry->mutex);
}

/* try_entry adds an order to an entry if no limit is broken; otherwise it returns which, with limit and value. */
static QmBreach
try_entry(Entry *entry, const QmExposure *order, const QmLimits *limits, bool must_reduce, int64 tenth,
          QmBreachDetail *detail)
{
    QmBreach breach = QM_BREACH_NONE;
    QmExposure sum;

    SpinLockAcquire(&entry->mutex);
    sum.orders = entry->sum.orders + order->orders;
    sum.longest = qm_amount_add(entry->sum.longest, order->longest);
    sum.shortest = qm_amount_add(entry->sum.shortest, order->shortest);
    sum.notional = qm_amount_add(entry->sum.notional, order->notional);
    if (breaks(sum.orders, limits->orders, detail))
        breach = QM_BREACH_ORDERS;
    else if (must_reduce && ((order->longest > 0 && breaks(sum.longest, 0, detail)) ||
                             (order->shortest > 0 && breaks(sum.shortest, 0, detail))))
        breach = QM_BREACH_INCREASES;
    else if ((order->longest > 0 && breaks(sum.longest, limits->position, detail)) ||
             (order->shortest > 0 && breaks(sum.shortest, limits->position, detail)))
        breach = QM_BREACH_POSITION;
    else if (breaks(sum.notional, limits->notional, detail))
        breach = QM_BREACH_NOTIONAL;
    else if (breaks((QmAmount) rate_of_last_second(entry, tenth) + 1, limits->rate, detail))
        breach = QM_BREACH_RATE;
    else if (limits->rate >= 0 && tenth < exposure_shared->rates_known_from)
        breach = QM_BREACH_RATE_UNKNOWN;
    else
    {
        entry->sum = sum;
        entry->rates[tenth % RATE_BUCKETS]++;
    }
    SpinLockRelease(&entry->mutex);
    return breach;
}

/* breaks compares a value with a limit, negative for none, and notes both when it is broken. */
static bool
breaks(QmAmount value, QmAmount limit, QmBreachDetail *detail)
{
    if (limit < 0 || value <= limit)
        return false;
    detail->limit = limit;
    detail->value = value;
    return true;
}

/* rate_of_last_second moves the buckets on to this tenth of a second and returns what they hold. */
static uint32
rate_of_last_second(Entry *entry, int64 tenth)
{
    uint32 sum = 0;

    if (tenth - entry->rate_tenth >= RATE_BUCKETS)
        memset(entry->rates, 0, sizeof(entry->rates));
    else
    {
        for (int64 passed = entry->rate_tenth + 1; passed <= tenth; passed++)
            entry->rates[passed % RATE_BUCKETS] = 0;
    }
    entry->rate_tenth = Max(entry->rate_tenth, tenth);
    for (int i = 0; i < RATE_BUCKETS; i++)
        sum += entry->rates[i];
    return sum;
}

/* take_back undoes what a change has added. Cannot fail. */
static void
take_back(const Change *change)
{
    Entry *entry = &entries[change->number];

    apply(change->number, &change->grown, -1);
    if (change->rate_tenth == 0)
        return;
    SpinLockAcquire(&entry->mutex);
    if (entry->rate_tenth - change->rate_tenth < RATE_BUCKETS && entry->rates[change->rate_tenth % RATE_BUCKETS] > 0)
        entry->rates[change->rate_tenth % RATE_BUCKETS]--;
    SpinLockRelease(&entry->mutex);
}

/* qm_exposure_any says whether this transaction has changed orders or positions. */
bool
qm_exposure_any(void)
{
    return nchanges > 0;
}

/* qm_exposure_end_xact frees what a committed transaction has freed, or takes back what an aborted one has added. */
void
qm_exposure_end_xact(bool committed)
{
    for (int i = 0; i < nchanges; i++)
    {
        if (committed)
            apply(changes[i].number, &changes[i].freed, 1);
        else
            take_back(&changes[i]);
    }
    nchanges = 0;
}

/* qm_exposure_commit_sub hands the subtransaction's changes to its parent. */
void
qm_exposure_commit_sub(SubTransactionId sub, SubTransactionId parent)
{
    for (int i = 0; i < nchanges; i++)
    {
        if (changes[i].sub == sub)
            changes[i].sub = parent;
    }
}

/* qm_exposure_abort_sub takes back what the subtransaction has added and forgets what it has freed. */
void
qm_exposure_abort_sub(SubTransactionId sub)
{
    int kept = 0;

    for (int i = 0; i < nchanges; i++)
    {
        if (changes[i].sub == sub)
            take_back(&changes[i]);
        else
            changes[kept++] = changes[i];
    }
    nchanges = kept;
}
