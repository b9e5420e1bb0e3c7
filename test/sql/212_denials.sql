-- Shows each reason for which place_order denies: its code, the limit and the value in its detail, that nothing is
-- stored, and that it is counted.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(156);

CREATE TEMP TABLE answer (n serial, call text, expected text, words text[], LIKE quantmesh.placement);

-- Makes a call that is to be denied, and keeps the answer beside what is expected: the code, and words of the detail.
CREATE FUNCTION pg_temp.deny(expected text, words text[], call text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO answer SELECT nextval(%L), %L, %L, %L, p.* FROM quantmesh.place_order(%s) AS p', 'pg_temp.answer_n_seq', call, expected, words, call);
END $$;
CREATE FUNCTION pg_temp.outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE format('SELECT concat_ws('' '', outcome, reason) FROM quantmesh.place_order(%s)', call) INTO said;
    RETURN said;
END $$;

SELECT quantmesh.reset_metrics() \gset

-- Markets and instances.
SELECT pg_temp.deny('UNKNOWN_MARKET', '{nowhere,BTCUSDT}', $$ 'nowhere', 'BTCUSDT', 'buy', 100, 1 $$) \gset
SELECT quantmesh.set_market('deny', 'BTCUSDT', tick_size => 0.05, step_size => 0.002, min_quantity => 0.01, max_quantity => 5, min_notional => 10) \gset
SELECT pg_temp.deny('UNKNOWN_MARKET', '{deny,ETHUSDT}', $$ 'deny', 'ETHUSDT', 'buy', 100, 1 $$) \gset
SELECT pg_temp.deny('UNKNOWN_MARKET', '{DENY,BTCUSDT}', $$ 'DENY', 'BTCUSDT', 'buy', 100, 1 $$) \gset
SELECT pg_temp.deny('UNKNOWN_INSTANCE', '{bot-1}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1, instance => 'bot-1', epoch => 3 $$) \gset
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('bot-1', 3);
SELECT quantmesh.markets_changed() \gset
SELECT pg_temp.deny('STALE_INSTANCE', '{bot-1,2,3}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1, instance => 'bot-1', epoch => 2 $$) \gset
SELECT pg_temp.deny('UNKNOWN_INSTANCE', '{BOT-1}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1, instance => 'BOT-1', epoch => 3 $$) \gset
SELECT pg_temp.deny('VALID_UNTIL_PASSED', '{2020}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1, valid_until => '2020-01-01 00:00+00' $$) \gset
SELECT pg_temp.deny('VALID_UNTIL_PASSED', '{}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1, valid_until => clock_timestamp() $$) \gset

-- Filters: what breaks one is denied, not bent.
SELECT pg_temp.deny('PRICE_OFF_TICK', '{100.01,0.05}', $$ 'deny', 'BTCUSDT', 'buy', 100.01, 1 $$) \gset
SELECT pg_temp.deny('PRICE_OFF_TICK', '{0.05}', $$ 'deny', 'BTCUSDT', 'buy', 100.000000000000000001, 1 $$) \gset
SELECT pg_temp.deny('PRICE_OFF_TICK', '{0.04,0.05}', $$ 'deny', 'BTCUSDT', 'buy', 0.04, 1 $$) \gset
SELECT pg_temp.deny('QUANTITY_OFF_STEP', '{1.001,0.002}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1.001 $$) \gset
SELECT pg_temp.deny('QUANTITY_OFF_STEP', '{0.002}', $$ 'deny', 'BTCUSDT', 'buy', 100, 1.000000000000000001 $$) \gset
SELECT pg_temp.deny('QUANTITY_BELOW_MINIMUM', '{0.008,0.01}', $$ 'deny', 'BTCUSDT', 'buy', 100000, 0.008 $$) \gset
SELECT pg_temp.deny('QUANTITY_ABOVE_MAXIMUM', '{5.002,5}', $$ 'deny', 'BTCUSDT', 'buy', 100, 5.002 $$) \gset
SELECT pg_temp.deny('NOTIONAL_BELOW_MINIMUM', '{9.998,10}', $$ 'deny', 'BTCUSDT', 'buy', 499.9, 0.02 $$) \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'BTCUSDT', 'buy', 500, 0.02, slot => '' $$)), 'placed', 'exactly the least notional is allowed');
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'BTCUSDT', 'buy', 100000, 0.01, slot => '' $$)), 'placed', 'and the least quantity');
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'BTCUSDT', 'buy', 100, 5, slot => '' $$)), 'placed', 'and the most');
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'BTCUSDT', 'buy', 100.05, 1.002, slot => '' $$)), 'placed', 'and every tick and step');

-- Limits, on a market of their own each. 213_limits.sql shows how they are counted.
SELECT quantmesh.set_market('deny', 'AUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('deny', 'AUSDT', max_open_orders => 1) \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'AUSDT', 'buy', 100, 1 $$)), 'placed', 'one order is allowed');
SELECT pg_temp.deny('MAX_OPEN_ORDERS', '{1,2}', $$ 'deny', 'AUSDT', 'buy', 99, 1 $$) \gset
SELECT quantmesh.set_market('deny', 'BUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('deny', 'BUSDT', max_position => 1.5) \gset
SELECT pg_temp.deny('MAX_POSITION', '{1.6,1.5}', $$ 'deny', 'BUSDT', 'buy', 99, 1.6 $$) \gset
SELECT pg_temp.deny('MAX_POSITION', '{1.6,1.5}', $$ 'deny', 'BUSDT', 'sell', 99, 1.6 $$) \gset
SELECT pg_temp.deny('MAX_POSITION', '{1.6,1.5}', $$ 'deny', 'BUSDT', 'buy', NULL, 1.6, 'market' $$) \gset
SELECT quantmesh.set_market('deny', 'CUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('deny', 'CUSDT', max_notional => 150) \gset
SELECT pg_temp.deny('MAX_NOTIONAL', '{160,150}', $$ 'deny', 'CUSDT', 'buy', 100, 1.6 $$) \gset
SELECT pg_temp.deny('NOTIONAL_UNKNOWN', '{max_notional}', $$ 'deny', 'CUSDT', 'buy', NULL, 1, 'market' $$) \gset
SELECT quantmesh.set_market('deny', 'DUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('deny', 'DUSDT', max_order_rate => 0) \gset
SELECT pg_temp.deny('MAX_ORDER_RATE', '{0}', $$ 'deny', 'DUSDT', 'buy', 100, 1 $$) \gset

-- reduce_only, self-crossing.
SELECT quantmesh.set_market('deny', 'EUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT pg_temp.deny('REDUCE_ONLY', '{1,flat}', $$ 'deny', 'EUSDT', 'sell', 100, 1, reduce_only => true $$) \gset
SELECT pg_temp.deny('REDUCE_ONLY', '{1,flat}', $$ 'deny', 'EUSDT', 'buy', 100, 1, reduce_only => true $$) \gset
SELECT p.client_order_id AS long FROM quantmesh.place_order('deny', 'EUSDT', 'buy', 100, 2) AS p \gset
SELECT quantmesh.apply_report('deny', 'EUSDT', :'long', trade_id => 't1', last_quantity => 2, last_price => 100) \gset
SELECT pg_temp.deny('REDUCE_ONLY', '{2.001,flat,reduce 2}', $$ 'deny', 'EUSDT', 'sell', 110, 2.001, reduce_only => true $$) \gset
SELECT pg_temp.deny('REDUCE_ONLY', '{1,flat,already by 2}', $$ 'deny', 'EUSDT', 'buy', 90, 1, reduce_only => true $$) \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'EUSDT', 'sell', 110, 2, reduce_only => true $$)), 'placed', 'towards a flat position, reduce_only is allowed');
SELECT quantmesh.set_market('deny', 'FUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT p.order_id AS ask FROM quantmesh.place_order('deny', 'FUSDT', 'sell', 100, 1) AS p \gset
SELECT pg_temp.deny('SELF_CROSS', ARRAY['100', :'ask'], $$ 'deny', 'FUSDT', 'buy', 100, 1 $$) \gset
SELECT pg_temp.deny('SELF_CROSS', '{101,100}', $$ 'deny', 'FUSDT', 'buy', 101, 1 $$) \gset
SELECT pg_temp.deny('SELF_CROSS', '{100}', $$ 'deny', 'FUSDT', 'buy', 150, 1, 'limit', 'ioc' $$) \gset
SELECT pg_temp.deny('SELF_CROSS', '{100}', $$ 'deny', 'FUSDT', 'buy', 100, 1, slot => 'named' $$) \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'FUSDT', 'buy', 99.99, 1 $$)), 'placed', 'below one''s own ask nothing crosses');
SELECT pg_temp.deny('SELF_CROSS', '{99.99}', $$ 'deny', 'FUSDT', 'sell', 99.99, 1 $$) \gset
SELECT pg_temp.deny('SELF_CROSS', '{99,99.99}', $$ 'deny', 'FUSDT', 'sell', 99, 1 $$) \gset
SELECT quantmesh.settle_order('deny', :ask, 'canceled', 'test') \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'FUSDT', 'buy', 100, 1 $$)), 'placed', 'nor against an order that has ended');
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'BTCUSDT', 'sell', 100000.05, 1 $$)), 'placed', 'nor against another market');

-- Replacing what has ended.
SELECT p.outcome || ' ' || p.reason AS outcome, p.detail, p.order_id IS NULL AS none FROM quantmesh.replace_order('deny', :ask, 99, 1) AS p \gset replace_
SELECT is(:'replace_outcome'::text, 'denied ORDER_NOT_LIVE', 'an order that has ended is not replaced');
SELECT matches(:'replace_detail'::text, 'ended', 'and the detail says so');

-- States: of the market, the account, of all, the strictest counts; the reason of the operator is told.
SELECT quantmesh.set_market('deny', 'GUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT p.client_order_id AS long FROM quantmesh.place_order('deny', 'GUSDT', 'buy', 100, 2) AS p \gset
SELECT quantmesh.apply_report('deny', 'GUSDT', :'long', trade_id => 't1', last_quantity => 2, last_price => 100) \gset
SELECT count(*) FROM quantmesh.halt('deny', 'GUSDT', 'market stopped') \gset
SELECT pg_temp.deny('HALTED', '{market stopped}', $$ 'deny', 'GUSDT', 'buy', 99, 1 $$) \gset
SELECT pg_temp.deny('HALTED', '{market stopped}', $$ 'deny', 'GUSDT', 'sell', 101, 1, reduce_only => true $$) \gset
SELECT pg_temp.deny('HALTED', '{market stopped}', $$ 'deny', 'GUSDT', 'buy', 99, 1, submit => false $$) \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'EUSDT', 'buy', 90, 1 $$)), 'placed', 'other markets go on');
SELECT count(*) FROM quantmesh.set_trading_state('deny', 'GUSDT', 'reducing', 'market reduces') \gset
SELECT pg_temp.deny('REDUCING', '{market reduces}', $$ 'deny', 'GUSDT', 'buy', 99, 1 $$) \gset
SELECT pg_temp.deny('REDUCING', '{market reduces}', $$ 'deny', 'GUSDT', 'sell', 101, 2.1 $$) \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'GUSDT', 'sell', 101, 0.5, reduce_only => true $$)), 'placed', 'reducing: what reduces the position is allowed');
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'GUSDT', 'sell', 102, 0.5 $$)), 'placed', 'whether it says so or not');
SELECT count(*) FROM quantmesh.set_trading_state('deny', NULL, 'halted', 'account stopped') \gset
SELECT pg_temp.deny('HALTED', '{account stopped}', $$ 'deny', 'GUSDT', 'sell', 103, 0.5 $$) \gset
SELECT pg_temp.deny('HALTED', '{account stopped}', $$ 'deny', 'EUSDT', 'buy', 89, 1 $$) \gset
SELECT count(*) FROM quantmesh.resume('deny') \gset
SELECT count(*) FROM quantmesh.set_trading_state('*', NULL, 'halted', 'all stopped') \gset
SELECT pg_temp.deny('HALTED', '{all stopped}', $$ 'deny', 'EUSDT', 'buy', 89, 1 $$) \gset
SELECT count(*) FROM quantmesh.set_trading_state('*', NULL, 'active', 'over') \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'EUSDT', 'buy', 89, 1 $$)), 'placed', 'resumed');

-- A promotion or restore raises the generation; until the market is reconciled or trusted nothing is placed.
SELECT quantmesh.set_market('deny', 'HUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.raise_fence('test') \gset
SELECT pg_temp.deny('RECONCILE_PENDING', '{HUSDT}', $$ 'deny', 'HUSDT', 'buy', 99, 1 $$) \gset
SELECT pg_temp.deny('RECONCILE_PENDING', '{HUSDT}', $$ 'deny', 'HUSDT', 'buy', 99, 1, submit => false $$) \gset
SELECT quantmesh.trust_market('deny', 'HUSDT', 'looked at the exchange') \gset
SELECT is((SELECT pg_temp.outcome($$ 'deny', 'HUSDT', 'buy', 99, 1 $$)), 'placed', 'a trusted market places again');
SELECT pg_temp.deny('RECONCILE_PENDING', '{EUSDT}', $$ 'deny', 'EUSDT', 'buy', 88, 1 $$) \gset

-- What they all have in common.
SELECT is(concat_ws(' ', outcome, reason), 'denied ' || expected, format('%s is denied for %s', trim(call), expected)) FROM answer ORDER BY n;
SELECT pg_temp.rows_eq(
    format($$ SELECT replayed, order_id, client_order_id, state, owner, fence, send_before, committed FROM answer WHERE n = %s $$, n),
    $$ VALUES (false, NULL::bigint, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::timestamptz, true) $$, format('%s: no order', expected)) FROM answer ORDER BY n;
SELECT ok(detail <> '' AND NOT EXISTS (SELECT FROM unnest(words) AS w WHERE detail !~ ('(^|[^0-9.])' || regexp_replace(w, '([.*])', '\\\1', 'g') || '($|[^0-9]|\.($|[^0-9]))')),
          format('%s: the detail has %s: %s', expected, words, detail)) FROM answer ORDER BY n;
SELECT pg_temp.rows_eq(
    $$ SELECT DISTINCT expected FROM answer ORDER BY 1 $$,
    $$ VALUES ('HALTED'), ('MAX_NOTIONAL'), ('MAX_OPEN_ORDERS'), ('MAX_ORDER_RATE'), ('MAX_POSITION'), ('NOTIONAL_BELOW_MINIMUM'), ('NOTIONAL_UNKNOWN'), ('PRICE_OFF_TICK'),
              ('QUANTITY_ABOVE_MAXIMUM'), ('QUANTITY_BELOW_MINIMUM'), ('QUANTITY_OFF_STEP'), ('RECONCILE_PENDING'), ('REDUCE_ONLY'), ('REDUCING'), ('SELF_CROSS'),
              ('STALE_INSTANCE'), ('UNKNOWN_INSTANCE'), ('UNKNOWN_MARKET'), ('VALID_UNTIL_PASSED') $$,
    'every reason of place_order was shown');
-- Counted, by market, side and reason. Unknown markets are counted together.
SELECT set_eq($$ SELECT reason, sum(requests)::bigint FROM quantmesh.order_denials WHERE outcome = 'denied' AND (account = 'deny' OR account IS NULL) GROUP BY 1 $$,
              $$ SELECT expected, count(*) FROM answer GROUP BY 1 UNION ALL SELECT 'ORDER_NOT_LIVE', 1 $$, 'each denial is counted under its reason');
SELECT is((SELECT sum(denied) FROM quantmesh.order_metrics WHERE account = 'deny' OR account IS NULL), (SELECT count(*) + 1 FROM answer)::numeric, 'and under its market and side');
SELECT is((SELECT sum(placed) FROM quantmesh.order_metrics), 17::numeric, 'what was placed is counted as that');
SELECT is((SELECT count(*) FROM quantmesh.orders), 17::bigint, 'only what was placed is stored');
SELECT is_empty('SELECT * FROM quantmesh.order_event WHERE event NOT IN (''fill'', ''filled'', ''canceled'')', 'no denial leaves an event');
SELECT is_empty('SELECT * FROM quantmesh.discrepancy', 'or a discrepancy');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'or a lock');

SELECT * FROM finish();
