-- Shows what heartbeat gives out, to whom and for how long: what is addressed to an instance, and work of its markets, each
-- repeated until it is answered; that a snapshot's watermark is of the first time and of no other; and how finish_task ends it all.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;
\ir rows_eq.psql
\ir wait.psql

DROP ROLE IF EXISTS qm_inst_one, qm_inst_two;
CREATE ROLE qm_inst_one;
CREATE ROLE qm_inst_two;

SELECT plan(88);

SELECT count(quantmesh.set_market('acc', s, tick_size => 0.01, step_size => 0.001)) FROM unnest('{AUSDT,BUSDT,CUSDT}'::text[]) AS s \gset
SELECT epoch AS a FROM quantmesh.register_instance('a', '{acc:AUSDT,acc:BUSDT}', ttl => '20 s', life => 'l') \gset
SELECT epoch AS b FROM quantmesh.register_instance('b', '{acc:CUSDT}', ttl => '20 s') \gset
SELECT is(quantmesh.assign_markets(), 3::bigint, 'three markets have owners');

-- tasks(name) are the kinds and symbols that a heartbeat of that instance returns, in its order.
CREATE FUNCTION pg_temp.epoch(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT epoch FROM quantmesh.instance WHERE instance = $1 $$;
CREATE FUNCTION pg_temp.tasks(name text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(kind || ' ' || left(symbol, 1), ', ' ORDER BY n), '-') FROM quantmesh.heartbeat($1, pg_temp.epoch($1)) WITH ORDINALITY AS h (account, task_id, kind, symbol, o, c, x, u, d, n)
$$;
CREATE FUNCTION pg_temp.task(wanted text, of text DEFAULT '%') RETURNS bigint LANGUAGE sql AS $$
    SELECT task_id FROM quantmesh.task WHERE kind = $1 AND symbol LIKE $2 ORDER BY task_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.add(kind text, symbol text, subject text DEFAULT '', not_before timestamptz DEFAULT NULL) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO quantmesh.task (account, task_id, kind, symbol, subject, not_before, order_id, client_order_id, exchange_order_id, detail)
    VALUES ('acc', quantmesh.next_id(), $1, $2, $3, $4, 7, 'c7', 'x7', '{"d": 1}') RETURNING task_id
$$;
CREATE FUNCTION pg_temp.finish(task bigint, name text, outcome text DEFAULT 'done', message text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT quantmesh.finish_task('acc', task, name, pg_temp.epoch(name), outcome, message)
$$;

-- What is addressed to an instance.
SELECT is(pg_temp.tasks('a'), 'assign A, assign B', 'the new owner is told');
SELECT is(pg_temp.tasks('a'), 'assign A, assign B', 'until it answers');
SELECT is(pg_temp.tasks('b'), 'assign C', 'everybody gets his own');
SELECT is(concat_ws(' ', state, attempts, taken_at), 'open 0', 'which writes nothing') FROM quantmesh.task WHERE kind = 'assign' AND symbol = 'AUSDT';
SELECT throws_ok(format('SELECT pg_temp.finish(%s, ''b'')', pg_temp.task('assign', 'A%')), '55006', NULL, 'another''s answer is refused');
SELECT is(pg_temp.finish(pg_temp.task('assign', 'A%'), 'a'), 'done', 'an answer');
SELECT is(pg_temp.tasks('a'), 'assign B', 'ends it');
SELECT is(pg_temp.finish(pg_temp.task('assign', 'A%'), 'a'), 'done', 'repeating it changes nothing');
SELECT is(pg_temp.finish(pg_temp.task('assign', 'A%'), 'a', 'failed'), 'done', '... also with another outcome');
SELECT clock_timestamp() AS before \gset
SELECT is(pg_temp.finish(pg_temp.task('assign', 'B%'), 'a', 'failed', 'no such market'), 'open', 'a failure puts it back');
SELECT is(pg_temp.tasks('a'), '-', '... for a while');
SELECT is(message || ' ' || attempts || ' ' || (not_before BETWEEN :'before'::timestamptz + '1 s' AND clock_timestamp() + '1 s'), 'no such market 1 true', '... of a second at first') FROM quantmesh.task WHERE kind = 'assign' AND symbol = 'BUSDT';
UPDATE quantmesh.task SET not_before = clock_timestamp() WHERE kind = 'assign' AND symbol = 'BUSDT';
SELECT is(pg_temp.tasks('a'), 'assign B', 'and then it is back');
SELECT is(pg_temp.finish(pg_temp.task('assign', 'B%'), 'a') || pg_temp.finish(pg_temp.task('assign', 'C%'), 'b'), 'donedone', 'all answered');
SELECT is(pg_temp.tasks('a'), '-', 'nothing to do');

-- Work of markets.
SELECT pg_temp.add('query_order', 'AUSDT', '7') AS q \gset
SELECT pg_temp.add('snapshot', 'AUSDT') AS s \gset
SELECT is(pg_temp.tasks('b'), '-', 'what is of another''s market is not given');
SELECT pg_temp.rows_eq(format($$ SELECT account, task_id, kind, symbol, order_id, client_order_id, exchange_order_id, owned_until - clock_timestamp() BETWEEN '29 s' AND '30 s', detail
                                  FROM quantmesh.heartbeat('a', %s) $$, :a),
    format($$ VALUES ('acc', %s::bigint, 'query_order', 'AUSDT', 7::bigint, 'c7', 'x7', true, '{"d": 1}'::jsonb), ('acc', %s, 'snapshot', 'AUSDT', 7, 'c7', 'x7', true, '{"d": 1}') $$, :q, :s),
    'the owner gets it with all there is to know');
SELECT pg_temp.rows_eq($$ SELECT state::text, instance::text, epoch, attempts, taken_at IS NOT NULL, owned_until - taken_at, watermark IS NOT NULL, tag::text FROM quantmesh.task WHERE symbol = 'AUSDT' AND finished_at IS NULL ORDER BY task_id $$,
    format($$ VALUES ('taken', 'a', %s::bigint, 1, true, '30 s'::interval, false, NULL::text), ('taken', 'a', %1$s, 1, true, '30 s', true, %L) $$, :a, quantmesh.current_tag()), 'which is written');
SELECT watermark AS w, taken_at AS t FROM quantmesh.task WHERE task_id = :s \gset
SELECT pg_temp.add('query_order', 'CUSDT', '9') \gset
SELECT is(pg_temp.tasks('a'), 'query_order A, snapshot A', 'it is repeated');
SELECT is(watermark::text || taken_at || attempts, :'w' || :'t' || '1', 'under the watermark and the time of the first') FROM quantmesh.task WHERE task_id = :s;
SELECT is(pg_visible_in_snapshot(pg_current_xact_id(), :'w'::pg_snapshot), false, 'nothing later is visible in the watermark');
SELECT is(pg_temp.tasks('b'), 'query_order C', 'each owner has his own');

-- Who may answer.
SELECT throws_ok(format('SELECT pg_temp.finish(%s, ''b'')', :q), '55006', NULL, 'not another instance');
SELECT throws_ok(format('SELECT pg_temp.finish(%s, ''a'')', :s), '22023', NULL, 'a snapshot is not done by saying so');
SELECT throws_ok(format('SELECT pg_temp.finish(%s, ''a'', ''absent'')', :s), '22023', NULL, 'and cannot be absent');
SELECT throws_ok(format('SELECT quantmesh.finish_task(''acc'', %s, ''a'', %s, ''done'')', :q, :a - 1), 'QM002', NULL, 'not an older epoch');
SELECT throws_ok(format('SELECT quantmesh.finish_task(''acc'', 1, ''a'', %s, ''done'')', :a), 'P0002', NULL, 'there must be such a task');
SELECT throws_ok(format('SELECT quantmesh.finish_task(''other'', %s, ''a'', %s, ''done'')', :q, :a), 'P0002', NULL, '... in that account');
SELECT is(pg_temp.finish(:q, 'a', 'ABSENT', 'unknown order'), 'absent', 'the exchange does not know it');
SELECT is(concat_ws(' ', state, message, finished_at IS NOT NULL), 'absent unknown order t', 'which is kept') FROM quantmesh.task WHERE task_id = :q;
SELECT is(pg_temp.tasks('a'), 'snapshot A', 'and ends it');

-- Owned no longer: a snapshot is never given out again, everything else is.
SELECT pg_temp.add('cancel_order', 'AUSDT', '7') AS c \gset
SELECT is(pg_temp.tasks('a'), 'snapshot A, cancel_order A', 'two tasks are taken');
UPDATE quantmesh.task SET owned_until = clock_timestamp() WHERE state = 'taken';
SELECT is(pg_temp.tasks('a'), 'cancel_order A', 'one is given out anew');
SELECT is(attempts || ' ' || (owned_until > clock_timestamp()), '2 true', 'for another 30 s') FROM quantmesh.task WHERE task_id = :c;
SELECT is(state || ' ' || watermark, 'taken ' || :'w', 'the snapshot keeps its watermark') FROM quantmesh.task WHERE task_id = :s;
SELECT quantmesh.watch_instances() \gset
SELECT is(state || ' ' || (finished_at IS NOT NULL), 'expired true', 'until the coordinator ends it') FROM quantmesh.task WHERE task_id = :s;

-- The market moves while its task is under way.
SELECT quantmesh.register_instance('c', '{acc:AUSDT}', ttl => '20 s') \gset
SELECT quantmesh.assign_market('acc', 'AUSDT', 'c', 'test'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.tasks('a'), 'unassign A, cancel_order A', 'the old owner keeps what it has taken');
SELECT is(pg_temp.tasks('c'), 'assign A', '... and the new one does not get it');
UPDATE quantmesh.task SET owned_until = clock_timestamp() WHERE task_id = :c;
SELECT is(pg_temp.tasks('a'), 'unassign A', 'not longer than its time');
SELECT clock_timestamp() AS before \gset
SELECT is(pg_temp.finish(:c, 'a', 'failed'), 'open', 'its answer counts as long as nobody else has it');
SELECT is(pg_temp.finish(:c, 'a', 'failed'), 'open', 'a repeated failure changes nothing');
SELECT is(attempts || ' ' || (not_before BETWEEN :'before'::timestamptz + '2 s' AND clock_timestamp() + '2 s'), '2 true', 'the second attempt waits for longer') FROM quantmesh.task WHERE task_id = :c;
UPDATE quantmesh.task SET not_before = NULL WHERE task_id = :c;
SELECT is(pg_temp.tasks('c'), 'assign A, cancel_order A', 'then the new owner has it');
SELECT throws_ok(format('SELECT pg_temp.finish(%s, ''a'')', :c), '55006', NULL, 'and nobody else');
SELECT is(pg_temp.finish(:c, 'c'), 'done', 'it answers');
SELECT is(pg_temp.finish(:c, 'a'), 'done', 'after which everybody hears that it is done');

-- Failing for good.
SELECT pg_temp.add('query_order', 'CUSDT', '8') AS f \gset
CREATE FUNCTION pg_temp.fail_again(failing bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before timestamptz := clock_timestamp();
    state  text;
BEGIN
    UPDATE quantmesh.task SET not_before = NULL WHERE task_id = failing;
    PERFORM quantmesh.heartbeat('b', pg_temp.epoch('b'));
    state := pg_temp.finish(failing, 'b', 'failed', 'again');
    RETURN concat_ws(' ', state, CASE WHEN state = 'open' THEN (SELECT floor(extract(epoch FROM not_before - before)) FROM quantmesh.task WHERE task_id = failing) END);
END $$;
SELECT is(string_agg(pg_temp.fail_again(:f), ', '), 'open 1, open 2, open 4, open 8, open 16, open 32, open 60, open 60, open 60, failed', 'ten failures, with longer and longer pauses') FROM generate_series(1, 10);
SELECT pg_temp.add('snapshot', 'CUSDT') AS s \gset
SELECT pg_temp.tasks('b') \gset
SELECT is(pg_temp.finish(:s, 'b', 'failed', 'no connection'), 'failed', 'a snapshot fails for good at once');

-- Not yet.
SELECT pg_temp.add('query_order', 'CUSDT', '10', clock_timestamp() + interval '1 hour') AS later \gset
SELECT is(pg_temp.tasks('b'), 'query_order C', 'what is to wait is not given out, but what was taken is');
SELECT throws_ok(format('SELECT pg_temp.finish(%s, ''b'')', :later), '55000', NULL, 'nor can it be answered');
SELECT is(pg_temp.finish(task_id, 'b'), 'done', 'the other one is answered') FROM quantmesh.task WHERE state = 'taken' AND symbol = 'CUSDT';

-- As many as a call returns.
SELECT count(pg_temp.add('query_order', 'CUSDT', 'n' || n)) FROM generate_series(1, 150) AS n \gset
SELECT is((SELECT count(*) FROM quantmesh.heartbeat('b', :b)), 100::bigint, 'a hundred at a time');
SELECT is((SELECT count(*) FROM quantmesh.heartbeat('b', :b)), 100::bigint, 'the same ones again');
SELECT is((SELECT count(*) FROM quantmesh.task WHERE state = 'taken'), 100::bigint, '... no more are taken');
SELECT is((SELECT string_agg(DISTINCT pg_temp.finish(task_id, 'b'), '') FROM quantmesh.task WHERE state = 'taken'), 'done', 'when they are answered');
SELECT is((SELECT count(*) FROM quantmesh.heartbeat('b', :b)), 50::bigint, 'the rest follows');

-- A heartbeat that has nothing to give writes nothing, and lets the lease live.
SELECT epoch AS i FROM quantmesh.register_instance('idle', '{acc:AUSDT}', ttl => '20 s', standby => true) \gset
SELECT pg_sleep(0.05) \gset
SELECT clock_timestamp() AS before \gset
SELECT is(pg_temp.tasks('idle'), '-', 'a standby has nothing to do');
SELECT ok(last_heartbeat > :'before'::timestamptz - interval '10 ms', 'its lease was renewed') FROM quantmesh.instances WHERE instance = 'idle';
BEGIN;
SELECT pg_temp.tasks('idle') AS tasks \gset
SELECT pg_current_xact_id_if_assigned() IS NULL AS nothing \gset
COMMIT;
SELECT is(:'tasks' || ' ' || :'nothing', '- t', 'its transaction gets no number: nothing was written');

-- A lease that ran out, though nobody has declared the instance dead.
SELECT epoch AS late FROM quantmesh.register_instance('late', '{acc:AUSDT}', ttl => '50 ms', standby => true) \gset
SELECT ok(pg_temp.wait_for($$ SELECT quantmesh.instance_lease_left('late') IS NULL $$), 'the lease is gone');
SELECT is(pg_temp.tasks('late'), '-', 'the instance goes on under its epoch');
SELECT is(lease_fence > epoch AND epoch = :late, true, 'with a new lease') FROM quantmesh.instance WHERE instance = 'late';

-- Whose heartbeat it is.
SELECT quantmesh.grant_trader('qm_inst_one', 'acc'), quantmesh.grant_trader('qm_inst_two', 'acc') \gset
SET SESSION AUTHORIZATION qm_inst_one;
SELECT epoch AS mine FROM quantmesh.register_instance('mine', '{acc:AUSDT}', ttl => '20 s', standby => true) \gset
SELECT is((SELECT count(*) FROM quantmesh.heartbeat('mine', :mine)), 0::bigint, 'who has registered an instance speaks for it');
SET SESSION AUTHORIZATION qm_inst_two;
SELECT throws_ok(format('SELECT quantmesh.%s(''mine'', %s)', f, :'mine'), '42501', 'permission denied for instance "mine"', f || ': nobody else does') FROM unnest('{heartbeat,leave_instance}'::text[]) AS f;
SELECT throws_ok(format('SELECT quantmesh.finish_task(''acc'', %s, ''mine'', %s, ''done'')', :c, :mine), '42501', NULL, 'finish_task: nobody else does');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM quantmesh.heartbeat('mine', :mine)), 0::bigint, 'but a superuser');
SELECT quantmesh.revoke_trader('qm_inst_one', 'acc'), quantmesh.grant_trader('qm_inst_one', 'elsewhere') \gset
SET SESSION AUTHORIZATION qm_inst_one;
SELECT throws_ok(format('SELECT quantmesh.heartbeat(''mine'', %s)', :mine), '42501', 'permission denied for account "acc"', 'who may not trade the account any more cannot keep the instance alive');
RESET SESSION AUTHORIZATION;

-- Lives that are over, and arguments.
SELECT throws_ok(format('SELECT quantmesh.%s', call), code, NULL, call)
FROM (VALUES ('heartbeat(''a'', 1)', 'QM002'), ('heartbeat(''nobody'', 1)', 'QM002'), ('leave_instance(''a'', 1)', 'QM002'), ('leave_instance(''nobody'', 1)', 'QM002'),
             ('heartbeat(NULL, 1)', '22004'), ('heartbeat(''a'', NULL)', '22004'), ('heartbeat(''a'', 0)', '22023'), ('heartbeat('''', 1)', '22023'),
             ('leave_instance(NULL, 1)', '22004'), ('leave_instance(''a'', NULL)', '22004'), ('leave_instance(''a'', -1)', '22023'),
             ('finish_task(NULL, 1, ''a'', 1, ''done'')', '22004'), ('finish_task(''acc'', NULL, ''a'', 1, ''done'')', '22004'), ('finish_task(''acc'', 1, NULL, 1, ''done'')', '22004'),
             ('finish_task(''acc'', 1, ''a'', NULL, ''done'')', '22004'), ('finish_task(''acc'', 1, ''a'', 1, NULL)', '22004'), ('finish_task(''acc'', 1, ''a'', 1, ''maybe'')', '22023'),
             ('finish_task(''acc'', 0, ''a'', 1, ''done'')', '22023')) AS t (call, code);
SELECT throws_like(format('SELECT quantmesh.heartbeat(''a'', %s)', :a + 1), '%no longer alive under this epoch', 'the message of QM002');

SELECT quantmesh.revoke_trader('qm_inst_one', 'elsewhere'), quantmesh.revoke_trader('qm_inst_two', 'acc') \gset
DROP ROLE qm_inst_one, qm_inst_two;
SELECT * FROM finish();
