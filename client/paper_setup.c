/*
 * How a paper exchange is set up, by options of the command line and by default.
 */
#include "paper_setup.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

#define BYTES_MAX (4 * 1024 * 1024)
#define ORDERS_MAX_DEFAULT 200

/* Currencies that prices are in, to tell BTC and USDT in BTCUSDT. */
static const char *const quotes[] = {"USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD", "EUR", "TRY", "BTC", "ETH", "BNB"};

static QmCode wrong(QmError *error, const char *what, const char *text);
static void fill_rules(QmPaperSymbolOptions *symbol);

/* qm_paper_setup_begin makes a setup in which nothing is set. */
QmCode
qm_paper_setup_begin(QmPaperSetup *setup, QmError *error)
{
    memset(setup, 0, sizeof(*setup));
    qm_error_clear(error);
    setup->arena = qm_arena_create(BYTES_MAX);
    setup->world.speed = 1;
    setup->world.accounts = setup->accounts;
    setup->world.symbols = setup->symbols;
    return setup->arena == NULL ? qm_error_no_memory(error) : QM_OK;
}

/* qm_paper_setup_end frees a setup. */
void
qm_paper_setup_end(QmPaperSetup *setup)
{
    json_decref(setup->faults);
    if (setup->arena != NULL)
        qm_arena_free(setup->arena);
    memset(setup, 0, sizeof(*setup));
}

static QmCode
wrong(QmError *error, const char *what, const char *text)
{
    return qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "%s: \"%s\"", what, text);
}

/* qm_paper_setup_keep copies a text; NULL stays NULL. */
const char *
qm_paper_setup_keep(QmPaperSetup *setup, const char *text)
{
    return text == NULL ? NULL : qm_arena_text(setup->arena, text, strlen(text));
}

/* qm_paper_setup_symbol finds a symbol, "BTC/USDT" or "BTCUSDT", or adds it. */
QmCode
qm_paper_setup_symbol(QmPaperSetup *setup, const char *text, QmPaperSymbolOptions **symbol, QmError *error)
{
    const char *slash = strchr(text, '/');
    size_t base = slash == NULL ? 0 : (size_t) (slash - text);
    char name[QM_PAPER_NAME_SIZE];

    for (size_t i = 0; slash == NULL && base == 0 && i < sizeof(quotes) / sizeof(quotes[0]); i++)
    {
        size_t length = strlen(text);
        size_t quote = strlen(quotes[i]);

        if (length > quote && strcmp(text + length - quote, quotes[i]) == 0)
            base = length - quote;
    }
    if (base == 0 || strlen(text) >= sizeof(name) ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/") != strlen(text))
        return wrong(error, "this is no symbol such as BTC/USDT", text);
    memcpy(name, text, base);
    strcpy(name + base, text + base + (slash != NULL));
    for (int i = 0; i < setup->world.symbol_count; i++)
        if (strcmp(setup->symbols[i].symbol, name) == 0)
        {
            *symbol = &setup->symbols[i];
            return QM_OK;
        }
    if (setup->world.symbol_count == QM_PAPER_SYMBOLS_MAX)
        return wrong(error, "there are too many symbols; the first beyond the limit", text);
    *symbol = &setup->symbols[setup->world.symbol_count++];
    (*symbol)->rules.fee_maker = (*symbol)->rules.fee_taker = QM_PAPER_ONE / 1000;
    (*symbol)->symbol = qm_paper_setup_keep(setup, name);
    (*symbol)->quote = qm_paper_setup_keep(setup, name + base);
    name[base] = '\0';
    (*symbol)->base = qm_paper_setup_keep(setup, name);
    return setup->arena->failed ? qm_error_no_memory(error) : QM_OK;
}

QmCode
qm_paper_setup_symbols(QmPaperSetup *setup, const char *list, const char *walk, QmError *error)
{
    char *copy = strdup(list);
    char *rest = copy;
    QmCode code = copy == NULL ? qm_error_no_memory(error) : QM_OK;
    char *item;

    while (code == QM_OK && (item = strsep(&rest, ",")) != NULL)
    {
        char *path = strchr(item, '=');
        QmPaperSymbolOptions *symbol;

        if (path != NULL)
            *path++ = '\0';
        code = qm_paper_setup_symbol(setup, item, &symbol, error);
        if (code == QM_OK && path != NULL)
            symbol->source.path = qm_paper_setup_keep(setup, path);
        if (code == QM_OK && walk != NULL && (!qm_paper_read(walk, &symbol->source.start) || symbol->source.start == 0))
            code = wrong(error, "this is no price", walk);
    }
    free(copy);
    return code;
}

/* qm_paper_setup_deposit sets what an account begins with of an asset. */
QmCode
qm_paper_setup_deposit(QmPaperSetup *setup, int account, const char *asset, QmPaperDecimal amount, QmError *error)
{
    QmPaperAccountOptions *options = &setup->accounts[account];
    int at = 0;

    while (at < options->deposit_count && strcmp(setup->deposits[account][at].asset, asset) != 0)
        at++;
    if (at == QM_PAPER_DEPOSITS_MAX)
        return wrong(error, "there are too many balances; the first beyond the limit", asset);
    setup->deposits[account][at] = (QmPaperDeposit){qm_paper_setup_keep(setup, asset), amount};
    if (at == options->deposit_count)
        options->deposit_count++;
    options->deposits = setup->deposits[account];
    return setup->arena->failed ? qm_error_no_memory(error) : QM_OK;
}

QmCode
qm_paper_setup_balances(QmPaperSetup *setup, const char *list, QmError *error)
{
    char *copy = strdup(list);
    char *rest = copy;
    QmCode code = copy == NULL ? qm_error_no_memory(error) : QM_OK;
    char *item;

    while (code == QM_OK && (item = strsep(&rest, ",")) != NULL)
    {
        char *amount = strchr(item, '=');
        QmPaperDecimal value;

        if (amount == NULL || amount == item || !qm_paper_read(amount + 1, &value))
        {
            code = wrong(error, "this is no balance such as USDT=1000", item);
            break;
        }
        *amount = '\0';
        for (int i = 0; code == QM_OK && i < setup->world.account_count; i++)
            code = qm_paper_setup_deposit(setup, i, item, value, error);
    }
    free(copy);
    return code;
}

QmCode
qm_paper_setup_account(QmPaperSetup *setup, const char *name, const char *key, const char *secret, QmError *error)
{
    QmPaperAccountOptions *account = &setup->accounts[setup->world.account_count];

    for (int i = 0; i < setup->world.account_count; i++)
        if (strcmp(setup->accounts[i].name, name) == 0)
            account = &setup->accounts[i];
    if (account == &setup->accounts[QM_PAPER_ACCOUNTS_MAX])
        return wrong(error, "there are too many accounts; the first beyond the limit", name);
    if (account == &setup->accounts[setup->world.account_count])
        setup->world.account_count++;
    account->name = qm_paper_setup_keep(setup, name);
    account->key = qm_paper_setup_keep(setup, key);
    account->secret = qm_paper_setup_keep(setup, secret);
    return setup->arena->failed ? qm_error_no_memory(error) : QM_OK;
}

QmCode
qm_paper_setup_finish(QmPaperSetup *setup, QmError *error)
{
    QmPaperSymbolOptions *symbol;
    QmCode code = QM_OK;

    if (setup->world.symbol_count == 0)
        code = qm_paper_setup_symbol(setup, "BTC/USDT", &symbol, error);
    if (code == QM_OK && setup->world.account_count == 0)
        code = qm_paper_setup_account(setup, "main", "paper", "paper", error);
    for (int i = 0; code == QM_OK && i < setup->world.symbol_count; i++)
    {
        symbol = &setup->symbols[i];
        if (symbol->source.path == NULL && symbol->source.start == 0)
            symbol->source.start = INT64_C(50000) * QM_PAPER_ONE;
        fill_rules(symbol);
        for (int j = 0; code == QM_OK && j < setup->world.account_count; j++)
        {
            bool any = false;

            for (int k = 0; k < setup->accounts[j].deposit_count; k++)
                any = any || strcmp(setup->deposits[j][k].asset, symbol->quote) == 0;
            if (!any)
                code = qm_paper_setup_deposit(setup, j, symbol->quote, INT64_C(100000) * QM_PAPER_ONE, error);
        }
    }
    if (code == QM_OK && setup->world.speed == 0 && setup->world.followers < 1)
        setup->world.followers = 1;
    return code;
}

/* fill_rules sets the filters that were left out: those of a coin with a price like that of the walk, else of bitcoin. */
static void
fill_rules(QmPaperSymbolOptions *symbol)
{
    QmPaperRules *rules = &symbol->rules;

    if (rules->tick == 0)
    {
        rules->tick = QM_PAPER_ONE / 100;
        while (symbol->source.start > 0 && rules->tick > 1 && symbol->source.start / rules->tick < 10000)
            rules->tick /= 10;
    }
    if (rules->step == 0)
        rules->step = QM_PAPER_ONE / 100000;
    if (rules->price_min == 0)
        rules->price_min = rules->tick;
    if (rules->price_max == 0)
        rules->price_max = INT64_C(10000000) * QM_PAPER_ONE;
    if (rules->quantity_min == 0)
        rules->quantity_min = rules->step;
    if (rules->quantity_max == 0)
        rules->quantity_max = INT64_C(9000) * QM_PAPER_ONE;
    if (rules->notional_min == 0)
        rules->notional_min = 5 * QM_PAPER_ONE;
    if (rules->orders_max == 0)
        rules->orders_max = ORDERS_MAX_DEFAULT;
    if (symbol->spread == 0)
        symbol->spread = 2 * rules->tick;
}

QmCode
qm_paper_setup_faults(const QmPaperSetup *setup, QmPaperWorld *world, QmError *error)
{
    json_t *there = qm_paper_fault_list(world);
    bool has_come_back = json_array_size(there) > 0; /* from its journal, with its faults */
    json_t *each;
    size_t i;

    json_decref(there);
    if (has_come_back)
        return QM_OK;
    json_array_foreach(setup->faults, i, each)
    {
        QmPaperFault fault;
        QmCode code = qm_paper_fault_read(world, each, &fault, error);
        int id;

        if (code == QM_OK)
            code = qm_paper_fault_add(world, &fault, &id, error);
        if (code != QM_OK)
            return code;
    }
    return QM_OK;
}
