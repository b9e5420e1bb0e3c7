/*
 * Lockstress: many clients race for a few keys in every mode, while backends are
 * ended and servers crash. Writes one history file a client, for lockcheck.
 */
#include "stress.h"
#include "program.h"

#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: lockstress --conninfo TEXT --dir FOLDER [options]\n"
    "  --admin TEXT        connection for setup and faults (default: --conninfo)\n"
    "  --clients N         16\n"
    "  --seconds N         10\n"
    "  --keys N            8\n"
    "  --modes LIST        beginnings of names, as in xact,lease_try (default: all)\n"
    "  --kill-every-ms N   terminate a random client's backend as often (default: never)\n"
    "  --lease-ttl-ms N    longest lease (400)\n"
    "  --think-us N        longest pause of a client (2000)\n"
    "  --seed N            1\n"
    "  --fault S:NAME:CMD  run CMD after S seconds; crash and promote wait until the server is back, run does not\n";

StressOptions qf_options = {.clients = 16, .seconds = 10, .keys = 8, .lease_ttl_ms = 400, .think_us = 2000, .seed = 1};
atomic_bool qf_stop;
atomic_bool qf_fault_near;

const Variant qf_variants[] = {
    {"xact_try", "SELECT quantmesh.try_xact_lock($1)", false, 20, qf_run_transaction},
    {"xact_wait", "SELECT quantmesh.xact_lock($1, NULL, $2)", true, 20, qf_run_transaction},
    {"many_try", "SELECT quantmesh.try_xact_lock_many($1)", false, 10, qf_run_many},
    {"many_wait", "SELECT quantmesh.xact_lock_many($1, NULL, $2)", true, 10, qf_run_many},
    {"session_try", "SELECT quantmesh.try_lock($1)", false, 15, qf_run_session},
    {"session_wait", "SELECT quantmesh.lock($1, NULL, $2)", true, 15, qf_run_session},
    {"session_call", "CALL quantmesh.acquire($1, NULL, $2, NULL)", true, 15, qf_run_session},
    {"lease_try", "SELECT quantmesh.try_lease($1, $2, $3)", false, 30, qf_run_lease},
    {"lease_wait", "SELECT quantmesh.lease($1, $2, $3, $4)", true, 30, qf_run_lease},
    {"overrun", "SELECT quantmesh.try_xact_lock($1, '20 ms')", false, 1, qf_run_overrun},
};
const int qf_variant_count = sizeof(qf_variants) / sizeof(qf_variants[0]);

/* Failures that ending backends and servers bring about; any other SQLSTATE fails the run. */
static const char *const expected_states[] = {"QM001", "57P01", "57P02", "57P03"};

static const struct option long_options[] = {
    {"conninfo", required_argument, NULL, 'c'},
    {"admin", required_argument, NULL, 'a'},
    {"dir", required_argument, NULL, 'd'},
    {"clients", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 's'},
    {"keys", required_argument, NULL, 'k'},
    {"modes", required_argument, NULL, 'm'},
    {"kill-every-ms", required_argument, NULL, 'x'},
    {"lease-ttl-ms", required_argument, NULL, 'l'},
    {"think-us", required_argument, NULL, 't'},
    {"seed", required_argument, NULL, 'r'},
    {"fault", required_argument, NULL, 'f'},
    {NULL, 0, NULL, 0},
};

/* option_fault reads SECONDS:NAME:COMMAND. */
static void
option_fault(const char *text)
{
    PlannedFault *fault = &qf_options.faults[qf_options.fault_count];
    int length = 0;

    if (qf_options.fault_count == FAULTS_MAX)
        qf_die("too many faults", NULL);
    if (sscanf(text, "%d:%15[a-z]:%n", &fault->at_s, fault->name, &length) != 2 || length == 0)
        qf_die("a fault is SECONDS:NAME:COMMAND", NULL);
    fault->command = text + length;
    qf_options.fault_count++;
}

/* options_read fills qf_options. */
static void
options_read(int argc, char **argv)
{
    StressOptions *o = &qf_options;
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
    {
        switch (option)
        {
            case 'c':
                o->conninfo = optarg;
                break;
            case 'a':
                o->admin = optarg;
                break;
            case 'd':
                o->directory = optarg;
                break;
            case 'n':
                o->clients = (int) qf_option_number(optarg, 1, CLIENTS_MAX);
                break;
            case 's':
                o->seconds = (int) qf_option_number(optarg, 1, 86400);
                break;
            case 'k':
                o->keys = (int) qf_option_number(optarg, 1, KEYS_MAX);
                break;
            case 'm':
                o->modes = optarg;
                break;
            case 'x':
                o->kill_every_ms = (int) qf_option_number(optarg, 0, 60000);
                break;
            case 'l':
                o->lease_ttl_ms = (int) qf_option_number(optarg, 100, 60000);
                break;
            case 't':
                o->think_us = (int) qf_option_number(optarg, 0, 1000000);
                break;
            case 'r':
                o->seed = (unsigned) qf_option_number(optarg, 0, INT_MAX);
                break;
            case 'f':
                option_fault(optarg);
                break;
            default:
                fputs(usage, stderr);
                exit(2);
        }
    }
    if (o->conninfo == NULL || o->directory == NULL || optind != argc)
    {
        fputs(usage, stderr);
        exit(2);
    }
    if (o->admin == NULL)
        o->admin = o->conninfo;
}

/* qf_variant_wanted says whether --modes has a word that the variant's name begins with. */
bool
qf_variant_wanted(const Variant *variant)
{
    const char *word = qf_options.modes;

    if (word == NULL)
        return true;
    while (*word != '\0')
    {
        size_t length = strcspn(word, ",");

        if (length > 0 && strncmp(variant->name, word, length) == 0)
            return true;
        word += length + (word[length] == ',');
    }
    return false;
}

/* tables_make makes fresh tables. They have no unique index: what would be refused could not be found by lockcheck. */
static void
tables_make(void)
{
    static const char *const statements[] = {
        "DROP SCHEMA IF EXISTS fault CASCADE",
        "CREATE SCHEMA fault",
        "CREATE TABLE fault.pulse (beat bigint NOT NULL)",
        "INSERT INTO fault.pulse VALUES (0)",
        "CREATE TABLE fault.counter (key text NOT NULL, n bigint NOT NULL, fence bigint NOT NULL)",
        "CREATE TABLE fault.section (key text NOT NULL, n bigint NOT NULL, id bigint NOT NULL,"
        " fence bigint NOT NULL, client integer NOT NULL, mode text NOT NULL)",
    };
    Link link = {0};
    char sql[256];

    if (!qf_link_open(&link, qf_options.admin, "setup"))
        qf_die("cannot connect", NULL);
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        if (!qf_link_command(&link, statements[i], 0, NULL))
            qf_die(statements[i], NULL);
    snprintf(sql,
             sizeof(sql),
             "INSERT INTO fault.counter SELECT CASE WHEN i %% 2 = 0 THEN 'order:stress:HOTUSDT:' ELSE 'hot/' END || i,"
             " 0, 0 FROM generate_series(0, %d) AS i",
             qf_options.keys - 1);
    if (!qf_link_command(&link, sql, 0, NULL))
        qf_die("cannot fill the counters", NULL);
    qf_link_close(&link);
}

/* client_prepare gives a client its name, seed and history file. */
static void
client_prepare(Client *client, int number)
{
    char path[4096];

    client->number = number;
    snprintf(client->owner, sizeof(client->owner), "stress-%d", number);
    client->seed[0] = (unsigned short) qf_options.seed;
    client->seed[1] = (unsigned short) (qf_options.seed >> 16);
    client->seed[2] = (unsigned short) number;
    client->section_id = (int64_t) number * 1000000000;
    snprintf(path, sizeof(path), "%s/client-%d.history", qf_options.directory, number);
    client->history = fopen(path, "w");
    if (client->history == NULL)
    {
        perror(path);
        exit(2);
    }
}

/* counts_add adds a client's counts to the sum. */
static void
counts_add(Counts *sum, const Counts *counts)
{
    for (int i = 0; i < VARIANTS_MAX; i++)
    {
        sum->granted[i] += counts->granted[i];
        sum->busy[i] += counts->busy[i];
    }
    sum->committed += counts->committed;
    sum->aborted += counts->aborted;
    sum->unknown += counts->unknown;
    sum->refused += counts->refused;
    sum->broken += counts->broken;
    sum->connections += counts->connections;
    for (int i = 0; i < STATES_MAX && counts->states[i].count > 0; i++)
    {
        for (int j = 0; j < STATES_MAX; j++)
        {
            if (sum->states[j].count > 0 && strcmp(sum->states[j].state, counts->states[i].state) != 0)
                continue;
            memcpy(sum->states[j].state, counts->states[i].state, sizeof(sum->states[j].state));
            sum->states[j].count += counts->states[i].count;
            break;
        }
    }
}

/*
 * summary_print prints what happened; false when there were errors that no fault explains, a fault could not be made,
 * or nothing was granted.
 */
static bool
summary_print(const Counts *sum, const Disturber *disturber)
{
    long granted = 0, busy = 0, outages = 0;
    bool good = true;

    printf("  %-14s %10s %10s\n", "way", "granted", "conflicts");
    for (int i = 0; i < qf_variant_count; i++)
    {
        if (!qf_variant_wanted(&qf_variants[i]))
            continue;
        printf("  %-14s %10ld %10ld\n", qf_variants[i].name, sum->granted[i], sum->busy[i]);
        granted += sum->granted[i];
        busy += sum->busy[i];
    }
    printf("  %-14s %10ld %10ld\n", "all", granted, busy);
    printf("  sections: %ld committed, %ld rolled back, %ld unknown; holds refused: %ld\n",
           sum->committed,
           sum->aborted,
           sum->unknown,
           sum->refused);
    for (int i = 0; i < qf_options.fault_count; i++)
        outages += strcmp(qf_options.faults[i].name, "run") != 0;
    printf("  backends terminated: %ld, connections lost: %ld, made: %ld, outages: %ld of %ld\n",
           disturber->terminated,
           sum->broken,
           sum->connections,
           disturber->faults,
           outages);
    for (int i = 0; i < STATES_MAX && sum->states[i].count > 0; i++)
    {
        bool expected =
            qf_find_name(expected_states, sizeof(expected_states) / sizeof(expected_states[0]), sum->states[i].state) >=
            0;

        printf("  SQLSTATE %s: %ld%s\n", sum->states[i].state, sum->states[i].count, expected ? "" : " (unexpected)");
        good = good && expected;
    }
    return good && granted > 0 && disturber->faults == outages;
}

/* main runs the clients and the disturber for the time asked for. */
int
main(int argc, char **argv)
{
    static Client clients[CLIENTS_MAX];
    static pthread_t threads[CLIENTS_MAX];
    Disturber disturber = {0};
    pthread_t disturber_thread;
    Counts sum = {0};

    options_read(argc, argv);
    tables_make();
    for (int i = 0; i < qf_options.clients; i++)
        client_prepare(&clients[i], i);
    if (pthread_create(&disturber_thread, NULL, qf_disturber_main, &disturber) != 0)
        qf_die("cannot start a thread", NULL);
    for (int i = 0; i < qf_options.clients; i++)
        if (pthread_create(&threads[i], NULL, qf_client_main, &clients[i]) != 0)
            qf_die("cannot start a thread", NULL);
    sleep((unsigned) qf_options.seconds);
    atomic_store(&qf_stop, true);
    for (int i = 0; i < qf_options.clients; i++)
    {
        pthread_join(threads[i], NULL);
        counts_add(&sum, &clients[i].counts);
    }
    pthread_join(disturber_thread, NULL);
    return summary_print(&sum, &disturber) ? 0 : 1;
}
