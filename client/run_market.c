/*
 * One market: its grid, and the grid's turns.
 *
 * The grid learns what has happened at once, and is asked for its wishes when the
 * loop has taken in all that there is. Its state is saved with every order that it
 * places, and now and then when fills have changed it, preferably while no call is under
 * way: what was not saved follows from the store's orders and position.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define TURN_EVERY_MS 1000
#define ROUNDS 3
#define FILTERS_EVERY_US 600000000 /* a filter that has become wider refuses nothing, and would not be noticed */
#define HALTED_EVERY_US 5000000    /* a market that is halted is looked at more often */

static void tell_halt(QmRunMarket *market, const QmExchangeMarket *filters);
static bool make_grid(QmRunMarket *market, const QmExchangeMarket *filters);
static void tell_price(QmRunMarket *market);
static void cancel_only(QmRunMarket *market);
static bool load(QmRunMarket *market);
static bool reconcile(QmRunMarket *market);
static bool read_position(QmRunMarket *market, char position[QM_DECIMAL_TEXT]);

/* qm_run_market_filters takes the market as the exchange has it, the first time and when its filters have changed. */
void
qm_run_market_filters(QmRunMarket *market, const QmExchangeMarket *filters)
{
    const QmGridFilters of_grid = {
        .tick_size = filters->tick_size,
        .step_size = filters->step_size,
        .min_quantity = filters->min_quantity,
        .max_quantity = filters->max_quantity,
        .min_notional = filters->min_notional,
    };
    QmError error = {0};

    market->filters_due = false;
    market->filters_due_us = qm_run_market_now(market) + (filters->trading ? FILTERS_EVERY_US : HALTED_EVERY_US);
    market->dirty = true;
    if (market->halted == filters->trading)
        tell_halt(market, filters);
    qm_text_copy(market->base_asset, sizeof(market->base_asset), filters->base_asset);
    qm_text_copy(market->quote_asset, sizeof(market->quote_asset), filters->quote_asset);
    if (!qm_run_market_store(market, filters))
    {
        market->filters_due = true;
        return;
    }
    if (market->grid == NULL && !make_grid(market, filters))
        return;
    if (qm_grid_filters(market->grid, &of_grid, &error) != QM_OK)
        qm_log(&market->run->log,
               QM_LOG_ERROR,
               "the market's filters do not fit the grid",
               QM_LOG_MARKET(market),
               "reason",
               error.message);
}

/* tell_halt notes that the exchange takes no more orders in a market, or does again. Cancels go on. */
static void
tell_halt(QmRunMarket *market, const QmExchangeMarket *filters)
{
    market->halted = !filters->trading;
    qm_log(&market->run->log,
           market->halted ? QM_LOG_WARN : QM_LOG_INFO,
           market->halted ? "the exchange has halted the market: no orders until it goes on" : "the market goes on",
           QM_LOG_MARKET(market),
           "status",
           filters->status);
}

/* make_grid makes the grid of the market. One that cannot be made ends the instance: the configuration is wrong. */
static bool
make_grid(QmRunMarket *market, const QmExchangeMarket *filters)
{
    QmGridOptions options = {0};
    QmError error = {0};

    qm_grid_options_of(market->run->config, market->config, &options);
    options.strategy = QM_RUN_STRATEGY;
    options.fee_from_base = true;
    options.filters = (QmGridFilters){
        .tick_size = filters->tick_size,
        .step_size = filters->step_size,
        .min_quantity = filters->min_quantity,
        .max_quantity = filters->max_quantity,
        .min_notional = filters->min_notional,
    };
    market->grid = qm_grid_new(&options, &error);
    if (market->grid != NULL)
        return true;
    qm_log(&market->run->log, QM_LOG_ERROR, "the grid cannot be made", QM_LOG_MARKET(market), "reason", error.message);
    qm_run_stop(market->run, "a grid cannot be made", QM_EXIT_CONFIG);
    return false;
}

/*
 * qm_run_market_now returns the time that the grid lives by: this machine's clock,
 * or, when it follows a paper exchange step by step, that of the data.
 */
int64_t
qm_run_market_now(const QmRunMarket *market)
{
    return market->run->follow != NULL ? market->data_us : qm_run_wall_us();
}

/* qm_run_market_wall returns when a time of the grid is by this machine's clock. */
int64_t
qm_run_market_wall(const QmRunMarket *market, int64_t time_us)
{
    return time_us == 0 ? 0 : qm_run_wall_us() + (time_us - qm_run_market_now(market));
}

/* qm_run_market_state returns what the store is given to save the document. */
QmStrategyState
qm_run_market_state(const QmRunMarket *market, const char *document)
{
    const QmRun *run = market->run;

    return (QmStrategyState){
        .symbol = market->config->symbol,
        .strategy = QM_RUN_STRATEGY,
        .document = document,
        .version = market->state_version,
        .instance = run->epoch != 0 ? run->instance : NULL,
        .epoch = run->epoch,
    };
}

/* qm_run_market_price tells the grid a price. */
void
qm_run_market_price(QmRunMarket *market, const char *price, int64_t time_us)
{
    market->data_us = time_us;
    market->silent = false;
    qm_text_copy(market->price, sizeof(market->price), price);
    market->dirty = true;
    if (market->grid != NULL && market->loaded)
        tell_price(market);
}

/* qm_run_market_silence tells the grid that prices are not heard: it buys nothing before the next one. */
void
qm_run_market_silence(QmRunMarket *market)
{
    market->silent = true;
    market->dirty = true;
    if (market->grid != NULL && market->loaded)
        qm_grid_silence(market->grid);
}

/* tell_price tells the grid the last price. */
static void
tell_price(QmRunMarket *market)
{
    if (!qm_grid_price(market->grid, market->price, qm_run_market_now(market)))
        qm_log(&market->run->log,
               QM_LOG_WARN,
               "a price that is no number of ours",
               "symbol",
               market->config->symbol,
               "price",
               market->price);
}

/* qm_run_market_turn asks the grid what it wants, if something has happened, and does it. */
void
qm_run_market_turn(QmRunMarket *market)
{
    int64_t now_ns = qm_run_now_ns();

    if (!market->dirty && market->turn_due_ns > now_ns)
        return;
    market->turn_due_ns = now_ns + TURN_EVERY_MS * QM_NS_PER_MS;
    if (market->grid == NULL || market->sync != QM_RUN_SYNCED || !market->owned || !qm_run_store_is_known(market->run))
    {
        cancel_only(market);
        return;
    }
    market->dirty = false;
    if (!market->loaded && !load(market))
    {
        cancel_only(market);
        return;
    }
    if (market->balances_told != market->account->balances_number &&
        (market->run->follow == NULL || market->run->steps == 0 || market->balances_step != market->run->steps))
        qm_run_market_balances(market);
    /* Its questions are wishes, and when they are answered it wants to compare once more. */
    for (int round = 0; round < ROUNDS && market->loaded && qm_run_may_trade(market); round++)
    {
        /* After a synchronization it does not compare with books in which trades are missing: they are being read. */
        if (market->compare && market->trades_gap > 0)
        {
            cancel_only(market);
            break;
        }
        if ((market->compare || qm_grid_wants_reconcile(market->grid)) && !reconcile(market))
            break;
        market->compare = false;
        qm_run_wishes(market);
        if (!market->loaded || !qm_grid_wants_reconcile(market->grid))
            break;
    }
    if (!qm_run_may_trade(market) || !market->loaded)
    {
        market->dirty = true;
        cancel_only(market);
    }
    qm_run_market_pauses(market);
}

/*
 * cancel_only sends the cancels that are due while nothing may be placed. While a
 * market is synchronized they wait, except where that takes what is not there: the
 * account's stream, or a key that is not refused.
 */
static void
cancel_only(QmRunMarket *market)
{
    const QmRunAccount *account = market->account;

    if (qm_run_exit_is_straight(market))
        qm_run_exit_cancel(market);
    else if (market->loaded && qm_run_may_cancel(market) &&
             (market->sync == QM_RUN_SYNCED || !account->user_up || account->unusable))
        qm_run_cancels(market);
}

/* load takes over the state that is stored, this instance's or another's, and what is known since. */
static bool
load(QmRunMarket *market)
{
    QmRun *run = market->run;
    char *document = NULL;
    QmError error = {0};
    QmCode code = run->store->functions->load_state(run->store,
                                                    market->account->name,
                                                    market->config->symbol,
                                                    QM_RUN_STRATEGY,
                                                    &document,
                                                    &market->state_version);

    if (!qm_run_store_ok(run, code, "the grid's state"))
        return false;
    code = qm_grid_load(market->grid, document, &error);
    qm_free(document);
    if (code != QM_OK)
    {
        qm_log(&run->log,
               QM_LOG_ERROR,
               "the grid's state cannot be read",
               QM_LOG_MARKET(market),
               "reason",
               error.message);
        qm_run_stop(run, "a grid's state cannot be read", QM_EXIT_INTERNAL);
        return false;
    }
    market->loaded = true;
    if (market->price[0] != '\0')
        tell_price(market);
    if (market->silent)
        qm_grid_silence(market->grid);
    qm_run_market_balances(market);
    if (run->stopping)
        qm_grid_exit(market->grid, run->config->system.cancel_on_exit, run->config->system.close_positions_on_exit);
    return true;
}

/* reconcile tells the grid which orders of its live, and what its position is by the ledger, if that stood still meanwhile. */
static bool
reconcile(QmRunMarket *market)
{
    QmRun *run = market->run;
    char before[QM_DECIMAL_TEXT];
    char after[QM_DECIMAL_TEXT];
    QmStoredOrder *orders = NULL;
    size_t count = 0;
    bool fine = read_position(market, before) &&
                qm_run_store_ok(run,
                                run->store->functions->open_orders(run->store,
                                                                   market->account->name,
                                                                   market->config->symbol,
                                                                   QM_RUN_STRATEGY,
                                                                   &orders,
                                                                   &count),
                                "the live orders") &&
                read_position(market, after);

    if (fine && !qm_grid_reconcile(market->grid,
                                   orders,
                                   count,
                                   strcmp(before, after) == 0 ? before : NULL,
                                   qm_run_market_now(market)))
        qm_log(&run->log,
               QM_LOG_ERROR,
               "the grid cannot read its orders or its position",
               QM_LOG_MARKET(market),
               "position",
               before);
    qm_free(orders);
    return fine;
}

/* read_position reads what the grid has by the ledger. */
static bool
read_position(QmRunMarket *market, char position[QM_DECIMAL_TEXT])
{
    QmRun *run = market->run;
    QmStoredPosition *list = NULL;
    size_t count = 0;
    QmCode code = run->store->functions->positions(run->store,
                                                   market->account->name,
                                                   market->config->symbol,
                                                   QM_RUN_STRATEGY,
                                                   &list,
                                                   &count);

    qm_text_copy(position, QM_DECIMAL_TEXT, count > 0 ? list[0].quantity : "0");
    qm_free(list);
    return qm_run_store_ok(run, code, "the position");
}
