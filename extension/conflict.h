/*
 * Recent conflicts: who skipped over or waited for whom.
 */
#ifndef QM_CONFLICT_H
#define QM_CONFLICT_H

#include "postgres.h"

#include "hold.h"
#include "key.h"

typedef enum QmConflictOutcome
{
    QM_CONFLICT_SKIPPED,
    QM_CONFLICT_GRANTED,
    QM_CONFLICT_TIMEOUT,
    QM_CONFLICT_ERROR
} QmConflictOutcome;

typedef struct QmConflict
{
    uint64 number; /* position in the history of the server */
    Oid database;
    TimestampTz at;
    int waiter_pid;
    QmLockMode waiter_mode;
    QmConflictOutcome outcome;
    int64 waited_us;
    QmHolder holder;
    uint16 key_len;
    char key[QM_KEY_MAX];
} QmConflict;

extern Size qm_conflict_shmem_size(void);
extern void qm_conflict_shmem_init(void);

extern void qm_conflict_add(const QmKey *key, QmLockMode mode, QmConflictOutcome outcome, int64 waited_us,
                            const QmHolder *holder);
extern int qm_conflict_read(QmConflict *conflicts);
extern void qm_conflict_reset(void);
extern const char *qm_conflict_outcome_name(QmConflictOutcome outcome);

#endif
