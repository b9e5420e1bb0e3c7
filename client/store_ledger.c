/*
 * The ledger of the SQLite store. Every trade of an order is one row of fill,
 * booked once whoever reports it and how often; a bust is a row of its own with a
 * negative quantity. Profit is defined on the fills of one account, symbol and
 * strategy in the order of (time, trade id, buy before sell, trade before bust):
 * a fill that is not the last has all later ones computed again. One step of it is
 * common/ledger_step, the extension's own.
 */
#include "store_sqlite.h"

#include <string.h>

/* What the ledger has under a trade id, on one side. */
typedef struct Known
{
    bool found;
    int64_t order_id;
    QmDecimal quantity; /* negative for a bust */
    QmDecimal price;
    QmDecimal commission;
    const char *commission_asset;
    bool maker_known;
    bool time_known;
    int64_t executed_at;
} Known;

/* The position of an order's strategy. */
typedef struct Position
{
    QmRunning running;
    QmFillKey last;
    QmAssets assets;
} Position;

static void read_known(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade, Known *same, Known *twin);
static void book(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade);
static QmFill fill_of(const QmBookOrder *order, const QmBookTrade *trade);
static void insert(QmSqlite *store, const QmBookOrder *order, const QmFill *fill, const QmBookTrade *trade,
                   const QmRunning *after);
static bool same_numbers(const Known *known, const QmBookTrade *trade);
static bool same_commission(const Known *known, const QmBookTrade *trade);
static bool complete(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade, const Known *known);
static void update_facts(QmSqlite *store, const QmBookOrder *order, const QmFill *fill, bool commission, int is_maker,
                         bool time);
static void read_position(QmSqlite *store, const QmBookOrder *order, Position *position);
static void write_position(QmSqlite *store, const QmBookOrder *order, const Position *position);
static void pay_other(QmSqlite *store, const QmBookOrder *order, const Position *position, const QmFill *fill);
static void recompute(QmSqlite *store, const QmBookOrder *order, Position *position, const QmFillKey *from);
static void read_predecessor(QmSqlite *store, const QmBookOrder *order, const QmFillKey *key, QmRunning *running);
static void write_running(QmSqlite *store, int64_t rowid, const QmRunning *running);

/* qm_book_trade books a trade or a bust of the order, unless the ledger has it already. */
void
qm_book_trade(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade, QmBooking *booking)
{
    Known same;
    Known twin;

    memset(booking, 0, sizeof(*booking));
    read_known(store, order, trade, &same, &twin);
    if (same.found)
    {
        booking->differs =
            same.order_id != order->order_id || !same_numbers(&same, trade) || !same_commission(&same, trade);
        booking->completed = !booking->differs && complete(store, order, trade, &same);
        return;
    }
    booking->differs = twin.found && (twin.order_id != order->order_id || !same_numbers(&twin, trade));
    if (twin.found && twin.order_id != order->order_id)
        return;
    book(store, order, trade);
    booking->booked = true;
}

/* read_known reads what is booked under the trade's id and side: of its own kind, and of the other. */
static void
read_known(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade, Known *same, Known *twin)
{
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT kind = 'bust', order_id, quantity, price, commission, commission_asset, is_maker IS NOT NULL,"
               " executed_at, time_known FROM fill WHERE account = ? AND symbol = ? AND trade_id = ? AND side = ?",
               "tttt",
               order->account,
               order->symbol,
               trade->trade_id,
               order->buy ? "buy" : "sell");

    memset(same, 0, sizeof(*same));
    memset(twin, 0, sizeof(*twin));
    while (qm_sql_next(store, statement))
    {
        Known *known = (sqlite3_column_int(statement, 0) != 0) == trade->bust ? same : twin;

        known->found = true;
        known->order_id = sqlite3_column_int64(statement, 1);
        known->quantity = qm_sql_decimal(statement, 2);
        known->price = qm_sql_decimal(statement, 3);
        known->commission = qm_sql_decimal(statement, 4);
        known->commission_asset = qm_sql_text(statement, 5);
        known->maker_known = sqlite3_column_int(statement, 6) != 0;
        known->executed_at = sqlite3_column_int64(statement, 7);
        known->time_known = sqlite3_column_int(statement, 8) != 0;
    }
}

/* book adds the trade to the ledger. */
static void
book(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade)
{
    QmFill fill = fill_of(order, trade);
    Position position;
    QmRunning after;

    read_position(store, order, &position);
    after = position.running;
    qm_ledger_step(&qm_client_arithmetic, &after, &fill, &position.assets);
    insert(store, order, &fill, trade, &after);
    if (qm_fill_key_cmp(&fill.key, &position.last) < 0)
        recompute(store, order, &position, &fill.key);
    else
    {
        position.running = after;
        position.last = fill.key;
        write_position(store, order, &position);
    }
    pay_other(store, order, &position, &fill);
}

/* fill_of returns the trade as the ledger counts it. */
static QmFill
fill_of(const QmBookOrder *order, const QmBookTrade *trade)
{
    QmDecimal commission = trade->commission == NULL ? qm_decimal_zero() : trade->commission;
    QmFill fill = {.price = trade->price};

    fill.key.executed_at = trade->executed_at != 0 ? trade->executed_at : qm_sqlite_now();
    fill.key.trade_id = trade->trade_id;
    fill.key.sell = !order->buy;
    fill.key.bust = trade->bust;
    fill.quantity = trade->bust ? qm_decimal_negate(trade->quantity) : trade->quantity;
    fill.commission = trade->bust ? qm_decimal_negate(commission) : commission;
    fill.commission_asset = trade->commission == NULL ? NULL : trade->commission_asset;
    return fill;
}

/* insert adds the fill's row, as if it were the last. */
static void
insert(QmSqlite *store, const QmBookOrder *order, const QmFill *fill, const QmBookTrade *trade, const QmRunning *after)
{
    const char *maker = trade->is_maker > 0 ? "1" : "0";

    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO fill (account, symbol, trade_id, order_id, strategy, side, kind, quantity,"
                                " price, commission, commission_asset, is_maker, executed_at, booked_at, source,"
                                " position_after, cost_after, profit_after, time_known)"
                                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS INTEGER), ?, ?, ?, ?, ?, ?, ?)",
                                "tttittt"
                                "dddtt"
                                "iitdddb",
                                order->account,
                                order->symbol,
                                fill->key.trade_id,
                                order->order_id,
                                order->strategy,
                                order->buy ? "buy" : "sell",
                                fill->key.bust ? "bust" : "trade",
                                fill->quantity,
                                fill->price,
                                fill->commission,
                                fill->commission_asset,
                                trade->is_maker == 0 ? NULL : maker,
                                fill->key.executed_at,
                                qm_sqlite_now(),
                                trade->source,
                                after->quantity,
                                after->cost,
                                after->profit,
                                trade->executed_at != 0));
}

/* same_numbers says whether quantity and price are those that are known, of whatever kind. */
static bool
same_numbers(const Known *known, const QmBookTrade *trade)
{
    return qm_decimal_cmp(qm_client_arithmetic.abs(known->quantity), trade->quantity) == 0 &&
           qm_decimal_cmp(known->price, trade->price) == 0;
}

/* same_commission says whether the commission is the one that is known, as far as either side knows it. */
static bool
same_commission(const Known *known, const QmBookTrade *trade)
{
    QmDecimal booked = trade->bust ? qm_decimal_negate(known->commission) : known->commission;

    if (trade->commission == NULL || known->commission_asset == NULL)
        return true;
    return qm_decimal_cmp(booked, trade->commission) == 0 &&
           strcmp(known->commission_asset, trade->commission_asset) == 0;
}

/* complete adds to a fill what an earlier report of it did not say: commission, maker, its time, or an earlier one. */
static bool
complete(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade, const Known *known)
{
    QmFill fill = fill_of(order, trade);
    bool commission = trade->commission != NULL && trade->commission_asset != NULL && known->commission_asset == NULL;
    bool maker = trade->is_maker != 0 && !known->maker_known;
    bool time = trade->executed_at != 0 && (!known->time_known || trade->executed_at < known->executed_at);
    QmFillKey from = fill.key;
    Position position;

    if (!commission && !maker && !time)
        return false;
    read_position(store, order, &position);
    if (!time)
        fill.key.executed_at = known->executed_at;
    update_facts(store, order, &fill, commission, maker ? trade->is_maker : 0, time);
    if (commission)
        pay_other(store, order, &position, &fill);
    from.executed_at = fill.key.executed_at < known->executed_at ? fill.key.executed_at : known->executed_at;
    if (commission || time)
        recompute(store, order, &position, &from);
    return true;
}

/* update_facts writes what complete has learnt of a fill. */
static void
update_facts(QmSqlite *store, const QmBookOrder *order, const QmFill *fill, bool commission, int is_maker, bool time)
{
    const char *maker = is_maker > 0 ? "1" : "0";

    (void) qm_sql_change(store,
                         qm_sql(store,
                                "UPDATE fill SET executed_at = ?5, commission = coalesce(?6, commission),"
                                " commission_asset = coalesce(?7, commission_asset),"
                                " is_maker = coalesce(CAST(?8 AS INTEGER), is_maker), time_known = time_known OR ?9"
                                " WHERE account = ?1 AND symbol = ?2 AND trade_id = ?3 AND side = ?10 AND kind = ?4",
                                "tttti"
                                "dttbt",
                                order->account,
                                order->symbol,
                                fill->key.trade_id,
                                fill->key.bust ? "bust" : "trade",
                                fill->key.executed_at,
                                commission ? fill->commission : NULL,
                                commission ? fill->commission_asset : NULL,
                                is_maker == 0 ? NULL : maker,
                                time,
                                order->buy ? "buy" : "sell"));
}

/* read_position reads the position of the order's strategy; flat and before all fills where it has no row yet. */
static void
read_position(QmSqlite *store, const QmBookOrder *order, Position *position)
{
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT quantity, cost, realized_profit, last_executed_at, last_trade_id, last_side = 'sell',"
               " last_kind = 'bust' FROM position WHERE account = ? AND symbol = ? AND strategy = ?",
               "ttt",
               order->account,
               order->symbol,
               order->strategy);
    QmBookMarket market;

    memset(position, 0, sizeof(*position));
    position->running = (QmRunning){qm_decimal_zero(), qm_decimal_zero(), qm_decimal_zero()};
    position->last = (QmFillKey){.executed_at = INT64_MIN, .trade_id = ""};
    if (qm_sql_next(store, statement))
    {
        position->running.quantity = qm_sql_decimal(statement, 0);
        position->running.cost = qm_sql_decimal(statement, 1);
        position->running.profit = qm_sql_decimal(statement, 2);
        position->last.executed_at = sqlite3_column_int64(statement, 3);
        position->last.trade_id = qm_sql_text(statement, 4);
        position->last.sell = sqlite3_column_int(statement, 5) != 0;
        position->last.bust = sqlite3_column_int(statement, 6) != 0;
        qm_sql_done(store, statement);
    }
    if (qm_book_market(store, order->account, order->symbol, &market))
        position->assets = (QmAssets){market.base_asset, market.quote_asset};
}

/* write_position writes the position's row. */
static void
write_position(QmSqlite *store, const QmBookOrder *order, const Position *position)
{
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO position (account, symbol, strategy, quantity, cost, realized_profit,"
                                " last_executed_at, last_trade_id, last_side, last_kind, updated_at)"
                                " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                                " ON CONFLICT (account, symbol, strategy) DO UPDATE SET quantity = ?4, cost = ?5,"
                                " realized_profit = ?6, last_executed_at = ?7, last_trade_id = ?8, last_side = ?9,"
                                " last_kind = ?10, updated_at = ?11",
                                "tttdddittti",
                                order->account,
                                order->symbol,
                                order->strategy,
                                position->running.quantity,
                                position->running.cost,
                                position->running.profit,
                                position->last.executed_at,
                                position->last.trade_id,
                                position->last.sell ? "sell" : "buy",
                                position->last.bust ? "bust" : "trade",
                                qm_sqlite_now()));
}

/* pay_other adds the fill's commission to what the strategy has paid in assets that are neither base nor quote. */
static void
pay_other(QmSqlite *store, const QmBookOrder *order, const Position *position, const QmFill *fill)
{
    const char *asset = fill->commission_asset;
    QmDecimal amount = fill->commission;
    sqlite3_stmt *statement;

    if (asset == NULL || qm_decimal_sign(amount) == 0 ||
        (position->assets.base != NULL &&
         (strcmp(asset, position->assets.base) == 0 || strcmp(asset, position->assets.quote) == 0)))
        return;
    statement = qm_sql(store,
                       "SELECT amount FROM other_commission WHERE account = ? AND symbol = ? AND strategy = ?"
                       " AND asset = ?",
                       "tttt",
                       order->account,
                       order->symbol,
                       order->strategy,
                       asset);
    if (qm_sql_next(store, statement))
        amount = qm_decimal_add(amount, qm_sql_decimal(statement, 0));
    qm_sql_done(store, statement);
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO other_commission (account, symbol, strategy, asset, amount)"
                                " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account, symbol, strategy, asset)"
                                " DO UPDATE SET amount = ?5",
                                "ttttd",
                                order->account,
                                order->symbol,
                                order->strategy,
                                asset,
                                amount));
}

/* recompute computes the running values of a fill and of all later ones again, and the position from the last of them. */
static void
recompute(QmSqlite *store, const QmBookOrder *order, Position *position, const QmFillKey *from)
{
    sqlite3_stmt *statement;

    read_predecessor(store, order, from, &position->running);
    statement = qm_sql(store,
                       "SELECT rowid, executed_at, trade_id, side = 'sell', kind = 'bust', quantity, price, commission,"
                       " commission_asset, position_after, cost_after, profit_after FROM fill"
                       " WHERE account = ?1 AND symbol = ?2 AND strategy = ?3"
                       " AND (executed_at, trade_id, side) >= (?4, ?5, ?6)"
                       " ORDER BY executed_at, trade_id, side, kind DESC",
                       "tttitt",
                       order->account,
                       order->symbol,
                       order->strategy,
                       from->executed_at,
                       from->trade_id,
                       from->sell ? "sell" : "buy");
    while (qm_sql_next(store, statement))
    {
        QmFill fill = {.quantity = qm_sql_decimal(statement, 5),
                       .price = qm_sql_decimal(statement, 6),
                       .commission = qm_sql_decimal(statement, 7),
                       .commission_asset = qm_sql_text(statement, 8)};
        QmRunning known = {qm_sql_decimal(statement, 9), qm_sql_decimal(statement, 10), qm_sql_decimal(statement, 11)};

        fill.key.executed_at = sqlite3_column_int64(statement, 1);
        fill.key.trade_id = qm_sql_text(statement, 2);
        fill.key.sell = sqlite3_column_int(statement, 3) != 0;
        fill.key.bust = sqlite3_column_int(statement, 4) != 0;
        if (qm_fill_key_cmp(&fill.key, from) < 0)
            continue;
        qm_ledger_step(&qm_client_arithmetic, &position->running, &fill, &position->assets);
        if (!qm_running_equal(&qm_client_arithmetic, &position->running, &known))
            write_running(store, sqlite3_column_int64(statement, 0), &position->running);
        position->last = fill.key;
    }
    write_position(store, order, position);
}

/* read_predecessor reads the running values after the fill before the key. */
static void
read_predecessor(QmSqlite *store, const QmBookOrder *order, const QmFillKey *key, QmRunning *running)
{
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT position_after, cost_after, profit_after FROM fill"
               " WHERE account = ?1 AND symbol = ?2 AND strategy = ?3 AND (executed_at, trade_id, side) <= (?4, ?5, ?7)"
               " AND NOT (executed_at = ?4 AND trade_id = ?5 AND side = ?7 AND (kind = 'bust' OR NOT ?6))"
               " ORDER BY executed_at DESC, trade_id DESC, side DESC, kind LIMIT 1",
               "tttitbt",
               order->account,
               order->symbol,
               order->strategy,
               key->executed_at,
               key->trade_id,
               key->bust,
               key->sell ? "sell" : "buy");

    *running = (QmRunning){qm_decimal_zero(), qm_decimal_zero(), qm_decimal_zero()};
    if (!qm_sql_next(store, statement))
        return;
    *running = (QmRunning){qm_sql_decimal(statement, 0), qm_sql_decimal(statement, 1), qm_sql_decimal(statement, 2)};
    qm_sql_done(store, statement);
}

/* write_running writes the running values of one fill. None of them is in the index that recompute walks along. */
static void
write_running(QmSqlite *store, int64_t rowid, const QmRunning *running)
{
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "UPDATE fill SET position_after = ?2, cost_after = ?3, profit_after = ?4"
                                " WHERE rowid = ?1",
                                "iddd",
                                rowid,
                                running->quantity,
                                running->cost,
                                running->profit));
}

/* qm_book_position returns what all strategies of a market hold together. */
QmDecimal
qm_book_position(QmSqlite *store, const char *account, const char *symbol)
{
    sqlite3_stmt *statement =
        qm_sql(store, "SELECT quantity FROM position WHERE account = ? AND symbol = ?", "tt", account, symbol);
    QmDecimal sum = qm_decimal_zero();

    while (qm_sql_next(store, statement))
        sum = qm_decimal_add(sum, qm_sql_decimal(statement, 0));
    return sum;
}
