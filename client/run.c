/*
 * A running instance: its loop, when it may trade, and how it stops.
 *
 * Everything happens in one thread, behind one epoll descriptor: the exchanges, a
 * timer, signals, the steps of a paper exchange. A pass takes in all that there is,
 * and only then lets the grids wish.
 */
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "moment.h"

#define STOP_MS 30000      /* how long what is to be done at the end is waited for */
#define STOP_ASK_MS 10000  /* ... and what may have been missed is asked for */
#define STOP_STORE_MS 2000 /* ... of a store that is gone, which has to come back for that */
#define SAVE_EVERY_MS 1000
#define SAVE_LATE_MS 9000 /* so much later while calls are under way: an answer does not wait for the disk, then */
#define PROGRESS_EVERY_MS 500
#define EVENTS_MAX 16

static void loop(QmRun *run);
static void follow_on(QmRun *run);
static void take_in(QmRun *run);
static void take_signals(QmRun *run);
static bool more_to_read(const QmRun *run);
static bool may_wish(const QmRun *run);
static bool is_placing(const QmRun *run);
static void take_turns(QmRun *run);
static bool is_idle(QmRun *run);
static void look_after_stop(QmRun *run);
static bool is_awaited(const QmRun *run);
static void save_at_end(QmRun *run);
static void wait_for_more(QmRun *run);
static int64_t next_due(QmRun *run);

/* qm_run_now_ns returns a clock that only grows. */
int64_t
qm_run_now_ns(void)
{
    return qm_monotonic_ns();
}

/* qm_run_wall_us returns this machine's time. */
int64_t
qm_run_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* qm_run_instance runs an instance until it is told to stop or cannot go on, and returns the exit code. */
QmExit
qm_run_instance(const QmRunOptions *options)
{
    QmRun *run = calloc(1, sizeof(*run));
    QmExit exit_code;

    if (run == NULL)
        return qm_say_no_memory();
    run->options = *options;
    run->config = options->config;
    run->epoll_fd = run->timer_fd = run->signal_fd = -1;
    run->began_ns = qm_run_now_ns();
    qm_log_open(&run->log, options->log_descriptor, run->config->system.log_level, options->json);
    if (qm_run_open(run))
        loop(run);
    qm_run_say_end(run);
    qm_run_close(run);
    exit_code = run->exit_code;
    free(run);
    return exit_code;
}

/* loop goes on until the instance has ended. */
static void
loop(QmRun *run)
{
    while (!run->ended)
    {
        take_in(run);
        if (run->follow != NULL && more_to_read(run))
            continue;
        if (may_wish(run))
            take_turns(run);
        if (run->stopping)
            look_after_stop(run);
        else if (run->follow != NULL)
            follow_on(run);
        if (!run->ended)
            wait_for_more(run);
    }
}

/* follow_on asks for the next step of data when nothing is left to do, and ends with the data. */
static void
follow_on(QmRun *run)
{
    if (!is_idle(run))
        return;
    if (qm_follow_ended(run->follow))
    {
        qm_run_stop(run, "the exchange's data have ended", QM_EXIT_OK);
        take_turns(run);
        look_after_stop(run);
    }
    else if (qm_follow_may_ask(run->follow))
        qm_follow_ask(run->follow);
}

/* take_in lets everybody do what is due, and takes in what there is. */
static void
take_in(QmRun *run)
{
    take_signals(run);
    if (run->follow != NULL)
    {
        qm_follow_run(run->follow);
        run->steps = qm_follow_steps(run->follow);
        if (qm_follow_failure(run->follow) != NULL && !run->stopping)
            qm_run_stop(run, qm_follow_failure(run->follow), QM_EXIT_CONNECT);
    }
    qm_run_store_look(run);
    qm_run_locks_look(run);
    for (size_t i = 0; i < run->account_count; i++)
    {
        run->accounts[i].exchange->functions->run(run->accounts[i].exchange);
        qm_run_account_advance(&run->accounts[i]);
    }
    qm_run_member_advance(run);
    for (size_t i = 0; i < run->market_count; i++)
        qm_run_resync_advance(&run->markets[i]);
}

/* take_signals takes the first signal as a wish to stop, and the second as one to end now. */
static void
take_signals(QmRun *run)
{
    struct signalfd_siginfo signal_info;

    while (read(run->signal_fd, &signal_info, sizeof(signal_info)) == (ssize_t) sizeof(signal_info))
    {
        if (!run->stopping)
        {
            qm_run_stop(run, strsignal((int) signal_info.ssi_signo), QM_EXIT_OK);
            continue;
        }
        qm_log(&run->log, QM_LOG_WARN, "ended at once, by a second signal");
        run->exit_code = (QmExit) (128 + (int) signal_info.ssi_signo);
        run->ended = true;
    }
}

/* more_to_read tells whether an exchange has told something that was not taken in yet. */
static bool
more_to_read(const QmRun *run)
{
    for (size_t i = 0; i < run->account_count; i++)
    {
        const QmExchange *exchange = run->accounts[i].exchange;
        struct pollfd readable = {.fd = exchange->functions->descriptor(exchange), .events = POLLIN};

        if (poll(&readable, 1, 0) > 0)
            return true;
    }
    return false;
}

/*
 * may_wish tells whether the grids may have their turn. Where a paper exchange is
 * followed, they have it when a step is over and every order and cancel is answered:
 * what they wish must not depend on which of two answers was read first.
 */
static bool
may_wish(const QmRun *run)
{
    return run->follow == NULL || (!is_placing(run) && !qm_follow_is_asking(run->follow));
}

/* is_placing tells whether an answer to a placement or a cancel is awaited. */
static bool
is_placing(const QmRun *run)
{
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].in_flight > 0)
            return true;
    }
    return false;
}

/* take_turns lets every grid wish, and saves now and then what has changed. */
static void
take_turns(QmRun *run)
{
    int64_t now_ns = qm_run_now_ns();

    for (size_t i = 0; i < run->market_count; i++)
        qm_run_market_turn(&run->markets[i]);
    if (run->save_due_ns <= now_ns && (!is_placing(run) || run->save_due_ns + SAVE_LATE_MS * QM_NS_PER_MS <= now_ns))
    {
        for (size_t i = 0; i < run->market_count && !run->store_lost; i++)
        {
            if (run->markets[i].sync == QM_RUN_SYNCED)
                (void) qm_run_market_save(&run->markets[i]);
        }
        run->save_due_ns = now_ns + SAVE_EVERY_MS * QM_NS_PER_MS;
    }
    if (run->progress_due_ns <= now_ns)
    {
        qm_run_progress(run);
        run->progress_due_ns = now_ns + PROGRESS_EVERY_MS * QM_NS_PER_MS;
    }
}

/*
 * qm_run_may_trade tells whether an order may leave for a market's exchange now:
 * reports are heard, everything missed was asked for, in all markets of the account, since
 * its reports are held back until then; the store is there, the exchange has not asked for
 * a rest.
 */
bool
qm_run_may_trade(const QmRunMarket *market)
{
    const QmRunAccount *account = market->account;
    const QmMember *member = market->run->member;

    return market->owned && market->sync == QM_RUN_SYNCED && account->user_up && !account->draining &&
           !account->unusable && qm_run_store_is_known(market->run) && account->retry_ns <= qm_run_now_ns() &&
           (member == NULL || qm_member_trusted_until_us(member) > qm_member_now_us());
}

/*
 * qm_run_may_cancel tells whether a cancel may leave for a market's exchange now. It
 * takes no more than that the market is this instance's, that it can be recorded, and
 * that the exchange listens: what is canceled cannot be lost, only filled.
 */
bool
qm_run_may_cancel(const QmRunMarket *market)
{
    return market->owned && !market->run->store_lost && market->account->ban_ns <= qm_run_now_ns();
}

/* qm_run_send_before returns until when an order may leave: as long as the store allows, and this instance's life is sure. */
int64_t
qm_run_send_before(const QmRunMarket *market, int64_t send_before_us)
{
    const QmMember *member = market->run->member;
    int64_t trusted_us;

    if (member == NULL)
        return send_before_us;
    trusted_us = qm_run_wall_us() + (qm_member_trusted_until_us(member) - qm_member_now_us());
    return trusted_us < send_before_us ? trusted_us : send_before_us;
}

/* is_idle tells whether nothing is left to do before the exchange's next step: no call, no doubt, no pause. */
static bool
is_idle(QmRun *run)
{
    for (size_t i = 0; i < run->account_count; i++)
    {
        const QmRunAccount *account = &run->accounts[i];

        if (account->calls > 0 || !account->balances_known || !account->user_up || !account->market_up ||
            account->draining || account->retry_ns > qm_run_now_ns() || account->orders_retry_ns > qm_run_now_ns())
            return false;
    }
    for (size_t i = 0; i < run->market_count; i++)
    {
        const QmRunMarket *market = &run->markets[i];

        if (!market->owned)
            continue;
        if (market->sync != QM_RUN_SYNCED || !market->loaded || market->dirty || market->in_flight > 0 ||
            market->asking > 0 || market->trades_gap > 0 || market->filters_due)
            return false;
        for (size_t j = 0; j < market->order_count; j++)
        {
            if (market->orders[j]->phase != QM_RUN_KNOWN)
                return false;
        }
    }
    return !run->store_lost && qm_run_member_settled(run);
}

/* qm_run_stop begins the end: nothing new is placed, and what is under way is waited for. */
void
qm_run_stop(QmRun *run, const char *why, QmExit exit_code)
{
    if (run->stopping)
        return;
    run->stopping = true;
    run->exit_code = exit_code;
    run->stop_by_ns = qm_run_now_ns() + STOP_MS * QM_NS_PER_MS;
    run->store_retry_ns = 0; /* one that is gone is asked once more at once, whatever its pause */
    qm_log(&run->log, exit_code == QM_EXIT_OK ? QM_LOG_INFO : QM_LOG_ERROR, "stopping", "why", why);
    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];

        market->dirty = true;
        qm_run_resync_hurry(market);
        if (market->grid != NULL && market->loaded)
            qm_grid_exit(market->grid, run->config->system.cancel_on_exit, run->config->system.close_positions_on_exit);
    }
}

/* look_after_stop ends the instance when nothing is left to be done or waited for, or the time for that is over. */
static void
look_after_stop(QmRun *run)
{
    bool late = run->stop_by_ns <= qm_run_now_ns();
    QmRunExit exit = QM_RUN_EXIT_DONE;

    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];
        QmRunExit of_market = market->in_flight > 0 ? QM_RUN_EXIT_BUSY : qm_run_exit_state(market);

        if (of_market < exit)
            exit = of_market;
    }
    if ((exit == QM_RUN_EXIT_BUSY && !late) || is_awaited(run))
        return;
    save_at_end(run);
    if (is_awaited(run))
        return; /* the store has failed, or another one has answered */
    if (exit != QM_RUN_EXIT_DONE)
    {
        qm_run_exit_say(run);
        run->exit_code = run->exit_code == QM_EXIT_OK ? QM_EXIT_ATTENTION : run->exit_code;
    }
    if (run->member != NULL && qm_member_leave(run->member) != QM_OK)
        qm_log(&run->log,
               QM_LOG_WARN,
               "the server was not told of the end: others wait for it",
               "reason",
               qm_member_error(run->member)->message);
    run->ended = true;
}

/*
 * is_awaited tells whether the end waits for what is asked of an exchange: it may have been missed, and without it no grid
 * is saved. A market for which that comes to nothing is nothing that an operator has to look after.
 */
static bool
is_awaited(const QmRun *run)
{
    int64_t since_ns = qm_run_now_ns() - (run->stop_by_ns - STOP_MS * QM_NS_PER_MS);

    if (since_ns >= (run->store_lost ? STOP_STORE_MS : STOP_ASK_MS) * QM_NS_PER_MS)
        return false;
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].asking > 0 || qm_run_resync_is_awaited(&run->markets[i]))
            return true;
    }
    return false;
}

/* save_at_end saves the grids and marks of the markets of which all is known, and tells which are not. */
static void
save_at_end(QmRun *run)
{
    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];
        bool saved =
            !run->store_lost && market->sync == QM_RUN_SYNCED && qm_run_market_save(market) && qm_run_mark_save(market);

        if (market->owned && market->loaded && !saved && !is_awaited(run))
            qm_log(&run->log,
                   QM_LOG_WARN,
                   "the last state is not saved: the next start makes it from the orders",
                   QM_LOG_MARKET(market));
    }
}

/* wait_for_more waits until there is something to read, or something is due. */
static void
wait_for_more(QmRun *run)
{
    struct epoll_event events[EVENTS_MAX];
    int64_t due_ns = next_due(run);
    int64_t wait_ns = due_ns - qm_run_now_ns();
    struct itimerspec when = {0};
    uint64_t expirations;
    int count;

    if (wait_ns < 1)
        wait_ns = 1;
    when.it_value.tv_sec = wait_ns / QM_NS_PER_S;
    when.it_value.tv_nsec = wait_ns % QM_NS_PER_S;
    (void) timerfd_settime(run->timer_fd, 0, &when, NULL);
    count = epoll_wait(run->epoll_fd, events, EVENTS_MAX, -1);
    if (count < 0 && errno != EINTR)
        qm_run_stop(run, strerror(errno), QM_EXIT_INTERNAL);
    while (read(run->timer_fd, &expirations, sizeof(expirations)) > 0)
        continue;
}

/* next_due returns when something is due by itself; orders that are to be asked for are asked here. */
static int64_t
next_due(QmRun *run)
{
    int64_t due_ns = qm_run_now_ns() + QM_NS_PER_S;

    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];
        /* Without a store an answer cannot be booked; at the end it still tells what there is to cancel. */
        int64_t ask_ns = run->store_lost && !run->stopping ? INT64_MAX : qm_run_orders_ask(market);

        if (ask_ns < due_ns)
            due_ns = ask_ns;
        if (market->sync == QM_RUN_STALE && market->sync_due_ns < due_ns && market->sync_due_ns > qm_run_now_ns())
            due_ns = market->sync_due_ns;
        if (market->more)
            due_ns = qm_run_now_ns();
        market->more = false;
        if (market->dirty && market->account->retry_ns < due_ns && market->account->retry_ns > qm_run_now_ns())
            due_ns = market->account->retry_ns;
        if (market->account->orders_retry_ns < due_ns && market->account->orders_retry_ns > qm_run_now_ns())
            due_ns = market->account->orders_retry_ns;
    }
    if (!run->settled && run->follow != NULL && run->member != NULL && run->settle_due_ns < due_ns)
        due_ns = run->settle_due_ns;
    if (run->member != NULL)
    {
        int64_t member_us = qm_member_due_us(run->member) - qm_member_now_us();

        if (member_us < (due_ns - qm_run_now_ns()) / 1000)
            due_ns = qm_run_now_ns() + member_us * 1000;
    }
    if (run->store_lost && run->store_retry_ns < due_ns)
        due_ns = run->store_retry_ns;
    if (run->locks_lost && run->locks_retry_ns < due_ns)
        due_ns = run->locks_retry_ns;
    if (run->log.progress && run->progress_due_ns < due_ns)
        due_ns = run->progress_due_ns;
    return due_ns;
}
