/*
 * Applying reports of the exchange.
 *
 * Reports come twice, late, and in any order; what an order, its fills and its
 * position come to does not depend on it, but for those by an exchange's id that no
 * report has tied to an order yet: they have to be repeated. Fills are booked by trade id whatever
 * the state is; quantities that the exchange names only grow; the state follows
 * the table in common/order_state. What contradicts what we know is recorded as
 * a discrepancy and changes nothing else, but for an order that is filled with less
 * than was ordered: it was made smaller there.
 *
 * An order that was sent more than once has a client order id for each attempt.
 * We only send again after the exchange has said that it did not process the
 * attempt before. A report that shows an earlier attempt alive is believed and
 * flagged. While the last attempt may be alive too, the order stands for that one,
 * and the end of an earlier one does not end it; otherwise it stands for the
 * earlier one from then on.
 */
#include "report.h"

#include "adopt.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "decimal.h"
#include "fence.h"
#include "order_id.h"
#include "query.h"
#include "utils/builtins.h"

/* One report on its way into one order. */
typedef struct Application
{
    const QmReport *report;
    const QmOrder *before;
    QmOrder *order;
    int attempt;       /* which attempt the report is of */
    bool old_attempt;  /* the report is of an attempt that the order no longer stands for */
    bool last_is_dead; /* and the last attempt was not sent, or has ended */
    bool fill_completed;
    QmOrderNews news;
    QmReportResult *result;
} Application;

static QmOrder *find_order(const QmReport *report, int *attempt, QmReportResult *result);
static QmOrder *lock_by_client_id(const QmReport *report, int *attempt);
static QmAttempts attempts(const QmOrder *order);
static void stand_for(QmOrder *order, int attempt);
static void record_unknown(const QmReport *report, QmReportResult *result);
static void take_smaller(Application *app);
static void link_exchange_id(Application *app);
static void hear_cumulative(Application *app);
static void raise_reported(QmOrder *order, Numeric quantity);
static void book_trade(Application *app);
static void count_trade(Application *app);
static void hear(Application *app);
static void hear_of_old_attempt(Application *app);
static void happen(Application *app, QmOrderEvent event);
static bool is_known_to_exchange(QmOrderState state);
static void finish(Application *app);
static bool has_changed(const QmOrder *before, const QmOrder *after);
static bool differ(const char *left, const char *right);
static void found(QmReportResult *result, const QmReport *report, const QmOrder *order, const char *code,
                  const char *subject, Jsonb *local);
static char *order_subject(const QmOrder *order);
static Jsonb *show_order(const QmOrder *order);
static Jsonb *show_report(const QmReport *report);

/* qm_report_apply applies a report to the order that it is about, or records that we know none. */
void
qm_report_apply(const QmReport *report, QmReportResult *result)
{
    Application app = {.report = report, .result = result};
    QmQueryScope scope;

    qm_query_begin(&scope);
    app.before = find_order(report, &app.attempt, result);
    if (app.before == NULL)
        record_unknown(report, result);
    else
    {
        app.order = qm_order_copy(app.before);
        app.old_attempt = app.attempt < app.before->attempt && app.attempt != qm_attempt_shown(attempts(app.before));
        app.last_is_dead = app.before->submitted_at == 0 || !qm_order_is_live(app.before->state);
        take_smaller(&app);
        link_exchange_id(&app);
        if (report->cumulative_quantity != NULL)
            hear_cumulative(&app);
        if (report->has_trade)
            book_trade(&app);
        hear(&app);
        finish(&app);
        result->order_id = app.order->order_id;
        result->state = qm_order_state_name(app.order->state);
    }
    qm_query_end(&scope);
}

/*
 * find_order locks the order that the report is about and says which attempt of it, or returns NULL. Our own
 * id names it, the exchange's id does where ours is missing or not one of ours:
 * exchanges put the id of a cancel there, or their own. A third order's id beside
 * it is a discrepancy.
 */
static QmOrder *
find_order(const QmReport *report, int *attempt, QmReportResult *result)
{
    char tag[QM_TAG_LEN + 1];
    QmOrder *order = NULL;
    int64 order_id;
    int other;

    if (report->client_order_id != NULL)
        order = lock_by_client_id(report, attempt);
    if (order != NULL || report->exchange_order_id == NULL)
        return order;
    order_id = qm_order_find_exchange(report->account, report->symbol, report->exchange_order_id, attempt);
    if (order_id != 0)
        order = qm_order_lock(report->account, order_id);
    if (order != NULL && report->client_order_id != NULL &&
        !qm_attempt_find(attempts(order), report->client_order_id, &other) &&
        qm_order_id_parse(report->client_order_id, tag, &order_id, &other))
        found(result,
              report,
              order,
              "EXCHANGE_ID_MISMATCH",
              psprintf("%s:%s", report->symbol, report->exchange_order_id),
              show_order(order));
    return order;
}

/* lock_by_client_id locks the order whose client order id this is, or was for an earlier attempt, and says for which. */
static QmOrder *
lock_by_client_id(const QmReport *report, int *attempt)
{
    char tag[QM_TAG_LEN + 1];
    QmOrder *order;
    int64 order_id;

    if (!qm_order_id_parse(report->client_order_id, tag, &order_id, attempt))
        return NULL;
    order = qm_order_lock(report->account, order_id);
    if (order == NULL || strcmp(order->symbol, report->symbol) != 0 ||
        !qm_attempt_find(attempts(order), report->client_order_id, attempt))
        return NULL;
    return order;
}

/* attempts returns what tells the attempts of an order apart. */
static QmAttempts
attempts(const QmOrder *order)
{
    return (QmAttempts){order->client_order_id, order->order_id, order->attempt};
}

/* stand_for lets the order show the client order id of an attempt. */
static void
stand_for(QmOrder *order, int attempt)
{
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];

    if (qm_attempt_id(attempts(order), attempt, client_order_id))
        order->client_order_id = pstrdup(client_order_id);
}

/*
 * record_unknown records a report of an order that we do not have. Neither its
 * side nor its price is known, so nothing can be booked: reconciliation adopts it.
 */
static void
record_unknown(const QmReport *report, QmReportResult *result)
{
    const char *id = report->exchange_order_id != NULL ? report->exchange_order_id : report->client_order_id;
    char tag[QM_TAG_LEN + 1];
    int64 order_id;
    int attempt;

    if (report->client_order_id != NULL && qm_order_id_parse(report->client_order_id, tag, &order_id, &attempt) &&
        qm_tag_is_own(tag))
        found(result, report, NULL, "ORPHAN_OURS", report->client_order_id, NULL);
    else
        found(result, report, NULL, "EXTERNAL_ORDER", psprintf("%s:%s", report->symbol, id), NULL);
}

/*
 * qm_tag_is_own says whether this database has made client order ids with the tag.
 * Tags that another server made before a restore are not ours: it may be alive.
 */
bool
qm_tag_is_own(const char *tag)
{
    static QmQuery query = {"SELECT FROM quantmesh.fence_floor WHERE tag = $1 AND counter_id = $2",
                            2,
                            {TEXTOID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(tag), Int64GetDatum((int64) qm_fence_counter_id())};

    return qm_query_read_latest(&query, values, NULL) > 0;
}

/*
 * take_smaller takes over that somebody has made the order smaller at the
 * exchange, which we may hear of only now: when the exchange says that it is filled,
 * and with how much, that is its whole quantity.
 */
static void
take_smaller(Application *app)
{
    const QmReport *report = app->report;
    QmOrder *order = app->order;
    Numeric said = report->cumulative_quantity;

    if (report->said != QM_SAID_EVENT || report->event != QM_EVENT_FILLED || said == NULL || app->old_attempt ||
        qm_decimal_sign(said) <= 0 || qm_decimal_cmp(said, order->quantity) >= 0 ||
        qm_decimal_cmp(said, order->reported_quantity) < 0 ||
        qm_decimal_cmp(said, qm_decimal_add(order->filled_quantity, order->busted_quantity)) < 0)
        return;
    found(app->result, report, order, "QTY_PRICE_DRIFT", order_subject(order), show_order(order));
    qm_order_amend(order, order->price, qm_decimal_trim(said), report->source);
    app->before = qm_order_copy(order);
}

/* link_exchange_id records the exchange's id of the order. One that is another order's stays that. */
static void
link_exchange_id(Application *app)
{
    const QmReport *report = app->report;
    char *other_id;

    if (report->exchange_order_id == NULL)
        return;
    if (qm_order_link_exchange(app->order, report->exchange_order_id, app->attempt, &other_id) !=
            app->order->order_id ||
        other_id != NULL)
        found(app->result,
              report,
              app->before,
              "EXCHANGE_ID_MISMATCH",
              psprintf("%s:%s", report->symbol, report->exchange_order_id),
              show_order(app->before));
}

/* hear_cumulative notes how much the exchange says was filled; more than was ordered is believed, and recorded when it is news. */
static void
hear_cumulative(Application *app)
{
    QmOrder *order = app->order;
    Numeric said = app->report->cumulative_quantity;

    if (qm_decimal_cmp(said, order->quantity) > 0 && qm_decimal_cmp(said, order->reported_quantity) > 0)
        found(app->result, app->report, order, "OVERFILL", order_subject(order), show_order(order));
    raise_reported(order, said);
}

/* raise_reported notes how much the exchange says was filled; never less than it said before. */
static void
raise_reported(QmOrder *order, Numeric quantity)
{
    if (qm_decimal_cmp(order->reported_quantity, quantity) < 0)
        order->reported_quantity = qm_decimal_trim(quantity);
}

/*
 * book_trade books the report's trade or bust, and counts it for the order if it is
 * new. A bust of a trade that was pruned is only recorded.
 */
static void
book_trade(Application *app)
{
    const QmReport *report = app->report;
    char *subject = psprintf("%s:%s:%s", report->symbol, report->trade.trade_id, app->order->buy ? "buy" : "sell");
    QmBooking booking;

    qm_ledger_book(app->order, &report->trade, &booking);
    app->news.position_change = booking.position_change;
    app->news.trade_id = report->trade.trade_id;
    app->fill_completed = booking.completed;
    if (booking.known != NULL)
        found(app->result, report, app->before, "FILL_MISMATCH", subject, booking.known);
    if (booking.pruned && report->trade.bust)
        found(app->result, report, app->before, "TRADE_BUST", subject, show_order(app->before));
    if (!booking.booked)
        return;
    app->news.event = report->trade.bust ? "bust" : "fill";
    count_trade(app);
    if (report->trade.bust)
        found(app->result, report, app->before, "TRADE_BUST", subject, show_order(app->before));
}

/*
 * count_trade adds a booked trade to the order, and makes happen what it implies.
 * It is late when the order had ended without the exchange having said that so
 * much was filled. A bust takes back a quantity but no state. An earlier attempt
 * that fills the whole quantity does not end the order while the last one may be alive.
 */
static void
count_trade(Application *app)
{
    const QmTrade *trade = &app->report->trade;
    QmOrder *order = app->order;
    Numeric quantity = trade->bust ? qm_decimal_negate(trade->quantity) : trade->quantity;
    Numeric gross;
    bool completes;

    order->filled_quantity = qm_decimal_add(order->filled_quantity, quantity);
    order->filled_quote = qm_decimal_add(order->filled_quote, qm_decimal_mul(quantity, trade->price));
    if (trade->bust)
    {
        order->busted_quantity = qm_decimal_add(order->busted_quantity, trade->quantity);
        return;
    }
    gross = qm_decimal_add(order->filled_quantity, order->busted_quantity);
    completes = qm_decimal_cmp(gross, order->quantity) >= 0;
    if (app->report->said == QM_SAID_EVENT && app->report->event == QM_EVENT_FILLED)
        raise_reported(order, order->quantity);
    if (qm_decimal_cmp(gross, order->quantity) > 0)
        found(app->result, app->report, order, "OVERFILL", order_subject(order), show_order(order));
    if (!qm_order_is_live(app->before->state) && qm_decimal_cmp(gross, order->reported_quantity) > 0)
        found(app->result, app->report, order, "LATE_FILL", order_subject(order), show_order(order));
    raise_reported(order, gross);
    happen(app, completes && !(app->old_attempt && !app->last_is_dead) ? QM_EVENT_FILLED : QM_EVENT_PART_FILLED);
}

/* hear makes happen what the report's word for the state says. */
static void
hear(Application *app)
{
    const QmReport *report = app->report;

    switch (report->said)
    {
        case QM_SAID_NOTHING:
        case QM_SAID_BUSTED:
            break;
        case QM_SAID_EVENT:
            if (app->old_attempt)
            {
                hear_of_old_attempt(app);
                break;
            }
            happen(app, report->event);
            if (report->event == QM_EVENT_REJECTED && app->attempt == app->before->attempt &&
                qm_order_end_attempt(app->order) && app->news.event == NULL)
                app->news.event = qm_order_event_name(QM_EVENT_REJECTED);
            break;
        case QM_SAID_UNKNOWN:
            found(app->result,
                  report,
                  app->before,
                  "UNKNOWN_STATUS",
                  psprintf("%s:%s", order_subject(app->before), report->state),
                  show_order(app->before));
            break;
    }
}

/*
 * hear_of_old_attempt takes the word of an attempt that the order no longer
 * stands for. That it was refused we knew.
 */
static void
hear_of_old_attempt(Application *app)
{
    QmOrderEvent event = app->report->event;
    bool ends = event == QM_EVENT_FILLED || event == QM_EVENT_CANCELED || event == QM_EVENT_EXPIRED;

    if (event == QM_EVENT_REJECTED)
        return;
    if (app->last_is_dead || !ends)
    {
        happen(app, event);
        return;
    }
    if (event == QM_EVENT_FILLED)
        raise_reported(app->order, app->order->quantity);
    found(app->result, app->report, app->before, "STATE_DRIFT", order_subject(app->order), show_order(app->before));
}

/*
 * happen makes an event happen to the order, and records a contradiction. That
 * an attempt which we took for dead brings the order to the exchange is one; if
 * the last attempt is dead, the order stands for that one now, and its id is the one
 * to cancel by.
 */
static void
happen(Application *app, QmOrderEvent event)
{
    QmOrder *order = app->order;
    QmOrderState from = order->state;
    QmOrderEffect effect = qm_order_happen(order, event);
    bool risen = app->old_attempt && from != order->state && !is_known_to_exchange(from);

    Assert(effect != QM_EFFECT_REFUSED); /* nothing that the exchange says is */
    if (effect == QM_EFFECT_RECORDED)
        found(app->result, app->report, app->before, "STATE_DRIFT", order_subject(order), show_order(app->before));
    else if (effect == QM_EFFECT_FLAGGED || risen)
        found(app->result, app->report, app->before, "REVIVED", order_subject(order), show_order(app->before));
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
finish(Application *app)
{
    const QmReport *report = app->report;
    QmOrderNews *news = &app->news;

    app->result->applied = app->fill_completed || has_changed(app->before, app->order);
    if (!has_changed(app->before, app->order))
    {
        if (app->fill_completed)
            qm_order_tell_position(app->order, news->position_change);
        return;
    }
    if (news->event == NULL)
        news->event = "report";
    news->source = report->source;
    news->event_time = report->event_time;
    news->discrepancy = app->result->discrepancy;
    news->detail = report->detail;
    qm_order_write(app->before, app->order, news);
}

/* has_changed says whether a report has changed anything of the order. */
static bool
has_changed(const QmOrder *before, const QmOrder *after)
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
found(QmReportResult *result, const QmReport *report, const QmOrder *order, const char *code, const char *subject,
      Jsonb *local)
{
    qm_discrepancy_record(report->account,
                          code,
                          report->symbol,
                          order == NULL ? 0 : order->order_id,
                          subject,
                          local,
                          show_report(report));
    if (result->discrepancy == NULL)
        result->discrepancy = code;
}

/* order_subject returns what a discrepancy of the order as a whole is about. */
static char *
order_subject(const QmOrder *order)
{
    return psprintf(INT64_FORMAT, order->order_id);
}

/* show_order returns what we know of the order, for a discrepancy. */
static Jsonb *
show_order(const QmOrder *order)
{
    const char *pairs[][2] = {{"state", qm_order_state_name(order->state)},
                              {"client_order_id", order->client_order_id},
                              {"exchange_order_id", order->exchange_order_id},
                              {"quantity", qm_decimal_text(order->quantity)},
                              {"filled_quantity", qm_decimal_text(order->filled_quantity)},
                              {"reported_quantity", qm_decimal_text(order->reported_quantity)}};

    return qm_jsonb_object(lengthof(pairs), (const char *const(*)[2]) pairs);
}

/* show_report returns what the report says, for a discrepancy. */
static Jsonb *
show_report(const QmReport *report)
{
    const QmTrade *trade = &report->trade;
    Numeric cumulative = report->cumulative_quantity;
    const char *pairs[][2] = {
        {"client_order_id", report->client_order_id},
        {"exchange_order_id", report->exchange_order_id},
        {"state", report->state},
        {"trade_id", report->has_trade ? trade->trade_id : NULL},
        {"last_quantity", report->has_trade ? qm_decimal_text(trade->quantity) : NULL},
        {"last_price", report->has_trade ? qm_decimal_text(trade->price) : NULL},
        {"cumulative_quantity", cumulative == NULL ? NULL : qm_decimal_text(cumulative)},
        {"commission", trade->commission == NULL ? NULL : qm_decimal_text(trade->commission)},
        {"commission_asset", trade->commission_asset},
        {"source", report->source},
    };

    return qm_jsonb_object(lengthof(pairs), (const char *const(*)[2]) pairs);
}
