/*
 * Amounts: from the server's numeric, and back to text. Exact, or refused.
 */
#include "amount.h"

#include "fmgr.h"
#include "utils/builtins.h"

#define INTEGER_DIGITS_MAX 20 /* 10^20 x 10^18 is below 2^127 */
#define AMOUNT_TEXT_MAX 48

static bool parse(Numeric value, QmAmount *amount, bool round_up);

/* qm_amount_from_numeric converts exactly; false when the value is not finite, above 10^20, or has more than 18 decimals. */
bool
qm_amount_from_numeric(Numeric value, QmAmount *amount)
{
    return parse(value, amount, false);
}

/* qm_amount_from_numeric_up converts, and rounds what has more than 18 decimals away from zero. */
bool
qm_amount_from_numeric_up(Numeric value, QmAmount *amount)
{
    return parse(value, amount, true);
}

/* parse reads the value's shortest text. */
static bool
parse(Numeric value, QmAmount *amount, bool round_up)
{
    const char *text;
    const char *at;
    bool negative;
    QmAmount sum = 0;
    int integers = 0;
    int decimals = -1; /* -1: before the point */

    if (numeric_is_nan(value) || numeric_is_inf(value))
        return false;
    text = numeric_normalize(value);
    negative = *text == '-';
    for (at = text + (negative ? 1 : 0); *at != '\0'; at++)
    {
        if (*at == '.')
        {
            decimals = 0;
            continue;
        }
        if (decimals == QM_AMOUNT_DECIMALS)
            break;
        sum = sum * 10 + (*at - '0');
        if (decimals < 0)
            integers++;
        else
            decimals++;
        if (integers > INTEGER_DIGITS_MAX)
            return false;
    }
    if (*at != '\0' && !round_up)
        return false;
    for (int i = Max(decimals, 0); i < QM_AMOUNT_DECIMALS; i++)
        sum *= 10;
    if (*at != '\0')
        sum++;
    *amount = negative ? -sum : sum;
    return true;
}

/* qm_amount_text returns the decimal text without trailing zeros. */
char *
qm_amount_text(QmAmount amount)
{
    char buffer[AMOUNT_TEXT_MAX];
    char *at = buffer + sizeof(buffer);
    uint128 rest = amount < 0 ? -(uint128) amount : (uint128) amount;
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
    return pstrdup(at);
}

/* qm_amount_add adds, and stays at the ends of the range instead of wrapping round. */
QmAmount
qm_amount_add(QmAmount left, QmAmount right)
{
    QmAmount sum;

    if (__builtin_add_overflow(left, right, &sum))
        return right > 0 ? QM_AMOUNT_MAX : -QM_AMOUNT_MAX;
    return sum;
}
