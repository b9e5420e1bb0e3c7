# shellcheck shell=bash
#
# What the parts about orders have in common: a cluster with markets and a trader, tables that are empty before each
# run, and scripts that must have stored what they say.

# Settings that keep the server's own chores out of short runs, and a TTL that ends nobody whom a busy machine does not run
# for a while (contend.c). Both contenders of a line run under the same.
orders_settings=(max_connections=50 autovacuum=off checkpoint_timeout=1d max_wal_size=16GB shared_buffers=512MB
    quantmesh.default_ttl_order=30s)

# orders_create makes the extension, its markets, and a trader who may also write orders by hand. The accounts differ in
# their limits, none of which is ever reached.
orders_create() {
    psql -qX -v ON_ERROR_STOP=1 >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION quantmesh;
SELECT quantmesh.set_market(account, 'BTCUSDT', tick_size => 0.01, step_size => 0.00001, min_quantity => 0.00001, max_quantity => 9000, min_notional => 5)
    FROM unnest(ARRAY['binance', 'binance/limits']) AS account;
SELECT quantmesh.set_market('binance', 'ETHUSDT', tick_size => 0.000001, step_size => 0.00001, min_quantity => 0.00001, max_quantity => 9000, min_notional => 5);
SELECT quantmesh.set_limits('binance/limits', 'BTCUSDT', max_open_orders => 2000000000, max_position => 1000000000,
    max_notional => 1000000000000000, max_order_rate => 1000000);
SELECT quantmesh.set_limits('binance/limits', NULL, max_open_orders => 2000000000, max_position => NULL,
    max_notional => 1000000000000000, max_order_rate => 1000000);
DO $$ BEGIN CREATE ROLE trader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
SELECT quantmesh.grant_trader('trader', '*');
GRANT INSERT ON quantmesh.orders, quantmesh.live_order TO trader;
SQL
}

# orders_truncate takes all orders away, and locks the tables in the order in which the coordinator reads them.
orders_truncate() {
    psql -qX -v ON_ERROR_STOP=1 -c "TRUNCATE quantmesh.live_order, quantmesh.orders"
}

# orders_empty leaves no order, and tables as if there had never been one. What limits have counted stays counted, which is why they are so wide.
orders_empty() {
    orders_truncate &&
        psql -qX -v ON_ERROR_STOP=1 -c "VACUUM ANALYZE quantmesh.orders, quantmesh.live_order" -c "CHECKPOINT"
}

# orders_run SCRIPT CLIENTS UNITS [pgbench option ...] runs one contender as the trader and fails unless each unit has
# become an order. The caller sets account and requests.
orders_run() {
    local figures count stored="quantmesh.live_order AS l, LATERAL (SELECT FROM quantmesh.orders AS a
        WHERE a.account = l.account AND a.order_id = l.order_id AND a.exposed OFFSET 0) AS o" # looks up one by one
    if [[ $1 == insert_one ]]; then stored=quantmesh.orders; fi
    figures=$(measure "test/bench/$1.sql" "$2" "$3" -U trader -D "run=$EPOCHSECONDS" -D "account=$account" \
        -D "requests=$requests" -D quantity=0.01 "${@:4}") || return
    count=$(psql -AtX -c "SELECT count(*) FROM $stored")
    [[ $count -eq ${figures##* } ]] || qm_fail "$1: ${figures##* } calls have stored $count orders"
    echo "$figures"
}
