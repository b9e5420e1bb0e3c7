/*
 * Instances through the library: registering, living, tasks and snapshots, also
 * when the link is cut before the answer comes. What a coordinator does by itself
 * is asked for here, so that nothing has to be waited for.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy.h"
#include "server.h"

static const char account[] = "binance";
static const char *const markets[] = {"binance:BTCUSDT", "binance:*"};

static QtProxy proxy;
static QmClient *client;

/* instance_of returns a plain instance. */
static QmInstance
instance_of(const char *name)
{
    return (QmInstance){.instance = name, .markets = markets, .market_count = 2, .ttl_ms = 30000};
}

/* registered registers a plain instance, which must work, and gives it markets. */
static QmRegistration
registered(const char *name)
{
    QmInstance instance = instance_of(name);
    QmRegistration registration;

    assert_ok(qm_register_instance(client, &instance, &registration), qm_client_error(client));
    qt_ask("SELECT quantmesh.assign_markets()");
    return registration;
}

/* leave ends its life. */
static void
leave(const char *name, int64_t epoch)
{
    assert_ok(qm_leave_instance(client, name, epoch), qm_client_error(client));
}

/* cut lets the next call be carried out, and its answer be lost. */
static void
cut(void)
{
    assert_ok(qm_client_connect(client), qm_client_error(client));
    qt_proxy_arm(&proxy, QT_REPLY, 0, QT_CLOSE);
}

static int
setup(void **state)
{
    char info[512];
    const QmRetryPolicy eager = {.base_ms = 5, .cap_ms = 100, .total_ms = 120000};
    const QmClientOptions options = {.conninfo = info, .retry = &eager};

    (void) state;
    qt_database("client_instances");
    qt_ask("SELECT quantmesh.set_market('binance', 'BTCUSDT')");
    qt_proxy_start(&proxy, qt_server_port());
    snprintf(info, sizeof(info), "%s host=127.0.0.1 port=%d", qt_conninfo(), proxy.port);
    client = qm_client_new(&options);
    return client == NULL;
}

static int
teardown(void **state)
{
    (void) state;
    qm_client_free(client);
    qt_proxy_stop(&proxy);
    return 0;
}

static void
test_register(void **state)
{
    QmInstance instance = instance_of("one");
    QmRegistration first;
    QmRegistration second;

    (void) state;
    instance.detail = "{\"host\": \"h\"}";
    instance.weight = 3;
    assert_ok(qm_register_instance(client, &instance, &first), qm_client_error(client));
    assert_true(first.epoch > 0);
    assert_int_equal(first.ttl_ms, 30000);
    assert_true(first.heartbeat_every_ms > 0 && first.heartbeat_every_ms < first.ttl_ms);
    assert_int_equal(strncmp(first.life, "lib-", 4), 0);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', state, weight, registered_for, detail) FROM quantmesh.instances"),
                        "alive 3 {binance:*,binance:BTCUSDT} {\"host\": \"h\"}");

    /* The same life again is a repetition; another one is another process. */
    instance.life = first.life;
    assert_ok(qm_register_instance(client, &instance, &second), qm_client_error(client));
    assert_true(second.epoch == first.epoch);
    instance.life = "another";
    assert_code(qm_register_instance(client, &instance, &second), QM_ERROR_SERVER, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "55006");
    leave("one", first.epoch);
}

static void
test_register_refused(void **state)
{
    QmInstance instance = instance_of("none");
    QmRegistration registration;
    char life[QM_REQUEST_ID_SIZE + 1];

    (void) state;
    instance.market_count = 0;
    assert_code(qm_register_instance(client, &instance, &registration), QM_ERROR_ARGUMENT, qm_client_error(client));
    instance = instance_of(NULL);
    assert_code(qm_register_instance(client, &instance, &registration), QM_ERROR_ARGUMENT, qm_client_error(client));
    memset(life, 'x', sizeof(life) - 1);
    life[sizeof(life) - 1] = '\0';
    instance = instance_of("none");
    instance.life = life;
    assert_code(qm_register_instance(client, &instance, &registration), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->message, "life has more than 128 bytes");
}

static void
test_tasks(void **state)
{
    QmRegistration registration = registered("worker");
    QmTask *list;
    size_t count;
    char word[QM_WORD_SIZE];

    (void) state;
    assert_ok(qm_heartbeat(client, "worker", registration.epoch, &list, &count), qm_client_error(client));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].kind, "assign");
    assert_string_equal(list[0].account, account);
    assert_string_equal(list[0].symbol, "BTCUSDT");
    assert_non_null(strstr(list[0].detail, "\"mode\""));
    assert_true(list[0].task_id > 0 && list[0].order_id == 0 && list[0].owned_until_us == 0);
    assert_ok(qm_finish_task(client, &list[0], "worker", registration.epoch, "done", NULL, word),
              qm_client_error(client));
    assert_string_equal(word, "done");
    assert_ok(qm_finish_task(client, &list[0], "worker", registration.epoch, "failed", "late", word),
              qm_client_error(client));
    assert_string_equal(word, "done");
    assert_code(qm_finish_task(client, &list[0], "worker", registration.epoch, "well", NULL, NULL),
                QM_ERROR_ARGUMENT,
                qm_client_error(client));
    qm_free(list);
    assert_ok(qm_heartbeat(client, "worker", registration.epoch, &list, &count), qm_client_error(client));
    assert_int_equal(count, 0);
    assert_null(list);

    leave("worker", registration.epoch);
    assert_code(qm_heartbeat(client, "worker", registration.epoch, &list, &count),
                QM_ERROR_SERVER,
                qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, QM_SQLSTATE_STALE_INSTANCE);
    assert_code(qm_leave_instance(client, "worker", registration.epoch), QM_ERROR_SERVER, qm_client_error(client));
}

/* lists_one checks that the list of assignments has one market, of the instance, or none for NULL. */
static void
lists_one(const char *of_account, const char *of_instance, const char *instance, int64_t epoch)
{
    QmAssignment *list;
    size_t count;

    assert_ok(qm_list_assignments(client, of_account, of_instance, &list, &count), qm_client_error(client));
    assert_int_equal(count, instance == NULL ? 0 : 1);
    if (instance == NULL)
        assert_null(list);
    else
    {
        assert_string_equal(list[0].account, account);
        assert_string_equal(list[0].symbol, "BTCUSDT");
        assert_string_equal(list[0].mode, "shared");
        assert_string_equal(list[0].instance, instance);
        assert_string_equal(list[0].reason, "hashed");
        assert_true(list[0].epoch == epoch);
        assert_true(llabs(list[0].since_us - (int64_t) time(NULL) * 1000000) < INT64_C(600000000));
    }
    qm_free(list);
}

static void
test_assignments(void **state)
{
    QmRegistration registration;

    (void) state;
    lists_one(NULL, NULL, NULL, 0);
    registration = registered("owner");
    lists_one(NULL, NULL, "owner", registration.epoch);
    lists_one(account, "owner", "owner", registration.epoch);
    lists_one("another", NULL, NULL, 0);
    lists_one(NULL, "another", NULL, 0);
    cut();
    lists_one(account, NULL, "owner", registration.epoch);
    assert_true(qt_proxy_fired(&proxy));
    leave("owner", registration.epoch);
    lists_one(NULL, NULL, NULL, 0);
}

/* snapshot_of returns a snapshot of one order, one trade and one balance for a task. */
static QmSnapshot
snapshot_of(int64_t task_id)
{
    static const QmSnapshotOrder orders[] =
        {{.exchange_order_id = "7",
          .client_order_id = "by \"hand\"",
          .side = "buy",
          .order_type = "limit",
          .price = "65000.10",
          .quantity = "0.5",
          .filled_quantity = "0.1"},
         {.exchange_order_id = "8", .side = "sell", .price = "70000", .quantity = "1"}};
    static const QmSnapshotTrade trades[] = {{.trade_id = "91",
                                              .exchange_order_id = "7",
                                              .side = "buy",
                                              .quantity = "0.1",
                                              .price = "65000.10",
                                              .commission = "0.001",
                                              .commission_asset = "BNB",
                                              .is_maker = -1,
                                              .executed_at_us = 1700000000123456}};
    static const QmSnapshotBalance balances[] = {{.asset = "BTC", .free = "1.1", .locked = "0"}};
    const int64_t now_us = (int64_t) time(NULL) * 1000000;

    return (QmSnapshot){.account = account,
                        .symbol = "BTCUSDT",
                        .task_id = task_id,
                        .started_at_us = now_us,
                        .finished_at_us = now_us,
                        .orders = orders,
                        .order_count = 2,
                        .trades = trades,
                        .trade_count = 1,
                        .balances = balances,
                        .balance_count = 1,
                        .complete = true};
}

static void
test_snapshot(void **state)
{
    QmSnapshot snapshot;
    int64_t task_id;
    int64_t nobody;
    int64_t first;
    int64_t second;

    (void) state;
    assert_ok(qm_request_snapshot(client, account, "BTCUSDT", &task_id), qm_client_error(client));
    assert_true(task_id > 0);
    assert_ok(qm_request_snapshot(client, account, "BTCUSDT", &nobody), qm_client_error(client));
    assert_true(nobody == 0);
    snapshot = snapshot_of(task_id);

    snapshot.trade_count = 0;
    snapshot.orders = &(QmSnapshotOrder){.exchange_order_id = "7", .side = "buy", .quantity = "none"};
    snapshot.order_count = 1;
    assert_code(qm_submit_snapshot(client, &snapshot, &first), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_non_null(strstr(qm_client_error(client)->message, "open_orders[0].quantity"));

    snapshot = snapshot_of(task_id);
    assert_ok(qm_submit_snapshot(client, &snapshot, &first), qm_client_error(client));
    assert_ok(qm_submit_snapshot(client, &snapshot, &second), qm_client_error(client));
    assert_true(first > 0 && first == second);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', complete, jsonb_array_length(open_orders), open_orders -> 0 ->> "
                               "'client_order_id',"
                               " trades -> 0 ->> 'is_maker', (trades -> 0 ->> 'executed_at')::timestamptz AT TIME ZONE "
                               "'UTC',"
                               " balances -> 0 ->> 'free') FROM quantmesh.snapshot WHERE snapshot_id = %lld",
                               (long long) first),
                        "t 2 by \"hand\" false 2023-11-14 22:13:20.123456 1.1");
    snapshot.task_id = 1;
    assert_code(qm_submit_snapshot(client, &snapshot, &first), QM_ERROR_ARGUMENT, qm_client_error(client));
    assert_string_equal(qm_client_error(client)->sqlstate, "P0002");
    snapshot.finished_at_us = -1;
    assert_code(qm_submit_snapshot(client, &snapshot, &first), QM_ERROR_ARGUMENT, qm_client_error(client));
}

/* Whatever answer is lost: the repetition changes nothing and gives the same. */
static void
test_lost_answers(void **state)
{
    QmInstance instance = instance_of("cut");
    QmRegistration registration;
    QmSnapshot snapshot;
    QmTask *list;
    size_t count;
    int64_t id;
    char word[QM_WORD_SIZE];

    (void) state;
    cut();
    assert_ok(qm_register_instance(client, &instance, &registration), qm_client_error(client));
    assert_true(qt_proxy_fired(&proxy));
    assert_int_equal(qt_ask_number("SELECT epoch FROM quantmesh.instances WHERE instance = 'cut'"), registration.epoch);
    qt_ask("SELECT quantmesh.assign_markets()");
    cut();
    assert_ok(qm_heartbeat(client, "cut", registration.epoch, &list, &count), qm_client_error(client));
    assert_true(qt_proxy_fired(&proxy));
    assert_int_equal(count, 1);
    cut();
    assert_ok(qm_finish_task(client, &list[0], "cut", registration.epoch, "done", NULL, word), qm_client_error(client));
    assert_true(qt_proxy_fired(&proxy));
    assert_string_equal(word, "done");
    qm_free(list);

    assert_ok(qm_request_snapshot(client, account, "BTCUSDT", &id), qm_client_error(client));
    snapshot = snapshot_of(id);
    cut();
    assert_ok(qm_submit_snapshot(client, &snapshot, &id), qm_client_error(client));
    assert_true(qt_proxy_fired(&proxy));
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.snapshot WHERE task_id = %lld AND snapshot_id = "
                                   "%lld",
                                   (long long) snapshot.task_id,
                                   (long long) id),
                     1);
    cut();
    leave("cut", registration.epoch);
    assert_true(qt_proxy_fired(&proxy));
    assert_string_equal(qt_ask("SELECT state FROM quantmesh.instances WHERE instance = 'cut'"), "left");

    /* Who knows whether the task was given out: it ends by itself. */
    cut();
    assert_code(qm_request_snapshot(client, account, "BTCUSDT", &id), QM_ERROR_UNCERTAIN, qm_client_error(client));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_register),
        cmocka_unit_test(test_register_refused),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_lost_answers),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
