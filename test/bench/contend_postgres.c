/*
 * Locks that people build on PostgreSQL without an extension, around a critical
 * section:
 *
 *   advisory transaction  pg_try_advisory_xact_lock: freed by the end of the transaction
 *   advisory session      pg_try_advisory_lock and pg_advisory_unlock
 *   lease table           a row for each holder with the time when it ends, taken by INSERT ... ON CONFLICT
 *   skip locked           a row for each key, locked FOR UPDATE SKIP LOCKED
 *
 * Their tables are in contend.sql. None of them but the lease table has a TTL.
 */
#include "contend.h"

#include <stdio.h>
#include <string.h>

/* The earlier system polls ten times as slowly; these are written as well as their users could. */
#define POLL_US 1000

/* is_true says whether the statement just run has answered true. */
static bool
is_true(Worker *worker)
{
    return strcmp(sql_value(worker), "t") == 0;
}

/* expect ends the program if what nobody else wants was refused. */
static void
expect(const Worker *worker, bool had)
{
    if (!had)
        fail("%s: %s was refused or lost, though nobody else wants it", worker->contender->name, worker->key);
}

/* ----------------------------------------------------------- advisory locks */

static void
advisory_open(Worker *worker)
{
    sql_open(worker);
    sql_prepare(worker, "try", "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))");
    sql_prepare(worker, "lock", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))");
    sql_prepare(worker, "try_session", "SELECT pg_try_advisory_lock(hashtextextended($1, 0))");
    sql_prepare(worker, "lock_session", "SELECT pg_advisory_lock(hashtextextended($1, 0))");
    sql_prepare(worker, "unlock", "SELECT pg_advisory_unlock(hashtextextended($1, 0))");
    sql_plain(worker, "SET lock_timeout = '1 s'");
}

static void
advisory_transaction_step(Worker *worker)
{
    sql_run(worker, "try", 1, (const char *const[]){worker->key});
    expect(worker, is_true(worker));
}

static bool
advisory_transaction_attempt(Worker *worker)
{
    sql_plain(worker, "BEGIN");
    if (sql_try(worker, "lock", 1, (const char *const[]){worker->key}) == 1)
        return true;
    sql_plain(worker, "ROLLBACK");
    return false;
}

static void
advisory_session_step(Worker *worker)
{
    sql_run(worker, "try_session", 1, (const char *const[]){worker->key});
    expect(worker, is_true(worker));
    sql_run(worker, "unlock", 1, (const char *const[]){worker->key});
    expect(worker, is_true(worker));
}

static bool
advisory_session_attempt(Worker *worker)
{
    return sql_try(worker, "lock_session", 1, (const char *const[]){worker->key}) == 1;
}

static bool
advisory_session_give(Worker *worker)
{
    return sql_try(worker, "unlock", 1, (const char *const[]){worker->key}) == 1 && is_true(worker);
}

/* -------------------------------------------------------------- lease table */

static void
lease_table_open(Worker *worker)
{
    sql_open(worker);
    sql_prepare(worker,
                "take",
                "INSERT INTO bench.lease AS l (key, owner, ends_at) VALUES ($1, $2, clock_timestamp() + $3::interval)"
                " ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, ends_at = excluded.ends_at"
                " WHERE l.ends_at < clock_timestamp()");
    sql_prepare(worker, "give", "DELETE FROM bench.lease WHERE key = $1 AND owner = $2");
}

static bool
lease_table_attempt(Worker *worker)
{
    char ttl[32];

    snprintf(ttl, sizeof ttl, "%d ms", worker->ttl_ms);
    return sql_run(worker, "take", 3, (const char *const[]){worker->key, worker->owner, ttl}) == 1;
}

static bool
lease_table_give(Worker *worker)
{
    return sql_run(worker, "give", 2, (const char *const[]){worker->key, worker->owner}) == 1;
}

static void
lease_table_step(Worker *worker)
{
    expect(worker, lease_table_attempt(worker));
    expect(worker, lease_table_give(worker));
}

/* -------------------------------------------------------------- skip locked */

static void
skip_locked_open(Worker *worker)
{
    sql_open(worker);
    sql_prepare(worker, "take", "SELECT key FROM bench.row_lock WHERE key = $1 FOR UPDATE SKIP LOCKED");
}

static void
skip_locked_step(Worker *worker)
{
    expect(worker, sql_run(worker, "take", 1, (const char *const[]){worker->key}) == 1);
}

static bool
skip_locked_attempt(Worker *worker)
{
    sql_plain(worker, "BEGIN");
    if (sql_run(worker, "take", 1, (const char *const[]){worker->key}) == 1)
        return true;
    sql_plain(worker, "ROLLBACK");
    return false;
}

const Contender advisory_transaction = {
    .name = "advisory-transaction",
    .title = "pg_advisory_xact_lock",
    .units = 1,
    .open = advisory_open,
    .step = advisory_transaction_step,
    .attempt = advisory_transaction_attempt,
    .give = sql_commit,
    .gives_by_commit = true,
};

const Contender advisory_session = {
    .name = "advisory-session",
    .title = "pg_advisory_lock and unlock",
    .units = 1,
    .open = advisory_open,
    .step = advisory_session_step,
    .attempt = advisory_session_attempt,
    .give = advisory_session_give,
};

const Contender lease_table = {
    .name = "lease-table",
    .title = "lease table, INSERT ON CONFLICT",
    .units = 1,
    .poll_us = POLL_US,
    .open = lease_table_open,
    .step = lease_table_step,
    .attempt = lease_table_attempt,
    .give = lease_table_give,
};

const Contender skip_locked = {
    .name = "skip-locked",
    .title = "SELECT FOR UPDATE SKIP LOCKED",
    .units = 1,
    .poll_us = POLL_US,
    .open = skip_locked_open,
    .step = skip_locked_step,
    .attempt = skip_locked_attempt,
    .give = sql_commit,
    .gives_by_commit = true,
};
