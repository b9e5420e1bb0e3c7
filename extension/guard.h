/*
 * Guards and releases: what a transaction's end does to leases.
 */
#ifndef QM_GUARD_H
#define QM_GUARD_H

#include "postgres.h"

#include "key.h"

extern void qm_guard_add(const QmKey *key, int64 fence);
extern void qm_release_add(const QmKey *key, int64 fence);
extern void qm_release_forget(const QmKey *key, int64 fence);

extern bool qm_guard_any(void);
extern void qm_guard_pre_commit(void);
extern void qm_guard_end_xact(bool committed);
extern void qm_release_commit_sub(SubTransactionId sub, SubTransactionId parent);
extern void qm_release_abort_sub(SubTransactionId sub);

#endif
