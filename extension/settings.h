/*
 * Configuration variables, with their limits.
 */
#ifndef QM_SETTINGS_H
#define QM_SETTINGS_H

#include "postgres.h"

#include "lock_key.h"
#define QM_LOCKS_PER_BACKEND_DEFAULT 256
#define QM_LOCKS_PER_BACKEND_MIN 8
#define QM_LOCKS_PER_BACKEND_MAX 10000

#define QM_LEASES_DEFAULT 1024
#define QM_LEASES_MIN 16
#define QM_LEASES_MAX 1000000

#define QM_LOCK_LABELS_DEFAULT 1000
#define QM_LOCK_LABELS_MIN 10
#define QM_LOCK_LABELS_MAX 100000

#define QM_CONFLICT_HISTORY_DEFAULT 1024
#define QM_CONFLICT_HISTORY_MIN 16
#define QM_CONFLICT_HISTORY_MAX 1000000

#define QM_MARKETS_DEFAULT 1024
#define QM_MARKETS_MIN 16
#define QM_MARKETS_MAX 1000000

#define QM_SEND_WINDOW_DEFAULT_MS 3000
#define QM_SEND_WINDOW_MIN_MS 100
#define QM_SEND_WINDOW_MAX_MS 60000

#define QM_ACCEPTANCE_WINDOW_DEFAULT_MS 20000
#define QM_ACCEPTANCE_WINDOW_MIN_MS 0
#define QM_ACCEPTANCE_WINDOW_MAX_MS 600000

#define QM_MAX_TTL_DEFAULT_MS 30000
#define QM_MAX_TTL_MIN_MS 100
#define QM_MAX_TTL_MAX_MS 3600000

#define QM_DEFAULT_TTL_MAX_MS 86400000

/* No TTL and no timeout is longer: the server's lock_timeout ends at 24 days. */
#define QM_INTERVAL_MAX_US (INT64CONST(7) * 86400 * 1000000)

typedef enum QmTtlAction
{
    QM_TTL_TERMINATE,
    QM_TTL_REPORT
} QmTtlAction;

typedef enum QmAfterPromotion
{
    QM_PROMOTION_RECONCILE,
    QM_PROMOTION_TRUST
} QmAfterPromotion;

extern int qm_max_locks_per_backend;
extern int qm_max_leases;
extern int qm_max_lock_labels;
extern int qm_conflict_history;
extern int qm_max_ttl_ms;
extern int qm_ttl_action;
extern int qm_max_markets;
extern int qm_send_window_ms;
extern int qm_acceptance_window_ms;
extern int qm_after_promotion;
extern bool qm_allow_async_commit;
extern bool qm_allow_drop;

extern void qm_settings_define(void);
extern int64 qm_default_ttl_us(QmKeyClass class);
extern int64 qm_default_ttl_lease_us(void);

#endif
