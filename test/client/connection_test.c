/*
 * Connections: what a handle says of a server that it cannot work with, and what
 * it does to a link.
 */
#include "check.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server.h"

static char info[256];

/* client_to opens a handle that tries once. */
static QmClient *
client_to(const char *conninfo)
{
    const QmClientOptions options = {.conninfo = conninfo, .retry = qm_retry_policy("none")};

    return qm_client_new(&options);
}

/* place places an order of one. */
static QmCode
place(QmClient *client, const char *price, QmPlacement *placement)
{
    const QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = price, .quantity = "1"};

    return qm_place_order(client, "binance", &order, placement);
}

/* refused_with tries to connect and checks code, SQLSTATE and a part of the message or hint. */
static void
refused_with(const char *conninfo, QmCode code, const char *sqlstate, const char *text)
{
    QmClient *client = client_to(conninfo);
    const QmError *error = qm_client_error(client);
    QmPlacement placement;

    assert_code(qm_client_connect(client), code, error);
    assert_string_equal(error->sqlstate, sqlstate);
    if (strstr(error->message, text) == NULL && strstr(error->hint, text) == NULL)
        qt_fail("\"%s\" / \"%s\" lacks \"%s\"", error->message, error->hint, text);
    assert_int_equal(qm_client_backend(client), 0);
    assert_code(place(client, "1", &placement), code, error);
    qm_client_free(client);
}

static int
setup(void **state)
{
    (void) state;
    qt_database("client_connections");
    return 0;
}

static void
test_connects(void **state)
{
    QmClient *client = client_to(qt_conninfo());

    (void) state;
    assert_int_equal(qm_client_backend(client), 0);
    assert_ok(qm_client_connect(client), qm_client_error(client));
    assert_int_equal(qt_ask_number("SELECT pid FROM pg_stat_activity WHERE application_name = 'libquantmesh'"),
                     qm_client_backend(client));
    qm_client_disconnect(client);
    assert_int_equal(qm_client_backend(client), 0);
    assert_ok(qm_client_connect(client), qm_client_error(client));
    assert_int_equal(qm_client_connections(client), 2);
    qm_client_free(client);
    qm_client_free(NULL);
    client = qm_client_new(NULL);
    assert_non_null(client);
    qm_client_free(client);
}

/* Over TCP both ends look after the link; the client gives up first. */
static void
test_link_settings(void **state)
{
    QmClient *client;
    QmPlacement placement;

    (void) state;
    snprintf(info, sizeof(info), "%s host=127.0.0.1", qt_conninfo());
    client = client_to(info);
    assert_ok(place(client, "17", &placement), qm_client_error(client));
    qm_client_free(client);
    /* The server's side of them, seen from inside the session: a default expression asks there. */
    qt_ask("CREATE TABLE seen (k text DEFAULT current_setting('tcp_user_timeout') || ' ' || "
           "current_setting('tcp_keepalives_idle')"
           " || ' ' || current_setting('client_connection_check_interval'), n int)");
    qt_ask("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.seen (n) VALUES (1); "
           "RETURN "
           "NULL; END'");
    qt_ask("CREATE TRIGGER note AFTER INSERT ON quantmesh.operator_action EXECUTE FUNCTION note()");
    client = client_to(info);
    assert_ok(qm_halt(client, "binance", "BTCUSDT", NULL, 0, NULL, NULL), qm_client_error(client));
    assert_string_equal(qt_ask("SELECT k FROM seen"), "8000 3 1s");
    assert_ok(qm_resume(client, "binance", "BTCUSDT", NULL, NULL, NULL), qm_client_error(client));
    qt_ask("DROP FUNCTION note CASCADE");
    qm_client_free(client);
}

static void
test_wrong_conninfo(void **state)
{
    (void) state;
    refused_with("host", QM_ERROR_ARGUMENT, "22023", "conninfo cannot be read");
    refused_with("nonsense=1", QM_ERROR_ARGUMENT, "22023", "conninfo cannot be read");
    refused_with("host=127.0.0.1 port=1", QM_ERROR_CONNECT, "08001", "Connection refused");
    refused_with("host=/nowhere", QM_ERROR_CONNECT, "08001", "No such file");
    refused_with("dbname=no_such_database user=postgres", QM_ERROR_CONNECT, "3D000", "does not exist");
    refused_with("service=no_such_service", QM_ERROR_CONNECT, "08001", "service");
    refused_with("user=nobody_of_that_name dbname=postgres", QM_ERROR_PERMISSION, "28000", "does not exist");
}

static void
test_missing_extension(void **state)
{
    (void) state;
    qt_ask("DROP DATABASE IF EXISTS client_empty");
    qt_ask("CREATE DATABASE client_empty");
    refused_with("dbname=client_empty user=postgres",
                 QM_ERROR_VERSION,
                 "55000",
                 "does not have the extension quantmesh");
    refused_with("dbname=client_empty user=postgres", QM_ERROR_VERSION, "55000", "CREATE EXTENSION quantmesh");
    qt_ask("DROP DATABASE client_empty");
}

static void
test_wrong_version(void **state)
{
    char version[32];

    (void) state;
    snprintf(version, sizeof(version), "%s", qt_ask("SELECT extversion FROM pg_extension WHERE extname = 'quantmesh'"));
    qt_ask("UPDATE pg_extension SET extversion = '0.0.9' WHERE extname = 'quantmesh'");
    refused_with(qt_conninfo(), QM_ERROR_VERSION, "55000", "is too old for libquantmesh");
    qt_ask("UPDATE pg_extension SET extversion = '7.0.0' WHERE extname = 'quantmesh'");
    refused_with(qt_conninfo(), QM_ERROR_VERSION, "55000", "is too new for libquantmesh");
    qt_ask("UPDATE pg_extension SET extversion = 'devel' WHERE extname = 'quantmesh'");
    refused_with(qt_conninfo(), QM_ERROR_VERSION, "55000", "cannot read");
    qt_ask("UPDATE pg_extension SET extversion = '%s' WHERE extname = 'quantmesh'", version);
}

static void
test_read_only(void **state)
{
    QmClient *client = client_to(qt_conninfo());
    QmPlacement placement;

    (void) state;
    qt_ask("ALTER DATABASE client_connections SET default_transaction_read_only = on");
    assert_code(place(client, "21", &placement), QM_ERROR_READ_ONLY, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "25006");
    /* The connection is given up: the next call may reach a server that can be written to. */
    assert_int_equal(qm_client_backend(client), 0);
    snprintf(info, sizeof(info), "%s target_session_attrs=read-write", qt_conninfo());
    refused_with(info, QM_ERROR_CONNECT, "08001", "read-only");
    qm_client_disconnect(client);
    qt_ask("ALTER DATABASE client_connections RESET "
           "default_transaction_read_only");
    assert_ok(place(client, "21", &placement), qm_client_error(client));
    qm_client_free(client);
}

static void
test_permission(void **state)
{
    QmClient *client;
    QmPlacement placement;

    (void) state;
    qt_ask("DROP ROLE IF EXISTS client_bot");
    qt_ask("CREATE ROLE client_bot LOGIN");
    client = client_to("dbname=client_connections user=client_bot");
    assert_ok(qm_client_connect(client), qm_client_error(client));
    assert_code(place(client, "31", &placement), QM_ERROR_PERMISSION, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "42501");
    qt_ask("SELECT quantmesh.grant_trader('client_bot', 'other')");
    assert_code(place(client, "31", &placement), QM_ERROR_PERMISSION, qm_client_error(client));
    qt_ask("SELECT quantmesh.grant_trader('client_bot', 'binance')");
    assert_ok(place(client, "31", &placement), qm_client_error(client));
    assert_code(qm_halt(client, "binance", NULL, NULL, 0, NULL, NULL), QM_ERROR_PERMISSION, qm_client_error(client));
    qm_client_free(client);
    qt_ask("SELECT quantmesh.revoke_trader('client_bot', 'binance'), quantmesh.revoke_trader('client_bot', 'other')");
    qt_ask("DROP ROLE client_bot");
}

static void
test_out_of_connections(void **state)
{
    const QmRetryPolicy quick = {.base_ms = 10, .cap_ms = 50, .total_ms = 20000};
    QmClientOptions options = {.conninfo = "dbname=client_connections user=client_few", .retry = &quick};
    QmClient *client;
    PGconn *taken;
    QmPlacement placement;

    (void) state;
    qt_ask("DROP ROLE IF EXISTS client_few");
    qt_ask("CREATE ROLE client_few LOGIN SUPERUSER CONNECTION LIMIT 1");
    qt_ask("ALTER ROLE client_few NOSUPERUSER");
    qt_ask("SELECT quantmesh.grant_trader('client_few', 'binance')");
    taken = PQconnectdb("dbname=client_connections user=client_few");
    assert_int_equal(PQstatus(taken), CONNECTION_OK);
    refused_with("dbname=client_connections user=client_few", QM_ERROR_CONNECT, "53300", "out of connections");
    /* It passes: with a policy the call waits until there is room. */
    client = qm_client_new(&options);
    PQfinish(taken);
    assert_ok(place(client, "41", &placement), qm_client_error(client));
    qm_client_free(client);
    qt_ask("SELECT quantmesh.revoke_trader('client_few', 'binance')");
    qt_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE usename = 'client_few'");
    qt_ask("DROP ROLE client_few");
}

/* A server that takes connections and says nothing. */
static void
test_silent_server(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    QmClientOptions options = {.conninfo = info, .retry = qm_retry_policy("none"), .connect_timeout_ms = 200};
    QmClient *client;
    int64_t begin = qm_monotonic_ns();

    (void) state;
    assert_int_equal(bind(fd, (struct sockaddr *) &address, size) | listen(fd, 5) |
                         getsockname(fd, (struct sockaddr *) &address, &size),
                     0);
    snprintf(info, sizeof(info), "host=127.0.0.1 port=%d user=postgres", ntohs(address.sin_port));
    client = qm_client_new(&options);
    assert_code(qm_client_connect(client), QM_ERROR_CONNECT, qm_client_error(client));
    assert_non_null(strstr(qm_client_error(client)->message, "no connection to \"127.0.0.1\" port"));
    assert_true(qm_monotonic_ns() - begin < 10 * INT64_C(1000000000));
    qm_client_free(client);
    close(fd);
    /* With several hosts those that do not answer are passed over. */
    snprintf(info, sizeof(info), "%s host=127.0.0.1,127.0.0.1 port=1,%d", qt_conninfo(), qt_server_port());
    client = client_to(info);
    assert_ok(qm_client_connect(client), qm_client_error(client));
    qm_client_free(client);
}

static void
test_call_timeout(void **state)
{
    QmClientOptions options = {.conninfo = qt_conninfo(), .retry = qm_retry_policy("none"), .call_timeout_ms = 300};
    QmClient *client = qm_client_new(&options);
    PGconn *blocker = PQconnectdb(qt_conninfo());
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "51", .quantity = "1", .request_id = "slow"};
    QmPlacement placement;

    (void) state;
    PQclear(PQexec(blocker, "BEGIN"));
    PQclear(
        PQexec(blocker,
               "SELECT quantmesh.place_order('binance', 'BTCUSDT', 'buy', 51, 1, request_id => 'slow', slot => 'x')"));
    assert_code(qm_place_order(client, "binance", &order, &placement), QM_ERROR_UNCERTAIN, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "08007");
    assert_string_equal(placement.request_id, "slow");
    PQclear(PQexec(blocker, "ROLLBACK"));
    PQfinish(blocker);
    /* What hung up is not placed behind our back: the repetition finds out, or places. */
    assert_ok(qm_place_order(client, "binance", &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_PLACED);
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE request_id = 'slow'"), 1);
    qm_client_free(client);
}

static void
test_wrong_options(void **state)
{
    const QmRetryPolicy wrong = {.base_ms = 0, .cap_ms = 1, .total_ms = 1};
    QmClientOptions options = {.conninfo = qt_conninfo(), .retry = &wrong};
    QmClient *client = qm_client_new(&options);

    (void) state;
    assert_code(qm_client_connect(client), QM_ERROR_ARGUMENT, qm_client_error(client));
    qm_client_free(client);
    options.retry = NULL;
    options.call_timeout_ms = -1;
    client = qm_client_new(&options);
    assert_code(qm_client_connect(client), QM_ERROR_ARGUMENT, qm_client_error(client));
    qm_client_free(client);
}

/* A connection that ended while nothing was asked is no doubt: even a call that is never repeated goes over a new one. */
static void
test_ended_while_idle(void **state)
{
    QmClient *client = client_to(qt_conninfo());
    QmClaim *claims;
    size_t count;
    int backend;

    (void) state;
    assert_ok(qm_client_connect(client), qm_client_error(client));
    backend = qm_client_backend(client);
    assert_string_equal(qt_ask("SELECT pg_terminate_backend(%d, 30000)", backend), "t");
    assert_ok(qm_claim_orders(client, "binance", NULL, 0, 10, NULL, &claims, &count), qm_client_error(client));
    assert_int_equal(qm_client_connections(client), 2);
    qm_free(claims);
    qm_client_free(client);
}

static volatile sig_atomic_t signals;

static void
count_signal(int signal)
{
    (void) signal;
    signals++;
}

/* A program with signals of its own: they interrupt every wait, and no call is the worse for it, nor over sooner. */
static void
test_signals(void **state)
{
    const struct sigaction counting = {.sa_handler = count_signal};
    const struct itimerval often = {.it_interval.tv_usec = 20000, .it_value.tv_usec = 20000};
    const struct itimerval never = {0};
    struct sigaction before;
    QmClient *client = client_to(qt_conninfo());
    PGconn *blocker = PQconnectdb(qt_conninfo());
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "61", .quantity = "1", .wait_ms = 300};
    QmPlacement placement;
    int64_t begin;

    (void) state;
    PQclear(PQexec(blocker, "BEGIN"));
    PQclear(PQexec(blocker, "SELECT quantmesh.try_xact_lock('order:binance:BTCUSDT:61')"));
    sigaction(SIGALRM, &counting, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    begin = qm_monotonic_ns();
    assert_ok(qm_place_order(client, "binance", &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_SKIPPED);
    assert_true(qm_monotonic_ns() - begin >= 300 * INT64_C(1000000));
    for (int i = 0; i < 20; i++)
    {
        qm_client_disconnect(client);
        assert_ok(qm_client_connect(client), qm_client_error(client));
    }
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(signals > 5);
    assert_int_equal(qm_client_connections(client), 21);
    PQfinish(blocker);
    qm_client_free(client);
}

/* What the server says besides goes to whoever asked for it, and nowhere else. */
static void
note_notice(void *argument, const char *sqlstate, const char *message)
{
    (void) sqlstate;
    if (strstr(message, "heard") != NULL)
        atomic_fetch_add((atomic_int *) argument, 1);
}

static void
test_notices(void **state)
{
    atomic_int heard = 0;
    const QmClientOptions options = {.conninfo = qt_conninfo(), .on_notice = note_notice, .on_notice_argument = &heard};
    QmClient *client = qm_client_new(&options);

    (void) state;
    qt_ask("CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE WARNING ''heard''; RETURN NULL; "
           "END'");
    qt_ask("CREATE TRIGGER shout AFTER INSERT ON quantmesh.operator_action EXECUTE FUNCTION shout()");
    assert_ok(qm_resume(client, "binance", "BTCUSDT", NULL, NULL, NULL), qm_client_error(client));
    assert_int_equal(atomic_load(&heard), 1);
    qm_client_free(client);
    client = client_to(qt_conninfo());
    assert_ok(qm_resume(client, "binance", "BTCUSDT", NULL, NULL, NULL), qm_client_error(client));
    qm_client_free(client);
    qt_ask("DROP FUNCTION shout CASCADE");
}

/* A thread with a handle of its own. */
static void *
place_many(void *argument)
{
    const int number = *(const int *) argument;
    QmClient *client = client_to(qt_conninfo());
    QmPlacement placement;
    char price[16];
    long placed = 0;

    for (int i = 0; i < 50; i++)
    {
        snprintf(price, sizeof(price), "%d", 1000 + number * 50 + i);
        placed += place(client, price, &placement) == QM_OK && placement.outcome == QM_PLACED;
    }
    qm_client_free(client);
    return placed == 50 ? argument : NULL;
}

static void
test_threads(void **state)
{
    pthread_t threads[8];
    int numbers[8];

    (void) state;
    /* Levels of one thousand would make the threads skip one another. */
    qt_ask("SELECT quantmesh.set_market('binance', 'BTCUSDT', level_width => 0.01)");
    for (int i = 0; i < 8; i++)
    {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, place_many, &numbers[i]), 0);
    }
    for (int i = 0; i < 8; i++)
    {
        void *good;

        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE price >= 1000"), 400);
}

/* open_after_crash places an order, reports that the exchange has it, lets the server crash, and returns what is left of the report. */
static bool
open_after_crash(bool async)
{
    static int price = 9000;
    const QmClientOptions options = {.conninfo = qt_conninfo(), .async_reports = async};
    QmClient *client = qm_client_new(&options);
    QmPlacement placement;
    QmReport report = {.symbol = "BTCUSDT", .state = "open"};
    QmReportResult result;
    char text[16];
    bool left;

    snprintf(text, sizeof(text), "%d", price++);
    assert_ok(place(client, text, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_PLACED);
    report.client_order_id = placement.client_order_id;
    report.exchange_order_id = text;
    assert_ok(qm_apply_report(client, "binance", &report, &result), qm_client_error(client));
    assert_true(result.applied);
    qt_server_kill();
    qt_server_start();
    left = qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE client_order_id = '%s' AND state = 'open'",
                         placement.client_order_id) == 1;
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders WHERE client_order_id = '%s'",
                                   placement.client_order_id),
                     1);

    /* Another connection is how a caller knows that it has to ask again; the same report is new where it was forgotten. */
    assert_int_equal(qm_client_connections(client), 1);
    assert_ok(qm_apply_report(client, "binance", &report, &result), qm_client_error(client));
    assert_int_equal(qm_client_connections(client), 2);
    assert_int_equal(result.applied, !left);
    assert_string_equal(result.state, "open");
    qm_client_free(client);
    return left;
}

/* Reports that do not wait for the disk can be lost by a crash, orders and other reports cannot. */
static void
test_async_reports(void **state)
{
    bool left = true;

    (void) state;
    qt_ask("ALTER SYSTEM SET wal_writer_delay = '10 s'");
    qt_ask("SELECT pg_reload_conf()");
    assert_true(open_after_crash(false));
    /* The writer of the log may wake in between. */
    for (int crash = 0; crash < 5 && left; crash++)
        left = open_after_crash(true);
    assert_false(left);
    qt_ask("ALTER SYSTEM RESET wal_writer_delay");
    qt_ask("SELECT pg_reload_conf()");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_link_settings),
        cmocka_unit_test(test_wrong_conninfo),
        cmocka_unit_test(test_missing_extension),
        cmocka_unit_test(test_wrong_version),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_permission),
        cmocka_unit_test(test_out_of_connections),
        cmocka_unit_test(test_silent_server),
        cmocka_unit_test(test_call_timeout),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_ended_while_idle),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_notices),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_async_reports),
    };

    return cmocka_run_group_tests_name("connections", tests, setup, NULL);
}
