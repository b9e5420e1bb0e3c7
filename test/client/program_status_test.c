/*
 * What quantmesh status counts as a problem, as docs/program.md lists it: each is
 * made, is told with the next step, and is gone when it has been undone; what is
 * nearly one is told as none.
 */
#include "check.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "runner.h"
#include "server.h"

#define ORDER "UPDATE quantmesh.orders SET "
#define AGO(span) "clock_timestamp() - interval '" span "'"
#define DISCREPANCY(code, span)                                                                          \
    "INSERT INTO quantmesh.discrepancy (account, discrepancy_id, code, subject, first_seen, last_seen) " \
    "VALUES ('binance', 1, '" code "', 'x', " AGO(span) ", " AGO(span) ")"
#define NO_DISCREPANCY "DELETE FROM quantmesh.discrepancy"
#define RESOLVED "UPDATE quantmesh.discrepancy SET resolved_at = clock_timestamp(), resolution = 'x'"
#define TASK(span)                                                                                                     \
    "INSERT INTO quantmesh.task (account, task_id, kind, symbol, state, created_at, not_before) VALUES ('binance', 1," \
    " 'snapshot', 'BTCUSDT', 'open', " AGO(span) ", " AGO(span) ")"
#define NO_COORDINATOR                          \
    "- no coordinator works in this database\n" \
    "  Add the database to quantmesh.databases, and reload.\n"

enum
{
    CONNECTIONS = 90 /* of the 100 that a server takes unless told */
};

/* Something that is made, what is then told beside the missing coordinator, and how it is undone. */
typedef struct Case
{
    const char *make;
    const char *told; /* "" for no problem */
    const char *undo;
} Case;

static const Case cases[] = {
    {ORDER "state = 'lost'",
     "- orders that are lost: 1\n  quantmesh.settle_order() ends them: docs/operating.md.\n",
     ORDER "state = 'open'"},
    {ORDER "state = 'intent', updated_at = " AGO("6 min"),
     "- intents that have waited for more than five minutes for a sender: 1\n"
     "  Is an instance alive that has the market?\n",
     ORDER "updated_at = " AGO("4 min")},
    {ORDER "state = 'intent', updated_at = " AGO("4 min"), "", ORDER "state = 'open'"},
    {ORDER "state = 'submitted', send_before = " AGO("61 s"),
     "- orders that have been submitted for more than a minute: 1\n"
     "  They may be at the exchange: quantmesh orders --state submitted lists them.\n",
     ORDER "send_before = " AGO("50 s")},
    {ORDER "state = 'submitted', send_before = " AGO("40 s"), "", ORDER "state = 'open'"},
    {ORDER "state = 'unknown', updated_at = " AGO("61 s"),
     "- orders that have been unknown for more than a minute: 1\n"
     "  They may be at the exchange: quantmesh orders --state unknown lists them.\n",
     ORDER "updated_at = " AGO("40 s")},
    {ORDER "state = 'unknown', updated_at = " AGO("40 s"), "", ORDER "state = 'open'"},
    {DISCREPANCY("POSITION_MISMATCH", "1 s"),
     "- open discrepancies POSITION_MISMATCH: 1\n  docs/reconciliation.md says what POSITION_MISMATCH means;"
     " quantmesh.discrepancies has both sides.\n",
     RESOLVED},
    {NO_DISCREPANCY, "", NO_DISCREPANCY},
    {DISCREPANCY("STATE_DRIFT", "9 min"), "", NO_DISCREPANCY},
    {DISCREPANCY("STATE_DRIFT", "11 min"),
     "- open discrepancies STATE_DRIFT: 1\n  docs/reconciliation.md says what STATE_DRIFT means;"
     " quantmesh.discrepancies has both sides.\n",
     NO_DISCREPANCY},
    {DISCREPANCY("EXTERNAL_ORDER", "1 d"), "", NO_DISCREPANCY},
    {TASK("61 s"),
     "- tasks snapshot that have waited for more than a minute: 1\n"
     "  Is the instance alive that has the market, and does it reach the exchange?\n",
     "UPDATE quantmesh.task SET state = 'done', finished_at = clock_timestamp()"},
    {"DELETE FROM quantmesh.task", "", "DELETE FROM quantmesh.task"},
    {TASK("40 s"), "", "DELETE FROM quantmesh.task"},
    {"UPDATE quantmesh.market SET trusted_tag = 'old0'",
     "- markets that wait for a reconciliation before anything is placed: 1\n"
     "  docs/orders.md, After a failover; docs/instances.md, Who has which market.\n",
     "UPDATE quantmesh.market SET trusted_tag = quantmesh.current_tag()"},
    {"SELECT quantmesh.register_instance('alpha', '{binance:BTCUSDT}')",
     "- markets that have no instance: 1\n"
     "  docs/orders.md, After a failover; docs/instances.md, Who has which market.\n",
     "SELECT quantmesh.leave_instance('alpha', (SELECT epoch FROM quantmesh.instances WHERE instance = 'alpha'))"},
    {"UPDATE quantmesh.instance SET state = 'dead', ended_at = " AGO("59 min"),
     "- instance alpha has died\n"
     "  Its markets have gone to others; its orders are looked up at the exchange. Start it again.\n",
     "UPDATE quantmesh.instance SET ended_at = " AGO("61 min")},
    {"SELECT quantmesh.halt(reason => 'test')",
     "- everything is halted: test\n  quantmesh resume --all takes it back.\n",
     "SELECT quantmesh.resume()"},
    {"SELECT quantmesh.set_trading_state('binance', NULL, 'reducing', 'test')",
     "- account binance is reducing: test\n  quantmesh resume --account binance takes it back.\n",
     "SELECT quantmesh.resume('binance')"},
};

static int
setup(void **state)
{
    (void) state;
    qt_database("program_status");
    qt_ask("SELECT quantmesh.apply_report('binance', 'BTCUSDT', p.client_order_id, 'x1', 'open') FROM"
           " quantmesh.place_order('binance', 'BTCUSDT', 'buy', 64000, 0.01) AS p");
    return 0;
}

/* expect runs status, which has to tell these problems and no others. */
static void
expect(const char *when, const char *told)
{
    static char wanted[1024];
    const QtRun *run = qt_run("status", "--db", qt_conninfo());
    const char *found = strchr(run->out, '\n');
    const char *end = strstr(run->out, "\n\nserver:");

    snprintf(wanted, sizeof(wanted), "%s" NO_COORDINATOR, told);
    assert_int_equal(run->status, QM_EXIT_ATTENTION);
    if (found == NULL || end == NULL || strncmp(found + 1, wanted, strlen(wanted)) != 0 ||
        end + 1 != found + 1 + strlen(wanted))
        qt_fail("%s:\n%s%s", when, run->out, run->err);
}

static void
test_cases(void **state)
{
    (void) state;
    expect("nothing", "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        qt_ask("%s", cases[i].make);
        expect(cases[i].make, cases[i].told);
        qt_ask("%s", cases[i].undo);
        expect(cases[i].undo, "");
    }
}

/* Nine tenths of the connections: whoever looks is told before nobody can look any more. */
static void
test_connections(void **state)
{
    PGconn *open[CONNECTIONS];
    long most = qt_ask_number("SHOW max_connections");
    long used = qt_ask_number("SELECT sum(numbackends) FROM pg_stat_database");
    const QtRun *run;

    (void) state;
    assert_int_equal(most, 100);
    for (long i = used; i < most * 9 / 10; i++)
    {
        open[i] = PQconnectdb(qt_conninfo());
        assert_int_equal(PQstatus(open[i]), CONNECTION_OK);
    }
    qt_until("SELECT sum(numbackends) >= %ld FROM pg_stat_database", most * 9 / 10);
    run = qt_run("status", "--db", qt_conninfo());
    for (long i = used; i < most * 9 / 10; i++)
        PQfinish(open[i]);
    assert_int_equal(run->status, QM_EXIT_ATTENTION);
    if (strstr(run->out, " of 100 connections are in use\n  Use a pooler with leases, or raise max_connections.\n") ==
        NULL)
        qt_fail("many connections:\n%s%s", run->out, run->err);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_connections)};

    return cmocka_run_group_tests(tests, setup, NULL);
}
