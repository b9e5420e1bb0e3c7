/*
 * Signals that end the program while it changes something: it ends at once, by
 * the signal, but says first that nobody knows what became of the change. At all
 * other times signals do what they do to any program.
 */
#include "interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const char *volatile last_words;

/* on_signal says the last words and lets the signal, which is no longer caught, end the program. */
static void
on_signal(int number)
{
    const char *words = last_words;
    ssize_t written = words == NULL ? 0 : write(STDERR_FILENO, words, strlen(words));

    (void) written;
    raise(number);
}

/* qm_interrupt_guard sets what is said if a signal ends the program from now on; NULL: nothing. */
void
qm_interrupt_guard(const char *message)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int) SA_RESETHAND | SA_NODEFER};

    last_words = message;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; message != NULL && i < sizeof(signals) / sizeof(signals[0]); i++)
    {
        struct sigaction before;

        /* What whoever started us wants ignored, as nohup does, stays ignored. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    }
}
