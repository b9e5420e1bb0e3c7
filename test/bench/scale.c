/*
 * scale: what one primary carries, from what was measured on this machine.
 *
 *   scale NAME=VALUE ...
 *
 *   rate_N          orders placed a second with N clients; 1, 8 and 32 are needed, others are checked
 *   lives_N         the same of whole lives of orders: placed, reported, cancelled or filled; each client has a market
 *   market_lives    the same with 8 clients in one market, whose position each fill locks until it is committed
 *   life_wal_bytes  WAL of one life
 *   life_commits    commits of one life
 *   disk_mb_s       what the disk takes when it is written in sequence
 *   backend_kb      memory of one backend for itself
 *   memory_kb       of the machine
 *   cores           processors that server and clients share
 *
 * The model is the Universal Scalability Law (N. J. Gunther, Guerrilla Capacity
 * Planning, 2007). With n clients
 *
 *   rate(n) = rate(1) * n / (1 + serial * (n - 1) + crosstalk * n * (n - 1))
 *
 * serial is the share of the work that excludes all others: here flushes of the
 * WAL, partitions of the lock manager, and the processors, once all are busy.
 * crosstalk is what each pair costs, switches above all: it makes the rate fall
 * again. Both are fitted to 8 and 32 clients; what the model says of others is
 * compared with what they measured. It prints lines of the benchmarks' CSV.
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

/* Law is the Universal Scalability Law of one kind of work. */
typedef struct Law
{
    double alone; /* a second, with one client */
    double serial;
    double crosstalk;
} Law;

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

/* given_of returns what was given for so many clients, or -1. */
static double
given_of(const char *prefix, int clients)
{
    char name[32];

    snprintf(name, sizeof name, "%s_%d", prefix, clients);
    return given(name);
}

/* measured returns it, and ends the program where it is missing. */
static double
measured(const char *prefix, int clients)
{
    char name[32];

    snprintf(name, sizeof name, "%s_%d", prefix, clients);
    return needed(name);
}

/* fitted returns the law that goes through 1, 8 and 32 clients; where a share came out below 0, through 1 and 32. */
static Law
fitted(const char *prefix)
{
    Law law = {.alone = measured(prefix, 1)};
    double loss_8 = 8 * law.alone / measured(prefix, 8) - 1;
    double loss_32 = 32 * law.alone / measured(prefix, 32) - 1;

    /* loss(n) = serial * (n - 1) + crosstalk * n * (n - 1) */
    law.crosstalk = (loss_32 / 31 - loss_8 / 7) / (32 - 8);
    law.serial = loss_8 / 7 - 8 * law.crosstalk;
    if (law.crosstalk < 0)
        law = (Law){.alone = law.alone, .serial = fmax(0, loss_32 / 31)};
    else if (law.serial < 0)
        law = (Law){.alone = law.alone, .crosstalk = fmax(0, loss_32 / 31 / 32)};
    return law;
}

/* rate_of returns what the law says of so many clients. */
static double
rate_of(const Law *law, double clients)
{
    return law->alone * clients / (1 + law->serial * (clients - 1) + law->crosstalk * clients * (clients - 1));
}

/* best_of returns the number of clients at which the rate is highest. */
static double
best_of(const Law *law)
{
    double best = law->crosstalk > 0 ? sqrt(fmax(1 - law->serial, 0) / law->crosstalk) : CONNECTIONS_MAX;

    return fmin(fmax(best, 1), CONNECTIONS_MAX);
}

/* line prints one figure. */
static void
line(const char *what, int clients, const char *who, const char *figure, double value)
{
    printf("scale,\"%s\",%d,1,%s,%s,%.3f\n", what, clients, who, figure, value);
}

/* show prints a law, and compares it with what was measured with numbers of clients that it was not fitted to. */
static void
show(const char *what, const char *prefix, const Law *law)
{
    line(what, 1, "fitted", "per_s", law->alone);
    line(what, 1, "fitted", "% serial", 100 * law->serial);
    line(what, 1, "fitted", "% crosstalk", 100 * law->crosstalk);
    for (int clients = 2; clients <= CONNECTIONS_MAX; clients++)
    {
        double seen = clients == 8 || clients == 32 ? -1 : given_of(prefix, clients);

        if (seen <= 0)
            continue;
        line(what, clients, "measured", "per_s", seen);
        line(what, clients, "model", "per_s", rate_of(law, clients));
        line(what, clients, "model", "off_percent", 100 * (rate_of(law, clients) / seen - 1));
    }
}

/* first_limit prints each limit in lives a second, and returns the lowest. */
static double
first_limit(const Law *lives)
{
    double best = best_of(lives);
    double busy = USABLE * rate_of(lives, best);
    double wal = USABLE * needed("disk_mb_s") * 1e6 / needed("life_wal_bytes");

    line("clients at which the rate of lives is highest", 0, "limit", "clients", best);
    line("processors, flushes and locks", 0, "limit", "lives_per_s", busy);
    line("WAL that the disk takes in sequence", 0, "limit", "lives_per_s", wal);
    line("one market of them, whose fills wait for one another",
         0,
         "limit",
         "lives_per_s",
         USABLE * needed("market_lives"));
    return fmin(busy, wal);
}

/* assumptions prints what was not measured. */
static void
assumptions(void)
{
    line("part of a rate that is usable", 0, "assumed", "value", USABLE);
    line("part of the memory that backends may have", 0, "assumed", "value", MEMORY_USABLE);
    line("connections, at most", 0, "assumed", "value", CONNECTIONS_MAX);
    line("connections of an instance", 0, "assumed", "value", INSTANCE_CONNECTIONS);
    line("markets of an instance", 0, "assumed", "value", INSTANCE_MARKETS);
    line("orders a second of an instance", 0, "assumed", "value", INSTANCE_ORDERS_PER_S);
}

int
main(int count, char **arguments)
{
    Law orders_law, lives_law;
    double lives, by_connections;

    words_count = count;
    words = arguments;
    for (int word = 1; word < count; word++)
        if (!strchr(arguments[word], '=') ||
            (strncmp(arguments[word], "rate_", 5) != 0 && strncmp(arguments[word], "lives_", 6) != 0))
        {
            char name[32];

            snprintf(name, sizeof name, "%.*s", (int) strcspn(arguments[word], "="), arguments[word]);
            line(name, 0, "input", "value", needed(name));
        }
    assumptions();
    orders_law = fitted("rate");
    lives_law = fitted("lives");
    show("orders placed a second", "rate", &orders_law);
    show("lives a second", "lives", &lives_law);
    lives = first_limit(&lives_law);
    by_connections =
        fmin(CONNECTIONS_MAX, MEMORY_USABLE * needed("memory_kb") / needed("backend_kb")) / INSTANCE_CONNECTIONS;
    line("lives of orders a second, one primary", 0, "carried", "lives_per_s", lives);
    line("instances", 0, "carried", "instances", fmin(lives / INSTANCE_ORDERS_PER_S, by_connections));
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
