-- Shows that bad arguments of every lock function raise 22004 or 22023 and change nothing.

SELECT plan(172);

-- How each function is called with a key (%s) that is an SQL expression.
CREATE TEMP TABLE key_call (name text, call text);
INSERT INTO key_call VALUES
    ('try_xact_lock', 'SELECT quantmesh.try_xact_lock(%s)'),
    ('xact_lock', 'SELECT quantmesh.xact_lock(%s)'),
    ('try_xact_lock_many', 'SELECT quantmesh.try_xact_lock_many(ARRAY[''good'', %s])'),
    ('xact_lock_many', 'SELECT quantmesh.xact_lock_many(ARRAY[''good'', %s])'),
    ('try_lock', 'SELECT quantmesh.try_lock(%s)'),
    ('lock', 'SELECT quantmesh.lock(%s)'),
    ('unlock', 'SELECT quantmesh.unlock(%s)'),
    ('extend', 'SELECT quantmesh.extend(%s, ''1 s'')'),
    ('is_locked', 'SELECT quantmesh.is_locked(%s)'),
    ('lock_holder', 'SELECT quantmesh.lock_holder(%s)'),
    ('force_unlock', 'SELECT quantmesh.force_unlock(%s, ''test'')'),
    ('try_lease', 'SELECT quantmesh.try_lease(%s, ''o'')'),
    ('lease', 'SELECT quantmesh.lease(%s, ''o'', NULL, ''1 s'')'),
    ('renew_lease', 'SELECT quantmesh.renew_lease(%s, ''o'', 1)'),
    ('release_lease', 'SELECT quantmesh.release_lease(%s, ''o'', 1)'),
    ('guard', 'SELECT quantmesh.guard(%s, 1)');

SELECT throws_ok(format(call, 'NULL'), '22004', NULL, format('%s: a NULL key is 22004', name)) FROM key_call;
SELECT throws_ok(format(call, ''''''), '22023', NULL, format('%s: an empty key is 22023', name)) FROM key_call;
SELECT throws_ok(format(call, 'repeat(''k'', 513)'), '22023', NULL, format('%s: a key of 513 bytes is 22023', name)) FROM key_call;
SELECT throws_ok(format(call, 'repeat(''é'', 257)'), '22023', NULL, format('%s: bytes count, not characters', name)) FROM key_call;
SELECT throws_ok(format(call, 'repeat(''k'', 1000000)'), '22023', NULL, format('%s: a key of a megabyte is 22023', name)) FROM key_call;
SELECT throws_like(format(call, 'repeat(''k'', 513)'), '%513%', format('%s: the message says how long the key is', name)) FROM key_call;

-- Arrays of keys.
SELECT throws_ok(format('SELECT quantmesh.%s(%s)', f, keys), sqlstate, NULL, format('%s(%s) is %s', f, keys, sqlstate))
FROM unnest(ARRAY['try_xact_lock_many', 'xact_lock_many']) AS f, (VALUES
    ('NULL', '22004'),
    ('ARRAY[]::text[]', '22023'),
    ('''{}''', '22023'),
    ('ARRAY[NULL]::text[]', '22004'),
    ('ARRAY[''a'', NULL, ''b'']', '22004'),
    ('ARRAY[[''a''], [''b'']]', '22023')
) AS e (keys, sqlstate);

-- TTLs and timeouts.
SELECT throws_ok(call, '22023', NULL, format('%s is refused', call))
FROM (VALUES
    ('SELECT quantmesh.try_xact_lock(''k'', ''-1 s'')'),
    ('SELECT quantmesh.try_xact_lock(''k'', ''-1 microsecond'')'),
    ('SELECT quantmesh.try_xact_lock(''k'', ''-1 month'')'),
    ('SELECT quantmesh.try_xact_lock(''order:a:S:1'', ''-1 s'')'),
    ('SELECT quantmesh.xact_lock(''k'', ''-1 s'')'),
    ('SELECT quantmesh.xact_lock(''k'', NULL, ''-1 s'')'),
    ('SELECT quantmesh.try_xact_lock_many(ARRAY[''k''], ''-1 s'')'),
    ('SELECT quantmesh.xact_lock_many(ARRAY[''k''], ''-1 s'')'),
    ('SELECT quantmesh.xact_lock_many(ARRAY[''k''], NULL, ''-1 s'')'),
    ('SELECT quantmesh.try_lock(''k'', ''-1 s'')'),
    ('SELECT quantmesh.lock(''k'', ''-1 s'')'),
    ('SELECT quantmesh.lock(''k'', NULL, ''-1 s'')'),
    ('SELECT quantmesh.extend(''k'', ''-1 s'')'),
    ('SELECT quantmesh.try_lease(''k'', ''o'', ''-1 s'')'),
    ('SELECT quantmesh.try_lease(''k'', ''o'', ''0'')'),
    ('SELECT quantmesh.lease(''k'', ''o'', ''-1 s'', ''1 s'')'),
    ('SELECT quantmesh.lease(''k'', ''o'', ''0'', ''1 s'')'),
    ('SELECT quantmesh.lease(''k'', ''o'', NULL, ''-1 s'')'),
    ('SELECT quantmesh.renew_lease(''k'', ''o'', 1, ''-1 s'')'),
    ('SELECT quantmesh.renew_lease(''k'', ''o'', 1, ''0'')')
) AS e (call);
SELECT throws_ok(format(call, current_setting('quantmesh.max_ttl')::interval + '1 ms'), '22023', NULL, format('%s: a TTL beyond quantmesh.max_ttl is refused', name))
FROM (VALUES
    ('try_lease', 'SELECT quantmesh.try_lease(''k'', ''o'', %L)'),
    ('lease', 'SELECT quantmesh.lease(''k'', ''o'', %L, ''1 s'')'),
    ('renew_lease', 'SELECT quantmesh.renew_lease(''k'', ''o'', 1, %L)')
) AS e (name, call);
SELECT throws_ok(format('SELECT quantmesh.%s', call), '22023', NULL, format('%s: a TTL of centuries is refused, not wrapped', call))
FROM unnest(ARRAY['try_xact_lock(''k'', ''170000 years'')', 'try_lock(''k'', ''170000 years'')', 'xact_lock(''k'', NULL, ''170000 years'')',
                  'try_lease(''k'', ''o'', ''170000 years'')', 'extend(''k'', ''170000 years'')']) AS call;

-- Owners, fences, reasons.
SELECT throws_ok(call, sqlstate, NULL, format('%s is %s', left(call, 70), sqlstate))
FROM (VALUES
    ('SELECT quantmesh.try_lease(''k'', NULL)', '22004'),
    ('SELECT quantmesh.try_lease(''k'', '''')', '22023'),
    ('SELECT quantmesh.try_lease(''k'', repeat(''o'', 129))', '22023'),
    ('SELECT quantmesh.try_lease(''k'', repeat(''é'', 65))', '22023'),
    ('SELECT quantmesh.lease(''k'', NULL, NULL, ''1 s'')', '22004'),
    ('SELECT quantmesh.lease(''k'', '''', NULL, ''1 s'')', '22023'),
    ('SELECT quantmesh.lease(''k'', repeat(''o'', 129), NULL, ''1 s'')', '22023'),
    ('SELECT quantmesh.lease(''k'', ''o'')', '22004'),
    ('SELECT quantmesh.renew_lease(''k'', NULL, 1)', '22004'),
    ('SELECT quantmesh.renew_lease(''k'', '''', 1)', '22023'),
    ('SELECT quantmesh.renew_lease(''k'', ''o'', NULL)', '22004'),
    ('SELECT quantmesh.release_lease(''k'', NULL, 1)', '22004'),
    ('SELECT quantmesh.release_lease(''k'', '''', 1)', '22023'),
    ('SELECT quantmesh.release_lease(''k'', ''o'', NULL)', '22004'),
    ('SELECT quantmesh.guard(''k'', NULL)', '22004'),
    ('SELECT quantmesh.guard(''k'', 0)', '22023'),
    ('SELECT quantmesh.renew_lease(''k'', ''o'', -1)', '22023'),
    ('SELECT quantmesh.release_lease(''k'', ''o'', 0)', '22023'),
    ('SELECT quantmesh.force_unlock(''k'', NULL)', '22004'),
    ('SELECT quantmesh.force_unlock(''k'', '''')', '22023'),
    ('SELECT quantmesh.raise_fence(NULL)', '22004'),
    ('SELECT quantmesh.raise_fence('''')', '22023')
) AS e (call, sqlstate);

-- CALL inside a transaction block, which every function body is too.
SELECT throws_ok('CALL quantmesh.acquire(''k'')', '2D000', NULL, 'acquire is refused inside a transaction block');

SELECT is_empty('SELECT * FROM quantmesh.locks', 'after all that nothing is held');
SELECT is_empty('SELECT * FROM quantmesh.force_unlock_log', 'and nothing was forced');

-- What is still good.
SELECT ok(quantmesh.try_xact_lock('k') IS NOT NULL, 'a key of one byte');
SELECT ok(quantmesh.try_xact_lock(repeat('k', 512)) IS NOT NULL, 'a key of 512 bytes');
SELECT ok(quantmesh.try_xact_lock(repeat('é', 256)) IS NOT NULL, 'a key of 256 two-byte characters');
SELECT ok(quantmesh.try_xact_lock(E'any\ttext "with" \\ and \n: %s') IS NOT NULL, 'a key of odd characters');
BEGIN;
SELECT ok(quantmesh.try_xact_lock(repeat('k', 512)) IS NOT NULL AND quantmesh.try_xact_lock(E'tab\t quote" backslash\\ newline\n') IS NOT NULL, 'such keys are held');
SELECT set_eq('SELECT key FROM quantmesh.locks', ARRAY[repeat('k', 512), E'tab\t quote" backslash\\ newline\n'], 'and shown in full');
COMMIT;
SELECT ok(quantmesh.try_xact_lock_many('[5:6]={a,b}') IS NOT NULL, 'an array may begin at any index');
SELECT ok(quantmesh.try_xact_lock('k', '0') IS NOT NULL, 'a TTL of zero means none');
SELECT ok(quantmesh.xact_lock('k', NULL, '0') IS NOT NULL, 'a timeout of zero gets what is free');
SELECT ok(quantmesh.try_lease('lease', repeat('o', 128), current_setting('quantmesh.max_ttl')::interval) IS NOT NULL, 'an owner of 128 bytes and a TTL of exactly max_ttl');
SELECT is(quantmesh.xact_lock('lease', NULL, '0'), NULL, 'a timeout of zero does not wait');

SELECT * FROM finish();
