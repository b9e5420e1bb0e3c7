/*
 * An exchange that says what a test wants it to.
 */
#include "binance_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "check.h"
#include "websocket.h"

#define RULES_MAX 64
#define SEEN_MAX 4096
#define CONNECTIONS_MAX 256
#define TEXT_SIZE 8192

typedef struct Connection
{
    QtBinance *server;
    int fd;
    SSL *ssl;
    bool websocket;
    char path[512];
    pthread_t thread;
} Connection;

struct QtBinance
{
    pthread_mutex_t mutex;
    pthread_t thread;
    int fd;
    int port;
    bool stopping;
    SSL_CTX *tls;
    char ca_file[64];
    QtRule rules[RULES_MAX];
    bool spent[RULES_MAX];
    size_t rule_count;
    char *seen[SEEN_MAX];
    size_t seen_count;
    long long ahead_ms;
    char method[64];
    char *answer;
    Connection *connections[CONNECTIONS_MAX];
    size_t connection_count;
};

static void *accept_all(void *argument);
static void *serve(void *argument);
static bool rule_for(QtBinance *server, const char *head, QtRule *rule);
static bool serve_request(Connection *connection, const char *head);
static bool reply_by(Connection *connection, const QtRule *rule);
static void serve_websocket(Connection *connection, const char *head);
static void answer_message(Connection *connection, const char *text);
static void make_certificate(QtBinance *server);

/* qt_binance_start starts a server. */
QtBinance *
qt_binance_start(bool tls)
{
    QtBinance *server = calloc(1, sizeof(*server));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    assert_non_null(server);
    pthread_mutex_init(&server->mutex, NULL);
    if (tls)
        make_certificate(server);
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *) &address, size), 0);
    assert_int_equal(listen(server->fd, 64), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *) &address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, accept_all, server), 0);
    return server;
}

/* qt_binance_stop ends a server and all its connections. */
void
qt_binance_stop(QtBinance *server)
{
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    shutdown(server->fd, SHUT_RDWR);
    for (size_t i = 0; i < server->connection_count; i++)
        shutdown(server->connections[i]->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->mutex);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < server->connection_count; i++)
    {
        Connection *connection = server->connections[i];

        pthread_join(connection->thread, NULL);
        SSL_free(connection->ssl);
        close(connection->fd);
        free(connection);
    }
    close(server->fd);
    for (size_t i = 0; i < server->seen_count; i++)
        free(server->seen[i]);
    free(server->answer);
    SSL_CTX_free(server->tls);
    if (server->ca_file[0] != '\0')
        unlink(server->ca_file);
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

/* qt_binance_port returns the port. */
int
qt_binance_port(const QtBinance *server)
{
    return server->port;
}

/* qt_binance_ca_file returns the file with the certificate of a server with TLS. */
const char *
qt_binance_ca_file(const QtBinance *server)
{
    return server->ca_file;
}

/* qt_binance_rule adds a rule, whose texts have to stay. */
void
qt_binance_rule(QtBinance *server, const QtRule *rule)
{
    pthread_mutex_lock(&server->mutex);
    assert_true(server->rule_count < RULES_MAX);
    server->rules[server->rule_count++] = *rule;
    pthread_mutex_unlock(&server->mutex);
}

/* qt_binance_seen counts requests and messages with this text in them. */
size_t
qt_binance_seen(QtBinance *server, const char *what)
{
    size_t count = 0;

    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->seen_count; i++)
        count += strstr(server->seen[i], what) != NULL;
    pthread_mutex_unlock(&server->mutex);
    return count;
}

/* qt_binance_get copies the last request or message with this text in it. */
bool
qt_binance_get(QtBinance *server, const char *what, char *out, size_t size)
{
    bool found = false;

    pthread_mutex_lock(&server->mutex);
    for (size_t i = server->seen_count; i > 0 && !found; i--)
        if (strstr(server->seen[i - 1], what) != NULL)
        {
            snprintf(out, size, "%s", server->seen[i - 1]);
            found = true;
        }
    pthread_mutex_unlock(&server->mutex);
    return found;
}

/* qt_binance_clock sets the server's clock ahead of this machine's. */
void
qt_binance_clock(QtBinance *server, long long ahead_ms)
{
    pthread_mutex_lock(&server->mutex);
    server->ahead_ms = ahead_ms;
    pthread_mutex_unlock(&server->mutex);
}

/* qt_binance_answer sets what is answered to messages with this method in them. */
void
qt_binance_answer(QtBinance *server, const char *method, const char *answer)
{
    pthread_mutex_lock(&server->mutex);
    free(server->answer);
    server->answer = answer == NULL ? NULL : strdup(answer);
    snprintf(server->method, sizeof(server->method), "%s", method);
    pthread_mutex_unlock(&server->mutex);
}

static void
note(QtBinance *server, const char *text)
{
    pthread_mutex_lock(&server->mutex);
    if (server->seen_count < SEEN_MAX)
        server->seen[server->seen_count++] = strdup(text);
    pthread_mutex_unlock(&server->mutex);
}

static void *
accept_all(void *argument)
{
    QtBinance *server = argument;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0)
    {
        Connection *connection = calloc(1, sizeof(*connection));

        pthread_mutex_lock(&server->mutex);
        connection->server = server;
        connection->fd = fd;
        if (server->stopping || server->connection_count == CONNECTIONS_MAX)
        {
            close(fd);
            free(connection);
        }
        else
        {
            server->connections[server->connection_count++] = connection;
            pthread_create(&connection->thread, NULL, serve, connection);
        }
        pthread_mutex_unlock(&server->mutex);
    }
    return NULL;
}

static ssize_t
get(Connection *connection, char *bytes, size_t size)
{
    if (connection->ssl != NULL)
        return SSL_read(connection->ssl, bytes, (int) size);
    return recv(connection->fd, bytes, size, 0);
}

static void
put(Connection *connection, const char *bytes, size_t length)
{
    if (connection->ssl != NULL)
        (void) SSL_write(connection->ssl, bytes, (int) length);
    else
        (void) send(connection->fd, bytes, length, MSG_NOSIGNAL);
}

/* serve answers requests, whose bodies are empty, until the connection ends. */
static void *
serve(void *argument)
{
    Connection *connection = argument;
    char head[TEXT_SIZE];
    size_t length = 0;
    bool on = true;

    if (connection->server->tls != NULL)
    {
        connection->ssl = SSL_new(connection->server->tls);
        SSL_set_fd(connection->ssl, connection->fd);
        on = SSL_accept(connection->ssl) == 1;
    }
    while (on)
    {
        ssize_t count = get(connection, head + length, sizeof(head) - 1 - length);
        QtRule rule = {.status = 101};
        bool upgrades;
        char *end;

        if (count <= 0)
            break;
        length += (size_t) count;
        head[length] = '\0';
        end = strstr(head, "\r\n\r\n");
        if (end == NULL)
            continue;
        note(connection->server, head);
        upgrades = strcasestr(head, "Upgrade: websocket") != NULL;
        if (upgrades && (!rule_for(connection->server, head, &rule) || rule.status == 101))
        {
            serve_websocket(connection, head);
            break;
        }
        on = upgrades ? reply_by(connection, &rule) : serve_request(connection, head);
        length = 0;
    }
    shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

/* rule_for finds what to do with a request: the first rule that fits and is not spent, or the last that fits. */
static bool
rule_for(QtBinance *server, const char *head, QtRule *rule)
{
    bool found = false;

    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->rule_count; i++)
    {
        size_t length = strlen(server->rules[i].request);

        if (strncmp(head, server->rules[i].request, length) != 0 || strchr("? ", head[length]) == NULL)
            continue;
        *rule = server->rules[i];
        found = true;
        if (!server->spent[i])
        {
            server->spent[i] = true;
            break;
        }
    }
    pthread_mutex_unlock(&server->mutex);
    return found;
}

static bool
serve_request(Connection *connection, const char *head)
{
    QtBinance *server = connection->server;
    QtRule rule = {.request = "", .body = "{}", .status = 404};
    char clock[64];

    if (!rule_for(server, head, &rule) && strncmp(head, "GET /api/v3/time ", 17) == 0)
    {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(clock,
                 sizeof(clock),
                 "{\"serverTime\":%lld}",
                 (long long) now.tv_sec * 1000 + now.tv_nsec / 1000000 + server->ahead_ms);
        rule = (QtRule){.body = clock};
    }
    return reply_by(connection, &rule);
}

/* reply_by does what a rule says; false: the connection is to end. */
static bool
reply_by(Connection *connection, const QtRule *rule)
{
    char *reply = NULL;
    int length;

    if (rule->delay_ms > 0)
        usleep((useconds_t) rule->delay_ms * 1000);
    if (rule->deed == QT_HANG_UP)
        return false;
    if (rule->deed == QT_SAY_NOTHING)
    {
        char byte;

        (void) get(connection, &byte, 1);
        return false;
    }
    length = asprintf(&reply,
                      "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
                      rule->status == 0 ? 200 : rule->status,
                      rule->headers == NULL ? "" : rule->headers,
                      strlen(rule->body),
                      rule->body);
    put(connection, reply, (size_t) (rule->deed == QT_HALF ? length - (int) strlen(rule->body) / 2 : length));
    free(reply);
    return rule->deed == QT_REPLY;
}

/* send_frame sends a frame that is not masked. */
static void
send_frame(Connection *connection, int opcode, const char *payload, size_t length)
{
    char *frame = malloc(length + 4);
    size_t head = length < 126 ? 2 : 4;

    assert_true(length <= 0xffff);
    frame[0] = (char) (0x80 | opcode);
    frame[1] = (char) (length < 126 ? length : 126);
    if (head == 4)
    {
        frame[2] = (char) (length >> 8);
        frame[3] = (char) (length & 0xff);
    }
    memcpy(frame + head, payload, length);
    put(connection, frame, head + length);
    free(frame);
}

/* serve_websocket shakes hands and takes messages, unmasked, until the connection ends. */
static void
serve_websocket(Connection *connection, const char *head)
{
    char accept[QM_WS_ACCEPT_SIZE];
    char reply[256];
    char bytes[TEXT_SIZE];
    size_t length = 0;
    const char *key = strcasestr(head, "Sec-WebSocket-Key: ");

    assert_non_null(key);
    assert_true(qm_ws_accept(key + 19, accept));
    sscanf(head, "GET %511s", connection->path);
    snprintf(reply,
             sizeof(reply),
             "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    put(connection, reply, strlen(reply));
    pthread_mutex_lock(&connection->server->mutex);
    connection->websocket = true;
    pthread_mutex_unlock(&connection->server->mutex);
    for (;;)
    {
        ssize_t count = get(connection, bytes + length, sizeof(bytes) - length);
        size_t head_size, size;

        if (count <= 0)
            return;
        length += (size_t) count;
        while (length >= 6)
        {
            uint8_t *frame = (uint8_t *) bytes;
            char text[TEXT_SIZE];

            size = frame[1] & 0x7f;
            head_size = size == 126 ? 8 : 6;
            if (size == 126)
                size = (size_t) frame[2] << 8 | frame[3];
            if (length < head_size + size)
                break;
            for (size_t i = 0; i < size; i++)
                text[i] = (char) (frame[head_size + i] ^ frame[head_size - 4 + i % 4]);
            text[size] = '\0';
            if ((frame[0] & 0x0f) == 1)
                answer_message(connection, text);
            else
            {
                char control[160];

                snprintf(control, sizeof(control), "control %d %.125s", frame[0] & 0x0f, text);
                note(connection->server, control);
            }
            memmove(bytes, bytes + head_size + size, length - head_size - size);
            length -= head_size + size;
        }
    }
}

/* answer_message grants a subscription, unless the test has said what to answer. An empty answer is none. */
static void
answer_message(Connection *connection, const char *text)
{
    QtBinance *server = connection->server;
    const char *id = strstr(text, "\"id\":");
    char answer[TEXT_SIZE];

    note(server, text);
    pthread_mutex_lock(&server->mutex);
    if (server->answer != NULL && strstr(text, server->method) != NULL)
        snprintf(answer, sizeof(answer), "%s", server->answer);
    else if (strstr(text, "userDataStream") != NULL)
        snprintf(answer, sizeof(answer), "{\"id\":\"account\",\"status\":200,\"result\":{\"subscriptionId\":0}}");
    else
        snprintf(answer, sizeof(answer), "{\"result\":null,\"id\":%d}", id == NULL ? 0 : atoi(id + 5));
    pthread_mutex_unlock(&server->mutex);
    if (answer[0] != '\0')
        send_frame(connection, 1, answer, strlen(answer));
}

/* qt_binance_say sends a text to all WebSockets below path. */
void
qt_binance_say(QtBinance *server, const char *path, const char *text)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connection_count; i++)
    {
        Connection *connection = server->connections[i];

        if (connection->websocket && strncmp(connection->path, path, strlen(path)) == 0)
            send_frame(connection, 1, text, strlen(text));
    }
    pthread_mutex_unlock(&server->mutex);
}

/* qt_binance_say_raw sends bytes to all WebSockets below path. */
void
qt_binance_say_raw(QtBinance *server, const char *path, const char *bytes, size_t length)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connection_count; i++)
        if (server->connections[i]->websocket && strncmp(server->connections[i]->path, path, strlen(path)) == 0)
            put(server->connections[i], bytes, length);
    pthread_mutex_unlock(&server->mutex);
}

/* qt_binance_cut ends all WebSockets below path without a word. */
void
qt_binance_cut(QtBinance *server, const char *path)
{
    pthread_mutex_lock(&server->mutex);
    for (size_t i = 0; i < server->connection_count; i++)
    {
        Connection *connection = server->connections[i];

        if (connection->websocket && strncmp(connection->path, path, strlen(path)) == 0)
            shutdown(connection->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->mutex);
}

/* make_certificate makes a key and a certificate of its own for 127.0.0.1, and writes the latter to a file. */
static void
make_certificate(QtBinance *server)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_NAME *subject = X509_get_subject_name(certificate);
    FILE *file;
    int fd;

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) "test", -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_add_ext(certificate, name, -1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    server->tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(server->tls, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->tls, key), 1);
    snprintf(server->ca_file, sizeof(server->ca_file), "/tmp/qt-binance-ca-XXXXXX");
    fd = mkstemp(server->ca_file);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    fclose(file);
    X509_EXTENSION_free(name);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
