-- Shows that set_limits sets all limits of a market or an account at once, that they hold from the next order on in this
-- and in other sessions, that NULL takes them away, that rollback does, and that bad values are refused by name.

SELECT plan(72);

-- What a query returns, one row a line.
CREATE FUNCTION pg_temp.rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT string_agg(x::text, E''\n'') FROM (%s) AS x', query) INTO answer;
    RETURN answer;
END $$;
CREATE FUNCTION pg_temp.place(symbol text, side text, price numeric, quantity numeric, OUT outcome text, OUT detail text) LANGUAGE sql AS
    $$ SELECT concat_ws(' ', p.outcome, p.reason), p.detail FROM quantmesh.place_order('lim', place.symbol, place.side, place.price, place.quantity) AS p $$;
-- Ends an order of A-USD, so that it counts no more.
CREATE FUNCTION pg_temp.ends(price numeric) RETURNS text LANGUAGE sql AS $$
    SELECT r.state FROM quantmesh.open_orders AS o, quantmesh.apply_report('lim', o.symbol, client_order_id => o.client_order_id, state => 'canceled') AS r WHERE o.symbol = 'A-USD' AND o.price = ends.price
$$;

SELECT lives_ok($$ SELECT quantmesh.set_market('lim', 'A-USD', 1, 0.1), quantmesh.set_market('lim', 'B-USD', 1, 0.1) $$, 'two markets');

-- A market's limits.
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD', max_open_orders => 2, max_position => 5, max_notional => 1000, max_order_rate => 100) $$, 'all four');
SELECT is(pg_temp.rows($$ SELECT max_open_orders, max_position, max_notional, max_order_rate FROM quantmesh.market WHERE symbol = 'A-USD' $$), '(2,5,1000,100)', 'in the table');
SELECT is(pg_temp.rows($$ SELECT symbol, max_open_orders, max_position, max_notional, max_order_rate, open_orders, open_notional, position FROM quantmesh.markets ORDER BY symbol $$),
          E'(A-USD,2,5,1000,100,0,0,0)\n(B-USD,,,,,0,0,0)', 'and in the view');
SELECT is((pg_temp.place('A-USD', 'buy', 100, 1)).outcome, 'placed', 'the first order');
SELECT is((pg_temp.place('A-USD', 'buy', 99, 1)).outcome, 'placed', 'the second');
SELECT is((pg_temp.place('A-USD', 'buy', 98, 1)).outcome, 'denied MAX_OPEN_ORDERS', 'the third is too many');
SELECT is((pg_temp.place('B-USD', 'buy', 98, 1)).outcome, 'placed', 'not in the other market');
SELECT is(pg_temp.rows($$ SELECT symbol, open_orders, open_notional FROM quantmesh.markets ORDER BY symbol $$), E'(A-USD,2,199)\n(B-USD,1,98)', 'the view shows what is used');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD', max_open_orders => 3) $$, 'raised, the others taken away');
SELECT is(pg_temp.rows($$ SELECT max_open_orders, max_position, max_notional, max_order_rate FROM quantmesh.market WHERE symbol = 'A-USD' $$), '(3,,,)', 'the call sets all four');
SELECT is((pg_temp.place('A-USD', 'buy', 98, 100)).outcome, 'placed', 'a third, and a large one');
SELECT is((pg_temp.place('A-USD', 'buy', 97, 1)).outcome, 'denied MAX_OPEN_ORDERS', 'the fourth is too many');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD', max_open_orders => 0) $$, 'none at all');
SELECT is((pg_temp.place('A-USD', 'buy', 97, 1)).outcome, 'denied MAX_OPEN_ORDERS', 'orders that live stay, new ones are denied');
SELECT is((SELECT count(*) FROM quantmesh.open_orders WHERE symbol = 'A-USD'), 3::bigint, 'three live');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD') $$, 'no limits');
SELECT is((pg_temp.place('A-USD', 'buy', 97, 1)).outcome, 'placed', 'then a fourth');

-- Worst cases and notional, at their exact edges.
SELECT is(pg_temp.ends(p), 'canceled', format('end %s', p)) FROM unnest(ARRAY[100, 99, 98]) AS p;
SELECT is(pg_temp.ends(97), 'canceled', 'end 97');
SELECT is_empty($$ SELECT * FROM quantmesh.open_orders WHERE symbol = 'A-USD' $$, 'nothing lives');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD', max_position => 2) $$, 'a position of at most 2');
SELECT is((pg_temp.place('A-USD', 'buy', 100, 1.9)).outcome, 'placed', 'up to 1.9');
SELECT is(outcome, 'denied MAX_POSITION', 'up to 2.1 is too far') FROM pg_temp.place('A-USD', 'buy', 99, 0.2);
SELECT ok(detail ~ '\m2\M' AND detail ~ '2\.1', format('the denial names the limit and the value: %s', detail)) FROM pg_temp.place('A-USD', 'buy', 99, 0.2);
SELECT is((pg_temp.place('A-USD', 'buy', 99, 0.1)).outcome, 'placed', 'up to 2 is allowed');
SELECT is((pg_temp.place('A-USD', 'sell', 200, 2)).outcome, 'placed', 'the other side has a worst case of its own');
SELECT is((pg_temp.place('A-USD', 'sell', 201, 0.1)).outcome, 'denied MAX_POSITION', '... with the same limit');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD', max_notional => 700) $$, 'notional of at most 700: 190 + 9.9 + 400 are used');
SELECT is(open_notional, 599.9, 'the view says so') FROM quantmesh.markets WHERE symbol = 'A-USD';
SELECT is((pg_temp.place('A-USD', 'buy', 91, 1.1)).outcome, 'placed', '100.1 fit exactly');
SELECT is(outcome, 'denied MAX_NOTIONAL', 'and no more') FROM pg_temp.place('A-USD', 'buy', 1, 0.1);
SELECT ok(detail ~ '\m700\M' AND detail ~ '700\.1', format('the denial names the limit and the value: %s', detail)) FROM pg_temp.place('A-USD', 'buy', 1, 0.1);

-- An account's limits stand beside the market's.
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', 'A-USD'); SELECT quantmesh.set_limits('lim', max_open_orders => 5, max_notional => 1000) $$, 'limits of the account');
SELECT is(pg_temp.rows($$ SELECT max_open_orders, max_notional, max_order_rate FROM quantmesh.account WHERE account = 'lim' $$), '(5,1000,)', 'in the table');
SELECT is(pg_temp.rows($$ SELECT DISTINCT account_max_open_orders, account_max_notional, account_max_order_rate FROM quantmesh.markets $$), '(5,1000,)', 'and in the view');
SELECT is(outcome, 'denied MAX_OPEN_ORDERS', 'four live in one market and one in the other') FROM pg_temp.place('B-USD', 'buy', 97, 0.1);
SELECT ok(detail ~ 'account', format('the denial says whose limit it is: %s', detail)) FROM pg_temp.place('B-USD', 'buy', 97, 0.1);
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', max_notional => 800) $$, '798 are used by both markets');
SELECT is((pg_temp.place('B-USD', 'buy', 21, 0.1)).outcome, 'denied MAX_NOTIONAL', '2.1 more do not fit');
SELECT is((pg_temp.place('B-USD', 'buy', 20, 0.1)).outcome, 'placed', '2 do');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim'); SELECT quantmesh.set_limits('lim', 'B-USD', max_order_rate => 0) $$, 'a rate of none');
SELECT is(outcome, 'denied MAX_ORDER_RATE', 'denies every order') FROM pg_temp.place('B-USD', 'buy', 19, 0.1);
SELECT is((pg_temp.place('A-USD', 'buy', 19, 0.1)).outcome, 'placed', '... of that market');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim', max_order_rate => 0) $$, 'of the account');
SELECT is((pg_temp.place('A-USD', 'buy', 18, 0.1)).outcome, 'denied MAX_ORDER_RATE', 'denies all of them');
SELECT lives_ok($$ SELECT quantmesh.set_limits('lim'); SELECT quantmesh.set_limits('lim', 'B-USD') $$, 'no limits any more');

-- A rollback takes a limit back; a savepoint, too.
BEGIN;
SELECT quantmesh.set_limits('lim', 'A-USD', max_open_orders => 0) \gset
SELECT is((pg_temp.place('A-USD', 'buy', 17, 0.1)).outcome, 'denied MAX_OPEN_ORDERS', 'a limit holds in its own transaction');
ROLLBACK;
SELECT is((pg_temp.place('A-USD', 'buy', 17, 0.1)).outcome, 'placed', 'and not after its rollback');
BEGIN;
SAVEPOINT one;
SELECT quantmesh.set_limits('lim', 'A-USD', max_open_orders => 0) \gset
ROLLBACK TO one;
SELECT is((pg_temp.place('A-USD', 'buy', 16, 0.1)).outcome, 'placed', 'nor after ROLLBACK TO');
COMMIT;

-- Another session sees a limit once it is committed.
\set other `psql -XAtq -d "$PGDATABASE" -c "SELECT (quantmesh.place_order('lim', 'A-USD', 'buy', 15, 0.1)).outcome"`
SELECT is(:'other'::text, 'placed', 'another session places');
SELECT quantmesh.set_limits('lim', 'A-USD', max_open_orders => 1) \gset
\set other `psql -XAtq -d "$PGDATABASE" -c "SELECT (quantmesh.place_order('lim', 'A-USD', 'buy', 14, 0.1)).reason"`
SELECT is(:'other'::text, 'MAX_OPEN_ORDERS', '... and no longer after the limit');

-- Bad values.
CREATE TEMP TABLE before AS SELECT count(*) AS actions, pg_temp.rows('SELECT * FROM quantmesh.market ORDER BY symbol') AS markets FROM quantmesh.operator_action;
SELECT throws_ok(format('SELECT quantmesh.set_limits(%s)', arguments), code, message, format('set_limits(%s) is %s', arguments, code))
FROM (VALUES
    ('NULL, ''A-USD'', 1', '22004', 'account must not be null'),
    ('''*'', max_open_orders => 1', '22023', NULL),
    ('''lim'', max_position => 1', '22023', 'max_position belongs to a market, not to an account'),
    ('''lim'', ''A-USD'', -1', '22023', 'max_open_orders must be at least 0, not -1'),
    ('''lim'', ''A-USD'', max_position => -0.1', '22023', 'max_position must be at least 0, not -0.1'),
    ('''lim'', ''A-USD'', max_position => ''NaN''', '22023', NULL), ('''lim'', ''A-USD'', max_position => ''Infinity''', '22023', NULL),
    ('''lim'', ''A-USD'', max_notional => 1e18', '22023', NULL), ('''lim'', ''A-USD'', max_notional => 1e-19', '22023', NULL),
    ('''lim'', ''A-USD'', max_order_rate => -1', '22023', 'max_order_rate must be at least 0, not -1'),
    ('''lim'', ''A-USD'', max_order_rate => 1000001', '22023', 'max_order_rate must be at most 1000000, not 1000001'),
    ('''lim'', ''C-USD'', 1', 'P0002', 'market "C-USD" of account "lim" is not known'), ('''nobody'', max_open_orders => 1', 'P0002', 'account "nobody" is not known'),
    ('''lim'', '''', 1', '22023', NULL), ('''li:m'', max_open_orders => 1', '22023', NULL)
) AS t (arguments, code, message);
SELECT is((SELECT count(*) FROM quantmesh.operator_action), (SELECT actions FROM before), 'none of them is recorded');
SELECT is(pg_temp.rows('SELECT * FROM quantmesh.market ORDER BY symbol'), (SELECT markets FROM before), 'nor has changed anything');
SELECT is(pg_temp.rows($$ SELECT account, symbol, detail->>'max_open_orders', detail->>'max_position' FROM quantmesh.operator_action WHERE action = 'set_limits' ORDER BY action_id DESC LIMIT 1 $$),
          '(lim,A-USD,1,)', 'what went well is');

SELECT * FROM finish();
