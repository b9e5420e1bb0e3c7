-- Shows every code of reconciliation: what makes it, that it is found, what each policy does about it, and that it is
-- resolved once the exchange and we agree.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(108);

-- One market per case and policy; orders of 1 at prices that name them.
CREATE FUNCTION pg_temp.market(symbol text, policy text DEFAULT 'repair') RETURNS void LANGUAGE sql AS $$
    SELECT quantmesh.set_market('rec', $1, tick_size => 0.01, step_size => 0.001, base_asset => 'BASE' || $1, quote_asset => 'USDT');
    SELECT quantmesh.set_reconcile('rec', $1, policy => $2, grace => '0');
$$;
CREATE FUNCTION pg_temp.place(symbol text, price numeric, side text DEFAULT 'buy') RETURNS bigint LANGUAGE sql AS $$
    SELECT order_id FROM quantmesh.place_order('rec', $1, $3, $2, 1)
$$;
CREATE FUNCTION pg_temp.report(symbol text, price numeric, report text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r quantmesh.report_result;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''rec'', %L, (SELECT client_order_id FROM quantmesh.orders WHERE account = ''rec'' AND symbol = %L AND price = %s ORDER BY order_id DESC LIMIT 1), %s)',
                   symbol, symbol, price, report) INTO r;
    RETURN r.state;
END $$;
-- An open order as the exchange shows it: ours by its price, with what is changed.
CREATE FUNCTION pg_temp.remote(symbol text, price numeric, changes jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('client_order_id', client_order_id, 'exchange_order_id', coalesce(exchange_order_id, 'x' || $2), 'side', side,
                              'price', o.price::text, 'quantity', quantity::text) || $3
    FROM quantmesh.orders AS o WHERE account = 'rec' AND o.symbol = $1 AND o.price = $2 ORDER BY order_id DESC LIMIT 1
$$;
-- Fetches and submits a snapshot of these open orders and trades. VOLATILE statements of their own: the watermark sees what was committed.
CREATE FUNCTION pg_temp.submit(symbol text, orders jsonb[], trades jsonb DEFAULT '[]', complete boolean DEFAULT true, balances jsonb DEFAULT '[{"asset": "USDT", "free": "1"}]')
    RETURNS bigint LANGUAGE sql AS $$
    SELECT quantmesh.submit_snapshot('rec', $1, quantmesh.request_snapshot('rec', $1), now(), now(), coalesce(to_jsonb($2), '[]'), $3, $5, $4)
$$;
-- What a pass finds and does: code, repair, outcome; the subject where it helps.
CREATE FUNCTION pg_temp.pass(symbol text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', r.code, r.repair, r.outcome), ', '), 'clean') FROM quantmesh.reconcile('rec', $1) AS r
$$;
CREATE FUNCTION pg_temp.state(symbol text, price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, trim_scale(filled_quantity), CASE WHEN cancel_state <> 'none' THEN 'cancel ' || cancel_state END)
    FROM quantmesh.orders WHERE account = 'rec' AND orders.symbol = $1 AND orders.price = $2 ORDER BY order_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.unresolved(symbol text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(code || ' ' || seen_count, ', ' ORDER BY code), 'none') FROM quantmesh.discrepancy WHERE account = 'rec' AND discrepancy.symbol = $1 AND resolved_at IS NULL
$$;
CREATE FUNCTION pg_temp.tasks(symbol text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(kind, ', ' ORDER BY kind, task_id), 'none') FROM quantmesh.task WHERE account = 'rec' AND task.symbol = $1 AND finished_at IS NULL
$$;
-- The exchange does not know the order: so many answers.
CREATE FUNCTION pg_temp.absent(symbol text, price numeric, answers integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, state, taken_at, owned_until, finished_at)
        SELECT 'rec', quantmesh.next_id(), 'query_order', $1, order_id::text, order_id, 'absent', clock_timestamp(), clock_timestamp(), clock_timestamp()
        FROM quantmesh.orders, generate_series(1, $3) WHERE account = 'rec' AND orders.symbol = $1 AND orders.price = $2
$$;
CREATE FUNCTION pg_temp.past_deadline(symbol text) RETURNS void LANGUAGE sql AS $$
    UPDATE quantmesh.orders SET send_before = send_before - interval '1 hour' WHERE account = 'rec' AND orders.symbol = $1
$$;

-- Nothing to find.
SELECT pg_temp.market('CLEAN') \gset
SELECT throws_ok($$ SELECT quantmesh.reconcile('rec', 'CLEAN') $$, '55000', 'market "CLEAN" of account "rec" has no snapshot', 'without a snapshot there is nothing to compare');
SELECT pg_temp.place('CLEAN', 100) \gset
SELECT is(pg_temp.report('CLEAN', 100, $$ state => 'open', exchange_order_id => '1' $$), 'open', 'an open order');
SELECT pg_temp.submit('CLEAN', ARRAY[pg_temp.remote('CLEAN', 100)]) \gset
SELECT is(pg_temp.pass('CLEAN'), 'clean', 'that the exchange shows is no finding');
SELECT pg_temp.rows_eq($$ SELECT status, policy, orders, remote_orders, matched, deferred, findings FROM quantmesh.reconcile_runs WHERE symbol = 'CLEAN' $$,
                       $$ VALUES ('clean', 'repair', 1::bigint, 1::bigint, 1::bigint, 0::bigint, 0::bigint) $$, 'the run says so');

-- Still moving: changed after the task was given out, or within the grace.
SELECT pg_temp.market('MOVING') \gset
SELECT quantmesh.request_snapshot('rec', 'MOVING') AS task \gset
SELECT pg_temp.place('MOVING', 100) \gset
SELECT is(pg_temp.report('MOVING', 100, $$ state => 'open', exchange_order_id => '1' $$), 'open', 'an order that came after the task was given out');
SELECT quantmesh.submit_snapshot('rec', 'MOVING', :task, now(), now(), '[]', '[]', '[{"asset": "USDT", "free": "1"}]') \gset
SELECT is(pg_temp.pass('MOVING'), 'clean', 'is not missed in what was fetched');
SELECT is((SELECT status || ' ' || deferred FROM quantmesh.reconcile_run WHERE symbol = 'MOVING'), 'deferred 1', 'but deferred');
SELECT quantmesh.set_reconcile('rec', 'MOVING', grace => '1 hour') \gset
SELECT pg_temp.submit('MOVING', NULL) \gset
SELECT is(pg_temp.pass('MOVING'), 'clean', 'nor within the grace');
SELECT quantmesh.set_reconcile('rec', 'MOVING', grace => '0') \gset
SELECT is(pg_temp.pass('MOVING'), 'MISSING_AT_EXCHANGE query asked', 'only what is older than both is missed');

-- INFLIGHT_CONFIRMED.
SELECT pg_temp.market('CONF'), pg_temp.market('CONFREP', 'report') \gset
SELECT pg_temp.place('CONF', 100), pg_temp.place('CONFREP', 100) \gset
SELECT pg_temp.submit('CONF', ARRAY[pg_temp.remote('CONF', 100)]), pg_temp.submit('CONFREP', ARRAY[pg_temp.remote('CONFREP', 100)]) \gset
SELECT is(pg_temp.pass('CONFREP'), 'INFLIGHT_CONFIRMED apply recorded', 'INFLIGHT_CONFIRMED: report only records');
SELECT is(pg_temp.state('CONFREP', 100), 'submitted 0', 'and leaves the order');
SELECT is((SELECT string_agg(concat_ws(' ', code, allowed, outcome, run_id), ',') FROM quantmesh.reconcile('rec', 'CONF', dry_run => true)), 'INFLIGHT_CONFIRMED t', 'a dry run only says what would be done');
SELECT is(pg_temp.state('CONF', 100), 'submitted 0', 'and leaves the order');
SELECT is(pg_temp.unresolved('CONF'), 'none', 'and the discrepancies');
SELECT is(pg_temp.pass('CONF'), 'INFLIGHT_CONFIRMED apply repaired', 'repair applies it');
SELECT is(pg_temp.state('CONF', 100), 'open 0', 'the order is open');
SELECT is((SELECT count(*) FROM quantmesh.discrepancy WHERE symbol = 'CONF' AND code = 'INFLIGHT_CONFIRMED' AND resolution ~ '^apply by run \d+$'), 1::bigint, 'it is resolved with how');
SELECT pg_temp.submit('CONF', ARRAY[pg_temp.remote('CONF', 100)]) \gset
SELECT is(pg_temp.pass('CONF'), 'clean', 'and not found again');
SELECT is(pg_temp.unresolved('CONFREP'), 'INFLIGHT_CONFIRMED 1', 'what was only recorded stays');
SELECT is(pg_temp.report('CONFREP', 100, $$ state => 'open', exchange_order_id => 'x100' $$), 'open', 'until the order is open');
SELECT pg_temp.submit('CONFREP', ARRAY[pg_temp.remote('CONFREP', 100)]) \gset
SELECT is(pg_temp.pass('CONFREP'), 'clean', 'then a pass that does not find it');
SELECT is(pg_temp.unresolved('CONFREP'), 'none', 'resolves it');

-- INFLIGHT_ABSENT: only answers count, and only after the deadline.
SELECT pg_temp.market('ABS') \gset
SELECT pg_temp.place('ABS', 100), pg_temp.place('ABS', 200), pg_temp.report('ABS', 200, $$ state => 'open', exchange_order_id => '2' $$) \gset
SELECT pg_temp.absent('ABS', 100, 3) \gset
SELECT pg_temp.submit('ABS', ARRAY[pg_temp.remote('ABS', 200)]) \gset
SELECT is(pg_temp.pass('ABS'), 'clean', 'before its acceptance deadline an order that is not shown is no finding');
SELECT pg_temp.past_deadline('ABS') \gset
SELECT pg_temp.submit('ABS', ARRAY[pg_temp.remote('ABS', 200)]) \gset
SELECT is(pg_temp.pass('ABS'), 'INFLIGHT_ABSENT forget_reply repaired', 'after it a submitted order');
SELECT is(pg_temp.state('ABS', 100), 'unknown 0', 'becomes unknown');
SELECT pg_temp.submit('ABS', ARRAY[pg_temp.remote('ABS', 200)]) \gset
SELECT is(pg_temp.pass('ABS'), 'INFLIGHT_ABSENT query asked', 'an unknown one is asked for');
SELECT is(pg_temp.tasks('ABS'), 'query_order', 'by a task');
SELECT is(pg_temp.pass('ABS'), 'INFLIGHT_ABSENT query asked', 'found again');
SELECT is(pg_temp.tasks('ABS'), 'query_order', 'it is the same task');
SELECT pg_temp.absent('ABS', 100, 2) \gset
SELECT is(pg_temp.pass('ABS'), 'INFLIGHT_ABSENT query asked', 'answers from before it was unknown, and two after it, prove nothing');
SELECT pg_temp.absent('ABS', 100, 1) \gset
SELECT is(pg_temp.pass('ABS'), 'INFLIGHT_ABSENT prove_absent repaired', 'three do');
SELECT is(pg_temp.state('ABS', 100), 'never_accepted 0', 'it was never accepted');
SELECT is((SELECT outcome FROM quantmesh.place_order('rec', 'ABS', 'buy', 100, 1)), 'placed', 'and its slot is free');

-- An order that was recorded long ago and claimed just now may still be sent, whatever the exchange has answered.
SELECT pg_temp.market('LATE') \gset
SELECT is((SELECT outcome FROM quantmesh.place_order('rec', 'LATE', 'buy', 100, 1, submit => false)), 'placed', 'an intent');
UPDATE quantmesh.orders SET created_at = created_at - interval '1 hour' WHERE account = 'rec' AND symbol = 'LATE';
SELECT is((SELECT count(*) FROM quantmesh.claim_orders('rec', max => 1000) WHERE symbol = 'LATE'), 1::bigint, 'is claimed an hour later');
SELECT is((SELECT r.state FROM quantmesh.orders AS o, quantmesh.resolve_submission('rec', o.order_id, o.fence, 'unknown') AS r WHERE o.account = 'rec' AND o.symbol = 'LATE'), 'unknown', 'and is in doubt');
SELECT pg_temp.absent('LATE', 100, 3) \gset
SELECT pg_temp.submit('LATE', NULL) \gset
SELECT is(pg_temp.pass('LATE'), 'clean', 'three answers prove nothing before its deadline');
SELECT pg_temp.past_deadline('LATE') \gset
SELECT pg_temp.submit('LATE', NULL) \gset
SELECT is(pg_temp.pass('LATE'), 'INFLIGHT_ABSENT prove_absent repaired', 'and after it that it was never accepted');

-- MISSING_AT_EXCHANGE: asked for; never rejected, lost after three answers.
SELECT pg_temp.market('MISS') \gset
SELECT pg_temp.place('MISS', 100), pg_temp.report('MISS', 100, $$ state => 'open', exchange_order_id => '1' $$) \gset
SELECT pg_temp.past_deadline('MISS') \gset
SELECT pg_temp.submit('MISS', NULL) \gset
SELECT is(pg_temp.pass('MISS'), 'MISSING_AT_EXCHANGE query asked', 'MISSING_AT_EXCHANGE: the order is asked for');
SELECT is(pg_temp.state('MISS', 100), 'open 0', 'and stays as it is');
SELECT pg_temp.absent('MISS', 100, 3) \gset
SELECT is(pg_temp.pass('MISS'), 'MISSING_AT_EXCHANGE give_up repaired', 'three times unknown');
SELECT is(pg_temp.state('MISS', 100), 'lost 0', 'it is lost, with its slot');
SELECT is((SELECT outcome FROM quantmesh.place_order('rec', 'MISS', 'buy', 100, 1)), 'duplicate', 'which nobody gets');
SELECT pg_temp.submit('MISS', ARRAY[pg_temp.remote('MISS', 100)]) \gset
SELECT is(pg_temp.pass('MISS'), 'STATE_DRIFT apply repaired', 'STATE_DRIFT: one that was lost and is shown again');
SELECT is(pg_temp.state('MISS', 100), 'open 0', 'is open again');

-- Nothing is concluded from an incomplete, an empty or an old snapshot.
SELECT pg_temp.submit('MISS', NULL, complete => false) \gset
SELECT is(pg_temp.pass('MISS'), 'SNAPSHOT_INCOMPLETE none recorded', 'SNAPSHOT_INCOMPLETE: a fetch that failed');
SELECT pg_temp.submit('MISS', NULL, balances => '[]') \gset
SELECT is(pg_temp.pass('MISS'), 'SNAPSHOT_INCOMPLETE none recorded', 'one that is empty where we have an open order');
SELECT is(pg_temp.state('MISS', 100), 'open 0', 'change nothing');
SELECT is((SELECT string_agg(message, '; ' ORDER BY run_id) FROM quantmesh.reconcile_run WHERE symbol = 'MISS' AND status = 'discarded'),
          'the instance could not fetch everything; it is empty, although we have open orders', 'the runs say why');
SELECT pg_temp.submit('MISS', ARRAY[pg_temp.remote('MISS', 100)]) \gset
SELECT is(pg_temp.pass('MISS'), 'clean', 'the next good one');
SELECT is(pg_temp.unresolved('MISS'), 'none', 'resolves it');
UPDATE quantmesh.snapshot SET state = 'new', snapshot_id = quantmesh.next_id(), open_orders = '[]' WHERE symbol = 'MISS' AND task_id = (SELECT min(task_id) FROM quantmesh.snapshot WHERE symbol = 'MISS');
SELECT is(pg_temp.pass('MISS'), 'SNAPSHOT_INCOMPLETE none recorded', 'one that was asked for before the last one is not used');
SELECT is((SELECT message FROM quantmesh.reconcile_run WHERE symbol = 'MISS' ORDER BY run_id DESC LIMIT 1), 'a snapshot that was asked for later has been reconciled', 'and the run says why');

-- MISSED_FILL, LATE_FILL, FILL_MISMATCH, FILL_GAP, OVERFILL.
SELECT pg_temp.market('FILL'), pg_temp.market('FILLREP', 'report') \gset
SELECT count(pg_temp.place(s, 100)), count(pg_temp.report(s, 100, $$ state => 'open', exchange_order_id => '1' $$)) AS reported FROM unnest(ARRAY['FILL', 'FILLREP']) AS s \gset
CREATE FUNCTION pg_temp.trade(trade_id text, quantity text DEFAULT '0.4', price text DEFAULT '100', exchange_order_id text DEFAULT '1') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_array(jsonb_build_object('trade_id', $1, 'exchange_order_id', $4, 'side', 'buy', 'quantity', $2, 'price', $3, 'executed_at', '2026-01-01T00:00:00Z'))
$$;
SELECT count(pg_temp.submit(s, ARRAY[pg_temp.remote(s, 100, '{"filled_quantity": "0.4"}')], pg_temp.trade('t1'))) FROM unnest(ARRAY['FILL', 'FILLREP']) AS s \gset
SELECT is(pg_temp.pass('FILLREP'), 'STATE_DRIFT apply recorded, MISSED_FILL book recorded', 'MISSED_FILL: report only records');
SELECT is((SELECT count(*) FROM quantmesh.fill WHERE symbol = 'FILLREP'), 0::bigint, 'and books nothing');
SELECT is(pg_temp.pass('FILL'), 'STATE_DRIFT apply repaired, MISSED_FILL book repaired', 'repair books it');
SELECT is(pg_temp.state('FILL', 100), 'partially_filled 0.4', 'with the order');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE symbol = 'FILL'), 0.4, 'and its position');
SELECT pg_temp.submit('FILL', ARRAY[pg_temp.remote('FILL', 100, '{"filled_quantity": "0.4"}')], pg_temp.trade('t1')) \gset
SELECT is(pg_temp.pass('FILL'), 'clean', 'once');
SELECT pg_temp.submit('FILL', ARRAY[pg_temp.remote('FILL', 100, '{"filled_quantity": "0.4"}')], pg_temp.trade('t1', price => '101')) \gset
SELECT is(pg_temp.pass('FILL'), 'FILL_MISMATCH none recorded', 'FILL_MISMATCH: the same trade at another price is only recorded');
SELECT pg_temp.submit('FILL', ARRAY[pg_temp.remote('FILL', 100, '{"filled_quantity": "0.6"}')]) \gset
SELECT is(pg_temp.pass('FILL'), 'FILL_GAP query asked', 'FILL_GAP: more was filled than the trades that came: they are asked for');
SELECT pg_temp.submit('FILL', ARRAY[pg_temp.remote('FILL', 100, '{"filled_quantity": "0.1"}')]) \gset
SELECT is(pg_temp.pass('FILL'), 'OVERFILL none recorded', 'OVERFILL: less than the ledger has is only recorded');
SELECT is(pg_temp.state('FILL', 100), 'partially_filled 0.4', 'nothing is taken back');
SELECT is(pg_temp.report('FILL', 100, $$ state => 'canceled', cumulative_quantity => 0.4 $$), 'canceled', 'the order is canceled');
SELECT pg_temp.submit('FILL', NULL, pg_temp.trade('t2', '0.1')) \gset
SELECT is(pg_temp.pass('FILL'), 'LATE_FILL book repaired', 'LATE_FILL: a trade after its end is booked');
SELECT is(pg_temp.state('FILL', 100), 'canceled 0.5', 'and the order stays canceled');
SELECT is(pg_temp.unresolved('FILL'), 'FILL_MISMATCH 1, LATE_FILL 1', 'what people have to look at is not resolved by itself');
SELECT ok(quantmesh.resolve_discrepancy('rec', discrepancy_id, 'looked at'), 'but by them') FROM quantmesh.discrepancy WHERE symbol = 'FILL' AND code = 'LATE_FILL' AND resolved_at IS NULL;
SELECT is(quantmesh.resolve_discrepancy('rec', discrepancy_id, 'looked at'), false, 'once') FROM quantmesh.discrepancy WHERE symbol = 'FILL' AND code = 'LATE_FILL' ORDER BY resolved_at DESC LIMIT 1;

-- QTY_PRICE_DRIFT.
SELECT pg_temp.market('DRIFT'), pg_temp.market('DRIFTREP', 'report') \gset
SELECT count(pg_temp.place(s, 100)), count(pg_temp.report(s, 100, $$ state => 'open', exchange_order_id => '1' $$)) AS reported FROM unnest(ARRAY['DRIFT', 'DRIFTREP']) AS s \gset
SELECT count(pg_temp.submit(s, ARRAY[pg_temp.remote(s, 100, '{"price": "90", "quantity": "2"}')])) FROM unnest(ARRAY['DRIFT', 'DRIFTREP']) AS s \gset
SELECT is(pg_temp.pass('DRIFTREP'), 'QTY_PRICE_DRIFT amend recorded', 'QTY_PRICE_DRIFT: report only records');
SELECT is(pg_temp.pass('DRIFT'), 'QTY_PRICE_DRIFT amend repaired', 'repair takes over');
SELECT pg_temp.rows_eq($$ SELECT price, quantity, slot FROM quantmesh.orders WHERE symbol = 'DRIFT' $$, $$ VALUES (90::numeric, 2::numeric, '100') $$, 'price and quantity, not the slot');
SELECT is((SELECT open_notional FROM quantmesh.markets WHERE symbol = 'DRIFT'), 180::numeric, 'limits count with them');

-- ORPHAN_OURS, EXTERNAL_ORDER.
SELECT pg_temp.market('ORPH'), pg_temp.market('ORPHREP', 'report'), pg_temp.market('ORPHENF', 'enforce') \gset
CREATE FUNCTION pg_temp.lost_order(symbol text, exchange_order_id text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('client_order_id', r.client_order_id, 'exchange_order_id', $2, 'side', 'buy', 'price', '100', 'quantity', '1')
    FROM quantmesh.place_order('rec', $1, 'buy', 77, 1) AS r
$$;
SELECT pg_temp.lost_order('ORPH', '1') AS orph, pg_temp.lost_order('ORPHREP', '1') AS orphrep, pg_temp.lost_order('ORPHENF', '1') AS orphenf \gset
DELETE FROM quantmesh.live_order WHERE account = 'rec' AND symbol LIKE 'ORPH%';
DELETE FROM quantmesh.orders WHERE account = 'rec' AND symbol LIKE 'ORPH%';
SELECT pg_temp.submit('ORPH', ARRAY[:'orph'::jsonb]), pg_temp.submit('ORPHREP', ARRAY[:'orphrep'::jsonb]), pg_temp.submit('ORPHENF', ARRAY[:'orphenf'::jsonb]) \gset
SELECT is(pg_temp.pass('ORPHREP'), 'ORPHAN_OURS adopt recorded', 'ORPHAN_OURS: report only records');
SELECT is(pg_temp.pass('ORPH'), 'ORPHAN_OURS adopt repaired', 'repair adopts');
SELECT pg_temp.rows_eq($$ SELECT state, origin, slot, holds_slot, price, client_order_id FROM quantmesh.orders WHERE symbol = 'ORPH' $$,
                       format($$ VALUES ('open', 'adopted', '100', true, 100::numeric, %L) $$, :'orph'::jsonb ->> 'client_order_id'), 'an order with its id and its slot');
SELECT is((SELECT outcome FROM quantmesh.place_order('rec', 'ORPH', 'buy', 100, 1)), 'duplicate', 'which it holds');
SELECT is(pg_temp.pass('ORPHENF'), 'ORPHAN_OURS adopt repaired', 'enforce adopts, too');
SELECT is(pg_temp.state('ORPHENF', 100), 'open 0 cancel sent', 'and cancels');
SELECT is(pg_temp.tasks('ORPHENF'), 'cancel_order', 'by a task');
SELECT pg_temp.submit('ORPH', ARRAY[:'orph'::jsonb, '{"client_order_id": "by hand", "exchange_order_id": 77, "side": "SELL", "price": 120, "quantity": 3, "order_type": "STOP_LOSS_LIMIT"}']) \gset
SELECT is(pg_temp.pass('ORPH'), 'EXTERNAL_ORDER adopt repaired', 'EXTERNAL_ORDER: somebody else''s order gets a row');
SELECT pg_temp.rows_eq($$ SELECT state, origin, strategy, slot, side, exchange_order_id FROM quantmesh.orders WHERE symbol = 'ORPH' AND origin = 'external' $$, $$ VALUES ('open', 'external', 'external', NULL, 'sell', '77') $$, 'without a slot');
SELECT pg_temp.submit('ORPHENF', ARRAY[:'orphenf'::jsonb, '{"client_order_id": "by hand", "exchange_order_id": 77, "side": "sell", "price": 120, "quantity": 3}']) \gset
SELECT is(pg_temp.pass('ORPHENF'), 'EXTERNAL_ORDER adopt repaired', 'enforce does the same');
SELECT is((SELECT cancel_state FROM quantmesh.orders WHERE symbol = 'ORPHENF' AND origin = 'external'), 'none', 'and never cancels it');
SELECT pg_temp.submit('ORPH', ARRAY[:'orph'::jsonb, '{"client_order_id": "by hand", "exchange_order_id": 77, "side": "SELL", "price": 120, "quantity": 3}'], pg_temp.trade('e1', '1', exchange_order_id => '999')) \gset
SELECT is(pg_temp.pass('ORPH'), 'EXTERNAL_ORDER query asked', 'a trade of an order that nobody knows: the order is asked for');

-- DUPLICATE_LEVEL: an adopted order whose slot is taken.
SELECT pg_temp.market('DUP', 'enforce') \gset
SELECT pg_temp.lost_order('DUP', '1') AS dup \gset
DELETE FROM quantmesh.live_order WHERE symbol = 'DUP';
DELETE FROM quantmesh.orders WHERE symbol = 'DUP';
SELECT pg_temp.place('DUP', 100), pg_temp.report('DUP', 100, $$ state => 'open', exchange_order_id => '2' $$) \gset
SELECT quantmesh.set_reconcile('rec', 'DUP', policy => 'repair') \gset
SELECT pg_temp.submit('DUP', ARRAY[:'dup'::jsonb, pg_temp.remote('DUP', 100)]) \gset
SELECT is(pg_temp.pass('DUP'), 'ORPHAN_OURS adopt repaired', 'an orphan at a level that is taken is adopted');
SELECT is((SELECT string_agg(holds_slot::text, ', ' ORDER BY order_id) FROM quantmesh.orders WHERE symbol = 'DUP'), 'false, true', 'without its slot');
SELECT pg_temp.submit('DUP', ARRAY[:'dup'::jsonb, pg_temp.remote('DUP', 100)]) \gset
SELECT is(pg_temp.pass('DUP'), 'DUPLICATE_LEVEL cancel recorded', 'DUPLICATE_LEVEL: repair only records');
SELECT quantmesh.set_reconcile('rec', 'DUP', policy => 'enforce') \gset
SELECT is(pg_temp.pass('DUP'), 'DUPLICATE_LEVEL cancel asked', 'enforce cancels');
SELECT is((SELECT string_agg(cancel_state, ', ' ORDER BY order_id) FROM quantmesh.orders WHERE symbol = 'DUP'), 'none, sent', 'the younger one');

-- CANCEL_STUCK.
SELECT pg_temp.market('STUCK') \gset
SELECT pg_temp.place('STUCK', 100) AS stuck, pg_temp.report('STUCK', 100, $$ state => 'open', exchange_order_id => '1' $$) \gset
SELECT is((quantmesh.cancel_order('rec', :stuck)).outcome, 'requested', 'a cancel');
SELECT pg_temp.submit('STUCK', ARRAY[pg_temp.remote('STUCK', 100)]) \gset
SELECT is(pg_temp.pass('STUCK'), 'clean', 'that is under way is no finding');
UPDATE quantmesh.orders SET cancel_requested_at = cancel_requested_at - interval '1 min' WHERE symbol = 'STUCK';
SELECT pg_temp.submit('STUCK', ARRAY[pg_temp.remote('STUCK', 100)]) \gset
SELECT is(pg_temp.pass('STUCK'), 'CANCEL_STUCK cancel asked', 'CANCEL_STUCK: nobody has heard of it for long: it is sent again');
SELECT is(pg_temp.tasks('STUCK'), 'cancel_order', 'by a task');

-- LEASE_ORPHAN: the instance of an intent or a submission is dead.
SELECT pg_temp.market('LEASE') \gset
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('ghost', 5);
SELECT (quantmesh.place_order('rec', 'LEASE', 'buy', 100, 1, instance => 'ghost', epoch => 5, submit => false)).outcome,
       (quantmesh.place_order('rec', 'LEASE', 'buy', 101, 1, instance => 'ghost', epoch => 5)).outcome AS other \gset
UPDATE quantmesh.instance SET state = 'dead', ended_at = now(), epoch = 6 WHERE instance = 'ghost';
SELECT pg_temp.submit('LEASE', NULL) \gset
SELECT is(pg_temp.pass('LEASE'), 'LEASE_ORPHAN hand_over repaired, LEASE_ORPHAN forget_reply repaired', 'LEASE_ORPHAN: intents are handed over, submissions become unknown');
SELECT pg_temp.rows_eq($$ SELECT price, state, instance FROM quantmesh.orders WHERE symbol = 'LEASE' ORDER BY price $$, $$ VALUES (100::numeric, 'intent', NULL), (101::numeric, 'unknown', 'ghost') $$, 'and so they are');
SELECT is(pg_temp.tasks('LEASE'), 'submit_order', 'the market''s owner is told of the intent');

-- POSITION_MISMATCH: per asset of the account, over all markets and the baseline, where somebody has set one.
SELECT quantmesh.set_market('bal', 'COINUSD', tick_size => 0.01, step_size => 0.001, base_asset => 'COIN', quote_asset => 'USD'), quantmesh.set_market('bal', 'COINEUR', tick_size => 0.01, step_size => 0.001, base_asset => 'COIN', quote_asset => 'EUR') \gset
SELECT count(quantmesh.set_reconcile('bal', s, every => '0', grace => '0')::text) FROM unnest(ARRAY['COINUSD', 'COINEUR']) AS s \gset
SELECT quantmesh.set_baseline('bal', 'COIN', 10, 'what was there'), quantmesh.set_baseline('bal', 'USD', 1000, 'what was there'), quantmesh.set_baseline('bal', 'FEE', 5, 'for commissions') \gset
CREATE FUNCTION pg_temp.trades(symbol text, name text, price numeric, commission text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    p quantmesh.placement;
    r quantmesh.report_result;
BEGIN
    p := quantmesh.place_order('bal', symbol, 'buy', price, 1, request_id => name);
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''bal'', %L, %L, exchange_order_id => %L, state => ''filled'', trade_id => %L, last_quantity => 1, last_price => %s%s)', symbol, p.client_order_id, name, name, price, commission) INTO r;
    RETURN r.state;
END $$;
SELECT is(pg_temp.trades('COINUSD', 'b1', 100, $$, commission => 0.01, commission_asset => 'COIN' $$), 'filled', 'bought 1 for 100 USD, commission in the base asset');
SELECT is(pg_temp.trades('COINEUR', 'b2', 90, $$, commission => 0.5, commission_asset => 'FEE' $$), 'filled', 'bought 1 for 90 EUR, commission in a third asset');
CREATE FUNCTION pg_temp.balances(coin text, usd text DEFAULT '900', fee text DEFAULT '4.5') RETURNS text LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
    PERFORM quantmesh.submit_snapshot('bal', 'COINUSD', quantmesh.request_snapshot('bal', 'COINUSD'), now(), now(), '[]', '[]',
        format('[{"asset": "COIN", "free": %s, "locked": 1}, {"asset": "USD", "free": %s}, {"asset": "FEE", "free": %s}, {"asset": "OTHER", "free": 1}]', coin, usd, fee)::jsonb);
    SELECT string_agg(concat_ws(' ', r.code, r.subject, r.local ->> 'amount', r.remote ->> 'amount'), ', ') INTO found FROM quantmesh.reconcile('bal', 'COINUSD') AS r;
    RETURN coalesce(found, 'clean');
END $$;
SELECT is(pg_temp.balances('10.99'), 'clean', 'balances that baseline and fills come to are no finding');
SELECT is((SELECT concat_ws(' ', local_position, exchange_position, realized_profit, open_buys) FROM quantmesh.reconcile_runs WHERE account = 'bal'), '0.99 0.99 0 0', 'the run shows the market''s part of them');
SELECT is(pg_temp.balances('10.9'), 'POSITION_MISMATCH COIN 11.99 11.9', 'POSITION_MISMATCH: of the base asset');
SELECT is(pg_temp.balances('10.99', usd => '899', fee => '4'), 'POSITION_MISMATCH FEE 4.5 4, POSITION_MISMATCH USD 900 899', 'of the quote asset, and of one that commissions are paid in');
SELECT is((SELECT string_agg(subject, ', ' ORDER BY subject) FROM quantmesh.discrepancy WHERE account = 'bal' AND resolved_at IS NULL), 'FEE, USD', 'the first one is resolved meanwhile');
SELECT is((SELECT trading_state FROM quantmesh.market WHERE account = 'bal' AND symbol = 'COINUSD'), 'active', 'markets go on');
SELECT count(pg_temp.balances('1')) FROM generate_series(1, 1) \gset
SELECT count(pg_temp.balances('1')) FROM generate_series(1, 1) \gset
SELECT is((SELECT string_agg(trading_state, ', ') FROM quantmesh.market WHERE account = 'bal'), 'active, active', 'twice different is not enough');
SELECT count(pg_temp.balances('1')) FROM generate_series(1, 1) \gset
SELECT is((SELECT string_agg(trading_state, ', ') FROM quantmesh.market WHERE account = 'bal'), 'reducing, reducing', 'at the third time all markets of that base asset are reducing');

SELECT is_empty($$ SELECT o.order_id, l.order_id FROM (SELECT * FROM quantmesh.orders WHERE exposed) AS o FULL JOIN quantmesh.live_order AS l USING (account, order_id)
                   WHERE (o.symbol, o.side, o.price) IS DISTINCT FROM (l.symbol, l.side, l.price) OR l.slot <> CASE WHEN o.holds_slot THEN o.slot ELSE '#' || o.order_id END $$,
                'after all of it orders and live_order agree');

SELECT * FROM finish();
