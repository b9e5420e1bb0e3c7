/*
 * The structs that values are stored in: one for the whole file, one for each
 * exchange, market and allocation that it describes.
 */
#include "config_load.h"
#include "config_text.h"

#include <stdio.h>
#include <string.h>

static const struct
{
    size_t size;
    size_t count_max;
} scopes[QM_SCOPES] = {
    [QM_SCOPE_EXCHANGE] = {sizeof(QmExchangeConfig), QM_CONFIG_EXCHANGES_MAX},
    [QM_SCOPE_MARKET] = {sizeof(QmMarketDraft), QM_CONFIG_MARKETS_MAX},
    [QM_SCOPE_ALLOCATION] = {sizeof(QmAllocationConfig), QM_CONFIG_MARKETS_MAX},
};

static QmKeyScope scope_of(const QmKey *part_key);
static void name_exchange(QmLoad *load, QmObject *object, const QmNode *part);

/* qm_objects_begin makes room for what a list or a mapping of names describes; false where that is too much. */
bool
qm_objects_begin(QmLoad *load, const QmNode *node, const QmKey *key)
{
    QmKeyScope scope = scope_of(key);
    QmPlace place = qm_node_place(node);
    char allowed[32];

    if (scope == QM_SCOPE_MARKET)
        load->markets_listed = true;
    if (node->count > scopes[scope].count_max)
    {
        snprintf(allowed, sizeof(allowed), "at most %zu", scopes[scope].count_max);
        qm_load_message(load,
                        QM_CONFIG_ERROR,
                        &place,
                        load->path,
                        (QmFinding){"too many", NULL, qm_arena_text(load->arena, allowed, strlen(allowed)), NULL});
        return false;
    }
    load->objects[scope].items = qm_arena_alloc(load->arena, node->count, sizeof(QmObject));
    return load->objects[scope].items != NULL;
}

/* scope_of returns what the keys below a part are stored in. */
static QmKeyScope
scope_of(const QmKey *part_key)
{
    return part_key[1].scope;
}

/* qm_object_begin makes the struct that the values below this part go to. */
bool
qm_object_begin(QmLoad *load, const QmNode *part, const QmKey *key)
{
    QmKeyScope scope = scope_of(key);
    QmPlace place = {.line = part->line, .column = part->column};

    if (scope == QM_SCOPE_EXCHANGE)
        place = (QmPlace){.line = part->key_line, .column = part->key_column};
    if (!qm_object_add(load, scope, place, load->path))
        return false;
    if (scope == QM_SCOPE_EXCHANGE)
        name_exchange(load, &load->object[scope], part);
    return true;
}

/* qm_object_add adds an empty struct, and makes it the one that values go to. There has to be room. */
bool
qm_object_add(QmLoad *load, QmKeyScope scope, QmPlace place, const char *path)
{
    QmObjects *objects = &load->objects[scope];
    QmObject object = {
        .base = qm_arena_alloc(load->arena, 1, scopes[scope].size),
        .places = qm_arena_alloc(load->arena, qm_schema_count, sizeof(QmPlace)),
        .place = place,
        .path = qm_arena_text(load->arena, path, strlen(path)),
    };

    if (object.base == NULL || object.places == NULL)
        return false;
    objects->items[objects->count++] = object;
    load->object[scope] = object;
    return true;
}

/* name_exchange takes an exchange's name, which becomes part of lock keys. */
static void
name_exchange(QmLoad *load, QmObject *object, const QmNode *part)
{
    QmExchangeConfig *exchange = (QmExchangeConfig *) (void *) object->base;
    QmKey key = {.type = QM_TYPE_NAME, .max = QM_NAME_MAX};
    QmFinding finding = {0};

    exchange->declared = true;
    exchange->name = part->key;
    if (qm_value_store(load, &key, &exchange->name, part->key, part->key, &finding) != QM_VALUE_WRONG)
        return;
    finding.found = qm_text_quote(load->arena, part->key);
    finding.allowed = qm_schema_allowed(&key, load->arena);
    qm_load_message(load, QM_CONFIG_ERROR, &object->place, load->path, finding);
}

/* qm_object_place returns where the object's value of a key is written. */
QmPlace *
qm_object_place(const QmObject *object, const QmKey *key)
{
    return &object->places[key - qm_schema];
}

/* qm_place_is_set tells whether something was written there. */
bool
qm_place_is_set(const QmPlace *place)
{
    return place->file != NULL || place->line > 0;
}
