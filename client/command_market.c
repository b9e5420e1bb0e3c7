/*
 * Markets that a command line names: an empty list because of a typing error
 * must not look like an account without orders.
 */
#include "command_market.h"

static const QmStatement market_statement = {
    .name = "markets",
    .sql = "SELECT FROM quantmesh.markets AS m"
           " WHERE ($1::text IS NULL OR m.account = $1) AND ($2::text IS NULL OR m.symbol = $2) LIMIT 1",
    .parameters = 2,
    .repeat = QM_REPEAT_READ,
};

/* qm_market_check says so, and returns QM_EXIT_NOT_FOUND, when there is no such market; NULL is any. */
QmExit
qm_market_check(const QmInvocation *invocation, const char *account, const char *symbol)
{
    const char *const values[] = {account, symbol};
    PGresult *result;
    QmExit exit_code;

    if (account == NULL && symbol == NULL)
        return QM_EXIT_OK;
    exit_code = qm_database_ask(invocation, &market_statement, values, &result);
    if (exit_code == QM_EXIT_OK && PQntuples(result) == 0)
    {
        qm_say("SELECT account, symbol FROM quantmesh.markets lists those that this role may see.",
               "there is no market%s%s%s%s",
               symbol != NULL ? " " : "",
               symbol != NULL ? symbol : "",
               account != NULL ? " of account " : "",
               account != NULL ? account : "");
        exit_code = QM_EXIT_NOT_FOUND;
    }
    PQclear(result);
    return exit_code;
}
