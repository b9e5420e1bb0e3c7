/*
 * A call's way through the paper exchange: checked, held up where a fault wants it,
 * answered by its method, held up again, and told to leave at the end of the turn.
 */
#include "paper_server_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECV_WINDOW_US INT64_C(5000000)
#define RECV_WINDOW_MAX_US INT64_C(60000000)
#define AHEAD_MAX_US INT64_C(1000000)
#define MICROSECONDS_FROM INT64_C(100000000000000) /* a timestamp above this is in microseconds */

static bool is_admitted(QmPaperCall *call);
static bool is_in_time(QmPaperCall *call);
static void hold(QmPaperCall *call, int64_t ms, void (*fire)(void *context));
static void meet(void *context);
static void leave(void *context);
static const char *failure_text(int code);

/* qm_paper_call_begin takes a call whose parameters have been read. Its reply() is called once, not from here. */
void
qm_paper_call_begin(QmPaperCall *call)
{
    const char *symbol = qm_paper_param(&call->params, "symbol");

    call->account = -1;
    call->symbol = symbol == NULL ? -1 : qm_paper_symbol_by_name(call->server->world, symbol);
    call->status = 200;
    if (!qm_paper_weigh(call, call->method->weight) || !is_admitted(call) || !is_in_time(call))
    {
        qm_paper_call_answer(call);
        return;
    }
    call->mishap = qm_paper_fault_request(call->server->world, call->method->endpoint, call->account, call->symbol);
    if (call->mishap.delay_before_ms > 0)
        hold(call, call->mishap.delay_before_ms, meet);
    else
        meet(call);
}

/* is_admitted checks the key and the signature. */
static bool
is_admitted(QmPaperCall *call)
{
    const char *key = call->api_key;
    const char *signature;

    if (call->params.too_many || call->params.duplicate)
        qm_paper_call_error(call, 400, -1101, "Duplicate values for a parameter detected.");
    else if (call->params.malformed)
        qm_paper_call_error(call, 400, -1100, "Illegal characters found in a parameter.");
    if (call->code != 0 || call->method->security == QM_PAPER_OPEN)
        return call->code == 0;
    if (key == NULL || key[0] == '\0' ||
        strspn(key, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != strlen(key))
    {
        qm_paper_call_error(call, 401, -2014, "API-key format invalid.");
        return false;
    }
    call->account = qm_paper_account_by_key(call->server->world, key);
    if (call->account < 0)
        qm_paper_call_error(call, 401, -2015, "Invalid API-key, IP, or permissions for action.");
    if (call->account < 0 || call->method->security == QM_PAPER_KEYED)
        return call->account >= 0;
    signature = qm_paper_need(call, "signature");
    if (signature == NULL || qm_paper_need(call, "timestamp") == NULL)
        return false;
    call->is_signed = call->verify(call, qm_paper_account_secret(call->server->world, call->account), signature);
    if (!call->is_signed)
        qm_paper_call_error(call, 400, -1022, "Signature for this request is not valid.");
    return call->is_signed;
}

/* is_in_time holds a signed request's timestamp to the wire's clock; what a fault has held up may be too late. */
static bool
is_in_time(QmPaperCall *call)
{
    int64_t now_us = qm_paper_wire_ms(call->server) * 1000;
    QmPaperDecimal window = RECV_WINDOW_US * (QM_PAPER_ONE / 1000);
    int64_t window_us;
    int64_t timestamp;

    if (call->method->security != QM_PAPER_SIGNED)
        return true;
    if (!qm_paper_whole(call, "timestamp", 0, &timestamp))
        return false;
    if (qm_paper_param(&call->params, "recvWindow") != NULL && !qm_paper_decimal(call, "recvWindow", &window))
        return false;
    window_us = window / (QM_PAPER_ONE / 1000);
    if (window_us > RECV_WINDOW_MAX_US)
    {
        qm_paper_call_error(call, 400, -1131, "recvWindow must be less than 60000.");
        return false;
    }
    if (timestamp < MICROSECONDS_FROM)
        timestamp *= 1000;
    if (timestamp >= now_us + AHEAD_MAX_US)
        qm_paper_call_error(call, 400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");
    else if (now_us - timestamp > window_us)
        qm_paper_call_error(call, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
    return call->code == 0;
}

/* hold keeps a call back for a time. */
static void
hold(QmPaperCall *call, int64_t ms, void (*fire)(void *context))
{
    QmPaperServer *server = call->server;

    call->next_held = server->held;
    call->held_by = &server->held;
    if (server->held != NULL)
        server->held->held_by = &call->next_held;
    server->held = call;
    call->timer.fire = fire;
    call->timer.context = call;
    qm_paper_timer_set(&server->loop, &call->timer, ms);
}

/* let_go takes a call out of those that are held. */
static void
let_go(QmPaperCall *call)
{
    if (call->held_by == NULL)
        return;
    *call->held_by = call->next_held;
    if (call->next_held != NULL)
        call->next_held->held_by = call->held_by;
    call->held_by = NULL;
    call->next_held = NULL;
}

/* meet lets a call ask the world, unless a fault stands before it. */
static void
meet(void *context)
{
    QmPaperCall *call = context;
    const QmPaperMishap *mishap = &call->mishap;

    let_go(call);
    if (mishap->http_before != 0)
    {
        call->retry_after_s = mishap->retry_after_s;
        qm_paper_call_error(call, mishap->http_before, mishap->code, "%s", failure_text(mishap->code));
    }
    else if (call->method->path == NULL && call->socket == NULL)
        qm_paper_call_error(call, 400, -1000, "The connection has gone.");
    else if (is_in_time(call))
    {
        if (!call->method->counts_order || qm_paper_count_order(call))
            call->method->run(call);
        call->is_met = true;
        qm_paper_user_flush(call->server);
    }
    if (call->is_met && mishap->http_after != 0)
        qm_paper_call_error(call, mishap->http_after, mishap->code, "%s", failure_text(mishap->code));
    if (mishap->delay_after_ms > 0)
        hold(call, mishap->delay_after_ms, leave);
    else
        qm_paper_call_answer(call);
}

static void
leave(void *context)
{
    let_go(context);
    qm_paper_call_answer(context);
}

/* qm_paper_call_answer lets the reply leave at the end of the turn. */
void
qm_paper_call_answer(QmPaperCall *call)
{
    call->next = NULL;
    *call->server->replies_end = call;
    call->server->replies_end = &call->next;
}

/* qm_paper_calls_reply sends the replies of this turn, and those that they bring about. */
void
qm_paper_calls_reply(QmPaperServer *server)
{
    while (server->replies != NULL)
    {
        QmPaperCall *call = server->replies;

        server->replies = call->next;
        if (server->replies == NULL)
            server->replies_end = &server->replies;
        call->reply(call);
    }
}

/* qm_paper_calls_drop answers what faults still hold up, for the server is being closed. */
void
qm_paper_calls_drop(QmPaperServer *server)
{
    while (server->held != NULL)
    {
        QmPaperCall *call = server->held;

        qm_paper_timer_drop(&server->loop, &call->timer);
        let_go(call);
        qm_paper_call_answer(call);
    }
    qm_paper_calls_reply(server);
}

/* qm_paper_calls_orphan makes the calls of a socket that is gone go on without it. */
void
qm_paper_calls_orphan(QmPaperServer *server, const QmPaperSocket *socket)
{
    for (QmPaperCall *call = server->held; call != NULL; call = call->next_held)
        if (call->socket == socket)
            call->socket = NULL;
    for (QmPaperCall *call = server->replies; call != NULL; call = call->next)
        if (call->socket == socket)
            call->socket = NULL;
}

/* qm_paper_call_clear frees what a call holds, but not the call. */
void
qm_paper_call_clear(QmPaperCall *call)
{
    let_go(call);
    qm_paper_timer_drop(&call->server->loop, &call->timer);
    json_decref(call->body);
    call->body = NULL;
    if (call->file > 0)
        close(call->file);
    call->file = 0;
    qm_paper_params_free(&call->params);
}

/* qm_paper_call_body answers a call. */
void
qm_paper_call_body(QmPaperCall *call, json_t *body)
{
    json_decref(call->body);
    call->body = body;
    if (body == NULL)
        qm_paper_call_error(call, 500, -1000, "%s", failure_text(-1000));
}

/* qm_paper_call_error answers a call with an error. */
void
qm_paper_call_error(QmPaperCall *call, int status, int code, const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    json_decref(call->body);
    call->body = json_pack("{s:i, s:s}", "code", code, "msg", message);
    call->status = status;
    call->code = code;
}

/* qm_paper_call_refused answers with a refusal of the world; false: it is none. */
bool
qm_paper_call_refused(QmPaperCall *call, QmPaperRefusal refusal)
{
    if (refusal.code != 0)
        qm_paper_call_error(call, 400, refusal.code, "%s", refusal.message);
    return refusal.code != 0;
}

/* failure_text says what an exchange that fails says. */
static const char *
failure_text(int code)
{
    switch (code)
    {
        case -1003:
            return "Too many requests; current limit of IP is 6000 requests per minute. Please use WebSocket Streams "
                   "for live "
                   "updates to avoid bans.";
        case -1006:
            return "An unexpected response was received from the message bus. Execution status unknown.";
        case -1007:
            return "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
        case -1008:
            return "Server is currently overloaded with other requests. Please try again in a few minutes.";
        case -1015:
            return "Too many new orders.";
        case -2010:
            return "Account has insufficient balance for requested action.";
        default:
            return "An unknown error occurred while processing the request.";
    }
}
