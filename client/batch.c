/*
 * Batches: several orders in one transaction, repeated as a whole under their
 * request_ids.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "json.h"
#include "placement.h"

#define BATCH_MAX 1000

static const QmStatement batch_statement = {.name = "quantmesh.place_orders",
                                            .sql = "SELECT " QM_PLACEMENT_COLUMNS
                                                   " FROM quantmesh.place_orders($1, $2::jsonb, $3::boolean)"
                                                   " WITH ORDINALITY AS p (outcome, replayed, order_id, "
                                                   "client_order_id, state, owner, fence, send_before, committed,"
                                                   " reason, detail, number) ORDER BY p.number",
                                            .parameters = 3,
                                            .repeat = QM_REPEAT_ALWAYS,
                                            .often = true};

/* As above; what is placed and a strategy's state are one transaction. */
static const QmStatement state_statement =
    {.name = "quantmesh.place_orders",
     .sql = "WITH p AS MATERIALIZED (SELECT " QM_PLACEMENT_COLUMNS ", p.number"
            " FROM quantmesh.place_orders($1, $2::jsonb, $3::boolean)"
            " WITH ORDINALITY AS p (outcome, replayed, order_id, client_order_id, state, owner, fence, send_before,"
            " committed, reason, detail, number))"
            " SELECT p.*, (SELECT quantmesh.save_strategy_state($1, $4, $5, $6::json, $7::bigint, $8, $9::bigint)"
            " WHERE EXISTS (SELECT FROM p AS q WHERE q.outcome = 'placed')) FROM p ORDER BY p.number",
     .parameters = 9,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static QmCode element_add(QmJson *json, const QmOrder *order, QmPlacement *placement, QmError *error);
static QmCode answers_read(QmClient *client, const PGresult *result, size_t count, bool repeated,
                           QmPlacement *placements);

/* qm_place_orders places orders in one transaction. */
QmCode
qm_place_orders(QmClient *client, const char *account, const QmOrder *orders, size_t count, QmPlacement *placements)
{
    return qm_place_batch(client, account, orders, count, NULL, placements, NULL);
}

/*
 * qm_place_batch places orders in one transaction, and in the same one saves a
 * state if any of them was placed. state are save_strategy_state's arguments from
 * the symbol on, or NULL; *version is 0 where nothing was saved.
 */
QmCode
qm_place_batch(QmClient *client, const char *account, const QmOrder *orders, size_t count,
               const char *const state[QM_STATE_VALUES], QmPlacement *placements, int64_t *version)
{
    QmJson json = {0};
    QmCallHistory history;
    PGresult *result = NULL;
    QmCode code = QM_OK;

    if (count < 1 || count > BATCH_MAX)
        return qm_error_set(&client->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "a batch has 1 to %d orders, not %zu",
                            BATCH_MAX,
                            count);
    for (size_t i = 0; code == QM_OK && i < count; i++)
    {
        qm_json_add(&json, i == 0 ? "[" : ",");
        if (orders[i].intent != orders[0].intent || orders[i].wait_ms != 0)
            code = qm_error_set(&client->error,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "order %zu of a batch has %s",
                                i,
                                orders[i].wait_ms != 0 ? "wait_ms" : "another value of intent than the first");
        else
            code = element_add(&json, &orders[i], &placements[i], &client->error);
    }
    qm_json_add(&json, "]");
    if (code == QM_OK && json.failed)
        code = qm_error_no_memory(&client->error);
    if (code == QM_OK)
    {
        const char *values[3 + QM_STATE_VALUES] = {account, json.text, qm_value_bool(!orders[0].intent)};

        for (int i = 0; state != NULL && i < QM_STATE_VALUES; i++)
            values[3 + i] = state[i];
        code = qm_call(client, state == NULL ? &batch_statement : &state_statement, values, 0, &result, &history);
    }
    if (code == QM_OK)
        code = answers_read(client, result, count, history.lost, placements);
    if (code == QM_OK && state != NULL)
        *version = qm_column_int64(result, 0, QM_PLACEMENT_COLUMN_COUNT + 1);
    PQclear(result);
    free(json.text);
    return code;
}

/*
 * element_add adds one order's object, and leaves its request_id in the
 * placement, which is where the caller of a repetition may have it from.
 */
static QmCode
element_add(QmJson *json, const QmOrder *order, QmPlacement *placement, QmError *error)
{
    char epoch[QM_NUMBER_TEXT];
    char time[QM_TIME_TEXT];
    char request_id[QM_REQUEST_ID_SIZE];
    const char *valid_until;
    QmCode code = qm_request_id_take(request_id, order->request_id, "request_id", error);

    if (code != QM_OK)
        return code;
    memset(placement, 0, sizeof(*placement));
    qm_text_copy(placement->request_id, sizeof(placement->request_id), request_id);
    if (!qm_value_time_or_null(time, order->valid_until_us, &valid_until))
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22008", NULL, "valid_until_us is no time of this era");
    qm_json_add(json, "{");
    qm_json_add_field(json, "symbol", order->symbol);
    qm_json_add_field(json, "side", order->side);
    qm_json_add_field(json, "price", order->price);
    qm_json_add_field(json, "quantity", order->quantity);
    qm_json_add_field(json, "order_type", order->order_type);
    qm_json_add_field(json, "time_in_force", order->time_in_force);
    qm_json_add(json, order->post_only ? ",\"post_only\":true" : "");
    qm_json_add(json, order->reduce_only ? ",\"reduce_only\":true" : "");
    qm_json_add_field(json, "request_id", placement->request_id);
    qm_json_add_field(json, "slot", order->slot);
    qm_json_add_field(json, "strategy", order->strategy);
    qm_json_add_field(json, "instance", order->instance);
    if (order->epoch != 0)
    {
        qm_json_add(json, ",\"epoch\":");
        qm_json_add(json, qm_value_int64(epoch, order->epoch));
    }
    qm_json_add_field(json, "valid_until", valid_until);
    qm_json_add(json, "}");
    return QM_OK;
}

/* answers_read fills the placements in, in the order of the batch. */
static QmCode
answers_read(QmClient *client, const PGresult *result, size_t count, bool repeated, QmPlacement *placements)
{
    QmCode code = QM_OK;

    if ((size_t) PQntuples(result) != count)
        return qm_error_set(&client->error,
                            QM_ERROR_PROTOCOL,
                            "08P01",
                            NULL,
                            "the server answered %d placements for %zu orders",
                            PQntuples(result),
                            count);
    for (size_t i = 0; code == QM_OK && i < count; i++)
    {
        placements[i].repeated = repeated;
        code = qm_placement_read(&placements[i], result, (int) i, &client->error);
    }
    return code;
}
