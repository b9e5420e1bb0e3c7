/*
 * Reconciliation of balances: what an account has of an asset against its
 * baseline and its fills, over all its markets. Reads only.
 */
#include "reconcile_pass.h"

#include "catalog/pg_type.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool is_quiet(QmPass *pass);
static bool actual_balance(const QmPass *pass, const char *asset, QmUnits *actual);

/*
 * qm_pass_load_balances fills in the balances of assets for which somebody has
 * set a baseline, if they can be judged: nothing of the account has moved since
 * the snapshot was asked for, and it brings no trade that we do not have.
 */
void
qm_pass_load_balances(QmPass *pass)
{
    static QmQuery query =
        {"WITH market AS (SELECT m.symbol, m.base_asset, m.quote_asset, m.step_size FROM quantmesh.market AS m "
         "WHERE m.account = $1), held AS (SELECT m.base_asset, m.quote_asset, p.quantity, "
         "p.realized_profit - p.cost AS money FROM quantmesh.position AS p JOIN market AS m ON m.symbol = p.symbol "
         "WHERE p.account = $1) "
         "SELECT b.asset, b.amount + coalesce((SELECT sum(h.quantity) FROM held AS h WHERE h.base_asset = b.asset), 0) "
         "+ coalesce((SELECT sum(h.money) FROM held AS h WHERE h.quote_asset = b.asset), 0) "
         "- coalesce((SELECT sum(c.amount) FROM quantmesh.other_commission AS c "
         "WHERE c.account = $1 AND c.asset = b.asset), 0), "
         "coalesce((SELECT max(m.step_size) / 2 FROM market AS m WHERE m.base_asset = b.asset), 0.00000001) "
         "FROM quantmesh.balance_baseline AS b WHERE b.account = $1 ORDER BY b.asset",
         1,
         {TEXTOID}};
    Datum values[] = {CStringGetTextDatum(pass->account)};
    QmBalance *balances;
    uint64 count;

    if (pass->snapshot.nbalances == 0 || !is_quiet(pass))
        return;
    count = qm_pass_query(pass, &query, values);
    balances = palloc0(sizeof(QmBalance) * Max(count, 1));
    for (uint64 row = 0; row < count; row++)
    {
        QmBalance *balance = &balances[pass->comparison.nbalances];

        balance->asset = qm_row_text(row, 0);
        balance->expected = qm_units(qm_row_number(row, 1));
        balance->tolerance = qm_units(qm_row_number(row, 2));
        if (actual_balance(pass, balance->asset, &balance->actual))
            pass->comparison.nbalances++;
    }
    pass->comparison.balances = balances;
}

/* is_quiet says whether nothing that changes balances can have happened between our books and the snapshot. */
static bool
is_quiet(QmPass *pass)
{
    static QmQuery query = {"SELECT FROM quantmesh.position WHERE account = $1 AND updated_at > $2 LIMIT 1",
                            2,
                            {TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(pass->account), TimestampTzGetDatum(pass->settled_before)};

    for (size_t i = 0; i < pass->comparison.ntrades; i++)
    {
        if (pass->comparison.trades[i].known == QM_TRADE_NEW)
            return false;
    }
    for (size_t i = 0; i < pass->comparison.nlocals; i++)
    {
        if (!pass->comparison.locals[i].settled)
            return false;
    }
    return qm_pass_query(pass, &query, values) == 0;
}

/* actual_balance finds what the exchange says of an asset. Exchanges leave assets out: that says nothing. */
static bool
actual_balance(const QmPass *pass, const char *asset, QmUnits *actual)
{
    for (int i = 0; i < pass->snapshot.nbalances; i++)
    {
        const QmSnapshotBalance *balance = &pass->snapshot.balances[i];

        if (strcmp(balance->asset, asset) != 0)
            continue;
        *actual = qm_units(balance->free) + qm_units(balance->locked);
        return true;
    }
    return false;
}
