/*
 * Keeper: the thread beside a lock handle that renews what it holds and calls
 * back when something is lost.
 *
 * It sleeps until a hold has to be renewed or is no longer to be trusted, until
 * the list changes, or until the connection of session locks is hung up. It
 * never touches the handle's own connection: renewals have one of their own, and
 * what it watches is a copy of the socket, for hang-ups only.
 */
#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "moment.h"

#define RENEW_AGAIN_PART 20 /* of the TTL, after a renewal that failed */
#define RENEW_AGAIN_MIN_MS 10

static void *keeper_main(void *argument);
static bool expire_one(QmHolder *holder);
static bool renew_one(QmHolder *holder);
static int64_t next_event(const QmHolder *holder);
static void sleep_until(QmHolder *holder, int64_t event_ns);

/* qm_keeper_start starts the thread, with all signals blocked: they are the program's. */
QmCode
qm_keeper_start(QmHolder *holder, QmError *error)
{
    sigset_t all;
    sigset_t before;
    int fault;

    holder->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (holder->wake_fd < 0)
        return qm_error_set(error, QM_ERROR_LIMIT, "53000", NULL, "cannot make an event: error %d", errno);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    fault = pthread_create(&holder->thread, NULL, keeper_main, holder);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (fault != 0)
    {
        close(holder->wake_fd);
        return qm_error_set(error, QM_ERROR_LIMIT, "53000", NULL, "cannot start a thread: error %d", fault);
    }
    holder->keeping = true;
    return QM_OK;
}

/* qm_keeper_stop ends the thread and waits for it; a callback or a renewal that is under way ends first. */
void
qm_keeper_stop(QmHolder *holder)
{
    if (holder->keeping)
    {
        pthread_mutex_lock(&holder->mutex);
        holder->stopping = true;
        pthread_mutex_unlock(&holder->mutex);
        qm_keeper_wake(holder);
        pthread_join(holder->thread, NULL);
        holder->keeping = false;
    }
    if (holder->wake_fd >= 0)
        close(holder->wake_fd);
    if (holder->watch_fd >= 0)
        close(holder->watch_fd);
    holder->wake_fd = holder->watch_fd = -1;
}

/* qm_keeper_wake makes the thread look at the list again. */
void
qm_keeper_wake(QmHolder *holder)
{
    uint64_t one = 1;

    /* It can only fail when the counter is full, and that wakes as well. */
    if (holder->keeping)
        (void) !write(holder->wake_fd, &one, sizeof(one));
}

/* qm_keeper_watch makes the thread watch a connection's socket for hang-ups, unless it does already. */
void
qm_keeper_watch(QmHolder *holder, int fd, long connection)
{
    if (!holder->keeping)
        return;
    pthread_mutex_lock(&holder->mutex);
    if (holder->watch_connection != connection)
    {
        if (holder->watch_fd >= 0)
            close(holder->watch_fd);
        holder->watch_fd = fd < 0 ? -1 : dup(fd);
        holder->watch_connection = connection;
    }
    pthread_mutex_unlock(&holder->mutex);
    qm_keeper_wake(holder);
}

/* keeper_main is the thread. */
static void *
keeper_main(void *argument)
{
    QmHolder *holder = argument;

    pthread_mutex_lock(&holder->mutex);
    while (!holder->stopping)
    {
        if (!expire_one(holder) && !renew_one(holder))
            sleep_until(holder, next_event(holder));
    }
    pthread_mutex_unlock(&holder->mutex);
    return NULL;
}

/* expire_one loses one hold whose time of trust is over; false when there is none. */
static bool
expire_one(QmHolder *holder)
{
    int64_t now = qm_monotonic_ns();

    for (QmHold *hold = holder->holds; hold != NULL; hold = hold->next)
    {
        if (!hold->lost && hold->grant.trusted_until_ns <= now)
        {
            qm_holder_lose(holder, hold, QM_LOSS_EXPIRED);
            return true;
        }
    }
    return false;
}

/*
 * renew_one renews one hold that is due, without the mutex meanwhile; false when
 * there is none. It takes at most half of the time that is left until the first
 * hold of the list expires, so that each loss is noticed in time.
 */
static bool
renew_one(QmHolder *holder)
{
    int64_t now = qm_monotonic_ns();
    int64_t first_ns = INT64_MAX;
    QmHold *due = NULL;
    QmHold copy;
    QmCode code;

    for (QmHold *hold = holder->holds; hold != NULL && holder->renew != NULL; hold = hold->next)
    {
        if (hold->lost)
            continue;
        if (hold->renew_at_ns <= now && (due == NULL || hold->renew_at_ns < due->renew_at_ns))
            due = hold;
        if (hold->grant.trusted_until_ns < first_ns)
            first_ns = hold->grant.trusted_until_ns;
    }
    if (due == NULL)
        return false;
    copy = *due;
    pthread_mutex_unlock(&holder->mutex);
    code = holder->renew(holder->renew_argument, &copy, now + (first_ns - now) / 2);
    if (code == QM_OK || code == QM_NOT_HELD)
        (void) qm_holder_extended(holder, &copy, code, now, copy.ttl_ms, NULL);
    pthread_mutex_lock(&holder->mutex);
    due = qm_holder_find(holder, copy.key, copy.number);
    if (due != NULL && code != QM_OK && code != QM_NOT_HELD)
    {
        int64_t pause_ms = copy.ttl_ms / RENEW_AGAIN_PART;

        due->renew_at_ns =
            qm_moment_after(qm_monotonic_ns(), pause_ms < RENEW_AGAIN_MIN_MS ? RENEW_AGAIN_MIN_MS : pause_ms);
    }
    return true;
}

/* next_event returns when the next hold has to be renewed or expires. */
static int64_t
next_event(const QmHolder *holder)
{
    int64_t event_ns = INT64_MAX;

    for (const QmHold *hold = holder->holds; hold != NULL; hold = hold->next)
    {
        if (hold->lost)
            continue;
        if (hold->grant.trusted_until_ns < event_ns)
            event_ns = hold->grant.trusted_until_ns;
        if (holder->renew != NULL && hold->renew_at_ns < event_ns)
            event_ns = hold->renew_at_ns;
    }
    return event_ns;
}

/* sleep_until sleeps, without the mutex, until a moment, a change of the list, or a hang-up, which loses session locks. */
static void
sleep_until(QmHolder *holder, int64_t event_ns)
{
    struct pollfd descriptors[2] = {{.fd = holder->wake_fd, .events = POLLIN},
                                    {.fd = holder->watch_fd, .events = POLLRDHUP}};
    long connection = holder->watch_connection;
    uint64_t count;
    int ready;

    pthread_mutex_unlock(&holder->mutex);
    ready = poll(descriptors, 2, event_ns == INT64_MAX ? -1 : qm_moment_poll_ms(event_ns));
    if (ready > 0 && descriptors[0].revents != 0)
        (void) !read(holder->wake_fd, &count, sizeof(count));
    pthread_mutex_lock(&holder->mutex);
    if (ready > 0 && descriptors[1].revents != 0 && holder->watch_connection == connection && holder->watch_fd >= 0)
    {
        close(holder->watch_fd);
        holder->watch_fd = -1;
        pthread_mutex_unlock(&holder->mutex);
        qm_holder_lose_connections(holder, connection);
        pthread_mutex_lock(&holder->mutex);
    }
}
