/*
 * The mark of a market: what is surely booked, as whoever goes on with it reads it. It
 * must not become too high, whatever ends between two writes, or takes the server's place.
 */
#include "check.h"

#include <string.h>
#include <unistd.h>

#include "run.h"
#include "server.h"
#include "stores.h"

#define SYMBOL "BTCUSDT"

/* The store, whose connections and failures are told here. */
static QmStore *store;
static const QmStoreFunctions *real;
static QmStoreFunctions told;
static long connections;
static int saves;
static int anew_at;  /* the save that is answered on a connection made anew */
static int older_at; /* the save that meets a server that has forgotten the one before */
static int fails_at; /* the save that is not answered */

static QmRun run;
static QmRunAccount account;
static QmMarketConfig config;
static QmRunMarket market;

/* save_state saves as the store does, unless the test has another plan. */
static QmCode
save_state(QmStore *of, const char *name, QmStrategyState *state)
{
    saves++;
    if (saves == fails_at)
        return QM_ERROR_CONNECT;
    if (saves == anew_at || saves == older_at)
        connections++;
    if (saves == older_at)
        assert_string_equal(qt_ask("UPDATE quantmesh.strategy_state SET version = version - 1 WHERE strategy = 'trades'"
                                   " RETURNING strategy"),
                            "trades");
    return real->save_state(of, name, state);
}

/* connections_made returns how many there were. */
static long
connections_made(const QmStore *of)
{
    (void) of;
    return connections;
}

/* market_begin makes an instance of one market that knows nothing yet. */
static void
market_begin(void)
{
    run = (QmRun){.store = store, .markets = &market, .market_count = 1, .store_connections = connections};
    qm_log_open(&run.log, STDERR_FILENO, QM_LOG_FATAL, false);
    account = (QmRunAccount){.run = &run, .name = QT_STORE_ACCOUNT};
    config = (QmMarketConfig){.symbol = SYMBOL};
    market = (QmRunMarket){.run = &run, .account = &account, .config = &config};
    saves = anew_at = older_at = fails_at = 0;
}

static int
setup(void **state)
{
    store = qt_store(*state, "run_mark_test");
    real = store->functions;
    told = *real;
    told.save_state = save_state;
    told.connections = connections_made;
    store->functions = &told;
    market_begin();
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    real->close(store);
    return 0;
}

/* stored returns the mark that somebody else would go on from, and whether what was before it is let be. */
static int64_t
stored(bool *skip)
{
    market_begin();
    assert_true(qm_run_mark_load(&market));
    *skip = market.trades_skip;
    return market.trades_from;
}

/* save_to loads the mark, moves it, and tells whether it was saved. */
static bool
save_to(int64_t from)
{
    assert_true(qm_run_mark_load(&market));
    market.trades_from = from;
    return qm_run_mark_save(&market);
}

static void
test_saved(void **state)
{
    bool skip;

    (void) state;
    assert_true(save_to(7));
    assert_int_equal(stored(&skip), 7);
    assert_false(skip);
    assert_true(save_to(12));
    assert_int_equal(saves, 2);
    assert_int_equal(stored(&skip), 12);
    /* Nothing new is not written. */
    assert_true(save_to(12));
    assert_int_equal(saves, 0);
}

static void
test_first_start(void **state)
{
    bool skip;

    (void) state;
    fails_at = 2;
    assert_false(save_to(7));
    assert_true(run.store_lost);
    assert_int_equal(stored(&skip), 0);
    assert_true(skip);
    /* A market in which nobody has traded yet has a mark: what comes next is ours. */
    market_begin();
    assert_true(save_to(0));
    assert_int_equal(saves, 2);
    assert_int_equal(stored(&skip), 0);
    assert_false(skip);
}

static void
test_another_server(void **state)
{
    bool skip;

    (void) state;
    assert_true(save_to(7));
    market_begin();
    anew_at = 1; /* the server that had booked trades 7 to 11 has crashed, and this one may have forgotten them */
    assert_false(save_to(12));
    assert_int_equal(saves, 1);
    assert_int_equal(stored(&skip), 7);
    market_begin();
    anew_at = 2; /* it has crashed with all of them on the disk */
    assert_true(save_to(12));
    assert_int_equal(stored(&skip), 12);
    market_begin();
    connections++; /* nobody has looked for what is missing yet */
    assert_false(save_to(15));
    assert_int_equal(stored(&skip), 12);
}

/* The server that is met by the mark itself has forgotten what was written before it, and so perhaps fills. */
static void
test_older_server(void **state)
{
    bool skip;

    (void) state;
    assert_true(save_to(7));
    market_begin();
    older_at = 2;
    assert_false(save_to(12));
    assert_int_equal(saves, 2);
    assert_int_equal(stored(&skip), 7);
}

static void
test_end_between(void **state)
{
    bool skip;

    (void) state;
    assert_true(save_to(7));
    market_begin();
    fails_at = 2;
    assert_false(save_to(12));
    assert_int_equal(stored(&skip), 7);
}

static void
test_another_instance(void **state)
{
    QmStrategyState theirs = {.symbol = SYMBOL, .strategy = "trades", .document = "{\"from\": \"40\"}"};
    bool skip;

    (void) state;
    assert_true(save_to(7));
    assert_true(qm_run_mark_load(&market));
    theirs.version = market.trades_version;
    assert_ok(real->save_state(store, QT_STORE_ACCOUNT, &theirs), qt_error(store));
    market.trades_from = 12;
    assert_false(qm_run_mark_save(&market));
    assert_int_equal(market.trades_from, 40);
    assert_int_equal(stored(&skip), 40);
}

static void
test_gap(void **state)
{
    bool skip;

    (void) state;
    assert_true(save_to(7));
    assert_true(qm_run_mark_load(&market));
    market.trades_gap = 1; /* an order has more than was booked */
    market.trades_from = 12;
    assert_true(qm_run_mark_save(&market));
    assert_int_equal(stored(&skip), 7);
}

#define IN_BOTH(test)                                         \
    {"sqlite: " #test, test, setup, teardown, "sqlite"},      \
    {                                                         \
        "postgres: " #test, test, setup, teardown, "postgres" \
    }

int
main(void)
{
    const struct CMUnitTest tests[] = {IN_BOTH(test_saved),
                                       IN_BOTH(test_first_start),
                                       IN_BOTH(test_another_server),
                                       IN_BOTH(test_end_between),
                                       IN_BOTH(test_another_instance),
                                       IN_BOTH(test_gap),
                                       {"postgres: test_older_server", test_older_server, setup, teardown, "postgres"}};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
