/*
 * Stores, the same at random: sequences of placements, reports, resolutions and
 * cancels go to a file and to PostgreSQL at once. Every answer must be the same,
 * and so must what they come to. QM_TEST_SEED=n repeats a run, QM_TEST_STEPS=n
 * says how long one is.
 */
#include "check.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "moment.h"
#include "server.h"
#include "stores.h"

enum
{
    ORDERS_MAX = 4000,
    TEXT = 64,
    STEPS = 1500
};

/* An order as the test knows it; the ids are each store's own. */
typedef struct Known
{
    const char *symbol;
    int64_t placed_ns;
    int64_t asked_ns; /* when it was last asked to be cancelled; 0: never */
    bool passed;      /* the time until which it may be sent was set back */
    struct
    {
        int64_t order_id;
        int64_t fence;
        char client_order_id[QM_CLIENT_ORDER_ID_SIZE];
    } in[2];
} Known;

static const char account[] = QT_STORE_ACCOUNT;
static QmStore *stores[2];
static Known orders[ORDERS_MAX];
static int order_count;
static unsigned long long seed;

/* draw returns a number below a limit. */
static int
draw(int limit)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int) ((seed >> 33) % (unsigned long long) limit);
}

/* pick returns one of the words; NULL can be among them. */
static const char *
pick(const char *const *words, int count)
{
    return words[draw(count)];
}

/* same compares what two stores have answered. */
static void
same(int step, const char *what, const char *left, const char *right)
{
    if (strcmp(left, right) != 0)
        qt_fail("step %d: %s: %s in sqlite, %s in postgres", step, what, left, right);
}

/* same_codes compares codes and SQLSTATEs; true when both calls worked. */
static bool
same_codes(int step, const char *what, const QmCode codes[2])
{
    if (codes[0] != codes[1])
        qt_fail("step %d: %s: %s (%s) in sqlite, %s (%s) in postgres",
                step,
                what,
                qm_code_name(codes[0]),
                qt_error(stores[0])->message,
                qm_code_name(codes[1]),
                qt_error(stores[1])->message);
    if (codes[0] != QM_OK)
        same(step, what, qt_error(stores[0])->sqlstate, qt_error(stores[1])->sqlstate);
    return codes[0] == QM_OK;
}

/* place places one order in both. */
static void
place(int step)
{
    static const char *const sides[] = {"buy", "sell"};
    static const char *const slots[] = {NULL, NULL, NULL, "", "upper", "lower"};
    static const char *const strategies[] = {"grid", "trend", ""};
    static const char *const times[] = {NULL, NULL, NULL, "ioc", "fok"};
    char price[TEXT];
    char quantity[TEXT];
    char request_id[TEXT];
    QmOrder order = {.symbol = draw(3) > 0 ? "BTCUSDT" : "ETH-USDT"};
    QmPlacement placements[2];
    QmCode codes[2];
    Known *known = &orders[order_count];

    order.side = pick(sides, 2);
    /* Mostly apart, so that not every order crosses another; off the tick now and then. */
    snprintf(price,
             sizeof(price),
             "%d.%d",
             order.side == sides[0] ? 80 + draw(22) : 98 + draw(22),
             draw(40) == 0 ? 123 : draw(10));
    snprintf(quantity, sizeof(quantity), "%d.%d", draw(4), 1 + draw(9));
    snprintf(request_id,
             sizeof(request_id),
             "r%d",
             order_count > 0 && draw(12) == 0 ? draw(order_count) : step + 100000);
    order.price = price;
    order.quantity = quantity;
    order.request_id = request_id;
    order.slot = pick(slots, 6);
    order.strategy = pick(strategies, 3);
    order.time_in_force = pick(times, 5);
    order.reduce_only = draw(8) == 0;
    order.intent = draw(12) == 0;
    if (draw(15) == 0)
    {
        order.order_type = "market";
        order.price = NULL;
    }
    snprintf(request_id, sizeof(request_id), "r%d", draw(12) == 0 && order_count > 0 ? draw(order_count) : order_count);
    for (int i = 0; i < 2; i++)
        codes[i] = stores[i]->functions->place_order(stores[i], account, &order, NULL, &placements[i]);
    if (!same_codes(step, "place", codes))
        return;
    same(step, "outcome", qm_outcome_name(placements[0].outcome), qm_outcome_name(placements[1].outcome));
    same(step, "reason", placements[0].reason, placements[1].reason);
    same(step, "state", placements[0].state, placements[1].state);
    assert_int_equal(placements[0].replayed, placements[1].replayed);
    if (strcmp(placements[0].reason, "REQUEST_DIFFERS") == 0 || strcmp(placements[0].reason, "REDUCE_ONLY") == 0)
        same(step, "detail", placements[0].detail, placements[1].detail);
    if (placements[0].outcome != QM_PLACED || placements[0].replayed)
        return;
    known->symbol = order.symbol;
    known->placed_ns = qm_monotonic_ns();
    for (int i = 0; i < 2; i++)
    {
        known->in[i].order_id = placements[i].order_id;
        known->in[i].fence = placements[i].fence;
        memcpy(known->in[i].client_order_id, placements[i].client_order_id, QM_CLIENT_ORDER_ID_SIZE);
    }
    order_count++;
}

/* report_trade makes a report tell of a trade, or take one back. */
static void
report_trade(QmReport *report, char texts[4][TEXT])
{
    static const char *const assets[] = {"BTC", "USDT", "BNB", "ETH", NULL};

    snprintf(texts[0], TEXT, "%d", 1 + draw(order_count * 2));
    snprintf(texts[1], TEXT, "%d.%d", draw(2), 1 + draw(9));
    snprintf(texts[2], TEXT, "%d.%02d", 90 + draw(20), draw(100));
    report->trade_id = texts[0];
    report->last_quantity = texts[1];
    report->last_price = texts[2];
    report->commission_asset = pick(assets, 5);
    if (report->commission_asset != NULL)
    {
        snprintf(texts[3], TEXT, "%s0.00%d", draw(10) == 0 ? "-" : "", draw(100));
        report->commission = texts[3];
    }
    report->is_maker = draw(3) - 1;
    if (draw(4) > 0)
        report->event_time_us = 1700000000000000 + draw(1000) * INT64_C(1000000);
}

/* report tells both of the same event, which may be of any order, and of no sense. */
static void
report(int step)
{
    static const char *const states[] = {"NEW",
                                         "NEW",
                                         "PARTIALLY_FILLED",
                                         "FILLED",
                                         "CANCELED",
                                         "EXPIRED",
                                         "REJECTED",
                                         "busted",
                                         "pending_new",
                                         "frozen",
                                         NULL,
                                         NULL};
    static char texts[4][TEXT];
    char exchange_id[TEXT];
    char cumulative[TEXT];
    QmReport report = {.source = draw(2) ? "trade" : NULL};
    QmReportResult results[2];
    QmCode codes[2];
    int which = draw(order_count);
    bool repeat = draw(5) == 0 && texts[0][0] != '\0';
    bool by_exchange = draw(4) == 0;

    report.symbol = orders[which].symbol;
    report.state = pick(states, 12);
    if (repeat)
    {
        report.trade_id = texts[0];
        report.last_quantity = texts[1];
        report.last_price = texts[2];
        report.event_time_us = 1700000000000000 + draw(1000) * INT64_C(1000000);
    }
    else if (draw(2) == 0 || (report.state != NULL && strcmp(report.state, "busted") == 0))
        report_trade(&report, texts);
    if (draw(4) == 0)
    {
        snprintf(cumulative, sizeof(cumulative), "%d.%d", draw(4), draw(10));
        report.cumulative_quantity = cumulative;
    }
    snprintf(exchange_id, sizeof(exchange_id), "x%d", draw(30) == 0 ? draw(order_count) : which);
    if (by_exchange || draw(2) == 0)
        report.exchange_order_id = exchange_id;
    for (int i = 0; i < 2; i++)
    {
        report.client_order_id = by_exchange ? NULL : orders[which].in[i].client_order_id;
        codes[i] = stores[i]->functions->apply_report(stores[i], account, &report, &results[i]);
    }
    if (!same_codes(step, "report", codes))
        return;
    same(step, "state after a report", results[0].state, results[1].state);
    same(step, "discrepancy", results[0].discrepancy, results[1].discrepancy);
    if (results[0].applied != results[1].applied)
        qt_fail("step %d: a report was applied by one store only", step);
}

/* pass sets back, in both, the time until which an order may be sent. */
static void
pass(Known *known)
{
    char update[256];
    sqlite3 *file;

    (void) qt_ask("UPDATE quantmesh.orders SET send_before = '2001-01-01' WHERE order_id = %" PRId64
                  " AND send_before IS NOT NULL",
                  known->in[1].order_id);
    snprintf(update,
             sizeof(update),
             "UPDATE orders SET send_before = 1 WHERE order_id = %" PRId64 " AND send_before IS NOT NULL",
             known->in[0].order_id);
    assert_int_equal(sqlite3_open_v2(qt_store_file("store_random_test"), &file, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_exec(file, update, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(file);
    known->passed = true;
}

/*
 * resolve says what became of a submission, or of a cancel; but not that an order is
 * absent when it is at the age where that begins to be taken.
 */
static void
resolve(int step)
{
    static const char *const outcomes[] = {"accepted", "rejected", "not_processed", "not_sent", "unknown", "absent"};
    static const char *const cancels[] = {"done", "rejected", "unknown"};
    Known *known = &orders[draw(order_count)];
    const char *outcome = pick(outcomes, 6);
    const char *cancel = pick(cancels, 3);
    bool of_cancel = draw(3) == 0;
    bool old_fence = draw(6) == 0;
    int64_t age_ms = (qm_monotonic_ns() - known->placed_ns) / QM_NS_PER_MS;
    QmReportResult results[2];
    QmCode codes[2];

    if (strcmp(outcome, "absent") == 0 && draw(2) == 0)
        pass(known);
    if (strcmp(outcome, "absent") == 0 && !known->passed && age_ms > 1000 && age_ms < 10000)
        return;
    for (int i = 0; i < 2; i++)
    {
        if (of_cancel)
            codes[i] = stores[i]->functions->resolve_cancel(stores[i],
                                                            account,
                                                            known->in[i].order_id,
                                                            cancel,
                                                            "-2011",
                                                            NULL,
                                                            &results[i]);
        else
            codes[i] = stores[i]->functions->resolve_submission(stores[i],
                                                                account,
                                                                known->in[i].order_id,
                                                                old_fence ? 1 : known->in[i].fence,
                                                                outcome,
                                                                NULL,
                                                                "said",
                                                                &results[i]);
    }
    if (!same_codes(step, of_cancel ? cancel : outcome, codes))
        return;
    same(step, "state after a resolution", results[0].state, results[1].state);
    same(step, "discrepancy", results[0].discrepancy, results[1].discrepancy);
    if (results[0].applied != results[1].applied)
        qt_fail("step %d: a resolution was applied by one store only", step);
}

/* cancel asks to cancel an order, but not when a cancel is at the age where it stops being under way. */
static void
cancel(int step)
{
    Known *known = &orders[draw(order_count)];
    int64_t age_ms = (qm_monotonic_ns() - known->asked_ns) / QM_NS_PER_MS;
    QmCancellation answers[2];
    QmCode codes[2];

    if (known->asked_ns != 0 && age_ms > 1000 && age_ms < 6000)
        return;
    for (int i = 0; i < 2; i++)
        codes[i] = stores[i]->functions->cancel_order(stores[i], account, known->in[i].order_id, &answers[i]);
    known->asked_ns = qm_monotonic_ns();
    if (!same_codes(step, "cancel", codes))
        return;
    same(step,
         "outcome of a cancel",
         qm_cancel_outcome_name(answers[0].outcome),
         qm_cancel_outcome_name(answers[1].outcome));
    same(step, "state", answers[0].state, answers[1].state);
    same(step, "cancel state", answers[0].cancel_state, answers[1].cancel_state);
    same(step, "exchange id", answers[0].exchange_order_id, answers[1].exchange_order_id);
}

/* compare_orders compares what became of every order. */
static void
compare_orders(void)
{
    QmStoredOrder *lists[2];
    size_t counts[2];

    for (int i = 0; i < 2; i++)
        assert_ok(stores[i]->functions->open_orders(stores[i], account, NULL, NULL, &lists[i], &counts[i]),
                  qt_error(stores[i]));
    assert_int_equal(counts[0], counts[1]);
    for (size_t at = 0; at < counts[0]; at++)
    {
        same((int) at, "open order", lists[0][at].request_id, lists[1][at].request_id);
        same((int) at, "state of an open order", lists[0][at].state, lists[1][at].state);
        same((int) at, "its slot", lists[0][at].slot, lists[1][at].slot);
        same((int) at, "its fills", lists[0][at].filled_quantity, lists[1][at].filled_quantity);
        same((int) at, "its price", lists[0][at].price, lists[1][at].price);
        same((int) at, "its quantity", lists[0][at].quantity, lists[1][at].quantity);
        same((int) at, "its cancel", lists[0][at].cancel_state, lists[1][at].cancel_state);
    }
    for (int i = 0; i < 2; i++)
        qm_free(lists[i]);
}

/* compare_positions compares positions; returns how many there are. */
static size_t
compare_positions(void)
{
    QmStoredPosition *lists[2];
    size_t counts[2];

    for (int i = 0; i < 2; i++)
        assert_ok(stores[i]->functions->positions(stores[i], account, NULL, NULL, &lists[i], &counts[i]),
                  qt_error(stores[i]));
    assert_int_equal(counts[0], counts[1]);
    for (size_t at = 0; at < counts[0]; at++)
    {
        same((int) at, "position of", lists[0][at].strategy, lists[1][at].strategy);
        same((int) at, "quantity", lists[0][at].quantity, lists[1][at].quantity);
        same((int) at, "cost", lists[0][at].cost, lists[1][at].cost);
        same((int) at, "profit", lists[0][at].realized_profit, lists[1][at].realized_profit);
    }
    for (int i = 0; i < 2; i++)
        qm_free(lists[i]);
    return counts[0];
}

/* compare_fills compares a market's fills; returns how many there are. */
static size_t
compare_fills(const char *symbol)
{
    QmStoredFill *lists[2];
    size_t counts[2];

    for (int i = 0; i < 2; i++)
        assert_ok(stores[i]->functions->fills(stores[i], account, symbol, NULL, 10000, &lists[i], &counts[i]),
                  qt_error(stores[i]));
    assert_int_equal(counts[0], counts[1]);
    for (size_t at = 0; at < counts[0]; at++)
    {
        same((int) at, "trade", lists[0][at].trade_id, lists[1][at].trade_id);
        same((int) at, "kind", lists[0][at].kind, lists[1][at].kind);
        same((int) at, "quantity of a fill", lists[0][at].quantity, lists[1][at].quantity);
        same((int) at, "commission", lists[0][at].commission, lists[1][at].commission);
        same((int) at, "asset", lists[0][at].commission_asset, lists[1][at].commission_asset);
        same((int) at, "position after", lists[0][at].position_after, lists[1][at].position_after);
        same((int) at, "cost after", lists[0][at].cost_after, lists[1][at].cost_after);
        same((int) at, "profit after", lists[0][at].profit_after, lists[1][at].profit_after);
        assert_int_equal(lists[0][at].is_maker, lists[1][at].is_maker);
    }
    for (int i = 0; i < 2; i++)
        qm_free(lists[i]);
    return counts[0];
}

/* test_random goes a way at random. */
static void
test_random(void **state)
{
    const char *asked = getenv("QM_TEST_SEED");
    const char *length = getenv("QM_TEST_STEPS");
    int steps = length == NULL ? STEPS : atoi(length);
    unsigned long long first = asked == NULL ? (unsigned long long) time(NULL) : strtoull(asked, NULL, 10);
    size_t fills;

    (void) state;
    seed = first;
    print_message("seed %llu\n", first);
    stores[0] = qt_store("sqlite", "store_random_test");
    stores[1] = qt_store("postgres", "store_random_test");
    for (int step = 0; step < steps && order_count < ORDERS_MAX; step++)
    {
        int what = draw(10);

        if (order_count == 0 || what < 3)
            place(step);
        else if (what < 8)
            report(step);
        else if (what < 9)
            resolve(step);
        else
            cancel(step);
    }
    compare_orders();
    fills = compare_fills("BTCUSDT") + compare_fills("ETH-USDT");
    assert_true(compare_positions() >= 3 && fills > (size_t) order_count / 4);
    print_message("%d steps, %d orders, %zu fills: the same in both\n", steps, order_count, fills);
    for (int i = 0; i < 2; i++)
        stores[i]->functions->close(stores[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
