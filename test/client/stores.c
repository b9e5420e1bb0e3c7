/*
 * Stores for the tests: one of each type, fresh, with the same markets.
 */
#include "stores.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "server.h"

/* qt_folder returns a folder for files, in memory where the system has a place for that; test/run has made it and drops it. */
const char *
qt_folder(void)
{
    const char *folder = getenv("QM_TEST_FOLDER");

    if (folder == NULL)
        qt_fail("QM_TEST_FOLDER names no folder: test/run does");
    return folder;
}

/* qt_store_file returns the path of a file there; the next call but three overwrites it. */
const char *
qt_store_file(const char *name)
{
    static char paths[4][128];
    static int last;

    last = (last + 1) % 4;
    snprintf(paths[last], sizeof(paths[last]), "%s/%s", qt_folder(), name);
    return paths[last];
}

/* qt_store makes a fresh store, in a database or a file of that name. */
QmStore *
qt_store(const char *type, const char *name)
{
    QmStoreOptions options = {.type = type, .path = qt_store_file(name)};
    QmStore *store;
    QmError error;

    if (strcmp(type, "postgres") == 0)
    {
        qt_database(name);
        options.postgres.conninfo = qt_conninfo();
    }
    else
        (void) remove(options.path);
    assert_ok(qm_store_open(&options, &store, &error), &error);
    qt_markets(store);
    return store;
}

/* qt_markets makes the markets that the tests trade in. */
void
qt_markets(QmStore *store)
{
    QmMarketFilters filters = {.tick_size = "0.01",
                               .step_size = "0.001",
                               .min_quantity = "0.002",
                               .max_quantity = "1000",
                               .min_notional = "5"};
    QmMarketFilters levels = {.tick_size = "0.01", .step_size = "0.1", .slot_by = "level"};

    assert_ok(store->functions->set_market(store, QT_STORE_ACCOUNT, "BTCUSDT", &filters), qt_error(store));
    assert_ok(store->functions->set_market(store, QT_STORE_ACCOUNT, "ETH-USDT", &levels), qt_error(store));
}

/* qt_placed places an order, which must work. */
QmPlacement
qt_placed(QmStore *store, const QmOrder *order)
{
    QmPlacement placement;

    assert_ok(store->functions->place_order(store, QT_STORE_ACCOUNT, order, NULL, &placement), qt_error(store));
    if (placement.outcome != QM_PLACED)
        qt_fail("not placed: %s %s", placement.reason, placement.detail);
    return placement;
}
