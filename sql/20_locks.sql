-- Transaction and session locks. Plain C: neither SECURITY DEFINER nor SET, which would cost on every call.

CREATE FUNCTION quantmesh.version() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'qm_version';
COMMENT ON FUNCTION quantmesh.version() IS 'Version of the loaded library; compare it with pg_extension.extversion.';

CREATE FUNCTION quantmesh.order_key(account text, symbol text, price numeric, level_width numeric DEFAULT NULL) RETURNS text
    LANGUAGE C IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'qm_order_key';
COMMENT ON FUNCTION quantmesh.order_key(text, text, numeric, numeric) IS
    'Lock key order:<account>:<symbol>:<level>. The level is the price rounded down to four significant digits, or to a multiple of level_width where that is given. 22023 or 22004 on bad input.';

CREATE FUNCTION quantmesh.try_xact_lock(key text, ttl interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_try_xact_lock';
COMMENT ON FUNCTION quantmesh.try_xact_lock(text, interval) IS
    'Locks key until the end of the transaction. Returns the fence, or NULL when somebody else has it. ttl: NULL takes the default of the key''s class, 0 means none.';

CREATE FUNCTION quantmesh.xact_lock(key text, ttl interval DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_xact_lock';
COMMENT ON FUNCTION quantmesh.xact_lock(text, interval, interval) IS
    'Locks key until the end of the transaction, waiting in arrival order. Returns the fence, or NULL after timeout (NULL waits without limit; lock_timeout still applies). 40P01 on deadlock.';

CREATE FUNCTION quantmesh.try_xact_lock_many(keys text[], ttl interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_try_xact_lock_many';
COMMENT ON FUNCTION quantmesh.try_xact_lock_many(text[], interval) IS
    'Locks all keys until the end of the transaction, or none. Returns their one fence, or NULL when any of them is taken.';

CREATE FUNCTION quantmesh.xact_lock_many(keys text[], ttl interval DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_xact_lock_many';
COMMENT ON FUNCTION quantmesh.xact_lock_many(text[], interval, interval) IS
    'Locks all keys until the end of the transaction, waiting for each in one fixed order. Returns their one fence, or NULL after timeout, then holding none of them.';

CREATE FUNCTION quantmesh.try_lock(key text, ttl interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_try_lock';
COMMENT ON FUNCTION quantmesh.try_lock(text, interval) IS
    'Locks key until unlock or disconnect. Returns the fence, or NULL when somebody else has it. Not for connections behind a pooler in transaction mode: use a lease there.';

CREATE FUNCTION quantmesh.lock(key text, ttl interval DEFAULT NULL, timeout interval DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock';
COMMENT ON FUNCTION quantmesh.lock(text, interval, interval) IS
    'Locks key until unlock or disconnect, waiting in arrival order. Returns the fence, or NULL after timeout. CALL quantmesh.acquire waits without holding a snapshot.';

CREATE PROCEDURE quantmesh.acquire(key text, ttl interval DEFAULT NULL, timeout interval DEFAULT NULL, INOUT fence bigint DEFAULT NULL)
    LANGUAGE C AS 'MODULE_PATHNAME', 'qm_acquire';
COMMENT ON PROCEDURE quantmesh.acquire(text, interval, interval, bigint) IS
    'Like lock, but waits without a snapshot, so that a long wait does not hold back vacuum. 2D000 inside a transaction block.';

CREATE FUNCTION quantmesh.unlock(key text) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_unlock';
COMMENT ON FUNCTION quantmesh.unlock(text) IS
    'Releases one session lock on key at once. Returns false when this session has none. Commit first: the next holder does not see uncommitted work.';

CREATE FUNCTION quantmesh.extend(key text, ttl interval DEFAULT NULL) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_extend';
COMMENT ON FUNCTION quantmesh.extend(text, interval) IS
    'Lets the lock that this session holds on key live until ttl from now, never shorter than before; 0 removes the limit. Returns false when this session does not hold it.';

CREATE FUNCTION quantmesh.is_locked(key text) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_is_locked';
COMMENT ON FUNCTION quantmesh.is_locked(text) IS 'Whether anybody, this session included, holds key in any mode.';

CREATE FUNCTION quantmesh.lock_holder(key text, OUT mode text, OUT pid integer, OUT owner text, OUT fence bigint,
                                      OUT acquired_at timestamptz, OUT ttl_left interval) RETURNS record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock_holder_sql';
COMMENT ON FUNCTION quantmesh.lock_holder(text) IS
    'Who holds key: mode (transaction, session, lease), backend (NULL for a lease), owner of a lease, fence, since when, time left (NULL without TTL). NULLs when nobody does.';

CREATE FUNCTION quantmesh.force_unlock(key text, reason text) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'qm_force_unlock';
COMMENT ON FUNCTION quantmesh.force_unlock(text, text) IS
    'Takes key from its holder: ends the backend, or the lease. Returns true once it is free, false when nobody held it or the holder is committing. The server log has it at once; the row of force_unlock_log commits with the caller''s transaction. Operators only.';

CREATE FUNCTION quantmesh.raise_fence(reason text) RETURNS integer
    LANGUAGE C VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'qm_raise_fence';
COMMENT ON FUNCTION quantmesh.raise_fence(text) IS
    'Raises the generation of all later fences of this database, at once and not undone by ROLLBACK, and returns it. The reason has at most 111 bytes. Run it after a storage snapshot has been started as a second server. A failover that loses more than seven such calls can repeat fences. Operators only.';
