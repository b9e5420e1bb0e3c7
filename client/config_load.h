/*
 * Loading of a configuration, seen from inside: the state that its steps share.
 *
 *   config_yaml.c    text to a tree of nodes
 *   config_env.c     environment variables that stand for keys; ${...} in values
 *   config_walk.c    the tree against the table of keys: kinds, unknown keys, what is not used
 *   config_object.c  the structs that values are stored in
 *   config_value.c   one value into its typed field
 *   config_inherit.c what is not set: inherited, or the default
 *   config_check.c   rules between keys
 *   config_exchange.c  those about exchanges
 *
 * Each step adds messages and goes on; what it could not read stays unset.
 */
#ifndef QM_CONFIG_LOAD_H
#define QM_CONFIG_LOAD_H

#include "config.h"
#include "config_arena.h"
#include "config_schema.h"

/* A limit as text for a message. */
#define QM_DIGITS(number) #number
#define QM_NUMBER(limit) QM_DIGITS(limit)

#define QM_PATH_SIZE ((QM_CONFIG_KEY_MAX + 16) * (QM_CONFIG_DEPTH_MAX + 1))

typedef enum QmNodeKind
{
    QM_NODE_SCALAR,
    QM_NODE_MAP,
    QM_NODE_LIST
} QmNodeKind;

/* A value in the file. Children are a chain. */
typedef struct QmNode
{
    QmNodeKind kind;
    bool plain; /* a scalar without quotes, so that null is null */
    int line;
    int column;
    const char *text; /* of a scalar */
    const char *key;  /* of a mapping's child */
    int key_line;
    int key_column;
    size_t count;
    struct QmNode *first;
    struct QmNode *last;
    struct QmNode *next;
} QmNode;

/* Where a message points to; file NULL is the file that is loaded. */
typedef struct QmPlace
{
    const char *file;
    int line;
    int column;
    bool wrong; /* what is written there could not be read, and has its message */
} QmPlace;

/* What one scope's keys are stored in, and where each of its values was written (line 0 and no file: nowhere). */
typedef struct QmObject
{
    char *base;
    QmPlace *places; /* by number of the key */
    QmPlace place;   /* of the whole */
    const char *path;
} QmObject;

/* A market before it has inherited. The same struct holds what stands in trading itself. */
typedef struct QmMarketDraft
{
    QmMarketConfig market;
    int window_size; /* for both windows */
} QmMarketDraft;

typedef struct QmObjects
{
    QmObject *items;
    size_t count;
} QmObjects;

typedef struct QmLoad
{
    QmConfig *config;
    QmArena *arena;
    const QmConfigOptions *options;
    const QmNode *root; /* of what the file says */
    QmConfigMessage *messages;
    QmConfigMessage *stops;

    QmObject object[QM_SCOPES];   /* what values of a scope go to at the moment */
    QmObjects objects[QM_SCOPES]; /* all of a scope that the file describes */
    QmMarketDraft trading;
    bool markets_listed; /* trading.symbols is a list, be it an empty one */

    bool *unused_seen; /* by number of the key */
    QmPlace unused_place;
    char path[QM_PATH_SIZE];
    size_t path_len;
} QmLoad;

/* What a message says beside where. NULL is nothing. */
typedef struct QmFinding
{
    const char *problem;
    const char *found;
    const char *allowed;
    const char *hint;
} QmFinding;

/* config_message.c */
extern void qm_load_message(QmLoad *load, QmConfigSeverity severity, const QmPlace *place, const char *path,
                            QmFinding finding);
extern bool qm_load_has_room(const QmLoad *load);
extern void qm_load_report(QmLoad *load, QmConfigSeverity severity, const char *path, QmFinding finding);
extern void qm_load_report_in(QmLoad *load, const QmObject *object, const char *name, QmConfigSeverity severity,
                              QmFinding finding);
extern QmPlace qm_load_place(const QmLoad *load, const char *path);
extern QmPlace qm_load_place_of_section(const QmLoad *load, const char *path);
extern size_t qm_path_push_key(QmLoad *load, const char *key);
extern size_t qm_path_push_index(QmLoad *load, size_t index);
extern void qm_path_pop(QmLoad *load, size_t len);

/* config_yaml.c */
extern const QmNode *qm_yaml_read(QmLoad *load, const char *text, size_t text_len);
extern const QmNode *qm_node_find(const QmNode *map, const char *key);
extern bool qm_node_is_null(const QmNode *node);
extern const char *qm_node_kind_name(const QmNode *node);
extern QmPlace qm_node_place(const QmNode *node);

/* config_env.c */
extern void qm_load_environment(QmLoad *load);
extern const char *qm_expand(QmLoad *load, const char *text, QmFinding *finding);

/* config_object.c */
extern bool qm_objects_begin(QmLoad *load, const QmNode *node, const QmKey *key);
extern bool qm_object_begin(QmLoad *load, const QmNode *part, const QmKey *key);
extern bool qm_object_add(QmLoad *load, QmKeyScope scope, QmPlace place, const char *path);
extern QmPlace *qm_object_place(const QmObject *object, const QmKey *key);
extern bool qm_place_is_set(const QmPlace *place);

/* config_walk.c */
extern const QmFinding qm_limit_missing; /* of a limit that is enabled and that nothing here enforces */

extern void qm_load_walk(QmLoad *load);

/* config_value.c */
typedef enum QmValueResult
{
    QM_VALUE_STORED,
    QM_VALUE_UNSET,
    QM_VALUE_WRONG
} QmValueResult;

extern QmValueResult qm_value_store(QmLoad *load, const QmKey *key, void *field, const char *raw, const char *text,
                                    QmFinding *finding);
extern bool qm_value_matches(const QmKey *key, const char *text);
extern bool qm_value_is_false(const char *text);
extern size_t qm_value_size(QmKeyType type);

/* config_secret.c */
extern const char *qm_secret_shown(QmArena *arena, const char *raw);
extern const char *qm_dsn_shown(QmArena *arena, const char *raw);
extern const char *qm_reference_escape(QmArena *arena, const char *text);

/* config_inherit.c */
extern void qm_load_inherit(QmLoad *load);
extern void qm_exchange_default(QmLoad *load, QmExchangeConfig *exchange);

/* config_check.c */
extern void qm_load_check(QmLoad *load);
extern bool qm_lock_uses(const QmLockConfig *lock, const char *section);

/* config_exchange.c */
extern void qm_load_check_exchanges(QmLoad *load);
extern void qm_load_check_exchange_name(QmLoad *load, const QmPlace *place, const char *path, const char *name);

#endif
