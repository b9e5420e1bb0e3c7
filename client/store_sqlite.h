/*
 * The SQLite store: what its parts share.
 *
 * Every call is one transaction. Its failure sticks in `error`: from then on SQL
 * does nothing and answers nothing, and the transaction is rolled back at the end
 * of the call. So only what would go wrong in between looks at it.
 */
#ifndef QM_CLIENT_STORE_SQLITE_H
#define QM_CLIENT_STORE_SQLITE_H

#include <sqlite3.h>

#include "decimal.h"
#include "order_id.h"
#include "order_state.h"
#include "store.h"

#define QM_STORE_VERSION 1                   /* steps of the schema */
#define QM_STORE_APPLICATION 0x514D5348      /* "QMSH", at its place in the file's header */
#define QM_STORE_STATEMENTS_MAX 64           /* prepared at a time */
#define QM_STORE_IDS 0x3FFFFFFF              /* that a file can give out: 2^30 */
#define QM_STORE_BUSY_MS 5000                /* how long a reader's lock is waited for */
#define QM_CANCEL_WINDOW_US INT64_C(3000000) /* a cancel that is younger is under way */

typedef struct QmSqlite
{
    QmStore store;
    sqlite3 *db;
    char *path;
    int lock_fd; /* -1: a reader; -2: in memory, where nobody else can be */
    int64_t send_window_us;
    bool may_have_moved; /* as in the options */
    char tag[QM_TAG_LEN + 1];
    int64_t next_id; /* of the transaction under way */
    int64_t last_id;
    bool drew_ids;
    bool durable; /* a commit waits for the disk */
    struct
    {
        const char *sql;
        sqlite3_stmt *statement;
    } prepared[QM_STORE_STATEMENTS_MAX];
    QmError error;
} QmSqlite;

/* How a cancel stands; as in the extension. */
typedef enum QmCancelState
{
    QM_CANCEL_STATE_NONE,
    QM_CANCEL_STATE_REQUESTED,
    QM_CANCEL_STATE_SENT,
    QM_CANCEL_STATE_DONE,
    QM_CANCEL_STATE_REJECTED,
    QM_CANCEL_STATE_UNKNOWN,
    QM_CANCEL_STATES
} QmCancelState;

/* A row of orders. Texts and numbers are scratch, and never changed in place; NULL and 0 are SQL NULLs. */
typedef struct QmBookOrder
{
    const char *account;
    int64_t order_id;
    const char *symbol;
    bool buy;
    const char *order_type;
    const char *time_in_force;
    const char *price;    /* as it was said */
    const char *quantity; /* as it was said */
    bool post_only;
    bool reduce_only;
    const char *slot;
    const char *strategy;
    const char *instance;
    int64_t epoch;
    const char *owner;
    const char *request_id;
    const char *client_order_id;
    int attempt;
    const char *exchange_order_id;
    QmOrderState state;
    QmCancelState cancel_state;
    bool holds_slot;
    int64_t fence;
    QmDecimal filled_quantity; /* net of busts */
    QmDecimal busted_quantity;
    QmDecimal filled_quote;
    QmDecimal reported_quantity; /* the most that the exchange has said was filled */
    int64_t send_before;
    int64_t valid_until;
    int64_t created_at;
    int64_t submitted_at;
    int64_t opened_at;
    int64_t cancel_requested_at;
    int64_t ended_at;
    int64_t updated_at;
    const char *error_code;
    const char *error_message;
} QmBookOrder;

/* What is written beside the row. */
typedef struct QmBookNews
{
    const char *event;
    const char *source;
    const char *trade_id;
    int64_t event_time;
    const char *discrepancy;
    const char *detail; /* JSON */
} QmBookNews;

/* A trade or a bust, as a report tells it. */
typedef struct QmBookTrade
{
    const char *trade_id;
    bool bust;
    QmDecimal quantity; /* positive, also of a bust */
    QmDecimal price;
    QmDecimal commission; /* NULL: not known */
    const char *commission_asset;
    int is_maker;        /* 0: not known, 1: maker, -1: taker */
    int64_t executed_at; /* 0: not known */
    const char *source;
} QmBookTrade;

/* What became of it. */
typedef struct QmBooking
{
    bool booked;    /* it was new */
    bool completed; /* it was there, and has learnt its commission, its maker or an earlier time */
    bool differs;   /* the ledger says something else */
} QmBooking;

/* A market's filters, as amounts; negative: none. */
typedef struct QmBookMarket
{
    QmAmount tick_size;
    QmAmount step_size;
    QmAmount min_quantity;
    QmAmount max_quantity;
    QmAmount min_notional;
    QmAmount level_width;
    bool slot_by_level;
    char *base_asset;
    char *quote_asset;
} QmBookMarket;

/* store_schema.c */
extern const char *const qm_store_steps[QM_STORE_VERSION];

/* store_sqlite.c */
extern QmCode qm_sqlite_new(const QmStoreOptions *options, QmSqlite **store, QmError *error);

/* store_open.c */
extern QmCode qm_sqlite_open(QmSqlite *store, const QmStoreOptions *options);
extern void qm_sqlite_close(QmSqlite *store);

/* store_sql.c */
typedef void (*QmSqliteWork)(QmSqlite *store, void *argument);
extern QmCode qm_sqlite_note(QmSqlite *store, QmSqliteWork work, void *argument);
extern QmCode qm_sqlite_write(QmSqlite *store, QmSqliteWork work, void *argument);
extern QmCode qm_sqlite_read(QmSqlite *store, QmSqliteWork work, void *argument);
extern void qm_sql_run(QmSqlite *store, const char *sql);
extern sqlite3_stmt *qm_sql(QmSqlite *store, const char *sql, const char *types, ...);
extern bool qm_sql_next(QmSqlite *store, sqlite3_stmt *statement);
extern void qm_sql_done(QmSqlite *store, sqlite3_stmt *statement);
extern int qm_sql_change(QmSqlite *store, sqlite3_stmt *statement);
extern const char *qm_sql_text(sqlite3_stmt *statement, int column);
extern QmDecimal qm_sql_decimal(sqlite3_stmt *statement, int column);
extern void qm_sql_copy(sqlite3_stmt *statement, int column, char *text, size_t size);
extern QmCode qm_sqlite_failed(QmSqlite *store);
extern QmCode qm_sqlite_refuse(QmSqlite *store, QmCode code, const char *sqlstate, const char *hint, const char *format,
                               ...) __attribute__((format(printf, 5, 6)));
extern bool qm_sqlite_fine(const QmSqlite *store);
extern int64_t qm_sqlite_draw(QmSqlite *store);
extern int64_t qm_sqlite_now(void);

/* store_argument.c; all refuse, and answer what does no harm then */
extern const char *qm_book_name(QmSqlite *store, const char *name, const char *value, size_t least);
extern const char *qm_book_name_or_null(QmSqlite *store, const char *name, const char *value);
extern const char *qm_book_market_name(QmSqlite *store, const char *name, const char *value);
extern int qm_book_word(QmSqlite *store, const char *name, const char *value, const char *const *words, int count);
extern QmDecimal qm_book_number(QmSqlite *store, const char *name, const char *value);
extern QmDecimal qm_book_amount(QmSqlite *store, const char *name, const char *value, bool may_be_negative);
extern const char *qm_book_number_text(const char *value);
extern const char *qm_book_message(const char *value);

/* store_order.c */
extern QmBookOrder *qm_book_order(QmSqlite *store, const char *account, int64_t order_id);
extern QmBookOrder *qm_book_require(QmSqlite *store, const char *account, int64_t order_id);
extern QmBookOrder *qm_book_copy(const QmBookOrder *order);
extern QmOrderEffect qm_book_happen(QmSqlite *store, QmBookOrder *order, QmOrderEvent event);
extern bool qm_book_end_attempt(QmSqlite *store, QmBookOrder *order);
extern void qm_book_write(QmSqlite *store, const QmBookOrder *before, QmBookOrder *after, const QmBookNews *news);
extern void qm_book_insert(QmSqlite *store, const QmBookOrder *order);
extern void qm_book_amend(QmSqlite *store, QmBookOrder *order, const char *quantity, const char *source);
extern QmDecimal qm_book_gross(const QmBookOrder *order);
extern void qm_book_found(QmSqlite *store, const QmBookOrder *order, const char *code, const char *subject);
extern void qm_book_found_for(QmSqlite *store, const char *account, const char *symbol, int64_t order_id,
                              const char *code, const char *subject);
extern const char *qm_book_found_event(QmSqlite *store, const QmBookOrder *before, QmOrderEffect effect);
extern const char *qm_cancel_state_word(QmCancelState state);

/* store_market.c */
extern bool qm_book_market(QmSqlite *store, const char *account, const char *symbol, QmBookMarket *market);
extern QmCode qm_sqlite_set_market(QmStore *store, const char *account, const char *symbol,
                                   const QmMarketFilters *filters);
extern QmCode qm_sqlite_get_market(QmStore *store, const char *account, const char *symbol, QmStoredMarket *market);

/* store_ledger.c */
extern void qm_book_trade(QmSqlite *store, const QmBookOrder *order, const QmBookTrade *trade, QmBooking *booking);
extern QmDecimal qm_book_position(QmSqlite *store, const char *account, const char *symbol);

/* store_place.c, store_report.c, store_resolve.c, store_cancel.c, store_state.c, store_list.c */
extern QmCode qm_sqlite_place_order(QmStore *store, const char *account, const QmOrder *order, QmStrategyState *state,
                                    QmPlacement *placement);
extern QmCode qm_sqlite_place_orders(QmStore *store, const char *account, const QmOrder *orders, size_t count,
                                     QmStrategyState *state, QmPlacement *placements);
extern QmCode qm_sqlite_apply_report(QmStore *store, const char *account, const QmReport *report,
                                     QmReportResult *result);
extern QmCode qm_sqlite_resolve_submission(QmStore *store, const char *account, int64_t order_id, int64_t fence,
                                           const char *outcome, const char *code, const char *message,
                                           QmReportResult *result);
extern QmCode qm_sqlite_cancel_order(QmStore *store, const char *account, int64_t order_id,
                                     QmCancellation *cancellation);
extern QmCode qm_sqlite_cancel_orders(QmStore *store, const char *account, const char *symbol, const char *side,
                                      const char *strategy, const char *instance, QmCancellation **list, size_t *count);
extern QmCode qm_sqlite_resolve_cancel(QmStore *store, const char *account, int64_t order_id, const char *outcome,
                                       const char *code, const char *message, QmReportResult *result);
extern QmCode qm_sqlite_open_orders(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                    QmStoredOrder **list, size_t *count);
extern QmCode qm_sqlite_positions(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                  QmStoredPosition **list, size_t *count);
extern QmCode qm_sqlite_fills(QmStore *store, const char *account, const char *symbol, const char *after_trade_id,
                              int max, QmStoredFill **list, size_t *count);
extern QmCode qm_sqlite_order_by_client_id(QmStore *store, const char *account, const char *client_order_id,
                                           QmStoredOrder *order);
extern QmCode qm_sqlite_load_state(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                   char **document, int64_t *version);
extern QmCode qm_sqlite_save_state(QmStore *store, const char *account, QmStrategyState *state);
extern int64_t qm_book_save_state(QmSqlite *store, const char *account, const QmStrategyState *state);

#endif
