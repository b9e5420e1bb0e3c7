# shellcheck shell=bash
#
# Contend: what people use for a guarded critical section and for a guarded order, against quantmesh, each in its users'
# way (test/bench/contend.c). All contenders of a job run in turn, forwards in one round and backwards in the next, so
# that each pair of them is measured A B B A. Every order of a run must be in the table afterwards.

contend=test/bench/build/contend

# contend_build builds the program in the scratch copy.
contend_build() {
    if [[ -x $contend ]]; then return; fi
    make -s -j2 -C test/bench BUILD=build build/contend >"$QM_LOG/build.log" 2>&1 || qm_fail "contend was not built: $(tail -n 3 "$QM_LOG/build.log")"
    "$contend" list >&3
}

# contend_list prints a line for each contender: name, job, and whether its lock or order can be audited.
contend_list() {
    "$contend" list | sed -E 's/^[^"]*"[^"]*",[0-9]+,[0-9]+,([^,]*),([^,]*),(.*)/\1 \2 \3/'
}

# contend_names JOB prints the contenders of a job, in the report's order, without those that differ in nothing measured here.
contend_names() {
    contend_list | awk -v job="$1" '$2 == job && $1 !~ /^(quantmesh-lease-unguarded|redis-polling-slowly)$/ { print $1 }'
}

# figures_write LINE CLIENTS ROUND NAME FIGURES writes "name=value ..." to the CSV.
figures_write() {
    local figure
    for figure in $5; do
        printf '%s,"%s",%s,%s,%s,%s,%s\n' "$part" "$1" "$2" "$3" "$4" "${figure%%=*}" "${figure#*=}" >&3
    done
}

# contend_run NAME COMMAND ARGUMENT ... runs contend as the trader and prints its figures.
contend_run() {
    PGUSER=trader "$contend" "$2" "$1" "${@:3}" 2>"$QM_LOG/contend.err" || qm_fail "$1: $(tail -n 2 "$QM_LOG/contend.err")"
}

# contend_orders NAME CLIENTS [MARKETS] does so for orders, and fails unless each has been stored.
contend_orders() {
    local figures count
    orders_truncate
    figures=$(contend_run "$1" rate "$2" "$contend_seconds" "${@:3}") || return
    count=$(psql -AtX -c "SELECT count(*) FROM quantmesh.orders")
    [[ $count -eq ${figures##*units=} ]] || qm_fail "$1: ${figures##*units=} calls have stored $count orders"
    echo "$figures"
}

# contend_begin starts Redis, etcd and PostgreSQL with everything that contenders need, once for all parts that use them.
# A commit waits for the disk, as it does in earnest.
contend_begin() {
    contend_build
    if [[ ${#server_jobs[@]} -gt 0 ]]; then
        qm_cluster_use contend
        return
    fi
    servers_start
    qm_cluster_start contend fsync=on "${orders_settings[@]}" max_connections=200
    orders_create
    psql -qX -v ON_ERROR_STOP=1 -f test/bench/contend.sql
}

# contend_end stops them again.
contend_end() {
    if [[ ${#server_jobs[@]} -eq 0 ]]; then return; fi
    qm_cluster_stop contend
    servers_stop
}

# contend_job JOB measures all contenders of a job with every number of clients.
contend_job() {
    local clients round last name names figures
    mapfile -t names < <(contend_names "$1")
    for clients in $contend_clients; do
        last=$(last_of "$contend_rounds")
        for ((round = $(first_of "$contend_rounds"); round <= last; round++)); do
            if ((round % 2 == 0)); then mapfile -t names < <(contend_names "$1" | tac); else mapfile -t names < <(contend_names "$1"); fi
            for name in "${names[@]}"; do
                if [[ $1 == order ]]; then
                    figures=$(contend_orders "$name" "$clients")
                else
                    figures=$(contend_run "$name" rate "$clients" "$contend_seconds")
                fi || exit 1
                figures_write "$1" "$clients" "$round" "$name" "$figures"
                printf '%-8s %2d clients, round %d: %-26s %s\n' "$1" "$clients" "$round" "$name" "$figures"
            done
        done
    done
}

# part_contend measures both jobs.
part_contend() {
    contend_begin
    contend_job section
    contend_job order
}

# part_standalone measures a lock call of an instance that is alone: each figure is the best of five rounds.
part_standalone() {
    local round last ns
    make -s -j2 -C test/bench BUILD=build build/nop_speed >"$QM_LOG/build.log" 2>&1 || qm_fail "nop_speed was not built: $(tail -n 3 "$QM_LOG/build.log")"
    last=$(last_of "$pairs")
    for ((round = $(first_of "$pairs"); round <= last; round++)); do
        ns=$(test/bench/build/nop_speed | sed -n 's/^nop: \([0-9.]*\) ns per call.*/\1/p')
        [[ -n $ns ]] || qm_fail "nop_speed has printed no time"
        printf 'standalone,"a lock call",1,%d,ours,ns,%s\n' "$round" "$ns" >&3
        printf 'a lock call of an instance that is alone, round %d: %s ns\n' "$round" "$ns"
    done
}

redis_ours() { redis_run place; }
redis_theirs() { redis_run redis-insert; }

# redis_run NAME runs one contender for orders and prints what measure prints, without processor times: work is done in two servers.
redis_run() {
    local figures
    figures=$(contend_orders "$1" "$clients") || return
    awk '{ sub(/.*=/, "", $1); sub(/.*=/, "", $NF); print $1, 0, $NF }' <<<"$figures"
}

# part_redis compares place_order with the earlier design where no commit waits for the disk: a setting for tests, which
# shows what the calls themselves cost.
part_redis() {
    local contend_seconds=$seconds
    contend_begin
    qm_cluster_start redis_off fsync=off "${orders_settings[@]}"
    orders_create
    psql -qX -v ON_ERROR_STOP=1 -f test/bench/contend.sql
    lines_begin "place_order against Redis lock, INSERT, unlock"
    line "1 client, fsync off" 1 1.5 redis_ours redis_theirs
    line "8 clients, fsync off" 8 1.5 redis_ours redis_theirs
    qm_cluster_stop redis_off
    qm_cluster_use contend
}
