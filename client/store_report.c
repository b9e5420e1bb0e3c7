/*
 * Reports in the SQLite store. They come twice, late, and in any order; what an
 * order, its fills and its position come to does not depend on it. The steps are
 * those of the extension's report.c, which says why: fills are booked by trade id
 * whatever the state is, quantities that the exchange names only grow, the state
 * follows common/order_state, contradictions are recorded and change nothing else.
 */
#include "store_sqlite.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "error.h"

#define DETAIL_MAX_BYTES 8192

/* What a report's word for the state means. */
typedef enum Said
{
    SAID_NOTHING,
    SAID_EVENT,
    SAID_BUSTED,
    SAID_UNKNOWN
} Said;

/* What exchanges call the states of orders. */
static const struct
{
    const char *word;
    Said said;
    QmOrderEvent event;
} words[] = {
    {"new", SAID_EVENT, QM_EVENT_OPENED},
    {"open", SAID_EVENT, QM_EVENT_OPENED},
    {"partially_filled", SAID_EVENT, QM_EVENT_PART_FILLED},
    {"filled", SAID_EVENT, QM_EVENT_FILLED},
    {"canceled", SAID_EVENT, QM_EVENT_CANCELED},
    {"cancelled", SAID_EVENT, QM_EVENT_CANCELED},
    {"expired", SAID_EVENT, QM_EVENT_EXPIRED},
    {"expired_in_match", SAID_EVENT, QM_EVENT_EXPIRED},
    {"rejected", SAID_EVENT, QM_EVENT_REJECTED},
    {"pending_new", SAID_NOTHING, 0},
    {"pending_cancel", SAID_NOTHING, 0},
    {"busted", SAID_BUSTED, 0},
};

/* One report on its way into one order. */
typedef struct Application
{
    const char *account;
    const QmReport *report;
    QmReportResult *result;
    Said said;
    QmOrderEvent event; /* of SAID_EVENT */
    bool has_trade;
    QmBookTrade trade;
    QmDecimal cumulative;
    const QmBookOrder *before;
    QmBookOrder *order;
    int attempt;       /* which attempt the report is of */
    bool old_attempt;  /* the report is of an attempt that the order no longer stands for */
    bool last_is_dead; /* and the last attempt was not sent, or has ended */
    bool fill_completed;
    QmBookNews news;
} Application;

static void apply(QmSqlite *store, void *argument);
static void read_report(QmSqlite *store, Application *app);
static bool is_json(QmSqlite *store, const char *text);
static void read_trade(QmSqlite *store, Application *app);
static QmBookOrder *find_order(QmSqlite *store, Application *app);
static QmBookOrder *find_by_client_id(QmSqlite *store, Application *app);
static QmAttempts attempts(const QmBookOrder *order);
static void stand_for(QmBookOrder *order, int attempt);
static int64_t find_exchange(QmSqlite *store, const Application *app, int *attempt);
static void record_unknown(QmSqlite *store, Application *app);
static void take_smaller(QmSqlite *store, Application *app);
static void link_exchange_id(QmSqlite *store, Application *app);
static void raise_reported(QmBookOrder *order, QmDecimal quantity);
static void hear_cumulative(QmSqlite *store, Application *app);
static void book(QmSqlite *store, Application *app);
static void count_trade(QmSqlite *store, Application *app);
static void hear(QmSqlite *store, Application *app);
static void hear_of_old_attempt(QmSqlite *store, Application *app);
static void happen(QmSqlite *store, Application *app, QmOrderEvent event);
static bool is_known_to_exchange(QmOrderState state);
static void finish(QmSqlite *store, Application *app);
static bool has_changed(const QmBookOrder *before, const QmBookOrder *after);
static bool differ(const char *left, const char *right);
static void found(QmSqlite *store, Application *app, const char *code, const char *subject);
static const char *order_subject(const QmBookOrder *order);

/* qm_sqlite_apply_report applies one report. One that the disk loses is asked for again: it waits for no disk. */
QmCode
qm_sqlite_apply_report(QmStore *store, const char *account, const QmReport *report, QmReportResult *result)
{
    Application app = {.account = account, .report = report, .result = result};
    QmCode code;

    memset(result, 0, sizeof(*result));
    code = qm_sqlite_note((QmSqlite *) store, apply, &app);
    if (code != QM_OK)
        memset(result, 0, sizeof(*result));
    return code;
}

/* apply applies a report to the order that it is about, or records that we know none. */
static void
apply(QmSqlite *store, void *argument)
{
    Application *app = argument;

    read_report(store, app);
    app->before = qm_sqlite_fine(store) ? find_order(store, app) : NULL;
    if (!qm_sqlite_fine(store))
        return;
    if (app->before == NULL)
    {
        record_unknown(store, app);
        return;
    }
    app->order = qm_book_copy(app->before);
    app->old_attempt = app->attempt < app->before->attempt && app->attempt != qm_attempt_shown(attempts(app->before));
    app->last_is_dead = app->before->submitted_at == 0 || !qm_order_is_live(app->before->state);
    take_smaller(store, app);
    link_exchange_id(store, app);
    if (app->cumulative != NULL)
        hear_cumulative(store, app);
    if (app->has_trade)
        book(store, app);
    hear(store, app);
    finish(store, app);
    app->result->order_id = app->order->order_id;
    qm_text_copy(app->result->state, sizeof(app->result->state), qm_order_state_name(app->order->state));
}

/* read_report checks everything that is said. A word for the state that we do not know is not an error. */
static void
read_report(QmSqlite *store, Application *app)
{
    static const char *const sources[] = {"reply", "stream", "query", "trade", "reconcile", "operator"};
    const QmReport *report = app->report;
    const char *source = report->source == NULL ? "stream" : report->source;

    (void) qm_book_market_name(store, "account", app->account);
    (void) qm_book_market_name(store, "symbol", report->symbol);
    (void) qm_book_name_or_null(store, "client_order_id", report->client_order_id);
    (void) qm_book_name_or_null(store, "exchange_order_id", report->exchange_order_id);
    if (report->client_order_id == NULL && report->exchange_order_id == NULL)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22004",
                                NULL,
                                "client_order_id and exchange_order_id must not both be null");
    (void) qm_book_name_or_null(store, "state", report->state);
    app->said = report->state == NULL ? SAID_NOTHING : SAID_UNKNOWN;
    for (size_t i = 0; report->state != NULL && i < sizeof(words) / sizeof(words[0]); i++)
    {
        if (strcasecmp(report->state, words[i].word) == 0)
        {
            app->said = words[i].said;
            app->event = words[i].event;
        }
    }
    app->news.source = sources[qm_book_word(store, "source", source, sources, 6)];
    app->cumulative = qm_book_amount(store, "cumulative_quantity", report->cumulative_quantity, false);
    if (report->detail != NULL && strlen(report->detail) > DETAIL_MAX_BYTES)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "detail has %zu bytes, the limit is %d",
                                strlen(report->detail),
                                DETAIL_MAX_BYTES);
    if (report->detail != NULL && !is_json(store, report->detail))
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22P02", NULL, "detail is no JSON");
    read_trade(store, app);
}

/* is_json says whether a text is JSON. */
static bool
is_json(QmSqlite *store, const char *text)
{
    sqlite3_stmt *statement = qm_sql(store, "SELECT json_valid(?)", "t", text);
    bool valid = qm_sql_next(store, statement) && sqlite3_column_int(statement, 0) != 0;

    qm_sql_done(store, statement);
    return valid;
}

/* read_trade reads the fill: trade_id, last_quantity and last_price come together or not at all. */
static void
read_trade(QmSqlite *store, Application *app)
{
    const QmReport *report = app->report;
    QmBookTrade *trade = &app->trade;
    const char *asset = report->commission_asset;

    trade->commission = qm_book_amount(store, "commission", report->commission, true);
    trade->commission_asset = qm_book_name_or_null(store, "commission_asset", asset);
    if (trade->commission == NULL && asset != NULL)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22004",
                                NULL,
                                "commission must not be null where commission_asset is given");
    if (trade->commission != NULL && asset == NULL)
    {
        if (qm_decimal_sign(trade->commission) != 0)
            (void) qm_sqlite_refuse(store,
                                    QM_ERROR_ARGUMENT,
                                    "22004",
                                    NULL,
                                    "commission_asset must not be null where commission is given");
        trade->commission = NULL;
    }
    app->has_trade = app->said == SAID_BUSTED || report->trade_id != NULL || report->last_quantity != NULL ||
                     report->last_price != NULL;
    if (!app->has_trade)
    {
        if (trade->commission != NULL && qm_decimal_sign(trade->commission) != 0)
            (void) qm_sqlite_refuse(store,
                                    QM_ERROR_ARGUMENT,
                                    "22004",
                                    NULL,
                                    "trade_id must not be null where commission is given");
        return;
    }
    trade->trade_id = qm_book_name(store, "trade_id", report->trade_id, 1);
    trade->quantity = qm_book_number(store, "last_quantity", report->last_quantity);
    trade->price = qm_book_number(store, "last_price", report->last_price);
    trade->bust = app->said == SAID_BUSTED;
    trade->is_maker = report->is_maker;
    trade->executed_at = report->event_time_us;
    trade->source = app->news.source;
}

/*
 * find_order finds the order that the report is about and says which attempt of it,
 * or returns NULL. Our own id names it; the exchange's does where ours is missing
 * or not one of ours. A third order's id beside it is a discrepancy.
 */
static QmBookOrder *
find_order(QmSqlite *store, Application *app)
{
    const QmReport *report = app->report;
    char tag[QM_TAG_LEN + 1];
    QmBookOrder *order = NULL;
    int64_t order_id;
    int other;

    if (report->client_order_id != NULL)
        order = find_by_client_id(store, app);
    if (order != NULL || report->exchange_order_id == NULL)
        return order;
    order_id = find_exchange(store, app, &app->attempt);
    if (order_id != 0)
        order = qm_book_order(store, app->account, order_id);
    if (order != NULL && report->client_order_id != NULL &&
        !qm_attempt_find(attempts(order), report->client_order_id, &other) &&
        qm_order_id_parse(report->client_order_id, tag, &order_id, &other))
    {
        app->order = order;
        found(store, app, "EXCHANGE_ID_MISMATCH", qm_scratch_print("%s:%s", report->symbol, report->exchange_order_id));
    }
    return order;
}

/* find_by_client_id finds the order whose client order id this is, or was for an earlier attempt. */
static QmBookOrder *
find_by_client_id(QmSqlite *store, Application *app)
{
    const QmReport *report = app->report;
    char tag[QM_TAG_LEN + 1];
    QmBookOrder *order;
    int64_t order_id;

    if (!qm_order_id_parse(report->client_order_id, tag, &order_id, &app->attempt))
        return NULL;
    order = qm_book_order(store, app->account, order_id);
    if (order == NULL || strcmp(order->symbol, report->symbol) != 0 ||
        !qm_attempt_find(attempts(order), report->client_order_id, &app->attempt))
        return NULL;
    return order;
}

/* attempts returns what tells the attempts of an order apart. */
static QmAttempts
attempts(const QmBookOrder *order)
{
    return (QmAttempts){order->client_order_id, order->order_id, order->attempt};
}

/* stand_for lets the order show the client order id of an attempt. */
static void
stand_for(QmBookOrder *order, int attempt)
{
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];

    if (qm_attempt_id(attempts(order), attempt, client_order_id))
        order->client_order_id = qm_scratch_copy(client_order_id);
}

/* find_exchange returns the order that the exchange knows by its id, and which attempt of it; 0 for none. */
static int64_t
find_exchange(QmSqlite *store, const Application *app, int *attempt)
{
    sqlite3_stmt *statement = qm_sql(store,
                                     "SELECT order_id, attempt FROM exchange_order"
                                     " WHERE account = ? AND symbol = ? AND exchange_order_id = ?",
                                     "ttt",
                                     app->account,
                                     app->report->symbol,
                                     app->report->exchange_order_id);
    int64_t order_id;

    if (!qm_sql_next(store, statement))
        return 0;
    order_id = sqlite3_column_int64(statement, 0);
    *attempt = sqlite3_column_int(statement, 1);
    qm_sql_done(store, statement);
    return order_id;
}

/* record_unknown records a report of an order that we do not have. */
static void
record_unknown(QmSqlite *store, Application *app)
{
    const QmReport *report = app->report;
    const char *id = report->exchange_order_id != NULL ? report->exchange_order_id : report->client_order_id;
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt;

    if (report->client_order_id != NULL && qm_order_id_parse(report->client_order_id, tag, &order_id, &attempt) &&
        strcmp(tag, store->tag) == 0)
        found(store, app, "ORPHAN_OURS", report->client_order_id);
    else
        found(store, app, "EXTERNAL_ORDER", qm_scratch_print("%s:%s", report->symbol, id));
}

/* link_exchange_id records the exchange's id of the order. One that is another order's stays that. */
static void
link_exchange_id(QmSqlite *store, Application *app)
{
    QmBookOrder *order = app->order;
    const char *id = app->report->exchange_order_id;
    bool mismatch;
    int attempt;

    if (id == NULL || (order->exchange_order_id != NULL && strcmp(order->exchange_order_id, id) == 0))
        return;
    if (qm_sql_change(store,
                      qm_sql(store,
                             "INSERT INTO exchange_order (account, symbol, exchange_order_id, order_id, attempt)"
                             " VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                             "tttii",
                             order->account,
                             order->symbol,
                             id,
                             order->order_id,
                             (int64_t) app->attempt)) == 0)
        mismatch = find_exchange(store, app, &attempt) != order->order_id;
    else
    {
        mismatch = order->exchange_order_id != NULL;
        order->exchange_order_id = qm_scratch_copy(id);
    }
    if (mismatch)
        found(store, app, "EXCHANGE_ID_MISMATCH", qm_scratch_print("%s:%s", app->report->symbol, id));
}

/*
 * take_smaller takes over that somebody has made the order smaller at the
 * exchange: when it says that the order is filled, and with how much, that is its
 * whole quantity.
 */
static void
take_smaller(QmSqlite *store, Application *app)
{
    QmBookOrder *order = app->order;
    QmDecimal said = app->cumulative;

    if (app->said != SAID_EVENT || app->event != QM_EVENT_FILLED || said == NULL || app->old_attempt ||
        qm_decimal_sign(said) <= 0 || qm_decimal_cmp(said, qm_decimal_of(order->quantity)) >= 0 ||
        qm_decimal_cmp(said, order->reported_quantity) < 0 || qm_decimal_cmp(said, qm_book_gross(order)) < 0)
        return;
    found(store, app, "QTY_PRICE_DRIFT", order_subject(order));
    qm_book_amend(store, order, qm_decimal_text(said), app->news.source);
    app->before = qm_book_copy(order);
}

/* raise_reported notes how much the exchange says was filled; never less than it said before. */
static void
raise_reported(QmBookOrder *order, QmDecimal quantity)
{
    if (qm_decimal_cmp(order->reported_quantity, quantity) < 0)
        order->reported_quantity = quantity;
}

/* hear_cumulative notes how much the exchange says was filled; more than was ordered is believed, and recorded when it is news. */
static void
hear_cumulative(QmSqlite *store, Application *app)
{
    QmBookOrder *order = app->order;

    if (qm_decimal_cmp(app->cumulative, qm_decimal_of(order->quantity)) > 0 &&
        qm_decimal_cmp(app->cumulative, order->reported_quantity) > 0)
        found(store, app, "OVERFILL", order_subject(order));
    raise_reported(order, app->cumulative);
}

/* book books the report's trade or bust, and counts it for the order if it is new. */
static void
book(QmSqlite *store, Application *app)
{
    const char *subject =
        qm_scratch_print("%s:%s:%s", app->report->symbol, app->trade.trade_id, app->order->buy ? "buy" : "sell");
    QmBooking booking;

    qm_book_trade(store, app->order, &app->trade, &booking);
    app->news.trade_id = app->trade.trade_id;
    app->fill_completed = booking.completed;
    if (booking.differs)
        found(store, app, "FILL_MISMATCH", subject);
    if (!booking.booked)
        return;
    app->news.event = app->trade.bust ? "bust" : "fill";
    count_trade(store, app);
    if (app->trade.bust)
        found(store, app, "TRADE_BUST", subject);
}

/* count_trade adds a booked trade to the order, and makes happen what it implies. A bust takes back a quantity but no state. */
static void
count_trade(QmSqlite *store, Application *app)
{
    const QmBookTrade *trade = &app->trade;
    QmBookOrder *order = app->order;
    QmDecimal ordered = qm_decimal_of(order->quantity);
    QmDecimal quantity = trade->bust ? qm_decimal_negate(trade->quantity) : trade->quantity;
    QmDecimal gross;
    bool completes;

    order->filled_quantity = qm_decimal_add(order->filled_quantity, quantity);
    order->filled_quote = qm_decimal_add(order->filled_quote, qm_decimal_mul(quantity, trade->price));
    if (trade->bust)
    {
        order->busted_quantity = qm_decimal_add(order->busted_quantity, trade->quantity);
        return;
    }
    gross = qm_book_gross(order);
    completes = qm_decimal_cmp(gross, ordered) >= 0;
    if (app->said == SAID_EVENT && app->event == QM_EVENT_FILLED)
        raise_reported(order, ordered);
    if (qm_decimal_cmp(gross, ordered) > 0)
        found(store, app, "OVERFILL", order_subject(order));
    if (!qm_order_is_live(app->before->state) && qm_decimal_cmp(gross, order->reported_quantity) > 0)
        found(store, app, "LATE_FILL", order_subject(order));
    raise_reported(order, gross);
    happen(store, app, completes && !(app->old_attempt && !app->last_is_dead) ? QM_EVENT_FILLED : QM_EVENT_PART_FILLED);
}

/* hear makes happen what the report's word for the state says. */
static void
hear(QmSqlite *store, Application *app)
{
    if (app->said == SAID_UNKNOWN)
        found(store, app, "UNKNOWN_STATUS", qm_scratch_print("%s:%s", order_subject(app->before), app->report->state));
    if (app->said != SAID_EVENT)
        return;
    if (app->old_attempt)
    {
        hear_of_old_attempt(store, app);
        return;
    }
    happen(store, app, app->event);
    if (app->event == QM_EVENT_REJECTED && app->attempt == app->before->attempt &&
        qm_book_end_attempt(store, app->order) && app->news.event == NULL)
        app->news.event = qm_order_event_name(QM_EVENT_REJECTED);
}

/* hear_of_old_attempt takes the word of an attempt that the order no longer stands for. That it was refused we knew. */
static void
hear_of_old_attempt(QmSqlite *store, Application *app)
{
    QmOrderEvent event = app->event;
    bool ends = event == QM_EVENT_FILLED || event == QM_EVENT_CANCELED || event == QM_EVENT_EXPIRED;

    if (event == QM_EVENT_REJECTED)
        return;
    if (app->last_is_dead || !ends)
    {
        happen(store, app, event);
        return;
    }
    if (event == QM_EVENT_FILLED)
        raise_reported(app->order, qm_decimal_of(app->order->quantity));
    found(store, app, "STATE_DRIFT", order_subject(app->order));
}

/*
 * happen makes an event happen to the order, and records a contradiction. That an
 * attempt which we took for dead brings the order to the exchange is one; if the
 * last attempt is dead, the order stands for that one now.
 */
static void
happen(QmSqlite *store, Application *app, QmOrderEvent event)
{
    QmBookOrder *order = app->order;
    QmOrderState from = order->state;
    QmOrderEffect effect = qm_book_happen(store, order, event);
    bool risen = app->old_attempt && from != order->state && !is_known_to_exchange(from);

    if (effect == QM_EFFECT_RECORDED)
        found(store, app, "STATE_DRIFT", order_subject(order));
    else if (effect == QM_EFFECT_FLAGGED || risen)
        found(store, app, "REVIVED", order_subject(order));
    if (app->last_is_dead &&
        (risen || (app->old_attempt && qm_order_is_live(from) && qm_attempt_shown(attempts(order)) == order->attempt)))
        stand_for(order, app->attempt);
    if (app->news.event == NULL && from != order->state)
        app->news.event = qm_order_event_name(event);
}

/* is_known_to_exchange says whether the exchange has said that it has, or had, an order in this state. */
static bool
is_known_to_exchange(QmOrderState state)
{
    return state == QM_ORDER_OPEN || state == QM_ORDER_PARTIALLY_FILLED || state == QM_ORDER_FILLED ||
           state == QM_ORDER_CANCELED || state == QM_ORDER_EXPIRED;
}

/* finish writes the order if the report has changed it. */
static void
finish(QmSqlite *store, Application *app)
{
    QmBookNews *news = &app->news;
    bool changed = has_changed(app->before, app->order);

    app->result->applied = app->fill_completed || changed;
    if (!changed)
        return;
    if (news->event == NULL)
        news->event = "report";
    news->event_time = app->report->event_time_us;
    news->discrepancy = app->result->discrepancy[0] == '\0' ? NULL : app->result->discrepancy;
    news->detail = app->report->detail;
    qm_book_write(store, app->before, app->order, news);
}

/* has_changed says whether a report has changed anything of the order. */
static bool
has_changed(const QmBookOrder *before, const QmBookOrder *after)
{
    return before->state != after->state || before->cancel_state != after->cancel_state ||
           before->submitted_at != after->submitted_at || before->opened_at != after->opened_at ||
           before->ended_at != after->ended_at || differ(before->exchange_order_id, after->exchange_order_id) ||
           differ(before->client_order_id, after->client_order_id) ||
           qm_decimal_cmp(before->reported_quantity, after->reported_quantity) != 0 ||
           qm_decimal_cmp(before->filled_quantity, after->filled_quantity) != 0 ||
           qm_decimal_cmp(before->busted_quantity, after->busted_quantity) != 0;
}

/* differ compares texts that may be NULL. */
static bool
differ(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left != right : strcmp(left, right) != 0;
}

/* found records a discrepancy; the first one of a report is its answer. */
static void
found(QmSqlite *store, Application *app, const char *code, const char *subject)
{
    qm_book_found_for(store,
                      app->account,
                      app->report->symbol,
                      app->order == NULL ? 0 : app->order->order_id,
                      code,
                      subject);
    if (app->result->discrepancy[0] == '\0')
        qm_text_copy(app->result->discrepancy, sizeof(app->result->discrepancy), code);
}

/* order_subject returns what a discrepancy of the order as a whole is about. */
static const char *
order_subject(const QmBookOrder *order)
{
    return qm_scratch_print("%" PRId64, order->order_id);
}
