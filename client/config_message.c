/*
 * Messages of loading: how they are kept, and how they read.
 */
#include "config_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(char *out, size_t out_size, size_t *used, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * qm_load_message keeps a finding. Beyond QM_CONFIG_MESSAGES_MAX it only counts:
 * a file with a hundred mistakes is not read to the end by anybody.
 */
void
qm_load_message(QmLoad *load, QmConfigSeverity severity, const QmPlace *place, const char *path, QmFinding finding)
{
    QmConfig *config = load->config;
    QmConfigMessage *message;
    bool stops = severity == QM_CONFIG_STOPS_RUN || severity == QM_CONFIG_STOPS_LIVE;

    if (severity == QM_CONFIG_WARNING && load->options->strict)
        severity = QM_CONFIG_ERROR;
    if (severity == QM_CONFIG_ERROR)
        config->error_count++;
    if (severity == QM_CONFIG_WARNING)
        config->warning_count++;
    config->stops_run |= severity == QM_CONFIG_STOPS_RUN;
    config->stops_live |= severity == QM_CONFIG_STOPS_LIVE;
    if ((stops ? config->stop_count : config->message_count) == QM_CONFIG_MESSAGES_MAX)
    {
        config->messages_omitted++;
        return;
    }
    message = stops ? &load->stops[config->stop_count++] : &load->messages[config->message_count++];
    *message = (QmConfigMessage){
        .severity = severity,
        .file = place->file != NULL ? place->file : config->file,
        .line = place->line,
        .column = place->column,
        .path = qm_arena_text(load->arena, path, strlen(path)),
        .problem = finding.problem,
        .found = finding.found != NULL ? finding.found : "",
        .allowed = finding.allowed != NULL ? finding.allowed : "",
        .hint = finding.hint != NULL ? finding.hint : "",
    };
}

/* qm_load_has_room tells whether a further warning or error would be kept, and is worth composing. */
bool
qm_load_has_room(const QmLoad *load)
{
    return load->config->message_count < QM_CONFIG_MESSAGES_MAX;
}

/* qm_path_push_key goes down to a key, and returns what qm_path_pop needs to come back. */
size_t
qm_path_push_key(QmLoad *load, const char *key)
{
    size_t before = load->path_len;

    load->path_len +=
        (size_t) snprintf(load->path + before, sizeof(load->path) - before, "%s%s", before > 0 ? "." : "", key);
    return before;
}

/* qm_path_push_index goes down to an element of a list. */
size_t
qm_path_push_index(QmLoad *load, size_t index)
{
    size_t before = load->path_len;

    load->path_len += (size_t) snprintf(load->path + before, sizeof(load->path) - before, "[%zu]", index);
    return before;
}

void
qm_path_pop(QmLoad *load, size_t len)
{
    load->path_len = len;
    load->path[len] = '\0';
}

/* qm_load_report adds a message about a key of the whole file: where it is written, or what should have it. */
void
qm_load_report(QmLoad *load, QmConfigSeverity severity, const char *path, QmFinding finding)
{
    QmPlace place = qm_load_place(load, path);

    if (!qm_place_is_set(&place))
        place = qm_load_place_of_section(load, path);
    qm_load_message(load, severity, &place, path, finding);
}

/* qm_load_place_of_section returns the place of the last key on a path that the file has, or of its beginning. */
QmPlace
qm_load_place_of_section(const QmLoad *load, const char *path)
{
    QmPlace place = {.line = 1, .column = 1};
    const QmNode *node = load->root;

    while (node != NULL && node->kind == QM_NODE_MAP)
    {
        char name[QM_CONFIG_KEY_MAX + 1] = "";
        size_t len = strcspn(path, ".");

        strncat(name, path, len < sizeof(name) ? len : sizeof(name) - 1);
        node = qm_node_find(node, name);
        if (node != NULL)
            place = (QmPlace){.line = node->key_line, .column = node->key_column};
        path += len + (path[len] == '.');
    }
    return place;
}

/* qm_load_place returns where a key of the whole file was written, if it was. */
QmPlace
qm_load_place(const QmLoad *load, const char *path)
{
    const QmKey *key = qm_schema_find(path);

    return key != NULL && key->scope == QM_SCOPE_CONFIG ? *qm_object_place(&load->object[QM_SCOPE_CONFIG], key)
                                                        : (QmPlace){0};
}

/* qm_load_report_in adds a message about a key that belongs to an exchange, market or allocation, where that begins. */
void
qm_load_report_in(QmLoad *load, const QmObject *object, const char *name, QmConfigSeverity severity, QmFinding finding)
{
    size_t before = load->path_len;

    qm_path_push_key(load, object->path);
    qm_path_push_key(load, name);
    qm_load_message(load, severity, &object->place, load->path, finding);
    qm_path_pop(load, before);
}

/*
 * qm_config_message_format writes a message as one line without a line break and
 * returns how long it is in full; what does not fit is cut off, as by snprintf.
 */
size_t
qm_config_message_format(const QmConfigMessage *message, char *out, size_t out_size)
{
    static const char *const severities[] = {
        [QM_CONFIG_WARNING] = "warning",
        [QM_CONFIG_ERROR] = "error",
        [QM_CONFIG_STOPS_RUN] = "stops run",
        [QM_CONFIG_STOPS_LIVE] = "stops run with real money",
    };
    size_t used = 0;

    if (out_size > 0)
        out[0] = '\0';
    append(out, out_size, &used, "%s:", message->file);
    if (message->line > 0)
        append(out, out_size, &used, "%d:%d:", message->line, message->column);
    append(out, out_size, &used, " %s:", severities[message->severity]);
    if (message->path[0] != '\0')
        append(out, out_size, &used, " %s:", message->path);
    append(out, out_size, &used, " %s", message->problem);
    if (message->found[0] != '\0')
        append(out, out_size, &used, ", found %s", message->found);
    if (message->allowed[0] != '\0')
        append(out, out_size, &used, ", allowed: %s", message->allowed);
    if (message->hint[0] != '\0')
        append(out, out_size, &used, "; %s", message->hint);
    return used;
}

/* append adds to the text what there is room for, and counts all of it. */
static void
append(char *out, size_t out_size, size_t *used, const char *format, ...)
{
    size_t room = *used < out_size ? out_size - *used : 0;
    va_list arguments;

    va_start(arguments, format);
    *used += (size_t) vsnprintf(room > 0 ? out + *used : NULL, room, format, arguments);
    va_end(arguments);
}
