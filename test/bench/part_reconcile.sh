# shellcheck shell=bash
#
# Reconcile: one pass over 10,000 open orders and a snapshot that shows them all, in a database with millions of finished
# orders against one without, in one cluster. The snapshot is in the server already; a pass reads it, compares, and
# records the run. What is printed as a rate are passes a second.

RECONCILE_ORDERS=10000
RECONCILE_PASSES=5 # in one run
reconcile_target_ms=200

reconcile_full() { reconcile_run full; }
reconcile_empty() { reconcile_run empty; }

# reconcile_run DATABASE does some passes in a session of their own and prints what measure prints.
reconcile_run() {
    local cpu
    server_is_alone
    cpu=$(server_cpu)
    {
        echo '\timing on'
        for ((i = 0; i < RECONCILE_PASSES; i++)); do
            echo "SELECT count(*) FROM quantmesh.reconcile('binance', 'ETHUSDT') \\g /dev/null"
        done
    } | psql -AtXq -v ON_ERROR_STOP=1 -d "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' >"$QM_SCRATCH/reconcile.ms"
    sort -g "$QM_SCRATCH/reconcile.ms" | sed -n "$(((RECONCILE_PASSES + 1) / 2))p" >>"$QM_SCRATCH/reconcile.$1.ms"
    server_is_alone
    cpu=$(($(server_cpu) - cpu))
    awk -v passes="$RECONCILE_PASSES" -v cpu="$cpu" '
        { sum += $1 }
        END { if (NR != passes) exit 1; printf "%.3f %.1f %d\n", 1000 * NR / sum, cpu / NR, NR }' "$QM_SCRATCH/reconcile.ms" ||
        qm_fail "not every pass of database $1 was timed"
}

# reconcile_open makes the open orders and their snapshot, in the database of PGDATABASE.
reconcile_open() {
    psql -qX -v ON_ERROR_STOP=1 -v "orders=$RECONCILE_ORDERS" >/dev/null <<'SQL'
SELECT quantmesh.set_reconcile('binance', 'ETHUSDT', grace => '0');
SELECT set_config('bench.orders', :'orders', false);
DO $$
DECLARE placed quantmesh.placement;
BEGIN
    FOR i IN 1..current_setting('bench.orders')::int LOOP
        placed := quantmesh.place_order('binance', 'ETHUSDT', 'buy', 1000 + i * 0.01, 1);
        PERFORM quantmesh.apply_report('binance', 'ETHUSDT', placed.client_order_id, 'open' || i, 'open');
        IF i % 100 = 0 THEN COMMIT; END IF;
    END LOOP;
END $$;
VACUUM ANALYZE quantmesh.orders, quantmesh.live_order, quantmesh.exchange_order;
SELECT quantmesh.submit_snapshot('binance', 'ETHUSDT', quantmesh.request_snapshot('binance', 'ETHUSDT'), now(), now(),
    (SELECT jsonb_agg(jsonb_build_object('client_order_id', client_order_id, 'exchange_order_id', exchange_order_id, 'side', side,
        'price', price::text, 'quantity', quantity::text, 'filled_quantity', '0'))
     FROM quantmesh.open_orders WHERE account = 'binance' AND symbol = 'ETHUSDT'), '[]', '[{"asset": "ETH", "free": "1"}]');
SQL
    [[ $(psql -AtX -c "SELECT count(*) FROM quantmesh.reconcile('binance', 'ETHUSDT')") == 0 ]] ||
        qm_fail "a pass over orders that agree has found something"
}

# reconcile_times DATABASE writes what a pass took by the client's clock, its commit with it: the median of each run, but of the
# first, which warmed up; passes of one run know each other. It prints their median.
reconcile_times() {
    sed -i 1d "$QM_SCRATCH/reconcile.$1.ms"
    awk -v database="$1" -v first="$(first_of "$pairs")" '{ printf "reconcile,\"a pass, database %s\",1,%d,ours,ms,%s\n", database, first + NR - 1, $1 }' "$QM_SCRATCH/reconcile.$1.ms" >&3
    sort -g "$QM_SCRATCH/reconcile.$1.ms" | awk -v database="$1" -v target="$reconcile_target_ms" '
        { ms[NR] = $1 }
        END {
            middle = ms[int((NR + 1) / 2)]
            printf "a pass, database %s: median %.1f ms, slowest of %d runs: %.1f ms; target %d ms: %s\n", database, middle, NR, ms[NR], target, \
                middle <= target ? "met" : "missed"
        }'
}

# part_reconcile measures, once all that was written before is on the disk.
part_reconcile() {
    local clients=1 database
    rm -f "$QM_SCRATCH"/reconcile.*.ms # of the lap before
    history_begin fsync=on quantmesh.databases=
    for PGDATABASE in empty full; do reconcile_open; done
    psql -qX -c CHECKPOINT
    sync -f "$QM_SCRATCH/history"
    lines_begin "reconciling $RECONCILE_ORDERS open orders, with $history finished orders in the table against none"
    line "passes" 1 0.90 reconcile_full reconcile_empty
    for database in empty full; do reconcile_times "$database"; done
    history_end
}
