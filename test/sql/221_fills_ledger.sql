-- Shows the ledger by examples that were computed by hand: position, cost and realized profit of every fill, long, short
-- and across zero; commissions in base, quote and a third asset; fills that come out of order; busts; strategies apart.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(67);

-- Each example has a market of its own, with one large buy and one large sell order for each of two strategies.
CREATE FUNCTION pg_temp.market(symbol text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM quantmesh.set_market('led', symbol, tick_size => 0.01, step_size => 0.001, base_asset => 'BTC', quote_asset => 'USDT');
    PERFORM quantmesh.place_order('led', symbol, side, CASE side WHEN 'buy' THEN 1 ELSE 100000 END, 1000, slot => '', strategy => s, request_id => concat_ws(' ', symbol, s, side))
        FROM unnest(ARRAY['buy', 'sell']) AS side, unnest(ARRAY['one', 'two']) AS s;
END $$;
CREATE FUNCTION pg_temp.fill(symbol text, trade_id text, side text, quantity numeric, price numeric, at text, commission numeric DEFAULT NULL, asset text DEFAULT NULL,
    strategy text DEFAULT 'one', state text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.state, r.applied, r.discrepancy)
    FROM quantmesh.orders AS o, quantmesh.apply_report('led', o.symbol, o.client_order_id, state => $10, trade_id => $2, last_quantity => $4, last_price => $5, commission => $7, commission_asset => $8,
                                                       event_time => ('2020-01-01 ' || $6 || '+00')::timestamptz) AS r
    WHERE o.request_id = concat_ws(' ', $1, $9, $3)
$$;
-- Quantity, cost and profit of a position.
CREATE FUNCTION pg_temp.holds(symbol text, strategy text DEFAULT 'one') RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', trim_scale(round(quantity, 12)), trim_scale(round(cost, 12)), trim_scale(round(realized_profit, 12)))
    FROM quantmesh.position AS p WHERE p.account = 'led' AND p.symbol = $1 AND p.strategy = $2
$$;
-- The running values of a market's fills, in order of time.
CREATE FUNCTION pg_temp.ledger(symbol text, strategy text DEFAULT 'one') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', trade_id, CASE kind WHEN 'bust' THEN 'busted' END, trim_scale(round(position_after, 12)), trim_scale(round(cost_after, 12)), trim_scale(round(profit_after, 12))), '; '
                      ORDER BY executed_at, trade_id COLLATE "C", kind DESC)
    FROM quantmesh.fill AS f WHERE f.account = 'led' AND f.symbol = $1 AND f.strategy = $2
$$;

-- Average cost, long, to short, and back.
SELECT pg_temp.market('A') \gset
SELECT is(pg_temp.fill('A', '1', 'buy', 1, 100, '10:00'), 'partially_filled t', 'a fill is booked');
SELECT is(pg_temp.holds('A'), '1 100 0', 'buy 1 at 100');
SELECT pg_temp.fill('A', '2', 'buy', 1, 110, '10:01') \gset
SELECT is(pg_temp.holds('A'), '2 210 0', 'buy 1 at 110: they cost 105 each');
SELECT pg_temp.fill('A', '3', 'sell', 1, 120, '10:02') \gset
SELECT is(pg_temp.holds('A'), '1 105 15', 'sell 1 at 120: 15 earned');
SELECT pg_temp.fill('A', '4', 'sell', 2, 90, '10:03') \gset
SELECT is(pg_temp.holds('A'), '-1 -90 0', 'sell 2 at 90: 15 lost, and short by 1 at 90');
SELECT pg_temp.fill('A', '5', 'buy', 0.5, 80, '10:04') \gset
SELECT is(pg_temp.holds('A'), '-0.5 -45 5', 'buy 0.5 at 80: 5 earned');
SELECT pg_temp.fill('A', '6', 'sell', 0.5, 100, '10:05') \gset
SELECT is(pg_temp.holds('A'), '-1 -95 5', 'sell 0.5 at 100: short at 95 on average');
SELECT pg_temp.fill('A', '7', 'buy', 1.5, 105, '10:06') \gset
SELECT is(pg_temp.holds('A'), '0.5 52.5 -5', 'buy 1.5 at 105: 10 lost, and long by 0.5 at 105');
SELECT pg_temp.fill('A', '8', 'sell', 0.5, 115, '10:07') \gset
SELECT is(pg_temp.holds('A'), '0 0 0', 'sell 0.5 at 115: 5 earned, flat');
SELECT is(pg_temp.ledger('A'), '1 1 100 0; 2 2 210 0; 3 1 105 15; 4 -1 -90 0; 5 -0.5 -45 5; 6 -1 -95 5; 7 0.5 52.5 -5; 8 0 0 0', 'each fill keeps what was held after it');
SELECT pg_temp.rows_eq($$ SELECT strategy::text, quantity, realized_profit FROM quantmesh.positions WHERE account = 'led' AND symbol = 'A' AND strategy = 'one' $$, $$ VALUES ('one', 0::numeric, 0::numeric) $$, 'the view says the same');

-- Commission in the base asset: less is held, at the same cost.
SELECT pg_temp.market('B') \gset
SELECT pg_temp.fill('B', '1', 'buy', 1, 100, '10:00', 0.001, 'BTC') \gset
SELECT is(pg_temp.holds('B'), '0.999 100 0', 'base: a buy brings less');
SELECT pg_temp.fill('B', '2', 'sell', 0.999, 110, '10:01') \gset
SELECT is(pg_temp.holds('B'), '0 0 9.89', 'and what was paid for it counts: 109.89 - 100');
SELECT pg_temp.fill('B', '3', 'buy', 1, 100, '10:02') \gset
SELECT pg_temp.fill('B', '4', 'sell', 0.5, 120, '10:03', 0.001, 'BTC') \gset
SELECT is(pg_temp.holds('B'), '0.499 50 19.89', 'a sell takes more: 10 earned, less held at the same cost');
SELECT pg_temp.fill('B', '5', 'sell', 0.499, 120, '10:04') \gset
SELECT is(pg_temp.holds('B'), '0 0 29.77', '59.88 - 50 earned');
SELECT pg_temp.fill('B', '6', 'buy', 1, 100, '10:05', -0.001, 'BTC') \gset
SELECT is(pg_temp.holds('B'), '1.001 100 29.77', 'a rebate brings more');
-- In the quote asset: less is earned.
SELECT pg_temp.market('C') \gset
SELECT pg_temp.fill('C', '1', 'buy', 1, 100, '10:00', 0.1, 'USDT') \gset
SELECT is(pg_temp.holds('C'), '1 100 -0.1', 'quote: paid at once');
SELECT pg_temp.fill('C', '2', 'sell', 1, 110, '10:01', 0.11, 'USDT') \gset
SELECT is(pg_temp.holds('C'), '0 0 9.79', '10 - 0.1 - 0.11');
SELECT pg_temp.fill('C', '3', 'buy', 1, 100, '10:02', -0.05, 'USDT') \gset
SELECT is(pg_temp.holds('C'), '1 100 9.84', 'a rebate is earned');
-- In a third asset: kept, and counted apart.
SELECT pg_temp.market('D') \gset
SELECT pg_temp.fill('D', '1', 'buy', 1, 100, '10:00', 0.01, 'BNB') \gset
SELECT pg_temp.fill('D', '2', 'sell', 1, 110, '10:01', 0.02, 'BNB') \gset
SELECT is(pg_temp.holds('D'), '0 0 10', 'a third asset changes neither position nor profit');
SELECT pg_temp.rows_eq($$ SELECT commission, commission_asset::text FROM quantmesh.fill WHERE account = 'led' AND symbol = 'D' ORDER BY trade_id $$, $$ VALUES (0.01, 'BNB'), (0.02, 'BNB') $$, 'but is kept');
SELECT pg_temp.fill('D', '3', 'buy', 1, 100, '10:02', 0, 'BNB') \gset
SELECT is(pg_temp.holds('D'), '1 100 10', 'a commission of 0 is none');
SELECT pg_temp.fill('D', '4', 'buy', 1, 100, '10:02', 0.5, 'btc') \gset
SELECT is(pg_temp.holds('D'), '2 200 10', 'assets compare bytewise');

-- Out of order: the same fills in another order come to the same.
SELECT pg_temp.market('E') \gset
SELECT pg_temp.fill('E', '3', 'sell', 1, 120, '10:02') \gset
SELECT is(pg_temp.holds('E'), '-1 -120 0', 'the sell comes first: the position is short');
SELECT pg_temp.fill('E', '1', 'buy', 1, 100, '10:00') \gset
SELECT is(pg_temp.ledger('E'), '1 1 100 0; 3 0 0 20', 'then the first buy: recomputed from there');
SELECT pg_temp.fill('E', '2', 'buy', 1, 110, '10:01') \gset
SELECT is(pg_temp.ledger('E'), '1 1 100 0; 2 2 210 0; 3 1 105 15', 'then the second');
SELECT is(pg_temp.holds('E'), '1 105 15', 'as if they had come in order');
SELECT pg_temp.rows_eq($$ SELECT last_trade_id::text, last_executed_at FROM quantmesh.position WHERE account = 'led' AND symbol = 'E' AND strategy = 'one' $$,
                  $$ VALUES ('3', '2020-01-01 10:02+00'::timestamptz) $$, 'the position knows its last fill in time');
SELECT pg_temp.fill('E', '30', 'buy', 1, 95, '10:02') \gset
SELECT is(pg_temp.ledger('E'), '1 1 100 0; 2 2 210 0; 3 1 105 15; 30 2 200 15', 'at the same time trade ids decide');
SELECT pg_temp.fill('E', '10', 'buy', 1, 90, '10:02') \gset
SELECT is(pg_temp.ledger('E'), '1 1 100 0; 2 2 210 0; 10 3 300 0; 3 2 200 20; 30 3 295 20', 'bytewise: 10 is before 3');
SELECT pg_temp.fill('E', '0', 'sell', 1, 50, '09:00', 0.5, 'USDT') \gset
SELECT is(pg_temp.ledger('E'), '0 -1 -50 -0.5; 1 0 0 -50.5; 2 1 110 -50.5; 10 2 200 -50.5; 3 1 100 -30.5; 30 2 195 -30.5', 'a fill before all others');

-- Busts: a trade that the exchange took back is a trade the other way.
SELECT pg_temp.market('F') \gset
SELECT pg_temp.fill('F', '1', 'buy', 1, 100, '10:00') \gset
SELECT pg_temp.fill('F', '2', 'sell', 1, 110, '10:01') \gset
SELECT is(pg_temp.fill('F', '1', 'buy', 1, 100, '10:02', state => 'busted'), 'partially_filled t TRADE_BUST', 'the first trade is busted');
SELECT is(pg_temp.ledger('F'), '1 1 100 0; 2 0 0 10; 1 busted -1 -100 10', 'what was sold is short now');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, busted_quantity, filled_quote, state::text FROM quantmesh.orders WHERE request_id = 'F one buy' $$, $$ VALUES (0::numeric, 1::numeric, 0::numeric, 'partially_filled') $$,
                  'the order has nothing filled, and its state');
SELECT pg_temp.rows_eq($$ SELECT quantity, price FROM quantmesh.fill WHERE account = 'led' AND symbol = 'F' AND kind = 'bust' $$, $$ VALUES (-1::numeric, 100::numeric) $$, 'a row of its own, with a negative quantity');
SELECT is(pg_temp.fill('F', '1', 'buy', 1, 100, '10:02', state => 'busted'), 'partially_filled f', 'once');
SELECT is(pg_temp.fill('F', '1', 'buy', 1, 100, '10:00'), 'partially_filled f', 'and the trade is not booked again');
SELECT pg_temp.fill('F', '2', 'sell', 1, 110, '10:03', state => 'BUSTED') \gset
SELECT is(pg_temp.holds('F'), '0 0 0', 'when both are busted nothing is left');
SELECT is((SELECT count(*) FROM quantmesh.fill WHERE account = 'led' AND symbol = 'F'), 4::bigint, 'but four rows');
-- A bust may come before its trade.
SELECT pg_temp.market('G') \gset
SELECT pg_temp.fill('G', '0', 'buy', 2, 100, '09:00') \gset
SELECT is(pg_temp.fill('G', '1', 'buy', 1, 130, '10:02', state => 'busted'), 'partially_filled t TRADE_BUST', 'a bust before its trade');
SELECT is(pg_temp.fill('G', '1', 'buy', 1, 130, '10:00'), 'partially_filled t', 'then the trade');
SELECT is(pg_temp.ledger('G'), '0 2 200 0; 1 3 330 0; 1 busted 2 220 20', 'comes to what the right order comes to');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, busted_quantity, filled_quote FROM quantmesh.orders WHERE request_id = 'G one buy' $$, $$ VALUES (2::numeric, 1::numeric, 200::numeric) $$, 'for the order too');
-- A bust gives its commission back.
SELECT pg_temp.market('H') \gset
SELECT pg_temp.fill('H', '1', 'buy', 1, 100, '10:00', 0.1, 'USDT') \gset
SELECT pg_temp.fill('H', '1', 'buy', 1, 100, '10:01', 0.1, 'USDT', state => 'busted') \gset
SELECT is(pg_temp.holds('H'), '0 0 0', 'a bust gives the commission back that it names');
SELECT pg_temp.fill('H', '2', 'buy', 1, 100, '10:02', 0.001, 'BTC') \gset
SELECT pg_temp.fill('H', '2', 'buy', 1, 100, '10:03', 0.001, 'BTC', state => 'busted') \gset
SELECT is(split_part(pg_temp.holds('H'), ' ', 1), '0', 'also in the base asset');

-- Strategies apart, in one market.
SELECT pg_temp.market('I') \gset
SELECT pg_temp.fill('I', '1', 'buy', 1, 100, '10:00') \gset
SELECT pg_temp.fill('I', '2', 'sell', 1, 110, '10:01', strategy => 'two') \gset
SELECT is(pg_temp.holds('I', 'one') || ' / ' || pg_temp.holds('I', 'two'), '1 100 0 / -1 -110 0', 'one buys, the other sells: nobody has earned anything');
SELECT pg_temp.fill('I', '3', 'sell', 1, 105, '10:02') \gset
SELECT pg_temp.fill('I', '4', 'buy', 1, 95, '10:03', strategy => 'two') \gset
SELECT is(pg_temp.holds('I', 'one') || ' / ' || pg_temp.holds('I', 'two'), '0 0 5 / 0 0 15', 'each its own');
SELECT is(pg_temp.fill('I', '1', 'buy', 1, 100, '10:00', strategy => 'two'), 'partially_filled f FILL_MISMATCH', 'a trade belongs to one order');
SELECT is(pg_temp.holds('I', 'one') || ' / ' || pg_temp.holds('I', 'two'), '0 0 5 / 0 0 15', 'and is booked once');

-- Numbers that do not come out even.
SELECT pg_temp.market('J') \gset
SELECT pg_temp.fill('J', '1', 'buy', 3, 100, '10:00') \gset
SELECT pg_temp.fill('J', '2', 'buy', 4, 33.33, '10:01') \gset
SELECT pg_temp.fill('J', 's' || i, 'sell', 1, 77.77, '10:0' || i + 1) FROM generate_series(1, 7) AS i \g /dev/null
SELECT is(pg_temp.holds('J'), '0 0 ' || (7 * 77.77 - 300 - 4 * 33.33), 'thirds and sevenths: flat is flat, and all is earned');
SELECT is((SELECT cost FROM quantmesh.position WHERE account = 'led' AND symbol = 'J' AND strategy = 'one'), 0::numeric, 'with a cost of exactly 0');
SELECT pg_temp.fill('J', '9', 'buy', 0.000000000000000001, 0.000000000000000001, '10:30') \gset
SELECT is((SELECT quantity || ' ' || trim_scale(cost) FROM quantmesh.position WHERE account = 'led' AND symbol = 'J' AND strategy = 'one'), '0.000000000000000001 0.000000000000000000000000000000000001', 'the smallest fill is exact');

-- 120 fills, some busted, of both sides: in order, in reverse, and shuffled, twice each. All come to the same.
CREATE TEMP TABLE random_fill AS
    SELECT i, 'f' || i AS trade_id, CASE WHEN hashint4(i) % 2 = 0 THEN 'buy' ELSE 'sell' END AS side, (abs(hashint4(i + 1000)) % 900 + 1) / 1000.0 AS quantity,
           (abs(hashint4(i + 2000)) % 3000 + 9000) / 100.0 AS price, '10:' || lpad((abs(hashint4(i + 3000)) % 30)::text, 2, '0') AS at,
           CASE abs(hashint4(i + 4000)) % 4 WHEN 0 THEN 'BTC' WHEN 1 THEN 'USDT' WHEN 2 THEN 'BNB' END AS asset, NULL::text AS state
    FROM generate_series(1, 120) AS i;
INSERT INTO random_fill SELECT i, trade_id, side, quantity, price, '11:' || lpad((i % 60)::text, 2, '0'), asset, 'busted' FROM random_fill WHERE i % 10 = 0;
SELECT pg_temp.market(symbol) FROM unnest(ARRAY['R1', 'R2', 'R3']) AS symbol \g /dev/null
SELECT pg_temp.fill(symbol, trade_id, side, quantity, price, at, CASE WHEN asset IS NOT NULL THEN 0.00013 END, asset, state => state)
    FROM random_fill, unnest(ARRAY['R1', 'R2', 'R3']) AS symbol, generate_series(1, 2) AS twice
    ORDER BY symbol, CASE symbol WHEN 'R1' THEN extract(epoch FROM at::time) WHEN 'R2' THEN -extract(epoch FROM at::time) ELSE hashint8(i * 100 + twice + length(coalesce(state, ''))) END, twice \g /dev/null
SELECT is((SELECT count(*) FROM quantmesh.fill WHERE account = 'led' AND symbol = 'R1'), 132::bigint, 'random fills and busts are booked');
SELECT pg_temp.rows_eq(format('SELECT trade_id, kind, quantity, price, executed_at, position_after, cost_after, profit_after FROM quantmesh.fill WHERE account = ''led'' AND symbol = %L ORDER BY executed_at, trade_id, kind', s),
                  'SELECT trade_id, kind, quantity, price, executed_at, position_after, cost_after, profit_after FROM quantmesh.fill WHERE account = ''led'' AND symbol = ''R1'' ORDER BY executed_at, trade_id, kind',
                  format('%s: the same in another order, twice', s)) FROM unnest(ARRAY['R2', 'R3']) AS s;
SELECT pg_temp.rows_eq(format('SELECT strategy, quantity, cost, realized_profit, last_executed_at, last_trade_id, last_kind FROM quantmesh.position WHERE account = ''led'' AND symbol = %L ORDER BY strategy', s),
                  'SELECT strategy, quantity, cost, realized_profit, last_executed_at, last_trade_id, last_kind FROM quantmesh.position WHERE account = ''led'' AND symbol = ''R1'' ORDER BY strategy',
                  format('%s: the same positions', s)) FROM unnest(ARRAY['R2', 'R3']) AS s;
SELECT pg_temp.rows_eq(format('SELECT side, state, filled_quantity, busted_quantity, filled_quote, reported_quantity FROM quantmesh.orders WHERE account = ''led'' AND symbol = %L ORDER BY request_id', s),
                  'SELECT side, state, filled_quantity, busted_quantity, filled_quote, reported_quantity FROM quantmesh.orders WHERE account = ''led'' AND symbol = ''R1'' ORDER BY request_id',
                  format('%s: the same orders', s)) FROM unnest(ARRAY['R2', 'R3']) AS s;

-- A copy without a time says nothing of the time, whichever comes first, even where the exchange's clock is ahead of ours.
SELECT pg_temp.market(s) FROM unnest(ARRAY['T1', 'T2']) AS s \g /dev/null
CREATE FUNCTION pg_temp.copy_of(symbol text, trade_id text, side text, price numeric, at timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT quantmesh.apply_report('led', o.symbol, o.client_order_id, trade_id => $2, last_quantity => 1, last_price => $4, event_time => $5)
    FROM quantmesh.orders AS o WHERE o.request_id = concat_ws(' ', $1, 'one', $3)
$$;
SELECT pg_temp.copy_of('T1', t, side, price, at) FROM (VALUES
    (1, '1', 'buy', 100, NULL), (2, '1', 'buy', 100, '2199-01-01 12:00+00'), (3, '2', 'buy', 130, '2199-01-01 10:00+00'::timestamptz), (4, '3', 'sell', 120, '2199-01-01 11:00+00')) AS c (n, t, side, price, at) ORDER BY n \g /dev/null
SELECT pg_temp.copy_of('T2', t, side, price, at) FROM (VALUES
    (1, '3', 'sell', 120, NULL), (2, '3', 'sell', 120, '2199-01-01 11:00+00'::timestamptz), (3, '1', 'buy', 100, '2199-01-01 12:00+00'), (4, '1', 'buy', 100, NULL), (5, '2', 'buy', 130, '2199-01-01 10:00+00')) AS c (n, t, side, price, at) ORDER BY n \g /dev/null
SELECT is(pg_temp.ledger('T1'), '2 1 130 0; 3 0 0 -10; 1 1 100 -10', 'the time that was said counts');
SELECT is(pg_temp.ledger('T2'), pg_temp.ledger('T1'), 'in another order, too');
SELECT is((SELECT bool_and(time_known) FROM quantmesh.fill WHERE account = 'led' AND symbol IN ('T1', 'T2')), true, 'and is known');

-- In the end: positions are the sums of fills, and the last running values.
SELECT pg_temp.rows_eq(
    $$ SELECT account, symbol, strategy, quantity FROM quantmesh.position ORDER BY account, symbol, strategy $$,
    $$ SELECT account, symbol, strategy, sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END
              - CASE WHEN commission_asset = 'BTC' THEN CASE kind WHEN 'bust' THEN -abs(commission) ELSE commission END ELSE 0 END) FROM quantmesh.fill GROUP BY account, symbol, strategy ORDER BY account, symbol, strategy $$,
    'every position is the sum of its fills');
SELECT pg_temp.rows_eq(
    $$ SELECT account, symbol, strategy, quantity, cost, realized_profit, last_trade_id, last_kind FROM quantmesh.position ORDER BY account, symbol, strategy $$,
    $$ SELECT DISTINCT ON (account, symbol, strategy) account, symbol, strategy, position_after, cost_after, profit_after, trade_id, kind FROM quantmesh.fill
       ORDER BY account, symbol, strategy, executed_at DESC, trade_id DESC, kind ASC $$, 'and the running values of the last one');
SELECT pg_temp.rows_eq(
    $$ SELECT account, order_id, filled_quantity, busted_quantity, filled_quote FROM quantmesh.orders WHERE filled_quantity + busted_quantity > 0 ORDER BY order_id $$,
    $$ SELECT account, order_id, sum(quantity), -coalesce(sum(quantity) FILTER (WHERE kind = 'bust'), 0), sum(quantity * price) FROM quantmesh.fill GROUP BY account, order_id ORDER BY order_id $$,
    'every order has what its fills say');
SELECT pg_temp.rows_eq($$ SELECT commission_asset::text, sum(commission) FROM quantmesh.commissions WHERE account = 'led' AND symbol = 'D' GROUP BY 1 ORDER BY 1 $$, $$ VALUES ('BNB', 0.03), ('btc', 0.5) $$,
                  'the view commissions sums what was paid');

SELECT set_eq($$ SELECT account, symbol, strategy, asset, amount FROM quantmesh.other_commission WHERE amount <> 0 $$,
              $$ SELECT f.account, f.symbol, f.strategy, f.commission_asset, sum(f.commission) FROM quantmesh.fill AS f JOIN quantmesh.market AS m USING (account, symbol)
                 WHERE f.commission_asset NOT IN (m.base_asset, m.quote_asset) GROUP BY 1, 2, 3, 4 HAVING sum(f.commission) <> 0 $$,
              'commissions in other assets come to what the fills say');

SELECT * FROM finish();
