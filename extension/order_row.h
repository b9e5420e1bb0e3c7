/*
 * Order rows: an order in memory, read under a row lock, written back with its event.
 */
#ifndef QM_ORDER_ROW_H
#define QM_ORDER_ROW_H

#include "postgres.h"

#include "compat.h"

#include "datatype/timestamp.h"
#include "exposure.h"
#include "order_state.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

typedef enum QmCancelState
{
    QM_CANCEL_NONE,
    QM_CANCEL_REQUESTED,
    QM_CANCEL_SENT,
    QM_CANCEL_DONE,
    QM_CANCEL_REJECTED,
    QM_CANCEL_UNKNOWN,
    QM_CANCEL_STATES
} QmCancelState;

/* A row of quantmesh.orders. Strings and numbers are palloc'd; NULL pointers and 0 times are SQL NULLs. */
typedef struct QmOrder
{
    char *account;
    int64 order_id;
    char *symbol;
    bool buy;
    char *order_type;
    char *time_in_force;
    Numeric price; /* NULL for market orders */
    Numeric quantity;
    bool post_only;
    bool reduce_only;
    char *slot;
    char *strategy;
    char *instance;
    int64 epoch; /* 0: none */
    char *owner;
    char *client_order_id;
    int attempt;
    char *exchange_order_id;
    QmOrderState state;
    QmCancelState cancel_state;
    bool holds_slot;
    int64 fence;             /* 0: none */
    Numeric filled_quantity; /* net of busts */
    Numeric busted_quantity;
    Numeric filled_quote;      /* net: sum of price x quantity */
    Numeric reported_quantity; /* the most that the exchange has said was filled */
    TimestampTz send_before;
    TimestampTz valid_until;
    TimestampTz submitted_at;
    TimestampTz opened_at;
    TimestampTz cancel_requested_at;
    TimestampTz ended_at;
    TimestampTz updated_at;
    char *error_code;
    char *error_message;
} QmOrder;

/* What is written beside the row. */
typedef struct QmOrderNews
{
    const char *event;  /* word of common/order_state, or fill, bust, cancel_requested, cancel_done ... */
    const char *source; /* call, reply, stream, query, trade, reconcile, operator */
    const char *trade_id;
    TimestampTz event_time; /* 0: none */
    const char *discrepancy;
    Jsonb *detail;
    Numeric position_change; /* of what was booked with it, for exposure; NULL: none */
} QmOrderNews;

/*
 * All of these are called inside a scope of query.h, after qm_fence_prepare and qm_exposure_attach. Strings and numbers
 * of an order are never changed in place, so a copy shares them.
 */
extern QmOrder *qm_order_lock(const char *account, int64 order_id);
extern QmOrder *qm_order_copy(const QmOrder *order);
extern QmOrderEffect qm_order_happen(QmOrder *order, QmOrderEvent event);
extern bool qm_order_end_attempt(QmOrder *order);
extern bool qm_order_conclude(const QmOrder *before, QmOrderEvent event, const char *discrepancy, Jsonb *detail);
extern void qm_order_take_slot(QmOrder *order);
extern void qm_order_refuse(const QmOrder *order, const char *what) qm_noreturn;
extern void qm_order_write(const QmOrder *before, QmOrder *after, const QmOrderNews *news);
extern void qm_order_tell_position(const QmOrder *order, Numeric position_change);
extern void qm_order_exposure(const QmOrder *order, QmExposure *exposure);
extern bool qm_order_exposed(const QmOrder *order);

/* discrepancy.c */
extern void qm_discrepancy_record(const char *account, const char *code, const char *symbol, int64 order_id,
                                  const char *subject, Jsonb *local, Jsonb *remote);
extern const char *qm_discrepancy_record_event(const QmOrder *before, QmOrderEvent event, QmOrderEffect effect);
extern Jsonb *qm_jsonb_object(int npairs, const char *const (*pairs)[2]);

/* exchange_id.c */
extern int64 qm_order_find_exchange(const char *account, const char *symbol, const char *exchange_order_id,
                                    int *attempt);
extern int64 qm_order_link_exchange(QmOrder *order, const char *exchange_order_id, int attempt, char **other_id);

extern QmOrderState qm_order_state_of(const char *name);
extern const char *qm_cancel_state_name(QmCancelState state);

#endif
