/*
 * Reading exposure from the tables: between exposure.c and exposure_load.c.
 */
#ifndef QM_EXPOSURE_LOAD_H
#define QM_EXPOSURE_LOAD_H

#include "exposure.h"

extern Size qm_exposure_load_shmem_size(void);
extern void qm_exposure_load_shmem_init(void);
extern void qm_exposure_reset(int number, const QmExposure *exposure);

#endif
