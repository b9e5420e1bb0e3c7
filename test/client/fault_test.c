/*
 * Faults at every step of placing, reporting and cancelling: the link is cut
 * after any number of bytes in either direction, closed or silently; the backend
 * is killed, or the server. No order is lost, none is doubled, and what the
 * caller is told is what the server has.
 *
 * The client reaches the server through a proxy; the test asks it directly.
 *
 * QM_FAULTS=short leaves out of what only waits, silent links and servers that
 * start again, all but one call; full cuts the link after almost every byte.
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy.h"
#include "server.h"

/* How far apart the cuts are, and how many calls meet what takes its time. */
typedef struct Extent
{
    const char *name;
    size_t request_step;
    size_t reply_step;
    size_t slow_steps;
} Extent;

static const Extent extents[] = {{"short", 97, 31, 1}, {"usual", 97, 31, 4}, {"full", 7, 3, 4}};
static const Extent *extent;

static const char account[] = "binance";

static QtProxy proxy;
static QmClient *client;
static int number;                   /* of the order */
static int doubtful;                 /* repetitions that found what the first call had done */
static int64_t place_wait_ms = 5000; /* for the level: a call that was cut off may still have it */

/* An order, and the calls on it that a fault is to hit. */
typedef struct Subject
{
    char request_id[32];
    char price[16];
    char trade_id[32];
    QmPlacement placement;
} Subject;

/* A call that a fault hits, with what has to be done before and what must hold afterwards. */
typedef struct Step
{
    const char *name;
    void (*prepare)(Subject *subject);
    void (*call)(Subject *subject);
    void (*check)(Subject *subject);
} Step;

/* subject_new names a new order. */
static void
subject_new(Subject *subject)
{
    memset(subject, 0, sizeof(*subject));
    number++;
    snprintf(subject->request_id, sizeof(subject->request_id), "fault-%d", number);
    snprintf(subject->price, sizeof(subject->price), "%d", 1000 + number);
    snprintf(subject->trade_id, sizeof(subject->trade_id), "t-%d", number);
}

/* place places the order, once for all. */
static void
place(Subject *subject)
{
    const QmOrder order = {.symbol = "BTCUSDT",
                           .side = "buy",
                           .price = subject->price,
                           .quantity = "2",
                           .request_id = subject->request_id,
                           .wait_ms = place_wait_ms};

    assert_ok(qm_place_order(client, account, &order, &subject->placement), qm_client_error(client));
    assert_int_equal(subject->placement.outcome, QM_PLACED);
    assert_true(!subject->placement.replayed || subject->placement.repeated);
    doubtful += subject->placement.replayed;
}

/* check_placed compares what the caller was told with what there is. */
static void
check_placed(Subject *subject)
{
    char wanted[256];

    snprintf(wanted,
             sizeof(wanted),
             "1 %lld %s %lld",
             (long long) subject->placement.order_id,
             subject->placement.client_order_id,
             (long long) subject->placement.fence);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', count(*), min(order_id), min(client_order_id), min(fence)) FROM "
                               "quantmesh.orders"
                               " WHERE account = 'binance' AND (request_id = '%s' OR price = %s)",
                               subject->request_id,
                               subject->price),
                        wanted);
}

static void
nothing(Subject *subject)
{
    (void) subject;
}

/* report books a fill of half the order. */
static void
report(Subject *subject)
{
    const QmReport fill = {.symbol = "BTCUSDT",
                           .client_order_id = subject->placement.client_order_id,
                           .state = "partially_filled",
                           .trade_id = subject->trade_id,
                           .last_quantity = "1",
                           .last_price = subject->price,
                           .cumulative_quantity = "1"};
    QmReportResult result;

    assert_ok(qm_apply_report(client, account, &fill, &result), qm_client_error(client));
    assert_string_equal(result.state, "partially_filled");
    assert_string_equal(result.discrepancy, "");
    assert_true(result.order_id == subject->placement.order_id);
    doubtful += !result.applied;
}

static void
check_reported(Subject *subject)
{
    check_placed(subject);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', count(*), sum(quantity)) FROM quantmesh.fill WHERE order_id = "
                               "%lld",
                               (long long) subject->placement.order_id),
                        "1 1");
    assert_string_equal(qt_ask("SELECT (SELECT sum(quantity) FROM quantmesh.positions) = (SELECT sum(quantity) FROM "
                               "quantmesh.fill)"),
                        "t");
}

/* open_it brings the order to the exchange. */
static void
open_it(Subject *subject)
{
    QmReportResult result;

    place(subject);
    assert_ok(qm_resolve_submission(client,
                                    account,
                                    subject->placement.order_id,
                                    subject->placement.fence,
                                    "accepted",
                                    NULL,
                                    NULL,
                                    &result),
              qm_client_error(client));
}

/* cancel must say that this caller sends the cancel: nobody else has asked for one. */
static void
cancel(Subject *subject)
{
    QmCancellation cancellation;

    assert_ok(qm_cancel_order(client, account, subject->placement.order_id, &cancellation), qm_client_error(client));
    assert_true(cancellation.outcome == QM_CANCEL_REQUESTED || cancellation.uncertain);
    assert_string_equal(cancellation.state, "open");
    doubtful += cancellation.uncertain;
}

static void
check_canceled(Subject *subject)
{
    check_placed(subject);
    assert_string_equal(qt_ask("SELECT concat_ws(' ', state, cancel_state IN ('requested', 'sent')) FROM "
                               "quantmesh.orders"
                               " WHERE order_id = %lld",
                               (long long) subject->placement.order_id),
                        "open t");
}

/* resolve says how the submission ended, which may be said twice. */
static void
resolve(Subject *subject)
{
    QmReportResult result;

    assert_ok(qm_resolve_submission(client,
                                    account,
                                    subject->placement.order_id,
                                    subject->placement.fence,
                                    "not_processed",
                                    "-1003",
                                    "too many requests",
                                    &result),
              qm_client_error(client));
    assert_string_equal(result.state, "intent");
    doubtful += !result.applied;
}

static void
check_resolved(Subject *subject)
{
    assert_string_equal(qt_ask("SELECT concat_ws(' ', state, attempt) FROM quantmesh.orders WHERE order_id = %lld",
                               (long long) subject->placement.order_id),
                        "intent 1");
    /* Nobody is to send it in these tests. */
    qt_ask("SELECT quantmesh.cancel_order('binance', %lld)", (long long) subject->placement.order_id);
}

static const Step steps[] = {
    {"place", nothing, place, check_placed},
    {"report", place, report, check_reported},
    {"cancel", open_it, cancel, check_canceled},
    {"resolve", place, resolve, check_resolved},
};

/* client_through opens a handle that reaches the server through the proxy. */
static QmClient *
client_through(int64_t call_timeout_ms)
{
    char info[512];
    const QmRetryPolicy eager = {.base_ms = 5, .cap_ms = 100, .total_ms = 120000};
    const QmClientOptions options = {.conninfo = info, .retry = &eager, .call_timeout_ms = call_timeout_ms};

    snprintf(info, sizeof(info), "%s host=127.0.0.1 port=%d", qt_conninfo(), proxy.port);
    return qm_client_new(&options);
}

/* extent_read reads how much is asked for. */
static void
extent_read(void)
{
    const char *name = getenv("QM_FAULTS");

    for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++)
    {
        if (strcmp(extents[i].name, name == NULL ? "usual" : name) == 0)
            extent = &extents[i];
    }
    if (extent == NULL)
        qt_fail("QM_FAULTS must be short, usual or full");
}

static int
setup(void **state)
{
    (void) state;
    extent_read();
    qt_database("client_faults");
    qt_ask("SELECT quantmesh.set_market('binance', 'BTCUSDT', level_width => 0.01)");
    qt_proxy_start(&proxy, qt_server_port());
    client = client_through(0);
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

/*
 * hit makes a step's call with a cut armed for it; false when the call was over
 * before the cut. On a connection made anew for it the call is one round trip, so
 * that its first reply comes after the commit; on an older one the server may be
 * asked to prepare the statement first.
 */
static bool
hit(const Step *step, bool anew, QtDirection direction, size_t bytes, QtCut cut)
{
    Subject subject;
    bool fired;

    subject_new(&subject);
    step->prepare(&subject);
    if (anew)
        qm_client_disconnect(client);
    assert_ok(qm_client_connect(client), qm_client_error(client));
    qt_proxy_arm(&proxy, direction, bytes, cut);
    step->call(&subject);
    fired = qt_proxy_fired(&proxy);
    step->check(&subject);
    return fired;
}

static void
test_cuts(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
    {
        int cuts = 0;
        long before = qm_client_connections(client);

        doubtful = 0;
        for (size_t bytes = 0; hit(&steps[i], false, QT_REQUEST, bytes, QT_CLOSE); bytes += extent->request_step)
            cuts++;
        for (size_t bytes = 0; hit(&steps[i], false, QT_REPLY, bytes, QT_CLOSE); bytes += extent->reply_step)
            cuts++;
        print_message("    %s: cut %d times; %d had happened already\n", steps[i].name, cuts, doubtful);
        /* Each cut was one, and some were on either side of the commit. */
        assert_true(cuts >= 6 && doubtful > 0 && doubtful < cuts);
        assert_true(qm_client_connections(client) - before >= cuts);
    }
}

static void
test_silent_cuts(void **state)
{
    QmClient *patient = client;

    (void) state;
    qm_client_disconnect(patient);
    client = client_through(700);
    /* What is waited for on purpose comes on top of the 700 ms. */
    place_wait_ms = 1000;
    for (size_t i = 0; i < extent->slow_steps; i++)
    {
        int cuts = 0;

        doubtful = 0;
        cuts += hit(&steps[i], true, QT_REQUEST, 0, QT_SILENT);
        cuts += hit(&steps[i], true, QT_REQUEST, 100, QT_SILENT);
        cuts += hit(&steps[i], true, QT_REPLY, 0, QT_SILENT);
        cuts += hit(&steps[i], true, QT_REPLY, 40, QT_SILENT);
        print_message("    %s: cut silently %d times; %d had happened already\n", steps[i].name, cuts, doubtful);
        assert_int_equal(cuts, 4);
        assert_int_equal(doubtful, 2);
    }
    place_wait_ms = 5000;
    qm_client_free(client);
    client = patient;
}

/* Whom to kill, and whether to start it again. */
typedef struct Victim
{
    pid_t pid; /* 0: the server */
} Victim;

static void
kill_it(void *what)
{
    const Victim *victim = what;

    if (victim->pid == 0)
        qt_server_kill();
    else if (kill(victim->pid, SIGKILL) != 0)
        qt_fail("the backend is not there");
}

static void
start_it(void *what)
{
    const Victim *victim = what;

    if (victim->pid == 0)
        qt_server_start();
}

/* until_server waits until the server answers after its crash. */
static void
until_server(void)
{
    const QmRetryPolicy eager = {.base_ms = 5, .cap_ms = 100, .total_ms = 120000};
    const QmClientOptions options = {.conninfo = qt_conninfo(), .retry = &eager};
    QmClient *direct = qm_client_new(&options);

    assert_ok(qm_client_connect(direct), qm_client_error(direct));
    qm_client_free(direct);
}

/* hit_with_kill kills the backend, or the server, at one point of a step's call. */
static void
hit_with_kill(const Step *step, bool server, QtDirection direction, size_t bytes)
{
    Victim victim;
    Subject subject;

    subject_new(&subject);
    step->prepare(&subject);
    qm_client_disconnect(client); /* for one round trip, as in hit */
    assert_ok(qm_client_connect(client), qm_client_error(client));
    victim.pid = server ? 0 : qm_client_backend(client);
    proxy.before = kill_it;
    proxy.after = start_it;
    proxy.what = &victim;
    qt_proxy_arm(&proxy, direction, bytes, QT_CLOSE);
    step->call(&subject);
    assert_true(qt_proxy_fired(&proxy));
    proxy.before = proxy.after = NULL;
    until_server();
    step->check(&subject);
}

/* kill_everywhere kills before the server has the request, in the middle of it, and when it has committed and nobody knows. */
static void
kill_everywhere(bool server)
{
    const size_t count = server ? extent->slow_steps : sizeof(steps) / sizeof(steps[0]);

    for (size_t i = 0; i < count; i++)
    {
        doubtful = 0;
        hit_with_kill(&steps[i], server, QT_REQUEST, 0);
        assert_int_equal(doubtful, 0);
        hit_with_kill(&steps[i], server, QT_REQUEST, 200);
        hit_with_kill(&steps[i], server, QT_REPLY, 0);
        /* A server takes a while to come back, and after 3 s a cancel may be asked for anew. */
        assert_true(doubtful > 0 || steps[i].call == cancel);
        print_message("    %s: killed 3 times; %d had happened already\n", steps[i].name, doubtful);
    }
}

static void
test_backend_killed(void **state)
{
    (void) state;
    kill_everywhere(false);
}

static void
test_server_killed(void **state)
{
    (void) state;
    kill_everywhere(true);
}

/* A batch is repeated as a whole, under its request_ids. */
static void
test_batch_cut(void **state)
{
    int cuts = 0;

    (void) state;
    for (size_t bytes = 0;; bytes += 300)
    {
        QmOrder orders[3] = {{0}};
        QmPlacement placements[3];
        Subject subjects[3] = {{.price = ""}};

        for (int i = 0; i < 3; i++)
        {
            subject_new(&subjects[i]);
            orders[i] = (QmOrder){.symbol = "BTCUSDT",
                                  .side = "buy",
                                  .price = subjects[i].price,
                                  .quantity = "1",
                                  .request_id = subjects[i].request_id};
        }
        assert_ok(qm_client_connect(client), qm_client_error(client));
        qt_proxy_arm(&proxy, QT_REPLY, bytes, QT_CLOSE);
        assert_ok(qm_place_orders(client, account, orders, 3, placements), qm_client_error(client));
        for (int i = 0; i < 3; i++)
        {
            assert_int_equal(placements[i].outcome, QM_PLACED);
            subjects[i].placement = placements[i];
            check_placed(&subjects[i]);
        }
        if (!qt_proxy_fired(&proxy))
            break;
        cuts++;
    }
    assert_true(cuts >= 2);
}

/* A stream sends again what has no answer, in order. */
static void
test_stream_cut(void **state)
{
    int cuts = 0;
    int repeated = 0;

    (void) state;
    for (size_t bytes = 0;; bytes += 500)
    {
        QmStream *stream;
        Subject subjects[8] = {{.price = ""}};

        assert_ok(qm_client_connect(client), qm_client_error(client));
        stream = qm_stream_new(client, account, 8);
        qt_proxy_arm(&proxy, QT_REPLY, bytes, QT_CLOSE);
        for (int i = 0; i < 8; i++)
        {
            QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = subjects[i].price, .quantity = "1"};

            subject_new(&subjects[i]);
            order.request_id = subjects[i].request_id;
            order.wait_ms = 5000;
            assert_ok(qm_stream_place(stream, &order), qm_client_error(client));
        }
        for (int i = 0; i < 8; i++)
        {
            QmStreamAnswer answer;

            assert_ok(qm_stream_next(stream, &answer), qm_client_error(client));
            assert_int_equal(answer.number, i + 1);
            assert_code(answer.code, QM_OK, &answer.error);
            assert_int_equal(answer.placement.outcome, QM_PLACED);
            subjects[i].placement = answer.placement;
            repeated += answer.placement.repeated;
        }
        qm_stream_free(stream);
        for (int i = 0; i < 8; i++)
            check_placed(&subjects[i]);
        if (!qt_proxy_fired(&proxy))
            break;
        cuts++;
    }
    print_message("    stream: cut %d times; %d orders sent again\n", cuts, repeated);
    assert_true(cuts >= 3 && repeated > 0);
}

/* A claim is not repeated once it was sent: what it took stays what it is, and nothing is given out twice. */
static void
test_claim_cut(void **state)
{
    Subject subject;
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = subject.price, .quantity = "1", .intent = true};
    QmClaim *claims;
    size_t count;

    (void) state;
    subject_new(&subject);
    assert_ok(qm_place_order(client, account, &order, &subject.placement), qm_client_error(client));
    qt_proxy_arm(&proxy, QT_REPLY, 0, QT_CLOSE);
    assert_code(qm_claim_orders(client, account, NULL, 0, 10, NULL, &claims, &count),
                QM_ERROR_UNCERTAIN,
                qm_client_error(client));
    assert_null(claims);
    assert_true(qt_proxy_fired(&proxy));
    assert_string_equal(qt_ask("SELECT state FROM quantmesh.orders WHERE order_id = %lld",
                               (long long) subject.placement.order_id),
                        "submitted");
    assert_ok(qm_claim_orders(client, account, NULL, 0, 10, NULL, &claims, &count), qm_client_error(client));
    assert_int_equal(count, 0);
    qm_free(claims);
}

/* No server for longer than the policy: that is said, and it is said whether something may have happened. */
static void
test_given_up(void **state)
{
    const QmRetryPolicy little = {.attempts_max = 2, .base_ms = 1, .cap_ms = 5};
    char info[512];
    const QmClientOptions options = {.conninfo = info, .retry = &little};
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .price = "999999", .quantity = "1"};
    QmClient *hasty;
    QmPlacement placement;
    QtProxy other;

    (void) state;
    qt_proxy_start(&other, qt_server_port());
    snprintf(info, sizeof(info), "%s host=127.0.0.1 port=%d", qt_conninfo(), other.port);
    hasty = qm_client_new(&options);
    assert_ok(qm_client_connect(hasty), qm_client_error(hasty));
    other.server_port = 1;
    qt_proxy_arm(&other, QT_REPLY, 0, QT_CLOSE);
    assert_code(qm_place_order(hasty, account, &order, &placement), QM_ERROR_UNCERTAIN, qm_client_error(hasty));
    assert_true(strlen(placement.request_id) > 0);
    /* Now nothing is sent, so nothing can have happened by this call. */
    order.request_id = placement.request_id;
    assert_code(qm_place_order(hasty, account, &order, &placement), QM_ERROR_CONNECT, qm_client_error(hasty));
    other.server_port = qt_server_port();
    assert_ok(qm_place_order(hasty, account, &order, &placement), qm_client_error(hasty));
    assert_true(placement.replayed && !placement.repeated);
    qm_client_free(hasty);
    qt_proxy_stop(&other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_silent_cuts),
        cmocka_unit_test(test_batch_cut),
        cmocka_unit_test(test_stream_cut),
        cmocka_unit_test(test_claim_cut),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_backend_killed),
        cmocka_unit_test(test_server_killed),
    };

    return cmocka_run_group_tests_name("faults at every step", tests, setup, teardown);
}
