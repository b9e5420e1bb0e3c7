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

/* qm_order_find_exchange returns the order that the exchange knows by this id; 0 for none. */
int64
qm_order_find_exchange(const char *account, const char *symbol, const char *exchange_order_id)
{
    static QmQuery query = {"SELECT order_id FROM quantmesh.exchange_order "
                            "WHERE account = $1 AND symbol = $2 AND exchange_order_id = $3",
                            3,
                            {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(account),
                      CStringGetTextDatum(symbol),
                      CStringGetTextDatum(exchange_order_id)};

    return qm_query_read_latest(&query, values, NULL) == 0 ? 0 : qm_row_int64(0, 0);
}

/*
 * qm_order_link_exchange records that the exchange knows the order by this id,
 * and returns what order that id belongs to: this one, unless the id is another's, which
 * it stays. *other_id is an id that the order had before, or NULL. The order's
 * row shows the newest id; the caller writes it.
 */
int64
qm_order_link_exchange(QmOrder *order, const char *exchange_order_id, char **other_id)
{
    static QmQuery query = {"INSERT INTO quantmesh.exchange_order (account, symbol, exchange_order_id, order_id) "
                            "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                            4,
                            {TEXTOID, TEXTOID, TEXTOID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(exchange_order_id),
                      Int64GetDatum(order->order_id)};

    *other_id = NULL;
    if (order->exchange_order_id != NULL && strcmp(order->exchange_order_id, exchange_order_id) == 0)
        return order->order_id;
    if (qm_query_run(&query, values, NULL) == 0)
        return qm_order_find_exchange(order->account, order->symbol, exchange_order_id);
    *other_id = order->exchange_order_id;
    order->exchange_order_id = pstrdup(exchange_order_id);
    return order->order_id;
}
