# shellcheck shell=bash
#
# History: place_order in a database with millions of finished orders against an empty one, in one cluster, and how long
# the first order after a start takes in each. Request ids come in order of time, as from a counter or a UUID of version 7,
# or at random, where each call touches a page of a large index; that costs every unique index alike, ours or not.

history_full() { history_run full; }
history_empty() { history_run empty; }

# history_run DATABASE runs place_order there, after what the run before has placed is gone. There is no checkpoint in
# between: a full table gets its new rows on pages that were emptied, and would log these whole, an empty one on new pages.
history_run() {
    export PGDATABASE=$1
    psql -qX -v ON_ERROR_STOP=1 -c "DELETE FROM quantmesh.orders
        WHERE account = 'binance' AND order_id = ANY (ARRAY(SELECT order_id FROM quantmesh.live_order))" \
        -c "TRUNCATE quantmesh.live_order" -c "VACUUM quantmesh.orders, quantmesh.live_order"
    orders_run place_order "$clients" 1 -D symbol=BTCUSDT
}

# history_fill stores finished orders of a year, in the order of their ids: seven in ten filled, the rest canceled. Their
# request ids are spread over the range from which place_order.sql draws random ones.
history_fill() {
    psql -qX -v ON_ERROR_STOP=1 -v "history=$history" <<'SQL'
INSERT INTO quantmesh.orders (account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, slot,
    strategy, owner, request_id, client_order_id, exchange_order_id, state, cancel_state, live, holds_slot, exposed, fence,
    filled_quantity, filled_quote, reported_quantity, send_before, created_at, submitted_at, opened_at, ended_at, updated_at)
SELECT 'binance', i, CASE WHEN i % 4 = 0 THEN 'ETHUSDT' ELSE 'BTCUSDT' END, CASE WHEN i % 2 = 0 THEN 'buy' ELSE 'sell' END,
    'limit', 'gtc', price, 0.01, false, false, price::text,
    '', 'trader', (1000000000000000000 + i * (700000000000000000 / :history))::text, 'qhist' || i || 'a0', i::text,
    CASE WHEN filled THEN 'filled' ELSE 'canceled' END, CASE WHEN filled THEN 'none' ELSE 'done' END, false, false, false, i,
    CASE WHEN filled THEN 0.01 ELSE 0 END, CASE WHEN filled THEN 0.01 * price ELSE 0 END, CASE WHEN filled THEN 0.01 ELSE 0 END,
    t + '2 s', t, t, t + '10 ms', t + '1 min', t + '1 min'
FROM generate_series(1, :history::bigint) AS i,
    LATERAL (SELECT 20000 + i * 7919 % 6000000 * 0.01 AS price, i % 10 < 7 AS filled,
        timestamptz '2025-01-01' + i * (interval '1 year' / :history::float8) AS t) AS o;
VACUUM ANALYZE quantmesh.orders, quantmesh.live_order;
SQL
}

# history_log_whole_pages on|off says whether the first change of a page after a checkpoint logs all of it, and makes a
# checkpoint of which that is true: the checkpointer learns of it in its own time.
history_log_whole_pages() {
    psql -qX -d full -c "ALTER SYSTEM SET full_page_writes = $1" -c "SELECT pg_reload_conf()" >/dev/null
    for _ in {1..100}; do
        psql -qX -d full -c "CHECKPOINT"
        if [[ $(psql -AtX -d full -c "SELECT full_page_writes = '$1' FROM pg_control_checkpoint()") == t ]]; then return; fi
        sleep 0.1
    done
    qm_fail "full_page_writes does not become $1"
}

# history_first_order prints how many milliseconds the first order after a start takes in a database, in a session that
# has read the catalogs before.
history_first_order() {
    psql -AtX -d "$1" -U trader <<SQL | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
SELECT quantmesh.version() \g /dev/null
\timing on
SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 60000 + $RANDOM * 0.01, 0.01) \g /dev/null
SQL
}

# history_first_orders starts the server again a few times and prints the median times of first orders.
history_first_orders() {
    local database time
    for database in full empty; do
        for _ in 1 2 3 4 5; do
            qm_cluster_stop history
            qm_cluster_start history
            time=$(history_first_order "$database")
            [[ -n $time ]] || qm_fail "no first order in database $database"
            echo "$time"
        done | tee >(awk -v "database=$database" '{ printf "history,\"first order after a start, database %s\",1,%d,ours,ms,%s\n", database, NR, $1 }' >&3) |
            sort -g | awk -v "database=$database" '
            { ms[NR] = $1 }
            END { printf "first order after a start, database %s: median %.1f ms, range %.1f to %.1f\n", database, ms[3], ms[1], ms[NR] }'
    done
}

# history_begin SETTING... starts the cluster with two databases, of which "full" has the finished orders, for this part and
# for part_reconcile: whichever is first fills it. Nothing is archived, as old as they are.
history_begin() {
    local filled=$QM_SCRATCH/history/filled
    qm_cluster_start history quantmesh.keep_orders=0 "$@" "${orders_settings[@]}"
    PGDATABASE=full
    if [[ -e $filled ]]; then return; fi
    for PGDATABASE in empty full; do
        createdb "$PGDATABASE"
        orders_create
    done
    history_fill
    : >"$filled"
}

# history_end fails unless all finished orders are still there, and stops the cluster.
history_end() {
    local count
    count=$(psql -AtX -d full -c "SELECT count(*) FROM quantmesh.orders WHERE NOT live")
    [[ $count -eq $history ]] || qm_fail "$history orders have ended, and the table shows $count"
    qm_cluster_stop history
}

# part_history measures the lines, and first orders.
part_history() {
    local account=binance requests=0
    history_begin fsync=off quantmesh.databases=full,empty
    psql -qX -d empty -c "VACUUM ANALYZE quantmesh.orders, quantmesh.live_order" -c "CHECKPOINT"
    lines_begin "place_order with $history finished orders in the table against an empty one"
    line "1 client, fsync off" 1 0.90 history_full history_empty
    line "8 clients, fsync off" 8 0.90 history_full history_empty
    requests=1
    line "1 client, request ids in time, fsync off" 1 0.90 history_full history_empty
    requests=2
    line "1 client, random request ids, fsync off" 1 0.90 history_full history_empty
    history_log_whole_pages off
    line "1 client, random request ids, pages not logged whole, fsync off" 1 "" history_full history_empty
    history_log_whole_pages on
    if [[ $lap -eq $laps ]]; then history_first_orders; fi
    history_end
}
