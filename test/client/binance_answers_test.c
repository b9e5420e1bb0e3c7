/*
 * What Binance answers and streams, read: recorded bodies, and bodies that are
 * wrong in every way that we could think of.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "binance_answer.h"

static const char placed[] =
    "{\"symbol\":\"BTCUSDT\",\"orderId\":28,\"orderListId\":-1,\"clientOrderId\":\"q0\",\"transactTime\":1507725176595,"
    "\"price\":\"65000.10\",\"origQty\":\"10.00000000\",\"executedQty\":\"10.00000000\",\"cummulativeQuoteQty\":\"1."
    "5\","
    "\"status\":\"FILLED\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT\",\"side\":\"SELL\",\"tomorrow\":{\"a\":[1]},"
    "\"fills\":[{\"price\":\"4000.00\",\"qty\":\"1.0\",\"commission\":\"4.0\",\"commissionAsset\":\"USDT\",\"tradeId\":"
    "56},"
    "{\"price\":\"3999.00\",\"qty\":\"5.0\",\"commission\":\"19.995\",\"commissionAsset\":\"USDT\",\"tradeId\":57}]}";

static const char canceled[] =
    "{\"symbol\":\"BTCUSDT\",\"origClientOrderId\":\"q1\",\"orderId\":4,\"clientOrderId\":\"cancelMyOrder1\","
    "\"transactTime\":1684804350068,\"price\":\"2.0\",\"origQty\":\"1.0\",\"executedQty\":\"0.0\","
    "\"cummulativeQuoteQty\":\"0.0\",\"status\":\"CANCELED\",\"timeInForce\":\"GTC\",\"type\":\"LIMIT_MAKER\",\"side\":"
    "\"BUY\"}";

static const char open_orders[] = "[{\"symbol\":\"BTCUSDT\",\"orderId\":1,\"clientOrderId\":\"q1\",\"price\":\"0.1\","
                                  "\"origQty\":\"1.0\",\"executedQty\":\"0.5\","
                                  "\"cummulativeQuoteQty\":\"0.05\",\"status\":\"A_STATE_OF_TOMORROW\",\"timeInForce\":"
                                  "\"GTD\",\"type\":\"STOP_LOSS\","
                                  "\"side\":\"BUY\",\"updateTime\":1499827319559}]";

static const char trades[] =
    "[{\"symbol\":\"BNBBTC\",\"id\":28457,\"orderId\":9223372036854775807,\"price\":\"4.00000100\",\"qty\":\"12.0\","
    "\"commission\":\"10.1\",\"commissionAsset\":\"BNB\",\"time\":1499865549590,\"isBuyer\":true,\"isMaker\":false}]";

static const char markets[] =
    "{\"symbols\":[{\"symbol\":\"BTCUSDT\",\"status\":\"HALT\",\"baseAsset\":\"BTC\",\"quoteAsset\":\"USDT\","
    "\"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\"],\"filters\":["
    "{\"filterType\":\"PRICE_FILTER\",\"minPrice\":\"0.01\",\"maxPrice\":\"1000000.00\",\"tickSize\":\"0.01\"},"
    "{\"filterType\":\"LOT_SIZE\",\"minQty\":\"0.00001\",\"maxQty\":\"9000\",\"stepSize\":\"0.00001\"},"
    "{\"filterType\":\"A_FILTER_OF_TOMORROW\",\"x\":1},"
    "{\"filterType\":\"NOTIONAL\",\"minNotional\":\"5\",\"maxNotional\":\"9000000\"},"
    "{\"filterType\":\"MAX_NUM_ORDERS\",\"maxNumOrders\":200}]}]}";

static void
read_ok(QmBody *body, QmBodyKind kind, const char *text, QmExchangeAnswer *answer)
{
    memset(answer, 0, sizeof(*answer));
    if (!qm_body_read(body, kind, text, strlen(text), answer))
        qt_fail("cannot be read: %s", body->json.fault);
}

static void
test_placed(void **state)
{
    QmBody body;
    QmExchangeAnswer answer;

    (void) state;
    read_ok(&body, QM_BODY_PLACED, placed, &answer);
    assert_int_equal(answer.order_count, 1);
    assert_string_equal(answer.orders[0].client_order_id, "q0");
    assert_string_equal(answer.orders[0].exchange_order_id, "28");
    assert_string_equal(answer.orders[0].price, "65000.10");
    assert_string_equal(answer.orders[0].side, "sell");
    assert_false(answer.orders[0].open);
    assert_int_equal(answer.orders[0].time_us, 1507725176595000);
    assert_int_equal(answer.trade_count, 2);
    assert_string_equal(answer.trades[1].trade_id, "57");
    assert_string_equal(answer.trades[1].commission, "19.995");
    assert_string_equal(answer.trades[1].exchange_order_id, "28");
    assert_int_equal(answer.trades[1].is_buyer, -1);
    qm_body_free(&body);
}

static void
test_canceled(void **state)
{
    QmBody body;
    QmExchangeAnswer answer;

    (void) state;
    read_ok(&body, QM_BODY_CANCELED, canceled, &answer);
    assert_string_equal(answer.orders[0].client_order_id, "q1");
    assert_string_equal(answer.orders[0].order_type, "limit");
    assert_false(answer.orders[0].open);
    qm_body_free(&body);
}

static void
test_words_of_tomorrow(void **state)
{
    QmBody body;
    QmExchangeAnswer answer;

    (void) state;
    read_ok(&body, QM_BODY_ORDERS, open_orders, &answer);
    assert_string_equal(answer.orders[0].state, "A_STATE_OF_TOMORROW");
    assert_true(answer.orders[0].open);
    assert_string_equal(answer.orders[0].order_type, "STOP_LOSS");
    assert_string_equal(answer.orders[0].time_in_force, "GTD");
    qm_body_free(&body);
    read_ok(&body, QM_BODY_ORDERS, "[]", &answer);
    assert_int_equal(answer.order_count, 0);
    qm_body_free(&body);
}

static void
test_trades_and_balances(void **state)
{
    QmBody body;
    QmExchangeAnswer answer;

    (void) state;
    read_ok(&body, QM_BODY_TRADES, trades, &answer);
    assert_string_equal(answer.trades[0].exchange_order_id, "9223372036854775807");
    assert_int_equal(answer.trades[0].is_buyer, 1);
    assert_int_equal(answer.trades[0].is_maker, -1);
    assert_false(answer.more);
    qm_body_free(&body);
    read_ok(&body, QM_BODY_BALANCES, "{\"balances\":[{\"asset\":\"BTC\",\"free\":\"1.5\",\"locked\":\"0\"}]}", &answer);
    assert_string_equal(answer.balances[0].free, "1.5");
    qm_body_free(&body);
}

static void
test_markets(void **state)
{
    QmBody body;
    QmExchangeAnswer answer;

    (void) state;
    read_ok(&body, QM_BODY_MARKETS, markets, &answer);
    assert_string_equal(answer.markets[0].tick_size, "0.01");
    assert_string_equal(answer.markets[0].step_size, "0.00001");
    assert_string_equal(answer.markets[0].min_notional, "5");
    assert_int_equal(answer.markets[0].max_open_orders, 200);
    assert_true(answer.markets[0].post_only);
    assert_false(answer.markets[0].trading);
    qm_body_free(&body);
}

/* A body with one thing wrong, and what is said of it. */
typedef struct WrongCase
{
    QmBodyKind kind;
    const char *from; /* what is replaced in a good body */
    const char *to;
    const char *good;
    const char *fault;
} WrongCase;

static const WrongCase wrongs[] = {
    {QM_BODY_PLACED, "\"65000.10\"", "65000.10", placed, "\"price\" is no text"},
    {QM_BODY_PLACED, "\"65000.10\"", "\"6e4\"", placed, "\"price\" is no amount"},
    {QM_BODY_PLACED, "\"65000.10\"", "\"\"", placed, "\"price\" is no amount"},
    {QM_BODY_PLACED, "\"65000.10\"", "\"NaN\"", placed, "\"price\" is no amount"},
    {QM_BODY_PLACED, "\"65000.10\"", "\"1.\"", placed, "\"price\" is no amount"},
    {QM_BODY_PLACED, "\"65000.10\"", "null", placed, "\"price\" is missing"},
    {QM_BODY_PLACED, "28", "28.5", placed, "\"orderId\" is no whole number"},
    {QM_BODY_PLACED, "28", "\"28\"", placed, "\"orderId\" is no whole number"},
    {QM_BODY_PLACED, "28", "99999999999999999999", placed, "no JSON"},
    {QM_BODY_PLACED, "SELL", "LEND", placed, "\"side\" is neither"},
    {QM_BODY_PLACED, "1507725176595", "-5", placed, "\"transactTime\" is no time"},
    {QM_BODY_PLACED, "\"fills\":[", "\"fills\":5,\"x\":[", placed, "\"fills\" is no list"},
    {QM_BODY_PLACED, "\"tradeId\":57", "\"id\":57", placed, "\"tradeId\" is missing"},
    {QM_BODY_PLACED, "\"tradeId\":57}]}", "\"tradeId\":57}]", placed, "no JSON"},
    {QM_BODY_PLACED, "\"status\":\"FILLED\"", "\"status\":\"FILLED\",\"status\":\"NEW\"", placed, "no JSON"},
    {QM_BODY_CANCELED, "origClientOrderId", "orig", canceled, "\"origClientOrderId\" is missing"},
    {QM_BODY_ORDERS, "[{", "{\"a\":{", "[{}", "no JSON"},
    {QM_BODY_ORDERS, "[]", "{}", "[]", "no list"},
    {QM_BODY_TRADES, "true", "1", trades, "\"isBuyer\" is neither true nor false"},
    {QM_BODY_TRADES, "[]", "[7]", "[]", "is no object"},
    {QM_BODY_MARKETS, "\"0.01\",\"maxPrice\"", "0.01,\"maxPrice\"", markets, "\"minPrice\" is no text"},
    {QM_BODY_TIME, "1", "\"1\"", "{\"serverTime\":1}", "\"serverTime\" is no whole number"},
    {QM_BODY_TIME, "1", "0", "{\"serverTime\":1}", "\"serverTime\" is no time"},
};

static void
test_wrong_bodies(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
    {
        const WrongCase *one = &wrongs[i];
        const char *at = strstr(one->good, one->from);
        QmExchangeAnswer answer = {0};
        QmBody body;
        char text[4096];

        assert_non_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - one->good), one->good, one->to, at + strlen(one->from));
        if (qm_body_read(&body, one->kind, text, strlen(text), &answer) || strstr(body.json.fault, one->fault) == NULL)
            qt_fail("%s instead of %s: \"%s\"", one->to, one->from, body.json.fault);
        qm_body_free(&body);
    }
}

static void
test_error_bodies(void **state)
{
    static const char good[] = "{\"code\":-2010,\"msg\":\"Duplicate order sent.\"}";
    int code;
    char message[QM_DETAIL_SIZE];

    (void) state;
    assert_true(qm_body_error(good, strlen(good), &code, message, sizeof(message)));
    assert_int_equal(code, -2010);
    assert_string_equal(message, "Duplicate order sent.");
    assert_false(qm_body_error("<html>", 6, &code, message, sizeof(message)));
    assert_int_equal(code, 0);
    assert_string_equal(message, "");
    assert_false(qm_body_error("{\"code\":\"-2010\",\"msg\":\"x\"}", 26, &code, message, sizeof(message)));
    assert_false(qm_body_error("{\"code\":200,\"msg\":\"x\"}", 22, &code, message, sizeof(message)));
}

static bool
event_of(QmReading *reading, const char *text, QmExchangeEvent *event)
{
    memset(reading, 0, sizeof(*reading));
    assert_true(qm_binance_json_parse(&reading->json, text, strlen(text)));
    return qm_event_read(reading, reading->json.root, text, event);
}

#define EXECUTION                                                                                                 \
    "{\"e\":\"executionReport\",\"E\":1499405658658,\"s\":\"ETHBTC\",\"c\":\"q7\",\"S\":\"BUY\",\"o\":\"LIMIT\"," \
    "\"f\":"                                                                                                      \
    "\"GTC\",\"q\":\"1.0\",\"p\":\"0.1\",\"r\":\"NONE\",\"i\":4293153,\"l\":\"0.4\",\"z\":\"0.6\",\"L\":\"0.1\","

static void
test_execution_reports(void **state)
{
    QmReading reading;
    QmExchangeEvent event;

    (void) state;
    assert_true(event_of(&reading,
                         EXECUTION "\"C\":\"\",\"x\":\"TRADE\",\"X\":\"PARTIALLY_FILLED\",\"n\":\"0.001\",\"N\":"
                                   "\"ETH\",\"T\":1499405658657,\"t\":77,\"m\":true}",
                         &event));
    assert_int_equal(event.kind, QM_HEARD_REPORT);
    assert_string_equal(event.report.client_order_id, "q7");
    assert_string_equal(event.report.exchange_order_id, "4293153");
    assert_string_equal(event.report.trade_id, "77");
    assert_string_equal(event.report.last_quantity, "0.4");
    assert_string_equal(event.report.cumulative_quantity, "0.6");
    assert_string_equal(event.report.commission_asset, "ETH");
    assert_int_equal(event.report.is_maker, 1);
    assert_int_equal(event.report.event_time_us, 1499405658657000);
    qm_reading_free(&reading);
    qm_binance_json_free(&reading.json);

    assert_true(event_of(&reading,
                         EXECUTION "\"C\":\"q6\",\"x\":\"CANCELED\",\"X\":\"CANCELED\",\"n\":\"0\",\"N\":null,\"T\":"
                                   "1499405658657,\"t\":-1,\"m\":false}",
                         &event));
    assert_string_equal(event.report.client_order_id, "q6");
    assert_null(event.report.trade_id);
    assert_null(event.report.last_quantity);
    qm_binance_json_free(&reading.json);

    assert_false(event_of(&reading,
                          EXECUTION "\"C\":\"\",\"x\":\"TRADE\",\"X\":\"FILLED\",\"n\":\"0.001\",\"N\":\"ETH\",\"T\":"
                                    "1499405658657,\"t\":-1,\"m\":true}",
                          &event));
    assert_string_equal(reading.json.fault, "a trade without its id");
    qm_binance_json_free(&reading.json);
}

static void
test_other_events(void **state)
{
    QmReading reading;
    QmExchangeEvent event;

    (void) state;
    assert_true(event_of(&reading,
                         "{\"e\":\"outboundAccountPosition\",\"E\":5,\"B\":[{\"a\":\"ETH\",\"f\":\"1\",\"l\":\"0\"}]}",
                         &event));
    assert_int_equal(event.kind, QM_HEARD_BALANCE);
    assert_string_equal(event.balances[0].asset, "ETH");
    qm_reading_free(&reading);
    qm_binance_json_free(&reading.json);
    assert_true(event_of(&reading, "{\"e\":\"trade\",\"E\":5,\"s\":\"A\",\"p\":\"1.10\",\"q\":\"2\",\"T\":4}", &event));
    assert_string_equal(event.price, "1.10");
    qm_binance_json_free(&reading.json);
    assert_true(
        event_of(&reading,
                 "{\"e\":\"kline\",\"E\":5,\"s\":\"A\",\"k\":{\"t\":1,\"i\":\"1m\",\"o\":\"1\",\"h\":\"2\",\"l\":"
                 "\"0.5\",\"c\":\"1.5\",\"v\":\"100\",\"x\":true}}",
                 &event));
    assert_true(event.candle.closed);
    qm_binance_json_free(&reading.json);
    assert_true(event_of(&reading, "{\"u\":1,\"s\":\"A\",\"b\":\"1\",\"B\":\"2\",\"a\":\"3\",\"A\":\"4\"}", &event));
    assert_int_equal(event.kind, QM_HEARD_BOOK);
    qm_binance_json_free(&reading.json);
    assert_false(event_of(&reading, "{\"e\":\"listStatus\",\"E\":5}", &event));
    assert_string_equal(reading.json.fault, "");
    qm_binance_json_free(&reading.json);
    assert_false(event_of(&reading, "{\"e\":5}", &event));
    assert_string_equal(reading.json.fault, "\"e\" is no text");
    qm_binance_json_free(&reading.json);
    assert_false(event_of(&reading, "{\"e\":\"trade\",\"s\":\"A\",\"p\":1.1,\"q\":\"2\",\"T\":4}", &event));
    assert_string_equal(reading.json.fault, "\"p\" is no text");
    qm_binance_json_free(&reading.json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placed),
        cmocka_unit_test(test_canceled),
        cmocka_unit_test(test_words_of_tomorrow),
        cmocka_unit_test(test_trades_and_balances),
        cmocka_unit_test(test_markets),
        cmocka_unit_test(test_wrong_bodies),
        cmocka_unit_test(test_error_bodies),
        cmocka_unit_test(test_execution_reports),
        cmocka_unit_test(test_other_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
