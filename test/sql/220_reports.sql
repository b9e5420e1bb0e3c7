-- Shows what apply_report does with one report of the exchange: its words for states, its fills, by which ids it finds the
-- order, that what changes nothing writes nothing, and which arguments it refuses.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(287);

SELECT quantmesh.set_market('rep', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('rep', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_market('rep/2', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset

-- Places an order; NAME is its request id. Reports say what they are given, for the order of that name.
CREATE FUNCTION pg_temp.place(name text, quantity numeric DEFAULT 1) RETURNS text LANGUAGE sql AS $$
    SELECT outcome FROM quantmesh.place_order('rep', 'BTCUSDT', 'buy', 100, $2, slot => '', request_id => $1)
$$;
CREATE FUNCTION pg_temp.report(name text, report text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r quantmesh.report_result;
BEGIN
    EXECUTE format('SELECT * FROM quantmesh.apply_report(''rep'', ''BTCUSDT'', (SELECT client_order_id FROM quantmesh.orders WHERE request_id = %L), %s)', name, report) INTO r;
    RETURN concat_ws(' ', r.state, r.applied, r.discrepancy);
END $$;

-- Words for states, in any case.
CREATE TEMP TABLE word (word text, becomes text);
INSERT INTO word VALUES
    ('new', 'open'), ('open', 'open'), ('partially_filled', 'partially_filled'), ('filled', 'filled'), ('canceled', 'canceled'), ('cancelled', 'canceled'),
    ('expired', 'expired'), ('expired_in_match', 'expired'), ('rejected', 'rejected'), ('pending_new', 'submitted'), ('pending_cancel', 'submitted');
SELECT is(pg_temp.place(f || word), 'placed', f || word) FROM word, unnest(ARRAY['lower ', 'UPPER ', 'Mixed ']) AS f;
SELECT is(pg_temp.report(f || word, format('state => %L', CASE f WHEN 'lower ' THEN word WHEN 'UPPER ' THEN upper(word) ELSE initcap(word) END)),
          becomes || CASE becomes WHEN 'submitted' THEN ' f' ELSE ' t' END, format('%s%s is %s', f, word, becomes)) FROM word, unnest(ARRAY['lower ', 'UPPER ', 'Mixed ']) AS f;
SELECT is(o.state::text, becomes, format('%s is stored', request_id)) FROM word, unnest(ARRAY['lower ', 'UPPER ', 'Mixed ']) AS f, quantmesh.orders AS o WHERE request_id = f || word;

-- The life of an order, step by step: state, event, times.
SELECT is(pg_temp.place('life', 2), 'placed', 'an order of 2');
SELECT is(pg_temp.report('life', $$ 'x-life', 'new', event_time => '2020-01-01 10:00+00', source => 'reply', detail => '{"orderId": 17}' $$), 'open t', 'opened');
SELECT pg_temp.rows_eq($$ SELECT exchange_order_id::text, live, holds_slot, opened_at BETWEEN submitted_at AND clock_timestamp(), ended_at, filled_quantity, reported_quantity FROM quantmesh.orders WHERE request_id = 'life' $$,
                  $$ VALUES ('x-life', true, false, true, NULL::timestamptz, 0::numeric, 0::numeric) $$, 'it has the exchange''s id and the time of its opening');
SELECT is(pg_temp.report('life', $$ state => 'partially_filled', trade_id => 'l1', last_quantity => 0.5, last_price => 99, cumulative_quantity => 0.5, commission => 0.0005, commission_asset => 'BTC',
                                    is_maker => true, event_time => '2020-01-01 10:01+00' $$), 'partially_filled t', 'a fill');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, busted_quantity, filled_quote, reported_quantity, live, exposed FROM quantmesh.orders WHERE request_id = 'life' $$,
                  $$ VALUES (0.5, 0::numeric, 49.5, 0.5, true, true) $$, 'counts for the order');
SELECT pg_temp.rows_eq($$ SELECT f.trade_id::text, f.order_id = o.order_id, f.strategy::text, f.side::text, f.kind::text, f.quantity, f.price, f.commission, f.commission_asset::text, f.is_maker, f.executed_at, f.source::text
                     FROM quantmesh.fill AS f, quantmesh.orders AS o WHERE f.account = 'rep' AND o.request_id = 'life' AND f.order_id = o.order_id $$,
                  $$ VALUES ('l1', true, '', 'buy', 'trade', 0.5, 99::numeric, 0.0005, 'BTC', true, '2020-01-01 10:01+00'::timestamptz, 'stream') $$, 'and is kept with its numbers');
SELECT is(pg_temp.report('life', $$ trade_id => 'l2', last_quantity => 0.5, last_price => 98, source => 'trade' $$), 'partially_filled t', 'a trade alone is a fill too');
SELECT is(pg_temp.report('life', $$ trade_id => 'l3', last_quantity => 1, last_price => 97, source => 'query' $$), 'filled t', 'the fill that completes it ends it');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, filled_quote, reported_quantity, live, exposed, ended_at IS NOT NULL FROM quantmesh.orders WHERE request_id = 'life' $$,
                  $$ VALUES (2.0, 195.5, 2.0, false, false, true) $$, 'with all of it booked');
SELECT is(pg_temp.report('life', $$ state => 'filled', trade_id => 'l3', last_quantity => 1, last_price => 97, cumulative_quantity => 2 $$), 'filled f', 'the stream says the same later: nothing new');
SELECT pg_temp.rows_eq($$ SELECT from_state::text, to_state::text, trade_id::text, source::text, CASE WHEN event_time < '2021-01-01' THEN event_time END FROM quantmesh.order_event AS e JOIN quantmesh.orders AS o USING (account, order_id)
                     WHERE request_id = 'life' AND (from_state <> to_state OR e.trade_id IS NOT NULL) ORDER BY event_id $$,
                  $$ VALUES ('submitted', 'open', NULL::text, 'reply', '2020-01-01 10:00+00'::timestamptz), ('open', 'partially_filled', 'l1', 'stream', '2020-01-01 10:01+00'),
                            ('partially_filled', 'partially_filled', 'l2', 'trade', NULL), ('partially_filled', 'filled', 'l3', 'query', NULL) $$, 'each step is an event');
SELECT is((SELECT e.detail FROM quantmesh.order_event AS e JOIN quantmesh.orders AS o USING (account, order_id) WHERE request_id = 'life' AND to_state = 'open'), '{"orderId": 17}'::jsonb, 'with the raw report');

-- What changes nothing writes nothing.
CREATE FUNCTION pg_temp.everything() RETURNS text LANGUAGE sql AS $$
    SELECT md5(concat((SELECT string_agg(ctid::text || xmin || o::text, ';' ORDER BY order_id) FROM quantmesh.orders AS o), (SELECT string_agg(ctid::text || xmin || f::text, ';' ORDER BY trade_id, kind) FROM quantmesh.fill AS f),
                      (SELECT string_agg(ctid::text || xmin || p::text, ';' ORDER BY account, symbol, strategy) FROM quantmesh.position AS p), (SELECT string_agg(e::text, ';' ORDER BY event_id) FROM quantmesh.order_event AS e),
                      (SELECT string_agg(d::text, ';' ORDER BY discrepancy_id) FROM quantmesh.discrepancy AS d), (SELECT string_agg(x::text, ';' ORDER BY exchange_order_id) FROM quantmesh.exchange_order AS x)))
$$;
SELECT pg_temp.everything() AS before \gset
SELECT is(pg_temp.report('life', report), 'filled f', format('old news: %s', report))
    FROM unnest(ARRAY[$$ 'x-life', 'new' $$, $$ state => 'filled' $$, $$ state => 'partially_filled', cumulative_quantity => 0.5 $$, $$ state => 'pending_cancel' $$, $$ 'x-life' $$, $$ cumulative_quantity => 2 $$,
                      $$ trade_id => 'l1', last_quantity => 0.5, last_price => 99, commission => 0.0005, commission_asset => 'BTC', is_maker => true, event_time => '2020-01-01 10:01+00' $$,
                      $$ trade_id => 'l2', last_quantity => 0.500, last_price => 98.00 $$,
                      $$ 'x-life', 'partially_filled', 'l1', 0.5, 99, 0.5, 0.0005, 'BTC', true, '2020-01-01 10:01+00', 'reconcile', '{"other": "detail"}' $$]) AS report;
SELECT is(pg_temp.everything(), :'before', 'no row of any table was written');

-- By which ids an order is found.
SELECT is(pg_temp.place('ids'), 'placed', 'an order that has only our id');
SELECT pg_temp.rows_eq($$ SELECT order_id, state, applied, discrepancy FROM quantmesh.apply_report('rep', 'BTCUSDT', (SELECT client_order_id FROM quantmesh.orders WHERE request_id = 'ids'), 'x-ids', 'new') $$,
                  $$ SELECT order_id, 'open', true, NULL::text FROM quantmesh.orders WHERE request_id = 'ids' $$, 'is found by it');
SELECT pg_temp.rows_eq($$ SELECT order_id, state, applied, discrepancy FROM quantmesh.apply_report('rep', 'BTCUSDT', exchange_order_id => 'x-ids', trade_id => 'i1', last_quantity => 0.1, last_price => 100) $$,
                  $$ SELECT order_id, 'partially_filled', true, NULL::text FROM quantmesh.orders WHERE request_id = 'ids' $$, 'and later by the exchange''s id alone');
SELECT pg_temp.rows_eq($$ SELECT order_id, state, applied, discrepancy FROM quantmesh.apply_report('rep', 'BTCUSDT', 'not-our-id', 'x-ids', trade_id => 'i2', last_quantity => 0.1, last_price => 100) $$,
                  $$ SELECT order_id, 'partially_filled', true, NULL::text FROM quantmesh.orders WHERE request_id = 'ids' $$, 'also when the report names a client id that is not ours, as a cancel does');
SELECT is((quantmesh.apply_report('rep', 'ETHUSDT', exchange_order_id => 'x-ids', state => 'canceled')).order_id, NULL, 'an exchange''s id counts in its market');
SELECT is((quantmesh.apply_report('rep/2', 'BTCUSDT', exchange_order_id => 'x-ids', state => 'canceled')).order_id, NULL, 'and account');
SELECT is((SELECT state::text FROM quantmesh.orders WHERE request_id = 'ids'), 'partially_filled', 'the order is as it was');

-- An earlier attempt of ours is our order too.
SELECT is(pg_temp.place('attempts'), 'placed', 'an order');
SELECT order_id AS a_id, client_order_id AS a_first, fence AS a_fence FROM quantmesh.orders WHERE request_id = 'attempts' \gset
SELECT is((quantmesh.resolve_submission('rep', :a_id, :a_fence, 'not_processed')).state, 'intent', 'that the exchange did not process');
SELECT isnt((SELECT client_order_id::text FROM quantmesh.orders WHERE request_id = 'attempts'), :'a_first', 'has another client order id');
SELECT count(*) FROM quantmesh.claim_orders('rep') \gset
SELECT pg_temp.rows_eq(format($$ SELECT order_id, state, applied FROM quantmesh.apply_report('rep', 'BTCUSDT', %L, 'x-att', 'new') $$, :'a_first'), format($$ VALUES (%s::bigint, 'open', true) $$, :a_id),
                  'and is found by the first one');

-- opened_at is the first word of the exchange, even if that is the end.
SELECT is(pg_temp.place('at once'), 'placed', 'an order');
SELECT is(pg_temp.report('at once', $$ state => 'filled', trade_id => 'o1', last_quantity => 1, last_price => 100, cumulative_quantity => 1 $$), 'filled t', 'that is filled at once');
SELECT ok(opened_at IS NOT NULL AND ended_at >= opened_at AND updated_at >= ended_at, 'was open') FROM quantmesh.orders WHERE request_id = 'at once';
SELECT opened_at AS opened FROM quantmesh.orders WHERE request_id = 'life' \gset
SELECT is((SELECT opened_at FROM quantmesh.orders WHERE request_id = 'life'), :'opened'::timestamptz, 'later reports leave it alone');

-- Reports in the wrong order end as in the right one.
SELECT is(pg_temp.place('late'), 'placed', 'an order');
SELECT is(pg_temp.report('late', $$ state => 'filled', cumulative_quantity => 1 $$), 'filled t', 'its end comes first');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, reported_quantity, live, exposed FROM quantmesh.orders WHERE request_id = 'late' $$, $$ VALUES (0::numeric, 1::numeric, false, true) $$, 'the fills are missing');
SELECT is(pg_temp.report('late', $$ state => 'partially_filled', trade_id => 'la2', last_quantity => 0.6, last_price => 100, cumulative_quantity => 1 $$), 'filled t', 'then the second fill');
SELECT is(pg_temp.report('late', $$ state => 'partially_filled', trade_id => 'la1', last_quantity => 0.4, last_price => 100, cumulative_quantity => 0.4 $$), 'filled t', 'then the first: neither is late');
SELECT is(pg_temp.report('late', $$ 'x-late', 'new' $$), 'filled t', 'then the acceptance, which has an id');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, reported_quantity, live, exposed, exchange_order_id::text FROM quantmesh.orders WHERE request_id = 'late' $$, $$ VALUES (1.0, 1::numeric, false, false, 'x-late') $$, 'all is there');
SELECT is(pg_temp.place('late cancel'), 'placed', 'an order');
SELECT is(pg_temp.report('late cancel', $$ state => 'canceled', cumulative_quantity => 0.3 $$), 'canceled t', 'canceled after a fill');
SELECT is(pg_temp.report('late cancel', $$ trade_id => 'lc1', last_quantity => 0.3, last_price => 100 $$), 'canceled t', 'that comes later: counted by the end, so not late');
SELECT pg_temp.rows_eq($$ SELECT filled_quantity, reported_quantity, live, exposed FROM quantmesh.orders WHERE request_id = 'late cancel' $$, $$ VALUES (0.3, 0.3, false, false) $$, 'and booked');
SELECT is(pg_temp.place('cumulative'), 'placed', 'an order');
SELECT is(pg_temp.report('cumulative', $$ state => 'partially_filled', cumulative_quantity => 0.6 $$), 'partially_filled t', 'a cumulative quantity');
SELECT is(pg_temp.report('cumulative', $$ state => 'partially_filled', cumulative_quantity => 0.4 $$), 'partially_filled f', 'a lower one is old news');
SELECT is(pg_temp.report('cumulative', $$ cumulative_quantity => 0.7 $$), 'partially_filled t', 'a higher one is news');
SELECT is((SELECT reported_quantity FROM quantmesh.orders WHERE request_id = 'cumulative'), 0.7, 'it never falls');

-- Statements of bad input.
SELECT is(pg_temp.place('bad'), 'placed', 'an order');
SELECT pg_temp.everything() AS before \gset
CREATE FUNCTION pg_temp.report_with(VARIADIC arguments text[]) RETURNS text LANGUAGE sql AS $$
    SELECT 'SELECT quantmesh.apply_report(' || string_agg(name || ' => ' || value, ', ') || ')' FROM (
        SELECT DISTINCT ON (name) name, value FROM (
            SELECT 0 AS rank, 'account' AS name, '''rep''' AS value UNION ALL SELECT 0, 'symbol', '''BTCUSDT''' UNION ALL
            SELECT 0, 'client_order_id', '(SELECT client_order_id FROM quantmesh.orders WHERE request_id = ''bad'')' UNION ALL
            SELECT i, arguments[i], arguments[i + 1] FROM generate_series(1, array_length(arguments, 1), 2) AS i) AS a
        ORDER BY name, rank DESC) AS b
$$;
SELECT throws_ok(pg_temp.report_with('account', 'NULL'), '22004', NULL, 'account NULL');
SELECT throws_ok(pg_temp.report_with('symbol', 'NULL'), '22004', NULL, 'symbol NULL');
SELECT throws_ok(pg_temp.report_with('client_order_id', 'NULL', 'state', '''new'''), '22004', NULL, 'no id at all');
SELECT throws_ok(pg_temp.report_with('source', 'NULL'), '22004', NULL, 'source NULL');
CREATE TEMP TABLE bad (argument text, value text, others text[], n serial);
INSERT INTO bad (argument, value, others)
SELECT a, v, CASE a WHEN 'trade_id' THEN '{last_quantity,1,last_price,100}' WHEN 'commission_asset' THEN '{trade_id,''t'',last_quantity,1,last_price,100,commission,1}' END::text[]
FROM unnest(ARRAY['account', 'symbol', 'client_order_id', 'exchange_order_id', 'trade_id', 'commission_asset']) AS a, unnest(ARRAY['''''', 'E''a\nb''', 'E''\x7f''', 'repeat(''x'', 129)', 'repeat(''x'', 1000000)']) AS v;
INSERT INTO bad (argument, value, others)
SELECT a, v, CASE a WHEN 'last_quantity' THEN '{trade_id,''t'',last_price,100}' WHEN 'last_price' THEN '{trade_id,''t'',last_quantity,1}' END::text[]
FROM unnest(ARRAY['last_quantity', 'last_price']) AS a, unnest(ARRAY['''NaN''', '''Infinity''', '0', '-1', '1e18', '1234567890123456789012345678901234567890', '1e-19']) AS v;
INSERT INTO bad (argument, value, others) VALUES
    ('cumulative_quantity', '''NaN''', NULL), ('cumulative_quantity', '''Infinity''', NULL), ('cumulative_quantity', '-1', NULL), ('cumulative_quantity', '1e18', NULL),
    ('commission', '''NaN''', '{trade_id,''t'',last_quantity,1,last_price,100,commission_asset,''BTC''}'), ('commission', '''-Infinity''', '{trade_id,''t'',last_quantity,1,last_price,100,commission_asset,''BTC''}'),
    ('commission', '1e18', '{trade_id,''t'',last_quantity,1,last_price,100,commission_asset,''BTC''}'), ('commission', '-1e18', '{trade_id,''t'',last_quantity,1,last_price,100,commission_asset,''BTC''}'),
    ('source', '''mars''', NULL), ('source', '''''', NULL), ('event_time', '''infinity''', NULL), ('event_time', '''-infinity''', NULL),
    ('detail', 'to_jsonb(repeat(''x'', 8192))', NULL), ('detail', '(SELECT jsonb_agg(i) FROM generate_series(1, 100000) AS i)', NULL);
SELECT throws_ok(pg_temp.report_with(VARIADIC ARRAY['state', '''new''', argument, value] || others), '22023', NULL, format('%s => %s is 22023', argument, left(value, 50))) FROM bad ORDER BY n;
SELECT throws_like(pg_temp.report_with(VARIADIC ARRAY['state', '''new''', argument, value] || others), '%' || argument || '%', format('%s => %s: the message names it', argument, left(value, 50))) FROM bad ORDER BY n;
-- A fill is a trade id, a quantity and a price; a commission an amount and an asset of a fill.
SELECT throws_ok(pg_temp.report_with(VARIADIC a), '22004', NULL, format('%s alone', a))
    FROM (VALUES ('{trade_id,''t''}'::text[]), ('{last_quantity,1}'), ('{last_price,100}'), ('{trade_id,''t'',last_quantity,1}'), ('{trade_id,''t'',last_price,100}'), ('{last_quantity,1,last_price,100}'),
                 ('{trade_id,''t'',last_quantity,1,last_price,100,commission,1}'), ('{state,''busted''}'), ('{state,''busted'',trade_id,''t''}')) AS e (a);
SELECT throws_ok($$ SELECT quantmesh.apply_report('rep', 'BTCUSDT', 'q', trade_id => 't', last_quantity => 1::float8, last_price => 100) $$, '42883', NULL, 'floats are no numbers');
SELECT is(pg_temp.everything(), :'before', 'nothing of all that is stored');
SELECT is(pg_temp.report('bad', $$ state => 'new', detail => to_jsonb(repeat('x', 8000)), exchange_order_id => repeat('x', 128) $$), 'open t', 'what is just not too long is stored');
SELECT is(pg_temp.report('bad', $$ trade_id => repeat('t', 128), last_quantity => 1e-18, last_price => 999999999999999999, cumulative_quantity => 0 $$), 'partially_filled t', 'the smallest fill at the largest price too');

-- A market that was taken away or halted is reported on as before.
SELECT count(*) FROM quantmesh.halt('*', NULL, 'test') \gset
SELECT is(pg_temp.report('bad', $$ state => 'canceled' $$), 'canceled t', 'reports pass a halt');
SELECT count(*) FROM quantmesh.resume('*') \gset

SELECT * FROM finish();
