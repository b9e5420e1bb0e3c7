-- Shows that bad arguments of place_order raise 22004 or 22023 with the argument's name, that floats are no numbers for
-- it (42883), and that nothing of all that is stored or keeps a slot, a lock or a limit.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(380);

SELECT quantmesh.set_market('args', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('args', 'BTCUSDT', max_open_orders => 1, max_position => 10, max_notional => 10000, max_order_rate => 1000) \gset

-- The call in which everything is right but one argument, which is an SQL expression.
CREATE FUNCTION pg_temp.place_with(argument text, value text) RETURNS text LANGUAGE sql AS $$
    SELECT 'SELECT quantmesh.place_order(' || string_agg(a.name || ' => ' || CASE a.name WHEN $1 THEN $2 ELSE a.value END, ', ') || ')'
    FROM (VALUES ('account', '''args'''), ('symbol', '''BTCUSDT'''), ('side', '''buy'''), ('price', '100'), ('quantity', '1'), ('order_type', '''limit'''),
                 ('time_in_force', '''gtc'''), ('post_only', 'false'), ('reduce_only', 'false'), ('request_id', '''r'''), ('slot', '''s'''), ('strategy', ''''''),
                 ('instance', 'NULL'), ('epoch', 'NULL'), ('submit', 'true'), ('valid_until', 'NULL'), ('wait', '''0''')) AS a (name, value)
$$;

CREATE TEMP TABLE bad (argument text, value text, code text, n serial);
INSERT INTO bad (argument, value, code)
SELECT argument, 'NULL', '22004'
FROM unnest(ARRAY['account', 'symbol', 'side', 'price', 'quantity', 'order_type', 'time_in_force', 'post_only', 'reduce_only', 'submit']) AS argument;
-- Numbers.
INSERT INTO bad (argument, value, code)
SELECT argument, value, '22023'
FROM unnest(ARRAY['price', 'quantity']) AS argument,
     unnest(ARRAY['''NaN''', '''Infinity''', '''-Infinity''', '0', '0.00', '-1', '-0.01', '1234567890123456789012345678901234567890',
                  '0.1234567890123456789012345678901234567890', '12345678901234567890.12345678901234567890', '1e18', '1e1000', '1e-19', '1e-1000',
                  '100.0000000000000000001', '-1e40']) AS value;
-- Words.
INSERT INTO bad (argument, value, code)
SELECT argument, value, '22023'
FROM unnest(ARRAY['side', 'order_type', 'time_in_force']) AS argument,
     unnest(ARRAY['''''', '''b''', '''buying''', '''stop_loss''', '''day''', ''' ''', ''' buy''', '''limit ''', '''gtc;''', 'E''gtc\n''', '''büy''', 'repeat(''x'', 100000)']) AS value;
INSERT INTO bad (argument, value, code) VALUES
    ('side', '''limit''', '22023'), ('side', '''long''', '22023'), ('order_type', '''buy''', '22023'), ('order_type', '''ioc''', '22023'), ('time_in_force', '''limit''', '22023'),
    ('time_in_force', '''gtd''', '22023');
-- Names and ids.
INSERT INTO bad (argument, value, code)
SELECT argument, value, '22023'
FROM unnest(ARRAY['account', 'symbol', 'request_id', 'slot', 'strategy', 'instance']) AS argument,
     unnest(ARRAY['E''a\nb''', 'E''a\tb''', 'E''\x01''', 'E''abc\x1f''', 'E''a\x7fb''', 'repeat(''x'', 129)', '''x'' || repeat(''é'', 64)', 'repeat(''x'', 1000000)',
                  '''it''''s''', '''a"b''', 'E''a\\b''', '''"; DROP TABLE orders; --''']) AS value;
INSERT INTO bad (argument, value, code) VALUES
    ('account', '''''', '22023'), ('symbol', '''''', '22023'), ('request_id', '''''', '22023'), ('slot', '''1st''', '22023'), ('slot', '''100''', '22023'),
    ('slot', ''' a''', '22023'), ('slot', '''-''', '22023'), ('slot', '''.5''', '22023');
-- The rest.
INSERT INTO bad (argument, value, code) VALUES
    ('valid_until', '''infinity''', '22023'), ('valid_until', '''-infinity''', '22023'), ('epoch', '0', '22023'), ('epoch', '-1', '22023'), ('wait', '''-1 s''', '22023'), ('wait', '''-1 microsecond''', '22023'), ('wait', '''170000 years''', '22023');

SELECT throws_ok(pg_temp.place_with(argument, value), code, NULL, format('%s => %s is %s', argument, left(value, 50), code)) FROM bad ORDER BY n;
SELECT throws_like(pg_temp.place_with(argument, value), '%' || argument || '%', format('%s => %s: the message names it', argument, left(value, 50))) FROM bad ORDER BY n;
CREATE FUNCTION pg_temp.message_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END $$;
SELECT is_empty($$ SELECT argument, left(value, 20), length(m), left(m, 60) FROM bad, pg_temp.message_of(pg_temp.place_with(argument, value)) AS m WHERE length(m) > 400 $$, 'messages are short');

-- Arguments that do not go together.
SELECT throws_ok($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', NULL, 1) $$, '22004', NULL, 'a limit order has a price');
SELECT throws_ok($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', 100, 1, 'market') $$, '22023', NULL, 'a market order has none');
SELECT throws_like($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', 100, 1, 'market') $$, '%price%', 'and the message says that it is the price');
SELECT throws_ok(format($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', NULL, 1, 'market', post_only => true) $$), '22023', NULL, 'a market order cannot be post only');
SELECT throws_ok(format($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', 100, 1, 'limit', %L, post_only => true) $$, f), '22023', NULL, format('nor can %s', f))
    FROM unnest(ARRAY['ioc', 'fok']) AS f;
SELECT throws_ok($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', 100, 1, epoch => 1) $$, '22004', NULL, 'an epoch belongs to an instance');

-- Bad input is bad whatever else there is to say of it.
SELECT throws_ok($$ SELECT quantmesh.place_order('nowhere', 'BTCUSDT', 'buy', 'NaN', 1) $$, '22023', NULL, 'also in an unknown market');
SELECT throws_ok($$ SELECT quantmesh.place_order('nowhere', 'BTCUSDT', 'hold', 100, 1) $$, '22023', NULL, 'unknown words too');
SELECT throws_ok(format($$ SELECT quantmesh.place_order('args', 'BTCUSDT', 'buy', %s, 1) $$, e), c, NULL, format('price %s is the server''s own error %s', e, c))
    FROM (VALUES ('''abc''', '22P02'), ('''''', '22P02'), ('''1e200000''', '22003'), ('''100 USD''', '22P02'), ('true', '42883'), ('now()', '42883')) AS x (e, c);

-- Floats are no numbers.
SELECT throws_ok(format($$ SELECT quantmesh.place_order(account => 'args', symbol => 'BTCUSDT', side => 'buy', price => %s, quantity => %s) $$, p, q), '42883', NULL,
                 format('price %s, quantity %s is 42883', p, q))
    FROM (VALUES ('100::float8', '1'), ('100', '1::float8'), ('100::float8', '1::float8'), ('100::real', '1'), ('100', '0.1::real')) AS f (p, q);
SELECT throws_ok('PREPARE place (float8, float8) AS SELECT quantmesh.place_order(''args'', ''BTCUSDT'', ''buy'', $1, $2)', '42883', NULL, 'also as a parameter of a driver');

SELECT is_empty('SELECT * FROM quantmesh.orders', 'nothing of all that is stored');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'or locked');

-- What is good at the edges.
SELECT is((quantmesh.place_order('args', 'BTCUSDT', 'buy', 100, 1, slot => 's')).outcome, 'placed', 'the slot is free, and so is the limit of one order');
SELECT quantmesh.settle_order('args', order_id, 'canceled', 'test') FROM quantmesh.open_orders \gset
SELECT quantmesh.set_limits('args', 'BTCUSDT') \gset
SELECT quantmesh.set_market('edge', 'A', tick_size => 1e-18, step_size => 1e-18, base_asset => 'A', quote_asset => 'B') \gset
SELECT is((quantmesh.place_order('edge', 'A', 'buy', p, q, slot => '')).outcome, 'placed', format('price %s, quantity %s', p, q))
    FROM (VALUES (1e-18, 1), (1, 1e-18), (999999999999999999, 1e-18), (1e-18, 999999999999999999), (1e-18, 1e-18), (99999999.000000000000000001, 1), (1.50000000000000000000000000, 2.0000000000000000000000)) AS e (p, q);
SELECT is((quantmesh.place_order('edge', 'A', 'buy', 123456789012345678, 987654321098765432, slot => '')).outcome, 'placed', 'both large: a notional beyond every integer');
SELECT is((quantmesh.place_order('edge', 'A', 'buy', 2, 1, request_id => repeat('r', 128), slot => repeat('s', 128), strategy => repeat('t', 128))).outcome, 'placed', 'names of 128 bytes');
SELECT is((quantmesh.place_order('edge', 'A', 'buy', 2, 1, request_id => 'Ä-é/1.2_3:4 #5', slot => 'grid/1:2 ü', strategy => 'mäker #1')).outcome, 'placed', 'names of any letters');
SELECT pg_temp.rows_eq($$ SELECT request_id::text, slot::text, strategy::text FROM quantmesh.orders WHERE strategy LIKE 'm%' $$, $$ VALUES ('Ä-é/1.2_3:4 #5', 'grid/1:2 ü', 'mäker #1') $$, 'stored as given');
SELECT is((quantmesh.place_order(account => 'edge', symbol => 'A', side => 'buy', price => '3', quantity => '1.5')).outcome, 'placed', 'numbers as text constants, as drivers send them');
PREPARE place (text, text) AS SELECT (quantmesh.place_order('edge', 'A', 'buy', $1::numeric, $2::numeric)).outcome;
EXECUTE place ('4', '0.5') \gset text_
SELECT is(:'text_outcome'::text, 'placed', 'or as text parameters');

SELECT * FROM finish();
