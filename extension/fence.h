/*
 * Fences: numbers that only grow. generation (15 bits) | counter (48 bits).
 */
#ifndef QM_FENCE_H
#define QM_FENCE_H

#include "postgres.h"

#include "order_id.h"

#define QM_FENCE_COUNTER_BITS 48
#define QM_FENCE_COUNTER_MAX ((UINT64CONST(1) << QM_FENCE_COUNTER_BITS) - 1)
#define QM_GENERATION_MAX 32767

/* What a new timeline adds to the generation: more than the few raise_fence calls that a failover may have lost. */
#define QM_TIMELINE_STRIDE 8

/* How many numbers are made durable at a time; a crash skips no more than these. */
#define QM_FENCE_RANGE (UINT64CONST(1) << 20)

/* How fast the counter follows the wall clock from start to start. */
#define QM_FENCES_PER_S 65536

#define QM_FLOOR_REASON_MAX 103 /* bytes; the record fits into bgw_extra */

/* What a floor writer is to record, handed over in bgw_extra. */
typedef struct QmFloorRecord
{
    uint64 counter_id;
    int floor;
    int generation;
    char tag[QM_TAG_LEN + 1];
    char reason[QM_FLOOR_REASON_MAX + 1];
} QmFloorRecord;

extern Size qm_fence_shmem_size(void);
extern void qm_fence_shmem_init(void);

extern void qm_fence_prepare(void);
extern int64 qm_fence_next(void);
extern int64 qm_fence_draw(void);
extern uint64 qm_fence_counter_id(void);
extern uint64 qm_fence_counter(void);
extern uint64 qm_fence_limit(void);
extern int qm_fence_generation(void);
extern void qm_fence_raise_generation(int generation);

/* The launcher's side. */
extern bool qm_fence_read_state(bool *moved);
extern bool qm_fence_open(void);
extern bool qm_fence_step(void);

/* Generations: fence_floor.c. */
extern int qm_generation(void);
extern const char *qm_origin_tag(void);
extern void qm_floor_insert(const QmFloorRecord *record);

#endif
