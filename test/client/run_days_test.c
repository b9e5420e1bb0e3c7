/*
 * quantmesh run on bad days of the exchange: it is overloaded, shuts us out, has
 * another time, tells events before replies, changes the rules, takes money or orders away. After each, orders, fills, position and grid are those
 * of the exchange's log, no two orders were open in one slot, and the log of the
 * instance says what has happened.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "run_host.h"

#define MINUTES 90
#define OF_MARKET "account=binance", "symbol=BTCUSDT"

static QtTrader trader;

/* struck returns how often the first fault has struck. */
static int
struck(void)
{
    return (int) qt_paper_whole(json_array_get(qt_paper_admin(&trader.paper, "GET", "fault", NULL), 0), "struck");
}

/*
 * rests sees that an instance which is told to rest for three seconds sends nothing
 * meanwhile. The first fault delays each request by nearly nothing, and so counts them.
 */
static void
rests(const char *limited)
{
    int64_t told_ms;
    int requests;
    pid_t pid;

    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"delay_before\", \"value\": 1}");
    qt_trader_fault(&trader, limited);
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, "not processed", 1);
    told_ms = qt_paper_now_ms();
    requests = struck();
    while (struck() == requests)
        usleep(5000);
    print_message("%d ms without a request\n", (int) (qt_paper_now_ms() - told_ms));
    assert_true(qt_paper_now_ms() - told_ms >= 2000);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_true(qt_trader_done(&trader, 20).never >= 1);
}

/* Shut out, by an answer to an order. */
static void
a_ban_is_waited_for(void **state)
{
    (void) state;
    rests("{\"kind\": \"limited\", \"endpoint\": \"place\", \"value\": 418, \"count\": 1, \"wait_s\": 3, \"in_ms\": "
          "1200000}");
    assert_int_equal(qt_trader_said(&trader, "not processed", OF_MARKET, "client_order_id=q"), 1);
}

/* Too many requests. */
static void
a_limit_is_waited_for(void **state)
{
    (void) state;
    rests("{\"kind\": \"limited\", \"endpoint\": \"place\", \"count\": 1, \"wait_s\": 3, \"in_ms\": 1200000}");
}

/*
 * Too many orders, for longer than an instance takes to end: no other is sent, and
 * what is open is canceled all the same.
 */
static void
too_many_orders_leave_cancels_alone(void **state)
{
    int64_t told_ms;
    int placed;
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "system: {cancel_on_exit: true}\n");
    qt_trader_fault(&trader,
                    "{\"kind\": \"limited\", \"endpoint\": \"place\", \"code\": -1015, \"wait_s\": 60, \"in_ms\": "
                    "1200000}");
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, "not processed", 1);
    assert_true(json_array_size(qt_paper_ask(&trader.paper, "GET", "/api/v3/openOrders", "symbol=BTCUSDT", true)) > 0);
    told_ms = qt_paper_now_ms();
    placed = struck();
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    print_message("%d ms to cancel and end\n", (int) (qt_paper_now_ms() - told_ms));
    assert_true(qt_paper_now_ms() - told_ms < 20000);
    assert_in_range(struck(), placed, 8); /* those that were under way */
    assert_int_equal(json_array_size(qt_paper_ask(&trader.paper, "GET", "/api/v3/openOrders", "symbol=BTCUSDT", true)),
                     0);
    assert_true(qt_trader_said(&trader, "too many orders in ten seconds: no order for 60000 ms") >= 1);
    assert_true(qt_trader_done(&trader, 5).never >= 1);
}

/* When there may be orders again, the grid goes on. */
static void
too_many_orders_are_waited_for(void **state)
{
    int64_t told_ms;
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader,
                    "{\"kind\": \"limited\", \"endpoint\": \"place\", \"code\": -1015, \"count\": 1, \"wait_s\": 3, "
                    "\"in_ms\": 1200000}");
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, "not processed", 1);
    told_ms = qt_paper_now_ms();
    assert_int_equal(qt_trader_end(pid), 0);
    assert_true(qt_paper_now_ms() - told_ms >= 2500);
    assert_int_equal(qt_trader_said(&trader, "not processed", OF_MARKET, "code=-1015"), 1);
    assert_true(qt_trader_done(&trader, 20).never >= 1);
}

/* Shut out by the answer to a subscription, after the stream was cut: nothing is asked for until that is over. */
static void
a_ban_told_by_the_stream_is_waited_for(void **state)
{
    int64_t heard_ms;
    int64_t told_ms;
    int requests;
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"delay_before\", \"value\": 1}");
    qt_trader_fault(&trader,
                    "{\"kind\": \"limited\", \"endpoint\": \"stream\", \"value\": 418, \"count\": 1, \"wait_s\": 4, "
                    "\"in_ms\": 1200000}");
    qt_trader_fault(&trader, "{\"kind\": \"kill_streams\", \"count\": 1, \"in_ms\": 1260000}");
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, "has shut this address out", 1);
    told_ms = heard_ms = qt_paper_now_ms();
    requests = struck();
    /* What was under way may still come in at first; then there is nothing until the end of the ban. */
    while (qt_paper_now_ms() - heard_ms < 2500)
    {
        if (struck() != requests)
            heard_ms = qt_paper_now_ms();
        requests = struck();
        assert_true(heard_ms - told_ms < 1500);
        usleep(5000);
    }
    assert_int_equal(qt_trader_end(pid), 0);
    (void) qt_trader_done(&trader, 20);
}

/* For a while every request fails, whatever it is. */
static void
an_exchange_that_fails_is_asked_again(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader,
                    "{\"kind\": \"fail_before\", \"value\": 502, \"code\": -1000, \"count\": 6, \"in_ms\": 1200000}");
    qt_trader_fault(&trader,
                    "{\"kind\": \"fail_before\", \"endpoint\": \"open_orders\", \"value\": 500, \"count\": 3}");
    qt_trader_fault(&trader, "{\"kind\": \"fail_after\", \"endpoint\": \"cancel\", \"count\": 2}");
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_said(&trader, " warn ", "not synchronized yet", OF_MARKET, "reason=\"An unknown"), 1);
    (void) qt_trader_done(&trader, 20);
}

/* The exchange's clock jumps, forth and back, each time when an order is the next to leave: it is measured, and all goes on. */
static void
another_clock_is_measured(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "  reconcile_interval: 80000\n");
    qt_trader_fault(&trader, "{\"kind\": \"skew\", \"value\": 20000, \"in_ms\": 1200000, \"for_ms\": 1200000}");
    qt_trader_fault(&trader, "{\"kind\": \"skew\", \"value\": -30000, \"in_ms\": 3600000, \"for_ms\": 600000}");
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_said(&trader, "not processed", OF_MARKET, "client_order_id=q", "code=-1021"), 4);
    assert_int_equal(qt_trader_said(&trader, " warn ", "the exchange's clock is", "account=binance"), 4);
    (void) qt_trader_done(&trader, 20);
}

/* The account's stream is faster than the reply. */
static void
events_come_before_replies(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "system: {cancel_on_exit: true, log_level: debug}\n");
    qt_trader_fault(&trader, "{\"kind\": \"delay_after\", \"value\": 30}");
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_logged(&trader, " warn "), 0);
    (void) qt_trader_done(&trader, 20);
}

/*
 * The filters change while orders are open. A sale of what was bought is too small
 * then, and refused once; so nothing is bought any more that could not be sold. When
 * the exchange takes smaller orders again, the grid goes on.
 */
static void
changed_filters_are_taken_over(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader,
                    "{\"kind\": \"filters\", \"symbol\": \"BTCUSDT\", \"tick\": \"1\", \"notional_min\": \"105\", "
                    "\"in_ms\": 1260000, \"for_ms\": 1740000}");
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_said(&trader, " warn ", "refused", "code=-1013"), 1);
    assert_int_equal(qt_trader_said(&trader, "changed the market's filters", OF_MARKET, "min_notional=105"), 1);
    assert_true(qt_trader_said(&trader, "the grid pauses", OF_MARKET, "minimum") >= 1);
    assert_int_equal(qt_trader_said(&trader, "changed the market's filters", OF_MARKET, "min_notional=5"), 1);
    assert_true(qt_trader_done(&trader, 20).orders >= 38);
}

/* The money is taken away, and comes back: purchases pause as long as there is too little, and nothing is refused. */
static void
without_money_it_waits(void **state)
{
    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader,
                    "{\"kind\": \"adjust\", \"account\": \"main\", \"asset\": \"USDT\", \"amount\": \"-99400\", "
                    "\"in_ms\": 60000}");
    qt_trader_fault(&trader,
                    "{\"kind\": \"adjust\", \"account\": \"main\", \"asset\": \"USDT\", \"amount\": \"99400\", "
                    "\"in_ms\": 3000000}");
    qt_trader_run_to_end(&trader);
    assert_true(qt_trader_said(&trader, "the grid pauses", OF_MARKET, "funds") >= 1);
    assert_int_equal(qt_trader_logged(&trader, "refused"), 0);
    (void) qt_trader_done(&trader, 20);
}

/*
 * The exchange says of every order that the balance is too small, although it is not:
 * purchases pause for margin_lock_duration_seconds each time, a sale waits as long.
 */
static void
what_is_refused_for_want_of_money_waits(void **state)
{
    int refused;

    (void) state;
    qt_trader_start(&trader, MINUTES, "  margin_lock_duration_seconds: 120\n");
    qt_trader_fault(&trader,
                    "{\"kind\": \"fail_before\", \"endpoint\": \"place\", \"value\": 400, \"code\": -2010, "
                    "\"in_ms\": 1200000, \"for_ms\": 1200000}");
    qt_trader_run_to_end(&trader);
    refused = qt_trader_said(&trader, " warn ", "refused", OF_MARKET, "client_order_id=q", "insufficient balance");
    print_message("%d refused in 20 minutes\n", refused);
    assert_in_range(refused, 2, 50);
    assert_true(qt_trader_said(&trader, "the grid pauses", OF_MARKET, "margin") >= 1);
    assert_int_equal(qt_trader_done(&trader, 20).never, qt_trader_logged(&trader, " refused "));
}

/* The exchange ends all open orders of the market. */
static void
what_the_exchange_ends_is_placed_anew(void **state)
{
    int ended;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"cancel_orders\", \"in_ms\": 1200000}");
    qt_trader_fault(&trader, "{\"kind\": \"cancel_orders\", \"in_ms\": 2400000}");
    qt_trader_run_to_end(&trader);
    ended = qt_trader_said(&trader, " warn ", "the exchange has ended an order", OF_MARKET, "client_order_id=q");
    assert_true(ended >= 10);
    (void) qt_trader_done(&trader, 20);
    assert_int_equal(qt_trader_audited(&trader, "\"end\"", "\"EXPIRED\""), ended);
}

/* Somebody cancels orders of ours by hand, at the exchange: the log tells which, and they are placed anew. */
static void
what_somebody_else_cancels_is_told(void **state)
{
    json_t *open;
    char path[256];
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    pid = qt_trader_run(&trader);
    qt_trader_until_step(&trader, 80);
    open = qt_paper_ask(&trader.paper, "GET", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    assert_true(json_array_size(open) > 0);
    snprintf(path,
             sizeof(path),
             "cancel?symbol=BTCUSDT&by=account&origClientOrderId=%s",
             qt_paper_text(json_array_get(open, 0), "clientOrderId"));
    (void) qt_paper_admin(&trader.paper, "POST", path, NULL);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_int_equal(qt_trader_said(&trader,
                                    " warn ",
                                    "somebody else has canceled an order",
                                    OF_MARKET,
                                    strstr(path, "Id=q") + strlen("Id=")),
                     trader.paper.status == 200);
    (void) qt_trader_done(&trader, 20);
}

/* The exchange never had an order whose reply was lost, and the process was killed before it could find out: the next one does. */
static void
absence_is_proved_by_the_next_process(void **state)
{
    QtAgreement agreement;
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"place\", \"count\": 1, \"in_ms\": 1200000}");
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, "the reply was lost", 1);
    kill(pid, SIGKILL);
    assert_int_equal(qt_trader_end(pid), 128 + SIGKILL);
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_said(&trader, " warn ", "an order was never accepted", OF_MARKET, "order="), 1);
    agreement = qt_trader_done(&trader, 20);
    assert_int_equal(agreement.never, 1);
    assert_int_equal(agreement.absent, 1);
}

/* What falls on high volume is not bought, until it has recovered. */
static void
a_loud_fall_stops_the_buying(void **state)
{
    (void) state;
    qt_trader_start(&trader,
                    MINUTES,
                    "risk_control: {enabled: true, monitor_symbols: [BTCUSDT], average_window: 5, volume_multiplier: "
                    "3, "
                    "recovery_threshold: 1}\n");
    qt_trader_run_to_end(&trader);
    assert_true(qt_trader_said(&trader, "the grid pauses", OF_MARKET, "why=risk_control") >= 2);
    assert_true(qt_trader_logged(&trader, "the grid goes on") >= 3);
    (void) qt_trader_done(&trader, 5);
}

/* Where one of the symbols that have to fall together is not there nothing would ever stop the buying: nothing is bought. */
static void
a_monitored_symbol_that_is_not_there_ends_it(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, MINUTES, "risk_control: {enabled: true, monitor_symbols: [BTCUSDT, BTCUSDC]}\n");
    pid = qt_trader_run(&trader);
    assert_int_equal(qt_trader_end(pid), QM_EXIT_NOT_FOUND);
    assert_int_equal(qt_trader_said(&trader, "does not know these markets", "or=risk_control.monitor_symbols"), 1);
    assert_int_equal(qt_trader_logged(&trader, "info  order "), 0);
    qt_trader_stop(&trader);
}

/* What falls slowly is not bought either where the trend is looked at, although nothing is monitored. */
static void
a_falling_trend_stops_the_buying(void **state)
{
    (void) state;
    qt_trader_start(&trader,
                    MINUTES,
                    "  grid_risk_control: {enabled: true, trend_filter_enabled: true}\n"
                    "risk_control: {average_window: 8}\n");
    qt_trader_run_to_end(&trader);
    assert_true(qt_trader_said(&trader, "the grid pauses", OF_MARKET, "trend") >= 2);
    assert_true(qt_trader_logged(&trader, "the grid goes on") >= 2);
    (void) qt_trader_done(&trader, 5);
}

/* Reports of an account are held back until all of its markets are synchronized: so long none of them places what its grid wishes. */
static void
a_market_waits_for_the_others_of_its_account(void **state)
{
    pid_t pid;

    (void) state;
    qt_trader_start_live(&trader,
                         600,
                         100,
                         "  symbols: [{symbol: BTCUSDT}, {symbol: ETHUSDT}]\nsystem: {log_level: debug}\n");
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"open_orders\", \"symbol\": \"ETHUSDT\"}");
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, "not synchronized yet", 5);
    assert_int_equal(qt_trader_said(&trader, "not synchronized yet", OF_MARKET), 0);
    assert_int_equal(qt_trader_said(&trader, "info  order ", OF_MARKET), 0);
    (void) qt_paper_admin(&trader.paper, "DELETE", "fault", NULL);
    qt_trader_until_said(&trader, " fill ", 2);
    assert_true(qt_trader_said(&trader, "info  order ", OF_MARKET) > 0);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    qt_trader_stop(&trader);
}

/* At its end an instance sells what it has bought, and leaves alone what others have, and have ordered. */
static void
at_the_end_it_closes_its_own_position(void **state)
{
    QtAgreement agreement;
    json_t *open;
    pid_t pid;

    (void) state;
    qt_trader_start(&trader, 1000, "system: {cancel_on_exit: true, close_positions_on_exit: true}\n");
    (void) qt_paper_admin(&trader.paper, "POST", "balance?account=main&asset=BTC&amount=2", NULL);
    (void) qt_paper_admin(&trader.paper,
                          "POST",
                          "order?account=main&symbol=BTCUSDT&side=SELL&type=LIMIT&price=40000&quantity=0.5&timeInForce="
                          "GTC",
                          NULL);
    assert_int_equal(trader.paper.status, 200);
    pid = qt_trader_run(&trader);
    qt_trader_until_step(&trader, 200);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    open = qt_paper_ask(&trader.paper, "GET", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    assert_int_equal(json_array_size(open), 1);
    assert_string_equal(qt_paper_text(json_array_get(open, 0), "price"), "40000.00000000");
    agreement = qt_trader_done(&trader, 20);
    assert_true(atof(agreement.position) >= 0 && atof(agreement.position) < 0.0005);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ban_is_waited_for),
        cmocka_unit_test(a_limit_is_waited_for),
        cmocka_unit_test(too_many_orders_leave_cancels_alone),
        cmocka_unit_test(too_many_orders_are_waited_for),
        cmocka_unit_test(a_ban_told_by_the_stream_is_waited_for),
        cmocka_unit_test(an_exchange_that_fails_is_asked_again),
        cmocka_unit_test(another_clock_is_measured),
        cmocka_unit_test(events_come_before_replies),
        cmocka_unit_test(changed_filters_are_taken_over),
        cmocka_unit_test(without_money_it_waits),
        cmocka_unit_test(what_is_refused_for_want_of_money_waits),
        cmocka_unit_test(what_the_exchange_ends_is_placed_anew),
        cmocka_unit_test(what_somebody_else_cancels_is_told),
        cmocka_unit_test(absence_is_proved_by_the_next_process),
        cmocka_unit_test(a_loud_fall_stops_the_buying),
        cmocka_unit_test(a_monitored_symbol_that_is_not_there_ends_it),
        cmocka_unit_test(a_falling_trend_stops_the_buying),
        cmocka_unit_test(a_market_waits_for_the_others_of_its_account),
        cmocka_unit_test(at_the_end_it_closes_its_own_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
