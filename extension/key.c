/*
 * Lock keys inside the server. The text is the identity; the lock manager knows
 * the key by a 64-bit hash of all of it, in a class of tags of our own, within
 * one database. Two texts of one hash would only exclude each other. So that
 * nobody can make such a pair to block somebody else's key, the hash depends on
 * a secret that each start of the server draws: it is written once, before
 * anybody reads it.
 */
#include "key.h"

#include "clock.h"
#include "compat.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "siphash.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(qm_order_key);

static QmSipSecret *key_secret = NULL;

static void check_key_part(const text *part, const char *name);
static char *level_of_width(Numeric price, Numeric width);
static char *level_of_digits(Numeric price);
static bool numeric_is_positive(Numeric value);

/* qm_key_shmem_size returns what qm_key_shmem_init takes. */
Size
qm_key_shmem_size(void)
{
    return sizeof(QmSipSecret);
}

/* qm_key_shmem_init draws or finds the secret. */
void
qm_key_shmem_init(void)
{
    bool found;

    key_secret = ShmemInitStruct("quantmesh key secret", sizeof(QmSipSecret), &found);
    if (!found && !pg_strong_random(key_secret, sizeof(QmSipSecret)))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw a random number for lock keys")));
}

/* qm_key_hash returns what the lock manager knows a key by until the server is started again. */
uint64
qm_key_hash(const char *text, size_t len)
{
    return qm_siphash(key_secret, text, len);
}

/* qm_key_from_text checks the text and fills in the key; 22023 unless it has 1 to 512 bytes. */
void
qm_key_from_text(QmKey *key, const text *value)
{
    size_t len = VARSIZE_ANY_EXHDR(value);

    if (len < QM_KEY_MIN)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("lock key must not be empty")));
    if (len > QM_KEY_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("lock key has %zu bytes, the limit is %d", len, QM_KEY_MAX),
                 errdetail("The key begins with \"%s\".",
                           pnstrdup(VARDATA_ANY(value), pg_mbcliplen(VARDATA_ANY(value), (int) len, 60)))));

    memcpy(key->text, VARDATA_ANY(value), len);
    key->text[len] = '\0';
    key->len = (uint16) len;
    key->hash = qm_key_hash(key->text, len);
    key->parts = qm_key_parse(key->text, len);
}

/* qm_key_tag fills in the tag that the lock manager knows a key of this database by. */
void
qm_key_tag(uint64 hash, LOCKTAG *tag)
{
    SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, QM_LOCKTAG_CLASS);
}

/* qm_key_cmp orders keys by lock tag, then text: one order for everybody, so that nobody deadlocks. */
int
qm_key_cmp(const void *left, const void *right)
{
    const QmKey *l = left;
    const QmKey *r = right;

    if (l->hash != r->hash)
        return l->hash < r->hash ? -1 : 1;
    return strcmp(l->text, r->text);
}

/*
 * qm_order_key builds order:<account>:<symbol>:<level>. The level is exact
 * decimal text without trailing zeros, so that 100 and 100.00 are one key.
 */
Datum
qm_order_key(PG_FUNCTION_ARGS)
{
    static const char *const names[] = {"account", "symbol", "price"};
    Numeric price;
    char *level;
    char *key;

    for (int i = 0; i < 3; i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", names[i])));
    }
    check_key_part(PG_GETARG_TEXT_PP(0), "account");
    check_key_part(PG_GETARG_TEXT_PP(1), "symbol");

    price = PG_GETARG_NUMERIC(2);
    if (!numeric_is_positive(price))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("price must be positive and finite, not %s", numeric_normalize(price))));
    level = PG_ARGISNULL(3) ? level_of_digits(price) : level_of_width(price, PG_GETARG_NUMERIC(3));

    key =
        psprintf("order:%s:%s:%s", text_to_cstring(PG_GETARG_TEXT_PP(0)), text_to_cstring(PG_GETARG_TEXT_PP(1)), level);
    if (strlen(key) > QM_KEY_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("lock key has %zu bytes, the limit is %d", strlen(key), QM_KEY_MAX),
                 errdetail("Its level has %zu digits.", strlen(level))));
    PG_RETURN_TEXT_P(cstring_to_text(key));
}

/* check_key_part refuses what would not come back out of the key as it went in. */
static void
check_key_part(const text *part, const char *name)
{
    const char *data = VARDATA_ANY(part);
    size_t len = VARSIZE_ANY_EXHDR(part);

    if (len == 0 || len > QM_ACCOUNT_MAX || memchr(data, ':', len) != NULL)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s \"%s\" is not valid", name, text_to_cstring(part)),
                 errdetail("It must have 1 to %d bytes and no colon.", QM_ACCOUNT_MAX)));
}

/* level_of_width rounds the price down to a multiple of width. */
static char *
level_of_width(Numeric price, Numeric width)
{
    Datum steps;

    if (!numeric_is_positive(width))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("level_width must be positive and finite, not %s", numeric_normalize(width))));
    steps = DirectFunctionCall2(numeric_div_trunc, NumericGetDatum(price), NumericGetDatum(width));
    return numeric_normalize(DatumGetNumeric(DirectFunctionCall2(numeric_mul, steps, NumericGetDatum(width))));
}

/* level_of_digits rounds the price down to four significant digits. */
static char *
level_of_digits(Numeric price)
{
    char *text = numeric_normalize(price);
    char level[QM_LEVEL_TEXT_MAX];

    if (!qm_price_level(text, level, sizeof(level)))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("price has more than %d digits", QM_LEVEL_TEXT_MAX - 1),
                 errdetail("The price begins with %.60s.", text)));
    return pstrdup(level);
}

/* numeric_is_positive says whether the value is above zero and finite. */
static bool
numeric_is_positive(Numeric value)
{
    Datum zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));

    return !numeric_is_nan(value) && !numeric_is_inf(value) &&
           DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(value), zero));
}
