-- Shows that a backend that asks for more locks than it may hold gets 53400 and can go on, and that two-phase commit
-- is refused with locks held.
\set ON_ERROR_ROLLBACK off
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME

SELECT plan(51);

SELECT current_setting('quantmesh.max_locks_per_backend')::int AS cap \gset
SELECT locks_reserved AS reserved FROM quantmesh.lock_engine \gset

-- Transaction locks.
BEGIN;
SELECT is(count(quantmesh.try_xact_lock('c:' || i)), :cap::bigint, 'a backend can hold quantmesh.max_locks_per_backend locks') FROM generate_series(1, :cap) AS i;
SELECT throws_ok($$ SELECT quantmesh.try_xact_lock('c:more') $$, '53400', NULL, 'one more is 53400');
SELECT throws_ok($$ SELECT quantmesh.xact_lock('c:more') $$, '53400', NULL, 'also by waiting');
SELECT throws_ok($$ SELECT quantmesh.try_lock('c:more') $$, '53400', NULL, 'also as a session lock');
SELECT throws_ok($$ SELECT quantmesh.lock('c:more', NULL, '1 s') $$, '53400', NULL, 'also with a timeout');
SELECT throws_ok($$ SELECT quantmesh.try_xact_lock_many(ARRAY['c:more']) $$, '53400', NULL, 'also of many');
SELECT throws_like($$ SELECT quantmesh.try_xact_lock('c:more') $$, format('%%%s%%', :cap), 'the message says the limit');
SELECT ok(NOT quantmesh.is_locked('c:more'), 'the one more is not locked');
SELECT lives_ok($$ SELECT quantmesh.try_xact_lock('c:1') $$, 'what is held can be had again');
SELECT lives_ok($$ SELECT quantmesh.try_xact_lock_many(ARRAY['c:1', 'c:2']) $$, 'also of many');
SELECT is((SELECT count(*) FROM quantmesh.locks), :cap::bigint, 'the view shows all of them');
SELECT is(count(quantmesh.try_lease('c:lease:' || i, 'one', '20 s')), 3::bigint, 'leases do not count') FROM generate_series(1, 3) AS i;
COMMIT;
SELECT ok(quantmesh.release_lease('c:lease:1', 'one', (quantmesh.lock_holder('c:lease:1')).fence) AND quantmesh.release_lease('c:lease:2', 'one', (quantmesh.lock_holder('c:lease:2')).fence)
          AND quantmesh.release_lease('c:lease:3', 'one', (quantmesh.lock_holder('c:lease:3')).fence), 'released');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'COMMIT frees all');
SELECT ok(quantmesh.try_xact_lock('c:more') IS NOT NULL, 'and then the one more is had');
SELECT is((SELECT failed FROM quantmesh.lock_metrics WHERE label = 'custom'), 6::bigint, 'each refusal was counted as failed');

-- Session locks, and what ends with a savepoint.
SELECT is(count(quantmesh.try_lock('c:' || i)), :cap::bigint - 1, 'session locks count to the same limit') FROM generate_series(1, :cap - 1) AS i;
BEGIN;
SAVEPOINT s;
SELECT ok(quantmesh.try_xact_lock('c:last') IS NOT NULL, 'together with transaction locks');
SELECT throws_ok($$ SELECT quantmesh.try_xact_lock('c:more') $$, '53400', NULL, 'and not beyond');
ROLLBACK TO s;
SELECT ok(quantmesh.try_xact_lock('c:more') IS NOT NULL, 'ROLLBACK TO makes room');
COMMIT;
SELECT ok(quantmesh.unlock('c:1'), 'so does unlock');
SELECT is(quantmesh.try_xact_lock_many(ARRAY['c:x', 'c:y']) IS NOT NULL, true, 'for as many as are free');
SELECT throws_ok($$ SELECT quantmesh.try_xact_lock_many(ARRAY['c:x', 'c:y', 'c:z']) $$, '53400', NULL, 'many do not go beyond');
SELECT ok(NOT quantmesh.is_locked('c:x') AND NOT quantmesh.is_locked('c:y') AND NOT quantmesh.is_locked('c:z'), 'nor take a part');
SELECT pg_advisory_unlock_all() \gset
SELECT is_empty('SELECT * FROM quantmesh.locks', 'all are dropped');
SELECT throws_ok(format($$ SELECT quantmesh.try_xact_lock_many(array_agg('c:' || i)) FROM generate_series(1, %s) AS i $$, :cap + 1), '53400', NULL, 'more than the limit at once');
SELECT ok(quantmesh.try_xact_lock_many(array_agg('c:' || i)) IS NOT NULL, 'the limit at once is had') FROM generate_series(1, :cap) AS i;
SELECT ok(quantmesh.try_xact_lock_many(array_agg('c:' || i % 10)) IS NOT NULL, 'duplicates do not count') FROM generate_series(1, :cap * 2) AS i;
SELECT is(locks_reserved, :reserved, 'nothing stays reserved') FROM quantmesh.lock_engine;

-- Leases of the server.
SELECT leases_max - leases AS room FROM quantmesh.lock_engine \gset
SELECT is(count(quantmesh.try_lease('c:lease:' || i, 'one', '20 s')), :room::bigint, 'the server can hold quantmesh.max_leases leases') FROM generate_series(1, :room) AS i;
SELECT throws_ok($$ SELECT quantmesh.try_lease('c:lease:more', 'one', '20 s') $$, '53400', NULL, 'one more is 53400');
SELECT throws_ok($$ SELECT quantmesh.lease('c:lease:more', 'one', '20 s', '1 s') $$, '53400', NULL, 'also by waiting');
SELECT ok(NOT quantmesh.is_locked('c:lease:more'), 'and leaves nothing behind');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'nor in the lock manager');
SELECT ok(quantmesh.try_lease('c:lease:1', 'one', '20 s') IS NOT NULL, 'a lease that is held can be had again');
SELECT ok(quantmesh.try_xact_lock('c:lease:more') IS NOT NULL, 'other locks go on');
SELECT ok(bool_and(quantmesh.release_lease(key, instance, fence)), 'all are released') FROM quantmesh.locks WHERE mode = 'lease';
SELECT ok(quantmesh.try_lease('c:lease:more', 'one', '100 ms') IS NOT NULL, 'then the one more is had');
SELECT leases_max - leases AS room FROM quantmesh.lock_engine \gset
SELECT is(count(quantmesh.try_lease('c:short:' || i, 'one', '300 ms')), :room::bigint, 'leases that fill the table and run out') FROM generate_series(1, :room) AS i;
SELECT pg_sleep(0.4) \gset
SELECT ok(quantmesh.try_lease('c:lease:more', 'one', '100 ms') IS NOT NULL, 'make room for others');
SELECT pg_sleep(0.15) \gset

-- Two-phase commit. Each in a psql of its own, which prints the SQLSTATE.
\set xact `psql -XAtq -v VERBOSITY=sqlstate -c "BEGIN" -c "SELECT quantmesh.try_xact_lock('c:2pc') > 0" -c "PREPARE TRANSACTION 'qm_test_xact'" -c "SELECT quantmesh.is_locked('c:2pc')" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'xact'), 't ERROR:  0A000 f', 'PREPARE TRANSACTION with a transaction lock is 0A000, and the lock is gone');
\set session `psql -XAtq -v VERBOSITY=sqlstate -c "BEGIN" -c "SELECT quantmesh.try_lock('c:2pc') > 0" -c "PREPARE TRANSACTION 'qm_test_session'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'session'), 't ERROR:  0A000', 'with a session lock too');
\set guard `psql -XAtq -v VERBOSITY=sqlstate -c "SELECT quantmesh.try_lease('c:pinned', 'one', '20 s') > 0" -c "BEGIN" -c "DO 'BEGIN PERFORM quantmesh.guard(''c:pinned'', (quantmesh.lock_holder(''c:pinned'')).fence); END'" -c "PREPARE TRANSACTION 'qm_test_guard'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'guard'), 't ERROR:  0A000', 'with a guard too');
\set release `psql -XAtq -v VERBOSITY=sqlstate -c "BEGIN" -c "DO 'BEGIN PERFORM quantmesh.release_lease(''c:pinned'', ''one'', (quantmesh.lock_holder(''c:pinned'')).fence); END'" -c "PREPARE TRANSACTION 'qm_test_release'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'release'), 'ERROR:  0A000', 'with a release too');
SELECT ok(quantmesh.is_locked('c:pinned'), 'which then did not happen');
SELECT ok(quantmesh.release_lease('c:pinned', 'one', (quantmesh.lock_holder('c:pinned')).fence), 'now it does');
SELECT is_empty($$ SELECT * FROM pg_prepared_xacts WHERE gid LIKE 'qm_test_%' $$, 'no transaction was prepared');
\set plain `psql -XAtq -v VERBOSITY=sqlstate -c "BEGIN" -c "SELECT quantmesh.is_locked('c:2pc')" -c "PREPARE TRANSACTION 'qm_test_plain'" -c "ROLLBACK PREPARED 'qm_test_plain'" 2>&1 | tr '\n' ' '`
SELECT CASE WHEN current_setting('max_prepared_transactions')::int = 0 THEN skip('max_prepared_transactions is 0', 1)
            ELSE is(trim(:'plain'), 'f', 'a transaction without locks can be prepared') END;

-- A parallel plan never runs lock functions in a worker.
CREATE TABLE rows AS SELECT i FROM generate_series(1, 20000) AS i;
ANALYZE rows;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
CREATE FUNCTION pg_temp.plan_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || statement INTO plan;
    RETURN plan;
END $$;
SELECT ok(pg_temp.plan_of('SELECT count(*) FROM rows') LIKE '%Gather%', 'a plain count runs in parallel');
SELECT ok(pg_temp.plan_of('SELECT count(quantmesh.is_locked(i::text)) FROM rows') NOT LIKE '%Gather%', 'with a lock function it does not');

SELECT is_empty('SELECT * FROM quantmesh.locks', 'nothing is left');
SELECT * FROM finish();
