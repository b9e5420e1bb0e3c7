/*
 * The program quantmesh against a server: what its commands show, and what halt
 * and resume change.
 */
#include "check.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "runner.h"
#include "server.h"

#define OPEN_ID "SELECT order_id FROM quantmesh.open_orders WHERE price = 64000"
#define DONE_ID "SELECT order_id FROM quantmesh.order_history WHERE strategy = 'grid'"

static const char *db;
static char text[QT_RUN_SIZE];

/* fill places an order of a strategy that is filled at once. */
static void
fill(const char *strategy, const char *side, const char *price, const char *trade)
{
    qt_ask("SELECT quantmesh.apply_report('binance', 'BTCUSDT', p.client_order_id, 'x%s', 'filled', '%s', 0.01, %s,"
           " 0.01, 0.00001, 'BNB', true, '2026-01-02 03:04:05.678Z') FROM quantmesh.place_order('binance', 'BTCUSDT',"
           " '%s', %s, 0.01, strategy => '%s') AS p",
           trade,
           trade,
           price,
           side,
           price,
           strategy);
}

/* begin_coordinator gives this database a coordinator. */
static void
begin_coordinator(void)
{
    qt_ask("ALTER SYSTEM SET quantmesh.databases = 'postgres, program'");
    qt_ask("SELECT pg_reload_conf()");
    qt_until(
        "SELECT count(*) = 1 FROM quantmesh.workers WHERE database = 'program' AND state = 'running' AND lag < '5 s'");
}

/* end_coordinator takes it away, and returns when it has gone. */
static void
end_coordinator(void)
{
    qt_ask("ALTER SYSTEM RESET quantmesh.databases");
    qt_ask("SELECT pg_reload_conf()");
    qt_until("SELECT count(*) = 0 FROM quantmesh.workers WHERE database = 'program'");
}

static int
setup(void **state)
{
    (void) state;
    qt_database("program");
    db = qt_conninfo();
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    qt_ask("SELECT quantmesh.set_market('binance', 'ETHUSDT', tick_size => 0.01, step_size => 0.001)");
    qt_ask("SELECT quantmesh.set_market('kraken', 'XBTUSD', tick_size => 0.1, step_size => 0.001, base_asset => 'XBT',"
           " quote_asset => 'USD')");
    fill("grid", "buy", "65000", "1");
    fill("网格", "buy", "66000.5", "2");
    fill("网格", "sell", "67000.5", "3");
    qt_ask(
        "SELECT quantmesh.apply_report('binance', 'BTCUSDT', p.client_order_id, 'x9', 'open') FROM"
        " quantmesh.place_order('binance', 'BTCUSDT', 'buy', 64000, 0.01, instance => NULL, strategy => 'grid') AS p");
    /* So that nothing is left to be wished for. */
    begin_coordinator();
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    qt_ask("ALTER SYSTEM RESET quantmesh.databases");
    qt_ask("SELECT pg_reload_conf()");
    return 0;
}

/* json returns the output of a run as JSON. */
static json_t *
json(const QtRun *run)
{
    json_error_t error;
    json_t *value = json_loads(run->out, 0, &error);

    if (value == NULL)
        qt_fail("no JSON: %s in %s%s", error.text, run->out, run->err);
    return value;
}

/* string returns a string of an object, "(null)" for null. */
static const char *
string(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || !(json_is_string(value) || json_is_null(value)))
        qt_fail("%s is no string", key);
    return json_is_null(value) ? "(null)" : json_string_value(value);
}

static void
test_positions(void **state)
{
    json_t *list;

    (void) state;
    assert_run(QM_EXIT_OK,
               "ACCOUNT  SYMBOL   STRATEGY  QUANTITY  BASE  AVERAGE PRICE  COST  PROFIT  QUOTE  LAST TRADE\n"
               "binance  BTCUSDT  grid          0.01  BTC           65000   650       0  USDT   2026-01-02 03:04:05Z\n"
               "binance  BTCUSDT  网格             0  BTC               -     0      10  USDT   2026-01-02 03:04:05Z\n",
               "",
               "positions",
               "--db",
               db);
    assert_run(QM_EXIT_OK,
               "ACCOUNT  SYMBOL   STRATEGY  QUANTITY  BASE  AVERAGE PRICE  COST  PROFIT  QUOTE  LAST TRADE\n"
               "binance  BTCUSDT  grid          0.01  BTC           65000   650       0  USDT   2026-01-02 03:04:05Z\n",
               "",
               "positions",
               "--open",
               "--db",
               db);
    assert_run(QM_EXIT_OK, "no positions\n", "", "positions", "--db", db, "--account=kraken");
    assert_run(QM_EXIT_OK, "[]\n", "", "positions", "--db", db, "--account=kraken", "--json");

    list = json(qt_run("positions", "--db", db, "--json", "--strategy", "网格"));
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(string(json_array_get(list, 0), "quantity"), "0");
    assert_string_equal(string(json_array_get(list, 0), "average_price"), "(null)");
    assert_string_equal(string(json_array_get(list, 0), "realized_profit"), "10");
    assert_string_equal(string(json_array_get(list, 0), "last_executed_at"), "2026-01-02T03:04:05.678000Z");
    assert_true(json_is_true(json_object_get(json_array_get(list, 0), "consistent")));
    json_decref(list);
}

static void
test_orders(void **state)
{
    char wanted[1024];
    char id[32];
    json_t *list;
    const json_t *order;

    (void) state;
    snprintf(id, sizeof(id), "%s", qt_ask(OPEN_ID));
    list = json(qt_run("orders", "--db", db, "--json"));
    assert_int_equal(json_array_size(list), 1);
    order = json_array_get(list, 0);
    assert_string_equal(string(order, "order_id"), id);
    assert_string_equal(string(order, "price"), "64000");
    assert_string_equal(string(order, "state"), "open");
    assert_string_equal(string(order, "instance"), "(null)");
    assert_true(json_is_integer(json_object_get(order, "age_ms")));
    assert_true(json_is_true(json_object_get(order, "holds_slot")));
    json_decref(list);

    snprintf(wanted, sizeof(wanted), "%s  binance  BTCUSDT  buy   64000      0.01       0  open   none", id);
    assert_run(QM_EXIT_OK, NULL, "", "orders", "--db", db);
    assert_non_null(strstr(qt_run("orders", "--db", db)->out, wanted));
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", db, "--symbol", "ETHUSDT");
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", db, "--state", "Unknown");
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", db, "--instance", "i");
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", db, "--strategy", "网格");
    assert_run(QM_EXIT_NOT_FOUND,
               "",
               "quantmesh: there is no market ETHUSD of account binance\n"
               "  SELECT account, symbol FROM quantmesh.markets lists those that this role may see.\n",
               "orders",
               "--db",
               db,
               "--account=binance",
               "--symbol=ETHUSD");

    list = json(qt_run("orders", "--db", db, "--history", "--json"));
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(string(json_array_get(list, 0), "side"), "sell");
    assert_string_equal(string(json_array_get(list, 2), "order_id"), qt_ask(DONE_ID));
    json_decref(list);
    list = json(qt_run("orders", "--db", db, "--history", "--json", "--limit", "2", "--state", "filled"));
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
}

static void
test_one_order(void **state)
{
    char id[32];
    json_t *order;
    const json_t *part;

    (void) state;
    snprintf(id, sizeof(id), "%s", qt_ask(DONE_ID));
    assert_run(QM_EXIT_OK, NULL, "", "orders", "--db", db, "--order", id);
    strcpy(text, qt_run("orders", "--db", db, "--order", id)->out);
    assert_non_null(strstr(text, "\nstate                filled\n"));
    assert_non_null(strstr(text, "\nslot                 65000\n"));
    assert_non_null(
        strstr(text,
               "\nfills:\n"
               "  AT                    TRADE  KIND   SIDE  QUANTITY  PRICE  AMOUNT  COMMISSION  IN   MAKER\n"
               "  2026-01-02 03:04:05Z  1      trade  buy       0.01  65000     650     0.00001  BNB  yes\n"));
    order = json(qt_run("orders", "--db", db, "--order", id, "--account", "binance", "--json"));
    assert_string_equal(string(order, "order_id"), id);
    part = json_array_get(json_object_get(order, "events"), 0);
    assert_string_equal(string(part, "from_state"), "submitted");
    part = json_array_get(json_object_get(order, "fills"), 0);
    assert_string_equal(string(part, "commission"), "0.00001");
    json_decref(order);
    assert_run(QM_EXIT_NOT_FOUND,
               "",
               "quantmesh: there is no order 1\n  quantmesh orders lists live orders, quantmesh orders --history those "
               "that "
               "have ended, as far as this role may see them.\n",
               "orders",
               "--db",
               db,
               "--order=1");
    assert_run(QM_EXIT_NOT_FOUND, "", NULL, "orders", "--db", db, "--order", id, "--account", "kraken");
}

/* What a narrow terminal has no room for stands one below the other, and nothing is cut off. */
static void
test_terminal(void **state)
{
    static const char records[] = "account           binance\n"
                                  "symbol            BTCUSDT\n"
                                  "strategy          网格\n"
                                  "quantity          0\n"
                                  "base_asset        BTC\n"
                                  "average_price     -\n"
                                  "cost              0\n"
                                  "realized_profit   10\n"
                                  "quote_asset       USDT\n"
                                  "consistent        yes\n"
                                  "last_executed_at  2026-01-02 03:04:05Z\n"
                                  "last_trade_id     3\n";
    const char *const arguments[] = {"positions", "--db", db, "--strategy", "网格", NULL};

    (void) state;
    strcpy(text, qt_run_list(arguments)->out);
    assert_int_equal(strncmp(qt_run_terminal(200, NULL, arguments)->out, "\033[1mACCOUNT\033[0m  ", 17), 0);
    setenv("NO_COLOR", "1", 1);
    qt_run_check(qt_run_terminal(200, NULL, arguments), QM_EXIT_OK, text, "", __FILE__, __LINE__);
    /* The table is 100 columns wide. */
    qt_run_check(qt_run_terminal(100, NULL, arguments), QM_EXIT_OK, text, "", __FILE__, __LINE__);
    qt_run_check(qt_run_terminal(99, NULL, arguments), QM_EXIT_OK, records, "", __FILE__, __LINE__);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    qt_run_check(qt_run_terminal(200, NULL, arguments), QM_EXIT_OK, text, "", __FILE__, __LINE__);
    setenv("TERM", "xterm", 1);
}

static void
test_locks(void **state)
{
    json_t *list;

    (void) state;
    assert_run(QM_EXIT_OK, "no locks\n", "", "locks", "--db", db, "--mode", "lease", "--key", "job");
    assert_run(QM_EXIT_OK, "nobody waits\n", "", "locks", "--db", db, "--waits");
    qt_until("SELECT quantmesh.try_lease('job', 'somebody', '30 s') IS NOT NULL");
    list = json(qt_run("locks", "--db", db, "--json", "--key", "job"));
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(string(json_array_get(list, 0), "mode"), "lease");
    assert_string_equal(string(json_array_get(list, 0), "owner"), "somebody");
    assert_string_equal(string(json_array_get(list, 0), "fence"),
                        qt_ask("SELECT fence FROM quantmesh.locks WHERE key = 'job'"));
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "pid")));
    json_decref(list);
    assert_non_null(strstr(qt_run("locks", "--db", db)->out, "\njob  lease  held  "));
    qt_ask("SELECT quantmesh.force_unlock('job', 'test')");
}

/* Without --yes somebody has to say so at a terminal, and sees which database it is. */
static void
test_halt_asks(void **state)
{
    const char *const arguments[] = {"halt", "--db", db, "--account", "kraken", "--reason", "test", NULL};
    char question[512];
    const QtRun *run;

    (void) state;
    snprintf(question,
             sizeof(question),
             "halt all markets of account kraken in database program at %s:%s? [y/N] ",
             getenv("PGHOST"),
             getenv("PGPORT"));
    run = qt_run_terminal(400, "n\n", arguments);
    assert_int_equal(run->status, QM_EXIT_REFUSED);
    assert_non_null(strstr(run->out, question));
    assert_non_null(strstr(run->out, "quantmesh: nothing was changed\n"));
    run = qt_run_terminal(400, "\n", arguments);
    assert_int_equal(run->status, QM_EXIT_REFUSED);
    assert_string_equal(qt_ask("SELECT trading_state FROM quantmesh.markets WHERE account = 'kraken'"), "active");
    run = qt_run_terminal(400, "y\n", arguments);
    assert_int_equal(run->status, QM_EXIT_OK);
    assert_string_equal(qt_ask("SELECT trading_state FROM quantmesh.markets WHERE account = 'kraken'"), "halted");
    assert_run(QM_EXIT_USAGE,
               "",
               "quantmesh: --yes is missing: there is no terminal to ask at\n  quantmesh halt --help says what it "
               "takes.\n",
               "halt",
               "--db",
               db,
               "--all",
               "--reason",
               "x");
    assert_run(QM_EXIT_OK, NULL, "", "resume", "--db", db, "--account", "kraken", "--yes");
}

static void
test_halt_and_resume(void **state)
{
    json_t *list;

    (void) state;
    assert_run(QM_EXIT_OK,
               "ACCOUNT  SYMBOL   STATE   OPEN ORDERS  IN FLIGHT\n"
               "binance  BTCUSDT  halted            1          0\n"
               "halted: 1 market with 1 live orders, 0 of them in flight\n",
               "",
               "halt",
               "--db",
               db,
               "--account=binance",
               "--symbol=BTCUSDT",
               "--reason=fat finger",
               "--yes");
    assert_string_equal(qt_ask("SELECT reason FROM quantmesh.operator_action ORDER BY action_id DESC LIMIT 1"),
                        "fat finger");
    list = json(qt_run("halt", "--db", db, "--all", "--reason", "maintenance", "--yes", "--json"));
    assert_int_equal(json_array_size(list), 3);
    assert_string_equal(string(json_array_get(list, 2), "account"), "kraken");
    assert_string_equal(string(json_array_get(list, 2), "state"), "halted");
    assert_true(json_is_integer(json_object_get(json_array_get(list, 2), "open_orders")));
    json_decref(list);

    assert_run(QM_EXIT_ATTENTION,
               "ACCOUNT  SYMBOL   STATE   OPEN ORDERS  IN FLIGHT\n"
               "binance  BTCUSDT  halted            1          0\n"
               "binance  ETHUSDT  active            0          0\n"
               "kraken   XBTUSD   active            0          0\n"
               "resumed: 3 markets with 1 live orders, 0 of them in flight\n",
               "quantmesh: 1 of 3 markets are not active: the strictest of everything, account and market counts\n"
               "  quantmesh status lists the halts; each is taken back where it was set.\n",
               "resume",
               "--db",
               db,
               "--all",
               "--yes");
    assert_run(QM_EXIT_OK, NULL, "", "resume", "--db", db, "--account=binance", "--symbol=BTCUSDT", "--yes");
    assert_run(QM_EXIT_NOT_FOUND,
               "",
               "quantmesh: account \"nope\" is not known\n"
               "  quantmesh.set_market() makes an account known with its first market.\n",
               "halt",
               "--db",
               db,
               "--account=nope",
               "--reason=x",
               "--yes");
}

static void
test_status(void **state)
{
    static const char ok[] = "OK: nothing needs attention\n\nserver:\n  database             program\n";
    static const char halted[] = "ATTENTION: 2 things need it\n"
                                 "- account kraken is halted: a\\x1b[31mb\\nc\n"
                                 "  quantmesh resume --account kraken takes it back.\n"
                                 "- orders that have been unknown for more than a minute: 1\n"
                                 "  They may be at the exchange: quantmesh orders --state unknown lists them.\n"
                                 "\n"
                                 "server:\n";
    json_t *json_status;
    const QtRun *run = qt_run("status", "--db", db);

    (void) state;
    if (strncmp(run->out, ok, strlen(ok)) != 0)
        qt_fail("not well: %s%s", run->out, run->err);
    assert_int_equal(run->status, QM_EXIT_OK);
    assert_non_null(strstr(run->out, "\nhalts: none\n"));
    assert_non_null(strstr(run->out,
                           "\nmarkets:\n"
                           "  STATE   TRUST    MARKETS  WITHOUT INSTANCE  LIVE ORDERS\n"
                           "  active  trusted        3                 3            1\n"));
    json_status = json(qt_run("status", "--db", db, "--json"));
    assert_true(json_is_true(json_object_get(json_status, "ok")));
    assert_int_equal(json_array_size(json_object_get(json_status, "problems")), 0);
    assert_string_equal(string(json_object_get(json_status, "server"), "role"), "primary");
    assert_int_equal(json_array_size(json_object_get(json_status, "workers")), 2);
    json_decref(json_status);

    /* A reason can try to speak to the terminal, but is only shown. */
    qt_ask("SELECT quantmesh.halt('kraken', reason => E'a\\x1b[31mb\\nc')");
    qt_ask("UPDATE quantmesh.orders SET state = 'unknown', updated_at = clock_timestamp() - interval '2 min' WHERE "
           "order_id = (" OPEN_ID ")");
    qt_ask("UPDATE quantmesh.market SET policy = 'report'");
    run = qt_run("status", "--db", db);
    assert_int_equal(run->status, QM_EXIT_ATTENTION);
    if (strncmp(run->out, halted, strlen(halted)) != 0)
        qt_fail("not as it should be: %s%s", run->out, run->err);
    json_status = json(qt_run("status", "--db", db, "--json"));
    assert_true(json_is_false(json_object_get(json_status, "ok")));
    assert_string_equal(string(json_array_get(json_object_get(json_status, "problems"), 1), "section"), "orders");
    assert_string_equal(string(json_array_get(json_object_get(json_status, "halts"), 0), "reason"), "a\x1b[31mb\nc");
    json_decref(json_status);
}

/* status_says looks for a problem in the status. */
static void
status_says(const char *problem)
{
    const QtRun *run = qt_run("status", "--db", db);
    char line[512];

    assert_int_equal(run->status, QM_EXIT_ATTENTION);
    snprintf(line, sizeof(line), "\n- %s\n", problem);
    if (strstr(run->out, line) == NULL)
        qt_fail("the status lacks \"%s\": %s", problem, run->out);
}

/* Everything else that counts as a problem, brought about in the tables. */
static void
test_problems(void **state)
{
    (void) state;
    qt_ask("INSERT INTO quantmesh.discrepancy (account, discrepancy_id, code, subject, first_seen, last_seen) VALUES"
           " ('binance', 1, 'POSITION_MISMATCH', 'BTC', now(), now()), ('binance', 2, 'EXTERNAL_ORDER', 'x', now(), "
           "now()),"
           " ('binance', 3, 'STATE_DRIFT', 'y', now(), now()),"
           " ('binance', 4, 'MISSED_FILL', 'z', now() - interval '11 min', now())");
    qt_ask("INSERT INTO quantmesh.task (account, task_id, kind, symbol, created_at) VALUES"
           " ('binance', 1, 'snapshot', 'BTCUSDT', now() - interval '2 min')");
    qt_ask("INSERT INTO quantmesh.instance (instance, epoch, state, ended_at) VALUES ('grid-1', 1, 'dead', now())");
    qt_ask("INSERT INTO quantmesh.instance_market VALUES ('grid-1', 'binance', '*')");
    qt_ask("UPDATE quantmesh.market SET trusted_tag = '0000' WHERE account = 'kraken'");
    status_says("open discrepancies POSITION_MISMATCH: 1");
    status_says("open discrepancies MISSED_FILL: 1");
    status_says("tasks snapshot that have waited for more than a minute: 1");
    status_says("instance grid-1 has died");
    status_says("markets that wait for a reconciliation before anything is placed: 1");
    assert_null(strstr(qt_run("status", "--db", db)->out, "- open discrepancies EXTERNAL_ORDER"));
    assert_null(strstr(qt_run("status", "--db", db)->out, "- open discrepancies STATE_DRIFT"));
    qt_ask("UPDATE quantmesh.orders SET state = 'lost' WHERE order_id = (" OPEN_ID ")");
    status_says("orders that are lost: 1");
    end_coordinator();
    status_says("no coordinator works in this database");
}

/* A snapshot without the open order: a difference, which report only records. */
static void
test_reconcile(void **state)
{
    json_t *list;

    (void) state;
    assert_run(QM_EXIT_NOT_FOUND,
               "",
               "quantmesh: there is no market ETHUSD of account binance\n"
               "  SELECT account, symbol FROM quantmesh.markets lists those that this role may see.\n",
               "reconcile",
               "binance",
               "ETHUSD",
               "--db",
               db);
    assert_run(QM_EXIT_REFUSED,
               "",
               "quantmesh: market \"ETHUSDT\" of account \"binance\" has no snapshot\n"
               "  request_snapshot and submit_snapshot bring one.\n",
               "reconcile",
               "binance",
               "ETHUSDT",
               "--db",
               db);
    /* A coordinator would compare before we do. */
    end_coordinator();
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'ETHUSDT', 'report', grace => '0')");
    qt_ask("SELECT quantmesh.request_snapshot('binance', 'ETHUSDT')");
    qt_ask(
        "SELECT quantmesh.submit_snapshot('binance', 'ETHUSDT', (SELECT max(task_id) FROM quantmesh.task WHERE symbol ="
        " 'ETHUSDT'), clock_timestamp(), clock_timestamp(), '[{\"exchange_order_id\": \"77\", \"client_order_id\": "
        "\"other\","
        " \"side\": \"buy\", \"order_type\": \"limit\", \"time_in_force\": \"gtc\", \"price\": 123456789.12345678901, "
        "\"quantity\": "
        "\"1\","
        " \"filled_quantity\": \"0\"}]', '[]', '[]')");
    list = json(qt_run("reconcile", "binance", "ETHUSDT", "--db", db, "--dry-run", "--json"));
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(string(json_array_get(list, 0), "code"), "EXTERNAL_ORDER");
    /* The digits of an amount are all there, whatever the exchange's JSON had it as. */
    assert_string_equal(string(json_object_get(json_array_get(list, 0), "remote"), "price"), "123456789.12345678901");
    json_decref(list);
    assert_string_equal(qt_ask("SELECT count(*) FROM quantmesh.reconcile_run WHERE symbol = 'ETHUSDT'"), "0");
    assert_run(QM_EXIT_ATTENTION, NULL, "", "reconcile", "binance", "ETHUSDT", "--db", db, "--dry-run");
    qt_ask("SELECT quantmesh.set_reconcile('binance', 'ETHUSDT', 'repair')");
    assert_run(QM_EXIT_OK, NULL, "", "reconcile", "binance", "ETHUSDT", "--db", db);
    assert_string_equal(qt_ask("SELECT status FROM quantmesh.reconcile_run WHERE symbol = 'ETHUSDT'"), "findings");
    assert_run(QM_EXIT_OK, "no differences\n", "", "reconcile", "binance", "ETHUSDT", "--db", db);
    begin_coordinator();
}

/* A configuration file names the database as well, with the environment in it. */
static void
test_config(void **state)
{
    char yaml[1024];

    (void) state;
    snprintf(yaml,
             sizeof(yaml),
             "database: {type: postgres, dsn: \"${TEST_DSN}\"}\n"
             "app: {current_exchange: binance}\n"
             "exchanges: {binance: {api_key: k, secret_key: s}}\n"
             "trading: {symbols: [{symbol: BTCUSDT, price_interval: 1, order_quantity: 30, window_size: 5}]}\n");
    setenv("TEST_DSN", db, 1);
    assert_run(QM_EXIT_OK, "no positions\n", "", "positions", "--account=kraken", "--config", qt_file("db.yaml", yaml));
    unsetenv("TEST_DSN");
    assert_run(QM_EXIT_CONFIG, "", NULL, "positions", "--config", qt_file("db.yaml", yaml));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_one_order),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_halt_asks),
        cmocka_unit_test(test_halt_and_resume),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_reconcile),
        cmocka_unit_test(test_problems),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
