-- Shows that keys, leases, views and metrics belong to one database: another one with the same keys neither blocks it nor
-- is seen by it, and DROP DATABASE leaves nothing. The other database is reached by a psql of its own.
\set ON_ERROR_ROLLBACK off
\setenv PGHOST :HOST
\setenv PGPORT :PORT
\setenv PGUSER :USER
\set other_database :DBNAME '_other'
\setenv OTHER :other_database
SET client_min_messages = warning;
DROP DATABASE IF EXISTS :other_database;
CREATE DATABASE :other_database;

SELECT plan(10);

SELECT quantmesh.reset_metrics() \gset
SELECT quantmesh.try_lock('order:db:S:1', '0') AS f1, quantmesh.try_lease('order:db:S:2', 'here', '20 s') AS f2 \gset
\set out `PGOPTIONS="-c client_min_messages=warning" psql -XAtq -d $OTHER -c "CREATE EXTENSION quantmesh" -c "SELECT quantmesh.reset_metrics()" -c "SELECT quantmesh.try_xact_lock_many(ARRAY['order:db:S:1', 'order:db:S:2', 'order:db:S:3']) > 0" -c "SELECT quantmesh.try_lease('order:db:S:2', 'there', '20 s') > 0" -c "SELECT string_agg(key || mode || instance, ',') FROM quantmesh.locks" -c "SELECT count(*) FROM quantmesh.lock_conflicts" -c "SELECT acquired, conflicts FROM quantmesh.lock_metrics WHERE label = 'order:db:S'" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'out'), 't t order:db:S:2leasethere 0 4|0', 'the same keys are free in another database, which sees its own locks and counters only');
SELECT results_eq('SELECT key, mode, instance FROM quantmesh.locks ORDER BY key', $$ VALUES ('order:db:S:1', 'session', NULL), ('order:db:S:2', 'lease', 'here') $$, 'this database sees its own too');
SELECT is((SELECT acquired FROM quantmesh.lock_metrics WHERE label = 'order:db:S'), 2::bigint, 'and counts its own');
SELECT ok(quantmesh.prometheus() ~ 'quantmesh_lock_acquire_total\{key="order:db:S",status="success"\} 2\n', 'also in prometheus()');
\set out `psql -XAtq -d $OTHER -c "SELECT quantmesh.reset_metrics()" -c "SELECT quantmesh.force_unlock('order:db:S:1', 'test')" -c "SELECT quantmesh.release_lease('order:db:S:2', 'here', 1)" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'out'), 'f f', 'nor can it take anything away here');
SELECT is((SELECT acquired FROM quantmesh.lock_metrics WHERE label = 'order:db:S'), 2::bigint, 'and its reset_metrics resets nothing here');
SELECT is((quantmesh.lock_holder('order:db:S:2')).owner, 'here', 'the lease here is what it was');

DROP DATABASE :other_database;
CREATE DATABASE :other_database;
\set out `PGOPTIONS="-c client_min_messages=warning" psql -XAtq -d $OTHER -c "CREATE EXTENSION quantmesh" -c "SELECT count(*) FROM quantmesh.locks" -c "SELECT quantmesh.try_lease('order:db:S:2', 'again', '1 s') > 0" 2>&1 | tr '\n' ' '`
SELECT is(trim(:'out'), '0 t', 'a new database of that name has no locks');
SELECT ok(quantmesh.unlock('order:db:S:1') AND quantmesh.release_lease('order:db:S:2', 'here', :f2), 'given back');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'nothing is left');
DROP DATABASE :other_database;

SELECT * FROM finish();
