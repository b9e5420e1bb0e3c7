/*
 * Rates and latencies: so many clients, each a process with a connection and a
 * key of its own, do the contender's step as often as they can. Every step's time
 * is kept, so percentiles are exact. Each client's first steps, which fill its
 * backend's caches, and all steps of the first moments warm up and are not
 * counted. A step counts if it began within the measured time, and a client's last
 * one always does; its rate is its steps in the time that they took, so that long steps are
 * not cut off.
 */
#include "contend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP_STEPS 5
#define WARM_UP_SHARE 0.2
#define SAMPLES_MAX 2000000 /* of one client: half a minute of the fastest there is */

typedef struct Share
{
    atomic_int ready;
    atomic_bool go;
    int64_t begin_ns; /* of what is measured; written before go */
    int64_t end_ns;
    struct
    {
        size_t samples;
        double per_s;
        long steps; /* all of them, the warm-up's, too */
    } of[WORKERS_MAX];
    uint32_t sample_ns[];
} Share;

/* run_worker is one client, in a process of its own. */
static void
run_worker(Share *share, const Contender *contender, int number, int markets)
{
    uint32_t *samples = share->sample_ns + (size_t) number * SAMPLES_MAX;
    size_t count = 0;
    long steps;
    int64_t begin, end, first = 0;
    Worker worker;

    worker_open(&worker, contender, number, number);
    worker.markets = markets;
    for (steps = 0; steps < WARM_UP_STEPS; steps++)
        contender->step(&worker);
    atomic_fetch_add(&share->ready, 1);
    while (!atomic_load(&share->go))
        usleep(100);
    for (end = now_ns(); end < share->end_ns; steps++)
    {
        begin = end;
        contender->step(&worker);
        end = now_ns();
        if (begin < share->begin_ns && end < share->end_ns)
            continue;
        first = first ? first : begin;
        if (count == SAMPLES_MAX)
            fail("%s: more than %d steps: measure for a shorter time", contender->name, SAMPLES_MAX);
        samples[count++] = end - begin < UINT32_MAX ? (uint32_t) (end - begin) : UINT32_MAX;
    }
    share->of[number].samples = count;
    share->of[number].steps = steps;
    share->of[number].per_s = count == 0 ? 0 : (double) count * 1e9 / (double) (end - first);
    if (worker.pg)
        PQfinish(worker.pg);
}

/* gather moves the samples of all clients together and returns how many there are; it sums up their rates and steps. */
static size_t
gather(Share *share, int clients, double *per_s, long *steps)
{
    size_t count = 0;

    *per_s = 0;
    *steps = 0;
    for (int number = 0; number < clients; number++)
    {
        memmove(share->sample_ns + count,
                share->sample_ns + (size_t) number * SAMPLES_MAX,
                share->of[number].samples * sizeof *share->sample_ns);
        count += share->of[number].samples;
        *per_s += share->of[number].per_s;
        *steps += share->of[number].steps;
    }
    return count;
}

void
bench_rate(const Contender *contender, int clients, double seconds, int markets)
{
    Share *share;
    size_t count;
    double per_s;
    long steps;
    int64_t start;

    if (clients < 1 || clients > WORKERS_MAX || seconds <= 0)
        fail("clients must be 1 to %d, seconds more than 0", WORKERS_MAX);
    share = shared_new(sizeof *share + (size_t) clients * SAMPLES_MAX * sizeof *share->sample_ns);
    for (int number = 0; number < clients; number++)
        if (worker_fork() == 0)
        {
            run_worker(share, contender, number, markets);
            _exit(0);
        }
    workers_ready(&share->ready, clients);
    start = now_ns();
    share->begin_ns = start + (int64_t) (seconds * WARM_UP_SHARE * 1e9);
    share->end_ns = share->begin_ns + (int64_t) (seconds * 1e9);
    atomic_store(&share->go, true);
    workers_wait();

    count = gather(share, clients, &per_s, &steps);
    if (count == 0)
        fail("%s: no step began within the measured time", contender->name);
    sort_samples(share->sample_ns, count);
    printf("per_s=%.1f p50_us=%.1f p95_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f units=%ld\n",
           per_s * contender->units,
           sample_at_us(share->sample_ns, count, 0.50),
           sample_at_us(share->sample_ns, count, 0.95),
           sample_at_us(share->sample_ns, count, 0.99),
           sample_at_us(share->sample_ns, count, 0.999),
           sample_at_us(share->sample_ns, count, 1.0),
           steps * contender->units);
}
