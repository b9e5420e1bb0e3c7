/*
 * Background workers.
 */
#ifndef QM_WORKER_H
#define QM_WORKER_H

#include "postgres.h"

/* What a coordinator is told at its start, in bgw_extra. */
typedef struct QmCoordinatorStart
{
    int slot;
    uint32 generation;
    Oid database;
    NameData name; /* of the database */
} QmCoordinatorStart;

extern void qm_launcher_register(void);
extern PGDLLEXPORT void qm_launcher_main(Datum arg);
extern PGDLLEXPORT void qm_coordinator_main(Datum arg);
extern PGDLLEXPORT void qm_floor_writer_main(Datum arg);

extern int64 qm_ttl_enforce(void);
extern int64 qm_supervise(bool reloaded);
extern void qm_housekeeping_hurry(void);
extern void qm_housekeeping_pass(void);
extern void qm_reconcile_pass(void);

/*
 * For steps of a coordinator that run transactions of their own. begin is false when the extension is being altered or
 * dropped: then there is nothing to do, and nothing was begun.
 */
extern bool qm_worker_begin(const char *activity);
extern void qm_worker_commit(void);
extern void qm_worker_let_urgent_in(void);

#endif
