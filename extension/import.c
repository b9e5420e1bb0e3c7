/*
 * SQL functions: what taking over a history needs of C (sql/68_import.sql): the
 * counters behind limits, and the ledger.
 */
#include "postgres.h"

#include "compat.h"
#include "datatype/timestamp.h"
#include "decimal.h"
#include "exposure.h"
#include "fmgr.h"
#include "ledger_position.h"
#include "place.h"
#include "query.h"
#include "shared.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_change_exposure);
PG_FUNCTION_INFO_V1(qm_recompute_position);

static void refuse_nulls(FunctionCallInfo fcinfo);
static QmAmount amount_at(FunctionCallInfo fcinfo, int arg);

/* qm_change_exposure is quantmesh.change_exposure. */
Datum
qm_change_exposure(PG_FUNCTION_ARGS)
{
    QmExposure change = {0};
    char *account;

    qm_require_running("quantmesh.change_exposure()");
    refuse_nulls(fcinfo);
    account = text_to_cstring(PG_GETARG_TEXT_PP(0));
    change.orders = PG_GETARG_INT64(2);
    change.longest = amount_at(fcinfo, 3);
    change.shortest = amount_at(fcinfo, 4);
    change.notional = amount_at(fcinfo, 5);
    qm_place_prepare("quantmesh.change_exposure()", account);
    qm_exposure_change(account, text_to_cstring(PG_GETARG_TEXT_PP(1)), &change);
    PG_RETURN_BOOL(true);
}

/* refuse_nulls errors with 22004 when any argument is NULL. */
static void
refuse_nulls(FunctionCallInfo fcinfo)
{
    for (int i = 0; i < PG_NARGS(); i++)
    {
        if (PG_ARGISNULL(i))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument %d must not be null", i + 1)));
    }
}

/* amount_at rounds up to what shared memory counts in; what is too large for it counts as its largest. */
static QmAmount
amount_at(FunctionCallInfo fcinfo, int arg)
{
    QmAmount amount;

    return qm_amount_from_numeric_up(PG_GETARG_NUMERIC(arg), &amount) ? amount : QM_AMOUNT_MAX;
}

/* qm_recompute_position is quantmesh.recompute_position. The position has a row. */
Datum
qm_recompute_position(PG_FUNCTION_ARGS)
{
    QmOrder whose = {.buy = true};
    QmFillKey first = {.executed_at = DT_NOBEGIN, .trade_id = ""};
    MemoryContext memory = CurrentMemoryContext;
    QmQueryScope scope;
    QmPosition position;
    Numeric before;
    Numeric change;

    qm_require_running("quantmesh.recompute_position()");
    refuse_nulls(fcinfo);
    whose.account = text_to_cstring(PG_GETARG_TEXT_PP(0));
    whose.symbol = text_to_cstring(PG_GETARG_TEXT_PP(1));
    whose.strategy = text_to_cstring(PG_GETARG_TEXT_PP(2));
    qm_place_prepare("quantmesh.recompute_position()", whose.account);
    qm_query_begin(&scope);
    if (!qm_position_lock(&whose, NULL, &position))
        elog(ERROR, "account \"%s\" has no position of strategy \"%s\"", whose.account, whose.strategy);
    before = position.running.quantity;
    qm_position_recompute(&whose, &position, &first);
    MemoryContextSwitchTo(memory);
    change = qm_decimal_sub(position.running.quantity, before);
    qm_query_end(&scope);
    PG_RETURN_NUMERIC(change);
}
