/*
 * Tradestress: instances trade on an exchange that is not there, by way of a
 * real server, while replies, reports and snapshots are lost, old and late, senders
 * die, backends are ended and the server crashes. After a quiet time the server and
 * the exchange must tell the same of every order, fill and position.
 *
 * Exit status: 0 when they do, 1 when not, 2 when it could not run. It must run as
 * the server's own user.
 */
#include "tradestress.h"

#include "exchangeinside.h"
#include "killer.h"
#include "program.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PLACE_EVERY_US 8000
#define CANCEL_EVERY_US 25000
#define TICK_US 500
#define RECONNECT_US 10000
#define RECONNECT_US_MAX 60000000
#define QUIET_US_MAX 90000000
#define LOOK_EVERY_US 500000
#define PROGRESS_END 1000
#define SHOWN_MAX 20

static const char usage[] = "usage: tradestress --conninfo TEXT [--orders N] [--seed N] [--kill-every-ms N] "
                            "[--crashes N]\n"
                            "  [--without FAULT ...]: amended, late_trade, self_trade, hollow, external\n";

static const char *const setup[] = {
    "DROP EXTENSION IF EXISTS quantmesh CASCADE",
    "CREATE EXTENSION quantmesh",
    "SELECT quantmesh.set_market('sim', 'SIMUSD', tick_size => 1, step_size => 1, base_asset => 'SIM', quote_asset => "
    "'USD')",
    "SELECT quantmesh.set_reconcile('sim', 'SIMUSD', every => '250 ms', grace => '400 ms')",
    "SELECT quantmesh.set_baseline('sim', 'SIM', 1000000000, 'before the run')",
    "SELECT quantmesh.set_baseline('sim', 'USD', 1000000000000, 'before the run')",
};

/* What is wrong: a row is a text that says so. The exchange's orders and trades are in temporary tables. */
static const char look_sql[] =
    "SELECT format('order %s (%s) of the exchange is %s with %s filled, and %s with %s here', r.exchange_order_id,"
    " r.client_order_id, r.state, r.filled, o.state, o.filled_quantity)"
    " FROM remote_order AS r JOIN quantmesh.exchange_order AS e ON e.account = 'sim' AND e.symbol = 'SIMUSD'"
    " AND e.exchange_order_id = r.exchange_order_id"
    " JOIN quantmesh.orders AS o ON o.account = 'sim' AND o.order_id = e.order_id"
    " WHERE o.state <> r.state OR o.filled_quantity <> r.filled"
    " UNION ALL "
    "SELECT format('order %s (%s) of the exchange is %s with %s filled, and not known here', r.exchange_order_id,"
    " r.client_order_id, r.state, r.filled)"
    " FROM remote_order AS r WHERE (r.filled > 0 OR r.state IN ('open', 'partially_filled')) AND NOT EXISTS ("
    "SELECT FROM quantmesh.exchange_order AS e WHERE e.account = 'sim' AND e.symbol = 'SIMUSD'"
    " AND e.exchange_order_id = r.exchange_order_id)"
    " UNION ALL "
    "SELECT format('order %s (%s) is %s, and was never at the exchange', o.order_id, o.client_order_id, o.state)"
    " FROM quantmesh.orders AS o WHERE o.account = 'sim' AND o.state NOT IN ('rejected', 'aborted', 'never_accepted')"
    " AND NOT EXISTS (SELECT FROM remote_order AS r WHERE r.exchange_order_id = o.exchange_order_id)"
    " UNION ALL "
    "SELECT format('trade %s of order %s is %s for %s at the exchange, and %s for %s here', t.trade_id, "
    "t.exchange_order_id,"
    " t.quantity, t.price, f.quantity, f.price)"
    " FROM remote_trade AS t LEFT JOIN quantmesh.fill AS f ON f.account = 'sim' AND f.symbol = 'SIMUSD'"
    " AND f.trade_id = t.trade_id AND f.side = t.side"
    " WHERE f.quantity IS DISTINCT FROM t.quantity OR f.price IS DISTINCT FROM t.price"
    " UNION ALL "
    "SELECT format('fill %s is of no trade', f.trade_id) FROM quantmesh.fill AS f"
    " LEFT JOIN remote_trade AS t ON t.trade_id = f.trade_id AND t.side = f.side WHERE f.account = 'sim' AND "
    "t.trade_id IS NULL"
    " UNION ALL "
    "SELECT format('the position is %s, and not %s', here.quantity, there.quantity) FROM"
    " (SELECT coalesce(sum(quantity), 0) AS quantity FROM quantmesh.position WHERE account = 'sim') AS here,"
    " (SELECT coalesce(sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END), 0) AS quantity FROM remote_trade) "
    "AS there"
    " WHERE here.quantity <> there.quantity"
    " UNION ALL "
    "SELECT format('%s of %s was recorded: %s', d.code, d.subject, d.remote) FROM quantmesh.discrepancy AS d"
    " WHERE d.account = 'sim' AND d.code IN ('OVERFILL', 'FILL_MISMATCH', 'STATE_DRIFT', 'EXCHANGE_ID_MISMATCH', "
    "'REVIVED',"
    " 'DUPLICATE_LEVEL', 'UNKNOWN_STATUS') AND (d.resolved_at IS NULL OR d.code NOT IN ('STATE_DRIFT'))";

/* What is still on its way: nothing when the last passes found nothing and no task is left. */
static const char rest_sql[] =
    "SELECT format('order %s is %s, its cancel %s, %s of %s filled', o.client_order_id, o.state, o.cancel_state,"
    " o.filled_quantity, o.reported_quantity) FROM quantmesh.orders AS o WHERE o.account = 'sim'"
    " AND (o.state IN ('submitted', 'unknown', 'lost', 'intent') OR (o.live AND o.cancel_state IN ('requested', "
    "'sent'))"
    " OR o.reported_quantity > o.filled_quantity)"
    " UNION ALL SELECT format('task %s %s %s is %s: %s', kind, subject, coalesce(client_order_id, exchange_order_id), "
    "state, message) FROM quantmesh.task"
    " WHERE account = 'sim' AND finished_at IS NULL AND kind <> 'snapshot'"
    " UNION ALL SELECT format('run %s is %s: %s', r.run_id, r.status, r.counts) FROM ("
    "SELECT * FROM quantmesh.reconcile_run WHERE account = 'sim' ORDER BY run_id DESC LIMIT 2) AS r"
    " WHERE r.status <> 'clean'";

/* Intents are not sent any more. */
static const char withdraw_sql[] =
    "SELECT quantmesh.cancel_order('sim', order_id) FROM quantmesh.orders WHERE account = 'sim' AND state = 'intent'";

static int failures(Stress *stress);
static int rest(Stress *stress, bool say);
static void show_remote(Stress *stress);

/* qf_stress_now_us returns the time of the server's clock and ours. */
int64_t
qf_stress_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* qf_stress_exchange_us returns the exchange's time. */
int64_t
qf_stress_exchange_us(const Stress *stress)
{
    return (qf_stress_now_us() - stress->began_us) * STRESS_SPEED;
}

/* qf_stress_connect connects again, which takes a while when the server has crashed. */
void
qf_stress_connect(Stress *stress)
{
    for (int64_t waited_us = 0; waited_us < RECONNECT_US_MAX; waited_us += RECONNECT_US)
    {
        if (qf_link_open(&stress->link, stress->conninfo, "exchange") &&
            qf_link_command(&stress->link, "SELECT 1", 0, NULL))
            return;
        usleep(RECONNECT_US);
    }
    qf_die("the server is down", NULL);
}

/* run lets everybody trade until all orders are placed, then lets everything come to rest. */
static void
run(Stress *stress, Killer *killer)
{
    int64_t place_us = qf_stress_now_us(), cancel_us = place_us, look_us = place_us, quiet_us = INT64_MAX;
    ExchangeMessage message;

    while (qf_stress_now_us() < quiet_us)
    {
        while (qf_exchange_next(stress->exchange, qf_stress_exchange_us(stress), &message))
            qf_instances_receive(stress, &message);
        qf_instances_notice(stress);
        qf_instances_beat(stress);
        if (!stress->quiet && qf_stress_now_us() >= place_us)
        {
            place_us += PLACE_EVERY_US;
            qf_instance_place(stress);
            atomic_store(&killer->progress, (int) (stress->placed * PROGRESS_END / stress->wanted));
        }
        if (!stress->quiet && qf_stress_now_us() >= cancel_us)
        {
            cancel_us += CANCEL_EVERY_US;
            qf_instance_cancel(stress);
        }
        if (!stress->quiet && stress->placed >= stress->wanted)
        {
            stress->quiet = true;
            atomic_store(&killer->stop, true);
            qf_exchange_calm(stress->exchange);
            quiet_us = qf_stress_now_us() + QUIET_US_MAX;
        }
        if (stress->quiet && qf_stress_now_us() >= look_us)
        {
            look_us = qf_stress_now_us() + LOOK_EVERY_US;
            (void) qf_link_command(&stress->link, withdraw_sql, 0, NULL);
            if (rest(stress, false) == 0)
                break;
        }
        usleep(TICK_US);
    }
    printf("tradestress: quiet for %.1f s\n", (double) (qf_stress_now_us() - quiet_us + QUIET_US_MAX) / 1e6);
}

/* rest returns how much is still on its way, and says what; -1: nobody can say. */
static int
rest(Stress *stress, bool say)
{
    PGresult *result = qf_link_query(&stress->link, rest_sql, 0, NULL);
    int left = result == NULL ? -1 : PQntuples(result);

    for (int row = 0; say && row < left && row < SHOWN_MAX; row++)
        printf("not ok - still on its way: %s\n", PQgetvalue(result, row, 0));
    PQclear(result);
    return left;
}

/* show_remote puts what the exchange has into temporary tables. */
static void
show_remote(Stress *stress)
{
    char line[256];
    size_t norders = qf_exchange_orders(stress->exchange), ntrades = qf_exchange_trades(stress->exchange);

    if (!qf_link_command(&stress->link,
                         "CREATE TEMP TABLE remote_order (exchange_order_id text PRIMARY KEY, client_order_id text,"
                         " state text, filled numeric)",
                         0,
                         NULL) ||
        !qf_link_command(&stress->link,
                         "CREATE TEMP TABLE remote_trade (trade_id text, exchange_order_id text, side text,"
                         " price numeric, quantity numeric, PRIMARY KEY (trade_id, side))",
                         0,
                         NULL))
        qf_die("cannot look", &stress->link);
    PQclear(PQexec(stress->link.conn, "COPY remote_order FROM STDIN"));
    for (size_t i = 0; i < norders; i++)
    {
        ExchangeOrder order;

        (void) qf_exchange_order(stress->exchange, i, &order);
        snprintf(line,
                 sizeof(line),
                 "%s\t%s\t%s\t%" PRId64 "\n",
                 order.exchange_order_id,
                 order.client_order_id,
                 qm_order_state_name(order.state),
                 order.filled);
        PQputCopyData(stress->link.conn, line, (int) strlen(line));
    }
    PQputCopyEnd(stress->link.conn, NULL);
    while (PQgetResult(stress->link.conn) != NULL)
        ;
    PQclear(PQexec(stress->link.conn, "COPY remote_trade FROM STDIN"));
    for (size_t i = 0; i < ntrades; i++)
    {
        ExchangeTrade trade;

        qf_exchange_trade(stress->exchange, i, &trade);
        snprintf(line,
                 sizeof(line),
                 "%s\t%s\t%s\t%" PRId64 "\t%" PRId64 "\n",
                 trade.trade_id,
                 trade.exchange_order_id,
                 trade.buy ? "buy" : "sell",
                 trade.price,
                 trade.quantity);
        PQputCopyData(stress->link.conn, line, (int) strlen(line));
    }
    PQputCopyEnd(stress->link.conn, NULL);
    while (PQgetResult(stress->link.conn) != NULL)
        ;
}

/* failures prints what is not as it should be, and returns how much that is. */
static int
failures(Stress *stress)
{
    int found, left;
    PGresult *result;

    show_remote(stress);
    result = qf_link_query(&stress->link, look_sql, 0, NULL);
    if (result == NULL)
        qf_die("cannot look", &stress->link);
    found = PQntuples(result);
    for (int row = 0; row < found && row < SHOWN_MAX; row++)
        printf("not ok - %s\n", PQgetvalue(result, row, 0));
    if (found > SHOWN_MAX)
        printf("not ok - and %d more\n", found - SHOWN_MAX);
    PQclear(result);
    left = rest(stress, true);
    if (qf_exchange_doubles(stress->exchange) > 0)
        printf("not ok - %ld times two orders of one slot were live at once\n", qf_exchange_doubles(stress->exchange));
    if (qf_exchange_repeats(stress->exchange) > 0)
        printf("not ok - %ld orders were sent again\n", qf_exchange_repeats(stress->exchange));
    if (stress->refused > 0)
        printf("not ok - %ld statements were refused\n", stress->refused);
    return found + (stress->refused > 0) + (left != 0) + (qf_exchange_doubles(stress->exchange) > 0) +
           (qf_exchange_repeats(stress->exchange) > 0);
}

/* summary prints what the run came to. */
static void
summary(Stress *stress, const Killer *killer)
{
    PGresult *result;

    printf("tradestress: %ld orders placed, %ld slots were taken, %ld denied; %zu at the exchange, %zu trades;"
           " %ld snapshots, %ld tasks; %ld instances died, %ld backends terminated, %ld cancelled, %d crashes\n",
           stress->placed,
           stress->kept_busy,
           stress->denied,
           qf_exchange_orders(stress->exchange),
           qf_exchange_trades(stress->exchange),
           stress->snapshots,
           stress->tasks,
           stress->dead,
           killer->terminated,
           killer->cancelled,
           killer->crashed);
    result = qf_link_query(&stress->link,
                           "SELECT string_agg(c.code || ' ' || c.n, ' ' ORDER BY c.code) FROM ("
                           "SELECT k.code, sum(k.n::bigint) AS n FROM quantmesh.reconcile_run AS r,"
                           " jsonb_each_text(r.counts) AS k (code, n) WHERE r.account = 'sim' GROUP BY k.code) AS c",
                           0,
                           NULL);
    if (result != NULL)
        printf("tradestress: found %s\n", PQgetvalue(result, 0, 0));
    PQclear(result);
}

/* spare takes a fault out of the run; false: there is none of that name. */
static bool
spare(ExchangeFaults *faults, const char *name)
{
    const struct
    {
        const char *name;
        int *fault;
    } known[] = {{"amended", &faults->amended},
                 {"late_trade", &faults->late_trade},
                 {"self_trade", &faults->self_trade},
                 {"hollow", &faults->snapshot_hollow},
                 {"external", &faults->external}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, name) == 0)
        {
            *known[i].fault = 0;
            return true;
        }
    return false;
}

/* options_read reads the command line, and how bad the days are. */
static void
options_read(int argc, char **argv, Stress *stress, Killer *killer, ExchangeFaults *faults)
{
    static const struct option known[] = {{"conninfo", required_argument, NULL, 'c'},
                                          {"orders", required_argument, NULL, 'o'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"kill-every-ms", required_argument, NULL, 'k'},
                                          {"crashes", required_argument, NULL, 'x'},
                                          {"without", required_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    int option;
    bool good = true;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
    {
        if (option == 'c')
            stress->conninfo = optarg;
        else if (option == 'o')
            stress->wanted = qf_option_number(optarg, 1, 10000000);
        else if (option == 's')
            stress->random = (uint64_t) qf_option_number(optarg, 0, UINT_MAX);
        else if (option == 'k')
            killer->every_ms = (int) qf_option_number(optarg, 0, 60000);
        else if (option == 'x')
            killer->crashes = (int) qf_option_number(optarg, 0, 100);
        else
            good = option == 'w' && spare(faults, optarg) && good;
    }
    if (!good || stress->conninfo == NULL || optind != argc)
    {
        fputs(usage, stderr);
        exit(2);
    }
}

int
main(int argc, char **argv)
{
    ExchangeFaults faults = {.request_lost = 15,
                             .request_slow = 20,
                             .reply_lost = 30,
                             .reply_slow = 20,
                             .report_lost = 80,
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
    Stress stress = {.wanted = 2000, .random = 1};
    Killer killer = {.pattern = "exchange", .every_ms = 500, .crashes = 1};
    pthread_t thread;
    int failed;

    options_read(argc, argv, &stress, &killer, &faults);
    killer.conninfo = stress.conninfo;
    killer.seed = (unsigned) stress.random;
    stress.exchange = qf_exchange_open(stress.random, &faults);
    if (stress.exchange == NULL)
        qf_die("out of memory", NULL);
    qf_stress_connect(&stress);
    for (size_t i = 0; i < sizeof(setup) / sizeof(setup[0]); i++)
        if (!qf_link_command(&stress.link, setup[i], 0, NULL))
            qf_die(setup[i], &stress.link);
    stress.began_us = qf_stress_now_us();
    if (pthread_create(&thread, NULL, qf_killer_main, &killer) != 0)
        qf_die("cannot start a thread", NULL);
    run(&stress, &killer);
    pthread_join(thread, NULL);
    if (qf_link_broken(&stress.link))
        qf_stress_connect(&stress);
    failed = failures(&stress);
    summary(&stress, &killer);
    qf_exchange_close(stress.exchange);
    qf_link_close(&stress.link);
    free(stress.asked);
    free(stress.stopped);
    printf("tradestress: %s\n", failed == 0 ? "the server and the exchange tell the same" : "they do not agree");
    return failed == 0 ? 0 : 1;
}
