/*
 * Faults of the paper exchange: how they are written, whom they strike, and what the world does by itself.
 */
#include "paper_worlds.h"

#include <stdlib.h>
#include <string.h>

/* fault_of reads a fault that is one. */
static QmPaperFault
fault_of(const QmPaperWorld *world, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    QmPaperFault fault;
    QmError error;

    assert_non_null(json);
    assert_ok(qm_paper_fault_read(world, json, &fault, &error), &error);
    json_decref(json);
    return fault;
}

/* add adds a fault and returns its id. */
static int
add(QmPaperWorld *world, const char *text)
{
    QmPaperFault fault = fault_of(world, text);
    QmError error;
    int id;

    assert_ok(qm_paper_fault_add(world, &fault, &id, &error), &error);
    return id;
}

/* moment lets one planned thing happen whose time has come; false if there is none. */
static bool
moment(QmPaperWorld *world)
{
    return qm_paper_world_due(world) == 0 && qm_paper_world_advance(world);
}

/* world_open opens a world that stands still. */
static QmPaperWorld *
world_open(QtWorld *setup)
{
    qt_paper_init(setup);
    return qt_paper_open(setup);
}

/* struck counts how many of a thousand requests have anything happen to them. */
static int
struck(QmPaperWorld *world, QmPaperEndpoint endpoint, int account, int symbol)
{
    int count = 0;

    for (int i = 0; i < 1000; i++)
    {
        QmPaperMishap mishap = qm_paper_fault_request(world, endpoint, account, symbol);

        count += mishap.drops_reply || mishap.cuts_reply || mishap.http_before != 0 || mishap.http_after != 0 ||
                 mishap.delay_before_ms != 0 || mishap.delay_after_ms != 0 || mishap.lag_ms != 0;
    }
    return count;
}

static void
what_is_no_fault_is_an_error(void **state)
{
    static const char *const texts[] = {"[]",
                                        "{}",
                                        "{\"kind\":\"drop\"}",
                                        "{\"kind\":1}",
                                        "{\"kind\":\"lag\",\"colour\":1}",
                                        "{\"kind\":\"lag\",\"value\":\"5\"}",
                                        "{\"kind\":\"lag\",\"probability\":\"1.1\"}",
                                        "{\"kind\":\"lag\",\"probability\":0.5}",
                                        "{\"kind\":\"lag\",\"account\":\"nobody\"}",
                                        "{\"kind\":\"lag\",\"symbol\":\"DOGE\"}",
                                        "{\"kind\":\"lag\",\"endpoint\":\"everything\"}",
                                        "{\"kind\":\"lag\",\"count\":99999999999}",
                                        "{\"kind\":\"adjust\",\"amount\":\"--1\"}"};
    static const char *const lacking[] = {"{\"kind\":\"lag\",\"value\":-1}",
                                          "{\"kind\":\"lag\",\"count\":-1}",
                                          "{\"kind\":\"lag\",\"at_ms\":5,\"until_ms\":4}",
                                          "{\"kind\":\"external_order\",\"account\":\"main\",\"amount\":\"1\"}",
                                          "{\"kind\":\"adjust\",\"account\":\"main\",\"asset\":\"BTC\"}",
                                          "{\"kind\":\"halt\"}",
                                          "{\"kind\":\"filters\",\"symbol\":\"BTCUSDT\"}"};
    QtWorld setup;
    QmPaperWorld *world = world_open(&setup);
    QmPaperFault fault;
    QmError error;
    int id;

    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
    {
        json_t *json = json_loads(texts[i], 0, NULL);

        assert_code(qm_paper_fault_read(world, json, &fault, &error), QM_ERROR_ARGUMENT, &error);
        json_decref(json);
    }
    for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++)
    {
        fault = fault_of(world, lacking[i]);
        assert_code(qm_paper_fault_add(world, &fault, &id, &error), QM_ERROR_ARGUMENT, &error);
    }
    fault = fault_of(world, "{\"kind\":\"lag\"}");
    for (int i = 0; i < QM_PAPER_FAULTS_MAX; i++)
        assert_ok(qm_paper_fault_add(world, &fault, &id, &error), &error);
    assert_code(qm_paper_fault_add(world, &fault, &id, &error), QM_ERROR_LIMIT, &error);
    assert_true(qm_paper_fault_remove(world, 7));
    assert_false(qm_paper_fault_remove(world, 7));
    assert_ok(qm_paper_fault_add(world, &fault, &id, &error), &error);
    qm_paper_world_close(world);
}

static void
requests_are_struck_within_the_scope(void **state)
{
    QtWorld setup;
    QmPaperWorld *world = world_open(&setup);
    QmPaperMishap mishap;
    int id, count;
    json_t *list;

    (void) state;
    id = add(world,
             "{\"kind\":\"drop_reply\",\"endpoint\":\"place\",\"account\":\"main\",\"symbol\":\"BTCUSDT\","
             "\"probability\":\"0.2\"}");
    count = struck(world, QM_PAPER_PLACE, 0, QT_BTCUSDT);
    assert_in_range(count, 140, 260);
    assert_int_equal(struck(world, QM_PAPER_CANCEL, 0, QT_BTCUSDT), 0);
    assert_int_equal(struck(world, QM_PAPER_PLACE, 1, QT_BTCUSDT), 0);
    assert_int_equal(struck(world, QM_PAPER_PLACE, 0, QT_ETHUSDT), 0);
    list = qm_paper_fault_list(world);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "struck")), count);
    json_decref(list);
    assert_true(qm_paper_fault_remove(world, id));
    assert_int_equal(struck(world, QM_PAPER_PLACE, 0, QT_BTCUSDT), 0);
    add(world, "{\"kind\":\"limited\",\"code\":-1015,\"count\":1}");
    mishap = qm_paper_fault_request(world, QM_PAPER_QUERY, 0, -1);
    assert_int_equal(mishap.http_before, 429);
    assert_int_equal(mishap.code, -1015);
    add(world, "{\"kind\":\"limited\",\"value\":418,\"wait_s\":3,\"count\":2}");
    add(world, "{\"kind\":\"delay_before\",\"value\":10,\"count\":3}");
    add(world, "{\"kind\":\"fail_after\",\"count\":1}");
    mishap = qm_paper_fault_request(world, QM_PAPER_QUERY, 0, -1);
    assert_int_equal(mishap.http_before, 418);
    assert_int_equal(mishap.code, -1003);
    assert_int_equal(mishap.retry_after_s, 3);
    assert_int_equal(mishap.delay_before_ms, 10);
    assert_int_equal(mishap.http_after, 0); /* one of the two at a time */
    (void) qm_paper_fault_request(world, QM_PAPER_QUERY, 0, -1);
    mishap = qm_paper_fault_request(world, QM_PAPER_QUERY, 0, -1);
    assert_int_equal(mishap.http_after, 504);
    assert_int_equal(mishap.code, -1007);
    assert_int_equal(struck(world, QM_PAPER_QUERY, 0, -1), 0);
    add(world, "{\"kind\":\"fail_before\",\"count\":1}");
    mishap = qm_paper_fault_request(world, QM_PAPER_PLACE, 0, 0);
    assert_int_equal(mishap.http_before, 503);
    assert_int_equal(mishap.code, -1008);
    add(world, "{\"kind\":\"lag\",\"value\":500,\"endpoint\":\"open_orders\"}");
    assert_int_equal(qm_paper_fault_request(world, QM_PAPER_OPEN_ORDERS, 0, 0).lag_ms, 500);
    add(world, "{\"kind\":\"cut_reply\",\"count\":1}");
    assert_true(qm_paper_fault_request(world, QM_PAPER_PLACE, 0, 0).cuts_reply);
    qm_paper_world_close(world);
}

static void
events_are_struck_by_themselves(void **state)
{
    QtWorld setup;
    QmPaperWorld *world = world_open(&setup);
    QmPaperEventMishap mishap;

    (void) state;
    add(world, "{\"kind\":\"event_drop\",\"count\":1}");
    add(world, "{\"kind\":\"event_delay\",\"value\":70,\"count\":2,\"symbol\":\"BTCUSDT\"}");
    add(world, "{\"kind\":\"event_duplicate\",\"account\":\"second\"}");
    add(world, "{\"kind\":\"event_reorder\",\"account\":\"second\"}");
    assert_int_equal(struck(world, QM_PAPER_PLACE, 0, 0), 0);
    mishap = qm_paper_fault_event(world, 0, QT_BTCUSDT);
    assert_true(mishap.is_dropped && !mishap.is_duplicated && mishap.delay_ms == 70);
    mishap = qm_paper_fault_event(world, 1, QT_ETHUSDT);
    assert_true(!mishap.is_dropped && mishap.is_duplicated && mishap.is_reordered && mishap.delay_ms == 0);
    qm_paper_world_close(world);
}

static void
spans_of_time_begin_and_end(void **state)
{
    QtWorld setup;
    QmPaperWorld *world;

    (void) state;
    qt_paper_init(&setup);
    setup.options.speed = 1;
    for (int i = 0; i < QT_SYMBOLS; i++)
        setup.symbols[i].source = (QmPaperSource){0};
    world = qt_paper_open(&setup);
    add(world, "{\"kind\":\"skew\",\"value\":-3000,\"in_ms\":100,\"for_ms\":1000}");
    add(world, "{\"kind\":\"drop_reply\",\"in_ms\":100,\"for_ms\":1000}");
    add(world, "{\"kind\":\"halt\",\"symbol\":\"BTCUSDT\",\"in_ms\":100,\"for_ms\":1000}");
    add(world, "{\"kind\":\"filters\",\"symbol\":\"ETHUSDT\",\"tick\":\"0.5\",\"for_ms\":500}");
    assert_true(moment(world));
    assert_int_equal(qm_paper_symbol(world, QT_ETHUSDT).rules->tick, qt_paper_number("0.5"));
    qt_world_refused(world,
                     QT_ETHUSDT,
                     qt_paper_limit(0, QM_PAPER_BUY, "10.01", "1"),
                     -1013,
                     "Filter failure: PRICE_FILTER");
    assert_int_equal(qm_paper_world_due(world), 100);
    setup.real_ms += 99;
    assert_int_equal(qm_paper_fault_skew_ms(world), 0);
    assert_int_equal(struck(world, QM_PAPER_PLACE, 0, 0), 0);
    assert_false(moment(world));
    setup.real_ms += 1;
    assert_int_equal(qm_paper_fault_skew_ms(world), -3000);
    assert_int_equal(struck(world, QM_PAPER_PLACE, 0, 0), 1000);
    assert_true(moment(world));
    qt_world_refused(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "1", "1"), -2010, "Market is closed.");
    setup.real_ms += 400;
    assert_true(moment(world));
    qt_paper_placed(world, QT_ETHUSDT, qt_paper_limit(0, QM_PAPER_BUY, "10.01", "1"));
    setup.real_ms += 600;
    assert_true(moment(world));
    qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "1", "1"));
    assert_int_equal(qm_paper_fault_skew_ms(world), 0);
    assert_int_equal(struck(world, QM_PAPER_PLACE, 0, 0), 0);
    assert_int_equal(qm_paper_world_due(world), -1);
    qm_paper_world_close(world);
}

/* hear_fault counts what the server is told to do. */
static void
hear_fault(void *context, const QmPaperFault *fault)
{
    ((int *) context)[fault->kind]++;
}

static void
the_exchange_acts_by_itself(void **state)
{
    QtWorld setup;
    QmPaperWorld *world = world_open(&setup);
    const QmPaperOrder *oldest, *other, *newest, *orders[4];
    int told[QM_PAPER_FAULT_KINDS] = {0};
    const QmPaperWatcher watcher = {.context = told, .fault = hear_fault};
    char *audit;
    QmPaperDecimal given[3] = {-qt_paper_number("0.5"), 0, 0};

    (void) state;
    qm_paper_world_watch(world, &watcher);
    oldest = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "1", "1"));
    newest = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(0, QM_PAPER_BUY, "2", "1"));
    other = qt_paper_placed(world, QT_BTCUSDT, qt_paper_limit(1, QM_PAPER_BUY, "1", "1"));
    add(world, "{\"kind\":\"cancel_orders\",\"account\":\"main\",\"value\":1}");
    assert_true(moment(world));
    assert_false(moment(world)); /* once */
    assert_int_equal(oldest->status, QM_PAPER_EXPIRED);
    assert_int_equal(oldest->expiry, QM_PAPER_EXPIRED_EXCHANGE);
    assert_int_equal(newest->status, QM_PAPER_NEW);
    assert_int_equal(other->status, QM_PAPER_NEW);
    add(world,
        "{\"kind\":\"external_order\",\"account\":\"main\",\"symbol\":\"ETHUSDT\",\"side\":\"SELL\",\"amount\":\"2\"}");
    add(world,
        "{\"kind\":\"external_order\",\"account\":\"main\",\"symbol\":\"ETHUSDT\",\"side\":\"SELL\",\"price\":\"50\","
        "\"amount\":\"2\"}");
    add(world, "{\"kind\":\"adjust\",\"account\":\"main\",\"asset\":\"BTC\",\"amount\":\"-0.5\"}");
    add(world, "{\"kind\":\"kill_streams\"}");
    add(world, "{\"kind\":\"expire_keys\",\"account\":\"main\"}");
    assert_true(moment(world));
    assert_int_equal(qm_paper_world_all_orders(world, 0, QT_ETHUSDT, 0, orders, 4), 2);
    assert_int_equal(orders[0]->status, QM_PAPER_FILLED);
    assert_true(orders[0]->is_external);
    assert_int_equal(orders[1]->price, qt_paper_number("50"));
    assert_int_equal(told[QM_PAPER_KILL_STREAMS], 1);
    assert_int_equal(told[QM_PAPER_EXPIRE_KEYS], 1);
    assert_int_equal(told[QM_PAPER_ADJUST], 0); /* the world has done it */
    qt_paper_money_is_all_there(world, &setup, given);
    audit = qt_paper_audit(world);
    assert_non_null(strstr(audit, "\"given\":\"999.50000000\",\"position\":\"0.00000000\""));
    assert_non_null(strstr(audit, "\"given\":\"1000.00000000\",\"position\":\"-2.00000000\""));
    free(audit);
    qm_paper_world_close(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_fault_is_an_error),
        cmocka_unit_test(requests_are_struck_within_the_scope),
        cmocka_unit_test(events_are_struck_by_themselves),
        cmocka_unit_test(spans_of_time_begin_and_end),
        cmocka_unit_test(the_exchange_acts_by_itself),
    };

    return cmocka_run_group_tests(tests, NULL, qt_paper_files_remove);
}
