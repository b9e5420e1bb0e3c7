/*
 * YAML into a tree, strictly: one document, a mapping at its top, no key twice,
 * no tags but YAML's own, and a limit on everything. Anchors are taken: an alias
 * is a copy, counted as if it had been written out, and << merges mappings.
 */
#include "config_load.h"
#include "config_text.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define TAG_PREFIX "tag:yaml.org,2002:"

/* What such a value was is not shown: it may be a secret that its writer forgot to quote. */
#define QUOTES_HINT "put quotes around a value that begins with * & or !"

typedef struct Anchor
{
    const char *name;
    const QmNode *node;
} Anchor;

/* A mapping's key as read. */
typedef struct Key
{
    const char *name;
    int line;
    int column;
    bool merges; /* << without quotes */
    bool again;  /* was there before: its value is read and dropped */
} Key;

typedef struct Reader
{
    QmLoad *load;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one, if any */
    bool has_event;
    size_t nodes;
    Anchor anchors[QM_CONFIG_ANCHORS_MAX];
    size_t anchor_count;
} Reader;

static const QmNode *read_document(Reader *reader);
static bool next_event(Reader *reader);
static void refuse_syntax(Reader *reader);
static void *refuse(Reader *reader, const char *problem, const char *found, const char *allowed, const char *hint);
static QmNode *read_node(Reader *reader, int depth);
static bool read_children(Reader *reader, QmNode *node, int depth);
static QmNode *read_child(Reader *reader, const QmNode *parent, const Key *key, int depth);
static bool read_key(Reader *reader, const QmNode *map, const QmNode *merged, Key *key);
static bool check_tag(Reader *reader);
static QmNode *new_node(Reader *reader, QmNodeKind kind);
static void add_child(QmNode *parent, QmNode *child);
static bool add_anchor(Reader *reader, const char *name, const QmNode *node);
static QmNode *read_alias(Reader *reader, int depth);
static QmNode *copy_node(Reader *reader, const QmNode *node, int depth);
static bool merge(Reader *reader, QmNode *map, const QmNode *merged);
static bool merge_from(Reader *reader, QmNode *map, const QmNode *source, const QmNode *merged);

/*
 * qm_yaml_read returns the tree of a text, or NULL where it is not one mapping;
 * the messages say why.
 */
const QmNode *
qm_yaml_read(QmLoad *load, const char *text, size_t text_len)
{
    Reader reader = {.load = load};
    const QmNode *root = NULL;
    QmTextFault fault;

    if (text_len >= 2 && (memcmp(text, "\xFF\xFE", 2) == 0 || memcmp(text, "\xFE\xFF", 2) == 0))
    {
        qm_load_message(load,
                        QM_CONFIG_ERROR,
                        &(QmPlace){.line = 1, .column = 1},
                        "",
                        (QmFinding){"the file is UTF-16", NULL, "UTF-8", "save it as UTF-8"});
        return NULL;
    }
    if (text_len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
    {
        text += 3;
        text_len -= 3;
    }
    if (!qm_text_check_file(text, text_len, &fault))
    {
        char byte[16];

        snprintf(byte, sizeof(byte), "byte 0x%02x", (unsigned char) text[fault.at]);
        qm_load_message(load,
                        QM_CONFIG_ERROR,
                        &(QmPlace){.line = fault.line, .column = fault.column},
                        "",
                        (QmFinding){fault.problem, qm_arena_text(load->arena, byte, strlen(byte)), NULL, NULL});
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser))
    {
        load->arena->failed = true;
        return NULL;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *) text, text_len);
    root = read_document(&reader);
    if (reader.has_event)
        yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return root;
}

/* read_document reads the only document, which has to be a mapping. */
static const QmNode *
read_document(Reader *reader)
{
    QmNode *root;

    if (!next_event(reader) || !next_event(reader)) /* start of stream, start of document */
        return NULL;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return refuse(reader, "nothing in the file", NULL, NULL, NULL);
    if (!next_event(reader))
        return NULL;
    root = read_node(reader, 1);
    if (root == NULL)
        return NULL;
    if (root->kind != QM_NODE_MAP)
    {
        qm_load_message(reader->load,
                        QM_CONFIG_ERROR,
                        &(QmPlace){.line = root->line, .column = root->column},
                        "",
                        (QmFinding){"not a configuration", qm_node_kind_name(root), "a mapping, key: value", NULL});
        return NULL;
    }
    if (!next_event(reader) || !next_event(reader)) /* end of document, end of stream */
        return NULL;
    if (reader->event.type != YAML_STREAM_END_EVENT)
        return refuse(reader, "a second document", NULL, "one document in a file", NULL);
    return root;
}

/* next_event goes on to the parser's next event; false, with a message, where the text is not YAML. */
static bool
next_event(Reader *reader)
{
    if (reader->has_event)
        yaml_event_delete(&reader->event);
    reader->has_event = yaml_parser_parse(&reader->parser, &reader->event) != 0;
    if (!reader->has_event)
        refuse_syntax(reader);
    return reader->has_event;
}

/* refuse_syntax says what the parser did not understand, and where. */
static void
refuse_syntax(Reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "it ends too soon";
    QmPlace place = {.line = (int) parser->problem_mark.line + 1, .column = (int) parser->problem_mark.column + 1};
    QmFinding finding = {.problem = qm_text_join(reader->load->arena, "not YAML: ", problem, "")};
    char hint[64];

    if (parser->error == YAML_MEMORY_ERROR)
    {
        reader->load->arena->failed = true;
        return;
    }
    if (strstr(problem, "cannot start any token") != NULL)
        finding.hint = "indent with spaces, not with tabs, and put quotes around values that begin with % @ or `";
    else if (parser->context != NULL && parser->context_mark.line < parser->problem_mark.line)
    {
        snprintf(hint, sizeof(hint), "look at what begins on line %zu", parser->context_mark.line + 1);
        finding.hint = qm_arena_text(reader->load->arena, hint, strlen(hint));
    }
    else if (strstr(problem, "mapping values are not allowed") != NULL)
        finding.hint = "check the indentation, and put quotes around a value that has a colon in it";
    qm_load_message(reader->load, QM_CONFIG_ERROR, &place, "", finding);
}

/* refuse says why the current event is not taken, and returns NULL. */
static void *
refuse(Reader *reader, const char *problem, const char *found, const char *allowed, const char *hint)
{
    QmPlace place = {.line = (int) reader->event.start_mark.line + 1,
                     .column = (int) reader->event.start_mark.column + 1};

    qm_load_message(reader->load,
                    QM_CONFIG_ERROR,
                    &place,
                    reader->load->path,
                    (QmFinding){problem, found, allowed, hint});
    return NULL;
}

/*
 * read_node returns the value that begins with the current event, and leaves its
 * last event the current one. NULL, with a message, where it is not taken.
 */
static QmNode *
read_node(Reader *reader, int depth)
{
    const yaml_event_t *event = &reader->event;
    const char *anchor = NULL;
    QmNode *node = NULL;

    if (depth > QM_CONFIG_DEPTH_MAX)
        return refuse(reader, "nested too deeply", NULL, "at most " QM_NUMBER(QM_CONFIG_DEPTH_MAX) " levels", NULL);
    if (event->type == YAML_ALIAS_EVENT)
        return read_alias(reader, depth);
    if (!check_tag(reader))
        return NULL;
    if (event->type == YAML_SCALAR_EVENT)
    {
        if (strlen((const char *) event->data.scalar.value) != event->data.scalar.length)
            return refuse(reader, "has a zero byte in it", NULL, NULL, NULL);
        if (event->data.scalar.length > QM_CONFIG_TEXT_MAX)
            return refuse(reader, "too long", NULL, "at most " QM_NUMBER(QM_CONFIG_TEXT_MAX) " bytes", NULL);
        anchor = (const char *) event->data.scalar.anchor;
    }
    else
        anchor = (const char *) (event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor
                                                                         : event->data.sequence_start.anchor);
    if (anchor != NULL)
        anchor = qm_arena_text(reader->load->arena, anchor, strlen(anchor));

    node = new_node(reader,
                    event->type == YAML_SCALAR_EVENT          ? QM_NODE_SCALAR
                    : event->type == YAML_MAPPING_START_EVENT ? QM_NODE_MAP
                                                              : QM_NODE_LIST);
    if (node == NULL)
        return NULL;
    node->line = (int) event->start_mark.line + 1;
    node->column = (int) event->start_mark.column + 1;
    if (node->kind == QM_NODE_SCALAR)
    {
        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && event->data.scalar.plain_implicit;
        node->text =
            qm_arena_text(reader->load->arena, (const char *) event->data.scalar.value, event->data.scalar.length);
    }
    else if (!read_children(reader, node, depth))
        return NULL;
    return anchor == NULL || add_anchor(reader, anchor, node) ? node : NULL;
}

/* read_children reads what is in a mapping or list, to its end. */
static bool
read_children(Reader *reader, QmNode *node, int depth)
{
    yaml_event_type_t end = node->kind == QM_NODE_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    const QmNode *merged = NULL;

    for (;;)
    {
        QmNode *child;
        Key key = {0};

        if (!next_event(reader))
            return false;
        if (reader->event.type == end)
            return merged == NULL || merge(reader, node, merged);
        if (node->kind == QM_NODE_MAP && (!read_key(reader, node, merged, &key) || !next_event(reader)))
            return false;
        child = read_child(reader, node, &key, depth);
        if (child == NULL)
            return false;
        if (key.merges && !key.again)
            merged = child;
        else if (!key.again)
            add_child(node, child);
    }
}

/* read_child reads the value of a key, or the next element of a list. */
static QmNode *
read_child(Reader *reader, const QmNode *parent, const Key *key, int depth)
{
    size_t before = parent->kind == QM_NODE_MAP ? qm_path_push_key(reader->load, key->name)
                                                : qm_path_push_index(reader->load, parent->count);
    QmNode *child = read_node(reader, depth + 1);

    qm_path_pop(reader->load, before);
    if (child != NULL && parent->kind == QM_NODE_MAP)
    {
        child->key = key->name;
        child->key_line = key->line;
        child->key_column = key->column;
    }
    return child;
}

/*
 * read_key reads the current event as a mapping's next key; false where reading
 * cannot go on. A key that was there before is a message, and reading goes on.
 */
static bool
read_key(Reader *reader, const QmNode *map, const QmNode *merged, Key *key)
{
    const yaml_event_t *event = &reader->event;
    const char *text = (const char *) event->data.scalar.value;
    size_t len = event->data.scalar.length;
    const QmNode *first;

    if (event->type != YAML_SCALAR_EVENT)
        return refuse(reader, "a key that is no word", NULL, "a word and a colon", NULL) != NULL;
    if (len == 0 || len > QM_CONFIG_KEY_MAX)
        return refuse(reader,
                      len == 0 ? "a key without a name" : "a key that is too long",
                      NULL,
                      "1 to " QM_NUMBER(QM_CONFIG_KEY_MAX) " bytes",
                      NULL) != NULL;
    if (strlen(text) != len || qm_text_value_problem(text, len) != NULL)
        return refuse(reader, "a key with a control character in it", NULL, NULL, NULL) != NULL;
    if (map->count >= QM_CONFIG_KEYS_MAX)
        return refuse(reader,
                      "too many keys",
                      NULL,
                      "at most " QM_NUMBER(QM_CONFIG_KEYS_MAX) " in one mapping",
                      NULL) != NULL;

    key->name = qm_arena_text(reader->load->arena, text, len);
    key->line = (int) event->start_mark.line + 1;
    key->column = (int) event->start_mark.column + 1;
    key->merges = strcmp(text, "<<") == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    first = key->merges ? merged : qm_node_find(map, key->name);
    key->again = first != NULL;
    if (key->again)
    {
        size_t before = qm_path_push_key(reader->load, key->name);
        char found[40];

        snprintf(found, sizeof(found), "it on line %d before", first->key_line);
        (void) refuse(reader,
                      "a key that is there twice",
                      qm_arena_text(reader->load->arena, found, strlen(found)),
                      NULL,
                      "remove one of them");
        qm_path_pop(reader->load, before);
    }
    return true;
}

/* check_tag refuses a value with a tag that is not one of YAML's plain types. */
static bool
check_tag(Reader *reader)
{
    static const char *const taken[] = {"str", "int", "float", "bool", "null", "map", "seq"};
    const yaml_event_t *event = &reader->event;
    const char *tag = (const char *) (event->type == YAML_SCALAR_EVENT          ? event->data.scalar.tag
                                      : event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.tag
                                                                                : event->data.sequence_start.tag);

    if (tag == NULL || strcmp(tag, "!") == 0)
        return true;
    if (strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)) == 0)
        for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
            if (strcmp(tag + strlen(TAG_PREFIX), taken[i]) == 0)
                return true;
    return refuse(reader, "a tag that is not taken", NULL, "values without tags", QUOTES_HINT) != NULL;
}

/* new_node returns an empty node, within QM_CONFIG_NODES_MAX. */
static QmNode *
new_node(Reader *reader, QmNodeKind kind)
{
    QmNode *node;

    if (++reader->nodes > QM_CONFIG_NODES_MAX)
        return refuse(reader,
                      "too much in the file",
                      NULL,
                      "at most " QM_NUMBER(QM_CONFIG_NODES_MAX) " values, aliases written out",
                      NULL);
    node = qm_arena_alloc(reader->load->arena, 1, sizeof(*node));
    if (node != NULL)
        node->kind = kind;
    return node;
}

static void
add_child(QmNode *parent, QmNode *child)
{
    child->next = NULL;
    if (parent->first == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    parent->count++;
}

/* add_anchor makes a finished value known by a name; the same name may be given again. */
static bool
add_anchor(Reader *reader, const char *name, const QmNode *node)
{
    if (reader->anchor_count == QM_CONFIG_ANCHORS_MAX)
        return refuse(reader, "too many anchors", NULL, "at most " QM_NUMBER(QM_CONFIG_ANCHORS_MAX), NULL) != NULL;
    reader->anchors[reader->anchor_count++] = (Anchor){name, node};
    return true;
}

/* read_alias returns a copy of what the alias names; inside itself a value has no name yet. */
static QmNode *
read_alias(Reader *reader, int depth)
{
    const char *name = (const char *) reader->event.data.alias.anchor;

    for (size_t i = reader->anchor_count; i > 0; i--)
        if (strcmp(reader->anchors[i - 1].name, name) == 0)
            return copy_node(reader, reader->anchors[i - 1].node, depth);
    return refuse(reader, "an alias of nothing", NULL, "the name of an anchor before it", QUOTES_HINT);
}

/* copy_node copies a value with all in it; its place stays where it was written. */
static QmNode *
copy_node(Reader *reader, const QmNode *node, int depth)
{
    QmNode *copy;

    if (depth > QM_CONFIG_DEPTH_MAX)
        return refuse(reader, "nested too deeply", NULL, "at most " QM_NUMBER(QM_CONFIG_DEPTH_MAX) " levels", NULL);
    copy = new_node(reader, node->kind);
    if (copy == NULL)
        return NULL;
    *copy = *node;
    copy->first = copy->last = copy->next = NULL;
    copy->count = 0;
    for (const QmNode *child = node->first; child != NULL; child = child->next)
    {
        QmNode *child_copy = copy_node(reader, child, depth + 1);

        if (child_copy == NULL)
            return NULL;
        add_child(copy, child_copy);
    }
    return copy;
}

/* merge adds the keys of a mapping, or of a list of them, that << names; what is written in the mapping itself counts. */
static bool
merge(Reader *reader, QmNode *map, const QmNode *merged)
{
    if (merged->kind != QM_NODE_LIST)
        return merge_from(reader, map, merged, merged);
    for (const QmNode *element = merged->first; element != NULL; element = element->next)
        if (!merge_from(reader, map, element, merged))
            return false;
    return true;
}

/* merge_from adds the keys of source that map does not have. What is below them is shared, and changed by nobody. */
static bool
merge_from(Reader *reader, QmNode *map, const QmNode *source, const QmNode *merged)
{
    QmPlace place = {.line = merged->key_line, .column = merged->key_column};

    if (source->kind != QM_NODE_MAP)
    {
        qm_load_message(reader->load,
                        QM_CONFIG_ERROR,
                        &place,
                        reader->load->path,
                        (QmFinding){"<< merges mappings",
                                    qm_node_kind_name(source),
                                    "an alias of a mapping, or a list of them",
                                    NULL});
        return false;
    }
    for (const QmNode *child = source->first; child != NULL; child = child->next)
    {
        QmNode *copy;

        if (qm_node_find(map, child->key) != NULL)
            continue;
        if (map->count >= QM_CONFIG_KEYS_MAX)
            return refuse(reader,
                          "too many keys",
                          NULL,
                          "at most " QM_NUMBER(QM_CONFIG_KEYS_MAX) " in one mapping",
                          NULL) != NULL;
        copy = new_node(reader, child->kind);
        if (copy == NULL)
            return false;
        *copy = *child;
        add_child(map, copy);
    }
    return true;
}

/* qm_node_find returns the value of a mapping's key, or NULL. */
const QmNode *
qm_node_find(const QmNode *map, const char *key)
{
    for (const QmNode *child = map->first; child != NULL; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

/* qm_node_is_null tells whether there is nothing: no value, ~ or null. */
bool
qm_node_is_null(const QmNode *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

    if (node->kind == QM_NODE_SCALAR && node->plain)
        for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
            if (strcmp(node->text, nulls[i]) == 0)
                return true;
    return false;
}

/* qm_node_kind_name returns what a message calls a value of this kind. */
const char *
qm_node_kind_name(const QmNode *node)
{
    return node->kind == QM_NODE_MAP ? "a mapping" : node->kind == QM_NODE_LIST ? "a list" : "a single value";
}

QmPlace
qm_node_place(const QmNode *node)
{
    return (QmPlace){.line = node->line, .column = node->column};
}
