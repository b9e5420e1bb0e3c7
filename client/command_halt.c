/*
 * quantmesh halt and quantmesh resume: stop placing, and go on.
 */
#include "command_database.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "decode.h"
#include "interrupt.h"

static QmExit halt_run(QmInvocation *invocation);
static QmExit resume_run(QmInvocation *invocation);
static QmExit scope_read(const QmInvocation *invocation, const char **account, const char **symbol);
static QmExit ask_first(const QmInvocation *invocation, const char *verb, const char *account, const char *symbol);
static QmExit states_print(const QmInvocation *invocation, const QmMarketState *states, size_t count);
static void totals_print(const char *done, const QmMarketState *states, size_t count);
static QmExit still_stopped(const QmMarketState *states, size_t count);
static const char *state_cell(const void *source, int row, const char *column);

static const QmOption halt_options[] = {
    {"account", "ACCOUNT", "this account"},
    {"symbol", "SYMBOL", "only this market of it"},
    {"all", NULL, "every account"},
    {"reason", "TEXT", "why; is kept, and shown to everybody"},
    {"yes", NULL, "do not ask"},
    {NULL, NULL, NULL},
};

static const QmColumn state_columns[] = {
    {"account", "ACCOUNT", QM_CELL_TEXT},
    {"symbol", "SYMBOL", QM_CELL_TEXT},
    {"state", "STATE", QM_CELL_TEXT},
    {"open_orders", "OPEN ORDERS", QM_CELL_COUNT},
    {"in_flight", "IN FLIGHT", QM_CELL_COUNT},
    {NULL, NULL, QM_CELL_TEXT},
};

const QmCommand qm_command_halt = {
    .name = "halt",
    .summary = "stop placing in a market, an account or everywhere",
    .about =
        "When it has returned, no earlier placement can still commit; it waits for those that are open. Orders stay,\n"
        "and cancels pass: orders in flight may still turn up at the exchange.",
    .options = halt_options,
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING | QM_NEED_OPERATOR,
    .run = halt_run,
};

const QmCommand qm_command_resume = {
    .name = "resume",
    .summary = "take a halt, or a reducing state, back",
    .about =
        "It is taken back where it was set: a halt of everything with --all, that of a market with its account and\n"
        "symbol. Exit code 1: a market is still not active, for another level says otherwise.",
    .options = halt_options,
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING | QM_NEED_OPERATOR,
    .run = resume_run,
};

/* halt_run stops placing, and shows what is open. */
static QmExit
halt_run(QmInvocation *invocation)
{
    const char *reason = qm_option(invocation, "reason");
    const char *account;
    const char *symbol;
    QmMarketState *states = NULL;
    size_t count = 0;
    QmExit exit_code = scope_read(invocation, &account, &symbol);

    if (exit_code == QM_EXIT_OK && (reason == NULL || reason[0] == '\0'))
        exit_code = qm_say_usage(invocation->command, "--reason is missing: whoever finds it halted will want to know");
    if (exit_code == QM_EXIT_OK)
        exit_code = ask_first(invocation, "halt", account, symbol);
    if (exit_code != QM_EXIT_OK)
        return exit_code;
    qm_interrupt_guard("quantmesh: interrupted: the halt may or may not be in force; quantmesh status shows it\n");
    if (qm_halt(invocation->client, account, symbol, reason, 0, &states, &count) != QM_OK)
        exit_code = qm_database_failed(invocation);
    qm_interrupt_guard(NULL);
    if (exit_code == QM_EXIT_OK)
        exit_code = states_print(invocation, states, count);
    if (exit_code == QM_EXIT_OK && qm_option(invocation, "json") == NULL)
        totals_print("halted", states, count);
    qm_free(states);
    return exit_code;
}

/* resume_run takes a halt back, and says where trading is still stopped. */
static QmExit
resume_run(QmInvocation *invocation)
{
    const char *account;
    const char *symbol;
    QmMarketState *states = NULL;
    size_t count = 0;
    QmExit exit_code = scope_read(invocation, &account, &symbol);

    if (exit_code == QM_EXIT_OK)
        exit_code = ask_first(invocation, "resume", account, symbol);
    if (exit_code != QM_EXIT_OK)
        return exit_code;
    qm_interrupt_guard("quantmesh: interrupted: trading may or may not have been resumed; quantmesh status shows it\n");
    if (qm_resume(invocation->client, account, symbol, qm_option(invocation, "reason"), &states, &count) != QM_OK)
        exit_code = qm_database_failed(invocation);
    qm_interrupt_guard(NULL);
    if (exit_code == QM_EXIT_OK)
        exit_code = states_print(invocation, states, count);
    if (exit_code == QM_EXIT_OK && qm_option(invocation, "json") == NULL)
        totals_print("resumed", states, count);
    if (exit_code == QM_EXIT_OK)
        exit_code = still_stopped(states, count);
    qm_free(states);
    return exit_code;
}

/* scope_read takes what is meant from the options: it has to be said, for nobody shall halt everything by leaving a word out. */
static QmExit
scope_read(const QmInvocation *invocation, const char **account, const char **symbol)
{
    *account = qm_option(invocation, "account");
    *symbol = qm_option(invocation, "symbol");
    if ((*account == NULL) == (qm_option(invocation, "all") == NULL))
        return qm_say_usage(invocation->command, "one of --account and --all has to say where");
    if (*account != NULL && strcmp(*account, "*") == 0)
        return qm_say_usage(invocation->command, "every account is --all, not \"*\"");
    return QM_EXIT_OK;
}

/* ask_first asks at the terminal, unless --yes was given, and names the database: there may be one of the same name for tests. */
static QmExit
ask_first(const QmInvocation *invocation, const char *verb, const char *account, const char *symbol)
{
    char answer[16];
    const PGconn *conn;

    if (qm_option(invocation, "yes") != NULL)
        return QM_EXIT_OK;
    if (!isatty(STDIN_FILENO))
        return qm_say_usage(invocation->command, "--yes is missing: there is no terminal to ask at");
    if (qm_client_connect(invocation->client) != QM_OK)
        return qm_database_failed(invocation);
    conn = invocation->client->conn;
    fprintf(stderr,
            "%s %s%s%s%s in database %s at %s:%s? [y/N] ",
            verb,
            symbol != NULL ? symbol : "all markets",
            account != NULL ? " of account " : " of every account",
            account != NULL ? account : "",
            "",
            PQdb(conn),
            PQhost(conn),
            PQport(conn));
    fflush(stderr);
    if (fgets(answer, sizeof(answer), stdin) != NULL)
    {
        answer[strcspn(answer, "\n")] = '\0';
        if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
            return QM_EXIT_OK;
    }
    qm_say(NULL, "nothing was changed");
    return QM_EXIT_REFUSED;
}

/* states_print lists the markets concerned. */
static QmExit
states_print(const QmInvocation *invocation, const QmMarketState *states, size_t count)
{
    QmRows rows = {.source = states, .count = (int) count, .cell = state_cell};
    bool printed = qm_option(invocation, "json") != NULL ? qm_json_print(qm_listing_json(state_columns, &rows))
                   : count > 0                           ? qm_listing_print(state_columns, &rows, "")
                                                         : true;

    return printed ? QM_EXIT_OK : qm_say_no_memory();
}

/* state_cell returns one value of a market's state. Numbers are written into a buffer that the next one overwrites. */
static const char *
state_cell(const void *source, int row, const char *column)
{
    static char number[QM_NUMBER_TEXT];
    const QmMarketState *state = (const QmMarketState *) source + row;

    if (strcmp(column, "account") == 0)
        return state->account;
    if (strcmp(column, "symbol") == 0)
        return state->symbol;
    if (strcmp(column, "state") == 0)
        return state->state;
    return qm_value_int64(number, strcmp(column, "open_orders") == 0 ? state->open_orders : state->in_flight);
}

/* totals_print adds the markets up. */
static void
totals_print(const char *done, const QmMarketState *states, size_t count)
{
    int64_t open_orders = 0;
    int64_t in_flight = 0;

    for (size_t i = 0; i < count; i++)
    {
        open_orders += states[i].open_orders;
        in_flight += states[i].in_flight;
    }
    printf("%s: %zu market%s with %" PRId64 " live orders, %" PRId64 " of them in flight\n",
           done,
           count,
           count == 1 ? "" : "s",
           open_orders,
           in_flight);
}

/* still_stopped says where placing is still limited, and returns the exit code for it. */
static QmExit
still_stopped(const QmMarketState *states, size_t count)
{
    size_t stopped = 0;

    for (size_t i = 0; i < count; i++)
        stopped += strcmp(states[i].state, "active") != 0;
    if (stopped == 0)
        return QM_EXIT_OK;
    qm_say("quantmesh status lists the halts; each is taken back where it was set.",
           "%zu of %zu markets are not active: the strictest of everything, account and market counts",
           stopped,
           count);
    return QM_EXIT_ATTENTION;
}
