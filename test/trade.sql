-- What the exchange says, in the shape in which we say it; and where both differ.
CREATE VIEW audit.orders AS
    SELECT DISTINCT ON (j->>'symbol', (j->>'order_id')::bigint) j->>'symbol' AS symbol, (j->>'order_id')::bigint AS exchange_order_id,
           j->>'client_id' AS client_order_id, lower(j->>'side') AS side, (j->>'price')::numeric AS price, lower(j->>'status') AS status,
           (j->>'quantity')::numeric AS quantity, (j->>'filled')::numeric AS filled
    FROM audit.line WHERE j->>'event' IN ('order', 'end')
    ORDER BY j->>'symbol', (j->>'order_id')::bigint, n DESC;

CREATE VIEW audit.trades AS
    SELECT j->>'symbol' AS symbol, j->>'trade_id' AS trade_id, j->>'client_id' AS client_order_id, lower(j->>'side') AS side,
           (j->>'price')::numeric AS price, (j->>'quantity')::numeric AS quantity, (j->>'fee')::numeric AS fee, j->>'fee_asset' AS fee_asset
    FROM audit.line WHERE j->>'event' = 'trade';

CREATE VIEW audit.ours AS
    SELECT symbol, client_order_id, side, slot, state, filled_quantity AS filled FROM quantmesh.open_orders
    UNION ALL
    SELECT symbol, client_order_id, side, slot, state, filled_quantity FROM quantmesh.order_history
    WHERE state NOT IN ('rejected', 'aborted', 'never_accepted'); -- the exchange has none of these

-- Orders that stood at the exchange for one slot at the same time, or under one client order id at any time.
CREATE VIEW audit.duplicates AS
    WITH life AS (
        SELECT j->>'symbol' AS symbol, j->>'client_id' AS client_order_id, (j->>'order_id')::bigint AS id, min(n) AS begins,
               coalesce(max(n) FILTER (WHERE j->>'event' = 'end'), 9e18) AS ends
        FROM audit.line WHERE j->>'event' IN ('order', 'end') GROUP BY 1, 2, 3),
    ours AS (SELECT * FROM life JOIN audit.ours USING (symbol, client_order_id))
    SELECT symbol, side, slot, id, before AS other
    FROM (SELECT *, max(ends) OVER earlier AS ended, lag(id) OVER (PARTITION BY symbol, side, slot ORDER BY begins) AS before
          FROM ours WHERE slot IS NOT NULL
          WINDOW earlier AS (PARTITION BY symbol, side, slot ORDER BY begins ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS o
    WHERE begins < ended -- some earlier one had not ended; no join, since a slot has thousands of orders in a long run
    UNION ALL
    SELECT l.symbol, NULL, l.client_order_id, l.id, r.id FROM life AS l JOIN life AS r USING (symbol, client_order_id) WHERE l.id < r.id;

CREATE VIEW audit.order_differences AS
    SELECT symbol, client_order_id, o.state AS here, o.filled AS filled_here, a.status AS there, a.filled AS filled_there
    FROM audit.ours AS o FULL JOIN audit.orders AS a USING (symbol, client_order_id)
    WHERE o.client_order_id IS NULL OR a.client_order_id IS NULL OR o.filled IS DISTINCT FROM a.filled
       OR o.state IS DISTINCT FROM CASE a.status WHEN 'new' THEN 'open' WHEN 'expired_in_match' THEN 'expired' ELSE a.status END;

CREATE VIEW audit.fill_differences AS
    SELECT symbol, trade_id, side, f.quantity AS here, a.quantity AS there
    FROM (SELECT symbol, trade_id, side, price, quantity, commission, commission_asset FROM quantmesh.fill) AS f
    FULL JOIN audit.trades AS a USING (symbol, trade_id, side)
    WHERE f.quantity IS DISTINCT FROM a.quantity OR f.price IS DISTINCT FROM a.price OR f.commission IS DISTINCT FROM a.fee
       OR f.commission_asset IS DISTINCT FROM a.fee_asset;

-- Positions here, and what the exchange's trades come to: what was bought less what was sold less fees in the base asset.
CREATE VIEW audit.positions AS
    SELECT symbol, coalesce(p.here, 0) AS here, coalesce(t.there, 0) AS there
    FROM (SELECT symbol, sum(quantity) AS here FROM quantmesh.positions GROUP BY symbol) AS p
    FULL JOIN (SELECT symbol, sum(CASE side WHEN 'buy' THEN quantity - CASE WHEN fee_asset <> 'USDT' THEN fee ELSE 0 END ELSE -quantity END) AS there
               FROM audit.trades GROUP BY symbol) AS t USING (symbol);

-- What the grids believe to have, slot by slot and of no slot, against their positions.
CREATE VIEW audit.grid_differences AS
    WITH grid AS (
        SELECT symbol, coalesce((j->>'loose')::numeric, 0) + coalesce((SELECT sum((slot->>'position')::numeric) FROM jsonb_array_elements(j->'slots') AS slot), 0) AS believed
        FROM (SELECT symbol, document::jsonb AS j FROM quantmesh.strategy_state WHERE strategy = 'grid') AS s)
    SELECT symbol, coalesce(g.believed, 0) AS believed, coalesce(p.quantity, 0) AS quantity
    FROM grid AS g FULL JOIN (SELECT symbol, quantity FROM quantmesh.positions WHERE strategy = 'grid') AS p USING (symbol)
    WHERE coalesce(g.believed, 0) <> coalesce(p.quantity, 0);
