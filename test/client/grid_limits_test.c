/*
 * The grid strategy's edges: options and documents that are refused, filters that
 * change, the longest document, and how long a decision takes.
 */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grids.h"

#define DECISION_US_MAX 200
#define PAST 24 /* orders that the grid remembers without a slot */

/* refused sees that options are refused with those words in the message. */
static void
refused(const QmGridOptions *options, const char *words)
{
    QmError error = {0};
    QmGrid *grid = qm_grid_new(options, &error);

    if (grid != NULL || error.code != QM_ERROR_ARGUMENT || strstr(error.message, words) == NULL)
        qt_fail("options should be refused for \"%s\", but: %s", words, error.message);
}

static void
options_that_cannot_be_are_refused(void **state)
{
    static const char *const symbols[QM_GRID_MONITORED_MAX + 1] = {"A"};
    QmGridOptions options;

    (void) state;
#define REFUSED(change, words)       \
    do                               \
    {                                \
        options = qt_grid_options(); \
        change;                      \
        refused(&options, words);    \
    } while (0)
    REFUSED(options.symbol = "", "symbol");
    REFUSED(options.symbol = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "symbol");
    REFUSED(options.strategy = "a very long strategy", "strategy");
    REFUSED(options.price_interval = "0", "price_interval");
    REFUSED(options.price_interval = "0.015", "multiple of the tick size 0.01");
    REFUSED(options.price_interval = "1e3", "price_interval");
    REFUSED(options.order_quantity = "", "order_quantity");
    REFUSED(options.order_quantity = "0.000000001", "order_quantity");
    REFUSED(options.order_quantity = "10000000000", "order_quantity");
    REFUSED(options.fee_rate = "1", "fee_rate");
    REFUSED(options.fee_rate = "-0.1", "fee_rate");
    REFUSED(options.filters.step_size = "0", "step size");
    REFUSED(options.filters.tick_size = NULL, "tick size");
    REFUSED(options.filters.min_notional = "1.", "filter");
    REFUSED(options.buy_window = 0, "buy_window_size");
    REFUSED(options.sell_window = QM_GRID_WINDOW_MAX + 1, "sell_window_size");
    REFUSED(options.cleanup_batch = 0, "cleanup_batch_size");
    REFUSED(options.cleanup_threshold = 0, "order_cleanup_threshold");
    REFUSED(options.position_safety_check = -1, "position_safety_check");
    REFUSED(options.retry_us = -1, "time");
    REFUSED(options.valid_us = 0, "valid_us");
    REFUSED(options.market_risk.enabled = true, "average_window");
    REFUSED(options.risk = ((QmGridRiskConfig){.enabled = true, .trend_filter_enabled = true}), "average_window");
    REFUSED(options.risk.stop_loss_ratio = "ten", "stop_loss_ratio");
    REFUSED(options.market_risk.volume_multiplier = "1001", "volume_multiplier");
    REFUSED(options.market_risk = ((QmRiskConfig){.enabled = true,
                                                  .average_window = 1,
                                                  .monitor_symbols = {symbols, QM_GRID_MONITORED_MAX + 1}}),
            "monitor_symbols");
}

static void
numbers_that_are_none_change_nothing(void **state)
{
    static const char *const texts[] =
        {"", "-1", "0", "0.001", "1.", ".1", "1e2", "nan", "1,5", " 1", "1.000000001", "10000000000"};
    QtGrid test;
    QmGridOptions options = qt_grid_options();

    (void) state;
    qt_grid_open(&test, &options);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(qm_grid_price(test.grid, texts[i], test.now_us));
    assert_false(qm_grid_price(test.grid, NULL, test.now_us));
    assert_string_equal(qt_grid_status(&test).anchor, "");
    assert_true(qm_grid_price(test.grid, "0100.50000000000", test.now_us));
    assert_string_equal(qt_grid_status(&test).price, "100.5");
    qt_grid_close(&test);
}

static void
filters_that_do_not_fit_pause_everything(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmGridFilters filters = options.filters;
    QmError error;

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100.07");
    qt_grid_place_all(&test);
    qt_grid_tell(&test, qt_grid_order_at(&test, "g90.07"), "filled", "1.11");
    filters.tick_size = "3";
    assert_code(qm_grid_filters(test.grid, &filters, &error), QM_ERROR_ARGUMENT, &error);
    assert_int_equal(qt_grid_turn(&test, "92"), 0);
    assert_int_equal(qt_grid_status(&test).pauses, QM_GRID_PAUSE_FILTERS);
    /* A coarser tick moves the anchor below; the slots stay, and sell on a tick. */
    filters.tick_size = "0.1";
    filters.step_size = "0.1";
    assert_ok(qm_grid_filters(test.grid, &filters, &error), &error);
    assert_string_equal(qt_grid_status(&test).anchor, "100");
    (void) qt_grid_turn(&test, "92");
    assert_string_equal(qt_grid_wished(&test),
                        "sell g90.07 1.1 @ 100.1; buy g90 1.1 @ 90; buy g80 1.2 @ 80; buy g70 1.4 @ 70");
    qt_grid_close(&test);
}

static void
damaged_documents_are_refused(void **state)
{
    static const struct
    {
        const char *text;
        QmCode code;
    } documents[] = {
        {"", QM_ERROR_ARGUMENT},
        {"[]", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[],\"past\":[]", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[]}", QM_ERROR_ARGUMENT},
        {"{\"symbol\":\"BTCUSDT\",\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":2,\"symbol\":\"BTCUSDT\",\"slots\":[],\"past\":[]}", QM_ERROR_VERSION},
        {"{\"version\":1,\"symbol\":\"ETHUSDT\",\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"anchor\":100,\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"anchor\":\"-1\",\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"counter\":-1,\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"closing\":\"never\",\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{}],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[7],\"past\":[]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\"},{\"price\":\"1\"}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\",\"position\":\"-1\"}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\",\"post_only_failures\":4}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\",\"order\":{\"kind\":\"live\",\"quantity\":"
         "\"1\"}}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\",\"order\":{\"kind\":\"wished\","
         "\"quantity\":\"1\"}}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\",\"order\":{\"kind\":\"ended\",\"id\":\"1\","
         "\"quantity\":\"1\"}}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[{\"price\":\"2\",\"order\":{\"kind\":\"live\",\"id\":\"x\","
         "\"quantity\":\"1\"}}],\"past\":[]}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[],\"past\":[{}]}", QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[],\"past\":[],\"closer\":{\"price\":\"1\"}}",
         QM_ERROR_ARGUMENT},
        {"{\"version\":1,\"version\":1,\"symbol\":\"BTCUSDT\",\"slots\":[],\"past\":[]}", QM_ERROR_ARGUMENT},
    };
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmError error;
    char *before;
    char *after;

    (void) state;
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "100");
    qt_grid_place_all(&test);
    before = qm_grid_document(test.grid);
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
    {
        memset(&error, 0, sizeof(error));
        if (qm_grid_load(test.grid, documents[i].text, &error) != documents[i].code)
            qt_fail("taken, or with another code: %s", documents[i].text);
        assert_int_equal(error.code, documents[i].code);
        assert_non_null(strstr(error.message, "cannot be used"));
    }
    after = qm_grid_document(test.grid);
    assert_string_equal(after, before);
    assert_false(qm_grid_wants_reconcile(test.grid));
    free(before);
    free(after);
    qt_grid_close(&test);
}

static void
the_longest_document_fits(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    QmStoredOrder order = {.client_order_id = "q0000abcdefghijklma999", .side = "buy", .state = "partially_filled"};
    char *document;

    (void) state;
    options.fee_from_base = true;
    qt_grid_open(&test, &options);
    /* Every slot, and all that is remembered without one, has a purchase that is partly filled, its fee told for a part of that, and every number all its digits. */
    for (int i = 0; i < QM_GRID_SLOTS_MAX + PAST; i++)
    {
        int64_t price = INT64_C(999999999900000000) + i * 11;
        QmGridOrderEvent fee = {.filled = "9876543210.12345678", .base_fee = "1234567890.12345678"};

        order.order_id = INT64_C(9000000000000000000) + i;
        snprintf(order.slot, sizeof(order.slot), "g%" PRId64 ".%08" PRId64, price / 100000000, price % 100000000);
        memcpy(order.price, order.slot + 1, sizeof(order.price) - 1);
        snprintf(order.quantity, sizeof(order.quantity), "9999999999.99999999");
        snprintf(order.filled_quantity, sizeof(order.filled_quantity), "9876543210.12345679");
        fee.order_id = order.order_id;
        assert_int_equal(qm_grid_stored(test.grid, &order, test.now_us), QM_GRID_CHANGED);
        (void) qm_grid_order(test.grid, &fee, test.now_us);
    }
    document = qm_grid_document(test.grid);
    print_message("the longest document has %zu bytes, with %d slots\n", strlen(document), qt_grid_status(&test).slots);
    assert_int_equal(qt_grid_status(&test).slots, QM_GRID_SLOTS_MAX);
    assert_true(strlen(document) < QM_STATE_DOCUMENT_MAX);
    free(document);
    qt_grid_close(&test);
}

/* now_ns returns the time by the thread's own clock, which other processes do not disturb. */
static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void
a_decision_over_a_hundred_slots_is_quick(void **state)
{
    QtGrid test;
    QmGridOptions options = qt_grid_options();
    int64_t shortest = INT64_MAX;
    int64_t document = INT64_MAX;
    int64_t start;

    (void) state;
    options.buy_window = 50;
    options.sell_window = 50;
    options.cleanup_threshold = 200;
    options.risk = (QmGridRiskConfig){.enabled = true, .stop_loss_ratio = "0.9"};
    qt_grid_open(&test, &options);
    (void) qt_grid_turn(&test, "10000");
    qt_grid_place_all(&test);
    for (int64_t id = 1; id < test.next_id; id++)
        qt_grid_tell(&test, id, "filled", "0.01");
    for (int i = 0; i < 2; i++)
    {
        (void) qt_grid_turn(&test, "9510");
        qt_grid_place_all(&test);
    }
    assert_true(qt_grid_status(&test).slots >= 97);
    for (int i = 0; i < 200; i++)
    {
        char *text;

        start = now_ns();
        assert_true(qm_grid_price(test.grid, i % 2 == 0 ? "9520" : "9510", test.now_us));
        (void) qm_grid_wishes(test.grid, test.now_us, test.wishes, QT_GRID_WISHES);
        if (now_ns() - start < shortest)
            shortest = now_ns() - start;
        start = now_ns();
        text = qm_grid_document(test.grid);
        if (now_ns() - start < document)
            document = now_ns() - start;
        free(text);
    }
    print_message("a decision over %d slots takes %.1f us, its document %.1f us\n",
                  qt_grid_status(&test).slots,
                  (double) shortest / 1000,
                  (double) document / 1000);
    if (getenv("QM_FAULTS") == NULL) /* not under valgrind */
        assert_true(shortest < DECISION_US_MAX * 1000);
    qt_grid_close(&test);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_cannot_be_are_refused),
        cmocka_unit_test(numbers_that_are_none_change_nothing),
        cmocka_unit_test(filters_that_do_not_fit_pause_everything),
        cmocka_unit_test(damaged_documents_are_refused),
        cmocka_unit_test(the_longest_document_fits),
        cmocka_unit_test(a_decision_over_a_hundred_slots_is_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
