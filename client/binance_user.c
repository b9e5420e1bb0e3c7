/*
 * The account's stream. It has no memory: what happens while it is down is never
 * told. So once it is subscribed its events are held back until the listener has
 * read a snapshot that began after the subscription; they are told then, and what
 * the snapshot had already is told twice.
 */
#include "binance_limit.h"
#include "binance_streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

#define SUBSCRIBE_ID "account"

static void subscribe(QmSocket *socket);
static void take_message(QmSocket *socket, const char *text, size_t length);
static void stream_lost(QmSocket *socket, const char *why);
static void take_reply(QmLasting *user, QmBinanceJson *json);
static bool hold(QmStreams *streams, const char *text, size_t length);
static void tell(QmLasting *user, const char *text, size_t length);

const QmSocketOwner qm_user_owner = {subscribe, take_message, stream_lost};

/* qm_streams_watch_account wants the account's stream. */
QmCode
qm_streams_watch_account(QmExchange *exchange)
{
    QmBinance *binance = (QmBinance *) exchange;

    qm_error_clear(&binance->error);
    if (binance->options.api_key == NULL)
        return qm_error_set(&binance->error, QM_ERROR_ARGUMENT, "28000", NULL, "binance: no API key was given");
    binance->streams->user.wanted = true;
    qm_binance_rearm(binance);
    return QM_OK;
}

/* subscribe asks for the account's events, with a signature over the parameters in the order of their names. */
static void
subscribe(QmSocket *socket)
{
    QmBinance *binance = socket->binance;
    QmLasting *user = (QmLasting *) socket;
    int64_t timestamp = (qm_wall_us() + binance->offset_us) / 1000;
    char signature[QM_SIGNATURE_SIZE];
    char signed_text[512];
    json_t *request;
    char *text = NULL;
    int length;

    length = snprintf(signed_text,
                      sizeof(signed_text),
                      "apiKey=%s&recvWindow=%lld&timestamp=%lld",
                      binance->options.api_key,
                      (long long) binance->options.recv_window_ms,
                      (long long) timestamp);
    if (!qm_signature(binance->options.secret_key, signed_text, (size_t) length, signature))
    {
        qm_lasting_drop(user, "the subscription cannot be signed");
        return;
    }
    request = json_pack("{s:s, s:s, s:{s:s, s:I, s:I, s:s}}",
                        "id",
                        SUBSCRIBE_ID,
                        "method",
                        "userDataStream.subscribe.signature",
                        "params",
                        "apiKey",
                        binance->options.api_key,
                        "recvWindow",
                        (json_int_t) binance->options.recv_window_ms,
                        "timestamp",
                        (json_int_t) timestamp,
                        "signature",
                        signature);
    if (request != NULL)
        text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    user->due_ns = qm_grown_ns() + binance->options.request_timeout_ms * QM_NS_PER_MS;
    if (text == NULL || !qm_socket_send(socket, text, strlen(text)))
        qm_lasting_drop(user, "the subscription cannot be sent");
    free(text);
}

static void
stream_lost(QmSocket *socket, const char *why)
{
    qm_held_drop(socket->binance->streams);
    qm_lasting_down((QmLasting *) socket, QM_HEARD_USER_DOWN, why);
}

/* take_message tells or holds back an event, and looks at answers. */
static void
take_message(QmSocket *socket, const char *text, size_t length)
{
    QmLasting *user = (QmLasting *) socket;
    QmStreams *streams = socket->binance->streams;
    QmBinanceJson json;
    bool event;

    if (!qm_binance_json_parse(&json, text, length))
    {
        qm_lasting_drop(user, json.fault);
        return;
    }
    event = json_object_get(json.root, "status") == NULL;
    if (!event)
        take_reply(user, &json);
    qm_binance_json_free(&json);
    if (!event)
        return;
    if (!streams->holding)
        tell(user, text, length);
    else if (!hold(streams, text, length))
        qm_lasting_drop(user, "more events are held back than the limit");
}

/* take_reply takes the answer to the subscription. */
static void
take_reply(QmLasting *user, QmBinanceJson *json)
{
    QmBinance *binance = user->socket.binance;
    const json_t *error = json_object_get(json->root, "error");
    char why[QM_DETAIL_SIZE];
    int64_t code;

    if (error == NULL && qm_binance_json_number(json, json->root, "status") == 200)
    {
        if (user->up)
            return;
        binance->streams->holding = true;
        qm_lasting_up(user, QM_HEARD_USER_UP);
        return;
    }
    code = qm_binance_json_number_if(json, error, "code", 0);
    snprintf(why,
             sizeof(why),
             "the subscription was refused: %lld %s",
             (long long) code,
             json->fault[0] == '\0' ? json_string_value(json_object_get(error, "msg")) : json->fault);
    qm_limit_heed_reply(binance, json->root);
    if (code == -1021)
    {
        binance->clock_known = false;
        qm_binance_measure_clock(binance);
    }
    qm_binance_scrub(binance, why, sizeof(why));
    qm_lasting_drop(user, why);
}

/* hold keeps a message for drain(). */
static bool
hold(QmStreams *streams, const char *text, size_t length)
{
    QmHeld *held;

    if (streams->held_count >= streams->user.socket.binance->options.buffer_max)
        return false;
    held = malloc(sizeof(*held) + length + 1);
    if (held == NULL)
        return false;
    memcpy(held->text, text, length + 1);
    held->next = NULL;
    *streams->held_end = held;
    streams->held_end = &held->next;
    streams->held_count++;
    return true;
}

/* next_held takes the oldest message that is held back. */
static QmHeld *
next_held(QmStreams *streams)
{
    QmHeld *held = streams->held_first;

    if (held == NULL)
        return NULL;
    streams->held_first = held->next;
    if (held->next == NULL)
        streams->held_end = &streams->held_first;
    streams->held_count--;
    return held;
}

/* qm_held_drop forgets what is held back. */
void
qm_held_drop(QmStreams *streams)
{
    QmHeld *held;

    while ((held = next_held(streams)) != NULL)
        free(held);
    streams->holding = false;
}

/* qm_streams_drain tells what was held back, and from then on everything at once. */
void
qm_streams_drain(QmExchange *exchange)
{
    QmStreams *streams = ((QmBinance *) exchange)->streams;
    QmHeld *held;

    while ((held = next_held(streams)) != NULL)
    {
        tell(&streams->user, held->text, strlen(held->text));
        free(held);
    }
    streams->holding = false;
}

/* tell reads an event and passes it on. One that cannot be read is one missed: the stream begins anew, with a snapshot. */
static void
tell(QmLasting *user, const char *text, size_t length)
{
    QmReading reading = {0};
    QmExchangeEvent event;
    const json_t *in;
    const char *name;

    if (!qm_binance_json_parse(&reading.json, text, length))
    {
        qm_lasting_drop(user, reading.json.fault);
        return;
    }
    in = json_object_get(reading.json.root, "event");
    if (in == NULL)
        in = reading.json.root;
    name = json_string_value(json_object_get(in, "e"));
    if (qm_event_read(&reading, in, text, &event))
        qm_binance_tell(user->socket.binance, &event);
    else if (reading.json.fault[0] != '\0')
        qm_lasting_drop(user, reading.json.fault);
    else if (name != NULL && (strcmp(name, "eventStreamTerminated") == 0 || strcmp(name, "serverShutdown") == 0))
        qm_lasting_drop(user, name);
    qm_reading_free(&reading);
    qm_binance_json_free(&reading.json);
}
