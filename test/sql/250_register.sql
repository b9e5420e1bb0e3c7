-- Shows what register_instance grants and stores: an epoch that grows, a lease that names the instance, one living process per
-- name, repetitions of the same life, names whose process is gone, and which arguments it refuses.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;
\ir rows_eq.psql
\ir wait.psql

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_inst_one, qm_inst_two;
CREATE ROLE qm_inst_one;
CREATE ROLE qm_inst_two;

SELECT plan(78);

-- A new name.
SELECT quantmesh.next_id() AS id \gset
SELECT * FROM quantmesh.register_instance('a', '{acc:X,acc:Y}', standby => true, weight => 7, ttl => '20 s', life => 'l1', detail => '{"host": "h"}') \gset a_
SELECT is(:'a_instance'::text, 'a', 'the name');
SELECT ok(:a_epoch > :id, 'the epoch is larger than every earlier number');
SELECT is(:'a_ttl' || ' ' || :'a_heartbeat_every', '00:00:20 00:00:06.666666', 'the ttl, and a third of it');
SELECT pg_temp.rows_eq($$ SELECT instance::text, epoch, state::text, life::text, lease_fence, ttl::text, standby, weight, registered_by::text, detail, ended_at FROM quantmesh.instance $$,
    format($$ VALUES ('a', %s::bigint, 'alive', 'l1', %1$s::bigint, '00:00:20', true, 7, session_user::text, '{"host": "h"}'::jsonb, NULL::timestamptz) $$, :a_epoch), 'its row');
SELECT pg_temp.rows_eq($$ SELECT account::text, symbol::text FROM quantmesh.instance_market WHERE instance = 'a' ORDER BY 2 $$, $$ VALUES ('acc', 'X'), ('acc', 'Y') $$, 'its markets');
SELECT pg_temp.rows_eq($$ SELECT key, mode, fence, instance, ttl_left BETWEEN '19 s' AND '20 s' FROM quantmesh.locks $$,
    format($$ VALUES ('instance:a', 'lease', %s::bigint, 'a/l1', true) $$, :a_epoch), 'its lease, which names the instance and its life, under the epoch for a fence');
SELECT is(ttl || ' ' || heartbeat_every, '00:00:05 00:00:01.666666', 'by default the ttl is that of leases') FROM quantmesh.register_instance('b', '{acc:*}');
SELECT ok(epoch > :a_epoch, 'the next epoch is larger') FROM quantmesh.instance WHERE instance = 'b';
SELECT is(life || '/' || weight || '/' || standby, '/1/false', 'what was not given') FROM quantmesh.instance WHERE instance = 'b';

-- One living process.
SELECT throws_ok(format('SELECT quantmesh.register_instance(''a'', ''{acc:X}'', life => %s)', life), '55006', 'instance "a" is alive', 'a second one is refused, life ' || life)
    FROM unnest(ARRAY['NULL', '''l2''', '''L1''']) AS life;
SELECT throws_ok($$ SELECT quantmesh.register_instance('b', '{acc:X}') $$, '55006', NULL, 'who named no life is never repeated');
SELECT is(epoch, :a_epoch, 'nothing has changed') FROM quantmesh.instance WHERE instance = 'a';
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE text text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS text = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ': ' || SQLERRM || ': ' || text || ': ' || hint;
END $$;
SELECT ok(pg_temp.refusal($$ SELECT quantmesh.register_instance('a', '{acc:X}') $$) LIKE '%by role "' || session_user || '" at 20%lives at least until 20%: %another name%', 'the refusal says who has it, until when, and what to do');

-- Repetitions.
SELECT is(epoch, :a_epoch, 'the same life gets the same epoch') FROM quantmesh.register_instance('a', '{acc:X,acc:Y}', standby => true, weight => 7, ttl => '20 s', life => 'l1', detail => '{"host": "h"}');
SELECT xmin AS row_xmin FROM quantmesh.instance WHERE instance = 'a' \gset
SELECT is(epoch, :a_epoch, 'however often') FROM quantmesh.register_instance('a', '{acc:X,acc:Y}', standby => true, weight => 7, ttl => '20 s', life => 'l1', detail => '{"host": "h"}');
SELECT is(xmin::text, :'row_xmin', 'which writes nothing') FROM quantmesh.instance WHERE instance = 'a';
SELECT is(epoch || ' ' || ttl, :'a_epoch' || ' 00:00:10', 'it may change the rest') FROM quantmesh.register_instance('a', '{acc:Y,acc:Z}', ttl => '10 s', life => 'l1');
SELECT is(concat_ws(' ', standby, weight, ttl, detail), 'f 1 00:00:10', 'which is stored') FROM quantmesh.instance WHERE instance = 'a';
SELECT is(string_agg(symbol, ' ' ORDER BY symbol), 'Y Z', 'the markets, too') FROM quantmesh.instance_market WHERE instance = 'a';
SELECT is(count(*), 1::bigint, 'and there is still one lease') FROM quantmesh.locks WHERE key = 'instance:a';

-- Whose it is.
SELECT quantmesh.grant_trader('qm_inst_one', 'acc'), quantmesh.grant_trader('qm_inst_two', 'acc') \gset
SET SESSION AUTHORIZATION qm_inst_one;
SELECT epoch AS c_epoch FROM quantmesh.register_instance('c', '{acc:*}', life => 'l') \gset
SELECT is(epoch, :c_epoch, 'who registered repeats') FROM quantmesh.register_instance('c', '{acc:*}', life => 'l');
SET SESSION AUTHORIZATION qm_inst_two;
SELECT is(left(pg_temp.refusal($$ SELECT quantmesh.register_instance('c', '{acc:*}', life => 'l') $$), 5), '55006', 'somebody else does not, although he knows the life');
RESET SESSION AUTHORIZATION;
SELECT is(epoch, :c_epoch, 'a superuser may') FROM quantmesh.register_instance('c', '{acc:*}', life => 'l');
SELECT is(registered_by::text, 'qm_inst_one', 'which leaves it whose it was') FROM quantmesh.instance WHERE instance = 'c';
SET SESSION AUTHORIZATION qm_inst_one;
SELECT is(left(pg_temp.refusal($$ SELECT quantmesh.register_instance('d', '{acc:*,other:X}') $$), 5), '42501', 'every account needs the right to trade it');
SELECT is(left(pg_temp.refusal(statement), 5), '42501', statement)
FROM unnest(ARRAY['SELECT quantmesh.try_lease(''instance:c'', ''me'')', 'SELECT quantmesh.try_lease(''instance:free'', ''me'')', 'SELECT quantmesh.try_xact_lock(''instance:free'')',
                  format('SELECT quantmesh.renew_lease(''instance:c'', ''c/l'', %s)', :'c_epoch'), format('SELECT quantmesh.release_lease(''instance:c'', ''c/l'', %s)', :'c_epoch')]) AS statement;
SELECT lives_ok(format('SELECT quantmesh.guard(''instance:c'', %s)', :c_epoch), 'but a transaction may depend on an instance');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT count(*) FROM quantmesh.locks WHERE key = 'instance:c'), 1::bigint, 'its lease lives');

-- A name whose process is gone, before anybody has declared it dead.
SELECT epoch AS e_epoch FROM quantmesh.register_instance('e', '{acc:*}', ttl => '100 ms', life => 'l') \gset
SELECT ok(pg_temp.wait_for($$ SELECT quantmesh.instance_lease_left('e') IS NULL $$), 'its lease ends');
SELECT is(state::text, 'alive', 'it is still taken for alive') FROM quantmesh.instance WHERE instance = 'e';
SELECT epoch AS e2_epoch FROM quantmesh.register_instance('e', '{acc:*}', ttl => '20 s', life => 'other') \gset
SELECT ok(:e2_epoch > :e_epoch, 'the next one takes over at once, under an epoch of its own');
SELECT is(concat_ws(' ', state, epoch, life, ended_at), 'alive ' || :'e2_epoch' || ' other', 'its row') FROM quantmesh.instance WHERE instance = 'e';
SELECT throws_ok(format('SELECT * FROM quantmesh.heartbeat(''e'', %s)', :e_epoch), 'QM002', NULL, 'the old epoch is over');

-- The same life may come back late, as long as nobody has declared it dead.
SELECT epoch AS f_epoch FROM quantmesh.register_instance('f', '{acc:*}', ttl => '50 ms', life => 'l') \gset
SELECT ok(pg_temp.wait_for($$ SELECT quantmesh.instance_lease_left('f') IS NULL $$), 'a lease ends');
SELECT is(epoch, :f_epoch, 'the same life goes on') FROM quantmesh.register_instance('f', '{acc:*}', ttl => '20 s', life => 'l');
SELECT is(lease_fence > epoch, true, 'under a lease of its own') FROM quantmesh.instance WHERE instance = 'f';
SELECT is(l.fence, i.lease_fence, 'that is known') FROM quantmesh.locks AS l, quantmesh.instance AS i WHERE l.key = 'instance:f' AND i.instance = 'f';

-- Rolled back: the lease was granted, but no row knows it, so it is in nobody's way.
BEGIN;
SELECT epoch AS g_epoch FROM quantmesh.register_instance('g', '{acc:*}', ttl => '20 s') \gset
ROLLBACK;
SELECT is((SELECT fence FROM quantmesh.locks WHERE key = 'instance:g'), :g_epoch, 'a lease without a row');
SELECT is_empty($$ SELECT FROM quantmesh.instance WHERE instance = 'g' $$, '...');
SELECT ok(epoch > :g_epoch, 'the name is free all the same') FROM quantmesh.register_instance('g', '{acc:*}', ttl => '20 s');

-- Somebody has the key.
SELECT quantmesh.try_lock('instance:h') \gset
SELECT throws_ok($$ SELECT quantmesh.register_instance('h', '{acc:*}') $$, '55006', NULL, 'a superuser can keep a name');
SELECT quantmesh.unlock('instance:h') \gset
SELECT lives_ok($$ SELECT quantmesh.register_instance('h', '{acc:*}') $$, '... for a while');

-- Arguments.
SELECT throws_ok(format('SELECT quantmesh.register_instance(%s)', arguments), code, NULL, format('%s: register_instance(%s)', code, left(arguments, 80)))
FROM (VALUES ('NULL, ''{a:*}''', '22004'), ('''x'', NULL', '22004'), ('''x'', ''{NULL}''', '22004'), ('''x'', ''{a:*}'', NULL', '22004'), ('''x'', ''{a:*}'', weight => NULL', '22004'),
             (''''', ''{a:*}''', '22023'), ('repeat(''x'', 129), ''{a:*}''', '22023'), ('E''x\ny'', ''{a:*}''', '22023'), ('''x'', ''{}''', '22023'), ('''x'', ''{a}''', '22023'),
             ('''x'', ''{:X}''', '22023'), ('''x'', ''{a:}''', '22023'), ('''x'', ''{*:*}''', '22023'), ('''x'', ''{a:X*}''', '22023'), ('''x'', ''{a:X:Y}''', '22023'),
             ('''x'', ARRAY[repeat(''a'', 65) || '':X'']', '22023'), ('''x'', ''{{a:X,a:Y}}''', '22023'), ('''x'', (SELECT array_agg(''a:'' || i) FROM generate_series(1, 10001) AS i)', '22023'),
             ('''x'', ''{a:*}'', weight => 0', '22023'), ('''x'', ''{a:*}'', weight => 1001', '22023'), ('''x'', ''{a:*}'', ttl => ''0''', '22023'), ('''x'', ''{a:*}'', ttl => ''31 s''', '22023'),
             ('''x'', ''{a:*}'', life => ''''', '22023'), ('''x'', ''{a:*}'', detail => ''[]''', '22023'),
             ('''x'', ''{a:*}'', detail => jsonb_build_object(''x'', repeat(''y'', 9000))', '22023')) AS t (arguments, code);
SELECT is_empty($$ SELECT FROM quantmesh.instance WHERE instance = 'x' $$, 'which registers nothing');
SELECT lives_ok($$ SELECT quantmesh.register_instance(repeat('ü', 64), ARRAY['a/b:X-Y', 'a/b:X-Y'], life => repeat('ä', 64)) $$, 'the longest names, and a market twice');
SELECT is(octet_length(owner), 128, 'the owner of a lease has room for so much') FROM quantmesh.lock_holder('instance:' || repeat('ü', 64));

-- Isolation levels and read-only transactions.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT lives_ok($$ SELECT quantmesh.register_instance('rr', '{acc:*}') $$, 'repeatable read');
COMMIT;
BEGIN READ ONLY;
SELECT throws_ok($$ SELECT quantmesh.register_instance('ro', '{acc:*}') $$, '25006', NULL, 'not in a read-only transaction');
COMMIT;

SELECT quantmesh.revoke_trader('qm_inst_one', 'acc'), quantmesh.revoke_trader('qm_inst_two', 'acc') \gset
DROP ROLE qm_inst_one, qm_inst_two;
SELECT * FROM finish();
