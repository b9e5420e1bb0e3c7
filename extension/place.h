/*
 * Placing orders: one request, one answer.
 */
#ifndef QM_PLACE_H
#define QM_PLACE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "market.h"
#include "order_id.h"
#include "order_metric.h"
#include "order_state.h"
#include "utils/numeric.h"

/*
 * How long a call that had to wait for another transaction then waits for the level, which the same transaction may
 * still have: an ending transaction lets go of its locks one by one.
 */
#define QM_RELEASE_PATIENCE_US (1000 * INT64CONST(1000))

typedef enum QmTimeInForce
{
    QM_TIF_GTC,
    QM_TIF_IOC,
    QM_TIF_FOK
} QmTimeInForce;

/* A request whose arguments were checked for sense, not yet against the market. */
typedef struct QmPlaceRequest
{
    const char *function; /* for messages: quantmesh.place_order() */
    const char *account;
    const char *symbol;
    bool buy;
    bool market_order;
    QmTimeInForce time_in_force;
    Numeric price; /* NULL for a market order */
    Numeric quantity;
    QmAmount price_amount;
    QmAmount quantity_amount;
    bool post_only;
    bool reduce_only;
    const char *request_id; /* NULL: none */
    const char *slot;       /* NULL: the price or its level; empty: none; otherwise a name */
    const char *strategy;
    const char *instance; /* NULL: none */
    int64 epoch;          /* 0: none */
    bool submit;
    TimestampTz valid_until; /* 0: none */
    int64 wait_us;
    int64 replaces; /* an order whose slot it may have; 0: none */
    void (*before_insert)(void *state,
                          const char *slot); /* called when nothing can refuse the order any more; NULL: none */
    void *before_insert_state;
} QmPlaceRequest;

typedef struct QmPlacement
{
    QmOutcome outcome;
    QmReason reason;
    char *detail;
    bool replayed;
    int64 order_id; /* 0: none */
    char *client_order_id;
    QmOrderState state; /* where order_id is set */
    char *owner;
    int64 fence; /* 0: none */
    TimestampTz send_before;
} QmPlacement;

extern void qm_place_prepare(const char *function, const char *account);
extern void qm_place(const QmPlaceRequest *request, QmPlacement *placement);

/* Between place.c, place_sql.c and place_check.c. */
extern const char *qm_time_in_force_name(QmTimeInForce time_in_force);
extern bool qm_place_check(const QmPlaceRequest *request, const QmMarket *market, QmPlacement *placement);
extern bool qm_place_deny(QmPlacement *placement, QmOutcome outcome, QmReason reason, const char *format, ...)
    pg_attribute_printf(4, 5);
extern QmAmount qm_place_notional(const QmPlaceRequest *request);
extern Datum qm_placement_datum(FunctionCallInfo fcinfo, const QmPlacement *placement);
extern void qm_placement_values(const QmPlacement *placement, Datum *values, bool *nulls);

#endif
