/*
 * Binance spot: opening and closing. The rest is in the other files of this name:
 * loop (descriptors and timer), calls, rest (requests), reply, answer and event
 * (reading), error (classes), query (signing), streams and socket (WebSocket).
 */
#include "binance_inside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "error.h"

#define RECV_WINDOW_MAX_MS 60000
#define DURATION_MAX_MS 3600000
#define KEY_MAX 256 /* bytes of a key or a secret */

static QmCode take_options(QmBinance *binance, const QmBinanceOptions *options);
static QmCode check_options(QmBinance *binance);
static bool make_loop(QmBinance *binance);

/* qm_binance_open makes an exchange; nothing is connected yet. NULL, and error says why. */
QmExchange *
qm_binance_open(const QmBinanceOptions *options, QmError *error)
{
    QmBinance *binance = calloc(1, sizeof(*binance));

    qm_error_clear(error);
    if (binance == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    {
        free(binance);
        qm_error_no_memory(error);
        return NULL;
    }
    binance->base.functions = &qm_binance_functions;
    binance->epoll_fd = binance->timer_fd = -1;
    binance->curl_due_ns = binance->clock_due_ns = INT64_MAX;
    binance->queue.end = &binance->queue.first;
    binance->flying.end = &binance->flying.first;
    if (take_options(binance, options) != QM_OK || check_options(binance) != QM_OK)
        qm_error_copy(error, &binance->error);
    else if (!make_loop(binance))
        qm_error_set(error, QM_ERROR_LIMIT, "53400", NULL, "binance: no memory or no descriptor is left");
    else
    {
        if (binance->options.api_key != NULL)
            qm_binance_measure_clock(binance);
        return &binance->base;
    }
    qm_binance_close(&binance->base);
    return NULL;
}

/* copied replaces a text of the options by a copy, or by one of its default. */
static bool
copied(const char **text, const char *otherwise)
{
    const char *from = *text == NULL ? otherwise : *text;

    *text = NULL;
    if (from == NULL)
        return true;
    *text = strdup(from);
    return *text != NULL;
}

static void
default_ms(int64_t *value, int64_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void
default_size(size_t *value, size_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

/* take_options copies the options, with defaults where there is nothing. */
static QmCode
take_options(QmBinance *binance, const QmBinanceOptions *options)
{
    QmBinanceOptions *own = &binance->options;
    bool fine;

    *own = *options;
    /* All of them, whatever comes of one: closing frees what is there. */
    fine = copied(&own->rest_url, "https://api.binance.com");
    fine = copied(&own->ws_api_url, "wss://ws-api.binance.com:443/ws-api/v3") && fine;
    fine = copied(&own->stream_url, "wss://stream.binance.com:9443") && fine;
    fine = copied(&own->api_key, NULL) && fine;
    fine = copied(&own->secret_key, NULL) && fine;
    fine = copied(&own->ca_file, NULL) && fine;
    fine = copied(&own->proxy, "") && fine;
    default_ms(&own->recv_window_ms, 5000);
    default_ms(&own->connect_timeout_ms, 5000);
    default_ms(&own->request_timeout_ms, 10000);
    default_ms(&own->silence_ms, 60000);
    default_ms(&own->reconnect_ms, 30000);
    default_ms(&own->clock_ms, 600000);
    default_size(&own->queue_max, 1000);
    default_size(&own->in_flight_max, 8);
    default_size(&own->response_max, 8 * 1024 * 1024);
    default_size(&own->message_max, 1024 * 1024);
    default_size(&own->buffer_max, 10000);
    binance->budget = own->budget;
    if (own->budget == NULL)
    {
        binance->budget = qm_budget_local();
        binance->budget_owned = true;
    }
    if (!fine || binance->budget == NULL)
        return qm_error_no_memory(&binance->error);
    return QM_OK;
}

/* is_plain says whether a key is printable and of reasonable length: it goes into a header. */
static bool
is_plain(const char *text)
{
    size_t length = strlen(text);

    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return length > 0 && length <= KEY_MAX;
}

static bool
begins(const char *text, const char *with, const char *or_with)
{
    return strncmp(text, with, strlen(with)) == 0 || strncmp(text, or_with, strlen(or_with)) == 0;
}

/* check_options refuses what cannot work. */
static QmCode
check_options(QmBinance *binance)
{
    const QmBinanceOptions *own = &binance->options;
    const int64_t durations[] = {own->recv_window_ms,
                                 own->connect_timeout_ms,
                                 own->request_timeout_ms,
                                 own->silence_ms,
                                 own->reconnect_ms,
                                 own->clock_ms};
    const char *fault = NULL;

    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++)
        if (durations[i] < 1 || durations[i] > DURATION_MAX_MS)
            fault = "a duration is not between 1 ms and an hour";
    if (own->recv_window_ms > RECV_WINDOW_MAX_MS)
        fault = "recv_window_ms is more than 60000";
    if (!begins(own->rest_url, "https://", "http://") || strlen(own->rest_url) > KEY_MAX)
        fault = "rest_url has to begin with https:// or http://";
    if (!begins(own->ws_api_url, "wss://", "ws://") || !begins(own->stream_url, "wss://", "ws://") ||
        strlen(own->ws_api_url) > KEY_MAX || strlen(own->stream_url) > KEY_MAX)
        fault = "ws_api_url and stream_url have to begin with wss:// or ws://";
    if ((own->api_key == NULL) != (own->secret_key == NULL))
        fault = "api_key and secret_key belong together";
    if (own->api_key != NULL && own->secret_key != NULL && !(is_plain(own->api_key) && is_plain(own->secret_key)))
        fault = "api_key and secret_key have to be printable, without spaces, and at most 256 bytes";
    if (fault != NULL)
        return qm_error_set(&binance->error, QM_ERROR_ARGUMENT, "22023", NULL, "binance: %s", fault);
    return QM_OK;
}

/* make_loop makes the descriptors and libcurl's own loop. */
static bool
make_loop(QmBinance *binance)
{
    long connections = (long) binance->options.in_flight_max + 2; /* the streams have one each */

    binance->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    binance->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    binance->multi = curl_multi_init();
    if (binance->epoll_fd < 0 || binance->timer_fd < 0 || binance->multi == NULL ||
        !qm_binance_watch(binance, binance->timer_fd, EPOLLIN))
        return false;
    curl_multi_setopt(binance->multi, CURLMOPT_SOCKETFUNCTION, qm_loop_socket);
    curl_multi_setopt(binance->multi, CURLMOPT_SOCKETDATA, binance);
    curl_multi_setopt(binance->multi, CURLMOPT_TIMERFUNCTION, qm_loop_timer);
    curl_multi_setopt(binance->multi, CURLMOPT_TIMERDATA, binance);
    curl_multi_setopt(binance->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    return qm_streams_make(binance);
}

/* forget frees a text that may be secret. */
static void
forget(const char *text)
{
    char *own = (char *) text;

    if (own == NULL)
        return;
    OPENSSL_cleanse(own, strlen(own));
    free(own);
}

/* qm_binance_close answers what is open, closes all connections and frees the exchange. */
void
qm_binance_close(QmExchange *exchange)
{
    QmBinance *binance = (QmBinance *) exchange;

    binance->closing = true;
    qm_requests_close(binance);
    qm_streams_close(binance);
    if (binance->multi != NULL)
        (void) curl_multi_cleanup(binance->multi);
    if (binance->timer_fd >= 0)
        close(binance->timer_fd);
    if (binance->epoll_fd >= 0)
        close(binance->epoll_fd);
    if (binance->budget_owned && binance->budget != NULL)
        binance->budget->functions->free(binance->budget);
    forget(binance->options.rest_url);
    forget(binance->options.ws_api_url);
    forget(binance->options.stream_url);
    forget(binance->options.api_key);
    forget(binance->options.secret_key);
    forget(binance->options.ca_file);
    forget(binance->options.proxy);
    free(binance);
    curl_global_cleanup();
}
