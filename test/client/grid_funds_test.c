/*
 * The grid strategy's money: what a wish takes of the free balance is free again when
 * the exchange never had its order, and only then. A sale and a purchase are wished
 * each time, and there is enough for one of each.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "grids.h"

#define TIMES 3
#define BOTH "sell g90 1.111 @ 100; buy g80 1.25 @ 80"

#define assert_wishes(test, price, text)                 \
    do                                                   \
    {                                                    \
        (void) qt_grid_turn(test, price);                \
        assert_string_equal(qt_grid_wished(test), text); \
    } while (0)

/* hold opens a grid that has bought 1.111 at 90, and has 100 left: enough for the purchase at 80, not for that at 70, too. */
static void
hold(QtGrid *test, const QmGridOptions *options)
{
    qt_grid_open(test, options);
    (void) qt_grid_turn(test, "100");
    qt_grid_place_all(test);
    qt_grid_tell(test, qt_grid_order_at(test, "g90"), "filled", "1.111");
    assert_true(qm_grid_balances(test->grid, "100", "1.111"));
}

/* options_of returns options of a grid that buys at two levels. */
static QmGridOptions
options_of(void)
{
    QmGridOptions options = qt_grid_options();

    options.buy_window = 2;
    return options;
}

/* place has both wishes recorded, and not taken by the exchange yet. */
static void
place(QtGrid *test)
{
    assert_wishes(test, "85", BOTH);
    for (size_t i = 0; i < test->count; i++)
        qt_grid_answer(test, &test->wishes[i], QM_GRID_PLACED, NULL);
}

/* end has the last orders of both slots end. */
static void
end(QtGrid *test, const char *state)
{
    qt_grid_tell(test, qt_grid_order_at(test, "g90"), state, "0");
    qt_grid_tell(test, qt_grid_order_at(test, "g80"), state, "0");
}

static void
what_is_not_placed_is_free_again(void **state)
{
    static const struct
    {
        QmGridAnswer answer;
        const char *reason;
    } answers[] = {
        {QM_GRID_SKIPPED, NULL},
        {QM_GRID_NOT_PLACED, NULL},
        {QM_GRID_DUPLICATE, NULL},
        {QM_GRID_DENIED, "HALTED"},
        {QM_GRID_DENIED, "QUANTITY_OFF_STEP"},
        {QM_GRID_DENIED, "VALID_UNTIL_PASSED"},
    };
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
    {
        hold(&test, &options);
        for (int time = 0; time < TIMES; time++)
        {
            assert_wishes(&test, "85", BOTH);
            for (size_t j = 0; j < test.count; j++)
                qt_grid_answer(&test, &test.wishes[j], answers[i].answer, answers[i].reason);
            test.now_us += 10000000;
        }
        assert_wishes(&test, "85", BOTH);
        qt_grid_close(&test);
    }
}

static void
what_the_exchange_never_had_is_free_again(void **state)
{
    static const char *const ends[] = {"aborted", "rejected", "never_accepted"};
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        hold(&test, &options);
        for (int time = 0; time < TIMES; time++)
        {
            place(&test);
            end(&test, ends[i]);
            end(&test, ends[i]); /* told twice it is free once */
        }
        assert_wishes(&test, "85", BOTH);
        qt_grid_close(&test);
    }
}

static void
what_was_uncertain_is_free_again(void **state)
{
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    hold(&test, &options);
    for (int time = 0; time < TIMES; time++)
    {
        assert_wishes(&test, "85", BOTH);
        for (size_t i = 0; i < test.count; i++)
            qt_grid_answer(&test, &test.wishes[i], QM_GRID_UNCERTAIN, NULL);
        assert_wishes(&test, "85", "again buy g80 1.25 @ 80; again sell g90 1.111 @ 100");
        for (size_t i = 0; i < test.count; i++)
            qt_grid_answer(&test, &test.wishes[i], QM_GRID_DENIED, "VALID_UNTIL_PASSED");
    }
    assert_wishes(&test, "85", BOTH);
    qt_grid_close(&test);
}

static void
what_the_store_does_not_know_is_free_again(void **state)
{
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    hold(&test, &options);
    for (int time = 0; time < TIMES; time++)
    {
        place(&test);
        qm_grid_unknown(test.grid, qt_grid_order_at(&test, "g80"));
        qm_grid_unknown(test.grid, qt_grid_order_at(&test, "g90"));
        assert_true(qm_grid_reconcile(test.grid, NULL, 0, "1.111", test.now_us));
    }
    assert_wishes(&test, "85", BOTH);
    qt_grid_close(&test);
}

/* The exchange tells of balances when it has taken an order, and when one that it had ends: those count. */
static void
what_the_exchange_had_is_told_by_it(void **state)
{
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    hold(&test, &options);
    place(&test);
    end(&test, "canceled");
    assert_wishes(&test, "85", "");
    assert_int_equal(qt_grid_status(&test).pauses, QM_GRID_PAUSE_FUNDS);
    assert_true(qm_grid_balances(test.grid, "100", "1.111"));
    assert_wishes(&test, "85", BOTH);
    qt_grid_close(&test);
}

/* Balances that are told while an order is under way do not have it in them; what is free then is not made more by its end. */
static void
what_was_told_since_is_not_free_twice(void **state)
{
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    hold(&test, &options);
    place(&test);
    assert_true(qm_grid_balances(test.grid, "100", "1.111"));
    end(&test, "rejected");
    assert_wishes(&test, "85", BOTH);
    qt_grid_close(&test);
}

/* The store's clock is ahead: every wish comes too late. A slot that was denied is not asked for again at once. */
static void
what_comes_too_late_rests(void **state)
{
    QtGrid test;
    QmGridOptions options = options_of();

    (void) state;
    qt_grid_open(&test, &options);
    assert_wishes(&test, "100", "buy g90 1.111 @ 90");
    qt_grid_answer(&test, &test.wishes[0], QM_GRID_DENIED, "VALID_UNTIL_PASSED");
    assert_int_equal(qm_grid_wishes(test.grid, test.now_us, test.wishes, QT_GRID_WISHES), 0);
    assert_int_equal(qm_grid_wishes(test.grid, test.now_us + options.retry_us - 1, test.wishes, QT_GRID_WISHES), 0);
    assert_int_equal(qm_grid_wishes(test.grid, test.now_us + options.retry_us, test.wishes, QT_GRID_WISHES), 1);
    qt_grid_close(&test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_placed_is_free_again),
        cmocka_unit_test(what_the_exchange_never_had_is_free_again),
        cmocka_unit_test(what_was_uncertain_is_free_again),
        cmocka_unit_test(what_the_store_does_not_know_is_free_again),
        cmocka_unit_test(what_the_exchange_had_is_told_by_it),
        cmocka_unit_test(what_was_told_since_is_not_free_twice),
        cmocka_unit_test(what_comes_too_late_rests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
