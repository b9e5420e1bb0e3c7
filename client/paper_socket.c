/*
 * WebSockets of the paper exchange as bytes: read, written, kept alive, closed.
 * What is sent waits until the end of the turn, and is bounded. A socket that is
 * dead is freed at the end of the turn, for its descriptor may still be served in it.
 */
#include "paper_server_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "error.h"
#include "moment.h"

#define READS_MAX 16 /* of a turn */
#define READ_SIZE 16384
#define MESSAGES_MAX 5 /* that a client may send on a stream in a second */
#define CLOSE_NORMAL 1000
#define CLOSE_PROTOCOL 1002
#define CLOSE_POLICY 1008

static void ready(void *context, uint32_t events);
static void push(void *context, uint32_t events);
static void take_messages(QmPaperSocket *socket);
static void take_message(QmPaperSocket *socket, const char *text);
static bool frame(QmPaperSocket *socket, QmWsOpcode opcode, const char *payload, size_t length);
static void keep_alive(void *context);
static bool write_out(QmPaperSocket *socket);

/* qm_paper_socket_open serves a connection that has become a WebSocket. False: there is nothing at its URL, or no memory. */
bool
qm_paper_socket_open(QmPaperServer *server, int fd, int secure_fd, void *upgrade, const char *peer, const char *url,
                     const char *early, size_t early_length)
{
    QmPaperSocket *socket = calloc(1, sizeof(*socket));
    const int on = 1;

    if (socket == NULL)
        return false;
    socket->server = server;
    socket->watch = (QmPaperWatch){.fd = fd, .events = EPOLLIN | EPOLLRDHUP, .ready = ready, .context = socket};
    socket->secure = (QmPaperWatch){.fd = secure_fd, .events = EPOLLIN, .ready = push, .context = socket};
    socket->reader = (QmWsReader){.message_max = server->options.request_max, .of_client = true};
    socket->timer = (QmPaperTimer){.fire = keep_alive, .context = socket};
    socket->opened_ns = socket->heard_ns = qm_paper_loop_now_ns();
    socket->is_api = strncmp(url, QM_PAPER_API_PATH, strlen(QM_PAPER_API_PATH)) == 0;
    qm_text_copy(socket->peer, sizeof(socket->peer), peer);
    for (int i = 0; i < QM_PAPER_ACCOUNTS_MAX; i++)
        socket->user_account[i] = -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* with TLS it is a pair of sockets, which never waits */
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        (!socket->is_api && !qm_paper_stream_path(socket, url)) ||
        (early_length > 0 && !qm_ws_feed(&socket->reader, early, early_length)) ||
        !qm_paper_watch_add(&server->loop, &socket->watch) ||
        (secure_fd >= 0 && !qm_paper_watch_add(&server->loop, &socket->secure)))
    {
        qm_paper_streams_forget(socket);
        qm_ws_reader_free(&socket->reader);
        free(socket);
        return false;
    }
    socket->upgrade = upgrade;
    socket->next = server->sockets;
    server->sockets = socket;
    qm_paper_timer_set(&server->loop, &socket->timer, server->options.ping_ms);
    take_messages(socket);
    return true;
}

/*
 * push lets the library move what has come in by TLS. It waits for edges alone, and
 * takes one record each time it is run, so that what is longer would lie there.
 */
static void
push(void *context, uint32_t events)
{
    const QmPaperSocket *socket = context;

    (void) events;
    if (!socket->is_dead)
        qm_paper_http_turn(socket->server->exchange);
}

/* qm_paper_sockets_stuck says whether bytes wait to be encrypted: the library is to be run again soon, for the same reason. */
bool
qm_paper_sockets_stuck(const QmPaperServer *server)
{
    for (const QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
    {
        int waiting = 0;

        if (socket->secure.fd >= 0 && !socket->is_dead && ioctl(socket->watch.fd, SIOCOUTQ, &waiting) == 0 &&
            waiting > 0)
            return true;
    }
    return false;
}

/* ready reads what there is. What can be written is written at the end of the turn. */
static void
ready(void *context, uint32_t events)
{
    QmPaperSocket *socket = context;
    char bytes[READ_SIZE];

    if (socket->is_silent && (events & (EPOLLHUP | EPOLLERR)) != 0)
        qm_paper_socket_cut(socket);
    if (socket->is_dead || socket->is_silent || (events & ~(uint32_t) EPOLLOUT) == 0)
        return;
    for (int i = 0; i < READS_MAX && !socket->is_dead; i++)
    {
        ssize_t count = recv(socket->watch.fd, bytes, sizeof(bytes), 0);

        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (count <= 0 || !qm_ws_feed(&socket->reader, bytes, (size_t) count))
        {
            qm_paper_socket_cut(socket);
            return;
        }
        take_messages(socket);
    }
}

/* take_messages takes what is whole. */
static void
take_messages(QmPaperSocket *socket)
{
    const char *payload;
    size_t length;

    while (!socket->is_dead && !socket->is_closing)
    {
        switch (qm_ws_next(&socket->reader, &payload, &length))
        {
            case QM_WS_MORE:
                return;
            case QM_WS_TEXT:
                take_message(socket, payload);
                break;
            case QM_WS_PING:
                frame(socket, QM_WS_OP_PONG, payload, length);
                break;
            case QM_WS_PONG:
                socket->heard_ns = qm_paper_loop_now_ns();
                break;
            case QM_WS_CLOSE:
                qm_paper_socket_close(socket, CLOSE_NORMAL);
                return;
            case QM_WS_FAULT:
                qm_paper_socket_close(socket, CLOSE_PROTOCOL);
                return;
        }
    }
}

/* take_message gives a message to who understands it. A client that talks too much on a stream is cut, as at Binance. */
static void
take_message(QmPaperSocket *socket, const char *text)
{
    int64_t second = qm_paper_loop_now_ns() / QM_NS_PER_S;

    if (socket->is_api)
    {
        qm_paper_api_message(socket, text);
        return;
    }
    socket->messages = socket->second == second ? socket->messages + 1 : 1;
    socket->second = second;
    if (socket->messages > MESSAGES_MAX)
        qm_paper_socket_close(socket, CLOSE_POLICY);
    else
        qm_paper_stream_message(socket, text);
}

/* frame puts a frame behind what waits; a client that leaves too much unread is cut. */
static bool
frame(QmPaperSocket *socket, QmWsOpcode opcode, const char *payload, size_t length)
{
    size_t needed = socket->out_length + length + QM_WS_HEADER_MAX;

    if (socket->is_dead || socket->is_closing || socket->is_silent)
        return true;
    if (needed > socket->server->options.queue_max)
    {
        qm_paper_socket_cut(socket);
        return false;
    }
    if (socket->out_start > 0)
    {
        memmove(socket->out, socket->out + socket->out_start, socket->out_length);
        socket->out_start = 0;
    }
    if (needed > socket->out_size)
    {
        char *larger = realloc(socket->out, 2 * needed);

        if (larger == NULL)
        {
            qm_paper_socket_cut(socket);
            return false;
        }
        socket->out = larger;
        socket->out_size = 2 * needed;
    }
    socket->server->has_output = true;
    socket->out_length += qm_ws_frame(socket->out + socket->out_length, opcode, payload, length, NULL);
    return true;
}

/* qm_paper_socket_text sends a message. */
void
qm_paper_socket_text(QmPaperSocket *socket, const char *text, size_t length)
{
    frame(socket, QM_WS_OP_TEXT, text, length);
}

/* qm_paper_socket_send sends an object; without memory the client is cut, for it must not miss one in silence. */
void
qm_paper_socket_send(QmPaperSocket *socket, const json_t *message)
{
    char *text = json_dumps(message, JSON_COMPACT);

    if (text == NULL)
        qm_paper_socket_cut(socket);
    else
        qm_paper_socket_text(socket, text, strlen(text));
    free(text);
}

/* qm_paper_socket_close says goodbye, and ends the connection once that has been sent. */
void
qm_paper_socket_close(QmPaperSocket *socket, int code)
{
    const char payload[2] = {(char) (code >> 8), (char) (code & 0xff)};

    frame(socket, QM_WS_OP_CLOSE, payload, sizeof(payload));
    socket->is_closing = true;
}

/* qm_paper_socket_cut ends the connection without a word. */
void
qm_paper_socket_cut(QmPaperSocket *socket)
{
    socket->server->has_output = true; /* something to do at the end of the turn */
    socket->is_dead = true;
}

/* keep_alive sends a ping, or ends a connection that answers none or is too old. */
static void
keep_alive(void *context)
{
    QmPaperSocket *socket = context;
    const QmPaperServerOptions *options = &socket->server->options;
    int64_t now_ns = qm_paper_loop_now_ns();
    int64_t left_ms = options->stream_life_ms - (now_ns - socket->opened_ns) / QM_NS_PER_MS;

    if (now_ns - socket->heard_ns >= 3 * options->ping_ms * QM_NS_PER_MS && !socket->is_silent)
        qm_paper_socket_cut(socket);
    else if (left_ms <= 0)
    {
        json_t *farewell =
            json_pack("{s:s, s:I}", "e", "serverShutdown", "E", (json_int_t) qm_paper_wire_ms(socket->server));

        qm_paper_socket_send(socket, farewell);
        json_decref(farewell);
        qm_paper_socket_close(socket, CLOSE_NORMAL);
    }
    else
    {
        frame(socket, QM_WS_OP_PING, "", 0);
        qm_paper_timer_set(&socket->server->loop,
                           &socket->timer,
                           left_ms < options->ping_ms ? left_ms : options->ping_ms);
    }
}

/* write_out sends what waits; false when the connection is broken. */
static bool
write_out(QmPaperSocket *socket)
{
    while (socket->out_length > 0)
    {
        ssize_t count = send(socket->watch.fd, socket->out + socket->out_start, socket->out_length, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EAGAIN;
        socket->out_start += (size_t) count;
        socket->out_length -= (size_t) count;
    }
    socket->out_start = 0;
    return true;
}

/* release frees a socket and gives its connection back. */
static void
release(QmPaperSocket *socket)
{
    QmPaperServer *server = socket->server;

    qm_paper_timer_drop(&server->loop, &socket->timer);
    qm_paper_watch_remove(&server->loop, &socket->watch);
    if (socket->secure.fd >= 0)
        qm_paper_watch_remove(&server->loop, &socket->secure);
    qm_paper_calls_orphan(server, socket);
    qm_paper_streams_forget(socket);
    shutdown(socket->watch.fd, SHUT_RDWR);
    qm_paper_http_upgrade_end(socket->upgrade);
    qm_ws_reader_free(&socket->reader);
    free(socket->out);
    free(socket);
}

/* qm_paper_sockets_flush sends what waits on all sockets, and frees those that are dead. */
void
qm_paper_sockets_flush(QmPaperServer *server)
{
    QmPaperSocket **place = &server->sockets;

    server->has_output = false;
    while (*place != NULL)
    {
        QmPaperSocket *socket = *place;

        if (!socket->is_dead && !socket->is_silent)
        {
            if (!write_out(socket) || (socket->is_closing && socket->out_length == 0) ||
                !qm_paper_watch_change(&server->loop,
                                       &socket->watch,
                                       EPOLLIN | EPOLLRDHUP | (socket->out_length > 0 ? (uint32_t) EPOLLOUT : 0)))
                socket->is_dead = true;
        }
        if (!socket->is_dead)
        {
            place = &socket->next;
            continue;
        }
        *place = socket->next;
        release(socket);
    }
}

/* qm_paper_socket_silence makes a socket neither hear nor say anything, while its connection stands. */
void
qm_paper_socket_silence(QmPaperSocket *socket)
{
    socket->is_silent = true;
    socket->out_length = 0;
    if (socket->secure.fd >= 0)
        qm_paper_watch_remove(&socket->server->loop, &socket->secure);
    socket->secure.fd = -1;
    if (!qm_paper_watch_change(&socket->server->loop, &socket->watch, 0))
        qm_paper_socket_cut(socket);
}

/*
 * qm_paper_sockets_drained says whether all that was sent has left this process and
 * its socket, so that on this machine it is where the other side will read it.
 */
bool
qm_paper_sockets_drained(const QmPaperServer *server)
{
    for (const QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
    {
        int unsent = 0;

        if (socket->is_dead || socket->is_silent)
            continue;
        if (socket->out_length > 0 || (ioctl(socket->watch.fd, SIOCOUTQNSD, &unsent) == 0 && unsent > 0))
            return false;
    }
    return true;
}

/* qm_paper_sockets_close ends all connections. */
void
qm_paper_sockets_close(QmPaperServer *server)
{
    for (QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
        qm_paper_socket_cut(socket);
    qm_paper_sockets_flush(server);
}
