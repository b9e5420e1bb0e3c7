/*
 * Help and completion, made of the table of commands: `quantmesh --help`,
 * `quantmesh help [COMMAND]`, `quantmesh COMMAND --help`, `quantmesh completion`.
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

enum
{
    NAME_WIDTH = 28
};

static void help_option(const QmOption *option);
static QmExit help_run(QmInvocation *invocation);
static QmExit completion_run(QmInvocation *invocation);
static void completion_command(const QmCommand *command);

const QmCommand qm_command_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .operands_max = 1,
    .summary = "say what there is, or what a command does",
    .run = help_run,
};

const QmCommand qm_command_completion = {
    .name = "completion",
    .operands = "bash",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "print what makes a shell complete commands and options",
    .about = "source <(quantmesh completion bash) switches it on in a running shell; an installed quantmesh has it\n"
             "by itself.",
    .run = completion_run,
};

/* qm_help_program prints what the program can do. */
void
qm_help_program(void)
{
    const QmCommand *command;

    fputs("quantmesh: orders and locks that many trading instances share\n"
          "\n"
          "usage: quantmesh COMMAND [OPTIONS]\n"
          "\n"
          "commands:\n",
          stdout);
    for (int i = 0; (command = qm_command_at(i)) != NULL; i++)
        printf("  %-*s %s\n", NAME_WIDTH / 2, command->name, command->summary);
    fputs("\n"
          "quantmesh COMMAND --help says what a command takes; quantmesh --version which version this is.\n"
          "Exit codes: quantmesh(1) or docs/program.md.\n",
          stdout);
}

/* qm_help_command prints what a command does and takes. */
void
qm_help_command(const QmCommand *command)
{
    static const QmOption help = {"help", NULL, "say this"};

    printf("quantmesh %s: %s\n\nusage: quantmesh %s%s%s [OPTIONS]\n",
           command->name,
           command->summary,
           command->name,
           command->operands != NULL ? " " : "",
           command->operands != NULL ? command->operands : "");
    if (command->about != NULL)
        printf("\n%s\n", command->about);
    fputs("\noptions:\n", stdout);
    for (int list = 0; list < 3; list++)
    {
        for (const QmOption *option = qm_option_list(command, list); option->name != NULL; option++)
            help_option(option);
    }
    help_option(&help);
}

/* help_option prints one option's line. */
static void
help_option(const QmOption *option)
{
    char name[64];

    snprintf(name,
             sizeof(name),
             "--%s%s%s",
             option->name,
             option->argument != NULL ? " " : "",
             option->argument != NULL ? option->argument : "");
    printf("  %-*s %s\n", NAME_WIDTH, name, option->about);
}

/* help_run prints help about a command, or about them all. */
static QmExit
help_run(QmInvocation *invocation)
{
    const QmCommand *command;

    if (invocation->operand_count == 0)
    {
        qm_help_program();
        return QM_EXIT_OK;
    }
    command = qm_command_find(invocation->operands[0]);
    if (command == NULL)
        return qm_command_unknown(invocation->operands[0]);
    qm_help_command(command);
    return QM_EXIT_OK;
}

/* completion_run prints a function of bash that completes commands, their options, and names of files where they are wanted. */
static QmExit
completion_run(QmInvocation *invocation)
{
    const QmCommand *command;

    if (strcmp(invocation->operands[0], "bash") != 0)
        return qm_say_usage(invocation->command, "no completion for \"%s\", only for bash", invocation->operands[0]);
    fputs("# Completion of quantmesh for bash.\n"
          "_quantmesh() {\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words='' files=''\n"
          "    if [[ $COMP_CWORD -eq 1 ]]; then\n"
          "        words='--help --version",
          stdout);
    for (int i = 0; (command = qm_command_at(i)) != NULL; i++)
        printf(" %s", command->name);
    fputs("'\n"
          "    elif [[ $before == --config ]]; then\n"
          "        files=1\n"
          "    else\n"
          "        case ${COMP_WORDS[1]} in\n",
          stdout);
    for (int i = 0; (command = qm_command_at(i)) != NULL; i++)
        completion_command(command);
    fputs("        esac\n"
          "    fi\n"
          "    COMPREPLY=()\n"
          "    if [[ -n $files && $current != -* ]]; then\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
          "    else\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
          "    fi\n"
          "}\n"
          "complete -F _quantmesh quantmesh\n",
          stdout);
    return QM_EXIT_OK;
}

/* completion_command prints what one command can be followed by: for help, that is the other commands. */
static void
completion_command(const QmCommand *command)
{
    const QmCommand *other;

    printf("            %s) words='--help", command->name);
    for (int list = 0; list < 3; list++)
    {
        for (const QmOption *option = qm_option_list(command, list); option->name != NULL; option++)
            printf(" --%s", option->name);
    }
    if (command == &qm_command_completion)
        fputs(" bash", stdout);
    for (int i = 0; command == &qm_command_help && (other = qm_command_at(i)) != NULL; i++)
        printf(" %s", other->name);
    fputs("'", stdout);
    if (command->operands != NULL && strstr(command->operands, "FILE") != NULL)
        fputs(" files=1", stdout);
    fputs(" ;;\n", stdout);
}
