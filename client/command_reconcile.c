/*
 * quantmesh reconcile: a market compared with what the exchange has shown, now.
 */
#include "command_market.h"

#include <stdio.h>
#include <string.h>

#include "interrupt.h"

static QmExit reconcile_run(QmInvocation *invocation);
static int differences_left(const PGresult *result, bool dry_run);

static const QmOption reconcile_options[] = {
    {"dry-run", NULL, "only compare, write nothing"},
    {NULL, NULL, NULL},
};

static const QmColumn reconcile_columns[] = {
    {"code", "CODE", QM_CELL_TEXT},
    {"subject", "SUBJECT", QM_CELL_TEXT},
    {"order_id", "ORDER", QM_CELL_AMOUNT},
    {"repair", "REPAIR", QM_CELL_TEXT},
    {"allowed", "ALLOWED", QM_CELL_FLAG},
    {"outcome", "OUTCOME", QM_CELL_TEXT},
    {"local", NULL, QM_CELL_JSON},
    {"remote", NULL, QM_CELL_JSON},
    {"run_id", NULL, QM_CELL_AMOUNT},
    {"snapshot_id", NULL, QM_CELL_AMOUNT},
    {NULL, NULL, QM_CELL_TEXT},
};

#define RECONCILE_SQL                                                                                    \
    "SELECT r.code, r.subject, r.order_id, r.repair, r.allowed, r.outcome, r.local, r.remote, r.run_id," \
    " r.snapshot_id FROM quantmesh.reconcile(account => $1, symbol => $2, dry_run => $3::boolean) AS r"

/* Not to be repeated: a second run would not show what the first has repaired. */
static const QmStatement reconcile_statement = {
    .name = "quantmesh.reconcile",
    .sql = RECONCILE_SQL,
    .parameters = 3,
    .repeat = QM_REPEAT_NEVER,
};

static const QmStatement compare_statement = {
    .name = "quantmesh.reconcile",
    .sql = RECONCILE_SQL,
    .parameters = 3,
    .repeat = QM_REPEAT_READ,
};

const QmCommand qm_command_reconcile = {
    .name = "reconcile",
    .operands = "ACCOUNT SYMBOL",
    .operands_min = 2,
    .operands_max = 2,
    .summary = "compare a market with its newest snapshot, and repair what its policy allows",
    .about = "The coordinator does the same by itself. Exit code 1: differences are left that were not repaired (with\n"
             "--dry-run: there are any).",
    .options = reconcile_options,
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING | QM_NEED_OPERATOR,
    .run = reconcile_run,
};

/* reconcile_run compares, and lists the differences with what became of them. */
static QmExit
reconcile_run(QmInvocation *invocation)
{
    bool dry_run = qm_option(invocation, "dry-run") != NULL;
    const char *const values[] = {invocation->operands[0], invocation->operands[1], dry_run ? "true" : "false"};
    PGresult *result = NULL;
    QmExit exit_code = qm_market_check(invocation, values[0], values[1]);

    if (exit_code != QM_EXIT_OK)
        return exit_code;
    if (!dry_run)
        qm_interrupt_guard("quantmesh: interrupted: the market may or may not have been reconciled\n");
    exit_code = qm_database_ask(invocation, dry_run ? &compare_statement : &reconcile_statement, values, &result);
    qm_interrupt_guard(NULL);
    if (exit_code == QM_EXIT_OK)
        exit_code = qm_database_list(invocation, result, reconcile_columns, "no differences");
    if (exit_code == QM_EXIT_OK && differences_left(result, dry_run) > 0)
        exit_code = QM_EXIT_ATTENTION;
    PQclear(result);
    return exit_code;
}

/* differences_left returns how many differences have not been repaired. */
static int
differences_left(const PGresult *result, bool dry_run)
{
    int outcome = PQfnumber(result, "outcome");
    int left = 0;

    for (int i = 0; i < PQntuples(result); i++)
        left += dry_run || strcmp(PQgetvalue(result, i, outcome), "repaired") != 0;
    return left;
}
