/*
 * The paper exchange's event loop: descriptors, timers, and what is to be done at
 * the end of a turn. It belongs to one thread; only qm_paper_loop_stop may be
 * called from elsewhere.
 */
#ifndef QM_PAPER_LOOP_H
#define QM_PAPER_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A descriptor that is watched. It is its owner's memory and must not be freed by what ready() calls; see loop->turn_end. */
typedef struct QmPaperWatch
{
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT */
    void (*ready)(void *context, uint32_t events);
    void *context;
} QmPaperWatch;

/* A timer, its owner's memory; all 0 is one that is not set. */
typedef struct QmPaperTimer QmPaperTimer;
struct QmPaperTimer
{
    int64_t due_ns;
    void (*fire)(void *context); /* it is not set any more when this is called */
    void *context;
    bool set;
    QmPaperTimer *next; /* due later */
};

typedef struct QmPaperLoop
{
    int epoll;
    int wake; /* eventfd */
    _Atomic bool stopping;
    QmPaperTimer *first;
    int64_t (*prepare)(void *context); /* before each wait: the milliseconds it may take at most, -1 any */
    void (*turn_end)(void *context);
    void *context;
} QmPaperLoop;

extern bool qm_paper_loop_open(QmPaperLoop *loop);
extern void qm_paper_loop_close(QmPaperLoop *loop);
extern bool qm_paper_loop_run(QmPaperLoop *loop);
extern void qm_paper_loop_stop(QmPaperLoop *loop);

extern bool qm_paper_watch_add(QmPaperLoop *loop, QmPaperWatch *watch);
extern bool qm_paper_watch_change(QmPaperLoop *loop, QmPaperWatch *watch, uint32_t events);
extern void qm_paper_watch_remove(QmPaperLoop *loop, QmPaperWatch *watch);

extern int64_t qm_paper_loop_now_ns(void);
extern void qm_paper_timer_set(QmPaperLoop *loop, QmPaperTimer *timer, int64_t in_ms);
extern void qm_paper_timer_drop(QmPaperLoop *loop, QmPaperTimer *timer);

#endif
