/*
 * Columns of the rows that the last query returned, as C values.
 */
#ifndef QM_QUERY_ROW_H
#define QM_QUERY_ROW_H

#include "postgres.h"

#include "utils/numeric.h"

extern char *qm_row_text(uint64 row, int column);
extern Numeric qm_row_number(uint64 row, int column);
extern int64 qm_row_int64(uint64 row, int column);
extern bool qm_row_bool(uint64 row, int column);

#endif
