/*
 * Proxy: the network between a client and a server, which can be cut after any
 * number of bytes in either direction.
 *
 * It relays one connection at a time, in a thread of its own. A cut is armed for
 * the connection that is there, happens once, and leaves later connections alone.
 */
#ifndef QT_PROXY_H
#define QT_PROXY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum QtDirection
{
    QT_REQUEST, /* from the client to the server */
    QT_REPLY
} QtDirection;

typedef enum QtCut
{
    QT_CLOSE, /* both ends see the link closed */
    QT_SILENT /* nothing comes through any more, and nobody is told */
} QtCut;

typedef struct QtProxy
{
    int port;
    int server_port;
    int listener;
    int client;
    int server;
    int silent[2]; /* the two ends of a link that was cut silently */
    pthread_t thread;
    pthread_mutex_t mutex;
    bool stopping;
    bool armed;
    bool fired;
    QtDirection direction;
    QtCut cut;
    size_t left;                /* bytes of that direction that still come through */
    void (*before)(void *what); /* called when the cut happens, before the ends see it */
    void (*after)(void *what);  /* and after */
    void *what;
} QtProxy;

extern void qt_proxy_start(QtProxy *proxy, int server_port);
extern void qt_proxy_stop(QtProxy *proxy);
extern void qt_proxy_arm(QtProxy *proxy, QtDirection direction, size_t bytes, QtCut cut);
extern bool qt_proxy_fired(QtProxy *proxy);

#endif
