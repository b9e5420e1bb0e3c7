-- Shows that both legs of a trade between two orders of one account are booked, though the exchange gives them one trade id:
-- a trade has one fill on each side. Each leg is completed, busted and repeated by itself, and a third order gets none.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(50);

-- Buys far below sells, which the exchange then trades with one another all the same.
CREATE FUNCTION pg_temp.market(symbol text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM quantmesh.set_market('self', symbol, tick_size => 0.01, step_size => 0.001, base_asset => 'BTC', quote_asset => 'USDT');
    PERFORM quantmesh.place_order('self', symbol, side, CASE side WHEN 'buy' THEN 1 ELSE 100000 END, 2, slot => '', strategy => s, request_id => concat_ws(' ', symbol, s, side))
        FROM unnest(ARRAY['buy', 'sell']) AS side, unnest(ARRAY['one', 'two']) AS s;
END $$;
CREATE FUNCTION pg_temp.leg(symbol text, trade_id text, side text, quantity numeric, price numeric, at text, commission numeric DEFAULT NULL, asset text DEFAULT NULL,
    strategy text DEFAULT 'one', state text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.state, r.applied, r.discrepancy)
    FROM quantmesh.orders AS o, quantmesh.apply_report('self', o.symbol, o.client_order_id, state => $10, trade_id => $2, last_quantity => $4, last_price => $5, commission => $7, commission_asset => $8,
                                                       event_time => ('2020-01-01 ' || $6 || '+00')::timestamptz) AS r
    WHERE o.request_id = concat_ws(' ', $1, $9, $3)
$$;
CREATE FUNCTION pg_temp.holds(symbol text, strategy text DEFAULT 'one') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', trim_scale(quantity), trim_scale(cost), trim_scale(realized_profit), CASE WHEN consistent THEN 'consistent' END)
    FROM quantmesh.positions AS p WHERE p.account = 'self' AND p.symbol = $1 AND p.strategy = $2
$$;
CREATE FUNCTION pg_temp.ledger(symbol text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', trade_id, side, CASE kind WHEN 'bust' THEN 'busted' END, trim_scale(position_after), trim_scale(cost_after), trim_scale(profit_after)), '; '
                      ORDER BY executed_at, trade_id COLLATE "C", side, kind DESC)
    FROM quantmesh.fill AS f WHERE f.account = 'self' AND f.symbol = $1 AND f.strategy = 'one'
$$;

-- Two orders of one strategy trade with each other.
SELECT pg_temp.market('A') \gset
SELECT is(pg_temp.leg('A', '1', 'buy', 1, 90, '10:00'), 'partially_filled t', 'something is held');
SELECT is(pg_temp.leg('A', '7', 'buy', 1, 100, '10:01'), 'filled t', 'the leg of the buy is booked');
SELECT is(pg_temp.leg('A', '7', 'sell', 1, 100, '10:01'), 'partially_filled t', 'and that of the sell');
SELECT is(pg_temp.ledger('A'), '1 buy 1 90 0; 7 buy 2 190 0; 7 sell 1 95 5', 'the buy before the sell');
SELECT is(pg_temp.holds('A'), '1 95 5 consistent', 'the position is that of both');
SELECT is(pg_temp.leg('A', '7', side, 1, 100, '10:01'), state || ' f', side || ': once') FROM (VALUES ('buy', 'filled'), ('sell', 'partially_filled')) AS v (side, state);
SELECT is(pg_temp.leg('A', '7', 'sell', 0.5, 100, '10:01'), 'partially_filled f FILL_MISMATCH', 'other numbers are a mismatch');
SELECT is(pg_temp.leg('A', '7', 'sell', 1, 100, '10:01', strategy => 'two'), 'submitted f FILL_MISMATCH', 'a third order has no leg of it');
SELECT is(pg_temp.leg('A', '7', 'buy', 1, 100, '10:01', strategy => 'two'), 'submitted f FILL_MISMATCH', 'nor a fourth');
SELECT is((SELECT count(*) FROM quantmesh.discrepancy WHERE account = 'self' AND code = 'FILL_MISMATCH'), 2::bigint, 'each leg has a discrepancy of its own');
SELECT is((SELECT count(*) FROM quantmesh.fill WHERE account = 'self' AND symbol = 'A'), 3::bigint, 'there are three fills');

-- The same in every order in which it can be told, with commissions that come later, and the same time for all.
CREATE TEMP TABLE said (n integer, side text, commission numeric, asset text);
INSERT INTO said VALUES (1, 'buy', NULL, NULL), (2, 'sell', NULL, NULL), (3, 'buy', 0.001, 'BTC'), (4, 'sell', 0.2, 'USDT');
CREATE TEMP TABLE way (n integer, path integer[]);
INSERT INTO way SELECT row_number() OVER (), path FROM (
    WITH RECURSIVE w AS (SELECT ARRAY[n] AS path FROM said UNION ALL SELECT path || n FROM w, said WHERE n <> ALL (path))
    SELECT path FROM w WHERE cardinality(path) = 4) AS p;
SELECT pg_temp.market('W' || n) FROM way \g /dev/null
SELECT pg_temp.leg('W' || w.n, '7', s.side, 1, 100, '10:01', s.commission, s.asset) FROM (SELECT n, step, at FROM way, unnest(path) WITH ORDINALITY AS u (step, at)) AS w JOIN said AS s ON s.n = w.step ORDER BY w.n, w.at \g /dev/null
SELECT is(pg_temp.ledger('W' || n) || ', ' || pg_temp.holds('W' || n), '7 buy 0.999 100 0; 7 sell -0.001 -0.1 -0.3, -0.001 -0.1 -0.3 consistent', format('told as %s', path)) FROM way;

-- Each leg is taken back by itself.
SELECT pg_temp.market('B') \gset
SELECT is(pg_temp.leg('B', '7', 'buy', 1, 100, '10:01') || ', ' || pg_temp.leg('B', '7', 'sell', 1, 100, '10:01'), 'partially_filled t, partially_filled t', 'both legs');
SELECT is(pg_temp.leg('B', '7', 'sell', 1, 100, '10:01', state => 'busted'), 'partially_filled t TRADE_BUST', 'the sell is taken back');
SELECT is(pg_temp.ledger('B'), '7 buy 1 100 0; 7 sell 0 0 0; 7 sell busted 1 100 0', 'the sell alone');
SELECT is(pg_temp.holds('B'), '1 100 0 consistent', 'what was bought stays');
SELECT is(pg_temp.leg('B', '7', 'buy', 1, 100, '10:01', state => 'busted'), 'partially_filled t TRADE_BUST', 'then the buy');
SELECT is(pg_temp.ledger('B'), '7 buy 1 100 0; 7 buy busted 0 0 0; 7 sell -1 -100 0; 7 sell busted 0 0 0', 'each bust after its leg');
SELECT is(pg_temp.holds('B'), '0 0 0 consistent', 'nothing is held');
SELECT is((SELECT count(*) FROM quantmesh.discrepancy WHERE account = 'self' AND code = 'TRADE_BUST'), 2::bigint, 'two discrepancies');
SELECT is(pg_temp.leg('B', '8', 'sell', 1, 100, '10:02', state => 'busted') || ', ' || pg_temp.leg('B', '8', 'buy', 1, 100, '10:02', state => 'busted'), 'partially_filled t TRADE_BUST, partially_filled t TRADE_BUST', 'busts may come before their legs');
SELECT is(pg_temp.leg('B', '8', 'buy', 1, 100, '10:02') || ', ' || pg_temp.leg('B', '8', 'sell', 1, 100, '10:02'), 'filled t, filled t', 'which come then');
SELECT is(pg_temp.holds('B'), '0 0 0 consistent', 'nothing is held');

-- Two strategies trade with each other: a position each.
SELECT pg_temp.market('C') \gset
SELECT is(pg_temp.leg('C', '7', 'buy', 2, 100, '10:01') || ', ' || pg_temp.leg('C', '7', 'sell', 2, 100, '10:01', strategy => 'two'), 'filled t, filled t', 'both orders are filled');
SELECT is(pg_temp.holds('C') || ', ' || pg_temp.holds('C', 'two'), '2 200 0 consistent, -2 -200 0 consistent', 'one holds what the other owes');

-- As round trips of the earlier system.
SELECT is((SELECT string_agg(concat_ws(' ', symbol, trim_scale(buy_price), trim_scale(sell_price), quantity, pnl), ', ' ORDER BY symbol) FROM quantmesh_compat.trades WHERE symbol IN ('A', 'B', 'C', 'W1')),
          'A 90 100 1 10, W1 100 100 1 0', 'both legs are trades');

SELECT * FROM finish();
