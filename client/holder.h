/*
 * Holder: what all lock handles that talk to a server have in common: their list
 * of holds, and the thread that renews and watches them.
 *
 * The handle's own thread and the keeper share the list under `mutex`; neither
 * waits for a server, nor calls back, while it has it. A hold leaves the list
 * before it is released, and is lost only while it is in the list; its number
 * tells it from a later hold of the same key.
 */
#ifndef QM_CLIENT_HOLDER_H
#define QM_CLIENT_HOLDER_H

#include <pthread.h>

#include "error.h"
#include "quantmesh.h"

#define QM_HOLDS_MAX 4096 /* of one handle */
#define QM_TOKEN_SIZE 33

typedef struct QmHold
{
    struct QmHold *next;
    uint64_t number;
    char key[QM_LOCK_KEY_SIZE];
    char token[QM_TOKEN_SIZE]; /* redis */
    long connection;           /* that a session lock lives on; 0: none */
    int64_t ttl_ms;
    QmGrant grant;
    int64_t renew_at_ns;
    bool lost;
} QmHold;

/* What a back end does for the keeper: renew one hold, with an answer or an error before limit_ns. */
typedef QmCode (*QmRenewFunction)(void *argument, const QmHold *hold, int64_t limit_ns);

typedef struct QmHolder
{
    QmLocks locks; /* the handle */
    QmError error;
    int64_t default_ttl_ms;
    int64_t margin_ms; /* 0: a tenth of the TTL */
    QmLossFunction on_loss;
    void *on_loss_argument;

    pthread_mutex_t mutex;
    QmHold *holds;
    size_t count;
    uint64_t last_number;

    /* The keeper, if there is one. */
    bool keeping;
    bool stopping;
    pthread_t thread;
    int wake_fd;
    int watch_fd; /* a copy of the socket that session locks live on; -1: none */
    long watch_connection;
    QmRenewFunction renew; /* NULL: holds are not renewed */
    void *renew_argument;
} QmHolder;

extern QmCode qm_holder_init(QmHolder *holder, const QmLockFunctions *functions, const QmLocksOptions *options,
                             QmError *error);
extern void qm_holder_destroy(QmHolder *holder);
extern const QmError *qm_holder_error(const QmLocks *locks);
extern bool qm_holder_holds(QmLocks *locks, const char *key, QmGrant *grant);

extern QmCode qm_holder_check_key(QmHolder *holder, const char *key);
extern QmCode qm_holder_check(QmHolder *holder, const char *key, int64_t *ttl_ms);
extern QmCode qm_holder_check_timeout(QmHolder *holder, int64_t timeout_ms);
extern bool qm_holder_has(QmHolder *holder, const char *key);
extern QmHold *qm_holder_new_hold(QmHolder *holder, const char *key, int64_t ttl_ms);
extern void qm_holder_keep(QmHolder *holder, QmHold *hold, int64_t sent_ns, QmGrant *grant);
extern bool qm_holder_copy(QmHolder *holder, const char *key, QmHold *copy);
extern QmHold *qm_holder_take(QmHolder *holder, const char *key);
extern QmHold *qm_holder_take_any(QmHolder *holder);
extern QmCode qm_holder_extended(QmHolder *holder, const QmHold *hold, QmCode code, int64_t sent_ns, int64_t ttl_ms,
                                 QmGrant *grant);
extern int64_t qm_holder_trust(const QmHolder *holder, int64_t sent_ns, int64_t ttl_ms);
extern void qm_holder_lose_connections(QmHolder *holder, long gone);

/* For the keeper, which has the mutex when it calls them; they let go of it while they call back. */
extern QmHold *qm_holder_find(QmHolder *holder, const char *key, uint64_t number);
extern void qm_holder_lose(QmHolder *holder, QmHold *hold, QmLoss loss);

#endif
