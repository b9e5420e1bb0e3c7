/*
 * The paper exchange's event loop, on epoll.
 */
#include "paper_loop.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "moment.h"

#define EVENTS_MAX 64

static int wait_ms(const QmPaperLoop *loop, int64_t most_ms);
static void fire_due(QmPaperLoop *loop);

/* qm_paper_loop_open makes a loop; false when the system has no more descriptors. */
bool
qm_paper_loop_open(QmPaperLoop *loop)
{
    struct epoll_event event = {.events = EPOLLIN};

    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return loop->epoll >= 0 && loop->wake >= 0 && epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) == 0;
}

/* qm_paper_loop_close frees what the loop itself holds. */
void
qm_paper_loop_close(QmPaperLoop *loop)
{
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->wake >= 0)
        close(loop->wake);
    loop->epoll = loop->wake = -1;
}

/* qm_paper_loop_run takes turns until the loop is stopped. False: the system failed. */
bool
qm_paper_loop_run(QmPaperLoop *loop)
{
    struct epoll_event events[EVENTS_MAX];

    while (!atomic_load(&loop->stopping))
    {
        int count = epoll_wait(loop->epoll, events, EVENTS_MAX, wait_ms(loop, loop->prepare(loop->context)));

        if (count < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < count; i++)
        {
            const QmPaperWatch *watch = events[i].data.ptr;

            if (watch != NULL)
                watch->ready(watch->context, events[i].events);
        }
        fire_due(loop);
        loop->turn_end(loop->context);
    }
    return true;
}

/* qm_paper_loop_stop ends the loop after the turn; signal handlers and other threads may call it. */
void
qm_paper_loop_stop(QmPaperLoop *loop)
{
    const uint64_t one = 1;
    int before = errno;

    atomic_store(&loop->stopping, true);
    if (write(loop->wake, &one, sizeof(one)) < 0)
        errno = before; /* the counter is full: it wakes as well */
}

/* wait_ms returns how long to wait: until the first timer, and not longer than it may. */
static int
wait_ms(const QmPaperLoop *loop, int64_t most_ms)
{
    int64_t left_ms;

    if (loop->first != NULL)
    {
        left_ms = (loop->first->due_ns - qm_paper_loop_now_ns() + QM_NS_PER_MS - 1) / QM_NS_PER_MS;
        left_ms = left_ms < 0 ? 0 : left_ms;
        most_ms = most_ms < 0 || most_ms > left_ms ? left_ms : most_ms;
    }
    return most_ms < 0 ? -1 : most_ms > 60000 ? 60000 : (int) most_ms;
}

static void
fire_due(QmPaperLoop *loop)
{
    int64_t now_ns = qm_paper_loop_now_ns();

    while (loop->first != NULL && loop->first->due_ns <= now_ns)
    {
        QmPaperTimer *timer = loop->first;

        loop->first = timer->next;
        timer->set = false;
        timer->fire(timer->context);
    }
}

/* qm_paper_watch_add watches a descriptor. */
bool
qm_paper_watch_add(QmPaperLoop *loop, QmPaperWatch *watch)
{
    struct epoll_event event = {.events = watch->events, .data.ptr = watch};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) == 0;
}

/* qm_paper_watch_change watches for something else. */
bool
qm_paper_watch_change(QmPaperLoop *loop, QmPaperWatch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->events == events)
        return true;
    watch->events = events;
    return epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) == 0;
}

/* qm_paper_watch_remove watches no longer. */
void
qm_paper_watch_remove(QmPaperLoop *loop, QmPaperWatch *watch)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
}

/* qm_paper_loop_now_ns reads the monotonic clock. */
int64_t
qm_paper_loop_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * QM_NS_PER_S + now.tv_nsec;
}

/* qm_paper_timer_set sets a timer, anew if it is set. Of two that are due at one time the first set fires first. */
void
qm_paper_timer_set(QmPaperLoop *loop, QmPaperTimer *timer, int64_t in_ms)
{
    QmPaperTimer **place = &loop->first;

    qm_paper_timer_drop(loop, timer);
    timer->due_ns = qm_paper_loop_now_ns() + in_ms * QM_NS_PER_MS;
    while (*place != NULL && (*place)->due_ns <= timer->due_ns)
        place = &(*place)->next;
    timer->next = *place;
    timer->set = true;
    *place = timer;
}

/* qm_paper_timer_drop makes sure that a timer is not set. */
void
qm_paper_timer_drop(QmPaperLoop *loop, QmPaperTimer *timer)
{
    QmPaperTimer **place = &loop->first;

    if (!timer->set)
        return;
    while (*place != timer)
        place = &(*place)->next;
    *place = timer->next;
    timer->set = false;
}
