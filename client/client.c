/*
 * Client: the handle itself, its options and its errors.
 */
#include "client.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define DEFAULT_CALL_TIMEOUT_MS 15000
#define DEFAULT_APPLICATION_NAME "libquantmesh"

/* qm_client_new copies the options into a handle that is not connected yet. */
QmClient *
qm_client_new(const QmClientOptions *options)
{
    static const QmClientOptions defaults = {0};
    QmClient *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return NULL;
    if (options == NULL)
        options = &defaults;
    client->conninfo = strdup(options->conninfo == NULL ? "" : options->conninfo);
    client->application_name =
        strdup(options->application_name == NULL ? DEFAULT_APPLICATION_NAME : options->application_name);
    client->retry = options->retry == NULL ? *qm_retry_policy("standard") : *options->retry;
    client->connect_timeout_ms = options->connect_timeout_ms;
    client->async_reports = options->async_reports;
    client->call_timeout_ms = options->call_timeout_ms == 0 ? DEFAULT_CALL_TIMEOUT_MS : options->call_timeout_ms;
    client->on_notice = options->on_notice;
    client->on_notice_argument = options->on_notice_argument;
    if (client->conninfo == NULL || client->application_name == NULL)
    {
        qm_client_free(client);
        return NULL;
    }
    return client;
}

/* qm_client_free closes the connection and frees the handle. */
void
qm_client_free(QmClient *client)
{
    if (client == NULL)
        return;
    qm_client_drop(client);
    free(client->conninfo);
    free(client->application_name);
    free(client);
}

/* qm_client_drop closes the connection, if there is one. */
void
qm_client_drop(QmClient *client)
{
    if (client->conn != NULL)
        PQfinish(client->conn);
    client->conn = NULL;
    client->prepared.count = 0;
}

/* qm_client_disconnect closes the connection; the next call makes another. */
void
qm_client_disconnect(QmClient *client)
{
    qm_client_drop(client);
}

/* qm_client_connect connects as often as the policy allows. */
QmCode
qm_client_connect(QmClient *client)
{
    QmRetry retry;
    bool passes;

    qm_retry_begin(&retry, &client->retry);
    while (qm_client_ensure(client, &passes) != QM_OK)
    {
        if (!passes || !qm_retry_again(&retry))
            return client->error.code;
    }
    qm_error_clear(&client->error);
    return QM_OK;
}

/* qm_client_error returns the last failure. */
const QmError *
qm_client_error(const QmClient *client)
{
    return &client->error;
}

/* qm_client_backend returns the server's process id of the connection. */
int
qm_client_backend(const QmClient *client)
{
    return client->conn == NULL ? 0 : PQbackendPID(client->conn);
}

/* qm_client_connections returns how many connections have been made. */
long
qm_client_connections(const QmClient *client)
{
    return client->connections;
}
