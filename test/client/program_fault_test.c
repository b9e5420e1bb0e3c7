/*
 * The program quantmesh and servers that do not do what they should: every
 * failure has an exit code of its own, and one message with the next step.
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "runner.h"
#include "server.h"

#define PRIMARY "  Name the primary; with several hosts, target_session_attrs=read-write finds it.\n"
#define LOGIN "  Are user and password right, and does pg_hba.conf let this user in from here?\n"

static char db[512];
static char wanted[1024];

/* as returns how a role reaches the database. */
static const char *
as(const char *role)
{
    snprintf(db, sizeof(db), "dbname=program_faults user=%s", role);
    return db;
}

static void
shell(const char *command)
{
    if (system(command) != 0)
        qt_fail("failed: %s", command);
}

/* drop_roles drops what an earlier run, or the other build's, may have left. */
static void
drop_roles(void)
{
    static const char *const roles[] = {"p_reader", "p_operator", "p_nobody", "p_full", "p_quiet", "p_secret"};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
    {
        qt_ask("DO $$ BEGIN IF to_regrole('%s') IS NOT NULL THEN DROP OWNED BY %s; DROP ROLE %s; END IF; END $$",
               roles[i],
               roles[i],
               roles[i]);
        qt_ask("CREATE ROLE %s LOGIN", roles[i]);
    }
}

static int
setup(void **state)
{
    (void) state;
    qt_database("program_faults");
    drop_roles();
    qt_ask("SELECT quantmesh.grant_reader(r) FROM unnest('{p_reader, p_full, p_secret}'::text[]) AS r");
    qt_ask("SELECT quantmesh.grant_operator(r) FROM unnest('{p_operator, p_full, p_quiet}'::text[]) AS r");
    qt_ask("ALTER ROLE p_quiet SET default_transaction_read_only = on");
    return 0;
}

static void
test_no_server(void **state)
{
    (void) state;
    snprintf(wanted,
             sizeof(wanted),
             "quantmesh: connection to server at \"127.0.0.1\", port 1 failed: Connection refused; Is the server "
             "running on "
             "that host and accepting TCP/IP connections?\n  Does the server run, and do host and port name it?\n");
    assert_run(QM_EXIT_CONNECT, "", wanted, "status", "--db", "host=127.0.0.1 port=1 user=x dbname=x");
}

static void
test_no_database(void **state)
{
    (void) state;
    snprintf(wanted,
             sizeof(wanted),
             "quantmesh: connection to server on socket \"%s/.s.PGSQL.%d\" failed: FATAL: database \"nope\" does not "
             "exist\n"
             "  psql -l lists the databases of the server.\n",
             getenv("PGHOST"),
             qt_server_port());
    assert_run(QM_EXIT_CONNECT, "", wanted, "orders", "--db", "dbname=nope user=postgres");
}

static void
test_no_extension(void **state)
{
    (void) state;
    assert_run(QM_EXIT_VERSION,
               "",
               "quantmesh: database \"template1\" does not have the extension quantmesh\n"
               "  Run CREATE EXTENSION quantmesh there as superuser.\n",
               "locks",
               "--db",
               "dbname=template1 user=postgres");
}

static void
test_wrong_version(void **state)
{
    (void) state;
    qt_ask("UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'quantmesh'");
    snprintf(wanted,
             sizeof(wanted),
             "quantmesh: extension quantmesh 0.0.9 in database \"program_faults\" is too old for libquantmesh %s\n"
             "  Install the new extension, restart the server and run ALTER EXTENSION quantmesh UPDATE.\n",
             qm_version());
    assert_run(QM_EXIT_VERSION, "", wanted, "positions", "--db", as("postgres"));
    qt_ask("UPDATE pg_extension SET extversion = '%s' WHERE extname = 'quantmesh'", qm_version());
}

static void
test_no_right(void **state)
{
    (void) state;
    assert_run(QM_EXIT_PERMISSION,
               "",
               "quantmesh: permission denied for schema quantmesh\n"
               "  It takes a reader: SELECT quantmesh.grant_reader('role') makes one.\n",
               "orders",
               "--db",
               as("p_nobody"));
    assert_run(QM_EXIT_PERMISSION,
               "",
               "quantmesh: permission denied for function halt\n"
               "  It takes an operator: SELECT quantmesh.grant_operator('role') makes one.\n",
               "halt",
               "--db",
               as("p_reader"),
               "--all",
               "--reason=x",
               "--yes");
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", as("p_reader"));
    assert_run(QM_EXIT_OK, "no positions\n", "", "positions", "--db", as("p_reader"));
    assert_run(QM_EXIT_OK, "no locks\n", "", "locks", "--db", as("p_reader"));
    /* In this database nobody coordinates; that is all there is to say. */
    assert_run(QM_EXIT_ATTENTION, NULL, "", "status", "--db", as("p_reader"));
    assert_run(QM_EXIT_OK, NULL, "", "halt", "--db", as("p_operator"), "--all", "--reason=x", "--yes");
    assert_run(QM_EXIT_OK, NULL, "", "resume", "--db", as("p_operator"), "--all", "--yes");
}

/* A password that is wrong, or missing, is in no message; nor is one that is right. */
static void
test_password(void **state)
{
    (void) state;
    shell("sed -i '1i local all p_secret scram-sha-256' \"$QM_TEST_DATA/pg_hba.conf\"");
    qt_ask("ALTER ROLE p_secret PASSWORD 'open-sesame'");
    qt_ask("SELECT pg_reload_conf()");
    qt_until("SELECT count(*) > 0 FROM pg_hba_file_rules WHERE user_name = '{p_secret}'");
    while (qt_run("orders", "--db", as("p_secret"))->status == QM_EXIT_OK)
        usleep(10000); /* the server has not read it yet */
    snprintf(wanted,
             sizeof(wanted),
             "quantmesh: connection to server on socket \"%s/.s.PGSQL.%d\" failed: fe_sendauth: no password "
             "supplied\n" LOGIN,
             getenv("PGHOST"),
             qt_server_port());
    assert_run(QM_EXIT_PERMISSION, "", wanted, "orders", "--db", as("p_secret"));
    snprintf(wanted,
             sizeof(wanted),
             "quantmesh: connection to server on socket \"%s/.s.PGSQL.%d\" failed: FATAL: password authentication "
             "failed for "
             "user \"p_secret\"\n" LOGIN,
             getenv("PGHOST"),
             qt_server_port());
    assert_run(QM_EXIT_PERMISSION, "", wanted, "orders", "--db", as("p_secret password=swordfish"));
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", as("p_secret password=open-sesame"));
    shell("sed -i 1d \"$QM_TEST_DATA/pg_hba.conf\"");
    qt_ask("SELECT pg_reload_conf()");
}

static void
test_no_connections_left(void **state)
{
    (void) state;
    qt_ask("ALTER ROLE p_full CONNECTION LIMIT 0");
    snprintf(
        wanted,
        sizeof(wanted),
        "quantmesh: connection to server on socket \"%s/.s.PGSQL.%d\" failed: FATAL: too many connections for role "
        "\"p_full\"\n  A superuser still gets in: connect as one, and end what is not needed (pg_stat_activity).\n",
        getenv("PGHOST"),
        qt_server_port());
    assert_run(QM_EXIT_CONNECT, "", wanted, "orders", "--db", as("p_full"));
    qt_ask("ALTER ROLE p_full CONNECTION LIMIT -1");
}

static void
test_read_only(void **state)
{
    (void) state;
    assert_run(QM_EXIT_READ_ONLY,
               "",
               "quantmesh: cannot execute INSERT in a read-only transaction\n" PRIMARY,
               "halt",
               "--db",
               as("p_quiet"),
               "--all",
               "--reason=x",
               "--yes");
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", as("p_quiet"));
}

/* place_at tries to place an order at a server, once, and returns how that is answered. */
static QmError
place_at(const char *conninfo)
{
    const QmClientOptions options = {.conninfo = conninfo, .retry = qm_retry_policy("none")};
    const QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "1", .quantity = "1"};
    QmClient *client = qm_client_new(&options);
    QmPlacement placement;
    QmError error;

    assert_non_null(client);
    assert_int_not_equal(qm_place_order(client, "binance", &order, &placement), QM_OK);
    assert_int_equal(placement.order_id, 0);
    error = *qm_client_error(client);
    qm_client_free(client);
    return error;
}

/* A standby that takes no sessions yet, and then one that does. */
static void
test_standby(void **state)
{
    const QtRun *run;
    char standby[512];
    QmError error;

    (void) state;
    snprintf(standby, sizeof(standby), "dbname=program_faults user=postgres host=%s", qt_scratch());
    shell("pg_basebackup -D \"$QT_SCRATCH/standby\" -R -c fast -U postgres");
    shell("printf \"unix_socket_directories = '%s'\\nlisten_addresses = ''\\nhot_standby = off\\n\" \"$QT_SCRATCH\" "
          ">>\"$QT_SCRATCH/standby/postgresql.conf\"");
    shell("pg_ctl -s -W -D \"$QT_SCRATCH/standby\" -l \"$QT_SCRATCH/standby.log\" start >/dev/null");
    shell("until [ -S \"$QT_SCRATCH/.s.PGSQL.$PGPORT\" ]; do sleep 0.05; done");
    snprintf(wanted,
             sizeof(wanted),
             "  The server is starting, recovering or stopping: its log says which. Try again soon.\n");
    run = qt_run("status", "--db", standby);
    assert_int_equal(run->status, QM_EXIT_CONNECT);
    if (strstr(run->err, wanted) == NULL)
        qt_fail("not what a recovering server says: %s", run->err);
    error = place_at(standby);
    assert_int_equal(error.code, QM_ERROR_CONNECT);
    assert_string_equal(error.sqlstate, "57P03");
    shell("pg_ctl -s -m immediate -D \"$QT_SCRATCH/standby\" stop >/dev/null");
    shell("echo 'hot_standby = on' >>\"$QT_SCRATCH/standby/postgresql.conf\"");
    shell("pg_ctl -s -w -D \"$QT_SCRATCH/standby\" -l \"$QT_SCRATCH/standby.log\" start >/dev/null");
    run = qt_run("status", "--db", standby);
    assert_int_equal(run->status, QM_EXIT_ATTENTION);
    if (strstr(run->out, "- this server is a standby: nothing can be placed here\n" PRIMARY) == NULL)
        qt_fail("not what a standby says: %s", run->out);
    assert_run(QM_EXIT_OK, "no live orders\n", "", "orders", "--db", standby);
    error = place_at(standby);
    assert_int_equal(error.code, QM_ERROR_READ_ONLY);
    assert_string_equal(error.sqlstate, "25006");
    assert_run(QM_EXIT_READ_ONLY,
               "",
               "quantmesh: cannot execute INSERT in a read-only transaction\n" PRIMARY,
               "halt",
               "--db",
               standby,
               "--all",
               "--reason=x",
               "--yes");
    shell("pg_ctl -s -m immediate -D \"$QT_SCRATCH/standby\" stop >/dev/null");
    shell("rm -rf \"$QT_SCRATCH/standby\" \"$QT_SCRATCH/standby.log\"");
}

/* block holds a table until unblock, so that whoever reads it waits. */
static FILE *
block(const char *table)
{
    FILE *session = popen("psql -Xq -d program_faults -U postgres >/dev/null", "w");

    if (session == NULL)
        qt_fail("cannot start psql");
    fprintf(session, "BEGIN;\nLOCK quantmesh.%s IN ACCESS EXCLUSIVE MODE;\n", table);
    fflush(session);
    qt_until("SELECT count(*) = 1 FROM pg_locks WHERE relation = 'quantmesh.%s'::regclass AND mode = "
             "'AccessExclusiveLock'"
             " AND granted",
             table);
    return session;
}

static void
unblock(FILE *session)
{
    fputs("ROLLBACK;\n", session);
    pclose(session);
}

/* until_waiting waits until the program waits for that table. */
static void
until_waiting(void)
{
    qt_until(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'quantmesh' AND wait_event_type = 'Lock'");
}

/* until_gone waits until the server has noticed that the program is gone. */
static void
until_gone(void)
{
    qt_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'quantmesh'");
}

/* What only reads has changed nothing when no answer comes; of a halt nobody knows. */
static void
test_slow(void **state)
{
    FILE *session = block("position");

    (void) state;
    assert_run(QM_EXIT_CONNECT,
               "",
               "quantmesh: no answer from the server in time\n"
               "  Is the server busy, or the network cut? --timeout SECONDS says how long to wait (15).\n",
               "positions",
               "--db",
               as("postgres"),
               "--timeout=1");
    unblock(session);
    session = block("account");
    assert_run(QM_EXIT_UNCERTAIN,
               "",
               "quantmesh: quantmesh.halt() may or may not have happened: no answer from the server in time\n"
               "  Look at quantmesh status; doing it once more does no harm.\n",
               "halt",
               "--db",
               as("postgres"),
               "--all",
               "--reason=x",
               "--yes",
               "--timeout=1");
    until_gone();
    unblock(session);
}

/* A connection that is cut is made anew, and what was asked is asked again. */
static void
test_cut(void **state)
{
    FILE *session = block("position");
    const QtRun *run;
    pid_t pid = qt_run_start((const char *const[]){"positions", "--db", as("p_full"), NULL});

    (void) state;
    until_waiting();
    qt_ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quantmesh'");
    unblock(session);
    qt_run_check(qt_run_wait(pid), QM_EXIT_OK, "no positions\n", "", __FILE__, __LINE__);

    /* There is no other connection to be had. */
    session = block("account");
    pid = qt_run_start((const char *const[]){"halt", "--db", as("p_full"), "--all", "--reason=x", "--yes", NULL});
    until_waiting();
    qt_ask("ALTER ROLE p_full CONNECTION LIMIT 0");
    qt_ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'quantmesh'");
    run = qt_run_wait(pid);
    qt_run_check(run, QM_EXIT_UNCERTAIN, "", NULL, __FILE__, __LINE__);
    assert_non_null(strstr(run->err, "quantmesh: quantmesh.halt() may or may not have happened: "));
    unblock(session);
    qt_ask("ALTER ROLE p_full CONNECTION LIMIT -1");
}

/* A signal ends it at once, and a change that was under way is spoken of. */
static void
test_signals(void **state)
{
    static const struct
    {
        int number;
        const char *arguments[7];
        const char *table;
        const char *message;
    } cases[] = {
        {SIGTERM, {"positions", "--db"}, "position", ""},
        {SIGINT, {"positions", "--db"}, "position", ""},
        {SIGTERM,
         {"halt", "--all", "--reason=x", "--yes", "--db"},
         "account",
         "quantmesh: interrupted: the halt may or may not be in force; quantmesh status shows it\n"},
        {SIGINT,
         {"resume", "--all", "--yes", "--db"},
         "account",
         "quantmesh: interrupted: trading may or may not have been resumed; quantmesh status shows it\n"},
        {SIGHUP,
         {"reconcile", "binance", "BTCUSDT", "--db"},
         "snapshot",
         "quantmesh: interrupted: the market may or may not have been reconciled\n"},
    };

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        const char *arguments[8];
        FILE *session = block(cases[i].table);
        int count = 0;
        pid_t pid;

        while (cases[i].arguments[count] != NULL)
        {
            arguments[count] = cases[i].arguments[count];
            count++;
        }
        arguments[count] = as("postgres");
        arguments[count + 1] = NULL;
        pid = qt_run_start(arguments);
        until_waiting();
        kill(pid, cases[i].number);
        qt_run_check(qt_run_wait(pid), 128 + cases[i].number, "", cases[i].message, __FILE__, __LINE__);
        until_gone();
        unblock(session);
    }
    assert_string_equal(qt_ask("SELECT count(*) FROM quantmesh.account WHERE trading_state <> 'active'"), "0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_server),
        cmocka_unit_test(test_no_database),
        cmocka_unit_test(test_no_extension),
        cmocka_unit_test(test_wrong_version),
        cmocka_unit_test(test_no_right),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_no_connections_left),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_standby),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_signals),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
