/*
 * What the sender says of its submissions and cancels, in the SQLite store: the
 * rules of the extension's resolve.c and resolve_cancel.c.
 */
#include "store_sqlite.h"

#include <inttypes.h>
#include <string.h>

#include "error.h"
#include "json.h"

/* What can have become of a submission, and which event that is. */
static const char *const outcomes[] = {"accepted", "rejected", "not_processed", "not_sent", "unknown", "absent"};
static const QmOrderEvent outcome_events[] = {QM_EVENT_OPENED,
                                              QM_EVENT_REJECTED,
                                              QM_EVENT_NOT_PROCESSED,
                                              QM_EVENT_NOT_SENT,
                                              QM_EVENT_REPLY_LOST,
                                              QM_EVENT_PROVED_ABSENT};

static const char *const cancel_outcomes[] = {"done", "rejected", "unknown"};

/* What is said, and the answer to it. */
typedef struct Word
{
    const char *account;
    int64_t order_id;
    int64_t fence;
    const char *outcome;
    const char *code;
    const char *message;
    QmReportResult *result;
} Word;

static void resolve_submission(QmSqlite *store, void *argument);
static bool refuse_early(QmSqlite *store, const QmBookOrder *order);
static void apply(QmSqlite *store, const Word *word, QmOrderEvent event, QmBookOrder *before);
static bool came_to_nothing(const Word *word, QmOrderEvent event, const QmBookOrder *order);
static void back_to_intent(const QmSqlite *store, QmBookOrder *order);
static void withdraw_if_canceled(QmSqlite *store, QmBookOrder *intent);
static void resolve_cancel(QmSqlite *store, void *argument);
static const char *finish_cancel(QmSqlite *store, const QmBookOrder *before, QmBookOrder *order);
static const char *said(const Word *word);
static void answer(const Word *word, const QmBookOrder *order, const char *discrepancy);

/* qm_sqlite_resolve_submission says what became of a submission. */
QmCode
qm_sqlite_resolve_submission(QmStore *store, const char *account, int64_t order_id, int64_t fence, const char *outcome,
                             const char *code, const char *message, QmReportResult *result)
{
    Word word = {account, order_id, fence, outcome, code, message, result};

    memset(result, 0, sizeof(*result));
    return qm_sqlite_write((QmSqlite *) store, resolve_submission, &word);
}

/* resolve_submission applies what is said, unless it is of an earlier submission, of which only acceptance still matters. */
static void
resolve_submission(QmSqlite *store, void *argument)
{
    Word *word = argument;
    QmBookOrder *before;
    QmOrderEvent event;

    (void) qm_book_market_name(store, "account", word->account);
    event =
        outcome_events[qm_book_word(store, "outcome", word->outcome, outcomes, sizeof(outcomes) / sizeof(outcomes[0]))];
    if (word->fence <= 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "fence must be positive, not %" PRId64,
                                word->fence);
    word->code = qm_book_message(word->code);
    word->message = qm_book_message(word->message);
    before = qm_sqlite_fine(store) ? qm_book_require(store, word->account, word->order_id) : NULL;
    if (before == NULL)
        return;
    answer(word, before, NULL);
    if (before->fence == word->fence && event == QM_EVENT_PROVED_ABSENT && refuse_early(store, before))
        return;
    if (before->fence == word->fence || event == QM_EVENT_OPENED)
        apply(store, word, event, before);
}

/* refuse_early refuses, with QM004, to take an order for absent while its sender may still send it; false: that time is over. */
static bool
refuse_early(QmSqlite *store, const QmBookOrder *order)
{
    if (!qm_order_is_live(order->state) || order->send_before <= qm_sqlite_now())
        return false;
    (void) qm_sqlite_refuse(store,
                            QM_ERROR_SERVER,
                            QM_SQLSTATE_MAY_BE_SENT,
                            "Ask the exchange again once it can no longer accept the order.",
                            "order %" PRId64 " of account \"%s\" may still be sent",
                            order->order_id,
                            order->account);
    return true;
}

/*
 * apply makes the outcome happen to the order. What was not processed may be sent
 * again under a new client order id; when no id is left, it has ended as if it had
 * not been sent.
 */
static void
apply(QmSqlite *store, const Word *word, QmOrderEvent event, QmBookOrder *before)
{
    QmBookOrder *order = qm_book_copy(before);
    QmOrderEvent asked = event;
    QmBookNews news = {.source = "reply", .detail = said(word)};
    QmOrderEffect effect;
    bool ended = false;

    if (event == QM_EVENT_NOT_PROCESSED && order->attempt >= QM_ATTEMPT_MAX)
        event = QM_EVENT_NOT_SENT;
    effect = qm_book_happen(store, order, event);
    if (came_to_nothing(word, asked, before))
    {
        effect = QM_EFFECT_RECORDED;
        ended = qm_book_end_attempt(store, order);
    }
    if (effect == QM_EFFECT_REFUSED)
    {
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "55000",
                                NULL,
                                "order %" PRId64 " of account \"%s\" is %s, which %s does not fit",
                                order->order_id,
                                order->account,
                                qm_order_state_name(order->state),
                                word->outcome);
        return;
    }
    if (effect == QM_EFFECT_MOVES && word->fence != before->fence)
        effect = QM_EFFECT_FLAGGED;
    news.discrepancy = qm_book_found_event(store, before, effect);
    answer(word, before, news.discrepancy);
    if (order->state == before->state && !ended)
        return;

    if (order->state == QM_ORDER_INTENT)
        back_to_intent(store, order);
    if (event != QM_EVENT_OPENED && (word->code != NULL || word->message != NULL))
    {
        order->error_code = word->code;
        order->error_message = word->message;
    }
    news.event = qm_order_event_name(event);
    qm_book_write(store, before, order, &news);
    withdraw_if_canceled(store, order);
    word->result->applied = true;
    answer(word, order, news.discrepancy);
}

/* came_to_nothing says whether the last of several attempts did not reach the exchange, although the order is there. */
static bool
came_to_nothing(const Word *word, QmOrderEvent event, const QmBookOrder *order)
{
    return order->attempt > 0 && word->fence == order->fence &&
           (order->state == QM_ORDER_OPEN || order->state == QM_ORDER_PARTIALLY_FILLED) && event != QM_EVENT_OPENED &&
           event != QM_EVENT_REPLY_LOST;
}

/* back_to_intent gives the order the id of its next attempt. The old permission to send is gone with its fence. */
static void
back_to_intent(const QmSqlite *store, QmBookOrder *order)
{
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int attempt;

    if (!qm_order_id_parse(order->client_order_id, tag, &order_id, &attempt))
        memcpy(tag, store->tag, sizeof(tag));
    order->attempt++;
    qm_order_id_format(client_order_id, tag, order->order_id, order->attempt);
    order->client_order_id = qm_scratch_copy(client_order_id);
    order->fence = 0;
    order->send_before = 0;
    order->submitted_at = 0;
}

/* withdraw_if_canceled ends an intent that somebody asked to cancel while it was submitted: it must not be sent again. */
static void
withdraw_if_canceled(QmSqlite *store, QmBookOrder *intent)
{
    QmBookNews news = {.event = qm_order_event_name(QM_EVENT_WITHDRAWN), .source = "call"};
    QmBookOrder *before;

    if (intent->state != QM_ORDER_INTENT || intent->cancel_state == QM_CANCEL_STATE_NONE)
        return;
    before = qm_book_copy(intent);
    (void) qm_book_happen(store, intent, QM_EVENT_WITHDRAWN);
    intent->cancel_state = QM_CANCEL_STATE_DONE;
    qm_book_write(store, before, intent, &news);
}

/* qm_sqlite_resolve_cancel says what became of a cancel that was sent. */
QmCode
qm_sqlite_resolve_cancel(QmStore *store, const char *account, int64_t order_id, const char *outcome, const char *code,
                         const char *message, QmReportResult *result)
{
    Word word = {account, order_id, 0, outcome, code, message, result};

    memset(result, 0, sizeof(*result));
    return qm_sqlite_write((QmSqlite *) store, resolve_cancel, &word);
}

/* resolve_cancel applies the outcome to the order, and writes it if anything changes. */
static void
resolve_cancel(QmSqlite *store, void *argument)
{
    Word *word = argument;
    QmBookNews news = {.source = "reply"};
    QmBookOrder *before;
    QmBookOrder *order;
    int outcome;

    (void) qm_book_market_name(store, "account", word->account);
    outcome = qm_book_word(store, "outcome", word->outcome, cancel_outcomes, 3);
    word->code = qm_book_message(word->code);
    word->message = qm_book_message(word->message);
    before = qm_sqlite_fine(store) ? qm_book_require(store, word->account, word->order_id) : NULL;
    if (before == NULL)
        return;
    if (outcome != 0 && before->cancel_state == QM_CANCEL_STATE_NONE)
    {
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "55000",
                                "Ask for it before sending it.",
                                "no cancel of order %" PRId64 " of account \"%s\" is under way",
                                before->order_id,
                                before->account);
        return;
    }
    order = qm_book_copy(before);
    if (outcome == 0)
        news.discrepancy = finish_cancel(store, before, order);
    else if (order->cancel_state != QM_CANCEL_STATE_DONE)
        order->cancel_state = outcome == 1 ? QM_CANCEL_STATE_REJECTED : QM_CANCEL_STATE_UNKNOWN;
    word->result->applied = order->state != before->state || order->cancel_state != before->cancel_state;
    if (word->result->applied)
    {
        news.event = order->state != before->state
                         ? qm_order_event_name(QM_EVENT_CANCELED)
                         : qm_scratch_print("cancel_%s", qm_cancel_state_word(order->cancel_state));
        news.detail = said(word);
        qm_book_write(store, before, order, &news);
    }
    answer(word, order, news.discrepancy);
}

/* finish_cancel makes the cancel done, and a live order canceled; it returns what contradicts that, NULL if nothing. */
static const char *
finish_cancel(QmSqlite *store, const QmBookOrder *before, QmBookOrder *order)
{
    QmOrderEffect effect;

    if (!qm_order_is_live(before->state) && before->cancel_state == QM_CANCEL_STATE_DONE)
        return NULL;
    if (qm_order_is_live(before->state))
        effect = qm_book_happen(store, order, QM_EVENT_CANCELED);
    else
        effect = before->state == QM_ORDER_CANCELED ? QM_EFFECT_IGNORED : QM_EFFECT_RECORDED;
    order->cancel_state = QM_CANCEL_STATE_DONE;
    return qm_book_found_event(store, before, effect);
}

/* said returns code and message for the event, written as the server writes them; NULL when there are none. */
static const char *
said(const Word *word)
{
    QmJson json = {0};
    const char *text;

    if (word->code == NULL && word->message == NULL)
        return NULL;
    qm_json_add(&json, "{\"code\": ");
    qm_json_add_string(&json, word->code);
    qm_json_add(&json, ", \"message\": ");
    qm_json_add_string(&json, word->message);
    qm_json_add(&json, "}");
    text = json.failed ? NULL : qm_scratch_copy(json.text);
    qm_json_free(&json);
    return text;
}

/* answer fills in the result. */
static void
answer(const Word *word, const QmBookOrder *order, const char *discrepancy)
{
    word->result->order_id = order->order_id;
    qm_text_copy(word->result->state, sizeof(word->result->state), qm_order_state_name(order->state));
    qm_text_copy(word->result->discrepancy, sizeof(word->result->discrepancy), discrepancy);
}
