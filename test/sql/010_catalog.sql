-- Shows that the extension is what its contract says: every function and view with its signature, a comment on
-- every object, nothing open to PUBLIC, pinned search paths, and no function that a parallel worker may run.

SELECT plan(102);

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
SELECT is_empty($$ SELECT oid::regclass FROM member_relation WHERE relnamespace NOT IN ('quantmesh'::regnamespace, 'quantmesh_compat'::regnamespace) $$,
                'no table or view lies outside the schemas quantmesh and quantmesh_compat');
SELECT is_empty($$ SELECT oid::regclass FROM member_relation WHERE relnamespace = 'quantmesh_compat'::regnamespace AND relkind <> 'v' $$,
                'quantmesh_compat has only views');
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
    ('f', 'revoke_reader', 'role name', 'boolean', 'v', 0),
('f', 'place_order', 'account text, symbol text, side text, price numeric, quantity numeric, order_type text DEFAULT ''limit''::text, time_in_force text DEFAULT ''gtc''::text, post_only boolean DEFAULT false, reduce_only boolean DEFAULT false, request_id text DEFAULT NULL::text, slot text DEFAULT NULL::text, strategy text DEFAULT ''''::text, instance text DEFAULT NULL::text, epoch bigint DEFAULT NULL::bigint, submit boolean DEFAULT true, valid_until timestamp with time zone DEFAULT NULL::timestamp with time zone, wait interval DEFAULT ''00:00:00''::interval', 'quantmesh.placement', 'v', 12),
('f', 'place_orders', 'account text, orders jsonb, submit boolean DEFAULT false', 'SETOF quantmesh.placement', 'v', 1),
('f', 'claim_orders', 'account text, instance text DEFAULT NULL::text, epoch bigint DEFAULT NULL::bigint, max integer DEFAULT 10, OUT order_id bigint, OUT client_order_id text, OUT symbol text, OUT side text, OUT order_type text, OUT time_in_force text, OUT price numeric, OUT quantity numeric, OUT post_only boolean, OUT reduce_only boolean, OUT fence bigint, OUT send_before timestamp with time zone, OUT committed boolean', 'SETOF record', 'v', 3),
('f', 'replace_order', 'account text, order_id bigint, price numeric, quantity numeric, request_id text DEFAULT NULL::text, instance text DEFAULT NULL::text, epoch bigint DEFAULT NULL::bigint, valid_until timestamp with time zone DEFAULT NULL::timestamp with time zone', 'quantmesh.placement', 'v', 4),
('f', 'apply_report', 'account text, symbol text, client_order_id text DEFAULT NULL::text, exchange_order_id text DEFAULT NULL::text, state text DEFAULT NULL::text, trade_id text DEFAULT NULL::text, last_quantity numeric DEFAULT NULL::numeric, last_price numeric DEFAULT NULL::numeric, cumulative_quantity numeric DEFAULT NULL::numeric, commission numeric DEFAULT NULL::numeric, commission_asset text DEFAULT NULL::text, is_maker boolean DEFAULT NULL::boolean, event_time timestamp with time zone DEFAULT NULL::timestamp with time zone, source text DEFAULT ''stream''::text, detail jsonb DEFAULT NULL::jsonb', 'quantmesh.report_result', 'v', 13),
('f', 'resolve_submission', 'account text, order_id bigint, fence bigint, outcome text, code text DEFAULT NULL::text, message text DEFAULT NULL::text', 'quantmesh.report_result', 'v', 2),
('f', 'settle_order', 'account text, order_id bigint, state text, reason text', 'quantmesh.report_result', 'v', 0),
('f', 'cancel_order', 'account text, order_id bigint', 'quantmesh.cancellation', 'v', 0),
('f', 'cancel_exchange_order', 'account text, symbol text, exchange_order_id text', 'quantmesh.cancellation', 'v', 0),
('f', 'cancel_orders', 'account text, symbol text DEFAULT NULL::text, side text DEFAULT NULL::text, strategy text DEFAULT NULL::text, instance text DEFAULT NULL::text', 'SETOF quantmesh.cancellation', 'v', 4),
('f', 'resolve_cancel', 'account text, order_id bigint, outcome text, code text DEFAULT NULL::text, message text DEFAULT NULL::text', 'quantmesh.report_result', 'v', 2),
('f', 'set_market', 'account text, symbol text, tick_size numeric DEFAULT NULL::numeric, step_size numeric DEFAULT NULL::numeric, min_quantity numeric DEFAULT NULL::numeric, min_notional numeric DEFAULT NULL::numeric, level_width numeric DEFAULT NULL::numeric, slot_by text DEFAULT NULL::text, mode text DEFAULT NULL::text, base_asset text DEFAULT NULL::text, quote_asset text DEFAULT NULL::text, max_quantity numeric DEFAULT NULL::numeric', 'void', 'v', 10),
('f', 'set_limits', 'account text, symbol text DEFAULT NULL::text, max_open_orders integer DEFAULT NULL::integer, max_position numeric DEFAULT NULL::numeric, max_notional numeric DEFAULT NULL::numeric, max_order_rate integer DEFAULT NULL::integer', 'void', 'v', 5),
('f', 'set_trading_state', 'account text DEFAULT ''*''::text, symbol text DEFAULT NULL::text, state text DEFAULT NULL::text, reason text DEFAULT NULL::text, OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint', 'SETOF record', 'v', 4),
('f', 'halt', 'account text DEFAULT ''*''::text, symbol text DEFAULT NULL::text, reason text DEFAULT NULL::text, OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint', 'SETOF record', 'v', 3),
('f', 'resume', 'account text DEFAULT ''*''::text, symbol text DEFAULT NULL::text, reason text DEFAULT NULL::text, OUT account text, OUT symbol text, OUT state text, OUT open_orders bigint, OUT in_flight bigint', 'SETOF record', 'v', 3),
('f', 'trust_market', 'account text DEFAULT ''*''::text, symbol text DEFAULT NULL::text, reason text DEFAULT NULL::text', 'bigint', 'v', 3),
('f', 'set_baseline', 'account text, asset text, amount numeric, reason text', 'void', 'v', 0),
('f', 'register_instance', 'instance text, markets text[], standby boolean DEFAULT false, weight integer DEFAULT 1, ttl interval DEFAULT NULL::interval, life text DEFAULT NULL::text, detail jsonb DEFAULT NULL::jsonb, OUT instance text, OUT epoch bigint, OUT ttl interval, OUT heartbeat_every interval', 'record', 'v', 5),
('f', 'heartbeat', 'instance text, epoch bigint', 'SETOF quantmesh.task_item', 'v', 0),
('f', 'finish_task', 'account text, task_id bigint, instance text, epoch bigint, outcome text, message text DEFAULT NULL::text', 'text', 'v', 1),
('f', 'leave_instance', 'instance text, epoch bigint', 'void', 'v', 0),
('f', 'assign_market', 'account text, symbol text, instance text, reason text', 'boolean', 'v', 0),
('f', 'watch_instances', '', 'bigint', 'v', 0),
('f', 'assign_markets', '', 'bigint', 'v', 0),
('f', 'instance_lease_left', 'instance text', 'interval', 'v', 0),
('f', 'tell_state', 'account text, symbol text, state text, reason text', 'void', 'v', 0),
('f', 'request_snapshot', 'account text, symbol text', 'bigint', 'v', 0),
('f', 'submit_snapshot', 'account text, symbol text, task bigint, started_at timestamp with time zone, finished_at timestamp with time zone, open_orders jsonb, trades jsonb, balances jsonb, complete boolean DEFAULT true', 'bigint', 'v', 1),
('f', 'reconcile', 'account text, symbol text, dry_run boolean DEFAULT false, OUT code text, OUT subject text, OUT order_id bigint, OUT repair text, OUT allowed boolean, OUT outcome text, OUT local jsonb, OUT remote jsonb, OUT run_id bigint, OUT snapshot_id bigint', 'SETOF record', 'v', 1),
('f', 'set_reconcile', 'account text, symbol text, policy text DEFAULT NULL::text, every interval DEFAULT NULL::interval, grace interval DEFAULT NULL::interval, blind_after interval DEFAULT NULL::interval', 'void', 'v', 4),
('f', 'resolve_discrepancy', 'account text, discrepancy_id bigint, resolution text', 'boolean', 'v', 0),
('f', 'account_is_visible', 'account text', 'boolean', 's', 0),
('f', 'order_commission', 'account text, order_id bigint, base_asset text, filled_quantity numeric', 'numeric', 's', 0),
('f', 'market_is_trusted', 'trusted_tag text', 'boolean', 'v', 0),
('f', 'next_id', '', 'bigint', 'v', 0),
('f', 'current_tag', '', 'text', 'v', 0),
('f', 'lock_market', 'account text, symbol text', 'void', 'v', 0),
('f', 'markets_changed', '', 'void', 'v', 0),
('f', 'save_strategy_state', 'account text, symbol text, strategy text, document json, version bigint, instance text DEFAULT NULL::text, epoch bigint DEFAULT NULL::bigint', 'bigint', 'v', 2),
('f', 'load_strategy_state', 'account text, symbol text, strategy text, OUT version bigint, OUT document json, OUT instance text, OUT saved_at timestamp with time zone', 'record', 'v', 0),
('f', 'take_budget', 'account text, weight integer, orders_10s integer DEFAULT 0, orders_day integer DEFAULT 0, urgent boolean DEFAULT false, ahead boolean DEFAULT false, address text DEFAULT NULL::text, OUT kind text, OUT taken integer, OUT wait_ms bigint, OUT window_left_ms bigint, OUT window_age_ms bigint, OUT used bigint, OUT allowed bigint', 'SETOF record', 'v', 5),
('f', 'note_budget', 'account text, kind text, used bigint', 'bigint', 'v', 0),
('f', 'block_budget', 'account text, hold interval', 'timestamp with time zone', 'v', 0),
('f', 'set_budget_limit', 'account text, kind text, allowed bigint', 'boolean', 'v', 0),
('f', 'import_market', 'account text, market jsonb', 'boolean', 'v', 0),
('f', 'import_orders', 'account text, orders jsonb', 'bigint', 'v', 0),
('f', 'import_positions', 'account text, positions jsonb', 'void', 'v', 0),
('f', 'import_strategy_state', 'account text, symbol text, strategy text, document json, version bigint, instance text, saved_at timestamp with time zone', 'boolean', 'v', 0);
SELECT set_has(
    $$ SELECT prokind, proname::text, pg_get_function_arguments(oid), pg_get_function_result(oid), provolatile, pronargdefaults::int FROM member_function $$,
    $$ SELECT * FROM expected_function $$,
    'every function of the contract is there with its names, types and defaults');
SELECT is_empty($$ SELECT oid::regprocedure FROM member_function WHERE proisstrict $$,
                'no function is strict: a NULL is an error, never a silent NULL');
SELECT is_empty(
    $$ SELECT oid::regprocedure FROM member_function WHERE proparallel <> 'u' AND proname NOT IN ('version', 'order_key', 'right_objects', 'order_transition_rows',
                                                                                 'check_name', 'check_number', 'check_reason', 'derive_assets') $$,
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
    $$ SELECT proname::text FROM member_function WHERE prosecdef $$,
    ARRAY['force_unlock', 'raise_fence', 'set_market', 'set_limits', 'set_trading_state', 'halt', 'resume', 'trust_market', 'set_baseline',
          'set_reconcile', 'resolve_discrepancy', 'assign_market', 'import_market', 'import_orders', 'import_positions', 'import_strategy_state'],
    'only functions of operators are SECURITY DEFINER');
SELECT is_empty(
    $$ SELECT f.oid::regprocedure FROM member_function AS f, unnest(f.proargnames[1:f.pronargs]) AS a (name)
       WHERE f.proname IN ('place_order', 'place_orders', 'claim_orders', 'replace_order', 'apply_report', 'resolve_submission', 'settle_order', 'cancel_order',
                           'cancel_exchange_order', 'cancel_orders', 'resolve_cancel', 'set_market', 'set_limits', 'set_trading_state', 'halt', 'resume',
                           'trust_market', 'set_baseline', 'account_is_visible', 'market_is_trusted', 'order_commission',
                           'request_snapshot', 'submit_snapshot', 'reconcile', 'set_reconcile', 'resolve_discrepancy',
                           'register_instance', 'heartbeat', 'finish_task', 'leave_instance', 'assign_market', 'instance_lease_left', 'tell_state',
                           'take_budget', 'note_budget', 'block_budget', 'set_budget_limit')
         AND obj_description(f.oid, 'pg_proc') !~ format('\m%s\M[^.]*:', a.name)
         AND NOT (f.proname IN ('cancel_exchange_order', 'cancel_orders') AND a.name = 'account') $$,
    'comments on functions of orders name every argument');
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

SELECT is_empty(
    $$ SELECT t.oid::regtype FROM pg_type AS t JOIN member_relation AS c ON c.oid = t.typrelid
       WHERE c.relkind = 'c' AND (coalesce(obj_description(t.oid, 'pg_type'), '') = ''
                                  OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND coalesce(col_description(c.oid, a.attnum), '') = '')) $$,
    'every composite type and its columns have comments');
SELECT is_empty(
    $$ SELECT i.indexrelid::regclass FROM pg_index AS i JOIN member_relation AS c ON c.oid = i.indrelid
       WHERE NOT i.indisprimary AND coalesce(obj_description(i.indexrelid, 'pg_class'), '') = '' $$,
    'every index that is not a primary key has a comment');

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
       FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a WHERE n.nspname IN ('quantmesh', 'quantmesh_compat') AND a.grantee = 0 $$,
    'PUBLIC has no right on the schemas');
SELECT is_empty(
    $$ SELECT t.oid::regtype FROM pg_type AS t JOIN member_relation AS c ON c.oid = t.typrelid, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) AS a
       WHERE c.relkind = 'c' AND a.grantee = 0 $$,
    'nor on its composite types');
SELECT is_empty(
    $$ SELECT oid::regclass FROM member_relation WHERE relowner <> (SELECT extowner FROM pg_extension WHERE extname = 'quantmesh')
       UNION ALL
       SELECT oid::regprocedure::oid FROM member_function WHERE proowner <> (SELECT extowner FROM pg_extension WHERE extname = 'quantmesh') $$,
    'every object belongs to the owner of the extension');

-- Tables live in dumps; triggers on them would fire in a restore.
SELECT set_has(
    $$ SELECT c::regclass::text FROM pg_extension, unnest(extconfig) AS c WHERE extname = 'quantmesh' $$,
    $$ VALUES ('quantmesh.fence_floor'), ('quantmesh.role_right'), ('quantmesh.force_unlock_log'), ('quantmesh.account'), ('quantmesh.market'), ('quantmesh.instance'),
              ('quantmesh.orders'), ('quantmesh.live_order'), ('quantmesh.exchange_order'), ('quantmesh.order_event'), ('quantmesh.fill'), ('quantmesh."position"'),
              ('quantmesh.balance_baseline'), ('quantmesh.discrepancy'), ('quantmesh.operator_action'),
              ('quantmesh.other_commission'), ('quantmesh.instance_market'), ('quantmesh.fixed_assignment'), ('quantmesh.assignment'), ('quantmesh.task'), ('quantmesh.snapshot'), ('quantmesh.reconcile_run') $$,
    'tables with user data are dumped');
SELECT is_empty(
    $$ SELECT oid::regclass FROM member_relation WHERE relkind = 'r'
       EXCEPT SELECT c::regclass FROM pg_extension, unnest(extconfig) AS c WHERE extname = 'quantmesh'
       EXCEPT SELECT 'quantmesh.rate_budget'::regclass $$,
    'no table is left out of dumps, but for what is over in a day');
SELECT is_empty(
    $$ SELECT t.tgname FROM pg_trigger AS t JOIN member_relation AS c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal $$,
    'no table has a trigger');
SELECT is_empty(
    $$ SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a JOIN member_relation AS c ON c.oid = a.attrelid JOIN pg_collation AS o ON o.oid = a.attcollation
       WHERE c.relkind = 'r' AND a.attnum > 0 AND o.collname <> 'C'
         AND a.attname NOT IN ('reason', 'state_reason', 'resolution', 'error_code', 'error_message', 'owner', 'message') $$,
    'keys, names and words compare bytewise');
SELECT is_empty(
    $$ SELECT i.indexrelid::regclass FROM pg_index AS i JOIN member_relation AS c ON c.oid = i.indrelid
       JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
       WHERE a.attname <> 'account' AND c.relname NOT IN ('instance', 'instance_market') $$,
    'every key and index begins with the account, but for instances');
SELECT is_empty(
    $$ SELECT a.attrelid::regclass, a.attname FROM pg_attribute AS a JOIN member_relation AS c ON c.oid = a.attrelid
       WHERE c.relkind = 'r' AND a.attnum > 0 AND a.atttypid IN ('real'::regtype, 'double precision'::regtype, 'timestamp'::regtype, 'money'::regtype) $$,
    'amounts are numeric, times have a time zone');

-- Views: columns in order, with types.
CREATE FUNCTION pg_temp.columns_of(relation regclass) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
    FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;
SELECT has_view('quantmesh'::name, v::name, format('view %s is there', v))
    FROM unnest(ARRAY['locks', 'lock_waits', 'lock_metrics', 'lock_conflicts', 'lock_engine', 'order_transitions', 'open_orders', 'order_history', 'all_orders', 'positions',
                      'position_sums', 'fills', 'commissions', 'markets', 'discrepancies', 'order_metrics', 'order_denials', 'instances', 'assignments', 'tasks',
                      'rate_budgets']) AS v;
SELECT is_empty(
    $$ SELECT c.oid::regclass FROM member_relation AS c
       WHERE c.relkind = 'v' AND pg_get_viewdef(c.oid) ~ 'account_is_visible' <> coalesce('security_barrier=true' = ANY (c.reloptions), false) $$,
    'views that show a part of a table are security barriers');
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
    'counter_id bigint, floor integer, generation integer, tag text, database oid, recorded_at timestamp with time zone, reason text', 'columns of fence_floor');
SELECT is(pg_temp.columns_of('quantmesh.role_right'),
    'role regrole, privilege text, account text, granted_at timestamp with time zone, granted_by name', 'columns of role_right');
SELECT is(pg_temp.columns_of('quantmesh.force_unlock_log'),
    'at timestamp with time zone, key text, mode text, pid integer, owner text, fence bigint, operator name, reason text, freed boolean', 'columns of force_unlock_log');
SELECT is(pg_temp.columns_of('quantmesh.open_orders'),
    'account text, order_id bigint, symbol text, side text, order_type text, time_in_force text, price numeric, quantity numeric, filled_quantity numeric, '
    'open_quantity numeric, average_price numeric, base_commission numeric, state text, cancel_state text, slot text, holds_slot boolean, post_only boolean, '
    'reduce_only boolean, '
    'strategy text, instance text, owner text, request_id text, origin text, replaces bigint, client_order_id text, attempt integer, exchange_order_id '
    'text, fence bigint, send_before timestamp with time zone, valid_until timestamp with time zone, created_at timestamp with time zone, submitted_at '
    'timestamp with time zone, opened_at timestamp with time zone, cancel_requested_at timestamp with time zone, updated_at timestamp with time zone, '
    'error_code text, error_message text', 'columns of open_orders');
SELECT is(pg_temp.columns_of('quantmesh.order_history'),
    'account text, order_id bigint, symbol text, side text, order_type text, time_in_force text, price numeric, quantity numeric, filled_quantity numeric, '
    'busted_quantity numeric, missing_quantity numeric, average_price numeric, base_commission numeric, state text, cancel_state text, slot text, post_only boolean, reduce_only '
    'boolean, strategy text, instance text, owner text, request_id text, origin text, replaces bigint, client_order_id text, attempt integer, '
    'exchange_order_id text, created_at timestamp with time zone, submitted_at timestamp with time zone, opened_at timestamp with time zone, '
    'cancel_requested_at timestamp with time zone, ended_at timestamp with time zone, updated_at timestamp with time zone, error_code text, error_message '
    'text', 'columns of order_history');
SELECT is(pg_temp.columns_of('quantmesh.all_orders'),
    'account text, order_id bigint, symbol text, side text, order_type text, time_in_force text, price numeric, quantity numeric, filled_quantity numeric, '
    'busted_quantity numeric, missing_quantity numeric, average_price numeric, base_commission numeric, state text, cancel_state text, slot text, post_only boolean, reduce_only '
    'boolean, strategy text, instance text, owner text, request_id text, origin text, replaces bigint, client_order_id text, attempt integer, '
    'exchange_order_id text, fence bigint, created_at timestamp with time zone, submitted_at timestamp with time zone, opened_at timestamp with time zone, '
    'cancel_requested_at timestamp with time zone, ended_at timestamp with time zone, updated_at timestamp with time zone, error_code text, error_message '
    'text, live boolean', 'columns of all_orders');
SELECT is(pg_temp.columns_of('quantmesh.positions'),
    'account text, symbol text, strategy text, base_asset text, quote_asset text, quantity numeric, cost numeric, average_price numeric, realized_profit '
    'numeric, consistent boolean, last_executed_at timestamp with time zone, last_trade_id text, updated_at timestamp with time zone', 'columns of positions');
SELECT is(pg_temp.columns_of('quantmesh.position_sums'),
    'account text, symbol text, strategy text, fills bigint, bought numeric, sold numeric, base_commission numeric, quote_commission numeric, quantity '
    'numeric', 'columns of position_sums');
SELECT is(pg_temp.columns_of('quantmesh.fills'),
    'account text, symbol text, trade_id text, kind text, order_id bigint, strategy text, side text, quantity numeric, price numeric, amount numeric, '
    'commission numeric, commission_asset text, is_maker boolean, executed_at timestamp with time zone, booked_at timestamp with time zone, source text, '
    'position_after numeric, cost_after numeric, profit_after numeric', 'columns of fills');
SELECT is(pg_temp.columns_of('quantmesh.commissions'),
    'account text, symbol text, strategy text, commission_asset text, commission numeric, fills bigint', 'columns of commissions');
SELECT is(pg_temp.columns_of('quantmesh.markets'),
    'account text, symbol text, base_asset text, quote_asset text, trading_state text, trust text, global_state text, global_reason text, account_state '
    'text, account_reason text, market_state text, market_reason text, open_orders bigint, max_open_orders integer, account_max_open_orders integer, '
    'open_notional numeric, max_notional numeric, account_max_notional numeric, position numeric, max_position numeric, max_order_rate integer, '
    'account_max_order_rate integer, tick_size numeric, step_size numeric, min_quantity numeric, max_quantity numeric, min_notional numeric, level_width '
    'numeric, slot_by text, mode text', 'columns of markets');
SELECT is(pg_temp.columns_of('quantmesh.discrepancies'),
    'account text, discrepancy_id bigint, code text, symbol text, order_id bigint, subject text, local jsonb, remote jsonb, first_seen timestamp with time '
    'zone, last_seen timestamp with time zone, seen_count bigint, resolved_at timestamp with time zone, resolution text', 'columns of discrepancies');
SELECT is(pg_temp.columns_of('quantmesh.order_metrics'),
    'account text, symbol text, side text, placed bigint, skipped bigint, duplicate bigint, denied bigint, intent bigint, submitted bigint, unknown bigint, '
    'open bigint, partially_filled bigint, lost bigint, filled bigint, canceled bigint, expired bigint, rejected bigint, aborted bigint, never_accepted '
    'bigint, trades bigint, accepted bigint, accepted_p50_ms double precision, accepted_p95_ms double precision, accepted_p99_ms double precision, '
    'accepted_max_ms double precision, stats_reset timestamp with time zone', 'columns of order_metrics');
SELECT is(pg_temp.columns_of('quantmesh.order_denials'),
    'account text, symbol text, side text, outcome text, reason text, requests bigint', 'columns of order_denials');
SELECT is(pg_temp.columns_of('quantmesh.account'),
    'account text, max_open_orders integer, max_notional numeric, max_order_rate integer, trading_state text, state_reason text, state_set_by name, '
    'state_set_at timestamp with time zone, created_at timestamp with time zone', 'columns of account');
SELECT is(pg_temp.columns_of('quantmesh.market'),
    'account text, symbol text, base_asset text, quote_asset text, tick_size numeric, step_size numeric, min_quantity numeric, max_quantity numeric, '
    'min_notional numeric, level_width numeric, slot_by text, mode text, max_open_orders integer, max_position numeric, max_notional numeric, '
    'max_order_rate integer, trading_state text, state_reason text, state_set_by name, state_set_at timestamp with time zone, trusted_tag text, '
    'created_at timestamp with time zone, policy text, reconcile_every interval, grace interval, blind_after interval', 'columns of market');
SELECT is(pg_temp.columns_of('quantmesh.instance'),
    'instance text, epoch bigint, registered_at timestamp with time zone, state text, life text, lease_fence bigint, ttl interval, standby boolean, '
    'weight integer, registered_by name, detail jsonb, ended_at timestamp with time zone', 'columns of instance');
SELECT is(pg_temp.columns_of('quantmesh.instance_market'), 'instance text, account text, symbol text', 'columns of instance_market');
SELECT is(pg_temp.columns_of('quantmesh.fixed_assignment'),
    'account text, symbol text, instance text, reason text, set_by name, set_at timestamp with time zone', 'columns of fixed_assignment');
SELECT is(pg_temp.columns_of('quantmesh.assignment'),
    'account text, symbol text, assignment_id bigint, instance text, epoch bigint, reason text, since timestamp with time zone, ended_at timestamp with time '
    'zone, end_reason text', 'columns of assignment');
SELECT is(pg_temp.columns_of('quantmesh.task'),
    'account text, task_id bigint, kind text, symbol text, subject text, order_id bigint, client_order_id text, exchange_order_id text, addressee text, '
    'state text, instance text, epoch bigint, attempts integer, created_at timestamp with time zone, taken_at timestamp with time zone, owned_until '
    'timestamp with time zone, finished_at timestamp with time zone, not_before timestamp with time zone, watermark pg_snapshot, tag text, detail jsonb, '
    'message text', 'columns of task');
SELECT is(pg_temp.columns_of('quantmesh.task_item'),
    'account text, task_id bigint, kind text, symbol text, order_id bigint, client_order_id text, exchange_order_id text, owned_until timestamp with time '
    'zone, detail jsonb', 'columns of task_item');
SELECT is(pg_temp.columns_of('quantmesh.instances'),
    'instance text, state text, epoch bigint, standby boolean, weight integer, markets bigint, registered_for text[], ttl interval, lease_left interval, '
    'last_heartbeat timestamp with time zone, registered_at timestamp with time zone, registered_by name, ended_at timestamp with time zone, detail jsonb',
    'columns of instances');
SELECT is(pg_temp.columns_of('quantmesh.assignments'),
    'account text, symbol text, mode text, instance text, epoch bigint, reason text, since timestamp with time zone, ended_at timestamp with time zone, '
    'end_reason text, current boolean, assignment_id bigint', 'columns of assignments');
SELECT is(pg_temp.columns_of('quantmesh.tasks'),
    'account text, task_id bigint, kind text, symbol text, state text, order_id bigint, client_order_id text, exchange_order_id text, addressee text, '
    'instance text, attempts integer, created_at timestamp with time zone, not_before timestamp with time zone, taken_at timestamp with time zone, '
    'owned_until timestamp with time zone, finished_at timestamp with time zone, detail jsonb, message text', 'columns of tasks');
SELECT is(pg_temp.columns_of('quantmesh.rate_budgets'),
    'account text, kind text, allowed bigint, used bigint, reported bigint, window_end timestamp with time zone, blocked_until timestamp with time zone',
    'columns of rate_budgets');
SELECT is(pg_temp.columns_of('quantmesh.orders'),
    'account text, order_id bigint, symbol text, side text, order_type text, time_in_force text, price numeric, quantity numeric, post_only boolean, '
    'reduce_only boolean, slot text, strategy text, instance text, epoch bigint, owner text, request_id text, origin text, replaces bigint, client_order_id '
    'text, attempt integer, exchange_order_id text, state text, cancel_state text, live boolean, holds_slot boolean, exposed boolean, fence bigint, '
    'filled_quantity numeric, busted_quantity numeric, filled_quote numeric, reported_quantity numeric, send_before timestamp with time zone, valid_until '
    'timestamp with time zone, created_at timestamp with time zone, submitted_at timestamp with time zone, opened_at timestamp with time zone, '
    'cancel_requested_at timestamp with time zone, ended_at timestamp with time zone, updated_at timestamp with time zone, error_code text, error_message '
    'text', 'columns of orders');
SELECT is(pg_temp.columns_of('quantmesh.live_order'),
    'account text, order_id bigint, symbol text, side text, price numeric, slot text', 'columns of live_order');
SELECT is(pg_temp.columns_of('quantmesh.exchange_order'),
    'account text, symbol text, exchange_order_id text, order_id bigint, attempt integer', 'columns of exchange_order');
SELECT is(pg_temp.columns_of('quantmesh.order_event'),
    'account text, order_id bigint, event_id bigint, at timestamp with time zone, event text, from_state text, to_state text, cancel_state text, source '
    'text, trade_id text, event_time timestamp with time zone, discrepancy text, detail jsonb', 'columns of order_event');
SELECT is(pg_temp.columns_of('quantmesh.fill'),
    'account text, symbol text, trade_id text, order_id bigint, strategy text, side text, kind text, quantity numeric, price numeric, commission numeric, '
    'commission_asset text, is_maker boolean, executed_at timestamp with time zone, time_known boolean, booked_at timestamp with time zone, source text, position_after '
    'numeric, cost_after numeric, profit_after numeric', 'columns of fill');
SELECT is(pg_temp.columns_of('quantmesh.position'),
    'account text, symbol text, strategy text, quantity numeric, cost numeric, realized_profit numeric, last_executed_at timestamp with time zone, '
    'last_trade_id text, last_side text, last_kind text, updated_at timestamp with time zone', 'columns of position');
SELECT is(pg_temp.columns_of('quantmesh.balance_baseline'),
    'account text, asset text, amount numeric, reason text, set_by name, set_at timestamp with time zone', 'columns of balance_baseline');
SELECT is(pg_temp.columns_of('quantmesh.discrepancy'),
    'account text, discrepancy_id bigint, code text, symbol text, order_id bigint, subject text, local jsonb, remote jsonb, first_seen timestamp with time '
    'zone, last_seen timestamp with time zone, seen_count bigint, resolved_at timestamp with time zone, resolution text', 'columns of discrepancy');
SELECT is(pg_temp.columns_of('quantmesh.operator_action'),
    'account text, action_id bigint, at timestamp with time zone, operator name, action text, symbol text, order_id bigint, reason text, detail jsonb', 'columns of operator_action');
SELECT is(pg_temp.columns_of('quantmesh_compat.orders'),
    'id bigint, order_id text, client_order_id text, symbol text, side text, price numeric, quantity numeric, status text, created_at timestamp with time '
    'zone, updated_at timestamp with time zone', 'columns of quantmesh_compat.orders');
SELECT is(pg_temp.columns_of('quantmesh_compat.trades'),
    'id bigint, buy_order_id text, sell_order_id text, exchange text, symbol text, buy_price numeric, sell_price numeric, quantity numeric, pnl numeric, '
    'created_at timestamp with time zone', 'columns of quantmesh_compat.trades');
SELECT is(pg_temp.columns_of('quantmesh_compat.reconciliation_history'),
    'id bigint, symbol text, reconcile_time timestamp with time zone, local_position numeric, exchange_position numeric, position_diff numeric, '
    'active_buy_orders bigint, active_sell_orders bigint, pending_sell_qty numeric, total_buy_qty numeric, total_sell_qty numeric, estimated_profit '
    'numeric, actual_profit numeric, created_at timestamp with time zone', 'columns of quantmesh_compat.reconciliation_history');

-- Settings: users may change default TTLs and nothing else.
SELECT set_eq(
    $$ SELECT name FROM pg_settings WHERE name LIKE 'quantmesh.%' AND context = 'user' $$,
    ARRAY['quantmesh.default_ttl_order', 'quantmesh.default_ttl_cancel', 'quantmesh.default_ttl_reconcile', 'quantmesh.default_ttl_lease'],
    'only default TTLs may be set by users');
SELECT is_empty($$ SELECT name FROM pg_settings WHERE name LIKE 'quantmesh.%' AND coalesce(short_desc, '') = '' $$,
                'every setting is described');
SELECT throws_ok('SET quantmesh.default_ttl_ordr = 1', '42602', NULL, 'a misspelt setting is refused');

SELECT * FROM finish();
