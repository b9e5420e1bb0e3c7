/*
 * Claims: intents that are given out to be sent.
 *
 * A claim gives out other orders each time, so it is not repeated once it was
 * sent. What it took without our hearing of it becomes unknown at its
 * send_before, and is looked up like any order whose sender has gone.
 */
#include "client.h"

#include <stdlib.h>

#include "decode.h"
#include "error.h"

#define CLAIM_MAX 1000

static const QmStatement claim_statement =
    {.name = "quantmesh.claim_orders",
     .sql =
         "SELECT c.order_id, c.client_order_id, c.symbol, c.side, c.order_type, c.time_in_force, c.price, c.quantity,"
         " c.post_only, c.reduce_only, c.fence, (extract(epoch FROM c.send_before) * 1000000)::bigint, c.committed"
         " FROM quantmesh.claim_orders(account => $1, instance => $2, epoch => $3::bigint, max => $4::integer,"
         " symbol => $5) AS c",
     .parameters = 5,
     .repeat = QM_REPEAT_NEVER};

/* claim_read reads one row. */
static QmCode
claim_read(QmClaim *claim, const PGresult *result, int row, QmError *error)
{
    if (!qm_column_bool(result, row, 12))
        return qm_error_set(error,
                            QM_ERROR_PROTOCOL,
                            "08P01",
                            NULL,
                            "the server answered a claim that is not committed");
    claim->order_id = qm_column_int64(result, row, 0);
    qm_column_text(result, row, 1, claim->client_order_id, sizeof(claim->client_order_id));
    qm_column_text(result, row, 2, claim->symbol, sizeof(claim->symbol));
    qm_column_text(result, row, 3, claim->side, sizeof(claim->side));
    qm_column_text(result, row, 4, claim->order_type, sizeof(claim->order_type));
    qm_column_text(result, row, 5, claim->time_in_force, sizeof(claim->time_in_force));
    qm_column_text(result, row, 6, claim->price, sizeof(claim->price));
    qm_column_text(result, row, 7, claim->quantity, sizeof(claim->quantity));
    claim->post_only = qm_column_bool(result, row, 8);
    claim->reduce_only = qm_column_bool(result, row, 9);
    claim->fence = qm_column_int64(result, row, 10);
    claim->send_before_us = qm_column_int64(result, row, 11);
    return QM_OK;
}

/* qm_claim_orders takes intents to send them. */
QmCode
qm_claim_orders(QmClient *client, const char *account, const char *instance, int64_t epoch, int max, const char *symbol,
                QmClaim **list, size_t *count)
{
    char epoch_text[QM_NUMBER_TEXT];
    char max_text[QM_NUMBER_TEXT];
    const char *const values[] = {account,
                                  instance,
                                  qm_value_int64_or_null(epoch_text, epoch),
                                  qm_value_int64(max_text, max),
                                  symbol};
    PGresult *result = NULL;
    QmCode code = QM_OK;

    *count = 0;
    /* Memory first: what has been claimed must be given out. */
    *list = max < 1 || max > CLAIM_MAX ? NULL : calloc((size_t) max, sizeof(**list));
    if (max < 1 || max > CLAIM_MAX)
        return qm_error_set(&client->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "max must be 1 to %d, not %d",
                            CLAIM_MAX,
                            max);
    if (*list == NULL)
        return qm_error_no_memory(&client->error);
    code = qm_call(client, &claim_statement, values, 0, &result, NULL);
    if (code == QM_OK && PQntuples(result) > max)
        code = qm_error_set(&client->error,
                            QM_ERROR_PROTOCOL,
                            "08P01",
                            NULL,
                            "the server gave out %d orders instead of %d",
                            PQntuples(result),
                            max);
    for (int i = 0; code == QM_OK && i < PQntuples(result); i++)
        code = claim_read(&(*list)[i], result, i, &client->error);
    if (code == QM_OK)
        *count = (size_t) PQntuples(result);
    else
    {
        free(*list);
        *list = NULL;
    }
    PQclear(result);
    return code;
}
