-- Shows that the first locks of a database can be had in transactions that may not write, or that are rolled back, and
-- that their fences count nevertheless.
\set ON_ERROR_ROLLBACK off

BEGIN TRANSACTION READ ONLY;
SELECT quantmesh.try_xact_lock('r:a') AS f1 \gset
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE;
SELECT quantmesh.xact_lock_many(ARRAY['r:a', 'r:b'], NULL, '1 s') AS f2 \gset
COMMIT;
SET default_transaction_read_only = on;
SELECT quantmesh.try_lock('r:a') AS f3, quantmesh.try_lease('r:lease', 'one', '20 s') AS f4 \gset
SELECT count(*) AS seen FROM quantmesh.locks \gset
SELECT quantmesh.unlock('r:a') AND quantmesh.release_lease('r:lease', 'one', :f4) AS given_back \gset
RESET default_transaction_read_only;

SELECT plan(8);
SELECT ok(:f1 > 0, 'the first lock of a database, in a read-only transaction that is rolled back');
SELECT ok(:f2 > :f1, 'the next one has a larger fence');
SELECT ok(:f3 > :f2 AND :f4 > :f3, 'so have session locks and leases');
SELECT is(:seen::bigint, 2::bigint, 'the view shows them');
SELECT ok(:'given_back', 'they are given back');
SELECT ok(NOT EXISTS (SELECT FROM quantmesh.fence_floor WHERE generation > :f1::bigint >> 48), 'the table knows no larger generation');

BEGIN;
SELECT quantmesh.try_xact_lock('r:a') AS f1 \gset
SELECT quantmesh.raise_fence('rolled back') \gset
ROLLBACK;
SELECT ok(quantmesh.try_xact_lock('r:a') > :f1, 'fences grow when raise_fence is rolled back');
BEGIN;
SELECT quantmesh.raise_fence('in a transaction') AS generation \gset
SELECT quantmesh.try_xact_lock('r:a') AS f2 \gset
COMMIT;
SELECT ok(quantmesh.try_xact_lock('r:a') > :f2 AND :f2 > :f1, 'and when it is committed after a grant');

SELECT * FROM finish();
