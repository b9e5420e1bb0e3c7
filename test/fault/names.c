/*
 * Names: an open-addressed hash table over an array of texts.
 */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
    FIRST_CAPACITY = 64
};

/* qf_grow makes room for one more element; capacities are powers of two, so the count alone tells when. New room is zero. */
void *
qf_grow(void *array, size_t count, size_t size)
{
    size_t capacity = count == 0 ? FIRST_CAPACITY : count * 2;

    if (count != 0 && (count < FIRST_CAPACITY || (count & (count - 1)) != 0))
        return array;
    array = realloc(array, capacity * size);
    if (array == NULL)
    {
        fprintf(stderr, "out of memory for %zu records\n", capacity);
        exit(2);
    }
    memset((char *) array + count * size, 0, (capacity - count) * size);
    return array;
}

/* hash_text is FNV-1a. */
static uint64_t
hash_text(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
    return hash ^ (hash >> 29);
}

/* cell_of returns where the text is, or the free cell where it would be. */
static size_t
cell_of(const Names *names, const char *text)
{
    size_t cell = hash_text(text) & (names->cell_count - 1);

    while (names->cells[cell] != 0 && strcmp(names->texts[names->cells[cell] - 1], text) != 0)
        cell = (cell + 1) & (names->cell_count - 1);
    return cell;
}

/* cells_grow doubles the table. */
static void
cells_grow(Names *names)
{
    names->cell_count = names->cell_count == 0 ? 2 * FIRST_CAPACITY : 2 * names->cell_count;
    free(names->cells);
    names->cells = calloc(names->cell_count, sizeof(*names->cells));
    if (names->cells == NULL)
    {
        fprintf(stderr, "out of memory for %zu names\n", names->cell_count);
        exit(2);
    }
    for (size_t i = 0; i < names->count; i++)
        names->cells[cell_of(names, names->texts[i])] = (uint32_t) i + 1;
}

/* qf_names_add returns the text's number, a new one if it has none. */
long
qf_names_add(Names *names, const char *text)
{
    size_t cell;

    if (names->cell_count < 2 * (names->count + 1))
        cells_grow(names);
    cell = cell_of(names, text);
    if (names->cells[cell] != 0)
        return (long) names->cells[cell] - 1;
    names->texts = qf_grow(names->texts, names->count, sizeof(*names->texts));
    names->texts[names->count] = strdup(text);
    if (names->texts[names->count] == NULL)
        exit(2);
    names->cells[cell] = (uint32_t) ++names->count;
    return (long) names->count - 1;
}

/* qf_names_find returns the text's number, or -1. */
long
qf_names_find(const Names *names, const char *text)
{
    return names->cell_count == 0 ? -1 : (long) names->cells[cell_of(names, text)] - 1;
}

/* qf_names_free gives back everything and leaves no names. */
void
qf_names_free(Names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    free(names->texts);
    free(names->cells);
    *names = (Names){0};
}
