/*
 * The SQLite store on a disk that fails: full, failing to write, failing to sync,
 * at each write and each sync of a placement in turn, for once or from then on.
 * What was answered is there, and a repeated call finds or makes its order, once.
 *
 * The disk is SQLite's own, behind a layer that lets one write or sync fail.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "store_sqlite.h"
#include "stores.h"

enum
{
    TEXT = 32,
    KINDS = 2,           /* of files: databases, and others */
    ORDERS_BETWEEN = 3,  /* that are placed well between two failures, so that checkpoints meet them at other places */
    CHECKPOINT_PAGES = 8 /* so that some placements bring one */
};

/* What fails, and when. */
static struct
{
    sqlite3_vfs *disk;
    sqlite3_vfs vfs;
    const sqlite3_io_methods *whole[KINDS]; /* as SQLite has them */
    sqlite3_io_methods broken[KINDS];       /* with the two below */
    int write_code;                         /* SQLITE_OK: writes do not fail */
    int sync_code;
    int countdown; /* operations until the one that fails; 0: none does */
    bool lasting;
    int failures;
} bad;

/* fails counts an operation that could fail, and says whether it does. */
static bool
fails(int code)
{
    if (code == SQLITE_OK || bad.countdown == 0)
        return false;
    if (--bad.countdown > 0)
        return false;
    bad.failures++;
    bad.countdown = bad.lasting ? 1 : 0;
    return true;
}

static int
bad_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    return fails(bad.write_code) ? bad.write_code : bad.whole[0]->xWrite(file, data, size, offset);
}

static int
bad_sync(sqlite3_file *file, int flags)
{
    return fails(bad.sync_code) ? bad.sync_code : bad.whole[0]->xSync(file, flags);
}

static int
bad_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
    int code = bad.disk->xOpen(bad.disk, name, file, flags, out_flags);
    int kind = 0;

    (void) vfs;
    if (code != SQLITE_OK)
        return code;
    while (bad.whole[kind] != NULL && bad.whole[kind] != file->pMethods)
        assert_in_range(++kind, 0, KINDS - 1);
    if (bad.whole[kind] == NULL)
    {
        bad.whole[kind] = file->pMethods;
        bad.broken[kind] = *file->pMethods;
        bad.broken[kind].xWrite = bad_write;
        bad.broken[kind].xSync = bad_sync;
        assert_ptr_equal(file->pMethods->xWrite, bad.whole[0]->xWrite);
        assert_ptr_equal(file->pMethods->xSync, bad.whole[0]->xSync);
    }
    file->pMethods = &bad.broken[kind];
    return code;
}

/* break_disk puts the layer between SQLite and the disk. */
static int
break_disk(void **state)
{
    (void) state;
    bad.disk = sqlite3_vfs_find(NULL);
    bad.vfs = *bad.disk;
    bad.vfs.zName = "bad";
    bad.vfs.xOpen = bad_open;
    return sqlite3_vfs_register(&bad.vfs, 1);
}

static int
mend_disk(void **state)
{
    (void) state;
    sqlite3_vfs_unregister(&bad.vfs);
    return sqlite3_vfs_register(bad.disk, 1);
}

/* place places the order of that number, with the strategy's state beside it. */
static QmCode
place(QmStore *store, int number, QmPlacement *placement)
{
    char price[TEXT];
    char request_id[TEXT];
    char document[TEXT];
    char *now;
    QmStrategyState strategy = {.symbol = "BTCUSDT", .strategy = "grid", .document = document};
    QmOrder order = {.symbol = "BTCUSDT", .side = "buy", .quantity = "1", .price = price, .request_id = request_id};

    snprintf(price, TEXT, "%d.%02d", 100 + number / 100, number % 100);
    snprintf(request_id, TEXT, "n%d", number);
    snprintf(document, TEXT, "{\"last\": %d}", number);
    assert_ok(store->functions->load_state(store, QT_STORE_ACCOUNT, "BTCUSDT", "grid", &now, &strategy.version),
              qt_error(store));
    qm_free(now);
    return store->functions->place_order(store, QT_STORE_ACCOUNT, &order, &strategy, placement);
}

/* placed_well places an order while the disk is well; it may be there already where that is uncertain. */
static void
placed_well(QmStore *store, int number, bool may_be_there)
{
    QmPlacement placement;

    assert_ok(place(store, number, &placement), qt_error(store));
    assert_int_equal(placement.outcome, QM_PLACED);
    if (!may_be_there)
        assert_false(placement.replayed);
}

/* check_orders sees that the orders are those of 1 to number, and that the state is that of the last. */
static void
check_orders(QmStore *store, int number)
{
    QmStoredOrder *list;
    size_t count;
    char *document;
    char wanted[TEXT];
    int64_t version;

    assert_ok(store->functions->open_orders(store, QT_STORE_ACCOUNT, NULL, NULL, &list, &count), qt_error(store));
    assert_int_equal(count, number);
    qm_free(list);
    snprintf(wanted, TEXT, "{\"last\": %d}", number);
    assert_ok(store->functions->load_state(store, QT_STORE_ACCOUNT, "BTCUSDT", "grid", &document, &version),
              qt_error(store));
    assert_string_equal(document, wanted);
    qm_free(document);
}

/* check_failure sees that a failure is told as docs/stores.md has it, and says whether the order may be there. */
static bool
check_failure(const QmError *error)
{
    bool uncertain = error->code == QM_ERROR_UNCERTAIN;

    if (uncertain)
        assert_string_equal(error->sqlstate, "08007");
    else if (bad.write_code == SQLITE_FULL)
        assert_int_equal(error->code, QM_ERROR_LIMIT);
    else
        assert_int_equal(error->code, QM_ERROR_SERVER);
    assert_string_equal(error->sqlstate, uncertain ? "08007" : bad.write_code == SQLITE_FULL ? "53100" : "58030");
    assert_true(error->hint[0] != '\0');
    return uncertain;
}

/* fail_everywhere lets each operation of a placement fail in turn, until one placement has had no failure. */
static void
fail_everywhere(const char *name, int write_code, int sync_code, bool lasting)
{
    QmStore *store = qt_store("sqlite", name);
    QmStoreOptions options = {.path = qt_store_file(name)};
    QmPlacement placement;
    QmError error;
    bool went_through = false;
    int number = 0;
    int refused = 0;

    assert_int_equal(sqlite3_wal_autocheckpoint(((QmSqlite *) store)->db, CHECKPOINT_PAGES), SQLITE_OK);
    bad.write_code = write_code;
    bad.sync_code = sync_code;
    bad.lasting = lasting;
    for (int step = 1; !went_through; step++)
    {
        bool may_be_there = false;

        for (int i = 0; i < ORDERS_BETWEEN; i++)
            placed_well(store, ++number, false);
        bad.failures = 0;
        bad.countdown = step;
        if (place(store, ++number, &placement) != QM_OK)
        {
            assert_true(bad.failures > 0);
            may_be_there = check_failure(qt_error(store));
            refused++;
        }
        else
            may_be_there = true; /* a checkpoint may have failed, which is nobody's loss */
        went_through = bad.failures == 0;
        bad.countdown = 0;
        placed_well(store, number, may_be_there);
        check_orders(store, number);
    }
    assert_true(refused > 0);
    store->functions->close(store);
    assert_ok(qm_store_open(&options, &store, &error), &error);
    check_orders(store, number);
    store->functions->close(store);
    printf("# %s: %d orders, %d placements refused\n", name, number, refused);
}

static void
test_full_once(void **state)
{
    (void) state;
    fail_everywhere("full_once", SQLITE_FULL, SQLITE_OK, false);
}

static void
test_full(void **state)
{
    (void) state;
    fail_everywhere("full", SQLITE_FULL, SQLITE_OK, true);
}

static void
test_write_fails(void **state)
{
    (void) state;
    fail_everywhere("write_fails", SQLITE_IOERR_WRITE, SQLITE_OK, false);
    fail_everywhere("writes_fail", SQLITE_IOERR_WRITE, SQLITE_OK, true);
}

static void
test_sync_fails(void **state)
{
    (void) state;
    fail_everywhere("sync_fails", SQLITE_OK, SQLITE_IOERR_FSYNC, false);
    fail_everywhere("syncs_fail", SQLITE_OK, SQLITE_IOERR_FSYNC, true);
}

/* A report waits for no disk, and the order after it for both. */
static void
test_reports_do_not_wait(void **state)
{
    QmStore *store = qt_store("sqlite", "reports");
    QmReport report = {.symbol = "BTCUSDT", .exchange_order_id = "77", .state = "NEW"};
    QmReportResult result;
    QmPlacement placement;

    (void) state;
    assert_ok(place(store, 1, &placement), qt_error(store));
    report.client_order_id = placement.client_order_id;
    bad.write_code = SQLITE_OK;
    bad.sync_code = SQLITE_IOERR_FSYNC;
    bad.lasting = true;
    bad.failures = 0;
    bad.countdown = 1;
    assert_ok(store->functions->apply_report(store, QT_STORE_ACCOUNT, &report, &result), qt_error(store));
    assert_true(result.applied);
    assert_int_equal(bad.failures, 0);
    assert_int_equal(place(store, 2, &placement), QM_ERROR_UNCERTAIN);
    assert_true(bad.failures > 0);
    bad.countdown = 0;
    placed_well(store, 2, true);
    check_orders(store, 2);
    store->functions->close(store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_full_once),
                                       cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_write_fails),
                                       cmocka_unit_test(test_sync_fails),
                                       cmocka_unit_test(test_reports_do_not_wait)};

    return cmocka_run_group_tests(tests, break_disk, mend_disk);
}
