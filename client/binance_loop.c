/*
 * The loop: one epoll descriptor that is readable whenever there is something to
 * do. libcurl's sockets, the streams' sockets and one timer are in it.
 */
#include "binance_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "moment.h"

#define EVENTS_MAX 64 /* of one look; more are seen at the next */

static void serve_descriptors(QmBinance *binance);
static void collect_finished(QmBinance *binance);

/* qm_wall_us returns this machine's time. */
int64_t
qm_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* qm_grown_ns returns a clock that only grows, also while the machine sleeps. */
int64_t
qm_grown_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t) now.tv_sec * QM_NS_PER_S + now.tv_nsec;
}

/* qm_binance_run does all that is due, without waiting. */
void
qm_binance_run(QmExchange *exchange)
{
    QmBinance *binance = (QmBinance *) exchange;
    int running;

    serve_descriptors(binance);
    if (binance->curl_due_ns <= qm_grown_ns())
    {
        binance->curl_due_ns = INT64_MAX;
        (void) curl_multi_socket_action(binance->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    collect_finished(binance);
    qm_streams_advance(binance);
    qm_requests_advance(binance);
    qm_binance_rearm(binance);
}

/* serve_descriptors tells libcurl and the streams which of their sockets are ready. */
static void
serve_descriptors(QmBinance *binance)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(binance->epoll_fd, events, EVENTS_MAX, 0);
    int running;

    for (int i = 0; i < count; i++)
    {
        int fd = events[i].data.fd;
        uint32_t ready = events[i].events;
        int what = 0;

        if (fd == binance->timer_fd)
        {
            uint64_t expirations;

            /* Only to make it unreadable; what is due is told by the clock. */
            if (read(fd, &expirations, sizeof(expirations)) < 0)
                continue;
            continue;
        }
        if (qm_streams_serve(binance, fd, ready))
            continue;
        if (ready & (EPOLLIN | EPOLLHUP))
            what |= CURL_CSELECT_IN;
        if (ready & EPOLLOUT)
            what |= CURL_CSELECT_OUT;
        if (ready & EPOLLERR)
            what |= CURL_CSELECT_ERR;
        (void) curl_multi_socket_action(binance->multi, fd, what, &running);
    }
}

/* collect_finished hands what libcurl is through with to its owners. */
static void
collect_finished(QmBinance *binance)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(binance->multi, &left)) != NULL)
    {
        QmTransfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transfer->finished(transfer, message->data.result);
    }
}

/* qm_binance_rearm sets the timer to the next moment at which something is due. */
void
qm_binance_rearm(QmBinance *binance)
{
    int64_t now_ns = qm_grown_ns();
    int64_t due_ns = qm_requests_due_ns(binance);
    int64_t streams_ns = qm_streams_due_ns(binance);
    struct itimerspec when = {0};

    if (binance->curl_due_ns < due_ns)
        due_ns = binance->curl_due_ns;
    if (streams_ns < due_ns)
        due_ns = streams_ns;
    if (due_ns != INT64_MAX)
    {
        int64_t wait_ns = due_ns > now_ns ? due_ns - now_ns : 1; /* 0 would stop the timer */

        when.it_value.tv_sec = wait_ns / QM_NS_PER_S;
        when.it_value.tv_nsec = wait_ns % QM_NS_PER_S;
    }
    (void) timerfd_settime(binance->timer_fd, 0, &when, NULL);
}

/* qm_binance_watch has the loop look at a socket. */
bool
qm_binance_watch(QmBinance *binance, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    return epoll_ctl(binance->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0 ||
           epoll_ctl(binance->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* qm_binance_unwatch has the loop look away from a socket, which may be closed already. */
void
qm_binance_unwatch(QmBinance *binance, int fd)
{
    (void) epoll_ctl(binance->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

/* qm_loop_socket is told by libcurl which of its sockets it waits for. */
int
qm_loop_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *socket_argument)
{
    QmBinance *binance = argument;
    uint32_t events = 0;

    (void) easy;
    (void) socket_argument;
    if (what == CURL_POLL_REMOVE)
    {
        qm_binance_unwatch(binance, fd);
        return 0;
    }
    if (what & CURL_POLL_IN)
        events |= EPOLLIN;
    if (what & CURL_POLL_OUT)
        events |= EPOLLOUT;
    return qm_binance_watch(binance, fd, events) ? 0 : -1;
}

/* qm_loop_timer is told by libcurl when it wants to be called at the latest. */
int
qm_loop_timer(CURLM *multi, long timeout_ms, void *argument)
{
    QmBinance *binance = argument;

    (void) multi;
    binance->curl_due_ns = timeout_ms < 0 ? INT64_MAX : qm_grown_ns() + timeout_ms * QM_NS_PER_MS;
    return 0;
}

/* qm_binance_common sets what all handles have in common: nothing is taken from the environment, TLS is verified. */
void
qm_binance_common(QmBinance *binance, CURL *easy, QmTransfer *transfer, char *failure)
{
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, failure);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, binance->options.proxy);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long) binance->options.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (binance->options.ca_file != NULL)
    {
        curl_easy_setopt(easy, CURLOPT_CAINFO, binance->options.ca_file);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
}

/* qm_binance_tell passes an event on to whoever listens. */
void
qm_binance_tell(QmBinance *binance, const QmExchangeEvent *event)
{
    if (binance->options.listener != NULL)
        binance->options.listener(binance->options.listener_argument, event);
}

/* qm_binance_scrub makes sure that a text which the exchange had a part in does not bring a key back. */
void
qm_binance_scrub(const QmBinance *binance, char *text, size_t size)
{
    const char *keys[] = {binance->options.api_key, binance->options.secret_key};

    for (size_t i = 0; i < 2; i++)
        if (keys[i] != NULL && strstr(text, keys[i]) != NULL)
            snprintf(text, size, "a message that had a key in it");
}

/* qm_binance_notice tells the operator something. */
void
qm_binance_notice(QmBinance *binance, const char *format, ...)
{
    QmExchangeEvent event = {.kind = QM_HEARD_NOTICE};
    char text[QM_DETAIL_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    qm_binance_scrub(binance, text, sizeof(text));
    event.text = text;
    qm_binance_tell(binance, &event);
}
