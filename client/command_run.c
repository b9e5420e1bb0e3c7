/*
 * quantmesh run: an instance that trades as its configuration says, until it is told
 * to stop.
 */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command_config.h"
#include "run.h"

#define URL_SIZE 2048

static QmExit run_run(QmInvocation *invocation);
static const char *file_of(const QmInvocation *invocation);
static QmExit run_with(const QmInvocation *invocation, const QmConfig *config);
static bool paper_addresses(const QmInvocation *invocation, char rest[URL_SIZE], char ws_api[URL_SIZE],
                            char stream[URL_SIZE]);

static const QmOption run_options[] = {
    {"config", "FILE", "the configuration, where it is not named as an operand"},
    {"paper", "URL[,STREAM-URL]", "trade on this paper exchange, whatever exchanges the configuration names"},
    {"ca-file", "FILE", "the certificate of that paper exchange (PEM)"},
    {"follow", "URL", "of the paper exchange's admin port: ask for each step of its data, and end with them"},
    {"log", "text|json", "how the log on standard error is written; default text"},
    {NULL, NULL, NULL},
};

const QmCommand qm_command_run = {
    .name = "run",
    .operands = "[FILE]",
    .operands_min = 0,
    .operands_max = 1,
    .summary = "trade as a configuration file says, until it is told to stop",
    .about =
        "Standalone with a file as its store, or as one of many instances that share PostgreSQL. \"quantmesh FILE\"\n"
        "is the same. SIGTERM and SIGINT stop it: nothing new is placed, what is under way is waited for, its own\n"
        "orders are cancelled and its position closed where the configuration says so. A second signal ends it at\n"
        "once; the next start goes on where it was.",
    .options = run_options,
    .run = run_run,
};

/* run_run loads the configuration and runs with it, if it may be run with. */
static QmExit
run_run(QmInvocation *invocation)
{
    const char *file = file_of(invocation);
    bool real_money = qm_option(invocation, "paper") == NULL;
    QmConfig *config;
    QmExit exit_code;

    if (file == NULL)
        return qm_say_usage(invocation->command, "one configuration file has to be named");
    if (qm_option(invocation, "follow") != NULL && real_money)
        return qm_say_usage(invocation->command, "--follow needs --paper");
    exit_code = qm_command_load_config(file, false, &config);
    if (config == NULL)
        return exit_code;
    qm_command_say_config(config, real_money);
    if (exit_code == QM_EXIT_OK && !qm_config_may_run(config, real_money))
    {
        qm_say(real_money ? "With --paper it can be tried out." : NULL, "this configuration may not be run with");
        exit_code = QM_EXIT_CONFIG;
    }
    if (exit_code == QM_EXIT_OK)
        exit_code = run_with(invocation, config);
    qm_config_free(config);
    return exit_code;
}

/* file_of returns the file that is named, as an operand or by --config; NULL: none, or two. */
static const char *
file_of(const QmInvocation *invocation)
{
    const char *option = qm_option(invocation, "config");

    if (invocation->operand_count == 0)
        return option;
    return option == NULL ? invocation->operands[0] : NULL;
}

/* run_with runs with a configuration that may be run with. */
static QmExit
run_with(const QmInvocation *invocation, const QmConfig *config)
{
    const char *log = qm_option(invocation, "log");
    char rest[URL_SIZE];
    char ws_api[URL_SIZE];
    char stream[URL_SIZE];
    QmRunOptions options = {
        .config = config,
        .follow_url = qm_option(invocation, "follow"),
        .paper_ca_file = qm_option(invocation, "ca-file"),
        .log_descriptor = STDERR_FILENO,
    };

    if (log != NULL && strcmp(log, "text") != 0 && strcmp(log, "json") != 0)
        return qm_say_usage(invocation->command, "--log is text or json");
    options.json = log != NULL && strcmp(log, "json") == 0;
    if (qm_option(invocation, "paper") != NULL)
    {
        if (!paper_addresses(invocation, rest, ws_api, stream))
            return qm_say_usage(invocation->command, "--paper is http://HOST:PORT or https://HOST:PORT");
        options.paper_url = rest;
        options.paper_ws_api_url = ws_api;
        options.paper_stream_url = stream;
    }
    return qm_run_instance(&options);
}

/* paper_addresses makes the three addresses of a paper exchange: http becomes ws, https wss. */
static bool
paper_addresses(const QmInvocation *invocation, char rest[URL_SIZE], char ws_api[URL_SIZE], char stream[URL_SIZE])
{
    const char *given = qm_option(invocation, "paper");
    const char *comma = strchr(given, ',');
    size_t length = comma != NULL ? (size_t) (comma - given) : strlen(given);
    bool made;

    while (length > 0 && given[length - 1] == '/')
        length--;
    if (length >= URL_SIZE || strncmp(given, "http", 4) != 0 || strstr(given, "://") == NULL)
        return false;
    snprintf(rest, URL_SIZE, "%.*s", (int) length, given);
    made = comma != NULL ? snprintf(stream, URL_SIZE, "%s", comma + 1) < URL_SIZE
                         : snprintf(stream, URL_SIZE, "ws%s", rest + strlen("http")) < URL_SIZE;
    return made && snprintf(ws_api, URL_SIZE, "ws%s/ws-api/v3", rest + strlen("http")) < URL_SIZE;
}
