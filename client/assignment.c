/*
 * Assignments: which instance has which market. Asking changes nothing.
 */
#include "client.h"

#include <stdlib.h>

#include "decode.h"
#include "error.h"

static const QmStatement list_statement =
    {.name = "quantmesh.assignments",
     .sql = "SELECT a.account, a.symbol, a.mode, a.instance, a.epoch, a.reason,"
            " (extract(epoch FROM a.since) * 1000000)::bigint"
            " FROM quantmesh.assignments AS a WHERE a.current AND a.account = coalesce($1, a.account)"
            " AND a.instance = coalesce($2, a.instance) ORDER BY a.account, a.symbol",
     .parameters = 2,
     .repeat = QM_REPEAT_READ};

/* read_assignment reads one row. */
static void
read_assignment(QmAssignment *assignment, const PGresult *result, int row)
{
    qm_column_text(result, row, 0, assignment->account, sizeof(assignment->account));
    qm_column_text(result, row, 1, assignment->symbol, sizeof(assignment->symbol));
    qm_column_text(result, row, 2, assignment->mode, sizeof(assignment->mode));
    qm_column_text(result, row, 3, assignment->instance, sizeof(assignment->instance));
    assignment->epoch = qm_column_int64(result, row, 4);
    qm_column_text(result, row, 5, assignment->reason, sizeof(assignment->reason));
    assignment->since_us = qm_column_int64(result, row, 6);
}

/* qm_list_assignments returns who has which market now. */
QmCode
qm_list_assignments(QmClient *client, const char *account, const char *instance, QmAssignment **list, size_t *count)
{
    const char *const values[] = {account, instance};
    PGresult *result;
    QmCode code = qm_call(client, &list_statement, values, 0, &result, NULL);

    *list = NULL;
    *count = 0;
    if (code == QM_OK && PQntuples(result) > 0)
    {
        *list = calloc((size_t) PQntuples(result), sizeof(**list));
        if (*list == NULL)
            code = qm_error_no_memory(&client->error);
        else
            *count = (size_t) PQntuples(result);
    }
    for (size_t i = 0; i < *count; i++)
        read_assignment(&(*list)[i], result, (int) i);
    PQclear(result);
    return code;
}
