-- Shows force_unlock of a lease with its record, and raise_fence. Ending a backend is shown by an isolation spec.
\set ON_ERROR_ROLLBACK off

SELECT plan(19);

SELECT is(quantmesh.force_unlock('f:free', 'nobody has it'), false, 'force_unlock of a free key says false');
SELECT is_empty('SELECT * FROM quantmesh.force_unlock_log', 'and records nothing');

SELECT quantmesh.try_lease('f:a', 'one', '20 s') AS f \gset
SELECT is(quantmesh.force_unlock('f:a', 'it''s "stuck"'), true, 'force_unlock of a lease says true');
SELECT ok(NOT quantmesh.is_locked('f:a'), 'the key is free');
SELECT results_eq($$ SELECT key, mode, pid, owner, fence, operator, reason, freed FROM quantmesh.force_unlock_log $$,
                  format($$ SELECT 'f:a'::text COLLATE "C", 'lease'::text COLLATE "C", NULL::integer, 'one'::text, %s::bigint, session_user::name, 'it''s "stuck"'::text, true $$, :f),
                  'and it is recorded who took what from whom, and why');
SELECT ok(at BETWEEN clock_timestamp() - interval '20 s' AND clock_timestamp(), 'with the time') FROM quantmesh.force_unlock_log;
SELECT is(quantmesh.renew_lease('f:a', 'one', :f), false, 'the owner can no longer renew');
SELECT is(quantmesh.release_lease('f:a', 'one', :f), false, 'nor release');
SELECT throws_ok(format($$ SELECT quantmesh.guard('f:a', %s) $$, :f), 'QM001', NULL, 'nor guard');
SELECT quantmesh.try_lease('f:a', 'one', '20 s') AS f2 \gset
SELECT ok(:f2 > :f, 'the next grant has a larger fence');
SELECT ok(quantmesh.release_lease('f:a', 'one', :f2), 'and is released');

-- Fences of a raised generation.
SELECT quantmesh.try_xact_lock('f:a') AS f1 \gset
SELECT quantmesh.raise_fence('started from a "snapshot"') AS generation \gset
SELECT quantmesh.try_xact_lock('f:a') AS f2 \gset
SELECT ok(:generation > (:f1::bigint >> 48), 'raise_fence returns a larger generation');
SELECT is(:f2::bigint >> 48, :generation::bigint, 'which later fences have');
SELECT ok(:f2 > :f1, 'so they are larger');
SELECT is((SELECT count(*) FROM quantmesh.fence_floor WHERE generation = :generation AND reason LIKE '%started from a "snapshot"%'), 1::bigint, 'it is recorded with its reason');
SELECT quantmesh.raise_fence('again') AS generation2 \gset
SELECT ok(:generation2 > :generation, 'it can be raised again');
SELECT is((SELECT max(generation) FROM quantmesh.fence_floor), :generation2, 'the table knows the largest');
SELECT is((SELECT fence_generation FROM quantmesh.lock_engine), :generation2, 'and so does lock_engine');

-- A lock that is held keeps its fence.
BEGIN;
SELECT quantmesh.try_xact_lock('f:held') AS f1 \gset
SELECT quantmesh.try_xact_lock('f:held') AS f2 \gset
SELECT is(:f2::bigint, :f1::bigint, 'within a generation nothing changes');
COMMIT;

SELECT * FROM finish();
