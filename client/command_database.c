/*
 * The database of a command: opening it, asking it, and what its failures mean.
 *
 * Every failure becomes one message and an exit code, with the next step of
 * somebody at a keyboard: the library's own hints are for programmers. A
 * connection string is never shown, nor what libpq says about one that it cannot
 * read, for it may quote a password.
 */
#include "command_database.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_config.h"

/* What to do about a failure that has this SQLSTATE; the first that fits counts, and goes before the server's own hint. */
typedef struct Advice
{
    const char *sqlstate; /* as much of it as counts */
    const char *advice;
} Advice;

static const Advice advices[] = {
    {"08001", "Does the server run, and do host and port name it?"},
    {"08006", "Is the server busy, or the network cut? --timeout SECONDS says how long to wait (15)."},
    {"08007", "Look at quantmesh status; doing it once more does no harm."},
    {"3D000", "psql -l lists the databases of the server."},
    {"28", "Are user and password right, and does pg_hba.conf let this user in from here?"},
    {"53300", "A superuser still gets in: connect as one, and end what is not needed (pg_stat_activity)."},
    {"53100", "The server's disk is full: make room there first."},
    {"57P03", "The server is starting, recovering or stopping: its log says which. Try again soon."},
    {"57P", "The server ended the connection: its log says why. Try again."},
    {"57014", "The statement was cancelled, by statement_timeout of the role or by somebody: try again."},
    {"55P03", "Somebody else is at it: try again in a moment."},
    {"25006", "Name the primary; with several hosts, target_session_attrs=read-write finds it."},
};

static QmExit conninfo_choose(const QmInvocation *invocation, QmConfig **config, const char **conninfo);
static bool conninfo_check(const char *conninfo);
static QmExit exit_code_of(const QmError *error);
static const char *advice_of(const QmInvocation *invocation, const QmError *error);

/* qm_database_open makes the invocation's handle of the database that --db or --config names. */
QmExit
qm_database_open(QmInvocation *invocation)
{
    QmClientOptions options = {.application_name = "quantmesh", .retry = qm_retry_policy("quick")};
    QmConfig *config = NULL;
    int64_t timeout_s = 0;
    QmExit exit_code;

    if (!qm_option_number(invocation, "timeout", 1, 3600, &timeout_s))
        return QM_EXIT_USAGE;
    options.call_timeout_ms = timeout_s * 1000;
    options.connect_timeout_ms = timeout_s * 1000;
    exit_code = conninfo_choose(invocation, &config, &options.conninfo);
    if (exit_code == QM_EXIT_OK && !conninfo_check(options.conninfo))
        exit_code = config != NULL ? QM_EXIT_CONFIG : QM_EXIT_USAGE;
    if (exit_code == QM_EXIT_OK)
    {
        invocation->client = qm_client_new(&options);
        if (invocation->client == NULL)
            exit_code = qm_say_no_memory();
    }
    qm_config_free(config);
    return exit_code;
}

/* conninfo_choose finds out which database is meant; the connection string may belong to *config. */
static QmExit
conninfo_choose(const QmInvocation *invocation, QmConfig **config, const char **conninfo)
{
    const char *file = qm_option(invocation, "config");
    QmExit exit_code;

    *conninfo = qm_option(invocation, "db");
    if ((*conninfo == NULL) == (file == NULL))
        return qm_say_usage(invocation->command, "one of --db and --config has to name the database");
    if (file == NULL)
        return QM_EXIT_OK;
    exit_code = qm_command_load_config(file, false, config);
    if (exit_code != QM_EXIT_OK)
    {
        if (*config != NULL)
            qm_command_say_config(*config, false);
        return exit_code;
    }
    if ((*config)->database.type != QM_DATABASE_POSTGRES)
    {
        qm_say("Set database.type to postgres there, or name the database with --db.",
               "%s has no PostgreSQL: its database.type is sqlite",
               file);
        return QM_EXIT_CONFIG;
    }
    *conninfo = (*config)->database.dsn.value;
    return QM_EXIT_OK;
}

/* conninfo_check tells whether libpq can read a connection string, and says so where it cannot, without showing any of it. */
static bool
conninfo_check(const char *conninfo)
{
    char *fault = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &fault);

    PQfreemem(fault);
    PQconninfoFree(options);
    if (options != NULL)
        return true;
    qm_say("It has keywords and values, \"host=db.example.org dbname=quantmesh\", or is a URI, "
           "postgresql://host/dbname.",
           "the connection string cannot be read");
    return false;
}

/* qm_database_ask runs a statement. After a failure, of which it has told, *result is NULL. */
QmExit
qm_database_ask(const QmInvocation *invocation, const QmStatement *statement, const char *const *values,
                PGresult **result)
{
    if (qm_call(invocation->client, statement, values, 0, result, NULL) != QM_OK)
        return qm_database_failed(invocation);
    return QM_EXIT_OK;
}

/* qm_database_failed says what the handle's last failure was, and returns the exit code for it. */
QmExit
qm_database_failed(const QmInvocation *invocation)
{
    const QmError *error = qm_client_error(invocation->client);

    qm_say(advice_of(invocation, error), "%s", error->message);
    return exit_code_of(error);
}

/* exit_code_of returns the exit code of a failure; what a command line can have wrong, the server calls data (22). */
static QmExit
exit_code_of(const QmError *error)
{
    switch (error->code)
    {
        case QM_OK:
        case QM_BUSY:
        case QM_NOT_HELD:
            return QM_EXIT_OK;
        case QM_ERROR_ARGUMENT:
            return strncmp(error->sqlstate, "22", 2) == 0 ? QM_EXIT_USAGE : QM_EXIT_NOT_FOUND;
        case QM_ERROR_CONNECT:
            return QM_EXIT_CONNECT;
        case QM_ERROR_UNCERTAIN:
            return QM_EXIT_UNCERTAIN;
        case QM_ERROR_VERSION:
            return QM_EXIT_VERSION;
        case QM_ERROR_PERMISSION:
            return QM_EXIT_PERMISSION;
        case QM_ERROR_READ_ONLY:
            return QM_EXIT_READ_ONLY;
        case QM_ERROR_LIMIT:
            return QM_EXIT_LIMIT;
        case QM_ERROR_UNSUPPORTED:
        case QM_ERROR_SERVER:
            return QM_EXIT_REFUSED;
        case QM_ERROR_MEMORY:
        case QM_ERROR_PROTOCOL:
            break;
    }
    return QM_EXIT_INTERNAL;
}

/* advice_of returns the next step after a failure. */
static const char *
advice_of(const QmInvocation *invocation, const QmError *error)
{
    if (strcmp(error->sqlstate, "42501") == 0)
        return (invocation->command->needs & QM_NEED_OPERATOR) != 0
                   ? "It takes an operator: SELECT quantmesh.grant_operator('role') makes one."
                   : "It takes a reader: SELECT quantmesh.grant_reader('role') makes one.";
    for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
    {
        if (strncmp(error->sqlstate, advices[i].sqlstate, strlen(advices[i].sqlstate)) == 0)
            return advices[i].advice;
    }
    return error->hint;
}

/* qm_database_list prints an answer as a listing, or what there is to say if it is empty; JSON where that was asked for. */
QmExit
qm_database_list(const QmInvocation *invocation, const PGresult *result, const QmColumn *columns, const char *none)
{
    QmRows rows = qm_rows_of_result(result);
    bool printed = true;

    if (qm_option(invocation, "json") != NULL)
        printed = qm_json_print(qm_listing_json(columns, &rows));
    else if (rows.count == 0)
        puts(none);
    else
        printed = qm_listing_print(columns, &rows, "");
    return printed ? QM_EXIT_OK : qm_say_no_memory();
}
