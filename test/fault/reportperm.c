/*
 * Reportperm: whatever the order in which the reports of an exchange come, and
 * however often, the same becomes of the orders, the fills, the position and the
 * profit. Random cases, from a seed that is printed; a case that fails is made
 * as small as it can be and printed.
 *
 * Exit status: 0 when all cases held, 1 when one did not, 2 when it could not run.
 */
#include "reportperm.h"
#include "program.h"

#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
    PLAYERS_MAX = 16,
    FAILURES_SHOWN = 3,
    SELFTEST_CASES = 40,
    SMALL_REPORTS = 3
};

static const char usage[] = "usage: reportperm --conninfo TEXT [options]\n"
                            "  --cases N     10000\n"
                            "  --clients N   2\n"
                            "  --seed N      by the clock\n"
                            "  --case N      only this one of the seed's\n"
                            "  --selftest    plant faults instead, and see that each is found\n";

static const Plant plants[] = {
    {"a cancel state that differs",
     PLANT_SQL,
     false,
     "UPDATE quantmesh.orders SET cancel_state = 'unknown' WHERE account = ANY ($1::text[]) AND strategy = $2"},
    {"a profit that differs in the 30th decimal",
     PLANT_SQL,
     false,
     "UPDATE quantmesh.position SET realized_profit = realized_profit + 1e-30 WHERE account = ANY ($1::text[])"
     " AND strategy = $2"},
    {"a fill that differs",
     PLANT_SQL,
     false,
     "UPDATE quantmesh.fill SET profit_after = profit_after + 1 WHERE account = ANY ($1::text[]) AND strategy = $2"},
    {"a fill that is missing",
     PLANT_SQL,
     false,
     "DELETE FROM quantmesh.fill WHERE account = ANY ($1::text[]) AND strategy = $2"},
    {"positions that are wrong alike",
     PLANT_SQL,
     true,
     "UPDATE quantmesh.position SET quantity = quantity + 1e-18 WHERE account = ANY ($1::text[]) AND strategy = $2"},
    {"profits that are wrong alike",
     PLANT_SQL,
     true,
     "UPDATE quantmesh.position SET realized_profit = realized_profit * 1.01 + 0.01 WHERE account = ANY ($1::text[])"
     " AND strategy = $2"},
    {"costs and profits that are wrong alike, and add up",
     PLANT_SQL,
     true,
     "UPDATE quantmesh.position SET cost = cost + 0.01, realized_profit = realized_profit + 0.01"
     " WHERE account = ANY ($1::text[]) AND strategy = $2"},
    {"orders that are wrong alike",
     PLANT_SQL,
     true,
     "UPDATE quantmesh.orders SET filled_quantity = filled_quantity + 1e-18, exposed = live OR reported_quantity >"
     " filled_quantity + 1e-18 + busted_quantity WHERE account = ANY ($1::text[]) AND strategy = $2"},
    {"orders that are in live_order, and should not be, or the other way round",
     PLANT_SQL,
     true,
     "WITH o AS (SELECT * FROM quantmesh.orders WHERE account = ANY ($1::text[]) AND strategy = $2),"
     " gone AS (DELETE FROM quantmesh.live_order AS l USING o WHERE l.account = o.account AND l.order_id = o.order_id)"
     " INSERT INTO quantmesh.live_order SELECT account, order_id, symbol, side, price, '#' || order_id FROM o"
     " WHERE NOT exposed"},
    {"a fill that one twin was not told of", PLANT_LOST, false, NULL},
    {"a fill that one twin was told wrong", PLANT_WRONG, false, NULL},
};

static const char *conninfo;
static unsigned seed;
static long cases = 10000;
static long only = -1;
static int players_count = 2;
static bool selftest;
static atomic_long next_case;
static atomic_long failures;
static pthread_mutex_t print_mutex = PTHREAD_MUTEX_INITIALIZER;

static const struct option long_options[] = {
    {"conninfo", required_argument, NULL, 'c'},
    {"cases", required_argument, NULL, 'n'},
    {"clients", required_argument, NULL, 'p'},
    {"seed", required_argument, NULL, 'r'},
    {"case", required_argument, NULL, 'o'},
    {"selftest", no_argument, NULL, 't'},
    {NULL, 0, NULL, 0},
};

/* options_read reads what was asked for. */
static void
options_read(int argc, char **argv)
{
    int option;

    seed = (unsigned) time(NULL);
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
    {
        switch (option)
        {
            case 'c':
                conninfo = optarg;
                break;
            case 'n':
                cases = qf_option_number(optarg, 1, INT_MAX);
                break;
            case 'p':
                players_count = (int) qf_option_number(optarg, 1, PLAYERS_MAX);
                break;
            case 'r':
                seed = (unsigned) qf_option_number(optarg, 0, UINT_MAX);
                break;
            case 'o':
                only = qf_option_number(optarg, 0, INT_MAX);
                break;
            case 't':
                selftest = true;
                break;
            default:
                fputs(usage, stderr);
                exit(2);
        }
    }
    if (conninfo == NULL || optind != argc)
    {
        fputs(usage, stderr);
        exit(2);
    }
}

/* smaller keeps a smaller case when it fails, too. */
static bool
smaller(Player *player, Case *c, const Case *tried)
{
    static _Thread_local char why[CASE_TEXT_MAX];

    if (qf_case_holds(player, tried, why))
        return false;
    *c = *tried;
    return true;
}

/* shrink_plays takes repetitions away that are not needed to fail; a report stays at least once. */
static bool
shrink_plays(Player *player, Case *c)
{
    bool shrunk = false;
    Case tried;

    for (int i = c->play_count - 1; i >= 0; i--)
    {
        int copies = 0;

        for (int j = 0; j < c->play_count; j++)
            copies += c->plays[j] == c->plays[i];
        tried = *c;
        if (copies == 1)
            continue;
        qf_case_drop_play(&tried, i);
        shrunk = smaller(player, c, &tried) || shrunk;
    }
    return shrunk;
}

/* case_shrink drops orders, reports and repetitions while the case still fails. */
static void
case_shrink(Player *player, Case *c)
{
    bool shrunk = true;
    Case tried;

    while (shrunk)
    {
        shrunk = false;
        for (int i = c->order_count - 1; i >= 0 && c->order_count > 1; i--)
        {
            tried = *c;
            qf_case_drop_order(&tried, i);
            shrunk = smaller(player, c, &tried) || shrunk;
        }
        for (int i = c->report_count - 1; i >= 0 && c->report_count > 1; i--)
        {
            tried = *c;
            qf_case_drop_report(&tried, i);
            shrunk = smaller(player, c, &tried) || shrunk;
        }
        shrunk = shrink_plays(player, c) || shrunk;
    }
}

/* failure_show makes a failed case small and prints it. */
static void
failure_show(Player *player, Case *c)
{
    char why[CASE_TEXT_MAX];

    case_shrink(player, c);
    qf_case_holds(player, c, why);
    pthread_mutex_lock(&print_mutex);
    printf("  case %ld of seed %u fails; as small as it gets:\n", c->number, seed);
    qf_case_print(c);
    printf("    %s\n", why[0] == '\0' ? "(and now it holds: it depends on more than the case)" : why);
    fflush(stdout);
    pthread_mutex_unlock(&print_mutex);
}

/* player_main is a thread: it plays cases until none is left. */
static void *
player_main(void *argument)
{
    Player *player = argument;
    char why[CASE_TEXT_MAX];
    Case c;

    for (;;)
    {
        long number = atomic_fetch_add(&next_case, 1);

        if (number >= cases || atomic_load(&failures) >= FAILURES_SHOWN)
            return NULL;
        qf_case_make(&c, seed, only >= 0 ? only : number);
        player->cases++;
        if (qf_case_holds(player, &c, why))
            continue;
        player->failures++;
        atomic_fetch_add(&failures, 1);
        if (!selftest)
            failure_show(player, &c);
        if (qf_link_broken(&player->links[0]))
            qf_die("the connection is lost", &player->links[0]);
    }
}

/* players_run plays all cases with all players. */
static void
players_run(Player *players)
{
    pthread_t threads[PLAYERS_MAX];

    for (int i = 0; i < players_count; i++)
        if (pthread_create(&threads[i], NULL, player_main, &players[i]) != 0)
            qf_die("cannot start a thread", NULL);
    for (int i = 0; i < players_count; i++)
        pthread_join(threads[i], NULL);
}

/* shrink_check sees that a planted fault that needs one report is brought down to a few. */
static bool
shrink_check(Player *player)
{
    char why[CASE_TEXT_MAX];
    Case c;

    for (long number = 0; number < cases; number++)
    {
        qf_case_make(&c, seed, number);
        if (c.report_count <= 2 * SMALL_REPORTS || qf_case_holds(player, &c, why))
            continue;
        case_shrink(player, &c);
        return c.report_count <= SMALL_REPORTS && !qf_case_holds(player, &c, why);
    }
    return false;
}

/* plants_try tries each planted fault in some cases, each of which must not hold at least once; returns the exit status. */
static int
plants_try(Player *players)
{
    int tried = sizeof(plants) / sizeof(plants[0]), bad = 0;

    cases = SELFTEST_CASES;
    for (int i = 0; i < tried; i++)
    {
        qf_plant = &plants[i];
        atomic_store(&next_case, 0);
        atomic_store(&failures, 0);
        players_run(players);
        if (atomic_load(&failures) == 0)
        {
            printf("not ok - %s\n", plants[i].name);
            bad++;
        }
    }
    for (int i = 0; i < tried; i++)
    {
        qf_plant = &plants[i];
        if (qf_plant->kind != PLANT_LOST || shrink_check(&players[0]))
            continue;
        printf("not ok - a case that failed was not made small\n");
        bad++;
    }
    qf_plant = NULL;
    printf("  selftest: %d planted faults, %d judged wrongly\n", tried + 1, bad);
    return bad == 0 ? 0 : 1;
}

/* extension_make makes the extension anew. */
static void
extension_make(void)
{
    Link link = {0};

    if (!qf_link_open(&link, conninfo, "reportperm"))
        qf_die("cannot connect", NULL);
    qf_link_command(&link, "SET quantmesh.allow_drop = on", 0, NULL);
    if (!qf_link_command(&link, "DROP EXTENSION IF EXISTS quantmesh CASCADE", 0, NULL) ||
        !qf_link_command(&link, "CREATE EXTENSION quantmesh", 0, NULL))
        qf_die("cannot create the extension", &link);
    qf_link_close(&link);
}

/* main plays the cases, or tries itself. */
int
main(int argc, char **argv)
{
    static Player players[PLAYERS_MAX];
    long played = 0, reports = 0;

    options_read(argc, argv);
    if (only >= 0)
        cases = players_count = 1;
    extension_make();
    for (int i = 0; i < players_count; i++)
    {
        players[i].number = i;
        if (!qf_player_connect(&players[i], conninfo) || !qf_player_setup(&players[i]))
            qf_die("cannot set up", &players[i].links[0]);
    }
    printf("  seed %u\n", seed);
    fflush(stdout);
    if (selftest)
        return plants_try(players);
    players_run(players);
    for (int i = 0; i < players_count; i++)
    {
        played += players[i].cases;
        reports += players[i].reports;
        for (int j = 0; j < CROWD; j++)
            qf_link_close(&players[i].links[j]);
    }
    printf("  %ld cases, %ld reports, %ld failures\n", played, reports, atomic_load(&failures));
    return atomic_load(&failures) == 0 ? 0 : 1;
}
