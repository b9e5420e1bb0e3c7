/*
 * The grid: its options and filters, what is told of the market, and what it says
 * of itself.
 *
 * A grid is one block of memory of a fixed size; nothing in it grows.
 */
#include "grid_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_S INT64_C(1000000)
#define RETRY_US INT64_C(500000)
#define VALID_US INT64_C(10000000)
#define STOP_LOSS_US (3600 * US_PER_S)
#define MULTIPLIER_MAX ((QmGridNumber) QM_GRID_ONE * 1000)
#define COUNT_MAX 100000

/* wrong fills an error and returns its code. */
static QmCode
wrong(QmError *error, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return QM_ERROR_ARGUMENT;
    memset(error, 0, sizeof(*error));
    error->code = QM_ERROR_ARGUMENT;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return QM_ERROR_ARGUMENT;
}

/* read_or_zero reads a number that need not be there. */
static bool
read_or_zero(const char *text, QmGridNumber *number)
{
    *number = 0;
    return text == NULL || *text == '\0' || qm_grid_read_small(text, number);
}

/* read_filters reads a market's filters and sees whether the grid's levels are on its ticks. */
static QmCode
read_filters(const QmGridTerms *terms, const QmGridFilters *filters, QmGridMarket *market, QmError *error)
{
    if (!read_or_zero(filters->tick_size, &market->tick) || !read_or_zero(filters->step_size, &market->step) ||
        !read_or_zero(filters->min_quantity, &market->min_quantity) ||
        !read_or_zero(filters->max_quantity, &market->max_quantity) ||
        !read_or_zero(filters->min_notional, &market->min_notional))
        return wrong(error, "a filter of %s has more than 8 decimals, or is no number", terms->symbol);
    if (market->tick == 0 || market->step == 0)
        return wrong(error, "the market %s has no tick size or no step size", terms->symbol);
    if (terms->interval % market->tick != 0)
        return wrong(error,
                     "price_interval is no multiple of the tick size %s of %s",
                     filters->tick_size,
                     terms->symbol);
    return QM_OK;
}

/* read_amounts reads what options say as text. */
static QmCode
read_amounts(const QmGridOptions *options, QmGridTerms *terms, QmError *error)
{
    const struct
    {
        const char *name;
        const char *text;
        QmGridNumber *number;
        bool needed;
    } amounts[] = {
        {"price_interval", options->price_interval, &terms->interval, true},
        {"order_quantity", options->order_quantity, &terms->order_value, true},
        {"min_order_value", options->min_order_value, &terms->min_order_value, false},
        {"fee_rate", options->fee_rate, &terms->fee_rate, false},
        {"stop_loss_ratio", options->risk.stop_loss_ratio, &terms->stop_loss, false},
        {"take_profit_trigger_ratio", options->risk.take_profit_trigger_ratio, &terms->profit_trigger, false},
        {"trailing_take_profit_ratio", options->risk.trailing_take_profit_ratio, &terms->profit_trail, false},
        {"volume_multiplier", options->market_risk.volume_multiplier, &terms->volume_multiplier, false},
    };

    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++)
    {
        if (!read_or_zero(amounts[i].text, amounts[i].number))
            return wrong(error, "%s is no number below 10^10 with at most 8 decimals", amounts[i].name);
        if (amounts[i].needed && *amounts[i].number == 0)
            return wrong(error, "%s is not above 0", amounts[i].name);
    }
    if (terms->fee_rate >= QM_GRID_ONE)
        return wrong(error, "fee_rate is not below 1");
    if (terms->volume_multiplier > MULTIPLIER_MAX)
        return wrong(error, "volume_multiplier is above 1000");
    return QM_OK;
}

/* read_counts takes what options say as whole numbers, and sees that they are within limits. */
static QmCode
read_counts(const QmGridOptions *options, QmGridTerms *terms, QmError *error)
{
    if (options->buy_window < 1 || options->buy_window > QM_GRID_WINDOW_MAX || options->sell_window < 1 ||
        options->sell_window > QM_GRID_WINDOW_MAX)
        return wrong(error, "buy_window_size and sell_window_size are not from 1 to %d", QM_GRID_WINDOW_MAX);
    if (options->cleanup_threshold < 1 || options->cleanup_batch < 1 || options->position_safety_check < 0 ||
        options->position_safety_check > COUNT_MAX)
        return wrong(error,
                     "order_cleanup_threshold or cleanup_batch_size is below 1, or position_safety_check has no sense");
    if (options->cleanup_interval_us < 0 || options->margin_lock_us < 0 || options->retry_us < 0 ||
        options->valid_us <= 0 || options->stop_loss_us < 0)
        return wrong(error, "a time of the grid is negative, or valid_us is 0");
    if ((options->market_risk.enabled || (options->risk.enabled && options->risk.trend_filter_enabled)) &&
        (options->market_risk.average_window < 1 || options->market_risk.average_window > QM_GRID_CANDLES_MAX ||
         options->market_risk.monitor_symbols.count > QM_GRID_MONITORED_MAX))
        return wrong(error,
                     "risk_control takes an average_window from 1 to %d and at most %d monitor_symbols",
                     QM_GRID_CANDLES_MAX,
                     QM_GRID_MONITORED_MAX);
    terms->buy_window = options->buy_window;
    terms->sell_window = options->sell_window;
    terms->cleanup_threshold = options->cleanup_threshold;
    terms->cleanup_batch = options->cleanup_batch;
    terms->safety_check = options->position_safety_check;
    terms->cleanup_interval_us = options->cleanup_interval_us;
    terms->margin_lock_us = options->margin_lock_us;
    terms->retry_us = options->retry_us;
    terms->valid_us = options->valid_us;
    terms->stop_loss_us = options->stop_loss_us;
    terms->fee_from_base = options->fee_from_base;
    terms->risk_on = options->risk.enabled;
    terms->trend_filter = options->risk.enabled && options->risk.trend_filter_enabled;
    terms->layers_max = options->risk.enabled ? options->risk.max_grid_layers : 0;
    terms->market_risk_on = options->market_risk.enabled && options->market_risk.monitor_symbols.count > 0;
    terms->average_window = options->market_risk.average_window;
    terms->recovery_threshold = options->market_risk.recovery_threshold;
    return QM_OK;
}

/* watch makes room for a symbol's candles. */
static QmCode
watch(QmGrid *grid, const char *symbol, bool monitored, QmError *error)
{
    QmGridCandles *candles = qm_grid_candles_of(grid, symbol);

    if (strlen(symbol) >= QM_GRID_SYMBOL_SIZE)
        return wrong(error, "the symbol %.40s has more than %d characters", symbol, QM_GRID_SYMBOL_SIZE - 1);
    if (candles == NULL)
        candles = &grid->candles[grid->candle_count++];
    snprintf(candles->symbol, sizeof(candles->symbol), "%s", symbol);
    candles->monitored = candles->monitored || monitored;
    return QM_OK;
}

/* set_up fills a new grid from its options. */
static QmCode
set_up(QmGrid *grid, const QmGridOptions *options, QmError *error)
{
    const char *strategy = options->strategy == NULL ? "" : options->strategy;
    QmCode code;

    if (options->symbol == NULL || *options->symbol == '\0' || strlen(options->symbol) >= QM_GRID_SYMBOL_SIZE ||
        strlen(strategy) >= QM_GRID_STRATEGY_SIZE)
        return wrong(error,
                     "the symbol is not from 1 to %d characters long, or the strategy's name has more than %d",
                     QM_GRID_SYMBOL_SIZE - 1,
                     QM_GRID_STRATEGY_SIZE - 1);
    snprintf(grid->terms.symbol, sizeof(grid->terms.symbol), "%s", options->symbol);
    snprintf(grid->terms.strategy, sizeof(grid->terms.strategy), "%s", strategy);
    if ((code = read_amounts(options, &grid->terms, error)) != QM_OK ||
        (code = read_counts(options, &grid->terms, error)) != QM_OK ||
        (code = read_filters(&grid->terms, &options->filters, &grid->market, error)) != QM_OK ||
        (code = watch(grid, options->symbol, false, error)) != QM_OK)
        return code;
    for (size_t i = 0; grid->terms.market_risk_on && i < options->market_risk.monitor_symbols.count; i++)
        if ((code = watch(grid, options->market_risk.monitor_symbols.items[i], true, error)) != QM_OK)
            return code;
    grid->free_quote = -1;
    grid->free_base = -1;
    grid->filters_fit = true;
    grid->wants_reconcile = true;
    return QM_OK;
}

/* qm_grid_new makes a grid; NULL when options are wrong or there is no memory. */
QmGrid *
qm_grid_new(const QmGridOptions *options, QmError *error)
{
    QmGrid *grid = calloc(1, sizeof(*grid));

    if (grid == NULL)
    {
        (void) wrong(error, "no memory for the grid");
        if (error != NULL)
            error->code = QM_ERROR_MEMORY;
        return NULL;
    }
    if (set_up(grid, options, error) != QM_OK)
    {
        free(grid);
        return NULL;
    }
    return grid;
}

/* qm_grid_free drops a grid; NULL is none. */
void
qm_grid_free(QmGrid *grid)
{
    free(grid);
}

/* qm_grid_options_of fills options from a market of the configuration. */
void
qm_grid_options_of(const QmConfig *config, const QmMarketConfig *market, QmGridOptions *options)
{
    const QmExchangeConfig *exchange = qm_config_exchange(config, market->exchange);

    memset(options, 0, sizeof(*options));
    options->symbol = market->symbol;
    options->strategy = "grid";
    options->price_interval = market->price_interval;
    options->order_quantity = market->order_quantity;
    options->min_order_value = market->min_order_value;
    options->fee_rate = exchange == NULL ? "0" : exchange->fee_rate;
    options->fee_from_base = exchange != NULL && exchange->market == QM_MARKET_SPOT;
    options->buy_window = market->buy_window_size;
    options->sell_window = market->sell_window_size;
    options->cleanup_threshold = market->order_cleanup_threshold;
    options->cleanup_batch = market->cleanup_batch_size;
    options->position_safety_check = market->position_safety_check;
    options->cleanup_interval_us = config->timing.order_cleanup_interval_s * US_PER_S;
    options->margin_lock_us = market->margin_lock_duration_s * US_PER_S;
    options->retry_us =
        config->timing.order_retry_delay_ms > 0 ? config->timing.order_retry_delay_ms * INT64_C(1000) : RETRY_US;
    options->valid_us = VALID_US;
    options->stop_loss_us = STOP_LOSS_US;
    options->risk = market->grid_risk;
    options->market_risk = config->risk;
}

/* qm_grid_filters takes filters of the market that have changed. */
QmCode
qm_grid_filters(QmGrid *grid, const QmGridFilters *filters, QmError *error)
{
    QmGridMarket market;
    QmCode code = read_filters(&grid->terms, filters, &market, error);

    grid->filters_fit = code == QM_OK;
    if (code != QM_OK)
        return code;
    grid->market = market;
    qm_grid_fit_anchor(grid);
    return QM_OK;
}

/* qm_grid_fit_anchor moves an anchor that is on no tick any more to the next one below. Slots keep their prices. */
void
qm_grid_fit_anchor(QmGrid *grid)
{
    QmGridNumber anchor = qm_grid_floor(grid->state.anchor, grid->market.tick);

    grid->changed = grid->changed || anchor != grid->state.anchor;
    grid->state.anchor = anchor;
}

/* qm_grid_price takes the market's price; the first one ever, rounded down to a tick, is the grid's anchor. */
bool
qm_grid_price(QmGrid *grid, const char *price, int64_t now_us)
{
    QmGridNumber read;

    if (!qm_grid_read_small(price, &read) || read < grid->market.tick)
        return false;
    grid->price = read;
    grid->silent = false;
    if (grid->state.anchor == 0)
    {
        grid->state.anchor = qm_grid_floor(read, grid->market.tick);
        grid->changed = true;
    }
    qm_grid_risk_price(grid, now_us);
    return true;
}

/* qm_grid_silence says that prices are not heard from now on. */
void
qm_grid_silence(QmGrid *grid)
{
    grid->silent = true;
}

/* read_free reads a free balance; NULL is not known. A balance that is beyond all orders counts as the greatest number. */
static bool
read_free(const char *text, QmGridNumber *balance)
{
    QmGridNumber read = -1;

    if (text != NULL && (!qm_grid_read(text, &read) || read < 0))
        return false;
    *balance = read;
    return true;
}

/* qm_grid_balances takes what is free on the account; NULL: not known, then it does not limit. */
bool
qm_grid_balances(QmGrid *grid, const char *free_quote, const char *free_base)
{
    QmGridNumber quote;
    QmGridNumber base;
    QmGridSlot *slot;

    if (!read_free(free_quote, &quote) || !read_free(free_base, &base))
        return false;
    grid->free_quote = quote;
    grid->free_base = base;
    for (int i = 0; (slot = qm_grid_slot_at(grid, i)) != NULL; i++)
        slot->order.reserved = 0;
    for (int i = 0; i < grid->state.past_count; i++)
        grid->state.past[i].order.reserved = 0;
    return true;
}

/*
 * qm_grid_give_back makes free again what an order took that the exchange does not
 * have: no news of balances will come of it. What is free is told too high where the
 * exchange has it all the same, and that ends with its next news; what is told too
 * low may stay so for ever.
 */
void
qm_grid_give_back(QmGrid *grid, QmGridOrder *order)
{
    if (order->side == QM_GRID_BUY)
        grid->free_quote += order->reserved;
    else
        grid->free_base += order->reserved;
    order->reserved = 0;
}

/* qm_grid_changed says whether the state differs from what was saved. */
bool
qm_grid_changed(const QmGrid *grid)
{
    return grid->changed;
}

/* qm_grid_saved is told that the document of this moment was saved. */
void
qm_grid_saved(QmGrid *grid)
{
    grid->changed = false;
    grid->peak_saved = grid->state.peak;
}

/* qm_grid_exit makes the grid stop. */
void
qm_grid_exit(QmGrid *grid, bool cancel_orders, bool close_position)
{
    grid->exiting = true;
    grid->exit_cancels = cancel_orders || close_position;
    grid->exit_closes = close_position;
}

/* qm_grid_exit_done says whether nothing is left to do of what qm_grid_exit was asked for. */
bool
qm_grid_exit_done(const QmGrid *grid)
{
    if (!grid->exiting)
        return false;
    if (grid->exit_cancels)
    {
        if (grid->state.closer.order.kind != QM_GRID_NONE || qm_grid_live(grid, QM_GRID_BUY) > 0 ||
            qm_grid_live(grid, QM_GRID_SELL) > 0)
            return false;
        for (int i = 0; i < grid->state.past_count; i++)
            if (grid->state.past[i].order.kind == QM_GRID_LIVE)
                return false;
    }
    if (!grid->exit_closes)
        return true;
    /* Without a price nobody knows yet what can be sold. */
    return grid->price == 0 ? qm_grid_position(grid) == 0 : qm_grid_closable(grid, qm_grid_position(grid)) == 0;
}

/* qm_grid_resume ends the pause after a stop loss. */
void
qm_grid_resume(QmGrid *grid)
{
    grid->changed = grid->changed || grid->state.stop_loss_since_us != 0;
    grid->state.stop_loss_since_us = 0;
}

/* qm_grid_status fills numbers for people. */
void
qm_grid_status(const QmGrid *grid, QmGridStatus *status)
{
    const QmGridState *state = &grid->state;
    QmGridNumber cost;
    QmGridNumber profit;

    memset(status, 0, sizeof(*status));
    status->pauses = grid->pauses;
    status->slots = state->slot_count;
    status->filled = qm_grid_layers(grid);
    status->buys = qm_grid_live(grid, QM_GRID_BUY);
    status->sells = qm_grid_live(grid, QM_GRID_SELL);
    for (int i = 0; i < state->slot_count; i++)
        status->waiting += state->slots[i].order.kind == QM_GRID_WISHED;
    status->waiting += state->closer.order.kind == QM_GRID_WISHED;
    status->late = state->late;
    if (state->anchor != 0)
        qm_grid_print(state->anchor, status->anchor);
    if (grid->price != 0)
        qm_grid_print(grid->price, status->price);
    qm_grid_worth(grid, &cost, &profit);
    qm_grid_print(qm_grid_position(grid), status->position);
    qm_grid_print(state->loose, status->loose);
    qm_grid_print(cost, status->cost);
    qm_grid_print(profit, status->unrealized);
    qm_grid_print(state->peak, status->peak);
    status->pause_risk_since_us = state->risk_since_us;
    status->pause_stop_loss_since_us = state->stop_loss_since_us;
    status->margin_until_us = state->margin_until_us;
}

/* qm_grid_pause_name returns a reason to pause as a word; NULL for what is none. */
const char *
qm_grid_pause_name(QmGridPause pause)
{
    static const char *const names[] = {"no_price",
                                        "safety",
                                        "risk_control",
                                        "margin_lock",
                                        "funds",
                                        "layers",
                                        "trend",
                                        "stop_loss",
                                        "closing",
                                        "filters",
                                        "minimum",
                                        "slots",
                                        "orders",
                                        "reconcile",
                                        "exit",
                                        "silence"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if ((unsigned) pause == 1U << i)
            return names[i];
    return NULL;
}

/* qm_grid_why_name returns the reason of a wish as a word. */
const char *
qm_grid_why_name(QmGridWhy why)
{
    static const char *const names[] =
        {"grid", "cleanup", "risk_control", "stop_loss", "take_profit", "exit", "reprice", "clash"};

    return names[why];
}
