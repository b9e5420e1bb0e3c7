-- Shows that placing fills every index of quantmesh.orders, or refuses, after an earlier call was canceled or refused while
-- it prepared: an order that is in no index takes no slot, and its request is not found. And that columns which were added
-- to the table hurt nobody.
\set ON_ERROR_ROLLBACK off
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
\setenv CHILD 'psql -XAtq'

SELECT plan(27);

SELECT quantmesh.set_market('tab', 'BTCUSDT', tick_size => 0.01, step_size => 0.001) \gset
CREATE FUNCTION pg_temp.place(price numeric, request text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', outcome, CASE WHEN replayed THEN 'replayed' END, reason)
    FROM quantmesh.place_order('tab', 'BTCUSDT', 'buy', $1, 1, request_id => $2)
$$;
-- How many orders the table itself has, whatever is in its indexes.
CREATE FUNCTION pg_temp.orders(price numeric) RETURNS bigint LANGUAGE sql
    SET enable_indexscan = off SET enable_indexonlyscan = off SET enable_bitmapscan = off AS $$
    SELECT count(*) FROM quantmesh.orders AS o WHERE o.account = 'tab' AND o.price = $1
$$;

-- Canceled while it waits for an index that only an insert uses. This is the session's first insert; another session's
-- has read the counters.
\set said `$CHILD -c "SELECT outcome FROM quantmesh.place_order('tab', 'BTCUSDT', 'buy', 300, 1)"`
SELECT is(:'said'::text, 'placed', 'another session places');
\! ($CHILD -c "BEGIN; ALTER INDEX quantmesh.orders_pkey SET TABLESPACE pg_default; SELECT pg_sleep(2); COMMIT" >/dev/null 2>&1) &
DO $$ BEGIN
    FOR i IN 1..100 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE relation = 'quantmesh.orders_pkey'::regclass AND mode = 'AccessExclusiveLock');
        PERFORM pg_sleep(0.05);
    END LOOP;
END $$;
SET lock_timeout = '200ms';
SELECT throws_ok($$ SELECT pg_temp.place(200, 'r200') $$, '55P03', NULL, 'a call gives up on the lock of an index');
RESET lock_timeout;
SELECT is(pg_temp.place(200, 'r200'), 'placed', 'the next call places');
SELECT is(pg_temp.place(200, 'r200'), 'placed replayed', 'its request is found');
SELECT is(pg_temp.place(200, 'other'), 'duplicate SLOT_TAKEN', 'its slot is taken');
SELECT is(pg_temp.orders(200), 1::bigint, 'by one order');

-- More indexes than there is room for.
DO $$ BEGIN
    FOR i IN 1..15 LOOP
        EXECUTE format('CREATE INDEX orders_more_%s ON quantmesh.orders (account)', i);
    END LOOP;
END $$;
SELECT throws_ok($$ SELECT pg_temp.place(100, 'r100') $$, '54000', NULL, 'a table with too many indexes is refused');
SELECT throws_ok($$ SELECT pg_temp.place(100, 'r100') $$, '54000', NULL, 'and refused again');
DROP INDEX quantmesh.orders_more_15;
SELECT is(pg_temp.place(100, 'r100'), 'placed', 'with one less it is not');
SELECT is(pg_temp.place(100, 'r100'), 'placed replayed', 'the request is found');
SELECT is(pg_temp.place(100, 'other'), 'duplicate SLOT_TAKEN', 'the slot is taken');
SELECT is(pg_temp.orders(100), 1::bigint, 'by one order');

-- Columns behind ours: an administrator's, or those of a newer version of the tables than of the library that is loaded.
ALTER TABLE quantmesh.orders ADD COLUMN note text, ADD COLUMN ticket bigint, ADD COLUMN tags text[] DEFAULT '{new}';
SELECT is(pg_temp.place(200, 'r200'), 'placed replayed', 'an order from before is found in a table with more columns');
SELECT is(pg_temp.place(400, 'r400'), 'placed', 'one more is placed');
SELECT is(pg_temp.place(400, 'r400'), 'placed replayed', 'and found');
SELECT is((SELECT concat_ws(' ', note, ticket, tags) FROM quantmesh.orders WHERE request_id = 'r400'), '', 'what placing does not know is empty');
ALTER TABLE quantmesh.orders ALTER COLUMN note SET DEFAULT 'x', DROP COLUMN ticket, DROP COLUMN tags;
SELECT is(pg_temp.place(401, 'r401'), 'placed', 'columns come and go');
SELECT is(pg_temp.place(401, 'other'), 'duplicate SLOT_TAKEN', 'and slots stay taken');

-- Triggers: none is fired by placing, so none may be there.
CREATE FUNCTION pg_temp.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER before BEFORE INSERT ON quantmesh.orders FOR EACH ROW EXECUTE FUNCTION pg_temp.fire();
SELECT throws_ok($$ SELECT pg_temp.place(500, 'r500') $$, '55000', NULL, 'a table with a trigger before INSERT is refused');
DROP TRIGGER before ON quantmesh.orders;
CREATE TRIGGER after AFTER INSERT ON quantmesh.orders FOR EACH ROW EXECUTE FUNCTION pg_temp.fire();
SELECT throws_ok($$ SELECT pg_temp.place(500, 'r500') $$, '55000', NULL, 'and one after it');
DROP TRIGGER after ON quantmesh.orders;
CREATE TRIGGER after AFTER INSERT ON quantmesh.live_order FOR EACH ROW EXECUTE FUNCTION pg_temp.fire();
SELECT throws_ok($$ SELECT pg_temp.place(500, 'r500') $$, '55000', NULL, 'and one on the table of live orders');
DROP TRIGGER after ON quantmesh.live_order;
SELECT is(pg_temp.place(500, 'r500'), 'placed', 'without them orders are placed');

-- The same for the table of live orders: columns behind ours, and indexes that come and go.
ALTER TABLE quantmesh.live_order ADD COLUMN note text DEFAULT 'new';
CREATE INDEX live_order_more ON quantmesh.live_order (order_id);
SELECT is(pg_temp.place(600, 'r600'), 'placed', 'an order is placed');
SELECT is((SELECT count(*) || max(note) FROM quantmesh.live_order WHERE price = 600), NULL, 'what placing does not know is empty');
SELECT is(pg_temp.place(600, 'other'), 'duplicate SLOT_TAKEN', 'its slot is taken');
DROP INDEX quantmesh.live_order_more;
ALTER TABLE quantmesh.live_order DROP COLUMN note;
SELECT is(pg_temp.place(601, 'r601'), 'placed', 'without them too');
SELECT is(pg_temp.place(601, 'other'), 'duplicate SLOT_TAKEN', 'its slot is taken');

SELECT * FROM finish();
