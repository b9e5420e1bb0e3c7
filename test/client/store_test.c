/*
 * Stores: each test runs against both, with the same expectations; and random
 * sequences run against both at once, and must come to the same.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "server.h"
#include "stores.h"

static const char account[] = QT_STORE_ACCOUNT;

static QmStore *store;
static const QmStoreFunctions *on;

/* order_of returns a plain order. */
static QmOrder
order_of(const char *side, const char *price, const char *quantity)
{
    return (QmOrder){.symbol = "BTCUSDT", .side = side, .price = price, .quantity = quantity, .strategy = "grid"};
}

/* refused places an order that must not be placed, and compares why. */
static void
refused(const QmOrder *order, QmOutcome outcome, const char *reason)
{
    QmPlacement placement;

    assert_ok(on->place_order(store, account, order, NULL, &placement), on->error(store));
    assert_string_equal(placement.reason, reason);
    assert_int_equal(placement.outcome, outcome);
    assert_true(placement.detail[0] != '\0');
}

/* wrong places an order that a programmer got wrong. */
static void
wrong(const QmOrder *order, const char *sqlstate)
{
    QmPlacement placement;

    assert_code(on->place_order(store, account, order, NULL, &placement), QM_ERROR_ARGUMENT, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, sqlstate);
}

/* told applies a report and compares the state, whether it was news, and the discrepancy. */
static void
told(QmReport report, const char *state, bool applied, const char *discrepancy)
{
    QmReportResult result;

    report.symbol = report.symbol == NULL ? "BTCUSDT" : report.symbol;
    assert_ok(on->apply_report(store, account, &report, &result), on->error(store));
    assert_string_equal(result.state, state);
    assert_string_equal(result.discrepancy, discrepancy);
    assert_int_equal(result.applied, applied);
}

/* has compares a position. */
static void
has(const char *symbol, const char *strategy, const char *quantity, const char *cost, const char *profit)
{
    QmStoredPosition *list;
    size_t count;

    assert_ok(on->positions(store, account, symbol, strategy, &list, &count), on->error(store));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].quantity, quantity);
    assert_string_equal(list[0].cost, cost);
    assert_string_equal(list[0].realized_profit, profit);
    qm_free(list);
}

static int
setup(void **state)
{
    store = qt_store(*state, "store_test");
    on = store->functions;
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    on->close(store);
    return 0;
}

static void
test_markets(void **state)
{
    QmMarketFilters filters = {.tick_size = "0.10", .min_notional = "7.50"};
    QmMarketFilters none = {0};
    QmMarketFilters bad = {.tick_size = "0", .step_size = "1"};
    QmMarketFilters fresh = {.tick_size = "0.5", .step_size = "1", .base_asset = "X", .quote_asset = "Y"};
    QmStoredMarket market;

    (void) state;
    assert_ok(on->set_market(store, account, "BTCUSDT", &filters), on->error(store));
    assert_ok(on->get_market(store, account, "BTCUSDT", &market), on->error(store));
    assert_string_equal(market.tick_size, "0.1");
    assert_string_equal(market.step_size, "0.001");
    assert_string_equal(market.min_notional, "7.5");
    assert_string_equal(market.base_asset, "BTC");
    assert_string_equal(market.quote_asset, "USDT");
    assert_string_equal(market.level_width, "");
    assert_string_equal(market.slot_by, "price");
    assert_code(on->get_market(store, account, "NONE", &market), QM_NOT_HELD, NULL);
    assert_code(on->set_market(store, account, "BTCUSDT", &bad), QM_ERROR_ARGUMENT, on->error(store));
    assert_code(on->set_market(store, account, "NEWUSDT", &none), QM_ERROR_ARGUMENT, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, "22004");
    assert_code(on->set_market(store, account, "ODD", &bad), QM_ERROR_ARGUMENT, on->error(store));
    assert_ok(on->set_market(store, account, "ODD", &fresh), on->error(store));
    assert_ok(on->get_market(store, account, "ODD", &market), on->error(store));
    assert_string_equal(market.base_asset, "X");
    filters.tick_size = "0.01";
    filters.min_notional = "5";
    assert_ok(on->set_market(store, account, "BTCUSDT", &filters), on->error(store));
}

static void
test_place(void **state)
{
    QmOrder order = order_of("buy", "65000.50", "0.010");
    QmPlacement first;
    QmPlacement again;
    QmStoredOrder stored;

    (void) state;
    order.request_id = "place-1";
    first = qt_placed(store, &order);
    assert_false(first.replayed);
    assert_true(first.order_id > 0 && first.fence > 0 && first.send_before_us > 0);
    assert_int_equal(first.client_order_id[0], 'q');
    assert_string_equal(first.state, "submitted");
    assert_string_equal(first.request_id, "place-1");

    again = qt_placed(store, &order);
    assert_true(again.replayed && again.order_id == first.order_id && again.fence == first.fence);
    assert_string_equal(again.reason, "");
    order.price = "65000.51";
    again = qt_placed(store, &order);
    assert_true(again.replayed && again.order_id == first.order_id);
    assert_string_equal(again.reason, "REQUEST_DIFFERS");
    assert_string_equal(again.detail, "price was 65000.5, not 65000.51");

    assert_ok(on->order_by_client_id(store, account, first.client_order_id, &stored), on->error(store));
    assert_true(stored.order_id == first.order_id);
    assert_string_equal(stored.price, "65000.5");
    assert_string_equal(stored.quantity, "0.01");
    assert_string_equal(stored.filled_quantity, "0");
    assert_string_equal(stored.slot, "65000.5");
    assert_string_equal(stored.strategy, "grid");
    assert_string_equal(stored.instance, "");
    assert_string_equal(stored.state, "submitted");
    assert_string_equal(stored.cancel_state, "none");
    assert_string_equal(stored.order_type, "limit");
    assert_string_equal(stored.time_in_force, "gtc");
    assert_code(on->order_by_client_id(store, account, "q00001a0", &stored), QM_NOT_HELD, NULL);

    order.request_id = NULL;
    order.price = "65000.50";
    assert_ok(on->place_order(store, account, &order, NULL, &again), on->error(store));
    assert_int_equal(again.outcome, QM_DUPLICATE);
    assert_true(again.order_id == first.order_id);
    assert_string_equal(again.reason, "SLOT_TAKEN");
    order.slot = "named";
    (void) qt_placed(store, &order);
    refused(&order, QM_DUPLICATE, "SLOT_TAKEN");
    order.slot = "";
    (void) qt_placed(store, &order);
    (void) qt_placed(store, &order);
}

static void
test_denials(void **state)
{
    QmOrder order = order_of("buy", "100", "1");

    (void) state;
    order.symbol = "NONE";
    refused(&order, QM_DENIED, "UNKNOWN_MARKET");
    order = order_of("buy", "100.001", "1");
    refused(&order, QM_DENIED, "PRICE_OFF_TICK");
    order = order_of("buy", "100", "1.0001");
    refused(&order, QM_DENIED, "QUANTITY_OFF_STEP");
    order.quantity = "0.001";
    refused(&order, QM_DENIED, "QUANTITY_BELOW_MINIMUM");
    order.quantity = "1001";
    refused(&order, QM_DENIED, "QUANTITY_ABOVE_MAXIMUM");
    order.quantity = "0.049";
    refused(&order, QM_DENIED, "NOTIONAL_BELOW_MINIMUM");
    order.quantity = "1";
    order.valid_until_us = 1000000;
    refused(&order, QM_DENIED, "VALID_UNTIL_PASSED");
    order = order_of("sell", "200", "1");
    order.reduce_only = true;
    refused(&order, QM_DENIED, "REDUCE_ONLY");
    order = order_of("buy", "100", "1");
    (void) qt_placed(store, &order);
    order = order_of("sell", "100", "1");
    refused(&order, QM_DENIED, "SELF_CROSS");
    order.price = NULL;
    order.order_type = "market";
    refused(&order, QM_DENIED, "SELF_CROSS");
}

static void
test_wrong(void **state)
{
    QmOrder order = order_of("bid", "100", "1");
    QmPlacement placements[2];
    QmOrder two[2];
    QmStoredOrder *list;
    size_t count;

    (void) state;
    wrong(&order, "22023");
    order = order_of("buy", "-1", "1");
    wrong(&order, "22023");
    order = order_of("buy", NULL, "1");
    wrong(&order, "22004");
    order = order_of("buy", "100", "0");
    wrong(&order, "22023");
    order = order_of("buy", "100", "1e18");
    wrong(&order, "22023");
    order = order_of("buy", "100", "abc");
    assert_code(on->place_order(store, account, &order, NULL, placements), QM_ERROR_ARGUMENT, on->error(store));
    order = order_of("buy", "100", "1");
    order.order_type = "market";
    wrong(&order, "22023");
    order = order_of("buy", "100", "1");
    order.post_only = true;
    order.time_in_force = "ioc";
    wrong(&order, "22023");
    order = order_of("buy", "100", "1");
    order.slot = "1st";
    wrong(&order, "22023");
    order = order_of("buy", "100", "1");
    order.epoch = 7;
    wrong(&order, "22004");
    order = order_of("buy", "100", "1");
    order.strategy = "it's";
    wrong(&order, "22023");

    two[0] = order_of("buy", "100", "1");
    two[1] = order_of("buy", "101", "-1");
    assert_code(on->place_orders(store, account, two, 2, NULL, placements), QM_ERROR_ARGUMENT, on->error(store));
    two[1].quantity = "1";
    two[1].intent = true;
    assert_code(on->place_orders(store, account, two, 2, NULL, placements), QM_ERROR_ARGUMENT, on->error(store));
    assert_ok(on->open_orders(store, account, NULL, NULL, &list, &count), on->error(store));
    assert_int_equal(count, 0);
    qm_free(list);
    two[1].intent = false;
    two[1].price = "100.005";
    assert_ok(on->place_orders(store, account, two, 2, NULL, placements), on->error(store));
    assert_int_equal(placements[0].outcome, QM_PLACED);
    assert_int_equal(placements[1].outcome, QM_DENIED);
}

static void
test_levels(void **state)
{
    QmOrder order = order_of("buy", "3012.34", "1");

    (void) state;
    order.symbol = "ETH-USDT";
    (void) qt_placed(store, &order);
    order.price = "3012.99";
    refused(&order, QM_DUPLICATE, "SLOT_TAKEN");
    order.price = "3013";
    (void) qt_placed(store, &order);
    order.time_in_force = "ioc";
    (void) qt_placed(store, &order);
}

/* has_paid asserts what an order has paid in the base asset. */
static void
has_paid(const QmPlacement *placed, const char *commission)
{
    QmStoredOrder stored;

    assert_ok(on->order_by_client_id(store, account, placed->client_order_id, &stored), on->error(store));
    assert_string_equal(stored.base_commission, commission);
}

static void
test_reports(void **state)
{
    QmOrder order = order_of("buy", "100", "3");
    QmPlacement placed = qt_placed(store, &order);
    QmReport report = {.client_order_id = placed.client_order_id, .exchange_order_id = "77"};

    (void) state;
    report.state = "NEW";
    told(report, "open", true, "");
    told(report, "open", false, "");
    report.state = "PARTIALLY_FILLED";
    report.trade_id = "9";
    report.last_quantity = "1";
    report.last_price = "100";
    report.cumulative_quantity = "1";
    report.commission = "0.1";
    report.commission_asset = "USDT";
    report.event_time_us = 2000000;
    told(report, "partially_filled", true, "");
    told(report, "partially_filled", false, "");
    has("BTCUSDT", "grid", "1", "100", "-0.1");
    has_paid(&placed, "0");
    report.last_price = "99";
    told(report, "partially_filled", false, "FILL_MISMATCH");
    report.trade_id = "10";
    report.state = "FILLED";
    report.last_quantity = "2";
    report.cumulative_quantity = "3";
    report.commission = "0.002";
    report.commission_asset = "BTC";
    report.event_time_us = 3000000;
    told(report, "filled", true, "");
    has("BTCUSDT", "grid", "2.998", "298", "-0.1");
    report = (QmReport){.exchange_order_id = "77", .state = "CANCELED"};
    told(report, "filled", false, "STATE_DRIFT");
    report = (QmReport){.exchange_order_id = "78", .state = "CANCELED"};
    told(report, "", false, "EXTERNAL_ORDER");

    /* An earlier fill comes late, by the exchange's id alone, with another asset's commission. */
    report = (QmReport){.exchange_order_id = "77",
                        .trade_id = "8",
                        .last_quantity = "0.5",
                        .last_price = "80",
                        .commission = "0.0001",
                        .commission_asset = "BNB",
                        .event_time_us = 1000000};
    told(report, "filled", true, "OVERFILL");
    has("BTCUSDT", "grid", "3.498", "338", "-0.1");
    has_paid(&placed, "0.002");

    order = order_of("sell", "110", "3");
    placed = qt_placed(store, &order);
    report = (QmReport){.client_order_id = placed.client_order_id,
                        .trade_id = "11",
                        .last_quantity = "3",
                        .last_price = "110",
                        .event_time_us = 4000000};
    told(report, "filled", true, "");
    has("BTCUSDT", "grid", "0.498", "48.120068610634648370497427101201", "40.020068610634648370497427101201");
    report.state = "busted";
    told(report, "filled", true, "TRADE_BUST");
    told(report, "filled", false, "");
}

static void
test_report_arguments(void **state)
{
    QmReport reports[] = {{.symbol = "BTCUSDT"},
                          {.symbol = "BTCUSDT", .exchange_order_id = "1", .trade_id = "1"},
                          {.symbol = "BTCUSDT", .exchange_order_id = "1", .commission = "1", .commission_asset = "A"},
                          {.symbol = "BTCUSDT", .exchange_order_id = "1", .commission_asset = "A"},
                          {.symbol = "BTCUSDT", .exchange_order_id = "1", .cumulative_quantity = "-1"},
                          {.symbol = "BTCUSDT", .exchange_order_id = "1", .source = "rumour"},
                          {.symbol = "BTC:USDT", .exchange_order_id = "1"}};
    QmReportResult result;

    (void) state;
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
        assert_code(on->apply_report(store, account, &reports[i], &result), QM_ERROR_ARGUMENT, on->error(store));
}

static void
test_submissions(void **state)
{
    static const char *const outcomes[][2] = {{"accepted", "open"},
                                              {"rejected", "rejected"},
                                              {"not_processed", "intent"},
                                              {"not_sent", "aborted"},
                                              {"unknown", "unknown"}};
    char price[16];
    QmOrder order = order_of("buy", price, "1");
    QmReportResult result;
    QmPlacement placed;
    QmStoredOrder stored;

    (void) state;
    for (int i = 0; i < 5; i++)
    {
        snprintf(price, sizeof(price), "%d", 100 + i);
        placed = qt_placed(store, &order);
        assert_ok(on->resolve_submission(store,
                                         account,
                                         placed.order_id,
                                         placed.fence,
                                         outcomes[i][0],
                                         "-1",
                                         "said",
                                         &result),
                  on->error(store));
        assert_string_equal(result.state, outcomes[i][1]);
        assert_true(result.applied && result.order_id == placed.order_id);
    }
    /* Back to intent means another id; the old fence says nothing any more. */
    snprintf(price, sizeof(price), "110");
    placed = qt_placed(store, &order);
    assert_ok(on->resolve_submission(store,
                                     account,
                                     placed.order_id,
                                     placed.fence,
                                     "not_processed",
                                     NULL,
                                     NULL,
                                     &result),
              on->error(store));
    assert_code(on->order_by_client_id(store, account, placed.client_order_id, &stored), QM_NOT_HELD, NULL);
    assert_ok(on->resolve_submission(store, account, placed.order_id, placed.fence, "rejected", NULL, NULL, &result),
              on->error(store));
    assert_string_equal(result.state, "intent");
    assert_false(result.applied);
    /* The attempt that was not processed is there after all. */
    told((QmReport){.client_order_id = placed.client_order_id, .state = "NEW"}, "open", true, "REVIVED");
    assert_ok(on->order_by_client_id(store, account, placed.client_order_id, &stored), on->error(store));

    assert_code(on->resolve_submission(store, account, 1, 1, "accepted", NULL, NULL, &result),
                QM_ERROR_ARGUMENT,
                on->error(store));
    assert_string_equal(on->error(store)->sqlstate, "P0002");
    assert_code(on->resolve_submission(store, account, placed.order_id, 1, "perhaps", NULL, NULL, &result),
                QM_ERROR_ARGUMENT,
                on->error(store));
    assert_string_equal(on->error(store)->sqlstate, "22023");
}

static void
test_cancels(void **state)
{
    QmOrder order = order_of("buy", "100", "1");
    QmPlacement placed = qt_placed(store, &order);
    QmCancellation cancellation;
    QmCancellation *list;
    QmReportResult result;
    size_t count;

    (void) state;
    assert_code(on->resolve_cancel(store, account, placed.order_id, "rejected", NULL, NULL, &result),
                QM_ERROR_SERVER,
                on->error(store));
    told((QmReport){.client_order_id = placed.client_order_id, .state = "NEW", .exchange_order_id = "5"},
         "open",
         true,
         "");
    assert_ok(on->cancel_order(store, account, placed.order_id, &cancellation), on->error(store));
    assert_int_equal(cancellation.outcome, QM_CANCEL_REQUESTED);
    assert_string_equal(cancellation.state, "open");
    assert_string_equal(cancellation.cancel_state, "sent");
    assert_string_equal(cancellation.exchange_order_id, "5");
    assert_string_equal(cancellation.client_order_id, placed.client_order_id);
    assert_ok(on->cancel_order(store, account, placed.order_id, &cancellation), on->error(store));
    assert_int_equal(cancellation.outcome, QM_CANCEL_SKIPPED);
    assert_ok(on->resolve_cancel(store, account, placed.order_id, "unknown", NULL, NULL, &result), on->error(store));
    assert_string_equal(result.state, "open");
    assert_ok(on->resolve_cancel(store, account, placed.order_id, "done", "0", "ok", &result), on->error(store));
    assert_string_equal(result.state, "canceled");
    assert_ok(on->cancel_order(store, account, placed.order_id, &cancellation), on->error(store));
    assert_int_equal(cancellation.outcome, QM_CANCEL_NOOP);
    assert_code(on->cancel_order(store, account, 1, &cancellation), QM_ERROR_ARGUMENT, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, "P0002");

    order.intent = true;
    placed = qt_placed(store, &order);
    order.intent = false;
    order.price = "99";
    order.strategy = "other";
    (void) qt_placed(store, &order);
    order.symbol = "ETH-USDT";
    (void) qt_placed(store, &order);
    assert_ok(on->cancel_orders(store, account, "BTCUSDT", "buy", NULL, NULL, &list, &count), on->error(store));
    assert_int_equal(count, 2);
    assert_int_equal(list[0].outcome, QM_CANCEL_ABORTED);
    assert_int_equal(list[1].outcome, QM_CANCEL_REQUESTED);
    assert_string_equal(list[1].cancel_state, "requested");
    qm_free(list);
    assert_ok(on->cancel_orders(store, account, NULL, NULL, "other", "nobody", &list, &count), on->error(store));
    assert_int_equal(count, 0);
    qm_free(list);
}

static void
test_lists(void **state)
{
    QmOrder order = order_of("buy", "100", "5");
    QmPlacement placed = qt_placed(store, &order);
    QmStoredOrder *orders;
    QmStoredFill *fills;
    size_t count;
    static const char *const ids[] = {"10", "9", "100"};

    (void) state;
    for (int i = 0; i < 3; i++)
        told((QmReport){.client_order_id = placed.client_order_id,
                        .trade_id = ids[i],
                        .last_quantity = "1.50",
                        .last_price = "100.00",
                        .is_maker = i - 1},
             "partially_filled",
             true,
             "");
    order.price = "99";
    order.strategy = "";
    (void) qt_placed(store, &order);
    assert_ok(on->open_orders(store, account, NULL, NULL, &orders, &count), on->error(store));
    assert_int_equal(count, 2);
    assert_true(orders[0].order_id == placed.order_id);
    assert_string_equal(orders[0].filled_quantity, "4.5");
    qm_free(orders);
    assert_ok(on->open_orders(store, account, "BTCUSDT", "", &orders, &count), on->error(store));
    assert_int_equal(count, 1);
    assert_string_equal(orders[0].price, "99");
    qm_free(orders);
    assert_ok(on->fills(store, account, "BTCUSDT", NULL, 2, &fills, &count), on->error(store));
    assert_int_equal(count, 2);
    assert_string_equal(fills[0].trade_id, "9");
    assert_string_equal(fills[1].trade_id, "10");
    assert_string_equal(fills[1].quantity, "1.5");
    assert_string_equal(fills[1].price, "100");
    assert_int_equal(fills[1].is_maker, -1);
    assert_int_equal(fills[0].is_maker, 0);
    qm_free(fills);
    assert_ok(on->fills(store, account, "BTCUSDT", "10", 100, &fills, &count), on->error(store));
    assert_int_equal(count, 1);
    assert_string_equal(fills[0].trade_id, "100");
    assert_int_equal(fills[0].is_maker, 1);
    qm_free(fills);
    assert_code(on->fills(store, account, "BTCUSDT", NULL, 0, &fills, &count), QM_ERROR_ARGUMENT, on->error(store));
}

/* test_factory shows what is no store. */
static void
test_factory(void **state)
{
    static const char *const types[] = {"mysql", "etcd", "MySQL"};
    QmStoreOptions options = {0};
    QmStore *none;
    QmError error;

    (void) state;
    for (int i = 0; i < 3; i++)
    {
        options.type = types[i];
        assert_code(qm_store_open(&options, &none, &error), QM_ERROR_UNSUPPORTED, &error);
        assert_null(none);
        assert_non_null(strstr(error.hint, "postgres"));
    }
    options.type = "papyrus";
    assert_code(qm_store_open(&options, &none, &error), QM_ERROR_ARGUMENT, &error);
    options.type = NULL;
    assert_code(qm_store_open(&options, &none, &error), QM_ERROR_ARGUMENT, &error);
}

#define BOTH(test)                                            \
    {"sqlite: " #test, test, setup, teardown, "sqlite"},      \
    {                                                         \
        "postgres: " #test, test, setup, teardown, "postgres" \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factory),
        BOTH(test_markets),
        BOTH(test_place),
        BOTH(test_denials),
        BOTH(test_wrong),
        BOTH(test_levels),
        BOTH(test_reports),
        BOTH(test_report_arguments),
        BOTH(test_submissions),
        BOTH(test_cancels),
        BOTH(test_lists),

    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
