/*
 * Arena: memory that lives as long as one configuration.
 */
#include "config_arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct QmArenaBlock
{
    struct QmArenaBlock *next;
    alignas(max_align_t) char bytes[];
} QmArenaBlock;

/* qm_arena_create returns an empty arena, or NULL where there is no memory. */
QmArena *
qm_arena_create(size_t bytes_max)
{
    QmArena *arena = calloc(1, sizeof(*arena));

    if (arena != NULL)
        arena->bytes_max = bytes_max;
    return arena;
}

/*
 * qm_arena_alloc returns zeroed memory for count things of one size, or NULL when
 * the limit or the machine's memory is reached; then the arena has failed.
 */
void *
qm_arena_alloc(QmArena *arena, size_t count, size_t size)
{
    QmArenaBlock *block = NULL;
    size_t room = arena->bytes_max - arena->bytes_used;
    size_t bytes = sizeof(*block);

    if (size == 0 || count <= (SIZE_MAX - bytes) / size)
        bytes += count * size;
    else
        bytes = SIZE_MAX;
    if (bytes <= room)
        block = calloc(1, bytes);
    if (block == NULL)
    {
        arena->failed = true;
        return NULL;
    }
    arena->bytes_used += bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    return block->bytes;
}

/* qm_arena_text returns a copy of len bytes as a string; "" when the arena has failed. */
const char *
qm_arena_text(QmArena *arena, const char *text, size_t len)
{
    char *copy = qm_arena_alloc(arena, len + 1, 1);

    if (copy == NULL)
        return "";
    memcpy(copy, text, len);
    return copy;
}

/* qm_arena_free frees all that the arena gave out, and the arena; NULL is nothing. */
void
qm_arena_free(QmArena *arena)
{
    if (arena == NULL)
        return;
    while (arena->blocks != NULL)
    {
        QmArenaBlock *block = arena->blocks;

        arena->blocks = block->next;
        free(block);
    }
    free(arena);
}
