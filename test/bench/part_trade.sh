# shellcheck shell=bash
#
# Trade: what coordination costs a trading instance. One instance trades one market at a paper exchange that answers a
# placement 20 ms late: standalone, with a SQLite file, and coordinated, with PostgreSQL, its markets and its lease. The
# program's own log says how long each order took from the grid's decision until it was stored (stored_us) and until the
# exchange's acknowledgement was read (took_us). Both begin with nothing, and wait for the disk with orders and states.

# shellcheck source=test/trade.sh
. test/trade.sh

trade_latency_ms=20
trade_reconcile='1 min' # as often as an instance asks for everything by default, with either store
trade_first=16 # not counted: the window of the grid is filled in one commit

# trade_setup prints the exchange's setup: prices that walk fast enough for some orders a second, most of them alone on their way.
trade_setup() {
    cat <<JSON
{"seed": 11, "speed": 240, "start_ms": 1767055620000,
 "accounts": [{"name": "desk", "key": "paper-key", "secret": "paper-secret", "balances": {"USDT": "10000000"}}],
 "faults": [{"kind": "delay_after", "endpoint": "place", "value": $trade_latency_ms}],
 "symbols": [{"symbol": "BTC/USDT", "walk": "87129.20", "volatility_ppm": 1200, "tick": "0.01", "step": "0.00001", "min_quantity": "0.00001",
   "min_notional": "5", "maker_fee": "0.0001", "taker_fee": "0.0002"}]}
JSON
}

# trade_acknowledged NAME waits until enough of the instance's orders have been acknowledged.
trade_acknowledged() {
    for _ in {1..1800}; do
        if [[ $(grep -c ' accepted .*stored_us=' "$QM_LOG/$1.log") -ge $((trade_orders + trade_first)) ]]; then return; fi
        sleep 0.1
    done
    qm_fail "$1 has had too few orders acknowledged: $(tail -n 1 "$QM_LOG/$1.log")"
}

# trade_segments gives the server files of WAL to use again, as one has that has run for a while: to make a new one takes as
# long as an order's whole way, and every hundredth order would wait for it.
trade_segments() {
    for _ in 1 2 3 4; do
        psql -qX -v ON_ERROR_STOP=1 -o /dev/null -c "SELECT pg_logical_emit_message(true, 'bench', 'fill'), pg_switch_wal()" -c "CHECKPOINT"
    done
}

# trade_forget lets the database go: the next exchange begins its ids anew, and its trades are not to be taken for known ones.
trade_forget() {
    qm_cluster_stop trade
    rm -rf "${QM_SCRATCH:?}/trade"
    unset PGDATABASE
}

# trade_times KIND runs an instance until it has placed its orders, and prints medians and 99th percentiles: of storing,
# then of the whole way, in microseconds.
trade_times() {
    local name=$1-$round
    trade_paper --config "$QM_SCRATCH/trade.json" --limits off >/dev/null
    if [[ $1 == standalone ]]; then
        trade_apart=1
    else
        trade_apart=''
        trade_database "BTCUSDT:BTC:0.01:0.00001"
        trade_segments
    fi
    trade_config "$name" "BTCUSDT:60" | sed 's/^system: {/&log_level: debug, /' >"$QM_SCRATCH/$name.yaml"
    "$QM_PROGRAM" run "$QM_SCRATCH/$name.yaml" --paper "$trade_rest" --log text 2>"$QM_LOG/$name.log" &
    trade_pid[$name]=$!
    trade_acknowledged "$name"
    trade_stop "$name"
    kill -TERM "${trade_pid[paper]}"
    wait "${trade_pid[paper]}" || qm_fail "the paper exchange ended badly: $(tail -n 2 "$QM_LOG/paper.log")"
    grep ' accepted .*stored_us=' "$QM_LOG/$name.log" | tail -n "+$((trade_first + 1))" | head -n "$trade_orders" |
        sed -E 's/.* stored_us=([0-9]+) took_us=([0-9]+).*/\1 \2/' | awk '
        function rank(a, share,   i) { i = int(n * share); return a[i < n * share ? i + 1 : i] } # the nearest rank
        { stored[++n] = $1; took[n] = $2 }
        END { if (n == 0) exit 1; sort(stored, n); sort(took, n); print rank(stored, 0.5), rank(stored, 0.99), rank(took, 0.5), rank(took, 0.99) }
        '"$(cat test/bench/median.awk)"
    rm -f "$QM_SCRATCH/$name".db* "$QM_LOG/$name.log"
    if [[ $1 == coordinated ]]; then trade_forget; fi
}

# trade_round measures both kinds, in turn first, and writes what they took.
trade_round() {
    local kind kinds=(standalone coordinated) figures stored_p50 stored_p99 took_p50 took_p99
    if ((round % 2 == 0)); then kinds=(coordinated standalone); fi
    for kind in "${kinds[@]}"; do
        trade_times "$kind" >"$QM_SCRATCH/tmp/times"
        [[ -s $QM_SCRATCH/tmp/times ]] || qm_fail "$kind: no times"
        read -r stored_p50 stored_p99 took_p50 took_p99 <"$QM_SCRATCH/tmp/times"
        for figures in stored_p50 stored_p99 took_p50 took_p99; do
            printf 'trade,"decision to acknowledgement",1,%d,%s,%s_us,%s\n' "$round" "$kind" "$figures" "${!figures}" >&3
        done
        printf '%s %s %s %s %s %s\n' "$round" "$kind" "$stored_p50" "$stored_p99" "$took_p50" "$took_p99" >>"$QM_SCRATCH/tmp/trade"
    done
}

# trade_summary COLUMN LABEL prints the medians of both kinds and, where it is of the whole way, what coordination adds to it.
trade_summary() {
    awk -v column="$1" -v label="$2" -v whole="$3" -f test/bench/median.awk -f <(
        cat <<'AWK'
        { value[$2, $1] = $column; rounds = $1 > rounds ? $1 : rounds }
        END {
            for (i = 1; i <= rounds; i++) {
                ours[i] = value["coordinated", i]; theirs[i] = value["standalone", i]
                more[i] = 100 * (ours[i] - theirs[i]) / theirs[i]
            }
            sort(ours, rounds); sort(theirs, rounds); bounds(more, rounds)
            printf "%-36s %10.0f %10.0f", label, median(ours, rounds), median(theirs, rounds)
            if (whole) printf "   %+.2f %% [%+.2f, %+.2f] at %.1f %%, target 3 %%: %s", median(more, rounds), low, high, \
                100 * confidence, high <= 3 ? "met" : low <= 3 ? "within" : "missed"
            printf "\n"
        }
AWK
    ) "$QM_SCRATCH/tmp/trade"
}

# part_trade measures rounds of both kinds.
part_trade() {
    local round last
    if [[ -z ${QM_PROGRAM:-} ]]; then # not what a working tree may have lying about: it may be of another day
        QM_PROGRAM=$QM_SCRATCH/client/quantmesh
        make -s -j2 -C client BUILD="$QM_SCRATCH/client" "$QM_PROGRAM" >"$QM_LOG/build.log" 2>&1 || qm_fail "the program was not built: $(tail -n 3 "$QM_LOG/build.log")"
    fi
    trade_setup >"$QM_SCRATCH/trade.json"
    last=$(last_of "$pairs")
    for ((round = $(first_of "$pairs"); round <= last; round++)); do trade_round; done
    printf '\nDecision to acknowledgement, 1 instance, exchange latency %d ms: %d rounds of %d orders, in microseconds\n%-36s %10s %10s\n' \
        "$trade_latency_ms" "$last" "$trade_orders" "" coordinated standalone
    trade_summary 3 "stored, p50" 0
    trade_summary 4 "stored, p99" 0
    trade_summary 5 "acknowledged, p50" 1
    trade_summary 6 "acknowledged, p99" 1
}
