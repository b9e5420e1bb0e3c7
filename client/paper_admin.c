/*
 * The paper exchange's admin port: what its operator, a test or a demo does with
 * it. paper_server.h lists the requests.
 */
#include "paper_rest_orders.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void place(QmPaperCall *call);
static void cancel(QmPaperCall *call);
static void adjust(QmPaperCall *call);
static void halt(QmPaperCall *call);
static void change_filters(QmPaperCall *call);
static void list_faults(QmPaperCall *call);
static void add_fault(QmPaperCall *call);
static void clear_faults(QmPaperCall *call);
static void kill_streams(QmPaperCall *call);
static void write_audit(QmPaperCall *call);
static void stop(QmPaperCall *call);

static const QmPaperMethod methods[] = {
    {.verb = "GET", .path = "/admin/state", .run = qm_paper_admin_state},
    {.verb = "POST", .path = "/admin/follow", .run = qm_paper_admin_follow},
    {.verb = "POST", .path = "/admin/step", .run = qm_paper_admin_step},
    {.verb = "POST", .path = "/admin/leave", .run = qm_paper_admin_leave},
    {.verb = "POST", .path = "/admin/order", .run = place},
    {.verb = "POST", .path = "/admin/cancel", .run = cancel},
    {.verb = "POST", .path = "/admin/balance", .run = adjust},
    {.verb = "POST", .path = "/admin/halt", .run = halt},
    {.verb = "POST", .path = "/admin/filter", .run = change_filters},
    {.verb = "GET", .path = "/admin/fault", .run = list_faults},
    {.verb = "POST", .path = "/admin/fault", .run = add_fault},
    {.verb = "DELETE", .path = "/admin/fault", .run = clear_faults},
    {.verb = "POST", .path = "/admin/kill", .run = kill_streams},
    {.verb = "GET", .path = "/admin/audit", .run = write_audit},
    {.verb = "POST", .path = "/admin/stop", .run = stop},
};

/* qm_paper_admin_method finds what an operator asks for; NULL: nothing. */
const QmPaperMethod *
qm_paper_admin_method(const char *verb, const char *path)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].verb, verb) == 0 && strcmp(methods[i].path, path) == 0)
            return &methods[i];
    return NULL;
}

/* qm_paper_admin_state answers with how things stand. */
void
qm_paper_admin_state(QmPaperCall *call)
{
    const QmPaperServer *server = call->server;
    const QmPaperWorld *world = server->world;
    json_t *prices = json_object();
    int sockets = 0;

    for (const QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
        sockets++;
    for (int i = 0; i < qm_paper_symbol_count(world); i++)
        json_object_set_new(prices,
                            qm_paper_symbol(world, i).name,
                            qm_paper_json_decimal(qm_paper_world_price(world, i)));
    qm_paper_call_body(call,
                       json_pack("{s:I, s:I, s:I, s:b, s:i, s:o}",
                                 "now_ms",
                                 (json_int_t) qm_paper_world_now_ms(world),
                                 "wire_ms",
                                 (json_int_t) qm_paper_wire_ms(server),
                                 "step",
                                 (json_int_t) qm_paper_world_step(world),
                                 "ended",
                                 qm_paper_world_has_ended(world),
                                 "websockets",
                                 sockets,
                                 "prices",
                                 prices));
}

/* named_account reads the account, which may be left out where there is only one. */
static bool
named_account(QmPaperCall *call)
{
    const char *name = qm_paper_argument(call, "account");

    if (name == NULL && qm_paper_account_count(call->server->world) == 1)
        call->account = 0;
    else if (name != NULL || qm_paper_need(call, "account") != NULL)
        call->account = qm_paper_account_by_name(call->server->world, name);
    if (call->account < 0 && call->code == 0)
        qm_paper_call_error(call, 404, -1000, "There is no such account.");
    return call->account >= 0;
}

/* place places an order in the name of an account, as if by another program of its owner. */
static void
place(QmPaperCall *call)
{
    const char *type = qm_paper_argument(call, "type");
    const QmPaperOrder *order;
    QmPaperRequest request;

    if (type != NULL && strcmp(type, "LIMIT") == 0 && qm_paper_argument(call, "timeInForce") == NULL &&
        !qm_paper_param_set(&call->params, "timeInForce", "GTC"))
    {
        qm_paper_call_body(call, NULL);
        return;
    }
    if (named_account(call) && qm_paper_read_request(call, &request) &&
        !qm_paper_call_refused(call, qm_paper_world_external(call->server->world, call->symbol, &request, &order)))
        qm_paper_call_body(call, qm_paper_json_order(call->server, call->symbol, order));
}

/* cancel ends an order: as the exchange does (EXPIRED), or with by=account as its owner does (CANCELED). */
static void
cancel(QmPaperCall *call)
{
    const char *by = qm_paper_argument(call, "by");
    QmPaperWorld *world = call->server->world;
    const QmPaperOrder *order;
    bool by_account = by != NULL && strcmp(by, "account") == 0;

    if (!named_account(call) || !qm_paper_need_symbol(call) ||
        !qm_paper_find_order(call,
                             "orderId",
                             "origClientOrderId",
                             (QmPaperRefusal){-2013, "Order does not exist."},
                             &order))
        return;
    if (!qm_paper_call_refused(call,
                               by_account ? qm_paper_world_cancel(world, call->account, call->symbol, order->id, NULL)
                                          : qm_paper_world_expel(world, call->account, call->symbol, order->id)))
        qm_paper_call_body(call, json_object());
}

/* adjust adds to a balance, or takes from it. */
static void
adjust(QmPaperCall *call)
{
    QmPaperWorld *world = call->server->world;
    const char *name = qm_paper_need(call, "asset");
    const char *text = name == NULL ? NULL : qm_paper_need(call, "amount");
    bool is_less = text != NULL && text[0] == '-';
    QmPaperDecimal amount;
    int asset;

    if (text == NULL || !named_account(call))
        return;
    asset = qm_paper_asset_by_name(world, name);
    if (asset < 0)
        qm_paper_call_error(call, 404, -1000, "There is no such asset.");
    else if (!qm_paper_read(text + is_less, &amount))
        qm_paper_call_error(call, 400, -1100, "The amount is no decimal with at most 8 places.");
    else if (!qm_paper_world_adjust(world, call->account, asset, is_less ? -amount : amount))
        qm_paper_call_error(call, 400, -2010, "Account has insufficient balance for requested action.");
    else
        qm_paper_admin_state(call);
}

static void
halt(QmPaperCall *call)
{
    static const char *const words[] = {"false", "true", NULL};
    int word;
    QmPaperRules rules;

    if (!qm_paper_need_symbol(call))
        return;
    word = qm_paper_word(call, "halted", words, -1100, "halted is true or false.");
    if (word == -2)
        return;
    rules = *qm_paper_symbol(call->server->world, call->symbol).rules;
    rules.halted = word != 0;
    qm_paper_world_set_rules(call->server->world, call->symbol, &rules);
    qm_paper_admin_state(call);
}

/* change_filters sets the filters that are named, and lets the others be. */
static void
change_filters(QmPaperCall *call)
{
    QmPaperRules rules;
    int64_t orders_max;
    const struct
    {
        const char *name;
        QmPaperDecimal *value;
    } filters[] = {
        {"tickSize", &rules.tick},
        {"minPrice", &rules.price_min},
        {"maxPrice", &rules.price_max},
        {"stepSize", &rules.step},
        {"minQty", &rules.quantity_min},
        {"maxQty", &rules.quantity_max},
        {"minNotional", &rules.notional_min},
        {"makerFee", &rules.fee_maker},
        {"takerFee", &rules.fee_taker},
    };

    if (!qm_paper_need_symbol(call))
        return;
    rules = *qm_paper_symbol(call->server->world, call->symbol).rules;
    if (!qm_paper_whole(call, "maxNumOrders", rules.orders_max, &orders_max))
        return;
    rules.orders_max = orders_max > INT32_MAX ? INT32_MAX : (int) orders_max;
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
        if (qm_paper_argument(call, filters[i].name) != NULL &&
            !qm_paper_decimal(call, filters[i].name, filters[i].value))
            return;
    qm_paper_world_set_rules(call->server->world, call->symbol, &rules);
    qm_paper_admin_state(call);
}

static void
list_faults(QmPaperCall *call)
{
    qm_paper_call_body(call, qm_paper_fault_list(call->server->world));
}

/* add_fault adds a fault to the plan; the body describes it. */
static void
add_fault(QmPaperCall *call)
{
    json_t *json = json_loads(call->text, 0, NULL);
    QmPaperFault fault;
    QmError error = {0};
    int id = 0;

    if (!json_is_object(json))
        qm_paper_call_error(call, 400, -1100, "The body is no JSON object.");
    else if (qm_paper_fault_read(call->server->world, json, &fault, &error) != QM_OK ||
             qm_paper_fault_add(call->server->world, &fault, &id, &error) != QM_OK)
        qm_paper_call_error(call, 400, -1100, "%s", error.message);
    else
        qm_paper_call_body(call, json_pack("{s:i}", "id", id));
    json_decref(json);
}

/* clear_faults ends one fault, or all. */
static void
clear_faults(QmPaperCall *call)
{
    int64_t id;

    if (!qm_paper_whole(call, "id", 0, &id))
        return;
    if (id == 0)
        qm_paper_fault_clear(call->server->world);
    else if (id > INT32_MAX || !qm_paper_fault_remove(call->server->world, (int) id))
    {
        qm_paper_call_error(call, 404, -1000, "There is no such fault.");
        return;
    }
    list_faults(call);
}

/* end_sockets cuts or silences the WebSockets that hear an account; -1: all. */
static void
end_sockets(QmPaperServer *server, int account, bool silently)
{
    for (QmPaperSocket *socket = server->sockets; socket != NULL; socket = socket->next)
    {
        bool is_meant = account < 0;

        for (int id = 0; id < QM_PAPER_ACCOUNTS_MAX; id++)
            is_meant = is_meant || socket->user_account[id] == account;
        for (size_t i = 0; i < socket->subscription_count; i++)
            is_meant = is_meant || (socket->subscriptions[i].stream == QM_PAPER_STREAM_USER &&
                                    socket->subscriptions[i].argument == account);
        if (is_meant && silently)
            qm_paper_socket_silence(socket);
        else if (is_meant)
            qm_paper_socket_cut(socket);
    }
}

/* kill_streams cuts WebSockets; how=silent: they stay open and say nothing more; how=end: with the exchange's farewell. */
static void
kill_streams(QmPaperCall *call)
{
    static const char *const ways[] = {"cut", "silent", "end", NULL};
    int way = qm_paper_word(call, "how", ways, -1100, "how is cut, silent or end.");

    if (way == -2 || (qm_paper_argument(call, "account") != NULL && !named_account(call)))
        return;
    if (way == 2)
        qm_paper_user_terminate(call->server, call->account);
    else
        end_sockets(call->server, call->account, way == 1);
    qm_paper_admin_state(call);
}

/* qm_paper_admin_fault does what a fault of a moment wants of the server. */
void
qm_paper_admin_fault(QmPaperServer *server, const QmPaperFault *fault)
{
    if (fault->kind == QM_PAPER_KILL_STREAMS)
        end_sockets(server, fault->account, fault->value != 0);
    else if (fault->kind == QM_PAPER_EXPIRE_KEYS)
        qm_paper_listen_keys_expire(server, fault->account);
}

/* write_audit answers with the log, by way of a file: it may be larger than memory. */
static void
write_audit(QmPaperCall *call)
{
    FILE *file = tmpfile();

    if (file == NULL || !qm_paper_audit_write(call->server->world, file) || fflush(file) != 0)
        qm_paper_call_error(call, 500, -1000, "The log cannot be written to a file.");
    else
        call->file = dup(fileno(file));
    if (file != NULL)
        fclose(file);
}

/* stop ends the server after the reply has been given out. */
static void
stop(QmPaperCall *call)
{
    qm_paper_call_body(call, json_object());
    qm_paper_timer_set(&call->server->loop, &call->server->stop_timer, 50);
}
