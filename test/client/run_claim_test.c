/*
 * quantmesh run and intents that others have recorded: those of its market leave when
 * an order of its grid could, none is claimed when none may leave, and one that was
 * claimed in vain is given back.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "redis_server.h"
#include "run_host.h"
#include "runner.h"
#include "server.h"

#define PRICE "25000" /* of an intent: below what the market comes to, and what the grid buys at */
#define REST_S "4"

static QtTrader trader;
static QtRedis redis;

static int
setup(void **state)
{
    (void) state;
    qt_database("client_run_claims");
    qt_ask("ALTER SYSTEM SET quantmesh.databases = 'client_run_claims'");
    qt_ask("ALTER SYSTEM SET quantmesh.default_ttl_lease = '3 s'");
    qt_ask("SELECT pg_reload_conf()");
    qt_ask("SELECT quantmesh.set_market('binance', 'ETHUSDT', tick_size => 0.01, step_size => 0.00001)");
    qt_ask("SELECT quantmesh.set_reconcile('binance', symbol, every => '0', grace => '0') FROM quantmesh.market");
    return 0;
}

/* begin starts an exchange and an instance that stores in the database, and waits until the instance trades. */
static pid_t
begin(const char *more_config)
{
    char config[2048];
    pid_t pid;

    qt_ask("SELECT count(quantmesh.settle_order(account, order_id, 'canceled', 'an earlier test')) "
           "FROM quantmesh.orders WHERE live");
    qt_ask("UPDATE quantmesh.task SET state = 'withdrawn', finished_at = now() WHERE finished_at IS NULL");
    qt_trader_start_live(&trader, 2000, 60, "");
    snprintf(config,
             sizeof(config),
             "app: {current_exchange: binance}\n"
             "exchanges: {binance: {api_key: " QT_PAPER_KEY ", secret_key: " QT_PAPER_SECRET ", fee_rate: 0.001}}\n"
             "database: {type: postgres, dsn: \"%s\"}\n"
             "instance: {id: one}\n"
             "system: {cancel_on_exit: true}\n"
             "trading:\n"
             "  symbol: BTCUSDT\n"
             "  price_interval: 100\n"
             "  order_quantity: 100\n"
             "  min_order_value: 10\n"
             "  buy_window_size: 4\n"
             "  sell_window_size: 4\n"
             "%s",
             qt_conninfo(),
             more_config);
    (void) qt_file(strrchr(trader.config, '/') + 1, config);
    pid = qt_trader_run(&trader);
    qt_until("SELECT EXISTS (SELECT FROM quantmesh.orders WHERE live AND state = 'open' AND instance = 'one')");
    return pid;
}

/* end waits for the end of an instance that was told to stop, and stops the exchange. */
static void
end(pid_t pid)
{
    assert_int_equal(qt_trader_end(pid), 0);
    qt_trader_stop(&trader);
}

/* intend records an intent that is nobody's in particular. */
static void
intend(const char *symbol, const char *price)
{
    assert_string_equal(qt_ask("SELECT outcome FROM quantmesh.place_order('binance', '%s', 'buy', %s, 0.01, strategy "
                               "=> 'another', submit => false)",
                               symbol,
                               price),
                        "placed");
}

/* task tells the owner of the market that it has intents. */
static void
task(void)
{
    qt_ask("INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject) VALUES "
           "('binance', quantmesh.next_id(), 'submit_order', 'BTCUSDT', 'test')");
}

/* became returns what has happened to the intent that was recorded last at a price. */
static const char *
became(const char *symbol, const char *price)
{
    return qt_ask("SELECT string_agg(e.event, ' ' ORDER BY e.event_id) FROM quantmesh.order_event AS e WHERE "
                  "e.order_id = "
                  "(SELECT max(order_id) FROM quantmesh.orders WHERE symbol = '%s' AND price = %s AND strategy = "
                  "'another')",
                  symbol,
                  price);
}

/* until_open waits until an intent has come to the exchange. */
static void
until_open(const char *price)
{
    qt_until("SELECT EXISTS (SELECT FROM quantmesh.orders WHERE live AND price = %s AND strategy = 'another' AND "
             "state = 'open' AND instance = 'one')",
             price);
}

/* What is of the instance's market is sent; what is of another market of the account is left to those who trade it. */
static void
intents_of_the_market_are_sent(void **state)
{
    pid_t pid = begin("");

    (void) state;
    intend("ETHUSDT", PRICE);
    intend("BTCUSDT", PRICE);
    intend("BTCUSDT", "25100");
    task();
    until_open(PRICE);
    until_open("25100");
    assert_null(strstr(became("ETHUSDT", PRICE), "claimed"));
    assert_int_equal(qt_trader_logged(&trader, "a claimed order is not sent"), 0);
    kill(pid, SIGTERM);
    end(pid);
    assert_null(strstr(became("ETHUSDT", PRICE), "claimed"));
}

/* An instance that was told to stop hears of intents while it waits for its last answers, and lets them be. */
static void
nothing_is_claimed_while_stopping(void **state)
{
    pid_t pid = begin("");

    (void) state;
    qt_trader_fault(&trader, "{\"kind\": \"delay_before\", \"endpoint\": \"cancel\", \"value\": 3000, \"count\": 1}");
    kill(pid, SIGTERM);
    qt_trader_until_said(&trader, "stopping", 1);
    intend("BTCUSDT", PRICE);
    task();
    qt_until("SELECT EXISTS (SELECT FROM quantmesh.tasks WHERE kind = 'submit_order' AND attempts > 0 AND finished_at "
             "IS NULL)");
    end(pid);
    assert_null(strstr(became("BTCUSDT", PRICE), "claimed"));
}

/* While the exchange wants a rest the intents stay what they are; afterwards they leave. */
static void
nothing_is_claimed_while_resting(void **state)
{
    pid_t pid = begin("");
    char begun[QT_ANSWER_SIZE];

    (void) state;
    snprintf(begun, sizeof(begun), "%s", qt_ask("SELECT clock_timestamp()"));
    qt_trader_fault(&trader,
                    "{\"kind\": \"limited\", \"endpoint\": \"place\", \"value\": 429, \"wait_s\": " REST_S
                    ", \"count\": 1}");
    qt_trader_until_said(&trader, "not processed", 1);
    intend("BTCUSDT", PRICE);
    task();
    until_open(PRICE);
    assert_string_equal(qt_ask("SELECT submitted_at >= timestamptz '%s' + interval '" REST_S
                               " s' FROM quantmesh.orders WHERE live AND price = " PRICE,
                               begun),
                        "t");
    kill(pid, SIGTERM);
    end(pid);
}

/* A claimed order whose level somebody else has locked in Redis is not sent, and that is said in the database and in the log. */
static void
a_claim_in_vain_is_given_back(void **state)
{
    char config[256];
    char key[QM_LOCK_KEY_SIZE];
    pid_t pid;

    (void) state;
    qt_redis_start(&redis, 0, NULL);
    snprintf(config,
             sizeof(config),
             "distributed_lock: {enabled: true, type: redis, redis: {addr: \"%s\"}}\n",
             redis.addr);
    pid = begin(config);
    assert_int_equal(qm_lock_key_order_wide(key, sizeof(key), "Binance", "BTCUSDT", PRICE), QM_OK);
    assert_string_equal(qt_redis_cli(&redis, "SET quantmesh:lock:%s peer", key), "OK");
    intend("BTCUSDT", PRICE);
    intend("BTCUSDT", "25100");
    task();
    until_open("25100");
    qt_until("SELECT EXISTS (SELECT FROM quantmesh.orders WHERE price = " PRICE " AND strategy = 'another' AND state = "
             "'aborted' AND error_message LIKE '%%busy%%')");
    assert_string_equal(became("BTCUSDT", PRICE), "claimed not_sent");
    assert_int_equal(qt_trader_said(&trader,
                                    " warn ",
                                    "a claimed order is not sent",
                                    "symbol=BTCUSDT",
                                    "price=" PRICE,
                                    "somebody else is busy at its level"),
                     1);
    kill(pid, SIGTERM);
    end(pid);
    assert_int_equal(qt_trader_audited(&trader, "\"price\":\"25000"), 0);
    assert_int_not_equal(qt_trader_audited(&trader, "\"price\":\"25100"), 0);
    qt_redis_stop(&redis, SIGTERM);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intents_of_the_market_are_sent),
        cmocka_unit_test(nothing_is_claimed_while_stopping),
        cmocka_unit_test(nothing_is_claimed_while_resting),
        cmocka_unit_test(a_claim_in_vain_is_given_back),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
