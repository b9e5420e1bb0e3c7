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

#include "decimal.h"

static void trade(QmRunning *running, Numeric change, Numeric price);
static void pay_in_base(QmRunning *running, Numeric commission);

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
qm_ledger_step(QmRunning *running, const QmFill *fill, const QmAssets *assets)
{
    trade(running, fill->key.sell ? qm_decimal_negate(fill->quantity) : fill->quantity, fill->price);
    if (fill->commission_asset == NULL || assets->base == NULL)
        return;
    if (strcmp(fill->commission_asset, assets->base) == 0)
        pay_in_base(running, fill->commission);
    else if (strcmp(fill->commission_asset, assets->quote) == 0)
        running->profit = qm_decimal_sub(running->profit, fill->commission);
}

/* trade changes the position by a signed quantity at a price. */
static void
trade(QmRunning *running, Numeric change, Numeric price)
{
    if (qm_decimal_sign(running->quantity) * qm_decimal_sign(change) < 0)
    {
        bool closes = qm_decimal_cmp(qm_decimal_abs(change), qm_decimal_abs(running->quantity)) >= 0;
        Numeric closing = closes ? qm_decimal_negate(running->quantity) : change;
        Numeric cost =
            closes ? running->cost
                   : qm_decimal_share(running->cost, qm_decimal_abs(closing), qm_decimal_abs(running->quantity));

        running->profit = qm_decimal_sub(qm_decimal_sub(running->profit, qm_decimal_mul(closing, price)), cost);
        running->cost = qm_decimal_sub(running->cost, cost);
        running->quantity = qm_decimal_add(running->quantity, closing);
        change = qm_decimal_sub(change, closing);
    }
    running->cost = qm_decimal_add(running->cost, qm_decimal_mul(change, price));
    running->quantity = qm_decimal_add(running->quantity, change);
}

/* pay_in_base takes a commission out of the position. */
static void
pay_in_base(QmRunning *running, Numeric commission)
{
    int before = qm_decimal_sign(running->quantity);

    running->quantity = qm_decimal_sub(running->quantity, commission);
    if (before != 0 && qm_decimal_sign(running->quantity) != before)
    {
        running->profit = qm_decimal_sub(running->profit, running->cost);
        running->cost = qm_decimal_zero();
    }
}

/* qm_running_equal compares running values. */
bool
qm_running_equal(const QmRunning *left, const QmRunning *right)
{
    return qm_decimal_cmp(left->quantity, right->quantity) == 0 && qm_decimal_cmp(left->cost, right->cost) == 0 &&
           qm_decimal_cmp(left->profit, right->profit) == 0;
}
