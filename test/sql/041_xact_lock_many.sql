-- Shows that _many takes all keys or none, under one fence to which held keys are raised.
\set ON_ERROR_ROLLBACK off

SELECT plan(38);

CREATE FUNCTION pg_temp.fence(key text) RETURNS bigint LANGUAGE sql AS 'SELECT l.fence FROM quantmesh.locks AS l WHERE l.key = $1';

BEGIN;
SELECT quantmesh.try_xact_lock_many(ARRAY['m:c', 'm:a', 'm:b']) AS f \gset
SELECT ok(:f > 0, 'three keys are had under one fence');
SELECT set_eq('SELECT key FROM quantmesh.locks', ARRAY['m:a', 'm:b', 'm:c'], 'all three are held');
SELECT is((SELECT array_agg(DISTINCT fence) FROM quantmesh.locks), ARRAY[:f::bigint], 'each shows the one fence');
SELECT is_empty($$ SELECT key FROM quantmesh.locks WHERE mode <> 'transaction' $$, 'as transaction locks');
COMMIT;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'COMMIT frees all');

-- Duplicates.
BEGIN;
SELECT ok(quantmesh.try_xact_lock_many(ARRAY['m:a', 'm:a', 'm:b', 'm:a']) IS NOT NULL, 'duplicates are taken once');
SELECT is((SELECT count(*) FROM quantmesh.locks), 2::bigint, 'and shown once');
ROLLBACK;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and freed');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'in the lock manager too');

-- Held keys are raised to the new fence.
BEGIN;
SELECT quantmesh.try_xact_lock('m:held') AS f1 \gset
SELECT quantmesh.try_xact_lock('m:other') AS f2 \gset
SELECT quantmesh.xact_lock_many(ARRAY['m:new', 'm:held'], '10 s', '1 s') AS f3 \gset
SELECT ok(:f3 > :f2, 'a new grant has a new fence');
SELECT is(pg_temp.fence('m:held'), :f3::bigint, 'the key that was held is raised to it');
SELECT is(pg_temp.fence('m:new'), :f3::bigint, 'the new key has it');
SELECT is(pg_temp.fence('m:other'), :f2::bigint, 'a key that was not named keeps its own');
SELECT is(quantmesh.try_xact_lock('m:held'), :f3::bigint, 'taking it again says the raised fence');
SELECT quantmesh.try_xact_lock_many(ARRAY['m:held', 'm:new']) AS f4 \gset
SELECT ok(:f4 >= :f3, 'all keys held: the fence never falls');
SELECT is(pg_temp.fence('m:held'), pg_temp.fence('m:new'), 'and stays one');
COMMIT;

-- All or nothing. A lease of somebody else is in the way.
SELECT quantmesh.try_lease('m:leased', 'somebody', '20 s') AS lease \gset
BEGIN;
SELECT quantmesh.try_xact_lock('m:held') AS f1 \gset
SELECT is(quantmesh.try_xact_lock_many(ARRAY['m:a', 'm:leased', 'm:b', 'm:held']), NULL, 'one key is taken: NULL');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 1::bigint, 'the lock manager has only what was held before');
SELECT is(quantmesh.xact_lock_many(ARRAY['m:a', 'm:leased', 'm:b', 'm:held'], NULL, '20 ms'), NULL, 'after a timeout: NULL');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 1::bigint, 'with nothing more in the lock manager');
SELECT ok(NOT quantmesh.is_locked('m:a') AND NOT quantmesh.is_locked('m:b'), 'none of the free keys was kept');
SELECT ok(quantmesh.is_locked('m:held'), 'what the transaction held before is still held');
SELECT is(pg_temp.fence('m:held'), :f1::bigint, 'under its old fence');
SELECT ok(quantmesh.try_xact_lock('m:a') > :f1, 'the transaction goes on');
COMMIT;
SELECT ok(quantmesh.release_lease('m:leased', 'somebody', :lease), 'the lease is given back');
SELECT ok(quantmesh.try_xact_lock_many(ARRAY['m:a', 'm:leased', 'm:b']) IS NOT NULL, 'now all are had');

-- Savepoints.
BEGIN;
SELECT quantmesh.try_xact_lock('m:held') AS f1 \gset
SAVEPOINT s;
SELECT quantmesh.try_xact_lock_many(ARRAY['m:held', 'm:new']) AS f2 \gset
ROLLBACK TO s;
SELECT set_eq('SELECT key FROM quantmesh.locks', ARRAY['m:held'], 'ROLLBACK TO frees the new keys and keeps the held one');
SELECT ok(pg_temp.fence('m:held') IN (:f1, :f2), 'under a fence that it was granted');
COMMIT;

-- Session locks of the same session are no obstacle.
SELECT quantmesh.try_lock('m:session') AS f1 \gset
BEGIN;
SELECT quantmesh.try_xact_lock_many(ARRAY['m:session', 'm:a']) AS f2 \gset
SELECT ok(:f2 > :f1, 'a session lock of one''s own counts as held');
COMMIT;
SELECT ok(quantmesh.is_locked('m:session'), 'and outlives the transaction');
SELECT ok(quantmesh.unlock('m:session'), 'until it is unlocked');

-- A class's default TTL, key by key.
BEGIN;
SELECT ok(quantmesh.try_xact_lock_many(ARRAY['order:m:S:1', 'm:free', 'cancel:m:7']) IS NOT NULL, 'keys of several classes');
SELECT ok((SELECT ttl_left FROM quantmesh.locks WHERE key = 'order:m:S:1') BETWEEN '3.5 s' AND '5 s', 'the order key has the TTL of orders');
SELECT ok((SELECT ttl_left FROM quantmesh.locks WHERE key = 'cancel:m:7') BETWEEN '1.5 s' AND '3 s', 'the cancel key that of cancels');
SELECT ok((SELECT ttl_left FROM quantmesh.locks WHERE key = 'm:free') IS NULL, 'the other key none');
COMMIT;

BEGIN;
SELECT ok(quantmesh.try_xact_lock_many(array_agg('m:many:' || i)) IS NOT NULL, 'a hundred keys at once') FROM generate_series(1, 100) AS i;
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE key LIKE 'm:many:%'), 100::bigint, 'are all held');
COMMIT;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'nothing is left');

SELECT * FROM finish();
