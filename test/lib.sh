# shellcheck shell=bash
#
# What every test script stands on: a scratch folder of its own, an unprivileged
# user (PostgreSQL refuses to run as root), and private clusters on Unix sockets.
# A script begins with
#
#     set -euo pipefail
#     # shellcheck source=test/lib.sh
#     . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#     qm_step_down "$@"
#
# From there on it runs unprivileged, in a copy of the tree, with a copy's top as
# its current folder; QM_SCRATCH is the scratch folder and QM_LOG the folder of
# logs in it. When the script ends, however it ends, its clusters are stopped,
# what it left running is killed and makes it fail, and the folder is removed.
# Logs of a failed run are kept in tmp_check/ of the real tree; QM_KEEP=1 keeps
# the whole folder.
#
# Environment: PG_CONFIG (default pg_config), QM_KEEP.

QM_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
qm_clusters=()

# qm_fail prints why and ends the script.
qm_fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# qm_bindir prints the folder of the PostgreSQL programs under test.
qm_bindir() {
    "${PG_CONFIG:-pg_config}" --bindir
}

# qm_free_port prints a TCP port that nothing listens on; of those that no connection gets for its own end, so that a
# server that is started again has it again.
qm_free_port() {
    perl -MIO::Socket::INET -e 'for (1 .. 100) { my $port = 20000 + int rand 12000;
        print("$port\n"), exit if IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 1) } exit 1'
}

# qm_step_down runs the calling script again as an unprivileged user in a scratch
# copy of the tree, and ends with its exit status. In that second run it returns.
qm_step_down() {
    if [[ -n ${QM_SCRATCH:-} ]]; then
        qm_enter
        return
    fi

    local base=${TMPDIR:-/tmp} child script status user=() entry
    script=$(realpath "$0")
    script=${script#"$QM_TREE"/}
    # A socket's path has room for 107 bytes, and root's own folders are closed to others.
    if [[ $(id -u) -eq 0 || ${#base} -gt 40 ]]; then base=/tmp; fi

    QM_SCRATCH=$(mktemp -d "$base/qm.XXXXXX")
    export QM_SCRATCH
    trap qm_scratch_drop EXIT
    mkdir "$QM_SCRATCH/tree" "$QM_SCRATCH/log" "$QM_SCRATCH/tmp"
    for entry in client common docs sql test README.md quantmesh.control; do
        if [[ -e $QM_TREE/$entry ]]; then cp -R "$QM_TREE/$entry" "$QM_SCRATCH/tree/"; fi
    done
    if [[ $(id -u) -eq 0 ]]; then
        local name=postgres
        id -u postgres >/dev/null 2>&1 || name=nobody
        chown -R "$name:" "$QM_SCRATCH"
        user=(runuser -u "$name" --)
    fi

    # A process group of its own, so that a signal reaches the whole run even when it was sent to this process alone.
    set -m
    (cd "$QM_SCRATCH/tree" && exec "${user[@]}" bash "$script" "$@") &
    child=$!
    set +m
    trap 'kill -TERM -- "-$child" 2>/dev/null' INT TERM HUP
    while
        wait "$child" && status=0 || status=$?
        kill -0 "$child" 2>/dev/null
    do :; done
    exit "$status"
}

# qm_scratch_drop ends the privileged half: nothing may be left of the run but logs of a failure.
qm_scratch_drop() {
    local status=$? left=() logs
    trap '' INT TERM HUP
    # Orphans of a killed postmaster need a moment to notice.
    for _ in {1..50}; do
        mapfile -t left < <(qm_processes)
        if [[ ${#left[@]} -eq 0 ]]; then break; fi
        sleep 0.1
    done
    if [[ ${#left[@]} -gt 0 ]]; then
        printf 'left behind by %s:\n' "${0##*/}" >&2
        ps -o pid,stat,args -p "${left[*]}" >&2 || true
        kill -QUIT "${left[@]}" 2>/dev/null || true # a postmaster takes its shared memory with it
        sleep 1
        kill -KILL "${left[@]}" 2>/dev/null || true
        status=1
    fi
    if [[ ${QM_KEEP:-0} == 1 ]]; then
        printf 'kept: %s\n' "$QM_SCRATCH" >&2
        exit "$status"
    fi
    if [[ $status -ne 0 ]]; then
        logs=$(realpath "$0")
        logs=${logs#"$QM_TREE"/}
        logs=$QM_TREE/tmp_check/${logs//\//-}
        rm -rf "$logs" 2>/dev/null || true
        if mkdir -p "${logs%/*}" && cp -R "$QM_SCRATCH/log" "$logs"; then
            printf 'logs: %s\n' "$logs" >&2
        fi
    fi
    rm -rf "$QM_SCRATCH"
    exit "$status"
}

# qm_processes prints the pids of all processes that work inside the scratch folder.
qm_processes() {
    find /proc -maxdepth 2 -name cwd -lname "$QM_SCRATCH*" 2>/dev/null | cut -d/ -f3 || true
}

# qm_enter sets up the unprivileged half: our PostgreSQL first on the PATH, nobody else's settings.
qm_enter() {
    local name
    for name in "${!PG@}"; do
        if [[ $name != PG_CONFIG ]]; then unset "$name"; fi
    done
    PATH=$(qm_bindir):$PATH:/usr/local/sbin:/usr/sbin:/sbin
    export PATH HOME=$QM_SCRATCH TMPDIR=$QM_SCRATCH/tmp LC_ALL=C QM_LOG=$QM_SCRATCH/log
    qm_traps
}

# qm_traps makes qm_exit run however the script ends; a subshell that starts clusters calls it again.
qm_traps() {
    trap qm_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# qm_exit ends the unprivileged half: no job and no cluster outlives the script.
qm_exit() {
    local status=$? jobs=() name
    trap '' INT TERM HUP
    mapfile -t jobs < <(jobs -p)
    if [[ ${#jobs[@]} -gt 0 ]]; then
        kill -TERM "${jobs[@]}" 2>/dev/null || true
        kill -CONT "${jobs[@]}" 2>/dev/null || true # a stopped process ends only when continued
    fi
    for name in "${qm_clusters[@]}"; do qm_cluster_stop "$name"; done
    exit "$status"
}

# qm_cluster_start NAME [setting=value ...] makes the cluster NAME unless it exists, starts it with our library
# preloaded and fsync off (both can be overridden, and settings last over restarts), and points PGHOST, PGPORT,
# PGUSER and PGDATABASE at it. Its data is in $QM_SCRATCH/NAME/data, its log in $QM_LOG/NAME.log.
qm_cluster_start() {
    local name=$1 setting value
    local folder=$QM_SCRATCH/$name
    local data=$folder/data
    shift
    if [[ ! -e $data/PG_VERSION ]]; then
        mkdir -p "$folder"
        "$QM_TREE/test/initdb_copied" -D "$data" --no-sync -A trust -E UTF8 --locale=C -U postgres >"$QM_LOG/$name.initdb.log" 2>&1 ||
            qm_fail "initdb failed: $(tail -n 3 "$QM_LOG/$name.initdb.log")"
        set -- shared_preload_libraries=quantmesh fsync=off "listen_addresses=" "unix_socket_directories=$folder" \
            port=5432 "log_line_prefix=%m [%p] %q%a %d: " "$@"
    fi
    for setting in "$@"; do
        value=${setting#*=}
        printf "%s = '%s'\n" "${setting%%=*}" "${value//\'/\'\'}"
    done >>"$data/postgresql.conf"

    qm_clusters+=("$name")
    if ! pg_ctl -s -w -t 60 -D "$data" -l "$QM_LOG/$name.log" start >/dev/null; then
        tail -n 5 "$QM_LOG/$name.log" >&2
        qm_fail "cluster $name did not start"
    fi
    qm_cluster_use "$name"
}

# qm_cluster_use NAME points PGHOST, PGPORT, PGUSER and PGDATABASE at a cluster that was started before.
qm_cluster_use() {
    # The folder tells clusters apart, so most have the same port; a running server's fourth line names it.
    PGPORT=$(sed -n 4p "$QM_SCRATCH/$1/data/postmaster.pid")
    export PGHOST=$QM_SCRATCH/$1 PGPORT PGUSER=postgres PGDATABASE=postgres
}

# qm_cluster_stop NAME [fast|immediate] stops the cluster; what does not stop fast within 20 s is stopped at once.
qm_cluster_stop() {
    local data=$QM_SCRATCH/$1/data
    if [[ ! -e $data/postmaster.pid ]]; then return 0; fi
    pg_ctl -s -w -t 20 -D "$data" -m "${2:-fast}" stop >/dev/null 2>&1 ||
        pg_ctl -s -w -t 20 -D "$data" -m immediate stop >/dev/null 2>&1 || true
}
