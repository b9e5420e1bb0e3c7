/*
 * Lockstress: what its parts share.
 *
 * main     options, tables, threads, the summary
 * client   one client's life: connect, pick a variant and keys, run it, again
 * modes    how a section is run under each mode, and what is written down of it
 * disturb  ends random backends and makes the faults that were asked for
 *
 * Options are written before the threads start and only read afterwards. A
 * client, its link, counts and history file belong to its own thread; the main
 * thread reads the counts after joining it.
 */
#ifndef QF_STRESS_H
#define QF_STRESS_H

#include "history.h"
#include "link.h"

#include <stdatomic.h>

enum
{
    CLIENTS_MAX = 1000,
    KEYS_MAX = 64,
    FAULTS_MAX = 16,
    STATES_MAX = 16,
    VARIANTS_MAX = 16,
    BATCH = 2
};

typedef struct Client Client;

/* One way to take a lock. run does one attempt, from acquisition to release. */
typedef struct Variant
{
    const char *name;
    const char *sql; /* acquires: $1 key or keys, then what the mode needs */
    bool waits;
    int weight;
    void (*run)(Client *client, const struct Variant *variant);
} Variant;

/* A command to be run at a time. crash and promote are recorded as faults; run is not. */
typedef struct PlannedFault
{
    int at_s;
    char name[NAME_SIZE];
    const char *command;
} PlannedFault;

typedef struct StressOptions
{
    const char *conninfo; /* clients */
    const char *admin;    /* setup, disturber; default: conninfo */
    const char *directory;
    const char *modes; /* names or beginnings of names, separated by commas; NULL means all */
    int clients;
    int seconds;
    int keys;
    int kill_every_ms; /* 0: no backend is terminated */
    int lease_ttl_ms;
    int think_us;
    unsigned seed;
    PlannedFault faults[FAULTS_MAX];
    int fault_count;
} StressOptions;

typedef struct StateCount
{
    char state[6];
    long count;
} StateCount;

typedef struct Counts
{
    long granted[VARIANTS_MAX];
    long busy[VARIANTS_MAX]; /* skipped, or timed out */
    long committed, aborted, unknown;
    long refused;                  /* guard or COMMIT with QM001, renew or release answered false */
    long broken;                   /* connections lost */
    long connections;              /* made */
    StateCount states[STATES_MAX]; /* errors by SQLSTATE */
} Counts;

struct Client
{
    int number;
    char owner[NAME_SIZE]; /* also the application_name */
    Link link;
    FILE *history;
    unsigned short seed[3];
    int64_t section_id;
    int64_t fence_max;               /* largest fence seen: a lease with no larger one is an old lease, taken again */
    int64_t doubt_until_ns;          /* until then a lease may be older than its grant: an earlier answer was lost */
    int64_t unanswered_ns[KEYS_MAX]; /* first lease request on the key since the last that was answered; 0: none */
    Counts counts;
};

extern StressOptions qf_options;
extern atomic_bool qf_stop;
extern atomic_bool qf_fault_near; /* the disturber is about to make a fault: many leases are left trusted */
extern const Variant qf_variants[];
extern const int qf_variant_count;

extern bool qf_variant_wanted(const Variant *variant);

extern void *qf_client_main(void *client);
extern bool qf_client_connect(Client *client);
extern long qf_random(Client *client, long below);
extern void qf_think(Client *client, long us_max);
extern long qf_pick_key(Client *client, char *key);
extern void qf_count_failure(Client *client);

extern void qf_run_transaction(Client *client, const Variant *variant);
extern void qf_run_many(Client *client, const Variant *variant);
extern void qf_run_session(Client *client, const Variant *variant);
extern void qf_run_lease(Client *client, const Variant *variant);
extern void qf_run_overrun(Client *client, const Variant *variant);

typedef struct Disturber
{
    long terminated;
    long faults;
} Disturber;

extern void *qf_disturber_main(void *disturber);

#endif
