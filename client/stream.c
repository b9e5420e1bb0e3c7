/*
 * Streams: many placements under way on one connection, each with a commit of
 * its own.
 *
 * libpq's pipeline mode with a Sync behind every statement, so that the server
 * commits each before the next, and an error ends with its statement. An answer
 * is handed out when its Sync was answered, which is after the commit. The orders
 * without an answer stand in a ring as they were sent; after a break they are
 * all sent again, in order.
 */
#include "client.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"
#include "placement.h"

#define WINDOW_DEFAULT 64
#define WINDOW_MAX 1024

/* An order without an answer. Its texts lie in one allocation. */
typedef struct Pending
{
    uint64_t number;
    const char *values[QM_PLACE_VALUES];
    char *texts;
    char request_id[QM_REQUEST_ID_SIZE];
    int64_t wait_ms;
    bool repeated;
} Pending;

struct QmStream
{
    QmClient *client;
    char *account;
    size_t window;
    Pending *ring;
    size_t first;              /* of the ring: the oldest without an answer */
    size_t count;              /* without an answer */
    size_t sent;               /* of these, how many have been sent on this connection */
    uint64_t placed;           /* orders of this stream so far */
    QmPreparedEntry *prepared; /* on this connection, or NULL: the statement goes as text */
    bool as_text;              /* for good: what stands in between forgets what was prepared */
};

static Pending *pending_at(const QmStream *stream, size_t i);
static bool pending_keep(Pending *pending, const QmPlaceValues *place);
static QmCode stream_send(QmStream *stream);
static int send_one(const QmStream *stream, const Pending *pending);
static QmCode stream_connect(QmStream *stream, bool *passes);
static void stream_break(QmStream *stream);
static PGresult *stream_result(QmStream *stream, int64_t deadline_ns);
static QmCode answer_read(QmStream *stream, int64_t deadline_ns, QmStreamAnswer *answer);

/* qm_stream_new turns a handle into a stream. */
QmStream *
qm_stream_new(QmClient *client, const char *account, size_t window)
{
    QmStream *stream;

    if (account == NULL || window > WINDOW_MAX || client->streaming)
    {
        qm_error_set(&client->error,
                     QM_ERROR_ARGUMENT,
                     "22023",
                     NULL,
                     "%s",
                     client->streaming ? "the handle is a stream already"
                                       : "a stream needs an account and a window of at most 1024");
        return NULL;
    }
    stream = calloc(1, sizeof(*stream));
    if (stream != NULL)
    {
        stream->client = client;
        stream->window = window == 0 ? WINDOW_DEFAULT : window;
        stream->account = strdup(account);
        stream->ring = calloc(stream->window, sizeof(*stream->ring));
    }
    if (stream == NULL || stream->account == NULL || stream->ring == NULL)
    {
        qm_stream_free(stream);
        qm_error_no_memory(&client->error);
        return NULL;
    }
    client->streaming = true;
    return stream;
}

/* qm_stream_free ends the stream; a connection with orders under way is closed. */
void
qm_stream_free(QmStream *stream)
{
    if (stream == NULL)
        return;
    if (stream->client->conn != NULL && (stream->sent > 0 || PQexitPipelineMode(stream->client->conn) != 1))
        qm_client_drop(stream->client);
    stream->client->streaming = false;
    for (size_t i = 0; stream->ring != NULL && i < stream->count; i++)
        free(pending_at(stream, i)->texts);
    free(stream->ring);
    free(stream->account);
    free(stream);
}

/* qm_stream_pending returns how many orders have no answer yet. */
size_t
qm_stream_pending(const QmStream *stream)
{
    return stream->count;
}

/* pending_at returns the i-th order without an answer. */
static Pending *
pending_at(const QmStream *stream, size_t i)
{
    return &stream->ring[(stream->first + i) % stream->window];
}

/* qm_stream_place takes an order, and sends it if there is a connection. */
QmCode
qm_stream_place(QmStream *stream, const QmOrder *order)
{
    QmClient *client = stream->client;
    Pending *pending = pending_at(stream, stream->count);
    QmPlaceValues place;
    QmCode code;
    bool passes;

    if (stream->count == stream->window)
        return qm_error_set(&client->error,
                            QM_ERROR_LIMIT,
                            "54000",
                            "Fetch an answer with qm_stream_next.",
                            "%zu orders are under way, the stream's window",
                            stream->window);
    code = qm_place_values(&place, stream->account, order, &client->error);
    if (code != QM_OK)
        return code;
    if (!pending_keep(pending, &place))
        return qm_error_no_memory(&client->error);
    pending->wait_ms = order->wait_ms;
    pending->number = ++stream->placed;
    stream->count++;
    /* What fails here fails again in qm_stream_next, which repeats it by the policy. */
    if (stream_connect(stream, &passes) == QM_OK)
        (void) stream_send(stream);
    qm_error_clear(&client->error);
    return QM_OK;
}

/* pending_keep copies an order's values into an allocation of its own. */
static bool
pending_keep(Pending *pending, const QmPlaceValues *place)
{
    size_t size = 0;
    char *at;

    for (int i = 0; i < QM_PLACE_VALUES; i++)
        size += place->values[i] == NULL ? 0 : strlen(place->values[i]) + 1;
    memset(pending, 0, sizeof(*pending));
    pending->texts = at = malloc(size);
    if (at == NULL)
        return false;
    for (int i = 0; i < QM_PLACE_VALUES; i++)
    {
        size_t len = place->values[i] == NULL ? 0 : strlen(place->values[i]) + 1;

        if (len == 0)
            continue;
        pending->values[i] = memcpy(at, place->values[i], len);
        at += len;
    }
    qm_text_copy(pending->request_id, sizeof(pending->request_id), place->request_id);
    return true;
}

/* stream_send sends what has not been sent on this connection. */
static QmCode
stream_send(QmStream *stream)
{
    PGconn *conn = stream->client->conn;

    while (stream->sent < stream->count)
    {
        Pending *pending = pending_at(stream, stream->sent);

        if (send_one(stream, pending) != 1 || PQpipelineSync(conn) != 1)
        {
            qm_error_set(&stream->client->error, QM_ERROR_CONNECT, "08006", NULL, "%s", PQerrorMessage(conn));
            stream_break(stream);
            return stream->client->error.code;
        }
        stream->sent++;
    }
    return QM_OK;
}

/* send_one sends one order, and returns what libpq does. */
static int
send_one(const QmStream *stream, const Pending *pending)
{
    PGconn *conn = stream->client->conn;

    if (stream->prepared != NULL)
        return PQsendQueryPrepared(conn, stream->prepared->name, QM_PLACE_VALUES, pending->values, NULL, NULL, 0);
    return PQsendQueryParams(conn, qm_place_sql, QM_PLACE_VALUES, NULL, pending->values, NULL, NULL, 0);
}

/* stream_connect makes one attempt to connect, unless there is a connection, and turns pipeline mode on. */
static QmCode
stream_connect(QmStream *stream, bool *passes)
{
    QmClient *client = stream->client;
    QmCode code;

    /* With orders under way a connection is read to its end: what it still brings are answers. */
    if (stream->sent > 0 && PQstatus(client->conn) == CONNECTION_OK)
        return QM_OK;
    if (stream->sent > 0)
        stream_break(stream);
    client->streaming = false;
    code = qm_client_ensure(client, passes);
    client->streaming = true;
    if (code != QM_OK || PQpipelineStatus(client->conn) != PQ_PIPELINE_OFF)
        return code;
    *passes = true;
    stream->prepared = NULL;
    if (!stream->as_text)
        stream->prepared =
            qm_prepared_find(client, qm_place_sql, true, qm_moment_after(qm_monotonic_ns(), client->call_timeout_ms));
    if (client->conn == NULL)
        return qm_call_refused(client, NULL);
    if (PQenterPipelineMode(client->conn) != 1)
    {
        code = qm_error_set(&client->error, QM_ERROR_CONNECT, "08006", NULL, "%s", PQerrorMessage(client->conn));
        stream_break(stream);
    }
    return code;
}

/* stream_break gives a connection up; what was sent on it may have been placed, and will be sent again. */
static void
stream_break(QmStream *stream)
{
    qm_client_drop(stream->client);
    for (size_t i = 0; i < stream->sent; i++)
        pending_at(stream, i)->repeated = true;
    stream->sent = 0;
}

/* qm_stream_next waits for the oldest answer. */
QmCode
qm_stream_next(QmStream *stream, QmStreamAnswer *answer)
{
    QmClient *client = stream->client;
    QmRetry retry;
    bool passes;

    if (stream->count == 0)
        return QM_NOT_HELD;
    qm_retry_begin(&retry, &client->retry);
    do
    {
        int64_t wait_ms = pending_at(stream, 0)->wait_ms + client->call_timeout_ms;

        if (stream_connect(stream, &passes) != QM_OK)
            continue;
        passes = true;
        if (stream_send(stream) != QM_OK)
            continue;
        if (answer_read(stream, qm_moment_after(qm_monotonic_ns(), wait_ms), answer) == QM_OK)
        {
            free(pending_at(stream, 0)->texts);
            stream->first = (stream->first + 1) % stream->window;
            stream->count--;
            stream->sent--;
            qm_error_clear(&client->error);
            return QM_OK;
        }
        stream_break(stream);
    } while (passes && qm_retry_again(&retry));
    if (pending_at(stream, 0)->repeated)
    {
        QmError last = client->error;

        qm_error_set(&client->error,
                     QM_ERROR_UNCERTAIN,
                     "08007",
                     "Call qm_stream_next again: it goes on.",
                     "%zu orders under way may or may not have been placed: %s",
                     stream->count,
                     last.message);
    }
    return client->error.code;
}

/* answer_read reads the answer to the oldest order, up to the one to its Sync. Anything but QM_OK: the connection has broken. */
static QmCode
answer_read(QmStream *stream, int64_t deadline_ns, QmStreamAnswer *answer)
{
    QmClient *client = stream->client;
    const Pending *pending = pending_at(stream, 0);
    bool synced = false;

    memset(answer, 0, sizeof(*answer));
    answer->number = pending->number;
    answer->code = QM_ERROR_PROTOCOL;
    while (!synced)
    {
        PGresult *result = stream_result(stream, deadline_ns);

        if (result == NULL)
            return client->error.code;
        switch (PQresultStatus(result))
        {
            case PGRES_PIPELINE_SYNC:
                synced = true;
                break;
            case PGRES_TUPLES_OK:
                answer->code = qm_placement_read(&answer->placement, result, 0, &answer->error);
                break;
            default:
                if (stream->prepared != NULL && qm_prepared_is_missing(stream->prepared, result))
                    stream->as_text = true;
                answer->code = qm_call_refused(client, result);
                answer->error = client->error;
                break;
        }
        PQclear(result);
        /* A backend that is ended says so and hangs up: that is no answer to the order. */
        if (client->conn == NULL || PQstatus(client->conn) != CONNECTION_OK)
            return qm_error_set(&client->error,
                                QM_ERROR_CONNECT,
                                "08006",
                                NULL,
                                "the connection to the server has broken");
    }
    if (stream->as_text && stream->prepared != NULL)
        return qm_error_set(&client->error,
                            QM_ERROR_CONNECT,
                            "08006",
                            NULL,
                            "the connection to the server has lost a prepared statement");
    answer->placement.repeated = pending->repeated;
    qm_text_copy(answer->placement.request_id, sizeof(answer->placement.request_id), pending->request_id);
    return QM_OK;
}

/* stream_result returns the next result, without the NULLs between them; NULL when the connection has broken or the time is over. */
static PGresult *
stream_result(QmStream *stream, int64_t deadline_ns)
{
    PGconn *conn = stream->client->conn;

    /* One NULL may stand between a statement's results and its Sync's. */
    for (int i = 0; i < 3; i++)
    {
        PGresult *result;

        if (!qm_call_wait(stream->client, deadline_ns))
            return NULL;
        result = PQgetResult(conn);
        if (result != NULL)
            return result;
    }
    qm_error_set(&stream->client->error, QM_ERROR_CONNECT, "08006", NULL, "the connection to the server has broken");
    return NULL;
}
