/*
 * WebSocket, both sides of RFC 6455, without a connection: frames out of bytes and
 * bytes out of frames. A client masks what it sends, a server does not, and either
 * takes nothing else.
 */
#ifndef QM_WEBSOCKET_H
#define QM_WEBSOCKET_H

#include "quantmesh.h"

#define QM_WS_KEY_SIZE 25    /* base64 of 16 bytes, and NUL */
#define QM_WS_ACCEPT_SIZE 29 /* base64 of a SHA-1, and NUL */
#define QM_WS_CONTROL_MAX 125
#define QM_WS_HEADER_MAX 14

typedef enum QmWsKind
{
    QM_WS_MORE, /* nothing whole yet */
    QM_WS_TEXT,
    QM_WS_PING,
    QM_WS_PONG,
    QM_WS_CLOSE,
    QM_WS_FAULT /* the other side breaks the protocol or a limit: reader->fault says how */
} QmWsKind;

typedef enum QmWsOpcode
{
    QM_WS_OP_CONTINUATION = 0,
    QM_WS_OP_TEXT = 1,
    QM_WS_OP_BINARY = 2,
    QM_WS_OP_CLOSE = 8,
    QM_WS_OP_PING = 9,
    QM_WS_OP_PONG = 10
} QmWsOpcode;

/* What has come in. */
typedef struct QmWsReader
{
    size_t message_max;
    bool of_client; /* what comes in is a client's, and masked */
    char *bytes;    /* not read yet, from used to length */
    size_t used;
    size_t length;
    size_t size;
    char *message; /* being put together, always with room for a NUL */
    size_t message_length;
    size_t message_size;
    bool in_message;
    bool message_given; /* the next frame begins another */
    char control[QM_WS_CONTROL_MAX + 1];
    const char *fault;
} QmWsReader;

extern void qm_ws_reader_free(QmWsReader *reader);
extern bool qm_ws_feed(QmWsReader *reader, const char *bytes, size_t length);
extern QmWsKind qm_ws_next(QmWsReader *reader, const char **payload, size_t *length);
extern size_t qm_ws_frame(char *out, QmWsOpcode opcode, const char *payload, size_t length, const uint8_t mask[4]);
extern bool qm_ws_key(char key[QM_WS_KEY_SIZE]);
extern bool qm_ws_accept(const char *key, char accept[QM_WS_ACCEPT_SIZE]);
extern const char *qm_ws_upgrade_fault(const char *head, const char *key);

#endif
