/*
 * SQL functions: place_order and place_orders. What a programmer got wrong is
 * an error; what a trader meets is an outcome.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "argument.h"
#include "compat.h"
#include "funcapi.h"
#include "order_argument.h"
#include "place.h"
#include "place_sql.h"
#include "xact.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_place_order);

static const char *const times_in_force[] = {
    [QM_TIF_GTC] = "gtc",
    [QM_TIF_IOC] = "ioc",
    [QM_TIF_FOK] = "fok",
};

static void read_terms(FunctionCallInfo fcinfo, QmPlaceRequest *request);
static void read_slot(FunctionCallInfo fcinfo, QmPlaceRequest *request);
static bool read_flag(FunctionCallInfo fcinfo, int arg, const char *name);
static QmAmount amount_of(Numeric value);
static void set(Datum *values, bool *nulls, int column, Datum value);

/* qm_place_order is quantmesh.place_order. */
Datum
qm_place_order(PG_FUNCTION_ARGS)
{
    QmPlaceRequest request = {.function = "quantmesh.place_order()"};
    QmPlacement placement;

    if (PG_ARGISNULL(QM_PLACE_ACCOUNT))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("account must not be null")));
    qm_place_prepare(request.function, text_to_cstring(PG_GETARG_TEXT_PP(QM_PLACE_ACCOUNT)));
    qm_place_read(fcinfo, &request);
    request.wait_us = qm_arg_interval_us(fcinfo, QM_PLACE_WAIT, "wait", 0);
    qm_place(&request, &placement);
    PG_RETURN_DATUM(qm_placement_datum(fcinfo, &placement));
}

/* qm_place_read reads and checks all arguments but wait. */
void
qm_place_read(FunctionCallInfo fcinfo, QmPlaceRequest *request)
{
    static const char *const sides[] = {"buy", "sell"};

    request->account = qm_arg_account(fcinfo, QM_PLACE_ACCOUNT);
    request->symbol = qm_arg_symbol(fcinfo, QM_PLACE_SYMBOL);
    request->buy = qm_arg_word(fcinfo, QM_PLACE_SIDE, "side", sides, lengthof(sides)) == 0;
    read_terms(fcinfo, request);
    request->request_id = qm_arg_name_or_null(fcinfo, QM_PLACE_REQUEST_ID, "request_id");
    read_slot(fcinfo, request);
    request->strategy = qm_arg_name_or_empty(fcinfo, QM_PLACE_STRATEGY, "strategy");
    if (request->strategy == NULL)
        request->strategy = "";
    qm_arg_sender(fcinfo, QM_PLACE_INSTANCE, QM_PLACE_EPOCH, &request->instance, &request->epoch);
    request->submit = read_flag(fcinfo, QM_PLACE_SUBMIT, "submit");
    request->valid_until = qm_arg_time_or_null(fcinfo, QM_PLACE_VALID_UNTIL, "valid_until");
}

/* read_terms reads what is asked for: type, time in force, price, quantity and flags. */
static void
read_terms(FunctionCallInfo fcinfo, QmPlaceRequest *request)
{
    static const char *const types[] = {"limit", "market"};

    request->market_order = qm_arg_word(fcinfo, QM_PLACE_ORDER_TYPE, "order_type", types, lengthof(types)) == 1;
    request->time_in_force = (QmTimeInForce)
        qm_arg_word(fcinfo, QM_PLACE_TIME_IN_FORCE, "time_in_force", times_in_force, lengthof(times_in_force));
    if (!request->market_order)
    {
        request->price = qm_arg_number(fcinfo, QM_PLACE_PRICE, "price");
        request->price_amount = amount_of(request->price);
    }
    else if (!fcinfo->args[QM_PLACE_PRICE].isnull)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("price of a market order must be null"),
                 errhint("Use order_type => 'limit' with time_in_force => 'ioc' for a price that must be kept.")));
    request->quantity = qm_arg_number(fcinfo, QM_PLACE_QUANTITY, "quantity");
    request->quantity_amount = amount_of(request->quantity);
    request->post_only = read_flag(fcinfo, QM_PLACE_POST_ONLY, "post_only");
    request->reduce_only = read_flag(fcinfo, QM_PLACE_REDUCE_ONLY, "reduce_only");
    if (request->post_only && (request->market_order || request->time_in_force != QM_TIF_GTC))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("post_only needs a limit order with time_in_force gtc")));
}

/* qm_time_in_force_name returns the word that tables and messages show. */
const char *
qm_time_in_force_name(QmTimeInForce time_in_force)
{
    return times_in_force[time_in_force];
}

/* read_slot reads the slot. A name begins with a letter, so that it is no price. */
static void
read_slot(FunctionCallInfo fcinfo, QmPlaceRequest *request)
{
    const char *slot = qm_arg_name_or_empty(fcinfo, QM_PLACE_SLOT, "slot");

    if (slot != NULL && slot[0] != '\0' && !isalpha((unsigned char) slot[0]))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("slot must begin with a letter"),
                 errdetail("Without a name the price is the slot; an empty slot means none.")));
    request->slot = slot;
}

/* read_flag reads a boolean. */
static bool
read_flag(FunctionCallInfo fcinfo, int arg, const char *name)
{
    if (PG_ARGISNULL(arg))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
    return PG_GETARG_BOOL(arg);
}

/* amount_of converts a number that was checked. */
static QmAmount
amount_of(Numeric value)
{
    QmAmount amount = 0;
    bool exact PG_USED_FOR_ASSERTS_ONLY = qm_amount_from_numeric(value, &amount);

    Assert(exact);
    return amount;
}

/* qm_placement_datum returns the answer as a row of the function's result type. */
Datum
qm_placement_datum(FunctionCallInfo fcinfo, const QmPlacement *placement)
{
    Datum values[QM_PLACEMENT_COLUMNS];
    bool nulls[QM_PLACEMENT_COLUMNS];
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "function does not return a placement");
    qm_placement_values(placement, values, nulls);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* qm_placement_values fills in the columns of quantmesh.placement. */
void
qm_placement_values(const QmPlacement *placement, Datum *values, bool *nulls)
{
    memset(nulls, true, QM_PLACEMENT_COLUMNS * sizeof(bool));
    set(values, nulls, 0, CStringGetTextDatum(qm_outcome_name(placement->outcome)));
    set(values, nulls, 1, BoolGetDatum(placement->replayed));
    if (placement->order_id != 0)
    {
        set(values, nulls, 2, Int64GetDatum(placement->order_id));
        set(values, nulls, 3, CStringGetTextDatum(placement->client_order_id));
        set(values, nulls, 4, CStringGetTextDatum(qm_order_state_name(placement->state)));
        set(values, nulls, 5, CStringGetTextDatum(placement->owner));
    }
    if (placement->fence != 0)
        set(values, nulls, 6, Int64GetDatum(placement->fence));
    if (placement->send_before != 0)
        set(values, nulls, 7, TimestampTzGetDatum(placement->send_before));
    set(values, nulls, 8, BoolGetDatum(qm_xact_commits_alone()));
    if (placement->reason != QM_REASON_NONE)
        set(values, nulls, 9, CStringGetTextDatum(qm_reason_name(placement->reason)));
    if (placement->detail != NULL)
        set(values, nulls, 10, CStringGetTextDatum(placement->detail));
}

/* set stores a value that is not NULL. */
static void
set(Datum *values, bool *nulls, int column, Datum value)
{
    values[column] = value;
    nulls[column] = false;
}
