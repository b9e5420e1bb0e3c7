/*
 * The file that sets a paper exchange up. What is misspelt is an error: a run that
 * looks like another is worse than none.
 */
#include "paper_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

#define SECRET_MAX 256

typedef enum Kind
{
    KIND_INT,
    KIND_INT64,
    KIND_UINT64,
    KIND_DECIMAL, /* a text */
    KIND_TEXT,
    KIND_FLAG,
    KIND_OTHER /* read elsewhere */
} Kind;

/* A member that an object may have, and where it goes. */
typedef struct Member
{
    const char *name;
    Kind kind;
    size_t offset;
} Member;

static QmCode read_accounts(QmPaperSetup *setup, const json_t *list, QmError *error);
static QmCode read_symbols(QmPaperSetup *setup, const json_t *list, QmError *error);

/* wrong says what is wrong with a member. */
static QmCode
wrong(QmError *error, const char *name, const char *what)
{
    return qm_error_set(error,
                        QM_ERROR_ARGUMENT,
                        "22023",
                        "docs/paper.md lists what the file takes.",
                        "\"%s\" %s",
                        name,
                        what);
}

/* read_value reads one value into its place; false: it is of another kind. */
static bool
read_value(QmPaperSetup *setup, const json_t *value, Kind kind, void *place)
{
    switch (kind)
    {
        case KIND_INT:
            *(int *) place = (int) json_integer_value(value);
            return json_is_integer(value) && json_integer_value(value) >= -1 && json_integer_value(value) <= INT32_MAX;
        case KIND_INT64:
            *(int64_t *) place = json_integer_value(value);
            return json_is_integer(value) && json_integer_value(value) >= 0;
        case KIND_UINT64:
            *(uint64_t *) place = (uint64_t) json_integer_value(value);
            return json_is_integer(value) && json_integer_value(value) >= 0;
        case KIND_DECIMAL:
            return json_is_string(value) && qm_paper_read(json_string_value(value), place);
        case KIND_TEXT:
            *(const char **) place = qm_paper_setup_keep(setup, json_string_value(value));
            return json_is_string(value);
        case KIND_FLAG:
            *(bool *) place = json_is_true(value);
            return json_is_boolean(value);
        case KIND_OTHER:
            return true;
    }
    return false;
}

/* read_members reads an object's members into a struct. */
static QmCode
read_members(QmPaperSetup *setup, const json_t *object, const Member *members, void *into, QmError *error)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *) (uintptr_t) object, name, value)
    {
        const Member *member = members;

        while (member->name != NULL && strcmp(member->name, name) != 0)
            member++;
        if (member->name == NULL)
            return wrong(error, name, "is nothing that can be set here");
        if (!read_value(setup, value, member->kind, (char *) into + member->offset))
            return wrong(error, name, "is of the wrong kind: decimals are strings, counts and times are numbers");
    }
    return QM_OK;
}

/* qm_paper_setup_file reads the file. */
QmCode
qm_paper_setup_file(QmPaperSetup *setup, const char *path, QmError *error)
{
#define WORLD(field) offsetof(QmPaperSetup, world.field)
#define SERVER(field) offsetof(QmPaperSetup, server.field)
    static const Member members[] = {
        {"seed", KIND_UINT64, WORLD(seed)},
        {"speed", KIND_INT, WORLD(speed)},
        {"followers", KIND_INT, WORLD(followers)},
        {"start_ms", KIND_INT64, WORLD(start_ms)},
        {"keep", KIND_INT, WORLD(keep)},
        {"archive", KIND_INT, WORLD(archive)},
        {"journal", KIND_TEXT, WORLD(journal)},
        {"audit", KIND_TEXT, WORLD(audit)},
        {"weight_max", KIND_INT, SERVER(weight_max)},
        {"orders_10s_max", KIND_INT, SERVER(orders_10s_max)},
        {"orders_day_max", KIND_INT, SERVER(orders_day_max)},
        {"stream_life_ms", KIND_INT64, SERVER(stream_life_ms)},
        {"ping_ms", KIND_INT64, SERVER(ping_ms)},
        {"listen_key_ms", KIND_INT64, SERVER(listen_key_ms)},
        {"accounts", KIND_OTHER, 0},
        {"symbols", KIND_OTHER, 0},
        {"faults", KIND_OTHER, 0},
        {NULL, KIND_OTHER, 0},
    };
    json_error_t where;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    QmCode code;

    if (root == NULL)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "%s, line %d: %s", path, where.line, where.text);
    code = json_is_object(root) ? read_members(setup, root, members, setup, error)
                                : wrong(error, path, "does not hold an object");
    if (code == QM_OK)
        code = read_accounts(setup, json_object_get(root, "accounts"), error);
    if (code == QM_OK)
        code = read_symbols(setup, json_object_get(root, "symbols"), error);
    setup->faults = json_incref(json_object_get(root, "faults"));
    if (code == QM_OK && setup->faults != NULL && !json_is_array(setup->faults))
        code = wrong(error, "faults", "is no list");
    json_decref(root);
    return code;
}

/* read_secret reads the first line of a file; false, and error says why. */
static bool
read_secret(const char *path, char secret[SECRET_MAX], QmError *error)
{
    FILE *file = fopen(path, "r");
    bool good = file != NULL && fgets(secret, SECRET_MAX, file) != NULL;

    if (file != NULL)
        fclose(file);
    if (!good)
    {
        qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "the secret cannot be read from %s", path);
        return false;
    }
    secret[strcspn(secret, "\r\n")] = '\0';
    return true;
}

/* read_accounts reads the accounts and what they begin with. */
static QmCode
read_accounts(QmPaperSetup *setup, const json_t *list, QmError *error)
{
    typedef struct Account
    {
        const char *name, *key, *secret, *secret_file;
    } Account;
    static const Member members[] = {
        {"name", KIND_TEXT, offsetof(Account, name)},
        {"key", KIND_TEXT, offsetof(Account, key)},
        {"secret", KIND_TEXT, offsetof(Account, secret)},
        {"secret_file", KIND_TEXT, offsetof(Account, secret_file)},
        {"balances", KIND_OTHER, 0},
        {NULL, KIND_OTHER, 0},
    };
    QmCode code = list == NULL || json_is_array(list) ? QM_OK : wrong(error, "accounts", "is no list");

    for (size_t i = 0; code == QM_OK && i < json_array_size(list); i++)
    {
        const json_t *each = json_array_get(list, i);
        char secret[SECRET_MAX];
        Account account = {0};
        const char *asset;
        json_t *amount;

        code = read_members(setup, each, members, &account, error);
        if (code == QM_OK && account.secret_file != NULL)
        {
            if (!read_secret(account.secret_file, secret, error))
                return QM_ERROR_ARGUMENT;
            account.secret = secret;
        }
        if (code == QM_OK && (account.name == NULL || account.key == NULL || account.secret == NULL))
            code = wrong(error, "accounts", "needs a name, a key and a secret for each");
        if (code == QM_OK)
            code = qm_paper_setup_account(setup, account.name, account.key, account.secret, error);
        json_object_foreach(json_object_get(each, "balances"), asset, amount)
        {
            QmPaperDecimal value = 0;

            if (code == QM_OK && !read_value(setup, amount, KIND_DECIMAL, &value))
                code = wrong(error, asset, "has a balance that is no decimal in a string");
            if (code == QM_OK)
                code = qm_paper_setup_deposit(setup, (int) i, asset, value, error);
        }
    }
    return code;
}

/* read_symbols reads the symbols, their data and their rules. */
static QmCode
read_symbols(QmPaperSetup *setup, const json_t *list, QmError *error)
{
#define SYMBOL(field) offsetof(QmPaperSymbolOptions, field)
    static const Member members[] = {
        {"symbol", KIND_OTHER, 0},
        {"data", KIND_TEXT, SYMBOL(source.path)},
        {"walk", KIND_DECIMAL, SYMBOL(source.start)},
        {"volatility_ppm", KIND_INT, SYMBOL(source.volatility_ppm)},
        {"volume", KIND_DECIMAL, SYMBOL(source.volume)},
        {"candles", KIND_INT, SYMBOL(source.count)},
        {"history", KIND_INT, SYMBOL(source.history)},
        {"steps", KIND_INT, SYMBOL(steps)},
        {"spread", KIND_DECIMAL, SYMBOL(spread)},
        {"bounded", KIND_FLAG, SYMBOL(is_bounded)},
        {"tick", KIND_DECIMAL, SYMBOL(rules.tick)},
        {"step", KIND_DECIMAL, SYMBOL(rules.step)},
        {"min_quantity", KIND_DECIMAL, SYMBOL(rules.quantity_min)},
        {"max_quantity", KIND_DECIMAL, SYMBOL(rules.quantity_max)},
        {"min_notional", KIND_DECIMAL, SYMBOL(rules.notional_min)},
        {"max_orders", KIND_INT, SYMBOL(rules.orders_max)},
        {"maker_fee", KIND_DECIMAL, SYMBOL(rules.fee_maker)},
        {"taker_fee", KIND_DECIMAL, SYMBOL(rules.fee_taker)},
        {NULL, KIND_OTHER, 0},
    };
    QmCode code = list == NULL || json_is_array(list) ? QM_OK : wrong(error, "symbols", "is no list");

    for (size_t i = 0; code == QM_OK && i < json_array_size(list); i++)
    {
        const json_t *each = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(each, "symbol"));
        QmPaperSymbolOptions *symbol;

        if (name == NULL)
            return wrong(error, "symbols", "needs a symbol for each");
        code = qm_paper_setup_symbol(setup, name, &symbol, error);
        if (code == QM_OK)
            code = read_members(setup, each, members, symbol, error);
    }
    return code;
}
