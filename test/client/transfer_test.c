/*
 * Transfers: a history goes from a file to PostgreSQL and back, and every row is
 * what it was. QM_TEST_ORDERS=n says how many orders it has.
 */
#include "check.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "runner.h"
#include "server.h"
#include "stores.h"
#include "transfer.h"

enum
{
    ORDERS = 600,
    BATCH = 100,
    TEXT = 48
};

static const char account[] = QT_STORE_ACCOUNT;

/* run runs SQL on a file. */
static void
run(sqlite3 *db, const char *sql)
{
    char *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        qt_fail("%s: %s", sql, message);
}

/* ask returns the number that a question of a file answers. */
static int64_t
ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t answer;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        qt_fail("%s: %s", sql, sqlite3_errmsg(db));
    answer = sqlite3_column_int64(statement, 0);
    (void) sqlite3_finalize(statement);
    return answer;
}

/* open_file opens a file beside the store. */
static sqlite3 *
open_file(const char *path)
{
    sqlite3 *db;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        qt_fail("%s cannot be opened", path);
    return db;
}

/* live on: reports of one order, by its number. */
static void
trade(QmStore *store, const QmPlacement *placement, int number, const char *price)
{
    static const char *const assets[] = {"BTC", "USDT", "BNB", NULL};
    char trade_id[TEXT];
    char exchange_id[TEXT];
    QmReport report = {.symbol = "BTCUSDT",
                       .client_order_id = placement->client_order_id,
                       .exchange_order_id = exchange_id,
                       .state = "NEW",
                       .detail = "{\"n\": \"x\"}"};
    QmReportResult result;

    snprintf(exchange_id, sizeof(exchange_id), "%d", 700000 + number);
    if (number % 10 == 9)
        return; /* still submitted */
    assert_ok(store->functions->apply_report(store, account, &report, &result), qt_error(store));
    if (number % 10 < 6)
    {
        snprintf(trade_id, sizeof(trade_id), "%d", number + 1);
        report.state = number % 10 == 0 ? "PARTIALLY_FILLED" : "FILLED";
        report.trade_id = trade_id;
        report.last_price = price;
        report.last_quantity = number % 10 == 0 ? "0.100" : "0.370";
        report.commission_asset = assets[number % 4];
        report.commission = report.commission_asset == NULL ? NULL : "0.00021";
        report.is_maker = number % 3 - 1;
        report.event_time_us = INT64_C(1700000000000000) + (number ^ 5) * INT64_C(1000001);
        assert_ok(store->functions->apply_report(store, account, &report, &result), qt_error(store));
    }
    else if (number % 10 == 6)
        assert_ok(store->functions->resolve_submission(store,
                                                       account,
                                                       placement->order_id,
                                                       placement->fence,
                                                       "rejected",
                                                       "-2010",
                                                       "no \"money\"",
                                                       &result),
                  qt_error(store));
    else if (number % 10 == 7)
        assert_ok(store->functions->resolve_cancel(store, account, placement->order_id, "done", NULL, NULL, &result),
                  qt_error(store));
}

/* trade_all makes a history of that many orders. */
static void
trade_all(QmStore *store, int count)
{
    static char prices[BATCH][TEXT];
    QmOrder orders[BATCH];
    QmPlacement placements[BATCH];
    QmStrategyState state = {.symbol = "BTCUSDT", .strategy = "grid", .document = "{\"anchor\":  \"65000\"}"};

    for (int first = 0; first < count; first += BATCH)
    {
        for (int i = 0; i < BATCH; i++)
        {
            int number = first + i;

            snprintf(prices[i], TEXT, "%d.%02d0", 100 + number % 2 * 1000 + number / 2 % 900, number % 100);
            orders[i] = (QmOrder){.symbol = "BTCUSDT",
                                  .side = number % 2 == 0 ? "buy" : "sell",
                                  .price = prices[i],
                                  .quantity = "0.370",
                                  .strategy = number % 7 == 0 ? "" : "grid",
                                  .slot = strchr("0689", '0' + number % 10) != NULL ? "" : NULL};
        }
        assert_ok(store->functions->place_orders(store, account, orders, BATCH, first == 0 ? &state : NULL, placements),
                  qt_error(store));
        for (int i = 0; i < BATCH; i++)
        {
            if (placements[i].outcome != QM_PLACED)
                qt_fail("order %d: %s %s", first + i, placements[i].reason, placements[i].detail);
            trade(store, &placements[i], first + i, prices[i]);
        }
    }
}

/* same_rows compares every row of two files. */
static void
same_rows(const char *left, const char *right)
{
    static const char *const names[] =
        {"market", "orders", "exchange_order", "order_event", "fill", "position", "other_commission", "strategy_state"};
    sqlite3 *db = open_file(left);
    char sql[512];

    snprintf(sql, sizeof(sql), "ATTACH '%s' AS other", right);
    run(db, sql);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        int64_t rows;

        snprintf(sql, sizeof(sql), "SELECT count(*) FROM main.%s", names[i]);
        rows = ask(db, sql);
        assert_true(rows > 0);
        snprintf(sql,
                 sizeof(sql),
                 "SELECT (SELECT count(*) FROM (SELECT * FROM main.%s EXCEPT SELECT * FROM other.%s))"
                 " + (SELECT count(*) FROM (SELECT * FROM other.%s EXCEPT SELECT * FROM main.%s))",
                 names[i],
                 names[i],
                 names[i],
                 names[i]);
        if (ask(db, sql) != 0)
            qt_fail("%ld rows of %s differ", (long) ask(db, sql), names[i]);
        print_message("%s: %ld rows, the same\n", names[i], (long) rows);
    }
    (void) sqlite3_close(db);
}

/* client_new makes a handle for the database. */
static QmClient *
client_new(void)
{
    QmClientOptions options = {.conninfo = qt_conninfo()};
    QmClient *client = qm_client_new(&options);

    assert_non_null(client);
    return client;
}

/* test_round_trip goes there and back. */
static void
test_round_trip(void **state)
{
    const char *asked = getenv("QM_TEST_ORDERS");
    int count = asked == NULL ? ORDERS : atoi(asked);
    const char *path = qt_store_file("there");
    const char *back = qt_store_file("back");
    QmStoreOptions options = {.type = "sqlite", .path = path};
    QmStore *store = qt_store("sqlite", "there");
    QmTransfer transfer;
    QmClient *client;
    QmError error;

    (void) state;
    trade_all(store, count);
    qt_database("transfer_test");
    qt_ask("DELETE FROM quantmesh.market"); /* one that is known keeps its filters */
    client = client_new();
    /* The store is open: nobody moves it meanwhile. */
    assert_code(qm_import_sqlite(path, client, account, &transfer), QM_ERROR_SERVER, &transfer.error);
    assert_string_equal(transfer.error.sqlstate, "55006");
    store->functions->close(store);

    assert_ok(qm_import_sqlite(path, client, account, &transfer), &transfer.error);
    assert_int_equal(transfer.orders, count);
    assert_int_equal(transfer.orders_new, count);
    assert_int_equal(transfer.states_new, 1);
    print_message("%d orders, %ld fills, %ld events\n", count, (long) transfer.fills, (long) transfer.events);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders"), count);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.positions AS p JOIN quantmesh.position_sums AS s "
                                   "USING (account, symbol, strategy) WHERE p.quantity = s.quantity AND p.consistent"),
                     2);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.fill WHERE position_after = 0 AND cost_after <> 0"),
                     0);

    assert_ok(qm_import_sqlite(path, client, account, &transfer), &transfer.error);
    assert_int_equal(transfer.orders, count);
    assert_int_equal(transfer.orders_new, 0);
    assert_int_equal(transfer.states_new, 0);
    assert_code(qm_import_sqlite(path, client, "kraken", &transfer), QM_ERROR_SERVER, &transfer.error);
    assert_code(qm_store_open(&options, &store, &error), QM_ERROR_READ_ONLY, &error);
    assert_non_null(strstr(error.message, "moved to account"));
    options.read_only = true;
    assert_ok(qm_store_open(&options, &store, &error), &error);
    store->functions->close(store);

    (void) remove(back);
    assert_ok(qm_export_sqlite(back, client, account, &transfer), &transfer.error);
    assert_int_equal(transfer.orders, count);
    same_rows(path, back);
    assert_code(qm_export_sqlite(back, client, account, &transfer), QM_ERROR_SERVER, &transfer.error);
    assert_string_equal(transfer.error.sqlstate, "55000");
    assert_ok(qm_export_sqlite(path, client, account, &transfer), &transfer.error);
    options.read_only = false;
    assert_ok(qm_store_open(&options, &store, &error), &error);
    store->functions->close(store);
    qm_client_free(client);
}

/* test_traded_on goes on in PostgreSQL with what was imported: slots are held, reports find their orders, limits count. */
static void
test_traded_on(void **state)
{
    QmStore *store = qt_store("sqlite", "traded_on");
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "100", .quantity = "1", .strategy = "grid"};
    QmPlacement first = qt_placed(store, &order);
    QmStoreOptions options = {.type = "postgres"};
    QmPlacement placement;
    QmTransfer transfer;
    QmReport report = {.symbol = "BTCUSDT",
                       .client_order_id = first.client_order_id,
                       .trade_id = "1",
                       .last_quantity = "1",
                       .last_price = "100",
                       .state = "FILLED"};
    QmReportResult result;
    QmClient *client;
    QmError error;

    (void) state;
    store->functions->close(store);
    qt_database("transfer_test");
    qt_ask("SELECT quantmesh.set_limits('binance', 'BTCUSDT', max_open_orders => 2)");
    client = client_new();
    assert_ok(qm_import_sqlite(qt_store_file("traded_on"), client, account, &transfer), &transfer.error);
    options.postgres.conninfo = qt_conninfo();
    assert_ok(qm_store_open(&options, &store, &error), &error);
    assert_ok(store->functions->place_order(store, account, &order, NULL, &placement), qt_error(store));
    assert_int_equal(placement.outcome, QM_DUPLICATE);
    assert_true(placement.order_id == first.order_id);
    order.price = "99";
    (void) qt_placed(store, &order);
    order.price = "98";
    assert_ok(store->functions->place_order(store, account, &order, NULL, &placement), qt_error(store));
    assert_string_equal(placement.reason, "MAX_OPEN_ORDERS");
    assert_ok(store->functions->apply_report(store, account, &report, &result), qt_error(store));
    assert_string_equal(result.state, "filled");
    assert_true(result.order_id == first.order_id);
    (void) qt_placed(store, &order);
    store->functions->close(store);
    qm_client_free(client);
}

/* test_refused shows that a history which does not fit leaves nothing behind. */
static void
test_refused(void **state)
{
    QmStore *store = qt_store("sqlite", "refused");
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "100", .quantity = "1"};
    QmTransfer transfer;
    QmClient *client;

    (void) state;
    (void) qt_placed(store, &order);
    store->functions->close(store);
    qt_database("transfer_test");
    client = client_new();
    qt_ask("SELECT quantmesh.place_order('binance', 'BTCUSDT', 'buy', 100, 1)");
    assert_int_not_equal(qm_import_sqlite(qt_store_file("refused"), client, account, &transfer), QM_OK);
    assert_string_equal(transfer.error.sqlstate, "23505");
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders"), 1);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.market"), 1);
    qt_ask("SELECT quantmesh.set_market('kraken', 'BTCUSDT', 1, 1, base_asset => 'XBT', quote_asset => 'USDT')");
    assert_int_not_equal(qm_import_sqlite(qt_store_file("refused"), client, "kraken", &transfer), QM_OK);
    assert_string_equal(transfer.error.sqlstate, "55000");
    assert_int_not_equal(qm_import_sqlite(qt_store_file("nowhere"), client, account, &transfer), QM_OK);
    assert_non_null(strstr(transfer.error.message, "there is no file"));
    assert_int_not_equal(qm_export_sqlite(qt_store_file("never"), client, "nobody", &transfer), QM_OK);
    assert_string_equal(transfer.error.sqlstate, "P0002");
    /* Under another name there is room for it. */
    assert_ok(qm_import_sqlite(qt_store_file("refused"), client, "binance/old", &transfer), &transfer.error);
    assert_int_equal(transfer.orders_new, 1);
    qm_client_free(client);
}

/* test_earlier takes over a file of the earlier system. */
static void
test_earlier(void **state)
{
    const char *path = qt_store_file("earlier");
    sqlite3 *db;
    QmTransfer transfer;
    QmClient *client;

    (void) state;
    (void) remove(path);
    db = open_file(path);
    run(db,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, order_id INTEGER UNIQUE, client_order_id TEXT, symbol TEXT,"
        " side TEXT, price REAL, quantity REAL, status TEXT, created_at DATETIME, updated_at DATETIME);"
        "CREATE TABLE trades (id INTEGER PRIMARY KEY, buy_order_id INTEGER, sell_order_id INTEGER);"
        "INSERT INTO orders VALUES (1, 11, '6500000_B_1700000000001', 'BTCUSDT', 'BUY', 65000.0, 0.3, 'FILLED',"
        " '2023-11-14 22:13:20.5+00:00', '2023-11-14 22:14:20+00:00'),"
        "(2, 12, NULL, 'BTCUSDT', 'SELL', 66000.5, 0.1, 'FILLED', '2023-11-15 22:13:20+00:00', '2023-11-15 "
        "22:14:20+00:00'),"
        "(3, 13, '', 'BTCUSDT', 'BUY', 64000.0, 0.1, 'NEW', '2023-11-15 22:13:20+00:00', NULL),"
        "(4, 14, '', 'BTCUSDT', 'BUY', 63000.0, 0.1, 'CANCELED', '2023-11-15 22:13:20+00:00', '2023-11-15 "
        "22:15:20+00:00'),"
        "(5, 15, '', 'BTCUSDT', 'BUY', 63000.0, 0.1, 'WHATEVER', '2023-11-15 22:13:20+00:00', NULL),"
        "(6, 16, '', 'BTCUSDT', 'BUY', -1, 0.1, 'FILLED', '2023-11-15 22:13:20+00:00', NULL);");
    (void) sqlite3_close(db);
    qt_database("transfer_test");
    client = client_new();
    assert_int_not_equal(qm_import_sqlite(path, client, "unknown", &transfer), QM_OK);
    assert_string_equal(transfer.error.sqlstate, "22004"); /* set_market must have been called */
    assert_ok(qm_import_sqlite(path, client, account, &transfer), &transfer.error);
    assert_true(transfer.earlier);
    assert_int_equal(transfer.orders_new, 4);
    assert_int_equal(transfer.skipped, 2);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', trim_scale(quantity), trim_scale(cost), "
                               "trim_scale(realized_profit)) "
                               "FROM quantmesh.positions"),
                        "0.2 13000 100.05");
    assert_string_equal(qt_ask("SELECT string_agg(concat_ws(' ', exchange_order_id, state, holds_slot), ',' ORDER BY "
                               "exchange_order_id) FROM quantmesh.orders"),
                        "11 filled f,12 filled f,13 unknown f,14 canceled f");
    assert_string_equal(qt_ask("SELECT created_at AT TIME ZONE 'UTC' FROM quantmesh.orders WHERE exchange_order_id = "
                               "'11'"),
                        "2023-11-14 22:13:20.5");
    assert_ok(qm_import_sqlite(path, client, account, &transfer), &transfer.error);
    assert_int_equal(transfer.orders_new, 0);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.fill"), 2);
    qm_client_free(client);
}

/* test_program does so as people do. */
static void
test_program(void **state)
{
    QmStore *store = qt_store("sqlite", "program");
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "100", .quantity = "1"};
    const char *path = qt_store_file("program");
    const char *back = qt_store_file("program_back");

    (void) state;
    (void) qt_placed(store, &order);
    store->functions->close(store);
    qt_database("transfer_test");
    assert_run(QM_EXIT_OK,
               "imported: 1 of 1 orders, with 0 fills and 0 events, and 0 of 0 strategy states\n",
               "",
               "import",
               "sqlite",
               path,
               "--db",
               qt_conninfo(),
               "--account",
               account);
    assert_run(QM_EXIT_OK,
               "nothing new: all 1 orders were there\n",
               "",
               "import",
               "sqlite",
               path,
               "--db",
               qt_conninfo(),
               "--account",
               account);
    (void) remove(back);
    assert_run(QM_EXIT_OK,
               "exported: 1 orders, 0 fills, 0 events, 0 positions, 0 strategy states\n",
               "",
               "export",
               "sqlite",
               back,
               "--db",
               qt_conninfo(),
               "--account",
               account);
    assert_run(QM_EXIT_REFUSED, "", NULL, "export", "sqlite", back, "--db", qt_conninfo(), "--account", account);
    assert_run(QM_EXIT_NOT_FOUND,
               "",
               NULL,
               "import",
               "sqlite",
               qt_store_file("nowhere"),
               "--db",
               qt_conninfo(),
               "--account",
               account);
    assert_run(QM_EXIT_USAGE, "", NULL, "import", "mysql", path, "--db", qt_conninfo(), "--account", account);
    assert_run(QM_EXIT_USAGE, "", NULL, "import", "sqlite", path, "--db", qt_conninfo());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip),
                                       cmocka_unit_test(test_traded_on),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_earlier),
                                       cmocka_unit_test(test_program)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
