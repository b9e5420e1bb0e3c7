/*
 * An instance among others: which markets are its own, and what the server gives it
 * to do. member.c lives the life; here is what that means for markets.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define SETTLE_EVERY_MS 100

static QmExchange *exchange_of(void *argument, const char *account);
static void gained(void *argument, const char *account, const char *symbol, const char *mode);
static void lost(void *argument, const char *account, const char *symbol, const char *why);
static void died(void *argument, const char *why);
static void halted(void *argument, const char *account, const char *symbol, const char *state, const char *reason);
static size_t room(void *argument, const char *account, const char *symbol);
static void submit(void *argument, const char *account, const QmClaim *claim, int64_t stamped_us);
static void changed(void *argument, const char *account, const char *symbol, int64_t order_id);
static void say(void *argument, QmMemberLevel level, const char *text);
static QmRunAccount *account_named(QmRun *run, const char *name);
static bool list_owners(const QmRun *run, QmAssignment **list, size_t *count);
static bool is_anothers(const QmRunMarket *market, const QmAssignment *list, size_t count);
static bool needs_life(QmRun *run);
static bool settle_doubts(QmRun *run, size_t *nobodys);
static void say_left(const QmRunMarket *market);
static QmRunMarket *market_named(QmRun *run, const char *account, const char *symbol);
static void let_go(QmRunMarket *market);
static void begin_life(QmRun *run);

/* qm_run_member_open makes the instance one of many. False: error says why. */
bool
qm_run_member_open(QmRun *run, QmError *error)
{
    const char **names = calloc(run->market_count, sizeof(*names));
    char(*texts)[QM_NAME_SIZE * 2] = calloc(run->market_count, sizeof(*texts));
    QmMemberOptions options = {
        .database = {.conninfo = run->config->database.dsn.value, .application_name = "quantmesh run"},
        .instance = run->instance,
        .markets = names,
        .market_count = run->market_count,
        .standby = run->config->instance.standby,
        .functions = {exchange_of, gained, lost, died, halted, room, submit, changed, say},
        .argument = run,
    };
    QmCode code = QM_ERROR_MEMORY;

    for (size_t i = 0; names != NULL && texts != NULL && i < run->market_count; i++)
    {
        char *end = stpcpy(texts[i], run->markets[i].account->name);

        *end++ = ':';
        strcpy(end, run->markets[i].config->symbol);
        names[i] = texts[i];
    }
    if (names != NULL && texts != NULL)
        code = qm_member_open(&options, &run->member, error);
    else
        qm_error_no_memory(error);
    free(names);
    free(texts);
    return code == QM_OK;
}

/* qm_run_member_advance lets the member do what is due. One that ends without a life that it needs has nothing more to do. */
void
qm_run_member_advance(QmRun *run)
{
    int64_t epoch = run->epoch;

    if (run->member == NULL)
        return;
    if (qm_member_due_us(run->member) <= qm_member_now_us())
    {
        if (!run->stopping || epoch != 0 || needs_life(run))
            qm_member_run(run->member);
        else if (qm_member_leave(run->member) == QM_OK) /* the server is not told: there is no life to end */
            qm_log(&run->log, QM_LOG_INFO, "no other life is begun to end in");
    }
    run->epoch = qm_member_epoch(run->member);
    if (run->epoch != 0 && run->epoch != epoch)
        begin_life(run);
}

/*
 * needs_life tells whether an instance that ends needs another life after the one that
 * is over: where it is to cancel its orders, and one of its markets is nobody's by now.
 * In a life for nothing else, others' markets would be given to it. While the server
 * cannot be asked, it is as if a life was needed.
 */
static bool
needs_life(QmRun *run)
{
    size_t nobodys = 0;

    return qm_run_exit_is_wanted(run) && (!settle_doubts(run, &nobodys) || nobodys > 0);
}

/*
 * settle_doubts asks the server who has the markets of a life that is over: one that
 * another instance has is left to it. *nobodys counts the others. False: the server
 * was not there.
 */
static bool
settle_doubts(QmRun *run, size_t *nobodys)
{
    QmAssignment *list = NULL;
    size_t count = 0;

    if (!list_owners(run, &list, &count))
        return false;
    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];

        if (market->owned || (!market->was_owned && !market->in_doubt))
            continue;
        if (!is_anothers(market, list, count))
        {
            (*nobodys)++;
            continue;
        }
        if (market->was_owned)
            say_left(market);
        market->was_owned = market->in_doubt = false;
    }
    qm_free(list);
    return true;
}

/* is_anothers tells whether another instance has the market, by the list of who has which. */
static bool
is_anothers(const QmRunMarket *market, const QmAssignment *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
    {
        if (market_named(market->run, list[i].account, list[i].symbol) == market &&
            strcmp(list[i].instance, market->run->instance) != 0)
            return true;
    }
    return false;
}

static void
say_left(const QmRunMarket *market)
{
    qm_log(&market->run->log,
           QM_LOG_WARN,
           "the market is not this instance's any more: its orders are left to whoever has it",
           QM_LOG_MARKET(market));
}

/* begin_life forgets which markets an earlier life had: those that it has not been given again may be another's by now. */
static void
begin_life(QmRun *run)
{
    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];

        if (run->stopping && market->was_owned && !market->owned)
            say_left(market);
        market->in_doubt = market->in_doubt || (market->was_owned && !market->owned);
        market->was_owned = market->owned;
    }
}

/* list_owners lists who has which market, over a connection of its own; the caller frees the list. False: the server is not there. */
static bool
list_owners(const QmRun *run, QmAssignment **list, size_t *count)
{
    const QmClientOptions options = {
        .conninfo = run->config->database.dsn.value,
        .application_name = "quantmesh run",
        .retry = qm_retry_policy("none"),
    };
    QmClient *client = qm_client_new(&options);
    bool listed = client != NULL && qm_list_assignments(client, NULL, NULL, list, count) == QM_OK;

    qm_client_free(client);
    return listed;
}

/*
 * qm_run_member_settled tells whether every market of this instance has an owner, be
 * it this one or another: before that, data that are followed would go by unseen.
 * Once seen it stays so; what comes after a death is a day like any other.
 */
bool
qm_run_member_settled(QmRun *run)
{
    QmAssignment *list = NULL;
    size_t count = 0;
    size_t found = 0;

    if (run->member == NULL || run->settled)
        return true;
    if (run->epoch == 0 || run->settle_due_ns > qm_run_now_ns())
        return false;
    run->settle_due_ns = qm_run_now_ns() + SETTLE_EVERY_MS * QM_NS_PER_MS;
    if (list_owners(run, &list, &count))
    {
        for (size_t i = 0; i < count; i++)
        {
            const QmRunMarket *market = market_named(run, list[i].account, list[i].symbol);
            bool ours = strcmp(list[i].instance, run->instance) == 0;

            found += market != NULL && (!ours || market->owned);
        }
    }
    qm_free(list);
    run->settled = found >= run->market_count;
    return run->settled;
}

/* qm_run_member_ask_owners settles doubts, now and then. False: the server was not there, when it was last asked. */
bool
qm_run_member_ask_owners(QmRun *run)
{
    size_t nobodys = 0;

    if (run->settle_due_ns > qm_run_now_ns())
        return run->owners_listed;
    run->settle_due_ns = qm_run_now_ns() + SETTLE_EVERY_MS * QM_NS_PER_MS;
    run->owners_listed = settle_doubts(run, &nobodys);
    return run->owners_listed;
}

static QmExchange *
exchange_of(void *argument, const char *account)
{
    QmRunAccount *found = account_named(argument, account);

    return found != NULL ? found->exchange : NULL;
}

static QmRunAccount *
account_named(QmRun *run, const char *name)
{
    for (size_t i = 0; i < run->account_count; i++)
    {
        if (strcmp(run->accounts[i].name, name) == 0)
            return &run->accounts[i];
    }
    return NULL;
}

static QmRunMarket *
market_named(QmRun *run, const char *account, const char *symbol)
{
    QmRunAccount *found = account_named(run, account);

    return found != NULL ? qm_run_account_market(found, symbol) : NULL;
}

/* gained takes a market over: what its last owner has done is asked for before anything is placed. */
static void
gained(void *argument, const char *account, const char *symbol, const char *mode)
{
    QmRun *run = argument;
    QmRunMarket *market = market_named(run, account, symbol);

    run->epoch = qm_member_epoch(run->member);
    if (market == NULL)
        return;
    market->in_doubt = false;
    if (market->owned)
        return;
    qm_log(&run->log, QM_LOG_INFO, "the market is this instance's", "account", account, "symbol", symbol, "mode", mode);
    market->owned = market->was_owned = true;
    market->orders_known = false;
    market->loaded = false;
    market->dirty = true;
    market->sync_pause_ms = 0;
    qm_run_resync(market, "gained");
}

static void
lost(void *argument, const char *account, const char *symbol, const char *why)
{
    QmRun *run = argument;
    QmRunMarket *market = market_named(run, account, symbol);

    if (market == NULL)
        return;
    market->in_doubt = false;
    if (!market->owned)
        return;
    qm_log(&run->log, QM_LOG_INFO, "the market is another's", "account", account, "symbol", symbol, "why", why);
    market->was_owned = false;
    let_go(market);
}

/* let_go stops a market. Its orders stay known until their calls are answered; what is booked of them does no harm. */
static void
let_go(QmRunMarket *market)
{
    qm_run_resync(market, "lost");
    market->owned = false;
    market->loaded = false;
    qm_run_account_drain(market->account);
}

static void
died(void *argument, const char *why)
{
    QmRun *run = argument;

    qm_log(&run->log, QM_LOG_ERROR, "this life is over: nothing is placed until the next", "why", why);
    run->epoch = 0;
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].owned)
            let_go(&run->markets[i]);
    }
}

static void
halted(void *argument, const char *account, const char *symbol, const char *state, const char *reason)
{
    QmRun *run = argument;

    qm_log(&run->log,
           QM_LOG_WARN,
           "placing is restricted",
           "account",
           account,
           "symbol",
           symbol,
           "state",
           state,
           "reason",
           reason);
}

static size_t
room(void *argument, const char *account, const char *symbol)
{
    const QmRunMarket *market = market_named(argument, account, symbol);

    return market != NULL ? qm_run_claim_room(market) : 0;
}

static void
submit(void *argument, const char *account, const QmClaim *claim, int64_t stamped_us)
{
    QmRun *run = argument;

    qm_run_claim_send(run, market_named(run, account, claim->symbol), account, claim, stamped_us);
}

/* changed tells the grid of an order about which the server has learned something by a task. */
static void
changed(void *argument, const char *account, const char *symbol, int64_t order_id)
{
    QmRunMarket *market = market_named(argument, account, symbol);
    QmRunOrder *order = market != NULL ? qm_run_order_find(market, order_id, NULL) : NULL;

    if (order != NULL)
        (void) qm_run_tell_grid(market, order->client_order_id, NULL);
    else if (market != NULL)
        market->loaded = false;
}

/* say passes on what a member says. */
static void
say(void *argument, QmMemberLevel level, const char *text)
{
    QmRun *run = argument;

    qm_log(&run->log,
           level == QM_MEMBER_INFO      ? QM_LOG_INFO
           : level == QM_MEMBER_WARNING ? QM_LOG_WARN
                                        : QM_LOG_ERROR,
           "membership",
           "text",
           text);
}
