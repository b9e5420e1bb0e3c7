# shellcheck shell=bash
#
# Markets and memory: what placing costs where there are many markets, and what a backend and the server take for
# quantmesh.

# markets_create makes markets M0 ... M9999.
markets_create() {
    psql -qX -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SELECT count(quantmesh.set_market('binance', 'M' || n, base_asset => 'M' || n, quote_asset => 'USDT', tick_size => 0.01, step_size => 0.00001, min_quantity => 0.00001,
    max_quantity => 9000, min_notional => 5)) FROM generate_series(0, 9999) AS n;
SQL
}

# part_markets spreads the same load over 10, 1,000 and 10,000 markets, in turn, in a server that may know so many: long enough for a client to meet most of 1,000
# again, while of 10,000 each market is one that its backend has not met.
part_markets() {
    local contend_seconds=3 contend_rounds=$((contend_rounds > 5 ? 5 : contend_rounds)) round count name figures counts=(10 1000 10000)
    contend_begin
    qm_cluster_start markets fsync=on quantmesh.max_markets=16384 "${orders_settings[@]}" max_connections=200
    orders_create
    psql -qX -v ON_ERROR_STOP=1 -f test/bench/contend.sql
    markets_create
    for ((round = 1; round <= contend_rounds; round++)); do
        if ((round % 2 == 0)); then counts=(10000 1000 10); else counts=(10 1000 10000); fi
        for count in "${counts[@]}"; do
            for name in place insert; do
                figures=$(contend_orders "$name" 8 "$count") || exit 1
                figures_write "$count markets" 8 "$round" "$name" "$figures"
                printf '%5d markets, round %d: %-8s %s\n' "$count" "$round" "$name" "$figures"
            done
        done
    done
    qm_cluster_stop markets
    qm_cluster_use contend
}

# private_kb PID prints what a process has for itself alone.
private_kb() {
    awk '/^Private_/ { sum += $2 } END { print sum }' "/proc/$1/smaps_rollup"
}

# backend_kb WHAT SQL prints the private memory of a backend that has run the statement many times.
backend_kb() {
    local pid kb input=$QM_SCRATCH/tmp/backend
    mkfifo "$input"
    psql -AtqX <"$input" >"$QM_SCRATCH/tmp/backend.out" 3>&- &
    exec 4>"$input"
    rm "$input"
    printf '%s\n' "$2" 'SELECT pg_backend_pid();' >&4
    for _ in {1..300}; do
        pid=$(tail -n 1 "$QM_SCRATCH/tmp/backend.out")
        if [[ $pid =~ ^[0-9]+$ ]]; then break; fi
        sleep 0.1
    done
    kb=$(private_kb "$pid")
    exec 4>&-
    wait $!
    printf '%s,"%s",1,1,backend,private_kb,%s\n' "$part" "$1" "$kb" >&3
    printf '%-44s %s kB\n' "$1" "$kb"
}

# part_memory measures backends after work, and shared memory by its names.
part_memory() {
    local shared
    contend_begin
    orders_truncate
    backend_kb "a backend that has done nothing" "SELECT 1 \\g /dev/null"
    backend_kb "after 1,000 INSERTs" "DO \$\$ BEGIN FOR n IN 1..1000 LOOP INSERT INTO bench.desk VALUES (n, n); END LOOP; END \$\$;"
    backend_kb "after 1,000 try_xact_lock" "DO \$\$ BEGIN FOR n IN 1..1000 LOOP PERFORM quantmesh.try_xact_lock('bench'); END LOOP; END \$\$;"
    backend_kb "after 1,000 place_order" "DO \$\$ BEGIN FOR n IN 1..200 LOOP PERFORM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 20000 + n, 0.01); END LOOP; END \$\$;
$(printf "SELECT state FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 30000 + %d, 0.01) \\\\g /dev/null\n" {1..800})"
    shared=$(psql -AtX -c "SELECT sum(allocated_size) / 1024 FROM pg_shmem_allocations WHERE name ILIKE 'quantmesh%'")
    printf '%s,"shared memory of quantmesh, at %s connections",1,1,server,shared_kb,%s\n' "$part" \
        "$(psql -AtX -c 'SHOW max_connections')" "${shared%%.*}" >&3
    printf 'shared memory: %s kB\n' "${shared%%.*}"
}
