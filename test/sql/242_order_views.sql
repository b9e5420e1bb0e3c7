-- Shows what the views say of orders through their lives, of positions, fills, commissions, markets, discrepancies and
-- counts; and that live orders are read through their own index, not from history.

SELECT plan(73);

-- What a query returns, one row a line.
CREATE FUNCTION pg_temp.rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM (%s) AS x', query) INTO answer;
    RETURN answer;
END $$;
-- Reports to the order that was placed at a price.
CREATE FUNCTION pg_temp.report(price numeric, state text DEFAULT NULL, trade_id text DEFAULT NULL, quantity numeric DEFAULT NULL, at_price numeric DEFAULT NULL,
                               cumulative numeric DEFAULT NULL, commission numeric DEFAULT NULL, asset text DEFAULT NULL, at timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.orders AS o,
           quantmesh.apply_report('v', o.symbol, client_order_id => o.client_order_id, exchange_order_id => 'x' || o.price, state => report.state, trade_id => report.trade_id,
                                  last_quantity => report.quantity, last_price => report.at_price, cumulative_quantity => report.cumulative, commission => report.commission,
                                  commission_asset => report.asset, event_time => report.at) AS r
    WHERE o.price = report.price
$$;

SELECT lives_ok($$ SELECT quantmesh.set_market('v', 'BTCUSDT', 1, 0.001) $$, 'a market');
SELECT quantmesh.reset_metrics() \gset
SELECT is_empty(format('SELECT * FROM quantmesh.%I', v), format('%s begins empty', v))
FROM unnest(ARRAY['open_orders', 'order_history', 'positions', 'position_sums', 'fills', 'commissions', 'discrepancies', 'order_metrics', 'order_denials']) AS v;
SELECT is((SELECT count(*) FROM quantmesh.markets), 1::bigint, 'markets has it');

-- An order's life in open_orders.
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'BUY', 100, 2, post_only => true, request_id => 'r1', strategy => 'grid', valid_until => '2099-01-01')).outcome, 'placed', 'an order');
SELECT is(pg_temp.rows($$ SELECT account, symbol, side, order_type, time_in_force, price, quantity, filled_quantity, open_quantity, average_price, state, cancel_state, slot, holds_slot,
                                 post_only, reduce_only, strategy, instance, owner, request_id, origin, replaces, attempt, exchange_order_id, valid_until FROM quantmesh.open_orders $$),
          format('(v,BTCUSDT,buy,limit,gtc,100,2,0,2,,submitted,none,100,t,t,f,grid,,%s,r1,own,,0,,%s)', session_user, to_json('2099-01-01'::timestamptz::text)), 'its row in open_orders');
SELECT ok(order_id > 0 AND client_order_id ~ '^q[0-9a-z]+a0$' AND fence > 0 AND send_before > created_at AND submitted_at = created_at AND opened_at IS NULL
          AND updated_at = created_at AND error_code IS NULL AND cancel_requested_at IS NULL, 'with its ids and times') FROM quantmesh.open_orders;
SELECT is(pg_temp.report(100, 'open'), 'open', 'it opens');
SELECT is(pg_temp.rows('SELECT state, exchange_order_id, opened_at IS NOT NULL FROM quantmesh.open_orders'), '(open,x100,t)', 'as the view says');
SELECT is(pg_temp.report(100, NULL, 't1', 0.5, 99, commission => 0.001, asset => 'BTC', at => '2024-01-01 00:00:01+00'), 'partially_filled', 'a fill at a better price');
SELECT is(pg_temp.report(100, NULL, 't2', 0.5, 100, commission => 0.1, asset => 'USDT', at => '2024-01-01 00:00:02+00'), 'partially_filled', 'and one at its price');
SELECT is(pg_temp.rows('SELECT state, filled_quantity, open_quantity, average_price, base_commission FROM quantmesh.open_orders'), '(partially_filled,1,1,99.5,0.001)', 'what is filled and open, the average, and what it paid in the base asset');
SELECT is((SELECT (quantmesh.cancel_order('v', order_id)).outcome FROM quantmesh.open_orders), 'requested', 'asking to cancel');
SELECT is(pg_temp.rows('SELECT state, cancel_state, cancel_requested_at IS NOT NULL FROM quantmesh.open_orders'), '(partially_filled,sent,t)', 'shows');
SELECT is(pg_temp.report(100, 'canceled', cumulative => 1.25), 'canceled', 'it is canceled, and the exchange says that 1.25 were filled');
SELECT is_empty('SELECT * FROM quantmesh.open_orders', 'then it has left open_orders');
SELECT is(pg_temp.rows('SELECT price, filled_quantity, busted_quantity, missing_quantity, average_price, state, cancel_state, strategy, request_id, ended_at IS NOT NULL FROM quantmesh.order_history'),
          '(100,1,0,0.25,99.5,canceled,done,grid,r1,t)', 'and is in order_history, with what we have not booked');
SELECT is(pg_temp.report(100, NULL, 't3', 0.25, 100, commission => 0.0005, asset => 'BNB', at => '2024-01-01 00:00:03+00'), 'canceled', 'the missing fill comes');
SELECT is(pg_temp.rows('SELECT filled_quantity, missing_quantity, base_commission FROM quantmesh.order_history'), '(1.25,0,0.001)', '... and nothing is missing');
SELECT throws_ok($$ SELECT quantmesh.order_commission('v', 1, NULL, 0) $$, '22004', 'base_asset must not be null', 'a null is an error');
BEGIN;
DELETE FROM quantmesh.fill WHERE trade_id = 't3';
SELECT is(pg_temp.rows('SELECT filled_quantity, base_commission FROM quantmesh.order_history'), '(1.25,)', 'without one of its fills nobody knows what it paid');
ROLLBACK;

-- Positions, fills, commissions.
SELECT is(pg_temp.rows('SELECT account, symbol, strategy, base_asset, quote_asset, quantity, cost, average_price, realized_profit, consistent, last_trade_id FROM quantmesh.positions'),
          '(v,BTCUSDT,grid,BTC,USDT,1.249,124.5,99.6797437950360288,-0.1,t,t3)', 'positions: quantity less the commission in base, profit less that in quote');
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 110, 0.5, strategy => 'grid')).outcome, 'placed', 'a sell');
SELECT is(pg_temp.report(110, 'filled', 't4', 0.5, 110, commission => -0.2, asset => 'USDT', at => '2024-01-01 00:00:04+00'), 'filled', 'is filled, with a rebate');
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 120, 1, strategy => 'other')).outcome, 'placed', 'another strategy sells');
SELECT is(pg_temp.report(120, 'open', 't5', 0.25, 120, at => '2024-01-01 00:00:05+00'), 'partially_filled', 'what it has not: it is short');
SELECT is(pg_temp.rows('SELECT strategy, quantity, average_price, consistent FROM quantmesh.positions ORDER BY strategy'), E'(grid,0.749,99.679743795036028823,t)\n(other,-0.25,120,t)', 'each strategy has its own');
SELECT is((SELECT round(realized_profit, 9) FROM quantmesh.positions WHERE strategy = 'grid'), 5.260128102, 'realized profit by average cost');
SELECT is(pg_temp.rows('SELECT strategy, fills, bought, sold, base_commission, quote_commission, quantity FROM quantmesh.position_sums ORDER BY strategy'),
          E'(grid,4,1.25,0.5,0.001,-0.1,0.749)\n(other,1,0,0.25,0,0,-0.25)', 'position_sums adds up every fill');
SELECT is_empty('SELECT * FROM quantmesh.positions AS p FULL JOIN quantmesh.position_sums AS s USING (account, symbol, strategy) WHERE p.quantity IS DISTINCT FROM s.quantity', 'to the same positions');
SELECT is(pg_temp.rows('SELECT strategy, commission_asset, commission, fills FROM quantmesh.commissions ORDER BY commission_asset'), E'(grid,BNB,0.0005,1)\n(grid,BTC,0.001,1)\n(grid,USDT,-0.1,2)', 'commissions by asset');
SELECT is(pg_temp.rows('SELECT trade_id, kind, side, quantity, price, amount, commission, commission_asset, source, position_after FROM quantmesh.fills ORDER BY executed_at LIMIT 2'),
          E'(t1,trade,buy,0.5,99,49.5,0.001,BTC,stream,0.499)\n(t2,trade,buy,0.5,100,50,0.1,USDT,stream,0.999)', 'fills');
SELECT is(pg_temp.report(110, 'busted', 't4', 0.5, 110, commission => -0.2, asset => 'USDT', at => '2024-01-01 00:00:06+00'), 'filled', 'the exchange takes the sell back');
SELECT is(pg_temp.rows($$ SELECT kind, quantity, commission FROM quantmesh.fills WHERE trade_id = 't4' ORDER BY kind DESC $$), E'(trade,0.5,-0.2)\n(bust,-0.5,0.2)', 'as a row of its own');
SELECT is(pg_temp.rows($$ SELECT filled_quantity, busted_quantity FROM quantmesh.order_history WHERE price = 110 $$), '(0,0.5)', 'in the order''s history');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE strategy = 'grid'), 1.249, 'in the position');
SELECT is_empty('SELECT * FROM quantmesh.positions AS p FULL JOIN quantmesh.position_sums AS s USING (account, symbol, strategy) WHERE p.quantity IS DISTINCT FROM s.quantity OR NOT p.consistent', 'in the sums');
SELECT is((SELECT commission FROM quantmesh.commissions WHERE commission_asset = 'USDT'), 0.1, 'and in the commissions');

-- A fill before others in time leaves nothing inconsistent; a position that somebody has tampered with shows.
SELECT is(pg_temp.report(120, NULL, 't0', 0.25, 121, at => '2023-12-31 00:00:00+00'), 'partially_filled', 'a fill from before');
SELECT is(pg_temp.rows($$ SELECT quantity, consistent FROM quantmesh.positions WHERE strategy = 'other' $$), '(-0.5,t)', 'is counted, and consistent');
BEGIN;
UPDATE quantmesh.position SET quantity = quantity + 1 WHERE strategy = 'other';
SELECT is((SELECT consistent FROM quantmesh.positions WHERE strategy = 'other'), false, 'a wrong position is not consistent');
ROLLBACK;
BEGIN;
UPDATE quantmesh.position SET last_trade_id = 't0', last_executed_at = '2023-12-31 00:00:00+00', quantity = -0.25, cost = -30.25, realized_profit = 0 WHERE strategy = 'other';
SELECT is((SELECT consistent FROM quantmesh.positions WHERE strategy = 'other'), false, 'nor is one that lacks the last fill');
ROLLBACK;

-- Discrepancies.
SELECT cmp_ok((SELECT count(*) FROM quantmesh.discrepancies WHERE code = 'TRADE_BUST' AND resolved_at IS NULL), '=', 1::bigint, 'the bust is a discrepancy');
SELECT is((SELECT (quantmesh.apply_report('v', 'BTCUSDT', exchange_order_id => 'unheard', state => 'open')).discrepancy), 'EXTERNAL_ORDER', 'so is somebody else''s order');
SELECT is((SELECT (quantmesh.apply_report('v', 'BTCUSDT', exchange_order_id => 'unheard', state => 'filled')).discrepancy), 'EXTERNAL_ORDER', 'twice');
SELECT is(pg_temp.rows($$ SELECT account, symbol, order_id, seen_count, first_seen < last_seen, resolved_at FROM quantmesh.discrepancies WHERE code = 'EXTERNAL_ORDER' $$), '(v,BTCUSDT,,2,t,)', 'is one row, seen twice');

-- Counts and times.
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 120, 1)).outcome, 'duplicate', 'a duplicate');
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 120.5, 1)).outcome, 'denied', 'a denial');
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 120.5, 1)).outcome, 'denied', 'and the same again');
SELECT is((quantmesh.place_order('v', 'UNKNOWN', 'sell', 1, 1)).outcome, 'denied', 'an unknown market');
BEGIN;
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 130, 1)).outcome, 'placed', 'an order');
ROLLBACK;
BEGIN;
SAVEPOINT one;
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 131, 1)).outcome, 'placed', 'an order behind a savepoint');
ROLLBACK TO one;
SAVEPOINT two;
SELECT is((quantmesh.place_order('v', 'BTCUSDT', 'sell', 132, 1)).outcome, 'placed', 'and another one');
RELEASE two;
COMMIT;
SELECT is(pg_temp.rows('SELECT account, symbol, side, placed, skipped, duplicate, denied, open, partially_filled, filled, canceled, trades, accepted FROM quantmesh.order_metrics WHERE account IS NOT NULL'),
          E'(v,BTCUSDT,buy,1,0,0,0,1,1,0,1,3,1)\n(v,BTCUSDT,sell,3,0,1,2,0,1,1,0,3,2)', 'order_metrics: what was rolled back was not placed');
SELECT is(pg_temp.rows('SELECT account, symbol, denied FROM quantmesh.order_metrics WHERE account IS NULL AND denied > 0'), '(,,1)', 'unknown markets are counted together');
SELECT ok(bool_and(accepted_p50_ms > 0 AND accepted_p50_ms <= accepted_p95_ms AND accepted_p95_ms <= accepted_p99_ms AND accepted_p99_ms <= accepted_max_ms AND accepted_max_ms < 60000), 'times of acceptance are in order')
    FROM quantmesh.order_metrics WHERE accepted > 0;
SELECT ok(bool_and(accepted_p50_ms IS NULL AND accepted_max_ms IS NULL), 'without a sample they are NULL') FROM quantmesh.order_metrics WHERE accepted = 0;
SELECT is(pg_temp.rows('SELECT symbol, side, outcome, reason, requests FROM quantmesh.order_denials ORDER BY symbol NULLS LAST, reason'),
          E'(BTCUSDT,sell,denied,PRICE_OFF_TICK,2)\n(BTCUSDT,sell,duplicate,SLOT_TAKEN,1)\n(,sell,denied,UNKNOWN_MARKET,1)', 'order_denials');
SELECT quantmesh.reset_metrics() \gset
SELECT is_empty('SELECT * FROM quantmesh.order_metrics', 'reset_metrics sets them to zero');
SELECT is_empty('SELECT * FROM quantmesh.order_denials', '... and the reasons');

-- History is not read to find live orders.
INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, strategy, owner, client_order_id, state, live, holds_slot, exposed, created_at, updated_at)
    SELECT 'v', i, 'BTCUSDT', 'buy', 'limit', 'gtc', 1 + i, 1, false, false, '', 'me', 'h' || i, 'filled', false, false, false, now(), now() FROM generate_series(1, 20000) AS i;
ANALYZE quantmesh.orders;
CREATE FUNCTION pg_temp.plan_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; whole text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP whole := whole || line || E'\n'; END LOOP;
    RETURN whole;
END $$;
SELECT unalike(pg_temp.plan_of(query), '%Seq Scan on orders%', format('%s reads no history', query))
FROM unnest(ARRAY['SELECT * FROM quantmesh.open_orders', 'SELECT * FROM quantmesh.markets', 'SELECT * FROM quantmesh.halt(''v'')',
                  'SELECT * FROM quantmesh.order_history WHERE account = ''v'' AND order_id = 17',
                  'SELECT * FROM quantmesh.all_orders WHERE account = ''v'' AND order_id = 17']) AS query;
SELECT alike(pg_temp.plan_of('SELECT * FROM quantmesh.open_orders'), '%Index Scan using orders_pkey%loops=2)%', 'it looks up each live order');

SELECT * FROM finish();
