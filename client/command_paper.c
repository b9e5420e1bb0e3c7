/*
 * quantmesh paper: a paper exchange, served until it is told to stop.
 */
#include "command.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "paper_setup.h"

#define FILE_MAX (1024 * 1024)
#define SECRET_VARIABLE "QUANTMESH_PAPER_SECRET"

static QmExit paper_run(QmInvocation *invocation);

static const QmOption paper_options[] = {
    {"config", "FILE", "accounts, symbols, filters, faults, as JSON: docs/paper.md"},
    {"symbol", "LIST", "such as BTCUSDT,ETH/BTC; each may have data: BTCUSDT=FILE"},
    {"data", "FILE", "candles of the symbol, as CSV; else prices walk at random"},
    {"walk", "PRICE", "where a random walk starts (50000)"},
    {"seed", "NUMBER", "of walks and faults: the same seed gives the same (0)"},
    {"speed", "NUMBER", "of time (1); 0: a step when all followers ask for it"},
    {"followers", "NUMBER", "that the first step waits for, at speed 0 (1)"},
    {"balance", "LIST", "what accounts begin with, such as USDT=1000,BTC=0.5"},
    {"key", "KEY", "of the account (paper); secret: " SECRET_VARIABLE},
    {"address", "ADDRESS", "to listen on (127.0.0.1)"},
    {"port", "NUMBER", "of the exchange; 0: any that is free (0)"},
    {"admin-port", "NUMBER", "of the admin port, on 127.0.0.1 (0)"},
    {"limits", "on|off", "rate limits, as at Binance (on; off at speed 0)"},
    {"journal", "FILE", "to go on from after a restart"},
    {"audit", "FILE", "log of all that happens"},
    {"tls-cert", "FILE", "certificate, PEM, for HTTPS and WSS"},
    {"tls-key", "FILE", "and its key"},
    {"ready-file", "FILE", "written, with the addresses, once it listens"},
    {NULL, NULL, NULL},
};

const QmCommand qm_command_paper = {
    .name = "paper",
    .summary = "run a paper exchange that speaks Binance's protocol",
    .about =
        "Serves REST, WebSocket streams and the WebSocket API of Binance spot for play money, and an admin port\n"
        "for faults, orders of others, and the log of what happened. Prices come from a file of candles or from a\n"
        "random walk. Prints its addresses once it listens; SIGTERM ends it. docs/paper.md has the details.",
    .options = paper_options,
    .run = paper_run,
};

static QmPaperServer *running; /* for the signal handler */

static QmExit set_up(const QmInvocation *invocation, QmPaperSetup *setup, QmError *error);
static QmExit serve(const QmInvocation *invocation, QmPaperSetup *setup, QmError *error);
static bool announce(const QmInvocation *invocation, const QmPaperServer *server, const QmPaperSetup *setup);

/* say_error says what went wrong. */
static QmExit
say_error(const QmError *error, QmExit otherwise)
{
    qm_say(error->hint, "%s", error->message);
    return error->code == QM_ERROR_MEMORY ? QM_EXIT_INTERNAL : otherwise;
}

static QmExit
paper_run(QmInvocation *invocation)
{
    static QmPaperSetup setup;
    QmError error = {0};
    QmExit exit_code;

    if (qm_paper_setup_begin(&setup, &error) != QM_OK)
        return say_error(&error, QM_EXIT_INTERNAL);
    exit_code = set_up(invocation, &setup, &error);
    if (exit_code == QM_EXIT_OK)
        exit_code = serve(invocation, &setup, &error);
    qm_paper_setup_end(&setup);
    return exit_code;
}

/* read_file reads a file as text; NULL, and it has said why. */
static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = file == NULL ? NULL : malloc(FILE_MAX + 1);
    size_t length = text == NULL ? 0 : fread(text, 1, FILE_MAX, file);

    if (file != NULL)
        fclose(file);
    if (length == 0)
    {
        qm_say(NULL, "%s cannot be read", path);
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

/* set_numbers reads the options that are numbers, and those that are words. */
static bool
set_numbers(const QmInvocation *invocation, QmPaperSetup *setup)
{
    const char *limits = qm_option(invocation, "limits");
    int64_t seed = (int64_t) setup->world.seed;
    int64_t speed = setup->world.speed;
    int64_t followers = setup->world.followers;
    int64_t port = 0;
    int64_t admin_port = 0;
    bool off;

    if (!qm_option_number(invocation, "seed", 0, INT64_MAX, &seed) ||
        !qm_option_number(invocation, "speed", 0, 1000000, &speed) ||
        !qm_option_number(invocation, "followers", 1, QM_PAPER_FOLLOWERS_MAX, &followers) ||
        !qm_option_number(invocation, "port", 0, 65535, &port) ||
        !qm_option_number(invocation, "admin-port", 0, 65535, &admin_port))
        return false;
    if (limits != NULL && strcmp(limits, "on") != 0 && strcmp(limits, "off") != 0)
    {
        qm_say_usage(invocation->command, "--limits must be on or off, not \"%s\"", limits);
        return false;
    }
    off = limits != NULL ? strcmp(limits, "off") == 0 : speed == 0;
    setup->world.seed = (uint64_t) seed;
    setup->world.speed = (int) speed;
    setup->world.followers = (int) followers;
    setup->server.port = (int) port;
    setup->server.admin_port = (int) admin_port;
    if (off && (limits != NULL || setup->server.weight_max == 0))
        setup->server.weight_max = -1;
    if (off && (limits != NULL || setup->server.orders_10s_max == 0))
        setup->server.orders_10s_max = setup->server.orders_day_max = -1;
    return true;
}

/* set_account gives the account another key; its secret is never on the command line. */
static QmCode
set_account(const QmInvocation *invocation, QmPaperSetup *setup, QmError *error)
{
    const char *secret = getenv(SECRET_VARIABLE);
    const char *key = qm_option(invocation, "key");

    if (setup->world.account_count > 0 && key == NULL)
        return QM_OK;
    return qm_paper_setup_account(setup,
                                  setup->world.account_count > 0 ? setup->accounts[0].name : "main",
                                  key != NULL ? key : "paper",
                                  secret != NULL && secret[0] != '\0' ? secret : "paper",
                                  error);
}

/* set_up puts together what the file and the options say. */
static QmExit
set_up(const QmInvocation *invocation, QmPaperSetup *setup, QmError *error)
{
    const char *config = qm_option(invocation, "config");
    const char *symbols = qm_option(invocation, "symbol");
    const char *walk = qm_option(invocation, "walk");
    const char *data = qm_option(invocation, "data");
    const char *balance = qm_option(invocation, "balance");

    if (data != NULL && (config != NULL || (symbols != NULL && strchr(symbols, ',') != NULL)))
        return qm_say_usage(invocation->command,
                            "--data goes with one symbol; several have theirs in --symbol A=FILE,B=FILE");
    if (config != NULL && qm_paper_setup_file(setup, config, error) != QM_OK)
        return say_error(error, QM_EXIT_CONFIG);
    if (!set_numbers(invocation, setup))
        return QM_EXIT_USAGE;
    if (symbols == NULL && (data != NULL || walk != NULL) && setup->world.symbol_count == 0)
        symbols = "BTC/USDT";
    if ((symbols != NULL && qm_paper_setup_symbols(setup, symbols, walk, error) != QM_OK) ||
        set_account(invocation, setup, error) != QM_OK ||
        (balance != NULL && qm_paper_setup_balances(setup, balance, error) != QM_OK) ||
        qm_paper_setup_finish(setup, error) != QM_OK)
        return say_error(error, QM_EXIT_USAGE);
    if (data != NULL)
        setup->symbols[0].source.path = data;
    if (qm_option(invocation, "journal") != NULL)
        setup->world.journal = qm_option(invocation, "journal");
    if (qm_option(invocation, "audit") != NULL)
        setup->world.audit = qm_option(invocation, "audit");
    setup->server.address = qm_option(invocation, "address");
    return QM_EXIT_OK;
}

/* stop_serving ends the server when the process is told to end. */
static void
stop_serving(int signal_number)
{
    (void) signal_number;
    if (running != NULL)
        qm_paper_server_stop(running);
}

/* serve_world serves a world until it is told to stop. */
static QmExit
serve_world(const QmInvocation *invocation, const QmPaperSetup *setup, QmPaperWorld *world, QmError *error)
{
    struct sigaction action = {.sa_handler = stop_serving};
    QmExit exit_code = QM_EXIT_OK;

    running = qm_paper_server_open(world, &setup->server, error);
    if (running == NULL)
        return say_error(error, QM_EXIT_CONNECT);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!announce(invocation, running, setup))
        exit_code = QM_EXIT_OUTPUT;
    else if (qm_paper_server_run(running, error) != QM_OK)
        exit_code = say_error(error, QM_EXIT_LIMIT);
    action.sa_handler = SIG_DFL;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    qm_paper_server_close(running);
    running = NULL;
    return exit_code;
}

/* serve opens what the server needs, and closes it again. */
static QmExit
serve(const QmInvocation *invocation, QmPaperSetup *setup, QmError *error)
{
    const char *certificate = qm_option(invocation, "tls-cert");
    const char *key = qm_option(invocation, "tls-key");
    char *certificate_text = NULL;
    char *key_text = NULL;
    QmPaperWorld *world = NULL;
    QmExit exit_code = QM_EXIT_OK;

    if ((certificate == NULL) != (key == NULL))
        return qm_say_usage(invocation->command, "--tls-cert and --tls-key go together");
    if (certificate != NULL &&
        ((certificate_text = read_file(certificate)) == NULL || (key_text = read_file(key)) == NULL))
        exit_code = QM_EXIT_CONFIG;
    setup->server.tls_certificate = certificate_text;
    setup->server.tls_key = key_text;
    if (exit_code == QM_EXIT_OK && qm_paper_world_open(&setup->world, &world, error) != QM_OK)
        exit_code = say_error(error, QM_EXIT_CONFIG);
    if (exit_code == QM_EXIT_OK && qm_paper_setup_faults(setup, world, error) != QM_OK)
        exit_code = say_error(error, QM_EXIT_CONFIG);
    if (exit_code == QM_EXIT_OK)
        exit_code = serve_world(invocation, setup, world, error);
    if (world != NULL)
        qm_paper_world_close(world);
    free(certificate_text);
    free(key_text);
    return exit_code;
}

/* announce says where the exchange listens, on standard output and in a file if one is wanted. */
static bool
announce(const QmInvocation *invocation, const QmPaperServer *server, const QmPaperSetup *setup)
{
    const char *address = setup->server.address == NULL ? "127.0.0.1" : setup->server.address;
    const char *secure = setup->server.tls_key == NULL ? "" : "s";
    const char *path = qm_option(invocation, "ready-file");
    int port = qm_paper_server_port(server);
    char before[4096];
    FILE *file;
    bool good;

    printf("paper exchange: http%s://%s:%d, ws%s://%s:%d, admin http://127.0.0.1:%d\n",
           secure,
           address,
           port,
           secure,
           address,
           port,
           qm_paper_server_admin_port(server));
    if (fflush(stdout) != 0)
        return false;
    if (path == NULL)
        return true;
    /* Whoever waits for the file finds it whole. */
    snprintf(before, sizeof(before), "%s.new", path);
    file = fopen(before, "w");
    good = file != NULL && fprintf(file,
                                   "{\"rest_url\": \"http%s://%s:%d\", \"ws_api_url\": \"ws%s://%s:%d/ws-api/v3\", "
                                   "\"stream_url\": \"ws%s://%s:%d\", \"admin_url\": \"http://127.0.0.1:%d\"}\n",
                                   secure,
                                   address,
                                   port,
                                   secure,
                                   address,
                                   port,
                                   secure,
                                   address,
                                   port,
                                   qm_paper_server_admin_port(server)) > 0;
    if (file != NULL && fclose(file) != 0)
        good = false;
    good = good && rename(before, path) == 0;
    if (!good)
        qm_say(NULL, "%s cannot be written", path);
    return good;
}
