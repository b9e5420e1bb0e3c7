/*
 * Killer: ends backends, some gently, some with signal 9.
 */
#include "killer.h"

#include "history.h"
#include "link.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    TICK_US = 2000,
    UP_WAIT_S = 60,
    PROGRESS_END = 1000
};

/* A client's backend by chance; one that is at work, if there is one. */
#define VICTIM                                                                                     \
    "(SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1 AND pid <> pg_backend_pid()" \
    " ORDER BY state <> 'active', random() LIMIT 1) AS victim"

/* wait_up returns true when a new connection can be made, false when that took too long. */
static bool
wait_up(const Killer *killer, Link *link)
{
    for (int i = 0; i < UP_WAIT_S * 1000000 / TICK_US; i++)
    {
        if (qf_link_open(link, killer->conninfo, "killer") && qf_link_command(link, "SELECT 1", 0, NULL))
            return true;
        usleep(TICK_US);
    }
    fprintf(stderr, "killer: the server is down\n");
    return false;
}

/* wait_down returns when the crash has reached the killer's own connection: before that, the server looks well. */
static void
wait_down(Link *link)
{
    for (int i = 0; i < UP_WAIT_S * 1000000 / TICK_US && qf_link_command(link, "SELECT 1", 0, NULL); i++)
        usleep(TICK_US);
}

/* disturb_one ends the backend of a random client, or cancels its statement. */
static void
disturb_one(Killer *killer, Link *link, bool cancel)
{
    const char *const values[] = {killer->pattern};
    long *count = cancel ? &killer->cancelled : &killer->terminated;

    if (qf_link_number(link,
                       cancel ? "SELECT pg_cancel_backend(pid) FROM " VICTIM
                              : "SELECT pg_terminate_backend(pid) FROM " VICTIM,
                       1,
                       values) == 1)
        ++*count;
}

/* crash kills one backend with signal 9 and waits until the server is back; false when there was nobody to kill. */
static bool
crash(Killer *killer, Link *link)
{
    const char *const values[] = {killer->pattern};
    int64_t pid = qf_link_number(link, "SELECT pid FROM " VICTIM, 1, values);
    int64_t down_ns = qf_now_ns();

    if (pid <= 0)
        return false;
    if (kill((pid_t) pid, SIGKILL) != 0)
    {
        fprintf(stderr, "killer: cannot kill %" PRId64 ": %s\n", pid, strerror(errno));
        return true;
    }
    wait_down(link);
    if (!wait_up(killer, link))
        return true;
    killer->crashed++;
    printf("  crash %d: up again after %.1f s\n", killer->crashed, (double) (qf_now_ns() - down_ns) / 1e9);
    fflush(stdout);
    return true;
}

/* pause_ns returns how long to wait for the next kill: every_ms on average. */
static int64_t
pause_ns(const Killer *killer, unsigned short seed[3])
{
    return (int64_t) ((0.2 + 1.6 * erand48(seed)) * killer->every_ms * 1e6);
}

/* qf_killer_main is the killer's thread. */
void *
qf_killer_main(void *argument)
{
    Killer *killer = argument;
    unsigned short seed[3] = {(unsigned short) killer->seed, (unsigned short) (killer->seed >> 16), 1};
    int64_t kill_ns = qf_now_ns() + pause_ns(killer, seed);
    Link link = {0};
    int tried = 0;

    while (!atomic_load(&killer->stop))
    {
        if (qf_link_broken(&link) && !wait_up(killer, &link))
            break;
        if (tried < killer->crashes &&
            atomic_load(&killer->progress) >= (tried + 1) * PROGRESS_END / (killer->crashes + 1))
            tried += crash(killer, &link);
        if (killer->every_ms > 0 && qf_now_ns() >= kill_ns)
        {
            kill_ns = qf_now_ns() + pause_ns(killer, seed);
            disturb_one(killer, &link, erand48(seed) < 0.5);
        }
        usleep(TICK_US);
    }
    qf_link_close(&link);
    return NULL;
}
