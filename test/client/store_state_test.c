/*
 * The saved state of strategies, in both stores: alone, and with what it places; and
 * what is said of an order that the exchange does not have.
 */
#include "check.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "stores.h"

static const char account[] = QT_STORE_ACCOUNT;

static QmStore *store;
static const QmStoreFunctions *on;

/* order_of returns a plain order. */
static QmOrder
order_of(const char *side, const char *price, const char *quantity)
{
    return (QmOrder){.symbol = "BTCUSDT", .side = side, .price = price, .quantity = quantity, .strategy = "grid"};
}

/* wall_us returns this machine's time. */
static int64_t
wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int
setup(void **state)
{
    store = qt_store(*state, "store_state_test");
    on = store->functions;
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    on->close(store);
    return 0;
}

static void
test_state(void **state)
{
    QmStrategyState grid = {.symbol = "BTCUSDT", .strategy = "grid", .document = "{\"b\": 1,  \"a\":2}"};
    QmStrategyState late = grid;
    QmOrder order = order_of("buy", "100", "1");
    QmOrder off = order_of("buy", "100.001", "1");
    QmPlacement placement;
    QmPlacement placements[2];
    QmOrder two[2];
    char *document;
    int64_t version;

    (void) state;
    assert_ok(on->load_state(store, account, "BTCUSDT", "grid", &document, &version), on->error(store));
    assert_true(document == NULL && version == 0);
    assert_ok(on->save_state(store, account, &grid), on->error(store));
    assert_int_equal(grid.version, 1);
    assert_ok(on->load_state(store, account, "BTCUSDT", "grid", &document, &version), on->error(store));
    assert_string_equal(document, "{\"b\": 1,  \"a\":2}");
    assert_int_equal(version, 1);
    qm_free(document);

    /* The same once more, as after a broken connection; then something else under the old version. */
    assert_ok(on->save_state(store, account, &late), on->error(store));
    assert_int_equal(late.version, 1);
    late.version = 0;
    late.document = "{}";
    assert_code(on->save_state(store, account, &late), QM_ERROR_SERVER, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, QM_SQLSTATE_STATE_CHANGED);

    /* With a placement: both or none. */
    assert_ok(on->place_order(store, account, &off, &grid, &placement), on->error(store));
    assert_int_equal(placement.outcome, QM_DENIED);
    assert_int_equal(grid.version, 1);
    assert_code(on->place_order(store, account, &order, &late, &placement), QM_ERROR_SERVER, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, QM_SQLSTATE_STATE_CHANGED);
    grid.document = "{\"n\": 2}";
    assert_ok(on->place_order(store, account, &order, &grid, &placement), on->error(store));
    assert_int_equal(placement.outcome, QM_PLACED);
    assert_false(placement.replayed);
    assert_int_equal(grid.version, 2);
    two[0] = order_of("buy", "101", "1");
    two[1] = off;
    grid.document = "{\"n\": 3}";
    assert_ok(on->place_orders(store, account, two, 2, &grid, placements), on->error(store));
    assert_int_equal(grid.version, 3);
    assert_ok(on->place_orders(store, account, &two[1], 1, &grid, placements), on->error(store));
    assert_int_equal(grid.version, 3);
    assert_ok(on->load_state(store, account, "BTCUSDT", "grid", &document, &version), on->error(store));
    assert_string_equal(document, "{\"n\": 3}");
    qm_free(document);

    grid.document = "[1]";
    assert_int_not_equal(on->save_state(store, account, &grid), QM_OK);
    grid.document = "{";
    assert_int_not_equal(on->save_state(store, account, &grid), QM_OK);
    grid.document = NULL;
    assert_code(on->save_state(store, account, &grid), QM_ERROR_ARGUMENT, on->error(store));
}

/* test_stale shows that an instance whose life is over saves nothing; only PostgreSQL knows of instances. */
static void
test_stale(void **state)
{
    QmStrategyState grid = {.symbol = "BTCUSDT",
                            .strategy = "grid",
                            .document = "{}",
                            .instance = "nobody",
                            .epoch = 7};

    (void) state;
    assert_code(on->save_state(store, account, &grid), QM_ERROR_SERVER, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, QM_SQLSTATE_STALE_INSTANCE);
    assert_int_equal(grid.version, 0);
}

/* resolved says what became of a submission, and returns how that was taken. */
static QmCode
resolved(const QmPlacement *placed, const char *outcome, QmReportResult *result)
{
    return on->resolve_submission(store, account, placed->order_id, placed->fence, outcome, NULL, NULL, result);
}

/* Absence is proved of what is in doubt, not of what was just sent, nor of what may still be sent. */
static void
test_absence(void **state)
{
    QmOrder order = order_of("buy", "111", "1");
    QmReportResult result;
    QmPlacement unsure;
    QmStoredOrder stored;
    QmCode code;

    (void) state;
    unsure = qt_placed(store, &order);
    assert_ok(resolved(&unsure, "unknown", &result), on->error(store));
    assert_ok(on->order_by_client_id(store, account, unsure.client_order_id, &stored), on->error(store));
    assert_true(stored.fence == unsure.fence);
    assert_true(stored.send_before_us == unsure.send_before_us);
    assert_code(resolved(&unsure, "absent", &result), QM_ERROR_SERVER, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, QM_SQLSTATE_MAY_BE_SENT);
    assert_true(on->error(store)->hint[0] != '\0');

    /* It stays so until then. Nothing but the time ends that, and the store's clock is this machine's. */
    while ((code = resolved(&unsure, "absent", &result)) != QM_OK)
    {
        assert_string_equal(on->error(store)->sqlstate, QM_SQLSTATE_MAY_BE_SENT);
        assert_true(wall_us() <= unsure.send_before_us + INT64_C(60000000));
        usleep(20000);
    }
    assert_true(wall_us() >= unsure.send_before_us);
    assert_string_equal(result.state, "never_accepted");
    assert_true(result.applied);
    assert_ok(resolved(&unsure, "absent", &result), on->error(store));
    assert_false(result.applied);
}

/* An order that was not given to a sender has no time until which it may be sent, and one whose reply is awaited is not absent. */
static void
test_send_before(void **state)
{
    QmOrder order = order_of("buy", "112", "1");
    QmPlacement placed;
    QmReportResult result;
    QmStoredOrder *list;
    size_t count;

    (void) state;
    order.intent = true;
    placed = qt_placed(store, &order);
    assert_ok(on->open_orders(store, account, "BTCUSDT", NULL, &list, &count), on->error(store));
    assert_int_equal(count, 1);
    assert_true(list[0].send_before_us == 0 && placed.send_before_us == 0);
    qm_free(list);
    order = order_of("buy", "113", "1");
    order.valid_until_us = wall_us() + 1500000;
    placed = qt_placed(store, &order);
    assert_true(placed.send_before_us == order.valid_until_us);
    assert_ok(on->open_orders(store, account, "BTCUSDT", NULL, &list, &count), on->error(store));
    assert_int_equal(count, 2);
    assert_true(list[1].send_before_us == placed.send_before_us);
    qm_free(list);
    while (wall_us() <= placed.send_before_us)
        usleep(20000);
    assert_code(resolved(&placed, "absent", &result), QM_ERROR_SERVER, on->error(store));
    assert_string_equal(on->error(store)->sqlstate, "55000");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {{"sqlite: test_state", test_state, setup, teardown, "sqlite"},
                                       {"postgres: test_state", test_state, setup, teardown, "postgres"},
                                       {"sqlite: test_absence", test_absence, setup, teardown, "sqlite"},
                                       {"postgres: test_absence", test_absence, setup, teardown, "postgres"},
                                       {"sqlite: test_send_before", test_send_before, setup, teardown, "sqlite"},
                                       {"postgres: test_send_before", test_send_before, setup, teardown, "postgres"},
                                       {"postgres: test_stale", test_stale, setup, teardown, "postgres"}};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
