/*
 * Replies: what has come back for a request, or has not, as an answer to its
 * caller. Nothing of a request's own text gets into a message: it has the
 * signature in it.
 */
#include "binance_limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define BODY_FIRST 4096
#define CLOCK_HURRY 10        /* a clock that could not be read is read again so much sooner */
#define CLOCK_JUMP_US 1000000 /* a clock that is so much further ahead or behind than it was is told */

static void give_failure(QmRequest *request, CURLcode result);
static void give_error(QmRequest *request, int http_status);
static void give_body(QmRequest *request, int http_status);
static bool is_about(const QmRequest *request, const QmExchangeAnswer *answer);
static void tell_limits(QmBinance *binance, const QmBody *body);
static void clock_measured(QmRequest *request, const QmExchangeAnswer *answer);

/* qm_reply_finished answers a request that libcurl is through with. */
void
qm_reply_finished(QmTransfer *transfer, CURLcode result)
{
    QmRequest *request = (QmRequest *) transfer;
    QmBinance *binance = request->binance;
    long http_status = 0;

    qm_list_remove(&binance->flying, request);
    binance->in_flight--;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &http_status);
    if (result != CURLE_OK)
        give_failure(request, result);
    else if (http_status >= 200 && http_status < 300)
        give_body(request, (int) http_status);
    else
        give_error(request, (int) http_status);
}

/* give_failure answers a request without a whole reply: not sent if it cannot have left, else unknown. */
static void
give_failure(QmRequest *request, CURLcode result)
{
    QmExchangeAnswer answer = {.outcome = QM_EXCHANGE_UNKNOWN, .cause = QM_CAUSE_TRANSPORT};
    char message[QM_DETAIL_SIZE];

    snprintf(message,
             sizeof(message),
             "%s",
             request->failure[0] != '\0' ? request->failure : curl_easy_strerror(result));
    if (request->late)
        qm_reply_not_sent(request, QM_CAUSE_LATE, "its time to be sent was over when the connection was there", 0);
    else if (request->sent_us == 0)
        qm_reply_not_sent(request, QM_CAUSE_TRANSPORT, message, 0);
    else
    {
        answer.message = message;
        if (request->too_long)
        {
            answer.cause = QM_CAUSE_PROTOCOL;
            snprintf(message,
                     sizeof(message),
                     "the answer is longer than %zu bytes",
                     request->binance->options.response_max);
        }
        else if (request->repeats)
            snprintf(message, sizeof(message), "the connection was closed before the answer");
        qm_reply_give(request, &answer);
    }
}

/* give_error answers a request that the exchange did not grant. */
static void
give_error(QmRequest *request, int http_status)
{
    QmBinance *binance = request->binance;
    QmExchangeAnswer answer = {.http_status = http_status};
    char message[QM_DETAIL_SIZE];
    QmVerdict verdict;

    if (!qm_body_error(request->body, request->body_length, &answer.code, message, sizeof(message)))
        snprintf(message, sizeof(message), "HTTP status %d without an error that can be read", http_status);
    qm_binance_scrub(binance, message, sizeof(message));
    verdict = qm_binance_verdict(request->endpoint->kind, http_status, answer.code, message);
    request->retry_after_ms = qm_limit_heed(binance, verdict.cause, request->retry_after_ms, message);
    if (verdict.cause == QM_CAUSE_CLOCK && request->done != NULL)
    {
        binance->clock_known = false;
        qm_binance_measure_clock(binance);
        /* An order's time stamp is its owner's and stays; anything else is asked once more with a better one. */
        if (request->endpoint->kind != QM_REQUEST_PLACE && !request->retried)
        {
            qm_request_again(request);
            return;
        }
    }
    answer.outcome = verdict.outcome;
    answer.cause = verdict.cause;
    answer.message = message;
    answer.retry_after_ms = request->retry_after_ms;
    qm_reply_give(request, &answer);
}

/* give_body answers a request that was granted. A body that cannot be read leaves open what has been done. */
static void
give_body(QmRequest *request, int http_status)
{
    QmExchangeAnswer answer = {.outcome = QM_EXCHANGE_DONE, .http_status = http_status, .message = ""};
    char message[QM_DETAIL_SIZE];
    QmBody body;
    bool fine = qm_body_read(&body, request->endpoint->body, request->body, request->body_length, &answer);

    if (!fine || !is_about(request, &answer))
    {
        answer =
            (QmExchangeAnswer){.outcome = QM_EXCHANGE_UNKNOWN, .cause = QM_CAUSE_PROTOCOL, .http_status = http_status};
        snprintf(message,
                 sizeof(message),
                 "the answer cannot be read: %s",
                 fine ? "it is about another order" : body.json.fault);
        answer.message = message;
    }
    if (request->done == NULL)
        clock_measured(request, &answer);
    if (fine)
        tell_limits(request->binance, &body);
    qm_reply_give(request, &answer);
    qm_body_free(&body);
}

/* tell_limits passes on what the exchange allows, where it has said so. */
static void
tell_limits(QmBinance *binance, const QmBody *body)
{
    for (int kind = 0; kind < QM_BUDGET_KINDS; kind++)
        if (body->limits[kind] > 0)
            binance->budget->functions->limit(binance->budget, (QmBudgetKind) kind, body->limits[kind]);
}

/* is_about says whether an answer is about the order that was asked for. */
static bool
is_about(const QmRequest *request, const QmExchangeAnswer *answer)
{
    if (request->client_order_id[0] == '\0' || answer->order_count != 1)
        return true;
    return strcmp(request->client_order_id, answer->orders[0].client_order_id) == 0;
}

/* clock_measured sets the clock: the exchange's time was read somewhere between sending and hearing. */
static void
clock_measured(QmRequest *request, const QmExchangeAnswer *answer)
{
    QmBinance *binance = request->binance;
    int64_t offset_us = answer->server_time_us - (request->sent_us + (qm_wall_us() - request->sent_us) / 2);
    int64_t jump_us = offset_us - binance->offset_us;

    if (answer->outcome != QM_EXCHANGE_DONE)
        return;
    if (jump_us > CLOCK_JUMP_US || jump_us < -CLOCK_JUMP_US)
        qm_binance_notice(binance,
                          "the exchange's clock is %lld ms %s this machine's",
                          (long long) (offset_us < 0 ? -offset_us : offset_us) / 1000,
                          offset_us < 0 ? "behind" : "ahead of");
    binance->offset_us = offset_us;
}

/* qm_reply_give gives an answer to the caller, and frees the request. */
void
qm_reply_give(QmRequest *request, QmExchangeAnswer *answer)
{
    QmBinance *binance = request->binance;

    answer->sent_us = request->sent_us;
    qm_request_drop_transfer(request);
    if (request->done != NULL)
        request->done(request->argument, answer);
    else
    {
        /* Not known is better than nothing leaving: what is signed with a wrong clock is refused, and measured again. */
        binance->clock_known = true;
        binance->clock_asked = false;
        binance->clock_due_ns = qm_grown_ns() + binance->options.clock_ms * QM_NS_PER_MS /
                                                    (answer->outcome == QM_EXCHANGE_DONE ? 1 : CLOCK_HURRY);
        if (answer->outcome != QM_EXCHANGE_DONE && !binance->closing)
            qm_binance_notice(binance, "the exchange's clock could not be read: %s", answer->message);
    }
    free(request);
}

/* qm_reply_not_sent answers a request that has not left. */
void
qm_reply_not_sent(QmRequest *request, QmExchangeCause cause, const char *message, int64_t retry_after_ms)
{
    QmExchangeAnswer answer = {.outcome = QM_EXCHANGE_NOT_SENT, .cause = cause, .retry_after_ms = retry_after_ms};

    answer.message = message;
    request->sent_us = 0;
    qm_reply_give(request, &answer);
}

/* qm_reply_body keeps what libcurl has received, up to the limit. */
size_t
qm_reply_body(char *data, size_t size, size_t count, void *argument)
{
    QmRequest *request = argument;
    size_t length = size * count;
    size_t needed = request->body_length + length;

    if (needed > request->binance->options.response_max)
    {
        request->too_long = true;
        return 0;
    }
    if (needed > request->body_size)
    {
        size_t wanted = request->body_size == 0 ? BODY_FIRST : request->body_size * 2;
        char *larger;

        while (wanted < needed)
            wanted *= 2;
        larger = realloc(request->body, wanted);
        if (larger == NULL)
            return 0;
        request->body = larger;
        request->body_size = wanted;
    }
    memcpy(request->body + request->body_length, data, length);
    request->body_length = needed;
    return length;
}

/* qm_reply_header notes what the exchange says of its limits. */
size_t
qm_reply_header(char *data, size_t size, size_t count, void *argument)
{
    static const char *const names[QM_BUDGET_KINDS] = {"X-MBX-USED-WEIGHT-1M",
                                                       "X-MBX-ORDER-COUNT-10S",
                                                       "X-MBX-ORDER-COUNT-1D"};
    QmRequest *request = argument;
    QmBudget *budget = request->binance->budget;
    size_t length = size * count;
    int64_t number;

    for (int i = 0; i < QM_BUDGET_KINDS; i++)
    {
        number = qm_limit_header(data, length, names[i]);
        if (number >= 0)
            budget->functions->used(budget, (QmBudgetKind) i, number, qm_wall_us());
    }
    number = qm_limit_retry_after_ms(data, length);
    if (number >= 0)
        request->retry_after_ms = number;
    return length;
}
