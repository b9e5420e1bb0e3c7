/*
 * The terminal, if there is one: how wide it is, whether it may be coloured, and
 * how a text is shown on it.
 *
 * What is shown comes from other people: a name with an escape sequence in it must
 * not take the terminal over, and one with a line break must not look like two rows.
 */
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

enum
{
    ESCAPE_SIZE = 8 /* bytes that one byte of a text can become, at most */
};

static bool is_colored(void);
static size_t character(const char *text, wchar_t *out);

/* qm_terminal_width returns how many columns standard output has; 0, for any number, where it is no terminal. */
int
qm_terminal_width(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    return size.ws_col;
}

/* qm_terminal_print prints a text, in colour where that can be seen and is wanted. */
void
qm_terminal_print(QmColor color, const char *text)
{
    static const char *const codes[] = {
        [QM_COLOR_BOLD] = "\033[1m",
        [QM_COLOR_RED] = "\033[1;31m",
        [QM_COLOR_GREEN] = "\033[1;32m",
    };

    if (color == QM_COLOR_NONE || !is_colored())
        fputs(text, stdout);
    else
        printf("%s%s\033[0m", codes[color], text);
}

/* is_colored tells whether standard output is a terminal, and nobody has asked for plain text (no-color.org). */
static bool
is_colored(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *type = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
           (type == NULL || strcmp(type, "dumb") != 0);
}

/*
 * qm_terminal_text returns a text as it may be shown, which the caller frees, and
 * how many columns it takes. Control characters and what is not UTF-8 become
 * escapes. NULL when there is no memory.
 */
char *
qm_terminal_text(const char *text, int *width)
{
    char *out = malloc(strlen(text) * ESCAPE_SIZE + 1);
    size_t used = 0;

    *width = 0;
    while (out != NULL && *text != '\0')
    {
        wchar_t wide;
        size_t len = character(text, &wide);
        int columns = len == 0 ? -1 : wcwidth(wide);

        if (columns >= 0)
        {
            memcpy(out + used, text, len);
            used += len;
        }
        else
        {
            int escape = *text == '\n' ? snprintf(out + used, ESCAPE_SIZE, "\\n")
                                       : snprintf(out + used, ESCAPE_SIZE, "\\x%02x", (unsigned) (unsigned char) *text);

            used += (size_t) escape;
            columns = escape;
            len = 1;
        }
        *width += columns;
        text += len;
    }
    if (out != NULL)
        out[used] = '\0';
    return out;
}

/* character returns how many bytes the next character has, 0 when they are no UTF-8. */
static size_t
character(const char *text, wchar_t *out)
{
    mbstate_t state = {0};
    size_t len = mbrtowc(out, text, strlen(text), &state);

    return len == (size_t) -1 || len == (size_t) -2 ? 0 : len;
}
