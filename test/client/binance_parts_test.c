/*
 * Parts of the Binance adapter that need no connection: signatures and error
 * classes, one by one.
 */
#include "check.h"

#include <string.h>

#include "binance_error.h"
#include "binance_query.h"

/* The secret, order and signature of Binance's own documentation. */
static void
test_signature(void **state)
{
    static const char secret[] = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
    QmQuery query = {0};

    (void) state;
    qm_query_add(&query, "symbol", "LTCBTC");
    qm_query_add(&query, "side", "BUY");
    qm_query_add(&query, "type", "LIMIT");
    qm_query_add(&query, "timeInForce", "GTC");
    qm_query_add(&query, "quantity", "1");
    qm_query_add(&query, "price", "0.1");
    qm_query_add_number(&query, "recvWindow", 5000);
    qm_query_add_number(&query, "timestamp", 1499827319559);
    assert_string_equal(query.text,
                        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
                        "&recvWindow=5000&timestamp=1499827319559");
    assert_true(qm_query_sign(&query, secret));
    assert_string_equal(strstr(query.text, "&signature=") + 11,
                        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71");
}

static void
test_query_encodes(void **state)
{
    QmQuery query = {0};

    (void) state;
    qm_query_add(&query, "symbols", "[\"BTCUSDT\"]");
    qm_query_add(&query, "nothing", NULL);
    qm_query_add(&query, "odd", "a b&c=\xc3\xa9~+");
    assert_string_equal(query.text, "symbols=%5B%22BTCUSDT%22%5D&odd=a%20b%26c%3D%C3%A9%7E%2B");
}

static void
test_query_too_long(void **state)
{
    QmQuery query = {0};

    (void) state;
    for (int i = 0; i < QM_QUERY_SIZE / 8; i++)
        qm_query_add(&query, "name", "value");
    assert_true(query.overflow);
    assert_false(qm_query_sign(&query, "secret"));
    assert_int_equal(strlen(query.text), query.length);
}

typedef struct ErrorCase
{
    QmRequestKind kind;
    int status;
    int code;
    const char *message;
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
} ErrorCase;

#define PLACE QM_REQUEST_PLACE
#define CANCEL QM_REQUEST_CANCEL
#define QUERY QM_REQUEST_QUERY
#define READ QM_REQUEST_READ
#define REFUSED QM_EXCHANGE_REFUSED
#define NOT_PROCESSED QM_EXCHANGE_NOT_PROCESSED
#define UNKNOWN QM_EXCHANGE_UNKNOWN

static const ErrorCase cases[] = {
    {PLACE, 400, -1000, "An unknown error occurred", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 400, -1001, "Internal error", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 401, -1002, "You are not authorized", REFUSED, QM_CAUSE_CREDENTIALS},
    {PLACE, 429, -1003, "Too many requests", NOT_PROCESSED, QM_CAUSE_THROTTLED},
    {PLACE, 418, -1003, "Way too many requests; IP banned until 1", NOT_PROCESSED, QM_CAUSE_BANNED},
    {PLACE, 400, -1003, "Way too many requests; IP banned until 1", NOT_PROCESSED, QM_CAUSE_BANNED},
    {PLACE, 400, -1003, "Too much request weight used", NOT_PROCESSED, QM_CAUSE_THROTTLED},
    {PLACE, 429, 0, "", NOT_PROCESSED, QM_CAUSE_THROTTLED},
    {PLACE, 418, 0, "", NOT_PROCESSED, QM_CAUSE_BANNED},
    {PLACE, 400, -1006, "Unexpected response", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 500, -1007, "Timeout waiting for response", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 408, -1007, "Timeout waiting for response", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 503, -1008, "Server is currently overloaded", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 400, -1013, "Filter failure: PRICE_FILTER", REFUSED, QM_CAUSE_FILTER},
    {PLACE, 400, -1013, "Filter failure: LOT_SIZE", REFUSED, QM_CAUSE_FILTER},
    {PLACE, 400, -1014, "Unsupported order combination", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 429, -1015, "Too many new orders", NOT_PROCESSED, QM_CAUSE_ORDERS},
    {PLACE, 400, -1015, "Too many new orders", NOT_PROCESSED, QM_CAUSE_ORDERS},
    {PLACE, 400, -1020, "This operation is not supported", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1021, "Timestamp for this request is outside of the recvWindow", NOT_PROCESSED, QM_CAUSE_CLOCK},
    {PLACE, 400, -1022, "Signature for this request is not valid", REFUSED, QM_CAUSE_CREDENTIALS},
    {PLACE, 400, -1100, "Illegal characters", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1101, "Too many parameters", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1102, "Mandatory parameter", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1104, "Not all sent parameters were read", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1106, "Parameter sent when not required", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1111, "Precision is over the maximum", REFUSED, QM_CAUSE_FILTER},
    {PLACE, 400, -1114, "TimeInForce parameter sent when not required", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1115, "Invalid timeInForce", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1116, "Invalid orderType", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1117, "Invalid side", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1118, "New client order ID was empty", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1119, "Original client order ID was empty", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1121, "Invalid symbol", REFUSED, QM_CAUSE_MARKET},
    {READ, 400, -1125, "This listenKey does not exist", REFUSED, QM_CAUSE_REQUEST},
    {READ, 400, -1127, "More than 24 hours between startTime and endTime", REFUSED, QM_CAUSE_REQUEST},
    {READ, 400, -1128, "Combination of optional parameters invalid", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1131, "recvWindow must be less than 60000", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -1134, "strategyType was less than 1000000", REFUSED, QM_CAUSE_REQUEST},
    {CANCEL, 400, -1145, "Invalid cancelRestrictions", REFUSED, QM_CAUSE_REQUEST},
    {PLACE, 400, -2010, "Duplicate order sent.", UNKNOWN, QM_CAUSE_EXISTS},
    {PLACE, 400, -2010, "Order would immediately match and take.", REFUSED, QM_CAUSE_POST_ONLY},
    {PLACE, 400, -2010, "Account has insufficient balance for requested action.", REFUSED, QM_CAUSE_FUNDS},
    {PLACE, 400, -2010, "Market is closed.", REFUSED, QM_CAUSE_MARKET},
    {PLACE, 400, -2010, "This action is disabled on this account.", REFUSED, QM_CAUSE_CREDENTIALS},
    {PLACE, 400, -2010, "Something new.", REFUSED, QM_CAUSE_REQUEST},
    {CANCEL, 400, -2010, "Duplicate order sent.", UNKNOWN, QM_CAUSE_SERVER},
    {CANCEL, 400, -2011, "Unknown order sent.", REFUSED, QM_CAUSE_NOT_OPEN},
    {CANCEL, 500, -2011, "Unknown order sent.", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 400, -2011, "Unknown order sent.", UNKNOWN, QM_CAUSE_SERVER},
    {QUERY, 400, -2013, "Order does not exist.", REFUSED, QM_CAUSE_ABSENT},
    {QUERY, 502, -2013, "Order does not exist.", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 400, -2013, "Order does not exist.", UNKNOWN, QM_CAUSE_SERVER},
    {QUERY, 401, -2014, "API-key format invalid.", REFUSED, QM_CAUSE_CREDENTIALS},
    {QUERY, 401, -2015, "Invalid API-key, IP, or permissions for action.", REFUSED, QM_CAUSE_CREDENTIALS},
    {QUERY, 400, -2026, "Order was canceled or expired with no executed qty", REFUSED, QM_CAUSE_ARCHIVED},
    {PLACE, 409, -2021, "Order cancel-replace partially failed.", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 400, -9999, "A code of tomorrow", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 400, 0, "", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 403, 0, "", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 404, 0, "", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 302, 0, "", UNKNOWN, QM_CAUSE_SERVER},
    {PLACE, 504, -1013, "Filter failure: PRICE_FILTER", UNKNOWN, QM_CAUSE_SERVER},
};

static void
test_error_classes(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        const ErrorCase *one = &cases[i];
        QmVerdict verdict = qm_binance_verdict(one->kind, one->status, one->code, one->message);

        if (verdict.outcome != one->outcome || verdict.cause != one->cause)
            qt_fail("%d %d \"%s\" of kind %d: outcome %d, cause %d",
                    one->status,
                    one->code,
                    one->message,
                    one->kind,
                    verdict.outcome,
                    verdict.cause);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signature),
        cmocka_unit_test(test_query_encodes),
        cmocka_unit_test(test_query_too_long),
        cmocka_unit_test(test_error_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
