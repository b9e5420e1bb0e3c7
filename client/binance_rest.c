/*
 * Requests: from a call until it has left. A request waits in the queue for its
 * turn, for the budget and for the clock, is signed when it is handed to libcurl,
 * and is looked at once more when its connection is there, right before it is
 * written: what is late by then does not leave.
 */
#include "binance_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define URL_SIZE (QM_QUERY_SIZE + 512)
#define HEADER_SIZE 300

static bool start(QmRequest *request);
static bool advance(QmRequest *request);
static QmExchangeCause throttled(const QmRequest *request);
static int64_t reserve(const QmRequest *request);
static void leave_queue(QmRequest *request);
static bool answer_queued(QmRequest *request, QmExchangeCause cause, const char *message, int64_t retry_after_ms);
static int before_sending(void *argument, char *to, char *from, int to_port, int from_port);
static bool stamp(const QmRequest *request, QmQuery *query);
static bool set_up(QmRequest *request, const QmQuery *query);

/* qm_request_new returns a request to be filled in; NULL, with the handle's error, when the queue is full. */
QmRequest *
qm_request_new(QmBinance *binance, const QmEndpoint *endpoint, QmExchangeDone done, void *argument)
{
    QmRequest *request;

    qm_error_clear(&binance->error);
    if (binance->closing)
    {
        qm_error_set(&binance->error, QM_ERROR_ARGUMENT, "55000", NULL, "binance: the exchange is being closed");
        return NULL;
    }
    /* The adapter's own question for the time is nobody's call. */
    if (done != NULL && binance->queued + binance->in_flight >= binance->options.queue_max + binance->clock_asked)
    {
        qm_error_set(&binance->error,
                     QM_ERROR_LIMIT,
                     "53400",
                     "wait for answers before more is asked",
                     "binance: %zu calls are open, the limit",
                     binance->options.queue_max);
        return NULL;
    }
    if (endpoint->signs && binance->options.api_key == NULL)
    {
        qm_error_set(&binance->error, QM_ERROR_ARGUMENT, "28000", NULL, "binance: no API key was given");
        return NULL;
    }
    request = calloc(1, sizeof(*request));
    if (request == NULL)
    {
        qm_error_no_memory(&binance->error);
        return NULL;
    }
    request->transfer.finished = qm_reply_finished;
    request->binance = binance;
    request->endpoint = endpoint;
    request->done = done;
    request->argument = argument;
    request->late_us = qm_wall_us() + binance->options.request_timeout_ms * 1000;
    request->late_ns = qm_grown_ns() + binance->options.request_timeout_ms * QM_NS_PER_MS;
    return request;
}

/* qm_request_queue queues a request, which it takes over. */
QmCode
qm_request_queue(QmRequest *request)
{
    QmBinance *binance = request->binance;

    if (request->parameters.overflow)
    {
        free(request);
        return qm_error_set(&binance->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "binance: the request is longer than %d bytes",
                            QM_QUERY_SIZE);
    }
    qm_list_append(&binance->queue, request);
    binance->queued++;
    qm_binance_rearm(binance);
    return QM_OK;
}

/*
 * qm_requests_advance hands over what may leave now, in the order of the calls,
 * and answers what cannot leave in time. It deals with no more than were queued
 * when it began: a caller that asks again in every callback must not keep it.
 */
void
qm_requests_advance(QmBinance *binance)
{
    size_t removals_max;
    QmRequest *request;

    if (binance->clock_due_ns <= qm_grown_ns())
        qm_binance_measure_clock(binance);
    removals_max = binance->queued;
    request = binance->queue.first;
    while (request != NULL && removals_max > 0)
    {
        QmRequest *next = request->next;

        if (advance(request))
        {
            removals_max--;
            next = binance->queue.first; /* a callback may have changed the queue */
        }
        request = next;
    }
}

/* advance deals with one request that is queued; false leaves it there. */
static bool
advance(QmRequest *request)
{
    QmBinance *binance = request->binance;
    int64_t wait_ms = 0;

    if (qm_wall_us() > request->late_us || qm_grown_ns() > request->late_ns)
        return answer_queued(request, QM_CAUSE_LATE, "its time to be sent was over", 0);
    if (binance->in_flight >= binance->options.in_flight_max || request->not_before_ns > qm_grown_ns() ||
        (request->endpoint->signs && !binance->clock_known))
        return false;
    if (!request->reserved)
        wait_ms = reserve(request);
    if (wait_ms > 0)
    {
        request->not_before_ns = qm_grown_ns() + wait_ms * QM_NS_PER_MS;
        if (request->not_before_ns <= request->late_ns)
            return false;
        return answer_queued(request, throttled(request), "the rate limit leaves no room in time", wait_ms);
    }
    request->reserved = true;
    if (!start(request))
        return answer_queued(request, QM_CAUSE_TRANSPORT, "it could not be handed over to libcurl", 0);
    leave_queue(request);
    qm_list_append(&binance->flying, request);
    binance->in_flight++;
    return true;
}

/* reserve charges the budget, of which cancels and queries may use the last part too. */
static int64_t
reserve(const QmRequest *request)
{
    QmBudget *budget = request->binance->budget;
    QmRequestKind kind = request->endpoint->kind;
    bool urgent = kind == QM_REQUEST_CANCEL || kind == QM_REQUEST_QUERY || request->done == NULL;

    return budget->functions->reserve(budget, request->endpoint->need, urgent, qm_wall_us());
}

/* throttled says what there is no room for: any request, or orders alone, where cancels and queries may still leave. */
static QmExchangeCause
throttled(const QmRequest *request)
{
    static const int nothing[QM_BUDGET_KINDS];
    QmBudget *budget = request->binance->budget;

    if (request->endpoint->kind != QM_REQUEST_PLACE ||
        budget->functions->reserve(budget, nothing, true, qm_wall_us()) > 0)
        return QM_CAUSE_THROTTLED;
    return QM_CAUSE_ORDERS;
}

static void
leave_queue(QmRequest *request)
{
    qm_list_remove(&request->binance->queue, request);
    request->binance->queued--;
}

static bool
answer_queued(QmRequest *request, QmExchangeCause cause, const char *message, int64_t retry_after_ms)
{
    leave_queue(request);
    qm_reply_not_sent(request, cause, message, retry_after_ms);
    return true;
}

/* start signs a request and hands it to libcurl. */
static bool
start(QmRequest *request)
{
    QmQuery query = request->parameters;

    if (request->endpoint->signs && !stamp(request, &query))
        return false;
    request->begun_us = qm_wall_us();
    request->easy = curl_easy_init();
    if (request->easy == NULL || !set_up(request, &query))
        return false;
    return curl_multi_add_handle(request->binance->multi, request->easy) == CURLM_OK;
}

/* stamp adds the exchange's time, as of when the caller read the clock, and the signature. */
static bool
stamp(const QmRequest *request, QmQuery *query)
{
    const QmBinance *binance = request->binance;
    int64_t at_us = request->stamped_us != 0 ? request->stamped_us : qm_wall_us();

    qm_query_add_number(query, "recvWindow", binance->options.recv_window_ms);
    qm_query_add_number(query, "timestamp", (at_us + binance->offset_us) / 1000);
    return qm_query_sign(query, binance->options.secret_key);
}

/* set_up tells libcurl all about a request. */
static bool
set_up(QmRequest *request, const QmQuery *query)
{
    QmBinance *binance = request->binance;
    const QmEndpoint *endpoint = request->endpoint;
    CURL *easy = request->easy;
    char url[URL_SIZE];
    char header[HEADER_SIZE];

    snprintf(url,
             sizeof(url),
             "%s%s%s%s",
             binance->options.rest_url,
             endpoint->path,
             query->length > 0 ? "?" : "",
             query->text);
    if (endpoint->signs)
    {
        snprintf(header, sizeof(header), "X-MBX-APIKEY: %s", binance->options.api_key);
        request->headers = curl_slist_append(NULL, header);
        if (request->headers == NULL)
            return false;
    }
    qm_binance_common(binance, easy, &request->transfer, request->failure);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) binance->options.request_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, qm_reply_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, qm_reply_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
    if (strcmp(endpoint->method, "POST") == 0)
    {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    }
    else if (strcmp(endpoint->method, "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, endpoint->method);
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

/*
 * before_sending is called by libcurl right before a request is written. What is
 * late does not leave. Nor does it leave twice: libcurl would send it again by
 * itself where a connection that was kept open broke before the answer's first
 * byte, and the first one may have been accepted.
 */
static int
before_sending(void *argument, char *to, char *from, int to_port, int from_port)
{
    QmRequest *request = argument;

    (void) to;
    (void) from;
    (void) to_port;
    (void) from_port;
    if (request->sent_us != 0)
    {
        request->repeats = true;
        return CURL_PREREQFUNC_ABORT;
    }
    if (qm_wall_us() > request->late_us || qm_grown_ns() > request->late_ns)
    {
        request->late = true;
        return CURL_PREREQFUNC_ABORT;
    }
    request->sent_us = qm_wall_us();
    return CURL_PREREQFUNC_OK;
}

/* qm_request_drop_transfer ends what libcurl has of a request, and forgets what has come back. */
void
qm_request_drop_transfer(QmRequest *request)
{
    if (request->easy != NULL)
    {
        (void) curl_multi_remove_handle(request->binance->multi, request->easy);
        curl_easy_cleanup(request->easy);
    }
    curl_slist_free_all(request->headers);
    free(request->body);
    request->easy = NULL;
    request->headers = NULL;
    request->body = NULL;
    request->body_length = request->body_size = 0;
}

/* qm_request_again puts a request that was not processed back to where it came from, to be signed anew. */
void
qm_request_again(QmRequest *request)
{
    qm_request_drop_transfer(request);
    request->sent_us = 0;
    request->retry_after_ms = 0;
    request->retried = true;
    request->reserved = false;
    request->failure[0] = '\0';
    qm_list_prepend(&request->binance->queue, request);
    request->binance->queued++;
}

/* qm_list_append puts a request behind the others. */
void
qm_list_append(QmRequestList *list, QmRequest *request)
{
    request->next = NULL;
    *list->end = request;
    list->end = &request->next;
}

/* qm_list_prepend puts a request before the others. */
void
qm_list_prepend(QmRequestList *list, QmRequest *request)
{
    request->next = list->first;
    if (list->first == NULL)
        list->end = &request->next;
    list->first = request;
}

/* qm_list_remove takes a request out of its list. */
void
qm_list_remove(QmRequestList *list, QmRequest *request)
{
    QmRequest **place = &list->first;

    while (*place != request)
        place = &(*place)->next;
    *place = request->next;
    if (list->end == &request->next)
        list->end = place;
    request->next = NULL;
}

/* qm_requests_due_ns returns when the queue has to be looked at again, by the clock that only grows. */
int64_t
qm_requests_due_ns(QmBinance *binance)
{
    int64_t due_ns = binance->clock_due_ns;
    int64_t now_ns = qm_grown_ns();

    for (const QmRequest *request = binance->queue.first; request != NULL; request = request->next)
    {
        bool ready = request->not_before_ns <= now_ns && binance->in_flight < binance->options.in_flight_max &&
                     (binance->clock_known || !request->endpoint->signs);
        int64_t next_ns = request->late_ns + QM_NS_PER_MS;

        if (ready)
            return now_ns;
        if (request->not_before_ns > now_ns && request->not_before_ns < next_ns)
            next_ns = request->not_before_ns;
        if (next_ns < due_ns)
            due_ns = next_ns;
    }
    return due_ns;
}

/* qm_requests_close answers all that is open: what has left may have been done. */
void
qm_requests_close(QmBinance *binance)
{
    while (binance->flying.first != NULL)
    {
        QmRequest *request = binance->flying.first;

        qm_list_remove(&binance->flying, request);
        binance->in_flight--;
        if (request->sent_us == 0)
            qm_reply_not_sent(request, QM_CAUSE_CLOSED, "the exchange was closed", 0);
        else
        {
            QmExchangeAnswer answer = {.outcome = QM_EXCHANGE_UNKNOWN, .cause = QM_CAUSE_CLOSED};

            answer.message = "the exchange was closed before it answered";
            qm_reply_give(request, &answer);
        }
    }
    while (binance->queue.first != NULL)
    {
        QmRequest *request = binance->queue.first;

        qm_list_remove(&binance->queue, request);
        binance->queued--;
        qm_reply_not_sent(request, QM_CAUSE_CLOSED, "the exchange was closed", 0);
    }
}
