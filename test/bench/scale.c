/*
 * scale: what one primary carries, from what was measured on this machine.
 *
 *   scale NAME=VALUE ...
 *
 *   cpu_us          processor time of one place_order, server and client together
 *   flush_us        time of one flush of the WAL
 *   cores           processors that they share
 *   life_cpu_us     the same for the whole life of an order: placed, reported, cancelled or filled
 *   life_wal_bytes  WAL of one life
 *   life_commits    commits of one life
 *   disk_mb_s       what the disk takes when it is written in sequence
 *   backend_kb      memory of one backend for itself
 *   memory_kb       of the machine
 *   rate_N          placed a second, measured with N clients, to compare with
 *   lives_N         lives a second, measured with N clients, to compare with
 *
 * The model. A client waits for its call's work and for the flush of its commit. A
 * commit that comes during a flush waits for its end and is carried by the next,
 * together with all others that came, so that it takes one flush where a client
 * is alone and one and a half on average where it is not; work cannot use more
 * than the processors. With n clients:
 *
 *   rate(n) = min(n / (cpu + flush * (n == 1 ? 1 : 1.5)), cores / cpu)
 *
 * A life is the same with its own work, and as many flushes as it has commits. Two
 * of the inputs are fitted: cpu where no commit waits, flush with one client. What
 * the model says of more clients is compared with what they measured. It prints
 * lines of the benchmarks' CSV.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USABLE 0.7        /* of a resource: beyond it queues grow */
#define MEMORY_USABLE 0.5 /* the rest is shared buffers and the system's cache */
#define CONNECTIONS_MAX 1000
#define INSTANCE_CONNECTIONS 2 /* one for orders, one for its heartbeat and tasks */
#define INSTANCE_MARKETS 10
#define INSTANCE_ORDERS_PER_S 5.0 /* a grid over ten markets on a busy day */

static int words_count;
static char **words;

/* fail ends the program with a message. */
static _Noreturn void
fail(const char *what, const char *name)
{
    fprintf(stderr, "scale: %s %s\n", name, what);
    exit(1);
}

/* given returns what was given under a name, or -1. */
static double
given(const char *name)
{
    size_t length = strlen(name);

    for (int word = 1; word < words_count; word++)
        if (strncmp(words[word], name, length) == 0 && words[word][length] == '=')
            return atof(words[word] + length + 1);
    return -1;
}

/* needed returns it, and ends the program where it is missing or makes no sense. */
static double
needed(const char *name)
{
    double value = given(name);

    if (!(value > 0) || !isfinite(value))
        fail("is needed, and must be above 0", name);
    return value;
}

/* rate_of returns what the model says of so many clients whose calls or lives need so much work and so many flushes. */
static double
rate_of(int clients, double cpu_us, double flushes_us, double cores)
{
    double alone = clients * 1e6 / (cpu_us + flushes_us * (clients == 1 ? 1 : 1.5));

    return fmin(alone, cores * 1e6 / cpu_us);
}

/* line prints one figure. */
static void
line(const char *what, int clients, const char *who, const char *figure, double value)
{
    printf("scale,\"%s\",%d,1,%s,%s,%.1f\n", what, clients, who, figure, value);
}

/* check compares the model with what was measured with 2 clients and more. */
static void
check(const char *what, const char *prefix, double cpu_us, double flushes_us, double cores)
{
    for (int clients = 2; clients <= CONNECTIONS_MAX; clients++)
    {
        char name[32];
        double measured, predicted = rate_of(clients, cpu_us, flushes_us, cores);

        snprintf(name, sizeof name, "%s_%d", prefix, clients);
        measured = given(name);
        if (measured <= 0)
            continue;
        line(what, clients, "measured", "per_s", measured);
        line(what, clients, "model", "per_s", predicted);
        line(what, clients, "model", "off_percent", 100 * (predicted / measured - 1));
    }
}

/* first_limit prints each limit in lives a second, and returns the lowest. */
static double
first_limit(double cores)
{
    double processors = USABLE * cores * 1e6 / needed("life_cpu_us");
    double wal = USABLE * needed("disk_mb_s") * 1e6 / needed("life_wal_bytes");

    line("processors", 0, "limit", "lives_per_s", processors);
    line("WAL that the disk takes", 0, "limit", "lives_per_s", wal);
    return fmin(processors, wal);
}

/* assumptions prints what was not measured. */
static void
assumptions(void)
{
    line("part of processors and disk that is usable", 0, "assumed", "value", USABLE);
    line("part of the memory that backends may have", 0, "assumed", "value", MEMORY_USABLE);
    line("connections, at most", 0, "assumed", "value", CONNECTIONS_MAX);
    line("connections of an instance", 0, "assumed", "value", INSTANCE_CONNECTIONS);
    line("markets of an instance", 0, "assumed", "value", INSTANCE_MARKETS);
    line("orders a second of an instance", 0, "assumed", "value", INSTANCE_ORDERS_PER_S);
    line("flushes that a commit waits for among others", 0, "assumed", "value", 1.5);
}

int
main(int count, char **arguments)
{
    double cpu_us, flush_us, cores, lives, by_connections;

    words_count = count;
    words = arguments;
    cpu_us = needed("cpu_us");
    flush_us = needed("flush_us");
    cores = needed("cores");
    for (int word = 1; word < count; word++)
        if (!strchr(arguments[word], '=') ||
            (strncmp(arguments[word], "rate_", 5) != 0 && strncmp(arguments[word], "lives_", 6) != 0))
        {
            char name[32];

            snprintf(name, sizeof name, "%.*s", (int) strcspn(arguments[word], "="), arguments[word]);
            line(name, 0, "input", "value", needed(name));
        }
    assumptions();
    check("orders placed a second", "rate", cpu_us, flush_us, cores);
    check("lives a second", "lives", needed("life_cpu_us"), flush_us * needed("life_commits"), cores);
    lives = first_limit(cores);
    by_connections = fmin(CONNECTIONS_MAX, MEMORY_USABLE * needed("memory_kb") / needed("backend_kb")) / INSTANCE_CONNECTIONS;
    line("lives of orders a second, one primary", 0, "carried", "lives_per_s", lives);
    line("instances",
         0,
         "carried",
         "instances",
         fmin(lives / INSTANCE_ORDERS_PER_S, by_connections));
    line("their markets",
         0,
         "carried",
         "markets",
         fmin(lives / INSTANCE_ORDERS_PER_S, by_connections) * INSTANCE_MARKETS);
    for (int servers = 2; servers <= 8; servers *= 2)
    {
        /* An account is on one server: the busiest one bounds what a split gains. */
        line("split by account, all equal", servers, "carried", "lives_per_s", lives * servers);
        line("split by account, one has 40 % of all orders",
             servers,
             "carried",
             "lives_per_s",
             lives * fmin(servers, 1 / 0.4));
    }
    return 0;
}
