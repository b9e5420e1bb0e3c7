/*
 * Exchange ids: which order the exchange knows by which id of its own. The
 * mapping only grows; an order has one id unless something is wrong, or the
 * exchange gave it another one.
 */
#include "order_row.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"

/* qm_order_find_exchange returns the order that the exchange knows by this id, and which attempt of it; 0 for none. */
int64
qm_order_find_exchange(const char *account, const char *symbol, const char *exchange_order_id, int *attempt)
{
    static QmQuery query = {"SELECT order_id, attempt FROM quantmesh.exchange_order "
                            "WHERE account = $1 AND symbol = $2 AND exchange_order_id = $3",
                            3,
                            {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(account),
                      CStringGetTextDatum(symbol),
                      CStringGetTextDatum(exchange_order_id)};

    if (qm_query_read_latest(&query, values, NULL) == 0)
        return 0;
    *attempt = (int) qm_row_int64(0, 1);
    return qm_row_int64(0, 0);
}

/*
 * qm_order_link_exchange records that the exchange knows an attempt of the order by this id,
 * and returns what order that id belongs to: this one, unless the id is another's, which
 * it stays. *other_id is an id that the order had before, or NULL. The order's
 * row shows the newest id; the caller writes it.
 */
int64
qm_order_link_exchange(QmOrder *order, const char *exchange_order_id, int attempt, char **other_id)
{
    static QmQuery query = {"INSERT INTO quantmesh.exchange_order (account, symbol, exchange_order_id, order_id, "
                            "attempt) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
                            5,
                            {TEXTOID, TEXTOID, TEXTOID, INT8OID, INT4OID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(exchange_order_id),
                      Int64GetDatum(order->order_id),
                      Int32GetDatum(attempt)};

    *other_id = NULL;
    if (order->exchange_order_id != NULL && strcmp(order->exchange_order_id, exchange_order_id) == 0)
        return order->order_id;
    if (qm_query_run(&query, values, NULL) == 0)
        return qm_order_find_exchange(order->account, order->symbol, exchange_order_id, &attempt);
    *other_id = order->exchange_order_id;
    order->exchange_order_id = pstrdup(exchange_order_id);
    return order->order_id;
}
