/*
 * Proxy: the network between a client and a server, which can be cut after any
 * number of bytes in either direction.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

enum
{
    STEP_MS = 20,
    BUFFER_SIZE = 65536
};

/* loopback returns the address of a port of this machine. */
static struct sockaddr_in
loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((unsigned short) port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* close_pair closes two descriptors that may not be there. */
static void
close_pair(int *one, int *two)
{
    if (*one >= 0)
        close(*one);
    if (*two >= 0)
        close(*two);
    *one = *two = -1;
}

/* accept_one takes a client in, and connects it to the server; a server that is down means a closed link. */
static void
accept_one(QtProxy *proxy)
{
    struct sockaddr_in address = loopback(proxy->server_port);

    proxy->client = accept(proxy->listener, NULL, NULL);
    proxy->server = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(proxy->server, (struct sockaddr *) &address, sizeof(address)) != 0)
        close_pair(&proxy->client, &proxy->server);
}

/* cut_now makes the cut that was armed. */
static void
cut_now(QtProxy *proxy)
{
    if (proxy->before != NULL)
        proxy->before(proxy->what);
    if (proxy->cut == QT_SILENT)
    {
        close_pair(&proxy->silent[0], &proxy->silent[1]);
        proxy->silent[0] = proxy->client;
        proxy->silent[1] = proxy->server;
        proxy->client = proxy->server = -1;
    }
    else
        close_pair(&proxy->client, &proxy->server);
    if (proxy->after != NULL)
        proxy->after(proxy->what);
}

/* relay passes on what has come from one end. */
static void
relay(QtProxy *proxy, QtDirection direction)
{
    char buffer[BUFFER_SIZE];
    int from = direction == QT_REQUEST ? proxy->client : proxy->server;
    int to = direction == QT_REQUEST ? proxy->server : proxy->client;
    ssize_t got = recv(from, buffer, sizeof(buffer), 0);
    size_t pass = got < 0 ? 0 : (size_t) got;
    bool counts;
    bool cut;

    pthread_mutex_lock(&proxy->mutex);
    counts = proxy->armed && proxy->direction == direction;
    cut = counts && got > 0 && pass >= proxy->left;
    if (cut)
    {
        pass = proxy->left;
        proxy->armed = false;
        proxy->fired = true;
    }
    if (counts)
        proxy->left -= pass;
    pthread_mutex_unlock(&proxy->mutex);
    if (pass > 0 && send(to, buffer, pass, MSG_NOSIGNAL) != (ssize_t) pass)
        got = 0;
    if (cut)
        cut_now(proxy);
    else if (got <= 0)
        close_pair(&proxy->client, &proxy->server);
}

/* proxy_main is the thread. */
static void *
proxy_main(void *argument)
{
    QtProxy *proxy = argument;

    for (;;)
    {
        struct pollfd descriptors[3] = {{.fd = proxy->client < 0 ? proxy->listener : -1, .events = POLLIN},
                                        {.fd = proxy->client, .events = POLLIN},
                                        {.fd = proxy->server, .events = POLLIN}};
        bool stopping;

        pthread_mutex_lock(&proxy->mutex);
        stopping = proxy->stopping;
        pthread_mutex_unlock(&proxy->mutex);
        if (stopping)
            return NULL;
        if (poll(descriptors, 3, STEP_MS) <= 0)
            continue;
        if (descriptors[0].revents != 0)
            accept_one(proxy);
        else if (descriptors[1].revents != 0)
            relay(proxy, QT_REQUEST);
        else if (descriptors[2].revents != 0)
            relay(proxy, QT_REPLY);
    }
}

/* qt_proxy_start listens on a free port. */
void
qt_proxy_start(QtProxy *proxy, int server_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);

    memset(proxy, 0, sizeof(*proxy));
    proxy->server_port = server_port;
    proxy->client = proxy->server = proxy->silent[0] = proxy->silent[1] = -1;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(proxy->listener, (struct sockaddr *) &address, size) != 0 || listen(proxy->listener, 16) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *) &address, &size) != 0)
        qt_fail("the proxy has no port");
    proxy->port = ntohs(address.sin_port);
    pthread_mutex_init(&proxy->mutex, NULL);
    if (pthread_create(&proxy->thread, NULL, proxy_main, proxy) != 0)
        qt_fail("the proxy has no thread");
}

/* qt_proxy_stop ends the thread and all links. */
void
qt_proxy_stop(QtProxy *proxy)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->stopping = true;
    pthread_mutex_unlock(&proxy->mutex);
    pthread_join(proxy->thread, NULL);
    close_pair(&proxy->client, &proxy->server);
    close_pair(&proxy->silent[0], &proxy->silent[1]);
    close(proxy->listener);
    pthread_mutex_destroy(&proxy->mutex);
}

/* qt_proxy_arm arms a cut after so many bytes of one direction; 0: before the first of them comes through. */
void
qt_proxy_arm(QtProxy *proxy, QtDirection direction, size_t bytes, QtCut cut)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->armed = true;
    proxy->fired = false;
    proxy->direction = direction;
    proxy->cut = cut;
    proxy->left = bytes;
    pthread_mutex_unlock(&proxy->mutex);
}

/* qt_proxy_fired says whether the cut has happened, and disarms it if not. */
bool
qt_proxy_fired(QtProxy *proxy)
{
    bool fired;

    pthread_mutex_lock(&proxy->mutex);
    fired = proxy->fired;
    proxy->armed = false;
    pthread_mutex_unlock(&proxy->mutex);
    return fired;
}
