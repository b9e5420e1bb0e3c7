/*
 * Rows of quantmesh.live_order: which orders are exposed, and which slots they hold.
 */
#ifndef QM_LIVE_ORDER_H
#define QM_LIVE_ORDER_H

#include "postgres.h"

#include "order_row.h"

/*
 * For FROM: every exposed order, l in quantmesh.live_order and o in quantmesh.orders. OFFSET makes the planner look each
 * of them up. As a plain join it would read all orders wherever that looks cheap, as it does while there are few, and
 * plans are kept.
 */
#define QM_LIVE_ORDERS                                                                                       \
    "quantmesh.live_order AS l CROSS JOIN LATERAL (SELECT all_orders.* FROM quantmesh.orders AS all_orders " \
    "WHERE all_orders.account = l.account AND all_orders.order_id = l.order_id OFFSET 0) AS o "

extern const char *qm_live_order_slot(const char *held, int64 order_id);
extern void qm_live_order_follow(const QmOrder *before, const QmOrder *after);

#endif
