# shellcheck shell=bash
#
# Placing: place_order against a bare INSERT ... ON CONFLICT DO NOTHING of the same row into the same table with the same
# indexes, by the same role and under the same durability. Every order has a slot of its own, in one market.

place_ours() { orders_empty && orders_run place_order "$clients" 1 -D symbol=BTCUSDT; }
place_theirs() { orders_empty && orders_run insert "$clients" 1 -D symbol=BTCUSDT; }

# place_compare_rows fails unless both contenders store the same row, but for what names it and when it was.
place_compare_rows() {
    local account=binance requests=1 clients=1 seconds=1 different
    place_theirs >/dev/null
    psql -qX -c "CREATE TABLE bare_row AS SELECT * FROM quantmesh.orders ORDER BY price LIMIT 1"
    place_ours >/dev/null
    different=$(
        psql -AtX <<'SQL'
WITH ours AS (SELECT c.* FROM (SELECT * FROM quantmesh.orders ORDER BY price LIMIT 1) AS o, jsonb_each(to_jsonb(o)) AS c),
     bare AS (SELECT c.* FROM bare_row AS b, jsonb_each(to_jsonb(b)) AS c)
SELECT string_agg(format('%s: %s, bare %s', key, ours.value, bare.value), '; ')
FROM ours JOIN bare USING (key)
WHERE CASE WHEN key IN ('order_id', 'fence', 'request_id') OR key LIKE '%\_at' OR key = 'send_before'
      THEN jsonb_typeof(ours.value) <> jsonb_typeof(bare.value)
      WHEN key = 'client_order_id' THEN abs(length(ours.value::text) - length(bare.value::text)) > 2
      ELSE ours.value <> bare.value END;
SQL
    )
    psql -qX -c "DROP TABLE bare_row"
    [[ -z $different ]] || qm_fail "the bare INSERT's row is another one: $different"
}

# place_lines FSYNC measures every line of one cluster.
place_lines() {
    local account requests suffix target
    for account in binance binance/limits; do
        target=0.90 suffix=
        if [[ $account == binance/limits ]]; then target=0.80 suffix=", limits"; fi
        for requests in 0 1; do
            if ((requests)); then suffix="$suffix, request id"; fi
            line "1 client, fsync $1$suffix" 1 "$target" place_ours place_theirs
            line "8 clients, fsync $1$suffix" 8 "$target" place_ours place_theirs
        done
    done
}

# part_place measures all lines with fsync off, which shows what the call itself costs, and on.
part_place() {
    local fsync
    lines_begin "place_order against INSERT ... ON CONFLICT DO NOTHING of the same row"
    for fsync in off on; do
        qm_cluster_start "place_$fsync" "fsync=$fsync" "${orders_settings[@]}"
        orders_create
        place_compare_rows
        place_lines "$fsync"
        qm_cluster_stop "place_$fsync"
    done
}
