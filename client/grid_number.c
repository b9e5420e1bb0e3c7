/*
 * Numbers of the grid: decimal text to whole numbers of 10^-8 and back.
 *
 * They are apart from client/decimal.h because a decision computes hundreds of
 * them between two calls of a store, and decimals there live until a store's call
 * ends. Whole numbers of 128 bits hold every product of a price and a quantity.
 */
#include "grid_inside.h"

#include <stdio.h>
#include <string.h>

#define PLACES 8
#define INTEGERS_MAX 15
#define SMALL_MAX ((QmGridNumber) QM_GRID_ONE * INT64_C(10000000000))

/* qm_grid_read takes a decimal, with or without a sign of minus. False: it is none, too great or too fine. */
bool
qm_grid_read(const char *text, QmGridNumber *number)
{
    bool negative = text != NULL && *text == '-';
    const char *at = text == NULL ? "" : text + (negative ? 1 : 0);
    QmGridNumber sum = 0;
    int integers = 0;
    int places = -1; /* before the point */

    for (; *at != '\0'; at++)
    {
        if (*at == '.' && places < 0 && integers > 0)
        {
            places = 0;
            continue;
        }
        if (*at < '0' || *at > '9' || (places >= PLACES && *at != '0') || (places < 0 && ++integers > INTEGERS_MAX))
            return false;
        if (places >= PLACES)
            continue;
        sum = sum * 10 + (*at - '0');
        places += places >= 0;
    }
    if (integers == 0 || places == 0)
        return false;
    for (places = places < 0 ? 0 : places; places < PLACES; places++)
        sum *= 10;
    *number = negative ? -sum : sum;
    return true;
}

/* qm_grid_read_small takes a price or a quantity: not negative, and below 10^10, so that products fit. */
bool
qm_grid_read_small(const char *text, QmGridNumber *number)
{
    QmGridNumber read;

    if (!qm_grid_read(text, &read) || read < 0 || read >= SMALL_MAX)
        return false;
    *number = read;
    return true;
}

/* qm_grid_print writes the number without needless zeros. It is below 10^16. */
void
qm_grid_print(QmGridNumber number, char out[QM_GRID_NUMBER_SIZE])
{
    QmGridNumber size = number < 0 ? -number : number;
    int len = snprintf(out,
                       QM_GRID_NUMBER_SIZE,
                       "%s%lld.%08lld",
                       number < 0 ? "-" : "",
                       (long long) (size / QM_GRID_ONE),
                       (long long) (size % QM_GRID_ONE));

    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    out[len] = '\0';
}

/* qm_grid_product returns left * right, rounded towards zero. */
QmGridNumber
qm_grid_product(QmGridNumber left, QmGridNumber right)
{
    return left * right / QM_GRID_ONE;
}

/* qm_grid_product_up returns left * right of numbers that are not negative, rounded up. */
QmGridNumber
qm_grid_product_up(QmGridNumber left, QmGridNumber right)
{
    return (left * right + QM_GRID_ONE - 1) / QM_GRID_ONE;
}

/* qm_grid_quotient returns dividend / divisor, rounded towards zero. */
QmGridNumber
qm_grid_quotient(QmGridNumber dividend, QmGridNumber divisor)
{
    return dividend * QM_GRID_ONE / divisor;
}

/* qm_grid_floor returns the greatest multiple of unit that a number, which is not negative, has room for. */
QmGridNumber
qm_grid_floor(QmGridNumber number, QmGridNumber unit)
{
    return number - number % unit;
}
