/*
 * SQL function behind the view order_transitions: the table of common/order_state.c.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "order_state.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(qm_order_transition_rows);

#define TRANSITION_COLUMNS 8

/* qm_order_transition_rows is quantmesh.order_transition_rows: a row for every state and event. */
Datum
qm_order_transition_rows(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    for (int from = 0; from < QM_ORDER_STATES; from++)
    {
        for (int event = 0; event < QM_EVENTS; event++)
        {
            QmOrderTransition transition = qm_order_transition((QmOrderState) from, (QmOrderEvent) event);
            Datum values[TRANSITION_COLUMNS] = {
                CStringGetTextDatum(qm_order_state_name((QmOrderState) from)),
                CStringGetTextDatum(qm_order_event_name((QmOrderEvent) event)),
                CStringGetTextDatum(qm_order_state_name(transition.to)),
                CStringGetTextDatum(qm_order_effect_name(transition.effect)),
                BoolGetDatum(qm_order_is_live((QmOrderState) from)),
                BoolGetDatum(qm_order_is_live(transition.to)),
                Int32GetDatum(qm_order_rank((QmOrderState) from)),
                Int32GetDatum(qm_order_rank(transition.to)),
            };
            bool nulls[TRANSITION_COLUMNS] = {0};

            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
    }
    return (Datum) 0;
}
