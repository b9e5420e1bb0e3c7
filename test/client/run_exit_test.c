/*
 * quantmesh run at its end. Orders cannot be placed and are to be canceled all the same:
 * the store's disk fails, the account's stream is down, the key is refused. Cancels
 * leave, those of others stay, and the next start books what could not be booked. What
 * may have been missed is asked for before the grid's last state is saved.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "run_host.h"

#define CANCEL_ON_EXIT "system: {cancel_on_exit: true}\n"
#define OF_MARKET "account=binance", "symbol=BTCUSDT"
#define OTHERS_PRICE "20000.00000000"

static QtTrader trader;

/* A run whose store cannot be written any more once fail_disk was called; its log comes by a pipe, which no disk keeps up. */
typedef struct Doomed
{
    pid_t pid;
    pid_t log_pid;
} Doomed;

/* start_doomed starts it. SIGXFSZ would end what writes beyond a limit. */
static Doomed
start_doomed(void)
{
    Doomed doomed;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    doomed.log_pid = fork();
    if (doomed.log_pid == 0)
    {
        close(ends[1]);
        if (dup2(ends[0], STDIN_FILENO) >= 0 && freopen(trader.log, "a", stdout) != NULL)
            execlp("cat", "cat", "-u", (char *) NULL);
        _exit(127);
    }
    doomed.pid = fork();
    if (doomed.pid == 0)
    {
        signal(SIGXFSZ, SIG_IGN);
        dup2(ends[1], STDERR_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(getenv("QM_TEST_PROGRAM"), "quantmesh", "run", trader.config, "--paper", trader.paper.url, (char *) NULL);
        _exit(127);
    }
    close(ends[0]);
    close(ends[1]);
    assert_true(doomed.pid > 0 && doomed.log_pid > 0);
    trader.runs++;
    return doomed;
}

static void
fail_disk(const Doomed *doomed)
{
    const struct rlimit none = {0, 0};

    assert_int_equal(prlimit(doomed->pid, RLIMIT_FSIZE, &none, NULL), 0);
}

/* end_doomed waits for its end, and for that of its log. */
static int
end_doomed(const Doomed *doomed)
{
    int status = qt_trader_end(doomed->pid);

    assert_int_equal(qt_trader_end(doomed->log_pid), 0);
    return status;
}

/* place_others places an order that is not ours. */
static void
place_others(void)
{
    (void) qt_paper_admin(&trader.paper,
                          "POST",
                          "order?account=main&symbol=BTCUSDT&side=BUY&type=LIMIT&price=20000&quantity=0.01&timeInForce="
                          "GTC",
                          NULL);
    assert_int_equal(trader.paper.status, 200);
}

/* open_orders returns how many orders are open at the exchange, of which that of others must be one. */
static size_t
open_orders(void)
{
    json_t *open = qt_paper_ask(&trader.paper, "GET", "/api/v3/openOrders", "symbol=BTCUSDT", true);
    int others = 0;

    assert_int_equal(trader.paper.status, 200);
    for (size_t i = 0; i < json_array_size(open); i++)
        others += strcmp(qt_paper_text(json_array_get(open, i), "price"), OTHERS_PRICE) == 0;
    assert_int_equal(others, 1);
    return json_array_size(open);
}

/* start_trading starts a live market and waits for an instance that trades in it. */
static pid_t
start_trading(const char *more_config)
{
    pid_t pid;

    qt_trader_start_live(&trader, 600, 100, more_config);
    place_others();
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, " fill ", 2);
    return pid;
}

/* lose_store starts a live market and a run that trades in it, takes its disk away, and waits until it has noticed so often. */
static Doomed
lose_store(int times)
{
    Doomed doomed;

    qt_trader_start_live(&trader, 600, 100, CANCEL_ON_EXIT);
    place_others();
    doomed = start_doomed();
    qt_trader_until_said(&trader, " fill ", 2);
    fail_disk(&doomed);
    qt_trader_until_said(&trader, "the store is gone", times);
    return doomed;
}

/* cut_stream cuts the account's stream, which cannot be subscribed again; prices and REST go on. */
static void
cut_stream(void)
{
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"stream\"}");
    (void) qt_paper_admin(&trader.paper, "POST", "kill?account=main", NULL);
    assert_int_equal(trader.paper.status, 200);
    qt_trader_until_said(&trader, "reports are not heard", 1);
}

/* book_the_rest starts an instance that finds what an earlier one could not book, and ends it. */
static void
book_the_rest(void)
{
    int synchronized = qt_trader_logged(&trader, "synchronized");
    pid_t pid = qt_trader_run(&trader);

    qt_trader_until_said(&trader, "synchronized", synchronized + 1);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
}

/*
 * The store cannot be written. Told to stop, the instance cancels what it knows of at
 * the exchange, once, and says what it could not book; the next start books it.
 */
static void
without_a_store_orders_are_canceled(void **state)
{
    Doomed doomed;
    int canceled;

    (void) state;
    doomed = lose_store(1);
    assert_true(open_orders() > 1);
    kill(doomed.pid, SIGTERM);
    assert_int_equal(end_doomed(&doomed), 1);
    assert_int_equal(open_orders(), 1);
    canceled = qt_trader_said(&trader, " warn ", "canceled at the exchange, and not booked", OF_MARKET, "order=");
    print_message("%d canceled and not booked\n", canceled);
    assert_true(canceled >= 1);
    assert_int_equal(qt_trader_logged(&trader, "cancel, which cannot be recorded"), canceled);
    assert_int_equal(qt_trader_said(&trader, " warn ", "not everything", "unbooked="), 1);
    book_the_rest();
    assert_int_equal(open_orders(), 1);
    (void) qt_trader_done(&trader, 2);
}

/* gone_at returns when the log said for the number-th time that the store is gone, in milliseconds of its day. */
static int64_t
gone_at(int number)
{
    FILE *file = fopen(trader.log, "r");
    char line[8192];
    int64_t at = -1;

    assert_non_null(file);
    while (number > 0 && fgets(line, sizeof(line), file) != NULL)
    {
        int hours, minutes, seconds, ms;

        if (strstr(line, "the store is gone") == NULL || --number > 0)
            continue;
        assert_int_equal(sscanf(line, "%*10cT%d:%d:%d.%dZ", &hours, &minutes, &seconds, &ms), 4);
        at = (((int64_t) hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
    }
    fclose(file);
    assert_true(at >= 0);
    return at;
}

/* A disk that is full can be read: what seems to be back is gone with the next write, and is asked less and less often. */
static void
a_store_that_comes_and_goes_is_asked_less_often(void **state)
{
    const int64_t day_ms = 86400000;
    Doomed doomed;

    (void) state;
    doomed = lose_store(6);
    assert_true((gone_at(6) - gone_at(5) + day_ms) % day_ms >= 3200);
    kill(doomed.pid, SIGTERM);
    assert_int_equal(end_doomed(&doomed), 1);
    assert_int_equal(open_orders(), 1);
    qt_trader_stop(&trader);
}

/* The replies to cancels are lost, too: the exchange is asked before another is sent. */
static void
without_a_store_lost_replies_are_asked_for(void **state)
{
    Doomed doomed;

    (void) state;
    doomed = lose_store(1);
    qt_trader_fault(&trader, "{\"kind\": \"drop_reply\", \"endpoint\": \"cancel\", \"count\": 3}");
    kill(doomed.pid, SIGTERM);
    assert_int_equal(end_doomed(&doomed), 1);
    assert_int_equal(open_orders(), 1);
    assert_true(qt_trader_said(&trader, "not canceled, the exchange is asked", OF_MARKET) >= 3);
    book_the_rest();
    (void) qt_trader_done(&trader, 2);
}

/* The account's stream is down for good, and REST works. At the end all orders are canceled and booked. */
static void
without_reports_orders_are_canceled_at_the_end(void **state)
{
    pid_t pid;

    (void) state;
    pid = start_trading(CANCEL_ON_EXIT);
    cut_stream();
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_int_equal(open_orders(), 1);
    assert_int_equal(qt_trader_logged(&trader, "reports are heard"), 1);
    (void) qt_trader_done(&trader, 2);
}

/* The exchange refuses the key for orders, but not for cancels: they are canceled before the instance ends. */
static void
a_key_that_places_nothing_cancels(void **state)
{
    pid_t pid;

    (void) state;
    pid = start_trading(CANCEL_ON_EXIT);
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"place\", \"value\": 401, \"code\": -2015}");
    assert_int_equal(qt_trader_end(pid), 9);
    assert_int_equal(open_orders(), 1);
    assert_int_equal(qt_trader_logged(&trader, "left open"), 0);
    (void) qt_trader_done(&trader, 2);
}

/* The key is refused for cancels, too: they are tried, a few times, and the log tells which orders are left. */
static void
a_key_that_does_nothing_tells_what_is_left(void **state)
{
    size_t left;
    pid_t pid;

    (void) state;
    pid = start_trading(CANCEL_ON_EXIT);
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"cancel\", \"value\": 401, \"code\": -2015}");
    qt_trader_fault(&trader, "{\"kind\": \"fail_before\", \"endpoint\": \"place\", \"value\": 401, \"code\": -2015}");
    assert_int_equal(qt_trader_end(pid), 9);
    left = open_orders() - 1;
    assert_true(left > 0);
    assert_true((size_t) qt_trader_said(&trader, " warn ", "left open", OF_MARKET, "client_order_id=q") >= left);
    qt_trader_stop(&trader);
}

/* A ban holds back cancels as well. */
static void
a_ban_holds_cancels_back(void **state)
{
    pid_t pid;

    (void) state;
    pid = start_trading(CANCEL_ON_EXIT);
    qt_trader_fault(&trader, "{\"kind\": \"limited\", \"value\": 418, \"count\": 1, \"wait_s\": 120}");
    qt_trader_until_said(&trader, "has shut this address out", 1);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 1);
    assert_true(open_orders() > 1);
    assert_true(qt_trader_logged(&trader, "left open") >= 1);
    qt_trader_stop(&trader);
    assert_int_equal(qt_trader_audited(&trader, "\"end\"", "\"CANCELED\""), 0);
}

/* start_missing starts an instance that has missed reports, and meets a fault when it asks for what it has missed. */
static pid_t
start_missing(const char *fault, const char *cancel_on_exit)
{
    char more_config[128];
    pid_t pid;

    snprintf(more_config,
             sizeof(more_config),
             "  reconcile_interval: 86400\nsystem: {cancel_on_exit: %s, log_level: debug}\n",
             cancel_on_exit);
    qt_trader_start_live(&trader, 600, 600, more_config);
    pid = qt_trader_run(&trader);
    qt_trader_until_said(&trader, " fill ", 2);
    qt_trader_fault(&trader, fault);
    (void) qt_paper_admin(&trader.paper, "POST", "kill?account=main", NULL);
    assert_int_equal(trader.paper.status, 200);
    return pid;
}

/*
 * The exchange has not told twice what was missed, and the instance rests when it is to
 * end. It asks once more before it does: its grid's state is that of all fills, of which
 * there are no more once its orders are canceled.
 */
static void
what_was_missed_is_asked_for_before_the_end(void **state)
{
    pid_t pid;

    (void) state;
    pid = start_missing("{\"kind\": \"fail_before\", \"endpoint\": \"open_orders\", \"count\": 2}", "true");
    qt_trader_until_said(&trader, "not synchronized yet", 2);
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_int_equal(qt_trader_logged(&trader, " synchronized account="), 2); /* at its start, and now */
    (void) qt_trader_done(&trader, 2);
}

/* An exchange that goes on telling nothing does not keep an instance from its end, which is a clean one. */
static void
an_exchange_that_tells_nothing_is_not_waited_for(void **state)
{
    int failed;
    pid_t pid;

    (void) state;
    pid = start_missing("{\"kind\": \"fail_before\", \"endpoint\": \"open_orders\"}", "false");
    qt_trader_until_said(&trader, "not synchronized yet", 1);
    failed = qt_trader_logged(&trader, "not synchronized yet");
    kill(pid, SIGTERM);
    assert_int_equal(qt_trader_end(pid), 0);
    assert_in_range(qt_trader_logged(&trader, "not synchronized yet") - failed, 4, 5);
    assert_int_equal(qt_trader_said(&trader, " warn ", "the last state is not saved", OF_MARKET), 1);
    qt_trader_stop(&trader);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_store_orders_are_canceled),
        cmocka_unit_test(a_store_that_comes_and_goes_is_asked_less_often),
        cmocka_unit_test(without_a_store_lost_replies_are_asked_for),
        cmocka_unit_test(without_reports_orders_are_canceled_at_the_end),
        cmocka_unit_test(a_key_that_places_nothing_cancels),
        cmocka_unit_test(a_key_that_does_nothing_tells_what_is_left),
        cmocka_unit_test(a_ban_holds_cancels_back),
        cmocka_unit_test(what_was_missed_is_asked_for_before_the_end),
        cmocka_unit_test(an_exchange_that_tells_nothing_is_not_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
