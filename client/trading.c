/*
 * Trading states: halting and resuming.
 */
#include "client.h"

#include <stdlib.h>

#include "decode.h"
#include "error.h"

#define STATE_COLUMNS "h.account, h.symbol, h.state, h.open_orders, h.in_flight"

static const QmStatement halt_statement =
    {.name = "quantmesh.halt",
     .sql =
         "SELECT " STATE_COLUMNS " FROM quantmesh.halt(account => coalesce($1, '*'), symbol => $2, reason => $3) AS h",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS};

static const QmStatement resume_statement =
    {.name = "quantmesh.resume",
     .sql = "SELECT " STATE_COLUMNS
            " FROM quantmesh.resume(account => coalesce($1, '*'), symbol => $2, reason => $3) AS h",
     .parameters = 3,
     .repeat = QM_REPEAT_ALWAYS};

/* state_change runs a statement that answers markets, whose list the caller may not want. */
static QmCode
state_change(QmClient *client, const QmStatement *statement, const char *const *values, int64_t wait_ms,
             QmMarketState **list, size_t *count)
{
    PGresult *result;
    QmMarketState *markets;
    QmCode code = qm_call(client, statement, values, wait_ms, &result, NULL);
    int rows = PQntuples(result);

    if (list != NULL && count != NULL)
    {
        *list = NULL;
        *count = 0;
    }
    if (code == QM_OK && list != NULL && count != NULL)
    {
        markets = calloc((size_t) rows + 1, sizeof(*markets));
        if (markets == NULL)
            code = qm_error_no_memory(&client->error);
        for (int i = 0; code == QM_OK && i < rows; i++)
        {
            qm_column_text(result, i, 0, markets[i].account, sizeof(markets[i].account));
            qm_column_text(result, i, 1, markets[i].symbol, sizeof(markets[i].symbol));
            qm_column_text(result, i, 2, markets[i].state, sizeof(markets[i].state));
            markets[i].open_orders = qm_column_int64(result, i, 3);
            markets[i].in_flight = qm_column_int64(result, i, 4);
        }
        *list = markets;
        *count = code == QM_OK ? (size_t) rows : 0;
    }
    PQclear(result);
    return code;
}

/* qm_halt stops placing. */
QmCode
qm_halt(QmClient *client, const char *account, const char *symbol, const char *reason, int64_t wait_ms,
        QmMarketState **list, size_t *count)
{
    const char *const values[] = {account, symbol, reason};

    if (wait_ms < 0)
        return qm_error_set(&client->error, QM_ERROR_ARGUMENT, "22023", NULL, "wait_ms must not be negative");
    return state_change(client, &halt_statement, values, wait_ms, list, count);
}

/* qm_resume takes a halt back. */
QmCode
qm_resume(QmClient *client, const char *account, const char *symbol, const char *reason, QmMarketState **list,
          size_t *count)
{
    const char *const values[] = {account, symbol, reason};

    return state_change(client, &resume_statement, values, 0, list, count);
}
