/*
 * One value: from its text into the field that it belongs to.
 */
#include "config_decimal.h"
#include "config_load.h"
#include "config_text.h"

#include <ctype.h>
#include <string.h>

typedef struct Target
{
    QmLoad *load;
    const QmKey *key;
    void *field;
    const char *text;
    QmFinding *finding;
} Target;

static QmValueResult store_bool(Target target);
static QmValueResult store_number(Target target);
static QmValueResult store_word(Target target);
static QmValueResult store_text(Target target);
static QmValueResult store_text_pointer(Target target);
static QmValueResult wrong(Target target, const char *problem);
static const char *address_problem(const char *text);
static bool read_bool(const char *text, bool *value);
static bool needs_no_space(QmKeyType type);

_Static_assert(sizeof(QmLockType) == sizeof(int) && sizeof(QmMarketKind) == sizeof(int),
               "words are stored as an int where an enum is read");

/*
 * qm_value_store reads a text by the key's type into its field. Empty text, and
 * zero where only more makes sense, are "not set". Where the text is wrong the
 * finding says why; the field is left alone then.
 */
QmValueResult
qm_value_store(QmLoad *load, const QmKey *key, void *field, const char *raw, const char *text, QmFinding *finding)
{
    Target target = {load, key, field, text, finding};

    if (text[0] == '\0')
        return QM_VALUE_UNSET;
    switch (key->type)
    {
        case QM_TYPE_BOOL:
            return store_bool(target);
        case QM_TYPE_INT:
        case QM_TYPE_DECIMAL:
            return store_number(target);
        case QM_TYPE_WORD:
        case QM_TYPE_PICK:
            return store_word(target);
        case QM_TYPE_SECRET:
        case QM_TYPE_DSN:
        {
            QmSecret *secret = field;
            QmValueResult result;

            target.field = &secret->value;
            result = store_text(target);
            if (result == QM_VALUE_STORED)
                secret->shown =
                    key->type == QM_TYPE_DSN ? qm_dsn_shown(load->arena, raw) : qm_secret_shown(load->arena, raw);
            return result;
        }
        default:
            return store_text(target);
    }
}

static QmValueResult
store_bool(Target target)
{
    bool value;

    if (!read_bool(target.text, &value))
        return wrong(target, "neither true nor false");
    *(bool *) target.field = value;
    return QM_VALUE_STORED;
}

static QmValueResult
store_number(Target target)
{
    const QmKey *key = target.key;
    bool positive = (key->flags & QM_KEY_POSITIVE) != 0;
    char decimal[QM_DECIMAL_SIZE];

    switch (qm_decimal_read(target.text, decimal))
    {
        case QM_DECIMAL_FINE:
            break;
        case QM_DECIMAL_NO_NUMBER:
            return wrong(target, "not a number");
        case QM_DECIMAL_LEADING_ZERO:
            return wrong(target, "a number with a leading zero");
        case QM_DECIMAL_TOO_LONG:
            return wrong(target, "a number with too many digits");
    }
    if (positive && strcmp(decimal, "0") == 0)
        return QM_VALUE_UNSET;
    if (qm_decimal_compare_int(decimal, key->type == QM_TYPE_INT ? key->min : 0) < 0 ||
        (key->max > 0 && qm_decimal_compare_int(decimal, key->max) > 0))
        return wrong(target, "out of range");
    if (key->type == QM_TYPE_DECIMAL)
    {
        target.text = decimal;
        return store_text_pointer(target);
    }
    return qm_decimal_to_int(decimal, target.field) ? QM_VALUE_STORED : wrong(target, "not a whole number");
}

static QmValueResult
store_word(Target target)
{
    const QmKey *key = target.key;

    for (int i = 0; key->words[i] != NULL; i++)
    {
        /* 1m is a minute and 1M a month. */
        if (key->type == QM_TYPE_PICK ? strcmp(target.text, key->words[i]) != 0
                                      : !qm_text_is_word(target.text, key->words[i]))
            continue;
        if (key->type == QM_TYPE_PICK)
            *(const char **) target.field = key->words[i];
        else
            memcpy(target.field, &i, sizeof(i));
        return QM_VALUE_STORED;
    }
    for (const char *const *word = key->refused; word != NULL && *word != NULL; word++)
    {
        if (!qm_text_is_word(target.text, *word))
            continue;
        target.finding->hint = key->refused_hint;
        return wrong(target, "not supported");
    }
    for (int i = 0; key->words[i] != NULL; i++)
        if (qm_text_is_near(target.text, key->words[i], qm_text_distance(target.text, key->words[i])))
            target.finding->hint = qm_text_join(target.load->arena, "did you mean ", key->words[i], "?");
    return wrong(target, "not known");
}

static QmValueResult
store_text(Target target)
{
    const char *problem = qm_text_value_problem(target.text, strlen(target.text));

    if (problem != NULL)
        return wrong(target, problem);
    if (needs_no_space(target.key->type) && strchr(target.text, ' ') != NULL)
        return wrong(target, "has a space in it");
    if (target.key->type == QM_TYPE_NAME && strchr(target.text, ':') != NULL)
        return wrong(target, "has a colon in it");
    if (target.key->max > 0 && strlen(target.text) > (size_t) target.key->max)
        return wrong(target, "too long");
    if (target.key->type == QM_TYPE_ADDRESS)
    {
        problem = address_problem(target.text);
        if (problem != NULL)
            return wrong(target, problem);
    }
    return store_text_pointer(target);
}

static QmValueResult
store_text_pointer(Target target)
{
    *(const char **) target.field = qm_arena_text(target.load->arena, target.text, strlen(target.text));
    return QM_VALUE_STORED;
}

static QmValueResult
wrong(Target target, const char *problem)
{
    target.finding->problem = problem;
    return QM_VALUE_WRONG;
}

/* address_problem says why a text is no host:port, or returns NULL. An IPv6 host stands in brackets. */
static const char *
address_problem(const char *text)
{
    const char *colon = strrchr(text, ':');
    char port[QM_DECIMAL_SIZE];

    if (colon == NULL || colon == text)
        return "not a host and a port";
    if (text[0] == '[' ? colon[-1] != ']' : memchr(text, ':', (size_t) (colon - text)) != NULL)
        return "not a host and a port";
    if (!isdigit((unsigned char) colon[1]) || qm_decimal_read(colon + 1, port) != QM_DECIMAL_FINE ||
        strlen(port) != strlen(colon + 1) || qm_decimal_compare_int(port, 1) < 0 ||
        qm_decimal_compare_int(port, 65535) > 0)
        return "not a port";
    return NULL;
}

/* read_bool reads what YAML 1.1 takes for a truth value. */
static bool
read_bool(const char *text, bool *value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "n", "y"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (qm_text_is_word(text, words[i]))
        {
            *value = i % 2 == 1;
            return true;
        }
    return false;
}

static bool
needs_no_space(QmKeyType type)
{
    return type == QM_TYPE_TOKEN || type == QM_TYPE_NAME || type == QM_TYPE_ADDRESS;
}

/* qm_value_is_false tells whether a text is a truth value, and false. */
bool
qm_value_is_false(const char *text)
{
    bool value;

    return read_bool(text, &value) && !value;
}

/* qm_value_matches tells whether a text could be a value of this type, where we do not use it. */
bool
qm_value_matches(const QmKey *key, const char *text)
{
    char decimal[QM_DECIMAL_SIZE];
    bool value;

    if (strstr(text, "${") != NULL)
        return true;
    if (key->type == QM_TYPE_BOOL)
        return read_bool(text, &value);
    if (key->type == QM_TYPE_INT || key->type == QM_TYPE_DECIMAL)
        return qm_decimal_read(text, decimal) == QM_DECIMAL_FINE &&
               (key->type == QM_TYPE_DECIMAL || strchr(decimal, '.') == NULL);
    return true;
}

/* qm_value_size returns the bytes of a field of this type. */
size_t
qm_value_size(QmKeyType type)
{
    switch (type)
    {
        case QM_TYPE_BOOL:
            return sizeof(bool);
        case QM_TYPE_INT:
        case QM_TYPE_WORD:
            return sizeof(int);
        case QM_TYPE_SECRET:
        case QM_TYPE_DSN:
            return sizeof(QmSecret);
        case QM_TYPE_NAMES:
        case QM_TYPE_ADDRESSES:
            return sizeof(QmTextList);
        default:
            return sizeof(const char *);
    }
}
