-- Orders on which quantmesh.orders and quantmesh.live_order do not agree: must be none, at any time. Reads both whole.
SELECT coalesce(o.account, l.account) AS account, coalesce(o.order_id, l.order_id) AS order_id, o.state, o.exposed, o.slot, o.holds_slot, l.*
FROM quantmesh.orders AS o FULL JOIN quantmesh.live_order AS l ON l.account = o.account AND l.order_id = o.order_id
WHERE (o.exposed IS TRUE) <> (l.order_id IS NOT NULL)
   OR l.order_id IS NOT NULL AND (l.symbol, l.side, l.price, l.slot) IS DISTINCT FROM
      (o.symbol, o.side, o.price, CASE WHEN o.holds_slot THEN o.slot ELSE '#' || o.order_id END);
