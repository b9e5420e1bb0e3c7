/*
 * libquantmesh: QuantMesh's orders and locks for programs in C and C++.
 *
 * A handle is used by one thread at a time; any number of handles may be used at
 * once. The library never prints, never ends the program, reads and sets no
 * environment variable, and has no state outside its handles. (libpq fills what
 * a connection string leaves out from its own variables, as for every program.)
 *
 * Every call that can fail returns a QmCode and says more in the handle's
 * QmError. Texts are UTF-8 and end with NUL. Prices and quantities are decimal
 * texts ("65000.10"), never floats. Durations end in _ms; points in time end in
 * _us, microseconds since 1970 by the server's clock, or in _ns, nanoseconds of
 * CLOCK_MONOTONIC on this machine. An option that is 0 or NULL takes its
 * default, so that {0} is a good start for every struct of options.
 */
#ifndef QUANTMESH_H
#define QUANTMESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is declared as QM_API here is exported, and nothing else. */
#if defined(__GNUC__)
#define QM_EXPORT __attribute__((visibility("default")))
#define QM_MUST_CHECK __attribute__((warn_unused_result))
#else
#define QM_EXPORT
#define QM_MUST_CHECK
#endif

#ifdef __cplusplus
#define QM_API extern "C" QM_EXPORT
#else
#define QM_API extern QM_EXPORT
#endif

#define QM_REQUEST_ID_SIZE 129 /* bytes, as all sizes here, with the NUL at the end */
#define QM_CLIENT_ORDER_ID_SIZE 23
#define QM_NAME_SIZE 129 /* an instance, a strategy, an id of the exchange */
#define QM_WORD_SIZE 32  /* a state, a reason code */
#define QM_LOCK_KEY_SIZE 513
#define QM_DETAIL_SIZE 512 /* texts for people: what is longer is cut off */

/* ------------------------------------------------------------------ errors */

typedef enum QmCode
{
    QM_OK = 0,
    QM_BUSY,           /* locks: somebody else has the key; no error */
    QM_NOT_HELD,       /* locks: this handle does not hold the key, or no longer; no error */
    QM_ERROR_ARGUMENT, /* the caller is wrong; nothing happened (22023, 22004, 42704 ...) */
    QM_ERROR_MEMORY,   /* no memory; nothing happened (53200) */
    QM_ERROR_CONNECT,  /* no connection could be made; nothing happened (08001, 53300, 57P03, 3D000 ...) */
    QM_ERROR_UNCERTAIN, /* the connection broke and could not be replaced in time: it may or may not have happened (08007) */
    QM_ERROR_VERSION,     /* the extension is missing, too old or too new; nothing happened (55000, 3F000, 42883) */
    QM_ERROR_PERMISSION,  /* refused: password, role, right (28000, 28P01, 42501) */
    QM_ERROR_READ_ONLY,   /* a standby, or a read-only server or role; nothing happened (25006) */
    QM_ERROR_LIMIT,       /* a limit of the server or the library is reached; nothing happened (53400, 53100, 54000) */
    QM_ERROR_UNSUPPORTED, /* asked for what is not there; the message names what to use instead (0A000) */
    QM_ERROR_PROTOCOL,    /* the other side answered what it must not (08P01) */
    QM_ERROR_SERVER       /* any other error of the server; nothing happened; see sqlstate */
} QmCode;

/* The last failure of a handle. All texts are empty after a success. */
typedef struct QmError
{
    QmCode code;
    char sqlstate[6];
    char message[QM_DETAIL_SIZE]; /* lower case, without full stop */
    char hint[256];               /* the next step, where there is one */
} QmError;

/* qm_code_name returns the code's name without QM_, in lower case: "error_connect". */
QM_API const char *qm_code_name(QmCode code);

/* qm_version returns the version of the library, such as "1.2.3". */
QM_API const char *qm_version(void);

/* qm_free frees a list that a call has returned. NULL is fine. */
QM_API void qm_free(void *list);

/* ----------------------------------------------------------------- retries */

/*
 * How long a call goes on after a connection that broke or could not be made.
 * The pauses follow decorrelated jitter: each is a random time between base_ms
 * and three times the last pause, at most cap_ms.
 */
typedef struct QmRetryPolicy
{
    const char *name;
    int attempts_max; /* 0: as many as fit into total_ms; 1: none is repeated */
    int64_t base_ms;  /* at least 1 */
    int64_t cap_ms;   /* at least base_ms */
    int64_t total_ms; /* no attempt begins later than this after the call; 0: only attempts_max counts */
} QmRetryPolicy;

/*
 * qm_retry_policy returns a policy by name, NULL for an unknown one: none (one
 * attempt), quick (2 s, for quotes that go stale), standard (30 s, the default),
 * patient (10 min, for jobs that nobody waits for).
 */
QM_API const QmRetryPolicy *qm_retry_policy(const char *name);

/* ------------------------------------------------------------- connections */

typedef struct QmClient QmClient;

typedef void (*QmNoticeFunction)(void *argument, const char *sqlstate, const char *message);

typedef struct QmClientOptions
{
    const char *conninfo; /* libpq's connection string or URI, service=... included; default: libpq's defaults */
    const char *application_name; /* default "libquantmesh"; one in conninfo counts first */
    const QmRetryPolicy *retry;   /* copied; default the policy "standard" */
    int64_t connect_timeout_ms;   /* for each host of one attempt; default conninfo's connect_timeout, else 5000 */
    int64_t call_timeout_ms;      /* for the answer to one statement, beside what it waits on purpose; default 15000 */
    bool async_reports;           /* qm_apply_report does not wait for the disk; see there */
    QmNoticeFunction on_notice;   /* for warnings and notices of the server; default: they are dropped */
    void *on_notice_argument;
} QmClientOptions;

/*
 * qm_client_new returns a handle that is not connected yet: every call connects
 * by itself when it has to, as often as the policy allows. The options are
 * copied. NULL only when there is no memory.
 *
 * A connection gets TCP keepalives and tcp_user_timeout where conninfo says
 * nothing about them, and sets the same and client_connection_check_interval at
 * the server, so that a cut link frees its locks in seconds, and the client
 * notices before the server does.
 */
QM_API QmClient *qm_client_new(const QmClientOptions *options);

/* qm_client_free closes the connection and frees the handle. NULL is fine. */
QM_API void qm_client_free(QmClient *client);

/*
 * qm_client_connect connects now, unless the handle is connected, and compares
 * versions with the extension. Useful at the start of a program; not needed.
 */
QM_API QM_MUST_CHECK QmCode qm_client_connect(QmClient *client);

/* qm_client_disconnect closes the connection; the next call makes another. */
QM_API void qm_client_disconnect(QmClient *client);

/* qm_client_error returns the last failure. It belongs to the handle and changes with its next call. */
QM_API const QmError *qm_client_error(const QmClient *client);

/* qm_client_backend returns the process id of the server's backend, 0 when the handle is not connected. */
QM_API int qm_client_backend(const QmClient *client);

/* qm_client_connections returns how many connections have been made: one more after each that broke. */
QM_API long qm_client_connections(const QmClient *client);

/* ------------------------------------------------------------------ orders */

typedef struct QmOrder
{
    const char *symbol;        /* not NULL */
    const char *side;          /* "buy" or "sell" */
    const char *price;         /* NULL for a market order */
    const char *quantity;      /* in the base asset */
    const char *order_type;    /* "limit" (default) or "market" */
    const char *time_in_force; /* "gtc" (default), "ioc" or "fok" */
    bool post_only;
    bool reduce_only;
    bool intent;            /* record it for qm_claim_orders; default: it is this caller's to send */
    const char *request_id; /* the same one gives the same placement; default: the library draws one */
    const char *slot;       /* NULL: the price; a name: that; "": none */
    const char *strategy;   /* default "" */
    const char *instance;   /* of a registered instance, with its epoch */
    int64_t epoch;          /* 0: none */
    int64_t valid_until_us; /* not to be sent later; 0: no such time */
    int64_t wait_ms;        /* how long to wait for a busy level; qm_place_order and streams only */
} QmOrder;

typedef enum QmOutcome
{
    QM_PLACED,    /* recorded and committed: send it before send_before_us, unless it was replayed */
    QM_SKIPPED,   /* another session is busy here */
    QM_DUPLICATE, /* a live order has the slot: order_id and owner are its */
    QM_DENIED     /* see reason and detail */
} QmOutcome;

/* A placement that the library hands out has been committed. */
typedef struct QmPlacement
{
    QmOutcome outcome;
    bool replayed;          /* an earlier call of this request_id has placed it */
    bool repeated;          /* this call was repeated: if also replayed, the earlier call may have been its own */
    int64_t order_id;       /* 0: none */
    int64_t fence;          /* for qm_resolve_submission; 0: none */
    int64_t send_before_us; /* 0: it is not this caller's to send */
    char client_order_id[QM_CLIENT_ORDER_ID_SIZE];
    char state[QM_WORD_SIZE];
    char owner[QM_NAME_SIZE];
    char reason[QM_WORD_SIZE];
    char detail[QM_DETAIL_SIZE];
    char request_id[QM_REQUEST_ID_SIZE]; /* the caller's, or the one that the library drew */
} QmPlacement;

/* qm_outcome_name returns "placed", "skipped", "duplicate" or "denied". */
QM_API const char *qm_outcome_name(QmOutcome outcome);

/*
 * qm_place_order places one order: one statement, one commit. If the connection
 * breaks, it asks again under the same request_id as long as the policy allows,
 * and so finds out whether the order was placed; it never guesses. After
 * QM_ERROR_UNCERTAIN placement->request_id is set: ask again with it.
 */
QM_API QM_MUST_CHECK QmCode qm_place_order(QmClient *client, const char *account, const QmOrder *order,
                                           QmPlacement *placement);

/*
 * qm_place_orders places count orders (1 to 1000) in one transaction and fills
 * as many placements, in order. All are intents, or none is. An error places
 * none. wait_ms is not possible here.
 */
QM_API QM_MUST_CHECK QmCode qm_place_orders(QmClient *client, const char *account, const QmOrder *orders, size_t count,
                                            QmPlacement *placements);

/*
 * qm_replace_order asks to cancel a live order and records an intent with a new
 * price and quantity that takes over its slot, in one commit. Of order only
 * price, quantity, request_id, instance, epoch and valid_until_us count.
 */
QM_API QM_MUST_CHECK QmCode qm_replace_order(QmClient *client, const char *account, int64_t order_id,
                                             const QmOrder *order, QmPlacement *placement);

/* ----------------------------------------------------------------- streams */

typedef struct QmStream QmStream;

/* One answer of a stream. */
typedef struct QmStreamAnswer
{
    uint64_t number;       /* of the order in the stream, from 1 */
    QmCode code;           /* QM_OK, or why the server refused this one order */
    QmError error;         /* the same at length */
    QmPlacement placement; /* where code is QM_OK; request_id in any case */
} QmStreamAnswer;

/*
 * qm_stream_new turns the handle into a stream of single placements: up to
 * window of them (1 to 1024; 0 takes 64) are under way at once, each with a
 * commit of its own. Until qm_stream_free no other call may use the handle. NULL
 * when there is no memory or an argument is wrong: the handle's error says which.
 */
QM_API QmStream *qm_stream_new(QmClient *client, const char *account, size_t window);

/* qm_stream_free ends the stream. Answers that were not fetched are dropped: their orders may have been placed. */
QM_API void qm_stream_free(QmStream *stream);

/* qm_stream_pending returns how many orders have no answer yet. */
QM_API size_t qm_stream_pending(const QmStream *stream);

/*
 * qm_stream_place sends an order without waiting for its answer. QM_ERROR_LIMIT
 * when the window is full: fetch an answer first. A connection that breaks is no
 * failure here: qm_stream_next mends it.
 */
QM_API QM_MUST_CHECK QmCode qm_stream_place(QmStream *stream, const QmOrder *order);

/*
 * qm_stream_next waits for the oldest answer, which comes only once it has been
 * committed. If the connection breaks, all orders without an answer are sent
 * again under their request_ids. QM_ERROR_UNCERTAIN or QM_ERROR_CONNECT: the
 * policy's time is over; the orders stay pending, and another call goes on.
 * QM_NOT_HELD: nothing is pending.
 */
QM_API QM_MUST_CHECK QmCode qm_stream_next(QmStream *stream, QmStreamAnswer *answer);

/* ----------------------------------------------------------------- reports */

/* What the exchange has said of an order; NULL: nothing. */
typedef struct QmReport
{
    const char *symbol;          /* not NULL */
    const char *client_order_id; /* this or the next, or both */
    const char *exchange_order_id;
    const char *state;    /* its word for the order's state, or "busted" */
    const char *trade_id; /* with last_quantity and last_price: a fill */
    const char *last_quantity;
    const char *last_price;
    const char *cumulative_quantity;
    const char *commission;
    const char *commission_asset;
    int is_maker;          /* 0: not said, 1: maker, -1: taker */
    int64_t event_time_us; /* by the exchange's clock; 0: now */
    const char *source;    /* reply, stream (default), query, trade, reconcile or operator */
    const char *detail;    /* the raw report as JSON, at most 8 kB */
} QmReport;

typedef struct QmReportResult
{
    int64_t order_id; /* 0: not ours */
    bool applied;     /* something was new; after a repetition, false can mean that the first call had applied it */
    char state[QM_WORD_SIZE];
    char discrepancy[QM_WORD_SIZE]; /* empty: none */
} QmReportResult;

/*
 * qm_apply_report applies one report. It may be repeated and come in any order, and is repeated when the connection breaks.
 * With async_reports it commits as with synchronous_commit = off: visible at once, and surely on the disk with the next order
 * that is placed or claimed (but see quantmesh.allow_async_commit); a crash of the server can take what came after it, of at most
 * three times its wal_writer_delay. So ask the exchange for everything since then whenever qm_client_connections has grown.
 */
QM_API QM_MUST_CHECK QmCode qm_apply_report(QmClient *client, const char *account, const QmReport *report,
                                            QmReportResult *result);

/*
 * qm_resolve_submission says what became of a submission. outcome: accepted,
 * rejected, not_processed, not_sent or unknown; absent, of an unknown order, when
 * the exchange does not have it and can no longer accept it, which is refused with
 * QM004 before its send_before has passed. code and message of the exchange may be
 * NULL. It is repeated when the connection breaks.
 */
QM_API QM_MUST_CHECK QmCode qm_resolve_submission(QmClient *client, const char *account, int64_t order_id,
                                                  int64_t fence, const char *outcome, const char *code,
                                                  const char *message, QmReportResult *result);

/* ----------------------------------------------------------------- cancels */

typedef enum QmCancelOutcome
{
    QM_CANCEL_REQUESTED, /* send it now if the state is open or partially_filled, else it waits until the order is open */
    QM_CANCEL_SKIPPED,   /* another cancel is under way, or younger than 3 s */
    QM_CANCEL_ABORTED,   /* the order had not been sent, and is gone */
    QM_CANCEL_NOOP       /* it has ended, or is not ours */
} QmCancelOutcome;

typedef struct QmCancellation
{
    QmCancelOutcome outcome;
    bool uncertain;   /* skipped, but the connection had broken and the other cancel may be this call's own: send
                            it; a cancel that is sent twice does no harm */
    int64_t order_id; /* 0: not ours */
    char state[QM_WORD_SIZE];
    char cancel_state[QM_WORD_SIZE];
    char symbol[QM_NAME_SIZE];
    char client_order_id[QM_CLIENT_ORDER_ID_SIZE];
    char exchange_order_id[QM_NAME_SIZE];
} QmCancellation;

/* qm_cancel_outcome_name returns "requested", "skipped", "aborted" or "noop". */
QM_API const char *qm_cancel_outcome_name(QmCancelOutcome outcome);

/* qm_cancel_order records the wish to cancel an order and says whether this caller shall send it. P0002 for an unknown order. */
QM_API QM_MUST_CHECK QmCode qm_cancel_order(QmClient *client, const char *account, int64_t order_id,
                                            QmCancellation *cancellation);

/* qm_cancel_exchange_order does so by the exchange's id. */
QM_API QM_MUST_CHECK QmCode qm_cancel_exchange_order(QmClient *client, const char *account, const char *symbol,
                                                     const char *exchange_order_id, QmCancellation *cancellation);

/*
 * qm_cancel_orders does so for all live orders that fit; NULL fits every one. It
 * returns a list, to be freed with qm_free, and its length.
 */
QM_API QM_MUST_CHECK QmCode qm_cancel_orders(QmClient *client, const char *account, const char *symbol,
                                             const char *side, const char *strategy, const char *instance,
                                             QmCancellation **list, size_t *count);

/* qm_resolve_cancel says what became of a cancel that was sent. outcome: done, rejected or unknown. */
QM_API QM_MUST_CHECK QmCode qm_resolve_cancel(QmClient *client, const char *account, int64_t order_id,
                                              const char *outcome, const char *code, const char *message,
                                              QmReportResult *result);

/* ------------------------------------------------------------------ claims */

/* An intent that is this caller's to send now. */
typedef struct QmClaim
{
    int64_t order_id;
    int64_t fence;
    int64_t send_before_us;
    bool post_only;
    bool reduce_only;
    char client_order_id[QM_CLIENT_ORDER_ID_SIZE];
    char symbol[QM_NAME_SIZE];
    char side[QM_WORD_SIZE];
    char order_type[QM_WORD_SIZE];
    char time_in_force[QM_WORD_SIZE];
    char price[QM_WORD_SIZE * 2]; /* empty for a market order */
    char quantity[QM_WORD_SIZE * 2];
} QmClaim;

/*
 * qm_claim_orders takes up to max intents (1 to 1000), oldest first, to send
 * them: those of one market, or where symbol is NULL of the whole account. It
 * returns a list, to be freed with qm_free, and its length. Once sent it is not
 * repeated: after QM_ERROR_UNCERTAIN nothing was given out, and what was
 * claimed all the same becomes unknown and is looked up at the exchange, like any
 * order whose sender has gone.
 */
QM_API QM_MUST_CHECK QmCode qm_claim_orders(QmClient *client, const char *account, const char *instance, int64_t epoch,
                                            int max, const char *symbol, QmClaim **list, size_t *count);

/* ------------------------------------------------------------------- halts */

typedef struct QmMarketState
{
    char account[QM_NAME_SIZE];
    char symbol[QM_NAME_SIZE];
    char state[QM_WORD_SIZE]; /* active, reducing or halted: the strictest that counts */
    int64_t open_orders;
    int64_t in_flight; /* those of them whose fate at the exchange is not known */
} QmMarketState;

/*
 * qm_halt stops placing in a market, in an account (symbol NULL) or everywhere
 * (account NULL too). When it has returned, no earlier placement can still
 * commit. It waits for open transactions, so its answer may take longer than
 * others: wait_ms is added to call_timeout_ms. The list is to be freed with
 * qm_free; list and count may both be NULL. Operators only.
 */
QM_API QM_MUST_CHECK QmCode qm_halt(QmClient *client, const char *account, const char *symbol, const char *reason,
                                    int64_t wait_ms, QmMarketState **list, size_t *count);

/* qm_resume takes a halt back where it was set. Arguments and list as for qm_halt. */
QM_API QM_MUST_CHECK QmCode qm_resume(QmClient *client, const char *account, const char *symbol, const char *reason,
                                      QmMarketState **list, size_t *count);

/* ------------------------------------------------------------------- locks */

#define QM_TTL_DEFAULT (-1) /* order 5 s, cancel 3 s, reconcile 30 s, other keys default_ttl_ms */
#define QM_TTL_NONE 0       /* no TTL: nop and session locks only */
#define QM_TRUST_FOREVER INT64_MAX

/* What a holder has. */
typedef struct QmGrant
{
    int64_t fence;            /* grows with every grant; 0 where the back end has none: nop, redis */
    int64_t trusted_until_ns; /* CLOCK_MONOTONIC: nobody else has the key before this; QM_TRUST_FOREVER without TTL */
} QmGrant;

/* Why a lock was lost. */
typedef enum QmLoss
{
    QM_LOSS_EXPIRED,   /* trusted_until_ns has passed without a renewal */
    QM_LOSS_TAKEN,     /* the server says that this handle no longer holds it */
    QM_LOSS_CONNECTION /* the connection of a session lock has gone, and the lock with it */
} QmLoss;

/*
 * Called once for each lock that is lost, in a thread of the library or in a
 * call of the handle. It must not use that handle, and should be quick.
 */
typedef void (*QmLossFunction)(void *argument, const char *key, const QmGrant *grant, QmLoss loss);

typedef struct QmLocks QmLocks;

/*
 * One interface over all back ends. A handle is one holder: what it holds it does
 * not get again (QM_BUSY; lock answers QM_ERROR_ARGUMENT, for it would wait for
 * itself). Keys have 1 to 512 bytes. grant may be NULL.
 */
typedef struct QmLockFunctions
{
    const char *type; /* "nop", "postgres", "redis" or "redis, postgres" */

    /* Takes the key if it is free: QM_OK or QM_BUSY. */
    QM_MUST_CHECK QmCode (*try_lock)(QmLocks *locks, const char *key, int64_t ttl_ms, QmGrant *grant);

    /* Waits up to timeout_ms (0 to one day) for it: QM_OK or QM_BUSY. */
    QM_MUST_CHECK QmCode (*lock)(QmLocks *locks, const char *key, int64_t ttl_ms, int64_t timeout_ms, QmGrant *grant);

    /* Gives it back. QM_NOT_HELD: it was no longer this handle's, so what it guarded may have had company. */
    QM_MUST_CHECK QmCode (*unlock)(QmLocks *locks, const char *key);

    /* Lets it live until ttl_ms from now, never shorter than before: QM_OK or QM_NOT_HELD. */
    QM_MUST_CHECK QmCode (*extend)(QmLocks *locks, const char *key, int64_t ttl_ms, QmGrant *grant);

    /* Whether anybody holds it. With nop nobody ever does. */
    QM_MUST_CHECK QmCode (*is_locked)(QmLocks *locks, const char *key, bool *locked);

    /* Whether this handle holds it and may still trust in that; asks no server. */
    bool (*holds)(QmLocks *locks, const char *key, QmGrant *grant);

    const QmError *(*error)(const QmLocks *locks);

    /* Gives back all that the handle holds, as far as the server can be reached at once, and frees the handle. */
    void (*close)(QmLocks *locks);
} QmLockFunctions;

struct QmLocks
{
    const QmLockFunctions *functions;
};

typedef struct QmRedisOptions
{
    const char *addr;     /* "host:port" or the path of a socket; default "127.0.0.1:6379" */
    const char *user;     /* default: none */
    const char *password; /* default: none */
    int db;
    const char *sentinels;         /* "host:port,host:port": they are asked for the master, and addr is not used */
    const char *sentinel_master;   /* the master's name there; default "mymaster" */
    const char *sentinel_password; /* default: none */
    int64_t timeout_ms;            /* for connecting and for each answer; default 2000 */
    const QmRetryPolicy *retry;    /* copied; default the policy "standard" */
} QmRedisOptions;

typedef struct QmLocksOptions
{
    bool enabled;              /* false: nop, whatever else is said */
    const char *type;          /* "redis" (default), "postgres", "database" (the same), or "nop" */
    const char *also;          /* "postgres" with redis: both are taken, redis first */
    const char *prefix;        /* redis; default "quantmesh:lock:" */
    const char *owner;         /* how the holder of a lease is shown; the library adds a random part */
    const char *postgres_mode; /* "lease" (default) or "session" */
    int64_t default_ttl_ms;    /* default 5000 */
    int64_t margin_ms;         /* taken off every trusted_until_ns; default a tenth of the TTL, 10 to 1000 */
    bool renew; /* renew what is held in a thread of the library, at a third of its TTL; not for session locks */
    QmLossFunction on_loss; /* default: nobody is told */
    void *on_loss_argument;
    QmRedisOptions redis;
    QmClientOptions postgres;
} QmLocksOptions;

/*
 * qm_locks_open makes a handle from options, which are copied. It connects to
 * nothing yet. "etcd" and "mysql" answer QM_ERROR_UNSUPPORTED and name what to
 * use. error may be NULL. *locks is NULL after a failure.
 */
QM_API QM_MUST_CHECK QmCode qm_locks_open(const QmLocksOptions *options, QmLocks **locks, QmError *error);

/* qm_monotonic_ns returns now by the clock of trusted_until_ns. */
QM_API int64_t qm_monotonic_ns(void);

/*
 * Keys. Each writes at most size bytes (QM_LOCK_KEY_SIZE is enough) and returns
 * QM_ERROR_ARGUMENT when an argument is NULL, empty, has a colon, or does not fit.
 *
 * qm_lock_key_order: order:<account>:<symbol>:<level>, the price rounded down to
 * four significant digits, as quantmesh.place_order locks where no level_width is set.
 * qm_lock_key_order_wide: order:<exchange>:<symbol>:<bucket>, the price rounded
 * down to a multiple of 10, as the earlier system locks; its exchange is the
 * adapter's name, "Binance".
 * qm_lock_key_cancel: cancel:<account>:<order id>.
 * qm_lock_key_reconcile: reconcile:<account>:<symbol>.
 */
QM_API QM_MUST_CHECK QmCode qm_lock_key_order(char *key, size_t size, const char *account, const char *symbol,
                                              const char *price);
QM_API QM_MUST_CHECK QmCode qm_lock_key_order_wide(char *key, size_t size, const char *exchange, const char *symbol,
                                                   const char *price);
QM_API QM_MUST_CHECK QmCode qm_lock_key_cancel(char *key, size_t size, const char *account, const char *order_id);
QM_API QM_MUST_CHECK QmCode qm_lock_key_reconcile(char *key, size_t size, const char *account, const char *symbol);

/* What registered instances need: living, tasks, snapshots. */
#include "quantmesh_instances.h"

#endif
