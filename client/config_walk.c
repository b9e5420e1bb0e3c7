/*
 * The tree against the schema: what has the wrong kind, what is unknown, what is
 * not used, what limits losses; and every used value into its field.
 */
#include "config_decimal.h"
#include "config_load.h"
#include "config_text.h"

#include <string.h>

#define SHARES_MAX 1001000000   /* billionths that weights may add up to: 1, and what rounding makes of it */
#define SHARE_MAX 1000000000000 /* billionths of one weight that are counted */

/* What the keys above say. */
typedef struct Above
{
    bool unused; /* within a section that we do not use */
    bool active; /* no section above is disabled */
} Above;

static void walk_map(QmLoad *load, const QmNode *map, const QmKey *key, Above above);
static void walk_value(QmLoad *load, const QmNode *node, const QmKey *key, Above above);
static void walk_named(QmLoad *load, const QmNode *map, const QmKey *key, Above above);
static void walk_list(QmLoad *load, const QmNode *list, const QmKey *key, Above above);
static void walk_texts(QmLoad *load, const QmNode *list, const QmKey *key, Above above);
static void walk_scalar(QmLoad *load, const QmNode *node, const QmKey *key, Above above);
static void unknown_key(QmLoad *load, const QmNode *child, const QmKey *parent, Above above);
static const char *meant(QmLoad *load, const QmKey *parent, const char *name);
static bool fits_kind(QmLoad *load, const QmNode *node, const QmKey *key, Above above);
static bool section_is_on(const QmNode *map, const QmKey *key, bool unused);
static void note_wrong(QmLoad *load, const QmNode *node, const QmKey *key);
static void note_unused(QmLoad *load, const QmNode *node, const QmKey *key);
static void stop_for_limit(QmLoad *load, const QmNode *node);
static void check_shares(QmLoad *load, const QmNode *node);
static void refuse_value(QmLoad *load, const QmNode *node, const QmKey *key, Above above, QmFinding finding);

/* qm_load_walk goes through the whole file. */
void
qm_load_walk(QmLoad *load)
{
    walk_map(load, load->root, NULL, (Above){.active = true});
}

/* walk_map goes through the keys of a mapping; key is NULL at the top. */
static void
walk_map(QmLoad *load, const QmNode *map, const QmKey *key, Above above)
{
    for (const QmNode *child = map->first; child != NULL; child = child->next)
    {
        const QmKey *child_key = qm_schema_child(key, child->key);
        size_t before = qm_path_push_key(load, child->key);

        if (child_key != NULL)
            walk_value(load, child, child_key, above);
        else if (!above.unused)
            unknown_key(load, child, key, above);
        qm_path_pop(load, before);
    }
}

/* walk_value goes through one value, whatever it is. */
static void
walk_value(QmLoad *load, const QmNode *node, const QmKey *key, Above above)
{
    if ((key->flags & QM_KEY_UNUSED) != 0)
    {
        note_unused(load, node, key);
        above.unused = true;
    }
    if (qm_node_is_null(node))
        return;
    if (!fits_kind(load, node, key, above))
    {
        note_wrong(load, node, key);
        return;
    }
    if (node->kind == QM_NODE_MAP)
        above.active = above.active && section_is_on(node, key, above.unused);
    if ((key->flags & QM_KEY_SHARES) != 0)
        check_shares(load, node);

    switch (key->type)
    {
        case QM_TYPE_ANY:
            break;
        case QM_TYPE_MAP:
            if ((key->flags & QM_KEY_LIMITS) != 0 && above.unused && above.active)
                stop_for_limit(load, node);
            walk_map(load, node, key, above);
            break;
        case QM_TYPE_NAMED:
            walk_named(load, node, key, above);
            break;
        case QM_TYPE_MAPS:
            walk_list(load, node, key, above);
            break;
        case QM_TYPE_NAMES:
        case QM_TYPE_ADDRESSES:
            walk_texts(load, node, key, above);
            break;
        default:
            walk_scalar(load, node, key, above);
    }
}

/* walk_named goes through a mapping whose keys are names of the user's. */
static void
walk_named(QmLoad *load, const QmNode *map, const QmKey *key, Above above)
{
    const QmKey *part_key = qm_schema_part(key, ".*");

    if (!above.unused && !qm_objects_begin(load, map, part_key))
        return;
    for (const QmNode *part = map->first; part != NULL; part = part->next)
    {
        size_t before = qm_path_push_key(load, part->key);

        /* A name with nothing below it is there all the same. */
        if (above.unused ||
            ((qm_node_is_null(part) || part->kind == QM_NODE_MAP) && qm_object_begin(load, part, part_key)))
            walk_value(load, part, part_key, above);
        else
            (void) fits_kind(load, part, part_key, above);
        qm_path_pop(load, before);
    }
}

/* walk_list goes through a list of mappings. */
static void
walk_list(QmLoad *load, const QmNode *list, const QmKey *key, Above above)
{
    const QmKey *part_key = qm_schema_part(key, "[]");
    size_t index = 0;

    if (!above.unused && !qm_objects_begin(load, list, part_key))
        return;
    for (const QmNode *part = list->first; part != NULL; part = part->next)
    {
        size_t before = qm_path_push_index(load, index++);

        if (fits_kind(load, part, part_key, above) && (above.unused || qm_object_begin(load, part, part_key)))
            walk_value(load, part, part_key, above);
        qm_path_pop(load, before);
    }
}

/* walk_texts goes through a list of single values, and stores them as one. */
static void
walk_texts(QmLoad *load, const QmNode *list, const QmKey *key, Above above)
{
    QmObject *object = &load->object[key->scope];
    QmKey part_key = *key;
    const char **items = NULL;
    size_t count = 0;

    part_key.type = key->type == QM_TYPE_NAMES ? QM_TYPE_NAME : QM_TYPE_ADDRESS;
    if (!above.unused)
    {
        QmPlace place = qm_node_place(list);

        if (list->count > QM_CONFIG_MARKETS_MAX)
        {
            qm_load_message(load,
                            QM_CONFIG_ERROR,
                            &place,
                            load->path,
                            (QmFinding){"too many", NULL, "at most " QM_NUMBER(QM_CONFIG_MARKETS_MAX), NULL});
            return;
        }
        items = qm_arena_alloc(load->arena, list->count, sizeof(*items));
        if (items == NULL)
            return;
    }
    for (const QmNode *part = list->first; part != NULL; part = part->next)
    {
        size_t before = qm_path_push_index(load, (size_t) count);
        QmFinding finding = {0};
        const char *text;

        if (fits_kind(load, part, &part_key, above) && !above.unused)
        {
            items[count] = "";
            text = qm_expand(load, part->text, &finding);
            if (text == NULL ||
                qm_value_store(load, &part_key, &items[count], part->text, text, &finding) != QM_VALUE_STORED)
                refuse_value(load, part, &part_key, above, finding);
        }
        count++;
        qm_path_pop(load, before);
    }
    if (above.unused || count == 0)
        return;
    *(QmTextList *) (void *) (object->base + key->offset) = (QmTextList){items, count};
    *qm_object_place(object, key) = qm_node_place(list);
}

/* walk_scalar stores a single value; what is not used only has to look like one. */
static void
walk_scalar(QmLoad *load, const QmNode *node, const QmKey *key, Above above)
{
    QmObject *object = &load->object[key->scope];
    QmFinding finding = {0};
    const char *text;
    char decimal[QM_DECIMAL_SIZE];
    QmValueResult result;

    if (above.unused)
    {
        if (!qm_value_matches(key, node->text))
            refuse_value(load, node, key, above, (QmFinding){.problem = "of the wrong type"});
        if ((key->flags & QM_KEY_LIMITS) != 0 && above.active &&
            (qm_decimal_read(node->text, decimal) != QM_DECIMAL_FINE || strcmp(decimal, "0") != 0))
            stop_for_limit(load, node);
        return;
    }
    /* A variable counts before the file. */
    if (qm_object_place(object, key)->file != NULL)
        return;
    text = qm_expand(load, node->text, &finding);
    result = text == NULL ? QM_VALUE_WRONG
                          : qm_value_store(load, key, object->base + key->offset, node->text, text, &finding);
    if (result == QM_VALUE_UNSET)
        return;
    if (result == QM_VALUE_WRONG)
        refuse_value(load, node, key, above, finding);
    *qm_object_place(object, key) = qm_node_place(node);
    qm_object_place(object, key)->wrong = result == QM_VALUE_WRONG;
}

/* refuse_value says what is wrong with a value, as it is written in the file, unless it is a secret. */
static void
refuse_value(QmLoad *load, const QmNode *node, const QmKey *key, Above above, QmFinding finding)
{
    QmPlace place = qm_node_place(node);
    bool secret = key->type == QM_TYPE_SECRET || key->type == QM_TYPE_DSN;

    if (!qm_load_has_room(load))
        finding = (QmFinding){.problem = "wrong"};
    else if (finding.found == NULL)
    {
        if (finding.allowed == NULL)
            finding.allowed = qm_schema_allowed(key, load->arena);
        if (!secret)
            finding.found = qm_text_quote(load->arena, node->text);
    }
    if (finding.problem == NULL)
        finding.problem = "empty";
    qm_load_message(load, above.unused ? QM_CONFIG_WARNING : QM_CONFIG_ERROR, &place, load->path, finding);
}

/*
 * unknown_key warns of a key that nobody knows; the earlier system took it
 * without a word. Where it may limit losses, no instance may run without it.
 */
static void
unknown_key(QmLoad *load, const QmNode *child, const QmKey *parent, Above above)
{
    QmPlace place = {.line = child->key_line, .column = child->key_column};
    bool in_limit = parent != NULL && (parent->flags & QM_KEY_LIMITS) != 0;
    const QmNode *enabled = child->kind == QM_NODE_MAP ? qm_node_find(child, "enabled") : NULL;
    bool section_on = enabled != NULL && !(enabled->kind == QM_NODE_SCALAR &&
                                           (qm_node_is_null(enabled) || qm_value_is_false(enabled->text)));
    QmFinding finding = {.problem = "unknown key"};

    if (qm_load_has_room(load))
        finding.hint = meant(load, parent, child->key);
    qm_load_message(load, QM_CONFIG_WARNING, &place, load->path, finding);
    if (above.active && in_limit)
        qm_load_message(load,
                        QM_CONFIG_STOPS_RUN,
                        &place,
                        load->path,
                        (QmFinding){"unknown in a section that limits losses",
                                    NULL,
                                    NULL,
                                    "correct its name, or remove it"});
    else if (above.active && section_on)
        qm_load_message(load,
                        QM_CONFIG_STOPS_RUN,
                        &place,
                        load->path,
                        (QmFinding){"an unknown section that is enabled, and may limit losses",
                                    NULL,
                                    NULL,
                                    "correct its name, disable it, or remove it"});
}

/* meant returns a question after the key that was probably meant, or NULL. */
static const char *
meant(QmLoad *load, const QmKey *parent, const char *name)
{
    const QmKey *key = qm_schema_nearest(parent, name);

    if (parent == NULL && strchr(name, '.') != NULL && qm_schema_find(name) != NULL)
        return "a key below another one is written on a line of its own, indented";
    if (key == NULL)
        return NULL;
    return qm_text_join(load->arena,
                        "did you mean ",
                        qm_schema_is_child(key, parent) ? qm_schema_name(key) : key->path,
                        "?");
}

/* fits_kind tells whether a value is a mapping, a list or a single value, as the key wants it. */
static bool
fits_kind(QmLoad *load, const QmNode *node, const QmKey *key, Above above)
{
    QmNodeKind kind = QM_NODE_SCALAR;
    QmPlace place = qm_node_place(node);

    if (key->type == QM_TYPE_ANY)
        return true;
    if (key->type == QM_TYPE_MAP || key->type == QM_TYPE_NAMED)
        kind = QM_NODE_MAP;
    if (key->type == QM_TYPE_MAPS || key->type == QM_TYPE_NAMES || key->type == QM_TYPE_ADDRESSES)
        kind = QM_NODE_LIST;
    if (node->kind == kind)
        return true;
    qm_load_message(load,
                    above.unused ? QM_CONFIG_WARNING : QM_CONFIG_ERROR,
                    &place,
                    load->path,
                    (QmFinding){"of the wrong kind",
                                qm_node_kind_name(node),
                                qm_schema_allowed(key, load->arena),
                                NULL});
    if (above.unused && above.active && (key->flags & QM_KEY_LIMITS) != 0)
        stop_for_limit(load, node);
    return false;
}

/*
 * section_is_on tells whether a section is in force. One that has no switch is.
 * In what we use the switch may be inherited, so only "false" is off; the earlier
 * system took a missing one for off, and so it is in what we do not use.
 */
static bool
section_is_on(const QmNode *map, const QmKey *key, bool unused)
{
    const QmNode *enabled = qm_node_find(map, "enabled");

    if (qm_schema_child(key, "enabled") == NULL)
        return true;
    if (enabled == NULL || qm_node_is_null(enabled))
        return !unused;
    return enabled->kind != QM_NODE_SCALAR || !qm_value_is_false(enabled->text);
}

/* note_wrong remembers that something is there, so that nobody says it was missing. */
static void
note_wrong(QmLoad *load, const QmNode *node, const QmKey *key)
{
    QmPlace *place;

    if (key->type == QM_TYPE_MAPS && qm_schema_part(key, "[]")[1].scope == QM_SCOPE_MARKET)
        load->markets_listed = true;
    if (key->scope == QM_SCOPE_NONE)
        return;
    place = qm_object_place(&load->object[key->scope], key);
    *place = qm_node_place(node);
    place->wrong = true;
}

/* note_unused remembers what the one warning at the end names. */
static void
note_unused(QmLoad *load, const QmNode *node, const QmKey *key)
{
    load->unused_seen[key - qm_schema] = true;
    if (load->unused_place.line == 0 || node->key_line < load->unused_place.line)
        load->unused_place = (QmPlace){.line = node->key_line, .column = node->key_column};
}

const QmFinding qm_limit_missing = {
    .problem = "limits losses, and nothing here enforces it",
    .hint = "disable it, and set limits in the database, or in grid_risk_control",
};

/* stop_for_limit keeps instances from running without a limit that somebody relies on. */
static void
stop_for_limit(QmLoad *load, const QmNode *node)
{
    QmPlace place = {.line = node->key_line, .column = node->key_column};

    qm_load_message(load, QM_CONFIG_STOPS_RUN, &place, load->path, qm_limit_missing);
}

/* check_shares adds the weights of what shares one capital. */
static void
check_shares(QmLoad *load, const QmNode *node)
{
    QmPlace place = qm_node_place(node);
    int64_t sum = 0;

    for (const QmNode *part = node->first; part != NULL; part = part->next)
    {
        const QmNode *weight = part->kind == QM_NODE_MAP ? qm_node_find(part, "weight") : NULL;
        const QmNode *enabled = part->kind == QM_NODE_MAP ? qm_node_find(part, "enabled") : NULL;
        char decimal[QM_DECIMAL_SIZE];
        int64_t share = 0;

        if (weight == NULL || weight->kind != QM_NODE_SCALAR ||
            qm_decimal_read(weight->text, decimal) != QM_DECIMAL_FINE)
            continue;
        if (enabled != NULL && enabled->kind == QM_NODE_SCALAR && qm_value_is_false(enabled->text))
            continue;
        if (!qm_decimal_billionths(decimal, &share) || share > SHARE_MAX)
            share = SHARE_MAX;
        if (share > 0)
            sum += share;
    }
    if (sum > SHARES_MAX)
        qm_load_message(load,
                        QM_CONFIG_ERROR,
                        &place,
                        load->path,
                        (QmFinding){"weights add up to more than all there is", NULL, "at most 1.001", NULL});
}
