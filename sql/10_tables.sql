-- Tables that live in dumps. They are written only by the functions of this extension.

CREATE TABLE quantmesh.fence_floor (
    counter_id  bigint NOT NULL,
    floor       integer NOT NULL CHECK (floor BETWEEN 0 AND 32767),
    generation  integer NOT NULL CHECK (generation BETWEEN 1 AND 32767),
    tag         text COLLATE "C" NOT NULL CHECK (tag ~ '^[0-9a-z]{4}$'),
    database    oid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    reason      text NOT NULL
);
COMMENT ON TABLE quantmesh.fence_floor IS
    'Fence generations used in this database. Append-only and dumped, so that a restored or upgraded server starts above every generation in it.';
COMMENT ON COLUMN quantmesh.fence_floor.counter_id IS 'The fence counter that used the generation; a new data directory has a new one.';
COMMENT ON COLUMN quantmesh.fence_floor.floor IS 'What that counter adds to eight times its timeline to get its generation.';
COMMENT ON COLUMN quantmesh.fence_floor.generation IS 'The generation: the upper 15 bits of its fences.';
COMMENT ON COLUMN quantmesh.fence_floor.tag IS 'Origin tag in the client order ids of orders placed under this generation: drawn at random, so that no two databases share ids.';
COMMENT ON COLUMN quantmesh.fence_floor.database IS 'The database that used it. A copy of the database, on the same server too, has another one, and a tag of its own.';
COMMENT ON COLUMN quantmesh.fence_floor.recorded_at IS 'When the generation was recorded.';
COMMENT ON COLUMN quantmesh.fence_floor.reason IS 'Why: first use, promotion, restore, or what the operator gave to raise_fence.';

CREATE TABLE quantmesh.role_right (
    role        regrole NOT NULL,
    privilege   text COLLATE "C" NOT NULL CHECK (privilege IN ('trader', 'operator', 'reader')),
    account     text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(account) BETWEEN 1 AND 128),
    granted_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    granted_by  name NOT NULL DEFAULT SESSION_USER,
    PRIMARY KEY (account, role, privilege)
);
COMMENT ON TABLE quantmesh.role_right IS
    'Who may trade which account: written by grant_trader, grant_operator, grant_reader and their revocations.';
COMMENT ON COLUMN quantmesh.role_right.role IS 'The role, or a group that it belongs to.';
COMMENT ON COLUMN quantmesh.role_right.privilege IS 'trader, operator or reader.';
COMMENT ON COLUMN quantmesh.role_right.account IS 'The account, or * for every account.';
COMMENT ON COLUMN quantmesh.role_right.granted_at IS 'When it was granted.';
COMMENT ON COLUMN quantmesh.role_right.granted_by IS 'Who granted it.';

CREATE TABLE quantmesh.force_unlock_log (
    at              timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    key             text COLLATE "C" NOT NULL,
    mode            text COLLATE "C" NOT NULL CHECK (mode IN ('transaction', 'session', 'lease')),
    pid             integer,
    owner           text,
    fence           bigint NOT NULL,
    operator        name NOT NULL,
    reason          text NOT NULL,
    freed           boolean NOT NULL
);
COMMENT ON TABLE quantmesh.force_unlock_log IS 'Locks that force_unlock took from their holders, with who did it and why. ROLLBACK of the caller removes the row, not the deed: the server log has all.';
COMMENT ON COLUMN quantmesh.force_unlock_log.at IS 'When.';
COMMENT ON COLUMN quantmesh.force_unlock_log.key IS 'The lock key.';
COMMENT ON COLUMN quantmesh.force_unlock_log.mode IS 'transaction, session or lease.';
COMMENT ON COLUMN quantmesh.force_unlock_log.pid IS 'The backend that was ended; NULL for a lease.';
COMMENT ON COLUMN quantmesh.force_unlock_log.owner IS 'The owner of the lease; NULL for other modes.';
COMMENT ON COLUMN quantmesh.force_unlock_log.fence IS 'The fence of the grant that was taken away.';
COMMENT ON COLUMN quantmesh.force_unlock_log.operator IS 'The session user that called force_unlock.';
COMMENT ON COLUMN quantmesh.force_unlock_log.reason IS 'The reason that was given.';
COMMENT ON COLUMN quantmesh.force_unlock_log.freed IS 'Whether the lock was free when force_unlock returned.';

SELECT pg_catalog.pg_extension_config_dump('quantmesh.fence_floor', '');
SELECT pg_catalog.pg_extension_config_dump('quantmesh.role_right', 'WHERE role IN (SELECT oid FROM pg_catalog.pg_roles)'); -- the number of a dropped role can be another role's where it is restored
SELECT pg_catalog.pg_extension_config_dump('quantmesh.force_unlock_log', '');
