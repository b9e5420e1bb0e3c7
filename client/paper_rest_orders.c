/*
 * Orders at the paper exchange: placed, tried out and canceled, and what is answered.
 */
#include "paper_rest_orders.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum Answer
{
    ANSWER_ACK,
    ANSWER_RESULT,
    ANSWER_FULL,
    ANSWER_DEFAULT
} Answer;

static bool read_type(QmPaperCall *call, QmPaperRequest *request);
static bool read_amounts(QmPaperCall *call, QmPaperRequest *request);
static bool read_force(QmPaperCall *call, QmPaperRequest *request);
static bool read_rest(QmPaperCall *call, QmPaperRequest *request);
static bool read_answer(QmPaperCall *call, Answer *answer);

/* qm_paper_read_request reads a new order; false, and the call has its error. */
bool
qm_paper_read_request(QmPaperCall *call, QmPaperRequest *request)
{
    static const char *const sides[] = {"BUY", "SELL", NULL};
    int side;

    *request =
        (QmPaperRequest){.account = call->account, .client_id = qm_paper_param(&call->params, "newClientOrderId")};
    if (!qm_paper_need_symbol(call) || qm_paper_need(call, "side") == NULL)
        return false;
    side = qm_paper_word(call, "side", sides, -1117, "Invalid side.");
    if (side < 0)
        return false;
    request->side = side == 0 ? QM_PAPER_BUY : QM_PAPER_SELL;
    return read_type(call, request) && read_force(call, request) && read_amounts(call, request) &&
           read_rest(call, request);
}

/* read_type reads the type; those that Binance knows and this exchange does not are refused in its words. */
static bool
read_type(QmPaperCall *call, QmPaperRequest *request)
{
    static const char *const types[] =
        {"LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT", NULL};
    static const char *const others[] = {"Stop loss", "Stop loss limit", "Take profit", "Take profit limit"};
    int type;

    if (qm_paper_need(call, "type") == NULL)
        return false;
    type = qm_paper_word(call, "type", types, -1116, "Invalid orderType.");
    if (type < 0)
        return false;
    request->type = (QmPaperType) type;
    if (type > QM_PAPER_MARKET)
        qm_paper_call_error(call, 400, -2010, "%s orders are not supported for this symbol.", others[type - 3]);
    else if (qm_paper_argument(call, "icebergQty") != NULL)
        qm_paper_call_error(call, 400, -2010, "Iceberg orders are not supported for this symbol.");
    else if (qm_paper_argument(call, "stopPrice") != NULL)
        qm_paper_call_error(call, 400, -1106, "Parameter 'stopPrice' sent when not required.");
    return call->code == 0;
}

/* unwanted refuses a parameter that goes with another type of orders. */
static bool
unwanted(QmPaperCall *call, const char *name)
{
    if (qm_paper_argument(call, name) == NULL)
        return false;
    qm_paper_call_error(call, 400, -1106, "Parameter '%s' sent when not required.", name);
    return true;
}

static bool
read_force(QmPaperCall *call, QmPaperRequest *request)
{
    static const char *const forces[] = {"GTC", "IOC", "FOK", NULL};
    int force;

    if (request->type != QM_PAPER_LIMIT)
    {
        request->force = request->type == QM_PAPER_MARKET ? QM_PAPER_IOC : QM_PAPER_GTC;
        return !unwanted(call, "timeInForce");
    }
    if (qm_paper_need(call, "timeInForce") == NULL)
        return false;
    force = qm_paper_word(call, "timeInForce", forces, -1115, "Invalid timeInForce.");
    request->force = force < 0 ? QM_PAPER_GTC : (QmPaperForce) force;
    return force >= 0;
}

static bool
read_amounts(QmPaperCall *call, QmPaperRequest *request)
{
    bool has_amount = qm_paper_argument(call, "quoteOrderQty") != NULL;

    if (request->type != QM_PAPER_MARKET)
        return !unwanted(call, "quoteOrderQty") && qm_paper_decimal(call, "quantity", &request->quantity) &&
               qm_paper_decimal(call, "price", &request->price);
    if (unwanted(call, "price"))
        return false;
    if (has_amount && qm_paper_argument(call, "quantity") != NULL)
        return !unwanted(call, "quoteOrderQty");
    if (!has_amount && qm_paper_argument(call, "quantity") == NULL)
    {
        qm_paper_call_error(call,
                            400,
                            -1102,
                            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!");
        return false;
    }
    return has_amount ? qm_paper_decimal(call, "quoteOrderQty", &request->amount)
                      : qm_paper_decimal(call, "quantity", &request->quantity);
}

/* read_rest reads what has a default. */
static bool
read_rest(QmPaperCall *call, QmPaperRequest *request)
{
    static const char *const modes[] = {"EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE", NULL};
    int64_t strategy;
    int mode = qm_paper_word(call,
                             "selfTradePreventionMode",
                             modes,
                             -1013,
                             "This symbol does not allow the specified self-trade prevention mode.");

    if (mode == -2 || !qm_paper_whole(call, "strategyId", 0, &strategy) ||
        !qm_paper_whole(call, "strategyType", 1000000, &strategy))
        return false;
    if (strategy < 1000000)
        qm_paper_call_error(call, 400, -1134, "Parameter 'strategyType' was less than 1000000.");
    request->stp = mode < 0 ? QM_PAPER_EXPIRE_MAKER : (QmPaperStp) mode;
    return call->code == 0;
}

static bool
read_answer(QmPaperCall *call, Answer *answer)
{
    static const char *const answers[] = {"ACK", "RESULT", "FULL", NULL};
    int word = qm_paper_word(call,
                             "newOrderRespType",
                             answers,
                             -1102,
                             "Mandatory parameter 'newOrderRespType' was not sent, was empty/null, or malformed.");

    *answer = word < 0 ? ANSWER_DEFAULT : (Answer) word;
    return word != -2;
}

/* put_outcome adds what answers to placements and cancels say of an order. */
static void
put_outcome(json_t *body, const QmPaperOrder *order)
{
    json_object_set_new(body, "price", qm_paper_json_decimal(order->price));
    json_object_set_new(body, "origQty", qm_paper_json_decimal(order->quantity));
    json_object_set_new(body, "executedQty", qm_paper_json_decimal(order->filled));
    json_object_set_new(body, "origQuoteOrderQty", qm_paper_json_decimal(order->amount));
    json_object_set_new(body, "cummulativeQuoteQty", qm_paper_json_decimal(order->quote));
    json_object_set_new(body, "status", json_string(qm_paper_status_name(order->status)));
    json_object_set_new(body, "timeInForce", json_string(qm_paper_force_name(order->force)));
    json_object_set_new(body, "type", json_string(qm_paper_type_name(order->type)));
    json_object_set_new(body, "side", json_string(order->side == QM_PAPER_BUY ? "BUY" : "SELL"));
}

/* placed_body answers a placement as shortly or as fully as was asked for. */
static json_t *
placed_body(const QmPaperServer *server, int symbol, const QmPaperOrder *order, Answer answer)
{
    const char *expiry = qm_paper_expiry_name(order->expiry);
    json_t *body = json_pack("{s:s, s:I, s:i, s:s, s:I}",
                             "symbol",
                             qm_paper_symbol(server->world, symbol).name,
                             "orderId",
                             (json_int_t) order->id,
                             "orderListId",
                             -1,
                             "clientOrderId",
                             order->client_id,
                             "transactTime",
                             (json_int_t) qm_paper_dated_ms(server, order->wire_updated_ms));

    if (answer == ANSWER_DEFAULT)
        answer = order->type == QM_PAPER_LIMIT_MAKER ? ANSWER_ACK : ANSWER_FULL;
    if (answer == ANSWER_ACK)
        return body;
    put_outcome(body, order);
    json_object_set_new(body, "workingTime", json_integer(qm_paper_dated_ms(server, order->wire_created_ms)));
    json_object_set_new(body, "selfTradePreventionMode", json_string(qm_paper_stp_name(order->stp)));
    if (expiry != NULL)
        json_object_set_new(body, "expiryReason", json_string(expiry));
    if (answer == ANSWER_FULL)
        json_object_set(body, "fills", server->fills);
    return body;
}

/* qm_paper_order_place places an order. Its fills are those that the world tells of meanwhile. */
void
qm_paper_order_place(QmPaperCall *call)
{
    QmPaperServer *server = call->server;
    const QmPaperOrder *order;
    QmPaperRequest request;
    Answer answer;

    if (!qm_paper_read_request(call, &request) || !read_answer(call, &answer))
        return;
    json_decref(server->fills);
    server->fills = json_array();
    if (!qm_paper_call_refused(call, qm_paper_world_place(server->world, call->symbol, &request, &order)))
        qm_paper_call_body(call, placed_body(server, call->symbol, order, answer));
}

/* qm_paper_order_test says what would be refused. */
void
qm_paper_order_test(QmPaperCall *call)
{
    QmPaperRequest request;
    Answer answer;

    if (qm_paper_read_request(call, &request) && read_answer(call, &answer) &&
        !qm_paper_call_refused(call, qm_paper_world_check(call->server->world, call->symbol, &request)))
        qm_paper_call_body(call, json_object());
}

/*
 * qm_paper_find_order finds the order that a call names, by its id, by its client
 * order id, or by both, which have to be of one order then. absent: what is said when
 * there is none.
 */
bool
qm_paper_find_order(QmPaperCall *call, const char *id_name, const char *client_name, QmPaperRefusal absent,
                    const QmPaperOrder **order)
{
    const char *client_id = qm_paper_argument(call, client_name);
    QmPaperRefusal refusal;
    int64_t id;

    if (!qm_paper_whole(call, id_name, 0, &id))
        return false;
    if (id == 0 && client_id == NULL)
    {
        qm_paper_call_error(call,
                            400,
                            -1102,
                            "Param '%s' or '%s' must be sent, but both were empty/null!",
                            client_name,
                            id_name);
        return false;
    }
    refusal = id != 0 ? qm_paper_world_by_id(call->server->world, call->account, call->symbol, id, order)
                      : qm_paper_world_by_client_id(call->server->world, call->account, call->symbol, client_id, order);
    if (refusal.code == -2013 ||
        (refusal.code == 0 && client_id != NULL && strcmp((*order)->client_id, client_id) != 0))
        refusal = absent;
    return !qm_paper_call_refused(call, refusal);
}

/* cancel ends an open order and returns what is answered; NULL, and the call has its error. */
static json_t *
cancel(QmPaperCall *call, const QmPaperOrder *order, const char *cancel_id)
{
    QmPaperServer *server = call->server;
    char original[QM_PAPER_ID_MAX + 1];
    char made[QM_PAPER_ID_MAX + 1];
    int64_t id = order->id;
    json_t *body;

    snprintf(original, sizeof(original), "%s", order->client_id);
    snprintf(made, sizeof(made), "cancel%016" PRId64, id);
    if (cancel_id == NULL)
        cancel_id = made;
    if (qm_paper_call_refused(call, qm_paper_world_cancel(server->world, call->account, call->symbol, id, cancel_id)) ||
        qm_paper_call_refused(call, qm_paper_world_by_id(server->world, call->account, call->symbol, id, &order)))
        return NULL;
    body = json_pack("{s:s, s:s, s:I, s:i, s:s, s:I}",
                     "symbol",
                     qm_paper_symbol(server->world, call->symbol).name,
                     "origClientOrderId",
                     original,
                     "orderId",
                     (json_int_t) id,
                     "orderListId",
                     -1,
                     "clientOrderId",
                     cancel_id,
                     "transactTime",
                     (json_int_t) qm_paper_wire_ms(server));
    put_outcome(body, order);
    json_object_set_new(body, "selfTradePreventionMode", json_string(qm_paper_stp_name(order->stp)));
    return body;
}

/*
 * qm_paper_cancel_named cancels the order that a call names. It returns what is
 * answered; NULL, and the call has its error.
 */
json_t *
qm_paper_cancel_named(QmPaperCall *call, const char *id_name, const char *client_name, const char *cancel_name)
{
    static const char *const restrictions[] = {"ONLY_NEW", "ONLY_PARTIALLY_FILLED", NULL};
    static const QmPaperRefusal unknown = {-2011, "Unknown order sent."};
    int restriction = qm_paper_word(call, "cancelRestrictions", restrictions, -1145, "Invalid cancelRestrictions");
    const QmPaperOrder *order;

    if (restriction == -2 || !qm_paper_find_order(call, id_name, client_name, unknown, &order))
        return NULL;
    if (restriction >= 0 && qm_paper_is_open(order) && order->status != (QmPaperStatus) restriction)
    {
        qm_paper_call_error(call, 400, -2011, "Order was not canceled due to cancel restrictions.");
        return NULL;
    }
    return cancel(call, order, qm_paper_argument(call, cancel_name));
}

/* qm_paper_order_cancel cancels one order. */
void
qm_paper_order_cancel(QmPaperCall *call)
{
    json_t *body;

    if (!qm_paper_need_symbol(call))
        return;
    body = qm_paper_cancel_named(call, "orderId", "origClientOrderId", "newClientOrderId");
    if (call->code == 0)
        qm_paper_call_body(call, body);
}

/* qm_paper_orders_cancel cancels all open orders of a symbol; none is an error, as at Binance. */
void
qm_paper_orders_cancel(QmPaperCall *call)
{
    const QmPaperOrder *order;
    json_t *bodies;

    if (!qm_paper_need_symbol(call))
        return;
    bodies = json_array();
    while (call->code == 0 &&
           qm_paper_world_open_orders(call->server->world, call->account, call->symbol, &order, 1) > 0)
        json_array_append_new(bodies, cancel(call, order, NULL));
    if (call->code == 0 && json_array_size(bodies) == 0)
        qm_paper_call_error(call, 400, -2011, "Unknown order sent.");
    if (call->code == 0)
        qm_paper_call_body(call, json_incref(bodies));
    json_decref(bodies);
}
