-- Leases: locks that belong to a named owner instead of a connection.

CREATE FUNCTION quantmesh.try_lease(key text, owner text, ttl interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_try_lease';
COMMENT ON FUNCTION quantmesh.try_lease(text, text, interval) IS
    'Leases key to owner (1 to 128 bytes) for ttl, or renews the owner''s lease. Returns the fence, or NULL when somebody else has key or leases are still closed after a crash or promotion. Not undone by ROLLBACK.';

CREATE FUNCTION quantmesh.lease(key text, owner text, ttl interval DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lease';
COMMENT ON FUNCTION quantmesh.lease(text, text, interval, interval) IS
    'Like try_lease, but waits up to timeout, in arrival order. The timeout must be given: a wait for a lease is outside deadlock detection.';

CREATE FUNCTION quantmesh.renew_lease(key text, owner text, fence bigint, ttl interval DEFAULT NULL) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_renew_lease';
COMMENT ON FUNCTION quantmesh.renew_lease(text, text, bigint, interval) IS
    'Lets the lease live until ttl from now, never shorter than before. Returns false when owner no longer holds key under this fence: stop working.';

CREATE FUNCTION quantmesh.release_lease(key text, owner text, fence bigint) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_release_lease';
COMMENT ON FUNCTION quantmesh.release_lease(text, text, bigint) IS
    'Gives the lease back when this transaction commits; ROLLBACK keeps it. Returns false when owner no longer holds key under this fence.';

CREATE FUNCTION quantmesh.guard(key text, fence bigint) RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_guard';
COMMENT ON FUNCTION quantmesh.guard(text, bigint) IS
    'Ties this transaction to a lease: unless key is still leased under this fence, guard or COMMIT fails with QM001. Survives ROLLBACK TO.';
