/*
 * What the tests of configurations share: loading text, an environment, and all
 * messages as one text.
 */
#ifndef QM_CONFIG_HELP_H
#define QM_CONFIG_HELP_H

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A file that needs nothing more, to follow what a test is about. */
#define VALID_REST                                                      \
    "app: {current_exchange: binance}\n"                                \
    "exchanges: {binance: {api_key: k, secret_key: s, market: spot}}\n" \
    "trading: {symbol: BTCUSDT, price_interval: 2, order_quantity: 30, buy_window_size: 5}\n"

/* Pairs of names and values, up to NULL. */
typedef const char *const Environment[][2];

static inline const char *
look_up(void *context, const char *name)
{
    const char *const(*pair)[2] = context;

    while ((*pair)[0] != NULL && strcmp((*pair)[0], name) != 0)
        pair++;
    return (*pair)[1];
}

/* load_with loads a text as c.yaml. */
static inline QmConfig *
load_with(const char *text, const char *const (*environment)[2])
{
    QmConfigOptions options = {0};
    QmConfig *config;

    if (environment != NULL)
    {
        options.lookup = look_up;
        options.lookup_context = (void *) environment;
    }
    config = qm_config_load("c.yaml", text, strlen(text), &options);
    assert_non_null(config);
    return config;
}

/* messages_of returns the messages, or what stops, one a line. */
static inline const char *
messages_of(const QmConfigMessage *messages, size_t count)
{
    static char all[65536];
    size_t used = 0;

    all[0] = '\0';
    for (size_t i = 0; i < count; i++)
    {
        if (i > 0)
            all[used++] = '\n';
        used += qm_config_message_format(&messages[i], all + used, sizeof(all) - used);
        assert_true(used < sizeof(all) - 1);
    }
    return all;
}

/* load_valid loads a text that has to be without any message. */
static inline QmConfig *
load_valid(const char *text, const char *const (*environment)[2])
{
    QmConfig *config = load_with(text, environment);

    assert_string_equal(messages_of(config->messages, config->message_count), "");
    assert_true(qm_config_ok(config));
    return config;
}

#endif
