/*
 * quantmesh positions: what every strategy has, and what it has made.
 */
#include "command_market.h"

static QmExit positions_run(QmInvocation *invocation);

static const QmOption positions_options[] = {
    {"account", "ACCOUNT", "only of this account"},
    {"symbol", "SYMBOL", "only in this market"},
    {"strategy", "STRATEGY", "only of this strategy"},
    {"open", NULL, "only those that are not flat"},
    {NULL, NULL, NULL},
};

static const QmColumn positions_columns[] = {
    {"account", "ACCOUNT", QM_CELL_TEXT},
    {"symbol", "SYMBOL", QM_CELL_TEXT},
    {"strategy", "STRATEGY", QM_CELL_TEXT},
    {"quantity", "QUANTITY", QM_CELL_AMOUNT},
    {"base_asset", "BASE", QM_CELL_TEXT},
    {"average_price", "AVERAGE PRICE", QM_CELL_AMOUNT},
    {"cost", "COST", QM_CELL_AMOUNT},
    {"realized_profit", "PROFIT", QM_CELL_AMOUNT},
    {"quote_asset", "QUOTE", QM_CELL_TEXT},
    {"consistent", NULL, QM_CELL_FLAG},
    {"last_executed_at", "LAST TRADE", QM_CELL_TIME},
    {"last_trade_id", NULL, QM_CELL_TEXT},
    {NULL, NULL, QM_CELL_TEXT},
};

static const QmStatement positions_statement = {
    .name = "positions",
    .sql = "SELECT p.account, p.symbol, p.strategy, p.quantity, p.base_asset, p.average_price, p.cost,"
           " p.realized_profit, p.quote_asset, p.consistent, pg_catalog.to_char(p.last_executed_at" QM_TIME_END
           " AS last_executed_at, p.last_trade_id FROM quantmesh.positions AS p"
           " WHERE ($1::text IS NULL OR p.account = $1) AND ($2::text IS NULL OR p.symbol = $2) AND ($3::text"
           " IS NULL OR p.strategy = $3) AND ($4::text IS NULL OR p.quantity <> 0)"
           " ORDER BY p.account, p.symbol, p.strategy",
    .parameters = 4,
    .repeat = QM_REPEAT_READ,
};

const QmCommand qm_command_positions = {
    .name = "positions",
    .summary = "show what every strategy has, and what it has made",
    .about = "Quantities, cost and realized profit by average cost, from the fills that have been booked.",
    .options = positions_options,
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING,
    .run = positions_run,
};

/* positions_run lists positions. */
static QmExit
positions_run(QmInvocation *invocation)
{
    const char *const values[] = {
        qm_option(invocation, "account"),
        qm_option(invocation, "symbol"),
        qm_option(invocation, "strategy"),
        qm_option(invocation, "open"),
    };
    PGresult *result;
    QmExit exit_code = qm_database_ask(invocation, &positions_statement, values, &result);

    if (exit_code == QM_EXIT_OK && PQntuples(result) == 0)
        exit_code = qm_market_check(invocation, qm_option(invocation, "account"), qm_option(invocation, "symbol"));
    if (exit_code == QM_EXIT_OK)
        exit_code = qm_database_list(invocation, result, positions_columns, "no positions");
    PQclear(result);
    return exit_code;
}
