/*
 * Rights: which accounts' keys the current user may lock.
 */
#ifndef QM_RIGHTS_H
#define QM_RIGHTS_H

#include "postgres.h"

#include "key.h"

extern void qm_rights_check(const QmKey *key);

#endif
