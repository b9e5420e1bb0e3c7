/*
 * Amounts: quantities, prices and money as fixed-point integers, for shared
 * memory and for sums that must be exact and fast. SQL keeps numeric.
 */
#ifndef QM_AMOUNT_H
#define QM_AMOUNT_H

#include "postgres.h"

#include "utils/numeric.h"

#define QM_AMOUNT_DECIMALS 18

typedef int128 QmAmount; /* in units of 1e-18; the server's type, which is aligned as palloc aligns */

#define QM_AMOUNT_MAX ((QmAmount) (~(uint128) 0 >> 1))

/*
 * What is above every limit (limits are below 1e18) counts as this: sums of it stay far from the ends of the range, so
 * that what was added to a sum can be taken out of it again.
 */
#define QM_AMOUNT_HUGE ((QmAmount) 1000000000000000000 * 1000000000000000000)

extern bool qm_amount_from_numeric(Numeric value, QmAmount *amount);
extern bool qm_amount_from_numeric_up(Numeric value, QmAmount *amount);
extern char *qm_amount_text(QmAmount amount);
extern QmAmount qm_amount_add(QmAmount left, QmAmount right);

#endif
