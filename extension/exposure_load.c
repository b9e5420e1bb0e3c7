/*
 * Reading exposure from the tables, once per database and start of the server.
 *
 * For each database's number an atomic names the table of orders that was read;
 * DROP and CREATE EXTENSION make another table, which is read again, and before
 * the first fence of this server in a database it is read again, too. Whoever
 * finds that it was not read does so under a lock of the server's lock manager,
 * in the class of market locks.
 */
#include "exposure_load.h"

#include "catalog/pg_type.h"
#include "live_order.h"
#include "market_lock.h"
#include "market_number.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "query.h"
#include "settings.h"
#include "storage/shmem.h"
#include "table_oid.h"
#include "utils/builtins.h"

static pg_atomic_uint32 *read_tables = NULL; /* by market number of the database: the OID of its orders */

static QmQuery read_orders = {
    .text =
        "SELECT o.account, o.symbol, count(*) FILTER (WHERE o.live), "
        "coalesce(sum(o.pending) FILTER (WHERE o.side = 'buy'), 0), "
        "coalesce(sum(o.pending) FILTER (WHERE o.side = 'sell'), 0), "
        "coalesce(sum(least(1e18, ceil(o.price * o.pending * 1e18) / 1e18)) "
        "FILTER (WHERE o.live AND o.price IS NOT NULL), 0) "
        "FROM (SELECT o.account, o.symbol, o.side, o.price, o.live, greatest(0, CASE WHEN o.live THEN o.quantity ELSE "
        "o.reported_quantity END - o.filled_quantity - o.busted_quantity) AS pending FROM " QM_LIVE_ORDERS ") AS o "
        "GROUP BY o.account, o.symbol",
};

static QmQuery read_positions = {
    .text = "SELECT account, symbol, sum(quantity) FROM quantmesh.position GROUP BY account, symbol",
};

static void load(int database);
static void forget_database(void);
static void add_row(uint64 row, bool position);
static QmAmount amount_at(uint64 row, int column);

/* qm_exposure_load_shmem_size returns what qm_exposure_load_shmem_init takes. */
Size
qm_exposure_load_shmem_size(void)
{
    return mul_size(sizeof(pg_atomic_uint32), qm_max_markets + 1);
}

/* qm_exposure_load_shmem_init makes or finds the shared part. */
void
qm_exposure_load_shmem_init(void)
{
    bool found;

    read_tables = ShmemInitStruct("quantmesh exposure tables", qm_exposure_load_shmem_size(), &found);
    for (int i = 0; !found && i <= qm_max_markets; i++)
        pg_atomic_init_u32(&read_tables[i], InvalidOid);
}

/* qm_exposure_attach makes sure that the counters of this database are those of its tables. */
void
qm_exposure_attach(void)
{
    int database = qm_market_number("", "");
    LOCKTAG tag;

    if (pg_atomic_read_u32(&read_tables[database]) == qm_table_oid(QM_TABLE_ORDERS))
        return;
    qm_market_tag("", "", &tag);
    (void) LockAcquire(&tag, ExclusiveLock, false, false);
    if (pg_atomic_read_u32(&read_tables[database]) != qm_table_oid(QM_TABLE_ORDERS))
        load(database);
    LockRelease(&tag, ExclusiveLock, false);
}

/*
 * qm_exposure_forget has the tables of this database read again by whoever needs
 * the counters next. For a database in which nobody has changed an order since
 * the server has it: a coordinator may have read it before a restore filled it.
 */
void
qm_exposure_forget(void)
{
    int database = qm_market_number_find("", "");
    LOCKTAG tag;

    /* A database without a number has not been read, and where there are only locks needs none. */
    if (database == 0)
        return;
    qm_market_tag("", "", &tag);
    (void) LockAcquire(&tag, ExclusiveLock, false, false);
    pg_atomic_write_u32(&read_tables[database], InvalidOid);
    LockRelease(&tag, ExclusiveLock, false);
}

/* load reads both tables. An error leaves the database unread. */
static void
load(int database)
{
    QmQueryScope scope;
    uint64 rows;

    forget_database();
    qm_query_begin(&scope);
    rows = qm_query_read_latest(&read_orders, NULL, NULL);
    for (uint64 row = 0; row < rows; row++)
        add_row(row, false);
    rows = qm_query_read_latest(&read_positions, NULL, NULL);
    for (uint64 row = 0; row < rows; row++)
        add_row(row, true);
    qm_query_end(&scope);
    pg_atomic_write_u32(&read_tables[database], qm_table_oid(QM_TABLE_ORDERS));
}

/* forget_database sets all entries of this database to nothing. */
static void
forget_database(void)
{
    static const QmExposure nothing = {0};

    for (int number = 1; number < qm_market_numbers(); number++)
    {
        if (qm_market_name(number)->database == MyDatabaseId)
            qm_exposure_reset(number, &nothing);
    }
}

/* add_row adds what one row says to its market and its account. */
static void
add_row(uint64 row, bool position)
{
    bool isnull;
    char *account = TextDatumGetCString(qm_query_value(row, 0, &isnull));
    char *symbol = TextDatumGetCString(qm_query_value(row, 1, &isnull));
    int market = qm_market_number(account, symbol);
    int whole = qm_market_number(account, "");
    QmExposure sum;

    qm_exposure_read(market, &sum);
    if (position)
    {
        QmAmount quantity = amount_at(row, 2);

        sum.longest = qm_amount_add(sum.longest, quantity);
        sum.shortest = qm_amount_add(sum.shortest, -quantity);
        qm_exposure_reset(market, &sum);
        return;
    }
    sum.orders += DatumGetInt64(qm_query_value(row, 2, &isnull));
    sum.longest = qm_amount_add(sum.longest, amount_at(row, 3));
    sum.shortest = qm_amount_add(sum.shortest, amount_at(row, 4));
    sum.notional = qm_amount_add(sum.notional, amount_at(row, 5));
    qm_exposure_reset(market, &sum);

    qm_exposure_read(whole, &sum);
    sum.orders += DatumGetInt64(qm_query_value(row, 2, &isnull));
    sum.notional = qm_amount_add(sum.notional, amount_at(row, 5));
    qm_exposure_reset(whole, &sum);
}

/* amount_at reads a sum; what is beyond the range of amounts breaks every limit. */
static QmAmount
amount_at(uint64 row, int column)
{
    bool isnull;
    Numeric value = DatumGetNumeric(qm_query_value(row, column, &isnull));
    QmAmount amount;

    return qm_amount_from_numeric_up(value, &amount) ? amount : QM_AMOUNT_MAX;
}
