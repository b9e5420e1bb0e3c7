-- Shows that lock_metrics counts a known sequence of attempts exactly, and that reset_metrics starts over.
\set ON_ERROR_ROLLBACK off

SELECT plan(28);

CREATE FUNCTION pg_temp.counters(label text) RETURNS text LANGUAGE sql AS $$
    SELECT format('acquired %s, skipped %s, failed %s, conflicts %s, overruns %s, holds %s, waits %s', acquired, skipped, failed, conflicts, overruns, holds, waits)
    FROM quantmesh.lock_metrics AS m WHERE m.label = $1
$$;

SELECT quantmesh.reset_metrics() \gset
SELECT is_empty('SELECT * FROM quantmesh.lock_metrics WHERE acquired + skipped + failed + conflicts + overruns + holds + waits <> 0', 'after reset_metrics nothing is counted');

-- Granted.
SELECT quantmesh.try_xact_lock('order:mx:AAA:1') \gset
SELECT quantmesh.try_xact_lock('order:mx:AAA:2') \gset
SELECT is(pg_temp.counters('order:mx:AAA'), 'acquired 2, skipped 0, failed 0, conflicts 0, overruns 0, holds 2, waits 0', 'two grants on two levels of one market: one label');
BEGIN;
SELECT quantmesh.try_xact_lock('order:mx:AAA:1'), quantmesh.xact_lock('order:mx:AAA:1') \gset
SELECT is(pg_temp.counters('order:mx:AAA'), 'acquired 4, skipped 0, failed 0, conflicts 0, overruns 0, holds 2, waits 0', 'a re-acquisition counts as acquired; a hold counts when it has ended');
COMMIT;
SELECT is(pg_temp.counters('order:mx:AAA'), 'acquired 4, skipped 0, failed 0, conflicts 0, overruns 0, holds 3, waits 0', 'however often it was taken, it was one hold');
BEGIN;
SELECT quantmesh.try_xact_lock('order:mx:AAA:1') \gset
ROLLBACK;
SELECT is(pg_temp.counters('order:mx:AAA'), 'acquired 5, skipped 0, failed 0, conflicts 0, overruns 0, holds 4, waits 0', 'ROLLBACK does not undo what is counted');

-- Busy: a lease is in the way.
SELECT quantmesh.try_lease('order:mx:BBB:1', 'one', '20 s') AS f \gset
SELECT is(pg_temp.counters('order:mx:BBB'), 'acquired 1, skipped 0, failed 0, conflicts 0, overruns 0, holds 0, waits 0', 'a lease counts as acquired');
SELECT quantmesh.try_xact_lock('order:mx:BBB:1'), quantmesh.try_lock('order:mx:BBB:1'), quantmesh.try_lease('order:mx:BBB:1', 'two') \gset
SELECT is(pg_temp.counters('order:mx:BBB'), 'acquired 1, skipped 3, failed 0, conflicts 3, overruns 0, holds 0, waits 0', 'a try that finds the key busy is skipped and a conflict');
SELECT quantmesh.xact_lock('order:mx:BBB:1', NULL, '10 ms'), quantmesh.lock('order:mx:BBB:1', NULL, '10 ms') \gset
SELECT is(pg_temp.counters('order:mx:BBB'), 'acquired 1, skipped 3, failed 2, conflicts 5, overruns 0, holds 0, waits 2', 'a timeout is failed, a conflict and a wait');
SET lock_timeout = '10 ms';
SELECT throws_ok($$ SELECT quantmesh.xact_lock('order:mx:BBB:1') $$, '55P03', NULL, 'a wait that lock_timeout ends');
RESET lock_timeout;
SELECT is(pg_temp.counters('order:mx:BBB'), 'acquired 1, skipped 3, failed 3, conflicts 6, overruns 0, holds 0, waits 3', 'is failed, a conflict and a wait');
SELECT ok(quantmesh.renew_lease('order:mx:BBB:1', 'one', :f) AND quantmesh.release_lease('order:mx:BBB:1', 'one', :f), 'the lease is renewed and given back');
SELECT matches(pg_temp.counters('order:mx:BBB'), 'skipped 3, failed 3, conflicts 6, overruns 0, holds 1, waits 3', 'which ends a hold');
SELECT ok(wait_p50_ms BETWEEN 5 AND 1000 AND wait_p95_ms >= wait_p50_ms AND wait_p99_ms >= wait_p95_ms AND wait_max_ms BETWEEN 10 AND 10000, 'waits have their times')
    FROM quantmesh.lock_metrics WHERE label = 'order:mx:BBB';
SELECT quantmesh.try_lease('order:mx:CCC:1', 'one', '40 ms') \gset
SELECT ok(quantmesh.xact_lock('order:mx:CCC:1', NULL, '10 s') IS NOT NULL, 'a wait that ends with the lock');
SELECT is(pg_temp.counters('order:mx:CCC'), 'acquired 2, skipped 0, failed 0, conflicts 1, overruns 1, holds 2, waits 1', 'is acquired, a conflict and a wait; the lease ran out: an overrun');

-- Hold times.
BEGIN;
SELECT quantmesh.try_xact_lock('order:mx:DDD:1') \gset
SELECT pg_sleep(0.06) \gset
COMMIT;
SELECT ok(hold_p50_ms BETWEEN 10 AND 5000 AND hold_p95_ms >= hold_p50_ms AND hold_p99_ms >= hold_p95_ms AND hold_max_ms BETWEEN 60 AND 5000, 'a hold of 60 ms is measured')
    FROM quantmesh.lock_metrics WHERE label = 'order:mx:DDD';
SELECT quantmesh.try_lock('order:mx:EEE:1') \gset
SELECT quantmesh.try_lock('order:mx:EEE:1') \gset
SELECT quantmesh.unlock('order:mx:EEE:1') \gset
SELECT is(pg_temp.counters('order:mx:EEE'), 'acquired 2, skipped 0, failed 0, conflicts 0, overruns 0, holds 0, waits 0', 'a session hold goes on until the last unlock');
SELECT quantmesh.unlock('order:mx:EEE:1') \gset
SELECT quantmesh.unlock('order:mx:EEE:1') \gset
SELECT is(pg_temp.counters('order:mx:EEE'), 'acquired 2, skipped 0, failed 0, conflicts 0, overruns 0, holds 1, waits 0', 'an unlock of nothing counts as nothing');
SELECT quantmesh.try_lock('order:mx:FFF:1') \gset
SELECT pg_advisory_unlock_all() \gset
SELECT is(pg_temp.counters('order:mx:FFF'), 'acquired 1, skipped 0, failed 0, conflicts 0, overruns 0, holds 1, waits 0', 'a session lock that pg_advisory_unlock_all dropped has ended too');

-- _many counts each key.
SELECT quantmesh.try_xact_lock_many(ARRAY['order:mx:GGG:1', 'order:mx:GGG:2', 'order:mx:GGG:3']) \gset
SELECT is(pg_temp.counters('order:mx:GGG'), 'acquired 3, skipped 0, failed 0, conflicts 0, overruns 0, holds 3, waits 0', 'each of many keys is a grant');

-- A bad call is no attempt on any key.
SELECT throws_ok($$ SELECT quantmesh.try_xact_lock('order:mx:HHH:1', '-1 s') $$, '22023', NULL, 'a bad TTL');
SELECT is(coalesce(pg_temp.counters('order:mx:HHH'), ''), '', 'is not counted');

-- Labels.
SELECT is(count(quantmesh.try_xact_lock(k)), 6::bigint, 'keys of every class')
    FROM unnest(ARRAY['cancel:mx:1', 'cancel:mx:2', 'reconcile:mx:AAA', 'anything', 'anything else', 'order:mx/sub:AAA:5']) AS k;
SELECT set_eq($$ SELECT label, class, account, symbol, acquired FROM quantmesh.lock_metrics WHERE label !~ '^order:mx:' AND acquired > 0 $$,
    $$ VALUES ('cancel:mx', 'cancel', 'mx', NULL, 2::bigint), ('reconcile:mx:AAA', 'reconcile', 'mx', 'AAA', 1),
              ('custom', 'custom', NULL, NULL, 2), ('order:mx/sub:AAA', 'order', 'mx/sub', 'AAA', 1) $$,
    'labels are class:account:symbol, without order ids and levels; custom keys share one');
SELECT is((SELECT count(*) FROM quantmesh.lock_metrics), (SELECT count(DISTINCT label) FROM quantmesh.lock_metrics), 'a label is one row');

-- Starting over.
SELECT max(stats_reset) AS before FROM quantmesh.lock_metrics \gset
BEGIN;
SELECT quantmesh.try_xact_lock('order:mx:AAA:1') \gset
SELECT quantmesh.reset_metrics() \gset
COMMIT;
SELECT ok(coalesce(bool_and(acquired = 0 AND skipped = 0 AND failed = 0 AND conflicts = 0), true), 'reset_metrics sets counters to zero') FROM quantmesh.lock_metrics;
SELECT ok((SELECT stats_reset FROM quantmesh.lock_engine) > :'before', 'and says since when they count');
SELECT quantmesh.try_xact_lock('order:mx:AAA:1') \gset
SELECT matches(pg_temp.counters('order:mx:AAA'), '^acquired 1, skipped 0, failed 0, conflicts 0, ', 'then it counts again');

SELECT * FROM finish();
