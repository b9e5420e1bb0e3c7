/*
 * The grid strategy between instances: its document, and how it finds out what
 * became of orders that it did not see end.
 */
#include "check.h"

#include <inttypes.h>
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

/* restart gives the grid's document to another grid, which writes the same one. */
static void
restart(QtGrid *test, const QmGridOptions *options)
{
    char *document = qm_grid_document(test->grid);
    char *copy;
    QmError error;

    assert_non_null(document);
    qm_grid_free(test->grid);
    test->grid = qm_grid_new(options, &error);
    assert_non_null(test->grid);
    assert_ok(qm_grid_load(test->grid, document, &error), &error);
    assert_false(qm_grid_changed(test->grid));
    copy = qm_grid_document(test->grid);
    assert_string_equal(copy, document);
    free(copy);
    free(document);
}

/* stored is an order as the store's list has it. */
static QmStoredOrder
stored(int64_t id, const char *slot, const char *side, const char *price, const char *quantity, const char *filled,
       const char *state)
{
    QmStoredOrder order = {.order_id = id};

    snprintf(order.client_order_id, sizeof(order.client_order_id), "qtest%" PRId64 "a0", id);
    snprintf(order.slot, sizeof(order.slot), "%s", slot);
    snprintf(order.side, sizeof(order.side), "%s", side);
    snprintf(order.price, sizeof(order.price), "%s", price);
    snprintf(order.quantity, sizeof(order.quantity), "%s", quantity);
    snprintf(order.filled_quantity, sizeof(order.filled_quantity), "%s", filled);
    snprintf(order.state, sizeof(order.state), "%s", state);
    return order;
}

/* reconcile gives the grid the store's list and the ledger's position. */
static void
reconcile(QtGrid *test, const QmStoredOrder *orders, size_t count, const char *position)
{
    assert_true(qm_grid_reconcile(test->grid, orders, count, position, test->now_us));
}

static void
another_instance_goes_on(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder list[2] = {stored(2, "g80", "buy", "80", "1.25", "0", "open"),
                             stored(3, "g90", "sell", "100", "1.111", "0", "open")};

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, 1, "filled", "1.111");
    assert_wishes(&test, "95.5", "sell g90 1.111 @ 100");
    qt_grid_place_all(&test);
    restart(&test, &options);
    assert_wishes(&test, "104", "");
    assert_int_equal(qt_grid_status(&test).pauses & QM_GRID_PAUSE_RECONCILE, QM_GRID_PAUSE_RECONCILE);
    assert_true(qm_grid_wants_reconcile(test.grid));
    reconcile(&test, list, 2, "1.111");
    assert_false(qm_grid_wants_reconcile(test.grid));
    assert_string_equal(qt_grid_status(&test).anchor, "100");
    assert_wishes(&test, "104", "");
    assert_wishes(&test, "86", "buy g70 1.428 @ 70");
    qt_grid_close(&test);
}

static void
a_wish_without_an_answer_comes_again(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmGridWish wishes[2];
    QmStoredOrder list[1] = {stored(1, "g90", "buy", "90", "1.111", "1", "partially_filled")};

    (void) state;
    qt_grid_open(&test, &options);
    assert_int_equal(qt_grid_turn(&test, "100"), 2);
    memcpy(wishes, test.wishes, sizeof(wishes));
    restart(&test, &options);
    /* First its wishes have to be answered, for an order of them may be alive, or over. */
    assert_false(qm_grid_wants_reconcile(test.grid));
    assert_wishes(&test, "70", "again buy g80 1.25 @ 80; again buy g90 1.111 @ 90");
    assert_string_equal(test.wishes[0].request_id, wishes[1].request_id);
    assert_string_equal(test.wishes[1].request_id, wishes[0].request_id);
    assert_int_equal(test.wishes[1].valid_until_us, wishes[0].valid_until_us);
    assert_true(test.wishes[1].post_only);
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_DENIED, "VALID_UNTIL_PASSED");
    qt_grid_answer(&test, &test.wishes[1], QM_GRID_PLACED, NULL);
    /* It was placed before: what has become of it since has to be asked. */
    assert_false(qm_grid_wants_reconcile(test.grid));
    assert_wishes(&test, "70", "ask g90");
    assert_int_equal(test.wishes[0].order_id, 1);
    assert_string_equal(test.wishes[0].client_order_id, "qtest1a0");
    assert_int_equal(qm_grid_stored(test.grid, &list[0], test.now_us), QM_GRID_CHANGED);
    assert_true(qm_grid_wants_reconcile(test.grid));
    reconcile(&test, list, 1, "1");
    assert_string_equal(qt_grid_status(&test).position, "1");
    assert_string_equal(qt_grid_status(&test).loose, "0");
    assert_wishes(&test, "76", "buy g70 1.428 @ 70; buy g60 1.666 @ 60");
    qt_grid_close(&test);
}

static void
an_order_that_is_not_listed_is_asked_for(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder over = stored(1, "g90", "buy", "90", "1.111", "1.111", "filled");
    QmStoredOrder list[1] = {stored(2, "g80", "buy", "80", "1.25", "0.25", "partially_filled")};

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, 1, "partially_filled", "0.111");
    restart(&test, &options);
    /* The position is not compared before every order is known. */
    reconcile(&test, list, 1, "1.361");
    assert_string_equal(qt_grid_status(&test).loose, "0");
    assert_false(qm_grid_wants_reconcile(test.grid));
    assert_wishes(&test, "100", "ask g90");
    assert_wishes(&test, "100", "");
    test.now_us += 4000000;
    assert_wishes(&test, "100", "ask g90");
    assert_int_equal(qm_grid_stored(test.grid, &over, test.now_us), QM_GRID_CHANGED);
    assert_int_equal(qm_grid_stored(test.grid, &over, test.now_us), QM_GRID_NOTHING_NEW);
    assert_true(qm_grid_wants_reconcile(test.grid));
    reconcile(&test, list, 1, "1.361");
    assert_string_equal(qt_grid_status(&test).position, "1.361");
    assert_string_equal(qt_grid_status(&test).loose, "0");
    assert_wishes(&test, "95.5", "sell g90 1.111 @ 100");
    /* One that the store does not know, for a failover has lost it, is over; the ledger decides. */
    qt_grid_place_all(&test);
    reconcile(&test, list, 1, "1.361");
    assert_wishes(&test, "95.5", "ask g90");
    qm_grid_unknown(test.grid, test.wishes[0].order_id);
    assert_true(qm_grid_wants_reconcile(test.grid));
    reconcile(&test, list, 1, "1");
    assert_wishes(&test, "95.5", "sell g90 0.75 @ 100");
    qt_grid_close(&test);
}

static void
an_unknown_order_is_taken_in(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder list[3] = {stored(7, "g90", "buy", "90", "1", "0.5", "partially_filled"),
                             stored(8, "other", "buy", "80", "1", "0", "open"),
                             stored(9, "g120", "sell", "130", "1", "0", "unknown")};
    QmStoredOrder over = stored(10, "g60", "buy", "60", "1", "1", "filled");

    (void) state;
    /* Without a document, because it was lost, or is of an older program. */
    qt_grid_open(&test, &options);
    reconcile(&test, list, 3, "3");
    assert_int_equal(qt_grid_status(&test).buys, 1);
    assert_int_equal(qt_grid_status(&test).sells, 1);
    assert_string_equal(qt_grid_status(&test).loose, "2.5");
    assert_wishes(&test, "100", "buy g80 1.25 @ 80");
    qt_grid_place_all(&test);
    /* One that was over when the grid heard of it was in the ledger, as loose: it does not count twice. */
    assert_int_equal(qm_grid_stored(test.grid, &over, test.now_us), QM_GRID_CHANGED);
    assert_wishes(&test, "86", "");
    assert_true(qm_grid_wants_reconcile(test.grid));
    list[1] = stored(1, "g80", "buy", "80", "1.25", "0", "open");
    reconcile(&test, list, 3, "3");
    assert_string_equal(qt_grid_status(&test).loose, "1.5");
    qt_grid_tell(&test, 7, "filled", "1");
    assert_wishes(&test, "80", "sell g60 1 @ 90; sell g90 1 @ 100; buy g70 1.428 @ 70");
    /* The loose ones are sold by what closes the position. */
    qt_grid_place_all(&test);
    qm_grid_exit(test.grid, true, true);
    (void) qt_grid_turn(&test, "80");
    for (size_t i = 0; i < test.count; i++)
        qt_grid_tell(&test, test.wishes[i].order_id, "canceled", NULL);
    assert_wishes(&test, "80", "sell gexit 3.5 @ 79.6 taker");
    qt_grid_close(&test);
}

static void
a_second_order_in_a_slot_is_cancelled_and_counted(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder list[2] = {stored(1, "g90", "buy", "90", "1.111", "0", "open"),
                             stored(5, "g90", "sell", "100", "1", "0", "open")};

    (void) state;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    reconcile(&test, list, 2, "2");
    assert_wishes(&test, "100", "cancel g90 clash");
    assert_int_equal(test.wishes[0].order_id, 5);
    qt_grid_tell(&test, 5, "partially_filled", "0.25");
    assert_string_equal(qt_grid_status(&test).position, "1.75");
    assert_true(qm_grid_wants_reconcile(test.grid));
    reconcile(&test, list, 2, "1.75");
    /* While it lives the slot gets no other one. */
    qt_grid_tell(&test, 1, "filled", "1.111");
    assert_wishes(&test, "95", "buy g80 1.25 @ 80");
    restart(&test, &options);
    reconcile(&test, list + 1, 1, "2.861");
    reconcile(&test, list + 1, 1, "2.861");
    assert_false(qm_grid_wants_reconcile(test.grid));
    qt_grid_close(&test);
}

static void
old_news_change_nothing(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder back = stored(1, "g90", "buy", "90", "1.111", "0.3", "partially_filled");
    char *before;
    char *after;

    (void) state;
    options.buy_window = 2;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, 1, "partially_filled", "0.2");
    qt_grid_tell(&test, 1, "canceled", "0.2");
    before = qm_grid_document(test.grid);
    qt_grid_tell(&test, 1, "canceled", "0.2");
    qt_grid_tell(&test, 1, "open", "0");
    qt_grid_tell(&test, 1, "partially_filled", "0.1");
    qt_grid_tell(&test, 1, "partially_filled", "-1");
    qt_grid_tell(&test, 1, "strange", "1");
    qt_grid_tell(&test, 0, "open", "1");
    after = qm_grid_document(test.grid);
    assert_string_equal(after, before);
    free(before);
    free(after);
    /* A fill that comes after the end counts, into the slot as it is by then. */
    qt_grid_tell(&test, 1, "canceled", "0.25");
    assert_string_equal(qt_grid_status(&test).position, "0.25");
    /* It may have been in the ledger, and then it was loose and must not count twice: the ledger is asked first. */
    assert_wishes(&test, "100", "");
    assert_true(qm_grid_wants_reconcile(test.grid));
    reconcile(&test, NULL, 0, "0.25");
    assert_string_equal(qt_grid_status(&test).loose, "0");
    /* That it lives after all counts when the store says so now. */
    assert_wishes(&test, "100", "sell g90 0.25 @ 100");
    assert_int_equal(qm_grid_stored(test.grid, &back, test.now_us), QM_GRID_CHANGED);
    assert_string_equal(qt_grid_status(&test).position, "0.3");
    qt_grid_place_all(&test);
    assert_wishes(&test, "100", "cancel g90 clash");
    assert_int_equal(test.wishes[0].order_id, 1);
    qt_grid_close(&test);
}

static void
what_the_ledger_lacks_is_taken_from_the_highest_slot(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, 1, "filled", "1.111");
    qt_grid_tell(&test, 2, "filled", "1.25");
    reconcile(&test, NULL, 0, "3");
    assert_string_equal(qt_grid_status(&test).loose, "0.639");
    reconcile(&test, NULL, 0, "1.3");
    assert_string_equal(qt_grid_status(&test).loose, "0");
    assert_wishes(&test, "80", "sell g80 1.25 @ 90; buy g70 1.428 @ 70; buy g60 1.666 @ 60");
    assert_false(qm_grid_reconcile(test.grid, NULL, 0, "many", test.now_us));
    qt_grid_close(&test);
}

static void
an_order_that_was_made_smaller_is_whole(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder list[2] = {stored(1, "g90", "buy", "90", "0.5", "0", "open"),
                             stored(2, "g80", "buy", "80", "1.25", "0", "open")};

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    reconcile(&test, list, 2, "0");
    assert_true(qm_grid_changed(test.grid));
    qt_grid_tell(&test, 1, "filled", "0.5");
    assert_string_equal(qt_grid_status(&test).position, "0.5");
    qt_grid_close(&test);
}

static void
another_interval_keeps_the_old_slots(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, 1, "filled", "1.111");
    qt_grid_tell(&test, 2, "canceled", NULL);
    options.price_interval = "4";
    restart(&test, &options);
    reconcile(&test, NULL, 0, "1.111");
    assert_wishes(&test, "90", "sell g90 1.111 @ 94; buy g88 1.136 @ 88; buy g84 1.19 @ 84; buy g80 1.25 @ 80");
    qt_grid_close(&test);
}

/* A position that is to be sold at the end is not gone because nobody has told a price yet. */
static void
an_exit_without_a_price_is_not_done(void **state)
{
    QmGridOptions options = qt_grid_options();
    QtGrid test;

    (void) state;
    qt_grid_open(&test, &options);
    qm_grid_exit(test.grid, true, true);
    assert_wishes(&test, NULL, "");
    assert_true(qm_grid_exit_done(test.grid));
    qt_grid_close(&test);

    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, 1, "filled", "1.111");
    qt_grid_tell(&test, 2, "canceled", NULL);
    restart(&test, &options);
    reconcile(&test, NULL, 0, "1.111");
    qm_grid_exit(test.grid, true, true);
    assert_wishes(&test, NULL, "");
    assert_false(qm_grid_exit_done(test.grid));
    assert_true(qm_grid_balances(test.grid, "1000", "1000"));
    assert_wishes(&test, "100", "sell gexit 1.111 @ 99.5 taker");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, qt_grid_order_at(&test, "gexit"), "filled", "1.111");
    assert_true(qm_grid_exit_done(test.grid));
    qt_grid_close(&test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_instance_goes_on),
        cmocka_unit_test(a_wish_without_an_answer_comes_again),
        cmocka_unit_test(an_order_that_is_not_listed_is_asked_for),
        cmocka_unit_test(an_unknown_order_is_taken_in),
        cmocka_unit_test(a_second_order_in_a_slot_is_cancelled_and_counted),
        cmocka_unit_test(old_news_change_nothing),
        cmocka_unit_test(what_the_ledger_lacks_is_taken_from_the_highest_slot),
        cmocka_unit_test(an_order_that_was_made_smaller_is_whole),
        cmocka_unit_test(another_interval_keeps_the_old_slots),
        cmocka_unit_test(an_exit_without_a_price_is_not_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
