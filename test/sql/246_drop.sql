-- Shows that the extension cannot be dropped, in any way, while orders are live; that it can be once they have ended, or
-- when a superuser insists; and that other drops are none of its business.
\set ON_ERROR_ROLLBACK off
-- CREATE EXTENSION looks at what the session began with.
ALTER DATABASE :"DBNAME" SET client_min_messages = warning;
\connect
DROP ROLE IF EXISTS qm_drop_owner, qm_drop_operator;

SELECT plan(31);

SELECT lives_ok('DROP EXTENSION quantmesh', 'without orders it can be dropped');
SELECT hasnt_schema('quantmesh_compat'::name, 'with quantmesh_compat');
CREATE ROLE qm_drop_owner SUPERUSER;
SET ROLE qm_drop_owner;
CREATE EXTENSION quantmesh;
RESET ROLE;
SELECT is((SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'quantmesh'), 'qm_drop_owner', 'installed for somebody else');
SELECT lives_ok($$ SELECT quantmesh.set_market('d', 'A-USD', 1, 1) $$, 'a market');
SELECT is(p.outcome, 'placed', format('order at %s', price)) FROM generate_series(10, 12) AS price, quantmesh.place_order('d', 'A-USD', 'buy', price, 1) AS p;

-- Every way to drop it.
SELECT throws_ok(command, '55006', 'cannot drop extension quantmesh while orders are live', command)
FROM unnest(ARRAY['DROP EXTENSION quantmesh', 'DROP EXTENSION quantmesh CASCADE', 'DROP EXTENSION IF EXISTS quantmesh RESTRICT', 'DROP OWNED BY qm_drop_owner', 'DROP OWNED BY qm_drop_owner CASCADE']) AS command;
SELECT throws_ok('DROP SCHEMA quantmesh CASCADE', '2BP01', NULL, 'the schema alone cannot be dropped at all');
SELECT throws_ok('DROP TABLE quantmesh.orders CASCADE', '2BP01', NULL, 'nor the table');
CREATE FUNCTION pg_temp.refusal(OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    DROP EXTENSION quantmesh;
EXCEPTION WHEN object_in_use THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END $$;
SELECT ok(detail ~ '\m3\M' AND hint ~ 'settle_order' AND hint ~ 'quantmesh.allow_drop', 'the message says how many, and what to do') FROM pg_temp.refusal();
SELECT is((SELECT count(*) FROM quantmesh.open_orders), 3::bigint, 'the orders are there');
SELECT is((quantmesh.place_order('d', 'A-USD', 'buy', 13, 1)).outcome, 'placed', 'and the extension works');

-- Others' tables of that name, temporary tables, and other extensions are dropped as ever.
SELECT lives_ok('CREATE SCHEMA app; CREATE TABLE app.orders (live boolean); INSERT INTO app.orders VALUES (true); DROP TABLE app.orders; CREATE TEMP TABLE orders (live boolean); DROP TABLE orders; DROP SCHEMA app',
                'other tables called orders can be dropped');
SELECT lives_ok('CREATE SCHEMA app CREATE TABLE orders (live boolean); DROP SCHEMA app CASCADE', 'also by CASCADE');

-- What lives by a transaction's own doing counts; what it has ended does not.
SELECT is(count(*), 4::bigint, 'ending all') FROM quantmesh.open_orders AS o, quantmesh.settle_order('d', o.order_id, 'canceled', 'test') AS r WHERE r.state = 'canceled';
BEGIN;
SELECT is((quantmesh.place_order('d', 'A-USD', 'buy', 14, 1)).outcome, 'placed', 'one that is not committed');
SAVEPOINT one;
SELECT throws_ok('DROP EXTENSION quantmesh', '55006', NULL, 'is in the way of its own transaction');
ROLLBACK TO one;
SELECT is(count(*), 1::bigint, 'ended in it') FROM quantmesh.open_orders AS o, quantmesh.settle_order('d', o.order_id, 'canceled', 'test') AS r WHERE r.state = 'canceled';
DROP EXTENSION quantmesh;
SELECT hasnt_schema('quantmesh'::name, 'it is not');
ROLLBACK;
SELECT is((SELECT count(*) FROM quantmesh.order_history), 4::bigint, 'rolled back: finished orders are there');

-- Insisting.
SELECT is((quantmesh.place_order('d', 'A-USD', 'sell', 20, 1)).outcome, 'placed', 'an order');
CREATE ROLE qm_drop_operator;
SELECT quantmesh.grant_operator('qm_drop_operator') \gset
SET ROLE qm_drop_operator;
SELECT throws_ok('SET quantmesh.allow_drop = on', '42501', NULL, 'an operator cannot insist');
RESET ROLE;
SELECT quantmesh.revoke_operator('qm_drop_operator') \gset
DROP ROLE qm_drop_operator;
SET quantmesh.allow_drop = on;
SELECT lives_ok('DROP EXTENSION quantmesh', 'a superuser can');
SET quantmesh.allow_drop = off;
SELECT lives_ok('CREATE EXTENSION quantmesh', 'and begin anew');
SELECT is_empty('SELECT * FROM quantmesh.orders', 'without orders');
SELECT lives_ok('DROP OWNED BY qm_drop_owner; DROP ROLE qm_drop_owner', 'the first owner has nothing more');

SELECT * FROM finish();
