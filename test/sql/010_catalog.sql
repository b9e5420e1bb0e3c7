-- Shows that the extension is what its contract says: every function and view with its signature, a comment on
-- every object, nothing open to PUBLIC, pinned search paths, and no function that a parallel worker may run.

SELECT plan(43);

-- Objects that belong to the extension, by catalog.
CREATE TEMP VIEW member AS
    SELECT d.classid, d.objid
    FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'quantmesh';
CREATE TEMP VIEW member_function AS
    SELECT p.* FROM pg_proc AS p JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;
CREATE TEMP VIEW member_relation AS
    SELECT c.* FROM pg_class AS c JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;

SELECT has_extension('quantmesh'::name);
SELECT is(quantmesh.version(), (SELECT extversion FROM pg_extension WHERE extname = 'quantmesh'),
          'the loaded library has the version of the extension');
SELECT has_schema('quantmesh'::name);
SELECT is((SELECT count(*) FROM member WHERE classid = 'pg_namespace'::regclass AND objid = 'quantmesh'::regnamespace), 1::bigint,
          'the schema quantmesh belongs to the extension');
SELECT is_empty($$ SELECT oid::regprocedure FROM member_function WHERE pronamespace <> 'quantmesh'::regnamespace $$,
                'no function lies outside the schema quantmesh');
SELECT is_empty($$ SELECT oid::regclass FROM member_relation WHERE relnamespace <> 'quantmesh'::regnamespace $$,
                'no table or view lies outside the schema quantmesh');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'quantmesh'::regnamespace
                   EXCEPT SELECT oid::regprocedure FROM member_function $$,
                'every function in the schema quantmesh belongs to the extension');

-- Functions: kind, arguments, result, volatility, defaults.
CREATE TEMP TABLE expected_function (kind "char", name text, arguments text, result text, volatility "char", defaults int);
INSERT INTO expected_function VALUES
    ('f', 'version', '', 'text', 's', 0),
    ('f', 'order_key', 'account text, symbol text, price numeric, level_width numeric DEFAULT NULL::numeric', 'text', 'i', 1),
    ('f', 'try_xact_lock', 'key text, ttl interval DEFAULT NULL::interval', 'bigint', 'v', 1),
    ('f', 'xact_lock', 'key text, ttl interval DEFAULT NULL::interval, timeout interval DEFAULT NULL::interval', 'bigint', 'v', 2),
    ('f', 'try_xact_lock_many', 'keys text[], ttl interval DEFAULT NULL::interval', 'bigint', 'v', 1),
    ('f', 'xact_lock_many', 'keys text[], ttl interval DEFAULT NULL::interval, timeout interval DEFAULT NULL::interval', 'bigint', 'v', 2),
    ('f', 'try_lock', 'key text, ttl interval DEFAULT NULL::interval', 'bigint', 'v', 1),
    ('f', 'lock', 'key text, ttl interval DEFAULT NULL::interval, timeout interval DEFAULT NULL::interval', 'bigint', 'v', 2),
    ('p', 'acquire', 'IN key text, IN ttl interval DEFAULT NULL::interval, IN timeout interval DEFAULT NULL::interval, INOUT fence bigint DEFAULT NULL::bigint', NULL, 'v', 3),
    ('f', 'unlock', 'key text', 'boolean', 'v', 0),
    ('f', 'extend', 'key text, ttl interval DEFAULT NULL::interval', 'boolean', 'v', 1),
    ('f', 'is_locked', 'key text', 'boolean', 'v', 0),
    ('f', 'lock_holder', 'key text, OUT mode text, OUT pid integer, OUT owner text, OUT fence bigint, OUT acquired_at timestamp with time zone, OUT ttl_left interval', 'record', 'v', 0),
    ('f', 'force_unlock', 'key text, reason text', 'boolean', 'v', 0),
    ('f', 'raise_fence', 'reason text', 'integer', 'v', 0),
    ('f', 'try_lease', 'key text, owner text, ttl interval DEFAULT NULL::interval', 'bigint', 'v', 1),
    ('f', 'lease', 'key text, owner text, ttl interval DEFAULT NULL::interval, timeout interval DEFAULT NULL::interval', 'bigint', 'v', 2),
    ('f', 'renew_lease', 'key text, owner text, fence bigint, ttl interval DEFAULT NULL::interval', 'boolean', 'v', 1),
    ('f', 'release_lease', 'key text, owner text, fence bigint', 'boolean', 'v', 0),
    ('f', 'guard', 'key text, fence bigint', 'void', 'v', 0),
    ('f', 'reset_metrics', '', 'void', 'v', 0),
    ('f', 'prometheus', '', 'text', 'v', 0),
    ('f', 'grant_trader', 'role name, account text', 'void', 'v', 0),
    ('f', 'revoke_trader', 'role name, account text', 'boolean', 'v', 0),
    ('f', 'grant_operator', 'role name', 'void', 'v', 0),
    ('f', 'revoke_operator', 'role name', 'boolean', 'v', 0),
    ('f', 'grant_reader', 'role name', 'void', 'v', 0),
    ('f', 'revoke_reader', 'role name', 'boolean', 'v', 0);
SELECT set_has(
    $$ SELECT prokind, proname::text, pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile, pronargdefaults::int FROM member_function $$,
    $$ SELECT * FROM expected_function $$,
    'every function of the contract is there with its names, types and defaults');
SELECT is_empty($$ SELECT oid::regprocedure FROM member_function WHERE proisstrict $$,
                'no function is strict: a NULL is an error, never a silent NULL');
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM member_function WHERE proparallel <> 'u' AND proname NOT IN ('version', 'order_key', 'right_objects', 'order_transition_rows') $$,
    'functions are parallel unsafe, except those that touch nothing shared');
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM member_function
       WHERE proparallel <> 's' AND proname IN ('version', 'order_key') $$,
    'version and order_key are parallel safe');

-- Search paths.
SELECT is_empty(
    $$ SELECT f.oid::regprocedure FROM member_function AS f JOIN pg_language AS l ON l.oid = f.prolang
       WHERE (l.lanname IN ('sql', 'plpgsql') OR f.prosecdef)
         AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (f.proconfig), false) $$,
    'SQL, plpgsql and SECURITY DEFINER functions pin search_path to pg_catalog, pg_temp');
SELECT set_eq(
    $$ SELECT proname::text FROM member_function WHERE prosecdef AND proname NOT LIKE '%order%' $$,
    ARRAY['force_unlock', 'raise_fence'],
    'only functions that write tables for others are SECURITY DEFINER');
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM member_function
       WHERE proname IN ('acquire', 'try_xact_lock', 'xact_lock', 'try_xact_lock_many', 'xact_lock_many', 'try_lock', 'lock', 'unlock',
                         'extend', 'try_lease', 'lease', 'renew_lease', 'release_lease', 'guard', 'is_locked', 'lock_holder')
         AND (proconfig IS NOT NULL OR prosecdef) $$,
    'lock functions have neither SECURITY DEFINER nor SET');

-- Comments.
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM member_function WHERE coalesce(obj_description(oid, 'pg_proc'), '') = '' $$,
    'every function and procedure has a comment');
SELECT is_empty(
    $$ SELECT oid::regclass FROM member_relation WHERE relkind IN ('r', 'v', 'm', 'p', 'S') AND coalesce(obj_description(oid, 'pg_class'), '') = '' $$,
    'every table and view has a comment');
SELECT is_empty(
    $$ SELECT c.oid::regclass, a.attname FROM member_relation AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
       WHERE c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped
         AND coalesce(col_description(c.oid, a.attnum), '') = '' $$,
    'every column of every table and view has a comment');
SELECT is_empty(
    $$ SELECT m.classid::regclass, m.objid FROM member AS m
       WHERE m.classid NOT IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_rewrite'::regclass)
         AND coalesce(obj_description(m.objid, m.classid::regclass::text::name), '') = '' $$,
    'every other member object, the schema included, has a comment');

-- Rights of PUBLIC. A NULL acl means the default of the kind of object.
SELECT is_empty(
    $$ SELECT f.oid::regprocedure, a.privilege_type
       FROM member_function AS f, aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a WHERE a.grantee = 0 $$,
    'PUBLIC may execute no function');
SELECT is_empty(
    $$ SELECT c.oid::regclass, a.privilege_type
       FROM member_relation AS c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) AS a WHERE a.grantee = 0 $$,
    'PUBLIC has no right on any table or view');
SELECT is_empty(
    $$ SELECT c.oid::regclass, t.attname FROM member_relation AS c JOIN pg_attribute AS t ON t.attrelid = c.oid, aclexplode(t.attacl) AS a WHERE a.grantee = 0 $$,
    'PUBLIC has no right on any column');
SELECT is_empty(
    $$ SELECT n.nspname, a.privilege_type
       FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a WHERE n.nspname = 'quantmesh' AND a.grantee = 0 $$,
    'PUBLIC has no right on the schema');
SELECT is_empty(
    $$ SELECT oid::regclass FROM member_relation WHERE relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'quantmesh')
       UNION ALL
       SELECT oid::regprocedure::oid FROM member_function WHERE proowner <> (SELECT extowner FROM pg_extension WHERE extname = 'quantmesh') $$,
    'every object belongs to the owner of the extension');

-- Tables live in dumps; triggers on them would fire in a restore.
SELECT set_has(
    $$ SELECT c::regclass::text FROM pg_extension, unnest(extconfig) AS c WHERE extname = 'quantmesh' $$,
    $$ VALUES ('quantmesh.fence_floor'), ('quantmesh.role_right'), ('quantmesh.force_unlock_log') $$,
    'tables with user data are dumped');
SELECT is_empty(
    $$ SELECT oid::regclass FROM member_relation WHERE relkind = 'r'
       EXCEPT SELECT c::regclass FROM pg_extension, unnest(extconfig) AS c WHERE extname = 'quantmesh' $$,
    'no table is left out of dumps');
SELECT is_empty(
    $$ SELECT t.tgname FROM pg_trigger AS t JOIN member_relation AS c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal $$,
    'no table has a trigger');
SELECT is_empty(
    $$ SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a JOIN member_relation AS c ON c.oid = a.attrelid JOIN pg_collation AS o ON o.oid = a.attcollation
       WHERE c.relkind = 'r' AND a.attnum > 0 AND a.attname IN ('key', 'account', 'privilege') AND o.collname <> 'C' $$,
    'keys and accounts compare bytewise');

-- Views: columns in order, with types.
CREATE FUNCTION pg_temp.columns_of(relation regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;
SELECT has_view('quantmesh'::name, v::name, format('view %s is there', v))
    FROM unnest(ARRAY['locks', 'lock_waits', 'lock_metrics', 'lock_conflicts', 'lock_engine']) AS v;
SELECT is(pg_temp.columns_of('quantmesh.locks'),
    'key text, class text, account text, symbol text, mode text, state text, fence bigint, acquired_at timestamp with time zone, ttl_left interval, '
    'pid integer, username name, application_name text, instance text, waiters integer', 'columns of locks');
SELECT is(pg_temp.columns_of('quantmesh.lock_waits'),
    'key text, waiter_pid integer, waiter_application_name text, waiter_mode text, waiting interval, waits_for text, holder_pid integer, '
    'holder_application_name text, holder_mode text, holder_owner text, holder_fence bigint, holder_since timestamp with time zone', 'columns of lock_waits');
SELECT is(pg_temp.columns_of('quantmesh.lock_metrics'),
    'label text, class text, account text, symbol text, acquired bigint, skipped bigint, failed bigint, conflicts bigint, overruns bigint, '
    'holds bigint, hold_p50_ms double precision, hold_p95_ms double precision, hold_p99_ms double precision, hold_max_ms double precision, '
    'waits bigint, wait_p50_ms double precision, wait_p95_ms double precision, wait_p99_ms double precision, wait_max_ms double precision, '
    'stats_reset timestamp with time zone', 'columns of lock_metrics');
SELECT is(pg_temp.columns_of('quantmesh.lock_conflicts'),
    'at timestamp with time zone, key text, waiter_pid integer, waiter_mode text, outcome text, waited interval, holder_mode text, holder_pid integer, '
    'holder_owner text, holder_fence bigint', 'columns of lock_conflicts');
SELECT is(pg_temp.columns_of('quantmesh.lock_engine'),
    'library_version text, launcher_pid integer, fence_generation integer, fence_counter bigint, fence_counter_durable bigint, lease_grace_left interval, '
    'leases integer, leases_max integer, locks_reserved integer, locks_max integer, lock_labels integer, lock_labels_max integer, stuck_holders bigint, '
    'stats_reset timestamp with time zone', 'columns of lock_engine');
SELECT is(pg_temp.columns_of('quantmesh.fence_floor'),
    'counter_id bigint, floor integer, generation integer, recorded_at timestamp with time zone, reason text', 'columns of fence_floor');
SELECT is(pg_temp.columns_of('quantmesh.role_right'),
    'role regrole, privilege text, account text, granted_at timestamp with time zone, granted_by name', 'columns of role_right');
SELECT is(pg_temp.columns_of('quantmesh.force_unlock_log'),
    'at timestamp with time zone, key text, mode text, pid integer, owner text, fence bigint, operator name, reason text, freed boolean', 'columns of force_unlock_log');

-- Settings: users may change default TTLs and nothing else.
SELECT set_eq(
    $$ SELECT name FROM pg_settings WHERE name LIKE 'quantmesh.%' AND context = 'user' $$,
    ARRAY['quantmesh.default_ttl_order', 'quantmesh.default_ttl_cancel', 'quantmesh.default_ttl_reconcile', 'quantmesh.default_ttl_lease'],
    'only default TTLs may be set by users');
SELECT is_empty($$ SELECT name FROM pg_settings WHERE name LIKE 'quantmesh.%' AND coalesce(short_desc, '') = '' $$,
                'every setting is described');
SELECT throws_ok('SET quantmesh.default_ttl_ordr = 1', '42602', NULL, 'a misspelt setting is refused');

SELECT * FROM finish();
