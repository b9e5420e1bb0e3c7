/*
 * Secrets: how they may be shown.
 *
 * What is shown is written as in a file, so that it can be loaded again:
 * references stay, all else is masked. In doubt more is masked than need be.
 */
#include "config_load.h"
#include "config_text.h"

#include <stdint.h>
#include <string.h>

#define UNMASKED SIZE_MAX

static bool has_default(const char *text);
static bool has_whole_references(const char *text);
static bool is_reference(const char *text, size_t len);
static size_t step(const char *text);
static const char *uri_shown(QmArena *arena, const char *raw, const char *authority);
static const char *parameters_shown(QmArena *arena, const char *raw);
static const char *conninfo_shown(QmArena *arena, const char *raw);
static bool is_quoted_reference(const char *text, size_t len);
static size_t skip_spaces(const char *text);
static size_t conninfo_value(const char *text);
static bool is_secret_word(const char *word, size_t len);
static const char *mask(QmArena *arena, const char *text, size_t from, size_t to);

/* qm_secret_shown returns a secret as it may be shown: as it is where it only refers to something. */
const char *
qm_secret_shown(QmArena *arena, const char *raw)
{
    size_t len = strlen(raw);

    return len == 0 || is_reference(raw, len) ? qm_arena_text(arena, raw, len) : QM_CONFIG_MASK;
}

/*
 * qm_dsn_shown returns the address of a database without its passwords: a URI,
 * a conninfo of keywords and values, or the name of a file. What is none of them,
 * or has a default in it that may be an address itself, is masked altogether.
 */
const char *
qm_dsn_shown(QmArena *arena, const char *raw)
{
    bool uri = strncmp(raw, "postgresql://", 13) == 0 || strncmp(raw, "postgres://", 11) == 0;
    const char *shown;

    if (is_reference(raw, strlen(raw)) || (strstr(raw, "://") == NULL && strpbrk(raw, "=@") == NULL))
        return qm_arena_text(arena, raw, strlen(raw));
    if (has_default(raw))
        return QM_CONFIG_MASK;
    shown = uri ? uri_shown(arena, raw, strstr(raw, "://") + 3) : conninfo_shown(arena, raw);
    return has_whole_references(shown) ? shown : QM_CONFIG_MASK;
}

/* has_default tells whether some reference in a text has a default. */
static bool
has_default(const char *text)
{
    for (; *text != '\0'; text += step(text))
        if (step(text) > 3 && !is_reference(text, step(text)))
            return true;
    return false;
}

/* has_whole_references tells whether masking has left no half of a reference, which could not be loaded again. */
static bool
has_whole_references(const char *text)
{
    for (; *text != '\0'; text += step(text))
        if (strncmp(text, "${", 2) == 0 && (step(text) == 1 || memchr(text, '*', step(text)) != NULL))
            return false;
    return true;
}

/* is_reference tells whether a text is nothing but references without a default, which could be a secret itself. */
static bool
is_reference(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len)
    {
        size_t bytes = step(text + at);

        if (bytes < 2 || memchr(text + at, '}', bytes) == NULL || bytes > len - at)
            return false;
        for (size_t i = at; i + 1 < at + bytes; i++)
            if (text[i] == ':' && text[i + 1] == '-')
                return false;
        at += bytes;
    }
    return len > 0;
}

/* step returns the bytes of the character or reference that a text begins with. */
static size_t
step(const char *text)
{
    const char *end;

    if (strncmp(text, "$${", 3) == 0)
        return 3;
    if (strncmp(text, "${", 2) != 0)
        return 1;
    end = strchr(text, '}');
    return end != NULL ? (size_t) (end - text) + 1 : 1;
}

/* uri_shown masks from the first colon to the last @, and passwords among the parameters. */
static const char *
uri_shown(QmArena *arena, const char *raw, const char *authority)
{
    const char *at_sign = strrchr(authority, '@');
    const char *colon = authority;

    while (*colon != '\0' && *colon != ':')
        colon += step(colon);
    if (at_sign != NULL && colon < at_sign && !is_reference(colon + 1, (size_t) (at_sign - colon - 1)))
        raw = mask(arena, raw, (size_t) (colon + 1 - raw), (size_t) (at_sign - raw));
    return parameters_shown(arena, raw);
}

/* parameters_shown masks passwords behind a URI's question mark. Where a name is written in code, it masks all. */
static const char *
parameters_shown(QmArena *arena, const char *raw)
{
    const char *question = strchr(raw, '?');
    size_t at;

    if (question == NULL)
        return raw;
    at = (size_t) (question - raw) + 1;
    while (raw[at] != '\0')
    {
        size_t name_len = strcspn(raw + at, "=&");
        size_t value_at = at + name_len + 1;
        size_t value_len;

        if (memchr(raw + at, '%', name_len) != NULL || memchr(raw + at, '$', name_len) != NULL)
            return mask(arena, raw, (size_t) (question - raw) + 1, strlen(raw));
        if (raw[at + name_len] != '=')
        {
            at += name_len + (raw[at + name_len] == '&');
            continue;
        }
        value_len = strcspn(raw + value_at, "&");
        if (is_secret_word(raw + at, name_len) && value_len > 0 && !is_reference(raw + value_at, value_len))
        {
            raw = mask(arena, raw, value_at, value_at + value_len);
            if (arena->failed)
                return raw;
            question = strchr(raw, '?');
            value_len = strlen(QM_CONFIG_MASK);
        }
        at = value_at + value_len;
        at += raw[at] == '&';
    }
    return raw;
}

/* conninfo_shown masks the values of passwords in keyword = value pairs. */
static const char *
conninfo_shown(QmArena *arena, const char *raw)
{
    size_t at = skip_spaces(raw);

    while (raw[at] != '\0')
    {
        size_t word = at;
        size_t word_len = strspn(raw + at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        size_t value_len;

        at += word_len;
        at += skip_spaces(raw + at);
        if (word_len == 0 || raw[at] != '=')
            return QM_CONFIG_MASK;
        at++;
        at += skip_spaces(raw + at);
        value_len = conninfo_value(raw + at);
        if (value_len == UNMASKED)
            return QM_CONFIG_MASK;
        if (is_secret_word(raw + word, word_len) && value_len > 0 && !is_quoted_reference(raw + at, value_len))
        {
            /* Quotes stay: the next word may follow without a space. */
            size_t quote_len = raw[at] == '\'' ? 1 : 0;

            raw = mask(arena, raw, at + quote_len, at + value_len - quote_len);
            if (arena->failed)
                return raw;
            value_len = strlen(QM_CONFIG_MASK) + 2 * quote_len;
        }
        at += value_len;
        at += skip_spaces(raw + at);
    }
    return raw;
}

/* is_quoted_reference tells whether a value is a reference, with or without quotes around it. */
static bool
is_quoted_reference(const char *text, size_t len)
{
    bool quoted = len >= 2 && text[0] == '\'';

    return is_reference(text + quoted, quoted ? len - 2 : len);
}

static size_t
skip_spaces(const char *text)
{
    return strspn(text, " \t");
}

/* conninfo_value returns the bytes of a value, with its quotes; UNMASKED where its quotes do not end. */
static size_t
conninfo_value(const char *text)
{
    bool quoted = text[0] == '\'';
    size_t at = quoted ? 1 : 0;

    while (text[at] != '\0' && (quoted ? text[at] != '\'' : text[at] != ' ' && text[at] != '\t'))
    {
        at += text[at] == '\\' && text[at + 1] != '\0' ? 1 : 0;
        at += step(text + at);
    }
    if (!quoted)
        return at;
    return text[at] == '\'' ? at + 1 : UNMASKED;
}

/* is_secret_word tells whether libpq keeps a secret under this word. */
static bool
is_secret_word(const char *word, size_t len)
{
    static const char *const words[] = {"password", "sslpassword"};
    char lower[16] = "";

    if (len >= sizeof(lower))
        return false;
    memcpy(lower, word, len);
    return qm_text_is_word(lower, words[0]) || qm_text_is_word(lower, words[1]);
}

/* mask returns the text with the bytes between two places masked. */
static const char *
mask(QmArena *arena, const char *text, size_t from, size_t to)
{
    return qm_text_join(arena, qm_arena_text(arena, text, from), QM_CONFIG_MASK, text + to);
}

/* qm_reference_escape returns the text so written that a file with it means the text itself. */
const char *
qm_reference_escape(QmArena *arena, const char *text)
{
    char *escaped;
    size_t used = 0;

    if (strstr(text, "${") == NULL)
        return text;
    escaped = qm_arena_alloc(arena, strlen(text) + 1, 2);
    if (escaped == NULL)
        return "";
    for (const char *at = text; *at != '\0'; at++)
    {
        if (at[0] == '$' && at[1] == '{')
            escaped[used++] = '$';
        escaped[used++] = *at;
    }
    return escaped;
}
