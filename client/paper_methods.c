/*
 * What the paper exchange serves: one table for REST and the WebSocket API.
 */
#include "paper_server_inside.h"

#include <stddef.h>
#include <string.h>

#define API "/api/v3/"

static const QmPaperMethod methods[] = {
    /* verb, path, name, weight, security, endpoint, counts orders, function */
    {"GET", API "ping", "ping", 1, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_ping},
    {"GET", API "time", "time", 1, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_time},
    {"GET", API "exchangeInfo", "exchangeInfo", 20, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_exchange_info},
    {"GET", API "depth", "depth", 5, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_depth},
    {"GET", API "trades", "trades.recent", 25, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_trades},
    {"GET", API "historicalTrades", "trades.historical", 25, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_trades},
    {"GET", API "aggTrades", "trades.aggregate", 4, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_agg_trades},
    {"GET", API "klines", "klines", 2, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_klines},
    {"GET", API "uiKlines", "uiKlines", 2, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_klines},
    {"GET", API "avgPrice", "avgPrice", 2, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_avg_price},
    {"GET", API "ticker/24hr", "ticker.24hr", 2, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_ticker_day},
    {"GET", API "ticker/price", "ticker.price", 2, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_ticker_price},
    {"GET", API "ticker/bookTicker", "ticker.book", 2, QM_PAPER_OPEN, QM_PAPER_PUBLIC, false, qm_paper_ticker_book},
    {"POST", API "order", "order.place", 1, QM_PAPER_SIGNED, QM_PAPER_PLACE, true, qm_paper_order_place},
    {"POST", API "order/test", "order.test", 1, QM_PAPER_SIGNED, QM_PAPER_ANY, false, qm_paper_order_test},
    {"DELETE", API "order", "order.cancel", 1, QM_PAPER_SIGNED, QM_PAPER_CANCEL, false, qm_paper_order_cancel},
    {"GET", API "order", "order.status", 4, QM_PAPER_SIGNED, QM_PAPER_QUERY, false, qm_paper_order_query},
    {"POST",
     API "order/cancelReplace",
     "order.cancelReplace",
     1,
     QM_PAPER_SIGNED,
     QM_PAPER_PLACE,
     true,
     qm_paper_order_replace},
    {"GET",
     API "openOrders",
     "openOrders.status",
     6,
     QM_PAPER_SIGNED,
     QM_PAPER_OPEN_ORDERS,
     false,
     qm_paper_open_orders},
    {"DELETE",
     API "openOrders",
     "openOrders.cancelAll",
     1,
     QM_PAPER_SIGNED,
     QM_PAPER_CANCEL,
     false,
     qm_paper_orders_cancel},
    {"GET", API "allOrders", "allOrders", 20, QM_PAPER_SIGNED, QM_PAPER_OPEN_ORDERS, false, qm_paper_all_orders},
    {"GET", API "myTrades", "myTrades", 20, QM_PAPER_SIGNED, QM_PAPER_OWN_TRADES, false, qm_paper_my_trades},
    {"GET",
     API "myPreventedMatches",
     "myPreventedMatches",
     2,
     QM_PAPER_SIGNED,
     QM_PAPER_OWN_TRADES,
     false,
     qm_paper_nothing},
    {"GET", API "account", "account.status", 20, QM_PAPER_SIGNED, QM_PAPER_ACCOUNT, false, qm_paper_account},
    {"GET",
     API "account/commission",
     "account.commission",
     20,
     QM_PAPER_SIGNED,
     QM_PAPER_ACCOUNT,
     false,
     qm_paper_commission},
    {"GET",
     API "rateLimit/order",
     "account.rateLimits.orders",
     40,
     QM_PAPER_SIGNED,
     QM_PAPER_ACCOUNT,
     false,
     qm_paper_order_limits},
    {"POST", API "userDataStream", NULL, 2, QM_PAPER_KEYED, QM_PAPER_STREAM, false, qm_paper_listen_key_new},
    {"PUT", API "userDataStream", NULL, 2, QM_PAPER_KEYED, QM_PAPER_STREAM, false, qm_paper_listen_key_keep},
    {"DELETE", API "userDataStream", NULL, 2, QM_PAPER_KEYED, QM_PAPER_STREAM, false, qm_paper_listen_key_end},
    {"GET", "/sapi/v1/capital/config/getall", NULL, 1, QM_PAPER_SIGNED, QM_PAPER_ANY, false, qm_paper_nothing},
    {"GET", "/sapi/v1/margin/allPairs", NULL, 1, QM_PAPER_OPEN, QM_PAPER_ANY, false, qm_paper_nothing},
    {NULL, NULL, "session.logon", 2, QM_PAPER_OPEN, QM_PAPER_STREAM, false, qm_paper_session},
    {NULL, NULL, "session.status", 2, QM_PAPER_OPEN, QM_PAPER_STREAM, false, qm_paper_session},
    {NULL, NULL, "session.logout", 2, QM_PAPER_OPEN, QM_PAPER_STREAM, false, qm_paper_session},
    {NULL, NULL, "session.subscriptions", 2, QM_PAPER_OPEN, QM_PAPER_STREAM, false, qm_paper_user_subscriptions},
    {NULL, NULL, "userDataStream.subscribe", 2, QM_PAPER_OPEN, QM_PAPER_STREAM, false, qm_paper_session},
    {NULL,
     NULL,
     "userDataStream.subscribe.signature",
     2,
     QM_PAPER_SIGNED,
     QM_PAPER_STREAM,
     false,
     qm_paper_user_subscribe},
    {NULL, NULL, "userDataStream.unsubscribe", 2, QM_PAPER_OPEN, QM_PAPER_STREAM, false, qm_paper_user_unsubscribe},
};

/* qm_paper_method_by_path finds what a request asks for; path_known: there is such a path, with another verb. */
const QmPaperMethod *
qm_paper_method_by_path(const char *verb, const char *path, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
    {
        if (methods[i].path == NULL || strcmp(methods[i].path, path) != 0)
            continue;
        *path_known = true;
        if (strcmp(methods[i].verb, verb) == 0)
            return &methods[i];
    }
    return NULL;
}

/* qm_paper_method_by_name finds a method of the WebSocket API, which may be called "v3/…" as well. */
const QmPaperMethod *
qm_paper_method_by_name(const char *name)
{
    if (strncmp(name, "v3/", 3) == 0)
        name += 3;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i].name != NULL && strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}
