/*
 * The terminal, if there is one: how wide it is, whether it may be coloured, and
 * how a text is shown on it.
 */
#ifndef QM_TERMINAL_H
#define QM_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

typedef enum QmColor
{
    QM_COLOR_NONE,
    QM_COLOR_BOLD,
    QM_COLOR_RED,
    QM_COLOR_GREEN
} QmColor;

extern int qm_terminal_width(void);
extern void qm_terminal_print(QmColor color, const char *text);
extern char *qm_terminal_text(const char *text, int *width);

#endif
