# shellcheck shell=bash
#
# Costs: one client, no waiting for the WAL (synchronous_commit and fsync off, quantmesh.allow_async_commit on), so that
# what is left is the work of the call and its round trip. For finding out where time goes, not for comparing.

# costs_script NAME writes the script on standard input to where measure finds it.
costs_script() {
    cat >"test/bench/costs_$1.sql"
}

# costs_scripts makes the scripts of calls that store nothing.
costs_scripts() {
    costs_script select_1 <<<"SELECT 1;"
    costs_script try_xact_lock <<<"SELECT quantmesh.try_xact_lock(:key);" # pgbench replaces :name even inside literals
    costs_script duplicate <<<"SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 20000, 0.01);"
    costs_script replayed <<<"SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 20000, 0.01, request_id => 'again');"
    costs_script off_tick <<<"SELECT * FROM quantmesh.place_order('binance', 'BTCUSDT', 'buy', 20000.001, 0.01);"
    costs_script limit <<<"SELECT * FROM quantmesh.place_order('binance/none', 'BTCUSDT', 'buy', 20000, 0.01);"
}

# costs_once LABEL STORES SCRIPT ACCOUNT REQUESTS runs one kind of call and writes the run to the CSV.
costs_once() {
    local label=$1 stores=$2 script=$3 account=$4 requests=$5 figures
    if ((stores)); then
        orders_empty
        figures=$(orders_run "$script" 1 1 -D symbol=BTCUSDT)
    else
        figures=$(measure "test/bench/costs_$script.sql" 1 1 -U trader -D key=order:binance:BTCUSDT:10000)
    fi || qm_fail "$label failed"
    read -r rate cpu _ <<<"$figures"
    printf "costs,\"$label\",1,$round,ours,%s,%s\n" per_s "$rate" cpu_us "$cpu" | tee -a "$TMPDIR/costs.csv" >&3
}

# part_costs measures every kind in turn, several times, and prints medians.
part_costs() {
    local round rate cpu rounds=$((pairs > 5 ? 5 : pairs))
    qm_cluster_start costs synchronous_commit=off quantmesh.allow_async_commit=on "${orders_settings[@]}"
    orders_create
    psql -qX -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SELECT quantmesh.set_market('binance/none', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001);
SELECT quantmesh.set_limits('binance/none', 'BTCUSDT', max_open_orders => 0, max_position => NULL, max_notional => NULL, max_order_rate => NULL);
SQL
    costs_scripts
    for ((round = 1; round <= rounds; round++)); do
        costs_once "SELECT 1" 0 select_1 "" 0
        costs_once "try_xact_lock" 0 try_xact_lock "" 0
        costs_once "INSERT" 1 insert binance 0
        costs_once "INSERT, request id" 1 insert binance 1
        costs_once "placed" 1 place_order binance 0
        costs_once "placed, request id" 1 place_order binance 1
        costs_once "placed, limits" 1 place_order binance/limits 0
        costs_once "placed, limits, request id" 1 place_order binance/limits 1
        orders_empty
        psql -qX -c "SELECT quantmesh.place_order('binance', 'BTCUSDT', 'buy', 20000, 0.01, request_id => 'again')" >/dev/null
        costs_once "duplicate" 0 duplicate "" 0
        costs_once "replayed" 0 replayed "" 0
        costs_once "denied, off tick" 0 off_tick "" 0
        costs_once "denied, limit" 0 limit "" 0
    done

    printf '\nCosts of one call, 1 client, asynchronous commit: medians of %d runs of %d s\n' "$rounds" "$seconds"
    printf '%-32s %12s %12s %14s\n' "" "latency us" "CPU us" "over SELECT 1"
    awk -F, '
        { split($0, quoted, "\""); label = quoted[2]; n = split(quoted[3], field, ",") }
        field[5] == "per_s" { if (!(label in runs)) order[++labels] = label; latency[label, ++runs[label]] = 1e6 / field[6] }
        field[5] == "cpu_us" { cpu[label, runs[label]] = field[6] }
        function median(a, label, n,   i, j, t, s) {
            for (i = 1; i <= n; i++) s[i] = a[label, i]
            for (i = 2; i <= n; i++) for (j = i; j > 1 && s[j - 1] > s[j]; j--) { t = s[j]; s[j] = s[j - 1]; s[j - 1] = t }
            return n % 2 ? s[(n + 1) / 2] : (s[n / 2] + s[n / 2 + 1]) / 2
        }
        END {
            for (i = 1; i <= labels; i++) {
                c = median(cpu, order[i], runs[order[i]])
                if (i == 1) floor = c
                printf "%-32s %12.1f %12.2f %14.2f\n", order[i], median(latency, order[i], runs[order[i]]), c, c - floor
            }
        }' "$TMPDIR/costs.csv"
    qm_cluster_stop costs
}
