/*
 * Connecting: one attempt to reach a server, and what is agreed with it before
 * the first statement.
 *
 * libpq is asked for verbose errors, for that is where the SQLSTATE of a refused
 * connection stands; the text that users see is made of the same lines again.
 */
#include "client.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"
#include "error.h"
#include "moment.h"
#include "version.h"

#define DEFAULT_CONNECT_TIMEOUT_MS 5000
#define PARAMETERS_MAX 64

/*
 * A dead link: the client gives up after 5 s, the server after 8 s, so that the
 * holder of a session lock knows of its loss before somebody else has the lock.
 */
static const char *const link_defaults[][2] = {
    {"keepalives", "1"},
    {"keepalives_idle", "2"},
    {"keepalives_interval", "1"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "5000"},
    {"client_encoding", "UTF8"},
};

static const char handshake_sql[] =
    "SELECT (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = 'quantmesh'),"
    " pg_catalog.current_database(),"
    " pg_catalog.set_config('client_connection_check_interval', '1000', false),"
    " pg_catalog.set_config('tcp_keepalives_idle', '3', false),"
    " pg_catalog.set_config('tcp_keepalives_interval', '2', false),"
    " pg_catalog.set_config('tcp_keepalives_count', '3', false),"
    " pg_catalog.set_config('tcp_user_timeout', '8000', false)";

/* Keywords and values for libpq, which belong to the array of options that they were read into. */
typedef struct Parameters
{
    const char *keywords[PARAMETERS_MAX + 1];
    const char *values[PARAMETERS_MAX + 1];
    int count;
    int hosts;
    int64_t timeout_s; /* connect_timeout of conninfo; 0: none */
    PQconninfoOption *options;
} Parameters;

static bool hung_up(const PGconn *conn);
static bool parameters_read(QmClient *client, Parameters *parameters);
static void parameter_add(Parameters *parameters, const char *keyword, const char *value);
static bool parameter_given(const Parameters *parameters, const char *keyword);
static QmCode connect_once(QmClient *client, const Parameters *parameters, int64_t deadline_ns);
static bool connect_poll(PGconn *conn, int64_t deadline_ns);
static void notice_pass(void *argument, const PGresult *result);
static QmCode connect_refused(QmClient *client, const char *text, bool in_time);
static QmCode version_check(QmClient *client, const char *version, const char *database);

/*
 * qm_client_ensure makes one attempt to connect, unless there is a connection.
 * After a failure *passes says whether another attempt may help.
 */
QmCode
qm_client_ensure(QmClient *client, bool *passes)
{
    const char *fault = qm_retry_policy_fault(&client->retry);
    Parameters parameters = {0};
    int64_t timeout_ms = client->connect_timeout_ms;
    QmCode code;

    *passes = false;
    if (client->streaming)
        return qm_error_set(&client->error,
                            QM_ERROR_ARGUMENT,
                            "55006",
                            "Free the stream first.",
                            "the handle has been made a stream");
    if (client->conn != NULL && PQstatus(client->conn) == CONNECTION_OK && !hung_up(client->conn))
        return QM_OK;
    qm_client_drop(client);
    if (fault == NULL && (client->connect_timeout_ms < 0 || client->call_timeout_ms < 0))
        fault = "connect_timeout_ms and call_timeout_ms must not be negative";
    if (fault != NULL)
        return qm_error_set(&client->error, QM_ERROR_ARGUMENT, "22023", NULL, "%s", fault);
    if (!parameters_read(client, &parameters))
        return client->error.code;
    if (timeout_ms == 0)
        timeout_ms = parameters.timeout_s > 0 ? parameters.timeout_s * 1000 : DEFAULT_CONNECT_TIMEOUT_MS;
    code = connect_once(client, &parameters, qm_moment_after(qm_monotonic_ns(), timeout_ms * parameters.hosts));
    PQconninfoFree(parameters.options);
    if (code != QM_OK)
    {
        *passes = qm_error_passes(client->error.sqlstate);
        qm_client_drop(client);
    }
    return code;
}

/*
 * hung_up says whether the server has closed the connection, so that nothing is
 * sent into one that ended long ago: what was not sent is not in doubt.
 */
static bool
hung_up(const PGconn *conn)
{
    struct pollfd descriptor = {.fd = PQsocket(conn), .events = POLLRDHUP};

    return poll(&descriptor, 1, 0) > 0;
}

/* parameters_read takes conninfo apart and adds our defaults to what it says. */
static bool
parameters_read(QmClient *client, Parameters *parameters)
{
    char *fault = NULL;

    parameters->hosts = 1;
    parameters->options = PQconninfoParse(client->conninfo, &fault);
    if (parameters->options == NULL)
    {
        char text[QM_DETAIL_SIZE];

        qm_text_copy(text, sizeof(text), fault == NULL ? "out of memory" : fault);
        PQfreemem(fault);
        text[strcspn(text, "\n")] = '\0';
        qm_error_set(&client->error, QM_ERROR_ARGUMENT, "22023", NULL, "conninfo cannot be read: %s", text);
        return false;
    }
    for (PQconninfoOption *option = parameters->options; option->keyword != NULL; option++)
    {
        if (option->val == NULL)
            continue;
        parameter_add(parameters, option->keyword, option->val);
        if (strcmp(option->keyword, "connect_timeout") == 0)
            parameters->timeout_s = strtol(option->val, NULL, 10);
        if (strcmp(option->keyword, "host") != 0 && strcmp(option->keyword, "hostaddr") != 0)
            continue;
        parameters->hosts = 1;
        for (const char *comma = option->val; (comma = strchr(comma, ',')) != NULL; comma++)
            parameters->hosts++;
    }
    for (size_t i = 0; i < sizeof(link_defaults) / sizeof(link_defaults[0]); i++)
    {
        if (!parameter_given(parameters, link_defaults[i][0]))
            parameter_add(parameters, link_defaults[i][0], link_defaults[i][1]);
    }
    parameter_add(parameters, "fallback_application_name", client->application_name);
    return true;
}

/* parameter_add adds one keyword; libpq has fewer of them than there is room. */
static void
parameter_add(Parameters *parameters, const char *keyword, const char *value)
{
    if (parameters->count >= PARAMETERS_MAX)
        return;
    parameters->keywords[parameters->count] = keyword;
    parameters->values[parameters->count++] = value;
}

/* parameter_given says whether a keyword has a value. */
static bool
parameter_given(const Parameters *parameters, const char *keyword)
{
    for (int i = 0; i < parameters->count; i++)
    {
        if (strcmp(parameters->keywords[i], keyword) == 0)
            return true;
    }
    return false;
}

/* connect_once makes one attempt. Not PQconnectdb: what the server says meanwhile would be printed. */
static QmCode
connect_once(QmClient *client, const Parameters *parameters, int64_t deadline_ns)
{
    bool in_time;

    client->conn = PQconnectStartParams(parameters->keywords, parameters->values, 0);
    if (client->conn == NULL)
        return qm_error_no_memory(&client->error);
    PQsetNoticeReceiver(client->conn, notice_pass, client);
    PQsetErrorVerbosity(client->conn, PQERRORS_VERBOSE);
    in_time = PQstatus(client->conn) == CONNECTION_BAD || connect_poll(client->conn, deadline_ns);
    if (!in_time || PQstatus(client->conn) != CONNECTION_OK)
        return connect_refused(client, PQerrorMessage(client->conn), in_time);
    PQsetErrorVerbosity(client->conn, PQERRORS_DEFAULT);
    PQsetnonblocking(client->conn, 1);
    client->connections++;
    return qm_client_handshake(client, deadline_ns);
}

/* connect_poll goes on connecting until that is done or has failed; false when the time is over. */
static bool
connect_poll(PGconn *conn, int64_t deadline_ns)
{
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;

    while (step != PGRES_POLLING_OK && step != PGRES_POLLING_FAILED)
    {
        struct pollfd descriptor = {.fd = PQsocket(conn), .events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int wait_ms = qm_moment_poll_ms(deadline_ns);

        if (wait_ms == 0)
            return false;
        if (poll(&descriptor, 1, wait_ms) > 0)
            step = PQconnectPoll(conn);
    }
    return true;
}

/* notice_pass hands a notice of the server to whoever wants it. */
static void
notice_pass(void *argument, const PGresult *result)
{
    const QmClient *client = argument;
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (client->on_notice != NULL)
        client->on_notice(client->on_notice_argument, state == NULL ? "" : state, message == NULL ? "" : message);
}

/* state_at returns where ":  53300:" stands in a line, NULL when there is no SQLSTATE in it. */
static const char *
state_at(const char *line, size_t len)
{
    for (size_t i = 0; i + 9 <= len; i++)
    {
        const char *at = line + i;

        if (memcmp(at, ":  ", 3) == 0 && at[8] == ':' && isdigit((unsigned char) at[6]) &&
            strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == QM_SQLSTATE_LEN)
            return at;
    }
    return NULL;
}

/* text_add adds len bytes to a text, as many as fit. */
static void
text_add(char *text, size_t size, const char *more, size_t len)
{
    size_t used = strlen(text);

    if (len > size - used - 1)
        len = size - used - 1;
    memcpy(text + used, more, len);
    text[used + len] = '\0';
}

/*
 * qm_connect_fault takes libpq's verbose text of a refused connection apart: the
 * last SQLSTATE in it, empty when no server has answered, and the text without
 * SQLSTATEs and source lines, with "; " between its lines.
 */
void
qm_connect_fault(const char *text, char sqlstate[QM_SQLSTATE_LEN + 1], char *message, size_t size)
{
    sqlstate[0] = '\0';
    message[0] = '\0';
    for (text += strspn(text, " \t\n"); *text != '\0'; text += strspn(text, " \t\n"))
    {
        size_t len = strcspn(text, "\n");
        const char *state = state_at(text, len);

        if (strncmp(text, "LOCATION:", 9) != 0)
        {
            if (message[0] != '\0')
                text_add(message, size, "; ", 2);
            if (state == NULL)
                text_add(message, size, text, len);
            else
            {
                memcpy(sqlstate, state + 3, QM_SQLSTATE_LEN);
                sqlstate[QM_SQLSTATE_LEN] = '\0';
                text_add(message, size, text, (size_t) (state - text) + 1);
                text_add(message, size, state + 9, len - (size_t) (state - text) - 9);
            }
        }
        text += len;
    }
}

/* connect_refused writes down why no connection was made. */
static QmCode
connect_refused(QmClient *client, const char *text, bool in_time)
{
    char state[QM_SQLSTATE_LEN + 1];
    char message[QM_DETAIL_SIZE];
    const char *hint = NULL;
    QmCode code;

    if (!in_time)
        return qm_error_set(&client->error,
                            QM_ERROR_CONNECT,
                            "08001",
                            "Is the server reachable? connect_timeout_ms says how long to try.",
                            "no connection to \"%s\" port %s in time",
                            PQhost(client->conn) == NULL ? "" : PQhost(client->conn),
                            PQport(client->conn) == NULL ? "" : PQport(client->conn));
    qm_connect_fault(text, state, message, sizeof(message));
    if (state[0] == '\0' && PQconnectionNeedsPassword(client->conn))
        return qm_error_set(&client->error, QM_ERROR_PERMISSION, "28P01", NULL, "%s", message);
    if (state[0] == '\0')
        return qm_error_set(&client->error, QM_ERROR_CONNECT, "08001", NULL, "%s", message);
    code = qm_error_code(state);
    if (strcmp(state, "53300") == 0)
        hint = "The server is out of connections: use a pooler with leases, or raise max_connections.";
    /* Whatever the server said, there is no connection. */
    return qm_error_set(&client->error, code == QM_ERROR_SERVER ? QM_ERROR_CONNECT : code, state, hint, "%s", message);
}

/* qm_client_handshake makes the settings of a connection and compares versions, in one statement. */
QmCode
qm_client_handshake(QmClient *client, int64_t deadline_ns)
{
    bool sent;
    PGresult *result = qm_call_once(client, handshake_sql, 0, NULL, deadline_ns, &sent);
    QmCode code;

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
    {
        code = qm_call_refused(client, result);
        PQclear(result);
        return code;
    }
    code = version_check(client, PQgetisnull(result, 0, 0) ? NULL : PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
    PQclear(result);
    return code;
}

/* version_check refuses an extension that is not there or that the library does not know. */
static QmCode
version_check(QmClient *client, const char *version, const char *database)
{
    if (version == NULL)
        return qm_error_set(&client->error,
                            QM_ERROR_VERSION,
                            "55000",
                            "Run CREATE EXTENSION quantmesh there as superuser.",
                            "database \"%s\" does not have the extension quantmesh",
                            database);
    switch (qm_version_fit(QM_VERSION, version))
    {
        case QM_VERSION_FITS:
            return QM_OK;
        case QM_VERSION_OLDER:
            return qm_error_set(&client->error,
                                QM_ERROR_VERSION,
                                "55000",
                                "Install the new extension, restart the server and run ALTER EXTENSION quantmesh "
                                "UPDATE.",
                                "extension quantmesh %s in database \"%s\" is too old for libquantmesh %s",
                                version,
                                database,
                                QM_VERSION);
        case QM_VERSION_NEWER:
            return qm_error_set(&client->error,
                                QM_ERROR_VERSION,
                                "55000",
                                "Install the libquantmesh of the extension's version.",
                                "extension quantmesh %s in database \"%s\" is too new for libquantmesh %s",
                                version,
                                database,
                                QM_VERSION);
        case QM_VERSION_UNREADABLE:
            break;
    }
    return qm_error_set(&client->error,
                        QM_ERROR_VERSION,
                        "55000",
                        NULL,
                        "extension quantmesh in database \"%s\" has version \"%s\", which libquantmesh %s cannot read",
                        database,
                        version,
                        QM_VERSION);
}
