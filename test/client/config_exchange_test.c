/*
 * Exchanges in the configuration: which of them can be traded with real money, and
 * where requests go.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "config_help.h"
#include "run.h"

/* What the adapter cannot trade is not traded with real money: futures, and exchanges whose address it does not know. */
static void
what_cannot_be_traded_stops(void **state)
{
#define FUTURES                                                                                           \
    ".market: cannot be traded yet, found futures, allowed: spot; say market: spot if that is what this " \
    "account trades; else trade on paper"
#define STOPS "c.yaml:2:13: stops run with real money: exchanges."
#define NO_ADDRESS                                                                                                \
    ": not set; only binance, and names such as binance_2, have addresses of their own; others can be traded on " \
    "paper"
    static const char *const cases[][3] = {
        {"binance", "", STOPS "binance" FUTURES},
        {"binance", ", market: futures", STOPS "binance" FUTURES},
        {"binance", ", market: spot", ""},
        {"binance2", ", market: spot", ""},
        {"binance_b", ", market: spot", ""},
        {"binanceus",
         ", market: spot",
         STOPS "binanceus.rest_url" NO_ADDRESS "\n" STOPS "binanceus.ws_api_url" NO_ADDRESS "\n" STOPS
               "binanceus.stream_url" NO_ADDRESS},
        {"okx", ", market: spot, rest_url: r, ws_api_url: w", STOPS "okx.stream_url" NO_ADDRESS},
        {"okx", ", market: spot, rest_url: r, ws_api_url: w, stream_url: s", ""},
        {"okx", ", rest_url: r, stream_url: s", STOPS "okx" FUTURES "\n" STOPS "okx.ws_api_url" NO_ADDRESS},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        char text[512];
        QmConfig *config;

        snprintf(text,
                 sizeof(text),
                 "app: {current_exchange: %s}\nexchanges: {%s: {api_key: k, secret_key: s%s}}\n"
                 "trading: {symbol: BTCUSDT, price_interval: 2, order_quantity: 30, buy_window_size: 5}\n",
                 cases[i][0],
                 cases[i][0],
                 cases[i][1]);
        config = load_with(text, NULL);
        assert_string_equal(messages_of(config->messages, config->message_count), "");
        assert_string_equal(messages_of(config->stops, config->stop_count), cases[i][2]);
        assert_true(qm_config_may_run(config, false));
        assert_int_equal(qm_config_may_run(config, true), cases[i][2][0] == '\0');
        qm_config_free(config);
    }
#undef FUTURES
#undef STOPS
#undef NO_ADDRESS
}

/* assert_same compares two texts, each of which may be none. */
static void
assert_same(const char *one, const char *other)
{
    assert_string_equal(one == NULL ? "none" : one, other == NULL ? "none" : other);
}

/* Requests go where the file says, else to the test system where it says so, else where the adapter knows by itself. */
static void
the_test_system_has_addresses(void **state)
{
    static const struct
    {
        const char *exchange;
        const char *rest_url;
        const char *ws_api_url;
        const char *stream_url;
    } cases[] = {
        {"testnet: no", NULL, NULL, NULL},
        {"testnet: yes",
         "https://testnet.binance.vision",
         "wss://ws-api.testnet.binance.vision/ws-api/v3",
         "wss://stream.testnet.binance.vision"},
        {"testnet: yes, ws_api_url: \"wss://w.example\"",
         "https://testnet.binance.vision",
         "wss://w.example",
         "wss://stream.testnet.binance.vision"},
        {"testnet: no, stream_url: \"wss://s.example\"", NULL, NULL, "wss://s.example"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        QmBinanceOptions options = {0};
        QmRun run = {0};
        char text[512];
        QmConfig *config;

        snprintf(text,
                 sizeof(text),
                 "app: {current_exchange: binance}\n"
                 "exchanges: {binance: {api_key: k, secret_key: s, market: spot, %s}}\n"
                 "trading: {symbol: BTCUSDT, price_interval: 2, order_quantity: 30, buy_window_size: 5}\n",
                 cases[i].exchange);
        config = load_valid(text, NULL);
        qm_run_addresses(&run, &config->exchanges[0], &options);
        assert_same(options.rest_url, cases[i].rest_url);
        assert_same(options.ws_api_url, cases[i].ws_api_url);
        assert_same(options.stream_url, cases[i].stream_url);
        qm_config_free(config);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_traded_stops),
        cmocka_unit_test(the_test_system_has_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
