/*
 * SQL function: taking intents to send them. What it promises is in its COMMENT
 * (sql/61_placing.sql).
 *
 * Each market that has intents is locked, shared, before its state is read, as
 * placing does, so that a halt that has returned is the last word. The locks are
 * taken in the order of the symbols. Rows that somebody else works on are passed
 * over. They are locked one by one, in a subquery that runs until there are enough:
 * its order is that of the query around it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fence.h"
#include "funcapi.h"
#include "live_order.h"
#include "market.h"
#include "miscadmin.h"
#include "order_argument.h"
#include "order_row.h"
#include "place.h"
#include "query.h"
#include "settings.h"
#include "shared.h"
#include "xact.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_claim_orders);

#define CLAIM_MAX 1000  /* orders in one call */
#define EXPIRE_MAX 1000 /* intents out of time that one call ends beside them */
#define CLAIM_COLUMNS 13

/* Who claims. */
typedef struct Claim
{
    const char *account;
    const char *symbol;   /* NULL: the whole account */
    const char *instance; /* NULL: keep the order's own */
    int64 epoch;          /* 0: none */
    int max;
    TimestampTz now;
} Claim;

static void read_claim(FunctionCallInfo fcinfo, Claim *claim);
static bool is_current(const Claim *claim);
static ArrayType *lock_open_markets(const Claim *claim);
static bool takes_intents(const Claim *claim, const char *symbol, bool buy);
static void withdraw_expired(const Claim *claim);
static void claim_waiting(const Claim *claim, ArrayType *sides, ReturnSetInfo *result);
static int64 *read_order_ids(uint64 count);
static void submit(const Claim *claim, QmOrder *order);
static void put_order(const QmOrder *order, ReturnSetInfo *result);

/* qm_claim_orders is quantmesh.claim_orders. */
Datum
qm_claim_orders(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.claim_orders()";
    QmQueryScope scope;
    Claim claim;

    qm_require_running(function);
    read_claim(fcinfo, &claim);
    InitMaterializedSRF(fcinfo, 0);
    qm_place_prepare(function, claim.account);
    qm_query_begin(&scope);
    {
        ArrayType *sides = lock_open_markets(&claim);

        if (is_current(&claim))
        {
            claim.now = GetCurrentTimestamp();
            withdraw_expired(&claim);
            claim_waiting(&claim, sides, (ReturnSetInfo *) fcinfo->resultinfo);
        }
    }
    qm_query_end(&scope);
    return (Datum) 0;
}

/* read_claim reads and checks the arguments. */
static void
read_claim(FunctionCallInfo fcinfo, Claim *claim)
{
    memset(claim, 0, sizeof(*claim));
    claim->account = qm_arg_account(fcinfo, 0);
    qm_arg_sender(fcinfo, 1, 2, &claim->instance, &claim->epoch);
    if (PG_ARGISNULL(3))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("max must not be null")));
    claim->max = PG_GETARG_INT32(3);
    if (claim->max < 1 || claim->max > CLAIM_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("max must be from 1 to %d, not %d", CLAIM_MAX, claim->max)));
    claim->symbol = PG_ARGISNULL(4) ? NULL : qm_arg_symbol(fcinfo, 4);
}

/* is_current says whether the sender is no instance, or the one that is registered under that name now. */
static bool
is_current(const Claim *claim)
{
    int64 epoch;

    return claim->epoch == 0 || (qm_instance_find(claim->instance, &epoch) && epoch == claim->epoch);
}

/*
 * lock_open_markets locks the markets asked for that have intents, and returns those
 * sides of them whose intents may be sent, as symbol:side; a symbol has no colon.
 */
static ArrayType *
lock_open_markets(const Claim *claim)
{
    static QmQuery query = {"SELECT DISTINCT l.symbol FROM " QM_LIVE_ORDERS
                            "WHERE l.account = $1 AND ($2 IS NULL OR l.symbol = $2) AND o.state = 'intent' "
                            "ORDER BY l.symbol",
                            2,
                            {TEXTOID, TEXTOID}};
    bool nulls[] = {false, claim->symbol == NULL};
    Datum values[] = {CStringGetTextDatum(claim->account), nulls[1] ? (Datum) 0 : CStringGetTextDatum(claim->symbol)};
    uint64 count = qm_query_read_latest(&query, values, nulls);
    Datum *sides = palloc(sizeof(Datum) * (2 * count + 1));
    int open = 0;

    for (uint64 row = 0; row < count; row++)
    {
        bool isnull;
        char *symbol = TextDatumGetCString(qm_query_value(row, 0, &isnull));

        qm_market_lock_shared(claim->account, symbol);
        if (takes_intents(claim, symbol, true))
            sides[open++] = CStringGetTextDatum(psprintf("%s:buy", symbol));
        if (takes_intents(claim, symbol, false))
            sides[open++] = CStringGetTextDatum(psprintf("%s:sell", symbol));
    }
    return construct_array(sides, open, TEXTOID, -1, false, TYPALIGN_INT);
}

/*
 * takes_intents says whether the claimer may send intents of a side in a market
 * that is locked: it is not halted, does not wait for a reconciliation, is the
 * claimer's if it is exclusive, and where it is reducing, that side's live orders
 * do not take the position past flat.
 */
static bool
takes_intents(const Claim *claim, const char *symbol, bool buy)
{
    QmMarket market;
    QmExposure exposure;

    if (!qm_market_find(claim->account, symbol, &market) || market.state == QM_TRADING_HALTED ||
        !qm_market_is_trusted(&market) || !qm_market_is_open_to(&market, claim->instance, claim->epoch))
        return false;
    if (market.state == QM_TRADING_ACTIVE)
        return true;
    qm_exposure_read(market.number, &exposure);
    return (buy ? exposure.longest : exposure.shortest) <= 0;
}

/* withdraw_expired aborts intents that are out of time, of whichever market was asked for, halted or not. */
static void
withdraw_expired(const Claim *claim)
{
    static QmQuery query = {"SELECT locked.order_id FROM ("
                            "SELECT o.order_id FROM " QM_LIVE_ORDERS
                            "WHERE l.account = $1 AND ($4 IS NULL OR l.symbol = $4) AND o.state = 'intent' "
                            "AND o.valid_until <= $2 ORDER BY o.order_id) AS late, "
                            "LATERAL (SELECT o.order_id FROM quantmesh.orders AS o "
                            "WHERE o.account = $1 AND o.order_id = late.order_id AND o.state = 'intent' "
                            "AND o.valid_until <= $2 FOR NO KEY UPDATE SKIP LOCKED) AS locked LIMIT $3",
                            4,
                            {TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID}};
    const char *const reason[][2] = {{"reason", "valid_until passed"}};
    QmOrderNews news = {.event = qm_order_event_name(QM_EVENT_WITHDRAWN), .source = "call"};
    bool nulls[] = {false, false, false, claim->symbol == NULL};
    Datum values[] = {CStringGetTextDatum(claim->account),
                      TimestampTzGetDatum(claim->now),
                      Int64GetDatum(EXPIRE_MAX),
                      nulls[3] ? (Datum) 0 : CStringGetTextDatum(claim->symbol)};
    uint64 count = qm_query_run(&query, values, nulls);
    int64 *order_ids = read_order_ids(count);

    news.detail = qm_jsonb_object(lengthof(reason), reason);
    for (uint64 i = 0; i < count; i++)
    {
        QmOrder *before = qm_order_lock(claim->account, order_ids[i]);
        QmOrder *order = qm_order_copy(before);

        qm_fence_prepare();
        (void) qm_order_happen(order, QM_EVENT_WITHDRAWN);
        qm_order_write(before, order, &news);
    }
}

/*
 * claim_waiting submits the oldest intents of the markets, if there are any, and
 * puts them into the result. An intent waits as long as an order that it replaces is live, also
 * over intents in between that were replaced before anybody had sent them.
 */
static void
claim_waiting(const Claim *claim, ArrayType *sides, ReturnSetInfo *result)
{
    static QmQuery query =
        {"SELECT locked.order_id FROM (SELECT o.order_id FROM " QM_LIVE_ORDERS
         "WHERE l.account = $1 AND l.symbol || ':' || l.side = ANY ($2) AND o.state = 'intent' "
         "AND (o.valid_until IS NULL OR o.valid_until > $3) AND NOT EXISTS ("
         "WITH RECURSIVE replaced AS ("
         "SELECT r.account, r.replaces, r.live, r.submitted_at FROM quantmesh.orders AS r "
         "WHERE r.account = o.account AND r.order_id = o.replaces "
         "UNION ALL "
         "SELECT r.account, r.replaces, r.live, r.submitted_at FROM replaced AS n "
         "JOIN quantmesh.orders AS r ON r.account = n.account AND r.order_id = n.replaces "
         "WHERE n.submitted_at IS NULL) "
         "SELECT FROM replaced WHERE live) ORDER BY o.order_id) AS waiting, "
         "LATERAL (SELECT o.order_id FROM quantmesh.orders AS o "
         "WHERE o.account = $1 AND o.order_id = waiting.order_id AND o.state = 'intent' "
         "AND (o.valid_until IS NULL OR o.valid_until > $3) FOR NO KEY UPDATE SKIP LOCKED) AS locked LIMIT $4",
         4,
         {TEXTOID, TEXTARRAYOID, TIMESTAMPTZOID, INT8OID}};
    QmOrderNews news = {.event = qm_order_event_name(QM_EVENT_CLAIMED), .source = "call"};
    Datum values[] = {CStringGetTextDatum(claim->account),
                      PointerGetDatum(sides),
                      TimestampTzGetDatum(claim->now),
                      Int64GetDatum(claim->max)};
    uint64 count;
    int64 *order_ids;

    if (ARR_NDIM(sides) == 0)
        return;
    count = qm_query_run(&query, values, NULL);
    order_ids = read_order_ids(count);
    for (uint64 i = 0; i < count; i++)
    {
        QmOrder *before = qm_order_lock(claim->account, order_ids[i]);
        QmOrder *order = qm_order_copy(before);

        submit(claim, order);
        qm_order_write(before, order, &news);
        put_order(order, result);
    }
    if (count > 0 && !qm_allow_async_commit)
        ForceSyncCommit();
}

/* read_order_ids copies the ids that the last command has locked, before the next command. */
static int64 *
read_order_ids(uint64 count)
{
    int64 *order_ids = palloc(sizeof(int64) * (count + 1));

    for (uint64 row = 0; row < count; row++)
    {
        bool isnull;

        order_ids[row] = DatumGetInt64(qm_query_value(row, 0, &isnull));
    }
    return order_ids;
}

/* submit makes an intent the claimer's, who may send it until send_before. */
static void
submit(const Claim *claim, QmOrder *order)
{
    QmOrderEffect effect PG_USED_FOR_ASSERTS_ONLY = qm_order_happen(order, QM_EVENT_CLAIMED);

    Assert(effect == QM_EFFECT_MOVES);
    qm_fence_prepare();
    order->fence = qm_fence_next();
    qm_fence_prepare();
    order->submitted_at = claim->now;
    order->send_before = TimestampTzPlusMilliseconds(claim->now, qm_send_window_ms);
    if (order->valid_until != 0)
        order->send_before = Min(order->send_before, order->valid_until);
    if (claim->instance != NULL)
    {
        order->instance = unconstify(char *, claim->instance);
        order->epoch = claim->epoch;
    }
}

/* put_order adds a claimed order to the result. */
static void
put_order(const QmOrder *order, ReturnSetInfo *result)
{
    Datum values[CLAIM_COLUMNS] = {
        Int64GetDatum(order->order_id),
        CStringGetTextDatum(order->client_order_id),
        CStringGetTextDatum(order->symbol),
        CStringGetTextDatum(order->buy ? "buy" : "sell"),
        CStringGetTextDatum(order->order_type),
        CStringGetTextDatum(order->time_in_force),
        order->price == NULL ? (Datum) 0 : NumericGetDatum(order->price),
        NumericGetDatum(order->quantity),
        BoolGetDatum(order->post_only),
        BoolGetDatum(order->reduce_only),
        Int64GetDatum(order->fence),
        TimestampTzGetDatum(order->send_before),
        BoolGetDatum(qm_xact_commits_alone()),
    };
    bool nulls[CLAIM_COLUMNS] = {0};

    nulls[6] = order->price == NULL;
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
