/*
 * The effective configuration as YAML.
 *
 * Printed is every key that is used, with what it is after inheritance, defaults
 * and environment; loading that again gives the same. Secrets that are only
 * references stay so, others are masked, and an instance does not run with a
 * masked one. Text is always in quotes, so that nothing in it is YAML.
 */
#include "config_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    ROOM_FIRST = 4096 /* bytes */
};

typedef struct Printer
{
    const QmConfig *config;
    char *text;
    size_t used;
    size_t room;
    bool failed;
} Printer;

static void print_section(Printer *printer, const QmKey *section, const char *base, int depth);
static void print_key(Printer *printer, const QmKey *key, const char *base, int depth);
static void print_exchanges(Printer *printer, const QmKey *key, int depth);
static void print_maps(Printer *printer, const QmKey *key, int depth);
static void print_value(Printer *printer, const QmKey *key, const char *field);
static void print_texts(Printer *printer, const QmTextList *list);
static bool is_printed(const QmKey *key);
static void add_name(Printer *printer, const char *name, int depth);
static void add_quoted(Printer *printer, const char *text, bool escape_references);
static void add_text(Printer *printer, const char *text);
static void add(Printer *printer, const char *text, size_t len);

_Static_assert(offsetof(QmMarketDraft, market) == 0, "a key's offset in a draft is its offset in a market");

/*
 * qm_config_print returns the configuration as YAML, which the caller frees; NULL
 * where it has errors, or there is no memory.
 */
char *
qm_config_print(const QmConfig *config)
{
    Printer printer = {.config = config};

    if (!qm_config_ok(config))
        return NULL;
    print_section(&printer, NULL, (const char *) config, 0);
    add(&printer, "", 1);
    if (printer.failed)
    {
        free(printer.text);
        return NULL;
    }
    return printer.text;
}

/* print_section prints the keys that stand directly in a mapping; NULL is the one at the top. */
static void
print_section(Printer *printer, const QmKey *section, const char *base, int depth)
{
    for (const QmKey *key = section != NULL ? section + 1 : qm_schema; key < qm_schema + qm_schema_count; key++)
        if (qm_schema_is_child(key, section) && is_printed(key) && qm_lock_uses(&printer->config->lock, key->path))
            print_key(printer, key, base, depth);
}

/* is_printed tells whether a key, or one below it, is in use and printed under its own name. */
static bool
is_printed(const QmKey *key)
{
    if (key->scope != QM_SCOPE_NONE)
        return key->scope != QM_SCOPE_TRADING && (key->flags & QM_KEY_ALIAS) == 0;
    if ((key->flags & QM_KEY_UNUSED) != 0)
        return false;
    for (const QmKey *below = key + 1;
         below < qm_schema + qm_schema_count && strncmp(below->path, key->path, key->path_len) == 0;
         below++)
        if (below->scope != QM_SCOPE_NONE && below->scope != QM_SCOPE_TRADING)
            return true;
    return false;
}

/* print_key prints one key with its value, on one line or below it. */
static void
print_key(Printer *printer, const QmKey *key, const char *base, int depth)
{
    switch (key->type)
    {
        case QM_TYPE_MAP:
            add_name(printer, qm_schema_name(key), depth);
            add_text(printer, "\n");
            print_section(printer, key, base, depth + 1);
            break;
        case QM_TYPE_NAMED:
            print_exchanges(printer, key, depth);
            break;
        case QM_TYPE_MAPS:
            print_maps(printer, key, depth);
            break;
        default:
            add_name(printer, qm_schema_name(key), depth);
            add_text(printer, " ");
            print_value(printer, key, base + key->offset);
            add_text(printer, "\n");
    }
}

/* print_exchanges prints the exchanges that the file describes. One that is only named needs no description. */
static void
print_exchanges(Printer *printer, const QmKey *key, int depth)
{
    const QmConfig *config = printer->config;

    if (config->exchange_count == 0 || !config->exchanges[0].declared)
        return;
    add_name(printer, qm_schema_name(key), depth);
    add_text(printer, "\n");
    for (size_t i = 0; i < config->exchange_count; i++)
    {
        add_name(printer, "", depth + 1);
        add_quoted(printer, config->exchanges[i].name, false);
        add_text(printer, ":\n");
        print_section(printer, qm_schema_part(key, ".*"), (const char *) &config->exchanges[i], depth + 2);
    }
}

/* print_maps prints markets or allocations as a list. */
static void
print_maps(Printer *printer, const QmKey *key, int depth)
{
    const QmConfig *config = printer->config;
    const QmKey *part = qm_schema_part(key, "[]");
    bool markets = part[1].scope == QM_SCOPE_MARKET;
    size_t count = markets ? config->market_count : config->allocation_count;

    add_name(printer, qm_schema_name(key), depth);
    add_text(printer, count == 0 ? " []\n" : "\n");
    for (size_t i = 0; i < count; i++)
    {
        const char *base = markets ? (const char *) &config->markets[i] : (const char *) &config->allocations[i];

        add_name(printer, "", depth + 1);
        add_text(printer, "-\n");
        print_section(printer, part, base, depth + 2);
    }
}

static void
print_value(Printer *printer, const QmKey *key, const char *field)
{
    char number[16];
    int value;

    switch (key->type)
    {
        case QM_TYPE_BOOL:
            add_text(printer, *(const bool *) (const void *) field ? "true" : "false");
            break;
        case QM_TYPE_INT:
            snprintf(number, sizeof(number), "%d", *(const int *) (const void *) field);
            add_text(printer, number);
            break;
        case QM_TYPE_WORD:
            memcpy(&value, field, sizeof(value));
            add_quoted(printer, key->words[value], false);
            break;
        case QM_TYPE_DECIMAL:
            add_text(printer, *(const char *const *) (const void *) field);
            break;
        case QM_TYPE_SECRET:
        case QM_TYPE_DSN:
            add_quoted(printer, ((const QmSecret *) (const void *) field)->shown, false);
            break;
        case QM_TYPE_NAMES:
        case QM_TYPE_ADDRESSES:
            print_texts(printer, (const QmTextList *) (const void *) field);
            break;
        default:
            add_quoted(printer, *(const char *const *) (const void *) field, true);
    }
}

static void
print_texts(Printer *printer, const QmTextList *list)
{
    add_text(printer, "[");
    for (size_t i = 0; i < list->count; i++)
    {
        if (i > 0)
            add_text(printer, ", ");
        add_quoted(printer, list->items[i], true);
    }
    add_text(printer, "]");
}

/* add_name begins a line: indented, and with a name and a colon where there is a name. */
static void
add_name(Printer *printer, const char *name, int depth)
{
    for (int i = 0; i < depth; i++)
        add_text(printer, "  ");
    add_text(printer, name);
    if (name[0] != '\0')
        add_text(printer, ":");
}

/* add_quoted adds text in quotes. Text that is no reference, but looks like one, is escaped. */
static void
add_quoted(Printer *printer, const char *text, bool escape_references)
{
    add_text(printer, "\"");
    for (; *text != '\0'; text++)
    {
        if (*text == '"' || *text == '\\')
            add_text(printer, "\\");
        if (escape_references && text[0] == '$' && text[1] == '{')
            add_text(printer, "$");
        add(printer, text, 1);
    }
    add_text(printer, "\"");
}

static void
add_text(Printer *printer, const char *text)
{
    add(printer, text, strlen(text));
}

/* add appends to the text; a failure sticks. */
static void
add(Printer *printer, const char *text, size_t len)
{
    if (len > printer->room - printer->used && !printer->failed)
    {
        size_t room = (printer->room + len) * 2 + ROOM_FIRST;
        char *larger = realloc(printer->text, room);

        if (larger == NULL)
        {
            printer->failed = true;
            return;
        }
        printer->text = larger;
        printer->room = room;
    }
    if (printer->failed)
        return;
    memcpy(printer->text + printer->used, text, len);
    printer->used += len;
}
