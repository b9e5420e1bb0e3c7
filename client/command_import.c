/*
 * quantmesh import and quantmesh export: a history moves between a SQLite file and
 * PostgreSQL.
 */
#include "command_database.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "interrupt.h"
#include "transfer.h"

static QmExit import_run(QmInvocation *invocation);
static QmExit export_run(QmInvocation *invocation);
static QmExit transfer_check(const QmInvocation *invocation);
static QmExit transfer_failed(const QmInvocation *invocation, const QmTransfer *transfer);

static const QmOption transfer_options[] = {
    {"account", "ACCOUNT", "the account in PostgreSQL"},
    {NULL, NULL, NULL},
};

const QmCommand qm_command_import = {
    .name = "import",
    .operands = "sqlite FILE",
    .operands_min = 2,
    .operands_max = 2,
    .summary = "move the history of a SQLite file into PostgreSQL",
    .about = "Orders with their events and fills, positions, and the states of strategies, in one transaction. A file\n"
             "that has moved is only read from then on; to import it again changes nothing. The account in the file\n"
             "may have another name. A file of the earlier system is recognized: its markets have to be known\n"
             "(quantmesh.set_market), and what was alive in it becomes unknown until the exchange has been asked.",
    .options = transfer_options,
    .needs = QM_NEED_DATABASE | QM_NEED_OPERATOR,
    .run = import_run,
};

const QmCommand qm_command_export = {
    .name = "export",
    .operands = "sqlite FILE",
    .operands_min = 2,
    .operands_max = 2,
    .summary = "write the history of an account to a SQLite file",
    .about = "What import moves, the other way. The file is made, or is one whose history has moved to this account.\n"
             "One instance can trade with it, without a server: halt the account first, and let nobody else trade it.",
    .options = transfer_options,
    .needs = QM_NEED_DATABASE | QM_NEED_OPERATOR,
    .run = export_run,
};

/* import_run moves a file's history, and says what was new. */
static QmExit
import_run(QmInvocation *invocation)
{
    QmExit exit_code = transfer_check(invocation);
    QmTransfer transfer;
    QmCode code;

    if (exit_code != QM_EXIT_OK)
        return exit_code;
    qm_interrupt_guard("quantmesh: interrupted: it has been imported or not; import it again, which does no harm\n");
    code = qm_import_sqlite(invocation->operands[1], invocation->client, qm_option(invocation, "account"), &transfer);
    qm_interrupt_guard(NULL);
    if (code != QM_OK)
        return transfer_failed(invocation, &transfer);
    if (transfer.orders_new == 0 && transfer.states_new == 0)
        printf("nothing new: all %" PRId64 " orders were there\n", transfer.orders);
    else
        printf("imported: %" PRId64 " of %" PRId64 " orders, with %" PRId64 " fills and %" PRId64
               " events, and %" PRId64 " of %" PRId64 " strategy states\n",
               transfer.orders_new,
               transfer.orders,
               transfer.fills,
               transfer.events,
               transfer.states_new,
               transfer.states);
    if (transfer.skipped > 0)
        qm_say("They have no symbol, side, price, quantity or time, or a state that is not known.",
               "%" PRId64 " orders of the file were left out",
               transfer.skipped);
    return transfer.skipped > 0 ? QM_EXIT_ATTENTION : QM_EXIT_OK;
}

/* export_run writes an account's history, and says how much it was. */
static QmExit
export_run(QmInvocation *invocation)
{
    QmExit exit_code = transfer_check(invocation);
    QmTransfer transfer;

    if (exit_code != QM_EXIT_OK)
        return exit_code;
    if (qm_export_sqlite(invocation->operands[1], invocation->client, qm_option(invocation, "account"), &transfer) !=
        QM_OK)
        return transfer_failed(invocation, &transfer);
    printf("exported: %" PRId64 " orders, %" PRId64 " fills, %" PRId64 " events, %" PRId64 " positions, %" PRId64
           " strategy states\n",
           transfer.orders,
           transfer.fills,
           transfer.events,
           transfer.positions,
           transfer.states);
    return QM_EXIT_OK;
}

/* transfer_check sees that the command line says what is needed. */
static QmExit
transfer_check(const QmInvocation *invocation)
{
    if (strcmp(invocation->operands[0], "sqlite") != 0)
        return qm_say_usage(invocation->command, "\"%s\" is no kind of file: it is sqlite", invocation->operands[0]);
    if (qm_option(invocation, "account") == NULL)
        return qm_say_usage(invocation->command, "--account is missing");
    return QM_EXIT_OK;
}

/* transfer_failed says why, with the file's own advice or the server's, and returns the exit code. */
static QmExit
transfer_failed(const QmInvocation *invocation, const QmTransfer *transfer)
{
    const QmError *error = &transfer->error;
    const QmError *of_server = qm_client_error(invocation->client);

    if (of_server->code == error->code && strcmp(of_server->message, error->message) == 0)
        return qm_database_failed(invocation);
    qm_say(error->hint[0] == '\0' ? NULL : error->hint, "%s", error->message);
    switch (error->code)
    {
        case QM_ERROR_UNCERTAIN:
            return QM_EXIT_UNCERTAIN;
        case QM_ERROR_READ_ONLY:
            return QM_EXIT_READ_ONLY;
        case QM_ERROR_LIMIT:
            return QM_EXIT_LIMIT;
        case QM_ERROR_PERMISSION:
            return QM_EXIT_PERMISSION;
        case QM_ERROR_VERSION:
            return QM_EXIT_VERSION;
        case QM_ERROR_CONNECT:
            return strcmp(error->sqlstate, "58P01") == 0 ? QM_EXIT_NOT_FOUND : QM_EXIT_CONNECT;
        default:
            return strcmp(error->sqlstate, "P0002") == 0 ? QM_EXIT_NOT_FOUND : QM_EXIT_REFUSED;
    }
}
