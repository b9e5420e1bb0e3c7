/*
 * Grants: which subtransaction took which transaction lock, and how often.
 */
#ifndef QM_GRANT_H
#define QM_GRANT_H

#include "postgres.h"

extern void qm_grant_reserve(int more);
extern void qm_grant_add(int slot, SubTransactionId sub, uint32 count);
extern bool qm_grant_take(SubTransactionId sub, int *slot, uint32 *count);
extern void qm_grant_forget_slot(int slot);
extern void qm_grant_forget_all(void);

#endif
