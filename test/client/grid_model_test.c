/*
 * The grid strategy against chance: a store and an exchange of a few lines, whose
 * news come late, twice, in any order or not at all, and an instance that may die
 * between any two steps and goes on from the document that was saved last.
 *
 * What must hold: one live order in a slot; never more for sale than we have; our
 * position is what the fills say; wishes within the windows; the same document
 * after a restart; the same run from the same seed.
 */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grids.h"

#define ONE INT64_C(1000000) /* numbers of the model: 10^-6 */
#define INTERVAL (10 * ONE)
#define WINDOW 6
#define STEPS 5000
#define SEEDS 20

enum
{
    ORDERS = 20000,
    EVENTS = 40
};

typedef struct Order
{
    char slot[QM_GRID_SLOT_SIZE];
    char request[QM_GRID_REQUEST_SIZE];
    const char *state;
    bool sell;
    bool live;
    int64_t price;
    int64_t quantity;
    int64_t filled;
} Order;

/* News that are under way. */
typedef struct Event
{
    int order;
    const char *state;
    int64_t filled;
    bool fee_told;
} Event;

typedef struct World
{
    uint64_t chance;
    QmGrid *grid;
    QmGridOptions options;
    char *saved; /* the document in the store */
    int64_t now_us;
    int64_t price;
    uint64_t digest; /* of all wishes */
    int order_count; /* ids are places in orders, from 1 */
    int event_count;
    int placed;
    int fills;
    int restarts;
    int repeated;
    int closings;
    int compared; /* positions with the fills, without the ledger's help */
    int64_t late;
    bool excused; /* a fill came after its order's end, or was of a forgotten order: only the ledger helps */
    bool with_late_fills;
    Order orders[ORDERS];
    Event events[EVENTS];
} World;

static World world;

/* chance_of returns a number below a limit. */
static int
chance_of(int limit)
{
    world.chance ^= world.chance << 13;
    world.chance ^= world.chance >> 7;
    world.chance ^= world.chance << 17;
    return (int) ((world.chance >> 16) % (uint64_t) limit);
}

/* text_of writes a number of the model. Four texts live at once. */
static const char *
text_of(int64_t number)
{
    static char texts[4][32];
    static int next;
    char *text = texts[next++ % 4];

    snprintf(text, sizeof(texts[0]), "%" PRId64 ".%06" PRId64, number / ONE, number % ONE);
    return text;
}

/* number_of reads one. */
static int64_t
number_of(const char *text)
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

/* fee_of is exact, for steps are a thousandth and so is the rate. */
static int64_t
fee_of(const Order *order, int64_t filled)
{
    return order->sell ? 0 : filled / 1000;
}

/* ledger returns our position by all fills, or that of a slot. */
static int64_t
ledger(const char *slot)
{
    int64_t sum = 0;

    for (int i = 1; i <= world.order_count; i++)
    {
        const Order *order = &world.orders[i];

        if (slot == NULL || strcmp(order->slot, slot) == 0)
            sum += order->sell ? -order->filled : order->filled - fee_of(order, order->filled);
    }
    return sum;
}

/* say puts news of an order under way; where there is no room the oldest are lost. */
static void
say(int order)
{
    if (world.event_count == EVENTS)
        memmove(world.events, world.events + 1, sizeof(world.events[0]) * (size_t) --world.event_count);
    world.events[world.event_count++] = (Event){.order = order,
                                                .state = world.orders[order].state,
                                                .filled = world.orders[order].filled,
                                                .fee_told = chance_of(2) == 0};
}

/* hear tells the grid one of the news, which may be told again later. */
static void
hear(void)
{
    int which = world.event_count == 0 ? 0 : chance_of(world.event_count);
    Event event = world.events[which];
    const Order *order = &world.orders[event.order];
    QmGridOrderEvent news = {.order_id = event.order, .state = event.state, .filled = text_of(event.filled)};

    if (world.event_count == 0)
        return;
    if (event.order < world.order_count - 15 && chance_of(100) != 0)
    {
        world.events[which] = world.events[--world.event_count]; /* the older ones mostly get lost */
        return;
    }
    if (event.fee_told)
        news.base_fee = text_of(fee_of(order, event.filled));
    if (chance_of(2) == 0)
    {
        news.slot = order->slot;
        news.request_id = order->request;
        news.side = order->sell ? "sell" : "buy";
        news.price = text_of(order->price);
        news.quantity = text_of(order->quantity);
    }
    assert_int_not_equal(qm_grid_order(world.grid, &news, world.now_us), QM_GRID_UNREADABLE);
    if (chance_of(4) != 0)
        world.events[which] = world.events[--world.event_count];
}

/* stored is an order as the store has it now. */
static QmStoredOrder
stored(int id)
{
    const Order *order = &world.orders[id];
    QmStoredOrder row = {.order_id = id};

    snprintf(row.client_order_id, sizeof(row.client_order_id), "qtest%da0", id);
    snprintf(row.request_id, sizeof(row.request_id), "%s", order->request);
    snprintf(row.slot, sizeof(row.slot), "%s", order->slot);
    snprintf(row.side, sizeof(row.side), "%s", order->sell ? "sell" : "buy");
    snprintf(row.state, sizeof(row.state), "%s", order->state);
    snprintf(row.price, sizeof(row.price), "%s", text_of(order->price));
    snprintf(row.quantity, sizeof(row.quantity), "%s", text_of(order->quantity));
    snprintf(row.filled_quantity, sizeof(row.filled_quantity), "%s", text_of(order->filled));
    return row;
}

/* status returns the grid's numbers. */
static QmGridStatus
status(void)
{
    QmGridStatus numbers;

    qm_grid_status(world.grid, &numbers);
    return numbers;
}

/* list tells the grid which orders live in the store, and, if it is to compare, our position there. */
static void
list(bool compare)
{
    static QmStoredOrder rows[QM_GRID_SLOTS_MAX + 1];
    size_t count = 0;

    for (int i = 1; i <= world.order_count; i++)
        if (world.orders[i].live)
        {
            assert_true(count < QM_GRID_SLOTS_MAX + 1);
            rows[count++] = stored(i);
        }
    assert_true(qm_grid_reconcile(world.grid, rows, count, compare ? text_of(ledger(NULL)) : NULL, world.now_us));
}

/* reconcile tells the grid what the store has, if it wants to know, or by chance. */
static void
reconcile(void)
{
    if (qm_grid_wants_reconcile(world.grid) || chance_of(50) == 0)
        list(chance_of(4) != 0);
}

/* check_sale sees that what is for sale is ours. */
static void
check_sale(const QmGridWish *wish)
{
    int64_t quantity = number_of(wish->quantity);
    int64_t for_sale = quantity;

    assert_true(wish->reduce_only);
    for (int i = 1; i <= world.order_count; i++)
        if (world.orders[i].live && world.orders[i].sell)
            for_sale += world.orders[i].quantity - world.orders[i].filled;
    assert_true(for_sale <= ledger(NULL));
    if (!world.options.risk.enabled)
        assert_true(quantity <= ledger(wish->slot));
}

/* check_place sees that a wish is within the windows and the filters. */
static void
check_place(const QmGridWish *wish)
{
    int64_t price = number_of(wish->price);
    int64_t quantity = number_of(wish->quantity);
    int64_t slot = strcmp(wish->slot, QM_GRID_EXIT_SLOT) == 0 ? 0 : number_of(wish->slot + 1);

    assert_true(quantity > 0 && quantity % 1000 == 0);
    assert_true(price * (quantity / 1000) / 1000 >= 5 * ONE);
    if (wish->side == QM_GRID_SELL)
        check_sale(wish);
    if (slot == 0)
    {
        assert_true(wish->side == QM_GRID_SELL && world.options.risk.enabled);
        world.closings++;
        return;
    }
    if (wish->side == QM_GRID_BUY)
    {
        assert_int_equal(price, slot);
        assert_true(price * 10 < world.price * 10 - INTERVAL);
        assert_true(price > world.price - INTERVAL * WINDOW - INTERVAL / 2);
        return;
    }
    assert_true(price >= slot + INTERVAL);
    assert_true(slot <= world.price + INTERVAL * WINDOW);
}

/* place records an order as the store does: once for a request, once for a slot. 0: too late. */
static int
place(const QmGridWish *wish)
{
    Order *order;

    for (int i = world.order_count; i > 0; i--)
        if (strcmp(world.orders[i].request, wish->request_id) == 0)
        {
            world.repeated++;
            return i;
        }
    if (wish->valid_until_us <= world.now_us)
        return 0;
    for (int i = 1; i <= world.order_count; i++)
        if (world.orders[i].live && strcmp(world.orders[i].slot, wish->slot) == 0)
            qt_fail("a second live order in %s", wish->slot);
    assert_true(world.order_count < ORDERS - 1);
    order = &world.orders[++world.order_count];
    *order = (Order){.state = "submitted", .sell = wish->side == QM_GRID_SELL, .live = true};
    snprintf(order->slot, sizeof(order->slot), "%s", wish->slot);
    snprintf(order->request, sizeof(order->request), "%s", wish->request_id);
    order->price = number_of(wish->price);
    order->quantity = number_of(wish->quantity);
    world.placed++;
    return world.order_count;
}

/* change moves an order to another state. */
static void
change(int id, const char *state, bool live)
{
    world.orders[id].state = state;
    world.orders[id].live = live;
    say(id);
}

/* answer_of draws what becomes of a wish to place, but for the time, and tells the grid. Says whether something was recorded. */
static bool
answer(const QmGridWish *wish, bool told)
{
    static const char *const reasons[] = {"HALTED", "MAX_OPEN_ORDERS", "SELF_CROSS", "REDUCE_ONLY"};
    int lot = chance_of(100);
    char client[32];
    int before = world.placed;
    int id;

    if (lot < (wish->again ? 3 : 6))
    {
        if (told)
            qm_grid_placed(world.grid,
                           wish,
                           lot < 3 ? QM_GRID_SKIPPED : QM_GRID_DENIED,
                           reasons[lot % 4],
                           0,
                           NULL,
                           world.now_us);
        return false;
    }
    id = place(wish);
    snprintf(client, sizeof(client), "qtest%da0", id);
    if (told && id == 0)
        qm_grid_placed(world.grid, wish, QM_GRID_DENIED, "VALID_UNTIL_PASSED", 0, NULL, world.now_us);
    else if (told && chance_of(50) == 0)
        qm_grid_placed(world.grid, wish, QM_GRID_UNCERTAIN, NULL, 0, NULL, world.now_us);
    else if (told)
        qm_grid_placed(world.grid, wish, QM_GRID_PLACED, NULL, id, client, world.now_us);
    return world.placed != before;
}

/* save keeps a document in the store. */
static void
save(char *document)
{
    assert_true(strlen(document) < QM_STATE_DOCUMENT_MAX);
    free(world.saved);
    world.saved = document;
}

/* restart lets the instance die, and another one go on. */
static void
restart(void)
{
    QmError error;
    char *document;

    world.restarts++;
    qm_grid_free(world.grid);
    world.grid = qm_grid_new(&world.options, &error);
    assert_non_null(world.grid);
    assert_ok(qm_grid_load(world.grid, world.saved, &error), &error);
    document = qm_grid_document(world.grid);
    if (world.saved != NULL)
        assert_string_equal(document, world.saved);
    free(document);
    assert_true(qm_grid_price(world.grid, text_of(world.price), world.now_us));
}

/* send gives a new order to the exchange, which takes or refuses it. */
static void
send(int id)
{
    QmGridRefusal refusal = (QmGridRefusal) chance_of(3);
    bool early = chance_of(2) == 0;

    if (chance_of(20) != 0)
    {
        change(id, "open", true);
        return;
    }
    if (early)
        qm_grid_refused(world.grid, id, refusal, world.now_us);
    change(id, "rejected", false);
    if (!early)
        qm_grid_refused(world.grid, id, refusal, world.now_us);
}

/* obey does what is no placing: cancels, of which some are late or lost, and questions. */
static void
obey(const QmGridWish *wish)
{
    int id = (int) wish->order_id;
    QmStoredOrder row = stored(id);

    if (wish->kind == QM_GRID_ASK && chance_of(5) != 0)
        assert_int_not_equal(qm_grid_stored(world.grid, &row, world.now_us), QM_GRID_UNREADABLE);
    if (wish->kind != QM_GRID_CANCEL)
        return;
    assert_int_not_equal(wish->why, QM_GRID_WHY_CLASH);
    qm_grid_canceled(world.grid, id, chance_of(4) != 0, world.now_us);
    if (world.orders[id].live && chance_of(3) != 0)
        change(id, "canceled", false);
}

/* digest mixes the wishes into the run's number. */
static void
digest(const QmGridWish *wish)
{
    const char *texts[] = {wish->slot, wish->price, wish->quantity, wish->request_id};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (const char *at = texts[i]; *at != '\0'; at++)
            world.digest = (world.digest ^ (uint64_t) *at) * UINT64_C(1099511628211);
    world.digest += (uint64_t) wish->kind * 31 + (uint64_t) wish->order_id;
}

/* turn takes the grid's wishes and fulfils them in one commit, or dies on the way. */
static void
turn(void)
{
    QmGridWish wishes[QT_GRID_WISHES];
    size_t max = 1 + (size_t) chance_of(QT_GRID_WISHES);
    size_t count = qm_grid_wishes(world.grid, world.now_us, wishes, max);
    char *document = qm_grid_document(world.grid);
    int first = world.order_count + 1;
    int lot = chance_of(100);
    bool recorded = false;

    assert_true(count <= max);
    for (size_t i = 0; i < count; i++)
    {
        digest(&wishes[i]);
        if (wishes[i].kind == QM_GRID_PLACE && !wishes[i].again)
            check_place(&wishes[i]);
    }
    for (size_t i = 0; i < count; i++)
        if (wishes[i].kind != QM_GRID_PLACE)
            obey(&wishes[i]);
        else if (lot < 3)
            qm_grid_placed(world.grid, &wishes[i], QM_GRID_NOT_PLACED, NULL, 0, NULL, world.now_us);
        else
            recorded = answer(&wishes[i], lot >= 6) || recorded;
    if (recorded)
        save(document);
    else
        free(document);
    if (lot >= 3 && lot < 6)
        restart();
    for (int id = first; id <= world.order_count; id++)
        send(id);
}

/* trade fills some of an order, or ends it from outside. A cancelled purchase may have a fill that is told late. */
static void
trade(void)
{
    int id = world.order_count == 0 ? 0 : 1 + chance_of(world.order_count);
    Order *order = &world.orders[id];
    int64_t rest;

    for (int tries = 0; tries < 50 && id != 0 && !order->live; tries++)
    {
        id = 1 + chance_of(world.order_count);
        order = &world.orders[id];
    }
    if (id == 0 ||
        (!order->live && (order->sell || strcmp(order->state, "canceled") != 0 || id < world.order_count - 5)))
        return;
    rest = order->quantity - order->filled;
    if (rest == 0 || (order->live && chance_of(10) == 0))
    {
        change(id, "expired", false);
        return;
    }
    world.fills++;
    world.excused = world.excused || !order->live;
    order->filled += chance_of(2) == 0 ? rest : 1000 * (1 + chance_of((int) (rest / 1000)));
    if (!order->live)
        say(id);
    else if (order->filled == order->quantity)
        change(id, "filled", false);
    else
        change(id, "partially_filled", true);
}

/* move lets the price go on. */
static void
move(void)
{
    world.price += (chance_of(801) - 400) * ONE / 100;
    if (world.price < 200 * ONE)
        world.price += 50 * ONE;
    assert_true(qm_grid_price(world.grid, text_of(world.price), world.now_us));
}

/* step lets one thing happen. */
static void
step(int number)
{
    int lot = chance_of(100);

    world.now_us += 50000 + chance_of(400000);
    if (lot < 20)
        move();
    else if (lot < 50)
        trade();
    else if (lot < 68)
        hear();
    else if (lot < 92)
        turn();
    else if (lot < 93)
        save(qm_grid_document(world.grid));
    else if (lot < 94)
        restart();
    else if (lot < 96)
        assert_true(qm_grid_balances(world.grid, text_of(chance_of(8000) * ONE), chance_of(2) == 0 ? NULL : "1000"));
    else if (lot < 98)
        assert_true(qm_grid_candle(world.grid,
                                   "BTCUSDT",
                                   number,
                                   text_of(world.price + chance_of(10) * ONE),
                                   text_of(chance_of(100) * ONE),
                                   true,
                                   world.now_us));
    reconcile();
}

/* settle tells the grid everything, compares its position with the fills, without the ledger's help, and then helps. */
static void
settle(void)
{
    world.now_us += 60000000;
    for (int i = 0; i < 20; i++)
    {
        QmGridWish wishes[QT_GRID_WISHES];
        size_t count;

        world.now_us += 6000000;
        list(false);
        count = qm_grid_wishes(world.grid, world.now_us, wishes, QT_GRID_WISHES);
        for (size_t at = 0; at < count; at++)
            if (wishes[at].kind == QM_GRID_ASK)
            {
                QmStoredOrder row = stored((int) wishes[at].order_id);

                (void) qm_grid_stored(world.grid, &row, world.now_us);
            }
            else if (wishes[at].kind == QM_GRID_PLACE && wishes[at].again)
                (void) answer(&wishes[at], true);
            else if (wishes[at].kind == QM_GRID_PLACE)
                qm_grid_placed(world.grid, &wishes[at], QM_GRID_NOT_PLACED, NULL, 0, NULL, world.now_us);
    }
    if (!world.excused && status().late == world.late)
    {
        world.compared++;
        assert_int_equal(number_of(status().position), ledger(NULL));
    }
    world.late = status().late;
    list(true);
    world.excused = qm_grid_wants_reconcile(world.grid);
}

/* run lets one world live for so many steps. */
static uint64_t
run(uint64_t seed, int steps)
{
    QmError error;
    static const char *const symbols[] = {"BTCUSDT"};

    memset(&world, 0, sizeof(world));
    world.chance = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    world.now_us = INT64_C(1700000000000000);
    world.price = 500 * ONE;
    world.options = qt_grid_options();
    world.options.buy_window = WINDOW;
    world.options.sell_window = WINDOW;
    world.options.cleanup_threshold = 14;
    world.options.cleanup_batch = 4;
    world.options.margin_lock_us = 1000000;
    world.options.fee_rate = "0.001";
    world.options.fee_from_base = true;
    world.with_late_fills = seed % 4 >= 2;
    if (seed % 2 == 0)
    {
        world.options.risk = (QmGridRiskConfig){.enabled = true,
                                                .max_grid_layers = 10,
                                                .stop_loss_ratio = "0.06",
                                                .take_profit_trigger_ratio = "0.03",
                                                .trailing_take_profit_ratio = "0.01"};
        world.options.stop_loss_us = 60000000;
        world.options.market_risk = (QmRiskConfig){.enabled = true,
                                                   .monitor_symbols = {symbols, 1},
                                                   .volume_multiplier = "1.5",
                                                   .average_window = 5,
                                                   .recovery_threshold = 1};
    }
    world.grid = qm_grid_new(&world.options, &error);
    assert_non_null(world.grid);
    for (int i = 1; i <= steps; i++)
    {
        step(i);
        if (i % 200 == 0)
            settle();
    }
    qm_grid_free(world.grid);
    free(world.saved);
    return world.digest;
}

static void
nothing_is_placed_counted_or_sold_twice(void **state)
{
    int seeds = getenv("QM_FAULTS") == NULL ? SEEDS : 1; /* under valgrind a short one */
    int placed = 0;
    int fills = 0;
    int restarts = 0;
    int repeated = 0;
    int closings = 0;
    int compared = 0;
    int64_t late = 0;

    (void) state;
    for (int seed = 1; seed <= seeds; seed++)
    {
        (void) run((uint64_t) seed, STEPS);
        placed += world.placed;
        fills += world.fills;
        restarts += world.restarts;
        repeated += world.repeated;
        closings += world.closings;
        compared += world.compared;
        late += world.late;
    }
    print_message("%d events: %d orders, %d fills, %d restarts, %d repeated wishes, %d closing sales, %d positions "
                  "compared, %" PRId64 " events of forgotten orders\n",
                  seeds * STEPS,
                  placed,
                  fills,
                  restarts,
                  repeated,
                  closings,
                  compared,
                  late);
    assert_true(placed > seeds * 200 && fills > seeds * 200 && restarts > seeds * 40 && compared > seeds * 10);
}

static void
the_same_seed_gives_the_same_wishes(void **state)
{
    uint64_t first = run(7, STEPS / 5);

    (void) state;
    assert_true(first == run(7, STEPS / 5));
    assert_true(first != run(8, STEPS / 5));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_placed_counted_or_sold_twice),
        cmocka_unit_test(the_same_seed_gives_the_same_wishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
