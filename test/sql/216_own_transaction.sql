-- Shows place_order inside the caller's own transaction: it commits and rolls back with the caller's own tables, and says
-- that nothing may be sent before; a savepoint frees the slot; ROLLBACK leaves no trace.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME

SELECT plan(57);

SELECT quantmesh.set_market('own', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('own', 'BTCUSDT', max_open_orders => 3, max_position => 3, max_notional => 300) \gset
CREATE TABLE grid (level numeric PRIMARY KEY, order_id bigint, client_order_id text, committed boolean);
-- What another session sees.
\setenv CHILD 'psql -XAtq'

-- Together with the caller's table.
BEGIN;
INSERT INTO grid SELECT 100, p.order_id, p.client_order_id, p.committed FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 100, 1) AS p;
SELECT is((SELECT committed FROM grid), false, 'in a transaction block it is not committed yet');
SELECT pg_temp.rows_eq('SELECT order_id, state::text FROM quantmesh.open_orders', $$ SELECT order_id, 'submitted' FROM grid $$, 'the transaction sees its order');
SELECT ok(EXISTS (SELECT FROM quantmesh.locks WHERE key = 'order:own:BTCUSDT:100' AND mode = 'transaction'), 'and holds its level');
\set seen `$CHILD -c "SELECT count(*) FROM quantmesh.orders" -c "SELECT outcome || ' ' || reason FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 100, 1)" | tr '\n' ' '`
SELECT is(:'seen'::text, '0 skipped LEVEL_BUSY ', 'another session sees no order and skips the level');
COMMIT;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'COMMIT frees the level');
SELECT pg_temp.rows_eq('SELECT o.client_order_id::text FROM quantmesh.orders AS o', 'SELECT client_order_id FROM grid', 'order and row are stored');
\set seen `$CHILD -c "SELECT count(*) FROM quantmesh.orders" -c "SELECT outcome || ' ' || reason FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 100, 1)" | tr '\n' ' '`
SELECT is(:'seen'::text, '1 duplicate SLOT_TAKEN ', 'and another session sees them');

-- ROLLBACK leaves no trace.
BEGIN;
INSERT INTO grid SELECT 99, p.order_id, p.client_order_id, p.committed FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 99, 1, request_id => 'r', strategy => 's') AS p;
SELECT is((SELECT count(*) FROM quantmesh.open_orders), 2::bigint, 'placed');
ROLLBACK;
SELECT is((SELECT count(*) FROM grid), 1::bigint, 'after ROLLBACK: no row of the caller''s');
SELECT is((SELECT count(*) FROM quantmesh.orders), 1::bigint, 'no order');
SELECT is_empty('SELECT * FROM quantmesh.order_event', 'no event');
SELECT is_empty('SELECT * FROM quantmesh.position', 'no position');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no lock');
SELECT is((SELECT concat_ws(' ', outcome, replayed) FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 99, 1, request_id => 'r')), 'placed f', 'and no request');
SELECT is((SELECT concat_ws(' ', outcome, reason) FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 98, 1)), 'placed', 'and nothing reserved');
SELECT is((SELECT reason FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 97, 1)), 'MAX_OPEN_ORDERS', 'which was the last that fits');
SELECT quantmesh.set_limits('own', 'BTCUSDT') \gset

-- An error of the caller's own takes the order with it.
SELECT throws_ok($$ WITH p AS (SELECT * FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 90, 1)) INSERT INTO grid SELECT 100, order_id FROM p $$, '23505', NULL, 'the caller''s own constraint');
SELECT is_empty('SELECT * FROM quantmesh.orders WHERE price = 90', 'takes the order with it');
BEGIN;
SELECT (quantmesh.place_order('own', 'BTCUSDT', 'buy', 90, 1)).outcome AS first \gset
SAVEPOINT s;
SELECT throws_ok($$ INSERT INTO grid VALUES (100) $$, '23505', NULL, 'an error below a savepoint');
ROLLBACK TO s;
COMMIT;
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE price = 90), 1::bigint, 'leaves what was placed before it');

-- A savepoint frees the slot, the level and the request.
BEGIN;
SAVEPOINT s;
SELECT is((SELECT concat_ws(' ', outcome, replayed) FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 80, 1, request_id => 'save')), 'placed f', 'placed below a savepoint');
SELECT is((SELECT outcome FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 80, 1)), 'duplicate', 'the slot is taken');
ROLLBACK TO s;
SELECT is_empty('SELECT * FROM quantmesh.orders WHERE price = 80', 'ROLLBACK TO takes the order back');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and the lock');
SELECT is((SELECT concat_ws(' ', outcome, replayed) FROM quantmesh.place_order('own', 'BTCUSDT', 'buy', 80, 2, request_id => 'save')), 'placed f', 'slot and request are free');
RELEASE s;
COMMIT;
SELECT pg_temp.rows_eq('SELECT quantity FROM quantmesh.orders WHERE price = 80', 'VALUES (2::numeric)', 'the second one is stored');

-- PL/pgSQL.
CREATE FUNCTION pg_temp.place_or_not(price numeric, fail boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE p quantmesh.placement;
BEGIN
    p := quantmesh.place_order('own', 'BTCUSDT', 'buy', price, 1);
    INSERT INTO grid VALUES (price, p.order_id, p.client_order_id, p.committed);
    IF fail THEN
        RAISE EXCEPTION 'no';
    END IF;
    RETURN p.outcome;
EXCEPTION WHEN raise_exception THEN
    RETURN 'not';
END $$;
SELECT is(pg_temp.place_or_not(70, true), 'not', 'an exception block takes order and row back');
SELECT is(pg_temp.place_or_not(70, false), 'placed', 'so that both can be made again');
SELECT pg_temp.rows_eq('SELECT level, committed FROM grid WHERE level = 70', 'VALUES (70::numeric, false)', 'inside the block nothing is committed: it may yet be taken back');
CREATE FUNCTION pg_temp.place_plainly(price numeric) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN (quantmesh.place_order('own', 'BTCUSDT', 'buy', price, 1)).committed;
END $$;
SELECT is(pg_temp.place_plainly(71), true, 'a function that a statement on its own calls commits with it');
CREATE PROCEDURE place_twice() LANGUAGE plpgsql AS $$
DECLARE p quantmesh.placement;
BEGIN
    p := quantmesh.place_order('own', 'BTCUSDT', 'buy', 60, 1);
    INSERT INTO grid VALUES (60, p.order_id, p.client_order_id, p.committed);
    COMMIT;
    p := quantmesh.place_order('own', 'BTCUSDT', 'buy', 61, 1);
    INSERT INTO grid VALUES (61, p.order_id, p.client_order_id, p.committed);
    ROLLBACK;
    p := quantmesh.place_order('own', 'BTCUSDT', 'buy', 62, 1);
    INSERT INTO grid VALUES (62, p.order_id, p.client_order_id, p.committed);
END $$;
CALL place_twice();
SELECT pg_temp.rows_eq('SELECT price FROM quantmesh.orders JOIN grid USING (order_id) WHERE price BETWEEN 60 AND 62 ORDER BY price', 'VALUES (60::numeric), (62)', 'a procedure commits and rolls back its orders');
DROP PROCEDURE place_twice;

-- Reports and cancels roll back as well.
SELECT client_order_id AS c, order_id AS o FROM grid WHERE level = 100 \gset
BEGIN;
SELECT (quantmesh.apply_report('own', 'BTCUSDT', :'c', exchange_order_id => 'x1', trade_id => 't1', last_quantity => 1, last_price => 100)).state AS state \gset
SELECT is(:'state'::text, 'filled', 'a fill in a transaction');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE account = 'own'), 1::numeric, 'is a position');
ROLLBACK;
SELECT is_empty('SELECT * FROM quantmesh.position', 'that is rolled back');
SELECT is_empty('SELECT * FROM quantmesh.fill', 'with its fill');
SELECT is_empty('SELECT * FROM quantmesh.order_event', 'its event');
SELECT is_empty('SELECT * FROM quantmesh.exchange_order', 'and the exchange''s id');
SELECT is((SELECT state::text FROM quantmesh.orders WHERE order_id = :o), 'submitted', 'the order is as it was');
SELECT is((quantmesh.place_order('own', 'BTCUSDT', 'buy', 100, 1)).outcome, 'duplicate', 'and has its slot');
BEGIN;
SELECT is((quantmesh.cancel_order('own', :o)).committed, false, 'a cancel says that it is not committed');
ROLLBACK;
SELECT is((quantmesh.cancel_order('own', :o)).outcome, 'requested', 'one that was rolled back keeps nobody from canceling');

-- An end and a new order at its slot in one transaction.
BEGIN;
SELECT (quantmesh.apply_report('own', 'BTCUSDT', :'c', state => 'canceled')).state AS state \gset
SELECT is((quantmesh.place_order('own', 'BTCUSDT', 'buy', 100, 1.5)).outcome, 'placed', 'the slot of an order that ended in this transaction is free in it');
COMMIT;
SELECT pg_temp.rows_eq($$ SELECT quantity, state::text, holds_slot FROM quantmesh.orders WHERE price = 100 ORDER BY order_id $$, $$ VALUES (1::numeric, 'canceled', false), (1.5, 'submitted', true) $$, 'both are stored');

-- Statements in one query string are one transaction.
\set seen `$CHILD -c "SELECT (quantmesh.place_order('own', 'BTCUSDT', 'buy', 50, 1)).committed; SELECT 1 / 0" 2>/dev/null | tr '\n' ' '`
SELECT is_empty('SELECT * FROM quantmesh.orders WHERE price = 50', 'a query string of several statements is one transaction');
\set seen `$CHILD -c "SELECT 1; SELECT (quantmesh.place_order('own', 'BTCUSDT', 'buy', 50, 1)).committed; SELECT 2" 2>/dev/null | tr '\n' ' '`
SELECT is(:'seen'::text, '1 f 2 ', 'in which nothing is committed before its end');
\set seen `$CHILD -c "SELECT (quantmesh.place_order('own', 'BTCUSDT', 'buy', 51, 1)).committed" | tr '\n' ' '`
SELECT is(:'seen'::text, 't ', 'a statement on its own is committed when it answers');

-- Read-only transactions and cursors.
BEGIN READ ONLY;
SELECT throws_ok(call, '25006', NULL, format('in a read-only transaction %s is refused', call)) FROM unnest(ARRAY[
    $$ SELECT quantmesh.place_order('own', 'BTCUSDT', 'buy', 40, 1) $$,
    $$ SELECT quantmesh.place_order('own', 'BTCUSDT', 'buy', 40, 1, submit => false) $$,
    $$ SELECT * FROM quantmesh.place_orders('own', '[{"symbol": "BTCUSDT", "side": "buy", "price": 40, "quantity": 1}]') $$,
    format($$ SELECT quantmesh.apply_report('own', 'BTCUSDT', client_order_id, state => 'open') FROM quantmesh.orders WHERE price = 71 $$),
    format($$ SELECT quantmesh.cancel_order('own', order_id) FROM quantmesh.orders WHERE price = 71 $$),
    format($$ SELECT quantmesh.settle_order('own', order_id, 'canceled', 'test') FROM quantmesh.orders WHERE price = 71 $$)]) AS call;
ROLLBACK;
SELECT is_empty('SELECT * FROM quantmesh.orders WHERE price = 40', 'nothing is stored');
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT (quantmesh.place_order('own', 'BTCUSDT', 'buy', 40 + i, 1)).outcome FROM generate_series(1, 3) AS i;
COMMIT;
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE price BETWEEN 41 AND 43), 3::bigint, 'a held cursor places at COMMIT');
CLOSE c;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no lock is left');

-- What operators set while a transaction is open counts from their commit on, for its next order. Both calls read alike:
-- nothing but placing itself makes the session look for what has changed.
SELECT quantmesh.set_market('own', 'ETHUSDT', tick_size => 0.01, step_size => 0.001) \gset
BEGIN;
SELECT concat_ws(' ', outcome, reason) AS first FROM quantmesh.place_order('own', 'ETHUSDT', 'buy', 100, 1) \gset
\set seen `$CHILD -c "SELECT quantmesh.set_limits('own', 'ETHUSDT', max_open_orders => 1)"`
SELECT concat_ws(' ', outcome, reason) AS second FROM quantmesh.place_order('own', 'ETHUSDT', 'buy', 101, 1) \gset
ROLLBACK;
SELECT is(:'first'::text, 'placed', 'an order before a limit is set');
SELECT is(:'second'::text, 'denied MAX_OPEN_ORDERS', 'and one after it, in the same transaction');

SELECT * FROM finish();
