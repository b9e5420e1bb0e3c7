/*
 * SQL run from C: constant text with $n, schema-qualified, under a pinned
 * search_path. Nothing else in the extension runs SQL.
 */
#include "query.h"

#include "executor/spi.h"
#include "utils/guc.h"

/* qm_query_execute runs one command that returns no rows. No argument is NULL. */
void
qm_query_execute(const char *command, int nargs, const Oid *types, const Datum *values)
{
    int guc_level = NewGUCNestLevel();
    int result;

    (void) set_config_option("search_path",
                             "pg_catalog, pg_temp",
                             PGC_USERSET,
                             PGC_S_SESSION,
                             GUC_ACTION_SAVE,
                             true,
                             0,
                             false);
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    result =
        SPI_execute_with_args(command, nargs, unconstify(Oid *, types), unconstify(Datum *, values), NULL, false, 0);
    if (result < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INTERNAL_ERROR),
                 errmsg("quantmesh query failed: %s", SPI_result_code_string(result)),
                 errdetail("The query was \"%s\".", command)));
    SPI_finish();
    AtEOXact_GUC(false, guc_level);
}
