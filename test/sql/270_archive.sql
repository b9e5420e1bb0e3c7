-- Shows that finished orders are moved to order_archive with every column, that live ones and those whose fills are missing
-- stay, that people and reports still find archived orders, and that their events are pruned.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(73);

SELECT quantmesh.set_market('arc', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
SELECT quantmesh.set_market('arc/2', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
CREATE FUNCTION pg_temp.place(price numeric, account text DEFAULT 'arc') RETURNS bigint LANGUAGE sql AS $$
    SELECT order_id FROM quantmesh.place_order($2, 'BTCUSDT', 'buy', $1, 1, request_id => 'r' || $1, strategy => 's')
$$;
CREATE FUNCTION pg_temp.client_order_id(price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT o.client_order_id FROM quantmesh.orders AS o WHERE o.account = 'arc' AND o.price = $1
    UNION ALL SELECT a.client_order_id FROM quantmesh.order_archive AS a WHERE a.account = 'arc' AND a.price = $1
$$;
CREATE FUNCTION pg_temp.report(price numeric, report text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r quantmesh.report_result;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''arc'', ''BTCUSDT'', pg_temp.client_order_id(%s), %s)', price, report) INTO r;
    RETURN concat_ws(' ', r.state, r.applied, r.discrepancy);
END $$;
CREATE FUNCTION pg_temp.keep(job text, before interval DEFAULT '0', max_rows integer DEFAULT 1000) RETURNS text LANGUAGE sql AS $$
    SELECT rows || CASE more WHEN true THEN ' more' WHEN false THEN '' END FROM quantmesh.housekeep(job, clock_timestamp() + before, max_rows)
$$;
CREATE FUNCTION pg_temp.where_is(price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', (SELECT 'orders' FROM quantmesh.orders AS o WHERE o.account = 'arc' AND o.price = $1),
                     (SELECT a.tableoid::regclass::text FROM quantmesh.order_archive AS a WHERE a.account = 'arc' AND a.price = $1))
$$;

SELECT is(count(*), 10::bigint, 'ten orders') FROM (SELECT pg_temp.place(p) FROM generate_series(101, 110) AS p) AS placed;
SELECT pg_temp.place(101, 'arc/2') \gset
SELECT is(pg_temp.report(101, $$ 'x101', 'filled', 't101', 1, 101, commission => 0.1, commission_asset => 'USDT' $$), 'filled t', 'filled');
SELECT is(pg_temp.report(102, $$ 'x102', 'canceled' $$), 'canceled t', 'canceled');
SELECT is(pg_temp.report(103, $$ 'x103', 'open' $$), 'open t', 'open');
SELECT is(pg_temp.report(104, $$ 'x104', 'canceled', cumulative_quantity => 0.5 $$), 'canceled t', 'canceled, with fills to come');
SELECT is(pg_temp.report(105, $$ NULL, 'rejected' $$), 'rejected t', 'rejected');
SELECT is(pg_temp.report(106, $$ 'x106', 'expired', cumulative_quantity => 0 $$), 'expired t', 'expired');
CREATE TEMP TABLE before AS SELECT * FROM quantmesh.orders;
CREATE TEMP TABLE history AS SELECT * FROM quantmesh.order_history;
CREATE TEMP TABLE compat AS SELECT * FROM quantmesh_compat.orders;

-- Nothing is old enough.
SELECT is(pg_temp.keep('orders', '-1 hour'), '0', 'young orders stay');
SELECT is_empty('SELECT FROM pg_inherits WHERE inhparent = ''quantmesh.order_archive''::regclass', '... and no partition is made');
SELECT is_empty('SELECT FROM quantmesh.housekeeping_progress', '... nor anything written');
SELECT is((SELECT rows || ' ' || (last_at IS NULL) || ' ' || (keep = '30 days') FROM quantmesh.housekeeping WHERE job = 'orders'), '0 true true', 'the view knows');

-- In two batches.
SELECT is(pg_temp.keep('orders', max_rows => 3), '3 more', 'a batch moves no more than it may');
SELECT is(pg_temp.keep('orders', max_rows => 3), '1', '... and the next one the rest');
SELECT is(pg_temp.keep('orders', max_rows => 3), '0', '... then there is nothing left');
SELECT is((SELECT string_agg(account || ' ' || rows || ' ' || last_rows, ', ') FROM quantmesh.housekeeping_progress WHERE job = 'orders'), 'arc 4 1', 'progress is written down');
SELECT is((SELECT rows::text || (last_at IS NOT NULL) || (done_until <= now()) FROM quantmesh.housekeeping WHERE job = 'orders'), '4truetrue', '... for people, too');
SELECT is(pg_temp.where_is(101), 'quantmesh.order_archive_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM'), 'a filled order is in the partition of its month');
SELECT is(pg_temp.where_is(p), w, format('%s is in %s', p, w)) FROM (VALUES (103, 'orders'), (104, 'orders'), (107, 'orders'), (110, 'orders')) AS v (p, w);
SELECT is(pg_temp.where_is(p), pg_temp.where_is(101), format('%s is archived', p)) FROM (VALUES (102), (105), (106)) AS v (p);
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE account = 'arc/2'), 1::bigint, 'the other account has nothing to move');
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'quantmesh.order_archive'::regclass), 2::bigint, 'the next month has a partition already');
SELECT pg_temp.rows_eq('SELECT * FROM quantmesh.orders UNION ALL SELECT * FROM quantmesh.order_archive ORDER BY account, order_id', 'SELECT * FROM before ORDER BY account, order_id',
                       'no column of any order has changed');
SELECT pg_temp.rows_eq('SELECT * FROM quantmesh.order_history ORDER BY order_id', 'SELECT * FROM history ORDER BY order_id', 'the view order_history shows the same');
SELECT pg_temp.rows_eq('SELECT * FROM quantmesh_compat.orders ORDER BY id', 'SELECT * FROM compat ORDER BY id', '... and so does the earlier system''s');
SELECT is((SELECT count(*) FROM quantmesh.order_event AS e JOIN quantmesh.order_archive AS a USING (account, order_id)), 4::bigint, 'events of archived orders are found by order_id');
SELECT is((SELECT count(*) FROM quantmesh.fills AS f JOIN quantmesh.order_history AS h USING (account, order_id)), 1::bigint, '... and so are fills');

-- A partition like any table of ours.
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid
                   WHERE i.inhparent = 'quantmesh.order_archive'::regclass
                     AND (c.relowner <> (SELECT relowner FROM pg_class WHERE oid = 'quantmesh.orders'::regclass) OR obj_description(c.oid, 'pg_class') IS NULL
                          OR has_table_privilege('public', c.oid, 'SELECT')) $$, 'partitions belong to the owner, have a comment, and are not open to PUBLIC');
SELECT is_empty($$ SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a JOIN pg_inherits AS i ON i.inhrelid = a.attrelid
                   WHERE i.inhparent = 'quantmesh.order_archive'::regclass AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL $$, '... and so have their columns');
SELECT is_empty($$ SELECT i.inhrelid::regclass FROM pg_inherits AS i WHERE i.inhparent = 'quantmesh.order_archive'::regclass
                   AND (SELECT string_agg(pg_get_indexdef(x.indexrelid, 1, true) || ',' || pg_get_indexdef(x.indexrelid, 2, true) || x.indisunique, ' ' ORDER BY x.indisunique) FROM pg_index AS x WHERE x.indrelid = i.inhrelid)
                       <> 'account,updated_atfalse account,order_idtrue' $$, '... each has its key and its index by age');
SELECT is((SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'quantmesh.order_archive'::regclass AND attnum > 0),
          (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'quantmesh.orders'::regclass AND attnum > 0), 'the archive has the columns of orders');
SELECT lives_ok($$ SELECT quantmesh.make_archive_partition(make_timestamptz(2020, m, 1, 0, 0, 0, 'UTC') - interval '1 us') FROM generate_series(1, 12) AS m $$, 'partitions of a year');
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'quantmesh.order_archive'::regclass), 14::bigint, '... one for each month');
SET timezone = 'Asia/Tokyo';
SELECT quantmesh.make_archive_partition('2020-03-01 05:00+09') \gset
SELECT quantmesh.make_archive_partition('2020-12-31 23:59+00') \gset
SELECT is((SELECT count(*) FROM pg_inherits WHERE inhparent = 'quantmesh.order_archive'::regclass), 15::bigint, '... of UTC, wherever the session is');
RESET timezone;

-- What is said of an archived order brings it back.
SELECT is(pg_temp.report(102, $$ 'x102', 'canceled' $$), 'canceled f', 'a repeated report is no news');
SELECT is(pg_temp.where_is(102), 'orders', '... but the order is back');
SELECT pg_temp.rows_eq('SELECT * FROM quantmesh.orders WHERE price = 102', 'SELECT * FROM before WHERE price = 102', '... as it was');
SELECT is(pg_temp.report(106, $$ 'x106', NULL, 't106', 0.25, 106 $$), 'expired t LATE_FILL', 'a late fill of an archived order is booked');
SELECT is((SELECT r.order_id IS NOT NULL AND r.applied FROM quantmesh.apply_report('arc', 'BTCUSDT', NULL, 'x101', 'busted', 't101', 1, 101) AS r), true, '... a bust by the exchange''s id, too');
SELECT is(pg_temp.where_is(101), 'orders', '... which brings it back');
SELECT is((SELECT quantity FROM quantmesh.position WHERE account = 'arc'), 0.25, 'the position is right');
SELECT is((SELECT outcome || ' ' || state FROM quantmesh.cancel_order('arc', (SELECT order_id FROM before WHERE price = 105))), 'noop rejected', 'a cancel of an archived order is answered as of any ended one');
SELECT is((SELECT outcome || ' ' || coalesce(reason, '') FROM quantmesh.replace_order('arc', (SELECT order_id FROM before WHERE price = 105), 99, 1)), 'denied ORDER_NOT_LIVE', 'so is one that is to be replaced');
SELECT is(pg_temp.keep('orders'), '4', 'they move out again');
SELECT is((SELECT outcome FROM quantmesh.replace_order('arc', (SELECT order_id FROM before WHERE price = 105), 99, 1)), 'denied', 'replacing it is answered from the archive, too');
SELECT is(pg_temp.keep('orders'), '1', '... and it moves out again');

-- Its request is known until it moves.
SELECT is((SELECT outcome || ' ' || replayed FROM quantmesh.place_order('arc', 'BTCUSDT', 'buy', 103, 1, request_id => 'r103', strategy => 's')), 'placed true', 'requests of orders in orders are known');
SELECT is((SELECT outcome || ' ' || replayed FROM quantmesh.place_order('arc', 'BTCUSDT', 'buy', 102, 1, request_id => 'r102', strategy => 's')), 'placed false', '... those of archived ones are not');
SELECT is((SELECT applied::text FROM quantmesh.apply_report('arc', 'BTCUSDT', NULL, 'x102', 'canceled')), 'false', 'the old order can still come back');
SELECT is((SELECT string_agg(state || ' ' || coalesce(request_id, '-'), ', ' ORDER BY order_id) FROM quantmesh.orders WHERE account = 'arc' AND price = 102),
          'canceled -, submitted r102', '... the request is the newer one''s');

-- A snapshot that names an archived order finds it.
SELECT is(pg_temp.keep('orders'), '1', 'it moves out again');
SELECT quantmesh.request_snapshot('arc', 'BTCUSDT') AS task \gset
SELECT quantmesh.submit_snapshot('arc', 'BTCUSDT', :task, now(), now(), '[]', jsonb_build_array(jsonb_build_object('trade_id', 't106', 'exchange_order_id', 'x106', 'side', 'buy',
    'quantity', '0.25', 'price', '106', 'executed_at', now())), '[]') \gset
SELECT is_empty($$ SELECT code FROM quantmesh.reconcile('arc', 'BTCUSDT') WHERE code IN ('ORPHAN_OURS', 'EXTERNAL_ORDER', 'MISSED_FILL', 'LATE_FILL') $$, 'trades of an archived order are its own');
SELECT is(pg_temp.where_is(106), 'orders', '... which is back for that');

-- Events.
SELECT is(pg_temp.keep('orders'), '1', 'out again');
CREATE TEMP TABLE events AS SELECT e.* FROM quantmesh.order_event AS e;
SELECT is(pg_temp.keep('order_events', '-1 hour'), '0', 'young events stay');
SELECT cmp_ok(regexp_replace(pg_temp.keep('order_events', max_rows => 1), ' more', '')::int, '>', 0, 'events go order by order');
SELECT matches(pg_temp.keep('order_events', max_rows => 1), ' more$', '... and there are more');
SELECT doesnt_match(pg_temp.keep('order_events'), 'more', '... until there are none');
SELECT is_empty($$ SELECT FROM quantmesh.order_event AS e JOIN quantmesh.order_archive AS a USING (account, order_id) $$, 'archived orders have no events left');
SELECT pg_temp.rows_eq($$ SELECT e.* FROM quantmesh.order_event AS e ORDER BY e.event_id $$,
                       $$ SELECT e.* FROM events AS e JOIN quantmesh.orders AS o USING (account, order_id) ORDER BY e.event_id $$, 'orders that are not archived have all of theirs');
SELECT is(pg_temp.report(106, $$ 'x106', NULL, 't107', 0.1, 106 $$), 'expired t LATE_FILL', 'a report about one whose events were pruned');
SELECT is((SELECT string_agg(event, ' ') FROM quantmesh.order_event WHERE order_id = (SELECT order_id FROM before WHERE price = 106 AND account = 'arc')), 'fill', '... has its event');
SELECT pg_temp.keep('orders') \gset
SELECT is(pg_temp.keep('order_events'), '1', '... which is pruned in its turn');
SELECT is(pg_temp.keep('order_events'), '0', 'and that is all');

-- Orders without events do not stop it.
SELECT count(*) FROM (SELECT quantmesh.place_order('arc', 'BTCUSDT', 'buy', 200 + i, 1, slot => '') FROM generate_series(1, 20) AS i) AS p \gset
SELECT is(count(*), 20::bigint, 'orders end') FROM quantmesh.orders AS o, quantmesh.resolve_submission('arc', o.order_id, o.fence, 'rejected') WHERE o.price > 200;
DELETE FROM quantmesh.order_event AS e USING quantmesh.orders AS o WHERE o.order_id = e.order_id AND o.price > 200;
SELECT is(pg_temp.keep('orders'), '20', '... and move');
SELECT is(string_agg(pg_temp.keep('order_events', max_rows => 5), ', '), '0 more, 0 more, 0 more, 0 more, 0', 'orders that have no events are passed by')
    FROM (SELECT i FROM generate_series(1, 5) AS i OFFSET 0) AS rounds;

-- A month that somebody put aside is in the way, and nothing is lost.
SELECT pg_temp.report(103, $$ 'x103', 'canceled' $$) \gset
SELECT format('ALTER TABLE quantmesh.order_archive DETACH PARTITION quantmesh.order_archive_%s', to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')) AS detach \gset
:detach;
SELECT throws_ok($$ SELECT quantmesh.housekeep('orders', clock_timestamp() + '1 min', 10) $$, '42P07', NULL, 'a table of the partition''s name that is none is an error');
SELECT is(pg_temp.where_is(103), 'orders', '... and leaves the order where it was');

SELECT * FROM finish();
