-- Shows that a lock belongs to the subtransaction that took it, also when a cursor of an outer one did, and that what
-- drops session locks behind our back is noticed when transaction locks are on the same keys.
SELECT plan(18);

-- How many locks of this backend the server itself knows.
CREATE FUNCTION server_locks() RETURNS bigint LANGUAGE sql AS
    $$ SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 20813 AND pid = pg_backend_pid() $$;
CREATE FUNCTION our_locks() RETURNS bigint LANGUAGE sql AS
    $$ SELECT count(*) FROM quantmesh.locks WHERE pid = pg_backend_pid() $$;

-- An outer cursor that is fetched from behind a savepoint.
BEGIN;
DECLARE c CURSOR FOR SELECT quantmesh.try_xact_lock('p:' || n, '0') FROM generate_series(1, 10) AS n;
FETCH 2 FROM c \g /dev/null
SAVEPOINT s;
FETCH 3 FROM c \g /dev/null
SELECT is(server_locks(), 5::bigint, 'the server has all five');
SELECT is(our_locks(), 5::bigint, 'and so have we');
ROLLBACK TO s;
SELECT is(server_locks(), 2::bigint, 'ROLLBACK TO gives up what was fetched behind the savepoint');
SELECT is(our_locks(), 2::bigint, 'and the view agrees');
COMMIT;
SELECT is(server_locks() + our_locks(), 0::numeric::bigint, 'COMMIT gives up the rest');

-- One that fails there.
BEGIN;
DECLARE c CURSOR FOR SELECT quantmesh.try_xact_lock('f:' || n, '0'), 1 / (3 - n) FROM generate_series(1, 10) AS n;
FETCH 2 FROM c \g /dev/null
SAVEPOINT s;
\set ON_ERROR_STOP off
\set VERBOSITY sqlstate
FETCH 3 FROM c \g /dev/null
ROLLBACK TO s;
\set ON_ERROR_STOP on
SELECT is(server_locks(), 2::bigint, 'a cursor that fails behind a savepoint keeps its older locks');
SELECT is(our_locks(), 2::bigint, 'and the view agrees');
COMMIT;
SELECT is(server_locks() + our_locks(), 0::numeric::bigint, 'until COMMIT');

-- The same in PL/pgSQL.
BEGIN;
DO $$
DECLARE
    c CURSOR FOR SELECT quantmesh.try_xact_lock('d:' || n, '0') FROM generate_series(1, 4) AS n;
    fence bigint;
BEGIN
    OPEN c;
    FETCH c INTO fence;
    BEGIN
        FETCH c INTO fence;
        RAISE 'out';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    END;
    FETCH c INTO fence;
END $$;
SELECT is(server_locks(), 2::bigint, 'an exception block gives up what was fetched in it');
SELECT is(our_locks(), 2::bigint, 'and the view agrees');
ROLLBACK;
SELECT is(server_locks() + our_locks(), 0::numeric::bigint, 'ROLLBACK gives up all');

-- A session lock that is dropped while a transaction lock is on the same key.
SELECT quantmesh.try_lock('s:a', '0') \g /dev/null
BEGIN;
SELECT quantmesh.try_xact_lock('s:a', '0') \g /dev/null
SELECT pg_advisory_unlock_all() \g /dev/null
SELECT is(server_locks(), 1::bigint, 'the transaction lock is left');
COMMIT;
SELECT is(server_locks(), 0::bigint, 'and goes with the transaction');
SELECT is(our_locks(), 0::bigint, 'no hold is left of either');

-- A lease that is released and acquired again in one transaction stays.
BEGIN;
SELECT quantmesh.try_lease('s:l', 'me', '20s') AS f \gset
SELECT quantmesh.release_lease('s:l', 'me', :f) \g /dev/null
SELECT is(quantmesh.try_lease('s:l', 'me', '20s'), :f::bigint, 'the owner has the lease again, under the same fence');
COMMIT;
SELECT is(quantmesh.renew_lease('s:l', 'me', :f), true, 'so it is still there after COMMIT');

-- What is counted.
SELECT quantmesh.reset_metrics() \g /dev/null
SELECT is((SELECT lock_holder.mode FROM quantmesh.lock_holder('s:l')), 'lease', 'the lease has a holder');
SELECT is(quantmesh.release_lease('s:l', 'me', :f), true, 'and is given back');

SELECT * FROM finish();
