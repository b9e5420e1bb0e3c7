/*
 * Worlds of the paper exchange for tests.
 */
#include "paper_worlds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* real_ms reads the test's clock. */
static int64_t
real_ms(void *context)
{
    return *(const int64_t *) context;
}

/* symbol_of makes a symbol with usual rules and a walk. */
static QmPaperSymbolOptions
symbol_of(const char *symbol, const char *base, const char *quote, const char *tick, const char *start)
{
    return (QmPaperSymbolOptions){.symbol = symbol,
                                  .base = base,
                                  .quote = quote,
                                  .rules = {.tick = qt_paper_number(tick),
                                            .step = qt_paper_number("0.001"),
                                            .quantity_min = qt_paper_number("0.001"),
                                            .quantity_max = qt_paper_number("9000"),
                                            .notional_min = qt_paper_number("0.0001"),
                                            .orders_max = 200,
                                            .fee_maker = qt_paper_number("0.001"),
                                            .fee_taker = qt_paper_number("0.002")},
                                  .source = {.start = qt_paper_number(start)}};
}

/* qt_paper_init makes options: everybody has 1000 BTC, 1000 ETH and 10000000 USDT. */
void
qt_paper_init(QtWorld *setup)
{
    static const char *const names[] = {"main", "second", "third", "fourth"};
    static const char *const keys[] = {"key0", "key1", "key2", "key3"};

    memset(setup, 0, sizeof(*setup));
    setup->deposits[0] = (QmPaperDeposit){"BTC", qt_paper_number("1000")};
    setup->deposits[1] = (QmPaperDeposit){"USDT", qt_paper_number("10000000")};
    setup->deposits[2] = (QmPaperDeposit){"ETH", qt_paper_number("1000")};
    for (int i = 0; i < QT_ACCOUNTS; i++)
        setup->accounts[i] = (QmPaperAccountOptions){names[i], keys[i], "secret", setup->deposits, 3};
    setup->symbols[QT_BTCUSDT] = symbol_of("BTCUSDT", "BTC", "USDT", "0.01", "100");
    setup->symbols[QT_ETHUSDT] = symbol_of("ETHUSDT", "ETH", "USDT", "0.01", "10");
    setup->symbols[QT_ETHBTC] = symbol_of("ETHBTC", "ETH", "BTC", "0.00001", "0.1");
    setup->options = (QmPaperWorldOptions){.seed = 7,
                                           .accounts = setup->accounts,
                                           .account_count = QT_ACCOUNTS,
                                           .symbols = setup->symbols,
                                           .symbol_count = QT_SYMBOLS,
                                           .real_ms = real_ms,
                                           .real_context = &setup->real_ms};
}

/* qt_paper_open opens what must open. */
QmPaperWorld *
qt_paper_open(QtWorld *setup)
{
    QmPaperWorld *world;
    QmError error;

    assert_ok(qm_paper_world_open(&setup->options, &world, &error), &error);
    return world;
}

/* qt_paper_number reads a decimal that is one. */
QmPaperDecimal
qt_paper_number(const char *text)
{
    QmPaperDecimal value = -1;

    assert_true(qm_paper_read(text, &value));
    return value;
}

/* qt_paper_limit makes a plain request. */
QmPaperRequest
qt_paper_limit(int account, QmPaperSide side, const char *price, const char *quantity)
{
    return (QmPaperRequest){.account = account,
                            .side = side,
                            .price = qt_paper_number(price),
                            .quantity = qt_paper_number(quantity)};
}

/* qt_paper_placed places what must be taken. */
const QmPaperOrder *
qt_paper_placed(QmPaperWorld *world, int symbol, QmPaperRequest request)
{
    const QmPaperOrder *order;
    QmPaperRefusal refusal = qm_paper_world_place(world, symbol, &request, &order);

    if (refusal.code != 0)
        qt_fail("refused: %d %s", refusal.code, refusal.message);
    return order;
}

/* qt_world_refused places what must be refused with these words. */
void
qt_world_refused(QmPaperWorld *world, int symbol, QmPaperRequest request, int code, const char *message)
{
    const QmPaperOrder *order;
    QmPaperRefusal refusal = qm_paper_world_check(world, symbol, &request);

    assert_int_equal(refusal.code, code);
    refusal = qm_paper_world_place(world, symbol, &request, &order);
    assert_int_equal(refusal.code, code);
    assert_string_equal(refusal.message, message);
    assert_null(order);
}

/* qt_paper_steps does steps as the only follower. */
void
qt_paper_steps(QmPaperWorld *world, int count)
{
    assert_true(qm_paper_world_follow(world, "test"));
    for (int i = 0; i < count; i++)
    {
        qm_paper_world_ready(world, "test", qm_paper_world_step(world));
        assert_int_equal(qm_paper_world_due(world), 0);
        assert_true(qm_paper_world_advance(world));
    }
}

/* qt_paper_audit returns the audit as text. */
char *
qt_paper_audit(QmPaperWorld *world)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(file);
    assert_true(qm_paper_audit_write(world, file));
    fclose(file);
    return text;
}

/*
 * qt_paper_money_is_all_there adds up, for each asset, what accounts have, what was
 * taken in fees and what the rest of the market has won: it is what was given. Nobody has less than nothing, and what
 * is locked is what open orders have locked. Given, beside the deposits, may be NULL.
 */
void
qt_paper_money_is_all_there(QmPaperWorld *world, const QtWorld *setup, const QmPaperDecimal *given)
{
    const QmPaperOrder *orders[QM_PAPER_LIMIT_MAX];
    QmPaperDecimal locked[QT_ACCOUNTS][3] = {{0}};

    for (int account = 0; account < QT_ACCOUNTS; account++)
        for (int symbol = 0; symbol < qm_paper_symbol_count(world); symbol++)
        {
            QmPaperSymbol shown = qm_paper_symbol(world, symbol);
            int count = qm_paper_world_open_orders(world, account, symbol, orders, QM_PAPER_LIMIT_MAX);

            for (int i = 0; i < count; i++)
                locked[account][orders[i]->side == QM_PAPER_BUY ? shown.quote : shown.base] += orders[i]->locked;
        }
    for (int i = 0; i < 3; i++)
    {
        int asset = qm_paper_asset_by_name(world, setup->deposits[i].asset);
        QmPaperTotals totals = qm_paper_world_totals(world, asset);
        QmPaperDecimal sum = totals.fees + totals.outside;

        for (int account = 0; account < QT_ACCOUNTS; account++)
        {
            const QmPaperBalance *balance = qm_paper_world_balance(world, account, asset);

            assert_true(balance->free >= 0);
            assert_int_equal(balance->locked, locked[account][asset]);
            sum += balance->free + balance->locked;
        }
        assert_int_equal(sum, QT_ACCOUNTS * setup->deposits[i].amount + (given == NULL ? 0 : given[i]));
    }
}

/* qt_paper_temporary returns a path that nothing is at. */
char *
qt_paper_temporary(const char *name)
{
    char *path;
    const char *folder = getenv("TMPDIR");

    assert_true(asprintf(&path, "%s/paper-%d-%s", folder == NULL ? "/tmp" : folder, (int) getpid(), name) > 0);
    unlink(path);
    return path;
}

static char paths[4][256]; /* of the texts that are files now */

/* qt_paper_file writes a text to one of four files in turn. */
const char *
qt_paper_file(const char *text)
{
    static int next;
    int place = next++ % 4;
    char name[32];
    char *made;
    FILE *file;

    snprintf(name, sizeof(name), "%d.csv", place);
    made = qt_paper_temporary(name);
    snprintf(paths[place], sizeof(paths[place]), "%s", made);
    free(made);
    file = fopen(paths[place], "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return paths[place];
}

/* qt_paper_files_remove removes them. */
int
qt_paper_files_remove(void **state)
{
    (void) state;
    for (int i = 0; i < 4; i++)
        unlink(paths[i]);
    return 0;
}
