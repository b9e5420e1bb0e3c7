# shellcheck shell=bash
#
# Heap-only updates: stated mixes of lives, of which many are under way at any time. An update is heap-only when it changes
# no column that an index or its condition mentions, and finds room on its page. And what a life writes, in rows and WAL.

# part_hot lives through about as many orders as asked, of each mix.
part_hot() {
    hot_mix 0 13 "place, open, 0 to 5 partial fills, cancel request, end (canceled)"
    hot_mix 1 6 "place, open, fill (filled)"
}

# hot_mix BRIEF HALF_STEPS TITLE lives through orders of one mix, whose lives have so many steps on average, times two.
# Pages are not written whole to the WAL, which in a short run would be most of it.
hot_mix() {
    local clients=8 places=50 steps out
    qm_cluster_start "hot_$1" full_page_writes=off "${orders_settings[@]}"
    orders_create
    psql -qX -v ON_ERROR_STOP=1 -f test/bench/lives_schema.sql -c "SELECT pg_stat_reset_shared('wal')" >/dev/null
    steps=$((lives * $2 / 2 / clients))
    out=$(pgbench -n -M prepared -c "$clients" -j 2 -t "$steps" -f test/bench/lives.sql -D "places=$places" -D "brief=$1" -D markets=1 2>&1) ||
        qm_fail "pgbench failed: $out"
    printf '\nHeap-only updates: lives of %s; %d clients with %d orders each\n' "$3" "$clients" "$places"
    hot_print
    psql -AtX -F, -c "SELECT 'hot', kind, $clients, 1, 'mix $1', figure, value
        FROM (SELECT kind, sum(hot) AS hot, sum(updates) AS updates FROM bench.change GROUP BY kind) AS c,
        LATERAL (VALUES ('heap_only', hot), ('updates', updates)) AS f (figure, value)" >&3
    qm_cluster_stop "hot_$1"
}

# hot_print prints the share of heap-only updates, by kind of update and in total, and what was written.
hot_print() {
    psql -X -P footer=off <<'SQL'
WITH change AS (SELECT kind, array_position(ARRAY['place', 'open', 'partial fill', 'cancel request', 'fill', 'end'], kind) AS nth, updates, hot FROM bench.change),
shown AS (
    SELECT nth, kind, count(*) AS calls, sum(updates) AS updates, sum(hot) AS hot FROM change GROUP BY nth, kind
    UNION ALL SELECT 9, 'all', count(*), sum(updates), sum(hot) FROM change)
SELECT kind AS update, calls, updates, hot AS heap_only, round(hot / nullif(updates, 0), 3) AS share FROM shown ORDER BY nth;
SELECT relname AS table, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_hot_upd AS heap_only, n_tup_del AS deleted,
    round(n_tup_hot_upd::numeric / nullif(n_tup_upd, 0), 3) AS share
FROM pg_stat_user_tables WHERE schemaname = 'quantmesh' AND relname IN ('orders', 'live_order', 'order_event', 'fill', 'position', 'exchange_order')
ORDER BY relname;
SELECT lives, round(wal_bytes / lives) AS wal_bytes_a_life, round(wal_records::numeric / lives, 1) AS wal_records_a_life
FROM pg_stat_wal, (SELECT count(*) AS lives FROM bench.change WHERE kind = 'place') AS l;
SQL
}
