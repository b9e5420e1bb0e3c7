/*
 * What the SQLite store answers to those who only ask: orders, positions, fills.
 */
#include "store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "error.h"

#define ORDER_COLUMNS                                                                                              \
    "order_id, post_only, reduce_only, created_at, updated_at, client_order_id, exchange_order_id, request_id,"    \
    " symbol, side, order_type, time_in_force, price, quantity, filled_quantity, slot, strategy, instance, state," \
    " cancel_state, CASE WHEN live THEN fence END, send_before"

/* What is asked, and the list of answers, of which room are there. */
typedef struct Question
{
    const char *account;
    const char *symbol;
    const char *strategy;
    const char *after;
    const char *client_order_id;
    int max;
    size_t item_size;
    char *list;
    size_t count;
    size_t room;
} Question;

static void *next_item(QmSqlite *store, Question *question);
static QmCode answer(QmSqlite *store, QmSqliteWork work, Question *question, void **list, size_t *count);
static void read_order(sqlite3_stmt *statement, QmStoredOrder *order);
static void read_commission(QmSqlite *store, const char *account, QmStoredOrder *order);
static void copy_number(sqlite3_stmt *statement, int column, char *text, size_t size);
static void list_orders(QmSqlite *store, void *argument);
static void find_order(QmSqlite *store, void *argument);
static void list_positions(QmSqlite *store, void *argument);
static void list_fills(QmSqlite *store, void *argument);

/* next_item returns the zeroed place of the next answer; NULL when there is no memory. */
static void *
next_item(QmSqlite *store, Question *question)
{
    if (question->count == question->room)
    {
        size_t room = question->room == 0 ? 16 : question->room * 2;
        char *list = realloc(question->list, room * question->item_size);

        if (list == NULL)
        {
            (void) qm_sqlite_refuse(store, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
            return NULL;
        }
        question->list = list;
        question->room = room;
    }
    memset(question->list + question->count * question->item_size, 0, question->item_size);
    return question->list + question->count++ * question->item_size;
}

/* answer asks, and hands the list out. */
static QmCode
answer(QmSqlite *store, QmSqliteWork work, Question *question, void **list, size_t *count)
{
    QmCode code = qm_sqlite_read(store, work, question);

    *list = NULL;
    *count = 0;
    if (code == QM_OK && question->list == NULL)
        question->list = calloc(1, question->item_size);
    if (code != QM_OK || question->list == NULL)
    {
        free(question->list);
        return code != QM_OK ? code : qm_sqlite_refuse(store, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
    }
    *list = question->list;
    *count = question->count;
    return code;
}

/* copy_number copies a number without trailing zeros. */
static void
copy_number(sqlite3_stmt *statement, int column, char *text, size_t size)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return;
    qm_sql_copy(statement, column, text, size);
    if (strchr(text, '.') == NULL)
        return;
    for (size_t len = strlen(text); text[len - 1] == '0' || text[len - 1] == '.'; len--)
    {
        bool point = text[len - 1] == '.';

        text[len - 1] = '\0';
        if (point)
            return;
    }
}

/* read_order reads an order. */
static void
read_order(sqlite3_stmt *statement, QmStoredOrder *order)
{
    order->order_id = sqlite3_column_int64(statement, 0);
    order->post_only = sqlite3_column_int(statement, 1) != 0;
    order->reduce_only = sqlite3_column_int(statement, 2) != 0;
    order->created_at_us = sqlite3_column_int64(statement, 3);
    order->updated_at_us = sqlite3_column_int64(statement, 4);
    qm_sql_copy(statement, 5, order->client_order_id, sizeof(order->client_order_id));
    qm_sql_copy(statement, 6, order->exchange_order_id, sizeof(order->exchange_order_id));
    qm_sql_copy(statement, 7, order->request_id, sizeof(order->request_id));
    qm_sql_copy(statement, 8, order->symbol, sizeof(order->symbol));
    qm_sql_copy(statement, 9, order->side, sizeof(order->side));
    qm_sql_copy(statement, 10, order->order_type, sizeof(order->order_type));
    qm_sql_copy(statement, 11, order->time_in_force, sizeof(order->time_in_force));
    copy_number(statement, 12, order->price, sizeof(order->price));
    copy_number(statement, 13, order->quantity, sizeof(order->quantity));
    copy_number(statement, 14, order->filled_quantity, sizeof(order->filled_quantity));
    qm_sql_copy(statement, 15, order->slot, sizeof(order->slot));
    qm_sql_copy(statement, 16, order->strategy, sizeof(order->strategy));
    qm_sql_copy(statement, 17, order->instance, sizeof(order->instance));
    qm_sql_copy(statement, 18, order->state, sizeof(order->state));
    qm_sql_copy(statement, 19, order->cancel_state, sizeof(order->cancel_state));
    order->fence = sqlite3_column_int64(statement, 20);
    order->send_before_us = sqlite3_column_int64(statement, 21);
}

/* read_commission adds up what an order has paid in its market's base asset; "" unless all its fills are in the ledger. */
static void
read_commission(QmSqlite *store, const char *account, QmStoredOrder *order)
{
    QmDecimal quantity = qm_decimal_zero();
    QmDecimal commission = qm_decimal_zero();
    sqlite3_stmt *statement = qm_sql(store,
                                     "SELECT f.quantity, f.commission, f.commission_asset = m.base_asset FROM fill AS f"
                                     " JOIN market AS m ON m.account = f.account AND m.symbol = f.symbol"
                                     " WHERE f.account = ? AND f.order_id = ?",
                                     "ti",
                                     account,
                                     order->order_id);

    while (qm_sql_next(store, statement))
    {
        quantity = qm_decimal_add(quantity, qm_sql_decimal(statement, 0));
        if (sqlite3_column_int(statement, 2) != 0)
            commission = qm_decimal_add(commission, qm_sql_decimal(statement, 1));
    }
    if (qm_decimal_cmp(quantity, qm_decimal_of(order->filled_quantity)) == 0)
        qm_text_copy(order->base_commission, sizeof(order->base_commission), qm_decimal_text(commission));
}

/* list_orders lists live orders. */
static void
list_orders(QmSqlite *store, void *argument)
{
    Question *question = argument;
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT " ORDER_COLUMNS " FROM orders WHERE account = ?1 AND exposed AND live"
               " AND symbol = coalesce(?2, symbol) AND strategy = coalesce(?3, strategy) ORDER BY order_id",
               "ttt",
               question->account,
               question->symbol,
               question->strategy);

    while (qm_sql_next(store, statement))
    {
        QmStoredOrder *order = next_item(store, question);

        if (order == NULL)
            continue;
        read_order(statement, order);
        read_commission(store, question->account, order);
    }
}

/* qm_sqlite_open_orders lists live orders. */
QmCode
qm_sqlite_open_orders(QmStore *store, const char *account, const char *symbol, const char *strategy,
                      QmStoredOrder **list, size_t *count)
{
    Question question = {.account = account,
                         .symbol = symbol,
                         .strategy = strategy,
                         .item_size = sizeof(QmStoredOrder)};

    return answer((QmSqlite *) store, list_orders, &question, (void **) list, count);
}

/*
 * find_order finds an order by its client order id. The plus keeps SQLite from reading
 * all orders of the account in the order asked for, instead of the index that finds one.
 */
static void
find_order(QmSqlite *store, void *argument)
{
    Question *question = argument;
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT " ORDER_COLUMNS
               " FROM orders WHERE account = ? AND client_order_id = ? ORDER BY +order_id LIMIT 1",
               "tt",
               question->account,
               question->client_order_id);

    if (qm_sql_next(store, statement))
    {
        QmStoredOrder *order = next_item(store, question);

        if (order != NULL)
        {
            read_order(statement, order);
            read_commission(store, question->account, order);
        }
    }
    qm_sql_done(store, statement);
}

/* qm_sqlite_order_by_client_id reads an order. */
QmCode
qm_sqlite_order_by_client_id(QmStore *store, const char *account, const char *client_order_id, QmStoredOrder *order)
{
    Question question = {.account = account, .client_order_id = client_order_id, .item_size = sizeof(QmStoredOrder)};
    QmStoredOrder *list;
    size_t count;
    QmCode code = answer((QmSqlite *) store, find_order, &question, (void **) &list, &count);

    memset(order, 0, sizeof(*order));
    if (code == QM_OK && count == 1)
        *order = *list;
    free(list);
    return code == QM_OK && count == 0 ? QM_NOT_HELD : code;
}

/* list_positions lists what strategies have. */
static void
list_positions(QmSqlite *store, void *argument)
{
    Question *question = argument;
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT symbol, strategy, quantity, cost, realized_profit FROM position WHERE account = ?1"
               " AND symbol = coalesce(?2, symbol) AND strategy = coalesce(?3, strategy) ORDER BY symbol, strategy",
               "ttt",
               question->account,
               question->symbol,
               question->strategy);

    while (qm_sql_next(store, statement))
    {
        QmStoredPosition *position = next_item(store, question);

        if (position == NULL)
            continue;
        qm_sql_copy(statement, 0, position->symbol, sizeof(position->symbol));
        qm_sql_copy(statement, 1, position->strategy, sizeof(position->strategy));
        copy_number(statement, 2, position->quantity, sizeof(position->quantity));
        copy_number(statement, 3, position->cost, sizeof(position->cost));
        copy_number(statement, 4, position->realized_profit, sizeof(position->realized_profit));
    }
}

/* qm_sqlite_positions lists positions. */
QmCode
qm_sqlite_positions(QmStore *store, const char *account, const char *symbol, const char *strategy,
                    QmStoredPosition **list, size_t *count)
{
    Question question = {.account = account,
                         .symbol = symbol,
                         .strategy = strategy,
                         .item_size = sizeof(QmStoredPosition)};

    return answer((QmSqlite *) store, list_positions, &question, (void **) list, count);
}

/* list_fills lists fills behind a trade. */
static void
list_fills(QmSqlite *store, void *argument)
{
    Question *question = argument;
    sqlite3_stmt *statement;

    (void) qm_book_market_name(store, "symbol", question->symbol);
    if (question->max < 1 || question->max > QM_STORE_FILLS_MAX)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "max must be 1 to %d, not %d",
                                QM_STORE_FILLS_MAX,
                                question->max);
    statement =
        qm_sql(store,
               "SELECT order_id, executed_at, is_maker, trade_id, strategy, side, kind, quantity, price, commission,"
               " commission_asset, position_after, cost_after, profit_after FROM fill"
               " WHERE account = ?1 AND symbol = ?2 AND (?3 IS NULL OR (length(trade_id), trade_id) > (length(?3), ?3))"
               " ORDER BY length(trade_id), trade_id, side, kind DESC LIMIT ?4",
               "ttti",
               question->account,
               question->symbol,
               question->after,
               (int64_t) question->max);
    while (qm_sql_next(store, statement))
    {
        QmStoredFill *fill = next_item(store, question);

        if (fill == NULL)
            continue;
        fill->order_id = sqlite3_column_int64(statement, 0);
        fill->executed_at_us = sqlite3_column_int64(statement, 1);
        if (sqlite3_column_type(statement, 2) != SQLITE_NULL)
            fill->is_maker = sqlite3_column_int(statement, 2) != 0 ? 1 : -1;
        qm_sql_copy(statement, 3, fill->trade_id, sizeof(fill->trade_id));
        qm_sql_copy(statement, 4, fill->strategy, sizeof(fill->strategy));
        qm_sql_copy(statement, 5, fill->side, sizeof(fill->side));
        qm_sql_copy(statement, 6, fill->kind, sizeof(fill->kind));
        copy_number(statement, 7, fill->quantity, sizeof(fill->quantity));
        copy_number(statement, 8, fill->price, sizeof(fill->price));
        copy_number(statement, 9, fill->commission, sizeof(fill->commission));
        qm_sql_copy(statement, 10, fill->commission_asset, sizeof(fill->commission_asset));
        copy_number(statement, 11, fill->position_after, sizeof(fill->position_after));
        copy_number(statement, 12, fill->cost_after, sizeof(fill->cost_after));
        copy_number(statement, 13, fill->profit_after, sizeof(fill->profit_after));
    }
}

/* qm_sqlite_fills lists fills behind a trade. */
QmCode
qm_sqlite_fills(QmStore *store, const char *account, const char *symbol, const char *after_trade_id, int max,
                QmStoredFill **list, size_t *count)
{
    Question question = {.account = account,
                         .symbol = symbol,
                         .after = after_trade_id,
                         .max = max,
                         .item_size = sizeof(QmStoredFill)};

    return answer((QmSqlite *) store, list_fills, &question, (void **) list, count);
}
