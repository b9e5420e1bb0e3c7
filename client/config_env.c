/*
 * The environment in configurations: variables that stand for keys, and ${...}
 * in values.
 *
 *   ${NAME}           the variable, which has to be set
 *   ${NAME:-text}     the variable, or the text where it is not set or empty
 *   ${file:/a/path}   what is in a file, without the line break at its end
 *   $${               the two characters ${
 *
 * What comes in that way is taken as it is: nothing in it is replaced again.
 * A variable for a key counts before the file.
 */
#define _POSIX_C_SOURCE 200809L
#include "config_load.h"
#include "config_text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_PREFIX "file:"
#define REFERENCE_HINT "write ${NAME}, ${NAME:-default} or ${file:/path}; $${ stands for ${ itself"

typedef struct Expansion
{
    QmLoad *load;
    QmFinding *finding;
    char text[QM_CONFIG_TEXT_MAX + 1];
    size_t used;
} Expansion;

static const struct
{
    const char *name;
    const char *path;
} variables[] = {
    {"INSTANCE_ID", "instance.id"},
    {"INSTANCE_INDEX", "instance.index"},
    {"DATABASE_TYPE", "database.type"},
    {"DATABASE_DSN", "database.dsn"},
    {"REDIS_ADDR", "distributed_lock.redis.addr"},
    {"STANDBY_MODE", "instance.standby"},
};

static void store_variable(QmLoad *load, const char *name, const QmKey *key, const char *value);
static const char *expand_reference(Expansion *expansion, const char *at);
static const char *look_up(QmLoad *load, const char *name);
static bool expand_variable(Expansion *expansion, const char *inside, size_t inside_len);
static bool expand_file(Expansion *expansion, const char *path);
static bool read_secret(Expansion *expansion, int file);
static bool add(Expansion *expansion, const char *text, size_t len);
static bool fail(Expansion *expansion, const char *problem, const char *found, const char *hint);
static size_t name_len(const char *text);

/* qm_load_environment stores the values of variables that stand for keys. An empty one is not set. */
void
qm_load_environment(QmLoad *load)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
    {
        const char *value = look_up(load, variables[i].name);

        if (value != NULL && value[0] != '\0')
            store_variable(load, variables[i].name, qm_schema_find(variables[i].path), value);
    }
}

/* store_variable stores one variable, or says what is wrong with it. */
static void
store_variable(QmLoad *load, const char *name, const QmKey *key, const char *value)
{
    QmObject *object = &load->object[key->scope];
    QmPlace place = {.file = qm_text_join(load->arena, "environment variable ", name, "")};
    QmFinding finding = {0};
    size_t len = strnlen(value, QM_CONFIG_TEXT_MAX + 1);

    *qm_object_place(object, key) = place;
    if (key->type == QM_TYPE_BOOL && (strcmp(value, "0") == 0 || strcmp(value, "1") == 0))
        value = *value == '1' ? "true" : "false";
    if (len > QM_CONFIG_TEXT_MAX)
        finding.problem = "too long";
    else if (qm_value_store(load,
                            key,
                            object->base + key->offset,
                            qm_reference_escape(load->arena, value),
                            value,
                            &finding) != QM_VALUE_WRONG)
        return;
    qm_object_place(object, key)->wrong = true;
    finding.allowed = qm_schema_allowed(key, load->arena);
    if (key->type != QM_TYPE_DSN)
        finding.found = qm_text_quote(load->arena, value);
    qm_load_message(load, QM_CONFIG_ERROR, &place, key->path, finding);
}

/* qm_expand returns the text with its references replaced, or NULL and why not in the finding. */
const char *
qm_expand(QmLoad *load, const char *text, QmFinding *finding)
{
    Expansion expansion = {.load = load, .finding = finding};
    const char *at = text;
    const char *problem;

    if (strstr(text, "${") == NULL)
        return text;
    /* A default that is not used is printed again all the same. */
    problem = qm_text_value_problem(text, strlen(text));
    if (problem != NULL)
    {
        fail(&expansion, problem, NULL, NULL);
        return NULL;
    }
    while (*at != '\0')
    {
        if (strncmp(at, "$${", 3) == 0)
        {
            if (!add(&expansion, "${", 2))
                return NULL;
            at += 3;
        }
        else if (strncmp(at, "${", 2) == 0)
        {
            at = expand_reference(&expansion, at + 2);
            if (at == NULL)
                return NULL;
        }
        else if (!add(&expansion, at++, 1))
            return NULL;
    }
    return qm_arena_text(load->arena, expansion.text, expansion.used);
}

/* expand_reference adds what a reference stands for and returns where the text goes on, or NULL. */
static const char *
expand_reference(Expansion *expansion, const char *at)
{
    const char *end = strchr(at, '}');
    bool done;

    if (end == NULL)
    {
        fail(expansion, "a ${ without its }", NULL, REFERENCE_HINT);
        return NULL;
    }
    if (strncmp(at, FILE_PREFIX "/", strlen(FILE_PREFIX "/")) == 0)
    {
        const char *path = at + strlen(FILE_PREFIX);

        done = expand_file(expansion, qm_arena_text(expansion->load->arena, path, (size_t) (end - path)));
    }
    else
        done = expand_variable(expansion, at, (size_t) (end - at));
    return done ? end + 1 : NULL;
}

/* expand_variable adds the value of NAME or NAME:-default. */
static bool
expand_variable(Expansion *expansion, const char *inside, size_t inside_len)
{
    size_t len = name_len(inside);
    const char *name = qm_arena_text(expansion->load->arena, inside, len);
    bool has_default = inside_len >= len + 2 && strncmp(inside + len, ":-", 2) == 0;
    const char *value;

    if (len == 0 || (len != inside_len && !has_default))
        return fail(expansion, "a reference that is not understood", NULL, REFERENCE_HINT);
    value = look_up(expansion->load, name);
    if (has_default && (value == NULL || value[0] == '\0'))
        return add(expansion, inside + len + 2, inside_len - len - 2);
    if (value == NULL)
        return fail(expansion, "an environment variable that is not set", name, "set it, or write ${NAME:-default}");
    return add(expansion, value, strnlen(value, sizeof(expansion->text)));
}

/* look_up asks the caller's environment; without one, nothing is set. */
static const char *
look_up(QmLoad *load, const char *name)
{
    return load->options->lookup != NULL ? load->options->lookup(load->options->lookup_context, name) : NULL;
}

/* name_len returns the length of the variable's name that the text begins with. */
static size_t
name_len(const char *text)
{
    size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return text[0] >= '0' && text[0] <= '9' ? 0 : len;
}

/* expand_file adds what is in a file. Opening must not wait, as it would for a pipe without a writer. */
static bool
expand_file(Expansion *expansion, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool done;

    if (file < 0)
        return fail(expansion,
                    errno == ENOENT   ? "a file that does not exist"
                    : errno == EACCES ? "a file that may not be read"
                                      : "a file that cannot be opened",
                    path,
                    NULL);
    done = read_secret(expansion, file);
    close(file);
    if (!done && expansion->finding->found == NULL)
        expansion->finding->found = qm_text_quote(expansion->load->arena, path);
    return done;
}

/* read_secret adds the contents of an open file. */
static bool
read_secret(Expansion *expansion, int file)
{
    char text[QM_CONFIG_SECRET_FILE_MAX + 1];
    size_t used = 0;
    struct stat about;

    if (fstat(file, &about) != 0 || !S_ISREG(about.st_mode))
        return fail(expansion, "not a file with a value in it", NULL, NULL);
    while (used < sizeof(text))
    {
        ssize_t count = read(file, text + used, sizeof(text) - used);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(expansion, "a file that cannot be read", NULL, NULL);
        if (count == 0)
            break;
        used += (size_t) count;
    }
    if (used == sizeof(text))
        return fail(expansion, "a file that is too long for a value", NULL, NULL);
    if (used > 0 && text[used - 1] == '\n')
        used--;
    if (used > 0 && text[used - 1] == '\r')
        used--;
    if (memchr(text, '\0', used) != NULL)
        return fail(expansion, "a file with a zero byte in it", NULL, NULL);
    return add(expansion, text, used);
}

/* add appends to the result, within QM_CONFIG_TEXT_MAX. */
static bool
add(Expansion *expansion, const char *text, size_t len)
{
    if (len > QM_CONFIG_TEXT_MAX - expansion->used)
        return fail(expansion, "too long with its references replaced", NULL, NULL);
    memcpy(expansion->text + expansion->used, text, len);
    expansion->used += len;
    return true;
}

/* fail says why a reference cannot be replaced, and returns false. */
static bool
fail(Expansion *expansion, const char *problem, const char *found, const char *hint)
{
    expansion->finding->problem = problem;
    expansion->finding->allowed = "";
    if (found != NULL)
        expansion->finding->found = qm_text_quote(expansion->load->arena, found);
    expansion->finding->hint = hint;
    return false;
}
