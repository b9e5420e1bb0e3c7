/*
 * Configuration: one YAML file, checked and typed.
 */
#define _POSIX_C_SOURCE 200809L
#include "config.h"

#include "config_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool load_begin(QmLoad *load, const char *name, const QmConfigOptions *options);
static void load_text(QmLoad *load, const char *text, size_t text_len);
static QmConfig *load_end(QmLoad *load);
static void refuse_file(QmLoad *load, const char *problem, const char *found, const char *allowed, const char *hint);
static void load_open_file(QmLoad *load, const char *path);
static bool read_all(QmLoad *load, int file, char *text, size_t *text_len);

/*
 * qm_config_load returns the configuration that a text describes, with messages
 * about what is wrong in it; the name is what they call the file. NULL means that
 * there was no memory, or more than memory_max was needed.
 */
QmConfig *
qm_config_load(const char *name, const char *text, size_t text_len, const QmConfigOptions *options)
{
    QmLoad *load = calloc(1, sizeof(*load));

    if (load == NULL)
        return NULL;
    if (load_begin(load, name, options))
    {
        if (text_len > QM_CONFIG_FILE_MAX)
            refuse_file(load, "too large", NULL, "at most " QM_NUMBER(QM_CONFIG_FILE_MAX) " bytes", NULL);
        else
            load_text(load, text, text_len);
    }
    return load_end(load);
}

/* qm_config_load_file is qm_config_load of a file. A file that cannot be read is a message too. */
QmConfig *
qm_config_load_file(const char *path, const QmConfigOptions *options)
{
    QmLoad *load = calloc(1, sizeof(*load));

    if (load == NULL)
        return NULL;
    if (load_begin(load, path, options))
        load_open_file(load, path);
    return load_end(load);
}

/* load_begin makes an empty configuration; false where there is no memory for it. */
static bool
load_begin(QmLoad *load, const char *name, const QmConfigOptions *options)
{
    static const QmConfigOptions no_options = {0};
    QmConfig *config;

    load->options = options != NULL ? options : &no_options;
    load->arena = qm_arena_create(load->options->memory_max > 0 ? load->options->memory_max : QM_CONFIG_MEMORY_MAX);
    if (load->arena == NULL)
        return false;
    config = qm_arena_alloc(load->arena, 1, sizeof(*config));
    load->messages = qm_arena_alloc(load->arena, QM_CONFIG_MESSAGES_MAX, sizeof(*load->messages));
    load->stops = qm_arena_alloc(load->arena, QM_CONFIG_MESSAGES_MAX, sizeof(*load->stops));
    load->unused_seen = qm_arena_alloc(load->arena, qm_schema_count, sizeof(*load->unused_seen));
    load->object[QM_SCOPE_CONFIG].base = (char *) config;
    load->object[QM_SCOPE_TRADING].base = (char *) &load->trading;
    for (int scope = 0; scope < QM_SCOPES; scope++)
        if (load->object[scope].base != NULL)
            load->object[scope].places = qm_arena_alloc(load->arena, qm_schema_count, sizeof(QmPlace));
    if (load->arena->failed)
        return false;
    config->arena = load->arena;
    config->file = qm_arena_text(load->arena, name, strlen(name));
    config->messages = load->messages;
    config->stops = load->stops;
    load->config = config;
    return true;
}

/* load_text goes through the steps. After a text that is no YAML there is nothing to check. */
static void
load_text(QmLoad *load, const char *text, size_t text_len)
{
    load->root = qm_yaml_read(load, text, text_len);
    if (load->root == NULL || load->arena->failed)
        return;
    qm_load_environment(load);
    qm_load_walk(load);
    if (load->arena->failed)
        return;
    qm_load_inherit(load);
    if (!load->arena->failed)
        qm_load_check(load);
}

/* load_end returns the configuration, unless something of it could not be stored. */
static QmConfig *
load_end(QmLoad *load)
{
    QmConfig *config = load->config;

    if (load->arena == NULL || load->arena->failed)
    {
        qm_arena_free(load->arena);
        config = NULL;
    }
    free(load);
    return config;
}

/* refuse_file says why a file is not read at all. */
static void
refuse_file(QmLoad *load, const char *problem, const char *found, const char *allowed, const char *hint)
{
    qm_load_message(load, QM_CONFIG_ERROR, &(QmPlace){0}, "", (QmFinding){problem, found, allowed, hint});
}

/* load_open_file reads the file and goes on with its text. */
static void
load_open_file(QmLoad *load, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char *text;
    size_t text_len = 0;

    if (file < 0)
    {
        refuse_file(load,
                    errno == ENOENT   ? "does not exist"
                    : errno == EACCES ? "may not be read"
                                      : "cannot be opened",
                    NULL,
                    NULL,
                    NULL);
        return;
    }
    text = malloc(QM_CONFIG_FILE_MAX + 1);
    if (text == NULL)
        load->arena->failed = true;
    else if (read_all(load, file, text, &text_len))
        load_text(load, text, text_len);
    free(text);
    close(file);
}

/* read_all reads to the end of a file, or of a pipe; false, with a message, where that is too much. */
static bool
read_all(QmLoad *load, int file, char *text, size_t *text_len)
{
    struct stat about;
    char found[40];

    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > QM_CONFIG_FILE_MAX)
    {
        snprintf(found, sizeof(found), "%lld bytes", (long long) about.st_size);
        refuse_file(load,
                    "too large",
                    qm_arena_text(load->arena, found, strlen(found)),
                    "at most " QM_NUMBER(QM_CONFIG_FILE_MAX) " bytes",
                    NULL);
        return false;
    }
    while (*text_len <= QM_CONFIG_FILE_MAX)
    {
        ssize_t count = read(file, text + *text_len, QM_CONFIG_FILE_MAX + 1 - *text_len);

        if (count == 0)
            return true;
        if (count < 0 && errno != EINTR)
        {
            refuse_file(load, errno == EISDIR ? "a folder" : "cannot be read", NULL, "a file", NULL);
            return false;
        }
        if (count > 0)
            *text_len += (size_t) count;
    }
    refuse_file(load, "too large", NULL, "at most " QM_NUMBER(QM_CONFIG_FILE_MAX) " bytes", NULL);
    return false;
}

/* qm_config_free frees a configuration and all that was reached from it; NULL is nothing. */
void
qm_config_free(QmConfig *config)
{
    if (config != NULL)
        qm_arena_free(config->arena);
}

/* qm_config_ok tells whether the configuration has no errors, so that its values may be used. */
bool
qm_config_ok(const QmConfig *config)
{
    return config->error_count == 0;
}

/* qm_config_may_run tells whether an instance may run with it, on paper or with real money. */
bool
qm_config_may_run(const QmConfig *config, bool real_money)
{
    return qm_config_ok(config) && !config->stops_run && !(real_money && config->stops_live);
}

/* qm_config_exchange returns an exchange by its name, or NULL. */
const QmExchangeConfig *
qm_config_exchange(const QmConfig *config, const char *name)
{
    for (size_t i = 0; i < config->exchange_count; i++)
        if (strcmp(config->exchanges[i].name, name) == 0)
            return &config->exchanges[i];
    return NULL;
}

/* qm_config_lock_type returns the type of lock that is in force: none where locks are not enabled. */
QmLockType
qm_config_lock_type(const QmConfig *config)
{
    return config->lock.enabled ? config->lock.type : QM_LOCK_NOP;
}
