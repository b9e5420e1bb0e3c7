/*
 * What a trader meets before the level is locked: instance, time, owner, trading
 * state and filters. Each refusal names the limit and the value; nothing is bent.
 */
#include "place.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static bool check_sender(const QmPlaceRequest *request, QmPlacement *placement);
static bool check_owner(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement);
static bool check_state(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement);
static bool check_filters(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement);
static bool check_notional(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement);

/* qm_place_check says whether the market takes the order; otherwise the placement says why not. */
bool
qm_place_check(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement)
{
    return check_sender(request, placement) && check_owner(request, market, placement) &&
           check_state(request, market, placement) && check_filters(request, market, placement) &&
           check_notional(request, market, placement);
}

/* qm_place_deny fills in why nothing was placed, and returns false. */
bool
qm_place_deny(QmPlacement *placement, QmOutcome outcome, QmReason reason, const char *format, ...)
{
    StringInfoData detail;

    initStringInfo(&detail);
    for (;;)
    {
        va_list arguments;
        int more;

        va_start(arguments, format);
        more = appendStringInfoVA(&detail, format, arguments);
        va_end(arguments);
        if (more == 0)
            break;
        enlargeStringInfo(&detail, more);
    }
    placement->outcome = outcome;
    placement->reason = reason;
    placement->detail = detail.data;
    return false;
}

/* check_sender refuses an instance that is not registered or was replaced, and a request that is out of time. */
static bool
check_sender(const QmPlaceRequest *request, QmPlacement *placement)
{
    int64 epoch;

    if (request->epoch != 0)
    {
        if (!qm_instance_find(request->instance, &epoch))
            return qm_place_deny(placement,
                                 QM_DENIED,
                                 QM_REASON_UNKNOWN_INSTANCE,
                                 "instance \"%s\" is not registered",
                                 request->instance);
        if (epoch != request->epoch)
            return qm_place_deny(placement,
                                 QM_DENIED,
                                 QM_REASON_STALE_INSTANCE,
                                 "instance \"%s\" is at epoch " INT64_FORMAT ", not " INT64_FORMAT,
                                 request->instance,
                                 epoch,
                                 request->epoch);
    }
    if (request->valid_until != 0 && request->valid_until <= GetCurrentTimestamp())
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_VALID_UNTIL_PASSED,
                             "valid_until was %s",
                             timestamptz_to_str(request->valid_until));
    return true;
}

/* check_owner refuses whoever an exclusive market is not assigned to. */
static bool
check_owner(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement)
{
    char *owner;
    int64 epoch;

    if (qm_market_is_open_to(market, request->instance, request->epoch))
        return true;
    if (!qm_market_owner(request->account, request->symbol, &owner, &epoch))
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_NOT_ASSIGNED,
                             "market %s of %s is exclusive, and assigned to nobody yet",
                             request->symbol,
                             request->account);
    return qm_place_deny(placement,
                         QM_DENIED,
                         QM_REASON_NOT_ASSIGNED,
                         "market %s of %s is exclusive, and assigned to instance \"%s\" at epoch " INT64_FORMAT,
                         request->symbol,
                         request->account,
                         owner,
                         epoch);
}

/* check_state refuses what a halt or an unfinished failover forbids; reducing is checked with the limits. */
static bool
check_state(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement)
{
    if (market->state == QM_TRADING_HALTED)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_HALTED,
                             "%s is halted: %s",
                             market->state_of,
                             qm_market_reason(market));
    if (!qm_market_is_trusted(market))
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_RECONCILE_PENDING,
                             "market %s of %s has not been reconciled since the server was promoted or restored",
                             request->symbol,
                             request->account);
    return true;
}

/* check_filters holds price and quantity against the exchange's filters. */
static bool
check_filters(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement)
{
    if (request->price != NULL && request->price_amount % market->tick_size != 0)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_PRICE_OFF_TICK,
                             "price %s is not a multiple of tick_size %s",
                             qm_amount_text(request->price_amount),
                             qm_amount_text(market->tick_size));
    if (request->quantity_amount % market->step_size != 0)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_QUANTITY_OFF_STEP,
                             "quantity %s is not a multiple of step_size %s",
                             qm_amount_text(request->quantity_amount),
                             qm_amount_text(market->step_size));
    if (request->quantity_amount < market->min_quantity)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_QUANTITY_BELOW_MINIMUM,
                             "quantity %s is below min_quantity %s",
                             qm_amount_text(request->quantity_amount),
                             qm_amount_text(market->min_quantity));
    if (market->max_quantity >= 0 && request->quantity_amount > market->max_quantity)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_QUANTITY_ABOVE_MAXIMUM,
                             "quantity %s is above max_quantity %s",
                             qm_amount_text(request->quantity_amount),
                             qm_amount_text(market->max_quantity));
    return true;
}

/* check_notional holds price x quantity against the exchange's minimum, and needs to know it where it is limited. */
static bool
check_notional(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement)
{
    bool limited = market->limits.notional >= 0 || market->account_limits.notional >= 0;

    if (request->price == NULL && limited)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_NOTIONAL_UNKNOWN,
                             "a market order has no price, and max_notional is set for %s",
                             market->limits.notional >= 0 ? "the market" : "the account");
    if (request->price != NULL && market->min_notional >= 0 && qm_place_notional(request) < market->min_notional)
        return qm_place_deny(placement,
                             QM_DENIED,
                             QM_REASON_NOTIONAL_BELOW_MINIMUM,
                             "price x quantity is %s, below min_notional %s",
                             qm_amount_text(qm_place_notional(request)),
                             qm_amount_text(market->min_notional));
    return true;
}

/* qm_place_notional returns price x quantity, rounded up; 0 without a price, QM_AMOUNT_HUGE when it is above that. */
QmAmount
qm_place_notional(const QmPlaceRequest *request)
{
    Datum product;
    QmAmount amount;

    if (request->price == NULL)
        return 0;
    product = DirectFunctionCall2(numeric_mul, NumericGetDatum(request->price), NumericGetDatum(request->quantity));
    return qm_amount_from_numeric_up(DatumGetNumeric(product), &amount) ? Min(amount, QM_AMOUNT_HUGE) : QM_AMOUNT_HUGE;
}
