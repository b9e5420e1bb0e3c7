-- Shows that objects of the same names in a hostile schema, earlier in search_path or temporary, are never used:
-- each of them raises an error when it is.
\set ON_ERROR_ROLLBACK off
SET client_min_messages = warning;

DROP ROLE IF EXISTS qm_test_victim;
CREATE ROLE qm_test_victim;

SELECT plan(11);

CREATE SCHEMA evil;
-- Functions with the arguments of those that grant_right, revoke_right and the views might mean.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'quote_ident(text)', 'quote_ident(name)', 'format(text, text, regrole)', 'format(text, VARIADIC text[])', 'octet_length(text)',
        'clock_timestamp()', 'now()', 'right_objects(text)', 'grant_right(name, text, text)', 'revoke_right(name, text, text)', 'rights_changed()',
        'grant_trader(name, text)', 'try_xact_lock(text, interval)', 'lock_rows()', 'version()', 'texteq(text, text)', 'int4eq(integer, integer)',
        'pg_stat_get_activity(integer)', 'regrole(text)', 'hashtext(text)', 'hashtextextended(text, bigint)']
    LOOP
        EXECUTE format('CREATE FUNCTION evil.%s RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION ''hijacked by %s''; END $f$', signature, signature);
    END LOOP;
END $$;
CREATE FUNCTION evil.compare(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked by an operator'; END $$;
CREATE FUNCTION evil.compare(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked by an operator'; END $$;
CREATE FUNCTION evil.compare(regrole, regrole) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked by an operator'; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.compare);
CREATE OPERATOR evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.compare);
CREATE OPERATOR evil.> (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.compare);
CREATE OPERATOR evil.!~ (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.compare);
CREATE OPERATOR evil.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = evil.compare);
CREATE OPERATOR evil.= (LEFTARG = regrole, RIGHTARG = regrole, FUNCTION = evil.compare);
CREATE TABLE evil.role_right (role text, privilege text, account text);
CREATE TABLE evil.fence_floor (generation integer);
CREATE TABLE evil.force_unlock_log (key text);
CREATE VIEW evil.pg_stat_activity AS SELECT 1 / 0 AS pid;
CREATE VIEW evil.locks AS SELECT 1 / 0 AS pid;
CREATE DOMAIN evil.regrole AS text CHECK (VALUE = 'never');
CREATE DOMAIN evil.bigint AS integer;
CREATE DOMAIN evil.interval AS integer;
CREATE TEMP TABLE role_right (role text, privilege text, account text);
CREATE TEMP TABLE fence_floor (generation integer);
CREATE TEMP TABLE pg_stat_activity (pid text);
GRANT ALL ON SCHEMA evil TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA evil TO PUBLIC;

-- Everything under the hostile path; pgTAP looks at the findings under its own.
SET search_path = evil, pg_temp, pg_catalog, quantmesh;
SELECT quantmesh.grant_trader('qm_test_victim', 'acc') IS NULL AS granted \gset
SELECT quantmesh.grant_reader('qm_test_victim') IS NULL AS granted \gset
SELECT quantmesh.grant_operator('qm_test_victim') IS NULL AS granted \gset
SET ROLE qm_test_victim;
SELECT quantmesh.try_lock('order:acc:S:1') AS f1 \gset
SELECT quantmesh.xact_lock_many(ARRAY['order:acc:S:2', 'b']) AS f2 \gset
SELECT quantmesh.try_lease('h:lease', 'one', '20 s'::pg_catalog.interval) AS f3 \gset
SELECT count(*) AS seen FROM quantmesh.locks \gset
SELECT count(*) AS waits FROM quantmesh.lock_waits \gset
SELECT count(*) AS metrics FROM quantmesh.lock_metrics \gset
SELECT length(quantmesh.prometheus()) AS scraped \gset
SELECT quantmesh.order_key('acc', 'S', 90123.4) AS key \gset
SELECT quantmesh.force_unlock('h:lease', 'test') AS forced \gset
SELECT quantmesh.raise_fence('test') AS generation \gset
SELECT quantmesh.unlock('order:acc:S:1') AS unlocked \gset
RESET ROLE;
SELECT quantmesh.revoke_operator('qm_test_victim') AS r1, quantmesh.revoke_reader('qm_test_victim') AS r2, quantmesh.revoke_trader('qm_test_victim', 'acc') AS r3 \gset
RESET search_path;

SELECT ok(:f1 > 0 AND :f2 > :f1 AND :f3 > :f2, 'locks and leases are granted');
SELECT is(:seen::bigint, 2::bigint, 'the view shows them');
SELECT ok(:scraped > 100 AND :metrics >= 2, 'metrics are read');
SELECT is(:'key'::text, 'order:acc:S:90120', 'order_key rounds');
SELECT ok(:'forced' AND :'unlocked', 'force_unlock and unlock work');
SELECT ok(:'r1' AND :'r2' AND :'r3', 'grants were made and taken back');
SELECT is_empty('SELECT * FROM evil.role_right UNION ALL SELECT * FROM pg_temp.role_right', 'the hostile role_right stays empty');
SELECT is_empty('SELECT generation::text FROM evil.fence_floor UNION ALL SELECT generation::text FROM pg_temp.fence_floor UNION ALL SELECT key FROM evil.force_unlock_log',
                'and so do the other hostile tables');
SELECT is((SELECT count(*) FROM quantmesh.force_unlock_log WHERE operator = session_user), 1::bigint, 'records went where they belong');
SELECT ok((SELECT count(*) FROM quantmesh.fence_floor WHERE generation = :generation) = 1, 'fences too');
DROP ROLE qm_test_victim;

-- A role that may create objects in the database gains nothing from a schema named like ours in its path.
SELECT throws_ok('CREATE SCHEMA quantmesh', '42P06', NULL, 'the schema quantmesh is taken');

SELECT * FROM finish();
