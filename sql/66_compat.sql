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
        SELECT f.account, f.symbol, f.trade_id, f.side, max(f.strategy) AS strategy, max(f.order_id) AS order_id,
               max(f.price) FILTER (WHERE f.kind = 'trade') AS price, max(f.executed_at) FILTER (WHERE f.kind = 'trade') AS executed_at, sum(f.quantity) AS quantity
        FROM quantmesh.fill AS f
        WHERE quantmesh.account_is_visible(f.account)
        GROUP BY f.account, f.symbol, f.trade_id, f.side
        HAVING sum(f.quantity) > 0
    ), stretch AS (
        -- The units of each side are numbered in the order of trading; a trade covers those up to upto.
        SELECT t.*, sum(t.quantity) OVER (PARTITION BY t.account, t.symbol, t.strategy, t.side ORDER BY t.executed_at, t.trade_id ROWS UNBOUNDED PRECEDING) AS upto
        FROM trade AS t
    ), piece AS (
        -- Units between two such ends belong to one buy and one sell: on each side the last one, counted from above, that reaches so far.
        SELECT s.*, s.upto - lag(s.upto, 1, 0.0) OVER (PARTITION BY s.account, s.symbol, s.strategy ORDER BY s.upto, s.side) AS part,
               count(*) FILTER (WHERE s.side = 'buy') OVER w AS buy_n, count(*) FILTER (WHERE s.side = 'sell') OVER w AS sell_n
        FROM stretch AS s
        WINDOW w AS (PARTITION BY s.account, s.symbol, s.strategy ORDER BY s.upto DESC)
    ), pair AS (
        SELECT p.account, p.symbol, p.strategy, p.upto, p.part, p.buy_n, p.sell_n,
               max(p.order_id) FILTER (WHERE p.side = 'buy') OVER b AS buy_order, max(p.order_id) FILTER (WHERE p.side = 'sell') OVER s AS sell_order,
               max(p.price) FILTER (WHERE p.side = 'buy') OVER b AS buy_price, max(p.price) FILTER (WHERE p.side = 'sell') OVER s AS sell_price,
               max(p.executed_at) FILTER (WHERE p.side = 'buy') OVER b AS bought_at, max(p.executed_at) FILTER (WHERE p.side = 'sell') OVER s AS sold_at
        FROM piece AS p
        WINDOW b AS (PARTITION BY p.account, p.symbol, p.strategy, p.buy_n), s AS (PARTITION BY p.account, p.symbol, p.strategy, p.sell_n)
    )
    SELECT row_number() OVER (ORDER BY greatest(r.bought_at, r.sold_at), r.account, r.symbol, r.strategy, r.upto) AS id,
           (SELECT o.exchange_order_id FROM quantmesh.orders AS o WHERE o.account = r.account AND o.order_id = r.buy_order) AS buy_order_id,
           (SELECT o.exchange_order_id FROM quantmesh.orders AS o WHERE o.account = r.account AND o.order_id = r.sell_order) AS sell_order_id,
           r.account AS exchange, r.symbol, r.buy_price, r.sell_price, trim_scale(r.part) AS quantity,
           trim_scale((r.sell_price - r.buy_price) * r.part) AS pnl, greatest(r.bought_at, r.sold_at) AS created_at
    FROM pair AS r
    WHERE r.part > 0 AND r.buy_n > 0 AND r.sell_n > 0;
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
        FROM quantmesh.live_order AS l
        CROSS JOIN LATERAL (SELECT a.* FROM quantmesh.orders AS a WHERE a.account = l.account AND a.order_id = l.order_id OFFSET 0) AS y
        WHERE l.account = p.account AND l.symbol = p.symbol AND y.live) AS o
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
