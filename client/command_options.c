/*
 * Options and operands of a command, checked against what the command takes.
 *
 * An option is written out, --name VALUE or --name=VALUE, and given once: what is
 * repeated or shortened could stop the wrong market.
 */
#include "command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_text.h"

static const QmOption database_options[] = {
    {"db", "CONNINFO", "the database: a connection string or URI of libpq, service=NAME included"},
    {"config", "FILE", "the database of this configuration file"},
    {"timeout", "SECONDS", "how long to wait for an answer of the server, 1 to 3600 (15)"},
    {NULL, NULL, NULL},
};

static const QmOption listing_options[] = {
    {"json", NULL, "print JSON"},
    {NULL, NULL, NULL},
};

static bool option_take(QmInvocation *invocation, int count, char **arguments, int *at);
static const QmOption *option_of(const QmCommand *command, const char *name, size_t len);
static bool option_unknown(const QmCommand *command, const char *argument, size_t len);

/*
 * qm_options_parse takes the arguments behind a command's name apart. False, and
 * it has said why, when they are not what the command takes.
 */
bool
qm_options_parse(QmInvocation *invocation, int count, char **arguments)
{
    const QmCommand *command = invocation->command;
    bool options_over = false;

    for (int i = 0; i < count; i++)
    {
        if (!options_over && strcmp(arguments[i], "--") == 0)
            options_over = true;
        else if (!options_over && arguments[i][0] == '-' && arguments[i][1] != '\0')
        {
            if (!option_take(invocation, count, arguments, &i))
                return false;
        }
        else if (invocation->operand_count == command->operands_max)
        {
            qm_say_usage(command, "unexpected argument \"%s\"", arguments[i]);
            return false;
        }
        else
            invocation->operands[invocation->operand_count++] = arguments[i];
    }
    if (invocation->operand_count < command->operands_min)
    {
        qm_say_usage(command, "%s is missing", command->operands);
        return false;
    }
    return true;
}

/* option_take takes the option at a place, and its value where that is the next argument. */
static bool
option_take(QmInvocation *invocation, int count, char **arguments, int *at)
{
    const char *argument = arguments[*at];
    size_t len = strcspn(argument, "=");
    const char *value = argument[len] == '=' ? argument + len + 1 : NULL;
    const QmOption *option =
        strncmp(argument, "--", 2) == 0 ? option_of(invocation->command, argument + 2, len - 2) : NULL;

    if (option == NULL)
        return option_unknown(invocation->command, argument, len);
    if (qm_option(invocation, option->name) != NULL)
    {
        qm_say_usage(invocation->command, "--%s is given twice", option->name);
        return false;
    }
    if (option->argument == NULL && value != NULL)
    {
        qm_say_usage(invocation->command, "--%s takes no value", option->name);
        return false;
    }
    if (option->argument != NULL && value == NULL)
    {
        if (*at + 1 >= count)
        {
            qm_say_usage(invocation->command, "--%s needs a value, %s", option->name, option->argument);
            return false;
        }
        value = arguments[++*at];
    }
    invocation->given[invocation->given_count] = option;
    invocation->values[invocation->given_count++] = value != NULL ? value : "";
    return true;
}

/* option_of returns the option of a name, NULL when the command does not take it. */
static const QmOption *
option_of(const QmCommand *command, const char *name, size_t len)
{
    for (int list = 0; list < 3; list++)
    {
        for (const QmOption *option = qm_option_list(command, list); option->name != NULL; option++)
        {
            if (strlen(option->name) == len && strncmp(option->name, name, len) == 0)
                return option;
        }
    }
    return NULL;
}

/* option_unknown says that a command does not take an option, and which may have been meant. Its value is not shown: it may be a secret. */
static bool
option_unknown(const QmCommand *command, const char *argument, size_t len)
{
    char name[64];

    if (len >= sizeof(name))
        len = sizeof(name) - 1;
    memcpy(name, argument, len);
    name[len] = '\0';
    for (int list = 0; list < 3; list++)
    {
        for (const QmOption *option = qm_option_list(command, list); option->name != NULL; option++)
        {
            const char *word = name + strspn(name, "-");

            if (qm_text_is_near(word, option->name, qm_text_distance(word, option->name)))
            {
                qm_say_usage(command, "unknown option \"%s\"; did you mean --%s?", name, option->name);
                return false;
            }
        }
    }
    qm_say_usage(command, "unknown option \"%s\"", name);
    return false;
}

/* qm_option_list returns a command's own options (0), those of its database (1) and of its listing (2), ended by a NULL name. */
const QmOption *
qm_option_list(const QmCommand *command, int list)
{
    static const QmOption none = {NULL, NULL, NULL};

    switch (list)
    {
        case 0:
            return command->options != NULL ? command->options : &none;
        case 1:
            return (command->needs & QM_NEED_DATABASE) != 0 ? database_options : &none;
        default:
            return (command->needs & QM_NEED_LISTING) != 0 ? listing_options : &none;
    }
}

/* qm_option returns the value of an option, "" for one that takes none, NULL where it was not given. */
const char *
qm_option(const QmInvocation *invocation, const char *name)
{
    for (int i = 0; i < invocation->given_count; i++)
    {
        if (strcmp(invocation->given[i]->name, name) == 0)
            return invocation->values[i];
    }
    return NULL;
}

/* qm_option_number leaves *value as it is where the option was not given. False, and it has said why, for what is no such number. */
bool
qm_option_number(const QmInvocation *invocation, const char *name, int64_t least, int64_t most, int64_t *value)
{
    const char *text = qm_option(invocation, name);
    char *end;
    long long number;

    if (text == NULL)
        return true;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number < least || number > most)
    {
        qm_say_usage(invocation->command,
                     "--%s must be a number from %lld to %lld, not \"%s\"",
                     name,
                     (long long) least,
                     (long long) most,
                     text);
        return false;
    }
    *value = number;
    return true;
}
