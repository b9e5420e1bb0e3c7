/*
 * SQL function: trading_rows. The trading states of markets, and how many
 * orders they have; halting takes their locks first, so that no placement that
 * began under an earlier state can still commit when it has answered.
 *
 * Reads what is committed at that moment, whatever the transaction's isolation
 * level: an old snapshot would miss what committed while we waited. The caller
 * keeps the list of markets from growing: it has locked the account's row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "live_order.h"
#include "market_lock.h"
#include "query.h"
#include "shared.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_trading_rows);

extern Datum qm_lock_market(PG_FUNCTION_ARGS);

#define TRADING_COLUMNS 5

static void lock_markets(const Datum *names, const bool *nulls);
static void put_rows(ReturnSetInfo *result, const Datum *names, const bool *nulls);

/*
 * qm_trading_rows is quantmesh.trading_rows: the markets of an account (* for
 * all) with that symbol (NULL for all), locked against placing if stop is set.
 */
Datum
qm_trading_rows(PG_FUNCTION_ARGS)
{
    Datum names[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
    bool nulls[] = {PG_ARGISNULL(0), PG_ARGISNULL(1)};

    qm_require_running("quantmesh.trading_rows()");
    InitMaterializedSRF(fcinfo, 0);
    if (!PG_ARGISNULL(2) && PG_GETARG_BOOL(2))
        lock_markets(names, nulls);
    put_rows((ReturnSetInfo *) fcinfo->resultinfo, names, nulls);
    return (Datum) 0;
}

/* lock_markets waits for the placements under way in each market, in one order, so that two of us cannot deadlock. */
static void
lock_markets(const Datum *names, const bool *nulls)
{
    static QmQuery query = {"SELECT account, symbol FROM quantmesh.market "
                            "WHERE ($1 = '*' OR account = $1) AND ($2 IS NULL OR symbol = $2) "
                            "ORDER BY account, symbol",
                            2,
                            {TEXTOID, TEXTOID}};
    MemoryContext context = CurrentMemoryContext;
    QmQueryScope scope;
    Datum *found;
    uint64 count;

    qm_query_begin(&scope);
    count = qm_query_read_latest(&query, names, nulls);
    found = MemoryContextAllocHuge(context, sizeof(Datum) * 2 * (count + 1));
    for (uint64 i = 0; i < count * 2; i++)
    {
        bool isnull;
        Datum value = qm_query_value(i / 2, (int) (i % 2), &isnull);
        MemoryContext own = MemoryContextSwitchTo(context);

        found[i] = PointerGetDatum(DatumGetTextPCopy(value));
        MemoryContextSwitchTo(own);
    }
    qm_query_end(&scope);

    for (uint64 i = 0; i < count; i++)
        (void) DirectFunctionCall2(qm_lock_market, found[i * 2], found[i * 2 + 1]);
}

/* put_rows adds a row for each market. */
static void
put_rows(ReturnSetInfo *result, const Datum *names, const bool *nulls)
{
    static QmQuery query =
        {"SELECT m.account, m.symbol, "
         "CASE WHEN 'halted' IN (g.trading_state, a.trading_state, m.trading_state) THEN 'halted' "
         "WHEN 'reducing' IN (g.trading_state, a.trading_state, m.trading_state) THEN 'reducing' ELSE 'active' END, "
         "o.live, o.in_flight "
         "FROM quantmesh.market AS m JOIN quantmesh.account AS a ON a.account = m.account "
         "LEFT JOIN quantmesh.account AS g ON g.account = '*', "
         "LATERAL (SELECT count(*) AS live, count(*) FILTER (WHERE o.state IN ('submitted', 'unknown')) AS in_flight "
         "FROM " QM_LIVE_ORDERS "WHERE l.account = m.account AND l.symbol = m.symbol AND o.live) AS o "
         "WHERE ($1 = '*' OR m.account = $1) AND ($2 IS NULL OR m.symbol = $2) ORDER BY m.account, m.symbol",
         2,
         {TEXTOID, TEXTOID}};
    QmQueryScope scope;
    uint64 count;

    qm_query_begin(&scope);
    count = qm_query_read_latest(&query, names, nulls);
    for (uint64 i = 0; i < count; i++)
    {
        Datum values[TRADING_COLUMNS];
        bool isnull[TRADING_COLUMNS];

        for (int column = 0; column < TRADING_COLUMNS; column++)
            values[column] = qm_query_value(i, column, &isnull[column]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, isnull);
    }
    qm_query_end(&scope);
}
