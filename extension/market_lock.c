/*
 * Market locks and request locks: advisory locks in classes of their own, until
 * the transaction ends.
 */
#include "market_lock.h"

#include "compat.h"
#include "fmgr.h"
#include "key.h"
#include "miscadmin.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/resowner.h"

PG_FUNCTION_INFO_V1(qm_lock_market);

#define LOCK_TEXT_MAX 320

static int request_locks = 0; /* that this transaction has asked for */
static bool any_lock = false; /* whether it has had one of ours, though it may have ended with a savepoint */

static uint64 hash_of(const char *account, const char *rest);
static LockAcquireResult acquire(const LOCKTAG *tag, LOCKMODE mode, bool dont_wait);

/* qm_market_tag fills in the tag of a market's lock. */
void
qm_market_tag(const char *account, const char *symbol, LOCKTAG *tag)
{
    uint64 hash = hash_of(account, symbol);

    SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, QM_LOCKTAG_MARKET);
}

/*
 * qm_market_lock_shared keeps the market from being halted until this
 * transaction ends, and sees every halt that came before.
 */
void
qm_market_lock_shared(const char *account, const char *symbol)
{
    LOCKTAG tag;

    qm_market_tag(account, symbol, &tag);
    if (acquire(&tag, ShareLock, false) != LOCKACQUIRE_ALREADY_HELD)
        AcceptInvalidationMessages();
}

/*
 * qm_request_lock makes this transaction the only one that works on the
 * request. A repetition waits for the call that it repeats, so that it can tell
 * what became of it; true when it did. 53400 beyond as many as a backend may
 * have keys.
 */
bool
qm_request_lock(const char *account, const char *request_id)
{
    uint64 hash = hash_of(account, request_id);
    LOCKTAG tag;

    if (request_locks >= qm_max_locks_per_backend)
        ereport(ERROR,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("transaction has %d orders with a request_id, the limit", request_locks),
                 errhint("Place orders in smaller transactions, or raise quantmesh.max_locks_per_backend.")));
    request_locks++;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, QM_LOCKTAG_REQUEST);
    if (acquire(&tag, ExclusiveLock, true) != LOCKACQUIRE_NOT_AVAIL)
        return false;
    (void) acquire(&tag, ExclusiveLock, false);
    return true;
}

/*
 * qm_market_try_lock keeps everybody from placing in the market until this
 * transaction ends; false, and nothing is locked, while a placement is under way.
 */
bool
qm_market_try_lock(const char *account, const char *symbol)
{
    LOCKTAG tag;

    qm_market_tag(account, symbol, &tag);
    return acquire(&tag, ExclusiveLock, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* qm_assigning_try_lock makes this transaction the only one that assigns markets; false when another one does. */
bool
qm_assigning_try_lock(void)
{
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, 0, QM_LOCKTAG_ASSIGNING);
    return acquire(&tag, ExclusiveLock, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* qm_market_lock_any says whether this transaction has had a lock of a market, a request or of who assigns. */
bool
qm_market_lock_any(void)
{
    return any_lock;
}

/* qm_market_lock_end_xact forgets what was locked: the server lets go of it. */
void
qm_market_lock_end_xact(void)
{
    request_locks = 0;
    any_lock = false;
}

/* hash_of hashes an account and a name in it; a colon cannot be in an account. */
static uint64
hash_of(const char *account, const char *rest)
{
    char text[LOCK_TEXT_MAX];

    snprintf(text, sizeof(text), "%s:%s", account, rest);
    return qm_key_hash(text, strlen(text));
}

/* acquire takes the lock for the current subtransaction, whichever portal asks, as lock keys are taken. */
static LockAcquireResult
acquire(const LOCKTAG *tag, LOCKMODE mode, bool dont_wait)
{
    ResourceOwner caller_owner = CurrentResourceOwner;
    LockAcquireResult result;

    any_lock = true;
    CurrentResourceOwner = CurTransactionResourceOwner;
    result = LockAcquire(tag, mode, false, dont_wait);
    CurrentResourceOwner = caller_owner;
    return result;
}

/* qm_lock_market is quantmesh.lock_market: waits until no placement in the market can still commit, and admits no new one. */
Datum
qm_lock_market(PG_FUNCTION_ARGS)
{
    LOCKTAG tag;

    qm_require_running("quantmesh.lock_market()");
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("account and symbol must not be null")));
    qm_market_tag(text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), &tag);
    (void) acquire(&tag, ExclusiveLock, false);
    PG_RETURN_VOID();
}
