# shellcheck shell=bash
#
# Heap-only updates: a stated mix of lives, of which many are under way at any time. An update is heap-only when it
# changes no column that an index or its condition mentions, and finds room on its page. The update that ends an order
# takes it out of the indexes of live orders and can never be heap-only.

# part_hot lives through about as many orders as asked, and prints the share of heap-only updates, by kind and in total.
part_hot() {
    local clients=8 places=50 steps out
    qm_cluster_start hot "${orders_settings[@]}"
    orders_create
    psql -qX -v ON_ERROR_STOP=1 -f test/bench/lives_schema.sql
    steps=$((lives * 13 / 2 / clients)) # a life has 6.5 steps on average
    out=$(pgbench -n -M prepared -c "$clients" -j 2 -t "$steps" -f test/bench/lives.sql -D "places=$places" 2>&1) ||
        qm_fail "pgbench failed: $out"

    printf '\nHeap-only updates: lives of place, open, 0 to 5 partial fills, cancel request, end (canceled); %d clients with %d orders each\n' \
        "$clients" "$places"
    psql -X -P footer=off <<'SQL'
WITH change AS (SELECT kind, array_position(ARRAY['place', 'open', 'partial fill', 'cancel request', 'end'], kind) AS nth, updates, hot FROM bench.change),
shown AS (
    SELECT nth, kind, count(*) AS calls, sum(updates) AS updates, sum(hot) AS hot FROM change GROUP BY nth, kind
    UNION ALL SELECT 8, 'all but end', count(*), sum(updates), sum(hot) FROM change WHERE kind <> 'end'
    UNION ALL SELECT 9, 'all', count(*), sum(updates), sum(hot) FROM change)
SELECT kind AS update, calls, updates, hot AS heap_only, round(hot / nullif(updates, 0), 3) AS share FROM shown ORDER BY nth;
SELECT relname AS table, n_tup_ins AS inserted, n_tup_upd AS updated, n_tup_hot_upd AS heap_only,
    round(n_tup_hot_upd::numeric / nullif(n_tup_upd, 0), 3) AS share
FROM pg_stat_user_tables WHERE schemaname = 'quantmesh' AND relname IN ('orders', 'order_event', 'fill', 'position', 'exchange_order')
ORDER BY relname;
SQL
    psql -AtX -F, -c "SELECT 'hot', kind, $clients, NULL, sum(hot), sum(updates), NULL, NULL FROM bench.change GROUP BY kind" >&3
    qm_cluster_stop hot
}
