/*
 * Any bytes as an answer, an event or a stream of frames: reading must not break.
 */
#include "binance_answer.h"
#include "websocket.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_frames(const char *text, size_t length);
static void read_event(const char *text, size_t length);

/* LLVMFuzzerTestOneInput takes the first byte for what to read the rest as. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    QmExchangeAnswer answer = {0};
    QmBody body;
    char *text;
    char message[64];
    int code;

    if (size == 0)
        return 0;
    text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 16)
    {
        case 8:
            (void) qm_body_error(text, size - 1, &code, message, sizeof(message));
            break;
        case 9:
        case 10:
            read_frames(text, size - 1);
            break;
        case 11:
        case 12:
        case 13:
        case 14:
        case 15:
            read_event(text, size - 1);
            break;
        default:
            (void) qm_body_read(&body, (QmBodyKind) (data[0] % 16), text, size - 1, &answer);
            qm_body_free(&body);
            break;
    }
    free(text);
    return 0;
}

static void
read_event(const char *text, size_t length)
{
    QmReading reading = {0};
    QmExchangeEvent event;

    if (qm_binance_json_parse(&reading.json, text, length))
        (void) qm_event_read(&reading, reading.json.root, text, &event);
    qm_reading_free(&reading);
    qm_binance_json_free(&reading.json);
}

static void
read_frames(const char *text, size_t length)
{
    QmWsReader reader = {.message_max = 1000};
    const char *payload;
    size_t payload_length;
    QmWsKind kind = QM_WS_MORE;

    for (size_t at = 0; at < length && kind != QM_WS_FAULT; at++)
    {
        if (!qm_ws_feed(&reader, text + at, 1))
            break;
        while ((kind = qm_ws_next(&reader, &payload, &payload_length)) != QM_WS_MORE && kind != QM_WS_FAULT)
            if (payload[payload_length] != '\0' || payload_length > 1000)
                abort();
    }
    qm_ws_reader_free(&reader);
}
