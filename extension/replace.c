/*
 * SQL function: replacing a live order by an intent. What it promises is in its
 * COMMENT (sql/61_placing.sql).
 *
 * The market is locked before the order's row, as everybody does who locks both.
 * The old order is changed only when nothing can refuse the new one any more: it
 * gives its slot up if the new one wants the same, and is asked to be canceled.
 * Which of the two is under way at the exchange does not matter then: the intent
 * is not claimed before the old order has ended.
 */
#include "postgres.h"

#include "cancel.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "fmgr.h"
#include "order_argument.h"
#include "order_find.h"
#include "place.h"
#include "query.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_replace_order);

static void read_request(FunctionCallInfo fcinfo, QmPlaceRequest *request);
static char *symbol_of(const char *account, int64 order_id);
static bool inherit(QmPlaceRequest *request);
static void take_terms(QmPlaceRequest *request, const QmOrder *order);
static void check_price(QmPlaceRequest *request);
static void deny_ended(const QmPlaceRequest *request, QmPlacement *placement);
static void give_way(void *state, const char *slot);

/* qm_replace_order is quantmesh.replace_order. */
Datum
qm_replace_order(PG_FUNCTION_ARGS)
{
    QmPlaceRequest request = {.function = "quantmesh.replace_order()"};
    QmPlacement placement = {0};
    QmFoundOrder found;

    qm_require_running(request.function);
    read_request(fcinfo, &request);
    qm_place_prepare(request.function, request.account);
    request.symbol = symbol_of(request.account, request.replaces);
    qm_market_lock_shared(request.account, request.symbol);
    if (inherit(&request) ||
        (request.request_id != NULL && qm_order_find_request(request.account, request.request_id, &found)))
        qm_place(&request, &placement);
    else
        deny_ended(&request, &placement);
    return qm_placement_datum(fcinfo, &placement);
}

/* read_request reads and checks the arguments; everything else comes from the old order. */
static void
read_request(FunctionCallInfo fcinfo, QmPlaceRequest *request)
{
    request->account = qm_arg_account(fcinfo, 0);
    request->replaces = qm_arg_positive(fcinfo, 1, "order_id");
    if (!PG_ARGISNULL(2))
        request->price = qm_arg_number(fcinfo, 2, "price");
    request->quantity = qm_arg_number(fcinfo, 3, "quantity");
    request->request_id = qm_arg_name_or_null(fcinfo, 4, "request_id");
    qm_arg_sender(fcinfo, 5, 6, &request->instance, &request->epoch);
    request->valid_until = qm_arg_time_or_null(fcinfo, 7, "valid_until");
    request->wait_us = QM_RELEASE_PATIENCE_US;
    request->before_insert = give_way;
    request->before_insert_state = request;
}

/* symbol_of returns the order's symbol, which never changes; P0002 when there is no such order. */
static char *
symbol_of(const char *account, int64 order_id)
{
    static QmQuery query = {"SELECT symbol FROM quantmesh.orders WHERE account = $1 AND order_id = $2 "
                            "UNION ALL SELECT symbol FROM quantmesh.order_archive WHERE account = $1 AND order_id = $2",
                            2,
                            {TEXTOID, INT8OID}};
    Datum key[] = {CStringGetTextDatum(account), Int64GetDatum(order_id)};
    MemoryContext memory = CurrentMemoryContext;
    QmQueryScope scope;
    char *symbol;
    bool isnull;

    qm_query_begin(&scope);
    if (qm_query_read_latest(&query, key, NULL) == 0)
        qm_order_missing(account, order_id);
    symbol = MemoryContextStrdup(memory, TextDatumGetCString(qm_query_value(0, 0, &isnull)));
    qm_query_end(&scope);
    return symbol;
}

/* inherit locks the old order's row and takes over its terms; false when it has ended. */
static bool
inherit(QmPlaceRequest *request)
{
    MemoryContext memory = CurrentMemoryContext;
    MemoryContext scope_memory;
    QmQueryScope scope;
    QmOrder *order;
    bool live;

    qm_query_begin(&scope);
    order = qm_order_lock(request->account, request->replaces);
    if (order == NULL)
        qm_order_missing(request->account, request->replaces);
    live = qm_order_is_live(order->state);
    scope_memory = MemoryContextSwitchTo(memory);
    take_terms(request, order);
    MemoryContextSwitchTo(scope_memory);
    qm_query_end(&scope);
    check_price(request);
    return live;
}

/* take_terms makes the request ask for what the old order was, in the caller's memory. A slot of its own stays its own. */
static void
take_terms(QmPlaceRequest *request, const QmOrder *order)
{
    request->buy = order->buy;
    request->market_order = strcmp(order->order_type, "market") == 0;
    request->time_in_force = QM_TIF_GTC;
    if (strcmp(order->time_in_force, "ioc") == 0)
        request->time_in_force = QM_TIF_IOC;
    else if (strcmp(order->time_in_force, "fok") == 0)
        request->time_in_force = QM_TIF_FOK;
    request->post_only = order->post_only;
    request->reduce_only = order->reduce_only;
    request->strategy = pstrdup(order->strategy);
    if (order->slot == NULL)
        request->slot = "";
    else if (!isdigit((unsigned char) order->slot[0]))
        request->slot = pstrdup(order->slot);
}

/* check_price refuses a price for a market order, and none for a limit order; qm_arg_number has checked the numbers. */
static void
check_price(QmPlaceRequest *request)
{
    if (request->market_order && request->price != NULL)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("price of a market order must be null")));
    if (!request->market_order && request->price == NULL)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("price must not be null")));
    if (request->price != NULL)
        (void) qm_amount_from_numeric(request->price, &request->price_amount);
    (void) qm_amount_from_numeric(request->quantity, &request->quantity_amount);
}

/* deny_ended answers that the old order is not live any more. */
static void
deny_ended(const QmPlaceRequest *request, QmPlacement *placement)
{
    (void) qm_place_deny(placement,
                         QM_DENIED,
                         QM_REASON_ORDER_NOT_LIVE,
                         "order " INT64_FORMAT " has ended",
                         request->replaces);
    qm_order_count_outcome(qm_market_number(request->account, request->symbol),
                           request->account,
                           request->symbol,
                           request->buy,
                           placement->outcome,
                           placement->reason,
                           placement->detail);
}

/*
 * give_way changes the old order once nothing can refuse the new one any more:
 * it is asked to be canceled, unless somebody has done that already, and gives
 * up its slot if the new order wants it.
 */
static void
give_way(void *state, const char *slot)
{
    const QmPlaceRequest *request = state;
    QmOrderNews news = {.source = "call"};
    QmQueryScope scope;
    QmOrder *before;
    QmOrder *order;

    qm_fence_prepare();
    qm_query_begin(&scope);
    before = qm_order_lock(request->account, request->replaces);
    Assert(before != NULL && qm_order_is_live(before->state));
    order = qm_order_copy(before);
    (void) qm_cancel_ask(order, &news.event);
    if (order->holds_slot && slot != NULL && strcmp(order->slot, slot) == 0)
        order->holds_slot = false;
    if (order->holds_slot != before->holds_slot || news.event != NULL)
    {
        if (news.event == NULL)
            news.event = "slot_released";
        qm_order_write(before, order, &news);
    }
    qm_query_end(&scope);
    qm_fence_prepare();
}
