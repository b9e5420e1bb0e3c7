/*
 * The launcher's alarm clock: how backends tell it that there is something to
 * do, or by when.
 */
#ifndef QM_ALARM_H
#define QM_ALARM_H

#include "postgres.h"

#include "storage/condition_variable.h"

extern Size qm_alarm_shmem_size(void);
extern void qm_alarm_shmem_init(void);

/* Whether the launcher has done what somebody waits for. */
typedef bool (*QmDone)(void);

extern void qm_alarm_wait(ConditionVariable *done_queue, QmDone done, const char *what);
extern void qm_alarm_set(int64 deadline_us);
extern void qm_alarm_ring(void);

extern int qm_alarm_launcher_pid(void);
extern void qm_alarm_attach(void);
extern void qm_alarm_disarm(void);
extern void qm_alarm_arm(int64 deadline_us);

#endif
