/*
 * Redis: a connection to the server that is master now, made anew when it has
 * broken, and commands on it.
 */
#include "redis.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "moment.h"

#define DEFAULT_ADDR "127.0.0.1:6379"
#define DEFAULT_MASTER "mymaster"
#define DEFAULT_TIMEOUT_MS 2000
#define HOST_SIZE 256
#define READ_SIZE 16384
#define DEAD_LINK_MS 5000

/* What the first word of an error reply means. */
typedef struct ReplyMeaning
{
    const char *word;
    QmCode code;
    const char *sqlstate;
    bool drops; /* another server, or the same one later, may answer otherwise */
} ReplyMeaning;

static const ReplyMeaning meanings[] = {
    {"READONLY", QM_ERROR_CONNECT, "08004", true}, /* it was master, and is no longer */
    {"LOADING", QM_ERROR_CONNECT, "08004", true},
    {"MASTERDOWN", QM_ERROR_CONNECT, "08004", true},
    {"UNBLOCKED", QM_ERROR_CONNECT, "08004", true},
    {"NOREPLICAS", QM_ERROR_CONNECT, "08004", false},
    {"BUSY", QM_ERROR_CONNECT, "08004", false},
    {"NOAUTH", QM_ERROR_PERMISSION, "28000", true},
    {"WRONGPASS", QM_ERROR_PERMISSION, "28P01", true},
    {"NOPERM", QM_ERROR_PERMISSION, "42501", false},
    {"OOM", QM_ERROR_LIMIT, "53200", false},
    {"MOVED", QM_ERROR_UNSUPPORTED, "0A000", true},
    {"CROSSSLOT", QM_ERROR_UNSUPPORTED, "0A000", false},
};

static QmCode authenticate(QmRedis *redis, int64_t deadline_ns);
static QmCode check_role(QmRedis *redis, int64_t deadline_ns);
static QmCode reply_refused(QmRedis *redis, const char *text);

/* copied copies an option, or its default. */
static char *
copied(const char *value, const char *otherwise)
{
    return strdup(value == NULL ? otherwise : value);
}

/* qm_redis_init copies the options. */
QmCode
qm_redis_init(QmRedis *redis, const QmRedisOptions *options, QmError *error)
{
    const char *fault;

    memset(redis, 0, sizeof(*redis));
    redis->addr = copied(options->addr, DEFAULT_ADDR);
    redis->user = copied(options->user, "");
    redis->password = copied(options->password, "");
    redis->db = options->db;
    redis->sentinels = copied(options->sentinels, "");
    redis->sentinel_master = copied(options->sentinel_master, DEFAULT_MASTER);
    redis->sentinel_password = copied(options->sentinel_password, "");
    redis->retry = options->retry == NULL ? *qm_retry_policy("standard") : *options->retry;
    redis->timeout_ms = options->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : options->timeout_ms;
    if (redis->addr == NULL || redis->user == NULL || redis->password == NULL || redis->sentinels == NULL ||
        redis->sentinel_master == NULL || redis->sentinel_password == NULL)
        return qm_error_no_memory(error);
    fault = qm_retry_policy_fault(&redis->retry);
    if (fault != NULL)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "redis: %s", fault);
    if (redis->db < 0 || redis->timeout_ms < 0 || redis->timeout_ms > QM_DAY_MS)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "redis: db and timeout_ms must not be negative");
    return QM_OK;
}

/* qm_redis_destroy closes the connection and frees the copies. */
void
qm_redis_destroy(QmRedis *redis)
{
    qm_redis_drop(redis);
    free(redis->addr);
    free(redis->user);
    free(redis->password);
    free(redis->sentinels);
    free(redis->sentinel_master);
    free(redis->sentinel_password);
}

/* qm_redis_drop closes the connection, if there is one. */
void
qm_redis_drop(QmRedis *redis)
{
    if (redis->context != NULL)
        redisFree(redis->context);
    redis->context = NULL;
}

/* broken drops a connection and writes down why. */
static QmCode
broken(QmRedis *redis, const char *why)
{
    qm_redis_drop(redis);
    return qm_error_set(&redis->error, QM_ERROR_CONNECT, "08006", NULL, "redis: %s", why);
}

/* qm_redis_passes says whether the last failure can be expected to be over soon. */
bool
qm_redis_passes(const QmRedis *redis)
{
    return redis->error.code == QM_ERROR_CONNECT;
}

/* keep_alive makes a dead link end in seconds. */
static void
keep_alive(int fd)
{
    const struct
    {
        int option;
        int value;
    } settings[] = {{TCP_KEEPIDLE, 2},
                    {TCP_KEEPINTVL, 1},
                    {TCP_KEEPCNT, 3},
                    {TCP_USER_TIMEOUT, DEAD_LINK_MS},
                    {TCP_NODELAY, 1}};
    int on = 1;

    /* On a Unix socket they fail, and nothing is lost. */
    (void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        (void) setsockopt(fd, IPPROTO_TCP, settings[i].option, &settings[i].value, sizeof(int));
}

/* qm_redis_connect connects to host:port, or to a socket's path; NULL, with the error, when that fails. */
redisContext *
qm_redis_connect(const char *addr, int64_t deadline_ns, QmError *error)
{
    const char *colon = strrchr(addr, ':');
    int wait_ms = qm_moment_poll_ms(deadline_ns);
    struct timeval timeout = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    char host[HOST_SIZE];
    redisContext *context;

    if (wait_ms == 0)
        timeout.tv_usec = 1;
    if (addr[0] == '/')
        context = redisConnectUnixWithTimeout(addr, timeout);
    else
    {
        size_t len = colon == NULL ? strlen(addr) : (size_t) (colon - addr);

        if (len > 2 && addr[0] == '[' && addr[len - 1] == ']')
        {
            addr++;
            len -= 2;
        }
        if (len == 0 || len >= sizeof(host))
        {
            qm_error_set(error,
                         QM_ERROR_ARGUMENT,
                         "22023",
                         "Give host:port, or the path of a socket.",
                         "redis: \"%s\" is no address",
                         addr);
            return NULL;
        }
        memcpy(host, addr, len);
        host[len] = '\0';
        context = redisConnectWithTimeout(host, colon == NULL ? 6379 : atoi(colon + 1), timeout);
    }
    if (context == NULL)
    {
        qm_error_no_memory(error);
        return NULL;
    }
    if (context->err != 0 || fcntl(context->fd, F_SETFL, O_NONBLOCK) != 0)
    {
        qm_error_set(error, QM_ERROR_CONNECT, "08001", NULL, "redis: cannot connect to %s: %s", addr, context->errstr);
        redisFree(context);
        return NULL;
    }
    keep_alive(context->fd);
    return context;
}

/* qm_redis_ensure makes one attempt to connect, unless there is a connection. */
QmCode
qm_redis_ensure(QmRedis *redis, int64_t deadline_ns)
{
    char addr[HOST_SIZE];
    QmCode code;

    if (redis->context != NULL)
        return QM_OK;
    qm_text_copy(addr, sizeof(addr), redis->addr);
    if (redis->sentinels[0] != '\0')
    {
        code = qm_redis_find_master(redis, deadline_ns, addr, sizeof(addr));
        if (code != QM_OK)
            return code;
    }
    redis->context = qm_redis_connect(addr, deadline_ns, &redis->error);
    if (redis->context == NULL)
        return redis->error.code;
    redis->connections++;
    code = authenticate(redis, deadline_ns);
    if (code == QM_OK)
        code = check_role(redis, deadline_ns);
    if (code != QM_OK)
        qm_redis_drop(redis);
    return code;
}

/* authenticate gives the password and chooses the database. */
static QmCode
authenticate(QmRedis *redis, int64_t deadline_ns)
{
    const char *const with_user[] = {"AUTH", redis->user, redis->password};
    const char *const without_user[] = {"AUTH", redis->password};
    char db[16];
    const char *const choose[] = {"SELECT", db};
    redisReply *reply = NULL;
    QmCode code = QM_OK;

    if (redis->user[0] != '\0')
        code = qm_redis_command(redis, deadline_ns, 3, with_user, &reply);
    else if (redis->password[0] != '\0')
        code = qm_redis_command(redis, deadline_ns, 2, without_user, &reply);
    if (reply != NULL)
        freeReplyObject(reply);
    if (code != QM_OK || redis->db == 0)
        return code;
    snprintf(db, sizeof(db), "%d", redis->db);
    code = qm_redis_command(redis, deadline_ns, 2, choose, &reply);
    if (code == QM_OK)
        freeReplyObject(reply);
    return code;
}

/* check_role refuses what Sentinel took for the master and is none: it may not know yet. */
static QmCode
check_role(QmRedis *redis, int64_t deadline_ns)
{
    static const char *const role[] = {"ROLE"};
    redisReply *reply;
    bool master;
    QmCode code;

    if (redis->sentinels[0] == '\0')
        return QM_OK;
    code = qm_redis_command(redis, deadline_ns, 1, role, &reply);
    if (code != QM_OK)
        return code;
    master = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && reply->element[0]->str != NULL &&
             strcmp(reply->element[0]->str, "master") == 0;
    freeReplyObject(reply);
    return master ? QM_OK : broken(redis, "the server that Sentinel names is not master yet");
}

/* qm_redis_send sends one command, whose reply qm_redis_receive will bring. */
QmCode
qm_redis_send(QmRedis *redis, int64_t deadline_ns, int count, const char *const *words)
{
    char *text;
    int len = redisFormatCommandArgv(&text, count, (const char **) (uintptr_t) words, NULL);
    int sent = 0;

    if (redis->context == NULL)
    {
        if (len >= 0)
            redisFreeCommand(text);
        return broken(redis, "not connected");
    }
    if (len < 0)
        return qm_error_no_memory(&redis->error);
    while (sent < len)
    {
        struct pollfd descriptor = {.fd = redis->context->fd, .events = POLLOUT};
        ssize_t part = send(redis->context->fd, text + sent, (size_t) (len - sent), MSG_NOSIGNAL);
        int wait_ms = qm_moment_poll_ms(deadline_ns);

        if (part >= 0)
            sent += (int) part;
        else if ((errno != EAGAIN && errno != EINTR) || wait_ms == 0)
            break;
        else
            (void) poll(&descriptor, 1, wait_ms);
    }
    redisFreeCommand(text);
    return sent == len ? QM_OK : broken(redis, "the connection has broken");
}

/*
 * qm_redis_receive waits for the next reply. QM_BUSY when there is none by the
 * deadline; the connection stays. An error reply is an error.
 */
QmCode
qm_redis_receive(QmRedis *redis, int64_t deadline_ns, redisReply **reply)
{
    *reply = NULL;
    while (redis->context != NULL)
    {
        char bytes[READ_SIZE];
        struct pollfd descriptor = {.fd = redis->context->fd, .events = POLLIN};
        void *next = NULL;
        ssize_t got;
        int wait_ms;

        if (redisReaderGetReply(redis->context->reader, &next) != REDIS_OK)
            return broken(redis, redis->context->reader->errstr);
        if (next != NULL)
        {
            QmCode code;

            *reply = next;
            if ((*reply)->type != REDIS_REPLY_ERROR)
                return QM_OK;
            code = reply_refused(redis, (*reply)->str);
            freeReplyObject(*reply);
            *reply = NULL;
            return code;
        }
        got = recv(redis->context->fd, bytes, sizeof(bytes), 0);
        if (got > 0)
        {
            if (redisReaderFeed(redis->context->reader, bytes, (size_t) got) != REDIS_OK)
                return broken(redis, "out of memory");
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return broken(redis, "the connection has broken");
        wait_ms = qm_moment_poll_ms(deadline_ns);
        if (wait_ms == 0)
            return QM_BUSY;
        (void) poll(&descriptor, 1, wait_ms);
    }
    return broken(redis, "not connected");
}

/* qm_redis_command sends a command and waits for its reply, to be freed by the caller. */
QmCode
qm_redis_command(QmRedis *redis, int64_t deadline_ns, int count, const char *const *words, redisReply **reply)
{
    QmCode code = qm_redis_send(redis, deadline_ns, count, words);

    *reply = NULL;
    if (code == QM_OK)
        code = qm_redis_receive(redis, deadline_ns, reply);
    return code == QM_BUSY ? broken(redis, "no answer in time") : code;
}

/* reply_refused writes down what an error reply says. */
static QmCode
reply_refused(QmRedis *redis, const char *text)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
    {
        size_t len = strlen(meanings[i].word);

        if (strncmp(text, meanings[i].word, len) != 0 || text[len] != ' ')
            continue;
        qm_error_set(&redis->error,
                     meanings[i].code,
                     meanings[i].sqlstate,
                     meanings[i].code == QM_ERROR_UNSUPPORTED
                         ? "Use one Redis server, or Sentinel: a cluster is not supported."
                         : NULL,
                     "redis: %s",
                     text);
        if (meanings[i].drops)
            qm_redis_drop(redis);
        return meanings[i].code;
    }
    return qm_error_set(&redis->error, QM_ERROR_SERVER, "XX000", NULL, "redis: %s", text);
}
