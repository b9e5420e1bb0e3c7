/*
 * Transfers: moving the history of an account between a SQLite file and
 * PostgreSQL. Each is one transaction where it writes, so that it has happened or
 * has not; and what is there already is not taken over a second time.
 */
#ifndef QM_CLIENT_TRANSFER_H
#define QM_CLIENT_TRANSFER_H

#include "client.h"
#include "store_sqlite.h"

/* What was moved. */
typedef struct QmTransfer
{
    int64_t orders;     /* in the source */
    int64_t orders_new; /* of them, those that the target did not have */
    int64_t events;     /* of those */
    int64_t fills;      /* of those */
    int64_t positions;  /* in the source */
    int64_t states;     /* of strategies, in the source */
    int64_t states_new; /* of them, those that the target did not have */
    bool earlier;       /* the file was one of the earlier system */
    int64_t skipped;    /* rows of such a file that say too little to be taken over */
    QmError error;
} QmTransfer;

/* The history of one account in the file becomes that of an account in PostgreSQL. The file is only read from then on. */
extern QM_MUST_CHECK QmCode qm_import_sqlite(const char *path, QmClient *client, const char *account,
                                             QmTransfer *transfer);

/* The history of an account in PostgreSQL is written to a file that is new, or whose history has moved there. */
extern QM_MUST_CHECK QmCode qm_export_sqlite(const char *path, QmClient *client, const char *account,
                                             QmTransfer *transfer);

/* transfer.c */
extern bool qm_transfer_ask(QmClient *client, QmTransfer *transfer, const QmStatement *statement,
                            const char *const *values, PGresult **result);
extern bool qm_transfer_run(QmClient *client, QmTransfer *transfer, const char *sql);
extern QmCode qm_transfer_refuse(QmTransfer *transfer, const char *sqlstate, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
extern bool qm_transfer_fine(const QmTransfer *transfer);

/* import_earlier.c */
extern bool qm_file_is_earlier(const char *path);
extern void qm_earlier_convert(const char *path, QmSqlite *file, const char *account, QmTransfer *transfer);

#endif
