/*
 * Snapshots: what the exchange shows of a market, as the server takes it.
 */
#include "client.h"

#include <stdlib.h>

#include "decode.h"
#include "error.h"
#include "json.h"

static const QmStatement request_statement = {.name = "quantmesh.request_snapshot",
                                              .sql = "SELECT quantmesh.request_snapshot(account => $1, symbol => $2)",
                                              .parameters = 2,
                                              .repeat = QM_REPEAT_NEVER};

static const QmStatement submit_statement =
    {.name = "quantmesh.submit_snapshot",
     .sql = "SELECT quantmesh.submit_snapshot(account => $1, symbol => $2, task => $3::bigint,"
            " started_at => $4::timestamptz, finished_at => $5::timestamptz, open_orders => $6::jsonb,"
            " trades => $7::jsonb, balances => $8::jsonb, complete => $9::boolean)",
     .parameters = 9,
     .repeat = QM_REPEAT_ALWAYS};

/* The three arrays of a snapshot. */
typedef struct Arrays
{
    QmJson orders;
    QmJson trades;
    QmJson balances;
} Arrays;

/* qm_request_snapshot takes the task to fetch a snapshot. */
QmCode
qm_request_snapshot(QmClient *client, const char *account, const char *symbol, int64_t *task_id)
{
    const char *const values[] = {account, symbol};
    PGresult *result;
    QmCode code = qm_call(client, &request_statement, values, 0, &result, NULL);

    *task_id = code == QM_OK ? qm_column_int64(result, 0, 0) : 0;
    PQclear(result);
    return code;
}

/* add_order adds an open order to the array. */
static void
add_order(QmJson *json, const QmSnapshotOrder *order)
{
    qm_json_add(json, json->len > 1 ? ",{" : "{");
    qm_json_add_field(json, "exchange_order_id", order->exchange_order_id);
    qm_json_add_field(json, "client_order_id", order->client_order_id);
    qm_json_add_field(json, "side", order->side);
    qm_json_add_field(json, "order_type", order->order_type);
    qm_json_add_field(json, "time_in_force", order->time_in_force);
    qm_json_add_field(json, "price", order->price);
    qm_json_add_field(json, "quantity", order->quantity);
    qm_json_add_field(json, "filled_quantity", order->filled_quantity);
    qm_json_add(json, "}");
}

/* add_trade adds a trade; false when its time is none. */
static bool
add_trade(QmJson *json, const QmSnapshotTrade *trade)
{
    char text[QM_TIME_TEXT];
    const char *executed_at;

    if (!qm_value_time_or_null(text, trade->executed_at_us, &executed_at))
        return false;
    qm_json_add(json, json->len > 1 ? ",{" : "{");
    qm_json_add_field(json, "trade_id", trade->trade_id);
    qm_json_add_field(json, "exchange_order_id", trade->exchange_order_id);
    qm_json_add_field(json, "client_order_id", trade->client_order_id);
    qm_json_add_field(json, "side", trade->side);
    qm_json_add_field(json, "quantity", trade->quantity);
    qm_json_add_field(json, "price", trade->price);
    qm_json_add_field(json, "commission", trade->commission);
    qm_json_add_field(json, "commission_asset", trade->commission_asset);
    qm_json_add_field(json, "executed_at", executed_at);
    if (trade->is_maker != 0)
    {
        qm_json_add(json, ",\"is_maker\":");
        qm_json_add(json, qm_value_bool(trade->is_maker > 0));
    }
    qm_json_add(json, "}");
    return true;
}

/* add_balance adds a balance to the array. */
static void
add_balance(QmJson *json, const QmSnapshotBalance *balance)
{
    qm_json_add(json, json->len > 1 ? ",{" : "{");
    qm_json_add_field(json, "asset", balance->asset);
    qm_json_add_field(json, "free", balance->free);
    qm_json_add_field(json, "locked", balance->locked);
    qm_json_add(json, "}");
}

/* write_arrays writes the three arrays. */
static QmCode
write_arrays(Arrays *arrays, const QmSnapshot *snapshot, QmError *error)
{
    qm_json_add(&arrays->orders, "[");
    qm_json_add(&arrays->trades, "[");
    qm_json_add(&arrays->balances, "[");
    for (size_t i = 0; i < snapshot->order_count; i++)
        add_order(&arrays->orders, &snapshot->orders[i]);
    for (size_t i = 0; i < snapshot->trade_count; i++)
    {
        if (!add_trade(&arrays->trades, &snapshot->trades[i]))
            return qm_error_set(error,
                                QM_ERROR_ARGUMENT,
                                "22008",
                                NULL,
                                "trades[%zu].executed_at_us is no time of this era",
                                i);
    }
    for (size_t i = 0; i < snapshot->balance_count; i++)
        add_balance(&arrays->balances, &snapshot->balances[i]);
    qm_json_add(&arrays->orders, "]");
    qm_json_add(&arrays->trades, "]");
    qm_json_add(&arrays->balances, "]");
    if (arrays->orders.failed || arrays->trades.failed || arrays->balances.failed)
        return qm_error_no_memory(error);
    return QM_OK;
}

/* qm_submit_snapshot answers a snapshot task. */
QmCode
qm_submit_snapshot(QmClient *client, const QmSnapshot *snapshot, int64_t *snapshot_id)
{
    char id[QM_NUMBER_TEXT];
    char started[QM_TIME_TEXT];
    char finished[QM_TIME_TEXT];
    const char *started_at;
    const char *finished_at;
    Arrays arrays = {0};
    PGresult *result = NULL;
    QmCode code;

    *snapshot_id = 0;
    if (!qm_value_time_or_null(started, snapshot->started_at_us, &started_at) ||
        !qm_value_time_or_null(finished, snapshot->finished_at_us, &finished_at))
        return qm_error_set(&client->error, QM_ERROR_ARGUMENT, "22008", NULL, "a snapshot's time is none of this era");
    code = write_arrays(&arrays, snapshot, &client->error);
    if (code == QM_OK)
    {
        const char *const values[] = {snapshot->account,
                                      snapshot->symbol,
                                      qm_value_int64(id, snapshot->task_id),
                                      started_at,
                                      finished_at,
                                      arrays.orders.text,
                                      arrays.trades.text,
                                      arrays.balances.text,
                                      qm_value_bool(snapshot->complete)};

        code = qm_call(client, &submit_statement, values, 0, &result, NULL);
    }
    if (code == QM_OK)
        *snapshot_id = qm_column_int64(result, 0, 0);
    PQclear(result);
    free(arrays.orders.text);
    free(arrays.trades.text);
    free(arrays.balances.text);
    return code;
}
