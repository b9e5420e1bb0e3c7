/*
 * The file of a SQLite store on bad days: a second process, no rights, damage,
 * another version, a full disk, kill -9 while it commits, several threads.
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_sqlite.h"
#include "stores.h"

enum
{
    KILLS = 8,
    KILL_AFTER_ORDERS = 7,
    THREADS = 4,
    THREAD_ORDERS = 25,
    TEXT = 32
};

static const char account[] = QT_STORE_ACCOUNT;

/* refused opens a file, which must not work. */
static QmError
refused(const char *path, bool read_only, QmCode code)
{
    QmStoreOptions options = {.path = path, .read_only = read_only};
    QmStore *store;
    QmError error = {0};

    assert_code(qm_store_open(&options, &store, &error), code, &error);
    assert_null(store);
    assert_true(error.message[0] != '\0' && error.hint[0] != '\0');
    return error;
}

/* opened opens a file, which must work. */
static QmStore *
opened(const char *path, bool read_only)
{
    QmStoreOptions options = {.path = path, .read_only = read_only};
    QmStore *store;
    QmError error;

    assert_ok(qm_store_open(&options, &store, &error), &error);
    return store;
}

/* order_at returns an order whose request id tells its number. */
static QmOrder
order_at(int number, char price[TEXT], char request_id[TEXT])
{
    snprintf(price, TEXT, "%d.%02d", 100 + number / 100, number % 100);
    snprintf(request_id, TEXT, "n%d", number);
    return (QmOrder){.symbol = "BTCUSDT", .side = "buy", .price = price, .quantity = "1", .request_id = request_id};
}

/* live_orders counts the live orders of a store. */
static size_t
live_orders(QmStore *store)
{
    QmStoredOrder *list;
    size_t count;

    assert_ok(store->functions->open_orders(store, account, NULL, NULL, &list, &count), qt_error(store));
    qm_free(list);
    return count;
}

/* test_second shows that one process writes, and others may read. */
static void
test_second(void **state)
{
    QmStore *store = qt_store("sqlite", "second");
    QmOrder order;
    QmPlacement placement;
    QmStore *reader;
    QmError error;
    char price[TEXT];
    char request_id[TEXT];
    char pid[TEXT];
    int status;
    pid_t child;

    (void) state;
    error = refused(qt_store_file("second"), false, QM_ERROR_SERVER);
    assert_string_equal(error.sqlstate, "55006");
    snprintf(pid, sizeof(pid), "pid %ld on host ", (long) getpid());
    assert_non_null(strstr(error.message, pid));
    child = fork();
    if (child == 0)
    {
        QmStoreOptions options = {.path = qt_store_file("second")};

        _exit(qm_store_open(&options, &reader, &error) == QM_ERROR_SERVER && strstr(error.message, pid) != NULL ? 0
                                                                                                                : 1);
    }
    assert_true(waitpid(child, &status, 0) == child && status == 0);

    order = order_at(1, price, request_id);
    (void) qt_placed(store, &order);
    reader = opened(qt_store_file("second"), true);
    assert_int_equal(live_orders(reader), 1);
    order = order_at(2, price, request_id);
    (void) qt_placed(store, &order);
    assert_int_equal(live_orders(reader), 2);
    assert_code(reader->functions->place_order(reader, account, &order, NULL, &placement),
                QM_ERROR_READ_ONLY,
                qt_error(reader));
    reader->functions->close(reader);
    store->functions->close(store);
    store = opened(qt_store_file("second"), false);
    assert_int_equal(live_orders(store), 2);
    store->functions->close(store);
}

/* test_rights shows a file and a folder that may not be written, and a folder that is not there. */
static void
test_rights(void **state)
{
    QmStore *store = qt_store("sqlite", "rights");
    QmError error;

    (void) state;
    store->functions->close(store);
    assert_int_equal(chmod(qt_store_file("rights"), 0444), 0);
    if (access(qt_store_file("rights"), W_OK) != 0) /* whoever may do everything is stopped by nothing */
    {
        error = refused(qt_store_file("rights"), false, QM_ERROR_READ_ONLY);
        assert_string_equal(error.sqlstate, "25006");
    }
    assert_int_equal(chmod(qt_store_file("rights"), 0644), 0);
    error = refused(qt_store_file("none/file"), false, QM_ERROR_CONNECT);
    assert_string_equal(error.sqlstate, "58P01");
    (void) refused(qt_store_file("nothing"), true, QM_ERROR_CONNECT);
}

/* overwrite writes into a file at some place. */
static void
overwrite(const char *path, off_t at, size_t len)
{
    static char rubbish[65536];
    int fd = open(path, O_WRONLY);

    memset(rubbish, 0xA5, sizeof(rubbish));
    if (fd < 0 || pwrite(fd, rubbish, len, at) != (ssize_t) len)
        qt_fail("%s cannot be written", path);
    (void) close(fd);
}

/* test_damage shows files that are damaged, and files that are none. */
static void
test_damage(void **state)
{
    QmStore *store = qt_store("sqlite", "damage");
    struct stat status;
    QmError error;
    char price[TEXT];
    char request_id[TEXT];

    (void) state;
    for (int i = 0; i < 200; i++)
    {
        QmOrder order = order_at(i, price, request_id);

        (void) qt_placed(store, &order);
    }
    store->functions->close(store);
    assert_int_equal(stat(qt_store_file("damage"), &status), 0);
    assert_true(status.st_size > 50000);
    overwrite(qt_store_file("damage"), status.st_size / 2, 8192);
    error = refused(qt_store_file("damage"), false, QM_ERROR_SERVER);
    assert_string_equal(error.sqlstate, "XX001");
    overwrite(qt_store_file("damage"), 0, 100);
    error = refused(qt_store_file("damage"), false, QM_ERROR_SERVER);
    assert_string_equal(error.sqlstate, "XX001");
    error = refused("/dev/null", true, QM_ERROR_VERSION);
    assert_string_equal(error.sqlstate, "55000");
}

/* make_version says what version a file has. */
static void
make_version(const char *path, int version)
{
    char sql[64];
    sqlite3 *db;

    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version);
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        qt_fail("%s cannot be changed", path);
    (void) sqlite3_close(db);
}

/* test_versions shows a file of a newer program, one that was never finished, and one of somebody else. */
static void
test_versions(void **state)
{
    QmStore *store = qt_store("sqlite", "version");
    const char *path = qt_store_file("version");
    QmError error;
    sqlite3 *db;

    (void) state;
    store->functions->close(store);
    make_version(path, QM_STORE_VERSION + 1);
    error = refused(path, false, QM_ERROR_VERSION);
    assert_non_null(strstr(error.hint, "newer"));
    (void) refused(path, true, QM_ERROR_VERSION);
    make_version(path, QM_STORE_VERSION);
    store = opened(path, false);
    store->functions->close(store);

    path = qt_store_file("foreign");
    (void) remove(path);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "CREATE TABLE orders (id, status)", NULL, NULL, NULL) != SQLITE_OK)
        qt_fail("%s cannot be made", path);
    (void) sqlite3_close(db);
    error = refused(path, false, QM_ERROR_VERSION);
    assert_non_null(strstr(error.hint, "import"));

    /* Made, but its schema was not: it has no step yet, and gets them all. */
    path = qt_store_file("unfinished");
    (void) remove(path);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) != SQLITE_OK)
        qt_fail("%s cannot be made", path);
    (void) sqlite3_close(db);
    (void) refused(path, true, QM_ERROR_VERSION);
    store = opened(path, false);
    assert_int_equal(live_orders(store), 0);
    store->functions->close(store);
}

/* test_full shows a disk without room: nothing happens, and goes on when there is some. */
static void
test_full(void **state)
{
    QmStore *store = qt_store("sqlite", "full");
    sqlite3 *db = ((QmSqlite *) store)->db;
    QmPlacement placement;
    QmOrder order;
    char price[TEXT];
    char request_id[TEXT];
    QmCode code = QM_OK;
    int number = 0;

    (void) state;
    assert_int_equal(sqlite3_exec(db, "PRAGMA max_page_count = 40", NULL, NULL, NULL), SQLITE_OK);
    while (code == QM_OK && number < 5000)
    {
        order = order_at(++number, price, request_id);
        code = store->functions->place_order(store, account, &order, NULL, &placement);
    }
    assert_code(code, QM_ERROR_LIMIT, qt_error(store));
    assert_string_equal(qt_error(store)->sqlstate, "53100");
    assert_non_null(strstr(qt_error(store)->message, "disk is full"));
    assert_string_equal(placement.request_id, request_id);
    assert_int_equal(placement.order_id, 0);
    assert_int_equal(live_orders(store), number - 1);
    assert_int_equal(sqlite3_exec(db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL), SQLITE_OK);
    placement = qt_placed(store, &order);
    assert_false(placement.replayed);
    assert_int_equal(live_orders(store), number);
    store->functions->close(store);
}

/* place_for_ever tells every order that was placed, and never ends by itself. */
static void
place_for_ever(const char *path, int from, int to)
{
    QmStoreOptions options = {.path = path};
    QmPlacement placement;
    QmStore *store;
    QmError error;
    char price[TEXT];
    char request_id[TEXT];

    if (qm_store_open(&options, &store, &error) != QM_OK)
        _exit(1);
    for (int number = from;; number++)
    {
        QmOrder order = order_at(number, price, request_id);

        if (store->functions->place_order(store, account, &order, NULL, &placement) != QM_OK ||
            placement.outcome != QM_PLACED || write(to, &number, sizeof(number)) != sizeof(number))
            _exit(2);
    }
}

/* test_killed kills a process while it commits: what was answered is there, and at most one order more. */
static void
test_killed(void **state)
{
    QmStore *store = qt_store("sqlite", "killed");
    int next = 0;

    (void) state;
    store->functions->close(store);
    for (int round = 0; round < KILLS; round++)
    {
        int ends[2];
        int number;
        int answered = next;
        int status;
        size_t live;
        pid_t child;

        assert_int_equal(pipe(ends), 0);
        child = fork();
        if (child == 0)
            place_for_ever(qt_store_file("killed"), next, ends[1]);
        (void) close(ends[1]);
        /* Not between two orders but somewhere in one: as many spins as the round says. */
        while (read(ends[0], &number, sizeof(number)) == sizeof(number))
        {
            answered = number + 1;
            if (number - next == KILL_AFTER_ORDERS)
            {
                usleep((useconds_t) (round * 37));
                (void) kill(child, SIGKILL);
            }
        }
        (void) close(ends[0]);
        assert_true(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        assert_true(answered > next + KILL_AFTER_ORDERS);
        store = opened(qt_store_file("killed"), false);
        live = live_orders(store);
        if (live != (size_t) answered && live != (size_t) answered + 1)
            qt_fail("%d orders were answered, %zu are there", answered, live);
        next = (int) live;
        store->functions->close(store);
    }
}

/* trade_alone places orders in a store of its own. */
static void *
trade_alone(void *argument)
{
    char name[128];
    char price[TEXT];
    char request_id[TEXT];
    QmStoreOptions options = {0};
    QmPlacement placement;
    QmStore *store;
    intptr_t bad = 0;

    snprintf(name, sizeof(name), "%s/thread%ld", qt_folder(), (long) (intptr_t) argument);
    options.path = name;
    if (qm_store_open(&options, &store, NULL) != QM_OK)
        return (void *) 1;
    for (int number = 0; number < THREAD_ORDERS; number++)
    {
        QmOrder order = order_at(number, price, request_id);
        QmReport report = {.symbol = "BTCUSDT",
                           .trade_id = request_id,
                           .last_quantity = "0.5",
                           .last_price = price,
                           .state = "NEW"};
        QmReportResult result;

        bad += store->functions->place_order(store, account, &order, NULL, &placement) != QM_OK;
        report.client_order_id = placement.client_order_id;
        bad += store->functions->apply_report(store, account, &report, &result) != QM_OK;
        bad += strcmp(result.state, "partially_filled") != 0;
    }
    bad += live_orders(store) != THREAD_ORDERS;
    store->functions->close(store);
    return (void *) bad;
}

/* test_threads lets several threads trade, each in its own store. */
static void
test_threads(void **state)
{
    pthread_t threads[THREADS];
    char name[128];
    void *bad;

    (void) state;
    for (long i = 0; i < THREADS; i++)
    {
        QmStore *store;

        snprintf(name, sizeof(name), "thread%ld", i);
        store = qt_store("sqlite", name);
        store->functions->close(store);
        assert_int_equal(pthread_create(&threads[i], NULL, trade_alone, (void *) (intptr_t) i), 0);
    }
    for (int i = 0; i < THREADS; i++)
    {
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_second),
                                       cmocka_unit_test(test_rights),
                                       cmocka_unit_test(test_damage),
                                       cmocka_unit_test(test_versions),
                                       cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_killed),
                                       cmocka_unit_test(test_threads)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
