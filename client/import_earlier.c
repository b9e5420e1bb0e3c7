/*
 * Files of the earlier system: its table of orders becomes ours, in memory, and
 * is imported from there.
 *
 * Such a file says of an order only what was asked for and how it ended. So a
 * filled order becomes one fill at its own price, without a commission; one that
 * was alive is unknown, for it may be at the exchange; and our ids are made of
 * theirs, so that the same file imported again says nothing new. Markets have to be
 * known to the server, for their filters are in no file.
 */
#include "transfer.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "error.h"
#include "siphash.h"

#define ID_BITS 48 /* below the generations of servers */

/* What their words for a state mean. */
static const struct
{
    const char *word;
    QmOrderState state;
} words[] = {
    {"filled", QM_ORDER_FILLED},
    {"canceled", QM_ORDER_CANCELED},
    {"cancelled", QM_ORDER_CANCELED},
    {"expired", QM_ORDER_EXPIRED},
    {"rejected", QM_ORDER_REJECTED},
    {"partially_filled", QM_ORDER_UNKNOWN},
    {"new", QM_ORDER_UNKNOWN},
    {"open", QM_ORDER_UNKNOWN},
    {"pending", QM_ORDER_UNKNOWN},
    {"placed", QM_ORDER_UNKNOWN},
    {"confirmed", QM_ORDER_UNKNOWN},
    {"cancel_requested", QM_ORDER_UNKNOWN},
};

/* A conversion under way. */
typedef struct Conversion
{
    sqlite3 *old;
    const char *path;
    const char *account;
    QmTransfer *transfer;
} Conversion;

/* The columns of the older and of the newer form of the table; filled is NULL where only the state tells. */
#define COLUMNS(filled)                                                                                           \
    "SELECT CAST(order_id AS TEXT), client_order_id, symbol, lower(side), CAST(price AS TEXT), CAST(quantity AS " \
    "TEXT),"                                                                                                      \
    " lower(status), CAST(round((julianday(created_at) - 2440587.5) * 86400000.0) AS INTEGER) * 1000,"            \
    " CAST(round((julianday(updated_at) - 2440587.5) * 86400000.0) AS INTEGER) * 1000, " filled                   \
    " FROM orders ORDER BY id"

static bool has_column(sqlite3 *db, const char *column);
static void convert(QmSqlite *file, void *argument);
static bool convert_order(QmSqlite *file, const Conversion *conversion, sqlite3_stmt *row);
static bool read_state(const char *word, QmOrderState *state);
static const char *number(sqlite3_stmt *row, int column);
static int64_t make_id(const char *symbol, const char *order_id);
static void add_fill(QmSqlite *file, const QmBookOrder *order, const char *quantity);

/* qm_file_is_earlier says whether a file is one of the earlier system's. */
bool
qm_file_is_earlier(const char *path)
{
    sqlite3 *db = NULL;
    bool earlier = path != NULL && sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
                   has_column(db, "status") && !has_column(db, "exposed");

    (void) sqlite3_close(db);
    return earlier;
}

/* has_column says whether the table of orders has a column. */
static bool
has_column(sqlite3 *db, const char *column)
{
    sqlite3_stmt *statement = NULL;
    bool has;

    if (sqlite3_prepare_v2(db, "SELECT 1 FROM pragma_table_info('orders') WHERE name = ?", -1, &statement, NULL) !=
        SQLITE_OK)
        return false;
    (void) sqlite3_bind_text(statement, 1, column, -1, SQLITE_TRANSIENT);
    has = sqlite3_step(statement) == SQLITE_ROW;
    (void) sqlite3_finalize(statement);
    return has;
}

/* qm_earlier_convert writes the orders of such a file into a store that is empty. */
void
qm_earlier_convert(const char *path, QmSqlite *file, const char *account, QmTransfer *transfer)
{
    Conversion conversion = {.path = path, .account = account, .transfer = transfer};

    if (sqlite3_open_v2(path, &conversion.old, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        (void) qm_transfer_refuse(transfer, "58P01", "Check the path.", "\"%s\" cannot be opened", path);
    else if (qm_sqlite_write(file, convert, &conversion) != QM_OK)
        transfer->error = file->error;
    (void) sqlite3_close(conversion.old);
}

/* convert reads one order after another. */
static void
convert(QmSqlite *file, void *argument)
{
    const Conversion *conversion = argument;
    const char *sql = has_column(conversion->old, "filled_qty") ? COLUMNS("CAST(filled_qty AS TEXT)") : COLUMNS("NULL");
    sqlite3_stmt *row = NULL;
    int status = sqlite3_prepare_v2(conversion->old, sql, -1, &row, NULL);

    while (status == SQLITE_OK || status == SQLITE_ROW)
    {
        status = sqlite3_step(row);
        if (status == SQLITE_ROW && !convert_order(file, conversion, row))
            conversion->transfer->skipped++;
    }
    if (status != SQLITE_DONE)
        (void) qm_sqlite_refuse(file,
                                QM_ERROR_SERVER,
                                "XX001",
                                "Check the file.",
                                "\"%s\" cannot be read: %s",
                                conversion->path,
                                sqlite3_errmsg(conversion->old));
    (void) sqlite3_finalize(row);
}

/* convert_order writes one order; false when its row says too little. */
static bool
convert_order(QmSqlite *file, const Conversion *conversion, sqlite3_stmt *row)
{
    const char *filled = number(row, 9);
    const char *side = qm_sql_text(row, 3);
    QmBookOrder order = {.account = conversion->account,
                         .exchange_order_id = qm_sql_text(row, 0),
                         .client_order_id = qm_sql_text(row, 1),
                         .symbol = qm_sql_text(row, 2),
                         .price = number(row, 4),
                         .quantity = number(row, 5),
                         .created_at = sqlite3_column_int64(row, 7),
                         .updated_at = sqlite3_column_int64(row, 8)};
    const char *done;

    if (order.exchange_order_id == NULL || order.symbol == NULL || order.symbol[0] == '\0' || order.price == NULL ||
        order.quantity == NULL || order.created_at <= 0 || side == NULL ||
        (strcmp(side, "buy") != 0 && strcmp(side, "sell") != 0) || !read_state(qm_sql_text(row, 6), &order.state))
        return false;
    order.buy = strcmp(side, "buy") == 0;
    order.order_id = make_id(order.symbol, order.exchange_order_id);
    if (order.updated_at < order.created_at)
        order.updated_at = order.created_at;
    if (order.client_order_id == NULL || order.client_order_id[0] == '\0')
        order.client_order_id = order.exchange_order_id;
    done = filled != NULL ? filled : order.state == QM_ORDER_FILLED ? order.quantity : NULL;
    (void)
        qm_sql_change(file,
                      qm_sql(file,
                             "INSERT INTO orders (account, order_id, symbol, side, order_type, time_in_force, price,"
                             " quantity, post_only, reduce_only, strategy, owner, origin, client_order_id, attempt,"
                             " exchange_order_id, state, cancel_state, live, holds_slot, exposed, filled_quantity,"
                             " busted_quantity, filled_quote, reported_quantity, created_at, ended_at, updated_at)"
                             " VALUES (?1, ?2, ?3, ?4, 'limit', 'gtc', ?5, ?6, 0, 0, '', 'earlier', 'adopted', ?7, 0,"
                             " ?8, ?9, 'none', ?10, 0, ?10, ?11, '0', ?12, ?11, ?13, ?14, ?15)",
                             "tittttttt"
                             "btdizi",
                             order.account,
                             order.order_id,
                             order.symbol,
                             side,
                             order.price,
                             order.quantity,
                             order.client_order_id,
                             order.exchange_order_id,
                             qm_order_state_name(order.state),
                             qm_order_is_live(order.state),
                             done == NULL ? "0" : done,
                             qm_decimal_mul(qm_decimal_of(order.price), qm_decimal_of(done == NULL ? "0" : done)),
                             order.created_at,
                             qm_order_is_live(order.state) ? (int64_t) 0 : order.updated_at,
                             order.updated_at));
    (void) qm_sql_change(file,
                         qm_sql(file,
                                "INSERT INTO exchange_order VALUES (?, ?, ?, ?, 0)",
                                "ttti",
                                order.account,
                                order.symbol,
                                order.exchange_order_id,
                                order.order_id));
    if (done != NULL)
        add_fill(file, &order, done);
    return true;
}

/* read_state reads their word for a state; false for one that we do not know. */
static bool
read_state(const char *word, QmOrderState *state)
{
    for (size_t i = 0; word != NULL && i < sizeof(words) / sizeof(words[0]); i++)
    {
        if (strcmp(word, words[i].word) == 0)
        {
            *state = words[i].state;
            return true;
        }
    }
    return false;
}

/* number returns a positive number as text; NULL for anything else. */
static const char *
number(sqlite3_stmt *row, int column)
{
    const char *text = (const char *) sqlite3_column_text(row, column);
    QmAmount amount;
    QmDecimal value;

    if (text == NULL || !qm_decimal_is_number(text))
        return NULL;
    value = qm_decimal_of(text);
    return qm_decimal_sign(value) > 0 && qm_amount_of(value, &amount) ? qm_decimal_text(value) : NULL;
}

/* make_id makes our id of theirs, the same one every time. */
static int64_t
make_id(const char *symbol, const char *order_id)
{
    static const QmSipSecret nobody_s = {{0, 0}}; /* the same everywhere, and for ever */
    const char *text = qm_scratch_print("%s:%s", symbol, order_id);

    return (int64_t) (qm_siphash(&nobody_s, text, strlen(text)) % ((UINT64_C(1) << ID_BITS) - 1)) + 1;
}

/* add_fill books what an order has filled. The server computes the position. */
static void
add_fill(QmSqlite *file, const QmBookOrder *order, const char *quantity)
{
    (void) qm_sql_change(file,
                         qm_sql(file,
                                "INSERT INTO fill (account, symbol, trade_id, order_id, strategy, side, kind, quantity,"
                                " price, commission, executed_at, time_known, booked_at, source, position_after,"
                                " cost_after, profit_after)"
                                " VALUES (?1, ?2, ?3, ?4, '', ?5, 'trade', ?6, ?7, '0', ?8, 1, ?8, 'operator', '0', "
                                "'0', '0')",
                                "ttti"
                                "ttti",
                                order->account,
                                order->symbol,
                                qm_scratch_print("earlier-%s", order->exchange_order_id),
                                order->order_id,
                                order->buy ? "buy" : "sell",
                                quantity,
                                order->price,
                                order->updated_at));
    (void) qm_sql_change(file,
                         qm_sql(file,
                                "INSERT INTO position VALUES (?1, ?2, '', '0', '0', '0', ?3, '', 'buy', 'trade', ?3)"
                                " ON CONFLICT DO NOTHING",
                                "tti",
                                order->account,
                                order->symbol,
                                order->updated_at));
}
