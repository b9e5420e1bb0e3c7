/*
 * The grid strategy, rule by rule: which orders it wishes, and how it pauses.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grids.h"

/* assert_wishes lets a second pass at a price and compares the wishes. */
#define assert_wishes(test, price, text)                 \
    do                                                   \
    {                                                    \
        (void) qt_grid_turn(test, price);                \
        assert_string_equal(qt_grid_wished(test), text); \
    } while (0)

/* fill has the last order of a slot filled. */
static void
fill(QtGrid *test, const char *slot, const char *quantity)
{
    qt_grid_tell(test, qt_grid_order_at(test, slot), "filled", quantity);
}

static void
purchases_stand_below_the_price(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    assert_int_equal(qt_grid_turn(&test, NULL), 0);
    assert_int_equal(qt_grid_status(&test).pauses & QM_GRID_PAUSE_NO_PRICE, QM_GRID_PAUSE_NO_PRICE);
    /* The first price is the anchor, rounded down to a tick; its own level is not a tenth of an interval below it. */
    assert_wishes(&test, "100.009", "buy g90 1.111 @ 90; buy g80 1.25 @ 80");
    assert_string_equal(qt_grid_status(&test).anchor, "100");
    qt_grid_place_all(&test);
    assert_wishes(&test, "100.9", "");
    assert_wishes(&test, "101", "");
    assert_wishes(&test, "101.01", "buy g100 1 @ 100");
    qt_grid_place_all(&test);
    /* From the middle between two levels on, the upper one is the grid price. */
    assert_wishes(&test, "104.99", "");
    assert_wishes(&test, "116", "buy g110 0.909 @ 110");
    qt_grid_place_all(&test);
    assert_wishes(&test, "60", "buy g50 2 @ 50; buy g40 2.5 @ 40");
    assert_int_equal(qt_grid_status(&test).buys, 6);
    qt_grid_close(&test);
}

static void
a_filled_slot_is_sold_an_interval_above(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    fill(&test, "g90", "1.111");
    assert_string_equal(qt_grid_status(&test).position, "1.111");
    assert_wishes(&test, "90", "sell g90 1.111 @ 100; buy g70 1.428 @ 70");
    assert_true(test.wishes[0].reduce_only);
    qt_grid_place_all(&test);
    assert_int_equal(qt_grid_status(&test).filled, 1);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g90"), "partially_filled", "1");
    assert_string_equal(qt_grid_status(&test).position, "0.111");
    fill(&test, "g90", "1.111");
    assert_string_equal(qt_grid_status(&test).position, "0");
    assert_wishes(&test, "95.5", "buy g90 1.111 @ 90");
    qt_grid_close(&test);
}

static void
sales_come_nearest_first_and_within_the_window(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.buy_window = 8;
    options.sell_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    fill(&test, "g90", "1.111");
    fill(&test, "g80", "1.25");
    fill(&test, "g70", "1.428");
    fill(&test, "g60", "1.666");
    assert_wishes(&test, "55", "sell g60 1.666 @ 70; sell g70 1.428 @ 80; buy g20 5 @ 20; buy g10 10 @ 10");
    qt_grid_place_all(&test);
    assert_wishes(&test, "62", "sell g80 1.25 @ 90");
    qt_grid_close(&test);
}

static void
quantities_are_rounded_down_and_never_below_a_minimum(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.filters.step_size = "0.5";
    options.order_quantity = "44.9";
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "buy g80 0.5 @ 80");
    assert_int_equal(qt_grid_status(&test).pauses, QM_GRID_PAUSE_MINIMUM);
    qt_grid_close(&test);
    /* What is bought must be worth min_order_value when it is sold, after the fee on the purchase. */
    options = qt_grid_options();
    options.order_quantity = "20";
    options.min_order_value = "22.2";
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "buy g90 0.222 @ 90");
    qt_grid_close(&test);
    options.fee_rate = "0.001";
    options.fee_from_base = true;
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "");
    qt_grid_close(&test);
}

static void
a_fee_in_the_base_asset_leaves_less_to_sell(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmGridOrderEvent event = {.state = "filled", .filled = "1.111"};

    (void) state;
    options.fee_rate = "0.001";
    options.fee_from_base = true;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    event.order_id = qt_grid_order_at(&test, "g90");
    assert_int_equal(qm_grid_order(test.grid, &event, test.now_us), QM_GRID_CHANGED);
    assert_string_equal(qt_grid_status(&test).position, "1.109889");
    /* What the exchange has really taken counts, once it is told, also after the end. */
    event.base_fee = "0.001";
    assert_int_equal(qm_grid_order(test.grid, &event, test.now_us), QM_GRID_CHANGED);
    assert_int_equal(qm_grid_order(test.grid, &event, test.now_us), QM_GRID_NOTHING_NEW);
    assert_string_equal(qt_grid_status(&test).position, "1.11");
    event.base_fee = NULL;
    assert_int_equal(qm_grid_order(test.grid, &event, test.now_us), QM_GRID_NOTHING_NEW);
    /* As such news may have been in the ledger before, it is asked first. */
    assert_wishes(&test, "91.5", "");
    assert_true(qm_grid_reconcile(test.grid, NULL, 0, "1.11", test.now_us));
    assert_wishes(&test, "91.5", "sell g90 1.11 @ 100; buy g80 1.25 @ 80");
    qt_grid_close(&test);
}

static void
a_sale_may_pay_in_what_it_sells(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder sale = {.state = "partially_filled", .filled_quantity = "1", .base_commission = "0.001"};

    (void) state;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g90"), "filled", "1.111");
    (void) qt_grid_turn(&test, "91.5");
    qt_grid_place_all(&test);
    sale.order_id = qt_grid_order_at(&test, "g90");
    assert_int_equal(qm_grid_stored(test.grid, &sale, test.now_us), QM_GRID_CHANGED);
    assert_string_equal(qt_grid_status(&test).position, "0.11");
    /* A rebate is not known to the grid before it is compared with the ledger. */
    strcpy(sale.base_commission, "-0.002");
    strcpy(sale.filled_quantity, "1.1");
    assert_int_equal(qm_grid_stored(test.grid, &sale, test.now_us), QM_GRID_CHANGED);
    assert_string_equal(qt_grid_status(&test).position, "0.01");
    qt_grid_close(&test);
}

static void
a_rest_below_the_minimum_is_sold_with_the_next_purchase(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g90"), "canceled", "0.05");
    assert_int_equal(qt_grid_status(&test).filled, 0);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_place_all(&test);
    fill(&test, "g90", "1.111");
    assert_wishes(&test, "91.5", "sell g90 1.161 @ 100; buy g80 1.25 @ 80");
    qt_grid_close(&test);
}

static void
post_only_gives_way_after_three_refusals(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    for (int i = 0; i < 3; i++)
    {
        int64_t id;

        assert_wishes(&test, "100", "buy g90 1.111 @ 90");
        qt_grid_place_all(&test);
        id = qt_grid_order_at(&test, "g90");
        /* Reason and state come in any order, and may come twice. */
        if (i == 1)
            qm_grid_refused(test.grid, id, QM_GRID_REFUSED_POST_ONLY, test.now_us);
        qt_grid_tell(&test, id, "rejected", NULL);
        qm_grid_refused(test.grid, id, QM_GRID_REFUSED_POST_ONLY, test.now_us);
        qm_grid_refused(test.grid, id, QM_GRID_REFUSED_POST_ONLY, test.now_us);
        /* The slot rests for half a second. */
        assert_int_equal(qm_grid_wishes(test.grid, test.now_us + 400000, test.wishes, QT_GRID_WISHES), 0);
    }
    assert_wishes(&test, "100", "buy g90 1.111 @ 90 taker");
    qt_grid_place_all(&test);
    fill(&test, "g90", "1.111");
    assert_wishes(&test, "91", "sell g90 1.111 @ 100; buy g80 1.25 @ 80");
    /* A cancel counts as no refusal. */
    qt_grid_place_all(&test);
    for (int i = 0; i < 4; i++)
    {
        qt_grid_tell(&test, qt_grid_order_at(&test, "g90"), "canceled", NULL);
        assert_wishes(&test, "91", "sell g90 1.111 @ 100");
        qt_grid_place_all(&test);
    }
    qt_grid_close(&test);
}

static void
want_of_funds_locks_purchases(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    int64_t id;

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    id = qt_grid_order_at(&test, "g80");
    qm_grid_refused(test.grid, id, QM_GRID_REFUSED_FUNDS, test.now_us);
    qt_grid_tell(&test, id, "rejected", NULL);
    fill(&test, "g90", "1.111");
    /* Sales go on. */
    assert_wishes(&test, "95", "sell g90 1.111 @ 100");
    qt_grid_place_all(&test);
    assert_int_equal(qt_grid_status(&test).pauses, QM_GRID_PAUSE_MARGIN);
    test.now_us += 7000000;
    assert_wishes(&test, "95", "");
    test.now_us += 1000000;
    assert_wishes(&test, "95", "buy g80 1.25 @ 80; buy g70 1.428 @ 70");
    assert_int_equal(qt_grid_status(&test).pauses, 0);
    qt_grid_place_all(&test);
    /* A sale that is refused locks its slot, and has the position compared with the ledger. */
    qm_grid_refused(test.grid, qt_grid_order_at(&test, "g90"), QM_GRID_REFUSED_FUNDS, test.now_us);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g90"), "rejected", NULL);
    assert_wishes(&test, "95", "");
    assert_true(qm_grid_wants_reconcile(test.grid));
    qt_grid_close(&test);
}

static void
balances_limit_what_is_wished(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    assert_true(qm_grid_balances(test.grid, "150", "0.5"));
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    assert_int_equal(qt_grid_status(&test).pauses, QM_GRID_PAUSE_FUNDS);
    qt_grid_place_all(&test);
    fill(&test, "g90", "1.111");
    assert_wishes(&test, "100", "");
    assert_true(qm_grid_balances(test.grid, "250", "1.111"));
    assert_wishes(&test, "100", "sell g90 1.111 @ 100; buy g80 1.25 @ 80");
    assert_false(qm_grid_balances(test.grid, "-1", NULL));
    assert_false(qm_grid_balances(test.grid, "1", "x"));
    qt_grid_close(&test);
}

static void
answers_of_the_database_make_the_grid_wait(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    /* Without an answer nothing is wished twice. */
    assert_int_equal(qm_grid_wishes(test.grid, test.now_us, test.wishes + 1, QT_GRID_WISHES - 1), 0);
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_SKIPPED, NULL);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_DENIED, "HALTED");
    assert_int_equal(qm_grid_wishes(test.grid, test.now_us + 999999, test.wishes, QT_GRID_WISHES), 0);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_DENIED, "VALID_UNTIL_PASSED");
    assert_int_equal(qm_grid_wishes(test.grid, test.now_us, test.wishes + 1, QT_GRID_WISHES - 1), 0);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_DENIED, "SELF_CROSS");
    assert_wishes(&test, "100", "");
    test.now_us += 9000000;
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_NOT_PLACED, NULL);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_UNCERTAIN, NULL);
    assert_wishes(&test, "100", "again buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_DUPLICATE, NULL);
    assert_wishes(&test, "100", "");
    assert_true(qm_grid_wants_reconcile(test.grid));
    qt_grid_close(&test);
}

static void
a_cancel_that_comes_too_late_keeps_nothing_from_sale(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.cleanup_threshold = 1;
    options.cleanup_batch = 1;
    options.cleanup_interval_us = 0;
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_place_all(&test);
    assert_wishes(&test, "91", "cancel g90 cleanup");
    fill(&test, "g90", "1.111");
    assert_wishes(&test, "91", "sell g90 1.111 @ 100");
    qt_grid_close(&test);
}

static void
cleanup_cancels_the_farthest_of_the_bigger_side(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    options.buy_window = 6;
    options.cleanup_threshold = 5;
    options.cleanup_batch = 2;
    qt_grid_open(&test, &options);
    assert_wishes(&test,
                  "100",
                  "buy g90 1.111 @ 90; buy g80 1.25 @ 80; buy g70 1.428 @ 70; buy g60 1.666 @ 60; buy g50 2 @ 50");
    qt_grid_place_all(&test);
    assert_wishes(&test, "100", "");
    assert_int_equal(qt_grid_status(&test).pauses, QM_GRID_PAUSE_ORDERS);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g50"), "partially_filled", "0.1");
    test.now_us += 60000000;
    assert_wishes(&test, "100", "cancel g60 cleanup; cancel g70 cleanup");
    /* Until it has ended, or five seconds have passed, a cancel is under way. */
    assert_wishes(&test, "100", "");
    test.now_us += 5000000;
    assert_wishes(&test, "100", "cancel g60 cleanup; cancel g70 cleanup");
    qm_grid_canceled(test.grid, qt_grid_order_at(&test, "g60"), false, test.now_us);
    assert_wishes(&test, "100", "cancel g60 cleanup");
    qt_grid_tell(&test, qt_grid_order_at(&test, "g60"), "canceled", NULL);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g70"), "canceled", NULL);
    /* What was cleaned comes back when the price has come an interval nearer. */
    assert_wishes(&test, "100", "");
    assert_wishes(&test, "90.01", "");
    assert_wishes(&test, "90", "buy g70 1.428 @ 70; buy g60 1.666 @ 60");
    qt_grid_close(&test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purchases_stand_below_the_price),
        cmocka_unit_test(a_filled_slot_is_sold_an_interval_above),
        cmocka_unit_test(sales_come_nearest_first_and_within_the_window),
        cmocka_unit_test(quantities_are_rounded_down_and_never_below_a_minimum),
        cmocka_unit_test(a_fee_in_the_base_asset_leaves_less_to_sell),
        cmocka_unit_test(a_sale_may_pay_in_what_it_sells),
        cmocka_unit_test(a_rest_below_the_minimum_is_sold_with_the_next_purchase),
        cmocka_unit_test(post_only_gives_way_after_three_refusals),
        cmocka_unit_test(want_of_funds_locks_purchases),
        cmocka_unit_test(balances_limit_what_is_wished),
        cmocka_unit_test(answers_of_the_database_make_the_grid_wait),
        cmocka_unit_test(a_cancel_that_comes_too_late_keeps_nothing_from_sale),
        cmocka_unit_test(cleanup_cancels_the_farthest_of_the_bigger_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
