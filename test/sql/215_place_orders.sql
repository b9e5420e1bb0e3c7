-- Shows that place_orders answers each element in order, in one transaction; and that one bad element, named with its
-- field, means that nothing is stored.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(206);

SELECT quantmesh.set_market('many', 'BTCUSDT', tick_size => 0.01, step_size => 0.001, min_notional => 5) \gset
SELECT quantmesh.set_market('many', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset

-- Order of the answers, every outcome in one batch.
SELECT quantmesh.try_lease('order:many:BTCUSDT:104', 'another', '30 s') AS lease \gset
CREATE TEMP TABLE answer AS SELECT p.* FROM quantmesh.place_orders('many', $$[
    {"symbol": "BTCUSDT", "side": "buy", "price": "100", "quantity": "1"},
    {"symbol": "BTCUSDT", "side": "buy", "price": 100.00, "quantity": 2},
    {"symbol": "ETHUSDT", "side": "buy", "price": "100", "quantity": "1", "request_id": "r1"},
    {"symbol": "ETHUSDT", "side": "buy", "price": "100", "quantity": "1", "request_id": "r1"},
    {"symbol": "BTCUSDT", "side": "buy", "price": "101", "quantity": "0.001"},
    {"symbol": "NOUSDT", "side": "buy", "price": "101", "quantity": "0.001"},
    {"symbol": "BTCUSDT", "side": "buy", "price": "104", "quantity": "1"},
    {"symbol": "BTCUSDT", "side": "buy", "price": "103", "quantity": "1"},
    {"symbol": "BTCUSDT", "side": "sell", "price": "102", "quantity": "1"},
    {"symbol": "BTCUSDT", "side": "BUY", "quantity": 0.5, "order_type": "MARKET", "price": null}
]$$) WITH ORDINALITY AS p;
SELECT pg_temp.rows_eq($$ SELECT concat_ws(' ', outcome, replayed, reason, state) FROM answer ORDER BY ordinality $$,
    $$ VALUES ('placed f intent'), ('duplicate f SLOT_TAKEN intent'), ('placed f intent'), ('placed t intent'), ('denied f NOTIONAL_BELOW_MINIMUM'),
              ('denied f UNKNOWN_MARKET'), ('skipped f LEVEL_BUSY'), ('placed f intent'), ('denied f SELF_CROSS'), ('placed f intent') $$, 'one answer for each element, in order');
SELECT pg_temp.rows_eq('SELECT order_id FROM answer WHERE outcome = ''placed'' AND NOT replayed ORDER BY ordinality', 'SELECT order_id FROM quantmesh.orders ORDER BY order_id', 'ids grow in that order');
SELECT is((SELECT order_id FROM answer WHERE ordinality = 2), (SELECT order_id FROM answer WHERE ordinality = 1), 'a duplicate inside the batch names the order of the batch');
SELECT is((SELECT order_id FROM answer WHERE ordinality = 4), (SELECT order_id FROM answer WHERE ordinality = 3), 'and so does a replay');
SELECT ok(bool_and(committed), 'on its own it is committed') FROM answer;
SELECT quantmesh.release_lease('order:many:BTCUSDT:104', 'another', :lease) \gset

-- Every field.
SELECT p.* FROM quantmesh.place_orders('many', $$[{"symbol": "ETHUSDT", "side": "sell", "price": "200.50", "quantity": "1.5", "order_type": "limit", "time_in_force": "gtc",
    "post_only": true, "reduce_only": false, "request_id": "r2", "slot": "named", "strategy": "maker", "instance": null, "epoch": null, "valid_until": "2100-01-01T00:00:00Z"}]$$, submit => true) AS p \gset full_
SELECT is(:'full_outcome'::text || ' ' || :'full_state', 'placed submitted', 'with submit the orders are submitted');
SELECT pg_temp.rows_eq($$ SELECT symbol::text, side::text, price, quantity, order_type::text, time_in_force::text, post_only, reduce_only, request_id::text, slot::text, strategy::text, instance::text,
                            valid_until, fence IS NOT NULL, send_before > submitted_at FROM quantmesh.orders WHERE request_id = 'r2' $$,
    $$ VALUES ('ETHUSDT', 'sell', 200.50, 1.5, 'limit', 'gtc', true, false, 'r2', 'named', 'maker', NULL::text, '2100-01-01 00:00+00'::timestamptz, true, true) $$, 'every field is stored');
INSERT INTO quantmesh.instance (instance, epoch) VALUES ('bot', 7);
SELECT quantmesh.markets_changed() \gset
SELECT pg_temp.rows_eq($$ SELECT outcome, reason, owner FROM quantmesh.place_orders('many', '[
        {"symbol": "ETHUSDT", "side": "sell", "price": "210", "quantity": "1", "instance": "bot", "epoch": 7},
        {"symbol": "ETHUSDT", "side": "sell", "price": "211", "quantity": "1", "instance": "bot", "epoch": "7"},
        {"symbol": "ETHUSDT", "side": "sell", "price": "212", "quantity": "1", "instance": "bot", "epoch": 6}]') $$,
    $$ VALUES ('placed', NULL::text, 'bot'), ('placed', NULL, 'bot'), ('denied', 'STALE_INSTANCE', NULL) $$, 'an instance with its epoch, as a number or a string');

-- A hundred.
CREATE TEMP TABLE hundred AS SELECT p.* FROM quantmesh.place_orders('many',
    (SELECT jsonb_agg(jsonb_build_object('symbol', CASE i % 2 WHEN 0 THEN 'ETHUSDT' ELSE 'BTCUSDT' END, 'side', 'buy', 'price', (10 + 0.5 * i)::text, 'quantity', '1.000', 'request_id', 'h' || i) ORDER BY i)
     FROM generate_series(1, 100) AS i), true) WITH ORDINALITY AS p;
SELECT is((SELECT count(*) FROM hundred WHERE outcome = 'placed' AND state = 'submitted'), 100::bigint, 'a hundred orders are placed');
SELECT pg_temp.rows_eq('SELECT ordinality FROM hundred ORDER BY order_id', 'SELECT generate_series(1::bigint, 100)', 'in order');
SELECT is_empty($$ SELECT * FROM hundred AS h JOIN quantmesh.orders AS o USING (order_id) WHERE o.request_id <> 'h' || h.ordinality $$, 'each answer belongs to its element');
SELECT is((SELECT count(*) FROM quantmesh.place_orders('many', (SELECT jsonb_agg(jsonb_build_object('symbol', CASE i % 2 WHEN 0 THEN 'ETHUSDT' ELSE 'BTCUSDT' END, 'side', 'buy', 'price', 10 + 0.5 * i, 'quantity', 1, 'request_id', 'h' || i) ORDER BY i)
     FROM generate_series(1, 100) AS i), true) AS p WHERE replayed AND reason IS NULL), 100::bigint, 'and replayed as a whole');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no lock is left');
SELECT is_empty($$ SELECT * FROM quantmesh.place_orders('many', '[]') $$, 'no elements, no answers');

-- Limits count inside the batch; a transaction takes it back as a whole.
SELECT quantmesh.set_market('many', 'LUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('many', 'LUSDT', max_open_orders => 3) \gset
CREATE FUNCTION pg_temp.five() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, reason) FROM quantmesh.place_orders('many',
        (SELECT jsonb_agg(jsonb_build_object('symbol', 'LUSDT', 'side', 'buy', 'price', 10 + i, 'quantity', 1) ORDER BY i) FROM generate_series(1, 5) AS i))
$$;
BEGIN;
SELECT pg_temp.rows_eq('SELECT pg_temp.five()', $$ VALUES ('placed'), ('placed'), ('placed'), ('denied MAX_OPEN_ORDERS'), ('denied MAX_OPEN_ORDERS') $$, 'limits count inside the batch');
SELECT ok(NOT bool_or(committed), 'in a transaction block nothing is committed') FROM quantmesh.place_orders('many', '[{"symbol": "LUSDT", "side": "buy", "price": 11, "quantity": 1}, {"symbol": "LUSDT", "side": "buy", "price": 17, "quantity": 1}]');
ROLLBACK;
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE symbol = 'LUSDT'), 0::bigint, 'ROLLBACK takes all back');
SELECT pg_temp.rows_eq('SELECT pg_temp.five()', $$ VALUES ('placed'), ('placed'), ('placed'), ('denied MAX_OPEN_ORDERS'), ('denied MAX_OPEN_ORDERS') $$, 'and what was reserved');

-- Bad input: the element and the field are named, and nothing is stored.
SELECT count(*) AS before FROM quantmesh.orders \gset
CREATE TEMP TABLE bad (element text, field text, code text, n serial);
INSERT INTO bad (element, field, code) VALUES
    ('{"side": "buy", "price": "1", "quantity": "1"}', 'symbol', '22004'),
    ('{"symbol": "BTCUSDT", "price": "1", "quantity": "1"}', 'side', '22004'),
    ('{"symbol": "BTCUSDT", "side": "buy", "quantity": "1"}', 'price', '22004'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1"}', 'quantity', '22004'),
    ('{"symbol": null, "side": "buy", "price": "1", "quantity": "1"}', 'symbol', '22004'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": null, "quantity": "1"}', 'price', '22004'),
    ('{"symbol": "BTCUSDT", "side": "hold", "price": "1", "quantity": "1"}', 'side', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "NaN", "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "Infinity", "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "-1", "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": 0, "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": 1234567890123456789012345678901234567890}', 'quantity', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": 1e-40}', 'quantity', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1e1000"}', 'quantity', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1 USD", "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "", "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": true, "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": ["1"], "quantity": "1"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": {"value": 1}}', 'quantity', '22023'),
    ('{"symbol": 5, "side": "buy", "price": "1", "quantity": "1"}', 'symbol', '22023'),
    ('{"symbol": "BTC\nUSDT", "side": "buy", "price": "1", "quantity": "1"}', 'symbol', '22023'),
    ('{"symbol": "BTCUSDT", "side": ["buy"], "price": "1", "quantity": "1"}', 'side', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "order_type": "stop"}', 'order_type', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "order_type": "market"}', 'price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "time_in_force": "day"}', 'time_in_force', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "post_only": "perhaps"}', 'post_only', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "reduce_only": 1}', 'reduce_only', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "request_id": ""}', 'request_id', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "request_id": 17}', 'request_id', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "slot": "1st"}', 'slot', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "slot": "a\u0001"}', 'slot', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "strategy": {}}', 'strategy', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "strategy": "it''s"}', 'strategy', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "instance": "bot", "epoch": "last"}', 'epoch', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "instance": "bot", "epoch": 7.5}', 'epoch', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "instance": "bot", "epoch": 1e30}', 'epoch', '22023'),
    -- What is no time is the server's own error, which quotes it.
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "valid_until": "tomorrow night"}', 'valid_until', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "valid_until": "infinity"}', 'valid_until', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "valid_until": 1700000000}', 'valid_until', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "account": "other"}', 'account', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "submit": true}', 'submit', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "wait": "1 s"}', 'wait', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "stop_price": "1"}', 'stop_price', '22023'),
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1", "Price": "1"}', 'Price', '22023');
-- Long ones.
INSERT INTO bad (element, field, code)
SELECT jsonb_build_object('symbol', 'BTCUSDT', 'side', 'buy', 'price', '1', 'quantity', '1') || jsonb_build_object(f, repeat('x', 100000)), f, '22023'
FROM unnest(ARRAY['symbol', 'side', 'order_type', 'price', 'quantity', 'request_id', 'slot', 'strategy', 'unknown_field']) AS f;
INSERT INTO bad (element, field, code) VALUES
    ('{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": ' || repeat('9', 100000) || '}', 'quantity', '22023');
CREATE FUNCTION pg_temp.error_of(orders jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    context text;
BEGIN
    PERFORM * FROM quantmesh.place_orders('many', orders);
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
    RETURN concat_ws(' ', SQLSTATE, SQLERRM, detail, split_part(context, E'\n', 1));
END $$;
-- The bad one is the third of four.
CREATE TEMP TABLE error AS SELECT n, left(element, 150) AS element, field, code, pg_temp.error_of(jsonb_build_array(good, good2, element::jsonb, good3)) AS error
    FROM bad, (VALUES ('{"symbol": "BTCUSDT", "side": "buy", "price": "301", "quantity": "1"}'::jsonb, '{"symbol": "ETHUSDT", "side": "buy", "price": "150", "quantity": "1"}'::jsonb,
                       '{"symbol": "BTCUSDT", "side": "buy", "price": "303", "quantity": "1"}'::jsonb)) AS g (good, good2, good3);
SELECT is(left(error, 5), code, format('%s is %s', element, code)) FROM error ORDER BY n;
SELECT ok(error ~ ('\y' || field || '\y'), format('%s: names %s: %s', element, field, error)) FROM error ORDER BY n;
SELECT ok(error ~ '\yelement 3\y', format('%s: names the element: %s', element, error)) FROM error ORDER BY n;
SELECT ok(bool_and(length(error) < 500), 'messages are short') FROM error;

-- What is no array of objects.
SELECT throws_ok($$ SELECT * FROM quantmesh.place_orders('many', NULL) $$, '22004', NULL, 'NULL is no array');
SELECT throws_ok($$ SELECT * FROM quantmesh.place_orders(NULL, '[]') $$, '22004', NULL, 'an account is needed');
SELECT throws_ok($$ SELECT * FROM quantmesh.place_orders('many', '[]', NULL) $$, '22004', NULL, 'and whether to submit');
SELECT throws_ok(format($$ SELECT * FROM quantmesh.place_orders('many', %L) $$, j), '22023', NULL, format('%s is 22023', j))
    FROM unnest(ARRAY['{}', '{"symbol": "BTCUSDT", "side": "buy", "price": "1", "quantity": "1"}', '"buy"', '1', 'true', 'null', '[1]', '["buy"]', '[null]', '[[]]', '[[{}]]']) AS j;
-- A megabyte is refused as a whole.
SELECT throws_like(format($$ SELECT * FROM quantmesh.place_orders('many', jsonb_build_array(jsonb_build_object('symbol', 'BTCUSDT', 'side', 'buy', 'price', '1', 'quantity', '1', %L, repeat('x', 1000000)))) $$, f),
                   '%orders%', format('a megabyte in %s', f)) FROM unnest(ARRAY['symbol', 'request_id', 'price', 'unknown_field']) AS f;
SELECT throws_ok($$ SELECT * FROM quantmesh.place_orders('many', jsonb_build_array(jsonb_build_object('symbol', repeat('x', 1000000)))) $$, '22023', NULL, 'is 22023');
SELECT throws_ok($$ SELECT * FROM quantmesh.place_orders('many', (SELECT jsonb_agg(i) FROM generate_series(1, 100000) AS i)) $$, '22023', NULL, 'and so is a megabyte of numbers');
SELECT throws_ok($$ SELECT * FROM quantmesh.place_orders('many', (SELECT jsonb_agg(jsonb_build_object('symbol', 'BTCUSDT', 'side', 'buy', 'price', '1', 'quantity', '1', 'slot', '')) FROM generate_series(1, 1001) AS i)) $$, '22023', NULL,
                 'and more orders than one call may place');
SELECT is((SELECT count(*) FROM quantmesh.orders), :before::bigint, 'nothing of all that is stored');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'or locked');
SELECT is((quantmesh.place_order('many', 'LUSDT', 'buy', 50, 1)).reason, 'MAX_OPEN_ORDERS', 'limits are as before') ;
SELECT quantmesh.set_limits('many', 'LUSDT', max_open_orders => 4) \gset
SELECT is((quantmesh.place_order('many', 'LUSDT', 'buy', 50, 1)).outcome, 'placed', 'in both directions');

SELECT * FROM finish();
