/*
 * Order states, as one table.
 *
 * Three rules are behind it. What the exchange says of an order outranks what
 * we have concluded without it: an order that we took for aborted, rejected or
 * never accepted, and that turns up, is taken up again and flagged. What the
 * exchange said last in the life of an order outranks what it said before: news
 * that arrives late or twice changes nothing, so that reports can come in any
 * order. And two ends contradict each other: the first stays, the second is
 * recorded.
 *
 * Fills are booked whatever the state is; a fill on an order that has ended
 * does not bring it back to life.
 */
#include "order_state.h"

#define MOVES(state)                      \
    {                                     \
        QM_ORDER_##state, QM_EFFECT_MOVES \
    }
#define FLAGGED(state)                      \
    {                                       \
        QM_ORDER_##state, QM_EFFECT_FLAGGED \
    }
#define IGNORED(state)                      \
    {                                       \
        QM_ORDER_##state, QM_EFFECT_IGNORED \
    }
#define RECORDED(state)                      \
    {                                        \
        QM_ORDER_##state, QM_EFFECT_RECORDED \
    }

/* What the exchange says goes into the table as it is: for orders that may be there, and for those we had given up. */
#define FACTS(effect)                                                                    \
    [QM_EVENT_OPENED] = effect(OPEN), [QM_EVENT_PART_FILLED] = effect(PARTIALLY_FILLED), \
    [QM_EVENT_FILLED] = effect(FILLED), [QM_EVENT_CANCELED] = effect(CANCELED), [QM_EVENT_EXPIRED] = effect(EXPIRED)

/* What is not listed is refused. */
static const QmOrderTransition transitions[QM_ORDER_STATES][QM_EVENTS] = {
    [QM_ORDER_INTENT] =
        {
            [QM_EVENT_CLAIMED] = MOVES(SUBMITTED),
            [QM_EVENT_WITHDRAWN] = MOVES(ABORTED),
            [QM_EVENT_REJECTED] = RECORDED(INTENT),
            FACTS(FLAGGED),
        },
    [QM_ORDER_SUBMITTED] =
        {
            [QM_EVENT_NOT_SENT] = MOVES(ABORTED),
            [QM_EVENT_NOT_PROCESSED] = MOVES(INTENT),
            [QM_EVENT_REPLY_LOST] = MOVES(UNKNOWN),
            [QM_EVENT_REJECTED] = MOVES(REJECTED),
            FACTS(MOVES),
        },
    /* That a reply was lost may be our own conclusion: the sender can know better, and say so late. */
    [QM_ORDER_UNKNOWN] =
        {
            [QM_EVENT_NOT_SENT] = MOVES(ABORTED),
            [QM_EVENT_NOT_PROCESSED] = MOVES(INTENT),
            [QM_EVENT_REPLY_LOST] = IGNORED(UNKNOWN),
            [QM_EVENT_PROVED_ABSENT] = MOVES(NEVER_ACCEPTED),
            [QM_EVENT_GIVEN_UP] = MOVES(LOST),
            [QM_EVENT_REJECTED] = MOVES(REJECTED),
            FACTS(MOVES),
        },
    [QM_ORDER_OPEN] =
        {
            [QM_EVENT_REPLY_LOST] = IGNORED(OPEN),
            [QM_EVENT_GIVEN_UP] = MOVES(LOST),
            [QM_EVENT_REJECTED] = RECORDED(OPEN),
            [QM_EVENT_OPENED] = IGNORED(OPEN),
            [QM_EVENT_PART_FILLED] = MOVES(PARTIALLY_FILLED),
            [QM_EVENT_FILLED] = MOVES(FILLED),
            [QM_EVENT_CANCELED] = MOVES(CANCELED),
            [QM_EVENT_EXPIRED] = MOVES(EXPIRED),
        },
    [QM_ORDER_PARTIALLY_FILLED] =
        {
            [QM_EVENT_REPLY_LOST] = IGNORED(PARTIALLY_FILLED),
            [QM_EVENT_GIVEN_UP] = MOVES(LOST),
            [QM_EVENT_REJECTED] = RECORDED(PARTIALLY_FILLED),
            [QM_EVENT_OPENED] = IGNORED(PARTIALLY_FILLED),
            [QM_EVENT_PART_FILLED] = IGNORED(PARTIALLY_FILLED),
            [QM_EVENT_FILLED] = MOVES(FILLED),
            [QM_EVENT_CANCELED] = MOVES(CANCELED),
            [QM_EVENT_EXPIRED] = MOVES(EXPIRED),
        },
    [QM_ORDER_LOST] =
        {
            [QM_EVENT_NOT_SENT] = MOVES(ABORTED),
            [QM_EVENT_NOT_PROCESSED] = MOVES(INTENT),
            [QM_EVENT_REPLY_LOST] = IGNORED(LOST),
            [QM_EVENT_PROVED_ABSENT] = MOVES(NEVER_ACCEPTED),
            [QM_EVENT_GIVEN_UP] = IGNORED(LOST),
            [QM_EVENT_REJECTED] = MOVES(REJECTED),
            FACTS(MOVES),
        },
    [QM_ORDER_FILLED] =
        {
            [QM_EVENT_REPLY_LOST] = IGNORED(FILLED),
            [QM_EVENT_REJECTED] = RECORDED(FILLED),
            [QM_EVENT_OPENED] = IGNORED(FILLED),
            [QM_EVENT_PART_FILLED] = IGNORED(FILLED),
            [QM_EVENT_FILLED] = IGNORED(FILLED),
            [QM_EVENT_CANCELED] = RECORDED(FILLED),
            [QM_EVENT_EXPIRED] = RECORDED(FILLED),
        },
    [QM_ORDER_CANCELED] =
        {
            [QM_EVENT_REPLY_LOST] = IGNORED(CANCELED),
            [QM_EVENT_REJECTED] = RECORDED(CANCELED),
            [QM_EVENT_OPENED] = IGNORED(CANCELED),
            [QM_EVENT_PART_FILLED] = IGNORED(CANCELED),
            [QM_EVENT_FILLED] = RECORDED(CANCELED),
            [QM_EVENT_CANCELED] = IGNORED(CANCELED),
            [QM_EVENT_EXPIRED] = RECORDED(CANCELED),
        },
    [QM_ORDER_EXPIRED] =
        {
            [QM_EVENT_REPLY_LOST] = IGNORED(EXPIRED),
            [QM_EVENT_REJECTED] = RECORDED(EXPIRED),
            [QM_EVENT_OPENED] = IGNORED(EXPIRED),
            [QM_EVENT_PART_FILLED] = IGNORED(EXPIRED),
            [QM_EVENT_FILLED] = RECORDED(EXPIRED),
            [QM_EVENT_CANCELED] = RECORDED(EXPIRED),
            [QM_EVENT_EXPIRED] = IGNORED(EXPIRED),
        },
    [QM_ORDER_REJECTED] =
        {
            [QM_EVENT_REPLY_LOST] = IGNORED(REJECTED),
            [QM_EVENT_REJECTED] = IGNORED(REJECTED),
            FACTS(FLAGGED),
        },
    [QM_ORDER_ABORTED] =
        {
            [QM_EVENT_WITHDRAWN] = IGNORED(ABORTED),
            [QM_EVENT_NOT_SENT] = IGNORED(ABORTED),
            [QM_EVENT_REJECTED] = RECORDED(ABORTED),
            FACTS(FLAGGED),
        },
    [QM_ORDER_NEVER_ACCEPTED] =
        {
            [QM_EVENT_NOT_SENT] = IGNORED(NEVER_ACCEPTED),
            [QM_EVENT_NOT_PROCESSED] = IGNORED(NEVER_ACCEPTED),
            [QM_EVENT_REPLY_LOST] = IGNORED(NEVER_ACCEPTED),
            [QM_EVENT_PROVED_ABSENT] = IGNORED(NEVER_ACCEPTED),
            [QM_EVENT_REJECTED] = IGNORED(NEVER_ACCEPTED),
            FACTS(FLAGGED),
        },
};

/* Ranks order what the exchange can say: a state's rank never falls, but where a conclusion of ours is overturned. */
static const struct
{
    const char *name;
    int rank;
    bool live; /* holds its slot */
} states[QM_ORDER_STATES] = {
    [QM_ORDER_INTENT] = {"intent", 0, true},
    [QM_ORDER_SUBMITTED] = {"submitted", 1, true},
    [QM_ORDER_UNKNOWN] = {"unknown", 2, true},
    [QM_ORDER_OPEN] = {"open", 3, true},
    [QM_ORDER_PARTIALLY_FILLED] = {"partially_filled", 4, true},
    [QM_ORDER_LOST] = {"lost", 8, true},
    [QM_ORDER_FILLED] = {"filled", 9, false},
    [QM_ORDER_CANCELED] = {"canceled", 9, false},
    [QM_ORDER_EXPIRED] = {"expired", 9, false},
    [QM_ORDER_REJECTED] = {"rejected", 9, false},
    [QM_ORDER_ABORTED] = {"aborted", 9, false},
    [QM_ORDER_NEVER_ACCEPTED] = {"never_accepted", 9, false},
};

static const char *const event_names[QM_EVENTS] = {
    [QM_EVENT_CLAIMED] = "claimed",
    [QM_EVENT_WITHDRAWN] = "withdrawn",
    [QM_EVENT_NOT_SENT] = "not_sent",
    [QM_EVENT_NOT_PROCESSED] = "not_processed",
    [QM_EVENT_REPLY_LOST] = "reply_lost",
    [QM_EVENT_PROVED_ABSENT] = "proved_absent",
    [QM_EVENT_GIVEN_UP] = "given_up",
    [QM_EVENT_REJECTED] = "rejected",
    [QM_EVENT_OPENED] = "opened",
    [QM_EVENT_PART_FILLED] = "part_filled",
    [QM_EVENT_FILLED] = "filled",
    [QM_EVENT_CANCELED] = "canceled",
    [QM_EVENT_EXPIRED] = "expired",
};

static const char *const effect_names[] = {
    [QM_EFFECT_REFUSED] = "refused",
    [QM_EFFECT_MOVES] = "moves",
    [QM_EFFECT_FLAGGED] = "flagged",
    [QM_EFFECT_IGNORED] = "ignored",
    [QM_EFFECT_RECORDED] = "recorded",
};

/* qm_order_transition returns what becomes of an order in a state when an event happens to it. */
QmOrderTransition
qm_order_transition(QmOrderState from, QmOrderEvent event)
{
    QmOrderTransition transition = transitions[from][event];

    if (transition.effect == QM_EFFECT_REFUSED)
        transition.to = from;
    return transition;
}

/* qm_order_is_live says whether an order in that state holds its slot. */
bool
qm_order_is_live(QmOrderState state)
{
    return states[state].live;
}

/* qm_order_rank returns how far the state is in the life of an order. */
int
qm_order_rank(QmOrderState state)
{
    return states[state].rank;
}

/* qm_order_state_name returns the word that tables, views and messages show. */
const char *
qm_order_state_name(QmOrderState state)
{
    return states[state].name;
}

/* qm_order_event_name returns the word that the view of transitions shows. */
const char *
qm_order_event_name(QmOrderEvent event)
{
    return event_names[event];
}

/* qm_order_effect_name returns the word that the view of transitions shows. */
const char *
qm_order_effect_name(QmOrderEffect effect)
{
    return effect_names[effect];
}
