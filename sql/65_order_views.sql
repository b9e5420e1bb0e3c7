-- What people and dashboards read of orders. Traders see their accounts, readers and operators all: the filter is in
-- each view, and security_barrier keeps conditions of the caller behind it. Live orders are found in live_order, and
-- looked up one by one: OFFSET keeps the planner from reading all orders because it thinks that there are few.

CREATE FUNCTION quantmesh.account_is_visible(account text) RETURNS boolean
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_account_is_visible';
COMMENT ON FUNCTION quantmesh.account_is_visible(text) IS
    'Whether the current user may read what belongs to the account: traders what was granted to them, readers, operators and superusers all. account: the account, or * for all.';

CREATE FUNCTION quantmesh.market_is_trusted(trusted_tag text) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_market_is_trusted_sql';
COMMENT ON FUNCTION quantmesh.market_is_trusted(text) IS
    'Whether a market of that trusted_tag may be traded; NULL on a standby and without preloading, where nothing can be. trusted_tag: of the market. For the view of markets.';

CREATE FUNCTION quantmesh.order_commission(account text, order_id bigint, base_asset text, filled_quantity numeric) RETURNS numeric
    LANGUAGE C STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_order_commission';
COMMENT ON FUNCTION quantmesh.order_commission(text, bigint, text, numeric) IS
    'What an order''s fills have cost in the base asset, net of busts; NULL where the ledger has not all of them, and for who may not see the account. account, order_id: the order. base_asset: of its market. filled_quantity: of the order, to which the fills must add up. For the views of orders.';

CREATE VIEW quantmesh.open_orders WITH (security_barrier) AS
    SELECT l.account, l.order_id, l.symbol, l.side, o.order_type, o.time_in_force, l.price, o.quantity, o.filled_quantity,
           trim_scale(greatest(o.quantity - o.filled_quantity - o.busted_quantity, 0)) AS open_quantity,
           CASE WHEN o.filled_quantity > 0 THEN trim_scale(round(o.filled_quote / o.filled_quantity, 18)) END AS average_price,
           (SELECT quantmesh.order_commission(l.account, l.order_id, m.base_asset, o.filled_quantity)
            FROM quantmesh.market AS m WHERE m.account = l.account AND m.symbol = l.symbol) AS base_commission,
           o.state, o.cancel_state, o.slot, o.holds_slot, o.post_only, o.reduce_only, o.strategy, o.instance, o.owner, o.request_id,
           o.origin, o.replaces, o.client_order_id, o.attempt, o.exchange_order_id, o.fence, o.send_before, o.valid_until,
           o.created_at, o.submitted_at, o.opened_at, o.cancel_requested_at, o.updated_at, o.error_code, o.error_message
    FROM quantmesh.live_order AS l
    CROSS JOIN LATERAL (SELECT a.* FROM quantmesh.orders AS a WHERE a.account = l.account AND a.order_id = l.order_id OFFSET 0) AS o
    WHERE o.live AND quantmesh.account_is_visible(l.account);
COMMENT ON VIEW quantmesh.open_orders IS 'Live orders: recorded, sent, at the exchange, or not known to be anywhere else.';
COMMENT ON COLUMN quantmesh.open_orders.account IS 'The account.';
COMMENT ON COLUMN quantmesh.open_orders.order_id IS 'Our id.';
COMMENT ON COLUMN quantmesh.open_orders.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.open_orders.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.open_orders.order_type IS 'limit or market.';
COMMENT ON COLUMN quantmesh.open_orders.time_in_force IS 'gtc, ioc or fok.';
COMMENT ON COLUMN quantmesh.open_orders.price IS 'Limit price, in the quote asset; NULL for market orders.';
COMMENT ON COLUMN quantmesh.open_orders.quantity IS 'Ordered quantity, in the base asset.';
COMMENT ON COLUMN quantmesh.open_orders.filled_quantity IS 'Filled, net of busts.';
COMMENT ON COLUMN quantmesh.open_orders.open_quantity IS 'What can still be filled.';
COMMENT ON COLUMN quantmesh.open_orders.average_price IS 'Average price of its fills; NULL while there are none.';
COMMENT ON COLUMN quantmesh.open_orders.base_commission IS 'What its fills have cost in the base asset, net of busts; NULL where not all of them are in the ledger.';
COMMENT ON COLUMN quantmesh.open_orders.state IS 'intent, submitted, unknown, open, partially_filled or lost.';
COMMENT ON COLUMN quantmesh.open_orders.cancel_state IS 'none, requested, sent, done, rejected or unknown.';
COMMENT ON COLUMN quantmesh.open_orders.slot IS 'The slot that it asked for; NULL for none.';
COMMENT ON COLUMN quantmesh.open_orders.holds_slot IS 'Whether it has that slot.';
COMMENT ON COLUMN quantmesh.open_orders.post_only IS 'Whether it must never take.';
COMMENT ON COLUMN quantmesh.open_orders.reduce_only IS 'Whether it may only bring the position towards flat.';
COMMENT ON COLUMN quantmesh.open_orders.strategy IS 'Whose position it changes.';
COMMENT ON COLUMN quantmesh.open_orders.instance IS 'The registered instance that placed or claimed it.';
COMMENT ON COLUMN quantmesh.open_orders.owner IS 'Who placed it: the instance, or the role.';
COMMENT ON COLUMN quantmesh.open_orders.request_id IS 'The caller''s id of the request.';
COMMENT ON COLUMN quantmesh.open_orders.origin IS 'own, adopted or external.';
COMMENT ON COLUMN quantmesh.open_orders.replaces IS 'The order that it replaces.';
COMMENT ON COLUMN quantmesh.open_orders.client_order_id IS 'The id that the exchange de-duplicates by.';
COMMENT ON COLUMN quantmesh.open_orders.attempt IS 'How often it went back to intent.';
COMMENT ON COLUMN quantmesh.open_orders.exchange_order_id IS 'The exchange''s id; NULL while unknown.';
COMMENT ON COLUMN quantmesh.open_orders.fence IS 'Fence of its placing, or of its last submission; NULL after the exchange did not process it.';
COMMENT ON COLUMN quantmesh.open_orders.send_before IS 'The request must not leave after this.';
COMMENT ON COLUMN quantmesh.open_orders.valid_until IS 'Not to be sent later, as the caller asked.';
COMMENT ON COLUMN quantmesh.open_orders.created_at IS 'When it was placed.';
COMMENT ON COLUMN quantmesh.open_orders.submitted_at IS 'When it was last given to a sender.';
COMMENT ON COLUMN quantmesh.open_orders.opened_at IS 'When we first heard that the exchange has it.';
COMMENT ON COLUMN quantmesh.open_orders.cancel_requested_at IS 'When somebody last asked to cancel it.';
COMMENT ON COLUMN quantmesh.open_orders.updated_at IS 'When it last changed.';
COMMENT ON COLUMN quantmesh.open_orders.error_code IS 'Code of the exchange''s last refusal.';
COMMENT ON COLUMN quantmesh.open_orders.error_message IS 'Message of it.';

CREATE VIEW quantmesh.all_orders WITH (security_barrier) AS
    SELECT o.account, o.order_id, o.symbol, o.side, o.order_type, o.time_in_force, o.price, o.quantity, o.filled_quantity,
           o.busted_quantity, trim_scale(greatest(o.reported_quantity - o.filled_quantity - o.busted_quantity, 0)) AS missing_quantity,
           CASE WHEN o.filled_quantity > 0 THEN trim_scale(round(o.filled_quote / o.filled_quantity, 18)) END AS average_price,
           (SELECT quantmesh.order_commission(o.account, o.order_id, m.base_asset, o.filled_quantity)
            FROM quantmesh.market AS m WHERE m.account = o.account AND m.symbol = o.symbol) AS base_commission,
           o.state, o.cancel_state, o.slot, o.post_only, o.reduce_only, o.strategy, o.instance, o.owner, o.request_id,
           o.origin, o.replaces, o.client_order_id, o.attempt, o.exchange_order_id, o.fence, o.created_at, o.submitted_at, o.opened_at,
           o.cancel_requested_at, o.ended_at, o.updated_at, o.error_code, o.error_message, o.live
    FROM (SELECT x.* FROM quantmesh.orders AS x UNION ALL SELECT y.* FROM quantmesh.order_archive AS y) AS o
    WHERE quantmesh.account_is_visible(o.account);
COMMENT ON VIEW quantmesh.all_orders IS 'Every order: live, ended or archived. For looking up one by account and order_id; anything else reads all history.';
COMMENT ON COLUMN quantmesh.all_orders.account IS 'The account.';
COMMENT ON COLUMN quantmesh.all_orders.order_id IS 'Our id.';
COMMENT ON COLUMN quantmesh.all_orders.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.all_orders.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.all_orders.order_type IS 'limit or market.';
COMMENT ON COLUMN quantmesh.all_orders.time_in_force IS 'gtc, ioc or fok.';
COMMENT ON COLUMN quantmesh.all_orders.price IS 'Limit price, in the quote asset; NULL for market orders.';
COMMENT ON COLUMN quantmesh.all_orders.quantity IS 'Ordered quantity, in the base asset.';
COMMENT ON COLUMN quantmesh.all_orders.filled_quantity IS 'Filled, net of busts.';
COMMENT ON COLUMN quantmesh.all_orders.busted_quantity IS 'Taken back by the exchange.';
COMMENT ON COLUMN quantmesh.all_orders.missing_quantity IS 'What the exchange has said was filled and we have not booked: not 0 means that fills are still to come.';
COMMENT ON COLUMN quantmesh.all_orders.average_price IS 'Average price of its fills; NULL where there are none.';
COMMENT ON COLUMN quantmesh.all_orders.base_commission IS 'What its fills have cost in the base asset, net of busts; NULL where not all of them are in the ledger.';
COMMENT ON COLUMN quantmesh.all_orders.state IS 'As order_transitions has them.';
COMMENT ON COLUMN quantmesh.all_orders.cancel_state IS 'none, requested, sent, done, rejected or unknown.';
COMMENT ON COLUMN quantmesh.all_orders.slot IS 'The slot that it asked for; NULL for none.';
COMMENT ON COLUMN quantmesh.all_orders.post_only IS 'Whether it must never take.';
COMMENT ON COLUMN quantmesh.all_orders.reduce_only IS 'Whether it could only bring the position towards flat.';
COMMENT ON COLUMN quantmesh.all_orders.strategy IS 'Whose position it changed.';
COMMENT ON COLUMN quantmesh.all_orders.instance IS 'The registered instance that placed or claimed it.';
COMMENT ON COLUMN quantmesh.all_orders.owner IS 'Who placed it: the instance, or the role.';
COMMENT ON COLUMN quantmesh.all_orders.request_id IS 'The caller''s id of the request.';
COMMENT ON COLUMN quantmesh.all_orders.origin IS 'own, adopted or external.';
COMMENT ON COLUMN quantmesh.all_orders.replaces IS 'The order that it replaced.';
COMMENT ON COLUMN quantmesh.all_orders.client_order_id IS 'The id that the exchange knew it by.';
COMMENT ON COLUMN quantmesh.all_orders.attempt IS 'How often it went back to intent.';
COMMENT ON COLUMN quantmesh.all_orders.exchange_order_id IS 'The exchange''s id; NULL where it never had it.';
COMMENT ON COLUMN quantmesh.all_orders.fence IS 'Fence of its placing, or of its last submission; NULL after the exchange did not process it.';
COMMENT ON COLUMN quantmesh.all_orders.created_at IS 'When it was placed.';
COMMENT ON COLUMN quantmesh.all_orders.submitted_at IS 'When it was last given to a sender.';
COMMENT ON COLUMN quantmesh.all_orders.opened_at IS 'When we first heard that the exchange had it.';
COMMENT ON COLUMN quantmesh.all_orders.cancel_requested_at IS 'When somebody last asked to cancel it.';
COMMENT ON COLUMN quantmesh.all_orders.ended_at IS 'When it ended; NULL for a live order.';
COMMENT ON COLUMN quantmesh.all_orders.updated_at IS 'When it last changed.';
COMMENT ON COLUMN quantmesh.all_orders.error_code IS 'Code of the exchange''s last refusal.';
COMMENT ON COLUMN quantmesh.all_orders.error_message IS 'Message of it.';
COMMENT ON COLUMN quantmesh.all_orders.live IS 'Whether the exchange may have it, now or later.';

CREATE VIEW quantmesh.order_history AS
    SELECT account, order_id, symbol, side, order_type, time_in_force, price, quantity, filled_quantity, busted_quantity, missing_quantity,
           average_price, base_commission, state, cancel_state, slot, post_only, reduce_only, strategy, instance, owner, request_id,
           origin, replaces, client_order_id, attempt, exchange_order_id, created_at, submitted_at, opened_at, cancel_requested_at,
           ended_at, updated_at, error_code, error_message
    FROM quantmesh.all_orders WHERE NOT live;
COMMENT ON VIEW quantmesh.order_history IS 'Orders that have ended, archived ones too.';
COMMENT ON COLUMN quantmesh.order_history.account IS 'The account.';
COMMENT ON COLUMN quantmesh.order_history.order_id IS 'Our id.';
COMMENT ON COLUMN quantmesh.order_history.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.order_history.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.order_history.order_type IS 'limit or market.';
COMMENT ON COLUMN quantmesh.order_history.time_in_force IS 'gtc, ioc or fok.';
COMMENT ON COLUMN quantmesh.order_history.price IS 'Limit price, in the quote asset; NULL for market orders.';
COMMENT ON COLUMN quantmesh.order_history.quantity IS 'Ordered quantity, in the base asset.';
COMMENT ON COLUMN quantmesh.order_history.filled_quantity IS 'Filled, net of busts.';
COMMENT ON COLUMN quantmesh.order_history.busted_quantity IS 'Taken back by the exchange.';
COMMENT ON COLUMN quantmesh.order_history.missing_quantity IS 'What the exchange has said was filled and we have not booked: not 0 means that fills are still to come.';
COMMENT ON COLUMN quantmesh.order_history.average_price IS 'Average price of its fills; NULL where there are none.';
COMMENT ON COLUMN quantmesh.order_history.base_commission IS 'What its fills have cost in the base asset, net of busts; NULL where not all of them are in the ledger.';
COMMENT ON COLUMN quantmesh.order_history.state IS 'filled, canceled, expired, rejected, aborted or never_accepted.';
COMMENT ON COLUMN quantmesh.order_history.cancel_state IS 'none, requested, sent, done, rejected or unknown.';
COMMENT ON COLUMN quantmesh.order_history.slot IS 'The slot that it asked for; NULL for none.';
COMMENT ON COLUMN quantmesh.order_history.post_only IS 'Whether it must never take.';
COMMENT ON COLUMN quantmesh.order_history.reduce_only IS 'Whether it could only bring the position towards flat.';
COMMENT ON COLUMN quantmesh.order_history.strategy IS 'Whose position it changed.';
COMMENT ON COLUMN quantmesh.order_history.instance IS 'The registered instance that placed or claimed it.';
COMMENT ON COLUMN quantmesh.order_history.owner IS 'Who placed it: the instance, or the role.';
COMMENT ON COLUMN quantmesh.order_history.request_id IS 'The caller''s id of the request.';
COMMENT ON COLUMN quantmesh.order_history.origin IS 'own, adopted or external.';
COMMENT ON COLUMN quantmesh.order_history.replaces IS 'The order that it replaced.';
COMMENT ON COLUMN quantmesh.order_history.client_order_id IS 'The id that the exchange knew it by.';
COMMENT ON COLUMN quantmesh.order_history.attempt IS 'How often it went back to intent.';
COMMENT ON COLUMN quantmesh.order_history.exchange_order_id IS 'The exchange''s id; NULL where it never had it.';
COMMENT ON COLUMN quantmesh.order_history.created_at IS 'When it was placed.';
COMMENT ON COLUMN quantmesh.order_history.submitted_at IS 'When it was last given to a sender.';
COMMENT ON COLUMN quantmesh.order_history.opened_at IS 'When we first heard that the exchange had it.';
COMMENT ON COLUMN quantmesh.order_history.cancel_requested_at IS 'When somebody last asked to cancel it.';
COMMENT ON COLUMN quantmesh.order_history.ended_at IS 'When it ended.';
COMMENT ON COLUMN quantmesh.order_history.updated_at IS 'When it last changed.';
COMMENT ON COLUMN quantmesh.order_history.error_code IS 'Code of the exchange''s last refusal.';
COMMENT ON COLUMN quantmesh.order_history.error_message IS 'Message of it.';

CREATE VIEW quantmesh.positions WITH (security_barrier) AS
    SELECT p.account, p.symbol, p.strategy, m.base_asset, m.quote_asset, p.quantity, p.cost,
           CASE WHEN p.quantity <> 0 THEN trim_scale(round(p.cost / p.quantity, 18)) END AS average_price, p.realized_profit,
           EXISTS (SELECT FROM quantmesh.fill AS f
                   WHERE f.account = p.account AND f.symbol = p.symbol AND f.trade_id = p.last_trade_id AND f.side = p.last_side AND f.kind = p.last_kind
                     AND f.strategy = p.strategy AND f.executed_at = p.last_executed_at
                     AND f.position_after = p.quantity AND f.cost_after = p.cost AND f.profit_after = p.realized_profit)
           AND NOT EXISTS (SELECT FROM quantmesh.fill AS f
                   WHERE f.account = p.account AND f.symbol = p.symbol AND f.strategy = p.strategy
                     AND (f.executed_at, f.trade_id, f.side) > (p.last_executed_at, p.last_trade_id, p.last_side)) AS consistent,
           p.last_executed_at, p.last_trade_id, p.updated_at
    FROM quantmesh.position AS p LEFT JOIN quantmesh.market AS m ON m.account = p.account AND m.symbol = p.symbol
    WHERE quantmesh.account_is_visible(p.account);
COMMENT ON VIEW quantmesh.positions IS 'What each strategy has, by its fills, with profit by average cost.';
COMMENT ON COLUMN quantmesh.positions.account IS 'The account.';
COMMENT ON COLUMN quantmesh.positions.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.positions.strategy IS 'The strategy; empty where orders named none.';
COMMENT ON COLUMN quantmesh.positions.base_asset IS 'What quantity is in.';
COMMENT ON COLUMN quantmesh.positions.quote_asset IS 'What cost and profit are in.';
COMMENT ON COLUMN quantmesh.positions.quantity IS 'The position, commissions paid in the base asset taken off; negative when short.';
COMMENT ON COLUMN quantmesh.positions.cost IS 'What that quantity cost; negative when short.';
COMMENT ON COLUMN quantmesh.positions.average_price IS 'cost / quantity; NULL when flat.';
COMMENT ON COLUMN quantmesh.positions.realized_profit IS 'By average cost, commissions paid in the quote asset taken off.';
COMMENT ON COLUMN quantmesh.positions.consistent IS
    'Whether these are the running values of the last fill of the ledger. Never false; if it is, tell us, and compare with position_sums.';
COMMENT ON COLUMN quantmesh.positions.last_executed_at IS 'When its last fill was traded.';
COMMENT ON COLUMN quantmesh.positions.last_trade_id IS 'The trade of that fill.';
COMMENT ON COLUMN quantmesh.positions.updated_at IS 'When it last changed.';

CREATE VIEW quantmesh.position_sums WITH (security_barrier) AS
    SELECT f.account, f.symbol, f.strategy, sum(f.fills)::bigint AS fills,
           coalesce(sum(f.quantity) FILTER (WHERE f.side = 'buy'), 0) AS bought,
           coalesce(sum(f.quantity) FILTER (WHERE f.side = 'sell'), 0) AS sold,
           coalesce(sum(f.commission) FILTER (WHERE f.commission_asset = m.base_asset), 0) AS base_commission,
           coalesce(sum(f.commission) FILTER (WHERE f.commission_asset = m.quote_asset), 0) AS quote_commission,
           trim_scale(coalesce(sum(f.quantity) FILTER (WHERE f.side = 'buy'), 0) - coalesce(sum(f.quantity) FILTER (WHERE f.side = 'sell'), 0)
                      - coalesce(sum(f.commission) FILTER (WHERE f.commission_asset = m.base_asset), 0)) AS quantity
    FROM (SELECT x.account, x.symbol, x.strategy, x.side, x.commission_asset, 1 AS fills, x.quantity, x.commission FROM quantmesh.fill AS x
          UNION ALL
          SELECT y.account, y.symbol, y.strategy, y.side, y.commission_asset, y.fills, y.quantity, y.commission FROM quantmesh.fill_sum AS y) AS f
    LEFT JOIN quantmesh.market AS m ON m.account = f.account AND m.symbol = f.symbol
    WHERE quantmesh.account_is_visible(f.account)
    GROUP BY f.account, f.symbol, f.strategy;
COMMENT ON VIEW quantmesh.position_sums IS 'Positions added up from every fill, to check the view positions against. Reads all history.';
COMMENT ON COLUMN quantmesh.position_sums.account IS 'The account.';
COMMENT ON COLUMN quantmesh.position_sums.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.position_sums.strategy IS 'The strategy.';
COMMENT ON COLUMN quantmesh.position_sums.fills IS 'How many fills, busts among them.';
COMMENT ON COLUMN quantmesh.position_sums.bought IS 'Bought, net of busts.';
COMMENT ON COLUMN quantmesh.position_sums.sold IS 'Sold, net of busts.';
COMMENT ON COLUMN quantmesh.position_sums.base_commission IS 'Commission paid in the base asset.';
COMMENT ON COLUMN quantmesh.position_sums.quote_commission IS 'Commission paid in the quote asset.';
COMMENT ON COLUMN quantmesh.position_sums.quantity IS 'bought - sold - base_commission: what the position must be.';

CREATE VIEW quantmesh.fills WITH (security_barrier) AS
    SELECT f.account, f.symbol, f.trade_id, f.kind, f.order_id, f.strategy, f.side, f.quantity, f.price,
           trim_scale(f.quantity * f.price) AS amount, f.commission, f.commission_asset, f.is_maker, f.executed_at, f.booked_at, f.source,
           f.position_after, f.cost_after, f.profit_after
    FROM quantmesh.fill AS f
    WHERE quantmesh.account_is_visible(f.account);
COMMENT ON VIEW quantmesh.fills IS 'The ledger: every trade once, and a row of its own for one that the exchange took back.';
COMMENT ON COLUMN quantmesh.fills.account IS 'The account.';
COMMENT ON COLUMN quantmesh.fills.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.fills.trade_id IS 'The exchange''s id of the trade.';
COMMENT ON COLUMN quantmesh.fills.kind IS 'trade or bust.';
COMMENT ON COLUMN quantmesh.fills.order_id IS 'Our order.';
COMMENT ON COLUMN quantmesh.fills.strategy IS 'Whose position it changed.';
COMMENT ON COLUMN quantmesh.fills.side IS 'buy or sell: the side of the order.';
COMMENT ON COLUMN quantmesh.fills.quantity IS 'In the base asset; negative for a bust.';
COMMENT ON COLUMN quantmesh.fills.price IS 'In the quote asset.';
COMMENT ON COLUMN quantmesh.fills.amount IS 'quantity x price.';
COMMENT ON COLUMN quantmesh.fills.commission IS 'What it cost; negative for a rebate, and for a bust that gives it back.';
COMMENT ON COLUMN quantmesh.fills.commission_asset IS 'The asset of the commission.';
COMMENT ON COLUMN quantmesh.fills.is_maker IS 'Whether our order was in the book; NULL if the exchange did not say.';
COMMENT ON COLUMN quantmesh.fills.executed_at IS 'When it was traded.';
COMMENT ON COLUMN quantmesh.fills.booked_at IS 'When we booked it.';
COMMENT ON COLUMN quantmesh.fills.source IS 'Who said so: reply, stream, query, trade, reconcile or operator.';
COMMENT ON COLUMN quantmesh.fills.position_after IS 'Position of the strategy after it.';
COMMENT ON COLUMN quantmesh.fills.cost_after IS 'What that position cost.';
COMMENT ON COLUMN quantmesh.fills.profit_after IS 'Profit that the strategy had realized by then.';

CREATE VIEW quantmesh.commissions WITH (security_barrier) AS
    SELECT f.account, f.symbol, f.strategy, f.commission_asset, sum(f.commission) AS commission, sum(f.charged)::bigint AS fills
    FROM (SELECT x.account, x.symbol, x.strategy, x.commission_asset, 1 AS charged, x.commission FROM quantmesh.fill AS x WHERE x.commission <> 0
          UNION ALL
          SELECT y.account, y.symbol, y.strategy, y.commission_asset, y.charged, y.commission FROM quantmesh.fill_sum AS y WHERE y.charged > 0) AS f
    WHERE quantmesh.account_is_visible(f.account)
    GROUP BY f.account, f.symbol, f.strategy, f.commission_asset;
COMMENT ON VIEW quantmesh.commissions IS 'What was paid in commissions, by strategy and asset. Reads all history.';
COMMENT ON COLUMN quantmesh.commissions.account IS 'The account.';
COMMENT ON COLUMN quantmesh.commissions.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.commissions.strategy IS 'The strategy.';
COMMENT ON COLUMN quantmesh.commissions.commission_asset IS 'The asset it was paid in.';
COMMENT ON COLUMN quantmesh.commissions.commission IS 'How much, net of rebates and busts.';
COMMENT ON COLUMN quantmesh.commissions.fills IS 'On how many fills.';

CREATE VIEW quantmesh.markets WITH (security_barrier) AS
    SELECT m.account, m.symbol, m.base_asset, m.quote_asset,
           CASE WHEN 'halted' IN (g.trading_state, a.trading_state, m.trading_state) THEN 'halted'
                WHEN 'reducing' IN (g.trading_state, a.trading_state, m.trading_state) THEN 'reducing' ELSE 'active' END AS trading_state,
           CASE WHEN t.trusted THEN 'trusted' WHEN NOT t.trusted THEN 'RECONCILE_PENDING' END AS trust,
           g.trading_state AS global_state, g.state_reason AS global_reason, a.trading_state AS account_state, a.state_reason AS account_reason,
           m.trading_state AS market_state, m.state_reason AS market_reason,
           o.live AS open_orders, m.max_open_orders, a.max_open_orders AS account_max_open_orders,
           o.notional AS open_notional, m.max_notional, a.max_notional AS account_max_notional,
           p.quantity AS position, m.max_position, m.max_order_rate, a.max_order_rate AS account_max_order_rate,
           m.tick_size, m.step_size, m.min_quantity, m.max_quantity, m.min_notional, m.level_width, m.slot_by, m.mode
    FROM quantmesh.market AS m
    JOIN quantmesh.account AS a ON a.account = m.account
    LEFT JOIN quantmesh.account AS g ON g.account = '*'
    CROSS JOIN LATERAL (SELECT quantmesh.market_is_trusted(m.trusted_tag) AS trusted) AS t
    CROSS JOIN LATERAL (
        SELECT count(*) AS live,
               trim_scale(coalesce(sum(x.price * greatest(x.quantity - x.filled_quantity - x.busted_quantity, 0)), 0)) AS notional
        FROM quantmesh.live_order AS l
        CROSS JOIN LATERAL (SELECT a.* FROM quantmesh.orders AS a WHERE a.account = l.account AND a.order_id = l.order_id OFFSET 0) AS x
        WHERE l.account = m.account AND l.symbol = m.symbol AND x.live) AS o
    CROSS JOIN LATERAL (
        SELECT trim_scale(coalesce(sum(y.quantity), 0)) AS quantity
        FROM quantmesh.position AS y WHERE y.account = m.account AND y.symbol = m.symbol) AS p
    WHERE quantmesh.account_is_visible(m.account);
COMMENT ON VIEW quantmesh.markets IS 'Markets with the trading state that counts, limits beside what is used of them, and filters.';
COMMENT ON COLUMN quantmesh.markets.account IS 'The account.';
COMMENT ON COLUMN quantmesh.markets.symbol IS 'The symbol.';
COMMENT ON COLUMN quantmesh.markets.base_asset IS 'What is bought and sold.';
COMMENT ON COLUMN quantmesh.markets.quote_asset IS 'What prices are in.';
COMMENT ON COLUMN quantmesh.markets.trading_state IS 'active, reducing or halted: the strictest of everything, account and market.';
COMMENT ON COLUMN quantmesh.markets.trust IS 'trusted; RECONCILE_PENDING: after a promotion or restore nothing is placed before a reconciliation or trust_market. NULL on a standby.';
COMMENT ON COLUMN quantmesh.markets.global_state IS 'State of everything; NULL where nobody has set one.';
COMMENT ON COLUMN quantmesh.markets.global_reason IS 'Its reason.';
COMMENT ON COLUMN quantmesh.markets.account_state IS 'State of the account.';
COMMENT ON COLUMN quantmesh.markets.account_reason IS 'Its reason.';
COMMENT ON COLUMN quantmesh.markets.market_state IS 'State of the market itself.';
COMMENT ON COLUMN quantmesh.markets.market_reason IS 'Its reason.';
COMMENT ON COLUMN quantmesh.markets.open_orders IS 'Live orders.';
COMMENT ON COLUMN quantmesh.markets.max_open_orders IS 'Their limit; NULL: none.';
COMMENT ON COLUMN quantmesh.markets.account_max_open_orders IS 'Limit of live orders of the account; NULL: none.';
COMMENT ON COLUMN quantmesh.markets.open_notional IS 'Price x what can still be filled, of live orders with a price.';
COMMENT ON COLUMN quantmesh.markets.max_notional IS 'Its limit; NULL: none.';
COMMENT ON COLUMN quantmesh.markets.account_max_notional IS 'Limit of the account''s; NULL: none.';
COMMENT ON COLUMN quantmesh.markets.position IS 'Position of all strategies together.';
COMMENT ON COLUMN quantmesh.markets.max_position IS 'How far from flat live orders of one side may bring it; NULL: no limit.';
COMMENT ON COLUMN quantmesh.markets.max_order_rate IS 'Orders in any one second; NULL: no limit.';
COMMENT ON COLUMN quantmesh.markets.account_max_order_rate IS 'Orders of the account in any one second; NULL: no limit.';
COMMENT ON COLUMN quantmesh.markets.tick_size IS 'Prices are multiples of it.';
COMMENT ON COLUMN quantmesh.markets.step_size IS 'Quantities are multiples of it.';
COMMENT ON COLUMN quantmesh.markets.min_quantity IS 'Smallest quantity of an order.';
COMMENT ON COLUMN quantmesh.markets.max_quantity IS 'Largest quantity of an order.';
COMMENT ON COLUMN quantmesh.markets.min_notional IS 'Smallest price x quantity of an order.';
COMMENT ON COLUMN quantmesh.markets.level_width IS 'Width of price levels; NULL: four significant digits.';
COMMENT ON COLUMN quantmesh.markets.slot_by IS 'price or level.';
COMMENT ON COLUMN quantmesh.markets.mode IS 'shared or exclusive.';

CREATE VIEW quantmesh.discrepancies WITH (security_barrier) AS
    SELECT d.account, d.discrepancy_id, d.code, d.symbol, d.order_id, d.subject, d.local, d.remote, d.first_seen, d.last_seen, d.seen_count,
           d.resolved_at, d.resolution
    FROM quantmesh.discrepancy AS d
    WHERE quantmesh.account_is_visible(d.account);
COMMENT ON VIEW quantmesh.discrepancies IS 'What contradicted what we knew; unresolved where resolved_at is NULL.';
COMMENT ON COLUMN quantmesh.discrepancies.account IS 'The account.';
COMMENT ON COLUMN quantmesh.discrepancies.discrepancy_id IS 'Its id.';
COMMENT ON COLUMN quantmesh.discrepancies.code IS 'What kind it is, by a stable code; see docs/orders.md.';
COMMENT ON COLUMN quantmesh.discrepancies.symbol IS 'The symbol; NULL if it is of the account.';
COMMENT ON COLUMN quantmesh.discrepancies.order_id IS 'The order; NULL if it is of none of ours.';
COMMENT ON COLUMN quantmesh.discrepancies.subject IS 'What it is about.';
COMMENT ON COLUMN quantmesh.discrepancies.local IS 'What we knew.';
COMMENT ON COLUMN quantmesh.discrepancies.remote IS 'What the exchange said.';
COMMENT ON COLUMN quantmesh.discrepancies.first_seen IS 'When it was found.';
COMMENT ON COLUMN quantmesh.discrepancies.last_seen IS 'When it was found last.';
COMMENT ON COLUMN quantmesh.discrepancies.seen_count IS 'How often.';
COMMENT ON COLUMN quantmesh.discrepancies.resolved_at IS 'When it was resolved; NULL while it is not.';
COMMENT ON COLUMN quantmesh.discrepancies.resolution IS 'How.';

CREATE FUNCTION quantmesh.order_metric_rows(OUT account text, OUT symbol text, OUT side text,
    OUT placed bigint, OUT skipped bigint, OUT duplicate bigint, OUT denied bigint,
    OUT intent bigint, OUT submitted bigint, OUT unknown bigint, OUT open bigint, OUT partially_filled bigint, OUT lost bigint,
    OUT filled bigint, OUT canceled bigint, OUT expired bigint, OUT rejected bigint, OUT aborted bigint, OUT never_accepted bigint,
    OUT trades bigint, OUT accepted bigint, OUT accepted_p50_ms double precision, OUT accepted_p95_ms double precision,
    OUT accepted_p99_ms double precision, OUT accepted_max_ms double precision, OUT stats_reset timestamptz)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_order_metric_rows';
COMMENT ON FUNCTION quantmesh.order_metric_rows() IS 'Rows of the view quantmesh.order_metrics.';

CREATE VIEW quantmesh.order_metrics AS SELECT * FROM quantmesh.order_metric_rows();
COMMENT ON VIEW quantmesh.order_metrics IS
    'What became of requests and orders since stats_reset, by market and side, and how long the exchange took. Requests for markets that set_market does not know are counted together, without account and symbol.';
COMMENT ON COLUMN quantmesh.order_metrics.account IS 'The account; NULL for unknown markets.';
COMMENT ON COLUMN quantmesh.order_metrics.symbol IS 'The symbol; NULL for unknown markets.';
COMMENT ON COLUMN quantmesh.order_metrics.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.order_metrics.placed IS 'Requests that were placed, and committed.';
COMMENT ON COLUMN quantmesh.order_metrics.skipped IS 'Requests that found somebody else busy.';
COMMENT ON COLUMN quantmesh.order_metrics.duplicate IS 'Requests that found a live order in their slot.';
COMMENT ON COLUMN quantmesh.order_metrics.denied IS 'Requests that were denied; see order_denials.';
COMMENT ON COLUMN quantmesh.order_metrics.intent IS 'Orders that went back to intent because the exchange had not processed them.';
COMMENT ON COLUMN quantmesh.order_metrics.submitted IS 'Intents that were claimed.';
COMMENT ON COLUMN quantmesh.order_metrics.unknown IS 'Orders whose reply was lost.';
COMMENT ON COLUMN quantmesh.order_metrics.open IS 'Orders that came into the state open.';
COMMENT ON COLUMN quantmesh.order_metrics.partially_filled IS 'Orders that came into the state partially_filled.';
COMMENT ON COLUMN quantmesh.order_metrics.lost IS 'Orders that were given up.';
COMMENT ON COLUMN quantmesh.order_metrics.filled IS 'Orders that were filled.';
COMMENT ON COLUMN quantmesh.order_metrics.canceled IS 'Orders that were canceled.';
COMMENT ON COLUMN quantmesh.order_metrics.expired IS 'Orders that expired.';
COMMENT ON COLUMN quantmesh.order_metrics.rejected IS 'Orders that the exchange refused.';
COMMENT ON COLUMN quantmesh.order_metrics.aborted IS 'Orders that were withdrawn or out of time before they were sent.';
COMMENT ON COLUMN quantmesh.order_metrics.never_accepted IS 'Orders that the exchange was proved not to have.';
COMMENT ON COLUMN quantmesh.order_metrics.trades IS 'Trades that were booked.';
COMMENT ON COLUMN quantmesh.order_metrics.accepted IS 'Orders that the exchange took: the sample of the times.';
COMMENT ON COLUMN quantmesh.order_metrics.accepted_p50_ms IS 'Median time from the submission until we heard so, in ms, from the histogram.';
COMMENT ON COLUMN quantmesh.order_metrics.accepted_p95_ms IS '95th percentile of that time in ms.';
COMMENT ON COLUMN quantmesh.order_metrics.accepted_p99_ms IS '99th percentile of that time in ms.';
COMMENT ON COLUMN quantmesh.order_metrics.accepted_max_ms IS 'Longest such time in ms.';
COMMENT ON COLUMN quantmesh.order_metrics.stats_reset IS 'Since when these numbers count.';

CREATE FUNCTION quantmesh.order_denial_rows(OUT account text, OUT symbol text, OUT side text, OUT outcome text, OUT reason text, OUT requests bigint)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_order_denial_rows';
COMMENT ON FUNCTION quantmesh.order_denial_rows() IS 'Rows of the view quantmesh.order_denials.';

CREATE VIEW quantmesh.order_denials AS SELECT * FROM quantmesh.order_denial_rows();
COMMENT ON VIEW quantmesh.order_denials IS 'Why requests were not placed, since stats_reset of order_metrics.';
COMMENT ON COLUMN quantmesh.order_denials.account IS 'The account; NULL for unknown markets.';
COMMENT ON COLUMN quantmesh.order_denials.symbol IS 'The symbol; NULL for unknown markets.';
COMMENT ON COLUMN quantmesh.order_denials.side IS 'buy or sell.';
COMMENT ON COLUMN quantmesh.order_denials.outcome IS 'denied, skipped or duplicate.';
COMMENT ON COLUMN quantmesh.order_denials.reason IS 'Stable code of the reason; docs/orders.md lists them.';
COMMENT ON COLUMN quantmesh.order_denials.requests IS 'How many requests.';
