/*
 * The grid's caution: averages over candles, losses and profits of the position,
 * and the check at the start.
 *
 * A symbol falls when its last candle closes below the average of the closed ones
 * before it on a volume above theirs times the multiplier. When all monitored
 * symbols fall, purchases pause. A symbol has recovered when a closed candle is back
 * above the average on an ordinary volume; when enough have, the pause is over.
 * Candles are not in the document: after a start nothing triggers or recovers
 * before the averages are full again, and a pause goes on.
 */
#include "grid_inside.h"

#include <string.h>

#define TREND_PART 4 /* the short average is over this part of the window */

/* qm_grid_candles_of returns the candles of a symbol, or NULL when it is not watched. */
QmGridCandles *
qm_grid_candles_of(QmGrid *grid, const char *symbol)
{
    for (int i = 0; i < grid->candle_count; i++)
        if (strcmp(grid->candles[i].symbol, symbol) == 0)
            return &grid->candles[i];
    return NULL;
}

/* sum_of returns the sum of the last count values of a ring. */
static QmGridNumber
sum_of(const QmGridCandles *candles, const QmGridNumber *values, int window, int count)
{
    QmGridNumber sum = 0;

    for (int i = 1; i <= count; i++)
        sum += values[(candles->next - i + window) % window];
    return sum;
}

/* judge compares a candle with the closed ones before it. Averages are compared as sums, so that nothing is rounded. */
static void
judge(const QmGrid *grid, QmGridCandles *candles, QmGridNumber close, QmGridNumber volume, bool closed)
{
    int window = grid->terms.average_window;
    QmGridNumber closes;
    QmGridNumber volumes;
    bool below;
    bool loud;

    if (!candles->monitored || candles->count < window)
        return;
    closes = sum_of(candles, candles->closes, window, window);
    volumes = sum_of(candles, candles->volumes, window, window);
    below = close * window < closes;
    loud = volume * window * QM_GRID_ONE > volumes * grid->terms.volume_multiplier;
    candles->falling = below && loud;
    if (candles->falling)
        candles->recovered = false;
    else if (closed && !below && !loud)
        candles->recovered = true;
}

/* decide pauses purchases, or ends the pause. */
static void
decide(QmGrid *grid, int64_t now_us)
{
    int monitored = 0;
    int falling = 0;
    int recovered = 0;
    int enough = grid->terms.recovery_threshold;

    for (int i = 0; i < grid->candle_count; i++)
    {
        monitored += grid->candles[i].monitored;
        falling += grid->candles[i].monitored && grid->candles[i].falling;
        recovered += grid->candles[i].monitored && grid->candles[i].recovered;
    }
    enough = enough < 1 ? 1 : enough > monitored ? monitored : enough;
    if (grid->state.risk_since_us == 0 && falling == monitored)
    {
        for (int i = 0; i < grid->candle_count; i++)
            grid->candles[i].recovered = false;
        grid->state.risk_since_us = now_us;
        grid->changed = true;
    }
    else if (grid->state.risk_since_us != 0 && recovered >= enough)
    {
        grid->state.risk_since_us = 0;
        grid->changed = true;
    }
}

/* qm_grid_candle takes a candle of a watched symbol, closed or not. An older one than the last closed one is no news. */
bool
qm_grid_candle(QmGrid *grid, const char *symbol, int64_t open_time_us, const char *close, const char *volume,
               bool closed, int64_t now_us)
{
    QmGridCandles *candles = qm_grid_candles_of(grid, symbol);
    QmGridNumber close_number;
    QmGridNumber volume_number;

    if (!qm_grid_read_small(close, &close_number) || !qm_grid_read(volume, &volume_number) || volume_number < 0)
        return false;
    if (candles == NULL || grid->terms.average_window < 1 ||
        (candles->count > 0 && open_time_us <= candles->open_time_us))
        return true;
    judge(grid, candles, close_number, volume_number, closed);
    if (closed)
    {
        candles->closes[candles->next] = close_number;
        candles->volumes[candles->next] = volume_number;
        candles->next = (candles->next + 1) % grid->terms.average_window;
        candles->count += candles->count < grid->terms.average_window;
        candles->open_time_us = open_time_us;
    }
    if (grid->terms.market_risk_on)
        decide(grid, now_us);
    return true;
}

/* qm_grid_trend_down says whether this market's short average is below its long one. */
bool
qm_grid_trend_down(const QmGrid *grid)
{
    const QmGridCandles *candles = &grid->candles[0]; /* the market's own */
    int window = grid->terms.average_window;
    int part = window / TREND_PART < 1 ? 1 : window / TREND_PART;

    if (window < 1 || candles->count < window)
        return false;
    return sum_of(candles, candles->closes, window, part) * window <
           sum_of(candles, candles->closes, window, window) * part;
}

/* qm_grid_worth returns what the slots' positions cost, each at its slot's price, and how much they are above that now. */
void
qm_grid_worth(const QmGrid *grid, QmGridNumber *cost, QmGridNumber *profit)
{
    QmGridNumber quantity = 0;

    *cost = 0;
    for (int i = 0; i < grid->state.slot_count; i++)
    {
        quantity += grid->state.slots[i].position;
        *cost += qm_grid_product(grid->state.slots[i].position, grid->state.slots[i].price);
    }
    *profit = grid->price == 0 ? 0 : qm_grid_product(quantity, grid->price) - *cost;
}

/* qm_grid_layers returns how many slots have a position that can be sold. */
int
qm_grid_layers(const QmGrid *grid)
{
    int layers = 0;

    for (int i = 0; i < grid->state.slot_count; i++)
    {
        const QmGridSlot *slot = &grid->state.slots[i];

        layers += qm_grid_sellable(grid, slot->position, slot->price + grid->terms.interval) > 0;
    }
    return layers;
}

/* close_all begins to sell the whole position. */
static void
close_all(QmGrid *grid, QmGridWhy why, int64_t now_us)
{
    grid->state.closing = true;
    grid->state.closing_why = why;
    grid->state.peak = 0;
    if (why == QM_GRID_WHY_STOP_LOSS)
        grid->state.stop_loss_since_us = now_us;
    grid->changed = true;
}

/* qm_grid_risk_price looks at the position's profit after a change of the price. */
void
qm_grid_risk_price(QmGrid *grid, int64_t now_us)
{
    QmGridState *state = &grid->state;
    const QmGridTerms *terms = &grid->terms;
    QmGridNumber cost;
    QmGridNumber profit;
    QmGridNumber share;

    if (!terms->risk_on || state->closing)
        return;
    qm_grid_worth(grid, &cost, &profit);
    if (cost == 0 || qm_grid_layers(grid) == 0)
    {
        state->peak = 0;
        return;
    }
    share = qm_grid_quotient(profit, cost);
    if (share > state->peak)
        state->peak = share;
    if (state->peak - grid->peak_saved >= QM_GRID_PEAK_STEP)
        grid->changed = true;
    if (terms->stop_loss > 0 && share <= -terms->stop_loss)
        close_all(grid, QM_GRID_WHY_STOP_LOSS, now_us);
    else if (terms->profit_trigger > 0 && terms->profit_trail > 0 && state->peak >= terms->profit_trigger &&
             state->peak - share >= terms->profit_trail)
        close_all(grid, QM_GRID_WHY_TAKE_PROFIT, now_us);
}

/*
 * qm_grid_is_safe says whether the account is good for as many orders as it must be
 * at the start, and an interval's profit for the fees of both its orders. It is not
 * asked of a grid with a position: that must be able to sell. Money in our own live
 * purchases counts.
 */
bool
qm_grid_is_safe(const QmGrid *grid)
{
    const QmGridTerms *terms = &grid->terms;
    QmGridNumber money = grid->free_quote;

    if (qm_grid_layers(grid) > 0)
        return true;
    if (terms->interval * QM_GRID_ONE <= (2 * grid->price + terms->interval) * terms->fee_rate)
        return false;
    if (terms->safety_check == 0)
        return true;
    if (money < 0)
        return false;
    for (int i = 0; i < grid->state.slot_count; i++)
    {
        const QmGridOrder *order = &grid->state.slots[i].order;

        if (order->kind == QM_GRID_LIVE && order->side == QM_GRID_BUY)
            money += qm_grid_product(order->quantity - order->filled, order->price);
    }
    return money >= terms->order_value * terms->safety_check;
}
