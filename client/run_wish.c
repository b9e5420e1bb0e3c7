/*
 * What a grid wishes, and what it is told and keeps beside that: balances, its state,
 * its market in the store, the reasons why it pauses.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define ROUNDS 8

static void answer_question(QmRunMarket *market, const QmGridWish *wish);
static void log_filters(const QmRunMarket *market, const QmMarketFilters *filters, QmLogLevel level,
                        const char *message);
static bool same_filters(const QmStoredMarket *stored, const QmMarketFilters *wanted);

/*
 * qm_run_wishes does what the grid wants, as much as may be under way at once; the
 * rest stays a wish. What is answered at once may lead to more wishes, in so many
 * rounds; then the loop has its turn, whatever the grid wants.
 */
void
qm_run_wishes(QmRunMarket *market)
{
    static QmGridWish wishes[QM_RUN_IN_FLIGHT_MAX];
    static QmGridWish places[QM_RUN_IN_FLIGHT_MAX];
    size_t count;
    int rounds = 0;

    market->more = false;
    do
    {
        int room = QM_RUN_IN_FLIGHT_MAX - market->in_flight;
        size_t place_count = 0;

        if (room <= 0)
            return;
        if (rounds++ == ROUNDS)
        {
            market->dirty = market->more = true;
            return;
        }
        count = qm_grid_wishes(market->grid, qm_run_market_now(market), wishes, (size_t) room);
        for (size_t i = 0; i < count; i++)
        {
            switch (wishes[i].kind)
            {
                case QM_GRID_PLACE:
                    places[place_count++] = wishes[i];
                    break;
                case QM_GRID_CANCEL:
                    qm_run_cancel(market, &wishes[i]);
                    break;
                case QM_GRID_ASK:
                    answer_question(market, &wishes[i]);
                    break;
            }
        }
        if (place_count > 0)
            qm_run_place(market, places, place_count);
    } while (count > 0 && market->sync == QM_RUN_SYNCED && market->loaded && qm_run_may_trade(market));
}

/* qm_run_cancels does what the grid wants canceled, and leaves all else a wish. */
void
qm_run_cancels(QmRunMarket *market)
{
    QmGridWish wishes[QM_RUN_IN_FLIGHT_MAX];
    int room = QM_RUN_IN_FLIGHT_MAX - market->in_flight;
    size_t count = 0;

    if (room > 0)
        count = qm_grid_cancels(market->grid, qm_run_market_now(market), wishes, (size_t) room);
    for (size_t i = 0; i < count; i++)
        qm_run_cancel(market, &wishes[i]);
}

/* answer_question tells the grid what the store has of an order that it asks for. */
static void
answer_question(QmRunMarket *market, const QmGridWish *wish)
{
    QmRun *run = market->run;
    QmStoredOrder stored;
    QmCode code =
        run->store->functions->order_by_client_id(run->store, market->account->name, wish->client_order_id, &stored);

    if (code == QM_NOT_HELD)
    {
        qm_grid_unknown(market->grid, wish->order_id);
        qm_log(&run->log,
               QM_LOG_WARN,
               "the store does not have an order that the grid knows",
               QM_LOG_MARKET(market),
               "order",
               QM_LOG_NUMBER(wish->order_id));
    }
    else if (!qm_run_store_ok(run, code, "an order"))
        qm_run_resync(market, "the store has not told of an order");
    else
        (void) qm_grid_stored(market->grid, &stored, qm_run_market_now(market));
}

/* qm_run_market_balances tells the grid what is free in the account. */
void
qm_run_market_balances(QmRunMarket *market)
{
    const char *quote = qm_run_account_free(market->account, market->quote_asset);
    const char *base = qm_run_account_free(market->account, market->base_asset);

    market->balances_told = market->account->balances_number;
    market->balances_step = market->run->steps;
    if (market->grid == NULL || !market->loaded || !market->account->balances_known)
        return;
    if (!qm_grid_balances(market->grid, quote, base))
        qm_log(&market->run->log,
               QM_LOG_WARN,
               "balances that are no numbers of ours",
               "account",
               market->account->name,
               market->quote_asset,
               quote,
               market->base_asset,
               base);
}

/* qm_run_market_pauses logs why the grid does less than it would, when that changes. */
void
qm_run_market_pauses(QmRunMarket *market)
{
    QmGridStatus status;
    char names[256] = "";
    size_t length = 0;

    qm_grid_status(market->grid, &status);
    if (status.pauses == market->pauses)
        return;
    market->pauses = status.pauses;
    for (unsigned bit = 1; qm_grid_pause_name((QmGridPause) bit) != NULL; bit <<= 1)
    {
        if ((status.pauses & bit) != 0 && length < sizeof(names))
            length += (size_t) snprintf(names + length,
                                        sizeof(names) - length,
                                        "%s%s",
                                        length > 0 ? "," : "",
                                        qm_grid_pause_name((QmGridPause) bit));
    }
    qm_log(&market->run->log,
           QM_LOG_INFO,
           status.pauses != 0 ? "the grid pauses" : "the grid goes on",
           QM_LOG_MARKET(market),
           "why",
           names,
           "price",
           status.price,
           "position",
           status.position);
}

/* qm_run_market_save saves the grid's state if it has changed. */
bool
qm_run_market_save(QmRunMarket *market)
{
    QmRun *run = market->run;
    QmStrategyState state;
    char *document;
    QmCode code;

    if (market->grid == NULL || !market->loaded || !market->owned || !qm_grid_changed(market->grid))
        return true;
    document = qm_grid_document(market->grid);
    if (document == NULL)
        return false;
    state = qm_run_market_state(market, document);
    code = run->store->functions->save_state(run->store, market->account->name, &state);
    free(document);
    if (code == QM_ERROR_SERVER &&
        strcmp(run->store->functions->error(run->store)->sqlstate, QM_SQLSTATE_STATE_CHANGED) == 0)
    {
        market->loaded = false;
        market->dirty = true;
        return false;
    }
    if (!qm_run_store_ok(run, code, "the grid's state"))
        return false;
    market->state_version = state.version;
    qm_grid_saved(market->grid);
    return true;
}

/*
 * qm_run_market_store makes the market known to the store, with its filters. False
 * when the store has failed; where it does not let us, and knows the market, what it
 * has counts.
 */
bool
qm_run_market_store(QmRunMarket *market, const QmExchangeMarket *filters)
{
    QmRun *run = market->run;
    const QmStoreFunctions *store = run->store->functions;
    const QmMarketFilters wanted = {
        .tick_size = filters->tick_size,
        .step_size = filters->step_size,
        .min_quantity = filters->min_quantity,
        .max_quantity = strcmp(filters->max_quantity, "0") == 0 ? NULL : filters->max_quantity,
        .min_notional = filters->min_notional,
        .base_asset = filters->base_asset,
        .quote_asset = filters->quote_asset,
    };
    QmStoredMarket stored;
    QmCode code = store->get_market(run->store, market->account->name, market->config->symbol, &stored);
    bool known = code == QM_OK;

    if (code != QM_NOT_HELD && !qm_run_store_ok(run, code, "a market"))
        return false;
    if (known && same_filters(&stored, &wanted))
        return true;
    code = store->set_market(run->store, market->account->name, market->config->symbol, &wanted);
    if (code == QM_OK && known)
        log_filters(market, &wanted, QM_LOG_WARN, "the exchange has changed the market's filters");
    if (code != QM_ERROR_PERMISSION)
        return qm_run_store_ok(run, code, "a market's filters");
    if (known)
        log_filters(market, &wanted, QM_LOG_WARN, "an operator has to take over the market's new filters");
    else
        log_filters(market, &wanted, QM_LOG_ERROR, "an operator has to make the market known");
    if (!known)
        qm_run_stop(run, "a market is not known", QM_EXIT_PERMISSION);
    return known;
}

/* log_filters writes what is with a market's filters. */
static void
log_filters(const QmRunMarket *market, const QmMarketFilters *filters, QmLogLevel level, const char *message)
{
    qm_log(&market->run->log,
           level,
           message,
           QM_LOG_MARKET(market),
           "tick_size",
           filters->tick_size,
           "step_size",
           filters->step_size,
           "min_quantity",
           filters->min_quantity,
           "min_notional",
           filters->min_notional);
}

/* same_filters tells whether the store has the filters already, whatever their numbers look like. */
static bool
same_filters(const QmStoredMarket *stored, const QmMarketFilters *wanted)
{
    const char *const pairs[][2] = {
        {stored->tick_size, wanted->tick_size},
        {stored->step_size, wanted->step_size},
        {stored->min_quantity, wanted->min_quantity},
        {stored->max_quantity, wanted->max_quantity},
        {stored->min_notional, wanted->min_notional},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
    {
        const char *left = pairs[i][0][0] != '\0' ? pairs[i][0] : "0";
        const char *right = pairs[i][1] != NULL ? pairs[i][1] : "0";

        if (!qm_run_same_amount(left, right))
            return false;
    }
    return true;
}
