/*
 * Environment, references, secrets, and what is printed.
 */
#define _DEFAULT_SOURCE
#include "config_help.h"

#include <unistd.h>

static const char mask[] = QM_CONFIG_MASK;

static void
variables_count_before_the_file(void **state)
{
    static const char *const environment[][2] = {
        {"INSTANCE_ID", "from-env"},
        {"INSTANCE_INDEX", "2"},
        {"DATABASE_TYPE", "postgres"},
        {"DATABASE_DSN", "host=db user=q password=p${x} dbname=q"},
        {"REDIS_ADDR", "redis:6380"},
        {"STANDBY_MODE", "1"},
        {NULL, NULL},
    };
    QmConfig *config = load_valid("instance: {id: from-file, index: 0, total: 3}\n"
                                  "database: {type: mysql, dsn: x}\n" VALID_REST,
                                  environment);

    (void) state;
    assert_string_equal(config->instance.id, "from-env");
    assert_int_equal(config->instance.index, 2);
    assert_int_equal(config->database.type, QM_DATABASE_POSTGRES);
    assert_string_equal(config->database.dsn.value, "host=db user=q password=p${x} dbname=q");
    assert_string_equal(config->database.dsn.shown, "host=db user=q password=******** dbname=q");
    assert_string_equal(config->lock.redis.addr, "redis:6380");
    assert_true(config->instance.standby);
    qm_config_free(config);
}

static void
empty_variables_are_not_set(void **state)
{
    static const char *const environment[][2] = {{"INSTANCE_ID", ""},
                                                 {"DATABASE_TYPE", ""},
                                                 {"STANDBY_MODE", "false"},
                                                 {NULL, NULL}};
    QmConfig *config = load_valid("instance: {id: a}\n" VALID_REST, environment);

    (void) state;
    assert_string_equal(config->instance.id, "a");
    assert_int_equal(config->database.type, QM_DATABASE_SQLITE);
    assert_false(config->instance.standby);
    qm_config_free(config);
}

static void
wrong_variables_say_so(void **state)
{
    static const char *const environment[][2] = {
        {"INSTANCE_ID", "two words"},
        {"INSTANCE_INDEX", "first"},
        {"DATABASE_TYPE", "mysql"},
        {"DATABASE_DSN", "geheim\n"},
        {"REDIS_ADDR", "redis"},
        {"STANDBY_MODE", "maybe"},
        {NULL, NULL},
    };
    QmConfig *config = load_with(VALID_REST, environment);

    (void) state;
    assert_string_equal(
        messages_of(config->messages, config->message_count),
        "environment variable INSTANCE_ID: error: instance.id: has a space in it, found \"two words\", allowed: 1 to "
        "128 "
        "bytes without spaces\n"
        "environment variable INSTANCE_INDEX: error: instance.index: not a number, found \"first\", allowed: a whole "
        "number "
        "from 0 to 999\n"
        "environment variable DATABASE_TYPE: error: database.type: not supported, found \"mysql\", allowed: sqlite, "
        "postgres; use postgres, or sqlite for a single instance\n"
        "environment variable DATABASE_DSN: error: database.dsn: has a line break in it, allowed: text\n"
        "environment variable REDIS_ADDR: error: distributed_lock.redis.addr: not a host and a port, found \"redis\", "
        "allowed: host:port\n"
        "environment variable STANDBY_MODE: error: instance.standby: neither true nor false, found \"maybe\", allowed: "
        "true "
        "or false");
    qm_config_free(config);
}

static void
standby_needs_no_market(void **state)
{
    static const char *const environment[][2] = {{"STANDBY_MODE", "true"}, {NULL, NULL}};
    QmConfig *config = load_valid("web: {}\n", environment);

    (void) state;
    assert_true(config->instance.standby);
    qm_config_free(config);
}

static void
references(void **state)
{
    static const char *const environment[][2] =
        {{"HOST", "example.org"}, {"PORT", "8080"}, {"EMPTY", ""}, {"ON", "true"}, {"NESTED", "${HOST}"}, {NULL, NULL}};
    static const char *const values[][2] = {
        {"${HOST}", "example.org"},
        {"x${HOST}y${HOST}", "xexample.orgyexample.org"},
        {"${NONE:-default}", "default"},
        {"${EMPTY:-default}", "default"},
        {"${HOST:-default}", "example.org"},
        {"a${EMPTY}b", "ab"},
        {"${NESTED}", "${HOST}"},
        {"$${HOST}", "${HOST}"},
        {"$$${HOST}", "$${HOST}"},
        {"$HOST$", "$HOST$"},
        {"${EMPTY}", "127.0.0.1"},
    };
    QmConfig *config;

    (void) state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
    {
        char text[512];

        snprintf(text, sizeof(text), "web: {host: \"%s\"}\n%s", values[i][0], VALID_REST);
        config = load_valid(text, environment);
        assert_string_equal(config->web.host, values[i][1]);
        qm_config_free(config);
    }
    config = load_valid("web: {enabled: \"${ON}\", port: \"${PORT}\"}\n"
                        "distributed_lock: {redis: {sentinels: [\"${HOST}:1\"]}}\n" VALID_REST,
                        environment);
    assert_true(config->web.enabled);
    assert_int_equal(config->web.port, 8080);
    assert_string_equal(config->lock.redis.sentinels.items[0], "example.org:1");
    qm_config_free(config);
}

/* with_secret_file loads a file that names a secret file with these contents. */
static QmConfig *
with_secret_file(const char *contents, size_t len)
{
    char path[] = "/tmp/qm_config_XXXXXX";
    char text[512];
    int file = mkstemp(path);
    QmConfig *config;

    assert_true(file >= 0);
    assert_int_equal(write(file, contents, len), len);
    close(file);
    snprintf(text, sizeof(text), "distributed_lock: {redis: {password: \"${file:%s}\"}}\n%s", path, VALID_REST);
    config = load_with(text, NULL);
    unlink(path);
    return config;
}

static void
secret_files(void **state)
{
    static const struct
    {
        const char *contents;
        size_t len;
        const char *value; /* NULL: an error */
    } files[] = {
        {"geheim\n", 7, "geheim"},
        {"geheim\r\n", 8, "geheim"},
        {"geheim", 6, "geheim"},
        {"", 0, ""},
        {"ge${x}\n", 7, "ge${x}"},
        {"a\nb\n", 4, NULL},
        {"a\0b", 3, NULL},
        {"a\xFF", 2, NULL},
        {" spaced \n", 9, " spaced "},
    };
    char long_text[QM_CONFIG_SECRET_FILE_MAX + 1];
    QmConfig *config;

    (void) state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
    {
        config = with_secret_file(files[i].contents, files[i].len);
        assert_int_equal(qm_config_ok(config), files[i].value != NULL);
        if (files[i].value != NULL)
            assert_string_equal(config->lock.redis.password.value, files[i].value);
        assert_null(strstr(messages_of(config->messages, config->message_count), "geheim"));
        qm_config_free(config);
    }
    memset(long_text, 'a', sizeof(long_text));
    config = with_secret_file(long_text, QM_CONFIG_SECRET_FILE_MAX);
    assert_true(qm_config_ok(config));
    qm_config_free(config);
    config = with_secret_file(long_text, sizeof(long_text));
    assert_non_null(
        strstr(messages_of(config->messages, config->message_count), "a file that is too long for a value"));
    qm_config_free(config);
}

/* What a secret or an address is shown as. */
static void
secrets_are_masked(void **state)
{
    static const char *const environment[][2] = {{"PW", "geheim"}, {NULL, NULL}};
    static const char *const shown[][2] = {
        {"host=h password=geheim", "host=h password=********"},
        {"password = 'ge heim' host=h", "password = '********' host=h"},
        {"password='it\\\\'s geheim' host=h", "password='********' host=h"},
        {"password='geheim'host=h", "password='********'host=h"},
        {"PASSWORD=geheim sslpassword=geheim host=h", "PASSWORD=******** sslpassword=******** host=h"},
        {"host=h password=", "host=h password="},
        {"host=h password=${PW}", "host=h password=${PW}"},
        {"host=h password='${PW}'", "host=h password='${PW}'"},
        {"host=h password=x${PW}", "host=h password=********"},
        {"host=h password=${PW:-geheim}", mask},
        {"host=${PW:-h password=geheim}", mask},
        {"postgresql://${PW:-u:geheim}@h/d", mask},
        {"postgresql://${PW}${file:/proc/self/comm}@h/d", "postgresql://${PW}${file:/proc/self/comm}@h/d"},
        {"postgresql://u:x${file:/proc/self/comm}@h/d", "postgresql://u:********@h/d"},
        {"postgresql://u@h/d?password=${PW}&user=a", "postgresql://u@h/d?password=${PW}&user=a"},
        {"postgresql://a@${PW}@:geheim@", "postgresql://a@${PW}@:********@"},
        {"host=h password='geheim", mask},
        {"host=h geheim", mask},
        {"postgresql://u:geheim@h/d", "postgresql://u:********@h/d"},
        {"postgresql://u:ge@heim@h/d", "postgresql://u:********@h/d"},
        {"postgresql://u:${PW}@h/d", "postgresql://u:${PW}@h/d"},
        {"postgresql://u@h:5432/d", "postgresql://u@h:5432/d"},
        {"postgresql://h/d?user=u&password=geheim&sslmode=require",
         "postgresql://h/d?user=u&password=********&sslmode=require"},
        {"postgresql://h/d?p%61ssword=geheim", "postgresql://h/d?********"},
        {"postgresql://h/d?user=u", "postgresql://h/d?user=u"},
        {"service=quantmesh", "service=quantmesh"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
    {
        char text[512];
        QmConfig *config;

        snprintf(text, sizeof(text), "database: {type: postgres, dsn: \"%s\"}\n%s", shown[i][0], VALID_REST);
        config = load_valid(text, environment);
        assert_string_equal(config->database.dsn.shown, shown[i][1]);
        assert_null(strstr(config->database.dsn.shown, "geheim"));
        qm_config_free(config);
    }
}

/* must_print_again wants what is printed to load again, and to print the same. */
static void
must_print_again(const QmConfig *config, const char *const (*environment)[2])
{
    char *printed = qm_config_print(config);
    char *again;
    QmConfig *loaded;

    assert_non_null(printed);
    assert_null(strstr(printed, "geheim"));
    loaded = load_with(printed, environment);
    assert_true(qm_config_ok(loaded));
    again = qm_config_print(loaded);
    assert_non_null(again);
    assert_string_equal(printed, again);
    assert_null(strstr(messages_of(loaded->messages, loaded->message_count), "not used"));
    assert_null(strstr(messages_of(loaded->messages, loaded->message_count), "unknown"));
    free(again);
    free(printed);
    qm_config_free(loaded);
}

static void
printed_loads_again(void **state)
{
    static const char *const environment[][2] = {{"KEY", "geheim"}, {"ODD", "a\"b\\c${KEY}"}, {NULL, NULL}};
    static const char *const files[] = {"test/client/configs/cluster.yaml",
                                        "test/client/configs/guide.yaml",
                                        "test/client/configs/standby.yaml"};
    QmConfig *config;

    (void) state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
    {
        config = qm_config_load_file(files[i], NULL);
        assert_non_null(config);
        must_print_again(config, environment);
        qm_config_free(config);
    }
    config = load_with("app: {current_exchange: \"x\\\"y\\\\\"}\n"
                       "exchanges: {\"x\\\"y\\\\\": {api_key: \"${KEY}\", secret_key: geheim, market: spot, testnet: "
                       "yes, fee_rate: 1e-4},\n"
                       "            other: ~}\n"
                       "trading: {symbol: BTC, price_interval: 0.1, order_quantity: 5, buy_window_size: 5,\n"
                       "          grid_risk_control: {enabled: true, stop_loss_ratio: 0.1}}\n"
                       "web: {host: \"${ODD}\"}\n"
                       "instance: {id: a}\n"
                       "database: {type: postgres, dsn: \"host=h password=geheim\"}\n"
                       "distributed_lock: {enabled: true, type: postgres, postgres: {mode: lease}}\n"
                       "position_allocation: {enabled: true, allocations: [{symbol: BTC, max_percentage: 12.5}]}\n",
                       environment);
    assert_string_equal(messages_of(config->messages, config->message_count), "");
    must_print_again(config, environment);
    qm_config_free(config);
}

/* A file with masked secrets loads, and does not run. */
static void
masked_secrets_stop(void **state)
{
    QmConfig *config = load_valid("database: {type: postgres, dsn: \"host=h password=********\"}\n"
                                  "distributed_lock: {enabled: true, redis: {password: \"********\"}}\n"
                                  "app: {current_exchange: binance}\n"
                                  "exchanges: {binance: {api_key: \"********\", secret_key: s, market: spot}}\n"
                                  "trading: {symbols: []}\n",
                                  NULL);

    (void) state;
    assert_string_equal(messages_of(config->stops, config->stop_count),
                        "c.yaml:4:13: stops run with real money: exchanges.binance.api_key: masked; put the secret "
                        "back\n"
                        "c.yaml:5:11: stops run: trading.symbols: nothing that could be given to it, allowed: a list "
                        "with "
                        "at least one symbol; list the markets that it takes over from others, and say "
                        "instance.standby: true\n"
                        "c.yaml:1:33: stops run: database.dsn: masked; put the password back\n"
                        "c.yaml:2:53: stops run: distributed_lock.redis.password: masked; put the password back");
    assert_false(qm_config_may_run(config, false));
    qm_config_free(config);

    config = load_valid("app: {current_exchange: binance}\n"
                        "exchanges: {binance: {api_key: \"********\", secret_key: s, market: spot}}\n"
                        "trading: {symbol: BTCUSDT, price_interval: 2, order_quantity: 30, buy_window_size: 5}\n",
                        NULL);
    assert_true(qm_config_may_run(config, false));
    assert_false(qm_config_may_run(config, true));
    qm_config_free(config);
}

static void
errors_are_not_printed(void **state)
{
    QmConfig *config = load_with("web: {port: x}\n" VALID_REST, NULL);

    (void) state;
    assert_null(qm_config_print(config));
    qm_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_count_before_the_file),
        cmocka_unit_test(empty_variables_are_not_set),
        cmocka_unit_test(wrong_variables_say_so),
        cmocka_unit_test(standby_needs_no_market),
        cmocka_unit_test(references),
        cmocka_unit_test(secret_files),
        cmocka_unit_test(secrets_are_masked),
        cmocka_unit_test(printed_loads_again),
        cmocka_unit_test(masked_secrets_stop),
        cmocka_unit_test(errors_are_not_printed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
