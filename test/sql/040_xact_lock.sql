-- Shows transaction locks in one session: fences grow and are one per grant, a lock ends with its transaction or
-- savepoint, and what the transaction holds already is had again under the same fence.
\set ON_ERROR_ROLLBACK off

SELECT plan(40);

-- Fences grow, on one key and across keys; each statement is a transaction and so a new grant.
SELECT quantmesh.try_xact_lock('x:a') AS f1 \gset
SELECT quantmesh.try_xact_lock('x:a') AS f2 \gset
SELECT quantmesh.try_xact_lock('x:b') AS f3 \gset
SELECT quantmesh.xact_lock('x:a') AS f4 \gset
SELECT quantmesh.xact_lock('x:b', '10 s', '1 s') AS f5 \gset
SELECT ok(:f1 > 0, 'a fence is positive');
SELECT ok(:f1 < :f2 AND :f2 < :f3 AND :f3 < :f4 AND :f4 < :f5, 'each grant has a larger fence than every earlier one');
SELECT is(:f5::bigint >> 48, :f1::bigint >> 48, 'the generation stays as it is');
SELECT ok(NOT quantmesh.is_locked('x:a'), 'the lock is gone after the statement');

-- Once more in the same transaction.
BEGIN;
SELECT quantmesh.try_xact_lock('x:a') AS f1 \gset
SELECT quantmesh.try_xact_lock('x:a') AS f2 \gset
SELECT quantmesh.xact_lock('x:a') AS f3 \gset
SELECT quantmesh.xact_lock('x:a', NULL, '1 s') AS f4 \gset
SELECT quantmesh.try_xact_lock('x:b') AS f5 \gset
SELECT ok(:f1 = :f2 AND :f1 = :f3 AND :f1 = :f4, 'what the transaction holds is had again under the same fence');
SELECT ok(:f5 > :f1, 'another key is another grant');
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE key = 'x:a'), 1::bigint, 'a stacked lock is one row');
SELECT ok(quantmesh.is_locked('x:a'), 'it is locked');
SELECT is(quantmesh.unlock('x:a'), false, 'unlock does not touch a transaction lock');
SELECT ok(quantmesh.is_locked('x:a'), 'it is still locked');
COMMIT;
SELECT ok(NOT quantmesh.is_locked('x:a') AND NOT quantmesh.is_locked('x:b'), 'COMMIT frees all of them, however often they were taken');
SELECT ok(quantmesh.try_xact_lock('x:a') > :f5, 'the next grant has a new fence');

BEGIN;
SELECT ok(quantmesh.try_xact_lock('x:a') IS NOT NULL, 'locked');
ROLLBACK;
SELECT ok(NOT quantmesh.is_locked('x:a'), 'ROLLBACK frees it');

BEGIN;
SELECT quantmesh.try_xact_lock('x:a') AS f1 \gset
DO $$ BEGIN PERFORM quantmesh.try_xact_lock('x:b'); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT ok(NOT quantmesh.is_locked('x:b'), 'a lock taken in an exception block that failed is gone');
SELECT is(quantmesh.try_xact_lock('x:a'), :f1::bigint, 'what was held before is not');
ROLLBACK;

-- A COMMIT that fails. In a psql of its own, which shows the SQLSTATE.
CREATE TABLE deferred (i integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
\set failed `psql -XAtq -v VERBOSITY=sqlstate -c BEGIN -c "SELECT quantmesh.try_xact_lock('x-failed') > 0" -c "INSERT INTO deferred VALUES (1), (1)" -c COMMIT -c "SELECT quantmesh.is_locked('x-failed')" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'failed'), 't ERROR:  23505 f', 'a COMMIT that fails frees the lock too');

-- Savepoints.
BEGIN;
SELECT quantmesh.try_xact_lock('x:outer') AS outer_fence \gset
SAVEPOINT s;
SELECT quantmesh.try_xact_lock('x:outer') AS outer_again \gset
SELECT quantmesh.try_xact_lock('x:inner') AS inner_fence \gset
SELECT ok(quantmesh.is_locked('x:inner'), 'locked below a savepoint');
ROLLBACK TO s;
SELECT is(:outer_again::bigint, :outer_fence::bigint, 'below a savepoint the fence is the same');
SELECT ok(NOT quantmesh.is_locked('x:inner'), 'ROLLBACK TO frees what was taken after the savepoint');
SELECT ok(quantmesh.is_locked('x:outer'), 'and keeps what was taken before it, also when it was taken again after it');
SELECT is((SELECT fence FROM quantmesh.locks WHERE key = 'x:outer'), :outer_fence::bigint, 'with its fence');
SELECT set_eq('SELECT key FROM quantmesh.locks', ARRAY['x:outer'], 'the view agrees');
SELECT quantmesh.try_xact_lock('x:inner') AS inner_later \gset
SELECT ok(:inner_later > :inner_fence, 'taken once more, the inner key has a new fence');
RELEASE s;
SELECT ok(quantmesh.is_locked('x:inner'), 'RELEASE keeps it');
COMMIT;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'COMMIT frees all');

BEGIN;
SAVEPOINT a;
SELECT quantmesh.try_xact_lock('x:deep') AS deep \gset
SAVEPOINT b;
SELECT is(quantmesh.try_xact_lock('x:deep'), :deep::bigint, 'stacked two levels down');
RELEASE b;
SELECT ok(quantmesh.is_locked('x:deep'), 'still held after the inner level was released');
SAVEPOINT c;
SELECT is(quantmesh.try_xact_lock('x:deep'), :deep::bigint, 'stacked once more');
ROLLBACK TO c;
SELECT ok(quantmesh.is_locked('x:deep'), 'still held after a later level was rolled back');
ROLLBACK TO a;
SELECT ok(NOT quantmesh.is_locked('x:deep'), 'gone with the level that took it first');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and gone from the view');
COMMIT;

-- One statement that locks many keys one by one.
BEGIN;
SELECT is(count(DISTINCT f), 100::bigint, 'a hundred keys in one statement have a hundred fences')
    FROM (SELECT quantmesh.try_xact_lock('x:row:' || i) AS f FROM generate_series(1, 100) AS i) AS taken;
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE key LIKE 'x:row:%'), 100::bigint, 'and are a hundred rows');
ROLLBACK;

-- A text that another key begins with, or that differs in case or in trailing blanks, is another key.
BEGIN;
SELECT is(count(DISTINCT quantmesh.try_xact_lock(k)), 5::bigint, 'keys compare bytewise')
    FROM unnest(ARRAY['x:same', 'x:sam', 'x:Same', 'x:same ', 'x:same:']) AS k;
COMMIT;

-- The application's own advisory locks are another world.
BEGIN;
SELECT ok(quantmesh.try_xact_lock('1') IS NOT NULL, 'key 1 is locked');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid NOT IN (1, 2)), 1::bigint,
          'under a key class that pg_advisory_lock never uses');
SELECT ok(pg_try_advisory_xact_lock(1), 'pg_advisory locks do not collide with it');
COMMIT;

SELECT is_empty('SELECT * FROM quantmesh.locks', 'nothing is left');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'nor in the lock manager');
SELECT * FROM finish();
