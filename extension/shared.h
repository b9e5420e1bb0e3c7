/*
 * Shared memory: all subsystems' parts, and whether they can be used.
 */
#ifndef QM_SHARED_H
#define QM_SHARED_H

#include "postgres.h"

extern void qm_shared_install_hooks(void);
extern bool qm_is_preloaded(void);
extern void qm_require_preloaded(void);
extern void qm_require_running(const char *what);

#endif
