/*
 * Numbers of configurations: exact, as text.
 */
#ifndef QM_CONFIG_DECIMAL_H
#define QM_CONFIG_DECIMAL_H

#include "config.h"

#include <stdint.h>

/* A sign, a point, two times QM_CONFIG_DIGITS_MAX digits and the end of the string. */
#define QM_DECIMAL_SIZE (2 * QM_CONFIG_DIGITS_MAX + 3)

typedef enum QmDecimalFault
{
    QM_DECIMAL_FINE,
    QM_DECIMAL_NO_NUMBER,
    QM_DECIMAL_LEADING_ZERO,
    QM_DECIMAL_TOO_LONG
} QmDecimalFault;

extern QmDecimalFault qm_decimal_read(const char *text, char out[QM_DECIMAL_SIZE]);
extern int qm_decimal_compare_int(const char *decimal, int value);
extern bool qm_decimal_to_int(const char *decimal, int *value);
extern bool qm_decimal_billionths(const char *decimal, int64_t *value);

#endif
