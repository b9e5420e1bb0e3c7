/*
 * Instances: whoever trades registers under a name, and is alive while it sends
 * heartbeats. Shared by the files of worker/ alone.
 */
#ifndef QM_INSTANCE_H
#define QM_INSTANCE_H

#include "postgres.h"

#include "compat.h"

#include "datatype/timestamp.h"
#include "key.h"
#include "lease.h"
#include "order_row.h"

/* What an instance that has been replaced, has left or was declared dead gets for an answer: it must register again. */
#define QM_ERRCODE_STALE_INSTANCE MAKE_SQLSTATE('Q', 'M', '0', '0', '2')

/* A row of quantmesh.instance. Strings are palloc'd. */
typedef struct QmInstance
{
    char *name;
    int64 epoch;
    char *state;
    bool alive; /* not declared dead, and not left: its lease may be over all the same */
    char *life; /* empty: none was named */
    int64 lease_fence;
    int64 ttl_us;
    char *registered_by;
    TimestampTz registered_at;
} QmInstance;

/* What qm_instance_fill reads. */
#define QM_INSTANCE_COLUMNS                                                                                 \
    "instance, epoch, state, life, coalesce(lease_fence, 0), (extract(epoch FROM ttl) * 1000000)::bigint, " \
    "registered_by::text, registered_at"

/* instance_row.c: all are called inside a scope of query.h, after qm_instance_prepare. */
extern void qm_instance_prepare(const char *function);
extern bool qm_instance_read(const char *name, QmInstance *instance);
extern bool qm_instance_lock(const char *name, QmInstance *instance);
extern bool qm_instance_try_lock(const char *name, QmInstance *instance);
extern void qm_instance_fill(uint64 row, QmInstance *instance);
extern void qm_instance_require(const char *name, int64 epoch, QmInstance *instance);
extern bool qm_instance_is_mine(const QmInstance *instance);
extern void qm_instance_key(const char *name, QmKey *key);
extern void qm_instance_owner(const char *name, const char *life, QmOwner *owner);
extern bool qm_instance_lease(const QmInstance *instance, QmHolder *holder);
extern TimestampTz qm_instance_may_live_until(const QmInstance *instance);
extern TimestampTz qm_leases_closed_until(void);
extern void qm_instance_keep(QmInstance *instance);
extern void qm_instance_end(const QmInstance *instance, const char *state);

/* liveness.c: what ended lives have left behind. */
extern void qm_instance_clear(void);
extern void qm_intent_hand_over(const QmOrder *before, Jsonb *detail);

/* assign.c: opens a scope of its own. */
extern int64 qm_markets_assign(void);

#endif
