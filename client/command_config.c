/*
 * Configuration files, as commands load them: with the environment, and with
 * messages on standard error.
 */
#include "command_config.h"

#include <stdio.h>
#include <stdlib.h>

static const char *environment(void *context, const char *name);
static void say_messages(const QmConfigMessage *messages, size_t count, bool real_money);

/*
 * qm_command_load_config loads a file: QM_EXIT_OK, or QM_EXIT_CONFIG with a
 * configuration of which only the messages count, or *config is NULL and it has
 * said why.
 */
QmExit
qm_command_load_config(const char *path, bool strict, QmConfig **config)
{
    const QmConfigOptions options = {.lookup = environment, .strict = strict};

    *config = qm_config_load_file(path, &options);
    if (*config == NULL)
        return qm_say_no_memory();
    return qm_config_ok(*config) ? QM_EXIT_OK : QM_EXIT_CONFIG;
}

/* environment answers an environment variable's value: the program may read it, the library may not. */
static const char *
environment(void *context, const char *name)
{
    (void) context;
    return getenv(name);
}

/* qm_command_say_config writes the messages of a configuration: of what stops only real money, where that is not meant, nothing. */
void
qm_command_say_config(const QmConfig *config, bool real_money)
{
    say_messages(config->messages, config->message_count, true);
    say_messages(config->stops, config->stop_count, real_money);
    if (config->messages_omitted > 0)
        fprintf(stderr, "%s: %zu more\n", config->file, config->messages_omitted);
}

static void
say_messages(const QmConfigMessage *messages, size_t count, bool real_money)
{
    for (size_t i = 0; i < count; i++)
    {
        char line[8192];

        if (messages[i].severity == QM_CONFIG_STOPS_LIVE && !real_money)
            continue;
        qm_config_message_format(&messages[i], line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
}
