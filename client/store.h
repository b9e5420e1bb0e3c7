/*
 * Stores: where a trading instance keeps its orders, fills, positions and the
 * state of its strategies. One interface, two back ends that answer the same:
 * postgres (the extension does the work, any number of instances) and sqlite (a
 * file, no server, one process).
 *
 * A store belongs to one thread at a time; any number of stores may be open.
 * An order that is handed out is on the disk. A text of an argument that
 * may be NULL says so. docs/stores.md says what each store promises.
 */
#ifndef QM_CLIENT_STORE_H
#define QM_CLIENT_STORE_H

#include "quantmesh.h"

#define QM_DECIMAL_TEXT 128         /* bytes of a number's text */
#define QM_STATE_DOCUMENT_MAX 65536 /* bytes of a strategy's state */

#define QM_STORE_FILLS_MAX 10000 /* fills that one call lists */

/* SQLSTATEs that a caller tells apart; all come with QM_ERROR_SERVER. */
#define QM_SQLSTATE_STALE_INSTANCE "QM002" /* the epoch is not the instance's any more */
#define QM_SQLSTATE_STATE_CHANGED "QM003"  /* another writer has saved the strategy's state */
#define QM_SQLSTATE_MAY_BE_SENT "QM004"    /* an order is not absent before its send_before has passed */

/* The filters of a market. NULL: as it is, or none where it is new. */
typedef struct QmMarketFilters
{
    const char *tick_size;
    const char *step_size;
    const char *min_quantity;
    const char *max_quantity;
    const char *min_notional;
    const char *level_width;
    const char *slot_by; /* price or level */
    const char *base_asset;
    const char *quote_asset;
} QmMarketFilters;

/* A market that is known. Empty: none. */
typedef struct QmStoredMarket
{
    char symbol[QM_NAME_SIZE];
    char base_asset[QM_WORD_SIZE * 2];
    char quote_asset[QM_WORD_SIZE * 2];
    char tick_size[QM_DECIMAL_TEXT];
    char step_size[QM_DECIMAL_TEXT];
    char min_quantity[QM_DECIMAL_TEXT];
    char max_quantity[QM_DECIMAL_TEXT];
    char min_notional[QM_DECIMAL_TEXT];
    char level_width[QM_DECIMAL_TEXT];
    char slot_by[QM_WORD_SIZE];
} QmStoredMarket;

/* An order. Empty: none. Numbers are without trailing zeros. */
typedef struct QmStoredOrder
{
    int64_t order_id;
    int64_t fence; /* of a live order's submission; 0: none */
    bool post_only;
    bool reduce_only;
    int64_t created_at_us;
    int64_t updated_at_us;
    int64_t send_before_us;             /* of its last submission, by the store's clock; 0: none */
    char client_order_id[QM_NAME_SIZE]; /* an adopted order may have somebody else's */
    char exchange_order_id[QM_NAME_SIZE];
    char request_id[QM_REQUEST_ID_SIZE];
    char symbol[QM_NAME_SIZE];
    char side[QM_WORD_SIZE];
    char order_type[QM_WORD_SIZE];
    char time_in_force[QM_WORD_SIZE];
    char price[QM_DECIMAL_TEXT];
    char quantity[QM_DECIMAL_TEXT];
    char filled_quantity[QM_DECIMAL_TEXT]; /* net of busts */
    char base_commission[QM_DECIMAL_TEXT]; /* what it has paid in the base asset; "": not all of its fills are known */
    char slot[QM_NAME_SIZE];
    char strategy[QM_NAME_SIZE];
    char instance[QM_NAME_SIZE];
    char state[QM_WORD_SIZE];
    char cancel_state[QM_WORD_SIZE];
} QmStoredOrder;

typedef struct QmStoredPosition
{
    char symbol[QM_NAME_SIZE];
    char strategy[QM_NAME_SIZE];
    char quantity[QM_DECIMAL_TEXT]; /* negative: short */
    char cost[QM_DECIMAL_TEXT];     /* of that quantity */
    char realized_profit[QM_DECIMAL_TEXT];
} QmStoredPosition;

typedef struct QmStoredFill
{
    int64_t order_id;
    int64_t executed_at_us;
    int is_maker; /* 0: not known, 1: maker, -1: taker */
    char trade_id[QM_NAME_SIZE];
    char strategy[QM_NAME_SIZE];
    char side[QM_WORD_SIZE];
    char kind[QM_WORD_SIZE]; /* trade or bust; a bust has a negative quantity */
    char quantity[QM_DECIMAL_TEXT];
    char price[QM_DECIMAL_TEXT];
    char commission[QM_DECIMAL_TEXT];
    char commission_asset[QM_WORD_SIZE * 2];
    char position_after[QM_DECIMAL_TEXT];
    char cost_after[QM_DECIMAL_TEXT];
    char profit_after[QM_DECIMAL_TEXT];
} QmStoredFill;

/*
 * The state of a strategy, to be written. version is the one that was loaded, 0
 * where there was none, and is the new one after a success. To save the same
 * document again under the same version is a repetition and changes nothing.
 */
typedef struct QmStrategyState
{
    const char *symbol;
    const char *strategy;
    const char *document; /* a JSON object, kept as it is written */
    int64_t version;
    const char *instance; /* of a registered instance, with its epoch; NULL: none */
    int64_t epoch;
} QmStrategyState;

typedef struct QmStore QmStore;

typedef struct QmStoreFunctions
{
    const char *type; /* "sqlite" or "postgres" */

    /* Makes a market known, or changes its filters. In PostgreSQL for operators only. */
    QM_MUST_CHECK QmCode (*set_market)(QmStore *store, const char *account, const char *symbol,
                                       const QmMarketFilters *filters);

    /* Reads a market. QM_NOT_HELD: there is none. */
    QM_MUST_CHECK QmCode (*get_market)(QmStore *store, const char *account, const char *symbol, QmStoredMarket *market);

    /*
     * Places one order, as qm_place_order does, or 1 to 1000 as qm_place_orders
     * does. state may be NULL; it is saved in the same transaction if, and only if,
     * an order of the call was placed. If it cannot be saved, nothing is placed.
     */
    QM_MUST_CHECK QmCode (*place_order)(QmStore *store, const char *account, const QmOrder *order,
                                        QmStrategyState *state, QmPlacement *placement);
    QM_MUST_CHECK QmCode (*place_orders)(QmStore *store, const char *account, const QmOrder *orders, size_t count,
                                         QmStrategyState *state, QmPlacement *placements);

    /* As qm_apply_report, qm_resolve_submission, qm_cancel_order, qm_cancel_orders and qm_resolve_cancel do. */
    QM_MUST_CHECK QmCode (*apply_report)(QmStore *store, const char *account, const QmReport *report,
                                         QmReportResult *result);
    QM_MUST_CHECK QmCode (*resolve_submission)(QmStore *store, const char *account, int64_t order_id, int64_t fence,
                                               const char *outcome, const char *code, const char *message,
                                               QmReportResult *result);
    QM_MUST_CHECK QmCode (*cancel_order)(QmStore *store, const char *account, int64_t order_id,
                                         QmCancellation *cancellation);
    QM_MUST_CHECK QmCode (*cancel_orders)(QmStore *store, const char *account, const char *symbol, const char *side,
                                          const char *strategy, const char *instance, QmCancellation **list,
                                          size_t *count);
    QM_MUST_CHECK QmCode (*resolve_cancel)(QmStore *store, const char *account, int64_t order_id, const char *outcome,
                                           const char *code, const char *message, QmReportResult *result);

    /* Lists, to be freed with qm_free. symbol and strategy may be NULL: all of them. Orders and positions are sorted. */
    QM_MUST_CHECK QmCode (*open_orders)(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                        QmStoredOrder **list, size_t *count);
    QM_MUST_CHECK QmCode (*positions)(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                      QmStoredPosition **list, size_t *count);

    /* Fills whose trade id is above one, in the order of their trade ids, as numbers are; NULL: from the first on. */
    QM_MUST_CHECK QmCode (*fills)(QmStore *store, const char *account, const char *symbol, const char *after_trade_id,
                                  int max, QmStoredFill **list, size_t *count);

    /* Reads an order, whatever has become of it. QM_NOT_HELD: there is none. */
    QM_MUST_CHECK QmCode (*order_by_client_id)(QmStore *store, const char *account, const char *client_order_id,
                                               QmStoredOrder *order);

    /* Reads a strategy's state; *document is NULL and *version 0 where there is none, else to be freed with qm_free. */
    QM_MUST_CHECK QmCode (*load_state)(QmStore *store, const char *account, const char *symbol, const char *strategy,
                                       char **document, int64_t *version);
    QM_MUST_CHECK QmCode (*save_state)(QmStore *store, const char *account, QmStrategyState *state);

    /*
     * How many connections to a server have been made; always 0 where there is none. After
     * another one the server may have forgotten reports that it had answered (docs/stores.md).
     */
    long (*connections)(const QmStore *store);

    const QmError *(*error)(const QmStore *store);
    void (*close)(QmStore *store);
} QmStoreFunctions;

struct QmStore
{
    const QmStoreFunctions *functions;
};

typedef struct QmStoreOptions
{
    const char *type;         /* "sqlite" (default) or "postgres" */
    const char *path;         /* sqlite: the file, made if it is not there */
    bool read_only;           /* sqlite: to look at what another process may be writing */
    bool must_exist;          /* sqlite: do not make it */
    bool may_have_moved;      /* sqlite: open it for writing although its history has moved to PostgreSQL */
    int64_t send_window_ms;   /* sqlite: how long a request may leave after its placing; default 5000 */
    QmClientOptions postgres; /* copied */
} QmStoreOptions;

/*
 * qm_store_open makes a store from options. "mysql" and "etcd" answer
 * QM_ERROR_UNSUPPORTED and name what to use. A SQLite file is opened now; to
 * PostgreSQL the first call connects. error may be NULL. *store is NULL after a failure.
 */
extern QM_MUST_CHECK QmCode qm_store_open(const QmStoreOptions *options, QmStore **store, QmError *error);

extern QM_MUST_CHECK QmCode qm_store_open_sqlite(const QmStoreOptions *options, QmStore **store, QmError *error);
extern QM_MUST_CHECK QmCode qm_store_open_postgres(const QmStoreOptions *options, QmStore **store, QmError *error);

#endif
