/*
 * The ledger. Every trade of an order is one row of quantmesh.fill, booked once
 * whoever reports it and how often; a bust is a row of its own with a negative
 * quantity. Which report comes first does not matter:
 *
 * Profit is defined on the fills of one account, symbol and strategy in the
 * order of (time, trade id, trade before bust). Each row keeps the running
 * position, cost and profit after it, and the row of quantmesh.position those of
 * the last one. A fill that is not the last has all later ones computed again from
 * its predecessor. Of several times for one trade the earliest counts; as long as
 * no report has said one, it is when we first heard of the trade.
 *
 * The position's row is locked while its fills are read and written. The order
 * is: the order's row, the position's row, the fill.
 *
 * Queries of fills ask for the order of the index that they need: while a table is
 * young, its indexes look all the same to the planner, and plans are kept.
 */
#include "ledger.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "decimal.h"
#include "ledger_known.h"
#include "ledger_opening.h"
#include "market_number.h"
#include "miscadmin.h"
#include "order_metric.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define RECOMPUTE_BATCH 1000 /* fills that are in memory at a time */

/* The position's row, and the market's assets. */
typedef struct Position
{
    QmRunning running;
    QmAssets assets;
    QmFillKey last;
} Position;

/* A fill as its row has it. */
typedef struct Row
{
    QmFill fill;
    QmRunning running;
    ItemPointerData place;
} Row;

static bool try_to_book(const QmOrder *order, const QmTrade *trade, QmBooking *booking);
static bool is_pruned(const QmOrder *order, const QmTrade *trade, QmOpening *opening, QmBooking *booking);
static bool lock_position(const QmOrder *order, const char *unless_known, Position *position);
static void create_position(const QmOrder *order);
static bool book(const QmOrder *order, const QmTrade *trade, const QmOpening *opening, Position *position,
                 QmBooking *booking);
static bool insert(const QmOrder *order, const QmFill *fill, const QmTrade *trade, const QmRunning *after);
static void count_trade(const QmOrder *order, const QmFill *fill);
static QmFill fill_of(const QmOrder *order, const QmTrade *trade, const QmOpening *opening);
static void complete(const QmOrder *order, const QmTrade *trade, const QmKnown *known, QmBooking *booking);
static void update_facts(const QmOrder *order, const QmFill *fill, bool commission, int is_maker, bool time);
static void recompute(const QmOrder *order, Position *position, const QmFillKey *from);
static void read_predecessor(const QmOrder *order, const QmFillKey *key, QmRunning *running);
static int read_batch(const QmOrder *order, const QmFillKey *from, bool including, MemoryContext batch, Row *fills,
                      bool *more);
static void keep_last(Position *position, const QmFillKey *last);
static void write_running(const Row *row, const QmRunning *running);
static void write_position(const QmOrder *order, const Position *position);

/* qm_ledger_book books a trade or a bust of the order, unless the ledger has it already. */
void
qm_ledger_book(const QmOrder *order, const QmTrade *trade, QmBooking *booking)
{
    memset(booking, 0, sizeof(*booking));
    booking->position_change = qm_decimal_zero();
    while (!try_to_book(order, trade, booking))
        CHECK_FOR_INTERRUPTS();
}

/*
 * try_to_book returns false when it has to be tried again: the position had no
 * row, or another transaction has booked the trade id meanwhile. A trade id
 * belongs to one order; nothing is booked for another. What is not in the ledger
 * and may have been pruned is left alone.
 */
static bool
try_to_book(const QmOrder *order, const QmTrade *trade, QmBooking *booking)
{
    Position position;
    QmOpening opening;
    QmKnown same;
    QmKnown twin;

    if (lock_position(order, trade->trade_id, &position))
        return is_pruned(order, trade, &opening, booking) || book(order, trade, &opening, &position, booking);

    qm_known_read(order, trade, &same, &twin);
    if (!same.found && !twin.found)
    {
        if (is_pruned(order, trade, &opening, booking))
            return true;
        create_position(order);
        return false;
    }
    if (same.found)
    {
        if (same.order_id == order->order_id && qm_known_has_numbers(&same, trade) &&
            qm_known_has_commission(&same, trade))
            complete(order, trade, &same, booking);
        else
            booking->known = qm_known_show(&same);
        return true;
    }
    if (twin.order_id != order->order_id || !qm_known_has_numbers(&twin, trade))
        booking->known = qm_known_show(&twin);
    if (twin.order_id != order->order_id)
        return true;
    if (!lock_position(order, NULL, &position))
        return false;
    qm_opening_read(order, trade->trade_id, &opening);
    return book(order, trade, &opening, &position, booking);
}

/* is_pruned says whether the trade may be one that the ledger had and that was pruned. */
static bool
is_pruned(const QmOrder *order, const QmTrade *trade, QmOpening *opening, QmBooking *booking)
{
    qm_opening_read(order, trade->trade_id, opening);
    booking->pruned = opening->covers;
    return opening->covers;
}

/*
 * lock_position reads and locks the position's row; false when there is none, or
 * when a trade or bust of this id is booked already. A duplicate thus locks
 * nothing.
 */
static bool
lock_position(const QmOrder *order, const char *unless_known, Position *position)
{
    static QmQuery query =
        {"SELECT p.quantity, p.cost, p.realized_profit, p.last_executed_at, p.last_trade_id, p.last_kind = 'bust', "
         "m.base_asset, m.quote_asset "
         "FROM quantmesh.position AS p LEFT JOIN quantmesh.market AS m ON m.account = $1 AND m.symbol = $2 "
         "WHERE p.account = $1 AND p.symbol = $2 AND p.strategy = $3 AND ($4 IS NULL OR "
         "(SELECT f.order_id FROM quantmesh.fill AS f WHERE f.account = $1 AND f.symbol = $2 AND f.trade_id = $4 "
         "ORDER BY f.kind LIMIT 1) IS NULL) FOR NO KEY UPDATE OF p",
         4,
         {TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      unless_known == NULL ? (Datum) 0 : CStringGetTextDatum(unless_known)};
    bool nulls[] = {false, false, false, unless_known == NULL};

    if (qm_query_run(&query, values, nulls) == 0)
        return false;
    position->running.quantity = qm_row_number(0, 0);
    position->running.cost = qm_row_number(0, 1);
    position->running.profit = qm_row_number(0, 2);
    position->last.executed_at = qm_row_int64(0, 3);
    position->last.trade_id = qm_row_text(0, 4);
    position->last.bust = qm_row_bool(0, 5);
    position->assets.base = qm_row_text(0, 6);
    position->assets.quote = qm_row_text(0, 7);
    return true;
}

/* create_position makes the row of a flat position that has no fill yet. */
static void
create_position(const QmOrder *order)
{
    static QmQuery query = {
        "INSERT INTO quantmesh.position (account, symbol, strategy, quantity, cost, realized_profit, last_executed_at, "
        "last_trade_id, last_kind, updated_at) VALUES ($1, $2, $3, 0, 0, 0, '-infinity', '', 'trade', $4) "
        "ON CONFLICT DO NOTHING",
        4,
        {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      TimestampTzGetDatum(GetCurrentTimestamp())};

    (void) qm_query_run(&query, values, NULL);
}

/* book adds the trade to the ledger; false when its id was booked meanwhile. The position is locked. */
static bool
book(const QmOrder *order, const QmTrade *trade, const QmOpening *opening, Position *position, QmBooking *booking)
{
    QmFill fill = fill_of(order, trade, opening);
    Numeric before = position->running.quantity;
    QmRunning after = position->running;

    qm_ledger_step(&after, &fill, &position->assets);
    if (!insert(order, &fill, trade, &after))
        return false;
    if (qm_fill_key_cmp(&fill.key, &position->last) < 0)
    {
        recompute(order, position, &fill.key);
        after = position->running;
    }
    booking->booked = true;
    booking->position_change = qm_decimal_sub(after.quantity, before);
    if (!trade->bust)
        count_trade(order, &fill);
    return true;
}

/* fill_of returns the trade as the ledger counts it: behind its opening, where fills were pruned. */
static QmFill
fill_of(const QmOrder *order, const QmTrade *trade, const QmOpening *opening)
{
    Numeric commission = trade->commission == NULL ? qm_decimal_zero() : qm_decimal_trim(trade->commission);
    Numeric quantity = qm_decimal_trim(trade->quantity);
    QmFill fill = {.buy = order->buy, .price = qm_decimal_trim(trade->price)};

    fill.key.executed_at = trade->executed_at != 0 ? trade->executed_at : GetCurrentTimestamp();
    fill.key.trade_id = trade->trade_id;
    fill.key.bust = trade->bust;
    fill.key.executed_at = qm_opening_clamp(opening, &fill.key);
    fill.quantity = trade->bust ? qm_decimal_negate(quantity) : quantity;
    fill.commission = trade->bust ? qm_decimal_negate(commission) : commission;
    fill.commission_asset = trade->commission == NULL ? NULL : trade->commission_asset;
    return fill;
}

/*
 * insert adds the fill's row and makes the position what it is after it, as if it
 * were the last; false when the row is there already.
 */
static bool
insert(const QmOrder *order, const QmFill *fill, const QmTrade *trade, const QmRunning *after)
{
    static QmQuery query =
        {"WITH booked AS (INSERT INTO quantmesh.fill (account, symbol, trade_id, order_id, strategy, side, kind, "
         "quantity, "
         "price, commission, commission_asset, is_maker, executed_at, booked_at, source, position_after, cost_after, "
         "profit_after, time_known) "
         "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) "
         "ON CONFLICT DO NOTHING RETURNING 1) "
         "UPDATE quantmesh.position SET quantity = $16, cost = $17, realized_profit = $18, last_executed_at = $13, "
         "last_trade_id = $3, last_kind = $7, updated_at = $14 "
         "WHERE account = $1 AND symbol = $2 AND strategy = $5 AND EXISTS (SELECT FROM booked)",
         19,
         {TEXTOID,
          TEXTOID,
          TEXTOID,
          INT8OID,
          TEXTOID,
          TEXTOID,
          TEXTOID,
          NUMERICOID,
          NUMERICOID,
          NUMERICOID,
          TEXTOID,
          BOOLOID,
          TIMESTAMPTZOID,
          TIMESTAMPTZOID,
          TEXTOID,
          NUMERICOID,
          NUMERICOID,
          NUMERICOID,
          BOOLOID}};
    const char *asset = fill->commission_asset;
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(fill->key.trade_id),
                      Int64GetDatum(order->order_id),
                      CStringGetTextDatum(order->strategy),
                      CStringGetTextDatum(order->buy ? "buy" : "sell"),
                      CStringGetTextDatum(fill->key.bust ? "bust" : "trade"),
                      NumericGetDatum(fill->quantity),
                      NumericGetDatum(fill->price),
                      NumericGetDatum(fill->commission),
                      asset == NULL ? (Datum) 0 : CStringGetTextDatum(asset),
                      BoolGetDatum(trade->is_maker > 0),
                      TimestampTzGetDatum(fill->key.executed_at),
                      TimestampTzGetDatum(GetCurrentTimestamp()),
                      CStringGetTextDatum(trade->source),
                      NumericGetDatum(after->quantity),
                      NumericGetDatum(after->cost),
                      NumericGetDatum(after->profit),
                      BoolGetDatum(trade->executed_at != 0)};
    bool nulls[lengthof(values)] = {[10] = asset == NULL, [11] = trade->is_maker < 0};

    return qm_query_run(&query, values, nulls) == 1;
}

/* count_trade tells the metrics. */
static void
count_trade(const QmOrder *order, const QmFill *fill)
{
    Datum quantity = DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(fill->quantity));
    Datum price = DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(fill->price));

    qm_order_count_trade(qm_market_number(order->account, order->symbol),
                         order->buy,
                         DatumGetFloat8(quantity),
                         DatumGetFloat8(price));
}

/* complete adds to a fill what an earlier report of it did not say: commission, maker, its time, or an earlier one. */
static void
complete(const QmOrder *order, const QmTrade *trade, const QmKnown *known, QmBooking *booking)
{
    QmOpening opening = {0};
    QmFill fill = fill_of(order, trade, &opening);
    bool commission = trade->commission != NULL && trade->commission_asset != NULL && known->commission_asset == NULL;
    bool maker = trade->is_maker >= 0 && !known->maker_known;
    bool time = trade->executed_at != 0 && (!known->time_known || fill.key.executed_at < known->executed_at);
    QmFillKey from = fill.key;
    Position position;
    Numeric before;

    if (time)
    {
        qm_opening_read(order, trade->trade_id, &opening);
        fill.key.executed_at = qm_opening_clamp(&opening, &fill.key);
        time = !known->time_known || fill.key.executed_at < known->executed_at;
    }
    if (!commission && !maker && !time)
        return;
    if (!lock_position(order, NULL, &position))
        elog(ERROR, "position of order " INT64_FORMAT " is gone", order->order_id);
    before = position.running.quantity;
    if (!time)
        fill.key.executed_at = known->executed_at;
    update_facts(order, &fill, commission, maker ? trade->is_maker : -1, time);
    from.executed_at = Min(fill.key.executed_at, known->executed_at);
    if (commission || time)
        recompute(order, &position, &from);
    booking->completed = true;
    booking->position_change = qm_decimal_sub(position.running.quantity, before);
}

/* update_facts writes what complete has learnt of a fill. */
static void
update_facts(const QmOrder *order, const QmFill *fill, bool commission, int is_maker, bool time)
{
    static QmQuery query =
        {"UPDATE quantmesh.fill SET executed_at = $5, commission = coalesce($6, commission), "
         "commission_asset = coalesce($7, commission_asset), is_maker = coalesce($8, is_maker), "
         "time_known = time_known OR $9 "
         "WHERE account = $1 AND symbol = $2 AND trade_id = $3 AND kind = $4",
         9,
         {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, NUMERICOID, TEXTOID, BOOLOID, BOOLOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(fill->key.trade_id),
                      CStringGetTextDatum(fill->key.bust ? "bust" : "trade"),
                      TimestampTzGetDatum(fill->key.executed_at),
                      NumericGetDatum(fill->commission),
                      commission ? CStringGetTextDatum(fill->commission_asset) : (Datum) 0,
                      BoolGetDatum(is_maker > 0),
                      BoolGetDatum(time)};
    bool nulls[] = {false, false, false, false, false, !commission, !commission, is_maker < 0, false};

    (void) qm_query_run(&query, values, nulls);
}

/*
 * recompute computes the running values of a fill and of all later ones again,
 * and the position from the last of them. Only rows that change are written.
 */
static void
recompute(const QmOrder *order, Position *position, const QmFillKey *from)
{
    MemoryContext scope = CurrentMemoryContext;
    MemoryContext batch = AllocSetContextCreate(scope, "quantmesh ledger", ALLOCSET_DEFAULT_SIZES);
    Row *rows = palloc(sizeof(Row) * RECOMPUTE_BATCH);
    bool more = true;

    read_predecessor(order, from, &position->running);
    position->last = *from;
    for (bool first = true; more; first = false)
    {
        int count = read_batch(order, &position->last, first, batch, rows, &more);

        for (int i = 0; i < count; i++)
        {
            MemoryContextSwitchTo(batch); /* every query leaves it */
            qm_ledger_step(&position->running, &rows[i].fill, &position->assets);
            if (!qm_running_equal(&position->running, &rows[i].running))
                write_running(&rows[i], &position->running);
        }
        MemoryContextSwitchTo(scope);
        if (count > 0)
            keep_last(position, &rows[count - 1].fill.key);
        MemoryContextReset(batch);
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextDelete(batch);
    write_position(order, position);
}

/* read_predecessor reads the running values after the fill before the key, or those that the ledger opens with. */
static void
read_predecessor(const QmOrder *order, const QmFillKey *key, QmRunning *running)
{
    static QmQuery query =
        {"SELECT position_after, cost_after, profit_after FROM quantmesh.fill "
         "WHERE account = $1 AND symbol = $2 AND strategy = $3 AND (executed_at, trade_id) <= ($4, $5) "
         "AND NOT (executed_at = $4 AND trade_id = $5 AND (kind = 'bust' OR NOT $6)) "
         "ORDER BY executed_at DESC, trade_id DESC, kind LIMIT 1",
         6,
         {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BOOLOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      TimestampTzGetDatum(key->executed_at),
                      CStringGetTextDatum(key->trade_id),
                      BoolGetDatum(key->bust)};
    QmOpening opening;

    if (qm_query_run(&query, values, NULL) > 0)
    {
        *running = (QmRunning){qm_row_number(0, 0), qm_row_number(0, 1), qm_row_number(0, 2)};
        return;
    }
    qm_opening_read(order, key->trade_id, &opening);
    if (opening.exists)
        *running = opening.running;
    else
        *running = (QmRunning){qm_decimal_zero(), qm_decimal_zero(), qm_decimal_zero()};
}

/*
 * read_batch reads the next fills from a key on, or behind it, into memory of
 * the batch, with the running values that they have, and says whether there may be more.
 */
static int
read_batch(const QmOrder *order, const QmFillKey *from, bool including, MemoryContext batch, Row *fills, bool *more)
{
    static QmQuery query =
        {"SELECT executed_at, trade_id, kind = 'bust', side = 'buy', quantity, price, commission, commission_asset, "
         "position_after, cost_after, profit_after, ctid FROM quantmesh.fill "
         "WHERE account = $1 AND symbol = $2 AND strategy = $3 AND (executed_at, trade_id) >= ($4, $5) "
         "ORDER BY executed_at, trade_id, kind DESC LIMIT $6",
         6,
         {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      TimestampTzGetDatum(from->executed_at),
                      CStringGetTextDatum(from->trade_id),
                      Int64GetDatum(RECOMPUTE_BATCH)};
    uint64 rows = qm_query_run(&query, values, NULL);
    MemoryContext scope = MemoryContextSwitchTo(batch);
    int count = 0;

    for (uint64 row = 0; row < rows; row++)
    {
        QmFill *fill = &fills[count].fill;
        QmRunning *running = &fills[count].running;
        bool isnull;

        fill->key.executed_at = qm_row_int64(row, 0);
        fill->key.trade_id = qm_row_text(row, 1);
        fill->key.bust = qm_row_bool(row, 2);
        if (qm_fill_key_cmp(&fill->key, from) < (including ? 0 : 1))
            continue;
        fill->buy = qm_row_bool(row, 3);
        fill->quantity = qm_row_number(row, 4);
        fill->price = qm_row_number(row, 5);
        fill->commission = qm_row_number(row, 6);
        fill->commission_asset = qm_row_text(row, 7);
        running->quantity = qm_row_number(row, 8);
        running->cost = qm_row_number(row, 9);
        running->profit = qm_row_number(row, 10);
        fills[count].place = *(ItemPointer) DatumGetPointer(qm_query_value(row, 11, &isnull));
        count++;
    }
    MemoryContextSwitchTo(scope);
    SPI_freetuptable(SPI_tuptable);
    *more = rows == RECOMPUTE_BATCH;
    return count;
}

/* keep_last copies what a batch has come to out of the batch's memory. */
static void
keep_last(Position *position, const QmFillKey *last)
{
    position->last = *last;
    position->last.trade_id = pstrdup(last->trade_id);
    position->running.quantity = qm_decimal_trim(position->running.quantity);
    position->running.cost = qm_decimal_trim(position->running.cost);
    position->running.profit = qm_decimal_trim(position->running.profit);
}

/*
 * write_running writes the running values of one fill. Its row is found by its
 * place, which the position's lock keeps: through the indexes a fill that was
 * computed many times in one transaction would be found more slowly each time.
 */
static void
write_running(const Row *row, const QmRunning *running)
{
    static QmQuery query =
        {"UPDATE quantmesh.fill SET position_after = $2, cost_after = $3, profit_after = $4 WHERE ctid = $1",
         4,
         {TIDOID, NUMERICOID, NUMERICOID, NUMERICOID}};
    Datum values[] = {PointerGetDatum(&row->place),
                      NumericGetDatum(running->quantity),
                      NumericGetDatum(running->cost),
                      NumericGetDatum(running->profit)};

    if (qm_query_run(&query, values, NULL) != 1)
        elog(ERROR, "fill \"%s\" is gone", row->fill.key.trade_id);
}

/* write_position writes the position's row. */
static void
write_position(const QmOrder *order, const Position *position)
{
    static QmQuery query =
        {"UPDATE quantmesh.position SET quantity = $4, cost = $5, realized_profit = $6, last_executed_at = $7, "
         "last_trade_id = $8, last_kind = $9, updated_at = $10 WHERE account = $1 AND symbol = $2 AND strategy = $3",
         10,
         {TEXTOID,
          TEXTOID,
          TEXTOID,
          NUMERICOID,
          NUMERICOID,
          NUMERICOID,
          TIMESTAMPTZOID,
          TEXTOID,
          TEXTOID,
          TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      NumericGetDatum(position->running.quantity),
                      NumericGetDatum(position->running.cost),
                      NumericGetDatum(position->running.profit),
                      TimestampTzGetDatum(position->last.executed_at),
                      CStringGetTextDatum(position->last.trade_id),
                      CStringGetTextDatum(position->last.bust ? "bust" : "trade"),
                      TimestampTzGetDatum(GetCurrentTimestamp())};

    (void) qm_query_run(&query, values, NULL);
}
