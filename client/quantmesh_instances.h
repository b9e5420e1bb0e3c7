/*
 * libquantmesh, the part for registered instances: living, tasks, and snapshots
 * of the exchange. quantmesh.h includes it; docs/instances.md has the meaning.
 *
 * An instance registers once, calls qm_heartbeat every heartbeat_every_ms, and
 * does what it is given. Any call that answers SQLSTATE QM002 says that this life
 * is over: stop sending, and register again.
 */
#ifndef QUANTMESH_INSTANCES_H
#define QUANTMESH_INSTANCES_H

#include "quantmesh.h"

#define QM_SQLSTATE_STALE_INSTANCE "QM002" /* the epoch is not the instance's any more */
#define QM_TASK_DETAIL_SIZE 2048

typedef struct QmInstance
{
    const char *instance;       /* its name, not NULL */
    const char *const *markets; /* "<account>:<symbol>" or "<account>:*" */
    size_t market_count;        /* at least 1 */
    bool standby;               /* gets markets only where no other instance is alive */
    int weight;                 /* 1 to 1000, its share of markets against others; default 1 */
    int64_t ttl_ms;             /* how long it lives without a heartbeat; default quantmesh.default_ttl_lease */
    const char *life;           /* names this start of the process; default: the library draws one */
    const char *detail;         /* a JSON object for people to read, at most 8 kB; default: none */
} QmInstance;

typedef struct QmRegistration
{
    int64_t epoch; /* larger than every earlier one */
    int64_t ttl_ms;
    int64_t heartbeat_every_ms;
    char life[QM_REQUEST_ID_SIZE]; /* the caller's, or the one that the library drew */
} QmRegistration;

/*
 * qm_register_instance registers, and repeats that under the same life while the
 * connection breaks. After QM_ERROR_UNCERTAIN registration->life is set: register
 * again with it. SQLSTATE 55006 while another process of that name is alive, 55000
 * while leases are closed after a crash or promotion: try again later.
 */
QM_API QM_MUST_CHECK QmCode qm_register_instance(QmClient *client, const QmInstance *instance,
                                                 QmRegistration *registration);

/* Something to do. Texts that do not apply are empty. */
typedef struct QmTask
{
    int64_t task_id;
    int64_t order_id;       /* 0: about none of ours */
    int64_t owned_until_us; /* nobody else gets it before; 0: it is for this instance alone */
    char account[QM_NAME_SIZE];
    char kind[QM_WORD_SIZE];   /* assign, unassign, halt, snapshot, query_order, cancel_order, submit_order */
    char symbol[QM_NAME_SIZE]; /* "*": the account as a whole */
    char client_order_id[QM_NAME_SIZE];
    char exchange_order_id[QM_NAME_SIZE];
    char detail[QM_TASK_DETAIL_SIZE]; /* a JSON object; empty when there is none, or when it is longer */
} QmTask;

/*
 * qm_heartbeat lets the instance live for another ttl and returns what there is
 * to do, to be freed with qm_free. Tasks are repeated by every call until they are
 * answered, so the call is repeated when the connection breaks.
 */
QM_API QM_MUST_CHECK QmCode qm_heartbeat(QmClient *client, const char *instance, int64_t epoch, QmTask **list,
                                         size_t *count);

/*
 * qm_finish_task answers a task. outcome: done; absent, the exchange's own word
 * that it does not know the order; or failed, with a message or NULL. state gets
 * what has become of the task, and may be NULL. It is repeated when the
 * connection breaks. A snapshot is answered with qm_submit_snapshot.
 */
QM_API QM_MUST_CHECK QmCode qm_finish_task(QmClient *client, const QmTask *task, const char *instance, int64_t epoch,
                                           const char *outcome, const char *message, char state[QM_WORD_SIZE]);

/*
 * qm_leave_instance ends the instance's life at once: its markets go to others.
 * When the connection broke and a repetition finds the life over, it was this call.
 */
QM_API QM_MUST_CHECK QmCode qm_leave_instance(QmClient *client, const char *instance, int64_t epoch);

/* Who has a market. */
typedef struct QmAssignment
{
    int64_t epoch;    /* of the instance */
    int64_t since_us; /* when it got the market */
    char account[QM_NAME_SIZE];
    char symbol[QM_NAME_SIZE];
    char mode[QM_WORD_SIZE]; /* shared; exclusive: only the owner places */
    char instance[QM_NAME_SIZE];
    char reason[QM_WORD_SIZE]; /* fixed, hashed or standby */
} QmAssignment;

/*
 * qm_list_assignments returns who has which market now, by account and symbol, to
 * be freed with qm_free; of one account or instance, or of all where it is NULL.
 * A market that nobody has is not in it. An instance hears of its own markets by
 * its tasks: this is for the start, and for people.
 */
QM_API QM_MUST_CHECK QmCode qm_list_assignments(QmClient *client, const char *account, const char *instance,
                                                QmAssignment **list, size_t *count);

/* --------------------------------------------------------------- snapshots */

/* An open order as the exchange shows it. NULL: it does not say. */
typedef struct QmSnapshotOrder
{
    const char *exchange_order_id; /* not NULL */
    const char *client_order_id;
    const char *side; /* not NULL */
    const char *order_type;
    const char *time_in_force;
    const char *price;
    const char *quantity; /* not NULL */
    const char *filled_quantity;
} QmSnapshotOrder;

/* A trade of the account. NULL: the exchange does not say. */
typedef struct QmSnapshotTrade
{
    const char *trade_id; /* not NULL */
    const char *exchange_order_id;
    const char *client_order_id;
    const char *side;     /* not NULL */
    const char *quantity; /* not NULL */
    const char *price;    /* not NULL */
    const char *commission;
    const char *commission_asset;
    int is_maker;           /* 0: not said, 1: maker, -1: taker */
    int64_t executed_at_us; /* by the exchange's clock */
} QmSnapshotTrade;

/* A balance of the account. None is NULL. */
typedef struct QmSnapshotBalance
{
    const char *asset;
    const char *free;
    const char *locked;
} QmSnapshotBalance;

/* What was fetched for a task, all of it after the task was given out. */
typedef struct QmSnapshot
{
    const char *account;
    const char *symbol;
    int64_t task_id;
    int64_t started_at_us;         /* before the first request, and after the last one, by the caller's clock */
    int64_t finished_at_us;        /* not before started_at_us */
    const QmSnapshotOrder *orders; /* all that are open */
    size_t order_count;
    const QmSnapshotTrade *trades; /* since the one that the task's detail names */
    size_t trade_count;
    const QmSnapshotBalance *balances; /* none: they were not fetched */
    size_t balance_count;
    bool complete; /* false: a request failed, and the rest is not to be relied on */
} QmSnapshot;

/*
 * qm_request_snapshot takes the task to fetch a snapshot of a market, for those
 * who are no registered instance. *task_id is 0 while somebody else is fetching.
 * Not repeated once sent: a task that nobody answers ends after 30 s.
 */
QM_API QM_MUST_CHECK QmCode qm_request_snapshot(QmClient *client, const char *account, const char *symbol,
                                                int64_t *task_id);

/*
 * qm_submit_snapshot answers a snapshot task. *snapshot_id is the same when it is
 * repeated, as it is when the connection breaks. SQLSTATE 22023 with the JSON path
 * of what is not as it must be, 55000 for a task that is over: drop the snapshot.
 */
QM_API QM_MUST_CHECK QmCode qm_submit_snapshot(QmClient *client, const QmSnapshot *snapshot, int64_t *snapshot_id);

#endif
