/*
 * What needs no server: the factory of locks and its nop, keys, and the small
 * parts that connections and calls are made of.
 */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connect.h"
#include "decode.h"
#include "json.h"
#include "moment.h"
#include "placement.h"
#include "retry.h"
#include "version.h"

#define KEY "order:binance:BTCUSDT:65000"
#define LONG_MS 20000

static void
test_nop(void **state)
{
    QmLocksOptions options = {0};
    QmLocks *locks;
    QmError error;
    QmGrant grant;
    bool locked = true;

    (void) state;
    options.type = "etcd";
    assert_ok(qm_locks_open(&options, &locks, NULL), NULL);
    assert_string_equal(locks->functions->type, "nop");
    options.enabled = true;
    options.type = "nop";
    assert_ok(qm_locks_open(&options, &locks, &error), &error);
    assert_ok(locks->functions->try_lock(locks, KEY, LONG_MS, NULL), NULL);
    assert_ok(locks->functions->lock(locks, KEY, LONG_MS, 10, &grant), NULL);
    assert_true(grant.trusted_until_ns == QM_TRUST_FOREVER);
    assert_ok(locks->functions->extend(locks, KEY, 1, NULL), NULL);
    assert_ok(locks->functions->is_locked(locks, KEY, &locked), NULL);
    assert_false(locked);
    assert_true(locks->functions->holds(locks, KEY, NULL));
    assert_ok(locks->functions->unlock(locks, KEY), NULL);
    assert_int_equal(locks->functions->error(locks)->code, QM_OK);
    locks->functions->close(locks);
}

static void
test_factory(void **state)
{
    static const struct
    {
        QmLocksOptions options;
        QmCode code;
        const char *text; /* of the message or the hint */
    } wrong[] = {
        {{.type = "etcd"}, QM_ERROR_UNSUPPORTED, "Use type postgres"},
        {{.type = "mysql"}, QM_ERROR_UNSUPPORTED, "Use type postgres"},
        {{.type = "Redis"}, QM_ERROR_ARGUMENT, "Use redis, postgres"},
        {{.type = "postgres", .also = "redis"}, QM_ERROR_ARGUMENT, "type redis with also postgres"},
        {{.type = "redis", .also = "etcd"}, QM_ERROR_ARGUMENT, "type redis with also postgres"},
        {{.type = "postgres", .postgres_mode = "row"}, QM_ERROR_ARGUMENT, "lease or session"},
        {{.type = "postgres", .margin_ms = -1}, QM_ERROR_ARGUMENT, "margin_ms"},
        {{.type = "redis", .default_ttl_ms = -1, .also = "postgres"}, QM_ERROR_ARGUMENT, "default_ttl_ms"},
        {{.type = "redis", .redis = {.db = -1}}, QM_ERROR_ARGUMENT, "db and timeout_ms"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
    {
        QmLocksOptions options = wrong[i].options;
        QmLocks *locks;
        QmError error;

        options.enabled = true;
        assert_code(qm_locks_open(&options, &locks, &error), wrong[i].code, &error);
        assert_null(locks);
        if (strstr(error.message, wrong[i].text) == NULL && strstr(error.hint, wrong[i].text) == NULL)
            qt_fail("%s / %s: lacks %s", error.message, error.hint, wrong[i].text);
    }
}

static void
test_keys(void **state)
{
    /* Prices and buckets of the earlier system: floor(price / 10) * 10 in floating point. */
    static const char *const wide[][2] = {{"65009.99", "order:Binance:BTCUSDT:65000"},
                                          {"65000", "order:Binance:BTCUSDT:65000"},
                                          {"90123.4", "order:Binance:BTCUSDT:90120"},
                                          {"9.99", "order:Binance:BTCUSDT:0"},
                                          {"0.00000123", "order:Binance:BTCUSDT:0"},
                                          {"69999.99999999999", "order:Binance:BTCUSDT:69990"},
                                          {"69999.9999999999999", "order:Binance:BTCUSDT:70000"}};
    char key[QM_LOCK_KEY_SIZE];

    (void) state;
    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
    {
        assert_ok(qm_lock_key_order_wide(key, sizeof(key), "Binance", "BTCUSDT", wide[i][0]), NULL);
        assert_string_equal(key, wide[i][1]);
    }
    assert_ok(qm_lock_key_order(key, sizeof(key), "binance/hedge", "BTCUSDT", "90123.40"), NULL);
    assert_string_equal(key, "order:binance/hedge:BTCUSDT:90120");
    assert_ok(qm_lock_key_cancel(key, sizeof(key), "Binance", "4711"), NULL);
    assert_string_equal(key, "cancel:Binance:4711");
    assert_ok(qm_lock_key_reconcile(key, sizeof(key), "Binance", "BTCUSDT"), NULL);
    assert_string_equal(key, "reconcile:Binance:BTCUSDT");

    assert_code(qm_lock_key_order_wide(key, sizeof(key), "Binance", "BTCUSDT", "1e5"), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_order_wide(key, sizeof(key), "Binance", "BTCUSDT", "1.2.3"), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_order_wide(key, sizeof(key), "Binance", "BTCUSDT", ""), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_order_wide(key, sizeof(key), "Binance", "BTCUSDT", NULL), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_order(key, sizeof(key), "binance", "BTC:USDT", "1"), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_order(key, sizeof(key), "binance", "BTCUSDT", "-1"), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_cancel(key, sizeof(key), "", "1"), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_cancel(key, sizeof(key), "binance", NULL), QM_ERROR_ARGUMENT, NULL);
    assert_code(qm_lock_key_reconcile(key, 10, "binance", "BTCUSDT"), QM_ERROR_ARGUMENT, NULL);
}

static void
test_versions(void **state)
{
    static const struct
    {
        const char *library;
        const char *extension;
        QmVersionFit fit;
    } pairs[] = {{"0.3.0", "0.3.0", QM_VERSION_FITS},
                 {"0.3.0", "0.3.7", QM_VERSION_FITS},
                 {"0.3.3", "0.3.0", QM_VERSION_FITS},
                 {"0.4.0", "0.3.9", QM_VERSION_OLDER},
                 {"0.3.0", "0.4.0", QM_VERSION_NEWER},
                 {"0.9.0", "1.1.0", QM_VERSION_NEWER},
                 {"1.2.0", "1.3.0", QM_VERSION_FITS},
                 {"1.2.0", "1.1.9", QM_VERSION_OLDER},
                 {"1.2.0", "2.0.0", QM_VERSION_NEWER},
                 {"2.0.0", "1.9.0", QM_VERSION_OLDER},
                 {"1.2.0", "1.2", QM_VERSION_UNREADABLE},
                 {"1.2.0", "1.2.0x", QM_VERSION_UNREADABLE},
                 {"1.2.0", "", QM_VERSION_UNREADABLE},
                 {"1.2.0", "unpackaged", QM_VERSION_UNREADABLE}};

    (void) state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_int_equal(qm_version_fit(pairs[i].library, pairs[i].extension), pairs[i].fit);
}

static void
test_pauses(void **state)
{
    static const char *const names[] = {"none", "quick", "standard", "patient"};
    QmRetryPolicy wrong = {.base_ms = 1, .cap_ms = 1, .total_ms = 1};

    (void) state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    {
        const QmRetryPolicy *policy = qm_retry_policy(names[i]);
        int64_t last_ms = policy->base_ms;
        QmRetry retry;

        assert_string_equal(policy->name, names[i]);
        assert_null(qm_retry_policy_fault(policy));
        qm_retry_begin(&retry, policy);
        for (int j = 0; j < 100000; j++)
        {
            int64_t pause_ms = qm_retry_next_pause(&retry);

            assert_true(pause_ms >= policy->base_ms && pause_ms <= policy->cap_ms);
            assert_true(pause_ms <= last_ms * 3);
            last_ms = pause_ms;
        }
    }
    assert_null(qm_retry_policy("eager"));
    assert_null(qm_retry_policy(NULL));
    assert_null(qm_retry_policy_fault(&wrong));
    wrong.total_ms = 0;
    assert_non_null(qm_retry_policy_fault(&wrong));
    wrong = (QmRetryPolicy){.base_ms = 2, .cap_ms = 1, .total_ms = 1};
    assert_non_null(qm_retry_policy_fault(&wrong));
    wrong = (QmRetryPolicy){.base_ms = 0, .cap_ms = 1, .total_ms = 1};
    assert_non_null(qm_retry_policy_fault(&wrong));
}

static void
test_attempts(void **state)
{
    const QmRetryPolicy twice = {.attempts_max = 3, .base_ms = 1, .cap_ms = 2};
    const QmRetryPolicy short_time = {.base_ms = 5, .cap_ms = 10, .total_ms = 60};
    int64_t begin = qm_monotonic_ns();
    QmRetry retry;
    int attempts = 1;

    (void) state;
    qm_retry_begin(&retry, &twice);
    while (qm_retry_again(&retry))
        attempts++;
    assert_int_equal(attempts, 3);
    qm_retry_begin(&retry, &short_time);
    for (attempts = 1; qm_retry_again(&retry); attempts++)
        ;
    assert_in_range(attempts, 2, 13);
    assert_true(qm_monotonic_ns() - begin < 5 * INT64_C(1000000000));
    qm_retry_begin(&retry, qm_retry_policy("none"));
    assert_false(qm_retry_again(&retry));
}

static void
test_refused_connections(void **state)
{
    static const struct
    {
        const char *text;
        const char *sqlstate;
        const char *message;
    } texts[] = {
        {"connection to server on socket \"/s\" failed: FATAL:  53300: sorry, too many clients already\n"
         "LOCATION:  ProcArrayAdd, procarray.c:468\n",
         "53300",
         "connection to server on socket \"/s\" failed: FATAL: sorry, too many clients already"},
        {"connection to server at \"h\", port 1 failed: Connection refused\n"
         "\tIs the server running on that host and accepting TCP/IP connections?\n",
         "",
         "connection to server at \"h\", port 1 failed: Connection refused; Is the server running on that host and "
         "accepting TCP/IP connections?"},
        {"connection to server at \"a\" failed: Connection refused\n"
         "connection to server at \"b\" failed: FATAL:  57P03: the database system is starting up\nLOCATION:  x, "
         "y.c:1\n",
         "57P03",
         "connection to server at \"a\" failed: Connection refused; connection to server at \"b\" failed: FATAL: the "
         "database system is starting up"},
        {"", "", ""},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    {
        char sqlstate[QM_SQLSTATE_LEN + 1];
        char message[QM_DETAIL_SIZE];
        char small[10];

        qm_connect_fault(texts[i].text, sqlstate, message, sizeof(message));
        assert_string_equal(sqlstate, texts[i].sqlstate);
        assert_string_equal(message, texts[i].message);
        qm_connect_fault(texts[i].text, sqlstate, small, sizeof(small));
        assert_string_equal(sqlstate, texts[i].sqlstate);
        assert_memory_equal(small, message, strlen(small));
    }
}

static void
test_json(void **state)
{
    QmJson json = {0};

    (void) state;
    qm_json_add(&json, "{");
    qm_json_add_field(&json, "a", "plain");
    qm_json_add_field(&json, "none", NULL);
    qm_json_add_field(&json, "b", "quote \" back \\ tab \t unit \x1f \xc3\xbc");
    qm_json_add(&json, "}");
    assert_false(json.failed);
    assert_string_equal(json.text,
                        "{\"a\":\"plain\",\"b\":\"quote \\\" back \\\\ tab \\u0009 unit \\u001f \xc3\xbc\"}");
    free(json.text);
}

static void
test_texts(void **state)
{
    char text[6];
    char time[QM_TIME_TEXT];
    const char *value;

    (void) state;
    /* What does not fit is cut off before the character that it would split. */
    qm_text_copy(text, sizeof(text), "abcd\xc3\xbc");
    assert_string_equal(text, "abcd");
    qm_text_copy(text, sizeof(text), NULL);
    assert_string_equal(text, "");
    assert_true(qm_value_time_or_null(time, INT64_C(1700000000123456), &value));
    assert_string_equal(value, "2023-11-14 22:13:20.123456+00");
    assert_true(qm_value_time_or_null(time, 0, &value));
    assert_null(value);
    assert_false(qm_value_time_or_null(time, INT64_C(253402300800000000), &value));
    assert_string_equal(qm_code_name(QM_ERROR_UNCERTAIN), "error_uncertain");
    assert_string_equal(qm_code_name((QmCode) 99), "no such code");
    assert_string_equal(qm_outcome_name((QmOutcome) 99), "no such outcome");
    assert_int_equal(qm_error_code("25006"), QM_ERROR_READ_ONLY);
    assert_int_equal(qm_error_code("22P02"), QM_ERROR_ARGUMENT);
    assert_int_equal(qm_error_code("XX000"), QM_ERROR_SERVER);
    assert_true(qm_error_passes("57P01") && qm_error_passes("40001") && !qm_error_passes("28P01"));
}

/* Request ids that the library draws grow with time, and are never alike; the caller's own are left as they are. */
static void
test_request_ids(void **state)
{
    static char ids[3000][QM_REQUEST_ID_SIZE];
    char own[QM_REQUEST_ID_SIZE + 1];
    struct timespec now;
    char stamp[13] = "";
    QmError error;

    (void) state;
    clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < 3000; i++)
    {
        assert_ok(qm_request_id_take(ids[i], NULL, "request_id", &error), &error);
        assert_int_equal(strlen(ids[i]), 4 + 12 + 32);
        assert_int_equal(strspn(ids[i] + 4, "0123456789abcdef"), 44);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(strcmp(ids[i] + 16, ids[j] + 16), 0);
        assert_true(i == 0 || memcmp(ids[i], ids[i - 1], 16) >= 0);
        if (i % 1000 == 0)
            qm_moment_sleep(2);
    }
    assert_true(strncmp(ids[0], "lib-", 4) == 0 && memcmp(ids[0], ids[2999], 16) < 0);
    memcpy(stamp, ids[0] + 4, 12);
    assert_in_range(strtoll(stamp, NULL, 16), now.tv_sec * 1000, now.tv_sec * 1000 + 60000);

    memset(own, 'x', sizeof(own) - 1);
    own[sizeof(own) - 1] = '\0';
    assert_code(qm_request_id_take(ids[0], own, "request_id", &error), QM_ERROR_ARGUMENT, &error);
    own[sizeof(own) - 2] = '\0';
    assert_ok(qm_request_id_take(ids[0], own, "request_id", &error), &error);
    assert_string_equal(ids[0], own);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nop),
        cmocka_unit_test(test_factory),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_attempts),
        cmocka_unit_test(test_refused_connections),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_request_ids),
    };

    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
