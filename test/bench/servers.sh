# shellcheck shell=bash
#
# Redis and etcd beside PostgreSQL, each in a folder of the scratch folder. They are jobs of the script, so that they end
# with it however it ends; servers_stop ends them sooner.

server_jobs=()

# packages_install installs what only the benchmarks need and this machine has not. It is called before the step down.
packages_install() {
    local missing=() root=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    command -v etcd >/dev/null || missing+=(etcd-server)
    command -v gnuplot >/dev/null || missing+=(gnuplot-nox)
    command -v valgrind >/dev/null || missing+=(valgrind)
    if [[ ${#missing[@]} -eq 0 ]]; then return; fi
    if [[ $(id -u) -ne 0 ]]; then root=(sudo); fi
    printf 'benchmarks: installing %s\n' "${missing[*]}" >&2
    # A package that brings a service with it must not start it here.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y install --no-install-recommends "${missing[@]}" \
        >/dev/null || qm_fail "cannot install ${missing[*]}"
}

# wait_until WHAT COMMAND... waits up to 20 s for the command to succeed.
wait_until() {
    local what=$1
    shift
    for _ in {1..200}; do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    qm_fail "$what did not start: $(tail -n 3 "$QM_LOG/$what.log")"
}

# redis_start NAME [option ...] starts a Redis that listens at $QM_SCRATCH/NAME/socket alone.
redis_start() {
    local name=$1 folder=$QM_SCRATCH/$1
    shift
    mkdir -p "$folder"
    redis-server --port 0 --unixsocket "$folder/socket" --dir "$folder" --save "" "$@" >"$QM_LOG/$name.log" 2>&1 3>&- &
    server_jobs+=($!)
    wait_until "$name" redis-cli -s "$folder/socket" ping
}

# port_is_free PORT says whether nobody listens there on the loopback address.
port_is_free() {
    ! (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_port prints a port of the loopback address where nobody listens.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 10000))
        if port_is_free "$port"; then
            echo "$port"
            return
        fi
    done
    qm_fail "no port is free"
}

# etcd_start starts a single etcd with its defaults (it writes each change to the disk before it answers), and sets etcd_url.
etcd_start() {
    local folder=$QM_SCRATCH/etcd peer
    etcd_url=http://127.0.0.1:$(free_port)
    peer=http://127.0.0.1:$(free_port)
    mkdir -p "$folder"
    etcd --data-dir "$folder" --listen-client-urls "$etcd_url" --advertise-client-urls "$etcd_url" --listen-peer-urls "$peer" \
        --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" --log-level error >"$QM_LOG/etcd.log" 2>&1 3>&- &
    server_jobs+=($!)
    wait_until etcd curl -sf --noproxy '*' "$etcd_url/health"
}

# servers_start starts all of them and says to contend where they are.
servers_start() {
    redis_start redis
    redis_start redis_always --appendonly yes --appendfsync always
    etcd_start
    export QM_BENCH_REDIS=$QM_SCRATCH/redis/socket QM_BENCH_REDIS_ALWAYS=$QM_SCRATCH/redis_always/socket QM_BENCH_ETCD=$etcd_url
}

# servers_stop stops them again, and lets go of what they knew.
servers_stop() {
    kill "${server_jobs[@]}" 2>/dev/null || true
    wait "${server_jobs[@]}" 2>/dev/null || true
    server_jobs=()
    rm -rf "${QM_SCRATCH:?}"/{redis,redis_always,etcd}
}
