/*
 * Locks as a loaded configuration wants them: the factory of the program.
 */
#ifndef QM_CLIENT_CONFIG_LOCKS_H
#define QM_CLIENT_CONFIG_LOCKS_H

#include "config.h"
#include "quantmesh.h"

extern QM_MUST_CHECK bool qm_config_locks_options(const QmConfig *config, QmLocksOptions *options, char **sentinels);
extern QM_MUST_CHECK QmCode qm_config_locks_open(const QmConfig *config, const QmLocksOptions *more, QmLocks **locks,
                                                 QmError *error);

#endif
