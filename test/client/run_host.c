/*
 * An instance at a paper exchange.
 *
 * The market is a wave of prices, so that a grid around it trades all the time. What
 * is compared comes from two sides that know nothing of one another: the exchange's
 * log, and the store's tables, past the store's own functions.
 */
#include "run_host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "decimal.h"
#include "runner.h"

#define MINUTE_MS 60000
#define BEGIN_MS 1700000040000
#define WAIT_MS 60000

static void write_candles(const char *path, int minutes);
static int wave(int minute);
static json_t *read_audit(const char *path);
static void compare_orders(sqlite3 *store, json_t *list, QtAgreement *agreement);
static void compare_order(sqlite3 *store, const json_t *order);
static void compare_fills(sqlite3 *store, const json_t *list, QtAgreement *agreement);
static void add_trade(QtAgreement *agreement, const json_t *trade);
static void compare_grid(sqlite3 *store, const QtAgreement *agreement);
static bool is_event(const json_t *line, const char *name);
static bool is_others(const json_t *line);
static const char *ask(sqlite3 *store, const char *question, const char *first, const char *second);
static bool same(const char *left, const char *right);

void
qt_trader_start(QtTrader *trader, int minutes, const char *more_config)
{
    qt_trader_start_live(trader, minutes, 0, more_config);
}

void
qt_trader_start_live(QtTrader *trader, int minutes, int speed, const char *more_config)
{
    static int number;
    char candles[600];
    char list[1400];
    char config[2048];
    QmError error;

    memset(trader, 0, sizeof(*trader));
    snprintf(candles, sizeof(candles), "%s/candles%d.csv", qt_scratch(), ++number);
    snprintf(trader->store, sizeof(trader->store), "%s/trader%d.db", qt_scratch(), number);
    snprintf(trader->log, sizeof(trader->log), "%s/trader%d.log", qt_scratch(), number);
    snprintf(trader->audit, sizeof(trader->audit), "%s/trader%d.audit", qt_scratch(), number);
    snprintf(trader->config, sizeof(trader->config), "%s/trader%d.yaml", qt_scratch(), number);
    write_candles(candles, minutes);
    assert_ok(qm_paper_setup_begin(&trader->paper.setup, &error), &error);
    trader->paper.setup.world.speed = speed;
    trader->paper.setup.world.audit = trader->audit;
    trader->paper.setup.server.weight_max = trader->paper.setup.server.orders_10s_max = -1;
    trader->paper.setup.server.orders_day_max = -1;
    snprintf(list, sizeof(list), "BTC/USDT=%s", candles);
    if (strstr(more_config, "ETHUSDT") != NULL)
        snprintf(list, sizeof(list), "BTC/USDT=%s,ETH/USDT=%s", candles, candles);
    assert_ok(qm_paper_setup_symbols(&trader->paper.setup, list, NULL, &error), &error);
    assert_ok(qm_paper_setup_account(&trader->paper.setup, "main", QT_PAPER_KEY, QT_PAPER_SECRET, &error), &error);
    assert_ok(qm_paper_setup_balances(&trader->paper.setup, "USDT=100000", &error), &error);
    qt_paper_start(&trader->paper);
    snprintf(config,
             sizeof(config),
             "app: {current_exchange: binance}\n"
             "exchanges: {binance: {api_key: " QT_PAPER_KEY ", secret_key: " QT_PAPER_SECRET ", fee_rate: 0.001}}\n"
             "database: {type: sqlite, dsn: %s}\n"
             "trading:\n"
             "  symbol: BTCUSDT\n"
             "  price_interval: 100\n"
             "  order_quantity: 100\n"
             "  min_order_value: 10\n"
             "  buy_window_size: 4\n"
             "  sell_window_size: 4\n"
             "%s",
             trader->store,
             more_config);
    (void) qt_file(strrchr(trader->config, '/') + 1, config);
}

void
qt_trader_stop(QtTrader *trader)
{
    qt_paper_stop(&trader->paper);
}

/* write_candles writes the market as Binance's files have it. */
static void
write_candles(const char *path, int minutes)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("timestamp,open,high,low,close,volume,symbol\n", file);
    for (int i = 0; i < minutes; i++)
    {
        int open = wave(i);
        int close = wave(i + 1);
        int high = (open > close ? open : close) + 7;
        int low = (open < close ? open : close) - 9;

        fprintf(file,
                "%" PRId64 ",%d.00,%d.00,%d.00,%d.00,%d.00,BTCUSDT\n",
                (int64_t) BEGIN_MS + (int64_t) i * MINUTE_MS,
                open,
                high,
                low,
                close,
                i % 28 >= 18 && i % 28 <= 20 ? 500 : 50); /* the fall is loud for a while */
    }
    assert_int_equal(fclose(file), 0);
}

/* wave returns the price of a minute: up and down by 854 in steps of 61, around a level that moves slowly. */
static int
wave(int minute)
{
    int phase = minute % 28;

    return 30000 + (phase < 14 ? phase : 28 - phase) * 61 + minute / 28 * 15;
}

void
qt_trader_fault(QtTrader *trader, const char *json)
{
    (void) qt_paper_admin(&trader->paper, "POST", "fault", json);
    assert_int_equal(trader->paper.status, 200);
}

pid_t
qt_trader_run(QtTrader *trader)
{
    char paper[2 * sizeof(trader->prices) + 2];
    pid_t pid;
    int log;

    snprintf(paper, sizeof(paper), "%s%s%s", trader->paper.url, trader->prices[0] != '\0' ? "," : "", trader->prices);
    pid = fork();
    assert_true(pid >= 0);
    trader->runs++;
    if (pid > 0)
        return pid;
    log = open(trader->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDERR_FILENO);
    dup2(log, STDOUT_FILENO);
    execl(getenv("QM_TEST_PROGRAM"),
          "quantmesh",
          "run",
          trader->config,
          "--paper",
          paper,
          trader->paper.setup.world.speed == 0 ? "--follow" : NULL,
          trader->paper.admin_url,
          (char *) NULL);
    _exit(127);
}

int
qt_trader_end(pid_t pid)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        qt_fail("cannot wait: %s", strerror(errno));
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void
qt_trader_run_to_end(QtTrader *trader)
{
    int status = qt_trader_end(qt_trader_run(trader));

    if (status != 0)
        qt_fail("exit code %d, see %s", status, trader->log);
}

QtAgreement
qt_trader_done(QtTrader *trader, int fills_min)
{
    QtAgreement agreement;

    qt_trader_stop(trader);
    qt_trader_agree(trader, &agreement);
    print_message("%d runs, %d orders, %d fills, %d never at the exchange, position %s; %d warnings, %d errors\n",
                  trader->runs,
                  agreement.orders,
                  agreement.fills,
                  agreement.never,
                  agreement.position,
                  qt_trader_logged(trader, "Z warn  "),
                  qt_trader_logged(trader, "Z error "));
    assert_true(agreement.fills >= fills_min);
    return agreement;
}

int
qt_trader_logged(const QtTrader *trader, const char *text)
{
    return qt_trader_said(trader, text);
}

/* qt_trader_count counts the lines of a file that have all of the texts in them. */
int
qt_trader_count(const char *path, const char *const *texts)
{
    FILE *file = fopen(path, "r");
    char line[16384];
    int count = 0;

    if (file == NULL)
        qt_fail("%s cannot be read", path);
    while (fgets(line, sizeof(line), file) != NULL)
    {
        const char *const *text = texts;

        while (*text != NULL && strstr(line, *text) != NULL)
            text++;
        count += *text == NULL;
    }
    fclose(file);
    return count;
}

void
qt_trader_until_said(const QtTrader *trader, const char *text, int count)
{
    for (int waited = 0; waited < WAIT_MS; waited += 5)
    {
        if (access(trader->log, R_OK) == 0 && qt_trader_logged(trader, text) >= count)
            return;
        usleep(5000);
    }
    qt_fail("\"%s\" does not come %d times in %s", text, count, trader->log);
}

/* qt_trader_until_step waits until the exchange has come to a step of its data. */
void
qt_trader_until_step(QtTrader *trader, int64_t step)
{
    for (int waited = 0; waited < WAIT_MS; waited += 5)
    {
        json_t *state = qt_paper_admin(&trader->paper, "GET", "state", NULL);

        if (qt_paper_whole(state, "step") >= step || json_is_true(json_object_get(state, "ended")))
            return;
        usleep(5000);
    }
    qt_fail("the exchange does not come to step %" PRId64, step);
}

void
qt_trader_agree(QtTrader *trader, QtAgreement *agreement)
{
    json_t *list = read_audit(trader->audit);
    sqlite3 *store;

    memset(agreement, 0, sizeof(*agreement));
    assert_int_equal(sqlite3_open_v2(trader->store, &store, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    compare_orders(store, list, agreement);
    compare_fills(store, list, agreement);
    compare_grid(store, agreement);
    sqlite3_close(store);
    json_decref(list);
}

/* read_audit reads the exchange's log, line by line. */
static json_t *
read_audit(const char *path)
{
    FILE *file = fopen(path, "r");
    json_t *list = json_array();
    char line[4096];

    if (file == NULL)
        qt_fail("%s cannot be read", path);
    while (fgets(line, sizeof(line), file) != NULL)
        assert_int_equal(json_array_append_new(list, json_loads(line, 0, NULL)), 0);
    fclose(file);
    return list;
}

static bool
is_event(const json_t *line, const char *name)
{
    return strcmp(qt_paper_text(line, "event"), name) == 0;
}

/* is_others tells whether a line is of an order that none of the account's clients has sent; those have ids of ours. */
static bool
is_others(const json_t *line)
{
    return qt_paper_text(line, "client_id")[0] != 'q';
}

/* compare_orders takes for each order the last line that shows it, and sees that no two were open in one slot. */
static void
compare_orders(sqlite3 *store, json_t *list, QtAgreement *agreement)
{
    json_t *orders = json_object();
    json_t *slots = json_object();

    for (size_t i = 0; i < json_array_size(list); i++)
    {
        json_t *line = json_array_get(list, i);
        const char *slot;

        if ((!is_event(line, "order") && !is_event(line, "end")) || is_others(line))
            continue;
        slot = ask(store,
                   "SELECT side || ' ' || slot FROM orders WHERE client_order_id = ?1",
                   qt_paper_text(line, "client_id"),
                   NULL);
        if (slot[0] == '\0')
            qt_fail("order %s is not in the store", qt_paper_text(line, "client_id"));
        if (is_event(line, "order"))
        {
            agreement->orders++;
            if (json_object_get(slots, slot) != NULL)
                qt_fail("two orders in slot %s", slot);
            json_object_set_new(slots, slot, json_true());
        }
        if (is_event(line, "end"))
            json_object_del(slots, slot);
        json_object_set(orders, qt_paper_text(line, "client_id"), line);
    }
    for (void *at = json_object_iter(orders); at != NULL; at = json_object_iter_next(orders, at))
        compare_order(store, json_object_iter_value(at));
    agreement->never = atoi(ask(store, "SELECT count(*) FROM orders WHERE exchange_order_id IS NULL", NULL, NULL));
    agreement->absent = atoi(ask(store, "SELECT count(*) FROM orders WHERE state = 'never_accepted'", NULL, NULL));
    assert_int_equal(atoi(ask(store, "SELECT count(*) FROM orders", NULL, NULL)), agreement->orders + agreement->never);
    json_decref(orders);
    json_decref(slots);
}

/* compare_order compares an order's state and what it has filled. */
static void
compare_order(sqlite3 *store, const json_t *order)
{
    static const char *const words[][2] = {{"NEW", "open"},
                                           {"PARTIALLY_FILLED", "partially_filled"},
                                           {"FILLED", "filled"},
                                           {"CANCELED", "canceled"},
                                           {"EXPIRED", "expired"}};
    const char *client_id = qt_paper_text(order, "client_id");
    const char *status = qt_paper_text(order, "status");
    const char *state = ask(store, "SELECT state FROM orders WHERE client_order_id = ?1", client_id, NULL);
    const char *filled;
    bool is_word = false;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
    {
        bool partly =
            i == 0 && strcmp(state, "partially_filled") == 0; /* the log shows no order that was filled in part */

        is_word = is_word || strcmp(words[i][0], status) == 0;
        if (strcmp(words[i][0], status) == 0 && !partly && strcmp(words[i][1], state) != 0)
            qt_fail("order %s is %s at the exchange and \"%s\" here", client_id, status, state);
    }
    if (!is_word)
        qt_fail("order %s is %s at the exchange, which nothing is known of", client_id, status);
    if (strcmp(status, "NEW") == 0)
        return;
    filled = ask(store, "SELECT filled_quantity FROM orders WHERE client_order_id = ?1", client_id, NULL);
    if (!same(filled, qt_paper_text(order, "filled")))
        qt_fail("order %s has filled %s here, not %s", client_id, filled, qt_paper_text(order, "filled"));
}

/* compare_fills compares every trade, and the sum of them with the position. */
static void
compare_fills(sqlite3 *store, const json_t *list, QtAgreement *agreement)
{
    const char *stored;

    strcpy(agreement->position, "0");
    for (size_t i = 0; i < json_array_size(list); i++)
    {
        const json_t *line = json_array_get(list, i);
        char id[32];

        if (!is_event(line, "trade") || is_others(line))
            continue;
        agreement->fills++;
        snprintf(id, sizeof(id), "%lld", (long long) qt_paper_whole(line, "trade_id"));
        stored = ask(store,
                     "SELECT quantity FROM fill WHERE trade_id = ?1 AND side = lower(?2)",
                     id,
                     qt_paper_text(line, "side"));
        if (!same(stored, qt_paper_text(line, "quantity")))
            qt_fail("trade %s has \"%s\" here, not %s", id, stored, qt_paper_text(line, "quantity"));
        add_trade(agreement, line);
    }
    assert_int_equal(atoi(ask(store, "SELECT count(*) FROM fill", NULL, NULL)), agreement->fills);
    stored = ask(store, "SELECT quantity FROM position", NULL, NULL);
    if (agreement->fills > 0 && !same(stored, agreement->position))
        qt_fail("the position is %s here and %s by the exchange's trades", stored, agreement->position);
}

/* compare_grid compares what the grid's slots have, as its last document says, with the position. */
static void
compare_grid(sqlite3 *store, const QtAgreement *agreement)
{
    const char *text = ask(store, "SELECT document FROM strategy_state WHERE strategy = 'grid'", NULL, NULL);
    json_t *document = json_loads(text, 0, NULL);
    const json_t *slots = json_object_get(document, "slots");
    QmDecimal sum = qm_decimal_of("0");
    bool equal;

    if (document == NULL)
        qt_fail("the grid has no document, but \"%s\"", text);
    for (size_t i = 0; i <= json_array_size(slots); i++)
    {
        const json_t *part = i < json_array_size(slots) ? json_array_get(slots, i) : document;
        const char *quantity = qt_paper_text(part, part == document ? "loose" : "position");

        if (quantity[0] != '\0')
            sum = qm_decimal_add(sum, qm_decimal_of(quantity));
    }
    equal = qm_decimal_cmp(sum, qm_decimal_of(agreement->position)) == 0;
    if (!equal)
        qt_fail("the grid has %s, and the account %s", qm_decimal_text(sum), agreement->position);
    qm_scratch_drop();
    json_decref(document);
}

/* add_trade adds a trade to the position, less what it has cost in the base asset. */
static void
add_trade(QtAgreement *agreement, const json_t *trade)
{
    bool buys = strcmp(qt_paper_text(trade, "side"), "BUY") == 0;
    QmDecimal quantity = qm_decimal_of(qt_paper_text(trade, "quantity"));
    QmDecimal position = qm_decimal_of(agreement->position);

    position = buys ? qm_decimal_add(position, quantity) : qm_decimal_sub(position, quantity);
    if (strcmp(qt_paper_text(trade, "fee_asset"), "BTC") == 0)
        position = qm_decimal_sub(position, qm_decimal_of(qt_paper_text(trade, "fee")));
    snprintf(agreement->position, sizeof(agreement->position), "%s", qm_decimal_text(position));
    qm_scratch_drop();
}

/* ask returns the one value that a question has as its answer, until the next; "" for none. */
static const char *
ask(sqlite3 *store, const char *question, const char *first, const char *second)
{
    static char answer[65536];
    sqlite3_stmt *statement;

    answer[0] = '\0';
    assert_int_equal(sqlite3_prepare_v2(store, question, -1, &statement, NULL), SQLITE_OK);
    if (first != NULL)
        sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC);
    if (second != NULL)
        sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0) != NULL)
        snprintf(answer, sizeof(answer), "%s", (const char *) sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    return answer;
}

/* same compares two numbers, however they are written. */
static bool
same(const char *left, const char *right)
{
    bool equal = left[0] != '\0' && right[0] != '\0' && qm_decimal_cmp(qm_decimal_of(left), qm_decimal_of(right)) == 0;

    qm_scratch_drop();
    return equal;
}
