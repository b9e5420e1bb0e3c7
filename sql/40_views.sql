-- What people and dashboards read. Each view is one C function; times are of the server's clock.

CREATE FUNCTION quantmesh.lock_rows(OUT key text, OUT class text, OUT account text, OUT symbol text, OUT mode text, OUT state text,
    OUT pid integer, OUT owner text, OUT fence bigint, OUT acquired_at timestamptz, OUT ttl_left interval, OUT waiters integer)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock_rows';
COMMENT ON FUNCTION quantmesh.lock_rows() IS 'Rows of the view quantmesh.locks, without what pg_stat_activity adds.';

CREATE VIEW quantmesh.locks AS
    SELECT l.key, l.class, l.account, l.symbol, l.mode, l.state, l.fence, l.acquired_at, l.ttl_left,
           l.pid, a.usename AS username, a.application_name, l.owner AS instance, l.waiters
    FROM quantmesh.lock_rows() AS l
    LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid OPERATOR(pg_catalog.=) l.pid;
COMMENT ON VIEW quantmesh.locks IS 'Who holds what in this database, since when, and how many wait for it.';
COMMENT ON COLUMN quantmesh.locks.key IS 'The lock key, in full.';
COMMENT ON COLUMN quantmesh.locks.class IS 'order, cancel, reconcile or custom.';
COMMENT ON COLUMN quantmesh.locks.account IS 'Account in the key; NULL for custom keys.';
COMMENT ON COLUMN quantmesh.locks.symbol IS 'Symbol in the key; NULL where it has none.';
COMMENT ON COLUMN quantmesh.locks.mode IS 'transaction, session or lease.';
COMMENT ON COLUMN quantmesh.locks.state IS 'held; committing: never ended for its TTL; overrun: its backend has been told to end.';
COMMENT ON COLUMN quantmesh.locks.fence IS 'The number that the grant got; larger than every earlier one.';
COMMENT ON COLUMN quantmesh.locks.acquired_at IS 'When it was granted.';
COMMENT ON COLUMN quantmesh.locks.ttl_left IS 'Time until the TTL ends, negative when it has; NULL without TTL.';
COMMENT ON COLUMN quantmesh.locks.pid IS 'Backend that holds it; NULL for a lease.';
COMMENT ON COLUMN quantmesh.locks.username IS 'User of that backend.';
COMMENT ON COLUMN quantmesh.locks.application_name IS 'application_name of that backend.';
COMMENT ON COLUMN quantmesh.locks.instance IS 'Owner of a lease; NULL for other modes.';
COMMENT ON COLUMN quantmesh.locks.waiters IS 'How many backends wait for the key.';

CREATE FUNCTION quantmesh.lock_wait_rows(OUT key text, OUT waiter_pid integer, OUT waiter_mode text, OUT waiting interval,
    OUT waits_for text, OUT holder_mode text, OUT holder_pid integer, OUT holder_owner text, OUT holder_fence bigint, OUT holder_since timestamptz)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock_wait_rows';
COMMENT ON FUNCTION quantmesh.lock_wait_rows() IS 'Rows of the view quantmesh.lock_waits, without what pg_stat_activity adds.';

CREATE VIEW quantmesh.lock_waits AS
    SELECT w.key, w.waiter_pid, wa.application_name AS waiter_application_name, w.waiter_mode, w.waiting, w.waits_for,
           w.holder_pid, ha.application_name AS holder_application_name, w.holder_mode, w.holder_owner, w.holder_fence, w.holder_since
    FROM quantmesh.lock_wait_rows() AS w
    LEFT JOIN pg_catalog.pg_stat_activity AS wa ON wa.pid OPERATOR(pg_catalog.=) w.waiter_pid
    LEFT JOIN pg_catalog.pg_stat_activity AS ha ON ha.pid OPERATOR(pg_catalog.=) w.holder_pid;
COMMENT ON VIEW quantmesh.lock_waits IS 'Who waits for whom right now, and for how long, longest first.';
COMMENT ON COLUMN quantmesh.lock_waits.key IS 'The lock key, in full.';
COMMENT ON COLUMN quantmesh.lock_waits.waiter_pid IS 'The backend that waits.';
COMMENT ON COLUMN quantmesh.lock_waits.waiter_application_name IS 'Its application_name.';
COMMENT ON COLUMN quantmesh.lock_waits.waiter_mode IS 'The mode that it wants: transaction, session or lease.';
COMMENT ON COLUMN quantmesh.lock_waits.waiting IS 'How long it has waited.';
COMMENT ON COLUMN quantmesh.lock_waits.waits_for IS 'lock: it is in the queue; lease: it is first and waits for a lease to end; grace: leases are closed after a crash or promotion.';
COMMENT ON COLUMN quantmesh.lock_waits.holder_pid IS 'Backend of the holder; NULL for a lease, or when the holder has just gone.';
COMMENT ON COLUMN quantmesh.lock_waits.holder_application_name IS 'Its application_name.';
COMMENT ON COLUMN quantmesh.lock_waits.holder_mode IS 'Mode of the holder.';
COMMENT ON COLUMN quantmesh.lock_waits.holder_owner IS 'Owner of the lease that is waited for.';
COMMENT ON COLUMN quantmesh.lock_waits.holder_fence IS 'Fence of the holder.';
COMMENT ON COLUMN quantmesh.lock_waits.holder_since IS 'Since when the holder has it.';

CREATE FUNCTION quantmesh.lock_metric_rows(OUT label text, OUT class text, OUT account text, OUT symbol text,
    OUT acquired bigint, OUT skipped bigint, OUT failed bigint, OUT conflicts bigint, OUT overruns bigint,
    OUT holds bigint, OUT hold_p50_ms double precision, OUT hold_p95_ms double precision, OUT hold_p99_ms double precision, OUT hold_max_ms double precision,
    OUT waits bigint, OUT wait_p50_ms double precision, OUT wait_p95_ms double precision, OUT wait_p99_ms double precision, OUT wait_max_ms double precision,
    OUT stats_reset timestamptz)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock_metric_rows';
COMMENT ON FUNCTION quantmesh.lock_metric_rows() IS 'Rows of the view quantmesh.lock_metrics.';

CREATE VIEW quantmesh.lock_metrics AS SELECT * FROM quantmesh.lock_metric_rows();
COMMENT ON VIEW quantmesh.lock_metrics IS
    'Counters and times of locks by class, account and symbol since stats_reset. When quantmesh.max_lock_labels are in use, further labels are counted under other.';
COMMENT ON COLUMN quantmesh.lock_metrics.label IS 'class:account:symbol, as in the Prometheus label key; custom; or other.';
COMMENT ON COLUMN quantmesh.lock_metrics.class IS 'order, cancel, reconcile, custom, or other.';
COMMENT ON COLUMN quantmesh.lock_metrics.account IS 'Account, or NULL.';
COMMENT ON COLUMN quantmesh.lock_metrics.symbol IS 'Symbol, or NULL.';
COMMENT ON COLUMN quantmesh.lock_metrics.acquired IS 'Attempts that were granted, re-acquisitions included.';
COMMENT ON COLUMN quantmesh.lock_metrics.skipped IS 'Tries that found the key busy.';
COMMENT ON COLUMN quantmesh.lock_metrics.failed IS 'Attempts that ended in timeout, deadlock, cancellation, a cap or another error.';
COMMENT ON COLUMN quantmesh.lock_metrics.conflicts IS 'Attempts that found the key busy, whether they skipped or waited.';
COMMENT ON COLUMN quantmesh.lock_metrics.overruns IS 'Holds that went beyond their TTL.';
COMMENT ON COLUMN quantmesh.lock_metrics.holds IS 'Holds that have ended: the sample of the hold times.';
COMMENT ON COLUMN quantmesh.lock_metrics.hold_p50_ms IS 'Median hold time in ms, from the histogram.';
COMMENT ON COLUMN quantmesh.lock_metrics.hold_p95_ms IS '95th percentile of the hold time in ms.';
COMMENT ON COLUMN quantmesh.lock_metrics.hold_p99_ms IS '99th percentile of the hold time in ms.';
COMMENT ON COLUMN quantmesh.lock_metrics.hold_max_ms IS 'Longest hold in ms.';
COMMENT ON COLUMN quantmesh.lock_metrics.waits IS 'Attempts that waited: the sample of the wait times.';
COMMENT ON COLUMN quantmesh.lock_metrics.wait_p50_ms IS 'Median wait in ms, from the histogram.';
COMMENT ON COLUMN quantmesh.lock_metrics.wait_p95_ms IS '95th percentile of the wait in ms.';
COMMENT ON COLUMN quantmesh.lock_metrics.wait_p99_ms IS '99th percentile of the wait in ms.';
COMMENT ON COLUMN quantmesh.lock_metrics.wait_max_ms IS 'Longest wait in ms.';
COMMENT ON COLUMN quantmesh.lock_metrics.stats_reset IS 'Since when these numbers count.';

CREATE FUNCTION quantmesh.lock_conflict_rows(OUT at timestamptz, OUT key text, OUT waiter_pid integer, OUT waiter_mode text, OUT outcome text,
    OUT waited interval, OUT holder_mode text, OUT holder_pid integer, OUT holder_owner text, OUT holder_fence bigint)
    RETURNS SETOF record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_lock_conflict_rows';
COMMENT ON FUNCTION quantmesh.lock_conflict_rows() IS 'Rows of the view quantmesh.lock_conflicts.';

CREATE VIEW quantmesh.lock_conflicts AS SELECT * FROM quantmesh.lock_conflict_rows();
COMMENT ON VIEW quantmesh.lock_conflicts IS
    'The most recent conflicts of this database, newest first: who waited for or skipped over whom. The server keeps the last quantmesh.conflict_history of them.';
COMMENT ON COLUMN quantmesh.lock_conflicts.at IS 'When the attempt ended.';
COMMENT ON COLUMN quantmesh.lock_conflicts.key IS 'The lock key, in full.';
COMMENT ON COLUMN quantmesh.lock_conflicts.waiter_pid IS 'The backend that found the key busy.';
COMMENT ON COLUMN quantmesh.lock_conflicts.waiter_mode IS 'The mode that it wanted.';
COMMENT ON COLUMN quantmesh.lock_conflicts.outcome IS 'skipped, granted, timeout or error (deadlock, cancellation, end of the backend).';
COMMENT ON COLUMN quantmesh.lock_conflicts.waited IS 'How long it waited.';
COMMENT ON COLUMN quantmesh.lock_conflicts.holder_mode IS 'Mode of whoever held it at first; NULL when that had just gone.';
COMMENT ON COLUMN quantmesh.lock_conflicts.holder_pid IS 'Its backend; NULL for a lease.';
COMMENT ON COLUMN quantmesh.lock_conflicts.holder_owner IS 'Owner of the lease.';
COMMENT ON COLUMN quantmesh.lock_conflicts.holder_fence IS 'Its fence.';

CREATE FUNCTION quantmesh.engine_row(OUT library_version text, OUT launcher_pid integer, OUT fence_generation integer, OUT fence_counter bigint, OUT fence_counter_durable bigint,
    OUT lease_grace_left interval, OUT leases integer, OUT leases_max integer, OUT locks_reserved integer, OUT locks_max integer,
    OUT lock_labels integer, OUT lock_labels_max integer, OUT stuck_holders bigint, OUT stats_reset timestamptz)
    RETURNS record LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_engine_row';
COMMENT ON FUNCTION quantmesh.engine_row() IS 'The row of the view quantmesh.lock_engine.';

CREATE VIEW quantmesh.lock_engine AS SELECT * FROM quantmesh.engine_row();
COMMENT ON VIEW quantmesh.lock_engine IS 'State of the lock engine of this server: launcher, fences, grace, and how full its tables are.';
COMMENT ON COLUMN quantmesh.lock_engine.library_version IS 'Version of the loaded library.';
COMMENT ON COLUMN quantmesh.lock_engine.launcher_pid IS 'The launcher; NULL while it is not running.';
COMMENT ON COLUMN quantmesh.lock_engine.fence_generation IS 'Generation of the latest fences: their upper 15 bits. NULL on a server that has granted none.';
COMMENT ON COLUMN quantmesh.lock_engine.fence_counter IS 'The next number of the fence counter: the lower 48 bits.';
COMMENT ON COLUMN quantmesh.lock_engine.fence_counter_durable IS 'Numbers below this are durable; a crash continues from here.';
COMMENT ON COLUMN quantmesh.lock_engine.lease_grace_left IS 'For how long no lease is granted yet after a crash or promotion; NULL when leases are open.';
COMMENT ON COLUMN quantmesh.lock_engine.leases IS 'Leases in the server''s table.';
COMMENT ON COLUMN quantmesh.lock_engine.leases_max IS 'quantmesh.max_leases.';
COMMENT ON COLUMN quantmesh.lock_engine.locks_reserved IS 'Transaction and session locks that are held or waited for in this server.';
COMMENT ON COLUMN quantmesh.lock_engine.locks_max IS 'Their limit: half of the server''s lock table.';
COMMENT ON COLUMN quantmesh.lock_engine.lock_labels IS 'Labels with metrics of their own.';
COMMENT ON COLUMN quantmesh.lock_engine.lock_labels_max IS 'quantmesh.max_lock_labels.';
COMMENT ON COLUMN quantmesh.lock_engine.stuck_holders IS 'Overrun holders that did not end within a second of being told to, since the server started.';
COMMENT ON COLUMN quantmesh.lock_engine.stats_reset IS 'When the lock metrics began to count.';

CREATE FUNCTION quantmesh.reset_metrics() RETURNS void
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_reset_metrics';
COMMENT ON FUNCTION quantmesh.reset_metrics() IS 'Sets the metrics of locks and orders and the conflict history of this database to zero. Operators only.';

CREATE FUNCTION quantmesh.prometheus() RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_prometheus';
COMMENT ON FUNCTION quantmesh.prometheus() IS 'All metrics of this database in the Prometheus text format 0.0.4.';
