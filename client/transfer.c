/*
 * Transfers: statements inside one transaction of the server, which are never
 * repeated by themselves: when the connection breaks, the transaction has gone.
 */
#include "transfer.h"

#include <stdarg.h>
#include <stdio.h>

#include "error.h"
#include "moment.h"

#define STATEMENT_MS 1800000 /* a ledger of millions of fills takes its time */

/* qm_transfer_fine says whether nothing has failed. */
bool
qm_transfer_fine(const QmTransfer *transfer)
{
    return transfer->error.code == QM_OK;
}

/* qm_transfer_refuse writes the first failure down, and returns its code. */
QmCode
qm_transfer_refuse(QmTransfer *transfer, const char *sqlstate, const char *hint, const char *format, ...)
{
    char message[QM_DETAIL_SIZE];
    va_list arguments;

    if (!qm_transfer_fine(transfer))
        return transfer->error.code;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return qm_error_set(&transfer->error, QM_ERROR_SERVER, sqlstate, hint, "%s", message);
}

/* qm_transfer_ask runs one statement; false, and *result NULL, when it or an earlier one has failed. */
bool
qm_transfer_ask(QmClient *client, QmTransfer *transfer, const QmStatement *statement, const char *const *values,
                PGresult **result)
{
    ExecStatusType status;
    bool sent;

    *result = NULL;
    if (!qm_transfer_fine(transfer))
        return false;
    if (client->conn == NULL)
    {
        (void)
            qm_error_set(&transfer->error, QM_ERROR_CONNECT, "08006", NULL, "the connection to the server has broken");
        return false;
    }
    *result = qm_call_once(client,
                           statement->sql,
                           statement->parameters,
                           values,
                           qm_moment_after(qm_monotonic_ns(), STATEMENT_MS),
                           &sent);
    status = PQresultStatus(*result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return true;
    (void) qm_call_refused(client, *result);
    transfer->error = client->error;
    PQclear(*result);
    *result = NULL;
    return false;
}

/* qm_transfer_run runs a statement without values. */
bool
qm_transfer_run(QmClient *client, QmTransfer *transfer, const char *sql)
{
    const QmStatement statement = {.sql = sql};
    PGresult *result;
    bool fine = qm_transfer_ask(client, transfer, &statement, NULL, &result);

    PQclear(result);
    return fine;
}
