/*
 * Locks: the back ends that the factory chooses from.
 */
#ifndef QM_CLIENT_LOCK_H
#define QM_CLIENT_LOCK_H

#include "quantmesh.h"

extern QmLocks *qm_lock_nop(void);
extern QmCode qm_lock_postgres_open(const QmLocksOptions *options, QmLocks **locks, QmError *error);
extern QmCode qm_lock_redis_open(const QmLocksOptions *options, QmLocks **locks, QmError *error);
extern QmCode qm_lock_both_open(const QmLocksOptions *options, QmLocks **locks, QmError *error);

#endif
