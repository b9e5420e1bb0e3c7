-- Three tables of the earlier system, as views: same names, columns and order, so that its reports and dashboards go on.

CREATE SCHEMA quantmesh_compat;
COMMENT ON SCHEMA quantmesh_compat IS 'QuantMesh: orders, trades and reconciliations in the shape of the earlier system''s SQLite tables.';
REVOKE ALL ON SCHEMA quantmesh_compat FROM PUBLIC;

CREATE VIEW quantmesh_compat.orders WITH (security_barrier) AS
    SELECT o.order_id AS id, o.exchange_order_id AS order_id, o.client_order_id, o.symbol, upper(o.side) AS side, o.price, o.quantity,
           CASE WHEN o.state IN ('filled', 'canceled', 'expired', 'rejected') THEN upper(o.state)
                WHEN o.state = 'aborted' THEN 'CANCELED'
                WHEN o.state = 'never_accepted' THEN 'REJECTED'
                WHEN o.state = 'partially_filled' OR o.filled_quantity > 0 THEN 'PARTIALLY_FILLED'
                ELSE 'NEW' END AS status,
           o.created_at, o.updated_at
    FROM quantmesh.orders AS o
    WHERE quantmesh.account_is_visible(o.account);
COMMENT ON VIEW quantmesh_compat.orders IS
    'All orders. The earlier system stored an order once the exchange had it; here it is there from the start, as NEW and without order_id.';
COMMENT ON COLUMN quantmesh_compat.orders.id IS 'Our order_id.';
COMMENT ON COLUMN quantmesh_compat.orders.order_id IS 'The exchange''s id, as text, since not every exchange counts; NULL while unknown.';
COMMENT ON COLUMN quantmesh_compat.orders.client_order_id IS 'The id that the exchange de-duplicates by.';
COMMENT ON COLUMN quantmesh_compat.orders.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh_compat.orders.side IS 'BUY or SELL.';
COMMENT ON COLUMN quantmesh_compat.orders.price IS 'Limit price; NULL for market orders.';
COMMENT ON COLUMN quantmesh_compat.orders.quantity IS 'Ordered quantity.';
COMMENT ON COLUMN quantmesh_compat.orders.status IS
    'NEW (intent, submitted, unknown, open, lost), PARTIALLY_FILLED (also unknown or lost ones that have fills), FILLED, CANCELED (also aborted), REJECTED (also never_accepted) or EXPIRED.';
COMMENT ON COLUMN quantmesh_compat.orders.created_at IS 'When it was placed.';
COMMENT ON COLUMN quantmesh_compat.orders.updated_at IS 'When it last changed.';

CREATE VIEW quantmesh_compat.trades WITH (security_barrier) AS
    WITH trade AS (
        SELECT f.account, f.symbol, f.strategy, f.side, f.order_id, f.price, f.executed_at, f.trade_id, f.quantity + coalesce(b.quantity, 0) AS quantity
        FROM quantmesh.fill AS f
        LEFT JOIN quantmesh.fill AS b ON b.account = f.account AND b.symbol = f.symbol AND b.trade_id = f.trade_id AND b.kind = 'bust'
        WHERE f.kind = 'trade' AND f.quantity + coalesce(b.quantity, 0) > 0 AND quantmesh.account_is_visible(f.account)
    ), numbered AS (
        -- Each trade covers the units that its side had traded before it, up to upto.
        SELECT t.*, row_number() OVER w AS n, sum(t.quantity) OVER (w ROWS UNBOUNDED PRECEDING) AS upto
        FROM trade AS t
        WINDOW w AS (PARTITION BY t.account, t.symbol, t.strategy, t.side ORDER BY t.executed_at, t.trade_id)
    ), boundary AS (
        SELECT n.account, n.symbol, n.strategy, n.upto, bool_or(n.side = 'buy') AS of_buy, bool_or(n.side = 'sell') AS of_sell
        FROM numbered AS n GROUP BY n.account, n.symbol, n.strategy, n.upto
    ), piece AS (
        -- Between two boundaries lie units of one buy and one sell.
        SELECT b.account, b.symbol, b.strategy, b.upto, b.upto - coalesce(lag(b.upto) OVER w, 0) AS quantity,
               1 + count(*) FILTER (WHERE b.of_buy) OVER w - b.of_buy::integer AS buy_n,
               1 + count(*) FILTER (WHERE b.of_sell) OVER w - b.of_sell::integer AS sell_n
        FROM boundary AS b
        WINDOW w AS (PARTITION BY b.account, b.symbol, b.strategy ORDER BY b.upto)
    )
    SELECT row_number() OVER (ORDER BY greatest(b.executed_at, s.executed_at), p.account, p.symbol, p.strategy, p.upto) AS id,
           bo.exchange_order_id AS buy_order_id, so.exchange_order_id AS sell_order_id, p.account AS exchange, p.symbol,
           b.price AS buy_price, s.price AS sell_price, trim_scale(p.quantity) AS quantity,
           trim_scale((s.price - b.price) * p.quantity) AS pnl, greatest(b.executed_at, s.executed_at) AS created_at
    FROM piece AS p
    JOIN numbered AS b ON b.account = p.account AND b.symbol = p.symbol AND b.strategy = p.strategy AND b.side = 'buy' AND b.n = p.buy_n
    JOIN numbered AS s ON s.account = p.account AND s.symbol = p.symbol AND s.strategy = p.strategy AND s.side = 'sell' AND s.n = p.sell_n
    JOIN quantmesh.orders AS bo ON bo.account = b.account AND bo.order_id = b.order_id
    JOIN quantmesh.orders AS so ON so.account = s.account AND so.order_id = s.order_id;
COMMENT ON VIEW quantmesh_compat.trades IS
    'Round trips. Within an account, symbol and strategy the first unit sold belongs to the first unit bought, and so on, in the order of trading; a trade that meets several of the other side makes several rows. What was sold short is paired with what was bought later. Trades that the exchange took back are left out. Reads all history; the view positions has profit by average cost, commissions included.';
COMMENT ON COLUMN quantmesh_compat.trades.id IS 'A number by time of completion; not stable while trades arrive late.';
COMMENT ON COLUMN quantmesh_compat.trades.buy_order_id IS 'The exchange''s id of the order that bought, as in orders.order_id.';
COMMENT ON COLUMN quantmesh_compat.trades.sell_order_id IS 'The exchange''s id of the order that sold.';
COMMENT ON COLUMN quantmesh_compat.trades.exchange IS 'The account.';
COMMENT ON COLUMN quantmesh_compat.trades.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh_compat.trades.buy_price IS 'Price of the buy.';
COMMENT ON COLUMN quantmesh_compat.trades.sell_price IS 'Price of the sell.';
COMMENT ON COLUMN quantmesh_compat.trades.quantity IS 'How much of both.';
COMMENT ON COLUMN quantmesh_compat.trades.pnl IS '(sell_price - buy_price) x quantity, without commissions.';
COMMENT ON COLUMN quantmesh_compat.trades.created_at IS 'When the later of the two was traded.';

CREATE VIEW quantmesh_compat.reconciliation_history WITH (security_barrier) AS
    SELECT row_number() OVER (ORDER BY p.updated_at, p.account, p.symbol) AS id, p.symbol, p.updated_at AS reconcile_time,
           p.quantity AS local_position, NULL::numeric AS exchange_position, NULL::numeric AS position_diff,
           o.buys AS active_buy_orders, o.sells AS active_sell_orders, o.pending_sell AS pending_sell_qty,
           f.bought AS total_buy_qty, f.sold AS total_sell_qty, NULL::numeric AS estimated_profit, p.realized_profit AS actual_profit,
           p.updated_at AS created_at
    FROM (SELECT x.account, x.symbol, trim_scale(sum(x.quantity)) AS quantity, trim_scale(sum(x.realized_profit)) AS realized_profit,
                 max(x.updated_at) AS updated_at
          FROM quantmesh.position AS x WHERE quantmesh.account_is_visible(x.account) GROUP BY x.account, x.symbol) AS p
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE y.side = 'buy') AS buys, count(*) FILTER (WHERE y.side = 'sell') AS sells,
               trim_scale(coalesce(sum(greatest(y.quantity - y.filled_quantity - y.busted_quantity, 0)) FILTER (WHERE y.side = 'sell'), 0)) AS pending_sell
        FROM quantmesh.orders AS y
        WHERE y.account = p.account AND y.symbol = p.symbol AND y.exposed AND y.live) AS o
    CROSS JOIN LATERAL (
        SELECT trim_scale(coalesce(sum(z.quantity) FILTER (WHERE z.side = 'buy'), 0)) AS bought,
               trim_scale(coalesce(sum(z.quantity) FILTER (WHERE z.side = 'sell'), 0)) AS sold
        FROM quantmesh.fill AS z WHERE z.account = p.account AND z.symbol = p.symbol) AS f;
COMMENT ON VIEW quantmesh_compat.reconciliation_history IS
    'What we know of each market with a position, as of its last fill. Not yet a history: this version compares nothing with the exchange, so there is one row per account and symbol, and what the exchange has is NULL. Reads all fills.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.id IS 'A number; not stable.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.symbol IS 'The symbol; several accounts that trade it have a row each.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.reconcile_time IS 'When the position last changed.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.local_position IS 'The position by our fills, all strategies together.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.exchange_position IS 'NULL: not compared.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.position_diff IS 'NULL: not compared.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.active_buy_orders IS 'Live buys now.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.active_sell_orders IS 'Live sells now.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.pending_sell_qty IS 'What live sells can still sell.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.total_buy_qty IS 'Bought so far, net of busts.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.total_sell_qty IS 'Sold so far, net of busts.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.estimated_profit IS 'NULL: the earlier system took it from the interval of its grid, which is not known here.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.actual_profit IS 'Realized profit, by average cost.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.created_at IS 'As reconcile_time.';

REVOKE ALL ON ALL TABLES IN SCHEMA quantmesh_compat FROM PUBLIC;
