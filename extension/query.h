/*
 * SQL run from C.
 */
#ifndef QM_QUERY_H
#define QM_QUERY_H

#include "postgres.h"

extern void qm_query_execute(const char *command, int nargs, const Oid *types, const Datum *values);

#endif
