/*
 * Worker slots: what launcher and coordinators tell of themselves.
 */
#ifndef QM_WORKER_SLOT_H
#define QM_WORKER_SLOT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "worker_settings.h"

#define QM_WORKER_ERROR_MAX 512 /* bytes of a message that are kept */

typedef enum QmWorkerState
{
    /* The launcher says these. */
    QM_WORKER_STARTING,
    QM_WORKER_BACKOFF,
    QM_WORKER_NO_DATABASE,
    QM_WORKER_DATABASE_CLOSED,
    QM_WORKER_DATABASE_BUSY,
    QM_WORKER_NO_ROOM,
    /* The coordinator says these. */
    QM_WORKER_CONNECTING,
    QM_WORKER_RUNNING,
    QM_WORKER_NO_EXTENSION,
    QM_WORKER_VERSION_MISMATCH,
    QM_WORKER_STATES
} QmWorkerState;

/* What the launcher has to say of a database. */
typedef struct QmWorkerPlan
{
    NameData database; /* empty: the slot is free */
    QmWorkerState state;
    TimestampTz since;
    int64 starts;
    TimestampTz next_start; /* 0: none is due */
} QmWorkerPlan;

/* What the coordinator has to say of itself. Counters go on from one coordinator of the database to the next. */
typedef struct QmWorkerReport
{
    QmWorkerState state;
    TimestampTz since;
    int64 passes;
    TimestampTz last_pass; /* its end; 0: none yet */
    int64 last_pass_us;
    int64 errors;
    TimestampTz last_error_at;
    char last_error[QM_WORKER_ERROR_MAX];
} QmWorkerReport;

/* One slot as it was at one moment. */
typedef struct QmWorkerView
{
    QmWorkerPlan plan;
    QmWorkerReport report;
    int pid; /* of the coordinator; 0: there is none */
} QmWorkerView;

extern Size qm_worker_slot_shmem_size(void);
extern void qm_worker_slot_shmem_init(void);

/* For the launcher. */
extern void qm_worker_plan_read(int slot, QmWorkerPlan *plan);
extern void qm_worker_plan_write(int slot, const QmWorkerPlan *plan);
extern bool qm_worker_slot_assign(int slot, const QmWorkerPlan *plan);
extern uint32 qm_worker_slot_offer(int slot);
extern int qm_worker_slot_pid(int slot);

/* For the coordinator. */
extern bool qm_worker_slot_claim(int slot, uint32 generation, QmWorkerReport *report);
extern void qm_worker_slot_leave(int slot, uint32 generation);
extern void qm_worker_report_write(int slot, const QmWorkerReport *report);

/* For everybody. */
extern bool qm_worker_slot_read(int slot, QmWorkerView *view);
extern const char *qm_worker_state_name(QmWorkerState state);

#endif
