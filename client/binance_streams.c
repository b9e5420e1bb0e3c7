/*
 * Streams: connected while somebody wants them, and connected again after pauses
 * that grow while it does not work. A pause begins anew at its shortest once a
 * connection has been good for a minute.
 */
#include "binance_limit.h"
#include "binance_streams.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define PAUSE_FIRST_MS 100
#define USER_WEIGHT 4   /* connecting to the WebSocket API costs 2, and the subscription 2 */
#define MARKET_WEIGHT 0 /* costs nothing, but must not be tried during a ban either */
#define GOOD_AFTER_NS (60 * QM_NS_PER_S)

static void advance(QmLasting *lasting, const char *url, const char *path, int weight);
static int64_t due_ns(const QmLasting *lasting);

/* qm_streams_make makes both streams, not connected and not wanted. */
bool
qm_streams_make(QmBinance *binance)
{
    QmStreams *streams = calloc(1, sizeof(*streams));

    if (streams == NULL)
        return false;
    binance->streams = streams;
    streams->held_end = &streams->held_first;
    streams->user.socket.binance = streams->market.socket.binance = binance;
    streams->user.socket.owner = &qm_user_owner;
    streams->market.socket.owner = &qm_market_owner;
    streams->user.socket.fd = streams->market.socket.fd = -1;
    return true;
}

/* qm_streams_close closes and frees both streams. */
void
qm_streams_close(QmBinance *binance)
{
    QmStreams *streams = binance->streams;

    if (streams == NULL)
        return;
    qm_socket_close(&streams->user.socket);
    qm_socket_close(&streams->market.socket);
    qm_held_drop(streams);
    for (size_t i = 0; i < streams->name_count; i++)
        free(streams->names[i]);
    free(streams);
    binance->streams = NULL;
}

/* qm_streams_serve serves a descriptor that is ready, if it belongs to a stream. */
bool
qm_streams_serve(QmBinance *binance, int fd, uint32_t ready)
{
    QmSocket *sockets[] = {&binance->streams->user.socket, &binance->streams->market.socket};

    for (size_t i = 0; i < 2; i++)
        if (sockets[i]->fd == fd)
        {
            qm_socket_serve(sockets[i], ready);
            return true;
        }
    return false;
}

/* qm_streams_advance does what the clock asks for. The account's stream needs the exchange's clock for its signature. */
void
qm_streams_advance(QmBinance *binance)
{
    QmStreams *streams = binance->streams;

    if (binance->clock_known)
        advance(&streams->user, binance->options.ws_api_url, "", USER_WEIGHT);
    advance(&streams->market, binance->options.stream_url, "/stream?streams=", MARKET_WEIGHT);
}

/* advance connects what is wanted as soon as its pause and the rate limit allow. */
static void
advance(QmLasting *lasting, const char *url, const char *path, int weight)
{
    qm_socket_advance(&lasting->socket);
    if (!lasting->wanted || lasting->due_ns > qm_grown_ns())
        return;
    if (lasting->socket.state == QM_SOCKET_CLOSED)
    {
        int64_t wait_ms = qm_limit_connection(lasting->socket.binance, weight);

        lasting->due_ns = wait_ms > 0 ? qm_grown_ns() + wait_ms * QM_NS_PER_MS : INT64_MAX;
        if (wait_ms > 0)
            return;
        if (!qm_socket_connect(&lasting->socket, url, path))
            lasting->socket.owner->closed(&lasting->socket, "no memory for a connection");
    }
    else if (!lasting->up)
        qm_lasting_drop(lasting, "the server does not answer the subscription");
}

/* qm_streams_due_ns returns when to advance at the latest. */
int64_t
qm_streams_due_ns(const QmBinance *binance)
{
    int64_t user_ns = due_ns(&binance->streams->user);
    int64_t market_ns = due_ns(&binance->streams->market);

    /* Without a clock the account's stream waits, and the answer to the question for it wakes the loop. */
    if (!binance->clock_known)
        user_ns = INT64_MAX;
    return user_ns < market_ns ? user_ns : market_ns;
}

static int64_t
due_ns(const QmLasting *lasting)
{
    int64_t socket_ns = qm_socket_due_ns(&lasting->socket);

    if (!lasting->wanted || lasting->due_ns >= socket_ns)
        return socket_ns;
    return lasting->due_ns;
}

/* qm_lasting_up notes that a stream flows, and tells it. */
void
qm_lasting_up(QmLasting *lasting, QmExchangeEventKind kind)
{
    QmExchangeEvent event = {.kind = kind};

    lasting->up = true;
    lasting->up_ns = qm_grown_ns();
    lasting->due_ns = INT64_MAX;
    qm_binance_tell(lasting->socket.binance, &event);
}

/* qm_lasting_down plans the next connection after one that has gone or could not be made, and tells it. */
void
qm_lasting_down(QmLasting *lasting, QmExchangeEventKind kind, const char *why)
{
    const QmBinance *binance = lasting->socket.binance;
    QmExchangeEvent event = {.kind = kind, .text = why};
    int64_t now_ns = qm_grown_ns();
    int64_t most_ms = lasting->pause_ms * 3;
    uint32_t random = 0;

    if (lasting->pause_ms == 0 || (lasting->up && now_ns - lasting->up_ns > GOOD_AFTER_NS))
        most_ms = PAUSE_FIRST_MS;
    if (!qm_random(&random, sizeof(random)))
        random = 0;
    lasting->pause_ms = most_ms / 2 + random % (most_ms / 2 + 1);
    if (lasting->pause_ms > binance->options.reconnect_ms)
        lasting->pause_ms = binance->options.reconnect_ms;
    lasting->due_ns = now_ns + lasting->pause_ms * QM_NS_PER_MS;
    lasting->up = false;
    qm_binance_tell(lasting->socket.binance, &event);
}

/* qm_lasting_drop closes a connection that is of no use, as if it had been lost. */
void
qm_lasting_drop(QmLasting *lasting, const char *why)
{
    qm_socket_close(&lasting->socket);
    lasting->socket.owner->closed(&lasting->socket, why);
}
