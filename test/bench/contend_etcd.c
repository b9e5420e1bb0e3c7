/*
 * etcd's lock service by the v3 API: a lease for the session, /v3/lock/lock with
 * it, the work, /v3/lock/unlock. C has no gRPC client that Debian carries and
 * people use, so this is etcd's own JSON gateway over one kept connection; what
 * it costs beside gRPC is a part of the figure, and the report says so. The data
 * is in PostgreSQL. A lease of etcd lasts at least two seconds.
 */
#include "contend.h"

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_MS_MIN 2000
#define SESSION_S 600
#define WAIT_MS 1000L

typedef struct Etcd
{
    CURL *curl;
    char body[4096];
    size_t length;
    char session[32];
    char held[512]; /* the key that the lock service made, in base64 */
} Etcd;

/* keep_body takes a piece of the answer; one that is larger than any of etcd's is refused. */
static size_t
keep_body(char *data, size_t size, size_t count, void *argument)
{
    Etcd *etcd = argument;

    if (etcd->length + size * count >= sizeof etcd->body)
        return 0;
    memcpy(etcd->body + etcd->length, data, size * count);
    etcd->length += size * count;
    etcd->body[etcd->length] = '\0';
    return size * count;
}

/* call posts a request and returns the named text of its answer in text; false when it was not answered in time. */
static bool
call(Worker *worker, const char *path, const char *request, const char *name, char *text, size_t size)
{
    Etcd *etcd = worker->state;
    char url[256];
    CURLcode code;
    json_t *answer;
    const char *found;

    etcd->length = 0;
    snprintf(url, sizeof url, "%s%s", setting("QM_BENCH_ETCD"), path);
    curl_easy_setopt(etcd->curl, CURLOPT_URL, url);
    curl_easy_setopt(etcd->curl, CURLOPT_POSTFIELDS, request);
    code = curl_easy_perform(etcd->curl);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return false;
    if (code != CURLE_OK)
        fail("etcd: %s: %s", path, curl_easy_strerror(code));
    answer = json_loadb(etcd->body, etcd->length, 0, NULL);
    found = json_string_value(json_object_get(answer, name));
    if (json_object_get(answer, "error") || !json_object_get(answer, "header") || (name && !found))
        fail("etcd: %s: %s", path, etcd->body);
    if (name)
        snprintf(text, size, "%s", found);
    json_decref(answer);
    return true;
}

/* grant makes a lease of so many seconds the worker's session. */
static void
grant(Worker *worker, int seconds)
{
    Etcd *etcd = worker->state;
    char request[64];

    snprintf(request, sizeof request, "{\"TTL\": %d}", seconds);
    if (!call(worker, "/v3/lease/grant", request, "ID", etcd->session, sizeof etcd->session))
        fail("etcd: no lease was granted in time");
}

/* lock asks for the worker's key under its session. */
static bool
lock(Worker *worker)
{
    Etcd *etcd = worker->state;
    char name[KEY_SIZE * 2], request[KEY_SIZE * 2 + 64];

    EVP_EncodeBlock((unsigned char *) name, (const unsigned char *) worker->key, (int) strlen(worker->key));
    snprintf(request, sizeof request, "{\"name\": \"%s\", \"lease\": \"%s\"}", name, etcd->session);
    return call(worker, "/v3/lock/lock", request, "key", etcd->held, sizeof etcd->held);
}

void
etcd_open(Worker *worker)
{
    Etcd *etcd = worker->state ? worker->state : calloc(1, sizeof *etcd);

    sql_open(worker);
    if (!etcd)
        fail("no memory");
    worker->state = etcd;
    if (!etcd->curl)
        etcd->curl = curl_easy_init();
    if (!etcd->curl)
        fail("etcd: no curl handle");
    curl_easy_setopt(etcd->curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(etcd->curl, CURLOPT_WRITEDATA, etcd);
    curl_easy_setopt(etcd->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(etcd->curl, CURLOPT_PROXY, "");
    grant(worker, SESSION_S);
}

bool
etcd_give(Worker *worker)
{
    Etcd *etcd = worker->state;
    char request[600];

    snprintf(request, sizeof request, "{\"key\": \"%s\"}", etcd->held);
    return call(worker, "/v3/lock/unlock", request, NULL, NULL, 0);
}

void
etcd_step(Worker *worker)
{
    if (!lock(worker) || !etcd_give(worker))
        fail("etcd: %s was not answered in time", worker->key);
}

/*
 * etcd_attempt takes a session of the worker's TTL first where the lock has to end by then. A request that was cut off
 * has left the queue.
 */
bool
etcd_attempt(Worker *worker)
{
    Etcd *etcd = worker->state;
    bool had;

    if (worker->expires)
        grant(worker, (worker->ttl_ms + 999) / 1000);
    curl_easy_setopt(etcd->curl, CURLOPT_TIMEOUT_MS, WAIT_MS);
    had = lock(worker);
    curl_easy_setopt(etcd->curl, CURLOPT_TIMEOUT_MS, 0L);
    return had;
}

const Contender etcd_lock = {
    .name = "etcd",
    .title = "etcd lock and unlock, JSON gateway",
    .units = 1,
    .ttl_ms_min = TTL_MS_MIN,
    .open = etcd_open,
    .step = etcd_step,
    .attempt = etcd_attempt,
    .give = etcd_give,
};
