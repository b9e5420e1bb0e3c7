/*
 * Orders through the library: what each call sends and what it answers.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "server.h"

static const char account[] = "binance";

static QmClient *client;

/* now_us returns the time of day. */
static int64_t
now_us(void)
{
    return (int64_t) time(NULL) * 1000000;
}

/* order_of returns a plain order. */
static QmOrder
order_of(const char *price, const char *request_id)
{
    return (QmOrder){.symbol = "BTCUSDT", .side = "buy", .price = price, .quantity = "0.01", .request_id = request_id};
}

/* placed places a plain order, which must work. */
static QmPlacement
placed(const char *price)
{
    QmOrder order = order_of(price, NULL);
    QmPlacement placement;

    assert_ok(qm_place_order(client, account, &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_PLACED);
    return placement;
}

static int
setup(void **state)
{
    QmClientOptions options = {0};

    (void) state;
    qt_database("client_orders");
    options.conninfo = qt_conninfo();
    client = qm_client_new(&options);
    return client == NULL;
}

static int
teardown(void **state)
{
    (void) state;
    qm_client_free(client);
    return 0;
}

static void
test_place(void **state)
{
    QmOrder order = order_of("65000", "g7-42");
    QmPlacement first;
    QmPlacement again;

    (void) state;
    order.strategy = "grid";
    order.valid_until_us = now_us() + 3600 * INT64_C(1000000);
    assert_ok(qm_place_order(client, account, &order, &first), qm_client_error(client));
    assert_int_equal(first.outcome, QM_PLACED);
    assert_string_equal(qm_outcome_name(first.outcome), "placed");
    assert_false(first.replayed || first.repeated);
    assert_true(first.order_id > 0 && first.fence > 0);
    assert_int_equal(first.client_order_id[0], 'q');
    assert_string_equal(first.state, "submitted");
    assert_string_equal(first.request_id, "g7-42");
    assert_true(first.send_before_us > now_us() - 2000000 && first.send_before_us < order.valid_until_us);

    assert_ok(qm_place_order(client, account, &order, &again), qm_client_error(client));
    assert_true(again.replayed && again.order_id == first.order_id);
    order.request_id = NULL;
    assert_ok(qm_place_order(client, account, &order, &again), qm_client_error(client));
    assert_int_equal(again.outcome, QM_DUPLICATE);
    assert_true(again.order_id == first.order_id);
    assert_string_equal(again.reason, "SLOT_TAKEN");
    assert_true(strlen(again.request_id) == strlen("lib-") + 12 + 32); /* the time and 128 random bits */
}

static void
test_every_argument(void **state)
{
    QmOrder order = {.symbol = "BTCUSDT",
                     .side = "sell",
                     .price = "70000.10",
                     .quantity = "0.5",
                     .order_type = "limit",
                     .time_in_force = "gtc",
                     .post_only = true,
                     .intent = true,
                     .request_id = "every \xc3\xbcrgument",
                     .slot = "top",
                     .strategy = "s1",
                     .valid_until_us = INT64_C(4102444800123456),
                     .wait_ms = 10};
    QmPlacement placement;

    (void) state;
    assert_ok(qm_place_order(client, account, &order, &placement), qm_client_error(client));
    assert_string_equal(placement.state, "intent");
    assert_string_equal(qt_ask("SELECT concat_ws(' ', side, price, quantity, order_type, time_in_force, post_only, "
                               "reduce_only, slot, strategy,"
                               " extract(epoch FROM valid_until)) FROM quantmesh.orders WHERE order_id = %lld",
                               (long long) placement.order_id),
                        "sell 70000.10 0.5 limit gtc t f top s1 4102444800.123456");
}

static void
test_denied(void **state)
{
    QmOrder order = order_of("1.001", NULL);
    QmPlacement placement;

    (void) state;
    assert_ok(qm_place_order(client, account, &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_DENIED);
    assert_string_equal(placement.reason, "PRICE_OFF_TICK");
    assert_true(placement.order_id == 0 && placement.detail[0] != '\0');
}

static void
test_wrong_arguments(void **state)
{
    QmOrder order = order_of("NaN", NULL);
    QmPlacement placement;

    (void) state;
    assert_code(qm_place_order(client, account, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "22023");
    order.price = "1e9999999";
    assert_code(qm_place_order(client, account, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    order.price = "12";
    assert_code(qm_place_order(client, NULL, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "22004");
    order.valid_until_us = -1;
    assert_code(qm_place_order(client, account, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    order.valid_until_us = INT64_MAX;
    assert_code(qm_place_order(client, account, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    order.valid_until_us = 0;
    order.request_id = "'quoted'";
    assert_code(qm_place_order(client, account, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE price = 12"), 0);
    /* The handle works on, and its error is gone. */
    placed("12");
    assert_int_equal(qm_client_error(client)->code, QM_OK);
    assert_string_equal(qm_client_error(client)->message, "");
}

static void
test_batch(void **state)
{
    QmOrder orders[100];
    QmPlacement placements[100];
    char prices[100][16];

    (void) state;
    for (int i = 0; i < 100; i++)
    {
        snprintf(prices[i], sizeof(prices[i]), "%d", 20000 + i * 20);
        orders[i] = order_of(prices[i], NULL);
        orders[i].intent = true;
        orders[i].strategy = "str\xc3\xa4tegy";
    }
    orders[7].price = prices[6];
    orders[8].strategy = "plain";
    assert_ok(qm_place_orders(client, account, orders, 100, placements), qm_client_error(client));
    for (int i = 0; i < 100; i++)
        assert_int_equal(placements[i].outcome, i == 7 ? QM_DUPLICATE : QM_PLACED);
    assert_true(placements[7].order_id == placements[6].order_id);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE strategy = 'str\xc3\xa4tegy'"), 98);
    for (int i = 0; i < 100; i++)
        orders[i].request_id = placements[i].request_id;
    assert_ok(qm_place_orders(client, account, orders, 100, placements), qm_client_error(client));
    assert_true(placements[99].replayed);

    /* Text that JSON has to escape arrives as it is, and is refused for what it is. */
    orders[3].strategy = "quoted \"s\"\\ \t";
    assert_code(qm_place_orders(client, account, orders, 4, placements), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_non_null(strstr(qm_client_error(client)->message, "strategy must not contain quotes"));
    orders[3].side = "up";
    assert_code(qm_place_orders(client, account, orders, 4, placements), QM_ERROR_ARGUMENT, qm_client_error(client));
    orders[3].side = "buy";
    orders[3].intent = false;
    assert_code(qm_place_orders(client, account, orders, 4, placements), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_code(qm_place_orders(client, account, orders, 0, placements), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_code(qm_place_orders(client, account, orders, 1001, placements), QM_ERROR_ARGUMENT, qm_client_error(client));
}

static void
test_claim(void **state)
{
    QmClaim *claims;
    size_t count;
    QmReportResult result;

    (void) state;
    assert_ok(qm_claim_orders(client, account, NULL, 0, 1000, "ETHUSDT", &claims, &count), qm_client_error(client));
    assert_int_equal(count, 0);
    qm_free(claims);
    assert_ok(qm_claim_orders(client, account, NULL, 0, 1000, "BTCUSDT", &claims, &count), qm_client_error(client));
    assert_int_equal(count, 100);
    assert_string_equal(claims[0].symbol, "BTCUSDT");
    assert_string_equal(claims[0].price, "70000.1");
    assert_true(claims[0].post_only && claims[0].fence > 0 && claims[0].send_before_us > 0);
    assert_ok(qm_resolve_submission(client,
                                    account,
                                    claims[0].order_id,
                                    claims[0].fence,
                                    "rejected",
                                    "-2010",
                                    "no money",
                                    &result),
              qm_client_error(client));
    assert_string_equal(result.state, "rejected");
    assert_true(result.applied);
    qm_free(claims);
    assert_ok(qm_claim_orders(client, account, NULL, 0, 1, NULL, &claims, &count), qm_client_error(client));
    assert_int_equal(count, 0);
    qm_free(claims);
    assert_code(qm_claim_orders(client, account, NULL, 0, 0, NULL, &claims, &count),
                QM_ERROR_ARGUMENT,
                qm_client_error(client));
    assert_null(claims);
}

static void
test_reports_and_cancels(void **state)
{
    QmPlacement placement = placed("30000");
    QmReport report = {.symbol = "BTCUSDT",
                       .client_order_id = placement.client_order_id,
                       .exchange_order_id = "e-1",
                       .state = "PARTIALLY_FILLED",
                       .trade_id = "t-1",
                       .last_quantity = "0.004",
                       .last_price = "29999.5",
                       .cumulative_quantity = "0.004",
                       .commission = "0.01",
                       .commission_asset = "USDT",
                       .is_maker = -1,
                       .event_time_us = INT64_C(1700000000123456),
                       .detail = "{\"raw\": true}"};
    QmReportResult result;
    QmCancellation cancellation;

    (void) state;
    assert_ok(qm_apply_report(client, account, &report, &result), qm_client_error(client));
    assert_true(result.applied && result.order_id == placement.order_id);
    assert_string_equal(result.state, "partially_filled");
    assert_string_equal(result.discrepancy, "");
    assert_string_equal(qt_ask("SELECT concat_ws(' ', quantity, price, commission, is_maker, extract(epoch FROM "
                               "executed_at)) FROM quantmesh.fill"),
                        "0.004 29999.5 0.01 f 1700000000.123456");
    assert_ok(qm_apply_report(client, account, &report, &result), qm_client_error(client));
    assert_false(result.applied);

    assert_ok(qm_cancel_order(client, account, placement.order_id, &cancellation), qm_client_error(client));
    assert_int_equal(cancellation.outcome, QM_CANCEL_REQUESTED);
    assert_string_equal(qm_cancel_outcome_name(cancellation.outcome), "requested");
    assert_string_equal(cancellation.exchange_order_id, "e-1");
    assert_string_equal(cancellation.client_order_id, placement.client_order_id);
    assert_ok(qm_cancel_exchange_order(client, account, "BTCUSDT", "e-1", &cancellation), qm_client_error(client));
    assert_int_equal(cancellation.outcome, QM_CANCEL_SKIPPED);
    assert_false(cancellation.uncertain);
    assert_ok(qm_resolve_cancel(client, account, placement.order_id, "done", NULL, NULL, &result),
              qm_client_error(client));
    assert_string_equal(result.state, "canceled");
    assert_ok(qm_cancel_order(client, account, placement.order_id, &cancellation), qm_client_error(client));
    assert_int_equal(cancellation.outcome, QM_CANCEL_NOOP);
    assert_code(qm_cancel_order(client, account, 1, &cancellation), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "P0002");
}

static void
test_replace(void **state)
{
    QmPlacement placement = placed("31000");
    QmOrder order = {.price = "31100", .quantity = "0.02", .request_id = "r-1"};
    QmPlacement replacement;

    (void) state;
    assert_ok(qm_replace_order(client, account, placement.order_id, &order, &replacement), qm_client_error(client));
    assert_int_equal(replacement.outcome, QM_PLACED);
    assert_string_equal(replacement.state, "intent");
    assert_true(replacement.order_id != placement.order_id);
}

static void
test_halt(void **state)
{
    QmMarketState *markets;
    size_t count;
    QmOrder order = order_of("33000", NULL);
    QmPlacement placement;

    (void) state;
    assert_ok(qm_halt(client, account, "BTCUSDT", "fat finger", 1000, &markets, &count), qm_client_error(client));
    assert_int_equal(count, 1);
    assert_string_equal(markets[0].symbol, "BTCUSDT");
    assert_string_equal(markets[0].state, "halted");
    assert_true(markets[0].open_orders > 90 && markets[0].in_flight > 0);
    qm_free(markets);
    assert_ok(qm_place_order(client, account, &order, &placement), qm_client_error(client));
    assert_string_equal(placement.reason, "HALTED");
    assert_ok(qm_halt(client, NULL, NULL, NULL, 0, NULL, NULL), qm_client_error(client));
    assert_ok(qm_resume(client, NULL, NULL, NULL, NULL, NULL), qm_client_error(client));
    assert_ok(qm_resume(client, account, "BTCUSDT", NULL, &markets, &count), qm_client_error(client));
    assert_string_equal(markets[0].state, "active");
    qm_free(markets);
    assert_code(qm_halt(client, "nowhere", NULL, NULL, 0, NULL, NULL), QM_ERROR_ARGUMENT, qm_client_error(client));
}

static void
test_cancel_orders(void **state)
{
    QmCancellation *list;
    size_t count;

    (void) state;
    assert_ok(qm_cancel_orders(client, account, "BTCUSDT", NULL, "plain", NULL, &list, &count),
              qm_client_error(client));
    assert_int_equal(count, 1);
    assert_int_equal(list[0].outcome, QM_CANCEL_REQUESTED);
    qm_free(list);
    assert_ok(qm_cancel_orders(client, account, NULL, NULL, "no such", NULL, &list, &count), qm_client_error(client));
    assert_int_equal(count, 0);
    qm_free(list);
}

static void
test_stream(void **state)
{
    QmStream *stream = qm_stream_new(client, account, 16);
    QmOrder order;
    QmPlacement placement;
    QmStreamAnswer answer;
    char price[16];
    int asked = 0;

    (void) state;
    assert_non_null(stream);
    assert_code(qm_stream_next(stream, &answer), QM_NOT_HELD, NULL);
    order = order_of("1", NULL);
    assert_code(qm_place_order(client, account, &order, &placement), QM_ERROR_ARGUMENT, qm_client_error(client));
    for (int got = 0; got < 200; got++)
    {
        while (asked < 200 && qm_stream_pending(stream) < 16)
        {
            snprintf(price, sizeof(price), "%d", 40000 + 20 * asked++);
            order = order_of(asked == 50 ? "no number" : price, NULL);
            assert_ok(qm_stream_place(stream, &order), qm_client_error(client));
        }
        assert_ok(qm_stream_next(stream, &answer), qm_client_error(client));
        assert_int_equal(answer.number, got + 1);
        if (got == 49)
        {
            assert_code(answer.code, QM_ERROR_ARGUMENT, &answer.error);
            assert_string_equal(answer.error.sqlstate, "22P02");
            continue;
        }
        assert_code(answer.code, QM_OK, &answer.error);
        assert_int_equal(answer.placement.outcome, QM_PLACED);
        assert_false(answer.placement.repeated);
    }
    order = order_of("39000", NULL);
    for (int i = 0; i < 16; i++)
        assert_ok(qm_stream_place(stream, &order), qm_client_error(client));
    assert_code(qm_stream_place(stream, &order), QM_ERROR_LIMIT, qm_client_error(client));
    qm_stream_free(stream);
    placed("39500");
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE price BETWEEN 40000 AND 44000"), 199);
    assert_null(qm_stream_new(client, account, 1025));
    assert_null(qm_stream_new(client, NULL, 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_every_argument),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_reports_and_cancels),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_halt),
        cmocka_unit_test(test_cancel_orders),
        cmocka_unit_test(test_stream),
    };

    return cmocka_run_group_tests_name("orders through the library", tests, setup, teardown);
}
