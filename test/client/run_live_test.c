/*
 * quantmesh run on bad days of an exchange that does not wait for it: the account's
 * stream is there and says nothing, orders cannot be seen for a while after they were
 * taken, the market is halted. After each, what is here and what is in the exchange's
 * log are the same.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "run_host.h"

#define CANCEL_ON_EXIT "system: {cancel_on_exit: true}\n"
#define OF_MARKET "account=binance", "symbol=BTCUSDT"

static QtTrader trader;

/* end_live waits for the end of a live exchange's data, and stops the instance: it cancels its orders, and so hears of all. */
static void
end_live(pid_t pid)
{
    qt_trader_until_step(&trader, INT32_MAX);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
}

/* orders_while_halted counts the orders that left between the two lines that say that the market is halted, and goes on. */
static int
orders_while_halted(void)
{
    FILE *file = fopen(trader.log, "r");
    char line[16384];
    bool halted = false;
    int changes = 0;
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
    {
        bool now = halted ? strstr(line, "the market goes on") == NULL : strstr(line, "has halted the market") != NULL;

        changes += now != halted;
        halted = now;
        count += halted && strstr(line, " order account=") != NULL;
    }
    fclose(file);
    assert_int_equal(changes, 2);
    return count;
}

/*
 * The market is halted for ten minutes, and all orders are ended: the first new one
 * is refused, then the exchange is asked for the market's status, and no order
 * leaves until it goes on.
 */
static void
a_halted_market_is_waited_for(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start_live(&trader, 60, 150, CANCEL_ON_EXIT);
    qt_trader_fault(&trader, "{\"kind\": \"halt\", \"symbol\": \"BTCUSDT\", \"in_ms\": 1200000, \"for_ms\": 600000}");
    qt_trader_fault(&trader, "{\"kind\": \"cancel_orders\", \"in_ms\": 1200000}");
    pid = qt_trader_run(&trader);
    end_live(pid);
    assert_int_equal(orders_while_halted(), 0);
    assert_int_equal(qt_trader_said(&trader, " warn ", "halted the market", OF_MARKET, "status=HALT"), 1);
    assert_in_range(qt_trader_said(&trader, " warn ", "refused", OF_MARKET, "client_order_id=q"), 1, 32);
    (void) qt_trader_done(&trader, 5);
}

/*
 * The account's stream is connected and says nothing, while prices are heard: no pong
 * comes, so it is connected anew, and what has happened meanwhile is asked for.
 */
static void
a_silent_stream_is_noticed(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start_live(&trader, 60, 180, "timing: {websocket_pong_wait: 3}\n" CANCEL_ON_EXIT);
    pid = qt_trader_run(&trader);
    qt_trader_until_step(&trader, 40);
    (void) qt_paper_admin(&trader.paper, "POST", "kill?account=main&how=silent", NULL);
    assert_int_equal(trader.paper.status, 200);
    qt_trader_until_said(&trader, "reports are heard", 2);
    assert_false(json_is_true(json_object_get(qt_paper_admin(&trader.paper, "GET", "state", NULL), "ended")));
    end_live(pid);
    assert_int_equal(qt_trader_said(&trader, " warn ", "reports are not heard", "account=binance", "silent"), 1);
    assert_int_equal(qt_trader_logged(&trader, "prices are not heard"), 0);
    (void) qt_trader_done(&trader, 5);
}

/* Replies are lost, and the exchange does not show what it has taken for two seconds: nothing is concluded from that. */
static void
an_order_that_is_shown_late_is_waited_for(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start_live(&trader, 60, 180, "system: {cancel_on_exit: true, log_level: debug}\n");
    qt_trader_fault(&trader, "{\"kind\": \"lag\", \"value\": 360000}");
    qt_trader_fault(&trader, "{\"kind\": \"event_delay\", \"value\": 1500, \"probability\": \"0.5\"}");
    qt_trader_fault(&trader, "{\"kind\": \"drop_reply\", \"endpoint\": \"place\", \"count\": 6}");
    pid = qt_trader_run(&trader);
    end_live(pid);
    assert_int_equal(qt_trader_said(&trader, " warn ", "the reply was lost", OF_MARKET, "client_order_id=q"), 6);
    assert_int_equal(qt_trader_logged(&trader, "never accepted"), 0);
    assert_int_equal(qt_trader_done(&trader, 5).never, qt_trader_logged(&trader, " refused "));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_halted_market_is_waited_for),
        cmocka_unit_test(a_silent_stream_is_noticed),
        cmocka_unit_test(an_order_that_is_shown_late_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
