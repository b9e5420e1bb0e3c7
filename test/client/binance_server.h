/*
 * An exchange that says what a test wants it to: HTTP and WebSocket, with or
 * without TLS, on a free port of this machine. It has a thread for each
 * connection; every function here may be called while they run.
 */
#ifndef QT_BINANCE_SERVER_H
#define QT_BINANCE_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum QtDeed
{
    QT_REPLY,
    QT_HANG_UP,    /* takes the request and closes */
    QT_HALF,       /* sends half of the reply and closes */
    QT_SAY_NOTHING /* until the client gives up */
} QtDeed;

typedef struct QtBinance QtBinance;

/* What to do with a request whose first line begins so. Rules of one prefix are used one after another, the last for ever. */
typedef struct QtRule
{
    const char *request; /* "POST /api/v3/order" */
    QtDeed deed;
    int status;          /* 0: 200; of a WebSocket's handshake 101 grants it, as no rule does */
    const char *headers; /* each with \r\n at its end; NULL: none */
    const char *body;
    int delay_ms;
} QtRule;

extern QtBinance *qt_binance_start(bool tls);
extern void qt_binance_stop(QtBinance *server);
extern int qt_binance_port(const QtBinance *server);
extern const char *qt_binance_ca_file(const QtBinance *server);
extern void qt_binance_rule(QtBinance *server, const QtRule *rule);
extern size_t qt_binance_seen(QtBinance *server, const char *what); /* requests and messages with this text in them */
extern bool qt_binance_get(QtBinance *server, const char *what, char *out, size_t size); /* the last one */
extern void qt_binance_clock(QtBinance *server, long long ahead_ms);
extern void qt_binance_answer(QtBinance *server, const char *method,
                              const char *answer); /* to a WebSocket method; NULL: granted */
extern void qt_binance_say(QtBinance *server, const char *path, const char *text); /* to all WebSockets below path */
extern void qt_binance_say_raw(QtBinance *server, const char *path, const char *bytes, size_t length);
extern void qt_binance_cut(QtBinance *server, const char *path);

#endif
