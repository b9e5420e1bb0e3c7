/*
 * The program quantmesh without a server: command lines, help, completion,
 * configuration files, and output that cannot be written.
 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "listing.h"
#include "runner.h"

#define VALID                                                                                                         \
    "app:\n  current_exchange: binance\nexchanges:\n  binance:\n    api_key: topsecret\n    secret_key: hidden\n"     \
    "    market: spot\n    fee_rate: 0.001\ndatabase:\n  type: sqlite\ntrading:\n  symbols:\n    - symbol: BTCUSDT\n" \
    "      price_interval: 50\n      order_quantity: 30\n      buy_window_size: 10\n      sell_window_size: 10\n"

static char text[QT_RUN_SIZE];

static void
test_version(void **state)
{
    char wanted[64];

    (void) state;
    snprintf(wanted, sizeof(wanted), "quantmesh %s\n", qm_version());
    assert_run(QM_EXIT_OK, wanted, "", "--version");
}

/* is_documented looks for a command in the manual. */
static bool
is_documented(const char *name)
{
    char wanted[128];
    FILE *file = fopen("docs/program.md", "r");
    size_t len;

    if (file == NULL)
        qt_fail("no docs/program.md");
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    snprintf(wanted, sizeof(wanted), "`quantmesh %s", name);
    return strstr(text, wanted) != NULL;
}

/* Every command is in the help, has one of its own, and is in the manual. */
static void
test_help(void **state)
{
    char head[256];
    char all[QT_RUN_SIZE];
    const QmCommand *command;

    (void) state;
    assert_run(QM_EXIT_OK, NULL, "", "--help");
    strcpy(all, qt_run("--help")->out);
    assert_run(QM_EXIT_OK, all, "", "help");
    assert_run(QM_EXIT_OK, all, "", "-h");
    for (int i = 0; (command = qm_command_at(i)) != NULL; i++)
    {
        snprintf(head, sizeof(head), "  %-14s %s\n", command->name, command->summary);
        if (strstr(all, head) == NULL)
            qt_fail("help lacks: %s", head);
        snprintf(head, sizeof(head), "quantmesh %s: %s\n\nusage: quantmesh ", command->name, command->summary);
        assert_memory_equal(qt_run(command->name, "--help")->out, head, strlen(head));
        assert_memory_equal(qt_run("help", command->name)->out, head, strlen(head));
        assert_run(QM_EXIT_OK, NULL, "", command->name, "--help");
        assert_true(is_documented(command->name));
    }
}

static void
test_wrong_command_lines(void **state)
{
    static const struct
    {
        const char *arguments[6];
        const char *message;
    } cases[] = {
        {{NULL}, "no command\n  quantmesh --help lists the commands.\n"},
        {{"statsu"}, "unknown command \"statsu\"; did you mean status?\n  quantmesh --help lists the commands.\n"},
        {{"nonsense"}, "unknown command \"nonsense\"\n  quantmesh --help lists the commands.\n"},
        {{"help", "nonsense"}, "unknown command \"nonsense\"\n  quantmesh --help lists the commands.\n"},
        {{"--db"}, "unknown option \"--db\"\n  quantmesh --help lists the commands.\n"},
        {{"orders", "--accounts", "x"},
         "unknown option \"--accounts\"; did you mean --account?\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--password=secret"},
         "unknown option \"--password\"\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "-a"}, "unknown option \"-a\"\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--account"}, "--account needs a value, ACCOUNT\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--json=yes"}, "--json takes no value\n  quantmesh orders --help says what it takes.\n"},
        {{"halt", "--account", "a", "--account=b"},
         "--account is given twice\n  quantmesh halt --help says what it takes.\n"},
        {{"orders", "x"}, "unexpected argument \"x\"\n  quantmesh orders --help says what it takes.\n"},
        {{"reconcile", "binance"}, "ACCOUNT SYMBOL is missing\n  quantmesh reconcile --help says what it takes.\n"},
        {{"status"},
         "one of --db and --config has to name the database\n  quantmesh status --help says what it takes.\n"},
        {{"status", "--db", "", "--config", "x"},
         "one of --db and --config has to name the database\n  quantmesh status --help says what it takes.\n"},
        {{"status", "--db", "", "--timeout", "0"},
         "--timeout must be a number from 1 to 3600, not \"0\"\n  quantmesh status --help says what it takes.\n"},
        {{"orders", "--db", "", "--limit", "5"},
         "--limit goes with --history: live orders are all shown\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--db", "", "--state", "filled"},
         "orders that are filled have ended: add --history\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--db", "", "--history", "--state=OPEN"},
         "orders that are open are live: leave --history out\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--db", "", "--state=opne"},
         "there is no state \"opne\" of orders\n  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--db", "", "--order=1e3"},
         "--order must be a number from 1 to 9223372036854775807, not \"1e3\"\n"
         "  quantmesh orders --help says what it takes.\n"},
        {{"orders", "--db", "", "--order=1", "--history"},
         "--order and --history do not go together\n  quantmesh orders --help says what it takes.\n"},
        {{"locks", "--db", "", "--mode", "row"},
         "--mode must be transaction, session or lease, not \"row\"\n  quantmesh locks --help says what it takes.\n"},
        {{"halt", "--db", "", "--reason", "x"},
         "one of --account and --all has to say where\n  quantmesh halt --help says what it takes.\n"},
        {{"halt", "--db", "", "--all"},
         "--reason is missing: whoever finds it halted will want to know\n  quantmesh halt --help says what it "
         "takes.\n"},
        {{"halt", "--db=", "--account=*", "--reason=x"},
         "every account is --all, not \"*\"\n  quantmesh halt --help says what it takes.\n"},
        {{"resume", "--db", "", "--all"},
         "--yes is missing: there is no terminal to ask at\n  quantmesh resume --help says what it takes.\n"},
        {{"completion", "fish"},
         "no completion for \"fish\", only for bash\n  quantmesh completion --help says what it takes.\n"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        char wanted[512];

        snprintf(wanted, sizeof(wanted), "quantmesh: %s", cases[i].message);
        qt_run_check(qt_run_list(cases[i].arguments), QM_EXIT_USAGE, "", wanted, __FILE__, __LINE__);
    }
}

/* What cannot be read as a connection string is not shown: it may be a piece of a password. */
static void
test_unreadable_conninfo(void **state)
{
    static const char message[] =
        "quantmesh: the connection string cannot be read\n  It has keywords and values, \"host=db."
        "example.org dbname=quantmesh\", or is a URI, postgresql://host/dbname.\n";
    const char *path;

    (void) state;
    assert_run(QM_EXIT_USAGE, "", message, "status", "--db", "host=x password=two words");
    assert_run(QM_EXIT_USAGE, "", message, "status", "--db", "postgresql://u:pass%zz@h/d");
    path = qt_file("bad.yaml",
                   "database: {type: postgres, dsn: \"host=x password=two words\"}\napp: {current_exchange: binance}\n"
                   "exchanges: {binance: {api_key: k, secret_key: s}}\n"
                   "trading: {symbols: [{symbol: BTCUSDT, price_interval: 1, order_quantity: 30, window_size: 5}]}\n");
    assert_run(QM_EXIT_CONFIG, "", message, "status", "--config", path);
}

static void
test_check_config(void **state)
{
    char first[QT_RUN_SIZE];
    char wanted[512];
    const char *path = qt_file("valid.yaml", VALID);

    (void) state;
    assert_run(QM_EXIT_OK, NULL, "", "check-config", path);
    strcpy(first, qt_run("check-config", path)->out);
    assert_non_null(strstr(first, "symbol: \"BTCUSDT\"\n"));
    assert_null(strstr(first, "topsecret"));
    assert_null(strstr(first, "hidden"));

    /* What is printed loads again, and says the same, beside what its masked keys stop. */
    path = qt_file("printed.yaml", first);
    assert_run(QM_EXIT_OK, first, NULL, "check-config", path);
    assert_non_null(strstr(qt_run("check-config", path)->err, "stops run with real money"));

    path = qt_file("odd.yaml", VALID "timing:\n  websocket_pong_wiat: 3\n");
    snprintf(wanted,
             sizeof(wanted),
             "%s:19:3: warning: timing.websocket_pong_wiat: unknown key; did you mean websocket_pong_wait?\n",
             path);
    assert_run(QM_EXIT_OK, first, wanted, "check-config", path);
    snprintf(wanted,
             sizeof(wanted),
             "%s:19:3: error: timing.websocket_pong_wiat: unknown key; did you mean websocket_pong_wait?\n",
             path);
    assert_run(QM_EXIT_CONFIG, "", wanted, "check-config", path, "--strict");

    path = qt_file("wrong.yaml", VALID "web:\n  port: many\n");
    assert_run(QM_EXIT_CONFIG, "", NULL, "check-config", path);
    assert_run(QM_EXIT_CONFIG, "", NULL, "check-config", "/nonexistent/config.yaml");
}

/* Futures are not traded with real money as if they were spot. */
static void
test_run_refuses_futures(void **state)
{
    const char *path =
        qt_file("futures.yaml",
                "app: {current_exchange: binance}\nexchanges: {binance: {api_key: k, secret_key: s}}\n"
                "trading: {symbol: BTCUSDT, price_interval: 50, order_quantity: 30, buy_window_size: 5}\n");

    (void) state;
    assert_run(QM_EXIT_CONFIG, "", NULL, "run", path);
    assert_non_null(strstr(qt_run("run", path)->err, "stops run with real money: exchanges.binance.market"));
    assert_non_null(strstr(qt_run("run", path)->err, "With --paper it can be tried out."));
}

/* A command that needs a server says what is wrong with the file that should name it. */
static void
test_config_without_database(void **state)
{
    char wanted[512];
    const char *path = qt_file("valid.yaml", VALID);

    (void) state;
    snprintf(wanted,
             sizeof(wanted),
             "quantmesh: %s has no PostgreSQL: its database.type is sqlite\n  Set database.type to postgres there, or "
             "name "
             "the database with --db.\n",
             path);
    assert_run(QM_EXIT_CONFIG, "", wanted, "orders", "--config", path);
    assert_run(QM_EXIT_CONFIG, "", NULL, "orders", "--config", "/nonexistent/config.yaml");
}

/* completed returns what bash makes of a half-written command line. */
static const char *
completed(const char *words)
{
    static char out[1024];
    char command[1024];
    FILE *pipe;
    size_t len;

    snprintf(command,
             sizeof(command),
             "bash -c 'source <(\"$QM_TEST_PROGRAM\" completion bash); COMP_WORDS=(%s); "
             "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _quantmesh; echo \"${COMPREPLY[*]}\"' 2>&1",
             words);
    pipe = popen(command, "r");
    if (pipe == NULL)
        qt_fail("cannot run bash");
    len = fread(out, 1, sizeof(out) - 1, pipe);
    out[len] = '\0';
    pclose(pipe);
    return out;
}

static void
test_completion(void **state)
{
    char line[600];
    char wanted[600];
    const char *path;

    (void) state;
    assert_string_equal(completed("quantmesh st"), "status\n");
    assert_string_equal(completed("quantmesh orders --h"), "--help --history\n");
    assert_string_equal(completed("quantmesh status --acc"), "\n");
    assert_string_equal(completed("quantmesh help re"), "reconcile resume\n");
    path = qt_file("complete.yaml", "");
    snprintf(line, sizeof(line), "quantmesh check-config %.*s", (int) strlen(path) - 3, path);
    snprintf(wanted, sizeof(wanted), "%s\n", path);
    assert_string_equal(completed(line), wanted);
    snprintf(line, sizeof(line), "quantmesh orders --config %.*s", (int) strlen(path) - 3, path);
    assert_string_equal(completed(line), wanted);
}

static void
test_output_that_cannot_be_written(void **state)
{
    static const char *const arguments[] = {"help", NULL};
    int full = open("/dev/full", O_WRONLY);
    int ends[2];

    (void) state;
    qt_run_check(qt_run_into(full, arguments),
                 QM_EXIT_OUTPUT,
                 "",
                 "quantmesh: the output cannot be written: No space left on device\n",
                 __FILE__,
                 __LINE__);
    close(full);
    qt_run_check(qt_run_into(-1, arguments),
                 QM_EXIT_OUTPUT,
                 "",
                 "quantmesh: the output cannot be written: Bad file descriptor\n",
                 __FILE__,
                 __LINE__);

    /* A reader that has seen enough is no failure. */
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    qt_run_check(qt_run_into(ends[1], arguments), QM_EXIT_OK, "", "", __FILE__, __LINE__);
    close(ends[1]);
}

/* document_cell is a row of one cell, a document of the server. */
static const char *
document_cell(const void *source, int row, const char *column)
{
    (void) row;
    (void) column;
    return source;
}

/* Numbers within JSON of the server keep all their digits, and nothing else changes. */
static void
test_json_of_the_server(void **state)
{
    static const QmColumn columns[] = {{"detail", NULL, QM_CELL_JSON}, {NULL, NULL, QM_CELL_TEXT}};
    const QmRows rows = {
        .source =
            "{\"e\": 1.10, \"list\": [true, -12345678901234567890.5e-3, \"1 \\\" 2\", null, {}], \"7\": \"\\\\\"}",
        .count = 1,
        .cell = document_cell,
    };
    json_t *json = qm_listing_json(columns, &rows);
    char *dump = json_dumps(json, JSON_COMPACT);

    (void) state;
    assert_string_equal(dump,
                        "[{\"detail\":{\"e\":\"1.10\",\"list\":[true,\"-12345678901234567890.5e-3\",\"1 \\\" "
                        "2\",null,{}],"
                        "\"7\":\"\\\\\"}}]");
    free(dump);
    json_decref(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_wrong_command_lines),
        cmocka_unit_test(test_unreadable_conninfo),
        cmocka_unit_test(test_check_config),
        cmocka_unit_test(test_run_refuses_futures),
        cmocka_unit_test(test_config_without_database),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_output_that_cannot_be_written),
        cmocka_unit_test(test_json_of_the_server),
    };

    unsetenv("INSTANCE_ID");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
