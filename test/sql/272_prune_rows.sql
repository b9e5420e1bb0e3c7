-- Shows for every table that is pruned by age what goes and what stays however old it is, that batches are bounded, and that
-- every job has a setting.
\set ON_ERROR_ROLLBACK off
\ir rows_eq.psql

SELECT plan(47);

SELECT quantmesh.set_market('one', 'A', 0.01, 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
SELECT quantmesh.set_market('one', 'B', 0.01, 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
SELECT quantmesh.set_market('two', 'A', 0.01, 0.001, base_asset => 'BTC', quote_asset => 'USDT') \gset
-- Days ago, and what housekeeping does to what is older than 10 days.
CREATE FUNCTION pg_temp.ago(days numeric) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT now() - $1 * interval '1 day' $$;
CREATE FUNCTION pg_temp.prune(job text, max_rows integer DEFAULT 1000) RETURNS text LANGUAGE sql AS $$
    SELECT rows || CASE WHEN more THEN ' more' ELSE '' END FROM quantmesh.housekeep($1, pg_temp.ago(10), $2)
$$;

-- Runs: the last one of a market stays, and the last clean one.
INSERT INTO quantmesh.reconcile_run (account, run_id, symbol, status, policy, started_at, finished_at, orders, remote_orders, trades, matched, deferred, findings, repaired, asked, resolved, counts)
    SELECT account, id, symbol, status, 'repair', pg_temp.ago(days), pg_temp.ago(days), 0, 0, 0, 0, 0, 1, repaired, 0, 0, '{}'
    FROM (VALUES ('one', 'A', 1, 'clean', 30, 0), ('one', 'A', 2, 'clean', 29, 0), ('one', 'A', 3, 'findings', 28, 0), ('one', 'A', 4, 'failed', 27, 0), ('one', 'A', 5, 'skipped', 9, 0),
                 ('one', 'B', 6, 'findings', 30, 0), ('one', 'B', 7, 'findings', 29, 1), ('one', 'B', 8, 'failed', 28, 0), ('one', 'B', 9, 'failed', 27, 0),
                 ('two', 'A', 10, 'clean', 30, 0), ('two', 'A', 11, 'clean', 1, 0)) AS v (account, symbol, id, status, days, repaired);
SELECT is(pg_temp.prune('reconcile_runs', 2), '2 more', 'runs: a batch');
SELECT is(pg_temp.prune('reconcile_runs', 2), '2 more', '... and another');
SELECT is(pg_temp.prune('reconcile_runs'), '2', '... and the rest');
SELECT is((SELECT string_agg(run_id::text, ' ' ORDER BY run_id) FROM quantmesh.reconcile_run), '2 5 7 9 11', 'young ones stay, the last of each market, and the last that was clean');
SELECT is(pg_temp.prune('reconcile_runs'), '0', '... and go on to stay');

-- Discrepancies: those that are resolved.
INSERT INTO quantmesh.discrepancy (account, discrepancy_id, code, subject, first_seen, last_seen, resolved_at)
    SELECT account, id, 'STATE_DRIFT', id::text, pg_temp.ago(50), pg_temp.ago(50), pg_temp.ago(days)
    FROM (VALUES ('one', 1, 20), ('one', 2, 5), ('one', 3, NULL), ('two', 4, 11), ('two', 5, NULL)) AS v (account, id, days);
SELECT is(pg_temp.prune('discrepancies', 1), '1 more', 'discrepancies: a batch');
SELECT is(pg_temp.prune('discrepancies'), '1', '... and the rest');
SELECT is((SELECT string_agg(discrepancy_id::text, ' ' ORDER BY discrepancy_id) FROM quantmesh.discrepancy), '2 3 5', 'unresolved ones stay');

-- Tasks: those that are finished, unless their order lives.
SELECT order_id AS live FROM quantmesh.place_order('one', 'A', 'buy', 100, 1) \gset
SELECT order_id AS ended FROM quantmesh.place_order('one', 'A', 'buy', 99, 1) \gset
SELECT is((SELECT r.state FROM quantmesh.orders AS o, quantmesh.resolve_submission('one', o.order_id, o.fence, 'rejected') AS r WHERE o.order_id = :ended), 'rejected', 'one order has ended');
INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, order_id, state, created_at, finished_at)
    SELECT account, id, 'query_order', 'A', id::text, order_id, state, pg_temp.ago(50), pg_temp.ago(days)
    FROM (VALUES ('one', 1, :live, 'absent', 20), ('one', 2, :ended, 'absent', 20), ('one', 3, NULL, 'failed', 20), ('one', 4, NULL, 'open', NULL), ('one', 5, NULL, 'done', 3), ('two', 6, NULL, 'done', 11))
         AS v (account, id, order_id, state, days);
SELECT is(pg_temp.prune('tasks'), '3', 'tasks');
SELECT is((SELECT string_agg(task_id::text, ' ' ORDER BY task_id) FROM quantmesh.task), '1 4 5', 'unfinished ones stay, and answers about a live order');

-- Snapshots: compared ones, but for the last three of each market.
INSERT INTO quantmesh.snapshot (account, snapshot_id, symbol, task_id, state, asked_at, started_at, finished_at, received_at, complete, watermark, tag, open_orders, trades, balances)
    SELECT account, id, symbol, 1, state, pg_temp.ago(50), pg_temp.ago(50), pg_temp.ago(50), pg_temp.ago(days), true, pg_current_snapshot(), 'aaaa', '[]', '[]', '[]'
    FROM (VALUES ('one', 'A', 1, 'new', 50), ('one', 'A', 2, 'reconciled', 50), ('one', 'A', 3, 'discarded', 49), ('one', 'A', 4, 'reconciled', 48), ('one', 'A', 5, 'reconciled', 47), ('one', 'A', 6, 'reconciled', 46),
                 ('one', 'B', 7, 'reconciled', 50), ('one', 'B', 8, 'reconciled', 50), ('one', 'B', 9, 'reconciled', 50),
                 ('two', 'A', 10, 'reconciled', 50), ('two', 'A', 11, 'reconciled', 5), ('two', 'A', 12, 'reconciled', 4), ('two', 'A', 13, 'reconciled', 3), ('two', 'A', 14, 'new', 2)) AS v (account, symbol, id, state, days);
SELECT is(pg_temp.prune('snapshots'), '3', 'snapshots');
SELECT is((SELECT string_agg(snapshot_id::text, ' ' ORDER BY snapshot_id) FROM quantmesh.snapshot), '1 4 5 6 7 8 9 11 12 13 14', 'new ones stay, young ones, and the last three of each market');

-- Assignments: those that have ended.
INSERT INTO quantmesh.assignment (account, symbol, assignment_id, instance, epoch, reason, since, ended_at, end_reason)
    SELECT account, 'A', id, 'i', 1, 'hashed', pg_temp.ago(60), pg_temp.ago(days), CASE WHEN days IS NOT NULL THEN 'dead' END
    FROM (VALUES ('one', 1, 20), ('one', 2, 5), ('one', 3, NULL), ('two', 4, 11), ('two', 5, NULL)) AS v (account, id, days);
SELECT is(pg_temp.prune('assignments'), '2', 'assignments');
SELECT is((SELECT string_agg(assignment_id::text, ' ' ORDER BY assignment_id) FROM quantmesh.assignment), '2 3 5', 'those of today stay, however old they are');

-- What operators did.
UPDATE quantmesh.operator_action SET at = pg_temp.ago(20) WHERE account = 'two';
SELECT is(pg_temp.prune('operator_actions'), '1', 'operators'' actions');
SELECT is((SELECT string_agg(account || symbol, ' ' ORDER BY action_id) FROM quantmesh.operator_action), 'oneA oneB', 'young ones stay');
INSERT INTO quantmesh.force_unlock_log (at, key, mode, fence, operator, reason, freed)
    SELECT pg_temp.ago(days), days::text, 'lease', 1, 'me', 'test', true FROM unnest(ARRAY[30, 20, 11, 9, 0]) AS days;
SELECT is(pg_temp.prune('force_unlock_log', 2), '2 more', 'forced unlocks: a batch');
SELECT is(pg_temp.prune('force_unlock_log'), '1', '... and the rest');
SELECT is((SELECT string_agg(key, ' ' ORDER BY at) FROM quantmesh.force_unlock_log), '9 0', 'young ones stay');

SELECT throws_ok($$ SELECT quantmesh.housekeep('balances', now(), 1) $$, '20000', NULL, 'a job that there is not');

-- Progress.
SELECT pg_temp.rows_eq($$ SELECT account, job, rows, last_rows, done_until > '-infinity' FROM quantmesh.housekeeping_progress ORDER BY job, account $$,
    $$ VALUES ('one', 'assignments', 1, 1, true), ('two', 'assignments', 1, 1, true), ('one', 'discrepancies', 1, 1, true), ('two', 'discrepancies', 1, 1, true),
              ('*', 'force_unlock_log', 3, 1, true), ('two', 'operator_actions', 1, 1, true), ('one', 'reconcile_runs', 5, 1, true), ('two', 'reconcile_runs', 1, 1, true),
              ('one', 'snapshots', 2, 2, true), ('two', 'snapshots', 1, 1, true), ('one', 'tasks', 2, 2, true), ('two', 'tasks', 1, 1, true) $$, 'progress is noted down by account');
SELECT pg_temp.rows_eq($$ SELECT job, rows FROM quantmesh.housekeeping WHERE rows > 0 ORDER BY job $$,
    $$ VALUES ('assignments', 2), ('discrepancies', 2), ('force_unlock_log', 3), ('operator_actions', 1), ('reconcile_runs', 6), ('snapshots', 3), ('tasks', 3) $$, '... and shown in sum');

-- Settings: one per job.
SELECT pg_temp.rows_eq($$ SELECT 'quantmesh.keep_' || job FROM quantmesh.housekeeping ORDER BY 1 $$, $$ SELECT name FROM pg_settings WHERE name LIKE 'quantmesh.keep\_%' ORDER BY 1 $$, 'every job has a setting, and every setting a job');
SELECT is((SELECT boot_val FROM pg_settings WHERE name = 'quantmesh.keep_' || job), days::text, format('keep_%s', job))
    FROM (VALUES ('orders', 30 * 86400), ('order_events', 90 * 86400), ('fills', 0), ('reconcile_runs', 30 * 86400), ('discrepancies', 90 * 86400), ('tasks', 7 * 86400), ('snapshots', 3600),
                 ('assignments', 90 * 86400), ('force_unlock_log', 0), ('operator_actions', 0)) AS v (job, days);
SELECT is_empty($$ SELECT name FROM pg_settings WHERE name LIKE 'quantmesh.keep\_%' AND (context <> 'sighup' OR unit <> 's' OR min_val <> '0' OR extra_desc !~ '0 means for ever\.$') $$, 'they are the configuration file''s, in time, and 0 is for ever');
SELECT is((SELECT keep FROM quantmesh.housekeeping WHERE job = j), w::interval, format('the view shows %s', j)) FROM (VALUES ('orders', '30 days'), ('fills', NULL), ('snapshots', '1 hour')) AS v (j, w);

-- Rights.
CREATE ROLE qm_272_reader;
CREATE ROLE qm_272_trader;
SELECT quantmesh.grant_reader('qm_272_reader') \gset
SELECT quantmesh.grant_trader('qm_272_trader', 'one') \gset
SET ROLE qm_272_reader;
SELECT lives_ok('SELECT * FROM quantmesh.housekeeping', 'readers see housekeeping');
SELECT lives_ok('SELECT * FROM quantmesh.workers', '... and workers');
SELECT throws_ok(format('SELECT %s', f), '42501', NULL, format('... and cannot call %s', f))
    FROM unnest(ARRAY['quantmesh.housekeep(''tasks'', now(), 1)', 'quantmesh.unarchive_order(''one'', 1)', 'quantmesh.make_archive_partition(now())']) AS f;
SELECT throws_ok('SELECT * FROM quantmesh.order_archive', '42501', NULL, '... nor read tables');
RESET ROLE;
SET ROLE qm_272_trader;
SELECT throws_ok('SELECT * FROM quantmesh.housekeeping', '42501', NULL, 'traders do not');
RESET ROLE;
-- Snapshots of a market that nobody could ever use go, and the one stays behind which trades are asked for.
SELECT count(quantmesh.set_market('three', s, 0.01, 0.001, base_asset => 'BTC', quote_asset => 'USDT')::text) FROM unnest(ARRAY['A', 'B']) AS s \gset
INSERT INTO quantmesh.snapshot (account, snapshot_id, symbol, task_id, state, asked_at, started_at, finished_at, received_at, complete, watermark, tag, open_orders, trades, balances, leaves_trades)
    SELECT 'three', id, CASE WHEN id < 25 THEN 'A' ELSE 'B' END, 1, CASE WHEN id < 25 THEN 'discarded' ELSE 'reconciled' END, now(), now(), now(), pg_temp.ago(50), id >= 25, pg_current_snapshot(), 'aaaa', '[]', '[]', '[]', id > 26
    FROM generate_series(20, 30) AS id;
SELECT is(pg_temp.prune('snapshots'), '3', 'discarded ones go although none was ever compared');
SELECT is((SELECT string_agg(snapshot_id::text, ' ' ORDER BY snapshot_id) FROM quantmesh.snapshot WHERE account = 'three'), '22 23 24 26 27 28 29 30', '... and what is older than the one that left no trades');

DROP OWNED BY qm_272_reader, qm_272_trader;
DROP ROLE qm_272_reader, qm_272_trader;

SELECT * FROM finish();
