/*
 * Prices and amounts of the paper exchange: text to whole numbers of 1e-8 and back.
 */
#include "paper.h"

#include <inttypes.h>
#include <stdio.h>

__extension__ typedef __int128 Wide;

/*
 * qm_paper_read takes a decimal without sign or exponent. False: it is none, it
 * has more than eight places, or it is too great.
 */
bool
qm_paper_read(const char *text, QmPaperDecimal *value)
{
    int64_t result = 0;
    int digits = 0;
    int places = -1;

    for (; *text != '\0'; text++)
    {
        if (*text == '.' && places < 0)
        {
            places = 0;
            continue;
        }
        if (*text < '0' || *text > '9' || places == 8)
            return false;
        if (__builtin_mul_overflow(result, 10, &result) || __builtin_add_overflow(result, *text - '0', &result))
            return false;
        digits++;
        places += places >= 0;
    }
    for (places = places < 0 ? 0 : places; places < 8; places++)
        if (__builtin_mul_overflow(result, 10, &result))
            return false;
    *value = result;
    return digits > 0;
}

/* qm_paper_print writes the eight places that the exchange writes. */
void
qm_paper_print(QmPaperDecimal value, char out[QM_PAPER_DECIMAL_SIZE])
{
    uint64_t size = value < 0 ? -(uint64_t) value : (uint64_t) value;

    snprintf(out,
             QM_PAPER_DECIMAL_SIZE,
             "%s%" PRIu64 ".%08" PRIu64,
             value < 0 ? "-" : "",
             size / QM_PAPER_ONE,
             size % QM_PAPER_ONE);
}

/* qm_paper_product rounds down, for nobody may be paid more than was there. False: it is too great. */
bool
qm_paper_product(QmPaperDecimal left, QmPaperDecimal right, QmPaperDecimal *product)
{
    Wide result = (Wide) left * right / QM_PAPER_ONE;

    *product = (QmPaperDecimal) result;
    return result <= INT64_MAX;
}

/* qm_paper_affordable says how much an amount buys at a price, in whole steps. */
QmPaperDecimal
qm_paper_affordable(QmPaperDecimal amount, QmPaperDecimal price, QmPaperDecimal step)
{
    Wide quantity = amount <= 0 ? 0 : (Wide) amount * QM_PAPER_ONE / price;

    if (quantity > INT64_MAX)
        quantity = INT64_MAX;
    return (QmPaperDecimal) (step == 0 ? quantity : quantity - quantity % step);
}
