/*
 * Parameters of a request to the paper exchange.
 */
#include "paper_params.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

static bool add_pair(QmPaperParams *params, const char *text, const char *end, size_t before);
static char *decoded(QmPaperParams *params, const char *text, size_t length);
static int hex(char digit);
static char *with_quoted_numbers(const char *text);
static bool add_json(QmPaperParams *params, const char *name, const json_t *value);

/*
 * qm_paper_params_read adds what stands in a query or a form body. A name that is
 * there already keeps its value: the query is read first, and wins. False without memory.
 */
bool
qm_paper_params_read(QmPaperParams *params, const char *text, size_t length)
{
    const char *end = text + length;
    size_t before = params->count;
    bool good = true;

    while (good && text < end)
    {
        const char *stop = memchr(text, '&', (size_t) (end - text));

        if (stop == NULL)
            stop = end;
        if (stop > text)
            good = add_pair(params, text, stop, before);
        text = stop + 1;
    }
    return good;
}

/* add_pair adds a name and its value; those from before on stand in the same text. */
static bool
add_pair(QmPaperParams *params, const char *text, const char *end, size_t before)
{
    const char *equals = memchr(text, '=', (size_t) (end - text));
    const char *name_end = equals != NULL ? equals : end;
    char *name = decoded(params, text, (size_t) (name_end - text));
    char *value = equals != NULL ? decoded(params, equals + 1, (size_t) (end - equals - 1)) : strdup("");
    bool good = name != NULL && value != NULL;

    for (size_t i = before; good && i < params->count; i++)
        params->duplicate = params->duplicate || strcmp(params->names[i], name) == 0;
    if (good && qm_paper_param(params, name) == NULL)
        good = qm_paper_param_set(params, name, value);
    free(name);
    free(value);
    return good;
}

/* decoded undoes percent-encoding. NULL: no memory. */
static char *
decoded(QmPaperParams *params, const char *text, size_t length)
{
    char *out = malloc(length + 1);
    size_t size = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < length; i++)
    {
        char byte = text[i] == '+' ? ' ' : text[i];

        if (text[i] == '%')
        {
            int high = length - i > 2 ? hex(text[i + 1]) : -1;
            int low = length - i > 2 ? hex(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                params->malformed = true;
            else
            {
                byte = (char) (high * 16 + low);
                i += 2;
            }
        }
        if (byte == '\0')
            params->malformed = true;
        else
            out[size++] = byte;
    }
    out[size] = '\0';
    return out;
}

static int
hex(char digit)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit);

    return at == NULL ? -1 : (int) ((at - digits) % 16);
}

/* qm_paper_param_set adds a parameter; too many are noted, not added. False without memory. */
bool
qm_paper_param_set(QmPaperParams *params, const char *name, const char *value)
{
    char *own_name;
    char *own_value;

    if (params->count == QM_PAPER_PARAMS_MAX)
    {
        params->too_many = true;
        return true;
    }
    own_name = strdup(name);
    own_value = strdup(value);
    if (own_name == NULL || own_value == NULL)
    {
        free(own_name);
        free(own_value);
        return false;
    }
    params->names[params->count] = own_name;
    params->values[params->count++] = own_value;
    return true;
}

/* qm_paper_param returns the value of a parameter, NULL when it was not given. */
const char *
qm_paper_param(const QmPaperParams *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++)
        if (strcmp(params->names[i], name) == 0)
            return params->values[i];
    return NULL;
}

/* qm_paper_params_free frees what was read. */
void
qm_paper_params_free(QmPaperParams *params)
{
    for (size_t i = 0; i < params->count; i++)
    {
        free(params->names[i]);
        free(params->values[i]);
    }
    memset(params, 0, sizeof(*params));
}

/*
 * qm_paper_params_json adds the members of "params" of a JSON request. Numbers are
 * taken as they are written: what was signed is their text. False without memory.
 */
bool
qm_paper_params_json(QmPaperParams *params, const char *request)
{
    char *quoted = with_quoted_numbers(request);
    json_t *root = quoted == NULL ? NULL : json_loads(quoted, 0, NULL);
    const char *name;
    json_t *value;
    bool good = quoted != NULL;

    json_object_foreach(json_object_get(root, "params"), name, value)
    {
        good = good && add_json(params, name, value);
    }
    json_decref(root);
    free(quoted);
    return good;
}

/* with_quoted_numbers writes a JSON text anew with its numbers as strings. NULL: no memory. */
static char *
with_quoted_numbers(const char *text)
{
    char *out = malloc(3 * strlen(text) + 1);
    size_t size = 0;

    while (out != NULL && *text != '\0')
    {
        size_t length = 1;
        bool number = strchr("-0123456789", *text) != NULL;

        if (*text == '"')
        {
            while (text[length] != '"' && text[length] != '\0')
                length += text[length] == '\\' && text[length + 1] != '\0' ? 2 : 1;
            length += text[length] == '"';
        }
        else if (number)
            length = strspn(text, "-+.0123456789eE");
        if (number)
            out[size++] = '"';
        memcpy(out + size, text, length);
        size += length;
        if (number)
            out[size++] = '"';
        text += length;
    }
    if (out != NULL)
        out[size] = '\0';
    return out;
}

/* add_json adds a member: a text as it is, truth values as words, lists and objects as compact JSON; null is not given. */
static bool
add_json(QmPaperParams *params, const char *name, const json_t *value)
{
    char *dumped;
    bool good;

    if (json_is_string(value))
        return qm_paper_param_set(params, name, json_string_value(value));
    if (json_is_null(value))
        return true;
    dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    good = dumped != NULL && qm_paper_param_set(params, name, dumped);
    free(dumped);
    return good;
}

/*
 * qm_paper_params_sorted returns what a WebSocket request's signature covers: all
 * parameters but the signature, by name; the values as they are, or percent-encoded.
 * NULL: no memory.
 */
char *
qm_paper_params_sorted(const QmPaperParams *params, bool encode)
{
    QmJson text = {0};
    bool used[QM_PAPER_PARAMS_MAX] = {false};

    qm_json_add(&text, "");
    for (size_t round = 0; round < params->count; round++)
    {
        size_t least = params->count;
        char *encoded = NULL;

        for (size_t i = 0; i < params->count; i++)
            if (!used[i] && (least == params->count || strcmp(params->names[i], params->names[least]) < 0))
                least = i;
        used[least] = true;
        if (strcmp(params->names[least], "signature") == 0)
            continue;
        if (encode && (encoded = qm_paper_encode(params->values[least])) == NULL)
            text.failed = true;
        if (text.len > 0)
            qm_json_add(&text, "&");
        qm_json_add(&text, params->names[least]);
        qm_json_add(&text, "=");
        qm_json_add(&text, encode && encoded != NULL ? encoded : params->values[least]);
        free(encoded);
    }
    if (text.failed)
        qm_json_free(&text);
    return text.text;
}
