/*
 * Decoding: the columns of an answer, and the values of a call, as text.
 */
#ifndef QM_CLIENT_DECODE_H
#define QM_CLIENT_DECODE_H

#include <libpq-fe.h>

#include "quantmesh.h"

#define QM_NUMBER_TEXT 24 /* bytes of an integer's text */
#define QM_TIME_TEXT 48   /* bytes of a time's text */

extern int64_t qm_column_int64(const PGresult *result, int row, int column);
extern bool qm_column_bool(const PGresult *result, int row, int column);
extern void qm_column_text(const PGresult *result, int row, int column, char *text, size_t size);
extern int qm_column_word(const PGresult *result, int row, int column, const char *const *words, int count);

extern const char *qm_value_int64(char text[QM_NUMBER_TEXT], int64_t value);
extern const char *qm_value_int64_or_null(char text[QM_NUMBER_TEXT], int64_t value);
extern const char *qm_value_bool(bool value);
extern const char *qm_value_interval(char text[QM_NUMBER_TEXT + 3], int64_t ms);
extern bool qm_value_time_or_null(char text[QM_TIME_TEXT], int64_t time_us, const char **value);

#endif
