/*
 * Placing an order: the steps of one request, from the request id to its rows.
 *
 * Everything that is locked here stays locked until the transaction ends: the
 * request id, so that one request is worked on once at a time; the market,
 * shared, so that a halt can wait for us; the level, so that the slot that we
 * find free stays free. A request that may wait for the level does so before it
 * locks the market: no halt waits for it meanwhile, and what it is checked
 * against is of after the wait. Only then is room reserved, and the rows written.
 * The unique indexes hold what the locks promise a second time.
 */
#include "place.h"

#include "access/xact.h"
#include "clock.h"
#include "compat.h"
#include "exposure.h"
#include "fence.h"
#include "hold.h"
#include "lock.h"
#include "market_lock.h"
#include "miscadmin.h"
#include "order_find.h"
#include "rights.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

static bool passes(const QmPlaceRequest *request, QmMarket *market, int64 *fence, QmPlacement *placement);
static void refuse_lost_client(void);
static bool replay(const QmPlaceRequest *request, QmPlacement *placement);
static char *difference(const QmPlaceRequest *request, const QmFoundOrder *found);
static char *difference_of_terms(const QmPlaceRequest *request, const QmFoundOrder *found);
static bool may_have_slot(const QmPlaceRequest *request);
static const char *slot_of(const QmPlaceRequest *request, const QmMarket *market);
static bool lock_level(const QmPlaceRequest *request, const QmMarket *market, const char *slot, int64 wait_us,
                       int64 *fence, QmPlacement *placement);
static bool slot_is_free(const QmPlaceRequest *request, const char *slot, QmPlacement *placement);
static bool crosses_nothing(const QmPlaceRequest *request, QmPlacement *placement);
static bool reserve(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement);
static bool deny_breach(const QmPlaceRequest *request, const QmMarket *market, const QmBreachDetail *breach,
                        QmPlacement *placement);
static bool deny_increase(const QmPlaceRequest *request, const QmMarket *market, const QmBreachDetail *breach,
                          QmPlacement *placement);
static void store(const QmPlaceRequest *request, const char *slot, int64 fence, QmPlacement *placement);
static void show_found(QmPlacement *placement, const QmFoundOrder *found);

/*
 * qm_place_prepare settles what can fail before anything is locked: whether
 * orders work here, whether the caller may trade the account, whether there are
 * fences and counters.
 */
void
qm_place_prepare(const char *function, const char *account)
{
    qm_require_running(function);
    PreventCommandIfReadOnly(function);
    qm_rights_check_account(account);
    qm_hold_attach();
    qm_fence_prepare();
    qm_exposure_attach();
}

/* qm_place places one order, or says why not; the outcome is counted, but not a second time. qm_place_prepare has been called. */
void
qm_place(const QmPlaceRequest *request, QmPlacement *placement)
{
    QmMarket market = {.number = QM_MARKET_OTHER};
    int64 fence = 0;

    memset(placement, 0, sizeof(*placement));
    if (passes(request, &market, &fence, placement))
    {
        const char *slot = slot_of(request, &market);

        if ((fence != 0 || lock_level(request, &market, slot, 0, &fence, placement)) &&
            slot_is_free(request, slot, placement) && crosses_nothing(request, placement) &&
            reserve(request, &market, placement))
        {
            if (request->before_insert != NULL)
                request->before_insert(request->before_insert_state, slot);
            store(request, slot, fence, placement);
        }
    }
    if (!placement->replayed)
        qm_order_count_outcome(market.number,
                               request->account,
                               request->symbol,
                               request->buy,
                               placement->outcome,
                               placement->reason,
                               placement->detail);
}

/*
 * passes replays what was placed before, and refuses what needs no level's lock;
 * true when the order may go on. It sets fence if it has locked the level.
 */
static bool
passes(const QmPlaceRequest *request, QmMarket *market, int64 *fence, QmPlacement *placement)
{
    int64 wait_us = request->wait_us;

    if (request->request_id != NULL)
    {
        if (qm_request_lock(request->account, request->request_id))
            wait_us = Max(wait_us, QM_RELEASE_PATIENCE_US);
        refuse_lost_client();
        if (replay(request, placement))
            return false;
    }
    /* What an open transaction had read may have been changed since; the market's lock, held already, would not tell. */
    AcceptInvalidationMessages();
    if (!qm_market_find(request->account, request->symbol, market))
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_UNKNOWN_MARKET,
                             "account %s has no market %s",
                             request->account,
                             request->symbol);
    if (wait_us > 0 && !(qm_place_check(request, market, placement) &&
                         lock_level(request, market, slot_of(request, market), wait_us, fence, placement)))
        return false;
    qm_market_lock_shared(request->account, request->symbol);
    if (!qm_market_find(request->account, request->symbol, market))
        ereport(ERROR,
                (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                 errmsg("market \"%s\" of account \"%s\" was removed meanwhile", request->symbol, request->account)));
    return qm_place_check(request, market, placement);
}

/*
 * refuse_lost_client errors with 08006 when the client has hung up. It may have
 * repeated its request already, been told that nothing was placed, and gone on;
 * to place now would be a second answer that nobody hears. From here on a
 * repetition waits for us, since we hold the request.
 */
static void
refuse_lost_client(void)
{
    if (MyProcPort != NULL && !pq_check_connection())
        ereport(ERROR,
                (errcode(ERRCODE_CONNECTION_FAILURE),
                 errmsg("client has hung up"),
                 errdetail("A request is not placed for a client that may have repeated it."),
                 errhint("Repeat the request on a new connection.")));
}

/* replay answers with the placement that the request id has had before; false when it is new. */
static bool
replay(const QmPlaceRequest *request, QmPlacement *placement)
{
    QmFoundOrder found;

    if (!qm_order_find_request(request->account, request->request_id, &found))
        return false;
    show_found(placement, &found);
    placement->outcome = QM_PLACED;
    placement->replayed = true;
    placement->fence = found.fence;
    placement->send_before = found.send_before;
    placement->detail = difference(request, &found);
    if (placement->detail != NULL)
        placement->reason = QM_REASON_REQUEST_DIFFERS;
    return true;
}

/* show_found names an order that is there already. */
static void
show_found(QmPlacement *placement, const QmFoundOrder *found)
{
    placement->order_id = found->order_id;
    placement->client_order_id = found->client_order_id;
    placement->state = found->state;
    placement->owner = found->owner;
}

/* difference says in what a repeated request asks for something else than was placed; NULL when it does not. */
static char *
difference(const QmPlaceRequest *request, const QmFoundOrder *found)
{
    const char *type = request->market_order ? "market" : "limit";
    QmAmount price = 0;
    QmAmount quantity = 0;

    if (found->price != NULL)
        (void) qm_amount_from_numeric(found->price, &price);
    (void) qm_amount_from_numeric(found->quantity, &quantity);
    if (strcmp(found->symbol, request->symbol) != 0)
        return psprintf("symbol was %s, not %s", found->symbol, request->symbol);
    if (found->buy != request->buy)
        return psprintf("side was %s, not %s", found->buy ? "buy" : "sell", request->buy ? "buy" : "sell");
    if (strcmp(found->order_type, type) != 0)
        return psprintf("order_type was %s, not %s", found->order_type, type);
    if (price != request->price_amount)
        return psprintf("price was %s, not %s", qm_amount_text(price), qm_amount_text(request->price_amount));
    if (quantity != request->quantity_amount)
        return psprintf("quantity was %s, not %s", qm_amount_text(quantity), qm_amount_text(request->quantity_amount));
    return difference_of_terms(request, found);
}

/* difference_of_terms does the same for what is beside side, price and quantity. */
static char *
difference_of_terms(const QmPlaceRequest *request, const QmFoundOrder *found)
{
    const char *time_in_force = qm_time_in_force_name(request->time_in_force);

    if (strcmp(found->time_in_force, time_in_force) != 0)
        return psprintf("time_in_force was %s, not %s", found->time_in_force, time_in_force);
    if (found->post_only != request->post_only)
        return psprintf("post_only was %s", found->post_only ? "true" : "false");
    if (found->reduce_only != request->reduce_only)
        return psprintf("reduce_only was %s", found->reduce_only ? "true" : "false");
    if (strcmp(found->strategy, request->strategy) != 0)
        return psprintf("strategy was \"%s\", not \"%s\"", found->strategy, request->strategy);
    if (!may_have_slot(request))
        return NULL;
    if (request->slot != NULL && strcmp(request->slot, found->slot == NULL ? "" : found->slot) != 0)
        return psprintf("slot was \"%s\", not \"%s\"", found->slot == NULL ? "" : found->slot, request->slot);
    if (request->slot == NULL && (found->slot == NULL || isalpha((unsigned char) found->slot[0])))
        return psprintf("slot was \"%s\", not the price's", found->slot == NULL ? "" : found->slot);
    return NULL;
}

/* may_have_slot says whether orders of this kind rest, and so can hold a slot. */
static bool
may_have_slot(const QmPlaceRequest *request)
{
    return !request->market_order && request->time_in_force == QM_TIF_GTC;
}

/* slot_of returns the slot that the order wants, or NULL for none. */
static const char *
slot_of(const QmPlaceRequest *request, const QmMarket *market)
{
    if (!may_have_slot(request))
        return NULL;
    if (request->slot != NULL)
        return request->slot[0] == '\0' ? NULL : request->slot;
    return qm_market_slot(market, request->price_amount);
}

/*
 * lock_level locks the price's level, or the slot's name, until the transaction
 * ends; false when it is busy. An order without a slot locks nothing and draws
 * a fence.
 */
static bool
lock_level(const QmPlaceRequest *request, const QmMarket *market, const char *slot, int64 wait_us, int64 *fence,
           QmPlacement *placement)
{
    QmLockRequest lock = {.function = request->function,
                          .mode = QM_MODE_XACT,
                          .nkeys = 1,
                          .ttl_us = QM_TTL_DEFAULT,
                          .wait = wait_us > 0,
                          .timeout_us = wait_us};
    QmKey key;
    char *text;

    if (slot == NULL)
    {
        qm_fence_prepare();
        *fence = qm_fence_next();
        return true;
    }
    text = psprintf("order:%s:%s:%s",
                    request->account,
                    request->symbol,
                    request->slot != NULL ? slot : qm_market_level(market, request->price_amount));
    qm_key_from_text(&key, cstring_to_text(text));
    lock.keys = &key;
    *fence = qm_lock_acquire(&lock);
    if (*fence == QM_NO_FENCE)
        return qm_place_deny(placement, QM_SKIPPED, QM_REASON_LEVEL_BUSY, "%s is locked by another session", text);
    return true;
}

/* slot_is_free says whether no live order holds the slot; the one that is replaced does not count. */
static bool
slot_is_free(const QmPlaceRequest *request, const char *slot, QmPlacement *placement)
{
    QmFoundOrder found;

    if (slot == NULL || !qm_order_find_slot(request->account, request->symbol, request->buy, slot, &found) ||
        found.order_id == request->replaces)
        return true;
    show_found(placement, &found);
    return qm_place_deny(placement,
                         QM_DUPLICATE,
                         QM_REASON_SLOT_TAKEN,
                         "slot %s has the live order " INT64_FORMAT " of %s",
                         slot,
                         found.order_id,
                         found.owner);
}

/* crosses_nothing says whether the order would not trade with a live order of the same account. */
static bool
crosses_nothing(const QmPlaceRequest *request, QmPlacement *placement)
{
    QmFoundOrder found;

    if (!qm_order_find_crossing(request->account, request->symbol, request->buy, request->price, &found))
        return true;
    return qm_place_deny(placement,
                         QM_DENIED,
                         QM_REASON_SELF_CROSS,
                         "a %s at %s would trade with the account's own %s order " INT64_FORMAT " at %s of %s",
                         request->buy ? "buy" : "sell",
                         request->price == NULL ? "market" : qm_amount_text(request->price_amount),
                         found.buy ? "buy" : "sell",
                         found.order_id,
                         found.price == NULL ? "market" : numeric_normalize(found.price),
                         found.owner);
}

/* reserve takes room within all limits for the order until it ends, or says which limit it would break. */
static bool
reserve(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement)
{
    QmExposure order = {.orders = 1, .notional = qm_place_notional(request)};
    bool must_reduce = request->reduce_only || market->state == QM_TRADING_REDUCING;
    QmBreachDetail breach;

    if (request->buy)
        order.longest = request->quantity_amount;
    else
        order.shortest = request->quantity_amount;
    if (qm_exposure_reserve(request->account,
                            request->symbol,
                            &order,
                            must_reduce,
                            &market->account_limits,
                            &market->limits,
                            &breach))
        return true;
    return deny_breach(request, market, &breach, placement);
}

/* deny_breach names the limit that the order would break, and what it would come to. */
static bool
deny_breach(const QmPlaceRequest *request, const QmMarket *market, const QmBreachDetail *breach, QmPlacement *placement)
{
    static const struct
    {
        QmReason reason;
        const char *limit;
    } limits[] = {
        [QM_BREACH_ORDERS] = {QM_REASON_MAX_OPEN_ORDERS, "max_open_orders"},
        [QM_BREACH_POSITION] = {QM_REASON_MAX_POSITION, "max_position"},
        [QM_BREACH_NOTIONAL] = {QM_REASON_MAX_NOTIONAL, "max_notional"},
        [QM_BREACH_RATE] = {QM_REASON_MAX_ORDER_RATE, "max_order_rate"},
    };
    bool counts = breach->breach == QM_BREACH_ORDERS || breach->breach == QM_BREACH_RATE;

    if (breach->breach == QM_BREACH_INCREASES)
        return deny_increase(request, market, breach, placement);
    if (breach->breach == QM_BREACH_RATE_UNKNOWN)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_MAX_ORDER_RATE,
                             "max_order_rate of the %s is " INT64_FORMAT
                             ", and the server, which has just started, does not know the last second's orders",
                             breach->of_account ? "account" : "market",
                             breach->of_account ? market->account_limits.rate : market->limits.rate);
    return qm_place_deny(placement,
                         QM_DENIED,
                         limits[breach->breach].reason,
                         "%s of the %s is %s, this order would make it %s",
                         limits[breach->breach].limit,
                         breach->of_account ? "account" : "market",
                         counts ? psprintf(INT64_FORMAT, (int64) breach->limit) : qm_amount_text(breach->limit),
                         counts ? psprintf(INT64_FORMAT, (int64) breach->value) : qm_amount_text(breach->value));
}

/* deny_increase says how much an order that must reduce has left to reduce. */
static bool
deny_increase(const QmPlaceRequest *request, const QmMarket *market, const QmBreachDetail *breach,
              QmPlacement *placement)
{
    QmAmount left = request->quantity_amount - breach->value;

    return qm_place_deny(placement,
                         QM_DENIED,
                         request->reduce_only ? QM_REASON_REDUCE_ONLY : QM_REASON_REDUCING,
                         "a %s of %s would take the position past flat: %s %s%s",
                         request->buy ? "buy" : "sell",
                         qm_amount_text(request->quantity_amount),
                         left < 0 ? "with live orders it is past it already by" : "live orders leave to reduce",
                         qm_amount_text(left < 0 ? -left : left),
                         request->reduce_only
                             ? ""
                             : psprintf("; %s is reducing: %s", market->state_of, qm_market_reason(market)));
}

/* store writes the rows and lets the commit wait for the disk. */
static void
store(const QmPlaceRequest *request, const char *slot, int64 fence, QmPlacement *placement)
{
    QmNewOrder order = {.slot = slot, .fence = fence, .now = GetCurrentTimestamp()};
    char client_order_id[QM_CLIENT_ORDER_ID_MAX + 1];

    qm_fence_prepare();
    order.order_id = qm_fence_next();
    qm_order_id_format(client_order_id, qm_origin_tag(), order.order_id, 0);
    order.client_order_id = client_order_id;
    order.owner = request->instance != NULL ? request->instance : GetUserNameFromId(GetUserId(), false);
    if (request->submit)
    {
        order.send_before = TimestampTzPlusMilliseconds(order.now, qm_send_window_ms);
        if (request->valid_until != 0)
            order.send_before = Min(order.send_before, request->valid_until);
    }
    qm_order_insert(request, &order);
    if (!qm_allow_async_commit)
        ForceSyncCommit();

    placement->outcome = QM_PLACED;
    placement->order_id = order.order_id;
    placement->client_order_id = pstrdup(client_order_id);
    placement->state = request->submit ? QM_ORDER_SUBMITTED : QM_ORDER_INTENT;
    placement->owner = pstrdup(order.owner);
    placement->fence = order.fence;
    placement->send_before = order.send_before;
}
