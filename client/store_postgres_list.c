/*
 * The PostgreSQL store: what only asks. It reads the views that traders may read.
 */
#include "store_postgres.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"
#include "order_id.h"

#define ORDER_COLUMNS                                                                                  \
    "o.order_id, o.post_only, o.reduce_only, (extract(epoch FROM o.created_at) * 1000000)::bigint,"    \
    " (extract(epoch FROM o.updated_at) * 1000000)::bigint, o.client_order_id, o.exchange_order_id,"   \
    " o.request_id, o.symbol, o.side, o.order_type, o.time_in_force, trim_scale(o.price),"             \
    " trim_scale(o.quantity), trim_scale(o.filled_quantity), o.slot, o.strategy, o.instance, o.state," \
    " o.cancel_state, o.base_commission, o.fence, (extract(epoch FROM o.send_before) * 1000000)::bigint"

static const QmStatement market_statement =
    {.name = "quantmesh.markets",
     .sql = "SELECT m.symbol, m.base_asset, m.quote_asset, trim_scale(m.tick_size), trim_scale(m.step_size),"
            " trim_scale(m.min_quantity), trim_scale(m.max_quantity), trim_scale(m.min_notional),"
            " trim_scale(m.level_width), m.slot_by FROM quantmesh.markets AS m WHERE m.account = $1 AND m.symbol = $2",
     .parameters = 2,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement orders_statement =
    {.name = "quantmesh.open_orders",
     .sql = "SELECT " ORDER_COLUMNS " FROM quantmesh.open_orders AS o WHERE o.account = $1"
            " AND ($2::text IS NULL OR o.symbol = $2) AND ($3::text IS NULL OR o.strategy = $3) ORDER BY o.order_id",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

/*
 * An order of ours has its order id in its client order id, and no index is kept for
 * the latter: this one finds it however many there are.
 */
static const QmStatement own_order_statement =
    {.name = "quantmesh.all_orders",
     .sql = "SELECT " ORDER_COLUMNS " FROM quantmesh.all_orders AS o"
            " WHERE o.account = $1 AND o.client_order_id = $2 AND o.order_id = $3::bigint",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

/* Any other order, at the price of reading all. */
static const QmStatement order_statement =
    {.name = "quantmesh.all_orders",
     .sql = "SELECT " ORDER_COLUMNS
            " FROM quantmesh.all_orders AS o WHERE o.account = $1 AND o.client_order_id = $2 LIMIT 1",
     .parameters = 2,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement positions_statement =
    {.name = "quantmesh.positions",
     .sql = "SELECT p.symbol, p.strategy, trim_scale(p.quantity), trim_scale(p.cost), trim_scale(p.realized_profit)"
            " FROM quantmesh.positions AS p WHERE p.account = $1 AND ($2::text IS NULL OR p.symbol = $2)"
            " AND ($3::text IS NULL OR p.strategy = $3) ORDER BY p.symbol, p.strategy",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement fills_statement =
    {.name = "quantmesh.fills",
     .sql = "SELECT f.order_id, (extract(epoch FROM f.executed_at) * 1000000)::bigint,"
            " CASE f.is_maker WHEN true THEN 1 WHEN false THEN -1 ELSE 0 END, f.trade_id, f.strategy, f.side, f.kind,"
            " trim_scale(f.quantity), trim_scale(f.price), trim_scale(f.commission), f.commission_asset,"
            " trim_scale(f.position_after), trim_scale(f.cost_after), trim_scale(f.profit_after)"
            " FROM quantmesh.fills AS f WHERE f.account = $1 AND f.symbol = $2"
            " AND ($3::text IS NULL OR (length(f.trade_id), f.trade_id) > (length($3), $3))"
            " ORDER BY length(f.trade_id), f.trade_id, f.side, f.kind DESC LIMIT $4::integer",
     .parameters = 4,
     .repeat = QM_REPEAT_ALWAYS};

/* list_new returns memory for as many items as the answer has rows; NULL, and the error, when there is none. */
static void *
list_new(QmClient *client, const PGresult *result, size_t size, QmCode *code)
{
    void *list = *code == QM_OK ? calloc((size_t) PQntuples(result) + 1, size) : NULL;

    if (*code == QM_OK && list == NULL)
        *code = qm_error_no_memory(&client->error);
    return list;
}

/* read_order reads one order. */
static void
read_order(const PGresult *result, int row, QmStoredOrder *order)
{
    order->order_id = qm_column_int64(result, row, 0);
    order->post_only = qm_column_bool(result, row, 1);
    order->reduce_only = qm_column_bool(result, row, 2);
    order->created_at_us = qm_column_int64(result, row, 3);
    order->updated_at_us = qm_column_int64(result, row, 4);
    qm_column_text(result, row, 5, order->client_order_id, sizeof(order->client_order_id));
    qm_column_text(result, row, 6, order->exchange_order_id, sizeof(order->exchange_order_id));
    qm_column_text(result, row, 7, order->request_id, sizeof(order->request_id));
    qm_column_text(result, row, 8, order->symbol, sizeof(order->symbol));
    qm_column_text(result, row, 9, order->side, sizeof(order->side));
    qm_column_text(result, row, 10, order->order_type, sizeof(order->order_type));
    qm_column_text(result, row, 11, order->time_in_force, sizeof(order->time_in_force));
    qm_column_text(result, row, 12, order->price, sizeof(order->price));
    qm_column_text(result, row, 13, order->quantity, sizeof(order->quantity));
    qm_column_text(result, row, 14, order->filled_quantity, sizeof(order->filled_quantity));
    qm_column_text(result, row, 15, order->slot, sizeof(order->slot));
    qm_column_text(result, row, 16, order->strategy, sizeof(order->strategy));
    qm_column_text(result, row, 17, order->instance, sizeof(order->instance));
    qm_column_text(result, row, 18, order->state, sizeof(order->state));
    qm_column_text(result, row, 19, order->cancel_state, sizeof(order->cancel_state));
    qm_column_text(result, row, 20, order->base_commission, sizeof(order->base_commission));
    order->fence = qm_column_int64(result, row, 21);
    order->send_before_us = qm_column_int64(result, row, 22);
}

/* qm_postgres_get_market reads a market. */
QmCode
qm_postgres_get_market(QmStore *store, const char *account, const char *symbol, QmStoredMarket *market)
{
    const char *const values[] = {account, symbol};
    PGresult *result;
    QmCode code = qm_call(((QmPostgres *) store)->client, &market_statement, values, 0, &result, NULL);

    memset(market, 0, sizeof(*market));
    if (code == QM_OK && PQntuples(result) == 0)
        code = QM_NOT_HELD;
    if (code == QM_OK)
    {
        qm_column_text(result, 0, 0, market->symbol, sizeof(market->symbol));
        qm_column_text(result, 0, 1, market->base_asset, sizeof(market->base_asset));
        qm_column_text(result, 0, 2, market->quote_asset, sizeof(market->quote_asset));
        qm_column_text(result, 0, 3, market->tick_size, sizeof(market->tick_size));
        qm_column_text(result, 0, 4, market->step_size, sizeof(market->step_size));
        qm_column_text(result, 0, 5, market->min_quantity, sizeof(market->min_quantity));
        qm_column_text(result, 0, 6, market->max_quantity, sizeof(market->max_quantity));
        qm_column_text(result, 0, 7, market->min_notional, sizeof(market->min_notional));
        qm_column_text(result, 0, 8, market->level_width, sizeof(market->level_width));
        qm_column_text(result, 0, 9, market->slot_by, sizeof(market->slot_by));
    }
    PQclear(result);
    return code;
}

/* qm_postgres_open_orders lists live orders. */
QmCode
qm_postgres_open_orders(QmStore *store, const char *account, const char *symbol, const char *strategy,
                        QmStoredOrder **list, size_t *count)
{
    QmClient *client = ((QmPostgres *) store)->client;
    const char *const values[] = {account, symbol, strategy};
    PGresult *result;
    QmCode code = qm_call(client, &orders_statement, values, 0, &result, NULL);

    *list = list_new(client, result, sizeof(**list), &code);
    *count = code == QM_OK ? (size_t) PQntuples(result) : 0;
    for (size_t i = 0; i < *count; i++)
        read_order(result, (int) i, &(*list)[i]);
    PQclear(result);
    return code;
}

/* qm_postgres_order_by_client_id reads an order. */
QmCode
qm_postgres_order_by_client_id(QmStore *store, const char *account, const char *client_order_id, QmStoredOrder *order)
{
    QmClient *client = ((QmPostgres *) store)->client;
    char number[QM_NUMBER_TEXT];
    char tag[QM_TAG_LEN + 1];
    const char *values[] = {account, client_order_id, NULL};
    int64_t order_id;
    int attempt;
    PGresult *result = NULL;
    QmCode code = QM_OK;

    memset(order, 0, sizeof(*order));
    if (qm_order_id_parse(client_order_id, tag, &order_id, &attempt))
    {
        values[2] = qm_value_int64(number, order_id);
        code = qm_call(client, &own_order_statement, values, 0, &result, NULL);
    }
    if (code == QM_OK && (result == NULL || PQntuples(result) == 0))
    {
        PQclear(result);
        code = qm_call(client, &order_statement, values, 0, &result, NULL);
    }
    if (code == QM_OK && PQntuples(result) == 0)
        code = QM_NOT_HELD;
    if (code == QM_OK)
        read_order(result, 0, order);
    PQclear(result);
    return code;
}

/* qm_postgres_positions lists what strategies have. */
QmCode
qm_postgres_positions(QmStore *store, const char *account, const char *symbol, const char *strategy,
                      QmStoredPosition **list, size_t *count)
{
    QmClient *client = ((QmPostgres *) store)->client;
    const char *const values[] = {account, symbol, strategy};
    PGresult *result;
    QmCode code = qm_call(client, &positions_statement, values, 0, &result, NULL);

    *list = list_new(client, result, sizeof(**list), &code);
    *count = code == QM_OK ? (size_t) PQntuples(result) : 0;
    for (size_t i = 0; i < *count; i++)
    {
        QmStoredPosition *position = &(*list)[i];

        qm_column_text(result, (int) i, 0, position->symbol, sizeof(position->symbol));
        qm_column_text(result, (int) i, 1, position->strategy, sizeof(position->strategy));
        qm_column_text(result, (int) i, 2, position->quantity, sizeof(position->quantity));
        qm_column_text(result, (int) i, 3, position->cost, sizeof(position->cost));
        qm_column_text(result, (int) i, 4, position->realized_profit, sizeof(position->realized_profit));
    }
    PQclear(result);
    return code;
}

/* read_fill reads one fill. */
static void
read_fill(const PGresult *result, int row, QmStoredFill *fill)
{
    fill->order_id = qm_column_int64(result, row, 0);
    fill->executed_at_us = qm_column_int64(result, row, 1);
    fill->is_maker = (int) qm_column_int64(result, row, 2);
    qm_column_text(result, row, 3, fill->trade_id, sizeof(fill->trade_id));
    qm_column_text(result, row, 4, fill->strategy, sizeof(fill->strategy));
    qm_column_text(result, row, 5, fill->side, sizeof(fill->side));
    qm_column_text(result, row, 6, fill->kind, sizeof(fill->kind));
    qm_column_text(result, row, 7, fill->quantity, sizeof(fill->quantity));
    qm_column_text(result, row, 8, fill->price, sizeof(fill->price));
    qm_column_text(result, row, 9, fill->commission, sizeof(fill->commission));
    qm_column_text(result, row, 10, fill->commission_asset, sizeof(fill->commission_asset));
    qm_column_text(result, row, 11, fill->position_after, sizeof(fill->position_after));
    qm_column_text(result, row, 12, fill->cost_after, sizeof(fill->cost_after));
    qm_column_text(result, row, 13, fill->profit_after, sizeof(fill->profit_after));
}

/* qm_postgres_fills lists fills behind a trade. */
QmCode
qm_postgres_fills(QmStore *store, const char *account, const char *symbol, const char *after_trade_id, int max,
                  QmStoredFill **list, size_t *count)
{
    QmClient *client = ((QmPostgres *) store)->client;
    char limit[QM_NUMBER_TEXT];
    const char *const values[] = {account, symbol, after_trade_id, qm_value_int64(limit, max)};
    PGresult *result = NULL;
    QmCode code;

    *list = NULL;
    *count = 0;
    if (max < 1 || max > QM_STORE_FILLS_MAX)
        return qm_error_set(&client->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "max must be 1 to %d, not %d",
                            QM_STORE_FILLS_MAX,
                            max);
    code = qm_call(client, &fills_statement, values, 0, &result, NULL);
    *list = list_new(client, result, sizeof(**list), &code);
    *count = code == QM_OK ? (size_t) PQntuples(result) : 0;
    for (size_t i = 0; i < *count; i++)
        read_fill(result, (int) i, &(*list)[i]);
    PQclear(result);
    return code;
}
