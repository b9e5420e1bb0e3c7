/*
 * The paper exchange's world: how the rest of the market moves and fills, orders at market, balances that symbols share,
 * what is kept and what is forgotten, the clock and its followers.
 */
#include "paper_worlds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Two minutes: one that rises 100, 90, 110, 105 and one that falls 105, 106, 95, 96. */
static const char two_minutes[] = "timestamp,open,high,low,close,volume,symbol\n"
                                  "1767225600000,100,110,90,105,8,BTCUSDT\n"
                                  "1767225660000000,105,106,95,96,4,BTCUSDT\n";

/* What a watcher has heard. */
typedef struct Heard
{
    int64_t clock_ms;
    int orders, balances, trades, closed[QM_PAPER_INTERVALS], bests, faults, rules;
    QmPaperOrderEvent order;
    QmPaperTrade trade[64];
    QmPaperCandle candle;
    QmPaperBest best;
    char cancel_id[QM_PAPER_ID_MAX + 1];
} Heard;

/* read_clock is a clock that goes on by one whenever it is read. */
static int64_t
read_clock(void *context)
{
    return ++((Heard *) context)->clock_ms;
}

static void
hear_order(void *context, const QmPaperOrderEvent *event)
{
    Heard *heard = context;

    heard->orders++;
    heard->order = *event;
    snprintf(heard->cancel_id, sizeof(heard->cancel_id), "%s", event->cancel_id == NULL ? "" : event->cancel_id);
}

static void
hear_balance(void *context, int account, int asset, const QmPaperBalance *balance)
{
    (void) account;
    (void) asset;
    (void) balance;
    ((Heard *) context)->balances++;
}

static void
hear_trade(void *context, int symbol, const QmPaperTrade *trade)
{
    Heard *heard = context;

    if (symbol == QT_BTCUSDT && heard->trades < 64)
        heard->trade[heard->trades++] = *trade;
}

static void
hear_candle(void *context, int symbol, QmPaperInterval interval, const QmPaperCandle *candle)
{
    Heard *heard = context;

    if (symbol != QT_BTCUSDT || !candle->is_closed)
        return;
    heard->closed[interval]++;
    if (interval == QM_PAPER_1M)
        heard->candle = *candle;
}

static void
hear_best(void *context, int symbol, const QmPaperBest *best)
{
    Heard *heard = context;

    if (symbol != QT_BTCUSDT)
        return;
    heard->bests++;
    heard->best = *best;
}

/* watch listens to a world. */
static void
watch(QmPaperWorld *world, Heard *heard)
{
    const QmPaperWatcher watcher = {.context = heard,
                                    .clock_ms = read_clock,
                                    .order = hear_order,
                                    .balance = hear_balance,
                                    .trade = hear_trade,
                                    .candle = hear_candle,
                                    .best = hear_best};

    memset(heard, 0, sizeof(*heard));
    qm_paper_world_watch(world, &watcher);
}

/* two_minutes_open opens a world in which only BTCUSDT moves, by the file. */
static QmPaperWorld *
two_minutes_open(QtWorld *setup)
{
    qt_paper_init(setup);
    setup->symbols[QT_BTCUSDT].source = (QmPaperSource){.path = qt_paper_file(two_minutes)};
    setup->symbols[QT_ETHUSDT].source = (QmPaperSource){0};
    setup->symbols[QT_ETHBTC].source = (QmPaperSource){0};
    return qt_paper_open(setup);
}

/* balance returns what an account has free. */
static QmPaperDecimal
free_of(const QmPaperWorld *world, int account, const char *asset)
{
    return qm_paper_world_balance(world, account, qm_paper_asset_by_name(world, asset))->free;
}

static void
a_minute_is_walked_through_its_four_prices(void **state)
{
    static const char *const prices[] = {"100", "90", "110", "105", "105", "106", "95", "96"};
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    QmPaperCandle candles[4];
    Heard heard;

    (void) state;
    watch(world, &heard);
    assert_int_equal(qm_paper_world_now_ms(world), INT64_C(1767225600000));
    qt_paper_steps(world, 8);
    assert_int_equal(heard.trades, 8);
    for (int i = 0; i < 8; i++)
    {
        assert_int_equal(heard.trade[i].id, i + 1);
        assert_int_equal(heard.trade[i].price, qt_paper_number(prices[i]));
        assert_int_equal(heard.trade[i].quantity, i < 4 ? qt_paper_number("2") : qt_paper_number("1"));
        assert_int_equal(heard.trade[i].time_ms, INT64_C(1767225600000) + 15000 * i);
    }
    assert_true(heard.trade[1].is_buyer_maker);
    assert_false(heard.trade[2].is_buyer_maker);
    assert_int_equal(heard.closed[QM_PAPER_1M], 1);
    qt_paper_steps(world, 1);
    assert_true(qm_paper_world_has_ended(world));
    assert_int_equal(qm_paper_world_due(world), -1);
    assert_false(qm_paper_world_advance(world));
    assert_int_equal(heard.closed[QM_PAPER_1M], 2);
    assert_int_equal(heard.closed[QM_PAPER_3M], 0);
    assert_int_equal(qm_paper_world_candles(world, QT_BTCUSDT, QM_PAPER_1M, 0, INT64_MAX, candles, 4), 2);
    assert_int_equal(candles[0].high, qt_paper_number("110"));
    assert_int_equal(candles[0].low, qt_paper_number("90"));
    assert_int_equal(candles[0].close, qt_paper_number("105"));
    assert_int_equal(candles[0].volume, qt_paper_number("8"));
    assert_int_equal(candles[0].trade_count, 4);
    assert_int_equal(qm_paper_world_candles(world, QT_BTCUSDT, QM_PAPER_3M, 0, INT64_MAX, candles, 4), 1);
    assert_int_equal(candles[0].open, qt_paper_number("100"));
    assert_int_equal(candles[0].low, qt_paper_number("90"));
    assert_int_equal(candles[0].close, qt_paper_number("96"));
    assert_int_equal(candles[0].volume, qt_paper_number("12"));
    assert_false(candles[0].is_closed);
    qm_paper_world_close(world);
}

static void
more_steps_go_straight_between_the_prices(void **state)
{
    static const char *const prices[] = {"100", "95", "90", "100", "110", "107.5", "105"};
    QtWorld setup;
    QmPaperWorld *world;
    Heard heard;

    (void) state;
    qt_paper_init(&setup);
    setup.symbols[QT_BTCUSDT].source = (QmPaperSource){.path = qt_paper_file(two_minutes), .count = 1};
    setup.symbols[QT_BTCUSDT].steps = 7;
    setup.options.symbol_count = 1;
    world = qt_paper_open(&setup);
    watch(world, &heard);
    qt_paper_steps(world, 8);
    assert_int_equal(heard.trades, 7);
    for (int i = 0; i < 7; i++)
        assert_int_equal(heard.trade[i].price, qt_paper_number(prices[i]));
    assert_int_equal(heard.candle.volume, qt_paper_number("8"));
    assert_true(qm_paper_world_has_ended(world));
    qm_paper_world_close(world);
}

static void
the_market_fills_what_it_reaches_at_the_orders_price(void **state)
{
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    const QmPaperOrder *reached, *touched, *below, *sale;

    (void) state;
    touched = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "90", "1"));
    reached = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "95", "5"));
    below = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "89.99", "1"));
    sale = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(1, QM_PAPER_SELL, "110", "1"));
    qt_paper_steps(world, 1);
    assert_int_equal(reached->status, QM_PAPER_NEW);
    qt_paper_steps(world, 1);
    assert_int_equal(reached->status, QM_PAPER_FILLED);
    assert_int_equal(reached->quote, qt_paper_number("475")); /* at its own price */
    assert_int_equal(touched->status, QM_PAPER_FILLED);
    assert_int_equal(below->status, QM_PAPER_NEW);
    assert_int_equal(sale->status, QM_PAPER_NEW);
    qt_paper_steps(world, 1);
    assert_int_equal(sale->status, QM_PAPER_FILLED);
    assert_int_equal(free_of(world, 1, "USDT"), qt_paper_number("10000109.89")); /* less the maker's fee */
    assert_int_equal(free_of(world, 0, "BTC"), qt_paper_number("1005.994"));
    qt_paper_money_is_all_there(world, &setup, NULL);
    qm_paper_world_close(world);
}

static void
a_bounded_step_fills_no_more_than_its_volume(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;
    const QmPaperOrder *first, *second;
    QmPaperBest best;

    (void) state;
    qt_paper_init(&setup);
    setup.symbols[QT_BTCUSDT].source = (QmPaperSource){.path = qt_paper_file(two_minutes)};
    setup.symbols[QT_BTCUSDT].is_bounded = true;
    setup.options.symbol_count = 1;
    world = qt_paper_open(&setup);
    first = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "95", "1.5"));
    second = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(1, QM_PAPER_BUY, "94", "1.5"));
    qt_paper_steps(world, 2);
    assert_int_equal(first->status, QM_PAPER_FILLED);
    assert_int_equal(second->status, QM_PAPER_PARTIALLY_FILLED);
    assert_int_equal(second->filled, qt_paper_number("0.5"));
    best = qm_paper_world_best(world, QT_BTCUSDT);
    assert_int_equal(best.bid, qt_paper_number("94"));
    assert_int_equal(best.ask, qt_paper_number("94.01")); /* the rest keeps away from what it has not filled */
    qt_paper_money_is_all_there(world, &setup, NULL);
    qm_paper_world_close(world);
}

static void
who_takes_meets_accounts_and_the_rest_by_price(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;
    const QmPaperOrder *better, *same, *taker;
    QmPaperRequest request;
    QmPaperLevel bids[3], asks[3];
    int bid_count, ask_count;

    (void) state;
    qt_paper_init(&setup);
    setup.symbols[QT_BTCUSDT].source = (QmPaperSource){.path = qt_paper_file(two_minutes)};
    setup.symbols[QT_BTCUSDT].spread = qt_paper_number("1");
    setup.options.symbol_count = 1;
    world = qt_paper_open(&setup);
    qt_paper_steps(world, 1);
    assert_int_equal(qm_paper_world_best(world, QT_BTCUSDT).bid, qt_paper_number("99.5"));
    assert_int_equal(qm_paper_world_best(world, QT_BTCUSDT).ask, qt_paper_number("100.5"));
    better = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_SELL, "100", "1"));
    same = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_SELL, "100.5", "1"));
    qm_paper_world_depth(world, QT_BTCUSDT, 3, bids, &bid_count, asks, &ask_count);
    assert_int_equal(ask_count, 3);
    assert_int_equal(asks[0].price, qt_paper_number("100"));
    assert_int_equal(asks[0].quantity, qt_paper_number("1"));
    assert_int_equal(asks[1].price, qt_paper_number("100.5"));
    assert_int_equal(asks[1].quantity, qt_paper_number("3")); /* with a step's share of the minute */
    assert_int_equal(asks[2].price, qt_paper_number("100.51"));
    assert_int_equal(bids[0].price, qt_paper_number("99.5"));
    taker = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(1, QM_PAPER_BUY, "101", "3"));
    assert_int_equal(better->status, QM_PAPER_FILLED);
    assert_int_equal(same->status, QM_PAPER_FILLED);
    assert_int_equal(taker->status, QM_PAPER_FILLED);
    assert_int_equal(taker->quote, qt_paper_number("301"));
    assert_int_equal(qm_paper_world_balance(world, 1, 1)->locked, 0);
    request = qt_paper_limit(1, QM_PAPER_BUY, "100.5", "1");
    request.type = QM_PAPER_LIMIT_MAKER;
    qt_world_refused(world, QT_BTCUSDT, request, -2010, "Order would immediately match and take.");
    request.price = qt_paper_number("100.49");
    assert_int_equal(qt_paper_placed(world, QT_BTCUSDT, request)->status, QM_PAPER_NEW);
    qt_paper_money_is_all_there(world, &setup, NULL);
    qm_paper_world_close(world);
}

static void
orders_at_market(void **state)
{
    static const char funds[] = "Account has insufficient balance for requested action.";
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    QmPaperRequest request = {.account = 1, .type = QM_PAPER_MARKET, .quantity = qt_paper_number("2")};
    const QmPaperOrder *order;

    (void) state;
    qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_SELL, "100", "1"));
    order = qt_paper_placed(world, QT_BTCUSDT, request);
    assert_int_equal(order->status, QM_PAPER_FILLED);
    assert_int_equal(order->quote, qt_paper_number("200"));
    request.quantity = 0;
    request.amount = qt_paper_number("1000.05");
    order = qt_paper_placed(world, QT_BTCUSDT, request);
    assert_int_equal(order->status, QM_PAPER_FILLED);
    assert_int_equal(order->quantity, qt_paper_number("10"));
    assert_int_equal(order->quote, qt_paper_number("1000"));
    assert_int_equal(free_of(world, 1, "USDT"), qt_paper_number("9998800"));
    request.side = QM_PAPER_SELL;
    order = qt_paper_placed(world, QT_BTCUSDT, request);
    assert_int_equal(order->filled, qt_paper_number("10"));
    request.amount = qt_paper_number("9000000");
    qt_world_refused(world, QT_BTCUSDT, request, -1013, "Filter failure: LOT_SIZE");
    request.amount = 0;
    request.quantity = qt_paper_number("5000");
    qt_world_refused(world, QT_BTCUSDT, request, -2010, funds);
    /* A symbol without a rest of the market has only what accounts offer. */
    qt_paper_placed(world, QT_ETHUSDT, qt_paper_limit(0, QM_PAPER_SELL, "10", "1"));
    request = (QmPaperRequest){.account = 1, .type = QM_PAPER_MARKET, .quantity = qt_paper_number("3")};
    order = qt_paper_placed(world, QT_ETHUSDT, request);
    assert_int_equal(order->status, QM_PAPER_EXPIRED);
    assert_int_equal(order->expiry, QM_PAPER_EXPIRED_LIQUIDITY);
    assert_int_equal(order->filled, qt_paper_number("1"));
    assert_int_equal(order->locked, 0);
    request.quantity = 0;
    request.amount = qt_paper_number("50");
    qt_world_refused(world, QT_ETHUSDT, request, -1013, "Filter failure: LOT_SIZE");
    qt_paper_money_is_all_there(world, &setup, NULL);
    qm_paper_world_close(world);
}

static void
an_amount_is_for_orders_at_market_alone(void **state)
{
    static const char words[] = "Parameter 'quoteOrderQty' sent when not required.";
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    QmPaperRequest request = qt_paper_limit(0, QM_PAPER_BUY, "50", "0.00001");

    (void) state;
    request.amount = qt_paper_number("100");
    qt_world_refused(world, QT_BTCUSDT, request, -1106, words);
    request.type = QM_PAPER_MARKET;
    qt_world_refused(world, QT_BTCUSDT, request, -1106, words);
    qm_paper_world_close(world);
}

static void
a_halted_market_stands_still(void **state)
{
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    const QmPaperOrder *order = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "92", "1"));
    QmPaperRules rules = *qm_paper_symbol(world, QT_BTCUSDT).rules;

    (void) state;
    qt_paper_steps(world, 1);
    rules.halted = true;
    qm_paper_world_set_rules(world, QT_BTCUSDT, &rules);
    qt_paper_steps(world, 1); /* 90 */
    assert_int_equal(order->status, QM_PAPER_NEW);
    assert_int_equal(qm_paper_world_price(world, QT_BTCUSDT), qt_paper_number("100"));
    rules.halted = false;
    qm_paper_world_set_rules(world, QT_BTCUSDT, &rules);
    qt_paper_steps(world, 1);
    assert_int_equal(qm_paper_world_price(world, QT_BTCUSDT), qt_paper_number("110"));
    qm_paper_world_close(world);
}

static void
symbols_share_what_an_account_has(void **state)
{
    static const char funds[] = "Account has insufficient balance for requested action.";
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    const QmPaperOrder *order;

    (void) state;
    order = qt_paper_placed(world, QT_ETHUSDT, qt_paper_limit(0, QM_PAPER_SELL, "20", "999"));
    qt_world_refused(world, QT_ETHBTC, qt_paper_limit(0, QM_PAPER_SELL, "0.2", "2"), -2010, funds);
    assert_int_equal(qm_paper_world_cancel(world, 0, QT_ETHUSDT, order->id, NULL).code, 0);
    qt_paper_placed(world, QT_ETHBTC, qt_paper_limit(0, QM_PAPER_SELL, "0.2", "2"));
    qt_paper_placed(world, QT_ETHBTC, qt_paper_limit(1, QM_PAPER_BUY, "0.2", "2"));
    assert_int_equal(free_of(world, 0, "BTC"), qt_paper_number("1000.3996"));
    assert_true(qm_paper_world_adjust(world, 0, qm_paper_asset_by_name(world, "BTC"), qt_paper_number("1")));
    assert_false(qm_paper_world_adjust(world, 0, qm_paper_asset_by_name(world, "BTC"), -qt_paper_number("5000")));
    assert_int_equal(free_of(world, 0, "BTC"), qt_paper_number("1001.3996"));
    qm_paper_world_close(world);
}

/* Nor when an open one came about by the watcher's clock. */
static void
old_orders_are_forgotten_but_not_that_there_were_some(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;
    QmPaperRequest request = qt_paper_limit(0, QM_PAPER_BUY, "1", "1");
    QmPaperOwnTrade trades[10];
    const QmPaperOrder *order, *open, *orders[10];
    Heard heard;
    char id[32];

    (void) state;
    qt_paper_init(&setup);
    setup.options.keep = 3;
    world = qt_paper_open(&setup);
    request.client_id = "stays";
    assert_int_equal(qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(1, QM_PAPER_BUY, "1", "1"))->wire_created_ms, 0);
    watch(world, &heard);
    open = qt_paper_placed(world, QT_BTCUSDT, request);
    for (int i = 0; i < 100; i++)
    {
        snprintf(id, sizeof(id), "id-%d", i);
        request.client_id = id;
        request.price = i % 2 == 0 ? qt_paper_number("1") : qt_paper_number("1000");
        order = qt_paper_placed(world, QT_BTCUSDT, request);
        if (i % 2 == 0)
            assert_int_equal(qm_paper_world_cancel(world, 0, QT_BTCUSDT, order->id, NULL).code, 0);
    }
    assert_int_equal(qm_paper_world_by_client_id(world, 0, QT_BTCUSDT, "stays", &order).code, 0);
    assert_ptr_equal(order, open);
    assert_int_equal(qm_paper_world_by_client_id(world, 0, QT_BTCUSDT, "id-99", &order).code, 0);
    assert_int_equal(qm_paper_world_by_client_id(world, 0, QT_BTCUSDT, "id-10", &order).code, -2026);
    assert_int_equal(qm_paper_world_by_client_id(world, 0, QT_BTCUSDT, "id-100", &order).code, -2013);
    assert_int_equal(qm_paper_world_by_client_id(world, 1, QT_BTCUSDT, "id-10", &order).code, -2013);
    assert_int_equal(qm_paper_world_by_id(world, 0, QT_BTCUSDT, 12, &order).code, -2026);
    assert_int_equal(qm_paper_world_by_id(world, 0, QT_BTCUSDT, 103, &order).code, -2013);
    assert_int_equal(qm_paper_world_cancel(world, 0, QT_BTCUSDT, 12, NULL).code, -2011);
    assert_int_equal(qm_paper_world_all_orders(world, 0, QT_BTCUSDT, 0, orders, 10), 5); /* one has ended since */
    assert_int_equal(orders[0]->id, 2);
    assert_int_equal(orders[4]->id, 102);
    assert_int_equal(qm_paper_world_own_trades(world, 0, QT_BTCUSDT, 0, trades, 2), 2);
    assert_int_equal(trades[1].order_id, 102);
    assert_int_equal(trades[1].wire_ms, 201);
    assert_int_equal(orders[4]->wire_created_ms, 200); /* each order came about, and ended */
    assert_int_equal(open->wire_created_ms, 1);
    assert_int_equal(open->wire_updated_ms, 1);
    assert_int_equal(qm_paper_world_own_trades(world, 0, QT_BTCUSDT, 0, trades, 10), 3);
    assert_int_equal(qm_paper_world_own_trades(world, 0, QT_BTCUSDT, trades[1].trade.id, trades, 10), 2);
    assert_int_equal(qm_paper_world_open_orders(world, 0, -1, orders, 10), 1);
    qm_paper_world_close(world);
}

static void
the_watcher_hears_orders_balances_and_prices(void **state)
{
    QtWorld setup;
    QmPaperWorld *world = two_minutes_open(&setup);
    const QmPaperOrder *order;
    Heard heard;

    (void) state;
    watch(world, &heard);
    order = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "99", "1"));
    assert_int_equal(heard.orders, 1);
    assert_int_equal(heard.balances, 2);
    assert_int_equal(heard.best.bid, qt_paper_number("100")); /* of the rest, with a spread of 0 */
    assert_int_equal(qm_paper_world_cancel(world, 0, QT_BTCUSDT, order->id, "why").code, 0);
    assert_int_equal(heard.orders, 2);
    assert_string_equal(heard.cancel_id, "why");
    assert_int_equal(heard.order.event_id, 2);
    assert_int_equal(heard.order.order->status, QM_PAPER_CANCELED);
    order = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "99", "1"));
    assert_int_equal(qm_paper_world_expel(world, 0, QT_BTCUSDT, order->id).code, 0);
    assert_int_equal(heard.order.order->expiry, QM_PAPER_EXPIRED_EXCHANGE);
    assert_string_equal(heard.cancel_id, "");
    qt_paper_steps(world, 2);
    assert_int_equal(heard.best.ask, qt_paper_number("90"));
    qm_paper_world_close(world);
}

static void
nothing_moves_before_all_followers_have_asked(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;

    (void) state;
    qt_paper_init(&setup);
    setup.options.followers = 2;
    world = qt_paper_open(&setup);
    assert_int_equal(qm_paper_world_due(world), -1);
    assert_true(qm_paper_world_follow(world, "one"));
    assert_false(qm_paper_world_ready(world, "one", 0));
    assert_int_equal(qm_paper_world_due(world), -1);
    assert_true(qm_paper_world_follow(world, "two"));
    assert_false(qm_paper_world_advance(world));
    assert_false(qm_paper_world_ready(world, "two", 0));
    assert_int_equal(qm_paper_world_due(world), 0);
    assert_true(qm_paper_world_advance(world));
    assert_int_equal(qm_paper_world_step(world), 1);
    assert_true(qm_paper_world_ready(world, "two", 0)); /* asked again for what has been done */
    assert_false(qm_paper_world_ready(world, "one", 1));
    assert_int_equal(qm_paper_world_due(world), -1);
    qm_paper_world_leave(world, "two");
    assert_int_equal(qm_paper_world_due(world), 0);
    assert_true(qm_paper_world_advance(world));
    qm_paper_world_leave(world, "one");
    assert_int_equal(qm_paper_world_due(world), -1);
    qm_paper_world_close(world);
}

static void
virtual_time_goes_by_its_speed_and_never_past_a_step(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;
    int64_t start_ms;

    (void) state;
    qt_paper_init(&setup);
    setup.options.speed = 60;
    setup.real_ms = 12345;
    world = qt_paper_open(&setup);
    start_ms = qm_paper_world_now_ms(world);
    assert_int_equal(start_ms, QM_PAPER_START_MS);
    assert_int_equal(qm_paper_world_due(world), 0);
    assert_true(qm_paper_world_advance(world));
    assert_int_equal(qm_paper_world_due(world), 250);
    setup.real_ms += 100;
    assert_int_equal(qm_paper_world_due(world), 150);
    assert_false(qm_paper_world_advance(world));
    assert_int_equal(qm_paper_world_now_ms(world), start_ms + 6000);
    setup.real_ms += 5000; /* nobody has come in time */
    assert_int_equal(qm_paper_world_now_ms(world), start_ms + 15000);
    assert_int_equal(qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "1", "1"))->created_ms,
                     start_ms + 15000);
    for (int i = 0; i < 20; i++)
        assert_true(qm_paper_world_advance(world));
    assert_false(qm_paper_world_advance(world));
    assert_int_equal(qm_paper_world_now_ms(world), start_ms + 306000);
    qm_paper_world_close(world);
}

static void
history_is_seen_before_the_start(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;
    QmPaperCandle candles[40];

    (void) state;
    qt_paper_init(&setup);
    for (int i = 0; i < QT_SYMBOLS; i++)
        setup.symbols[i].source.history = 30;
    world = qt_paper_open(&setup);
    assert_int_equal(qm_paper_world_now_ms(world), QM_PAPER_START_MS);
    assert_int_equal(qm_paper_world_candles(world, QT_BTCUSDT, QM_PAPER_1M, 0, INT64_MAX, candles, 40), 30);
    assert_true(candles[29].is_closed);
    assert_int_equal(candles[29].open_ms, QM_PAPER_START_MS - 60000);
    assert_int_equal(candles[0].open, qt_paper_number("100"));
    assert_int_equal(qm_paper_world_candles(world, QT_BTCUSDT, QM_PAPER_15M, 0, INT64_MAX, candles, 40), 2);
    assert_true(candles[1].is_closed);
    assert_int_equal(qm_paper_world_price(world, QT_BTCUSDT), candles[1].close);
    qm_paper_world_close(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_minute_is_walked_through_its_four_prices),
        cmocka_unit_test(more_steps_go_straight_between_the_prices),
        cmocka_unit_test(the_market_fills_what_it_reaches_at_the_orders_price),
        cmocka_unit_test(a_bounded_step_fills_no_more_than_its_volume),
        cmocka_unit_test(who_takes_meets_accounts_and_the_rest_by_price),
        cmocka_unit_test(orders_at_market),
        cmocka_unit_test(an_amount_is_for_orders_at_market_alone),
        cmocka_unit_test(a_halted_market_stands_still),
        cmocka_unit_test(symbols_share_what_an_account_has),
        cmocka_unit_test(old_orders_are_forgotten_but_not_that_there_were_some),
        cmocka_unit_test(the_watcher_hears_orders_balances_and_prices),
        cmocka_unit_test(nothing_moves_before_all_followers_have_asked),
        cmocka_unit_test(virtual_time_goes_by_its_speed_and_never_past_a_step),
        cmocka_unit_test(history_is_seen_before_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, qt_paper_files_remove);
}
