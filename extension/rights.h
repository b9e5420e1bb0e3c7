/*
 * Rights: which accounts' keys the current user may lock, and what it may see.
 */
#ifndef QM_RIGHTS_H
#define QM_RIGHTS_H

#include "postgres.h"

#include "key.h"

extern void qm_rights_check(const QmKey *key);
extern void qm_rights_check_taking(const QmKey *key);
extern void qm_rights_check_account(const char *account);
extern void qm_rights_check_account_of(Oid user, const char *account);
extern bool qm_rights_may_see(const char *account);

#endif
