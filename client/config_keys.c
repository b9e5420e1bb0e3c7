/*
 * Schema: finding keys in the table, and saying what they may be.
 */
#include "config_schema.h"
#include "config_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const QmKey *find_between(const QmKey *parent, const char *separator, const char *name);
static bool is_below(const QmKey *key, const QmKey *parent);
static const QmKey *nearest_elsewhere(const char *name);
static const char *join_words(const QmKey *key, QmArena *arena);

/* qm_schema_find returns the key with this path, or NULL. */
const QmKey *
qm_schema_find(const char *path)
{
    return find_between(NULL, "", path);
}

/* qm_schema_child returns the key that a mapping may have under this name, or NULL. The mapping at the top is NULL. */
const QmKey *
qm_schema_child(const QmKey *parent, const char *name)
{
    /* A name may look like a path; it is none. */
    if (strpbrk(name, ".[]*") != NULL)
        return NULL;
    return find_between(parent, parent != NULL ? "." : "", name);
}

/* qm_schema_part returns what the parts of a list ([]) or of a mapping of names (.*) are, or NULL. */
const QmKey *
qm_schema_part(const QmKey *parent, const char *part)
{
    return find_between(parent, "", part);
}

/* find_between looks for parent + separator + name among the keys below parent. */
static const QmKey *
find_between(const QmKey *parent, const char *separator, const char *name)
{
    size_t parent_len = parent != NULL ? parent->path_len : 0;
    size_t separator_len = strlen(separator);
    size_t name_len = strlen(name);
    size_t len = parent_len + separator_len + name_len;

    for (const QmKey *key = parent != NULL ? parent + 1 : qm_schema; key < qm_schema + qm_schema_count; key++)
    {
        if (parent != NULL && !is_below(key, parent))
            break;
        if (key->path_len == len && memcmp(key->path + parent_len, separator, separator_len) == 0 &&
            memcmp(key->path + parent_len + separator_len, name, name_len) == 0)
            return key;
    }
    return NULL;
}

/* is_below tells whether a key is the parent's child, part or further down. */
static bool
is_below(const QmKey *key, const QmKey *parent)
{
    return key->path_len > parent->path_len && memcmp(key->path, parent->path, parent->path_len) == 0;
}

/* qm_schema_is_child tells whether a key stands directly in the mapping; NULL is the mapping at the top. */
bool
qm_schema_is_child(const QmKey *key, const QmKey *parent)
{
    const char *name = key->path;

    if (parent != NULL)
    {
        if (!is_below(key, parent) || key->path[parent->path_len] != '.')
            return false;
        name += parent->path_len + 1;
    }
    return strpbrk(name, ".[]*") == NULL;
}

/* qm_schema_name returns the last word of a key's path. */
const char *
qm_schema_name(const QmKey *key)
{
    const char *dot = strrchr(key->path, '.');

    return dot != NULL ? dot + 1 : key->path;
}

/*
 * qm_schema_nearest returns the key that was probably meant by a name that the
 * mapping does not know: one that is typed nearly so, or one that stands elsewhere.
 */
const QmKey *
qm_schema_nearest(const QmKey *parent, const char *name)
{
    const QmKey *nearest = NULL;
    size_t least = SIZE_MAX;

    for (const QmKey *key = qm_schema; key < qm_schema + qm_schema_count; key++)
    {
        size_t distance;

        if (!qm_schema_is_child(key, parent))
            continue;
        distance = qm_text_distance(name, qm_schema_name(key));
        if (distance < least && qm_text_is_near(name, qm_schema_name(key), distance))
        {
            least = distance;
            nearest = key;
        }
    }
    return nearest != NULL ? nearest : nearest_elsewhere(name);
}

/* nearest_elsewhere returns the only key in use that has this name, or NULL. */
static const QmKey *
nearest_elsewhere(const char *name)
{
    const QmKey *found = NULL;

    for (const QmKey *key = qm_schema; key < qm_schema + qm_schema_count; key++)
    {
        /* What a market may have, trading has too. */
        if (key->scope == QM_SCOPE_NONE || key->scope == QM_SCOPE_MARKET || !qm_text_is_word(qm_schema_name(key), name))
            continue;
        if (found != NULL)
            return NULL;
        found = key;
    }
    return found;
}

/* qm_schema_allowed returns what a message says that the key may be. */
const char *
qm_schema_allowed(const QmKey *key, QmArena *arena)
{
    static const char *const allowed[QM_TYPES] = {
        [QM_TYPE_MAP] = "a mapping",
        [QM_TYPE_NAMED] = "a mapping of names to mappings",
        [QM_TYPE_MAPS] = "a list of mappings",
        [QM_TYPE_ANY] = "anything",
        [QM_TYPE_BOOL] = "true or false",
        [QM_TYPE_INT] = "a whole number",
        [QM_TYPE_DECIMAL] = "a number",
        [QM_TYPE_TEXT] = "text",
        [QM_TYPE_ADDRESS] = "host:port",
        [QM_TYPE_SECRET] = "text",
        [QM_TYPE_DSN] = "text",
        [QM_TYPE_NAMES] = "a list of names",
        [QM_TYPE_ADDRESSES] = "a list of host:port",
    };
    char text[80] = "";

    if (key->words != NULL)
        return join_words(key, arena);
    if (key->type == QM_TYPE_NAME)
        snprintf(text, sizeof(text), "1 to %d bytes without spaces and colons", key->max);
    else if (key->type == QM_TYPE_TOKEN)
        snprintf(text, sizeof(text), "1 to %d bytes without spaces", key->max);
    else if (key->type == QM_TYPE_INT && key->max > 0)
        snprintf(text, sizeof(text), "a whole number from %d to %d", key->min, key->max);
    else if (key->type == QM_TYPE_DECIMAL && (key->flags & QM_KEY_POSITIVE) != 0)
        snprintf(text, sizeof(text), "a number above 0");
    else if (key->type == QM_TYPE_DECIMAL && key->scope != QM_SCOPE_NONE && key->max > 0)
        snprintf(text, sizeof(text), "a number from 0 to %d", key->max);
    else if (key->type == QM_TYPE_DECIMAL && key->scope != QM_SCOPE_NONE)
        snprintf(text, sizeof(text), "a number, 0 or more");
    else
        return allowed[key->type];
    return qm_arena_text(arena, text, strlen(text));
}

/* join_words returns all words that a key may be. */
static const char *
join_words(const QmKey *key, QmArena *arena)
{
    const char *joined = key->words[0];

    for (size_t i = 1; key->words[i] != NULL; i++)
        joined = qm_text_join(arena, joined, ", ", key->words[i]);
    return joined;
}
