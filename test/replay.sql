-- What the exchange says (tables there_line and there_trade, filled from its log), beside a store's SQLite file; and where both differ.
-- Numbers are text without trailing zeros on both sides, so equal means equal to the last digit.
CREATE TEMP TABLE there_order AS
    SELECT symbol, order_id, client_id, side, price, quantity, min(line) AS line, coalesce(min(CASE WHEN event = 'end' THEN line END), 9e18) AS ended,
           (SELECT l.status FROM there_line AS l WHERE l.symbol = t.symbol AND l.order_id = t.order_id ORDER BY l.line DESC LIMIT 1) AS status,
           (SELECT l.filled FROM there_line AS l WHERE l.symbol = t.symbol AND l.order_id = t.order_id ORDER BY l.line DESC LIMIT 1) AS filled
    FROM there_line AS t GROUP BY symbol, order_id;
CREATE TEMP VIEW grid AS SELECT document FROM strategy_state WHERE strategy = 'grid';

CREATE TEMP VIEW order_differences AS
    SELECT o.client_order_id AS here, t.client_id AS there, o.state, t.status, o.filled_quantity, t.filled
    FROM (SELECT * FROM orders WHERE state NOT IN ('rejected', 'aborted', 'never_accepted')) AS o -- the exchange has none of these
    FULL JOIN there_order AS t ON t.client_id = o.client_order_id AND t.symbol = o.symbol
    WHERE o.client_order_id IS NULL OR t.client_id IS NULL OR o.filled_quantity <> t.filled OR o.side <> t.side OR o.price <> t.price
       OR o.quantity <> t.quantity OR o.exchange_order_id IS NOT t.order_id
       OR o.state <> CASE t.status WHEN 'new' THEN 'open' WHEN 'expired_in_match' THEN 'expired' ELSE t.status END;

CREATE TEMP VIEW fill_differences AS
    SELECT f.trade_id AS here, t.trade_id AS there, f.quantity, t.quantity, f.price, t.price
    FROM (SELECT f.*, o.client_order_id FROM fill AS f JOIN orders AS o USING (account, order_id)) AS f
    FULL JOIN there_trade AS t ON t.symbol = f.symbol AND t.trade_id = f.trade_id AND t.side = f.side
    WHERE f.trade_id IS NULL OR t.trade_id IS NULL OR f.quantity <> t.quantity OR f.price <> t.price OR f.commission <> t.fee
       OR f.commission_asset <> t.fee_asset OR f.client_order_id <> t.client_id;

-- Quantities have eight decimal places at most, so that they are whole numbers of this unit, and their sums exact.
CREATE TEMP VIEW position_there AS
    SELECT coalesce(sum(CASE side WHEN 'buy' THEN q - CASE WHEN fee_asset = 'USDT' THEN 0 ELSE fee_q END ELSE -q END), 0) AS q
    FROM (SELECT *, CAST(round(quantity * 1e8) AS INTEGER) AS q, CAST(round(fee * 1e8) AS INTEGER) AS fee_q FROM there_trade);

CREATE TEMP VIEW position_here AS
    SELECT coalesce(sum(CAST(round(quantity * 1e8) AS INTEGER)), 0) AS q FROM position;

-- What the grid believes to have, slot by slot and of no slot.
CREATE TEMP VIEW position_grid AS
    SELECT coalesce((SELECT CAST(round(coalesce(document ->> 'loose', 0) * 1e8) AS INTEGER) FROM grid), 0) +
           coalesce((SELECT sum(CAST(round(coalesce(slot.value ->> 'position', 0) * 1e8) AS INTEGER)) FROM grid, json_each(document, '$.slots') AS slot), 0) AS q
    FROM (SELECT 1);

-- Orders in slots of the grid that are not open here, and open orders that are in none.
CREATE TEMP VIEW slot_differences AS
    SELECT s.id AS grid, o.order_id AS store
    FROM (SELECT slot.value ->> '$.order.id' AS id FROM grid, json_each(document, '$.slots') AS slot WHERE slot.value ->> '$.order.id' IS NOT NULL) AS s
    FULL JOIN (SELECT CAST(order_id AS TEXT) AS order_id FROM orders WHERE live) AS o ON o.order_id = s.id
    WHERE s.id IS NULL OR o.order_id IS NULL;

-- Two orders that stood at the exchange in one slot at the same time, or under one client order id at any time.
CREATE TEMP VIEW duplicates AS
    SELECT l.order_id, r.order_id FROM there_order AS l JOIN there_order AS r ON l.symbol = r.symbol AND l.line < r.line
    LEFT JOIN orders AS a ON a.client_order_id = l.client_id LEFT JOIN orders AS b ON b.client_order_id = r.client_id
    WHERE l.client_id = r.client_id OR (a.slot = b.slot AND a.side = b.side AND r.line < l.ended);
