/*
 * Opening a store's SQLite file: who may write it, whether it is one of ours and
 * sound, and its schema.
 *
 * One process at a time writes a file. It holds a lock of the operating system on
 * <file>.lock, which ends with the process however that ends, and has written its
 * pid and host there for whoever is refused. The lock file is left where it is: to
 * remove it would let two processes lock two files of that name.
 *
 * WAL and synchronous = FULL: a commit that was answered has reached the disk, but
 * for reports of the exchange (qm_sqlite_note), and readers do not wait for the writer.
 */
#include "store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "moment.h"

#define READER (-1)
#define IN_MEMORY (-2)
#define FILE_BITS 18 /* of ids, that tell one file from another; the 30 below them count */

static QmCode lock(QmSqlite *store);
static QmCode refuse_second(QmSqlite *store, int fd);
static void prepare_file(QmSqlite *store);
static void check_file(QmSqlite *store);
static void check_application(QmSqlite *store, int64_t version);
static void make_schema(QmSqlite *store, int64_t version);
static void make_identity(QmSqlite *store);
static void read_identity(QmSqlite *store);
static int64_t pragma(QmSqlite *store, const char *sql);

/* qm_sqlite_open opens the file of a store for its only writer, or for a reader. */
QmCode
qm_sqlite_open(QmSqlite *store, const QmStoreOptions *options)
{
    int flags =
        SQLITE_OPEN_NOMUTEX | (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

    if (options->path == NULL || options->path[0] == '\0')
        return qm_error_set(&store->error, QM_ERROR_ARGUMENT, "22004", NULL, "a store of type sqlite needs a path");
    store->path = strdup(options->path);
    if (store->path == NULL)
        return qm_error_no_memory(&store->error);
    store->may_have_moved = options->may_have_moved;
    if (options->must_exist && access(store->path, F_OK) != 0)
        return qm_error_set(&store->error,
                            QM_ERROR_CONNECT,
                            "58P01",
                            "Check the path.",
                            "there is no file \"%s\"",
                            store->path);
    if (!options->read_only && lock(store) != QM_OK)
        return store->error.code;
    if (sqlite3_open_v2(store->path, &store->db, flags, NULL) != SQLITE_OK)
    {
        if (store->db == NULL)
            return qm_error_no_memory(&store->error);
        return qm_sqlite_failed(store);
    }
    prepare_file(store);
    qm_scratch_drop();
    return store->error.code;
}

/* qm_sqlite_close closes the file, and lets another process have it. */
void
qm_sqlite_close(QmSqlite *store)
{
    for (int i = 0; i < QM_STORE_STATEMENTS_MAX; i++)
        (void) sqlite3_finalize(store->prepared[i].statement);
    (void) sqlite3_close(store->db);
    if (store->lock_fd >= 0)
        (void) close(store->lock_fd);
    store->lock_fd = -1;
}

/* lock becomes the file's only writer, and writes down who that is. */
static QmCode
lock(QmSqlite *store)
{
    size_t size = strlen(store->path) + 6;
    char *path = malloc(size);
    char host[256] = "";
    char who[320];
    int fd;

    if (strcmp(store->path, ":memory:") == 0)
    {
        free(path);
        store->lock_fd = IN_MEMORY;
        return QM_OK;
    }
    if (path == NULL)
        return qm_error_no_memory(&store->error);
    snprintf(path, size, "%s.lock", store->path);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    free(path);
    if (fd < 0)
    {
        bool denied = errno == EACCES || errno == EPERM || errno == EROFS;

        return qm_error_set(&store->error,
                            denied ? QM_ERROR_READ_ONLY : QM_ERROR_CONNECT,
                            denied ? "25006" : "58P01",
                            denied ? "Give this user write access to the file and its folder, or open it read-only."
                                   : "Check that the folder exists, and that there is room on its disk.",
                            "store \"%s\": \"%s.lock\" cannot be written: %s",
                            store->path,
                            store->path,
                            strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return refuse_second(store, fd);
    store->lock_fd = fd;
    (void) gethostname(host, sizeof(host) - 1);
    snprintf(who, sizeof(who), "pid %ld on host %s\n", (long) getpid(), host);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, who, strlen(who), 0) != (ssize_t) strlen(who))
        return qm_error_set(&store->error,
                            QM_ERROR_LIMIT,
                            "53100",
                            "Make room on the disk.",
                            "store \"%s\": \"%s.lock\" cannot be written: %s",
                            store->path,
                            store->path,
                            strerror(errno));
    return QM_OK;
}

/* refuse_second says who has the file. */
static QmCode
refuse_second(QmSqlite *store, int fd)
{
    char who[320] = "";
    ssize_t len = pread(fd, who, sizeof(who) - 1, 0);

    who[len < 0 ? 0 : strcspn(who, "\n")] = '\0';
    (void) close(fd);
    return qm_error_set(&store->error,
                        QM_ERROR_SERVER,
                        "55006",
                        "End that process first; several instances need a store of type postgres.",
                        "store \"%s\" is in use by %s",
                        store->path,
                        who[0] == '\0' ? "another process" : who);
}

/* prepare_file checks what the file is, and gives a writer what it needs. */
static void
prepare_file(QmSqlite *store)
{
    int64_t version;

    (void) sqlite3_busy_timeout(store->db, QM_STORE_BUSY_MS);
    (void) sqlite3_extended_result_codes(store->db, 1);
    version = pragma(store, "PRAGMA user_version");
    check_application(store, version);
    if (store->lock_fd != READER)
    {
        if (version > 0)
            check_file(store);
        qm_sql_run(store, "PRAGMA journal_mode = WAL");
        qm_sql_run(store, "PRAGMA synchronous = FULL");
        store->durable = true;
        if (qm_sqlite_fine(store) && sqlite3_db_readonly(store->db, "main") == 1)
            (void) qm_sqlite_refuse(store,
                                    QM_ERROR_READ_ONLY,
                                    "25006",
                                    "Give this user write access to the file and its folder, or open it read-only.",
                                    "store \"%s\": the file is read-only",
                                    store->path);
        make_schema(store, version);
    }
    read_identity(store);
}

/* check_file lets nobody trade on a damaged file. */
static void
check_file(QmSqlite *store)
{
    sqlite3_stmt *statement = NULL;

    if (!qm_sqlite_fine(store))
        return;
    if (sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        (void) qm_sqlite_failed(store);
    else if (strcmp((const char *) sqlite3_column_text(statement, 0), "ok") != 0)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "XX001",
                                "Stop trading, keep a copy of the file, and restore a backup; what is missing then is "
                                "at the exchange.",
                                "store \"%s\": the file is damaged (%.200s)",
                                store->path,
                                (const char *) sqlite3_column_text(statement, 0));
    (void) sqlite3_finalize(statement);
}

/* check_application refuses a file that is not ours, and one that a newer version has made. */
static void
check_application(QmSqlite *store, int64_t version)
{
    int64_t application = pragma(store, "PRAGMA application_id");
    int64_t tables = pragma(store, "SELECT count(*) FROM sqlite_schema");

    if (!qm_sqlite_fine(store))
        return;
    if (application != QM_STORE_APPLICATION && (tables > 0 || store->lock_fd == READER))
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_VERSION,
                                "55000",
                                "A file of the earlier system is taken over by: quantmesh import sqlite FILE.",
                                "\"%s\" is no store of QuantMesh",
                                store->path);
    else if (version > QM_STORE_VERSION)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_VERSION,
                                "55000",
                                "Use the version of QuantMesh that has written it, or a newer one.",
                                "store \"%s\" has version %" PRId64 ", this program knows %d",
                                store->path,
                                version,
                                QM_STORE_VERSION);
    else if (version < QM_STORE_VERSION && store->lock_fd == READER)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_VERSION,
                                "55000",
                                "Open it for writing once, which brings it to this version.",
                                "store \"%s\" has version %" PRId64 ", this program reads %d",
                                store->path,
                                version,
                                QM_STORE_VERSION);
}

/* make_schema brings the file to this version, all of it or nothing. */
static void
make_schema(QmSqlite *store, int64_t version)
{
    if (version >= QM_STORE_VERSION || !qm_sqlite_fine(store))
        return;
    qm_sql_run(store, "BEGIN IMMEDIATE");
    for (int64_t step = version; step < QM_STORE_VERSION; step++)
        qm_sql_run(store, qm_store_steps[step]);
    if (version == 0)
        make_identity(store);
    qm_sql_run(store, qm_scratch_print("PRAGMA application_id = %d", QM_STORE_APPLICATION));
    qm_sql_run(store, qm_scratch_print("PRAGMA user_version = %d", QM_STORE_VERSION));
    qm_sql_run(store, "COMMIT");
    if (!qm_sqlite_fine(store) && !sqlite3_get_autocommit(store->db))
        (void) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/*
 * make_identity draws what tells this file's orders from all others: the tag of
 * its client order ids, and its range of ids. A server's ids have a generation
 * above 0 in their upper bits; a file's have none there.
 */
static void
make_identity(QmSqlite *store)
{
    uint32_t drawn[2];
    char tag[QM_TAG_LEN + 1];
    int64_t first;

    if (!qm_random(drawn, sizeof(drawn)))
    {
        (void)
            qm_sqlite_refuse(store, QM_ERROR_UNSUPPORTED, "0A000", NULL, "the system has no source of random numbers");
        return;
    }
    qm_tag_from_random(tag, drawn[0]);
    first = ((int64_t) (drawn[1] >> (32 - FILE_BITS)) * (QM_STORE_IDS + INT64_C(1))) + 1;
    (void) qm_sql_change(store,
                         qm_sql(store,
                                "INSERT INTO store (one, tag, next_id, last_id, created_at) VALUES (1, ?, ?, ?, ?)",
                                "tiii",
                                tag,
                                first,
                                first + QM_STORE_IDS - 1,
                                qm_sqlite_now()));
}

/* read_identity reads the file's tag. A file whose history has moved away is only read. */
static void
read_identity(QmSqlite *store)
{
    sqlite3_stmt *statement = qm_sql(store, "SELECT tag, moved_to, moved_at FROM store", "");

    if (!qm_sql_next(store, statement))
    {
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_SERVER,
                                "XX001",
                                "Restore a backup.",
                                "store \"%s\": the file is damaged (it has no tag)",
                                store->path);
        return;
    }
    qm_sql_copy(statement, 0, store->tag, sizeof(store->tag));
    if (store->lock_fd != READER && !store->may_have_moved && sqlite3_column_type(statement, 2) != SQLITE_NULL)
        (void) qm_sqlite_refuse(store,
                                QM_ERROR_READ_ONLY,
                                "25006",
                                "Trade with a store of type postgres; quantmesh export sqlite makes a new file of it.",
                                "the history of store \"%s\" has moved to account \"%s\" of a PostgreSQL database",
                                store->path,
                                (const char *) sqlite3_column_text(statement, 1));
    qm_sql_done(store, statement);
}

/* pragma returns the number that a statement answers. */
static int64_t
pragma(QmSqlite *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = 0;

    if (!qm_sqlite_fine(store))
        return 0;
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
        (void) qm_sqlite_failed(store);
    else
        value = sqlite3_column_int64(statement, 0);
    (void) sqlite3_finalize(statement);
    return value;
}
