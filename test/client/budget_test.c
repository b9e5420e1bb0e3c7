/*
 * Rate limits that several handles share through PostgreSQL: never more than is
 * allowed in a window, nearly all of it, and what happens on bad days. Windows are
 * real ones of ten seconds; this machine's clock is the server's.
 */
#include "check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "binance_bench.h"
#include "binance_server.h"
#include "budget_fallback.h"
#include "budget_shared.h"
#include "moment.h"
#include "server.h"

enum
{
    HANDLES = 8,
    WINDOWS = 2, /* whole ones */
    LIMIT = 1000,
    MINUTE_S = 60,
    WINDOW_S = 10
};

static const int one_order[QM_BUDGET_KINDS] = {1, 1, 1};
static const int one_weight[QM_BUDGET_KINDS] = {1, 0, 0};

/* A budget with a connection of its own, as each instance has. */
typedef struct Handle
{
    QmClient *client;
    QmBudget *budget;
    long taken[WINDOWS + 2]; /* by window, of those that began and ended in one */
    int64_t first;           /* number of the first window */
} Handle;

/* open_handle opens a budget of an account. */
static Handle
open_handle(const char *account, const char *address)
{
    const QmClientOptions options = {.conninfo = qt_conninfo(),
                                     .retry = qm_retry_policy("none"),
                                     .call_timeout_ms = 5000};
    Handle handle = {.client = qm_client_new(&options)};
    const QmBudgetSharedOptions shared = {.client = handle.client, .account = account, .address = address};

    assert_non_null(handle.client);
    handle.budget = qm_budget_shared(&shared);
    assert_non_null(handle.budget);
    return handle;
}

static void
close_handle(Handle *handle)
{
    handle->budget->functions->free(handle->budget);
    qm_client_free(handle->client);
}

static int64_t
reserve(const Handle *handle, const int need[QM_BUDGET_KINDS], bool urgent)
{
    return handle->budget->functions->reserve(handle->budget, need, urgent, 0);
}

/* must_reserve reserves what must be there. */
static void
must_reserve(const Handle *handle, const int need[QM_BUDGET_KINDS])
{
    int64_t wait_ms = reserve(handle, need, false);

    if (wait_ms != 0)
        qt_fail("told to wait %" PRId64 " ms: %s", wait_ms, qm_budget_shared_error(handle->budget)->message);
}

static int64_t
clock_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t
window_of(int64_t wall_ns, int length_s)
{
    return wall_ns / 1000000000 / length_s;
}

/* window_with waits for a window of which so much is left. */
static void
window_with(int left_s, int length_s)
{
    int64_t into_s = clock_ns(CLOCK_REALTIME) / 1000000000 % length_s;

    if (length_s - into_s <= left_s)
        sleep((unsigned) (length_s - into_s));
}

static int
setup(void **state)
{
    (void) state;
    qt_database("client_budget");
    return 0;
}

/* take_all takes orders as fast as it can, as long as the windows last. */
static void *
take_all(void *argument)
{
    Handle *handle = argument;

    for (;;)
    {
        int64_t before = window_of(clock_ns(CLOCK_REALTIME), WINDOW_S);
        int64_t wait_ms = reserve(handle, one_order, true);
        int64_t after = window_of(clock_ns(CLOCK_REALTIME), WINDOW_S);

        if (after - handle->first > WINDOWS)
            return NULL;
        if (wait_ms == 0 && before == after)
            handle->taken[before - handle->first]++;
        if (wait_ms > 0)
            qm_moment_sleep(wait_ms < 20 ? wait_ms : 20);
    }
}

static void
test_shared_by_eight(void **state)
{
    Handle handles[HANDLES];
    pthread_t threads[HANDLES];
    QmBudgetSharedStats stats = {0};
    int64_t first;

    (void) state;
    for (int i = 0; i < HANDLES; i++)
        handles[i] = open_handle("eight", NULL);
    handles[0].budget->functions->limit(handles[0].budget, QM_BUDGET_ORDERS_10S, LIMIT);
    handles[0].budget->functions->limit(handles[0].budget, QM_BUDGET_WEIGHT, 1000000);
    first = window_of(clock_ns(CLOCK_REALTIME), WINDOW_S);
    for (int i = 0; i < HANDLES; i++)
    {
        handles[i].first = first;
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, &handles[i]), 0);
    }
    for (int i = 0; i < HANDLES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int window = 0; window <= WINDOWS; window++)
    {
        long taken = 0;

        for (int i = 0; i < HANDLES; i++)
            taken += handles[i].taken[window];
        printf("window %d: %ld of %d orders\n", window, taken, LIMIT);
        assert_in_range(taken, window == 0 ? 0 : LIMIT * 9 / 10, LIMIT);
    }
    for (int i = 0; i < HANDLES; i++)
    {
        QmBudgetSharedStats own = qm_budget_shared_stats(handles[i].budget);

        stats.reserved += own.reserved;
        stats.refused += own.refused;
        stats.round_trips += own.round_trips;
        stats.failures += own.failures;
        close_handle(&handles[i]);
    }
    assert_int_equal(stats.failures, 0);
    printf("8 handles that take all: %" PRId64 " requests let through, %" PRId64 " told to wait, %" PRId64
           " round trips\n",
           stats.reserved,
           stats.refused,
           stats.round_trips);
}

/* Seven handles that hold chunks and do nothing leave an eighth at least nine tenths. */
static void
test_idle_holders(void **state)
{
    Handle handles[HANDLES];
    long taken = HANDLES - 1;
    long urgent = 0;

    (void) state;
    for (int i = 0; i < HANDLES; i++)
        handles[i] = open_handle("idle", NULL);
    handles[0].budget->functions->limit(handles[0].budget, QM_BUDGET_WEIGHT, LIMIT);
    window_with(20, MINUTE_S);
    for (int i = 0; i < HANDLES - 1; i++)
        must_reserve(&handles[i], one_weight);
    while (reserve(&handles[HANDLES - 1], one_weight, false) == 0)
        taken++;
    while (reserve(&handles[HANDLES - 1], one_weight, true) == 0)
        urgent++;
    printf("7 idle handles, one that takes all: %ld of %d, and %ld urgent ones\n", taken, LIMIT * 9 / 10, urgent);
    assert_in_range(taken, LIMIT * 9 / 10 * 9 / 10, LIMIT * 9 / 10);
    assert_in_range(urgent, LIMIT / 10, LIMIT / 10);
    for (int i = 0; i < HANDLES; i++)
        close_handle(&handles[i]);
}

/* An instance that is killed loses its chunk, and with the next window it is there again. */
static void
test_lost_chunk(void **state)
{
    Handle dying = open_handle("dying", NULL);
    Handle other = open_handle("dying", NULL);
    long taken = 0;

    (void) state;
    dying.budget->functions->limit(dying.budget, QM_BUDGET_WEIGHT, LIMIT);
    window_with(20, MINUTE_S);
    must_reserve(&dying, one_weight);
    close_handle(&dying);
    assert_int_equal(qt_ask_number("SELECT used FROM quantmesh.rate_budgets WHERE account = 'dying'"), LIMIT / 128);
    while (reserve(&other, one_weight, true) == 0)
        taken++;
    assert_int_equal(taken, LIMIT - LIMIT / 128);
    close_handle(&other);

    qt_ask("UPDATE quantmesh.rate_budget SET window_start = window_start - interval '1 min' WHERE account = 'dying'");
    other = open_handle("dying", NULL);
    for (taken = 0; reserve(&other, one_weight, true) == 0;)
        taken++;
    assert_int_equal(taken, LIMIT);
    close_handle(&other);
}

/* What is left of a chunk is not used in the next window, which others may have to themselves. */
static void
test_chunk_ends(void **state)
{
    Handle holder = open_handle("ends", NULL);
    Handle other = open_handle("ends", NULL);
    int64_t window;

    (void) state;
    holder.budget->functions->limit(holder.budget, QM_BUDGET_ORDERS_10S, LIMIT);
    window_with(4, WINDOW_S);
    must_reserve(&holder, one_order);
    window_with(WINDOW_S, WINDOW_S); /* the next one */
    window = window_of(clock_ns(CLOCK_REALTIME), WINDOW_S);
    while (reserve(&other, one_order, true) == 0)
        ;
    assert_true(reserve(&holder, one_order, true) > 0);
    assert_true(window_of(clock_ns(CLOCK_REALTIME), WINDOW_S) == window); /* or it was too slow to show anything */
    close_handle(&holder);
    close_handle(&other);
}

/* A block that one handle is told stops the others, although they hold chunks. */
static void
test_block(void **state)
{
    Handle told = open_handle("blocked", NULL);
    Handle other = open_handle("blocked/two", "blocked");
    int64_t wait_ms;

    (void) state;
    window_with(20, MINUTE_S);
    must_reserve(&told, one_weight);
    must_reserve(&other, one_order);
    told.budget->functions->block(told.budget, clock_ns(CLOCK_REALTIME) / 1000 + 5000000);
    assert_in_range(reserve(&told, one_weight, true), 4000, 5001);
    qm_moment_sleep(1050);
    wait_ms = reserve(&other, one_weight, true);
    assert_in_range(wait_ms, 1, 5001);
    qt_until("SELECT blocked_until IS NULL FROM quantmesh.rate_budgets WHERE account = 'blocked'");
    qm_moment_sleep(50);
    must_reserve(&other, one_weight);
    must_reserve(&told, one_weight);
    close_handle(&told);
    close_handle(&other);
}

/*
 * Too many orders: who is told and who shares the account place none until the window
 * is over, and cancels pass. Of a window that goes on beyond what the exchange says the
 * others are not told.
 */
static void
test_orders_are_spent(void **state)
{
    Handle told = open_handle("spent", NULL);
    Handle other = open_handle("spent", NULL);
    int64_t end_us;
    int64_t wait_ms;

    (void) state;
    window_with(7, WINDOW_S);
    must_reserve(&told, one_order);
    must_reserve(&other, one_order);
    end_us = (window_of(clock_ns(CLOCK_REALTIME), WINDOW_S) + 1) * WINDOW_S * 1000000;
    told.budget->functions->spent(told.budget, QM_BUDGET_ORDERS_10S, end_us);
    assert_in_range(reserve(&told, one_order, true), 1, 10001);
    must_reserve(&told, one_weight);
    assert_int_equal(qt_ask_number("SELECT allowed - used FROM quantmesh.rate_budgets WHERE account = 'spent' AND kind "
                                   "= 'orders_10s'"),
                     0);
    /* The other one has a chunk of two, of which one is left at most. */
    (void) reserve(&other, one_order, true);
    assert_in_range(reserve(&other, one_order, true), 1, 10001);
    must_reserve(&other, one_weight);
    assert_true(clock_ns(CLOCK_REALTIME) / 1000 < end_us); /* or it was too slow to show anything */
    while ((wait_ms = reserve(&other, one_order, false)) > 0)
        qm_moment_sleep(wait_ms);
    assert_true(clock_ns(CLOCK_REALTIME) / 1000 >= end_us);
    must_reserve(&told, one_order);

    told.budget->functions->spent(told.budget, QM_BUDGET_ORDERS_DAY, clock_ns(CLOCK_REALTIME) / 1000 + 1500000);
    assert_in_range(reserve(&told, one_order, true), 1, 1501);
    must_reserve(&told, one_weight);
    assert_true(qt_ask_number("SELECT used FROM quantmesh.rate_budgets WHERE account = 'spent' AND kind = "
                              "'orders_day'") < 10000);
    must_reserve(&other, one_order);
    qm_moment_sleep(1501);
    must_reserve(&told, one_order);
    close_handle(&told);
    close_handle(&other);
}

/* What the exchange has counted closes the budget for all, whoever has been told. */
static void
test_exchange_counts(void **state)
{
    Handle told = open_handle("counted", NULL);
    Handle other = open_handle("counted", NULL);
    int64_t trips;

    (void) state;
    window_with(20, MINUTE_S);
    told.budget->functions->limit(told.budget, QM_BUDGET_WEIGHT, LIMIT);
    if (clock_ns(CLOCK_REALTIME) / 1000000000 % MINUTE_S < 2)
        sleep(2); /* earlier counts may be of the exchange's window before */
    must_reserve(&told, one_weight);
    must_reserve(&other, one_weight);
    trips = qm_budget_shared_stats(told.budget).round_trips;
    told.budget->functions->used(told.budget, QM_BUDGET_WEIGHT, 50, 0);
    assert_true(qm_budget_shared_stats(told.budget).round_trips == trips); /* not far enough ahead to be told */
    told.budget->functions->used(told.budget, QM_BUDGET_WEIGHT, LIMIT - 3, 0);
    assert_int_equal(qt_ask_number("SELECT used FROM quantmesh.rate_budgets WHERE account = 'counted'"), LIMIT - 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(reserve(&told, one_weight, true), 0);
    assert_true(reserve(&told, one_weight, true) > 0);
    assert_int_equal(qt_ask_number("SELECT used FROM quantmesh.rate_budgets WHERE account = 'counted'"), LIMIT);
    /* Who has not been told by the exchange uses up its chunk, and that is all. */
    for (int i = 0; i < LIMIT / 128 - 1; i++)
        assert_int_equal(reserve(&other, one_weight, true), 0);
    assert_true(reserve(&other, one_weight, true) > 0);
    close_handle(&told);
    close_handle(&other);
}

/* Without the database nothing is let through, and what was taken before something that waits for the disk still counts when it is back. */
static void
test_database_gone(void **state)
{
    Handle handle = open_handle("gone", NULL);
    int64_t trips;
    int64_t wait_ms;

    (void) state;
    window_with(30, MINUTE_S);
    must_reserve(&handle, one_weight);
    assert_true(strlen(qt_ask("SELECT pg_catalog.pg_logical_emit_message(true, 'an order', '')")) > 0);
    qt_server_kill();
    qm_moment_sleep(1050);
    wait_ms = reserve(&handle, one_weight, true);
    assert_in_range(wait_ms, 1, 1000);
    assert_int_not_equal(qm_budget_shared_error(handle.budget)->code, QM_OK);
    trips = qm_budget_shared_stats(handle.budget).round_trips;
    assert_true(reserve(&handle, one_weight, true) > 0);
    assert_true(qm_budget_shared_stats(handle.budget).round_trips == trips); /* it is left alone for a while */

    /* What the exchange says meanwhile is told when the database is back. */
    handle.budget->functions->limit(handle.budget, QM_BUDGET_WEIGHT, LIMIT);
    handle.budget->functions->block(handle.budget, clock_ns(CLOCK_REALTIME) / 1000 + 1000000);
    qt_server_start();
    for (int i = 0; i < 200 && (wait_ms = reserve(&handle, one_weight, false)) != 0; i++)
        qm_moment_sleep(wait_ms < 100 ? wait_ms : 100);
    assert_int_equal(wait_ms, 0);
    assert_int_equal(qm_budget_shared_error(handle.budget)->code, QM_OK);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', allowed, used >= 46, blocked_until IS NOT NULL) FROM "
                               "quantmesh.rate_budget WHERE account = 'gone'"),
                        "1000 t t");
    close_handle(&handle);
}

/* While the database is gone cancels leave by a count of this process, orders do not; a block holds for both. */
static void
test_cancels_go_on(void **state)
{
    Handle handle = open_handle("cancels", NULL);
    QmBudget *budget = qm_budget_fallback(handle.budget);
    int64_t now_us;

    (void) state;
    handle.budget = budget;
    window_with(30, MINUTE_S);
    assert_int_equal(budget->functions->reserve(budget, one_weight, true, clock_ns(CLOCK_REALTIME) / 1000), 0);
    qt_server_kill();
    qm_moment_sleep(1050);
    now_us = clock_ns(CLOCK_REALTIME) / 1000;
    assert_true(budget->functions->reserve(budget, one_order, false, now_us) > 0);
    assert_int_equal(budget->functions->reserve(budget, one_weight, true, now_us), 0);
    budget->functions->limit(budget, QM_BUDGET_WEIGHT, 2);
    assert_int_equal(budget->functions->reserve(budget, one_weight, true, now_us), 0);
    assert_true(budget->functions->reserve(budget, one_weight, true, now_us) > 0); /* it counts */
    budget->functions->limit(budget, QM_BUDGET_WEIGHT, LIMIT);
    assert_int_equal(budget->functions->reserve(budget, one_weight, true, now_us), 0);
    budget->functions->block(budget, now_us + 5000000);
    assert_in_range(budget->functions->reserve(budget, one_weight, true, now_us), 1, 5001);
    qt_server_start();
    close_handle(&handle);
}

/* Two exchanges of one account: what one is told of limits, and that it was too much, counts for the other. */
static void
test_two_exchanges(void **state)
{
    static const char *const symbols[] = {"BTCUSDT"};
    Handle handles[2] = {open_handle("binance/two", NULL), open_handle("binance/two", NULL)};
    QmExchangePlace order = qt_an_order();
    Bench benches[2];
    Kept kept[2] = {{0}};

    (void) state;
    window_with(20, MINUTE_S);
    qt_bench_make(&benches[0], (QmBinanceOptions){.budget = handles[0].budget});
    benches[1] = (Bench){.server = benches[0].server};
    qt_bench_open(&benches[1], (QmBinanceOptions){.budget = handles[1].budget});
    qt_binance_rule(benches[0].server,
                    &(QtRule){.request = "GET /api/v3/exchangeInfo",
                              .body = "{\"symbols\":[],\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\","
                                      "\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":1200}]}"});
    qt_binance_rule(benches[0].server,
                    &(QtRule){.request = "POST /api/v3/order",
                              .status = 429,
                              .headers = "Retry-After: 60\r\n",
                              .body = "{\"code\":-1003,\"msg\":\"Too many requests.\"}"});
    assert_int_equal(benches[0].exchange->functions->markets(benches[0].exchange, symbols, 1, qt_keep, &kept[0]),
                     QM_OK);
    qt_run_until(&benches[0], &kept[0], 1);
    assert_int_equal(kept[0].outcome, QM_EXCHANGE_DONE);
    assert_int_equal(qt_ask_number("SELECT allowed FROM quantmesh.rate_budgets WHERE account = 'binance/two' AND kind "
                                   "= 'weight'"),
                     1200);
    order.send_before_us += 20000000;
    assert_int_equal(benches[0].exchange->functions->place(benches[0].exchange, &order, qt_keep, &kept[0]), QM_OK);
    qt_run_until(&benches[0], &kept[0], 2);
    assert_int_equal(kept[0].outcome, QM_EXCHANGE_NOT_PROCESSED);

    qm_moment_sleep(1050);
    order = qt_an_order();
    assert_int_equal(benches[1].exchange->functions->place(benches[1].exchange, &order, qt_keep, &kept[1]), QM_OK);
    qt_run_until(&benches[1], &kept[1], 1);
    assert_int_equal(kept[1].outcome, QM_EXCHANGE_NOT_SENT);
    assert_int_equal(kept[1].cause, QM_CAUSE_THROTTLED);
    assert_in_range(kept[1].retry_after_ms, 10000, 60001);
    assert_int_equal(qt_binance_seen(benches[0].server, "POST /api/v3/order"), 1);
    benches[1].exchange->functions->close(benches[1].exchange);
    qt_bench_end(&benches[0]);
    close_handle(&handles[0]);
    close_handle(&handles[1]);
}

/* A role without the right is told so, and lets nothing through. */
static void
test_no_right(void **state)
{
    char info[320];
    QmClientOptions options = {.conninfo = info, .retry = qm_retry_policy("none")};
    QmBudgetSharedOptions shared = {.account = "secret"};
    QmBudget *budget;

    (void) state;
    qt_ask("DROP ROLE IF EXISTS budget_nobody");
    qt_ask("CREATE ROLE budget_nobody LOGIN");
    qt_ask("GRANT USAGE ON SCHEMA quantmesh TO budget_nobody");
    snprintf(info, sizeof(info), "%s user=budget_nobody", qt_conninfo());
    shared.client = qm_client_new(&options);
    budget = qm_budget_shared(&shared);
    assert_true(budget->functions->reserve(budget, one_weight, true, 0) > 0);
    assert_int_equal(qm_budget_shared_error(budget)->code, QM_ERROR_PERMISSION);
    budget->functions->free(budget);
    qm_client_free(shared.client);
}

/* What it costs. */
static void
test_figures(void **state)
{
    Handle handle = open_handle("figures", NULL);
    QmBudgetSharedStats stats;
    int64_t ns = 0;
    long from_chunk = 0;

    (void) state;
    window_with(20, MINUTE_S);
    for (int i = 0; i < 1000; i++)
        must_reserve(&handle, one_weight);
    stats = qm_budget_shared_stats(handle.budget);
    printf("round trips per 1,000 requests of weight 1, limit 6000: %" PRId64 "\n", stats.round_trips);
    assert_true(stats.round_trips <= 40);
    for (int i = 0; i < 1000; i++)
    {
        int64_t trips = qm_budget_shared_stats(handle.budget).round_trips;
        int64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
        int64_t spent_ns;

        must_reserve(&handle, one_weight);
        spent_ns = clock_ns(CLOCK_MONOTONIC) - begun_ns;
        if (qm_budget_shared_stats(handle.budget).round_trips > trips)
            continue;
        ns += spent_ns;
        from_chunk++;
    }
    printf("one reserve from a chunk: %" PRId64 " ns\n", ns / from_chunk);
    close_handle(&handle);

    handle = open_handle("figures", NULL);
    handle.budget->functions->limit(handle.budget, QM_BUDGET_ORDERS_10S, 100);
    window_with(7, WINDOW_S);
    stats = qm_budget_shared_stats(handle.budget);
    for (int i = 0; i < 80; i++)
        must_reserve(&handle, one_order);
    printf("round trips per 80 orders, limit 100 in 10 s: %" PRId64 "\n",
           qm_budget_shared_stats(handle.budget).round_trips - stats.round_trips);
    close_handle(&handle);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_by_eight),
        cmocka_unit_test(test_idle_holders),
        cmocka_unit_test(test_lost_chunk),
        cmocka_unit_test(test_chunk_ends),
        cmocka_unit_test(test_block),
        cmocka_unit_test(test_orders_are_spent),
        cmocka_unit_test(test_exchange_counts),
        cmocka_unit_test(test_two_exchanges),
        cmocka_unit_test(test_no_right),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_cancels_go_on),
        cmocka_unit_test(test_database_gone),
    };

    return cmocka_run_group_tests_name("shared rate limits", tests, setup, NULL);
}
