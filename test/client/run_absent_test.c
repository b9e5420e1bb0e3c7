/*
 * quantmesh run beside an order that it did not send: recorded long ago, given to its
 * sender a moment before the instance came. That the exchange does not have it proves
 * nothing while the sender may still send it, and little for a while after that.
 */
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "run.h"
#include "run_host.h"
#include "store.h"

#define MINUTES 60
#define WAIT_MS 30000
#define HOUR_US "3600000000"
#define OF_MARKET "account=binance", "symbol=BTCUSDT"

/* What has to pass before an order counts as absent at an exchange that is followed: client/run_open.c. */
#define RECEIVE_US INT64_C(5000000) /* the exchange's receive window */
#define ACCEPT_US INT64_C(500000)   /* the lag of one that is followed */
#define PROOFS_US INT64_C(2000000)  /* three answers, a second apart */

static QtTrader trader;

/* number returns the number that a question to the instance's file has as its answer. */
static int64_t
number(const char *question)
{
    sqlite3 *file;
    sqlite3_stmt *statement;
    int64_t answer;

    assert_int_equal(sqlite3_open_v2(trader.store, &file, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(file, 10000), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(file, question, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(file);
    return answer;
}

/*
 * claimed_late has an instance make its file and end, and somebody else's order in it that
 * was recorded an hour ago. The end is a clean one: a kill can leave an order of its own
 * recorded and not sent, which would be proved absent as well.
 */
static QmPlacement
claimed_late(void)
{
    const QmOrder order = {.symbol = "BTCUSDT",
                           .side = "buy",
                           .price = "20000",
                           .quantity = "0.01",
                           .strategy = "other",
                           .post_only = true};
    const QmStoreOptions options = {.path = trader.store};
    QmPlacement placement;
    QmStore *store;
    QmError error;
    pid_t pid;

    qt_trader_start(&trader, MINUTES, "");
    qt_trader_fault(&trader, "{\"kind\": \"delay_before\", \"endpoint\": \"query\", \"value\": 1}");
    pid = qt_trader_run(&trader);
    qt_trader_until_step(&trader, 40);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_ok(qm_store_open(&options, &store, &error), &error);
    assert_ok(store->functions->place_order(store, "binance", &order, NULL, &placement),
              store->functions->error(store));
    assert_int_equal(placement.outcome, QM_PLACED);
    store->functions->close(store);
    assert_int_equal(number("UPDATE orders SET created_at = created_at - " HOUR_US
                            " WHERE strategy = 'other' RETURNING state = 'submitted'"),
                     1);
    return placement;
}

/* asked returns how often the exchange was asked for an order. */
static int
asked(void)
{
    return (int) qt_paper_whole(json_array_get(qt_paper_admin(&trader.paper, "GET", "fault", NULL), 0), "struck");
}

/* until_asked waits until the exchange was asked so often. */
static void
until_asked(int count)
{
    for (int waited = 0; waited < WAIT_MS; waited += 5)
    {
        if (asked() >= count)
            return;
        usleep(5000);
    }
    qt_fail("the exchange is asked %d times, not %d", asked(), count);
}

/* Its sender sends it, in time, after the exchange has said more often than would prove its absence that it is not there. */
static void
what_may_still_be_sent_is_waited_for(void **state)
{
    QmPlacement placement;
    char order[512];
    int before;
    pid_t pid;

    (void) state;
    placement = claimed_late();
    before = asked();
    pid = qt_trader_run(&trader);
    until_asked(before + QM_RUN_ABSENT_ENOUGH + 1);
    assert_int_equal(number("SELECT count(*) FROM orders WHERE strategy = 'other' AND state = 'submitted'"), 1);
    snprintf(order,
             sizeof(order),
             "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&price=20000&quantity=0.01&newClientOrderId=%s",
             placement.client_order_id);
    (void) qt_paper_ask(&trader.paper, "POST", "/api/v3/order", order, true);
    assert_int_equal(trader.paper.status, 200);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_int_equal(qt_trader_logged(&trader, "never accepted"), 0);
    assert_int_equal(number("SELECT count(*) FROM orders WHERE strategy = 'other' AND state = 'open'"), 1);
    assert_int_equal(number("SELECT count(*) FROM discrepancy WHERE code = 'REVIVED'"), 0);
    (void) qt_trader_done(&trader, 5);
}

/* Its sender never sends it: the proof begins when the exchange could have it for the last time, and its answers lie apart. */
static void
what_is_not_sent_is_proved_absent_later(void **state)
{
    (void) state;
    (void) claimed_late();
    qt_trader_run_to_end(&trader);
    assert_int_equal(qt_trader_said(&trader, " warn ", "an order was never accepted", OF_MARKET, "order="), 1);
    assert_int_equal(qt_trader_done(&trader, 5).absent, 1);
    assert_true(number("SELECT ended_at - send_before FROM orders WHERE strategy = 'other'") >=
                RECEIVE_US + ACCEPT_US + PROOFS_US);
}

/* The store refuses to take it for absent, whose clock is behind here for a while: the exchange is asked again. */
static void
what_is_not_absent_by_the_stores_clock_is_asked_for_again(void **state)
{
    int before;
    pid_t pid;

    (void) state;
    (void) claimed_late();
    before = asked();
    pid = qt_trader_run(&trader);
    until_asked(before + 2);
    (void) number("UPDATE orders SET send_before = send_before + " HOUR_US " WHERE strategy = 'other' RETURNING 1");
    qt_trader_until_said(&trader, "is not absent yet by the store's clock", 1);
    assert_int_equal(number("SELECT count(*) FROM orders WHERE strategy = 'other' AND state = 'unknown'"), 1);
    (void) number("UPDATE orders SET send_before = send_before - " HOUR_US " WHERE strategy = 'other' RETURNING 1");
    assert_int_equal(qt_trader_end(pid), 0);
    assert_int_equal(qt_trader_said(&trader, " warn ", "an order was never accepted", OF_MARKET, "order="), 1);
    assert_int_equal(qt_trader_done(&trader, 5).absent, 1);
}

/* It is given to a sender once more while it is asked for: what was answered by then proves nothing, and its time begins anew. */
static void
what_is_claimed_anew_is_waited_for_anew(void **state)
{
    int before;
    pid_t pid;

    (void) state;
    (void) claimed_late();
    before = asked();
    pid = qt_trader_run(&trader);
    until_asked(before + 2);
    (void) number("UPDATE orders SET fence = fence + 1, send_before = send_before + 6000000"
                  " WHERE strategy = 'other' RETURNING 1");
    assert_int_equal(qt_trader_end(pid), 0);
    assert_int_equal(qt_trader_said(&trader, " warn ", "an order was never accepted", OF_MARKET, "order="), 1);
    assert_int_equal(qt_trader_done(&trader, 5).absent, 1);
    assert_true(number("SELECT ended_at - send_before FROM orders WHERE strategy = 'other'") >=
                RECEIVE_US + ACCEPT_US + PROOFS_US);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_still_be_sent_is_waited_for),
        cmocka_unit_test(what_is_not_sent_is_proved_absent_later),
        cmocka_unit_test(what_is_not_absent_by_the_stores_clock_is_asked_for_again),
        cmocka_unit_test(what_is_claimed_anew_is_waited_for_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
