# shellcheck shell=bash
#
# Instructions: how many the server's backend spends on a call, counted by callgrind, which counts in every machine, and the same
# however busy that is. The kernel's are not in it. Each call is run n times and 2n times by one client in a server that
# runs under valgrind; the difference is n calls that found their plans and caches made.

# instructions_server starts the cluster again, under valgrind.
instructions_server() {
    local program=$QM_SCRATCH/tmp/postgres
    printf '#!/bin/sh\nexec valgrind --quiet --tool=callgrind --trace-children=yes --callgrind-out-file=%s/%%p.callgrind %s "$@"\n' \
        "$counted" "$(command -v postgres)" >"$program"
    chmod +x "$program"
    pg_ctl -s -w -t 180 -D "$QM_SCRATCH/instructions/data" -p "$program" -l "$QM_LOG/instructions.log" start >/dev/null ||
        qm_fail "no server under valgrind: $(tail -n 3 "$QM_LOG/instructions.log")"
    qm_cluster_use instructions
    processes=
    for _ in {1..600}; do # its workers first start one another
        if [[ $(server_processes) == "$processes" ]] && psql -AtqX -c 'SELECT quantmesh.try_xact_lock(1::text)' >/dev/null 2>&1; then break; fi
        instructions_settled
    done
}

# instructions_settled waits until the server has as many processes as twice in a row, and sets processes.
instructions_settled() {
    local before=
    for _ in {1..600}; do
        processes=$(server_processes)
        if [[ $processes == "$before" ]]; then return; fi
        before=$processes
        sleep 0.5
    done
    qm_fail "the server's processes do not settle"
}

# instructions_run SCRIPT COUNT prints what a client that runs the script COUNT times makes its backend do.
instructions_run() {
    local out file sum=0
    if [[ $1 == *place* || $1 == insert* ]]; then orders_empty; fi
    instructions_ended
    rm -f "$counted"/*.callgrind
    out=$(pgbench -n -M prepared -c 1 -t "$2" -f "test/bench/$1.sql" -U trader -D n=-1 -D run=1 -D account="$account" -D symbol=BTCUSDT \
        -D requests=1 -D quantity=0.01 -D ready=0 -D distinct=1 -D prefix=order:binance:BTCUSDT: 2>&1) || qm_fail "$1: $out"
    instructions_ended
    for file in "$counted"/*.callgrind; do
        sum=$((sum + $(awk '/^(summary|totals):/ { n = $2 } END { print n + 0 }' "$file")))
    done
    echo "$sum"
}

# instructions_ended waits until no client's backend is left: what it did is written when it ends.
instructions_ended() {
    for _ in {1..600}; do
        if [[ $(server_processes) -le $processes ]]; then return; fi
        sleep 0.05
    done
    qm_fail "a backend does not end"
}

# instructions_of SCRIPT COUNT UNITS prints the instructions of one unit, of which the script does UNITS.
instructions_of() {
    local once twice
    once=$(instructions_run "$1" "$2") || exit 1
    twice=$(instructions_run "$1" $((2 * $2))) || exit 1
    echo $(((twice - once) / ($2 * $3)))
}

# instructions_line LABEL COUNT UNITS OURS THEIRS measures two scripts, prints both and writes them to the CSV.
instructions_line() {
    local ours theirs
    # shellcheck disable=SC2053 # a pattern
    if [[ $1 != ${QM_BENCH_LINES:-*} ]]; then return; fi
    ours=$(instructions_of "$4" "$2" "$3") || exit 1
    theirs=$(instructions_of "$5" "$2" "$3") || exit 1
    printf "$part,\"$1\",1,1,%s,instructions,%s\n" ours "$ours" theirs "$theirs" >&3
    awk -v label="$1" -v a="$ours" -v b="$theirs" 'BEGIN { printf "%-60s %9d %9d %7.2f\n", label, a, b, a / b }'
}

# part_instructions measures a lock of each kind and an order, alone and in batches.
part_instructions() {
    local counted=$QM_SCRATCH/tmp/counted processes account=binance
    mkdir "$counted"
    qm_cluster_start instructions "${orders_settings[@]}" shared_buffers=64MB
    orders_create
    qm_cluster_stop instructions
    instructions_server
    printf '\nInstructions of the server for one call, in user space\n%-60s %9s %9s %7s\n' "" ours theirs ratio
    instructions_line "try_xact_lock against pg_try_advisory_xact_lock" 200 1 try_xact_lock pg_try_advisory_xact_lock
    instructions_line "try_lock and unlock against pg_try_advisory_lock and unlock" 200 1 session_lock pg_try_advisory_lock
    instructions_line "place_order against INSERT" 200 1 place_order insert
    account=binance/limits
    instructions_line "place_order with all limits against INSERT" 200 1 place_order insert
    account=binance
    instructions_line "place_orders of 100 against INSERT of 100, one order" 8 100 place_orders insert_set
    qm_cluster_stop instructions
}
