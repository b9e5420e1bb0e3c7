-- Shows the life of a lease: taken, renewed, released at commit, run out, and excluded from the other modes even in
-- the session that took it.
\set ON_ERROR_ROLLBACK off

SELECT plan(87);

-- Taken and renewed.
SELECT quantmesh.try_lease('l:a', 'one', '10 s') AS f \gset
SELECT ok(:f > 0, 'a free key is leased');
SELECT results_eq($$ SELECT mode, state, pid, instance, fence FROM quantmesh.locks WHERE key = 'l:a' $$,
                  format($$ SELECT 'lease', 'held', NULL::integer, 'one', %s::bigint $$, :f), 'and shown with its owner and without a backend');
SELECT is(quantmesh.try_lease('l:a', 'one', '10 s'), :f::bigint, 'the owner has it again under the same fence');
SELECT is(quantmesh.lease('l:a', 'one', '10 s', '1 s'), :f::bigint, 'also by lease');
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE key = 'l:a'), 1::bigint, 'and it does not stack');
SELECT is(quantmesh.try_lease('l:a', 'two', '10 s'), NULL, 'another owner does not get it');
SELECT is(quantmesh.try_lease('l:a', 'ONE', '10 s'), NULL, 'owners compare bytewise');
SELECT is(quantmesh.lease('l:a', 'two', '10 s', '20 ms'), NULL, 'nor by waiting for less than it lasts');
SELECT ok(quantmesh.try_lease('l:b', 'one', '10 s') > :f, 'another key is another grant');
SELECT is(quantmesh.renew_lease('l:a', 'one', :f, '20 s'), true, 'the owner renews it');
SELECT ok((SELECT ttl_left FROM quantmesh.locks WHERE key = 'l:a') BETWEEN '18 s' AND '20 s', 'for the time it names');
SELECT is(quantmesh.renew_lease('l:a', 'one', :f, '1 s'), true, 'renewing for less');
SELECT ok((SELECT ttl_left FROM quantmesh.locks WHERE key = 'l:a') > '17 s', 'does not shorten it');
SELECT is(quantmesh.try_lease('l:a', 'one', '1 s'), :f::bigint, 'taking it again for less');
SELECT ok((SELECT ttl_left FROM quantmesh.locks WHERE key = 'l:a') > '17 s', 'does not shorten it either');
SELECT is(quantmesh.renew_lease('l:a', 'two', :f, '1 s'), false, 'another owner cannot renew it');
SELECT is(quantmesh.renew_lease('l:a', 'one', :f - 1, '1 s'), false, 'nor can an older fence');
SELECT is(quantmesh.renew_lease('l:a', 'one', :f + 1, '1 s'), false, 'nor one that was never given');
SELECT is(quantmesh.renew_lease('l:none', 'one', :f, '1 s'), false, 'nor can what nobody leased be renewed');
SELECT is(quantmesh.unlock('l:a'), false, 'unlock does not touch a lease');

-- Released: takes effect at commit, ROLLBACK keeps it.
SELECT is(quantmesh.release_lease('l:a', 'two', :f), false, 'another owner cannot release it');
SELECT is(quantmesh.release_lease('l:a', 'one', :f + 1), false, 'nor can another fence');
SELECT is(quantmesh.release_lease('l:none', 'one', :f), false, 'nor can what nobody leased be released');
BEGIN;
SELECT is(quantmesh.release_lease('l:a', 'one', :f), true, 'the owner releases it');
SELECT ok(quantmesh.is_locked('l:a'), 'but until COMMIT it is locked');
SELECT is(quantmesh.try_lease('l:a', 'two', '1 s'), NULL, 'and not to be had');
ROLLBACK;
SELECT ok(quantmesh.is_locked('l:a'), 'ROLLBACK keeps it');
SELECT is(quantmesh.renew_lease('l:a', 'one', :f), true, 'and it can still be renewed');
BEGIN;
SAVEPOINT s;
SELECT is(quantmesh.release_lease('l:a', 'one', :f), true, 'released below a savepoint');
ROLLBACK TO s;
COMMIT;
SELECT ok(quantmesh.is_locked('l:a'), 'ROLLBACK TO keeps it too');
BEGIN;
SELECT is(quantmesh.release_lease('l:a', 'one', :f), true, 'released once more');
COMMIT;
SELECT ok(NOT quantmesh.is_locked('l:a'), 'COMMIT frees it');
SELECT is_empty($$ SELECT * FROM quantmesh.locks WHERE key = 'l:a' $$, 'and it is gone from the view');
SELECT is(quantmesh.release_lease('l:a', 'one', :f), false, 'a second release says false');
SELECT is(quantmesh.renew_lease('l:a', 'one', :f), false, 'and so does a renewal');
SELECT quantmesh.try_lease('l:a', 'one', '10 s') AS f2 \gset
SELECT ok(:f2 > :f, 'the same owner gets a new fence');
SELECT is(quantmesh.release_lease('l:a', 'one', :f), false, 'a late release under the old fence does nothing');
SELECT ok(quantmesh.is_locked('l:a'), 'to the new lease');
SELECT is(quantmesh.release_lease('l:a', 'one', :f2), true, 'which its own fence releases');

-- Taking a lease is not undone by ROLLBACK.
BEGIN;
SELECT quantmesh.try_lease('l:c', 'one', '10 s') AS f \gset
ROLLBACK;
SELECT ok(quantmesh.is_locked('l:c'), 'a lease outlives the ROLLBACK of its transaction');
SELECT is(quantmesh.try_lease('l:c', 'one'), :f::bigint, 'under the same fence');
SELECT ok(quantmesh.release_lease('l:c', 'one', :f), 'until it is released');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'a lease keeps nothing in the lock manager');

-- Expiry.
SELECT quantmesh.try_lease('l:short', 'one', '50 ms') AS f \gset
SELECT pg_sleep(0.1) \gset
SELECT ok(NOT quantmesh.is_locked('l:short'), 'a lease ends with its TTL');
SELECT is_empty($$ SELECT * FROM quantmesh.locks WHERE key = 'l:short' $$, 'and leaves the view');
SELECT is(quantmesh.renew_lease('l:short', 'one', :f, '1 s'), false, 'it cannot be renewed after that');
SELECT is(quantmesh.release_lease('l:short', 'one', :f), false, 'nor released');
SELECT quantmesh.try_lease('l:short', 'one', '50 ms') AS f2 \gset
SELECT ok(:f2 > :f, 'the next lease of the same owner has a new fence');
SELECT ok(quantmesh.lease('l:short', 'two', '5 s', '10 s') > :f2, 'a waiter gets the key when the lease has run out');
SELECT ok(quantmesh.lease('l:short', 'two', '5 s', '10 s') IS NOT NULL, 'and has it');
SELECT ok(quantmesh.release_lease('l:short', 'two', (quantmesh.lock_holder('l:short')).fence), 'until it is released');
SELECT quantmesh.try_lease('l:short', 'one', '50 ms') AS f \gset
SELECT ok(quantmesh.xact_lock('l:short', NULL, '10 s') > :f, 'a transaction lock waits for the end of a lease');
SELECT quantmesh.try_lease('l:short', 'one', '50 ms') AS f \gset
SELECT ok(quantmesh.lock('l:short', NULL, '10 s') > :f, 'so does a session lock');
SELECT ok(quantmesh.unlock('l:short'), 'and is unlocked');

-- The modes exclude one another, in one session too.
SELECT quantmesh.try_lease('l:x', 'one', '20 s') AS f \gset
SELECT is(quantmesh.try_xact_lock('l:x'), NULL, 'leased: no transaction lock');
SELECT is(quantmesh.try_xact_lock_many(ARRAY['l:x', 'l:y']), NULL, 'nor one of many');
SELECT is(quantmesh.try_lock('l:x'), NULL, 'nor a session lock');
SELECT is(quantmesh.xact_lock('l:x', NULL, '10 ms'), NULL, 'nor by waiting');
SELECT is(quantmesh.lock('l:x', NULL, '10 ms'), NULL, 'in either mode');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'which leaves nothing behind');
BEGIN;
SELECT is(quantmesh.try_xact_lock('l:x'), NULL, 'inside a transaction: no');
SELECT ok(quantmesh.try_xact_lock('l:y') IS NOT NULL, 'and the transaction goes on');
SELECT is(quantmesh.try_lease('l:y', 'one', '1 s'), NULL, 'locked by the transaction: no lease');
COMMIT;
SELECT ok(quantmesh.release_lease('l:x', 'one', :f), 'released');
SELECT ok(quantmesh.try_lock('l:x') > :f, 'then a session lock is had');
SELECT is(quantmesh.try_lease('l:x', 'one', '1 s'), NULL, 'locked by the session: no lease');
SELECT is(quantmesh.lease('l:x', 'one', '1 s', '10 ms'), NULL, 'nor by waiting');
SELECT ok(quantmesh.is_locked('l:x'), 'the session lock is unharmed');
SELECT ok(quantmesh.unlock('l:x'), 'unlocked');
SELECT ok(NOT quantmesh.is_locked('l:x'), 'free');

-- A wait for a lease is outside deadlock detection: it needs an end.
SELECT quantmesh.try_lease('l:w', 'one', '20 s') AS f \gset
SELECT throws_ok(call, '22004', NULL, format('%s: without timeout and lock_timeout it does not wait for a lease', call))
FROM unnest(ARRAY['SELECT quantmesh.lease(''l:w'', ''two'')', 'SELECT quantmesh.xact_lock(''l:w'')', 'SELECT quantmesh.lock(''l:w'')',
                  'SELECT quantmesh.xact_lock_many(ARRAY[''l:v'', ''l:w''])']) AS call;
CREATE FUNCTION pg_temp.hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE hint text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;
SELECT ok(pg_temp.hint_of($$ SELECT quantmesh.xact_lock('l:w') $$) LIKE '%timeout%', 'and the hint says what to give');
SELECT ok(pg_temp.hint_of($$ SELECT quantmesh.lease('l:w', 'two') $$) LIKE '%timeout%', 'also for a lease');
SELECT ok(NOT quantmesh.is_locked('l:v'), 'none of the others is kept');
SET lock_timeout = '20 ms';
SELECT throws_ok($$ SELECT quantmesh.xact_lock('l:w') $$, '55P03', NULL, 'lock_timeout ends a transaction lock''s wait for a lease');
SELECT throws_ok($$ SELECT quantmesh.lock('l:w') $$, '55P03', NULL, 'and a session lock''s');
SELECT is(quantmesh.xact_lock('l:w', NULL, '1 ms'), NULL, 'a shorter timeout comes first');
RESET lock_timeout;
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()), 0::bigint, 'nothing is left behind');
SELECT ok(quantmesh.release_lease('l:w', 'one', :f), 'released');
SELECT ok(quantmesh.xact_lock('l:w') IS NOT NULL, 'a free key needs no timeout');

-- Several owners, several leases.
SELECT is(count(f), 50::bigint, 'one owner holds fifty leases') FROM (SELECT quantmesh.try_lease('l:n:' || i, 'many', '20 s') AS f FROM generate_series(1, 50) AS i) AS taken;
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE instance = 'many'), 50::bigint, 'which are all shown');
SELECT is((SELECT count(*) FROM (SELECT quantmesh.release_lease(key, 'many', fence) AS r FROM quantmesh.locks WHERE instance = 'many') AS x WHERE r), 50::bigint, 'and all released in one statement');
SELECT is_empty($$ SELECT * FROM quantmesh.locks WHERE instance = 'many' $$, 'at its commit');

SELECT * FROM finish();
