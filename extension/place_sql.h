/*
 * Arguments and columns of placing: between place_sql.c, place_many.c and replace.c.
 */
#ifndef QM_PLACE_SQL_H
#define QM_PLACE_SQL_H

#include "postgres.h"

#include "fmgr.h"
#include "place.h"

/* The arguments of place_order, counted from 0. */
typedef enum QmPlaceArgument
{
    QM_PLACE_ACCOUNT,
    QM_PLACE_SYMBOL,
    QM_PLACE_SIDE,
    QM_PLACE_PRICE,
    QM_PLACE_QUANTITY,
    QM_PLACE_ORDER_TYPE,
    QM_PLACE_TIME_IN_FORCE,
    QM_PLACE_POST_ONLY,
    QM_PLACE_REDUCE_ONLY,
    QM_PLACE_REQUEST_ID,
    QM_PLACE_SLOT,
    QM_PLACE_STRATEGY,
    QM_PLACE_INSTANCE,
    QM_PLACE_EPOCH,
    QM_PLACE_SUBMIT,
    QM_PLACE_VALID_UNTIL,
    QM_PLACE_WAIT,
    QM_PLACE_ARGUMENTS
} QmPlaceArgument;

#define QM_PLACEMENT_COLUMNS 11

extern void qm_place_read(FunctionCallInfo fcinfo, QmPlaceRequest *request);

#endif
