-- Shows what people see of instances: the views, halts that are told to instances, and the metrics.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;
\ir rows_eq.psql

SELECT plan(32);

SELECT count(quantmesh.set_market(a, s, tick_size => 0.01, step_size => 0.001)) FROM unnest('{acc,other}'::text[]) AS a, unnest('{XUSDT,YUSDT}'::text[]) AS s \gset
SELECT epoch AS a FROM quantmesh.register_instance('a', '{acc:*,other:XUSDT}', ttl => '20 s', weight => 3, detail => '{"host": "h"}') \gset
SELECT epoch AS b FROM quantmesh.register_instance('b', '{acc:YUSDT}', ttl => '20 s', standby => true) \gset
SELECT epoch AS c FROM quantmesh.register_instance('c', '{acc:*}', ttl => '20 s') \gset
SELECT quantmesh.leave_instance('c', :c), quantmesh.assign_markets() \gset

-- Views.
SELECT pg_temp.rows_eq($$ SELECT instance::text, state::text, epoch, standby, weight, markets, registered_for, ttl::text, lease_left BETWEEN '0' AND '20 s',
                                 last_heartbeat BETWEEN registered_at - interval '1 s' AND clock_timestamp(), registered_by::text, ended_at IS NULL, detail FROM quantmesh.instances ORDER BY instance $$,
    format($$ VALUES ('a', 'alive', %s::bigint, false, 3, 3::bigint, '{acc:*,other:XUSDT}'::text[], '00:00:20', true, true, session_user::text, true, '{"host": "h"}'::jsonb),
                     ('b', 'alive', %s, true, 1, 0, '{acc:YUSDT}', '00:00:20', true, true, session_user::text, true, NULL),
                     ('c', 'left', NULL, false, 1, 0, '{acc:*}', '00:00:20', NULL, NULL, session_user::text, false, NULL) $$, :a, :b), 'instances');
SELECT pg_temp.rows_eq($$ SELECT account::text, symbol::text, mode::text, instance::text, epoch, reason::text, ended_at, end_reason::text, current FROM quantmesh.assignments ORDER BY 1, 2 $$,
    format($$ VALUES ('acc', 'XUSDT', 'shared', 'a', %s::bigint, 'hashed', NULL::timestamptz, NULL::text, true), ('acc', 'YUSDT', 'shared', 'a', %1$s, 'hashed', NULL, NULL, true),
                     ('other', 'XUSDT', 'shared', 'a', %1$s, 'hashed', NULL, NULL, true) $$, :a), 'assignments');
SELECT pg_temp.rows_eq($$ SELECT account::text, kind::text, symbol::text, state::text, addressee::text, instance::text, attempts, detail FROM quantmesh.tasks ORDER BY account, symbol $$,
    $$ VALUES ('acc', 'assign', 'XUSDT', 'open', 'a', NULL::text, 0, '{"mode": "shared", "reason": "hashed"}'::jsonb), ('acc', 'assign', 'YUSDT', 'open', 'a', NULL, 0, '{"mode": "shared", "reason": "hashed"}'),
              ('other', 'assign', 'XUSDT', 'open', 'a', NULL, 0, '{"mode": "shared", "reason": "hashed"}') $$, 'tasks');
UPDATE quantmesh.task SET state = 'done', finished_at = clock_timestamp();

-- Halts are told to whoever is alive and has registered for what is halted.
CREATE FUNCTION pg_temp.halts() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat_ws(' ', addressee, account, symbol, detail->>'state', detail->>'reason'), ', ' ORDER BY addressee, account), '-') FROM quantmesh.task WHERE kind = 'halt' AND finished_at IS NULL
$$;
SELECT count(*) FROM quantmesh.halt('acc', reason => 'test') \gset
SELECT is(pg_temp.halts(), 'a acc * halted test, b acc * halted test', 'an account');
SELECT is((SELECT string_agg(kind || ' ' || symbol, ' ') FROM quantmesh.heartbeat('b', :b)), 'halt *', 'also to a standby');
SELECT count(*) FROM quantmesh.set_trading_state('acc', NULL, 'reducing', 'less') \gset
SELECT is(pg_temp.halts(), 'a acc * reducing less, b acc * reducing less', 'the next state takes its place');
SELECT count(*) FROM quantmesh.halt('acc', 'XUSDT') \gset
SELECT is(pg_temp.halts(), 'a acc * reducing less, a acc XUSDT halted, b acc * reducing less', 'a market is something of its own');
SELECT is((SELECT string_agg(quantmesh.finish_task(account, task_id, 'a', :a, 'done'), ' ') FROM quantmesh.heartbeat('a', :a)), 'done done', 'both are answered');
SELECT is(pg_temp.halts(), 'b acc * reducing less', '...');
SELECT count(*) FROM quantmesh.resume('acc') \gset
SELECT is(pg_temp.halts(), '-', 'a resumption withdraws what nobody has answered');
SELECT count(*) FROM quantmesh.halt(reason => 'all') \gset
SELECT is(pg_temp.halts(), 'a acc * halted all, a other * halted all, b acc * halted all', 'everything: each account of each instance');
SELECT count(*) FROM quantmesh.resume() \gset
SELECT count(*) FROM quantmesh.halt('*', 'XUSDT') \gset
SELECT is(pg_temp.halts(), 'a acc XUSDT halted, a other XUSDT halted', 'a symbol in every account');
SELECT count(*) FROM quantmesh.resume('*', 'XUSDT') \gset
SELECT count(*) FROM quantmesh.halt('other', 'YUSDT') \gset
SELECT is(pg_temp.halts(), '-', 'nobody has registered for that one');
SELECT is(concat_ws(' ', count(*) FILTER (WHERE state = 'withdrawn'), count(*) FILTER (WHERE state = 'done')), '8 2', 'what became of all those') FROM quantmesh.task WHERE kind = 'halt';

-- Metrics.
INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, created_at) VALUES ('acc', 1, 'query_order', 'XUSDT', '1', clock_timestamp() - interval '100 s'), ('acc', 2, 'query_order', 'XUSDT', '2', clock_timestamp());
CREATE FUNCTION pg_temp.sample(name text) RETURNS text LANGUAGE sql AS $$
    SELECT split_part(line, ' ', 2) FROM regexp_split_to_table(quantmesh.prometheus(), E'\n') AS line WHERE left(line, length(name) + 1) = name || ' '
$$;
SELECT is(pg_temp.sample(name), want, name) FROM (VALUES
    ('quantmesh_instance_up{instance="a"}', '1'), ('quantmesh_instance_up{instance="b"}', '1'), ('quantmesh_instance_up{instance="c"}', NULL),
    ('quantmesh_instances{state="alive"}', '2'), ('quantmesh_instances{state="left"}', '1'), ('quantmesh_instances{state="dead"}', '0'),
    ('quantmesh_instance_markets{instance="a"}', '3'), ('quantmesh_instance_markets{instance="b"}', '0'), ('quantmesh_markets_unassigned', '1'),
    ('quantmesh_tasks{kind="query_order",state="open"}', '2'), ('quantmesh_tasks{kind="query_order",state="taken"}', '0'), ('quantmesh_task_age_seconds{kind="halt"}', '0')) AS t (name, want);
SELECT ok(pg_temp.sample('quantmesh_task_age_seconds{kind="query_order"}')::numeric BETWEEN 100 AND 200, 'the age of the oldest');
SELECT count(*) FROM quantmesh.heartbeat('a', :a) \gset
SELECT is(pg_temp.sample('quantmesh_tasks{kind="query_order",state="taken"}'), '2', 'taken ones are counted as such');
UPDATE quantmesh.instance SET state = 'dead', ended_at = clock_timestamp() WHERE instance = 'a';
SELECT is(pg_temp.sample(name), want, name || ' of a dead instance') FROM (VALUES ('quantmesh_instance_up{instance="a"}', '0'), ('quantmesh_instance_markets{instance="a"}', NULL), ('quantmesh_markets_unassigned', '4')) AS t (name, want);
UPDATE quantmesh.instance SET ended_at = clock_timestamp() - interval '2 days' WHERE instance = 'a';
SELECT is(pg_temp.sample('quantmesh_instance_up{instance="a"}'), NULL, 'it is forgotten after a day');
SELECT * FROM finish();
