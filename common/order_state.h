/*
 * Order states: what an order can be, what can happen to it, and what becomes of
 * it then. Pure C, used by the extension and the client alike.
 */
#ifndef QM_ORDER_STATE_H
#define QM_ORDER_STATE_H

#include <stdbool.h>

typedef enum QmOrderState
{
    QM_ORDER_INTENT,           /* recorded, not given to a sender yet */
    QM_ORDER_SUBMITTED,        /* a sender may send it until send_before */
    QM_ORDER_UNKNOWN,          /* the reply was lost: it may be at the exchange */
    QM_ORDER_OPEN,             /* at the exchange, nothing filled */
    QM_ORDER_PARTIALLY_FILLED, /* at the exchange, something filled */
    QM_ORDER_LOST,             /* cannot be resolved: an operator must settle it */
    QM_ORDER_FILLED,
    QM_ORDER_CANCELED,
    QM_ORDER_EXPIRED,
    QM_ORDER_REJECTED,       /* refused by the exchange */
    QM_ORDER_ABORTED,        /* withdrawn, or out of time, before it was sent */
    QM_ORDER_NEVER_ACCEPTED, /* proved absent after the acceptance deadline */
    QM_ORDER_STATES
} QmOrderState;

typedef enum QmOrderEvent
{
    /* What we did, or know of our own sending. */
    QM_EVENT_CLAIMED,       /* a sender takes it */
    QM_EVENT_WITHDRAWN,     /* its owner, a halt or its deadline takes it back */
    QM_EVENT_NOT_SENT,      /* the sender says that nothing left */
    QM_EVENT_NOT_PROCESSED, /* the exchange says that it did not process the request: may be sent again */
    QM_EVENT_REPLY_LOST,    /* no reply, or none that says what became of it */
    QM_EVENT_PROVED_ABSENT, /* the exchange does not know it, after the deadline, three times */
    QM_EVENT_GIVEN_UP,      /* nobody can find out */
    /* What the exchange says of the order. */
    QM_EVENT_REJECTED,
    QM_EVENT_OPENED,
    QM_EVENT_PART_FILLED,
    QM_EVENT_FILLED,
    QM_EVENT_CANCELED,
    QM_EVENT_EXPIRED,
    QM_EVENTS
} QmOrderEvent;

typedef enum QmOrderEffect
{
    QM_EFFECT_REFUSED, /* cannot happen to an order in this state: the caller is wrong */
    QM_EFFECT_MOVES,   /* the state changes */
    QM_EFFECT_FLAGGED, /* the state changes against what we had concluded: also a discrepancy */
    QM_EFFECT_IGNORED, /* old news: nothing changes */
    QM_EFFECT_RECORDED /* contradicts what the exchange said before: only a discrepancy */
} QmOrderEffect;

typedef struct QmOrderTransition
{
    QmOrderState to; /* the state afterwards, also where it does not change */
    QmOrderEffect effect;
} QmOrderTransition;

extern QmOrderTransition qm_order_transition(QmOrderState from, QmOrderEvent event);
extern bool qm_order_is_live(QmOrderState state);
extern int qm_order_rank(QmOrderState state);
extern const char *qm_order_state_name(QmOrderState state);
extern const char *qm_order_event_name(QmOrderEvent event);
extern const char *qm_order_effect_name(QmOrderEffect effect);

#endif
