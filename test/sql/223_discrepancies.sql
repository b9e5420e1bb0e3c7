-- Shows each contradiction that a report can be: its code is answered and recorded with what we had and what was said,
-- counted when it comes again, and never a silent change of what is booked.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(133);

SELECT quantmesh.set_market('dis', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('dis', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
CREATE FUNCTION pg_temp.place(name text, slot text DEFAULT '', price numeric DEFAULT 100) RETURNS text LANGUAGE sql AS $$
    SELECT outcome FROM quantmesh.place_order('dis', 'BTCUSDT', 'buy', $3, 1, slot => $2, request_id => $1)
$$;
CREATE FUNCTION pg_temp.report(name text, report text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r quantmesh.report_result;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''dis'', ''BTCUSDT'', (SELECT client_order_id FROM quantmesh.orders WHERE request_id = %L), %s)', name, report) INTO r;
    RETURN concat_ws(' ', r.state, r.applied, r.discrepancy);
END $$;
-- The discrepancies of an order: code and how often it was seen.
CREATE FUNCTION pg_temp.seen(name text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(d.code || ' ' || d.seen_count, ', ' ORDER BY d.code, d.discrepancy_id) FROM quantmesh.discrepancy AS d JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = $1
$$;
CREATE FUNCTION pg_temp.booked(name text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, trim_scale(filled_quantity), trim_scale(busted_quantity), trim_scale(reported_quantity)) FROM quantmesh.orders WHERE request_id = $1
$$;

-- STATE_DRIFT: two ends. The first stays.
SELECT is(pg_temp.place('drift'), 'placed', 'an order');
SELECT is(pg_temp.report('drift', $$ state => 'canceled' $$), 'canceled t', 'is canceled');
SELECT matches(pg_temp.report('drift', $$ state => 'expired' $$), '^canceled [tf] STATE_DRIFT$', 'then expired: recorded');
SELECT is(pg_temp.seen('drift'), 'STATE_DRIFT 1', 'as one discrepancy');
SELECT matches(pg_temp.report('drift', $$ state => 'expired' $$), '^canceled [tf] STATE_DRIFT$', 'said again');
SELECT is(pg_temp.seen('drift'), 'STATE_DRIFT 2', 'it is seen twice');
SELECT ok(d.symbol = 'BTCUSDT' AND d.last_seen > d.first_seen AND d.subject <> '' AND d.resolved_at IS NULL AND d.resolution IS NULL AND d.local::text LIKE '%canceled%' AND d.remote::text LIKE '%expired%', 'with what we had and what was said')
    FROM quantmesh.discrepancy AS d JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = 'drift';
UPDATE quantmesh.discrepancy SET resolved_at = clock_timestamp(), resolution = 'test';
SELECT matches(pg_temp.report('drift', $$ state => 'expired' $$), '^canceled [tf] STATE_DRIFT$', 'after it was resolved');
SELECT is(pg_temp.seen('drift'), 'STATE_DRIFT 2, STATE_DRIFT 1', 'it is another one');
SELECT matches(pg_temp.report('drift', $$ state => 'rejected' $$), '^canceled [tf] STATE_DRIFT$', 'so is rejected');
SELECT is(pg_temp.booked('drift'), 'canceled 0 0 0', 'the order stays canceled');

-- REVIVED: against what we had concluded.
SELECT is((SELECT outcome FROM quantmesh.place_order('dis', 'BTCUSDT', 'buy', 90, 1, request_id => 'revived')), 'placed', 'an order');
SELECT is((quantmesh.resolve_submission('dis', order_id, fence, 'rejected')).state, 'rejected', 'that we took for rejected') FROM quantmesh.orders WHERE request_id = 'revived';
SELECT is(pg_temp.report('revived', $$ state => 'open' $$), 'open t REVIVED', 'and that is open');
SELECT pg_temp.rows_eq($$ SELECT live, holds_slot, ended_at FROM quantmesh.orders WHERE request_id = 'revived' $$, 'VALUES (true, true, NULL::timestamptz)', 'lives and has its slot again');
SELECT is((quantmesh.place_order('dis', 'BTCUSDT', 'buy', 90, 1)).outcome, 'duplicate', 'which nobody else gets');
SELECT is(pg_temp.seen('revived'), 'REVIVED 1', 'recorded');
SELECT is(pg_temp.report('revived', $$ state => 'canceled' $$), 'canceled t', 'it goes on as any other');

-- DUPLICATE_LEVEL: it was taken meanwhile.
SELECT is((SELECT outcome FROM quantmesh.place_order('dis', 'BTCUSDT', 'buy', 91, 1, request_id => 'second')), 'placed', 'an order');
SELECT is((quantmesh.resolve_submission('dis', order_id, fence, 'rejected')).state, 'rejected', 'that we took for rejected') FROM quantmesh.orders WHERE request_id = 'second';
SELECT is((SELECT outcome FROM quantmesh.place_order('dis', 'BTCUSDT', 'buy', 91, 1, request_id => 'taker')), 'placed', 'whose slot another one took');
SELECT matches(pg_temp.report('second', $$ state => 'open' $$), '^open t (DUPLICATE_LEVEL|REVIVED)$', 'and that is open');
SELECT pg_temp.rows_eq($$ SELECT live, holds_slot FROM quantmesh.orders WHERE request_id IN ('second', 'taker') ORDER BY request_id $$, 'VALUES (true, false), (true, true)', 'lives without its slot');
SELECT is(pg_temp.seen('second'), 'DUPLICATE_LEVEL 1, REVIVED 1', 'both are recorded');
SELECT is(pg_temp.report('second', $$ trade_id => 's1', last_quantity => 1, last_price => 91 $$), 'filled t', 'its fill is booked as any other');
SELECT is((quantmesh.place_order('dis', 'BTCUSDT', 'buy', 91, 1)).outcome, 'duplicate', 'and the slot is still the taker''s');
-- The level is busy: it cannot be looked at, so the order does not have it.
SELECT is((SELECT outcome FROM quantmesh.place_order('dis', 'BTCUSDT', 'buy', 70, 1, request_id => 'busy', submit => false)), 'placed', 'an intent');
SELECT is((quantmesh.cancel_order('dis', order_id)).outcome, 'aborted', 'aborted') FROM quantmesh.orders WHERE request_id = 'busy';
SELECT quantmesh.try_lease('order:dis:BTCUSDT:70', 'another', '30 s') AS lease \gset
SELECT matches(pg_temp.report('busy', $$ state => 'open' $$), '^open t (DUPLICATE_LEVEL|REVIVED)$', 'that is open while its level is busy');
SELECT quantmesh.release_lease('order:dis:BTCUSDT:70', 'another', :lease) \gset
SELECT pg_temp.rows_eq($$ SELECT live, holds_slot FROM quantmesh.orders WHERE request_id = 'busy' $$, 'VALUES (true, false)', 'lives without its slot too');

-- LATE_FILL: on an order that ended with less.
SELECT is(pg_temp.place('late'), 'placed', 'an order');
SELECT is(pg_temp.report('late', $$ state => 'canceled', cumulative_quantity => 0 $$), 'canceled t', 'that ended with nothing filled');
SELECT is(pg_temp.report('late', $$ trade_id => 'l1', last_quantity => 0.4, last_price => 100 $$), 'canceled t LATE_FILL', 'and has a fill');
SELECT is(pg_temp.booked('late'), 'canceled 0.4 0 0.4', 'which is booked, and does not bring it back');
SELECT is(pg_temp.report('late', $$ trade_id => 'l1', last_quantity => 0.4, last_price => 100 $$), 'canceled f', 'the same fill again is nothing new');
SELECT is(pg_temp.report('late', $$ trade_id => 'l2', last_quantity => 0.1, last_price => 100 $$), 'canceled t LATE_FILL', 'another one is');
SELECT ok(pg_temp.seen('late') IN ('LATE_FILL 2', 'LATE_FILL 1, LATE_FILL 1'), 'both are recorded');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE account = 'dis' AND symbol = 'BTCUSDT'), 1.5, 'late fills are positions');
SELECT is(pg_temp.place('late rejected'), 'placed', 'an order');
SELECT is(pg_temp.report('late rejected', $$ state => 'rejected' $$), 'rejected t', 'that was rejected');
SELECT matches(pg_temp.report('late rejected', $$ trade_id => 'lr1', last_quantity => 0.5, last_price => 100 $$), '^partially_filled t (REVIVED|LATE_FILL)$', 'and has a fill: it is alive');
SELECT matches(pg_temp.seen('late rejected'), 'REVIVED 1', 'recorded');

-- OVERFILL: more than was ordered.
SELECT is(pg_temp.place('over'), 'placed', 'an order of 1');
SELECT is(pg_temp.report('over', $$ trade_id => 'o1', last_quantity => 0.7, last_price => 100 $$), 'partially_filled t', 'a fill of 0.7');
SELECT is(pg_temp.report('over', $$ trade_id => 'o2', last_quantity => 0.7, last_price => 100 $$), 'filled t OVERFILL', 'and another one');
SELECT is(pg_temp.booked('over'), 'filled 1.4 0 1.4', 'are booked');
SELECT is(pg_temp.seen('over'), 'OVERFILL 1', 'and recorded');
SELECT is(pg_temp.place('over said'), 'placed', 'an order of 1');
SELECT is(pg_temp.report('over said', $$ state => 'partially_filled', cumulative_quantity => 1 $$), 'partially_filled t', 'all of it may be filled');
SELECT is(pg_temp.seen('over said'), NULL, 'which is no contradiction');
SELECT is(pg_temp.report('over said', $$ state => 'canceled', cumulative_quantity => 5000 $$), 'canceled t OVERFILL', 'more than was ordered is one, without a fill, too');
SELECT is(pg_temp.report('over said', $$ state => 'canceled', cumulative_quantity => 5000 $$), 'canceled f', 'repeated, it is no news');
SELECT is(pg_temp.booked('over said'), 'canceled 0 0 5000', 'it is believed');
SELECT is(pg_temp.seen('over said'), 'OVERFILL 1', 'and recorded');

-- FILL_MISMATCH: a trade id that is known with other numbers, or for another order.
SELECT is(pg_temp.place('mismatch'), 'placed', 'an order');
SELECT is(pg_temp.report('mismatch', $$ trade_id => 'm1', last_quantity => 0.3, last_price => 100, commission => 0.1, commission_asset => 'USDT' $$), 'partially_filled t', 'a fill');
SELECT is(pg_temp.report('mismatch', report), 'partially_filled f FILL_MISMATCH', format('the same trade, but %s', report))
    FROM unnest(ARRAY[$$ trade_id => 'm1', last_quantity => 0.4, last_price => 100 $$, $$ trade_id => 'm1', last_quantity => 0.3, last_price => 100.01 $$]) AS report;
SELECT is(pg_temp.booked('mismatch'), 'partially_filled 0.3 0 0.3', 'is not booked again');
SELECT is(pg_temp.place('mismatch 2'), 'placed', 'another order');
SELECT is(pg_temp.report('mismatch 2', $$ trade_id => 'm1', last_quantity => 0.3, last_price => 100 $$), 'submitted f FILL_MISMATCH', 'nor for another order');
SELECT is(pg_temp.booked('mismatch 2'), 'submitted 0 0 0', 'which stays as it is');
SELECT is((SELECT count(*) FROM quantmesh.fill WHERE trade_id = 'm1'), 1::bigint, 'there is one such fill');
SELECT is((SELECT concat_ws(' ', r.state, r.applied, r.discrepancy) FROM quantmesh.place_order('dis', 'ETHUSDT', 'buy', 100, 1) AS p, quantmesh.apply_report('dis', 'ETHUSDT', p.client_order_id, trade_id => 'm1', last_quantity => 0.5, last_price => 99) AS r),
          'partially_filled t', 'trade ids belong to a market');

-- EXCHANGE_ID_MISMATCH.
SELECT is(pg_temp.place('xid 1'), 'placed', 'an order');
SELECT is(pg_temp.place('xid 2'), 'placed', 'and another one');
SELECT is(pg_temp.report('xid 1', $$ 'x-1', 'new' $$), 'open t', 'the first has an id of the exchange');
SELECT matches(pg_temp.report('xid 2', $$ 'x-1', 'new' $$), '^[a-z]+ [tf] EXCHANGE_ID_MISMATCH$', 'the same id for the second');
SELECT is((quantmesh.apply_report('dis', 'BTCUSDT', exchange_order_id => 'x-1')).order_id, (SELECT order_id FROM quantmesh.orders WHERE request_id = 'xid 1'), 'stays that of the first');
SELECT matches(pg_temp.report('xid 1', $$ 'x-3', 'new' $$), '^open [tf] EXCHANGE_ID_MISMATCH$', 'a second id for the first');
SELECT matches(pg_temp.seen('xid 1'), 'EXCHANGE_ID_MISMATCH', 'is recorded');
SELECT is((quantmesh.apply_report('dis', 'BTCUSDT', exchange_order_id => 'x-1')).order_id, (SELECT order_id FROM quantmesh.orders WHERE request_id = 'xid 1'), 'and the first id is not forgotten');

-- UNKNOWN_STATUS: a word that we do not know.
SELECT is(pg_temp.place('word'), 'placed', 'an order');
SELECT is(pg_temp.report('word', $$ state => 'hibernating' $$), 'submitted f UNKNOWN_STATUS', 'a state that we do not know leaves it as it is');
SELECT is(pg_temp.report('word', $$ state => 'hibernating', trade_id => 'w1', last_quantity => 0.25, last_price => 100 $$), 'partially_filled t UNKNOWN_STATUS', 'a fill that comes with it is booked');
SELECT is(pg_temp.booked('word'), 'partially_filled 0.25 0 0.25', 'and counts');
SELECT is(pg_temp.seen('word'), 'UNKNOWN_STATUS 2', 'recorded');
SELECT throws_ok(format($$ SELECT quantmesh.apply_report('dis', 'BTCUSDT', 'q', state => %s) $$, s), '22023', NULL, format('but %s is no word', s)) FROM unnest(ARRAY['E''a\nb''', 'repeat(''x'', 1000)']) AS s;

-- ORPHAN_OURS: our tag, no row.
SELECT substr(client_order_id, 2, 4) AS tag FROM quantmesh.orders LIMIT 1 \gset
SELECT is(concat_ws(' ', order_id, state, applied, discrepancy), 'f ORPHAN_OURS', 'an id of ours without an order') FROM quantmesh.apply_report('dis', 'BTCUSDT', 'q' || :'tag' || 'zza0', state => 'open');
SELECT is(concat_ws(' ', order_id, state, applied, discrepancy), 'f ORPHAN_OURS', 'with a fill') FROM quantmesh.apply_report('dis', 'BTCUSDT', 'q' || :'tag' || 'zza0', trade_id => 'orphan', last_quantity => 1, last_price => 100);
SELECT is((SELECT seen_count FROM quantmesh.discrepancy WHERE code = 'ORPHAN_OURS'), 2::bigint, 'is recorded under its id');
SELECT is_empty($$ SELECT * FROM quantmesh.fill WHERE trade_id = 'orphan' $$, 'and not booked');
-- An id of an order of ours, but in another market or account, or of an attempt that has not been made.
SELECT is(pg_temp.place('elsewhere'), 'placed', 'an order');
SELECT client_order_id AS elsewhere FROM quantmesh.orders WHERE request_id = 'elsewhere' \gset
SELECT is(concat_ws(' ', order_id, state, applied), 'f', format('its id, %s', what)) FROM (VALUES ('in another market', 'dis', 'ETHUSDT', :'elsewhere'), ('in another account', 'dis/2', 'BTCUSDT', :'elsewhere'),
    ('with a later attempt', 'dis', 'BTCUSDT', left(:'elsewhere', -1) || '7'), ('of another tag', 'dis', 'BTCUSDT', 'q' || translate(:'tag', 'abcdefghijklmnopqrstuvwxyz0123456789', 'bcdefghijklmnopqrstuvwxyz0123456789a') || substr(:'elsewhere', 6)),
    ('in upper case', 'dis', 'BTCUSDT', upper(:'elsewhere')), ('with more behind it', 'dis', 'BTCUSDT', :'elsewhere' || 'x')) AS w (what, account, symbol, id),
    quantmesh.apply_report(w.account, w.symbol, w.id, state => 'filled', trade_id => 'elsewhere', last_quantity => 1, last_price => 100);
SELECT is(pg_temp.booked('elsewhere'), 'submitted 0 0 0', 'is not that order''s');

-- EXTERNAL_ORDER: not ours.
SELECT is(concat_ws(' ', order_id, state, applied, discrepancy), 'f EXTERNAL_ORDER', format('%s is not ours', id))
    FROM unnest(ARRAY['x-MG43PCSN123', 'q', 'q1', 'web_abc', 'qabcd', 'QABCD1A0', 'qabcdzzzzzzzzzzzzzzzzzzzzzzzzzzzzza0', 'q-$§', 'a b']) AS id, quantmesh.apply_report('dis', 'BTCUSDT', id, state => 'filled', trade_id => 'ext', last_quantity => 1, last_price => 100);
SELECT is(concat_ws(' ', order_id, state, applied, discrepancy), 'f EXTERNAL_ORDER', 'nor an id of the exchange alone') FROM quantmesh.apply_report('dis', 'BTCUSDT', exchange_order_id => 'ext-1', state => 'open');
SELECT is(pg_temp.place('early trade'), 'placed', 'an order');
SELECT is((SELECT r.discrepancy FROM quantmesh.apply_report('dis', 'BTCUSDT', exchange_order_id => 'x-early', trade_id => 'e1', last_quantity => 1, last_price => 100) AS r), 'EXTERNAL_ORDER', 'whose trade comes by the exchange''s id, which nobody has told us yet');
SELECT is(pg_temp.report('early trade', $$ 'x-early', 'new' $$), 'open t', 'then we are told');
SELECT is((SELECT concat_ws(' ', r.state, r.applied) FROM quantmesh.apply_report('dis', 'BTCUSDT', exchange_order_id => 'x-early', trade_id => 'e1', last_quantity => 1, last_price => 100) AS r), 'filled t', 'and the trade, repeated, is booked');
SELECT is_empty($$ SELECT * FROM quantmesh.fill WHERE trade_id IN ('ext', 'elsewhere') $$, 'nothing of it is booked');
SELECT is_empty($$ SELECT * FROM quantmesh.exchange_order WHERE exchange_order_id = 'ext-1' $$, 'or remembered as an order of ours');

-- TRADE_BUST.
SELECT is(pg_temp.place('bust'), 'placed', 'an order');
SELECT is(pg_temp.report('bust', $$ trade_id => 'b1', last_quantity => 1, last_price => 100 $$), 'filled t', 'filled');
SELECT is(pg_temp.report('bust', $$ state => 'busted', trade_id => 'b1', last_quantity => 1, last_price => 100 $$), 'filled t TRADE_BUST', 'and busted');
SELECT is(pg_temp.booked('bust'), 'filled 0 1 1', 'keeps its state, and counts what was taken back');
SELECT is(pg_temp.seen('bust'), 'TRADE_BUST 1', 'recorded');
SELECT is(pg_temp.report('bust', $$ state => 'busted', trade_id => 'b1', last_quantity => 0.5, last_price => 100 $$), 'filled f FILL_MISMATCH', 'a bust of the same trade with other numbers is a mismatch');

-- QTY_PRICE_DRIFT: somebody has made the order smaller at the exchange, and that it is filled is the first that we hear of it.
SELECT is(pg_temp.place('smaller'), 'placed', 'an order');
SELECT is(pg_temp.report('smaller', $$ state => 'partially_filled', trade_id => 'less1', last_quantity => 0.3, last_price => 100, cumulative_quantity => 0.3 $$), 'partially_filled t', 'is filled in part');
SELECT is(pg_temp.report('smaller', $$ state => 'filled', trade_id => 'less2', last_quantity => 0.2, last_price => 100, cumulative_quantity => 0.5 $$), 'filled t QTY_PRICE_DRIFT', 'then filled, with less than was ordered');
SELECT is(pg_temp.booked('smaller'), 'filled 0.5 0 0.5', 'nothing of it is missing');
SELECT is((SELECT concat_ws(' ', trim_scale(quantity), exposed) FROM quantmesh.orders WHERE request_id = 'smaller'), '0.5 f', 'that is its whole quantity');
SELECT is((SELECT concat_ws(' ', e.source, e.detail) FROM quantmesh.order_event AS e JOIN quantmesh.orders AS o USING (account, order_id) WHERE o.request_id = 'smaller' AND e.event = 'amended'), 'stream {"old_price": "100", "old_quantity": "1"}', 'the one before stands in its history');
SELECT is(pg_temp.report('smaller', $$ state => 'filled', trade_id => 'less2', last_quantity => 0.2, last_price => 100, cumulative_quantity => 0.5 $$), 'filled f', 'repeated, it is no news');
SELECT is(pg_temp.place('smaller at once'), 'placed', 'another one');
SELECT is(pg_temp.report('smaller at once', $$ state => 'filled', cumulative_quantity => 0.4 $$), 'filled t QTY_PRICE_DRIFT', 'is filled with less before any trade has come');
SELECT is(pg_temp.report('smaller at once', $$ trade_id => 'less3', last_quantity => 0.4, last_price => 100 $$), 'filled t', 'which comes later');
SELECT is(pg_temp.booked('smaller at once'), 'filled 0.4 0 0.4', 'and is all of it');
SELECT is(pg_temp.place('contradicted'), 'placed', 'a third one');
SELECT is(pg_temp.report('contradicted', $$ trade_id => 'less4', last_quantity => 0.6, last_price => 100 $$), 'partially_filled t', 'has traded more');
SELECT is(pg_temp.report('contradicted', $$ state => 'filled', cumulative_quantity => 0.5 $$), 'filled t', 'than it is said to be filled with');
SELECT is((SELECT concat_ws(' ', trim_scale(quantity), exposed) FROM quantmesh.orders WHERE request_id = 'contradicted'), '1 t', 'that is not believed, and a trade is missing');

-- What all have in common.
SELECT set_eq('SELECT DISTINCT code::text FROM quantmesh.discrepancy', ARRAY['STATE_DRIFT', 'REVIVED', 'LATE_FILL', 'OVERFILL', 'FILL_MISMATCH', 'EXCHANGE_ID_MISMATCH', 'UNKNOWN_STATUS', 'ORPHAN_OURS', 'EXTERNAL_ORDER', 'DUPLICATE_LEVEL', 'TRADE_BUST', 'QTY_PRICE_DRIFT'],
              'every code was shown');
SELECT is_empty('SELECT * FROM quantmesh.discrepancy WHERE (remote IS NULL AND code <> ''DUPLICATE_LEVEL'') OR last_seen < first_seen OR subject = ''''', 'each says what the exchange said');
SELECT pg_temp.rows_eq($$ SELECT symbol::text, quantity FROM quantmesh.position WHERE account = 'dis' ORDER BY symbol $$,
                  $$ SELECT symbol::text, sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END) FROM quantmesh.fill WHERE account = 'dis' GROUP BY symbol ORDER BY symbol $$, 'positions are the sums of fills');
BEGIN;
SELECT matches(pg_temp.report('drift', $$ state => 'filled' $$), '^canceled [tf] STATE_DRIFT$', 'a discrepancy');
ROLLBACK;
SELECT is((SELECT max(last_seen) < now() AND sum(seen_count) = 4 FROM quantmesh.discrepancy JOIN quantmesh.orders AS o USING (account, order_id) WHERE request_id = 'drift' AND code = 'STATE_DRIFT'), true, 'belongs to its transaction');

SELECT * FROM finish();
