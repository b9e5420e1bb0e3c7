/*
 * SQL functions: asking to cancel orders. What they promise is in their
 * COMMENTs (sql/63_cancels.sql).
 *
 * cancel_order takes the order's cancel lock, and leaves the order to whoever
 * has it already; then the row decides. cancel_orders only looks whether
 * somebody has the cancel lock: a lock for each of thousands of orders would run
 * into quantmesh.max_locks_per_backend and the TTL just when everything must be
 * cancelled. It locks rows in the order of their ids, so that two of them do not
 * deadlock, and waits for each, since a row that is busy with a fill must be
 * cancelled all the same.
 */
#include "cancel.h"
#include "clock.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "funcapi.h"
#include "live_order.h"
#include "lock.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "place.h"
#include "query.h"
#include "settings.h"
#include "shared.h"
#include "xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_cancel_order);
PG_FUNCTION_INFO_V1(qm_cancel_exchange_order);
PG_FUNCTION_INFO_V1(qm_cancel_orders);

#define CANCELLATION_COLUMNS 8

/* A row of type quantmesh.cancellation; NULL and 0 are SQL NULLs. */
typedef struct Cancellation
{
    QmCancelOutcome outcome;
    int64 order_id;
    const char *state;
    const char *cancel_state;
    char *symbol;
    char *client_order_id;
    char *exchange_order_id;
} Cancellation;

static const char *const outcomes[] = {
    [QM_CANCEL_IS_REQUESTED] = "requested",
    [QM_CANCEL_IS_SKIPPED] = "skipped",
    [QM_CANCEL_IS_ABORTED] = "aborted",
    [QM_CANCEL_IS_NOOP] = "noop",
};

static bool cancel(const char *function, const char *account, int64 order_id, bool many, Cancellation *answer);
static bool is_busy(const char *function, const char *account, int64 order_id, bool many);
static bool read_unlocked(const char *account, int64 order_id, MemoryContext memory, Cancellation *answer);
static bool ask(const char *account, int64 order_id, MemoryContext memory, Cancellation *answer);
static bool is_under_way(const QmOrder *order, TimestampTz now);
static int64 find_exchange_order(const char *account, const char *symbol, const char *exchange_order_id);
static uint64 find_live_orders(FunctionCallInfo fcinfo, const char *account, int64 **order_ids);
static Datum cancellation_datum(FunctionCallInfo fcinfo, const Cancellation *answer);
static void cancellation_values(const Cancellation *answer, Datum *values, bool *nulls);
static void set_text(Datum *value, bool *null, const char *text);

/* qm_cancel_order is quantmesh.cancel_order. */
Datum
qm_cancel_order(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.cancel_order()";
    Cancellation answer;
    char *account;
    int64 order_id;

    qm_require_running(function);
    account = qm_arg_account(fcinfo, 0);
    order_id = qm_arg_positive(fcinfo, 1, "order_id");
    qm_place_prepare(function, account);
    if (!cancel(function, account, order_id, false, &answer))
        qm_order_missing(account, order_id);
    return cancellation_datum(fcinfo, &answer);
}

/* qm_cancel_exchange_order is quantmesh.cancel_exchange_order. */
Datum
qm_cancel_exchange_order(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.cancel_exchange_order()";
    Cancellation answer = {0};
    char *account;
    char *symbol;
    char *exchange_order_id;
    int64 order_id;

    qm_require_running(function);
    account = qm_arg_account(fcinfo, 0);
    symbol = qm_arg_symbol(fcinfo, 1);
    exchange_order_id = qm_arg_name(fcinfo, 2, "exchange_order_id");
    qm_place_prepare(function, account);
    order_id = find_exchange_order(account, symbol, exchange_order_id);
    if (order_id == 0 || !cancel(function, account, order_id, false, &answer))
        answer = (Cancellation){.outcome = QM_CANCEL_IS_NOOP, .symbol = symbol, .exchange_order_id = exchange_order_id};
    return cancellation_datum(fcinfo, &answer);
}

/* qm_cancel_orders is quantmesh.cancel_orders. */
Datum
qm_cancel_orders(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.cancel_orders()";
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    MemoryContext memory;
    MemoryContext caller_memory;
    char *account;
    int64 *order_ids;
    uint64 count;

    qm_require_running(function);
    account = qm_arg_account(fcinfo, 0);
    InitMaterializedSRF(fcinfo, 0);
    qm_place_prepare(function, account);
    count = find_live_orders(fcinfo, account, &order_ids);

    memory = AllocSetContextCreate(CurrentMemoryContext, "quantmesh cancel", ALLOCSET_DEFAULT_SIZES);
    caller_memory = MemoryContextSwitchTo(memory);
    for (uint64 i = 0; i < count; i++)
    {
        Cancellation answer;
        Datum values[CANCELLATION_COLUMNS];
        bool nulls[CANCELLATION_COLUMNS];

        CHECK_FOR_INTERRUPTS();
        qm_fence_prepare();
        if (cancel(function, account, order_ids[i], true, &answer))
        {
            cancellation_values(&answer, values, nulls);
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
        MemoryContextReset(memory);
    }
    MemoryContextSwitchTo(caller_memory);
    MemoryContextDelete(memory);
    return (Datum) 0;
}

/* cancel asks to cancel one order and answers in the caller's memory; false when there is no such order. */
static bool
cancel(const char *function, const char *account, int64 order_id, bool many, Cancellation *answer)
{
    MemoryContext memory = CurrentMemoryContext;
    QmQueryScope scope;
    bool found;

    memset(answer, 0, sizeof(*answer));
    qm_query_begin(&scope);
    if (is_busy(function, account, order_id, many))
        found = read_unlocked(account, order_id, memory, answer);
    else
        found = ask(account, order_id, memory, answer);
    qm_query_end(&scope);
    return found;
}

/* is_busy says whether somebody else has the order's cancel lock. One of many orders is only looked at, see above. */
static bool
is_busy(const char *function, const char *account, int64 order_id, bool many)
{
    QmKey key;
    QmHolder holder;
    QmLockRequest request = {.function = function,
                             .mode = QM_MODE_XACT,
                             .nkeys = 1,
                             .keys = &key,
                             .ttl_us = QM_TTL_DEFAULT,
                             .timeout_us = QM_NEVER_US};

    qm_key_from_text(&key, cstring_to_text(psprintf("cancel:%s:" INT64_FORMAT, account, order_id)));
    if (many)
        return qm_lock_holder(&key, &holder) && holder.pid != MyProcPid;
    return qm_lock_acquire(&request) == QM_NO_FENCE;
}

/* read_unlocked answers skipped for a live order and noop for another, without waiting for anybody. */
static bool
read_unlocked(const char *account, int64 order_id, MemoryContext memory, Cancellation *answer)
{
    static QmQuery query = {"SELECT live, state, cancel_state, symbol, client_order_id, exchange_order_id "
                            "FROM quantmesh.orders WHERE account = $1 AND order_id = $2",
                            2,
                            {TEXTOID, INT8OID}};
    Datum key[] = {CStringGetTextDatum(account), Int64GetDatum(order_id)};
    char *texts[6] = {0};
    MemoryContext scope_memory;
    bool isnull;

    if (qm_query_read_latest(&query, key, NULL) == 0)
        return false;
    scope_memory = MemoryContextSwitchTo(memory);
    for (int column = 1; column < lengthof(texts); column++)
    {
        Datum value = qm_query_value(0, column, &isnull);

        texts[column] = isnull ? NULL : TextDatumGetCString(value);
    }
    MemoryContextSwitchTo(scope_memory);
    *answer = (Cancellation){.outcome =
                                 DatumGetBool(qm_query_value(0, 0, &isnull)) ? QM_CANCEL_IS_SKIPPED : QM_CANCEL_IS_NOOP,
                             .order_id = order_id,
                             .state = texts[1],
                             .cancel_state = texts[2],
                             .symbol = texts[3],
                             .client_order_id = texts[4],
                             .exchange_order_id = texts[5]};
    return true;
}

/* ask locks the order's row, writes what the request changes, and answers. */
static bool
ask(const char *account, int64 order_id, MemoryContext memory, Cancellation *answer)
{
    QmOrder *before = qm_order_lock(account, order_id);
    QmOrder *order;
    QmOrderNews news = {.source = "call"};

    if (before == NULL)
        return false;
    order = qm_order_copy(before);
    answer->outcome = qm_cancel_ask(order, &news.event);
    if (news.event != NULL)
        qm_order_write(before, order, &news);
    answer->order_id = order_id;
    answer->state = qm_order_state_name(order->state);
    answer->cancel_state = qm_cancel_state_name(order->cancel_state);
    answer->symbol = MemoryContextStrdup(memory, order->symbol);
    answer->client_order_id = MemoryContextStrdup(memory, order->client_order_id);
    if (order->exchange_order_id != NULL)
        answer->exchange_order_id = MemoryContextStrdup(memory, order->exchange_order_id);
    return true;
}

/*
 * qm_cancel_ask changes an order in memory as a request to cancel it does. The
 * event is what the caller has to write, NULL when nothing has changed. An
 * intent that is aborted must stay so after a crash, since the caller may act on
 * it: the commit waits for the disk.
 */
QmCancelOutcome
qm_cancel_ask(QmOrder *order, const char **event)
{
    TimestampTz now = GetCurrentTimestamp();
    bool at_exchange = order->state == QM_ORDER_OPEN || order->state == QM_ORDER_PARTIALLY_FILLED;

    *event = NULL;
    if (!qm_order_is_live(order->state))
        return QM_CANCEL_IS_NOOP;
    if (order->state == QM_ORDER_INTENT)
    {
        *event = qm_order_event_name(QM_EVENT_WITHDRAWN);
        (void) qm_order_happen(order, QM_EVENT_WITHDRAWN);
        if (!qm_allow_async_commit)
            ForceSyncCommit();
        return QM_CANCEL_IS_ABORTED;
    }
    if (is_under_way(order, now))
        return QM_CANCEL_IS_SKIPPED;
    *event = "cancel_requested";
    order->cancel_state = at_exchange ? QM_CANCEL_SENT : QM_CANCEL_REQUESTED;
    order->cancel_requested_at = now;
    return QM_CANCEL_IS_REQUESTED;
}

/* is_under_way says whether a cancel was asked for so lately that it is somebody else's; not if the clock went back. */
static bool
is_under_way(const QmOrder *order, TimestampTz now)
{
    TimestampTz age_us = now - order->cancel_requested_at;

    return (order->cancel_state == QM_CANCEL_REQUESTED || order->cancel_state == QM_CANCEL_SENT) && age_us >= 0 &&
           age_us < QM_CANCEL_WINDOW_US;
}

/* qm_order_missing errors with P0002: the account has no such order. */
void
qm_order_missing(const char *account, int64 order_id)
{
    ereport(ERROR,
            (errcode(ERRCODE_NO_DATA_FOUND),
             errmsg("order " INT64_FORMAT " of account \"%s\" does not exist", order_id, account)));
}

/* find_exchange_order returns the order that the exchange knows by this id; 0 for none. */
static int64
find_exchange_order(const char *account, const char *symbol, const char *exchange_order_id)
{
    QmQueryScope scope;
    int64 order_id;
    int attempt;

    qm_query_begin(&scope);
    order_id = qm_order_find_exchange(account, symbol, exchange_order_id, &attempt);
    qm_query_end(&scope);
    return order_id;
}

/* find_live_orders returns the ids of all live orders that fit the call's filters, lowest first. */
static uint64
find_live_orders(FunctionCallInfo fcinfo, const char *account, int64 **order_ids)
{
    static QmQuery query = {"SELECT o.order_id FROM " QM_LIVE_ORDERS "WHERE l.account = $1 AND o.live "
                            "AND ($2 IS NULL OR l.symbol = $2) AND ($3 IS NULL OR l.side = $3) "
                            "AND ($4 IS NULL OR o.strategy = $4) AND ($5 IS NULL OR o.instance = $5) "
                            "ORDER BY o.order_id",
                            5,
                            {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
    static const char *const sides[] = {"buy", "sell"};
    MemoryContext memory = CurrentMemoryContext;
    Datum values[5] = {CStringGetTextDatum(account)};
    bool nulls[5] = {false};
    QmQueryScope scope;
    uint64 count;

    set_text(&values[1], &nulls[1], PG_ARGISNULL(1) ? NULL : qm_arg_symbol(fcinfo, 1));
    set_text(&values[2], &nulls[2], PG_ARGISNULL(2) ? NULL : sides[qm_arg_word(fcinfo, 2, "side", sides, 2)]);
    set_text(&values[3], &nulls[3], qm_arg_name_or_empty(fcinfo, 3, "strategy"));
    set_text(&values[4], &nulls[4], qm_arg_name_or_null(fcinfo, 4, "instance"));

    qm_query_begin(&scope);
    count = qm_query_read_latest(&query, values, nulls);
    *order_ids = MemoryContextAllocHuge(memory, sizeof(int64) * (count + 1));
    for (uint64 row = 0; row < count; row++)
    {
        bool isnull;

        (*order_ids)[row] = DatumGetInt64(qm_query_value(row, 0, &isnull));
    }
    qm_query_end(&scope);
    return count;
}

/* cancellation_datum returns the answer as an SQL row. */
static Datum
cancellation_datum(FunctionCallInfo fcinfo, const Cancellation *answer)
{
    TupleDesc descriptor;
    Datum values[CANCELLATION_COLUMNS];
    bool nulls[CANCELLATION_COLUMNS];

    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "a cancel function must return a row");
    cancellation_values(answer, values, nulls);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/* cancellation_values fills in the columns of quantmesh.cancellation. */
static void
cancellation_values(const Cancellation *answer, Datum *values, bool *nulls)
{
    memset(nulls, 0, sizeof(bool) * CANCELLATION_COLUMNS);
    values[0] = CStringGetTextDatum(outcomes[answer->outcome]);
    values[1] = Int64GetDatum(answer->order_id);
    nulls[1] = answer->order_id == 0;
    set_text(&values[2], &nulls[2], answer->state);
    set_text(&values[3], &nulls[3], answer->cancel_state);
    set_text(&values[4], &nulls[4], answer->symbol);
    set_text(&values[5], &nulls[5], answer->client_order_id);
    set_text(&values[6], &nulls[6], answer->exchange_order_id);
    values[7] = BoolGetDatum(qm_xact_commits_alone());
}

/* set_text fills in a column of text, NULL for NULL. */
static void
set_text(Datum *value, bool *null, const char *text)
{
    *null = text == NULL;
    *value = text == NULL ? (Datum) 0 : CStringGetTextDatum(text);
}
