/*
 * Answers: bodies of Binance's replies as the types of exchange.h.
 */
#include "binance_answer.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

#define TRADES_PAGE 1000 /* what a request for trades asks for */

static void read_time(QmBody *body, QmExchangeAnswer *answer);
static void read_order(QmBody *body, const json_t *in, QmBodyKind kind, QmExchangeOrder *order);
static void read_orders(QmBody *body, QmBodyKind kind, QmExchangeAnswer *answer);
static void read_fills(QmBody *body, QmExchangeAnswer *answer);
static void read_trades(QmBody *body, QmExchangeAnswer *answer);
static void read_trade(QmBody *body, const json_t *in, QmExchangeTrade *trade);
static void read_balances(QmBody *body, QmExchangeAnswer *answer);
static void read_markets(QmBody *body, QmExchangeAnswer *answer);
static void read_limits(QmBody *body);
static void read_market(QmBody *body, const json_t *in, QmExchangeMarket *market);
static void read_filter(QmBody *body, const json_t *filter, QmExchangeMarket *market);

/* A word of Binance and what we call it. */
typedef struct Word
{
    const char *theirs;
    const char *ours;
} Word;

static const Word order_types[] = {{"LIMIT", "limit"}, {"LIMIT_MAKER", "limit"}, {"MARKET", "market"}};
static const Word times_in_force[] = {{"GTC", "gtc"}, {"IOC", "ioc"}, {"FOK", "fok"}};

/*
 * qm_body_read reads a body into an answer, which points into the body until
 * qm_body_free. False when it cannot be read: body->json.fault says why.
 */
bool
qm_body_read(QmBody *body, QmBodyKind kind, const char *text, size_t length, QmExchangeAnswer *answer)
{
    memset(body, 0, sizeof(*body));
    if (!qm_binance_json_parse(&body->json, text, length))
        return false;
    switch (kind)
    {
        case QM_BODY_TIME:
            read_time(body, answer);
            break;
        case QM_BODY_MARKETS:
            read_markets(body, answer);
            break;
        case QM_BODY_PLACED:
        case QM_BODY_CANCELED:
        case QM_BODY_ORDER:
        case QM_BODY_ORDERS:
            read_orders(body, kind, answer);
            break;
        case QM_BODY_TRADES:
            read_trades(body, answer);
            break;
        case QM_BODY_BALANCES:
            read_balances(body, answer);
            break;
    }
    return body->json.fault[0] == '\0';
}

/* qm_body_free frees a body; answers that were read of it are gone. */
void
qm_body_free(QmBody *body)
{
    qm_binance_json_free(&body->json);
    free(body->items);
    free(body->trades);
    free(body->ids);
    memset(body, 0, sizeof(*body));
}

/* qm_body_error reads {"code", "msg"}; false when there is none: code is 0 and the message empty then. */
bool
qm_body_error(const char *text, size_t length, int *code, char *message, size_t message_size)
{
    QmBinanceJson json;
    int64_t number = 0;
    const char *words = "";
    bool found;

    *code = 0;
    message[0] = '\0';
    if (!qm_binance_json_parse(&json, text, length))
        return false;
    number = qm_binance_json_number(&json, json.root, "code");
    words = qm_binance_json_text(&json, json.root, "msg");
    found = json.fault[0] == '\0' && number >= -100000 && number < 0;
    if (found)
    {
        *code = (int) number;
        qm_text_copy(message, message_size, words);
    }
    qm_binance_json_free(&json);
    return found;
}

/* room returns memory for a list, or NULL with a fault. An empty list has memory too. */
static void *
room(QmBody *body, size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);

    if (memory == NULL)
        qm_binance_json_fault(&body->json, "no memory");
    return memory;
}

/* items_for makes room for as many items with two ids each. */
static bool
items_for(QmBody *body, size_t count, size_t size)
{
    body->items = room(body, count, size);
    body->ids = room(body, 2 * count, sizeof(body->ids[0]));
    return body->items != NULL && body->ids != NULL;
}

static const char *
id_of(QmBody *body, const json_t *in, const char *name)
{
    return qm_binance_json_id(&body->json, in, name, body->ids[body->ids_used++]);
}

static void
read_time(QmBody *body, QmExchangeAnswer *answer)
{
    answer->server_time_us = qm_binance_json_time_us(&body->json, body->json.root, "serverTime");
    if (answer->server_time_us <= 0)
        qm_binance_json_fault(&body->json, "\"serverTime\" is no time");
}

/* translated returns our word; a word that we do not know stays as it is. */
static const char *
translated(const char *theirs, const Word *words, size_t count)
{
    for (size_t i = 0; theirs != NULL && i < count; i++)
        if (strcmp(words[i].theirs, theirs) == 0)
            return words[i].ours;
    return theirs;
}

/* qm_side_word returns buy or sell; there is no third side, so anything else is a fault. */
const char *
qm_side_word(QmBinanceJson *json, const char *word)
{
    if (word == NULL)
        return NULL;
    if (strcmp(word, "BUY") == 0)
        return "buy";
    if (strcmp(word, "SELL") == 0)
        return "sell";
    qm_binance_json_fault(json, "\"side\" is neither BUY nor SELL");
    return NULL;
}

/* read_order reads an order. A state that we do not know counts as open: a slot must not be freed by a new word. */
static void
read_order(QmBody *body, const json_t *in, QmBodyKind kind, QmExchangeOrder *order)
{
    static const char *const ended[] = {"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"};
    QmBinanceJson *json = &body->json;

    order->symbol = qm_binance_json_text(json, in, "symbol");
    order->client_order_id =
        qm_binance_json_text(json, in, kind == QM_BODY_CANCELED ? "origClientOrderId" : "clientOrderId");
    order->exchange_order_id = id_of(body, in, "orderId");
    order->side = qm_side_word(json, qm_binance_json_text(json, in, "side"));
    order->order_type =
        translated(qm_binance_json_text(json, in, "type"), order_types, sizeof(order_types) / sizeof(order_types[0]));
    order->time_in_force = translated(qm_binance_json_text_if(json, in, "timeInForce"),
                                      times_in_force,
                                      sizeof(times_in_force) / sizeof(times_in_force[0]));
    order->price = qm_binance_json_decimal(json, in, "price");
    order->quantity = qm_binance_json_decimal(json, in, "origQty");
    order->cumulative_quantity = qm_binance_json_decimal(json, in, "executedQty");
    order->cumulative_quote = qm_binance_json_decimal_if(json, in, "cummulativeQuoteQty", NULL);
    order->state = qm_binance_json_text(json, in, "status");
    if (kind == QM_BODY_PLACED || (kind == QM_BODY_CANCELED && json_object_get(in, "transactTime") != NULL))
        order->time_us = qm_binance_json_time_us(json, in, "transactTime");
    else if (kind != QM_BODY_CANCELED)
        order->time_us = qm_binance_json_time_us(json, in, "updateTime");
    order->open = true;
    for (size_t i = 0; order->state != NULL && i < sizeof(ended) / sizeof(ended[0]); i++)
        if (strcmp(order->state, ended[i]) == 0)
            order->open = false;
}

static void
read_orders(QmBody *body, QmBodyKind kind, QmExchangeAnswer *answer)
{
    const json_t *root = body->json.root;
    bool many = kind == QM_BODY_ORDERS;
    size_t count = many ? json_array_size(root) : 1;
    QmExchangeOrder *orders;

    if (many && !json_is_array(root))
        qm_binance_json_fault(&body->json, "the answer is no list");
    if (!items_for(body, count + json_array_size(json_object_get(root, "fills")), sizeof(*orders)))
        return;
    orders = body->items;
    for (size_t i = 0; i < count; i++)
        read_order(body, many ? json_array_get(root, i) : root, kind, &orders[i]);
    if (kind == QM_BODY_PLACED)
        read_fills(body, answer);
    answer->orders = orders;
    answer->order_count = count;
}

/* read_fills reads the trades that the reply to a placement brings. */
static void
read_fills(QmBody *body, QmExchangeAnswer *answer)
{
    const json_t *root = body->json.root;
    const QmExchangeOrder *order = body->items;
    const json_t *fills = json_object_get(root, "fills");
    QmExchangeTrade *trades;
    size_t count = json_array_size(fills);

    if (fills == NULL)
        return;
    if (!json_is_array(fills))
        qm_binance_json_fault(&body->json, "\"fills\" is no list");
    trades = body->trades = room(body, count, sizeof(*trades));
    if (trades == NULL)
        return;
    for (size_t i = 0; i < count; i++)
    {
        const json_t *fill = json_array_get(fills, i);

        trades[i].symbol = order->symbol;
        trades[i].exchange_order_id = order->exchange_order_id;
        trades[i].trade_id = id_of(body, fill, "tradeId");
        trades[i].price = qm_binance_json_decimal(&body->json, fill, "price");
        trades[i].quantity = qm_binance_json_decimal(&body->json, fill, "qty");
        trades[i].commission = qm_binance_json_decimal(&body->json, fill, "commission");
        trades[i].commission_asset = qm_binance_json_text(&body->json, fill, "commissionAsset");
        trades[i].time_us = order->time_us;
        trades[i].is_buyer = order->side != NULL && strcmp(order->side, "buy") == 0 ? 1 : -1;
        trades[i].is_maker = -1; /* whatever trades while it is being placed has taken */
    }
    answer->trades = trades;
    answer->trade_count = count;
}

static void
read_trades(QmBody *body, QmExchangeAnswer *answer)
{
    const json_t *root = body->json.root;
    size_t count = json_array_size(root);

    if (!json_is_array(root))
        qm_binance_json_fault(&body->json, "the answer is no list");
    if (!items_for(body, count, sizeof(QmExchangeTrade)))
        return;
    for (size_t i = 0; i < count; i++)
        read_trade(body, json_array_get(root, i), (QmExchangeTrade *) body->items + i);
    answer->trades = body->items;
    answer->trade_count = count;
    answer->more = count >= TRADES_PAGE;
}

static void
read_trade(QmBody *body, const json_t *in, QmExchangeTrade *trade)
{
    QmBinanceJson *json = &body->json;

    trade->symbol = qm_binance_json_text(json, in, "symbol");
    trade->trade_id = id_of(body, in, "id");
    trade->exchange_order_id = id_of(body, in, "orderId");
    trade->price = qm_binance_json_decimal(json, in, "price");
    trade->quantity = qm_binance_json_decimal(json, in, "qty");
    trade->commission = qm_binance_json_decimal(json, in, "commission");
    trade->commission_asset = qm_binance_json_text(json, in, "commissionAsset");
    trade->time_us = qm_binance_json_time_us(json, in, "time");
    trade->is_buyer = qm_binance_json_flag(json, in, "isBuyer") ? 1 : -1;
    trade->is_maker = qm_binance_json_flag(json, in, "isMaker") ? 1 : -1;
}

static void
read_balances(QmBody *body, QmExchangeAnswer *answer)
{
    const json_t *list = qm_binance_json_list(&body->json, body->json.root, "balances");
    size_t count = json_array_size(list);
    QmExchangeBalance *balances;

    if (list == NULL || !items_for(body, count, sizeof(*balances)))
        return;
    balances = body->items;
    for (size_t i = 0; i < count; i++)
    {
        const json_t *in = json_array_get(list, i);

        balances[i].asset = qm_binance_json_text(&body->json, in, "asset");
        balances[i].free = qm_binance_json_decimal(&body->json, in, "free");
        balances[i].locked = qm_binance_json_decimal(&body->json, in, "locked");
    }
    answer->balances = balances;
    answer->balance_count = count;
}

static void
read_markets(QmBody *body, QmExchangeAnswer *answer)
{
    const json_t *list = qm_binance_json_list(&body->json, body->json.root, "symbols");
    size_t count = json_array_size(list);

    if (list == NULL || !items_for(body, count, sizeof(QmExchangeMarket)))
        return;
    for (size_t i = 0; i < count; i++)
        read_market(body, json_array_get(list, i), (QmExchangeMarket *) body->items + i);
    answer->markets = body->items;
    answer->market_count = count;
    read_limits(body);
}

/* read_limits reads the rate limits that we count. Others are let be, and so is what cannot be read: markets go before them. */
static void
read_limits(QmBody *body)
{
    static const struct
    {
        const char *type;
        const char *interval;
        json_int_t count;
    } kinds[QM_BUDGET_KINDS] = {{"REQUEST_WEIGHT", "MINUTE", 1}, {"ORDERS", "SECOND", 10}, {"ORDERS", "DAY", 1}};
    const json_t *list = json_object_get(body->json.root, "rateLimits");

    for (size_t i = 0; i < json_array_size(list); i++)
    {
        const json_t *in = json_array_get(list, i);
        const char *type = json_string_value(json_object_get(in, "rateLimitType"));
        const char *interval = json_string_value(json_object_get(in, "interval"));
        json_int_t count = json_integer_value(json_object_get(in, "intervalNum"));
        json_int_t limit = json_integer_value(json_object_get(in, "limit"));

        for (int kind = 0; type != NULL && interval != NULL && kind < QM_BUDGET_KINDS; kind++)
            if (strcmp(type, kinds[kind].type) == 0 && strcmp(interval, kinds[kind].interval) == 0 &&
                count == kinds[kind].count && limit > 0)
                body->limits[kind] = limit;
    }
}

static void
read_market(QmBody *body, const json_t *in, QmExchangeMarket *market)
{
    QmBinanceJson *json = &body->json;
    const json_t *types = qm_binance_json_list(json, in, "orderTypes");
    const json_t *filters = qm_binance_json_list(json, in, "filters");

    *market = (QmExchangeMarket){.tick_size = "0",
                                 .min_price = "0",
                                 .max_price = "0",
                                 .step_size = "0",
                                 .min_quantity = "0",
                                 .max_quantity = "0",
                                 .min_notional = "0",
                                 .max_notional = "0"};
    market->symbol = qm_binance_json_text(json, in, "symbol");
    market->base_asset = qm_binance_json_text(json, in, "baseAsset");
    market->quote_asset = qm_binance_json_text(json, in, "quoteAsset");
    market->status = qm_binance_json_text(json, in, "status");
    market->trading = market->status != NULL && strcmp(market->status, "TRADING") == 0;
    for (size_t i = 0; i < json_array_size(types); i++)
    {
        const char *type = json_string_value(json_array_get(types, i));

        market->post_only = market->post_only || (type != NULL && strcmp(type, "LIMIT_MAKER") == 0);
    }
    for (size_t i = 0; i < json_array_size(filters); i++)
        read_filter(body, json_array_get(filters, i), market);
}

/* read_filter reads the filters that we keep to ourselves; the exchange sees to the others. */
static void
read_filter(QmBody *body, const json_t *filter, QmExchangeMarket *market)
{
    QmBinanceJson *json = &body->json;
    const char *type = qm_binance_json_text(json, filter, "filterType");

    if (type == NULL)
        return;
    if (strcmp(type, "PRICE_FILTER") == 0)
    {
        market->tick_size = qm_binance_json_decimal(json, filter, "tickSize");
        market->min_price = qm_binance_json_decimal(json, filter, "minPrice");
        market->max_price = qm_binance_json_decimal(json, filter, "maxPrice");
    }
    else if (strcmp(type, "LOT_SIZE") == 0)
    {
        market->step_size = qm_binance_json_decimal(json, filter, "stepSize");
        market->min_quantity = qm_binance_json_decimal(json, filter, "minQty");
        market->max_quantity = qm_binance_json_decimal(json, filter, "maxQty");
    }
    else if (strcmp(type, "NOTIONAL") == 0 || strcmp(type, "MIN_NOTIONAL") == 0)
    {
        market->min_notional = qm_binance_json_decimal(json, filter, "minNotional");
        market->max_notional = qm_binance_json_decimal_if(json, filter, "maxNotional", "0");
    }
    else if (strcmp(type, "MAX_NUM_ORDERS") == 0)
        market->max_open_orders = qm_binance_json_number(json, filter, "maxNumOrders");
}
