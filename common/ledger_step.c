/*
 * One step of the ledger: what a fill makes of a position. Pure arithmetic.
 *
 * Average cost. A trade in the direction of the position, or from flat, adds
 * quantity x price to the cost. One against it closes at the average cost: the
 * closed part takes its share of the cost with it and leaves the difference as
 * profit; what goes beyond flat opens at the trade's price. A bust is a trade of
 * the other direction.
 *
 * Commission in the quote asset is subtracted from the profit. In the base asset
 * it is subtracted from the quantity and leaves the cost as it is, so that what
 * is held has become dearer; where it takes the position to flat or beyond,
 * nothing is left to carry the cost, which is a loss then. Any other asset
 * changes nothing here.
 *
 * So at every moment profit - cost is the sum of all money that came in and went
 * out, and the quantity is the sum of all fills less commission.
 */
#include "ledger_step.h"

#include <string.h>

static void trade(const QmArithmetic *math, QmRunning *running, QmDecimal change, QmDecimal price);
static void pay_in_base(const QmArithmetic *math, QmRunning *running, QmDecimal commission);
static int sign(const QmArithmetic *math, QmDecimal value);

/* qm_fill_key_cmp orders fills by time, then trade id, then the buy before the sell, then a trade before its bust. */
int
qm_fill_key_cmp(const QmFillKey *left, const QmFillKey *right)
{
    int by_id;

    if (left->executed_at != right->executed_at)
        return left->executed_at < right->executed_at ? -1 : 1;
    by_id = strcmp(left->trade_id, right->trade_id);
    if (by_id != 0)
        return by_id;
    return left->sell != right->sell ? (int) left->sell - (int) right->sell : (int) left->bust - (int) right->bust;
}

/* qm_ledger_step takes the running values over one fill. */
void
qm_ledger_step(const QmArithmetic *math, QmRunning *running, const QmFill *fill, const QmAssets *assets)
{
    trade(math, running, fill->key.sell ? math->negate(fill->quantity) : fill->quantity, fill->price);
    if (fill->commission_asset == NULL || assets->base == NULL)
        return;
    if (strcmp(fill->commission_asset, assets->base) == 0)
        pay_in_base(math, running, fill->commission);
    else if (strcmp(fill->commission_asset, assets->quote) == 0)
        running->profit = math->sub(running->profit, fill->commission);
}

/* trade changes the position by a signed quantity at a price. */
static void
trade(const QmArithmetic *math, QmRunning *running, QmDecimal change, QmDecimal price)
{
    if (sign(math, running->quantity) * sign(math, change) < 0)
    {
        bool closes = math->cmp(math->abs(change), math->abs(running->quantity)) >= 0;
        QmDecimal closing = closes ? math->negate(running->quantity) : change;
        QmDecimal cost =
            closes ? running->cost : math->share(running->cost, math->abs(closing), math->abs(running->quantity));

        running->profit = math->sub(math->sub(running->profit, math->mul(closing, price)), cost);
        running->cost = math->sub(running->cost, cost);
        running->quantity = math->add(running->quantity, closing);
        change = math->sub(change, closing);
    }
    running->cost = math->add(running->cost, math->mul(change, price));
    running->quantity = math->add(running->quantity, change);
}

/* pay_in_base takes a commission out of the position. */
static void
pay_in_base(const QmArithmetic *math, QmRunning *running, QmDecimal commission)
{
    int before = sign(math, running->quantity);

    running->quantity = math->sub(running->quantity, commission);
    if (before != 0 && sign(math, running->quantity) != before)
    {
        running->profit = math->sub(running->profit, running->cost);
        running->cost = math->zero();
    }
}

/* qm_running_equal compares running values. */
bool
qm_running_equal(const QmArithmetic *math, const QmRunning *left, const QmRunning *right)
{
    return math->cmp(left->quantity, right->quantity) == 0 && math->cmp(left->cost, right->cost) == 0 &&
           math->cmp(left->profit, right->profit) == 0;
}

/* sign returns -1, 0 or 1. */
static int
sign(const QmArithmetic *math, QmDecimal value)
{
    return math->cmp(value, math->zero());
}
