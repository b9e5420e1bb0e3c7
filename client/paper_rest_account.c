/*
 * What an account asks the paper exchange for: its orders, its trades, its balances.
 */
#include "paper_rest_orders.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 500
#define PERIOD_MAX_MS INT64_C(86400000)

static const QmPaperRefusal absent = {-2013, "Order does not exist."};

/* is_hidden says whether a fault makes as if an order were not there yet. */
static bool
is_hidden(const QmPaperCall *call, const QmPaperOrder *order)
{
    return call->mishap.lag_ms > 0 &&
           order->created_ms > qm_paper_world_now_ms(call->server->world) - call->mishap.lag_ms;
}

/* qm_paper_order_query answers with one order. */
void
qm_paper_order_query(QmPaperCall *call)
{
    const QmPaperOrder *order;

    if (!qm_paper_need_symbol(call) || !qm_paper_find_order(call, "orderId", "origClientOrderId", absent, &order))
        return;
    if (is_hidden(call, order))
        qm_paper_call_refused(call, absent);
    else
        qm_paper_call_body(call, qm_paper_json_order(call->server, call->symbol, order));
}

/* add_orders adds a symbol's orders that a fault does not hide. */
static void
add_orders(const QmPaperCall *call, json_t *list, int symbol, const QmPaperOrder *const *orders, int count)
{
    for (int i = 0; i < count; i++)
        if (!is_hidden(call, orders[i]))
            json_array_append_new(list, qm_paper_json_order(call->server, symbol, orders[i]));
}

/* qm_paper_open_orders lists an account's open orders, of one symbol or of all. */
void
qm_paper_open_orders(QmPaperCall *call)
{
    const QmPaperWorld *world = call->server->world;
    const QmPaperOrder **orders;
    json_t *list = json_array();
    int first = 0;
    int last = qm_paper_symbol_count(world) - 1;
    int most = 1;

    if (qm_paper_argument(call, "symbol") != NULL)
    {
        if (!qm_paper_need_symbol(call))
        {
            json_decref(list);
            return;
        }
        first = last = call->symbol;
    }
    for (int symbol = first; symbol <= last; symbol++)
        if (qm_paper_symbol(world, symbol).rules->orders_max > most)
            most = qm_paper_symbol(world, symbol).rules->orders_max;
    orders = calloc((size_t) most, sizeof(const QmPaperOrder *));
    for (int symbol = first; orders != NULL && symbol <= last; symbol++)
        add_orders(call, list, symbol, orders, qm_paper_world_open_orders(world, call->account, symbol, orders, most));
    qm_paper_call_body(call, orders == NULL ? NULL : json_incref(list));
    json_decref(list);
    free(orders);
}

/* read_period reads startTime, endTime and limit; times are of the wire's clock. */
static bool
read_period(QmPaperCall *call, int64_t *from_ms, int64_t *to_ms, int *most)
{
    int64_t limit;

    if (!qm_paper_whole(call, "startTime", 0, from_ms) || !qm_paper_whole(call, "endTime", INT64_MAX, to_ms) ||
        !qm_paper_whole(call, "limit", LIMIT_DEFAULT, &limit))
        return false;
    *most = limit < 1 ? 1 : limit > QM_PAPER_LIMIT_MAX ? QM_PAPER_LIMIT_MAX : (int) limit;
    if (*from_ms != 0 && *to_ms != INT64_MAX && *to_ms - *from_ms > PERIOD_MAX_MS)
        qm_paper_call_error(call, 400, -1127, "More than 24 hours between startTime and endTime.");
    else if (*from_ms > *to_ms)
        qm_paper_call_error(call, 400, -1128, "Combination of optional parameters invalid.");
    return call->code == 0;
}

/* qm_paper_all_orders lists an account's orders of a symbol, ended ones too, as far as they are kept. */
void
qm_paper_all_orders(QmPaperCall *call)
{
    const QmPaperServer *server = call->server;
    const QmPaperOrder *orders[QM_PAPER_LIMIT_MAX];
    int64_t from_id, from_ms, to_ms;
    json_t *list;
    int most, count;

    if (!qm_paper_need_symbol(call) || !qm_paper_whole(call, "orderId", 0, &from_id) ||
        !read_period(call, &from_ms, &to_ms, &most))
        return;
    list = json_array();
    count = qm_paper_world_all_orders(server->world, call->account, call->symbol, from_id, orders, most);
    for (int i = 0; i < count; i++)
    {
        int64_t at_ms = qm_paper_dated_ms(server, orders[i]->wire_created_ms);

        if (at_ms >= from_ms && at_ms <= to_ms)
            add_orders(call, list, call->symbol, &orders[i], 1);
    }
    qm_paper_call_body(call, list);
}

/* own_trade writes one trade of an account. */
static json_t *
own_trade(const QmPaperServer *server, int symbol, const QmPaperOwnTrade *own, int64_t at_ms)
{
    QmPaperSymbol market = qm_paper_symbol(server->world, symbol);

    return json_pack("{s:s, s:I, s:I, s:i, s:o, s:o, s:o, s:o, s:s, s:I, s:b, s:b, s:b}",
                     "symbol",
                     market.name,
                     "id",
                     (json_int_t) own->trade.id,
                     "orderId",
                     (json_int_t) own->order_id,
                     "orderListId",
                     -1,
                     "price",
                     qm_paper_json_decimal(own->trade.price),
                     "qty",
                     qm_paper_json_decimal(own->trade.quantity),
                     "quoteQty",
                     qm_paper_json_decimal(own->quote),
                     "commission",
                     qm_paper_json_decimal(own->commission),
                     "commissionAsset",
                     qm_paper_asset_name(server->world, own->is_buyer ? market.base : market.quote),
                     "time",
                     (json_int_t) at_ms,
                     "isBuyer",
                     own->is_buyer,
                     "isMaker",
                     own->is_maker,
                     "isBestMatch",
                     1);
}

/* next_page reads the account's next trades from an id on, and returns how many. */
static int
next_page(const QmPaperCall *call, int64_t from_id, QmPaperOwnTrade *trades)
{
    return qm_paper_world_own_trades(call->server->world,
                                     call->account,
                                     call->symbol,
                                     from_id,
                                     trades,
                                     QM_PAPER_LIMIT_MAX);
}

/* qm_paper_my_trades lists an account's trades, the oldest first. */
void
qm_paper_my_trades(QmPaperCall *call)
{
    const QmPaperServer *server = call->server;
    int64_t from_id, order_id, from_ms, to_ms, next;
    QmPaperOwnTrade *trades;
    json_t *list;
    int most, count;
    bool filtered;

    if (!qm_paper_need_symbol(call) || !qm_paper_whole(call, "fromId", -1, &from_id) ||
        !qm_paper_whole(call, "orderId", 0, &order_id) || !read_period(call, &from_ms, &to_ms, &most))
        return;
    if (from_id >= 0 && (from_ms != 0 || to_ms != INT64_MAX))
    {
        qm_paper_call_error(call, 400, -1128, "Combination of optional parameters invalid.");
        return;
    }
    /* Whoever names an order or a time is answered from the oldest that fits; else the newest. */
    filtered = order_id != 0 || from_ms != 0;
    trades = calloc(QM_PAPER_LIMIT_MAX, sizeof(*trades));
    list = json_array();
    next = from_id > 0 ? from_id : filtered || from_id == 0 ? 1 : 0;
    do
    {
        count = trades == NULL ? 0 : next_page(call, next, trades);
        for (int i = next == 0 && count > most ? count - most : 0; i < count; i++)
        {
            int64_t at_ms = qm_paper_dated_ms(server, trades[i].wire_ms);

            if ((order_id == 0 || trades[i].order_id == order_id) && at_ms >= from_ms && at_ms <= to_ms &&
                json_array_size(list) < (size_t) most)
                json_array_append_new(list, own_trade(server, call->symbol, &trades[i], at_ms));
        }
        next = count > 0 ? trades[count - 1].trade.id + 1 : 0;
    } while (filtered && count == QM_PAPER_LIMIT_MAX && json_array_size(list) < (size_t) most);
    qm_paper_call_body(call, trades == NULL ? NULL : json_incref(list));
    json_decref(list);
    free(trades);
}

/* rates writes what is taken of a trade; the rules are of the first symbol where none is named. */
static json_t *
rates(const QmPaperRules *rules)
{
    return json_pack("{s:o, s:o, s:o, s:o}",
                     "maker",
                     qm_paper_json_decimal(rules->fee_maker),
                     "taker",
                     qm_paper_json_decimal(rules->fee_taker),
                     "buyer",
                     qm_paper_json_decimal(0),
                     "seller",
                     qm_paper_json_decimal(0));
}

/* balances lists what an account has of each asset. */
static json_t *
balances(const QmPaperCall *call, bool omit_zero)
{
    const QmPaperWorld *world = call->server->world;
    json_t *list = json_array();

    for (int asset = 0; asset < qm_paper_asset_count(world); asset++)
    {
        const QmPaperBalance *balance = qm_paper_world_balance(world, call->account, asset);

        if (omit_zero && balance->free == 0 && balance->locked == 0)
            continue;
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o}",
                                        "asset",
                                        qm_paper_asset_name(world, asset),
                                        "free",
                                        qm_paper_json_decimal(balance->free),
                                        "locked",
                                        qm_paper_json_decimal(balance->locked)));
    }
    return list;
}

/* qm_paper_account answers with an account and its balances. */
void
qm_paper_account(QmPaperCall *call)
{
    const QmPaperRules *rules = qm_paper_symbol(call->server->world, 0).rules;
    const char *omit = qm_paper_argument(call, "omitZeroBalances");

    qm_paper_call_body(call,
                       json_pack("{s:I, s:I, s:i, s:i, s:o, s:b, s:b, s:b, s:b, s:b, s:b, s:I, s:s, s:o, s:[s], s:i}",
                                 "makerCommission",
                                 (json_int_t) (rules->fee_maker / (QM_PAPER_ONE / 10000)),
                                 "takerCommission",
                                 (json_int_t) (rules->fee_taker / (QM_PAPER_ONE / 10000)),
                                 "buyerCommission",
                                 0,
                                 "sellerCommission",
                                 0,
                                 "commissionRates",
                                 rates(rules),
                                 "canTrade",
                                 1,
                                 "canWithdraw",
                                 0,
                                 "canDeposit",
                                 0,
                                 "brokered",
                                 0,
                                 "requireSelfTradePrevention",
                                 0,
                                 "preventSor",
                                 0,
                                 "updateTime",
                                 (json_int_t) qm_paper_wire_ms(call->server),
                                 "accountType",
                                 "SPOT",
                                 "balances",
                                 balances(call, omit != NULL && strcmp(omit, "true") == 0),
                                 "permissions",
                                 "SPOT",
                                 "uid",
                                 call->account + 1));
}

/* qm_paper_commission answers with what is taken of a symbol's trades. */
void
qm_paper_commission(QmPaperCall *call)
{
    static const QmPaperRules none = {0};
    QmPaperSymbol market;

    if (!qm_paper_need_symbol(call))
        return;
    market = qm_paper_symbol(call->server->world, call->symbol);
    qm_paper_call_body(call,
                       json_pack("{s:s, s:o, s:o, s:o, s:{s:b, s:b, s:s, s:o}}",
                                 "symbol",
                                 market.name,
                                 "standardCommission",
                                 rates(market.rules),
                                 "specialCommission",
                                 rates(&none),
                                 "taxCommission",
                                 rates(&none),
                                 "discount",
                                 "enabledForAccount",
                                 0,
                                 "enabledForSymbol",
                                 0,
                                 "discountAsset",
                                 "BNB",
                                 "discount",
                                 qm_paper_json_decimal(0)));
}

/* limit_count writes how many orders have been placed of those that may be. */
static json_t *
limit_count(const QmPaperCall *call, bool of_day)
{
    const QmPaperServerOptions *options = &call->server->options;

    return json_pack("{s:s, s:s, s:i, s:i, s:I}",
                     "rateLimitType",
                     "ORDERS",
                     "interval",
                     of_day ? "DAY" : "SECOND",
                     "intervalNum",
                     of_day ? 1 : 10,
                     "limit",
                     of_day ? options->orders_day_max : options->orders_10s_max,
                     "count",
                     (json_int_t) qm_paper_orders_counted(call->server, call->account, of_day));
}

/* qm_paper_order_limits answers with how many orders have been placed of late. */
void
qm_paper_order_limits(QmPaperCall *call)
{
    qm_paper_call_body(call, json_pack("[o, o]", limit_count(call, false), limit_count(call, true)));
}
