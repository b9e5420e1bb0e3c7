/*
 * Sockets: one WebSocket connection in the adapter's loop.
 */
#ifndef QM_BINANCE_SOCKET_H
#define QM_BINANCE_SOCKET_H

#include "binance_inside.h"
#include "websocket.h"

typedef enum QmSocketState
{
    QM_SOCKET_CLOSED,
    QM_SOCKET_CONNECTING,
    QM_SOCKET_SHAKING, /* the upgrade was asked for */
    QM_SOCKET_OPEN
} QmSocketState;

/* What a socket tells its owner; text of a message ends with a NUL. */
typedef struct QmSocketOwner
{
    void (*opened)(QmSocket *socket);
    void (*message)(QmSocket *socket, const char *text, size_t length);
    void (*closed)(QmSocket *socket, const char *why); /* for each connect, once, unless the owner closes it */
} QmSocketOwner;

struct QmSocket
{
    QmTransfer transfer;
    QmBinance *binance;
    const QmSocketOwner *owner;
    QmSocketState state;
    CURL *easy;
    int fd;
    int64_t begun_ns;
    bool more; /* there may be more to read that its descriptor does not show */
    char key[QM_WS_KEY_SIZE];
    char path[512];
    char host[300];
    int64_t heard_ns;
    int64_t pinged_ns;
    QmWsReader reader;
    char *out; /* not written yet */
    size_t out_length;
    size_t out_size;
    char failure[CURL_ERROR_SIZE];
};

extern bool qm_socket_connect(QmSocket *socket, const char *url, const char *path);
extern bool qm_socket_send(QmSocket *socket, const char *text, size_t length);
extern void qm_socket_close(QmSocket *socket);
extern void qm_socket_serve(QmSocket *socket, uint32_t ready);
extern void qm_socket_advance(QmSocket *socket);
extern int64_t qm_socket_due_ns(const QmSocket *socket);

#endif
