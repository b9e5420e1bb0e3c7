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

#include "grid_world.h"

#define INTERVAL (10 * ONE)
#define WINDOW 6
#define STEPS 5000
#define SEEDS 20

/* hear tells the grid one of the news, which may be told again later. */
static void
hear(void)
{
    int which = qt_world.event_count == 0 ? 0 : qt_world_chance(qt_world.event_count);
    QtEvent event = qt_world.events[which];
    const QtOrder *order = &qt_world.orders[event.order];
    QmGridOrderEvent news = {.order_id = event.order, .state = event.state, .filled = qt_world_text(event.filled)};

    if (qt_world.event_count == 0)
        return;
    if (event.order < qt_world.order_count - 15 && qt_world_chance(100) != 0)
    {
        qt_world.events[which] = qt_world.events[--qt_world.event_count]; /* the older ones mostly get lost */
        return;
    }
    if (event.fee_told)
        news.base_fee = qt_world_text(qt_world_fee(order, event.filled));
    if (qt_world_chance(2) == 0)
    {
        news.slot = order->slot;
        news.request_id = order->request;
        news.side = order->sell ? "sell" : "buy";
        news.price = qt_world_text(order->price);
        news.quantity = qt_world_text(order->quantity);
    }
    assert_int_not_equal(qm_grid_order(qt_world.grid, &news, qt_world.now_us), QM_GRID_UNREADABLE);
    if (qt_world_chance(4) != 0)
        qt_world.events[which] = qt_world.events[--qt_world.event_count];
}

/* status returns the grid's numbers. */
static QmGridStatus
status(void)
{
    QmGridStatus numbers;

    qm_grid_status(qt_world.grid, &numbers);
    return numbers;
}

/* list tells the grid which orders live in the store, and, if it is to compare, our position there. */
static void
list(bool compare)
{
    static QmStoredOrder rows[QM_GRID_SLOTS_MAX + 1];
    size_t count = 0;

    for (int i = 1; i <= qt_world.order_count; i++)
        if (qt_world.orders[i].live)
        {
            assert_true(count < QM_GRID_SLOTS_MAX + 1);
            rows[count++] = qt_world_stored(i);
        }
    assert_true(qm_grid_reconcile(qt_world.grid,
                                  rows,
                                  count,
                                  compare ? qt_world_text(qt_world_ledger(NULL)) : NULL,
                                  qt_world.now_us));
}

/* reconcile tells the grid what the store has, if it wants to know, or by chance. */
static void
reconcile(void)
{
    if (qm_grid_wants_reconcile(qt_world.grid) || qt_world_chance(50) == 0)
        list(qt_world_chance(4) != 0);
}

/* check_sale sees that what is for sale is ours. */
static void
check_sale(const QmGridWish *wish)
{
    int64_t quantity = qt_world_number(wish->quantity);
    int64_t for_sale = quantity;

    assert_true(wish->reduce_only);
    for (int i = 1; i <= qt_world.order_count; i++)
        if (qt_world.orders[i].live && qt_world.orders[i].sell)
            for_sale += qt_world.orders[i].quantity - qt_world.orders[i].filled;
    assert_true(for_sale <= qt_world_ledger(NULL));
    if (!qt_world.options.risk.enabled)
        assert_true(quantity <= qt_world_ledger(wish->slot));
}

/* check_place sees that a wish is within the windows and the filters. */
static void
check_place(const QmGridWish *wish)
{
    int64_t price = qt_world_number(wish->price);
    int64_t quantity = qt_world_number(wish->quantity);
    int64_t slot = strcmp(wish->slot, QM_GRID_EXIT_SLOT) == 0 ? 0 : qt_world_number(wish->slot + 1);

    assert_true(quantity > 0 && quantity % 1000 == 0);
    assert_true(price * (quantity / 1000) / 1000 >= 5 * ONE);
    if (wish->side == QM_GRID_SELL)
        check_sale(wish);
    if (slot == 0)
    {
        assert_true(wish->side == QM_GRID_SELL && qt_world.options.risk.enabled);
        qt_world.closings++;
        return;
    }
    if (wish->side == QM_GRID_BUY)
    {
        assert_false(qt_world.silent);
        assert_int_equal(price, slot);
        assert_true(price * 10 < qt_world.price * 10 - INTERVAL);
        assert_true(price > qt_world.price - INTERVAL * WINDOW - INTERVAL / 2);
        return;
    }
    assert_true(price >= slot + INTERVAL);
    assert_true(slot <= qt_world.price + INTERVAL * WINDOW);
}

/* answer_of draws what becomes of a wish to place, but for the time, and tells the grid. Says whether something was recorded. */
static bool
answer(const QmGridWish *wish, bool told)
{
    static const char *const reasons[] = {"HALTED", "MAX_OPEN_QT_WORLD_ORDERS", "SELF_CROSS", "REDUCE_ONLY"};
    int lot = qt_world_chance(100);
    char client[32];
    int before = qt_world.placed;
    int id;

    if (lot < (wish->again ? 3 : 6))
    {
        QmGridAnswer refused = lot < 3 ? QM_GRID_SKIPPED : QM_GRID_DENIED;

        if (told)
            qm_grid_placed(qt_world.grid, wish, refused, reasons[lot % 4], 0, NULL, qt_world.now_us);
        return false;
    }
    id = qt_world_place(wish);
    snprintf(client, sizeof(client), "qtest%da0", id);
    if (told && id == 0)
        qm_grid_placed(qt_world.grid, wish, QM_GRID_DENIED, "VALID_UNTIL_PASSED", 0, NULL, qt_world.now_us);
    else if (told && qt_world_chance(50) == 0)
        qm_grid_placed(qt_world.grid, wish, QM_GRID_UNCERTAIN, NULL, 0, NULL, qt_world.now_us);
    else if (told)
        qm_grid_placed(qt_world.grid, wish, QM_GRID_PLACED, NULL, id, client, qt_world.now_us);
    return qt_world.placed != before;
}

/* save keeps a document in the store. */
static void
save(char *document)
{
    assert_true(strlen(document) < QM_STATE_DOCUMENT_MAX);
    free(qt_world.saved);
    qt_world.saved = document;
}

/* tell_price tells the grid the market's price. */
static void
tell_price(void)
{
    qt_world.silent = false;
    assert_true(qm_grid_price(qt_world.grid, qt_world_text(qt_world.price), qt_world.now_us));
}

/* silence lets prices not be heard any more. */
static void
silence(void)
{
    qt_world.silent = true;
    qm_grid_silence(qt_world.grid);
}

/* restart lets the instance die, and another one go on. */
static void
restart(void)
{
    QmError error;
    char *document;

    qt_world.restarts++;
    qm_grid_free(qt_world.grid);
    qt_world.grid = qm_grid_new(&qt_world.options, &error);
    assert_non_null(qt_world.grid);
    assert_ok(qm_grid_load(qt_world.grid, qt_world.saved, &error), &error);
    document = qm_grid_document(qt_world.grid);
    if (qt_world.saved != NULL)
        assert_string_equal(document, qt_world.saved);
    free(document);
    tell_price();
}

/* send gives a new order to the exchange, which takes or refuses it. */
static void
send(int id)
{
    QmGridRefusal refusal = (QmGridRefusal) qt_world_chance(3);
    bool early = qt_world_chance(2) == 0;

    if (qt_world_chance(20) != 0)
    {
        qt_world_change(id, "open", true);
        return;
    }
    if (early)
        qm_grid_refused(qt_world.grid, id, refusal, qt_world.now_us);
    qt_world_change(id, "rejected", false);
    if (!early)
        qm_grid_refused(qt_world.grid, id, refusal, qt_world.now_us);
}

/* obey does what is no placing: cancels, of which some are late or lost, and questions. */
static void
obey(const QmGridWish *wish)
{
    int id = (int) wish->order_id;
    QmStoredOrder row = qt_world_stored(id);

    if (wish->kind == QM_GRID_ASK && qt_world_chance(5) != 0)
        assert_int_not_equal(qm_grid_stored(qt_world.grid, &row, qt_world.now_us), QM_GRID_UNREADABLE);
    if (wish->kind != QM_GRID_CANCEL)
        return;
    assert_int_not_equal(wish->why, QM_GRID_WHY_CLASH);
    qt_world.cleaned += wish->why == QM_GRID_WHY_CLEANUP;
    qm_grid_canceled(qt_world.grid, id, qt_world_chance(4) != 0, qt_world.now_us);
    if (qt_world.orders[id].live && qt_world_chance(3) != 0)
        qt_world_change(id, "canceled", false);
}

/* digest mixes the wishes into the run's number. */
static void
digest(const QmGridWish *wish)
{
    const char *texts[] = {wish->slot, wish->price, wish->quantity, wish->request_id};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        for (const char *at = texts[i]; *at != '\0'; at++)
            qt_world.digest = (qt_world.digest ^ (uint64_t) *at) * UINT64_C(1099511628211);
    qt_world.digest += (uint64_t) wish->kind * 31 + (uint64_t) wish->order_id;
}

/* turn takes the grid's wishes and fulfils them in one commit, or dies on the way. */
static void
turn(void)
{
    QmGridWish wishes[QT_GRID_WISHES];
    size_t max = 1 + (size_t) qt_world_chance(QT_GRID_WISHES);
    size_t count = qm_grid_wishes(qt_world.grid, qt_world.now_us, wishes, max);
    char *document = qm_grid_document(qt_world.grid);
    int first = qt_world.order_count + 1;
    int lot = qt_world_chance(100);
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
            qm_grid_placed(qt_world.grid, &wishes[i], QM_GRID_NOT_PLACED, NULL, 0, NULL, qt_world.now_us);
        else
            recorded = answer(&wishes[i], lot >= 6) || recorded;
    if (recorded)
        save(document);
    else
        free(document);
    if (lot >= 3 && lot < 6)
        restart();
    for (int id = first; id <= qt_world.order_count; id++)
        send(id);
}

/* move lets the price go on. */
static void
move(void)
{
    qt_world.price += (qt_world_chance(801) - 400) * ONE / 100;
    if (qt_world.price < 200 * ONE)
        qt_world.price += 50 * ONE;
    tell_price();
}

/* candle closes one, on a volume of chance. */
static void
candle(int number)
{
    const char *close = qt_world_text(qt_world.price + qt_world_chance(10) * ONE);
    const char *volume = qt_world_text(qt_world_chance(100) * ONE);

    assert_true(qm_grid_candle(qt_world.grid, "BTCUSDT", number, close, volume, true, qt_world.now_us));
}

/* step lets one thing happen. */
static void
step(int number)
{
    int lot = qt_world_chance(100);

    qt_world.now_us += 50000 + qt_world_chance(400000);
    if (lot < 20)
        move();
    else if (lot < 50)
        qt_world_trade();
    else if (lot < 68)
        hear();
    else if (lot < 92)
        turn();
    else if (lot < 93)
        save(qm_grid_document(qt_world.grid));
    else if (lot < 94)
        restart();
    else if (lot < 96)
        assert_true(qm_grid_balances(qt_world.grid,
                                     qt_world_text(qt_world_chance(8000) * ONE),
                                     qt_world_chance(2) == 0 ? NULL : "1000"));
    else if (lot < 98)
        candle(number);
    else if (lot < 99)
        silence();
    reconcile();
}

/* settle tells the grid everything, compares its position with the fills, without the ledger's help, and then helps. */
static void
settle(void)
{
    qt_world.now_us += 60000000;
    for (int i = 0; i < 20; i++)
    {
        QmGridWish wishes[QT_GRID_WISHES];
        size_t count;

        qt_world.now_us += 6000000;
        list(false);
        count = qm_grid_wishes(qt_world.grid, qt_world.now_us, wishes, QT_GRID_WISHES);
        for (size_t at = 0; at < count; at++)
            if (wishes[at].kind == QM_GRID_ASK)
            {
                QmStoredOrder row = qt_world_stored((int) wishes[at].order_id);

                (void) qm_grid_stored(qt_world.grid, &row, qt_world.now_us);
            }
            else if (wishes[at].kind == QM_GRID_PLACE && wishes[at].again)
                (void) answer(&wishes[at], true);
            else if (wishes[at].kind == QM_GRID_PLACE)
                qm_grid_placed(qt_world.grid, &wishes[at], QM_GRID_NOT_PLACED, NULL, 0, NULL, qt_world.now_us);
    }
    if (!qt_world.excused && status().late == qt_world.late)
    {
        qt_world.compared++;
        assert_int_equal(qt_world_number(status().position), qt_world_ledger(NULL));
    }
    qt_world.late = status().late;
    list(true);
    qt_world.excused = qm_grid_wants_reconcile(qt_world.grid);
}

/* run lets one world live for so many steps. */
static uint64_t
run(uint64_t seed, int steps)
{
    QmError error;
    static const char *const symbols[] = {"BTCUSDT"};

    memset(&qt_world, 0, sizeof(qt_world));
    qt_world.chance = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    qt_world.now_us = INT64_C(1700000000000000);
    qt_world.price = 500 * ONE;
    qt_world.options = qt_grid_options();
    qt_world.options.buy_window = WINDOW;
    qt_world.options.sell_window = WINDOW;
    qt_world.options.cleanup_threshold = 8;
    qt_world.options.cleanup_batch = 3;
    qt_world.options.cleanup_interval_us = 3000000;
    qt_world.options.margin_lock_us = 1000000;
    qt_world.options.fee_rate = "0.001";
    qt_world.options.fee_from_base = true;
    qt_world.with_late_fills = seed % 4 >= 2;
    if (seed % 2 == 0)
    {
        qt_world.options.risk = (QmGridRiskConfig){.enabled = true,
                                                   .max_grid_layers = 10,
                                                   .stop_loss_ratio = "0.06",
                                                   .take_profit_trigger_ratio = "0.03",
                                                   .trailing_take_profit_ratio = "0.01"};
        qt_world.options.stop_loss_us = 60000000;
        qt_world.options.market_risk = (QmRiskConfig){.enabled = true,
                                                      .monitor_symbols = {symbols, 1},
                                                      .volume_multiplier = "1.5",
                                                      .average_window = 5,
                                                      .recovery_threshold = 1};
    }
    qt_world.grid = qm_grid_new(&qt_world.options, &error);
    assert_non_null(qt_world.grid);
    for (int i = 1; i <= steps; i++)
    {
        step(i);
        if (i % 200 == 0)
            settle();
    }
    qm_grid_free(qt_world.grid);
    free(qt_world.saved);
    return qt_world.digest;
}

static void
nothing_is_placed_counted_or_sold_twice(void **state)
{
    int seeds = getenv("QM_FAULTS") == NULL ? SEEDS : 1; /* under valgrind a short one */
    int totals[7] = {0};

    (void) state;
    for (int seed = 1; seed <= seeds; seed++)
    {
        (void) run((uint64_t) seed, STEPS);
        totals[0] += qt_world.placed;
        totals[1] += qt_world.fills;
        totals[2] += qt_world.restarts;
        totals[3] += qt_world.repeated;
        totals[4] += qt_world.closings;
        totals[5] += qt_world.compared;
        totals[6] += qt_world.cleaned;
    }
    print_message("%d events: %d orders, %d fills, %d restarts, %d repeated wishes, %d closing sales, %d positions "
                  "compared, %d cleanup cancels\n",
                  seeds * STEPS,
                  totals[0],
                  totals[1],
                  totals[2],
                  totals[3],
                  totals[4],
                  totals[5],
                  totals[6]);
    assert_true(totals[0] > seeds * 200 && totals[1] > seeds * 200 && totals[2] > seeds * 40 &&
                totals[5] > seeds * 10 && (seeds == 1 || (totals[4] > 0 && totals[6] > 0)));
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
