/*
 * What anybody may ask the paper exchange for: its clock, its symbols, its book, its trades.
 */
#include "paper_rest_candles.h"

#include <stdlib.h>
#include <string.h>

#define TRADES_DEFAULT 500
#define DEPTH_DEFAULT 100

static json_t *describe(const QmPaperServer *server, int symbol);
static json_t *filters(const QmPaperRules *rules);
static bool read_symbols(QmPaperCall *call, bool *wanted);

/* qm_paper_ping answers that it is there. */
void
qm_paper_ping(QmPaperCall *call)
{
    qm_paper_call_body(call, json_object());
}

/* qm_paper_nothing answers with an empty list: this exchange has nothing of the kind. */
void
qm_paper_nothing(QmPaperCall *call)
{
    qm_paper_call_body(call, json_array());
}

/* qm_paper_time answers with the wire's clock, which requests are held to. */
void
qm_paper_time(QmPaperCall *call)
{
    qm_paper_call_body(call, json_pack("{s:I}", "serverTime", (json_int_t) qm_paper_wire_ms(call->server)));
}

/* qm_paper_exchange_info answers with the rules of the exchange and of its symbols. */
void
qm_paper_exchange_info(QmPaperCall *call)
{
    const QmPaperServer *server = call->server;
    bool wanted[QM_PAPER_SYMBOLS_MAX];
    json_t *symbols;

    if (!read_symbols(call, wanted))
        return;
    symbols = json_array();
    for (int i = 0; i < qm_paper_symbol_count(server->world); i++)
        if (wanted[i])
            json_array_append_new(symbols, describe(server, i));
    qm_paper_call_body(call,
                       json_pack("{s:s, s:I, s:o, s:[], s:o}",
                                 "timezone",
                                 "UTC",
                                 "serverTime",
                                 (json_int_t) qm_paper_wire_ms(server),
                                 "rateLimits",
                                 qm_paper_json_limits(server, NULL),
                                 "exchangeFilters",
                                 "symbols",
                                 symbols));
}

/* describe writes what exchangeInfo says of a symbol. */
static json_t *
describe(const QmPaperServer *server, int symbol)
{
    static const char *const refused[] = {"icebergAllowed",
                                          "ocoAllowed",
                                          "otoAllowed",
                                          "opoAllowed",
                                          "allowTrailingStop",
                                          "amendAllowed",
                                          "pegInstructionsAllowed",
                                          "isMarginTradingAllowed"};
    static const char *const granted[] = {"quoteOrderQtyMarketAllowed", "cancelReplaceAllowed", "isSpotTradingAllowed"};
    static const char *const precisions[] = {"baseAssetPrecision",
                                             "quotePrecision",
                                             "quoteAssetPrecision",
                                             "baseCommissionPrecision",
                                             "quoteCommissionPrecision"};
    QmPaperSymbol market = qm_paper_symbol(server->world, symbol);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:[s,s,s], s:o, s:[], s:[[s]], s:s, s:[s,s,s,s]}",
                             "symbol",
                             market.name,
                             "status",
                             market.rules->halted ? "HALT" : "TRADING",
                             "baseAsset",
                             qm_paper_asset_name(server->world, market.base),
                             "quoteAsset",
                             qm_paper_asset_name(server->world, market.quote),
                             "orderTypes",
                             "LIMIT",
                             "LIMIT_MAKER",
                             "MARKET",
                             "filters",
                             filters(market.rules),
                             "permissions",
                             "permissionSets",
                             "SPOT",
                             "defaultSelfTradePreventionMode",
                             "EXPIRE_MAKER",
                             "allowedSelfTradePreventionModes",
                             "EXPIRE_TAKER",
                             "EXPIRE_MAKER",
                             "EXPIRE_BOTH",
                             "NONE");

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        json_object_set_new(body, refused[i], json_false());
    for (size_t i = 0; i < sizeof(granted) / sizeof(granted[0]); i++)
        json_object_set_new(body, granted[i], json_true());
    for (size_t i = 0; i < sizeof(precisions) / sizeof(precisions[0]); i++)
        json_object_set_new(body, precisions[i], json_integer(8));
    return body;
}

/* bounds writes a filter that has a least, a greatest and a step. */
static json_t *
bounds(const char *type, const char *const names[3], QmPaperDecimal least, QmPaperDecimal most, QmPaperDecimal step)
{
    return json_pack("{s:s, s:o, s:o, s:o}",
                     "filterType",
                     type,
                     names[0],
                     qm_paper_json_decimal(least),
                     names[1],
                     qm_paper_json_decimal(most),
                     names[2],
                     qm_paper_json_decimal(step));
}

/* filters lists those that are enforced, and MARKET_LOT_SIZE, whose step is that of LOT_SIZE. */
static json_t *
filters(const QmPaperRules *rules)
{
    static const char *const of_price[] = {"minPrice", "maxPrice", "tickSize"};
    static const char *const of_lot[] = {"minQty", "maxQty", "stepSize"};

    return json_pack("[o, o, o, {s:s, s:o, s:b, s:o, s:b, s:i}, {s:s, s:i}]",
                     bounds("PRICE_FILTER", of_price, rules->price_min, rules->price_max, rules->tick),
                     bounds("LOT_SIZE", of_lot, rules->quantity_min, rules->quantity_max, rules->step),
                     bounds("MARKET_LOT_SIZE", of_lot, rules->quantity_min, rules->quantity_max, rules->step),
                     "filterType",
                     "NOTIONAL",
                     "minNotional",
                     qm_paper_json_decimal(rules->notional_min),
                     "applyMinToMarket",
                     1,
                     "maxNotional",
                     qm_paper_json_decimal(INT64_C(9000000) * QM_PAPER_ONE),
                     "applyMaxToMarket",
                     0,
                     "avgPriceMins",
                     5,
                     "filterType",
                     "MAX_NUM_ORDERS",
                     "maxNumOrders",
                     rules->orders_max);
}

/* want notes a symbol that is asked for; false when there is none, and the call has its error. */
static bool
want(QmPaperCall *call, const char *name, bool *wanted)
{
    int symbol = name == NULL ? -1 : qm_paper_symbol_by_name(call->server->world, name);

    if (symbol < 0)
        qm_paper_call_error(call, 400, -1121, "Invalid symbol.");
    else
        wanted[symbol] = true;
    return symbol >= 0;
}

/* read_symbols reads "symbol" or "symbols", a list in JSON; all when there is neither. */
static bool
read_symbols(QmPaperCall *call, bool *wanted)
{
    const char *symbol = qm_paper_argument(call, "symbol");
    const char *symbols = qm_paper_argument(call, "symbols");
    json_t *list;
    bool good = true;

    for (int i = 0; i < QM_PAPER_SYMBOLS_MAX; i++)
        wanted[i] = symbol == NULL && symbols == NULL;
    if (symbol != NULL && symbols != NULL)
    {
        qm_paper_call_error(call, 400, -1128, "Combination of optional parameters invalid.");
        return false;
    }
    if (symbol != NULL)
        return want(call, symbol, wanted);
    if (symbols == NULL)
        return true;
    list = json_loads(symbols, 0, NULL);
    if (!json_is_array(list) || json_array_size(list) == 0)
    {
        qm_paper_call_error(call,
                            400,
                            -1100,
                            "Illegal characters found in parameter 'symbols'; legal range is "
                            "'^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$'.");
        good = false;
    }
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = want(call, json_string_value(json_array_get(list, i)), wanted);
    json_decref(list);
    return good;
}

/* qm_paper_each_symbol answers with an object for one symbol, and with a list for several. */
void
qm_paper_each_symbol(QmPaperCall *call, json_t *(*write)(const QmPaperServer *server, int symbol))
{
    bool wanted[QM_PAPER_SYMBOLS_MAX];
    json_t *list;

    if (!read_symbols(call, wanted))
        return;
    list = json_array();
    for (int i = 0; i < qm_paper_symbol_count(call->server->world); i++)
        if (wanted[i])
            json_array_append_new(list, write(call->server, i));
    qm_paper_call_body(call, json_incref(qm_paper_argument(call, "symbol") != NULL ? json_array_get(list, 0) : list));
    json_decref(list);
}

static json_t *
price_ticker(const QmPaperServer *server, int symbol)
{
    return json_pack("{s:s, s:o}",
                     "symbol",
                     qm_paper_symbol(server->world, symbol).name,
                     "price",
                     qm_paper_json_decimal(qm_paper_world_price(server->world, symbol)));
}

/* qm_paper_ticker_price answers with last prices. */
void
qm_paper_ticker_price(QmPaperCall *call)
{
    qm_paper_each_symbol(call, price_ticker);
}

static json_t *
book_ticker(const QmPaperServer *server, int symbol)
{
    QmPaperBest best = qm_paper_world_best(server->world, symbol);

    return json_pack("{s:s, s:o, s:o, s:o, s:o}",
                     "symbol",
                     qm_paper_symbol(server->world, symbol).name,
                     "bidPrice",
                     qm_paper_json_decimal(best.bid),
                     "bidQty",
                     qm_paper_json_decimal(best.bid_quantity),
                     "askPrice",
                     qm_paper_json_decimal(best.ask),
                     "askQty",
                     qm_paper_json_decimal(best.ask_quantity));
}

/* qm_paper_ticker_book answers with best prices. */
void
qm_paper_ticker_book(QmPaperCall *call)
{
    qm_paper_each_symbol(call, book_ticker);
}

/* qm_paper_json_levels writes one side of a book. */
json_t *
qm_paper_json_levels(const QmPaperLevel *levels, int count)
{
    json_t *list = json_array();

    for (int i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("[o, o]",
                                        qm_paper_json_decimal(levels[i].price),
                                        qm_paper_json_decimal(levels[i].quantity)));
    return list;
}

/* qm_paper_depth answers with a symbol's book. */
void
qm_paper_depth(QmPaperCall *call)
{
    int64_t limit, update;
    QmPaperLevel *levels;
    int bids = 0;
    int asks = 0;

    if (!qm_paper_need_symbol(call) || !qm_paper_whole(call, "limit", DEPTH_DEFAULT, &limit))
        return;
    limit = limit < 1 ? DEPTH_DEFAULT : limit > QM_PAPER_LEVELS_MAX ? QM_PAPER_LEVELS_MAX : limit;
    levels = calloc((size_t) (2 * limit), sizeof(*levels));
    if (levels == NULL)
    {
        qm_paper_call_body(call, NULL);
        return;
    }
    update = qm_paper_world_depth(call->server->world, call->symbol, (int) limit, levels, &bids, levels + limit, &asks);
    qm_paper_call_body(call,
                       json_pack("{s:I, s:o, s:o}",
                                 "lastUpdateId",
                                 (json_int_t) update,
                                 "bids",
                                 qm_paper_json_levels(levels, bids),
                                 "asks",
                                 qm_paper_json_levels(levels + limit, asks)));
    free(levels);
}

/* trade writes a trade of a market, in the long form or as an aggregate of one. */
static json_t *
trade_body(const QmPaperTrade *trade, bool aggregate)
{
    QmPaperDecimal quote = 0;

    if (aggregate)
        return json_pack("{s:I, s:o, s:o, s:I, s:I, s:I, s:b, s:b}",
                         "a",
                         (json_int_t) trade->id,
                         "p",
                         qm_paper_json_decimal(trade->price),
                         "q",
                         qm_paper_json_decimal(trade->quantity),
                         "f",
                         (json_int_t) trade->id,
                         "l",
                         (json_int_t) trade->id,
                         "T",
                         (json_int_t) trade->time_ms,
                         "m",
                         trade->is_buyer_maker,
                         "M",
                         1);
    if (!qm_paper_product(trade->price, trade->quantity, &quote))
        return NULL;
    return json_pack("{s:I, s:o, s:o, s:o, s:I, s:b, s:b}",
                     "id",
                     (json_int_t) trade->id,
                     "price",
                     qm_paper_json_decimal(trade->price),
                     "qty",
                     qm_paper_json_decimal(trade->quantity),
                     "quoteQty",
                     qm_paper_json_decimal(quote),
                     "time",
                     (json_int_t) trade->time_ms,
                     "isBuyerMaker",
                     trade->is_buyer_maker,
                     "isBestMatch",
                     1);
}

/* list_trades answers with a market's trades from fromId on, or with the newest; of a span of time if one is given. */
static void
list_trades(QmPaperCall *call, bool aggregate)
{
    int64_t from_id, from_ms, to_ms, limit;
    QmPaperTrade *trades;
    json_t *list;
    int count;

    if (!qm_paper_need_symbol(call) || !qm_paper_whole(call, "fromId", 0, &from_id) ||
        !qm_paper_whole(call, "startTime", 0, &from_ms) || !qm_paper_whole(call, "endTime", INT64_MAX, &to_ms) ||
        !qm_paper_whole(call, "limit", TRADES_DEFAULT, &limit))
        return;
    limit = limit < 1 ? 1 : limit > QM_PAPER_LIMIT_MAX ? QM_PAPER_LIMIT_MAX : limit;
    trades = calloc((size_t) limit, sizeof(*trades));
    list = json_array();
    count = trades == NULL ? 0 : qm_paper_world_trades(call->server->world, call->symbol, from_id, trades, (int) limit);
    for (int i = 0; i < count; i++)
        if (trades[i].time_ms >= from_ms && trades[i].time_ms <= to_ms)
            json_array_append_new(list, trade_body(&trades[i], aggregate));
    qm_paper_call_body(call, trades == NULL ? NULL : json_incref(list));
    json_decref(list);
    free(trades);
}

/* qm_paper_trades answers with a market's trades. */
void
qm_paper_trades(QmPaperCall *call)
{
    list_trades(call, false);
}

/* qm_paper_agg_trades answers with a market's trades, each an aggregate of its own. */
void
qm_paper_agg_trades(QmPaperCall *call)
{
    list_trades(call, true);
}
