/*
 * What differs between PostgreSQL versions: here and nowhere else.
 */
#ifndef QM_COMPAT_H
#define QM_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM < 150000
#error "quantmesh needs PostgreSQL 15 or later"
#endif

/* What reads variable-length values moved out of postgres.h in 16. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The number of this process in ProcGlobal->allProcs. */
#if PG_VERSION_NUM >= 170000
#define qm_my_proc_number() (MyProcNumber)
#else
#define qm_my_proc_number() (MyProc->pgprocno)
#endif

/* Whether this session holds the lock at any level. */
#if PG_VERSION_NUM >= 170000
#define qm_lock_held_by_me(tag, mode) LockHeldByMe((tag), (mode), false)
#else
#define qm_lock_held_by_me(tag, mode) LockHeldByMe((tag), (mode))
#endif

/* As in libpq/libpq.h, which would need the headers of Kerberos. */
extern bool pq_check_connection(void);

/* Named wait events came with 17; before, all extensions share one. */
#if PG_VERSION_NUM >= 170000
#define qm_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define qm_wait_event_new(name) ((uint32) PG_WAIT_EXTENSION)
#endif

/* Where the executor keeps the compiled CHECK constraints of a table. */
#if PG_VERSION_NUM >= 180000
#define qm_check_exprs(info) ((info)->ri_CheckConstraintExprs)
#else
#define qm_check_exprs(info) ((info)->ri_ConstraintExprs)
#endif

/* 17 has a timeout for whole transactions, which holds for background workers, too. Needs utils/guc.h. */
#if PG_VERSION_NUM >= 170000
#define qm_transaction_timeout_off() SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_OVERRIDE)
#else
#define qm_transaction_timeout_off() ((void) 0)
#endif

/* What stands behind the declaration of a function that does not return; 18 has a word that stands before. */
#if PG_VERSION_NUM >= 180000
#define qm_noreturn __attribute__((noreturn))
#else
#define qm_noreturn pg_attribute_noreturn()
#endif

/* An infinite interval exists since 17. */
#if PG_VERSION_NUM >= 170000
#define qm_interval_is_finite(interval) (!INTERVAL_NOT_FINITE(interval))
#else
#define qm_interval_is_finite(interval) true
#endif

#if PG_VERSION_NUM >= 180000
#define QM_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "quantmesh", .version = QM_VERSION)
#else
#define QM_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif
