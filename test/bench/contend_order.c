/*
 * Orders guarded by what people use without the extension. All of them store the
 * same row of quantmesh.orders as place_order, under the same indexes, from a
 * client that has thought of everything itself. Where a lock is the guard that is
 * all; the bare INSERT needs place_order's second row, too, whose unique index
 * keeps a slot from being taken twice:
 *
 *   bare         the INSERT of both rows: its guard is the unique index
 *   advisory     pg_try_advisory_xact_lock and the INSERT in one statement
 *   skip locked  a row locked FOR UPDATE SKIP LOCKED and the INSERT in one statement
 *   lease table, Redis, etcd  take, INSERT, give back
 *   pipelined    100 keys taken in one round trip, 100 rows by one INSERT, 100 keys given back in one
 */
#include "contend_redis.h"

#include <stdio.h>
#include <string.h>

#define PIPELINED 100
#define LIST_SIZE (PIPELINED * 64)
#define VALUES 7 /* of an order; a key is one more */

/* The columns of quantmesh.orders that every contender fills. */
#define COLUMNS                                                                                                        \
    "account, order_id, symbol, side, order_type, time_in_force, price, quantity, post_only, reduce_only, slot, "      \
    "strategy, owner, request_id, client_order_id, state, live, holds_slot, exposed, fence, send_before, created_at, " \
    "submitted_at, updated_at"

const char order_account[] = "binance", order_quantity[] = "0.01";

void
order_next(Worker *worker, OrderText *order)
{
    long cents = (worker->number / 2 + 1 + (worker->number % 2 ? WORKERS_MAX : 0)) * 1000000L + ++worker->count;

    if (worker->markets > 0)
        snprintf(order->symbol,
                 sizeof order->symbol,
                 "M%ld",
                 (worker->number * 7919L + worker->count * 31) % worker->markets);
    else
        snprintf(order->symbol, sizeof order->symbol, "BTCUSDT");
    snprintf(order->side, sizeof order->side, "%s", worker->number % 2 ? "sell" : "buy");
    snprintf(order->price, sizeof order->price, "%ld.%02ld", cents / 100, cents % 100);
    snprintf(order->order_id, sizeof order->order_id, "%ld", (worker->number + 1) * 1000000000L + worker->count);
    snprintf(order->client_order_id, sizeof order->client_order_id, "q%019ld", cents);
    snprintf(order->request_id, sizeof order->request_id, "%016d%08d%08ld", worker->run, worker->number, worker->count);
}

/* order_prepare prepares the INSERT; with says what has to be had first, and source takes rows from that. */
static void
order_prepare(Worker *worker, const char *with, const char *source)
{
    char statement[2000];

    snprintf(statement,
             sizeof statement,
             "%s INSERT INTO quantmesh.orders (" COLUMNS ")"
             " SELECT '%s', $1::text::bigint, $7::text, $2::text, 'limit', 'gtc', $3::text::numeric, $4::numeric, "
             "false,"
             " false, $3::text, '', 'trader', $5, $6, 'submitted', true, true, true, $1::text::bigint,"
             " now() + '5 s', now(), now(), now() %s ON CONFLICT DO NOTHING",
             with,
             order_account,
             source);
    sql_prepare(worker, "insert", statement);
}

/* order_insert stores one more order, under the worker's key where the statement takes it. */
static void
order_insert(Worker *worker, bool keyed)
{
    OrderText order;

    order_next(worker, &order);
    if (sql_run(worker,
                "insert",
                VALUES + keyed,
                (const char *const[]){order.order_id,
                                      order.side,
                                      order.price,
                                      order_quantity,
                                      order.request_id,
                                      order.client_order_id,
                                      order.symbol,
                                      worker->key}) != 1)
        fail("%s: an order was not stored, though nobody else wants its slot", worker->contender->name);
}

/* -------------------------------------------------------- in one statement */

static void
bare_open(Worker *worker)
{
    sql_open(worker);
    order_prepare(worker,
                  "WITH live AS ("
                  " INSERT INTO quantmesh.live_order (account, order_id, symbol, side, price, slot)"
                  " SELECT 'binance', $1::text::bigint, $7::text, $2::text, $3::text::numeric, $3::text"
                  " ON CONFLICT DO NOTHING)",
                  "");
    sql_prepare(worker, "desk", "INSERT INTO bench.desk_unique (slot, owner) VALUES ($1, $2) ON CONFLICT DO NOTHING");
}

static void
bare_step(Worker *worker)
{
    order_insert(worker, false);
}

/* bare_desk sends an order whose row went in. */
static bool
bare_desk(Worker *worker)
{
    const char *values[] = {worker->key, worker->owner};

    if (sql_run(worker, "desk", 2, values) != 1)
        return false;
    worker->pause(worker);
    exchange_send(worker);
    return true;
}

static void
keyed_step(Worker *worker)
{
    order_insert(worker, true);
}

static void
insert_advisory_open(Worker *worker)
{
    advisory_transaction.open(worker);
    order_prepare(worker,
                  "WITH got AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(hashtextextended($8, 0)) AS had)",
                  "FROM got WHERE had");
}

static void
insert_skip_locked_open(Worker *worker)
{
    skip_locked.open(worker);
    order_prepare(worker,
                  "WITH got AS MATERIALIZED (SELECT FROM bench.row_lock WHERE key = $8 FOR UPDATE SKIP LOCKED)",
                  "FROM got");
}

/* ------------------------------------------------- take, insert, give back */

static void
three_open(Worker *worker)
{
    worker->contender->guard->open(worker);
    order_prepare(worker, "", "");
}

static void
three_step(Worker *worker)
{
    if (!worker->contender->guard->attempt(worker))
        fail("%s: %s was refused, though nobody else wants it", worker->contender->name, worker->key);
    order_insert(worker, false);
    if (!worker->contender->guard->give(worker))
        fail("%s: %s was lost, though nobody else wants it", worker->contender->name, worker->key);
}

static void
redis_pipelined_open(Worker *worker)
{
    worker->contender->guard->open(worker);
    sql_prepare(worker,
                "insert",
                "INSERT INTO quantmesh.orders (" COLUMNS ")"
                " SELECT 'binance', order_id, symbol, side, 'limit', 'gtc', price, $7::numeric, false,"
                " false, price::text, '', 'trader', request_id, client_order_id, 'submitted', true, true, true, "
                "order_id,"
                " now() + '5 s', now(), now(), now()"
                " FROM unnest($1::bigint[], $2::text[], $3::numeric[], $4::text[], $5::text[], $6::text[])"
                " AS o(order_id, side, price, request_id, client_order_id, symbol) ON CONFLICT DO NOTHING");
}

/* list_add adds a word to a list, as PostgreSQL writes arrays, whose end is still missing. The words need no quotes. */
static void
list_add(char *list, const char *word)
{
    size_t length = strlen(list);

    snprintf(list + length, LIST_SIZE - length, "%c%s", length == 0 ? '{' : ',', word);
}

/* redis_pipelined_step stores 100 orders by one INSERT, each under a key of its own. */
static void
redis_pipelined_step(Worker *worker)
{
    static char keys[PIPELINED][KEY_SIZE];
    static char lists[VALUES - 1][LIST_SIZE];

    for (int unit = 0; unit < PIPELINED; unit++)
        snprintf(keys[unit], KEY_SIZE, "%.100s:%d", worker->key, unit);
    redis_take_many(worker, keys, PIPELINED);
    for (int list = 0; list < VALUES - 1; list++)
        lists[list][0] = '\0';
    for (int unit = 0; unit < PIPELINED; unit++)
    {
        OrderText order;

        order_next(worker, &order);
        list_add(lists[0], order.order_id);
        list_add(lists[1], order.side);
        list_add(lists[2], order.price);
        list_add(lists[3], order.request_id);
        list_add(lists[4], order.client_order_id);
        list_add(lists[5], order.symbol);
    }
    for (int list = 0; list < VALUES - 1; list++)
        strcat(lists[list], "}");
    if (sql_run(worker,
                "insert",
                VALUES,
                (const char *const[]){lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], order_quantity}) !=
        PIPELINED)
        fail("%s: not every order was stored, though nobody else wants its slot", worker->contender->name);
    redis_give_many(worker, keys, PIPELINED);
}

const Contender insert_bare = {
    .name = "insert",
    .title = "INSERT ON CONFLICT DO NOTHING alone",
    .in_order = true,
    .units = 1,
    .open = bare_open,
    .step = bare_step,
    .desk = bare_desk,
};

const Contender insert_advisory = {
    .name = "advisory-insert",
    .title = "pg_try_advisory_xact_lock and INSERT",
    .in_order = true,
    .units = 1,
    .guard = &advisory_transaction,
    .open = insert_advisory_open,
    .step = keyed_step,
};

const Contender insert_skip_locked = {
    .name = "skip-locked-insert",
    .title = "SELECT FOR UPDATE SKIP LOCKED and INSERT",
    .in_order = true,
    .units = 1,
    .guard = &skip_locked,
    .open = insert_skip_locked_open,
    .step = keyed_step,
};

const Contender insert_lease_table = {
    .name = "lease-table-insert",
    .title = "lease table, INSERT, DELETE",
    .in_order = true,
    .units = 1,
    .guard = &lease_table,
    .open = three_open,
    .step = three_step,
};

const Contender insert_redis = {
    .name = "redis-insert",
    .title = "Redis lock, INSERT, Redis unlock",
    .in_order = true,
    .units = 1,
    .guard = &redis_plain,
    .open = three_open,
    .step = three_step,
};

const Contender insert_redis_always = {
    .name = "redis-always-insert",
    .title = "Redis (appendfsync always) lock, INSERT, unlock",
    .in_order = true,
    .units = 1,
    .guard = &redis_always,
    .open = three_open,
    .step = three_step,
};

const Contender insert_redis_pipelined = {
    .name = "redis-pipelined-insert",
    .title = "Redis lock, INSERT, unlock: 100 pipelined, one INSERT",
    .in_order = true,
    .units = PIPELINED,
    .guard = &redis_pipelined,
    .open = redis_pipelined_open,
    .step = redis_pipelined_step,
};

const Contender insert_etcd = {
    .name = "etcd-insert",
    .title = "etcd lock, INSERT, etcd unlock",
    .in_order = true,
    .units = 1,
    .guard = &etcd_lock,
    .open = three_open,
    .step = three_step,
};
