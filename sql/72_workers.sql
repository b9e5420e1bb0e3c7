-- Background workers, as people and dashboards see them.

CREATE FUNCTION quantmesh.worker_rows(OUT kind text, OUT pid integer, OUT database name, OUT state text, OUT since timestamptz, OUT passes bigint,
    OUT last_pass timestamptz, OUT last_pass_ms double precision, OUT lag interval, OUT errors bigint, OUT last_error text, OUT last_error_at timestamptz,
    OUT restarts bigint, OUT next_start timestamptz)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_worker_rows';
COMMENT ON FUNCTION quantmesh.worker_rows() IS 'Rows of the view quantmesh.workers.';

CREATE VIEW quantmesh.workers AS SELECT * FROM quantmesh.worker_rows();
COMMENT ON VIEW quantmesh.workers IS 'Background workers of this server: the launcher, and a coordinator for each database of quantmesh.databases.';
COMMENT ON COLUMN quantmesh.workers.kind IS 'launcher or coordinator.';
COMMENT ON COLUMN quantmesh.workers.pid IS 'Its process; NULL while it is not running.';
COMMENT ON COLUMN quantmesh.workers.database IS 'The database that it works in; NULL for the launcher, which needs none.';
COMMENT ON COLUMN quantmesh.workers.state IS
    'running; no extension, version mismatch: it is idle, the log says what to do; starting, connecting; backoff: it ended early and is started again at next_start; no database, database closed (allows no connections), database busy (is being dropped, altered or copied), no worker slot: looked at again every few seconds.';
COMMENT ON COLUMN quantmesh.workers.since IS 'Since when it is in this state.';
COMMENT ON COLUMN quantmesh.workers.passes IS 'Passes of the database''s coordinators since the server started or the database was listed.';
COMMENT ON COLUMN quantmesh.workers.last_pass IS 'When the last pass ended.';
COMMENT ON COLUMN quantmesh.workers.last_pass_ms IS 'How long it took, in ms.';
COMMENT ON COLUMN quantmesh.workers.lag IS 'How long ago that is: not much more than quantmesh.worker_naptime while all is well.';
COMMENT ON COLUMN quantmesh.workers.errors IS 'Steps that failed.';
COMMENT ON COLUMN quantmesh.workers.last_error IS 'The step that failed last, and why. The log has each message once.';
COMMENT ON COLUMN quantmesh.workers.last_error_at IS 'When that was.';
COMMENT ON COLUMN quantmesh.workers.restarts IS 'How often a coordinator was started again.';
COMMENT ON COLUMN quantmesh.workers.next_start IS 'When one is started, or what it needs is looked at again; NULL while it runs.';

CREATE FUNCTION quantmesh.worker_notice() RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_worker_notice';
COMMENT ON FUNCTION quantmesh.worker_notice() IS 'Says in a NOTICE what has to be set so that a coordinator works in this database, if anything has. CREATE EXTENSION calls it.';
SELECT quantmesh.worker_notice();
