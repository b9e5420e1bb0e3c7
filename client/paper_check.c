/*
 * What the paper exchange refuses, in the order and with the words of Binance.
 */
#include "paper.h"

#include <string.h>

static const QmPaperRefusal fine = {0, NULL};

static QmPaperRefusal check_client_id(const QmPaperMarket *market, const QmPaperRequest *request);
static QmPaperRefusal check_filters(const QmPaperRules *rules, const QmPaperRequest *request);
static QmPaperRefusal check_funds(const QmPaperMarket *market, const QmPaperRequest *request);
static int open_count(const QmPaperMarket *market, int account);

/* qm_paper_check says whether the request may become an order; nothing has changed if not. */
QmPaperRefusal
qm_paper_check(const QmPaperMarket *market, const QmPaperRequest *request)
{
    QmPaperRefusal refusal = check_client_id(market, request);

    if (refusal.code == 0)
        refusal = check_filters(&market->rules, request);
    if (refusal.code != 0)
        return refusal;
    if (market->rules.halted)
        return (QmPaperRefusal){-2010, "Market is closed."};
    if (open_count(market, request->account) >= market->rules.orders_max)
        return (QmPaperRefusal){-1013, "Filter failure: MAX_NUM_ORDERS"};
    if (request->client_id != NULL)
    {
        const QmPaperOrder *same = qm_paper_by_client_id(market, request->account, request->client_id);

        if (same != NULL && qm_paper_is_open(same))
            return (QmPaperRefusal){-2010, "Duplicate order sent."};
    }
    refusal = check_funds(market, request);
    if (refusal.code == 0 && request->type == QM_PAPER_LIMIT_MAKER && qm_paper_crosses(market, request))
        return (QmPaperRefusal){-2010, "Order would immediately match and take."};
    return refusal;
}

/* check_client_id holds ids to their characters and length; an id left out is no fault. */
static QmPaperRefusal
check_client_id(const QmPaperMarket *market, const QmPaperRequest *request)
{
    static const char taken[] = ".:/_-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t length;

    if (market->order_count >= QM_PAPER_ORDERS_MAX)
        return (QmPaperRefusal){-1015, "Too many new orders."};
    if (request->client_id == NULL)
        return fine;
    length = strlen(request->client_id);
    if (length == 0)
        return (QmPaperRefusal){-1118, "New client order ID was empty."};
    if (length > QM_PAPER_ID_MAX || strspn(request->client_id, taken) != length)
        return (QmPaperRefusal){-1100,
                                "Illegal characters found in parameter 'newClientOrderId'; legal range is "
                                "'^[\\.A-Z\\:/a-z0-9_-]{1,36}$'."};
    return fine;
}

/* check_filters leaves out a filter that is 0, as the exchange does. */
static QmPaperRefusal
check_filters(const QmPaperRules *rules, const QmPaperRequest *request)
{
    QmPaperDecimal notional;

    if (request->price <= 0 || request->price < rules->price_min ||
        (rules->price_max != 0 && request->price > rules->price_max) ||
        (rules->tick != 0 && request->price % rules->tick != 0))
        return (QmPaperRefusal){-1013, "Filter failure: PRICE_FILTER"};
    if (request->quantity <= 0 || request->quantity < rules->quantity_min ||
        (rules->quantity_max != 0 && request->quantity > rules->quantity_max) ||
        (rules->step != 0 && request->quantity % rules->step != 0))
        return (QmPaperRefusal){-1013, "Filter failure: LOT_SIZE"};
    if (!qm_paper_product(request->price, request->quantity, &notional) || notional < rules->notional_min)
        return (QmPaperRefusal){-1013, "Filter failure: NOTIONAL"};
    return fine;
}

/* check_funds compares with what the order would lock. */
static QmPaperRefusal
check_funds(const QmPaperMarket *market, const QmPaperRequest *request)
{
    const QmPaperAccount *account = &market->accounts[request->account];
    QmPaperDecimal needed = request->quantity;

    /* The filters have seen that the product fits. */
    if (request->side == QM_PAPER_BUY && !qm_paper_product(request->price, request->quantity, &needed))
        return (QmPaperRefusal){-1013, "Filter failure: NOTIONAL"};
    if (needed > (request->side == QM_PAPER_BUY ? account->quote.free : account->base.free))
        return (QmPaperRefusal){-2010, "Account has insufficient balance for requested action."};
    return fine;
}

/* open_count counts an account's orders on the book, on both sides. */
static int
open_count(const QmPaperMarket *market, int account)
{
    int count = 0;

    for (int side = 0; side < 2; side++)
        for (const QmPaperOrder *order = market->book[side]; order != NULL; order = order->next)
            count += order->account == account;
    return count;
}
