/*
 * What the paper exchange refuses, in the order and with the words of Binance.
 */
#include "paper.h"

#include <string.h>

static const QmPaperRefusal fine = {0, NULL};

static QmPaperRefusal check_client_id(const QmPaperMarket *market, const QmPaperRequest *request);
static QmPaperRefusal check_filters(const QmPaperMarket *market, const QmPaperRequest *request);
static QmPaperRefusal check_lot(const QmPaperRules *rules, QmPaperDecimal quantity);
static QmPaperRefusal plan_order(const QmPaperMarket *market, const QmPaperRequest *request, QmPaperPlan *plan);
static QmPaperRefusal check_funds(const QmPaperMarket *market, const QmPaperRequest *request, const QmPaperPlan *plan);

/*
 * qm_paper_check says whether the request may become an order, and what of; nothing has changed.
 */
QmPaperRefusal
qm_paper_check(const QmPaperMarket *market, const QmPaperRequest *request, QmPaperPlan *plan)
{
    QmPaperRefusal refusal = check_client_id(market, request);

    if (refusal.code == 0)
        refusal = check_filters(market, request);
    if (refusal.code != 0)
        return refusal;
    if (market->rules.halted)
        return (QmPaperRefusal){-2010, "Market is closed."};
    if (market->open_count[request->account] >= market->rules.orders_max)
        return (QmPaperRefusal){-1013, "Filter failure: MAX_NUM_ORDERS"};
    if (request->client_id != NULL)
    {
        const QmPaperOrder *same;

        (void) qm_paper_by_client_id(market, request->account, request->client_id, &same);
        if (same != NULL && qm_paper_is_open(same))
            return (QmPaperRefusal){-2010, "Duplicate order sent."};
    }
    refusal = plan_order(market, request, plan);
    if (refusal.code == 0)
        refusal = check_funds(market, request, plan);
    if (refusal.code == 0 && request->type == QM_PAPER_LIMIT_MAKER && qm_paper_crosses(market, request))
        return (QmPaperRefusal){-2010, "Order would immediately match and take."};
    return refusal;
}

/* qm_paper_id_is_legal says whether a client id has only the characters, and no more of them, that one may have. */
bool
qm_paper_id_is_legal(const char *client_id)
{
    static const char taken[] = ".:/_-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t length = strlen(client_id);

    return length <= QM_PAPER_ID_MAX && strspn(client_id, taken) == length;
}

/* check_client_id holds ids to their characters and length; an id left out is no fault. */
static QmPaperRefusal
check_client_id(const QmPaperMarket *market, const QmPaperRequest *request)
{
    if (market->order_count >= QM_PAPER_ORDERS_MAX)
        return (QmPaperRefusal){-1015, "Too many new orders."};
    if (request->client_id == NULL)
        return fine;
    if (*request->client_id == '\0')
        return (QmPaperRefusal){-1118, "New client order ID was empty."};
    if (!qm_paper_id_is_legal(request->client_id))
        return (QmPaperRefusal){-1100,
                                "Illegal characters found in parameter 'newClientOrderId'; legal range is "
                                "'^[\\.A-Z\\:/a-z0-9_-]{1,36}$'."};
    return fine;
}

/* check_filters leaves out a filter that is 0, as the exchange does. An order at market has the first price that it meets. */
static QmPaperRefusal
check_filters(const QmPaperMarket *market, const QmPaperRequest *request)
{
    const QmPaperRules *rules = &market->rules;
    bool is_market = request->type == QM_PAPER_MARKET;
    QmPaperDecimal price = is_market ? qm_paper_taking(market, request).price : request->price;
    QmPaperDecimal notional = request->amount;
    QmPaperRefusal refusal;

    if (request->amount != 0 && (!is_market || request->quantity != 0))
        return (QmPaperRefusal){-1106, "Parameter 'quoteOrderQty' sent when not required."};
    if (!is_market && (price <= 0 || price < rules->price_min || (rules->price_max != 0 && price > rules->price_max) ||
                       (rules->tick != 0 && price % rules->tick != 0)))
        return (QmPaperRefusal){-1013, "Filter failure: PRICE_FILTER"};
    refusal = request->amount == 0 ? check_lot(rules, request->quantity) : fine;
    if (refusal.code != 0)
        return refusal;
    if (request->amount == 0 && !qm_paper_product(price, request->quantity, &notional))
        return (QmPaperRefusal){-1013, "Filter failure: NOTIONAL"};
    if (price != 0 && notional < rules->notional_min)
        return (QmPaperRefusal){-1013, "Filter failure: NOTIONAL"};
    /* A sale may be paid better than it asks for. */
    if (request->side == QM_PAPER_SELL && !qm_paper_product(market->bid, request->quantity, &notional))
        return (QmPaperRefusal){-1013, "Filter failure: NOTIONAL"};
    return fine;
}

/* check_lot holds quantities to their limits and steps. */
static QmPaperRefusal
check_lot(const QmPaperRules *rules, QmPaperDecimal quantity)
{
    if (quantity <= 0 || quantity < rules->quantity_min ||
        (rules->quantity_max != 0 && quantity > rules->quantity_max) ||
        (rules->step != 0 && quantity % rules->step != 0))
        return (QmPaperRefusal){-1013, "Filter failure: LOT_SIZE"};
    return fine;
}

/* plan_order works out the quantity of an order that was asked for by its amount, and what an order locks. */
static QmPaperRefusal
plan_order(const QmPaperMarket *market, const QmPaperRequest *request, QmPaperPlan *plan)
{
    *plan = (QmPaperPlan){request->quantity, request->quantity};
    if (request->type == QM_PAPER_MARKET)
    {
        QmPaperTaking taking = qm_paper_taking(market, request);

        if (request->amount != 0)
            plan->quantity = taking.quantity;
        plan->locked = request->side == QM_PAPER_BUY ? taking.quote : plan->quantity;
        return check_lot(&market->rules, plan->quantity);
    }
    /* The filters have seen that the product fits. */
    if (request->side == QM_PAPER_BUY && !qm_paper_product(request->price, request->quantity, &plan->locked))
        return (QmPaperRefusal){-1013, "Filter failure: NOTIONAL"};
    return fine;
}

/* check_funds compares with what the order would lock. */
static QmPaperRefusal
check_funds(const QmPaperMarket *market, const QmPaperRequest *request, const QmPaperPlan *plan)
{
    int asset = request->side == QM_PAPER_BUY ? market->quote : market->base;

    if (plan->locked > market->funds->balances[request->account][asset].free)
        return (QmPaperRefusal){-2010, "Account has insufficient balance for requested action."};
    return fine;
}
