/*
 * Where the ledger of a strategy opens, when its oldest fills have been pruned.
 *
 * Pruning deletes a beginning of the ledger, whose fills have trade ids that are
 * numbers, and keeps the running values after it and the market's largest pruned id.
 * Trades of the market up to that id which the ledger does not have are ignored:
 * nobody can tell any more whether they were booked. A trade with a larger id that
 * is told to be older than the opening counts as right behind it.
 */
#include "ledger_opening.h"

#include "catalog/pg_type.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"

#define NUMBER_DIGITS_MAX 18

static bool is_number(const char *trade_id);

/* qm_opening_read reads what the opening of the order's ledger says, and whether the trade may be a pruned one. */
void
qm_opening_read(const QmOrder *order, const char *trade_id, QmOpening *opening)
{
    static QmQuery query =
        {"SELECT (SELECT max(w.pruned_trade) FROM quantmesh.fill_opening AS w WHERE w.account = $1 AND w.symbol = $2), "
         "o.executed_at, o.trade_id, o.side = 'sell', o.kind = 'bust', o.position_after, o.cost_after, o.profit_after "
         "FROM (VALUES (1)) AS one LEFT JOIN quantmesh.fill_opening AS o "
         "ON o.account = $1 AND o.symbol = $2 AND o.strategy = $3",
         3,
         {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy)};
    bool isnull;

    memset(opening, 0, sizeof(*opening));
    (void) qm_query_read_latest(&query, values, NULL);
    (void) qm_query_value(0, 0, &isnull);
    if (isnull)
        return;
    opening->covers = is_number(trade_id) && pg_strtoint64(trade_id) <= qm_row_int64(0, 0);
    opening->last.trade_id = qm_row_text(0, 2);
    opening->exists = opening->last.trade_id != NULL;
    if (!opening->exists)
        return;
    opening->last.executed_at = qm_row_int64(0, 1);
    opening->last.sell = qm_row_bool(0, 3);
    opening->last.bust = qm_row_bool(0, 4);
    opening->running.quantity = qm_row_number(0, 5);
    opening->running.cost = qm_row_number(0, 6);
    opening->running.profit = qm_row_number(0, 7);
}

/* is_number says whether a trade id is a number that pruning can compare. */
static bool
is_number(const char *trade_id)
{
    size_t len = strlen(trade_id);

    return len > 0 && len <= NUMBER_DIGITS_MAX && strspn(trade_id, "0123456789") == len;
}

/* qm_opening_clamp returns when a fill counts as traded: not before the opening. */
TimestampTz
qm_opening_clamp(const QmOpening *opening, const QmFillKey *key)
{
    if (!opening->exists || qm_fill_key_cmp(key, &opening->last) > 0)
        return key->executed_at;
    return opening->last.executed_at + 1;
}
