/*
 * Arguments of the SQLite store: checked as the extension checks its own, with
 * the same SQLSTATEs and words.
 */
#include "store_sqlite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "error.h"

#define NAME_MAX_BYTES 128
#define MARKET_NAME_MAX_BYTES 64
#define MESSAGE_MAX_BYTES 1024

static const char *check_text(QmSqlite *store, const char *name, const char *value, size_t least, size_t most);

/* qm_book_name returns an id or a name of at least so many bytes. */
const char *
qm_book_name(QmSqlite *store, const char *name, const char *value, size_t least)
{
    if (value == NULL)
    {
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22004", NULL, "%s must not be null", name);
        return "";
    }
    return check_text(store, name, value, least, NAME_MAX_BYTES);
}

/* qm_book_name_or_null does the same, and returns NULL for NULL. */
const char *
qm_book_name_or_null(QmSqlite *store, const char *name, const char *value)
{
    return value == NULL ? NULL : check_text(store, name, value, 1, NAME_MAX_BYTES);
}

/* qm_book_market_name returns an account or a symbol. */
const char *
qm_book_market_name(QmSqlite *store, const char *name, const char *value)
{
    if (value == NULL)
    {
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22004", NULL, "%s must not be null", name);
        return "";
    }
    value = check_text(store, name, value, 1, MARKET_NAME_MAX_BYTES);
    if (strpbrk(value, ":*") != NULL)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "%s \"%s\" is not valid: It must not contain a colon or an asterisk.",
                                name,
                                value);
    return value;
}

/* check_text refuses what is too short, too long, or would need quoting wherever it is shown. */
static const char *
check_text(QmSqlite *store, const char *name, const char *value, size_t least, size_t most)
{
    size_t len = strlen(value);

    if (len < least || len > most)
    {
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "%s must have %zu to %zu bytes, not %zu",
                                name,
                                least,
                                most,
                                len);
        return "";
    }
    for (const char *at = value; *at != '\0'; at++)
    {
        if ((unsigned char) *at < 0x20 || strchr("\x7f'\"\\", *at) != NULL)
        {
            (void) qm_sqlite_refuse(store,
                                    QM_ERROR_ARGUMENT,
                                    "22023",
                                    NULL,
                                    "%s must not contain quotes, backslashes or control characters",
                                    name);
            return "";
        }
    }
    return qm_scratch_copy(value);
}

/* qm_book_word returns which of the words it is, in any case; 0 when it has refused. */
int
qm_book_word(QmSqlite *store, const char *name, const char *value, const char *const *words, int count)
{
    const char *list = "";

    if (value == NULL)
    {
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22004", NULL, "%s must not be null", name);
        return 0;
    }
    for (int i = 0; i < count; i++)
    {
        if (strcasecmp(value, words[i]) == 0)
            return i;
        list = qm_scratch_print("%s%s%s", list, i == 0 ? "" : ", ", words[i]);
    }
    (void) qm_sqlite_refuse(store,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "unknown %s \"%.60s\": It must be one of: %s.",
                            name,
                            value,
                            list);
    return 0;
}

/* qm_book_number returns a price or a quantity: positive, below 10^18, with at most 18 decimals. */
QmDecimal
qm_book_number(QmSqlite *store, const char *name, const char *value)
{
    QmDecimal number;

    if (value == NULL)
    {
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22004", NULL, "%s must not be null", name);
        return qm_decimal_of("1");
    }
    number = qm_book_amount(store, name, value, true);
    if (qm_sqlite_fine(store) && qm_decimal_sign(number) <= 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "%s must be positive, below 1e18 and have at most %d decimals, not %.60s",
                                name,
                                QM_AMOUNT_DECIMALS,
                                value);
    return number;
}

/* qm_book_amount returns a number of that range that may be zero, or negative; NULL for NULL. */
QmDecimal
qm_book_amount(QmSqlite *store, const char *name, const char *value, bool may_be_negative)
{
    QmAmount limit = 1;
    QmAmount amount;
    QmDecimal number;

    if (value == NULL)
        return NULL;
    if (!qm_decimal_is_number(value))
    {
        (void) qm_sqlite_refuse(store, QM_ERROR_ARGUMENT, "22P02", NULL, "%s is no number: \"%.60s\"", name, value);
        return qm_decimal_of("1");
    }
    for (int i = 0; i < 2 * QM_AMOUNT_DECIMALS; i++)
        limit *= 10;
    number = qm_decimal_of(value);
    if (!qm_amount_of(number, &amount) || amount >= limit || amount <= -limit || (amount < 0 && !may_be_negative))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_ARGUMENT,
                                "22023",
                                NULL,
                                "%s must %sbe below 1e18 and have at most %d decimals, not %.60s",
                                name,
                                may_be_negative ? "" : "not be negative, ",
                                QM_AMOUNT_DECIMALS,
                                value);
    return number;
}

/* qm_book_number_text returns a number that was checked as the server writes it: its zeros behind the point stay. */
const char *
qm_book_number_text(const char *value)
{
    const char *point = strchr(value, '.');
    const char *trimmed = qm_decimal_text(qm_decimal_of(value));
    const char *trimmed_point = strchr(trimmed, '.');
    size_t decimals = point == NULL ? 0 : strlen(point + 1);
    size_t kept = trimmed_point == NULL ? 0 : strlen(trimmed_point + 1);

    if (strpbrk(value, "eE") != NULL || decimals <= kept)
        return trimmed;
    return qm_scratch_print("%s%s%s", trimmed, kept == 0 ? "." : "", point + 1 + kept);
}

/* qm_book_message returns what an exchange said, cut off at its limit, without control characters; NULL for NULL. */
const char *
qm_book_message(const char *value)
{
    char *message;

    if (value == NULL)
        return NULL;
    message = qm_scratch(MESSAGE_MAX_BYTES + 1);
    qm_text_copy(message, MESSAGE_MAX_BYTES + 1, value);
    for (char *at = message; *at != '\0'; at++)
    {
        if ((unsigned char) *at < 0x20 || *at == 0x7f)
            *at = ' ';
    }
    return message;
}
