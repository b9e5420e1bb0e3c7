/*
 * SQL function: settle_order, by which an operator ends an order that nobody can
 * resolve. What it promises is in its COMMENT (sql/62_reports.sql).
 */
#include "postgres.h"

#include "argument.h"
#include "cancel.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "place.h"
#include "query.h"
#include "report.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_settle_order);

#define REASON_MAX 1000 /* bytes */

/* The states that an operator can give, and the events that lead there. */
static const char *const words[] = {"filled", "canceled", "expired", "rejected", "aborted", "never_accepted", "lost"};
static const QmOrderEvent events[] = {QM_EVENT_FILLED,
                                      QM_EVENT_CANCELED,
                                      QM_EVENT_EXPIRED,
                                      QM_EVENT_REJECTED,
                                      QM_EVENT_NOT_SENT,
                                      QM_EVENT_PROVED_ABSENT,
                                      QM_EVENT_GIVEN_UP};

static void settle(const char *account, int64 order_id, int word, const char *reason, QmReportResult *result);
static QmOrder *happen(QmOrder *before, QmOrderEvent event, const char *word, const char *reason,
                       QmReportResult *result);
static void record_action(const QmOrder *before, const QmOrder *after, const char *reason);

/* qm_settle_order is quantmesh.settle_order. */
Datum
qm_settle_order(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.settle_order()";
    QmReportResult result = {0};
    char *account;
    int64 order_id;
    int word;
    char *reason;

    qm_require_running(function);
    account = qm_arg_account(fcinfo, 0);
    order_id = qm_arg_positive(fcinfo, 1, "order_id");
    word = qm_arg_word(fcinfo, 2, "state", words, lengthof(words));
    reason = qm_arg_reason(fcinfo, 3, REASON_MAX);
    qm_place_prepare(function, account);
    settle(account, order_id, word, reason, &result);
    PG_RETURN_DATUM(qm_report_result_datum(fcinfo, &result));
}

/*
 * settle gives a live order the state, if that can become of it, and records who
 * did so and why. An intent is aborted by withdrawing it; a submitted order can be
 * given up or found absent only once its reply is lost, which the operator says
 * with it.
 */
static void
settle(const char *account, int64 order_id, int word, const char *reason, QmReportResult *result)
{
    QmOrderEvent event = events[word];
    QmQueryScope scope;
    QmOrder *before;
    QmOrder *order;

    qm_query_begin(&scope);
    before = qm_order_lock(account, order_id);
    if (before == NULL)
        qm_order_missing(account, order_id);
    order = before;
    if (before->state == QM_ORDER_INTENT && event == QM_EVENT_NOT_SENT)
        event = QM_EVENT_WITHDRAWN;
    if (before->state == QM_ORDER_SUBMITTED && (event == QM_EVENT_PROVED_ABSENT || event == QM_EVENT_GIVEN_UP))
        order = happen(order, QM_EVENT_REPLY_LOST, words[word], reason, result);
    order = happen(order, event, words[word], reason, result);
    if (order->state != before->state)
        record_action(before, order, reason);
    result->order_id = order->order_id;
    result->state = qm_order_state_name(order->state);
    result->applied = order->state != before->state;
    qm_query_end(&scope);
}

/*
 * happen makes an event happen to a live order, writes it if it moves, and returns
 * it; 55000 when it cannot happen. That nothing has left, only the sender knows: of an
 * order in doubt an operator can find out that the exchange never accepted it.
 */
static QmOrder *
happen(QmOrder *before, QmOrderEvent event, const char *word, const char *reason, QmReportResult *result)
{
    const char *const detail[][2] = {{"operator", GetUserNameFromId(GetSessionUserId(), false)}, {"reason", reason}};
    QmOrderNews news = {.event = qm_order_event_name(event), .source = "operator"};
    QmOrder *order = qm_order_copy(before);
    bool in_doubt = order->state == QM_ORDER_UNKNOWN || order->state == QM_ORDER_LOST;
    bool refused = !qm_order_is_live(order->state) || (in_doubt && event == QM_EVENT_NOT_SENT);
    QmOrderEffect effect = refused ? QM_EFFECT_REFUSED : qm_order_happen(order, event);

    if (effect == QM_EFFECT_REFUSED || effect == QM_EFFECT_RECORDED)
        qm_order_refuse(before, word);
    if (order->state == before->state)
        return order;
    result->discrepancy = qm_discrepancy_record_event(before, event, effect);
    news.discrepancy = result->discrepancy;
    news.detail = qm_jsonb_object(lengthof(detail), detail);
    qm_order_write(before, order, &news);
    return order;
}

/* record_action adds a row to quantmesh.operator_action. */
static void
record_action(const QmOrder *before, const QmOrder *after, const char *reason)
{
    static QmQuery query =
        {"INSERT INTO quantmesh.operator_action (account, action_id, at, operator, action, symbol, order_id, reason, "
         "detail) VALUES ($1, $2, $3, $4, 'settle_order', $5, $6, $7, $8)",
         8,
         {TEXTOID, INT8OID, TIMESTAMPTZOID, NAMEOID, TEXTOID, INT8OID, TEXTOID, JSONBOID}};
    const char *const detail[][2] = {{"from_state", qm_order_state_name(before->state)},
                                     {"to_state", qm_order_state_name(after->state)}};
    NameData operator;
    Datum values[8];

    namestrcpy(&operator, GetUserNameFromId(GetSessionUserId(), false));
    values[0] = CStringGetTextDatum(after->account);
    values[1] = Int64GetDatum(qm_fence_draw());
    values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
    values[3] = NameGetDatum(&operator);
    values[4] = CStringGetTextDatum(after->symbol);
    values[5] = Int64GetDatum(after->order_id);
    values[6] = CStringGetTextDatum(reason);
    values[7] = PointerGetDatum(qm_jsonb_object(lengthof(detail), detail));
    (void) qm_query_run(&query, values, NULL);
}
