# shellcheck shell=bash
#
# Locks: try_xact_lock(text) against pg_try_advisory_xact_lock(bigint). 1 client; 8 clients, each with a key of its own,
# which measures cost; 8 clients on one key, which also measures how being refused compares.

locks_ours() { locks_run try_xact_lock; }
locks_theirs() { locks_run pg_try_advisory_xact_lock; }

# locks_run SCRIPT runs one contender. pgbench replaces :name even inside literals, so the key comes with -D and each
# client puts its own together once, before its first transaction.
locks_run() {
    measure "test/bench/$1.sql" "$clients" 1 -D ready=0 -D "distinct=$distinct" -D prefix=order:binance:BTCUSDT:
}

# part_locks measures the three lines.
part_locks() {
    local distinct=1
    qm_cluster_start locks max_connections=50
    psql -qc "CREATE EXTENSION quantmesh"
    lines_begin "try_xact_lock(text) against pg_try_advisory_xact_lock(bigint)"
    line "1 client" 1 0.90 locks_ours locks_theirs
    line "8 clients, a key each" 8 0.90 locks_ours locks_theirs
    distinct=0
    line "8 clients, one key" 8 0.90 locks_ours locks_theirs
    qm_cluster_stop locks
}
