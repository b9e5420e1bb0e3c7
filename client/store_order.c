/*
 * Order rows of the SQLite store: an order in memory, read and written back with
 * its event, and what happens to it. The states are those of common/order_state;
 * what follows from a new state is what follows in the extension.
 */
#include "store_sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const cancel_states[QM_CANCEL_STATES] = {
    [QM_CANCEL_STATE_NONE] = "none",
    [QM_CANCEL_STATE_REQUESTED] = "requested",
    [QM_CANCEL_STATE_SENT] = "sent",
    [QM_CANCEL_STATE_DONE] = "done",
    [QM_CANCEL_STATE_REJECTED] = "rejected",
    [QM_CANCEL_STATE_UNKNOWN] = "unknown",
};

static QmBookOrder *read_order(QmSqlite *store, sqlite3_stmt *statement);
static void read_progress(QmBookOrder *order, sqlite3_stmt *statement);
static void move(QmSqlite *store, QmBookOrder *order, QmOrderState to);
static void take_slot(QmSqlite *store, QmBookOrder *order);
static void write_event(QmSqlite *store, const QmBookOrder *before, const QmBookOrder *after, const QmBookNews *news);
static bool is_exposed(const QmBookOrder *order);

/* qm_cancel_state_word returns the word of a cancel state. */
const char *
qm_cancel_state_word(QmCancelState state)
{
    return cancel_states[state];
}

/* qm_book_order reads an order; NULL when there is none. */
QmBookOrder *
qm_book_order(QmSqlite *store, const char *account, int64_t order_id)
{
    sqlite3_stmt *statement =
        qm_sql(store,
               "SELECT account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only,"
               " reduce_only, slot, strategy, instance, epoch, owner, request_id, client_order_id, attempt,"
               " exchange_order_id, state, cancel_state, holds_slot, fence, filled_quantity, busted_quantity,"
               " filled_quote, reported_quantity, send_before, valid_until, created_at, submitted_at, opened_at,"
               " cancel_requested_at, ended_at, updated_at, error_code, error_message"
               " FROM orders WHERE account = ? AND order_id = ?",
               "ti",
               account,
               order_id);
    QmBookOrder *order;

    if (!qm_sql_next(store, statement))
        return NULL;
    order = read_order(store, statement);
    qm_sql_done(store, statement);
    return order;
}

/* qm_book_require reads an order, and refuses with P0002 when there is none. */
QmBookOrder *
qm_book_require(QmSqlite *store, const char *account, int64_t order_id)
{
    QmBookOrder *order = NULL;

    if (order_id <= 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "order_id must be positive, not %" PRId64,
                                order_id);
    else
        order = qm_book_order(store, account, order_id);
    if (order == NULL)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "P0002",
                                NULL,
                                "order %" PRId64 " of account \"%s\" does not exist",
                                order_id,
                                account);
    return order;
}

/* read_order reads the row that a statement is at. */
static QmBookOrder *
read_order(QmSqlite *store, sqlite3_stmt *statement)
{
    QmBookOrder *order = qm_scratch(sizeof(*order));
    const char *state = qm_sql_text(statement, 19);
    const char *cancel_state = qm_sql_text(statement, 20);
    bool known = false;

    order->account = qm_sql_text(statement, 0);
    order->order_id = sqlite3_column_int64(statement, 1);
    order->symbol = qm_sql_text(statement, 2);
    order->buy = strcmp(qm_sql_text(statement, 3), "buy") == 0;
    order->order_type = qm_sql_text(statement, 4);
    order->time_in_force = qm_sql_text(statement, 5);
    order->price = qm_sql_text(statement, 6);
    order->quantity = qm_sql_text(statement, 7);
    order->post_only = sqlite3_column_int(statement, 8) != 0;
    order->reduce_only = sqlite3_column_int(statement, 9) != 0;
    order->slot = qm_sql_text(statement, 10);
    order->strategy = qm_sql_text(statement, 11);
    order->instance = qm_sql_text(statement, 12);
    order->epoch = sqlite3_column_int64(statement, 13);
    order->owner = qm_sql_text(statement, 14);
    order->request_id = qm_sql_text(statement, 15);
    order->client_order_id = qm_sql_text(statement, 16);
    order->attempt = sqlite3_column_int(statement, 17);
    order->exchange_order_id = qm_sql_text(statement, 18);
    while (!known && order->state < QM_ORDER_STATES)
    {
        known = strcmp(qm_order_state_name(order->state), state) == 0;
        if (!known)
            order->state++;
    }
    while (order->cancel_state < QM_CANCEL_STATES && strcmp(cancel_states[order->cancel_state], cancel_state) != 0)
        order->cancel_state++;
    if (!known || order->cancel_state == QM_CANCEL_STATES)
    {
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "XX001",
                                NULL,
                                "order %" PRId64 " has the unknown state \"%s\" or cancel state \"%s\"",
                                order->order_id,
                                state,
                                cancel_state);
        order->state = QM_ORDER_LOST;
        order->cancel_state = QM_CANCEL_STATE_NONE;
    }
    read_progress(order, statement);
    return order;
}

/* read_progress reads what changes in the life of an order. */
static void
read_progress(QmBookOrder *order, sqlite3_stmt *statement)
{
    order->holds_slot = sqlite3_column_int(statement, 21) != 0;
    order->fence = sqlite3_column_int64(statement, 22);
    order->filled_quantity = qm_sql_decimal(statement, 23);
    order->busted_quantity = qm_sql_decimal(statement, 24);
    order->filled_quote = qm_sql_decimal(statement, 25);
    order->reported_quantity = qm_sql_decimal(statement, 26);
    order->send_before = sqlite3_column_int64(statement, 27);
    order->valid_until = sqlite3_column_int64(statement, 28);
    order->created_at = sqlite3_column_int64(statement, 29);
    order->submitted_at = sqlite3_column_int64(statement, 30);
    order->opened_at = sqlite3_column_int64(statement, 31);
    order->cancel_requested_at = sqlite3_column_int64(statement, 32);
    order->ended_at = sqlite3_column_int64(statement, 33);
    order->updated_at = sqlite3_column_int64(statement, 34);
    order->error_code = qm_sql_text(statement, 35);
    order->error_message = qm_sql_text(statement, 36);
}

/* qm_book_copy returns a copy, to be kept as it was while the order is changed. */
QmBookOrder *
qm_book_copy(const QmBookOrder *order)
{
    QmBookOrder *copy = qm_scratch(sizeof(*copy));

    *copy = *order;
    return copy;
}

/* qm_book_gross returns what was filled before busts took some of it back. */
QmDecimal
qm_book_gross(const QmBookOrder *order)
{
    return qm_decimal_add(order->filled_quantity, order->busted_quantity);
}

/* is_exposed says whether the order can still change the position or holds a place. */
static bool
is_exposed(const QmBookOrder *order)
{
    return qm_order_is_live(order->state) || qm_decimal_cmp(order->reported_quantity, qm_book_gross(order)) > 0;
}

/* qm_book_happen makes an event happen to the order in memory, and returns its effect. */
QmOrderEffect
qm_book_happen(QmSqlite *store, QmBookOrder *order, QmOrderEvent event)
{
    QmOrderTransition transition = qm_order_transition(order->state, event);
    QmDecimal quantity = qm_decimal_of(order->quantity);

    if (transition.effect == QM_EFFECT_REFUSED)
        return transition.effect;
    if (event == QM_EVENT_FILLED && qm_decimal_cmp(order->reported_quantity, quantity) < 0)
        order->reported_quantity = quantity;
    if (event >= QM_EVENT_OPENED && order->opened_at == 0)
        order->opened_at = qm_sqlite_now();
    if (transition.to != order->state)
        move(store, order, transition.to);
    if (event == QM_EVENT_CANCELED && order->state == QM_ORDER_CANCELED &&
        (order->cancel_state == QM_CANCEL_STATE_REQUESTED || order->cancel_state == QM_CANCEL_STATE_SENT ||
         order->cancel_state == QM_CANCEL_STATE_UNKNOWN))
        order->cancel_state = QM_CANCEL_STATE_DONE;
    return transition.effect;
}

/* qm_book_end_attempt notes that the last attempt has come to nothing, although an earlier one brought the order there. */
bool
qm_book_end_attempt(QmSqlite *store, QmBookOrder *order)
{
    if (order->attempt == 0 || order->submitted_at == 0 ||
        (order->state != QM_ORDER_OPEN && order->state != QM_ORDER_PARTIALLY_FILLED))
        return false;
    order->submitted_at = 0;
    if (qm_decimal_cmp(qm_book_gross(order), qm_decimal_of(order->quantity)) >= 0)
        (void) qm_book_happen(store, order, QM_EVENT_FILLED);
    return true;
}

/* move changes the state, and what follows from it. */
static void
move(QmSqlite *store, QmBookOrder *order, QmOrderState to)
{
    bool was_live = qm_order_is_live(order->state);

    order->state = to;
    if (!qm_order_is_live(to))
    {
        order->holds_slot = false;
        order->ended_at = qm_sqlite_now();
    }
    else if (!was_live)
    {
        order->ended_at = 0;
        take_slot(store, order);
    }
}

/* take_slot gives a revived order its slot, unless another live order has it; that is a discrepancy. */
static void
take_slot(QmSqlite *store, QmBookOrder *order)
{
    sqlite3_stmt *statement;

    order->holds_slot = false;
    if (order->slot == NULL)
        return;
    statement = qm_sql(store,
                       "SELECT order_id FROM orders WHERE account = ? AND symbol = ? AND side = ? AND slot = ?"
                       " AND holds_slot",
                       "tttt",
                       order->account,
                       order->symbol,
                       order->buy ? "buy" : "sell",
                       order->slot);
    order->holds_slot = !qm_sql_next(store, statement);
    qm_sql_done(store, statement);
    if (!order->holds_slot)
        qm_book_found(store, order, "DUPLICATE_LEVEL", qm_scratch_print("%" PRId64, order->order_id));
}

/* qm_book_insert stores a new order. */
void
qm_book_insert(QmSqlite *store, const QmBookOrder *order)
{
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO orders (account, order_id, symbol, side, order_type, time_in_force, price,"
                                " quantity, post_only, reduce_only, slot, strategy, instance, epoch, owner, request_id,"
                                " client_order_id, attempt, state, cancel_state, live, holds_slot, exposed, fence,"
                                " filled_quantity, busted_quantity, filled_quote, reported_quantity, send_before,"
                                " valid_until, created_at, submitted_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
                                " ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, 0, ?18, 'none', 1, ?19, 1, ?20,"
                                " '0', '0', '0', '0', ?21, ?22, ?23, ?24, ?23)",
                                "titttttt"
                                "bbtttz"
                                "ttt"
                                "tbi"
                                "zziz",
                                order->account,
                                order->order_id,
                                order->symbol,
                                order->buy ? "buy" : "sell",
                                order->order_type,
                                order->time_in_force,
                                order->price,
                                order->quantity,
                                order->post_only,
                                order->reduce_only,
                                order->slot,
                                order->strategy,
                                order->instance,
                                order->epoch,
                                order->owner,
                                order->request_id,
                                order->client_order_id,
                                qm_order_state_name(order->state),
                                order->holds_slot,
                                order->fence,
                                order->send_before,
                                order->valid_until,
                                order->created_at,
                                order->submitted_at));
}

/* qm_book_write writes the order and its event. */
void
qm_book_write(QmSqlite *store, const QmBookOrder *before, QmBookOrder *after, const QmBookNews *news)
{
    after->updated_at = qm_sqlite_now();
    (void)
        qm_sql_change(store,
                      qm_sql(store,
                             "UPDATE orders SET client_order_id = ?3, attempt = ?4, exchange_order_id = ?5,"
                             " state = ?6, cancel_state = ?7, live = ?8, holds_slot = ?9, exposed = ?10, fence = ?11,"
                             " filled_quantity = ?12, busted_quantity = ?13, filled_quote = ?14,"
                             " reported_quantity = ?15, send_before = ?16, submitted_at = ?17, opened_at = ?18,"
                             " cancel_requested_at = ?19, ended_at = ?20, updated_at = ?21, error_code = ?22,"
                             " error_message = ?23 WHERE account = ?1 AND order_id = ?2",
                             "titit"
                             "ttbbbz"
                             "dddd"
                             "zzzzzi"
                             "tt",
                             after->account,
                             after->order_id,
                             after->client_order_id,
                             (int64_t) after->attempt,
                             after->exchange_order_id,
                             qm_order_state_name(after->state),
                             cancel_states[after->cancel_state],
                             qm_order_is_live(after->state),
                             after->holds_slot,
                             is_exposed(after),
                             after->fence,
                             after->filled_quantity,
                             after->busted_quantity,
                             after->filled_quote,
                             after->reported_quantity,
                             after->send_before,
                             after->submitted_at,
                             after->opened_at,
                             after->cancel_requested_at,
                             after->ended_at,
                             after->updated_at,
                             after->error_code,
                             after->error_message));
    write_event(store, before, after, news);
}

/* qm_book_amend takes over a quantity that the exchange shows for an order, as source says. */
void
qm_book_amend(QmSqlite *store, QmBookOrder *order, const char *quantity, const char *source)
{
    QmBookOrder *before = qm_book_copy(order);
    const char *price = order->price == NULL ? "" : qm_scratch_print("\"old_price\": \"%s\", ", order->price);
    QmBookNews news = {.event = "amended",
                       .source = source,
                       .detail = qm_scratch_print("{%s\"old_quantity\": \"%s\"}", price, order->quantity)};

    (void) qm_sql_change(store,
                         qm_sql(store,
                                "UPDATE orders SET quantity = ? WHERE account = ? AND order_id = ?",
                                "tti",
                                quantity,
                                order->account,
                                order->order_id));
    order->quantity = quantity;
    qm_book_write(store, before, order, &news);
}

/* write_event writes what has happened to the order beside it. */
static void
write_event(QmSqlite *store, const QmBookOrder *before, const QmBookOrder *after, const QmBookNews *news)
{
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO order_event (account, order_id, event_id, at, event, from_state, to_state,"
                                " cancel_state, source, trade_id, event_time, discrepancy, detail)"
                                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                "tiii"
                                "ttttt"
                                "tztt",
                                after->account,
                                after->order_id,
                                qm_sqlite_draw(store),
                                after->updated_at,
                                news->event,
                                qm_order_state_name(before->state),
                                qm_order_state_name(after->state),
                                cancel_states[after->cancel_state],
                                news->source,
                                news->trade_id,
                                news->event_time,
                                news->discrepancy,
                                news->detail));
}

/* qm_book_found records a contradiction about an order, or counts it once more. */
void
qm_book_found(QmSqlite *store, const QmBookOrder *order, const char *code, const char *subject)
{
    qm_book_found_for(store, order->account, order->symbol, order->order_id, code, subject);
}

/* qm_book_found_for does so where we may have no order: order_id is 0 then. */
void
qm_book_found_for(QmSqlite *store, const char *account, const char *symbol, int64_t order_id, const char *code,
                  const char *subject)
{
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO discrepancy (account, discrepancy_id, code, symbol, order_id, subject,"
                                " first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)"
                                " ON CONFLICT (account, code, subject) DO UPDATE SET last_seen = excluded.last_seen,"
                                " seen_count = seen_count + 1",
                                "tittzti",
                                account,
                                qm_sqlite_draw(store),
                                code,
                                symbol,
                                order_id,
                                subject,
                                qm_sqlite_now()));
}

/* qm_book_found_event records that an event does not fit what we knew, and returns the code; NULL when it does. */
const char *
qm_book_found_event(QmSqlite *store, const QmBookOrder *before, QmOrderEffect effect)
{
    const char *code = effect == QM_EFFECT_FLAGGED ? "REVIVED" : "STATE_DRIFT";

    if (effect != QM_EFFECT_FLAGGED && effect != QM_EFFECT_RECORDED)
        return NULL;
    qm_book_found(store, before, code, qm_scratch_print("%" PRId64, before->order_id));
    return code;
}
