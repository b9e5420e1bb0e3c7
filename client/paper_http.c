/*
 * HTTP at the paper exchange's two ports, by libmicrohttpd in the server's loop. A
 * request waits suspended until its reply may leave. What the exchange signs are
 * raw bytes, so the URI is taken as it came. A request to become a WebSocket is
 * handed on with its connection.
 */
#include "paper_server_inside.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <microhttpd.h>

#include "error.h"
#include "json.h"

#define IDLE_S 120
#define CONNECTION_WEIGHT 2 /* of the WebSocket API */
#define HEAD_MAX (64 * 1024)

typedef struct Request Request;
struct Request
{
    QmPaperCall call; /* first: a call of this transport is its request */
    QmPaperHttp *http;
    struct MHD_Connection *connection;
    char *uri;
    const char *query; /* as it came, without the question mark */
    char peer[QM_PAPER_PEER_SIZE];
    QmJson body;
    char *answer;
    bool is_seen;
    bool is_begun;
    bool is_suspended;
    bool is_answered;
    bool is_too_long;
    Request *next, **by;
};

struct QmPaperHttp
{
    QmPaperServer *server;
    struct MHD_Daemon *daemon;
    QmPaperWatch watch;
    bool is_admin;
    bool is_closing;
    int port;
    Request *requests;
};

static void run(void *context, uint32_t events);
static void *take_uri(void *context, const char *uri, struct MHD_Connection *connection);
static enum MHD_Result take(void *context, struct MHD_Connection *connection, const char *url, const char *verb,
                            const char *version, const char *data, size_t *size, void **own);
static void forget(void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why);
static void note_connection(void *context, struct MHD_Connection *connection, void **own,
                            enum MHD_ConnectionNotificationCode what);
static enum MHD_Result begin(Request *request, const char *verb);
static void begin_exchange(Request *request, const char *verb, const char *path);
static void begin_admin(Request *request, const char *verb, const char *path);
static void reply(QmPaperCall *call);
static bool verify(QmPaperCall *call, const char *secret, const char *signature);
static enum MHD_Result respond(Request *request);
static enum MHD_Result upgrade(Request *request, const char *key);
static struct MHD_Response *response_of(Request *request);

/* address_of reads the address to listen on. */
static bool
address_of(const QmPaperServer *server, bool is_admin, struct sockaddr_storage *address)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[16];

    snprintf(port, sizeof(port), "%d", is_admin ? server->options.admin_port : server->options.port);
    if (getaddrinfo(is_admin ? "127.0.0.1" : server->options.address, port, &hints, &found) != 0)
        return false;
    memcpy(address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
}

/* start starts the daemon of a port; NULL when it cannot listen. */
static struct MHD_Daemon *
start(QmPaperHttp *http, const struct sockaddr_storage *address, bool tls)
{
    const QmPaperServerOptions *options = &http->server->options;
    struct MHD_OptionItem secure[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, (void *) (uintptr_t) options->tls_key},
                                      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *) (uintptr_t) options->tls_certificate},
                                      {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | (tls ? MHD_USE_TLS : 0U);

    return MHD_start_daemon(flags | (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0U),
                            0,
                            NULL,
                            NULL,
                            take,
                            http,
                            MHD_OPTION_SOCK_ADDR,
                            (const struct sockaddr *) address,
                            MHD_OPTION_URI_LOG_CALLBACK,
                            take_uri,
                            http,
                            MHD_OPTION_NOTIFY_COMPLETED,
                            forget,
                            http,
                            MHD_OPTION_NOTIFY_CONNECTION,
                            note_connection,
                            http,
                            MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned) options->connections_max,
                            MHD_OPTION_CONNECTION_TIMEOUT,
                            http->is_admin ? 0U : (unsigned) IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t) HEAD_MAX,
                            MHD_OPTION_LISTENING_ADDRESS_REUSE,
                            1U,
                            MHD_OPTION_ARRAY,
                            tls ? secure : &secure[2],
                            MHD_OPTION_END);
}

/* qm_paper_http_open listens on one of the ports. NULL, and error says why. */
QmPaperHttp *
qm_paper_http_open(QmPaperServer *server, bool is_admin, QmError *error)
{
    const QmPaperServerOptions *options = &server->options;
    bool tls = !is_admin && options->tls_certificate != NULL;
    struct sockaddr_storage address;
    QmPaperHttp *http = calloc(1, sizeof(*http));

    if (http == NULL)
    {
        qm_error_no_memory(error);
        return NULL;
    }
    http->server = server;
    http->is_admin = is_admin;
    http->watch = (QmPaperWatch){.fd = -1, .events = EPOLLIN, .ready = run, .context = http};
    if (!address_of(server, is_admin, &address))
        qm_error_set(error,
                     QM_ERROR_ARGUMENT,
                     "22023",
                     "Name an address of this machine, such as 127.0.0.1.",
                     "\"%s\" is no address",
                     options->address);
    else if ((http->daemon = start(http, &address, tls)) == NULL)
        qm_error_set(error,
                     QM_ERROR_CONNECT,
                     "08001",
                     tls ? "Is the port free, and are certificate and key PEM?" : "Is the port free?",
                     "cannot listen on port %d",
                     is_admin ? options->admin_port : options->port);
    else
    {
        http->port = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
        http->watch.fd = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        if (qm_paper_watch_add(&server->loop, &http->watch))
            return http;
        qm_error_no_memory(error);
    }
    qm_paper_http_close(http);
    return NULL;
}

/* qm_paper_http_close drops what waits and listens no longer. The WebSockets have to be closed before. */
void
qm_paper_http_close(QmPaperHttp *http)
{
    if (http == NULL)
        return;
    http->is_closing = true;
    for (Request *request = http->requests; request != NULL; request = request->next)
        if (request->is_suspended)
        {
            request->is_suspended = false;
            MHD_resume_connection(request->connection);
        }
    if (http->daemon != NULL)
        MHD_stop_daemon(http->daemon);
    free(http);
}

/* qm_paper_http_port returns the port that is listened on. */
int
qm_paper_http_port(const QmPaperHttp *http)
{
    return http->port;
}

/* qm_paper_http_wait_ms returns when the library wants to run again at the latest; -1: any time. */
int64_t
qm_paper_http_wait_ms(QmPaperHttp *http)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return MHD_get_timeout(http->daemon, &ms) == MHD_YES ? (int64_t) ms : -1;
}

/* qm_paper_http_turn lets the library do what is due: replies that were let go leave. */
void
qm_paper_http_turn(QmPaperHttp *http)
{
    run(http, 0);
}

static void
run(void *context, uint32_t events)
{
    QmPaperHttp *http = context;

    (void) events;
    MHD_run(http->daemon);
}

/* qm_paper_http_upgrade_end gives a WebSocket's connection back. */
void
qm_paper_http_upgrade_end(void *upgrade)
{
    MHD_upgrade_action(upgrade, MHD_UPGRADE_ACTION_CLOSE);
}

/* take_uri makes a request out of its URI, before anything of it has been decoded. NULL, for want of memory, ends the connection. */
static void *
take_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    QmPaperHttp *http = context;
    Request *request = calloc(1, sizeof(*request));

    if (request == NULL)
        return NULL;
    request->http = http;
    request->connection = connection;
    request->call.server = http->server;
    request->call.reply = reply;
    request->call.verify = verify;
    request->call.account = request->call.symbol = -1;
    request->uri = strdup(uri);
    request->next = http->requests;
    request->by = &http->requests;
    if (request->next != NULL)
        request->next->by = &request->next;
    http->requests = request;
    return request;
}

/* forget frees a request that is over, however it ended. */
static void
forget(void *context, struct MHD_Connection *connection, void **own, enum MHD_RequestTerminationCode why)
{
    Request *request = *own;

    (void) context;
    (void) connection;
    (void) why;
    if (request == NULL)
        return;
    *request->by = request->next;
    if (request->next != NULL)
        request->next->by = request->by;
    qm_paper_call_clear(&request->call);
    qm_json_free(&request->body);
    free(request->answer);
    free(request->uri);
    free(request);
    *own = NULL;
}

/* take is called when the head is there, for each piece of the body, at its end, and when a request that was suspended goes on. */
static enum MHD_Result
take(void *context, struct MHD_Connection *connection, const char *url, const char *verb, const char *version,
     const char *data, size_t *size, void **own)
{
    const QmPaperHttp *http = context;
    Request *request = *own;

    (void) connection;
    (void) url;
    (void) version;
    if (request == NULL || request->uri == NULL || http->is_closing)
        return MHD_NO;
    if (!request->is_seen)
    {
        request->is_seen = true;
        return MHD_YES;
    }
    if (*size > 0)
    {
        char *piece = strndup(data, *size);

        request->is_too_long = request->is_too_long || request->body.len + *size > http->server->options.request_max;
        if (piece != NULL && !request->is_too_long)
            qm_json_add(&request->body, piece);
        request->body.failed = request->body.failed || piece == NULL;
        free(piece);
        *size = 0;
        return MHD_YES;
    }
    if (request->is_answered)
        return respond(request);
    return request->is_begun ? MHD_NO : begin(request, verb);
}

/* read_params reads query and body; an operator may send an object in JSON. False without memory. */
static bool
read_params(Request *request)
{
    QmPaperParams *params = &request->call.params;
    QmJson object = {0};
    bool good = qm_paper_params_read(params, request->query, strlen(request->query));

    if (request->body.text[0] != '{')
        return good && qm_paper_params_read(params, request->body.text, request->body.len);
    if (!request->http->is_admin)
        return good;
    qm_json_add(&object, "{\"params\":");
    qm_json_add(&object, request->body.text);
    qm_json_add(&object, "}");
    good = good && !object.failed && qm_paper_params_json(params, object.text);
    qm_json_free(&object);
    return good;
}

/* begin takes a request that is there as a whole. */
static enum MHD_Result
begin(Request *request, const char *verb)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const char *key = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Sec-WebSocket-Key");
    const char *wish = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Upgrade");
    QmPaperCall *call = &request->call;
    char *mark;
    char path[256];

    request->is_begun = true;
    qm_json_add(&request->body, "");
    if (request->body.failed ||
        getnameinfo(info->client_addr,
                    info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
                    request->peer,
                    sizeof(request->peer),
                    NULL,
                    0,
                    NI_NUMERICHOST) != 0)
        return MHD_NO;
    call->peer = request->peer;
    if (!request->http->is_admin && wish != NULL && strcasecmp(wish, "websocket") == 0 && key != NULL)
    {
        if (strncmp(request->uri, QM_PAPER_API_PATH, strlen(QM_PAPER_API_PATH)) != 0 ||
            qm_paper_weigh(call, CONNECTION_WEIGHT))
            return upgrade(request, key);
        request->is_suspended = true;
        MHD_suspend_connection(request->connection);
        qm_paper_call_answer(call);
        return MHD_YES;
    }
    mark = strchr(request->uri, '?');
    request->query = mark == NULL ? "" : mark + 1;
    snprintf(path, sizeof(path), "%.*s", (int) strcspn(request->uri, "?"), request->uri);
    call->text = request->body.text;
    if (!read_params(request))
        return MHD_NO;
    request->is_suspended = true;
    MHD_suspend_connection(request->connection);
    if (request->is_too_long)
    {
        qm_paper_call_error(call,
                            413,
                            -1000,
                            "The request is longer than %zu bytes.",
                            request->http->server->options.request_max);
        qm_paper_call_answer(call);
    }
    else if (request->http->is_admin)
        begin_admin(request, verb, path);
    else
        begin_exchange(request, verb, path);
    return MHD_YES;
}

/* begin_exchange looks up what is asked for. */
static void
begin_exchange(Request *request, const char *verb, const char *path)
{
    QmPaperCall *call = &request->call;
    bool path_known;

    call->method = qm_paper_method_by_path(verb, path, &path_known);
    call->api_key = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "X-MBX-APIKEY");
    if (call->method != NULL)
    {
        qm_paper_call_begin(call);
        return;
    }
    if (path_known)
        qm_paper_call_error(call, 405, -1000, "Request method '%s' not supported.", verb);
    else
        qm_paper_call_error(call, 404, -1000, "There is no such path.");
    qm_paper_call_answer(call);
}

/* note_connection notes which connections of the admin port there are: a follower lives as long as its own. */
static void
note_connection(void *context, struct MHD_Connection *connection, void **own, enum MHD_ConnectionNotificationCode what)
{
    const QmPaperHttp *http = context;

    if (!http->is_admin)
        return;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *own = qm_paper_bond_new(http->server,
                                 MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    else if (*own != NULL)
        qm_paper_bond_end(*own);
}

/* begin_admin serves the operator, whom neither limits nor faults concern. */
static void
begin_admin(Request *request, const char *verb, const char *path)
{
    QmPaperCall *call = &request->call;

    call->status = 200;
    call->bond = MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    call->method = qm_paper_admin_method(verb, path);
    if (call->method != NULL)
        call->method->run(call);
    else
        qm_paper_call_error(call, 404, -1000, "There is no such path.");
    qm_paper_user_flush(call->server);
    if (!call->is_waiting)
        qm_paper_call_answer(call);
}

static bool
verify(QmPaperCall *call, const char *secret, const char *signature)
{
    const Request *request = (const Request *) call;

    return qm_paper_request_signed(secret, request->query, request->body.text, signature);
}

/* reply lets a request go on, which now has an answer. */
static void
reply(QmPaperCall *call)
{
    Request *request = (Request *) call;

    request->is_answered = true;
    request->is_suspended = false;
    MHD_resume_connection(request->connection);
}

/* add_number adds a header with a number. */
static void
add_number(struct MHD_Response *response, const char *name, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long) number);
    MHD_add_response_header(response, name, text);
}

/* respond sends the answer, or does with it what a fault wants. */
static enum MHD_Result
respond(Request *request)
{
    const QmPaperCall *call = &request->call;
    bool is_lines = call->file > 0;
    struct MHD_Response *response;
    enum MHD_Result result;

    if (call->mishap.drops_reply && call->is_met)
        return MHD_NO;
    response = response_of(request);
    if (response == NULL)
        return MHD_NO;
    if (!request->http->is_admin)
    {
        add_number(response, "X-MBX-USED-WEIGHT", call->used_weight);
        add_number(response, "X-MBX-USED-WEIGHT-1M", call->used_weight);
    }
    if (call->account >= 0 && call->method->counts_order)
    {
        add_number(response, "X-MBX-ORDER-COUNT-10S", qm_paper_orders_counted(call->server, call->account, false));
        add_number(response, "X-MBX-ORDER-COUNT-1D", qm_paper_orders_counted(call->server, call->account, true));
    }
    if (call->retry_after_s > 0)
        add_number(response, "Retry-After", call->retry_after_s);
    MHD_add_response_header(response,
                            "Content-Type",
                            is_lines ? "application/x-ndjson" : "application/json;charset=UTF-8");
    result = MHD_queue_response(request->connection, (unsigned) call->status, response);
    MHD_destroy_response(response);
    return result;
}

/* half_of gives out half of an answer and then fails, which closes the connection. */
static ssize_t
half_of(void *context, uint64_t at, char *out, size_t size)
{
    const Request *request = context;
    size_t half = strlen(request->answer) / 2;

    if (at >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (size > half - at)
        size = half - at;
    memcpy(out, request->answer + at, size);
    return (ssize_t) size;
}

/* response_of makes the answer's bytes. */
static struct MHD_Response *
response_of(Request *request)
{
    QmPaperCall *call = &request->call;
    struct MHD_Response *response;
    struct stat about;

    if (call->file > 0)
    {
        response =
            fstat(call->file, &about) == 0 ? MHD_create_response_from_fd64((uint64_t) about.st_size, call->file) : NULL;
        call->file = response != NULL ? 0 : call->file; /* it is the response's now */
        return response;
    }
    request->answer = json_dumps(call->body, JSON_COMPACT);
    if (request->answer == NULL)
        return NULL;
    if (call->mishap.cuts_reply && call->is_met)
        return MHD_create_response_from_callback(strlen(request->answer), 1024, half_of, request, NULL);
    return MHD_create_response_from_buffer(strlen(request->answer), request->answer, MHD_RESPMEM_PERSISTENT);
}

/* upgraded takes over the connection of a WebSocket. */
static void
upgraded(void *context, struct MHD_Connection *connection, void *own, const char *early, size_t early_length,
         MHD_socket fd, struct MHD_UpgradeResponseHandle *upgrade_handle)
{
    const Request *request = context;
    QmPaperServer *server = request->http->server;
    int connection_fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

    (void) own;
    if (!qm_paper_socket_open(server,
                              fd,
                              server->options.tls_key != NULL ? connection_fd : -1,
                              upgrade_handle,
                              request->peer,
                              request->uri,
                              early,
                              early_length))
        qm_paper_http_upgrade_end(upgrade_handle);
}

/* upgrade shakes hands. */
static enum MHD_Result
upgrade(Request *request, const char *key)
{
    char accept[QM_WS_ACCEPT_SIZE];
    struct MHD_Response *response;
    enum MHD_Result result;

    if (!qm_ws_accept(key, accept) || (response = MHD_create_response_for_upgrade(upgraded, request)) == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Upgrade", "websocket");
    MHD_add_response_header(response, "Sec-WebSocket-Accept", accept);
    result = MHD_queue_response(request->connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
    MHD_destroy_response(response);
    return result;
}
