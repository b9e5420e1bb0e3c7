/*
 * What the file does not set: markets inherit from trading, and the rest has
 * defaults. Afterwards every field of the configuration is filled.
 *
 * A market inherits key by key, those of grid_risk_control too.
 */
#include "config_load.h"

#include <string.h>

#define MARKET_PREFIX "trading.symbols[]."
#define TRADING_PREFIX "trading."

static void add_single_market(QmLoad *load);
static void inherit_market(QmLoad *load, QmObject *object);
static void inherit(QmLoad *load, QmObject *object, const QmKey *key);
static void copy_value(QmObject *to, const QmKey *to_key, const QmObject *from, const QmKey *from_key);
static void fill(QmLoad *load, QmObject *object, QmKeyScope scope);
static void set_default(QmLoad *load, const QmKey *key, void *field);
static QmTextList split(QmLoad *load, const char *words);
static void collect(QmLoad *load);
static void *collect_scope(QmLoad *load, QmKeyScope scope, size_t size);

/* qm_load_inherit fills what is not set, and hands exchanges, markets and allocations to the configuration. */
void
qm_load_inherit(QmLoad *load)
{
    add_single_market(load);
    for (size_t i = 0; i < load->objects[QM_SCOPE_MARKET].count; i++)
        inherit_market(load, &load->objects[QM_SCOPE_MARKET].items[i]);
    for (int scope = QM_SCOPE_EXCHANGE; scope < QM_SCOPES; scope++)
        for (size_t i = 0; i < load->objects[scope].count; i++)
            fill(load, &load->objects[scope].items[i], (QmKeyScope) scope);
    fill(load, &load->object[QM_SCOPE_CONFIG], QM_SCOPE_CONFIG);
    collect(load);
}

/* add_single_market makes trading itself the only market where it names a symbol and lists none. */
static void
add_single_market(QmLoad *load)
{
    QmObjects *markets = &load->objects[QM_SCOPE_MARKET];
    const QmPlace *symbol = qm_object_place(&load->object[QM_SCOPE_TRADING], qm_schema_find("trading.symbol"));

    if (markets->count > 0 || !qm_place_is_set(symbol))
        return;
    markets->items = qm_arena_alloc(load->arena, 1, sizeof(QmObject));
    if (markets->items != NULL)
        (void) qm_object_add(load, QM_SCOPE_MARKET, *symbol, "trading");
}

/* inherit_market gives a market what trading says; window_size stands for both windows, and one window for the other. */
static void
inherit_market(QmLoad *load, QmObject *object)
{
    const QmKey *buy = qm_schema_find(MARKET_PREFIX "buy_window_size");
    const QmKey *sell = qm_schema_find(MARKET_PREFIX "sell_window_size");
    const QmKey *both = qm_schema_find(MARKET_PREFIX "window_size");

    copy_value(object, buy, object, both);
    copy_value(object, sell, object, both);
    for (const QmKey *key = qm_schema; key < qm_schema + qm_schema_count; key++)
        if (key->scope == QM_SCOPE_MARKET)
            inherit(load, object, key);
    copy_value(object, sell, object, buy);
}

/* inherit gives a market trading's value of one key. */
static void
inherit(QmLoad *load, QmObject *object, const QmKey *key)
{
    char path[128] = TRADING_PREFIX;
    const QmKey *trading_key;

    strncat(path, key->path + strlen(MARKET_PREFIX), sizeof(path) - sizeof(TRADING_PREFIX));
    trading_key = qm_schema_find(path);
    /* A market in a list has a symbol of its own. */
    if (trading_key != NULL && (strcmp(path, "trading.symbol") != 0 || strcmp(object->path, "trading") == 0))
        copy_value(object, key, &load->object[QM_SCOPE_TRADING], trading_key);
}

/* copy_value copies a value that is set to where none is; its place goes with it. */
static void
copy_value(QmObject *to, const QmKey *to_key, const QmObject *from, const QmKey *from_key)
{
    if (qm_place_is_set(qm_object_place(to, to_key)) || !qm_place_is_set(qm_object_place(from, from_key)))
        return;
    memcpy(to->base + to_key->offset, from->base + from_key->offset, qm_value_size(to_key->type));
    *qm_object_place(to, to_key) = *qm_object_place(from, from_key);
}

/* fill gives every field of a struct that is not set, or not readable, its default. */
static void
fill(QmLoad *load, QmObject *object, QmKeyScope scope)
{
    for (const QmKey *key = qm_schema; key < qm_schema + qm_schema_count; key++)
    {
        const QmPlace *place = qm_object_place(object, key);

        if (key->scope == scope && (!qm_place_is_set(place) || place->wrong))
            set_default(load, key, object->base + key->offset);
    }
}

/* qm_exchange_default gives an exchange that no file describes all defaults. */
void
qm_exchange_default(QmLoad *load, QmExchangeConfig *exchange)
{
    for (const QmKey *key = qm_schema; key < qm_schema + qm_schema_count; key++)
        if (key->scope == QM_SCOPE_EXCHANGE)
            set_default(load, key, (char *) exchange + key->offset);
}

/* set_default stores a key's default; text without one is empty, never NULL. */
static void
set_default(QmLoad *load, const QmKey *key, void *field)
{
    QmFinding finding = {0};

    switch (key->type)
    {
        case QM_TYPE_SECRET:
        case QM_TYPE_DSN:
            *(QmSecret *) field = (QmSecret){"", ""};
            break;
        case QM_TYPE_NAMES:
        case QM_TYPE_ADDRESSES:
            if (key->fallback != NULL)
                *(QmTextList *) field = split(load, key->fallback);
            return;
        case QM_TYPE_BOOL:
        case QM_TYPE_INT:
        case QM_TYPE_WORD:
            break;
        default:
            *(const char **) field = "";
    }
    if (key->fallback != NULL)
        (void) qm_value_store(load, key, field, key->fallback, key->fallback, &finding);
}

/* split returns the words of a text as a list. */
static QmTextList
split(QmLoad *load, const char *words)
{
    const char **items = qm_arena_alloc(load->arena, strlen(words), sizeof(*items));
    QmTextList list = {.items = items};

    if (items == NULL)
        return list;
    while (*words != '\0')
    {
        size_t len = strcspn(words, " ");

        items[list.count++] = qm_arena_text(load->arena, words, len);
        words += len;
        words += strspn(words, " ");
    }
    return list;
}

/* collect hands what was collected one by one to the configuration as arrays. */
static void
collect(QmLoad *load)
{
    QmConfig *config = load->config;
    const QmObjects *markets = &load->objects[QM_SCOPE_MARKET];
    QmMarketConfig *market = qm_arena_alloc(load->arena, markets->count, sizeof(*market));

    config->exchanges = collect_scope(load, QM_SCOPE_EXCHANGE, sizeof(QmExchangeConfig));
    config->exchange_count = load->objects[QM_SCOPE_EXCHANGE].count;
    config->allocations = collect_scope(load, QM_SCOPE_ALLOCATION, sizeof(QmAllocationConfig));
    config->allocation_count = load->objects[QM_SCOPE_ALLOCATION].count;
    config->markets = market;
    config->market_count = markets->count;
    for (size_t i = 0; market != NULL && i < markets->count; i++)
        market[i] = ((const QmMarketDraft *) (const void *) markets->items[i].base)->market;
}

static void *
collect_scope(QmLoad *load, QmKeyScope scope, size_t size)
{
    const QmObjects *objects = &load->objects[scope];
    char *array = qm_arena_alloc(load->arena, objects->count, size);

    for (size_t i = 0; array != NULL && i < objects->count; i++)
        memcpy(array + i * size, objects->items[i].base, size);
    return array;
}
