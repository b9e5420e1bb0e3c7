/*
 * The paper exchange over HTTP, as any client would ask it: what it answers, and
 * what it refuses, with Binance's codes and words.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "paper_host.h"
#include "paper_params.h"

#define ORDER "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000"

static QtPaper paper;

static int
set_up(void **state)
{
    (void) state;
    qt_paper_prepare(&paper);
    qt_paper_start(&paper);
    qt_paper_step(&paper, 2);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    qt_paper_stop(&paper);
    return 0;
}

/* The test vector of Binance's documentation, wherever the signature stands and whatever the case of its digits. */
static void
test_signature_vector(void **state)
{
    static const char secret[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    static const char query[] = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow="
                                "5000&timestamp=1499827319559";
    static const char signature[] = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
    char text[512];

    (void) state;
    assert_true(qm_paper_request_signed(secret, query, "", signature));
    assert_true(
        qm_paper_request_signed(secret, query, "", "C8DB56825AE71D6D79447849E617115F4A920FA2ACDCAB2B053C4B2838BD6B71"));
    snprintf(text, sizeof(text), "signature=%s&%s", signature, query);
    assert_true(qm_paper_request_signed(secret, text, "", signature));
    snprintf(text, sizeof(text), "%s&signature=%s", query, signature);
    assert_true(qm_paper_request_signed(secret, "", text, signature));
    /* A query and a body, one right behind the other: the vector's own example of a mixed request. */
    assert_true(qm_paper_request_signed(secret,
                                        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
                                        "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
                                        "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"));
    assert_false(qm_paper_request_signed(secret, query, "&", "00"));
    text[0] = 'x';
    assert_false(qm_paper_request_signed(secret, text, "", signature));
    assert_false(qm_paper_request_signed("another", query, "", signature));
}

/* What is signed are the bytes as they were sent: who signs the text before it is encoded is refused. */
static void
test_signature_of_raw_bytes(void **state)
{
    static const char encoded[] = "symbols=%5B%22BTCUSDT%22%5D&a=1%2c2";
    static const char decoded[] = "symbols=[\"BTCUSDT\"]&a=1,2";
    char signature[65];

    (void) state;
    assert_true(qt_paper_signature(encoded, signature));
    assert_true(qm_paper_request_signed(QT_PAPER_SECRET, encoded, "", signature));
    assert_false(qm_paper_request_signed(QT_PAPER_SECRET, decoded, "", signature));
    assert_true(qt_paper_signature(decoded, signature));
    assert_false(qm_paper_request_signed(QT_PAPER_SECRET, encoded, "", signature));
    /* A client that signs what encodeURIComponent writes and sends what URLSearchParams writes. */
    assert_true(qt_paper_signature("a=x%20y~z", signature));
    assert_true(qm_paper_request_signed(QT_PAPER_SECRET, "a=x+y%7Ez", "", signature));
}

static void
test_public(void **state)
{
    json_t *list;

    (void) state;
    qt_paper_ask(&paper, "GET", "/api/v3/ping", "", false);
    assert_int_equal(paper.status, 200);
    assert_int_equal(json_object_size(paper.answer), 0);
    qt_paper_ask(&paper, "GET", "/api/v3/time", "", false);
    assert_true(qt_paper_whole(paper.answer, "serverTime") > 1700000000000);
    qt_paper_ask(&paper, "GET", "/api/v3/exchangeInfo", "symbols=%5B%22BTCUSDT%22%5D", false);
    list = json_object_get(paper.answer, "symbols");
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(qt_paper_text(json_array_get(list, 0), "baseAsset"), "BTC");
    assert_string_equal(qt_paper_text(json_array_get(list, 0), "status"), "TRADING");
    qt_paper_ask(&paper, "GET", "/api/v3/depth", "symbol=BTCUSDT&limit=5", false);
    assert_int_equal(json_array_size(json_object_get(paper.answer, "bids")), 5);
    assert_int_equal(json_array_size(json_object_get(paper.answer, "asks")), 5);
    qt_paper_ask(&paper, "GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1m&limit=1", false);
    assert_int_equal(json_array_size(json_array_get(paper.answer, 0)), 12);
    qt_paper_ask(&paper, "GET", "/api/v3/trades", "symbol=BTCUSDT&limit=1", false);
    assert_int_equal(json_array_size(paper.answer), 1);
    qt_paper_ask(&paper, "GET", "/api/v3/aggTrades", "symbol=BTCUSDT", false);
    assert_true(json_array_size(paper.answer) > 0);
    qt_paper_ask(&paper, "GET", "/api/v3/ticker/price", "", false);
    assert_int_equal(json_array_size(paper.answer), 2);
    qt_paper_ask(&paper, "GET", "/api/v3/ticker/bookTicker", "symbol=ETHUSDT", false);
    assert_string_equal(qt_paper_text(paper.answer, "symbol"), "ETHUSDT");
    qt_paper_ask(&paper, "GET", "/api/v3/ticker/24hr", "symbol=BTCUSDT", false);
    assert_int_equal(json_object_size(paper.answer), 21);
    qt_paper_ask(&paper, "GET", "/api/v3/avgPrice", "symbol=BTCUSDT", false);
    assert_int_equal(qt_paper_whole(paper.answer, "mins"), 5);
    qt_paper_ask(&paper, "GET", "/sapi/v1/margin/allPairs", "", false);
    assert_int_equal(json_array_size(paper.answer), 0);
    qt_paper_ask(&paper, "GET", "/api/v3/nothing", "", false);
    assert_int_equal(paper.status, 404);
    qt_paper_ask(&paper, "PATCH", "/api/v3/order", "", false);
    assert_int_equal(paper.status, 405);
}

/* An order's way: placed, asked for, listed, canceled, and what each of these answers. */
static void
test_order(void **state)
{
    json_int_t id;
    char query[128];

    (void) state;
    qt_paper_ask(&paper, "POST", "/api/v3/order", ORDER "&newClientOrderId=one", true);
    assert_int_equal(paper.status, 200);
    assert_string_equal(qt_paper_text(paper.answer, "status"), "NEW");
    assert_string_equal(qt_paper_text(paper.answer, "clientOrderId"), "one");
    assert_string_equal(qt_paper_text(paper.answer, "price"), "20000.00000000");
    assert_true(json_is_array(json_object_get(paper.answer, "fills")));
    assert_non_null(strcasestr(paper.headers, "X-MBX-ORDER-COUNT-10S: "));
    assert_non_null(strcasestr(paper.headers, "X-MBX-USED-WEIGHT-1M: "));
    id = qt_paper_whole(paper.answer, "orderId");
    qt_paper_ask(&paper, "POST", "/api/v3/order", ORDER "&newClientOrderId=one", true);
    qt_paper_refused(&paper, 400, -2010, "Duplicate order sent.");
    qt_paper_ask(&paper, "GET", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=one", true);
    assert_int_equal(qt_paper_whole(paper.answer, "orderId"), id);
    assert_int_equal(json_object_size(paper.answer), 20);
    qt_paper_ask(&paper, "GET", "/api/v3/openOrders", "", true);
    assert_int_equal(json_array_size(paper.answer), 1);
    snprintf(query, sizeof(query), "symbol=BTCUSDT&orderId=%lld&origClientOrderId=two", (long long) id);
    qt_paper_ask(&paper, "DELETE", "/api/v3/order", query, true);
    qt_paper_refused(&paper, 400, -2011, "Unknown order sent.");
    snprintf(query,
             sizeof(query),
             "symbol=BTCUSDT&orderId=%lld&cancelRestrictions=ONLY_PARTIALLY_FILLED",
             (long long) id);
    qt_paper_ask(&paper, "DELETE", "/api/v3/order", query, true);
    qt_paper_refused(&paper, 400, -2011, "Order was not canceled due to cancel restrictions.");
    qt_paper_ask(&paper, "DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=one&newClientOrderId=gone", true);
    assert_int_equal(paper.status, 200);
    assert_string_equal(qt_paper_text(paper.answer, "status"), "CANCELED");
    assert_string_equal(qt_paper_text(paper.answer, "origClientOrderId"), "one");
    assert_string_equal(qt_paper_text(paper.answer, "clientOrderId"), "gone");
    qt_paper_ask(&paper, "DELETE", "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=one", true);
    qt_paper_refused(&paper, 400, -2011, "Unknown order sent.");
    /* Once it has ended, its id may be used again: that is what makes sending twice unsafe. */
    qt_paper_ask(&paper, "POST", "/api/v3/order", ORDER "&newClientOrderId=one", true);
    assert_true(qt_paper_whole(paper.answer, "orderId") > id);
    qt_paper_ask(&paper, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    assert_int_equal(json_array_size(paper.answer), 1);
    qt_paper_ask(&paper, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    qt_paper_refused(&paper, 400, -2011, "Unknown order sent.");
}

/* An order that trades at once, and what it leaves behind. */
static void
test_fills(void **state)
{
    const json_t *fill;
    double before, after;

    (void) state;
    qt_paper_ask(&paper, "GET", "/api/v3/account", "omitZeroBalances=true", true);
    before = atof(qt_paper_text(json_array_get(json_object_get(paper.answer, "balances"), 0), "free"));
    qt_paper_ask(&paper, "POST", "/api/v3/order", "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.02", true);
    assert_string_equal(qt_paper_text(paper.answer, "status"), "FILLED");
    fill = json_array_get(json_object_get(paper.answer, "fills"), 0);
    assert_string_equal(qt_paper_text(fill, "commissionAsset"), "BTC");
    assert_string_equal(qt_paper_text(fill, "commission"), "0.00002000");
    qt_paper_ask(&paper, "GET", "/api/v3/myTrades", "symbol=BTCUSDT&fromId=0", true);
    assert_true(json_array_size(paper.answer) > 0);
    assert_string_equal(qt_paper_text(json_array_get(paper.answer, 0), "qty"), "0.02000000");
    assert_true(qt_paper_whole(json_array_get(paper.answer, 0), "time") > 1700000000000);
    qt_paper_ask(&paper, "GET", "/api/v3/account", "omitZeroBalances=true", true);
    after = atof(qt_paper_text(json_array_get(json_object_get(paper.answer, "balances"), 0), "free"));
    assert_true(before != after);
    qt_paper_ask(&paper,
                 "POST",
                 "/api/v3/order",
                 "symbol=BTCUSDT&side=BUY&type=MARKET&quoteOrderQty=100&newOrderRespType=RESULT",
                 true);
    assert_null(json_object_get(paper.answer, "fills"));
    assert_string_equal(qt_paper_text(paper.answer, "origQuoteOrderQty"), "100.00000000");
    qt_paper_ask(&paper,
                 "POST",
                 "/api/v3/order",
                 "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=IOC&quantity=0.01&price=10000",
                 true);
    assert_string_equal(qt_paper_text(paper.answer, "status"), "EXPIRED");
    assert_string_equal(qt_paper_text(paper.answer, "expiryReason"), "UNFILLED_IOC_QUANTITY_EXPIRED");
    qt_paper_ask(&paper,
                 "POST",
                 "/api/v3/order",
                 "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.01&price=10000",
                 true);
    assert_int_equal(json_object_size(paper.answer), 5);
    qt_paper_ask(&paper, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT", true);
}

/* What is refused before the market looks at it, code by code. */
static const struct
{
    const char *verb, *path, *query;
    long status;
    int code;
    const char *message;
} refusals[] = {
    {"POST",
     "/api/v3/order",
     "side=BUY",
     400,
     -1102,
     "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."},
    {"POST", "/api/v3/order", "symbol=XXXYYY&side=BUY", 400, -1121, "Invalid symbol."},
    {"POST",
     "/api/v3/order",
     "symbol=btc!&side=BUY",
     400,
     -1100,
     "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'."},
    {"POST", "/api/v3/order", "symbol=BTCUSDT&side=HOLD&type=LIMIT", 400, -1117, "Invalid side."},
    {"POST", "/api/v3/order", "symbol=BTCUSDT&side=BUY&type=NONE", 400, -1116, "Invalid orderType."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=STOP_LOSS",
     400,
     -2010,
     "Stop loss orders are not supported for this symbol."},
    {"POST", "/api/v3/order", ORDER "&icebergQty=1", 400, -2010, "Iceberg orders are not supported for this symbol."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTX&quantity=1&price=1",
     400,
     -1115,
     "Invalid timeInForce."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=MARKET&timeInForce=GTC&quantity=1",
     400,
     -1106,
     "Parameter 'timeInForce' sent when not required."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=MARKET",
     400,
     -1102,
     "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000.123456789",
     400,
     -1111,
     "Parameter 'price' has too much precision."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=-1&price=20000",
     400,
     -1100,
     "Illegal characters found in parameter 'quantity'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'."},
    {"POST", "/api/v3/order", ORDER "&newClientOrderId=", 400, -1118, "New client order ID was empty."},
    {"POST",
     "/api/v3/order",
     ORDER "&newClientOrderId=a%20b",
     400,
     -1100,
     "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'."},
    {"POST", "/api/v3/order", ORDER "&strategyType=5", 400, -1134, "Parameter 'strategyType' was less than 1000000."},
    {"POST",
     "/api/v3/order",
     ORDER "&selfTradePreventionMode=DECREMENT",
     400,
     -1013,
     "This symbol does not allow the specified self-trade prevention mode."},
    {"POST", "/api/v3/order", ORDER "&price=1", 400, -1101, "Duplicate values for a parameter detected."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000.001",
     400,
     -1013,
     "Filter failure: PRICE_FILTER"},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.000001&price=20000",
     400,
     -1013,
     "Filter failure: LOT_SIZE"},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.0001&price=20000",
     400,
     -1013,
     "Filter failure: NOTIONAL"},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=100&price=20000",
     400,
     -2010,
     "Account has insufficient balance for requested action."},
    {"POST",
     "/api/v3/order",
     "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=0.01&price=90000",
     400,
     -2010,
     "Order would immediately match and take."},
    {"POST", "/api/v3/order", ORDER "&recvWindow=60001", 400, -1131, "recvWindow must be less than 60000."},
    {"POST",
     "/api/v3/order/test",
     "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.0001&price=20000",
     400,
     -1013,
     "Filter failure: NOTIONAL"},
    {"DELETE",
     "/api/v3/order",
     "symbol=BTCUSDT",
     400,
     -1102,
     "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"},
    {"DELETE",
     "/api/v3/order",
     "symbol=BTCUSDT&orderId=1&cancelRestrictions=NONE",
     400,
     -1145,
     "Invalid cancelRestrictions"},
    {"GET", "/api/v3/order", "symbol=BTCUSDT&orderId=123456", 400, -2013, "Order does not exist."},
    {"GET",
     "/api/v3/myTrades",
     "symbol=BTCUSDT&startTime=1&endTime=100000001",
     400,
     -1127,
     "More than 24 hours between startTime and endTime."},
    {"GET",
     "/api/v3/myTrades",
     "symbol=BTCUSDT&startTime=1&fromId=1",
     400,
     -1128,
     "Combination of optional parameters invalid."},
    {"GET", "/api/v3/klines", "symbol=BTCUSDT&interval=7m", 400, -1120, "Invalid interval."},
    {"GET",
     "/api/v3/depth",
     "symbol=BTCUSDT&limit=x",
     400,
     -1100,
     "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."},
    {"PUT", "/api/v3/userDataStream", "listenKey=none", 400, -1125, "This listenKey does not exist."},
};

static void
test_refusals(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
    {
        qt_paper_ask(&paper, refusals[i].verb, refusals[i].path, refusals[i].query, true);
        qt_paper_refused(&paper, refusals[i].status, refusals[i].code, refusals[i].message);
    }
    qt_paper_ask(&paper, "POST", "/api/v3/order/test", ORDER, true);
    assert_int_equal(paper.status, 200);
    qt_paper_ask(&paper, "GET", "/api/v3/openOrders", "", true);
    assert_int_equal(json_array_size(paper.answer), 0);
}

/* Who may ask: key, signature, timestamp. */
static void
test_security(void **state)
{
    char query[256];
    char signature[65];

    (void) state;
    qt_paper_ask_as(&paper, "", "GET", "/api/v3/account", "");
    qt_paper_refused(&paper, 401, -2014, "API-key format invalid.");
    qt_paper_ask_as(&paper, "nobody", "GET", "/api/v3/account", "");
    qt_paper_refused(&paper, 401, -2015, "Invalid API-key, IP, or permissions for action.");
    qt_paper_ask(&paper, "GET", "/api/v3/account", "timestamp=1", false);
    qt_paper_refused(&paper, 400, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.");
    qt_paper_ask(&paper, "GET", "/api/v3/account", "signature=1", false);
    qt_paper_refused(&paper, 400, -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.");
    qt_paper_ask(&paper, "GET", "/api/v3/account", "timestamp=1&signature=00", false);
    qt_paper_refused(&paper, 400, -1022, "Signature for this request is not valid.");
    assert_true(qt_paper_signature("timestamp=1", signature));
    snprintf(query, sizeof(query), "timestamp=1&signature=%s", signature);
    qt_paper_ask(&paper, "GET", "/api/v3/account", query, false);
    qt_paper_refused(&paper, 400, -1021, "Timestamp for this request is outside of the recvWindow.");
    assert_true(qt_paper_signature("timestamp=99999999999999", signature));
    snprintf(query, sizeof(query), "timestamp=99999999999999&signature=%s", signature);
    qt_paper_ask(&paper, "GET", "/api/v3/account", query, false);
    qt_paper_refused(&paper, 400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.");
}

/* One order in the place of another: either half may fail. */
static void
test_replace(void **state)
{
    const char *replace =
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=21000&cancelReplaceMode=";
    char query[512];

    (void) state;
    qt_paper_ask(&paper, "POST", "/api/v3/order", ORDER "&newClientOrderId=first", true);
    snprintf(query, sizeof(query), "%sSTOP_ON_FAILURE&cancelOrigClientOrderId=first&newClientOrderId=second", replace);
    qt_paper_ask(&paper, "POST", "/api/v3/order/cancelReplace", query, true);
    assert_int_equal(paper.status, 200);
    assert_string_equal(qt_paper_text(json_object_get(paper.answer, "newOrderResponse"), "clientOrderId"), "second");
    snprintf(query, sizeof(query), "%sSTOP_ON_FAILURE&cancelOrigClientOrderId=first&newClientOrderId=third", replace);
    qt_paper_ask(&paper, "POST", "/api/v3/order/cancelReplace", query, true);
    qt_paper_refused(&paper, 400, -2022, "Order cancel-replace failed.");
    assert_string_equal(qt_paper_text(json_object_get(paper.answer, "data"), "newOrderResult"), "NOT_ATTEMPTED");
    snprintf(query, sizeof(query), "%sALLOW_FAILURE&cancelOrigClientOrderId=first&newClientOrderId=third", replace);
    qt_paper_ask(&paper, "POST", "/api/v3/order/cancelReplace", query, true);
    qt_paper_refused(&paper, 409, -2021, "Order cancel-replace partially failed.");
    assert_string_equal(qt_paper_text(json_object_get(paper.answer, "data"), "newOrderResult"), "SUCCESS");
    qt_paper_ask(&paper, "DELETE", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    assert_int_equal(json_array_size(paper.answer), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature_vector),
        cmocka_unit_test(test_signature_of_raw_bytes),
        cmocka_unit_test(test_public),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_fills),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_security),
        cmocka_unit_test(test_replace),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
