/*
 * SQL functions: rate limits that instances share. What they promise is in their
 * COMMENTs (sql/69_rate_budget.sql).
 *
 * Who needs several rows locks them in the order of their accounts, and of kinds
 * within one, so that no two callers wait for one another.
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "argument.h"
#include "query.h"
#include "rate_budget.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_take_budget);
PG_FUNCTION_INFO_V1(qm_note_budget);
PG_FUNCTION_INFO_V1(qm_block_budget);
PG_FUNCTION_INFO_V1(qm_set_budget_limit);

#define COUNT_MAX INT64CONST(1000000000)
#define TAKE_COLUMNS 7

/* What is asked of one budget. */
typedef struct Want
{
    const char *account;
    QmBudgetKind kind;
    int64 need;
    int64 taken;
    int64 wait_us;
    QmRateBudget budget;
} Want;

static int read_wants(FunctionCallInfo fcinfo, Want *wants);
static void take(Want *wants, int count, bool urgent, bool ahead);
static void put_want(const Want *want, ReturnSetInfo *result);
static void prepare(const char *function);
static int64 read_count(FunctionCallInfo fcinfo, int arg, const char *name, int64 least);

/* qm_take_budget is quantmesh.take_budget. */
Datum
qm_take_budget(PG_FUNCTION_ARGS)
{
    Want wants[QM_BUDGET_KINDS];
    QmQueryScope scope;
    int count;

    prepare("quantmesh.take_budget()");
    for (int arg = 1; arg <= 5; arg++)
        if (PG_ARGISNULL(arg))
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                     errmsg("weight, orders_10s, orders_day, urgent and ahead must not be null")));
    count = read_wants(fcinfo, wants);
    InitMaterializedSRF(fcinfo, 0);
    qm_query_begin(&scope);
    take(wants, count, PG_GETARG_BOOL(4), PG_GETARG_BOOL(5));
    qm_query_end(&scope);
    for (int i = 0; i < count; i++)
        put_want(&wants[i], (ReturnSetInfo *) fcinfo->resultinfo);
    return (Datum) 0;
}

/*
 * read_wants reads what is asked for, in the order in which rows are locked, and
 * returns how many rows that are: weight always, since it is where a block stands.
 */
static int
read_wants(FunctionCallInfo fcinfo, Want *wants)
{
    const char *account = qm_arg_account(fcinfo, 0);
    const char *address = PG_ARGISNULL(6) ? account : qm_arg_account(fcinfo, 6);
    int count = 0;

    for (int kind = 0; kind < QM_BUDGET_KINDS; kind++)
    {
        int64 need = PG_GETARG_INT32(kind + 1);

        if (need < 0)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("%s must not be negative, it is " INT64_FORMAT, qm_budget_kind_names[kind], need)));
        if (kind == QM_BUDGET_WEIGHT || need > 0)
            wants[count++] =
                (Want){.account = kind == QM_BUDGET_WEIGHT ? address : account, .kind = kind, .need = need};
    }
    /* Weight comes first among the rows of one account; another name for it may belong behind the account's. */
    if (count > 1 && strcmp(address, account) > 0)
    {
        Want weight = wants[0];

        memmove(&wants[0], &wants[1], sizeof(Want) * (count - 1));
        wants[count - 1] = weight;
    }
    return count;
}

/* take takes all that is wanted, or nothing. */
static void
take(Want *wants, int count, bool urgent, bool ahead)
{
    bool fine = true;

    for (int i = 0; i < count; i++)
    {
        Want *want = &wants[i];

        qm_rate_budget_lock(want->account, want->kind, &want->budget);
        want->wait_us = qm_rate_budget_wait_us(&want->budget, want->need, urgent);
        fine = fine && want->wait_us == 0;
    }
    for (int i = 0; fine && i < count; i++)
    {
        Want *want = &wants[i];

        want->taken = ahead ? qm_rate_budget_chunk(&want->budget, want->need) : want->need;
        want->budget.used += want->taken;
        if (want->taken > 0)
            qm_rate_budget_write(&want->budget);
    }
}

/* put_want adds what became of one want to the result. Waits are rounded up, so that nobody comes too early; windows down. */
static void
put_want(const Want *want, ReturnSetInfo *result)
{
    const QmRateBudget *budget = &want->budget;
    int64 left_us = qm_rate_budget_window_end(budget) - budget->now;
    Datum values[TAKE_COLUMNS] = {
        CStringGetTextDatum(qm_budget_kind_names[want->kind]),
        Int32GetDatum((int32) want->taken),
        Int64GetDatum(want->wait_us == 0 ? 0 : want->wait_us / 1000 + 1),
        Int64GetDatum(left_us / 1000),
        Int64GetDatum((budget->now - budget->window_start) / 1000),
        Int64GetDatum(budget->used),
        Int64GetDatum(budget->allowed),
    };
    bool nulls[TAKE_COLUMNS] = {0};

    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* qm_note_budget is quantmesh.note_budget. */
Datum
qm_note_budget(PG_FUNCTION_ARGS)
{
    QmRateBudget budget;
    QmQueryScope scope;
    char *account;
    int kind;
    int64 used;

    prepare("quantmesh.note_budget()");
    account = qm_arg_account(fcinfo, 0);
    kind = qm_arg_word(fcinfo, 1, "kind", qm_budget_kind_names, QM_BUDGET_KINDS);
    used = read_count(fcinfo, 2, "used", 0);
    qm_query_begin(&scope);
    qm_rate_budget_lock(account, kind, &budget);
    if (used > budget.reported)
    {
        budget.reported = used;
        budget.used = Max(budget.used, used);
        qm_rate_budget_write(&budget);
    }
    qm_query_end(&scope);
    PG_RETURN_INT64(budget.used);
}

/* qm_block_budget is quantmesh.block_budget. */
Datum
qm_block_budget(PG_FUNCTION_ARGS)
{
    QmRateBudget budget;
    QmQueryScope scope;
    char *account;
    int64 hold_us;

    prepare("quantmesh.block_budget()");
    account = qm_arg_account(fcinfo, 0);
    if (PG_ARGISNULL(1))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("hold must not be null")));
    hold_us = qm_arg_interval_us(fcinfo, 1, "hold", 0);
    qm_query_begin(&scope);
    qm_rate_budget_lock(account, QM_BUDGET_WEIGHT, &budget);
    if (budget.now + hold_us > budget.blocked_until)
    {
        budget.blocked_until = budget.now + hold_us;
        qm_rate_budget_write(&budget);
    }
    qm_query_end(&scope);
    PG_RETURN_TIMESTAMPTZ(budget.blocked_until);
}

/* qm_set_budget_limit is quantmesh.set_budget_limit. */
Datum
qm_set_budget_limit(PG_FUNCTION_ARGS)
{
    QmRateBudget budget;
    QmQueryScope scope;
    char *account;
    int kind;
    int64 allowed;
    bool changes;

    prepare("quantmesh.set_budget_limit()");
    account = qm_arg_account(fcinfo, 0);
    kind = qm_arg_word(fcinfo, 1, "kind", qm_budget_kind_names, QM_BUDGET_KINDS);
    allowed = read_count(fcinfo, 2, "allowed", 1);
    qm_query_begin(&scope);
    qm_rate_budget_lock(account, kind, &budget);
    changes = budget.allowed != allowed;
    if (changes)
    {
        budget.allowed = allowed;
        qm_rate_budget_write(&budget);
    }
    qm_query_end(&scope);
    PG_RETURN_BOOL(changes);
}

/* prepare errors where nothing can be counted: without the library, on a standby, in a read-only transaction. */
static void
prepare(const char *function)
{
    qm_require_running(function);
    PreventCommandIfReadOnly(function);
}

/* read_count reads a number of requests. */
static int64
read_count(FunctionCallInfo fcinfo, int arg, const char *name, int64 least)
{
    int64 count;

    if (PG_ARGISNULL(arg))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
    count = PG_GETARG_INT64(arg);
    if (count < least || count > COUNT_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("%s must be from " INT64_FORMAT " to " INT64_FORMAT ", not " INT64_FORMAT,
                        name,
                        least,
                        COUNT_MAX,
                        count)));
    return count;
}
