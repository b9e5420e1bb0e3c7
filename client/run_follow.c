/*
 * Following a paper exchange: its next step of data comes when all who follow it
 * have asked for it, and this instance asks when it has nothing left to do. So a
 * fast run misses nothing, and gives the same result each time.
 *
 * One request at a time, through libcurl's multi interface, behind one descriptor.
 */
#include <curl/curl.h>

#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <jansson.h>

#include "error.h"
#include "moment.h"

#define URL_SIZE 2048
#define ANSWER_MAX 65536
#define EVENTS_MAX 8

struct QmFollow
{
    CURLM *multi;
    CURL *easy;
    int epoll_fd;
    int timer_fd;
    char url[URL_SIZE];
    char name[QM_NAME_SIZE * 3]; /* as it is written in an address */
    bool asking;
    bool joined;
    bool ended;
    int64_t steps;
    char failure[QM_DETAIL_SIZE];
    size_t length;
    char answer[ANSWER_MAX + 1];
};

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *socket_argument);
static int watch_timer(CURLM *multi, long timeout_ms, void *argument);
static size_t take_body(char *data, size_t size, size_t count, void *argument);
static void begin(QmFollow *follow, const char *call);
static void finished(QmFollow *follow, CURLcode result);

/* qm_follow_open joins those whom the exchange waits for. NULL: error says why. */
QmFollow *
qm_follow_open(const char *url, const char *name, QmError *error)
{
    QmFollow *follow = calloc(1, sizeof(*follow));
    char *escaped;

    if (follow == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    {
        free(follow);
        qm_error_no_memory(error);
        return NULL;
    }
    follow->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    follow->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    follow->multi = curl_multi_init();
    follow->easy = curl_easy_init();
    escaped = follow->easy != NULL ? curl_easy_escape(follow->easy, name, 0) : NULL;
    if (follow->epoll_fd < 0 || follow->timer_fd < 0 || follow->multi == NULL || escaped == NULL)
    {
        curl_free(escaped);
        qm_follow_close(follow);
        qm_error_no_memory(error);
        return NULL;
    }
    qm_text_copy(follow->url, sizeof(follow->url), url);
    qm_text_copy(follow->name, sizeof(follow->name), escaped);
    curl_free(escaped);
    (void) epoll_ctl(follow->epoll_fd,
                     EPOLL_CTL_ADD,
                     follow->timer_fd,
                     &(struct epoll_event){.events = EPOLLIN, .data.fd = follow->timer_fd});
    curl_multi_setopt(follow->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(follow->multi, CURLMOPT_SOCKETDATA, follow);
    curl_multi_setopt(follow->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
    curl_multi_setopt(follow->multi, CURLMOPT_TIMERDATA, follow);
    begin(follow, "follow");
    return follow;
}

/* qm_follow_close stops following, without a word: the exchange sees that the connection has gone. */
void
qm_follow_close(QmFollow *follow)
{
    if (follow == NULL)
        return;
    if (follow->multi != NULL && follow->asking)
        curl_multi_remove_handle(follow->multi, follow->easy);
    curl_easy_cleanup(follow->easy);
    curl_multi_cleanup(follow->multi);
    if (follow->timer_fd >= 0)
        close(follow->timer_fd);
    if (follow->epoll_fd >= 0)
        close(follow->epoll_fd);
    free(follow);
}

/* begin sends a request. */
static void
begin(QmFollow *follow, const char *call)
{
    char url[URL_SIZE + 512];

    snprintf(url, sizeof(url), "%s/admin/%s?name=%s", follow->url, call, follow->name);
    curl_easy_setopt(follow->easy, CURLOPT_URL, url);
    curl_easy_setopt(follow->easy, CURLOPT_POSTFIELDS, "");
    curl_easy_setopt(follow->easy, CURLOPT_POSTFIELDSIZE, 0L);
    curl_easy_setopt(follow->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(follow->easy, CURLOPT_WRITEDATA, follow);
    curl_easy_setopt(follow->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(follow->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(follow->easy, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(follow->easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    follow->length = 0;
    follow->asking = true;
    curl_multi_add_handle(follow->multi, follow->easy);
}

/* qm_follow_ask asks for the next step. */
void
qm_follow_ask(QmFollow *follow)
{
    if (qm_follow_may_ask(follow))
        begin(follow, "step");
}

/* qm_follow_may_ask tells whether a step can be asked for. */
bool
qm_follow_may_ask(const QmFollow *follow)
{
    return follow->joined && !follow->asking && !follow->ended && follow->failure[0] == '\0';
}

/* qm_follow_is_asking tells whether a step was asked for and is not over yet. */
bool
qm_follow_is_asking(const QmFollow *follow)
{
    return follow->asking;
}

/* qm_follow_run does what is due, without waiting. */
void
qm_follow_run(QmFollow *follow)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(follow->epoll_fd, events, EVENTS_MAX, 0);
    CURLMsg *message;
    int running;
    int left;

    for (int i = 0; i < count; i++)
    {
        int fd = events[i].data.fd;
        int what = (events[i].events & (EPOLLIN | EPOLLHUP)) != 0 ? CURL_CSELECT_IN : 0;
        uint64_t expirations;

        if (fd == follow->timer_fd)
        {
            if (read(fd, &expirations, sizeof(expirations)) > 0)
                (void) curl_multi_socket_action(follow->multi, CURL_SOCKET_TIMEOUT, 0, &running);
            continue;
        }
        what |= (events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
        what |= (events[i].events & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0;
        (void) curl_multi_socket_action(follow->multi, fd, what, &running);
    }
    while ((message = curl_multi_info_read(follow->multi, &left)) != NULL)
    {
        if (message->msg == CURLMSG_DONE)
            finished(follow, message->data.result);
    }
}

/* finished takes an answer: the state of the exchange. */
static void
finished(QmFollow *follow, CURLcode result)
{
    long status = 0;
    json_t *root;

    curl_easy_getinfo(follow->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(follow->multi, follow->easy);
    follow->asking = false;
    follow->answer[follow->length] = '\0';
    root = json_loads(follow->answer, 0, NULL);
    if (result != CURLE_OK || status != 200 || root == NULL)
    {
        snprintf(follow->failure,
                 sizeof(follow->failure),
                 "the paper exchange does not answer: %s, status %ld",
                 curl_easy_strerror(result),
                 status);
        json_decref(root);
        return;
    }
    if (follow->joined)
        follow->steps++;
    follow->joined = true;
    follow->ended = json_is_true(json_object_get(root, "ended"));
    json_decref(root);
}

/* take_body keeps what is received. */
static size_t
take_body(char *data, size_t size, size_t count, void *argument)
{
    QmFollow *follow = argument;
    size_t length = size * count;

    if (length > ANSWER_MAX - follow->length)
        return 0;
    memcpy(follow->answer + follow->length, data, length);
    follow->length += length;
    return length;
}

/* watch_socket is told by libcurl which of its sockets it waits for. */
static int
watch_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *socket_argument)
{
    QmFollow *follow = argument;
    struct epoll_event event = {.data.fd = fd};

    (void) easy;
    (void) socket_argument;
    if (what == CURL_POLL_REMOVE)
    {
        (void) epoll_ctl(follow->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    event.events |= (what & CURL_POLL_IN) != 0 ? EPOLLIN : 0;
    event.events |= (what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0;
    return epoll_ctl(follow->epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0 ||
                   epoll_ctl(follow->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0
               ? 0
               : -1;
}

/* watch_timer is told by libcurl when it wants to be called at the latest. */
static int
watch_timer(CURLM *multi, long timeout_ms, void *argument)
{
    QmFollow *follow = argument;
    struct itimerspec when = {0};

    (void) multi;
    if (timeout_ms >= 0)
    {
        when.it_value.tv_sec = timeout_ms / 1000;
        when.it_value.tv_nsec = timeout_ms == 0 ? 1 : timeout_ms % 1000 * QM_NS_PER_MS;
    }
    return timerfd_settime(follow->timer_fd, 0, &when, NULL);
}

/* qm_follow_descriptor returns what is to be polled for reading. */
int
qm_follow_descriptor(const QmFollow *follow)
{
    return follow->epoll_fd;
}

/* qm_follow_ended tells whether the exchange's data have ended. */
bool
qm_follow_ended(const QmFollow *follow)
{
    return follow->ended;
}

/* qm_follow_failure says why following has failed; NULL: it has not. */
const char *
qm_follow_failure(const QmFollow *follow)
{
    return follow->failure[0] != '\0' ? follow->failure : NULL;
}

/* qm_follow_steps returns how many steps were answered. */
int64_t
qm_follow_steps(const QmFollow *follow)
{
    return follow->steps;
}
