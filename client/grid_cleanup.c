/*
 * Cleanup: when the grid has too many live orders, those farthest from the price go.
 *
 * Orders that have begun to fill stay. A slot that was cleaned remembers the price
 * of that moment, so that the grid does not at once want again what was just found
 * too far away.
 */
#include "grid_inside.h"

#include <stdlib.h>

typedef struct Candidate
{
    int slot;
    QmGridNumber distance;
} Candidate;

/* qm_grid_live returns how many orders of a side the levels have, live or wished. */
int
qm_grid_live(const QmGrid *grid, QmGridSide side)
{
    int live = 0;

    for (int i = 0; i < grid->state.slot_count; i++)
        live += grid->state.slots[i].order.kind != QM_GRID_NONE && grid->state.slots[i].order.side == side;
    return live;
}

/* farther orders candidates by their distance from the market, the farthest first. */
static int
farther(const void *left, const void *right)
{
    const Candidate *one = left;
    const Candidate *other = right;

    if (one->distance != other->distance)
        return one->distance > other->distance ? -1 : 1;
    return one->slot - other->slot;
}

/* clean marks at most count orders of a side, the farthest first. */
static void
clean(QmGrid *grid, QmGridSide side, int count)
{
    Candidate candidates[QM_GRID_SLOTS_MAX] = {{0}};
    size_t found = 0;

    for (int i = 0; i < grid->state.slot_count; i++)
    {
        const QmGridOrder *order = &grid->state.slots[i].order;

        if (order->kind == QM_GRID_LIVE && order->side == side && order->filled == 0 && !order->cancel)
            candidates[found++] = (Candidate){.slot = i,
                                              .distance = order->price > grid->price ? order->price - grid->price
                                                                                     : grid->price - order->price};
    }
    qsort(candidates, found, sizeof(candidates[0]), farther);
    for (size_t i = 0; i < found && (int) i < count; i++)
    {
        QmGridSlot *slot = &grid->state.slots[candidates[i].slot];

        slot->order.cancel = true;
        slot->order.why = QM_GRID_WHY_CLEANUP;
        slot->cleaned = grid->price;
        grid->changed = true;
    }
}

/* qm_grid_cleanup marks a batch of orders once an interval while there are too many: of the side that has more, or half of each. */
void
qm_grid_cleanup(QmGrid *grid, int64_t now_us)
{
    int buys = qm_grid_live(grid, QM_GRID_BUY);
    int sells = qm_grid_live(grid, QM_GRID_SELL);
    int batch = grid->terms.cleanup_batch;

    if (grid->cleanup_us == 0)
        grid->cleanup_us = now_us; /* the first one is due an interval after the start */
    if (buys + sells < grid->terms.cleanup_threshold || now_us - grid->cleanup_us < grid->terms.cleanup_interval_us)
        return;
    grid->cleanup_us = now_us;
    if (buys == sells)
    {
        clean(grid, QM_GRID_BUY, batch - batch / 2);
        clean(grid, QM_GRID_SELL, batch / 2);
    }
    else
        clean(grid, buys > sells ? QM_GRID_BUY : QM_GRID_SELL, batch);
}
