/*
 * Order metrics: what became of requests and orders, per market and side.
 */
#ifndef QM_ORDER_METRIC_H
#define QM_ORDER_METRIC_H

#include "postgres.h"

#include "metric.h"
#include "order_state.h"
#include "port/atomics.h"

typedef enum QmOutcome
{
    QM_PLACED,
    QM_SKIPPED,
    QM_DUPLICATE,
    QM_DENIED,
    QM_OUTCOMES
} QmOutcome;

/* Why a request was skipped, a duplicate, or denied. The names are stable; docs/orders.md lists them. */
typedef enum QmReason
{
    QM_REASON_NONE,
    QM_REASON_LEVEL_BUSY,
    QM_REASON_SLOT_TAKEN,
    QM_REASON_UNKNOWN_MARKET,
    QM_REASON_HALTED,
    QM_REASON_REDUCING,
    QM_REASON_RECONCILE_PENDING,
    QM_REASON_STALE_INSTANCE,
    QM_REASON_UNKNOWN_INSTANCE,
    QM_REASON_NOT_ASSIGNED,
    QM_REASON_VALID_UNTIL_PASSED,
    QM_REASON_PRICE_OFF_TICK,
    QM_REASON_QUANTITY_OFF_STEP,
    QM_REASON_QUANTITY_BELOW_MINIMUM,
    QM_REASON_QUANTITY_ABOVE_MAXIMUM,
    QM_REASON_NOTIONAL_BELOW_MINIMUM,
    QM_REASON_NOTIONAL_UNKNOWN,
    QM_REASON_REDUCE_ONLY,
    QM_REASON_SELF_CROSS,
    QM_REASON_MAX_OPEN_ORDERS,
    QM_REASON_MAX_POSITION,
    QM_REASON_MAX_NOTIONAL,
    QM_REASON_MAX_ORDER_RATE,
    QM_REASON_REQUEST_DIFFERS, /* placed before, with other values: a replay */
    QM_REASON_ORDER_NOT_LIVE,  /* replace_order: the old order has ended */
    QM_REASONS
} QmReason;

#define QM_REASON_AT(outcome, reason) ((outcome) *QM_REASONS + (reason))

/* What has been counted for one market and side. */
typedef struct QmOrderMetric
{
    pg_atomic_uint64 outcomes[QM_OUTCOMES];             /* of requests */
    pg_atomic_uint64 reasons[QM_OUTCOMES * QM_REASONS]; /* of requests that were not placed, at QM_REASON_AT */
    pg_atomic_uint64 states[QM_ORDER_STATES];           /* orders that came into the state later */
    pg_atomic_uint64 trades;
    pg_atomic_uint64 volume; /* the bits of a double: base asset */
    pg_atomic_uint64 amount; /* the bits of a double: quote asset */
    QmHistogram accepted;    /* from the submission until the exchange had the order */
} QmOrderMetric;

extern Size qm_order_metric_shmem_size(void);
extern void qm_order_metric_shmem_init(void);

/* The words that SQL, metrics and the log show. A reason of NONE has none: NULL. */
extern const char *qm_outcome_name(QmOutcome outcome);
extern const char *qm_reason_name(QmReason reason);

/*
 * Counts a request: placed once its transaction has committed, the rest at
 * once. Logs what was not placed, at most once a second per market and reason.
 * market: qm_market_number, or QM_MARKET_OTHER.
 */
extern void qm_order_count_outcome(int market, const char *account, const char *symbol, bool buy, QmOutcome outcome,
                                   QmReason reason, const char *detail);
/* Counts an order that has come into a state, once its transaction has committed. */
extern void qm_order_count_state(int market, bool buy, QmOrderState state);
/*
 * Records, once its transaction has committed, that the exchange has an order
 * that was submitted, and how long after the submission it said so first. Once
 * per order; not for an order that it rejected.
 */
extern void qm_order_observe_duration(int market, bool buy, int64 duration_us);
/* Counts a trade that has been booked, once its transaction has committed. Busts are not counted. */
extern void qm_order_count_trade(int market, bool buy, double quantity, double price);

/* The transaction's end. */
extern bool qm_order_metric_pending(void);
extern void qm_order_metric_end_xact(bool committed);
extern void qm_order_metric_abort_sub(SubTransactionId sub);
extern void qm_order_metric_commit_sub(SubTransactionId sub, SubTransactionId parent);

/* Reading. */
extern const QmOrderMetric *qm_order_metric_at(int market, bool buy);
extern bool qm_order_metric_any(int market);
extern int64 qm_order_metric_since(int market);
extern uint64 qm_order_metric_value(const pg_atomic_uint64 *counter);
extern double qm_order_metric_sum(const pg_atomic_uint64 *sum);
extern void qm_order_metric_reset(void);

#endif
