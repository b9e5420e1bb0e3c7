/*
 * One order with its events and fills, for the command orders.
 */
#ifndef QM_COMMAND_ORDER_H
#define QM_COMMAND_ORDER_H

#include "command_database.h"

extern QmExit qm_order_show(const QmInvocation *invocation, int64_t order_id);

#endif
