/*
 * Placing in the SQLite store: the steps of one request, from the request id to
 * its row, as the extension's place.c has them. One process writes, so there is no
 * lock to take and nobody to be skipped for; instances, limits and trading states
 * belong to several instances, and so to PostgreSQL.
 */
#include "store_sqlite.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "lock_key.h"
#include "placement.h"

#define BATCH_MAX 1000
#define AMOUNT_HUGE ((QmAmount) 1000000000000000000 * 1000000000000000000)
#define TIME_MAX_US INT64_C(253402300799000000) /* the end of the year 9999 */

static const char *const sides[] = {"buy", "sell"};
static const char *const types[] = {"limit", "market"};
static const char *const times_in_force[] = {"gtc", "ioc", "fok"};

/* One order that was checked. */
typedef struct Request
{
    const char *account;
    QmBookOrder order; /* what the row will be; its numbers are as they were said */
    const char *named; /* the slot that the caller names; NULL: the price's */
    bool submit;
    QmAmount price; /* 0: a market order */
    QmAmount quantity;
    QmAmount notional; /* rounded up */
} Request;

/* What a call places. */
typedef struct Batch
{
    const char *account;
    const QmOrder *orders;
    size_t count;
    QmStrategyState *state;
    QmPlacement *placements;
    int64_t version; /* of the state, after it was saved */
} Batch;

static void place_all(QmSqlite *store, void *argument);
static void place(QmSqlite *store, const Request *request, QmPlacement *placement);
static void read_request(QmSqlite *store, const char *account, const QmOrder *asked, Request *request);
static void read_terms(QmSqlite *store, const QmOrder *asked, Request *request);
static bool deny(QmPlacement *placement, QmOutcome outcome, const char *reason, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool replay(QmSqlite *store, const Request *request, QmPlacement *placement);
static const char *difference(const Request *request, const QmBookOrder *found);
static const char *difference_of_terms(const Request *request, const QmBookOrder *found);
static bool check_time(const Request *request, QmPlacement *placement);
static bool check_filters(const Request *request, const QmBookMarket *market, QmPlacement *placement);
static bool may_rest(const Request *request);
static const char *slot_of(QmSqlite *store, const Request *request, const QmBookMarket *market);
static bool slot_is_free(QmSqlite *store, const Request *request, const char *slot, QmPlacement *placement);
static bool crosses_nothing(QmSqlite *store, const Request *request, QmPlacement *placement);
static bool reduces(QmSqlite *store, const Request *request, QmPlacement *placement);
static void insert(QmSqlite *store, const Request *request, const char *slot, QmPlacement *placement);
static void show(QmPlacement *placement, const QmBookOrder *order);

/* qm_sqlite_place_order places one order. */
QmCode
qm_sqlite_place_order(QmStore *store, const char *account, const QmOrder *order, QmStrategyState *state,
                      QmPlacement *placement)
{
    QmOrder alone = *order;

    alone.wait_ms = 0; /* nobody else can be busy at its level */
    return qm_sqlite_place_orders(store, account, &alone, 1, state, placement);
}

/* qm_sqlite_place_orders places orders in one transaction. */
QmCode
qm_sqlite_place_orders(QmStore *store, const char *account, const QmOrder *orders, size_t count, QmStrategyState *state,
                       QmPlacement *placements)
{
    QmSqlite *sqlite = (QmSqlite *) store;
    Batch batch = {account, orders, count, state, placements, 0};
    QmCode code;

    qm_error_clear(&sqlite->error);
    if (count < 1 || count > BATCH_MAX)
        return qm_error_set(&sqlite->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "a batch has 1 to %d orders, not %zu",
                            BATCH_MAX,
                            count);
    for (size_t i = 0; i < count; i++)
    {
        memset(&placements[i], 0, sizeof(placements[i]));
        if (orders[i].intent != orders[0].intent || orders[i].wait_ms != 0)
            return qm_error_set(&sqlite->error,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "order %zu of a batch has %s",
                                i,
                                orders[i].wait_ms != 0 ? "wait_ms" : "another value of intent than the first");
        code = qm_request_id_take(placements[i].request_id, orders[i].request_id, "request_id", &sqlite->error);
        if (code != QM_OK)
            return code;
    }
    code = qm_sqlite_write(sqlite, place_all, &batch);
    for (size_t i = 0; code != QM_OK && i < count; i++)
    {
        char request_id[QM_REQUEST_ID_SIZE];

        memcpy(request_id, placements[i].request_id, sizeof(request_id));
        memset(&placements[i], 0, sizeof(placements[i]));
        memcpy(placements[i].request_id, request_id, sizeof(request_id));
    }
    if (code == QM_OK && state != NULL && batch.version != 0)
        state->version = batch.version;
    return code;
}

/* place_all places the orders one after another, and saves the state if any was placed. */
static void
place_all(QmSqlite *store, void *argument)
{
    Batch *batch = argument;
    bool placed = false;

    (void) qm_book_market_name(store, "account", batch->account);
    for (size_t i = 0; i < batch->count && qm_sqlite_fine(store); i++)
    {
        Request request = {.account = batch->account};

        read_request(store, batch->account, &batch->orders[i], &request);
        request.order.request_id = qm_book_name(store, "request_id", batch->placements[i].request_id, 1);
        if (!qm_sqlite_fine(store))
            return;
        place(store, &request, &batch->placements[i]);
        placed = placed || batch->placements[i].outcome == QM_PLACED;
    }
    if (placed && batch->state != NULL)
        batch->version = qm_book_save_state(store, batch->account, batch->state);
}

/* place places one order, or says why not. */
static void
place(QmSqlite *store, const Request *request, QmPlacement *placement)
{
    QmBookMarket market;
    const char *slot;

    if (replay(store, request, placement))
        return;
    if (!qm_book_market(store, request->account, request->order.symbol, &market))
    {
        (void) deny(placement,
                    QM_DENIED,
                    "UNKNOWN_MARKET",
                    "account %s has no market %s",
                    request->account,
                    request->order.symbol);
        return;
    }
    if (!check_time(request, placement) || !check_filters(request, &market, placement))
        return;
    slot = slot_of(store, request, &market);
    if (slot_is_free(store, request, slot, placement) && crosses_nothing(store, request, placement) &&
        reduces(store, request, placement))
        insert(store, request, slot, placement);
}

/* read_request checks what a programmer can get wrong. */
static void
read_request(QmSqlite *store, const char *account, const QmOrder *asked, Request *request)
{
    QmBookOrder *order = &request->order;

    order->account = account;
    order->symbol = qm_book_market_name(store, "symbol", asked->symbol);
    order->buy = qm_book_word(store, "side", asked->side, sides, 2) == 0;
    read_terms(store, asked, request);
    request->named = asked->slot == NULL ? NULL : qm_book_name(store, "slot", asked->slot, 0);
    if (request->named != NULL && request->named[0] != '\0' && !isalpha((unsigned char) request->named[0]))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "slot must begin with a letter: Without a name the price is the slot; an empty slot "
                                "means none.");
    order->strategy = asked->strategy == NULL ? "" : qm_book_name(store, "strategy", asked->strategy, 0);
    order->instance = qm_book_name_or_null(store, "instance", asked->instance);
    order->epoch = asked->epoch;
    if (asked->epoch < 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "epoch must be positive, not %" PRId64,
                                asked->epoch);
    if (asked->epoch != 0 && asked->instance == NULL)
        (void)
            qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22004", NULL, "instance must not be null where epoch is given");
    order->valid_until = asked->valid_until_us;
    if (asked->valid_until_us < 0 || asked->valid_until_us > TIME_MAX_US)
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22008", NULL, "valid_until_us is no time of this era");
    request->submit = !asked->intent;
}

/* read_terms checks type, time in force, price, quantity and flags. */
static void
read_terms(QmSqlite *store, const QmOrder *asked, Request *request)
{
    QmBookOrder *order = &request->order;
    const char *type = asked->order_type == NULL ? "limit" : asked->order_type;
    const char *time_in_force = asked->time_in_force == NULL ? "gtc" : asked->time_in_force;
    QmDecimal quantity = qm_book_number(store, "quantity", asked->quantity);

    order->order_type = types[qm_book_word(store, "order_type", type, types, 2)];
    order->time_in_force = times_in_force[qm_book_word(store, "time_in_force", time_in_force, times_in_force, 3)];
    order->post_only = asked->post_only;
    order->reduce_only = asked->reduce_only;
    if (order->order_type == types[1] && asked->price != NULL)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                "Use order_type limit with time_in_force ioc for a price that must be kept.",
                                "price of a market order must be null");
    if (order->post_only && (order->order_type == types[1] || order->time_in_force != times_in_force[0]))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "post_only needs a limit order with time_in_force gtc");
    if (order->order_type == types[0])
    {
        QmDecimal price = qm_book_number(store, "price", asked->price);

        if (!qm_sqlite_fine(store))
            return;
        (void) qm_amount_of(price, &request->price);
        order->price = qm_book_number_text(asked->price);
        if (!qm_amount_up(qm_decimal_mul(price, quantity), &request->notional) || request->notional > AMOUNT_HUGE)
            request->notional = AMOUNT_HUGE;
    }
    if (!qm_sqlite_fine(store))
        return;
    (void) qm_amount_of(quantity, &request->quantity);
    order->quantity = qm_book_number_text(asked->quantity);
}

/* deny fills in why nothing was placed, and returns false. */
static bool
deny(QmPlacement *placement, QmOutcome outcome, const char *reason, const char *format, ...)
{
    va_list arguments;

    placement->outcome = outcome;
    qm_text_copy(placement->reason, sizeof(placement->reason), reason);
    va_start(arguments, format);
    vsnprintf(placement->detail, sizeof(placement->detail), format, arguments);
    va_end(arguments);
    return false;
}

/* show names an order that is there already. */
static void
show(QmPlacement *placement, const QmBookOrder *order)
{
    placement->order_id = order->order_id;
    qm_text_copy(placement->client_order_id, sizeof(placement->client_order_id), order->client_order_id);
    qm_text_copy(placement->state, sizeof(placement->state), qm_order_state_name(order->state));
    qm_text_copy(placement->owner, sizeof(placement->owner), order->owner);
}

/* replay answers with the placement that the request id has had before; false when it is new. */
static bool
replay(QmSqlite *store, const Request *request, QmPlacement *placement)
{
    sqlite3_stmt *statement = qm_sql(store,
                                     "SELECT order_id FROM orders WHERE account = ? AND request_id = ?",
                                     "tt",
                                     request->account,
                                     request->order.request_id);
    const QmBookOrder *found;
    const char *detail;
    int64_t order_id;

    if (!qm_sql_next(store, statement))
        return false;
    order_id = sqlite3_column_int64(statement, 0);
    qm_sql_done(store, statement);
    found = qm_book_order(store, request->account, order_id);
    if (found == NULL)
        return false;
    show(placement, found);
    placement->outcome = QM_PLACED;
    placement->replayed = true;
    placement->fence = found->fence;
    placement->send_before_us = found->send_before;
    detail = difference(request, found);
    if (detail != NULL)
    {
        qm_text_copy(placement->reason, sizeof(placement->reason), "REQUEST_DIFFERS");
        qm_text_copy(placement->detail, sizeof(placement->detail), detail);
    }
    return true;
}

/* difference says in what a repeated request asks for something else than was placed; NULL when it does not. */
static const char *
difference(const Request *request, const QmBookOrder *found)
{
    const QmBookOrder *order = &request->order;
    QmAmount price = 0;
    QmAmount quantity = 0;

    if (found->price != NULL)
        (void) qm_amount_of(qm_decimal_of(found->price), &price);
    (void) qm_amount_of(qm_decimal_of(found->quantity), &quantity);
    if (strcmp(found->symbol, order->symbol) != 0)
        return qm_scratch_print("symbol was %s, not %s", found->symbol, order->symbol);
    if (found->buy != order->buy)
        return qm_scratch_print("side was %s, not %s", sides[!found->buy], sides[!order->buy]);
    if (strcmp(found->order_type, order->order_type) != 0)
        return qm_scratch_print("order_type was %s, not %s", found->order_type, order->order_type);
    if (price != request->price)
        return qm_scratch_print("price was %s, not %s", qm_amount_text(price), qm_amount_text(request->price));
    if (quantity != request->quantity)
        return qm_scratch_print("quantity was %s, not %s", qm_amount_text(quantity), qm_amount_text(request->quantity));
    return difference_of_terms(request, found);
}

/* difference_of_terms does the same for what is beside side, price and quantity. */
static const char *
difference_of_terms(const Request *request, const QmBookOrder *found)
{
    const QmBookOrder *order = &request->order;
    const char *slot = found->slot == NULL ? "" : found->slot;

    if (strcmp(found->time_in_force, order->time_in_force) != 0)
        return qm_scratch_print("time_in_force was %s, not %s", found->time_in_force, order->time_in_force);
    if (found->post_only != order->post_only)
        return qm_scratch_print("post_only was %s", found->post_only ? "true" : "false");
    if (found->reduce_only != order->reduce_only)
        return qm_scratch_print("reduce_only was %s", found->reduce_only ? "true" : "false");
    if (strcmp(found->strategy, order->strategy) != 0)
        return qm_scratch_print("strategy was \"%s\", not \"%s\"", found->strategy, order->strategy);
    if (!may_rest(request))
        return NULL;
    if (request->named != NULL && strcmp(request->named, slot) != 0)
        return qm_scratch_print("slot was \"%s\", not \"%s\"", slot, request->named);
    if (request->named == NULL && (slot[0] == '\0' || isalpha((unsigned char) slot[0])))
        return qm_scratch_print("slot was \"%s\", not the price's", slot);
    return NULL;
}

/* check_time refuses a request that is out of time. */
static bool
check_time(const Request *request, QmPlacement *placement)
{
    if (request->order.valid_until != 0 && request->order.valid_until <= qm_sqlite_now())
        return deny(placement,
                    QM_DENIED,
                    "VALID_UNTIL_PASSED",
                    "valid_until was %" PRId64 " us after 1970",
                    request->order.valid_until);
    return true;
}

/* check_filters holds price, quantity and their product against the exchange's filters. */
static bool
check_filters(const Request *request, const QmBookMarket *market, QmPlacement *placement)
{
    if (request->price % market->tick_size != 0)
        return deny(placement,
                    QM_DENIED,
                    "PRICE_OFF_TICK",
                    "price %s is not a multiple of tick_size %s",
                    qm_amount_text(request->price),
                    qm_amount_text(market->tick_size));
    if (request->quantity % market->step_size != 0)
        return deny(placement,
                    QM_DENIED,
                    "QUANTITY_OFF_STEP",
                    "quantity %s is not a multiple of step_size %s",
                    qm_amount_text(request->quantity),
                    qm_amount_text(market->step_size));
    if (request->quantity < market->min_quantity)
        return deny(placement,
                    QM_DENIED,
                    "QUANTITY_BELOW_MINIMUM",
                    "quantity %s is below min_quantity %s",
                    qm_amount_text(request->quantity),
                    qm_amount_text(market->min_quantity));
    if (market->max_quantity >= 0 && request->quantity > market->max_quantity)
        return deny(placement,
                    QM_DENIED,
                    "QUANTITY_ABOVE_MAXIMUM",
                    "quantity %s is above max_quantity %s",
                    qm_amount_text(request->quantity),
                    qm_amount_text(market->max_quantity));
    if (request->price > 0 && market->min_notional >= 0 && request->notional < market->min_notional)
        return deny(placement,
                    QM_DENIED,
                    "NOTIONAL_BELOW_MINIMUM",
                    "price x quantity is %s, below min_notional %s",
                    qm_amount_text(request->notional),
                    qm_amount_text(market->min_notional));
    return true;
}

/* may_rest says whether orders of this kind rest, and so can hold a slot. */
static bool
may_rest(const Request *request)
{
    return request->price > 0 && strcmp(request->order.time_in_force, "gtc") == 0;
}

/* slot_of returns the slot that the order wants, or NULL for none. */
static const char *
slot_of(QmSqlite *store, const Request *request, const QmBookMarket *market)
{
    char level[QM_LEVEL_TEXT_MAX];

    if (!may_rest(request))
        return NULL;
    if (request->named != NULL)
        return request->named[0] == '\0' ? NULL : request->named;
    if (!market->slot_by_level)
        return qm_amount_text(request->price);
    if (market->level_width > 0)
        return qm_amount_text(request->price - request->price % market->level_width);
    if (!qm_price_level(qm_amount_text(request->price), level, sizeof(level)))
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22023", NULL, "price %s has no level", request->order.price);
    return qm_scratch_copy(level);
}

/* slot_is_free says whether no live order holds the slot. */
static bool
slot_is_free(QmSqlite *store, const Request *request, const char *slot, QmPlacement *placement)
{
    const QmBookOrder *found;
    sqlite3_stmt *statement;
    int64_t order_id = 0;

    if (slot == NULL)
        return true;
    statement = qm_sql(store,
                       "SELECT order_id FROM orders WHERE account = ? AND symbol = ? AND side = ? AND slot = ?"
                       " AND holds_slot",
                       "tttt",
                       request->account,
                       request->order.symbol,
                       sides[!request->order.buy],
                       slot);
    if (qm_sql_next(store, statement))
        order_id = sqlite3_column_int64(statement, 0);
    qm_sql_done(store, statement);
    found = order_id == 0 ? NULL : qm_book_order(store, request->account, order_id);
    if (found == NULL)
        return true;
    show(placement, found);
    return deny(placement,
                QM_DUPLICATE,
                "SLOT_TAKEN",
                "slot %s has the live order %" PRId64 " of %s",
                slot,
                order_id,
                found->owner);
}

/*
 * crosses_nothing says whether the order would not trade with a live order of the
 * same account. SQLite's REAL only finds those that may cross; what it rounds is
 * below the margin, and the prices themselves decide.
 */
static bool
crosses_nothing(QmSqlite *store, const Request *request, QmPlacement *placement)
{
    static const char of_buy[] =
        "SELECT order_id, price, owner FROM orders WHERE account = ? AND symbol = ? AND side = ? AND exposed AND live"
        " AND CAST(price AS REAL) <= CAST(? AS REAL) * 1.000000001 ORDER BY CAST(price AS REAL)";
    static const char of_sell[] =
        "SELECT order_id, price, owner FROM orders WHERE account = ? AND symbol = ? AND side = ? AND exposed AND live"
        " AND CAST(price AS REAL) >= CAST(? AS REAL) * 0.999999999 ORDER BY CAST(price AS REAL)";
    static const char of_market_order[] =
        "SELECT order_id, price, owner FROM orders WHERE account = ? AND symbol = ? AND side = ? AND exposed AND live"
        " AND ? IS NULL ORDER BY CAST(price AS REAL)";
    const char *other = sides[request->order.buy];
    sqlite3_stmt *statement = qm_sql(store,
                                     request->price == 0  ? of_market_order
                                     : request->order.buy ? of_buy
                                                          : of_sell,
                                     "tttt",
                                     request->account,
                                     request->order.symbol,
                                     other,
                                     request->order.price);

    while (qm_sql_next(store, statement))
    {
        const char *price = qm_sql_text(statement, 1);
        QmAmount amount = 0;

        if (price != NULL)
            (void) qm_amount_of(qm_decimal_of(price), &amount);
        if (request->price > 0 && (request->order.buy ? amount > request->price : amount < request->price))
            continue;
        (void) deny(placement,
                    QM_DENIED,
                    "SELF_CROSS",
                    "a %s at %s would trade with the account's own %s order %" PRId64 " at %s of %s",
                    sides[!request->order.buy],
                    request->price == 0 ? "market" : qm_amount_text(request->price),
                    other,
                    (int64_t) sqlite3_column_int64(statement, 0),
                    price == NULL ? "market" : qm_amount_text(amount),
                    (const char *) sqlite3_column_text(statement, 2));
        qm_sql_done(store, statement);
        return false;
    }
    return true;
}

/* reduces says whether an order that must reduce cannot take the position past flat, whatever fills. */
static bool
reduces(QmSqlite *store, const Request *request, QmPlacement *placement)
{
    const char *side = sides[!request->order.buy];
    QmDecimal sum;
    QmAmount value;
    sqlite3_stmt *statement;

    if (!request->order.reduce_only)
        return true;
    sum = qm_book_position(store, request->account, request->order.symbol);
    if (!request->order.buy)
        sum = qm_decimal_negate(sum);
    statement = qm_sql(store,
                       "SELECT CASE WHEN live THEN quantity ELSE reported_quantity END, filled_quantity,"
                       " busted_quantity FROM orders WHERE account = ? AND symbol = ? AND side = ? AND exposed",
                       "ttt",
                       request->account,
                       request->order.symbol,
                       side);
    while (qm_sql_next(store, statement))
    {
        QmDecimal gross = qm_decimal_add(qm_sql_decimal(statement, 1), qm_sql_decimal(statement, 2));
        QmDecimal pending = qm_decimal_sub(qm_sql_decimal(statement, 0), gross);

        if (qm_decimal_sign(pending) > 0)
            sum = qm_decimal_add(sum, pending);
    }
    if (!qm_amount_up(sum, &value) || value + request->quantity > 0)
        return deny(placement,
                    QM_DENIED,
                    "REDUCE_ONLY",
                    "a %s of %s would take the position past flat: %s %s",
                    side,
                    qm_amount_text(request->quantity),
                    value > 0 ? "with live orders it is past it already by" : "live orders leave to reduce",
                    qm_amount_text(value > 0 ? value : -value));
    return true;
}

/* insert writes the row, and answers with it. */
static void
insert(QmSqlite *store, const Request *request, const char *slot, QmPlacement *placement)
{
    QmBookOrder order = request->order;
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];

    order.fence = qm_sqlite_draw(store);
    order.order_id = qm_sqlite_draw(store);
    qm_order_id_format(client_order_id, store->tag, order.order_id, 0);
    order.client_order_id = client_order_id;
    order.slot = slot;
    order.holds_slot = slot != NULL;
    order.owner = order.instance != NULL ? order.instance : "standalone";
    order.state = request->submit ? QM_ORDER_SUBMITTED : QM_ORDER_INTENT;
    order.created_at = qm_sqlite_now();
    if (request->submit)
    {
        order.submitted_at = order.created_at;
        order.send_before = order.created_at + store->send_window_us;
        if (order.valid_until != 0 && order.valid_until < order.send_before)
            order.send_before = order.valid_until;
    }
    qm_book_insert(store, &order);
    show(placement, &order);
    placement->outcome = QM_PLACED;
    placement->fence = order.fence;
    placement->send_before_us = order.send_before;
}
