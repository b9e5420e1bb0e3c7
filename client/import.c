/*
 * Import: a history that one instance has kept in a SQLite file goes to
 * PostgreSQL, in one transaction.
 *
 * The server decides what is new. After its commit the file is marked as moved,
 * so that nobody trades on with it; when the program ends in between, the next
 * import finds everything there, and marks it.
 */
#include "transfer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"
#include "json.h"

#define BATCH_ORDERS 500

/* An import under way. */
typedef struct Import
{
    QmClient *client;
    const char *account;
    char from[QM_NAME_SIZE]; /* the account in the file */
    QmTransfer *transfer;
} Import;

static const QmStatement market_statement = {.sql = "SELECT quantmesh.import_market($1, $2::jsonb)", .parameters = 2};
static const QmStatement orders_statement = {.sql = "SELECT quantmesh.import_orders($1, $2::jsonb)", .parameters = 2};
static const QmStatement positions_statement = {.sql = "SELECT quantmesh.import_positions($1, $2::jsonb)",
                                                .parameters = 2};
static const QmStatement state_statement =
    {.sql = "SELECT quantmesh.import_strategy_state($1, $2, $3, $4::json, $5::bigint, $6, $7::timestamptz)",
     .parameters = 7};

static QmCode import_file(QmSqlite *file, Import *import);
static void check_moved(QmSqlite *file, void *argument);
static void choose_account(QmSqlite *file, void *argument);
static void import_all(QmSqlite *file, void *argument);
static void import_markets(QmSqlite *file, Import *import);
static void import_orders(QmSqlite *file, Import *import);
static int64_t send_orders(Import *import, QmJson *json);
static void add_order(QmSqlite *file, sqlite3_stmt *order, QmJson *json, int64_t *events, int64_t *fills);
static void add_rows(QmSqlite *file, QmJson *json, const char *name, sqlite3_stmt *statement, int64_t *count);
static void add_row(QmJson *json, sqlite3_stmt *statement);
static bool is_time(const char *column);
static void import_positions(QmSqlite *file, Import *import);
static void import_states(QmSqlite *file, Import *import);
static void commit(Import *import);
static void mark_moved(QmSqlite *file, void *argument);

/* qm_import_sqlite takes over the history of a file. */
QmCode
qm_import_sqlite(const char *path, QmClient *client, const char *account, QmTransfer *transfer)
{
    QmStoreOptions options = {.path = path};
    Import import = {.client = client, .account = account, .transfer = transfer};
    QmSqlite *file;
    QmCode code;

    *transfer = (QmTransfer){0};
    transfer->earlier = qm_file_is_earlier(path);
    if (transfer->earlier)
        options.path = ":memory:";
    else
        options.must_exist = true;
    options.may_have_moved = true;
    code = qm_sqlite_new(&options, &file, &transfer->error);
    if (code != QM_OK)
        return code;
    if (transfer->earlier)
        qm_earlier_convert(path, file, account, transfer);
    code = qm_transfer_fine(transfer) ? import_file(file, &import) : transfer->error.code;
    file->store.functions->close(&file->store);
    return code;
}

/* import_file does so with a file that is open. */
static QmCode
import_file(QmSqlite *file, Import *import)
{
    QmTransfer *transfer = import->transfer;

    if (qm_sqlite_read(file, check_moved, import) != QM_OK || qm_sqlite_read(file, choose_account, import) != QM_OK)
        return qm_error_copy(&transfer->error, &file->error);
    if (qm_client_connect(import->client) != QM_OK)
        return qm_error_copy(&transfer->error, qm_client_error(import->client));
    if (qm_transfer_run(import->client, transfer, "BEGIN") && qm_sqlite_read(file, import_all, import) != QM_OK &&
        qm_transfer_fine(transfer))
        transfer->error = file->error;
    if (qm_transfer_fine(transfer))
        commit(import);
    else if (import->client->conn != NULL)
        qm_client_disconnect(import->client); /* the server rolls back */
    if (qm_transfer_fine(transfer) && !transfer->earlier && qm_sqlite_write(file, mark_moved, import) != QM_OK)
        transfer->error = file->error;
    return transfer->error.code;
}

/* check_moved refuses a file whose history has moved to another account. */
static void
check_moved(QmSqlite *file, void *argument)
{
    Import *import = argument;
    sqlite3_stmt *statement = qm_sql(file, "SELECT moved_to FROM store WHERE moved_at IS NOT NULL", "");

    if (!qm_sql_next(file, statement))
        return;
    if (strcmp((const char *) sqlite3_column_text(statement, 0), import->account) != 0)
        (void) qm_sqlite_refuse(file,
                                QM_ERROR_SERVER,
                                "55000",
                                "Import it once, to one account.",
                                "the history of \"%s\" has moved to account \"%s\" already",
                                file->path,
                                (const char *) sqlite3_column_text(statement, 0));
    qm_sql_done(file, statement);
}

/* choose_account takes the account of that name, or the only one that the file has. */
static void
choose_account(QmSqlite *file, void *argument)
{
    Import *import = argument;
    sqlite3_stmt *statement = qm_sql(file,
                                     "SELECT account FROM (SELECT account FROM market UNION SELECT account FROM"
                                     " orders UNION SELECT account FROM strategy_state) ORDER BY account = ? DESC",
                                     "t",
                                     import->account);
    int count = 0;

    while (qm_sql_next(file, statement))
    {
        if (count++ == 0)
            qm_sql_copy(statement, 0, import->from, sizeof(import->from));
    }
    if (count == 0)
        (void) qm_sqlite_refuse(file, QM_ERROR_SERVER, "P0002", NULL, "\"%s\" has no history", file->path);
    if (count > 1 && strcmp(import->from, import->account) != 0)
        (void) qm_sqlite_refuse(file,
                                QM_ERROR_SERVER,
                                "P0002",
                                "Import it under the name that it has there.",
                                "\"%s\" has %d accounts, and none of them is \"%s\"",
                                file->path,
                                count,
                                import->account);
}

/* import_all sends everything. */
static void
import_all(QmSqlite *file, void *argument)
{
    Import *import = argument;

    import_markets(file, import);
    import_orders(file, import);
    if (import->transfer->orders_new > 0)
        import_positions(file, import);
    import_states(file, import);
}

/* send_json sends what was gathered, and makes the text empty again; the number that the server answers, 0 after a failure. */
static int64_t
send_json(Import *import, const QmStatement *statement, QmJson *json)
{
    const char *const values[] = {import->account, json->text};
    PGresult *result = NULL;
    int64_t answer = 0;

    if (json->failed)
        (void) qm_error_no_memory(&import->transfer->error);
    if (qm_transfer_ask(import->client, import->transfer, statement, values, &result))
        answer = qm_column_int64(result, 0, 0);
    PQclear(result);
    qm_json_free(json);
    return answer;
}

/* import_markets makes the markets known, and keeps placements out of them. */
static void
import_markets(QmSqlite *file, Import *import)
{
    sqlite3_stmt *statement =
        import->transfer->earlier
            ? qm_sql(file, "SELECT DISTINCT symbol FROM orders WHERE account = ? ORDER BY symbol", "t", import->from)
            : qm_sql(file,
                     "SELECT symbol, base_asset, quote_asset, tick_size, step_size, min_quantity, max_quantity,"
                     " min_notional, level_width, slot_by FROM market WHERE account = ? ORDER BY symbol",
                     "t",
                     import->from);
    QmJson json = {0};

    while (qm_transfer_fine(import->transfer) && qm_sql_next(file, statement))
    {
        add_row(&json, statement);
        (void) send_json(import, &market_statement, &json);
    }
    qm_sql_done(file, statement);
}

/* import_orders sends the orders with all that belongs to them. */
static void
import_orders(QmSqlite *file, Import *import)
{
    sqlite3_stmt *statement =
        qm_sql(file, "SELECT * FROM orders WHERE account = ? ORDER BY order_id", "t", import->from);
    QmTransfer *transfer = import->transfer;
    QmJson json = {0};
    int waiting = 0;

    while (qm_transfer_fine(transfer) && qm_sql_next(file, statement))
    {
        qm_json_add(&json, waiting == 0 ? "[" : ",");
        add_order(file, statement, &json, &transfer->events, &transfer->fills);
        transfer->orders++;
        if (++waiting == BATCH_ORDERS)
        {
            transfer->orders_new += send_orders(import, &json);
            waiting = 0;
        }
    }
    qm_sql_done(file, statement);
    if (waiting > 0)
        transfer->orders_new += send_orders(import, &json);
    qm_json_free(&json);
    if (transfer->orders_new == 0)
    {
        transfer->events = 0;
        transfer->fills = 0;
    }
}

/* send_orders sends a batch, and returns how many of it were new. */
static int64_t
send_orders(Import *import, QmJson *json)
{
    qm_json_add(json, "]");
    return send_json(import, &orders_statement, json);
}

/* add_order adds one order as import_orders takes it. */
static void
add_order(QmSqlite *file, sqlite3_stmt *order, QmJson *json, int64_t *events, int64_t *fills)
{
    const char *account = (const char *) sqlite3_column_text(order, 0);
    int64_t order_id = sqlite3_column_int64(order, 1);
    int64_t ids = 0;

    qm_json_add(json, "{\"order\":");
    add_row(json, order);
    add_rows(file,
             json,
             "events",
             qm_sql(file,
                    "SELECT event_id, at, event, from_state, to_state, cancel_state, source, trade_id, event_time,"
                    " discrepancy, detail FROM order_event WHERE account = ? AND order_id = ?",
                    "ti",
                    account,
                    order_id),
             events);
    add_rows(file,
             json,
             "fills",
             qm_sql(file,
                    "SELECT trade_id, kind, quantity, price, commission, commission_asset, is_maker, executed_at,"
                    " time_known, booked_at, source, position_after, cost_after, profit_after"
                    " FROM fill WHERE account = ? AND order_id = ?",
                    "ti",
                    account,
                    order_id),
             fills);
    add_rows(file,
             json,
             "ids",
             qm_sql(file,
                    "SELECT exchange_order_id, attempt FROM exchange_order WHERE account = ? AND order_id = ?",
                    "ti",
                    account,
                    order_id),
             &ids);
    qm_json_add(json, "}");
}

/* add_rows adds a statement's rows as an array, and counts them. */
static void
add_rows(QmSqlite *file, QmJson *json, const char *name, sqlite3_stmt *statement, int64_t *count)
{
    bool first = true;

    qm_json_add(json, ",\"");
    qm_json_add(json, name);
    qm_json_add(json, "\":[");
    while (qm_sql_next(file, statement))
    {
        qm_json_add(json, first ? "" : ",");
        add_row(json, statement);
        first = false;
        (*count)++;
    }
    qm_json_add(json, "]");
}

/* add_row adds the row that a statement is at as an object of strings. JSON in it stays JSON. */
static void
add_row(QmJson *json, sqlite3_stmt *statement)
{
    char time[QM_TIME_TEXT];

    qm_json_add(json, "{");
    for (int i = 0; i < sqlite3_column_count(statement); i++)
    {
        const char *name = sqlite3_column_name(statement, i);
        const char *value = (const char *) sqlite3_column_text(statement, i);

        if (value != NULL && is_time(name))
            (void) qm_value_time_or_null(time, sqlite3_column_int64(statement, i), &value);
        if (value != NULL && strcmp(name, "detail") == 0)
        {
            qm_json_add(json, json->text[json->len - 1] == '{' ? "\"detail\":" : ",\"detail\":");
            qm_json_add(json, value);
        }
        else
            qm_json_add_field(json, name, value);
    }
    qm_json_add(json, "}");
}

/* is_time says whether a column is a time. */
static bool
is_time(const char *column)
{
    static const char *const times[] = {"at", "event_time", "send_before", "valid_until"};
    size_t len = strlen(column);

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
    {
        if (strcmp(column, times[i]) == 0)
            return true;
    }
    return len > 3 && strcmp(column + len - 3, "_at") == 0;
}

/* import_positions has the server compute the positions. */
static void
import_positions(QmSqlite *file, Import *import)
{
    QmJson json = {0};
    QmJson list = {0};

    add_rows(file,
             &json,
             "positions",
             qm_sql(file, "SELECT * FROM position WHERE account = ?", "t", import->from),
             &import->transfer->positions);
    /* Without the name, it is a list. */
    qm_json_add(&list, json.failed ? "[]" : strchr(json.text, '['));
    qm_json_free(&json);
    (void) send_json(import, &positions_statement, &list);
}

/* import_states sends the states of strategies, as they are written. */
static void
import_states(QmSqlite *file, Import *import)
{
    sqlite3_stmt *statement = qm_sql(file,
                                     "SELECT symbol, strategy, document, version, instance, saved_at"
                                     " FROM strategy_state WHERE account = ?",
                                     "t",
                                     import->from);

    while (qm_transfer_fine(import->transfer) && qm_sql_next(file, statement))
    {
        const char *values[7] = {import->account};
        char time[QM_TIME_TEXT];
        PGresult *result;

        for (int i = 0; i < 5; i++)
            values[1 + i] = (const char *) sqlite3_column_text(statement, i);
        (void) qm_value_time_or_null(time, sqlite3_column_int64(statement, 5), &values[6]);
        if (qm_transfer_ask(import->client, import->transfer, &state_statement, values, &result))
            import->transfer->states_new += qm_column_bool(result, 0, 0) ? 1 : 0;
        import->transfer->states++;
        PQclear(result);
    }
    qm_sql_done(file, statement);
}

/* commit ends the transaction. When the connection breaks in it, only another import tells what has become of it. */
static void
commit(Import *import)
{
    QmError *error = &import->transfer->error;

    if (qm_transfer_run(import->client, import->transfer, "COMMIT") || error->code != QM_ERROR_CONNECT)
        return;
    error->code = QM_ERROR_UNCERTAIN;
    qm_text_copy(error->sqlstate, sizeof(error->sqlstate), "08007");
    qm_text_copy(error->hint, sizeof(error->hint), "Import it again: what is there is not taken over twice.");
}

/* mark_moved lets nobody trade on with the file. */
static void
mark_moved(QmSqlite *file, void *argument)
{
    const Import *import = argument;

    (void) qm_sql_change(file,
                         qm_sql(file,
                                "UPDATE store SET moved_at = coalesce(moved_at, ?), moved_to = ?",
                                "it",
                                qm_sqlite_now(),
                                import->account));
}
