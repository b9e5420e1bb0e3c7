/*
 * Cancels: the wish to cancel, and who sends it.
 *
 * A repeated call cannot tell its own first attempt from somebody else's cancel,
 * since both are under way: it says so, and the caller sends it.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"

#define CANCELLATION_COLUMNS \
    "c.outcome, c.order_id, c.state, c.cancel_state, c.symbol, c.client_order_id, c.exchange_order_id, c.committed"

static const char *const outcomes[] = {"requested", "skipped", "aborted", "noop"};

static const QmStatement one_statement =
    {.name = "quantmesh.cancel_order",
     .sql = "SELECT " CANCELLATION_COLUMNS " FROM quantmesh.cancel_order(account => $1, order_id => $2::bigint) AS c",
     .parameters = 2,
     .repeat = QM_REPEAT_ALWAYS,
     .often = true};

static const QmStatement exchange_statement =
    {.name = "quantmesh.cancel_exchange_order",
     .sql = "SELECT " CANCELLATION_COLUMNS
            " FROM quantmesh.cancel_exchange_order(account => $1, symbol => $2, exchange_order_id => $3) AS c",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement many_statement = {.name = "quantmesh.cancel_orders",
                                           .sql =
                                               "SELECT " CANCELLATION_COLUMNS
                                               " FROM quantmesh.cancel_orders(account => $1, symbol => $2, side => $3,"
                                               " strategy => $4, instance => $5) AS c",
                                           .parameters = 5,
                                           .repeat = QM_REPEAT_ALWAYS};

/* qm_cancel_outcome_name returns an outcome's word. */
const char *
qm_cancel_outcome_name(QmCancelOutcome outcome)
{
    if ((size_t) outcome >= sizeof(outcomes) / sizeof(outcomes[0]))
        return "no such outcome";
    return outcomes[outcome];
}

/* cancellation_read reads one answer. */
static QmCode
cancellation_read(QmCancellation *cancellation, const PGresult *result, int row, bool lost, QmError *error)
{
    int outcome = qm_column_word(result, row, 0, outcomes, sizeof(outcomes) / sizeof(outcomes[0]));

    memset(cancellation, 0, sizeof(*cancellation));
    if (outcome < 0 || !qm_column_bool(result, row, 7))
        return qm_error_set(error,
                            QM_ERROR_PROTOCOL,
                            "08P01",
                            NULL,
                            "the server answered a cancel that %s",
                            outcome < 0 ? "has no known outcome" : "is not committed");
    cancellation->outcome = (QmCancelOutcome) outcome;
    cancellation->uncertain = lost && cancellation->outcome == QM_CANCEL_SKIPPED;
    cancellation->order_id = qm_column_int64(result, row, 1);
    qm_column_text(result, row, 2, cancellation->state, sizeof(cancellation->state));
    qm_column_text(result, row, 3, cancellation->cancel_state, sizeof(cancellation->cancel_state));
    qm_column_text(result, row, 4, cancellation->symbol, sizeof(cancellation->symbol));
    qm_column_text(result, row, 5, cancellation->client_order_id, sizeof(cancellation->client_order_id));
    qm_column_text(result, row, 6, cancellation->exchange_order_id, sizeof(cancellation->exchange_order_id));
    return QM_OK;
}

/* cancel_with runs a statement that answers one cancellation. */
static QmCode
cancel_with(QmClient *client, const QmStatement *statement, const char *const *values, QmCancellation *cancellation)
{
    QmCallHistory history;
    PGresult *result;
    QmCode code = qm_call(client, statement, values, 0, &result, &history);

    memset(cancellation, 0, sizeof(*cancellation));
    if (code == QM_OK)
        code = cancellation_read(cancellation, result, 0, history.lost, &client->error);
    PQclear(result);
    return code;
}

/* qm_cancel_order asks to cancel an order. */
QmCode
qm_cancel_order(QmClient *client, const char *account, int64_t order_id, QmCancellation *cancellation)
{
    char id[QM_NUMBER_TEXT];
    const char *const values[] = {account, qm_value_int64(id, order_id)};

    return cancel_with(client, &one_statement, values, cancellation);
}

/* qm_cancel_exchange_order asks to cancel an order by the exchange's id. */
QmCode
qm_cancel_exchange_order(QmClient *client, const char *account, const char *symbol, const char *exchange_order_id,
                         QmCancellation *cancellation)
{
    const char *const values[] = {account, symbol, exchange_order_id};

    return cancel_with(client, &exchange_statement, values, cancellation);
}

/* qm_cancel_orders asks to cancel all orders that fit. */
QmCode
qm_cancel_orders(QmClient *client, const char *account, const char *symbol, const char *side, const char *strategy,
                 const char *instance, QmCancellation **list, size_t *count)
{
    const char *const values[] = {account, symbol, side, strategy, instance};
    QmCallHistory history;
    PGresult *result;
    QmCode code = qm_call(client, &many_statement, values, 0, &result, &history);

    *list = NULL;
    *count = 0;
    if (code == QM_OK)
    {
        int rows = PQntuples(result);

        *list = calloc((size_t) rows + 1, sizeof(**list));
        if (*list == NULL)
            code = qm_error_no_memory(&client->error);
        for (int i = 0; code == QM_OK && i < rows; i++)
            code = cancellation_read(&(*list)[i], result, i, history.lost, &client->error);
        *count = code == QM_OK ? (size_t) rows : 0;
    }
    if (code != QM_OK)
    {
        free(*list);
        *list = NULL;
    }
    PQclear(result);
    return code;
}
