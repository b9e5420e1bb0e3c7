/*
 * Instances: their rows and their leases.
 *
 * An instance is alive while its lease lives: `instance:<name>`, owned by name
 * and life, renewed by every heartbeat, which writes no row. The row says what the
 * lease cannot: under which epoch the instance may act, and whether it has been
 * declared dead. After a crash or a promotion the leases are gone while the rows
 * still say alive. Then leases are closed for a while, and an instance goes on under
 * its epoch without one; it has one full TTL from the opening on to take a new one.
 *
 * A row is changed only under its lock. Whoever finds the lease gone and wants to
 * take it, or to declare the instance dead, locks the row first and looks again.
 */
#include "instance.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "exposure.h"
#include "fence.h"
#include "hold.h"
#include "lease_state.h"
#include "lock.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "query.h"
#include "query_row.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool lock_row(QmQuery *query, const char *name, QmInstance *instance);
static void refuse_stale(const char *name) qm_noreturn;
static bool renew(const QmInstance *instance, const QmKey *key, const QmOwner *owner, int64 ttl_us);
static void take_lease(QmInstance *instance, QmKey *key, const QmOwner *owner, int64 ttl_us);

/*
 * qm_instance_prepare settles what can fail before anything is locked: whether
 * leases and orders work here. Fences are prepared where they are drawn: the first
 * one in a database waits for a worker that records it there, and a coordinator
 * that has nothing to do must not wait while somebody drops the database.
 */
void
qm_instance_prepare(const char *function)
{
    qm_require_running(function);
    PreventCommandIfReadOnly(function);
    qm_hold_attach();
    qm_exposure_attach();
}

/* qm_instance_read reads the instance's row as it is committed now; false when there is none. */
bool
qm_instance_read(const char *name, QmInstance *instance)
{
    static QmQuery query = {"SELECT " QM_INSTANCE_COLUMNS " FROM quantmesh.instance WHERE instance = $1", 1, {TEXTOID}};
    Datum values[] = {CStringGetTextDatum(name)};

    if (qm_query_read_latest(&query, values, NULL) == 0)
        return false;
    qm_instance_fill(0, instance);
    return true;
}

/*
 * qm_instance_lock locks the instance's row until the transaction ends and reads
 * it; false when there is none. 40001 when it is newer than the transaction.
 */
bool
qm_instance_lock(const char *name, QmInstance *instance)
{
    static QmQuery query = {"SELECT " QM_INSTANCE_COLUMNS " FROM quantmesh.instance WHERE instance = $1 "
                            "FOR NO KEY UPDATE",
                            1,
                            {TEXTOID}};

    if (lock_row(&query, name, instance))
        return true;
    if (IsolationUsesXactSnapshot() && qm_instance_read(name, instance))
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("could not serialize access: instance \"%s\" is newer than this transaction", name),
                 errhint("Repeat the transaction.")));
    return false;
}

/* qm_instance_try_lock does the same without waiting; false also when somebody else has the row. */
bool
qm_instance_try_lock(const char *name, QmInstance *instance)
{
    static QmQuery query = {"SELECT " QM_INSTANCE_COLUMNS " FROM quantmesh.instance WHERE instance = $1 "
                            "FOR NO KEY UPDATE SKIP LOCKED",
                            1,
                            {TEXTOID}};

    return lock_row(&query, name, instance);
}

/* lock_row runs the query that locks, and reads the row. */
static bool
lock_row(QmQuery *query, const char *name, QmInstance *instance)
{
    Datum values[] = {CStringGetTextDatum(name)};

    if (qm_query_run(query, values, NULL) == 0)
        return false;
    qm_instance_fill(0, instance);
    return true;
}

/* qm_instance_fill copies a row of QM_INSTANCE_COLUMNS that the last query returned. */
void
qm_instance_fill(uint64 row, QmInstance *instance)
{
    instance->name = qm_row_text(row, 0);
    instance->epoch = qm_row_int64(row, 1);
    instance->state = qm_row_text(row, 2);
    instance->alive = strcmp(instance->state, "alive") == 0;
    instance->life = qm_row_text(row, 3);
    instance->lease_fence = qm_row_int64(row, 4);
    instance->ttl_us = qm_row_int64(row, 5);
    instance->registered_by = qm_row_text(row, 6);
    instance->registered_at = qm_row_int64(row, 7);
}

/* qm_instance_require reads the instance that the caller speaks for: QM002 when that life is over, 42501 when it is not the caller's. */
void
qm_instance_require(const char *name, int64 epoch, QmInstance *instance)
{
    if (!qm_instance_read(name, instance) || !instance->alive || instance->epoch != epoch)
        refuse_stale(name);
    if (!qm_instance_is_mine(instance))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for instance \"%s\"", name),
                 errdetail("It was registered by role \"%s\".", instance->registered_by),
                 errhint("Speak for it as the session user that registered it.")));
}

/* refuse_stale errors with QM002. */
static void
refuse_stale(const char *name)
{
    ereport(ERROR,
            (errcode(QM_ERRCODE_STALE_INSTANCE),
             errmsg("instance \"%s\" is no longer alive under this epoch", name),
             errdetail("It was declared dead, has left, was replaced, or was never registered."),
             errhint("Stop sending under the old epoch, and register again: quantmesh.register_instance().")));
}

/* qm_instance_is_mine says whether the session may speak for the instance. */
bool
qm_instance_is_mine(const QmInstance *instance)
{
    Oid user = GetSessionUserId();

    return superuser_arg(user) || strcmp(GetUserNameFromId(user, false), instance->registered_by) == 0;
}

/* qm_instance_key makes the key of the instance's lease. */
void
qm_instance_key(const char *name, QmKey *key)
{
    qm_key_from_text(key, cstring_to_text(psprintf(QM_INSTANCE_KEY_PREFIX "%s", name)));
}

/* qm_instance_owner makes the owner of the lease: name and life, as much of them as an owner has room for. */
void
qm_instance_owner(const char *name, const char *life, QmOwner *owner)
{
    char *text = life[0] == '\0' ? pstrdup(name) : psprintf("%s/%s", name, life);
    int len = pg_mbcliplen(text, (int) strlen(text), QM_OWNER_MAX);

    memset(owner, 0, sizeof(*owner));
    memcpy(owner->text, text, (size_t) len);
    owner->len = (uint16) len;
}

/*
 * qm_instance_lease says whether the instance's lease lives, and fills in its
 * holder. A lease of another fence counts if its owner is the same: the row that
 * would name it may have been rolled back.
 */
bool
qm_instance_lease(const QmInstance *instance, QmHolder *holder)
{
    QmKey key;
    QmOwner owner;

    qm_instance_key(instance->name, &key);
    if (qm_lease_until(&key, holder) == 0)
        return false;
    qm_instance_owner(instance->name, instance->life, &owner);
    return holder->fence == instance->lease_fence ||
           (holder->owner_len == owner.len && memcmp(holder->owner, owner.text, owner.len) == 0);
}

/*
 * qm_instance_may_live_until returns until when an instance without a lease must
 * be taken for alive: for one TTL after leases were opened. 0 when that is over.
 */
TimestampTz
qm_instance_may_live_until(const QmInstance *instance)
{
    int64 open_at_us = qm_lease_open_at();
    int64 now_us = qm_now_us();

    if (open_at_us == 0)
        return GetCurrentTimestamp() + instance->ttl_us;
    if (open_at_us + instance->ttl_us <= now_us)
        return 0;
    return GetCurrentTimestamp() + (open_at_us + instance->ttl_us - now_us);
}

/* qm_leases_closed_until returns until when no lease is granted after a crash or promotion; 0 when they are open. */
TimestampTz
qm_leases_closed_until(void)
{
    int64 open_at_us = qm_lease_open_at();
    int64 now_us = qm_now_us();

    if (open_at_us == 0)
        return GetCurrentTimestamp() + QM_US_PER_S;
    return open_at_us <= now_us ? 0 : GetCurrentTimestamp() + (open_at_us - now_us);
}

/*
 * qm_instance_keep lets an instance that was read live for another TTL. One
 * whose lease is gone, but that nobody has declared dead, takes a new one; while
 * leases are closed it lives without. QM002 when its life is over.
 */
void
qm_instance_keep(QmInstance *instance)
{
    QmKey key;
    QmOwner owner;
    QmInstance now;
    int64 ttl_us = Min(instance->ttl_us, qm_max_ttl_ms * QM_US_PER_MS);

    qm_instance_key(instance->name, &key);
    qm_instance_owner(instance->name, instance->life, &owner);
    if (renew(instance, &key, &owner, ttl_us))
        return;
    if (!qm_instance_lock(instance->name, &now) || !now.alive || now.epoch != instance->epoch)
        refuse_stale(instance->name);
    if (qm_leases_closed_until() == 0 && !renew(&now, &key, &owner, ttl_us))
        take_lease(instance, &key, &owner, ttl_us);
}

/* renew renews the instance's lease; false when it does not have it. */
static bool
renew(const QmInstance *instance, const QmKey *key, const QmOwner *owner, int64 ttl_us)
{
    if (instance->lease_fence == 0 || !qm_lease_held_by(key, owner, instance->lease_fence))
        return false;
    qm_lease_ensure_marked();
    return qm_lease_renew(key, owner, instance->lease_fence, ttl_us);
}

/* take_lease takes a lease for an instance that has none, and stores its fence. 55006 when somebody else has the key. */
static void
take_lease(QmInstance *instance, QmKey *key, const QmOwner *owner, int64 ttl_us)
{
    static QmQuery query = {"UPDATE quantmesh.instance SET lease_fence = $2 WHERE instance = $1",
                            2,
                            {TEXTOID, INT8OID}};
    QmLockRequest request = {.function = "quantmesh.heartbeat()",
                             .mode = QM_MODE_LEASE,
                             .nkeys = 1,
                             .keys = key,
                             .ttl_us = ttl_us,
                             .timeout_us = QM_NEVER_US,
                             .owner = owner};
    Datum values[2];

    qm_fence_prepare();
    instance->lease_fence = qm_lock_acquire(&request);
    if (instance->lease_fence == QM_NO_FENCE)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("key \"%s\" is locked by somebody else", key->text),
                 errhint("quantmesh.lock_holder('%s') says by whom.", key->text)));
    values[0] = CStringGetTextDatum(instance->name);
    values[1] = Int64GetDatum(instance->lease_fence);
    (void) qm_query_run(&query, values, NULL);
}

/*
 * qm_instance_end ends the life of an instance whose row is locked: it is dead
 * or has left from now on, under an epoch that nobody has been given.
 */
void
qm_instance_end(const QmInstance *instance, const char *state)
{
    static QmQuery query = {"UPDATE quantmesh.instance "
                            "SET state = $2, epoch = $3, ended_at = pg_catalog.clock_timestamp() WHERE instance = $1",
                            3,
                            {TEXTOID, TEXTOID, INT8OID}};
    Datum values[3];

    values[0] = CStringGetTextDatum(instance->name);
    values[1] = CStringGetTextDatum(state);
    values[2] = Int64GetDatum(qm_fence_draw());
    (void) qm_query_run(&query, values, NULL);
}
