/*
 * Rights: which accounts' keys the current user may lock, and what it may see.
 *
 * EXECUTE on the functions lets a role lock at all; quantmesh.role_right says
 * for which accounts, to the role itself or to one that it belongs to. Keys
 * that name no account are free to every trader. Superusers may do everything.
 * Traders see what they may trade, readers and operators see all.
 *
 * What was allowed is remembered per backend, until the table or anybody's
 * role membership changes. The table is read by scan, because lock functions
 * run as the caller, who has no right to it.
 */
#include "rights.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "compat.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(qm_rights_changed);
PG_FUNCTION_INFO_V1(qm_account_is_visible);

#define ALLOWED_CACHE_SIZE 64 /* a power of two */
#define VISIBLE_CACHE_SIZE 64 /* a power of two */

typedef struct Allowed
{
    Oid user; /* InvalidOid: unused */
    uint16 account_len;
    char account[QM_ACCOUNT_MAX];
} Allowed;

/* Of what is seen, the answer no is remembered, too: a view asks for every row. */
typedef struct Visible
{
    Allowed asked;
    bool visible;
} Visible;

static Allowed allowed_cache[ALLOWED_CACHE_SIZE];
static Visible visible_cache[VISIBLE_CACHE_SIZE];
static Oid right_relid = InvalidOid;
static uint64 changes = 0; /* how often something was forgotten */

static bool user_is_allowed(Oid user, const char *account, size_t len);
static bool user_may_see(Oid user, const char *account, size_t len);
static uint64 hash_of(Oid user, const char *account, size_t len);
static bool is_about(const Allowed *cached, Oid user, const char *account, size_t len);
static void fill(Allowed *cached, Oid user, const char *account, size_t len);
static bool account_is_allowed(Oid user, const char *account, size_t len, bool to_read);
static bool text_is(const text *value, const char *data, size_t len);
static void register_callbacks(void);
static void forget_relation(Datum arg, Oid relid);
static void forget_members(Datum arg, int cache, uint32 hash);
static void forget_all(void);
static Relation open_rights(LOCKMODE mode);

/* qm_rights_check errors with 42501 when the current user may not lock keys of the key's account. */
void
qm_rights_check(const QmKey *key)
{
    const char *account = key->text + key->parts.account_at;
    size_t len = key->parts.account_len;

    if (len > 0 && !user_is_allowed(GetUserId(), account, len))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for account \"%.*s\"", (int) len, account),
                 errdetail("Role \"%s\" may not lock key \"%s\".", GetUserNameFromId(GetUserId(), false), key->text),
                 errhint("The extension's owner can run SELECT quantmesh.grant_trader(role, account).")));
}

/*
 * qm_rights_check_taking does that, too, and errors when the key is a registered
 * instance's: only register_instance and heartbeat take those, so that nobody can
 * keep an instance alive, or from living, that is not his.
 */
void
qm_rights_check_taking(const QmKey *key)
{
    qm_rights_check(key);
    if (strncmp(key->text, QM_INSTANCE_KEY_PREFIX, strlen(QM_INSTANCE_KEY_PREFIX)) == 0 && !superuser())
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for key \"%s\"", key->text),
                 errdetail("Keys that begin with %s belong to registered instances.", QM_INSTANCE_KEY_PREFIX),
                 errhint("Use quantmesh.register_instance(), heartbeat() and leave_instance().")));
}

/* qm_rights_check_account errors with 42501 when the current user may not trade the account. */
void
qm_rights_check_account(const char *account)
{
    qm_rights_check_account_of(GetUserId(), account);
}

/* qm_rights_check_account_of does the same for a user that is not the current one. */
void
qm_rights_check_account_of(Oid user, const char *account)
{
    if (!user_is_allowed(user, account, strlen(account)))
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for account \"%s\"", account),
                 errdetail("Role \"%s\" may not trade it.", GetUserNameFromId(user, false)),
                 errhint("The extension's owner can run SELECT quantmesh.grant_trader(role, account).")));
}

/* qm_rights_may_see says whether the current user may read what belongs to the account; * stands for all accounts. */
bool
qm_rights_may_see(const char *account)
{
    return user_may_see(GetUserId(), account, strlen(account));
}

/* qm_account_is_visible is quantmesh.account_is_visible. */
Datum
qm_account_is_visible(PG_FUNCTION_ARGS)
{
    const text *account;

    if (PG_ARGISNULL(0))
        PG_RETURN_BOOL(false);
    account = PG_GETARG_TEXT_PP(0);
    PG_RETURN_BOOL(user_may_see(GetUserId(), VARDATA_ANY(account), VARSIZE_ANY_EXHDR(account)));
}

/* user_is_allowed asks the cache, and the table when the cache does not know. */
static bool
user_is_allowed(Oid user, const char *account, size_t len)
{
    uint64 changes_before;
    Allowed *cached;

    if (superuser_arg(user))
        return true;
    cached = &allowed_cache[hash_of(user, account, len) & (ALLOWED_CACHE_SIZE - 1)];
    if (is_about(cached, user, account, len))
        return true;

    register_callbacks();
    changes_before = changes;
    if (!account_is_allowed(user, account, len, false))
        return false;
    if (changes == changes_before && len <= QM_ACCOUNT_MAX)
        fill(cached, user, account, len);
    return true;
}

/* user_may_see asks the cache, and the table when the cache does not know. */
static bool
user_may_see(Oid user, const char *account, size_t len)
{
    uint64 changes_before;
    Visible *cached;
    bool visible;

    if (superuser_arg(user))
        return true;
    cached = &visible_cache[hash_of(user, account, len) & (VISIBLE_CACHE_SIZE - 1)];
    if (is_about(&cached->asked, user, account, len))
        return cached->visible;

    register_callbacks();
    changes_before = changes;
    visible = account_is_allowed(user, account, len, true);
    if (changes == changes_before && len <= QM_ACCOUNT_MAX)
    {
        fill(&cached->asked, user, account, len);
        cached->visible = visible;
    }
    return visible;
}

/* hash_of says where in a cache to look. */
static uint64
hash_of(Oid user, const char *account, size_t len)
{
    return hash_bytes_extended((const unsigned char *) account, (int) len, user);
}

/* is_about says whether an entry of a cache is that of the user and the account. */
static bool
is_about(const Allowed *cached, Oid user, const char *account, size_t len)
{
    return cached->user == user && cached->account_len == len && memcmp(cached->account, account, len) == 0;
}

/* fill makes an entry of a cache. */
static void
fill(Allowed *cached, Oid user, const char *account, size_t len)
{
    cached->user = user;
    cached->account_len = (uint16) len;
    memcpy(cached->account, account, len);
}

/* account_is_allowed looks for a row that lets the user trade the account, or read what belongs to it. */
static bool
account_is_allowed(Oid user, const char *account, size_t len, bool to_read)
{
    Relation relation = open_rights(AccessShareLock);
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TableScanDesc scan = table_beginscan(relation, snapshot, 0, NULL);
    TupleTableSlot *slot = table_slot_create(relation, NULL);
    bool allowed = false;

    right_relid = RelationGetRelid(relation);
    while (!allowed && table_scan_getnextslot(scan, ForwardScanDirection, slot))
    {
        Oid role;
        const text *privilege;
        const text *granted;

        slot_getallattrs(slot);
        role = DatumGetObjectId(slot->tts_values[0]);
        privilege = DatumGetTextPP(slot->tts_values[1]);
        granted = DatumGetTextPP(slot->tts_values[2]);
        allowed = (to_read || !text_is(privilege, "reader", strlen("reader"))) &&
                  (text_is(granted, account, len) || text_is(granted, "*", 1)) &&
                  SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)) && has_privs_of_role(user, role);
    }
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
    return allowed;
}

/* text_is says whether the value has exactly these bytes. */
static bool
text_is(const text *value, const char *data, size_t len)
{
    return VARSIZE_ANY_EXHDR(value) == len && memcmp(VARDATA_ANY(value), data, len) == 0;
}

/* open_rights opens quantmesh.role_right, without regard to the caller's rights and search_path. */
static Relation
open_rights(LOCKMODE mode)
{
    Oid relid = get_relname_relid("role_right", get_namespace_oid("quantmesh", false));

    if (!OidIsValid(relid))
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_TABLE),
                 errmsg("table quantmesh.role_right does not exist"),
                 errhint("Run CREATE EXTENSION quantmesh in this database.")));
    return table_open(relid, mode);
}

/* register_callbacks asks to be told of changes, before the first result is remembered. */
static void
register_callbacks(void)
{
    static bool registered = false;

    if (registered)
        return;
    CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
    CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_members, (Datum) 0);
    CacheRegisterSyscacheCallback(AUTHOID, forget_members, (Datum) 0);
    registered = true;
}

/* forget_relation forgets everything after the table has changed. */
static void
forget_relation(Datum arg, Oid relid)
{
    if (relid == InvalidOid || relid == right_relid)
        forget_all();
}

/* forget_members forgets everything after a role or a membership has changed. */
static void
forget_members(Datum arg, int cache, uint32 hash)
{
    forget_all();
}

/* forget_all empties the caches, also of what a check that is under way is about to put in. */
static void
forget_all(void)
{
    memset(allowed_cache, 0, sizeof(allowed_cache));
    memset(visible_cache, 0, sizeof(visible_cache));
    changes++;
}

/* qm_rights_changed makes every backend read the table again, once this transaction has committed. */
Datum
qm_rights_changed(PG_FUNCTION_ARGS)
{
    Relation relation = open_rights(AccessShareLock);

    CacheInvalidateRelcache(relation);
    table_close(relation, NoLock);
    PG_RETURN_VOID();
}
