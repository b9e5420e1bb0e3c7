/*
 * What the ledger has under a trade id already, and whether a report says the
 * same.
 */
#include "ledger_known.h"

#include "catalog/pg_type.h"
#include "decimal.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"

/* qm_known_read reads what is booked under the trade's id: of its own kind, and of the other. */
void
qm_known_read(const QmOrder *order, const QmTrade *trade, QmKnown *same, QmKnown *twin)
{
    static QmQuery query = {"SELECT kind = 'bust', order_id, quantity, price, commission, commission_asset, is_maker "
                            "IS NOT NULL, executed_at, time_known "
                            "FROM quantmesh.fill WHERE account = $1 AND symbol = $2 AND trade_id = $3 "
                            "ORDER BY kind LIMIT 2",
                            3,
                            {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(trade->trade_id)};
    uint64 rows = qm_query_read_latest(&query, values, NULL);

    memset(same, 0, sizeof(*same));
    memset(twin, 0, sizeof(*twin));
    for (uint64 row = 0; row < rows; row++)
    {
        QmKnown *known = qm_row_bool(row, 0) == trade->bust ? same : twin;

        known->found = true;
        known->order_id = qm_row_int64(row, 1);
        known->quantity = qm_row_number(row, 2);
        known->price = qm_row_number(row, 3);
        known->commission = qm_row_number(row, 4);
        known->commission_asset = qm_row_text(row, 5);
        known->maker_known = qm_row_bool(row, 6);
        known->executed_at = qm_row_int64(row, 7);
        known->time_known = qm_row_bool(row, 8);
    }
}

/* qm_known_has_numbers says whether quantity and price are those that are known, of whatever kind. */
bool
qm_known_has_numbers(const QmKnown *known, const QmTrade *trade)
{
    return qm_decimal_cmp(qm_decimal_abs(known->quantity), trade->quantity) == 0 &&
           qm_decimal_cmp(known->price, trade->price) == 0;
}

/* qm_known_has_commission says whether the commission is the one that is known, as far as either side knows it. */
bool
qm_known_has_commission(const QmKnown *known, const QmTrade *trade)
{
    Numeric booked = trade->bust ? qm_decimal_negate(known->commission) : known->commission;

    if (trade->commission == NULL || known->commission_asset == NULL)
        return true;
    return qm_decimal_cmp(booked, trade->commission) == 0 &&
           strcmp(known->commission_asset, trade->commission_asset) == 0;
}

/* qm_known_show returns what is known, for a discrepancy. */
Jsonb *
qm_known_show(const QmKnown *known)
{
    const char *pairs[][2] = {{"order_id", psprintf(INT64_FORMAT, known->order_id)},
                              {"quantity", qm_decimal_text(known->quantity)},
                              {"price", qm_decimal_text(known->price)},
                              {"commission", qm_decimal_text(known->commission)},
                              {"commission_asset", known->commission_asset}};

    return qm_jsonb_object(lengthof(pairs), (const char *const(*)[2]) pairs);
}
