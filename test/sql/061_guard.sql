-- Shows that guard ties a transaction to a lease: with another fence it fails at once, and when the lease is lost
-- before COMMIT, COMMIT fails with QM001 and nothing of the transaction is stored.
\set ON_ERROR_ROLLBACK off
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\setenv PGDATABASE :DBNAME

SELECT plan(29);

CREATE TABLE note (what text);

-- At once.
SELECT quantmesh.try_lease('g:a', 'one', '20 s') AS f \gset
SELECT lives_ok(format($$ SELECT quantmesh.guard('g:a', %s) $$, :f), 'guard with the fence of the lease');
SELECT throws_ok(format($$ SELECT quantmesh.guard('g:a', %s) $$, :f - 1), 'QM001', NULL, 'an older fence is QM001');
SELECT throws_ok(format($$ SELECT quantmesh.guard('g:a', %s) $$, :f + 1), 'QM001', NULL, 'a later fence is QM001');
SELECT throws_ok($$ SELECT quantmesh.guard('g:never', 1) $$, 'QM001', NULL, 'a key that nobody leased is QM001');
SELECT throws_like($$ SELECT quantmesh.guard('g:never', 1) $$, '%g:never%', 'the message names the key');
BEGIN;
SELECT quantmesh.try_xact_lock('g:xact') AS x \gset
SELECT throws_ok(format($$ SELECT quantmesh.guard('g:xact', %s) $$, :x), 'QM001', NULL, 'a transaction lock is no lease');
COMMIT;

-- To COMMIT.
BEGIN;
SELECT quantmesh.guard('g:a', :f) \gset
INSERT INTO note VALUES ('guarded');
COMMIT;
SELECT results_eq('SELECT what FROM note', ARRAY['guarded'], 'a transaction commits under its lease');
BEGIN;
SELECT quantmesh.guard('g:a', :f), quantmesh.guard('g:a', :f) \gset
SELECT ok(quantmesh.renew_lease('g:a', 'one', :f, '20 s'), 'renewed while guarded');
INSERT INTO note VALUES ('renewed');
COMMIT;
SELECT is((SELECT count(*) FROM note), 2::bigint, 'a renewed lease still guards');
BEGIN;
SELECT quantmesh.guard('g:a', :f) \gset
SELECT ok(quantmesh.release_lease('g:a', 'one', :f), 'released in the transaction that it guards');
INSERT INTO note VALUES ('released');
COMMIT;
SELECT is((SELECT count(*) FROM note), 3::bigint, 'the lease is held until the commit, so the transaction commits');
SELECT ok(NOT quantmesh.is_locked('g:a'), 'and released by it');
SELECT throws_ok(format($$ SELECT quantmesh.guard('g:a', %s) $$, :f), 'QM001', NULL, 'after the release, guard is QM001');

-- Lost before COMMIT. Each transaction runs in a psql of its own, whose output shows its last SQLSTATE; :what happens
-- between its work and its COMMIT, in a third session where it begins with \!.
\setenv GUARDED 'DO $$ BEGIN PERFORM quantmesh.guard(''g:lost'', (quantmesh.lock_holder(''g:lost'')).fence); INSERT INTO note VALUES (''lost''); END $$'
\setenv LEASE 'SELECT quantmesh.try_lease(''g:lost'', ''one'', ''20 s'') > 0'
\setenv LEASE_SHORT 'SELECT quantmesh.try_lease(''g:lost'', ''one'', ''80 ms'') > 0'
\setenv RELEASE 'SELECT quantmesh.release_lease(''g:lost'', owner, fence) FROM quantmesh.lock_holder(''g:lost'')'
\setenv CHILD 'psql -XAtq -v VERBOSITY=sqlstate'

\set expiry `$CHILD -c "$LEASE_SHORT" -c BEGIN -c "$GUARDED" -c "DO 'BEGIN PERFORM pg_sleep(0.15); END'" -c COMMIT -c "SELECT 'alive'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'expiry'), 't ERROR:  QM001 alive', 'when the lease has run out, COMMIT fails with QM001 and the session goes on');
\set regrant `$CHILD -c "$LEASE_SHORT" -c BEGIN -c "$GUARDED" -c "DO 'BEGIN PERFORM pg_sleep(0.15); END'" -c "$LEASE" -c COMMIT 2>&1 | tr '\n' ' '`
SELECT is(trim(:'regrant'), 't t ERROR:  QM001', 'also when the same owner has leased the key again');
SELECT ok(quantmesh.is_locked('g:lost'), 'whose new lease stands');
SELECT ok(quantmesh.release_lease('g:lost', 'one', (quantmesh.lock_holder('g:lost')).fence), 'and is given back');
\set released `$CHILD -c "$LEASE" -c BEGIN -c "$GUARDED" -c "\! $CHILD -c \"$RELEASE\"" -c COMMIT 2>&1 | tr '\n' ' '`
SELECT is(trim(:'released'), 't t ERROR:  QM001', 'when another session has released it');
\set taken `$CHILD -c "$LEASE" -c BEGIN -c "$GUARDED" -c "SELECT quantmesh.force_unlock('g:lost', 'test')" -c "SELECT quantmesh.try_lease('g:lost', 'two', '20 s') > 0" -c COMMIT 2>&1 | tr '\n' ' '`
SELECT is(trim(:'taken'), 't t t ERROR:  QM001', 'when it was forced and is now another owner''s');
SELECT is((quantmesh.lock_holder('g:lost')).owner, 'two', 'whose lease stands');
SELECT ok(quantmesh.release_lease('g:lost', 'two', (quantmesh.lock_holder('g:lost')).fence), 'and is given back');
\set autocommit `$CHILD -c "$LEASE_SHORT" -c "DO 'DECLARE f bigint := (quantmesh.lock_holder(''g:lost'')).fence; BEGIN PERFORM quantmesh.guard(''g:lost'', f); INSERT INTO note VALUES (''lost''); PERFORM pg_sleep(0.15); END'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'autocommit'), 't ERROR:  QM001', 'a statement on its own is a transaction too');
\set rolled_back `$CHILD -c "$LEASE_SHORT" -c BEGIN -c "$GUARDED" -c "DO 'BEGIN PERFORM pg_sleep(0.15); END'" -c ROLLBACK -c "SELECT 'fine'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'rolled_back'), 't fine', 'ROLLBACK needs no lease');
\set savepoint `$CHILD -c "$LEASE_SHORT" -c BEGIN -c "SAVEPOINT s" -c "$GUARDED" -c "DO 'BEGIN PERFORM pg_sleep(0.15); END'" -c "ROLLBACK TO s" -c COMMIT 2>&1 | tr '\n' ' '`
SELECT is(trim(:'savepoint'), 't ERROR:  QM001', 'a guard survives ROLLBACK TO');
\set one_of_two `$CHILD -c "SELECT quantmesh.try_lease('g:kept', 'one', '20 s') > 0" -c "$LEASE_SHORT" -c BEGIN -c "$GUARDED" -c "DO 'BEGIN PERFORM quantmesh.guard(''g:kept'', (quantmesh.lock_holder(''g:kept'')).fence); PERFORM pg_sleep(0.15); END'" -c COMMIT 2>&1 | tr '\n' ' '`
SELECT is(trim(:'one_of_two'), 't t ERROR:  QM001', 'one lost lease of several is enough');
SELECT ok(quantmesh.release_lease('g:kept', 'one', (quantmesh.lock_holder('g:kept')).fence), 'the other one is still held, and not pinned any more');
SELECT ok(NOT quantmesh.is_locked('g:kept'), 'so it can be released');
SELECT is_empty($$ SELECT * FROM note WHERE what LIKE 'lost%' $$, 'nothing of all that is stored');

SELECT is_empty($$ SELECT * FROM quantmesh.locks $$, 'nothing is left');
SELECT * FROM finish();
