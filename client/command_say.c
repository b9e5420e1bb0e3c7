/*
 * What the program says beside its output, and how it ends.
 *
 * A failure is one message on standard error: what has happened, and below it the
 * next step.
 */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const char *format, va_list arguments);

/* qm_say writes a message, and a hint below it where there is one. */
void
qm_say(const char *hint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    if (hint != NULL && hint[0] != '\0')
        fprintf(stderr, "  %s\n", hint);
}

/* qm_say_usage says what is wrong with the command line; command is NULL where none is known. */
QmExit
qm_say_usage(const QmCommand *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    if (command == NULL)
        fputs("  quantmesh --help lists the commands.\n", stderr);
    else
        fprintf(stderr, "  quantmesh %s --help says what it takes.\n", command->name);
    return QM_EXIT_USAGE;
}

/* qm_say_no_memory says that there is no memory. */
QmExit
qm_say_no_memory(void)
{
    qm_say(NULL, "out of memory");
    return QM_EXIT_INTERNAL;
}

/* say writes a message. Output that was made before it stands before it where both go to one place. */
static void
say(const char *format, va_list arguments)
{
    fflush(stdout);
    fputs("quantmesh: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
}

/*
 * qm_output_finish writes what is left of the output and returns the exit code.
 * That output could not be written is a failure, unless its reader has hung up: it
 * has seen what it wanted, and the code is that of the command.
 */
QmExit
qm_output_finish(QmExit exit_code)
{
    bool failed;
    int reason;

    errno = 0;
    failed = fflush(stdout) != 0;
    failed = ferror(stdout) != 0 || failed;
    reason = errno;
    if (fclose(stdout) != 0 && !failed)
    {
        failed = true;
        reason = errno;
    }
    if (!failed || reason == EPIPE)
        return exit_code;
    fprintf(stderr,
            "quantmesh: the output cannot be written: %s\n",
            reason != 0 ? strerror(reason) : "an earlier error");
    return exit_code == QM_EXIT_OK ? QM_EXIT_OUTPUT : exit_code;
}
