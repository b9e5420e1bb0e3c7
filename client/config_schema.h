/*
 * Schema: one table of every key that a configuration may have, those of the
 * earlier system and ours. Loading, printing, messages and the documentation's
 * test follow it.
 *
 * In a path, [] stands for the elements of a list, and * for names that the user
 * chooses.
 */
#ifndef QM_CONFIG_SCHEMA_H
#define QM_CONFIG_SCHEMA_H

#define QM_NAME_MAX 64 /* bytes of an exchange, symbol or time zone */

#include "config_arena.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum QmKeyType
{
    QM_TYPE_MAP,
    QM_TYPE_NAMED, /* a mapping of names to mappings */
    QM_TYPE_MAPS,  /* a list of mappings */
    QM_TYPE_ANY,   /* whatever there is */
    QM_TYPE_BOOL,
    QM_TYPE_INT,
    QM_TYPE_DECIMAL,
    QM_TYPE_TEXT,
    QM_TYPE_TOKEN,     /* text without spaces */
    QM_TYPE_NAME,      /* text without spaces and colons: it becomes part of lock keys */
    QM_TYPE_ADDRESS,   /* host:port */
    QM_TYPE_WORD,      /* one of some words, kept as its number */
    QM_TYPE_PICK,      /* one of some words, kept as text */
    QM_TYPE_SECRET,    /* never shown */
    QM_TYPE_DSN,       /* shown without its password */
    QM_TYPE_NAMES,     /* a list of QM_TYPE_NAME */
    QM_TYPE_ADDRESSES, /* a list of QM_TYPE_ADDRESS */
    QM_TYPES
} QmKeyType;

/* Which struct a value is stored in. */
typedef enum QmKeyScope
{
    QM_SCOPE_NONE,
    QM_SCOPE_CONFIG,
    QM_SCOPE_EXCHANGE,
    QM_SCOPE_TRADING, /* what markets inherit */
    QM_SCOPE_MARKET,
    QM_SCOPE_ALLOCATION,
    QM_SCOPES
} QmKeyScope;

typedef enum QmKeyFlag
{
    QM_KEY_UNUSED = 1,   /* accepted with all below it, and named in a warning */
    QM_KEY_LIMITS = 2,   /* limits losses: must not be lost without a word */
    QM_KEY_POSITIVE = 4, /* a number above zero; zero is "not set", as in the earlier system */
    QM_KEY_SHARES = 8,   /* a list or mapping whose weights share one capital */
    QM_KEY_ALIAS = 16    /* read, but printed under other keys */
} QmKeyFlag;

typedef struct QmKey
{
    const char *path;
    size_t path_len;
    QmKeyType type;
    unsigned flags;
    QmKeyScope scope;
    size_t offset;
    const char *fallback;       /* the default, as text; NULL: none */
    int min;                    /* of numbers */
    int max;                    /* of numbers; bytes of text; 0: no limit of its own */
    const char *const *words;   /* up to NULL; the number of a word is its place */
    const char *const *refused; /* words that the earlier system knew or announced, up to NULL */
    const char *refused_hint;   /* what to use instead */
} QmKey;

extern const QmKey qm_schema[];
extern const size_t qm_schema_count;

extern const QmKey *qm_schema_find(const char *path);
extern const QmKey *qm_schema_child(const QmKey *parent, const char *name);
extern const QmKey *qm_schema_part(const QmKey *parent, const char *part);
extern bool qm_schema_is_child(const QmKey *key, const QmKey *parent);
extern const char *qm_schema_name(const QmKey *key);
extern const QmKey *qm_schema_nearest(const QmKey *parent, const char *name);
extern const char *qm_schema_allowed(const QmKey *key, QmArena *arena);

#endif
