/*
 * Schema: the table of keys.
 *
 * A key stands below the one that it belongs to, and what is printed comes in
 * this order. Defaults are given where we use the value; what we accept and do
 * not use has none.
 */
#include "config_load.h"

#include <limits.h>

#define PATH(text) .path = (text), .path_len = sizeof(text) - 1
#define CONFIG(field) .scope = QM_SCOPE_CONFIG, .offset = offsetof(QmConfig, field)
#define EXCHANGE(field) .scope = QM_SCOPE_EXCHANGE, .offset = offsetof(QmExchangeConfig, field)
#define TRADING(field) .scope = QM_SCOPE_TRADING, .offset = offsetof(QmMarketDraft, field)
#define MARKET(field) .scope = QM_SCOPE_MARKET, .offset = offsetof(QmMarketDraft, field)
#define ALLOCATION(field) .scope = QM_SCOPE_ALLOCATION, .offset = offsetof(QmAllocationConfig, field)

#define SECTION(text)                   \
    {                                   \
        PATH(text), .type = QM_TYPE_MAP \
    }
#define LIMITING_SECTION(text)                                  \
    {                                                           \
        PATH(text), .type = QM_TYPE_MAP, .flags = QM_KEY_LIMITS \
    }
#define BOOL(text, field, default)                                     \
    {                                                                  \
        PATH(text), .type = QM_TYPE_BOOL, .fallback = (default), field \
    }
#define INT(text, field, default, from, to)                                                       \
    {                                                                                             \
        PATH(text), .type = QM_TYPE_INT, .fallback = (default), .min = (from), .max = (to), field \
    }
#define POSITIVE_INT(text, field, default, to)                                                                         \
    {                                                                                                                  \
        PATH(text), .type = QM_TYPE_INT, .flags = QM_KEY_POSITIVE, .fallback = (default), .min = 1, .max = (to), field \
    }
#define DECIMAL(text, field, default, to)                                              \
    {                                                                                  \
        PATH(text), .type = QM_TYPE_DECIMAL, .fallback = (default), .max = (to), field \
    }
#define POSITIVE(text, field, default)                                                              \
    {                                                                                               \
        PATH(text), .type = QM_TYPE_DECIMAL, .flags = QM_KEY_POSITIVE, .fallback = (default), field \
    }
#define TEXT(text, kind, field, default, bytes)                                          \
    {                                                                                    \
        PATH(text), .type = QM_TYPE_##kind, .fallback = (default), .max = (bytes), field \
    }
#define WORD(text, kind, field, default, list)                                            \
    {                                                                                     \
        PATH(text), .type = QM_TYPE_##kind, .fallback = (default), .words = (list), field \
    }
#define WORD_BUT(text, field, default, list, not, hint)                                              \
    {                                                                                                \
        PATH(text), .type = QM_TYPE_WORD, .fallback = (default), .words = (list), .refused = (not ), \
                    .refused_hint = (hint), field                                                    \
    }
#define UNUSED(text, kind)                                         \
    {                                                              \
        PATH(text), .type = QM_TYPE_##kind, .flags = QM_KEY_UNUSED \
    }
#define UNUSED_LIMIT(text, kind)                                                   \
    {                                                                              \
        PATH(text), .type = QM_TYPE_##kind, .flags = QM_KEY_UNUSED | QM_KEY_LIMITS \
    }
#define UNUSED_SHARES(text, kind)                                                  \
    {                                                                              \
        PATH(text), .type = QM_TYPE_##kind, .flags = QM_KEY_UNUSED | QM_KEY_SHARES \
    }
/* Below something unused: only its type is known. */
#define BELOW(text, kind)                  \
    {                                      \
        PATH(text), .type = QM_TYPE_##kind \
    }
#define BELOW_LIMIT(text, kind)                                    \
    {                                                              \
        PATH(text), .type = QM_TYPE_##kind, .flags = QM_KEY_LIMITS \
    }
#define BELOW_SHARES(text, kind)                                   \
    {                                                              \
        PATH(text), .type = QM_TYPE_##kind, .flags = QM_KEY_SHARES \
    }

#define DAY_S 86400
#define HOUR_MS 3600000

static const char *const log_levels[] = {"debug", "info", "warn", "error", "fatal", NULL};
static const char *const market_kinds[] = {"futures", "spot", NULL};
static const char *const database_types[] = {"sqlite", "postgres", NULL};
static const char *const lock_types[] = {"nop", "redis", "postgres", "database", NULL};
static const char *const databases_not_here[] = {"mysql", NULL};
static const char *const locks_not_here[] = {"etcd", "mysql", NULL};
static const char *const lock_also[] = {"none", "postgres", NULL};
static const char *const lock_modes[] = {"session", "lease", NULL};
static const char *const intervals[] =
    {"1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M", NULL};

const QmKey qm_schema[] = {
    SECTION("app"),
    TEXT("app.current_exchange", NAME, CONFIG(current_exchange), NULL, QM_NAME_MAX),

    {PATH("exchanges"), .type = QM_TYPE_NAMED},
    SECTION("exchanges.*"),
    TEXT("exchanges.*.api_key", SECRET, EXCHANGE(api_key), NULL, 0),
    TEXT("exchanges.*.secret_key", SECRET, EXCHANGE(secret_key), NULL, 0),
    UNUSED("exchanges.*.passphrase", SECRET),
    DECIMAL("exchanges.*.fee_rate", EXCHANGE(fee_rate), "0", 1),
    BOOL("exchanges.*.testnet", EXCHANGE(testnet), "false"),
    WORD("exchanges.*.market", WORD, EXCHANGE(market), "futures", market_kinds),
    TEXT("exchanges.*.rest_url", TOKEN, EXCHANGE(rest_url), NULL, 2048),
    TEXT("exchanges.*.ws_api_url", TOKEN, EXCHANGE(ws_api_url), NULL, 2048),
    TEXT("exchanges.*.stream_url", TOKEN, EXCHANGE(stream_url), NULL, 2048),
    TEXT("exchanges.*.ca_file", TEXT, EXCHANGE(ca_file), NULL, 0),
    UNUSED("exchanges.*.leverage", INT),

    SECTION("trading"),
    TEXT("trading.symbol", NAME, TRADING(market.symbol), NULL, QM_NAME_MAX),
    POSITIVE("trading.price_interval", TRADING(market.price_interval), NULL),
    POSITIVE("trading.order_quantity", TRADING(market.order_quantity), NULL),
    POSITIVE("trading.min_order_value", TRADING(market.min_order_value), NULL),
    POSITIVE_INT("trading.buy_window_size", TRADING(market.buy_window_size), NULL, 10000),
    POSITIVE_INT("trading.sell_window_size", TRADING(market.sell_window_size), NULL, 10000),
    POSITIVE_INT("trading.reconcile_interval", TRADING(market.reconcile_interval_s), NULL, DAY_S),
    POSITIVE_INT("trading.order_cleanup_threshold", TRADING(market.order_cleanup_threshold), NULL, 100000),
    POSITIVE_INT("trading.cleanup_batch_size", TRADING(market.cleanup_batch_size), NULL, 100000),
    POSITIVE_INT("trading.margin_lock_duration_seconds", TRADING(market.margin_lock_duration_s), NULL, DAY_S),
    POSITIVE_INT("trading.position_safety_check", TRADING(market.position_safety_check), NULL, 1000000),
    LIMITING_SECTION("trading.grid_risk_control"),
    BOOL("trading.grid_risk_control.enabled", TRADING(market.grid_risk.enabled), NULL),
    INT("trading.grid_risk_control.max_grid_layers", TRADING(market.grid_risk.max_grid_layers), NULL, 0, 100000),
    DECIMAL("trading.grid_risk_control.stop_loss_ratio", TRADING(market.grid_risk.stop_loss_ratio), NULL, 1),
    DECIMAL("trading.grid_risk_control.take_profit_trigger_ratio", TRADING(market.grid_risk.take_profit_trigger_ratio),
            NULL, 100),
    DECIMAL("trading.grid_risk_control.trailing_take_profit_ratio",
            TRADING(market.grid_risk.trailing_take_profit_ratio), NULL, 1),
    BOOL("trading.grid_risk_control.trend_filter_enabled", TRADING(market.grid_risk.trend_filter_enabled), NULL),

    {PATH("trading.symbols"), .type = QM_TYPE_MAPS},
    SECTION("trading.symbols[]"),
    TEXT("trading.symbols[].exchange", NAME, MARKET(market.exchange), NULL, QM_NAME_MAX),
    TEXT("trading.symbols[].symbol", NAME, MARKET(market.symbol), NULL, QM_NAME_MAX),
    POSITIVE("trading.symbols[].price_interval", MARKET(market.price_interval), NULL),
    POSITIVE("trading.symbols[].order_quantity", MARKET(market.order_quantity), NULL),
    POSITIVE("trading.symbols[].min_order_value", MARKET(market.min_order_value), "20"),
    POSITIVE_INT("trading.symbols[].buy_window_size", MARKET(market.buy_window_size), NULL, 10000),
    POSITIVE_INT("trading.symbols[].sell_window_size", MARKET(market.sell_window_size), NULL, 10000),
    {PATH("trading.symbols[].window_size"),
     .type = QM_TYPE_INT,
     .flags = QM_KEY_POSITIVE | QM_KEY_ALIAS,
     .min = 1,
     .max = 10000,
     MARKET(window_size)},
    POSITIVE_INT("trading.symbols[].reconcile_interval", MARKET(market.reconcile_interval_s), "60", DAY_S),
    POSITIVE_INT("trading.symbols[].order_cleanup_threshold", MARKET(market.order_cleanup_threshold), "50", 100000),
    POSITIVE_INT("trading.symbols[].cleanup_batch_size", MARKET(market.cleanup_batch_size), "10", 100000),
    POSITIVE_INT("trading.symbols[].margin_lock_duration_seconds", MARKET(market.margin_lock_duration_s), "10", DAY_S),
    POSITIVE_INT("trading.symbols[].position_safety_check", MARKET(market.position_safety_check), "100", 1000000),
    LIMITING_SECTION("trading.symbols[].grid_risk_control"),
    BOOL("trading.symbols[].grid_risk_control.enabled", MARKET(market.grid_risk.enabled), "false"),
    INT("trading.symbols[].grid_risk_control.max_grid_layers", MARKET(market.grid_risk.max_grid_layers), "0", 0,
        100000),
    DECIMAL("trading.symbols[].grid_risk_control.stop_loss_ratio", MARKET(market.grid_risk.stop_loss_ratio), "0", 1),
    DECIMAL("trading.symbols[].grid_risk_control.take_profit_trigger_ratio",
            MARKET(market.grid_risk.take_profit_trigger_ratio), "0", 100),
    DECIMAL("trading.symbols[].grid_risk_control.trailing_take_profit_ratio",
            MARKET(market.grid_risk.trailing_take_profit_ratio), "0", 1),
    BOOL("trading.symbols[].grid_risk_control.trend_filter_enabled", MARKET(market.grid_risk.trend_filter_enabled),
         "false"),
    UNUSED_LIMIT("trading.symbols[].total_allocated_capital", DECIMAL),
    UNUSED_SHARES("trading.symbols[].strategies", MAPS),
    BELOW("trading.symbols[].strategies[]", MAP),
    BELOW("trading.symbols[].strategies[].type", TEXT),
    BELOW("trading.symbols[].strategies[].weight", DECIMAL),
    BELOW("trading.symbols[].strategies[].config", ANY),
    UNUSED("trading.symbols[].withdrawal_policy", MAP),
    BELOW("trading.symbols[].withdrawal_policy.enabled", BOOL),
    BELOW("trading.symbols[].withdrawal_policy.threshold", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.mode", TEXT),
    BELOW("trading.symbols[].withdrawal_policy.fixed_amount", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.tiered_rules", MAPS),
    BELOW("trading.symbols[].withdrawal_policy.tiered_rules[]", MAP),
    BELOW("trading.symbols[].withdrawal_policy.tiered_rules[].profit_threshold", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.tiered_rules[].withdraw_ratio", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.withdraw_ratio", DECIMAL),
    BELOW_LIMIT("trading.symbols[].withdrawal_policy.principal_protection", MAP),
    BELOW("trading.symbols[].withdrawal_policy.principal_protection.enabled", BOOL),
    BELOW("trading.symbols[].withdrawal_policy.principal_protection.breakeven_protection", BOOL),
    BELOW("trading.symbols[].withdrawal_policy.principal_protection.withdraw_principal", BOOL),
    BELOW("trading.symbols[].withdrawal_policy.principal_protection.principal_withdraw_at", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.principal_protection.max_loss_ratio", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.schedule", MAP),
    BELOW("trading.symbols[].withdrawal_policy.schedule.enabled", BOOL),
    BELOW("trading.symbols[].withdrawal_policy.schedule.frequency", TEXT),
    BELOW("trading.symbols[].withdrawal_policy.schedule.day_of_week", INT),
    BELOW("trading.symbols[].withdrawal_policy.schedule.day_of_month", INT),
    BELOW("trading.symbols[].withdrawal_policy.schedule.time_of_day", TEXT),
    BELOW("trading.symbols[].withdrawal_policy.compound_ratio", DECIMAL),
    BELOW("trading.symbols[].withdrawal_policy.target_wallet", TEXT),

    UNUSED("trading.dynamic_adjustment", MAP),
    BELOW("trading.dynamic_adjustment.enabled", BOOL),
    BELOW("trading.dynamic_adjustment.price_interval", MAP),
    BELOW("trading.dynamic_adjustment.price_interval.enabled", BOOL),
    BELOW("trading.dynamic_adjustment.price_interval.min", DECIMAL),
    BELOW("trading.dynamic_adjustment.price_interval.max", DECIMAL),
    BELOW("trading.dynamic_adjustment.price_interval.volatility_window", INT),
    BELOW("trading.dynamic_adjustment.price_interval.volatility_threshold", DECIMAL),
    BELOW("trading.dynamic_adjustment.price_interval.adjustment_step", DECIMAL),
    BELOW("trading.dynamic_adjustment.price_interval.check_interval", INT),
    BELOW("trading.dynamic_adjustment.window_size", MAP),
    BELOW("trading.dynamic_adjustment.window_size.enabled", BOOL),
    BELOW("trading.dynamic_adjustment.window_size.buy_window", MAP),
    BELOW("trading.dynamic_adjustment.window_size.buy_window.min", INT),
    BELOW("trading.dynamic_adjustment.window_size.buy_window.max", INT),
    BELOW("trading.dynamic_adjustment.window_size.sell_window", MAP),
    BELOW("trading.dynamic_adjustment.window_size.sell_window.min", INT),
    BELOW("trading.dynamic_adjustment.window_size.sell_window.max", INT),
    BELOW("trading.dynamic_adjustment.window_size.utilization_threshold", DECIMAL),
    BELOW("trading.dynamic_adjustment.window_size.adjustment_step", INT),
    BELOW("trading.dynamic_adjustment.window_size.check_interval", INT),
    BELOW("trading.dynamic_adjustment.order_quantity", MAP),
    BELOW("trading.dynamic_adjustment.order_quantity.enabled", BOOL),
    BELOW("trading.dynamic_adjustment.order_quantity.min", DECIMAL),
    BELOW("trading.dynamic_adjustment.order_quantity.max", DECIMAL),
    BELOW("trading.dynamic_adjustment.order_quantity.frequency_threshold", INT),
    BELOW("trading.dynamic_adjustment.order_quantity.adjustment_step", DECIMAL),
    UNUSED_LIMIT("trading.smart_position", MAP),
    BELOW("trading.smart_position.enabled", BOOL),
    BELOW("trading.smart_position.trend_detection", MAP),
    BELOW("trading.smart_position.trend_detection.enabled", BOOL),
    BELOW("trading.smart_position.trend_detection.window", INT),
    BELOW("trading.smart_position.trend_detection.method", TEXT),
    BELOW("trading.smart_position.trend_detection.short_period", INT),
    BELOW("trading.smart_position.trend_detection.long_period", INT),
    BELOW("trading.smart_position.trend_detection.check_interval", INT),
    BELOW("trading.smart_position.window_adjustment", MAP),
    BELOW("trading.smart_position.window_adjustment.enabled", BOOL),
    BELOW("trading.smart_position.window_adjustment.max_adjustment", DECIMAL),
    BELOW("trading.smart_position.window_adjustment.adjustment_step", INT),
    BELOW("trading.smart_position.window_adjustment.min_buy_window", INT),
    BELOW("trading.smart_position.window_adjustment.min_sell_window", INT),

    SECTION("system"),
    WORD("system.log_level", WORD, CONFIG(system.log_level), "info", log_levels),
    TEXT("system.timezone", NAME, CONFIG(system.timezone), "Asia/Shanghai", QM_NAME_MAX),
    UNUSED("system.log_language", TEXT),
    BOOL("system.cancel_on_exit", CONFIG(system.cancel_on_exit), "false"),
    BOOL("system.close_positions_on_exit", CONFIG(system.close_positions_on_exit), "false"),
    UNUSED("system.log_retention_days", INT),

    SECTION("instance"),
    TEXT("instance.id", TOKEN, CONFIG(instance.id), NULL, 128),
    INT("instance.index", CONFIG(instance.index), "0", 0, 999),
    POSITIVE_INT("instance.total", CONFIG(instance.total), "1", 1000),
    BOOL("instance.standby", CONFIG(instance.standby), "false"),

    SECTION("database"),
    WORD_BUT("database.type", CONFIG(database.type), "sqlite", database_types, databases_not_here,
             "use postgres, or sqlite for a single instance"),
    TEXT("database.dsn", DSN, CONFIG(database.dsn), NULL, 0),
    POSITIVE_INT("database.max_open_conns", CONFIG(database.max_open_conns), "100", 10000),
    UNUSED("database.max_idle_conns", INT),
    POSITIVE_INT("database.conn_max_lifetime", CONFIG(database.conn_max_lifetime_s), "3600", 365 * DAY_S),
    UNUSED("database.log_level", TEXT),

    SECTION("distributed_lock"),
    BOOL("distributed_lock.enabled", CONFIG(lock.enabled), "false"),
    WORD_BUT("distributed_lock.type", CONFIG(lock.type), "redis", lock_types, locks_not_here,
             "use postgres, which needs no further server, or redis"),
    WORD("distributed_lock.also", WORD, CONFIG(lock.also), "none", lock_also),
    TEXT("distributed_lock.prefix", TOKEN, CONFIG(lock.prefix), "quantmesh:lock:", 64),
    UNUSED("distributed_lock.default_ttl", INT),
    SECTION("distributed_lock.redis"),
    TEXT("distributed_lock.redis.addr", ADDRESS, CONFIG(lock.redis.addr), "localhost:6379", 255),
    TEXT("distributed_lock.redis.password", SECRET, CONFIG(lock.redis.password), NULL, 0),
    INT("distributed_lock.redis.db", CONFIG(lock.redis.db), "0", 0, 1000000),
    {PATH("distributed_lock.redis.sentinels"), .type = QM_TYPE_ADDRESSES, .max = 255, CONFIG(lock.redis.sentinels)},
    TEXT("distributed_lock.redis.master", TOKEN, CONFIG(lock.redis.master), "mymaster", 128),
    UNUSED("distributed_lock.redis.pool_size", INT),
    SECTION("distributed_lock.postgres"),
    WORD("distributed_lock.postgres.mode", WORD, CONFIG(lock.postgres_mode), "session", lock_modes),
    BOOL("distributed_lock.postgres.renew", CONFIG(lock.postgres_renew), "false"),

    LIMITING_SECTION("risk_control"),
    BOOL("risk_control.enabled", CONFIG(risk.enabled), "false"),
    {PATH("risk_control.monitor_symbols"),
     .type = QM_TYPE_NAMES,
     .fallback = "BTCUSDT ETHUSDT SOLUSDT XRPUSDT DOGEUSDT",
     .max = QM_NAME_MAX,
     CONFIG(risk.monitor_symbols)},
    WORD("risk_control.interval", PICK, CONFIG(risk.interval), "1m", intervals),
    POSITIVE("risk_control.volume_multiplier", CONFIG(risk.volume_multiplier), "3"),
    POSITIVE_INT("risk_control.average_window", CONFIG(risk.average_window), "20", 1000),
    POSITIVE_INT("risk_control.recovery_threshold", CONFIG(risk.recovery_threshold), "3", QM_CONFIG_MARKETS_MAX),
    POSITIVE_INT("risk_control.max_leverage", CONFIG(risk.max_leverage), "10", 1000),

    SECTION("timing"),
    POSITIVE_INT("timing.websocket_reconnect_delay", CONFIG(timing.websocket_reconnect_delay_s), "5", DAY_S),
    UNUSED("timing.websocket_write_wait", INT),
    POSITIVE_INT("timing.websocket_pong_wait", CONFIG(timing.websocket_pong_wait_s), "60", DAY_S),
    UNUSED("timing.websocket_ping_interval", INT),
    UNUSED("timing.listen_key_keepalive_interval", INT),
    POSITIVE_INT("timing.price_send_interval", CONFIG(timing.price_send_interval_ms), "50", HOUR_MS),
    POSITIVE_INT("timing.rate_limit_retry_delay", CONFIG(timing.rate_limit_retry_delay_s), "1", DAY_S),
    POSITIVE_INT("timing.order_retry_delay", CONFIG(timing.order_retry_delay_ms), "500", HOUR_MS),
    UNUSED("timing.price_poll_interval", INT),
    UNUSED("timing.status_print_interval", INT),
    POSITIVE_INT("timing.order_cleanup_interval", CONFIG(timing.order_cleanup_interval_s), "60", DAY_S),

    UNUSED("notifications", MAP),
    BELOW("notifications.enabled", BOOL),
    BELOW("notifications.telegram", MAP),
    BELOW("notifications.telegram.enabled", BOOL),
    BELOW("notifications.telegram.bot_token", SECRET),
    BELOW("notifications.telegram.chat_id", TEXT),
    BELOW("notifications.webhook", MAP),
    BELOW("notifications.webhook.enabled", BOOL),
    BELOW("notifications.webhook.url", TEXT),
    BELOW("notifications.webhook.timeout", INT),
    BELOW("notifications.email", MAP),
    BELOW("notifications.email.enabled", BOOL),
    BELOW("notifications.email.provider", TEXT),
    BELOW("notifications.email.smtp", MAP),
    BELOW("notifications.email.smtp.host", TEXT),
    BELOW("notifications.email.smtp.port", INT),
    BELOW("notifications.email.smtp.username", TEXT),
    BELOW("notifications.email.smtp.password", SECRET),
    BELOW("notifications.email.resend", MAP),
    BELOW("notifications.email.resend.api_key", SECRET),
    BELOW("notifications.email.mailgun", MAP),
    BELOW("notifications.email.mailgun.api_key", SECRET),
    BELOW("notifications.email.mailgun.domain", TEXT),
    BELOW("notifications.email.from", TEXT),
    BELOW("notifications.email.to", TEXT),
    BELOW("notifications.email.subject", TEXT),
    BELOW("notifications.feishu", MAP),
    BELOW("notifications.feishu.enabled", BOOL),
    BELOW("notifications.feishu.webhook", TEXT),
    BELOW("notifications.dingtalk", MAP),
    BELOW("notifications.dingtalk.enabled", BOOL),
    BELOW("notifications.dingtalk.webhook", TEXT),
    BELOW("notifications.dingtalk.secret", SECRET),
    BELOW("notifications.wechat_work", MAP),
    BELOW("notifications.wechat_work.enabled", BOOL),
    BELOW("notifications.wechat_work.webhook", TEXT),
    BELOW("notifications.slack", MAP),
    BELOW("notifications.slack.enabled", BOOL),
    BELOW("notifications.slack.webhook", TEXT),
    BELOW("notifications.rules", MAP),
    BELOW("notifications.rules.order_placed", BOOL),
    BELOW("notifications.rules.order_filled", BOOL),
    BELOW("notifications.rules.risk_triggered", BOOL),
    BELOW("notifications.rules.stop_loss", BOOL),
    BELOW("notifications.rules.error", BOOL),
    BELOW("notifications.rules.margin_insufficient", BOOL),
    BELOW("notifications.rules.allocation_exceeded", BOOL),

    UNUSED("storage", MAP),
    BELOW("storage.enabled", BOOL),
    BELOW("storage.type", TEXT),
    BELOW("storage.path", TEXT),
    BELOW("storage.buffer_size", INT),
    BELOW("storage.batch_size", INT),
    BELOW("storage.flush_interval", INT),

    SECTION("web"),
    BOOL("web.enabled", CONFIG(web.enabled), "false"),
    TEXT("web.host", TOKEN, CONFIG(web.host), "127.0.0.1", 255),
    POSITIVE_INT("web.port", CONFIG(web.port), "28888", 65535),
    UNUSED("web.api_key", SECRET),
    UNUSED("web.pprof", MAP),
    BELOW("web.pprof.enabled", BOOL),
    BELOW("web.pprof.require_auth", BOOL),
    BELOW("web.pprof.allowed_ips", NAMES),

    SECTION("metrics"),
    BOOL("metrics.enabled", CONFIG(metrics.enabled), "false"),
    POSITIVE_INT("metrics.collect_interval", CONFIG(metrics.collect_interval_s), "60", DAY_S),

    LIMITING_SECTION("position_allocation"),
    BOOL("position_allocation.enabled", CONFIG(allocation_enabled), "false"),
    {PATH("position_allocation.allocations"), .type = QM_TYPE_MAPS},
    SECTION("position_allocation.allocations[]"),
    TEXT("position_allocation.allocations[].exchange", NAME, ALLOCATION(exchange), NULL, QM_NAME_MAX),
    TEXT("position_allocation.allocations[].symbol", NAME, ALLOCATION(symbol), NULL, QM_NAME_MAX),
    DECIMAL("position_allocation.allocations[].max_amount_usdt", ALLOCATION(max_amount_usdt), "0", 0),
    DECIMAL("position_allocation.allocations[].max_percentage", ALLOCATION(max_percentage), "0", 100),

    UNUSED("plugins", MAP),
    BELOW("plugins.enabled", BOOL),
    BELOW("plugins.directory", TEXT),
    BELOW("plugins.licenses", ANY),
    BELOW("plugins.config", ANY),
    UNUSED("basis_monitor", MAP),
    BELOW("basis_monitor.enabled", BOOL),
    BELOW("basis_monitor.interval_minutes", INT),
    BELOW("basis_monitor.symbols", NAMES),
    UNUSED("event_center", MAP),
    BELOW("event_center.enabled", BOOL),
    BELOW("event_center.price_volatility_threshold", DECIMAL),
    BELOW("event_center.monitored_symbols", NAMES),
    BELOW("event_center.retention", MAP),
    BELOW("event_center.retention.critical_days", INT),
    BELOW("event_center.retention.warning_days", INT),
    BELOW("event_center.retention.info_days", INT),
    BELOW("event_center.retention.critical_max_count", INT),
    BELOW("event_center.retention.warning_max_count", INT),
    BELOW("event_center.retention.info_max_count", INT),
    BELOW("event_center.cleanup_interval", INT),
    UNUSED("strategies", MAP),
    BELOW("strategies.enabled", BOOL),
    BELOW("strategies.capital_allocation", MAP),
    BELOW("strategies.capital_allocation.mode", TEXT),
    BELOW_LIMIT("strategies.capital_allocation.total_capital", DECIMAL),
    BELOW("strategies.capital_allocation.fixed", MAP),
    BELOW("strategies.capital_allocation.fixed.enabled", BOOL),
    BELOW("strategies.capital_allocation.fixed.rebalance_on_start", BOOL),
    BELOW("strategies.capital_allocation.dynamic", MAP),
    BELOW("strategies.capital_allocation.dynamic.enabled", BOOL),
    BELOW("strategies.capital_allocation.dynamic.rebalance_interval", INT),
    BELOW("strategies.capital_allocation.dynamic.max_change_per_rebalance", DECIMAL),
    BELOW("strategies.capital_allocation.dynamic.min_weight", DECIMAL),
    BELOW("strategies.capital_allocation.dynamic.max_weight", DECIMAL),
    BELOW("strategies.capital_allocation.dynamic.performance_weights", ANY),
    BELOW_SHARES("strategies.configs", NAMED),
    BELOW("strategies.configs.*", MAP),
    BELOW("strategies.configs.*.enabled", BOOL),
    BELOW("strategies.configs.*.type", TEXT),
    BELOW("strategies.configs.*.weight", DECIMAL),
    BELOW("strategies.configs.*.config", ANY),
    UNUSED("backtest", MAP),
    BELOW("backtest.enabled", BOOL),
    BELOW("backtest.start_time", TEXT),
    BELOW("backtest.end_time", TEXT),
    BELOW("backtest.initial_capital", DECIMAL),
    UNUSED("watchdog", MAP),
    BELOW("watchdog.enabled", BOOL),
    BELOW("watchdog.sampling", MAP),
    BELOW("watchdog.sampling.interval", INT),
    BELOW("watchdog.retention", MAP),
    BELOW("watchdog.retention.detail_days", INT),
    BELOW("watchdog.retention.daily_days", INT),
    BELOW("watchdog.notifications", MAP),
    BELOW("watchdog.notifications.enabled", BOOL),
    BELOW("watchdog.notifications.fixed_threshold", MAP),
    BELOW("watchdog.notifications.fixed_threshold.enabled", BOOL),
    BELOW("watchdog.notifications.fixed_threshold.cpu_percent", DECIMAL),
    BELOW("watchdog.notifications.fixed_threshold.memory_mb", DECIMAL),
    BELOW("watchdog.notifications.rate_threshold", MAP),
    BELOW("watchdog.notifications.rate_threshold.enabled", BOOL),
    BELOW("watchdog.notifications.rate_threshold.window_minutes", INT),
    BELOW("watchdog.notifications.rate_threshold.cpu_increase", DECIMAL),
    BELOW("watchdog.notifications.rate_threshold.memory_increase_mb", DECIMAL),
    BELOW("watchdog.notifications.cooldown_minutes", INT),
    BELOW("watchdog.aggregation", MAP),
    BELOW("watchdog.aggregation.enabled", BOOL),
    BELOW("watchdog.aggregation.schedule", TEXT),
    UNUSED("ai", MAP),
    BELOW("ai.enabled", BOOL),
    BELOW("ai.provider", TEXT),
    BELOW("ai.api_key", SECRET),
    BELOW("ai.gemini_api_key", SECRET),
    BELOW("ai.base_url", TEXT),
    BELOW("ai.modules", NAMED),
    BELOW("ai.modules.*", MAP),
    BELOW("ai.modules.*.enabled", BOOL),
    BELOW("ai.decision_mode", TEXT),
    BELOW("ai.execution_rules", MAP),
    BELOW("ai.execution_rules.high_risk_threshold", DECIMAL),
    BELOW("ai.execution_rules.low_risk_threshold", DECIMAL),
    BELOW("ai.execution_rules.require_confirmation", BOOL),
};

const size_t qm_schema_count = sizeof(qm_schema) / sizeof(qm_schema[0]);
