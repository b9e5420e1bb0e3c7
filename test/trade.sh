# shellcheck shell=bash
#
# Trading in a test: a paper exchange, a database that instances share, the
# instances, and what both sides say at the end. Sourced after test/lib.sh by a
# script that has stepped down; QM_PROGRAM is the program quantmesh.

trade_account=paper
trade_apart=''        # not empty: each instance has a file of its own for a store
trade_standby=''      # the name of an instance that is a hot standby
trade_reconcile='5 s' # how often the database compares
trade_more=''         # more lines of every configuration
declare -A trade_pid=()

# trade_paper ARGUMENT... starts a paper exchange with a setup file's symbols and faults, and says where it is in
# trade_rest and trade_admin. Its audit is $QM_LOG/audit.jsonl.
trade_paper() {
    local ready=$QM_SCRATCH/paper.ready
    rm -f "$ready"
    QUANTMESH_PAPER_SECRET=paper-secret "$QM_PROGRAM" paper --key paper-key --ready-file "$ready" --audit "$QM_LOG/audit.jsonl" \
        "$@" >"$QM_LOG/paper.log" 2>&1 &
    trade_pid[paper]=$!
    trade_until "the paper exchange listens" test -s "$ready"
    trade_rest=$(sed -E 's/.*"rest_url": "([^"]*)".*/\1/' "$ready")
    trade_admin=$(sed -E 's/.*"admin_url": "([^"]*)".*/\1/' "$ready")
}

# trade_until WHAT COMMAND... waits until the command succeeds, a minute at most.
trade_until() {
    local what=$1 end=$((SECONDS + 60))
    shift
    while [[ $SECONDS -lt $end ]]; do
        if "$@"; then return; fi
        sleep 0.05
    done
    qm_fail "it never came true that $what"
}

# trade_is SQL succeeds when the statement answers t, and ends the script when it is no statement.
trade_is() {
    local answer status=0
    answer=$(psql -XqAtc "$1") || status=$?
    [[ $status -ne 1 ]] || qm_fail "no question to ask: $1"
    [[ $answer == t ]]
}

# trade_fault JSON adds a fault to the exchange's plan.
trade_fault() {
    curl -sSf -X POST -H 'Content-Type: application/json' -d "$1" "$trade_admin/admin/fault" >/dev/null
}

# trade_no_faults ends all faults.
trade_no_faults() {
    curl -sSf -X DELETE "$trade_admin/admin/fault" >/dev/null
}

# trade_database starts PostgreSQL with a coordinator, and makes the markets of $1, "SYMBOL:BASE:TICK:STEP ...", known.
trade_database() {
    local market symbol base tick step
    qm_cluster_start trade quantmesh.databases=trade quantmesh.default_ttl_lease=2s fsync=on synchronous_commit=on
    psql -Xqc "CREATE DATABASE trade" >/dev/null
    export PGDATABASE=trade
    psql -Xqc "CREATE EXTENSION quantmesh" 2>/dev/null
    for market in $1; do
        IFS=: read -r symbol base tick step <<<"$market"
        psql -Xqc "SELECT quantmesh.set_market('$trade_account', '$symbol', tick_size => $tick, step_size => $step, min_notional => 5,
            base_asset => '$base', quote_asset => 'USDT', mode => 'exclusive')" \
            -c "SELECT quantmesh.set_reconcile('$trade_account', '$symbol', every => '$trade_reconcile')" >/dev/null
    done
}

# trade_config NAME MARKETS writes an instance's configuration; MARKETS is "SYMBOL:INTERVAL ...".
trade_config() {
    local market standby=false store="{type: postgres, dsn: \"host=${PGHOST:-} port=${PGPORT:-} user=postgres dbname=trade\"}"
    if [[ -n $trade_apart ]]; then store="{type: sqlite, dsn: \"$QM_SCRATCH/$1.db\"}"; fi
    if [[ $1 == "$trade_standby" ]]; then standby=true; fi
    cat <<YAML
app: {current_exchange: $trade_account}
exchanges:
  $trade_account: {api_key: paper-key, secret_key: paper-secret, market: spot, fee_rate: 0.0002}
database: $store
instance: {id: $1, standby: $standby}
system: {cancel_on_exit: true}
$trade_more
trading:
  order_quantity: 200
  buy_window_size: 8
  sell_window_size: 8
  position_safety_check: 10
  symbols:
YAML
    for market in $2; do
        printf '    - {exchange: %s, symbol: %s, price_interval: %s}\n' "$trade_account" "${market%:*}" "${market#*:}"
    done
}

# trade_start NAME MARKETS starts an instance.
trade_start() {
    trade_config "$1" "$2" >"$QM_SCRATCH/$1.yaml"
    "$QM_PROGRAM" run "$QM_SCRATCH/$1.yaml" --paper "$trade_rest" --log text 2>>"$QM_LOG/$1.log" &
    trade_pid[$1]=$!
}

# trade_kill NAME kills an instance with -9.
trade_kill() {
    kill -9 "${trade_pid[$1]}"
    wait "${trade_pid[$1]}" 2>/dev/null || true
    unset "trade_pid[$1]"
}

# trade_stop NAME stops an instance as its operator would, and fails unless it ends well.
trade_stop() {
    local status=0
    kill -TERM "${trade_pid[$1]}"
    wait "${trade_pid[$1]}" || status=$?
    unset "trade_pid[$1]"
    [[ $status -eq 0 ]] || qm_fail "$1 ended with $status: $(tail -n 2 "$QM_LOG/$1.log" 2>/dev/null)"
}

# trade_doubles counts, in the exchange's log, purchases at a price at which one was open already. A slot of a grid has a
# purchase at one price only.
trade_doubles() {
    awk '/"event":"order"/ && /"side":"BUY"/ || /"event":"end"/ {
        match($0, /"symbol":"[A-Z]*"/); symbol = substr($0, RSTART, RLENGTH)
        match($0, /"price":"[0-9.]*"/); price = substr($0, RSTART, RLENGTH)
        match($0, /"order_id":[0-9]*/); id = symbol substr($0, RSTART, RLENGTH)
        if (/"event":"order"/ && !(id in open)) { if (live[symbol price] > 0) doubles++; live[symbol price]++; open[id] = symbol price }
        if (/"event":"end"/ && id in open) { live[open[id]]--; delete open[id] }
    } END { print doubles + 0 }' "$QM_LOG/audit.jsonl"
}

# trade_audit loads what the exchange says happened, to be compared with what we say.
trade_audit() {
    kill -TERM "${trade_pid[paper]}"
    wait "${trade_pid[paper]}" || qm_fail "the paper exchange ended badly: $(tail -n 2 "$QM_LOG/paper.log")"
    unset "trade_pid[paper]"
    psql -Xq -v ON_ERROR_STOP=1 -c "CREATE SCHEMA audit" -c "CREATE TABLE audit.line (n bigint GENERATED ALWAYS AS IDENTITY, j jsonb)" \
        -c "\\copy audit.line (j) FROM '$QM_LOG/audit.jsonl' WITH (FORMAT csv, QUOTE e'\\x01', DELIMITER e'\\x02')" \
        -f test/trade.sql
}

# trade_count VIEW prints how many rows a view of trade.sql has.
trade_count() {
    psql -XqAtc "SELECT count(*) FROM audit.$1"
}

# trade_problems prints in one line how many things both sides say differently; trade_agreed is that line without any.
trade_agreed="0 duplicates, 0 orders, 0 fills and 0 positions differ, 0 grids differ from their fills"
trade_problems() {
    printf '%s duplicates, %s orders, %s fills and %s positions differ, %s grids differ from their fills\n' "$(trade_count duplicates)" \
        "$(trade_count order_differences)" "$(trade_count fill_differences)" \
        "$(psql -XqAtc 'SELECT count(*) FROM audit.positions WHERE here <> there')" "$(trade_count grid_differences)"
}

# trade_show_problems prints some of what differs.
trade_show_problems() {
    psql -Xq -c 'SELECT * FROM audit.duplicates LIMIT 5' -c 'SELECT * FROM audit.order_differences LIMIT 5' \
        -c 'SELECT * FROM audit.fill_differences LIMIT 5' -c 'SELECT * FROM audit.grid_differences' -c 'SELECT * FROM audit.positions'
}
