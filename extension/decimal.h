/*
 * Decimals: exact arithmetic on the server's numeric, for quantities and money
 * in the tables. Results have no trailing zeros, so equal numbers look equal.
 */
#ifndef QM_DECIMAL_H
#define QM_DECIMAL_H

#include "postgres.h"

#include "ledger_step.h"
#include "utils/numeric.h"

extern const QmArithmetic qm_numeric_arithmetic;

extern Numeric qm_decimal_zero(void);
extern Numeric qm_decimal_trim(Numeric value);
extern Numeric qm_decimal_add(Numeric left, Numeric right);
extern Numeric qm_decimal_sub(Numeric left, Numeric right);
extern Numeric qm_decimal_mul(Numeric left, Numeric right);
extern Numeric qm_decimal_negate(Numeric value);
extern Numeric qm_decimal_abs(Numeric value);
extern Numeric qm_decimal_share(Numeric whole, Numeric part, Numeric of);
extern int qm_decimal_cmp(Numeric left, Numeric right);
extern int qm_decimal_sign(Numeric value);
extern char *qm_decimal_text(Numeric value);

#endif
