/*
 * Shows how a lock key's text is split into class, account and symbol, and how
 * a price is rounded down to its level. Texts are copied to buffers of their
 * exact length, so that the sanitizers see a read beyond the end.
 */
#include "lock_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* parse returns the parts of a key that ends where its buffer ends. */
static QmKeyParts
parse(const char *key)
{
    size_t len = strlen(key);
    char *exact = malloc(len > 0 ? len : 1);
    QmKeyParts parts;

    assert_non_null(exact);
    memcpy(exact, key, len);
    parts = qm_key_parse(exact, len);
    free(exact);
    return parts;
}

/* expect_parts fails unless the key has this class, account, symbol ("" for none) and label. */
static void
expect_parts(const char *key, QmKeyClass class, const char *account, const char *symbol, const char *label)
{
    QmKeyParts parts = parse(key);

    assert_int_equal(parts.class, class);
    assert_int_equal(parts.account_len, strlen(account));
    assert_memory_equal(key + parts.account_at, account, strlen(account));
    assert_int_equal(parts.symbol_len, strlen(symbol));
    assert_memory_equal(key + parts.symbol_at, symbol, strlen(symbol));
    assert_int_equal(parts.label_len, strlen(label));
    assert_memory_equal(key, label, strlen(label));
}

/* expect_custom fails unless the key has no class and no parts. */
static void
expect_custom(const char *key)
{
    QmKeyParts parts = parse(key);

    assert_int_equal(parts.class, QM_KEY_CUSTOM);
    assert_int_equal(parts.account_at, 0);
    assert_int_equal(parts.account_len, 0);
    assert_int_equal(parts.symbol_at, 0);
    assert_int_equal(parts.symbol_len, 0);
    assert_int_equal(parts.label_len, 0);
}

static void
test_keys_of_a_class(void **state)
{
    (void) state;
    expect_parts("order:binance:BTCUSDT:90120", QM_KEY_ORDER, "binance", "BTCUSDT", "order:binance:BTCUSDT");
    expect_parts("order:binance/hedge:ETHUSDT:0.05",
                 QM_KEY_ORDER,
                 "binance/hedge",
                 "ETHUSDT",
                 "order:binance/hedge:ETHUSDT");
    expect_parts("order:a:b:c", QM_KEY_ORDER, "a", "b", "order:a:b");
    expect_parts("order:a:b:c:d:e", QM_KEY_ORDER, "a", "b", "order:a:b");
    expect_parts("order:a:b::", QM_KEY_ORDER, "a", "b", "order:a:b");
    expect_parts("cancel:binance:4711", QM_KEY_CANCEL, "binance", "", "cancel:binance");
    expect_parts("cancel:a:x", QM_KEY_CANCEL, "a", "", "cancel:a");
    expect_parts("reconcile:binance:BTCUSDT", QM_KEY_RECONCILE, "binance", "BTCUSDT", "reconcile:binance:BTCUSDT");
    expect_parts("reconcile:a:b", QM_KEY_RECONCILE, "a", "b", "reconcile:a:b");
    expect_parts("order:\xc3\xa4:\xc3\xb6:1", QM_KEY_ORDER, "\xc3\xa4", "\xc3\xb6", "order:\xc3\xa4:\xc3\xb6");
}

static void
test_keys_of_no_class(void **state)
{
    static const char *const keys[] = {
        "",
        "a",
        "order",
        "order:",
        "orders:a:b:c",
        "Order:a:b:c",
        " order:a:b:c",
        "order:a",
        "order:a:",
        "order:a:b",
        "order:a:b:",
        "order::b:c",
        "order:a::c",
        "order:::",
        "cancel",
        "cancel:",
        "cancel:a",
        "cancel:a:",
        "cancel::x",
        "cancel:a:x:",
        "cancel:a:x:y",
        "reconcile",
        "reconcile:",
        "reconcile:a",
        "reconcile:a:",
        "reconcile::b",
        "reconcile:a:b:",
        "reconcile:a:b:c",
        "leader",
        "ordera:b:c:d",
        ":order:a:b:c",
        "cancelorder:a:b:c",
    };

    (void) state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        expect_custom(keys[i]);
}

/* An account is at most QM_ACCOUNT_MAX bytes; a longer one makes the key custom. */
static void
test_account_length(void **state)
{
    char key[QM_KEY_MAX + 1];
    char account[QM_ACCOUNT_MAX + 2];

    (void) state;
    memset(account, 'a', sizeof(account));
    account[QM_ACCOUNT_MAX] = '\0';
    snprintf(key, sizeof(key), "order:%s:S:1", account);
    assert_int_equal(parse(key).class, QM_KEY_ORDER);
    assert_int_equal(parse(key).account_len, QM_ACCOUNT_MAX);

    account[QM_ACCOUNT_MAX] = 'a';
    account[QM_ACCOUNT_MAX + 1] = '\0';
    snprintf(key, sizeof(key), "order:%s:S:1", account);
    expect_custom(key);
}

/* The parts never reach beyond a key, whatever the key: tried with every prefix of keys of each class. */
static void
test_every_prefix(void **state)
{
    static const char *const keys[] =
        {"order:acc:SYM:1:2", "cancel:acc:4711", "reconcile:acc:SYM", "order:::::", "reconcile:::"};

    (void) state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        for (size_t len = 0; len <= strlen(keys[i]); len++)
        {
            char *exact = malloc(len > 0 ? len : 1);
            QmKeyParts parts;

            assert_non_null(exact);
            memcpy(exact, keys[i], len);
            parts = qm_key_parse(exact, len);
            free(exact);
            assert_true(parts.account_at + parts.account_len <= len);
            assert_true(parts.symbol_at + parts.symbol_len <= len);
            assert_true(parts.label_len <= len);
            if (parts.class != QM_KEY_CUSTOM)
                assert_true(parts.account_len > 0);
        }
}

static void
test_class_names(void **state)
{
    (void) state;
    assert_string_equal(qm_key_class_name(QM_KEY_ORDER), "order");
    assert_string_equal(qm_key_class_name(QM_KEY_CANCEL), "cancel");
    assert_string_equal(qm_key_class_name(QM_KEY_RECONCILE), "reconcile");
    assert_string_equal(qm_key_class_name(QM_KEY_CUSTOM), "custom");
}

static void
test_levels(void **state)
{
    static const struct
    {
        const char *price;
        const char *level;
    } examples[] = {
        {"90123.4", "90120"},
        {"90129.999", "90120"},
        {"90130", "90130"},
        {"9999.99", "9999"},
        {"99999", "99990"},
        {"1", "1"},
        {"10", "10"},
        {"100", "100"},
        {"100.00", "100"},
        {"1.5", "1.5"},
        {"1.50", "1.5"},
        {"1.2345", "1.234"},
        {"1.23999", "1.239"},
        {"12.005", "12"},
        {"10.059", "10.05"},
        {"0.05123", "0.05123"},
        {"0.051239", "0.05123"},
        {"0.05", "0.05"},
        {"0.000012345", "0.00001234"},
        {"0.1000", "0.1"},
        {"0.00001000099", "0.00001"},
        {"10000000000", "10000000000"},
        {"12345678901234567890", "12340000000000000000"},
    };
    char level[QM_LEVEL_TEXT_MAX];

    (void) state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
    {
        assert_true(qm_price_level(examples[i].price, level, sizeof(level)));
        assert_string_equal(level, examples[i].level);
    }
}

/* A level is never above its price, has the same level itself, and levels keep the order of prices. */
static void
test_level_of_level(void **state)
{
    char price[32];
    char level[QM_LEVEL_TEXT_MAX];
    char again[QM_LEVEL_TEXT_MAX];
    double before = 0;

    (void) state;
    for (int i = 1; i < 200000; i += 7)
    {
        snprintf(price, sizeof(price), "%d.%04d", i / 10000, i % 10000);
        assert_true(qm_price_level(price, level, sizeof(level)));
        assert_true(qm_price_level(level, again, sizeof(again)));
        assert_string_equal(level, again);
        assert_true(atof(level) <= atof(price));
        assert_true(atof(level) >= before);
        before = atof(level);
    }
}

static void
test_bad_prices(void **state)
{
    static const char *const prices[] = {
        "",    "0",   "0.0", "0.000",    ".",  ".5", "5.",  "1.2.3", "-1",  "+1",
        "1e5", "1E5", "NaN", "Infinity", " 1", "1 ", "1,5", "0x10",  "abc",
    };
    char level[QM_LEVEL_TEXT_MAX];

    (void) state;
    for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++)
        assert_false(qm_price_level(prices[i], level, sizeof(level)));
}

/* A price that does not fit is refused, and nothing is written beyond the buffer. */
static void
test_level_size(void **state)
{
    char *level = malloc(8);

    (void) state;
    assert_non_null(level);
    assert_true(qm_price_level("1234567", level, 8));
    assert_string_equal(level, "1234000");
    assert_false(qm_price_level("12345678", level, 8));
    assert_false(qm_price_level("1", level, 1));
    assert_false(qm_price_level("1", level, 0));
    free(level);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_of_a_class),
        cmocka_unit_test(test_keys_of_no_class),
        cmocka_unit_test(test_account_length),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_class_names),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_level_of_level),
        cmocka_unit_test(test_bad_prices),
        cmocka_unit_test(test_level_size),
    };

    return cmocka_run_group_tests_name("lock_key", tests, NULL, NULL);
}
