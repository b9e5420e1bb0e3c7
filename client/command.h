/*
 * Commands of the program quantmesh: what a command is made of, and what it can
 * use while it runs.
 *
 * A command is one constant QmCommand in a file command_<name>.c, declared here,
 * and one line in the table of command.c; help, completion and the checking of
 * its arguments follow from these. Only the program prints, reads the environment and ends the process,
 * and of the program only main ends it: a command returns its exit code.
 */
#ifndef QM_COMMAND_H
#define QM_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "quantmesh.h"

#define QM_OPERANDS_MAX 4
#define QM_OPTIONS_MAX 16 /* of a command, those that many have included */

/* How the program ends. Scripts rely on these numbers; docs/program.md lists them. */
typedef enum QmExit
{
    QM_EXIT_OK = 0,
    QM_EXIT_ATTENTION = 1,  /* done, and something needs attention */
    QM_EXIT_USAGE = 2,      /* the command line is wrong: nothing was done */
    QM_EXIT_NOT_FOUND = 3,  /* there is no such order, market, account */
    QM_EXIT_REFUSED = 4,    /* the server refused it, or the question was answered with no */
    QM_EXIT_CONFIG = 5,     /* the configuration file has errors, or cannot be read */
    QM_EXIT_CONNECT = 6,    /* no server, no connection, no answer: nothing was changed */
    QM_EXIT_UNCERTAIN = 7,  /* the connection broke: it may or may not have happened */
    QM_EXIT_VERSION = 8,    /* the extension is missing, or has a version that does not fit */
    QM_EXIT_PERMISSION = 9, /* password, role or right */
    QM_EXIT_READ_ONLY = 10, /* a standby, or a read-only server or role */
    QM_EXIT_LIMIT = 11,     /* of the server or of the program */
    QM_EXIT_OUTPUT = 12,    /* the output cannot be written */
    QM_EXIT_INTERNAL = 13   /* no memory, or an answer that must not be */
} QmExit;

/* What a command needs, and so which options it has beside its own. */
enum
{
    QM_NEED_NOTHING = 0,
    QM_NEED_DATABASE = 1, /* --db, --config, --timeout: invocation->client, which connects with its first call */
    QM_NEED_LISTING = 2,  /* --json */
    QM_NEED_OPERATOR = 4  /* the rights of an operator there; a reader's do otherwise */
};

typedef struct QmOption
{
    const char *name;     /* without dashes; NULL ends a list */
    const char *argument; /* what help calls its value; NULL: it takes none */
    const char *about;
} QmOption;

typedef struct QmInvocation QmInvocation;

typedef struct QmCommand
{
    const char *name;
    const char *operands; /* as help shows them: "ACCOUNT SYMBOL" */
    int operands_min;
    int operands_max;
    const char *summary;     /* one line */
    const char *about;       /* what else there is to know */
    const QmOption *options; /* NULL: none of its own */
    int needs;
    QmExit (*run)(QmInvocation *invocation);
} QmCommand;

struct QmInvocation
{
    const QmCommand *command;
    const char *operands[QM_OPERANDS_MAX];
    int operand_count;
    const QmOption *given[QM_OPTIONS_MAX];
    const char *values[QM_OPTIONS_MAX]; /* "" where an option takes none */
    int given_count;
    QmClient *client; /* NULL unless the command needs a database */
};

extern const QmCommand qm_command_check_config;
extern const QmCommand qm_command_completion;
extern const QmCommand qm_command_export;
extern const QmCommand qm_command_halt;
extern const QmCommand qm_command_help;
extern const QmCommand qm_command_import;
extern const QmCommand qm_command_locks;
extern const QmCommand qm_command_orders;
extern const QmCommand qm_command_paper;
extern const QmCommand qm_command_positions;
extern const QmCommand qm_command_reconcile;
extern const QmCommand qm_command_resume;
extern const QmCommand qm_command_run;
extern const QmCommand qm_command_status;

/* command.c */
extern QmExit qm_program(int count, char **arguments);
extern const QmCommand *qm_command_find(const char *name);
extern const QmCommand *qm_command_at(int index);
extern QmExit qm_command_unknown(const char *name);

/* command_options.c */
extern bool qm_options_parse(QmInvocation *invocation, int count, char **arguments);
extern const char *qm_option(const QmInvocation *invocation, const char *name);
extern bool qm_option_number(const QmInvocation *invocation, const char *name, int64_t least, int64_t most,
                             int64_t *value);
extern const QmOption *qm_option_list(const QmCommand *command, int list);

/* command_help.c */
extern void qm_help_program(void);
extern void qm_help_command(const QmCommand *command);

/* command_say.c */
extern void qm_say(const char *hint, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern QmExit qm_say_usage(const QmCommand *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern QmExit qm_say_no_memory(void);
extern QmExit qm_output_finish(QmExit exit_code);

#endif
