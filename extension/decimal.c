/*
 * Decimals: exact arithmetic on the server's numeric. Sums and products are
 * exact; only qm_decimal_share rounds, always to the same scale, so that a result
 * depends on the numbers alone and not on how they were written.
 */
#include "decimal.h"

#include "compat.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* How the ledger of the server computes. */
const QmArithmetic qm_numeric_arithmetic = {
    .zero = qm_decimal_zero,
    .add = qm_decimal_add,
    .sub = qm_decimal_sub,
    .mul = qm_decimal_mul,
    .negate = qm_decimal_negate,
    .abs = qm_decimal_abs,
    .share = qm_decimal_share,
    .cmp = qm_decimal_cmp,
};

/* call returns the trimmed result of one of the server's functions of two numbers. */
static Numeric
call(PGFunction function, Numeric left, Numeric right)
{
    return qm_decimal_trim(
        DatumGetNumeric(DirectFunctionCall2(function, NumericGetDatum(left), NumericGetDatum(right))));
}

/* qm_decimal_zero returns 0. */
Numeric
qm_decimal_zero(void)
{
    return int64_to_numeric(0);
}

/* qm_decimal_trim drops trailing zeros behind the point. */
Numeric
qm_decimal_trim(Numeric value)
{
    return DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value)));
}

/* qm_decimal_add returns left + right. */
Numeric
qm_decimal_add(Numeric left, Numeric right)
{
    return call(numeric_add, left, right);
}

/* qm_decimal_sub returns left - right. */
Numeric
qm_decimal_sub(Numeric left, Numeric right)
{
    return call(numeric_sub, left, right);
}

/* qm_decimal_mul returns left * right. */
Numeric
qm_decimal_mul(Numeric left, Numeric right)
{
    return call(numeric_mul, left, right);
}

/* qm_decimal_negate returns -value. */
Numeric
qm_decimal_negate(Numeric value)
{
    return DatumGetNumeric(DirectFunctionCall1(numeric_uminus, NumericGetDatum(value)));
}

/* qm_decimal_abs returns the value without its sign. */
Numeric
qm_decimal_abs(Numeric value)
{
    return DatumGetNumeric(DirectFunctionCall1(numeric_abs, NumericGetDatum(value)));
}

/*
 * qm_decimal_share returns whole * part / of, rounded to 30 decimals. numeric
 * chooses the scale of a quotient by its operands' scales, so the dividend is
 * given the full scale, and operands are trimmed.
 */
Numeric
qm_decimal_share(Numeric whole, Numeric part, Numeric of)
{
    Datum scale = Int32GetDatum(QM_DECIMAL_QUOTIENT_SCALE);
    Numeric dividend = qm_decimal_mul(whole, part);
    Numeric quotient;

    if (DatumGetInt32(DirectFunctionCall1(numeric_scale, NumericGetDatum(dividend))) < QM_DECIMAL_QUOTIENT_SCALE)
        dividend = DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(dividend), scale));
    quotient = DatumGetNumeric(
        DirectFunctionCall2(numeric_div, NumericGetDatum(dividend), NumericGetDatum(qm_decimal_trim(of))));
    return qm_decimal_trim(DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(quotient), scale)));
}

/* qm_decimal_cmp returns -1, 0 or 1: whether left is below, equal to or above right. */
int
qm_decimal_cmp(Numeric left, Numeric right)
{
    return DatumGetInt32(DirectFunctionCall2(numeric_cmp, NumericGetDatum(left), NumericGetDatum(right)));
}

/* qm_decimal_sign returns -1, 0 or 1. */
int
qm_decimal_sign(Numeric value)
{
    return qm_decimal_cmp(value, qm_decimal_zero());
}

/* qm_decimal_text returns the number as text without trailing zeros. */
char *
qm_decimal_text(Numeric value)
{
    return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(qm_decimal_trim(value))));
}
