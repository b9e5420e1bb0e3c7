/*
 * QuantMesh's three locks around a critical section, as plain SQL on libpq:
 *
 *   transaction  one statement takes the lock, and its commit gives it back: a section inside the server
 *   block        BEGIN, the lock, COMMIT: a section around the client's work
 *   session      taken and given back by a statement each, the section may be anything
 *   lease        the same through any pooler; writes are tied to it by guard()
 */
#include "contend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT "'1 s'"

/* ttl_text writes the worker's TTL as an interval. */
static const char *
ttl_text(const Worker *worker)
{
    static char text[32];

    snprintf(text, sizeof text, "%d ms", worker->ttl_ms);
    return text;
}

/* had says whether the statement just run has answered a fence. */
static bool
had(void)
{
    return !sql_is_null();
}

/* is_true says whether the statement just run has answered true. */
static bool
is_true(Worker *worker)
{
    return strcmp(sql_value(worker), "t") == 0;
}

/* expect_had ends the program if a key that nobody else wants was refused. */
static void
expect_had(const Worker *worker)
{
    if (!had())
        fail("%s: %s was refused, though nobody else wants it", worker->contender->name, worker->key);
}

/* ------------------------------------------------------------- transaction */

static void
transaction_open(Worker *worker)
{
    sql_open(worker);
    sql_prepare(worker, "try", "SELECT quantmesh.try_xact_lock($1)");
    sql_prepare(worker, "lock", "SELECT quantmesh.xact_lock($1, $2::interval, " WAIT ")");
}

static void
transaction_step(Worker *worker)
{
    sql_run(worker, "try", 1, (const char *const[]){worker->key});
    expect_had(worker);
}

static bool
transaction_attempt(Worker *worker)
{
    sql_plain(worker, "BEGIN");
    sql_run(worker, "lock", 2, (const char *const[]){worker->key, ttl_text(worker)});
    if (had())
        return true;
    sql_plain(worker, "ROLLBACK");
    return false;
}

static bool
transaction_give(Worker *worker)
{
    return sql_commit(worker);
}

/* block_step has room for the client's work between taking and giving. */
static void
block_step(Worker *worker)
{
    if (!transaction_attempt(worker) || !transaction_give(worker))
        fail("%s: %s was refused or lost, though nobody else wants it", worker->contender->name, worker->key);
}

/* ----------------------------------------------------------------- session */

static void
session_open(Worker *worker)
{
    sql_open(worker);
    sql_prepare(worker, "try", "SELECT quantmesh.try_lock($1)");
    sql_prepare(worker, "lock", "SELECT quantmesh.lock($1, $2::interval, " WAIT ")");
    sql_prepare(worker, "unlock", "SELECT quantmesh.unlock($1)");
}

static bool
session_give(Worker *worker)
{
    return sql_try(worker, "unlock", 1, (const char *const[]){worker->key}) == 1 && is_true(worker);
}

static void
session_step(Worker *worker)
{
    sql_run(worker, "try", 1, (const char *const[]){worker->key});
    expect_had(worker);
    if (!session_give(worker))
        fail("%s: %s was lost: %s", worker->contender->name, worker->key, PQerrorMessage(worker->pg));
}

static bool
session_attempt(Worker *worker)
{
    sql_run(worker, "lock", 2, (const char *const[]){worker->key, ttl_text(worker)});
    return had();
}

/* ------------------------------------------------------------------- lease */

static void
lease_open(Worker *worker)
{
    sql_open(worker);
    sql_prepare(worker, "try", "SELECT quantmesh.try_lease($1, $2, $3::interval)");
    sql_prepare(worker, "lock", "SELECT quantmesh.lease($1, $2, $3::interval, " WAIT ")");
    sql_prepare(worker, "release", "SELECT quantmesh.release_lease($1, $2, $3)");
    sql_prepare(worker, "guard", "SELECT quantmesh.guard($1, $2)");
    worker->state = worker->state ? worker->state : calloc(1, KEY_SIZE);
    if (!worker->state)
        fail("no memory");
}

/* lease_take takes the lease by one of the two statements and remembers its fence. */
static bool
lease_take(Worker *worker, const char *statement)
{
    sql_run(worker, statement, 3, (const char *const[]){worker->key, worker->owner, ttl_text(worker)});
    if (!had())
        return false;
    snprintf(worker->state, KEY_SIZE, "%s", sql_value(worker));
    return true;
}

static bool
lease_give(Worker *worker)
{
    sql_run(worker, "release", 3, (const char *const[]){worker->key, worker->owner, worker->state});
    return is_true(worker);
}

static void
lease_step(Worker *worker)
{
    if (!lease_take(worker, "try") || !lease_give(worker))
        fail("%s: %s was refused or lost, though nobody else wants it", worker->contender->name, worker->key);
}

static bool
lease_attempt(Worker *worker)
{
    return lease_take(worker, "lock");
}

/* lease_change makes the change in a transaction that stands and falls with the lease. */
static bool
lease_change(Worker *worker, const char *statement, const char *value)
{
    bool changed;

    sql_plain(worker, "BEGIN");
    changed = sql_try(worker, "guard", 2, (const char *const[]){worker->key, worker->state}) == 1 &&
              sql_try(worker, statement, 2, (const char *const[]){worker->key, value}) == 1 && sql_commit(worker);
    if (PQtransactionStatus(worker->pg) != PQTRANS_IDLE)
        sql_plain(worker, "ROLLBACK");
    return changed;
}

const Contender qm_transaction = {
    .name = "quantmesh-transaction",
    .title = "quantmesh, transaction lock",
    .units = 1,
    .open = transaction_open,
    .step = transaction_step,
    .attempt = transaction_attempt,
    .give = transaction_give,
    .gives_by_commit = true,
};

const Contender qm_block = {
    .name = "quantmesh-block",
    .title = "quantmesh, transaction lock around a client's work",
    .units = 1,
    .open = transaction_open,
    .step = block_step,
};

const Contender qm_session = {
    .name = "quantmesh-session",
    .title = "quantmesh, session lock and unlock",
    .units = 1,
    .open = session_open,
    .step = session_step,
    .attempt = session_attempt,
    .give = session_give,
};

const Contender qm_lease = {
    .name = "quantmesh-lease",
    .title = "quantmesh, lease and release, writes guarded",
    .units = 1,
    .open = lease_open,
    .step = lease_step,
    .attempt = lease_attempt,
    .give = lease_give,
    .change = lease_change,
};

const Contender qm_lease_bare = {
    .name = "quantmesh-lease-unguarded",
    .title = "quantmesh, lease and release, guard() forgotten",
    .units = 1,
    .open = lease_open,
    .step = lease_step,
    .attempt = lease_attempt,
    .give = lease_give,
};
