-- Shows how order_key names the level of a price, and what it refuses.

SELECT plan(75);

SELECT is(quantmesh.order_key('binance', 'BTCUSDT', price), 'order:binance:BTCUSDT:' || level, format('level of %s is %s', price, level))
FROM (VALUES
    (90123.4, '90120'),
    (90129.999999, '90120'),
    (90130, '90130'),
    (9999.99, '9999'),
    (99999, '99990'),
    (12345678901, '12340000000'),
    (1e10, '10000000000'),
    (1, '1'),
    (1.5, '1.5'),
    (1.2345, '1.234'),
    (1.2399999, '1.239'),
    (10.05, '10.05'),
    (10.059, '10.05'),
    (0.05123, '0.05123'),
    (0.051239, '0.05123'),
    (0.000012345, '0.00001234'),
    (0.00000001, '0.00000001'),
    (0.10, '0.1'),
    (100, '100'),
    (100.00, '100'),
    (100.000001, '100'),
    (0.99999, '0.9999')
) AS e (price, level);

SELECT is(quantmesh.order_key('binance', 'BTCUSDT', 100), quantmesh.order_key('binance', 'BTCUSDT', 100.00),
          'the scale of a price does not matter');
SELECT is(quantmesh.order_key('binance', 'BTCUSDT', 1e10), quantmesh.order_key('binance', 'BTCUSDT', 10000000000.000),
          'nor does an exponent');
SELECT is(quantmesh.order_key('binance/hedge', 'ETHUSDT', 3000.5), 'order:binance/hedge:ETHUSDT:3000',
          'a labelled account is one field of the key');
SELECT is(quantmesh.order_key(account => 'kraken', symbol => 'X', price => 5), 'order:kraken:X:5', 'arguments have names');

SELECT is(quantmesh.order_key('binance', 'S', price, width), 'order:binance:S:' || level, format('level of %s with width %s is %s', price, width, level))
FROM (VALUES
    (90123.4, 10, '90120'),
    (90123.4, 100, '90100'),
    (90123.4, 0.1, '90123.4'),
    (90123.45, 0.1, '90123.4'),
    (90123.4, 2.5, '90122.5'),
    (90123.4, 0.00000001, '90123.4'),
    (0.05123, 0.001, '0.051'),
    (0.3, 0.1, '0.3'),
    (1, 0.3, '0.9'),
    (7, 10, '0'),
    (12345678901.5, 1, '12345678901'),
    (100.00, 10.00, '100'),
    (1e10, 1e3, '10000000000'),
    (0.899999999999999999999999999999, 0.3, '0.6'),
    (123456789012345678901234567890.123456789, 0.000000007, '123456789012345678901234567890.123456788')
) AS e (price, width, level);
SELECT is(quantmesh.order_key('binance', 'S', 90123.4, NULL), 'order:binance:S:90120', 'a NULL width is no width');

SELECT throws_ok(format('SELECT quantmesh.order_key(%s)', arguments), sqlstate, NULL, format('order_key(%s) is refused with %s', arguments, sqlstate))
FROM (VALUES
    ('NULL, ''S'', 1', '22004'),
    ('''a'', NULL, 1', '22004'),
    ('''a'', ''S'', NULL', '22004'),
    ('''a'', ''S'', ''NaN''', '22023'),
    ('''a'', ''S'', ''Infinity''', '22023'),
    ('''a'', ''S'', ''-Infinity''', '22023'),
    ('''a'', ''S'', 0', '22023'),
    ('''a'', ''S'', 0.000', '22023'),
    ('''a'', ''S'', -1', '22023'),
    ('''a'', ''S'', -0.0001', '22023'),
    ('''a'', ''S'', 1, ''NaN''', '22023'),
    ('''a'', ''S'', 1, ''Infinity''', '22023'),
    ('''a'', ''S'', 1, 0', '22023'),
    ('''a'', ''S'', 1, -10', '22023'),
    (''''', ''S'', 1', '22023'),
    ('''a:b'', ''S'', 1', '22023'),
    ('repeat(''a'', 129), ''S'', 1', '22023'),
    ('''a'', '''', 1', '22023'),
    ('''a'', ''b:c'', 1', '22023'),
    ('''a'', repeat(''S'', 512), 1', '22023'),
    ('''a'', ''S'', 1e500', '22023'),
    ('''a'', ''S'', 1e-500', '22023'),
    ('''a'', ''S'', 1e1000, 1', '22023'),
    ('repeat(''a'', 128), repeat(''S'', 128), 1e390', '22023'),
    ('repeat(''a'', 128), repeat(''S'', 128), 1e390, 1', '22023')
) AS e (arguments, sqlstate);
SELECT throws_like($$ SELECT quantmesh.order_key('a:b', 'S', 1) $$, '%a:b%', 'a bad account is named in the message');
SELECT throws_like($$ SELECT quantmesh.order_key('a', 'S', -12.5) $$, '%-12.5%', 'a bad price is named in the message');
SELECT lives_ok($$ SELECT quantmesh.order_key(repeat('a', 128), 'S', 1) $$, 'an account of 128 bytes is accepted');

-- A level is not above its price and has itself as its level, whatever the price.
SELECT is_empty(
    $$ SELECT price, level FROM (SELECT price, split_part(quantmesh.order_key('a', 'S', price), ':', 4)::numeric AS level
                                 FROM (SELECT (random() * 10 ^ (random() * 16 - 8))::numeric + 0.000000001 AS price FROM generate_series(1, 2000)) AS p) AS l
       WHERE level > price OR level < price * 0.999 OR level <> split_part(quantmesh.order_key('a', 'S', level), ':', 4)::numeric $$,
    'a level lies within a thousandth below its price, and is its own level');
SELECT is_empty(
    $$ SELECT price, level FROM (SELECT price, width, split_part(quantmesh.order_key('a', 'S', price, width), ':', 4)::numeric AS level
                                 FROM (SELECT (random() * 10 ^ (random() * 16 - 8))::numeric + 0.000000001 AS price, (10 ^ (random() * 8 - 4))::numeric(12, 6) + 0.000001 AS width
                                       FROM generate_series(1, 2000)) AS p) AS l
       WHERE level > price OR level <= price - width OR level % width <> 0 $$,
    'with a width it is the largest multiple not above the price');
SELECT ok(quantmesh.try_xact_lock(quantmesh.order_key(repeat('a', 128), repeat('S', 128), 1e200)) IS NOT NULL, 'a long key can be locked');

-- What it builds is read back as the same account and symbol.
BEGIN;
SELECT ok(quantmesh.try_xact_lock(quantmesh.order_key('binance/hedge', 'ETHUSDT', 3000.5)) IS NOT NULL, 'the key can be locked');
SELECT results_eq(
    $$ SELECT key, class, account, symbol FROM quantmesh.locks $$,
    $$ VALUES ('order:binance/hedge:ETHUSDT:3000', 'order', 'binance/hedge', 'ETHUSDT') $$,
    'and locks shows its class, account and symbol');
COMMIT;

SELECT * FROM finish();
