-- Shows the corners of reconciliation: orders that cannot be repaired, two attempts of one order at the exchange, what
-- stays until it is dealt with, trust after a failover, balances of an account with several markets, and what passes cost.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(52);

CREATE FUNCTION pg_temp.market(symbol text, policy text DEFAULT 'repair', account text DEFAULT 'more') RETURNS void LANGUAGE sql AS $$
    SELECT quantmesh.set_market($3, $1, tick_size => 0.01, step_size => 0.001, base_asset => 'BASE' || $1, quote_asset => 'USDT');
    SELECT quantmesh.set_reconcile($3, $1, policy => $2, grace => '0');
$$;
CREATE FUNCTION pg_temp.submit(symbol text, orders jsonb DEFAULT '[]', trades jsonb DEFAULT '[]', balances jsonb DEFAULT '[{"asset": "USDT", "free": "1"}]', account text DEFAULT 'more')
    RETURNS bigint LANGUAGE sql AS $$
    SELECT quantmesh.submit_snapshot($5, $1, quantmesh.request_snapshot($5, $1), now(), now(), $2, $3, $4)
$$;
CREATE FUNCTION pg_temp.pass(symbol text, account text DEFAULT 'more') RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', r.code, r.repair, r.outcome), ', '), 'clean') FROM quantmesh.reconcile($2, $1) AS r
$$;
CREATE FUNCTION pg_temp.unresolved(symbol text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(code || ' ' || seen_count, ', ' ORDER BY code), 'none') FROM quantmesh.discrepancy WHERE account = 'more' AND discrepancy.symbol = $1 AND resolved_at IS NULL
$$;
-- An open order and a trade as the exchange shows them.
CREATE FUNCTION pg_temp.remote(client_order_id text, exchange_order_id text, changes jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('client_order_id', $1, 'exchange_order_id', $2, 'side', 'buy', 'price', '100', 'quantity', '1') || $3)
$$;
CREATE FUNCTION pg_temp.trade(trade_id text, exchange_order_id text, quantity text DEFAULT '1', client_order_id text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('trade_id', $1, 'exchange_order_id', $2, 'client_order_id', $4, 'side', 'buy', 'quantity', $3, 'price', '100', 'executed_at', '2026-01-01T00:00:00Z')))
$$;

-- An id of ours in a market where the order is not: an instance that mixes markets up, say.
SELECT pg_temp.market('MINE'), pg_temp.market('OTHER') \gset
SELECT client_order_id AS mine FROM quantmesh.place_order('more', 'MINE', 'buy', 100, 1) \gset
SELECT pg_temp.submit('OTHER', jsonb_build_array(pg_temp.remote(:'mine', 'o1'))) \gset
SELECT is(pg_temp.pass('OTHER'), 'ORPHAN_OURS adopt recorded', 'an order of another market is not adopted a second time, and does not fail the pass');
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE client_order_id = :'mine'), 1::bigint, 'it is one order');

-- What the exchange makes of a market order may have a price: that cannot be taken over.
SELECT pg_temp.market('TYPE') \gset
SELECT client_order_id AS typed FROM quantmesh.place_order('more', 'TYPE', 'buy', NULL, 1, order_type => 'market', time_in_force => 'ioc') \gset
SELECT quantmesh.apply_report('more', 'TYPE', :'typed', 't1', 'open') \gset
SELECT pg_temp.submit('TYPE', jsonb_build_array(pg_temp.remote(:'typed', 't1'))) \gset
SELECT is(pg_temp.pass('TYPE'), 'QTY_PRICE_DRIFT amend recorded', 'a market order that has a price there is only recorded');

-- Two attempts of one order at the exchange: the first was said not to be processed, and was.
SELECT pg_temp.market('TWO', 'enforce') \gset
SELECT order_id AS two, client_order_id AS a0, fence AS two_fence FROM quantmesh.place_order('more', 'TWO', 'buy', 100, 1) \gset
SELECT (quantmesh.resolve_submission('more', :two, :two_fence, 'not_processed')).state \gset
SELECT client_order_id AS a1 FROM quantmesh.claim_orders('more') WHERE order_id = :two \gset
SELECT (quantmesh.apply_report('more', 'TWO', :'a1', 'x1', 'open')).state AS a1_state, (quantmesh.apply_report('more', 'TWO', :'a0', 'x0', 'open')).state AS a0_state \gset
SELECT pg_temp.submit('TWO', jsonb_build_array(pg_temp.remote(:'a0', 'x0'), pg_temp.remote(:'a1', 'x1'))) \gset
SELECT is(pg_temp.pass('TWO'), 'ORPHAN_OURS apply asked', 'a second attempt that is open, too, is canceled by those who enforce');
SELECT pg_temp.rows_eq(format($$ SELECT kind, order_id, exchange_order_id FROM quantmesh.task WHERE account = 'more' AND symbol = 'TWO' AND finished_at IS NULL AND kind <> 'query_order' $$, :two),
                       $$ VALUES ('cancel_order', NULL::bigint, 'x1') $$, 'by the exchange''s id');
SELECT is((SELECT cancel_state FROM quantmesh.orders WHERE order_id = :two), 'none', 'the order is to stay');
SELECT matches(pg_temp.unresolved('TWO'), 'ORPHAN_OURS 1', 'and people can see it');
SELECT pg_temp.submit('TWO', jsonb_build_array(pg_temp.remote(:'a0', 'x0'), pg_temp.remote(:'a1', 'x1')), pg_temp.trade('two1', 'x0')) \gset
SELECT matches(pg_temp.pass('TWO'), 'MISSED_FILL book repaired', 'a trade of the earlier attempt, by the exchange''s id alone');
SELECT is((SELECT state || ' ' || filled_quantity FROM quantmesh.orders WHERE order_id = :two), 'partially_filled 1', 'does not end the order while the last attempt is open');

-- What stays until it is dealt with.
SELECT pg_temp.market('STAYS'), pg_temp.market('STAYSREP', 'report') \gset
SELECT client_order_id AS over FROM quantmesh.place_order('more', 'STAYS', 'buy', 100, 1) \gset
SELECT (quantmesh.apply_report('more', 'STAYS', :'over', 's1', trade_id => 's1', last_quantity => 1.5, last_price => 100)).state \gset
SELECT is(pg_temp.unresolved('STAYS'), 'OVERFILL 1', 'an order that was overfilled, and has ended');
SELECT pg_temp.submit('STAYS') \gset
SELECT is(pg_temp.pass('STAYS'), 'clean', 'is not looked at by later passes');
SELECT is(pg_temp.unresolved('STAYS'), 'OVERFILL 1', 'which do not resolve it');
SELECT quantmesh.resolve_discrepancy('more', discrepancy_id, 'seen') FROM quantmesh.discrepancy WHERE symbol = 'STAYS' AND resolved_at IS NULL \gset
SELECT (quantmesh.apply_report('more', 'STAYS', exchange_order_id => 's99', trade_id => 's2', last_quantity => 1, last_price => 100)).discrepancy \gset
SELECT pg_temp.submit('STAYS') \gset
SELECT is(pg_temp.pass('STAYS') || ', ' || pg_temp.unresolved('STAYS'), 'clean, EXTERNAL_ORDER 1', 'a reported trade that could not be booked stays');
SELECT pg_temp.submit('STAYS', jsonb_build_array(pg_temp.remote('by hand', 's99', '{"quantity": "3", "filled_quantity": "1"}')), pg_temp.trade('s2', 's99')) \gset
SELECT is(pg_temp.pass('STAYS'), 'EXTERNAL_ORDER adopt repaired, MISSED_FILL book repaired', 'until its order is shown, and it is booked');
SELECT pg_temp.submit('STAYS', jsonb_build_array(pg_temp.remote('by hand', 's99', '{"quantity": "3", "filled_quantity": "1"}'))) \gset
SELECT is(pg_temp.pass('STAYS') || ', ' || pg_temp.unresolved('STAYS'), 'clean, none', 'then it is resolved');
SELECT client_order_id AS stays FROM quantmesh.place_order('more', 'STAYSREP', 'buy', 100, 1) \gset
SELECT (quantmesh.apply_report('more', 'STAYSREP', :'stays', 'r1', 'open')).state \gset
SELECT pg_temp.submit('STAYSREP', jsonb_build_array(pg_temp.remote(:'stays', 'r1')), pg_temp.trade('r1', 'r1', '0.5')) \gset
SELECT is(pg_temp.pass('STAYSREP'), 'MISSED_FILL book recorded', 'a fill that is missed and only recorded');
SELECT pg_temp.submit('STAYSREP', jsonb_build_array(pg_temp.remote(:'stays', 'r1'))) \gset
SELECT is(pg_temp.pass('STAYSREP') || ', ' || pg_temp.unresolved('STAYSREP'), 'clean, MISSED_FILL 1', 'stays, although the next snapshot begins behind it');
SELECT (quantmesh.apply_report('more', 'STAYSREP', :'stays', 'r1', trade_id => 'r1', last_quantity => 0.5, last_price => 100)).state \gset
SELECT pg_temp.submit('STAYSREP', jsonb_build_array(pg_temp.remote(:'stays', 'r1', '{"filled_quantity": "0.5"}'))) \gset
SELECT is(pg_temp.pass('STAYSREP') || ', ' || pg_temp.unresolved('STAYSREP'), 'clean, none', 'until it is booked');

-- After a failover a trade whose order nobody knows may be of one that was lost.
SELECT pg_temp.market('TRUST') \gset
UPDATE quantmesh.market SET trusted_tag = 'zzzz' WHERE symbol = 'TRUST';
CREATE FUNCTION pg_temp.is_trusted() RETURNS boolean LANGUAGE sql AS $$ SELECT trusted_tag = quantmesh.current_tag() FROM quantmesh.market WHERE account = 'more' AND symbol = 'TRUST' $$;
SELECT pg_temp.submit('TRUST', trades => pg_temp.trade('u1', '77')) \gset
SELECT is(pg_temp.pass('TRUST'), 'EXTERNAL_ORDER query asked', 'the order of a trade is asked for');
SELECT is(pg_temp.is_trusted(), false, 'and until it is known whose it is, the market is not trusted');
SELECT pg_temp.submit('TRUST', trades => pg_temp.trade('u1', '77', client_order_id => 'by hand')) \gset
SELECT is(pg_temp.pass('TRUST'), 'EXTERNAL_ORDER query asked', 'once the snapshot says that it is somebody else''s');
SELECT is(pg_temp.is_trusted(), false, 'an order that was lost may still be on its way: the snapshot is too early');
UPDATE quantmesh.fence_floor SET recorded_at = recorded_at - interval '1 hour';
SELECT is(pg_temp.pass('TRUST'), 'EXTERNAL_ORDER query asked', 'asked for when none can be accepted any more');
SELECT is(pg_temp.is_trusted(), true, 'it counts');

-- Orders of another QuantMesh on the same account, with a tag that is not ours.
SELECT pg_temp.market('TAG') \gset
SELECT 'qzzzz1a0' AS foreign \gset
SELECT pg_temp.submit('TAG', jsonb_build_array(pg_temp.remote(:'foreign', 'f1', '{"filled_quantity": "0.5"}')), pg_temp.trade('f1', 'f1', '0.5', :'foreign')) \gset
SELECT is(pg_temp.pass('TAG'), 'EXTERNAL_ORDER adopt repaired, MISSED_FILL book repaired', 'an order with a foreign tag is somebody else''s');
SELECT is(pg_temp.unresolved('TAG'), 'none', 'and no contradiction');

-- Orders that have ended are found among live ones, older and younger.
SELECT pg_temp.market('MANY') \gset
SELECT array_agg((quantmesh.place_order('more', 'MANY', 'buy', p, 1)).client_order_id ORDER BY p) AS many FROM generate_series(101, 109) AS p \gset
SELECT count((quantmesh.apply_report('more', 'MANY', id, 'm' || n, CASE WHEN n % 3 = 2 THEN 'open' ELSE 'canceled' END)).state) AS many_reported FROM unnest(:'many'::text[]) WITH ORDINALITY AS u (id, n) \gset
SELECT pg_temp.submit('MANY', (SELECT jsonb_agg(pg_temp.remote(id, 'm' || n, jsonb_build_object('price', 100 + n))) FROM unnest(:'many'::text[]) WITH ORDINALITY AS u (id, n) WHERE n % 3 = 2),
                      (SELECT jsonb_agg(pg_temp.trade('m' || n, 'm' || n) -> 0) FROM unnest(:'many'::text[]) WITH ORDINALITY AS u (id, n) WHERE n % 3 <> 2)) \gset
SELECT is((SELECT count(*) || ' ' || count(*) FILTER (WHERE outcome = 'repaired') || ' ' || bool_and(code = 'LATE_FILL') FROM quantmesh.reconcile('more', 'MANY')), '6 6 true', 'each trade is found to be of its order');
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE symbol = 'MANY' AND filled_quantity = 1), 6::bigint, 'and booked for it');

-- A mismatch of balances has to last: other markets of the account fetch their snapshots meanwhile, before the one that
-- would bring what is missing.
SELECT count(pg_temp.market(s, CASE s WHEN 'W3' THEN 'report' ELSE 'repair' END, 'wait')::text) FROM unnest(ARRAY['W1', 'W2', 'W3', 'W4']) AS s \gset
UPDATE quantmesh.market SET base_asset = 'COIN' WHERE account = 'wait';
SELECT quantmesh.set_baseline('wait', 'COIN', 10, 'what was there') \gset
SELECT count(quantmesh.set_reconcile('wait', s, every => '1 min')::text) FROM unnest(ARRAY['W1', 'W2', 'W3', 'W4']) AS s \gset
SELECT string_agg(pg_temp.submit(s, balances => '[{"asset": "COIN", "free": 11}]', account => 'wait')::text, ' ') AS submitted FROM unnest(ARRAY['W1', 'W2', 'W3', 'W4']) AS s \gset
SELECT is((SELECT string_agg(pg_temp.pass(s, 'wait'), '; ') FROM unnest(ARRAY['W1', 'W2', 'W4']) AS s), 'POSITION_MISMATCH none recorded; POSITION_MISMATCH none recorded; POSITION_MISMATCH none recorded', 'three passes find the same mismatch');
SELECT is((SELECT string_agg(DISTINCT trading_state, ', ') FROM quantmesh.market WHERE account = 'wait'), 'active', 'but not for long: markets go on');
UPDATE quantmesh.discrepancy SET first_seen = first_seen - interval '2 min' WHERE account = 'wait';
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('waiter', 7);
INSERT INTO quantmesh.instance_market (instance, account, symbol) VALUES ('waiter', 'wait', '*');
SELECT pg_temp.submit('W1', balances => '[{"asset": "COIN", "free": 11}]', account => 'wait') \gset
SELECT is(pg_temp.pass('W1', 'wait'), 'POSITION_MISMATCH none recorded', 'the same two minutes later');
SELECT is((SELECT string_agg(trading_state, ', ' ORDER BY symbol) FROM quantmesh.market WHERE account = 'wait'), 'reducing, reducing, active, reducing', 'makes markets reducing, but for those that only report');
SELECT is((SELECT string_agg(symbol || ' ' || (detail ->> 'state'), ', ' ORDER BY symbol) FROM quantmesh.task WHERE account = 'wait' AND kind = 'halt' AND addressee = 'waiter' AND finished_at IS NULL), 'W1 reducing, W2 reducing, W4 reducing', 'and instances are told');
SELECT count(*) FROM quantmesh.resume('wait', 'W1', 'looked into') \gset
SELECT pg_temp.submit('W1', balances => '[{"asset": "COIN", "free": 11}]', account => 'wait') \gset
SELECT is(pg_temp.pass('W1', 'wait'), 'POSITION_MISMATCH none recorded', 'and once more');
SELECT is((SELECT trading_state FROM quantmesh.market WHERE account = 'wait' AND symbol = 'W1'), 'active', 'leaves a market alone that an operator has resumed meanwhile');

-- The next snapshot goes on behind what the last one has seen, not behind the newest trade: an older one may have been lost.
SELECT pg_temp.market('CURSOR') \gset
SELECT quantmesh.set_reconcile('more', 'CURSOR', every => '1 us') \gset
INSERT INTO quantmesh.assignment (account, symbol, assignment_id, instance, epoch, reason, since) VALUES ('more', 'CURSOR', quantmesh.next_id(), 'waiter', 7, 'hashed', now());
CREATE FUNCTION pg_temp.cursor() RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    PERFORM quantmesh.make_tasks();
    UPDATE quantmesh.task SET state = 'withdrawn', finished_at = clock_timestamp() WHERE account = 'more' AND symbol = 'CURSOR' AND kind = 'snapshot' AND finished_at IS NULL
        RETURNING coalesce(detail ->> 'last_trade_id', 'none') INTO found;
    RETURN found;
END $$;
SELECT client_order_id AS cursor FROM quantmesh.place_order('more', 'CURSOR', 'buy', 100, 3) \gset
SELECT (quantmesh.apply_report('more', 'CURSOR', :'cursor', 'c1', trade_id => '1', last_quantity => 1, last_price => 100, event_time => '2026-01-01')).state \gset
SELECT is(pg_temp.cursor(), 'none', 'before the first comparison all trades are asked for');
SELECT pg_temp.submit('CURSOR', jsonb_build_array(pg_temp.remote(:'cursor', 'c1', '{"quantity": "3", "filled_quantity": "1"}'))) \gset
SELECT is(pg_temp.pass('CURSOR') || ' ' || pg_temp.cursor(), 'clean none', 'and after one that began when trade 1 had just come: an exchange may show what was a while ago');
UPDATE quantmesh.fill SET booked_at = booked_at - interval '1 hour' WHERE account = 'more' AND symbol = 'CURSOR';
SELECT pg_temp.submit('CURSOR', jsonb_build_array(pg_temp.remote(:'cursor', 'c1', '{"quantity": "3", "filled_quantity": "1"}'))) \gset
SELECT is(pg_temp.pass('CURSOR'), 'clean', 'one that has seen trade 1');
SELECT (quantmesh.apply_report('more', 'CURSOR', :'cursor', 'c1', trade_id => '3', last_quantity => 1, last_price => 100, event_time => '2026-01-03')).state \gset
SELECT is(pg_temp.cursor(), '1', 'trade 2 was lost and 3 was not: the next snapshot begins behind 1');

SELECT pg_temp.submit('CURSOR', '[]', pg_temp.trade('2', 'c9')) \gset
SELECT is(pg_temp.pass('CURSOR'), 'MISSING_AT_EXCHANGE query asked, EXTERNAL_ORDER query asked', 'a comparison that could not book trade 2, whose order is not known yet');
SELECT is(pg_temp.cursor(), '1', 'has not seen it: it is asked for again');
UPDATE quantmesh.fill SET booked_at = booked_at - interval '1 hour' WHERE account = 'more' AND symbol = 'CURSOR';
UPDATE quantmesh.snapshot SET asked_at = asked_at - interval '11 min' WHERE account = 'more' AND symbol = 'CURSOR';
SELECT is(pg_temp.cursor(), '3', 'for ten minutes');
UPDATE quantmesh.snapshot SET asked_at = asked_at + interval '11 min' WHERE account = 'more' AND symbol = 'CURSOR';
SELECT client_order_id AS late FROM quantmesh.place_order('more', 'CURSOR', 'buy', 99, 1) \gset
SELECT (quantmesh.apply_report('more', 'CURSOR', :'late', 'c9', state => 'canceled')).state \gset
SELECT pg_temp.submit('CURSOR', '[]', pg_temp.trade('2', 'c9')) \gset
SELECT matches(pg_temp.pass('CURSOR'), 'LATE_FILL book repaired', 'once the order is known, it is booked');
SELECT is(pg_temp.cursor(), '3', 'and the next snapshot goes on');

-- A clock that was an hour ahead and was set back: what it has written holds nothing up, and nobody takes it for new.
SELECT pg_temp.market('CLOCK') \gset
SELECT quantmesh.set_reconcile('more', 'CLOCK', every => '1 hour', blind_after => '1 min') \gset
INSERT INTO quantmesh.assignment (account, symbol, assignment_id, instance, epoch, reason, since) VALUES ('more', 'CLOCK', quantmesh.next_id(), 'waiter', 7, 'hashed', now());
-- Withdraws the snapshots that are due, as of so much later, and returns how many there were.
CREATE FUNCTION pg_temp.due(later interval) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE due bigint;
BEGIN
    PERFORM quantmesh.make_tasks();
    UPDATE quantmesh.task SET state = 'withdrawn', finished_at = clock_timestamp() + later WHERE account = 'more' AND symbol = 'CLOCK' AND kind = 'snapshot' AND finished_at IS NULL;
    GET DIAGNOSTICS due = ROW_COUNT;
    RETURN due;
END $$;
SELECT is(pg_temp.due('1 hour'), 1::bigint, 'a snapshot is due');
SELECT is(pg_temp.due('0'), 1::bigint, 'and another, since the first has ended in an hour');
SELECT is(pg_temp.due('0'), 0::bigint, 'but no more');
SELECT quantmesh.request_snapshot('more', 'CLOCK') \gset
UPDATE quantmesh.task SET owned_until = owned_until + interval '1 hour' WHERE account = 'more' AND symbol = 'CLOCK' AND state = 'taken';
SELECT ok(quantmesh.request_snapshot('more', 'CLOCK') IS NOT NULL, 'one that is taken for an hour is given out again');
SELECT order_id AS clock, fence AS clock_fence FROM quantmesh.place_order('more', 'CLOCK', 'buy', 100, 1) \gset
SELECT (quantmesh.resolve_submission('more', :clock, :clock_fence, 'unknown')).state \gset
INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, state, taken_at, owned_until, finished_at)
    SELECT 'more', quantmesh.next_id(), 'query_order', 'CLOCK', :clock::text, :clock, 'absent', t, t, t FROM (SELECT now() + interval '1 hour') AS c (t);
SELECT quantmesh.make_tasks() \gset
SELECT is((SELECT count(*) FROM quantmesh.task WHERE account = 'more' AND order_id = :clock AND finished_at IS NULL), 1::bigint, 'an order is asked for');
INSERT INTO quantmesh.reconcile_run (account, run_id, symbol, status, policy, started_at, finished_at, orders, remote_orders, trades, matched, deferred, findings, repaired, asked, resolved, counts)
    VALUES ('more', quantmesh.next_id(), 'CLOCK', 'clean', 'repair', now(), now() + interval '1 hour', 0, 0, 0, 0, 0, 0, 0, 0, 0, '{}');
SELECT count(quantmesh.watch_blind_markets()) FROM generate_series(1, 3) \gset
SELECT is((SELECT trading_state FROM quantmesh.market WHERE account = 'more' AND symbol = 'CLOCK'), 'reducing', 'a market that was seen in an hour is blind');

-- Tasks of the past cost nothing.
SELECT count(pg_temp.market(s, account => 'long')::text) FROM unnest(ARRAY['L1', 'L2']) AS s \gset
INSERT INTO quantmesh.assignment (account, symbol, assignment_id, instance, epoch, reason, since)
    SELECT 'long', s, quantmesh.next_id(), 'waiter', 7, 'hashed', now() FROM unnest(ARRAY['L1', 'L2']) AS s;
INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, state, taken_at, owned_until, finished_at)
    SELECT 'long', quantmesh.next_id(), k, s, '', CASE WHEN k = 'query_order' THEN i END, 'done', now(), now(), now()
    FROM generate_series(1, 1000) AS i, unnest(ARRAY['L1', 'L2']) AS s, unnest(ARRAY['snapshot', 'query_order']) AS k;
SELECT pg_temp.submit('L1', account => 'long') \gset
SET enable_seqscan = off;
BEGIN;
SELECT quantmesh.make_tasks() \gset
SELECT cmp_ok((SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'quantmesh.task'::regclass), '<', 200::bigint, 'making tasks does not read those that have ended');
COMMIT;
BEGIN;
SELECT count(*) FROM quantmesh.reconcile('long', 'L1') \gset
SELECT cmp_ok((SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'quantmesh.task'::regclass), '<', 200::bigint, 'nor does a pass');
COMMIT;
RESET enable_seqscan;

SELECT * FROM finish();
