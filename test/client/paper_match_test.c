/*
 * The paper exchange's market: who trades with whom, what is refused and how, and that no money comes or goes.
 */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "paper.h"

enum
{
    LOG_MAX = 1 << 22,
    BASE = 0, /* assets */
    QUOTE = 1
};

/* What the listener was told, as text: the audit that is compared. */
typedef struct Log
{
    char *text;
    size_t length;
} Log;

/* note appends one event with everything that a client could see of it. */
static void
note(void *context, QmPaperOrder *order, const QmPaperFill *fill)
{
    Log *log = context;
    size_t room = LOG_MAX - log->length;
    int written = snprintf(log->text + log->length,
                           room,
                           "%" PRId64 " %s %d %" PRId64 " %" PRId64 " %" PRId64,
                           order->id,
                           order->client_id,
                           (int) order->status,
                           order->filled,
                           order->quote,
                           order->locked);

    assert_true(written > 0 && (size_t) written < room);
    log->length += (size_t) written;
    room = LOG_MAX - log->length;
    written = fill == NULL ? snprintf(log->text + log->length, room, "\n")
                           : snprintf(log->text + log->length,
                                      room,
                                      " %" PRId64 " %" PRId64 " %" PRId64 " %d\n",
                                      fill->trade_id,
                                      fill->price,
                                      fill->commission,
                                      fill->is_maker);
    assert_true(written > 0 && (size_t) written < room);
    log->length += (size_t) written;
}

/* number reads a decimal that is one. */
static QmPaperDecimal
number(const char *text)
{
    QmPaperDecimal value = -1;

    assert_true(qm_paper_read(text, &value));
    return value;
}

/* market_open gives two accounts 1000000 of the quote asset and 1000 of the base asset each. */
static QmPaperMarket
market_open(void)
{
    QmPaperMarket market = {.rules = {.tick = number("0.01"),
                                      .price_max = number("1000000"),
                                      .price_min = number("0.05"),
                                      .step = number("0.001"),
                                      .quantity_min = number("0.002"),
                                      .quantity_max = number("9000"),
                                      .notional_min = number("5"),
                                      .orders_max = 200,
                                      .fee_maker = number("0.001"),
                                      .fee_taker = number("0.002")},
                            .funds = calloc(1, sizeof(QmPaperFunds)),
                            .base = BASE,
                            .quote = QUOTE,
                            .keep = 1000000,
                            .archive = 1000000,
                            .listener = note};
    Log *log = calloc(1, sizeof(*log));

    assert_non_null(market.funds);
    assert_non_null(log);
    log->text = malloc(LOG_MAX);
    assert_non_null(log->text);
    log->text[0] = '\0';
    market.context = log;
    for (int i = 0; i < 2; i++)
    {
        market.funds->balances[i][BASE].free = number("1000");
        market.funds->balances[i][QUOTE].free = number("1000000");
    }
    return market;
}

/* market_end frees all of it. */
static void
market_end(QmPaperMarket *market)
{
    Log *log = market->context;

    free(log->text);
    free(log);
    free(market->funds);
    qm_paper_market_close(market);
}

/* order makes a plain request: good till canceled, of account 0 unless changed. */
static QmPaperRequest
order(int account, QmPaperSide side, const char *price, const char *quantity)
{
    return (QmPaperRequest){.account = account, .side = side, .price = number(price), .quantity = number(quantity)};
}

/* placed places what must be taken. */
static const QmPaperOrder *
placed(QmPaperMarket *market, QmPaperRequest request)
{
    const QmPaperOrder *made;
    QmPaperRefusal refusal = qm_paper_place(market, &request, false, 1000, &made);

    if (refusal.code != 0)
        qt_fail("refused: %d %s", refusal.code, refusal.message);
    return made;
}

/* refused places what must be refused with these words, and leaves no order and no event. */
static void
refused(QmPaperMarket *market, QmPaperRequest request, int code, const char *message)
{
    const Log *log = market->context;
    size_t length = log->length;
    int count = market->order_count;
    const QmPaperOrder *made;
    QmPaperRefusal refusal = qm_paper_place(market, &request, false, 1000, &made);

    assert_int_equal(refusal.code, code);
    assert_string_equal(refusal.message, message);
    assert_null(made);
    assert_int_equal(market->order_count, count);
    assert_int_equal(log->length, length);
}

static void
decimals_are_exact(void **state)
{
    static const char *const wrong[] =
        {"", ".", "1e3", "-1", "+1", " 1", "1.123456789", "1..2", "92233720368.54775808"};
    char text[QM_PAPER_DECIMAL_SIZE];
    QmPaperDecimal value;

    (void) state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(qm_paper_read(wrong[i], &value));
    qm_paper_print(number("90123.4"), text);
    assert_string_equal(text, "90123.40000000");
    assert_int_equal(number("92233720368.54775807"), INT64_MAX);
    assert_true(qm_paper_product(number("0.00000003"), number("0.5"), &value));
    assert_int_equal(value, 1);
    assert_false(qm_paper_product(number("90000000000"), number("2"), &value));
}

static void
best_price_first_then_the_oldest(void **state)
{
    QmPaperMarket market = market_open();
    const QmPaperOrder *late, *early, *better, *taker;

    (void) state;
    early = placed(&market, order(0, QM_PAPER_SELL, "101", "1"));
    late = placed(&market, order(0, QM_PAPER_SELL, "101", "1"));
    better = placed(&market, order(0, QM_PAPER_SELL, "100", "1"));
    taker = placed(&market, order(1, QM_PAPER_BUY, "102", "1.5"));
    assert_int_equal(better->status, QM_PAPER_FILLED);
    assert_int_equal(early->status, QM_PAPER_PARTIALLY_FILLED);
    assert_int_equal(early->filled, number("0.5"));
    assert_int_equal(late->status, QM_PAPER_NEW);
    assert_int_equal(taker->status, QM_PAPER_FILLED);
    assert_int_equal(taker->quote, number("150.5"));
    assert_int_equal(market.funds->balances[1][QUOTE].free, number("999849.5"));
    assert_int_equal(market.funds->balances[1][QUOTE].locked, 0);
    assert_int_equal(market.funds->balances[1][BASE].free, number("1001.497"));
    assert_int_equal(market.funds->balances[0][QUOTE].free, number("1000150.3495"));
    assert_int_equal(market.funds->balances[0][BASE].locked, number("1.5"));
    market_end(&market);
}

static void
what_is_left_rests_or_expires(void **state)
{
    QmPaperMarket market = market_open();
    QmPaperRequest request = order(1, QM_PAPER_BUY, "100", "2");
    const QmPaperOrder *made;

    (void) state;
    placed(&market, order(0, QM_PAPER_SELL, "100", "1"));
    request.force = QM_PAPER_FOK;
    made = placed(&market, request);
    assert_int_equal(made->status, QM_PAPER_EXPIRED);
    assert_int_equal(made->filled, 0);
    request.force = QM_PAPER_IOC;
    made = placed(&market, request);
    assert_int_equal(made->status, QM_PAPER_EXPIRED);
    assert_int_equal(made->filled, number("1"));
    assert_int_equal(market.funds->balances[1][QUOTE].locked, 0);
    request.force = QM_PAPER_GTC;
    made = placed(&market, request);
    assert_int_equal(made->status, QM_PAPER_NEW);
    assert_int_equal(market.funds->balances[1][QUOTE].locked, number("200"));
    request = order(0, QM_PAPER_SELL, "100", "1");
    request.type = QM_PAPER_LIMIT_MAKER;
    refused(&market, request, -2010, "Order would immediately match and take.");
    assert_int_equal(qm_paper_cancel(&market, 0, made->id, 1001).code, -2011);
    assert_int_equal(qm_paper_cancel(&market, 1, made->id, 1001).code, 0);
    assert_int_equal(market.funds->balances[1][QUOTE].locked, 0);
    assert_string_equal(qm_paper_cancel(&market, 1, made->id, 1001).message, "Unknown order sent.");
    market_end(&market);
}

static void
nobody_trades_with_himself(void **state)
{
    static const struct
    {
        QmPaperStp mode;
        QmPaperStatus maker, taker;
    } cases[] = {{QM_PAPER_EXPIRE_MAKER, QM_PAPER_EXPIRED_IN_MATCH, QM_PAPER_NEW},
                 {QM_PAPER_EXPIRE_TAKER, QM_PAPER_NEW, QM_PAPER_EXPIRED_IN_MATCH},
                 {QM_PAPER_EXPIRE_BOTH, QM_PAPER_EXPIRED_IN_MATCH, QM_PAPER_EXPIRED_IN_MATCH},
                 {QM_PAPER_STP_NONE, QM_PAPER_FILLED, QM_PAPER_FILLED}};

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        QmPaperMarket market = market_open();
        QmPaperRequest request = order(0, QM_PAPER_BUY, "100", "1");
        const QmPaperOrder *maker = placed(&market, order(0, QM_PAPER_SELL, "100", "1"));
        const QmPaperOrder *taker;

        request.stp = cases[i].mode;
        taker = placed(&market, request);
        assert_int_equal(maker->status, cases[i].maker);
        assert_int_equal(taker->status, cases[i].taker);
        market_end(&market);
    }
}

static void
all_or_nothing_does_not_count_on_its_own_orders(void **state)
{
    QmPaperMarket market = market_open();
    QmPaperRequest request = order(1, QM_PAPER_BUY, "102", "2");
    const QmPaperOrder *made;

    (void) state;
    placed(&market, order(0, QM_PAPER_SELL, "100", "1"));
    placed(&market, order(1, QM_PAPER_SELL, "101", "1"));
    placed(&market, order(0, QM_PAPER_SELL, "102", "1"));
    request.force = QM_PAPER_FOK;
    request.stp = QM_PAPER_EXPIRE_TAKER;
    made = placed(&market, request);
    assert_int_equal(made->status, QM_PAPER_EXPIRED);
    assert_int_equal(made->filled, 0);
    request.stp = QM_PAPER_EXPIRE_MAKER;
    assert_int_equal(placed(&market, request)->status, QM_PAPER_FILLED);
    market_end(&market);
}

static void
ids_are_unique_while_open(void **state)
{
    QmPaperMarket market = market_open();
    QmPaperRequest request = order(0, QM_PAPER_BUY, "100", "1");
    const QmPaperOrder *first, *second, *found;

    (void) state;
    request.client_id = "qm:a.b/C_1-2";
    first = placed(&market, request);
    refused(&market, request, -2010, "Duplicate order sent.");
    request.account = 1;
    placed(&market, request);
    request.account = 0;
    assert_int_equal(qm_paper_cancel(&market, 0, first->id, 1001).code, 0);
    second = placed(&market, request);
    assert_int_equal(qm_paper_by_client_id(&market, 0, request.client_id, &found).code, 0);
    assert_ptr_equal(found, second);
    request.client_id = "";
    refused(&market, request, -1118, "New client order ID was empty.");
    request.client_id = "1234567890123456789012345678901234567";
    refused(&market,
            request,
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.");
    request.client_id = "a b";
    refused(&market,
            request,
            -1100,
            "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[\\.A-Z\\:/a-z0-9_-]{1,36}$'.");
    request.client_id = "123456789012345678901234567890123456";
    placed(&market, request);
    market_end(&market);
}

static void
filters_refuse_one_by_one(void **state)
{
    static const char funds[] = "Account has insufficient balance for requested action.";
    QmPaperMarket market = market_open();

    (void) state;
    refused(&market, order(0, QM_PAPER_BUY, "100.001", "1"), -1013, "Filter failure: PRICE_FILTER");
    refused(&market, order(0, QM_PAPER_BUY, "0", "1"), -1013, "Filter failure: PRICE_FILTER");
    refused(&market, order(0, QM_PAPER_BUY, "0.04", "1000"), -1013, "Filter failure: PRICE_FILTER");
    refused(&market, order(0, QM_PAPER_BUY, "1000000.01", "1"), -1013, "Filter failure: PRICE_FILTER");
    refused(&market, order(0, QM_PAPER_BUY, "100", "0.0005"), -1013, "Filter failure: LOT_SIZE");
    refused(&market, order(0, QM_PAPER_BUY, "100", "1.0005"), -1013, "Filter failure: LOT_SIZE");
    refused(&market, order(0, QM_PAPER_BUY, "10000", "0.001"), -1013, "Filter failure: LOT_SIZE");
    refused(&market, order(0, QM_PAPER_BUY, "100", "9001"), -1013, "Filter failure: LOT_SIZE");
    refused(&market, order(0, QM_PAPER_BUY, "4.99", "1"), -1013, "Filter failure: NOTIONAL");
    refused(&market, order(0, QM_PAPER_BUY, "1000", "1000.001"), -2010, funds);
    refused(&market, order(0, QM_PAPER_SELL, "1000", "1000.001"), -2010, funds);
    market.rules.orders_max = 1;
    placed(&market, order(0, QM_PAPER_BUY, "1000", "1"));
    refused(&market, order(0, QM_PAPER_BUY, "1000", "1"), -1013, "Filter failure: MAX_NUM_ORDERS");
    assert_int_equal(qm_paper_cancel(&market, 0, 1, 1001).code, 0);
    placed(&market, order(0, QM_PAPER_BUY, "1000", "1"));
    placed(&market, order(1, QM_PAPER_BUY, "1000", "1"));
    market.rules.orders_max = 2;
    market.rules.halted = true;
    refused(&market, order(0, QM_PAPER_BUY, "1000", "1"), -2010, "Market is closed.");
    market_end(&market);
}

/*
 * random_day does what the seed says, and compares the money with what there was
 * after each step. Quantities have all places, so that products are rounded.
 */
static void
random_day(QmPaperMarket *market, unsigned int seed)
{
    market->rules.step = 0;
    for (int step = 0; step < 5000; step++)
    {
        QmPaperRequest request = {.account = rand_r(&seed) % 2, .side = rand_r(&seed) % 2};
        QmPaperDecimal base, quote, locked[2][2] = {{0}};
        const QmPaperOrder *made;

        request.force = rand_r(&seed) % 3;
        request.stp = rand_r(&seed) % 4;
        request.price = number("0.01") * (9900 + rand_r(&seed) % 200);
        request.quantity = number("0.05") + rand_r(&seed) % number("5");
        if (rand_r(&seed) % 4 == 0)
            (void) qm_paper_cancel(market, request.account, 1 + rand_r(&seed) % (market->order_count + 1), step);
        else
            (void) qm_paper_place(market, &request, false, step, &made);
        base = market->funds->fees[BASE];
        quote = market->funds->fees[QUOTE];
        for (int i = 0; i < market->entry_count; i++)
        {
            assert_true(qm_paper_is_open(market->entries[i].order) || market->entries[i].order->locked == 0);
            locked[market->entries[i].order->account][market->entries[i].order->side] +=
                market->entries[i].order->locked;
        }
        for (int i = 0; i < 2; i++)
        {
            const QmPaperBalance *account = market->funds->balances[i];

            assert_true(account[BASE].free >= 0 && account[QUOTE].free >= 0);
            assert_int_equal(account[QUOTE].locked, locked[i][QM_PAPER_BUY]);
            assert_int_equal(account[BASE].locked, locked[i][QM_PAPER_SELL]);
            base += account[BASE].free + account[BASE].locked;
            quote += account[QUOTE].free + account[QUOTE].locked;
        }
        assert_int_equal(base, number("2000"));
        assert_int_equal(quote, number("2000000"));
    }
    assert_true(market->trade_count > 100);
}

static void
no_money_comes_or_goes_and_days_repeat(void **state)
{
    unsigned int seed = (unsigned int) time(NULL);
    QmPaperMarket first = market_open();
    QmPaperMarket second = market_open();

    (void) state;
    print_message("seed %u\n", seed);
    random_day(&first, seed);
    random_day(&second, seed);
    print_message("%d orders, %" PRId64 " trades\n", first.order_count, first.trade_count);
    assert_string_equal(((Log *) first.context)->text, ((Log *) second.context)->text);
    market_end(&first);
    market_end(&second);
}

/* Of what has ended only so much is known, however many there were; what is open is known for ever. */
static void
what_is_known_of_the_past_has_an_end(void **state)
{
    QmPaperMarket market = market_open();
    QmPaperRequest request = order(0, QM_PAPER_BUY, "100", "1");
    const QmPaperOrder *stays, *found;
    char id[32];

    (void) state;
    market.keep = 3;
    market.archive = 500;
    request.client_id = "stays";
    stays = placed(&market, request);
    for (int i = 0; i < 20000; i++)
    {
        snprintf(id, sizeof(id), "id-%d", i);
        request.client_id = id;
        assert_int_equal(qm_paper_cancel(&market, 0, placed(&market, request)->id, 1000).code, 0);
        ((Log *) market.context)->length = 0;
    }
    assert_in_range(market.entry_space, 500, 2048);
    assert_int_equal(qm_paper_by_client_id(&market, 0, "stays", &found).code, 0);
    assert_ptr_equal(found, stays);
    assert_int_equal(qm_paper_by_id(&market, 0, 1, &found).code, 0);
    assert_int_equal(qm_paper_by_client_id(&market, 0, "id-19999", &found).code, 0);
    assert_int_equal(qm_paper_by_client_id(&market, 0, "id-19600", &found).code, -2026);
    assert_int_equal(qm_paper_by_client_id(&market, 0, "id-10", &found).code, -2013);
    assert_int_equal(qm_paper_by_id(&market, 0, 12, &found).code, -2026);
    assert_int_equal(qm_paper_by_id(&market, 0, 20001, &found).code, 0);
    assert_int_equal(qm_paper_by_id(&market, 0, 20002, &found).code, -2013);
    assert_int_equal(qm_paper_cancel(&market, 0, 1, 1000).code, 0);
    market_end(&market);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(best_price_first_then_the_oldest),
        cmocka_unit_test(what_is_left_rests_or_expires),
        cmocka_unit_test(nobody_trades_with_himself),
        cmocka_unit_test(all_or_nothing_does_not_count_on_its_own_orders),
        cmocka_unit_test(ids_are_unique_while_open),
        cmocka_unit_test(filters_refuse_one_by_one),
        cmocka_unit_test(no_money_comes_or_goes_and_days_repeat),
        cmocka_unit_test(what_is_known_of_the_past_has_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
