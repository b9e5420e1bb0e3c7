/*
 * Tradestress: a real server against an exchange that is not there: what its
 * parts share.
 *
 * tradestress  options, the run, what must have come of it
 * tradeclient    instances: what they ask the server, and tell it
 * tradesnapshot  snapshots, as the server takes them
 *
 * The exchange lives faster than we do, so that its delays fit into a test. One
 * thread is all instances; the server's coordinator is beside it, and a killer
 * ends backends and the server.
 */
#ifndef QF_TRADESTRESS_H
#define QF_TRADESTRESS_H

#include "exchange.h"
#include "link.h"

enum
{
    STRESS_INSTANCES = 4,
    STRESS_LEVELS = 150,
    STRESS_SPEED = 4,                  /* of the exchange's time */
    STRESS_RECEIVE_WINDOW_US = 8000000 /* in the exchange's time: it refuses what is older */
};

typedef struct Instance
{
    char name[32];
    int64_t epoch; /* 0: not registered */
    int64_t heartbeat_us;
} Instance;

/* What an instance remembers of a request. */
typedef struct Asked
{
    ExchangeKind kind;
    int64_t order_id; /* 0: of none that we know */
    int64_t fence;
    int64_t task_id; /* 0: nobody's task */
    bool answered;   /* the exchange has; whether the server has heard of it is not known */
    Instance who;    /* as it was; it may be dead by now */
    int64_t started_us;
} Asked;

/* A sender that stops before it sends, and notices too late. */
typedef struct Stopped
{
    int64_t at_us;
    int64_t order_id, fence;
    Instance who;
} Stopped;

typedef struct Stress
{
    const char *conninfo;
    uint64_t random;
    long wanted, placed, kept_busy, denied, dead, tasks, snapshots;
    long refused; /* statements that the server had no reason to refuse */
    Link link;
    Exchange *exchange;
    int64_t began_us; /* by the clock of the server and ours */
    bool quiet;
    Instance instances[STRESS_INSTANCES];
    int serial;
    Asked *asked; /* by request */
    Stopped *stopped;
    size_t nasked, nstopped, asked_room, stopped_room;
} Stress;

extern int64_t qf_stress_now_us(void);
extern int64_t qf_stress_exchange_us(const Stress *stress);
extern void qf_stress_connect(Stress *stress);

extern void qf_instances_beat(Stress *stress);
extern void qf_instance_place(Stress *stress);
extern void qf_instance_cancel(Stress *stress);
extern void qf_instances_receive(Stress *stress, const ExchangeMessage *message);
extern void qf_instances_notice(Stress *stress);
extern bool qf_stress_tell(Stress *stress, const char *sql, int count, ...);
extern void qf_instance_finish(Stress *stress, const Asked *asked, const char *outcome);

extern void qf_instance_submit_snapshot(Stress *stress, const Asked *asked, const ExchangeMessage *message);

#endif
