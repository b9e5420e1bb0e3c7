/*
 * Handoff: waiters on one key are served in arrival order, and how fast.
 *
 * In each round a holder takes the key; the waiters come one after the other,
 * each only after the server shows the one before it waiting; then the holder
 * releases, and every waiter releases as soon as it has the key. A hand-off is
 * the time from just before one client sends unlock, COMMIT or release_lease to
 * when the next client has read the reply that grants it the key: two messages
 * over the socket, two process wake-ups and the release itself. "inside the server"
 * leaves the messages out: from before unlock is run to when lock has returned,
 * by the server's clock.
 *
 * While all wait, waiters whose backend_xmin is set are counted: CALL acquire
 * promises none.
 */
#include "history.h"
#include "link.h"
#include "program.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    WAITERS_MAX = 64,
    ROUNDS_MAX = 1000,
    ARRIVAL_WAIT_MS = 10000
};

#define IN_QUEUE "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
#define IN_VIEW "SELECT count(*) FROM quantmesh.lock_waits WHERE key = 'handoff'"
#define SERVER_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

/* One way to wait. Statements have no parameters but a lease's release, which takes the fence. */
typedef struct Way
{
    const char *name;
    const char *begin; /* NULL: none */
    const char *acquire;
    const char *release;
    const char *waiting; /* how many wait now */
    bool release_takes_fence;
    bool fenced;       /* what it returns is a fence */
    bool server_clock; /* acquire answers a second number, and release a first: the server's time in us */
    bool no_snapshot;  /* promises that waiters have no backend_xmin */
} Way;

static const Way ways[] = {
    {"CALL acquire",
     NULL,
     "CALL quantmesh.acquire('handoff', NULL, NULL, NULL)",
     "SELECT quantmesh.unlock('handoff')",
     IN_QUEUE,
     false,
     true,
     false,
     true},
    {"CALL acquire, timed",
     NULL,
     "CALL quantmesh.acquire('handoff', NULL, '60 s', NULL)",
     "SELECT quantmesh.unlock('handoff')",
     IN_QUEUE,
     false,
     true,
     false,
     true},
    {"lock",
     NULL,
     "SELECT quantmesh.lock('handoff')",
     "SELECT quantmesh.unlock('handoff')",
     IN_QUEUE,
     false,
     true,
     false,
     false},
    {"lock, timed",
     NULL,
     "SELECT quantmesh.lock('handoff', NULL, '60 s')",
     "SELECT quantmesh.unlock('handoff')",
     IN_QUEUE,
     false,
     true,
     false,
     false},
    {"lock, inside the server",
     NULL,
     "SELECT quantmesh.lock('handoff'), " SERVER_US,
     "SELECT " SERVER_US ", quantmesh.unlock('handoff')",
     IN_QUEUE,
     false,
     true,
     true,
     false},
    {"xact_lock", "BEGIN", "SELECT quantmesh.xact_lock('handoff')", "COMMIT", IN_QUEUE, false, true, false, false},
    {"lease",
     NULL,
     "SELECT quantmesh.lease('handoff', current_setting('application_name'), '20 s', '60 s')",
     "SELECT quantmesh.release_lease('handoff', current_setting('application_name'), $1)",
     IN_VIEW,
     true,
     true,
     false,
     false},
    {"raw pg_advisory_lock",
     NULL,
     "SELECT 1 FROM pg_advisory_lock(20813)",
     "SELECT pg_advisory_unlock(20813)",
     IN_QUEUE,
     false,
     false,
     false,
     false},
};

/* A waiter: written by its thread, read by the main thread after joining it. */
typedef struct Waiter
{
    Link link;
    const Way *way;
    int64_t fence;
    int64_t granted_ns;
    int64_t release_ns;
    bool failed;
} Waiter;

/* What a way showed over all rounds. */
typedef struct Result
{
    int64_t *samples_ns;
    size_t sample_count;
    long out_of_order;
    long waits_seen;
    long xmin_seen;
} Result;

/* numbers_read runs a statement and reads its first two columns; 0 for what is not there. */
static bool
numbers_read(Link *link, const char *sql, int64_t numbers[2])
{
    PGresult *result = qf_link_query(link, sql, 0, NULL);

    numbers[0] = numbers[1] = 0;
    if (result == NULL)
        return false;
    for (int i = 0; i < 2 && i < PQnfields(result); i++)
        numbers[i] = strtoll(PQgetvalue(result, 0, i), NULL, 10);
    PQclear(result);
    return true;
}

/* key_take waits for the key and notes fence and time. */
static bool
key_take(Waiter *waiter)
{
    const Way *way = waiter->way;
    int64_t numbers[2];

    if (way->begin != NULL && !qf_link_command(&waiter->link, way->begin, 0, NULL))
        return false;
    if (!numbers_read(&waiter->link, way->acquire, numbers))
        return false;
    waiter->granted_ns = way->server_clock ? numbers[1] * 1000 : qf_now_ns();
    waiter->fence = numbers[0];
    return waiter->fence > 0;
}

/* key_release notes the time and gives the key back. */
static bool
key_release(Waiter *waiter)
{
    char fence[32];
    const char *values[1] = {fence};
    const Way *way = waiter->way;
    int64_t answer;

    snprintf(fence, sizeof(fence), "%" PRId64, waiter->fence);
    waiter->release_ns = qf_now_ns();
    answer = qf_link_number(&waiter->link, way->release, way->release_takes_fence ? 1 : 0, values);
    if (way->server_clock)
        waiter->release_ns = answer * 1000;
    return answer >= 0;
}

/* waiter_main is a waiter's thread: wait, have it, let go. */
static void *
waiter_main(void *argument)
{
    Waiter *waiter = argument;

    waiter->failed = !key_take(waiter) || !key_release(waiter);
    return NULL;
}

/* arrival_wait returns once so many waiters stand in the server's queue. */
static void
arrival_wait(Link *watcher, const Way *way, int count)
{
    for (int i = 0; i < ARRIVAL_WAIT_MS * 5; i++)
    {
        int64_t waiting = qf_link_number(watcher, way->waiting, 0, NULL);

        if (waiting < 0)
            qf_die("cannot count waiters", watcher);
        if (waiting >= count)
            return;
        usleep(200);
    }
    qf_die("a waiter did not arrive", watcher);
}

/* round_run plays one round; waiters[0] is the first holder. */
static void
round_run(Waiter *waiters, int count, Link *watcher, Result *result)
{
    pthread_t threads[WAITERS_MAX + 1];
    const Way *way = waiters[0].way;
    int64_t xmin;

    if (!key_take(&waiters[0]))
        qf_die("cannot take the key", &waiters[0].link);
    for (int i = 1; i <= count; i++)
    {
        if (pthread_create(&threads[i], NULL, waiter_main, &waiters[i]) != 0)
            qf_die("cannot start a thread", watcher);
        arrival_wait(watcher, way, i);
    }
    xmin = qf_link_number(watcher,
                          "SELECT count(backend_xmin) FROM pg_stat_activity WHERE application_name LIKE 'waiter-%'",
                          0,
                          NULL);
    result->xmin_seen += xmin;
    result->waits_seen += count;
    if (!key_release(&waiters[0]))
        qf_die("cannot release the key", &waiters[0].link);
    for (int i = 1; i <= count; i++)
    {
        pthread_join(threads[i], NULL);
        if (waiters[i].failed)
            qf_die("a waiter failed", &waiters[i].link);
    }
    for (int i = 1; i <= count; i++)
    {
        bool fence_order = !way->fenced || waiters[i].fence > waiters[i - 1].fence;

        if (!fence_order || waiters[i].granted_ns < waiters[i - 1].release_ns)
            result->out_of_order++;
        result->samples_ns[result->sample_count++] = waiters[i].granted_ns - waiters[i - 1].release_ns;
    }
}

/* compare_ns orders times for qsort. */
static int
compare_ns(const void *left, const void *right)
{
    int64_t a = *(const int64_t *) left, b = *(const int64_t *) right;

    return a < b ? -1 : a > b;
}

/* percentile_us returns the sample below which the given part of the sorted samples lies. */
static double
percentile_us(const Result *result, double part)
{
    size_t index = (size_t) (part * (double) (result->sample_count - 1) + 0.5);

    return (double) result->samples_ns[index] / 1000;
}

/* way_run plays all rounds of one way and prints its line; false when a promise was broken. */
static bool
way_run(const Way *way, Waiter *waiters, int count, int rounds, Link *watcher)
{
    Result result = {0};
    bool good;

    result.samples_ns = calloc((size_t) rounds * (size_t) count, sizeof(int64_t));
    if (result.samples_ns == NULL)
        qf_die("out of memory", watcher);
    for (int i = 0; i <= count; i++)
        waiters[i].way = way;
    for (int i = 0; i < rounds; i++)
        round_run(waiters, count, watcher, &result);
    qsort(result.samples_ns, result.sample_count, sizeof(int64_t), compare_ns);
    good = result.out_of_order == 0 && (!way->no_snapshot || result.xmin_seen == 0);
    printf("  %-22s %7zu %9.1f %9.1f %9.1f %13ld %9ld of %ld\n",
           way->name,
           result.sample_count,
           percentile_us(&result, 0.50),
           percentile_us(&result, 0.99),
           percentile_us(&result, 1.0),
           result.out_of_order,
           result.xmin_seen,
           result.waits_seen);
    fflush(stdout);
    free(result.samples_ns);
    return good;
}

/* main runs every way; exit status 1 when order or a snapshot promise was broken. */
int
main(int argc, char **argv)
{
    static Waiter waiters[WAITERS_MAX + 1];
    Link watcher = {0};
    int count, rounds;
    bool good = true;

    if (argc != 4 || (count = atoi(argv[2])) < 1 || count > WAITERS_MAX || (rounds = atoi(argv[3])) < 1 ||
        rounds > ROUNDS_MAX)
    {
        fprintf(stderr, "usage: handoff CONNINFO WAITERS ROUNDS\n");
        return 2;
    }
    if (!qf_link_open(&watcher, argv[1], "watcher"))
        qf_die("cannot connect", &watcher);
    for (int i = 0; i <= count; i++)
    {
        char name[NAME_SIZE];

        snprintf(name, sizeof(name), "%s-%d", i == 0 ? "holder" : "waiter", i);
        if (!qf_link_open(&waiters[i].link, argv[1], name))
            qf_die("cannot connect", &watcher);
    }
    printf("  %d waiters on one key; hand-off: from sending the release to the next client's reply, in us\n", count);
    printf("  %-22s %7s %9s %9s %9s %13s %s\n",
           "way",
           "count",
           "p50",
           "p99",
           "max",
           "out of order",
           "with backend_xmin");
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        good = way_run(&ways[i], waiters, count, rounds, &watcher) && good;
    for (int i = 0; i <= count; i++)
        qf_link_close(&waiters[i].link);
    qf_link_close(&watcher);
    return good ? 0 : 1;
}
