# shellcheck shell=bash
#
# What a report has to say of the machine, the versions and the settings, so that nobody types it.

# fact NAME VALUE... writes one to the CSV; its line breaks and quotes are not kept.
fact() {
    local name=$1 value
    shift
    value=$(tr '\n"' '  ' <<<"$*" | sed 's/  *$//')
    printf 'machine,"%s",1,1,,value,"%s"\n' "$name" "$value" >&3
}

# machine_facts writes them all. The processor that runs the benchmarks runs the servers, too.
machine_facts() {
    fact "mode" "$mode"
    fact "begun" "$(date -u '+%F %H:%M UTC')"
    fact "load average at the start" "$(cut -d' ' -f1-3 /proc/loadavg)"
    fact "processor" "$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1), $(nproc) of them usable"
    fact "memory" "$(awk '/^MemTotal/ { printf "%.1f GB", $2 / 1048576 }' /proc/meminfo)"
    fact "kernel" "$(uname -sr)"
    fact "file system of the data" "$(stat -f -c %T "$QM_SCRATCH")"
    fact "release" "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)"
    fact "quantmesh" "$(sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" quantmesh.control), built without assertions: $(built_plainly)"
    fact "PostgreSQL" "$(postgres --version | sed 's/^postgres (PostgreSQL) //')"
    fact "PostgreSQL's settings" "defaults, and ${orders_settings[*]}; shared_preload_libraries=quantmesh; max_connections=200 for the contenders; fsync as each table says; MALLOC_TRIM_THRESHOLD_=$MALLOC_TRIM_THRESHOLD_ in the environment"
    if command -v redis-server etcd >/dev/null; then
        fact "Redis" "$(redis-server --version | sed -E 's/.*v=([0-9.]+).*/\1/'), Unix socket, no snapshots; where a table says always: appendonly yes, appendfsync always"
        fact "etcd" "$(etcd --version | sed -n 's/^etcd Version: //p'), one node, defaults, TCP on the loopback address"
    fi
    fact "pairs of the parts inside PostgreSQL" "$pairs of $seconds s; of a trading instance, rounds of $trade_orders orders; $(in_laps)"
    fact "rounds of the contenders" "$contend_rounds of $contend_seconds s, forwards and backwards in turn; $(in_laps)"
    fact "finished orders in the parts about history" "$history"
}

# in_laps says over how many laps the measurements are spread.
in_laps() {
    if ((laps == 1)); then echo "all in one lap"; else echo "spread over $laps laps through all parts"; fi
}

# machine_settle waits up to five minutes until the machine has nothing else to do: figures of a busy one are worth little.
machine_settle() {
    local load
    for _ in {1..60}; do
        read -r load _ </proc/loadavg
        if awk -v load="$load" 'BEGIN { exit !(load < 0.3) }'; then return; fi
        sleep 5
    done
    printf 'the machine is busy with something else, load average %s\n' "$load" >&2
}

# built_plainly says whether the library was built as users have it: assertions cost a third.
built_plainly() {
    if grep -q 'ExceptionalCondition' "$(pg_config_of --pkglibdir)/quantmesh.so"; then echo no; else echo yes; fi
}

# pg_config_of asks the pg_config under test.
pg_config_of() {
    "${PG_CONFIG:-pg_config}" "$1"
}
