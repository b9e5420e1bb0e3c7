/*
 * Parameters of a call as what they mean, or the error that Binance has for them.
 */
#include "paper_server_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* qm_paper_argument returns a parameter; NULL when it was not given or is empty. */
const char *
qm_paper_argument(QmPaperCall *call, const char *name)
{
    const char *value = qm_paper_param(&call->params, name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* qm_paper_need returns a parameter that has to be there; NULL, and the call has its error. */
const char *
qm_paper_need(QmPaperCall *call, const char *name)
{
    const char *value = qm_paper_argument(call, name);

    if (value == NULL)
        qm_paper_call_error(call,
                            400,
                            -1102,
                            "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
                            name);
    return value;
}

/* qm_paper_need_symbol says whether the call names a symbol that there is. */
bool
qm_paper_need_symbol(QmPaperCall *call)
{
    const char *name = qm_paper_need(call, "symbol");

    if (name == NULL)
        return false;
    call->symbol = qm_paper_symbol_by_name(call->server->world, name);
    if (call->symbol >= 0)
        return true;
    if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(name) || strlen(name) > 20)
        qm_paper_call_error(call,
                            400,
                            -1100,
                            "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.");
    else
        qm_paper_call_error(call, 400, -1121, "Invalid symbol.");
    return false;
}

/* qm_paper_whole reads a whole number that may be left out. */
bool
qm_paper_whole(QmPaperCall *call, const char *name, int64_t otherwise, int64_t *value)
{
    const char *text = qm_paper_argument(call, name);
    size_t length = text == NULL ? 0 : strlen(text);

    *value = otherwise;
    if (text == NULL)
        return true;
    if (length > 18 || strspn(text, "0123456789") != length)
    {
        qm_paper_call_error(call,
                            400,
                            -1100,
                            "Illegal characters found in parameter '%s'; legal range is '^[0-9]{1,20}$'.",
                            name);
        return false;
    }
    *value = strtoll(text, NULL, 10);
    return true;
}

/* qm_paper_decimal reads a decimal that has been given. */
bool
qm_paper_decimal(QmPaperCall *call, const char *name, QmPaperDecimal *value)
{
    const char *text = qm_paper_need(call, name);
    size_t digits;
    const char *point;

    if (text == NULL)
        return false;
    digits = strspn(text, "0123456789.");
    point = strchr(text, '.');
    if (text[digits] != '\0' || text[0] == '.' || digits > 41 ||
        (point != NULL && (point[1] == '\0' || strchr(point + 1, '.') != NULL)))
    {
        qm_paper_call_error(call,
                            400,
                            -1100,
                            "Illegal characters found in parameter '%s'; legal range is "
                            "'^([0-9]{1,20})(\\.[0-9]{1,20})?$'.",
                            name);
        return false;
    }
    if (qm_paper_read(text, value))
        return true;
    if (point != NULL && strlen(point + 1) > 8)
        qm_paper_call_error(call, 400, -1111, "Parameter '%s' has too much precision.", name);
    else
        qm_paper_call_error(call,
                            400,
                            -1102,
                            "Mandatory parameter '%s' was not sent, was empty/null, or malformed.",
                            name);
    return false;
}

/*
 * qm_paper_word returns the index of a parameter's value among words, which end with
 * NULL; -1 when it was not given, and -2 with an error when it is none of them.
 */
int
qm_paper_word(QmPaperCall *call, const char *name, const char *const *words, int code, const char *message)
{
    const char *text = qm_paper_argument(call, name);

    if (text == NULL)
        return -1;
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0)
            return i;
    qm_paper_call_error(call, 400, code, "%s", message);
    return -2;
}
