/*
 * The PostgreSQL server of the client tests: asked as its superuser, beside the
 * library, and stopped, killed and started again.
 */
#include "server.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

enum
{
    WAIT_STEPS = 3000,
    WAIT_STEP_US = 10000
};

static char database[64] = "postgres";
static char conninfo[256];

/* ignore_notice keeps the server's notices off the terminal. */
static void
ignore_notice(void *argument, const PGresult *result)
{
    (void) argument;
    (void) result;
}

/* ask runs one statement on a connection of its own and copies its first value; empty for none. */
static void
ask(const char *name, const char *sql, char *answer, size_t size)
{
    char info[256];
    PGconn *conn;
    PGresult *result;

    snprintf(info,
             sizeof(info),
             "dbname=%s user=postgres application_name=tester options='-c default_transaction_read_only=off'",
             name);
    conn = PQconnectdb(info);
    PQsetNoticeReceiver(conn, ignore_notice, NULL);
    if (PQstatus(conn) != CONNECTION_OK)
        qt_fail("%s", PQerrorMessage(conn));
    result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        qt_fail("%s: %s", sql, PQerrorMessage(conn));
    snprintf(answer, size, "%s", PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(conn);
}

/* qt_database makes a database with the extension and a market, which all later questions are for. */
void
qt_database(const char *name)
{
    char sql[256];
    char answer[QT_ANSWER_SIZE];

    snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
    ask("postgres", sql, answer, sizeof(answer));
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", name);
    ask("postgres", sql, answer, sizeof(answer));
    snprintf(database, sizeof(database), "%s", name);
    snprintf(conninfo, sizeof(conninfo), "dbname=%s user=postgres", name);
    qt_ask("CREATE EXTENSION quantmesh");
    qt_ask("SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001)");
}

/* qt_conninfo returns how the library reaches that database. */
const char *
qt_conninfo(void)
{
    return conninfo;
}

/* qt_ask returns the first value of a statement's answer; the next call overwrites it. */
const char *
qt_ask(const char *format, ...)
{
    static char answer[QT_ANSWER_SIZE];
    char sql[QT_ANSWER_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    ask(database, sql, answer, sizeof(answer));
    return answer;
}

/* qt_ask_number returns it as a number. */
long
qt_ask_number(const char *format, ...)
{
    char sql[QT_ANSWER_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    return strtol(qt_ask("%s", sql), NULL, 10);
}

/* qt_until waits until a statement answers true. */
void
qt_until(const char *format, ...)
{
    char sql[QT_ANSWER_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    for (int i = 0; i < WAIT_STEPS; i++)
    {
        if (qt_ask("%s", sql)[0] == 't')
            return;
        usleep(WAIT_STEP_US);
    }
    qt_fail("never true: %s", sql);
}

/* qt_server_port returns the server's TCP port. */
int
qt_server_port(void)
{
    return (int) strtol(getenv("PGPORT"), NULL, 10);
}

/* qt_server_kill kills the postmaster; its backends end as soon as they notice. */
void
qt_server_kill(void)
{
    char path[512];
    FILE *file;
    int pid = 0;

    snprintf(path, sizeof(path), "%s/postmaster.pid", getenv("QM_TEST_DATA"));
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%9d", &pid) != 1 || kill(pid, SIGKILL) != 0)
        qt_fail("cannot kill the server of %s", path);
    fclose(file);
}

/* qt_server_start starts the server again, as soon as nothing is left of the one that was killed. */
void
qt_server_start(void)
{
    char command[1024];

    snprintf(command,
             sizeof(command),
             "for i in $(seq 100); do pg_ctl -s -w -t 60 -D '%s' -l '%s' start >/dev/null 2>&1 && exit 0; sleep 0.1; "
             "done; exit 1",
             getenv("QM_TEST_DATA"),
             getenv("QM_TEST_SERVER_LOG"));
    if (system(command) != 0)
        qt_fail("the server does not start again");
}
