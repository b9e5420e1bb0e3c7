/*
 * WebSocket, both sides of RFC 6455, without a connection. Only what an
 * exchange needs: text and control frames, no extensions; everything else is a
 * fault, after which the connection has to go.
 */
#include "websocket.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "moment.h"

#define BYTES_FIRST 4096

static QmWsKind fail(QmWsReader *reader, const char *fault);
static QmWsKind take_control(QmWsReader *reader, unsigned opcode, const char *from, size_t size, const char **payload,
                             size_t *length);
static bool take_data(QmWsReader *reader, unsigned opcode, const char *from, size_t size);

/* qm_ws_reader_free frees what a reader holds. */
void
qm_ws_reader_free(QmWsReader *reader)
{
    free(reader->bytes);
    free(reader->message);
    memset(reader, 0, sizeof(*reader));
}

/* grow makes room for so many bytes. */
static bool
grow(char **bytes, size_t *size, size_t needed)
{
    size_t wanted = *size == 0 ? BYTES_FIRST : *size;
    char *larger;

    if (needed <= *size)
        return true;
    while (wanted < needed)
        wanted *= 2;
    larger = realloc(*bytes, wanted);
    if (larger == NULL)
        return false;
    *bytes = larger;
    *size = wanted;
    return true;
}

/* qm_ws_feed adds bytes that have come in; false without memory. */
bool
qm_ws_feed(QmWsReader *reader, const char *bytes, size_t length)
{
    if (reader->used > 0)
    {
        memmove(reader->bytes, reader->bytes + reader->used, reader->length - reader->used);
        reader->length -= reader->used;
        reader->used = 0;
    }
    if (!grow(&reader->bytes, &reader->size, reader->length + length))
        return false;
    memcpy(reader->bytes + reader->length, bytes, length);
    reader->length += length;
    return true;
}

static QmWsKind
fail(QmWsReader *reader, const char *fault)
{
    reader->fault = fault;
    return QM_WS_FAULT;
}

/* header reads a frame's head: its size and that of the payload; 0 when it is not whole yet. */
static size_t
header(const QmWsReader *reader, uint64_t *size)
{
    const uint8_t *head = (const uint8_t *) reader->bytes + reader->used;
    size_t there = reader->length - reader->used;
    size_t head_size = 2;

    if (there < 2)
        return 0;
    *size = head[1] & 0x7f;
    if (*size >= 126)
        head_size += *size == 126 ? 2 : 8;
    if (there < head_size)
        return 0;
    if (head_size > 2)
        *size = 0;
    for (size_t i = 2; i < head_size; i++)
        *size = *size << 8 | head[i];
    if (head[1] & 0x80)
        head_size += 4;
    return there < head_size ? 0 : head_size;
}

static void
unmask(const char *mask, char *payload, size_t size)
{
    for (size_t i = 0; i < size; i++)
        payload[i] = (char) (payload[i] ^ mask[i & 3]);
}

/* qm_ws_next takes the next whole message; its payload ends with a NUL and is good until the next call. */
QmWsKind
qm_ws_next(QmWsReader *reader, const char **payload, size_t *length)
{
    if (reader->fault != NULL)
        return QM_WS_FAULT;
    while (reader->used < reader->length)
    {
        const uint8_t *head = (const uint8_t *) reader->bytes + reader->used;
        uint64_t size = 0;
        size_t head_size = header(reader, &size);
        char *from = reader->bytes + reader->used + head_size;
        unsigned opcode;

        if (head_size == 0)
            return QM_WS_MORE;
        if (head[0] & 0x70)
            return fail(reader, "a frame uses an extension");
        if (((head[1] & 0x80) != 0) != reader->of_client)
            return fail(reader, reader->of_client ? "a frame is not masked" : "a frame is masked");
        if (size > reader->message_max)
            return fail(reader, "a message is too long");
        if (reader->length - reader->used - head_size < size)
            return QM_WS_MORE;
        opcode = head[0] & 0x0f;
        if (reader->of_client)
            unmask(from - 4, from, (size_t) size);
        reader->used += head_size + (size_t) size;
        if (opcode & 0x8)
        {
            if (!(head[0] & 0x80) || size > QM_WS_CONTROL_MAX)
                return fail(reader, "a control frame is fragmented or too long");
            return take_control(reader, opcode, from, (size_t) size, payload, length);
        }
        if (!take_data(reader, opcode, from, (size_t) size))
            return QM_WS_FAULT;
        if (!(head[0] & 0x80))
            continue;
        reader->message_given = true;
        reader->in_message = false;
        *payload = reader->message;
        *length = reader->message_length;
        return QM_WS_TEXT;
    }
    return QM_WS_MORE;
}

/* take_control takes a control frame, which may stand between the parts of a message. */
static QmWsKind
take_control(QmWsReader *reader, unsigned opcode, const char *from, size_t size, const char **payload, size_t *length)
{
    memcpy(reader->control, from, size);
    reader->control[size] = '\0';
    *payload = reader->control;
    *length = size;
    switch (opcode)
    {
        case QM_WS_OP_CLOSE:
            return QM_WS_CLOSE;
        case QM_WS_OP_PING:
            return QM_WS_PING;
        case QM_WS_OP_PONG:
            return QM_WS_PONG;
        default:
            return fail(reader, "a frame has an unknown opcode");
    }
}

/* take_data adds a frame to the message. */
static bool
take_data(QmWsReader *reader, unsigned opcode, const char *from, size_t size)
{
    if (opcode != (reader->in_message ? QM_WS_OP_CONTINUATION : QM_WS_OP_TEXT))
    {
        fail(reader, opcode == QM_WS_OP_BINARY ? "a message is binary" : "the parts of a message are out of order");
        return false;
    }
    if (reader->message_given)
        reader->message_length = 0;
    reader->message_given = false;
    reader->in_message = true;
    if (reader->message_length + size > reader->message_max)
    {
        fail(reader, "a message is too long");
        return false;
    }
    if (!grow(&reader->message, &reader->message_size, reader->message_length + size + 1))
    {
        fail(reader, "no memory");
        return false;
    }
    memcpy(reader->message + reader->message_length, from, size);
    reader->message_length += size;
    reader->message[reader->message_length] = '\0';
    return true;
}

/* qm_ws_frame writes a whole frame, length + QM_WS_HEADER_MAX bytes at most, and returns its size. mask: NULL for a server. */
size_t
qm_ws_frame(char *out, QmWsOpcode opcode, const char *payload, size_t length, const uint8_t mask[4])
{
    uint8_t *head = (uint8_t *) out;
    const unsigned masked = mask == NULL ? 0 : 0x80;
    size_t size = 0;

    head[size++] = (uint8_t) (0x80 | opcode);
    if (length < 126)
        head[size++] = (uint8_t) (masked | length);
    else
    {
        size_t bytes = length <= 0xffff ? 2 : 8;

        head[size++] = (uint8_t) (masked | (bytes == 2 ? 126U : 127U));
        for (size_t i = bytes; i > 0; i--)
            head[size++] = (uint8_t) ((uint64_t) length >> (8 * (i - 1)));
    }
    if (mask == NULL)
    {
        memcpy(head + size, payload, length);
        return size + length;
    }
    memcpy(head + size, mask, 4);
    size += 4;
    for (size_t i = 0; i < length; i++)
        head[size + i] = (uint8_t) ((uint8_t) payload[i] ^ mask[i % 4]);
    return size + length;
}

/* qm_ws_key draws the key of a handshake. */
bool
qm_ws_key(char key[QM_WS_KEY_SIZE])
{
    uint8_t random[16];

    if (!qm_random(random, sizeof(random)))
        return false;
    EVP_EncodeBlock((unsigned char *) key, random, sizeof(random));
    return true;
}

/* qm_ws_accept computes what the other side has to answer to a key. */
bool
qm_ws_accept(const char *key, char accept[QM_WS_ACCEPT_SIZE])
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[QM_WS_KEY_SIZE + sizeof(magic)];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    size_t length = strnlen(key, QM_WS_KEY_SIZE - 1);

    memcpy(text, key, length);
    memcpy(text + length, magic, sizeof(magic));
    if (!EVP_Digest(text, strlen(text), digest, &size, EVP_sha1(), NULL) || size != 20)
        return false;
    EVP_EncodeBlock((unsigned char *) accept, digest, (int) size);
    return true;
}

/* header_has says whether a head has a header whose value contains a word, in any case unless exact. */
static bool
header_has(const char *head, const char *name, const char *word, bool exact)
{
    size_t name_length = strlen(name);
    size_t word_length = strlen(word);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n"))
    {
        const char *end;

        line += 2;
        end = strstr(line, "\r\n");
        if (end == NULL || strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        for (const char *at = line + name_length + 1; at + word_length <= end; at++)
            if ((exact ? strncmp(at, word, word_length) : strncasecmp(at, word, word_length)) == 0)
                return true;
    }
    return false;
}

/* qm_ws_upgrade_fault returns what is wrong with the answer to a handshake, from its first byte to the empty line; NULL: nothing. */
const char *
qm_ws_upgrade_fault(const char *head, const char *key)
{
    char accept[QM_WS_ACCEPT_SIZE];

    if (strncmp(head, "HTTP/1.1 101", 12) != 0)
        return "the server does not answer with 101";
    if (!header_has(head, "Upgrade", "websocket", false) || !header_has(head, "Connection", "upgrade", false))
        return "the server does not speak WebSocket";
    if (!qm_ws_accept(key, accept) || !header_has(head, "Sec-WebSocket-Accept", accept, true))
        return "the server's answer is not for this connection";
    if (header_has(head, "Sec-WebSocket-Extensions", "permessage", false))
        return "the server uses an extension that was not asked for";
    return NULL;
}
