/*
 * Lockstress: the disturber. One thread with a connection of its own that ends
 * random backends of the clients, and makes planned faults at their times.
 *
 * A fault is recorded from before its command is run until a new connection can
 * write: the disturber's own connection must break first, since the server may
 * take a moment to notice that it has been hurt.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    TICK_US = 10000,
    UP_WAIT_S = 60,
    NEAR_MS = 600
};

/* terminate_one ends the backend of a random client. */
static void
terminate_one(Disturber *disturber, Link *link)
{
    int64_t ended = qf_link_number(link,
                                   "SELECT pg_terminate_backend(pid) FROM"
                                   " (SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'stress-%'"
                                   "  ORDER BY random() LIMIT 1) AS victim",
                                   0,
                                   NULL);
    if (ended == 1)
        disturber->terminated++;
}

/* wait_down returns when the connection has been broken by the fault. */
static void
wait_down(Link *link)
{
    for (int i = 0; i < UP_WAIT_S * 1000 && !qf_link_broken(link); i++)
    {
        if (qf_link_number(link, "SELECT 1", 0, NULL) < 0)
            break;
        usleep(1000);
    }
}

/* wait_up returns true when a new connection can write, false when that took too long. */
static bool
wait_up(Link *link)
{
    for (int i = 0; i < UP_WAIT_S * 100; i++)
    {
        if (qf_link_open(link, qf_options.admin, "disturber") &&
            qf_link_command(link, "UPDATE fault.pulse SET beat = beat + 1", 0, NULL))
            return true;
        usleep(TICK_US);
    }
    return false;
}

/* make_fault runs one planned command; a crash or promotion is recorded once it is over. */
static void
make_fault(Disturber *disturber, Link *link, FILE *history, const PlannedFault *planned)
{
    Fault fault = {.down_ns = qf_now_ns()};
    bool outage = strcmp(planned->name, "run") != 0;

    if (system(planned->command) != 0)
        fprintf(stderr, "lockstress: failed: %s\n", planned->command);
    if (!outage)
        return;
    wait_down(link);
    if (!wait_up(link))
    {
        fprintf(stderr, "lockstress: the server did not come back after %s\n", planned->name);
        return;
    }
    fault.up_ns = qf_now_ns();
    memcpy(fault.name, planned->name, sizeof(fault.name));
    qf_write_fault(history, &fault);
    disturber->faults++;
    printf("  %s: writable again after %.1f s\n", fault.name, (double) (fault.up_ns - fault.down_ns) / 1e9);
    fflush(stdout);
}

/* due_ns returns when a planned fault is to be made. */
static int64_t
due_ns(int64_t start_ns, int fault)
{
    return start_ns + qf_options.faults[fault].at_s * INT64_C(1000000000);
}

/* qf_disturber_main is the disturber's thread. Faults are planned in the order of their times. */
void *
qf_disturber_main(void *argument)
{
    Disturber *disturber = argument;
    Link link = {0};
    char path[4096];
    FILE *history;
    int64_t start_ns = qf_now_ns(), kill_ns = start_ns;
    const int64_t near_ns = NEAR_MS * INT64_C(1000000);
    int next = 0;

    snprintf(path, sizeof(path), "%s/faults.history", qf_options.directory);
    history = fopen(path, "w");
    if (history == NULL || !wait_up(&link))
    {
        fprintf(stderr, "lockstress: the disturber cannot start\n");
        return NULL;
    }
    while (!atomic_load(&qf_stop))
    {
        int64_t now_ns = qf_now_ns();

        atomic_store(&qf_fault_near, next < qf_options.fault_count && now_ns >= due_ns(start_ns, next) - near_ns);
        if (next < qf_options.fault_count && now_ns >= due_ns(start_ns, next))
            make_fault(disturber, &link, history, &qf_options.faults[next++]);
        if (qf_options.kill_every_ms > 0 && now_ns >= kill_ns)
        {
            kill_ns = now_ns + qf_options.kill_every_ms * INT64_C(1000000);
            terminate_one(disturber, &link);
        }
        if (qf_link_broken(&link))
            wait_up(&link);
        usleep(TICK_US);
    }
    qf_link_close(&link);
    fclose(history);
    return NULL;
}
