/*
 * What a configuration holds: defaults, inheritance, amounts, and files as the
 * earlier system has them. Runs from the top of the tree.
 */
#include "config_help.h"

static void
defaults(void **state)
{
    QmConfig *config = load_valid(VALID_REST, NULL);
    const QmMarketConfig *market = config->markets;
    const QmExchangeConfig *exchange = config->exchanges;

    (void) state;
    assert_string_equal(config->file, "c.yaml");
    assert_string_equal(config->current_exchange, "binance");
    assert_int_equal(config->exchange_count, 1);
    assert_string_equal(exchange->name, "binance");
    assert_true(exchange->declared);
    assert_string_equal(exchange->api_key.value, "k");
    assert_string_equal(exchange->secret_key.value, "s");
    assert_string_equal(exchange->fee_rate, "0");
    assert_false(exchange->testnet);
    assert_int_equal(exchange->market, QM_MARKET_SPOT);

    assert_int_equal(config->market_count, 1);
    assert_string_equal(market->exchange, "binance");
    assert_string_equal(market->symbol, "BTCUSDT");
    assert_string_equal(market->price_interval, "2");
    assert_string_equal(market->order_quantity, "30");
    assert_string_equal(market->min_order_value, "20");
    assert_int_equal(market->buy_window_size, 5);
    assert_int_equal(market->sell_window_size, 5);
    assert_int_equal(market->reconcile_interval_s, 60);
    assert_int_equal(market->order_cleanup_threshold, 50);
    assert_int_equal(market->cleanup_batch_size, 10);
    assert_int_equal(market->margin_lock_duration_s, 10);
    assert_int_equal(market->position_safety_check, 100);
    assert_false(market->grid_risk.enabled);
    assert_int_equal(market->grid_risk.max_grid_layers, 0);
    assert_string_equal(market->grid_risk.stop_loss_ratio, "0");
    assert_string_equal(market->grid_risk.take_profit_trigger_ratio, "0");
    assert_string_equal(market->grid_risk.trailing_take_profit_ratio, "0");
    assert_false(market->grid_risk.trend_filter_enabled);
    qm_config_free(config);
}

static void
defaults_of_sections(void **state)
{
    QmConfig *config = load_valid(VALID_REST, NULL);

    (void) state;
    assert_int_equal(config->system.log_level, QM_LOG_INFO);
    assert_string_equal(config->system.timezone, "Asia/Shanghai");
    assert_false(config->system.cancel_on_exit);
    assert_false(config->system.close_positions_on_exit);
    assert_string_equal(config->instance.id, "");
    assert_int_equal(config->instance.index, 0);
    assert_int_equal(config->instance.total, 1);
    assert_false(config->instance.standby);
    assert_int_equal(config->database.type, QM_DATABASE_SQLITE);
    assert_string_equal(config->database.dsn.value, "./data/quantmesh.db");
    assert_int_equal(config->database.max_open_conns, 100);
    assert_int_equal(config->database.conn_max_lifetime_s, 3600);
    assert_false(config->lock.enabled);
    assert_int_equal(config->lock.type, QM_LOCK_REDIS);
    assert_int_equal(config->lock.also, QM_LOCK_ALSO_NONE);
    assert_string_equal(config->lock.prefix, "quantmesh:lock:");
    assert_string_equal(config->lock.redis.addr, "localhost:6379");
    assert_string_equal(config->lock.redis.password.value, "");
    assert_int_equal(config->lock.redis.db, 0);
    assert_int_equal(config->lock.redis.sentinels.count, 0);
    assert_string_equal(config->lock.redis.master, "mymaster");
    assert_int_equal(config->lock.postgres_mode, QM_LOCK_SESSION);
    assert_false(config->lock.postgres_renew);
    assert_false(config->risk.enabled);
    assert_int_equal(config->risk.monitor_symbols.count, 5);
    assert_string_equal(config->risk.monitor_symbols.items[0], "BTCUSDT");
    assert_string_equal(config->risk.monitor_symbols.items[4], "DOGEUSDT");
    assert_string_equal(config->risk.interval, "1m");
    assert_string_equal(config->risk.volume_multiplier, "3");
    assert_int_equal(config->risk.average_window, 20);
    assert_int_equal(config->risk.recovery_threshold, 3);
    assert_int_equal(config->risk.max_leverage, 10);
    assert_int_equal(config->timing.websocket_reconnect_delay_s, 5);
    assert_int_equal(config->timing.websocket_pong_wait_s, 60);
    assert_int_equal(config->timing.price_send_interval_ms, 50);
    assert_int_equal(config->timing.rate_limit_retry_delay_s, 1);
    assert_int_equal(config->timing.order_retry_delay_ms, 500);
    assert_int_equal(config->timing.order_cleanup_interval_s, 60);
    assert_false(config->web.enabled);
    assert_string_equal(config->web.host, "127.0.0.1");
    assert_int_equal(config->web.port, 28888);
    assert_false(config->metrics.enabled);
    assert_int_equal(config->metrics.collect_interval_s, 60);
    assert_false(config->allocation_enabled);
    assert_int_equal(config->allocation_count, 0);
    assert_true(qm_config_may_run(config, true));
    qm_config_free(config);
}

/* What stands in a market counts, then window_size, then what stands in trading. Zero is not set. */
static void
markets_inherit(void **state)
{
    QmConfig *config =
        load_valid("app: {current_exchange: gate}\n"
                   "exchanges: {gate: {api_key: k, secret_key: s}, okx: {api_key: k, secret_key: s}}\n"
                   "trading:\n"
                   "  symbol: IGNORED\n"
                   "  price_interval: 2\n"
                   "  order_quantity: 30\n"
                   "  buy_window_size: 8\n"
                   "  cleanup_batch_size: 7\n"
                   "  reconcile_interval: 30\n"
                   "  grid_risk_control: {enabled: true, stop_loss_ratio: 0.1, max_grid_layers: 9}\n"
                   "  symbols:\n"
                   "    - {symbol: A}\n"
                   "    - {symbol: B, exchange: okx, price_interval: 0, order_quantity: 0.5, window_size: 3,\n"
                   "       grid_risk_control: {stop_loss_ratio: 0, trend_filter_enabled: yes}}\n"
                   "    - {symbol: C, buy_window_size: 1, window_size: 3, reconcile_interval: 0,\n"
                   "       grid_risk_control: {enabled: false}}\n",
                   NULL);
    const QmMarketConfig *markets = config->markets;

    (void) state;
    assert_int_equal(config->market_count, 3);
    assert_string_equal(markets[0].symbol, "A");
    assert_string_equal(markets[0].exchange, "gate");
    assert_string_equal(markets[0].price_interval, "2");
    assert_int_equal(markets[0].buy_window_size, 8);
    assert_int_equal(markets[0].sell_window_size, 8);
    assert_int_equal(markets[0].cleanup_batch_size, 7);
    assert_true(markets[0].grid_risk.enabled);
    assert_string_equal(markets[0].grid_risk.stop_loss_ratio, "0.1");

    assert_string_equal(markets[1].exchange, "okx");
    assert_string_equal(markets[1].price_interval, "2");
    assert_string_equal(markets[1].order_quantity, "0.5");
    assert_int_equal(markets[1].buy_window_size, 3);
    assert_int_equal(markets[1].sell_window_size, 3);
    assert_true(markets[1].grid_risk.enabled);
    assert_string_equal(markets[1].grid_risk.stop_loss_ratio, "0");
    assert_int_equal(markets[1].grid_risk.max_grid_layers, 9);
    assert_true(markets[1].grid_risk.trend_filter_enabled);
    assert_false(markets[0].grid_risk.trend_filter_enabled);

    assert_int_equal(markets[2].buy_window_size, 1);
    assert_int_equal(markets[2].sell_window_size, 3);
    assert_int_equal(markets[2].reconcile_interval_s, 30);
    assert_false(markets[2].grid_risk.enabled);
    qm_config_free(config);
}

static void
sell_window_follows_buy_window(void **state)
{
    QmConfig *config =
        load_valid("app: {current_exchange: binance}\nexchanges: {binance: {api_key: k, secret_key: s}}\n"
                   "trading: {price_interval: 1, order_quantity: 1, buy_window_size: 4, sell_window_size: 6, symbols: "
                   "[\n"
                   "  {symbol: A}, {symbol: B, buy_window_size: 2}, {symbol: C, sell_window_size: 1}]}\n",
                   NULL);

    (void) state;
    assert_int_equal(config->markets[0].sell_window_size, 6);
    assert_int_equal(config->markets[1].buy_window_size, 2);
    assert_int_equal(config->markets[1].sell_window_size, 6);
    assert_int_equal(config->markets[2].sell_window_size, 1);
    qm_config_free(config);
}

/* Amounts keep every digit; only their writing changes. */
static void
amounts_are_exact(void **state)
{
    static const char *const amounts[][2] = {
        {"0.1", "0.1"},
        {".5", "0.5"},
        {"5.", "5"},
        {"+2", "2"},
        {"1e3", "1000"},
        {"1.50E-3", "0.0015"},
        {"12_345.6_7", "12345.67"},
        {"0.00000000000000000001", "0.00000000000000000001"},
        {"99999999999999999999", "99999999999999999999"},
        {"99999999999999999999.99999999999999999999", "99999999999999999999.99999999999999999999"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"\"0.25\"", "0.25"},
        {"!!str 0.25", "0.25"},
        {"1.0", "1"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
    {
        char text[512];
        QmConfig *config;

        snprintf(text, sizeof(text), "risk_control: {volume_multiplier: %s}\n%s", amounts[i][0], VALID_REST);
        config = load_valid(text, NULL);
        assert_string_equal(config->risk.volume_multiplier, amounts[i][1]);
        qm_config_free(config);
    }
}

static void
words_and_switches(void **state)
{
    static const char *const on[] = {"true", "True", "TRUE", "yes", "on", "y", "\"true\""};
    QmConfig *config;

    (void) state;
    for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
    {
        char text[512];

        snprintf(text, sizeof(text), "web: {enabled: %s}\n%s", on[i], VALID_REST);
        config = load_valid(text, NULL);
        assert_true(config->web.enabled);
        qm_config_free(config);
    }
    config = load_valid("web: {enabled: off, port: ~, host: \"\"}\nsystem: {log_level: WARN, timezone: null}\n"
                        "risk_control: {interval: 1M, monitor_symbols: []}\n" VALID_REST,
                        NULL);
    assert_false(config->web.enabled);
    assert_int_equal(config->web.port, 28888);
    assert_string_equal(config->web.host, "127.0.0.1");
    assert_int_equal(config->system.log_level, QM_LOG_WARN);
    assert_string_equal(config->system.timezone, "Asia/Shanghai");
    assert_string_equal(config->risk.interval, "1M");
    assert_int_equal(config->risk.monitor_symbols.count, 5);
    qm_config_free(config);
}

/* An alias is what it names, and << adds what the mapping does not have. */
static void
anchors(void **state)
{
    QmConfig *config = load_with("app: {current_exchange: &here binance}\n"
                                 "exchanges: {binance: &keys {api_key: k, secret_key: s, fee_rate: 1}, okx: {<<: "
                                 "*keys, fee_rate: 0.5}}\n"
                                 "base: &base {price_interval: 1, order_quantity: 2, buy_window_size: 3}\n"
                                 "more: &more {order_quantity: 5, sell_window_size: 4}\n"
                                 "trading:\n"
                                 "  symbols:\n"
                                 "    - {symbol: A, exchange: *here, <<: *base}\n"
                                 "    - {<<: [*more, *base], symbol: B, price_interval: 9}\n",
                                 NULL);

    (void) state;
    assert_string_equal(messages_of(config->messages, config->message_count),
                        "c.yaml:3:1: warning: base: unknown key\nc.yaml:4:1: warning: more: unknown key");
    assert_string_equal(config->exchanges[1].fee_rate, "0.5");
    assert_string_equal(config->exchanges[1].api_key.value, "k");
    assert_string_equal(config->markets[0].exchange, "binance");
    assert_string_equal(config->markets[0].order_quantity, "2");
    assert_int_equal(config->markets[0].sell_window_size, 3);
    assert_string_equal(config->markets[1].order_quantity, "5");
    assert_string_equal(config->markets[1].price_interval, "9");
    assert_int_equal(config->markets[1].buy_window_size, 3);
    assert_int_equal(config->markets[1].sell_window_size, 4);
    qm_config_free(config);
}

static void
locks(void **state)
{
    QmConfig *config = load_valid("database: {type: postgres, dsn: service=quantmesh}\n"
                                  "distributed_lock: {enabled: true, type: database, postgres: {mode: lease, renew: "
                                  "true}}\n" VALID_REST,
                                  NULL);

    (void) state;
    assert_int_equal(config->lock.type, QM_LOCK_POSTGRES);
    assert_int_equal(qm_config_lock_type(config), QM_LOCK_POSTGRES);
    assert_int_equal(config->lock.postgres_mode, QM_LOCK_LEASE);
    assert_true(config->lock.postgres_renew);
    qm_config_free(config);

    config = load_valid("database: {type: postgres, dsn: \"postgresql:///q\"}\n"
                        "distributed_lock: {enabled: true, type: redis, also: postgres, redis: {sentinels: "
                        "[\"a:26379\", \"[::1]:26379\"]}}\n" VALID_REST,
                        NULL);
    assert_int_equal(qm_config_lock_type(config), QM_LOCK_REDIS);
    assert_int_equal(config->lock.also, QM_LOCK_ALSO_POSTGRES);
    assert_int_equal(config->lock.redis.sentinels.count, 2);
    assert_string_equal(config->lock.redis.sentinels.items[1], "[::1]:26379");
    qm_config_free(config);

    config = load_valid("distributed_lock: {enabled: false, type: redis}\n" VALID_REST, NULL);
    assert_int_equal(qm_config_lock_type(config), QM_LOCK_NOP);
    qm_config_free(config);

    config = load_with("database: {type: postgres, dsn: service=quantmesh}\n"
                       "distributed_lock: {enabled: true, type: postgres, redis: {addr: \"a:1\"}}\n" VALID_REST,
                       NULL);
    assert_string_equal(messages_of(config->messages, config->message_count),
                        "c.yaml:2:51: warning: not used: distributed_lock.redis");
    qm_config_free(config);
}

/* All that are monitored may be asked to recover, and no more. */
static void
recovery_is_possible(void **state)
{
    QmConfig *config = load_valid("risk_control: {enabled: true, monitor_symbols: [A, B]}\n" VALID_REST, NULL);

    (void) state;
    assert_int_equal(config->risk.recovery_threshold, 2);
    qm_config_free(config);
    config =
        load_valid("risk_control: {enabled: true, monitor_symbols: [A, B], recovery_threshold: 1}\n" VALID_REST, NULL);
    assert_int_equal(config->risk.recovery_threshold, 1);
    qm_config_free(config);
}

static void
cluster_file(void **state)
{
    QmConfig *config = qm_config_load_file("test/client/configs/cluster.yaml", NULL);

    (void) state;
    assert_string_equal(messages_of(config->messages, config->message_count),
                        "test/client/configs/cluster.yaml:83:9: warning: notifications.email.to: of the wrong kind, "
                        "found a list, allowed: text\n"
                        "test/client/configs/cluster.yaml:115:22: warning: ai.modules.market_analysis: of the wrong "
                        "kind, found a single "
                        "value, allowed: a mapping\n"
                        "test/client/configs/cluster.yaml:116:29: warning: ai.modules.parameter_optimization: of the "
                        "wrong kind, found a "
                        "single value, allowed: a mapping\n"
                        "test/client/configs/cluster.yaml:12:3: warning: not used: database.max_idle_conns, "
                        "database.log_level, "
                        "distributed_lock.default_ttl, distributed_lock.redis.pool_size, notifications, storage, "
                        "web.api_key, watchdog, ai");
    assert_true(qm_config_ok(config));
    assert_true(qm_config_may_run(config, false));
    assert_false(qm_config_may_run(config, true)); /* it means futures */
    assert_int_equal(config->market_count, 2);
    assert_int_equal(config->markets[1].buy_window_size, 7);
    assert_int_equal(config->markets[1].sell_window_size, 7);
    assert_string_equal(config->markets[1].order_quantity, "0.001");
    assert_int_equal(config->risk.recovery_threshold, 2);
    assert_string_equal(config->web.host, "0.0.0.0");
    qm_config_free(config);
}

static void
guide_file(void **state)
{
    QmConfig *config = qm_config_load_file("test/client/configs/guide.yaml", NULL);

    (void) state;
    assert_true(qm_config_ok(config));
    assert_int_equal(config->warning_count, 3);
    assert_string_equal(
        messages_of(config->stops, config->stop_count),
        "test/client/configs/guide.yaml:1:1: stops run with real money: exchanges: not there; add the exchange with "
        "its "
        "api_key and secret_key\n"
        "test/client/configs/guide.yaml:19:7: stops run: trading.symbols[0].buy_window_size: not set, allowed: a whole "
        "number from 1 to 10000; say how many buy orders may lie below the price\n"
        "test/client/configs/guide.yaml:23:7: stops run: trading.symbols[1].buy_window_size: not set, allowed: a whole "
        "number from 1 to 10000; say how many buy orders may lie below the price");
    assert_false(qm_config_may_run(config, false));
    assert_int_equal(config->exchange_count, 1);
    assert_string_equal(config->exchanges[0].name, "binance");
    assert_false(config->exchanges[0].declared);
    assert_string_equal(config->exchanges[0].fee_rate, "0");
    assert_string_equal(config->lock.redis.addr, "redis:6379");
    qm_config_free(config);
}

static void
standby_file(void **state)
{
    QmConfig *config = qm_config_load_file("test/client/configs/standby.yaml", NULL);

    (void) state;
    assert_string_equal(messages_of(config->messages, config->message_count), "");
    assert_true(config->instance.standby);
    assert_int_equal(config->instance.index, 2);
    assert_int_equal(config->market_count, 0);
    assert_string_equal(messages_of(config->stops, config->stop_count),
                        "test/client/configs/standby.yaml:18:3: stops run: trading.symbols: nothing that could be "
                        "given "
                        "to it, allowed: a list with at least one symbol; list the markets that it takes over from "
                        "others, and say instance.standby: true");
    assert_false(qm_config_may_run(config, false));
    qm_config_free(config);
}

/* The name that the earlier system gave to every instance without one is no name. */
static void
default_instance_is_no_id(void **state)
{
    QmConfig *config = load_valid("instance: {id: default-instance}\n" VALID_REST, NULL);

    (void) state;
    assert_string_equal(config->instance.id, "");
    qm_config_free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(defaults_of_sections),
        cmocka_unit_test(markets_inherit),
        cmocka_unit_test(sell_window_follows_buy_window),
        cmocka_unit_test(amounts_are_exact),
        cmocka_unit_test(words_and_switches),
        cmocka_unit_test(anchors),
        cmocka_unit_test(locks),
        cmocka_unit_test(recovery_is_possible),
        cmocka_unit_test(cluster_file),
        cmocka_unit_test(guide_file),
        cmocka_unit_test(standby_file),
        cmocka_unit_test(default_instance_is_no_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
