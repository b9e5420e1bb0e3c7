/*
 * The saved state of strategies in the SQLite store.
 */
#include "store_sqlite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is saved, or asked for. */
typedef struct Work
{
    const char *account;
    const char *symbol;
    const char *strategy;
    const QmStrategyState *state;
    char *document;
    int64_t version;
} Work;

static void check_state(QmSqlite *store, const QmStrategyState *state);
static bool is_object(QmSqlite *store, const char *document);
static void refuse_changed(QmSqlite *store, const QmStrategyState *state, int64_t version);
static void save(QmSqlite *store, void *argument);
static void load(QmSqlite *store, void *argument);

/* qm_book_save_state saves a state in the transaction under way, and returns its new version; 0 when it has refused. */
int64_t
qm_book_save_state(QmSqlite *store, const char *account, const QmStrategyState *state)
{
    sqlite3_stmt *statement;
    int64_t version = 0;
    bool same = false;

    check_state(store, state);
    statement = qm_sql(store,
                       "SELECT version, document = ? FROM strategy_state"
                       " WHERE account = ? AND symbol = ? AND strategy = ?",
                       "tttt",
                       state->document,
                       account,
                       state->symbol,
                       state->strategy);
    if (qm_sql_next(store, statement))
    {
        version = sqlite3_column_int64(statement, 0);
        same = sqlite3_column_int(statement, 1) != 0;
        qm_sql_done(store, statement);
    }
    if (!qm_sqlite_fine(store))
        return 0;
    if (same && version == state->version + 1)
        return version;
    if (version != state->version)
    {
        refuse_changed(store, state, version);
        return 0;
    }
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO strategy_state (account, symbol, strategy, document, version, instance,"
                                " saved_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                                " ON CONFLICT (account, symbol, strategy) DO UPDATE SET document = ?4, version = ?5,"
                                " instance = ?6, saved_at = ?7",
                                "ttttiti",
                                account,
                                state->symbol,
                                state->strategy,
                                state->document,
                                version + 1,
                                state->instance,
                                qm_sqlite_now()));
    return version + 1;
}

/* check_state refuses what is no state. */
static void
check_state(QmSqlite *store, const QmStrategyState *state)
{
    (void) qm_book_market_name(store, "symbol", state->symbol);
    (void) qm_book_name(store, "strategy", state->strategy, 0);
    (void) qm_book_name_or_null(store, "instance", state->instance);
    if (state->document == NULL)
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22004", NULL, "document must not be null");
    else if (strlen(state->document) > QM_STATE_DOCUMENT_MAX)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "document has %zu bytes, the limit is %d",
                                strlen(state->document),
                                QM_STATE_DOCUMENT_MAX);
    else if (!is_object(store, state->document))
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22023", NULL, "document must be a JSON object");
    if (state->version < 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "version must not be negative, it is %" PRId64,
                                state->version);
}

/* is_object says whether a text is a JSON object. */
static bool
is_object(QmSqlite *store, const char *document)
{
    sqlite3_stmt *statement = qm_sql(store, "SELECT json_valid(?1) AND json_type(?1) = 'object'", "t", document);
    bool object = qm_sql_next(store, statement) && sqlite3_column_int(statement, 0) != 0;

    qm_sql_done(store, statement);
    return object || !qm_sqlite_fine(store);
}

/* refuse_changed says that another writer was faster. */
static void
refuse_changed(QmSqlite *store, const QmStrategyState *state, int64_t version)
{
    (void) qm_sqlite_refuse(store,
                            QM_ERROR_SERVER,
                            QM_SQLSTATE_STATE_CHANGED,
                            "Load it again.",
                            "state of strategy \"%s\" in market \"%s\" has version %" PRId64 ", not %" PRId64,
                            state->strategy,
                            state->symbol,
                            version,
                            state->version);
}

/* save saves a state alone. */
static void
save(QmSqlite *store, void *argument)
{
    Work *work = argument;

    (void) qm_book_market_name(store, "account", work->account);
    work->version = qm_book_save_state(store, work->account, work->state);
}

/* qm_sqlite_save_state saves a state alone. */
QmCode
qm_sqlite_save_state(QmStore *store, const char *account, QmStrategyState *state)
{
    Work work = {.account = account, .state = state};
    QmCode code = qm_sqlite_write((QmSqlite *) store, save, &work);

    if (code == QM_OK)
        state->version = work.version;
    return code;
}

/* load reads a state. */
static void
load(QmSqlite *store, void *argument)
{
    Work *work = argument;
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT document, version FROM strategy_state WHERE account = ? AND symbol = ? AND strategy = ?",
               "ttt",
               work->account,
               work->symbol,
               work->strategy);

    if (!qm_sql_next(store, statement))
        return;
    work->document = strdup((const char *) sqlite3_column_text(statement, 0));
    work->version = sqlite3_column_int64(statement, 1);
    qm_sql_done(store, statement);
    if (work->document == NULL)
        (void) qm_sqlite_refuse(store, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
}

/* qm_sqlite_load_state reads a state. */
QmCode
qm_sqlite_load_state(QmStore *store, const char *account, const char *symbol, const char *strategy, char **document,
                     int64_t *version)
{
    Work work = {.account = account, .symbol = symbol, .strategy = strategy};
    QmCode code = qm_sqlite_read((QmSqlite *) store, load, &work);

    *document = work.document;
    *version = work.version;
    return code;
}
