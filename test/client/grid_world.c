/*
 * The world of the grid's model test.
 */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grid_world.h"

QtWorld qt_world;

/* qt_world_chance returns a number below a limit. */
int
qt_world_chance(int limit)
{
    qt_world.chance ^= qt_world.chance << 13;
    qt_world.chance ^= qt_world.chance >> 7;
    qt_world.chance ^= qt_world.chance << 17;
    return (int) ((qt_world.chance >> 16) % (uint64_t) limit);
}

/* qt_world_text writes a number of the model. Four texts live at once. */
const char *
qt_world_text(int64_t number)
{
    static char texts[4][32];
    static int next;
    char *text = texts[next++ % 4];

    snprintf(text, sizeof(texts[0]), "%" PRId64 ".%06" PRId64, number / ONE, number % ONE);
    return text;
}

/* qt_world_number reads one. */
int64_t
qt_world_number(const char *text)
{
    const char *point = strchr(text, '.');
    int64_t number = strtoll(text, NULL, 10) * ONE;
    int64_t unit = ONE;

    for (const char *at = point == NULL ? "" : point + 1; *at != '\0'; at++)
    {
        unit /= 10;
        assert_true(unit > 0 || *at == '0');
        number += (*at - '0') * unit;
    }
    return number;
}

/* qt_world_fee is exact, for steps are a thousandth and so is the rate. */
int64_t
qt_world_fee(const QtOrder *order, int64_t filled)
{
    return order->sell ? 0 : filled / 1000;
}

/* qt_world_ledger returns our position by all fills, or that of a slot. */
int64_t
qt_world_ledger(const char *slot)
{
    int64_t sum = 0;

    for (int i = 1; i <= qt_world.order_count; i++)
    {
        const QtOrder *order = &qt_world.orders[i];

        if (slot == NULL || strcmp(order->slot, slot) == 0)
            sum += order->sell ? -order->filled : order->filled - qt_world_fee(order, order->filled);
    }
    return sum;
}

/* qt_world_say puts news of an order under way; where there is no room the oldest are lost. */
void
qt_world_say(int order)
{
    if (qt_world.event_count == QT_WORLD_EVENTS)
        memmove(qt_world.events, qt_world.events + 1, sizeof(qt_world.events[0]) * (size_t) --qt_world.event_count);
    qt_world.events[qt_world.event_count++] = (QtEvent){.order = order,
                                                        .state = qt_world.orders[order].state,
                                                        .filled = qt_world.orders[order].filled,
                                                        .fee_told = qt_world_chance(2) == 0};
}

/* qt_world_stored is an order as the store has it now. */
QmStoredOrder
qt_world_stored(int id)
{
    const QtOrder *order = &qt_world.orders[id];
    QmStoredOrder row = {.order_id = id};

    snprintf(row.client_order_id, sizeof(row.client_order_id), "qtest%da0", id);
    snprintf(row.request_id, sizeof(row.request_id), "%s", order->request);
    snprintf(row.slot, sizeof(row.slot), "%s", order->slot);
    snprintf(row.side, sizeof(row.side), "%s", order->sell ? "sell" : "buy");
    snprintf(row.state, sizeof(row.state), "%s", order->state);
    snprintf(row.price, sizeof(row.price), "%s", qt_world_text(order->price));
    snprintf(row.quantity, sizeof(row.quantity), "%s", qt_world_text(order->quantity));
    snprintf(row.filled_quantity, sizeof(row.filled_quantity), "%s", qt_world_text(order->filled));
    return row;
}

/* qt_world_place records an order as the store does: once for a request, once for a slot. 0: too late. */
int
qt_world_place(const QmGridWish *wish)
{
    QtOrder *order;

    for (int i = qt_world.order_count; i > 0; i--)
        if (strcmp(qt_world.orders[i].request, wish->request_id) == 0)
        {
            qt_world.repeated++;
            return i;
        }
    if (wish->valid_until_us <= qt_world.now_us)
        return 0;
    for (int i = 1; i <= qt_world.order_count; i++)
        if (qt_world.orders[i].live && strcmp(qt_world.orders[i].slot, wish->slot) == 0)
            qt_fail("a second live order in %s", wish->slot);
    assert_true(qt_world.order_count < QT_WORLD_ORDERS - 1);
    order = &qt_world.orders[++qt_world.order_count];
    *order = (QtOrder){.state = "submitted", .sell = wish->side == QM_GRID_SELL, .live = true};
    snprintf(order->slot, sizeof(order->slot), "%s", wish->slot);
    snprintf(order->request, sizeof(order->request), "%s", wish->request_id);
    order->price = qt_world_number(wish->price);
    order->quantity = qt_world_number(wish->quantity);
    qt_world.placed++;
    return qt_world.order_count;
}

/* qt_world_change moves an order to another state. */
void
qt_world_change(int id, const char *state, bool live)
{
    qt_world.orders[id].state = state;
    qt_world.orders[id].live = live;
    qt_world_say(id);
}

/* qt_world_trade fills some of an order, or ends it from outside. A cancelled purchase may have a fill that is told late. */
void
qt_world_trade(void)
{
    int id = qt_world.order_count == 0 ? 0 : 1 + qt_world_chance(qt_world.order_count);
    QtOrder *order = &qt_world.orders[id];
    int64_t rest;

    for (int tries = 0; tries < 50 && id != 0 && !order->live; tries++)
    {
        id = 1 + qt_world_chance(qt_world.order_count);
        order = &qt_world.orders[id];
    }
    if (id == 0 ||
        (!order->live && (order->sell || strcmp(order->state, "canceled") != 0 || id < qt_world.order_count - 5)))
        return;
    rest = order->quantity - order->filled;
    if (rest == 0 || (order->live && qt_world_chance(10) == 0))
    {
        qt_world_change(id, "expired", false);
        return;
    }
    qt_world.fills++;
    qt_world.excused = qt_world.excused || !order->live;
    order->filled += qt_world_chance(2) == 0 ? rest : 1000 * (1 + qt_world_chance((int) (rest / 1000)));
    if (!order->live)
        qt_world_say(id);
    else if (order->filled == order->quantity)
        qt_world_change(id, "filled", false);
    else
        qt_world_change(id, "partially_filled", true);
}
