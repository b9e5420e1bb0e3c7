/*
 * Orderstress: many clients place, fill, cancel and settle orders over a
 * thousand slots while backends are ended and the server crashes; then what they
 * saw, the tables and the journal of all commits are held against each other.
 *
 * Exit status: 0 when all rules held, 1 on a violation, 2 when it could not run.
 * It must run as the server's own user, on a server with wal_level = logical.
 */
#include "orderstress.h"

#include "killer.h"
#include "program.h"

#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    SHOWN_MAX = 20,
    PROGRESS_US = 5000,
    PROGRESS_END = 1000
};

static const char usage[] =
    "usage: orderstress --conninfo TEXT [options]\n"
    "  --clients N         32\n"
    "  --orders N          orders to be placed (20000)\n"
    "  --kill-every-ms N   terminate or cancel a random client's backend as often (200); 0: never\n"
    "  --crashes N         kill a backend with signal 9 as often during the run (2)\n"
    "  --cut-one-in N      hang up after a request without waiting for its answer (200); 0: never\n"
    "  --seed N            1\n"
    "  --selftest          afterwards, plant faults and see that each is found\n";

OrderOptions qf_order_options =
    {.clients = 32, .orders = 20000, .kill_every_ms = 200, .crashes = 2, .cut_one_in = 200, .seed = 1};
atomic_bool qf_order_stop;
atomic_long qf_order_placed;
OrderClient qf_order_clients[ORDER_CLIENTS_MAX];

const char *const qf_answers[ANSWER_COUNT] = {"unanswered", "placed", "skipped", "duplicate", "denied"};
const char *const qf_order_markets[MARKETS][2] = {{"stress", "HOTUSDT"},
                                                  {"stress", "COLDUSDT"},
                                                  {"stress/two", "HOTUSDT"},
                                                  {"stress/two", "LEVELUSDT"}};

/* The last market names its slots by levels, all others by prices. */
static const char *const setup[] = {
    "DROP EXTENSION IF EXISTS quantmesh CASCADE",
    "CREATE EXTENSION quantmesh",
    "SELECT quantmesh.set_market('stress', 'HOTUSDT', tick_size => 0.01, step_size => 0.001)",
    "SELECT quantmesh.set_market('stress', 'COLDUSDT', tick_size => 0.01, step_size => 0.001, min_notional => 1)",
    "SELECT quantmesh.set_market('stress/two', 'HOTUSDT', tick_size => 0.01, step_size => 0.001)",
    "SELECT quantmesh.set_market('stress/two', 'LEVELUSDT', tick_size => 0.01, step_size => 0.001,"
    " level_width => 1, slot_by => 'level')",
};

static const struct option long_options[] = {
    {"conninfo", required_argument, NULL, 'c'},
    {"clients", required_argument, NULL, 'n'},
    {"orders", required_argument, NULL, 'o'},
    {"kill-every-ms", required_argument, NULL, 'x'},
    {"crashes", required_argument, NULL, 'k'},
    {"cut-one-in", required_argument, NULL, 'u'},
    {"seed", required_argument, NULL, 'r'},
    {"selftest", no_argument, NULL, 't'},
    {NULL, 0, NULL, 0},
};

/* options_read fills qf_order_options. */
static void
options_read(int argc, char **argv)
{
    OrderOptions *o = &qf_order_options;
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
    {
        switch (option)
        {
            case 'c':
                o->conninfo = optarg;
                break;
            case 'n':
                o->clients = (int) qf_option_number(optarg, 1, ORDER_CLIENTS_MAX);
                break;
            case 'o':
                o->orders = qf_option_number(optarg, 1, 100000000);
                break;
            case 'x':
                o->kill_every_ms = (int) qf_option_number(optarg, 0, 60000);
                break;
            case 'k':
                o->crashes = (int) qf_option_number(optarg, 0, 100);
                break;
            case 'u':
                o->cut_one_in = (int) qf_option_number(optarg, 0, INT_MAX);
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

/* qf_slot says where a slot is. Buys are far below sells; the first slots of a market are prices, the others have names. */
void
qf_slot(Slot *slot, int number)
{
    int within = number % SLOTS_PER_MARKET, pair = within / 2;

    memset(slot, 0, sizeof(*slot));
    slot->market = number / SLOTS_PER_MARKET;
    slot->account = qf_order_markets[slot->market][0];
    slot->symbol = qf_order_markets[slot->market][1];
    slot->side = within % 2 == 0 ? "buy" : "sell";
    slot->level = slot->market == MARKETS - 1;
    slot->cents = (within % 2 == 0 ? 100000 : 200000) + (slot->level ? 100 : 5) * pair;
    if (pair >= NAMED_FROM)
        snprintf(slot->name, sizeof(slot->name), "grid-%d", pair);
}

/* qf_request_id writes the request_id of a client's request. */
char *
qf_request_id(char *text, const OrderClient *client, size_t number)
{
    snprintf(text, REQUEST_ID_SIZE, "%d#%d-%zu", client->requests[number].slot, client->number, number);
    return text;
}

/* markets_make makes the extension anew, with its markets, and starts the journal. */
static void
markets_make(Link *admin)
{
    qf_journal_drop(admin);
    qf_link_command(admin, "SET quantmesh.allow_drop = on", 0, NULL);
    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        if (!qf_link_command(admin, setup[i], 0, NULL))
            qf_die(setup[i], admin);
    if (!qf_journal_start(admin, qf_book_tables))
        qf_die("cannot start the journal", admin);
}

/* clients_run runs the clients and the killer until enough orders have been placed. */
static void
clients_run(Killer *killer)
{
    static pthread_t threads[ORDER_CLIENTS_MAX];
    pthread_t killer_thread;

    for (int i = 0; i < qf_order_options.clients; i++)
    {
        OrderClient *client = &qf_order_clients[i];

        client->number = i;
        qf_caller_init(&client->caller, qf_order_options.conninfo, "order", i, qf_order_options.seed);
        if (pthread_create(&threads[i], NULL, qf_order_client_main, client) != 0)
            qf_die("cannot start a thread", NULL);
    }
    if (pthread_create(&killer_thread, NULL, qf_killer_main, killer) != 0)
        qf_die("cannot start a thread", NULL);
    for (long placed = 0; placed < qf_order_options.orders; placed = atomic_load(&qf_order_placed))
    {
        atomic_store(&killer->progress, (int) (placed * PROGRESS_END / qf_order_options.orders));
        usleep(PROGRESS_US);
    }
    atomic_store(&qf_order_stop, true);
    for (int i = 0; i < qf_order_options.clients; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&killer->stop, true);
    pthread_join(killer_thread, NULL);
}

/* summary_print prints what happened; false when an error was not expected, or a crash could not be made. */
static bool
summary_print(const Killer *killer)
{
    long answers[ANSWER_COUNT] = {0}, replayed = 0, requests = 0, ended = 0;
    long cuts = 0, undone = 0;
    Caller sum = {0};

    for (int i = 0; i < qf_order_options.clients; i++)
    {
        const OrderClient *client = &qf_order_clients[i];

        for (size_t j = 0; j < client->request_count; j++)
        {
            answers[client->requests[j].answer]++;
            replayed += client->requests[j].replayed;
            ended += client->requests[j].ended_ns != 0;
        }
        requests += (long) client->request_count;
        qf_caller_add(&sum, &client->caller);
        cuts += client->cuts;
        undone += client->undone;
    }
    printf("  requests: %ld =", requests);
    for (int i = ANSWER_PLACED; i < ANSWER_COUNT; i++)
        printf("%s %ld %s", i == ANSWER_PLACED ? "" : " +", answers[i], qf_answers[i]);
    printf("\n  calls repeated: %ld, answered with an earlier placement: %ld; rolled back on purpose: %ld; orders "
           "ended: %ld\n",
           sum.repeats,
           replayed,
           undone,
           ended);
    printf("  backends terminated: %ld, cancelled: %ld, crash restarts: %d of %d; connections lost: %ld, hung up: %ld, "
           "made: %ld\n",
           killer->terminated,
           killer->cancelled,
           killer->crashed,
           qf_order_options.crashes,
           sum.broken,
           cuts,
           sum.connections);
    return qf_caller_print(&sum) && killer->crashed == qf_order_options.crashes;
}

/* verdict_print counts the violations by rule; true when there were none. */
static bool
verdict_print(const OrderReport *report, const Book *book)
{
    long total = qf_book_total(book);

    printf("  checked: %ld orders in the table, %ld of them alive; %ld lives by their events; amcheck %s\n",
           report->rows,
           report->live,
           report->intervals,
           report->amcheck > 0 ? "ran" : "is not installed");
    printf("  journal: %ld transactions, %ld orders, %zu slots\n",
           book->transactions,
           book->inserts,
           book->slot_names.count);
    for (int i = 0; i < ORDER_RULES; i++)
        total += report->found[i];
    printf("  violations: %ld\n", total);
    for (int i = 0; i < ORDER_RULES; i++)
        if (report->found[i] > 0)
            printf("    %s: %ld\n", qf_order_rules[i], report->found[i]);
    for (int i = 0; i < BOOK_RULES; i++)
        if (book->found[i] > 0)
            printf("    in the journal: %s: %ld\n", qf_book_rules[i], book->found[i]);
    return total == 0;
}

/* main runs the clients and checks what they have done. */
int
main(int argc, char **argv)
{
    OrderReport report = {.shown_max = SHOWN_MAX, .file = stdout};
    Book book = {.shown_max = SHOWN_MAX, .file = stdout};
    Killer killer = {.pattern = "order-%"};
    Link admin = {0};
    bool good;

    options_read(argc, argv);
    if (!qf_link_open(&admin, qf_order_options.conninfo, "orderstress"))
        qf_die("cannot connect", NULL);
    markets_make(&admin);
    qf_link_close(&admin);
    killer.conninfo = qf_order_options.conninfo;
    killer.every_ms = qf_order_options.kill_every_ms;
    killer.crashes = qf_order_options.crashes;
    killer.seed = qf_order_options.seed;
    clients_run(&killer);
    good = summary_print(&killer);
    fflush(stdout);
    if (!qf_link_open(&admin, qf_order_options.conninfo, "orderstress"))
        qf_die("cannot connect", NULL);
    if (!qf_book_read(&book, &admin) || !qf_order_check(&admin, &report) || !qf_order_probe(&admin, &report))
        qf_die("the checks could not be made", &admin);
    good = verdict_print(&report, &book) && good;
    if (good && qf_order_options.selftest)
        good = qf_order_selftest(&admin, &book) == 0;
    qf_journal_drop(&admin);
    qf_link_close(&admin);
    qf_book_free(&book);
    return good ? 0 : 1;
}
