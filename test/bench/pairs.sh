# shellcheck shell=bash
#
# What the parts of test/bench/run have in common: running a contender, pairs of runs in turn, and their median.
# The caller sets pairs, seconds and part.

# The columns of a line of pairs, heading and figures.
heading_format='%-44s %9s %9s %7s   %-26s %-13s %s\n'

# server_cpu prints the processor time in microseconds of those of the server's processes that have ended.
server_cpu() {
    local ticks
    ticks=$(awk '{ print $16 + $17 }' "/proc/$(head -n 1 "$PGHOST/data/postmaster.pid")/stat")
    echo $((ticks * 1000000 / $(getconf CLK_TCK)))
}

# server_processes prints how many processes the server has.
server_processes() {
    pgrep -c -P "$(head -n 1 "$PGHOST/data/postmaster.pid")"
}

# server_has_ending says whether one of the server's processes is about to end: its title is gone, and its time is not the
# server's yet. With much memory to give back that takes some milliseconds.
server_has_ending() {
    local pid title
    for pid in $(pgrep -P "$(head -n 1 "$PGHOST/data/postmaster.pid")"); do
        title=
        read -r -d '' title 2>/dev/null <"/proc/$pid/cmdline" || true
        if [[ -z $title && -e /proc/$pid ]]; then return 0; fi
    done
    return 1
}

# server_is_alone waits until the server has seen the last client's backend end: only then is its processor time counted.
server_is_alone() {
    for _ in {1..500}; do
        if ! pgrep -f -P "$(head -n 1 "$PGHOST/data/postmaster.pid")" '\[local\]' >/dev/null && ! server_has_ending; then return; fi
        sleep 0.01
    done
    qm_fail "backends do not end"
}

# measure SCRIPT CLIENTS UNITS [pgbench option ...] runs one contender once and prints how many units (locks, orders)
# it did in a second, the server's processor time for each in microseconds, and how many there were. A transaction
# does UNITS of them.
measure() {
    local script=$1 clients=$2 units=$3 cpu out
    shift 3
    server_is_alone
    cpu=$(server_cpu)
    out=$(pgbench -n -M prepared -c "$clients" -j "$((clients < 2 ? 1 : 2))" -T "$seconds" -f "$script" \
        -D n=-1 "$@" 2>&1) || qm_fail "pgbench failed: $out"
    server_is_alone
    cpu=$(($(server_cpu) - cpu))
    awk -v units="$units" -v cpu="$cpu" '
        /^number of transactions actually processed:/ { split($6, part, "/"); count = part[1] * units }
        /^tps = / { rate = $3 * units }
        END { if (!count) exit 1; printf "%.3f %.3f %d\n", rate, cpu / count, count }' <<<"$out" ||
        qm_fail "pgbench did nothing: $out"
}

# summarize TARGET reads lines "ours theirs ours_cpu theirs_cpu" and prints the median rates, the median ratio, its
# interval, the median processor times, and the target, if there is one: met by the whole interval, within it, or missed.
summarize() {
    awk -v target="$1" -f test/bench/median.awk -f <(
        cat <<'AWK'
        { n++; ours[n] = $1; theirs[n] = $2; ratio[n] = $1 / $2; ours_cpu[n] = $3; theirs_cpu[n] = $4 }
        END {
            sort(ours, n); sort(theirs, n); sort(ours_cpu, n); sort(theirs_cpu, n)
            bounds(ratio, n)
            range = sprintf("[%.3f, %.3f] at %.1f %%", low, high, 100 * confidence)
            cpu = sprintf("%.1f / %.1f", median(ours_cpu, n), median(theirs_cpu, n))
            verdict = low >= target ? "met" : high >= target ? "within" : "missed"
            verdict = target == "" ? "" : sprintf("%.2f %s", target, verdict)
            printf "%9.0f %9.0f %7.3f   %-26s %-13s %s\n", median(ours, n), median(theirs, n), median(ratio, n), range, cpu, verdict
        }
AWK
    )
}

# first_of and last_of ROUNDS print which of so many rounds, or pairs, are the first and the last one of this lap.
first_of() { echo $(((lap - 1) * $1 / laps + 1)); }
last_of() { echo $((lap * $1 / laps)); }

# What the laps so far have measured of each line, as summarize reads it.
declare -A line_rates=()

# lines_begin TITLE prints what the following lines are about, and their heading.
lines_begin() {
    printf '\n%s: %d pairs of %d s\n' "$1" "$(last_of "$pairs")" "$seconds"
    # shellcheck disable=SC2059 # one format for headings and figures
    printf "$heading_format" "" "ours/s" "theirs/s" "ratio" "interval" "CPU us" "target"
}

# line LABEL CLIENTS TARGET OURS THEIRS measures one line, prints it and writes its runs to the CSV. OURS and THEIRS
# are functions that run a contender once and print what measure prints. A line that nobody asked for is left out.
line() {
    local label=$1 clients=$2 target=$3 ours=$4 theirs=$5 pair first second a b c d last
    # shellcheck disable=SC2053 # a pattern
    if [[ $label != ${QM_BENCH_LINES:-*} ]]; then return; fi
    if [[ -n $target ]]; then printf '%s,"%s",%d,0,ours,target,%s\n' "$part" "$label" "$clients" "$target" >&3; fi
    for first in "$ours" "$theirs"; do # both warm up
        "$first" >/dev/null || qm_fail "$label: $first failed"
    done
    last=$(last_of "$pairs")
    for ((pair = $(first_of "$pairs"); pair <= last; pair++)); do
        if ((pair % 2)); then
            first=$("$ours") || qm_fail "$label: $ours failed"
            second=$("$theirs") || qm_fail "$label: $theirs failed"
        else
            second=$("$theirs") || qm_fail "$label: $theirs failed"
            first=$("$ours") || qm_fail "$label: $ours failed"
        fi
        read -r a b _ <<<"$first"
        read -r c d _ <<<"$second"
        line_rates[$part: $label]+="$a $c $b $d"$'\n'
        printf "$part,\"$label\",$clients,$pair,%s,%s,%s\n" ours per_s "$a" theirs per_s "$c" ours cpu_us "$b" theirs cpu_us "$d" >&3
    done
    printf '%-44s ' "$label"
    printf '%s' "${line_rates[$part: $label]}" | summarize "$target"
}
