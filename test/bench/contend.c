/*
 * contend: one contender for a guarded critical section or a guarded order, once.
 *
 *   contend list                                 every contender, in lines of the benchmarks' CSV
 *   contend rate NAME CLIENTS SECONDS [MARKETS]  per_s, p50_us, p95_us, p99_us, p999_us, max_us, units
 *   contend handoff NAME WAITERS ROUNDS          p50_us, p99_us, max_us, count
 *   contend recover NAME killed|stopped ROUNDS   p50_ms, max_ms from the death, or from the end of the TTL; "never"
 *   contend audit NAME KEYS CLIENTS ROUNDS       what was lost, doubled and delayed while holders were stopped
 *
 * A line of figures is "name=value ...". Errors end it with 1: test/bench/run says what servers it needs.
 */
#include "contend.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 300

/*
 * Where rates are measured, a lock outlives what a busy machine does to its holder: with three dozen runnable processes
 * on two processors, Linux 6.18 was seen not to run one of them for 12 s. What a TTL does then is what the audit is for.
 */
#define TTL_MS 30000

const Contender *const contenders[] = {&qm_transaction,      &qm_block,
                                       &qm_session,          &qm_lease,
                                       &qm_lease_bare,       &advisory_transaction,
                                       &advisory_session,    &lease_table,
                                       &skip_locked,         &redis_plain,
                                       &redis_earlier,       &redis_always,
                                       &redis_pipelined,     &etcd_lock,
                                       &place_single,        &place_pipeline,
                                       &place_batch,         &insert_bare,
                                       &insert_advisory,     &insert_skip_locked,
                                       &insert_lease_table,  &insert_redis,
                                       &insert_redis_always, &insert_redis_pipelined,
                                       &insert_etcd,         NULL};

void
fail(const char *format, ...)
{
    va_list arguments;

    fputs("contend: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(1);
}

int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

const char *
setting(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail("%s is not set", name);
    return value;
}

const Contender *
contender_named(const char *name)
{
    for (const Contender *const *contender = contenders; *contender; contender++)
        if (strcmp((*contender)->name, name) == 0)
            return *contender;
    fail("no contender is called %s: see contend list", name);
}

/* no_pause is what an order or section does that nobody audits. */
static void
no_pause(Worker *worker)
{
    (void) worker;
}

pid_t
worker_fork(void)
{
    pid_t parent = getpid(), child = fork();

    if (child < 0)
        fail("no process: %s", strerror(errno));
    if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        fail("the parent has gone");
    return child;
}

void
worker_open(Worker *worker, const Contender *contender, int number, int key)
{
    *worker = (Worker){.contender = contender, .number = number, .run = (int) getppid(), .ttl_ms = TTL_MS};
    worker->pause = no_pause;
    snprintf(worker->key, sizeof worker->key, WORKER_KEY, key);
    snprintf(worker->owner, sizeof worker->owner, "%d-%d", (int) getpid(), number);
    contender->open(worker);
}

void
take(Worker *worker, int64_t deadline_ns)
{
    const Contender *lock = worker->contender->guard ? worker->contender->guard : worker->contender;

    while (!lock->attempt(worker))
    {
        if (now_ns() > deadline_ns)
            fail("%s: %s was not had in time", lock->name, worker->key);
        usleep((useconds_t) lock->poll_us);
    }
}

void *
shared_new(size_t size)
{
    // cppcheck-suppress invalidFunctionArg ; nobody looks at the descriptor of anonymous memory
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        fail("no memory: %s", strerror(errno));
    return memory;
}

void
workers_ready(atomic_int *ready, int count)
{
    while (atomic_load(ready) < count)
    {
        if (waitpid(-1, NULL, WNOHANG) > 0)
            fail("a worker ended before it began");
        usleep(100);
    }
}

void
workers_wait(void)
{
    int status;

    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail("a worker failed");
}

static int
compare_samples(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *) left, b = *(const uint32_t *) right;

    return (a > b) - (a < b);
}

void
sort_samples(uint32_t *samples, size_t count)
{
    qsort(samples, count, sizeof *samples, compare_samples);
}

double
sample_at_us(const uint32_t *samples, size_t count, double part)
{
    size_t index = (size_t) (part * (double) count);

    return count == 0 ? 0 : samples[index < count ? index : count - 1] / 1000.0;
}

/* list prints every contender, in the shape of the benchmarks' CSV: units stand for clients, the job for the figure. */
static void
list(void)
{
    int number = 0;

    for (const Contender *const *at = contenders; *at; at++)
    {
        const Contender *contender = *at, *lock = contender->guard ? contender->guard : contender;

        printf("contenders,\"%s\",%d,%d,%s,%s,%s\n",
               contender->title,
               contender->units,
               ++number,
               contender->name,
               contender->in_order ? "order" : "section",
               lock->attempt || contender->desk ? "auditable" : "");
    }
}

int
main(int count, char **words)
{
    const char *command = count > 1 ? words[1] : "";

    alarm(PATIENCE_S); /* whatever hangs ends, and its workers with it */
    if (strcmp(command, "list") == 0)
        list();
    else if (strcmp(command, "rate") == 0 && (count == 5 || count == 6))
        bench_rate(contender_named(words[2]), atoi(words[3]), atof(words[4]), count == 6 ? atoi(words[5]) : 0);
    else if (strcmp(command, "handoff") == 0 && count == 5)
        bench_handoff(contender_named(words[2]), atoi(words[3]), atoi(words[4]));
    else if (strcmp(command, "floor") == 0 && count == 3)
        bench_floor(atoi(words[2]));
    else if (strcmp(command, "recover") == 0 && count == 5)
        bench_recover(contender_named(words[2]), strcmp(words[3], "stopped") == 0, atoi(words[4]));
    else if (strcmp(command, "audit") == 0 && count == 6)
        bench_audit(contender_named(words[2]), atoi(words[3]), atoi(words[4]), atoi(words[5]));
    else
        fail("usage: contend list | rate NAME CLIENTS SECONDS [MARKETS] | handoff NAME WAITERS ROUNDS | floor ROUNDS |"
             " recover NAME killed|stopped ROUNDS | audit NAME KEYS CLIENTS ROUNDS");
    return 0;
}
