-- Shows session locks in one session: they outlive transactions, stack, end by unlock, DISCARD ALL or disconnect,
-- and share a key with the same session's transaction lock under one fence.
\set ON_ERROR_ROLLBACK off

-- DISCARD ALL drops what pgTAP keeps in temporary tables, so its part comes first and only keeps its findings.
SELECT quantmesh.try_lock('s:discard') AS f1, quantmesh.try_lock('s:discard') AS f2 \gset
SELECT quantmesh.is_locked('s:discard') AS locked_before \gset
DISCARD ALL;
SELECT quantmesh.is_locked('s:discard') AS locked_after \gset
SELECT count(*) AS rows_after FROM quantmesh.locks WHERE key = 's:discard' \gset
SELECT quantmesh.unlock('s:discard') AS unlock_after \gset
SELECT quantmesh.try_lock('s:discard') AS f3 \gset
SELECT quantmesh.unlock('s:discard') AS unlock_again \gset

SELECT plan(62);

SELECT ok(:'locked_before', 'a session lock is held');
SELECT ok(NOT :'locked_after', 'DISCARD ALL releases it, however often it was taken');
SELECT is(:rows_after, 0, 'and the view agrees');
SELECT ok(NOT :'unlock_after', 'there is nothing left to unlock');
SELECT ok(:f3 > :f1, 'taken again, it is a new grant');
SELECT ok(:'unlock_again', 'that can be unlocked');

-- pg_advisory_unlock_all() does the same.
SELECT quantmesh.try_lock('s:all:1') AS f1, quantmesh.try_lock('s:all:2') AS f2 \gset
SELECT pg_advisory_unlock_all() AS ignored \gset
SELECT ok(NOT quantmesh.is_locked('s:all:1') AND NOT quantmesh.is_locked('s:all:2'), 'pg_advisory_unlock_all releases session locks');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and the view agrees');
SELECT is(quantmesh.unlock('s:all:1'), false, 'there is nothing left to unlock');
BEGIN;
SELECT ok(quantmesh.try_lock('s:all:3') IS NOT NULL AND quantmesh.try_xact_lock('s:all:4') IS NOT NULL, 'a session and a transaction lock');
SELECT pg_advisory_unlock_all() AS ignored \gset
COMMIT;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'inside a transaction, the view agrees after it');
SELECT ok(NOT quantmesh.is_locked('s:all:3'), 'and so does is_locked');

-- Once and again.
SELECT quantmesh.try_lock('s:a') AS f1 \gset
SELECT ok(quantmesh.is_locked('s:a'), 'a session lock outlives its statement');
SELECT quantmesh.lock('s:a') AS f2 \gset
SELECT quantmesh.lock('s:a', '1 h', '1 s') AS f3 \gset
SELECT ok(:f1 = :f2 AND :f1 = :f3, 'taken again, it has the same fence');
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE key = 's:a'), 1::bigint, 'and is one row');
SELECT results_eq($$ SELECT mode, state, pid FROM quantmesh.locks WHERE key = 's:a' $$, $$ SELECT 'session', 'held', pg_backend_pid() $$, 'of mode session');
SELECT is(quantmesh.unlock('s:a'), true, 'the first unlock');
SELECT ok(quantmesh.is_locked('s:a'), 'leaves two of three');
SELECT is(quantmesh.unlock('s:a'), true, 'the second unlock');
SELECT ok(quantmesh.is_locked('s:a'), 'leaves one of three');
SELECT is(quantmesh.unlock('s:a'), true, 'the third unlock');
SELECT ok(NOT quantmesh.is_locked('s:a'), 'frees it');
SELECT is(quantmesh.unlock('s:a'), false, 'a fourth says false');
SELECT is(quantmesh.unlock('s:never'), false, 'unlock of a key that nobody held says false');
SELECT ok(quantmesh.try_lock('s:a') > :f3, 'the next grant has a new fence');
SELECT ok(quantmesh.unlock('s:a'), 'and is unlocked');

-- Transactions do not end it.
BEGIN;
SELECT quantmesh.try_lock('s:b') AS f1 \gset
ROLLBACK;
SELECT ok(quantmesh.is_locked('s:b'), 'ROLLBACK does not release a session lock');
SELECT is(quantmesh.try_lock('s:b'), :f1::bigint, 'nor change its fence');
BEGIN;
SAVEPOINT s;
SELECT ok(quantmesh.unlock('s:b'), 'unlock inside a transaction');
ROLLBACK TO s;
SELECT ok(quantmesh.unlock('s:b'), 'takes effect at once, one level each');
ROLLBACK;
SELECT ok(NOT quantmesh.is_locked('s:b'), 'and ROLLBACK does not bring it back');
BEGIN;
SAVEPOINT s;
SELECT quantmesh.lock('s:b', NULL, '1 s') AS f1 \gset
ROLLBACK TO s;
SELECT ok(quantmesh.is_locked('s:b'), 'ROLLBACK TO does not release a session lock either');
COMMIT;
SELECT is(quantmesh.try_lock('s:b'), :f1::bigint, 'it is the same grant');
SELECT ok(quantmesh.unlock('s:b') AND quantmesh.unlock('s:b') AND NOT quantmesh.unlock('s:b'), 'taken twice, unlocked twice');

-- A transaction lock and a session lock on one key.
BEGIN;
SELECT quantmesh.try_xact_lock('s:both') AS f1 \gset
SELECT quantmesh.try_lock('s:both') AS f2 \gset
SELECT is(:f2::bigint, :f1::bigint, 'a session lock on top of the transaction lock has its fence');
COMMIT;
SELECT ok(quantmesh.is_locked('s:both'), 'it outlives the transaction');
SELECT results_eq($$ SELECT mode, fence FROM quantmesh.locks WHERE key = 's:both' $$, format($$ SELECT 'session', %s::bigint $$, :f1), 'as a session lock with that fence');
BEGIN;
SELECT is(quantmesh.try_xact_lock('s:both'), :f1::bigint, 'a transaction lock on top of the session lock has its fence');
SELECT ok(quantmesh.unlock('s:both'), 'the session lock is unlocked first');
SELECT ok(quantmesh.is_locked('s:both'), 'the transaction still holds the key');
SELECT is(quantmesh.unlock('s:both'), false, 'and cannot unlock more');
SELECT results_eq($$ SELECT mode, fence FROM quantmesh.locks WHERE key = 's:both' $$, format($$ SELECT 'transaction', %s::bigint $$, :f1), 'as a transaction lock with that fence');
COMMIT;
SELECT ok(NOT quantmesh.is_locked('s:both'), 'until it ends');
BEGIN;
SAVEPOINT s;
SELECT quantmesh.try_xact_lock('s:both') AS f1, quantmesh.try_lock('s:both') AS f2 \gset
ROLLBACK TO s;
SELECT ok(quantmesh.is_locked('s:both'), 'ROLLBACK TO takes the transaction lock only');
COMMIT;
SELECT ok(quantmesh.unlock('s:both'), 'the session lock is still there');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and then no more');

-- After a COMMIT that fails, the session's locks are what they were.
CREATE TABLE deferred (i integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME
\set failed `psql -XAtq -v VERBOSITY=sqlstate -c "SELECT quantmesh.try_lock('s-failed', '20 s') > 0" -c BEGIN -c "SELECT quantmesh.try_xact_lock('s-failed') > 0" -c "INSERT INTO deferred VALUES (1), (1)" -c COMMIT -c "SELECT mode, state FROM quantmesh.locks WHERE key = 's-failed'" -c "SELECT quantmesh.unlock('s-failed')" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'failed'), 't t ERROR:  23505 session|held t', 'a COMMIT that fails leaves a session lock as it was');

-- CALL quantmesh.acquire takes a session lock.
CALL quantmesh.acquire('s:call') \gset
SELECT ok(:fence > 0, 'acquire returns the fence');
SELECT results_eq($$ SELECT mode, fence FROM quantmesh.locks WHERE key = 's:call' $$, format($$ SELECT 'session', %s::bigint $$, :fence), 'of a session lock');
\set first :fence
CALL quantmesh.acquire('s:call', '1 h', '1 s') \gset
SELECT is(:fence::bigint, :first::bigint, 'acquired again, it has the same fence');
CALL quantmesh.acquire(key => 's:call', timeout => '1 s') \gset
SELECT ok(quantmesh.unlock('s:call') AND quantmesh.unlock('s:call') AND quantmesh.unlock('s:call'), 'and stacks');
SELECT ok(NOT quantmesh.is_locked('s:call'), 'as lock does');
SELECT throws_ok($$ CALL quantmesh.acquire('s:call') $$, '2D000', NULL, 'acquire inside a transaction block is 2D000');
SELECT quantmesh.try_lease('s:call', 'somebody', '20 s') AS lease \gset
\set fence 0
CALL quantmesh.acquire('s:call', NULL, '10 ms') \gset
SELECT ok(NOT :{?fence}, 'after the timeout, acquire returns NULL');
SELECT ok(quantmesh.release_lease('s:call', 'somebody', :lease), 'the lease is given back');
CALL quantmesh.acquire('s:call', NULL, '1 s') \gset
SELECT ok(:fence > :lease, 'and then it is had');
SELECT ok(quantmesh.unlock('s:call'), 'and unlocked');

-- A disconnect frees what the session held. The other session is a psql of its own.
\set other `psql -XAtq -c "SELECT quantmesh.try_lock('s:gone') IS NOT NULL" -c "SELECT pg_backend_pid()" | tr '\n' ' '`
SELECT ok(split_part(:'other', ' ', 1) = 't', 'another session takes a session lock and disconnects');
DO $$ BEGIN FOR i IN 1..500 LOOP EXIT WHEN NOT quantmesh.is_locked('s:gone'); PERFORM pg_sleep(0.01); END LOOP; END $$;
SELECT ok(NOT quantmesh.is_locked('s:gone'), 'then the key is free');
SELECT ok(quantmesh.try_lock('s:gone') IS NOT NULL AND quantmesh.unlock('s:gone'), 'and can be had');

SELECT is_empty('SELECT * FROM quantmesh.locks', 'nothing is left');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'nor in the lock manager');
SELECT * FROM finish();
