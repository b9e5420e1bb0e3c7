/*
 * The program quantmesh: the process it runs in.
 *
 * What it finds its process in decides nothing: closed descriptors are filled, so
 * that no connection becomes standard output; a reader that has seen enough is no
 * error; signals end it at once, as they end any program.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>

#include "command.h"

static void fill_descriptors(void);

/*
 * main ends with the exit code of the command. What is shown is UTF-8 whatever
 * the environment says, so that a table looks the same at night by cron and by
 * hand; without that locale only the widths of characters are guessed.
 */
int
main(int count, char **arguments)
{
    fill_descriptors();
    signal(SIGPIPE, SIG_IGN);
    setlocale(LC_CTYPE, "C.UTF-8");
    return (int) qm_output_finish(qm_program(count, arguments));
}

/* fill_descriptors opens what is closed of the three standard descriptors in a way in which using it still fails. */
static void
fill_descriptors(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

    for (int i = 0; i < 3; i++)
    {
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i)
            abort();
    }
}
