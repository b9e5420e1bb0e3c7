/*
 * Background workers.
 */
#ifndef QM_WORKER_H
#define QM_WORKER_H

#include "postgres.h"

extern void qm_launcher_register(void);
extern PGDLLEXPORT void qm_launcher_main(Datum arg);
extern PGDLLEXPORT void qm_floor_writer_main(Datum arg);

extern int64 qm_ttl_enforce(void);
extern void qm_reconcile_pass(void);

#endif
