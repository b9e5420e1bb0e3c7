/*
 * Arguments of order functions. What a programmer got wrong is 22004 (NULL) or
 * 22023, and the message names the argument; nothing has been changed by then.
 * Values are not repeated in full, since they can be of any length.
 */
#include "order_argument.h"

#include "amount.h"
#include "compat.h"
#include "lib/stringinfo.h"
#include "market_number.h"
#include "mb/pg_wchar.h"
#include "rights.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static char *read_text(FunctionCallInfo fcinfo, int arg, const char *name, int min_len, int max_len);
static char *read_market_name(FunctionCallInfo fcinfo, int arg, const char *name);
static void refuse_null(FunctionCallInfo fcinfo, int arg, const char *name);
static bool is_control(char byte);
static bool is_forbidden(char byte);

/* qm_arg_account reads an account; 42501 when the caller may not trade it. */
char *
qm_arg_account(FunctionCallInfo fcinfo, int arg)
{
    char *account = read_market_name(fcinfo, arg, "account");

    qm_rights_check_account(account);
    return account;
}

/* qm_arg_symbol reads a symbol. */
char *
qm_arg_symbol(FunctionCallInfo fcinfo, int arg)
{
    return read_market_name(fcinfo, arg, "symbol");
}

/* qm_arg_name reads an id or a name: 1 to QM_NAME_MAX bytes without control characters. */
char *
qm_arg_name(FunctionCallInfo fcinfo, int arg, const char *name)
{
    refuse_null(fcinfo, arg, name);
    return read_text(fcinfo, arg, name, 1, QM_NAME_MAX);
}

/* qm_arg_name_or_null does the same, and returns NULL for NULL. */
char *
qm_arg_name_or_null(FunctionCallInfo fcinfo, int arg, const char *name)
{
    return PG_ARGISNULL(arg) ? NULL : read_text(fcinfo, arg, name, 1, QM_NAME_MAX);
}

/* qm_arg_name_or_empty reads a name that may be empty, and returns NULL for NULL. */
char *
qm_arg_name_or_empty(FunctionCallInfo fcinfo, int arg, const char *name)
{
    return PG_ARGISNULL(arg) ? NULL : read_text(fcinfo, arg, name, 0, QM_NAME_MAX);
}

/*
 * qm_arg_message reads what an exchange said, NULL for NULL. Whatever that is
 * must not fail a report: it is cut off at QM_MESSAGE_MAX, and control
 * characters become blanks.
 */
char *
qm_arg_message(FunctionCallInfo fcinfo, int arg)
{
    char *message;
    int len;

    if (PG_ARGISNULL(arg))
        return NULL;
    message = text_to_cstring(PG_GETARG_TEXT_PP(arg));
    len = (int) strlen(message);
    if (len > QM_MESSAGE_MAX)
        message[pg_mbcliplen(message, len, QM_MESSAGE_MAX)] = '\0';
    for (char *at = message; *at != '\0'; at++)
    {
        if (is_control(*at))
            *at = ' ';
    }
    return message;
}

/* qm_arg_positive reads an integer above zero. */
int64
qm_arg_positive(FunctionCallInfo fcinfo, int arg, const char *name)
{
    int64 value;

    refuse_null(fcinfo, arg, name);
    value = PG_GETARG_INT64(arg);
    if (value <= 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s must be positive, not " INT64_FORMAT, name, value)));
    return value;
}

/* qm_arg_number reads a price or a quantity: positive, below QM_NUMBER_LIMIT, with at most QM_AMOUNT_DECIMALS decimals. */
Numeric
qm_arg_number(FunctionCallInfo fcinfo, int arg, const char *name)
{
    Numeric value;
    QmAmount amount;
    QmAmount limit = 1;

    refuse_null(fcinfo, arg, name);
    value = PG_GETARG_NUMERIC(arg);
    for (int i = 0; i < 2 * QM_AMOUNT_DECIMALS; i++)
        limit *= 10;
    if (!qm_amount_from_numeric(value, &amount) || amount <= 0 || amount >= limit)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s must be positive, below %s and have at most %d decimals, not %.60s",
                        name,
                        QM_NUMBER_LIMIT,
                        QM_AMOUNT_DECIMALS,
                        numeric_normalize(value)),
                 errhint("Pass text or a decimal type, not a float.")));
    return value;
}

/* qm_arg_sender reads an instance, NULL for none, and its epoch, 0 for none; an epoch belongs to an instance. */
void
qm_arg_sender(FunctionCallInfo fcinfo, int instance_arg, int epoch_arg, const char **instance, int64 *epoch)
{
    *instance = qm_arg_name_or_null(fcinfo, instance_arg, "instance");
    *epoch = PG_ARGISNULL(epoch_arg) ? 0 : qm_arg_positive(fcinfo, epoch_arg, "epoch");
    if (*epoch != 0 && *instance == NULL)
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("instance must not be null where epoch is given")));
}

/* qm_arg_time_or_null reads a finite time; 0 for NULL. */
TimestampTz
qm_arg_time_or_null(FunctionCallInfo fcinfo, int arg, const char *name)
{
    TimestampTz value;

    if (PG_ARGISNULL(arg))
        return 0;
    value = PG_GETARG_TIMESTAMPTZ(arg);
    if (TIMESTAMP_NOT_FINITE(value))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be finite", name)));
    return value;
}

/* qm_arg_word reads one of the words, in any case, and returns its number. */
int
qm_arg_word(FunctionCallInfo fcinfo, int arg, const char *name, const char *const *words, int nwords)
{
    StringInfoData list;
    char *value;

    refuse_null(fcinfo, arg, name);
    value = text_to_cstring(PG_GETARG_TEXT_PP(arg));
    for (int i = 0; i < nwords; i++)
    {
        if (pg_strcasecmp(value, words[i]) == 0)
            return i;
    }
    initStringInfo(&list);
    for (int i = 0; i < nwords; i++)
        appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", words[i]);
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("unknown %s \"%.*s\"", name, pg_mbcliplen(value, (int) strlen(value), 60), value),
             errdetail("It must be one of: %s.", list.data)));
    return -1;
}

/* qm_is_market_name says whether the bytes can name an account or a symbol. */
bool
qm_is_market_name(const char *text, size_t len)
{
    if (len < 1 || len > QM_MARKET_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
    {
        if (is_forbidden(text[i]) || text[i] == ':' || text[i] == '*')
            return false;
    }
    return true;
}

/* read_market_name reads what market names are made of, which stands between colons in lock keys. */
static char *
read_market_name(FunctionCallInfo fcinfo, int arg, const char *name)
{
    char *value;

    refuse_null(fcinfo, arg, name);
    value = read_text(fcinfo, arg, name, 1, QM_MARKET_NAME_MAX);
    if (strpbrk(value, ":*") != NULL)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s \"%s\" is not valid", name, value),
                 errdetail("It must not contain a colon or an asterisk.")));
    return value;
}

/* read_text reads text of that many bytes without control characters. */
static char *
read_text(FunctionCallInfo fcinfo, int arg, const char *name, int min_len, int max_len)
{
    const text *value = PG_GETARG_TEXT_PP(arg);
    int len = (int) VARSIZE_ANY_EXHDR(value);

    if (len < min_len || len > max_len)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s must have %d to %d bytes, not %d", name, min_len, max_len, len)));
    for (int i = 0; i < len; i++)
    {
        if (is_forbidden(VARDATA_ANY(value)[i]))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("%s must not contain quotes, backslashes or control characters", name)));
    }
    return text_to_cstring(value);
}

/* refuse_null errors with 22004 when the argument is NULL. */
static void
refuse_null(FunctionCallInfo fcinfo, int arg, const char *name)
{
    if (PG_ARGISNULL(arg))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
}

/* is_control says whether the byte is an ASCII control character. */
static bool
is_control(char byte)
{
    return ((unsigned char) byte < 0x20) || byte == 0x7f;
}

/* is_forbidden says whether the byte has no place in a name: it would need quoting wherever the name is shown. */
static bool
is_forbidden(char byte)
{
    return is_control(byte) || byte == '\'' || byte == '"' || byte == '\\';
}
