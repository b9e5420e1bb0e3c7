/*
 * Market locks: placing holds its market's lock shared until its transaction
 * ends, halting takes it exclusively.
 */
#ifndef QM_MARKET_LOCK_H
#define QM_MARKET_LOCK_H

#include "postgres.h"

#include "storage/lock.h"

/* locktag_field4 of market locks, of request locks, and of the lock of whoever assigns markets: beside the class of lock keys, so that no key can block one. */
#define QM_LOCKTAG_MARKET 0x514E
#define QM_LOCKTAG_REQUEST 0x514F
#define QM_LOCKTAG_ASSIGNING 0x5150

extern void qm_market_tag(const char *account, const char *symbol, LOCKTAG *tag);
extern void qm_market_lock_shared(const char *account, const char *symbol);
extern bool qm_market_try_lock(const char *account, const char *symbol);
extern bool qm_assigning_try_lock(void);
extern bool qm_market_lock_any(void);
extern void qm_market_lock_end_xact(void);
extern bool qm_request_lock(const char *account, const char *request_id);

#endif
