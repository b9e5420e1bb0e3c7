/*
 * Export: the history of an account in PostgreSQL goes to a SQLite file, which one
 * instance can trade with. One state of the database, one transaction of the file.
 */
#include "transfer.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"

#define FETCH_ROWS "FETCH 5000 FROM history"

#define US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"

/* One table: how it is asked for, and how it is written. $1 is the account. */
typedef struct Table
{
    const char *declare;
    const char *insert;
    size_t count_at; /* in QmTransfer, or NOT_COUNTED */
} Table;

/* An export under way. */
typedef struct Export
{
    QmClient *client;
    const char *account;
    QmTransfer *transfer;
} Export;

#define NOT_COUNTED SIZE_MAX

#define CURSOR "DECLARE history NO SCROLL CURSOR FOR "
#define ORDER_COLUMNS                                                                                                        \
    "account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only::int,"                           \
    " reduce_only::int, slot, strategy, instance, epoch, owner, request_id, origin, replaces, client_order_id,"              \
    " attempt, exchange_order_id, state, cancel_state, live::int, holds_slot::int, exposed::int, fence,"                     \
    " filled_quantity, busted_quantity, filled_quote, reported_quantity, " US("send_before") ", " US("valid_until") ", " US( \
        "created_at") ", " US("submitted_at") ", " US("opened_at") ", " US("cancel_requested_"                               \
                                                                           "at") ", " US("ende"                              \
                                                                                         "d_"                                \
                                                                                         "at") ", " US("updated_at") ", error_code, error_message"

static const Table tables[] = {
    {CURSOR "SELECT account, symbol, base_asset, quote_asset, tick_size, step_size, min_quantity, max_quantity,"
            " min_notional, level_width, slot_by FROM quantmesh.market WHERE account = $1 ORDER BY symbol",
     "INSERT INTO market (account, symbol, base_asset, quote_asset, tick_size, step_size, min_quantity, max_quantity,"
     " min_notional, level_width, slot_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     NOT_COUNTED},
    {CURSOR "SELECT " ORDER_COLUMNS " FROM quantmesh.orders WHERE account = $1 UNION ALL SELECT " ORDER_COLUMNS
            " FROM quantmesh.order_archive WHERE account = $1 ORDER BY order_id",
     "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
     " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     offsetof(QmTransfer, orders)},
    {CURSOR "SELECT account, symbol, exchange_order_id, order_id, attempt FROM quantmesh.exchange_order"
            " WHERE account = $1 ORDER BY order_id",
     "INSERT INTO exchange_order VALUES (?, ?, ?, ?, ?)",
     NOT_COUNTED},
    {CURSOR "SELECT account, order_id, event_id, " US(
         "at") ", event, from_state, to_state, cancel_state, source,"
               " trade_id, " US("event_time") ", discrepancy, detail FROM quantmesh.order_event WHERE account = $1"
                                              " ORDER BY order_id, event_id",
     "INSERT INTO order_event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     offsetof(QmTransfer, events)},
    {CURSOR "SELECT account, symbol, trade_id, order_id, strategy, side, kind, quantity, price, commission,"
            " commission_asset, is_maker::int, " US("executed_at") ", time_known::int, " US(
                "booked_at") ", source,"
                             " position_after, cost_after, profit_after FROM quantmesh.fill WHERE account = $1 ORDER "
                             "BY order_id",
     "INSERT INTO fill VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     offsetof(QmTransfer, fills)},
    {CURSOR "SELECT account, symbol, strategy, quantity, cost, realized_profit, " US(
         "last_executed_at") ", last_trade_id, last_side, last_kind, " US("updated_at") " FROM quantmesh.position "
                                                                                        "WHERE account = $1"
                                                                                        " AND "
                                                                                        "isfinite(last_executed_at)",
     "INSERT INTO position VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
     offsetof(QmTransfer, positions)},
    {CURSOR "SELECT account, symbol, strategy, asset, trim_scale(amount) FROM quantmesh.other_commission"
            " WHERE account = $1",
     "INSERT INTO other_commission VALUES (?, ?, ?, ?, ?)",
     NOT_COUNTED},
    {CURSOR "SELECT account, symbol, strategy, document, version, instance, " US(
         "saved_at") " FROM quantmesh.strategy_state WHERE account = $1",
     "INSERT INTO strategy_state VALUES (?, ?, ?, ?, ?, ?, ?)",
     offsetof(QmTransfer, states)},
};

static const QmStatement check_statement = {.sql = "SELECT EXISTS (SELECT FROM quantmesh.account WHERE account = $1),"
                                                   " EXISTS (SELECT FROM quantmesh.fill_opening WHERE account = $1)",
                                            .parameters = 1};

static void check_server(Export *export);
static void export_all(QmSqlite *file, void *argument);
static void check_file(QmSqlite *file, const Export *export);
static void export_table(QmSqlite *file, Export *export, const Table *table);
static int insert_rows(QmSqlite *file, const Table *table, const PGresult *result);

/* qm_export_sqlite writes the history of an account to a file. */
QmCode
qm_export_sqlite(const char *path, QmClient *client, const char *account, QmTransfer *transfer)
{
    QmStoreOptions options = {.path = path, .may_have_moved = true};
    Export export = {client, account, transfer};
    QmSqlite *file;

    *transfer = (QmTransfer){0};
    if (qm_client_connect(client) != QM_OK)
        return qm_error_copy(&transfer->error, qm_client_error(client));
    if (!qm_transfer_run(client, transfer, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        return transfer->error.code;
    check_server(&export);
    if (qm_transfer_fine(transfer) && qm_sqlite_new(&options, &file, &transfer->error) == QM_OK)
    {
        if (qm_sqlite_write(file, export_all, &export) != QM_OK && qm_transfer_fine(transfer))
            transfer->error = file->error;
        file->store.functions->close(&file->store);
    }
    qm_client_disconnect(client);
    transfer->orders_new = transfer->orders;
    transfer->states_new = transfer->states;
    return transfer->error.code;
}

/* check_server refuses an account that is not known, and one whose first fills are gone: the rest would not add up. */
static void
check_server(Export *export)
{
    const char *const values[] = {export->account};
    PGresult *result;

    if (!qm_transfer_ask(export->client, export->transfer, &check_statement, values, &result))
        return;
    if (!qm_column_bool(result, 0, 0))
        (void) qm_transfer_refuse(export->transfer,
                                  "P0002",
                                  "quantmesh status lists the accounts.",
                                  "account \"%s\" is not known",
                                  export->account);
    if (qm_column_bool(result, 0, 1))
        (void) qm_transfer_refuse(export->transfer,
                                  "55000",
                                  "Export it from a database that keeps its fills: quantmesh.keep_fills.",
                                  "fills of account \"%s\" have been pruned, and the rest would not add up in a file",
                                  export->account);
    PQclear(result);
}

/* export_all writes every table. */
static void
export_all(QmSqlite *file, void *argument)
{
    static const char *const clearing[] = {"DELETE FROM market",
                                           "DELETE FROM orders",
                                           "DELETE FROM exchange_order",
                                           "DELETE FROM order_event",
                                           "DELETE FROM fill",
                                           "DELETE FROM position",
                                           "DELETE FROM other_commission",
                                           "DELETE FROM discrepancy",
                                           "DELETE FROM strategy_state",
                                           "UPDATE store SET moved_at = NULL, moved_to = NULL"};
    Export *export = argument;

    check_file(file, export);
    for (size_t i = 0; i < sizeof(clearing) / sizeof(clearing[0]); i++)
        qm_sql_run(file, clearing[i]);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        export_table(file, export, &tables[i]);
    if (!qm_transfer_fine(export->transfer) && qm_sqlite_fine(file))
        file->error = export->transfer->error; /* the file keeps what it had */
}

/* check_file refuses a file that holds what has not moved to this account: it would be lost. */
static void
check_file(QmSqlite *file, const Export *export)
{
    sqlite3_stmt *statement = qm_sql(file,
                                     "SELECT 1 FROM store WHERE moved_to IS NOT ? AND (EXISTS (SELECT 1 FROM orders)"
                                     " OR EXISTS (SELECT 1 FROM strategy_state))",
                                     "t",
                                     export->account);

    if (qm_sql_next(file, statement))
        (void) qm_sqlite_refuse(file,
                                QM_ERROR_SERVER,
                                "55000",
                                "Name a file that does not exist yet.",
                                "\"%s\" holds a history that has not moved to account \"%s\"",
                                file->path,
                                export->account);
    qm_sql_done(file, statement);
}

/* export_table writes one table, some rows at a time. */
static void
export_table(QmSqlite *file, Export *export, const Table *table)
{
    const QmStatement declare = {.sql = table->declare, .parameters = 1};
    const QmStatement fetch = {.sql = FETCH_ROWS};
    const char *const values[] = {export->account};
    PGresult *result;
    int rows = 0;

    if (!qm_sqlite_fine(file) || !qm_transfer_ask(export->client, export->transfer, &declare, values, &result))
        return;
    PQclear(result);
    do
    {
        if (!qm_transfer_ask(export->client, export->transfer, &fetch, NULL, &result))
            return;
        rows = insert_rows(file, table, result);
        PQclear(result);
        if (table->count_at != NOT_COUNTED)
            *(int64_t *) ((char *) export->transfer + table->count_at) += rows;
    } while (rows > 0 && qm_sqlite_fine(file));
    (void) qm_transfer_run(export->client, export->transfer, "CLOSE history");
}

/* insert_rows writes the rows that were fetched, and returns how many. STRICT tables make numbers of their texts. */
static int
insert_rows(QmSqlite *file, const Table *table, const PGresult *result)
{
    int rows = PQntuples(result);

    for (int row = 0; row < rows && qm_sqlite_fine(file); row++)
    {
        sqlite3_stmt *statement = qm_sql(file, table->insert, "");

        for (int i = 0; statement != NULL && i < PQnfields(result); i++)
        {
            const char *value = PQgetisnull(result, row, i) ? NULL : PQgetvalue(result, row, i);

            if (sqlite3_bind_text(statement, i + 1, value, -1, SQLITE_TRANSIENT) != SQLITE_OK)
                (void) qm_sqlite_failed(file);
        }
        (void) qm_sql_change(file, statement);
    }
    return rows;
}
