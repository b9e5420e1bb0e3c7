/*
 * Markets: the rows of quantmesh.market and quantmesh.account, remembered per
 * backend until one of these tables changes. The functions that change them
 * invalidate them with their commit; whoever holds a market's lock has seen
 * every change that was committed under it.
 *
 * The tables are read by index scan, since placing runs as the caller, who has
 * no right to them, and with the latest snapshot: an old transaction must not
 * trade under an old state.
 */
#include "market.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "fmgr.h"
#include "lock_key.h"
#include "miscadmin.h"
#include "settings.h"
#include "table_oid.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(qm_markets_changed);

#define MARKETS_REMEMBERED 4096 /* beyond it the cache starts anew */

/* Columns, counted from 1, as sql/11_order_tables.sql and sql/13_work_tables.sql have them. */
enum
{
    MARKET_TICK_SIZE = 5,
    MARKET_STEP_SIZE,
    MARKET_MIN_QUANTITY,
    MARKET_MAX_QUANTITY,
    MARKET_MIN_NOTIONAL,
    MARKET_LEVEL_WIDTH,
    MARKET_SLOT_BY,
    MARKET_MODE,
    MARKET_MAX_OPEN_ORDERS,
    MARKET_MAX_POSITION,
    MARKET_MAX_NOTIONAL,
    MARKET_MAX_ORDER_RATE,
    MARKET_TRADING_STATE,
    MARKET_STATE_REASON,
    MARKET_TRUSTED_TAG = 21
};

enum
{
    ACCOUNT_MAX_OPEN_ORDERS = 2,
    ACCOUNT_MAX_NOTIONAL,
    ACCOUNT_MAX_ORDER_RATE,
    ACCOUNT_TRADING_STATE,
    ACCOUNT_STATE_REASON
};

enum
{
    ASSIGNMENT_INSTANCE = 4,
    ASSIGNMENT_EPOCH
};

typedef struct CachedMarket
{
    QmMarketName name;
    QmMarket market;
} CachedMarket;

static HTAB *cache = NULL;
static bool cache_valid = false;
static Oid watched[2]; /* the tables that the cache depends on */

static void make_cache(void);
static void forget(Datum arg, Oid relid);
static bool load(const char *account, const char *symbol, QmMarket *market);
static HeapTuple find_row(Relation relation, Oid index, const char *key, const char *second_key, Snapshot snapshot);
static void read_market(QmMarket *market, Relation relation, HeapTuple row);
static void read_account(QmMarket *market, Relation relation, HeapTuple row, bool everything);
static void merge_state(QmMarket *market, const char *state, const char *reason, const char *whose);
static char *text_column(Relation relation, HeapTuple row, int column);
static QmAmount amount_column(Relation relation, HeapTuple row, int column);
static int64 count_column(Relation relation, HeapTuple row, int column);

/* qm_market_find copies a market out; false when set_market does not know it. */
bool
qm_market_find(const char *account, const char *symbol, QmMarket *market)
{
    QmMarketName name;
    CachedMarket *cached;
    bool found;

    memset(&name, 0, sizeof(name));
    name.database = MyDatabaseId;
    if (strlcpy(name.account, account, sizeof(name.account)) >= sizeof(name.account) ||
        strlcpy(name.symbol, symbol, sizeof(name.symbol)) >= sizeof(name.symbol))
        return false;

    if (!cache_valid || hash_get_num_entries(cache) >= MARKETS_REMEMBERED)
        make_cache();
    cached = hash_search(cache, &name, HASH_FIND, NULL);
    if (cached != NULL)
    {
        *market = cached->market;
        return true;
    }
    if (!load(name.account, name.symbol, market))
        return false;
    if (cache_valid)
    {
        cached = hash_search(cache, &name, HASH_ENTER, &found);
        cached->market = *market;
    }
    return true;
}

/* make_cache starts with an empty cache, and asks to be told of changes. */
static void
make_cache(void)
{
    static bool registered = false;
    HASHCTL info = {.keysize = sizeof(QmMarketName), .entrysize = sizeof(CachedMarket), .hcxt = CacheMemoryContext};

    if (!registered)
    {
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
        registered = true;
    }
    if (cache != NULL)
        hash_destroy(cache);
    cache = NULL;
    cache = hash_create("quantmesh markets", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    watched[0] = qm_table_oid(QM_TABLE_MARKET);
    watched[1] = qm_table_oid(QM_TABLE_ACCOUNT);
    cache_valid = true;
}

/* forget makes the next search read the tables again. */
static void
forget(Datum arg, Oid relid)
{
    if (relid == InvalidOid || relid == watched[0] || relid == watched[1])
        cache_valid = false;
}

/* load reads a market, its account and what holds for everything; false when there is no such market. */
static bool
load(const char *account, const char *symbol, QmMarket *market)
{
    Relation markets = table_open(qm_table_oid(QM_TABLE_MARKET), AccessShareLock);
    Relation accounts = table_open(qm_table_oid(QM_TABLE_ACCOUNT), AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    HeapTuple row = find_row(markets, qm_table_oid(QM_INDEX_MARKET), account, symbol, snapshot);
    bool found = HeapTupleIsValid(row);

    if (found)
    {
        memset(market, 0, sizeof(*market));
        strlcpy(market->account, account, sizeof(market->account));
        strlcpy(market->symbol, symbol, sizeof(market->symbol));
        market->number = qm_market_number(account, symbol);
        read_market(market, markets, row);
        row = find_row(accounts, qm_table_oid(QM_INDEX_ACCOUNT), account, NULL, snapshot);
        if (HeapTupleIsValid(row))
            read_account(market, accounts, row, false);
        row = find_row(accounts, qm_table_oid(QM_INDEX_ACCOUNT), "*", NULL, snapshot);
        if (HeapTupleIsValid(row))
            read_account(market, accounts, row, true);
    }
    UnregisterSnapshot(snapshot);
    table_close(accounts, AccessShareLock);
    table_close(markets, AccessShareLock);
    return found;
}

/* find_row returns a copy of the row with that key of one or two texts, or NULL. */
static HeapTuple
find_row(Relation relation, Oid index, const char *key, const char *second_key, Snapshot snapshot)
{
    ScanKeyData keys[2];
    SysScanDesc scan;
    HeapTuple row;

    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(key));
    if (second_key != NULL)
        ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(second_key));
    scan = systable_beginscan(relation, index, true, snapshot, second_key == NULL ? 1 : 2, keys);
    row = systable_getnext(scan);
    if (HeapTupleIsValid(row))
        row = heap_copytuple(row);
    systable_endscan(scan);
    return row;
}

/* read_market fills in what the market's own row says. */
static void
read_market(QmMarket *market, Relation relation, HeapTuple row)
{
    market->tick_size = amount_column(relation, row, MARKET_TICK_SIZE);
    market->step_size = amount_column(relation, row, MARKET_STEP_SIZE);
    market->min_quantity = amount_column(relation, row, MARKET_MIN_QUANTITY);
    market->max_quantity = amount_column(relation, row, MARKET_MAX_QUANTITY);
    market->min_notional = amount_column(relation, row, MARKET_MIN_NOTIONAL);
    market->level_width = amount_column(relation, row, MARKET_LEVEL_WIDTH);
    market->slot_by_level = strcmp(text_column(relation, row, MARKET_SLOT_BY), "level") == 0;
    market->exclusive = strcmp(text_column(relation, row, MARKET_MODE), "exclusive") == 0;
    market->limits.orders = count_column(relation, row, MARKET_MAX_OPEN_ORDERS);
    market->limits.position = amount_column(relation, row, MARKET_MAX_POSITION);
    market->limits.notional = amount_column(relation, row, MARKET_MAX_NOTIONAL);
    market->limits.rate = count_column(relation, row, MARKET_MAX_ORDER_RATE);
    market->account_limits = (QmLimits){.orders = -1, .position = -1, .notional = -1, .rate = -1};
    strlcpy(market->trusted_tag, text_column(relation, row, MARKET_TRUSTED_TAG), sizeof(market->trusted_tag));
    merge_state(market,
                text_column(relation, row, MARKET_TRADING_STATE),
                text_column(relation, row, MARKET_STATE_REASON),
                "market");
}

/* read_account adds what holds for the account, or for everything. */
static void
read_account(QmMarket *market, Relation relation, HeapTuple row, bool everything)
{
    if (!everything)
    {
        market->account_limits.orders = count_column(relation, row, ACCOUNT_MAX_OPEN_ORDERS);
        market->account_limits.notional = amount_column(relation, row, ACCOUNT_MAX_NOTIONAL);
        market->account_limits.rate = count_column(relation, row, ACCOUNT_MAX_ORDER_RATE);
    }
    merge_state(market,
                text_column(relation, row, ACCOUNT_TRADING_STATE),
                text_column(relation, row, ACCOUNT_STATE_REASON),
                everything ? "everything" : "account");
}

/* merge_state keeps the strictest state, with whose it is. */
static void
merge_state(QmMarket *market, const char *state, const char *reason, const char *whose)
{
    QmTradingState parsed = QM_TRADING_HALTED;

    if (strcmp(state, "active") == 0)
        parsed = QM_TRADING_ACTIVE;
    else if (strcmp(state, "reducing") == 0)
        parsed = QM_TRADING_REDUCING;
    if (parsed <= market->state)
        return;
    market->state = parsed;
    strlcpy(market->state_of, whose, sizeof(market->state_of));
    strlcpy(market->state_reason, reason == NULL ? "" : reason, sizeof(market->state_reason));
}

/* text_column returns a text column, or NULL. */
static char *
text_column(Relation relation, HeapTuple row, int column)
{
    bool isnull;
    Datum value = heap_getattr(row, column, RelationGetDescr(relation), &isnull);

    return isnull ? NULL : TextDatumGetCString(value);
}

/* amount_column returns a numeric column, -1 for NULL. What is finer than amounts was refused by set_market. */
static QmAmount
amount_column(Relation relation, HeapTuple row, int column)
{
    bool isnull;
    Datum value = heap_getattr(row, column, RelationGetDescr(relation), &isnull);
    QmAmount amount;

    if (isnull)
        return -1;
    if (!qm_amount_from_numeric(DatumGetNumeric(value), &amount))
        ereport(ERROR,
                (errcode(ERRCODE_DATA_CORRUPTED),
                 errmsg("column %d of \"%s\" is out of range", column, RelationGetRelationName(relation)),
                 errhint("Use set_market and set_limits, which check their arguments.")));
    return amount;
}

/* count_column returns an integer column, -1 for NULL. */
static int64
count_column(Relation relation, HeapTuple row, int column)
{
    bool isnull;
    Datum value = heap_getattr(row, column, RelationGetDescr(relation), &isnull);

    return isnull ? -1 : DatumGetInt32(value);
}

/* qm_market_reason returns why the market is in its state, as the operator has said it. */
const char *
qm_market_reason(const QmMarket *market)
{
    return market->state_reason[0] == '\0' ? "no reason given" : market->state_reason;
}

/* qm_market_is_trusted says whether the market's orders are known since the last promotion or restore. */
bool
qm_market_is_trusted(const QmMarket *market)
{
    return qm_after_promotion == QM_PROMOTION_TRUST || strcmp(market->trusted_tag, qm_origin_tag()) == 0;
}

/* qm_market_slot returns the slot of an order at that price for which nobody has named one: the price, or its level. */
char *
qm_market_slot(const QmMarket *market, QmAmount price)
{
    return market->slot_by_level ? qm_market_level(market, price) : qm_amount_text(price);
}

/* qm_market_level returns the price's level, as the market's width or four significant digits make it. */
char *
qm_market_level(const QmMarket *market, QmAmount price)
{
    char level[QM_LEVEL_TEXT_MAX];

    if (market->level_width > 0)
        return qm_amount_text(price - price % market->level_width);
    if (!qm_price_level(qm_amount_text(price), level, sizeof(level)))
        elog(ERROR, "price %s has no level", qm_amount_text(price));
    return pstrdup(level);
}

/* qm_instance_find reads the epoch of an instance; false when it is not registered. */
bool
qm_instance_find(const char *instance, int64 *epoch)
{
    Relation relation = table_open(qm_table_oid(QM_TABLE_INSTANCE), AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    HeapTuple row = find_row(relation, qm_table_oid(QM_INDEX_INSTANCE), instance, NULL, snapshot);
    bool isnull;

    if (HeapTupleIsValid(row))
        *epoch = DatumGetInt64(heap_getattr(row, 2, RelationGetDescr(relation), &isnull));
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return HeapTupleIsValid(row);
}

/*
 * qm_market_owner reads who the market is assigned to now; false when it is to
 * nobody. The name is palloc'd.
 */
bool
qm_market_owner(const char *account, const char *symbol, char **instance, int64 *epoch)
{
    Relation relation = qm_table_open(QM_TABLE_ASSIGNMENT, ASSIGNMENT_EPOCH, AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    HeapTuple row = find_row(relation, qm_table_oid(QM_INDEX_ASSIGNMENT_CURRENT), account, symbol, snapshot);
    bool isnull;

    if (HeapTupleIsValid(row))
    {
        *instance = text_column(relation, row, ASSIGNMENT_INSTANCE);
        *epoch = DatumGetInt64(heap_getattr(row, ASSIGNMENT_EPOCH, RelationGetDescr(relation), &isnull));
    }
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return HeapTupleIsValid(row);
}

/* qm_market_is_open_to says whether the sender may place in the market: in an exclusive one only its owner may. */
bool
qm_market_is_open_to(const QmMarket *market, const char *instance, int64 epoch)
{
    char *owner;
    int64 owner_epoch;

    return !market->exclusive ||
           (epoch != 0 && qm_market_owner(market->account, market->symbol, &owner, &owner_epoch) &&
            epoch == owner_epoch && strcmp(instance, owner) == 0);
}

/* qm_trading_state_name returns the word that tables and messages show. */
const char *
qm_trading_state_name(QmTradingState state)
{
    static const char *const names[] = {"active", "reducing", "halted"};

    return names[state];
}

/* qm_markets_changed is quantmesh.markets_changed: every backend reads the tables again once this transaction has committed. */
Datum
qm_markets_changed(PG_FUNCTION_ARGS)
{
    CacheInvalidateRelcacheByRelid(qm_table_oid(QM_TABLE_MARKET));
    PG_RETURN_VOID();
}
