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
    FROM (SELECT x.* FROM quantmesh.orders AS x UNION ALL SELECT y.* FROM quantmesh.order_archive AS y) AS o
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
           (SELECT o.exchange_order_id FROM quantmesh.orders AS o WHERE o.account = r.account AND o.order_id = r.buy_order
            UNION ALL SELECT a.exchange_order_id FROM quantmesh.order_archive AS a WHERE a.account = r.account AND a.order_id = r.buy_order) AS buy_order_id,
           (SELECT o.exchange_order_id FROM quantmesh.orders AS o WHERE o.account = r.account AND o.order_id = r.sell_order
            UNION ALL SELECT a.exchange_order_id FROM quantmesh.order_archive AS a WHERE a.account = r.account AND a.order_id = r.sell_order) AS sell_order_id,
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
    SELECT r.run_id AS id, r.symbol, r.finished_at AS reconcile_time, r.local_position, r.exchange_position,
           r.exchange_position - r.local_position AS position_diff, r.open_buys AS active_buy_orders, r.open_sells AS active_sell_orders,
           r.pending_sell AS pending_sell_qty, NULL::numeric AS total_buy_qty, NULL::numeric AS total_sell_qty, NULL::numeric AS estimated_profit,
           r.realized_profit AS actual_profit, r.finished_at AS created_at
    FROM quantmesh.reconcile_run AS r
    WHERE r.status IN ('clean', 'findings', 'deferred') AND quantmesh.account_is_visible(r.account);
COMMENT ON VIEW quantmesh_compat.reconciliation_history IS 'Comparisons with the exchange, in the columns of the earlier system.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.id IS 'The run.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.symbol IS 'The symbol; several accounts that trade it have rows each.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.reconcile_time IS 'When the comparison ended.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.local_position IS 'Position by our fills, all strategies together.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.exchange_position IS 'What the exchange''s balance makes of it; NULL where it was not judged.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.position_diff IS 'exchange_position - local_position.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.active_buy_orders IS 'Live buys then.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.active_sell_orders IS 'Live sells then.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.pending_sell_qty IS 'What live sells could still sell.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.total_buy_qty IS 'NULL: not added up by each run, since that reads all history; see quantmesh.position_sums.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.total_sell_qty IS 'NULL, likewise.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.estimated_profit IS 'NULL: the earlier system took it from the interval of its grid, which is not known here.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.actual_profit IS 'Realized profit then, by average cost.';
COMMENT ON COLUMN quantmesh_compat.reconciliation_history.created_at IS 'As reconcile_time.';

REVOKE ALL ON ALL TABLES IN SCHEMA quantmesh_compat FROM PUBLIC;
