/*
 * Opening and closing the paper exchange's world, and what its markets tell it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "paper_inside.h"

static QmCode open_parts(QmPaperWorld *world, const QmPaperWorldOptions *options, QmError *error);
static QmCode open_account(QmPaperWorld *world, const QmPaperAccountOptions *options, QmError *error);
static QmCode open_symbol(QmPaperWorld *world, const QmPaperWorldOptions *options, int index, QmError *error);
static QmCode open_data(QmPaperWorld *world, const QmPaperWorldOptions *options, int index, QmError *error);
static QmCode check_symbol(const QmPaperSymbolOptions *options, QmError *error);
static QmCode copy_name(char *to, size_t size, const char *from, const char *what, QmError *error);
static QmCode open_asset(QmPaperWorld *world, const char *name, int *asset, QmError *error);
static void hear_order(void *context, QmPaperOrder *order, const QmPaperFill *fill);
static void hear_trade(void *context, int64_t id, QmPaperDecimal price, QmPaperDecimal quantity, bool is_buyer_maker);

/* qm_paper_world_open makes the world, or brings it back. */
QmCode
qm_paper_world_open(const QmPaperWorldOptions *options, QmPaperWorld **world, QmError *error)
{
    QmPaperWorld *made = calloc(1, sizeof(*made));
    QmCode code;

    *world = NULL;
    if (made == NULL)
        return qm_error_no_memory(error);
    made->seed = options->seed;
    made->plans.state = options->seed ^ UINT64_C(0x6661756c74);
    code = open_parts(made, options, error);
    if (code == QM_OK)
    {
        qm_paper_clock_start(made, options);
        made->audit = options->audit == NULL ? tmpfile() : fopen(options->audit, "w+e");
        if (made->audit == NULL)
            code = qm_error_set(error,
                                QM_ERROR_ARGUMENT,
                                "",
                                "",
                                "cannot write the audit \"%s\": %s",
                                options->audit == NULL ? "without a name" : options->audit,
                                strerror(errno));
    }
    if (code == QM_OK && options->journal != NULL)
        code = qm_paper_journal_open(made, options->journal, error);
    if (code != QM_OK)
    {
        qm_paper_world_close(made);
        return code;
    }
    qm_paper_clock_start(made, options); /* from the time that the journal has brought back */
    *world = made;
    return QM_OK;
}

/* open_parts makes accounts and symbols. */
static QmCode
open_parts(QmPaperWorld *world, const QmPaperWorldOptions *options, QmError *error)
{
    QmCode code = QM_OK;

    if (options->account_count < 1 || options->account_count > QM_PAPER_ACCOUNTS_MAX)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "accounts: 1 to %d, not %d",
                            QM_PAPER_ACCOUNTS_MAX,
                            options->account_count);
    if (options->symbol_count < 1 || options->symbol_count > QM_PAPER_SYMBOLS_MAX)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "symbols: 1 to %d, not %d",
                            QM_PAPER_SYMBOLS_MAX,
                            options->symbol_count);
    if (options->speed < 0 || options->keep < 0 || options->archive < 0 || options->followers < 0 ||
        options->followers > QM_PAPER_FOLLOWERS_MAX || options->start_ms < 0)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "speed, keep, archive, followers or start is out of range");
    world->boards = calloc((size_t) options->symbol_count, sizeof(*world->boards));
    if (world->boards == NULL)
        return qm_error_no_memory(error);
    for (int i = 0; code == QM_OK && i < options->symbol_count; i++)
        code = open_symbol(world, options, i, error);
    for (int i = 0; code == QM_OK && i < options->account_count; i++)
        code = open_account(world, &options->accounts[i], error);
    world->now_ms = options->start_ms - options->start_ms % QM_PAPER_MINUTE_MS;
    if (world->now_ms == 0 && options->symbols[0].source.path == NULL)
        world->now_ms = QM_PAPER_START_MS;
    for (int i = 0; code == QM_OK && i < options->symbol_count; i++)
        code = open_data(world, options, i, error);
    return code;
}

/* open_account makes an account with what it begins with. */
static QmCode
open_account(QmPaperWorld *world, const QmPaperAccountOptions *options, QmError *error)
{
    QmPaperAccountData *account = &world->accounts[world->account_count];
    QmCode code = copy_name(account->name, sizeof(account->name), options->name, "account", error);

    if (code == QM_OK)
        code = copy_name(account->key, sizeof(account->key), options->key, "key", error);
    if (code == QM_OK)
        code = copy_name(account->secret, sizeof(account->secret), options->secret, "secret", error);
    if (code == QM_OK &&
        (qm_paper_account_by_name(world, account->name) >= 0 || qm_paper_account_by_key(world, account->key) >= 0))
        code = qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "account \"%s\": there is another of this name or key",
                            account->name);
    for (int i = 0; code == QM_OK && i < options->deposit_count; i++)
    {
        int asset = 0;

        code = open_asset(world, options->deposits[i].asset, &asset, error);
        if (code == QM_OK && (options->deposits[i].amount < 0 || options->deposits[i].amount > INT64_MAX / 8))
            code =
                qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "account \"%s\": a deposit out of range", account->name);
        if (code == QM_OK)
            account->given[asset] = world->funds.balances[world->account_count][asset].free =
                options->deposits[i].amount;
    }
    world->account_count += code == QM_OK;
    return code;
}

/* open_symbol makes a market without data. */
static QmCode
open_symbol(QmPaperWorld *world, const QmPaperWorldOptions *options, int index, QmError *error)
{
    const QmPaperSymbolOptions *symbol = &options->symbols[index];
    QmPaperBoard *board = &world->boards[index];
    QmCode code = check_symbol(symbol, error);

    if (code == QM_OK)
        code = copy_name(board->name, sizeof(board->name), symbol->symbol, "symbol", error);
    if (code == QM_OK && qm_paper_symbol_by_name(world, board->name) >= 0)
        code =
            qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "symbol \"%s\": there is another of this name", board->name);
    if (code == QM_OK)
        code = open_asset(world, symbol->base, &board->market.base, error);
    if (code == QM_OK)
        code = open_asset(world, symbol->quote, &board->market.quote, error);
    board->world = world;
    board->index = index;
    board->steps = symbol->steps == 0 ? QM_PAPER_STEPS_DEFAULT : symbol->steps;
    board->spread = symbol->spread;
    board->is_bounded = symbol->is_bounded;
    board->market.rules = symbol->rules;
    board->market.funds = &world->funds;
    board->market.keep = options->keep == 0 ? QM_PAPER_KEEP_DEFAULT : options->keep;
    board->market.archive = options->archive == 0 ? QM_PAPER_ARCHIVE_DEFAULT : options->archive;
    board->market.listener = hear_order;
    board->market.trade_listener = hear_trade;
    board->market.context = board;
    world->board_count += code == QM_OK;
    return code;
}

/* open_data gets a symbol's data ready: its history is seen, and its first minute comes at the clock's start. */
static QmCode
open_data(QmPaperWorld *world, const QmPaperWorldOptions *options, int index, QmError *error)
{
    QmPaperBoard *board = &world->boards[index];
    const QmPaperSource *source = &options->symbols[index].source;
    int64_t first_ms = world->now_ms - source->history * QM_PAPER_MINUTE_MS;
    QmCode code = qm_paper_feed_open(&board->feed,
                                     source,
                                     options->seed + (uint64_t) index * UINT64_C(0x5851f42d4c957f2d),
                                     options->symbols[index].rules.tick,
                                     first_ms,
                                     error);

    if (code != QM_OK)
        return code;
    if (board->feed.rows != NULL && source->history >= board->feed.end)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "symbol \"%s\": the data ends before its start",
                            board->name);
    if (world->now_ms == 0 && index == 0 && board->feed.rows != NULL)
        world->now_ms = board->feed.rows[source->history].open_ms;
    if (board->feed.rows != NULL)
        board->shift_ms = world->now_ms - board->feed.rows[source->history].open_ms;
    for (int i = 0; i < source->history && qm_paper_feed_next(&board->feed, &board->row); i++)
    {
        board->row.open_ms += board->shift_ms;
        qm_paper_board_history(board, &board->row);
    }
    board->has_row = qm_paper_feed_next(&board->feed, &board->row);
    board->row.open_ms += board->shift_ms;
    qm_paper_board_close_candles(board, world->now_ms);
    if (board->has_row)
    {
        board->market.price = board->row.open;
        qm_paper_board_quote(board, board->row.open);
    }
    return QM_OK;
}

/* check_symbol refuses numbers that the markets could not work with. */
static QmCode
check_symbol(const QmPaperSymbolOptions *options, QmError *error)
{
    const QmPaperRules *rules = &options->rules;
    const QmPaperSource *source = &options->source;

    if (rules->tick < 0 || rules->step < 0 || rules->price_min < 0 || rules->price_max < 0 || rules->quantity_min < 0 ||
        rules->quantity_max < 0 || rules->notional_min < 0 || rules->orders_max < 1 || rules->fee_maker < 0 ||
        rules->fee_maker >= QM_PAPER_ONE || rules->fee_taker < 0 || rules->fee_taker >= QM_PAPER_ONE)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "symbol \"%s\": a rule is out of range", options->symbol);
    if ((options->steps != 0 && options->steps < QM_PAPER_STEPS_DEFAULT) || options->steps > QM_PAPER_STEPS_MAX ||
        options->spread < 0)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "symbol \"%s\": steps (%d to %d) or spread is out of range",
                            options->symbol,
                            QM_PAPER_STEPS_DEFAULT,
                            QM_PAPER_STEPS_MAX);
    if (source->start < 0 || source->volume < 0 || source->count < 0 || source->history < 0 ||
        source->volatility_ppm < 0 || source->volatility_ppm > 500000)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "symbol \"%s\": a number of its source is out of range",
                            options->symbol);
    return QM_OK;
}

/* copy_name keeps a text that must be there and fit. */
static QmCode
copy_name(char *to, size_t size, const char *from, const char *what, QmError *error)
{
    if (from == NULL || *from == '\0' || strlen(from) >= size)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "%s: 1 to %zu bytes are needed", what, size - 1);
    strcpy(to, from);
    return QM_OK;
}

/* open_asset finds an asset or makes it. */
static QmCode
open_asset(QmPaperWorld *world, const char *name, int *asset, QmError *error)
{
    QmCode code;

    *asset = name == NULL ? -1 : qm_paper_asset_by_name(world, name);
    if (*asset >= 0)
        return QM_OK;
    if (world->asset_count == QM_PAPER_ASSETS_MAX)
        return qm_error_set(error, QM_ERROR_LIMIT, "", "", "more than %d assets", QM_PAPER_ASSETS_MAX);
    code = copy_name(world->assets[world->asset_count], QM_PAPER_NAME_SIZE, name, "asset", error);
    if (code == QM_OK)
        *asset = world->asset_count++;
    return code;
}

/* qm_paper_world_close ends the world; what the journal has stays. */
void
qm_paper_world_close(QmPaperWorld *world)
{
    if (world == NULL)
        return;
    qm_paper_journal_close(world);
    if (world->audit != NULL)
        fclose(world->audit);
    for (int i = 0; i < world->board_count; i++)
    {
        qm_paper_market_close(&world->boards[i].market);
        qm_paper_feed_close(&world->boards[i].feed);
        free(world->boards[i].own);
    }
    free(world->boards);
    explicit_bzero(world->accounts, sizeof(world->accounts));
    free(world);
}

/* hear_order takes what a market says of an order: the wire's times, audit, own trades, watcher. */
static void
hear_order(void *context, QmPaperOrder *order, const QmPaperFill *fill)
{
    QmPaperBoard *board = context;
    QmPaperWorld *world = board->world;
    const QmPaperWatcher *watcher = &world->watcher;
    const QmPaperOrderEvent event = {++world->event_id,
                                     world->now_ms,
                                     board->index,
                                     order,
                                     fill,
                                     order->status == QM_PAPER_CANCELED ? world->cancel_id : NULL};
    const QmPaperBalance *balances = world->funds.balances[order->account];
    int64_t wire_ms = watcher->clock_ms == NULL ? 0 : watcher->clock_ms(watcher->context);

    if (order->status == QM_PAPER_NEW)
        order->wire_created_ms = wire_ms;
    order->wire_updated_ms = wire_ms;
    board->update_id++;
    qm_paper_audit_order(world, board, order, fill);
    if (fill != NULL && !qm_paper_board_own(board, order, fill, wire_ms))
        abort(); /* no memory for what has happened: nothing that this process says would be true */
    if (watcher->order != NULL)
        watcher->order(watcher->context, &event);
    if (watcher->balance == NULL)
        return;
    watcher->balance(watcher->context, order->account, board->market.base, &balances[board->market.base]);
    watcher->balance(watcher->context, order->account, board->market.quote, &balances[board->market.quote]);
}

/* hear_trade takes what a market says of a trade. */
static void
hear_trade(void *context, int64_t id, QmPaperDecimal price, QmPaperDecimal quantity, bool is_buyer_maker)
{
    QmPaperBoard *board = context;
    const QmPaperTrade trade = {id, board->world->now_ms, price, quantity, is_buyer_maker};

    qm_paper_board_trade(board, &trade);
}
