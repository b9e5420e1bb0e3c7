-- Shows that pruning fills leaves positions, sums and the rest of the ledger what they were; that a trade that was pruned is
-- not booked again, whoever reports it; and that trades that come late, out of order, or as a bust find the right place.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(41);

-- The same trades in two accounts: one is pruned on the way, the other never.
SELECT quantmesh.set_market('kept', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
SELECT quantmesh.set_market('pruned', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
CREATE FUNCTION pg_temp.place(strategy text, side text) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(p.order_id) FROM unnest(ARRAY['kept', 'pruned']) AS a, quantmesh.place_order(a, 'BTCUSDT', $2, CASE $2 WHEN 'buy' THEN 1 ELSE 100000 END, 100, slot => '', strategy => $1, request_id => concat_ws(' ', $1, $2)) AS p
$$;
CREATE FUNCTION pg_temp.id_of(account text, strategy text, side text) RETURNS text LANGUAGE sql AS $$
    SELECT o.client_order_id FROM quantmesh.orders AS o WHERE o.account = $1 AND o.strategy = $2 AND o.side = $3
    UNION ALL SELECT o.client_order_id FROM quantmesh.order_archive AS o WHERE o.account = $1 AND o.strategy = $2 AND o.side = $3
$$;
-- A trade on day `day`, as both accounts are told of it, and what each answers.
CREATE FUNCTION pg_temp.trade(strategy text, side text, trade_id text, day integer, quantity numeric, price numeric, commission numeric DEFAULT NULL, asset text DEFAULT NULL,
                              state text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r.applied, r.discrepancy), ', ' ORDER BY a)
    FROM unnest(ARRAY['kept', 'pruned']) AS a, quantmesh.apply_report(a, 'BTCUSDT', pg_temp.id_of(a, $1, $2), state => $9, trade_id => $3, last_quantity => $5, last_price => $6,
        commission => $7, commission_asset => $8, event_time => '2020-01-01 00:00+00'::timestamptz + $4 * interval '1 day') AS r
$$;
CREATE FUNCTION pg_temp.prune(day integer, max_rows integer DEFAULT 1000) RETURNS text LANGUAGE sql AS $$
    SELECT rows || CASE more WHEN true THEN ' more' WHEN false THEN '' ELSE ' ?' END
    FROM quantmesh.prune_fills('pruned', '2020-01-01 00:00+00'::timestamptz + $1 * interval '1 day', $2)
$$;
CREATE FUNCTION pg_temp.archive() RETURNS text LANGUAGE sql AS $$
    SELECT rows::text FROM quantmesh.archive_orders('pruned', clock_timestamp(), 1000)
$$;
-- What both accounts must agree on.
CREATE FUNCTION pg_temp.agree(description text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT pg_temp.rows_eq(
        $q$ SELECT symbol, strategy, quantity, cost, realized_profit, last_executed_at, last_trade_id, consistent FROM quantmesh.positions WHERE account = 'pruned' ORDER BY 2 $q$,
        $q$ SELECT symbol, strategy, quantity, cost, realized_profit, last_executed_at, last_trade_id, consistent FROM quantmesh.positions WHERE account = 'kept' ORDER BY 2 $q$, description || ': positions');
    RETURN NEXT pg_temp.rows_eq(
        $q$ SELECT symbol, strategy, fills, trim_scale(bought), trim_scale(sold), trim_scale(base_commission), trim_scale(quote_commission), quantity FROM quantmesh.position_sums WHERE account = 'pruned' ORDER BY 2 $q$,
        $q$ SELECT symbol, strategy, fills, trim_scale(bought), trim_scale(sold), trim_scale(base_commission), trim_scale(quote_commission), quantity FROM quantmesh.position_sums WHERE account = 'kept' ORDER BY 2 $q$, description || ': sums');
    RETURN NEXT pg_temp.rows_eq(
        $q$ SELECT strategy, commission_asset, trim_scale(commission), fills FROM quantmesh.commissions WHERE account = 'pruned' ORDER BY 1, 2 $q$,
        $q$ SELECT strategy, commission_asset, trim_scale(commission), fills FROM quantmesh.commissions WHERE account = 'kept' ORDER BY 1, 2 $q$, description || ': commissions');
    RETURN NEXT pg_temp.rows_eq(
        $q$ SELECT trade_id, kind, position_after, cost_after, profit_after FROM quantmesh.fills WHERE account = 'pruned' ORDER BY executed_at, trade_id, kind DESC $q$,
        $q$ SELECT k.trade_id, k.kind, k.position_after, k.cost_after, k.profit_after FROM quantmesh.fills AS k
            WHERE k.account = 'kept' AND EXISTS (SELECT FROM quantmesh.fills AS p WHERE p.account = 'pruned' AND (p.trade_id, p.kind) = (k.trade_id, k.kind))
            ORDER BY k.executed_at, k.trade_id, k.kind DESC $q$, description || ': running values of what is left');
END $$;
CREATE FUNCTION pg_temp.left_over(strategy text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(trade_id || CASE kind WHEN 'bust' THEN '!' ELSE '' END, ' ' ORDER BY executed_at, trade_id COLLATE "C", kind DESC) FROM quantmesh.fill AS f WHERE f.account = 'pruned' AND f.strategy = $1
$$;

SELECT is(sum(pg_temp.place(s, side)), 12::numeric, 'orders') FROM unnest(ARRAY['one', 'two', 'names']) AS s, unnest(ARRAY['buy', 'sell']) AS side;
SELECT pg_temp.trade('one', 'buy', '10', 1, 2, 100, 0.01, 'BTC') \gset
SELECT pg_temp.trade('one', 'sell', '11', 2, 1, 120, 0.5, 'USDT') \gset
SELECT pg_temp.trade('one', 'buy', '12', 3, 1, 90, 0.001, 'BNB') \gset
SELECT pg_temp.trade('one', 'sell', '13', 4, 3, 130) \gset
SELECT pg_temp.trade('one', 'sell', '13', 4, 3, 130, state => 'busted') \gset
SELECT pg_temp.trade('one', 'buy', '20', 10, 1, 95, 0.002, 'BTC') \gset
SELECT pg_temp.trade('one', 'buy', '21', 11, 1, 105) \gset
SELECT pg_temp.trade('two', 'sell', '14', 5, 4, 110, 0.1, 'USDT') \gset
SELECT pg_temp.trade('names', 'buy', 'a-1', 1, 1, 100) \gset
SELECT pg_temp.trade('names', 'buy', '15', 6, 1, 100) \gset

-- Fills of orders that are not archived stay, however old they are.
SELECT is(pg_temp.prune(100), '0', 'nothing is pruned while its order may still change');
SELECT is(count(*), 12::bigint, 'the orders end') FROM quantmesh.orders AS o, quantmesh.apply_report(o.account, o.symbol, o.client_order_id, state => 'canceled') AS r WHERE r.state = 'canceled';
SELECT is(pg_temp.archive(), '6', '... and are archived, in one account');
SELECT is(pg_temp.prune(0), '0', 'nothing is old enough');
SELECT is_empty('SELECT FROM quantmesh.fill_opening', '... and nothing is written');
SELECT is((SELECT more FROM quantmesh.housekeep('fills', '2019-01-01', 1000)), false, 'housekeep says the same');

-- In batches.
SELECT is(pg_temp.prune(4, 2), '2 more', 'the beginning of a ledger, no more than asked for');
SELECT is(pg_temp.left_over('one'), '12 13 13! 20 21', '... is gone');
SELECT * FROM pg_temp.agree('two fills pruned');
SELECT is(pg_temp.prune(9), '3', 'what is older than day 9');
SELECT is(pg_temp.left_over('one'), '20 21', '... is gone');
SELECT is(pg_temp.left_over('two'), '14', 'the last fill of a ledger stays: it has what the position is');
SELECT is(pg_temp.left_over('names'), 'a-1 15', 'an id that is no number keeps what is behind it');
SELECT * FROM pg_temp.agree('five fills pruned');
SELECT pg_temp.rows_eq('SELECT strategy, pruned_trade, trade_id, kind FROM quantmesh.fill_opening', $$ VALUES ('one', 13, '13', 'bust') $$, 'the opening is noted down');

-- Pruned trades are told again.
SELECT is(pg_temp.trade('one', 'buy', '10', 1, 2, 100, 0.01, 'BTC'), 'f, f', 'a pruned trade is no news');
SELECT is(pg_temp.trade('two', 'buy', '10', 1, 2, 100), 'f FILL_MISMATCH, f', '... not for another order either');
SELECT is(pg_temp.trade('one', 'sell', '13', 4, 3, 130, state => 'busted'), 'f, f TRADE_BUST', 'its bust is recorded, and not booked');
SELECT is(pg_temp.left_over('one'), '20 21', 'nothing has come back');
SELECT pg_temp.place('new', 'buy') \gset
SELECT is((SELECT r.applied FROM quantmesh.apply_report('pruned', 'BTCUSDT', pg_temp.id_of('pruned', 'new', 'buy'), trade_id => '9', last_quantity => 1, last_price => 1) AS r), false,
          'an id below the watermark is ignored in the whole market');
SELECT is_empty($$ SELECT FROM quantmesh.position WHERE account = 'pruned' AND strategy = 'new' $$, '... and makes no position');
SELECT is((SELECT r.applied FROM quantmesh.apply_report('pruned', 'BTCUSDT', pg_temp.id_of('pruned', 'new', 'buy'), trade_id => 'x9', last_quantity => 1, last_price => 1, event_time => '2020-03-01') AS r), true,
          'an id that is no number is above every watermark');
SELECT is((SELECT r.applied FROM quantmesh.apply_report('kept', 'BTCUSDT', pg_temp.id_of('kept', 'new', 'buy'), trade_id => 'x9', last_quantity => 1, last_price => 1, event_time => '2020-03-01') AS r), true, '... in either account');

-- Trades that come late: before everything that is left.
SELECT is(pg_temp.trade('one', 'buy', '16', 7, 1, 80, 0.003, 'BTC'), 't LATE_FILL, t LATE_FILL', 'a late trade between the pruned ones and the rest');
SELECT is(pg_temp.left_over('one'), '16 20 21', '... goes there');
SELECT * FROM pg_temp.agree('a late trade');
SELECT is((SELECT r.applied FROM quantmesh.apply_report('pruned', 'BTCUSDT', pg_temp.id_of('pruned', 'one', 'buy'), trade_id => '17', last_quantity => 1, last_price => 70, event_time => '2020-01-02 12:00+00') AS r), true,
          'a trade with a later id that says it is older than the pruned ones');
SELECT is((SELECT executed_at FROM quantmesh.fill WHERE account = 'pruned' AND trade_id = '17'), (SELECT executed_at + '1 us'::interval FROM quantmesh.fill_opening WHERE strategy = 'one'),
          '... counts as right behind them');
SELECT is((SELECT r.applied FROM quantmesh.apply_report('pruned', 'BTCUSDT', pg_temp.id_of('pruned', 'one', 'buy'), trade_id => '17', last_quantity => 1, last_price => 70, event_time => '2020-01-02 12:00+00') AS r), false,
          '... once');
SELECT is((SELECT trim_scale(quantity) || ' ' || consistent FROM quantmesh.positions WHERE account = 'pruned' AND strategy = 'one'),
          (SELECT trim_scale(quantity + 1) || ' true' FROM quantmesh.positions WHERE account = 'kept' AND strategy = 'one'), 'and the position is right');

SELECT is((SELECT string_agg(format('%s %s', p.strategy, trim_scale(p.quantity - s.quantity)), ', ' ORDER BY p.strategy) FROM quantmesh.positions AS p JOIN quantmesh.position_sums AS s USING (account, symbol, strategy) WHERE p.account = 'pruned'),
          'names 0, new 0, one 0, two 0', 'positions are what the sums say');

SELECT * FROM finish();
