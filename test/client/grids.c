/*
 * Grids for the tests.
 */
#include "grids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum
{
    ORDERS_MAX = 4096,
    TEXT_MAX = 8192
};

/* Which slot the test's orders are in, by their ids. */
static char slots[ORDERS_MAX][QM_GRID_SLOT_SIZE];

/* qt_grid_options returns options with easy numbers. */
QmGridOptions
qt_grid_options(void)
{
    return (QmGridOptions){.symbol = "BTCUSDT",
                           .strategy = "grid",
                           .filters = {.tick_size = "0.01", .step_size = "0.001", .min_notional = "5"},
                           .price_interval = "10",
                           .order_quantity = "100",
                           .min_order_value = "6",
                           .fee_rate = "0",
                           .buy_window = 3,
                           .sell_window = 3,
                           .cleanup_threshold = 50,
                           .cleanup_batch = 10,
                           .cleanup_interval_us = 60000000,
                           .margin_lock_us = 10000000,
                           .retry_us = 500000,
                           .valid_us = 10000000,
                           .stop_loss_us = 3600000000};
}

/* qt_grid_open makes a grid that may trade at once. */
void
qt_grid_open(QtGrid *test, const QmGridOptions *options)
{
    QmError error;

    memset(test, 0, sizeof(*test));
    test->now_us = INT64_C(1700000000000000);
    test->next_id = 1;
    test->grid = qm_grid_new(options, &error);
    if (test->grid == NULL)
        qt_fail("no grid: %s", error.message);
    assert_true(qm_grid_wants_reconcile(test->grid));
    assert_true(qm_grid_reconcile(test->grid, NULL, 0, "0", test->now_us));
    assert_false(qm_grid_wants_reconcile(test->grid));
}

/* qt_grid_close ends a test. */
void
qt_grid_close(QtGrid *test)
{
    qm_grid_free(test->grid);
}

/* qt_grid_turn lets a second pass, tells a price (NULL: none), and returns how many wishes there are. */
size_t
qt_grid_turn(QtGrid *test, const char *price)
{
    test->now_us += 1000000;
    if (price != NULL)
        assert_true(qm_grid_price(test->grid, price, test->now_us));
    test->count = qm_grid_wishes(test->grid, test->now_us, test->wishes, QT_GRID_WISHES);
    return test->count;
}

/* qt_grid_answer answers a wish to place. */
void
qt_grid_answer(QtGrid *test, const QmGridWish *wish, QmGridAnswer answer, const char *reason)
{
    char client[32];
    int64_t id = 0;

    if (answer == QM_GRID_PLACED)
    {
        id = test->next_id++;
        assert_true(id < ORDERS_MAX);
        snprintf(slots[id], sizeof(slots[id]), "%s", wish->slot);
    }
    snprintf(client, sizeof(client), "qtest%" PRId64 "a0", id);
    qm_grid_placed(test->grid, wish, answer, reason, id, client, test->now_us);
}

/* qt_grid_place_all has all wishes to place recorded and opened. */
void
qt_grid_place_all(QtGrid *test)
{
    for (size_t i = 0; i < test->count; i++)
        if (test->wishes[i].kind == QM_GRID_PLACE)
        {
            qt_grid_answer(test, &test->wishes[i], QM_GRID_PLACED, NULL);
            qt_grid_tell(test, test->next_id - 1, "open", "0");
        }
}

/* qt_grid_order_at returns the last order of a slot. */
int64_t
qt_grid_order_at(const QtGrid *test, const char *slot)
{
    for (int64_t id = test->next_id - 1; id > 0; id--)
        if (strcmp(slots[id], slot) == 0)
            return id;
    qt_fail("no order has the slot %s", slot);
}

/* qt_grid_tell tells what has become of an order. */
void
qt_grid_tell(QtGrid *test, int64_t order_id, const char *state, const char *filled)
{
    QmGridOrderEvent event = {.order_id = order_id, .state = state, .filled = filled};

    (void) qm_grid_order(test->grid, &event, test->now_us);
}

/* qt_grid_status returns the grid's own numbers. */
QmGridStatus
qt_grid_status(const QtGrid *test)
{
    QmGridStatus status;

    qm_grid_status(test->grid, &status);
    return status;
}

/* qt_grid_wished returns the last wishes as text: "buy g90 1 @ 90 maker; cancel g80 cleanup". */
const char *
qt_grid_wished(const QtGrid *test)
{
    static char text[TEXT_MAX];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < test->count; i++)
    {
        const QmGridWish *wish = &test->wishes[i];
        const char *comma = i == 0 ? "" : "; ";

        assert_true(len < TEXT_MAX - 256);
        if (wish->kind == QM_GRID_PLACE)
            len += (size_t) sprintf(text + len,
                                    "%s%s%s %s %s @ %s%s",
                                    comma,
                                    wish->again ? "again " : "",
                                    wish->side == QM_GRID_BUY ? "buy" : "sell",
                                    wish->slot,
                                    wish->quantity,
                                    wish->price,
                                    wish->post_only ? "" : " taker");
        else
            len += (size_t) sprintf(text + len,
                                    "%s%s %s%s%s",
                                    comma,
                                    wish->kind == QM_GRID_ASK ? "ask" : "cancel",
                                    wish->slot,
                                    wish->kind == QM_GRID_ASK ? "" : " ",
                                    wish->kind == QM_GRID_ASK ? "" : qm_grid_why_name(wish->why));
    }
    return text;
}
