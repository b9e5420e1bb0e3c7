/*
 * The markets' stream: trades, best prices and candles of all markets that
 * somebody watches, on one connection.
 */
#include "binance_limit.h"
#include "binance_streams.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "moment.h"

static void opened(QmSocket *socket);
static void take_message(QmSocket *socket, const char *text, size_t length);
static void stream_lost(QmSocket *socket, const char *why);
static void take_reply(QmLasting *market, QmBinanceJson *json);
static bool add_name(QmStreams *streams, const char *symbol, const char *kind, const char *interval);

const QmSocketOwner qm_market_owner = {opened, take_message, stream_lost};

/* qm_streams_watch_market wants data of a market; what is wanted already is not asked for again. */
QmCode
qm_streams_watch_market(QmExchange *exchange, const char *symbol, bool trades, bool book, const char *interval)
{
    QmBinance *binance = (QmBinance *) exchange;
    QmStreams *streams = binance->streams;
    bool fine = true;

    qm_error_clear(&binance->error);
    if (!qm_binance_is_symbol(symbol) ||
        (interval != NULL && (strlen(interval) > 4 || !isdigit((unsigned char) interval[0]))))
        return qm_error_set(&binance->error,
                            QM_ERROR_ARGUMENT,
                            "22023",
                            NULL,
                            "binance: a market is watched by symbol and interval");
    if (trades)
        fine = add_name(streams, symbol, "trade", "") && fine;
    if (book)
        fine = add_name(streams, symbol, "bookTicker", "") && fine;
    if (interval != NULL)
        fine = add_name(streams, symbol, "kline_", interval) && fine;
    if (!fine)
        return qm_error_set(&binance->error,
                            QM_ERROR_LIMIT,
                            "53400",
                            NULL,
                            "binance: more than %d streams, or no memory",
                            QM_STREAMS_MAX);
    streams->market.wanted = true;
    if (streams->market.socket.state == QM_SOCKET_OPEN)
        qm_market_subscribe(streams);
    qm_binance_rearm(binance);
    return QM_OK;
}

/* add_name adds a stream's name, where symbols are in lower case. */
static bool
add_name(QmStreams *streams, const char *symbol, const char *kind, const char *interval)
{
    char name[64];
    size_t length = 0;

    for (; symbol[length] != '\0'; length++)
        name[length] = (char) tolower((unsigned char) symbol[length]);
    snprintf(name + length, sizeof(name) - length, "@%s%s", kind, interval);
    for (size_t i = 0; i < streams->name_count; i++)
        if (strcmp(streams->names[i], name) == 0)
            return true;
    if (streams->name_count == QM_STREAMS_MAX)
        return false;
    streams->names[streams->name_count] = strdup(name);
    if (streams->names[streams->name_count] == NULL)
        return false;
    streams->name_count++;
    return true;
}

static void
opened(QmSocket *socket)
{
    socket->binance->streams->subscribed = 0;
    qm_market_subscribe(socket->binance->streams);
}

/* qm_market_subscribe asks for all streams that this connection was not asked for yet, in one message. */
void
qm_market_subscribe(QmStreams *streams)
{
    QmLasting *market = &streams->market;
    json_t *names = json_array();
    json_t *request;
    char *text = NULL;

    for (size_t i = streams->subscribed; i < streams->name_count; i++)
        json_array_append_new(names, json_string(streams->names[i]));
    if (json_array_size(names) == 0)
    {
        json_decref(names);
        return;
    }
    streams->subscribed = streams->name_count;
    streams->awaited_id = ++streams->subscribe_id;
    request =
        json_pack("{s:s, s:o, s:I}", "method", "SUBSCRIBE", "params", names, "id", (json_int_t) streams->awaited_id);
    if (request != NULL)
        text = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    if (!market->up)
        market->due_ns = qm_grown_ns() + market->socket.binance->options.request_timeout_ms * QM_NS_PER_MS;
    if (text == NULL || !qm_socket_send(&market->socket, text, strlen(text)))
        qm_lasting_drop(market, "the subscription cannot be sent");
    free(text);
}

static void
stream_lost(QmSocket *socket, const char *why)
{
    qm_lasting_down((QmLasting *) socket, QM_HEARD_MARKET_DOWN, why);
}

/* take_message passes an event on. What cannot be read is left out and told: the next trade makes up for it. */
static void
take_message(QmSocket *socket, const char *text, size_t length)
{
    QmLasting *market = (QmLasting *) socket;
    QmReading reading = {0};
    QmExchangeEvent event;
    const json_t *in;
    const char *name;

    if (!qm_binance_json_parse(&reading.json, text, length))
    {
        qm_lasting_drop(market, reading.json.fault);
        return;
    }
    in = json_object_get(reading.json.root, "data");
    if (in == NULL)
        in = reading.json.root;
    name = json_string_value(json_object_get(in, "e"));
    if (json_object_get(reading.json.root, "result") != NULL || json_object_get(reading.json.root, "error") != NULL ||
        json_object_get(reading.json.root, "code") != NULL)
        take_reply(market, &reading.json);
    else if (qm_event_read(&reading, in, text, &event))
        qm_binance_tell(socket->binance, &event);
    else if (reading.json.fault[0] != '\0')
        qm_binance_notice(socket->binance, "market data that cannot be read: %s", reading.json.fault);
    else if (name != NULL && strcmp(name, "serverShutdown") == 0)
        qm_lasting_drop(market, name);
    qm_reading_free(&reading);
    qm_binance_json_free(&reading.json);
}

/* take_reply takes the answer to a subscription. */
static void
take_reply(QmLasting *market, QmBinanceJson *json)
{
    const QmStreams *streams = market->socket.binance->streams;
    const json_t *error = json_object_get(json->root, "error");
    const char *message = json_string_value(json_object_get(error == NULL ? json->root : error, "msg"));
    char why[QM_DETAIL_SIZE];

    if (json_object_get(json->root, "result") == NULL)
    {
        snprintf(why,
                 sizeof(why),
                 "the subscription was refused: %.300s",
                 message == NULL ? "no reason given" : message);
        qm_limit_heed_reply(market->socket.binance, json->root);
        qm_lasting_drop(market, why);
    }
    else if (!market->up && qm_binance_json_number_if(json, json->root, "id", 0) == streams->awaited_id)
        qm_lasting_up(market, QM_HEARD_MARKET_UP);
}
