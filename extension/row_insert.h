/*
 * Inserting a row without SQL, and without preparing the same things each time.
 */
#ifndef QM_ROW_INSERT_H
#define QM_ROW_INSERT_H

#include "postgres.h"

#include "table_oid.h"

extern void qm_row_insert(QmTable table, int columns, const Datum *values, const bool *nulls);

#endif
