/*
 * quantmesh run, standalone, at a paper exchange that it follows step by step: after
 * good days and bad ones, every order, every fill and the position in its store are
 * those of the exchange's log, and no two orders were open in one slot.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "run_host.h"

#define MINUTES 90
#define CANCEL_ON_EXIT "system: {cancel_on_exit: true}\n"

static QtTrader trader;

/* A quiet day, twice: nothing is lost, nothing is in doubt, and both are the same. */
static void
a_quiet_day_is_the_same_twice(void **state)
{
    QtAgreement first;
    QtAgreement second;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_logged(&trader, " warn "), 0);
    first = qt_trader_done(&trader, 20);
    assert_int_equal(first.never, 0);
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_run_to_end(&trader);
    second = qt_trader_done(&trader, 20);
    assert_int_equal(first.orders, second.orders);
    assert_int_equal(first.fills, second.fills);
    assert_string_equal(first.position, second.position);
}

/* Replies are lost after the exchange has accepted the order, and before: the first are found, the second end. */
static void
lost_replies_are_asked_for(void **state)
{
    QtAgreement agreement;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"drop_reply\", \"endpoint\": \"place\", \"probability\": \"0.2\"}");
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"place\", \"count\": 2}");
    qt_trader_fault(&trader, "{\"kind\": \"fail_after\", \"endpoint\": \"place\", \"count\": 2}");
    qt_trader_run_to_end(&trader);
    assert_true(qt_trader_logged(&trader, "the reply was lost") >= 4);
    agreement = qt_trader_done(&trader, 20);
    assert_int_equal(agreement.never, 2);
    assert_int_equal(agreement.absent, 2);
    assert_int_equal(qt_trader_logged(&trader, "an order was never accepted"), 2);
}

/* Too many requests: nothing was done, so the order is withdrawn, with those that wait behind it, and wished for again later. */
static void
what_was_not_processed_is_withdrawn(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"limited\", \"endpoint\": \"place\", \"count\": 3, \"wait_s\": 1}");
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_logged(&trader, "not processed"), 3);
    assert_true(qt_trader_done(&trader, 20).never >= 3);
}

/* Reports are dropped, doubled and delayed, cancels lose their replies: the comparison finds what was not heard. */
static void
reports_that_are_not_heard_are_found(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, CANCEL_ON_EXIT);
    qt_trader_fault(&trader, "{\"kind\": \"event_drop\", \"probability\": \"0.2\"}");
    qt_trader_fault(&trader, "{\"kind\": \"event_duplicate\", \"probability\": \"0.2\"}");
    qt_trader_fault(&trader, "{\"kind\": \"event_reorder\", \"probability\": \"0.1\"}");
    qt_trader_fault(&trader, "{\"kind\": \"drop_reply\", \"endpoint\": \"cancel\", \"probability\": \"0.3\"}");
    qt_trader_run_to_end(&trader);
    (void) qt_trader_done(&trader, 20);
}

/* The account's stream is cut again and again. */
static void
a_stream_that_is_cut_is_made_good(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    pid = qt_trader_run(&trader);
    for (int i = 1; i <= 4; i++)
    {
        qt_trader_until_step(&trader, i * 60);
        (void) qt_paper_admin(&trader.paper, "POST", i % 2 == 0 ? "kill?expire=true" : "kill", NULL);
    }
    assert_int_equal(qt_trader_end(pid), 0);
    assert_true(qt_trader_logged(&trader, "reports are not heard") >= 2);
    (void) qt_trader_done(&trader, 20);
}

/* The instance is killed without a word, at moments that nobody has chosen, and started anew. */
static void
killed_and_started_anew(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"drop_reply\", \"endpoint\": \"place\", \"probability\": \"0.1\"}");
    for (int i = 1; i <= 8; i++)
    {
        pid_t pid = qt_trader_run(&trader);

        qt_trader_until_step(&trader, i * 37);
        kill(pid, SIGKILL);
        assert_int_equal(qt_trader_end(pid), 128 + SIGKILL);
    }
    qt_trader_run_to_end(&trader);
    assert_int_equal(trader.runs, 9);
    (void) qt_trader_done(&trader, 20);
}

/* SIGTERM ends it cleanly: its own orders are cancelled, that of somebody else in the account is not. */
static void
stopped_it_cancels_only_its_own(void **state)
{
    json_t *open;
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, 1000, CANCEL_ON_EXIT);
    (void) qt_paper_admin(&trader.paper,
                          "POST",
                          "order?account=main&symbol=BTCUSDT&side=BUY&type=LIMIT&price=20000&quantity=0.01&timeInForce="
                          "GTC",
                          NULL);
    assert_int_equal(trader.paper.status, 200);
    pid = qt_trader_run(&trader);
    qt_trader_until_step(&trader, 200);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    open = qt_paper_ask(&trader.paper, "GET", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    assert_int_equal(trader.paper.status, 200);
    assert_int_equal(json_array_size(open), 1);
    assert_string_equal(qt_paper_text(json_array_get(open, 0), "price"), "20000.00000000");
    qt_trader_stop(&trader);
}

/* What a user can get wrong is said, with the exit code that docs/program.md lists. */
static void
what_cannot_run_says_why(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, 10, "web: {port: many}\n");
    pid = qt_trader_run(&trader);
    assert_int_equal(qt_trader_end(pid), 5);
    assert_int_equal(qt_trader_logged(&trader, "web.port"), 1);
    qt_trader_stop(&trader);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_day_is_the_same_twice),
        cmocka_unit_test(lost_replies_are_asked_for),
        cmocka_unit_test(what_was_not_processed_is_withdrawn),
        cmocka_unit_test(reports_that_are_not_heard_are_found),
        cmocka_unit_test(a_stream_that_is_cut_is_made_good),
        cmocka_unit_test(killed_and_started_anew),
        cmocka_unit_test(stopped_it_cancels_only_its_own),
        cmocka_unit_test(what_cannot_run_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
