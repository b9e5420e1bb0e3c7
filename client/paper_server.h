/*
 * The paper exchange's server: Binance spot's REST, WebSocket streams and
 * WebSocket API over a paper world, and an admin port beside them.
 *
 * One thread, one event loop. HTTP is libmicrohttpd's, which hands out requests
 * as they came: the exchange signs raw bytes. Every connection has a bounded
 * queue; one that does not read what it is sent is cut.
 *
 * Two clocks. Data time is the world's: candles and the market's trades carry it,
 * and it runs as fast as the world does. Wire time is this machine's, plus the
 * skew that a test asks for: serverTime, the check of a request's timestamp and
 * whatever dates an order, a fill or a balance are of it. So a client that
 * measures the exchange's clock as it always does is right at any speed.
 *
 * The admin port takes parameters in the query, or in a JSON object as body, and
 * answers with JSON; an error is {"code", "msg"} with status 400 or 404.
 *
 *   GET  /admin/state               {"now_ms", "wire_ms", "step", "ended", "websockets", "prices"}
 *   POST /admin/follow?name=        joins those whom the world waits for: at speed 0 the next step of data comes
 *                                   when all of them have asked for it. The answer is the state.
 *   POST /admin/step?name=[&seen=]  asks for it; answered, with the state, when it is done and what it told has
 *                                   left for all who listen. "ended": there is none. seen: the step that is known.
 *   POST /admin/leave?name=         is not waited for any more; so is a follower whose connection ends
 *   POST /admin/order?account=&symbol=&side=&type=&price=&quantity=[&timeInForce=][&newClientOrderId=]
 *   POST /admin/cancel?account=&symbol=&orderId=[&by=account]
 *   POST /admin/balance?account=&asset=&amount=     adds to what is free, or takes from it
 *   POST /admin/halt?symbol=&halted=true|false
 *   POST /admin/filter?symbol=&[tickSize=][&stepSize=][&minNotional=]...
 *   GET, POST, DELETE /admin/fault  the plan of faults: docs/paper.md
 *   POST /admin/kill?[account=][&how=cut|silent|end]
 *   GET  /admin/audit               all that has happened, a JSON object a line
 *   POST /admin/stop
 */
#ifndef QM_PAPER_SERVER_H
#define QM_PAPER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quantmesh.h"

typedef struct QmPaperWorld QmPaperWorld;
typedef struct QmPaperServer QmPaperServer;

/* What is 0 or NULL takes its default. All texts are copied. */
typedef struct QmPaperServerOptions
{
    const char *address; /* of the exchange's port, default 127.0.0.1; the admin port is on the loopback address only */
    int port;            /* 0: a free one */
    int admin_port;      /* 0: a free one */
    const char *tls_certificate; /* PEM, as text; both or none */
    const char *tls_key;
    int weight_max;           /* of an address, per minute; default 6000, -1: none */
    int orders_10s_max;       /* of an account; default 100, -1: none */
    int orders_day_max;       /* of an account; default 200000, -1: none */
    int64_t stream_life_ms;   /* of a WebSocket, default 24 hours */
    int64_t ping_ms;          /* default 20 s; without a pong for three of them a WebSocket is cut */
    int64_t listen_key_ms;    /* life of a listenKey, default an hour */
    size_t connections_max;   /* of the exchange's port, default 512 */
    size_t request_max;       /* bytes of a body or of a message, default 64 KiB */
    size_t queue_max;         /* bytes that wait to be sent on a WebSocket, default 8 MiB */
    size_t subscriptions_max; /* of a WebSocket, default 1024 */
} QmPaperServerOptions;

/* qm_paper_server_open listens on both ports. The world stays the caller's and is used until the server is closed. */
extern QM_MUST_CHECK QmPaperServer *qm_paper_server_open(QmPaperWorld *world, const QmPaperServerOptions *options,
                                                         QmError *error);
/* qm_paper_server_run serves until it is told to stop, by the admin port or by qm_paper_server_stop. */
extern QM_MUST_CHECK QmCode qm_paper_server_run(QmPaperServer *server, QmError *error);
/* qm_paper_server_stop may be called by a signal handler and by another thread. */
extern void qm_paper_server_stop(QmPaperServer *server);
/* qm_paper_server_close cuts what is still connected. */
extern void qm_paper_server_close(QmPaperServer *server);
extern int qm_paper_server_port(const QmPaperServer *server);
extern int qm_paper_server_admin_port(const QmPaperServer *server);

#endif
