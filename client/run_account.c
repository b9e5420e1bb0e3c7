/*
 * One account: its exchange, what it tells by itself, and what is asked of the
 * account as a whole: its markets' filters and its balances.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "binance.h"
#include "budget_fallback.h"
#include "budget_shared.h"
#include "error.h"
#include "moment.h"

#define ASK_AGAIN_MS 1000
#define BUDGET_TIMEOUT_MS 1000
#define MARKETS_MAX 100 /* of one question */

/* Of what the log was told last. */
enum
{
    SAID_REPORTS,
    SAID_PRICES,
    SAID_MARKETS,
    SAID_BALANCES,
    SAID_NOTICE
};

static bool watch_candles(QmRunAccount *account);
static QmBudget *budget_of(QmRunAccount *account);
static void listen(void *argument, const QmExchangeEvent *event);
static void warn_once(QmRunAccount *account, int kind, const char *message, const char *why);
static void stream_up(QmRunAccount *account);
static void stream_down(QmRunAccount *account, const char *why);
static void prices_down(QmRunAccount *account, const char *why);
static void heard_report(QmRunAccount *account, const QmExchangeEvent *event);
static void heard_candle(QmRunAccount *account, const QmExchangeEvent *event);
static void take_balances(QmRunAccount *account, const QmExchangeBalance *list, size_t count);
static bool filters_wanted(const QmRunMarket *market);
static void ask_markets(QmRunAccount *account);
static size_t add_symbol(const char **symbols, size_t count, const char *symbol);
static void markets_told(void *argument, const QmExchangeAnswer *answer);
static void ask_balances(QmRunAccount *account);
static void balances_told(void *argument, const QmExchangeAnswer *answer);

/* qm_run_account_open makes the exchange of an account and watches what is to be heard of it. False: it has been logged. */
bool
qm_run_account_open(QmRun *run, QmRunAccount *account)
{
    QmBinanceOptions options = {
        .recv_window_ms = run->recv_window_us / 1000,
        .silence_ms = (int64_t) run->config->timing.websocket_pong_wait_s * 1000,
        .listener = listen,
        .listener_argument = account,
        .in_flight_max = run->follow != NULL ? 1 : 0, /* so that the exchange sees what we do in our order */
    };
    QmError error = {0};
    bool fine;

    qm_run_addresses(run, account->config, &options);
    options.budget = account->budget = budget_of(account);
    account->exchange = qm_binance_open(&options, &error);
    if (account->exchange == NULL)
    {
        qm_log(&run->log, QM_LOG_ERROR, "no exchange", "account", account->name, "reason", error.message);
        return false;
    }
    fine = account->exchange->functions->watch_account(account->exchange) == QM_OK;
    for (size_t i = 0; fine && i < run->market_count; i++)
    {
        if (run->markets[i].account == account)
            fine = account->exchange->functions->watch_market(account->exchange,
                                                              run->markets[i].config->symbol,
                                                              true,
                                                              false,
                                                              NULL) == QM_OK;
    }
    fine = fine && watch_candles(account);
    if (!fine)
        qm_log(&run->log,
               QM_LOG_ERROR,
               "nothing can be watched",
               "account",
               account->name,
               "reason",
               account->exchange->functions->error(account->exchange)->message);
    return fine;
}

/* watch_candles wants the candles that purchases pause by: of what is monitored, and of markets whose trend is looked at. */
static bool
watch_candles(QmRunAccount *account)
{
    const QmRun *run = account->run;
    const QmRiskConfig *risk = &run->config->risk;
    QmExchange *exchange = account->exchange;
    bool fine = true;

    for (size_t i = 0; fine && risk->enabled && i < risk->monitor_symbols.count; i++)
        fine =
            exchange->functions->watch_market(exchange, risk->monitor_symbols.items[i], false, false, risk->interval) ==
            QM_OK;
    for (size_t i = 0; fine && i < run->market_count; i++)
    {
        const QmMarketConfig *config = run->markets[i].config;

        if (run->markets[i].account == account && config->grid_risk.enabled && config->grid_risk.trend_filter_enabled)
            fine = exchange->functions->watch_market(exchange, config->symbol, false, false, risk->interval) == QM_OK;
    }
    return fine;
}

/*
 * budget_of returns the count of an account's requests: one that all instances share
 * where there are many, but for cancels while it is not there; none for data that come as fast as they are taken in, since
 * limits are of time; NULL: the exchange's own count.
 */
static QmBudget *
budget_of(QmRunAccount *account)
{
    const QmRun *run = account->run;
    const QmDatabaseConfig *database = &run->config->database;
    const QmClientOptions options = {
        .conninfo = database->dsn.value,
        .application_name = "quantmesh run",
        .retry = qm_retry_policy("none"),
        .connect_timeout_ms = BUDGET_TIMEOUT_MS,
        .call_timeout_ms = BUDGET_TIMEOUT_MS,
    };
    QmBudget *budget = NULL;

    if (run->follow != NULL)
    {
        budget = qm_budget_local();
        for (int kind = 0; budget != NULL && kind < QM_BUDGET_KINDS; kind++)
            budget->functions->limit(budget, (QmBudgetKind) kind, INT32_MAX);
    }
    else if (database->type == QM_DATABASE_POSTGRES)
    {
        account->budget_client = qm_client_new(&options);
        if (account->budget_client != NULL)
            budget = qm_budget_fallback(
                qm_budget_shared(&(QmBudgetSharedOptions){.client = account->budget_client, .account = account->name}));
    }
    return budget;
}

/* qm_run_account_market returns the account's market of a symbol, NULL where there is none. */
QmRunMarket *
qm_run_account_market(QmRunAccount *account, const char *symbol)
{
    QmRun *run = account->run;

    for (size_t i = 0; symbol != NULL && i < run->market_count; i++)
    {
        if (run->markets[i].account == account && strcmp(run->markets[i].config->symbol, symbol) == 0)
            return &run->markets[i];
    }
    return NULL;
}

/* listen takes what the exchange tells by itself. */
static void
listen(void *argument, const QmExchangeEvent *event)
{
    QmRunAccount *account = argument;
    QmRunMarket *market = qm_run_account_market(account, event->symbol);
    QmLog *log = &account->run->log;

    switch (event->kind)
    {
        case QM_HEARD_REPORT:
            heard_report(account, event);
            break;
        case QM_HEARD_BALANCE:
            take_balances(account, event->balances, event->balance_count);
            break;
        case QM_HEARD_TRADE:
            if (market != NULL)
                qm_run_market_price(market, event->price, event->time_us);
            break;
        case QM_HEARD_CANDLE:
            heard_candle(account, event);
            break;
        case QM_HEARD_BOOK:
            break;
        case QM_HEARD_USER_UP:
            stream_up(account);
            break;
        case QM_HEARD_USER_DOWN:
            stream_down(account, event->text);
            break;
        case QM_HEARD_MARKET_UP:
            account->market_up = true;
            account->said[SAID_PRICES][0] = '\0';
            qm_log(log, QM_LOG_INFO, "prices are heard", "account", account->name);
            break;
        case QM_HEARD_MARKET_DOWN:
            prices_down(account, event->text);
            break;
        case QM_HEARD_NOTICE:
            warn_once(account, SAID_NOTICE, "notice", event->text);
            break;
    }
}

/* warn_once warns of what has changed; what is the same as the last time is for those who look for it. */
static void
warn_once(QmRunAccount *account, int kind, const char *message, const char *why)
{
    bool repeated = why != NULL && strncmp(account->said[kind], why, sizeof(account->said[kind]) - 1) == 0;

    qm_log(&account->run->log, repeated ? QM_LOG_DEBUG : QM_LOG_WARN, message, "account", account->name, "why", why);
    qm_text_copy(account->said[kind], sizeof(account->said[kind]), why);
}

/* stream_up has everything asked for that may have been missed; reports are held back until that is done. */
static void
stream_up(QmRunAccount *account)
{
    QmRun *run = account->run;

    qm_log(&run->log, QM_LOG_INFO, "reports are heard", "account", account->name);
    account->said[SAID_REPORTS][0] = '\0';
    account->user_up = true;
    account->draining = true;
    account->balances_known = false;
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].account == account)
            qm_run_resync(&run->markets[i], "reports were not heard");
    }
    qm_run_account_drain(account);
}

/* stream_down stops orders: what they lead to would not be heard. */
static void
stream_down(QmRunAccount *account, const char *why)
{
    QmRun *run = account->run;

    warn_once(account, SAID_REPORTS, "reports are not heard", why);
    account->user_up = false;
    account->draining = false;
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].account == account)
            qm_run_resync(&run->markets[i], why);
    }
}

/* prices_down stops purchases: what the market does meanwhile is not seen, and no loss is. Sales and cancels go on. */
static void
prices_down(QmRunAccount *account, const char *why)
{
    QmRun *run = account->run;

    account->market_up = false;
    warn_once(account,
              SAID_PRICES,
              "prices are not heard: nothing is bought, and neither a stop loss nor a trailing profit acts, until they "
              "are",
              why);
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].account == account)
            qm_run_market_silence(&run->markets[i]);
    }
}

/* qm_run_account_drain lets held reports flow once every market of this instance is synchronized. */
void
qm_run_account_drain(QmRunAccount *account)
{
    QmRun *run = account->run;

    if (!account->draining)
        return;
    for (size_t i = 0; i < run->market_count; i++)
    {
        const QmRunMarket *market = &run->markets[i];

        if (market->account == account && market->owned && market->sync != QM_RUN_SYNCED)
            return;
    }
    account->draining = false;
    account->exchange->functions->drain(account->exchange);
}

/* heard_report books a report of a market that is ours to trade; others book theirs. */
static void
heard_report(QmRunAccount *account, const QmExchangeEvent *event)
{
    QmRunMarket *market = qm_run_account_market(account, event->symbol);

    if (market == NULL || !market->owned)
        return;
    market->dirty = true;
    if (qm_run_report(market, &event->report) && event->report.trade_id != NULL && market->sync == QM_RUN_SYNCED)
        qm_run_mark_heard(market, event->report.trade_id);
}

/* heard_candle tells all grids: what falls together stops the buying everywhere. */
static void
heard_candle(QmRunAccount *account, const QmExchangeEvent *event)
{
    QmRun *run = account->run;
    const QmExchangeCandle *candle = &event->candle;

    for (size_t i = 0; i < run->market_count; i++)
    {
        QmRunMarket *market = &run->markets[i];

        if (market->account != account || market->grid == NULL || !market->loaded)
            continue;
        market->dirty = true;
        if (!qm_grid_candle(market->grid,
                            event->symbol,
                            candle->open_time_us,
                            candle->close,
                            candle->volume,
                            candle->closed,
                            qm_run_market_now(market)))
            qm_log(&run->log, QM_LOG_WARN, "a candle that has no numbers of ours", "symbol", event->symbol);
    }
}

/* take_balances notes what is free of some assets. */
static void
take_balances(QmRunAccount *account, const QmExchangeBalance *list, size_t count)
{
    account->balances_number++;
    for (size_t i = 0; i < account->run->market_count; i++)
        account->run->markets[i].dirty = true;
    for (size_t i = 0; i < count; i++)
    {
        size_t at = 0;

        while (at < account->balance_count && strcmp(account->balances[at].asset, list[i].asset) != 0)
            at++;
        if (at == account->balance_count)
        {
            QmRunBalance *larger = realloc(account->balances, (at + 1) * sizeof(*larger));

            if (larger == NULL)
            {
                qm_run_stop(account->run, "no memory is left", QM_EXIT_INTERNAL);
                return;
            }
            account->balances = larger;
            account->balance_count++;
            qm_text_copy(larger[at].asset, sizeof(larger[at].asset), list[i].asset);
        }
        qm_text_copy(account->balances[at].free, sizeof(account->balances[at].free), list[i].free);
    }
}

/* qm_run_account_free returns what is free of an asset; "0" where the exchange has not named it. */
const char *
qm_run_account_free(const QmRunAccount *account, const char *asset)
{
    for (size_t i = 0; i < account->balance_count; i++)
    {
        if (strcmp(account->balances[i].asset, asset) == 0)
            return account->balances[i].free;
    }
    return "0";
}

/* qm_run_account_unusable notes that the exchange refuses the key: nothing of this account is traded until it is mended. */
void
qm_run_account_unusable(QmRunAccount *account, const char *why)
{
    if (account->unusable)
        return;
    account->unusable = true;
    qm_log(&account->run->log,
           QM_LOG_ERROR,
           "the exchange refuses the account's key: no orders until the next start",
           "account",
           account->name,
           "reason",
           why);
    for (size_t i = 0; i < account->run->account_count; i++)
    {
        if (!account->run->accounts[i].unusable)
            return;
    }
    qm_run_stop(account->run, "no account can be used", QM_EXIT_PERMISSION);
}

/* qm_run_account_advance asks for what is not known of the account. */
void
qm_run_account_advance(QmRunAccount *account)
{
    QmRun *run = account->run;
    bool wanted = false;

    if (account->ask_due_ns > qm_run_now_ns())
        return;
    for (size_t i = 0; i < run->market_count; i++)
    {
        if (run->markets[i].account == account && filters_wanted(&run->markets[i]))
            wanted = true;
    }
    if (wanted && !account->markets_asked && !run->store_lost && !(run->stopping && run->exit_code != QM_EXIT_OK))
        ask_markets(account);
    if (!account->balances_known && !account->balances_asked && account->user_up)
        ask_balances(account);
}

/* filters_wanted tells whether a market has to be read: the first time, when a refusal says so, and now and then. */
static bool
filters_wanted(const QmRunMarket *market)
{
    return market->grid == NULL || market->filters_due ||
           (market->owned && market->filters_due_us <= qm_run_market_now(market));
}

/*
 * ask_markets asks for the filters of the account's markets; the first time also for
 * what is monitored: of a symbol that is not there no candle would ever come, and
 * purchases would never pause.
 */
static void
ask_markets(QmRunAccount *account)
{
    const QmRiskConfig *risk = &account->run->config->risk;
    const char *symbols[MARKETS_MAX];
    size_t count = 0;

    for (size_t i = 0; !account->monitored_known && risk->enabled && i < risk->monitor_symbols.count; i++)
        count = add_symbol(symbols, count, risk->monitor_symbols.items[i]);
    for (size_t i = 0; i < account->run->market_count; i++)
    {
        const QmRunMarket *market = &account->run->markets[i];

        if (market->account == account && filters_wanted(market))
            count = add_symbol(symbols, count, market->config->symbol);
    }
    if (account->exchange->functions->markets(account->exchange, symbols, count, markets_told, account) != QM_OK)
    {
        account->ask_due_ns = qm_run_now_ns() + ASK_AGAIN_MS * QM_NS_PER_MS;
        return;
    }
    account->markets_asked = true;
    account->calls++;
}

/* add_symbol adds a symbol that is not there yet, while there is room: what is left out is asked for with the next question. */
static size_t
add_symbol(const char **symbols, size_t count, const char *symbol)
{
    for (size_t i = 0; i < count; i++)
    {
        if (strcmp(symbols[i], symbol) == 0)
            return count;
    }
    if (count == MARKETS_MAX)
        return count;
    symbols[count] = symbol;
    return count + 1;
}

/* markets_told takes the filters. */
static void
markets_told(void *argument, const QmExchangeAnswer *answer)
{
    QmRunAccount *account = argument;

    account->markets_asked = false;
    account->calls--;
    if (answer->outcome == QM_EXCHANGE_REFUSED)
    {
        qm_log(&account->run->log,
               QM_LOG_ERROR,
               "the exchange does not know these markets",
               "account",
               account->name,
               "or",
               account->run->config->risk.enabled ? "risk_control.monitor_symbols" : NULL,
               "reason",
               answer->message);
        qm_run_stop(account->run, "a market is not there", QM_EXIT_NOT_FOUND);
        return;
    }
    if (answer->outcome != QM_EXCHANGE_DONE)
    {
        account->ask_due_ns = qm_run_now_ns() + ASK_AGAIN_MS * QM_NS_PER_MS;
        warn_once(account, SAID_MARKETS, "the markets could not be read", answer->message);
        return;
    }
    account->monitored_known = true;
    for (size_t i = 0; i < answer->market_count; i++)
    {
        QmRunMarket *market = qm_run_account_market(account, answer->markets[i].symbol);

        if (market != NULL)
            qm_run_market_filters(market, &answer->markets[i]);
    }
}

/* ask_balances asks for the balances. */
static void
ask_balances(QmRunAccount *account)
{
    if (account->exchange->functions->balances(account->exchange, balances_told, account) != QM_OK)
    {
        account->ask_due_ns = qm_run_now_ns() + ASK_AGAIN_MS * QM_NS_PER_MS;
        return;
    }
    account->balances_asked = true;
    account->calls++;
}

/* balances_told takes the balances; what is not named has nothing. */
static void
balances_told(void *argument, const QmExchangeAnswer *answer)
{
    QmRunAccount *account = argument;

    account->balances_asked = false;
    account->calls--;
    if (answer->outcome == QM_EXCHANGE_DONE)
    {
        account->balances_known = true;
        account->said[SAID_BALANCES][0] = '\0';
        account->balance_count = 0;
        take_balances(account, answer->balances, answer->balance_count);
        return;
    }
    account->ask_due_ns = qm_run_now_ns() + ASK_AGAIN_MS * QM_NS_PER_MS;
    warn_once(account, SAID_BALANCES, "the balances could not be read", answer->message);
    if (answer->cause == QM_CAUSE_CREDENTIALS)
        qm_run_account_unusable(account, answer->message);
}
