/*
 * SQL function: what the sender says of its submission. What it promises is in
 * its COMMENT (sql/62_reports.sql).
 */
#include "postgres.h"

#include "argument.h"
#include "cancel.h"
#include "compat.h"
#include "fence.h"
#include "order_argument.h"
#include "order_id.h"
#include "place.h"
#include "query.h"
#include "report.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_resolve_submission);

#define ERRCODE_MAY_BE_SENT MAKE_SQLSTATE('Q', 'M', '0', '0', '4')

typedef enum Outcome
{
    OUTCOME_ACCEPTED,
    OUTCOME_REJECTED,
    OUTCOME_NOT_PROCESSED,
    OUTCOME_NOT_SENT,
    OUTCOME_UNKNOWN,
    OUTCOME_ABSENT,
    OUTCOMES
} Outcome;

static const char *const outcomes[OUTCOMES] = {
    [OUTCOME_ACCEPTED] = "accepted",
    [OUTCOME_REJECTED] = "rejected",
    [OUTCOME_NOT_PROCESSED] = "not_processed",
    [OUTCOME_NOT_SENT] = "not_sent",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_ABSENT] = "absent",
};

static const QmOrderEvent outcome_events[OUTCOMES] = {
    [OUTCOME_ACCEPTED] = QM_EVENT_OPENED,
    [OUTCOME_REJECTED] = QM_EVENT_REJECTED,
    [OUTCOME_NOT_PROCESSED] = QM_EVENT_NOT_PROCESSED,
    [OUTCOME_NOT_SENT] = QM_EVENT_NOT_SENT,
    [OUTCOME_UNKNOWN] = QM_EVENT_REPLY_LOST,
    [OUTCOME_ABSENT] = QM_EVENT_PROVED_ABSENT,
};

/* What the sender says. */
typedef struct Submission
{
    const char *account;
    int64 order_id;
    int64 fence;
    Outcome outcome;
    const char *code;
    const char *message;
} Submission;

static void resolve(const Submission *submission, QmReportResult *result);
static void apply(const Submission *submission, QmOrder *before, QmReportResult *result);
static void refuse_early(const QmOrder *order);
static bool came_to_nothing(const Submission *submission, const QmOrder *order);
static void back_to_intent(QmOrder *order);
static void withdraw_if_canceled(QmOrder *intent);
static Jsonb *said(const Submission *submission);

/* qm_resolve_submission is quantmesh.resolve_submission. */
Datum
qm_resolve_submission(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.resolve_submission()";
    Submission submission;
    QmReportResult result = {0};

    qm_require_running(function);
    submission.account = qm_arg_account(fcinfo, 0);
    submission.order_id = qm_arg_positive(fcinfo, 1, "order_id");
    submission.fence = qm_arg_fence(fcinfo, 2);
    submission.outcome = (Outcome) qm_arg_word(fcinfo, 3, "outcome", outcomes, OUTCOMES);
    submission.code = qm_arg_message(fcinfo, 4);
    submission.message = qm_arg_message(fcinfo, 5);
    qm_place_prepare(function, submission.account);
    resolve(&submission, &result);
    PG_RETURN_DATUM(qm_report_result_datum(fcinfo, &result));
}

/*
 * resolve applies what the sender says. A fence that is not the order's belongs
 * to an earlier submission, of which only the exchange's acceptance still matters.
 */
static void
resolve(const Submission *submission, QmReportResult *result)
{
    QmQueryScope scope;
    QmOrder *before;

    qm_query_begin(&scope);
    before = qm_order_lock(submission->account, submission->order_id);
    if (before == NULL)
        qm_order_missing(submission->account, submission->order_id);
    result->order_id = before->order_id;
    result->state = qm_order_state_name(before->state);
    if (before->fence == submission->fence && submission->outcome == OUTCOME_ABSENT)
        refuse_early(before);
    if (before->fence == submission->fence || submission->outcome == OUTCOME_ACCEPTED)
        apply(submission, before, result);
    qm_query_end(&scope);
}

/*
 * refuse_early errors with QM004 while an order's sender may still send it: that the
 * exchange does not have it yet proves nothing. Who asks it can know neither when
 * the order was claimed nor this server's time.
 */
static void
refuse_early(const QmOrder *order)
{
    if (qm_order_is_live(order->state) && order->send_before > GetCurrentTimestamp())
        ereport(ERROR,
                (errcode(ERRCODE_MAY_BE_SENT),
                 errmsg("order " INT64_FORMAT " of account \"%s\" may still be sent until %s",
                        order->order_id,
                        order->account,
                        timestamptz_to_str(order->send_before)),
                 errhint("Ask the exchange again once it can no longer accept the order.")));
}

/*
 * apply makes the outcome happen to the order. What was not processed may be
 * sent again under a new client order id; when no id is left, it has ended as if
 * it had not been sent. That the last attempt came to nothing is no error where an
 * earlier one has brought the order to the exchange.
 */
static void
apply(const Submission *submission, QmOrder *before, QmReportResult *result)
{
    QmOrder *order = qm_order_copy(before);
    QmOrderEvent event = outcome_events[submission->outcome];
    QmOrderNews news = {.source = "reply", .detail = said(submission)};
    QmOrderEffect effect;
    bool ended = false;

    if (event == QM_EVENT_NOT_PROCESSED && order->attempt >= QM_ATTEMPT_MAX)
        event = QM_EVENT_NOT_SENT;
    effect = qm_order_happen(order, event);
    if (came_to_nothing(submission, before))
    {
        effect = QM_EFFECT_RECORDED;
        ended = qm_order_end_attempt(order);
    }
    if (effect == QM_EFFECT_REFUSED)
        qm_order_refuse(before, outcomes[submission->outcome]);
    if (effect == QM_EFFECT_MOVES && submission->fence != before->fence)
        effect = QM_EFFECT_FLAGGED;
    result->discrepancy = qm_discrepancy_record_event(before, event, effect);
    if (order->state == before->state && !ended)
        return;

    if (order->state == QM_ORDER_INTENT)
        back_to_intent(order);
    if (event != QM_EVENT_OPENED && (submission->code != NULL || submission->message != NULL))
    {
        order->error_code = unconstify(char *, submission->code);
        order->error_message = unconstify(char *, submission->message);
    }
    news.event = qm_order_event_name(event);
    news.discrepancy = result->discrepancy;
    qm_order_write(before, order, &news);
    withdraw_if_canceled(order);
    result->applied = true;
    result->state = qm_order_state_name(order->state);
}

/* came_to_nothing says whether the last of several attempts did not reach the exchange, although the order is there. */
static bool
came_to_nothing(const Submission *submission, const QmOrder *order)
{
    return order->attempt > 0 && submission->fence == order->fence &&
           (order->state == QM_ORDER_OPEN || order->state == QM_ORDER_PARTIALLY_FILLED) &&
           submission->outcome != OUTCOME_ACCEPTED && submission->outcome != OUTCOME_UNKNOWN;
}

/* back_to_intent gives the order the id of its next attempt. The old permission to send is gone with its fence. */
static void
back_to_intent(QmOrder *order)
{
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];
    char tag[QM_TAG_LEN + 1];
    int64 order_id;
    int attempt;

    if (!qm_order_id_parse(order->client_order_id, tag, &order_id, &attempt))
        strlcpy(tag, qm_origin_tag(), sizeof(tag));
    order->attempt++;
    qm_order_id_format(client_order_id, tag, order->order_id, order->attempt);
    order->client_order_id = pstrdup(client_order_id);
    order->fence = 0;
    order->send_before = 0;
    order->submitted_at = 0;
}

/* withdraw_if_canceled ends an intent that somebody asked to cancel while it was submitted: it must not be sent again. */
static void
withdraw_if_canceled(QmOrder *intent)
{
    QmOrderNews news = {.event = qm_order_event_name(QM_EVENT_WITHDRAWN), .source = "call"};
    QmOrder *before;

    if (intent->state != QM_ORDER_INTENT || intent->cancel_state == QM_CANCEL_NONE)
        return;
    before = qm_order_copy(intent);
    (void) qm_order_happen(intent, QM_EVENT_WITHDRAWN);
    intent->cancel_state = QM_CANCEL_DONE;
    qm_order_write(before, intent, &news);
}

/* said returns code and message for the event; NULL when there are none. */
static Jsonb *
said(const Submission *submission)
{
    const char *const pairs[][2] = {{"code", submission->code}, {"message", submission->message}};

    return submission->code == NULL && submission->message == NULL ? NULL : qm_jsonb_object(lengthof(pairs), pairs);
}
