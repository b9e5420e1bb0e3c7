/*
 * A running instance: what it is made of, from the configuration, and how that is
 * given back.
 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "error.h"
#include "moment.h"

#define CALL_TIMEOUT_MS 5000
#define CONNECT_TIMEOUT_MS 2000
#define PAPER_KEY "paper" /* and secret */

static void set_windows(QmRun *run);
static bool make_loop(QmRun *run);
static bool name_instance(QmRun *run);
static bool open_store(QmRun *run);
static void make_folder(const char *path);
static bool open_locks(QmRun *run);
static bool make_markets(QmRun *run);
static QmRunAccount *account_of(QmRun *run, const char *exchange);
static bool open_accounts(QmRun *run);
static const char *address_of(const char *written, const char *otherwise);
static bool open_follow(QmRun *run);
static bool open_member(QmRun *run);
static bool watch(QmRun *run, int descriptor);
static bool failed(QmRun *run, QmExit exit_code, const char *what, const QmError *error);

/* qm_run_open makes everything that the instance needs. False: exit_code is set, and why has been logged. */
bool
qm_run_open(QmRun *run)
{
    set_windows(run);
    if (!make_loop(run) || !name_instance(run) || !make_markets(run) || !open_store(run) || !open_locks(run) ||
        !open_follow(run) || !open_accounts(run) || !open_member(run))
        return false;
    qm_log(&run->log,
           QM_LOG_INFO,
           "started",
           "version",
           qm_version(),
           "instance",
           run->instance,
           "store",
           run->store->functions->type,
           "locks",
           run->locks != NULL ? run->locks->functions->type : "none",
           "exchange",
           run->options.paper_url != NULL ? run->options.paper_url : run->accounts[0].name,
           "markets",
           QM_LOG_NUMBER((int64_t) run->market_count));
    return true;
}

/*
 * set_windows sets how long an order takes at most until it is accepted or never
 * will be. An exchange waits up to 10 s for its own engine. One that waits for its
 * followers does not, and there a doubt would hold up everybody for that long. The
 * first two are no shorter there: what a busy machine sends too late is withdrawn,
 * and the run would not be the same again.
 */
static void
set_windows(QmRun *run)
{
    bool follows = run->options.follow_url != NULL;

    run->send_window_us = 5000000;
    run->recv_window_us = 5000000;
    run->accept_us = follows ? 500000 : 12000000;
}

/* make_loop makes the loop's descriptors. Signals come through one of them from now on. */
static bool
make_loop(QmRun *run)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    run->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) == 0)
        run->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (run->epoll_fd < 0 || run->timer_fd < 0 || run->signal_fd < 0 || !watch(run, run->timer_fd) ||
        !watch(run, run->signal_fd))
        return failed(run, QM_EXIT_LIMIT, strerror(errno), NULL);
    return true;
}

/* watch has the loop wake up when a descriptor is readable. */
static bool
watch(QmRun *run, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

    return epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/* failed notes why the instance cannot start. */
static bool
failed(QmRun *run, QmExit exit_code, const char *what, const QmError *error)
{
    run->exit_code = exit_code;
    qm_log(&run->log,
           QM_LOG_ERROR,
           what,
           "reason",
           error != NULL ? error->message : NULL,
           "hint",
           error != NULL ? error->hint : NULL);
    return false;
}

/* name_instance takes the configured name, or makes up one that no other process has. */
static bool
name_instance(QmRun *run)
{
    char host[64] = "";

    if (run->config->instance.id[0] != '\0')
    {
        qm_text_copy(run->instance, sizeof(run->instance), run->config->instance.id);
        return true;
    }
    if (gethostname(host, sizeof(host) - 1) != 0)
        return failed(run, QM_EXIT_INTERNAL, "this machine has no name", NULL);
    snprintf(run->instance,
             sizeof(run->instance),
             "%s-%ld-%06llx",
             host,
             (long) getpid(),
             (unsigned long long) (qm_run_wall_us() & 0xffffff));
    return true;
}

/* open_store opens where orders are kept. */
static bool
open_store(QmRun *run)
{
    const QmDatabaseConfig *database = &run->config->database;
    bool postgres = database->type == QM_DATABASE_POSTGRES;
    QmError error = {0};
    const QmStoreOptions options = {
        .type = postgres ? "postgres" : "sqlite",
        .path = postgres ? NULL : database->dsn.value,
        .send_window_ms = run->send_window_us / 1000,
        .postgres =
            {
                .conninfo = postgres ? database->dsn.value : NULL,
                .application_name = "quantmesh run",
                .retry = qm_retry_policy("quick"),
                .connect_timeout_ms = CONNECT_TIMEOUT_MS,
                .call_timeout_ms = CALL_TIMEOUT_MS,
                .async_reports = true,
            },
    };
    QmCode code;

    if (!postgres)
        make_folder(database->dsn.value);
    code = qm_store_open(&options, &run->store, &error);
    if (code != QM_OK)
        return failed(run, qm_run_exit_of(code), "the store cannot be opened", &error);
    return true;
}

/* make_folder makes the folder of the file, as the earlier system did. That it is there already is no failure, and others show when the file is opened. */
static void
make_folder(const char *path)
{
    char folder[4096];
    char *slash;

    qm_text_copy(folder, sizeof(folder), path);
    slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return;
    *slash = '\0';
    (void) mkdir(folder, 0700);
}

/* open_locks makes the locks of levels. */
static bool
open_locks(QmRun *run)
{
    QmError error = {0};
    QmCode code = qm_run_locks_open(run, &error);

    if (code != QM_OK)
        return failed(run, qm_run_exit_of(code), "there are no locks", &error);
    return true;
}

/* make_markets makes room for the configured markets and their accounts. */
static bool
make_markets(QmRun *run)
{
    size_t count = run->config->market_count;

    if (count == 0)
        return failed(run, QM_EXIT_CONFIG, "the configuration names no market", NULL);
    run->markets = calloc(count, sizeof(*run->markets));
    run->accounts = calloc(count, sizeof(*run->accounts));
    if (run->markets == NULL || run->accounts == NULL)
        return failed(run, QM_EXIT_INTERNAL, "no memory is left", NULL);
    for (size_t i = 0; i < count; i++)
    {
        QmRunMarket *market = &run->markets[i];

        market->run = run;
        market->config = &run->config->markets[i];
        market->account = account_of(run, market->config->exchange);
        market->owned = market->was_owned = run->config->database.type == QM_DATABASE_SQLITE;
        market->dirty = true;
    }
    run->market_count = count;
    return true;
}

/* account_of returns the account of an exchange, which is made when it is first asked for. */
static QmRunAccount *
account_of(QmRun *run, const char *exchange)
{
    QmRunAccount *account;

    for (size_t i = 0; i < run->account_count; i++)
    {
        if (strcmp(run->accounts[i].name, exchange) == 0)
            return &run->accounts[i];
    }
    account = &run->accounts[run->account_count++];
    account->run = run;
    account->name = exchange;
    account->config = qm_config_exchange(run->config, exchange);
    return account;
}

/* open_accounts makes the exchanges. */
static bool
open_accounts(QmRun *run)
{
    for (size_t i = 0; i < run->account_count; i++)
    {
        QmRunAccount *account = &run->accounts[i];

        if (!qm_run_account_open(run, account))
            return failed(run, QM_EXIT_CONFIG, "an account cannot be used", NULL);
        if (!watch(run, account->exchange->functions->descriptor(account->exchange)))
            return failed(run, QM_EXIT_LIMIT, strerror(errno), NULL);
    }
    return true;
}

/* qm_run_addresses says where an account's exchange is, and with which key it is asked: a paper exchange has one for everybody. */
void
qm_run_addresses(const QmRun *run, const QmExchangeConfig *config, QmBinanceOptions *options)
{
    options->api_key = config->api_key.value;
    options->secret_key = config->secret_key.value;
    if (run->options.paper_url != NULL)
    {
        if (options->api_key[0] == '\0' || options->secret_key[0] == '\0')
            options->api_key = options->secret_key = PAPER_KEY;
        options->rest_url = run->options.paper_url;
        options->ws_api_url = run->options.paper_ws_api_url;
        options->stream_url = run->options.paper_stream_url;
        options->ca_file = run->options.paper_ca_file;
        return;
    }
    options->rest_url = address_of(config->rest_url, config->testnet ? QM_BINANCE_TESTNET_REST_URL : NULL);
    options->ws_api_url = address_of(config->ws_api_url, config->testnet ? QM_BINANCE_TESTNET_WS_API_URL : NULL);
    options->stream_url = address_of(config->stream_url, config->testnet ? QM_BINANCE_TESTNET_STREAM_URL : NULL);
    options->ca_file = config->ca_file[0] != '\0' ? config->ca_file : NULL;
}

/* address_of returns the address that is written in the configuration, else the other one; NULL is the exchange's own. */
static const char *
address_of(const char *written, const char *otherwise)
{
    return written[0] != '\0' ? written : otherwise;
}

/* open_follow joins the paper exchange's followers. */
static bool
open_follow(QmRun *run)
{
    QmError error = {0};

    if (run->options.follow_url == NULL)
        return true;
    run->follow = qm_follow_open(run->options.follow_url, run->instance, &error);
    if (run->follow == NULL)
        return failed(run, QM_EXIT_INTERNAL, "the paper exchange cannot be followed", &error);
    if (!watch(run, qm_follow_descriptor(run->follow)))
        return failed(run, QM_EXIT_LIMIT, strerror(errno), NULL);
    return true;
}

/* open_member makes the instance one of many, where PostgreSQL is what they share. */
static bool
open_member(QmRun *run)
{
    QmError error = {0};

    if (run->config->database.type != QM_DATABASE_POSTGRES || qm_run_member_open(run, &error))
        return true;
    return failed(run, QM_EXIT_CONFIG, "the instance cannot be a member", &error);
}

/* qm_run_close gives everything back. Answers that come while exchanges are closed still find their markets. */
void
qm_run_close(QmRun *run)
{
    run->closing = true;
    for (size_t i = 0; i < run->account_count; i++)
    {
        if (run->accounts[i].exchange != NULL)
            run->accounts[i].exchange->functions->close(run->accounts[i].exchange);
        if (run->accounts[i].budget != NULL)
            run->accounts[i].budget->functions->free(run->accounts[i].budget);
        qm_client_free(run->accounts[i].budget_client);
        free(run->accounts[i].balances);
    }
    qm_member_close(run->member);
    qm_follow_close(run->follow);
    qm_run_locks_close(run);
    if (run->store != NULL)
        run->store->functions->close(run->store);
    for (size_t i = 0; i < run->market_count; i++)
    {
        for (size_t j = 0; j < run->markets[i].order_count; j++)
            free(run->markets[i].orders[j]);
        free(run->markets[i].orders);
        qm_grid_free(run->markets[i].grid);
    }
    free(run->markets);
    free(run->accounts);
    if (run->signal_fd >= 0)
        close(run->signal_fd);
    if (run->timer_fd >= 0)
        close(run->timer_fd);
    if (run->epoll_fd >= 0)
        close(run->epoll_fd);
}
