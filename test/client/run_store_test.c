/*
 * A store that an instance asks whether it is there: how often, what the log is told, and
 * what follows when another server has answered.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "stores.h"

/* The store, whose answers and connections are told here. */
static QmStore *store;
static const QmStoreFunctions *real;
static QmStoreFunctions told;
static QmCode code;
static QmError error;
static long connections;
static int asked;

static QmRun run;
static QmRunAccount account;
static QmMarketConfig config;
static QmRunMarket market;
static FILE *log_file;

static QmCode
load_state(QmStore *of, const char *name, const char *symbol, const char *strategy, char **document, int64_t *version)
{
    asked++;
    if (code != QM_OK)
        return code;
    return real->load_state(of, name, symbol, strategy, document, version);
}

static long
connections_made(const QmStore *of)
{
    (void) of;
    return connections;
}

static const QmError *
error_told(const QmStore *of)
{
    (void) of;
    return &error;
}

/* answer_with lets the store answer so from now on. */
static void
answer_with(QmCode with, const char *sqlstate)
{
    code = with;
    error = (QmError){.code = with, .message = "as the test has it"};
    snprintf(error.sqlstate, sizeof(error.sqlstate), "%s", sqlstate);
}

static int
setup(void **state)
{
    (void) state;
    store = qt_store("sqlite", "run_store_test");
    real = store->functions;
    told = *real;
    told.load_state = load_state;
    told.connections = connections_made;
    told.error = error_told;
    store->functions = &told;
    answer_with(QM_OK, "");
    connections = asked = 0;
    log_file = tmpfile();
    assert_non_null(log_file);
    run = (QmRun){.store = store, .markets = &market, .market_count = 1};
    qm_log_open(&run.log, fileno(log_file), QM_LOG_INFO, false);
    account = (QmRunAccount){.run = &run, .name = QT_STORE_ACCOUNT};
    config = (QmMarketConfig){.symbol = "BTCUSDT"};
    market = (QmRunMarket){.run = &run, .account = &account, .config = &config, .sync = QM_RUN_SYNCED};
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    fclose(log_file);
    real->close(store);
    return 0;
}

/* look_when_due looks as if a second had passed. */
static void
look_when_due(void)
{
    run.store_retry_ns = 0;
    qm_run_store_look(&run);
}

/* logged counts the log's lines with a text. */
static int
logged(const char *text)
{
    char line[1024];
    int count = 0;

    rewind(log_file);
    while (fgets(line, sizeof(line), log_file) != NULL)
        count += strstr(line, text) != NULL;
    return count;
}

static void
test_once_a_second(void **state)
{
    (void) state;
    for (int i = 0; i < 100; i++)
        qm_run_store_look(&run);
    assert_int_equal(asked, 1);
    assert_in_range(run.store_retry_ns - qm_run_now_ns(), 1, 1000000000);
    look_when_due();
    assert_int_equal(asked, 2);
    assert_int_equal(market.sync, QM_RUN_SYNCED);
}

static void
test_refusal_is_told_once(void **state)
{
    (void) state;
    answer_with(QM_ERROR_PERMISSION, "42501");
    look_when_due();
    look_when_due();
    assert_int_equal(asked, 2);
    assert_int_equal(logged("refused"), 1);
    assert_false(run.store_lost);
    answer_with(QM_ERROR_SERVER, "57014"); /* another one */
    look_when_due();
    assert_int_equal(logged("refused"), 2);
    answer_with(QM_OK, "");
    look_when_due();
    answer_with(QM_ERROR_SERVER, "57014"); /* again, after it had answered */
    look_when_due();
    assert_int_equal(logged("refused"), 3);
    answer_with(QM_ERROR_SERVER, "58030"); /* a disk that fails is no refusal */
    look_when_due();
    assert_true(run.store_lost);
}

static void
test_gone_and_back(void **state)
{
    (void) state;
    answer_with(QM_ERROR_CONNECT, "08006");
    look_when_due();
    assert_true(run.store_lost);
    assert_false(qm_run_store_is_known(&run));
    look_when_due();
    assert_int_equal(logged("the store is gone"), 1);
    market.trades_from = 12;
    connections = 1;
    answer_with(QM_OK, "");
    look_when_due();
    assert_false(run.store_lost);
    assert_true(qm_run_store_is_known(&run));
    assert_int_equal(market.sync, QM_RUN_STALE);
    assert_int_equal(market.trades_from, 0); /* the store says from where on */
}

/* A link that breaks all the time lets everything be asked for once a second, and nothing be placed meanwhile. */
static void
test_breaks_all_the_time(void **state)
{
    (void) state;
    connections = 1;
    look_when_due();
    assert_int_equal(market.sync, QM_RUN_STALE);
    market.sync = QM_RUN_SYNCED;
    connections = 2;
    look_when_due();
    assert_int_equal(market.sync, QM_RUN_SYNCED);
    assert_false(qm_run_store_is_known(&run));
    run.store_another_ns = 0; /* the second has passed */
    look_when_due();
    assert_int_equal(market.sync, QM_RUN_STALE);
    assert_true(qm_run_store_is_known(&run));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_once_a_second, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_refusal_is_told_once, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_gone_and_back, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_breaks_all_the_time, setup, teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
