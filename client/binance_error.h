/*
 * Error classes: what an answer of Binance says of the request.
 */
#ifndef QM_BINANCE_ERROR_H
#define QM_BINANCE_ERROR_H

#include "exchange.h"

typedef enum QmRequestKind
{
    QM_REQUEST_READ, /* whatever changes nothing, a query excepted */
    QM_REQUEST_PLACE,
    QM_REQUEST_CANCEL,
    QM_REQUEST_QUERY
} QmRequestKind;

typedef struct QmVerdict
{
    QmExchangeOutcome outcome;
    QmExchangeCause cause;
} QmVerdict;

extern QmVerdict qm_binance_verdict(QmRequestKind kind, int http_status, int code, const char *message);

#endif
