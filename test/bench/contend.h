/*
 * Contend: what contenders for the same job have in common.
 *
 * The two jobs are a guarded critical section and a guarded order. A contender
 * does one of them in the way of its users. Each client is a process of its own,
 * a Worker, so that it can be stopped in mid-work as a real one can. What goes
 * wrong in a benchmark ends the program with a message: a figure that is printed
 * has been measured without an error.
 *
 * libpq finds PostgreSQL by PGHOST and so on. QM_BENCH_REDIS and
 * QM_BENCH_REDIS_ALWAYS are the sockets of a Redis without and with
 * appendfsync always, QM_BENCH_ETCD is the address of etcd's JSON gateway.
 */
#ifndef QM_CONTEND_H
#define QM_CONTEND_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define KEY_SIZE 128
#define UNITS_MAX 100
#define WORKERS_MAX 64

/* How keys and clients are called: the number of the key; the process and its number. */
#define WORKER_KEY "order:binance:BENCH:%d"
#define WORKER_OWNER "%d-%d"

typedef struct Worker
{
    const struct Contender *contender;
    int number;   /* of this client, from 0 */
    int run;      /* a number that no other run of this server has, 1 to 9000 */
    int ttl_ms;   /* of what is taken */
    bool expires; /* the lock has to end by its TTL: audits and dead holders; else it may live as long as the client */
    long count;   /* how many steps it has done */
    char key[KEY_SIZE];
    char owner[KEY_SIZE];
    int markets;                    /* orders are spread over so many; 0: all are in one */
    PGconn *pg;                     /* where the data is, and PostgreSQL's locks */
    void *state;                    /* the contender's own */
    void (*pause)(struct Worker *); /* called at the worst moment of an audited section or order */
} Worker;

typedef struct Contender
{
    const char *name;
    const char *title; /* what a reader of the report sees */
    int units;         /* sections or orders in one step */
    int ttl_ms_min;    /* the shortest TTL it can do, 0: any */
    int poll_us;       /* waiting is trying so often; 0: its attempt itself waits in a queue */
    bool in_order;     /* its job is a guarded order, else a section */

    /* open connects one client; everything it needs is made here, so that steps are steps. */
    void (*open)(Worker *worker);

    /*
     * step does units empty sections or orders that nobody else wants; what is refused is an error here. Required.
     * What it measures is what a user of the contender would send.
     */
    void (*step)(Worker *worker);

    /*
     * attempt takes worker->key, and says whether it was had. Where poll_us is 0 it waits, up to a second. give
     * gives it back, and says whether it had been held all the time. NULL where the contender has no lock.
     */
    bool (*attempt)(Worker *worker);
    bool (*give)(Worker *worker);

    /* guard is the contender whose lock guards these orders; NULL: they need none, or the lock is this one's own. */
    const struct Contender *guard;

    /*
     * change runs a prepared statement with the key and a value under the lock, and says whether it changed a row for good
     * or will at give. NULL: a plain statement on pg.
     */
    bool (*change)(Worker *worker, const char *statement, const char *value);

    /* What was changed under the lock becomes good only with give: it is the COMMIT. */
    bool gives_by_commit;

    /*
     * desk places one order that others want, too: in slot worker->key, at most one may be sent. It says whether this
     * client has sent its own. NULL: take, look, record, send, give back.
     */
    bool (*desk)(Worker *worker);
} Contender;

/* contenders is all of them, in the report's order; its end has no name. */
extern const Contender *const contenders[];

extern const Contender qm_transaction, qm_block, qm_session, qm_lease, qm_lease_bare;
extern const Contender place_single, place_batch, place_pipeline;
extern const Contender advisory_transaction, advisory_session, lease_table, skip_locked;
extern const Contender insert_bare, insert_advisory, insert_lease_table, insert_skip_locked;
extern const Contender redis_plain, redis_earlier, redis_always, redis_pipelined;
extern const Contender insert_redis, insert_redis_always, insert_redis_pipelined;
extern const Contender etcd_lock, insert_etcd;

/* fail prints a message and ends the process. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* now_ns returns the monotonic clock. */
int64_t now_ns(void);

/* setting returns an environment variable that has to be there. */
const char *setting(const char *name);

/* contender_named returns a contender, or ends the program with their list. */
const Contender *contender_named(const char *name);

/* worker_fork is fork for a worker: it ends with its parent, even if it is stopped then. */
pid_t worker_fork(void);

/* worker_open makes the worker of a process and connects it; key is the number of its key, 0 to 19999. */
void worker_open(Worker *worker, const Contender *contender, int number, int key);

/* shared_new returns memory, all 0, that processes begun afterwards share. */
void *shared_new(size_t size);

/* workers_ready waits until so many workers have counted themselves; it ends the program if one ends before. */
void workers_ready(atomic_int *ready, int count);

/* workers_wait waits for all children, and ends the program if one failed. */
void workers_wait(void);

/* sort_samples sorts times, and sample_at returns the one below which a part of them lies, 0 to 1. */
void sort_samples(uint32_t *samples, size_t count);
double sample_at_us(const uint32_t *samples, size_t count, double part);

/* exchange_send sends an order to the audit's exchange, which takes whatever it is sent. */
void exchange_send(Worker *worker);

/* take waits for the lock until it is had, as users of this contender wait; deadline_ns is when that fails. */
void take(Worker *worker, int64_t deadline_ns);

/*
 * PostgreSQL, in contend_sql.c. sql_open connects worker->pg. sql_prepare names a statement. sql_run runs one with texts
 * and returns how many rows it gave or changed; a failure ends the program. sql_try returns -1 then, and leaves a
 * connection that may be lost. sql_value is the first text that the last statement returned, valid until the next,
 * and sql_is_null says that there is none. sql_commit is false also where the server turned the COMMIT into a ROLLBACK.
 */
void sql_open(Worker *worker);
void sql_prepare(Worker *worker, const char *name, const char *statement);
int sql_run(Worker *worker, const char *name, int count, const char *const *values);
int sql_try(Worker *worker, const char *name, int count, const char *const *values);
const char *sql_value(Worker *worker);
bool sql_is_null(void);
void sql_plain(Worker *worker, const char *statement);
bool sql_plain_try(Worker *worker, const char *statement);
bool sql_commit(Worker *worker);

/*
 * One more order that nobody else wants, at a price of its own: every worker has a range of prices to itself, buys below
 * and sells above. In contend_order.c.
 */
typedef struct OrderText
{
    char symbol[32];
    char side[8];
    char price[32];
    char order_id[32];
    char client_order_id[32];
    char request_id[64];
} OrderText;
extern const char order_account[], order_quantity[];
void order_next(Worker *worker, OrderText *order);

/*
 * rest_before_handoff rests until everybody else is asleep: a millisecond, and a part
 * by chance of a second one or of poll_us, whichever is more, so that those who ask at
 * intervals are met at any moment of theirs.
 */
void rest_before_handoff(int poll_us);

/* What contend.c offers, each printing lines of CSV. */
void bench_rate(const Contender *contender, int clients, double seconds, int markets);
void bench_handoff(const Contender *contender, int waiters, int rounds);
void bench_floor(int rounds);
void bench_recover(const Contender *contender, bool stopped, int rounds);
void bench_audit(const Contender *contender, int keys, int clients, int rounds);

#endif
