/*
 * A paper exchange for tests.
 */
#include "paper_host.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "binance_query.h"
#include "check.h"

#define ANSWER_MAX (1024 * 1024)

typedef struct Received
{
    char text[ANSWER_MAX];
    size_t length;
} Received;

static void *serve(void *argument);

void
qt_paper_prepare(QtPaper *paper)
{
    QmError error;

    memset(paper, 0, sizeof(*paper));
    assert_ok(qm_paper_setup_begin(&paper->setup, &error), &error);
    paper->setup.world.speed = 0;
    paper->setup.world.seed = 7;
    paper->setup.server.weight_max = paper->setup.server.orders_10s_max = paper->setup.server.orders_day_max = -1;
    assert_ok(qm_paper_setup_symbols(&paper->setup, "BTC/USDT,ETH/USDT", "30000", &error), &error);
    assert_ok(qm_paper_setup_account(&paper->setup, "main", QT_PAPER_KEY, QT_PAPER_SECRET, &error), &error);
    assert_ok(qm_paper_setup_account(&paper->setup, "other", "otherkey", "othersecret", &error), &error);
    assert_ok(qm_paper_setup_balances(&paper->setup, "USDT=100000,BTC=5,ETH=50", &error), &error);
}

void
qt_paper_start(QtPaper *paper)
{
    QmError error;
    pthread_t *thread = malloc(sizeof(*thread));
    int port;

    assert_non_null(thread);
    assert_ok(qm_paper_setup_finish(&paper->setup, &error), &error);
    assert_ok(qm_paper_world_open(&paper->setup.world, &paper->world, &error), &error);
    paper->server = qm_paper_server_open(paper->world, &paper->setup.server, &error);
    if (paper->server == NULL)
        qt_fail("the server cannot be opened: %s", error.message);
    port = qm_paper_server_port(paper->server);
    snprintf(paper->url, sizeof(paper->url), "http%s://127.0.0.1:%d", paper->setup.server.tls_key ? "s" : "", port);
    snprintf(paper->ws_api_url, sizeof(paper->ws_api_url), "ws://127.0.0.1:%d/ws-api/v3", port);
    snprintf(paper->stream_url, sizeof(paper->stream_url), "ws://127.0.0.1:%d", port);
    snprintf(paper->admin_url,
             sizeof(paper->admin_url),
             "http://127.0.0.1:%d",
             qm_paper_server_admin_port(paper->server));
    paper->thread = thread;
    assert_int_equal(pthread_create(thread, NULL, serve, paper), 0);
}

static void *
serve(void *argument)
{
    QtPaper *paper = argument;
    QmError error;

    if (qm_paper_server_run(paper->server, &error) != QM_OK)
        fprintf(stderr, "the server failed: %s\n", error.message);
    return NULL;
}

void
qt_paper_stop(QtPaper *paper)
{
    qm_paper_server_stop(paper->server);
    pthread_join(*(pthread_t *) paper->thread, NULL);
    free(paper->thread);
    qm_paper_server_close(paper->server);
    qm_paper_world_close(paper->world);
    qm_paper_setup_end(&paper->setup);
    json_decref(paper->answer);
    paper->answer = NULL;
}

static size_t
take_body(char *data, size_t size, size_t count, void *argument)
{
    Received *received = argument;

    if (received->length + size * count >= sizeof(received->text))
        return 0;
    memcpy(received->text + received->length, data, size * count);
    received->length += size * count;
    received->text[received->length] = '\0';
    return size * count;
}

static size_t
take_header(char *data, size_t size, size_t count, void *argument)
{
    QtPaper *paper = argument;
    size_t length = strlen(paper->headers);

    if (length + size * count < sizeof(paper->headers))
    {
        memcpy(paper->headers + length, data, size * count);
        paper->headers[length + size * count] = '\0';
    }
    return size * count;
}

/* fetch sends a request and keeps what was answered. */
static json_t *
fetch(QtPaper *paper, const char *verb, const char *url, const char *body, struct curl_slist *headers)
{
    Received *received = calloc(1, sizeof(*received));
    CURL *curl = curl_easy_init();

    assert_non_null(received);
    assert_non_null(curl);
    paper->headers[0] = '\0';
    paper->status = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, received);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, paper);
    if (body != NULL)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    json_decref(paper->answer);
    paper->answer = NULL;
    if (curl_easy_perform(curl) == CURLE_OK)
    {
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &paper->status);
        paper->answer = json_loads(received->text, JSON_DECODE_ANY, NULL);
    }
    curl_easy_cleanup(curl);
    free(received);
    return paper->answer;
}

int64_t
qt_paper_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
qt_paper_signature(const char *text, char signature[65])
{
    return qm_signature(QT_PAPER_SECRET, text, strlen(text), signature);
}

json_t *
qt_paper_ask(QtPaper *paper, const char *verb, const char *path, const char *query, bool is_signed)
{
    char signature[QM_SIGNATURE_SIZE];
    char text[2048];
    snprintf(text, sizeof(text), "%s", query);
    if (is_signed)
    {
        snprintf(text,
                 sizeof(text),
                 "%s%stimestamp=%lld",
                 query,
                 query[0] == '\0' ? "" : "&",
                 (long long) qt_paper_now_ms());
        assert_true(qt_paper_signature(text, signature));
        strcat(strcat(text, "&signature="), signature);
    }
    return qt_paper_ask_as(paper, QT_PAPER_KEY, verb, path, text);
}

json_t *
qt_paper_ask_as(QtPaper *paper, const char *key, const char *verb, const char *path, const char *query)
{
    struct curl_slist *headers;
    char header[256];
    char url[4096];
    json_t *answer;

    snprintf(header, sizeof(header), key[0] == '\0' ? "X-MBX-APIKEY;%s" : "X-MBX-APIKEY: %s", key);
    headers = curl_slist_append(NULL, header);
    snprintf(url, sizeof(url), "%s%s?%s", paper->url, path, query);
    answer = fetch(paper, verb, url, NULL, headers);
    curl_slist_free_all(headers);
    return answer;
}

json_t *
qt_paper_admin(QtPaper *paper, const char *verb, const char *path, const char *body)
{
    char url[4096];

    snprintf(url, sizeof(url), "%s/admin/%s", paper->admin_url, path);
    return fetch(paper, verb, url, body, NULL);
}

void
qt_paper_step(QtPaper *paper, int steps)
{
    for (int i = 0; i < steps; i++)
    {
        qt_paper_admin(paper, "POST", "step?name=test", NULL);
        assert_int_equal(paper->status, 200);
    }
}

void
qt_paper_refused(const QtPaper *paper, long status, int code, const char *message)
{
    const char *said = qt_paper_text(paper->answer, "msg");

    if (paper->status != status || qt_paper_whole(paper->answer, "code") != code || strcmp(said, message) != 0)
        qt_fail("wanted %ld %d \"%s\", not %ld %d \"%s\"",
                status,
                code,
                message,
                paper->status,
                (int) qt_paper_whole(paper->answer, "code"),
                said);
}

const char *
qt_paper_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

json_int_t
qt_paper_whole(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

void
qt_paper_certificate(const char *certificate_path, const char *key_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_NAME *subject = X509_get_subject_name(certificate);
    FILE *certificate_file = fopen(certificate_path, "w");
    FILE *key_file = fopen(key_path, "w");

    assert_non_null(certificate_file);
    assert_non_null(key_file);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *) "paper", -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_add_ext(certificate, name, -1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(certificate_file, certificate), 1);
    assert_int_equal(PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(certificate_file);
    fclose(key_file);
    X509_EXTENSION_free(name);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
