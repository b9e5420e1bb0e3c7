/*
 * Waiting for a lock that somebody else has: how long from its release, or its
 * holder's death, until the next one runs.
 *
 * Hand-off: so many clients want one key. The one that has it gives it back at
 * once, and queues again only after another has had it, so that there are always
 * as many waiting. The time is from before the release is asked for to the moment
 * when the next holder knows.
 *
 * Recovery: a holder's process is killed, or stopped for good, while another
 * waits. After a kill the time is from the kill on. A stopped holder keeps its
 * connections, so only a TTL can end it, and the time is from the TTL's end on.
 */
#include "contend.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY 19000
#define HANDOFF_NS_MAX 20000000000LL /* whoever has not done its rounds by then has done fewer */
#define TAKE_NS_MAX 30000000000LL
#define RECOVER_TTL_MS 500
#define RECOVER_MARGIN_MS 2000 /* a key that is not free so long after the TTL is free never */
#define WAITER_SETTLES_US 100000
#define NEVER INT64_MAX

typedef struct Share
{
    atomic_int ready;
    atomic_bool go;
    atomic_long grants;
    atomic_long samples;
    int64_t begin_ns;
    atomic_llong released_ns;
    atomic_llong had_ns;
    uint32_t sample_ns[];
} Share;

/* handoff_worker takes and gives back until all rounds are over. */
static void
handoff_worker(Share *share, const Contender *contender, int number, long rounds)
{
    Worker worker;
    long mine;

    worker_open(&worker, contender, number, KEY);
    atomic_fetch_add(&share->ready, 1);
    while (!atomic_load(&share->go))
        usleep(100);
    while (atomic_load(&share->grants) < rounds && now_ns() < share->begin_ns + HANDOFF_NS_MAX)
    {
        int64_t released;

        take(&worker, now_ns() + TAKE_NS_MAX);
        released = atomic_load(&share->released_ns);
        if (released > 0 && atomic_load(&share->samples) < rounds)
            share->sample_ns[atomic_fetch_add(&share->samples, 1)] = (uint32_t) (now_ns() - released);
        mine = atomic_fetch_add(&share->grants, 1) + 1;
        atomic_store(&share->released_ns, now_ns());
        if (!contender->give(&worker))
            fail("%s: the lock was lost in a hand-off", contender->name);
        /* The last ones would wait for a grant that nobody needs any more. */
        while (atomic_load(&share->grants) == mine && mine < rounds)
            usleep(50);
    }
}

void
bench_handoff(const Contender *contender, int waiters, int rounds)
{
    Share *share = shared_new(sizeof *share + (size_t) (rounds + 1) * sizeof *share->sample_ns);
    size_t count;
    int64_t begin;

    if (!contender->attempt || waiters < 1 || waiters >= WORKERS_MAX || rounds < 1)
        fail("hand-off needs a lock, 1 to %d waiters and rounds", WORKERS_MAX - 1);
    for (int number = 0; number <= waiters; number++)
        if (worker_fork() == 0)
        {
            handoff_worker(share, contender, number, rounds);
            _exit(0);
        }
    workers_ready(&share->ready, waiters + 1);
    share->begin_ns = begin = now_ns();
    atomic_store(&share->go, true);
    workers_wait();
    count = (size_t) atomic_load(&share->samples);
    if (count == 0)
        fail("%s: no hand-off in time", contender->name);
    sort_samples(share->sample_ns, count);
    printf("per_s=%.1f p50_us=%.1f p99_us=%.1f max_us=%.1f count=%zu\n",
           (double) count * 1e9 / (double) (now_ns() - begin),
           sample_at_us(share->sample_ns, count, 0.50),
           sample_at_us(share->sample_ns, count, 0.99),
           sample_at_us(share->sample_ns, count, 1.0),
           count);
}

/* ---------------------------------------------------------------- recovery */

/* ttl_of returns the TTL that a contender's locks have here. */
static int
ttl_of(const Contender *contender)
{
    return contender->ttl_ms_min > RECOVER_TTL_MS ? contender->ttl_ms_min : RECOVER_TTL_MS;
}

/* holder takes the key and does nothing any more. */
static void
holder(Share *share, const Contender *contender, int key)
{
    Worker worker;

    worker_open(&worker, contender, 0, key);
    worker.ttl_ms = ttl_of(contender);
    worker.expires = true;
    take(&worker, now_ns() + TAKE_NS_MAX);
    atomic_store(&share->had_ns, now_ns());
    atomic_fetch_add(&share->ready, 1);
    for (;;)
        pause();
}

/* waiter waits for the key, longer than anybody does who watches it. */
static void
waiter(Share *share, const Contender *contender, int key)
{
    Worker worker;

    worker_open(&worker, contender, 1, key);
    worker.ttl_ms = ttl_of(contender) * 2;
    worker.expires = true;
    atomic_fetch_add(&share->ready, 1);
    take(&worker, now_ns() + TAKE_NS_MAX);
    atomic_store(&share->released_ns, now_ns()); /* by whoever had it: this is when it was seen to be free */
    contender->give(&worker);
}

/* recover_once returns in nanoseconds how long the key was not free, or NEVER. */
static int64_t
recover_once(const Contender *contender, bool stopped, int key)
{
    Share *share = shared_new(sizeof *share);
    int64_t ttl_ns = ttl_of(contender) * 1000000LL, since, limit;
    pid_t holding, waiting;

    holding = worker_fork();
    if (holding == 0)
        holder(share, contender, key);
    workers_ready(&share->ready, 1);
    waiting = worker_fork();
    if (waiting == 0)
    {
        waiter(share, contender, key);
        _exit(0);
    }
    workers_ready(&share->ready, 2);
    usleep(WAITER_SETTLES_US);

    since = stopped ? atomic_load(&share->had_ns) + ttl_ns : now_ns();
    kill(holding, stopped ? SIGSTOP : SIGKILL);
    limit = now_ns() + ttl_ns + RECOVER_MARGIN_MS * 1000000LL;
    while (atomic_load(&share->released_ns) == 0 && now_ns() < limit)
        usleep(100);
    if (atomic_load(&share->released_ns) == 0)
        kill(waiting, SIGKILL); /* else it gives the key back for the next round */
    kill(holding, SIGKILL);
    waitpid(waiting, NULL, 0);
    waitpid(holding, NULL, 0);
    if (atomic_load(&share->released_ns) == 0)
        return NEVER;
    /* The TTL began a moment before the holder knew that it had the lock. */
    return atomic_load(&share->released_ns) > since ? atomic_load(&share->released_ns) - since : 0;
}

void
bench_recover(const Contender *contender, bool stopped, int rounds)
{
    uint32_t *samples = calloc((size_t) rounds, sizeof *samples);

    if (!samples || !contender->attempt)
        fail("recovery needs a lock and rounds");
    for (int round = 0; round < rounds; round++)
    {
        int64_t time = recover_once(contender, stopped, KEY + (stopped ? 500 : 1) + round);

        if (time == NEVER)
        {
            printf("p50_ms=never max_ms=never ttl_ms=%d\n", ttl_of(contender));
            return;
        }
        samples[round] = (uint32_t) (time / 1000);
    }
    sort_samples(samples, (size_t) rounds);
    printf("p50_ms=%.1f max_ms=%.1f ttl_ms=%d\n",
           sample_at_us(samples, (size_t) rounds, 0.5),
           sample_at_us(samples, (size_t) rounds, 1.0),
           ttl_of(contender));
    free(samples);
}
