/*
 * Limits, files, memory, and what stops an instance from running.
 */
#define _DEFAULT_SOURCE
#include "config_help.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char large[4 * QM_CONFIG_FILE_MAX];

/* repeat appends a text to what is in large, count times. */
static void
repeat(const char *text, size_t count)
{
    size_t used = strlen(large);
    size_t len = strlen(text);

    assert_true(used + count * len < sizeof(large));
    for (size_t i = 0; i < count; i++)
        memcpy(large + used + i * len, text, len);
    large[used + count * len] = '\0';
}

/* loads_large loads what is in large, and tells whether it had no error; else the first has to be this one. */
static bool
loads_large(const char *error)
{
    QmConfig *config = load_with(large, NULL);
    const QmConfigMessage *message = config->messages;
    bool ok = qm_config_ok(config);
    char line[1024];

    for (size_t i = 0; !ok && i < config->message_count && message->severity != QM_CONFIG_ERROR; i++)
        message++;
    if (!ok)
    {
        qm_config_message_format(message, line, sizeof(line));
        assert_non_null(strstr(line, error));
    }
    qm_config_free(config);
    return ok;
}

static void
begin(const char *text)
{
    large[0] = '\0';
    repeat(text, 1);
}

static void
depth_has_a_limit(void **state)
{
    (void) state;
    for (size_t more = 0; more <= 1; more++)
    {
        begin(VALID_REST "plugins: {config: ");
        repeat("[", QM_CONFIG_DEPTH_MAX - 3 + more);
        repeat("x", 1);
        repeat("]", QM_CONFIG_DEPTH_MAX - 3 + more);
        repeat("}\n", 1);
        assert_int_equal(loads_large("nested too deeply, allowed: at most 32 levels"), more == 0);
    }
    begin("x: ");
    repeat("[", QM_CONFIG_FILE_MAX - 10);
    assert_false(loads_large("nested too deeply, allowed: at most 32 levels"));
}

static void
values_have_a_limit(void **state)
{
    (void) state;
    for (size_t more = 0; more <= 1; more++)
    {
        /* VALID_REST and what is around the list are 15 values. */
        begin(VALID_REST "plugins: {config: [");
        repeat("x,", QM_CONFIG_NODES_MAX - 15 + more);
        repeat("]}\n", 1);
        assert_int_equal(loads_large("too much in the file, allowed: at most 50000 values, aliases written out"),
                         more == 0);
    }
}

/* Nine aliases of nine aliases of ... would be more than a milliard. */
static void
aliases_are_counted(void **state)
{
    (void) state;
    begin(VALID_REST "a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (char name = 'b'; name <= 'i'; name++)
    {
        char line[128];

        snprintf(line,
                 sizeof(line),
                 "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n",
                 name,
                 name,
                 name - 1,
                 name - 1,
                 name - 1,
                 name - 1,
                 name - 1,
                 name - 1,
                 name - 1,
                 name - 1,
                 name - 1);
        repeat(line, 1);
    }
    assert_false(loads_large("too much in the file, allowed: at most 50000 values, aliases written out"));
}

static void
anchors_have_a_limit(void **state)
{
    (void) state;
    for (size_t more = 0; more <= 1; more++)
    {
        begin(VALID_REST "plugins: {config: [");
        repeat("&a x,", QM_CONFIG_ANCHORS_MAX + more);
        repeat("]}\n", 1);
        assert_int_equal(loads_large("too many anchors, allowed: at most 100"), more == 0);
    }
}

static void
keys_have_a_limit(void **state)
{
    (void) state;
    for (int more = 0; more <= 1; more++)
    {
        begin(VALID_REST "plugins:\n  config:\n");
        for (int i = 0; i < QM_CONFIG_KEYS_MAX + more; i++)
        {
            char line[32];

            snprintf(line, sizeof(line), "    k%d: x\n", i);
            repeat(line, 1);
        }
        assert_int_equal(loads_large("plugins.config: too many keys, allowed: at most 1000 in one mapping"), more == 0);
    }
    for (size_t more = 0; more <= 1; more++)
    {
        begin(VALID_REST "plugins: {config: {");
        repeat("k", QM_CONFIG_KEY_MAX + more);
        repeat(": x}}\n", 1);
        assert_int_equal(loads_large("a key that is too long, allowed: 1 to 128 bytes"), more == 0);
    }
}

static void
text_has_a_limit(void **state)
{
    (void) state;
    for (size_t more = 0; more <= 1; more++)
    {
        begin(VALID_REST "plugins: {directory: ");
        repeat("x", QM_CONFIG_TEXT_MAX + more);
        repeat("}\n", 1);
        assert_int_equal(loads_large("plugins.directory: too long, allowed: at most 4096 bytes"), more == 0);
    }
    begin(VALID_REST "distributed_lock: {redis: {password: \"");
    repeat("${A:-0123456789}", 200);
    repeat("\"}}\n", 1);
    assert_true(loads_large(""));
}

/* A value may not grow by its references either. */
static void
references_have_a_limit(void **state)
{
    static char value[QM_CONFIG_TEXT_MAX / 2 + 2];
    const char *const environment[][2] = {{"A", value}, {NULL, NULL}};
    QmConfig *config;

    (void) state;
    memset(value, 'a', QM_CONFIG_TEXT_MAX / 2);
    config = load_with("distributed_lock: {redis: {password: \"${A}${A}\"}}\n" VALID_REST, environment);
    assert_true(qm_config_ok(config));
    qm_config_free(config);
    config = load_with("distributed_lock: {redis: {password: \"${A}${A}x\"}}\n" VALID_REST, environment);
    assert_string_equal(messages_of(config->messages, config->message_count),
                        "c.yaml:1:38: error: distributed_lock.redis.password: too long with its references replaced");
    qm_config_free(config);
}

static void
lists_have_a_limit(void **state)
{
    (void) state;
    for (int more = 0; more <= 1; more++)
    {
        begin("app: {current_exchange: b}\nexchanges: {b: {api_key: k, secret_key: s}}\n"
              "trading: {price_interval: 1, order_quantity: 1, buy_window_size: 1, symbols: [\n");
        for (int i = 0; i < QM_CONFIG_MARKETS_MAX + more; i++)
        {
            char line[32];

            snprintf(line, sizeof(line), "{symbol: S%d},\n", i);
            repeat(line, 1);
        }
        repeat("]}\n", 1);
        assert_int_equal(loads_large("trading.symbols: too many, allowed: at most 1000"), more == 0);
    }
    for (int more = 0; more <= 1; more++)
    {
        begin("trading: {symbols: []}\nexchanges:\n");
        for (int i = 0; i < QM_CONFIG_EXCHANGES_MAX + more; i++)
        {
            char line[32];

            snprintf(line, sizeof(line), "  e%d: {}\n", i);
            repeat(line, 1);
        }
        assert_int_equal(loads_large("exchanges: too many, allowed: at most 64"), more == 0);
    }
    for (size_t more = 0; more <= 1; more++)
    {
        begin(VALID_REST "risk_control: {monitor_symbols: [");
        repeat("X,", QM_CONFIG_MARKETS_MAX + more);
        repeat("]}\n", 1);
        assert_int_equal(loads_large("risk_control.monitor_symbols: too many, allowed: at most 1000"), more == 0);
    }
}

/* A hundred messages are kept, and all are counted. What stops an instance is not lost among what is left out. */
static void
messages_have_a_limit(void **state)
{
    QmConfig *config;

    (void) state;
    begin("app: {current_exchange: b}\nexchanges: {b: {api_key: k, secret_key: s}}\ntrading: {symbols: [\n");
    repeat("{nobody: knows},\n", 150);
    repeat("]}\n", 1);
    config = load_with(large, NULL);
    assert_int_equal(config->message_count, QM_CONFIG_MESSAGES_MAX);
    assert_int_equal(config->stop_count, QM_CONFIG_MESSAGES_MAX);
    assert_int_equal(config->warning_count, 300); /* unknown keys, and windows that are not set */
    assert_int_equal(config->error_count, 450);   /* symbol, price_interval and order_quantity */
    assert_int_equal(config->messages_omitted, 750 - 100 + 150 + 4 - 100);
    assert_false(qm_config_may_run(config, false));
    qm_config_free(config);

    begin("app: {current_exchange: e0}\ntrading: {symbols: [\n");
    for (int i = 0; i < 64; i++)
    {
        char line[96];

        snprintf(line,
                 sizeof(line),
                 "{symbol: S, exchange: e%d, price_interval: 1, order_quantity: 1, window_size: 1},\n",
                 i);
        repeat(line, 1);
    }
    repeat("]}\nexchanges:\n", 1);
    for (int i = 0; i < 64; i++)
    {
        char line[96];

        snprintf(line, sizeof(line), "  e%d: {api_key: \"********\", secret_key: \"********\"}\n", i);
        repeat(line, 1);
    }
    repeat("database: {type: postgres, dsn: \"host=h password=********\"}\n", 1);
    config = load_with(large, NULL);
    assert_true(qm_config_ok(config));
    assert_int_equal(config->stop_count, QM_CONFIG_MESSAGES_MAX);
    assert_int_equal(config->messages_omitted, 64 * 6 + 1 - 100);
    assert_false(qm_config_may_run(config, false));
    qm_config_free(config);
}

/* in_file loads a file of these bytes, all spaces after the text. */
static QmConfig *
in_file(const char *text, off_t size)
{
    char path[] = "/tmp/qm_config_XXXXXX";
    int file = mkstemp(path);
    QmConfig *config;

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    if (size > 0)
        assert_int_equal(ftruncate(file, size), 0);
    close(file);
    config = qm_config_load_file(path, NULL);
    unlink(path);
    assert_non_null(config);
    return config;
}

static void
files_have_a_limit(void **state)
{
    char line[256];
    QmConfig *config = in_file("x: y\n", 100 * QM_CONFIG_FILE_MAX);

    (void) state;
    qm_config_message_format(config->messages, line, sizeof(line));
    assert_non_null(strstr(line, ": error: too large, found 104857600 bytes, allowed: at most 1048576 bytes"));
    qm_config_free(config);

    begin(VALID_REST "#");
    repeat("x", QM_CONFIG_FILE_MAX - strlen(large));
    config = in_file(large, 0);
    assert_true(qm_config_ok(config));
    qm_config_free(config);
    assert_true(loads_large(""));
    repeat("x", 1);
    assert_false(loads_large("c.yaml: error: too large, allowed: at most 1048576 bytes"));
    config = in_file(large, 0);
    assert_false(qm_config_ok(config));
    qm_config_free(config);
}

static void
files_that_cannot_be_read(void **state)
{
    char folder[] = "/tmp/qm_config_XXXXXX";
    char path[64];
    char expected[256];
    QmConfig *config;

    (void) state;
    assert_non_null(mkdtemp(folder));
    config = qm_config_load_file(folder, NULL);
    snprintf(expected, sizeof(expected), "%s: error: a folder, allowed: a file", folder);
    assert_string_equal(messages_of(config->messages, config->message_count), expected);
    qm_config_free(config);

    snprintf(path, sizeof(path), "%s/none", folder);
    config = qm_config_load_file(path, NULL);
    snprintf(expected, sizeof(expected), "%s: error: does not exist", path);
    assert_string_equal(messages_of(config->messages, config->message_count), expected);
    assert_null(qm_config_print(config));
    qm_config_free(config);
    rmdir(folder);
}

/* A pipe is read to its end. */
static void
pipes_are_read(void **state)
{
    int ends[2];
    char path[32];
    QmConfig *config;

    (void) state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], VALID_REST, strlen(VALID_REST)), strlen(VALID_REST));
    close(ends[1]);
    snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
    config = qm_config_load_file(path, NULL);
    assert_true(qm_config_ok(config));
    qm_config_free(config);
    close(ends[0]);
}

static void
strict_makes_errors(void **state)
{
    static const QmConfigOptions strict = {.strict = true};
    static const char text[] = "storage: {}\n" VALID_REST;
    QmConfig *config = qm_config_load("c.yaml", text, strlen(text), &strict);

    (void) state;
    assert_string_equal(messages_of(config->messages, config->message_count), "c.yaml:1:1: error: not used: storage");
    assert_false(qm_config_ok(config));
    assert_int_equal(config->warning_count, 0);
    qm_config_free(config);
}

/* However little memory there is: nothing, or the whole configuration. */
static void
memory_has_a_limit(void **state)
{
    static const char *const environment[][2] = {{"A", "b${x}"},
                                                 {"DATABASE_DSN", "host=h password=p x${"},
                                                 {NULL, NULL}};
    static const char *const texts[] = {
        VALID_REST "storage: 1\nweb: {prot: 1, host: \"${A}\", port: http}\nsystem: {log_level: inof}\n"
                   "database: {type: postgres, dsn: \"postgresql://u:p@h/d?password=x&sslpassword=y\"}\n"
                   "distributed_lock: {redis: {password: \"${file:/nonexistent}\", sentinels: [\"a:1\", b]}}\n",
        "x: &x {price_interval: 1, order_quantity: 1}\n"
        "trading: {symbols: [{<<: *x, symbol: S, exchange: e}, {<<: *x, symbol: S, exchange: e, nobody: knows}]}\n"
        "position_allocation: {enabled: true, allocations: [{symbol: T}]}\ndatabase: {dsn: \"password=a password=b\", "
        "type: postgres}\n",
    };

    (void) state;
    for (size_t i = 0; i < 2 * sizeof(texts) / sizeof(texts[0]); i++)
    {
        QmConfigOptions options = {.memory_max = 1};
        size_t failures = 0;
        QmConfig *config = NULL;

        if (i % 2 == 1)
        {
            options.lookup = look_up;
            options.lookup_context = (void *) environment;
        }
        for (; config == NULL; options.memory_max += 37)
        {
            config = qm_config_load("c.yaml", texts[i / 2], strlen(texts[i / 2]), &options);
            failures += config == NULL;
        }
        assert_true(failures > 100);
        assert_true(config->message_count > 2);
        qm_config_free(config);
    }
}

/* What limits losses is not lost without a word. */
static void
limits_that_are_missing_stop(void **state)
{
    static const struct
    {
        const char *text;
        const char *stops;
    } cases[] = {
        {"smart_position: {enabled: true}",
         "c.yaml:3:87: stops run: trading.smart_position: limits losses, and nothing here enforces it; disable it, and "
         "set "
         "limits in "
         "the database, or in grid_risk_control"},
        {"smart_position: {enabled: false}", ""},
        {"smart_position: {}", ""},
        {"smart_position: {enabled: \"${ANY}\"}",
         "c.yaml:3:87: stops run: trading.smart_position: limits losses, and nothing here enforces it; disable it, and "
         "set "
         "limits in "
         "the database, or in grid_risk_control"},
        {"smart_position: 1",
         "c.yaml:3:87: stops run: trading.smart_position: limits losses, and nothing here enforces it; disable it, and "
         "set "
         "limits in "
         "the database, or in grid_risk_control"},
        {"dynamic_adjustment: {enabled: true}", ""},
        {"grid_risk_control: {enabled: true, close_condition_loss_limit: 0.1}",
         "c.yaml:3:122: stops run: trading.grid_risk_control.close_condition_loss_limit: unknown in a section that "
         "limits losses; "
         "correct its name, or remove it"},
        {"grid_risk_control: {enabled: false, close_condition_loss_limit: 0.1}", ""},
        {"grid_risk_controll: {enabled: true}",
         "c.yaml:3:87: stops run: trading.grid_risk_controll: an unknown section that is enabled, and may limit "
         "losses; correct its "
         "name, disable it, or remove it"},
        {"open_position_control: {enabled: no}", ""},
        {"symbols: [{symbol: A, total_allocated_capital: 0}]", ""},
        {"symbols: [{symbol: A, total_allocated_capital: 500}]",
         "c.yaml:3:109: stops run: trading.symbols[0].total_allocated_capital: limits losses, and nothing here "
         "enforces it; "
         "disable it, "
         "and set limits in the database, or in grid_risk_control"},
        {"symbols: [{symbol: A, withdrawal_policy: {enabled: true}}]", ""},
        {"symbols: [{symbol: A, withdrawal_policy: {enabled: true, principal_protection: {enabled: true}}}]",
         "c.yaml:3:144: stops run: trading.symbols[0].withdrawal_policy.principal_protection: limits losses, and "
         "nothing "
         "here enforces it; disable it, and set limits in the database, or in grid_risk_control"},
        {"symbols: [{symbol: A, withdrawal_policy: {enabled: false, principal_protection: {enabled: true}}}]", ""},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        char text[1024];
        QmConfig *config;

        snprintf(text,
                 sizeof(text),
                 "app: {current_exchange: binance}\nexchanges: {binance: {api_key: k, secret_key: s, market: spot}}\n"
                 "trading: {symbol: BTCUSDT, price_interval: 2, order_quantity: 30, buy_window_size: 5, %s}\n",
                 cases[i].text);
        config = load_with(text, NULL);
        assert_true(qm_config_ok(config));
        assert_string_equal(messages_of(config->stops, config->stop_count), cases[i].stops);
        assert_int_equal(qm_config_may_run(config, false), cases[i].stops[0] == '\0');
        qm_config_free(config);
    }
}

/* A capital for all strategies is a limit only where strategies are on; a watchdog is none. */
static void
unused_sections_that_stop(void **state)
{
    QmConfig *config = load_with("strategies: {enabled: true, capital_allocation: {total_capital: 5000}}\n"
                                 "watchdog: {enabled: true}\nai: {enabled: true}\n" VALID_REST,
                                 NULL);

    (void) state;
    assert_int_equal(config->stop_count, 1);
    assert_string_equal(config->stops[0].path, "strategies.capital_allocation.total_capital");
    qm_config_free(config);
    config = load_with("strategies: {enabled: false, capital_allocation: {total_capital: 5000}}\n" VALID_REST, NULL);
    assert_int_equal(config->stop_count, 0);
    qm_config_free(config);
}

/* Limits of single markets stop where there are any. */
static void
allocations_stop(void **state)
{
    QmConfig *config = load_with(VALID_REST "position_allocation:\n  enabled: true\n  allocations:\n"
                                            "    - {symbol: BTCUSDT, max_amount_usdt: 100}\n",
                                 NULL);

    (void) state;
    assert_string_equal(messages_of(config->stops, config->stop_count),
                        "c.yaml:4:1: stops run: position_allocation: limits losses, and nothing here enforces it; "
                        "disable "
                        "it, and set limits in the database, or in grid_risk_control");
    assert_false(qm_config_may_run(config, false));
    qm_config_free(config);
    config = load_with(VALID_REST "position_allocation: {enabled: false, allocations: [{symbol: BTCUSDT}]}\n", NULL);
    assert_int_equal(config->stop_count, 0);
    qm_config_free(config);
}

/* A message that does not fit is cut off, and its length is that of all of it. */
static void
messages_are_cut_off(void **state)
{
    static const QmConfigMessage message = {QM_CONFIG_ERROR, "f", 1, 2, "a.b", "wrong", "\"x\"", "y", "do z"};
    char whole[128];
    char part[10];
    size_t len = qm_config_message_format(&message, whole, sizeof(whole));

    (void) state;
    assert_string_equal(whole, "f:1:2: error: a.b: wrong, found \"x\", allowed: y; do z");
    assert_int_equal(len, strlen(whole));
    assert_int_equal(qm_config_message_format(&message, part, sizeof(part)), len);
    assert_string_equal(part, "f:1:2: er");
    assert_int_equal(qm_config_message_format(&message, NULL, 0), len);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(values_have_a_limit),
        cmocka_unit_test(aliases_are_counted),
        cmocka_unit_test(anchors_have_a_limit),
        cmocka_unit_test(keys_have_a_limit),
        cmocka_unit_test(text_has_a_limit),
        cmocka_unit_test(references_have_a_limit),
        cmocka_unit_test(lists_have_a_limit),
        cmocka_unit_test(messages_have_a_limit),
        cmocka_unit_test(files_have_a_limit),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(pipes_are_read),
        cmocka_unit_test(strict_makes_errors),
        cmocka_unit_test(memory_has_a_limit),
        cmocka_unit_test(limits_that_are_missing_stop),
        cmocka_unit_test(unused_sections_that_stop),
        cmocka_unit_test(allocations_stop),
        cmocka_unit_test(messages_are_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
