/*
 * Reading JSON of Binance: fields of the right type, or a fault that names the
 * field. An amount is a string of digits: a JSON number would have gone through
 * binary floating point somewhere, and is refused.
 */
#include "binance_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DECIMAL_MAX 40 /* bytes */
#define TEXT_MAX 256   /* bytes of a name, an id, a word */

static const json_t *field(QmBinanceJson *json, const json_t *in, const char *name, bool needed);
static const char *checked_text(QmBinanceJson *json, const json_t *value, const char *name);
static const char *checked_decimal(QmBinanceJson *json, const char *text, const char *name);

/* qm_binance_json_parse reads a document; false, with a fault, when it is none. */
bool
qm_binance_json_parse(QmBinanceJson *json, const char *text, size_t length)
{
    json_error_t error;

    json->fault[0] = '\0';
    json->root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (json->root == NULL)
        /* jansson's own text would quote the document. */
        qm_binance_json_fault(json, "no JSON, at byte %d of %zu", error.position, length);
    return json->root != NULL;
}

/* qm_binance_json_free frees a document; what was read of it is gone. */
void
qm_binance_json_free(QmBinanceJson *json)
{
    json_decref(json->root);
    json->root = NULL;
}

/* qm_binance_json_fault notes what is wrong; only the first fault counts. */
void
qm_binance_json_fault(QmBinanceJson *json, const char *format, ...)
{
    va_list arguments;

    if (json->fault[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(json->fault, sizeof(json->fault), format, arguments);
    va_end(arguments);
}

/* field returns a field that is there and not null, or NULL. */
static const json_t *
field(QmBinanceJson *json, const json_t *in, const char *name, bool needed)
{
    const json_t *value;

    if (json->fault[0] != '\0')
        return NULL;
    if (!json_is_object(in))
    {
        qm_binance_json_fault(json, "what should have \"%s\" is no object", name);
        return NULL;
    }
    value = json_object_get(in, name);
    if (json_is_null(value))
        value = NULL;
    if (value == NULL && needed)
        qm_binance_json_fault(json, "\"%s\" is missing", name);
    return value;
}

/* qm_binance_json_object returns a field that has to be an object. */
const json_t *
qm_binance_json_object(QmBinanceJson *json, const json_t *in, const char *name)
{
    const json_t *value = field(json, in, name, true);

    if (value != NULL && !json_is_object(value))
        qm_binance_json_fault(json, "\"%s\" is no object", name);
    return json->fault[0] == '\0' ? value : NULL;
}

/* qm_binance_json_list returns a field that has to be a list. */
const json_t *
qm_binance_json_list(QmBinanceJson *json, const json_t *in, const char *name)
{
    const json_t *value = field(json, in, name, true);

    if (value != NULL && !json_is_array(value))
        qm_binance_json_fault(json, "\"%s\" is no list", name);
    return json->fault[0] == '\0' ? value : NULL;
}

static const char *
checked_text(QmBinanceJson *json, const json_t *value, const char *name)
{
    if (value == NULL)
        return NULL;
    if (!json_is_string(value))
        qm_binance_json_fault(json, "\"%s\" is no text", name);
    else if (json_string_length(value) > TEXT_MAX)
        qm_binance_json_fault(json, "\"%s\" is longer than %d bytes", name, TEXT_MAX);
    else
        return json_string_value(value);
    return NULL;
}

/* qm_binance_json_text returns a text that has to be there. */
const char *
qm_binance_json_text(QmBinanceJson *json, const json_t *in, const char *name)
{
    return checked_text(json, field(json, in, name, true), name);
}

/* qm_binance_json_text_if returns a text, or NULL when there is none. */
const char *
qm_binance_json_text_if(QmBinanceJson *json, const json_t *in, const char *name)
{
    return checked_text(json, field(json, in, name, false), name);
}

static const char *
checked_decimal(QmBinanceJson *json, const char *text, const char *name)
{
    size_t digits, length;
    const char *rest;

    if (text == NULL)
        return NULL;
    length = strlen(text);
    rest = text + (text[0] == '-');
    digits = strspn(rest, "0123456789");
    rest += digits;
    if (digits > 0 && rest[0] == '.')
    {
        digits = strspn(rest + 1, "0123456789");
        rest += 1 + digits;
    }
    if (digits > 0 && rest[0] == '\0' && length <= DECIMAL_MAX)
        return text;
    qm_binance_json_fault(json, "\"%s\" is no amount", name);
    return NULL;
}

/* qm_binance_json_decimal returns an amount that has to be there. */
const char *
qm_binance_json_decimal(QmBinanceJson *json, const json_t *in, const char *name)
{
    return checked_decimal(json, qm_binance_json_text(json, in, name), name);
}

/* qm_binance_json_decimal_if returns an amount, or the other when there is none. */
const char *
qm_binance_json_decimal_if(QmBinanceJson *json, const json_t *in, const char *name, const char *otherwise)
{
    const char *text = qm_binance_json_text_if(json, in, name);

    return text == NULL ? otherwise : checked_decimal(json, text, name);
}

/* qm_binance_json_number returns a whole number that has to be there. */
int64_t
qm_binance_json_number(QmBinanceJson *json, const json_t *in, const char *name)
{
    const json_t *value = field(json, in, name, true);

    if (value != NULL && !json_is_integer(value))
        qm_binance_json_fault(json, "\"%s\" is no whole number", name);
    return json->fault[0] == '\0' ? json_integer_value(value) : 0;
}

/* qm_binance_json_number_if returns a whole number, or the other when there is none. */
int64_t
qm_binance_json_number_if(QmBinanceJson *json, const json_t *in, const char *name, int64_t otherwise)
{
    if (field(json, in, name, false) == NULL)
        return otherwise;
    return qm_binance_json_number(json, in, name);
}

/* qm_binance_json_time_us returns a time, given in milliseconds, in microseconds. */
int64_t
qm_binance_json_time_us(QmBinanceJson *json, const json_t *in, const char *name)
{
    int64_t ms = qm_binance_json_number(json, in, name);

    if (ms < 0 || ms > INT64_MAX / 1000)
    {
        qm_binance_json_fault(json, "\"%s\" is no time", name);
        return 0;
    }
    return ms * 1000;
}

/* qm_binance_json_flag returns a truth value that has to be there. */
bool
qm_binance_json_flag(QmBinanceJson *json, const json_t *in, const char *name)
{
    const json_t *value = field(json, in, name, true);

    if (value != NULL && !json_is_boolean(value))
        qm_binance_json_fault(json, "\"%s\" is neither true nor false", name);
    return json->fault[0] == '\0' && json_is_true(value);
}

/* qm_binance_json_id returns a whole number as text, written to out. */
const char *
qm_binance_json_id(QmBinanceJson *json, const json_t *in, const char *name, char out[QM_ID_SIZE])
{
    int64_t number = qm_binance_json_number(json, in, name);

    if (json->fault[0] != '\0')
        return NULL;
    snprintf(out, QM_ID_SIZE, "%" PRId64, number);
    return out;
}
