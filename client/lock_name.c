/*
 * Lock names: the keys that all instances must build alike.
 */
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lock_key.h"
#include "quantmesh.h"

#define WIDE_BUCKET 10
#define PRICE_MAX 64 /* bytes of a price */

/* key_write joins a class and two or three parts; none may be empty or have a colon. */
static QmCode
key_write(char *key, size_t size, const char *class, const char *account, const char *second, const char *third)
{
    const char *const parts[] = {account, second, third == NULL ? "none" : third};
    int len;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
    {
        if (parts[i] == NULL || parts[i][0] == '\0' || strchr(parts[i], ':') != NULL)
            return QM_ERROR_ARGUMENT;
    }
    len = snprintf(key,
                   size,
                   "%s:%s:%s%s%s",
                   class,
                   account,
                   second,
                   third == NULL ? "" : ":",
                   third == NULL ? "" : third);
    return len > 0 && (size_t) len < size && len <= QM_KEY_MAX ? QM_OK : QM_ERROR_ARGUMENT;
}

/* qm_lock_key_order writes the key that quantmesh.place_order locks. */
QmCode
qm_lock_key_order(char *key, size_t size, const char *account, const char *symbol, const char *price)
{
    char level[QM_LEVEL_TEXT_MAX + 1];

    if (price == NULL || !qm_price_level(price, level, sizeof(level)))
        return QM_ERROR_ARGUMENT;
    return key_write(key, size, "order", account, symbol, level);
}

/*
 * qm_lock_key_order_wide writes the key that the earlier system locks. It
 * computes in binary floating point, as that does: any difference, however
 * rare, would be two keys for one bucket.
 */
QmCode
qm_lock_key_order_wide(char *key, size_t size, const char *exchange, const char *symbol, const char *price)
{
    locale_t plain;
    char bucket[QM_LEVEL_TEXT_MAX];
    double value;
    char *end;

    if (price == NULL || strspn(price, "0123456789.") != strlen(price) || strlen(price) > PRICE_MAX)
        return QM_ERROR_ARGUMENT;
    plain = newlocale(LC_ALL_MASK, "C", (locale_t) 0);
    if (plain == (locale_t) 0)
        return QM_ERROR_MEMORY;
    value = strtod_l(price, &end, plain);
    freelocale(plain);
    if (end == price || *end != '\0')
        return QM_ERROR_ARGUMENT;
    snprintf(bucket, sizeof(bucket), "%.0f", floor(value / WIDE_BUCKET) * WIDE_BUCKET);
    return key_write(key, size, "order", exchange, symbol, bucket);
}

/* qm_lock_key_cancel writes the key under which an order is cancelled. */
QmCode
qm_lock_key_cancel(char *key, size_t size, const char *account, const char *order_id)
{
    return key_write(key, size, "cancel", account, order_id, NULL);
}

/* qm_lock_key_reconcile writes the key under which a market is reconciled. */
QmCode
qm_lock_key_reconcile(char *key, size_t size, const char *account, const char *symbol)
{
    return key_write(key, size, "reconcile", account, symbol, NULL);
}
