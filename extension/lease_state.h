/*
 * What leases leave behind on disk, and when they may be granted again.
 */
#ifndef QM_LEASE_STATE_H
#define QM_LEASE_STATE_H

#include "postgres.h"

extern Size qm_lease_state_shmem_size(void);
extern void qm_lease_state_shmem_init(void);
extern void qm_lease_state_load(void);

extern int64 qm_lease_open_at(void);
extern void qm_lease_ensure_marked(void);

/* The launcher's side. */
extern bool qm_lease_state_open(bool moved);
extern bool qm_lease_state_step(int64 *next_us);

#endif
