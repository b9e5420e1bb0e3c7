/*
 * Who hears an account's events: listen keys of the older way, and subscriptions on
 * the WebSocket API, each with the signature of the account.
 */
#include "paper_server_inside.h"

#include <string.h>

#include "moment.h"

static QmPaperListenKey *find_key(QmPaperServer *server, const char *key);

/* qm_paper_listen_key_new answers with the account's listen key: the one that is good, or another. */
void
qm_paper_listen_key_new(QmPaperCall *call)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz01";
    QmPaperServer *server = call->server;
    int64_t now_ns = qm_paper_loop_now_ns();
    QmPaperListenKey *listen = NULL;
    unsigned char random[QM_PAPER_LISTEN_KEY_SIZE - 1];

    for (int i = 0; i < QM_PAPER_LISTEN_KEYS_MAX; i++)
    {
        QmPaperListenKey *each = &server->listen_keys[i];
        bool is_good = each->key[0] != '\0' && each->expires_ns > now_ns;

        if (is_good && each->account == call->account)
        {
            listen = each;
            break;
        }
        if (!is_good && listen == NULL)
            listen = each;
    }
    if (listen == NULL)
    {
        qm_paper_call_error(call, 429, -1003, "Too many listen keys.");
        return;
    }
    if (listen->account != call->account || listen->expires_ns <= now_ns)
    {
        if (!qm_random(random, sizeof(random)))
        {
            qm_paper_call_body(call, NULL);
            return;
        }
        for (size_t i = 0; i < sizeof(random); i++)
            listen->key[i] = digits[random[i] % 64];
        listen->key[sizeof(random)] = '\0';
        listen->account = call->account;
    }
    listen->expires_ns = now_ns + server->options.listen_key_ms * QM_NS_PER_MS;
    qm_paper_call_body(call, json_pack("{s:s}", "listenKey", listen->key));
}

/* find_key finds a listen key that is good. */
static QmPaperListenKey *
find_key(QmPaperServer *server, const char *key)
{
    for (int i = 0; i < QM_PAPER_LISTEN_KEYS_MAX; i++)
        if (server->listen_keys[i].key[0] != '\0' && strcmp(server->listen_keys[i].key, key) == 0 &&
            server->listen_keys[i].expires_ns > qm_paper_loop_now_ns())
            return &server->listen_keys[i];
    return NULL;
}

/* qm_paper_listen_key_account returns the account of a listen key, -1 when it is none. */
int
qm_paper_listen_key_account(QmPaperServer *server, const char *key)
{
    const QmPaperListenKey *listen = find_key(server, key);

    return listen == NULL ? -1 : listen->account;
}

/* qm_paper_listen_keys_expire ends an account's listen keys, and says so to who hears them; -1: all. */
void
qm_paper_listen_keys_expire(QmPaperServer *server, int account)
{
    for (int i = 0; i < QM_PAPER_LISTEN_KEYS_MAX; i++)
    {
        QmPaperListenKey *listen = &server->listen_keys[i];
        json_t *event;

        if (listen->key[0] == '\0' || (account >= 0 && listen->account != account))
            continue;
        event = json_pack("{s:s, s:I, s:s}",
                          "e",
                          "listenKeyExpired",
                          "E",
                          (json_int_t) qm_paper_wire_ms(server),
                          "listenKey",
                          listen->key);
        qm_paper_stream_tell(server, QM_PAPER_STREAM_USER, -1, listen->account, event);
        json_decref(event);
        for (QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
            for (size_t j = 0; j < socket->subscription_count; j++)
                if (strcmp(socket->subscriptions[j].name, listen->key) == 0)
                    socket->subscriptions[j].stream = QM_PAPER_STREAM_OTHER;
        listen->key[0] = '\0';
    }
}

/* named_key finds the listen key that a call names; NULL, and the call has its error. */
static QmPaperListenKey *
named_key(QmPaperCall *call)
{
    const char *key = qm_paper_need(call, "listenKey");
    QmPaperListenKey *listen = key == NULL ? NULL : find_key(call->server, key);

    if (key != NULL && (listen == NULL || listen->account != call->account))
    {
        qm_paper_call_error(call, 400, -1125, "This listenKey does not exist.");
        return NULL;
    }
    return listen;
}

/* qm_paper_listen_key_keep lengthens the life of a listen key. */
void
qm_paper_listen_key_keep(QmPaperCall *call)
{
    QmPaperListenKey *listen = named_key(call);

    if (listen == NULL)
        return;
    listen->expires_ns = qm_paper_loop_now_ns() + call->server->options.listen_key_ms * QM_NS_PER_MS;
    qm_paper_call_body(call, json_object());
}

/* qm_paper_listen_key_end ends a listen key. */
void
qm_paper_listen_key_end(QmPaperCall *call)
{
    QmPaperListenKey *listen = named_key(call);

    if (listen == NULL)
        return;
    listen->key[0] = '\0';
    qm_paper_call_body(call, json_object());
}

/* qm_paper_session answers what has to do with a session, which keys of this kind cannot have, as at Binance. */
void
qm_paper_session(QmPaperCall *call)
{
    int64_t now_ms = qm_paper_wire_ms(call->server);
    int64_t opened_ms = now_ms - (qm_paper_loop_now_ns() - call->socket->opened_ns) / QM_NS_PER_MS;

    if (strcmp(call->method->name, "session.logon") == 0)
        qm_paper_call_error(call, 400, -4056, "HMAC_SHA256 API key is not supported.");
    else if (strcmp(call->method->name, "userDataStream.subscribe") == 0)
        qm_paper_call_error(call, 401, -1002, "You are not authorized to execute this request.");
    else
        qm_paper_call_body(call,
                           json_pack("{s:n, s:n, s:I, s:b, s:I, s:b}",
                                     "apiKey",
                                     "authorizedSince",
                                     "connectedSince",
                                     (json_int_t) opened_ms,
                                     "returnRateLimits",
                                     1,
                                     "serverTime",
                                     (json_int_t) now_ms,
                                     "userDataStream",
                                     0));
}

/* qm_paper_user_subscribe lets a WebSocket hear the account that has signed, from now on. */
void
qm_paper_user_subscribe(QmPaperCall *call)
{
    int *accounts = call->socket->user_account;
    int free_id = -1;

    for (int id = QM_PAPER_ACCOUNTS_MAX - 1; id >= 0; id--)
    {
        if (accounts[id] == call->account)
        {
            qm_paper_call_error(call, 400, -2035, "User Data Stream subscription already active.");
            return;
        }
        if (accounts[id] < 0)
            free_id = id;
    }
    accounts[free_id] = call->account; /* there are as many ids as accounts */
    qm_paper_call_body(call, json_pack("{s:i}", "subscriptionId", free_id));
}

/* qm_paper_user_unsubscribe ends one subscription, or all. */
void
qm_paper_user_unsubscribe(QmPaperCall *call)
{
    int *accounts = call->socket->user_account;
    bool any = false;
    int64_t wanted;

    if (!qm_paper_whole(call, "subscriptionId", -1, &wanted))
        return;
    for (int id = 0; id < QM_PAPER_ACCOUNTS_MAX; id++)
    {
        json_t *event;

        if (accounts[id] < 0 || (wanted >= 0 && wanted != id))
            continue;
        event = json_pack("{s:i, s:{s:s, s:I}}",
                          "subscriptionId",
                          id,
                          "event",
                          "e",
                          "eventStreamTerminated",
                          "E",
                          (json_int_t) qm_paper_wire_ms(call->server));
        qm_paper_socket_send(call->socket, event);
        json_decref(event);
        accounts[id] = -1;
        any = true;
    }
    if (any)
        qm_paper_call_body(call, json_object());
    else
        qm_paper_call_error(call, 400, -2036, "User Data Stream subscription not active.");
}

/* qm_paper_user_subscriptions lists a WebSocket's subscriptions. */
void
qm_paper_user_subscriptions(QmPaperCall *call)
{
    json_t *list = json_array();

    for (int id = 0; id < QM_PAPER_ACCOUNTS_MAX; id++)
        if (call->socket->user_account[id] >= 0)
            json_array_append_new(list, json_pack("{s:i}", "subscriptionId", id));
    qm_paper_call_body(call, list);
}
