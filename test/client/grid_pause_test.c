/*
 * The grid strategy's caution: what makes it pause, sell everything, or stop.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grids.h"

#define MINUTE INT64_C(60000000)

/* assert_wishes lets a second pass at a price and compares the wishes. */
#define assert_wishes(test, price, text)                 \
    do                                                   \
    {                                                    \
        (void) qt_grid_turn(test, price);                \
        assert_string_equal(qt_grid_wished(test), text); \
    } while (0)

#define assert_pauses(test, wanted) assert_int_equal(qt_grid_status(test).pauses, wanted)

/* candle tells one minute's candle of a symbol. */
static void
candle(QtGrid *test, const char *symbol, int minute, const char *close, const char *volume, bool closed)
{
    assert_true(qm_grid_candle(test->grid, symbol, minute * MINUTE, close, volume, closed, test->now_us));
}

/* hold buys the levels below 100 and fills the first one, 1.111 at 90. */
static void
hold(QtGrid *test)
{
    (void) qt_grid_turn(test, "100");
    qt_grid_place_all(test);
    qt_grid_tell(test, qt_grid_order_at(test, "g90"), "filled", "1.111");
}

/* end has the order of a slot end. */
static void
end(QtGrid *test, const char *slot, const char *state, const char *filled)
{
    qt_grid_tell(test, qt_grid_order_at(test, slot), state, filled);
}

static void
all_symbols_falling_on_high_volume_pause_purchases(void **state)
{
    static const char *const symbols[] = {"ETHUSDT", "SOLUSDT"};
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.market_risk = (QmRiskConfig){.enabled = true,
                                         .monitor_symbols = {symbols, 2},
                                         .volume_multiplier = "3",
                                         .average_window = 2,
                                         .recovery_threshold = 2};
    qt_grid_open(&test, &options);
    hold(&test);
    for (int i = 1; i <= 2; i++)
    {
        /* Before the averages are full nothing triggers. */
        candle(&test, "ETHUSDT", i, i == 1 ? "99" : "101", "10", true);
        candle(&test, "SOLUSDT", i, "50", "1000", true);
    }
    assert_wishes(&test, "95", "sell g90 1.111 @ 100; buy g70 1.428 @ 70");
    qt_grid_place_all(&test);
    candle(&test, "ETHUSDT", 3, "99.99", "30.01", false);
    candle(&test, "SOLUSDT", 3, "49.99", "3000", false); /* not above three times the mean */
    assert_pauses(&test, 0);
    candle(&test, "SOLUSDT", 3, "50", "3001", false); /* not below the average */
    assert_wishes(&test, "95", "");
    candle(&test, "SOLUSDT", 3, "49.99", "3001", false);
    assert_wishes(&test, "95", "cancel g70 risk_control; cancel g80 risk_control");
    assert_pauses(&test, QM_GRID_PAUSE_RISK);
    end(&test, "g70", "canceled", NULL);
    end(&test, "g80", "canceled", NULL);
    end(&test, "g90", "filled", "1.111");
    assert_wishes(&test, "95", "");
    /* A candle that is not closed proves no recovery, and both have to recover. */
    candle(&test, "ETHUSDT", 3, "100", "10", false);
    candle(&test, "SOLUSDT", 3, "50", "1000", false);
    candle(&test, "ETHUSDT", 3, "100", "10", true);
    candle(&test, "ETHUSDT", 2, "1", "100000", true); /* old news */
    assert_wishes(&test, "95", "");
    candle(&test, "SOLUSDT", 3, "50", "1000", true);
    assert_wishes(&test, "95", "buy g90 1.111 @ 90; buy g80 1.25 @ 80; buy g70 1.428 @ 70");
    assert_pauses(&test, 0);
    assert_true(qm_grid_candle(test.grid, "DOGEUSDT", MINUTE, "1", "1", true, test.now_us));
    assert_false(qm_grid_candle(test.grid, "ETHUSDT", MINUTE, "1", "-1", true, test.now_us));
    qt_grid_close(&test);
}

static void
a_stop_loss_sells_everything_and_pauses(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.risk = (QmGridRiskConfig){.enabled = true, .stop_loss_ratio = "0.1"};
    qt_grid_open(&test, &options);
    hold(&test);
    assert_wishes(&test, "81.01", "sell g90 1.111 @ 100; buy g70 1.428 @ 70; buy g60 1.666 @ 60");
    qt_grid_place_all(&test);
    assert_wishes(&test,
                  "81",
                  "cancel g60 stop_loss; cancel g70 stop_loss; cancel g80 stop_loss; cancel g90 stop_loss");
    assert_pauses(&test, QM_GRID_PAUSE_CLOSING | QM_GRID_PAUSE_STOP_LOSS);
    end(&test, "g60", "canceled", NULL);
    end(&test, "g70", "canceled", NULL);
    end(&test, "g80", "filled", "1.25"); /* the cancel came too late */
    assert_wishes(&test, "80", "");
    end(&test, "g90", "canceled", "0.111");
    assert_wishes(&test, "80", "sell gexit 2.25 @ 79.6 taker");
    assert_true(test.wishes[0].reduce_only);
    qt_grid_place_all(&test);
    end(&test, "gexit", "partially_filled", "1");
    assert_string_equal(qt_grid_status(&test).position, "1.25");
    /* The price leaves it behind: after five seconds it is put lower. */
    assert_wishes(&test, "70", "");
    test.now_us += 4000000;
    assert_wishes(&test, "70", "cancel gexit reprice");
    end(&test, "gexit", "canceled", "1.2");
    assert_wishes(&test, "70", "sell gexit 1.05 @ 69.65 taker");
    qt_grid_place_all(&test);
    end(&test, "gexit", "filled", "1.05");
    assert_string_equal(qt_grid_status(&test).position, "0");
    assert_wishes(&test, "70", "");
    assert_wishes(&test, "70", "");
    assert_pauses(&test, QM_GRID_PAUSE_STOP_LOSS);
    test.now_us += options.stop_loss_us - 20 * 1000000;
    assert_wishes(&test, "70", "");
    test.now_us += 20 * 1000000;
    assert_wishes(&test, "70", "buy g60 1.666 @ 60; buy g50 2 @ 50");
    qt_grid_close(&test);
}

static void
a_stop_loss_can_wait_for_an_operator(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.risk = (QmGridRiskConfig){.enabled = true, .stop_loss_ratio = "0.1"};
    options.stop_loss_us = 0;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    hold(&test);
    assert_wishes(&test, "50", "sell gexit 1.111 @ 49.75 taker");
    qt_grid_place_all(&test);
    end(&test, "gexit", "filled", "1.111");
    assert_wishes(&test, "50", "");
    test.now_us += 1000 * options.margin_lock_us;
    assert_wishes(&test, "50", "");
    qm_grid_resume(test.grid);
    assert_wishes(&test, "50", "buy g40 2.5 @ 40");
    qt_grid_close(&test);
}

static void
profit_is_taken_when_it_falls_from_its_peak(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.risk =
        (QmGridRiskConfig){.enabled = true, .take_profit_trigger_ratio = "0.2", .trailing_take_profit_ratio = "0.05"};
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    hold(&test);
    /* No purchase stands above the sale, with which it would trade. */
    assert_wishes(&test, "107.99", "sell g90 1.111 @ 100");
    qt_grid_place_all(&test);
    assert_wishes(&test, "100", ""); /* fell, but never was at the trigger */
    assert_wishes(&test, "117", "");
    assert_string_equal(qt_grid_status(&test).peak, "0.3");
    assert_wishes(&test, "112.51", "");
    assert_wishes(&test, "112.5", "cancel g90 take_profit");
    end(&test, "g90", "canceled", NULL);
    assert_wishes(&test, "112.5", "sell gexit 1.111 @ 111.93 taker");
    qt_grid_place_all(&test);
    end(&test, "gexit", "filled", "1.111");
    (void) qt_grid_turn(&test, "112.5");
    assert_string_equal(qt_grid_status(&test).peak, "0");
    assert_wishes(&test, "112.5", "buy g110 0.909 @ 110; buy g100 1 @ 100");
    assert_pauses(&test, 0);
    qt_grid_close(&test);
}

static void
layers_count_what_is_filled_and_what_may_be(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.risk = (QmGridRiskConfig){.enabled = true, .max_grid_layers = 2};
    options.buy_window = 5;
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90; buy g80 1.25 @ 80");
    assert_pauses(&test, QM_GRID_PAUSE_LAYERS);
    qt_grid_place_all(&test);
    end(&test, "g90", "filled", "1.111");
    assert_wishes(&test, "85", "sell g90 1.111 @ 100");
    qt_grid_place_all(&test);
    end(&test, "g90", "filled", "1.111");
    assert_wishes(&test, "95", "buy g90 1.111 @ 90");
    qt_grid_close(&test);
}

static void
a_falling_trend_pauses_purchases(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.risk = (QmGridRiskConfig){.enabled = true, .trend_filter_enabled = true};
    options.market_risk = (QmRiskConfig){.average_window = 4};
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    for (int i = 1; i <= 4; i++)
        candle(&test, "BTCUSDT", i, i < 4 ? "100" : "99", "1", true);
    assert_wishes(&test, "100", "");
    assert_pauses(&test, QM_GRID_PAUSE_TREND);
    candle(&test, "BTCUSDT", 5, "120", "1", false); /* only closed ones count */
    assert_wishes(&test, "100", "");
    candle(&test, "BTCUSDT", 5, "100", "1", true);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_close(&test);
}

static void
the_account_must_be_good_for_enough_orders(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.position_safety_check = 5;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "");
    assert_pauses(&test, QM_GRID_PAUSE_SAFETY);
    assert_true(qm_grid_balances(test.grid, "499.99999999", NULL));
    assert_wishes(&test, "100", "");
    assert_true(qm_grid_balances(test.grid, "500", NULL));
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    /* Once is enough. */
    assert_true(qm_grid_balances(test.grid, "400", NULL));
    assert_wishes(&test, "90", "buy g80 1.25 @ 80");
    qt_grid_close(&test);
    /* An interval must pay the fees of both its orders: 10 against (100 + 110) x rate. */
    options.position_safety_check = 0;
    options.fee_rate = "0.04761904";
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_close(&test);
    options.fee_rate = "0.04761905";
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "");
    qt_grid_close(&test);
}

static void
an_exit_cancels_and_closes_only_what_is_ours(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.buy_window = 2;
    for (int closes = 0; closes < 2; closes++)
    {
        qt_grid_open(&test, &options);
        hold(&test);
        (void) qt_grid_turn(&test, "100");
        qt_grid_place_all(&test);
        assert_false(qm_grid_exit_done(test.grid));
        qm_grid_exit(test.grid, true, closes == 1);
        assert_wishes(&test, "100", "cancel g90 exit");
        assert_pauses(&test, QM_GRID_PAUSE_EXIT);
        assert_false(qm_grid_exit_done(test.grid));
        end(&test, "g90", "canceled", "0.1");
        assert_int_equal(qm_grid_exit_done(test.grid), closes == 0);
        if (closes == 0)
            assert_wishes(&test, "100", "");
        else
        {
            /* The whole account may hold more; only our position is sold. */
            assert_true(qm_grid_balances(test.grid, "1000", "1000"));
            assert_wishes(&test, "100", "sell gexit 1.011 @ 99.5 taker");
            qt_grid_place_all(&test);
            assert_false(qm_grid_exit_done(test.grid));
            end(&test, "gexit", "filled", "1.011");
            assert_true(qm_grid_exit_done(test.grid));
        }
        qt_grid_close(&test);
    }
    qt_grid_open(&test, &options);
    hold(&test);
    qm_grid_exit(test.grid, false, false);
    assert_wishes(&test, "100", "");
    assert_true(qm_grid_exit_done(test.grid));
    qt_grid_close(&test);
}

/* Prices are not heard: nothing is bought at the last one, until there is another. Sales and cancels go on. */
static void
without_prices_nothing_is_bought(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    qm_grid_silence(test.grid);
    assert_wishes(&test, NULL, "");
    assert_pauses(&test, QM_GRID_PAUSE_NO_PRICE | QM_GRID_PAUSE_SAFETY | QM_GRID_PAUSE_SILENCE);
    hold(&test);
    qm_grid_silence(test.grid);
    assert_wishes(&test, NULL, "sell g90 1.111 @ 100");
    assert_pauses(&test, QM_GRID_PAUSE_SILENCE);
    qt_grid_place_all(&test);
    end(&test, "g90", "filled", "1.111");
    assert_wishes(&test, NULL, "");
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    assert_pauses(&test, 0);
    qm_grid_silence(test.grid);
    qm_grid_exit(test.grid, true, false);
    assert_wishes(&test, NULL, "cancel g80 exit");
    qt_grid_close(&test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_symbols_falling_on_high_volume_pause_purchases),
        cmocka_unit_test(a_stop_loss_sells_everything_and_pauses),
        cmocka_unit_test(a_stop_loss_can_wait_for_an_operator),
        cmocka_unit_test(profit_is_taken_when_it_falls_from_its_peak),
        cmocka_unit_test(layers_count_what_is_filled_and_what_may_be),
        cmocka_unit_test(a_falling_trend_pauses_purchases),
        cmocka_unit_test(the_account_must_be_good_for_enough_orders),
        cmocka_unit_test(an_exit_cancels_and_closes_only_what_is_ours),
        cmocka_unit_test(without_prices_nothing_is_bought),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
