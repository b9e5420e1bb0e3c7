/*
 * How the programs of this folder end and read numbers.
 */
#include "program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * qf_die prints why, and what the server said where there is a link, and ends
 * the program; 2 tells a run that did not take place from one with violations.
 */
void
qf_die(const char *why, const Link *link)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    if (link != NULL && link->conn != NULL)
        fputs(PQerrorMessage(link->conn), stderr);
    exit(2);
}

/* qf_option_number reads a number within limits. */
long
qf_option_number(const char *text, long min, long max)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (*end != '\0' || end == text || number < min || number > max)
        qf_die("a number is out of range", NULL);
    return number;
}
