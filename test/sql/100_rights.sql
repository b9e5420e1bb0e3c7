-- Shows what traders, operators and readers may do and what nobody may who was granted nothing; that a trader locks
-- keys of its accounts only; and that revoking takes back exactly what was granted.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

-- Roles belong to the whole cluster: start without leftovers of a run that was cut short.
DROP ROLE IF EXISTS qm_test_nobody, qm_test_trader, qm_test_group, qm_test_member, qm_test_star, qm_test_reader, qm_test_operator, "qm Test;Quoted";
CREATE ROLE qm_test_nobody;
CREATE ROLE qm_test_trader;
CREATE ROLE qm_test_group;
CREATE ROLE qm_test_member IN ROLE qm_test_group;
CREATE ROLE qm_test_star;
CREATE ROLE qm_test_reader;
CREATE ROLE qm_test_operator;
CREATE ROLE "qm Test;Quoted";

SELECT plan(265);

-- Runs one statement as a role. Returns ok or the SQLSTATE.
CREATE FUNCTION pg_temp.run_as(role text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE outcome text := 'ok';
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', role);
    BEGIN
        EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
        outcome := SQLSTATE;
    END;
    SET LOCAL ROLE NONE;
    RETURN outcome;
END $$;

-- What there is to do, and who may: n nobody, t trader, r reader, o operator.
CREATE TEMP TABLE deed (statement text, who text);
INSERT INTO deed VALUES
    ('SELECT quantmesh.version()', 'tro'),
    ('SELECT quantmesh.order_key(''acc'', ''S'', 1)', 'tro'),
    ('SELECT quantmesh.try_xact_lock(''order:acc:S:1'')', 'to'),
    ('SELECT quantmesh.xact_lock(''order:acc:S:1'')', 'to'),
    ('SELECT quantmesh.try_xact_lock_many(ARRAY[''order:acc:S:1'', ''r:custom''])', 'to'),
    ('SELECT quantmesh.xact_lock_many(ARRAY[''order:acc:S:1'', ''r:custom''])', 'to'),
    ('SELECT quantmesh.try_lock(''cancel:acc:1'')', 'to'),
    ('SELECT quantmesh.lock(''cancel:acc:1'')', 'to'),
    ('SELECT quantmesh.extend(''cancel:acc:1'', ''1 h'')', 'to'),
    ('SELECT quantmesh.unlock(''cancel:acc:1'')', 'to'),
    ('SELECT quantmesh.is_locked(''order:acc:S:1'')', 'to'),
    ('SELECT quantmesh.lock_holder(''order:acc:S:1'')', 'to'),
    ('SELECT quantmesh.try_lease(''reconcile:acc:S'', ''one'', ''5 s'')', 'to'),
    ('SELECT quantmesh.lease(''reconcile:acc:S'', ''one'', ''5 s'', ''1 s'')', 'to'),
    ('SELECT quantmesh.renew_lease(''reconcile:acc:S'', ''one'', 1)', 'to'),
    ('SELECT quantmesh.release_lease(''reconcile:acc:S'', ''one'', 1)', 'to'),
    ('SELECT quantmesh.try_xact_lock(''r:custom'')', 'to'),
    ('SELECT quantmesh.try_lock(''r:custom'')', 'to'),
    ('SELECT quantmesh.try_lease(''r:lease'', ''one'', ''5 s'')', 'to'),
    ('SELECT * FROM quantmesh.locks', 'ro'),
    ('SELECT * FROM quantmesh.lock_waits', 'ro'),
    ('SELECT * FROM quantmesh.lock_metrics', 'ro'),
    ('SELECT * FROM quantmesh.lock_conflicts', 'ro'),
    ('SELECT * FROM quantmesh.lock_engine', 'ro'),
    ('SELECT quantmesh.prometheus()', 'ro'),
    ('SELECT quantmesh.force_unlock(''r:free'', ''test'')', 'o'),
    ('SELECT quantmesh.raise_fence(''test'')', 'o'),
    ('SELECT quantmesh.reset_metrics()', 'o'),
    ('SELECT * FROM quantmesh.force_unlock_log', 'o'),
    ('SELECT * FROM quantmesh.role_right', 'o'),
    ('SELECT * FROM quantmesh.fence_floor', 'o'),
    ('INSERT INTO quantmesh.role_right (role, privilege, account) VALUES (''qm_test_trader'', ''trader'', ''*'')', ''),
    ('DELETE FROM quantmesh.role_right', ''),
    ('UPDATE quantmesh.fence_floor SET floor = 1', ''),
    ('INSERT INTO quantmesh.fence_floor VALUES (1, 1, 1, ''aaaa'', 1, now(), ''x'')', ''),
    ('DELETE FROM quantmesh.force_unlock_log', ''),
    ('TRUNCATE quantmesh.force_unlock_log', ''),
    ('SELECT quantmesh.grant_trader(''qm_test_nobody'', ''acc'')', ''),
    ('SELECT quantmesh.grant_operator(''qm_test_nobody'')', ''),
    ('SELECT quantmesh.grant_reader(''qm_test_nobody'')', ''),
    ('SELECT quantmesh.grant_right(''qm_test_nobody'', ''trader'', ''acc'')', ''),
    ('SELECT quantmesh.revoke_trader(''qm_test_trader'', ''acc'')', ''),
    ('SELECT quantmesh.revoke_operator(''qm_test_operator'')', ''),
    ('SELECT quantmesh.revoke_reader(''qm_test_reader'')', ''),
    ('SELECT quantmesh.revoke_right(''qm_test_trader'', ''trader'', ''acc'')', ''),
    ('SELECT quantmesh.rights_changed()', ''),
    ('CREATE TABLE quantmesh.mine ()', ''),
    ('SET quantmesh.ttl_action = ''report''', ''),
    ('SET quantmesh.max_ttl = ''1 h''', '');

SELECT quantmesh.grant_trader('qm_test_trader', 'acc') \gset
SELECT quantmesh.grant_reader('qm_test_reader') \gset
SELECT quantmesh.grant_operator('qm_test_operator') \gset
SELECT is(pg_temp.run_as(r.role, d.statement) IN ('42501', '55P02'), position(r.letter IN d.who) = 0,
          format('%s: %s %s', r.role, CASE WHEN position(r.letter IN d.who) = 0 THEN 'may not' ELSE 'may' END, d.statement))
FROM (VALUES ('qm_test_nobody', 'n'), ('qm_test_trader', 't'), ('qm_test_reader', 'r'), ('qm_test_operator', 'o')) AS r (role, letter), deed AS d;
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.guard(''reconcile:acc:S'', 1)'), 'QM001', 'a trader may guard');
SELECT is(pg_temp.run_as('qm_test_nobody', 'SELECT quantmesh.guard(''reconcile:acc:S'', 1)'), '42501', 'nobody may not');
SELECT is(pg_temp.run_as('qm_test_trader', 'CALL quantmesh.acquire(''cancel:acc:1'')'), '2D000', 'a trader may call acquire');
SELECT is(pg_temp.run_as('qm_test_reader', 'CALL quantmesh.acquire(''cancel:acc:1'')'), '42501', 'a reader may not');
SELECT pg_advisory_unlock_all() \gset
SELECT quantmesh.release_lease(key, instance, fence) FROM quantmesh.locks WHERE mode = 'lease' AND key = 'r:lease' \gset
SELECT quantmesh.release_lease(key, instance, fence) FROM quantmesh.locks WHERE mode = 'lease' \gset
SELECT is_empty('SELECT * FROM quantmesh.locks', 'whatever they locked is free again');

-- A trader's account.
CREATE TEMP TABLE attempt (call text);
INSERT INTO attempt VALUES
    ('SELECT quantmesh.try_xact_lock(%1$L)'), ('SELECT quantmesh.xact_lock(%1$L, NULL, ''1 s'')'),
    ('SELECT quantmesh.try_xact_lock_many(ARRAY[''r:custom'', %1$L])'), ('SELECT quantmesh.xact_lock_many(ARRAY[%1$L, ''r:custom''], NULL, ''1 s'')'),
    ('SELECT quantmesh.try_lock(%1$L)'), ('SELECT quantmesh.lock(%1$L, NULL, ''1 s'')'),
    ('SELECT quantmesh.try_lease(%1$L, ''one'', ''1 s'')'), ('SELECT quantmesh.lease(%1$L, ''one'', ''1 s'', ''1 s'')');
SELECT is(pg_temp.run_as('qm_test_trader', format(call, key)), '42501', format('a trader of acc may not %s', format(call, key)))
FROM attempt, unnest(ARRAY['order:other:S:1', 'order:acc/sub:S:1']) AS key;
SELECT is(pg_temp.run_as('qm_test_trader', format('SELECT quantmesh.try_xact_lock(%L)', key)), '42501', format('nor lock %s', key))
FROM unnest(ARRAY['cancel:other:1', 'reconcile:other:S', 'order:ac:S:1', 'order:accc:S:1', 'order:ACC:S:1', 'order:*:S:1', 'order: acc:S:1']) AS key;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'and nothing is left of the attempts');
SELECT throws_like($$ SET ROLE qm_test_trader; SELECT quantmesh.try_xact_lock('order:other:S:1') $$, '%other%', 'the message names the account');
RESET ROLE;
SELECT is(pg_temp.run_as('qm_test_operator', 'SELECT quantmesh.try_xact_lock(''order:other:S:1'')'), 'ok', 'an operator locks keys of every account');
SELECT ok(quantmesh.try_xact_lock('order:other:S:1') IS NOT NULL, 'and so does a superuser, without any grant');

-- More accounts, every account, a group, a name that must be quoted.
SELECT quantmesh.grant_trader('qm_test_trader', 'acc/sub') \gset
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.try_xact_lock_many(ARRAY[''order:acc/sub:S:1'', ''order:acc:S:1''])'), 'ok', 'a second grant adds an account in this very session');
SELECT quantmesh.grant_trader('qm_test_trader', 'acc/sub') \gset
SELECT is((SELECT count(*) FROM quantmesh.role_right WHERE role = 'qm_test_trader'::regrole), 2::bigint, 'granting twice is granting once');
SELECT quantmesh.grant_trader('qm_test_star', '*') \gset
SELECT is(pg_temp.run_as('qm_test_star', format('SELECT quantmesh.try_xact_lock(%L)', key)), 'ok', format('a trader of * may lock %s', key)) FROM unnest(ARRAY['order:other:S:1', 'cancel:x/y:1']) AS key;
SELECT is(pg_temp.run_as('qm_test_star', 'SELECT quantmesh.force_unlock(''order:other:S:1'', ''x'')'), '42501', 'but is no operator');
SELECT quantmesh.grant_trader('qm_test_group', 'acc') \gset
SELECT is(pg_temp.run_as('qm_test_member', 'SELECT quantmesh.try_xact_lock(''order:acc:S:1'')'), 'ok', 'a member of a group has the group''s account');
SELECT is(pg_temp.run_as('qm_test_member', 'SELECT quantmesh.try_xact_lock(''order:other:S:1'')'), '42501', 'and no other');
REVOKE qm_test_group FROM qm_test_member;
SELECT is(pg_temp.run_as('qm_test_member', 'SELECT quantmesh.try_xact_lock(''order:acc:S:1'')'), '42501', 'until it leaves the group');
GRANT USAGE ON SCHEMA quantmesh TO qm_test_member;
GRANT EXECUTE ON FUNCTION quantmesh.try_xact_lock(text, interval) TO qm_test_member;
SELECT is(pg_temp.run_as('qm_test_member', 'SELECT quantmesh.try_xact_lock(''order:acc:S:1'')'), '42501', 'the right to execute a function is not an account');
REVOKE USAGE ON SCHEMA quantmesh FROM qm_test_member;
REVOKE EXECUTE ON FUNCTION quantmesh.try_xact_lock(text, interval) FROM qm_test_member;
SELECT quantmesh.grant_trader('qm Test;Quoted', 'acc') \gset
SELECT is(pg_temp.run_as('qm Test;Quoted', 'SELECT quantmesh.try_xact_lock(''order:acc:S:1'')'), 'ok', 'a role name may need quotes');

-- Bad grants.
SELECT throws_ok(call, sqlstate, NULL, format('%s is %s', left(call, 90), sqlstate))
FROM (VALUES
    ('SELECT quantmesh.grant_trader(''qm_test_absent'', ''acc'')', '42704'),
    ('SELECT quantmesh.grant_reader(''qm_test_absent'')', '42704'),
    ('SELECT quantmesh.grant_trader(''qm_test_trader'', NULL)', '22004'),
    ('SELECT quantmesh.grant_trader(''qm_test_trader'', '''')', '22023'),
    ('SELECT quantmesh.grant_trader(''qm_test_trader'', ''a:b'')', '22023'),
    ('SELECT quantmesh.grant_trader(''qm_test_trader'', ''a*'')', '22023'),
    ('SELECT quantmesh.grant_trader(''qm_test_trader'', repeat(''a'', 129))', '22023')
) AS e (call, sqlstate);
SELECT throws_like($$ SELECT quantmesh.grant_trader('qm_test_trader', 'a:b') $$, '%a:b%', 'a bad account is named in the message');
SELECT lives_ok(format($$ SELECT quantmesh.grant_trader('qm_test_trader', %L) $$, repeat('a', 128)), 'an account of 128 bytes is accepted');
SELECT ok(quantmesh.revoke_trader('qm_test_trader', repeat('a', 128)), 'and revoked');

-- A grant that is rolled back.
BEGIN;
SELECT quantmesh.grant_trader('qm_test_trader', 'third') \gset
ROLLBACK;
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.try_xact_lock(''order:third:S:1'')'), '42501', 'a grant that was rolled back grants nothing');

-- Revoking.
SELECT is(quantmesh.revoke_trader('qm_test_trader', 'third'), false, 'revoking what was never granted says false');
SELECT is(quantmesh.revoke_reader('qm_test_trader'), false, 'also of another right');
SELECT is(quantmesh.revoke_trader('qm_test_trader', 'acc'), true, 'revoking one account says true');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.try_xact_lock(''order:acc:S:1'')'), '42501', 'that account is gone, in this very session');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.try_xact_lock(''order:acc/sub:S:1'')'), 'ok', 'the other one stays');
SELECT is(quantmesh.revoke_trader('qm_test_trader', 'acc/sub'), true, 'revoking the last account');
SELECT is(pg_temp.run_as('qm_test_trader', 'SELECT quantmesh.version()'), '42501', 'takes everything');
SELECT quantmesh.grant_trader('qm_test_reader', 'acc') \gset
SELECT is(quantmesh.revoke_reader('qm_test_reader'), true, 'a reader that is a trader too is no reader any more');
SELECT is(pg_temp.run_as('qm_test_reader', 'SELECT * FROM quantmesh.locks'), '42501', 'it reads no view');
SELECT is(pg_temp.run_as('qm_test_reader', 'SELECT quantmesh.try_xact_lock(''order:acc:S:1'')'), 'ok', 'but locks still');
SELECT is(quantmesh.revoke_trader('qm_test_reader', 'acc'), true, 'until that is revoked');
SELECT is(quantmesh.revoke_operator('qm_test_operator'), true, 'an operator is revoked');
SELECT is(quantmesh.revoke_operator('qm_test_operator'), false, 'once');
SELECT ok(quantmesh.revoke_trader('qm_test_star', '*') AND quantmesh.revoke_trader('qm_test_group', 'acc') AND quantmesh.revoke_trader('qm Test;Quoted', 'acc'), 'and so are the others');
SELECT is_empty('SELECT * FROM quantmesh.role_right', 'nothing is left in role_right');
SELECT is_empty(
    $$ SELECT d.classid::regclass, d.objid FROM pg_shdepend AS d JOIN pg_roles AS r ON d.refclassid = 'pg_authid'::regclass AND r.oid = d.refobjid
       WHERE r.rolname ~ '^qm.test' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) $$,
    'and no right in any catalog');
DROP ROLE qm_test_nobody, qm_test_trader, qm_test_group, qm_test_member, qm_test_star, qm_test_reader, qm_test_operator, "qm Test;Quoted";

SELECT * FROM finish();
