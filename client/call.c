/*
 * Calls: one statement, one commit, one answer; again, if need be, on another
 * connection.
 *
 * A statement that fails with an ERROR has not happened. One whose connection
 * breaks after it was sent may have: only repeating it, where that is safe, tells.
 */
#include "client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

static PGresult *call_statement(QmClient *client, const QmStatement *statement, const char *const *values,
                                int64_t deadline_ns, bool *sent);
static PGresult *call_answer(QmClient *client, int was_sent, int64_t deadline_ns, bool *sent);
static bool call_again(const QmStatement *statement, const QmCallHistory *history, QmRetry *retry, bool passes);
static QmCode call_uncertain(QmClient *client, const QmStatement *statement);

/*
 * qm_call runs one statement until it is answered, refused, or the policy has no
 * more attempts. wait_ms is what it waits for on purpose, beside the time for its
 * answer. *result is NULL after a failure; history may be NULL.
 */
QmCode
qm_call(QmClient *client, const QmStatement *statement, const char *const *values, int64_t wait_ms, PGresult **result,
        QmCallHistory *history)
{
    QmCallHistory own;
    QmRetry retry;
    bool passes;

    if (history == NULL)
        history = &own;
    *history = (QmCallHistory){0};
    *result = NULL;
    qm_retry_begin(&retry, &client->retry);
    do
    {
        bool sent = false;
        ExecStatusType status;

        if (qm_client_ensure(client, &passes) != QM_OK)
            continue;
        history->sent_ns = qm_monotonic_ns();
        *result = call_statement(client,
                                 statement,
                                 values,
                                 qm_moment_after(history->sent_ns, wait_ms + client->call_timeout_ms),
                                 &sent);
        status = PQresultStatus(*result);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        {
            qm_error_clear(&client->error);
            return QM_OK;
        }
        qm_call_refused(client, *result);
        passes = qm_error_passes(client->error.sqlstate);
        PQclear(*result);
        *result = NULL;
        if (client->conn == NULL)
        {
            history->lost = history->lost || sent;
            passes = true;
        }
        /* Another host, or the same one after its promotion, may be writable. */
        if (client->error.code == QM_ERROR_READ_ONLY)
            qm_client_drop(client);
    } while (call_again(statement, history, &retry, passes));
    memcpy(history->sqlstate, client->error.sqlstate, sizeof(history->sqlstate));
    return history->lost && statement->repeat != QM_REPEAT_READ ? call_uncertain(client, statement)
                                                                : client->error.code;
}

/* call_again waits for the next attempt, if there is to be one. */
static bool
call_again(const QmStatement *statement, const QmCallHistory *history, QmRetry *retry, bool passes)
{
    if (history->lost && statement->repeat == QM_REPEAT_NEVER)
        return false;
    return passes && qm_retry_again(retry);
}

/* call_uncertain writes down that a statement may have been executed; the last failure is its reason. */
static QmCode
call_uncertain(QmClient *client, const QmStatement *statement)
{
    QmError last = client->error;

    return qm_error_set(&client->error,
                        QM_ERROR_UNCERTAIN,
                        "08007",
                        statement->repeat == QM_REPEAT_NEVER ? NULL : "Make the same call again: twice is as once.",
                        "%s() may or may not have happened: %s",
                        statement->name,
                        last.message);
}

/* call_statement sends a statement once, by its name if the connection has it prepared, and returns what qm_call_once does. */
static PGresult *
call_statement(QmClient *client, const QmStatement *statement, const char *const *values, int64_t deadline_ns,
               bool *sent)
{
    QmPreparedEntry *entry = statement->often ? qm_prepared_find(client, statement->sql, false, deadline_ns) : NULL;
    PGresult *result;

    *sent = false;
    if (client->conn == NULL)
        return NULL;
    if (entry == NULL)
        return qm_call_once(client, statement->sql, statement->parameters, values, deadline_ns, sent);
    qm_error_clear(&client->error);
    result = call_answer(client,
                         PQsendQueryPrepared(client->conn, entry->name, statement->parameters, values, NULL, NULL, 0),
                         deadline_ns,
                         sent);
    if (client->conn == NULL || !qm_prepared_is_missing(entry, result))
        return result;
    PQclear(result);
    return qm_call_once(client, statement->sql, statement->parameters, values, deadline_ns, sent);
}

/* qm_call_prepare prepares a statement on the connection, and returns what qm_call_once does. */
PGresult *
qm_call_prepare(QmClient *client, const char *name, const char *sql, int64_t deadline_ns)
{
    bool sent;

    qm_error_clear(&client->error);
    return call_answer(client, PQsendPrepare(client->conn, name, sql, 0, NULL), deadline_ns, &sent);
}

/*
 * qm_call_once sends a statement and returns its last result after the server
 * has said that it is ready again, which is after the commit. NULL, or a failed
 * result, when the connection broke or the time was over; then the connection has
 * been dropped. *sent says whether the server may have got the statement.
 */
PGresult *
qm_call_once(QmClient *client, const char *sql, int parameters, const char *const *values, int64_t deadline_ns,
             bool *sent)
{
    int was_sent;

    qm_error_clear(&client->error);
    was_sent = PQsendQueryParams(client->conn, sql, parameters, NULL, values, NULL, NULL, 0);
    return call_answer(client, was_sent, deadline_ns, sent);
}

/* call_answer returns the last result of what was sent, which libpq has answered with 1. */
static PGresult *
call_answer(QmClient *client, int was_sent, int64_t deadline_ns, bool *sent)
{
    PGresult *last = NULL;

    *sent = false;
    if (was_sent != 1)
    {
        qm_error_set(&client->error, QM_ERROR_CONNECT, "08006", NULL, "%s", PQerrorMessage(client->conn));
        qm_client_drop(client);
        return NULL;
    }
    *sent = true;
    for (;;)
    {
        PGresult *next;

        if (!qm_call_wait(client, deadline_ns))
        {
            qm_client_drop(client);
            break;
        }
        next = PQgetResult(client->conn);
        if (next == NULL)
            break;
        PQclear(last);
        last = next;
    }
    /* A backend that is ended says so before it hangs up: what counts is that it has gone. */
    if (client->conn != NULL && PQstatus(client->conn) != CONNECTION_OK)
        qm_client_drop(client);
    if (client->conn == NULL && PQresultStatus(last) != PGRES_FATAL_ERROR)
    {
        PQclear(last);
        last = NULL;
    }
    return last;
}

/* qm_call_wait waits until a result can be had without waiting; false, with the error, when there will be none. */
bool
qm_call_wait(QmClient *client, int64_t deadline_ns)
{
    int unsent;

    while ((unsent = PQflush(client->conn)) > 0 || PQisBusy(client->conn))
    {
        struct pollfd descriptor = {.fd = PQsocket(client->conn),
                                    .events = (short) (unsent > 0 ? POLLIN | POLLOUT : POLLIN)};
        int wait_ms = qm_moment_poll_ms(deadline_ns);

        if (wait_ms == 0)
        {
            qm_error_set(&client->error,
                         QM_ERROR_CONNECT,
                         "08006",
                         "call_timeout_ms says how long to wait.",
                         "no answer from the server in time");
            return false;
        }
        if (poll(&descriptor, 1, wait_ms) > 0 && PQconsumeInput(client->conn) != 1)
        {
            qm_error_set(&client->error, QM_ERROR_CONNECT, "08006", NULL, "%s", PQerrorMessage(client->conn));
            client->error.message[strcspn(client->error.message, "\n")] = '\0';
            return false;
        }
    }
    return true;
}

/*
 * qm_call_refused writes down what a failed result says, and returns its code.
 * Without one, or without SQLSTATE in it, the connection broke.
 */
QmCode
qm_call_refused(QmClient *client, const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

    if (result == NULL && client->error.code != QM_OK)
        return client->error.code;
    if (state == NULL)
    {
        qm_client_drop(client);
        return qm_error_set(&client->error, QM_ERROR_CONNECT, "08006", NULL, "the connection to the server has broken");
    }
    return qm_error_set(&client->error,
                        qm_error_code(state),
                        state,
                        PQresultErrorField(result, PG_DIAG_MESSAGE_HINT),
                        "%s%s%s",
                        message == NULL ? "" : message,
                        detail == NULL ? "" : ": ",
                        detail == NULL ? "" : detail);
}
