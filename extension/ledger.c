/*
 * The ledger. Every trade of an order is one row of quantmesh.fill, booked once
 * whoever reports it and how often; a bust is a row of its own with a negative
 * quantity. Which report comes first does not matter:
 *
 * Profit is defined on the fills of one account, symbol and strategy in the
 * order of (time, trade id, buy before sell, trade before bust): a trade between
 * two of our orders is a fill of each, under one id. Of several times for one trade
 * the earliest counts; as long as no report has said one, it is when we first heard
 * of the trade.
 *
 * The position's row is locked while its fills are read and written. The order
 * is: the order's row, the position's row, the fill. Queries of fills ask for the
 * order of the index that they need, as in ledger_position.c.
 */
#include "ledger.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "decimal.h"
#include "ledger_opening.h"
#include "ledger_position.h"
#include "market_number.h"
#include "miscadmin.h"
#include "order_metric.h"
#include "query.h"
#include "query_row.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

/* What the ledger has under a trade id, on one side. */
typedef struct Known
{
    bool found;
    int64 order_id;
    Numeric quantity; /* negative for a bust */
    Numeric price;
    Numeric commission;
    char *commission_asset;
    bool maker_known;
    bool time_known;
    TimestampTz executed_at;
} Known;

static bool try_to_book(const QmOrder *order, const QmTrade *trade, QmBooking *booking);
static void read_known(const QmOrder *order, const QmTrade *trade, Known *same, Known *twin);
static bool is_pruned(const QmOrder *order, const QmTrade *trade, QmOpening *opening, QmBooking *booking);
static bool book(const QmOrder *order, const QmTrade *trade, const QmOpening *opening, QmPosition *position,
                 QmBooking *booking);
static bool insert(const QmOrder *order, const QmFill *fill, const QmTrade *trade, const QmRunning *after);
static void count_trade(const QmOrder *order, const QmFill *fill);
static QmFill fill_of(const QmOrder *order, const QmTrade *trade, const QmOpening *opening);
static bool same_numbers(const Known *known, const QmTrade *trade);
static bool same_commission(const Known *known, const QmTrade *trade);
static Jsonb *show(const Known *known);
static void complete(const QmOrder *order, const QmTrade *trade, const Known *known, QmBooking *booking);
static void update_facts(const QmOrder *order, const QmFill *fill, bool commission, int is_maker, bool time);

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
 * belongs to one order on each side; nothing is booked for another. What is not in
 * the ledger and may have been pruned is left alone.
 */
static bool
try_to_book(const QmOrder *order, const QmTrade *trade, QmBooking *booking)
{
    QmPosition position;
    QmOpening opening;
    Known same;
    Known twin;

    if (qm_position_lock(order, trade->trade_id, &position))
        return is_pruned(order, trade, &opening, booking) || book(order, trade, &opening, &position, booking);

    read_known(order, trade, &same, &twin);
    if (!same.found && !twin.found)
    {
        if (is_pruned(order, trade, &opening, booking))
            return true;
        qm_position_create(order);
        return false;
    }
    if (same.found)
    {
        if (same.order_id == order->order_id && same_numbers(&same, trade) && same_commission(&same, trade))
            complete(order, trade, &same, booking);
        else
            booking->known = show(&same);
        return true;
    }
    if (twin.order_id != order->order_id || !same_numbers(&twin, trade))
        booking->known = show(&twin);
    if (twin.order_id != order->order_id)
        return true;
    if (!qm_position_lock(order, NULL, &position))
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

/* read_known reads what is booked under the trade's id and side: of its own kind, and of the other. */
static void
read_known(const QmOrder *order, const QmTrade *trade, Known *same, Known *twin)
{
    static QmQuery query = {"SELECT kind = 'bust', order_id, quantity, price, commission, commission_asset, is_maker "
                            "IS NOT NULL, executed_at, time_known "
                            "FROM quantmesh.fill WHERE account = $1 AND symbol = $2 AND trade_id = $3 "
                            "AND side = $4 ORDER BY kind LIMIT 2",
                            4,
                            {TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(trade->trade_id),
                      CStringGetTextDatum(order->buy ? "buy" : "sell")};
    uint64 rows = qm_query_read_latest(&query, values, NULL);

    memset(same, 0, sizeof(*same));
    memset(twin, 0, sizeof(*twin));
    for (uint64 row = 0; row < rows; row++)
    {
        Known *known = qm_row_bool(row, 0) == trade->bust ? same : twin;

        known->found = true;
        known->order_id = qm_row_int64(row, 1);
        known->quantity = qm_row_number(row, 2);
        known->price = qm_row_number(row, 3);
        known->commission = qm_row_number(row, 4);
        known->commission_asset = qm_row_text(row, 5);
        known->maker_known = qm_row_bool(row, 6);
        known->executed_at = qm_row_int64(row, 7);
        known->time_known = qm_row_bool(row, 8);
    }
}

/* book adds the trade to the ledger; false when its id was booked meanwhile. The position is locked. */
static bool
book(const QmOrder *order, const QmTrade *trade, const QmOpening *opening, QmPosition *position, QmBooking *booking)
{
    QmFill fill = fill_of(order, trade, opening);
    Numeric before = position->running.quantity;
    QmRunning after = position->running;

    qm_ledger_step(&qm_numeric_arithmetic, &after, &fill, &position->assets);
    if (!insert(order, &fill, trade, &after))
        return false;
    if (qm_fill_key_cmp(&fill.key, &position->last) < 0)
    {
        qm_position_recompute(order, position, &fill.key);
        after = position->running;
    }
    qm_position_pay_other(order, position, &fill);
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
    QmFill fill = {.price = qm_decimal_trim(trade->price)};

    fill.key.executed_at = trade->executed_at != 0 ? trade->executed_at : GetCurrentTimestamp();
    fill.key.trade_id = trade->trade_id;
    fill.key.sell = !order->buy;
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
         "last_trade_id = $3, last_side = $6, last_kind = $7, updated_at = $14 "
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

/* same_numbers says whether quantity and price are those that are known, of whatever kind. */
static bool
same_numbers(const Known *known, const QmTrade *trade)
{
    return qm_decimal_cmp(qm_decimal_abs(known->quantity), trade->quantity) == 0 &&
           qm_decimal_cmp(known->price, trade->price) == 0;
}

/* same_commission says whether the commission is the one that is known, as far as either side knows it. */
static bool
same_commission(const Known *known, const QmTrade *trade)
{
    Numeric booked = trade->bust ? qm_decimal_negate(known->commission) : known->commission;

    if (trade->commission == NULL || known->commission_asset == NULL)
        return true;
    return qm_decimal_cmp(booked, trade->commission) == 0 &&
           strcmp(known->commission_asset, trade->commission_asset) == 0;
}

/* show returns what is known, for a discrepancy. */
static Jsonb *
show(const Known *known)
{
    const char *pairs[][2] = {{"order_id", psprintf(INT64_FORMAT, known->order_id)},
                              {"quantity", qm_decimal_text(known->quantity)},
                              {"price", qm_decimal_text(known->price)},
                              {"commission", qm_decimal_text(known->commission)},
                              {"commission_asset", known->commission_asset}};

    return qm_jsonb_object(lengthof(pairs), (const char *const(*)[2]) pairs);
}

/* complete adds to a fill what an earlier report of it did not say: commission, maker, its time, or an earlier one. */
static void
complete(const QmOrder *order, const QmTrade *trade, const Known *known, QmBooking *booking)
{
    QmOpening opening = {0};
    QmFill fill = fill_of(order, trade, &opening);
    bool commission = trade->commission != NULL && trade->commission_asset != NULL && known->commission_asset == NULL;
    bool maker = trade->is_maker >= 0 && !known->maker_known;
    bool time = trade->executed_at != 0 && (!known->time_known || trade->executed_at < known->executed_at);
    QmFillKey from = fill.key;
    QmPosition position;
    Numeric before;

    if (time)
    {
        qm_opening_read(order, trade->trade_id, &opening);
        fill.key.executed_at = qm_opening_clamp(&opening, &fill.key);
        time = !known->time_known || fill.key.executed_at < known->executed_at;
    }
    if (!commission && !maker && !time)
        return;
    if (!qm_position_lock(order, NULL, &position))
        elog(ERROR, "position of order " INT64_FORMAT " is gone", order->order_id);
    before = position.running.quantity;
    if (!time)
        fill.key.executed_at = known->executed_at;
    update_facts(order, &fill, commission, maker ? trade->is_maker : -1, time);
    if (commission)
        qm_position_pay_other(order, &position, &fill);
    from.executed_at = Min(fill.key.executed_at, known->executed_at);
    if (commission || time)
        qm_position_recompute(order, &position, &from);
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
         "WHERE account = $1 AND symbol = $2 AND trade_id = $3 AND side = $10 AND kind = $4",
         10,
         {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, NUMERICOID, TEXTOID, BOOLOID, BOOLOID, TEXTOID}};
    Datum values[] = {CStringGetTextDatum(order->account),
                      CStringGetTextDatum(order->symbol),
                      CStringGetTextDatum(fill->key.trade_id),
                      CStringGetTextDatum(fill->key.bust ? "bust" : "trade"),
                      TimestampTzGetDatum(fill->key.executed_at),
                      NumericGetDatum(fill->commission),
                      commission ? CStringGetTextDatum(fill->commission_asset) : (Datum) 0,
                      BoolGetDatum(is_maker > 0),
                      BoolGetDatum(time),
                      CStringGetTextDatum(order->buy ? "buy" : "sell")};
    bool nulls[] = {false, false, false, false, false, !commission, !commission, is_maker < 0, false, false};

    (void) qm_query_run(&query, values, nulls);
}
