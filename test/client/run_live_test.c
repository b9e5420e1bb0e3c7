/*
 * quantmesh run on bad days of an exchange that does not wait for it: the account's
 * stream is there and says nothing, orders cannot be seen for a while after they were
 * taken, the market is halted, prices are not heard. After each, what is here and what is in the exchange's
 * log are the same.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "proxy.h"
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

/* orders_between counts the orders with a text in their line that left between two lines of the log, which must be there. */
static int
orders_between(const char *begin, const char *end, const char *text)
{
    FILE *file = fopen(trader.log, "r");
    char line[16384];
    int ends = 0; /* of the two lines, that were read */
    int count = 0;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
    {
        ends += ends < 2 && strstr(line, ends == 0 ? begin : end) != NULL;
        count += ends == 1 && strstr(line, " order account=") != NULL && strstr(line, text) != NULL;
    }
    fclose(file);
    assert_int_equal(ends, 2);
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
    assert_int_equal(orders_between("has halted the market", "the market goes on", ""), 0);
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

/* occupy takes the one link that a proxy relays, once the link that it has is cut: nobody else comes through then. */
static int
occupy(const QtProxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t) proxy->port)};
    int link = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(link, (struct sockaddr *) &address, sizeof(address)), 0);
    return link;
}

/*
 * Prices are not heard for a whole wave of the market, while reports are and orders
 * could leave: what is sold is not bought again at a price of long ago. It is bought
 * again when there are prices, and the log has told all that.
 */
static void
without_prices_nothing_is_bought(void **state)
{
    QtProxy proxy;
    pid_t pid;
    int link;

    (void) state;
    qt_trader_start_live(&trader, 90, 150, CANCEL_ON_EXIT);
    qt_proxy_start(&proxy, atoi(strrchr(trader.paper.url, ':') + 1));
    snprintf(trader.prices, sizeof(trader.prices), "ws://127.0.0.1:%d", proxy.port);
    pid = qt_trader_run(&trader);
    qt_trader_until_step(&trader, 40);
    link = occupy(&proxy);
    qt_proxy_arm(&proxy, QT_REPLY, 0, QT_CLOSE);
    qt_trader_until_said(&trader, "prices are not heard", 1);
    qt_trader_until_step(&trader, 40 + 28 * 4);
    close(link);
    qt_trader_until_said(&trader, "prices are heard", 2);
    end_live(pid);
    qt_proxy_stop(&proxy);
    assert_int_equal(orders_between("prices are not heard", "prices are heard", "side=buy"), 0);
    assert_true(orders_between("prices are not heard", "prices are heard", "side=sell") > 0);
    assert_true(orders_between("the grid goes on", "stopping", "side=buy") > 0);
    assert_int_equal(qt_trader_said(&trader, "the grid pauses", OF_MARKET, "why=silence"), 1);
    assert_true(qt_trader_said(&trader, " warn ", "prices are not heard", "account=binance", "stop loss") >= 1);
    (void) qt_trader_done(&trader, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_halted_market_is_waited_for),
        cmocka_unit_test(a_silent_stream_is_noticed),
        cmocka_unit_test(an_order_that_is_shown_late_is_waited_for),
        cmocka_unit_test(without_prices_nothing_is_bought),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
