/*
 * Streams of the paper exchange: which WebSocket hears what, by its URL and by
 * what it asks for later.
 */
#include "paper_server_inside.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define NAME_MAX_LENGTH 128

static bool subscribe(QmPaperSocket *socket, const char *name);
static void unsubscribe(QmPaperSocket *socket, const char *name);
static QmPaperSubscription read_name(QmPaperServer *server, const char *name);
static void answer(QmPaperSocket *socket, const json_t *request, json_t *result);
static void refuse(QmPaperSocket *socket, const json_t *request, int code, const char *message);

/* subscribe_all subscribes to names with slashes between them, with or without percent-encoding. */
static bool
subscribe_all(QmPaperSocket *socket, const char *names)
{
    QmPaperParams params = {0};
    char *pair = malloc(strlen(names) + 3);
    char *rest;
    bool good;

    if (pair == NULL)
        return false;
    sprintf(pair, "n=%s", names);
    good = qm_paper_params_read(&params, pair, strlen(pair)) && params.count == 1;
    rest = good ? params.values[0] : NULL;
    for (char *name = rest; good && name != NULL;)
    {
        name = strsep(&rest, "/");
        good = name == NULL || name[0] == '\0' || subscribe(socket, name);
    }
    qm_paper_params_free(&params);
    free(pair);
    return good;
}

/* qm_paper_stream_path subscribes to what a URL names: /ws/NAME or /stream?streams=NAME/NAME. False: it is another URL. */
bool
qm_paper_stream_path(QmPaperSocket *socket, const char *url)
{
    size_t length = strcspn(url, "?");
    const char *query = url[length] == '?' ? url + length + 1 : "";
    const char *streams;

    if (length == 7 && strncmp(url, "/stream", 7) == 0)
    {
        socket->is_combined = true;
        streams = strstr(query, "streams=");
        if (streams != NULL && (streams == query || streams[-1] == '&'))
        {
            char *names = strndup(streams + 8, strcspn(streams + 8, "&"));
            bool good = names != NULL && subscribe_all(socket, names);

            free(names);
            return good;
        }
        return true;
    }
    if (strncmp(url, "/ws", 3) == 0 && (length == 3 || url[3] == '/'))
    {
        char *names = strndup(url + 3, length - 3);
        bool good = names != NULL && subscribe_all(socket, names);

        free(names);
        return good;
    }
    return false;
}

/* subscribe adds a stream; one that is there already changes nothing. False: too many, or no memory. */
static bool
subscribe(QmPaperSocket *socket, const char *name)
{
    QmPaperSubscription subscription;
    QmPaperSubscription *larger;

    for (size_t i = 0; i < socket->subscription_count; i++)
        if (strcmp(socket->subscriptions[i].name, name) == 0)
            return true;
    if (socket->subscription_count >= socket->server->options.subscriptions_max || strlen(name) > NAME_MAX_LENGTH)
        return false;
    subscription = read_name(socket->server, name);
    subscription.name = strdup(name);
    larger = realloc(socket->subscriptions, (socket->subscription_count + 1) * sizeof(*larger));
    if (larger != NULL)
        socket->subscriptions = larger;
    if (larger == NULL || subscription.name == NULL)
    {
        free(subscription.name);
        return false;
    }
    larger[socket->subscription_count++] = subscription;
    return true;
}

static void
unsubscribe(QmPaperSocket *socket, const char *name)
{
    for (size_t i = 0; i < socket->subscription_count; i++)
    {
        if (strcmp(socket->subscriptions[i].name, name) != 0)
            continue;
        free(socket->subscriptions[i].name);
        socket->subscription_count--;
        memmove(&socket->subscriptions[i],
                &socket->subscriptions[i + 1],
                (socket->subscription_count - i) * sizeof(socket->subscriptions[0]));
        return;
    }
}

/* qm_paper_streams_forget frees a socket's subscriptions. */
void
qm_paper_streams_forget(QmPaperSocket *socket)
{
    for (size_t i = 0; i < socket->subscription_count; i++)
        free(socket->subscriptions[i].name);
    free(socket->subscriptions);
    socket->subscriptions = NULL;
    socket->subscription_count = 0;
}

/* read_market reads what stands behind the symbol. */
static bool
read_market(const char *kind, QmPaperSubscription *subscription)
{
    static const struct
    {
        const char *name;
        QmPaperStream stream;
        int argument;
    } kinds[] = {
        {"trade", QM_PAPER_STREAM_TRADE, 0},
        {"aggTrade", QM_PAPER_STREAM_AGG_TRADE, 0},
        {"bookTicker", QM_PAPER_STREAM_BOOK_TICKER, 0},
        {"depth", QM_PAPER_STREAM_DEPTH, 0},
        {"depth@100ms", QM_PAPER_STREAM_DEPTH, 0},
        {"depth5", QM_PAPER_STREAM_DEPTH_TOP, 5},
        {"depth5@100ms", QM_PAPER_STREAM_DEPTH_TOP, 5},
        {"depth10", QM_PAPER_STREAM_DEPTH_TOP, 10},
        {"depth10@100ms", QM_PAPER_STREAM_DEPTH_TOP, 10},
        {"depth20", QM_PAPER_STREAM_DEPTH_TOP, 20},
        {"depth20@100ms", QM_PAPER_STREAM_DEPTH_TOP, 20},
        {"miniTicker", QM_PAPER_STREAM_MINI_TICKER, 0},
        {"ticker", QM_PAPER_STREAM_TICKER, 0},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kind, kinds[i].name) == 0)
        {
            subscription->stream = kinds[i].stream;
            subscription->argument = kinds[i].argument;
            return true;
        }
    if (strncmp(kind, "kline_", 6) != 0)
        return false;
    subscription->stream = QM_PAPER_STREAM_KLINE;
    subscription->argument = qm_paper_interval_by_name(kind + 6);
    return subscription->argument >= 0;
}

/* read_name reads a stream's name. One that means nothing here is taken as well, as Binance does. */
static QmPaperSubscription
read_name(QmPaperServer *server, const char *name)
{
    QmPaperSubscription subscription = {.stream = QM_PAPER_STREAM_OTHER, .symbol = -1};
    const char *at = strchr(name, '@');
    char symbol[QM_PAPER_NAME_SIZE];
    int account = qm_paper_listen_key_account(server, name);

    if (account >= 0)
        return (QmPaperSubscription){.stream = QM_PAPER_STREAM_USER, .symbol = -1, .argument = account};
    if (strcmp(name, "!miniTicker@arr") == 0)
        return (QmPaperSubscription){.stream = QM_PAPER_STREAM_MINI_TICKERS, .symbol = -1};
    if (at == NULL || (size_t) (at - name) >= sizeof(symbol))
        return subscription;
    for (size_t i = 0; i < (size_t) (at - name); i++)
        symbol[i] = (char) toupper((unsigned char) name[i]);
    symbol[at - name] = '\0';
    subscription.symbol = qm_paper_symbol_by_name(server->world, symbol);
    if (subscription.symbol < 0 || !read_market(at + 1, &subscription))
        subscription.stream = QM_PAPER_STREAM_OTHER;
    return subscription;
}

/* is_good_id says whether an id may be echoed: a number, a short text, null or nothing. */
static bool
is_good_id(const json_t *id)
{
    return id == NULL || json_is_integer(id) || json_is_null(id) ||
           (json_is_string(id) && json_string_length(id) <= QM_PAPER_WS_ID_MAX);
}

/* change_subscriptions does SUBSCRIBE and UNSUBSCRIBE. */
static void
change_subscriptions(QmPaperSocket *socket, const json_t *request, bool more)
{
    const json_t *names = json_object_get(request, "params");
    size_t i;
    json_t *name;

    if (!json_is_array(names) || json_array_size(names) == 0)
    {
        refuse(socket, request, 2, "Invalid request: request must have at least one stream");
        return;
    }
    json_array_foreach(names, i, name)
    {
        if (!json_is_string(name))
        {
            refuse(socket, request, 2, "Invalid request: params must be a list of texts");
            return;
        }
        if (!more)
            unsubscribe(socket, json_string_value(name));
        else if (!subscribe(socket, json_string_value(name)))
        {
            refuse(socket, request, 2, "Invalid request: too many streams");
            return;
        }
    }
    answer(socket, request, json_null());
}

/* list_subscriptions answers with the names of the streams. */
static void
list_subscriptions(QmPaperSocket *socket, const json_t *request)
{
    json_t *list = json_array();

    for (size_t i = 0; i < socket->subscription_count; i++)
        json_array_append_new(list, json_string(socket->subscriptions[i].name));
    answer(socket, request, list);
}

/* qm_paper_stream_message does what a client asks for on a stream. */
void
qm_paper_stream_message(QmPaperSocket *socket, const char *text)
{
    json_error_t error;
    json_t *request = json_loads(text, 0, &error);
    const char *method = json_string_value(json_object_get(request, "method"));
    const json_t *params = json_object_get(request, "params");

    if (request == NULL)
        refuse(socket, NULL, 3, "Invalid JSON: the message cannot be read");
    else if (!json_is_object(request) || method == NULL)
        refuse(socket, request, 2, "Invalid request: missing field `method`");
    else if (!is_good_id(json_object_get(request, "id")))
        refuse(socket, NULL, 2, "Invalid request: id must be a number, null or a text of at most 36 characters");
    else if (strcmp(method, "SUBSCRIBE") == 0 || strcmp(method, "UNSUBSCRIBE") == 0)
        change_subscriptions(socket, request, method[0] == 'S');
    else if (strcmp(method, "LIST_SUBSCRIPTIONS") == 0)
        list_subscriptions(socket, request);
    else if (strcmp(method, "GET_PROPERTY") == 0)
        answer(socket, request, json_boolean(socket->is_combined));
    else if (strcmp(method, "SET_PROPERTY") == 0 && json_array_size(params) == 2 &&
             json_is_boolean(json_array_get(params, 1)))
    {
        socket->is_combined = json_is_true(json_array_get(params, 1));
        answer(socket, request, json_null());
    }
    else
        refuse(socket, request, 2, "Invalid request: unknown variant or params");
    json_decref(request);
}

/* answer sends a result, which it takes over, with the id of the request. */
static void
answer(QmPaperSocket *socket, const json_t *request, json_t *result)
{
    json_t *id = json_object_get(request, "id");
    json_t *message = json_pack("{s:o, s:O}", "result", result, "id", id == NULL ? json_null() : id);

    qm_paper_socket_send(socket, message);
    json_decref(message);
}

static void
refuse(QmPaperSocket *socket, const json_t *request, int code, const char *text)
{
    json_t *message = json_pack("{s:i, s:s}", "code", code, "msg", text);
    json_t *id = json_object_get(request, "id");

    if (id != NULL)
        json_object_set(message, "id", id);
    qm_paper_socket_send(socket, message);
    json_decref(message);
}

/* hears says whether a subscription is of a stream. */
static bool
hears(const QmPaperSubscription *subscription, QmPaperStream stream, int symbol, int argument)
{
    return subscription->stream == stream && subscription->symbol == symbol && subscription->argument == argument;
}

/* qm_paper_stream_wanted says whether anybody hears a stream. */
bool
qm_paper_stream_wanted(const QmPaperServer *server, QmPaperStream stream, int symbol, int argument)
{
    for (const QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
        for (size_t i = 0; i < socket->subscription_count; i++)
            if (hears(&socket->subscriptions[i], stream, symbol, argument))
                return true;
    return false;
}

/* tell_one sends an event that has been written already, as a socket wants it. */
static void
tell_one(QmPaperSocket *socket, const char *name, const char *text)
{
    QmJson message = {0};

    if (!socket->is_combined)
    {
        qm_paper_socket_text(socket, text, strlen(text));
        return;
    }
    qm_json_add(&message, "{\"stream\":");
    qm_json_add_string(&message, name);
    qm_json_add(&message, ",\"data\":");
    qm_json_add(&message, text);
    qm_json_add(&message, "}");
    if (message.failed)
        qm_paper_socket_cut(socket);
    else
        qm_paper_socket_text(socket, message.text, message.len);
    qm_json_free(&message);
}

/* qm_paper_stream_tell sends an event, which stays the caller's, to all that hear the stream. */
void
qm_paper_stream_tell(QmPaperServer *server, QmPaperStream stream, int symbol, int argument, json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);

    for (QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
        for (size_t i = 0; i < socket->subscription_count; i++)
        {
            if (!hears(&socket->subscriptions[i], stream, symbol, argument))
                continue;
            if (text == NULL)
                qm_paper_socket_cut(socket);
            else
                tell_one(socket, socket->subscriptions[i].name, text);
        }
    free(text);
}
