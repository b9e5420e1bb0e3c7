/*
 * Waiting for a lock that somebody else has: how long from its release, or its
 * holder's death, until the next one runs.
 *
 * Hand-off: so many clients wait for one key. The one that has it gives it back
 * when all others have asked for it, and a moment more, so that every one of them
 * is asleep in the queue; what a client does to queue again is not measured. The
 * time is from before the release is asked for to the moment when the next holder
 * knows. The first round of all of them warms up.
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
#define HANDOFF_TTL_MS 30000 /* however long the others take to queue */
#define HANDOFF_REST_US 1000
#define HANDOFF_NS_MAX 5000000000LL /* whoever has not done its rounds by then has done fewer */
#define TAKE_NS_MAX 30000000000LL
#define RECOVER_TTL_MS 500
#define RECOVER_MARGIN_MS 2000 /* a key that is not free so long after the TTL is free never */
#define WAITER_SETTLES_US 100000
#define NEVER INT64_MAX

typedef struct Share
{
    atomic_int ready;
    atomic_bool go;
    atomic_int asking;
    atomic_long grants;
    atomic_long samples;
    atomic_bool queued; /* whether all others were asleep in the queue at the last release */
    int64_t begin_ns;
    atomic_llong released_ns;
    atomic_llong had_ns;
    uint32_t sample_ns[];
} Share;

void
rest_before_handoff(int poll_us)
{
    usleep(HANDOFF_REST_US + (unsigned) random() % (unsigned) (poll_us > HANDOFF_REST_US ? poll_us : HANDOFF_REST_US));
}

/* all_done says whether there are enough samples, or the time is over. */
static bool
all_done(const Share *share, long rounds)
{
    return atomic_load(&share->samples) >= rounds || now_ns() > share->begin_ns + HANDOFF_NS_MAX;
}

/* let_queue waits until all others have asked for the key, and sleep; false where all is done before. */
static bool
let_queue(const Share *share, int waiters, long rounds, int poll_us)
{
    while (atomic_load(&share->asking) < waiters)
    {
        if (all_done(share, rounds))
            return false;
        usleep(50);
    }
    rest_before_handoff(poll_us);
    return true;
}

/*
 * handoff_worker takes and gives back, and notes how long each grant took for which
 * all others had queued, until there are enough; it queues again after another has
 * had the key. The first grant of each warms up.
 */
static void
handoff_worker(Share *share, const Contender *contender, int number, int waiters, long rounds)
{
    Worker worker;
    long grant;

    worker_open(&worker, contender, number, KEY);
    worker.ttl_ms = HANDOFF_TTL_MS;
    srandom((unsigned) number + 1);
    atomic_fetch_add(&share->ready, 1);
    while (!atomic_load(&share->go))
        usleep(100);
    usleep((unsigned) random() %
           (unsigned) (contender->poll_us + 1)); /* those who ask at intervals do not all ask at once */
    do
    {
        int64_t had;

        atomic_fetch_add(&share->asking, 1);
        take(&worker, now_ns() + TAKE_NS_MAX);
        had = now_ns();
        atomic_fetch_sub(&share->asking, 1);
        grant = atomic_fetch_add(&share->grants, 1);
        if (grant > waiters && atomic_load(&share->queued) && !all_done(share, rounds))
            share->sample_ns[atomic_fetch_add(&share->samples, 1)] =
                (uint32_t) (had - atomic_load(&share->released_ns));
        atomic_store(&share->queued, let_queue(share, waiters, rounds, contender->poll_us));
        atomic_store(&share->released_ns, now_ns());
        if (!contender->give(&worker))
            fail("%s: the lock was lost in a hand-off", contender->name);
        while (!all_done(share, rounds) && atomic_load(&share->grants) == grant + 1)
            usleep(50); /* else one that asks at once takes what it has just given */
    } while (!all_done(share, rounds));
}

void
bench_handoff(const Contender *contender, int waiters, int rounds)
{
    Share *share = shared_new(sizeof *share + (size_t) (rounds + 1) * sizeof *share->sample_ns);
    size_t count;

    if (!contender->attempt || waiters < 1 || waiters >= WORKERS_MAX || rounds < 1)
        fail("hand-off needs a lock, 1 to %d waiters and rounds", WORKERS_MAX - 1);
    for (int number = 0; number <= waiters; number++)
        if (worker_fork() == 0)
        {
            handoff_worker(share, contender, number, waiters, rounds);
            _exit(0);
        }
    workers_ready(&share->ready, waiters + 1);
    share->begin_ns = now_ns();
    atomic_store(&share->go, true);
    workers_wait();
    count = (size_t) atomic_load(&share->samples);
    if (count == 0)
        fail("%s: no hand-off in time", contender->name);
    sort_samples(share->sample_ns, count);
    printf("p50_us=%.1f p99_us=%.1f max_us=%.1f count=%zu\n",
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
    printf("p50_ms=%.1f max_ms=%.1f deaths=%d ttl_ms=%d\n",
           sample_at_us(samples, (size_t) rounds, 0.5),
           sample_at_us(samples, (size_t) rounds, 1.0),
           rounds,
           ttl_of(contender));
    free(samples);
}
