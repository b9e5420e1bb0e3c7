/*
 * Decimals of the client.
 *
 * libpgtypes is the server's own numeric, but for its quotients, whose scale
 * follows other rules. The server rounds a quotient to a scale that it chooses by
 * its base 10000, and then to the one that it is asked for; to be equal to the last
 * digit, so do we.
 */
#include "decimal.h"

#include <ctype.h>
#include <pgtypes_numeric.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGER_DIGITS_MAX 20 /* 10^20 x 10^18 is below 2^127 */
#define AMOUNT_TEXT_MAX 48
#define BASE_DIGITS 4 /* decimal ones in a digit of the server's */

struct NumericData
{
    numeric *number;
    QmDecimal next;
};

typedef struct Scrap
{
    struct Scrap *next;
    _Alignas(max_align_t) char bytes[];
} Scrap;

static _Thread_local QmDecimal decimals;
static _Thread_local Scrap *scraps;

static QmDecimal share(QmDecimal whole, QmDecimal part, QmDecimal of);
static int quotient_scale(const char *dividend, const char *divisor);
static int decimals_of(const char *text);
static int leading_digit(const char *text, int *weight);
static QmDecimal absolute(QmDecimal value);

const QmArithmetic qm_client_arithmetic = {
    .zero = qm_decimal_zero,
    .add = qm_decimal_add,
    .sub = qm_decimal_sub,
    .mul = qm_decimal_mul,
    .negate = qm_decimal_negate,
    .abs = absolute,
    .share = share,
    .cmp = qm_decimal_cmp,
};

/* qm_scratch returns zeroed memory that lives until the thread drops it. */
void *
qm_scratch(size_t size)
{
    Scrap *scrap = calloc(1, sizeof(*scrap) + size);

    if (scrap == NULL)
        abort();
    scrap->next = scraps;
    scraps = scrap;
    return scrap->bytes;
}

/* qm_scratch_copy returns a copy of a text, NULL for NULL. */
const char *
qm_scratch_copy(const char *text)
{
    return text == NULL ? NULL : strcpy(qm_scratch(strlen(text) + 1), text);
}

/* qm_scratch_print returns what printf would print. */
const char *
qm_scratch_print(const char *format, ...)
{
    va_list arguments;
    char *text;
    int len;

    va_start(arguments, format);
    len = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text = qm_scratch((size_t) len + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t) len + 1, format, arguments);
    va_end(arguments);
    return text;
}

/* qm_scratch_drop frees all scratch memory and all decimals of this thread. */
void
qm_scratch_drop(void)
{
    while (decimals != NULL)
    {
        QmDecimal decimal = decimals;

        decimals = decimal->next;
        PGTYPESnumeric_free(decimal->number);
        free(decimal);
    }
    while (scraps != NULL)
    {
        Scrap *scrap = scraps;

        scraps = scrap->next;
        free(scrap);
    }
}

/* keep makes a decimal of a number, which it takes over. */
static QmDecimal
keep(numeric *number)
{
    QmDecimal decimal = calloc(1, sizeof(*decimal));

    if (decimal == NULL || number == NULL)
        abort();
    decimal->number = number;
    decimal->next = decimals;
    decimals = decimal;
    return decimal;
}

/* qm_decimal_is_number says whether the text is a decimal that can be computed with: digits, a point, an exponent of two digits. */
bool
qm_decimal_is_number(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+' ? 1 : 0);
    size_t integers = strspn(at, "0123456789");
    size_t decimals_count = 0;

    at += integers;
    if (*at == '.')
    {
        decimals_count = strspn(at + 1, "0123456789");
        at += 1 + decimals_count;
    }
    if (integers + decimals_count == 0 || integers + decimals_count > 200)
        return false;
    if (*at == 'e' || *at == 'E')
    {
        at += at[1] == '-' || at[1] == '+' ? 2 : 1;
        if (!isdigit((unsigned char) *at))
            return false;
        at += isdigit((unsigned char) at[1]) ? 2 : 1;
    }
    return *at == '\0';
}

/* qm_decimal_of reads a number; the text is one. */
QmDecimal
qm_decimal_of(const char *text)
{
    char *copy = strdup(text);
    numeric *number = copy == NULL ? NULL : PGTYPESnumeric_from_asc(copy, NULL);

    free(copy);
    return keep(number);
}

/* qm_decimal_zero returns 0. */
QmDecimal
qm_decimal_zero(void)
{
    return keep(PGTYPESnumeric_from_asc((char[]){"0"}, NULL));
}

/* text_of returns the number as text with that many decimals, rounded, or with those that it has. */
static char *
text_of(QmDecimal value, int decimals_count)
{
    char *text = PGTYPESnumeric_to_asc(value->number, decimals_count);

    if (text == NULL)
        abort();
    return text;
}

/* qm_decimal_text returns the number as text without trailing zeros. */
const char *
qm_decimal_text(QmDecimal value)
{
    char *text = text_of(value, -1);
    size_t len = strlen(text);
    char *copy;

    if (strchr(text, '.') != NULL)
    {
        while (text[len - 1] == '0')
            len--;
        if (text[len - 1] == '.')
            len--;
    }
    text[len] = '\0';
    copy = strcpy(qm_scratch(len + 1), strcmp(text, "-0") == 0 ? "0" : text);
    free(text);
    return copy;
}

/* compute returns the result of one of the library's functions of two numbers; none of ours can fail but for memory. */
static QmDecimal
compute(int (*function)(numeric *, numeric *, numeric *), QmDecimal left, QmDecimal right)
{
    QmDecimal result = keep(PGTYPESnumeric_new());

    if (function(left->number, right->number, result->number) != 0)
        abort();
    return result;
}

/* qm_decimal_add returns left + right. */
QmDecimal
qm_decimal_add(QmDecimal left, QmDecimal right)
{
    return compute(PGTYPESnumeric_add, left, right);
}

/* qm_decimal_sub returns left - right. */
QmDecimal
qm_decimal_sub(QmDecimal left, QmDecimal right)
{
    return compute(PGTYPESnumeric_sub, left, right);
}

/* qm_decimal_mul returns left * right. */
QmDecimal
qm_decimal_mul(QmDecimal left, QmDecimal right)
{
    return compute(PGTYPESnumeric_mul, left, right);
}

/* qm_decimal_negate returns -value. */
QmDecimal
qm_decimal_negate(QmDecimal value)
{
    return qm_decimal_sub(qm_decimal_zero(), value);
}

/* absolute returns the value without its sign. */
static QmDecimal
absolute(QmDecimal value)
{
    return qm_decimal_sign(value) < 0 ? qm_decimal_negate(value) : value;
}

/* share returns whole * part / of as the server does, rounded to QM_DECIMAL_QUOTIENT_SCALE decimals. */
static QmDecimal
share(QmDecimal whole, QmDecimal part, QmDecimal of)
{
    QmDecimal dividend = qm_decimal_mul(whole, part);
    QmDecimal rounded;
    int scale;
    char *text;

    if (qm_decimal_sign(dividend) == 0)
        return qm_decimal_zero();
    scale = quotient_scale(qm_decimal_text(dividend), qm_decimal_text(of));
    dividend = qm_decimal_of(qm_decimal_text(dividend));
    dividend->number->dscale = scale + QM_DECIMAL_QUOTIENT_SCALE;
    text = text_of(compute(PGTYPESnumeric_div, dividend, of), scale);
    rounded = qm_decimal_of(text);
    free(text);
    text = text_of(rounded, QM_DECIMAL_QUOTIENT_SCALE);
    rounded = qm_decimal_of(text);
    free(text);
    return qm_decimal_of(qm_decimal_text(rounded));
}

/* quotient_scale returns how many decimals the server gives to a quotient of two numbers, of which the first has at least as many as are kept. */
static int
quotient_scale(const char *dividend, const char *divisor)
{
    int weight;
    int weight_of_divisor;
    int first = leading_digit(dividend, &weight);
    int first_of_divisor = leading_digit(divisor, &weight_of_divisor);
    int scale = decimals_of(dividend);

    weight -= weight_of_divisor + (first <= first_of_divisor ? 1 : 0);
    if (scale < QM_DECIMAL_QUOTIENT_SCALE)
        scale = QM_DECIMAL_QUOTIENT_SCALE;
    if (scale < decimals_of(divisor))
        scale = decimals_of(divisor);
    if (scale < NUMERIC_MIN_SIG_DIGITS - weight * BASE_DIGITS)
        scale = NUMERIC_MIN_SIG_DIGITS - weight * BASE_DIGITS;
    return scale;
}

/* decimals_of returns how many digits a text has behind its point. */
static int
decimals_of(const char *text)
{
    const char *point = strchr(text, '.');

    return point == NULL ? 0 : (int) strlen(point + 1);
}

/* leading_digit returns the first digit of a number in base 10000, and at which power of that it stands. */
static int
leading_digit(const char *text, int *weight)
{
    const char *at = text + (*text == '-' ? 1 : 0);
    int integers = (int) strcspn(at, ".");
    int digit = 0;

    if (*at != '0')
    {
        *weight = (integers - 1) / BASE_DIGITS;
        for (int i = 0; i < integers - *weight * BASE_DIGITS; i++)
            digit = digit * 10 + (at[i] - '0');
        return digit;
    }
    *weight = 0;
    at += integers + 1;
    while (digit == 0)
    {
        for (int i = 0; i < BASE_DIGITS; i++)
        {
            digit = digit * 10 + (*at == '\0' ? 0 : *at - '0');
            at += *at == '\0' ? 0 : 1;
        }
        (*weight)--;
    }
    return digit;
}

/* qm_decimal_cmp returns -1, 0 or 1. */
int
qm_decimal_cmp(QmDecimal left, QmDecimal right)
{
    int order = PGTYPESnumeric_cmp(left->number, right->number);

    return (order > 0) - (order < 0);
}

/* qm_decimal_sign returns -1, 0 or 1. */
int
qm_decimal_sign(QmDecimal value)
{
    return qm_decimal_cmp(value, qm_decimal_zero());
}

/* amount_read converts a number; false when it does not fit, or has too many decimals and may not be rounded. */
static bool
amount_read(QmDecimal value, QmAmount *amount, bool round_up)
{
    const char *text = qm_decimal_text(value);
    bool negative = *text == '-';
    const char *at = text + (negative ? 1 : 0);
    int integers = 0;
    int decimals_count = -1; /* before the point */
    QmAmount sum = 0;

    for (; *at != '\0' && decimals_count < QM_AMOUNT_DECIMALS; at++)
    {
        if (*at == '.')
        {
            decimals_count = 0;
            continue;
        }
        sum = sum * 10 + (*at - '0');
        if (decimals_count >= 0)
            decimals_count++;
        else if (++integers > INTEGER_DIGITS_MAX)
            return false;
    }
    if (*at != '\0' && !round_up)
        return false;
    for (int i = decimals_count < 0 ? 0 : decimals_count; i < QM_AMOUNT_DECIMALS; i++)
        sum *= 10;
    if (*at != '\0')
        sum++;
    *amount = negative ? -sum : sum;
    return true;
}

/* qm_amount_of converts exactly; false when the value is above 10^20 or has more than 18 decimals. */
bool
qm_amount_of(QmDecimal value, QmAmount *amount)
{
    return amount_read(value, amount, false);
}

/* qm_amount_up converts, and rounds what has more decimals away from zero; false when it is above 10^20. */
bool
qm_amount_up(QmDecimal value, QmAmount *amount)
{
    return amount_read(value, amount, true);
}

/* qm_amount_text returns the decimal text without trailing zeros. */
const char *
qm_amount_text(QmAmount amount)
{
    char buffer[AMOUNT_TEXT_MAX];
    char *at = buffer + sizeof(buffer);
    unsigned __int128 rest = amount < 0 ? -(unsigned __int128) amount : (unsigned __int128) amount;
    bool started = false;

    *--at = '\0';
    for (int i = 0; i < QM_AMOUNT_DECIMALS; i++, rest /= 10)
    {
        started = started || rest % 10 != 0;
        if (started)
            *--at = (char) ('0' + (int) (rest % 10));
    }
    if (started)
        *--at = '.';
    do
    {
        *--at = (char) ('0' + (int) (rest % 10));
        rest /= 10;
    } while (rest != 0);
    if (amount < 0)
        *--at = '-';
    return qm_scratch_copy(at);
}
