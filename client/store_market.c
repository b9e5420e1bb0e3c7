/*
 * Markets of the SQLite store: their filters, and what names a slot.
 */
#include "store_sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "error.h"

#define ASSET_MAX_BYTES 32

static const char *const quotes[] = {"FDUSD",
                                     "USDT",
                                     "USDC",
                                     "TUSD",
                                     "BUSD",
                                     "USDP",
                                     "DAI",
                                     "USD",
                                     "EUR",
                                     "GBP",
                                     "JPY",
                                     "TRY",
                                     "BRL",
                                     "AUD",
                                     "BTC",
                                     "ETH",
                                     "BNB"};

static QmAmount amount_at(sqlite3_stmt *statement, int column);

/* qm_book_market reads a market; false when there is none. */
bool
qm_book_market(QmSqlite *store, const char *account, const char *symbol, QmBookMarket *market)
{
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT tick_size, step_size, min_quantity, max_quantity, min_notional, level_width, slot_by = 'level',"
               " base_asset, quote_asset FROM market WHERE account = ? AND symbol = ?",
               "tt",
               account,
               symbol);

    if (!qm_sql_next(store, statement))
        return false;
    market->tick_size = amount_at(statement, 0);
    market->step_size = amount_at(statement, 1);
    market->min_quantity = amount_at(statement, 2);
    market->max_quantity = amount_at(statement, 3);
    market->min_notional = amount_at(statement, 4);
    market->level_width = amount_at(statement, 5);
    market->slot_by_level = sqlite3_column_int(statement, 6) != 0;
    market->base_asset = (char *) qm_sql_text(statement, 7);
    market->quote_asset = (char *) qm_sql_text(statement, 8);
    qm_sql_done(store, statement);
    return true;
}

/* amount_at returns a column, -1 for NULL. */
static QmAmount
amount_at(sqlite3_stmt *statement, int column)
{
    QmAmount amount = -1;

    if (sqlite3_column_type(statement, column) != SQLITE_NULL)
        (void) qm_amount_of(qm_sql_decimal(statement, column), &amount);
    return amount;
}

/* What set_market is asked, and what it makes of it. */
typedef struct Setting
{
    const char *account;
    const char *symbol;
    const QmMarketFilters *filters;
} Setting;

/* derive_assets returns base and quote asset of a symbol like BTCUSDT, BTC-USDT, BTC/USDT or BTC_USDT; NULLs where it is not clear. */
static void
derive_assets(const char *symbol, const char **base, const char **quote)
{
    size_t len = strlen(symbol);
    const char *separator = strpbrk(symbol, "-/_");

    *base = NULL;
    *quote = NULL;
    if (separator != NULL && separator > symbol && separator[1] != '\0' && strpbrk(separator + 1, "-/_") == NULL)
    {
        *base = qm_scratch_print("%.*s", (int) (separator - symbol), symbol);
        *quote = separator + 1;
        return;
    }
    for (size_t i = 0; separator == NULL && *base == NULL && i < sizeof(quotes) / sizeof(quotes[0]); i++)
    {
        size_t quote_len = strlen(quotes[i]);

        if (len > quote_len && strcasecmp(symbol + len - quote_len, quotes[i]) == 0)
        {
            *base = qm_scratch_print("%.*s", (int) (len - quote_len), symbol);
            *quote = symbol + len - quote_len;
        }
    }
}

/* check_filters refuses what cannot be filters. */
static void
check_filters(QmSqlite *store, const QmMarketFilters *filters)
{
    const char *const positive[][2] = {{"tick_size", filters->tick_size},
                                       {"step_size", filters->step_size},
                                       {"max_quantity", filters->max_quantity},
                                       {"level_width", filters->level_width}};
    const char *const assets[] = {filters->base_asset, filters->quote_asset};

    for (size_t i = 0; i < sizeof(positive) / sizeof(positive[0]); i++)
    {
        if (positive[i][1] != NULL)
            (void) qm_book_number(store, positive[i][0], positive[i][1]);
    }
    (void) qm_book_amount(store, "min_quantity", filters->min_quantity, false);
    (void) qm_book_amount(store, "min_notional", filters->min_notional, false);
    if (filters->slot_by != NULL && strcasecmp(filters->slot_by, "price") != 0 &&
        strcasecmp(filters->slot_by, "level") != 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "slot_by must be price or level, not \"%.80s\"",
                                filters->slot_by);
    for (size_t i = 0; i < 2; i++)
    {
        if (assets[i] != NULL && (assets[i][0] == '\0' || strlen(assets[i]) > ASSET_MAX_BYTES))
            (void) qm_sqlite_refuse(store,
                                    QM_ERROR_ARGUMENT,
                                    "22023",
                                    NULL,
                                    "an asset has 1 to %d bytes",
                                    ASSET_MAX_BYTES);
    }
}

/* text_of returns a filter as it is kept, NULL for NULL. */
static const char *
text_of(const QmSqlite *store, const char *value)
{
    return value == NULL || !qm_sqlite_fine(store) ? NULL : qm_decimal_text(qm_decimal_of(value));
}

/* has_orders says whether a market has fills or orders that may still have some; with slots only, whether any holds one. */
static bool
has_orders(QmSqlite *store, const Setting *setting, bool slots)
{
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT 1 FROM orders WHERE account = ?1 AND symbol = ?2 AND exposed AND (live OR NOT ?3)"
               " UNION ALL SELECT 1 FROM fill WHERE account = ?1 AND symbol = ?2 AND NOT ?3 LIMIT 1",
               "ttb",
               setting->account,
               setting->symbol,
               slots);
    bool any = qm_sql_next(store, statement);

    qm_sql_done(store, statement);
    return any;
}

/* check_change refuses what the orders of a market forbid. */
static void
check_change(QmSqlite *store, const Setting *setting)
{
    const QmMarketFilters *filters = setting->filters;
    QmBookMarket market;
    QmAmount width = -1;
    bool renamed;

    if (!qm_book_market(store, setting->account, setting->symbol, &market))
        return;
    if (((filters->base_asset != NULL && strcmp(filters->base_asset, market.base_asset) != 0) ||
         (filters->quote_asset != NULL && strcmp(filters->quote_asset, market.quote_asset) != 0)) &&
        has_orders(store, setting, false))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "55000",
                                NULL,
                                "market \"%s\" of account \"%s\" has orders or fills: its assets stay %s and %s",
                                setting->symbol,
                                setting->account,
                                market.base_asset,
                                market.quote_asset);
    if (filters->level_width != NULL)
        (void) qm_amount_of(qm_decimal_of(filters->level_width), &width);
    renamed = filters->slot_by != NULL && (strcasecmp(filters->slot_by, "level") == 0) != market.slot_by_level;
    renamed = renamed || (market.slot_by_level && filters->level_width != NULL && width != market.level_width);
    if (renamed && has_orders(store, setting, true))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "55000",
                                "Cancel them first.",
                                "market \"%s\" of account \"%s\" has live orders: its slots cannot be named in another "
                                "way",
                                setting->symbol,
                                setting->account);
}

/* set_market writes a market's row. */
static void
set_market(QmSqlite *store, void *argument)
{
    const Setting *setting = argument;
    const QmMarketFilters *filters = setting->filters;
    const char *base;
    const char *quote;
    QmBookMarket market;
    bool known;

    (void) qm_book_market_name(store, "account", setting->account);
    (void) qm_book_market_name(store, "symbol", setting->symbol);
    check_filters(store, filters);
    if (!qm_sqlite_fine(store))
        return;
    derive_assets(setting->symbol, &base, &quote);
    check_change(store, setting);
    known = qm_book_market(store, setting->account, setting->symbol, &market);
    base = filters->base_asset != NULL ? filters->base_asset : known ? market.base_asset : base;
    quote = filters->quote_asset != NULL ? filters->quote_asset : known ? market.quote_asset : quote;
    if (!known && (filters->tick_size == NULL || filters->step_size == NULL))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22004",
                                NULL,
                                "%s must not be null: Market \"%s\" of account \"%s\" is new.",
                                filters->tick_size == NULL ? "tick_size" : "step_size",
                                setting->symbol,
                                setting->account);
    if (base == NULL || quote == NULL || strcmp(base, quote) == 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                "Pass base_asset and quote_asset.",
                                "symbol \"%s\" does not say its assets, or they are the same",
                                setting->symbol);
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO market (account, symbol, base_asset, quote_asset, tick_size, step_size,"
                                " min_quantity, max_quantity, min_notional, level_width, slot_by)"
                                " VALUES (?1, ?2, ?3, ?4, coalesce(?5, ''), coalesce(?6, ''), ?7, ?8, ?9, ?10,"
                                " coalesce(lower(?11), 'price')) ON CONFLICT (account, symbol) DO UPDATE SET"
                                " base_asset = ?3, quote_asset = ?4, tick_size = coalesce(?5, tick_size),"
                                " step_size = coalesce(?6, step_size), min_quantity = coalesce(?7, min_quantity),"
                                " max_quantity = coalesce(?8, max_quantity), min_notional = coalesce(?9, min_notional),"
                                " level_width = coalesce(?10, level_width), slot_by = coalesce(lower(?11), slot_by)",
                                "ttttttttttt",
                                setting->account,
                                setting->symbol,
                                base,
                                quote,
                                text_of(store, filters->tick_size),
                                text_of(store, filters->step_size),
                                text_of(store, filters->min_quantity),
                                text_of(store, filters->max_quantity),
                                text_of(store, filters->min_notional),
                                text_of(store, filters->level_width),
                                filters->slot_by));
    if (qm_book_market(store, setting->account, setting->symbol, &market) && market.max_quantity >= 0 &&
        market.min_quantity > market.max_quantity)
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22023", NULL, "min_quantity is above max_quantity");
}

/* qm_sqlite_set_market makes a market known, or changes it. */
QmCode
qm_sqlite_set_market(QmStore *store, const char *account, const char *symbol, const QmMarketFilters *filters)
{
    Setting setting = {account, symbol, filters};

    return qm_sqlite_write((QmSqlite *) store, set_market, &setting);
}

/* What get_market is asked, and its answer. */
typedef struct Question
{
    const char *account;
    const char *symbol;
    QmStoredMarket *market;
    bool found;
} Question;

/* get_market reads a market's row. */
static void
get_market(QmSqlite *store, void *argument)
{
    Question *question = argument;
    QmStoredMarket *market = question->market;
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT symbol, base_asset, quote_asset, tick_size, step_size, min_quantity, max_quantity,"
               " min_notional, level_width, slot_by FROM market WHERE account = ? AND symbol = ?",
               "tt",
               question->account,
               question->symbol);

    question->found = qm_sql_next(store, statement);
    if (!question->found)
        return;
    qm_sql_copy(statement, 0, market->symbol, sizeof(market->symbol));
    qm_sql_copy(statement, 1, market->base_asset, sizeof(market->base_asset));
    qm_sql_copy(statement, 2, market->quote_asset, sizeof(market->quote_asset));
    qm_sql_copy(statement, 3, market->tick_size, sizeof(market->tick_size));
    qm_sql_copy(statement, 4, market->step_size, sizeof(market->step_size));
    qm_sql_copy(statement, 5, market->min_quantity, sizeof(market->min_quantity));
    qm_sql_copy(statement, 6, market->max_quantity, sizeof(market->max_quantity));
    qm_sql_copy(statement, 7, market->min_notional, sizeof(market->min_notional));
    qm_sql_copy(statement, 8, market->level_width, sizeof(market->level_width));
    qm_sql_copy(statement, 9, market->slot_by, sizeof(market->slot_by));
    qm_sql_done(store, statement);
}

/* qm_sqlite_get_market reads a market. */
QmCode
qm_sqlite_get_market(QmStore *store, const char *account, const char *symbol, QmStoredMarket *market)
{
    Question question = {account, symbol, market, false};
    QmCode code;

    memset(market, 0, sizeof(*market));
    code = qm_sqlite_read((QmSqlite *) store, get_market, &question);
    return code == QM_OK && !question.found ? QM_NOT_HELD : code;
}
