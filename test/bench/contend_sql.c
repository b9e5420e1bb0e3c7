/*
 * PostgreSQL for the contenders: one connection of a worker, prepared statements,
 * texts in and out. The result of the last statement belongs to this file: a
 * worker is a process, so there is one at a time.
 */
#include "contend.h"

#include <stdlib.h>
#include <string.h>

static PGresult *last_result;

/*
 * keep_result takes the place of the last result and says how many rows it gave or changed; -1: the statement failed.
 * RETURNING counts by what it gave.
 */
static int
keep_result(PGresult *result)
{
    PQclear(last_result);
    last_result = result;
    switch (PQresultStatus(result))
    {
        case PGRES_TUPLES_OK:
            return PQntuples(result);
        case PGRES_COMMAND_OK:
            return atoi(PQcmdTuples(result));
        default:
            return -1;
    }
}

/* drop_notice keeps PostgreSQL's notices out of the figures. */
static void
drop_notice(void *argument, const char *message)
{
    (void) argument;
    (void) message;
}

void
sql_open(Worker *worker)
{
    worker->pg = PQconnectdb("");
    if (PQstatus(worker->pg) != CONNECTION_OK)
        fail("PostgreSQL: %s", PQerrorMessage(worker->pg));
    PQsetNoticeProcessor(worker->pg, drop_notice, NULL);
}

void
sql_prepare(Worker *worker, const char *name, const char *statement)
{
    if (keep_result(PQprepare(worker->pg, name, statement, 0, NULL)) < 0)
        fail("%s: %s", name, PQerrorMessage(worker->pg));
}

int
sql_try(Worker *worker, const char *name, int count, const char *const *values)
{
    return keep_result(PQexecPrepared(worker->pg, name, count, values, NULL, NULL, 0));
}

int
sql_run(Worker *worker, const char *name, int count, const char *const *values)
{
    int rows = sql_try(worker, name, count, values);

    if (rows < 0)
        fail("%s: %s: %s", worker->contender->name, name, PQerrorMessage(worker->pg));
    return rows;
}

const char *
sql_value(Worker *worker)
{
    if (PQntuples(last_result) < 1 || PQgetisnull(last_result, 0, 0))
        fail("%s: a row with a value was expected", worker->contender->name);
    return PQgetvalue(last_result, 0, 0);
}

bool
sql_is_null(void)
{
    return PQntuples(last_result) < 1 || PQgetisnull(last_result, 0, 0);
}

bool
sql_plain_try(Worker *worker, const char *statement)
{
    return keep_result(PQexec(worker->pg, statement)) >= 0;
}

void
sql_plain(Worker *worker, const char *statement)
{
    if (!sql_plain_try(worker, statement))
        fail("%s: %s: %s", worker->contender->name, statement, PQerrorMessage(worker->pg));
}

bool
sql_commit(Worker *worker)
{
    return sql_plain_try(worker, "COMMIT") && strcmp(PQcmdStatus(last_result), "COMMIT") == 0;
}
