/*
 * Simulate: days of trading with an exchange that is not there, to see that what
 * the classifier finds, and its repairs, make both sides the same again.
 *
 *   --seeds N    so many days, 1000 by default
 *   --orders N   of so many orders, 10000 by default
 *   --seed N     that day alone; with --seeds, the first of them
 *   --selftest   plants faults instead, each of which some day must show
 *
 * Exits with 1 when something is not as it should be, and says in which seed.
 */
#include "simulate.h"

#include "exchangeinside.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ORDERS_WITH_EVERYTHING 500000 /* among so many, everything is found that can be */

typedef struct Options
{
    long seeds, orders, seed;
    bool selftest;
} Options;

static const char *const plant_names[PLANTS] = {
    [PLANT_NOTHING] = "nothing",
    [PLANT_ABSENCE_PROVES] = "one look at the open orders proves absence",
    [PLANT_DEADLINE_IGNORED] = "answers count before the acceptance deadline",
    [PLANT_ALL_SETTLED] = "what is still moving is judged",
    [PLANT_MISSING_IS_LOST] = "what is not shown is lost",
    [PLANT_FILLS_FORGOTTEN] = "missed fills are not booked",
    [PLANT_LATE_FORGOTTEN] = "late fills are not booked",
    [PLANT_ORPHANS_LEFT] = "our orphans are not adopted",
    [PLANT_STRANGERS_LEFT] = "others' orders are not adopted",
    [PLANT_CANCELS_LEFT] = "stuck cancels are not sent again",
    [PLANT_NEVER_ABSENT] = "nobody is proved absent",
    [PLANT_NEXT_ONE] = "repairs go to the next order",
    [PLANT_STRAYS_LEFT] = "trades without an order are not asked about",
    [PLANT_CURSOR_RUNS] = "snapshots go on behind the newest trade that is booked",
    [PLANT_NO_WAIT] = "any snapshot after a failover will do",
    [PLANT_INTENTS_KEPT] = "after a failover, intents were not sent",
    [PLANT_SLOTS_FORGOTTEN] = "an order does not get its slot when that is free again",
};

/* option_number reads a number that is not negative. */
static long
option_number(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*end != '\0' || end == text || number < 0)
    {
        fprintf(stderr, "simulate: \"%s\" is not a number\n", text);
        exit(2);
    }
    return number;
}

/* options_read reads the command line. */
static Options
options_read(int argc, char **argv)
{
    static const struct option known[] = {{"seeds", required_argument, NULL, 'n'},
                                          {"orders", required_argument, NULL, 'o'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"selftest", no_argument, NULL, 't'},
                                          {NULL, 0, NULL, 0}};
    Options options = {.seeds = -1, .orders = 10000, .seed = -1};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
    {
        if (option == 'n')
            options.seeds = option_number(optarg);
        else if (option == 'o')
            options.orders = option_number(optarg);
        else if (option == 's')
            options.seed = option_number(optarg);
        else if (option == 't')
            options.selftest = true;
        else
            exit(2);
    }
    if (options.seeds < 0)
        options.seeds = options.seed < 0 ? 1000 : 1;
    if (options.seed < 0)
        options.seed = 1;
    return options;
}

/* faults_draw draws how bad a day is: mostly bad in some ways and good in others. */
static ExchangeFaults
faults_draw(uint64_t *random)
{
    ExchangeFaults faults = {.request_lost = 10,
                             .request_slow = 20,
                             .reply_lost = 20,
                             .reply_slow = 20,
                             .report_lost = 50,
                             .report_slow = 50,
                             .repeated = 30,
                             .rejected = 10,
                             .not_processed = 15,
                             .snapshot_cut = 50,
                             .snapshot_empty = 30,
                             .snapshot_hollow = 50,
                             .snapshot_doubled = 50,
                             .stale = 300,
                             .late_trade = 50,
                             .amended = 10,
                             .self_trade = 10,
                             .external = 20};
    int *each = (int *) &faults;

    for (size_t i = 0; i < sizeof(faults) / sizeof(int); i++)
    {
        int64_t kind = qf_random_below(random, 4);

        if (kind == 0)
            each[i] = 0;
        else if (kind == 1)
            each[i] *= 4;
    }
    return faults;
}

/* day_play plays a seed's day, with a planted fault, and says whether everything was right. */
static bool
day_play(const Options *options, uint64_t seed, SimPlant plant, SimTotals *totals, char *wrong, size_t size)
{
    Sim sim = {.seed = seed,
               .random = seed * UINT64_C(0x2545f4914f6cdd1d),
               .plant = plant,
               .wanted = options->orders,
               .totals = totals};
    ExchangeFaults faults = faults_draw(&sim.random);

    sim.policy = qf_random_chance(&sim.random, 500) ? QM_POLICY_REPAIR : QM_POLICY_ENFORCE;
    sim.exchange = qf_exchange_open(qf_random_next(&sim.random), &faults);
    if (sim.exchange == NULL)
        abort();
    qf_sim_day(&sim);
    if (sim.wrong[0] == '\0')
        qf_sim_check(&sim);
    totals->days++;
    snprintf(wrong, size, "%s", sim.wrong);
    qf_exchange_close(sim.exchange);
    qf_store_free(&sim.store);
    if (sim.has_standby)
        qf_store_free(&sim.standby);
    free(sim.sent);
    free(sim.intents);
    free(sim.stalls);
    return wrong[0] == '\0';
}

/* selftest plants every fault until some day shows it; those that no day shows are failures. */
static int
selftest(const Options *options)
{
    int missed = 0;

    for (int plant = PLANT_NOTHING + 1; plant < PLANTS; plant++)
    {
        SimTotals totals = {0};
        char wrong[256] = "";
        long day = 0;

        while (day < options->seeds &&
               day_play(options, (uint64_t) (options->seed + day), (SimPlant) plant, &totals, wrong, sizeof(wrong)))
            day++;
        if (wrong[0] == '\0')
            printf("not ok - %s: %ld days, and nothing was wrong\n", plant_names[plant], day);
        else
            printf("ok - %s: day %ld: %s\n", plant_names[plant], day + 1, wrong);
        fflush(stdout);
        missed += wrong[0] == '\0';
    }
    printf("simulate: %d planted faults, %d not found\n", PLANTS - 1, missed);
    return missed == 0 ? 0 : 1;
}

/* totals_print says what all days came to. */
static void
totals_print(const SimTotals *totals, double seconds)
{
    printf("simulate: %ld days of %.1f h in %.1f s: %ld orders at the exchange, %ld trades, %ld snapshots, "
           "%ld failovers, %ld dead instances\n",
           totals->days,
           (double) totals->simulated_us / 3.6e9,
           seconds,
           totals->orders,
           totals->trades,
           totals->passes,
           totals->failovers,
           totals->deaths);
    printf("simulate: found");
    for (int i = 0; i < QM_FINDINGS; i++)
        printf(" %s %ld", qm_finding_name((QmFindingCode) i), totals->findings[i]);
    printf("\nsimulate: orders ended as");
    for (int i = 0; i < QM_ORDER_STATES; i++)
        printf(" %s %ld", qm_order_state_name((QmOrderState) i), totals->states[i]);
    printf("\n");
}

/* totals_check says how many codes no day had, of those that an honest exchange can bring up. */
static long
totals_check(const SimTotals *totals)
{
    long missing = 0;

    for (int i = 0; i < QM_FINDINGS && totals->orders >= ORDERS_WITH_EVERYTHING; i++)
        if (totals->findings[i] == 0 && i != QM_FINDING_OVERFILL && i != QM_FINDING_FILL_MISMATCH)
        {
            printf("not ok - %s was never found\n", qm_finding_name((QmFindingCode) i));
            missing++;
        }
    return missing;
}

int
main(int argc, char **argv)
{
    Options options = options_read(argc, argv);
    SimTotals totals = {0};
    struct timespec begin, end;
    long failed = 0;

    if (options.selftest)
        return selftest(&options);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (long day = 0; day < options.seeds; day++)
    {
        char wrong[256];

        if (!day_play(&options, (uint64_t) (options.seed + day), PLANT_NOTHING, &totals, wrong, sizeof(wrong)))
        {
            printf("not ok - seed %ld: %s\n", options.seed + day, wrong);
            failed++;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    totals_print(&totals, (double) (end.tv_sec - begin.tv_sec) + (double) (end.tv_nsec - begin.tv_nsec) / 1e9);
    failed += totals_check(&totals);
    return failed == 0 ? 0 : 1;
}
