/*
 * The position of a strategy: its row, and the running values of its fills.
 *
 * Each fill keeps position, cost and profit after it, and the row of
 * quantmesh.position those of the last one. A fill that is not the last has all
 * later ones computed again from its predecessor. The position's row is locked
 * while its fills are read and written.
 *
 * Queries of fills ask for the order of the index that they need: while a table is
 * young, its indexes look all the same to the planner, and plans are kept.
 */
#include "ledger_position.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "decimal.h"
#include "ledger_opening.h"
#include "miscadmin.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define RECOMPUTE_BATCH 1000 /* fills that are in memory at a time */

/* A fill as its row has it. */
typedef struct Row
{
    QmFill fill;
    QmRunning running;
    ItemPointerData place;
} Row;

static void read_predecessor(const QmOrder *order, const QmFillKey *key, QmRunning *running);
static int read_batch(const QmOrder *order, const QmFillKey *from, bool including, MemoryContext batch, Row *fills,
                      bool *more);
static void keep_last(QmPosition *position, const QmFillKey *last);
static void write_running(const Row *row, const QmRunning *running);
static void write_position(const QmOrder *order, const QmPosition *position);

/*
 * qm_position_lock reads and locks the position's row; false when there is none, or
 * when a trade or bust of this id is booked already on the order's side. A duplicate thus locks
 * nothing.
 */
bool
qm_position_lock(const QmOrder *order, const char *unless_known, QmPosition *position)
{
    static QmQuery query =
        {"SELECT p.quantity, p.cost, p.realized_profit, p.last_executed_at, p.last_trade_id, "
         "p.last_side = 'sell', p.last_kind = 'bust', m.base_asset, m.quote_asset "
         "FROM quantmesh.position AS p LEFT JOIN quantmesh.market AS m ON m.account = $1 AND m.symbol = $2 "
         "WHERE p.account = $1 AND p.symbol = $2 AND p.strategy = $3 AND ($4 IS NULL OR "
         "(SELECT f.order_id FROM quantmesh.fill AS f WHERE f.account = $1 AND f.symbol = $2 AND f.trade_id = $4 "
         "AND f.side = $5 ORDER BY f.kind LIMIT 1) IS NULL) FOR NO KEY UPDATE OF p",
         5,
         {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      unless_known == NULL ? (Datum) 0 : CStringGetTextDatum(unless_known),
                      CStringGetTextDatum(order->buy ? "buy" : "sell")};
    bool nulls[] = {false, false, false, unless_known == NULL, false};

    if (qm_query_run(&query, values, nulls) == 0)
        return false;
    position->running.quantity = qm_row_number(0, 0);
    position->running.cost = qm_row_number(0, 1);
    position->running.profit = qm_row_number(0, 2);
    position->last.executed_at = qm_row_int64(0, 3);
    position->last.trade_id = qm_row_text(0, 4);
    position->last.sell = qm_row_bool(0, 5);
    position->last.bust = qm_row_bool(0, 6);
    position->assets.base = qm_row_text(0, 7);
    position->assets.quote = qm_row_text(0, 8);
    return true;
}

/* qm_position_create makes the row of a flat position that has no fill yet. */
void
qm_position_create(const QmOrder *order)
{
    static QmQuery query = {"INSERT INTO quantmesh.position (account, symbol, strategy, quantity, cost, "
                            "realized_profit, last_executed_at, "
                            "last_trade_id, last_side, last_kind, updated_at) "
                            "VALUES ($1, $2, $3, 0, 0, 0, '-infinity', '', 'buy', 'trade', $4) "
                            "ON CONFLICT DO NOTHING",
                            4,
                            {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      TimestampTzGetDatum(GetCurrentTimestamp())};

    (void) qm_query_run(&query, values, NULL);
}

/*
 * qm_position_pay_other adds the fill's commission to what the strategy has paid
 * in assets that are neither base nor quote, which a position does not count. The
 * position is locked.
 */
void
qm_position_pay_other(const QmOrder *order, const QmPosition *position, const QmFill *fill)
{
    static QmQuery query = {"INSERT INTO quantmesh.other_commission AS c (account, symbol, strategy, asset, amount) "
                            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account, symbol, strategy, asset) "
                            "DO UPDATE SET amount = c.amount + excluded.amount",
                            5,
                            {TEXTOID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID}};
    const char *asset = fill->commission_asset;

    if (asset == NULL || qm_decimal_sign(fill->commission) == 0 ||
        (position->assets.base != NULL &&
         (strcmp(asset, position->assets.base) == 0 || strcmp(asset, position->assets.quote) == 0)))
        return;
    {
        Datum values[] = {CStringGetTextDatum(order->account),
                          CStringGetTextDatum(order->symbol),
                          CStringGetTextDatum(order->strategy),
                          CStringGetTextDatum(asset),
                          NumericGetDatum(fill->commission)};

        (void) qm_query_run(&query, values, NULL);
    }
}

/*
 * qm_position_recompute computes the running values of a fill and of all later ones again,
 * and the position from the last of them. Only rows that change are written.
 */
void
qm_position_recompute(const QmOrder *order, QmPosition *position, const QmFillKey *from)
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
            qm_ledger_step(&qm_numeric_arithmetic, &position->running, &rows[i].fill, &position->assets);
            if (!qm_running_equal(&qm_numeric_arithmetic, &position->running, &rows[i].running))
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
         "WHERE account = $1 AND symbol = $2 AND strategy = $3 AND (executed_at, trade_id, side) <= ($4, $5, $7) "
         "AND NOT (executed_at = $4 AND trade_id = $5 AND side = $7 AND (kind = 'bust' OR NOT $6)) "
         "ORDER BY executed_at DESC, trade_id DESC, side DESC, kind LIMIT 1",
         7,
         {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BOOLOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      TimestampTzGetDatum(key->executed_at),
                      CStringGetTextDatum(key->trade_id),
                      BoolGetDatum(key->bust),
                      CStringGetTextDatum(key->sell ? "sell" : "buy")};
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
        {"SELECT executed_at, trade_id, side = 'sell', kind = 'bust', quantity, price, commission, commission_asset, "
         "position_after, cost_after, profit_after, ctid FROM quantmesh.fill "
         "WHERE account = $1 AND symbol = $2 AND strategy = $3 AND (executed_at, trade_id, side) >= ($4, $5, $7) "
         "ORDER BY executed_at, trade_id, side, kind DESC LIMIT $6",
         7,
         {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT8OID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      TimestampTzGetDatum(from->executed_at),
                      CStringGetTextDatum(from->trade_id),
                      Int64GetDatum(RECOMPUTE_BATCH),
                      CStringGetTextDatum(from->sell ? "sell" : "buy")};
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
        fill->key.sell = qm_row_bool(row, 2);
        fill->key.bust = qm_row_bool(row, 3);
        if (qm_fill_key_cmp(&fill->key, from) < (including ? 0 : 1))
            continue;
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
keep_last(QmPosition *position, const QmFillKey *last)
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
write_position(const QmOrder *order, const QmPosition *position)
{
    static QmQuery query =
        {"UPDATE quantmesh.position SET quantity = $4, cost = $5, realized_profit = $6, last_executed_at = $7, "
         "last_trade_id = $8, last_side = $11, last_kind = $9, updated_at = $10 "
         "WHERE account = $1 AND symbol = $2 AND strategy = $3",
         11,
         {TEXTOID,
          TEXTOID,
          TEXTOID,
          NUMERICOID,
          NUMERICOID,
          NUMERICOID,
          TIMESTAMPTZOID,
          TEXTOID,
          TEXTOID,
          TIMESTAMPTZOID,
          TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(order->strategy),
                      NumericGetDatum(position->running.quantity),
                      NumericGetDatum(position->running.cost),
                      NumericGetDatum(position->running.profit),
                      TimestampTzGetDatum(position->last.executed_at),
                      CStringGetTextDatum(position->last.trade_id),
                      CStringGetTextDatum(position->last.bust ? "bust" : "trade"),
                      TimestampTzGetDatum(GetCurrentTimestamp()),
                      CStringGetTextDatum(position->last.sell ? "sell" : "buy")};

    (void) qm_query_run(&query, values, NULL);
}
