-- Shows who gets which market: hashing that moves no more than it must and follows weights, standby instances, fixed
-- assignments, what is registered; what the instances are told; and that the history has one owner at every moment.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;
\ir rows_eq.psql

SELECT plan(60);

SELECT count(quantmesh.set_market('acc', 'M' || n || 'USDT', tick_size => 0.01, step_size => 0.001)) FROM generate_series(1, 600) AS n \gset
CREATE FUNCTION pg_temp.epoch(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT epoch FROM quantmesh.instance WHERE instance = $1 $$;
CREATE FUNCTION pg_temp.shares() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(instance || ' ' || markets, ', ' ORDER BY instance) FROM (SELECT instance::text, count(*) AS markets FROM quantmesh.assignments WHERE current GROUP BY instance) AS x
$$;
CREATE FUNCTION pg_temp.markets(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM quantmesh.assignments WHERE current AND instance = name $$;
CREATE FUNCTION pg_temp.register(name text, weight int DEFAULT 1, standby boolean DEFAULT false, markets text DEFAULT 'acc:*') RETURNS bigint LANGUAGE sql AS $$
    SELECT epoch FROM quantmesh.register_instance(name, ARRAY[markets], standby, weight, '29 s', 'l')
$$;
CREATE TEMP TABLE was (symbol text, instance text);
CREATE FUNCTION pg_temp.remember() RETURNS void LANGUAGE sql AS $$ TRUNCATE was; INSERT INTO was SELECT symbol, instance FROM quantmesh.assignments WHERE current $$;
CREATE FUNCTION pg_temp.moves() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(DISTINCT w.instance || '>' || a.instance, ', ' ORDER BY w.instance || '>' || a.instance), '-')
    FROM was AS w JOIN quantmesh.assignments AS a ON a.symbol = w.symbol AND a.current WHERE a.instance <> w.instance
$$;
CREATE FUNCTION pg_temp.owner(name text) RETURNS text LANGUAGE sql AS $$ SELECT instance || ' ' || reason FROM quantmesh.assignments WHERE current AND symbol = name $$;

-- Nobody, somebody.
SELECT is(quantmesh.assign_markets(), 0::bigint, 'without instances nothing is assigned');
SELECT pg_temp.register('a') \gset
SELECT is(quantmesh.assign_markets(), 600::bigint, 'one instance gets all');
SELECT is(pg_temp.shares(), 'a 600', '...');
SELECT is(quantmesh.assign_markets(), 0::bigint, 'nothing changes');
SELECT is(count(DISTINCT since), 1::bigint, 'all from the same moment on') FROM quantmesh.assignments;

-- Hashing moves what it must.
SELECT pg_temp.remember(), pg_temp.register('b') \gset
SELECT quantmesh.assign_markets() AS moved \gset
SELECT ok(:moved BETWEEN 240 AND 360, 'a second one gets about half: ' || :moved);
SELECT is(pg_temp.moves(), 'a>b', 'and nothing else moves');
SELECT pg_temp.remember(), pg_temp.register('c') \gset
SELECT quantmesh.assign_markets() AS moved \gset
SELECT ok(:moved BETWEEN 150 AND 250, 'a third one gets about a third: ' || :moved);
SELECT is(pg_temp.moves(), 'a>c, b>c', 'of both, and nothing moves between those');
SELECT pg_temp.remember() \gset
SELECT quantmesh.leave_instance('b', pg_temp.epoch('b')) \gset
SELECT is(pg_temp.moves(), 'b>a, b>c', 'when one leaves, only its markets move, to both others');
SELECT is(quantmesh.assign_markets(), 0::bigint, 'which is done when it has left');
SELECT pg_temp.register('b'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.moves(), '-', 'when it comes back everybody has again what he had');
SELECT pg_temp.remember() \gset
SELECT quantmesh.leave_instance('a', pg_temp.epoch('a')), pg_temp.register('a'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.moves(), '-', 'who comes back under a new epoch has the same ones');
SELECT is(count(*), 0::bigint, 'under that epoch') FROM quantmesh.assignments AS s JOIN quantmesh.instance AS i USING (instance) WHERE s.current AND s.epoch <> i.epoch;

-- The hash is the same everywhere and for ever: 40 markets as they were dealt out when this test was written.
SELECT is(string_agg(left(instance, 1), '' ORDER BY substr(symbol, 2, length(symbol) - 5)::int), 'bcbaacbccbbaaaacbaacacccabaaaccacaaaccac', 'what the hash has dealt out')
    FROM quantmesh.assignments WHERE current AND substr(symbol, 2, length(symbol) - 5)::int <= 40;

-- Weights.
SELECT pg_temp.register('c', 4), quantmesh.assign_markets() \gset
SELECT ok(pg_temp.markets('c') BETWEEN 340 AND 460, 'four times the weight: ' || pg_temp.shares());
SELECT ok(pg_temp.markets('a') BETWEEN 60 AND 140 AND pg_temp.markets('b') BETWEEN 60 AND 140, '... against those of one');
SELECT pg_temp.register('c', 1), quantmesh.assign_markets() \gset
SELECT is(pg_temp.moves(), '-', 'and back');

-- Standby.
SELECT pg_temp.register('s', standby => true) \gset
SELECT is(quantmesh.assign_markets(), 0::bigint, 'a standby gets nothing');
SELECT count(quantmesh.leave_instance(i, pg_temp.epoch(i))) FROM unnest('{a,b}'::text[]) AS i \gset
SELECT is(pg_temp.shares(), 'c 600', 'as long as there is another one');
SELECT quantmesh.leave_instance('c', pg_temp.epoch('c')) \gset
SELECT is(pg_temp.shares(), 's 600', 'then it has all');
SELECT is(pg_temp.owner('M1USDT'), 's standby', 'as a standby');
SELECT pg_temp.register('t', standby => true), quantmesh.assign_markets() \gset
SELECT ok(pg_temp.markets('s') BETWEEN 240 AND 360 AND pg_temp.markets('t') BETWEEN 240 AND 360, 'two share: ' || pg_temp.shares());
SELECT pg_temp.register('a'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.shares(), 'a 600', 'until there is one that is no standby');

-- What is registered.
SELECT pg_temp.register('m', markets => 'acc:M7USDT'), quantmesh.assign_markets() \gset
SELECT quantmesh.leave_instance('a', pg_temp.epoch('a')) \gset
SELECT is(pg_temp.owner('M7USDT') || ', ' || pg_temp.markets('m'), 'm hashed, 1', 'an instance gets only what it has registered for, before a standby');
SELECT pg_temp.register('a'), quantmesh.assign_markets() \gset
SELECT pg_temp.register('a', markets => 'acc:M8USDT'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.owner('M8USDT') || ', ' || pg_temp.markets('a'), 'a hashed, 1', 'one that registers for less loses the rest');
SELECT is(count(*), 599::bigint, 'as unregistered') FROM quantmesh.assignments WHERE end_reason = 'unregistered' AND instance = 'a';
SELECT count(quantmesh.leave_instance(i, pg_temp.epoch(i))) FROM unnest('{s,t}'::text[]) AS i \gset
SELECT is(pg_temp.shares(), 'a 1, m 1', 'what nobody has registered for is nobody''s');
SELECT pg_temp.register('a'), quantmesh.assign_markets() \gset

-- Fixed assignments.
SELECT pg_temp.register('b'), quantmesh.assign_markets() \gset
SELECT pg_temp.remember(), symbol AS x FROM quantmesh.assignments WHERE current AND instance = 'a' ORDER BY symbol LIMIT 1 \gset
SELECT is(quantmesh.assign_market('acc', :'x', 'b', 'because'), true, 'an operator gives a market to somebody who is there');
SELECT is(quantmesh.assign_markets(), 1::bigint, 'one market moves');
SELECT is(pg_temp.owner(:'x'), 'b fixed', 'to him');
SELECT pg_temp.rows_eq(format($$ SELECT instance::text, reason, set_by::text FROM quantmesh.fixed_assignment WHERE symbol = %L $$, :'x'), $$ VALUES ('b', 'because', session_user::text) $$, 'it is kept, with the reason');
SELECT pg_temp.rows_eq($$ SELECT action::text, symbol::text, reason, detail FROM quantmesh.operator_action ORDER BY action_id DESC LIMIT 1 $$,
    format($$ VALUES ('assign_market', %L, 'because', '{"instance": "b"}'::jsonb) $$, :'x'), 'also among the actions of operators');
SELECT quantmesh.leave_instance('b', pg_temp.epoch('b')) \gset
SELECT is(pg_temp.owner(:'x'), 'a hashed', 'when he leaves, hashing decides');
SELECT pg_temp.register('b'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.owner(:'x'), 'b fixed', 'until he is back');
SELECT is(quantmesh.assign_market('acc', :'x', NULL, 'enough'), true, 'back to hashing');
SELECT is(quantmesh.assign_markets(), 1::bigint, '...');
SELECT is(pg_temp.owner(:'x') || ', ' || pg_temp.moves(), 'a hashed, -', 'everybody has what he had');
SELECT is(quantmesh.assign_market('acc', :'x', 'nobody', 'test'), false, 'a name that is not there');
SELECT is(quantmesh.assign_market('acc', :'x', 'm', 'test'), false, 'or has not registered for the market');
SELECT is(quantmesh.assign_markets(), 0::bigint, 'changes nothing for now');
SELECT pg_temp.register('fix', standby => true) \gset
SELECT is(quantmesh.assign_market('acc', :'x', 'fix', 'test') || ' ' || quantmesh.assign_markets() || ' ' || pg_temp.owner(:'x'), 'true 1 fix fixed', 'a standby can be given a market');
SELECT throws_ok(format('SELECT quantmesh.assign_market(%s)', arguments), code, NULL, format('%s: assign_market(%s)', code, left(arguments, 60)))
FROM (VALUES ('NULL, ''M1USDT'', ''a'', ''x''', '22004'), ('''acc'', NULL, ''a'', ''x''', '22004'), ('''acc'', ''M1USDT'', ''a'', NULL', '22004'), ('''acc'', ''*'', ''a'', ''x''', '22023'),
             ('''acc'', ''M1USDT'', '''', ''x''', '22023'), ('''acc'', ''M1USDT'', repeat(''a'', 129), ''x''', '22023'), ('''acc'', ''NO'', ''a'', ''x''', 'P0002')) AS t (arguments, code);

-- What instances are told when a market moves from one that lives to another, and back before anybody has answered.
UPDATE quantmesh.task SET state = 'done', finished_at = clock_timestamp() WHERE finished_at IS NULL;
CREATE FUNCTION pg_temp.told() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(addressee || ' ' || kind || ' ' || (detail->>'reason'), ', ' ORDER BY task_id), '-') FROM quantmesh.task WHERE finished_at IS NULL
$$;
SELECT quantmesh.assign_market('acc', 'M20USDT', 'a', 'test'), quantmesh.assign_markets() \gset
UPDATE quantmesh.task SET state = 'done', finished_at = clock_timestamp() WHERE finished_at IS NULL;
SELECT quantmesh.next_id() AS mark \gset
SELECT quantmesh.assign_market('acc', 'M20USDT', 'b', 'test'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.told(), 'a unassign moved, b assign fixed', 'both are told');
SELECT quantmesh.assign_market('acc', 'M20USDT', 'fix', 'test'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.told(), 'a unassign moved, b unassign moved, fix assign fixed', 'who has not begun is told to stop all the same, since he may have heard of it');
SELECT quantmesh.assign_market('acc', 'M20USDT', 'a', 'test'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.told(), 'b unassign moved, fix unassign moved, a assign fixed', 'what is overtaken is withdrawn');
SELECT is(string_agg(kind, ' ' ORDER BY task_id), 'unassign assign assign', 'as such') FROM quantmesh.task WHERE state = 'withdrawn' AND task_id > :mark;

-- A market that is no more.
DELETE FROM quantmesh.fixed_assignment;
DELETE FROM quantmesh.market WHERE symbol = 'M20USDT';
SELECT quantmesh.assign_markets() \gset
SELECT is(pg_temp.owner('M20USDT'), NULL, 'a market that is no more is nobody''s');

-- The history: one owner at every moment, intervals that do not overlap, and no gap while somebody could have had the market.
CREATE TEMP VIEW history AS
    SELECT symbol, instance, since, ended_at, end_reason, lag(ended_at) OVER w AS before, row_number() OVER w AS n
    FROM quantmesh.assignment WINDOW w AS (PARTITION BY account, symbol ORDER BY assignment_id);
SELECT is_empty('SELECT * FROM history WHERE n > 1 AND since < before', 'intervals do not overlap');
SELECT is_empty('SELECT * FROM history WHERE n > 1 AND before IS NULL', 'none begins before the last one has ended');
SELECT is((SELECT count(*) FROM history WHERE n > 1 AND since > before), (SELECT count(DISTINCT symbol) FROM quantmesh.assignment WHERE end_reason = 'left' AND instance IN ('s', 't')), 'the only gap is when nobody was there');
SELECT throws_ok($$ INSERT INTO quantmesh.assignment (account, symbol, assignment_id, instance, epoch, reason, since) SELECT account, symbol, 1, 'x', 1, 'hashed', since FROM quantmesh.assignment WHERE ended_at IS NULL LIMIT 1 $$,
    '23505', NULL, 'a second owner is against an index');

-- The clock may be set back.
UPDATE quantmesh.assignment SET since = clock_timestamp() + interval '1 hour' WHERE ended_at IS NULL AND symbol = 'M30USDT';
SELECT quantmesh.assign_market('acc', 'M30USDT', 'fix', 'test'), quantmesh.assign_markets() \gset
SELECT is(pg_temp.owner('M30USDT'), 'fix fixed', 'markets move all the same');
SELECT is_empty('SELECT * FROM history WHERE n > 1 AND since < before', 'and intervals still do not overlap');

SELECT * FROM finish();
