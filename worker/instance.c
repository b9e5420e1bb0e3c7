/*
 * SQL functions: register_instance and leave_instance. What they promise is in
 * their COMMENTs (sql/70_instances.sql).
 *
 * Whoever registers locks the name first and the row then. A lease is granted at
 * once and not undone by ROLLBACK: one that no row knows of is left over from a
 * registration that was rolled back, and is taken away.
 */
#include "instance.h"

#include "access/htup_details.h"
#include "argument.h"
#include "catalog/pg_type.h"
#include "clock.h"
#include "fence.h"
#include "funcapi.h"
#include "guard.h"
#include "lock.h"
#include "market_lock.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "query.h"
#include "rights.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "xact.h"

PG_FUNCTION_INFO_V1(qm_register_instance);
PG_FUNCTION_INFO_V1(qm_leave_instance);

#define REGISTERED_MARKETS_MAX 10000 /* of one instance */
#define WEIGHT_MAX 1000
#define DETAIL_MAX 8192 /* bytes */
#define HEARTBEATS_PER_TTL 3
#define NAME_LOCK_ACCOUNT ":instance" /* under which names are locked; a colon is in no account */

enum
{
    ARG_INSTANCE,
    ARG_MARKETS,
    ARG_STANDBY,
    ARG_WEIGHT,
    ARG_TTL,
    ARG_LIFE,
    ARG_DETAIL
};

/* What a caller registers. Arrays are SQL arrays of texts, of the same length. */
typedef struct Registration
{
    const char *function;
    char *name;
    ArrayType *accounts;
    ArrayType *symbols;
    bool standby;
    int weight;
    int64 ttl_us;
    const char *life; /* empty: none */
    Jsonb *detail;
} Registration;

static void read_registration(FunctionCallInfo fcinfo, Registration *registration);
static void read_markets(FunctionCallInfo fcinfo, Registration *registration);
static char *check_market(const char *market, char **symbol);
static Jsonb *read_detail(FunctionCallInfo fcinfo);
static bool is_repetition(const Registration *registration, const QmInstance *old);
static void go_on(const Registration *registration, QmInstance *old);
static int64 begin_life(const Registration *registration, const QmInstance *old);
static void refuse_closed(const Registration *registration);
static void refuse_living(const QmInstance *old);
static void refuse_in_use(const QmInstance *old, TimestampTz until) qm_noreturn;
static int64 grant(const Registration *registration, const QmInstance *old);
static void store_life(const Registration *registration, int64 fence);
static void store_markets(const Registration *registration);
static Datum answer(FunctionCallInfo fcinfo, const Registration *registration, int64 epoch);

/* qm_register_instance is quantmesh.register_instance. */
Datum
qm_register_instance(PG_FUNCTION_ARGS)
{
    Registration registration = {.function = "quantmesh.register_instance()"};
    QmQueryScope scope;
    QmInstance old;
    int64 epoch;
    bool replaced = false;

    qm_instance_prepare(registration.function);
    read_registration(fcinfo, &registration);
    (void) qm_request_lock(NAME_LOCK_ACCOUNT, registration.name);
    qm_query_begin(&scope);
    if (!qm_instance_lock(registration.name, &old))
        epoch = begin_life(&registration, NULL);
    else if (is_repetition(&registration, &old))
    {
        epoch = old.epoch;
        go_on(&registration, &old);
    }
    else
    {
        epoch = begin_life(&registration, &old);
        replaced = old.alive;
    }
    store_markets(&registration);
    if (replaced)
        qm_instance_clear();
    qm_query_end(&scope);
    /* In a longer transaction the lock of whoever assigns would be held too long: then the coordinator does it. */
    if (replaced && qm_xact_commits_alone())
        (void) qm_markets_assign();
    return answer(fcinfo, &registration, epoch);
}

/* read_registration reads and checks the arguments. */
static void
read_registration(FunctionCallInfo fcinfo, Registration *registration)
{
    registration->name = qm_arg_name(fcinfo, ARG_INSTANCE, "instance");
    read_markets(fcinfo, registration);
    if (PG_ARGISNULL(ARG_STANDBY) || PG_ARGISNULL(ARG_WEIGHT))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                 errmsg("%s must not be null", PG_ARGISNULL(ARG_STANDBY) ? "standby" : "weight")));
    registration->standby = PG_GETARG_BOOL(ARG_STANDBY);
    registration->weight = PG_GETARG_INT32(ARG_WEIGHT);
    if (registration->weight < 1 || registration->weight > WEIGHT_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("weight must be from 1 to %d, not %d", WEIGHT_MAX, registration->weight)));
    registration->ttl_us = qm_arg_lease_ttl_us(fcinfo, ARG_TTL);
    registration->life = qm_arg_name_or_null(fcinfo, ARG_LIFE, "life");
    if (registration->life == NULL)
        registration->life = "";
    registration->detail = read_detail(fcinfo);
}

/* read_markets reads what the instance registers for: 42501 when the caller may not trade one of the accounts. */
static void
read_markets(FunctionCallInfo fcinfo, Registration *registration)
{
    ArrayType *array;
    Datum *values;
    bool *nulls;
    int count;
    Datum *accounts;
    Datum *symbols;

    if (PG_ARGISNULL(ARG_MARKETS))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("markets must not be null")));
    array = PG_GETARG_ARRAYTYPE_P(ARG_MARKETS);
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    if (count == 0 || count > REGISTERED_MARKETS_MAX || ARR_NDIM(array) != 1)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("markets must be an array of 1 to %d texts", REGISTERED_MARKETS_MAX),
                 errhint("'<account>:*' stands for all markets of an account.")));
    accounts = palloc(sizeof(Datum) * (Size) count);
    symbols = palloc(sizeof(Datum) * (Size) count);
    for (int i = 0; i < count; i++)
    {
        char *symbol;
        char *account;

        if (nulls[i])
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a market must not be null")));
        account = check_market(TextDatumGetCString(values[i]), &symbol);
        qm_rights_check_account(account);
        accounts[i] = CStringGetTextDatum(account);
        symbols[i] = CStringGetTextDatum(symbol);
    }
    registration->accounts = construct_array(accounts, count, TEXTOID, -1, false, TYPALIGN_INT);
    registration->symbols = construct_array(symbols, count, TEXTOID, -1, false, TYPALIGN_INT);
}

/* check_market takes '<account>:<symbol>' apart: returns the account, and sets symbol. */
static char *
check_market(const char *market, char **symbol)
{
    const char *colon = strchr(market, ':');

    if (colon == NULL || !qm_is_market_name(market, (size_t) (colon - market)) ||
        (strcmp(colon + 1, "*") != 0 && !qm_is_market_name(colon + 1, strlen(colon + 1))))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("market \"%.150s\" is not valid", market),
                 errhint("It must be '<account>:<symbol>', or '<account>:*' for all markets of the account.")));
    *symbol = pstrdup(colon + 1);
    return pnstrdup(market, (Size) (colon - market));
}

/* read_detail reads what the caller wants to be kept of it: an object. */
static Jsonb *
read_detail(FunctionCallInfo fcinfo)
{
    Jsonb *detail;

    if (PG_ARGISNULL(ARG_DETAIL))
        return NULL;
    detail = PG_GETARG_JSONB_P(ARG_DETAIL);
    if (!JB_ROOT_IS_OBJECT(detail) || VARSIZE(detail) > DETAIL_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("detail must be an object of at most %d bytes", DETAIL_MAX)));
    return detail;
}

/* is_repetition says whether the life that is registered is the caller's: it has named the same one, as the same user. */
static bool
is_repetition(const Registration *registration, const QmInstance *old)
{
    return old->alive && registration->life[0] != '\0' && strcmp(registration->life, old->life) == 0 &&
           qm_instance_is_mine(old);
}

/* go_on lets the life go on, as it is registered now. */
static void
go_on(const Registration *registration, QmInstance *old)
{
    static QmQuery query = {"UPDATE quantmesh.instance SET standby = $2, weight = $3, "
                            "ttl = $4 * interval '1 us', detail = $5 WHERE instance = $1 "
                            "AND (standby, weight, ttl, detail) IS DISTINCT FROM ($2, $3, $4 * interval '1 us', $5)",
                            5,
                            {TEXTOID, BOOLOID, INT4OID, FLOAT8OID, JSONBOID}};
    Datum values[] = {CStringGetTextDatum(registration->name),
                      BoolGetDatum(registration->standby),
                      Int32GetDatum(registration->weight),
                      Float8GetDatum((double) registration->ttl_us),
                      PointerGetDatum(registration->detail)};
    bool nulls[] = {false, false, false, false, registration->detail == NULL};

    old->ttl_us = registration->ttl_us;
    qm_instance_keep(old);
    (void) qm_query_run(&query, values, nulls);
}

/*
 * begin_life registers a new life, if no other one of that name is alive, and
 * returns its epoch: the lease's fence. old: what was registered before, or NULL.
 */
static int64
begin_life(const Registration *registration, const QmInstance *old)
{
    int64 fence;

    refuse_closed(registration);
    if (old != NULL)
        refuse_living(old);
    fence = grant(registration, old);
    store_life(registration, fence);
    if (old != NULL && old->alive)
        ereport(LOG,
                (errmsg("quantmesh instance \"%s\" is replaced: epoch " INT64_FORMAT
                        " has sent no heartbeat for its ttl, and epoch " INT64_FORMAT " has registered",
                        old->name,
                        old->epoch,
                        fence)));
    return fence;
}

/* refuse_closed errors with 55000 while leases are closed. */
static void
refuse_closed(const Registration *registration)
{
    TimestampTz closed_until = qm_leases_closed_until();

    if (closed_until != 0)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("instance \"%s\" cannot be registered yet", registration->name),
                 errdetail("After a crash or promotion no lease is granted until %s: holders may still trust theirs.",
                           timestamptz_to_str(closed_until)),
                 errhint("Try again then. Instances that were registered before go on with their heartbeats.")));
}

/* refuse_living errors with 55006 when the old life may still be alive. */
static void
refuse_living(const QmInstance *old)
{
    QmHolder holder;
    TimestampTz until;

    if (!old->alive)
        return;
    if (qm_instance_lease(old, &holder))
        refuse_in_use(old, GetCurrentTimestamp() + qm_us_until(holder.deadline_us));
    until = qm_instance_may_live_until(old);
    if (until != 0)
        refuse_in_use(old, until);
}

/* refuse_in_use errors with 55006. */
static void
refuse_in_use(const QmInstance *old, TimestampTz until)
{
    char *since = pstrdup(timestamptz_to_str(old->registered_at));

    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_IN_USE),
             errmsg("instance \"%s\" is alive", old->name),
             errdetail("It was registered by role \"%s\" at %s, and lives at least until %s.",
                       old->registered_by,
                       since,
                       timestamptz_to_str(until)),
             errhint("Register under another name, or wait until it has ended. A repeated registration must name the "
                     "same life.")));
}

/*
 * grant takes the lease of the new life and returns its fence. A lease that lives
 * is of no life that is registered, and is taken away.
 */
static int64
grant(const Registration *registration, const QmInstance *old)
{
    QmKey key;
    QmOwner owner;
    QmHolder holder;
    QmLockRequest request = {.function = registration->function,
                             .mode = QM_MODE_LEASE,
                             .nkeys = 1,
                             .keys = &key,
                             .ttl_us = registration->ttl_us,
                             .timeout_us = QM_NEVER_US,
                             .owner = &owner};
    int64 fence;

    qm_instance_key(registration->name, &key);
    qm_instance_owner(registration->name, registration->life, &owner);
    if (qm_lease_until(&key, &holder) != 0 && holder.found)
        qm_lease_release(key.hash, holder.fence);
    qm_fence_prepare();
    fence = qm_lock_acquire(&request);
    if (fence == QM_NO_FENCE)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_IN_USE),
                 errmsg("key \"%s\" is locked by somebody else", key.text),
                 errhint("quantmesh.lock_holder('%s') says by whom.", key.text)));
    return fence;
}

/* store_life writes the row of the new life. */
static void
store_life(const Registration *registration, int64 fence)
{
    static QmQuery query =
        {"INSERT INTO quantmesh.instance AS i (instance, epoch, life, lease_fence, ttl, standby, weight, detail) "
         "VALUES ($1, $2, $3, $2, $4 * interval '1 us', $5, $6, $7) "
         "ON CONFLICT (instance) DO UPDATE SET epoch = excluded.epoch, registered_at = excluded.registered_at, "
         "state = 'alive', life = excluded.life, lease_fence = excluded.lease_fence, ttl = excluded.ttl, "
         "standby = excluded.standby, weight = excluded.weight, registered_by = excluded.registered_by, "
         "detail = excluded.detail, ended_at = NULL",
         7,
         {TEXTOID, INT8OID, TEXTOID, FLOAT8OID, BOOLOID, INT4OID, JSONBOID}};
    Datum values[] = {CStringGetTextDatum(registration->name),
                      Int64GetDatum(fence),
                      CStringGetTextDatum(registration->life),
                      Float8GetDatum((double) registration->ttl_us),
                      BoolGetDatum(registration->standby),
                      Int32GetDatum(registration->weight),
                      PointerGetDatum(registration->detail)};
    bool nulls[] = {false, false, false, false, false, false, registration->detail == NULL};

    (void) qm_query_run(&query, values, nulls);
}

/* store_markets makes the registered markets those of the registration; what is there already is not written again. */
static void
store_markets(const Registration *registration)
{
    static QmQuery remove =
        {"DELETE FROM quantmesh.instance_market AS m WHERE m.instance = $1 AND NOT EXISTS ("
         "SELECT FROM unnest($2, $3) AS n (account, symbol) WHERE n.account = m.account AND n.symbol = m.symbol)",
         3,
         {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}};
    static QmQuery add = {"INSERT INTO quantmesh.instance_market (instance, account, symbol) "
                          "SELECT $1, n.account, n.symbol FROM unnest($2, $3) AS n (account, symbol) "
                          "ON CONFLICT DO NOTHING",
                          3,
                          {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}};
    Datum values[] = {CStringGetTextDatum(registration->name),
                      PointerGetDatum(registration->accounts),
                      PointerGetDatum(registration->symbols)};

    (void) qm_query_run(&remove, values, NULL);
    (void) qm_query_run(&add, values, NULL);
}

/* answer returns the row that register_instance answers. */
static Datum
answer(FunctionCallInfo fcinfo, const Registration *registration, int64 epoch)
{
    Datum values[] = {CStringGetTextDatum(registration->name),
                      Int64GetDatum(epoch),
                      IntervalPGetDatum(qm_interval(registration->ttl_us)),
                      IntervalPGetDatum(qm_interval(registration->ttl_us / HEARTBEATS_PER_TTL))};
    bool nulls[lengthof(values)] = {0};
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "function does not return a row");
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* qm_leave_instance is quantmesh.leave_instance. */
Datum
qm_leave_instance(PG_FUNCTION_ARGS)
{
    QmQueryScope scope;
    QmInstance instance;
    QmHolder holder;
    char *name;
    int64 epoch;

    qm_instance_prepare("quantmesh.leave_instance()");
    name = qm_arg_name(fcinfo, 0, "instance");
    epoch = qm_arg_positive(fcinfo, 1, "epoch");
    qm_query_begin(&scope);
    (void) qm_instance_lock(name, &instance);
    qm_instance_require(name, epoch, &instance);
    if (qm_instance_lease(&instance, &holder))
    {
        QmKey key;

        qm_instance_key(name, &key);
        qm_release_add(&key, holder.fence);
    }
    qm_instance_end(&instance, "left");
    qm_instance_clear();
    qm_query_end(&scope);
    if (qm_xact_commits_alone())
        (void) qm_markets_assign();
    PG_RETURN_VOID();
}
