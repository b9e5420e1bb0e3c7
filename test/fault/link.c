/*
 * Links: one client's connection, and when it was last known to be alive.
 */
#include "link.h"

#include "history.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum
{
    CONNECT_WAIT_MS = 5000
};

/* ignore_notice keeps warnings of ending servers off the terminal. */
static void
ignore_notice(void *argument, const PGresult *result)
{
    (void) argument;
    (void) result;
}

/* link_poll goes on connecting until it is done or has failed; CONNECT_WAIT_MS is for each step. */
static void
link_poll(PGconn *conn)
{
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;

    while (PQstatus(conn) != CONNECTION_BAD && step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED)
    {
        struct pollfd descriptor = {.fd = PQsocket(conn), .events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT};

        if (poll(&descriptor, 1, CONNECT_WAIT_MS) <= 0)
            return;
        step = PQconnectPoll(conn);
    }
}

/* qf_link_open connects under a name that pg_stat_activity shows; false when that did not work. */
bool
qf_link_open(Link *link, const char *conninfo, const char *name)
{
    const char *const keywords[] = {"dbname", "application_name", NULL};
    const char *const values[] = {conninfo, name, NULL};

    qf_link_close(link);
    link->lost = false;
    /* Not PQconnectdb: a server that goes down meanwhile sends a notice, and that would be printed. */
    link->conn = PQconnectStartParams(keywords, values, 1);
    PQsetNoticeReceiver(link->conn, ignore_notice, NULL);
    link_poll(link->conn);
    if (PQstatus(link->conn) != CONNECTION_OK)
    {
        qf_link_close(link);
        return false;
    }
    return true;
}

/* qf_link_close disconnects, if connected. */
void
qf_link_close(Link *link)
{
    if (link->conn != NULL)
        PQfinish(link->conn);
    link->conn = NULL;
}

/* qf_link_broken says whether the connection has ended. */
bool
qf_link_broken(const Link *link)
{
    return link->conn == NULL || link->lost || PQstatus(link->conn) != CONNECTION_OK;
}

/* failure_note keeps the SQLSTATE of a failed statement; a cut connection has none. */
static void
failure_note(Link *link, const PGresult *result)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);

    memset(link->state, 0, sizeof(link->state));
    if (state != NULL)
        memcpy(link->state, state, strnlen(state, sizeof(link->state) - 1));
}

/*
 * qf_link_query runs one statement in one round trip. Returns NULL when it
 * failed; then state says why, and qf_link_broken whether the connection lives.
 */
PGresult *
qf_link_query(Link *link, const char *sql, int count, const char *const *values)
{
    PGresult *result;
    ExecStatusType status;

    link->state[0] = '\0';
    if (link->conn == NULL)
        return NULL;
    link->sent_ns = qf_now_ns();
    result = PQexecParams(link->conn, sql, count, NULL, values, NULL, NULL, 0);
    status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
    {
        link->alive_ns = link->sent_ns;
        return result;
    }
    failure_note(link, result);
    link->lost = link->state[0] == '\0';
    PQclear(result);
    return NULL;
}

/* qf_link_command runs one statement for its effect. */
bool
qf_link_command(Link *link, const char *sql, int count, const char *const *values)
{
    PGresult *result = qf_link_query(link, sql, count, values);
    bool good = result != NULL;

    PQclear(result);
    return good;
}

/*
 * qf_link_number returns the one number (or boolean, as 1 or 0) that a
 * statement answers; 0 for NULL, -1 for a failure.
 */
int64_t
qf_link_number(Link *link, const char *sql, int count, const char *const *values)
{
    PGresult *result = qf_link_query(link, sql, count, values);
    int64_t number = 0;

    if (result == NULL)
        return -1;
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
    {
        const char *text = PQgetvalue(result, 0, 0);

        number = text[0] == 't' ? 1 : strtoll(text, NULL, 10);
    }
    PQclear(result);
    return number;
}

/* qf_link_rollback ends a transaction that is still open; false when the connection is gone. */
bool
qf_link_rollback(Link *link)
{
    char state[sizeof(link->state)];

    if (qf_link_broken(link))
        return false;
    if (PQtransactionStatus(link->conn) == PQTRANS_IDLE)
        return true;
    memcpy(state, link->state, sizeof(state));
    if (!qf_link_command(link, "ROLLBACK", 0, NULL))
        return false;
    memcpy(link->state, state, sizeof(state));
    return true;
}
