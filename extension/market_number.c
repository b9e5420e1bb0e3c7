/*
 * Market numbers: a name's number is given once and stays for the life of the
 * server, so that an index into shared arrays never goes stale.
 *
 * The names and the index are changed under the lock, exclusively; a name is
 * written before the count that makes it readable, and never after. When all
 * numbers are given, limits cannot be kept for a further market: it is refused
 * with 53400.
 */
#include "market_number.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "settings.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#define CACHE_SIZE 256 /* a power of two */

typedef struct NumberEntry
{
    QmMarketName name;
    int number;
} NumberEntry;

typedef struct NumberShared
{
    pg_atomic_uint32 count;
    QmMarketName names[FLEXIBLE_ARRAY_MEMBER];
} NumberShared;

static NumberShared *number_shared = NULL;
static HTAB *number_index = NULL;
static LWLock *number_lock = NULL;
static int number_cache[CACHE_SIZE]; /* by hash of the name; 0: unknown */

static Size shared_size(void);
static void fill_name(QmMarketName *name, const char *account, const char *symbol);
static int find(const QmMarketName *name);
static int find_or_add(const QmMarketName *name);

/* shared_size returns the size of the names. */
static Size
shared_size(void)
{
    return add_size(offsetof(NumberShared, names), mul_size(sizeof(QmMarketName), qm_max_markets + 1));
}

/* qm_market_number_shmem_size returns what qm_market_number_shmem_init takes. */
Size
qm_market_number_shmem_size(void)
{
    return add_size(shared_size(), hash_estimate_size(qm_max_markets, sizeof(NumberEntry)));
}

/* qm_market_number_shmem_init makes or finds the shared part; lock guards it. */
void
qm_market_number_shmem_init(LWLock *lock)
{
    HASHCTL info = {.keysize = sizeof(QmMarketName), .entrysize = sizeof(NumberEntry)};
    bool found;

    number_lock = lock;
    memset(number_cache, 0, sizeof(number_cache));
    number_index =
        ShmemInitHash("quantmesh market index", qm_max_markets, qm_max_markets, &info, HASH_ELEM | HASH_BLOBS);
    number_shared = ShmemInitStruct("quantmesh markets", shared_size(), &found);
    if (found)
        return;
    memset(&number_shared->names[QM_MARKET_OTHER], 0, sizeof(QmMarketName));
    pg_atomic_init_u32(&number_shared->count, 1);
}

/*
 * qm_market_number returns the number of a market of this database, or of an
 * account where symbol is empty, giving it one if it has none. 53400 when
 * quantmesh.max_markets of them are given.
 */
int
qm_market_number(const char *account, const char *symbol)
{
    QmMarketName name;
    int *cached;

    fill_name(&name, account, symbol);
    cached = &number_cache[hash_bytes((const unsigned char *) &name, sizeof(name)) & (CACHE_SIZE - 1)];
    if (*cached == 0 || memcmp(&number_shared->names[*cached], &name, sizeof(name)) != 0)
        *cached = find_or_add(&name);
    if (*cached == 0)
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("server knows %d quantmesh markets and accounts, the limit", qm_max_markets),
                 errdetail("The next one was \"%s\" of account \"%s\".", symbol, account),
                 errhint("Raise quantmesh.max_markets and restart the server.")));
    return *cached;
}

/* qm_market_number_find returns its number without giving it one; 0 when it has none. */
int
qm_market_number_find(const char *account, const char *symbol)
{
    QmMarketName name;

    fill_name(&name, account, symbol);
    return find(&name);
}

/* fill_name makes the key; names that are too long cannot have passed the tables' checks. */
static void
fill_name(QmMarketName *name, const char *account, const char *symbol)
{
    memset(name, 0, sizeof(*name));
    name->database = MyDatabaseId;
    strlcpy(name->account, account, sizeof(name->account));
    strlcpy(name->symbol, symbol, sizeof(name->symbol));
}

/* find returns the name's number, or 0 when it has none. */
static int
find(const QmMarketName *name)
{
    NumberEntry *entry;
    int number = 0;

    LWLockAcquire(number_lock, LW_SHARED);
    entry = hash_search(number_index, name, HASH_FIND, NULL);
    if (entry != NULL)
        number = entry->number;
    LWLockRelease(number_lock);
    return number;
}

/* find_or_add returns the name's number, or 0 when there is no room. */
static int
find_or_add(const QmMarketName *name)
{
    NumberEntry *entry;
    int number = find(name);
    bool found;

    if (number != 0 || qm_market_numbers() > qm_max_markets)
        return number;

    LWLockAcquire(number_lock, LW_EXCLUSIVE);
    entry = hash_search(number_index, name, HASH_FIND, NULL);
    if (entry == NULL && qm_market_numbers() <= qm_max_markets)
    {
        entry = hash_search(number_index, name, HASH_ENTER_NULL, &found);
        if (entry != NULL)
        {
            entry->number = qm_market_numbers();
            number_shared->names[entry->number] = *name;
            pg_write_barrier();
            pg_atomic_write_u32(&number_shared->count, (uint32) entry->number + 1);
        }
    }
    if (entry != NULL)
        number = entry->number;
    LWLockRelease(number_lock);
    return number;
}

/* qm_market_numbers returns how many numbers there are, QM_MARKET_OTHER included. */
int
qm_market_numbers(void)
{
    return (int) pg_atomic_read_u32(&number_shared->count);
}

/* qm_market_name returns the name of a number, which must be below qm_market_numbers(). */
const QmMarketName *
qm_market_name(int number)
{
    Assert(number >= 0 && number < qm_market_numbers());
    return &number_shared->names[number];
}
