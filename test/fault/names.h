/*
 * Names: texts that are numbered from 0 in the order of their coming.
 */
#ifndef QF_NAMES_H
#define QF_NAMES_H

#include <stddef.h>
#include <stdint.h>

typedef struct Names
{
    char **texts;
    uint32_t *cells; /* number + 1, by hash; 0 is free */
    size_t count;
    size_t cell_count; /* a power of two, at least twice the count */
} Names;

extern long qf_names_add(Names *names, const char *text);
extern long qf_names_find(const Names *names, const char *text);
extern void qf_names_free(Names *names);

extern void *qf_grow(void *array, size_t count, size_t size);

#endif
