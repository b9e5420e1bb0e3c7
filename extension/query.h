/*
 * SQL run from C: the one module that does it.
 */
#ifndef QM_QUERY_H
#define QM_QUERY_H

#include "postgres.h"

#include "executor/spi.h"

#define QM_QUERY_ARGS_MAX 48

/*
 * A command as a constant. Each backend plans it once; a static variable of
 * the caller keeps the plan.
 */
typedef struct QmQuery
{
    const char *text;
    int nargs;
    Oid types[QM_QUERY_ARGS_MAX];
    SPIPlanPtr plan;
} QmQuery;

/* What begin changed and end puts back. */
typedef struct QmQueryScope
{
    int guc_level;
    Oid user;
    int security;
} QmQueryScope;

extern void qm_query_begin(QmQueryScope *scope);
extern void qm_query_end(const QmQueryScope *scope);
extern uint64 qm_query_run(QmQuery *query, const Datum *values, const bool *nulls);
extern uint64 qm_query_read_latest(QmQuery *query, const Datum *values, const bool *nulls);
extern Datum qm_query_value(uint64 row, int column, bool *isnull);

extern void qm_query_execute(const char *command, int nargs, const Oid *types, const Datum *values);

#endif
