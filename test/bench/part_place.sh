# shellcheck shell=bash
#
# Placing: place_order against a bare INSERT ... ON CONFLICT DO NOTHING of the same two rows into the same tables with the
# same indexes, by the same role and under the same durability. Every order has a slot of its own, in one market. Beside it
# stands an INSERT of the first row alone, which does half of the work and keeps no promise about slots.

place_ours() { orders_empty && orders_run place_order "$clients" 1 -D symbol=BTCUSDT; }
place_theirs() { orders_empty && orders_run insert "$clients" 1 -D symbol=BTCUSDT; }
place_one() { orders_empty && orders_run insert_one "$clients" 1 -D symbol=BTCUSDT; }

# place_compare_rows fails unless both contenders store the same rows, but for what names them and when they were.
place_compare_rows() {
    local account=binance requests=1 clients=1 seconds=1 table
    place_theirs >/dev/null
    for table in orders live_order; do
        psql -qX -c "CREATE TABLE bare_$table AS SELECT * FROM quantmesh.$table ORDER BY price LIMIT 1"
    done
    place_ours >/dev/null
    for table in orders live_order; do place_compare_row "$table"; done
}

# place_compare_row TABLE does so for one table.
place_compare_row() {
    local different
    different=$(
        psql -AtX -v "ours=quantmesh.$1" -v "bare=bare_$1" <<'SQL'
WITH ours AS (SELECT c.* FROM (SELECT * FROM :ours ORDER BY price LIMIT 1) AS o, jsonb_each(to_jsonb(o)) AS c),
     bare AS (SELECT c.* FROM :bare AS b, jsonb_each(to_jsonb(b)) AS c)
SELECT string_agg(format('%s: %s, bare %s', key, ours.value, bare.value), '; ')
FROM ours JOIN bare USING (key)
WHERE CASE WHEN key IN ('order_id', 'fence', 'request_id') OR key LIKE '%\_at' OR key = 'send_before'
      THEN jsonb_typeof(ours.value) <> jsonb_typeof(bare.value)
      WHEN key = 'client_order_id' THEN abs(length(ours.value::text) - length(bare.value::text)) > 2
      ELSE ours.value <> bare.value END;
SQL
    )
    psql -qX -c "DROP TABLE bare_$1"
    [[ -z $different ]] || qm_fail "the bare INSERT's row of $1 is another one: $different"
}

# place_lines FSYNC measures every line of one cluster. A request id costs the same with limits as without.
place_lines() {
    local account=binance requests=0
    line "1 client, fsync $1, both rows" 1 0.90 place_ours place_theirs
    line "8 clients, fsync $1, both rows" 8 0.90 place_ours place_theirs
    line "1 client, fsync $1, one row" 1 "" place_ours place_one
    line "8 clients, fsync $1, one row" 8 "" place_ours place_one
    requests=1
    line "1 client, fsync $1, request id, both rows" 1 0.90 place_ours place_theirs
    line "8 clients, fsync $1, request id, both rows" 8 0.90 place_ours place_theirs
    account=binance/limits requests=0
    line "1 client, fsync $1, limits, both rows" 1 0.80 place_ours place_theirs
    line "8 clients, fsync $1, limits, both rows" 8 0.80 place_ours place_theirs
}

# part_place measures all lines with fsync off, which shows what the call itself costs, and on.
part_place() {
    local fsync
    lines_begin "place_order against INSERT ... ON CONFLICT DO NOTHING of the same rows"
    for fsync in off on; do
        qm_cluster_start "place_$fsync" "fsync=$fsync" "${orders_settings[@]}"
        orders_create
        place_compare_rows
        place_lines "$fsync"
        qm_cluster_stop "place_$fsync"
    done
}
