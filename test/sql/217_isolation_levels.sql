-- Shows that callers in repeatable read and serializable transactions are answered correctly or refused with 40001, when
-- another session has placed, ended or repeated something after their snapshot was taken.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME

SELECT plan(62);

SELECT quantmesh.set_market('iso', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
SELECT quantmesh.set_limits('iso', 'BTCUSDT', max_open_orders => 100, max_position => 1000) \gset
\setenv CHILD 'psql -XAtq'

-- What a call says: outcome and reason, or the SQLSTATE.
CREATE FUNCTION pg_temp.try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text;
BEGIN
    EXECUTE call INTO said;
    RETURN said;
EXCEPTION WHEN serialization_failure THEN
    RETURN SQLSTATE;
END $$;
CREATE FUNCTION pg_temp.place(price numeric, request text DEFAULT NULL, side text DEFAULT 'buy') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.try(format('SELECT concat_ws('' '', outcome, CASE WHEN replayed THEN ''replayed'' END, reason) FROM quantmesh.place_order(''iso'', ''BTCUSDT'', %L, %s, 1, request_id => %L)', $3, $1, $2))
$$;

-- Repeatable read.
SELECT is(pg_temp.place(1000, 'before 1000'), 'placed', 'repeatable read: an order from before');
SELECT is(pg_temp.place(1001, 'ends 1000'), 'placed', 'repeatable read: an order that will end');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) AS orders FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT outcome FROM quantmesh.place_order('iso', 'BTCUSDT', 'buy', 1002, 1, request_id => 'during 1000')"`
SELECT is(:'seen'::text, 'placed', 'another session places');
\set seen `$CHILD -c "SELECT (quantmesh.settle_order('iso', order_id, 'canceled', 'test')).state FROM quantmesh.orders WHERE price = 1001"`
SELECT is(:'seen'::text, 'canceled', 'and ends an order');
SELECT is((SELECT count(*) FROM quantmesh.orders), :orders::bigint, 'which this transaction does not see');
SAVEPOINT s;
SELECT ok(said IN ('duplicate SLOT_TAKEN', '40001'), format('the slot that was taken after the snapshot: %s', said)) FROM pg_temp.place(1002) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed replayed', '40001'), format('the request that was placed after the snapshot: %s', said)) FROM pg_temp.place(1002, 'during 1000') AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed replayed REQUEST_DIFFERS', '40001'), format('the same with another price: %s', said)) FROM pg_temp.place(1003, 'during 1000') AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed', 'duplicate SLOT_TAKEN', '40001'), format('the slot that was freed after the snapshot: %s', said)) FROM pg_temp.place(1001) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed replayed', '40001'), format('the request whose order ended after the snapshot: %s', said)) FROM pg_temp.place(1001, 'ends 1000') AS said;
ROLLBACK TO s;
SELECT ok(said IN ('denied SELF_CROSS', '40001'), format('a sell across a buy that was placed after the snapshot: %s', said)) FROM pg_temp.place(1002, side => 'sell') AS said;
ROLLBACK TO s;
SELECT is(pg_temp.place(1000), 'duplicate SLOT_TAKEN', 'what it sees is a duplicate');
SELECT is(pg_temp.place(1000, 'before 1000'), 'placed replayed', 'or replayed');
COMMIT;
SELECT is_empty($$ SELECT slot FROM quantmesh.orders WHERE holds_slot GROUP BY slot HAVING count(*) > 1 $$, 'no slot has two live orders');
SELECT pg_temp.rows_eq($$ SELECT request_id::text, count(*) FROM quantmesh.orders WHERE request_id ~ ' 1000$' GROUP BY 1 ORDER BY 1 $$,
                  $$ VALUES ('before 1000', 1::bigint), ('during 1000', 1), ('ends 1000', 1) $$, 'every request has one order');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(pg_temp.place(1010, 'new 1000'), 'placed', 'a free slot');
SELECT is(pg_temp.place(1010), 'duplicate SLOT_TAKEN', 'is taken by its own order');
SELECT is(pg_temp.place(1010, 'new 1000'), 'placed replayed', 'which is replayed');
COMMIT;
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE price = 1010), 1::bigint, 'and stored');

-- Limits and states are not subject to snapshots.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT quantmesh.set_limits('iso', 'BTCUSDT', max_open_orders => 0)"`
SELECT is(pg_temp.place(1011), 'denied MAX_OPEN_ORDERS', 'a limit that was set after the snapshot counts');
ROLLBACK;
SELECT quantmesh.set_limits('iso', 'BTCUSDT', max_open_orders => 100, max_position => 1000) \gset
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT count(*) FROM quantmesh.halt('iso', 'BTCUSDT', 'test')"`
SELECT is(pg_temp.place(1011), 'denied HALTED', 'and a halt');
ROLLBACK;
SELECT count(*) FROM quantmesh.resume('iso', 'BTCUSDT') \gset

-- Reports and cancels of an order that changed after the snapshot.
SELECT client_order_id AS c, order_id AS o FROM quantmesh.orders WHERE price = 1010 \gset
\setenv C :c
\setenv O :o
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT (quantmesh.apply_report('iso', 'BTCUSDT', '$C', trade_id => 'a1000', last_quantity => 0.4, last_price => 1)).state"`
SELECT is(:'seen'::text, 'partially_filled', 'another session books a fill');
SAVEPOINT s;
SELECT ok(said IN ('filled', '40001'), format('a fill that completes it: %s', said))
    FROM pg_temp.try(format('SELECT (quantmesh.apply_report(''iso'', ''BTCUSDT'', %L, trade_id => ''b1000'', last_quantity => 0.6, last_price => 1)).state', :'c')) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('partially_filled f', '40001'), format('the same fill: %s', said))
    FROM pg_temp.try(format('SELECT concat_ws('' '', r.state, r.applied) FROM quantmesh.apply_report(''iso'', ''BTCUSDT'', %L, trade_id => ''a1000'', last_quantity => 0.4, last_price => 1) AS r', :'c')) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('requested partially_filled', '40001'), format('a cancel: %s', said)) FROM pg_temp.try(format('SELECT concat_ws('' '', c.outcome, c.state) FROM quantmesh.cancel_order(''iso'', %s) AS c', :o)) AS said;
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.rows_eq('SELECT filled_quantity, state::text FROM quantmesh.orders WHERE order_id = ' || :o, $$ VALUES (0.4, 'partially_filled') $$, 'the order has what was committed');
SELECT is((quantmesh.apply_report('iso', 'BTCUSDT', :'c', trade_id => 'b1000', last_quantity => 0.6, last_price => 1)).state, 'filled', 'and asked again, all of it');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE account = 'iso'), (SELECT sum(quantity) FROM quantmesh.fill WHERE account = 'iso'), 'the position is the sum of the fills');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT outcome FROM quantmesh.place_order('iso', 'BTCUSDT', 'buy', 1020, 1, submit => false)"`
SELECT ok(said IN ('', '40001') OR said ~ 'submitted', format('an intent that was recorded after the snapshot may be claimed or not: %s', said))
    FROM pg_temp.try('SELECT coalesce(string_agg((SELECT state FROM quantmesh.orders AS o WHERE o.order_id = c.order_id), '' ''), '''') FROM quantmesh.claim_orders(''iso'') AS c') AS said;
ROLLBACK;
SELECT is((SELECT count(*) FROM quantmesh.claim_orders('iso')), 1::bigint, 'afterwards it is');

-- Serializable.
SELECT is(pg_temp.place(2000, 'before 2000'), 'placed', 'serializable: an order from before');
SELECT is(pg_temp.place(2001, 'ends 2000'), 'placed', 'serializable: an order that will end');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) AS orders FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT outcome FROM quantmesh.place_order('iso', 'BTCUSDT', 'buy', 2002, 1, request_id => 'during 2000')"`
SELECT is(:'seen'::text, 'placed', 'another session places');
\set seen `$CHILD -c "SELECT (quantmesh.settle_order('iso', order_id, 'canceled', 'test')).state FROM quantmesh.orders WHERE price = 2001"`
SELECT is(:'seen'::text, 'canceled', 'and ends an order');
SELECT is((SELECT count(*) FROM quantmesh.orders), :orders::bigint, 'which this transaction does not see');
SAVEPOINT s;
SELECT ok(said IN ('duplicate SLOT_TAKEN', '40001'), format('the slot that was taken after the snapshot: %s', said)) FROM pg_temp.place(2002) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed replayed', '40001'), format('the request that was placed after the snapshot: %s', said)) FROM pg_temp.place(2002, 'during 2000') AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed replayed REQUEST_DIFFERS', '40001'), format('the same with another price: %s', said)) FROM pg_temp.place(2003, 'during 2000') AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed', 'duplicate SLOT_TAKEN', '40001'), format('the slot that was freed after the snapshot: %s', said)) FROM pg_temp.place(2001) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('placed replayed', '40001'), format('the request whose order ended after the snapshot: %s', said)) FROM pg_temp.place(2001, 'ends 2000') AS said;
ROLLBACK TO s;
SELECT ok(said IN ('denied SELF_CROSS', '40001'), format('a sell across a buy that was placed after the snapshot: %s', said)) FROM pg_temp.place(2002, side => 'sell') AS said;
ROLLBACK TO s;
SELECT is(pg_temp.place(2000), 'duplicate SLOT_TAKEN', 'what it sees is a duplicate');
SELECT is(pg_temp.place(2000, 'before 2000'), 'placed replayed', 'or replayed');
COMMIT;
SELECT is_empty($$ SELECT slot FROM quantmesh.orders WHERE holds_slot GROUP BY slot HAVING count(*) > 1 $$, 'no slot has two live orders');
SELECT pg_temp.rows_eq($$ SELECT request_id::text, count(*) FROM quantmesh.orders WHERE request_id ~ ' 2000$' GROUP BY 1 ORDER BY 1 $$,
                  $$ VALUES ('before 2000', 1::bigint), ('during 2000', 1), ('ends 2000', 1) $$, 'every request has one order');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT is(pg_temp.place(2010, 'new 2000'), 'placed', 'a free slot');
SELECT is(pg_temp.place(2010), 'duplicate SLOT_TAKEN', 'is taken by its own order');
SELECT is(pg_temp.place(2010, 'new 2000'), 'placed replayed', 'which is replayed');
COMMIT;
SELECT is((SELECT count(*) FROM quantmesh.orders WHERE price = 2010), 1::bigint, 'and stored');

-- Limits and states are not subject to snapshots.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT quantmesh.set_limits('iso', 'BTCUSDT', max_open_orders => 0)"`
SELECT is(pg_temp.place(2011), 'denied MAX_OPEN_ORDERS', 'a limit that was set after the snapshot counts');
ROLLBACK;
SELECT quantmesh.set_limits('iso', 'BTCUSDT', max_open_orders => 100, max_position => 1000) \gset
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT count(*) FROM quantmesh.halt('iso', 'BTCUSDT', 'test')"`
SELECT is(pg_temp.place(2011), 'denied HALTED', 'and a halt');
ROLLBACK;
SELECT count(*) FROM quantmesh.resume('iso', 'BTCUSDT') \gset

-- Reports and cancels of an order that changed after the snapshot.
SELECT client_order_id AS c, order_id AS o FROM quantmesh.orders WHERE price = 2010 \gset
\setenv C :c
\setenv O :o
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT (quantmesh.apply_report('iso', 'BTCUSDT', '$C', trade_id => 'a2000', last_quantity => 0.4, last_price => 1)).state"`
SELECT is(:'seen'::text, 'partially_filled', 'another session books a fill');
SAVEPOINT s;
SELECT ok(said IN ('filled', '40001'), format('a fill that completes it: %s', said))
    FROM pg_temp.try(format('SELECT (quantmesh.apply_report(''iso'', ''BTCUSDT'', %L, trade_id => ''b2000'', last_quantity => 0.6, last_price => 1)).state', :'c')) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('partially_filled f', '40001'), format('the same fill: %s', said))
    FROM pg_temp.try(format('SELECT concat_ws('' '', r.state, r.applied) FROM quantmesh.apply_report(''iso'', ''BTCUSDT'', %L, trade_id => ''a2000'', last_quantity => 0.4, last_price => 1) AS r', :'c')) AS said;
ROLLBACK TO s;
SELECT ok(said IN ('requested partially_filled', '40001'), format('a cancel: %s', said)) FROM pg_temp.try(format('SELECT concat_ws('' '', c.outcome, c.state) FROM quantmesh.cancel_order(''iso'', %s) AS c', :o)) AS said;
ROLLBACK TO s;
COMMIT;
SELECT pg_temp.rows_eq('SELECT filled_quantity, state::text FROM quantmesh.orders WHERE order_id = ' || :o, $$ VALUES (0.4, 'partially_filled') $$, 'the order has what was committed');
SELECT is((quantmesh.apply_report('iso', 'BTCUSDT', :'c', trade_id => 'b2000', last_quantity => 0.6, last_price => 1)).state, 'filled', 'and asked again, all of it');
SELECT is((SELECT quantity FROM quantmesh.positions WHERE account = 'iso'), (SELECT sum(quantity) FROM quantmesh.fill WHERE account = 'iso'), 'the position is the sum of the fills');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM quantmesh.orders \gset
\set seen `$CHILD -c "SELECT outcome FROM quantmesh.place_order('iso', 'BTCUSDT', 'buy', 2020, 1, submit => false)"`
SELECT ok(said IN ('', '40001') OR said ~ 'submitted', format('an intent that was recorded after the snapshot may be claimed or not: %s', said))
    FROM pg_temp.try('SELECT coalesce(string_agg((SELECT state FROM quantmesh.orders AS o WHERE o.order_id = c.order_id), '' ''), '''') FROM quantmesh.claim_orders(''iso'') AS c') AS said;
ROLLBACK;
SELECT is((SELECT count(*) FROM quantmesh.claim_orders('iso')), 1::bigint, 'afterwards it is');

SELECT is_empty('SELECT * FROM quantmesh.discrepancy', 'nothing contradicts anything');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no lock is left');

SELECT * FROM finish();
