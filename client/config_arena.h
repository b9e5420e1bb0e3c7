/*
 * Arena: memory that lives as long as one configuration.
 *
 * Every piece is its own block of the C library, so that checkers of memory see
 * an access beyond it. A failure sticks: whoever fills the arena may go on with
 * what qm_arena_text answers then, and looks at `failed` once, at the end.
 */
#ifndef QM_CONFIG_ARENA_H
#define QM_CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct QmArena
{
    struct QmArenaBlock *blocks;
    size_t bytes_used;
    size_t bytes_max;
    bool failed;
} QmArena;

extern QmArena *qm_arena_create(size_t bytes_max);
extern void *qm_arena_alloc(QmArena *arena, size_t count, size_t size);
extern const char *qm_arena_text(QmArena *arena, const char *text, size_t len);
extern void qm_arena_free(QmArena *arena);

#endif
