/*
 * Client: a connection to PostgreSQL that is made anew when it has broken, and
 * statements on it that are repeated as long as the policy allows.
 *
 * A handle belongs to one thread at a time. conn is NULL while there is no
 * connection; a connection in conn has passed the handshake.
 */
#ifndef QM_CLIENT_CLIENT_H
#define QM_CLIENT_CLIENT_H

#include <libpq-fe.h>

#include "prepared.h"
#include "quantmesh.h"
#include "retry.h"

struct QmClient
{
    char *conninfo;
    char *application_name;
    QmRetryPolicy retry;
    int64_t connect_timeout_ms;
    int64_t call_timeout_ms;
    bool async_reports;
    QmNoticeFunction on_notice;
    void *on_notice_argument;
    PGconn *conn;
    QmPrepared prepared; /* on this connection */
    long connections;    /* made so far; also tells one connection from the next */
    bool streaming;      /* a stream has the connection in pipeline mode */
    QmError error;
};

/* How a call may be repeated after its connection broke. */
typedef enum QmRepeat
{
    QM_REPEAT_ALWAYS, /* twice is as once */
    QM_REPEAT_NEVER,  /* only as long as nothing was sent */
    QM_REPEAT_READ    /* it changes nothing, so that nothing is uncertain without an answer */
} QmRepeat;

typedef struct QmStatement
{
    const char *name; /* of the SQL function, for messages */
    const char *sql;
    int parameters;
    QmRepeat repeat;
    bool often; /* is prepared where it is called again; its text is a constant */
} QmStatement;

/* What a call went through. */
typedef struct QmCallHistory
{
    bool lost;        /* a connection broke after the statement was sent: it may have been executed before */
    int64_t sent_ns;  /* when the attempt that was answered was sent */
    char sqlstate[6]; /* why the last attempt failed; empty: it did not */
} QmCallHistory;

extern QmCode qm_client_ensure(QmClient *client, bool *passes);
extern void qm_client_drop(QmClient *client);
extern QmCode qm_client_handshake(QmClient *client, int64_t deadline_ns);

extern PGresult *qm_call_once(QmClient *client, const char *sql, int parameters, const char *const *values,
                              int64_t deadline_ns, bool *sent);
extern PGresult *qm_call_prepare(QmClient *client, const char *name, const char *sql, int64_t deadline_ns);
extern QmCode qm_call(QmClient *client, const QmStatement *statement, const char *const *values, int64_t wait_ms,
                      PGresult **result, QmCallHistory *history);
extern bool qm_call_wait(QmClient *client, int64_t deadline_ns);
extern QmCode qm_call_refused(QmClient *client, const PGresult *result);

#endif
