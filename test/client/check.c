/*
 * What the client tests check with.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* qt_fail ends the test with a message. */
void
qt_fail(const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    print_error("%s\n", text);
    fail();
    abort();
}

/* qt_code compares a call's code, and says what the handle has to say when it is another. */
void
qt_code(QmCode code, QmCode wanted, const QmError *error, const char *file, int line)
{
    if (code == wanted)
        return;
    print_error("%s:%d: %s instead of %s: %s %s\n",
                file,
                line,
                qm_code_name(code),
                qm_code_name(wanted),
                error == NULL ? "" : error->sqlstate,
                error == NULL ? "" : error->message);
    fail();
}
