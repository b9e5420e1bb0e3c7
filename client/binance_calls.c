/*
 * Calls: what is asked of Binance, with its parameters and its price.
 */
#include "binance_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define TRADES_PAGE 1000
#define SYMBOLS_MAX 100 /* markets of one request */

/* Weights are those of a request that fails: one that succeeds may cost less, and the answer's header says so. */
static const QmEndpoint time_endpoint = {"GET", "/api/v3/time", QM_REQUEST_READ, QM_BODY_TIME, {1, 0, 0}, false};
static const QmEndpoint markets_endpoint =
    {"GET", "/api/v3/exchangeInfo", QM_REQUEST_READ, QM_BODY_MARKETS, {20, 0, 0}, false};
static const QmEndpoint place_endpoint = {"POST", "/api/v3/order", QM_REQUEST_PLACE, QM_BODY_PLACED, {1, 1, 1}, true};
static const QmEndpoint cancel_endpoint =
    {"DELETE", "/api/v3/order", QM_REQUEST_CANCEL, QM_BODY_CANCELED, {1, 0, 0}, true};
static const QmEndpoint query_endpoint = {"GET", "/api/v3/order", QM_REQUEST_QUERY, QM_BODY_ORDER, {4, 0, 0}, true};
static const QmEndpoint open_endpoint = {"GET", "/api/v3/openOrders", QM_REQUEST_READ, QM_BODY_ORDERS, {6, 0, 0}, true};
static const QmEndpoint trades_endpoint =
    {"GET", "/api/v3/myTrades", QM_REQUEST_READ, QM_BODY_TRADES, {20, 0, 0}, true};
static const QmEndpoint order_trades_endpoint =
    {"GET", "/api/v3/myTrades", QM_REQUEST_READ, QM_BODY_TRADES, {5, 0, 0}, true};
static const QmEndpoint balances_endpoint =
    {"GET", "/api/v3/account", QM_REQUEST_READ, QM_BODY_BALANCES, {20, 0, 0}, true};

static int
loop_descriptor(const QmExchange *exchange)
{
    return ((const QmBinance *) exchange)->epoll_fd;
}

static const QmError *
last_error(const QmExchange *exchange)
{
    return &((const QmBinance *) exchange)->error;
}

/* refused notes a wrong argument. */
static QmCode
refused(QmBinance *binance, const char *fault)
{
    return qm_error_set(&binance->error, QM_ERROR_ARGUMENT, "22023", NULL, "binance: %s", fault);
}

/* qm_binance_is_symbol says whether a text can name a market. */
bool
qm_binance_is_symbol(const char *symbol)
{
    size_t length = symbol == NULL ? 0 : strlen(symbol);

    return length > 0 && length <= 32 && strspn(symbol, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == length;
}

/* queued queues a request that may not have been made. */
static QmCode
queued(QmBinance *binance, QmRequest *request)
{
    return request == NULL ? binance->error.code : qm_request_queue(request);
}

/* qm_binance_measure_clock asks for the exchange's time. Where clock_known is false, nothing leaves meanwhile that is signed. */
void
qm_binance_measure_clock(QmBinance *binance)
{
    QmRequest *request;

    if (binance->clock_asked)
        return;
    request = qm_request_new(binance, &time_endpoint, NULL, NULL);
    if (request == NULL)
    {
        binance->clock_due_ns = qm_grown_ns() + binance->options.clock_ms * QM_NS_PER_MS;
        binance->clock_known = true; /* no memory: what is signed with the old offset is refused at worst */
        return;
    }
    binance->clock_asked = true;
    binance->clock_due_ns = INT64_MAX;
    qm_list_prepend(&binance->queue, request);
    binance->queued++;
    qm_binance_rearm(binance);
}

static QmCode
ask_time(QmExchange *exchange, QmExchangeDone done, void *argument)
{
    QmBinance *binance = (QmBinance *) exchange;

    return queued(binance, qm_request_new(binance, &time_endpoint, done, argument));
}

static QmCode
ask_markets(QmExchange *exchange, const char *const *symbols, size_t count, QmExchangeDone done, void *argument)
{
    QmBinance *binance = (QmBinance *) exchange;
    QmRequest *request;
    char list[QM_QUERY_SIZE];
    size_t length = 0;

    if (count == 0 || count > SYMBOLS_MAX)
        return refused(binance, "1 to 100 markets can be asked for at once");
    for (size_t i = 0; i < count; i++)
    {
        if (!qm_binance_is_symbol(symbols[i]))
            return refused(binance, "a symbol is not made of capital letters and digits");
        /* 100 names of 32 bytes fit. */
        length += (size_t) snprintf(list + length, sizeof(list) - length, "%c\"%s\"", i == 0 ? '[' : ',', symbols[i]);
    }
    snprintf(list + length, sizeof(list) - length, "]");
    request = qm_request_new(binance, &markets_endpoint, done, argument);
    if (request != NULL)
        qm_query_add(&request->parameters, "symbols", list);
    return queued(binance, request);
}

/* word_of returns Binance's word for one of ours, NULL for another. */
static const char *
word_of(const char *ours, const char *const words[][2], size_t count)
{
    for (size_t i = 0; ours != NULL && i < count; i++)
        if (strcmp(words[i][0], ours) == 0)
            return words[i][1];
    return NULL;
}

/* amount says whether a text is a positive amount as Binance takes it. */
static bool
amount(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);
    const char *point = text == NULL ? NULL : strchr(text, '.');

    return length > 0 && length <= 40 && strspn(text, "0123456789.") == length && strpbrk(text, "123456789") != NULL &&
           text[0] != '.' && text[length - 1] != '.' && (point == NULL || strchr(point + 1, '.') == NULL);
}

/* order_fault returns what is wrong with an order, or NULL. */
static const char *
order_fault(const QmExchangePlace *order)
{
    bool market = order->order_type != NULL && strcmp(order->order_type, "market") == 0;

    if (!qm_binance_is_symbol(order->symbol))
        return "the symbol is not made of capital letters and digits";
    if (order->client_order_id == NULL || order->client_order_id[0] == '\0' || strlen(order->client_order_id) > 36)
        return "an order needs a client order id of at most 36 bytes";
    if (!amount(order->quantity) || (!market && !amount(order->price)))
        return "price and quantity have to be positive decimal texts";
    if (market && (order->price != NULL || order->post_only))
        return "a market order has no price and is not post-only";
    if (order->stamped_us <= 0 || order->send_before_us <= 0)
        return "an order needs stamped_us and send_before_us";
    if (order->send_before_us - order->stamped_us > QM_DAY_MS * 1000)
        return "send_before_us is more than a day ahead";
    return NULL;
}

static QmCode
place(QmExchange *exchange, const QmExchangePlace *order, QmExchangeDone done, void *argument)
{
    static const char *const sides[][2] = {{"buy", "BUY"}, {"sell", "SELL"}};
    static const char *const types[][2] = {{"limit", "LIMIT"}, {"market", "MARKET"}};
    static const char *const times[][2] = {{"gtc", "GTC"}, {"ioc", "IOC"}, {"fok", "FOK"}};
    QmBinance *binance = (QmBinance *) exchange;
    const char *side = word_of(order->side, sides, 2);
    const char *type = word_of(order->order_type, types, 2);
    const char *in_force = order->time_in_force == NULL ? "GTC" : word_of(order->time_in_force, times, 3);
    const char *fault = order_fault(order);
    QmRequest *request;

    if (fault == NULL && (side == NULL || type == NULL || in_force == NULL))
        fault = "a side, an order type or a time in force is unknown";
    if (fault == NULL && order->post_only && strcmp(in_force, "GTC") != 0)
        fault = "a post-only order is gtc";
    if (fault != NULL)
        return refused(binance, fault);
    request = qm_request_new(binance, &place_endpoint, done, argument);
    if (request == NULL)
        return binance->error.code;
    qm_query_add(&request->parameters, "symbol", order->symbol);
    qm_query_add(&request->parameters, "side", side);
    qm_query_add(&request->parameters, "type", order->post_only ? "LIMIT_MAKER" : type);
    if (strcmp(type, "LIMIT") == 0 && !order->post_only)
        qm_query_add(&request->parameters, "timeInForce", in_force);
    qm_query_add(&request->parameters, "quantity", order->quantity);
    qm_query_add(&request->parameters, "price", order->price);
    qm_query_add(&request->parameters, "newClientOrderId", order->client_order_id);
    qm_query_add(&request->parameters, "newOrderRespType", "FULL");
    qm_text_copy(request->client_order_id, sizeof(request->client_order_id), order->client_order_id);
    request->stamped_us = order->stamped_us;
    request->late_ns = qm_grown_ns() + (order->send_before_us - qm_wall_us()) * 1000;
    request->late_us = order->send_before_us;
    return qm_request_queue(request);
}

/* which_order adds what names an order. */
static QmCode
which_order(QmBinance *binance, const QmEndpoint *endpoint, const QmExchangeWhich *which, QmExchangeDone done,
            void *argument)
{
    QmRequest *request;

    if (!qm_binance_is_symbol(which->symbol) || (which->client_order_id == NULL && which->exchange_order_id == NULL))
        return refused(binance, "an order is named by its symbol and one of its ids");
    request = qm_request_new(binance, endpoint, done, argument);
    if (request == NULL)
        return binance->error.code;
    qm_query_add(&request->parameters, "symbol", which->symbol);
    qm_query_add(&request->parameters, "orderId", which->exchange_order_id);
    qm_query_add(&request->parameters, "origClientOrderId", which->client_order_id);
    if (which->client_order_id != NULL)
        qm_text_copy(request->client_order_id, sizeof(request->client_order_id), which->client_order_id);
    return qm_request_queue(request);
}

static QmCode
cancel(QmExchange *exchange, const QmExchangeWhich *which, QmExchangeDone done, void *argument)
{
    return which_order((QmBinance *) exchange, &cancel_endpoint, which, done, argument);
}

static QmCode
query(QmExchange *exchange, const QmExchangeWhich *which, QmExchangeDone done, void *argument)
{
    return which_order((QmBinance *) exchange, &query_endpoint, which, done, argument);
}

static QmCode
ask_open_orders(QmExchange *exchange, const char *symbol, QmExchangeDone done, void *argument)
{
    QmBinance *binance = (QmBinance *) exchange;
    QmRequest *request;

    if (!qm_binance_is_symbol(symbol))
        return refused(binance, "the symbol is not made of capital letters and digits");
    request = qm_request_new(binance, &open_endpoint, done, argument);
    if (request != NULL)
        qm_query_add(&request->parameters, "symbol", symbol);
    return queued(binance, request);
}

static QmCode
ask_trades(QmExchange *exchange, const char *symbol, int64_t from_id, QmExchangeDone done, void *argument)
{
    QmBinance *binance = (QmBinance *) exchange;
    QmRequest *request;

    if (!qm_binance_is_symbol(symbol) || from_id < 0)
        return refused(binance, "trades are asked for by symbol and first id");
    request = qm_request_new(binance, &trades_endpoint, done, argument);
    if (request == NULL)
        return binance->error.code;
    qm_query_add(&request->parameters, "symbol", symbol);
    qm_query_add_number(&request->parameters, "fromId", from_id);
    qm_query_add_number(&request->parameters, "limit", TRADES_PAGE);
    return qm_request_queue(request);
}

/* ask_order_trades asks for one order's trades. Binance takes fromId beside it, but needs none for the first page. */
static QmCode
ask_order_trades(QmExchange *exchange, const char *symbol, const char *exchange_order_id, int64_t from_id,
                 QmExchangeDone done, void *argument)
{
    QmBinance *binance = (QmBinance *) exchange;
    QmRequest *request;

    if (!qm_binance_is_symbol(symbol) || exchange_order_id == NULL || from_id < 0)
        return refused(binance, "an order's trades are asked for by symbol, the exchange's id and first id");
    request = qm_request_new(binance, &order_trades_endpoint, done, argument);
    if (request == NULL)
        return binance->error.code;
    qm_query_add(&request->parameters, "symbol", symbol);
    qm_query_add(&request->parameters, "orderId", exchange_order_id);
    if (from_id > 0)
        qm_query_add_number(&request->parameters, "fromId", from_id);
    qm_query_add_number(&request->parameters, "limit", TRADES_PAGE);
    return qm_request_queue(request);
}

static QmCode
ask_balances(QmExchange *exchange, QmExchangeDone done, void *argument)
{
    QmBinance *binance = (QmBinance *) exchange;
    QmRequest *request = qm_request_new(binance, &balances_endpoint, done, argument);

    if (request != NULL)
        qm_query_add(&request->parameters, "omitZeroBalances", "true");
    return queued(binance, request);
}

const QmExchangeFunctions qm_binance_functions = {
    .name = "binance",
    .close = qm_binance_close,
    .descriptor = loop_descriptor,
    .run = qm_binance_run,
    .error = last_error,
    .server_time = ask_time,
    .markets = ask_markets,
    .place = place,
    .cancel = cancel,
    .query = query,
    .open_orders = ask_open_orders,
    .trades = ask_trades,
    .order_trades = ask_order_trades,
    .balances = ask_balances,
    .watch_account = qm_streams_watch_account,
    .drain = qm_streams_drain,
    .watch_market = qm_streams_watch_market,
};
