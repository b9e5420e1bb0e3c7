/*
 * The commands of the program: the table of them all, and how one is run.
 */
#include "command.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "command_database.h"
#include "config_text.h"

/* Every command, in the order of help. */
static const QmCommand *const commands[] = {
    &qm_command_run,
    &qm_command_status,
    &qm_command_orders,
    &qm_command_positions,
    &qm_command_locks,
    &qm_command_reconcile,
    &qm_command_halt,
    &qm_command_resume,
    &qm_command_paper,
    &qm_command_import,
    &qm_command_export,
    &qm_command_check_config,
    &qm_command_completion,
    &qm_command_help,
};

static QmExit command_run(const QmCommand *command, int count, char **arguments);
static bool is_file(const char *argument);
static bool is_help(const char *argument);

/* qm_program runs what the command line asks for, and returns the exit code. */
QmExit
qm_program(int count, char **arguments)
{
    const QmCommand *command;

    if (count < 2)
        return qm_say_usage(NULL, "no command");
    if (is_help(arguments[1]))
    {
        qm_help_program();
        return QM_EXIT_OK;
    }
    if (strcmp(arguments[1], "--version") == 0)
    {
        printf("quantmesh %s\n", qm_version());
        return QM_EXIT_OK;
    }
    if (is_file(arguments[1]))
        return command_run(&qm_command_run, count - 1, arguments + 1);
    if (arguments[1][0] == '-')
        return qm_say_usage(NULL, "unknown option \"%s\"", arguments[1]);
    command = qm_command_find(arguments[1]);
    if (command == NULL)
        return qm_command_unknown(arguments[1]);
    return command_run(command, count - 2, arguments + 2);
}

/* command_run runs a command with the arguments behind its name. */
static QmExit
command_run(const QmCommand *command, int count, char **arguments)
{
    QmInvocation invocation = {.command = command};
    QmExit exit_code = QM_EXIT_OK;

    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++)
    {
        if (is_help(arguments[i]))
        {
            qm_help_command(command);
            return QM_EXIT_OK;
        }
    }
    if (!qm_options_parse(&invocation, count, arguments))
        return QM_EXIT_USAGE;
    if ((command->needs & QM_NEED_DATABASE) != 0)
        exit_code = qm_database_open(&invocation);
    if (exit_code == QM_EXIT_OK)
        exit_code = command->run(&invocation);
    qm_client_free(invocation.client);
    return exit_code;
}

/* is_file tells whether the command line begins with a configuration file, as that of the earlier system did. */
static bool
is_file(const char *argument)
{
    size_t length = strlen(argument);

    return strcmp(argument, "--config") == 0 || strncmp(argument, "--config=", strlen("--config=")) == 0 ||
           (length > 5 && strcmp(argument + length - 5, ".yaml") == 0) ||
           (length > 4 && strcmp(argument + length - 4, ".yml") == 0);
}

/* is_help tells whether an argument asks for help. */
static bool
is_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

/* qm_command_find returns the command of a name, NULL when there is none. */
const QmCommand *
qm_command_find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

/* qm_command_at returns the commands one by one, and NULL behind the last. */
const QmCommand *
qm_command_at(int index)
{
    return (size_t) index < sizeof(commands) / sizeof(commands[0]) ? commands[index] : NULL;
}

/* qm_command_unknown says that there is no such command, and which may have been meant. */
QmExit
qm_command_unknown(const char *name)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
    {
        size_t distance = qm_text_distance(name, commands[i]->name);

        if (distance < least && qm_text_is_near(name, commands[i]->name, distance))
        {
            least = distance;
            nearest = commands[i]->name;
        }
    }
    if (nearest != NULL)
        return qm_say_usage(NULL, "unknown command \"%s\"; did you mean %s?", name, nearest);
    return qm_say_usage(NULL, "unknown command \"%s\"", name);
}
