/*
 * Streams: the connection for the account and the one for the markets, as long as
 * somebody wants them.
 */
#ifndef QM_BINANCE_STREAMS_H
#define QM_BINANCE_STREAMS_H

#include "binance_socket.h"

#define QM_STREAMS_MAX 1000 /* of markets on one connection; Binance allows 1024 */

/* A connection that is made again whenever it has gone. */
typedef struct QmLasting
{
    QmSocket socket; /* first: the socket's callbacks get from one to the other */
    bool wanted;
    bool up;          /* subscribed */
    int64_t due_ns;   /* closed: when to connect; open and not up: when to give up */
    int64_t up_ns;    /* since when */
    int64_t pause_ms; /* the last one */
} QmLasting;

/* A message that is held back. */
typedef struct QmHeld
{
    struct QmHeld *next;
    char text[];
} QmHeld;

struct QmStreams
{
    QmLasting user;
    QmLasting market;
    bool holding;
    QmHeld *held_first;
    QmHeld **held_end;
    size_t held_count;
    char *names[QM_STREAMS_MAX]; /* of the markets' streams */
    size_t name_count;
    size_t subscribed; /* how many of them this connection was asked for */
    int64_t subscribe_id;
    int64_t awaited_id; /* the answer that makes it up */
};

extern const QmSocketOwner qm_user_owner;
extern const QmSocketOwner qm_market_owner;

extern void qm_lasting_up(QmLasting *lasting, QmExchangeEventKind kind);
extern void qm_lasting_down(QmLasting *lasting, QmExchangeEventKind kind, const char *why);
extern void qm_lasting_drop(QmLasting *lasting, const char *why);
extern void qm_held_drop(QmStreams *streams);
extern void qm_market_subscribe(QmStreams *streams);

#endif
