/*
 * quantmesh check-config: what a configuration file says, and what is wrong with it.
 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>

#include "command_config.h"

static QmExit check_run(QmInvocation *invocation);

static const QmOption check_options[] = {
    {"strict", NULL, "warnings are errors"},
    {NULL, NULL, NULL},
};

const QmCommand qm_command_check_config = {
    .name = "check-config",
    .operands = "FILE",
    .operands_min = 1,
    .operands_max = 1,
    .summary = "check a configuration file, and print what is in effect",
    .about = "Prints the configuration with what it inherits, defaults and the environment, secrets masked, as YAML\n"
             "that loads again. Messages go to standard error: errors, warnings, and what stops an instance from\n"
             "running although the file is valid.",
    .options = check_options,
    .run = check_run,
};

/* check_run prints the configuration if it has no errors; the messages in any case. */
static QmExit
check_run(QmInvocation *invocation)
{
    QmConfig *config;
    char *text;
    QmExit exit_code =
        qm_command_load_config(invocation->operands[0], qm_option(invocation, "strict") != NULL, &config);

    if (config == NULL)
        return exit_code;
    qm_command_say_config(config, true);
    if (exit_code == QM_EXIT_OK)
    {
        text = qm_config_print(config);
        if (text == NULL)
            exit_code = qm_say_no_memory();
        else
            fputs(text, stdout);
        free(text);
    }
    qm_config_free(config);
    return exit_code;
}
