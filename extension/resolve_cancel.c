/*
 * SQL function: what became of a cancel that was sent. What it promises is in
 * its COMMENT (sql/63_cancels.sql).
 *
 * done is a fact about the order and ends it; the other two are facts about the
 * request alone. A cancel that is done stays done, whatever comes late. Of an
 * order that has ended only the cancel state changes; that it ended otherwise
 * than canceled is recorded as a contradiction.
 */
#include "postgres.h"

#include "cancel.h"
#include "compat.h"
#include "fence.h"
#include "order_argument.h"
#include "place.h"
#include "query.h"
#include "report.h"
#include "shared.h"

PG_FUNCTION_INFO_V1(qm_resolve_cancel);

typedef enum Outcome
{
    OUTCOME_DONE,
    OUTCOME_REJECTED,
    OUTCOME_UNKNOWN,
    OUTCOMES
} Outcome;

static const char *const outcomes[OUTCOMES] = {
    [OUTCOME_DONE] = "done",
    [OUTCOME_REJECTED] = "rejected",
    [OUTCOME_UNKNOWN] = "unknown",
};

/* What is told of a cancel. code and message: NULL where nothing was said. */
typedef struct Answer
{
    char *account;
    int64 order_id;
    Outcome outcome;
    char *code;
    char *message;
} Answer;

static void resolve(const Answer *answer, QmReportResult *result);
static void require_request(const QmOrder *order);
static const char *finish(const QmOrder *before, QmOrder *order);
static const char *event_of(const QmOrder *before, const QmOrder *order);
static Jsonb *said(const Answer *answer);

/* qm_resolve_cancel is quantmesh.resolve_cancel. */
Datum
qm_resolve_cancel(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.resolve_cancel()";
    QmReportResult result = {0};
    Answer answer;

    qm_require_running(function);
    answer.account = qm_arg_account(fcinfo, 0);
    answer.order_id = qm_arg_positive(fcinfo, 1, "order_id");
    answer.outcome = (Outcome) qm_arg_word(fcinfo, 2, "outcome", outcomes, OUTCOMES);
    answer.code = qm_arg_message(fcinfo, 3);
    answer.message = qm_arg_message(fcinfo, 4);
    qm_place_prepare(function, answer.account);
    resolve(&answer, &result);
    PG_RETURN_DATUM(qm_report_result_datum(fcinfo, &result));
}

/* resolve applies the outcome to the order under its row lock, and writes it if anything changes. */
static void
resolve(const Answer *answer, QmReportResult *result)
{
    QmOrderNews news = {.source = "reply"};
    QmQueryScope scope;
    QmOrder *before;
    QmOrder *order;

    qm_query_begin(&scope);
    before = qm_order_lock(answer->account, answer->order_id);
    if (before == NULL)
        qm_order_missing(answer->account, answer->order_id);
    if (answer->outcome != OUTCOME_DONE)
        require_request(before);

    order = qm_order_copy(before);
    if (answer->outcome == OUTCOME_DONE)
        news.discrepancy = finish(before, order);
    else if (order->cancel_state != QM_CANCEL_DONE)
        order->cancel_state = answer->outcome == OUTCOME_REJECTED ? QM_CANCEL_REJECTED : QM_CANCEL_UNKNOWN;
    result->applied = order->state != before->state || order->cancel_state != before->cancel_state;
    if (result->applied)
    {
        news.event = event_of(before, order);
        news.detail = said(answer);
        qm_fence_prepare();
        qm_order_write(before, order, &news);
    }
    result->order_id = order->order_id;
    result->state = qm_order_state_name(order->state);
    result->discrepancy = news.discrepancy;
    qm_query_end(&scope);
}

/* require_request errors with 55000 when nobody has asked to cancel the order: the caller is wrong. */
static void
require_request(const QmOrder *order)
{
    if (order->cancel_state == QM_CANCEL_NONE)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("no cancel of order " INT64_FORMAT " of account \"%s\" is under way",
                        order->order_id,
                        order->account),
                 errhint("Ask for it with quantmesh.cancel_order() before sending it.")));
}

/*
 * finish makes the cancel done, and a live order canceled. It records and
 * returns the discrepancy if the order was not to be expected at the exchange,
 * or has ended otherwise; NULL if none.
 */
static const char *
finish(const QmOrder *before, QmOrder *order)
{
    QmOrderEffect effect;

    if (!qm_order_is_live(before->state) && before->cancel_state == QM_CANCEL_DONE)
        return NULL;
    if (qm_order_is_live(before->state))
        effect = qm_order_happen(order, QM_EVENT_CANCELED);
    else
        effect = before->state == QM_ORDER_CANCELED ? QM_EFFECT_IGNORED : QM_EFFECT_RECORDED;
    order->cancel_state = QM_CANCEL_DONE;
    return qm_discrepancy_record_event(before, QM_EVENT_CANCELED, effect);
}

/* event_of returns what has happened: to the order, or to its cancel alone. */
static const char *
event_of(const QmOrder *before, const QmOrder *order)
{
    if (order->state != before->state)
        return qm_order_event_name(QM_EVENT_CANCELED);
    return psprintf("cancel_%s", qm_cancel_state_name(order->cancel_state));
}

/* said returns what the exchange said, for the event; NULL when it said nothing. */
static Jsonb *
said(const Answer *answer)
{
    const char *const pairs[][2] = {{"code", answer->code}, {"message", answer->message}};

    return answer->code == NULL && answer->message == NULL ? NULL : qm_jsonb_object(lengthof(pairs), pairs);
}
