/*
 * Asking to cancel orders in the SQLite store: the rules of the extension's cancel.c.
 */
#include "store_sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

/* What is asked, and the list of answers. */
typedef struct Wish
{
    const char *account;
    int64_t order_id; /* of one order */
    const char *symbol;
    const char *side;
    const char *strategy;
    const char *instance;
    QmCancellation *list;
    size_t count;
} Wish;

static void cancel_one(QmSqlite *store, void *argument);
static void cancel_many(QmSqlite *store, void *argument);
static void ask(QmSqlite *store, const QmBookOrder *before, QmCancellation *cancellation);
static QmCancelOutcome change(QmSqlite *store, QmBookOrder *order, const char **event);
static bool is_under_way(const QmBookOrder *order, int64_t now);

/* qm_sqlite_cancel_order asks to cancel an order. */
QmCode
qm_sqlite_cancel_order(QmStore *store, const char *account, int64_t order_id, QmCancellation *cancellation)
{
    Wish wish = {.account = account, .order_id = order_id, .list = cancellation};

    memset(cancellation, 0, sizeof(*cancellation));
    return qm_sqlite_write((QmSqlite *) store, cancel_one, &wish);
}

/* cancel_one asks for one order, which must be there. */
static void
cancel_one(QmSqlite *store, void *argument)
{
    Wish *wish = argument;
    QmBookOrder *order;

    (void) qm_book_market_name(store, "account", wish->account);
    order = qm_sqlite_fine(store) ? qm_book_require(store, wish->account, wish->order_id) : NULL;
    if (order != NULL)
        ask(store, order, wish->list);
}

/* qm_sqlite_cancel_orders asks to cancel all live orders that fit. */
QmCode
qm_sqlite_cancel_orders(QmStore *store, const char *account, const char *symbol, const char *side, const char *strategy,
                        const char *instance, QmCancellation **list, size_t *count)
{
    Wish wish = {.account = account, .symbol = symbol, .side = side, .strategy = strategy, .instance = instance};
    QmCode code = qm_sqlite_write((QmSqlite *) store, cancel_many, &wish);

    if (code != QM_OK)
    {
        free(wish.list);
        wish = (Wish){0};
    }
    *list = wish.list;
    *count = wish.count;
    return code;
}

/* cancel_many asks for each of them, lowest id first. */
static void
cancel_many(QmSqlite *store, void *argument)
{
    static const char *const sides[] = {"buy", "sell"};
    Wish *wish = argument;
    const char *side = NULL;
    int64_t *ids = NULL;
    size_t count = 0;
    sqlite3_stmt *statement;

    (void) qm_book_market_name(store, "account", wish->account);
    if (wish->symbol != NULL)
        (void) qm_book_market_name(store, "symbol", wish->symbol);
    if (wish->side != NULL)
        side = sides[qm_book_word(store, "side", wish->side, sides, 2)];
    statement = qm_sql(store,
                       "SELECT order_id, count(*) OVER () FROM orders WHERE account = ?1 AND exposed AND live"
                       " AND symbol = coalesce(?2, symbol) AND side = coalesce(?3, side)"
                       " AND strategy = coalesce(?4, strategy) AND (?5 IS NULL OR instance = ?5) ORDER BY order_id",
                       "ttttt",
                       wish->account,
                       wish->symbol,
                       side,
                       wish->strategy,
                       wish->instance);
    while (qm_sql_next(store, statement))
    {
        if (ids == NULL)
            ids = qm_scratch(sizeof(*ids) * (size_t) sqlite3_column_int64(statement, 1));
        ids[count++] = sqlite3_column_int64(statement, 0);
    }
    wish->list = calloc(count + 1, sizeof(*wish->list));
    if (wish->list == NULL)
        (void) qm_error_no_memory(&store->error);
    for (size_t i = 0; i < count && qm_sqlite_fine(store); i++)
    {
        QmBookOrder *order = qm_book_require(store, wish->account, ids[i]);

        if (order != NULL)
            ask(store, order, &wish->list[wish->count++]);
    }
}

/* ask writes what the request changes, and answers. */
static void
ask(QmSqlite *store, const QmBookOrder *before, QmCancellation *cancellation)
{
    QmBookOrder *order = qm_book_copy(before);
    QmBookNews news = {.source = "call"};

    cancellation->outcome = change(store, order, &news.event);
    if (news.event != NULL)
        qm_book_write(store, before, order, &news);
    cancellation->order_id = order->order_id;
    qm_text_copy(cancellation->state, sizeof(cancellation->state), qm_order_state_name(order->state));
    qm_text_copy(cancellation->cancel_state,
                 sizeof(cancellation->cancel_state),
                 qm_cancel_state_word(order->cancel_state));
    qm_text_copy(cancellation->symbol, sizeof(cancellation->symbol), order->symbol);
    qm_text_copy(cancellation->client_order_id, sizeof(cancellation->client_order_id), order->client_order_id);
    qm_text_copy(cancellation->exchange_order_id, sizeof(cancellation->exchange_order_id), order->exchange_order_id);
}

/* change changes an order in memory as a request to cancel it does; *event is NULL when nothing has changed. */
static QmCancelOutcome
change(QmSqlite *store, QmBookOrder *order, const char **event)
{
    bool at_exchange = order->state == QM_ORDER_OPEN || order->state == QM_ORDER_PARTIALLY_FILLED;
    int64_t now = qm_sqlite_now();

    *event = NULL;
    if (!qm_order_is_live(order->state))
        return QM_CANCEL_NOOP;
    if (order->state == QM_ORDER_INTENT)
    {
        *event = qm_order_event_name(QM_EVENT_WITHDRAWN);
        (void) qm_book_happen(store, order, QM_EVENT_WITHDRAWN);
        return QM_CANCEL_ABORTED;
    }
    if (is_under_way(order, now))
        return QM_CANCEL_SKIPPED;
    *event = "cancel_requested";
    order->cancel_state = at_exchange ? QM_CANCEL_STATE_SENT : QM_CANCEL_STATE_REQUESTED;
    order->cancel_requested_at = now;
    return QM_CANCEL_REQUESTED;
}

/* is_under_way says whether a cancel was asked for so lately that it is still on its way; not if the clock went back. */
static bool
is_under_way(const QmBookOrder *order, int64_t now)
{
    int64_t age_us = now - order->cancel_requested_at;

    return (order->cancel_state == QM_CANCEL_STATE_REQUESTED || order->cancel_state == QM_CANCEL_STATE_SENT) &&
           age_us >= 0 && age_us < QM_CANCEL_WINDOW_US;
}
