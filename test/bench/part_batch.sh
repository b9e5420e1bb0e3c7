# shellcheck shell=bash
#
# Batches: place_orders of 100 orders, for submission, against as many single calls, and beside it a set-based INSERT of
# 100. Rates and processor times are of one order.

batch_ours() { orders_empty && orders_run place_orders "$clients" 100; }
batch_single() { orders_empty && orders_run place_level "$clients" 1; }
batch_insert() { orders_empty && orders_run insert_set "$clients" 100; }

# part_batch measures both comparisons, with fsync on and off.
part_batch() {
    local account=binance requests=0 fsync
    lines_begin "place_orders of 100, per order"
    for fsync in on off; do
        qm_cluster_start "batch_$fsync" "fsync=$fsync" "${orders_settings[@]}"
        orders_create
        line "1 client, fsync $fsync, single calls" 1 6 batch_ours batch_single
        line "8 clients, fsync $fsync, single calls" 8 2 batch_ours batch_single
        line "1 client, fsync $fsync, INSERT of 100" 1 "" batch_ours batch_insert
        line "8 clients, fsync $fsync, INSERT of 100" 8 "" batch_ours batch_insert
        qm_cluster_stop "batch_$fsync"
    done
}
