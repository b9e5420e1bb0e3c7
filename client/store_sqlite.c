/*
 * The SQLite store: its functions, and its life.
 */
#include "store_sqlite.h"

#include <stdlib.h>

#include "error.h"

#define SEND_WINDOW_DEFAULT_MS 5000

static long connections(const QmStore *store);
static const QmError *last_error(const QmStore *store);
static void close_store(QmStore *store);

static const QmStoreFunctions functions = {
    .type = "sqlite",
    .set_market = qm_sqlite_set_market,
    .get_market = qm_sqlite_get_market,
    .place_order = qm_sqlite_place_order,
    .place_orders = qm_sqlite_place_orders,
    .apply_report = qm_sqlite_apply_report,
    .resolve_submission = qm_sqlite_resolve_submission,
    .cancel_order = qm_sqlite_cancel_order,
    .cancel_orders = qm_sqlite_cancel_orders,
    .resolve_cancel = qm_sqlite_resolve_cancel,
    .open_orders = qm_sqlite_open_orders,
    .positions = qm_sqlite_positions,
    .fills = qm_sqlite_fills,
    .order_by_client_id = qm_sqlite_order_by_client_id,
    .load_state = qm_sqlite_load_state,
    .save_state = qm_sqlite_save_state,
    .connections = connections,
    .error = last_error,
    .close = close_store,
};

/* qm_store_open_sqlite opens the file of a store, or makes it. */
QmCode
qm_store_open_sqlite(const QmStoreOptions *options, QmStore **store, QmError *error)
{
    QmSqlite *sqlite;
    QmCode code = qm_sqlite_new(options, &sqlite, error);

    *store = sqlite == NULL ? NULL : &sqlite->store;
    return code;
}

/* qm_sqlite_new does so for those who need more than a store's functions. *store is NULL after a failure; error may be NULL. */
QmCode
qm_sqlite_new(const QmStoreOptions *options, QmSqlite **store, QmError *error)
{
    QmSqlite *sqlite = calloc(1, sizeof(*sqlite));
    QmCode code;

    *store = NULL;
    if (sqlite == NULL)
        return qm_error_set(error, QM_ERROR_MEMORY, "53200", NULL, "out of memory");
    sqlite->store.functions = &functions;
    sqlite->lock_fd = -1;
    sqlite->send_window_us =
        (options->send_window_ms == 0 ? SEND_WINDOW_DEFAULT_MS : options->send_window_ms) * INT64_C(1000);
    code = qm_sqlite_open(sqlite, options);
    if (code == QM_OK)
    {
        *store = sqlite;
        return QM_OK;
    }
    if (error != NULL)
        *error = sqlite->error;
    close_store(&sqlite->store);
    return code;
}

/* connections returns 0: there is no server. */
static long
connections(const QmStore *store)
{
    (void) store;
    return 0;
}

/* last_error returns the last failure of the store. */
static const QmError *
last_error(const QmStore *store)
{
    return &((const QmSqlite *) store)->error;
}

/* close_store closes the file and gives its lock back. */
static void
close_store(QmStore *store)
{
    QmSqlite *sqlite = (QmSqlite *) store;

    if (sqlite == NULL)
        return;
    qm_sqlite_close(sqlite);
    free(sqlite->path);
    free(sqlite);
}
