-- Shows which TTL a lock gets: the one it names, the default of its key's class, or none; and that it never shrinks.
\set ON_ERROR_ROLLBACK off

SELECT plan(62);

CREATE FUNCTION pg_temp.left(key text) RETURNS interval LANGUAGE sql AS 'SELECT l.ttl_left FROM quantmesh.locks AS l WHERE l.key = $1';
-- ok when left lies within a second and a half below the TTL.
CREATE FUNCTION pg_temp.about(key text, ttl interval, description text) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN pg_temp.left(key) <= ttl AND pg_temp.left(key) > ttl - interval '1.5 s' THEN pass(description)
                ELSE fail(format('%s: %s left of %s', description, pg_temp.left(key), ttl)) END
$$;

-- Defaults.
SELECT is((SELECT jsonb_object_agg(name, setting::int) FROM pg_settings WHERE name LIKE 'quantmesh.default_ttl%'),
          '{"quantmesh.default_ttl_order": 5000, "quantmesh.default_ttl_cancel": 3000, "quantmesh.default_ttl_reconcile": 30000, "quantmesh.default_ttl_lease": 5000}'::jsonb,
          'the defaults are 5, 3, 30 and 5 seconds');
SELECT is(current_setting('quantmesh.ttl_action'), 'terminate', 'an overrun ends the holder');

BEGIN;
SELECT quantmesh.try_xact_lock(k) AS f INTO TEMP taken FROM unnest(ARRAY['order:t:S:1', 'cancel:t:1', 'reconcile:t:S', 't:custom', 'order:t', 'order:t:S', 'cancel:t:1:2', 'reconcile:t:S:1', 'ORDER:t:S:1']) AS k;
SELECT pg_temp.about('order:t:S:1', '5 s', 'an order key has 5 s');
SELECT pg_temp.about('cancel:t:1', '3 s', 'a cancel key has 3 s');
SELECT pg_temp.about('reconcile:t:S', '30 s', 'a reconcile key has 30 s');
SELECT ok(pg_temp.left(k) IS NULL, format('%s has none', k)) FROM unnest(ARRAY['t:custom', 'order:t', 'order:t:S', 'cancel:t:1:2', 'reconcile:t:S:1', 'ORDER:t:S:1']) AS k;
SELECT set_eq($$ SELECT key FROM quantmesh.locks WHERE class = 'custom' $$, ARRAY['t:custom', 'order:t', 'order:t:S', 'cancel:t:1:2', 'reconcile:t:S:1', 'ORDER:t:S:1'],
              'what has no class''s exact shape is custom');
COMMIT;

SELECT quantmesh.try_lock(k) AS f INTO TEMP taken2 FROM unnest(ARRAY['order:t:S:1', 'cancel:t:1', 'reconcile:t:S', 't:custom']) AS k;
SELECT pg_temp.about('order:t:S:1', '5 s', 'session locks: an order key has 5 s');
SELECT pg_temp.about('cancel:t:1', '3 s', 'a cancel key has 3 s');
SELECT pg_temp.about('reconcile:t:S', '30 s', 'a reconcile key has 30 s');
SELECT ok(pg_temp.left('t:custom') IS NULL, 'another key has none');
SELECT ok(quantmesh.unlock(k), format('unlock %s', k)) FROM unnest(ARRAY['order:t:S:1', 'cancel:t:1', 'reconcile:t:S', 't:custom']) AS k;

SELECT quantmesh.try_lease('t:lease', 'one') AS f1, quantmesh.try_lease('order:t:S:2', 'one') AS f2, quantmesh.try_lease('reconcile:t:S', 'one') AS f3 \gset
SELECT pg_temp.about('t:lease', '5 s', 'a lease has 5 s');
SELECT pg_temp.about('order:t:S:2', '5 s', 'a lease on an order key has 5 s');
SELECT pg_temp.about('reconcile:t:S', '5 s', 'a lease on a reconcile key has 5 s too');
SELECT ok(quantmesh.release_lease('t:lease', 'one', :f1) AND quantmesh.release_lease('order:t:S:2', 'one', :f2) AND quantmesh.release_lease('reconcile:t:S', 'one', :f3), 'released');

-- Given.
BEGIN;
SELECT quantmesh.try_xact_lock('t:given', '20 s'), quantmesh.try_xact_lock('order:t:S:1', '0'), quantmesh.xact_lock('order:t:S:2', '1 h', '1 s'),
       quantmesh.try_xact_lock_many(ARRAY['t:many', 'cancel:t:1'], '40 s') \gset
SELECT pg_temp.about('t:given', '20 s', 'a given TTL counts');
SELECT ok(pg_temp.left('order:t:S:1') IS NULL, '0 means none, also where the class has a default');
SELECT pg_temp.about('order:t:S:2', '1 h', 'it may be longer than the default');
SELECT pg_temp.about('t:many', '40 s', 'it counts for each of many keys');
SELECT pg_temp.about('cancel:t:1', '40 s', 'whatever their class');
COMMIT;

-- Never shorter.
BEGIN;
SELECT quantmesh.try_xact_lock('t:a', '20 s') \gset
SELECT quantmesh.try_xact_lock('t:a', '5 s') \gset
SELECT pg_temp.about('t:a', '20 s', 'taking a lock again for less does not shorten it');
SELECT quantmesh.try_xact_lock('t:a', '40 s') \gset
SELECT pg_temp.about('t:a', '40 s', 'for more lengthens it');
SELECT quantmesh.try_xact_lock('t:a', '0') \gset
SELECT ok(pg_temp.left('t:a') IS NULL, 'with 0 removes the limit');
SELECT quantmesh.try_xact_lock('t:a', '5 s') \gset
SELECT ok(pg_temp.left('t:a') IS NULL, 'which does not come back');
SELECT quantmesh.try_xact_lock('order:t:S:1', '20 s') \gset
SELECT quantmesh.try_xact_lock('order:t:S:1') \gset
SELECT pg_temp.about('order:t:S:1', '20 s', 'a default does not shorten it either');
SELECT quantmesh.try_xact_lock_many(ARRAY['order:t:S:1', 'order:t:S:2'], '5 s') \gset
SELECT pg_temp.about('order:t:S:1', '20 s', 'nor does _many');
SELECT pg_temp.about('order:t:S:2', '5 s', 'while a new key gets what is given');
COMMIT;

-- extend.
SELECT is(quantmesh.extend('t:s', '10 s'), false, 'extend of what this session does not hold says false');
SELECT quantmesh.try_lock('t:s', '5 s') \gset
SELECT is(quantmesh.extend('t:s', '20 s'), true, 'extend of a session lock');
SELECT pg_temp.about('t:s', '20 s', 'lets it live until 20 s from now');
SELECT is(quantmesh.extend('t:s', '1 s'), true, 'extend for less says true');
SELECT pg_temp.about('t:s', '20 s', 'and changes nothing');
SELECT is(quantmesh.extend('t:s', '0'), true, 'extend with 0');
SELECT ok(pg_temp.left('t:s') IS NULL, 'removes the limit');
SELECT ok(quantmesh.unlock('t:s'), 'unlocked');
SELECT is(quantmesh.extend('t:s', '1 s'), false, 'after which extend says false');
SELECT quantmesh.try_lock('order:t:S:3', '4 s') \gset
SELECT is(quantmesh.extend('order:t:S:3'), true, 'extend without a TTL');
SELECT pg_temp.about('order:t:S:3', '5 s', 'takes the default of the class');
SELECT ok(quantmesh.unlock('order:t:S:3'), 'unlocked');
SELECT quantmesh.try_lease('t:s', 'one', '5 s') AS f \gset
SELECT is(quantmesh.extend('t:s', '20 s'), false, 'a lease is renewed, not extended');
SELECT ok(quantmesh.release_lease('t:s', 'one', :f), 'released');

-- Extending keeps a short hold alive: it would be ended at 150 ms.
SELECT quantmesh.try_lock('t:alive', '150 ms') \gset
SELECT is(quantmesh.extend('t:alive', '20 s'), true, 'extended in time');
SELECT pg_sleep(0.25) \gset
SELECT ok(quantmesh.unlock('t:alive'), 'the session is alive after the first TTL');
BEGIN;
SELECT quantmesh.try_xact_lock('t:done', '100 ms') \gset
COMMIT;
SELECT pg_sleep(0.2) \gset
SELECT pass('a lock that was given back in time has no TTL any more');

-- Settings of a user's own.
SET quantmesh.default_ttl_order = '60 s';
SET quantmesh.default_ttl_cancel = 0;
BEGIN;
SELECT quantmesh.try_xact_lock('order:t:S:1'), quantmesh.try_xact_lock('cancel:t:1'), quantmesh.try_xact_lock('reconcile:t:S') \gset
SELECT pg_temp.about('order:t:S:1', '60 s', 'a default may be set');
SELECT ok(pg_temp.left('cancel:t:1') IS NULL, '0 means none there too');
SELECT pg_temp.about('reconcile:t:S', '30 s', 'the others stay');
COMMIT;
RESET quantmesh.default_ttl_order;
RESET quantmesh.default_ttl_cancel;
SET quantmesh.default_ttl_lease = '10 s';
SELECT quantmesh.try_lease('t:lease', 'one') AS f1 \gset
SELECT pg_temp.about('t:lease', '10 s', 'the default of leases may be set');
SELECT ok(quantmesh.release_lease('t:lease', 'one', :f1), 'released');
SET quantmesh.default_ttl_lease = '1 h';
SELECT throws_ok($$ SELECT quantmesh.try_lease('t:lease', 'one') $$, '22023', NULL, 'but not beyond quantmesh.max_ttl');
RESET quantmesh.default_ttl_lease;
SELECT throws_ok('SET quantmesh.default_ttl_lease = 0', '22023', NULL, 'a lease cannot be without TTL');
SELECT throws_ok('SET quantmesh.default_ttl_order = -1', '22023', NULL, 'a default cannot be negative');

SELECT is_empty('SELECT * FROM quantmesh.locks', 'nothing is left');
SELECT * FROM finish();
