/*
 * What the paper exchange answers, as JSON: the words for states and types, and
 * the objects that several answers share. NULL: no memory.
 */
#include "paper_server_inside.h"

/* qm_paper_json_decimal writes a decimal as the exchange does: a text with eight places. */
json_t *
qm_paper_json_decimal(QmPaperDecimal value)
{
    char text[QM_PAPER_DECIMAL_SIZE];

    qm_paper_print(value, text);
    return json_string(text);
}

/* qm_paper_json_order writes an order as queries answer it. */
json_t *
qm_paper_json_order(const QmPaperServer *server, int symbol, const QmPaperOrder *order)
{
    return json_pack("{s:s, s:I, s:i, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:b, s:I, s:o, "
                     "s:s}",
                     "symbol",
                     qm_paper_symbol(server->world, symbol).name,
                     "orderId",
                     (json_int_t) order->id,
                     "orderListId",
                     -1,
                     "clientOrderId",
                     order->client_id,
                     "price",
                     qm_paper_json_decimal(order->price),
                     "origQty",
                     qm_paper_json_decimal(order->quantity),
                     "executedQty",
                     qm_paper_json_decimal(order->filled),
                     "cummulativeQuoteQty",
                     qm_paper_json_decimal(order->quote),
                     "status",
                     qm_paper_status_name(order->status),
                     "timeInForce",
                     qm_paper_force_name(order->force),
                     "type",
                     qm_paper_type_name(order->type),
                     "side",
                     order->side == QM_PAPER_BUY ? "BUY" : "SELL",
                     "stopPrice",
                     qm_paper_json_decimal(0),
                     "icebergQty",
                     qm_paper_json_decimal(0),
                     "time",
                     (json_int_t) qm_paper_dated_ms(server, order->wire_created_ms),
                     "updateTime",
                     (json_int_t) qm_paper_dated_ms(server, order->wire_updated_ms),
                     "isWorking",
                     1,
                     "workingTime",
                     (json_int_t) qm_paper_dated_ms(server, order->wire_created_ms),
                     "origQuoteOrderQty",
                     qm_paper_json_decimal(order->amount),
                     "selfTradePreventionMode",
                     qm_paper_stp_name(order->stp));
}

/* limit writes one rate limit; a count of -1 is left out. */
static json_t *
limit(const char *type, const char *interval, int number, int most, int64_t count)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:i}",
                               "rateLimitType",
                               type,
                               "interval",
                               interval,
                               "intervalNum",
                               number,
                               "limit",
                               most < 0 ? INT32_MAX : most);

    if (count >= 0 && json_object_set_new(object, "count", json_integer(count)) != 0)
    {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* qm_paper_json_limits lists the rate limits; with what the call has used of them if there is one. */
json_t *
qm_paper_json_limits(const QmPaperServer *server, const QmPaperCall *call)
{
    const QmPaperServerOptions *options = &server->options;
    bool counts = call != NULL && call->account >= 0 && call->method != NULL && call->method->counts_order;
    json_t *list = json_array();

    if (call == NULL || counts)
    {
        json_array_append_new(list,
                              limit("ORDERS",
                                    "SECOND",
                                    10,
                                    options->orders_10s_max,
                                    counts ? qm_paper_orders_counted(server, call->account, false) : -1));
        json_array_append_new(list,
                              limit("ORDERS",
                                    "DAY",
                                    1,
                                    options->orders_day_max,
                                    counts ? qm_paper_orders_counted(server, call->account, true) : -1));
    }
    json_array_append_new(list,
                          limit("REQUEST_WEIGHT",
                                "MINUTE",
                                1,
                                options->weight_max,
                                call == NULL ? -1 : call->used_weight));
    return list;
}

/* qm_paper_status_name returns Binance's word for a state. */
const char *
qm_paper_status_name(QmPaperStatus status)
{
    static const char *const names[] = {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"};

    return names[status];
}

/* qm_paper_type_name returns Binance's word for a type of orders. */
const char *
qm_paper_type_name(QmPaperType type)
{
    static const char *const names[] = {"LIMIT", "LIMIT_MAKER", "MARKET"};

    return names[type];
}

/* qm_paper_force_name returns Binance's word for how long an order is good. */
const char *
qm_paper_force_name(QmPaperForce force)
{
    static const char *const names[] = {"GTC", "IOC", "FOK"};

    return names[force];
}

/* qm_paper_stp_name returns Binance's word for what becomes of orders that meet their own account's. */
const char *
qm_paper_stp_name(QmPaperStp stp)
{
    static const char *const names[] = {"EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH", "NONE"};

    return names[stp];
}

/* qm_paper_expiry_name returns Binance's word for why an order has expired; NULL: it has not. */
const char *
qm_paper_expiry_name(QmPaperExpiry expiry)
{
    static const char *const names[] = {NULL,
                                        "UNFILLED_IOC_QUANTITY_EXPIRED",
                                        "UNFILLED_FOK_ORDER_EXPIRED",
                                        "INSUFFICIENT_LIQUIDITY",
                                        "EXCHANGE_CANCELED"};

    return names[expiry];
}
