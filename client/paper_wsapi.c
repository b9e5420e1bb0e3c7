/*
 * The WebSocket API of the paper exchange: requests by messages, which are the same
 * calls as those over HTTP. Replies have the id of their request and may come in any order.
 */
#include "paper_server_inside.h"

#include <stdlib.h>
#include <string.h>

/* A call that came by a message. */
typedef struct Message
{
    QmPaperCall call; /* first */
    char peer[QM_PAPER_PEER_SIZE];
    json_t *id;
    bool wants_limits;
} Message;

static void begin(QmPaperSocket *socket, const char *text, const json_t *request);
static void reply(QmPaperCall *call);
static bool verify(QmPaperCall *call, const char *secret, const char *signature);
static void refuse(QmPaperSocket *socket, json_t *id, int code, const char *text);

/* qm_paper_api_message takes a request. */
void
qm_paper_api_message(QmPaperSocket *socket, const char *text)
{
    json_t *request = json_loads(text, 0, NULL);
    json_t *id = json_object_get(request, "id");
    const char *name = json_string_value(json_object_get(request, "method"));
    const json_t *params = json_object_get(request, "params");

    if (!json_is_object(request))
        refuse(socket, NULL, -1000, "Failed to decode JSON-formatted request.");
    else if (id != NULL && !json_is_integer(id) && !json_is_null(id) &&
             (!json_is_string(id) || json_string_length(id) > QM_PAPER_WS_ID_MAX))
        refuse(socket, NULL, -1135, "Invalid JSON Request");
    else if (name == NULL || (params != NULL && !json_is_object(params)))
        refuse(socket, id, -1135, "Invalid JSON Request");
    else if (qm_paper_method_by_name(name) == NULL)
        refuse(socket, id, -1000, "Invalid 'method' in JSON request");
    else
        begin(socket, text, request);
    json_decref(request);
}

/* begin makes a call of a request that can be read. */
static void
begin(QmPaperSocket *socket, const char *text, const json_t *request)
{
    Message *message = calloc(1, sizeof(*message));
    QmPaperCall *call = (QmPaperCall *) message;
    json_t *id = json_object_get(request, "id");

    if (message == NULL)
    {
        qm_paper_socket_cut(socket);
        return;
    }
    memcpy(message->peer, socket->peer, sizeof(message->peer));
    message->id = id == NULL ? json_null() : json_incref(id);
    call->server = socket->server;
    call->socket = socket;
    call->peer = message->peer;
    call->reply = reply;
    call->verify = verify;
    call->method = qm_paper_method_by_name(json_string_value(json_object_get(request, "method")));
    if (!qm_paper_params_json(&call->params, text))
    {
        qm_paper_call_clear(call);
        json_decref(message->id);
        free(message);
        qm_paper_socket_cut(socket);
        return;
    }
    call->api_key = qm_paper_param(&call->params, "apiKey");
    message->wants_limits = qm_paper_param(&call->params, "returnRateLimits") == NULL ||
                            strcmp(qm_paper_param(&call->params, "returnRateLimits"), "false") != 0;
    qm_paper_call_begin(call);
}

static bool
verify(QmPaperCall *call, const char *secret, const char *signature)
{
    return qm_paper_message_signed(secret, &call->params, signature);
}

/* reply sends the answer, or does with it and with the connection what a fault wants. */
static void
reply(QmPaperCall *call)
{
    Message *message = (Message *) call;
    QmPaperSocket *socket = call->socket;

    if (socket != NULL && call->is_met && (call->mishap.drops_reply || call->mishap.cuts_reply))
        qm_paper_socket_cut(socket);
    else if (socket != NULL)
    {
        json_t *body = json_pack("{s:O, s:i, s:O}",
                                 "id",
                                 message->id,
                                 "status",
                                 call->status,
                                 call->code == 0 ? "result" : "error",
                                 call->body);

        if (call->retry_after_s > 0)
            json_object_set_new(json_object_get(body, "error"),
                                "data",
                                json_pack("{s:I, s:I}",
                                          "serverTime",
                                          (json_int_t) qm_paper_wire_ms(call->server),
                                          "retryAfter",
                                          (json_int_t) (qm_paper_wire_ms(call->server) +
                                                        call->retry_after_s * 1000LL)));
        if (message->wants_limits)
            json_object_set_new(body, "rateLimits", qm_paper_json_limits(call->server, call));
        qm_paper_socket_send(socket, body);
        json_decref(body);
    }
    json_decref(message->id);
    qm_paper_call_clear(call);
    free(message);
}

/* refuse answers a request that cannot be read. */
static void
refuse(QmPaperSocket *socket, json_t *id, int code, const char *text)
{
    json_t *body = json_pack("{s:O, s:i, s:{s:i, s:s}, s:[]}",
                             "id",
                             id == NULL ? json_null() : id,
                             "status",
                             400,
                             "error",
                             "code",
                             code,
                             "msg",
                             text,
                             "rateLimits");

    qm_paper_socket_send(socket, body);
    json_decref(body);
}
