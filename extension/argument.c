/*
 * Arguments of SQL functions. What a programmer got wrong is 22004 (NULL) or
 * 22023, with the value; nothing has been changed by then.
 */
#include "argument.h"

#include "catalog/pg_type.h"
#include "clock.h"
#include "compat.h"
#include "lock.h"
#include "settings.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static void refuse_null(const char *name);

/* refuse_null errors with 22004. */
static void
refuse_null(const char *name)
{
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
}

/* qm_arg_key reads a lock key: 1 to 512 bytes. */
void
qm_arg_key(FunctionCallInfo fcinfo, int arg, QmKey *key)
{
    if (PG_ARGISNULL(arg))
        refuse_null("lock key");
    qm_key_from_text(key, PG_GETARG_TEXT_PP(arg));
}

/* qm_arg_keys reads an array of lock keys and returns them in the order of qm_key_cmp, each once. */
QmKey *
qm_arg_keys(FunctionCallInfo fcinfo, int arg, int *nkeys)
{
    ArrayType *array;
    Datum *values;
    bool *nulls;
    int nvalues;
    QmKey *keys;
    int count = 0;

    if (PG_ARGISNULL(arg))
        refuse_null("lock keys");
    array = PG_GETARG_ARRAYTYPE_P(arg);
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lock keys must be a one-dimensional array")));
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &nvalues);
    if (nvalues == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lock keys must not be empty")));
    if (nvalues > QM_LOCKS_PER_BACKEND_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%d lock keys are too many for one call, the limit is %d", nvalues, QM_LOCKS_PER_BACKEND_MAX)));

    keys = palloc(sizeof(QmKey) * (Size) nvalues);
    for (int i = 0; i < nvalues; i++)
    {
        if (nulls[i])
            refuse_null("lock key");
        qm_key_from_text(&keys[i], DatumGetTextPP(values[i]));
    }
    qsort(keys, (size_t) nvalues, sizeof(QmKey), qm_key_cmp);
    for (int i = 0; i < nvalues; i++)
    {
        if (count == 0 || qm_key_cmp(&keys[count - 1], &keys[i]) != 0)
            keys[count++] = keys[i];
    }
    *nkeys = count;
    return keys;
}

/* qm_arg_owner reads the owner of a lease: 1 to 128 bytes. */
void
qm_arg_owner(FunctionCallInfo fcinfo, int arg, QmOwner *owner)
{
    const text *value;
    size_t len;

    if (PG_ARGISNULL(arg))
        refuse_null("owner");
    value = PG_GETARG_TEXT_PP(arg);
    len = VARSIZE_ANY_EXHDR(value);
    if (len < QM_OWNER_MIN || len > QM_OWNER_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("owner \"%s\" has %zu bytes", text_to_cstring(value), len),
                 errdetail("It must have %d to %d.", QM_OWNER_MIN, QM_OWNER_MAX)));
    memcpy(owner->text, VARDATA_ANY(value), len);
    owner->text[len] = '\0';
    owner->len = (uint16) len;
}

/* qm_arg_fence reads a fence, which is always positive. */
int64
qm_arg_fence(FunctionCallInfo fcinfo, int arg)
{
    int64 fence;

    if (PG_ARGISNULL(arg))
        refuse_null("fence");
    fence = PG_GETARG_INT64(arg);
    if (fence <= 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("fence must be positive, not " INT64_FORMAT, fence)));
    return fence;
}

/* qm_arg_reason reads why an operator does something: 1 to max_len bytes. */
char *
qm_arg_reason(FunctionCallInfo fcinfo, int arg, int max_len)
{
    size_t len;

    if (PG_ARGISNULL(arg))
        refuse_null("reason");
    len = VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(arg));
    if (len == 0 || len > (size_t) max_len)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("reason has %zu bytes", len),
                 errdetail("It must have 1 to %d.", max_len)));
    return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* qm_arg_interval_us reads a TTL or timeout in microseconds, a month being 30 days; null_us stands for NULL. */
int64
qm_arg_interval_us(FunctionCallInfo fcinfo, int arg, const char *name, int64 null_us)
{
    const Interval *interval;
    int64 days;

    if (PG_ARGISNULL(arg))
        return null_us;
    interval = PG_GETARG_INTERVAL_P(arg);
    days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
    if (!qm_interval_is_finite(interval) || days < 0 || days > QM_INTERVAL_MAX_US / USECS_PER_DAY ||
        interval->time < -days * USECS_PER_DAY || interval->time > QM_INTERVAL_MAX_US - days * USECS_PER_DAY)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s must be from 0 to %d days, not \"%s\"",
                        name,
                        (int) (QM_INTERVAL_MAX_US / USECS_PER_DAY),
                        DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval))))));
    return days * USECS_PER_DAY + interval->time;
}

/* qm_arg_lease_ttl_us reads the TTL of a lease: above 0 and at most quantmesh.max_ttl. */
int64
qm_arg_lease_ttl_us(FunctionCallInfo fcinfo, int arg)
{
    int64 ttl_us = qm_arg_interval_us(fcinfo, arg, "ttl", qm_default_ttl_lease_us());

    if (ttl_us == 0 || ttl_us > qm_max_ttl_ms * QM_US_PER_MS)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("ttl of a lease must be above 0 and at most %d ms, not " INT64_FORMAT " us",
                        qm_max_ttl_ms,
                        ttl_us),
                 errhint("The limit is quantmesh.max_ttl.")));
    return ttl_us;
}

/* qm_interval returns a duration as an SQL interval. */
Interval *
qm_interval(int64 us)
{
    Interval *interval = palloc0(sizeof(Interval));

    interval->time = us;
    return interval;
}
