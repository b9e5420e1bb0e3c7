/*
 * Text of configurations: what may stand in a file, how a value is shown in a
 * message, and how far two words are apart.
 */
#ifndef QM_CONFIG_TEXT_H
#define QM_CONFIG_TEXT_H

#include "config_arena.h"

#include <stdbool.h>
#include <stddef.h>

/* Where text stops being acceptable. */
typedef struct QmTextFault
{
    size_t at; /* byte */
    int line;  /* from 1 */
    int column;
    const char *problem;
} QmTextFault;

extern bool qm_text_check_file(const char *text, size_t len, QmTextFault *fault);
extern const char *qm_text_value_problem(const char *text, size_t len);
extern const char *qm_text_quote(QmArena *arena, const char *text);
extern const char *qm_text_join(QmArena *arena, const char *first, const char *second, const char *third);
extern bool qm_text_is_word(const char *left, const char *right);
extern size_t qm_text_distance(const char *left, const char *right);
extern bool qm_text_is_near(const char *word, const char *candidate, size_t distance);

#endif
