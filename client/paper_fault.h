/*
 * What is to go wrong at the paper exchange, as data.
 *
 * A fault has a kind, a scope, and numbers. The world decides what strikes, by its seed, and does what is the
 * exchange's own; the server asks before each request and before each user event, and does what it is told.
 */
#ifndef QM_PAPER_FAULT_H
#define QM_PAPER_FAULT_H

#include <jansson.h>

#include "error.h"
#include "paper.h"

#define QM_PAPER_FAULTS_MAX 256

/* Calls that a fault may be aimed at. */
typedef enum QmPaperEndpoint
{
    QM_PAPER_ANY,
    QM_PAPER_PLACE,
    QM_PAPER_CANCEL,
    QM_PAPER_QUERY,       /* one order */
    QM_PAPER_OPEN_ORDERS, /* all orders, too */
    QM_PAPER_ACCOUNT,
    QM_PAPER_OWN_TRADES,
    QM_PAPER_PUBLIC, /* time, exchangeInfo, depth, klines ... */
    QM_PAPER_STREAM, /* listen keys, subscriptions */
    QM_PAPER_ENDPOINTS
} QmPaperEndpoint;

typedef enum QmPaperFaultKind
{
    /* of requests: told in QmPaperMishap */
    QM_PAPER_DELAY_BEFORE, /* value: ms */
    QM_PAPER_DELAY_AFTER,  /* value: ms */
    QM_PAPER_DROP_REPLY,   /* done, then the connection is closed without a reply */
    QM_PAPER_CUT_REPLY,    /* done, then the connection is closed in the middle of it */
    QM_PAPER_FAIL_BEFORE,  /* not done; value: HTTP status (default 503), code: of the body (default -1008) */
    QM_PAPER_FAIL_AFTER,   /* done; value: HTTP status (default 504), code: of the body (default -1007) */
    QM_PAPER_LIMITED,      /* not done; value: 429 (default) or 418, code: of the body (default -1003), wait_s: told */
    QM_PAPER_LAG,          /* orders younger than value ms are not there: -2013, left out of lists */
    /* of user events: told in QmPaperEventMishap */
    QM_PAPER_EVENT_DROP,
    QM_PAPER_EVENT_DUPLICATE,
    QM_PAPER_EVENT_REORDER, /* behind the next */
    QM_PAPER_EVENT_DELAY,   /* value: ms */
    /* of a moment, for the server: told to the watcher when at_ms comes */
    QM_PAPER_KILL_STREAMS, /* TCP goes silent or away without a closing frame */
    QM_PAPER_EXPIRE_KEYS,  /* listen keys are no longer known */
    /* of a span of time: qm_paper_fault_skew_ms */
    QM_PAPER_SKEW, /* value: ms, negative: behind */
    /* of a moment, done by the world */
    QM_PAPER_CANCEL_ORDERS,  /* ends open orders of account and symbol as EXPIRED; value: at most so many, 0: all */
    QM_PAPER_EXTERNAL_ORDER, /* of account and symbol: side, price (0: at market), amount */
    QM_PAPER_ADJUST,         /* of account and asset: amount, may be negative */
    QM_PAPER_HALT,           /* of symbol; resumes at until_ms */
    QM_PAPER_FILTERS,        /* of symbol: tick, step, notional_min where not 0; as before at until_ms */
    QM_PAPER_FAULT_KINDS
} QmPaperFaultKind;

typedef struct QmPaperFault
{
    int id; /* given by the world */
    QmPaperFaultKind kind;
    QmPaperEndpoint endpoint;
    int account;         /* -1: all */
    int symbol;          /* -1: all */
    int asset;           /* of ADJUST */
    int probability_ppm; /* 1000000: always */
    int count;           /* strikes so often, then is over; 0: without end, and once for those of a moment */
    int64_t at_ms;       /* virtual time from which it holds, or the moment; 0: at once */
    int64_t until_ms;    /* 0: without end */
    int64_t value;
    int code;
    int wait_s;
    QmPaperSide side;
    QmPaperDecimal price;
    QmPaperDecimal amount;
    QmPaperDecimal tick, step, notional_min;
} QmPaperFault;

/* What shall happen to a request. All 0: nothing. More than one may: delays and lags with one of the others. */
typedef struct QmPaperMishap
{
    int64_t delay_before_ms; /* real time, as the next */
    int64_t delay_after_ms;
    int64_t lag_ms;  /* virtual time: hide orders whose created_ms is later than now less this */
    int http_before; /* not 0: answer this with code and do nothing */
    int http_after;  /* not 0: do it, and answer this with code */
    int code;
    int retry_after_s;
    bool drops_reply;
    bool cuts_reply;
} QmPaperMishap;

typedef struct QmPaperEventMishap
{
    bool is_dropped;
    bool is_duplicated;
    bool is_reordered;
    int64_t delay_ms; /* real time */
} QmPaperEventMishap;

struct QmPaperWorld;

/*
 * qm_paper_fault_read reads a fault: {"kind": "drop_reply", "endpoint": "place", "account": "main", "symbol":
 * "BTCUSDT", "probability": "0.05", "count": 3, "at_ms": …, "in_ms": … (from now), "until_ms": …, "for_ms": …, "value": …,
 * "code": …, "wait_s": …, "side": "BUY", "price": "…", "amount": "-5", "asset": "USDT", "tick": …, "step": …,
 * "notional_min": …}. Decimals are strings. What is left out is as in the struct; a word or a type that is none is QM_ERROR_ARGUMENT.
 */
extern QmCode qm_paper_fault_read(const struct QmPaperWorld *world, const json_t *json, QmPaperFault *fault,
                                  QmError *error) QM_MUST_CHECK;
extern const char *qm_paper_fault_name(QmPaperFaultKind kind);

#endif
