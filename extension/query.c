/*
 * SQL run from C: constant text with $n, schema-qualified, under a pinned
 * search_path, as the owner of our tables. Nothing else in the extension runs
 * SQL. Plans are kept, also those that are made while tables are still small:
 * so none may scan a whole table where an index would do. Nor are they compiled,
 * which for ten thousand live orders takes far longer than looking them up.
 *
 * The caller has checked what the user may do. An error leaves the scope open;
 * the end of the transaction or savepoint closes it.
 */
#include "query.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "table_oid.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static void pin_search_path(void);
static void pin(const char *name, const char *value);
static Oid tables_owner(void);
static SPIPlanPtr saved_plan(QmQuery *query);
static void check_result(const char *text, int result);

/* qm_query_begin connects to SPI with a pinned search_path, as the owner of our tables. */
void
qm_query_begin(QmQueryScope *scope)
{
    scope->guc_level = NewGUCNestLevel();
    pin_search_path();
    pin("enable_seqscan", "off");
    pin("jit", "off");
    GetUserIdAndSecContext(&scope->user, &scope->security);
    SetUserIdAndSecContext(tables_owner(), scope->security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
}

/* qm_query_end undoes qm_query_begin; what was read in between is gone, unless it was copied. */
void
qm_query_end(const QmQueryScope *scope)
{
    SPI_finish();
    SetUserIdAndSecContext(scope->user, scope->security);
    AtEOXact_GUC(false, scope->guc_level);
}

/* qm_query_run runs a command in its scope and returns how many rows it returned or changed. nulls may be NULL. */
uint64
qm_query_run(QmQuery *query, const Datum *values, const bool *nulls)
{
    char flags[QM_QUERY_ARGS_MAX];

    for (int i = 0; i < query->nargs; i++)
        flags[i] = nulls != NULL && nulls[i] ? 'n' : ' ';
    check_result(query->text, SPI_execute_plan(saved_plan(query), unconstify(Datum *, values), flags, false, 0));
    return SPI_processed;
}

/*
 * qm_query_read_latest reads what is committed now and what this transaction
 * has written, also where the transaction's own snapshot is older.
 */
uint64
qm_query_read_latest(QmQuery *query, const Datum *values, const bool *nulls)
{
    char flags[QM_QUERY_ARGS_MAX];
    Snapshot snapshot;

    for (int i = 0; i < query->nargs; i++)
        flags[i] = nulls != NULL && nulls[i] ? 'n' : ' ';
    CommandCounterIncrement();
    snapshot = RegisterSnapshot(GetLatestSnapshot());
    check_result(query->text,
                 SPI_execute_snapshot(saved_plan(query),
                                      unconstify(Datum *, values),
                                      flags,
                                      snapshot,
                                      InvalidSnapshot,
                                      true,
                                      false,
                                      0));
    UnregisterSnapshot(snapshot);
    return SPI_processed;
}

/* qm_query_value returns a column, counted from 0, of a row that the last command returned. */
Datum
qm_query_value(uint64 row, int column, bool *isnull)
{
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column + 1, isnull);
}

/* qm_query_execute runs one command that returns no rows, once, as the current user. No argument is NULL. */
void
qm_query_execute(const char *command, int nargs, const Oid *types, const Datum *values)
{
    int guc_level = NewGUCNestLevel();

    pin_search_path();
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    check_result(command,
                 SPI_execute_with_args(command,
                                       nargs,
                                       unconstify(Oid *, types),
                                       unconstify(Datum *, values),
                                       NULL,
                                       false,
                                       0));
    SPI_finish();
    AtEOXact_GUC(false, guc_level);
}

/* pin_search_path makes names mean what the constants' author meant, until the GUC level ends. */
static void
pin_search_path(void)
{
    pin("search_path", "pg_catalog, pg_temp");
}

/* pin sets a variable until the GUC level ends. */
static void
pin(const char *name, const char *value)
{
    (void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* tables_owner returns the role that owns quantmesh.orders. */
static Oid
tables_owner(void)
{
    Oid relid = qm_table_oid(QM_TABLE_ORDERS);
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    Oid owner;

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for relation %u", relid);
    owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

/* saved_plan returns the command's plan, made at its first use in this backend. */
static SPIPlanPtr
saved_plan(QmQuery *query)
{
    if (query->plan == NULL)
    {
        SPIPlanPtr plan = SPI_prepare(query->text, query->nargs, query->types);

        if (plan == NULL)
            check_result(query->text, SPI_result);
        SPI_keepplan(plan);
        query->plan = plan;
    }
    return query->plan;
}

/* check_result errors when SPI could not run the command. */
static void
check_result(const char *text, int result)
{
    if (result < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR),
                 errmsg("quantmesh query failed: %s", SPI_result_code_string(result)),
                 errdetail("The query was \"%s\".", text)));
}
