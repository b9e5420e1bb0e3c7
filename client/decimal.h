/*
 * Decimals of the client: exact, on libpgtypes; amounts, which are decimals as
 * integers; and the scratch memory that both live in.
 *
 * Scratch memory is its thread's own, and lives until the thread drops all of
 * it: at the end of every call of a store. Where there is no memory the process
 * ends: what it was about to commit is rolled back when the store is opened again.
 */
#ifndef QM_CLIENT_DECIMAL_H
#define QM_CLIENT_DECIMAL_H

#include "ledger_step.h"

#include <stdbool.h>
#include <stddef.h>

#define QM_AMOUNT_DECIMALS 18

typedef __int128 QmAmount; /* 10^-18 */

extern const QmArithmetic qm_client_arithmetic;

extern QmDecimal qm_decimal_of(const char *text);
extern QmDecimal qm_decimal_zero(void);
extern const char *qm_decimal_text(QmDecimal value);
extern bool qm_decimal_is_number(const char *text);
extern QmDecimal qm_decimal_add(QmDecimal left, QmDecimal right);
extern QmDecimal qm_decimal_sub(QmDecimal left, QmDecimal right);
extern QmDecimal qm_decimal_mul(QmDecimal left, QmDecimal right);
extern QmDecimal qm_decimal_negate(QmDecimal value);
extern int qm_decimal_cmp(QmDecimal left, QmDecimal right);
extern int qm_decimal_sign(QmDecimal value);

extern bool qm_amount_of(QmDecimal value, QmAmount *amount);
extern bool qm_amount_up(QmDecimal value, QmAmount *amount);
extern const char *qm_amount_text(QmAmount amount);

extern void *qm_scratch(size_t size);
extern const char *qm_scratch_copy(const char *text);
extern const char *qm_scratch_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void qm_scratch_drop(void);

#endif
