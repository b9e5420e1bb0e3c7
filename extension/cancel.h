/*
 * Cancelling: what a request to cancel makes of an order.
 */
#ifndef QM_CANCEL_H
#define QM_CANCEL_H

#include "postgres.h"

#include "compat.h"

#include "order_row.h"

/* A second request within this time of the first is left to the first. */
#define QM_CANCEL_WINDOW_US INT64CONST(3000000)

typedef enum QmCancelOutcome
{
    QM_CANCEL_IS_REQUESTED, /* sent by the caller if the order is at the exchange, parked otherwise */
    QM_CANCEL_IS_SKIPPED,   /* another one is under way */
    QM_CANCEL_IS_ABORTED,   /* the order was never given to a sender */
    QM_CANCEL_IS_NOOP       /* the order has ended */
} QmCancelOutcome;

extern QmCancelOutcome qm_cancel_ask(QmOrder *order, const char **event);
extern void qm_order_missing(const char *account, int64 order_id) qm_noreturn;

#endif
