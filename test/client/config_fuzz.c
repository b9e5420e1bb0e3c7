/*
 * Any bytes as a configuration: loading must not break, whatever comes of it. What
 * loads without errors is printed, has to load again, and has to print the same.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *look_up(void *context, const char *name);
static void check_messages(const QmConfig *config);
static void check_again(const char *printed, const QmConfigOptions *options);
static void must(bool holds, const char *what);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    QmConfigOptions options = {.lookup = look_up};
    QmConfig *config;
    char *printed;

    /* Strict, and short of memory, in some of the runs: what comes first in a file is mostly a comment or a key. */
    options.strict = size > 0 && data[0] == '#';
    if (size > 1 && data[0] == '#' && data[1] >= 'A')
        options.memory_max = (size_t) (data[1] - 'A') * 1000 + 1;
    config = qm_config_load("fuzz", (const char *) data, size, &options);
    if (config == NULL)
    {
        must(options.memory_max > 0, "memory is enough");
        return 0;
    }
    check_messages(config);
    printed = qm_config_print(config);
    must(qm_config_ok(config) == (printed != NULL), "a configuration without errors is printed");
    options.memory_max = 0;
    options.strict = false;
    if (printed != NULL)
        check_again(printed, &options);
    free(printed);
    qm_config_free(config);
    return 0;
}

/* look_up is a small environment. */
static const char *
look_up(void *context, const char *name)
{
    (void) context;
    if (strcmp(name, "A") == 0)
        return "5";
    if (strcmp(name, "B") == 0)
        return "a \"text\" with ${A}";
    return NULL;
}

/* check_messages reads every message: each has to be whole, and one line. */
static void
check_messages(const QmConfig *config)
{
    char line[8192];

    must(config->error_count + config->warning_count >= config->message_count, "messages are counted");
    for (size_t i = 0; i < config->message_count + config->stop_count; i++)
    {
        const QmConfigMessage *message =
            i < config->message_count ? &config->messages[i] : &config->stops[i - config->message_count];

        must(qm_config_message_format(message, line, sizeof(line)) > 0 && message->problem[0] != '\0',
             "a message says something");
        must(strpbrk(line, "\n\r\033") == NULL, "a message is one line");
    }
}

/* check_again loads what was printed, which has to print the same. */
static void
check_again(const char *printed, const QmConfigOptions *options)
{
    QmConfig *config = qm_config_load("printed", printed, strlen(printed), options);
    char *again;

    must(config != NULL, "memory is enough");
    again = qm_config_print(config);
    must(again != NULL && strcmp(printed, again) == 0, "what was printed prints the same");
    free(again);
    qm_config_free(config);
}

static void
must(bool holds, const char *what)
{
    if (!holds)
    {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}
