-- Shows that DROP EXTENSION leaves nothing, that an installation refuses a schema that somebody else prepared, and
-- that a second installation works, with fences above those of the first.

SELECT plan(11);

SELECT quantmesh.try_xact_lock('i:a') AS f1 \gset
SELECT throws_ok('ALTER EXTENSION quantmesh SET SCHEMA public', '0A000', NULL, 'the extension does not move');
SELECT lives_ok('DROP EXTENSION quantmesh', 'DROP EXTENSION');
SELECT hasnt_schema('quantmesh'::name);
SELECT lives_ok('CREATE SCHEMA quantmesh', 'somebody prepares a schema of that name');
SELECT throws_ok('CREATE EXTENSION quantmesh', '42P06', NULL, 'then the installation fails');
SELECT lives_ok('DROP SCHEMA quantmesh', 'once it is gone');
SELECT throws_ok('CREATE EXTENSION quantmesh SCHEMA public', '0A000', NULL, 'not into another schema');
SELECT lives_ok('CREATE EXTENSION quantmesh', 'the extension can be installed again');
SELECT quantmesh.try_xact_lock('i:a') AS f2 \gset
SELECT ok(:f2 > :f1, 'and fences go on growing');
BEGIN;
SELECT quantmesh.try_xact_lock('i:a') \gset
DROP EXTENSION quantmesh;
COMMIT;
CREATE EXTENSION quantmesh;
SELECT is_empty('SELECT * FROM quantmesh.locks', 'DROP EXTENSION while locks are held leaves none behind');
SELECT ok(quantmesh.try_xact_lock('i:a') > :f2, 'and the next grant has a larger fence');

SELECT * FROM finish();
