/*
 * Limitstress: many clients push against limits while backends are ended, the
 * server crashes and markets are halted; a limit must never be exceeded, not
 * for a moment, and in the end exactly the free room must be there.
 *
 * Exit status: 0 when all rules held, 1 on a violation, 2 when it could not run.
 * It must run as the server's own user, on a server with wal_level = logical.
 */
#include "limitstress.h"

#include "killer.h"
#include "program.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    SHOWN_MAX = 20,
    STEP_US = 10000,
    PROGRESS_END = 1000,
    REACH_S = 10 /* a shorter run may not get to every limit */
};

#define UNITS INT64_C(100000000)

static const char usage[] =
    "usage: limitstress --conninfo TEXT [options]\n"
    "  --clients N         32\n"
    "  --seconds N         10\n"
    "  --kill-every-ms N   terminate or cancel a random client's backend as often (100); 0: never\n"
    "  --crashes N         kill a backend with signal 9 as often during the run (2)\n"
    "  --halt-every-ms N   halt something as often (200); 0: never\n"
    "  --seed N            1\n"
    "  --selftest          afterwards, plant faults and see that each is found\n";

LimitOptions qf_limit_options =
    {.clients = 32, .seconds = 10, .kill_every_ms = 100, .crashes = 2, .halt_every_ms = 200, .seed = 1};
atomic_bool qf_limit_stop;
LimitClient qf_limit_clients[LIMIT_CLIENTS_MAX];

const LimitMarket qf_limit_markets[LIMIT_MARKETS] = {
    {.account = "limit", .symbol = "OPENUSDT", .limits = {.orders = 10}},
    {.account = "limit", .symbol = "POSUSDT", .limits = {.position = UNITS}},
    {.account = "limit", .symbol = "NOTUSDT", .limits = {.notional = 300 * UNITS}},
    {.account = "limit", .symbol = "ALLUSDT", .limits = {.orders = 10, .position = UNITS, .notional = 200 * UNITS}},
    {.account = "limit", .symbol = "RATEUSDT", .rate = 20},
    {.account = "limit/whole", .symbol = "AUSDT", .whole = {.orders = 10, .notional = 250 * UNITS}},
    {.account = "limit/whole", .symbol = "BUSDT", .whole = {.orders = 10, .notional = 250 * UNITS}},
};
const char *const qf_limit_answers[5] = {"unanswered", "placed", "skipped", "duplicate", "denied"};
const char *const qf_limit_rules[LIMIT_RULES] = {
    "too many live orders",
    "position above its limit",
    "notional above its limit",
    "row of a live order that is missing, or not what its order says",
    "too many orders in a second",
    "order recorded or submitted after a halt",
    "free room that cannot be had",
    "more than the free room",
    "limit that was never reached",
};

static pthread_mutex_t found_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards the three below */
static long found[LIMIT_RULES];
static long shown;
static bool found_silent;

static const struct option long_options[] = {
    {"conninfo", required_argument, NULL, 'c'},
    {"clients", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 's'},
    {"kill-every-ms", required_argument, NULL, 'x'},
    {"crashes", required_argument, NULL, 'k'},
    {"halt-every-ms", required_argument, NULL, 'h'},
    {"seed", required_argument, NULL, 'r'},
    {"selftest", no_argument, NULL, 't'},
    {NULL, 0, NULL, 0},
};

/* options_read fills qf_limit_options. */
static void
options_read(int argc, char **argv)
{
    LimitOptions *o = &qf_limit_options;
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
    {
        switch (option)
        {
            case 'c':
                o->conninfo = optarg;
                break;
            case 'n':
                o->clients = (int) qf_option_number(optarg, 1, LIMIT_CLIENTS_MAX);
                break;
            case 's':
                o->seconds = (int) qf_option_number(optarg, 1, 86400);
                break;
            case 'x':
                o->kill_every_ms = (int) qf_option_number(optarg, 0, 60000);
                break;
            case 'k':
                o->crashes = (int) qf_option_number(optarg, 0, 100);
                break;
            case 'h':
                o->halt_every_ms = (int) qf_option_number(optarg, 0, 60000);
                break;
            case 'r':
                o->seed = (unsigned) qf_option_number(optarg, 0, UINT_MAX);
                break;
            case 't':
                o->selftest = true;
                break;
            default:
                fputs(usage, stderr);
                exit(2);
        }
    }
    if (o->conninfo == NULL || optind != argc)
    {
        fputs(usage, stderr);
        exit(2);
    }
}

/* qf_limit_violation counts one and shows the first few. Any thread may call it. */
void
qf_limit_violation(LimitRule rule, const char *format, ...)
{
    va_list arguments;

    pthread_mutex_lock(&found_mutex);
    found[rule]++;
    if (!found_silent && shown++ < SHOWN_MAX)
    {
        printf("    %s: ", qf_limit_rules[rule]);
        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
    }
    pthread_mutex_unlock(&found_mutex);
}

/* qf_limit_found returns how often a rule was broken. */
long
qf_limit_found(LimitRule rule)
{
    long count;

    pthread_mutex_lock(&found_mutex);
    count = found[rule];
    pthread_mutex_unlock(&found_mutex);
    return count;
}

/* qf_limit_forget makes it as if no rule had been broken yet; silent: what is broken from now on is not shown. */
void
qf_limit_forget(bool silent)
{
    pthread_mutex_lock(&found_mutex);
    memset(found, 0, sizeof(found));
    found_silent = silent;
    pthread_mutex_unlock(&found_mutex);
}

/* units_or_null writes a limit as a decimal number; NULL where there is none. */
static const char *
units_or_null(char *text, int64_t units)
{
    return units == 0 ? NULL : qf_units_text(text, units);
}

/* limits_set sets the limits of a market, or of its account as a whole. */
static void
limits_set(Link *admin, const LimitMarket *market, bool whole)
{
    static const char sql[] =
        "SELECT FROM quantmesh.set_limits($1, $2, max_open_orders => $3::integer,"
        " max_position => $4::numeric, max_notional => $5::numeric, max_order_rate => $6::integer)";
    const BookLimits *limits = whole ? &market->whole : &market->limits;
    char orders[32], position[32], notional[32], rate[32];
    const char *values[6] = {market->account, whole ? NULL : market->symbol};

    snprintf(orders, sizeof(orders), "%ld", limits->orders);
    snprintf(rate, sizeof(rate), "%d", market->rate);
    values[2] = limits->orders == 0 ? NULL : orders;
    values[3] = units_or_null(position, limits->position);
    values[4] = units_or_null(notional, limits->notional);
    values[5] = whole || market->rate == 0 ? NULL : rate;
    if (!qf_link_command(admin, sql, 6, values))
        qf_die("cannot set limits", admin);
}

/* markets_make makes the extension anew, with its markets and limits, and starts the journal. */
static void
markets_make(Link *admin)
{
    static const char sql[] = "SELECT FROM quantmesh.set_market($1, $2, tick_size => 0.01, step_size => 0.001)";

    qf_journal_drop(admin);
    qf_link_command(admin, "SET quantmesh.allow_drop = on", 0, NULL);
    if (!qf_link_command(admin, "DROP EXTENSION IF EXISTS quantmesh CASCADE", 0, NULL) ||
        !qf_link_command(admin, "CREATE EXTENSION quantmesh", 0, NULL))
        qf_die("cannot create the extension", admin);
    for (int i = 0; i < LIMIT_MARKETS; i++)
    {
        const LimitMarket *market = &qf_limit_markets[i];
        const char *const values[] = {market->account, market->symbol};

        if (!qf_link_command(admin, sql, 2, values))
            qf_die("cannot make a market", admin);
        limits_set(admin, market, false);
        limits_set(admin, market, true);
    }
    if (!qf_journal_start(admin, qf_book_tables))
        qf_die("cannot start the journal", admin);
}

/* book_limits tells the book what must hold after every commit. */
static void
book_limits(Book *book)
{
    for (int i = 0; i < LIMIT_MARKETS; i++)
    {
        const LimitMarket *market = &qf_limit_markets[i];

        qf_book_place(book, market->account, market->symbol)->limits = market->limits;
        if (market->whole.orders != 0 || market->whole.notional != 0)
            qf_book_place(book, market->account, "")->limits = market->whole;
    }
}

/* threads_start starts the clients, the checker and the halter. */
static void
threads_start(pthread_t *threads, LimitWatch *watch)
{
    const LimitOptions *o = &qf_limit_options;

    qf_caller_init(&watch->checker, o->conninfo, "checker", 1001, o->seed);
    qf_caller_init(&watch->halter, o->conninfo, "halter", 1002, o->seed);
    if (pthread_create(&threads[0], NULL, qf_limit_checker_main, watch) != 0 ||
        pthread_create(&threads[1], NULL, qf_limit_halter_main, watch) != 0)
        qf_die("cannot start a thread", NULL);
    for (int i = 0; i < o->clients; i++)
    {
        qf_limit_clients[i].number = i;
        qf_caller_init(&qf_limit_clients[i].caller, o->conninfo, "limit", i, o->seed);
        if (pthread_create(&threads[2 + i], NULL, qf_limit_client_main, &qf_limit_clients[i]) != 0)
            qf_die("cannot start a thread", NULL);
    }
}

/* all_run runs everybody for the time asked for, and for as much longer as the crashes take. */
static void
all_run(Killer *killer, LimitWatch *watch)
{
    static pthread_t threads[LIMIT_CLIENTS_MAX + 2];
    pthread_t killer_thread;
    int64_t start_ns = qf_now_ns(), length_ns = qf_limit_options.seconds * INT64_C(1000000000), passed_ns;

    threads_start(threads, watch);
    if (pthread_create(&killer_thread, NULL, qf_killer_main, killer) != 0)
        qf_die("cannot start a thread", NULL);
    while ((passed_ns = qf_now_ns() - start_ns) < length_ns)
    {
        atomic_store(&killer->progress, (int) (passed_ns * PROGRESS_END / length_ns));
        usleep(STEP_US);
    }
    atomic_store(&killer->stop, true);
    pthread_join(killer_thread, NULL);
    atomic_store(&qf_limit_stop, true);
    for (int i = 0; i < qf_limit_options.clients + 2; i++)
        pthread_join(threads[i], NULL);
}

/* summary_print prints what happened; false when an error was not expected, or a crash could not be made. */
static bool
summary_print(const Killer *killer, const LimitWatch *watch)
{
    long answers[5] = {0}, verified = 0, undone = 0, requests = 0, claimed = 0, replaced = 0;
    Caller sum = {0};

    for (int i = 0; i < qf_limit_options.clients; i++)
    {
        for (int j = 0; j < 5; j++)
            answers[j] += qf_limit_clients[i].answers[j];
        requests += qf_limit_clients[i].requests;
        verified += qf_limit_clients[i].verified;
        undone += qf_limit_clients[i].undone;
        claimed += qf_limit_clients[i].claimed;
        replaced += qf_limit_clients[i].replaced;
        qf_caller_add(&sum, &qf_limit_clients[i].caller);
    }
    qf_caller_add(&sum, &watch->checker);
    qf_caller_add(&sum, &watch->halter);
    printf("  requests: %ld =", requests);
    for (int i = 1; i < 5; i++)
        printf("%s %ld %s", i == 1 ? "" : " +", answers[i], qf_limit_answers[i]);
    printf("\n  rolled back on purpose: %ld, replaced: %ld, claimed: %ld\n", undone, replaced, claimed);
    printf("  markets measured: %ld times by the checker, %ld by clients; halts: %d\n",
           watch->measured,
           verified,
           watch->halt_count);
    printf("  backends terminated: %ld, cancelled: %ld, crash restarts: %d of %d; connections lost: %ld, made: %ld; "
           "calls repeated: "
           "%ld\n",
           killer->terminated,
           killer->cancelled,
           killer->crashed,
           qf_limit_options.crashes,
           sum.broken,
           sum.connections,
           sum.repeats);
    return qf_caller_print(&sum) && killer->crashed == qf_limit_options.crashes &&
           answers[1] + answers[2] + answers[3] + answers[4] == requests;
}

/* reached_check prints how far each limit was used, and sees that a long run has reached each: else it was not tried. */
static void
reached_check(Book *book)
{
    for (int i = 0; i < LIMIT_MARKETS; i++)
    {
        const LimitMarket *market = &qf_limit_markets[i];
        const BookPlace *place = qf_book_place(book, market->account, market->symbol);
        const BookPlace *whole = qf_book_place(book, market->account, "");
        int64_t position = place->long_max > place->short_max ? place->long_max : place->short_max;
        char texts[3][32];

        printf("  %-11s %-8s at most: %ld orders, position %s, notional %s; whole account: %ld orders, notional %s\n",
               market->account,
               market->symbol,
               place->live_max,
               qf_units_text(texts[0], position),
               qf_units_text(texts[1], place->notional_max),
               whole->live_max,
               qf_units_text(texts[2], whole->notional_max));
        if (qf_limit_options.seconds < REACH_S)
            continue;
        if (place->live_max < market->limits.orders || whole->live_max < market->whole.orders)
            qf_limit_violation(LIMIT_IDLE, "orders of %s %s", market->account, market->symbol);
        if (position < market->limits.position * 9 / 10)
            qf_limit_violation(LIMIT_IDLE, "position of %s %s", market->account, market->symbol);
        if (place->notional_max < market->limits.notional * 9 / 10 ||
            whole->notional_max < market->whole.notional * 9 / 10)
            qf_limit_violation(LIMIT_IDLE, "notional of %s %s", market->account, market->symbol);
    }
}

/* verdict_print counts the violations by rule; true when there were none. */
static bool
verdict_print(const Book *book)
{
    long total = qf_book_total(book);

    printf("  journal: %ld transactions, %ld orders, %ld halts\n", book->transactions, book->inserts, book->halts);
    for (int i = 0; i < LIMIT_RULES; i++)
        total += found[i];
    printf("  violations: %ld\n", total);
    for (int i = 0; i < LIMIT_RULES; i++)
        if (found[i] > 0)
            printf("    %s: %ld\n", qf_limit_rules[i], found[i]);
    for (int i = 0; i < BOOK_RULES; i++)
        if (book->found[i] > 0)
            printf("    in the journal: %s: %ld\n", qf_book_rules[i], book->found[i]);
    return total == 0;
}

/* main runs the clients and checks what they have done. */
int
main(int argc, char **argv)
{
    static LimitWatch watch;
    Book book = {.shown_max = SHOWN_MAX, .file = stdout};
    Killer killer = {.pattern = "limit-%"};
    Link admin = {0};
    Caller prober = {0};
    bool good;

    options_read(argc, argv);
    if (!qf_link_open(&admin, qf_limit_options.conninfo, "limitstress"))
        qf_die("cannot connect", NULL);
    markets_make(&admin);
    qf_link_close(&admin);
    killer.conninfo = qf_limit_options.conninfo;
    killer.every_ms = qf_limit_options.kill_every_ms;
    killer.crashes = qf_limit_options.crashes;
    killer.seed = qf_limit_options.seed;
    all_run(&killer, &watch);
    good = summary_print(&killer, &watch);
    fflush(stdout);
    book_limits(&book);
    qf_limit_rates(true);
    qf_limit_placements(&watch);
    qf_caller_init(&prober, qf_limit_options.conninfo, "prober", 1003, qf_limit_options.seed);
    qf_caller_connect(&prober);
    if (!qf_link_open(&admin, qf_limit_options.conninfo, "limitstress") || !qf_book_read(&book, &admin))
        qf_die("the journal cannot be read", &admin);
    reached_check(&book);
    if (!qf_limit_probe(&prober, true) || !qf_limit_settle_all(&prober) || !qf_limit_probe(&prober, true) ||
        !qf_book_read(&book, &admin))
        qf_die("the checks could not be made", &prober.link);
    good = verdict_print(&book) && prober.lies == 0 && good;
    if (good && qf_limit_options.selftest)
        good = qf_limit_selftest(&prober, &admin, &book) == 0;
    qf_journal_drop(&admin);
    qf_link_close(&admin);
    qf_link_close(&prober.link);
    qf_book_free(&book);
    return good ? 0 : 1;
}
