/*
 * SQL of the SQLite store: transactions, prepared statements, ids, and what a
 * failure of SQLite means to a caller.
 */
#include "store_sqlite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error.h"

/* What SQLite's primary codes mean. */
typedef struct Meaning
{
    int sqlite;
    QmCode code;
    const char *sqlstate;
    const char *what;
    const char *hint;
} Meaning;

static const Meaning meanings[] = {
    {SQLITE_FULL, QM_ERROR_LIMIT, "53100", "the disk is full", "Make room on the disk, then repeat the call."},
    {SQLITE_READONLY,
     QM_ERROR_READ_ONLY,
     "25006",
     "the file is read-only",
     "Give this user write access to the file and its folder."},
    {SQLITE_PERM,
     QM_ERROR_PERMISSION,
     "42501",
     "access is denied",
     "Give this user access to the file and its folder."},
    {SQLITE_AUTH,
     QM_ERROR_PERMISSION,
     "42501",
     "access is denied",
     "Give this user access to the file and its folder."},
    {SQLITE_CANTOPEN,
     QM_ERROR_CONNECT,
     "58P01",
     "the file cannot be opened",
     "Check that the folder exists, and that this user may write there."},
    {SQLITE_CORRUPT,
     QM_ERROR_SERVER,
     "XX001",
     "the file is damaged",
     "Stop trading, keep a copy of the file, and restore a backup; what is missing then is at the exchange."},
    {SQLITE_NOTADB,
     QM_ERROR_SERVER,
     "XX001",
     "the file is no SQLite database, or is damaged",
     "Check the path; if it is right, restore a backup."},
    {SQLITE_BUSY,
     QM_ERROR_SERVER,
     "55P03",
     "another process keeps the file locked",
     "End the program that has the file open, then repeat the call."},
    {SQLITE_LOCKED,
     QM_ERROR_SERVER,
     "55P03",
     "another process keeps the file locked",
     "End the program that has the file open, then repeat the call."},
    {SQLITE_IOERR, QM_ERROR_SERVER, "58030", "the file cannot be read or written", "Check the disk."},
    {SQLITE_NOMEM, QM_ERROR_MEMORY, "53200", "out of memory", NULL},
    {SQLITE_TOOBIG, QM_ERROR_LIMIT, "54000", "a value is too long", NULL},
    {SQLITE_CONSTRAINT, QM_ERROR_SERVER, "23505", "a constraint does not hold", NULL},
};

static QmCode write_work(QmSqlite *store, bool durable, QmSqliteWork work, void *argument);
static void begin(QmSqlite *store, const char *sql);
static QmCode end(QmSqlite *store);
static void keep_ids(QmSqlite *store);
static void bind(QmSqlite *store, sqlite3_stmt *statement, const char *types, va_list values);
static sqlite3_stmt *prepare(QmSqlite *store, const char *sql);

/* qm_sqlite_write does a piece of work in one transaction, which has reached the disk when this returns QM_OK. */
QmCode
qm_sqlite_write(QmSqlite *store, QmSqliteWork work, void *argument)
{
    return write_work(store, true, work, argument);
}

/*
 * qm_sqlite_note does a piece of work in one transaction that survives this process,
 * and reaches the disk with the next qm_sqlite_write at the latest: enough for what
 * the exchange can be asked for again, since nothing leaves that follows from it
 * before that has been written.
 */
QmCode
qm_sqlite_note(QmSqlite *store, QmSqliteWork work, void *argument)
{
    return write_work(store, false, work, argument);
}

/* write_work does a piece of work in one transaction, and waits for the disk where it is to be durable. */
static QmCode
write_work(QmSqlite *store, bool durable, QmSqliteWork work, void *argument)
{
    qm_error_clear(&store->error);
    if (store->lock_fd == -1)
        return qm_sqlite_refuse(store,
                                QM_ERROR_READ_ONLY,
                                "25006",
                                "Open the store for writing.",
                                "store \"%s\" was opened for reading",
                                store->path);
    if (store->durable != durable)
    {
        qm_sql_run(store, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        store->durable = qm_sqlite_fine(store) ? durable : store->durable;
    }
    begin(store, "BEGIN IMMEDIATE");
    if (qm_sqlite_fine(store))
        work(store, argument);
    return end(store);
}

/* qm_sqlite_read does a piece of work that changes nothing, on one state of the file. */
QmCode
qm_sqlite_read(QmSqlite *store, QmSqliteWork work, void *argument)
{
    qm_error_clear(&store->error);
    begin(store, "BEGIN");
    if (qm_sqlite_fine(store))
        work(store, argument);
    return end(store);
}

/* begin opens the transaction. */
static void
begin(QmSqlite *store, const char *sql)
{
    store->drew_ids = false;
    qm_sql_run(store, sql);
}

/*
 * end commits, or rolls back what has failed. When the commit itself fails at the
 * disk, nobody knows: what was written may be found again when the file is opened next.
 */
static QmCode
end(QmSqlite *store)
{
    keep_ids(store);
    if (qm_sqlite_fine(store) && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
    {
        bool disk = (sqlite3_extended_errcode(store->db) & 0xFF) == SQLITE_IOERR;

        (void) qm_sqlite_failed(store);
        if (disk)
        {
            store->error.code = QM_ERROR_UNCERTAIN;
            qm_text_copy(store->error.sqlstate, sizeof(store->error.sqlstate), "08007");
        }
    }
    if (!sqlite3_get_autocommit(store->db))
        (void) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    qm_scratch_drop();
    return store->error.code;
}

/* keep_ids writes down which ids were given out, in the transaction that uses them. */
static void
keep_ids(QmSqlite *store)
{
    if (store->drew_ids)
        (void) qm_sql_change(store, qm_sql(store, "UPDATE store SET next_id = ?", "i", store->next_id));
}

/* qm_sqlite_draw returns an id that this file has not given out before, and no other file either. */
int64_t
qm_sqlite_draw(QmSqlite *store)
{
    if (!store->drew_ids)
    {
        sqlite3_stmt *statement = qm_sql(store, "SELECT next_id, last_id FROM store", "");

        if (!qm_sql_next(store, statement))
            return 1;
        store->next_id = sqlite3_column_int64(statement, 0);
        store->last_id = sqlite3_column_int64(statement, 1);
        qm_sql_done(store, statement);
        store->drew_ids = true;
    }
    if (store->next_id > store->last_id)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_LIMIT,
                                "54000",
                                "Start a new file.",
                                "store \"%s\" has no ids left",
                                store->path);
    return store->next_id++;
}

/* qm_sqlite_now returns the time of day. */
int64_t
qm_sqlite_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* qm_sqlite_fine says whether nothing has failed in this call. */
bool
qm_sqlite_fine(const QmSqlite *store)
{
    return store->error.code == QM_OK;
}

/* qm_sqlite_refuse writes the first failure of a call down, and returns its code. */
QmCode
qm_sqlite_refuse(QmSqlite *store, QmCode code, const char *sqlstate, const char *hint, const char *format, ...)
{
    char message[QM_DETAIL_SIZE];
    va_list arguments;

    if (!qm_sqlite_fine(store))
        return store->error.code;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return qm_error_set(&store->error, code, sqlstate, hint, "%s", message);
}

/* qm_sqlite_failed writes down what SQLite's last failure means. */
QmCode
qm_sqlite_failed(QmSqlite *store)
{
    int code = sqlite3_extended_errcode(store->db);
    const Meaning *meaning = NULL;

    for (size_t i = 0; meaning == NULL && i < sizeof(meanings) / sizeof(meanings[0]); i++)
    {
        if (meanings[i].sqlite == (code & 0xFF))
            meaning = &meanings[i];
    }
    return qm_sqlite_refuse(store,
                            meaning == NULL ? QM_ERROR_SERVER : meaning->code,
                            meaning == NULL ? "XX000" : meaning->sqlstate,
                            meaning == NULL ? NULL : meaning->hint,
                            "store \"%s\": %s (%s)",
                            store->path,
                            meaning == NULL ? "SQLite fails" : meaning->what,
                            sqlite3_errmsg(store->db));
}

/* qm_sql_run runs commands that answer nothing. */
void
qm_sql_run(QmSqlite *store, const char *sql)
{
    if (qm_sqlite_fine(store) && sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        (void) qm_sqlite_failed(store);
}

/*
 * qm_sql prepares a statement, whose text is a constant, and binds its values: t
 * is a text, d a decimal, both NULL for NULL; i an int64_t; z one whose 0 is NULL;
 * b a bool. NULL when the call has failed.
 */
sqlite3_stmt *
qm_sql(QmSqlite *store, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = qm_sqlite_fine(store) ? prepare(store, sql) : NULL;
    va_list values;

    if (statement == NULL)
        return NULL;
    va_start(values, types);
    bind(store, statement, types, values);
    va_end(values);
    return statement;
}

/* bind binds a statement's values. */
static void
bind(QmSqlite *store, sqlite3_stmt *statement, const char *types, va_list values)
{
    for (int i = 1; types[i - 1] != '\0'; i++)
    {
        const char *text = NULL;
        QmDecimal decimal;
        int64_t number = 0;
        int status;

        switch (types[i - 1])
        {
            case 't':
                text = va_arg(values, const char *);
                break;
            case 'd':
                decimal = va_arg(values, QmDecimal);
                text = decimal == NULL ? NULL : qm_decimal_text(decimal);
                break;
            case 'b':
                number = va_arg(values, int);
                break;
            default:
                number = va_arg(values, int64_t);
                break;
        }
        if (strchr("td", types[i - 1]) != NULL)
            status = sqlite3_bind_text(statement, i, text, -1, SQLITE_TRANSIENT);
        else if (types[i - 1] == 'z' && number == 0)
            status = sqlite3_bind_null(statement, i);
        else
            status = sqlite3_bind_int64(statement, i, number);
        if (status != SQLITE_OK)
            (void) qm_sqlite_failed(store);
    }
}

/* prepare returns the prepared statement of a text. */
static sqlite3_stmt *
prepare(QmSqlite *store, const char *sql)
{
    int i = 0;

    while (i < QM_STORE_STATEMENTS_MAX && store->prepared[i].sql != NULL && store->prepared[i].sql != sql)
        i++;
    if (i == QM_STORE_STATEMENTS_MAX)
    {
        (void) qm_sqlite_refuse(store, QM_ERROR_LIMIT, "54000", NULL, "a store has %d statements at most", i);
        return NULL;
    }
    if (store->prepared[i].sql == NULL)
    {
        if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &store->prepared[i].statement, NULL) !=
            SQLITE_OK)
        {
            (void) qm_sqlite_failed(store);
            return NULL;
        }
        store->prepared[i].sql = sql;
    }
    (void) sqlite3_reset(store->prepared[i].statement);
    return store->prepared[i].statement;
}

/* qm_sql_next goes to the next row; false behind the last one, and after a failure. */
bool
qm_sql_next(QmSqlite *store, sqlite3_stmt *statement)
{
    int status;

    if (statement == NULL || !qm_sqlite_fine(store))
        return false;
    status = sqlite3_step(statement);
    if (status == SQLITE_ROW)
        return true;
    if (status != SQLITE_DONE)
        (void) qm_sqlite_failed(store);
    (void) sqlite3_reset(statement);
    return false;
}

/* qm_sql_done ends a statement before its last row. What it has answered is gone. */
void
qm_sql_done(QmSqlite *store, sqlite3_stmt *statement)
{
    (void) store;
    if (statement != NULL)
        (void) sqlite3_reset(statement);
}

/* qm_sql_change runs a statement to its end, and returns how many rows it has changed. */
int
qm_sql_change(QmSqlite *store, sqlite3_stmt *statement)
{
    while (qm_sql_next(store, statement))
        ;
    return statement != NULL && qm_sqlite_fine(store) ? sqlite3_changes(store->db) : 0;
}

/* qm_sql_text returns a copy of a column, NULL for NULL. */
const char *
qm_sql_text(sqlite3_stmt *statement, int column)
{
    return qm_scratch_copy((const char *) sqlite3_column_text(statement, column));
}

/* qm_sql_decimal returns a column that is a number. */
QmDecimal
qm_sql_decimal(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *) sqlite3_column_text(statement, column);

    return qm_decimal_of(text == NULL || !qm_decimal_is_number(text) ? "0" : text);
}

/* qm_sql_copy copies a column into a text of the caller; empty for NULL. */
void
qm_sql_copy(sqlite3_stmt *statement, int column, char *text, size_t size)
{
    qm_text_copy(text, size, (const char *) sqlite3_column_text(statement, column));
}
