/*
 * quantmesh locks: who holds what, and who waits for whom.
 */
#include "command_database.h"

#include <string.h>

static QmExit locks_run(QmInvocation *invocation);

static const QmOption locks_options[] = {
    {"account", "ACCOUNT", "only keys of this account"},
    {"symbol", "SYMBOL", "only keys of this market"},
    {"key", "KEY", "only this key"},
    {"mode", "MODE", "only transaction, session or lease"},
    {"waits", NULL, "show who waits for whom instead"},
    {NULL, NULL, NULL},
};

static const QmColumn locks_columns[] = {
    {"key", "KEY", QM_CELL_TEXT},
    {"class", NULL, QM_CELL_TEXT},
    {"account", NULL, QM_CELL_TEXT},
    {"symbol", NULL, QM_CELL_TEXT},
    {"mode", "MODE", QM_CELL_TEXT},
    {"state", "STATE", QM_CELL_TEXT},
    {"held_ms", "HELD", QM_CELL_SPAN},
    {"ttl_left_ms", "TTL LEFT", QM_CELL_SPAN},
    {"waiters", "WAITERS", QM_CELL_COUNT},
    {"owner", "OWNER", QM_CELL_TEXT},
    {"pid", "PID", QM_CELL_COUNT},
    {"username", NULL, QM_CELL_TEXT},
    {"acquired_at", NULL, QM_CELL_TIME},
    {"fence", NULL, QM_CELL_AMOUNT},
    {NULL, NULL, QM_CELL_TEXT},
};

static const QmStatement locks_statement = {
    .name = "locks",
    .sql = "SELECT l.key, l.class, l.account, l.symbol, l.mode, l.state, pg_catalog.round(extract(epoch"
           " FROM pg_catalog.clock_timestamp() - l.acquired_at" QM_SPAN_END " AS held_ms,"
           " pg_catalog.round(extract(epoch FROM l.ttl_left" QM_SPAN_END " AS ttl_left_ms, l.waiters,"
           " coalesce(l.instance, l.application_name) AS owner, l.pid, l.username,"
           " pg_catalog.to_char(l.acquired_at" QM_TIME_END " AS acquired_at, l.fence"
           " FROM quantmesh.locks AS l WHERE ($1::text IS NULL OR l.account = $1) AND ($2::text IS NULL OR"
           " l.symbol = $2) AND ($3::text IS NULL OR l.key = $3) AND ($4::text IS NULL OR l.mode = $4)"
           " ORDER BY l.acquired_at, l.key",
    .parameters = 4,
    .repeat = QM_REPEAT_READ,
};

static const QmColumn waits_columns[] = {
    {"key", "KEY", QM_CELL_TEXT},
    {"waiting_ms", "WAITING", QM_CELL_SPAN},
    {"waiter", "WAITER", QM_CELL_TEXT},
    {"waiter_pid", "PID", QM_CELL_COUNT},
    {"waiter_mode", "FOR", QM_CELL_TEXT},
    {"waits_for", NULL, QM_CELL_TEXT},
    {"holder", "HOLDER", QM_CELL_TEXT},
    {"holder_pid", "PID", QM_CELL_COUNT},
    {"holder_mode", "MODE", QM_CELL_TEXT},
    {"held_ms", "HELD", QM_CELL_SPAN},
    {"holder_since", NULL, QM_CELL_TIME},
    {"holder_fence", NULL, QM_CELL_AMOUNT},
    {NULL, NULL, QM_CELL_TEXT},
};

static const QmStatement waits_statement = {
    .name = "lock_waits",
    .sql = "SELECT w.key, pg_catalog.round(extract(epoch FROM w.waiting" QM_SPAN_END " AS waiting_ms,"
           " w.waiter_application_name AS waiter, w.waiter_pid, w.waiter_mode, w.waits_for,"
           " coalesce(w.holder_owner, w.holder_application_name) AS holder, w.holder_pid, w.holder_mode,"
           " pg_catalog.round(extract(epoch FROM pg_catalog.clock_timestamp() - w.holder_since" QM_SPAN_END
           " AS held_ms, pg_catalog.to_char(w.holder_since" QM_TIME_END " AS holder_since, w.holder_fence"
           " FROM quantmesh.lock_waits AS w WHERE ($1::text IS NULL OR pg_catalog.split_part(w.key, ':',"
           " 2) = $1) AND ($2::text IS NULL OR pg_catalog.split_part(w.key, ':',"
           " 3) = $2) AND ($3::text IS NULL OR w.key = $3) AND ($4::text IS NULL OR w.waiter_mode = $4) ORDER"
           " BY w.waiting DESC, w.key",
    .parameters = 4,
    .repeat = QM_REPEAT_READ,
};

const QmCommand qm_command_locks = {
    .name = "locks",
    .summary = "show who holds which lock, or who waits for whom",
    .about = "The longest first. docs/operating.md says what to do about a key that should not be locked.",
    .options = locks_options,
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING,
    .run = locks_run,
};

/* locks_run lists locks, or waits. */
static QmExit
locks_run(QmInvocation *invocation)
{
    const char *mode = qm_option(invocation, "mode");
    const char *const values[] = {
        qm_option(invocation, "account"),
        qm_option(invocation, "symbol"),
        qm_option(invocation, "key"),
        mode,
    };
    bool waits = qm_option(invocation, "waits") != NULL;
    PGresult *result;
    QmExit exit_code;

    if (mode != NULL && strcmp(mode, "transaction") != 0 && strcmp(mode, "session") != 0 && strcmp(mode, "lease") != 0)
        return qm_say_usage(invocation->command, "--mode must be transaction, session or lease, not \"%s\"", mode);
    exit_code = qm_database_ask(invocation, waits ? &waits_statement : &locks_statement, values, &result);
    if (exit_code == QM_EXIT_OK)
        exit_code = qm_database_list(invocation,
                                     result,
                                     waits ? waits_columns : locks_columns,
                                     waits ? "nobody waits" : "no locks");
    PQclear(result);
    return exit_code;
}
