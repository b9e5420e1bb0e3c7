/*
 * The factory of locks from a configuration: what every key of distributed_lock
 * does to the options, and which back end comes of them. No server is asked.
 */
#include "check.h"

#include "config_help.h"
#include "config_locks.h"

#define DATABASE "database: {type: postgres, dsn: \"host=db dbname=q password=geheim\"}\n"
#define OTHER_TEXT "left alone"

/* options_of loads a text that must be without mistake, and returns its options, which live as long as *config. */
static QmLocksOptions
options_of(const char *text, QmConfig **config, char **sentinels)
{
    QmLocksOptions options = {.owner = OTHER_TEXT, .margin_ms = 7, .postgres = {.application_name = OTHER_TEXT}};

    *config = load_valid(text, NULL);
    assert_true(qm_config_locks_options(*config, &options, sentinels));
    return options;
}

/* text_or_none returns a text that can be compared. */
static const char *
text_or_none(const char *text)
{
    return text == NULL ? "(none)" : text;
}

/* described writes all that a configuration decides in one line. */
static const char *
described(const char *text)
{
    static char line[1024];
    QmConfig *config;
    char *sentinels;
    QmLocksOptions options = options_of(text, &config, &sentinels);

    snprintf(line,
             sizeof(line),
             "%s %s also=%s prefix=%s addr=%s password=%s db=%d sentinels=%s master=%s mode=%s renew=%s conninfo=%s",
             options.enabled ? "on" : "off",
             options.type,
             text_or_none(options.also),
             options.prefix,
             options.redis.addr,
             options.redis.password,
             options.redis.db,
             options.redis.sentinels,
             options.redis.sentinel_master,
             options.postgres_mode,
             options.renew ? "yes" : "no",
             text_or_none(options.postgres.conninfo));
    assert_string_equal(options.owner, OTHER_TEXT);
    assert_string_equal(options.postgres.application_name, OTHER_TEXT);
    assert_int_equal(options.margin_ms, 7);
    free(sentinels);
    qm_config_free(config);
    return line;
}

static void
test_every_key(void **state)
{
    static const char *const cases[][2] = {
        {VALID_REST,
         "off redis also=(none) prefix=quantmesh:lock: addr=localhost:6379 password= db=0 sentinels= master=mymaster "
         "mode=session renew=no conninfo=(none)"},
        {"distributed_lock: {enabled: true, prefix: \"p:\", redis: {addr: \"r:1\", password: pw, db: 3}}\n" VALID_REST,
         "on redis also=(none) prefix=p: addr=r:1 password=pw db=3 sentinels= master=mymaster mode=session renew=no "
         "conninfo=(none)"},
        {"distributed_lock: {enabled: true, redis: {sentinels: [\"a:1\", \"[::1]:2\"], master: m}}\n" VALID_REST,
         "on redis also=(none) prefix=quantmesh:lock: addr=localhost:6379 password= db=0 sentinels=a:1,[::1]:2 "
         "master=m "
         "mode=session renew=no conninfo=(none)"},
        {DATABASE "distributed_lock: {enabled: true, type: postgres}\n" VALID_REST,
         "on postgres also=(none) prefix=quantmesh:lock: addr=localhost:6379 password= db=0 sentinels= master=mymaster "
         "mode=session renew=no conninfo=host=db dbname=q password=geheim"},
        {DATABASE
         "distributed_lock: {enabled: true, type: database, postgres: {mode: lease, renew: true}}\n" VALID_REST,
         "on postgres also=(none) prefix=quantmesh:lock: addr=localhost:6379 password= db=0 sentinels= master=mymaster "
         "mode=lease renew=yes conninfo=host=db dbname=q password=geheim"},
        {DATABASE "distributed_lock: {enabled: true, also: postgres, postgres: {mode: lease}}\n" VALID_REST,
         "on redis also=postgres prefix=quantmesh:lock: addr=localhost:6379 password= db=0 sentinels= master=mymaster "
         "mode=lease renew=no conninfo=host=db dbname=q password=geheim"},
        {"distributed_lock: {enabled: true, type: nop}\n" VALID_REST,
         "on nop also=(none) prefix=quantmesh:lock: addr=localhost:6379 password= db=0 sentinels= master=mymaster "
         "mode=session renew=no conninfo=(none)"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(described(cases[i][0]), cases[i][1]);
}

/* Keys that the earlier system had, and that mean nothing here, are named and do nothing. */
static void
test_unused_keys(void **state)
{
    QmConfig *config =
        load_with("distributed_lock: {enabled: true, default_ttl: 9, redis: {pool_size: 4}}\n" VALID_REST, NULL);
    QmLocksOptions options = {0};
    char *sentinels;

    (void) state;
    assert_true(qm_config_ok(config));
    assert_string_equal(messages_of(config->messages, config->message_count),
                        "c.yaml:1:35: warning: not used: distributed_lock.default_ttl, "
                        "distributed_lock.redis.pool_size");
    assert_true(qm_config_locks_options(config, &options, &sentinels));
    assert_int_equal(options.default_ttl_ms, 0);
    free(sentinels);
    qm_config_free(config);
}

static void
test_back_ends(void **state)
{
    static const char *const cases[][2] = {
        {VALID_REST, "nop"},
        {"distributed_lock: {enabled: true, type: nop}\n" VALID_REST, "nop"},
        {"distributed_lock: {enabled: true}\n" VALID_REST, "redis"},
        {DATABASE "distributed_lock: {enabled: false, type: postgres}\n" VALID_REST, "nop"},
        {DATABASE "distributed_lock: {enabled: true, type: postgres}\n" VALID_REST, "postgres"},
        {DATABASE "distributed_lock: {enabled: true, type: database}\n" VALID_REST, "postgres"},
        {DATABASE "distributed_lock: {enabled: true, also: postgres}\n" VALID_REST, "redis, postgres"},
    };
    const QmLocksOptions more = {.owner = "me"};
    const QmLocksOptions wrong = {.margin_ms = -1};

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        QmConfig *config = load_valid(cases[i][0], NULL);
        QmLocks *locks;
        QmError error;

        assert_ok(qm_config_locks_open(config, i % 2 == 0 ? &more : NULL, &locks, &error), &error);
        assert_string_equal(locks->functions->type, cases[i][1]);
        locks->functions->close(locks);
        /* Of what the caller adds the factory hears, too; nop has no use for it. */
        if (strcmp(cases[i][1], "nop") != 0)
        {
            assert_code(qm_config_locks_open(config, &wrong, &locks, &error), QM_ERROR_ARGUMENT, &error);
            assert_null(locks);
        }
        qm_config_free(config);
    }
}

/* The factory never sees a type that we do not have: loading names what to use instead. */
static void
test_types_not_here(void **state)
{
    static const char *const types[] = {"etcd", "mysql", "MySQL"};
    char text[512];
    char message[256];

    (void) state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
    {
        QmConfig *config;

        snprintf(text, sizeof(text), "distributed_lock: {enabled: true, type: %s}\n%s", types[i], VALID_REST);
        snprintf(message,
                 sizeof(message),
                 "c.yaml:1:41: error: distributed_lock.type: not supported, found \"%s\", allowed: nop, redis, "
                 "postgres, "
                 "database; use postgres, which needs no further server, or redis",
                 types[i]);
        config = load_with(text, NULL);
        assert_false(qm_config_ok(config));
        assert_string_equal(messages_of(config->messages, config->message_count), message);
        qm_config_free(config);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key),
        cmocka_unit_test(test_unused_keys),
        cmocka_unit_test(test_back_ends),
        cmocka_unit_test(test_types_not_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
