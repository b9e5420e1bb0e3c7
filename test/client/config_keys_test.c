/*
 * Every key of the earlier system is known, a file with all of them loads, and the
 * documentation has every key that is used with its default. Runs from the top of
 * the tree.
 */
#include "config_help.h"

#include "config_schema.h"

/* As its documentation and its reader have them: what each section holds, braces for what is below a key. */
static const char *const earlier[] = {
    "app{current_exchange}",
    "exchanges{*{api_key secret_key passphrase fee_rate testnet leverage}}",
    "trading{symbol price_interval order_quantity min_order_value buy_window_size sell_window_size reconcile_interval "
    "order_cleanup_threshold cleanup_batch_size margin_lock_duration_seconds position_safety_check}",
    "trading{grid_risk_control{enabled max_grid_layers stop_loss_ratio take_profit_trigger_ratio "
    "trailing_take_profit_ratio trend_filter_enabled}}",
    "trading{symbols[]{exchange symbol total_allocated_capital price_interval order_quantity min_order_value "
    "buy_window_size sell_window_size window_size reconcile_interval order_cleanup_threshold cleanup_batch_size "
    "margin_lock_duration_seconds position_safety_check strategies[]{type weight config}}}",
    "trading{symbols[]{withdrawal_policy{enabled threshold mode fixed_amount withdraw_ratio compound_ratio "
    "target_wallet "
    "tiered_rules[]{profit_threshold withdraw_ratio} principal_protection{enabled breakeven_protection "
    "withdraw_principal principal_withdraw_at max_loss_ratio} schedule{enabled frequency day_of_week day_of_month "
    "time_of_day}}}}",
    "trading{symbols[]{grid_risk_control{enabled max_grid_layers stop_loss_ratio take_profit_trigger_ratio "
    "trailing_take_profit_ratio trend_filter_enabled}}}",
    "trading{dynamic_adjustment{enabled price_interval{enabled min max volatility_window volatility_threshold "
    "adjustment_step check_interval} window_size{enabled buy_window{min max} sell_window{min max} "
    "utilization_threshold "
    "adjustment_step check_interval} order_quantity{enabled min max frequency_threshold adjustment_step}}}",
    "trading{smart_position{enabled trend_detection{enabled window method short_period long_period check_interval} "
    "window_adjustment{enabled max_adjustment adjustment_step min_buy_window min_sell_window}}}",
    "system{log_level timezone log_language cancel_on_exit close_positions_on_exit log_retention_days}",
    "instance{id index total}",
    "database{type dsn max_open_conns max_idle_conns conn_max_lifetime log_level}",
    "distributed_lock{enabled type prefix default_ttl redis{addr password db pool_size}}",
    "risk_control{enabled monitor_symbols interval volume_multiplier average_window recovery_threshold max_leverage}",
    "timing{websocket_reconnect_delay websocket_write_wait websocket_pong_wait websocket_ping_interval "
    "listen_key_keepalive_interval price_send_interval rate_limit_retry_delay order_retry_delay price_poll_interval "
    "status_print_interval order_cleanup_interval}",
    "notifications{enabled telegram{enabled bot_token chat_id} webhook{enabled url timeout} email{enabled provider "
    "smtp{host port username password} resend{api_key} mailgun{api_key domain} from to subject} feishu{enabled "
    "webhook} "
    "dingtalk{enabled webhook secret} wechat_work{enabled webhook} slack{enabled webhook} rules{order_placed "
    "order_filled "
    "risk_triggered stop_loss error margin_insufficient allocation_exceeded}}",
    "storage{enabled type path buffer_size batch_size flush_interval}",
    "web{enabled host port api_key pprof{enabled require_auth allowed_ips}}",
    "plugins{enabled directory licenses config}",
    "basis_monitor{enabled interval_minutes symbols}",
    "event_center{enabled price_volatility_threshold monitored_symbols retention{critical_days warning_days info_days "
    "critical_max_count warning_max_count info_max_count} cleanup_interval}",
    "strategies{enabled capital_allocation{mode total_capital fixed{enabled rebalance_on_start} dynamic{enabled "
    "rebalance_interval max_change_per_rebalance min_weight max_weight performance_weights}} configs{*{enabled type "
    "weight "
    "config}}}",
    "backtest{enabled start_time end_time initial_capital}",
    "position_allocation{enabled allocations[]{exchange symbol max_amount_usdt max_percentage}}",
    "metrics{enabled collect_interval}",
    "watchdog{enabled sampling{interval} retention{detail_days daily_days} notifications{enabled "
    "fixed_threshold{enabled "
    "cpu_percent memory_mb} rate_threshold{enabled window_minutes cpu_increase memory_increase_mb} cooldown_minutes} "
    "aggregation{enabled schedule}}",
    "ai{enabled provider api_key gemini_api_key base_url modules decision_mode execution_rules}",
};

/* check_known looks up every word of a pattern below a path, and returns where the pattern goes on. */
static const char *
check_known(const char *pattern, const char *path, size_t *count)
{
    while (*pattern != '\0' && *pattern != '}')
    {
        size_t len = strcspn(pattern, " {}");
        char below[256];

        snprintf(below, sizeof(below), "%s%s%.*s", path, path[0] != '\0' ? "." : "", (int) len, pattern);
        if (qm_schema_find(below) == NULL)
            fail_msg("%s is not known", below);
        (*count)++;
        pattern += len;
        if (*pattern == '{')
        {
            pattern = check_known(pattern + 1, below, count);
            assert_int_equal(*pattern, '}');
            pattern++;
        }
        pattern += strspn(pattern, " ");
    }
    return pattern;
}

static void
every_key_is_known(void **state)
{
    size_t count = 0;

    (void) state;
    for (size_t i = 0; i < sizeof(earlier) / sizeof(earlier[0]); i++)
        assert_int_equal(*check_known(earlier[i], "", &count), '\0');
    print_message("%zu keys\n", count);
    assert_true(count > 270);
}

/* The file has every key, each with a value of its type. */
static void
every_key_is_accepted(void **state)
{
    static const char *const stops[] = {"exchanges.bitget.market",
                                        "exchanges.bitget.rest_url",
                                        "exchanges.bitget.ws_api_url",
                                        "exchanges.bitget.stream_url",
                                        "position_allocation"};
    QmConfig *config = qm_config_load_file("test/client/configs/every_key.yaml", NULL);

    (void) state;
    assert_non_null(config);
    assert_string_equal(
        messages_of(config->messages, config->message_count),
        "test/client/configs/every_key.yaml:9:5: warning: not used: exchanges.*.passphrase, exchanges.*.leverage, "
        "trading.symbols[].total_allocated_capital, trading.symbols[].strategies, trading.symbols[].withdrawal_policy, "
        "trading.dynamic_adjustment, trading.smart_position, system.log_language, system.log_retention_days, "
        "database.max_idle_conns, database.log_level, distributed_lock.default_ttl, distributed_lock.redis.pool_size, "
        "timing.websocket_write_wait, timing.websocket_ping_interval, timing.listen_key_keepalive_interval, "
        "timing.price_poll_interval, timing.status_print_interval, notifications, storage, web.api_key, web.pprof, "
        "plugins, "
        "basis_monitor, event_center, strategies, backtest, watchdog, ai");
    assert_true(qm_config_ok(config));
    assert_int_equal(config->stop_count, sizeof(stops) / sizeof(stops[0]));
    for (size_t i = 0; i < config->stop_count; i++)
        assert_string_equal(config->stops[i].path, stops[i]);
    qm_config_free(config);
}

/* contains_every tells whether the file has every key of a pattern; each is a line's first word. */
static const char *
check_in_file(const char *pattern, const char *text)
{
    while (*pattern != '\0')
    {
        size_t len = strcspn(pattern, " {}[*");
        char line[128];

        snprintf(line, sizeof(line), "%.*s:", (int) len, pattern);
        if (len > 0 && strstr(text, line) == NULL)
            fail_msg("%s is not in the file", line);
        pattern += len;
        pattern += strspn(pattern, " {}[]*");
    }
    return pattern;
}

static char file_text[65536];

static void
read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(file_text, 1, sizeof(file_text) - 1, file);
    file_text[len] = '\0';
    fclose(file);
}

static void
the_file_has_every_key(void **state)
{
    (void) state;
    read_file("test/client/configs/every_key.yaml");
    for (size_t i = 0; i < sizeof(earlier) / sizeof(earlier[0]); i++)
        (void) check_in_file(earlier[i], file_text);
}

/* A key in use has a row "| `path` | default |"; markets are described once, by trading's keys and their own. */
static void
the_documentation_has_every_key(void **state)
{
    (void) state;
    read_file("docs/configuration.md");
    for (size_t i = 0; i < qm_schema_count; i++)
    {
        const QmKey *key = &qm_schema[i];
        char row[256];

        if (key->scope == QM_SCOPE_NONE || key->scope == QM_SCOPE_TRADING)
            continue;
        if (key->fallback != NULL)
            snprintf(row, sizeof(row), "| `%s` | `%s` |", key->path, key->fallback);
        else
            snprintf(row, sizeof(row), "| `%s` | ", key->path);
        if (strstr(file_text, row) == NULL)
            fail_msg("docs/configuration.md has no row %s", row);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_known),
        cmocka_unit_test(every_key_is_accepted),
        cmocka_unit_test(the_file_has_every_key),
        cmocka_unit_test(the_documentation_has_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
