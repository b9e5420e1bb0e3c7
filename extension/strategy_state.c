/*
 * SQL functions: the saved state of strategies. What they promise is in their
 * COMMENTs (sql/67_strategy_state.sql).
 *
 * A version guards a document: who saves names the version that it has read, and
 * is refused when there is a later one. To have saved the same document already is
 * no conflict, so that a call whose connection broke can be repeated.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "funcapi.h"
#include "market.h"
#include "order_argument.h"
#include "place.h"
#include "query.h"
#include "query_row.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_save_strategy_state);
PG_FUNCTION_INFO_V1(qm_load_strategy_state);

#define ERRCODE_STALE_INSTANCE MAKE_SQLSTATE('Q', 'M', '0', '0', '2')
#define ERRCODE_STATE_CHANGED MAKE_SQLSTATE('Q', 'M', '0', '0', '3')
#define STATE_COLUMNS 4

/* What is to be saved. */
typedef struct State
{
    char *account;
    char *symbol;
    char *strategy;
    Datum document;
    int64 version; /* that was read */
    const char *instance;
    int64 epoch;
} State;

static void read_whose(FunctionCallInfo fcinfo, State *state);
static void require_alive(const State *state);
static int64 save(const State *state);
static int64 saved_before(const State *state);

/* qm_save_strategy_state is quantmesh.save_strategy_state. */
Datum
qm_save_strategy_state(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.save_strategy_state()";
    QmQueryScope scope;
    State state = {0};
    int64 version;

    qm_require_running(function);
    read_whose(fcinfo, &state);
    if (PG_ARGISNULL(3))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("document must not be null")));
    state.document = PG_GETARG_DATUM(3);
    if (PG_ARGISNULL(4))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("version must not be null")));
    state.version = PG_GETARG_INT64(4);
    if (state.version < 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("version must not be negative, it is " INT64_FORMAT, state.version)));
    qm_arg_sender(fcinfo, 5, 6, &state.instance, &state.epoch);
    qm_place_prepare(function, state.account);
    require_alive(&state);

    qm_query_begin(&scope);
    version = save(&state);
    qm_query_end(&scope);
    PG_RETURN_INT64(version);
}

/* qm_load_strategy_state is quantmesh.load_strategy_state. */
Datum
qm_load_strategy_state(PG_FUNCTION_ARGS)
{
    static QmQuery query = {"SELECT version, document, instance, saved_at FROM quantmesh.strategy_state "
                            "WHERE account = $1 AND symbol = $2 AND strategy = $3",
                            3,
                            {TEXTOID, TEXTOID, TEXTOID}};
    Datum values[STATE_COLUMNS] = {Int64GetDatum(0)};
    bool nulls[STATE_COLUMNS] = {false, true, true, true};
    MemoryContext memory = CurrentMemoryContext;
    QmQueryScope scope;
    State state = {0};
    TupleDesc desc;

    read_whose(fcinfo, &state);
    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "function does not return a record");
    qm_query_begin(&scope);
    {
        Datum key[] = {CStringGetTextDatum(state.account),
                       CStringGetTextDatum(state.symbol),
                       CStringGetTextDatum(state.strategy)};

        if (qm_query_run(&query, key, NULL) > 0)
        {
            MemoryContext scope_memory = MemoryContextSwitchTo(memory);

            for (int i = 0; i < STATE_COLUMNS; i++)
            {
                values[i] = qm_query_value(0, i, &nulls[i]);
                if (!nulls[i] && (i == 1 || i == 2))
                    values[i] = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[i]));
            }
            MemoryContextSwitchTo(scope_memory);
        }
    }
    qm_query_end(&scope);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* read_whose reads the first three arguments of both functions; 42501 when the caller may not trade the account. */
static void
read_whose(FunctionCallInfo fcinfo, State *state)
{
    state->account = qm_arg_account(fcinfo, 0);
    state->symbol = qm_arg_symbol(fcinfo, 1);
    state->strategy = qm_arg_name_or_empty(fcinfo, 2, "strategy");
    if (state->strategy == NULL)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("strategy must not be null")));
}

/* require_alive errors with QM002 when the instance is not registered under that epoch any more. */
static void
require_alive(const State *state)
{
    int64 epoch;

    if (state->epoch != 0 && (!qm_instance_find(state->instance, &epoch) || epoch != state->epoch))
        ereport(ERROR,
                (errcode(ERRCODE_STALE_INSTANCE),
                 errmsg("instance \"%s\" is no longer alive under this epoch", state->instance),
                 errhint("Register again, and load the state anew.")));
}

/* save writes the document behind the version that was read, and returns the new one. */
static int64
save(const State *state)
{
    static QmQuery insert = {"INSERT INTO quantmesh.strategy_state (account, symbol, strategy, document, version, "
                             "instance, saved_at) VALUES ($1, $2, $3, $4, $5 + 1, $6, $7) ON CONFLICT DO NOTHING",
                             7,
                             {TEXTOID, TEXTOID, TEXTOID, JSONOID, INT8OID, TEXTOID, TIMESTAMPTZOID}};
    static QmQuery update = {"UPDATE quantmesh.strategy_state SET document = $4, version = $5 + 1, instance = $6, "
                             "saved_at = $7 WHERE account = $1 AND symbol = $2 AND strategy = $3 AND version = $5",
                             7,
                             {TEXTOID, TEXTOID, TEXTOID, JSONOID, INT8OID, TEXTOID, TIMESTAMPTZOID}};
    Datum values[] = {CStringGetTextDatum(state->account),
                      CStringGetTextDatum(state->symbol),
                      CStringGetTextDatum(state->strategy),
                      state->document,
                      Int64GetDatum(state->version),
                      state->instance == NULL ? (Datum) 0 : CStringGetTextDatum(state->instance),
                      TimestampTzGetDatum(GetCurrentTimestamp())};
    bool nulls[] = {false, false, false, false, false, state->instance == NULL, false};
    int64 version;

    if (qm_query_run(state->version == 0 ? &insert : &update, values, nulls) == 1)
        return state->version + 1;
    version = saved_before(state);
    if (version == 0)
        ereport(ERROR,
                (errcode(ERRCODE_STATE_CHANGED),
                 errmsg("state of strategy \"%s\" in market \"%s\" of account \"%s\" no longer has "
                        "version " INT64_FORMAT,
                        state->strategy,
                        state->symbol,
                        state->account,
                        state->version),
                 errhint("Load it again.")));
    return version;
}

/* saved_before returns the version that an earlier call with the same document has made; 0 when there was none. */
static int64
saved_before(const State *state)
{
    static QmQuery query = {"SELECT version FROM quantmesh.strategy_state WHERE account = $1 AND symbol = $2 "
                            "AND strategy = $3 AND version = $5 + 1 AND document::text = $4::text",
                            5,
                            {TEXTOID, TEXTOID, TEXTOID, JSONOID, INT8OID}};
    Datum values[] = {CStringGetTextDatum(state->account),
                      CStringGetTextDatum(state->symbol),
                      CStringGetTextDatum(state->strategy),
                      state->document,
                      Int64GetDatum(state->version)};

    return qm_query_read_latest(&query, values, NULL) == 0 ? 0 : qm_row_int64(0, 0);
}
