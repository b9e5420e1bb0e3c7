/*
 * Placing: single orders and replacements, repeated under their request_id until
 * the server has said what became of them.
 */
#include "client.h"

#include <string.h>

#include "error.h"
#include "placement.h"

static const QmStatement place_statement = {.name = "quantmesh.place_order",
                                            .sql = qm_place_sql,
                                            .parameters = QM_PLACE_VALUES,
                                            .repeat = QM_REPEAT_ALWAYS,
                                            .often = true};

static const QmStatement replace_statement =
    {.name = "quantmesh.replace_order",
     .sql = "SELECT " QM_PLACEMENT_COLUMNS
            " FROM quantmesh.replace_order(account => $1, order_id => $2::bigint, price => $3::numeric,"
            " quantity => $4::numeric, request_id => $5, instance => $6, epoch => $7::bigint,"
            " valid_until => $8::timestamptz) AS p",
     .parameters = 8,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

/* place_with runs a statement that answers one placement. */
static QmCode
place_with(QmClient *client, const QmStatement *statement, const char *const *values, const char *request_id,
           int64_t wait_ms, QmPlacement *placement)
{
    QmCallHistory history;
    PGresult *result;
    QmCode code = qm_call(client, statement, values, wait_ms, &result, &history);

    memset(placement, 0, sizeof(*placement));
    placement->repeated = history.lost;
    qm_text_copy(placement->request_id, sizeof(placement->request_id), request_id);
    if (code == QM_OK)
        code = qm_placement_read(placement, result, 0, &client->error);
    PQclear(result);
    return code;
}

/* qm_place_order places one order. */
QmCode
qm_place_order(QmClient *client, const char *account, const QmOrder *order, QmPlacement *placement)
{
    QmPlaceValues values;
    QmCode code = qm_place_values(&values, account, order, &client->error);

    if (code != QM_OK)
        return code;
    return place_with(client, &place_statement, values.values, values.request_id, order->wait_ms, placement);
}

/* qm_replace_order asks to cancel an order and records an intent that takes over its slot. */
QmCode
qm_replace_order(QmClient *client, const char *account, int64_t order_id, const QmOrder *order, QmPlacement *placement)
{
    QmPlaceValues values;
    char id[QM_NUMBER_TEXT];
    QmCode code = qm_place_values(&values, account, order, &client->error);
    const char *const replace[] = {account,
                                   qm_value_int64(id, order_id),
                                   values.values[QM_VALUE_PRICE],
                                   values.values[QM_VALUE_QUANTITY],
                                   values.values[QM_VALUE_REQUEST_ID],
                                   values.values[QM_VALUE_INSTANCE],
                                   values.values[QM_VALUE_EPOCH],
                                   values.values[QM_VALUE_VALID_UNTIL]};

    if (code != QM_OK)
        return code;
    return place_with(client, &replace_statement, replace, values.request_id, 0, placement);
}
