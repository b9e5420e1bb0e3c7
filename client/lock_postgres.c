/*
 * Locks in PostgreSQL: leases by default, or session locks.
 *
 * A lease belongs to the handle's owner name, so that a call whose connection
 * broke can be repeated: to the owner the server gives the same lease again. A
 * session lock belongs to its connection and ends with it.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "error.h"
#include "holder.h"
#include "keeper.h"
#include "lock.h"
#include "moment.h"

#define OWNER_NAME_MAX 100 /* bytes of the caller's part of an owner */
#define OWNER_SIZE (OWNER_NAME_MAX + 18)
#define OWNER_DEFAULT "libquantmesh"
#define INTERVAL_SIZE (QM_NUMBER_TEXT + 3)
#define CLOSE_TIMEOUT_MS 1000

typedef struct PostgresLocks
{
    QmHolder holder; /* first: the handle */
    QmClient *client;
    QmClient *renewer; /* the keeper's; NULL when nothing is renewed */
    bool sessions;     /* session locks instead of leases */
    char owner[OWNER_SIZE];
} PostgresLocks;

/* The arguments of all lock functions, in the order that they have everywhere. */
enum
{
    KEY,
    OWNER,
    FENCE,
    TTL,
    TIMEOUT,
    ARGUMENTS
};

/* A statement, and which of the arguments it takes. */
typedef struct Call
{
    QmStatement statement;
    int arguments[ARGUMENTS];
} Call;

typedef struct Calls
{
    Call try_lock, lock, extend, unlock;
} Calls;

#define CALL(name, sql, count, ...)                 \
    {                                               \
        {name, sql, count, QM_REPEAT_ALWAYS, true}, \
        {                                           \
            __VA_ARGS__                             \
        }                                           \
    }

static const Calls session_calls = {
    .try_lock = CALL("quantmesh.try_lock", "SELECT quantmesh.try_lock($1, $2::interval)", 2, KEY, TTL),
    /* The procedure waits without a snapshot, so that a long wait does not hold back vacuum. */
    .lock =
        CALL("quantmesh.acquire", "CALL quantmesh.acquire($1, $2::interval, $3::interval, NULL)", 3, KEY, TTL, TIMEOUT),
    .extend = CALL("quantmesh.extend", "SELECT quantmesh.extend($1, $2::interval)", 2, KEY, TTL),
    .unlock = CALL("quantmesh.unlock", "SELECT quantmesh.unlock($1)", 1, KEY),
};

static const Calls lease_calls = {
    .try_lock = CALL("quantmesh.try_lease", "SELECT quantmesh.try_lease($1, $2, $3::interval)", 3, KEY, OWNER, TTL),
    .lock = CALL("quantmesh.lease", "SELECT quantmesh.lease($1, $2, $3::interval, $4::interval)", 4, KEY, OWNER, TTL,
                 TIMEOUT),
    .extend = CALL("quantmesh.renew_lease", "SELECT quantmesh.renew_lease($1, $2, $3::bigint, $4::interval)", 4, KEY,
                   OWNER, FENCE, TTL),
    .unlock =
        CALL("quantmesh.release_lease", "SELECT quantmesh.release_lease($1, $2, $3::bigint)", 3, KEY, OWNER, FENCE),
};

static const QmStatement is_locked_statement = {"quantmesh.is_locked",
                                                "SELECT quantmesh.is_locked($1)",
                                                1,
                                                QM_REPEAT_ALWAYS,
                                                true};

static const Calls *
calls_of(const PostgresLocks *locks)
{
    return locks->sessions ? &session_calls : &lease_calls;
}

/*
 * ask runs a call for a hold: QM_OK, with the fence if there is one, or missed
 * when the server answered NULL or false. On the handle's own connection it also
 * finds out which session locks have gone with an earlier one.
 */
static QmCode
ask(PostgresLocks *locks, QmClient *client, const Call *call, const QmHold *hold, int64_t timeout_ms, QmCode missed,
    int64_t *fence, QmCallHistory *history)
{
    char fence_text[QM_NUMBER_TEXT];
    char ttl[INTERVAL_SIZE];
    char timeout[INTERVAL_SIZE];
    const char *const all[ARGUMENTS] = {hold->key,
                                        locks->owner,
                                        qm_value_int64(fence_text, hold->grant.fence),
                                        qm_value_interval(ttl, hold->ttl_ms),
                                        qm_value_interval(timeout, timeout_ms)};
    const char *values[ARGUMENTS] = {NULL};
    PGresult *result;
    QmCode code;

    for (int i = 0; i < call->statement.parameters; i++)
        values[i] = all[call->arguments[i]];
    code = qm_call(client, &call->statement, values, timeout_ms, &result, history);
    if (code == QM_OK && (PQgetisnull(result, 0, 0) || PQgetvalue(result, 0, 0)[0] == 'f'))
        code = missed;
    else if (code == QM_OK && fence != NULL)
        *fence = qm_column_int64(result, 0, 0);
    PQclear(result);
    if (client == locks->client)
    {
        if (code != QM_OK && code != missed)
            qm_error_copy(&locks->holder.error, &client->error);
        if (locks->sessions)
        {
            qm_holder_lose_connections(&locks->holder, client->connections - (client->conn != NULL));
            qm_keeper_watch(&locks->holder, client->conn == NULL ? -1 : PQsocket(client->conn), client->connections);
        }
    }
    return code;
}

/* prepare checks arguments and makes room for a hold; *own says whether the handle has the key already. */
static QmCode
prepare(PostgresLocks *locks, const char *key, int64_t ttl_ms, QmHold **hold, bool *own)
{
    QmCode code = qm_holder_check(&locks->holder, key, &ttl_ms);

    *hold = NULL;
    *own = false;
    if (code != QM_OK)
        return code;
    if (ttl_ms == QM_TTL_NONE && !locks->sessions)
        return qm_error_set(&locks->holder.error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            "Give it a TTL, or use session locks.",
                            "a lease needs a TTL");
    *own = qm_holder_has(&locks->holder, key);
    if (*own)
        return QM_OK;
    *hold = qm_holder_new_hold(&locks->holder, key, ttl_ms);
    return *hold == NULL ? locks->holder.error.code : QM_OK;
}

/* finish keeps a hold that was granted, and frees one that was not. */
static QmCode
finish(PostgresLocks *locks, QmHold *hold, QmCode code, int64_t sent_ns, QmGrant *grant)
{
    if (code == QM_OK)
    {
        hold->connection = locks->sessions ? locks->client->connections : 0;
        qm_holder_keep(&locks->holder, hold, sent_ns, grant);
    }
    else
        free(hold);
    if (code <= QM_NOT_HELD)
        qm_error_clear(&locks->holder.error);
    return code;
}

static QmCode
postgres_try_lock(QmLocks *handle, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    PostgresLocks *locks = (PostgresLocks *) handle;
    QmCallHistory history;
    QmHold *hold;
    bool own;
    QmCode code = prepare(locks, key, ttl_ms, &hold, &own);

    if (code != QM_OK || own)
        return code == QM_OK ? QM_BUSY : code;
    code = ask(locks, locks->client, &calls_of(locks)->try_lock, hold, 0, QM_BUSY, &hold->grant.fence, &history);
    return finish(locks, hold, code, history.sent_ns, grant);
}

/*
 * wait_once waits for a grant on one connection. The TTL of a grant begins when
 * the wait ends, which only the server knows: after a wait the hold is extended,
 * so that its trust can be counted from a moment that is known here.
 */
static QmCode
wait_once(PostgresLocks *locks, QmHold *hold, int64_t timeout_ms, int64_t *sent_ns)
{
    QmCallHistory history;
    QmCode code =
        ask(locks, locks->client, &calls_of(locks)->lock, hold, timeout_ms, QM_BUSY, &hold->grant.fence, &history);

    *sent_ns = history.sent_ns;
    if (code != QM_OK || qm_holder_trust(&locks->holder, history.sent_ns, hold->ttl_ms / 2) > qm_monotonic_ns())
        return code;
    code = ask(locks, locks->client, &calls_of(locks)->extend, hold, 0, QM_BUSY, NULL, &history);
    *sent_ns = history.sent_ns;
    return code;
}

/* postgres_lock waits, over as many connections as the policy and the timeout allow. */
static QmCode
postgres_lock(QmLocks *handle, const char *key, int64_t ttl_ms, int64_t timeout_ms, QmGrant *grant)
{
    PostgresLocks *locks = (PostgresLocks *) handle;
    const QmRetryPolicy policy = locks->client->retry;
    int64_t end_ns = qm_moment_after(qm_monotonic_ns(), timeout_ms);
    int64_t sent_ns = 0;
    QmRetry retry;
    QmHold *hold;
    bool own;
    QmCode code = qm_holder_check_timeout(&locks->holder, timeout_ms);

    if (code == QM_OK)
        code = prepare(locks, key, ttl_ms, &hold, &own);
    if (code != QM_OK)
        return code;
    if (own)
        return qm_error_set(&locks->holder.error,
                            QM_ERROR_ARGUMENT,
                            "55P03",
                            "Use extend to keep it for longer.",
                            "this handle holds \"%s\" and would wait for itself",
                            key);
    qm_retry_begin(&retry, &policy);
    locks->client->retry = *qm_retry_policy("none");
    do
        code = wait_once(locks, hold, qm_moment_poll_ms(end_ns), &sent_ns);
    while ((code == QM_ERROR_CONNECT || code == QM_ERROR_UNCERTAIN) && qm_error_passes(locks->client->error.sqlstate) &&
           qm_monotonic_ns() < end_ns && qm_retry_again(&retry));
    locks->client->retry = policy;
    return finish(locks, hold, code, sent_ns, grant);
}

/* postgres_unlock takes the hold out of the list first, so that the keeper leaves it alone. */
static QmCode
postgres_unlock(QmLocks *handle, const char *key)
{
    PostgresLocks *locks = (PostgresLocks *) handle;
    QmCallHistory history = {0};
    QmCode code = qm_holder_check_key(&locks->holder, key);
    QmHold *hold;

    if (code != QM_OK)
        return code;
    hold = qm_holder_take(&locks->holder, key);
    if (hold == NULL || (locks->sessions && hold->lost))
        code = QM_NOT_HELD;
    else
        code = ask(locks, locks->client, &calls_of(locks)->unlock, hold, 0, QM_NOT_HELD, NULL, &history);
    /* The first of two calls may have given the lease back; before its time was over, nobody else had it. */
    if (code == QM_NOT_HELD && history.lost && !locks->sessions && !hold->lost &&
        hold->grant.trusted_until_ns > qm_monotonic_ns())
        code = QM_OK;
    free(hold);
    if (code <= QM_NOT_HELD)
        qm_error_clear(&locks->holder.error);
    return code;
}

static QmCode
postgres_extend(QmLocks *handle, const char *key, int64_t ttl_ms, QmGrant *grant)
{
    PostgresLocks *locks = (PostgresLocks *) handle;
    QmCallHistory history;
    QmHold hold;
    QmCode code = qm_holder_check(&locks->holder, key, &ttl_ms);

    if (code != QM_OK)
        return code;
    qm_error_clear(&locks->holder.error);
    if (!qm_holder_copy(&locks->holder, key, &hold) || hold.lost)
        return QM_NOT_HELD;
    hold.ttl_ms = ttl_ms;
    code = ask(locks, locks->client, &calls_of(locks)->extend, &hold, 0, QM_NOT_HELD, NULL, &history);
    if (code == QM_OK || code == QM_NOT_HELD)
        code = qm_holder_extended(&locks->holder, &hold, code, history.sent_ns, ttl_ms, grant);
    return code;
}

static QmCode
postgres_is_locked(QmLocks *handle, const char *key, bool *locked)
{
    PostgresLocks *locks = (PostgresLocks *) handle;
    const char *const values[] = {key};
    PGresult *result;
    QmCode code = qm_holder_check_key(&locks->holder, key);

    if (code != QM_OK)
        return code;
    code = qm_call(locks->client, &is_locked_statement, values, 0, &result, NULL);
    *locked = code == QM_OK && qm_column_bool(result, 0, 0);
    PQclear(result);
    qm_error_copy(&locks->holder.error, &locks->client->error);
    return code;
}

/* renew is the keeper's: on a connection of its own, without a second attempt, for the keeper makes that. */
static QmCode
renew(void *argument, const QmHold *hold, int64_t limit_ns)
{
    PostgresLocks *locks = argument;
    int64_t timeout_ms = qm_moment_poll_ms(limit_ns);

    locks->renewer->connect_timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
    locks->renewer->call_timeout_ms = locks->renewer->connect_timeout_ms;
    return ask(locks, locks->renewer, &calls_of(locks)->extend, hold, 0, QM_NOT_HELD, NULL, NULL);
}

/* postgres_close gives everything back: session locks with the connection, leases one by one while the server answers. */
static void
postgres_close(QmLocks *handle)
{
    PostgresLocks *locks = (PostgresLocks *) handle;
    QmCode code = locks->sessions ? QM_NOT_HELD : QM_OK;
    QmHold *hold;

    qm_keeper_stop(&locks->holder);
    if (locks->client != NULL)
    {
        locks->client->retry = *qm_retry_policy("none");
        locks->client->connect_timeout_ms = CLOSE_TIMEOUT_MS;
        locks->client->call_timeout_ms = CLOSE_TIMEOUT_MS;
    }
    while ((hold = qm_holder_take_any(&locks->holder)) != NULL)
    {
        if (code == QM_OK)
            code = ask(locks, locks->client, &calls_of(locks)->unlock, hold, 0, QM_OK, NULL, NULL);
        free(hold);
    }
    qm_holder_destroy(&locks->holder);
    qm_client_free(locks->client);
    qm_client_free(locks->renewer);
    free(locks);
}

static const QmLockFunctions postgres_functions = {.type = "postgres",
                                                   .try_lock = postgres_try_lock,
                                                   .lock = postgres_lock,
                                                   .unlock = postgres_unlock,
                                                   .extend = postgres_extend,
                                                   .is_locked = postgres_is_locked,
                                                   .holds = qm_holder_holds,
                                                   .error = qm_holder_error,
                                                   .close = postgres_close};

/* mode_read reads postgres_mode. */
static QmCode
mode_read(const QmLocksOptions *options, bool *sessions, QmError *error)
{
    const char *mode = options->postgres_mode == NULL ? "lease" : options->postgres_mode;

    *sessions = strcmp(mode, "session") == 0;
    if (!*sessions && strcmp(mode, "lease") != 0)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            "Use lease or session.",
                            "\"%s\" is no mode of postgres locks",
                            mode);
    if (*sessions && options->renew)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            "A session lock without TTL lives as long as its connection; leases can be renewed.",
                            "session locks cannot be renewed in the background");
    return QM_OK;
}

/* owner_write writes an owner that no other handle has: two handles of one owner would not exclude each other. */
static QmCode
owner_write(const QmLocksOptions *options, char owner[OWNER_SIZE], QmError *error)
{
    const char *name = options->owner == NULL ? OWNER_DEFAULT : options->owner;
    uint64_t random;

    if (strlen(name) > OWNER_NAME_MAX)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "owner has more than %d bytes", OWNER_NAME_MAX);
    if (!qm_random(&random, sizeof(random)))
        return qm_error_set(error, QM_ERROR_UNSUPPORTED, "0A000", NULL, "the system has no source of random numbers");
    snprintf(owner, OWNER_SIZE, "%s#%016llx", name, (unsigned long long) random);
    return QM_OK;
}

/* clients_new makes the handle's connection, and the keeper's if it is to renew. */
static bool
clients_new(PostgresLocks *locks, const QmLocksOptions *options)
{
    QmClientOptions renewer = options->postgres;

    renewer.retry = qm_retry_policy("none");
    locks->client = qm_client_new(&options->postgres);
    if (locks->client == NULL || !options->renew)
        return locks->client != NULL;
    locks->holder.renew = renew;
    locks->holder.renew_argument = locks;
    locks->renewer = qm_client_new(&renewer);
    return locks->renewer != NULL;
}

/* qm_lock_postgres_open makes a handle. */
QmCode
qm_lock_postgres_open(const QmLocksOptions *options, QmLocks **handle, QmError *error)
{
    PostgresLocks *locks = calloc(1, sizeof(*locks));
    QmCode code;

    if (locks == NULL)
        return qm_error_no_memory(error);
    code = mode_read(options, &locks->sessions, error);
    if (code == QM_OK)
        code = owner_write(options, locks->owner, error);
    if (code == QM_OK && !clients_new(locks, options))
        code = qm_error_no_memory(error);
    if (code == QM_OK)
        code = qm_holder_init(&locks->holder, &postgres_functions, options, error);
    if (code == QM_OK)
    {
        *handle = &locks->holder.locks;
        return QM_OK;
    }
    qm_client_free(locks->client);
    qm_client_free(locks->renewer);
    free(locks);
    return code;
}
