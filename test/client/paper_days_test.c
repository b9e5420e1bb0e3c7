/*
 * Whole days of the paper exchange's world: no money comes or goes, the same day twice leaves the same audit, and a world
 * that was ended in the middle goes on from its journal as if it had not been.
 */
#include "paper_worlds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
    CALLS = 100000,
    CHECK_EVERY = 97
};

/* A day that goes by its seed, and what was given on it beside the deposits. */
typedef struct Day
{
    QtWorld setup;
    QmPaperWorld *world;
    unsigned int seed;
    QmPaperDecimal given[3]; /* in the order of the deposits */
    int refused;
    int calls;
} Day;

/* day_open begins a day in a new world. */
static void
day_open(Day *day, unsigned int seed, const char *journal)
{
    memset(day, 0, sizeof(*day));
    qt_paper_init(&day->setup);
    for (int i = 0; i < QT_SYMBOLS; i++)
    {
        day->setup.symbols[i].rules.step = i == QT_ETHBTC ? 0 : day->setup.symbols[i].rules.step;
        day->setup.symbols[i].spread = i == QT_BTCUSDT ? qt_paper_number("0.1") : 0;
        day->setup.symbols[i].is_bounded = i == QT_ETHUSDT;
    }
    day->setup.options.seed = seed;
    day->setup.options.keep = 500;
    day->setup.options.journal = journal;
    day->seed = seed;
    day->world = qt_paper_open(&day->setup);
}

/* day_reopen ends the world and brings it back. */
static void
day_reopen(Day *day)
{
    QmError error;

    assert_ok(qm_paper_world_sync(day->world, &error), &error);
    qm_paper_world_close(day->world);
    day->world = qt_paper_open(&day->setup);
}

/* random_order places an order of any kind near the price; some are nonsense. */
static void
random_order(Day *day, int symbol)
{
    static const char *const ids[] = {NULL, "a", "b", "c", "", "not legal", "d"};
    QmPaperDecimal tick = day->setup.symbols[symbol].rules.tick;
    QmPaperDecimal price = qm_paper_world_price(day->world, symbol);
    QmPaperRequest request = {.account = rand_r(&day->seed) % QT_ACCOUNTS, .side = rand_r(&day->seed) % 2};
    const QmPaperOrder *order;
    QmPaperRefusal refusal;

    request.type = rand_r(&day->seed) % 3;
    request.force = rand_r(&day->seed) % 3;
    request.stp = rand_r(&day->seed) % 4;
    request.client_id = ids[rand_r(&day->seed) % 7];
    request.price = price - price % tick + tick * (rand_r(&day->seed) % 61 - 30);
    request.quantity = (1 + rand_r(&day->seed) % 5000) * qt_paper_number("0.001");
    if (symbol == QT_ETHBTC)
        request.quantity += rand_r(&day->seed) % 100000; /* so that products are rounded */
    if (request.type == QM_PAPER_MARKET && rand_r(&day->seed) % 2 == 0)
    {
        request.amount = request.quantity;
        request.quantity = 0;
    }
    refusal = rand_r(&day->seed) % 50 == 0 ? qm_paper_world_external(day->world, symbol, &request, &order)
                                           : qm_paper_world_place(day->world, symbol, &request, &order);
    day->refused += refusal.code != 0;
}

/* random_admin does what operators and faults do. */
static void
random_admin(Day *day, int symbol)
{
    int account = rand_r(&day->seed) % QT_ACCOUNTS, which = rand_r(&day->seed) % 3;
    QmPaperDecimal amount = rand_r(&day->seed) % 2000001 - 1000000;
    QmPaperFault fault = {.kind = rand_r(&day->seed) % QM_PAPER_FAULT_KINDS,
                          .account = -1,
                          .symbol = symbol,
                          .asset = -1,
                          .probability_ppm = 300000,
                          .count = 1 + rand_r(&day->seed) % 3};
    QmPaperRules rules = *qm_paper_symbol(day->world, symbol).rules;
    QmError error;
    int id;

    switch (rand_r(&day->seed) % 4)
    {
        case 0:
            if (qm_paper_world_adjust(day->world,
                                      account,
                                      qm_paper_asset_by_name(day->world, day->setup.deposits[which].asset),
                                      amount))
                day->given[which] += amount;
            break;
        case 1:
            rules.fee_taker = qt_paper_number("0.0001") * (rand_r(&day->seed) % 20);
            qm_paper_world_set_rules(day->world, symbol, &rules);
            break;
        case 2:
            fault.until_ms = qm_paper_world_now_ms(day->world) + 30000;
            fault.value = fault.kind == QM_PAPER_CANCEL_ORDERS ? 2 : 100;
            if (qm_paper_fault_add(day->world, &fault, &id, &error) != QM_OK)
                assert_int_equal(error.code, QM_ERROR_ARGUMENT); /* kinds that need more than this */
            break;
        default:
            qm_paper_fault_clear(day->world);
            break;
    }
}

/* day_call does one of the day's calls. */
static void
day_call(Day *day)
{
    int symbol = rand_r(&day->seed) % QT_SYMBOLS;
    int kind = rand_r(&day->seed) % 100;
    const QmPaperOrder *orders[8];
    int account, count;

    if (kind < 55)
        random_order(day, symbol);
    else if (kind < 80)
    {
        account = rand_r(&day->seed) % QT_ACCOUNTS;
        count = qm_paper_world_open_orders(day->world, account, symbol, orders, 8);
        (void) qm_paper_world_cancel(day->world,
                                     account,
                                     symbol,
                                     count == 0 ? 1 : orders[rand_r(&day->seed) % count]->id,
                                     kind < 65 ? "cancel-1" : NULL);
    }
    else if (kind < 88)
        qt_paper_steps(day->world, 1);
    else if (kind < 91)
        random_admin(day, symbol);
    else if (kind < 96)
        (void) qm_paper_fault_request(day->world, QM_PAPER_PLACE, 1, symbol);
    else
        (void) qm_paper_fault_event(day->world, 1, symbol);
    if (++day->calls % CHECK_EVERY == 0)
        qt_paper_money_is_all_there(day->world, &day->setup, day->given);
}

/* day_calls is the length of a day, which is short where everything is slow. */
static int
day_calls(void)
{
    const char *text = getenv("QM_FAULTS");

    return text != NULL && strcmp(text, "short") == 0 ? CALLS / 20 : CALLS;
}

/* day_run does a number of calls. */
static void
day_run(Day *day, int calls)
{
    for (int i = 0; i < calls; i++)
        day_call(day);
}

/* day_seed is another one each time, and printed. */
static unsigned int
day_seed(void)
{
    const char *text = getenv("QM_TEST_SEED");
    unsigned int seed = text == NULL ? (unsigned int) time(NULL) : (unsigned int) atoi(text);

    print_message("seed %u\n", seed);
    return seed;
}

/* count_of counts the audit's lines of an event. A search from each hit on would be slow: sanitizers measure the rest each time. */
static int
count_of(const char *audit, const char *event)
{
    char start[64];
    size_t length = (size_t) snprintf(start, sizeof(start), "{\"event\":\"%s\"", event);
    int count = 0;

    for (const char *at = audit; *at != '\0'; at++)
        count += *at == '{' && (at == audit || at[-1] == '\n') && strncmp(at, start, length) == 0;
    return count;
}

static void
no_money_comes_or_goes(void **state)
{
    Day day;
    char *audit;
    int trades;

    (void) state;
    day_open(&day, day_seed(), NULL);
    day_run(&day, day_calls());
    audit = qt_paper_audit(day.world);
    trades = count_of(audit, "trade");
    print_message("%d calls, %d refused, %d orders, %d sides of trades, %" PRId64 " steps, %zu bytes of audit\n",
                  day_calls(),
                  day.refused,
                  count_of(audit, "order"),
                  trades,
                  qm_paper_world_step(day.world),
                  strlen(audit));
    assert_true(trades > day_calls() / 20);
    /* Each order has been accepted once, and has ended once or is open. */
    assert_int_equal(count_of(audit, "order"), count_of(audit, "end") + count_of(audit, "open"));
    free(audit);
    qm_paper_world_close(day.world);
}

static void
the_same_day_has_the_same_audit(void **state)
{
    Day first, second, other;
    char *audits[3];
    unsigned int seed = day_seed();

    (void) state;
    day_open(&first, seed, NULL);
    day_open(&second, seed, NULL);
    day_open(&other, seed + 1, NULL);
    day_run(&first, day_calls() / 10);
    day_run(&second, day_calls() / 10);
    day_run(&other, day_calls() / 10);
    audits[0] = qt_paper_audit(first.world);
    audits[1] = qt_paper_audit(second.world);
    audits[2] = qt_paper_audit(other.world);
    assert_true(strcmp(audits[0], audits[1]) == 0);
    assert_true(strcmp(audits[0], audits[2]) != 0);
    for (int i = 0; i < 3; i++)
        free(audits[i]);
    qm_paper_world_close(first.world);
    qm_paper_world_close(second.world);
    qm_paper_world_close(other.world);
}

static void
a_day_with_restarts_has_the_audit_of_one_without(void **state)
{
    Day first, second;
    char *journal = qt_paper_temporary("journal");
    char *audits[2];
    unsigned int seed = day_seed();

    (void) state;
    day_open(&first, seed, NULL);
    day_open(&second, seed, journal);
    for (int i = 0; i < 5; i++)
    {
        day_run(&first, CALLS / 50);
        day_run(&second, CALLS / 50);
        day_reopen(&second);
        qt_paper_money_is_all_there(second.world, &second.setup, second.given);
    }
    audits[0] = qt_paper_audit(first.world);
    audits[1] = qt_paper_audit(second.world);
    assert_true(strcmp(audits[0], audits[1]) == 0);
    free(audits[0]);
    free(audits[1]);
    qm_paper_world_close(first.world);
    qm_paper_world_close(second.world);
    unlink(journal);
    free(journal);
}

static void
a_world_that_was_killed_has_all_that_was_synced(void **state)
{
    Day day;
    char *journal = qt_paper_temporary("killed");
    char *path = qt_paper_temporary("audit");
    char *audit, *rest;
    unsigned int seed = day_seed();
    pid_t child = fork();
    int status;
    FILE *file;

    (void) state;
    assert_true(child >= 0);
    if (child == 0)
    {
        QmError error;

        day_open(&day, seed, journal);
        day_run(&day, 1000);
        file = fopen(path, "w");
        if (qm_paper_world_sync(day.world, &error) != QM_OK || !qm_paper_audit_write(day.world, file))
            _exit(1);
        fflush(file);
        day_run(&day, 3); /* nobody was told of these */
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    memset(&day, 0, sizeof(day));
    day_open(&day, seed, journal);
    audit = qt_paper_audit(day.world);
    file = fopen(path, "r");
    assert_non_null(file);
    rest = calloc(1, strlen(audit) + 2);
    assert_int_equal(fread(rest, 1, strlen(audit) + 1, file), strlen(audit));
    assert_string_equal(rest, audit);
    fclose(file);
    free(rest);
    free(audit);
    qm_paper_world_close(day.world);
    unlink(journal);
    unlink(path);
    free(journal);
    free(path);
}

/* journal_fails says that a world does not open, and why. */
static void
journal_fails(QtWorld *setup, const char *why)
{
    QmPaperWorld *world;
    QmError error;

    assert_code(qm_paper_world_open(&setup->options, &world, &error), QM_ERROR_ARGUMENT, &error);
    assert_null(world);
    if (strstr(error.message, why) == NULL)
        qt_fail("not \"%s\" but \"%s\"", why, error.message);
}

/* bytes_change writes over a byte of a file, from its end. */
static void
bytes_change(const char *path, long back, char byte)
{
    FILE *file = fopen(path, "r+");

    assert_non_null(file);
    assert_int_equal(fseek(file, -back, SEEK_END), 0);
    assert_int_equal(fputc(byte, file), byte);
    assert_int_equal(fclose(file), 0);
}

static void
a_torn_line_is_dropped_and_a_damaged_one_is_not(void **state)
{
    char *journal = qt_paper_temporary("torn");
    const QmPaperOrder *order;
    QmPaperWorld *world;
    struct stat before;
    QtWorld setup;
    FILE *file;

    (void) state;
    qt_paper_init(&setup);
    setup.options.journal = journal;
    world = qt_paper_open(&setup);
    qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "1", "1"));
    qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "2", "1"));
    journal_fails(&setup, "another exchange has it");
    qm_paper_world_close(world);
    file = fopen(journal, "a");
    assert_true(fputs("P 17672256000", file) >= 0);
    fclose(file);
    world = qt_paper_open(&setup);
    assert_int_equal(qm_paper_world_by_id(world, 0, QT_BTCUSDT, 2, &order).code, 0);
    assert_int_equal(order->price, qt_paper_number("2"));
    qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "3", "1"));
    qm_paper_world_close(world);
    world = qt_paper_open(&setup);
    assert_int_equal(qm_paper_world_by_id(world, 0, QT_BTCUSDT, 3, &order).code, 0);
    qm_paper_world_close(world);
    bytes_change(journal, 10, '0'); /* in the mark of the last line */
    world = qt_paper_open(&setup);
    assert_int_equal(qm_paper_world_by_id(world, 0, QT_BTCUSDT, 3, &order).code, -2013);
    qm_paper_world_close(world);
    setup.options.seed++;
    journal_fails(&setup, "line 1: written with other options");
    setup.options.seed--;
    setup.symbols[QT_BTCUSDT].rules.fee_maker++;
    journal_fails(&setup, "line 1: written with other options");
    setup.symbols[QT_BTCUSDT].rules.fee_maker--;
    assert_int_equal(stat(journal, &before), 0);
    bytes_change(journal, before.st_size - 50, 'x'); /* line 2 of 3 */
    journal_fails(&setup, "line 2: damaged in the middle");
    setup.options.journal = qt_paper_file("somebody's notes");
    journal_fails(&setup, "line 1: not a journal");
    unlink(journal);
    free(journal);
}

/* csv_fails says that a file is no data, and why. */
static void
csv_fails(const char *text, const char *why)
{
    QtWorld setup;
    char wanted[512];

    qt_paper_init(&setup);
    setup.symbols[QT_BTCUSDT].source = (QmPaperSource){.path = qt_paper_file(text)};
    snprintf(wanted, sizeof(wanted), "%s:%s", setup.symbols[QT_BTCUSDT].source.path, why);
    journal_fails(&setup, wanted);
}

static void
wrong_lines_of_data_are_errors_with_their_place(void **state)
{
    static const char head[] = "timestamp,open,high,low,close,volume,symbol\n";
    static const char good[] = "1767225600000,100,110,90,105,8,X\n";
    static const struct
    {
        const char *line, *why;
    } cases[] = {{"1767225660000,100,110,90,105,8\n", "3: not 12 columns, and not the 7"},
                 {"1767225660000,100,110,90,105,8,X,1,2,3,4,5,6\n", "3: not 12 columns, and not the 7"},
                 {"1767225660000,100,110,90,105,8,1767225719999,800,9,4,400,0\n", "3: another number of columns"},
                 {"1767225660000,100,110,90,105,8,Y\n", "3: another symbol"},
                 {"1767225600000,100,110,90,105,8,X\n", "3: not later"},
                 {"1767225660001,100,110,90,105,8,X\n", "3: a time that is not a whole minute"},
                 {"1767225660000001,100,110,90,105,8,X\n", "3: a time that is not a whole minute"},
                 {"yesterday,100,110,90,105,8,X\n", "3: a time that is no number"},
                 {"1767225660000,100,110,90,1e5,8,X\n", "3: a price or volume that is no decimal"},
                 {"1767225660000,100,110,90,105,-8,X\n", "3: a price or volume that is no decimal"},
                 {"1767225660000,100,110,0,105,8,X\n", "3: a price of 0"},
                 {"1767225660000,100,104,90,105,8,X\n", "3: open or close is not between"},
                 {"1767225660000,80,110,90,105,8,X\n", "3: open or close is not between"}};
    QmPaperWorld *world;
    QtWorld setup;
    char text[512];

    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
    {
        snprintf(text, sizeof(text), "%s%s%s", head, good, cases[i].line);
        csv_fails(text, cases[i].why);
    }
    csv_fails("1767225660000,100,110,90,105,8,1767225719999,800,9,4,400\n", "1: not 12 columns");
    qt_paper_init(&setup);
    setup.symbols[QT_BTCUSDT].source = (QmPaperSource){.path = qt_paper_file(head)};
    journal_fails(&setup, "has no minutes");
    setup.symbols[QT_BTCUSDT].source.path = "/nowhere/at.all";
    journal_fails(&setup, "cannot read \"/nowhere/at.all\": No such file");
    /* Without a header, with Windows' ends of lines, in microseconds. */
    setup.symbols[QT_BTCUSDT].source.path =
        qt_paper_file("1767225660000000,100,110,90,105,8,1767225719999999,800,9,4,400,0\r\n\r\n");
    world = qt_paper_open(&setup);
    assert_int_equal(qm_paper_world_now_ms(world), INT64_C(1767225660000));
    qm_paper_world_close(world);
}

static void
a_thousand_minutes_take_no_time(void **state)
{
    struct timespec start, end;
    QmPaperWorld *world;
    QtWorld setup;
    double ms;

    (void) state;
    qt_paper_init(&setup);
    setup.options.symbol_count = 1;
    setup.symbols[0].source.count = 1000;
    world = qt_paper_open(&setup);
    for (int i = 0; i < 100; i++)
        for (int side = 0; side < 2; side++)
        {
            QmPaperRequest request = qt_paper_limit(0, side, "100", "1");

            request.price += (side == QM_PAPER_BUY ? -1 : 1) * i * qt_paper_number("0.05") + (side == QM_PAPER_SELL);
            request.price -= request.price % qt_paper_number("0.01");
            qt_paper_placed(world, QT_BTCUSDT, request);
        }
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (!qm_paper_world_has_ended(world))
        qt_paper_steps(world, 1);
    clock_gettime(CLOCK_MONOTONIC, &end);
    ms = (double) (end.tv_sec - start.tv_sec) * 1e3 + (double) (end.tv_nsec - start.tv_nsec) / 1e6;
    print_message("1000 candles, %" PRId64 " steps: %.2f ms\n", qm_paper_world_step(world), ms);
    assert_int_equal(qm_paper_world_step(world), 4001);
    qm_paper_world_close(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_money_comes_or_goes),
        cmocka_unit_test(the_same_day_has_the_same_audit),
        cmocka_unit_test(a_day_with_restarts_has_the_audit_of_one_without),
        cmocka_unit_test(a_world_that_was_killed_has_all_that_was_synced),
        cmocka_unit_test(a_torn_line_is_dropped_and_a_damaged_one_is_not),
        cmocka_unit_test(wrong_lines_of_data_are_errors_with_their_place),
        cmocka_unit_test(a_thousand_minutes_take_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, qt_paper_files_remove);
}
