/*
 * Simulate: a small model of us against an exchange that is not there, with
 * nothing real but common/: what its parts share.
 *
 * simulate   options, seeds, plants
 * simday     a day of placing, canceling, dying and failing over, then a quiet one
 * simstore   what we have: orders, fills, position; reports applied to it
 * simpass    snapshots classified, and what was found repaired
 * simcheck   what must have come of it
 *
 * The model keeps the promises of the extension, so that what goes wrong is the
 * classifier's fault, or the promises'. All of a seed happens in its own time.
 */
#ifndef QF_SIMULATE_H
#define QF_SIMULATE_H

#include "exchange.h"
#include "reconcile.h"

enum
{
    SIM_LEVELS = 150, /* prices of one side */
    SIM_FIRST_PRICE = 1000,
    SIM_INSTANCES = 4,
    SIM_TAGS_MAX = 8,
    SIM_SEND_WINDOW_US = 2000000,    /* send_before is so long after the submission */
    SIM_RECEIVE_WINDOW_US = 8000000, /* the exchange refuses what is older */
    SIM_MARGIN_US = 1500000,         /* more than what the exchange shows can be old */
    SIM_GRACE_US = 1200000,          /* likewise */
    SIM_CANCEL_WINDOW_US = 4000000
};

typedef enum SimCancel
{
    SIM_CANCEL_NONE,
    SIM_CANCEL_WAITS, /* until the order is open */
    SIM_CANCEL_SENT
} SimCancel;

typedef struct SimOrder
{
    int64_t order_id;
    int attempt;
    char client_order_id[QF_ID_SIZE];
    char exchange_order_id[QF_ID_SIZE]; /* empty: not known */
    QmOrderState state;
    QmOrigin origin;
    bool buy;
    int level; /* the slot; -1: none */
    bool holds_slot;
    int owner; /* serial number of an instance; -1: anybody's */
    int64_t price, quantity, filled, reported;
    int64_t placed_us, changed_us, accept_deadline_us, cancel_deadline_us;
    SimCancel cancel;
    int absent_answers;
} SimOrder;

typedef struct SimFill
{
    int order; /* its place in the store */
    int64_t price, quantity;
} SimFill;

/* A question to the exchange, until it is answered. */
typedef struct SimTask
{
    char client_order_id[QF_ID_SIZE];
    char exchange_order_id[QF_ID_SIZE];
    bool sent;
} SimTask;

/* A hash table of numbers; keys are never 0. */
typedef struct SimMap
{
    int64_t *keys;
    int *values;
    size_t size, used;
} SimMap;

/* What is committed: it can be copied, and a failover goes back to a copy. */
typedef struct SimStore
{
    SimOrder *orders;
    SimFill *fills;
    SimTask *tasks;
    size_t norders, nfills, ntasks, orders_room, fills_room, tasks_room;
    SimMap by_order_id, by_exchange_id, by_trade;
    int slots[2][SIM_LEVELS];   /* the order that holds it; -1: nobody */
    int waiting[2][SIM_LEVELS]; /* live orders that want it and do not */
    int64_t base, quote;        /* what all fills come to */
    int64_t last_trade;         /* where the next snapshot's trades go on */
    int64_t newest_trade;       /* the newest that is booked, whoever told of it */
} SimStore;

/* What an instance remembers of a request, whatever the database has forgotten. */
typedef struct SimSent
{
    int64_t order_id;
    int attempt;
    int owner;
    int64_t sent_us;
} SimSent;

/* A sender that stops before it sends, and notices too late. */
typedef struct SimStall
{
    int64_t at_us;
    int64_t order_id;
    int attempt;
    int owner;
} SimStall;

/* A fault that is made in what the classifier is given or says, to see that it is found. */
typedef enum SimPlant
{
    PLANT_NOTHING,
    PLANT_ABSENCE_PROVES,   /* one look at the open orders is proof */
    PLANT_DEADLINE_IGNORED, /* absent answers count before the deadline is over */
    PLANT_ALL_SETTLED,      /* what is still moving is judged */
    PLANT_MISSING_IS_LOST,  /* what is not shown is given up at once */
    PLANT_FILLS_FORGOTTEN,  /* missed fills are not booked */
    PLANT_LATE_FORGOTTEN,   /* late fills are not booked */
    PLANT_ORPHANS_LEFT,     /* ours are not adopted */
    PLANT_STRANGERS_LEFT,   /* nor are others' */
    PLANT_CANCELS_LEFT,     /* stuck cancels are not sent again */
    PLANT_NEVER_ABSENT,     /* nobody is ever proved absent */
    PLANT_NEXT_ONE,         /* what was found of one order is done to the next */
    PLANT_STRAYS_LEFT,      /* trades without an order are not asked about */
    PLANT_CURSOR_RUNS,      /* a snapshot's trades go on behind the newest that is booked */
    PLANT_NO_WAIT,          /* after a failover, the first snapshot will do */
    PLANT_INTENTS_KEPT,     /* and intents are taken for unsent, that may have been sent */
    PLANT_SLOTS_FORGOTTEN,  /* a slot that is free again is free for new orders, though an older one wants it */
    PLANTS
} SimPlant;

typedef struct SimTotals
{
    long orders, trades, days, passes, failovers, deaths;
    long findings[QM_FINDINGS];
    long states[QM_ORDER_STATES];
    int64_t simulated_us;
} SimTotals;

typedef struct Sim
{
    uint64_t seed, random;
    SimPlant plant;
    QmPolicy policy;
    Exchange *exchange;
    SimStore store;
    SimStore standby; /* a copy that is behind, for the next failover */
    bool has_standby;
    int64_t failover_us; /* when the standby takes over */
    int64_t since_us;    /* when this server took over; 0: it is the first */
    int64_t now_us, asked_us, next_snapshot_us;
    int64_t
        blocked_until_us; /* nothing is placed before a snapshot is reconciled that was asked for after this; 0: free */
    int64_t next_order_id;
    char slot_names[SIM_LEVELS][16];
    char tags[SIM_TAGS_MAX][8];
    int ntags;
    int instances[SIM_INSTANCES], next_instance;
    SimSent *sent; /* by request */
    int64_t *intents;
    SimStall *stalls;
    size_t nsent, nintents, nstalls, sent_room, intents_room, stalls_room;
    long placed, wanted;
    bool quiet;
    const char *left; /* what the last pass has found first; NULL: nothing */
    const char *left_repair;
    bool clean; /* the last pass found nothing, and nothing was moving or to be canceled */
    SimTotals *totals;
    char wrong[256]; /* the first thing that was; empty: nothing */
} Sim;

extern void qf_sim_day(Sim *sim);
extern void qf_sim_wrong(Sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern int qf_sim_send(Sim *sim, ExchangeKind kind, int64_t leaves_us, const ExchangeRequest *request,
                       const SimOrder *order);
extern void qf_sim_cancel(Sim *sim, SimOrder *order);
extern bool qf_sim_is_alive(const Sim *sim, int instance);
extern void qf_sim_intend(Sim *sim, const SimOrder *order);

extern void qf_store_copy(SimStore *to, const SimStore *from);
extern void qf_store_free(SimStore *store);
extern void qf_store_init(SimStore *store);
extern SimOrder *qf_store_add(Sim *sim, const SimOrder *order);
extern SimOrder *qf_store_find(Sim *sim, const char *client_order_id, const char *exchange_order_id);
extern SimOrder *qf_store_find_id(Sim *sim, int64_t order_id);
extern const SimFill *qf_store_fill(const Sim *sim, const ExchangeTrade *trade);
extern void qf_store_happen(Sim *sim, SimOrder *order, QmOrderEvent event);
extern SimOrder *qf_store_hear(Sim *sim, const ExchangeOrder *told, const ExchangeTrade *trades, size_t ntrades);
extern SimOrder *qf_store_adopt(Sim *sim, const ExchangeOrder *told);
extern void qf_store_book(Sim *sim, SimOrder *order, const ExchangeTrade *trade);
extern void qf_store_ask(Sim *sim, const char *client_order_id, const char *exchange_order_id);
extern bool qf_store_is_ours(const Sim *sim, const char *client_order_id);

extern void qf_sim_pass(Sim *sim, const ExchangeSnapshot *snapshot, int64_t asked_us);
extern void qf_sim_check(Sim *sim);

#endif
