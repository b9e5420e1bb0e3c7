/*
 * SQL function: instance_lease_left, for the view of instances.
 */
#include "instance.h"

#include "argument.h"
#include "clock.h"
#include "order_argument.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_instance_lease_left);

/* qm_instance_lease_left is quantmesh.instance_lease_left. Without preloading there are no leases. */
Datum
qm_instance_lease_left(PG_FUNCTION_ARGS)
{
    QmKey key;
    QmHolder holder;

    if (!qm_is_preloaded() || PG_ARGISNULL(0))
        PG_RETURN_NULL();
    qm_instance_key(text_to_cstring(PG_GETARG_TEXT_PP(0)), &key);
    if (qm_lease_until(&key, &holder) == 0 || !holder.found)
        PG_RETURN_NULL();
    PG_RETURN_INTERVAL_P(qm_interval(qm_us_until(holder.deadline_us)));
}
