/*
 * Numbers of configurations: exact, as text.
 *
 * Read are a sign, digits (1_000 too), a point and an exponent. Not read are
 * infinity, other bases, and leading zeros: YAML 1.1 takes 010 for eight, and
 * people for ten.
 */
#include "config_decimal.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

enum
{
    WRITTEN_MAX = 64,   /* digits as written */
    EXPONENT_MAX = 999, /* far more than any result may have digits */
    BILLIONTH_DIGITS = 9
};

/* A number as written: digits times ten to the power of shift. */
typedef struct Written
{
    bool negative;
    char digits[WRITTEN_MAX];
    int count;
    int shift;
} Written;

static QmDecimalFault read_written(const char *text, Written *written);
static const char *read_digits(const char *at, Written *written, bool *too_long);
static const char *read_exponent(const char *at, Written *written);

/*
 * qm_decimal_read writes the number as plain decimal text: no exponent, no plus,
 * no zeros that say nothing, and no minus before zero.
 */
QmDecimalFault
qm_decimal_read(const char *text, char out[QM_DECIMAL_SIZE])
{
    Written written = {0};
    QmDecimalFault fault = read_written(text, &written);
    const char *digits = written.digits;
    int whole; /* digits before the point */
    size_t used = 0;

    if (fault != QM_DECIMAL_FINE)
        return fault;
    while (written.count > 0 && digits[written.count - 1] == '0')
    {
        written.count--;
        written.shift++;
    }
    while (written.count > 0 && digits[0] == '0')
    {
        digits++;
        written.count--;
    }
    if (written.count == 0)
    {
        memcpy(out, "0", 2);
        return QM_DECIMAL_FINE;
    }
    whole = written.count + written.shift;
    if (whole > QM_CONFIG_DIGITS_MAX || -written.shift > QM_CONFIG_DIGITS_MAX)
        return QM_DECIMAL_TOO_LONG;

    if (written.negative)
        out[used++] = '-';
    if (whole <= 0)
        out[used++] = '0';
    for (int i = 0; i < whole; i++)
        out[used++] = i < written.count ? digits[i] : '0';
    if (written.shift < 0)
        out[used++] = '.';
    for (int i = whole; i < written.count; i++)
        out[used++] = i < 0 ? '0' : digits[i];
    out[used] = '\0';
    return QM_DECIMAL_FINE;
}

/* read_written takes the text apart. */
static QmDecimalFault
read_written(const char *text, Written *written)
{
    const char *at = text;
    bool too_long = false;
    int whole;

    if (*at == '-' || *at == '+')
        written->negative = *at++ == '-';
    if (at[0] == '0' && (isdigit((unsigned char) at[1]) || at[1] == '_'))
        return QM_DECIMAL_LEADING_ZERO;
    at = read_digits(at, written, &too_long);
    whole = written->count;
    if (*at == '.')
        at = read_digits(at + 1, written, &too_long);
    written->shift = whole - written->count;
    if (written->count == 0)
        return QM_DECIMAL_NO_NUMBER;
    if (*at == 'e' || *at == 'E')
        at = read_exponent(at + 1, written);
    if (*at != '\0')
        return QM_DECIMAL_NO_NUMBER;
    return too_long ? QM_DECIMAL_TOO_LONG : QM_DECIMAL_FINE;
}

/* read_digits collects digits, with single underscores between them, and returns where they end. */
static const char *
read_digits(const char *at, Written *written, bool *too_long)
{
    const char *start = at;

    while (isdigit((unsigned char) *at) ||
           (*at == '_' && at > start && isdigit((unsigned char) at[-1]) && isdigit((unsigned char) at[1])))
    {
        if (*at == '_')
            ;
        else if (written->count < WRITTEN_MAX)
            written->digits[written->count++] = *at;
        else
            *too_long = true;
        at++;
    }
    return at;
}

/* read_exponent adds an exponent to the shift and returns where it ends; its start where there is none. */
static const char *
read_exponent(const char *at, Written *written)
{
    const char *start = at;
    bool negative = *at == '-';
    int exponent = 0;

    if (*at == '-' || *at == '+')
        at++;
    if (!isdigit((unsigned char) *at))
        return start;
    for (; isdigit((unsigned char) *at); at++)
        exponent = exponent > EXPONENT_MAX ? exponent : exponent * 10 + (*at - '0');
    written->shift += negative ? -exponent : exponent;
    return at;
}

/* qm_decimal_compare_int compares a number as qm_decimal_read writes it: below 0, 0 or above 0. */
int
qm_decimal_compare_int(const char *decimal, int value)
{
    long long whole = 0;
    bool negative = *decimal == '-';
    const char *at = decimal + negative;
    bool fraction;

    /* Twenty digits do not fit, and need not: beyond any int the rest does not matter. */
    for (; isdigit((unsigned char) *at); at++)
        whole = whole > INT_MAX ? whole : whole * 10 + (*at - '0');
    fraction = *at == '.';
    if (negative)
        whole = -whole;
    if (whole != value)
        return whole < value ? -1 : 1;
    return !fraction ? 0 : negative ? -1 : 1;
}

/* qm_decimal_to_int tells whether the number is whole and fits, and answers it. */
bool
qm_decimal_to_int(const char *decimal, int *value)
{
    long long whole = 0;

    if (strchr(decimal, '.') != NULL || qm_decimal_compare_int(decimal, INT_MAX) > 0 ||
        qm_decimal_compare_int(decimal, -INT_MAX) < 0)
        return false;
    for (const char *at = decimal + (*decimal == '-'); *at != '\0'; at++)
        whole = whole * 10 + (*at - '0');
    *value = (int) (*decimal == '-' ? -whole : whole);
    return true;
}

/*
 * qm_decimal_billionths answers the number times a thousand million, further
 * digits cut off; false where it is not in the range of an int.
 */
bool
qm_decimal_billionths(const char *decimal, int64_t *value)
{
    const char *point = strchr(decimal, '.');
    int64_t result = 0;

    if (qm_decimal_compare_int(decimal, INT_MAX) > 0 || qm_decimal_compare_int(decimal, -INT_MAX) < 0)
        return false;
    for (const char *at = decimal + (*decimal == '-'); *at != '\0' && at != point; at++)
        result = result * 10 + (*at - '0');
    for (int i = 1; i <= BILLIONTH_DIGITS; i++)
    {
        bool there = point != NULL && point[i] != '\0';

        result = result * 10 + (there ? point[i] - '0' : 0);
        if (!there)
            point = NULL;
    }
    *value = *decimal == '-' ? -result : result;
    return true;
}
