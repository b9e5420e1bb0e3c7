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
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_change_exposure);
PG_FUNCTION_INFO_V1(qm_recompute_position);

static QmAmount amount_at(FunctionCallInfo fcinfo, int arg);

/* qm_change_exposure is quantmesh.change_exposure. */
Datum
qm_change_exposure(PG_FUNCTION_ARGS)
{
    char *account = text_to_cstring(PG_GETARG_TEXT_PP(0));
    char *symbol = text_to_cstring(PG_GETARG_TEXT_PP(1));
    QmExposure change = {.orders = PG_GETARG_INT64(2),
                         .longest = amount_at(fcinfo, 3),
                         .shortest = amount_at(fcinfo, 4),
                         .notional = amount_at(fcinfo, 5)};

    qm_place_prepare("quantmesh.change_exposure()", account);
    qm_exposure_change(account, symbol, &change);
    PG_RETURN_BOOL(true);
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
    QmOrder whose = {.account = text_to_cstring(PG_GETARG_TEXT_PP(0)),
                     .symbol = text_to_cstring(PG_GETARG_TEXT_PP(1)),
                     .strategy = text_to_cstring(PG_GETARG_TEXT_PP(2)),
                     .buy = true};
    QmFillKey first = {.executed_at = DT_NOBEGIN, .trade_id = ""};
    MemoryContext memory = CurrentMemoryContext;
    QmQueryScope scope;
    QmPosition position;
    Numeric before;
    Numeric change;

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
