/*
 * Sockets: one WebSocket connection in the adapter's loop. libcurl makes the
 * connection and its TLS, by the same rules as for requests; handshake and frames
 * are ours, so that limits and clocks are.
 */
#include "binance_limit.h"
#include "binance_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "moment.h"

#define READ_SIZE 16384
#define READS_MAX 64   /* of one turn: a stream must not starve the orders */
#define OUT_MAX 262144 /* bytes that wait to be written */
#define HEAD_MAX 8192  /* bytes of the answer to the handshake */

static void connected(QmTransfer *transfer, CURLcode result);
static void lost(QmSocket *socket, const char *why);
static void flush(QmSocket *socket);
static void take_in(QmSocket *socket);
static bool shaken(QmSocket *socket);
static void take_messages(QmSocket *socket);
static bool queue_frame(QmSocket *socket, QmWsOpcode opcode, const char *payload, size_t length);

/* qm_socket_connect begins to connect to ws://host/... or wss://host/...; the owner is told what comes of it. */
bool
qm_socket_connect(QmSocket *socket, const char *url, const char *path)
{
    QmBinance *binance = socket->binance;
    bool tls = strncmp(url, "wss://", 6) == 0;
    const char *host = url + (tls ? 6 : 5);
    size_t host_length = strcspn(host, "/");
    char http_url[320];

    qm_socket_close(socket);
    snprintf(socket->host, sizeof(socket->host), "%.*s", (int) host_length, host);
    snprintf(socket->path, sizeof(socket->path), "%s%s", host + host_length, path);
    snprintf(http_url, sizeof(http_url), "%s://%s/", tls ? "https" : "http", socket->host);
    socket->failure[0] = '\0';
    socket->easy = curl_easy_init();
    if (socket->easy == NULL || !qm_ws_key(socket->key))
    {
        qm_socket_close(socket);
        return false;
    }
    socket->transfer.finished = connected;
    socket->reader.message_max = binance->options.message_max;
    socket->begun_ns = socket->heard_ns = socket->pinged_ns = qm_grown_ns();
    socket->state = QM_SOCKET_CONNECTING;
    qm_binance_common(binance, socket->easy, &socket->transfer, socket->failure);
    curl_easy_setopt(socket->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(socket->easy, CURLOPT_URL, http_url);
    if (curl_multi_add_handle(binance->multi, socket->easy) == CURLM_OK)
        return true;
    qm_socket_close(socket);
    return false;
}

/* qm_socket_close closes a connection without telling the owner. */
void
qm_socket_close(QmSocket *socket)
{
    if (socket->state == QM_SOCKET_OPEN && queue_frame(socket, QM_WS_OP_CLOSE, "\x03\xe8", 2))
        flush(socket);
    if (socket->fd >= 0)
        qm_binance_unwatch(socket->binance, socket->fd);
    socket->fd = -1;
    if (socket->easy != NULL)
    {
        (void) curl_multi_remove_handle(socket->binance->multi, socket->easy);
        curl_easy_cleanup(socket->easy);
    }
    socket->easy = NULL;
    qm_ws_reader_free(&socket->reader);
    free(socket->out);
    socket->out = NULL;
    socket->out_length = socket->out_size = 0;
    socket->more = false;
    socket->state = QM_SOCKET_CLOSED;
}

/* lost closes a connection and tells the owner why. */
static void
lost(QmSocket *socket, const char *why)
{
    char kept[CURL_ERROR_SIZE];

    if (socket->state == QM_SOCKET_CLOSED)
        return;
    snprintf(kept, sizeof(kept), "%s", why);
    socket->state = QM_SOCKET_CONNECTING; /* no word of goodbye to who is not there */
    qm_socket_close(socket);
    socket->owner->closed(socket, kept);
}

/* connected asks for the upgrade once libcurl has made the connection. */
static void
connected(QmTransfer *transfer, CURLcode result)
{
    QmSocket *socket = (QmSocket *) transfer;
    curl_socket_t fd = CURL_SOCKET_BAD;
    char request[1200];
    int length;

    if (result != CURLE_OK)
    {
        lost(socket, socket->failure[0] != '\0' ? socket->failure : curl_easy_strerror(result));
        return;
    }
    if (curl_easy_getinfo(socket->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD ||
        !qm_binance_watch(socket->binance, fd, EPOLLIN))
    {
        lost(socket, "the connection has no descriptor");
        return;
    }
    socket->fd = fd;
    length = snprintf(request,
                      sizeof(request),
                      "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                      socket->path[0] == '\0' ? "/" : socket->path,
                      socket->host,
                      socket->key);
    socket->out = malloc(sizeof(request));
    if (socket->out == NULL)
    {
        lost(socket, "no memory");
        return;
    }
    socket->out_size = sizeof(request);
    socket->out_length = (size_t) length;
    memcpy(socket->out, request, socket->out_length);
    socket->state = QM_SOCKET_SHAKING;
    flush(socket);
}

/* queue_frame puts a frame behind what waits to be written. */
static bool
queue_frame(QmSocket *socket, QmWsOpcode opcode, const char *payload, size_t length)
{
    size_t needed = socket->out_length + length + QM_WS_HEADER_MAX;
    uint8_t mask[4];

    if (needed > OUT_MAX || !qm_random(mask, sizeof(mask)))
        return false;
    if (needed > socket->out_size)
    {
        char *larger = realloc(socket->out, needed);

        if (larger == NULL)
            return false;
        socket->out = larger;
        socket->out_size = needed;
    }
    socket->out_length += qm_ws_frame(socket->out + socket->out_length, opcode, payload, length, mask);
    return true;
}

/* qm_socket_send sends a text; false when too much waits already. */
bool
qm_socket_send(QmSocket *socket, const char *text, size_t length)
{
    if (socket->state != QM_SOCKET_OPEN || !queue_frame(socket, QM_WS_OP_TEXT, text, length))
        return false;
    flush(socket);
    return socket->state == QM_SOCKET_OPEN;
}

/* flush writes what the connection takes now. A connection that breaks is noticed by the reading side. */
static void
flush(QmSocket *socket)
{
    while (socket->out_length > 0)
    {
        size_t written = 0;

        if (curl_easy_send(socket->easy, socket->out, socket->out_length, &written) != CURLE_OK || written == 0)
            break;
        memmove(socket->out, socket->out + written, socket->out_length - written);
        socket->out_length -= written;
    }
    if (socket->fd >= 0)
        (void) qm_binance_watch(socket->binance, socket->fd, socket->out_length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* qm_socket_serve reads and writes what is ready. */
void
qm_socket_serve(QmSocket *socket, uint32_t ready)
{
    if (ready & EPOLLOUT)
        flush(socket);
    take_in(socket);
}

/* take_in reads until nothing is left or the turn is over. */
static void
take_in(QmSocket *socket)
{
    char bytes[READ_SIZE];

    socket->more = false;
    for (int i = 0; i < READS_MAX; i++)
    {
        size_t length = 0;
        CURLcode result = curl_easy_recv(socket->easy, bytes, sizeof(bytes), &length);

        if (result == CURLE_AGAIN)
            return;
        if (result != CURLE_OK || length == 0)
        {
            lost(socket, "the connection was closed");
            return;
        }
        socket->heard_ns = socket->pinged_ns = qm_grown_ns();
        if (!qm_ws_feed(&socket->reader, bytes, length))
        {
            lost(socket, "no memory");
            return;
        }
        if (socket->state == QM_SOCKET_SHAKING && !shaken(socket))
        {
            if (socket->state == QM_SOCKET_CLOSED)
                return;
            continue;
        }
        take_messages(socket);
        if (socket->state != QM_SOCKET_OPEN)
            return;
    }
    socket->more = true;
}

/* shaken takes the answer to the handshake off what was read; false until it is whole, and after a failure. */
static bool
shaken(QmSocket *socket)
{
    QmWsReader *reader = &socket->reader;
    char head[HEAD_MAX + 1];
    size_t length = reader->length < HEAD_MAX ? reader->length : HEAD_MAX;
    const char *end;
    const char *fault;

    memcpy(head, reader->bytes, length);
    head[length] = '\0';
    end = strstr(head, "\r\n\r\n");
    if (end == NULL)
    {
        if (length == HEAD_MAX || strlen(head) < length)
            lost(socket, "the answer to the handshake is too long or has a NUL in it");
        return false;
    }
    head[end - head + 2] = '\0';
    fault = qm_ws_upgrade_fault(head, socket->key);
    if (fault != NULL)
    {
        char why[128];

        qm_limit_heed_upgrade(socket->binance, head);
        /* Of the answer itself no more than the status: the rest may be anything. */
        snprintf(why, sizeof(why), "%s (%.12s)", fault, strncmp(head, "HTTP/1.", 7) == 0 ? head : "no HTTP");
        lost(socket, why);
        return false;
    }
    reader->used = (size_t) (end - head) + 4;
    socket->state = QM_SOCKET_OPEN;
    socket->owner->opened(socket);
    return socket->state == QM_SOCKET_OPEN;
}

/* take_messages hands over what is whole. The owner may close the socket meanwhile. */
static void
take_messages(QmSocket *socket)
{
    const char *payload = NULL;
    size_t length = 0;

    while (socket->state == QM_SOCKET_OPEN)
    {
        switch (qm_ws_next(&socket->reader, &payload, &length))
        {
            case QM_WS_MORE:
                return;
            case QM_WS_TEXT:
                socket->owner->message(socket, payload, length);
                break;
            case QM_WS_PING:
                if (queue_frame(socket, QM_WS_OP_PONG, payload, length))
                    flush(socket);
                break;
            case QM_WS_PONG:
                break;
            case QM_WS_CLOSE:
                lost(socket, "the server has closed the stream");
                break;
            case QM_WS_FAULT:
                lost(socket, socket->reader.fault);
                break;
        }
    }
}

/* qm_socket_advance does what the clock asks for: reading on, a ping after half the silence, the end after all of it. */
void
qm_socket_advance(QmSocket *socket)
{
    const QmBinanceOptions *options = &socket->binance->options;
    int64_t now_ns = qm_grown_ns();

    if (socket->more)
        take_in(socket);
    if (socket->state == QM_SOCKET_SHAKING && now_ns - socket->begun_ns > options->connect_timeout_ms * QM_NS_PER_MS)
        lost(socket, "the server does not answer the handshake");
    if (socket->state != QM_SOCKET_OPEN)
        return;
    if (now_ns - socket->heard_ns > options->silence_ms * QM_NS_PER_MS)
        lost(socket, "the stream has been silent for too long");
    else if (now_ns - socket->pinged_ns > options->silence_ms / 2 * QM_NS_PER_MS)
    {
        socket->pinged_ns = now_ns;
        if (queue_frame(socket, QM_WS_OP_PING, "", 0))
            flush(socket);
    }
}

/* qm_socket_due_ns returns when to advance at the latest. */
int64_t
qm_socket_due_ns(const QmSocket *socket)
{
    const QmBinanceOptions *options = &socket->binance->options;
    int64_t ping_ns = socket->pinged_ns + (options->silence_ms / 2 + 1) * QM_NS_PER_MS;
    int64_t end_ns = socket->heard_ns + (options->silence_ms + 1) * QM_NS_PER_MS;

    if (socket->more)
        return 0;
    if (socket->state == QM_SOCKET_SHAKING)
        return socket->begun_ns + (options->connect_timeout_ms + 1) * QM_NS_PER_MS;
    if (socket->state != QM_SOCKET_OPEN)
        return INT64_MAX;
    return ping_ns < end_ns ? ping_ns : end_ns;
}
