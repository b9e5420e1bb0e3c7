-- Shows what is_locked, lock_holder and the views say of the locks of one session. What they say of waiters is
-- shown by isolation specs.
\set ON_ERROR_ROLLBACK off

SELECT plan(45);

SET application_name = 'views "test"';
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no locks at first');
SELECT is_empty('SELECT * FROM quantmesh.lock_waits', 'no waits at first');
SELECT is(quantmesh.is_locked('v:none'), false, 'is_locked of a free key is false');
SELECT results_eq($$ SELECT * FROM quantmesh.lock_holder('v:none') $$,
                  $$ SELECT NULL::text, NULL::integer, NULL::text, NULL::bigint, NULL::timestamptz, NULL::interval $$, 'lock_holder of a free key is one row of NULLs');

BEGIN;
SELECT quantmesh.try_xact_lock('order:views/hedge:BTCUSDT:90120') AS fx, quantmesh.try_lock('cancel:views:4711', '1 h') AS fs, quantmesh.try_lease('reconcile:views:BTCUSDT', 'bot-1', '20 s') AS fl \gset
SELECT results_eq(
    $$ SELECT key, class, account, symbol, mode, state, fence, pid, username, application_name, instance, waiters FROM quantmesh.locks ORDER BY fence $$,
    format($$ VALUES ('order:views/hedge:BTCUSDT:90120', 'order', 'views/hedge', 'BTCUSDT', 'transaction', 'held', %s::bigint, pg_backend_pid(), current_user::name, 'views "test"', NULL, 0),
                     ('cancel:views:4711', 'cancel', 'views', NULL, 'session', 'held', %s::bigint, pg_backend_pid(), current_user::name, 'views "test"', NULL, 0),
                     ('reconcile:views:BTCUSDT', 'reconcile', 'views', 'BTCUSDT', 'lease', 'held', %s::bigint, NULL, NULL, NULL, 'bot-1', 0) $$, :fx, :fs, :fl),
    'locks shows each mode with its class, account, symbol, fence and backend or owner');
SELECT ok(acquired_at BETWEEN clock_timestamp() - interval '20 s' AND clock_timestamp(), format('%s: since a moment ago', mode)) FROM quantmesh.locks;
SELECT ok(ttl_left > '0', format('%s: with a TTL left', mode)) FROM quantmesh.locks;
SELECT ok(quantmesh.is_locked(key), format('is_locked says so of a %s', mode)) FROM quantmesh.locks;
SELECT results_eq(
    $$ SELECT h.mode, h.pid, h.owner, h.fence, h.acquired_at FROM quantmesh.locks AS l, quantmesh.lock_holder(l.key) AS h ORDER BY h.fence $$,
    $$ SELECT mode, pid, instance, fence, acquired_at FROM quantmesh.locks ORDER BY fence $$, 'lock_holder says the same of each key');
SELECT ok((quantmesh.lock_holder(key)).ttl_left BETWEEN ttl_left - interval '2 s' AND ttl_left, format('%s: and the same TTL', mode)) FROM quantmesh.locks;
SELECT is_empty('SELECT * FROM quantmesh.lock_waits', 'nobody waits');
COMMIT;
SELECT set_eq('SELECT mode FROM quantmesh.locks', ARRAY['session', 'lease'], 'COMMIT takes the transaction lock from the view');
SELECT quantmesh.try_xact_lock('v:autocommit') \gset
SELECT is((SELECT count(*) FROM quantmesh.locks), 2::bigint, 'as does the end of a statement');
SELECT ok(quantmesh.unlock('cancel:views:4711') AND quantmesh.release_lease('reconcile:views:BTCUSDT', 'bot-1', :fl), 'given back');
SELECT is_empty('SELECT * FROM quantmesh.locks', 'no locks at last');

BEGIN;
SELECT quantmesh.try_xact_lock('v:custom') \gset
SELECT results_eq('SELECT class, account, symbol, ttl_left FROM quantmesh.locks', $$ SELECT 'custom', NULL::text, NULL::text, NULL::interval $$, 'a custom key has no account, symbol or TTL');
COMMIT;

-- Conflicts: a lease in the way of a try and of a wait.
SELECT quantmesh.reset_metrics() \gset
SELECT is_empty('SELECT * FROM quantmesh.lock_conflicts', 'reset_metrics empties the history');
SELECT quantmesh.try_lease('v:busy', 'bot-1', '20 s') AS f \gset
SELECT quantmesh.try_xact_lock('v:busy') AS a, quantmesh.lock('v:busy', NULL, '20 ms') AS b, quantmesh.try_lease('v:busy', 'bot-2') AS c \gset
SELECT results_eq(
    $$ SELECT key, waiter_pid, waiter_mode, outcome, holder_mode, holder_pid, holder_owner, holder_fence FROM quantmesh.lock_conflicts $$,
    format($$ VALUES ('v:busy', pg_backend_pid(), 'lease', 'skipped', 'lease', NULL::integer, 'bot-1', %1$s::bigint),
                     ('v:busy', pg_backend_pid(), 'session', 'timeout', 'lease', NULL::integer, 'bot-1', %1$s::bigint),
                     ('v:busy', pg_backend_pid(), 'transaction', 'skipped', 'lease', NULL::integer, 'bot-1', %1$s::bigint) $$, :f),
    'lock_conflicts shows who skipped over or waited for whom, newest first');
SELECT ok(waited BETWEEN '20 ms' AND '5 s', 'and how long the wait was') FROM quantmesh.lock_conflicts WHERE outcome = 'timeout';
SELECT ok(waited < '1 s', 'a try does not wait') FROM quantmesh.lock_conflicts WHERE outcome = 'skipped';
SELECT ok((SELECT bool_and(at BETWEEN clock_timestamp() - interval '20 s' AND clock_timestamp()) FROM quantmesh.lock_conflicts), 'a moment ago');
SELECT ok(quantmesh.release_lease('v:busy', 'bot-1', :f), 'given back');

-- The engine.
SELECT quantmesh.try_xact_lock('v:fence') AS f \gset
SELECT is(library_version, quantmesh.version(), 'lock_engine: the version') FROM quantmesh.lock_engine;
SELECT ok(launcher_pid IS NOT NULL AND EXISTS (SELECT FROM pg_stat_activity WHERE pid = launcher_pid AND backend_type ILIKE '%quantmesh%'), 'the launcher runs') FROM quantmesh.lock_engine;
SELECT is(fence_generation::bigint, :f::bigint >> 48, 'the generation is the upper 15 bits of a fence') FROM quantmesh.lock_engine;
SELECT ok(fence_counter > (:f::bigint & ((1::bigint << 48) - 1)), 'the counter is ahead of the last fence') FROM quantmesh.lock_engine;
SELECT ok(fence_counter_durable >= fence_counter, 'and what is durable is ahead of the counter') FROM quantmesh.lock_engine;
SELECT ok(lease_grace_left IS NULL, 'leases are open') FROM quantmesh.lock_engine;
SELECT is(leases_max, current_setting('quantmesh.max_leases')::int, 'leases_max is quantmesh.max_leases') FROM quantmesh.lock_engine;
SELECT is(lock_labels_max, current_setting('quantmesh.max_lock_labels')::int, 'lock_labels_max is quantmesh.max_lock_labels') FROM quantmesh.lock_engine;
SELECT ok(lock_labels BETWEEN 1 AND lock_labels_max, 'labels are counted') FROM quantmesh.lock_engine;
SELECT ok(locks_max > 0 AND locks_max <= (current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int + 50)),
          'locks_max lies below the server''s lock table') FROM quantmesh.lock_engine;
SELECT locks_reserved AS reserved, leases AS leases FROM quantmesh.lock_engine \gset
SELECT quantmesh.try_lock('v:one') \gset
SELECT quantmesh.try_lock('v:two') \gset
SELECT quantmesh.try_lease('v:three', 'bot-1', '20 s') AS f \gset
SELECT ok(locks_reserved >= 2, 'held locks are counted') FROM quantmesh.lock_engine;
SELECT ok(leases >= 1, 'leases too') FROM quantmesh.lock_engine;
SELECT ok(quantmesh.unlock('v:one') AND quantmesh.unlock('v:two') AND quantmesh.release_lease('v:three', 'bot-1', :f), 'given back');
SELECT is(stats_reset, (SELECT max(stats_reset) FROM quantmesh.lock_metrics), 'stats_reset is that of the metrics') FROM quantmesh.lock_engine;

SELECT * FROM finish();
