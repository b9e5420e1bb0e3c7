# shellcheck shell=bash
#
# Scale: what one primary carries and where its first limit is, by the model of scale.c, which is fitted to what 1, 8 and 32
# clients measure here, with every commit waiting for the disk. For lives each has a market of its own, as instances have. What
# it says of 2 and 16 clients stands beside what they measure. What is assumed is in scale.c, and the report says it.

scale_tool=test/bench/build/scale
lives_seconds=5 # a life has many steps

# scale_rate CLIENTS prints how many orders a second so many clients place: the median of three runs.
scale_rate() {
    for _ in 1 2 3; do contend_orders place "$1" || exit 1; done | sed -E 's/per_s=([0-9.]*) .*/\1/' | sort -g | sed -n 2p
}

# scale_lives CLIENTS MARKETS prints WAL, commits and rate of lives: placed, opened, 0 to 5 fills, cancel request, end.
scale_lives() {
    local out how=(-n -M prepared -c "$1" -j 2 -f test/bench/lives.sql -D places=50 -D brief=0 -D markets="$2")
    orders_empty
    psql -qX -v ON_ERROR_STOP=1 -f test/bench/lives_schema.sql >"$QM_LOG/lives.log" 2>&1 ||
        qm_fail "no schema for lives: $(tail -n 3 "$QM_LOG/lives.log")"
    # First each place is taken about once, so that what is measured has as many ends as beginnings.
    pgbench "${how[@]}" -t 400 >"$QM_LOG/lives.log" 2>&1 ||
        qm_fail "pgbench failed: $(tail -n 3 "$QM_LOG/lives.log")"
    psql -qX -v ON_ERROR_STOP=1 -c "TRUNCATE bench.change" -c "SELECT pg_stat_reset_shared('wal')" >"$QM_LOG/lives.log" 2>&1 ||
        qm_fail "lives cannot be counted: $(tail -n 3 "$QM_LOG/lives.log")"
    out=$(pgbench "${how[@]}" -T "$lives_seconds" 2>&1) || qm_fail "pgbench failed: $out"
    psql -AtX -F' ' -v "steps_per_s=$(awk '/^tps = / { print $3 }' <<<"$out")" <<'SQL'
SELECT 'life_wal_bytes=' || round(wal_bytes / lives), 'life_commits=' || round(steps::numeric / lives, 2),
    'lives_per_s=' || round(:steps_per_s * lives / steps, 1)
FROM pg_stat_wal, (SELECT count(*) AS steps, count(*) FILTER (WHERE kind = 'place') AS lives FROM bench.change) AS c;
SQL
}

# disk_mb_s prints what the disk takes in sequence.
disk_mb_s() {
    dd if=/dev/zero of="$QM_SCRATCH/tmp/dd" bs=1M count=256 conv=fdatasync 2>&1 |
        awk '/copied/ { for (i = 1; i < NF; i++) if ($i == "s,") printf "%.0f\n", 268.4 / $(i - 1) }'
    rm -f "$QM_SCRATCH/tmp/dd"
}

# part_scale measures the inputs and prints what the model makes of them.
part_scale() {
    local lives measured=() clients kb
    contend_build
    [[ -x $scale_tool ]] || make -s -C test/bench BUILD=build build/scale >"$QM_LOG/build.log" 2>&1 || qm_fail "scale was not built"
    qm_cluster_start scale fsync=on "${orders_settings[@]}" max_connections=200
    orders_create
    for clients in 1 2 8 16 32; do
        measured+=("rate_$clients=$(scale_rate "$clients")")
        lives=$(scale_lives "$clients" 32)
        measured+=("lives_$clients=${lives##*lives_per_s=}")
    done
    measured+=("market_lives=$(scale_lives 8 1 | sed 's/.*lives_per_s=//')")
    orders_empty
    kb=$(backend_kb "a backend that places orders, for the model" "DO \$\$ BEGIN FOR n IN 1..200 LOOP PERFORM quantmesh.place_order('binance', 'BTCUSDT', 'sell', 900000 + n, 0.01); END LOOP; END \$\$;")
    kb=$(sed -E 's/.* ([0-9]+) kB$/\1/' <<<"$kb")
    qm_cluster_stop scale
    # shellcheck disable=SC2086 # words
    "$scale_tool" cores="$(nproc)" ${lives% lives_per_s=*} disk_mb_s="$(disk_mb_s)" backend_kb="$kb" \
        memory_kb="$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)" "${measured[@]}" | tee "$QM_SCRATCH/tmp/scale" >&3
    printf '\nWhat one primary carries, by the model of test/bench/scale.c\n'
    awk -F, '{ split($0, quoted, "\""); split(quoted[3], field, ","); printf "%-72s %3d %-9s %-12s %12.1f\n", quoted[2], field[2], field[4], field[5], field[6] }' \
        "$QM_SCRATCH/tmp/scale"
}
